//! The files that a list names, looked up one by one.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use foldhash::fast::RandomState;

use super::super::listed::Listed;
use super::super::queue::Waiting;
use super::super::{Directory, Shared};
use super::Scan;
use crate::base::error::{EngineError, Result, guarded};
use crate::base::meta::EntryKind;
use crate::base::paths;
use crate::source::objects::Objects;

/// Look up what a list names until it ends; a failure or panic ends the walk.
pub fn scan_listed(shared: &Arc<Shared>, listed: &Listed) {
    while !shared.is_stopped() {
        let scanned = guarded(|| {
            let Some(group) = listed.next()? else { return Ok(false) };
            let depth =
                if group.directory.is_empty() { 0 } else { 1 + memchr::memchr_iter(b'/', &group.directory).count() };
            let (id, path) = (shared.next_id.fetch_add(1, Relaxed), group.directory);
            let directory = Directory { id, parent: 0, path, depth: depth as u32, meta: shared.root.meta };
            let mut scan = Scan::new(shared, Waiting { directory, ancestors: Vec::new() }, 1);
            scan.range = group.range;
            scan.run_listed(&group.names)?;
            Ok(true)
        });
        match scanned {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return shared.control.fail(error),
        }
    }
}

impl Scan<'_> {
    /// Take those of the directory's files that have these names, each ended by a NUL.
    fn run_listed(&mut self, names: &[u8]) -> Result<()> {
        self.shared.directories.fetch_add(1, Relaxed);
        if let Some(objects) = self.shared.root.objects() {
            self.list_some(objects, names)?;
            return self.flush(true);
        }
        let path = &self.directory.path;
        let opened = match self.shared.root.open_directory(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.flush(true),
            Err(error) => {
                self.trouble(path, &error)?;
                return self.flush(true);
            }
            Ok(opened) if self.shared.root.is_outside(&opened) => return self.flush(true),
            Ok(opened) => opened,
        };
        for name in names.split_inclusive(|&byte| byte == 0) {
            let Ok(name) = std::ffi::CStr::from_bytes_with_nul(name) else { continue };
            match self.look_up(&opened, name) {
                Ok((meta, _)) if meta.kind == EntryKind::Directory => {}
                Ok((meta, _)) => self.push(name.to_bytes(), meta)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.trouble(&paths::join(&self.directory.path, name.to_bytes()), &error)?,
            }
        }
        self.flush(true)
    }

    /// Take those objects of a directory that have these names: a page tells of a thousand at once, a request of one.
    fn list_some(&mut self, objects: &Objects, names: &[u8]) -> Result<()> {
        if let (Some(_), Some(name)) = (&self.range, names.strip_suffix(b"\0")) {
            return self.stat_one(objects, name);
        }
        let names: HashSet<&[u8], RandomState> = names.split(|&byte| byte == 0).collect();
        let mut token = None;
        while !self.shared.is_stopped() {
            let page = objects.list(&self.directory.path, token, &|| self.shared.is_stopped())?;
            token = page.next;
            for object in page.objects.iter().filter(|object| names.contains(object.name.as_bytes())) {
                if !object.name.is_empty() {
                    let meta = objects.listed_meta(&self.directory.path, object)?;
                    self.push(object.name.as_bytes(), meta)?;
                }
            }
            if token.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// One object alone: the directory of a few large ones may hold thousands of others.
    fn stat_one(&mut self, objects: &Objects, name: &[u8]) -> Result<()> {
        let path = paths::join(&self.directory.path, name);
        match objects.stat(&path) {
            Ok(meta) => self.push(name, meta),
            Err(_) if self.shared.is_stopped() => Err(EngineError::Cancelled),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => self.trouble(&path, &error),
        }
    }
}
