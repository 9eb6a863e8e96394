//! Text with columns of fixed widths: which characters of a line are a column's, as they are told or found, and the
//! same lines with delimiters.
//!
//! 1. Widths count characters, not bytes. Blanks around a value are padding and no part of it.
//! 2. Of columns that were found, only blanks stand between them, but for values that are longer than those that were
//!    seen. A line with anything else there was not written so: it becomes a record of one field, which fits no table,
//!    instead of one that is cut at the wrong places.
//! 3. What stands behind the last of columns that were told becomes one field more.

mod file;
mod found;
mod solid;
mod spans;

use std::sync::Arc;

pub use self::file::columns_of;
use self::solid::Leftovers;
use super::csv;

/// What the columns of a text are.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedLayout {
    columns: Vec<Span>,
    /// Only blanks stand between the columns, and behind the last one the line may go on.
    is_strict: bool,
    /// The number of a line of dashes below the names, from 0.
    ruler: Option<u64>,
    /// Characters of a record, where no line ends stand between records.
    length: Option<usize>,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// What speaks for it, in words.
    pub reason: String,
    /// The text's beginning as it stands.
    pub shown: Vec<u8>,
}

/// Characters of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    name: Option<String>,
    from: usize,
    to: usize,
    /// Its values may begin further left than those that were seen.
    grows_left: bool,
    /// They may end further right.
    grows_right: bool,
    /// They may hold blanks.
    has_words: bool,
}

impl Span {
    fn of(from: usize, to: usize) -> Self {
        Self { name: None, from, to, grows_left: false, grows_right: false, has_words: false }
    }
}

/// Characters of a line that columns may have.
const LONGEST: usize = 1 << 20;
/// Bytes of a text's beginning that are kept to be shown.
const SHOWN_BYTES: usize = 16 << 10;

impl FixedLayout {
    /// The names of its columns, where it has any; a column without one has a number.
    pub fn names(&self) -> Option<Vec<Vec<u8>>> {
        let is_named = self.columns.iter().any(|span| span.name.is_some());
        let name = |span: &Span| span.name.clone().unwrap_or_default().into_bytes();
        is_named.then(|| self.columns.iter().map(name).collect())
    }

    /// What is to be told of it.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(line) = self.ruler {
            notes.push(format!("line {} is a ruler below the names, and no record", line + 1));
        }
        let ends = std::iter::once(0).chain(self.columns.iter().map(|span| span.to));
        let gap = ends.zip(&self.columns).find(|(end, span)| end < &span.from).filter(|_| !self.is_strict);
        if let Some((end, span)) = gap {
            notes.push(format!(
                "no column has the characters {} to {} of a line; what stands there was left out",
                end + 1,
                span.from
            ));
        }
        notes
    }

    /// True when a ruler shows it.
    pub fn is_ruled(&self) -> bool {
        self.ruler.is_some()
    }

    /// The same, with what a text begins with.
    fn shown(mut self, start: &[u8]) -> Self {
        self.shown = start[..start.len().min(SHOWN_BYTES)].to_vec();
        self
    }

    /// A line, without its end, as a record of delimited text.
    fn record(&self, line: &[u8], scratch: &mut Scratch, out: &mut Vec<u8>) {
        if line.trim_ascii().is_empty() {
            return;
        }
        scratch.places.clear();
        if !line.is_ascii() {
            // Not of what is no character, either: a byte that begins none counts as one.
            scratch.places.extend((0..line.len()).filter(|&at| line[at] & 0xc0 != 0x80));
        }
        if !self.cut(line, scratch) {
            return csv::quote(out, line);
        }
        for (number, &(from, to)) in scratch.cells.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            field(&line[from..to], out);
        }
    }

    /// Where the cells of a line are; false where it was not written so.
    fn cut(&self, line: &[u8], Scratch { places, cells }: &mut Scratch) -> bool {
        let place = |at: usize| {
            let known = if places.is_empty() { at } else { places.get(at).copied().unwrap_or(line.len()) };
            known.min(line.len())
        };
        cells.clear();
        let mut begin = 0;
        for (number, span) in self.columns.iter().enumerate() {
            let (mut from, to) = (place(span.from), place(span.to));
            if self.is_strict {
                let end = if number + 1 == self.columns.len() { line.len() } else { to };
                let left = number.checked_sub(1).map(|left| (&self.columns[left], &line[cells[left].0..begin]));
                let Some(grown) = grown(left, &line[begin..from], (span, &line[from..end])) else { return false };
                from -= grown;
                if let Some(left) = cells.last_mut() {
                    left.1 = from;
                }
            }
            cells.push((from, to));
            begin = to;
        }
        match cells.last_mut() {
            Some(last) if self.is_strict => last.1 = line.len(),
            _ if line[begin..].trim_ascii().is_empty() => {}
            _ => cells.push((begin, line.len())),
        }
        true
    }
}

