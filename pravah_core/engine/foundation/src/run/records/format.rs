//! What kind of file holds records: told by its name, or by how it begins.

use super::avro;
use crate::base::paths;
use crate::io::claims::Claim;
use crate::tabular::json::{Elements, Learner};
use crate::tabular::xml;

/// How records are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Fields between delimiters.
    Delimited,
    /// Lines whose columns have fixed widths.
    FixedWidth,
    /// A JSON object a line.
    JsonLines,
    /// JSON objects in an array, over several lines, or behind each other.
    Json,
    /// Elements of a document that come again.
    Xml,
    /// Apache Parquet.
    Parquet,
    /// Arrow's IPC format, as a file or as a stream.
    Arrow,
    /// Apache Avro's container files.
    Avro,
    /// Sheets of a workbook, each a table.
    Sheet,
}

/// Names of files that hold records, by what follows the last dot. Text may be anything.
const EXTENSIONS: [(&[u8], Option<Format>); 22] = [
    (b"csv", Some(Format::Delimited)),
    (b"tsv", Some(Format::Delimited)),
    (b"tab", Some(Format::Delimited)),
    (b"psv", Some(Format::Delimited)),
    (b"ssv", Some(Format::Delimited)),
    (b"txt", None),
    (b"fwf", None),
    (b"prn", None),
    (b"jsonl", Some(Format::JsonLines)),
    (b"ndjson", Some(Format::JsonLines)),
    (b"json", Some(Format::JsonLines)),
    (b"xml", Some(Format::Xml)),
    (b"parquet", Some(Format::Parquet)),
    (b"arrow", Some(Format::Arrow)),
    (b"arrows", Some(Format::Arrow)),
    (b"feather", Some(Format::Arrow)),
    (b"avro", Some(Format::Avro)),
    (b"xlsx", Some(Format::Sheet)),
    (b"xlsm", Some(Format::Sheet)),
    (b"ods", Some(Format::Sheet)),
    (b"xls", Some(Format::Sheet)),
    (b"xlsb", Some(Format::Sheet)),
];
/// How a stream of Arrow's IPC format begins; a file of it, and one of Parquet, begin with their names.
const CONTINUATION: &[u8] = &[0xff, 0xff, 0xff, 0xff];

impl Format {
    /// The format of the file at `path`, whose bytes, unpacked, begin with `start`.
    pub fn of(path: &[u8], start: &[u8]) -> Self {
        let (_, known) = named(path);
        match known.flatten().unwrap_or_else(|| Self::of_start(start)) {
            Self::JsonLines if Elements::are_in(start) => Self::Json,
            known => known,
        }
    }

    fn of_start(start: &[u8]) -> Self {
        match start {
            [b'P', b'A', b'R', b'1', ..] => Self::Parquet,
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Self::Arrow,
            _ if start.starts_with(&avro::MAGIC) => Self::Avro,
            _ if start.starts_with(CONTINUATION) => Self::Arrow,
            _ if xml::is_declared(start) => Self::Xml,
            _ if begins_with_object(start) || Elements::are_in(start) => Self::JsonLines,
            _ => Self::Delimited,
        }
    }

    /// True for lines of text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Delimited | Self::FixedWidth | Self::JsonLines | Self::Json | Self::Xml)
    }

    /// True for text whose records are lines of the file, so that these can be told.
    pub fn has_lines(self) -> bool {
        matches!(self, Self::Delimited | Self::FixedWidth | Self::JsonLines)
    }

    /// True for text that is worked on as it stands in the file, so that places in one are places in the other.
    pub fn has_places(self) -> bool {
        matches!(self, Self::Delimited | Self::JsonLines)
    }

    /// True where lines may stand before a table and after it, and its names are found.
    pub fn is_laid_out(self) -> bool {
        matches!(self, Self::Delimited | Self::FixedWidth | Self::Sheet)
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delimited => "delimited text",
            Self::FixedWidth => "fixed-width text",
            Self::JsonLines => "JSON Lines",
            Self::Json => "JSON",
            Self::Xml => "XML",
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow IPC",
            Self::Avro => "Avro",
            Self::Sheet => "spreadsheet",
        }
    }

    /// What records that are told apart are written as: text, as it stands where there is any.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::JsonLines | Self::Json => "jsonl",
            _ => "csv",
        }
    }
}

