//! What an earlier run of an operation found, file by file: taken over where a file is as it was.
//!
//! A file is as it was when its path, size, times of change (content and inode, in nanoseconds) and inode number are.
//! The rows come from shards of the earlier result, be it of a job that completed or of an attempt that died: a shard
//! is whole once it has its name ([`crate::store::sink`]).
//!
//! Where a row is true for some options only, the table's shards are marked with them, and those of other options are
//! left out. Where what was found of a file stands in several tables, only those of one [`Run`] belong together: a file
//! that was begun by an attempt and ended by the next one has rows in both.
//!
//! Memory: the shards' columns that are asked for, 16 bytes for each of their texts, and 16 bytes a row.

mod reused;
mod shard;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, Int64Array, RecordBatch, StringViewArray, TimestampNanosecondArray, UInt64Array,
};
use arrow_schema::{Schema, SchemaRef};
use foldhash::fast::RandomState;

pub use self::reused::Reused;
pub use self::shard::{ShardRows, columns_of, words_of};
use self::shard::{all_parts, parts};
use crate::base::error::Result;
use crate::base::hash::hash;
use crate::base::meta::FileState;
use crate::base::meta::Meta;
use crate::base::sync::lock;
use crate::store::columns::Columns;

/// Columns by which a file is known; a table that may be a baseline has them all.
const KNOWN_BY: [&str; 6] = ["path", "path_raw", "size_bytes", "modified", "changed", "inode"];

/// The columns of a table that may be a baseline: those of [`known_by`], and its own.
#[macro_export]
macro_rules! kept {
    ($($own:expr),+ $(,)?) => {
        &[
            $crate::store::columns::Column::text("path"),
            $crate::store::columns::Column::raw("path_raw"),
            $crate::store::columns::Column::integer("size_bytes"),
            $crate::store::columns::Column::time("modified"),
            $crate::store::columns::Column::time("changed"),
            $crate::store::columns::Column::unsigned("inode"),
            $($own),+
        ]
    };
}
pub use kept;

/// The key in a shard's metadata of what its rows are true for.
const MARK: &str = "pravah.made_with";

/// A schema whose shards say what their rows are true for.
pub fn marked(schema: &SchemaRef, mark: &str) -> SchemaRef {
    let pair = (MARK.to_owned(), mark.to_owned());
    Arc::new(Schema::new_with_metadata(schema.fields().clone(), HashMap::from([pair])))
}

/// Append the columns by which a file is known.
pub fn known_by(rows: &mut Columns, path: &[u8], state: FileState) {
    rows.path(path);
    rows.integer(state.size);
    rows.time(state.mtime_ns);
    rows.time(state.ctime_ns);
    rows.unsigned(state.inode);
}

/// Shards of an operation whose rows are taken over.
#[derive(Debug, Clone, Default)]
pub struct Shards {
    /// Of earlier jobs and attempts.
    pub earlier: Arc<[PathBuf]>,
    /// Of this job's own splits.
    pub own: Arc<[PathBuf]>,
}

impl Shards {
    /// True without one.
    pub fn is_empty(&self) -> bool {
        self.earlier.is_empty() && self.own.is_empty()
    }
}

/// Numbers of the runs of a job's own splits begin here.
const OWN: u32 = 1 << 31;

/// The shards of one earlier run, of all tables of an operation.
#[derive(Debug)]
pub struct Run<'a> {
    /// Its number.
    pub number: u32,
    folder: &'a Path,
    shards: Vec<&'a Path>,
}

impl<'a> Run<'a> {
    /// Divide shards by the run that wrote them, in the order in which they come. They lie as they were written:
    /// `<the run's>/<table>/<shard>`.
    pub fn of(shards: &'a Shards) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        let earlier = shards.earlier.iter().map(|shard| (shard, 0));
        for (shard, first) in earlier.chain(shards.own.iter().map(|shard| (shard, OWN))) {
            let Some(folder) = shard.parent().and_then(Path::parent) else { continue };
            match runs.iter_mut().rev().find(|run| run.folder == folder) {
                Some(run) => run.shards.push(shard),
                None => runs.push(Self { number: first + runs.len() as u32, folder, shards: vec![shard] }),
            }
        }
        runs
    }

    /// Those of one table.
    pub fn table(&self, name: &str) -> impl Iterator<Item = &'a Path> {
        let is_of = move |shard: &Path| shard.parent().and_then(Path::file_name).is_some_and(|table| table == name);
        self.shards.iter().copied().filter(move |shard| is_of(shard))
    }
}

