//! Runs on the disk, and the merge of them with what is in memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::{KeyRow, READ_ROWS, ROW_BYTES};

/// A run that is written.
pub(super) struct Run {
    start: u64,
    end: u64,
    buffer: Vec<u8>,
}

impl Run {
    pub(super) fn new(start: u64) -> Self {
        Self { start, end: start, buffer: Vec::with_capacity(READ_ROWS * ROW_BYTES) }
    }

    pub(super) fn push(&mut self, file: &File, row: KeyRow) -> std::io::Result<()> {
        row.iter().for_each(|number| self.buffer.extend_from_slice(&number.to_le_bytes()));
        if self.buffer.len() < READ_ROWS * ROW_BYTES {
            return Ok(());
        }
        self.write(file)
    }

    /// True before the first row of a block.
    pub(super) fn is_at_block(&self) -> bool {
        self.buffer.is_empty()
    }

    fn write(&mut self, file: &File) -> std::io::Result<()> {
        file.write_all_at(&self.buffer, self.end * ROW_BYTES as u64)?;
        self.end += (self.buffer.len() / ROW_BYTES) as u64;
        self.buffer.clear();
        Ok(())
    }

    pub(super) fn end(mut self, file: &File) -> std::io::Result<Range<u64>> {
        self.write(file)?;
        Ok(self.start..self.end)
    }
}

/// A run that is read.
#[derive(Debug)]
pub(super) struct Reader {
    file: Arc<File>,
    left: Range<u64>,
    at_once: usize,
    bytes: Vec<u8>,
    at: usize,
}

impl Reader {
    pub(super) fn new(file: &Arc<File>, run: Range<u64>, at_once: usize) -> Self {
        Self { file: Arc::clone(file), left: run, at_once, bytes: Vec::new(), at: 0 }
    }

    pub(super) fn next(&mut self) -> std::io::Result<Option<KeyRow>> {
        if self.at == self.bytes.len() {
            let rows = (self.left.end - self.left.start).min(self.at_once as u64);
            self.bytes.resize(rows as usize * ROW_BYTES, 0);
            self.file.read_exact_at(&mut self.bytes, self.left.start * ROW_BYTES as u64)?;
            self.left.start += rows;
            self.at = 0;
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
    Run(Reader),
}

impl Source {
    pub(super) fn memory(rows: Vec<KeyRow>) -> Self {
        Self::Memory(rows.into_iter())
    }

    pub(super) fn next(&mut self) -> std::io::Result<Option<KeyRow>> {
        match self {
            Self::Memory(rows) => Ok(rows.next()),
            Self::Run(reader) => reader.next(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Merge {
    sources: Vec<Source>,
    /// The next row of each that has one.
    next: BinaryHeap<Reverse<(KeyRow, usize)>>,
}

impl Merge {
    pub(super) fn new(mut sources: Vec<Source>) -> std::io::Result<Self> {
        let mut next = BinaryHeap::with_capacity(sources.len());
        for (place, source) in sources.iter_mut().enumerate() {
            next.extend(source.next()?.map(|row| Reverse((row, place))));
        }
        Ok(Self { sources, next })
    }

    pub(super) fn next(&mut self) -> std::io::Result<Option<KeyRow>> {
        let Some(mut least) = self.next.peek_mut() else { return Ok(None) };
        let Reverse((row, place)) = *least;
        match self.sources[place].next()? {
            // Sinks to its place when it is dropped.
            Some(following) => *least = Reverse((following, place)),
            None => drop(std::collections::binary_heap::PeekMut::pop(least)),
        }
        Ok(Some(row))
    }
}
