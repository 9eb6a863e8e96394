//! What tells whose a destination is until it is complete.

use std::ffi::OsStr;
use std::fs::{DirEntry, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::PART;
use crate::base::error::{EngineError, Result};
use crate::base::lasting;
use crate::base::regular::{self, Links};

/// Stands in a destination that is not complete; holds the job's name.
pub const MARKER: &str = ".pravah-unfinished";
/// What it holds of a job without one.
const NO_JOB: &str = "no job";
/// No name of a job is longer.
const MOST_BYTES: u64 = 4096;

/// Put the marker into a directory that is empty, or that an earlier attempt of the job left; true for the latter. `be_alone`
/// waits for that attempt, should it be there yet.
pub(super) fn take(path: &Path, job: Option<&str>, be_alone: impl FnOnce() -> Result<()>) -> Result<bool> {
    let marker = path.join(MARKER);
    let failed = |error: io::Error| EngineError::output(&marker, error);
    let owner = owner(&marker);
    if let Owner::Job(found) = &owner
        && job.is_some_and(|job| found == job.as_bytes())
    {
        be_alone()?;
        remove_parts(path, Depth::All).map_err(failed)?;
        // The attempt that put it there may have died before its name lasted.
        lasting::sync_directory(path).map_err(failed)?;
        return Ok(true);
    }
    let others = holds_others(path).map_err(failed)?;
    let is_taken = matches!(owner, Owner::Job(_));
    if others || is_taken {
        let what = match owner {
            Owner::None => "is not empty".to_owned(),
            Owner::Job(_) => "contains unfinished files of another job".to_owned(),
            Owner::Unknown => format!("contains files of a job that {MARKER} no longer names"),
        };
        let message = format!("options.destination {path:?} {what}; choose a new directory, or empty this one");
        return Err(EngineError::invalid(message));
    }
    if matches!(owner, Owner::Unknown) {
        // Nothing else is there: whoever made it was cut off before it began, and nothing can be lost.
        std::fs::remove_file(&marker).map_err(failed)?;
    }
    put(path, job.unwrap_or(NO_JOB)).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound => EngineError::invalid(format!(
            "options.destination {path:?} was just taken by another job; choose a new directory"
        )),
        _ => failed(error),
    })?;
    // Markers that earlier attempts began, and did not get to name.
    remove_parts(path, Depth::Top).map_err(failed)?;
    be_alone()?;
    Ok(false)
}

/// What a marker says.
enum Owner {
    /// There is none.
    None,
    /// The name of a job.
    Job(Vec<u8>),
    /// It is empty, of zeros (what a power cut leaves of content that was not synced), too long, or not a file.
    Unknown,
}

fn owner(marker: &Path) -> Owner {
    match regular::read(marker, MOST_BYTES, Links::Refuse) {
        Ok(Some(name)) if name.iter().any(|&byte| byte != 0) => Owner::Job(name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Owner::None,
        _ => Owner::Unknown,
    }
}

/// True when a directory holds something besides a marker and files on their way to become one.
fn holds_others(directory: &Path) -> io::Result<bool> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() != MARKER && !is_part(&entry)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Write the marker, so that it lasts before anything else is there: else a cut of power could leave files that nobody
/// may replace. It gets its name once its content lasts, for a marker without content would name nobody.
fn put(directory: &Path, job: &str) -> io::Result<()> {
    let name = format!("{:x}", RandomState::new().hash_one(()));
    let temporary = directory.join(OsStr::from_bytes(&[PART.0, name.as_bytes(), PART.1].concat()));
    let written = File::create_new(&temporary).and_then(|mut file| {
        file.write_all(job.as_bytes())?;
        lasting::sync(&file)
    });
    let named = written.and_then(|()| lasting::rename_new(&temporary, &directory.join(MARKER)));
    if named.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    named?;
    lasting::sync_directory(directory)
}

#[derive(Clone, Copy, PartialEq)]
enum Depth {
    /// The directory itself.
    Top,
    /// And those below it.
    All,
}

fn is_part(entry: &DirEntry) -> io::Result<bool> {
    let name = entry.file_name();
    Ok(name.as_bytes().starts_with(PART.0) && name.as_bytes().ends_with(PART.1) && entry.file_type()?.is_file())
}

/// Remove files that an earlier attempt had begun; no link is followed.
fn remove_parts(directory: &Path, depth: Depth) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if is_part(&entry)? {
            match std::fs::remove_file(entry.path()) {
                // Another job that takes the same directory at this moment has removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        } else if depth == Depth::All && entry.file_type()?.is_dir() {
            remove_parts(&entry.path(), depth)?;
        }
    }
    Ok(())
}
