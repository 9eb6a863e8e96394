//! What is kept of each file that was compared, and how it is taken over from an earlier run: stage by stage, so that
//! a file which is as it was is opened only for what no run has looked at.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::DuplicatesOptions;
use super::ends::{END_BYTES, WHOLE_BYTES};
use super::roots::Roots;
use super::tables::root_text;
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::FileState;
use pravah_foundation::base::meta::{EntryKind, Meta};
use pravah_foundation::base::paths;
use pravah_foundation::base::pool::Slots;
use pravah_foundation::io::digest::Digest;
use pravah_foundation::run::context::Context;
use pravah_foundation::source::walk::Batch;
use pravah_foundation::store::baseline::{Baseline, Reused, Run, kept, known_by};
use pravah_foundation::store::columns::{Column, Columns};
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::{Staged, Table};

/// The columns of `ends`.
pub const ENDS: &[Column] = kept![Column::category("root"), Column::raw("ends"),];
/// The columns of `contents`.
pub const CONTENTS: &[Column] = kept![Column::category("root"), Column::text("digest"),];

/// XXH3-128 of a file's ends, or of all of it.
pub type ContentKey = [u8; 16];

/// What an earlier run knows of a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct KnownFile {
    /// Last change of the inode, then and now.
    pub ctime_ns: i64,
    /// Of its ends.
    pub ends: Option<ContentKey>,
    /// Of all of it.
    pub digest: Option<Digest>,
}

/// What an earlier run knows of the files below one root.
#[derive(Debug, Default)]
pub struct RootBaseline {
    ends: Baseline,
    contents: Baseline,
}

impl RootBaseline {
    /// Of root number `root`.
    pub fn open(options: &DuplicatesOptions, context: &Context, roots: &Roots, root: u16) -> Self {
        let (mut known, shown) = (Self::default(), root_text(roots, root));
        for run in Run::of(&context.baseline) {
            let extend = |all: &mut Baseline, name: &str, mark: String| {
                let is_of = |row: pravah_foundation::store::baseline::Row<'_>| row.text(0) == Some(&*shown);
                let value = if name == "ends" { "ends" } else { "digest" };
                all.extend(run.number, run.table(name), Some(&mark), &["root", value], is_of);
            };
            extend(&mut known.ends, "ends", ends_mark());
            extend(&mut known.contents, "contents", contents_mark(options));
        }
        known
    }

    /// Of a file; none when it is not as it was, or nothing is known.
    pub fn of(&self, path: &[u8], meta: &Meta) -> Option<KnownFile> {
        let ends = self.ends.find(path, meta).and_then(|row| ContentKey::try_from(row.bytes(1)?).ok());
        let digest = self.contents.find(path, meta).and_then(|row| Digest::from_hex(row.text(1)?.as_bytes()));
        (ends.is_some() || digest.is_some()).then_some(KnownFile { ctime_ns: meta.ctime_ns, ends, digest })
    }

    /// Of the files of a batch, by their places in it.
    pub fn of_batch(&self, batch: &Batch) -> Vec<(usize, KnownFile)> {
        if self.ends.is_empty() && self.contents.is_empty() {
            return Vec::new();
        }
        let mut path = Vec::new();
        let files = batch.iter().enumerate().filter(|(_, (_, meta))| meta.kind == EntryKind::File);
        let of = |(place, (name, meta)): (usize, (&[u8], &Meta))| {
            paths::join_into(&mut path, &batch.directory.path, name);
            Some((place, self.of(&path, meta)?))
        };
        files.filter_map(of).collect()
    }
}

fn ends_mark() -> String {
    format!("xxh3_128 of {END_BYTES} bytes at each end, of all up to {WHOLE_BYTES}")
}

fn contents_mark(options: &DuplicatesOptions) -> String {
    options.algorithm.name().to_owned()
}

/// What is kept for the next run.
pub struct KeptDigests {
    ends: Slots<Sheet>,
    contents: Slots<Sheet>,
    /// Files that were compared without being read.
    pub reused: Reused,
    /// Those that were read.
    computed: AtomicU64,
}

impl KeptDigests {
    /// Empty tables.
    pub fn new(options: &DuplicatesOptions, context: &Context) -> Self {
        let sheet = |name, columns, mark: &str| {
            let table = Table { name, dictionary: &["root"] };
            Slots::new(context.threads, || Sheet::kept(&context.sink, table, columns, mark))
        };
        Self {
            ends: sheet("ends", ENDS, &ends_mark()),
            contents: sheet("contents", CONTENTS, &contents_mark(options)),
            reused: Reused::default(),
            computed: AtomicU64::new(0),
        }
    }

    /// Keep the key of a file's ends.
    ///
    /// # Errors
    /// As [`Sheet::write_if_full`]; so below.
    pub fn ends(&self, (roots, root): (&Roots, u16), path: &[u8], state: FileState, key: &ContentKey) -> Result<()> {
        row(&self.ends, (roots, root), path, state, |rows| rows.optional_bytes(Some(key)))
    }

    /// Keep a file's digest.
    pub fn contents(&self, (roots, root): (&Roots, u16), path: &[u8], state: FileState, digest: &Digest) -> Result<()> {
        row(&self.contents, (roots, root), path, state, |rows| rows.text(&digest.to_hex()))
    }

    /// A file of this size that was not read at first was in a later stage.
    pub fn reuse_not(&self, size: u64) {
        self.computed.fetch_add(1, Relaxed);
        self.reused.take_back(size);
    }

    /// A file was read, for the first time in this job.
    pub fn compute(&self) {
        self.computed.fetch_add(1, Relaxed);
    }

    /// All files that were compared.
    pub fn compared(&self) -> u64 {
        self.reused.files() + self.computed.load(Relaxed)
    }

    /// See [`Sheet::checkpoint`].
    pub fn checkpoint(&self) -> Result<()> {
        [&self.ends, &self.contents].into_iter().try_for_each(|sheets| sheets.each(Sheet::checkpoint))
    }

    /// The last rows.
    pub fn stage(self) -> Result<Vec<Staged>> {
        [self.ends, self.contents].into_iter().flat_map(Slots::into_inner).map(Sheet::stage).collect()
    }
}

fn row(
    sheets: &Slots<Sheet>,
    (roots, root): (&Roots, u16),
    path: &[u8],
    state: FileState,
    value: impl FnOnce(&mut Columns),
) -> Result<()> {
    let mut sheet = sheets.acquire();
    known_by(&mut sheet.rows, path, state);
    sheet.rows.text(&root_text(roots, root));
    value(&mut sheet.rows);
    sheet.write_now_and_then()
}
