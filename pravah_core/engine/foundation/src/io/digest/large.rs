//! Large files: blocks are read and hashed on all threads of the pool.

use std::cell::RefCell;
use std::os::fd::OwnedFd;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};
use rayon::prelude::*;

use super::file::{Meter, Stop};
use super::parts::{PART_BYTES, Parts, has_parts};
use super::reading::Readings;
use super::rest::Rest;
use super::state::same;
use super::{Algorithm, Digest, Hasher};
use crate::base::meta::Meta;
use crate::source::walk::open::{OpenFile, Root};

/// A block that one thread reads and hashes: a power of two (BLAKE3's subtrees ask for it) that stays in
/// a core's second-level cache; 512 KiB measured 3 % slower, 64 KiB 15 %, 2 MiB alike, 4 MiB slower.
pub const BLOCK_BYTES: usize = 1 << 20;

thread_local! {
    static BLOCK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lend this thread's block buffer; taken out of its cell, so that a nested use finds an empty one.
pub fn with_block<T>(length: usize, work: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut block = BLOCK.with(RefCell::take);
    if block.len() < length {
        block.resize(length.max(64 << 10), 0);
    }
    let result = work(&mut block[..length]);
    BLOCK.with(|cell| cell.replace(block));
    result
}

/// Read some bytes at `offset`; 0 at the end.
///
/// # Errors
/// The system's error.
pub fn read_at(file: &OwnedFd, block: &mut [u8], offset: u64) -> std::io::Result<usize> {
    loop {
        match rustix::io::pread(file, &mut *block, offset) {
            Err(rustix::io::Errno::INTR) => {}
            read => return Ok(read?),
        }
    }
}

/// Fill `block` from `offset`.
pub(super) fn read_exact_at(file: &OwnedFd, block: &mut [u8], offset: u64) -> Result<(), Stop> {
    let mut filled = 0;
    while filled < block.len() {
        match read_at(file, &mut block[filled..], offset + filled as u64)? {
            0 => return Err(Stop::OtherSize),
            read => filled += read,
        }
    }
    Ok(())
}

/// A large file whose bytes are hashed as a tree.
pub struct LargeFile<'a> {
    from: From<'a>,
    path: &'a [u8],
    meta: &'a Meta,
    meter: &'a Meter<'a>,
    parts: Option<&'a dyn Parts>,
}