/// Do something with each row of a shard of run number `run` that is true for `mark`, so many in memory at once.
///
/// # Errors
/// The first of `work`.
pub fn each_row(
    path: &Path,
    (run, mark): (u32, &str),
    values: &[&str],
    batch_rows: usize,
    mut work: impl FnMut(Row<'_>) -> Result<()>,
) -> Result<()> {
    let mut parts = parts(path, (run, Some(mark)), values, batch_rows);
    parts.try_for_each(|part| (0..part.path.len()).try_for_each(|row| work(Row { part: &part, row })))
}

/// Files that are taken over and of which more is read once the pass is over, by the numbers of their runs.
#[derive(Debug, Default)]
pub struct Taken(Mutex<HashMap<u32, Paths>>);

/// Paths of files.
pub type Paths = HashSet<Vec<u8>, RandomState>;

impl Taken {
    /// One more.
    pub fn add(&self, row: Row<'_>) {
        lock(&self.0).entry(row.run()).or_default().insert(row.path().to_vec());
    }

    /// All of them.
    pub fn all(&self) -> HashMap<u32, Paths> {
        std::mem::take(&mut *lock(&self.0))
    }
}

/// Rows of an earlier run.
#[derive(Debug, Default)]
pub struct Baseline {
    parts: Vec<Part>,
    /// By the hash of a path: its part and row. Two paths of one hash are one here, and the other is read anew.
    rows: HashMap<u64, (u32, u32), RandomState>,
}

/// Some rows, column by column.
#[derive(Debug)]
struct Part {
    /// Number of the run that it is of.
    run: u32,
    path: StringViewArray,
    raw: BinaryViewArray,
    size: Int64Array,
    modified: TimestampNanosecondArray,
    changed: TimestampNanosecondArray,
    inode: UInt64Array,
    /// In the order asked for.
    values: Vec<ArrayRef>,
}

impl Part {
    /// Of columns by which files are known, and of those with the values.
    fn of(run: u32, known: &RecordBatch, of_values: &RecordBatch, values: &[&str]) -> Option<Self> {
        let column = |name: &str| known.column_by_name(name);
        let time = |name: &str| Some(column(name)?.as_primitive_opt::<TimestampNanosecondType>()?.clone());
        Some(Self {
            run,
            path: column("path")?.as_string_view_opt()?.clone(),
            raw: column("path_raw")?.as_binary_view_opt()?.clone(),
            size: column("size_bytes")?.as_primitive_opt::<Int64Type>()?.clone(),
            modified: time("modified")?,
            changed: time("changed")?,
            inode: column("inode")?.as_primitive_opt::<UInt64Type>()?.clone(),
            values: values.iter().map(|name| of_values.column_by_name(name).cloned()).collect::<Option<_>>()?,
        })
    }

    fn path(&self, row: usize) -> &[u8] {
        if self.raw.is_valid(row) { self.raw.value(row) } else { self.path.value(row).as_bytes() }
    }
}

impl Baseline {
    /// The rows of some shards with these columns of values; a later shard wins. A shard that lacks one or cannot be
    /// read is left out: its files are read anew.
    pub fn open(shards: &Shards, values: &[&str]) -> Self {
        let mut all = Self::default();
        for run in Run::of(shards) {
            all.extend(run.number, run.shards.iter().copied(), None, values, |_| true);
        }
        all
    }

    /// The rows of a table that are true for `mark`, of all runs.
    pub fn of_table(shards: &Shards, table: &str, mark: &str, values: &[&str]) -> Self {
        let mut all = Self::default();
        for run in Run::of(shards) {
            all.extend(run.number, run.table(table), Some(mark), values, |_| true);
        }
        all
    }

    /// Add the rows of run number `run` that are true for `mark` and that `keeps` lets in.
    pub fn extend<'a>(
        &mut self,
        run: u32,
        shards: impl Iterator<Item = &'a Path>,
        mark: Option<&str>,
        values: &[&str],
        keeps: impl Fn(Row<'_>) -> bool,
    ) {
        let shards: Vec<&Path> = shards.collect();
        all_parts(&shards, (run, mark), values).into_iter().for_each(|part| self.add(part, &keeps));
    }

    fn add(&mut self, part: Part, keeps: impl Fn(Row<'_>) -> bool) {
        let (place, rows) = (self.parts.len() as u32, part.path.len());
        self.rows.reserve(rows);
        let kept = (0..rows).filter(|&row| keeps(Row { part: &part, row }));
        self.rows.extend(kept.map(|row| (hash(part.path(row)), (place, row as u32))));
        self.parts.push(part);
    }

    /// True without a row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of a file, when it is as it was.
    #[inline]
    pub fn find(&self, path: &[u8], meta: &Meta) -> Option<Row<'_>> {
        if self.rows.is_empty() {
            return None;
        }
        let &(place, row) = self.rows.get(&hash(path))?;
        let (part, row) = (&self.parts[place as usize], row as usize);
        let found = Row { part, row };
        (found.state() == FileState::from(meta) && found.path() == path).then_some(found)
    }
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    part: &'a Part,
    row: usize,
}

impl<'a> Row<'a> {
    /// Number of the run that it is of.
    pub fn run(&self) -> u32 {
        self.part.run
    }

    /// True when a split of this very job found it: it is computed, not reused.
    pub fn is_own(&self) -> bool {
        self.part.run >= OWN
    }

    /// What the file was known by.
    pub fn state(&self) -> FileState {
        let Part { size, modified, changed, inode, .. } = self.part;
        FileState {
            size: size.value(self.row) as u64,
            mtime_ns: modified.value(self.row),
            ctime_ns: changed.value(self.row),
            inode: inode.value(self.row),
        }
    }

    /// The file's path.
    pub fn path(&self) -> &'a [u8] {
        self.part.path(self.row)
    }

    /// A value that is bytes; none where there are none.
    pub fn bytes(&self, value: usize) -> Option<&'a [u8]> {
        let column = self.part.values.get(value)?.as_binary_view_opt()?;
        column.is_valid(self.row).then(|| column.value(self.row))
    }

    /// A value that is a text; none where there is none.
    pub fn text(&self, value: usize) -> Option<&'a str> {
        let column = self.part.values.get(value)?.as_string_view_opt()?;
        column.is_valid(self.row).then(|| column.value(self.row))
    }

    /// A value that is an integer; none where there is none.
    pub fn integer(&self, value: usize) -> Option<u64> {
        let column = self.part.values.get(value)?.as_primitive_opt::<Int64Type>()?;
        column.is_valid(self.row).then(|| column.value(self.row) as u64)
    }
}
