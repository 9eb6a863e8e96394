//! zip: each file deflated by itself, on all threads.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rawzip::path::EntryPath;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, DataDescriptorOutput, ZipArchiveWriter, ZipFileBuilder};

use super::contents::Item;
use super::{Fill, Large, Prepared, Writer};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::base::sync::lock;
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

    fn member<'i>(&mut self, item: &'i Item, mode: u32) -> ZipFileBuilder<'_, 'i, Out> {
        self.archive.new_file(name(&item.path)).last_modified(modified(item)).unix_permissions(mode | item.meta.mode)
    }

    /// A member whose packed bytes are at hand.
    fn put(&mut self, item: &Item, mode: u32, method: CompressionMethod, member: Member<'_>) -> Result<()> {
        let path = self.path.clone();
        let failed = |error: rawzip::Error| EngineError::output(&path, error);
        let (mut entry, _) = self.member(item, mode).compression_method(method).start().map_err(failed)?;
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

impl Writer for Zip {
    fn entry(&mut self, item: &Item, target: &[u8], _xattrs: &Xattrs) -> Result<()> {
        if item.meta.kind == EntryKind::Directory {
            let path = [&item.path[..], b"/"].concat();
            let made = self.archive.new_dir(name(&path)).last_modified(modified(item));
            let made = made.unix_permissions(DIRECTORY_MODE | item.meta.mode).create();
            return made.map(drop).map_err(|error| EngineError::output(&self.path, error));
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
        let member = self.member(item, FILE_MODE).compression_method(CompressionMethod::DEFLATE);
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
