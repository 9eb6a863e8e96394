//! Digests, or ETags, that are kept for the next attempt: not what the manifest says of them, for it may be another one then.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::etag::Sum;
use super::form::DigestForm;
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::FileState;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::base::pool::Slots;
use pravah_foundation::run::context::Context;
use pravah_foundation::store::baseline::{Baseline, Reused, kept, known_by};
use pravah_foundation::store::columns::Column;
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::{Staged, Table};

/// The columns of `digests`.
pub const DIGESTS: &[Column] = kept![Column::text("digest"),];
pub const TABLE: Table = Table { name: "digests", dictionary: &[] };

/// Digests of an earlier attempt, and those of this one.
pub struct KnownDigests {
    earlier: Baseline,
    sheets: Slots<Sheet>,
    /// Files that were not read.
    reused: Reused,
    /// Files with a digest.
    digested: AtomicU64,
}

/// Files with a digest, and those of them that were not read.
pub type Figures = (u64, Reused);

impl KnownDigests {
    /// Those of this form.
    pub fn open(context: &Context, form: DigestForm) -> Self {
        let mark = form.name();
        Self {
            earlier: Baseline::of_table(&context.baseline, TABLE.name, mark, &["digest"]),
            sheets: Slots::new(context.threads, || Sheet::kept(&context.sink, TABLE, DIGESTS, mark)),
            reused: Reused::default(),
            digested: AtomicU64::new(0),
        }
    }

    /// The sums of a file that is as it was.
    pub fn find(&self, path: &[u8], meta: &Meta) -> Option<Vec<Sum>> {
        self.earlier.find(path, meta)?.text(0)?.split(' ').map(Sum::of_text).collect()
    }

    /// Take a file over.
    ///
    /// # Errors
    /// As [`Sheet::write_if_full`]; so below.
    pub fn take(&self, path: &[u8], meta: &Meta, sums: &[Sum]) -> Result<()> {
        self.reused.add(meta.size);
        self.keep(path, meta.into(), sums)
    }

    /// Keep what was found of a file.
    pub fn keep(&self, path: &[u8], state: FileState, sums: &[Sum]) -> Result<()> {
        self.digested.fetch_add(1, Relaxed);
        let mut sheet = self.sheets.acquire();
        known_by(&mut sheet.rows, path, state);
        sheet.rows.text(&sums.iter().map(Sum::to_string).collect::<Vec<_>>().join(" "));
        sheet.write_if_full()
    }

    /// See [`Sheet::checkpoint`].
    pub fn checkpoint(&self) -> Result<()> {
        self.sheets.each(Sheet::checkpoint)
    }

    /// The last rows.
    pub fn stage(self) -> Result<(Vec<Staged>, Figures)> {
        let staged = self.sheets.into_inner().into_iter().map(Sheet::stage).collect::<Result<_>>()?;
        Ok((staged, (self.digested.into_inner(), self.reused)))
    }
}
