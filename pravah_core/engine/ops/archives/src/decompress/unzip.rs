//! The members of a zip, on all threads.

mod encoding;
mod end;
mod extra;
mod gaps;
mod listed;

use std::fs::File;
use std::io::{self, BufReader, Read};

use rawzip::{CompressionMethod, FileReader, ReaderAt, ZipArchive, ZipEntry};
use rayon::prelude::*;

pub use self::encoding::NameEncoding;
use self::extra::Extra;
use self::listed::{ZipMember, name_all};
use super::entries::{MemberContent, MemberKind, UnpackStop, Unpacked};
use super::limits::{Metered, UnpackMeter};
use super::stream::CompressedFile;
use super::untar::ArchiveMember;
use super::{Shared, names};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::paths;
use pravah_foundation::io::codec::{self, Codec, decoder};
use pravah_foundation::io::destination::{Attributes, Time};

/// A symbolic link's kind.
const LINK_MODE: u32 = 0o120_000;
/// The longest target of a link (PATH_MAX).
const TARGET_BYTES: u64 = 4096;
/// Names and extra fields of most headers, and the most of any: both lengths have 16 bits.
const HEADER_BYTES: usize = 4096;
const LONGEST_HEADER_BYTES: usize = 256 << 10;

/// Unpack a zip; what goes wrong is an issue.
///
/// # Errors
/// Nothing more can be written, or the job is over.
pub fn unpack(shared: &Shared, file: &CompressedFile) -> Result<()> {
    let meter = UnpackMeter::new(file.meta.size);
    let target = shared.target(&file.path, names::folder(&file.path));
    match members(shared, file, &target, &meter) {
        Ok(members) => shared.came_out(&Unpacked {
            path: &file.path,
            format: "zip",
            size: file.meta.size,
            unpacked: meter.unpacked(),
            members: Some(members),
            target: &target,
        }),
        Err(stop) => file.stopped(shared, &meter, stop),
    }
}

/// True when a zip is at the end of this file, behind something else.
pub fn has_tail(shared: &Shared, path: &[u8]) -> bool {
    let Ok(opened) = shared.context.root.open_file(path) else { return false };
    let Ok((archive, _)) = open(opened) else { return false };
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let mut entries = archive.entries(&mut buffer);
    matches!(entries.next_entry(), Ok(Some(_)))
}

/// The zip that is at the end of a file, and the length of the file.
fn open(opened: impl Into<File>) -> std::result::Result<(ZipArchive<FileReader>, u64), rawzip::Error> {
    let file = opened.into();
    let size = file.metadata()?.len();
    Ok((end::open(file, size)?, size))
}

fn members(
    shared: &Shared,
    file: &CompressedFile,
    folder: &[u8],
    meter: &UnpackMeter,
) -> std::result::Result<u64, UnpackStop> {
    let broken = |error: rawzip::Error| UnpackStop::Content(io::Error::other(error));
    let (archive, size) = match open(shared.context.root.open_file(&file.path)?) {
        Err(_) if begins_split(shared, &file.path) => return Err(UnpackStop::Content(split())),
        archive => archive.map_err(broken)?,
    };
    if is_last_part(archive.get_ref(), archive.eocd_offset()) {
        return Err(UnpackStop::Content(split()));
    }
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let mut entries = archive.entries(&mut buffer);
    let mut listed = Vec::new();
    while let Some(entry) = entries.next_entry().map_err(broken)? {
        listed.push(ZipMember::of(&entry));
        if listed.len() as u64 > shared.limits.members {
            return Err(shared.limits.too_many_members(meter));
        }
    }
    name_all(&mut listed, folder, shared.name_encoding);
    for (kind, message) in gaps::troubles(&archive, size, &mut listed) {
        shared.context.control.issue("read", &file.path, kind, message);
    }
    let count = listed.len() as u64;
    // Directories first: a member may be listed before the one it lies in.
    let (directories, others): (Vec<ZipMember>, Vec<ZipMember>) = listed.into_iter().partition(|one| one.is_directory);
    for listed in directories.into_iter().chain(others).collect::<Vec<_>>().chunks(4096) {
        listed.par_iter().try_for_each(|listed| {
            let mtime = listed.mtime;
            let attributes = Attributes { mode: listed.permissions(), mtime, owner: None };
            let member = ArchiveMember { shared, file, folder, name: &listed.name, attributes, replaces: false };
            let placed = match member_of(&archive, listed, member, meter) {
                // Damage is of this member alone; a limit, or the end of the job, is of all.
                Err(UnpackStop::Content(error)) if !meter.is_exceeded() && !shared.context.control.is_cancelled() => {
                    let member =
                        ArchiveMember { shared, file, folder, name: &listed.name, attributes, replaces: false };
                    match error.kind() {
                        io::ErrorKind::Unsupported => member.refuse(&error.to_string()),
                        _ => member.tell(IssueKind::Malformed, &format!("is damaged: {error}")),
                    }
                    None
                }
                placed => placed?,
            };
            let Some(PlacedMember { kind, length, behind }) = placed else { return Ok(()) };
            let mut rows = shared.rows.acquire();
            if listed.is_replaced {
                rows.replaced();
            }
            let behind = (behind > 0).then(|| format!("{behind} bytes behind the end of its data were not unpacked"));
            let notes: Vec<String> = listed.note().into_iter().chain(behind).collect();
            let note = (!notes.is_empty()).then(|| notes.join("; "));
            rows.member(&file.path, &listed.name, (kind, length), note.as_deref())?;
            Ok::<(), UnpackStop>(())
        })?;
    }
    Ok(count)
}

