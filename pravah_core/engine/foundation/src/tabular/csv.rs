//! Delimited text: records of fields, found the same way whatever the pieces it comes in.
//!
//! 1. A record ends at `\n`, `\r\n` or `\r` outside quotes; a record without a byte is none. A field ends at the
//!    delimiter outside quotes.
//! 2. A quote opens only as the first byte of a field. Inside, a doubled quote stands for one; a single one closes.
//!    What follows it up to the field's end belongs to the field, as every quote in a field that does not begin with
//!    one. (RFC 4180 and what is written outside it; Python's `csv` reads the same.)
//! 3. With an escape character the byte after it, inside quotes, stands for itself; everywhere, if there are no quotes.
//! 4. With a comment string a record that begins with it is none, and its quotes are text.
//! 5. Where blanks before a field are no part of it, a quote behind them opens it.
//!
//! The [`Automaton`] of these rules has a few bits of state, so that it runs over the whole file on one thread far
//! faster than the records are worked on: pieces are cut at record ends that are known, not guessed.

use crate::tabular::json;

mod automaton;
mod cutter;
mod footer;
mod header;
mod marker;
mod remarks;
mod sniff;
mod split;

pub use automaton::Automaton;
pub use cutter::{Chunk, Cutter, Overlong};
pub use footer::{FoundFooter, find_footer};
pub use header::{Fields, HeaderGuess, guess, guess_rows};
pub use marker::Marker;
pub use sniff::{Asked, Sniffed, first_records, said_delimiter, sample, sniff};
pub use split::{Bares, CsvSplitter, Swallowed};

/// What stands for no value in a dialect that is typed, as an empty field does.
pub const NULL: &[u8] = b"null";
/// Floats that no type of ours holds, in a table that is typed: no values, but they are beyond every bound.
pub const INFINITE: &[u8] = b"inf";
/// See [`INFINITE`].
pub const MINUS_INFINITE: &[u8] = b"-inf";

/// The bytes that mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Ends a field; of a delimiter of several bytes, the last.
    pub delimiter: u8,
    /// What stands before it in a delimiter of several bytes.
    pub lead: Lead,
    /// Encloses a field that holds delimiters or line ends.
    pub quote: Option<u8>,
    /// Takes the meaning from the next byte: inside quotes, and everywhere where there are no quotes.
    pub escape: Option<u8>,
    /// It does so outside of quotes, too, before a byte that would mean something there.
    pub escapes_bare: bool,
    /// Begins a record that is none.
    pub comment: Option<Marker>,
    /// Blanks before a field are no part of it.
    pub skips_blanks: bool,
    /// Fields are values of JSON, records lines: see [`crate::tabular::json`].
    pub is_json: bool,
    /// Texts are always in quotes; [`NULL`] without them is no value, and nothing else is.
    pub is_typed: bool,
    /// It was made here of another format: none of its quotes is odd.
    pub is_made: bool,
}

/// The bytes of a delimiter before its last, the last of them lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    bytes: u64,
    /// How many.
    pub len: u8,
}

impl Lead {
    /// Of a delimiter of one byte.
    pub const NONE: Self = Self { bytes: 0, len: 0 };
    /// The longest delimiter.
    pub const LONGEST: usize = 8;

    fn of(bytes: &[u8]) -> Self {
        let packed = bytes.iter().fold(0, |packed, byte| packed << 8 | u64::from(*byte));
        Self { bytes: packed, len: bytes.len() as u8 }
    }

    /// The first byte of the delimiter, if it has several.
    fn first(self) -> Option<u8> {
        (self.len > 0).then(|| (self.bytes >> (8 * (u32::from(self.len) - 1))) as u8)
    }

    /// True when the bytes seen last, the last one lowest, are these.
    fn ends(self, seen: u64) -> bool {
        let mask = if self.len == 0 { 0 } else { u64::MAX >> (64 - 8 * u32::from(self.len)) };
        seen & mask == self.bytes
    }
}

impl Dialect {
    /// The same with a delimiter of one to eight bytes.
    #[must_use]
    pub fn divided_by(self, delimiter: &[u8]) -> Self {
        let Some((&last, lead)) = delimiter.split_last().filter(|_| delimiter.len() <= Lead::LONGEST) else {
            return self;
        };
        Self { delimiter: last, lead: Lead::of(lead), ..self }
    }

