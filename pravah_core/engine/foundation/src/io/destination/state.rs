//! What is there already: by what a file of a destination is known, and that it lasts.

use std::fs::File;
use std::io;

use rustix::fs::{AtFlags, Stat};

use super::{Destination, split};
use crate::base::error::{EngineError, Result};
use crate::base::lasting;
use crate::base::meta::EntryKind;
use crate::base::meta::FileState;
use crate::source::walk::open::meta_of;

fn state(stat: &Stat) -> Option<FileState> {
    let meta = meta_of(stat);
    (meta.kind == EntryKind::File).then(|| FileState::from(&meta))
}

/// By what a file is known; to be asked once it has its name, for that changes it.
///
/// # Errors
/// The system's.
pub fn state_of(file: &File) -> io::Result<Option<FileState>> {
    Ok(state(&rustix::fs::fstat(file)?))
}

impl Destination {
    /// True when an earlier attempt of this job was here.
    pub fn replaces(&self) -> bool {
        self.replaces
    }

    /// By what the file at `path` is known; none when no regular file is there.
    pub fn state(&self, path: &[u8]) -> Option<FileState> {
        let (above, name) = split(path).ok()?;
        let directory = self.make(above).ok()?;
        state(&rustix::fs::statat(&*directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?)
    }

    /// Make all that is there last.
    ///
    /// # Errors
    /// [`EngineError::Output`], [`EngineError::Cancelled`].
    pub fn make_last(&self) -> Result<()> {
        let failed = |error: io::Error| EngineError::output(&self.path, error);
        lasting::point().map_err(failed)?;
        let root = rustix::io::dup(&self.root).map_err(|error| failed(error.into()))?;
        let path = self.path.clone();
        crate::base::pool::uninterrupted(&self.control, vec![(root, path)], |(root, path), _| {
            lasting::sync_all(&root).map_err(|error| EngineError::output(&path, error))
        })
    }
}
