//! The only directory traversal.
//!
//! Directories are scanned concurrently by blocking tasks of a tokio runtime: each takes a directory from
//! a shared queue, reads it with `getdents64` into a reused buffer and looks its entries up relative to the
//! open directory. Entries reach the [`Visitor`] in batches, on the scanning threads; an operation that
//! computes passes them on through a bounded channel.
//!
//! Order is not defined. Loops are impossible without `follow_links`; with it a directory that is its own
//! ancestor is skipped, and what two links lead to is visited twice, as by `find -L`. Without `follow_links`
//! no symbolic link is followed anywhere below the source, also not in a race: paths are opened with
//! `RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH` (openat2(2)), or name by name where the kernel lacks it.
//!
//! Cost: a path for each directory that waits to be scanned, 16 MiB of them and the children of one
//! directory at most; nothing per file.
//!
//! # Cancellation
//! Looked at per directory and per 512 entries.

pub mod listed;
pub mod open;
mod queue;
pub mod rules;
mod scan;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::base::control::Control;
use crate::base::error::{EngineError, Result};
use crate::base::issue::IssueKind;
use crate::base::meta::{EntryKind, Meta};
use open::Root;
use rules::Rules;

/// An entry of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    name_start: u32,
    name_end: u32,
    /// What the file system says of it.
    pub meta: Meta,
}

/// The directory a batch comes from.
#[derive(Debug)]
pub struct Directory {
    /// Its number, from 0 (the source) in order of discovery: always larger than its parent's.
    pub id: u32,
    /// Its parent's number; the source is its own parent.
    pub parent: u32,
    /// Its path relative to the source; empty for the source.
    pub path: Vec<u8>,
    /// Its depth; 0 for the source.
    pub depth: u32,
    /// What the file system says of it.
    pub meta: Meta,
}

/// Some entries of one directory.
#[derive(Debug)]
pub struct Batch {
    /// Where they are.
    pub directory: Arc<Directory>,
    names: Vec<u8>,
    entries: Vec<Entry>,
    /// True for the last batch of its directory.
    pub last: bool,
    /// True in the last batch of a directory that was read and holds nothing at all.
    pub empty_directory: bool,
    /// Entries of the directory other than directories that a rule refused, since its last batch.
    pub filtered: u64,
    /// Of the only entry, these bytes are wanted, as a list asks for them; none = all of each.
    pub range: Option<Range<u64>>,
}

impl Batch {
    /// The entries with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Meta)> {
        self.entries.iter().map(|entry| (self.name(entry), &entry.meta))
    }

    fn name(&self, entry: &Entry) -> &[u8] {
        &self.names[entry.name_start as usize..entry.name_end as usize]
    }

    /// Entries that are no directories, and their bytes; a range counts as the file when it begins with it.
    pub fn totals(&self) -> (u64, u64) {
        let files = self.entries.iter().filter(|entry| entry.meta.kind != EntryKind::Directory);
        match &self.range {
            None => files.fold((0, 0), |(files, bytes), entry| (files + 1, bytes.saturating_add(entry.meta.size))),
            Some(range) => files.fold((0, 0), |_, entry| {
                let size = entry.meta.size;
                (u64::from(range.start == 0), range.end.min(size).saturating_sub(range.start))
            }),
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Why something below the source was not visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// A hidden name.
    Hidden,
    /// An ignore glob.
    Ignored,
    /// Deeper than asked for.
    Depth,
    /// On another file system.
    OtherFileSystem,
    /// A directory that is its own ancestor.
    Loop,
    /// A link that leads out of the allowed directories.
    OutsideBoundaries,
    /// The folder this very job writes.
    OwnOutput,
    /// A directory that the specification excludes.
    PravahData,
}

impl Skip {
    /// The reason's name in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Ignored => "ignored",
            Self::Depth => "depth",
            Self::OtherFileSystem => "other_file_system",
            Self::Loop => "loop",
            Self::OutsideBoundaries => "outside_boundaries",
            Self::OwnOutput => "own_output",
            Self::PravahData => "pravah_data",
        }
    }

    /// The reason in words.
    pub fn message(self) -> &'static str {
        match self {
            Self::Hidden => "its name starts with a dot, and hidden files are excluded",
            Self::Ignored => "it matches an exclude pattern",
            Self::Depth => "deeper than the maximum depth",
            Self::OtherFileSystem => "on a different file system than the source",
            Self::Loop => "a link back to a directory above it",
            Self::OutsideBoundaries => "a link to a place outside the allowed directories",
            Self::OwnOutput => "the folder to which this job writes its result",
            Self::PravahData => "Pravah's own data: its database, results and work folders",
        }
    }
}

/// A subtree that is not visited, told once at its top.
#[derive(Debug, Clone, Copy)]
pub struct Skipped<'a> {
    /// Its path relative to the source.
    pub path: &'a [u8],
    /// The directory it lies in; itself when it was refused only when it was opened.
    pub directory: &'a Directory,
    /// What the file system says of it, when it was given as an entry all the same.
    pub listed: Option<&'a Meta>,
    /// Why.
    pub reason: Skip,
}

