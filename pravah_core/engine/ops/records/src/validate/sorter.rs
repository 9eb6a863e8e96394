//! Rows of three numbers, sorted in bounded memory: what is too much of them waits in a file without a name, as sorted
//! runs, and these are merged.
//!
//! The file is gone with its handle, also when the job fails or is killed. A row takes 24 bytes in it, and as many again
//! each time that runs are merged because they are too many to be merged at once.
//!
//! # Cancellation
//! Looked at per block that such a merge writes; who reads the sorted rows looks for itself.

mod run;
mod store;

pub use store::{Cursor, KeyStore};

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use self::run::{KeyRuns, RunWriter, Source};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::sorting::{Merge, Runs, SortedRows};

/// What is sorted, by the first number, then the second, then the third.
pub type KeyRow = [u64; 3];

const ROW_BYTES: usize = size_of::<KeyRow>();
/// Rows from which on a sorted piece is kept as it is; those of smaller ones are sorted together.
const PIECE_ROWS: usize = 4096;
/// So many of them at a time.
const SMALL_ROWS: usize = 64 << 10;
/// Runs that are merged at once.
const FAN: usize = 256;
/// Rows of a run that are read at once.
const READ_ROWS: usize = 8192;

/// Memory that all sorters of a job share, and where their files are.
#[derive(Debug)]
pub struct KeyBudget {
    bytes: usize,
    directory: PathBuf,
    control: Arc<Control>,
    sorters: AtomicUsize,
    files: AtomicU64,
}

impl KeyBudget {
    /// So many bytes; files in that directory.
    pub fn new(bytes: usize, directory: PathBuf, control: Arc<Control>) -> Arc<Self> {
        Arc::new(Self { bytes, directory, control, sorters: AtomicUsize::new(0), files: AtomicU64::new(0) })
    }

    /// What one sorter may hold.
    fn rows(&self) -> usize {
        (self.bytes / self.sorters.load(Relaxed).max(1) / ROW_BYTES).max(1)
    }

    /// Few where there is little memory, as in tests.
    fn fan(&self) -> usize {
        (self.bytes / ROW_BYTES).clamp(2, FAN)
    }

    fn file(&self) -> Result<File> {
        let path = self.directory.join(format!(".keys-{}.tmp", self.files.fetch_add(1, Relaxed)));
        let made = File::options().read(true).write(true).create_new(true).open(&path);
        let unnamed = made.and_then(|file| std::fs::remove_file(&path).map(|()| file));
        unnamed.map_err(|error| EngineError::output(&path, error))
    }

    fn failed(&self, error: std::io::Error) -> EngineError {
        EngineError::output(&self.directory.join("a temporary file of keys"), error)
    }
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug)]
struct Share(Arc<KeyBudget>);

impl Share {
    fn new(budget: &Arc<KeyBudget>) -> Self {
        budget.sorters.fetch_add(1, Relaxed);
        Self(Arc::clone(budget))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.sorters.fetch_sub(1, Relaxed);
    }
}

/// Takes rows in any order.
#[derive(Debug)]
pub struct KeySorter {
    share: Share,
    /// Sorted, each.
    pieces: Vec<Vec<KeyRow>>,
    small: Vec<KeyRow>,
    held: usize,
    disk: Option<Runs<KeyRuns>>,
}

impl KeySorter {
    /// One of several that share a budget.
    pub fn new(budget: &Arc<KeyBudget>) -> Self {
        Self { share: Share::new(budget), pieces: Vec::new(), small: Vec::new(), held: 0, disk: None }
    }

    /// Take rows that are sorted.
    ///
    /// # Errors
    /// [`EngineError::Output`] when they cannot be written, here and below.
    pub fn piece(&mut self, mut piece: Vec<KeyRow>) -> Result<()> {
        self.held += piece.len();
        if piece.len() >= PIECE_ROWS {
            piece.shrink_to_fit();
            self.pieces.push(piece);
        } else {
            self.small.append(&mut piece);
        }
        self.settle()
    }

    /// Take one row.
    pub fn row(&mut self, row: KeyRow) -> Result<()> {
        self.held += 1;
        self.small.push(row);
        self.settle()
    }

    fn settle(&mut self) -> Result<()> {
        let is_full = self.held > self.share.0.rows();
        if is_full || self.small.len() >= SMALL_ROWS {
            self.sort_small();
        }
        if is_full { self.spill() } else { Ok(()) }
    }

    fn sort_small(&mut self) {
        if !self.small.is_empty() {
            let mut piece = std::mem::take(&mut self.small);
            piece.sort_unstable();
            self.pieces.push(piece);
        }
    }

