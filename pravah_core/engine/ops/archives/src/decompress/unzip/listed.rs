//! A member as the central directory lists it, and what it is called.

use std::collections::{HashMap, HashSet};

use rawzip::time::ZipDateTimeKind;
use rawzip::{CompressionMethod, ZipArchiveEntryWayfinder, ZipFileHeaderRecord};
use xxhash_rust::xxh3::xxh3_128;

use super::encoding::NameEncoding;
use super::extra::Extra;
use crate::decompress::names::{self, REPLACED};
use pravah_foundation::io::destination::Time;

/// A record of the directory, without its name, fields and comment.
const RECORD_BYTES: u64 = 46;
/// Creators whose external attributes are those of Unix.
const UNIX: [u8; 2] = [3, 19];
/// Creators whose names may have backslashes between folders: FAT, NTFS, VFAT.
const DOS: [u8; 3] = [0, 10, 14];
/// The attribute of a directory, in DOS.
const DOS_DIRECTORY: u32 = 0x10;
/// The part of st_mode that tells the kind, and a directory's.
const KIND_MODE: u32 = 0o170_000;
const DIRECTORY_MODE: u32 = 0o040_000;
/// What nothing at all may be packed to, encrypted or not.
const PACKED_NOTHING: u64 = 64;

/// A member.
pub struct ZipMember {
    /// As it is unpacked.
    pub name: Vec<u8>,
    /// As it stands there.
    pub raw: Vec<u8>,
    pub wayfinder: ZipArchiveEntryWayfinder,
    /// Where its own header is, and how many bytes its content has there.
    pub offset: u64,
    pub packed: u64,
    /// Where its record in the directory ends.
    pub record_end: u64,
    pub method: CompressionMethod,
    /// What it unpacks to.
    pub size: u64,
    pub is_encrypted: bool,
    pub is_directory: bool,
    /// `st_mode`; 0 where the creator has none.
    pub mode: u32,
    pub mtime: Option<Time>,
    /// Its time is that of a clock without a zone, and a better one may stand in its own header.
    pub is_local_time: bool,
    /// A later member has its name.
    pub is_replaced: bool,
    /// It has the name of a folder that other members are in.
    is_folder_too: bool,
    pub notes: Vec<String>,
    is_dos: bool,
    is_unix: bool,
    is_raw: bool,
}

impl ZipMember {
    pub fn of(entry: &ZipFileHeaderRecord<'_>) -> Self {
        let raw = entry.file_path().as_bytes().to_vec();
        let extra = Extra::of(entry.extra_fields(), &raw);
        let creator = (entry.version_made_by().creator_system()).as_u8();
        let is_unix = UNIX.contains(&creator);
        let is_dos = DOS.contains(&creator);
        let variable = raw.len() + entry.extra_fields().remaining_bytes().len() + entry.comment().as_bytes().len();
        let is_raw = extra.name.is_none() && std::str::from_utf8(&raw).is_err();
        let mode = if is_unix { entry.external_attributes() >> 16 } else { 0 };
        let is_marked =
            (is_dos && entry.external_attributes() & DOS_DIRECTORY != 0) || mode & KIND_MODE == DIRECTORY_MODE;
        Self {
            name: extra.name.unwrap_or_else(|| raw.clone()),
            raw,
            wayfinder: entry.wayfinder(),
            offset: entry.local_header_offset(),
            packed: entry.compressed_size_hint(),
            record_end: entry.central_directory_offset() + RECORD_BYTES + variable as u64,
            method: entry.compression_method(),
            size: entry.uncompressed_size_hint(),
            is_encrypted: entry.flags().is_encrypted(),
            is_directory: entry.is_dir() || (is_marked && entry.uncompressed_size_hint() == 0),
            mode,
            is_local_time: extra.mtime.is_none(),
            mtime: extra.mtime.or_else(|| dos(&entry.last_modified())),
            is_replaced: false,
            is_folder_too: false,
            notes: Vec::new(),
            is_dos,
            is_unix,
            is_raw,
        }
    }

    /// Permission bits, with set-uid, set-gid and sticky; a creator without any leaves them to the umask. A kind of file
    /// says that there are some, even where none is set.
    pub fn permissions(&self) -> Option<u32> {
        (self.mode != 0).then_some(self.mode & 0o7777)
    }

