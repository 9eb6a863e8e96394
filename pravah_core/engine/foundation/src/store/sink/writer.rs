//! Writes the shards of one table.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;

use super::{Pending, Sink, Staged, Table, parquet_writer};
use crate::base::control::Shard;
use crate::base::error::{EngineError, Result};

struct Open {
    since: Instant,
    writer: ArrowWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    relative: String,
    rows: u64,
}

/// Writes one table's shards; full ones are committed at once.
pub struct TableWriter {
    sink: Arc<Sink>,
    table: Table,
    schema: SchemaRef,
    part: Arc<AtomicU32>,
    open: Option<Open>,
    /// Full shards, when they are not committed at once.
    held: Option<Vec<Pending>>,
}

impl TableWriter {
    pub(super) fn new(sink: Arc<Sink>, table: Table, schema: SchemaRef, part: Arc<AtomicU32>) -> Self {
        Self { sink, table, schema, part, open: None, held: None }
    }

    /// Commit no shard before the end: what its metadata say is known only then.
    pub fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Rows of a full shard.
    pub fn shard_rows(&self) -> u64 {
        self.sink.shard_rows
    }

    /// Append rows; a shard is closed when it is full, so that none has more rows than asked for.
    ///
    /// # Errors
    /// [`EngineError::Output`], [`EngineError::Cancelled`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut start = 0;
        while start < batch.num_rows() {
            self.sink.control.check()?;
            let mut open = match self.open.take() {
                Some(open) => open,
                None => self.begin(self.part.fetch_add(1, Relaxed))?,
            };
            let room = usize::try_from(self.sink.shard_rows - open.rows).unwrap_or(usize::MAX);
            let length = room.min(batch.num_rows() - start);
            open.writer
                .write(&batch.slice(start, length))
                .map_err(|error| EngineError::output(&open.temporary, error))?;
            start += length;
            open.rows += length as u64;
            let bytes = (open.writer.bytes_written() + open.writer.in_progress_size()) as u64;
            let full = open.rows >= self.sink.shard_rows || bytes >= self.sink.shard_bytes;
            self.open = Some(open);
            if full {
                let staged = self.close()?;
                match &mut self.held {
                    // Not open: there may be many of them.
                    Some(held) => held.extend(staged.0.into_iter().map(|shard| Pending { file: None, ..shard })),
                    None => self.sink.commit(vec![staged])?,
                }
            }
        }
        Ok(())
    }

    /// Finish the shard that is open; the caller commits it together with others.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn stage(mut self) -> Result<Staged> {
        // A table without a row still has one shard: its schema is part of the result.
        if self.open.is_none() && self.part.compare_exchange(0, 1, Relaxed, Relaxed).is_ok() {
            self.open = Some(self.begin(0)?);
        }
        let mut staged = self.close()?;
        staged.0.extend(self.held.take().unwrap_or_default());
        Ok(staged)
    }

    /// Make the rows of the open shard last, when they are old enough.
    ///
    /// # Errors
    /// [`EngineError::Output`], [`EngineError::Cancelled`].
    pub fn checkpoint(&mut self) -> Result<()> {
        let sink = Arc::clone(&self.sink);
        if !self.open.as_ref().is_some_and(|open| sink.is_due(open.since)) {
            return Ok(());
        }
        let staged = self.close()?;
        sink.commit(vec![staged])
    }

    /// The full shards of those that are held.
    pub fn held(&mut self) -> Staged {
        Staged(self.held.as_mut().map(std::mem::take).unwrap_or_default())
    }

    /// The full shards of those that are held, and the open one when its rows are old enough.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn ripe(&mut self) -> Result<Staged> {
        let mut staged = self.held();
        if self.open.as_ref().is_some_and(|open| self.sink.is_due(open.since)) {
            staged.0.extend(self.close()?.0);
        }
        Ok(staged)
    }

    fn begin(&self, part: u32) -> Result<Open> {
        let folder = self.sink.directory.join(self.table.name);
        fs::create_dir_all(&folder).map_err(|error| EngineError::output(&folder, error))?;
        let name = format!("part-{part:05}.parquet");
        let temporary = folder.join(format!(".{name}.tmp"));
        let path = folder.join(&name);
        let writer = parquet_writer(&temporary, self.table, Arc::clone(&self.schema))?;
        Ok(Open {
            since: Instant::now(),
            writer,
            temporary,
            path,
            relative: format!("{}/{}/{name}", self.sink.operation, self.table.name),
            rows: 0,
        })
    }

    fn close(&mut self) -> Result<Staged> {
        let Some(open) = self.open.take() else { return Ok(Staged::default()) };
        let failed = |error: &dyn std::fmt::Display| EngineError::output(&open.temporary, error);
        let file = open.writer.into_inner().map_err(|error| failed(&error))?;
        let bytes = file.metadata().map_err(|error| failed(&error))?.len();
        let shard = Shard {
            operation: self.sink.operation.into(),
            table: self.table.name.into(),
            path: open.relative,
            rows: open.rows,
            bytes,
            blake3: String::new(),
        };
        Ok(Staged(vec![Pending { file: Some(file), temporary: open.temporary, path: open.path, shard }]))
    }
}
