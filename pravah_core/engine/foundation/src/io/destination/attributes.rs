//! What is kept of a file besides its content, and how a file is given it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, Uid};

use super::time::Time;
use crate::base::meta::Meta;
use crate::source::walk::open::Root;

/// What is kept of a file.
#[derive(Debug, Clone, Copy)]
pub struct Attributes {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Last change of the content.
    pub mtime: Option<Time>,
    /// User and group; kept where the system allows it.
    pub owner: Option<(u32, u32)>,
}

/// Whether a file has got the time that it was given: file systems cut what they cannot hold without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenTime {
    Kept,
    Cut,
}

/// Seconds that every file system in use holds: up to 2106. ext4 ends in 2446, XFS in 2486, some in 2038.
const COMMON_SECONDS: std::ops::Range<i64> = 0..1 << 31;

impl Attributes {
    /// Nothing is kept.
    pub const NONE: Self = Self { mode: None, mtime: None, owner: None };

    /// Those of the entry at `path` of the source.
    pub fn of(root: &Root, path: &[u8], meta: &Meta) -> Self {
        let mtime = root.modified(path, meta).map(|(seconds, nanoseconds)| Time { seconds, nanoseconds });
        let owner = Some((meta.uid, meta.gid)).filter(|_| !meta.is_object());
        Self { mode: Some(meta.mode), mtime, owner }
    }

    /// Give them to an open file or directory.
    ///
    /// # Errors
    /// The system's.
    pub fn apply(&self, file: impl AsFd) -> io::Result<GivenTime> {
        let file = file.as_fd();
        let mut mode = self.mode;
        if let Some((user, group)) = self.other_owner()
            && rustix::fs::fchown(file, Some(user), Some(group)).is_err()
        {
            // Somebody else's set-uid would be ours.
            mode = mode.map(|mode| mode & !0o6000);
        }
        if let Some(mode) = mode {
            rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?;
        }
        let Some(time) = self.mtime else { return Ok(GivenTime::Kept) };
        rustix::fs::futimens(file, &stamps(time))?;
        given(time, || rustix::fs::fstat(file))
    }

    /// Give them to the symbolic link `name` itself: it has no permissions, but an owner and a time.
    ///
    /// # Errors
    /// The system's.
    pub fn apply_to_link(&self, directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<GivenTime> {
        if let Some((user, group)) = self.other_owner() {
            // As with files, it stays ours where the system does not allow it.
            let _ = rustix::fs::chownat(directory, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW);
        }
        let Some(time) = self.mtime else { return Ok(GivenTime::Kept) };
        rustix::fs::utimensat(directory, name, &stamps(time), AtFlags::SYMLINK_NOFOLLOW)?;
        given(time, || rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW))
    }

    fn other_owner(&self) -> Option<(Uid, Gid)> {
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let other = self.owner.filter(|&owner| owner != own);
        other.map(|(user, group)| (Uid::from_raw(user), Gid::from_raw(group)))
    }
}

fn stamps(time: Time) -> Timestamps {
    let time = Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds.into() };
    Timestamps { last_access: time, last_modification: time }
}

/// Look at the time that a file has got, where it may be another one.
#[allow(clippy::unnecessary_cast)] // the field's width differs between architectures
fn given(time: Time, stat: impl Fn() -> rustix::io::Result<rustix::fs::Stat>) -> io::Result<GivenTime> {
    let is_kept = COMMON_SECONDS.contains(&time.seconds) || stat()?.st_mtime as i64 == time.seconds;
    Ok(if is_kept { GivenTime::Kept } else { GivenTime::Cut })
}
