//! What this attempt has made at its destination. Where an earlier one was, its files are replaced; these never are.

use std::collections::HashSet;
use std::io;
use std::sync::Mutex;

use rustix::io::Errno;
use xxhash_rust::xxh3::xxh3_128;

use super::Destination;
use crate::base::sync::lock;

/// Names by their hashes: there may be millions of them, and two of 128 bits are not alike by chance.
#[derive(Debug, Default)]
pub(super) struct Published(Mutex<HashSet<u128>>);

impl Published {
    pub fn has(&self, path: &[u8]) -> bool {
        lock(&self.0).contains(&xxh3_128(path))
    }

    pub fn forget(&self, path: &[u8]) {
        lock(&self.0).remove(&xxh3_128(path));
    }
}

impl Destination {
    /// Note that something of this attempt has this name from now on. Where no earlier attempt was, the file system
    /// refuses a name that is taken.
    ///
    /// # Errors
    /// `EEXIST` when this attempt has made something of this name already.
    pub(super) fn claim(&self, path: &[u8]) -> io::Result<()> {
        if !self.replaces || lock(&self.published.0).insert(xxh3_128(path)) { Ok(()) } else { Err(Errno::EXIST.into()) }
    }

    /// Take over a file that an earlier attempt has made; false when this one has made another of its name.
    pub fn take_over(&self, path: &[u8]) -> bool {
        self.claim(path).is_ok()
    }
}