fn split() -> io::Error {
    let words = "is one part of a split zip, which is not supported; join the parts, for example with zip -s 0 \
                 parts.zip --out whole.zip";
    io::Error::new(io::ErrorKind::Unsupported, words)
}

/// True for the first part of a split zip.
fn begins_split(shared: &Shared, path: &[u8]) -> bool {
    let mut start = [0; 4];
    shared.context.root.open_file(path).is_ok_and(|file| File::from(file).read_exact(&mut start).is_ok())
        && start == *b"PK\x07\x08"
}

/// True if the end of the central directory, which is at `end`, counts parts before this one.
fn is_last_part(file: &impl ReaderAt, end: u64) -> bool {
    let mut record = [0; 6];
    // In front of it, where sizes or counts need 64 bits: how many parts there are.
    let mut locator = [0; 20];
    let number = file.read_exact_at(&mut record, end).map_or(0, |()| u16::from_le_bytes([record[4], record[5]]));
    let before = end.checked_sub(20).is_some_and(|at| file.read_exact_at(&mut locator, at).is_ok());
    let is_counted = before && locator.starts_with(b"PK\x06\x07") && locator[16..] != [1, 0, 0, 0];
    (number != 0 && number != u16::MAX) || (is_counted && locator[16..] != [0; 4])
}

fn member_of(
    archive: &ZipArchive<FileReader>,
    listed: &ZipMember,
    mut member: ArchiveMember<'_>,
    meter: &UnpackMeter,
) -> std::result::Result<Option<PlacedMember>, UnpackStop> {
    let whole =
        |placed: Option<(MemberKind, u64)>| placed.map(|(kind, length)| PlacedMember { kind, length, behind: 0 });
    if listed.is_replaced {
        let kind = if listed.is_directory { MemberKind::Directory } else { MemberKind::File };
        return Ok(whole(Some((kind, 0))));
    }
    let entry = archive.get_entry(listed.wayfinder).map_err(io::Error::other);
    if let Ok(entry) = &entry {
        let own = own_header(entry, &listed.raw);
        // The name of an encrypted one may be masked there.
        if let Some(other) = own.other_name.filter(|_| !listed.is_encrypted) {
            // Other tools unpack it under that name: one of both lies.
            let message = format!("has another name in its own header: {}", paths::escape(&other));
            member.tell(IssueKind::Malformed, &message);
        }
        if listed.is_local_time && own.mtime.is_some() {
            member.attributes.mtime = own.mtime;
        }
    }
    if listed.is_directory {
        if listed.has_content() {
            let bytes = listed.size.max(listed.packed);
            member.refuse(&format!("is a directory with {bytes} bytes of content, which were not unpacked"));
        }
        return member.directory(&[]).map(whole);
    }
    if let Some(why) = listed.special() {
        member.refuse(why);
        return Ok(None);
    }
    if listed.is_encrypted {
        member.refuse("is encrypted");
        return Ok(None);
    }
    let entry = entry?;
    let mut packed = BufReader::with_capacity(64 << 10, entry.reader());
    let input = &mut packed;
    let unpacked: Box<dyn Read + '_> = match listed.method {
        CompressionMethod::STORE => Box::new(input),
        CompressionMethod::DEFLATE => Box::new(flate2::bufread::DeflateDecoder::new(input)),
        CompressionMethod::DEFLATE64 => Box::new(deflate64::Deflate64Decoder::with_buffer(input)),
        CompressionMethod::ZSTD => decoder(Codec::Zstd, input)?,
        CompressionMethod::BZIP2 => decoder(Codec::Bzip2, input)?,
        CompressionMethod::XZ => decoder(Codec::Xz, input)?,
        CompressionMethod::LZMA => codec::zip_lzma(input, listed.size)?,
        other => {
            let name = other.name().map_or_else(|| format!("method {}", other.as_u16()), str::to_owned);
            member.refuse(&format!("is compressed with {name}, which is not supported"));
            return Ok(None);
        }
    };
    let ArchiveMember { shared, .. } = member;
    let control = &*shared.context.control;
    let verified = entry.verifying_reader(unpacked);
    let mut content = Metered { inner: verified, meter: meter.clone(), limits: &shared.limits, control };
    if listed.kind() == LINK_MODE {
        let mut target = Vec::new();
        content.take(TARGET_BYTES).read_to_end(&mut target)?;
        return member.symlink(&target).map(whole);
    }
    let placed = member.content(MemberContent::of(&mut content))?;
    drop(content);
    let behind = if placed.is_some() { io::copy(&mut packed, &mut io::sink())? } else { 0 };
    Ok(placed.map(|(kind, length)| PlacedMember { kind, length, behind }))
}

/// A member that came out.
struct PlacedMember {
    kind: MemberKind,
    length: u64,
    /// Bytes that its place in the archive has behind its compressed data.
    behind: u64,
}

/// What stands in a member's own header.
#[derive(Default)]
struct OwnHeader {
    /// Its time, which the central directory may lack.
    mtime: Option<Time>,
    /// Its name, where that is another one than the central directory has.
    other_name: Option<Vec<u8>>,
}

fn own_header(entry: &ZipEntry<'_, FileReader>, listed: &[u8]) -> OwnHeader {
    let mut buffer = vec![0; HEADER_BYTES];
    if entry.local_header(&mut buffer).is_err() {
        buffer.resize(LONGEST_HEADER_BYTES, 0);
    }
    let Ok(header) = entry.local_header(&mut buffer) else { return OwnHeader::default() };
    let path = header.file_path();
    let name = path.as_bytes();
    OwnHeader {
        mtime: Extra::of(header.extra_fields(), name).mtime,
        other_name: (name != listed).then(|| name.to_vec()),
    }
}
