//! The first look at a file: its two ends, or all of it when it is small.

use std::os::fd::OwnedFd;

use pravah_foundation::io::digest::{read_at, with_block};

/// Up to this size a file is read whole at the first look: as cheap as its two ends.
pub const WHOLE_BYTES: u64 = 32 << 10;
/// What is read of each end of a larger file: a page, what a disk gives at least.
pub const END_BYTES: u64 = 4 << 10;

/// Bytes that the first look reads of a file of this size.
pub fn looked_at(size: u64) -> u64 {
    if size <= WHOLE_BYTES { size } else { 2 * END_BYTES }
}

/// Fill `block` from `offset`, or as much as there is.
pub fn fill(file: &OwnedFd, block: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match read_at(file, &mut block[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// The key of a file's ends; none when its size is another.
pub fn ends(file: &OwnedFd, size: u64) -> std::io::Result<Option<u128>> {
    let key = |bytes: &[u8]| xxhash_rust::xxh3::xxh3_128(bytes);
    if size <= WHOLE_BYTES {
        // One byte more than its size, to see that it ends there.
        return with_block(size as usize + 1, |block| {
            let read = read_at(file, block, 0)?;
            let read = if read < size as usize { read + fill(file, &mut block[read..], read as u64)? } else { read };
            Ok((read as u64 == size).then(|| key(&block[..read])))
        });
    }
    with_block(2 * END_BYTES as usize, |block| {
        let (begin, end) = block.split_at_mut(END_BYTES as usize);
        let read = fill(file, begin, 0)? + fill(file, end, size - END_BYTES)?;
        Ok((read as u64 == 2 * END_BYTES).then(|| key(block)))
    })
}
