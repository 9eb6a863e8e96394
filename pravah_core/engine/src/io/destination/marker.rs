//! What tells whose a destination is until it is complete.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::PART;
use crate::base::error::{EngineError, Result};
use crate::base::lasting;

/// Stands in a destination that is not complete; holds the job's name.
pub const MARKER: &str = ".pravah-unfinished";
/// What it holds of a job without one.
const NO_JOB: &str = "no job";

/// Put the marker into a directory that is empty, or that an earlier attempt of the job left; true for the latter.
pub(super) fn take(path: &Path, job: Option<&str>) -> Result<bool> {
    let marker = path.join(MARKER);
    let failed = |error: io::Error| EngineError::output(&marker, error);
    let owner = std::fs::read(&marker).ok();
    if job.is_some_and(|job| owner.as_deref() == Some(job.as_bytes())) {
        remove_parts(path).map_err(failed)?;
        return Ok(true);
    }
    let there = std::fs::read_dir(path).map_err(failed)?.take(2).count();
    if owner.is_some_and(|owner| owner.is_empty()) && there == 1 {
        // Whoever made it was cut off before it began.
        std::fs::remove_file(&marker).map_err(failed)?;
    } else if there > 0 {
        let what = if marker.exists() { "holds what another job left unfinished" } else { "is not empty" };
        let message = format!("options.destination {path:?} {what}; name a new directory, or empty this one");
        return Err(EngineError::invalid(message));
    }
    // It lasts before anything else is there: else a cut of power could leave files that nobody may replace.
    let written = File::create_new(&marker).and_then(|mut file| {
        file.write_all(job.unwrap_or(NO_JOB).as_bytes())?;
        lasting::sync(&file)?;
        lasting::sync_directory(path)
    });
    written.map_err(failed)?;
    Ok(false)
}

/// Remove files that an earlier attempt had begun; no link is followed.
fn remove_parts(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            remove_parts(&entry.path())?;
        } else if name.as_bytes().starts_with(PART.0) && name.as_bytes().ends_with(PART.1) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
