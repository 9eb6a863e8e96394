//! What the start of a file tells of it: its dialect, whether it has a header, its columns' names.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::format::Format;
use super::options::{Header, ReadOptions};
use crate::io::codec::Codec;
use crate::tabular::csv;
use crate::tabular::csv::{CsvSplitter, Dialect, Sniffed};
use crate::tabular::json::Shape;
use crate::tabular::names::unique;
use crate::tabular::split::Split;
use crate::tabular::text::Encoding;
use crate::tabular::values::{Value, ValueType};

/// What is known of a file before its records.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its path relative to the source.
    pub path: Vec<u8>,
    /// Its size in bytes, packed where it is.
    pub size: u64,
    /// How it is packed.
    pub codec: Option<Codec>,
    /// How it holds records.
    pub format: Format,
    /// The keys of its objects, in JSON.
    pub shape: Option<Arc<Shape>>,
    /// By column: the type that the file itself says its values are of.
    pub declared: Vec<Option<ValueType>>,
    /// The schema of a table.
    pub schema: Option<SchemaRef>,
    /// How its bytes become text.
    pub encoding: Encoding,
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
    /// The names in the header, as they stand.
    pub given: Vec<String>,
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

    /// True when its bytes are its text: then places in one are places in the other.
    pub fn is_plain(&self) -> bool {
        self.format.is_text() && self.codec.is_none() && self.encoding == Encoding::UTF_8
    }

    /// Of JSON Lines whose objects have these keys.
    pub(super) fn of_objects(origin: Origin, (encoding, mark_bytes): (Encoding, u64), shape: &Arc<Shape>) -> Self {
        let (objects, lines) = shape.objects();
        let text = |&is_text: &bool| is_text.then_some(ValueType::Text);
        let sniffed = Sniffed {
            dialect: Dialect::JSON,
            columns: shape.names().len(),
            confidence: if lines == 0 { 0.0 } else { objects as f64 / lines as f64 },
            reason: format!("{objects} of {lines} lines are objects"),
        };
        Self {
            declared: shape.texts().iter().map(text).collect(),
            names: shape.names().to_vec(),
            shape: Some(Arc::clone(shape)),
            encoding,
            mark_bytes,
            ..Self::typed(origin, Format::JsonLines, sniffed)
        }
    }

    /// Of a table whose columns have these names and types.
    pub(super) fn of_table(
        origin: Origin,
        format: Format,
        schema: Option<SchemaRef>,
        columns: Vec<(String, Option<ValueType>)>,
    ) -> Self {
        let (names, declared): (Vec<String>, _) = columns.into_iter().unzip();
        let reason = "its schema names the columns".to_owned();
        let sniffed = Sniffed { dialect: Dialect::TYPED, columns: names.len(), confidence: 1.0, reason };
        let mut header = Vec::new();
        for (place, name) in names.iter().enumerate() {
            if place > 0 {
                header.push(b',');
            }
            csv::quote(&mut header, name.as_bytes());
        }
        Self { names, declared, schema, has_header: true, header, ..Self::typed(origin, format, sniffed) }
    }

    fn typed(Origin { path, size, codec }: Origin, format: Format, sniffed: Sniffed) -> Self {
        Self {
            path,
            size,
            codec,
            format,
            shape: None,
            declared: Vec::new(),
            schema: None,
            encoding: Encoding::UTF_8,
            mark_bytes: 0,
            sniffed,
            has_header: false,
            header_reason: format!("{} files contain the column names", format.name()),
            names: Vec::new(),
            given: Vec::new(),
            header: Vec::new(),
            records_at: 0,
            header_lines: 0,
        }
    }

    /// What `start`, the beginning of the text, tells.
    pub(super) fn of(
        origin: Origin,
        (encoding, mark_bytes): (Encoding, u64),
        start: &[u8],
        options: &ReadOptions,
    ) -> Self {
        let sniffed = csv::sniff(start, options.delimiter(), |delimiter| options.dialect(delimiter));
        let first = First::of(start, sniffed.dialect);
        let (has_header, header_reason) = match options.header {
            Header::Yes => (true, "set by the option".to_owned()),
            Header::No => (false, "set by the option".to_owned()),
            Header::Auto => first.is_header(),
        };
        let names = match has_header && !first.fields.is_empty() {
            true => unique(&first.fields),
            false => (1..=sniffed.columns).map(|number| format!("column_{number}")).collect(),
        };
        let given = first.fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        let (records_at, header_lines) = if has_header { (first.end as u64, first.lines) } else { (0, 0) };
        let Origin { path, size, codec } = origin;
        Self {
            path,
            size,
            codec,
            format: Format::Delimited,
            shape: None,
            declared: vec![None; names.len()],
            schema: None,
            encoding,
            mark_bytes,
            sniffed,
            has_header,
            header_reason,
            names,
            given: if has_header { given } else { Vec::new() },
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
        let mut splitter = CsvSplitter::new(start, dialect, MOST_COLUMNS);
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
            return (false, "the file has no records".to_owned());
        }
        if let Some(number) = self.fields.iter().find(|field| Value::of(field).kind() != ValueType::Text) {
            let kind = Value::of(number).kind().as_str();
            return (
                false,
                format!("'{}' in the first record is not a name but a value of type {kind}", shown(number)),
            );
        }
        if self.fields.iter().all(|field| field.is_empty()) {
            return (false, "the first record is empty".to_owned());
        }
        let mut seen = HashSet::new();
        match self.fields.iter().find(|field| !field.is_empty() && !seen.insert(*field)) {
            Some(twice) => (false, format!("'{}' appears twice in the first record", shown(twice))),
            None => (true, "all values of the first record are texts and different".to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        let origin = Origin { path: b"a.csv".to_vec(), size: text.len() as u64, codec: None };
        Head::of(origin, (Encoding::UTF_8, 0), text.as_bytes(), &ReadOptions::default())
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
    fn a_carriage_return_with_a_line_feed_is_one_line_end() {
        assert_eq!((lines(b"a\r\nb\rc\n\n"), lines(b"")), (4, 0));
    }
}