fn begins_with_object(start: &[u8]) -> bool {
    let Some(line) = start.split(|byte| matches!(byte, b'\n' | b'\r')).find(|line| !line.trim_ascii().is_empty())
    else {
        return false;
    };
    let mut learner = Learner::default();
    line.trim_ascii_start().starts_with(b"{") && learner.lines(line).is_ok() && learner.finish().objects().0 == 1
}

/// True when a text that begins so is JSON, whatever it is called. A first line may begin with a bracket, and a field of a
/// table may hold an object.
pub(super) fn is_json(start: &[u8]) -> bool {
    let text = start.trim_ascii_start();
    let (is_array, text) = text.strip_prefix(b"[").map_or((false, text), |inside| (true, inside.trim_ascii_start()));
    let key = text.strip_prefix(b"{").and_then(|inside| inside.trim_ascii_start().strip_prefix(b"\""));
    let Some(key) = key else { return false };
    let behind = memchr::memchr(b'"', key).map(|end| key[end + 1..].trim_ascii_start());
    let goes_on = || Elements::are_in(start) && (is_array || is_open_at_line_end(text));
    behind.is_some_and(|rest| rest.starts_with(b":")) && (begins_with_object(start) || goes_on())
}

fn is_open_at_line_end(text: &[u8]) -> bool {
    let (mut depth, mut is_text, mut is_escaped) = (0_u32, false, false);
    for byte in text.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' if !is_text => depth += 1,
            b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth > 0
}

/// True when the name of a file says that it holds records, also compressed.
pub fn is_named(path: &[u8]) -> bool {
    named(path).1.is_some()
}

/// True when the name of a file says that a delimiter stands between its fields.
pub fn is_named_delimited(path: &[u8]) -> bool {
    named(path).1 == Some(Some(Format::Delimited))
}

/// A path without what tells its format: `a/b.csv.gz` is `a/b`.
pub fn stem(path: &[u8]) -> &[u8] {
    named(path).0
}

/// A path without what tells its format, and what is known of that by its name.
fn named(path: &[u8]) -> (&[u8], Option<Option<Format>>) {
    let name_at = path.len() - paths::file_name(path).len();
    let mut end = path.len() - Claim::suffix(path).len();
    let extension = paths::extension(&path[name_at..end]);
    let known = EXTENSIONS.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known)).map(|(_, format)| *format);
    if known.is_some() {
        end -= extension.len() + 1;
    }
    (&path[..end], known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_name_without_what_tells_its_format() {
        for (path, wanted) in
            [("a/b.csv.gz", "a/b"), ("x.y/b.TSV", "x.y/b"), ("b.dat", "b.dat"), (".csv", ".csv"), ("b.gz", "b")]
        {
            assert_eq!(stem(path.as_bytes()), wanted.as_bytes());
        }
    }

    #[test]
    fn a_format_is_told_by_its_name_or_by_its_beginning() {
        for (path, start, format) in [
            ("a.csv", "{\"a\":1}\n", Format::Delimited),
            ("a.txt", "\n {\"a\":1}\n{", Format::JsonLines),
            ("a", "{a}\n", Format::Delimited),
            ("a", "", Format::Delimited),
            ("a.ndjson.zst", "a,b\n", Format::JsonLines),
            ("a.txt", "<?xml version='1.0'?>", Format::Xml),
            ("a.xml.gz", "a,b\n", Format::Xml),
            ("a", "PAR1x", Format::Parquet),
            ("a", "ARROW1\0\0", Format::Arrow),
            ("a.Parquet", "", Format::Parquet),
            ("a", "Obj\x01", Format::Avro),
        ] {
            assert_eq!(Format::of(path.as_bytes(), start.as_bytes()), format, "{path}");
        }
    }
}
