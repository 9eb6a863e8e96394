//! Rows of Parquet files.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType, TimestampNanosecondType,
    UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Null,
    Text(String),
    Bytes(Vec<u8>),
    Integer(i64),
    Unsigned(u64),
    /// Its bits, so that rows have an order.
    Number(u64),
    Time(i64),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row(pub BTreeMap<String, Cell>);

impl Row {
    pub fn text(&self, column: &str) -> &str {
        match &self.0[column] {
            Cell::Text(text) => text,
            other => panic!("{column} is {other:?}"),
        }
    }

    pub fn integer(&self, column: &str) -> i64 {
        match self.0[column] {
            Cell::Integer(value) => value,
            ref other => panic!("{column} is {other:?}"),
        }
    }

    pub fn number(&self, column: &str) -> f64 {
        match self.0[column] {
            Cell::Number(bits) => f64::from_bits(bits),
            ref other => panic!("{column} is {other:?}"),
        }
    }

    pub fn is_null(&self, column: &str) -> bool {
        self.0[column] == Cell::Null
    }

    /// The path's bytes; also checks that both columns agree.
    pub fn path(&self) -> Vec<u8> {
        let shown = self.text("path");
        match &self.0["path_raw"] {
            Cell::Null => shown.as_bytes().to_vec(),
            Cell::Bytes(raw) => {
                assert_eq!(pravah_foundation::base::paths::unescape(shown).as_ref(), Some(raw), "{shown}");
                assert_ne!(shown.as_bytes(), raw, "path_raw is for names that differ from what is shown");
                raw.clone()
            }
            other => panic!("path_raw is {other:?}"),
        }
    }
}

fn cell(array: &dyn Array, row: usize) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => Cell::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::Int64 => Cell::Integer(array.as_primitive::<Int64Type>().value(row)),
        DataType::Boolean => Cell::Integer(i64::from(array.as_boolean().value(row))),
        DataType::Date32 => Cell::Integer(i64::from(array.as_primitive::<Date32Type>().value(row))),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Cell::Time(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Time64(_) => Cell::Time(array.as_primitive::<Time64MicrosecondType>().value(row)),
        DataType::UInt64 => Cell::Unsigned(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float64 => Cell::Number(array.as_primitive::<Float64Type>().value(row).to_bits()),
        DataType::Timestamp(..) => Cell::Time(array.as_primitive::<TimestampNanosecondType>().value(row)),
        other => panic!("a column of {other}"),
    }
}

fn rows_of(batch: &RecordBatch, rows: &mut Vec<Row>) {
    let schema = batch.schema();
    for row in 0..batch.num_rows() {
        let cells = schema.fields().iter().zip(batch.columns());
        rows.push(Row(cells.map(|(field, array)| (field.name().clone(), cell(array, row))).collect()));
    }
}

/// All rows of a Parquet file.
pub fn read(path: &Path) -> Vec<Row> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let mut rows = Vec::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        rows_of(&batch.unwrap(), &mut rows);
    }
    rows
}

/// The names of a Parquet file's columns, in order.
pub fn columns(path: &Path) -> Vec<String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    builder.schema().fields().iter().map(|field| field.name().clone()).collect()
}

/// What the metadata of a Parquet file say of it.
pub fn pairs(path: &Path) -> BTreeMap<String, String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let pairs = builder.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    pairs.into_iter().map(|pair| (pair.key, pair.value.unwrap_or_default())).collect()
}
