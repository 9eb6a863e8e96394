//! Rows of one table on their way into its shards.

use std::sync::Arc;

use crate::columns::{Column, Columns};
use crate::error::Result;
use crate::ops::TableColumns;
use crate::sink::{Sink, Staged, Table, TableWriter};

/// Rows that are built, and the writer that takes them when they are many.
pub struct Sheet {
    /// The rows.
    pub rows: Columns,
    writer: TableWriter,
}

impl Sheet {
    /// An empty one; several of one table may be written at once.
    pub fn new(sink: &Arc<Sink>, table: Table, columns: &[Column]) -> Self {
        let rows = Columns::new(columns);
        Self { writer: sink.writer(table, rows.schema()), rows }
    }

    /// Hand the rows over when they are many; to be called after each.
    ///
    /// # Errors
    /// [`crate::error::EngineError::Output`], [`crate::error::EngineError::Cancelled`].
    pub fn write_if_full(&mut self) -> Result<()> {
        if self.rows.is_full() { self.writer.write(&self.rows.take()?) } else { Ok(()) }
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
