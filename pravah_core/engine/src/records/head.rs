//! What the start of a file tells of it: its dialect, whether it has a header, its columns' names.

use std::collections::HashSet;

use super::options::{Header, ReadOptions};
use crate::codec::Codec;
use crate::csv::{self, Dialect, Sniffed, Split, Splitter};
use crate::text::Decoder;
use crate::values::{Kind, Value};

/// What is known of a file before its records.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its path relative to the source.
    pub path: Vec<u8>,
    /// Its size in bytes, packed where it is.
    pub size: u64,
    /// How it is packed.
    pub codec: Option<Codec>,
    /// How its bytes become text.
    pub decoder: Decoder,
    /// Bytes of its byte order mark.
    pub mark_bytes: u64,
    /// Its dialect, with the reason.
    pub sniffed: Sniffed,
    /// True when its first record holds names.
    pub has_header: bool,
    /// Why.
    pub header_reason: String,
    /// The columns' names, each once.
    pub names: Vec<String>,
    /// The header as it stands, without its line end.
    pub header: Vec<u8>,
    /// Where the records behind the header begin.
    pub records_at: u64,
    /// How many lines come before them.
    pub header_lines: u64,
}

/// What is known of a file before its text.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub path: Vec<u8>,
    pub size: u64,
    pub codec: Option<Codec>,
}

impl Head {
    /// The dialect.
    pub fn dialect(&self) -> Dialect {
        self.sniffed.dialect
    }

    /// What `start`, the beginning of the text, tells.
    pub(super) fn of(
        origin: Origin,
        (decoder, mark_bytes): (Decoder, u64),
        start: &[u8],
        options: &ReadOptions,
    ) -> Self {
        let sniffed = csv::sniff(start, options.delimiter(), |delimiter| options.dialect(delimiter));
        let first = First::of(start, sniffed.dialect);
        let (has_header, header_reason) = match options.header {
            Header::Yes => (true, "as asked".to_owned()),
            Header::No => (false, "as asked".to_owned()),
            Header::Auto => first.is_header(),
        };
        let names = match has_header && !first.fields.is_empty() {
            true => names(&first.fields),
            false => (1..=sniffed.columns).map(|number| format!("column_{number}")).collect(),
        };
        let (records_at, header_lines) = if has_header { (first.end as u64, first.lines) } else { (0, 0) };
        let Origin { path, size, codec } = origin;
        Self {
            path,
            size,
            codec,
            decoder,
            mark_bytes,
            sniffed,
            has_header,
            header_reason,
            names,
            header: if has_header { first.bytes } else { Vec::new() },
            records_at,
            header_lines,
        }
    }
}

/// The first record.
struct First {
    fields: Vec<Vec<u8>>,
    bytes: Vec<u8>,
    /// Where the next one begins.
    end: usize,
    lines: u64,
}

/// Columns of a file; a line of text may be cut into more by a delimiter that is none.
const MOST_COLUMNS: usize = 100_000;

impl First {
    fn of(start: &[u8], dialect: Dialect) -> Self {
        let mut split = Split::default();
        let mut splitter = Splitter::new(start, dialect, MOST_COLUMNS);
        if !splitter.next(&mut split) {
            return Self { fields: Vec::new(), bytes: Vec::new(), end: 0, lines: 0 };
        }
        let count = split.ragged().first().map_or(MOST_COLUMNS, |&(_, fields)| (fields as usize).min(MOST_COLUMNS));
        let mut buffer = Vec::new();
        let field = |column| {
            let (from, to) = split.field(0, column);
            dialect.unquoted(&start[from..to], &mut buffer).0.to_vec()
        };
        let fields = (0..count).map(field).collect();
        let mut end = splitter.next_start().min(start.len());
        if start[..end].ends_with(b"\r") && start.get(end) == Some(&b'\n') {
            end += 1;
        }
        let (from, to) = split.record(0);
        Self { fields, bytes: start[from..to].to_vec(), end, lines: lines(&start[..end]) }
    }

    fn is_header(&self) -> (bool, String) {
        let shown = |field: &[u8]| String::from_utf8_lossy(&field[..field.len().min(40)]).into_owned();
        if self.fields.is_empty() {
            return (false, "there is no record".to_owned());
        }
        if let Some(number) = self.fields.iter().find(|field| Value::of(field).kind() != Kind::Text) {
            let kind = Value::of(number).kind().as_str();
            return (false, format!("'{}' in the first record is no name but of type {kind}", shown(number)));
        }
        if self.fields.iter().all(|field| field.is_empty()) {
            return (false, "the first record is empty".to_owned());
        }
        let mut seen = HashSet::new();
        match self.fields.iter().find(|field| !field.is_empty() && !seen.insert(*field)) {
            Some(twice) => (false, format!("'{}' is in the first record twice", shown(twice))),
            None => (true, "every value of the first record is a text of its own".to_owned()),
        }
    }
}

/// Lines that end in some text.
pub fn lines(text: &[u8]) -> u64 {
    let feeds = memchr::memchr_iter(b'\n', text).count() as u64;
    match memchr::memchr(b'\r', text) {
        None => feeds,
        // "\r\n" is one.
        Some(_) => {
            feeds + memchr::memchr_iter(b'\r', text).filter(|at| text.get(at + 1) != Some(&b'\n')).count() as u64
        }
    }
}

/// Names for columns: none is empty, none is there twice.
fn names(fields: &[Vec<u8>]) -> Vec<String> {
    let mut taken = HashSet::new();
    let name = |(place, field): (usize, &Vec<u8>)| {
        let text = String::from_utf8_lossy(field).trim().to_owned();
        let base = if text.is_empty() { format!("column_{}", place + 1) } else { text };
        let mut name = base.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        name
    };
    fields.iter().enumerate().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        let origin = Origin { path: b"a.csv".to_vec(), size: text.len() as u64, codec: None };
        Head::of(origin, (Decoder::Utf8, 0), text.as_bytes(), &ReadOptions::default())
    }

    #[test]
    fn a_header_is_told_by_its_values() {
        let found = head("id,\"na\nme\",,id_2\r\n1,x,y,z\r\n");
        assert_eq!((found.has_header, found.header_lines, found.records_at), (true, 2, 18));
        assert_eq!(found.names, ["id", "na\nme", "column_3", "id_2"]);
        let found = head("1,x\n2,y\n");
        assert_eq!(
            (found.has_header, found.names.as_slice()),
            (false, &["column_1".to_owned(), "column_2".to_owned()][..])
        );
        assert!(found.header_reason.contains("'1'"), "{}", found.header_reason);
        assert!(!head("a,a\nb,c\n").has_header);
        assert!(head("").names.len() == 1 && !head("").has_header);
    }

    #[test]
    fn names_are_made_unique() {
        let fields = ["a", "a", "", "a_2", "a"].map(|name| name.as_bytes().to_vec());
        assert_eq!(names(&fields), ["a", "a_2", "column_3", "a_2_2", "a_3"]);
    }

    #[test]
    fn a_carriage_return_with_a_line_feed_is_one_line_end() {
        assert_eq!((lines(b"a\r\nb\rc\n\n"), lines(b"")), (4, 0));
    }
}