    /// The kind of file that it was on a Unix; 0 where nobody says.
    pub fn kind(&self) -> u32 {
        self.mode & KIND_MODE
    }

    /// Why it is nothing that is unpacked, in words. What comes through a pipe keeps its kind, and is a file here.
    pub fn special(&self) -> Option<&'static str> {
        match self.kind() {
            _ if self.is_folder_too => Some(names::KEPT),
            _ if self.size > 0 || self.packed > 0 || self.raw == b"-" => None,
            0o010_000 => Some("is a named pipe and is not unpacked"),
            0o020_000 => Some("is a character device and is not unpacked"),
            0o060_000 => Some("is a block device and is not unpacked"),
            0o140_000 => Some("is a socket and is not unpacked"),
            _ => None,
        }
    }

    /// True when content is there that a directory has no place for.
    pub fn has_content(&self) -> bool {
        self.packed > 0 && (self.size > 0 || self.packed > PACKED_NOTHING)
    }

    fn replaced(&mut self) {
        self.is_replaced = true;
        self.notes.push(REPLACED.to_owned());
    }

    pub fn note(&self) -> Option<String> {
        (!self.notes.is_empty()).then(|| self.notes.join("; "))
    }
}

/// A time without a zone, taken for UTC.
fn dos(time: &ZipDateTimeKind) -> Option<Time> {
    let of = |year: u16, month: u8, day: u8, hour: u8, minute: u8, second: u8| {
        let date = chrono::NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())?;
        let time = date.and_hms_opt(hour.into(), minute.into(), second.into())?;
        Some(Time::of_seconds(time.and_utc().timestamp()))
    };
    match time {
        ZipDateTimeKind::Utc(t) => of(t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second()),
        ZipDateTimeKind::Local(t) => of(t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second()),
    }
}

/// Give all members of an archive the names that they are unpacked under; of several of one name, the last has it.
pub fn name_all(listed: &mut [ZipMember], folder: &[u8], encoding: Option<NameEncoding>) {
    // Names of Unix are bytes, and stay them unless an encoding is asked for.
    listed.iter_mut().for_each(|one| one.is_raw &= !one.is_unix || encoding.is_some());
    let raw: Vec<Vec<u8>> = listed.iter().filter(|one| one.is_raw).map(|one| one.raw.clone()).collect();
    if !raw.is_empty() {
        let encoding = encoding.unwrap_or_else(|| NameEncoding::guess(raw.iter().map(Vec::as_slice)));
        for one in listed.iter_mut().filter(|one| one.is_raw) {
            one.name = encoding.decode(&one.raw);
            one.notes.push(format!("its name was read as {}", encoding.name()));
        }
    }
    for one in listed.iter_mut().filter(|one| one.is_dos && one.name.contains(&b'\\') && !one.name.contains(&b'/')) {
        one.name.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
        one.is_directory |= one.name.ends_with(b"/");
        one.notes.push("backslashes in its name were read as folder separators".to_owned());
    }
    let mut last: HashMap<u128, usize> = HashMap::new();
    let mut folders: HashMap<u128, usize> = HashMap::new();
    let path = |one: &ZipMember| names::member(folder, &one.name).ok();
    for place in 0..listed.len() {
        let Some(path) = path(&listed[place]) else { continue };
        if listed[place].is_directory {
            folders.insert(xxh3_128(&path), place);
        } else if let Some(earlier) = last.insert(xxh3_128(&path), place) {
            listed[earlier].replaced();
        }
    }
    let mut filled: HashSet<u128> = HashSet::new();
    for path in listed.iter().filter_map(path) {
        // The folders that it is in, the nearest first: those of one that is known are known.
        let _ = names::above(folder, &path).map(xxh3_128).find(|hash| !filled.insert(*hash));
    }
    for (hash, file) in last {
        match folders.get(&hash) {
            Some(&folder) if file < folder => listed[file].replaced(),
            _ if filled.contains(&hash) => listed[file].is_folder_too = true,
            Some(&folder) => listed[folder].replaced(),
            None => {}
        }
    }
}
