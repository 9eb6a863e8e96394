//! How large a window a zstd frame needs (RFC 8878, 3.1.1.1).

use super::MEMORY_BYTES;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What to do about a frame that begins with `start` and needs a window that is not given; none when it needs none.
pub fn too_large(start: &[u8]) -> Option<String> {
    let window = window(start)?;
    if window <= MEMORY_BYTES {
        return None;
    }
    let log = u64::BITS - (window - 1).leading_zeros();
    let (needed, allowed) = (window.div_ceil(1 << 20), MEMORY_BYTES >> 20);
    Some(format!(
        "needs a window of {needed} MiB, and at most {allowed} MiB are given; unpack it with zstd --decompress \
         --long={log}, or compress it again with --long=27 at most"
    ))
}

fn window(start: &[u8]) -> Option<u64> {
    let rest = start.strip_prefix(&MAGIC)?;
    let (&descriptor, rest) = rest.split_first()?;
    if descriptor & 0x20 == 0 {
        let byte = u64::from(*rest.first()?);
        let base = 1_u64 << (10 + (byte >> 3));
        return Some(base + base / 8 * (byte & 7));
    }
    // One segment: as large as its content, whose size follows the number of a dictionary.
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let bytes = 1 << (descriptor >> 6);
    let mut size = [0; 8];
    size[..bytes].copy_from_slice(rest.get(dictionary..dictionary + bytes)?);
    Some(u64::from_le_bytes(size) + if bytes == 2 { 256 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_told_with_what_to_set() {
        let frame = |rest: &[u8]| [&MAGIC[..], rest].concat();
        assert_eq!(window(&frame(&[0, 0])), Some(1 << 10));
        assert_eq!(window(&frame(&[0, 17 << 3])), Some(128 << 20));
        assert_eq!(too_large(&frame(&[0, 17 << 3])), None);
        let told = too_large(&frame(&[0, (21 << 3) | 1])).unwrap_or_default();
        assert!(told.contains("2304 MiB") && told.contains("--long=32"), "{told}");
        assert_eq!(window(&frame(&[0x20, 7])), Some(7));
        assert_eq!(window(&frame(&[0x60, 1, 1])), Some(513));
        assert_eq!(window(&frame(&[0xa1, 9, 0, 0, 0, 16])), Some(256 << 20));
        assert_eq!(window(&frame(&[0xa1, 9, 0])), None);
    }
}