/// What an operation does with a walk. Called from several threads at once.
pub trait Visitor: Send + Sync + 'static {
    /// Some entries of one directory; every directory gives at least one batch, its last.
    ///
    /// # Errors
    /// An error ends the walk.
    fn batch(&self, batch: Batch) -> Result<()>;

    /// A subtree that is not visited.
    ///
    /// # Errors
    /// An error ends the walk.
    fn skipped(&self, skipped: Skipped<'_>) -> Result<()>;

    /// A path that could not be read; it is recorded as an issue already.
    ///
    /// # Errors
    /// An error ends the walk.
    fn trouble(&self, _path: &[u8], _kind: IssueKind, _message: &str) -> Result<()> {
        Ok(())
    }

    /// True when the visitor has seen enough: the walk ends as if it were cancelled.
    fn is_sated(&self) -> bool {
        false
    }
}

/// What a walk counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct WalkTotals {
    /// Directories scanned, the source included.
    pub directories: u64,
    /// Entries other than directories that no rule refused.
    pub files: u64,
    /// Their apparent bytes.
    pub bytes: u64,
    /// Entries other than directories that a rule refused.
    pub filtered: u64,
}

struct Shared {
    root: Arc<Root>,
    rules: Rules,
    // Not a type parameter: every operation with a visitor of its own would compile the whole walk once more.
    visitor: Arc<dyn Visitor>,
    control: Arc<Control>,
    queue: queue::Queue,
    next_id: AtomicU32,
    directories: AtomicU64,
    files: AtomicU64,
    bytes: AtomicU64,
    filtered: AtomicU64,
}

impl Shared {
    fn new(root: Arc<Root>, rules: Rules, visitor: Arc<dyn Visitor>, control: &Arc<Control>) -> Self {
        Self {
            root,
            rules,
            visitor,
            control: Arc::clone(control),
            queue: queue::Queue::default(),
            next_id: AtomicU32::new(1),
            directories: AtomicU64::new(0),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
        }
    }

    fn is_stopped(&self) -> bool {
        self.control.is_cancelled() || self.visitor.is_sated()
    }

    fn totals(&self) -> WalkTotals {
        WalkTotals {
            directories: self.directories.load(Relaxed),
            files: self.files.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            filtered: self.filtered.load(Relaxed),
        }
    }
}

/// Walk a tree on `threads` threads and block until it is done.
///
/// # Errors
/// [`EngineError::Cancelled`], the visitor's first error, or [`EngineError::Internal`] after a panic. The
/// `control` is told of it at once, so that all who work with it stop.
pub fn walk(
    root: Arc<Root>,
    rules: Rules,
    visitor: Arc<dyn Visitor>,
    control: &Arc<Control>,
    threads: usize,
) -> Result<WalkTotals> {
    let top = Directory { id: 0, parent: 0, path: Vec::new(), depth: 0, meta: root.meta };
    let shared = Shared::new(root, rules, visitor, control);
    shared.queue.push(queue::Waiting { directory: top, ancestors: Vec::new() });
    on_threads(&Arc::new(shared), threads, scan::scan_all)
}

/// Visit the files that a list names, on `threads` threads, and block until it is done: they are looked up as by
/// [`walk`], and no rule is asked once more. Each group of the list is a directory of its own, with the source as its
/// parent.
///
/// # Errors
/// As [`walk`]; [`EngineError::SourceNotFound`] when the list cannot be read.
pub fn walk_listed(
    root: Arc<Root>,
    rules: Rules,
    list: &Arc<Path>,
    visitor: Arc<dyn Visitor>,
    control: &Arc<Control>,
    threads: usize,
) -> Result<WalkTotals> {
    let listed = listed::Listed::open(list)?;
    on_threads(&Arc::new(Shared::new(root, rules, visitor, control)), threads, move |shared| {
        scan::scan_listed(shared, &listed);
    })
}

fn on_threads(
    shared: &Arc<Shared>,
    threads: usize,
    scan: impl Fn(&Arc<Shared>) + Send + Sync + 'static,
) -> Result<WalkTotals> {
    let runtime = crate::base::pool::scan_runtime(threads)?;
    let scan = Arc::new(scan);
    let task = |_| {
        let (shared, scan) = (Arc::clone(shared), Arc::clone(&scan));
        runtime.spawn_blocking(move || scan(&shared))
    };
    let tasks: Vec<_> = (0..threads).map(task).collect();
    let ends: Vec<_> = tasks.into_iter().map(|task| runtime.block_on(task)).collect();
    drop(runtime);
    let control = &shared.control;
    for end in ends {
        end.unwrap_or_else(|error| control.fail(EngineError::internal(format!("a scan failed unexpectedly: {error}"))));
    }
    if let Some(failure) = control.take_failure() {
        return Err(failure);
    }
    if shared.is_stopped() {
        return Err(EngineError::Cancelled);
    }
    Ok(shared.totals())
}