    fn spill(&mut self) -> Result<()> {
        self.held = 0;
        let budget = &self.share.0;
        let disk = match &mut self.disk {
            Some(disk) => disk,
            None => self.disk.insert(Runs::new(KeyRuns::new(budget)?, budget.fan())),
        };
        self.pieces.drain(..).try_for_each(|piece| disk.add(|store| store.keep(piece)))
    }

    /// All rows in their order.
    ///
    /// # Errors
    /// As [`KeySorter::piece`].
    pub fn sorted(mut self) -> Result<Sorted> {
        self.sort_small();
        if self.disk.is_some() {
            // The memory is for reading the runs now.
            self.spill()?;
        }
        let mut rows = self.pieces.iter().map(|piece| piece.len() as u64).sum();
        let mut sources: Vec<Source> = self.pieces.drain(..).map(Source::memory).collect();
        if let Some(disk) = self.disk.take() {
            rows += disk.iter().map(|run| run.end - run.start).sum::<u64>();
            sources.extend(disk.read()?);
        }
        Ok(Sorted { merge: Merge::new(sources)?, rows, share: self.share })
    }
}

/// Rows in their order.
#[derive(Debug)]
pub struct Sorted {
    merge: Merge<Source>,
    rows: u64,
    share: Share,
}

impl Sorted {
    /// The next row.
    ///
    /// # Errors
    /// [`EngineError::Output`] when it cannot be read again.
    pub fn next(&mut self) -> Result<Option<KeyRow>> {
        self.merge.next()
    }

    /// All that are left, told to `each` and kept for [`KeyStore::read`].
    ///
    /// # Errors
    /// As [`KeySorter::piece`]; those of `each`.
    pub fn store(mut self, mut each: impl FnMut(u64, KeyRow) -> Result<()>) -> Result<KeyStore> {
        let budget = Arc::clone(&self.share.0);
        if self.rows <= budget.rows() as u64 {
            let mut rows = Vec::with_capacity(self.rows as usize);
            while let Some(row) = self.next()? {
                each(rows.len() as u64, row)?;
                rows.push(row);
            }
            return Ok(KeyStore::Memory(rows));
        }
        let (file, mut place) = (Arc::new(budget.file()?), 0);
        let mut run = RunWriter::new(&file, 0, &budget);
        while let Some(row) = self.next()? {
            each(place, row)?;
            place += 1;
            run.push(row)?;
        }
        run.end()?;
        Ok(KeyStore::File(file, budget))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as they come out when they are given in pieces of so many.
    fn through(rows: &[KeyRow], piece: usize, bytes: usize) -> Vec<KeyRow> {
        let folder = tempfile::tempdir().unwrap();
        let budget = KeyBudget::new(bytes, folder.path().to_owned(), Arc::new(Control::new()));
        let mut sorter = KeySorter::new(&budget);
        for piece in rows.chunks(piece) {
            let mut piece = piece.to_vec();
            piece.sort_unstable();
            match piece[..] {
                [row] => sorter.row(row).unwrap(),
                _ => sorter.piece(piece).unwrap(),
            }
        }
        // What is on the disk has no name.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut told = Vec::new();
        let store = sorter.sorted().unwrap().store(|place, row| {
            assert_eq!(place, told.len() as u64);
            told.push(row);
            Ok(())
        });
        let store = Arc::new(store.unwrap());
        for range in [0..0, 0..rows.len(), rows.len() / 3..rows.len() / 2] {
            let mut cursor = store.read(range.start as u64..range.end as u64);
            let read: Vec<KeyRow> = std::iter::from_fn(|| cursor.next_if(|_| true).unwrap()).collect();
            assert_eq!(read, told[range]);
        }
        assert_eq!(budget.sorters.load(Relaxed), 0);
        told
    }

    #[test]
    fn rows_come_out_in_their_order_whatever_memory_there_is() {
        let mixed = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
        for (count, of) in [(0u64, 1u64), (1, 1), (3000, 1), (3000, 5), (20_000, u64::MAX)] {
            let rows: Vec<KeyRow> =
                (0..count).map(|number| [mixed(number) % of, number % 3, mixed(number + 9)]).collect();
            let mut sorted = rows.clone();
            sorted.sort_unstable();
            for (piece, bytes) in [(1, 1), (1, 100), (7, 24 * 50), (5000, 24 * 300), (5000, 1 << 20), (100, 1 << 30)] {
                assert_eq!(through(&rows, piece, bytes), sorted, "{count} of {of}, {piece} at a time, {bytes} bytes");
            }
        }
    }
}
