//! A directory that a job fills, outside its own folder: where compressed or unpacked files go.
//!
//! It is new or empty at the start, and lies apart from the source. Nothing in it is ever written over, and no path
//! leads out of it: names are opened with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`, so that no link in it is followed,
//! whoever made it. A file appears under its name when it is whole. Until the job is complete, a marker stands in it.

mod alone;
mod attributes;
mod left;
mod made;
mod marker;
mod parked;
mod published;
mod state;
mod time;

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

pub use self::attributes::Attributes;
use self::attributes::GivenTime;
pub use self::left::Finished;
use self::made::Made;
pub use self::marker::MARKER;
use self::marker::take;
pub use self::parked::Parked;
use self::published::Published;
pub use self::state::state_of;
pub use self::time::Time;
use crate::base::control::Control;
use crate::base::error::{EngineError, Result};
use crate::base::issue::IssueKind;
use crate::base::lasting;
use crate::base::paths;
use crate::base::sync::lock;
use crate::source::walk::open::{Root, open_at};

/// How the name of a file begins and ends that is not whole yet.
const PART: (&[u8], &[u8]) = (b".pravah-", b".part");
/// Open directories that are kept at hand.
const KEPT_DIRECTORIES: usize = 256;
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Ticks of NTFS, each of 100 ns, from 1601 to 1970.
pub const NTFS_EPOCH: i64 = 116_444_736_000_000_000;

/// An open destination.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    root: OwnedFd,
    /// Itself and those above it that were not there: they go again when nothing came into it.
    made: Made,
    is_begun: AtomicBool,
    /// An earlier attempt of this job was here: what it left is replaced.
    replaces: bool,
    /// What this attempt has made is not.
    published: Published,
    /// The job has a name.
    is_named: bool,
    open: Mutex<HashMap<Vec<u8>, Arc<OwnedFd>>>,
    attributes: Mutex<Vec<(Vec<u8>, Attributes)>>,
    /// Times that the file system could not hold.
    times_cut: AtomicU64,
    /// In temporary names: a thread of an attempt that failed may still be about to remove its own.
    temporaries: (u64, AtomicU64),
    control: Arc<Control>,
}

impl Destination {
    /// Make or take the directory at `path`.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] when it is not absolute, holds something, or lies in the source or around it;
    /// [`EngineError::Output`] when it cannot be made.
    pub fn open(path: &Path, source: &Root, job: Option<&str>, control: &Arc<Control>) -> Result<Self> {
        check(path)?;
        let failed = |error: io::Error| EngineError::output(path, error);
        // Refused before it is made: the source may be what it would be made in.
        let real = made::place_of(path).map_err(failed)?;
        let names = made::names_of(&real);
        if source.objects().is_none()
            && let Ok(source) = std::fs::canonicalize(&source.path)
            && (names.iter().any(|name| name.starts_with(&source)) || source.starts_with(&real))
        {
            let message = "options.destination is inside the source or contains it; choose a separate directory";
            return Err(EngineError::invalid(message));
        }
        if !control.take_place(&names) {
            let message = format!(
                "options.destination {path:?} is that of another operation of this job, inside it or \
                                   around it; choose a directory for each"
            );
            return Err(EngineError::invalid(message));
        }
        let made = made::make(&real).map_err(failed)?;
        let root = rustix::fs::open(&real, DIRECTORY, Mode::empty()).map_err(|error| failed(error.into()))?;
        let replaces = take(&real, job, || alone::be(&real, &root, alone::LONGEST, control))?;
        Ok(Self {
            path: real,
            root,
            made,
            is_begun: AtomicBool::new(false),
            replaces,
            published: Published::default(),
            is_named: job.is_some(),
            open: Mutex::default(),
            attributes: Mutex::default(),
            times_cut: AtomicU64::new(0),
            temporaries: (RandomState::new().hash_one(()), AtomicU64::new(0)),
            control: Arc::clone(control),
        })
    }

