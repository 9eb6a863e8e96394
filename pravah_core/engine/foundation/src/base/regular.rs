//! Files that a request names and that are read whole: regular files, opened without waiting for anybody.
//!
//! Opening a FIFO would wait until somebody writes into it, and a device may have no end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::error::{EngineError, Result};

/// What to do where the last part of a path is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Open its target.
    Follow,
    /// Fail.
    Refuse,
}

/// Open a regular file.
///
/// # Errors
/// The system's; [`io::ErrorKind::InvalidInput`] when it is not a regular file.
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let flags = if links == Links::Refuse { flags | OFlags::NOFOLLOW } else { flags };
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
}

/// Read a regular file; none when it has more than `most` bytes, whatever its metadata says.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path, most: u64, links: Links) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    let read = open(path, links)?.take(most + 1).read_to_end(&mut content)?;
    Ok((read as u64 <= most).then_some(content))
}

/// The text of a file that an option names.
///
/// # Errors
/// [`EngineError::InvalidOptions`] naming the option: it cannot be read, has more than so many MiB, or is no UTF-8.
pub fn text(option: &str, path: &str, most_mib: u64) -> Result<String> {
    let failed = |what: String| EngineError::invalid(format!("options.{option} {path:?} {what}"));
    let content = read(path.as_ref(), most_mib << 20, Links::Follow);
    let content = content.map_err(|error| failed(format!("cannot be read: {error}")))?;
    let content = content.ok_or_else(|| failed(format!("is larger than {most_mib} MiB")))?;
    String::from_utf8(content).map_err(|error| failed(format!("is not valid UTF-8: {error}")))
}
