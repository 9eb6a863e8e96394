//! Files that are made, for the next attempt: it makes none again that is still there as this one left it.
//!
//! A row says by what the output is known, beside its input. It is made last only after the output is: else a cut of
//! power could leave a row without what it speaks of.

use super::CompressOptions;
use crate::baseline::{Baseline, State, kept, known_by};
use crate::columns::Column;
use crate::compact::{Reader, Writer};
use crate::error::Result;
use crate::ops::Context;
use crate::sheet::Sheet;
use crate::sink::{Staged, Table};
use crate::walk::Meta;

/// The columns of `made`.
pub const MADE: &[Column] = kept![Column::integer("packed_bytes"), Column::raw("output"),];
pub const TABLE: Table = Table { name: "made", dictionary: &[] };

fn mark(options: &CompressOptions) -> String {
    serde_json::json!({"engine": crate::VERSION, "options": options}).to_string()
}

/// Files that an earlier attempt has made.
#[derive(Debug, Default)]
pub struct Known(Baseline);

impl Known {
    /// Those of the job's baseline.
    pub fn open(context: &Context, options: &CompressOptions) -> Self {
        Self(Baseline::of_table(&context.baseline, TABLE.name, &mark(options), &["packed_bytes", "output"]))
    }

    /// The bytes that a file came to, and by what its output was known; none when it is not as it was.
    pub fn find(&self, path: &[u8], meta: &Meta) -> Option<(u64, State)> {
        let row = self.0.find(path, meta)?;
        let mut from = Reader::new(row.bytes(1)?);
        let (size, mtime_ns, ctime_ns) = (from.integer()?, from.integer()? as i64, from.integer()? as i64);
        Some((row.integer(0)?, State { size, mtime_ns, ctime_ns, inode: from.integer()? }))
    }
}

/// Files that this attempt has made.
pub struct Made(Sheet);

impl Made {
    pub fn new(context: &Context, options: &CompressOptions) -> Self {
        let mut sheet = Sheet::kept(&context.sink, TABLE, MADE, &mark(options));
        sheet.hold();
        Self(sheet)
    }

    /// One file; gives shards that are full.
    pub fn add(&mut self, path: &[u8], input: State, packed_bytes: u64, output: State) -> Result<Staged> {
        let rows = &mut self.0.rows;
        known_by(rows, path, input);
        rows.integer(packed_bytes);
        let mut out = Writer::default();
        [output.size, output.mtime_ns as u64, output.ctime_ns as u64, output.inode]
            .into_iter()
            .for_each(|value| out.integer(value));
        rows.optional_bytes(Some(&out.0));
        self.0.full()
    }

    /// Shards that are full or old enough.
    pub fn ripe(&mut self) -> Result<Staged> {
        self.0.ripe()
    }

    pub fn stage(self) -> Result<Staged> {
        self.0.stage()
    }
}
