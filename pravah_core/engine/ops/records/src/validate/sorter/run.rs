//! Runs on the disk, one behind the other in a file, and pieces in memory.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::{KeyBudget, KeyRow, READ_ROWS, ROW_BYTES};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::sorting::{Merge, RunStore, SortedRows};

/// The file of the runs.
#[derive(Debug)]
pub(super) struct KeyRuns {
    file: Arc<File>,
    budget: Arc<KeyBudget>,
    /// Rows in it.
    rows: u64,
}

impl KeyRuns {
    pub(super) fn new(budget: &Arc<KeyBudget>) -> Result<Self> {
        Ok(Self { file: Arc::new(budget.file()?), budget: Arc::clone(budget), rows: 0 })
    }

    /// Write a sorted piece.
    pub(super) fn keep(&mut self, piece: Vec<KeyRow>) -> Result<Range<u64>> {
        self.write(Merge::new(vec![Source::memory(piece)])?)
    }
}

impl RunStore for KeyRuns {
    /// Its rows.
    type Run = Range<u64>;
    type Rows = Source;

    fn read(&self, run: Range<u64>, count: usize) -> Result<Source> {
        let at_once = (self.budget.rows() / count.max(1)).clamp(16, READ_ROWS);
        Ok(Source::Run(RunReader::new(&self.file, run, at_once, &self.budget)))
    }

    fn write(&mut self, mut rows: Merge<Source>) -> Result<Range<u64>> {
        let mut run = RunWriter::new(&self.file, self.rows, &self.budget);
        while let Some(row) = rows.next()? {
            if run.is_at_block() {
                self.budget.control.check()?;
            }
            run.push(row)?;
        }
        let run = run.end()?;
        self.rows = run.end;
        Ok(run)
    }
}

/// A run that is written.
pub(super) struct RunWriter {
    file: Arc<File>,
    budget: Arc<KeyBudget>,
    start: u64,
    end: u64,
    buffer: Vec<u8>,
}

impl RunWriter {
    pub(super) fn new(file: &Arc<File>, start: u64, budget: &Arc<KeyBudget>) -> Self {
        let (file, budget) = (Arc::clone(file), Arc::clone(budget));
        Self { file, budget, start, end: start, buffer: Vec::with_capacity(READ_ROWS * ROW_BYTES) }
    }

    pub(super) fn push(&mut self, row: KeyRow) -> Result<()> {
        row.iter().for_each(|number| self.buffer.extend_from_slice(&number.to_le_bytes()));
        if self.buffer.len() < READ_ROWS * ROW_BYTES {
            return Ok(());
        }
        self.write()
    }

    /// True before the first row of a block.
    fn is_at_block(&self) -> bool {
        self.buffer.is_empty()
    }

    fn write(&mut self) -> Result<()> {
        let place = self.end * ROW_BYTES as u64;
        self.file.write_all_at(&self.buffer, place).map_err(|error| self.budget.failed(error))?;
        self.end += (self.buffer.len() / ROW_BYTES) as u64;
        self.buffer.clear();
        Ok(())
    }

    pub(super) fn end(mut self) -> Result<Range<u64>> {
        self.write()?;
        Ok(self.start..self.end)
    }
}

/// A run that is read.
#[derive(Debug)]
pub(super) struct RunReader {
    file: Arc<File>,
    budget: Arc<KeyBudget>,
    left: Range<u64>,
    at_once: usize,
    bytes: Vec<u8>,
    at: usize,
}

impl RunReader {
    pub(super) fn new(file: &Arc<File>, run: Range<u64>, at_once: usize, budget: &Arc<KeyBudget>) -> Self {
        let (file, budget) = (Arc::clone(file), Arc::clone(budget));
        Self { file, budget, left: run, at_once, bytes: Vec::new(), at: 0 }
    }

    fn fill(&mut self) -> Result<()> {
        let rows = (self.left.end - self.left.start).min(self.at_once as u64);
        self.bytes.resize(rows as usize * ROW_BYTES, 0);
        let place = self.left.start * ROW_BYTES as u64;
        self.file.read_exact_at(&mut self.bytes, place).map_err(|error| self.budget.failed(error))?;
        self.left.start += rows;
        self.at = 0;
        Ok(())
    }
}

impl SortedRows for RunReader {
    type Row = KeyRow;

    fn next(&mut self) -> Result<Option<KeyRow>> {
        if self.at == self.bytes.len() {
            self.fill()?;
        }
        let Some((row, _)) = self.bytes[self.at..].split_first_chunk::<ROW_BYTES>() else { return Ok(None) };
        self.at += ROW_BYTES;
        let (numbers, _) = row.as_chunks::<8>();
        Ok(Some(std::array::from_fn(|place| u64::from_le_bytes(numbers[place]))))
    }
}

#[derive(Debug)]
pub(super) enum Source {
    Memory(std::vec::IntoIter<KeyRow>),
    Run(RunReader),
}

impl Source {
    pub(super) fn memory(rows: Vec<KeyRow>) -> Self {
        Self::Memory(rows.into_iter())
    }
}

impl SortedRows for Source {
    type Row = KeyRow;

    fn next(&mut self) -> Result<Option<KeyRow>> {
        match self {
            Self::Memory(rows) => Ok(rows.next()),
            Self::Run(reader) => reader.next(),
        }
    }
}
