//! Times of change of any year: 64 bits of nanoseconds end in 1677 and in 2262.

use rustix::fs::OFlags;

use super::Root;
use crate::base::meta::Meta;

const SECOND: i64 = 1_000_000_000;

impl Root {
    /// When the content of the entry at `path` last changed: seconds since the epoch, and nanoseconds after them. It is
    /// looked up again where the nanoseconds of `meta` do not hold it, before 1677 or after 2262. None if it cannot be
    /// known.
    #[allow(clippy::unnecessary_cast)] // the fields' widths differ between architectures
    pub fn modified(&self, path: &[u8], meta: &Meta) -> Option<(i64, u32)> {
        if !matches!(meta.mtime_ns, i64::MIN | i64::MAX) {
            let (seconds, rest) = (meta.mtime_ns.div_euclid(SECOND), meta.mtime_ns.rem_euclid(SECOND));
            return Some((seconds, rest as u32));
        }
        if meta.is_object() {
            return None;
        }
        let link = if meta.via_link { OFlags::empty() } else { OFlags::NOFOLLOW };
        let file = self.open_below(path, OFlags::PATH | link | OFlags::CLOEXEC).ok()?;
        let stat = rustix::fs::fstat(file).ok()?;
        Some((stat.st_mtime as i64, stat.st_mtime_nsec as u32))
    }
}
