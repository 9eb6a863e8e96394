//! The end record of a zip (APPNOTE 4.3.14 to 4.3.16): which one it is, and whether it fits the directory.

use std::fs::File;

use rawzip::{FileReader, ReaderAt, ZipArchive, ZipLocator};

use super::listed::ZipMember;

const END: &[u8] = b"PK\x05\x06";
pub const END_BYTES: u64 = 22;
const LONGEST_COMMENT: u64 = 0xffff;
const LOCATOR_BYTES: u64 = 20;
/// A comment may hold the mark of an end record; so many are looked at.
const MOST_ENDS: usize = 64;

/// Open the zip that ends the file. Of several end records the last one counts whose comment ends with the file: others
/// are inside a comment, or have something behind them.
///
/// # Errors
/// There is none, or it is damaged.
pub fn open(file: File, size: u64) -> Result<ZipArchive<FileReader>, rawzip::Error> {
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let mut reader = FileReader::from(file);
    let locator = ZipLocator::new();
    let (mut first, mut end) = (None, size);
    for _ in 0..MOST_ENDS {
        let at = match locator.locate_in_reader(reader, &mut buffer, end) {
            Ok(archive) if archive.end_offset() == size => return Ok(archive),
            Ok(archive) => {
                let at = archive.eocd_offset();
                first.get_or_insert(Ok(at));
                reader = archive.into_inner();
                at
            }
            Err((back, error)) => {
                reader = back;
                let at = error.eocd_offset();
                first.get_or_insert(Err(error));
                let Some(at) = at else { break };
                at
            }
        };
        end = at + END.len() as u64 - 1;
        if size - at > END_BYTES + LONGEST_COMMENT {
            break;
        }
    }
    match first {
        Some(Ok(at)) => {
            locator.locate_in_reader(reader, &mut buffer, at + END.len() as u64).map_err(|(_, error)| error)
        }
        Some(Err(error)) => Err(error),
        None => locator.locate_in_reader(reader, &mut buffer, size).map_err(|(_, error)| error),
    }
}

/// What the end record says.
pub struct EndRecord {
    /// Members, on this disk and in all.
    counts: [u64; 2],
    size: u64,
    offset: u64,
    /// Where the directory has to end.
    pub directory_end: u64,
    is_64: bool,
    /// A ZIP64 record is in front of it, and says something else.
    is_contradicted: bool,
}

impl EndRecord {
    /// That at `at`; none where it cannot be read.
    pub fn read(file: &impl ReaderAt, at: u64) -> Option<Self> {
        let mut record = [0; END_BYTES as usize];
        file.read_exact_at(&mut record, at).ok()?;
        let short = |at: usize| u64::from(u16::from_le_bytes([record[at], record[at + 1]]));
        let long = |at: usize| short(at) | short(at + 2) << 16;
        let own = Self {
            counts: [short(8), short(10)],
            size: long(12),
            offset: long(16),
            directory_end: at,
            is_64: false,
            is_contradicted: false,
        };
        let Some(large) = large(file, at) else { return Some(own) };
        let is = |own: u64, most: u64, large: u64| own == most || own == large;
        let is_same = is(own.counts[0], 0xffff, large.counts[0])
            && is(own.counts[1], 0xffff, large.counts[1])
            && is(own.size, 0xffff_ffff, large.size)
            && is(own.offset, 0xffff_ffff, large.offset);
        Some(if is_same { large } else { Self { is_contradicted: true, ..own } })
    }

    /// What of it is not so, in words.
    pub fn contradiction(&self, start: u64, listed: &[ZipMember]) -> Option<String> {
        if self.is_contradicted {
            return Some("its two end records contradict each other".to_owned());
        }
        let count = listed.len() as u64;
        // Without ZIP64, old tools wrote what of a number its field could hold.
        let is = |told: u64, mask: u64, found: u64| told == found || (!self.is_64 && told == found & mask);
        if let Some(told) = self.counts.iter().find(|&&told| !is(told, 0xffff, count)) {
            return Some(format!("its directory lists {count} members, but its end record says {told}"));
        }
        let last = listed.last().map_or(start, |last| last.record_end);
        // A signature of the directory may be behind it.
        let sizes = [last, self.directory_end].map(|end| end.saturating_sub(start));
        if !sizes.iter().any(|&size| is(self.size, 0xffff_ffff, size)) {
            let [size, _] = sizes;
            return Some(format!("its directory has {size} bytes, but its end record says {}", self.size));
        }
        let is_late = self.offset > start && !(count == 0 && self.offset == self.directory_end);
        is_late.then(|| format!("its directory is at byte {start}, but its end record says {}", self.offset))
    }

    /// Bytes in front of the archive that its offsets do not count.
    pub fn uncounted(&self, start: u64) -> u64 {
        if self.is_64 { 0 } else { start.saturating_sub(self.offset) }
    }
}

/// The ZIP64 record in front of the end record at `at`.
fn large(file: &impl ReaderAt, at: u64) -> Option<EndRecord> {
    let place = at.checked_sub(LOCATOR_BYTES)?;
    let (mut locator, mut record) = ([0; LOCATOR_BYTES as usize], [0; 56]);
    file.read_exact_at(&mut locator, place).ok()?;
    let begin = u64::from_le_bytes(locator[8..16].try_into().ok()?);
    if !locator.starts_with(b"PK\x06\x07") {
        return None;
    }
    file.read_exact_at(&mut record, begin).ok()?;
    let number = |at: usize| record[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
    let is_placed =
        number(4) >= 44 && begin.checked_add(12).and_then(|begin| begin.checked_add(number(4))) == Some(place);
    (record.starts_with(b"PK\x06\x06") && is_placed).then(|| EndRecord {
        counts: [number(24), number(32)],
        size: number(40),
        offset: number(48),
        directory_end: begin,
        is_64: true,
        is_contradicted: false,
    })
}

/// Members of a zip that ends at `end`, but for zeros: its end record is among the last bytes of those.
pub fn ends_at(file: &impl ReaderAt, end: u64) -> Option<u64> {
    let begin = end.saturating_sub(END_BYTES + LONGEST_COMMENT);
    let mut bytes = vec![0; usize::try_from(end - begin).ok()?];
    file.read_exact_at(&mut bytes, begin).ok()?;
    memchr::memmem::rfind_iter(&bytes, END).take(MOST_ENDS).find_map(|at| {
        let comment = bytes.get(at + 20..at + 22).map(|length| u16::from_le_bytes([length[0], length[1]]))?;
        let behind = bytes.get(at + END_BYTES as usize + usize::from(comment)..)?;
        let record = EndRecord::read(file, begin + at as u64)?;
        let mut mark = [0; 4];
        file.read_exact_at(&mut mark, record.directory_end.checked_sub(record.size)?).ok()?;
        let is_whole = record.counts[1] > 0 && mark == *b"PK\x01\x02" && behind.iter().all(|&byte| byte == 0);
        is_whole.then_some(record.counts[1])
    })
}
