//! The header rows of a table, and lines around it.

use crate::tabular::MOST_COLUMNS;
use crate::tabular::csv::{CsvSplitter, Dialect};
use crate::tabular::split::Split;

/// The header rows, or the first record.
pub(super) struct First {
    /// The names of the columns: of several rows those that stand above one another.
    pub fields: Vec<Vec<u8>>,
    /// All of them as they stand.
    pub bytes: Vec<u8>,
    /// Where the next record begins.
    pub end: usize,
    /// It ends inside quotes, with the text.
    pub is_open: bool,
    /// Names that are not quoted as any writer does: with quotes around them, and without.
    pub odd: (u64, u64),
}

/// Fields that are looked at: enough to tell that they are too many, as when a delimiter is none.
const MOST_FIELDS: usize = MOST_COLUMNS + 1;

impl First {
    /// So many records, at least one.
    pub fn of(start: &[u8], dialect: Dialect, count: usize) -> Self {
        let (mut split, mut rows) = (Split::default(), Vec::new());
        // Of so many columns each split holds one record.
        let mut splitter = CsvSplitter::new(start, dialect, MOST_FIELDS);
        let (mut begin, mut end, mut stop, mut odd) = (None, 0, 0, (0, 0));
        while rows.len() < count.max(1) && splitter.next(&mut split) {
            let fields = split.ragged().first().map_or(MOST_FIELDS, |&(_, fields)| (fields as usize).min(MOST_FIELDS));
            let mut buffer = Vec::new();
            let field = |column| {
                let (from, to) = split.field(0, column);
                if dialect.is_oddly_quoted(&start[from..to]) {
                    let has_quotes = start.get(from) == dialect.quote.as_ref();
                    *(if has_quotes { &mut odd.0 } else { &mut odd.1 }) += 1;
                }
                dialect.unquoted(&start[from..to], &mut buffer).0.to_vec()
            };
            rows.push((0..fields).map(field).collect::<Vec<_>>());
            let (from, to) = split.record(0);
            begin.get_or_insert(from);
            (stop, end) = (to, splitter.next_start().min(start.len()));
        }
        if start[..end].ends_with(b"\r") && start.get(end) == Some(&b'\n') {
            end += 1;
        }
        let bytes = start[begin.unwrap_or(stop)..stop].to_vec();
        let is_open = stop == start.len() && stop > 0 && splitter.is_open();
        Self { fields: joined(rows), bytes, end, is_open, odd }
    }
}

/// Names from rows that stand above one another: parts by a blank between them. Of a row above another, a name counts
/// for the columns behind it that have none there.
fn joined(mut rows: Vec<Vec<Vec<u8>>>) -> Vec<Vec<u8>> {
    let Some(last) = rows.pop() else { return Vec::new() };
    if rows.is_empty() {
        return last;
    }
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default().max(last.len());
    let mut names = vec![Vec::new(); columns];
    let filled = rows.into_iter().map(|row| filled(row, columns));
    for row in filled.chain([last]) {
        for (name, part) in names.iter_mut().zip(row) {
            let part = part.trim_ascii();
            if !part.is_empty() {
                name.extend_from_slice(if name.is_empty() { b"" } else { b" " });
                name.extend_from_slice(part);
            }
        }
    }
    names
}

fn filled(mut row: Vec<Vec<u8>>, columns: usize) -> Vec<Vec<u8>> {
    row.resize(columns, Vec::new());
    for place in 1..columns {
        if row[place].trim_ascii().is_empty() {
            row[place] = row[place - 1].clone();
        }
    }
    row
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

/// Bytes of a line that are shown.
const SHOWN_BYTES: usize = 80;

/// Lines that stand `before` or `after` a table: how many are not empty, and what is to be told of them.
pub(super) fn around(text: &[u8], place: &str) -> (u64, Option<String>) {
    let mut filled = text.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty());
    let Some(first) = filled.next() else { return (0, None) };
    let (lines, shown) = (1 + filled.count() as u64, shown(first));
    let note = match lines {
        1 => format!("1 line {place} the table is no record of it: {shown}"),
        lines => format!("{lines} lines {place} the table are no records of it; the first is: {shown}"),
    };
    (lines, Some(note))
}

/// The beginning of a line, as text.
pub(super) fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(SHOWN_BYTES)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carriage_return_with_a_line_feed_is_one_line_end() {
        assert_eq!((lines(b"a\r\nb\rc\n\n"), lines(b"")), (4, 0));
    }

    #[test]
    fn names_that_stand_above_one_another_are_joined() {
        let text = b",\"a\nb\",,c\r\nid,x,y,\r\n1,2,3,4\r\n";
        let first = First::of(text, Dialect::of(b','), 2);
        let names: Vec<_> = first.fields.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(names, ["id", "a\nb x", "a\nb y", "c"]);
        assert_eq!((&text[first.end..], first.bytes.as_slice()), (&b"1,2,3,4\r\n"[..], &text[..18]));
        let one = First::of(text, Dialect::of(b','), 1);
        assert_eq!((one.fields[1].as_slice(), one.end), (&b"a\nb"[..], 11));
    }
}
