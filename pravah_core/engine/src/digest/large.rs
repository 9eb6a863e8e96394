//! Large files: blocks are read and hashed on all threads of the pool.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};
use rayon::prelude::*;

use super::{Algorithm, Digest, Hasher};
use crate::control::Control;

/// A block that one thread reads and hashes: a power of two (BLAKE3's subtrees ask for it) that stays in
/// a core's second-level cache; 256 KiB to 1 MiB measured alike, 4 MiB slower.
pub const BLOCK_BYTES: usize = 512 << 10;

thread_local! {
    static BLOCK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Why a large file has no digest.
pub enum Stop {
    /// The system's error.
    Io(io::Error),
    /// It ended before its size.
    Short,
    /// The job was cancelled.
    Cancelled,
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

/// Fill `block` from `offset`.
pub fn read_exact_at(file: &OwnedFd, block: &mut [u8], offset: u64) -> Result<(), Stop> {
    let mut filled = 0;
    while filled < block.len() {
        match rustix::io::pread(file, &mut block[filled..], offset + filled as u64) {
            Ok(0) => return Err(Stop::Short),
            Ok(read) => filled += read,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Stop::Io(error.into())),
        }
    }
    Ok(())
}

/// BLAKE3 of the first `size` bytes, `size` > [`BLOCK_BYTES`], as a tree over all threads.
///
/// # Cancellation
/// Looked at per block.
pub fn blake3_parallel(file: &OwnedFd, size: u64, control: &Control) -> Result<Digest, Stop> {
    let left = left_subtree_len(size);
    let (one, other) = rayon::join(|| subtree(file, 0, left, control), || subtree(file, left, size - left, control));
    let root = merge_subtrees_root(&one?, &other?, Mode::Hash);
    Ok(Digest::new(root.as_bytes()))
}

fn subtree(file: &OwnedFd, offset: u64, length: u64, control: &Control) -> Result<ChainingValue, Stop> {
    if length <= BLOCK_BYTES as u64 {
        if control.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        return with_block(length as usize, |block| {
            read_exact_at(file, block, offset)?;
            control.add_done(0, length);
            let mut hasher = blake3::Hasher::new();
            hasher.set_input_offset(offset);
            Ok(hasher.update(block).finalize_non_root())
        });
    }
    let left = left_subtree_len(length);
    let (one, other) =
        rayon::join(|| subtree(file, offset, left, control), || subtree(file, offset + left, length - left, control));
    Ok(merge_subtrees_non_root(&one?, &other?, Mode::Hash))
}

/// Several algorithms over one read: a block is read once, then each algorithm takes it on a thread of its
/// own while the next block is read.
///
/// # Cancellation
/// Looked at per block.
pub fn digests(file: &OwnedFd, size: u64, algorithms: &[Algorithm], control: &Control) -> Result<Vec<Digest>, Stop> {
    let mut hashers: Vec<Hasher> = algorithms.iter().map(|&algorithm| Hasher::new(algorithm)).collect();
    let mut current = vec![0; BLOCK_BYTES.min(size as usize)];
    let mut next = current.clone();
    read_exact_at(file, &mut current, 0)?;
    let mut offset = 0;
    loop {
        if control.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let length = current.len() as u64;
        let following = offset + length;
        next.truncate((size - following).min(BLOCK_BYTES as u64) as usize);
        let (read, ()) = rayon::join(
            || read_exact_at(file, &mut next, following),
            || hashers.par_iter_mut().for_each(|hasher| hasher.update(&current)),
        );
        read?;
        control.add_done(0, length);
        if next.is_empty() {
            return Ok(hashers.into_iter().map(Hasher::finish).collect());
        }
        std::mem::swap(&mut current, &mut next);
        offset = following;
    }
}
