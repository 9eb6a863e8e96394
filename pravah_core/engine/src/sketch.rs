//! Figures of many values in bounded memory; two of a kind merge into one.

mod frequent;
mod hll;
mod moments;
mod quantiles;

pub use frequent::{Entry, Frequent};
pub use hll::Hll;
pub use moments::Moments;
pub use quantiles::Quantiles;

/// A hash of some bytes, the same in every run, good in all bits.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let (low, high) = match length {
        0..=3 => {
            let byte = |place: usize| u64::from(bytes.get(place).copied().unwrap_or(0));
            (byte(0) | byte(1) << 8 | byte(2) << 16, 0)
        }
        4..=7 => (u64::from(four(bytes, 0)) | u64::from(four(bytes, length - 4)) << 32, 0),
        8..=16 => (eight(bytes, 0), eight(bytes, length - 8)),
        _ => return xxhash_rust::xxh3::xxh3_64(bytes),
    };
    // Multiply and fold, twice, with odd numbers of half the bits set (the digits of pi and of e).
    let mixed = fold(low ^ 0x243f_6a88_85a3_08d3, high ^ 0xb7e1_5162_8aed_2a6b ^ length as u64);
    fold(mixed ^ 0x9e37_79b9_7f4a_7c15, 0xff51_afd7_ed55_8ccd)
}

#[inline]
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product as u64) ^ (product >> 64) as u64
}

#[inline]
fn four(bytes: &[u8], place: usize) -> u32 {
    bytes[place..].first_chunk().map_or(0, |four| u32::from_le_bytes(*four))
}

#[inline]
fn eight(bytes: &[u8], place: usize) -> u64 {
    bytes[place..].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight))
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
