//! Files that are packages of parts, as spreadsheets are: a zip whose parts are opened by name.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};

use rawzip::{CompressionMethod, FileReader, ZipArchive, ZipArchiveEntryWayfinder};

use super::unpack::limit;
use crate::base::issue::IssueKind;

/// Parts of a package: one that has more is none.
const MOST_PARTS: usize = 100_000;
/// Bytes that are unpacked at once.
const BUFFER_BYTES: usize = 64 << 10;

/// Why a package, or a part of it, cannot be read.
pub type Unreadable = (IssueKind, String);

/// A zip whose parts are known.
pub struct Package {
    zip: ZipArchive<FileReader>,
    parts: HashMap<String, Part>,
    /// Bytes behind the end of the zip.
    pub bytes_behind: u64,
}

#[derive(Clone, Copy)]
struct Part {
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    is_encrypted: bool,
    packed: u64,
}

impl Package {
    /// An open file.
    ///
    /// # Errors
    /// In words: why it cannot be read.
    pub fn open(file: File) -> Result<Self, Unreadable> {
        let broken = |error: rawzip::Error| (IssueKind::Malformed, format!("is a damaged zip: {error}"));
        let bytes = file.metadata().map_or(0, |meta| meta.len());
        let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
        let zip = ZipArchive::from_file(file, &mut buffer).map_err(broken)?;
        let mut parts = HashMap::new();
        let mut entries = zip.entries(&mut buffer);
        while let Some(entry) = entries.next_entry().map_err(broken)? {
            if parts.len() >= MOST_PARTS {
                return Err((IssueKind::TooLarge, format!("has more than {MOST_PARTS} parts")));
            }
            let part = Part {
                place: entry.wayfinder(),
                method: entry.compression_method(),
                is_encrypted: entry.flags().is_encrypted(),
                packed: entry.compressed_size_hint(),
            };
            parts.entry(key(&String::from_utf8_lossy(entry.file_path().as_bytes()))).or_insert(part);
        }
        let bytes_behind = bytes.saturating_sub(zip.end_offset());
        Ok(Self { zip, parts, bytes_behind })
    }

    /// True when it has a part of this name.
    pub fn has(&self, name: &str) -> bool {
        self.parts.contains_key(&key(name))
    }

    /// Packed bytes of a part.
    pub fn packed_bytes(&self, name: &str) -> u64 {
        self.parts.get(&key(name)).map_or(0, |part| part.packed)
    }

    /// A part, unpacked up to a limit that no honest one needs, its checksum compared at its end.
    ///
    /// # Errors
    /// In words: why it cannot be read.
    pub fn part(&self, name: &str) -> Result<Box<dyn Read + '_>, Unreadable> {
        let Some(part) = self.parts.get(&key(name)) else {
            return Err((IssueKind::Malformed, format!("lacks its part {name}")));
        };
        if part.is_encrypted {
            return Err((IssueKind::Unsupported, "is encrypted; save it without a password".to_owned()));
        }
        let broken = |error: rawzip::Error| (IssueKind::Malformed, format!("is a damaged zip: {error}"));
        let entry = self.zip.get_entry(part.place).map_err(broken)?;
        let packed = BufReader::with_capacity(BUFFER_BYTES, entry.reader());
        let unpacked: Box<dyn Read + '_> = match part.method {
            CompressionMethod::STORE => Box::new(packed),
            CompressionMethod::DEFLATE => Box::new(flate2::bufread::DeflateDecoder::new(packed)),
            _ => return Err((IssueKind::Unsupported, "is compressed in a way that no spreadsheet is".to_owned())),
        };
        let left = limit(part.packed);
        Ok(Box::new(Limited { inner: entry.verifying_reader(unpacked), left, limit: left }))
    }
}

/// Names are compared without case, and written with either slash.
fn key(name: &str) -> String {
    name.trim_start_matches(['/', '\\']).replace('\\', "/").to_lowercase()
}

/// Fails where more comes than allowed.
struct Limited<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::FileTooLarge, format!("unpacks to more than {} bytes", self.limit))
        })?;
        Ok(read)
    }
}
