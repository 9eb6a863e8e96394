//! What is odd about the text of a file, in words.

use super::cells::Lost;
use super::first::lines;
use super::head::Head;
use super::marks::FoundLines;
use super::{Format, RecordCounts};
use crate::tabular::json::Oddities;

/// What is to be told of the records of a file.
pub(super) fn remarks(head: &Head, counts: &RecordCounts) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut issue = |message: String| remarks.push(message);
    if let Some((record, fields)) = counts.first_ragged {
        let (ragged, records) = (counts.ragged, counts.records);
        issue(match head.format {
            Format::JsonLines | Format::Json => format!(
                "{ragged} of {records} values are not JSON objects, or have a duplicate key; the first is record \
                 {record}, which {}",
                counts.first_fault.as_deref().unwrap_or("is none")
            ),
            _ => format!(
                "{ragged} of {records} records have another number of fields than the {} columns; the first is record \
                 {record}, with {fields}",
                head.names.len()
            ),
        });
    }
    if let Some(line) = counts.first_stray {
        issue(format!(
            "{} quoted values are followed by more text, which was read as part of them; the first is in line {line}. \
             Check the quotes, or set the quote option to none",
            counts.strays
        ));
    }
    if let Some(line) = counts.first_bare {
        issue(format!(
            "{} values contain a quote but have none around them, and were kept as they are; the first is in the \
             record in line {line}. Check the quotes, or set the quote option to none",
            counts.bares
        ));
    }
    let Oddities { twice, halves } = counts.oddities;
    if twice > 0 {
        issue(format!("{twice} keys appear twice in an object inside a list or a deep object; both values were kept"));
    }
    if halves > 0 {
        issue(format!(
            "{halves} times a text has half of a surrogate pair, such as \\ud83d, which is not a character; it was \
             kept as it is written"
        ));
    }
    if let Some(line) = counts.first_swallowed {
        issue(format!(
            "{} records go over several lines, each of which would be a record by itself; the first begins in line \
             {line}. A quote there may have been opened by mistake: check it, or set the quote option to none",
            counts.swallowed
        ));
    }
    if let Some(line) = counts.first_nul {
        issue(format!(
            "{} NUL bytes are in the text, the first in line {line}. A power cut or a broken copy leaves such bytes: \
             compare the file with its source",
            counts.nuls
        ));
    }
    let FoundLines { count, first } = counts.marks;
    if let Some(line) = first {
        issue(format!(
            "{count} records begin with a byte order mark, which is read as a part of their first values; the first is in \
             line {line}. Joined files leave such marks: remove them"
        ));
    }
    let FoundLines { count, first } = counts.conflicts;
    if let Some(line) = first {
        issue(format!(
            "{count} merge conflicts are in the text, the first begins in line {line}; their marks are read as records. \
             Resolve them in the file"
        ));
    }
    // What workbooks hold in place of values is told by their sheets.
    let Lost { no_numbers, unshown, .. } = counts.lost;
    if no_numbers > 0 {
        issue(format!("{no_numbers} floats are NaN or infinite; they are read as null"));
    }
    if unshown > 0 {
        issue(format!("{unshown} dates or times are out of range; they are read as null"));
    }
    if counts.not_utf8 > 0 {
        let encoding = head.encoding;
        issue(format!("contains bytes that are not valid {}: {}", encoding.title(), counts.odd.advice(encoding)));
    }
    remarks
}

impl RecordCounts {
    /// Count the NUL bytes of that text. Values of JSON cannot hold any, those of typed tables and workbooks may.
    pub(super) fn look_for_nuls(&mut self, text: &[u8], head: &Head) {
        let dialect = head.dialect();
        if dialect.is_typed || dialect.is_made {
            return;
        }
        // Most texts have none.
        let Some(first) = memchr::memchr(0, text) else { return };
        self.nuls = memchr::memchr_iter(0, &text[first..]).count() as u64;
        self.first_nul = Some(lines(&text[..first]) + 1);
    }
}