    /// The delimiter in words.
    pub fn delimiter_name(&self) -> String {
        let mut bytes: Vec<u8> = (0..self.lead.len).rev().map(|at| (self.lead.bytes >> (8 * at)) as u8).collect();
        bytes.push(self.delimiter);
        match bytes[..] {
            [b'\t'] => "tab".to_owned(),
            [b' '] => "space".to_owned(),
            [sniff::ONE_COLUMN] => "none".to_owned(),
            [byte] if byte < b' ' => format!("0x{byte:02x}"),
            _ => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// That of RFC 4180 with another delimiter.
    pub const fn of(delimiter: u8) -> Self {
        Self {
            delimiter,
            lead: Lead::NONE,
            quote: Some(b'"'),
            escape: None,
            comment: None,
            skips_blanks: false,
            escapes_bare: false,
            is_json: false,
            is_typed: false,
            is_made: false,
        }
    }

    /// That of JSON Lines.
    pub const JSON: Self = Self { is_json: true, is_typed: true, ..Self::of(b'\n') };

    /// That of text which is made of a typed table.
    pub const TYPED: Self = Self { is_typed: true, ..Self::of(b',') };

    /// That of text which is made of untyped values.
    pub const MADE: Self = Self { is_made: true, ..Self::of(b',') };

    /// What ends a record: in JSON quotes do not enclose line ends.
    pub fn lines(self) -> Self {
        if self.is_json { Self { quote: None, ..self } } else { self }
    }

    /// A field's text without its quotes, in `buffer` where it is not there as it stands; and whether it had any.
    pub fn unquoted<'a>(&self, field: &'a [u8], buffer: &'a mut Vec<u8>) -> (&'a [u8], bool) {
        let Some(quote) = self.quote.filter(|quote| field.first() == Some(quote)) else {
            return (self.unescaped(field, buffer), false);
        };
        let inner = &field[1..];
        if self.is_json {
            return (json::unescaped(inner.strip_suffix(b"\"").unwrap_or(inner), buffer), true);
        }
        let plain = |inner: &[u8]| {
            memchr::memchr(quote, inner).is_none()
                && self.escape.is_none_or(|escape| memchr::memchr(escape, inner).is_none())
        };
        if let Some((&last, inside)) = inner.split_last()
            && last == quote
            && plain(inside)
        {
            return (inside, true);
        }
        buffer.clear();
        let mut bytes = inner.iter().copied();
        let mut is_inside = true;
        while let Some(byte) = bytes.next() {
            if is_inside && Some(byte) == self.escape {
                buffer.extend(bytes.next());
            } else if is_inside && byte == quote {
                match bytes.next() {
                    Some(next) if next == quote => buffer.push(quote),
                    next => {
                        is_inside = false;
                        buffer.extend(next);
                    }
                }
            } else {
                buffer.push(byte);
            }
        }
        (buffer, true)
    }
}

impl Dialect {
    /// True for a field that no writer makes: it holds a quote, but not around all of it.
    pub fn is_oddly_quoted(&self, field: &[u8]) -> bool {
        let Some(quote) = self.quote else { return false };
        let Some((_, inner)) = field.split_first().filter(|(first, _)| **first == quote) else {
            let is_bare = |at: usize| !self.escapes_bare || at == 0 || Some(field[at - 1]) != self.escape;
            return memchr::memchr_iter(quote, field).any(is_bare);
        };
        let mut bytes = inner.iter().copied();
        while let Some(byte) = bytes.next() {
            if Some(byte) == self.escape {
                bytes.next();
            } else if byte == quote {
                match bytes.next() {
                    None => return false,
                    Some(next) if next == quote => {}
                    Some(_) => return true,
                }
            }
        }
        // It does not end, which is told as that.
        false
    }

    /// What escapes a field that has no quotes.
    #[inline]
    pub fn escape_without_quotes(&self) -> Option<u8> {
        // Most dialects have quotes: the first question is the last.
        if self.quote.is_some() && !self.escapes_bare { None } else { self.escape }
    }

    /// True for a byte that is not one like others.
    fn means(&self, byte: u8) -> bool {
        let begins_delimiter = self.lead.first().unwrap_or(self.delimiter);
        Some(byte) == self.quote
            || Some(byte) == self.escape
            || byte == begins_delimiter
            || matches!(byte, b'\n' | b'\r')
    }

    /// A field that has no quotes, without its escapes.
    #[inline]
    fn unescaped<'a>(&self, field: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
        let Some(escape) = self.escape_without_quotes().filter(|escape| field.contains(escape)) else { return field };
        buffer.clear();
        let mut bytes = field.iter().copied();
        while let Some(byte) = bytes.next() {
            let next = if byte == escape { bytes.next() } else { Some(byte) };
            // What was found to be an escape stays where it takes no meaning from anything.
            let is_kept = self.escapes_bare && byte == escape && !next.is_none_or(|next| self.means(next));
            buffer.extend(is_kept.then_some(escape).into_iter().chain(next));
        }
        buffer
    }
}

/// Write a text in quotes, doubled where it holds one.
pub fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// A text as a field of RFC 4180: in quotes where it would not be read as itself, and where it is empty, because a field
/// without a byte is no value.
#[inline]
pub fn field(out: &mut Vec<u8>, text: &[u8]) {
    let is_special = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if text.is_empty() || text.iter().any(is_special) {
        quote(out, text);
    } else {
        out.extend_from_slice(text);
    }
}
