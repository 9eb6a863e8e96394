//! Fields without a value.

use super::options::ReadOptions;
use crate::tabular::csv::{Dialect, INFINITE, MINUS_INFINITE, NULL};

/// Texts that stand for no value.
#[derive(Debug)]
pub struct Nulls {
    texts: Vec<Vec<u8>>,
    /// Also in columns of texts: else they are words there, as `NA` for Namibia.
    is_everywhere: bool,
    /// Bytes that one of them begins with.
    first: [bool; 256],
}

impl Nulls {
    /// Those of the options; the usual ones mean nothing in columns of texts.
    pub fn of(options: &ReadOptions) -> Self {
        Self {
            is_everywhere: options.null_values != ReadOptions::default().null_values,
            ..Self::new(&options.null_values)
        }
    }

    /// These in every column, and no text at all.
    pub fn new(texts: &[String]) -> Self {
        let mut first = [false; 256];
        let texts: Vec<Vec<u8>> = texts.iter().map(|text| text.clone().into_bytes()).collect();
        texts.iter().filter_map(|text| text.first()).for_each(|&byte| first[usize::from(byte)] = true);
        Self { texts, is_everywhere: true, first }
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
            return (!is_none(field)).then_some(field);
        }
        if dialect.escape_without_quotes().is_some() {
            return (!self.holds(field)).then(|| dialect.unquoted(field, buffer).0);
        }
        let is_word = of_texts && !self.is_everywhere && !field.is_empty();
        (is_word || !self.holds(field)).then_some(field)
    }

    /// Which of them a field is whose column tells whether that is no value.
    #[inline]
    pub fn doubtful(&self, field: &[u8], dialect: &Dialect) -> Option<usize> {
        if self.is_everywhere || dialect.is_typed { None } else { self.place(field) }
    }

    /// Which of them it is.
    #[inline]
    pub fn place(&self, field: &[u8]) -> Option<usize> {
        if !self.first[usize::from(*field.first()?)] {
            return None;
        }
        self.texts.iter().position(|text| text == field)
    }

    /// The one at a place.
    pub fn word(&self, place: usize) -> &[u8] {
        &self.texts[place]
    }

    /// How often each of them was met, in words.
    pub fn shown(&self, counts: impl IntoIterator<Item = u64>) -> Option<String> {
        let met = self.texts.iter().zip(counts).filter(|(_, count)| *count > 0);
        let words: Vec<String> =
            met.map(|(text, count)| format!("{}: {count}", String::from_utf8_lossy(text))).collect();
        (!words.is_empty()).then(|| words.join(", "))
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

/// True where nothing stands for a value in a dialect that is typed.
pub fn is_none(field: &[u8]) -> bool {
    matches!(field, b"" | NULL | INFINITE | MINUS_INFINITE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_words_are_texts_in_columns_of_texts_and_those_of_ones_own_are_not() {
        let (usual, own) = (Nulls::of(&ReadOptions::default()), Nulls::new(&["NA".to_owned()]));
        let dialect = Dialect::of(b',');
        let mut buffer = Vec::new();
        for (field, of_texts, is_usual, is_own) in [
            (&b"NA"[..], true, true, false),
            (b"NA", false, false, false),
            (b"\"NA\"", false, true, true),
            (b"", true, false, false),
            (b"\"\"", true, true, true),
            (b"NAN", false, true, true),
        ] {
            assert_eq!(usual.value(field, &dialect, of_texts, &mut buffer).is_some(), is_usual, "{field:?}");
            assert_eq!(own.value(field, &dialect, of_texts, &mut buffer).is_some(), is_own, "{field:?}");
        }
        assert_eq!(usual.doubtful(b"NA", &dialect).map(|place| usual.word(place)), Some(&b"NA"[..]));
        assert_eq!((usual.doubtful(b"", &dialect), own.doubtful(b"NA", &dialect)), (None, None));
        assert_eq!(own.shown([3]), Some("NA: 3".to_owned()));
    }
}
