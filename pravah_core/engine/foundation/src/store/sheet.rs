//! Rows of one table on their way into its shards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;

use crate::base::error::Result;
use crate::store::baseline::marked;
use crate::store::columns::TableColumns;
use crate::store::columns::{Column, Columns};
use crate::store::sink::{Sink, Staged, Table, TableWriter};

/// Rows that are built, and the writer that takes them when they are many.
pub struct Sheet {
    /// The rows.
    pub rows: Columns,
    writer: TableWriter,
    looked: Instant,
}

/// Between two looks at whether rows are old enough.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

impl Sheet {
    /// An empty one; several of one table may be written at once.
    pub fn new(sink: &Arc<Sink>, table: Table, columns: &[Column]) -> Self {
        let rows = Columns::new(columns);
        Self { writer: sink.writer(table, rows.schema()), rows, looked: Instant::now() }
    }

    /// One of rows that a later run may take over, where they are true for `mark`: see [`crate::store::baseline`].
    pub fn kept(sink: &Arc<Sink>, table: Table, columns: &[Column], mark: &str) -> Self {
        let rows = Columns::new(columns);
        Self { writer: sink.writer(table, marked(&rows.schema(), mark)), rows, looked: Instant::now() }
    }

    /// Write rows that are there already, of the same columns.
    ///
    /// # Errors
    /// As [`Sheet::write_if_full`].
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.writer.write(rows)
    }

    /// Hand the rows over when they are many, or a shard of their own; to be called after each.
    ///
    /// # Errors
    /// [`crate::base::error::EngineError::Output`], [`crate::base::error::EngineError::Cancelled`].
    pub fn write_if_full(&mut self) -> Result<()> {
        let is_shard = self.rows.rows() as u64 >= self.writer.shard_rows();
        if self.rows.is_full() || is_shard { self.writer.write(&self.rows.take()?) } else { Ok(()) }
    }

    /// As [`Sheet::write_if_full`], and make rows last that are old enough: for what has nobody who calls
    /// [`Sheet::checkpoint`].
    ///
    /// # Errors
    /// As [`Sheet::write_if_full`].
    pub fn write_now_and_then(&mut self) -> Result<()> {
        if self.looked.elapsed() < BETWEEN_LOOKS {
            return self.write_if_full();
        }
        self.looked = Instant::now();
        self.checkpoint()
    }

    /// Make rows last that are old enough; called from time to time while others are made.
    ///
    /// # Errors
    /// As [`Sheet::write_if_full`].
    pub fn checkpoint(&mut self) -> Result<()> {
        if self.rows.rows() > 0 {
            self.writer.write(&self.rows.take()?)?;
        }
        self.writer.checkpoint()
    }

    /// As [`Sheet::write_if_full`] of rows that are held: the full shards, for the caller to commit.
    ///
    /// # Errors
    /// As [`Sheet::write_if_full`].
    pub fn full(&mut self) -> Result<Staged> {
        self.write_if_full()?;
        Ok(self.writer.held())
    }

    /// As [`Sheet::checkpoint`] of rows that are held: the full shards and those that are old enough, for the caller to
    /// commit.
    ///
    /// # Errors
    /// As [`Sheet::write_if_full`].
    pub fn ripe(&mut self) -> Result<Staged> {
        self.writer.write(&self.rows.take()?)?;
        self.writer.ripe()
    }

    /// Those of all tables of an operation, in their order.
    pub fn all(sink: &Arc<Sink>, tables: &[TableColumns], table: fn(&'static str) -> Table) -> Vec<Self> {
        tables.iter().map(|(name, columns)| Self::new(sink, table(name), columns)).collect()
    }

    /// See [`TableWriter::hold`].
    pub fn hold(&mut self) {
        self.writer.hold();
    }

    /// The last rows; the caller commits them together with others.
    ///
    /// # Errors
    /// As [`Sheet::write_if_full`].
    pub fn stage(mut self) -> Result<Staged> {
        self.writer.write(&self.rows.take()?)?;
        self.writer.stage()
    }
}
