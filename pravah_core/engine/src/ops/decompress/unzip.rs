//! The members of a zip, on all threads.

use std::fs::File;
use std::io::{self, BufReader, Read};

use rawzip::time::ZipDateTimeKind;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipFileHeaderRecord};
use rayon::prelude::*;

use super::entries::{MemberKind, Stop, Unpacked};
use super::limits::{Meter, Metered};
use super::stream::CompressedFile;
use super::untar::Member;
use super::{Shared, names};
use crate::base::error::Result;
use crate::io::codec::{Codec, decoder};
use crate::io::destination::Attributes;

/// The part of st_mode that tells the kind, and a symbolic link's.
const KIND_MODE: u32 = 0o170_000;
const LINK_MODE: u32 = 0o120_000;
/// The longest target of a link (PATH_MAX).
const TARGET_BYTES: u64 = 4096;

/// A member as the central directory lists it.
struct Listed {
    name: Vec<u8>,
    wayfinder: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    is_encrypted: bool,
    is_directory: bool,
    mode: u32,
    attributes: Attributes,
}

impl Listed {
    fn of(entry: &ZipFileHeaderRecord<'_>) -> Self {
        let mode = entry.mode().value();
        Self {
            name: entry.file_path().as_bytes().to_vec(),
            wayfinder: entry.wayfinder(),
            method: entry.compression_method(),
            is_encrypted: entry.flags().is_encrypted(),
            is_directory: entry.is_dir(),
            mode,
            attributes: Attributes {
                mode: (mode & 0o777 != 0).then_some(mode & 0o777),
                mtime_ns: seconds(&entry.last_modified()).checked_mul(1_000_000_000),
                owner: None,
            },
        }
    }
}

/// Seconds since the epoch; a time without a zone is taken for UTC.
fn seconds(time: &ZipDateTimeKind) -> i64 {
    let of = |year: u16, month: u8, day: u8, hour: u8, minute: u8, second: u8| {
        let date = chrono::NaiveDate::from_ymd_opt(year.into(), month.into(), day.into());
        let time = date.and_then(|date| date.and_hms_opt(hour.into(), minute.into(), second.into()));
        time.map_or(0, |time| time.and_utc().timestamp())
    };
    match time {
        ZipDateTimeKind::Utc(t) => of(t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second()),
        ZipDateTimeKind::Local(t) => of(t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second()),
    }
}

/// Unpack a zip; what goes wrong is an issue.
///
/// # Errors
/// Nothing more can be written, or the job is over.
pub fn unpack(shared: &Shared, file: &CompressedFile) -> Result<()> {
    let meter = Meter::new(file.meta.size);
    match members(shared, file, &meter) {
        Ok(members) => shared.rows.acquire().file(&Unpacked {
            path: &file.path,
            format: "zip",
            size: file.meta.size,
            unpacked: meter.unpacked(),
            members: Some(members),
        }),
        Err(stop) => file.stopped(shared, &meter, stop),
    }
}

fn members(shared: &Shared, file: &CompressedFile, meter: &Meter) -> std::result::Result<u64, Stop> {
    let broken = |error: rawzip::Error| Stop::Content(io::Error::other(error));
    let opened = File::from(shared.context.root.open_file(&file.path)?);
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let archive = ZipArchive::from_file(opened, &mut buffer).map_err(broken)?;
    let mut entries = archive.entries(&mut buffer);
    let mut listed = Vec::new();
    while let Some(entry) = entries.next_entry().map_err(broken)? {
        listed.push(Listed::of(&entry));
        if listed.len() as u64 > shared.limits.members {
            return Err(shared.limits.too_many_members(meter));
        }
    }
    let folder = names::folder(&file.path);
    let count = listed.len() as u64;
    // Directories first: a member may be listed before the one it lies in.
    let (directories, others): (Vec<Listed>, Vec<Listed>) = listed.into_iter().partition(|one| one.is_directory);
    for listed in directories.into_iter().chain(others).collect::<Vec<_>>().chunks(4096) {
        listed.par_iter().try_for_each(|listed| {
            let attributes = listed.attributes;
            let member = Member { shared, file, folder: &folder, name: &listed.name, attributes };
            let placed = member_of(&archive, listed, &member, meter)?;
            if let Some((kind, length)) = placed {
                shared.rows.acquire().member(&file.path, &listed.name, kind, length)?;
            }
            Ok::<(), Stop>(())
        })?;
    }
    Ok(count)
}

fn member_of(
    archive: &ZipArchive<rawzip::FileReader>,
    listed: &Listed,
    member: &Member<'_>,
    meter: &Meter,
) -> std::result::Result<Option<(MemberKind, u64)>, Stop> {
    if listed.is_directory {
        return member.directory();
    }
    if listed.is_encrypted {
        member.refuse("is encrypted");
        return Ok(None);
    }
    let broken = |error: rawzip::Error| {
        io::Error::other(format!("member {}: {error}", crate::base::paths::escape(&listed.name)))
    };
    let entry = archive.get_entry(listed.wayfinder).map_err(broken)?;
    let packed = BufReader::with_capacity(64 << 10, entry.reader());
    let unpacked: Box<dyn Read + '_> = match listed.method {
        CompressionMethod::STORE => Box::new(packed),
        CompressionMethod::DEFLATE => Box::new(flate2::bufread::DeflateDecoder::new(packed)),
        CompressionMethod::ZSTD => decoder(Codec::Zstd, packed)?,
        CompressionMethod::BZIP2 => decoder(Codec::Bzip2, packed)?,
        CompressionMethod::XZ => decoder(Codec::Xz, packed)?,
        other => {
            let name = other.name().map_or_else(|| format!("method {}", other.as_u16()), str::to_owned);
            member.refuse(&format!("is compressed by {name}, which is not known here"));
            return Ok(None);
        }
    };
    let Member { shared, .. } = member;
    let control = &*shared.context.control;
    let verified = entry.verifying_reader(unpacked);
    let mut content = Metered { inner: verified, meter: meter.clone(), limits: &shared.limits, control };
    if listed.mode & KIND_MODE == LINK_MODE {
        let mut target = Vec::new();
        content.take(TARGET_BYTES).read_to_end(&mut target)?;
        return member.symlink(&target);
    }
    member.content(&mut content)
}
