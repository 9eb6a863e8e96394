//! S3 ETags: what they say of a file, and what they do not.
//!
//! The ETag of an object that was uploaded at once is its MD5; of one that was uploaded in parts it is the MD5 of the
//! parts' MD5s, a dash and the number of parts. The size of a part is not in it: sizes that make so many parts of the
//! file are tried. Of an object encrypted with a key of KMS or of the customer it is neither, and looks the same. So
//! one that matches proves a file, and one that does not is no proof against it, unless the user says how the ETags
//! were made.
//!
//! Source: Amazon S3 API reference, "Object" (`ETag`); MinIO's `internal/etag`; part sizes: defaults of the clients
//! named below, in their documentation.

use std::fmt;
use std::num::NonZeroU32;

use md5::{Digest as _, Md5};
use rayon::prelude::*;

use pravah_foundation::base::error::Result;
use pravah_foundation::io::digest::{BLOCK_BYTES, Digest, End, Reading};

/// What is listed of a file or found of it: a digest, or the digest of the digests of so many parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sum {
    /// Of the file, or of its parts' digests.
    pub digest: Digest,
    /// Of an ETag of an upload in parts.
    pub parts: Option<NonZeroU32>,
}

impl From<Digest> for Sum {
    fn from(digest: Digest) -> Self {
        Self { digest, parts: None }
    }
}

impl Sum {
    /// The sum that is written so.
    pub fn of_text(text: &str) -> Option<Self> {
        let (digest, parts) = match text.split_once('-') {
            Some((digest, parts)) => (digest, Some(parts.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { digest: Digest::from_hex(digest.as_bytes())?, parts })
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.digest.to_hex())?;
        self.parts.map_or(Ok(()), |parts| write!(formatter, "-{parts}"))
    }
}

/// Length of an MD5.
pub const BYTES: usize = 16;

/// The MD5 of no byte.
pub fn of_nothing() -> Digest {
    Digest::new(&Md5::digest([]))
}

const MIB: u64 = 1 << 20;

/// What clients take unless told otherwise, in MiB: 5 (Go and JavaScript SDK, rclone), 8 (AWS CLI, boto3), 10
/// (Cyberduck), 15 (s3cmd), 16 (MinIO client, the console), 50 (s5cmd), 64 and 100 (Hadoop), 128 (EMR); and powers of
/// two and round numbers, which people choose.
const USUAL_MIB: [u64; 19] = [5, 6, 8, 10, 12, 15, 16, 20, 24, 25, 32, 48, 50, 64, 100, 128, 256, 512, 1024];

/// Sizes of a part, in bytes, with which a file of this size may have been uploaded in so many parts.
///
/// Of usual ones those that do, and the smallest in whole MiB that does: a client whose parts would be too many takes
/// larger ones, rounded up. Where there is none of whole MiB, parts of equal size.
pub fn part_sizes(size: u64, parts: NonZeroU32) -> Vec<u64> {
    let parts = u64::from(parts.get());
    if parts == 1 {
        return vec![size.max(1)];
    }
    // Of parts of p bytes all but the last are full: (parts - 1) · p < size ≤ parts · p.
    let least = size.div_ceil(parts);
    let most = size.saturating_sub(1) / (parts - 1);
    if least > most || least == 0 {
        return Vec::new();
    }
    let rounded = least.div_ceil(MIB) * MIB;
    let mut sizes: Vec<u64> = USUAL_MIB.iter().map(|mib| mib * MIB).chain([rounded]).collect();
    sizes.retain(|size| (least..=most).contains(size));
    sizes.sort_unstable();
    sizes.dedup();
    if sizes.is_empty() { vec![least] } else { sizes }
}

/// True when a file of this size is so many parts of `part` bytes.
pub fn makes(size: u64, part: u64, parts: NonZeroU32) -> bool {
    size.div_ceil(part).max(1) == u64::from(parts.get())
}

/// The running ETag for one size of a part; none = of an upload at once.
struct Etag {
    part: Option<u64>,
    /// Of the present part.
    md5: Md5,
    left: u64,
    /// Of the parts that are complete.
    of_parts: Md5,
    parts: u32,
}

impl Etag {
    fn new(part: Option<u64>) -> Self {
        Self { part, md5: Md5::new(), left: part.unwrap_or(u64::MAX), of_parts: Md5::new(), parts: 0 }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // A part ends once there is more: one that ends with the file is the last.
            if self.left == 0 {
                self.end_part();
            }
            let (taken, rest) = bytes.split_at(self.left.min(bytes.len() as u64) as usize);
            self.md5.update(taken);
            self.left -= taken.len() as u64;
            bytes = rest;
        }
    }

