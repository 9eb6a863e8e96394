//! The directory itself, and those above it: where it will be, and its making, which a refusal takes back.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use rustix::fs::AtFlags;

use super::Destination;
use super::marker::MARKER;
use crate::source::mounts;

/// The real path that a directory has, or will have once it is made.
pub(super) fn place_of(path: &Path) -> io::Result<PathBuf> {
    let mut real = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                real.push(name);
                match std::fs::canonicalize(&real) {
                    Ok(found) => real = found,
                    // Nothing is there yet: nothing leads elsewhere.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            Component::ParentDir => _ = real.pop(),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(real)
}

/// All paths that lead to a directory or will, once it is made at this real path: what it is in may be mounted elsewhere.
pub(super) fn names_of(real: &Path) -> Vec<PathBuf> {
    let Some(there) = real.ancestors().find(|above| above.exists()) else { return vec![real.to_path_buf()] };
    let below = real.strip_prefix(there).unwrap_or(Path::new(""));
    let others = mounts::other_names(there).into_iter().map(|name| name.join(below));
    std::iter::once(real.to_path_buf()).chain(others).collect()
}

/// Directories that were made, and are removed again unless they are kept; one that is not empty stays.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Made(Vec<PathBuf>);

impl Made {
    pub fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        self.0.iter().rev().for_each(|directory| _ = std::fs::remove_dir(directory));
    }
}

impl Drop for Destination {
    /// A job that was refused leaves nothing behind.
    fn drop(&mut self) {
        let made = std::mem::take(&mut self.made);
        if self.is_begun.load(Relaxed) || self.replaces {
            made.keep();
        } else {
            let _ = rustix::fs::unlinkat(&self.root, MARKER, AtFlags::empty());
        }
    }
}

/// Make a directory and those above it that are not there.
pub(super) fn make(path: &Path) -> io::Result<Made> {
    let missing: Vec<&Path> = path.ancestors().take_while(|above| !above.exists()).collect();
    let mut made = Made(Vec::new());
    for directory in missing.into_iter().rev() {
        match std::fs::create_dir(directory) {
            Ok(()) => made.0.push(directory.to_path_buf()),
            // Another job was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(made)
}