enum From<'a> {
    File(&'a OpenFile),
    /// Parts of an object are fetched one by one.
    Object(&'a Root),
}

impl<'a> LargeFile<'a> {
    /// A file that is open.
    pub fn file(
        file: &'a OpenFile,
        path: &'a [u8],
        meta: &'a Meta,
        meter: &'a Meter<'a>,
        parts: Option<&'a dyn Parts>,
    ) -> Self {
        Self { from: From::File(file), path, meta, meter, parts: parts.filter(|_| has_parts(meta.size)) }
    }

    /// An object of several parts.
    pub fn object(root: &'a Root, path: &'a [u8], meta: &'a Meta, meter: &'a Meter<'a>, parts: &'a dyn Parts) -> Self {
        Self { from: From::Object(root), path, meta, meter, parts: Some(parts) }
    }

    /// The chaining value of a part: known, or hashed and kept.
    ///
    /// # Errors
    /// [`Stop::OtherSize`] when the file is not as it was.
    pub fn part(&self, offset: u64, length: u64) -> Result<ChainingValue, Stop> {
        self.meter.check()?;
        if let Some(known) = self.parts.and_then(|parts| parts.find(self.path, self.meta, offset)) {
            self.meter.add(length);
            return Ok(known);
        }
        let part = offset..offset + length;
        let hashed = |file: &OpenFile| Ok::<_, Stop>((subtree(file, offset, length, self.meter)?, file.state()?));
        let (value, state) = match self.from {
            From::File(file) => hashed(file)?,
            From::Object(root) => match root.open_some(self.path, self.meta.size, std::slice::from_ref(&part)) {
                Ok(file) => hashed(&file)?,
                Err(error) if error.kind() == std::io::ErrorKind::StaleNetworkFileHandle => {
                    return Err(Stop::OtherSize);
                }
                Err(error) => return Err(error.into()),
            },
        };
        if !same(&state, self.meta) {
            return Err(Stop::OtherSize);
        }
        self.parts.map_or(Ok(()), |parts| parts.keep(self.path, self.meta, part, value))?;
        Ok(value)
    }

    fn tree(&self, offset: u64, length: u64) -> Result<ChainingValue, Stop> {
        match (self.parts, &self.from) {
            (None, From::File(file)) => return subtree(file, offset, length, self.meter),
            _ if length <= PART_BYTES => return self.part(offset, length),
            _ => {}
        }
        let left = left_subtree_len(length);
        let (one, other) = rayon::join(|| self.tree(offset, left), || self.tree(offset + left, length - left));
        Ok(merge_subtrees_non_root(&one?, &other?, Mode::Hash))
    }
}

/// BLAKE3 of the first `size` bytes, `size` > [`BLOCK_BYTES`], as a tree over all threads.
///
/// # Cancellation
/// Looked at per block.
pub fn blake3_parallel(source: &LargeFile<'_>, size: u64) -> Result<Digest, Stop> {
    let left = left_subtree_len(size);
    let (one, other) = rayon::join(|| source.tree(0, left), || source.tree(left, size - left));
    let root = merge_subtrees_root(&one?, &other?, Mode::Hash);
    Ok(Digest::new(root.as_bytes()))
}

fn subtree(file: &OpenFile, offset: u64, length: u64, meter: &Meter<'_>) -> Result<ChainingValue, Stop> {
    if length <= BLOCK_BYTES as u64 {
        meter.check()?;
        return with_block(length as usize, |block| {
            read_exact_at(file, block, offset)?;
            meter.add(length);
            let mut hasher = blake3::Hasher::new();
            hasher.set_input_offset(offset);
            Ok(hasher.update(block).finalize_non_root())
        });
    }
    let left = left_subtree_len(length);
    let (one, other) =
        rayon::join(|| subtree(file, offset, left, meter), || subtree(file, offset + left, length - left, meter));
    Ok(merge_subtrees_non_root(&one?, &other?, Mode::Hash))
}

/// Several algorithms and readings over one read: a block is read once, then each takes it on a thread of its
/// own while the next block is read. Ends early when nobody wants more.
///
/// # Cancellation
/// Looked at per block.
pub fn stream(
    file: &OwnedFd,
    size: u64,
    algorithms: &[Algorithm],
    readings: &mut Readings<'_>,
    meter: &Meter<'_>,
) -> Result<Vec<Digest>, Stop> {
    let mut hashers: Vec<Hasher> = algorithms.iter().map(|&algorithm| Hasher::new(algorithm)).collect();
    let mut current = vec![0; BLOCK_BYTES.min(size as usize)];
    let mut next = current.clone();
    read_exact_at(file, &mut current, 0)?;
    let mut offset = 0;
    loop {
        meter.check()?;
        let length = current.len() as u64;
        let following = offset + length;
        next.truncate((size - following).min(BLOCK_BYTES as u64) as usize);
        let hash = |hashers: &mut [Hasher]| hashers.par_iter_mut().for_each(|hasher| hasher.update(&current));
        let (read, (taken, ())) = if hashers.is_empty() && readings.hands_on() {
            (read_exact_at(file, &mut next, following), (readings.block(&current), ()))
        } else {
            rayon::join(
                || read_exact_at(file, &mut next, following),
                || rayon::join(|| readings.block(&current), || hash(&mut hashers)),
            )
        };
        taken?;
        read?;
        meter.add(length);
        let taken =
            if hashers.is_empty() { readings.rest(&Rest::new(file, following..size, meter))? } else { following };
        if taken > following {
            next.truncate((size - taken).min(BLOCK_BYTES as u64) as usize);
            read_exact_at(file, &mut next, taken)?;
        }
        if next.is_empty() || (hashers.is_empty() && readings.are_sated()) {
            return Ok(hashers.into_iter().map(Hasher::finish).collect());
        }
        std::mem::swap(&mut current, &mut next);
        offset = taken;
    }
}
