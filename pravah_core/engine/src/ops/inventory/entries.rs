//! From batches of a walk to rows and sums, per thread.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex};

use foldhash::fast::RandomState;

use super::summary::Summary;
use super::tree::{Totals, Tree};
use super::{BATCH_ROWS, table, tables};
use crate::columns::Columns;
use crate::control::Control;
use crate::error::Result;
use crate::issue::lock;
use crate::ops::Context;
use crate::owners::Owners;
use crate::paths;
use crate::pool::Slots;
use crate::sink::{Staged, TableWriter};
use crate::walk::{Batch, Kind, Meta, Skip, Visitor};

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
        rows.time(Some(meta.mtime_ns));
        rows.time(Some(meta.ctime_ns));
        rows.text(users.entry(meta.uid).or_insert_with(|| owners.user(meta.uid).into()));
        rows.text(groups.entry(meta.gid).or_insert_with(|| owners.group(meta.gid).into()));
        rows.text(modes.entry(meta.mode).or_insert_with(|| format!("{:04o}", meta.mode).into()));
        rows.unsigned(meta.inode);
        rows.integer(meta.links);
        rows.unsigned(meta.device);
    }
}

fn write_extension(rows: &mut Columns, name: &[u8], kind: Kind) {
    let extension = if kind == Kind::File { paths::extension(name) } else { b"" };
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

    /// Append them as rows, largest first.
    pub fn write(self, rows: &mut Columns, names: &mut OwnerNames) {
        for Reverse(Candidate { path, meta }) in self.heap.into_sorted_vec() {
            let start = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
            names.write(rows, &path, &path[start..], &meta);
        }
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

/// The visitor of an inventory.
pub struct Collector {
    workers: Slots<Worker>,
    tree: Mutex<Tree>,
    skipped: Mutex<Vec<(Vec<u8>, Skip)>>,
    control: Arc<Control>,
}

/// What a finished walk gives.
pub struct Collected {
    /// Sums of all threads.
    pub summary: Summary,
    /// The largest files.
    pub largest: Largest,
    /// Directories, not yet added up.
    pub tree: Tree,
    /// Shards of `result` and `empty`.
    pub staged: Vec<Staged>,
    /// Subtrees the rules left out, each once.
    pub skipped: Vec<(Vec<u8>, Skip)>,
    /// Directories without an entry.
    pub empty_directories: u64,
}

impl Collector {
    /// A collector with one worker per thread.
    pub fn new(context: &Context<'_>, reference_ns: i64, largest_count: usize) -> Self {
        let owners = Arc::new(Owners::read());
        let worker = || {
            let rows = Columns::new(tables::columns("result"));
            let empty = Columns::new(tables::columns("empty"));
            Worker {
                writer: context.sink.writer(table("result"), rows.schema()),
                empty_writer: context.sink.writer(table("empty"), empty.schema()),
                rows,
                empty,
                empty_directories: 0,
                names: OwnerNames::new(Arc::clone(&owners)),
                summary: Summary::new(reference_ns),
                largest: Largest::new(largest_count),
                path: Vec::new(),
            }
        };
        Self {
            workers: Slots::new(context.threads, worker),
            tree: Mutex::new(Tree::default()),
            skipped: Mutex::new(Vec::new()),
            control: Arc::clone(context.control),
        }
    }

    /// Merge the threads' sums and finish their shards.
    ///
    /// # Errors
    /// [`crate::error::EngineError::Output`].
    pub fn finish(self) -> Result<Collected> {
        use rayon::prelude::*;
        let finished: Result<Vec<_>> = self.workers.into_inner().into_par_iter().map(Worker::finish).collect();
        let mut workers = finished?.into_iter();
        let Some((mut summary, mut largest, mut staged, mut empty_directories)) = workers.next() else {
            return Err(crate::error::EngineError::internal("an inventory has no worker"));
        };
        for (more_summary, more_largest, more_staged, more_empty) in workers {
            summary.merge(more_summary);
            largest.merge(more_largest);
            staged.extend(more_staged);
            empty_directories += more_empty;
        }
        let tree = self.tree.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let skipped = self.skipped.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Collected { summary, largest, tree, staged, skipped, empty_directories })
    }

    /// Count an entry into the batch's totals; true when it is its inode's first name.
    fn total(&self, batch: &Batch, meta: &Meta, totals: &mut Totals) -> bool {
        totals.files += 1;
        if meta.links > 1 {
            return lock(&self.tree).link(batch.directory.id, meta);
        }
        totals.size += meta.size;
        totals.allocated += meta.allocated;
        true
    }
}

impl Worker {
    fn finish(mut self) -> Result<(Summary, Largest, Vec<Staged>, u64)> {
        self.writer.write(&self.rows.take()?)?;
        self.empty_writer.write(&self.empty.take()?)?;
        let staged = vec![self.writer.stage()?, self.empty_writer.stage()?];
        Ok((self.summary, self.largest, staged, self.empty_directories))
    }

    fn entry(&mut self, directory: &[u8], name: &[u8], meta: &Meta) {
        paths::join_into(&mut self.path, directory, name);
        self.names.write(&mut self.rows, &self.path, name, meta);
        if meta.kind == Kind::File {
            self.largest.offer(&self.path, meta);
            if meta.size == 0 {
                self.empty.path(&self.path);
                self.empty.text(Kind::File.as_str());
            }
        }
    }

    fn empty_directory(&mut self, path: &[u8]) {
        self.empty_directories += 1;
        self.empty.path(if path.is_empty() { b"." } else { path });
        self.empty.text(Kind::Directory.as_str());
    }

    fn encode(&mut self) -> Result<()> {
        if self.rows.rows() >= BATCH_ROWS {
            self.writer.write(&self.rows.take()?)?;
        }
        if self.empty.rows() >= BATCH_ROWS {
            self.empty_writer.write(&self.empty.take()?)?;
        }
        Ok(())
    }
}

impl Visitor for Collector {
    fn batch(&self, batch: Batch) -> Result<()> {
        let mut totals = Totals::default();
        let mut bytes = 0;
        let mut worker = self.workers.acquire();
        for (name, meta) in batch.iter() {
            worker.entry(&batch.directory.path, name, meta);
            if meta.kind != Kind::Directory {
                let first = self.total(&batch, meta, &mut totals);
                worker.summary.count(name, meta, first);
                bytes += meta.size;
            }
        }
        if batch.empty_directory {
            worker.empty_directory(&batch.directory.path);
        }
        worker.encode()?;
        drop(worker);
        lock(&self.tree).add(&batch.directory, &totals);
        self.control.add_done(totals.files, bytes);
        Ok(())
    }

    fn skipped(&self, path: &[u8], reason: Skip) -> Result<()> {
        lock(&self.skipped).push((path.to_vec(), reason));
        Ok(())
    }
}
