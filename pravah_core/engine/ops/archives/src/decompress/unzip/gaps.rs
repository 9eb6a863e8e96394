//! What of a zip's file is of no member that its directory lists.
//!
//! Tools leave gaps: data descriptors, padding, signatures, members that were deleted or written anew. A program may be
//! in front, and its signature behind. What is not looked at is told; only what is lost for sure makes a zip less than
//! whole, and what is in front and looks like a zip.

use std::collections::HashSet;

use rawzip::{FileReader, ReaderAt, ZipArchive};
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::end::{EndRecord, ends_at};
use super::listed::ZipMember;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::paths;

const LOCAL: &[u8] = b"PK\x03\x04";
const LISTED: &[u8] = b"PK\x01\x02";
const LOCAL_BYTES: u64 = 30;
/// Lengths of what may follow a member: a descriptor with or without its mark, in 32 or 64 bits (APPNOTE 4.3.9).
const DESCRIPTORS: [u64; 5] = [0, 12, 16, 20, 24];
/// What stands in front of a zip that was meant for several disks (APPNOTE 8.5.4).
const DISK_MARKS: [&[u8]; 2] = [b"PK\x07\x08", b"PK00"];
const SCAN_BYTES: u64 = 64 << 10;

/// Trouble that is found in the archive as a whole; what is legal and yet odd becomes a note of a member.
pub fn troubles(archive: &ZipArchive<FileReader>, size: u64, listed: &mut [ZipMember]) -> Vec<(IssueKind, String)> {
    let file = archive.get_ref();
    let Some(end) = EndRecord::read(file, archive.eocd_offset()) else { return Vec::new() };
    let start = archive.directory_offset();
    let mut told = Vec::new();
    if let Some(message) = end.contradiction(start, listed) {
        told.push((IssueKind::Malformed, format!("is damaged: {message}")));
    }
    let names = Names::default();
    let mut order: Vec<usize> = (0..listed.len()).filter(|&place| listed[place].offset < start).collect();
    order.sort_unstable_by_key(|&place| listed[place].offset);
    let first = order.first().map_or(start, |&place| listed[place].offset);
    if let Some(trouble) = in_front(file, first, end.uncounted(start), (listed, &names)) {
        match trouble {
            Trouble::Told(kind, message) => told.push((kind, message)),
            Trouble::Noted(note) => order.first().into_iter().for_each(|&place| listed[place].notes.push(note.clone())),
        }
    }
    // A header each is read: on all threads.
    let ends: Vec<Option<u64>> = order.par_iter().map(|&place| member_end(file, &listed[place])).collect();
    let mut covered = first;
    for (at, &place) in order.iter().enumerate() {
        // Nobody can tell where a member ends whose header is damaged: it is told by itself.
        let next = order.get(at + 1).map_or(start, |&next| listed[next].offset);
        covered = covered.max(ends[at].unwrap_or(next));
        if covered >= next {
            continue;
        }
        let gap = gap(file, (covered, next), (listed, &names));
        if at + 1 == order.len() && gap.is_listed {
            let message = "is damaged: its directory begins before the place that its end record says";
            told.push((IssueKind::Malformed, message.to_owned()));
        }
        listed[place].notes.extend(gap.note);
    }
    match behind(file, archive.end_offset(), size) {
        Some(Trouble::Told(kind, message)) => told.push((kind, message)),
        Some(Trouble::Noted(note)) => listed.last_mut().into_iter().for_each(|last| last.notes.push(note.clone())),
        None => {}
    }
    told
}

/// The hashes of all names that are listed, once somebody asks.
#[derive(Default)]
struct Names(std::cell::OnceCell<HashSet<u128>>);

impl Names {
    fn has(&self, listed: &[ZipMember], name: &[u8]) -> bool {
        self.0.get_or_init(|| listed.iter().map(|one| xxh3_128(&one.raw)).collect()).contains(&xxh3_128(name))
    }
}

