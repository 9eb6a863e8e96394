//! The hash that tables and sketches share.

/// A hash of some bytes, the same in every run, good in all bits.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_like_values_differ_in_every_bit() {
        for width in [1, 3, 5, 8, 12, 16, 20] {
            let hashes: Vec<u64> = (0..100_000).map(|number| hash(format!("{number:0width$}").as_bytes())).collect();
            let mut distinct = hashes.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), hashes.len(), "{width}");
            for bit in 0..64 {
                let set = hashes.iter().filter(|hash| *hash >> bit & 1 == 1).count();
                assert!((48_500..51_500).contains(&set), "{width} {bit} {set}");
            }
        }
        assert_ne!(hash(b""), hash(b"\0"));
        assert_ne!(hash(b"\0\0"), hash(b"\0"));
    }
}
