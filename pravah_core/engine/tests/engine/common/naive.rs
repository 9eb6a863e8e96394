//! Slow and simple: what the engine's answers are compared with.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Every entry below a directory by its relative path, links not followed.
pub fn entries(source: &Path) -> BTreeMap<Vec<u8>, Metadata> {
    let mut found = BTreeMap::new();
    collect(source, &[], &mut found);
    found
}

fn collect(directory: &Path, prefix: &[u8], found: &mut BTreeMap<Vec<u8>, Metadata>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let mut path = prefix.to_vec();
        path.extend_from_slice(entry.file_name().as_bytes());
        let metadata = fs::symlink_metadata(entry.path()).unwrap();
        if metadata.is_dir() {
            collect(&entry.path(), &[&path[..], b"/"].concat(), found);
        }
        found.insert(path, metadata);
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    pub files: u64,
    pub directories: u64,
    pub size: u64,
    pub allocated: u64,
}

/// The recursive totals of a directory, a hard link counted once; the directory's own blocks are part of it.
pub fn totals(source: &Path, below: &[u8], entries: &BTreeMap<Vec<u8>, Metadata>) -> Totals {
    let prefix = if below.is_empty() { Vec::new() } else { [below, b"/"].concat() };
    let own = if below.is_empty() { fs::metadata(source).unwrap() } else { entries[below].clone() };
    let mut totals = Totals { allocated: own.blocks() * 512, ..Totals::default() };
    let mut seen = HashSet::new();
    for (_, metadata) in entries.iter().filter(|(path, _)| path.starts_with(&prefix)) {
        if metadata.is_dir() {
            totals.directories += 1;
            totals.allocated += metadata.blocks() * 512;
            continue;
        }
        totals.files += 1;
        if seen.insert((metadata.dev(), metadata.ino())) {
            totals.size += metadata.len();
            totals.allocated += metadata.blocks() * 512;
        }
    }
    totals
}