enum Trouble {
    Told(IssueKind, String),
    Noted(String),
}

/// A member's own header.
struct Local {
    name: Vec<u8>,
    content: u64,
    /// Where its content ends; none where that is told elsewhere.
    end: Option<u64>,
}

impl Local {
    fn read(file: &impl ReaderAt, at: u64) -> Option<Self> {
        let mut header = [0; LOCAL_BYTES as usize];
        file.read_exact_at(&mut header, at).ok()?;
        let short = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let (packed, has_descriptor) = (short(18) | short(20) << 16, header[6] & 8 != 0);
        if !header.starts_with(LOCAL) || short(26) == 0 {
            return None;
        }
        let mut name = vec![0; short(26) as usize];
        file.read_exact_at(&mut name, at + LOCAL_BYTES).ok()?;
        let content = at + LOCAL_BYTES + short(26) + short(28);
        let is_told = packed != 0xffff_ffff && (packed > 0 || !has_descriptor);
        Some(Self { name, content, end: is_told.then_some(content + packed) })
    }
}

/// Where a listed member's content ends.
fn member_end(file: &impl ReaderAt, member: &ZipMember) -> Option<u64> {
    Local::read(file, member.offset)?.content.checked_add(member.packed)
}

/// Members that nobody lists, one after the other.
#[derive(Default)]
struct Unlisted {
    count: u64,
    /// Those whose name no listed member has, and the first of them.
    unknown: u64,
    first: Vec<u8>,
    last: Vec<u8>,
    /// Where they end; the last one may go on behind the place.
    end: u64,
}

impl Unlisted {
    /// Those from `at` on, up to `end`.
    fn walk(file: &impl ReaderAt, (mut at, end): (u64, u64), (listed, names): (&[ZipMember], &Names)) -> Self {
        let mut all = Self { end: at, ..Self::default() };
        while at < end
            && let Some(local) = Local::read(file, at)
        {
            all.count += 1;
            if !names.has(listed, &local.name) {
                all.unknown += 1;
                if all.unknown == 1 {
                    all.first.clone_from(&local.name);
                }
            }
            all.last = local.name;
            let behind = local.end.unwrap_or_else(|| mark(file, local.content, end));
            let next = |more: &&u64| is_mark(file, behind + **more);
            at = behind + DESCRIPTORS.iter().find(next).copied().unwrap_or(0);
            // The content of the last one has to go on for it to be cut off.
            all.end = if local.end.is_none() && behind >= end { u64::MAX } else { at };
        }
        all
    }
}

/// True at the header of a member, or of the directory.
fn is_mark(file: &impl ReaderAt, at: u64) -> bool {
    let mut mark = [0; 4];
    file.read_exact_at(&mut mark, at).is_ok() && (mark == *LOCAL || mark == *LISTED)
}

/// The next such place from `at` on, or `end`.
fn mark(file: &impl ReaderAt, mut at: u64, end: u64) -> u64 {
    let mut bytes = vec![0; SCAN_BYTES as usize];
    while at + 4 <= end {
        let length = SCAN_BYTES.min(end - at) as usize;
        if file.read_exact_at(&mut bytes[..length], at).is_err() {
            return end;
        }
        let is_mark = |&place: &usize| bytes[place..length].starts_with(LOCAL) || bytes[place..].starts_with(LISTED);
        if let Some(place) = memchr::memmem::find_iter(&bytes[..length], b"PK").find(is_mark) {
            return at + place as u64;
        }
        at += length as u64 - 3;
    }
    end
}

