//! What makes files lasting: each call is a point at which a test has the process die, the call fail, or time pass.
//!
//! Without `PRAVAH_FAULT` a point costs a look at a flag. With `kill@7`, `fail@7` or `stall@7` the seventh point that
//! the process comes to kills it (as `kill -9` does), fails as a full disk does, or waits for 20 ms.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[derive(Debug, Clone, Copy)]
enum Action {
    Kill,
    Fail,
    Stall,
}

static FAULT: OnceLock<Option<(Action, u64)>> = OnceLock::new();
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

/// Sync a file's content.
///
/// # Errors
/// The system's.
pub fn sync(file: &File) -> io::Result<()> {
    point()?;
    file.sync_data()
}

/// Give a file its name, which is its own from then on.
///
/// # Errors
/// The system's.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    point()?;
    fs::rename(from, to)
}

/// Sync a directory, so that a rename in it survives a power cut.
///
/// # Errors
/// The system's.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    point()?;
    File::open(path)?.sync_all()
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
