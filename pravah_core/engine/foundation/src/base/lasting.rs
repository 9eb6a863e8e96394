//! What makes files lasting: each call is a point at which a test has the process die, the call fail, or time pass.
//!
//! Without `PRAVAH_FAULT` a point costs a look at a flag. With `kill@7`, `fail@7` or `stall@7` the seventh point that
//! the process comes to kills it (as `kill -9` does), fails as a full disk does, or waits for 20 ms. What lasts by then is
//! told in the file `PRAVAH_FAULT_LOG`, so that a test can take away the rest, as a cut of power does.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::fs::RenameFlags;
use rustix::io::Errno;

#[derive(Debug, Clone, Copy)]
enum Action {
    Kill,
    Fail,
    Stall,
}

static FAULT: OnceLock<Option<(Action, u64)>> = OnceLock::new();
static LOG: OnceLock<Option<File>> = OnceLock::new();
static PASSED: AtomicU64 = AtomicU64::new(0);
const STALL: Duration = Duration::from_millis(20);

fn parse() -> Option<(Action, u64)> {
    let text = std::env::var("PRAVAH_FAULT").ok()?;
    let (action, place) = text.split_once('@')?;
    let action = match action {
        "kill" => Action::Kill,
        "fail" => Action::Fail,
        "stall" => Action::Stall,
        _ => return None,
    };
    Some((action, place.parse().ok()?))
}

/// Come to a point.
///
/// # Errors
/// That of a full disk, when a test asked for it.
#[inline]
pub fn point() -> io::Result<()> {
    match FAULT.get_or_init(parse) {
        None => Ok(()),
        Some((action, place)) => reached(*action, *place),
    }
}

/// Tell what lasts: a line, its fields with tabs between, each time in one write.
fn tell(lines: impl FnOnce() -> io::Result<String>) {
    let open = || Some(File::options().create(true).append(true).open(std::env::var_os("PRAVAH_FAULT_LOG")?));
    if let Some(mut log) = LOG.get_or_init(|| open()?.ok()).as_ref()
        && let Ok(lines) = lines()
    {
        let _ = log.write_all(lines.as_bytes());
    }
}

fn synced(content: &fs::Metadata) -> String {
    format!("synced\t{}\t{}\n", content.ino(), content.len())
}

fn renamed(from: &Path, to: &Path) -> io::Result<String> {
    Ok(format!("renamed\t{}\t{}\t{}\n", fs::metadata(from)?.ino(), from.display(), to.display()))
}

fn directory_synced(path: &Path) -> String {
    format!("directory\t{}\n", path.display())
}

/// Sync a file's content.
///
/// # Errors
/// The system's.
pub fn sync(file: &File) -> io::Result<()> {
    point()?;
    let content = file.metadata();
    file.sync_data()?;
    tell(|| content.map(|content| synced(&content)));
    Ok(())
}

/// Give a file its name, which is its own from then on.
///
/// # Errors
/// The system's.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    point()?;
    // Before it is so: whoever takes it back finds nothing to take back.
    tell(|| renamed(from, to));
    fs::rename(from, to)
}

/// Give a file a name that nothing has yet; a file system that knows no such renaming links it.
///
/// # Errors
/// The system's; among others, that the name is taken.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    point()?;
    tell(|| renamed(from, to));
    match rustix::fs::renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        renamed => Ok(renamed?),
    }
}

/// Come to the point before a file of an open directory is given its name.
///
/// # Errors
/// As [`point`].
pub fn renaming(directory: &OwnedFd, from: &[u8], to: &[u8]) -> io::Result<()> {
    point()?;
    tell(|| {
        let path = |name: &[u8]| Ok::<PathBuf, io::Error>(path_of(directory)?.join(OsStr::from_bytes(name)));
        renamed(&path(from)?, &path(to)?)
    });
    Ok(())
}

fn path_of(directory: &OwnedFd) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}

/// Sync all that lies below an open directory, and whatever else is on its file system.
///
/// # Errors
/// The system's.
pub fn sync_all(directory: &OwnedFd) -> io::Result<()> {
    let mut below = String::new();
    tell(|| {
        note_all(&path_of(directory)?, &mut below)?;
        Ok(String::new())
    });
    rustix::fs::syncfs(directory.as_fd())?;
    tell(|| Ok(below));
    Ok(())
}

fn note_all(directory: &Path, below: &mut String) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(content) if content.is_dir() => note_all(&entry.path(), below)?,
            Ok(content) => below.push_str(&synced(&content)),
            // Gone by now.
            Err(_) => {}
        }
    }
    below.push_str(&directory_synced(directory));
    Ok(())
}

/// Sync a directory, so that a rename in it survives a power cut.
///
/// # Errors
/// The system's.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    point()?;
    File::open(path)?.sync_all()?;
    tell(|| Ok(directory_synced(path)));
    Ok(())
}

/// Points the process has come to, when one was asked for.
pub fn passed() -> u64 {
    PASSED.load(Relaxed)
}

#[cold]
fn reached(action: Action, place: u64) -> io::Result<()> {
    if PASSED.fetch_add(1, Relaxed) + 1 != place {
        return Ok(());
    }
    match action {
        Action::Kill => {
            // Nothing of the process runs any more: no drop, no flush.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            Ok(())
        }
        Action::Fail => Err(rustix::io::Errno::NOSPC.into()),
        Action::Stall => {
            std::thread::sleep(STALL);
            Ok(())
        }
    }
}