/// What is before the first listed member: nothing, a program, or what nobody has looked at.
fn in_front(
    file: &impl ReaderAt,
    first: u64,
    uncounted: u64,
    (listed, names): (&[ZipMember], &Names),
) -> Option<Trouble> {
    let mut start = [0; 4];
    file.read_exact_at(&mut start, 0).ok()?;
    let begin = if DISK_MARKS.contains(&&start[..]) { 4 } else { 0 };
    if first <= begin {
        return None;
    }
    let found = Unlisted::walk(file, (begin, first), (listed, names));
    if found.count == 0 {
        if let Some(name) = member_around(file, first) {
            return Some(Trouble::Told(IssueKind::Malformed, cut(first, &name)));
        }
        let message = |count| {
            format!("contains a second zip in front of the one that was read; its {count} members were not unpacked")
        };
        return ends_at(file, first).map(|count| Trouble::Told(IssueKind::Unsupported, message(count)));
    }
    if found.end > first {
        return Some(Trouble::Told(IssueKind::Malformed, cut(first, &found.last)));
    }
    if found.unknown == 0 && uncounted == 0 {
        return Some(Trouble::Noted(format!("{first} bytes in front of it are of members that were replaced")));
    }
    let (count, name) = match found.unknown {
        0 => (found.count, &found.last),
        unknown => (unknown, &found.first),
    };
    let message = format!(
        "begins with {first} bytes of which its directory lists nothing: {count} members, among them {}, were not \
         unpacked; it may consist of several zips",
        paths::escape(name)
    );
    Some(Trouble::Told(IssueKind::Unsupported, message))
}

fn cut(first: u64, name: &[u8]) -> String {
    let name = paths::escape(name);
    format!(
        "is damaged: it is cut off and has no directory; what was read is the zip at byte {first}, which is its member \
         {name}"
    )
}

/// The name of a member whose content begins at `content`, behind something that is no zip.
fn member_around(file: &impl ReaderAt, content: u64) -> Option<Vec<u8>> {
    let begin = content.saturating_sub(LOCAL_BYTES + 2 * 0xffff);
    let mut bytes = vec![0; usize::try_from(content - begin).ok()?];
    file.read_exact_at(&mut bytes, begin).ok()?;
    let header = |at: usize| Local::read(file, begin + at as u64).filter(|local| local.content == content);
    memchr::memmem::rfind_iter(&bytes, LOCAL).find_map(header).map(|local| local.name)
}

#[derive(Default)]
struct Gap {
    note: Option<String>,
    /// It ends with records of a directory that go on behind it.
    is_listed: bool,
}

/// What is between the end of a member and what comes next.
fn gap(file: &impl ReaderAt, (begin, end): (u64, u64), (listed, names): (&[ZipMember], &Names)) -> Gap {
    let next = |more: &&u64| begin + **more < end && is_mark(file, begin + **more);
    let Some(own) = DESCRIPTORS.iter().find(next) else { return Gap::default() };
    let found = Unlisted::walk(file, (begin + own, end), (listed, names));
    let mut at = found.end;
    while at < end
        && let Some(length) = record(file, at)
    {
        at += length;
    }
    let bytes = end - begin - own;
    let note = format!("{bytes} bytes behind it are of {} members that the directory no longer lists", found.count);
    Gap { note: (found.count > 0).then_some(note), is_listed: at == end && at > found.end }
}

/// The length of a record of a directory.
fn record(file: &impl ReaderAt, at: u64) -> Option<u64> {
    let mut record = [0; 46];
    file.read_exact_at(&mut record, at).ok()?;
    let short = |at: usize| u64::from(u16::from_le_bytes([record[at], record[at + 1]]));
    record.starts_with(LISTED).then(|| 46 + short(28) + short(30) + short(32))
}

/// What is behind the end: the signature of a program, what a transfer has added, or what nobody has looked at.
fn behind(file: &impl ReaderAt, end: u64, size: u64) -> Option<Trouble> {
    let bytes = size.checked_sub(end).filter(|&bytes| bytes > 0)?;
    let message = format!("{bytes} bytes after the end of the zip are not part of it");
    if mark(file, end, size) == size {
        return Some(Trouble::Noted(message));
    }
    let message = format!("{message}, and have members of a zip among them; it may be cut off");
    Some(Trouble::Told(IssueKind::Malformed, message))
}
