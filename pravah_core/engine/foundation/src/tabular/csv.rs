//! Delimited text: records of fields, found the same way whatever the pieces it comes in.
//!
//! 1. A record ends at `\n`, `\r\n` or `\r` outside quotes; a record without a byte is none. A field ends at the
//!    delimiter outside quotes.
//! 2. A quote opens only as the first byte of a field. Inside, a doubled quote stands for one; a single one closes.
//!    What follows it up to the field's end belongs to the field, as every quote in a field that does not begin with
//!    one. (RFC 4180 and what is written outside it; Python's `csv` reads the same.)
//! 3. With an escape character the byte after it, inside quotes, stands for itself.
//! 4. With a comment character a record that begins with it is none, and its quotes are text.
//!
//! The [`Automaton`] of these rules has a few bits of state, so that it runs over the whole file on one thread far
//! faster than the records are worked on: pieces are cut at record ends that are known, not guessed.

use crate::tabular::json;

mod automaton;
mod cutter;
mod sniff;
mod split;

pub use automaton::Automaton;
pub use cutter::{Chunk, Cutter, Overlong};
pub use sniff::{Sniffed, sniff};
pub use split::CsvSplitter;

/// What stands for no value in a dialect that is typed, as an empty field does.
pub const NULL: &[u8] = b"null";

/// The bytes that mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Ends a field.
    pub delimiter: u8,
    /// Encloses a field that holds delimiters or line ends.
    pub quote: Option<u8>,
    /// Takes the meaning from the next byte, inside quotes.
    pub escape: Option<u8>,
    /// Begins a record that is none.
    pub comment: Option<u8>,
    /// Fields are values of JSON, records lines: see [`crate::tabular::json`].
    pub is_json: bool,
    /// Texts are always in quotes; [`NULL`] without them is no value, and nothing else is.
    pub is_typed: bool,
}

impl Dialect {
    /// That of RFC 4180 with another delimiter.
    pub const fn of(delimiter: u8) -> Self {
        Self { delimiter, quote: Some(b'"'), escape: None, comment: None, is_json: false, is_typed: false }
    }

    /// That of JSON Lines.
    pub const JSON: Self = Self { is_json: true, is_typed: true, ..Self::of(b'\n') };

    /// That of text which is made of a typed table.
    pub const TYPED: Self = Self { is_typed: true, ..Self::of(b',') };

    /// What ends a record: in JSON quotes do not enclose line ends.
    pub fn lines(self) -> Self {
        if self.is_json { Self { quote: None, ..self } } else { self }
    }

    /// A field's text without its quotes, in `buffer` where it is not there as it stands; and whether it had any.
    pub fn unquoted<'a>(&self, field: &'a [u8], buffer: &'a mut Vec<u8>) -> (&'a [u8], bool) {
        let Some(quote) = self.quote.filter(|quote| field.first() == Some(quote)) else { return (field, false) };
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
