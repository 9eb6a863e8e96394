//! Extended headers: records `LENGTH KEY=VALUE\n`.

use super::sparse::{SparseExtents, SparseFormat};
use pravah_foundation::io::xattrs;

#[derive(Debug, Default)]
pub struct PaxRecords {
    all: Vec<(Vec<u8>, Vec<u8>)>,
    /// Not every record could be read.
    pub is_damaged: bool,
}

impl PaxRecords {
    /// Add those of `text`.
    pub fn parse(&mut self, text: &[u8]) {
        let mut rest = text;
        while !rest.iter().all(|&byte| byte == 0) {
            match record(rest) {
                Some((key, value, length)) => {
                    self.all.push((key.to_vec(), value.to_vec()));
                    rest = &rest[length..];
                }
                None => {
                    self.is_damaged = true;
                    // The next one begins behind a line ending.
                    let Some(end) = memchr::memchr(b'\n', rest) else { return };
                    rest = &rest[end + 1..];
                }
            }
        }
    }

    /// The last value of a key; an empty one takes those before it back.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        let found = self.all.iter().rev().find(|(own, _)| own == key.as_bytes());
        found.map(|(_, value)| &value[..]).filter(|value| !value.is_empty())
    }

    pub fn xattrs(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let named = |(key, value): &(Vec<u8>, Vec<u8>)| Some((xattrs::of_pax_keyword(key)?, value.clone()));
        self.all.iter().filter_map(named).collect()
    }

    /// Where the parts of a sparse member go: pairs of records (0.0), one record (0.1), or in front of its content (1.0).
    pub fn sparse(&self) -> SparseFormat {
        match self.get("GNU.sparse.major") {
            Some(b"1") => return SparseFormat::InContent,
            // The size of a file of 1.0, which alone has it: without its version nobody knows where the list is.
            None if self.get("GNU.sparse.realsize").is_some() => return SparseFormat::unknown(),
            None | Some(b"0") => {}
            Some(_) => return SparseFormat::unknown(),
        }
        let numbers: Vec<Option<u64>> = match self.get("GNU.sparse.map") {
            Some(map) => map.split(|&byte| byte == b',').map(number).collect(),
            None => {
                let keys = [&b"GNU.sparse.offset"[..], b"GNU.sparse.numbytes"];
                let own = self.all.iter().filter(|(key, _)| keys.contains(&&key[..]));
                own.map(|(_, value)| number(value)).collect()
            }
        };
        if numbers.is_empty() && self.get("GNU.sparse.size").is_none() {
            return SparseFormat::Nothing;
        }
        let pair = |pair: &[Option<u64>]| match pair {
            [Some(offset), Some(length)] => (*offset, *length),
            // No file is so large: the map is refused.
            _ => (u64::MAX, u64::MAX),
        };
        SparseFormat::Parts(numbers.chunks(2).map(pair).collect::<SparseExtents>())
    }
}

/// A number of a record.
pub fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

fn record(text: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let space = text.iter().take(20).position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(&text[..space]).ok()?.parse().ok()?;
    let body = text.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = memchr::memchr(b'=', body)?;
    Some((&body[..equals], &body[equals + 1..], length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_a_damaged_one_costs_no_other() {
        let mut records = PaxRecords::default();
        records.parse(b"13 path=a\nb=\n9 uid=70\n999 gid=1\n11 size=10\n22 SCHILY.xattr.user=x\n\0\0");
        assert_eq!(records.get("path"), Some(&b"a\nb="[..]));
        assert_eq!(records.get("size"), Some(&b"10"[..]));
        assert!(records.is_damaged && records.get("gid").is_none());
    }
}
