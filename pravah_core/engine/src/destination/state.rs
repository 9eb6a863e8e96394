//! What is there already: by what a file of a destination is known, and that it lasts.

use std::fs::File;
use std::io;

use rustix::fs::{AtFlags, FileType, Stat};

use super::{Destination, split};
use crate::baseline::State;
use crate::error::{EngineError, Result};
use crate::lasting;

fn state(stat: &Stat) -> Option<State> {
    let nanoseconds = |seconds: i64, rest: u64| seconds.wrapping_mul(1_000_000_000).wrapping_add(rest as i64);
    (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then(|| State {
        size: stat.st_size as u64,
        mtime_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
        ctime_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        inode: stat.st_ino,
    })
}

/// By what a file is known; to be asked once it has its name, for that changes it.
///
/// # Errors
/// The system's.
pub fn state_of(file: &File) -> io::Result<Option<State>> {
    Ok(state(&rustix::fs::fstat(file)?))
}

impl Destination {
    /// True when an earlier attempt of this job was here.
    pub fn replaces(&self) -> bool {
        self.replaces
    }

    /// By what the file at `path` is known; none when no regular file is there.
    pub fn state(&self, path: &[u8]) -> Option<State> {
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
        crate::pool::uninterrupted(&self.control, vec![(root, path)], |(root, path), _| {
            rustix::fs::syncfs(&root).map_err(|error| EngineError::output(&path, error))
        })
    }
}
