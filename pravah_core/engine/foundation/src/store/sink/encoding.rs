//! How a result's tables are encoded.

use std::fs::File;
use std::path::Path;

use arrow_schema::{DataType, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::Table;
use crate::base::error::{EngineError, Result};

/// Rows of a row group: a reader's grain for skipping, and what a writer holds encoded in memory.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Begin a Parquet file.
///
/// # Errors
/// [`EngineError::Output`].
pub fn parquet_writer(path: &Path, table: Table, schema: SchemaRef) -> Result<ArrowWriter<File>> {
    let properties = properties(table, &schema);
    // Also read: see `Staged::annotate`.
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
    let file = file.map_err(|error| EngineError::output(path, error))?;
    ArrowWriter::try_new(file, schema, Some(properties)).map_err(|error| EngineError::output(path, error))
}

fn properties(table: Table, schema: &Schema) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(format!("pravah-engine {}", crate::base::version::VERSION));
    for field in schema.fields() {
        let column = ColumnPath::from(field.name().as_str());
        if table.dictionary.contains(&field.name().as_str()) {
            properties = properties.set_column_dictionary_enabled(column, true);
        } else if matches!(field.data_type(), DataType::Int64 | DataType::UInt64 | DataType::Timestamp(..)) {
            // Sizes, inodes and times of neighbours are near each other.
            properties = properties.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
        }
    }
    properties.build()
}
