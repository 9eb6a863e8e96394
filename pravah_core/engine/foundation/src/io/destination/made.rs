//! The directory itself, and those above it: where it will be, and its making, which a refusal takes back.

use std::io;
use std::path::{Component, Path, PathBuf};

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

/// Directories that were made, and are removed again unless they are kept; one that is not empty stays.
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
