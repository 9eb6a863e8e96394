//! What is kept of a file in one field of a table, as few bytes, for a later run to take over.
//!
//! Which files are known is looked up during the pass; their fields are read one after the other once it is over: there
//! may be gigabytes of them.

use rayon::prelude::*;

use crate::base::error::Result;
use crate::base::meta::FileState;
use crate::base::meta::Meta;
use crate::run::context::Context;
use crate::store::baseline::{Baseline, Row, Run, Shards, Taken, each_row, kept, known_by};
use crate::store::columns::{Column, Columns};

/// The columns of such a table.
pub const COLUMNS: &[Column] = kept![Column::raw("figures"),];
/// Its name.
pub const TABLE: &str = "partials";
/// A partial is at most so small a part of the file's text, or so small at all: then opening the file costs more.
const SMALL_PART: usize = 8;
const SMALL_BYTES: usize = 1024;
/// Partials that are decoded at once; one may be a MiB.
const BATCH_ROWS: usize = 64;

/// How large the partial of so much text may be.
pub fn most_bytes(text_bytes: u64) -> usize {
    (text_bytes as usize / SMALL_PART).max(SMALL_BYTES)
}

/// Append a row.
pub fn row(rows: &mut Columns, path: &[u8], state: FileState, figures: &[u8]) {
    known_by(rows, path, state);
    rows.optional_bytes(Some(figures));
}

/// Files of which an earlier run kept a partial.
#[derive(Debug, Default)]
pub struct KnownPartials {
    /// Without the partials.
    files: Baseline,
    shards: Shards,
    mark: String,
    taken: Taken,
}

impl KnownPartials {
    /// Those of the job's baseline that are true for `mark`.
    pub fn open(context: &Context, mark: String) -> Self {
        let shards = context.baseline.clone();
        let files = Baseline::of_table(&shards, TABLE, &mark, &[]);
        Self { files, shards, mark, taken: Taken::default() }
    }

    /// Take a file over that is as it was: its partial comes when the pass is over.
    pub fn take(&self, path: &[u8], meta: &Meta) -> bool {
        self.files.find(path, meta).map(|row| self.taken.add(row)).is_some()
    }

    /// Hand the partials of all files that were taken over to `give`, which says whether it is one; those files whose
    /// partials are none.
    ///
    /// # Errors
    /// Those of `give`, [`crate::base::error::EngineError::Cancelled`].
    pub fn restore(
        &self,
        context: &Context,
        give: impl Fn(Row<'_>, &[u8]) -> Result<bool> + Sync,
    ) -> Result<Vec<Vec<u8>>> {
        let mut taken = self.taken.all();
        let runs = Run::of(&self.shards);
        let shards: Vec<_> = runs.iter().flat_map(|run| run.table(TABLE).map(move |shard| (run, shard))).collect();
        let each = shards.par_iter().map(|&(run, shard)| {
            let (Some(taken), mut restored) = (taken.get(&run.number), Vec::new()) else { return Ok(Vec::new()) };
            each_row(shard, (run.number, &self.mark), &["figures"], BATCH_ROWS, |row| {
                if taken.contains(row.path()) {
                    context.control.check()?;
                    if give(row, row.bytes(0).unwrap_or_default())? {
                        restored.push(row.path().to_vec());
                    }
                }
                Ok(())
            })?;
            Ok(restored)
        });
        let restored: Vec<Vec<Vec<u8>>> = context.pool.get()?.install(|| each.collect::<Result<_>>())?;
        for path in restored.into_iter().flatten() {
            taken.values_mut().for_each(|files| {
                files.remove(&path);
            });
        }
        Ok(taken.into_values().flatten().collect())
    }
}
