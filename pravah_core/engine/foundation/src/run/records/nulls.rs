//! Fields without a value.

use crate::tabular::csv::{Dialect, NULL};

/// Texts that stand for no value.
#[derive(Debug)]
pub struct Nulls {
    texts: Vec<Vec<u8>>,
    /// Bytes that one of them begins with.
    first: [bool; 256],
}

impl Nulls {
    /// These, and no text at all.
    pub fn new(texts: &[String]) -> Self {
        let mut first = [false; 256];
        let texts: Vec<Vec<u8>> = texts.iter().map(|text| text.clone().into_bytes()).collect();
        texts.iter().filter_map(|text| text.first()).for_each(|&byte| first[usize::from(byte)] = true);
        Self { texts, first }
    }

    /// The value of a field, when it has one: without its quotes, in `buffer` where it does not stand there as it is.
    /// What is in quotes is never one of these texts; but nothing in quotes is an empty text, and a value of texts only:
    /// where quotes tell a text from what is none, it is always one.
    #[inline]
    pub fn value<'a>(
        &self,
        field: &'a [u8],
        dialect: &Dialect,
        of_texts: bool,
        buffer: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        if field.first().is_some_and(|byte| Some(*byte) == dialect.quote) {
            let (value, _) = dialect.unquoted(field, buffer);
            return (of_texts || dialect.is_typed || !value.is_empty()).then_some(value);
        }
        if dialect.is_typed {
            return (!field.is_empty() && field != NULL).then_some(field);
        }
        (!self.holds(field)).then_some(field)
    }

    /// True for one of them.
    #[inline]
    pub fn holds(&self, field: &[u8]) -> bool {
        match field.first() {
            Some(&byte) => self.first[usize::from(byte)] && self.texts.iter().any(|text| text == field),
            None => true,
        }
    }
}
