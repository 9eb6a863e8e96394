//! Opening the source and what lies below it, without following a link that was not asked for.

mod modified;

use std::io;
use std::ops::{Deref, Range};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};

use crate::base::control::Control;
use crate::base::error::{EngineError, Result};
use crate::base::meta::{EntryKind, Meta};
use crate::source::location::Source;
use crate::source::objects::{Credentials, Objects};

/// Paths up to this length are handed to the kernel whole (PATH_MAX is 4096 with its NUL).
const WHOLE_PATH_BYTES: usize = 4000;
/// A file to be read; a FIFO does not block.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Where a source lies.
#[derive(Debug)]
enum Place {
    Directory(OwnedFd),
    Objects(Box<Objects>),
}

/// A file that is open for reading.
#[derive(Debug)]
pub struct OpenFile {
    file: OwnedFd,
    /// Of an object: what its server said of it. The file is a copy then.
    object: Option<Meta>,
}

impl OpenFile {
    /// What is true of it now.
    ///
    /// # Errors
    /// The system's error.
    pub fn state(&self) -> io::Result<Meta> {
        self.object.map_or_else(|| stat_file(&self.file), Ok)
    }
}

impl Deref for OpenFile {
    type Target = OwnedFd;

    fn deref(&self) -> &OwnedFd {
        &self.file
    }
}

impl From<OpenFile> for std::fs::File {
    fn from(open: OpenFile) -> Self {
        open.file.into()
    }
}

/// The open source.
#[derive(Debug)]
pub struct Root {
    /// The path it was opened by.
    pub path: PathBuf,
    place: Place,
    follow_links: bool,
    pub(super) meta: Meta,
    boundaries: Option<Vec<PathBuf>>,
    own_output: OnceLock<(u64, u64)>,
    excluded: Vec<(u64, u64)>,
}

impl Root {
    /// Open the source.
    ///
    /// # Errors
    /// [`EngineError::SourceNotFound`] when it is missing or no directory,
    /// [`EngineError::PermissionDenied`] when it may not be read.
    pub fn open(source: &Source, follow_links: bool) -> Result<Self> {
        Self::open_with(source, follow_links, None)
    }

