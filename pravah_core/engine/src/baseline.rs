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
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt64Array,
};
use foldhash::fast::RandomState;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::sketch::hash;
use crate::walk::Meta;

/// Columns by which a file is known; a table that may be a baseline has them all.
const KNOWN_BY: [&str; 6] = ["path", "path_raw", "size_bytes", "modified", "changed", "inode"];
const BATCH_ROWS: usize = 64 << 10;

/// Shards of an operation's main table whose rows are taken over.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Of earlier jobs and attempts.
    pub earlier: Arc<[PathBuf]>,
    /// Of this job's own splits.
    pub own: Arc<[PathBuf]>,
}

/// Rows of an earlier run.
#[derive(Debug, Default)]
pub struct Baseline {
    parts: Vec<Part>,
    /// By the hash of a path: its part and row. Two paths of one hash are one here, and the other is read anew.
    rows: HashMap<u64, (u32, u32), RandomState>,
    /// From this part on they are of the job's own splits.
    first_own: u32,
}

/// Some rows, column by column.
#[derive(Debug)]
struct Part {
    path: StringArray,
    raw: BinaryArray,
    size: Int64Array,
    modified: TimestampNanosecondArray,
    changed: TimestampNanosecondArray,
    inode: UInt64Array,
    /// In the order asked for.
    values: Vec<ArrayRef>,
}

impl Part {
    fn of(batch: &RecordBatch, values: &[&str]) -> Option<Self> {
        let column = |name: &str| batch.column_by_name(name);
        let time = |name: &str| Some(column(name)?.as_primitive_opt::<TimestampNanosecondType>()?.clone());
        Some(Self {
            path: column("path")?.as_string_opt()?.clone(),
            raw: column("path_raw")?.as_binary_opt()?.clone(),
            size: column("size_bytes")?.as_primitive_opt::<Int64Type>()?.clone(),
            modified: time("modified")?,
            changed: time("changed")?,
            inode: column("inode")?.as_primitive_opt::<UInt64Type>()?.clone(),
            values: values.iter().map(|name| column(name).cloned()).collect::<Option<_>>()?,
        })
    }

    fn path(&self, row: usize) -> &[u8] {
        if self.raw.is_valid(row) { self.raw.value(row) } else { self.path.value(row).as_bytes() }
    }
}

impl Baseline {
    /// The rows of some shards with these columns of values; a later shard wins. A shard that lacks one or cannot be
    /// read is left out: its files are read anew.
    pub fn open(known: &Known, values: &[&str]) -> Self {
        let mut all = Self::default();
        for path in known.earlier.iter() {
            all.add_shard(path, values);
        }
        all.first_own = all.parts.len() as u32;
        for path in known.own.iter() {
            all.add_shard(path, values);
        }
        all
    }

    fn add_shard(&mut self, path: &Path, values: &[&str]) {
        let Some(reader) = reader(path, values) else { return };
        // What came before a part that is broken is whole.
        let parts = reader.map_while(std::result::Result::ok).map_while(|batch| Part::of(&batch, values));
        parts.for_each(|part| self.add(part));
    }

    fn add(&mut self, part: Part) {
        let (place, rows) = (self.parts.len() as u32, part.path.len());
        self.rows.reserve(rows);
        self.rows.extend((0..rows).map(|row| (hash(part.path(row)), (place, row as u32))));
        self.parts.push(part);
    }

    /// The row of a file, when it is as it was.
    #[inline]
    pub fn find(&self, path: &[u8], meta: &Meta) -> Option<Row<'_>> {
        if self.rows.is_empty() {
            return None;
        }
        let &(place, row) = self.rows.get(&hash(path))?;
        let (part, row) = (&self.parts[place as usize], row as usize);
        let is_same = part.size.value(row) as u64 == meta.size
            && part.inode.value(row) == meta.inode
            && part.modified.value(row) == meta.mtime_ns
            && part.changed.value(row) == meta.ctime_ns
            && part.path(row) == path;
        is_same.then_some(Row { part, row, is_own: place >= self.first_own })
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

/// A row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    part: &'a Part,
    row: usize,
    /// True when a split of this very job found it: it is computed, not reused.
    pub is_own: bool,
}

impl<'a> Row<'a> {
    /// A value that is a text; none where there is none.
    pub fn text(&self, value: usize) -> Option<&'a str> {
        let column = self.part.values.get(value)?;
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
        let column = self.part.values.get(value)?.as_primitive_opt::<Int64Type>()?;
        column.is_valid(self.row).then(|| column.value(self.row) as u64)
    }
}
