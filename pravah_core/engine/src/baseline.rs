//! What an earlier run of an operation found, file by file: taken over where a file is as it was.
//!
//! A file is as it was when its path, size, times of change (content and inode, in nanoseconds) and inode number are.
//! The rows come from shards of the earlier result, be it of a job that completed or of an attempt that died: a shard
//! is whole once it has its name ([`crate::sink`]).
//!
//! Memory: the shards' columns, and 16 bytes a row.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{Array, RecordBatch};
use foldhash::fast::RandomState;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::sketch::hash;
use crate::walk::Meta;

/// Columns by which a file is known; a table that may be a baseline has them all.
const KNOWN_BY: [&str; 6] = ["path", "path_raw", "size_bytes", "modified", "changed", "inode"];
const BATCH_ROWS: usize = 64 << 10;

/// Rows of an earlier run.
#[derive(Debug, Default)]
pub struct Baseline {
    batches: Vec<RecordBatch>,
    /// By the hash of a path: its row. Two paths of one hash are one here, and the other is read anew.
    rows: HashMap<u64, (u32, u32), RandomState>,
    /// Columns of values, in the order asked for.
    values: Vec<String>,
}

impl Baseline {
    /// The rows of some shards with these columns of values; a later shard wins. A shard that lacks one or cannot be
    /// read is left out: its files are read anew.
    pub fn open(shards: &[PathBuf], values: &[&str]) -> Self {
        let mut all = Self { values: values.iter().map(|&name| name.to_owned()).collect(), ..Self::default() };
        for path in shards {
            let Some(reader) = reader(path, values) else { continue };
            // What came before a part that is broken is whole.
            reader.map_while(std::result::Result::ok).for_each(|batch| all.add(batch));
        }
        all
    }

    fn add(&mut self, batch: RecordBatch) {
        let place = self.batches.len() as u32;
        self.rows.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            if let Some(path) = path(&batch, row) {
                self.rows.insert(hash(path), (place, row as u32));
            }
        }
        self.batches.push(batch);
    }

    /// True without a row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of a file, when it is as it was.
    pub fn find(&self, path_now: &[u8], meta: &Meta) -> Option<Row<'_>> {
        let &(place, row) = self.rows.get(&hash(path_now))?;
        let batch = &self.batches[place as usize];
        let row = row as usize;
        let size = batch.column_by_name("size_bytes")?.as_primitive_opt::<Int64Type>()?.value(row);
        let inode = batch.column_by_name("inode")?.as_primitive_opt::<UInt64Type>()?.value(row);
        let time =
            |name: &str| Some(batch.column_by_name(name)?.as_primitive_opt::<TimestampNanosecondType>()?.value(row));
        let is_same = path(batch, row)? == path_now
            && size as u64 == meta.size
            && inode == meta.inode
            && time("modified")? == meta.mtime_ns
            && time("changed")? == meta.ctime_ns;
        is_same.then_some(Row { of: self, batch, row })
    }
}

fn reader(path: &Path, values: &[&str]) -> Option<ParquetRecordBatchReader> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).ok()?).ok()?;
    let wanted: Vec<&str> = KNOWN_BY.iter().chain(values).copied().collect();
    if wanted.iter().any(|name| builder.schema().field_with_name(name).is_err()) {
        return None;
    }
    let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
    builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().ok()
}

fn path(batch: &RecordBatch, row: usize) -> Option<&[u8]> {
    let raw = batch.column_by_name("path_raw")?.as_binary_opt::<i32>()?;
    if raw.is_valid(row) {
        return Some(raw.value(row));
    }
    Some(batch.column_by_name("path")?.as_string_opt::<i32>()?.value(row).as_bytes())
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    of: &'a Baseline,
    batch: &'a RecordBatch,
    row: usize,
}

impl<'a> Row<'a> {
    /// A value that is a text; none where there is none.
    pub fn text(&self, value: usize) -> Option<&'a str> {
        let column = self.batch.column_by_name(self.of.values.get(value)?)?;
        if column.is_null(self.row) {
            return None;
        }
        match column.as_string_opt::<i32>() {
            Some(texts) => Some(texts.value(self.row)),
            None => {
                let few = column.as_dictionary_opt::<Int32Type>()?;
                Some(few.values().as_string_opt::<i32>()?.value(few.key(self.row)?))
            }
        }
    }

    /// A value that is an integer; none where there is none.
    pub fn integer(&self, value: usize) -> Option<u64> {
        let column = self.batch.column_by_name(self.of.values.get(value)?)?.as_primitive_opt::<Int64Type>()?;
        column.is_valid(self.row).then(|| column.value(self.row) as u64)
    }
}
