//! One directory: read its names, look each up, hand batches on, spawn its children.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustix::fs::RawDir;

use super::open::{real_path, stat_at};
use super::{Batch, Directory, Entry, Kind, Meta, Shared, Skip, Visitor};
use crate::error::Result;
use crate::paths;

/// Entries per batch: large enough to pay for its hand-over, small enough to bound memory.
const BATCH_ENTRIES: usize = 4096;
/// Entries between two looks at the cancel flag.
const CANCEL_EVERY: u64 = 512;
/// As large as glibc's own directory buffer; larger ones measured no faster.
const DIRECTORY_BUFFER_BYTES: usize = 32 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<MaybeUninit<u8>>> = RefCell::new(vec![MaybeUninit::uninit(); DIRECTORY_BUFFER_BYTES]);
}

/// (device, inode) of the directories above, kept only while links are followed.
type Ancestors = Vec<(u64, u64)>;

/// Counts one scan down also when it panics, so that the walk always ends.
struct Pending<V: Visitor>(Arc<Shared<V>>);

impl<V: Visitor> Drop for Pending<V> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(crate::error::EngineError::internal("a directory scan panicked"));
        }
        if self.0.pending.fetch_sub(1, std::sync::atomic::Ordering::AcqRel) == 1 {
            self.0.finished.notify_one();
        }
    }
}

/// Scan `directory` as a task; the caller has counted it as pending.
pub(super) fn spawn<V: Visitor>(shared: Arc<Shared<V>>, directory: Directory, ancestors: Ancestors) {
    tokio::spawn(async move {
        let pending = Pending(shared);
        if pending.0.stopped() {
            return;
        }
        let mut scan = Scan::new(&pending.0, directory, ancestors);
        if let Err(error) = scan.run() {
            pending.0.fail(error);
        }
    });
}

struct Scan<'a, V: Visitor> {
    shared: &'a Arc<Shared<V>>,
    directory: Arc<Directory>,
    ancestors: Ancestors,
    names: Vec<u8>,
    entries: Vec<Entry>,
    seen: u64,
    opened: bool,
}

impl<'a, V: Visitor> Scan<'a, V> {
    fn new(shared: &'a Arc<Shared<V>>, directory: Directory, mut ancestors: Ancestors) -> Self {
        if shared.rules.follow_links {
            ancestors.push((directory.meta.device, directory.meta.inode));
        }
        Self {
            shared,
            directory: Arc::new(directory),
            ancestors,
            names: Vec::new(),
            entries: Vec::new(),
            seen: 0,
            opened: false,
        }
    }

    fn run(&mut self) -> Result<()> {
        self.shared.directories.fetch_add(1, Relaxed);
        match self.shared.root.open_directory(&self.directory.path) {
            Err(error) => self.shared.control.io_issue("walk", &self.directory.path, &error),
            Ok(opened) if self.leaves_boundaries(&opened) => {
                self.shared.visitor.skipped(&self.directory.path, Skip::OutsideBoundaries)?;
            }
            Ok(opened) => {
                self.opened = true;
                // Taken out of its cell: a visitor that walks on this thread must not find it borrowed.
                let mut buffer = BUFFER.with(RefCell::take);
                buffer.resize(DIRECTORY_BUFFER_BYTES, MaybeUninit::uninit());
                let read = self.read(&opened, &mut buffer);
                BUFFER.with(|cell| cell.replace(buffer));
                read?;
            }
        }
        self.flush(true)
    }

