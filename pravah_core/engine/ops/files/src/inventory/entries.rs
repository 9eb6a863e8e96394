//! From batches of a walk to rows and sums, per thread.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;

use super::summary::Summary;
use super::tables;
use super::tree::{DirectoryTotals, Tree};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::{EntryKind, Meta};
use pravah_foundation::base::paths;
use pravah_foundation::base::pool::{ComputePool, Slots};
use pravah_foundation::base::sync::lock;
use pravah_foundation::run::context::Context;
use pravah_foundation::source::owners::Owners;
use pravah_foundation::source::walk::{Batch, Skipped};
use pravah_foundation::store::columns::Columns;
use pravah_foundation::store::sink::{Staged, TableWriter};

/// Names of owners and modes as text, looked up once per id and thread.
#[derive(Debug)]
pub struct OwnerNames {
    owners: Arc<Owners>,
    users: HashMap<u32, Box<str>, RandomState>,
    groups: HashMap<u32, Box<str>, RandomState>,
    modes: HashMap<u32, Box<str>, RandomState>,
}

impl OwnerNames {
    /// An empty cache.
    pub fn new(owners: Arc<Owners>) -> Self {
        Self { owners, users: HashMap::default(), groups: HashMap::default(), modes: HashMap::default() }
    }

    /// Append one row of the entry columns.
    pub fn write(&mut self, rows: &mut Columns, path: &[u8], name: &[u8], meta: &Meta) {
        let Self { owners, users, groups, modes } = self;
        rows.path(path);
        rows.text(&paths::escape(name));
        write_extension(rows, name, meta.kind);
        rows.text(meta.kind.as_str());
        rows.integer(meta.size);
        rows.integer(meta.allocated);
        rows.time(meta.mtime_ns);
        rows.time(meta.ctime_ns);
        if meta.is_object() {
            // It has neither owner nor mode.
            (0..3).for_each(|_| rows.optional_text(None));
        } else {
            rows.text(users.entry(meta.uid).or_insert_with(|| owners.user(meta.uid).into()));
            rows.text(groups.entry(meta.gid).or_insert_with(|| owners.group(meta.gid).into()));
            rows.text(modes.entry(meta.mode).or_insert_with(|| format!("{:04o}", meta.mode).into()));
        }
        rows.unsigned(meta.inode);
        rows.integer(meta.links);
        rows.unsigned(meta.device);
    }
}

fn write_extension(rows: &mut Columns, name: &[u8], kind: EntryKind) {
    let extension = if kind == EntryKind::File { paths::extension(name) } else { b"" };
    if extension.iter().any(u8::is_ascii_uppercase) {
        rows.text(&paths::escape(&extension.to_ascii_lowercase()));
    } else {
        rows.text(&paths::escape(extension));
    }
}

/// The largest regular files met so far; ties go to the name that sorts first.
#[derive(Debug, Default)]
pub struct Largest {
    count: usize,
    heap: BinaryHeap<Reverse<Candidate>>,
}

#[derive(Debug)]
struct Candidate {
    path: Vec<u8>,
    meta: Meta,
}

impl Candidate {
    fn key(&self) -> (u64, Reverse<&[u8]>) {
        (self.meta.size, Reverse(&self.path))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Candidate {}
impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Largest {
    /// Keep the `count` largest.
    pub fn new(count: usize) -> Self {
        Self { count, heap: BinaryHeap::new() }
    }

    fn offer(&mut self, path: &[u8], meta: &Meta) {
        let full = self.heap.len() >= self.count;
        if full && self.heap.peek().is_some_and(|Reverse(least)| (meta.size, Reverse(path)) <= least.key()) {
            return;
        }
        self.heap.push(Reverse(Candidate { path: path.to_vec(), meta: *meta }));
        if full {
            self.heap.pop();
        }
    }

    fn merge(&mut self, other: Self) {
        for Reverse(candidate) in other.heap {
            self.offer(&candidate.path, &candidate.meta);
        }
    }

    /// Paths and metadata, largest first.
    pub fn into_sorted(self) -> impl Iterator<Item = (Vec<u8>, Meta)> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(Candidate { path, meta })| (path, meta))
    }
}

struct Worker {
    rows: Columns,
    writer: TableWriter,
    empty: Columns,
    empty_writer: TableWriter,
    empty_directories: u64,
    names: OwnerNames,
    summary: Summary,
    largest: Largest,
    path: Vec<u8>,
}

/// Rows of `not_covered`, written as they come: there may be millions.
struct NotCovered {
    rows: Columns,
    writer: TableWriter,
    count: u64,
}

impl NotCovered {
    fn push(&mut self, path: &[u8], reason: &str, message: &str) -> Result<()> {
        self.rows.path(if path.is_empty() { b"." } else { path });
        self.rows.text(reason);
        self.rows.text(message);
        self.count += 1;
        if self.rows.is_full() { self.writer.write(&self.rows.take()?) } else { Ok(()) }
    }

    fn finish(mut self) -> Result<(Staged, u64)> {
        self.writer.write(&self.rows.take()?)?;
        Ok((self.writer.stage()?, self.count))
    }
}

/// Takes the entries of a walk.
pub struct EntryCollector {
    workers: Slots<Worker>,
    tree: Mutex<Tree>,
    not_covered: Mutex<NotCovered>,
}

/// What a finished walk gives.
pub struct Collected {
    /// Sums of all threads.
    pub summary: Summary,
    /// The largest files.
    pub largest: Largest,
    /// Directories, not yet added up.
    pub tree: Tree,
    /// Shards of `result`, `empty` and `not_covered`.
    pub staged: Vec<Staged>,
    /// Rows of `not_covered`.
    pub not_covered: u64,
    /// Directories without an entry.
    pub empty_directories: u64,
}

