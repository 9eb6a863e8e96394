//! What is kept of each file that was searched, and how it is taken over from an earlier run.
//!
//! A file's row of `searched` has its counts; its lines stay in `result`, and are copied from there when the pass is
//! over. A row is believed only where as many lines lie beside it as it counts: an attempt that died may have made last
//! the one and not the other.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BinaryArray, BooleanArray, RecordBatch, StringArray};
use arrow_select::filter::filter_record_batch;
use foldhash::fast::RandomState;
use rayon::prelude::*;

use super::counts::FileMatches;
use super::options::SearchOptions;
use super::rows::RESULT;
use super::{Shared, table};
use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::hash::hash;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::io::codec::Codec;
use pravah_foundation::run::context::Context;
use pravah_foundation::run::encodings::{self, FOUND};
use pravah_foundation::store::baseline::{Baseline, Paths, Row, Run, Shards, Taken, columns_of, kept, known_by};
use pravah_foundation::store::columns::{Column, Columns, schema};
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::Staged;
use pravah_foundation::tabular::text::Found;
use pravah_foundation::tabular::weight;

/// The columns of `searched`.
pub const SEARCHED: &[Column] = kept![
    Column::category("packed"),
    Column::category("binary"),
    Column::category("left_early"),
    Column::integer("read_bytes"),
    Column::integer("lines"),
    Column::integer("matches"),
    Column::raw("by_pattern"),
    FOUND[0],
    FOUND[1],
    FOUND[2],
    FOUND[3],
];
const VALUES: [&str; 11] = [
    "packed",
    "binary",
    "left_early",
    "read_bytes",
    "lines",
    "matches",
    "by_pattern",
    FOUND[0].name,
    FOUND[1].name,
    FOUND[2].name,
    FOUND[3].name,
];
/// Where [`VALUES`] has the matches, and what is known of the encoding.
const MATCHES: usize = 5;
const ENCODING: usize = 7;

/// Rows that are copied at once, and bytes of text where a row has no more.
const COPIED_ROWS: usize = 8192;
const COPIED_BYTES: usize = 8 << 20;

/// What a file's counts and lines are true for.
pub fn mark(options: &SearchOptions) -> String {
    // How many there may be in all says nothing of a file whose own are all there.
    let own = SearchOptions { max_matches: 0, ..options.clone() };
    serde_json::json!({"engine": pravah_foundation::base::version::VERSION, "options": own}).to_string()
}

/// What was seen of a file.
#[derive(Debug, Default)]
pub struct SearchedFile {
    /// Its matches.
    pub found: FileMatches,
    /// What is known of its encoding.
    pub text: Found,
    /// How it is packed.
    pub codec: Option<Codec>,
    /// It has a NUL byte, and was not searched.
    pub is_binary: bool,
    /// It was left after as many matches as a file may have.
    pub is_left_early: bool,
    /// Bytes that were read of it.
    pub read_bytes: u64,
}

impl SearchedFile {
    /// Append it as a row of `searched`.
    pub fn write(&self, rows: &mut Columns, path: &[u8], meta: &Meta) {
        let yes = |is: bool| if is { "yes" } else { "no" };
        known_by(rows, path, meta.into());
        rows.optional_text(self.codec.map(Codec::name));
        rows.text(yes(self.is_binary));
        rows.text(yes(self.is_left_early));
        rows.integer(self.read_bytes);
        rows.integer(self.found.all.lines);
        rows.integer(self.found.all.matches);
        let mut by_pattern = Writer::default();
        self.found.write(&mut by_pattern);
        rows.optional_bytes(Some(by_pattern.0.as_slice()).filter(|bytes| !bytes.is_empty()));
        encodings::write(&self.text, rows);
    }

    fn of(row: Row<'_>) -> Option<Self> {
        let is = |value: usize| Some(row.text(value)? == "yes");
        let found = FileMatches::read(&mut Reader::new(row.bytes(6).unwrap_or_default()), row.integer(4)?)?;
        let codec = match row.text(0) {
            Some(name) => Some(Codec::ALL.into_iter().find(|codec| codec.name() == name)?),
            None => None,
        };
        let text = encodings::read(row, ENCODING)?;
        let seen = Self { found, text, codec, is_binary: is(1)?, is_left_early: is(2)?, read_bytes: row.integer(3)? };
        (seen.found.all.matches == row.integer(MATCHES)?).then_some(seen)
    }
}

/// Files that an earlier run searched.
#[derive(Debug)]
pub struct KnownMatches {
    files: Baseline,
    shards: Shards,
    mark: String,
    /// Those whose lines are to be copied.
    taken: Taken,
}

