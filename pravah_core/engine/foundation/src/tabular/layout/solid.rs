//! Records of one length, without line ends between them.

use super::csv;
use super::{LONGEST, LayoutLines};

/// What of a text was no whole record, or not what a record is.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// Line ends directly behind records.
    line_ends: u64,
    /// Records with a line end in them.
    broken: u64,
    /// Records of blanks only.
    blank: u64,
    /// Characters behind the last whole record, and whether all are blank.
    remainder: Option<(usize, bool)>,
}

fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| *byte & 0xc0 != 0x80).count()
}

/// What a file of a system without line ends may have behind its records.
fn is_padding(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_whitespace() || matches!(byte, 0 | 0x1a))
}

/// Bytes of the first record of so many characters, and of the line end behind it; none while more of it may come.
fn first(text: &[u8], length: usize, last: bool) -> Option<(usize, usize)> {
    let end = match text.get(..length) {
        Some(start) if start.is_ascii() => length,
        _ => {
            let mut begins = text.iter().enumerate().filter(|(_, byte)| *byte & 0xc0 != 0x80).map(|(at, _)| at);
            let is_whole = begins.by_ref().take(length).count() == length;
            begins.next().or_else(|| (is_whole && last).then_some(text.len()))?
        }
    };
    match &text[end..] {
        [b'\r', b'\n', ..] => Some((end, 2)),
        [b'\n' | b'\r', _, ..] => Some((end, 1)),
        [b'\n' | b'\r'] if last => Some((end, 1)),
        [_, _, ..] => Some((end, 0)),
        _ => last.then_some((end, 0)),
    }
}

impl LayoutLines {
    /// Add the records of the next text to `out`, one a line, where each has so many characters.
    pub(super) fn solid(&mut self, length: usize, text: &[u8], last: bool, out: &mut Vec<u8>) {
        self.rest.extend_from_slice(text);
        let (rest, mut at) = (std::mem::take(&mut self.rest), 0);
        while let Some((end, line_end)) = first(&rest[at..], length, last) {
            let record = &rest[at..at + end];
            self.left.line_ends += u64::from(line_end > 0);
            if memchr::memchr2(b'\n', b'\r', record).is_some() {
                self.left.broken += 1;
                self.unfit(record, out);
            } else {
                self.left.blank += u64::from(record.trim_ascii().is_empty());
                self.layout.record(record, &mut self.scratch, out);
            }
            out.push(b'\n');
            at += end + line_end;
        }
        let rest = &rest[at..];
        if last && !rest.is_empty() {
            let is_blank = is_padding(rest);
            self.left.remainder = Some((characters(rest), is_blank));
            if !is_blank {
                self.unfit(rest, out);
                out.push(b'\n');
            }
            return;
        }
        self.rest = rest.to_vec();
    }

    /// A record that has another number of fields than the table, and so is told wherever records are read.
    fn unfit(&self, text: &[u8], out: &mut Vec<u8>) {
        csv::quote(out, text);
        if self.layout.columns.len() == 1 {
            out.push(b',');
        }
    }

    /// What of the text was no whole record, in words; once all of it is read.
    pub fn notes(&self) -> Vec<String> {
        let Some(length) = self.layout.length else { return Vec::new() };
        let left = &self.left;
        let mut notes = Vec::new();
        if let Some((count, is_blank)) = left.remainder {
            let what = if is_blank { "all of them blank: they were left out" } else { "which became a bad record" };
            notes.push(format!("the last {count} characters are no whole record of {length}, {what}"));
        }
        if left.broken > 0 {
            notes.push(format!(
                "{} records of {length} characters have a line end in them and became bad records: is the record \
                 length right?",
                left.broken
            ));
        }
        if left.line_ends > 0 {
            notes.push(format!("{} line ends stand behind records and are no part of them", left.line_ends));
        }
        if left.blank > 0 {
            notes.push(format!("{} records of blanks only were left out", left.blank));
        }
        notes
    }
}

impl super::FixedLayout {
    /// The same, of records of so many characters without line ends between them.
    ///
    /// # Errors
    /// In words: what such a length has to be.
    pub fn without_lines(mut self, length: usize) -> Result<Self, String> {
        let end = self.columns.last().map_or(1, |span| span.to);
        if !(end..=LONGEST).contains(&length) {
            return Err(format!("be between {end}, where the last column ends, and {LONGEST}"));
        }
        self.reason = format!("{}, of records of {length} characters without line ends", self.reason);
        self.length = Some(length);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::FixedLayout;
    use super::*;

    fn read(columns: &[&str], length: usize, text: &str, step: usize) -> (String, Vec<String>) {
        let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let layout = FixedLayout::told(&columns).unwrap().without_lines(length).unwrap();
        let (mut lines, mut out) = (LayoutLines::new(Arc::new(layout), 1 << 20), Vec::new());
        for part in text.as_bytes().chunks(step) {
            lines.records(part, false, &mut out);
        }
        lines.records(&[], true, &mut out);
        (String::from_utf8(out).unwrap(), lines.notes())
    }

    #[test]
    fn records_are_cut_wherever_the_text_is_and_what_is_left_is_told() {
        for step in [1, 2, 3, 5, 7, 100] {
            let (records, notes) = read(&["2", "4"], 6, " 1Ünal 2a,b  3cdé ", step);
            assert_eq!((records.as_str(), notes.len()), ("1,Ünal\n2,\"a,b\"\n3,cdé\n", 0), "{step}");
            let (records, notes) = read(&["2", "4"], 6, " 1Ünal\r\n 2bcde\r\n 3cdé \r\n", step);
            assert_eq!(records, "1,Ünal\n2,bcde\n3,cdé\n", "{step}");
            assert_eq!(notes, ["3 line ends stand behind records and are no part of them"]);
            let (records, notes) = read(&["2", "4"], 6, " 1Ünal       2bcde 3cdé", step);
            assert_eq!(records, "1,Ünal\n\n2,bcde\n\" 3cdé\"\n", "{step}");
            assert!(notes[0].starts_with("the last 5 characters are no whole record of 6, which"), "{notes:?}");
            assert_eq!(notes[1], "1 records of blanks only were left out");
            let (records, notes) = read(&["3"], 3, "abcde\nfgh\u{1a}", step);
            assert_eq!(records, "abc\n\"de\n\",\nfgh\n", "{step}");
            assert!(notes[0].contains("last 1 characters") && notes[0].contains("all of them blank"), "{notes:?}");
            assert!(notes[1].contains("have a line end in them"), "{notes:?}");
        }
        let layout = || FixedLayout::told(&["2".to_owned(), "4".to_owned()]).unwrap();
        assert!(layout().without_lines(5).is_err() && layout().without_lines(6).is_ok());
    }
}
