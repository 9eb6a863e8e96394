//! A stream of bytes cut into chunks of whole records.

use super::Dialect;
use super::automaton::{Automaton, STEP};
use crate::base::error::Result;

/// Whole records.
#[derive(Debug)]
pub struct Chunk {
    /// Its number, from 0.
    pub index: u32,
    /// Where it begins in the text.
    pub offset: u64,
    /// The records.
    pub text: Vec<u8>,
}

/// A record is longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlong {
    /// Where it begins in the text.
    pub offset: u64,
    /// True when it is so because a quoted field does not end.
    pub in_quotes: bool,
}

/// Cuts.
#[derive(Debug)]
pub struct Cutter {
    automaton: Automaton,
    buffer: Vec<u8>,
    /// Bytes of the buffer that the automaton has seen.
    seen: usize,
    /// Where the last record of them ends.
    border: usize,
    offset: u64,
    chunks: u32,
    chunk_bytes: usize,
    longest_bytes: usize,
    /// Bytes at the end of the text that are in no chunk before the last.
    held_bytes: usize,
}

impl Cutter {
    /// Chunks of about `chunk_bytes`, more where a record is longer, up to `longest_bytes`.
    pub fn new(dialect: Dialect, chunk_bytes: usize, longest_bytes: usize) -> Self {
        let (buffer, automaton) = (Vec::new(), Automaton::new(dialect));
        let (offset, held_bytes) = (0, 0);
        Self { automaton, buffer, seen: 0, border: 0, offset, chunks: 0, chunk_bytes, longest_bytes, held_bytes }
    }

    /// What it cuts begins there in the text, and at least so many bytes at the end are the last chunk's, or as many as
    /// there are.
    #[must_use]
    pub fn holding(self, offset: u64, held_bytes: usize) -> Self {
        Self { offset, held_bytes, ..self }
    }

    /// Add some bytes; `give` is called with every chunk that is complete, and gives an empty buffer for the next: one
    /// that was used before spares the system's zeroing of its pages.
    ///
    /// # Errors
    /// Those of `give`.
    pub fn push(
        &mut self,
        bytes: &[u8],
        mut give: impl FnMut(Chunk) -> Result<Vec<u8>>,
    ) -> Result<std::result::Result<(), Overlong>> {
        for part in bytes.chunks(self.chunk_bytes) {
            self.buffer.extend_from_slice(part);
            let upto = self.buffer.len().saturating_sub(self.held_bytes).max(self.seen);
            for step in self.buffer[self.seen..upto].as_chunks::<STEP>().0 {
                let marks = self.automaton.step(step);
                if marks.ends != 0 {
                    self.border = self.seen + 64 - marks.ends.leading_zeros() as usize;
                }
                self.seen += STEP;
            }
            // "\r\n" stays together.
            let border = match self.buffer.get(self.border) {
                Some(b'\n') if self.border > 0 && self.buffer[self.border - 1] == b'\r' => self.border + 1,
                Some(_) => self.border,
                None => 0,
            };
            if self.buffer.len() >= self.chunk_bytes && border > 0 && border <= self.seen {
                let rest = self.buffer[border..].to_vec();
                self.buffer.truncate(border);
                self.seen -= border;
                self.border = 0;
                let text = std::mem::take(&mut self.buffer);
                self.buffer = give(self.chunk(text))?;
                self.buffer.extend_from_slice(&rest);
            } else if self.buffer.len() - self.border > self.longest_bytes + self.held_bytes {
                return Ok(Err(Overlong {
                    offset: self.offset + self.border as u64,
                    in_quotes: self.automaton.is_inside(),
                }));
            }
        }
        Ok(Ok(()))
    }

    fn chunk(&mut self, text: Vec<u8>) -> Chunk {
        let chunk = Chunk { index: self.chunks, offset: self.offset, text };
        self.chunks += 1;
        self.offset += chunk.text.len() as u64;
        chunk
    }

    /// What is left, once nothing more comes.
    pub fn finish(mut self) -> Chunk {
        let text = std::mem::take(&mut self.buffer);
        self.chunk(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_any_size_are_cut_where_records_end() {
        let text = b"a,\"b\nc\"\r\nd,e\"f\n\"\"\"x\n\"\n\nlast,one\rno end".repeat(7);
        let mut whole = Vec::new();
        let mut automaton = Automaton::new(Dialect::of(b','));
        let mut place = 0;
        for part in text.chunks(STEP) {
            let marks = automaton.slowly(part);
            (0..64).filter(|bit| marks.ends >> bit & 1 == 1).for_each(|bit| whole.push(place + bit + 1));
            place += STEP;
        }
        for size in 1..text.len() {
            for piece in [1, 7, 64, 1000] {
                let mut cutter = Cutter::new(Dialect::of(b','), size, 1 << 20);
                let mut chunks = Vec::new();
                for bytes in text.chunks(piece) {
                    let pushed = cutter.push(bytes, |chunk| {
                        chunks.push(chunk);
                        Ok(Vec::new())
                    });
                    pushed.unwrap().unwrap();
                }
                let last = cutter.finish();
                for chunk in &chunks {
                    assert!(whole.contains(&(chunk.offset as usize + chunk.text.len())));
                }
                chunks.push(last);
                assert!(chunks.iter().enumerate().all(|(index, chunk)| chunk.index as usize == index));
                let joined: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.text).collect();
                assert!(joined == text, "{size} {piece}");
            }
        }
    }

    #[test]
    fn a_record_without_an_end_is_told() {
        let mut cutter = Cutter::new(Dialect::of(b','), 100, 1000);
        let pushed = cutter.push(b"a,b\n\"never closed,\n", |_| Ok(Vec::new())).unwrap();
        assert_eq!(pushed, Ok(()));
        let pushed = cutter.push(&b"x\n".repeat(1000), |_| Ok(Vec::new())).unwrap();
        assert!(pushed.unwrap_err().in_quotes);
    }
}
