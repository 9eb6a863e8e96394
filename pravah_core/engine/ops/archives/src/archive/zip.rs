//! zip: each file deflated by itself, on all threads.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rawzip::extra_fields::ExtraFieldId;
use rawzip::path::EntryPath;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, DataDescriptorOutput, Header, ZipArchiveWriter, ZipFileBuilder};

use super::contents::Item;
use super::{Fill, Large, Prepared, Writer};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::destination::NTFS_EPOCH;
use pravah_foundation::io::pack::Packing;
use pravah_foundation::io::xattrs::Xattrs;

/// What st_mode says of a symbolic link, a regular file, a directory.
const LINK_MODE: u32 = 0o120_000;
const FILE_MODE: u32 = 0o100_000;
const DIRECTORY_MODE: u32 = 0o040_000;

type Out = BufWriter<Arc<File>>;

pub struct Zip {
    archive: ZipArchiveWriter<Out>,
    packing: Packing,
    path: PathBuf,
}

impl Zip {
    /// A zip into `file`, its members packed by `packing`, which gives bare pieces.
    pub fn new(file: &Arc<File>, packing: Packing, path: &Path) -> Self {
        let out = BufWriter::with_capacity(1 << 20, Arc::clone(file));
        Self { archive: ZipArchiveWriter::new(out), packing, path: path.into() }
    }

    fn member<'i>(
        &mut self,
        item: &'i Item,
        mode: u32,
    ) -> std::result::Result<ZipFileBuilder<'_, 'i, Out>, rawzip::Error> {
        let member = self.archive.new_file(name(&item.path)).last_modified(modified(item));
        let member = member.unix_permissions(mode | item.meta.mode);
        match ntfs_time(item.meta.mtime_ns) {
            Some(time) => member.extra_field(ExtraFieldId::NTFS, &time, Header::default()),
            None => Ok(member),
        }
    }

    /// A member whose packed bytes are at hand.
    fn put(&mut self, item: &Item, mode: u32, method: CompressionMethod, member: Member<'_>) -> Result<()> {
        let path = self.path.clone();
        let failed = |error: rawzip::Error| EngineError::output(&path, error);
        let (mut entry, _) =
            self.member(item, mode).and_then(|member| member.compression_method(method).start()).map_err(failed)?;
        entry.write_all(member.bytes).map_err(|error| EngineError::output(&path, error))?;
        entry.finish(DataDescriptorOutput::new(member.crc, member.size)).map(drop).map_err(failed)
    }
}

struct Member<'a> {
    bytes: &'a [u8],
    crc: u32,
    size: u64,
}

/// The name as it stands. What the library takes for UTF-8 text it also tidies up, which would change some names.
fn name(path: &[u8]) -> EntryPath<'_> {
    let is_tidy = |text: &str| !text.contains([':', '\\']) && !text.contains("..");
    match std::str::from_utf8(path) {
        Ok(text) if !text.is_ascii() && is_tidy(text) => EntryPath::conformant(text),
        _ => EntryPath::verbatim(path),
    }
}

fn modified(item: &Item) -> UtcDateTime {
    UtcDateTime::from_unix(item.meta.mtime_ns.div_euclid(1_000_000_000))
}

/// The field of NTFS (APPNOTE 4.5.5) for a time that the field of Unix does not hold: with parts of a second, before 1970
/// or after 2038. It holds what there is from 1601 to 60056, in ticks of 100 ns.
fn ntfs_time(mtime_ns: i64) -> Option<[u8; 32]> {
    let (seconds, part) = (mtime_ns.div_euclid(1_000_000_000), mtime_ns.rem_euclid(1_000_000_000));
    if part == 0 && (0..=i64::from(i32::MAX)).contains(&seconds) {
        return None;
    }
    let ticks = u64::try_from(mtime_ns.div_euclid(100) + NTFS_EPOCH).ok()?.to_le_bytes();
    // Four bytes that are reserved, one attribute (its tag, its size), the times of change, access and creation.
    let mut field = [0; 32];
    field[4..8].copy_from_slice(&[1, 0, 24, 0]);
    field[8..].chunks_exact_mut(8).for_each(|time| time.copy_from_slice(&ticks));
    Some(field)
}

impl Writer for Zip {
    fn entry(&mut self, item: &Item, target: &[u8], _xattrs: &Xattrs) -> Result<()> {
        if item.meta.kind == EntryKind::Directory {
            let path = [&item.path[..], b"/"].concat();
            let made = self.archive.new_dir(name(&path)).last_modified(modified(item));
            let made = made.unix_permissions(DIRECTORY_MODE | item.meta.mode);
            let made = match ntfs_time(item.meta.mtime_ns) {
                Some(time) => made.extra_field(ExtraFieldId::NTFS, &time, Header::default()),
                None => Ok(made),
            };
            return made
                .and_then(|made| made.create())
                .map(drop)
                .map_err(|error| EngineError::output(&self.path, error));
        }
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, target) as u32;
        let member = Member { bytes: target, crc, size: target.len() as u64 };
        self.put(item, LINK_MODE, CompressionMethod::STORE, member)
    }

    fn small(&mut self, item: &Item, prepared: Prepared) -> Result<()> {
        let (packed, sizes) = match prepared.packed {
            Some(packed) => packed,
            None => self.packing.whole(&prepared.content)?,
        };
        // What does not shrink is stored as it is.
        let is_stored = packed.len() >= prepared.content.len();
        let (bytes, method) = if is_stored {
            (&prepared.content, CompressionMethod::STORE)
        } else {
            (&packed, CompressionMethod::DEFLATE)
        };
        self.put(item, FILE_MODE, method, Member { bytes, crc: sizes.crc, size: sizes.bytes })
    }

    fn large(&mut self, item: &Item, _large: &Large, fill: &mut Fill<'_>) -> Result<()> {
        let path = self.path.clone();
        let failed = |error: rawzip::Error| EngineError::output(&path, error);
        let packed = Packed::default();
        let mut packer = self.packing.stream(packed.clone(), &path);
        let member = self.member(item, FILE_MODE).map_err(failed)?.compression_method(CompressionMethod::DEFLATE);
        let (mut entry, _) = member.start().map_err(failed)?;
        let mut drain = || {
            let bytes = std::mem::take(&mut *lock(&packed.0));
            entry.write_all(&bytes).map_err(|error| EngineError::output(&path, error))
        };
        fill(&mut |bytes| {
            packer.write(bytes)?;
            drain()
        })?;
        let (_, sizes) = packer.finish()?;
        drain()?;
        entry.finish(DataDescriptorOutput::new(sizes.crc, sizes.bytes)).map(drop).map_err(failed)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let failed = |error: &dyn std::fmt::Display| EngineError::output(&self.path, error);
        let mut out = self.archive.finish().map_err(|error| failed(&error))?;
        out.flush().map_err(|error| failed(&error))
    }

    fn is_unix(&self) -> bool {
        false
    }
}

/// Packed bytes on their way from the threads that pack.
#[derive(Clone, Default)]
struct Packed(Arc<Mutex<Vec<u8>>>);

impl Write for Packed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
