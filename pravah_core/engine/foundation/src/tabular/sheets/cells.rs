//! The cells of a sheet in Office Open XML.

use std::io::Read;

use super::lines::{RowEnd, SheetLines};
use super::serial::{self, CellFormat, Epoch};
use super::strings::{self, Strings, StringsWindow};
use super::styles::Styles;
use super::xml::{BytesStart, Event, Unreadable, Xml, push_text};

/// What a cell says it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Number,
    /// The number of a text of the workbook.
    Shared,
    /// A text, as it stands.
    Text,
    Boolean,
    Error,
    /// A day, as a text.
    Day,
}

/// A cell while its parts come.
#[derive(Debug, Default)]
struct Cell {
    column: u32,
    kind: Kind,
    style: usize,
    value: Vec<u8>,
    has_value: bool,
    has_formula: bool,
}

/// What a sheet's cells refer to.
pub struct SheetParts<'a> {
    /// Texts.
    pub strings: &'a Strings,
    /// Formats.
    pub styles: &'a Styles,
    /// What day 0 is.
    pub epoch: Epoch,
    /// Formulas may never have been calculated.
    pub is_uncalculated: bool,
}

/// Read a sheet row by row; `row` is called at the end of each. False of it, or a row that is wider than the extent,
/// ends the reading: then it gives false, too.
///
/// # Errors
/// Those of `row`, and in words why the sheet cannot be read.
pub fn read<E: From<Unreadable>>(
    part: impl Read,
    parts: &SheetParts<'_>,
    lines: &mut SheetLines,
    mut row: impl FnMut(&mut SheetLines) -> Result<(), E>,
) -> Result<RowEnd, E> {
    let window = StringsWindow::default();
    let mut reading =
        Reading { parts, cell: Cell::default(), next: 0, in_cell: false, is_text: false, phonetic: false, window };
    let mut xml = Xml::new(part);
    loop {
        match xml.event()? {
            Event::Start(start) => reading.start(&start, lines)?,
            Event::End(end) => match end.local_name().as_ref() {
                b"c" if reading.in_cell => reading.end_cell(lines)?,
                b"v" | b"t" => reading.is_text = false,
                b"rPh" => reading.phonetic = false,
                b"row" => {
                    if lines.end_row() == RowEnd::Wider {
                        return Ok(RowEnd::Wider);
                    }
                    row(lines)?;
                }
                _ => {}
            },
            Event::Eof => return Ok(RowEnd::More),
            event if reading.is_text => push_text(&event, &mut reading.cell.value)?,
            _ => {}
        }
    }
}

struct Reading<'a> {
    parts: &'a SheetParts<'a>,
    cell: Cell,
    /// The column of the next cell that does not say its own.
    next: u32,
    in_cell: bool,
    is_text: bool,
    phonetic: bool,
    window: StringsWindow,
}

impl Reading<'_> {
    #[inline]
    fn start(&mut self, start: &BytesStart<'_>, lines: &mut SheetLines) -> Result<(), Unreadable> {
        match start.local_name().as_ref() {
            b"c" => {
                self.begin_cell(start);
                lines.check(self.cell.column)?;
            }
            b"v" if self.in_cell => (self.is_text, self.cell.has_value) = (true, true),
            b"t" if self.in_cell && !self.phonetic => (self.is_text, self.cell.has_value) = (true, true),
            b"rPh" => self.phonetic = true,
            b"f" => self.cell.has_formula = true,
            b"row" => {
                let number = raw(start, b"r").and_then(|digits| decimal(&digits)).and_then(|row| row.checked_sub(1));
                self.next = 0;
                lines.begin_row(number)?;
            }
            b"mergeCell" => lines.oddness.merged += 1,
            _ => {}
        }
        Ok(())
    }

    #[inline]
    fn begin_cell(&mut self, start: &BytesStart<'_>) {
        let cell = &mut self.cell;
        cell.value.clear();
        (cell.kind, cell.style, cell.has_value, cell.has_formula) = (Kind::Number, 0, false, false);
        cell.column = self.next;
        for attribute in start.attributes().with_checks(false).flatten() {
            match attribute.key.as_ref() {
                b"r" => cell.column = column(&attribute.value).unwrap_or(self.next),
                b"s" => cell.style = decimal(&attribute.value).unwrap_or_default() as usize,
                b"t" => {
                    cell.kind = match &*attribute.value {
                        b"s" => Kind::Shared,
                        b"str" | b"inlineStr" => Kind::Text,
                        b"b" => Kind::Boolean,
                        b"e" => Kind::Error,
                        b"d" => Kind::Day,
                        _ => Kind::Number,
                    }
                }
                _ => {}
            }
        }
        self.next = cell.column.saturating_add(1);
        self.in_cell = true;
    }

    #[inline]
    fn end_cell(&mut self, lines: &mut SheetLines) -> Result<(), Unreadable> {
        self.in_cell = false;
        let Cell { column, kind, style, ref value, has_value, has_formula } = self.cell;
        if !has_value || value.is_empty() && !matches!(kind, Kind::Text) {
            if has_formula {
                lines.uncomputed(column);
            }
            return Ok(());
        }
        // Programs that do not calculate write 0.
        if has_formula && self.parts.is_uncalculated && value.trim_ascii() == b"0" {
            lines.doubtful(column);
        }
        match kind {
            Kind::Number => number(lines, column, value, self.parts.styles.shown(style), self.parts.epoch),
            Kind::Shared => {
                match self.parts.strings.get(decimal(value).map_or(u64::MAX, u64::from), &mut self.window)? {
                    Some(text) => lines.text(column, text),
                    None => {
                        let message = format!("refers to a text that it lacks in {}", lines.place(column));
                        return Err((crate::base::issue::IssueKind::Malformed, message));
                    }
                }
            }
            Kind::Text if memchr::memmem::find(value, b"_x").is_some() => {
                let mut text = Vec::new();
                strings::unescape(value, &mut text);
                lines.text(column, &text);
            }
            Kind::Text => lines.text(column, value),
            Kind::Boolean => {
                let is_true = matches!(&value[..], b"1" | b"true");
                lines.value(column, |out| out.extend_from_slice(if is_true { b"true" } else { b"false" }));
            }
            Kind::Error => lines.error(column, value),
            Kind::Day => lines.value(column, |out| out.extend_from_slice(value.trim_ascii())),
        }
        Ok(())
    }
}