    /// Its real path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begin a file at `path` (bytes below the destination); the directories above it are made.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn create(&self, path: &[u8]) -> std::result::Result<Writing, Refused> {
        let (above, name) = split(path).map_err(|error| self.refuse(path, error))?;
        let directory = self.make(above).map_err(|error| self.refuse(path, error))?;
        let own = format!("{:x}-{}", self.temporaries.0, self.temporaries.1.fetch_add(1, Relaxed));
        let temporary = [PART.0, own.as_bytes(), PART.1].concat();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(&*directory, &temporary[..], flags, Mode::from_raw_mode(0o666));
        let file = file.map_err(|error| self.refuse(path, error.into()))?;
        let name = name.to_vec();
        Ok(Writing { file: Arc::new(File::from(file)), directory, temporary: Some(temporary), name })
    }

    /// Give a written file its attributes and its name.
    ///
    /// # Errors
    /// [`Refused`]: among others, that the name is taken.
    pub fn publish(
        &self,
        path: &[u8],
        mut writing: Writing,
        attributes: Attributes,
    ) -> std::result::Result<(), Refused> {
        let Some(temporary) = writing.temporary.take() else { return Ok(()) };
        let published = attributes
            .apply(&*writing.file)
            .map(|given| self.note(given))
            .and_then(|()| self.claim(path))
            .and_then(|()| self.rename(path, &writing.directory, &temporary, &writing.name));
        published.map_err(|error| {
            let _ = rustix::fs::unlinkat(&*writing.directory, &temporary[..], AtFlags::empty());
            self.refuse(path, error)
        })
    }

    fn rename(&self, path: &[u8], directory: &OwnedFd, from: &[u8], to: &[u8]) -> io::Result<()> {
        lasting::renaming(directory, from, to)?;
        let renamed = if self.replaces {
            self.make_room(path, directory, to);
            rustix::fs::renameat(directory, from, directory, to)
        } else {
            rustix::fs::renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE)
        };
        match renamed {
            // A file system that does not know the flag.
            Err(Errno::INVAL) if !self.replaces => {
                rustix::fs::linkat(directory, from, directory, to, AtFlags::empty())?;
                Ok(rustix::fs::unlinkat(directory, from, AtFlags::empty())?)
            }
            renamed => Ok(renamed?),
        }
    }

    /// Make a directory, and those above it.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn directory(&self, path: &[u8], attributes: Attributes) -> std::result::Result<Arc<OwnedFd>, Refused> {
        let made = self.make(path).map_err(|error| self.refuse(path, error))?;
        self.attributes_of(path, attributes);
        Ok(made)
    }

    /// Give the directory at `path` attributes, if it is made for what is in it.
    pub fn attributes_of(&self, path: &[u8], attributes: Attributes) {
        if attributes.mode.is_some() || attributes.mtime.is_some() {
            // At the end: a directory that may not be written takes no file, and each file changes its time.
            lock(&self.attributes).push((path.to_vec(), attributes));
        }
    }

    fn note(&self, given: GivenTime) {
        self.times_cut.fetch_add(u64::from(given == GivenTime::Cut), Relaxed);
    }

    /// Make a symbolic link, with an owner and a time of its own; what it leads to is not looked at.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn symlink(&self, path: &[u8], target: &[u8], attributes: Attributes) -> std::result::Result<(), Refused> {
        let made = split(path).and_then(|(above, name)| {
            let directory = self.make(above)?;
            self.claim(path)?;
            if self.replaces {
                self.make_room(path, &directory, name);
                let _ = rustix::fs::unlinkat(&*directory, name, AtFlags::empty());
            }
            rustix::fs::symlinkat(target, &*directory, name)?;
            // A file system may have links without times: the link is there all the same.
            if let Ok(given) = attributes.apply_to_link(directory.as_fd(), name) {
                self.note(given);
            }
            Ok(())
        });
        made.map_err(|error| self.refuse(path, error))
    }

    /// Give a file of the destination a further name.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn link(&self, path: &[u8], existing: &[u8]) -> std::result::Result<(), Refused> {
        let made = split(path).and_then(|(above, name)| {
            let (from_above, from_name) = split(existing)?;
            let (to, from) = (self.make(above)?, self.make(from_above)?);
            self.claim(path)?;
            if self.replaces {
                self.make_room(path, &to, name);
                let _ = rustix::fs::unlinkat(&*to, name, AtFlags::empty());
            }
            Ok(rustix::fs::linkat(&*from, from_name, &*to, name, AtFlags::empty())?)
        });
        made.map_err(|error| self.refuse(path, error))
    }

    fn make(&self, path: &[u8]) -> io::Result<Arc<OwnedFd>> {
        self.is_begun.store(true, Relaxed);
        if let Some(directory) = lock(&self.open).get(path) {
            return Ok(Arc::clone(directory));
        }
        let opened = match open_at(&self.root, if path.is_empty() { b"." } else { path }, DIRECTORY, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound || self.is_left(path, &error) => {
                let (above, name) = split(path)?;
                let above = self.make(above)?;
                if self.is_left(path, &error) {
                    // A directory stays, whatever the error was.
                    let _ = rustix::fs::unlinkat(&*above, name, AtFlags::empty());
                }
                match rustix::fs::mkdirat(&*above, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => open_at(&*above, name, DIRECTORY, false)?,
                    Err(error) => return Err(error.into()),
                }
            }
            opened => opened?,
        };
        let directory = Arc::new(opened);
        let mut open = lock(&self.open);
        if open.len() >= KEPT_DIRECTORIES {
            open.clear();
        }
        open.insert(path.to_vec(), Arc::clone(&directory));
        Ok(directory)
    }

    /// True when what is no directory at `path`, or above it, may be a file or link that an earlier attempt has left.
    fn is_left(&self, path: &[u8], error: &io::Error) -> bool {
        let is_none =
            error.kind() == io::ErrorKind::NotADirectory || error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
        is_none && self.replaces && !self.published.has(path)
    }

    fn refuse(&self, path: &[u8], error: io::Error) -> Refused {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            // Not this file's trouble: no other one could be written either.
            Some(Errno::NOSPC | Errno::DQUOT | Errno::ROFS | Errno::IO | Errno::MFILE | Errno::NFILE) => {
                let path = self.path.join(std::ffi::OsStr::from_bytes(path));
                Refused::All(EngineError::output(&path, error))
            }
            Some(Errno::EXIST) => Refused::One(format!("{} already exists at the destination", paths::escape(path))),
            _ => Refused::One(format!("cannot be written as {}: {error}", paths::escape(path))),
        }
    }

    /// Give directories their attributes, make all of it last, and take the marker away; the marker of a job that has a
    /// name stays, for its caller to take away once the job is known to be complete: until then another attempt may
    /// have to replace what is here.
    ///
    /// # Errors
    /// [`EngineError::Output`], [`EngineError::Cancelled`].
    pub fn finish(self) -> Result<Finished> {
        self.is_begun.store(true, Relaxed);
        let failed = |error: io::Error| EngineError::output(&self.path, error);
        let mut directories = std::mem::take(&mut *lock(&self.attributes));
        // The deepest first: what is changed in a directory changes its time.
        directories
            .sort_unstable_by_key(|(path, _)| std::cmp::Reverse(path.iter().filter(|&&byte| byte == b'/').count()));
        for (path, attributes) in directories {
            self.control.check()?;
            let path: &[u8] = if path.is_empty() { b"." } else { &path };
            // The tree is whole without it.
            let _ = open_at(&self.root, path, DIRECTORY, false)
                .and_then(|directory| attributes.apply(&directory))
                .map(|given| self.note(given));
        }
        let left = self.tell_left()?;
        self.make_last()?;
        if !self.is_named {
            rustix::fs::unlinkat(&self.root, MARKER, AtFlags::empty()).map_err(|error| failed(error.into()))?;
        }
        lasting::sync_directory(&self.path).map_err(failed)?;
        Ok(Finished { times_cut: self.times_cut.load(Relaxed), left })
    }
}

