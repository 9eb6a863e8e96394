//! One directory: read its names, look each up, hand batches on, queue its children.

mod named;

use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use rustix::fs::{FileType, RawDir};

pub(super) use self::named::scan_listed;
use super::open::stat_at;
use super::queue::{Ancestors, Waiting};
use super::{Batch, Directory, Entry, Shared, Skip, Skipped};
use crate::base::error::{EngineError, Result, guarded};
use crate::base::issue::IssueKind;
use crate::base::meta::{EntryKind, Meta};
use crate::base::paths;
use crate::source::objects;
use crate::source::objects::{Objects, Page};

/// Entries per batch: large enough to pay for its hand-over, small enough to bound memory.
const BATCH_ENTRIES: usize = 4096;
/// Entries between two looks at the cancel flag.
const CANCEL_EVERY: u64 = 512;
/// As large as glibc's own directory buffer; larger ones measured no faster.
const DIRECTORY_BUFFER_BYTES: usize = 32 << 10;
/// Directories a thread has open at once while it helps with a crowded queue; bounds descriptors and stack.
const OPEN_AT_ONCE: u32 = 4;

thread_local! {
    static BUFFER: RefCell<Vec<MaybeUninit<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Scan directories until none is left.
pub(super) fn scan_all(shared: &Arc<Shared>) {
    while let Some(waiting) = shared.queue.next() {
        scan(shared, waiting, 1);
    }
}

/// Scan a directory that was taken from the queue; a failure or panic ends the walk.
fn scan(shared: &Arc<Shared>, waiting: Waiting, open: u32) {
    // Told last, also after a panic: until then the queue may grow.
    struct Done<'a>(&'a super::queue::Queue);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.done();
        }
    }
    let _done = Done(&shared.queue);
    if shared.is_stopped() {
        shared.queue.clear();
        return;
    }
    if let Err(error) = guarded(|| Scan::new(shared, waiting, open).run()) {
        shared.control.fail(error);
    }
}

struct Scan<'a> {
    shared: &'a Arc<Shared>,
    directory: Arc<Directory>,
    ancestors: Ancestors,
    names: Vec<u8>,
    entries: Vec<Entry>,
    seen: u64,
    filtered: u64,
    was_read: bool,
    open: u32,
    range: Option<Range<u64>>,
}

impl<'a> Scan<'a> {
    fn new(shared: &'a Arc<Shared>, waiting: Waiting, open: u32) -> Self {
        let Waiting { directory, mut ancestors } = waiting;
        // What a bucket holds leads nowhere else.
        if shared.rules.follow_links && shared.root.objects().is_none() {
            ancestors.push((directory.meta.device, directory.meta.inode));
        }
        Self {
            shared,
            directory: Arc::new(directory),
            ancestors,
            names: Vec::new(),
            entries: Vec::new(),
            seen: 0,
            filtered: 0,
            was_read: false,
            open,
            range: None,
        }
    }

    fn run(&mut self) -> Result<()> {
        self.shared.directories.fetch_add(1, Relaxed);
        if let Some(objects) = self.shared.root.objects() {
            self.list(objects)?;
            return self.flush(true);
        }
        let path = &self.directory.path;
        match self.shared.root.open_directory(path) {
            Err(error) => self.trouble(path, &error)?,
            Ok(opened) if self.shared.root.is_outside(&opened) => {
                let reason = Skip::OutsideBoundaries;
                self.shared.visitor.skipped(Skipped { path, directory: &self.directory, listed: None, reason })?;
            }
            Ok(opened) => {
                // Taken out of its cell: this thread may scan another directory before it is done with this one.
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
        self.was_read = true;
        let mut reader = RawDir::new(opened, buffer);
        while let Some(entry) = reader.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.was_read = false;
                    return self.trouble(&self.directory.path, &error.into());
                }
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.seen += 1;
            if self.seen.is_multiple_of(CANCEL_EVERY) && self.shared.is_stopped() {
                return Ok(());
            }
            self.take(opened, name, entry.file_type())?;
        }
        Ok(())
    }

