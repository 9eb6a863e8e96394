//! Sheets of OpenDocument: all of them are in one part, with empty and equal cells told once.

use std::collections::HashSet;
use std::io::Read;
use std::ops::Range;

use super::book::{MOST_SHEETS, NameBytes, SheetListed, named};
use super::cells;
use super::lines::{MOST_COLUMNS, MOST_ROWS, RowEnd, SheetLines};
use super::serial::{CellFormat, Epoch};
use super::xml::{BytesStart, Event, LONGEST_TEXT_BYTES, Unreadable, Xml, attribute, push_text};
use crate::base::issue::IssueKind;

/// The sheets of a part.
///
/// # Errors
/// In words: why it cannot be read.
pub fn open_sheets(part: impl Read) -> Result<Vec<SheetListed>, Unreadable> {
    let (mut sheets, mut xml) = (Vec::<SheetListed>::new(), Xml::new(part));
    let (mut hidden, mut style, mut names) = (HashSet::new(), String::new(), NameBytes::default());
    loop {
        match xml.event()? {
            Event::Start(start) => match start.local_name().as_ref() {
                b"style" => style = attribute(&start, b"name").unwrap_or_default(),
                b"table-properties" if attribute(&start, b"display").as_deref() == Some("false") => {
                    names.add(style.len())?;
                    hidden.insert(style.clone());
                }
                b"table" => {
                    if sheets.len() >= MOST_SHEETS {
                        return Err((IssueKind::TooLarge, format!("has more than {MOST_SHEETS} sheets")));
                    }
                    let name = named(&attribute(&start, b"name").unwrap_or_default(), &sheets);
                    let is_hidden = attribute(&start, b"style-name").is_some_and(|style| hidden.contains(&style));
                    sheets.push(SheetListed { name, relation: sheets.len().to_string(), is_hidden });
                }
                _ => {}
            },
            Event::Eof => return Ok(sheets),
            _ => {}
        }
    }
}

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Empty,
    Number,
    Text,
    /// As it stands, and no text.
    Plain,
    Error,
    Uncomputed,
}

/// A cell, or several that are alike.
struct Cells {
    column: u32,
    count: u32,
    kind: Kind,
    value: Range<usize>,
}

/// A row while its cells come.
#[derive(Default)]
struct OpenRow {
    row: u32,
    /// How often it is there.
    count: u32,
    next: u32,
    cells: Vec<Cells>,
    values: Vec<u8>,
    cell: OpenCell,
}

#[derive(Default)]
struct OpenCell {
    kind: Kind,
    count: u32,
    text: Vec<u8>,
    paragraphs: u32,
    /// Its value stands in its tag, and so many bytes in front of its text.
    told: usize,
    is_told: bool,
}

/// Read the sheet of that number row by row, as [`super::read`] does.
///
/// # Errors
/// Those of `row`, and in words why the sheet cannot be read.
pub fn read_open<E: From<Unreadable>>(
    part: impl Read,
    number: usize,
    lines: &mut SheetLines,
    mut row: impl FnMut(&mut SheetLines) -> Result<(), E>,
) -> Result<RowEnd, E> {
    let mut xml = Xml::new(part);
    let (mut tables, mut open, mut skipped, mut in_text) = (0, OpenRow::default(), 0u32, 0u32);
    loop {
        let event = xml.event()?;
        let is_own = tables == number + 1;
        match event {
            Event::Start(start) => match start.local_name().as_ref() {
                b"table" => tables += 1,
                _ if !is_own => {}
                b"annotation" => skipped += 1,
                _ if skipped > 0 => {}
                name => {
                    in_text += u32::from(name == b"p");
                    open.start(name, &start, lines)?;
                }
            },
            Event::End(end) => match end.local_name().as_ref() {
                b"table" if is_own => return Ok(RowEnd::More),
                _ if !is_own => {}
                b"annotation" => skipped = skipped.saturating_sub(1),
                _ if skipped > 0 => {}
                b"p" => in_text = in_text.saturating_sub(1),
                b"table-cell" => open.end_cell()?,
                b"table-row" if open.give(lines, &mut row)? == RowEnd::Wider => return Ok(RowEnd::Wider),
                _ => {}
            },
            Event::Eof => return Ok(RowEnd::More),
            event if is_own && skipped == 0 && in_text > 0 => push_text(&event, &mut open.cell.text)?,
            _ => {}
        }
    }
}

fn count(start: &BytesStart<'_>, name: &[u8], most: u32) -> u32 {
    attribute(start, name).and_then(|text| text.parse::<u32>().ok()).unwrap_or(1).clamp(1, most)
}

impl OpenRow {
    fn start(&mut self, name: &[u8], start: &BytesStart<'_>, lines: &mut SheetLines) -> Result<(), Unreadable> {
        match name {
            b"table-row" => {
                self.row = self.row.saturating_add(self.count);
                self.count = count(start, b"number-rows-repeated", MOST_ROWS);
                self.next = 0;
                self.cells.clear();
                self.values.clear();
            }
            b"table-cell" => {
                self.cell.begin(start)?;
                let spans = |name: &[u8]| count(start, name, MOST_ROWS) > 1;
                if spans(b"number-columns-spanned") || spans(b"number-rows-spanned") {
                    lines.oddness.merged += 1;
                }
            }
            b"covered-table-cell" => {
                self.next = self.next.saturating_add(count(start, b"number-columns-repeated", MOST_COLUMNS));
            }
            b"p" => {
                if self.cell.paragraphs > 0 {
                    self.cell.text.push(b'\n');
                }
                self.cell.paragraphs += 1;
            }
            b"s" => {
                let blanks = count(start, b"c", 1 << 15) as usize;
                self.cell.text.resize(self.cell.text.len() + blanks, b' ');
                push_text(&Event::Eof, &mut self.cell.text)?;
            }
            b"tab" => self.cell.text.push(b'\t'),
            b"line-break" => self.cell.text.push(b'\n'),
            _ => {}
        }
        Ok(())
    }