impl KnownMatches {
    /// Those of the job's baseline.
    pub fn open(context: &Context, options: &SearchOptions) -> Self {
        let (mark, shards) = (mark(options), context.baseline.clone());
        let mut files = Baseline::default();
        for run in Run::of(&shards) {
            let lines = if options.count_only { HashMap::default() } else { lines_of(&run, &mark) };
            let has_its_lines = |row: Row<'_>| {
                let matches = if options.count_only { 0 } else { row.integer(MATCHES).unwrap_or(u64::MAX) };
                lines.get(&hash(row.path())).copied().unwrap_or(0) == matches
            };
            files.extend(run.number, run.table("searched"), Some(&mark), &VALUES, has_its_lines);
        }
        Self { files, shards, mark, taken: Taken::default() }
    }

    /// What is known of a file that is as it was, with the row that says so.
    pub fn find(&self, path: &[u8], meta: &Meta) -> Option<(SearchedFile, Row<'_>)> {
        let row = self.files.find(path, meta)?;
        Some((SearchedFile::of(row)?, row))
    }

    /// The lines of that file are to be copied.
    pub fn take(&self, row: Row<'_>) {
        self.taken.add(row);
    }

    /// Copy the lines of all files that were taken over.
    ///
    /// # Errors
    /// [`EngineError::Output`], [`EngineError::Cancelled`], and when a shard can no longer be read: nothing else has
    /// its lines.
    pub fn copy(&self, shared: &Shared) -> Result<Vec<Staged>> {
        let (taken, runs) = (self.taken.all(), Run::of(&self.shards));
        let runs = runs.iter().filter_map(|run| Some((taken.get(&run.number)?, run)));
        let shards: Vec<_> =
            runs.flat_map(|(paths, run)| run.table("result").map(move |shard| (paths, shard))).collect();
        if shards.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = RESULT.iter().map(|column| column.name).collect();
        let each = shards.par_iter().map(|(paths, shard)| {
            // One that was left out when the files were looked up has none of their lines.
            let Some(reader) = columns_of(shard, Some(&self.mark), &names, COPIED_ROWS) else {
                return Ok(Staged::default());
            };
            let mut sheet = Sheet::kept(&shared.context.sink, table("result"), RESULT, &self.mark);
            for batch in reader {
                shared.context.control.check()?;
                let rows = batch.and_then(|batch| those_of(&batch, paths));
                for rows in rows.map_err(|message| lost(shard, &message))? {
                    sheet.write(&rows)?;
                }
            }
            sheet.stage()
        });
        shared.context.pool.get()?.install(|| each.collect())
    }
}

fn lost(shard: &Path, message: &str) -> EngineError {
    EngineError::internal(format!(
        "lines of unchanged files cannot be reused from {shard:?}: {message}; re-run the job from scratch"
    ))
}

/// How many lines each file of a run has, by the hash of its path.
fn lines_of(run: &Run<'_>, mark: &str) -> HashMap<u64, u64, RandomState> {
    let mut lines = HashMap::default();
    let columns = |shard| columns_of(shard, Some(mark), &["path", "path_raw"], COPIED_ROWS);
    for batch in run.table("result").filter_map(columns).flatten() {
        // What comes after a part that is broken is missed in the counts.
        let Ok(batch) = batch else { continue };
        let paths = paths(&batch).into_iter().flatten();
        paths.for_each(|path| *lines.entry(hash(path)).or_default() += 1);
    }
    lines
}

/// Each row's path.
fn paths(batch: &RecordBatch) -> Option<impl Iterator<Item = &[u8]>> {
    let path = batch.column_by_name("path")?.as_string_view_opt()?;
    let raw = batch.column_by_name("path_raw")?.as_binary_view_opt()?;
    Some(path.iter().zip(raw).map(|(path, raw)| raw.or(path.map(str::as_bytes)).unwrap_or_default()))
}

/// Those rows, some at a time: many may share one long text.
fn those_of(batch: &RecordBatch, taken: &Paths) -> std::result::Result<Vec<RecordBatch>, String> {
    let paths = paths(batch).ok_or("it has no paths")?;
    let is_taken: BooleanArray = paths.map(|path| Some(taken.contains(path))).collect();
    let rows = filter_record_batch(batch, &is_taken).map_err(|error| error.to_string())?;
    weight::parts(rows, COPIED_ROWS, COPIED_BYTES).map(|part| written_out(&part?.0)).collect()
}

/// Rows of views as the table has them.
fn written_out(rows: &RecordBatch) -> std::result::Result<RecordBatch, String> {
    let plain = |column: &ArrayRef| -> ArrayRef {
        if let Some(texts) = column.as_string_view_opt() {
            return Arc::new(texts.iter().collect::<StringArray>());
        }
        match column.as_binary_view_opt() {
            Some(bytes) => Arc::new(bytes.iter().collect::<BinaryArray>()),
            None => Arc::clone(column),
        }
    };
    let columns = rows.columns().iter().map(plain).collect();
    RecordBatch::try_new(schema(RESULT), columns).map_err(|error| error.to_string())
}