    /// [`Root::open`] of a source that asks who reads it.
    ///
    /// # Errors
    /// As that one; nothing is asked of a bucket yet.
    pub fn open_with(source: &Source, follow_links: bool, credentials: Option<&Credentials>) -> Result<Self> {
        let path = source.to_path()?;
        let root = |place, meta, boundaries| {
            let (own_output, excluded) = (OnceLock::new(), Vec::new());
            Self { path: path.clone(), place, follow_links, meta, boundaries, own_output, excluded }
        };
        if let Some(bucket) = &source.bucket {
            let objects = Objects::open(&source.path, bucket, credentials)?;
            return Ok(root(Place::Objects(Box::new(objects)), Objects::directory_meta(), None));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&path, flags, Mode::empty())
            .and_then(|directory| rustix::fs::fstat(&directory).map(|stat| (directory, stat)));
        let (directory, stat) = opened.map_err(|error| refuse(&path, error))?;
        let boundaries = source.boundaries.as_ref().map(|paths| {
            paths.iter().map(|path| std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path))).collect()
        });
        Ok(root(Place::Directory(directory), meta_of(&stat), boundaries))
    }

    /// Open another directory under the rules of this one: links, boundaries, what is excluded.
    ///
    /// # Errors
    /// As [`Root::open`].
    pub fn sibling(&self, source: &Source) -> Result<Self> {
        let opened = Self::open(source, self.follow_links)?;
        let (boundaries, own_output) = (self.boundaries.clone(), self.own_output.clone());
        Ok(Self { boundaries, own_output, excluded: self.excluded.clone(), ..opened })
    }

    /// Name directories that are not visited, however a walk comes upon them; one that is missing is ignored.
    pub fn exclude(&mut self, directories: &[PathBuf]) {
        let found = directories.iter().filter_map(|path| stat_path(path).ok());
        self.excluded.extend(found.map(|meta| (meta.device, meta.inode)));
    }

    pub(super) fn is_excluded(&self, meta: &Meta) -> bool {
        self.excluded.contains(&(meta.device, meta.inode))
    }

    /// Begin a job that writes to `output`: when that lies below the source it is not visited; what is fetched lies
    /// there.
    ///
    /// # Errors
    /// What keeps a bucket from being listed.
    pub fn begin(&self, output: &std::path::Path, control: &Arc<Control>) -> Result<()> {
        if let Ok(meta) = stat_path(output) {
            let _ = self.own_output.set((meta.device, meta.inode));
        }
        let Some(objects) = self.objects() else { return Ok(()) };
        objects.begin(output, control);
        objects.find(control)
    }

    /// How many small files one task takes to pay for its hand-over; one where each is waited for.
    pub fn files_at_once(&self) -> usize {
        if self.objects().is_some() { 1 } else { 16 }
    }

    /// The objects, where the source is a prefix.
    pub fn objects(&self) -> Option<&Objects> {
        match &self.place {
            Place::Objects(objects) => Some(objects),
            Place::Directory(_) => None,
        }
    }

    fn directory(&self) -> io::Result<&OwnedFd> {
        match &self.place {
            Place::Directory(directory) => Ok(directory),
            Place::Objects(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(super) fn is_own_output(&self, meta: &Meta) -> bool {
        self.own_output.get() == Some(&(meta.device, meta.inode))
    }

    /// True when a followed link has led out of the allowed directories.
    pub(super) fn is_outside(&self, opened: impl AsFd) -> bool {
        let Some(boundaries) = self.boundaries.as_ref().filter(|_| self.follow_links) else { return false };
        // A place that cannot be told counts as outside.
        real_path(opened).map_or(true, |path| !boundaries.iter().any(|boundary| path.starts_with(boundary)))
    }

    /// Open a directory below the source for scanning.
    ///
    /// # Errors
    /// The system's error.
    pub fn open_directory(&self, path: &[u8]) -> io::Result<OwnedFd> {
        self.open_below(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC)
    }

    /// Open a file below the source for reading; a FIFO does not block.
    ///
    /// # Errors
    /// The system's error.
    pub fn open_file(&self, path: &[u8]) -> io::Result<OpenFile> {
        if let Some(objects) = self.objects() {
            let (file, object) = objects.fetch(path)?;
            return Ok(OpenFile { file, object: Some(object) });
        }
        self.inside(self.open_below(path, FILE)?)
    }

    /// Open a file of this size to read these bytes of it: of a large object no others are fetched.
    ///
    /// # Errors
    /// The system's error.
    pub fn open_some(&self, path: &[u8], size: u64, ranges: &[Range<u64>]) -> io::Result<OpenFile> {
        let Some(objects) = self.objects() else { return self.open_file(path) };
        let (file, object) = objects.fetch_some(path, size, ranges)?;
        Ok(OpenFile { file, object: Some(object) })
    }

    /// Open a file of a directory that [`Root::open_directory`] gave; its path is not looked up once more.
    ///
    /// # Errors
    /// The system's error.
    pub fn open_file_of(&self, directory: &OwnedFd, name: &[u8]) -> io::Result<OpenFile> {
        // A name alone leads nowhere but to what it names: no need of openat2, which costs more.
        let link = if self.follow_links { OFlags::empty() } else { OFlags::NOFOLLOW };
        self.inside(rustix::fs::openat(directory, name, FILE | link, Mode::empty())?)
    }

    fn inside(&self, file: OwnedFd) -> io::Result<OpenFile> {
        // Looked at once more on what is open: a link may have been turned since the walk followed it.
        if self.is_outside(&file) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "points outside the allowed directories"));
        }
        Ok(OpenFile { file, object: None })
    }

    /// Look a path below the source up, without following a link at its end.
    ///
    /// # Errors
    /// The system's error.
    pub fn stat(&self, path: &[u8]) -> io::Result<Meta> {
        if let Some(objects) = self.objects() {
            return objects.stat(path);
        }
        stat_file(self.open_below(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC)?)
    }

    /// Where the symbolic link at `path` leads to, as it stands there.
    ///
    /// # Errors
    /// The system's error.
    pub fn read_link(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let link = self.open_below(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC)?;
        Ok(rustix::fs::readlinkat(&link, b"".as_slice(), Vec::new())?.into_bytes())
    }

    fn open_below(&self, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
        let directory = self.directory()?;
        if path.is_empty() {
            return open_at(directory, b".", flags, self.follow_links);
        }
        if path.len() <= WHOLE_PATH_BYTES {
            return open_at(directory, path, flags, self.follow_links);
        }
        // Longer than the kernel takes at once: descend in pieces that it takes.
        let mut rest = path;
        let mut current: Option<OwnedFd> = None;
        let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        while rest.len() > WHOLE_PATH_BYTES {
            let cut = rest[..WHOLE_PATH_BYTES].iter().rposition(|&byte| byte == b'/');
            let cut = cut.ok_or_else(|| io::Error::from(rustix::io::Errno::NAMETOOLONG))?;
            let from = current.as_ref().map_or(directory.as_fd(), AsFd::as_fd);
            current = Some(open_at(from, &rest[..cut], step, self.follow_links)?);
            rest = &rest[cut + 1..];
        }
        let from = current.as_ref().map_or(directory.as_fd(), AsFd::as_fd);
        open_at(from, rest, flags, self.follow_links)
    }
}