    fn end_cell(&mut self) -> Result<(), Unreadable> {
        let OpenCell { kind, count, ref text, is_told, paragraphs, .. } = self.cell;
        let kind = if kind == Kind::Empty && paragraphs > 0 && !text.is_empty() { Kind::Text } else { kind };
        let column = self.next;
        self.next = self.next.saturating_add(count);
        if kind == Kind::Empty {
            return Ok(());
        }
        if self.next > MOST_COLUMNS {
            return Err((IssueKind::Malformed, format!("has more than {MOST_COLUMNS} columns")));
        }
        if self.values.len() > LONGEST_TEXT_BYTES {
            return Err((IssueKind::TooLarge, format!("has a row of more than {LONGEST_TEXT_BYTES} bytes")));
        }
        let at = self.values.len();
        // What is told in the tag was put in front of the text.
        self.values.extend_from_slice(if is_told { &text[..self.cell.told] } else { &text[self.cell.told..] });
        self.cells.push(Cells { column, count, kind, value: at..self.values.len() });
        Ok(())
    }

    /// Its end: hand it on as often as it is there.
    fn give<E: From<Unreadable>>(
        &mut self,
        lines: &mut SheetLines,
        row: &mut impl FnMut(&mut SheetLines) -> Result<(), E>,
    ) -> Result<RowEnd, E> {
        if self.cells.is_empty() {
            return Ok(RowEnd::More);
        }
        for number in 0..self.count {
            lines.begin_row(Some(self.row.saturating_add(number)))?;
            for cells in &self.cells {
                let value = &self.values[cells.value.clone()];
                for column in cells.column..cells.column + cells.count {
                    lines.check(column)?;
                    write(lines, column, cells.kind, value);
                }
            }
            if lines.end_row() == RowEnd::Wider {
                return Ok(RowEnd::Wider);
            }
            row(lines)?;
        }
        Ok(RowEnd::More)
    }
}

fn write(lines: &mut SheetLines, column: u32, kind: Kind, value: &[u8]) {
    match kind {
        Kind::Empty => {}
        Kind::Number => cells::number(lines, column, value, CellFormat::Number, Epoch::In1900),
        Kind::Text => lines.text(column, value),
        Kind::Plain => lines.value(column, |out| out.extend_from_slice(value)),
        Kind::Error => lines.error(column, value),
        Kind::Uncomputed => lines.uncomputed(column),
    }
}

impl OpenCell {
    fn begin(&mut self, start: &BytesStart<'_>) -> Result<(), Unreadable> {
        let text = std::mem::take(&mut self.text);
        *self = Self { text, count: count(start, b"number-columns-repeated", MOST_COLUMNS), ..Self::default() };
        self.text.clear();
        let mut kinds = (None, false, false);
        let mut attributes = start.attributes();
        for found in attributes.with_checks(false).flatten() {
            match (found.key.as_ref(), found.key.local_name().as_ref()) {
                (b"calcext:value-type", _) => kinds.1 |= &*found.value == b"error",
                (_, b"value-type") => kinds.0 = Some(found.value.into_owned()),
                (_, b"formula") => kinds.2 = true,
                _ => {}
            }
        }
        let (said, is_error, is_formula) = kinds;
        let Some(said) = said else {
            self.kind = if is_formula { Kind::Uncomputed } else { Kind::Empty };
            return Ok(());
        };
        let (kind, name): (Kind, &[u8]) = match &said[..] {
            b"float" | b"percentage" | b"currency" => (Kind::Number, b"value"),
            b"date" => (Kind::Plain, b"date-value"),
            b"time" => (Kind::Plain, b"time-value"),
            b"boolean" => (Kind::Plain, b"boolean-value"),
            _ => (Kind::Text, b"string-value"),
        };
        self.kind = if is_error { Kind::Error } else { kind };
        if let Some(value) = attribute(start, name).filter(|_| !is_error) {
            let value = if name == b"time-value" { clock(&value).unwrap_or(value) } else { value };
            self.text.extend_from_slice(value.as_bytes());
            (self.told, self.is_told) = (self.text.len(), true);
        } else if kind != Kind::Text && !is_error {
            self.kind = Kind::Text;
        }
        Ok(())
    }
}

/// `PT36H05M01.5S` as `36:05:01.5`.
fn clock(text: &str) -> Option<String> {
    let (hours, rest) = text.strip_prefix("PT")?.split_once('H')?;
    let (minutes, rest) = rest.split_once('M')?;
    let seconds = rest.strip_suffix('S')?;
    let (whole, part) = seconds.split_once(['.', ',']).unwrap_or((seconds, ""));
    let part = part.trim_end_matches('0');
    let numbers = [hours, minutes, whole];
    if numbers.iter().any(|digits| digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let point = if part.is_empty() { "" } else { "." };
    Some(format!("{hours:0>2}:{minutes:0>2}:{whole:0>2}{point}{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_as_clocks() {
        for (text, wanted) in [
            ("PT10H30M00S", Some("10:30:00")),
            ("PT36H5M1.500S", Some("36:05:01.5")),
            ("PT1H", None),
            ("PTxH1M1S", None),
        ] {
            assert_eq!(clock(text).as_deref(), wanted, "{text}");
        }
    }
}
