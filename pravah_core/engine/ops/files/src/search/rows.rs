//! The rows of `result`: one for each match, with its line and the lines around it as people read them.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

use super::lines::{CandidateLine, line_start_before};
use pravah_foundation::base::error::Result;
use pravah_foundation::store::columns::{Column, Columns};
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::tabular::text::Encoding;

/// The columns of `result`.
pub const RESULT: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::category("pattern"),
    Column::integer("line"),
    Column::integer("column_start"),
    Column::integer("column_end"),
    Column::integer("byte_offset"),
    Column::text("text"),
    Column::integer("text_start"),
    Column::integer("line_length"),
    Column::text("before"),
    Column::text("after"),
];

/// How much of a line and around it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Lines before.
    pub before: usize,
    /// Lines after.
    pub after: usize,
    /// Characters of a line.
    pub length: usize,
}

/// Lists the matches in one file.
pub struct MatchListing<'a> {
    /// Where the rows go.
    pub sheet: &'a mut Sheet,
    /// The file's path.
    pub path: &'a [u8],
    /// The names of the patterns.
    pub names: &'a [String],
    /// How much is shown.
    pub extent: Extent,
    /// The file's encoding.
    pub encoding: Encoding,
}

impl MatchListing<'_> {
    /// A match at `range` of a line, which is made ready once for all its matches.
    ///
    /// # Errors
    /// As [`Sheet::write_if_full`].
    pub fn add<'l>(
        &mut self,
        line: CandidateLine<'l>,
        shown: &mut Option<Shown<'l>>,
        pattern: usize,
        range: Range<usize>,
    ) -> Result<()> {
        let shown = shown.get_or_insert_with(|| Shown::new(line, self.extent));
        let before = &line.text[line.start..line.start + range.start];
        let offset = line.offset.zip(self.encoding.original_bytes(before)).map(|(line, before)| line + before);
        shown.row(&mut self.sheet.rows, self.path, &self.names[pattern], range, offset, self.extent.length);
        self.sheet.write_if_full()
    }
}

/// A line whose matches become rows. Columns are characters of the line as it is shown, counted from 1.
pub struct Shown<'a> {
    line: CandidateLine<'a>,
    text: Cow<'a, str>,
    characters: usize,
    before: Option<String>,
    after: Option<String>,
    // Counting goes on where it ended: a line of millions of matches is counted once for each pattern.
    counted: (usize, usize),
}

impl<'a> Shown<'a> {
    /// Make it ready; costs one look at the line.
    pub fn new(line: CandidateLine<'a>, extent: Extent) -> Self {
        let bytes = &line.text[line.start..line.end];
        let text = readable(bytes);
        let characters = text.strip_suffix('\r').unwrap_or(&text).chars().count();
        let before = &line.text[line_start_before(line.text, line.start, extent.before)..line.start];
        let after = &line.text[(line.end + 1).min(line.text.len())..];
        Self {
            characters,
            before: neighbours(before, extent.before, extent.length),
            after: neighbours(after, extent.after, extent.length),
            line,
            text,
            counted: (0, 0),
        }
    }

    /// Append the row of a match at `range` of the line; `offset` is where it begins in the file.
    pub fn row(
        &mut self,
        rows: &mut Columns,
        path: &[u8],
        pattern: &str,
        range: Range<usize>,
        offset: Option<u64>,
        length: usize,
    ) {
        let start = self.column(self.text.floor_char_boundary(range.start));
        let end = self.column(self.text.ceil_char_boundary(range.end));
        let (text, text_start) = self.excerpt(start, range.start, length);
        rows.path(path);
        rows.text(pattern);
        rows.integer(self.line.number);
        rows.integer(start as u64 + 1);
        rows.integer(end as u64 + 1);
        rows.optional_integer(offset);
        rows.text(&text);
        rows.integer(text_start as u64 + 1);
        rows.integer(self.characters as u64);
        rows.optional_text(self.before.as_deref());
        rows.optional_text(self.after.as_deref());
    }

    /// Characters before a byte.
    fn column(&mut self, byte: usize) -> usize {
        let (from, characters) = if self.counted.0 <= byte { self.counted } else { (0, 0) };
        let column = characters + self.text[from..byte].chars().count();
        self.counted = (byte, column);
        column
    }

    /// The line, or what fits of it with the match not far from its start; and the characters left out before.
    fn excerpt(&self, column: usize, byte: usize, length: usize) -> (Cow<'_, str>, usize) {
        let line = self.text.strip_suffix('\r').unwrap_or(&self.text);
        if self.characters <= length {
            return (visible(line), 0);
        }
        // A quarter of it before the match, but no less of it than fits at the end of the line.
        let first = column.saturating_sub(length / 4).min(self.characters - length);
        let byte = self.text.floor_char_boundary(byte).min(line.len());
        let back = line[..byte].char_indices().rev().nth((column - first).saturating_sub(1));
        let start = if column > first { back.map_or(0, |(at, _)| at) } else { byte };
        (visible(first_characters(&line[start..], length)), first)
    }
}

/// Text in which each byte that is none is a NUL: no byte moves.
fn readable(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| text.push('\0'));
    }
    Cow::Owned(text)
}

/// With U+FFFD for each NUL: not every program that reads a result can hold one.
fn visible(text: &str) -> Cow<'_, str> {
    match memchr(0, text.as_bytes()) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.replace('\0', "\u{fffd}")),
    }
}

fn first_characters(text: &str, count: usize) -> &str {
    if text.len() <= count {
        return text;
    }
    text.char_indices().nth(count).map_or(text, |(at, _)| &text[..at])
}

/// Up to so many lines, each cut; none when there is no line.
fn neighbours(text: &[u8], lines: usize, length: usize) -> Option<String> {
    if lines == 0 || text.is_empty() {
        return None;
    }
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let shown = text.split(|&byte| byte == b'\n').take(lines).map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // No character has more than four bytes.
        let text = readable(&line[..line.len().min(4 * length)]);
        visible(first_characters(&text, length)).into_owned()
    });
    Some(shown.collect::<Vec<_>>().join("\n"))
}
