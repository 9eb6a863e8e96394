//! External merge sort: sorted runs on the disk, and the merge of them (Knuth, The Art of Computer Programming 3, 5.4).
//! What a row is, and how a run keeps it, is said by who sorts.
//!
//! Cost: O(n log n) time; a row is written once for each time that runs become too many to be merged at once. A merge
//! does not mind how values are spread: all alike, or all distinct, it holds a piece of each run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::error::Result;

/// Sorted rows, one after the other.
pub trait SortedRows {
    /// What is sorted.
    type Row: Ord;

    /// The next row.
    ///
    /// # Errors
    /// When it cannot be read again; the job ends.
    fn next(&mut self) -> Result<Option<Self::Row>>;
}

/// How rows of one kind are kept on the disk.
pub trait RunStore: Sized {
    /// A sorted run.
    type Run;
    /// A run that is read.
    type Rows: SortedRows;

    /// Read a run again, one of `count` that are merged.
    ///
    /// # Errors
    /// As [`SortedRows::next`].
    fn read(&self, run: Self::Run, count: usize) -> Result<Self::Rows>;

    /// Write what runs become as one.
    ///
    /// # Errors
    /// When it cannot be written, and as [`SortedRows::next`].
    fn write(&mut self, rows: Merge<Self::Rows>) -> Result<Self::Run>;
}

/// Several sorted sequences as one. Of rows that are equal those of the sequence that was given first come first.
#[derive(Debug)]
pub struct Merge<S: SortedRows> {
    sequences: Vec<S>,
    /// The next row of each that has one.
    next: BinaryHeap<Reverse<(S::Row, usize)>>,
}

impl<S: SortedRows> Merge<S> {
    /// Of these.
    ///
    /// # Errors
    /// As [`SortedRows::next`].
    pub fn new(mut sequences: Vec<S>) -> Result<Self> {
        let mut next = BinaryHeap::with_capacity(sequences.len());
        for (place, sequence) in sequences.iter_mut().enumerate() {
            next.extend(sequence.next()?.map(|row| Reverse((row, place))));
        }
        Ok(Self { sequences, next })
    }
}

impl<S: SortedRows> SortedRows for Merge<S> {
    type Row = S::Row;

    fn next(&mut self) -> Result<Option<S::Row>> {
        let Some(mut least) = self.next.peek_mut() else { return Ok(None) };
        let Some(following) = self.sequences[least.0.1].next()? else {
            return Ok(Some(PeekMut::pop(least).0.0));
        };
        // Sinks to its place when `least` is dropped.
        Ok(Some(std::mem::replace(&mut least.0.0, following)))
    }
}

/// Runs on the disk, merged whenever they become too many.
#[derive(Debug)]
pub struct Runs<S: RunStore> {
    store: S,
    /// Runs that are merged at once, at least two.
    fan: usize,
    /// Runs by how often they were merged, each level in the order of its rows' arrival.
    levels: Vec<Vec<S::Run>>,
}

impl<S: RunStore> Runs<S> {
    /// None yet; `fan` of them are merged at once.
    pub fn new(store: S, fan: usize) -> Self {
        Self { store, fan, levels: Vec::new() }
    }

    /// Add what `write` makes.
    ///
    /// # Errors
    /// Those of `write`, [`RunStore::read`] and [`RunStore::write`].
    pub fn add(&mut self, write: impl FnOnce(&mut S) -> Result<S::Run>) -> Result<()> {
        let mut run = write(&mut self.store)?;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < self.fan {
                break;
            }
            let full = std::mem::take(&mut self.levels[level]);
            let merged = Merge::new(read_all(&self.store, full)?)?;
            run = self.store.write(merged)?;
        }
        Ok(())
    }

    /// The runs, those whose rows came first first.
    pub fn iter(&self) -> impl Iterator<Item = &S::Run> {
        self.levels.iter().rev().flatten()
    }

    /// True while nothing was written.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Read all of them, those whose rows came first first.
    ///
    /// # Errors
    /// As [`RunStore::read`].
    pub fn read(self) -> Result<Vec<S::Rows>> {
        read_all(&self.store, self.levels.into_iter().rev().flatten().collect())
    }
}

fn read_all<S: RunStore>(store: &S, runs: Vec<S::Run>) -> Result<Vec<S::Rows>> {
    let count = runs.len();
    runs.into_iter().map(|run| store.read(run, count)).collect()
}
