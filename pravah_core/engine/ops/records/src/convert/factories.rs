//! What makes the writers of columns: all at once, or, of a file of very many columns, some at a time.
//!
//! A writer takes tens of kilobytes before it has a value. Those of ten thousand columns, for each chunk that is under
//! way, were gigabytes. So the values of such a file wait until the end of their chunk, and are then encoded column by
//! column.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::failed;
use pravah_foundation::base::error::Result;

/// A file of more columns is wide.
const WIDE: usize = 512;
/// Columns whose writers are there at once then.
const TOGETHER: usize = 64;

/// The makers of writers.
pub struct Factories {
    all: Vec<ArrowRowGroupWriterFactory>,
    /// So many columns each.
    each: usize,
}

impl Factories {
    /// Of the file that `writer` writes, with these columns.
    ///
    /// # Errors
    /// What the Parquet library says.
    pub fn new<W: std::io::Write + Send>(
        writer: &SerializedFileWriter<W>,
        columns: &SchemaRef,
        factory: ArrowRowGroupWriterFactory,
    ) -> Result<Self> {
        let count = columns.fields().len();
        if !is_wide(count) {
            return Ok(Self { all: vec![factory], each: count.max(1) });
        }
        let fields = writer.schema_descr().root_schema().get_fields();
        let groups = columns.fields().chunks(TOGETHER).zip(fields.chunks(TOGETHER));
        let all = groups.map(|(columns, fields)| {
            let root = Type::group_type_builder("arrow_schema").with_fields(fields.to_vec()).build().map_err(failed)?;
            let properties = Arc::clone(writer.properties());
            let nothing = SerializedFileWriter::new(std::io::sink(), Arc::new(root), properties).map_err(failed)?;
            Ok(ArrowRowGroupWriterFactory::new(&nothing, Arc::new(Schema::new(columns.to_vec()))))
        });
        Ok(Self { all: all.collect::<Result<_>>()?, each: TOGETHER })
    }

    /// True when values are to wait for the end of their chunk.
    pub fn is_wide(&self) -> bool {
        self.all.len() > 1
    }

    /// How many columns have their writers made at once.
    pub fn each(&self) -> usize {
        self.each
    }

    /// The writers of the columns from `first` on that are made at once, one for each value that is in no other.
    ///
    /// # Errors
    /// What the Parquet library says.
    pub fn writers(&self, first: usize) -> Result<Vec<ArrowColumnWriter>> {
        match self.all.get(first / self.each) {
            Some(factory) => factory.create_column_writers(0).map_err(failed),
            None => Ok(Vec::new()),
        }
    }
}

/// True for a file of so many columns that their values wait.
pub fn is_wide(columns: usize) -> bool {
    columns > WIDE
}
