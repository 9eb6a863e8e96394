//! A few bytes that mean something where they stand together.

/// At most [`Marker::LONGEST`] bytes, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    bytes: [u8; Self::LONGEST],
    len: u8,
}

impl Marker {
    /// The longest one.
    pub const LONGEST: usize = 16;

    /// Of these bytes; none of no byte, or of too many.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let mut marker = Self { bytes: [0; Self::LONGEST], len: bytes.len() as u8 };
        marker.bytes.get_mut(..bytes.len()).filter(|place| !place.is_empty())?.copy_from_slice(bytes);
        Some(marker)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// True for a text that begins with it.
    pub fn begins(&self, text: &[u8]) -> bool {
        text.starts_with(self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_its_bytes() {
        assert_eq!((Marker::of(b""), Marker::of(&[b'x'; 17])), (None, None));
        let marker = Marker::of(b"//").unwrap();
        assert_eq!(marker.bytes(), b"//");
        assert!(marker.begins(b"// a") && !marker.begins(b"/ a") && !marker.begins(b"/"));
    }
}
