//! Where the content of a member with holes goes.

use std::io::{self, Read};

use super::header::{BLOCK, number};

/// Offsets and lengths.
pub type SparseExtents = Vec<(u64, u64)>;
/// Parts that one member may have: 16 MiB of memory.
const MOST_PARTS: usize = 1 << 20;

/// What a member's records say of its holes.
#[derive(Debug)]
pub enum SparseFormat {
    /// It has none.
    Nothing,
    Parts(SparseExtents),
    /// A list in front of its content has them.
    InContent,
}

impl SparseFormat {
    /// Of which nobody knows where its parts go: no file is so large, and the list is refused.
    pub fn unknown() -> Self {
        Self::Parts(vec![(u64::MAX, u64::MAX)])
    }
}

/// Parts in their order, none beyond the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    pub parts: SparseExtents,
    /// Of the file, holes included.
    pub size: u64,
}

impl Map {
    /// # Errors
    /// The parts overlap, or lie beyond the end.
    pub fn new(parts: SparseExtents, size: u64) -> io::Result<Self> {
        let mut end = 0;
        for &(offset, length) in &parts {
            let next = offset.checked_add(length).filter(|&next| offset >= end && next <= size);
            end = next.ok_or_else(damaged)?;
        }
        Ok(Self { parts, size })
    }

    /// Bytes that are no holes.
    pub fn stored(&self) -> u64 {
        self.parts.iter().map(|(_, length)| length).sum()
    }
}

pub fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the list of holes is damaged")
}

/// Parts as headers of old GNU tars hold them, 24 bytes each.
pub fn parts(field: &[u8], all: &mut SparseExtents) {
    for part in field.chunks_exact(24) {
        // An empty field ends the list.
        let number = |field: &[u8]| number(field).and_then(|value| u64::try_from(value).ok());
        let (Some(offset), Some(length)) = (number(&part[..12]), number(&part[12..])) else { return };
        all.push((offset, length));
    }
}

/// Those of a block that goes on with a header's list; true when a further one follows.
///
/// # Errors
/// There are too many.
pub fn more(block: &[u8; BLOCK], all: &mut SparseExtents) -> io::Result<bool> {
    parts(&block[..504], all);
    if all.len() > MOST_PARTS { Err(damaged()) } else { Ok(block[504] != 0) }
}

/// The list in front of a member's content: numbers in decimal, a line each, in whole blocks.
///
/// # Errors
/// It is damaged, or the tar ends.
pub fn read(content: &mut impl Read) -> io::Result<SparseExtents> {
    let mut lines = Lines { content, block: [0; BLOCK], at: BLOCK };
    let count = usize::try_from(lines.number()?).ok().filter(|&count| count <= MOST_PARTS).ok_or_else(damaged)?;
    let mut parts = SparseExtents::with_capacity(count.min(4096));
    for _ in 0..count {
        parts.push((lines.number()?, lines.number()?));
    }
    Ok(parts)
}

struct Lines<'a, R> {
    content: &'a mut R,
    block: [u8; BLOCK],
    at: usize,
}

impl<R: Read> Lines<'_, R> {
    fn number(&mut self) -> io::Result<u64> {
        let (mut value, mut digits) = (0u64, 0);
        loop {
            if self.at == BLOCK {
                self.content.read_exact(&mut self.block)?;
                self.at = 0;
            }
            let byte = self.block[self.at];
            self.at += 1;
            match byte {
                b'0'..=b'9' if digits < 20 => {
                    let next = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(byte - b'0')));
                    value = next.ok_or_else(damaged)?;
                    digits += 1;
                }
                b'\n' if digits > 0 => return Ok(value),
                _ => return Err(damaged()),
            }
        }
    }
}
