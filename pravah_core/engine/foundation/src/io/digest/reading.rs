//! Several operations that take the bytes of one file in one read.

use rayon::prelude::*;

use super::file::Stop;
use super::large::BLOCK_BYTES;
use super::rest::Rest;
use crate::base::error;
use crate::base::issue::IssueKind;
use crate::base::meta::Meta;

/// What an operation does with the bytes of one file, in their order.
pub trait Reading: Send {
    /// Take the next bytes; false when it has seen enough.
    ///
    /// # Errors
    /// An error ends the job.
    fn block(&mut self, bytes: &[u8]) -> error::Result<bool>;

    /// True when it hands its work to the pool by itself: then the thread that reads must not wait for others, which
    /// would have it take such work while nobody reads.
    fn hands_on(&self) -> bool {
        false
    }

    /// Take some of what is left of the file in pieces, on all threads; where that ends, blocks go on. Asked after each
    /// block of a file that nobody else reads.
    ///
    /// # Errors
    /// [`Stop`].
    fn rest(&mut self, rest: &Rest<'_>) -> Result<u64, Stop> {
        Ok(rest.start())
    }

    /// The file's end, told exactly once.
    ///
    /// # Errors
    /// An error ends the job.
    fn end(self: Box<Self>, end: End<'_>) -> error::Result<()>;
}

/// How the reading of a file ended.
#[derive(Debug, Clone, Copy)]
pub enum End<'a> {
    /// It was read to its end, or to where every reading had enough, and was this file all the time.
    Whole(&'a Meta),
    /// It could not be opened or read, or changed meanwhile; the job has an issue of this kind already.
    Broken(IssueKind),
}

/// The readings of one file that still want bytes.
pub struct Readings<'a> {
    all: Vec<(Box<dyn Reading + 'a>, bool)>,
}

impl<'a> Readings<'a> {
    /// Those of some operations.
    pub fn new(readings: Vec<Box<dyn Reading + 'a>>) -> Self {
        Self { all: readings.into_iter().map(|reading| (reading, true)).collect() }
    }

    /// True when none wants a further byte.
    pub fn are_sated(&self) -> bool {
        self.all.iter().all(|(_, wants)| !wants)
    }

    /// True when there is one that hands its work on.
    pub(super) fn hands_on(&self) -> bool {
        matches!(&self.all[..], [(one, _)] if one.hands_on())
    }

    pub(super) fn rest(&mut self, rest: &Rest<'_>) -> Result<u64, Stop> {
        match &mut self.all[..] {
            [(one, true)] => one.rest(rest),
            _ => Ok(rest.start()),
        }
    }

    pub(super) fn block(&mut self, bytes: &[u8]) -> error::Result<()> {
        let mut wanting: Vec<_> = self.all.iter_mut().filter(|(_, wants)| *wants).collect();
        let take = |(reading, wants): &mut (Box<dyn Reading + 'a>, bool)| -> error::Result<()> {
            *wants = reading.block(bytes)?;
            Ok(())
        };
        match &mut wanting[..] {
            [one] => take(one),
            several if bytes.len() < BLOCK_BYTES => several.iter_mut().try_for_each(|one| take(one)),
            several => several.par_iter_mut().try_for_each(|one| take(one)),
        }
    }

    /// Tell all of them the end.
    ///
    /// # Errors
    /// The first error of a reading.
    pub fn end(self, end: End<'_>) -> error::Result<()> {
        self.all.into_iter().try_for_each(|(reading, _)| reading.end(end))
    }
}
