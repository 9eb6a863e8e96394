//! What extra fields of a zip's member tell: its name in Unicode, and its time (APPNOTE 4.5, Info-ZIP's extrafld.txt).

use rawzip::extra_fields::{ExtraFieldId, ExtraFields};

use pravah_foundation::io::destination::{NTFS_EPOCH, Time};

/// What they tell.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Extra {
    /// The name as UTF-8, where it is of this very name.
    pub name: Option<Vec<u8>>,
    pub mtime: Option<Time>,
}

impl Extra {
    /// Of the fields of a member called `name` in its header.
    pub fn of(fields: ExtraFields<'_>, name: &[u8]) -> Self {
        let mut extra = Self::default();
        // The most exact one counts.
        let mut rank = 0;
        let mut time = |own: u8, found: Option<Time>, mtime: &mut Option<Time>| {
            if own > rank && found.is_some() {
                (rank, *mtime) = (own, found);
            }
        };
        for (id, data) in fields {
            match id {
                ExtraFieldId::INFO_ZIP_UNICODE_PATH => extra.name = extra.name.or_else(|| unicode(data, name)),
                ExtraFieldId::NTFS => time(3, ntfs(data), &mut extra.mtime),
                ExtraFieldId::EXTENDED_TIMESTAMP => time(2, unix(data), &mut extra.mtime),
                // Times of access and of change.
                ExtraFieldId::INFO_ZIP_UNIX_ORIGINAL | ExtraFieldId::UNIX => {
                    time(1, data.get(4..8).and_then(seconds), &mut extra.mtime);
                }
                _ => {}
            }
        }
        extra
    }
}

fn seconds(bytes: &[u8]) -> Option<Time> {
    Some(Time::of_seconds(i32::from_le_bytes(bytes.try_into().ok()?).into()))
}

fn unix(data: &[u8]) -> Option<Time> {
    let has_mtime = data.first()? & 1 == 1;
    if has_mtime { data.get(1..5).and_then(seconds) } else { None }
}

fn ntfs(data: &[u8]) -> Option<Time> {
    // Four bytes are reserved; then come attributes, each with its tag and size.
    let mut rest = data.get(4..)?;
    while let [tag_low, tag_high, size_low, size_high, after @ ..] = rest {
        let size = usize::from(u16::from_le_bytes([*size_low, *size_high]));
        if (*tag_low, *tag_high) == (1, 0) && size >= 8 {
            let ticks = u64::from_le_bytes(after.get(..8)?.try_into().ok()?);
            return if ticks == 0 {
                None
            } else {
                Time::of_nanoseconds((i128::from(ticks) - i128::from(NTFS_EPOCH)) * 100)
            };
        }
        rest = after.get(size..)?;
    }
    None
}

fn unicode(data: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let (version, crc, text) = (*data.first()?, data.get(1..5)?, data.get(5..)?);
    let of_name = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, name) as u32;
    let is_of_name = version == 1 && crc == of_name.to_le_bytes();
    (is_of_name && !text.is_empty() && std::str::from_utf8(text).is_ok()).then(|| text.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(id: u16, data: &[u8]) -> Vec<u8> {
        [&id.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
    }

    #[test]
    fn times_and_names_are_read_and_the_most_exact_counts() {
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, b"a") as u32;
        let unicode = [&[1][..], &crc.to_le_bytes(), "\u{e9}".as_bytes()].concat();
        let ticks = (1_700_000_000i128 * 10_000_000 + 1_234_567 + i128::from(NTFS_EPOCH)) as u64;
        let ntfs = [&[0, 0, 0, 0, 1, 0, 24, 0][..], &ticks.to_le_bytes(), &[0; 16]].concat();
        let unix = [&[1][..], &(-5i32).to_le_bytes()].concat();
        let both = [field(0x7075, &unicode), field(0x000a, &ntfs), field(0x5455, &unix)].concat();
        let extra = Extra::of(ExtraFields::new(&both), b"a");
        assert_eq!(extra.name.as_deref(), Some("\u{e9}".as_bytes()));
        assert_eq!(extra.mtime, Some(Time { seconds: 1_700_000_000, nanoseconds: 123_456_700 }));
        let extra = Extra::of(ExtraFields::new(&both[both.len() - 9..]), b"b");
        assert_eq!(extra, Extra { name: None, mtime: Some(Time::of_seconds(-5)) });
        assert_eq!(Extra::of(ExtraFields::new(&both), b"b").name, None);
        for end in 0..both.len() {
            // Whatever is cut off, nothing breaks.
            let _ = Extra::of(ExtraFields::new(&both[..end]), b"a");
        }
    }
}
