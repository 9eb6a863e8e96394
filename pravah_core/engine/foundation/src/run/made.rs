//! Files that are made at a destination, for the next attempt: it makes none again that is still there as this one left
//! it.
//!
//! A row says by what the output is known, beside its input. It is made last only after the output is: else a cut of
//! power could leave a row without what it speaks of.

use serde::Serialize;

use crate::base::compact::{Reader, Writer};
use crate::base::error::Result;
use crate::base::meta::FileState;
use crate::base::meta::Meta;
use crate::io::destination::Destination;
use crate::run::context::Context;
use crate::store::baseline::{Baseline, kept, known_by};
use crate::store::columns::Column;
use crate::store::sheet::Sheet;
use crate::store::sink::{Sink, Staged, Table};

/// The columns of `made`: what an operation tells of a file, and by what its output is known.
pub const MADE: &[Column] = kept![Column::raw("figures"), Column::raw("output"),];
/// The table.
pub const TABLE: Table = Table { name: "made", dictionary: &[] };

fn mark(options: &impl Serialize, context: &Context) -> String {
    let version = crate::base::version::VERSION;
    serde_json::json!({"engine": version, "options": options, "chunk_bytes": context.chunk_bytes}).to_string()
}

/// Files that an earlier attempt has made.
#[derive(Debug)]
pub struct EarlierOutputs(Baseline);

impl EarlierOutputs {
    /// Those of the job's baseline that are true for these options; none where nobody was.
    pub fn open(context: &Context, options: &impl Serialize, destination: &Destination) -> Self {
        if !destination.replaces() {
            return Self(Baseline::default());
        }
        let (mark, shards) = (mark(options, context), &context.baseline);
        Self(Baseline::of_table(shards, TABLE.name, &mark, &["figures", "output"]))
    }

    /// What is told of a file, and by what its output is known, which has its name from now on; none when one of them
    /// is not as it was.
    pub fn find(
        &self,
        path: &[u8],
        meta: &Meta,
        destination: &Destination,
        target: impl FnOnce() -> Vec<u8>,
    ) -> Option<(&[u8], FileState)> {
        let row = self.0.find(path, meta)?;
        let mut from = Reader::new(row.bytes(1)?);
        let (size, mtime_ns, ctime_ns) = (from.integer()?, from.integer()? as i64, from.integer()? as i64);
        let output = FileState { size, mtime_ns, ctime_ns, inode: from.integer()? };
        let figures = row.bytes(0)?;
        let target = target();
        (destination.state(&target) == Some(output) && destination.take_over(&target)).then_some((figures, output))
    }
}

/// Files that this attempt has made.
pub struct WrittenOutputs(Sheet);

impl WrittenOutputs {
    /// None yet.
    pub fn new(context: &Context, options: &impl Serialize) -> Self {
        let mut sheet = Sheet::kept(&context.sink, TABLE, MADE, &mark(options, context));
        sheet.hold();
        Self(sheet)
    }

    /// One file; gives shards that are full, for [`keep`].
    ///
    /// # Errors
    /// As [`Sheet::write_if_full`]; so below.
    pub fn add(&mut self, path: &[u8], (input, output): (FileState, FileState), figures: &[u8]) -> Result<Staged> {
        let rows = &mut self.0.rows;
        known_by(rows, path, input);
        rows.optional_bytes(Some(figures));
        let mut out = Writer::default();
        [output.size, output.mtime_ns as u64, output.ctime_ns as u64, output.inode]
            .into_iter()
            .for_each(|value| out.integer(value));
        rows.optional_bytes(Some(&out.0));
        self.0.full()
    }

    /// Shards that are full or old enough, for [`keep`].
    pub fn ripe(&mut self) -> Result<Staged> {
        self.0.ripe()
    }

    /// The last rows, for the caller to commit once the destination is complete.
    pub fn stage(self) -> Result<Staged> {
        self.0.stage()
    }
}

/// Make rows of files last, after the files.
///
/// # Errors
/// [`crate::base::error::EngineError::Output`], [`crate::base::error::EngineError::Cancelled`].
pub fn keep(destination: &Destination, sink: &Sink, rows: Vec<Staged>) -> Result<()> {
    if rows.iter().all(Staged::is_empty) {
        return Ok(());
    }
    destination.make_last()?;
    sink.commit(rows)
}
