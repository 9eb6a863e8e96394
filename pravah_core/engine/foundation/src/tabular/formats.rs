//! Values as people write them: dates by a pattern, numbers with a decimal comma, words for true and false.
//!
//! A format gives each value that conforms to it the text that the types of [`super::values`] have: `31.12.2024` is
//! `2024-12-31`, `1.234,56 €` is `1234.56`, `ja` is `true`. All that follows works with this text. A value that does not
//! conform is left as it is, and is told.
//!
//! [`ValueShape`] is what a single value looks like, [`Finding`] the format that nearly all values of a column have.

mod affixes;
mod found;
mod moments;
mod numbers;
mod shape;
mod shape_moments;
mod shape_numbers;
mod words;

use std::fmt;

use serde_json::{Map, Value as Json};

use self::moments::MomentFormat;
use self::words::WordFormat;
use crate::tabular::values::ValueType;

pub use self::found::{Finding, Seen, find};
pub use self::numbers::{Negatives, NumberFormat};
pub use self::shape::ValueShape;

/// A format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueFormat {
    /// Dates, times or timestamps, by a pattern of strptime.
    Moment(MomentFormat),
    /// Numbers, written as 1234.56 would be.
    Number(NumberFormat),
    /// Words for true and false.
    Words(WordFormat),
}

/// Words for no value, as programs write them. They may be values, too.
pub const NULL_WORDS: [&str; 10] = ["NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "NaN", "nan", "\\N"];

/// The names of formats, in front of what each type has of its own.
const NUMBER: &str = "number";
const BOOLEAN: &str = "boolean";

impl ValueFormat {
    /// Read `date:%d.%m.%Y`, `timestamp:%d/%m/%Y %H:%M`, `time:%I:%M %p`, `number:1.234,56 €` or `boolean:yes/no`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, pattern) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            NUMBER => NumberFormat::by_example(pattern).map(Self::Number),
            BOOLEAN => WordFormat::of_words(pattern).map(Self::Words),
            _ => match [ValueType::Date, ValueType::Timestamp, ValueType::Time]
                .into_iter()
                .find(|of| of.as_str() == kind)
            {
                Some(kind) => Self::moment(kind, pattern),
                None => Err(format!("{kind:?} is not one of date, timestamp, time, number, boolean")),
            },
        }
    }

    /// Moments of that type, by a pattern of strptime.
    ///
    /// # Errors
    /// What is wrong with the pattern, in words.
    pub fn moment(kind: ValueType, pattern: &str) -> Result<Self, String> {
        let format = MomentFormat::parse(pattern)?;
        match format.kind() == kind {
            true => Ok(Self::Moment(format)),
            false => {
                Err(format!("{pattern:?} is the pattern of a {}, not of a {}", format.kind().as_str(), kind.as_str()))
            }
        }
    }

    /// The words of Table Schema, which are compared as they are.
    pub fn words(yes: Vec<String>, no: Vec<String>) -> Result<Self, String> {
        WordFormat::exact(yes, no).map(Self::Words)
    }

    /// The narrowest type of its values: a number may need a wider one.
    pub fn kind(&self) -> ValueType {
        match self {
            Self::Moment(format) => format.kind(),
            Self::Number(_) => ValueType::Integer,
            Self::Words(_) => ValueType::Boolean,
        }
    }

    /// The widest type of its values.
    pub fn widest(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Float,
            other => other.kind(),
        }
    }

    /// True when values of this type can have it.
    pub fn is_of(&self, kind: ValueType) -> bool {
        kind == self.kind() || matches!((self, kind), (Self::Number(_), ValueType::Float))
    }

    /// Write the text that a value has by its type; false when it does not conform, and `out` is empty then.
    #[inline(never)]
    pub fn read(&self, text: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        let text = trim(text);
        let is_read = match self {
            Self::Moment(format) => format.read(text, out).is_some(),
            Self::Number(format) => format.read(text, out).is_some(),
            Self::Words(format) => format.read(text, out).is_some(),
        };
        if !is_read {
            out.clear();
        }
        is_read
    }

    /// What of a value is not in the column, in words.
    pub fn left_out(&self) -> Option<String> {
        match self {
            Self::Number(format) => format.affix().map(|affix| format!("the values are without {affix:?}")),
            _ => None,
        }
    }

    /// Put it into a field of a Table Schema, of that type.
    pub fn describe(&self, kind: Option<ValueType>, field: &mut Map<String, Json>) {
        let mut put = |name: &str, value: Json| drop(field.insert(name.to_owned(), value));
        match self {
            Self::Moment(format) => put("format", format.pattern().into()),
            Self::Number(format) => match format.marks() {
                Some((decimal, group, is_bare)) => {
                    if kind != Some(ValueType::Integer) {
                        put("decimalChar", decimal.into());
                    }
                    group.into_iter().for_each(|group| put("groupChar", group.into()));
                    if !is_bare {
                        put("bareNumber", false.into());
                    }
                }
                None => put("format", format.example().into()),
            },
            Self::Words(format) => match format.lists() {
                Some((yes, no)) => {
                    put("trueValues", yes.into());
                    put("falseValues", no.into());
                }
                None => put("format", format.to_string().into()),
            },
        }
    }
}

impl fmt::Display for ValueFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moment(format) => write!(out, "{}:{}", format.kind().as_str(), format.pattern()),
            Self::Number(format) => write!(out, "{NUMBER}:{}", format.example()),
            Self::Words(format) => write!(out, "{BOOLEAN}:{format}"),
        }
    }
}

/// Blanks between digits and around values: those of one byte and, in UTF-8, no-break, thin and narrow no-break spaces.
const BLANKS: [&[u8]; 5] = [b" ", b"\t", "\u{a0}".as_bytes(), "\u{2009}".as_bytes(), "\u{202f}".as_bytes()];

/// What follows one blank.
#[inline]
fn after_blank(text: &[u8]) -> Option<&[u8]> {
    match text.first()? {
        b' ' | b'\t' | 0xc2 | 0xe2 => BLANKS.iter().find_map(|blank| text.strip_prefix(*blank)),
        _ => None,
    }
}

/// A text without blanks around it.
#[inline]
fn trim(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = after_blank(text) {
        text = rest;
    }
    while let Some(b' ' | b'\t' | 0xa0 | 0x89 | 0xaf) = text.last() {
        let Some(rest) = BLANKS.iter().find_map(|blank| text.strip_suffix(*blank)) else { break };
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests;
