//! As much of Thrift's compact protocol as the header of a Parquet page needs.

use crate::base::compact::Reader;

/// What the header of a page claims.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PageClaims {
    pub unpacked: u64,
    pub packed: u64,
    pub dictionary_values: u64,
}

/// Structures and lists inside each other.
const MOST_DEPTH: usize = 16;
/// Types of the protocol.
const I32: u8 = 5;
const STRUCT: u8 = 12;

impl PageClaims {
    /// Of a header at the start of `bytes`; none when it is damaged or longer.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let (mut input, mut claims) = (Input(Reader::new(bytes)), Self::default());
        let mut field = 0;
        while let Some(kind) = input.field(&mut field)? {
            match (field, kind) {
                // Of a field that is there twice, the larger one: a reader may take either.
                (2, I32) => claims.unpacked = claims.unpacked.max(input.unsigned()?),
                (3, I32) => claims.packed = input.unsigned()?,
                (7, STRUCT) => {
                    let mut inner = 0;
                    while let Some(kind) = input.field(&mut inner)? {
                        match (inner, kind) {
                            (1, I32) => claims.dictionary_values = claims.dictionary_values.max(input.unsigned()?),
                            _ => input.skip(kind, 0)?,
                        }
                    }
                }
                _ => input.skip(kind, 0)?,
            }
        }
        Some(claims)
    }
}

struct Input<'a>(Reader<'a>);

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        self.0.take(1).map(|byte| byte[0])
    }

    fn pass(&mut self, length: u64) -> Option<()> {
        self.0.take(usize::try_from(length).ok()?).map(drop)
    }

    /// A number that is not negative; a reader refuses those itself.
    fn unsigned(&mut self) -> Option<u64> {
        let value = self.0.integer()?;
        Some(if value & 1 == 0 { value >> 1 } else { 0 })
    }

    /// The type of the next field, whose number follows on `field`; inner none at the structure's end.
    #[expect(clippy::option_option, reason = "damaged, or at the end")]
    fn field(&mut self, field: &mut u64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *field = match byte >> 4 {
            0 => self.unsigned()?,
            step => *field + u64::from(step),
        };
        Some(Some(byte & 0x0f))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > MOST_DEPTH {
            return None;
        }
        match kind {
            // The header of a field holds its truth.
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.0.integer().map(drop),
            7 => self.pass(8),
            8 => {
                let length = self.0.integer()?;
                self.pass(length)
            }
            9 | 10 => {
                let byte = self.byte()?;
                let count = if byte >> 4 == 15 { self.0.integer()? } else { u64::from(byte >> 4) };
                (0..count).try_for_each(|_| self.element(byte & 0x0f, depth))
            }
            11 => {
                let count = self.0.integer()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                (0..count).try_for_each(|_| {
                    self.element(kinds >> 4, depth)?;
                    self.element(kinds & 0x0f, depth)
                })
            }
            STRUCT => {
                let mut field = 0;
                while let Some(kind) = self.field(&mut field)? {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    /// An element takes bytes also where a field of its type takes none.
    fn element(&mut self, kind: u8, depth: usize) -> Option<()> {
        if matches!(kind, 1 | 2) { self.pass(1) } else { self.skip(kind, depth + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_of_a_page_are_found_among_its_other_fields() {
        // type 0; 300 unpacked; 20 packed; a list of texts; a dictionary of 7 values that is sorted.
        let header = [
            &[0x15, 0, 0x15, 0xd8, 0x04, 0x15, 40, 0x19, 0x28, 1, b'a', 2, b'b', b'c'][..],
            &[0x3c, 0x15, 14, 0x15, 0, 0x11, 0, 0],
        ]
        .concat();
        let claims = PageClaims { unpacked: 300, packed: 20, dictionary_values: 7 };
        assert_eq!(PageClaims::of(&header), Some(claims));
        for length in 0..header.len() {
            assert_eq!(PageClaims::of(&header[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_header_without_an_end_is_damaged_and_found_so_quickly() {
        // A list that claims 2^60 truths, lists in lists without end, a map.
        assert_eq!(PageClaims::of(&[0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]), None);
        assert_eq!(PageClaims::of(&[0x19; 1 << 16]), None);
        assert_eq!(PageClaims::of(&[0x1b, 0xff, 0xff, 0xff, 0x0f, 0x11]), None);
    }
}