/// Look at a path before anything is opened.
///
/// # Errors
/// [`EngineError::InvalidOptions`] when it is not absolute.
pub fn check(path: &Path) -> Result<()> {
    if path.is_absolute() {
        return Ok(());
    }
    Err(EngineError::invalid(format!("options.destination {path:?} is not absolute")))
}

/// The directory above a path, and its last name; neither may lead elsewhere.
fn split(path: &[u8]) -> io::Result<(&[u8], &[u8])> {
    let cut = path.iter().rposition(|&byte| byte == b'/');
    let (above, name) = cut.map_or((&path[..0], path), |cut| (&path[..cut], &path[cut + 1..]));
    match name {
        b"" | b"." | b".." => Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a valid name")),
        name => Ok((above, name)),
    }
}

/// Why a file is not at the destination.
#[derive(Debug)]
pub enum Refused {
    /// An issue of the job, in words.
    One(String),
    /// Nothing more can be written; the job ends.
    All(EngineError),
}

impl Refused {
    /// Note the issue for `path`, or end the job.
    ///
    /// # Errors
    /// That of [`Refused::All`].
    pub fn tell(self, control: &Control, path: &[u8]) -> Result<()> {
        match self {
            Self::One(message) => {
                control.issue("write", path, IssueKind::Unsupported, message);
                Ok(())
            }
            Self::All(error) => Err(error),
        }
    }
}

/// A file on its way; removed when it is dropped unpublished.
#[derive(Debug)]
pub struct Writing {
    /// Open for writing and reading.
    pub file: Arc<File>,
    directory: Arc<OwnedFd>,
    temporary: Option<Vec<u8>>,
    name: Vec<u8>,
}

impl Writing {
    /// Under another name of the same directory.
    pub fn named(mut self, path: &[u8]) -> Self {
        self.name = paths::file_name(path).to_vec();
        self
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            let _ = rustix::fs::unlinkat(&*self.directory, &temporary[..], AtFlags::empty());
        }
    }
}