impl EntryCollector {
    /// A collector with one worker per thread.
    pub fn new(context: &Context, reference_ns: i64, largest_count: usize) -> Self {
        let owners = Arc::new(Owners::read());
        let table = |name| {
            let rows = Columns::new(tables::columns(name));
            (context.sink.writer(super::table(name), rows.schema()), rows)
        };
        let worker = || {
            let (writer, rows) = table("result");
            let (empty_writer, empty) = table("empty");
            Worker {
                rows,
                writer,
                empty,
                empty_writer,
                empty_directories: 0,
                names: OwnerNames::new(Arc::clone(&owners)),
                summary: Summary::new(reference_ns),
                largest: Largest::new(largest_count),
                path: Vec::new(),
            }
        };
        let (writer, rows) = table("not_covered");
        Self {
            workers: Slots::new(context.threads, worker),
            tree: Mutex::new(Tree::default()),
            not_covered: Mutex::new(NotCovered { rows, writer, count: 0 }),
        }
    }

    /// Merge the threads' sums and finish their shards, on as many threads.
    ///
    /// # Errors
    /// [`pravah_foundation::base::error::EngineError::Output`].
    pub fn finish(self, pool: &ComputePool) -> Result<Collected> {
        use rayon::prelude::*;
        let mut workers = self.workers.into_inner();
        let finished: Result<Vec<_>> = pool.get()?.install(|| {
            // All rows first: only then is it known which table has none.
            workers.par_iter_mut().try_for_each(Worker::write)?;
            workers.into_par_iter().map(Worker::finish).collect()
        });
        let mut workers = finished?.into_iter();
        let Some((mut summary, mut largest, mut staged, mut empty_directories)) = workers.next() else {
            return Err(pravah_foundation::base::error::EngineError::internal("an inventory has no worker"));
        };
        for (more_summary, more_largest, more_staged, more_empty) in workers {
            summary.merge(more_summary);
            largest.merge(more_largest);
            staged.extend(more_staged);
            empty_directories += more_empty;
        }
        let tree = self.tree.into_inner().unwrap_or_else(PoisonError::into_inner);
        let not_covered = self.not_covered.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (uncovered, not_covered) = not_covered.finish()?;
        staged.push(uncovered);
        Ok(Collected { summary, largest, tree, staged, not_covered, empty_directories })
    }

    /// Count an entry into the batch's totals; true when it is its inode's first name.
    fn total(&self, batch: &Batch, meta: &Meta, totals: &mut DirectoryTotals) -> bool {
        totals.files += 1;
        if meta.links > 1 {
            return lock(&self.tree).link(batch.directory.id, meta);
        }
        totals.size = totals.size.saturating_add(meta.size);
        totals.allocated = totals.allocated.saturating_add(meta.allocated);
        true
    }
}

impl Worker {
    /// Encode the rows that wait.
    fn write(&mut self) -> Result<()> {
        self.writer.write(&self.rows.take()?)?;
        self.empty_writer.write(&self.empty.take()?)
    }

    fn finish(self) -> Result<(Summary, Largest, Vec<Staged>, u64)> {
        let staged = vec![self.writer.stage()?, self.empty_writer.stage()?];
        Ok((self.summary, self.largest, staged, self.empty_directories))
    }

    fn entry(&mut self, directory: &[u8], name: &[u8], meta: &Meta) -> Result<()> {
        paths::join_into(&mut self.path, directory, name);
        self.names.write(&mut self.rows, &self.path, name, meta);
        if meta.kind == EntryKind::File {
            self.largest.offer(&self.path, meta);
            if meta.size == 0 {
                self.empty.path(&self.path);
                self.empty.text(EntryKind::File.as_str());
            }
        }
        self.encode()
    }

    fn empty_directory(&mut self, path: &[u8]) -> Result<()> {
        self.empty_directories += 1;
        self.empty.path(if path.is_empty() { b"." } else { path });
        self.empty.text(EntryKind::Directory.as_str());
        self.encode()
    }

    fn encode(&mut self) -> Result<()> {
        if self.rows.is_full() {
            self.writer.write(&self.rows.take()?)?;
        }
        if self.empty.is_full() {
            self.empty_writer.write(&self.empty.take()?)?;
        }
        Ok(())
    }
}

impl EntryCollector {
    /// Rows and sums of some entries.
    pub fn batch(&self, batch: &Batch) -> Result<()> {
        let mut totals = DirectoryTotals::default();
        let mut worker = self.workers.acquire();
        for (name, meta) in batch.iter() {
            worker.entry(&batch.directory.path, name, meta)?;
            if meta.kind != EntryKind::Directory {
                let first = self.total(batch, meta, &mut totals);
                worker.summary.count(name, meta, first);
            }
        }
        if batch.empty_directory {
            worker.empty_directory(&batch.directory.path)?;
        }
        drop(worker);
        lock(&self.tree).add(&batch.directory, &totals);
        Ok(())
    }

    /// A subtree that is not visited.
    pub fn skipped(&self, skipped: Skipped<'_>) -> Result<()> {
        // A directory that is listed and not entered counts as one of its parent's.
        if let Some(meta) = skipped.listed.filter(|meta| meta.kind == EntryKind::Directory) {
            let own = DirectoryTotals { directories: 1, allocated: meta.allocated, ..DirectoryTotals::default() };
            lock(&self.tree).add(skipped.directory, &own);
        }
        lock(&self.not_covered).push(skipped.path, skipped.reason.as_str(), skipped.reason.message())
    }

    /// A path that could not be read.
    pub fn trouble(&self, path: &[u8], kind: IssueKind, message: &str) -> Result<()> {
        lock(&self.not_covered).push(path, kind.as_str(), message)
    }
}
