//! How much of a job an earlier one has done.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Files that were taken over from an earlier run, and their bytes.
#[derive(Debug, Default)]
pub struct Reused {
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Reused {
    /// One more, of so many bytes.
    pub fn add(&self, size: u64) {
        self.files.fetch_add(1, Relaxed);
        self.bytes.fetch_add(size, Relaxed);
    }

    /// One that was added has to be read all the same.
    pub fn take_back(&self, size: u64) {
        self.files.fetch_sub(1, Relaxed);
        self.bytes.fetch_sub(size, Relaxed);
    }

    /// How many files.
    pub fn files(&self) -> u64 {
        self.files.load(Relaxed)
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}
