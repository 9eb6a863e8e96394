//! Parts of large files: what BLAKE3 makes of each is kept, so that a file need not be read in one go, nor by one reader.
//!
//! BLAKE3 is a tree (BLAKE3 paper §5.3): the chaining value of a part stands for its bytes wherever the others are
//! hashed. A part is one for a file in one state only.

use std::ops::Range;

use blake3::hazmat::{ChainingValue, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};
use rayon::prelude::*;

use super::file::{Digested, FileReader, Meter, Place, Stop, Trouble};
use super::large::{BLOCK_BYTES, LargeFile, blake3_parallel};
use super::state::same;
use super::{Algorithm, Digest};
use crate::base::error::Result;
use crate::base::issue::IssueKind;
use crate::base::meta::Meta;

/// Bytes of a part; the last one of a file may be shorter. A power of two, as BLAKE3's subtrees ask for; large enough
/// that a look at the file after each costs nothing, and small enough to be lost.
pub const PART_BYTES: u64 = 64 << 20;

/// What is known of parts of files, and what becomes known. Called from several threads at once.
pub trait Parts: Sync {
    /// The chaining value of the part that begins at `offset`, when the file is as it was.
    fn find(&self, path: &[u8], meta: &Meta, offset: u64) -> Option<ChainingValue>;

    /// A part was hashed, of a file that was so before and after.
    ///
    /// # Errors
    /// An error ends the job.
    fn keep(&self, path: &[u8], meta: &Meta, part: Range<u64>, value: ChainingValue) -> Result<()>;
}

/// True of algorithms that are digested part by part: the one that is a tree, alone.
pub fn have_parts(algorithms: &[Algorithm]) -> bool {
    algorithms == [Algorithm::Blake3]
}

/// True of a file of several parts.
pub fn has_parts(size: u64) -> bool {
    size > PART_BYTES
}

/// The parts of a file of this size, or those that begin in a range of it; only a file of several has any.
pub fn parts_in(size: u64, range: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
    let end = if has_parts(size) { range.end.min(size) } else { 0 };
    (range.start.div_ceil(PART_BYTES).saturating_mul(PART_BYTES)..end)
        .step_by(PART_BYTES as usize)
        .map(move |start| start..size.min(start + PART_BYTES))
}

/// BLAKE3 of a file of several parts, when all of them are known.
pub fn digest_of_parts(size: u64, find: &dyn Fn(u64) -> Option<ChainingValue>) -> Option<Digest> {
    if !has_parts(size) {
        return None;
    }
    let left = left_subtree_len(size);
    let root = merge_subtrees_root(&value_of(0, left, find)?, &value_of(left, size - left, find)?, Mode::Hash);
    Some(Digest::new(root.as_bytes()))
}

fn value_of(offset: u64, length: u64, find: &dyn Fn(u64) -> Option<ChainingValue>) -> Option<ChainingValue> {
    if length <= PART_BYTES {
        return find(offset);
    }
    let left = left_subtree_len(length);
    let (one, other) = (value_of(offset, left, find)?, value_of(offset + left, length - left, find)?);
    Some(merge_subtrees_non_root(&one, &other, Mode::Hash))
}

impl FileReader {
    /// True when it reads large files part by part.
    fn takes_parts(&self, size: u64) -> bool {
        have_parts(&self.algorithms) && has_parts(size)
    }

    /// [`FileReader::digest`], without reading those parts of the file that are known; the others become known one by
    /// one. Of an object, parts are fetched, and never all of it at once.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn digest_in_parts<'p>(
        &self,
        place: impl Into<Place<'p>>,
        seen: &Meta,
        parts: &dyn Parts,
    ) -> std::result::Result<Digested, Trouble> {
        let place = place.into();
        if !self.takes_parts(seen.size) {
            return self.digest(place, seen);
        }
        if self.root.objects().is_none() {
            return self.digest_with(place, seen, Some(parts));
        }
        let meter = Meter::new(&self.control, if self.counts { seen.size } else { 0 });
        let source = LargeFile::object(&self.root, place.path, seen, &meter, parts);
        match blake3_parallel(&source, seen.size) {
            Ok(digest) => Ok(Digested { digests: vec![digest], meta: *seen }),
            // Another object by now, which is allowed.
            Err(Stop::OtherSize) => self.clone().uncounted().digest(place, seen),
            Err(stop) => Err(self.trouble(stop)),
        }
    }

    /// Hash those parts of a range of a file that are not known; none where the file has no parts. Adds the range's
    /// bytes to the progress.
    ///
    /// # Errors
    /// [`Trouble`]: as of [`FileReader::digest`]; also for a file that is not as the walk saw it.
    pub fn hash_range(
        &self,
        place: Place<'_>,
        seen: &Meta,
        range: &Range<u64>,
        parts: &dyn Parts,
    ) -> std::result::Result<(), Trouble> {
        let meter = Meter::new(&self.control, range.end.min(seen.size).saturating_sub(range.start));
        let wanted: Vec<Range<u64>> = parts_in(seen.size, range).collect();
        if !self.takes_parts(seen.size) || wanted.iter().all(|part| parts.find(place.path, seen, part.start).is_some())
        {
            return Ok(());
        }
        let all = |source: &LargeFile<'_>| {
            wanted.par_iter().try_for_each(|part| source.part(part.start, part.end - part.start).map(drop))
        };
        if self.root.objects().is_some() {
            let source = LargeFile::object(&self.root, place.path, seen, &meter, parts);
            return all(&source).map_err(|stop| self.trouble(stop));
        }
        let file = self.open(place)?;
        let read = self.read_unchanged(&file, &meter, |before| {
            if !same(before, seen) {
                return Err(Stop::OtherSize);
            }
            all(&LargeFile::file(&file, place.path, before, &meter, Some(parts))).map(|()| Vec::new())
        });
        read.map(drop)
    }

    fn trouble(&self, stop: Stop) -> Trouble {
        match (stop, self.control.check()) {
            // The end of the job ends a request, too: that is no trouble of the file.
            (_, Err(ended)) | (Stop::Ended(ended), _) => Trouble::Ended(ended),
            (Stop::Io(error), _) => error.into(),
            (Stop::OtherSize, _) => Trouble::Issue(IssueKind::ChangedWhileRead, "changed since it was listed".into()),
        }
    }
}

const _: () = assert!(PART_BYTES.is_power_of_two() && PART_BYTES > BLOCK_BYTES as u64);

/// What of large files no earlier attempt has done.
pub trait Ranges: Send + Sync {
    /// The ranges of a file that are not known, cut where parts of it begin; none of a file that has no parts, or of
    /// which all are known.
    fn missing(&self, path: &[u8], meta: &Meta) -> Vec<Range<u64>>;
}
