//! The fields of a header.

use super::sparse;
use pravah_foundation::io::destination::Time;

/// Bytes of a tar's block, and of its header.
pub const BLOCK: usize = 512;
pub type Block = [u8; BLOCK];

/// True when the checksum of a header is right; some old tars added up signed bytes.
pub fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.get(..BLOCK) else { return false };
    let byte = |(at, &byte): (usize, &u8)| if (148..156).contains(&at) { b' ' } else { byte };
    let unsigned: i64 = block.iter().enumerate().map(|one| i64::from(byte(one))).sum();
    let signed: i64 = block.iter().enumerate().map(|one| i64::from(byte(one) as i8)).sum();
    number(&block[148..156]).is_some_and(|told| told == unsigned || told == signed)
        && (block[0] != 0 || block[345] != 0 || block[156] != 0)
}

pub struct TarHeader<'a>(pub &'a Block);

impl TarHeader<'_> {
    pub fn kind(&self) -> u8 {
        self.0[156]
    }

    pub fn size(&self) -> u64 {
        number(&self.0[124..136]).and_then(|size| u64::try_from(size).ok()).unwrap_or(0)
    }

    /// True when its size is there and cannot be read.
    pub fn has_bad_size(&self) -> bool {
        let field = &self.0[124..136];
        let is_blank = field.iter().all(|&byte| byte == 0 || byte == b' ');
        !is_blank && number(field).is_none_or(|size| size < 0)
    }

    pub fn mode(&self) -> Option<u32> {
        number(&self.0[100..108]).and_then(|mode| u32::try_from(mode).ok())
    }

    pub fn uid(&self) -> Option<u64> {
        number(&self.0[108..116]).and_then(|id| u64::try_from(id).ok())
    }

    pub fn gid(&self) -> Option<u64> {
        number(&self.0[116..124]).and_then(|id| u64::try_from(id).ok())
    }

    pub fn mtime(&self) -> Option<Time> {
        number(&self.0[136..148]).map(Time::of_seconds)
    }

    pub fn link(&self) -> Vec<u8> {
        text(&self.0[157..257])
    }

    pub fn name(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        if &self.0[257..263] != b"ustar\0" {
            return name;
        }
        // star keeps times behind a shorter prefix.
        let is_star = &self.0[508..512] == b"tar\0" && self.0[475] == 0;
        let prefix = text(&self.0[345..if is_star { 476 } else { 500 }]);
        if prefix.is_empty() { name } else { [&prefix[..], b"/", &name].concat() }
    }

    /// Parts of an old GNU sparse member, and whether a block of more follows.
    pub fn holes(&self) -> (sparse::SparseExtents, bool) {
        let mut parts = sparse::SparseExtents::new();
        sparse::parts(&self.0[386..482], &mut parts);
        (parts, self.0[482] != 0)
    }

    pub fn real_size(&self) -> Option<u64> {
        number(&self.0[483..495]).and_then(|size| u64::try_from(size).ok())
    }
}

fn text(field: &[u8]) -> Vec<u8> {
    field[..memchr::memchr(0, field).unwrap_or(field.len())].to_vec()
}

/// A number of a header: octal digits, or, where those do not suffice, binary with the highest bit set (GNU, star).
pub fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        // Two's complement, without the bit that marks it.
        let start = if first & 0x40 != 0 { -1 } else { 0 };
        let start = (start << 6) | i128::from(first & 0x3f);
        let value =
            field[1..].iter().try_fold(start, |value: i128, &byte| value.checked_mul(256)?.checked_add(byte.into()));
        return i64::try_from(value?).ok();
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|byte| !(b'0'..=b'7').contains(byte)).unwrap_or(digits.len());
    if digits[end..].first().is_some_and(|&byte| byte != 0 && byte != b' ') || end == 0 {
        return None;
    }
    digits[..end].iter().try_fold(0i64, |value, &digit| value.checked_mul(8)?.checked_add(i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary_and_may_be_negative() {
        for (field, value) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"12345678", None),
            (b"\0\0\0\0\0\0\0\0", None),
            (b"        ", None),
            (b"\x80\0\0\0\0\x4c\x4b\x40", Some(5_000_000)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
        ] {
            assert_eq!(number(field), value, "{field:?}");
        }
    }
}
