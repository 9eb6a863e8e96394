//! One file: opened, read, digested, and known not to have changed meanwhile.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::large::{BLOCK_BYTES, Stop, blake3_parallel, digests, with_block};
use super::{Algorithm, Digest, digest_bytes};
use crate::control::Control;
use crate::issue::IssueKind;
use crate::walk::open::{Root, stat_file};
use crate::walk::{Kind, Meta};

/// A file's digests, with what was true of it while it was read.
#[derive(Debug)]
pub struct Digested {
    /// One for each algorithm asked for, in that order.
    pub digests: Vec<Digest>,
    /// Its size and times.
    pub meta: Meta,
}

/// Why a file has no digest.
#[derive(Debug)]
pub enum Trouble {
    /// An issue of the job.
    Issue(IssueKind, String),
    /// The job was cancelled.
    Cancelled,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Issue(IssueKind::from_io(&error), error.to_string())
    }
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Io(error) => error.into(),
            Stop::Short => changed("became shorter while it was read"),
            Stop::Cancelled => Self::Cancelled,
        }
    }
}

fn changed(message: &str) -> Trouble {
    Trouble::Issue(IssueKind::ChangedWhileRead, message.to_owned())
}

/// Reads and digests files below a source.
#[derive(Debug, Clone)]
pub struct FileReader {
    root: Arc<Root>,
    algorithms: Vec<Algorithm>,
    control: Arc<Control>,
}

impl FileReader {
    /// A reader for these algorithms.
    pub fn new(root: &Arc<Root>, algorithms: &[Algorithm], control: &Arc<Control>) -> Self {
        Self { root: Arc::clone(root), algorithms: algorithms.to_vec(), control: Arc::clone(control) }
    }

    /// Digest the file at `path` (bytes relative to the source) that the walk saw as `seen`.
    ///
    /// Adds its bytes to the progress; the caller adds the file.
    ///
    /// # Errors
    /// [`Trouble`]: unreadable, vanished, changed while it was read, no regular file, cancelled.
    ///
    /// # Cancellation
    /// Looked at per block of 512 KiB.
    pub fn digest(&self, path: &[u8], seen: &Meta) -> Result<Digested, Trouble> {
        let file = self.root.open_file(path)?;
        // A read that ends with the state the walk saw needs no look before it.
        if let Ok(digested) = self.read(&file, seen)
            && same(&stat_file(&file)?, seen)
        {
            return Ok(digested);
        }
        // It changed since it was listed, which is allowed, or it changes now, which is not.
        let before = stat_file(&file)?;
        if before.kind != Kind::File {
            return Err(Trouble::Issue(IssueKind::Unsupported, "is no longer a regular file".into()));
        }
        let digested = self.read(&file, &before)?;
        let after = stat_file(&file)?;
        if same(&before, &after) { Ok(digested) } else { Err(changed("changed while it was read")) }
    }

    fn read(&self, file: &OwnedFd, meta: &Meta) -> Result<Digested, Trouble> {
        if self.control.is_cancelled() {
            return Err(Trouble::Cancelled);
        }
        let digests = if meta.size > BLOCK_BYTES as u64 {
            match self.algorithms[..] {
                [Algorithm::Blake3] => vec![blake3_parallel(file, meta.size, &self.control)?],
                _ => digests(file, meta.size, &self.algorithms, &self.control)?,
            }
        } else {
            self.read_small(file, meta.size as usize)?
        };
        Ok(Digested { digests, meta: *meta })
    }

    fn read_small(&self, file: &OwnedFd, size: usize) -> Result<Vec<Digest>, Trouble> {
        // One byte more than its size: a file that grew, or whose size is a lie (/proc), is noticed.
        with_block(size + 1, |block| {
            let mut filled = 0;
            while filled < block.len() {
                match rustix::io::pread(file, &mut block[filled..], filled as u64) {
                    Ok(0) => break,
                    Ok(read) => {
                        filled += read;
                        if filled == size {
                            break;
                        }
                    }
                    Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(io::Error::from(error).into()),
                }
            }
            match filled.cmp(&size) {
                std::cmp::Ordering::Less => Err(changed("became shorter while it was read")),
                std::cmp::Ordering::Greater => Err(changed("holds more bytes than its size says")),
                std::cmp::Ordering::Equal => {
                    self.control.add_done(0, size as u64);
                    Ok(digest_bytes(&self.algorithms, &block[..size]))
                }
            }
        })
    }
}

fn same(one: &Meta, other: &Meta) -> bool {
    let key = |meta: &Meta| (meta.kind, meta.size, meta.mtime_ns, meta.ctime_ns, meta.inode, meta.device);
    key(one) == key(other)
}