/// A number of which the text is known.
pub(super) fn number(lines: &mut SheetLines, column: u32, text: &[u8], shown: CellFormat, epoch: Epoch) {
    let text = text.trim_ascii();
    // Days are the second part: most numbers need no look at all.
    let plain = text.len() <= 16 && text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    if plain && shown == CellFormat::Number {
        return lines.value(column, |out| out.extend_from_slice(text));
    }
    match fast_float2::parse::<f64, _>(text) {
        Ok(value) if value.is_finite() => lines.value(column, |out| {
            if !serial::write(value, shown, epoch, out) {
                digits(value, text, out);
            }
        }),
        _ => {
            lines.oddness.no_numbers += 1;
            lines.text(column, text);
        }
    }
}

/// The digits of a number. Spreadsheets write all seventeen of a float: then it is the float that is meant, and the
/// shortest digits that give it are written. Other digits stand as they are.
pub(super) fn digits(value: f64, text: &[u8], out: &mut Vec<u8>) {
    let has_point = text.contains(&b'.');
    if has_point && text.len() > 16 && significant(text) == significant(format!("{value:.16e}").as_bytes()) {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(text);
    }
}

/// The digits of a number, without zeros at either end.
fn significant(text: &[u8]) -> Vec<u8> {
    let mantissa = text.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    let digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
    let start = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    let end = digits.iter().rposition(|digit| *digit != b'0').map_or(start, |last| last + 1);
    digits[start..end.max(start)].to_vec()
}

fn raw(start: &BytesStart<'_>, name: &[u8]) -> Option<Vec<u8>> {
    let mut attributes = start.attributes();
    attributes
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.as_ref() == name)
        .map(|found| found.value.into_owned())
}

fn decimal(digits: &[u8]) -> Option<u32> {
    let digits = digits.trim_ascii();
    let all = !digits.is_empty() && digits.len() < 10 && digits.iter().all(u8::is_ascii_digit);
    all.then(|| digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

/// The column of a cell's name, from 0.
fn column(name: &[u8]) -> Option<u32> {
    let letters = name.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    if !(1..=4).contains(&letters) {
        return None;
    }
    let number = name[..letters]
        .iter()
        .fold(0, |number, letter| number * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1);
    Some(number - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut out = Vec::new();
        digits(text.parse().unwrap(), text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_of_seventeen_digits_are_the_floats_and_other_digits_stay() {
        for (text, wanted) in [
            ("0.10000000000000001", "0.1"),
            ("2.2999999999999998", "2.3"),
            ("1.0000000000000001E-5", "0.00001"),
            ("12345678901234567", "12345678901234567"),
            ("12345678901234567.89", "12345678901234567.89"),
            ("0.1234567890123456789", "0.1234567890123456789"),
            ("1E+20", "1E+20"),
        ] {
            assert_eq!(shown(text), wanted);
            assert_eq!(shown(text).parse::<f64>().unwrap(), text.parse::<f64>().unwrap());
        }
    }

    #[test]
    fn names_of_cells_are_read() {
        assert_eq!([&b"A1"[..], b"z9", b"AA10", b"XFD1"].map(column), [Some(0), Some(25), Some(26), Some(16_383)]);
        assert_eq!((column(b"1"), column(b"ABCDE1"), decimal(b"1x"), decimal(b"42")), (None, None, None, Some(42)));
    }
}