    fn end_part(&mut self) {
        self.of_parts.update(self.md5.finalize_reset());
        self.left = self.part.unwrap_or(u64::MAX);
        self.parts += 1;
    }

    fn finish(mut self) -> Sum {
        if self.part.is_none() {
            return Digest::new(&self.md5.finalize()).into();
        }
        self.end_part();
        Sum { digest: Digest::new(&self.of_parts.finalize()), parts: NonZeroU32::new(self.parts) }
    }
}

/// Computes a file's ETags for some sizes of a part, in one read.
pub struct EtagReading<F> {
    etags: Vec<Etag>,
    end: F,
}

impl<F: FnOnce(Vec<Sum>) + Send> EtagReading<F> {
    /// For these sizes of a part, none = as of an upload at once; `end` is told what was found, unless the file broke.
    pub fn new(parts: &[Option<u64>], end: F) -> Self {
        Self { etags: parts.iter().map(|&part| Etag::new(part)).collect(), end }
    }
}

impl<F: FnOnce(Vec<Sum>) + Send> Reading for EtagReading<F> {
    fn block(&mut self, bytes: &[u8]) -> Result<bool> {
        if bytes.len() < BLOCK_BYTES {
            self.etags.iter_mut().for_each(|etag| etag.update(bytes));
        } else {
            self.etags.par_iter_mut().for_each(|etag| etag.update(bytes));
        }
        Ok(true)
    }

    fn end(self: Box<Self>, end: End<'_>) -> Result<()> {
        if let End::Whole(_) = end {
            (self.end)(self.etags.into_iter().map(Etag::finish).collect());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(size: u64, part: u64) -> NonZeroU32 {
        NonZeroU32::new(size.div_ceil(part).max(1) as u32).unwrap()
    }

    #[test]
    fn the_size_that_a_client_took_is_among_those_that_are_tried() {
        for part in USUAL_MIB.map(|mib| mib * MIB) {
            for count in [1, 2, 3, 7, 100, 9_999, 10_000] {
                for size in [part * count - 1, part * count, part * count + 1] {
                    let parts = parts(size, part);
                    let sizes = part_sizes(size, parts);
                    assert!(parts.get() == 1 || sizes.contains(&part), "{size} bytes in parts of {part}: {sizes:?}");
                    assert!(sizes.iter().all(|&size_of_part| makes(size, size_of_part, parts)), "{sizes:?}");
                    assert!(sizes.len() <= 10, "each of them is another MD5: {sizes:?}");
                }
            }
        }
        // More parts of 5 MiB than S3 takes: the client's are of so many whole MiB that it takes them.
        for size in [60_000 * MIB + 1, 200_000 * MIB, 5 << 40] {
            let part = size.div_ceil(10_000 * MIB) * MIB;
            assert!(part_sizes(size, parts(size, part)).contains(&part), "{size}");
        }
        // No whole MiB: parts of equal size.
        assert_eq!(part_sizes(7, parts(7, 3)), [3]);
        assert_eq!(part_sizes(0, NonZeroU32::MIN), [1]);
        assert_eq!(part_sizes(2, NonZeroU32::new(3).unwrap()), [0; 0]);
        assert_eq!(part_sizes(0, NonZeroU32::new(2).unwrap()), [0; 0]);
    }
}