    fn read(&mut self, opened: &OwnedFd, buffer: &mut [MaybeUninit<u8>]) -> Result<()> {
        let mut reader = RawDir::new(opened, buffer);
        while let Some(entry) = reader.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.shared.control.io_issue("walk", &self.directory.path, &error.into());
                    break;
                }
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.seen += 1;
            if self.seen.is_multiple_of(CANCEL_EVERY) && self.shared.stopped() {
                break;
            }
            self.take(opened, name)?;
        }
        Ok(())
    }

    fn take(&mut self, opened: &OwnedFd, name: &std::ffi::CStr) -> Result<()> {
        let bytes = name.to_bytes();
        let rules = &self.shared.rules;
        let hidden = rules.hides(bytes);
        let ignored = !hidden && rules.ignores(&self.directory.path, bytes);
        let meta = match self.look_up(opened, name) {
            Ok(meta) => meta,
            Err(error) => {
                self.shared.control.io_issue("walk", &paths::join(&self.directory.path, bytes), &error);
                return Ok(());
            }
        };
        if meta.kind == Kind::Directory {
            if hidden || ignored {
                let reason = if hidden { Skip::Hidden } else { Skip::Ignored };
                return self.shared.visitor.skipped(&paths::join(&self.directory.path, bytes), reason);
            }
            self.push(bytes, meta)?;
            return self.descend(bytes, meta);
        }
        if hidden || ignored || !rules.takes(&self.directory.path, bytes, &meta) {
            self.shared.filtered.fetch_add(1, Relaxed);
            return Ok(());
        }
        self.push(bytes, meta)
    }

    fn look_up(&self, opened: &OwnedFd, name: &std::ffi::CStr) -> std::io::Result<Meta> {
        let meta = stat_at(opened, name, false)?;
        if !self.shared.rules.follow_links || meta.kind != Kind::Symlink {
            return Ok(meta);
        }
        // A dangling link stays what it is: a link.
        match stat_at(opened, name, true) {
            Ok(target) if target.kind == Kind::Directory || self.target_is_inside(opened, name) => Ok(target),
            _ => Ok(meta),
        }
    }

    /// Followed files are checked here; followed directories when they are opened.
    fn target_is_inside(&self, opened: &OwnedFd, name: &std::ffi::CStr) -> bool {
        if self.shared.boundaries.is_none() {
            return true;
        }
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
        rustix::fs::openat(opened, name, flags, rustix::fs::Mode::empty())
            .is_ok_and(|target| !self.leaves_boundaries(&target))
    }

    fn leaves_boundaries(&self, opened: &impl AsFd) -> bool {
        let Some(boundaries) = &self.shared.boundaries else { return false };
        if !self.shared.rules.follow_links {
            return false;
        }
        match real_path(opened) {
            Ok(path) => !boundaries.iter().any(|boundary| path.starts_with(boundary)),
            Err(_) => true,
        }
    }

    fn descend(&mut self, name: &[u8], meta: Meta) -> Result<()> {
        let shared = self.shared;
        let path = paths::join(&self.directory.path, name);
        let depth = self.directory.depth + 1;
        let refused = if depth >= shared.rules.max_depth {
            Some(Skip::Depth)
        } else if shared.rules.one_file_system && meta.device != self.directory.meta.device {
            Some(Skip::OtherFileSystem)
        } else if self.ancestors.contains(&(meta.device, meta.inode)) {
            Some(Skip::Loop)
        } else {
            None
        };
        if let Some(reason) = refused {
            return shared.visitor.skipped(&path, reason);
        }
        let id = shared.next_id.fetch_add(1, Relaxed);
        if id == u32::MAX {
            return Err(crate::error::EngineError::LimitExceeded {
                what: "directories of one job".into(),
                limit: u64::from(u32::MAX),
                unit: "directories",
            });
        }
        shared.pending.fetch_add(1, Relaxed);
        let child = Directory { id, parent: self.directory.id, path, depth, meta };
        spawn(Arc::clone(shared), child, self.ancestors.clone());
        Ok(())
    }

    fn push(&mut self, name: &[u8], meta: Meta) -> Result<()> {
        let name_start = self.names.len() as u32;
        self.names.extend_from_slice(name);
        self.entries.push(Entry { name_start, name_end: self.names.len() as u32, meta });
        if self.entries.len() >= BATCH_ENTRIES { self.flush(false) } else { Ok(()) }
    }

    fn flush(&mut self, last: bool) -> Result<()> {
        let batch = Batch {
            directory: Arc::clone(&self.directory),
            names: std::mem::take(&mut self.names),
            entries: std::mem::take(&mut self.entries),
            last,
            empty_directory: last && self.opened && self.seen == 0,
        };
        let files = batch.entries.iter().filter(|entry| entry.meta.kind != Kind::Directory);
        let (files, bytes) = files.fold((0, 0), |(files, bytes), entry| (files + 1, bytes + entry.meta.size));
        self.shared.files.fetch_add(files, Relaxed);
        self.shared.bytes.fetch_add(bytes, Relaxed);
        self.shared.visitor.batch(batch)
    }
}
