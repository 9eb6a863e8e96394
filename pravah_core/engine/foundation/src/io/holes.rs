//! Where a file has holes.

use std::os::fd::AsFd;

use rustix::fs::{SeekFrom, seek};

/// A file of more parts is taken as one.
const MOST_PARTS: usize = 100_000;

/// Offsets and lengths of the parts of a file of `size` bytes that are no holes; none when it has no hole, or its file
/// system does not tell.
pub fn extents(file: impl AsFd, size: u64) -> Option<Vec<(u64, u64)>> {
    let file = file.as_fd();
    let (mut parts, mut at) = (Vec::new(), 0);
    while at < size {
        let start = match seek(file, SeekFrom::Data(at)) {
            Ok(start) => start.min(size),
            // Nothing but a hole follows.
            Err(rustix::io::Errno::NXIO) => break,
            Err(_) => return None,
        };
        let end = seek(file, SeekFrom::Hole(start)).ok()?.min(size);
        if end > start {
            parts.push((start, end - start));
        }
        if parts.len() > MOST_PARTS || end <= at {
            return None;
        }
        at = end;
    }
    (parts.iter().map(|(_, length)| length).sum::<u64>() < size).then_some(parts)
}
