//! One file: opened, read, digested, and known not to have changed meanwhile.
//!
//! A change is seen by the file's times. The kernel stamps them with a clock that ticks every few
//! milliseconds, so a file that changed within the last tick may change again under the same stamp: such a
//! file is let rest for a moment before it is read. (Git calls such entries racy.) Beyond any reader's sight
//! is what a program writes through a mapping that it keeps, and the rest of one write(2) that overwrites in
//! place and was stamped when it began, before this reader looked.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::large::{BLOCK_BYTES, LargeFile, blake3_parallel, read_at, stream, with_block};
use super::parts::Parts;
use super::reading::Readings;
use super::state::{racy_for, rest, same};
use super::{Algorithm, Digest, digest_bytes};
use crate::base::control::Control;
use crate::base::error;
use crate::base::error::EngineError;
use crate::base::issue::IssueKind;
use crate::base::meta::{EntryKind, Meta};
use crate::base::paths;
use crate::source::walk::open::{OpenFile, Root};

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
    /// The job ends: it was cancelled, or something else than this file broke.
    Ended(EngineError),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Issue(IssueKind::from_io(&error), error.to_string())
    }
}

/// Why reading stopped.
#[derive(Debug)]
pub enum Stop {
    /// The system's error.
    Io(std::io::Error),
    /// It holds fewer or more bytes than its size.
    OtherSize,
    /// The job ends.
    Ended(EngineError),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Ended(error)
    }
}

/// Counts the bytes of one file into the progress: never more than the walk saw, and all of them at its end,
/// however it ends.
pub struct Meter<'a> {
    control: &'a Control,
    left: AtomicU64,
}

impl<'a> Meter<'a> {
    /// So many bytes are progress.
    pub fn new(control: &'a Control, size: u64) -> Self {
        Self { control, left: AtomicU64::new(size) }
    }

    /// Count some bytes.
    pub fn add(&self, bytes: u64) {
        let before = self.left.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(bytes)));
        self.control.add_done(0, before.unwrap_or(0).min(bytes));
    }

    /// # Errors
    /// [`Stop::Ended`] once the job is to stop.
    pub fn check(&self) -> Result<(), Stop> {
        self.control.check().map_err(Stop::Ended)
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        self.control.add_done(0, *self.left.get_mut());
    }
}

/// Where a file is: its path relative to the source, and its directory where that is open.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The path's bytes.
    pub path: &'a [u8],
    /// Spares the looking up of the path: a tenth of all work on small files.
    pub directory: Option<&'a OwnedFd>,
}

impl<'a, P: AsRef<[u8]> + ?Sized> From<&'a P> for Place<'a> {
    fn from(path: &'a P) -> Self {
        Self { path: path.as_ref(), directory: None }
    }
}

/// Reads and digests files below a source.
#[derive(Debug, Clone)]
pub struct FileReader {
    pub(super) root: Arc<Root>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) control: Arc<Control>,
    pub(super) counts: bool,
}

impl FileReader {
    /// A reader for these algorithms.
    pub fn new(root: &Arc<Root>, algorithms: &[Algorithm], control: &Arc<Control>) -> Self {
        Self { root: Arc::clone(root), algorithms: algorithms.to_vec(), control: Arc::clone(control), counts: true }
    }

    /// Its algorithms, in the order of [`Digested::digests`].
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// A reader whose bytes are no progress of the job.
    pub fn uncounted(self) -> Self {
        Self { counts: false, ..self }
    }

