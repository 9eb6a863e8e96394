//! Files that the pass cannot read to their end: those whose columns are known only once all of them was seen, and
//! those that are not read from their beginning to their end.

use std::fs::File;
use std::sync::Arc;

use rayon::prelude::*;

use super::RecordHandler;
use super::batches::Batches;
use super::format::Format;
use super::head::{Head, Origin};
use super::reading::{FileReading, Open, Shared};
use super::source::{Piece, give};
use super::work::Work;
use crate::base::error::{EngineError, Result};
use crate::base::issue::IssueKind;
use crate::base::pool::compute_pool;
use crate::base::sync::lock;
use crate::io::digest::{End, FileReader, Reading, Readings, Trouble};
use crate::run::context::Context;
use crate::tabular::json::Shape;

/// The name of the stage in which they are read.
pub const STAGE: &str = "reread";
/// Rows of the first batch of a table: they tell how many are a chunk.
const FIRST_ROWS: usize = 1024;
const MOST_ROWS: usize = 1 << 20;
/// Text of them that is looked at: a dictionary makes long texts of few bytes.
const FIRST_BYTES: usize = 64 << 20;

/// What is known of a file before it is read.
#[derive(Debug, Clone)]
pub enum KnownFormat {
    /// The keys of its objects.
    Shape(Arc<Shape>),
    /// It is a table.
    Table(Format),
}

impl<T: RecordHandler> Shared<T> {
    /// Read what was left for later, and wait for the end of all files.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], or what ended the work.
    pub fn settle(self: &Arc<Self>, context: &Context) -> Result<()> {
        self.wait()?;
        let later = std::mem::take(&mut *lock(&self.later));
        self.read_again(context, &later)
    }

    /// Read files once more, and wait for their ends.
    ///
    /// # Errors
    /// As [`Shared::settle`].
    pub fn read_again(self: &Arc<Self>, context: &Context, paths: &[Vec<u8>]) -> Result<()> {
        if !paths.is_empty() {
            let reader = FileReader::new(&context.root, &[], &context.control).uncounted();
            let pool = compute_pool(context.threads)?;
            pool.install(|| paths.par_iter().try_for_each(|path| self.read(&reader, path)))?;
        }
        self.wait()
    }

    fn read(self: &Arc<Self>, reader: &FileReader, path: &[u8]) -> Result<()> {
        let known = lock(&self.known).get(path).cloned();
        let read = match known {
            Some(KnownFormat::Table(format)) => self.table(reader, path, format),
            _ => self.text(reader, path),
        };
        match read {
            Ok(()) => Ok(()),
            Err(Trouble::Ended(error)) => Err(error),
            Err(Trouble::Issue(kind, message)) => {
                self.control.issue("read", path, kind, message);
                Ok(())
            }
        }
    }

    fn text(self: &Arc<Self>, reader: &FileReader, path: &[u8]) -> std::result::Result<(), Trouble> {
        let opened = reader.open(path)?;
        let seen = opened.state()?;
        let reading: Box<dyn Reading> = Box::new(FileReading::new(self, path, seen.size));
        let mut readings = Readings::new(vec![reading]);
        let read = reader.read_open(&opened, &seen, &mut readings);
        let end = match &read {
            Ok(digested) => End::Whole(&digested.meta),
            Err(_) => End::Broken(IssueKind::ChangedWhileRead),
        };
        readings.end(end).map_err(Trouble::Ended)?;
        read.map(|_| ())
    }

    fn table(self: &Arc<Self>, reader: &FileReader, path: &[u8], format: Format) -> std::result::Result<(), Trouble> {
        let opened = reader.open(path)?;
        let file = File::from(opened.try_clone()?);
        let (mut begun, mut read_as) = (None, None);
        let read = reader.unchanged(&opened, |meta| {
            let origin = Origin { path: path.to_vec(), size: meta.size, codec: None };
            read_as = Some(*meta);
            self.batches(origin, format, &file, &mut begun)
        });
        if let Some(Begun { work, .. }) = begun {
            read_as.iter().for_each(|meta| work.read_as(meta));
            if read.is_err() {
                work.give_up();
            }
            work.leave(self).map_err(Trouble::Ended)?;
        }
        read
    }

    fn batches(
        self: &Arc<Self>,
        origin: Origin,
        format: Format,
        file: &File,
        begun: &mut Option<Begun<T>>,
    ) -> Result<()> {
        let path = origin.path.clone();
        let failed = |message: String| {
            self.control.issue("read", &path, IssueKind::Malformed, message);
            Ok(())
        };
        let copy = || file.try_clone().map_err(|error| EngineError::internal(error.to_string()));
        // Some rows of the beginning tell how many are a chunk, and what most values are.
        let first = Batches::open(format, copy()?, FIRST_ROWS).and_then(|mut batches| {
            let batch = batches.next()?;
            Ok((batches.leaves, batch))
        });
        let (leaves, batch) = match first {
            Ok(first) => first,
            Err(message) => return failed(message),
        };
        let mut start = Vec::new();
        let rows = match &batch {
            Some(batch) => leaves.text(batch, FIRST_BYTES, &mut start)?.0,
            None => 0,
        };
        drop(batch);
        let rows_of_chunk = (self.chunk_bytes * rows.max(1) / start.len().max(1)).clamp(1, MOST_ROWS);
        let head = Head::of_table(origin, format, leaves.columns());
        let work = Arc::new(Work::new(&self.table, head, &start)?);
        *begun = Some(Begun { work: Arc::clone(&work), _open: Open::new(self) });
        let mut batches = match Batches::open(format, copy()?, rows_of_chunk) {
            Ok(batches) => batches,
            Err(message) => {
                work.give_up();
                return failed(message);
            }
        };
        let mut index = 0;
        loop {
            self.control.check()?;
            match batches.next() {
                Ok(Some(batch)) => {
                    // A batch of an Arrow file may be as large as the file.
                    for from in (0..batch.num_rows()).step_by(rows_of_chunk) {
                        self.control.check()?;
                        let part = batch.slice(from, rows_of_chunk.min(batch.num_rows() - from));
                        give(self, &work, index, Piece::Rows(part, Arc::clone(&batches.leaves)))?;
                        index += 1;
                    }
                }
                Ok(None) => return Ok(()),
                Err(message) => {
                    work.give_up();
                    return failed(message);
                }
            }
        }
    }
}

/// A table that is being read.
struct Begun<T: RecordHandler> {
    work: Arc<Work<T>>,
    _open: Open<T>,
}