fn refuse(path: &std::path::Path, error: rustix::io::Errno) -> EngineError {
    use rustix::io::Errno;
    let path = path.to_path_buf();
    match error {
        Errno::NOENT => EngineError::SourceNotFound { path, message: "does not exist".into() },
        Errno::NOTDIR => EngineError::SourceNotFound { path, message: "is not a directory".into() },
        Errno::ACCESS | Errno::PERM => EngineError::PermissionDenied { path, message: error.to_string() },
        other => EngineError::SourceNotFound { path, message: format!("cannot be opened: {other}") },
    }
}

/// Open a path below a directory; unless links are followed, none of its parts may be one or lead above it.
///
/// # Errors
/// The system's error.
pub fn open_at(from: impl AsFd, path: &[u8], flags: OFlags, follow_links: bool) -> io::Result<OwnedFd> {
    if follow_links {
        return Ok(rustix::fs::openat(from, path, flags, Mode::empty())?);
    }
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(from.as_fd(), path, flags, Mode::empty(), resolve) {
        // Old kernels and some sandboxes lack openat2.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => open_by_name(from, path, flags),
        opened => Ok(opened?),
    }
}

/// Open name by name, none of which may be a link.
fn open_by_name(from: impl AsFd, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut current: Option<OwnedFd> = None;
    let mut rest = path;
    while let Some(slash) = rest.iter().position(|&byte| byte == b'/') {
        let from = current.as_ref().map_or(from.as_fd(), AsFd::as_fd);
        current = Some(rustix::fs::openat(from, &rest[..slash], step, Mode::empty())?);
        rest = &rest[slash + 1..];
    }
    let from = current.as_ref().map_or(from.as_fd(), AsFd::as_fd);
    Ok(rustix::fs::openat(from, rest, flags | OFlags::NOFOLLOW, Mode::empty())?)
}

/// Look an entry up relative to its directory.
///
/// # Errors
/// The system's error.
pub fn stat_at(directory: impl AsFd, name: &std::ffi::CStr, follow: bool) -> io::Result<Meta> {
    let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
    Ok(meta_of(&rustix::fs::statat(directory, name, flags)?))
}

/// What the system says of an open file.
///
/// # Errors
/// The system's error.
pub fn stat_file(file: impl AsFd) -> io::Result<Meta> {
    Ok(meta_of(&rustix::fs::fstat(file)?))
}

/// What the system says of a path, links followed.
///
/// # Errors
/// The system's error.
pub fn stat_path(path: &std::path::Path) -> io::Result<Meta> {
    Ok(meta_of(&rustix::fs::stat(path)?))
}

/// The real path of an open directory or file.
///
/// # Errors
/// The system's error.
fn real_path(file: impl AsFd) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let target = rustix::fs::readlink(link, Vec::new())?;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(target.to_bytes())))
}

/// What the system says of an entry.
#[allow(clippy::unnecessary_cast)] // the fields' widths differ between architectures
pub fn meta_of(stat: &Stat) -> Meta {
    let nanoseconds = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
    Meta {
        kind: kind_of(stat.st_mode),
        size: stat.st_size.max(0) as u64,
        allocated: stat.st_blocks.max(0) as u64 * 512,
        mtime_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        ctime_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        uid: stat.st_uid,
        gid: stat.st_gid,
        mode: stat.st_mode & 0o7777,
        inode: stat.st_ino,
        links: stat.st_nlink as u64,
        device: stat.st_dev,
        via_link: false,
    }
}

fn kind_of(mode: u32) -> EntryKind {
    match FileType::from_raw_mode(mode) {
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        FileType::Fifo => EntryKind::Fifo,
        FileType::Socket => EntryKind::Socket,
        FileType::BlockDevice => EntryKind::BlockDevice,
        FileType::CharacterDevice => EntryKind::CharDevice,
        _ => EntryKind::File,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn without_openat2_no_link_is_followed_either() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::write(at("a/b/file"), "x").unwrap();
        symlink("a", at("link")).unwrap();
        symlink("file", at("a/b/to-file")).unwrap();
        let root = rustix::fs::open(folder.path(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let open = |path: &str| open_by_name(&root, path.as_bytes(), OFlags::RDONLY | OFlags::CLOEXEC);
        assert!(open("a/b/file").is_ok());
        assert!(open(".").is_ok());
        assert!(open("a/b").is_ok());
        for path in ["link", "link/b/file", "a/b/to-file", "a/b/file/below", "absent/file"] {
            assert!(open(path).is_err(), "{path}");
            assert!(open_at(&root, path.as_bytes(), OFlags::RDONLY | OFlags::CLOEXEC, false).is_err(), "{path}");
        }
    }
}
