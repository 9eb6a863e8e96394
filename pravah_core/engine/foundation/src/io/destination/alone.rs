//! One writer at a time: two attempts of one job know each other's files as those of an earlier attempt.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::base::control::Control;
use crate::base::error::{EngineError, Result};

/// An attempt whose worker is just being stopped may take so long to end.
pub(super) const LONGEST: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(50);

/// Keep the directory to this process until `root` is closed, by its end at the latest; wait for another one so long.
///
/// # Errors
/// [`EngineError::InvalidOptions`] when another one keeps it; [`EngineError::Cancelled`].
pub(super) fn be(path: &Path, root: &OwnedFd, longest: Duration, control: &Control) -> Result<()> {
    let began = Instant::now();
    // A file system that knows no locks has none to wait for.
    while flock(root.as_fd(), FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        control.check()?;
        if began.elapsed() >= longest {
            let message =
                format!("options.destination {path:?} is being written by another run of this job; wait for its end");
            return Err(EngineError::invalid(message));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_refused_until_the_first_one_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let open = || {
            let flags = super::super::DIRECTORY;
            rustix::fs::open(directory.path(), flags, rustix::fs::Mode::empty()).unwrap()
        };
        let control = Control::new();
        let (first, second) = (open(), open());
        be(directory.path(), &first, Duration::ZERO, &control).unwrap();
        let refused = be(directory.path(), &second, Duration::ZERO, &control).unwrap_err().to_string();
        assert!(refused.contains("another run of this job"), "{refused}");
        drop(first);
        be(directory.path(), &second, Duration::ZERO, &control).unwrap();
        control.cancel();
        assert!(matches!(be(directory.path(), &open(), LONGEST, &control), Err(EngineError::Cancelled)));
    }
}
