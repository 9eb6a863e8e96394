//! What the rows of a sorter say: where a value of a key is, and which records break one.

use xxhash_rust::xxh3::xxh3_128;

use super::sorter::KeyRow;

/// 96 bits: in a file of 10^9 different values two are alike by chance once in 10^11 times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash(u128);

impl Hash {
    /// Of a value, or of several with their lengths.
    #[inline]
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxh3_128(bytes) >> 32)
    }
}

/// The record of values that others refer to; real ones are numbered from 1.
pub const REFERENCED: u64 = 0;

/// A value of a key, in the order of keys, values, records and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyValue {
    pub key: u16,
    pub hash: Hash,
    /// 48 bits.
    pub record: u64,
    pub file: u32,
}

impl KeyValue {
    pub fn row(self) -> KeyRow {
        let hash = self.hash.0;
        [
            u64::from(self.key) << 48 | (hash >> 48) as u64,
            (hash as u64) << 16 | self.record >> 32,
            self.record << 32 | u64::from(self.file),
        ]
    }

    pub fn of([first, second, third]: KeyRow) -> Self {
        Self {
            key: (first >> 48) as u16,
            hash: Hash(u128::from(first << 16 >> 16) << 48 | u128::from(second >> 16)),
            record: (second & 0xffff) << 32 | third >> 32,
            file: third as u32,
        }
    }

    /// A value of a chunk, behind so many records of the file.
    pub fn moved(row: KeyRow, records: u64) -> KeyRow {
        let [first, second, third] = row;
        let record = (second & 0xffff) << 32 | third >> 32;
        let record = if record == REFERENCED { record } else { record + records };
        [first, second & !0xffff | record >> 32, record << 32 | third & 0xffff_ffff]
    }
}

/// A record that breaks a key, in the order of files, records and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    pub file: u32,
    /// 48 bits.
    pub record: u64,
    pub key: u16,
    pub hash: Hash,
}

impl Broken {
    pub fn row(self) -> KeyRow {
        let (key, hash) = (u64::from(self.key), self.hash.0);
        [
            u64::from(self.file) << 32 | self.record >> 16,
            self.record << 48 | key << 32 | (hash >> 64) as u64,
            hash as u64,
        ]
    }

    pub fn of([first, second, third]: KeyRow) -> Self {
        Self {
            file: (first >> 32) as u32,
            record: (first & 0xffff_ffff) << 16 | second >> 48,
            key: (second >> 32) as u16,
            hash: Hash(u128::from(second & 0xffff_ffff) << 64 | u128::from(third)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_what_they_were_told_and_keep_its_order() {
        let hashes = [b"a", b"b", b"c"].map(|text| Hash::of(text));
        let mut values: Vec<KeyValue> = Vec::new();
        for key in [0, 1, u16::MAX] {
            for hash in hashes {
                for record in [0, 1, u64::from(u32::MAX), 1 << 33, (1 << 48) - 2] {
                    values.extend([0, 7, u32::MAX].map(|file| KeyValue { key, hash, record, file }));
                }
            }
        }
        for value in &values {
            let KeyValue { key, hash, record, file } = *value;
            assert_eq!(KeyValue::of(value.row()), *value);
            let moved = if record == 0 { 0 } else { record + 1 };
            assert_eq!(KeyValue::of(KeyValue::moved(value.row(), 1)), KeyValue { record: moved, ..*value });
            let broken = Broken { file, record, key, hash };
            assert_eq!(Broken::of(broken.row()), broken);
        }
        let mut by_row = values.clone();
        by_row.sort_by_key(|value| value.row());
        values.sort_by_key(|value| (value.key, value.hash.0, value.record, value.file));
        assert_eq!(by_row, values);
        let mut broken: Vec<Broken> =
            values.iter().map(|&KeyValue { key, hash, record, file }| Broken { file, record, key, hash }).collect();
        let mut by_row = broken.clone();
        by_row.sort_by_key(|broken| broken.row());
        broken.sort_by_key(|broken| (broken.file, broken.record, broken.key, broken.hash.0));
        assert_eq!(by_row, broken);
    }
}