/// Bytes at the end of a gap that are of the value behind it, where that may begin further left; the others are of the
/// value before it, where that may end further right. None where that cannot be told.
fn grown(left: Option<(&Span, &[u8])>, gap: &[u8], right: (&Span, &[u8])) -> Option<usize> {
    if gap.trim_ascii().is_empty() {
        return Some(0);
    }
    let is_blank = |byte: &u8| *byte == b' ';
    let touches_right = !gap.last().is_none_or(is_blank) && !right.1.first().is_none_or(is_blank);
    let run = gap.len() - gap.iter().rposition(is_blank).map_or(0, |blank| blank + 1);
    let run = if touches_right { run } else { 0 };
    // Words in a column that has none are the end of what begins before it.
    let is_one = right.0.has_words || !right.1.trim_ascii().contains(&b' ');
    if !is_one || run > 0 && !right.0.grows_left {
        return None;
    }
    let rest = gap[..gap.len() - run].trim_ascii_end();
    if rest.is_empty() {
        // It must not touch both.
        let is_apart = run < gap.len() || left.is_none_or(|(_, value)| value.last().is_none_or(is_blank));
        return is_apart.then_some(run);
    }
    let (span, value) = left.filter(|(span, _)| span.grows_right)?;
    let words = [&value[value.trim_ascii_end().len()..], rest].concat();
    let is_apart = if span.has_words { memchr::memmem::find(&words, b"  ").is_some() } else { words.contains(&b' ') };
    (!is_apart).then_some(run)
}

/// Kept from line to line.
#[derive(Debug, Default)]
struct Scratch {
    /// Where the characters of a line that is not ASCII begin.
    places: Vec<usize>,
    /// Where its cells are.
    cells: Vec<(usize, usize)>,
}

fn field(value: &[u8], out: &mut Vec<u8>) {
    let value = value.trim_ascii();
    if memchr::memchr2(b',', b'"', value).is_some() {
        csv::quote(out, value);
    } else {
        out.extend_from_slice(value);
    }
}

/// Makes records of lines.
#[derive(Debug)]
pub struct LayoutLines {
    /// By what.
    pub layout: Arc<FixedLayout>,
    rest: Vec<u8>,
    scratch: Scratch,
    /// Lines so far.
    line: u64,
    /// A line without an end that is longer than that is given out as it stands.
    longest: usize,
    left: Leftovers,
}

impl LayoutLines {
    /// By a layout; no line is longer than so many bytes.
    pub fn new(layout: Arc<FixedLayout>, longest: usize) -> Self {
        Self { layout, rest: Vec::new(), scratch: Scratch::default(), line: 0, longest, left: Leftovers::default() }
    }

    /// Add the records of the next text to `out`: one a line, with the same line ends.
    pub fn records(&mut self, mut text: &[u8], last: bool, out: &mut Vec<u8>) {
        if let Some(length) = self.layout.length {
            return self.solid(length, text, last, out);
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', text) {
            if self.rest.is_empty() {
                self.record(&text[..end], out);
            } else {
                let mut line = std::mem::take(&mut self.rest);
                line.extend_from_slice(&text[..end]);
                self.record(&line, out);
                line.clear();
                self.rest = line;
            }
            out.push(text[end]);
            // The second byte of "\r\n" ends an empty line, which is none here and no record there.
            self.line += u64::from(text[end] == b'\n' || text.get(end + 1).is_some_and(|next| *next != b'\n'));
            text = &text[end + 1..];
        }
        self.rest.extend_from_slice(text);
        if self.rest.len() > self.longest {
            out.append(&mut self.rest);
        }
        if last && !self.rest.is_empty() {
            let line = std::mem::take(&mut self.rest);
            self.record(&line, out);
        }
    }

    fn record(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if self.layout.ruler != Some(self.line) {
            self.layout.record(line, &mut self.scratch, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(layout: FixedLayout, text: &str, step: usize) -> String {
        let (mut lines, mut out) = (LayoutLines::new(Arc::new(layout), 1 << 20), Vec::new());
        for part in text.as_bytes().chunks(step) {
            lines.records(part, false, &mut out);
        }
        lines.records(&[], true, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_become_records_wherever_they_are_cut() {
        let told = |columns: &[&str]| FixedLayout::told(&columns.map_to_strings()).unwrap();
        let text = "1 Ünal, A. 2.5\r\n\r\n2 \"x\"      30  more\r\n3";
        let wanted = "1,\"Ünal, A.\",2.5\r\n\r\n2,\"\"\"x\"\"\",30,more\r\n3,,";
        for step in [1, 2, 3, 7, 100] {
            assert_eq!(records(told(&["2", "9", "4"]), text, step), wanted, "{step}");
            assert_eq!(records(told(&["1-1", "3-10", "12-15"]), text, step), wanted, "{step}");
        }
    }

    #[test]
    fn a_line_that_was_not_written_so_is_not_cut() {
        let text = "  7 Ann         2.5\n  8 Bob        17.5\n  9 Zed         1.0\n 10 Carla       3.0\n";
        let layout = FixedLayout::found(text.as_bytes(), 0).unwrap();
        for (line, wanted) in [
            (" 11 Dorothea    1.0", "11,Dorothea,1.0"),
            (" 12 Eve       9.9 (?)", "\" 12 Eve       9.9 (?)\""),
            (" 16 Li Po     12345", "16,Li Po,12345"),
            ("1234 Li Po       1.5", "\"1234 Li Po       1.5\""),
            (" 14 Carlaxxxxxxx1.5", "\" 14 Carlaxxxxxxx1.5\""),
            (" 15 Eve  x      1.5", "\" 15 Eve  x      1.5\""),
        ] {
            assert_eq!(records(layout.clone(), line, 100), wanted);
        }
    }

    trait Strings {
        fn map_to_strings(&self) -> Vec<String>;
    }

    impl Strings for [&str] {
        fn map_to_strings(&self) -> Vec<String> {
            self.iter().map(|text| (*text).to_owned()).collect()
        }
    }
}
