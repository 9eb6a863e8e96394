//! Fields without a value.

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

    /// True for one of them.
    #[inline]
    pub fn holds(&self, field: &[u8]) -> bool {
        match field.first() {
            Some(&byte) => self.first[usize::from(byte)] && self.texts.iter().any(|text| text == field),
            None => true,
        }
    }
}