    /// Digest the file that the walk saw as `seen`.
    ///
    /// Adds the bytes that the walk saw to the progress, also when there is trouble; the caller adds the file.
    ///
    /// # Errors
    /// [`Trouble`]: unreadable, vanished, changed while it was read, no regular file, cancelled.
    ///
    /// # Cancellation
    /// Looked at per block of 512 KiB.
    pub fn digest<'p>(&self, place: impl Into<Place<'p>>, seen: &Meta) -> Result<Digested, Trouble> {
        self.digest_with(place.into(), seen, None)
    }

    /// [`FileReader::digest`]; `parts` are of large files.
    pub(super) fn digest_with(
        &self,
        place: Place<'_>,
        seen: &Meta,
        parts: Option<&dyn Parts>,
    ) -> Result<Digested, Trouble> {
        let meter = Meter::new(&self.control, if self.counts { seen.size } else { 0 });
        let file = self.open(place)?;
        let read = |meta: &Meta| self.read(&file, place.path, meta, &meter, parts);
        // A read that ends with the state the walk saw needs no look before it.
        if racy_for(seen).is_none()
            && let Ok(digests) = read(seen)
            && same(&file.state()?, seen)
        {
            return Ok(Digested { digests, meta: *seen });
        }
        // It changed since it was listed, which is allowed, or it changes now, which is not.
        self.read_unchanged(&file, &meter, read)
    }

    /// Hand the file's bytes to `readings` and digest them, in one read. Otherwise as [`FileReader::digest`], with
    /// one difference: bytes that were handed out are not handed out again, so that a file that changed since it
    /// was listed costs a look instead of a second read.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn read_with<'p>(
        &self,
        place: impl Into<Place<'p>>,
        seen: &Meta,
        readings: &mut Readings<'_>,
    ) -> Result<Digested, Trouble> {
        match self.open(place) {
            Ok(file) => self.read_open(&file, seen, readings),
            Err(trouble) => {
                drop(Meter::new(&self.control, if self.counts { seen.size } else { 0 }));
                Err(trouble)
            }
        }
    }

    /// Open a file for [`FileReader::read_open`].
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn open<'p>(&self, place: impl Into<Place<'p>>) -> Result<OpenFile, Trouble> {
        let Place { path, directory } = place.into();
        let opened = match directory {
            Some(directory) => self.root.open_file_of(directory, paths::file_name(path)),
            None => self.root.open_file(path),
        };
        opened.map_err(|error| match self.control.check() {
            // The end of the job ends a request, too: that is no trouble of the file.
            Err(ended) => Trouble::Ended(ended),
            Ok(()) => error.into(),
        })
    }

    /// [`FileReader::read_with`] of a file that is open.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn read_open(&self, file: &OpenFile, seen: &Meta, readings: &mut Readings<'_>) -> Result<Digested, Trouble> {
        let meter = Meter::new(&self.control, if self.counts { seen.size } else { 0 });
        if let Some(digested) = self.read_as_seen(file, seen, readings, &meter)? {
            return Ok(digested);
        }
        self.read_unchanged(file, &meter, |meta| {
            if meta.size <= BLOCK_BYTES as u64 {
                return read_small(file, meta.size as usize, &meter, |bytes| {
                    readings.block(bytes)?;
                    Ok(digest_bytes(&self.algorithms, bytes))
                });
            }
            let digests = stream(file, meta.size, &self.algorithms, readings, &meter)?;
            if self.algorithms.is_empty() && readings.are_sated() { Ok(digests) } else { at_end(file, meta, digests) }
        })
    }

    /// Read a small file that is still as the walk saw it: with a look after the read only, before a byte of it is
    /// handed out. None when it is not so.
    fn read_as_seen(
        &self,
        file: &OpenFile,
        seen: &Meta,
        readings: &mut Readings<'_>,
        meter: &Meter<'_>,
    ) -> Result<Option<Digested>, Trouble> {
        if seen.kind != EntryKind::File || seen.size > BLOCK_BYTES as u64 || racy_for(seen).is_some() {
            return Ok(None);
        }
        let read = meter.check().and_then(|()| {
            read_small(file, seen.size as usize, meter, |bytes| {
                if !file.state().is_ok_and(|after| same(&after, seen)) {
                    return Ok(None);
                }
                readings.block(bytes)?;
                Ok(Some(Digested { digests: digest_bytes(&self.algorithms, bytes), meta: *seen }))
            })
        });
        match read {
            Err(Stop::Ended(error)) => Err(Trouble::Ended(error)),
            // What is wrong with it, the other way tells.
            Err(_) => Ok(None),
            Ok(digested) => Ok(digested),
        }
    }

    /// Digest the file as it stands, whatever a walk saw; `size` bytes of it are progress.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn digest_now(&self, path: &[u8], size: u64) -> Result<Digested, Trouble> {
        let meter = Meter::new(&self.control, if self.counts { size } else { 0 });
        let file = self.open(path)?;
        self.read_unchanged(&file, &meter, |meta| self.read(&file, path, meta, &meter, None))
    }

    /// Do something with an open file that must not change meanwhile.
    ///
    /// # Errors
    /// [`Trouble`]: as of a file that is read, and the errors of `work`.
    pub fn unchanged(
        &self,
        file: &OpenFile,
        work: impl FnOnce(&Meta) -> std::result::Result<(), EngineError>,
    ) -> Result<(), Trouble> {
        let meter = Meter::new(&self.control, 0);
        self.read_unchanged(file, &meter, |meta| Ok(work(meta).map(|()| Vec::new())?)).map(|_| ())
    }

    pub(super) fn read_unchanged(
        &self,
        file: &OpenFile,
        meter: &Meter<'_>,
        read: impl FnOnce(&Meta) -> Result<Vec<Digest>, Stop>,
    ) -> Result<Digested, Trouble> {
        let before = file.state()?;
        if before.kind != EntryKind::File {
            return Err(Trouble::Issue(IssueKind::Unsupported, "is no longer a regular file".into()));
        }
        rest(&self.control, &before).map_err(Trouble::Ended)?;
        let digests = meter.check().and_then(|()| read(&before));
        let after = file.state()?;
        let unchanged = same(&before, &after);
        match digests {
            Ok(digests) if unchanged => Ok(Digested { digests, meta: before }),
            Err(Stop::Ended(error)) => Err(Trouble::Ended(error)),
            Err(Stop::Io(error)) => Err(error.into()),
            Err(Stop::OtherSize) if unchanged => {
                let message = format!("has a different number of bytes than its size, {}", before.size);
                Err(Trouble::Issue(IssueKind::Unsupported, message))
            }
            Ok(_) if after.links == 0 => {
                Err(Trouble::Issue(IssueKind::Vanished, "was deleted while it was read".into()))
            }
            Ok(_) | Err(Stop::OtherSize) => {
                Err(Trouble::Issue(IssueKind::ChangedWhileRead, "changed while it was read".into()))
            }
        }
    }

    fn read(
        &self,
        file: &OpenFile,
        path: &[u8],
        meta: &Meta,
        meter: &Meter<'_>,
        parts: Option<&dyn Parts>,
    ) -> Result<Vec<Digest>, Stop> {
        meter.check()?;
        if meta.size <= BLOCK_BYTES as u64 {
            let digest = |bytes: &[u8]| Ok(digest_bytes(&self.algorithms, bytes));
            return read_small(file, meta.size as usize, meter, digest);
        }
        let digests = match self.algorithms[..] {
            [Algorithm::Blake3] => vec![blake3_parallel(&LargeFile::file(file, path, meta, meter, parts), meta.size)?],
            _ => stream(file, meta.size, &self.algorithms, &mut Readings::new(Vec::new()), meter)?,
        };
        at_end(file, meta, digests)
    }
}

/// `digests`, when the file ends where its size says.
fn at_end(file: &OwnedFd, meta: &Meta, digests: Vec<Digest>) -> Result<Vec<Digest>, Stop> {
    match read_at(file, &mut [0], meta.size)? {
        0 => Ok(digests),
        _ => Err(Stop::OtherSize),
    }
}

fn read_small<T>(
    file: &OwnedFd,
    size: usize,
    meter: &Meter<'_>,
    work: impl FnOnce(&[u8]) -> error::Result<T>,
) -> Result<T, Stop> {
    // One byte more than its size: a file that grew, or whose size is a lie (/proc), is noticed.
    with_block(size + 1, |block| {
        let mut filled = 0;
        while filled < block.len() {
            match read_at(file, &mut block[filled..], filled as u64)? {
                0 => break,
                read => filled += read,
            }
            // The end is not read once more: a regular file gives all it has.
            if filled == size {
                break;
            }
        }
        if filled != size {
            return Err(Stop::OtherSize);
        }
        meter.add(size as u64);
        Ok(work(&block[..size])?)
    })
}
