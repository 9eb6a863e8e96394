//! Values of JSON as they stand.

use super::proof::{NULL, canon};
use pravah_foundation::run::records::Records;

/// Kinds of JSON values.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokens {
    has_texts: bool,
    has_scalars: bool,
    is_nested: bool,
}

impl Tokens {
    pub fn add(&mut self, token: &[u8]) {
        match token.first() {
            Some(b'"') => self.has_texts = true,
            Some(b'[' | b'{') => self.is_nested = true,
            _ => self.has_scalars = true,
        }
    }

    /// Those of both.
    pub fn join(&mut self, other: Self) {
        self.has_texts |= other.has_texts;
        self.has_scalars |= other.has_scalars;
        self.is_nested |= other.is_nested;
    }

    /// What is not told by the text of the values, in words.
    pub fn note(self) -> Option<&'static str> {
        match self {
            Self { is_nested: true, has_texts: true, .. } => Some("texts are beside lists or objects, written as JSON"),
            Self { is_nested: true, .. } => Some("lists and objects are written as JSON"),
            Self { has_texts: true, has_scalars: true, .. } => Some("texts are beside numbers or truth values"),
            _ => None,
        }
    }
}

/// The hash of a value of JSON as it stands.
pub fn token(records: Records<'_>, record: usize, source: usize) -> u64 {
    let (start, end) = records.split.field(record, source);
    match records.text.get(start..end) {
        None | Some(b"" | b"null") => NULL,
        Some(token) => canon::text(token),
    }
}
