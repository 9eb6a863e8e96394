//! Values as few bytes, for what is kept of a file in one field of a table.
//!
//! Integers are LEB128: seven bits a byte, the low ones first. What is read was written by this engine, but comes from a
//! disk: every reader gives none where the bytes are no such value.

/// Values that are written one behind the other.
#[derive(Debug, Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// An integer, in as few bytes as it needs.
    #[inline]
    pub fn integer(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A float, bit by bit.
    pub fn float(&mut self, value: f64) {
        self.0.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    /// Bytes, with how many they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.integer(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
}

/// Values that are read in the order in which they were written.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// From the beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// True when nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that are left.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// So many bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// See [`Writer::integer`].
    #[inline]
    pub fn integer(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..u64::BITS).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// An integer that says how many values follow: never more than there are bytes left.
    pub fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.integer()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    /// See [`Writer::float`].
    pub fn float(&mut self) -> Option<f64> {
        let bits = <[u8; 8]>::try_from(self.take(8)?).ok()?;
        Some(f64::from_bits(u64::from_le_bytes(bits)))
    }

    /// See [`Writer::bytes`].
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.count()?;
        self.take(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_is_cut_or_too_large_is_none() {
        let integers = [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX - 1, u64::MAX];
        let floats = [0.0, -0.0, 1.5, f64::NAN, f64::NEG_INFINITY];
        let mut writer = Writer::default();
        integers.iter().for_each(|&value| writer.integer(value));
        floats.iter().for_each(|&value| writer.float(value));
        writer.bytes(b"");
        writer.bytes(b"name");
        let mut reader = Reader::new(&writer.0);
        assert!(integers.iter().all(|&value| reader.integer() == Some(value)));
        assert!(floats.iter().all(|value| reader.float().map(f64::to_bits) == Some(value.to_bits())));
        assert_eq!((reader.bytes(), reader.bytes(), reader.is_empty()), (Some(&b""[..]), Some(&b"name"[..]), true));
        assert_eq!((reader.integer(), reader.float(), reader.bytes()), (None, None, None));
        // A length beyond the end, an integer that does not end, one of 65 bits.
        assert_eq!(Reader::new(&[5, 1]).bytes(), None);
        assert_eq!(Reader::new(&[0x80, 0x80]).integer(), None);
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).integer(), None);
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).integer(), Some(u64::MAX));
    }
}