    /// List a directory of a bucket page by page; each is handed on at once, for the next one takes its time. A page
    /// that cannot be had ends the job: nobody knows what is on it.
    fn list(&mut self, objects: &Objects) -> Result<()> {
        self.was_read = true;
        let mut token = None;
        while !self.shared.is_stopped() {
            let page = objects.list(&self.directory.path, token, &|| self.shared.is_stopped())?;
            token = page.next.clone();
            self.take_page(objects, page)?;
            if token.is_none() {
                break;
            }
            self.flush(false)?;
        }
        Ok(())
    }

    fn take_page(&mut self, objects: &Objects, page: Page) -> Result<()> {
        self.seen += (page.directories.len() + page.objects.len()) as u64;
        for name in &page.directories {
            match objects::refusal(name) {
                Some(reason) => self.refuse_key(&format!("{name}/"), reason)?,
                None => self.admit(name.as_bytes(), Objects::directory_meta(), false)?,
            }
        }
        for object in &page.objects {
            match objects::refusal(&object.name) {
                // The mark of the directory itself: some tools make one, to show it while it is empty.
                Some(_) if object.name.is_empty() && object.size == 0 => self.seen -= 1,
                Some(_) if object.name.is_empty() => {
                    self.refuse_key("", "is both a directory and an object with content; the object was not read")?;
                }
                Some(reason) => self.refuse_key(&object.name, reason)?,
                None => {
                    let meta = objects.listed_meta(&self.directory.path, object)?;
                    self.admit(object.name.as_bytes(), meta, false)?;
                }
            }
        }
        Ok(())
    }

    /// Record a key that no path stands for.
    fn refuse_key(&self, name: &str, reason: &str) -> Result<()> {
        let path = paths::join(&self.directory.path, name.as_bytes());
        self.shared.control.issue("walk", &path, IssueKind::Unsupported, reason);
        self.shared.visitor.trouble(&path, IssueKind::Unsupported, reason)
    }

    /// Record a path that could not be read.
    fn trouble(&self, path: &[u8], error: &io::Error) -> Result<()> {
        self.shared.control.io_issue("walk", path, error);
        self.shared.visitor.trouble(path, IssueKind::from_io(error), &error.to_string())
    }

    fn skip(&self, path: &[u8], listed: Option<&Meta>, reason: Skip) -> Result<()> {
        self.shared.visitor.skipped(Skipped { path, directory: &self.directory, listed, reason })
    }

    fn take(&mut self, opened: &OwnedFd, name: &std::ffi::CStr, listed: FileType) -> Result<()> {
        let bytes = name.to_bytes();
        // What is left out by its name needs no further look. Not every file system lists what an entry is.
        let listed = match listed {
            FileType::Unknown => None,
            FileType::Symlink if self.shared.rules.follow_links => None,
            listed => Some(listed == FileType::Directory),
        };
        if let Some(is_directory) = listed
            && !self.is_named(bytes, is_directory)?
        {
            return Ok(());
        }
        let (meta, leads_outside) = match self.look_up(opened, name) {
            Ok(found) => found,
            Err(_) if self.shared.rules.refuses(&self.directory.path, bytes, false).is_some() => return self.filter(),
            Err(error) => return self.trouble(&paths::join(&self.directory.path, bytes), &error),
        };
        if listed == Some(meta.kind == EntryKind::Directory) {
            return self.admit_named(bytes, meta, leads_outside);
        }
        self.admit(bytes, meta, leads_outside)
    }

    /// Take an entry that was looked up, as the rules say.
    fn admit(&mut self, bytes: &[u8], meta: Meta, leads_outside: bool) -> Result<()> {
        if self.is_named(bytes, meta.kind == EntryKind::Directory)? {
            self.admit_named(bytes, meta, leads_outside)?;
        }
        Ok(())
    }

