//! A builder of hostile trees.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use tempfile::TempDir;

/// A directory that is filled call by call and removed at the end.
pub struct Tree {
    directory: TempDir,
}

/// A temporary directory in memory, where that is possible: what is synced there waits for no disk.
pub fn temporary_in_memory(prefix: &str) -> TempDir {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(prefix);
    builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir()).unwrap()
}

pub fn os(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

impl Tree {
    pub fn new() -> Self {
        Self::within(tempfile::Builder::new().prefix("tree").tempdir().unwrap())
    }

    /// For trees of very many entries: on a file system in memory, where there is one.
    pub fn in_memory() -> Self {
        Self::within(temporary_in_memory("tree"))
    }

    fn within(directory: TempDir) -> Self {
        fs::create_dir(directory.path().join("source")).unwrap();
        Self { directory }
    }

    /// The source.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("source")
    }

    /// A place beside the source.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn at(&self, relative: impl AsRef<[u8]>) -> PathBuf {
        self.path().join(os(relative.as_ref()))
    }

    fn parent_of(&self, relative: &[u8]) -> PathBuf {
        let path = self.at(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub fn file(&self, relative: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.parent_of(relative.as_ref()), content).unwrap();
        self
    }

    pub fn dir(&self, relative: impl AsRef<[u8]>) -> &Self {
        fs::create_dir_all(self.at(relative)).unwrap();
        self
    }

    pub fn link(&self, relative: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> &Self {
        symlink(os(target.as_ref()), self.parent_of(relative.as_ref())).unwrap();
        self
    }

    pub fn hard_link(&self, relative: impl AsRef<[u8]>, existing: impl AsRef<[u8]>) -> &Self {
        fs::hard_link(self.at(existing), self.parent_of(relative.as_ref())).unwrap();
        self
    }

    pub fn fifo(&self, relative: impl AsRef<[u8]>) -> &Self {
        rustix::fs::mkfifoat(rustix::fs::CWD, self.parent_of(relative.as_ref()), Mode::RUSR | Mode::WUSR).unwrap();
        self
    }

    pub fn socket(&self, relative: impl AsRef<[u8]>) -> &Self {
        // Its name stays when nobody listens any more.
        drop(UnixListener::bind(self.parent_of(relative.as_ref())).unwrap());
        self
    }

    /// A file of `size` bytes whose only data is its last byte.
    pub fn sparse(&self, relative: impl AsRef<[u8]>, size: u64) -> &Self {
        let file = File::create(self.parent_of(relative.as_ref())).unwrap();
        file.write_all_at(b"x", size - 1).unwrap();
        self
    }

    /// Set the time of the last change of the content.
    pub fn modified(&self, relative: impl AsRef<[u8]>, seconds: i64, nanoseconds: i64) -> &Self {
        let time = rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanoseconds as _ };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(rustix::fs::CWD, self.at(relative), &times, rustix::fs::AtFlags::empty()).unwrap();
        self
    }

    /// Directories of long names, one in the other, until the path has at least `bytes`; a file at its end.
    /// Gives the file's path relative to the source.
    pub fn deep(&self, bytes: usize, content: &[u8]) -> Vec<u8> {
        let name = "d".repeat(200);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut current = rustix::fs::open(self.path(), flags, Mode::empty()).unwrap();
        let mut path = Vec::new();
        while path.len() < bytes {
            rustix::fs::mkdirat(&current, name.as_str(), Mode::RWXU).unwrap();
            current = rustix::fs::openat(&current, name.as_str(), flags, Mode::empty()).unwrap();
            path.extend_from_slice(name.as_bytes());
            path.push(b'/');
        }
        let create = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&current, "end", create, Mode::RUSR | Mode::WUSR).unwrap();
        File::from(file).write_all(content).unwrap();
        path.extend_from_slice(b"end");
        path
    }
}

/// Names that break careless programs.
pub fn hostile_names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        &b"new\nline"[..],
        b"carriage\rreturn",
        b"tab\there",
        b"back\\slash",
        b"not utf-8 \xff\xfe",
        b"half \xc3",
        b"\x01\x1b[31mred",
        b" leading blank",
        b"trailing blank ",
        b"*star",
        b"-dash",
        b"--help",
        b"quote'\"quote",
        b"=1+1",
        b".hidden",
        b"..two dots",
        b"...",
        b"\\",
        b"\\x41",
        b"\\n",
        b"#comment",
        b"a  b",
        b"% d$(id)`id`",
        "\u{e9}\u{301}\u{202e}\u{1f600}".as_bytes(),
        "\u{85}\u{9b}".as_bytes(),
        "\u{fffd}".as_bytes(),
        "\u{feff}bom".as_bytes(),
    ]
    .iter()
    .map(|name| name.to_vec())
    .collect();
    names.push(vec![b'n'; 255]);
    names
}

/// A path from its bytes.
pub fn path_of(bytes: &[u8]) -> &Path {
    Path::new(os(bytes))
}

/// A content as gzip packs it.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}
