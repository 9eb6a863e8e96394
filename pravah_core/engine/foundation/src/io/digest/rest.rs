//! What of a large file is still to come, for who takes it in pieces on all threads of the pool.

use std::ops::Range;
use std::os::fd::OwnedFd;

use super::file::{Meter, Stop};
use super::large::{BLOCK_BYTES, read_exact_at};
use crate::base::pool::turns::{Turn, in_turns};

/// Who reads from before a piece begins at a multiple of this: the system copies the pages of a file three times as fast to
/// memory that is aligned as they are.
pub const ALIGNED_BYTES: u64 = 64;

/// What of a file has not been read.
pub struct Rest<'a> {
    file: &'a OwnedFd,
    bytes: Range<u64>,
    meter: &'a Meter<'a>,
}

impl<'a> Rest<'a> {
    /// These bytes of a file, up to its end.
    pub(super) fn new(file: &'a OwnedFd, bytes: Range<u64>, meter: &'a Meter<'a>) -> Self {
        Self { file, bytes, meter }
    }

    /// Where it begins.
    pub fn start(&self) -> u64 {
        self.bytes.start
    }

    /// Where the file ends.
    pub fn end(&self) -> u64 {
        self.bytes.end
    }

    /// Fill `text` with the bytes of the file at `start`, which may lie before what is left.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn read(&self, text: &mut [u8], start: u64) -> Result<(), Stop> {
        self.meter.check()?;
        read_exact_at(self.file, text, start)
    }

    /// Have `work` done for pieces of `piece_bytes`, or of a block, in turns: see [`in_turns`]. The state that is handed
    /// from turn to turn is returned with where the first piece begins that had no turn.
    ///
    /// # Errors
    /// One of those that `work` returns.
    pub fn in_pieces<S: Send>(
        &self,
        piece_bytes: Option<usize>,
        state: S,
        work: impl Fn(Range<u64>, &mut Vec<u8>, Piece<'_, S>) -> Result<(), Stop> + Sync,
    ) -> Result<(S, u64), Stop> {
        let size = piece_bytes.unwrap_or(BLOCK_BYTES).clamp(1, BLOCK_BYTES) as u64;
        let count = (self.bytes.end - self.bytes.start).div_ceil(size);
        in_turns(count, (state, self.bytes.start), |turn, buffer| {
            let start = self.bytes.start + turn.number() * size;
            let end = self.bytes.end.min(start + size);
            work(start..end, buffer, Piece { turn, end, meter: self.meter })
        })
    }
}

/// A piece that has not had its turn.
pub struct Piece<'a, S> {
    turn: Turn<'a, (S, u64)>,
    end: u64,
    meter: &'a Meter<'a>,
}

impl<S> Piece<'_, S> {
    /// See [`Turn::take`].
    pub fn take<T>(self, take: impl FnOnce(&mut S) -> Option<T>) -> Option<T> {
        let Self { turn, end, meter } = self;
        turn.take(|(state, taken)| {
            let made = take(state)?;
            meter.add(end - *taken);
            *taken = end;
            Some(made)
        })
    }
}
