//! Values of cells, as both binary formats hold them.

use super::cells::SheetParts;
use super::lines::SheetLines;
use super::serial;
use super::strings::StringsWindow;
use super::xml::Unreadable;
use crate::base::issue::IssueKind;

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    /// A number, and the style that says whether it is a day.
    Real(f64, u32),
    Boolean(bool),
    /// The code of an error.
    Error(u8),
    /// The number of a text of the workbook.
    Shared(u32),
    Text(&'a [u8]),
    /// The file does not say what the formula gives.
    Uncomputed,
}

/// Writes values into rows.
pub(super) struct Writer<'a> {
    parts: &'a SheetParts<'a>,
    window: StringsWindow,
}

impl<'a> Writer<'a> {
    pub fn new(parts: &'a SheetParts<'a>) -> Self {
        Self { parts, window: StringsWindow::default() }
    }

    /// A cell of the row that is open.
    pub fn write(&mut self, column: u32, value: Value<'_>, lines: &mut SheetLines) -> Result<(), Unreadable> {
        lines.check(column)?;
        match value {
            Value::Real(value, style) => self.real(column, style, value, lines),
            Value::Error(code) => lines.error(column, error(code)),
            Value::Boolean(value) => {
                let text: &[u8] = if value { b"true" } else { b"false" };
                lines.value(column, |out| out.extend_from_slice(text));
            }
            Value::Shared(number) => match self.parts.strings.get(u64::from(number), &mut self.window)? {
                Some(text) => lines.text(column, text),
                None => {
                    let message = format!("refers to a text that it lacks in {}", lines.place(column));
                    return Err((IssueKind::Malformed, message));
                }
            },
            Value::Text(text) => lines.text(column, text),
            Value::Uncomputed => lines.uncomputed(column),
        }
        Ok(())
    }

    fn real(&self, column: u32, style: u32, value: f64, lines: &mut SheetLines) {
        let (shown, epoch) = (self.parts.styles.shown(style as usize), self.parts.epoch);
        if !value.is_finite() {
            lines.oddness.no_numbers += 1;
            return lines.text(column, value.to_string().as_bytes());
        }
        lines.value(column, |out| {
            if !serial::write(value, shown, epoch, out) {
                digits(value, out);
            }
        });
    }
}

/// The fewest digits that give a number.
fn digits(value: f64, out: &mut Vec<u8>) {
    let mut buffer = ryu::Buffer::new();
    let digits = buffer.format_finite(value);
    out.extend_from_slice(digits.strip_suffix(".0").unwrap_or(digits).as_bytes());
}

fn error(code: u8) -> &'static [u8] {
    match code {
        0x00 => b"#NULL!",
        0x07 => b"#DIV/0!",
        0x0f => b"#VALUE!",
        0x17 => b"#REF!",
        0x1d => b"#NAME?",
        0x24 => b"#NUM!",
        0x2a => b"#N/A",
        0x2b => b"#GETTING_DATA",
        _ => b"unknown error",
    }
}

/// A number of few digits: an integer or a float, of which two bits say that and whether it is a hundredth.
pub(super) fn rk(bits: u32) -> f64 {
    let value = match bits & 2 {
        0 => f64::from_bits(u64::from(bits & !3) << 32),
        _ => f64::from(bits.cast_signed() >> 2),
    };
    if bits & 1 == 0 { value } else { value / 100.0 }
}

/// Characters of UTF-16. Half a character is written as XML has it.
pub(super) fn push_units(units: impl Iterator<Item = u16>, out: &mut String) {
    for character in char::decode_utf16(units) {
        match character {
            Ok(character) => out.push(character),
            Err(half) => out.push_str(&format!("_x{:04X}_", half.unpaired_surrogate())),
        }
    }
}
