//! What earlier attempts of the job have left, and this one did not make: their sources changed since, or are gone.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::Destination;
use super::marker::MARKER;
use crate::base::error::{EngineError, Result};
use crate::base::issue::IssueKind;
use crate::base::paths;
use crate::base::sync::lock;

/// What is to be said of a destination that is complete.
#[derive(Debug, Clone, Copy)]
pub struct Finished {
    /// Times that its file system could not hold, and cut.
    pub times_cut: u64,
    /// Files that earlier attempts have left and that are no part of the result; each is told.
    pub left: u64,
}

impl Destination {
    /// Tell each file and link that is no part of the result; how many. They stay: only their owner can say that nobody
    /// else has put them there.
    ///
    /// # Errors
    /// [`EngineError::Output`], [`EngineError::Cancelled`].
    pub(super) fn tell_left(&self) -> Result<u64> {
        if !self.replaces {
            return Ok(0);
        }
        let (mut left, mut folders) = (Vec::new(), vec![Vec::new()]);
        while let Some(folder) = folders.pop() {
            self.control.check()?;
            let failed = |error: io::Error| EngineError::output(&self.path, error);
            for entry in std::fs::read_dir(self.path.join(std::ffi::OsStr::from_bytes(&folder))).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let path = paths::join(&folder, &entry.file_name().into_vec());
                if entry.file_type().map_err(failed)?.is_dir() {
                    folders.push(path);
                } else if path != MARKER.as_bytes() && !self.published.has(&path) {
                    left.push(path);
                }
            }
        }
        left.sort_unstable();
        for path in &left {
            let message = "is at the destination since an earlier attempt, and is no part of the result: its source has \
                           changed since then, or is gone; remove it";
            self.control.issue("write", path, IssueKind::ChangedWhileRead, message);
        }
        Ok(left.len() as u64)
    }

    /// Where a file or link is to be, remove the directory that an earlier attempt has made of a later member of the same
    /// archive: with what is in it, unless this attempt has made some of that.
    pub(super) fn make_room(&self, path: &[u8], above: &OwnedFd, name: &[u8]) {
        if self.is_all_left(path, above, name).unwrap_or(false) {
            let _ = remove_all(above, name);
            // Directories that were kept at hand may be gone.
            lock(&self.open).clear();
        }
    }

    fn is_all_left(&self, path: &[u8], above: &OwnedFd, name: &[u8]) -> io::Result<bool> {
        let directory = rustix::fs::openat(above, name, super::DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            let inner = entry.file_name().to_bytes();
            if matches!(inner, b"." | b"..") {
                continue;
            }
            let path = paths::join(path, inner);
            let is_directory = entry.file_type() == FileType::Directory;
            if self.published.has(&path) || (is_directory && !self.is_all_left(&path, &directory, inner)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn remove_all(above: &OwnedFd, name: &[u8]) -> io::Result<()> {
    let directory = rustix::fs::openat(above, name, super::DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        match entry.file_name().to_bytes() {
            b"." | b".." => {}
            inner if entry.file_type() == FileType::Directory => remove_all(&directory, inner)?,
            inner => rustix::fs::unlinkat(&directory, inner, AtFlags::empty())?,
        }
    }
    Ok(rustix::fs::unlinkat(above, name, AtFlags::REMOVEDIR)?)
}
