//! What a single value looks like: as much as tells which formats it conforms to.

use super::shape_moments::MomentShape;
use super::shape_numbers::NumberShape;
use super::{NULL_WORDS, trim};
use crate::tabular::values::{Value, ValueType};

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueShape {
    /// A value of that type.
    Plain(ValueType),
    /// 0 or 1.
    Bit,
    /// A date or a time that is not written as ISO 8601 has it.
    Moment(MomentShape),
    /// A number with marks, or with something around it.
    Number(NumberShape),
    /// One of [`WORDS`], by its place.
    Word(u8),
    /// A word that may mean that there is no value.
    Null,
    /// Digits and marks that are no number and no moment, as labels have them: `00123`, `1.2.3`, `12345-6789`.
    Digits,
    /// Letters and digits, as codes have them: `12A`, `K1A 0B1`.
    Code,
    /// Anything else.
    Other,
}

/// Words for true and for false, by language.
pub const WORDS: [[&str; 2]; 6] =
    [["yes", "no"], ["y", "n"], ["true", "false"], ["ja", "nein"], ["oui", "non"], ["on", "off"]];
/// Longer values are of no format.
const LONGEST: usize = 48;
const LONGEST_WORD: usize = 5;
const LONGEST_CODE: usize = 24;

impl ValueShape {
    /// That of a text.
    pub fn of(text: &[u8]) -> Self {
        let trimmed = trim(text);
        let Some(&first) = trimmed.first().filter(|_| trimmed.len() <= LONGEST) else { return Self::Other };
        if trimmed.len() <= LONGEST_WORD
            && first.is_ascii_alphabetic()
            && let Some(word) = word(trimmed)
        {
            return Self::Word(word);
        }
        // Most texts begin with a small letter.
        let is_prose = first.is_ascii_lowercase() && !trimmed.last().is_some_and(u8::is_ascii_digit);
        let has_digits = (!is_prose || trimmed.len() <= LONGEST_CODE) && trimmed.iter().any(u8::is_ascii_digit);
        if is_prose && has_digits {
            return Self::label(trimmed, 0);
        }
        if !has_digits {
            let is_null = text.len() <= LONGEST_WORD && NULL_WORDS.iter().any(|word| text == word.as_bytes());
            return if is_null { Self::Null } else { Self::Other };
        }
        match MomentShape::of(trimmed) {
            Some(shape) => Self::Moment(shape),
            None => NumberShape::of(trimmed, trimmed.len() < text.len())
                .map_or_else(|| Self::label(trimmed, 1), Self::Number),
        }
    }

    /// Of a text with digits: what labels are made of, with at most so many blanks among letters.
    fn label(text: &[u8], blanks: usize) -> Self {
        let is_mark = |byte: &u8| matches!(byte, b'-' | b'.' | b'/' | b':' | b'_' | b',' | b'+' | b' ');
        if !text.iter().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte)) {
            return Self::Other;
        }
        if !text.iter().any(u8::is_ascii_alphabetic) {
            return Self::Digits;
        }
        let is_code = text.len() <= LONGEST_CODE && text.iter().filter(|byte| **byte == b' ').count() <= blanks;
        if is_code { Self::Code } else { Self::Other }
    }

    /// That of a value of a column of texts, which may look like another type.
    pub fn of_any(text: &[u8]) -> Self {
        match Value::of(text) {
            Value::Text => Self::of(text),
            Value::Integer(0 | 1) if text.len() == 1 => Self::Bit,
            Value::Integer(_) if Self::is_date(text) => Self::of(text),
            Value::Float(_) if Self::has_thousands(text) => Self::of(text),
            value => Self::Plain(value.kind()),
        }
    }

    /// True for digits that are a date, `20241231`, or a timestamp, `20241231235959`.
    #[inline]
    pub fn is_date(digits: &[u8]) -> bool {
        matches!(digits.len(), 8 | 14) && MomentShape::of(digits).is_some()
    }

    /// True for a float whose point may be a mark between thousands, `1.234`.
    #[inline]
    pub fn has_thousands(float: &[u8]) -> bool {
        float.len() > 4 && float[float.len() - 4] == b'.' && matches!(Self::of(float), Self::Number(_))
    }

    /// As a number, to be written.
    pub fn code(self) -> u64 {
        match self {
            Self::Other => 0,
            Self::Null => 1,
            Self::Bit => 2,
            Self::Plain(kind) => 3 | (kind as u64) << 8,
            Self::Word(word) => 4 | u64::from(word) << 8,
            Self::Moment(shape) => 5 | shape.code() << 8,
            Self::Number(shape) => 6 | shape.code() << 8,
            Self::Digits => 7,
            Self::Code => 8,
        }
    }

    /// The shape of a number.
    pub fn of_code(code: u64) -> Option<Self> {
        let of = code >> 8;
        let shape = match code & 0xff {
            0 => Self::Other,
            1 => Self::Null,
            2 => Self::Bit,
            3 => Self::Plain(ValueType::of_number(of)?),
            4 => Self::Word(u8::try_from(of).ok().filter(|word| usize::from(*word) < 2 * WORDS.len())?),
            5 => Self::Moment(MomentShape::of_code(of)?),
            6 => Self::Number(NumberShape::of_code(of)?),
            7 => Self::Digits,
            8 => Self::Code,
            _ => return None,
        };
        (shape.code() == code).then_some(shape)
    }
}

fn word(text: &[u8]) -> Option<u8> {
    let place = WORDS.as_flattened().iter().position(|word| text.eq_ignore_ascii_case(word.as_bytes()))?;
    u8::try_from(place).ok()
}