    /// True unless the rules leave an entry out by its name; that is told.
    fn is_named(&mut self, bytes: &[u8], is_directory: bool) -> Result<bool> {
        let (rules, directory) = (&self.shared.rules, &self.directory.path);
        if let Some(reason) = rules.refuses(directory, bytes, is_directory) {
            if is_directory {
                self.skip(&paths::join(directory, bytes), None, reason)?;
            } else {
                self.filter()?;
            }
            return Ok(false);
        }
        if !is_directory && !rules.takes_name(directory, bytes) {
            self.filter()?;
            return Ok(false);
        }
        Ok(true)
    }

    fn admit_named(&mut self, bytes: &[u8], meta: Meta, leads_outside: bool) -> Result<()> {
        if meta.kind == EntryKind::Directory {
            return self.descend(bytes, meta);
        }
        if !self.shared.rules.takes_state(&meta) {
            return self.filter();
        }
        if leads_outside {
            self.skip(&paths::join(&self.directory.path, bytes), Some(&meta), Skip::OutsideBoundaries)?;
        }
        self.push(bytes, meta)
    }

    fn filter(&mut self) -> Result<()> {
        self.filtered += 1;
        self.shared.filtered.fetch_add(1, Relaxed);
        Ok(())
    }

    /// What an entry is, and whether it is a link that is not followed because it leads outside.
    fn look_up(&self, opened: &OwnedFd, name: &std::ffi::CStr) -> io::Result<(Meta, bool)> {
        let meta = stat_at(opened, name, false)?;
        if !self.shared.rules.follow_links || meta.kind != EntryKind::Symlink {
            return Ok((meta, false));
        }
        match stat_at(opened, name, true) {
            Ok(target) if self.target_is_inside(opened, name) => Ok((Meta { via_link: true, ..target }, false)),
            Ok(_) => Ok((meta, true)),
            // A dangling link stays what it is: a link.
            Err(_) => Ok((meta, false)),
        }
    }

    fn target_is_inside(&self, opened: &OwnedFd, name: &std::ffi::CStr) -> bool {
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
        let target = rustix::fs::openat(opened.as_fd(), name, flags, rustix::fs::Mode::empty());
        target.is_ok_and(|target| !self.shared.root.is_outside(target))
    }

    fn descend(&mut self, name: &[u8], meta: Meta) -> Result<()> {
        let shared = self.shared;
        let meta = Meta { via_link: meta.via_link || self.directory.meta.via_link, ..meta };
        let path = paths::join(&self.directory.path, name);
        let depth = self.directory.depth + 1;
        if shared.root.is_own_output(&meta) {
            return self.skip(&path, None, Skip::OwnOutput);
        }
        if shared.root.is_excluded(&meta) {
            return self.skip(&path, None, Skip::PravahData);
        }
        self.push(name, meta)?;
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
            return self.skip(&path, Some(&meta), reason);
        }
        let id = shared.next_id.fetch_add(1, Relaxed);
        if id == u32::MAX {
            return Err(EngineError::LimitExceeded {
                what: "directories of one job".into(),
                limit: u64::from(u32::MAX),
                unit: "directories",
            });
        }
        let directory = Directory { id, parent: self.directory.id, path, depth, meta };
        let is_crowded = shared.queue.push(Waiting { directory, ancestors: self.ancestors.clone() });
        if is_crowded && self.open < OPEN_AT_ONCE {
            while let Some(waiting) = shared.queue.take_if_crowded() {
                scan(shared, waiting, self.open + 1);
            }
        }
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
            filtered: std::mem::take(&mut self.filtered),
            empty_directory: last && self.was_read && self.seen == 0,
            range: self.range.clone(),
        };
        let (files, bytes) = batch.totals();
        self.shared.files.fetch_add(files, Relaxed);
        self.shared.bytes.fetch_add(bytes, Relaxed);
        self.shared.visitor.batch(batch)
    }
}
