//! tar, as GNU has it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tar::{Builder, EntryType, Header};
use xxhash_rust::xxh3::Xxh3;

use super::contents::Item;
use super::{Fill, Prepared, Writer};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::pack::{Packer, Packing};

/// Bytes of a tar's block.
const BLOCK: u64 = 512;
/// The longest name of a link that a header holds.
const LINK_BYTES: usize = 100;

/// The hash of the tar, before it is compressed.
pub type TarHash = Arc<Mutex<Xxh3>>;

pub struct TarWriter {
    builder: Builder<Out>,
    path: PathBuf,
}

impl TarWriter {
    pub fn new(file: &Arc<File>, packing: Option<Packing>, path: &Path) -> (Self, TarHash) {
        let hash = TarHash::new(Mutex::new(Xxh3::new()));
        let form = match packing {
            Some(packing) => OutForm::Packed(Box::new(packing.stream(Arc::clone(file), path)), None),
            None => OutForm::Plain(BufWriter::with_capacity(1 << 20, Arc::clone(file))),
        };
        let out = Out { form, hash: Arc::clone(&hash) };
        (Self { builder: Builder::new(out), path: path.into() }, hash)
    }

    fn header(item: &Item, kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(item.meta.mode);
        // An object belongs to nobody; the fields hold no such number everywhere.
        let (user, group) = if item.meta.is_object() { (0, 0) } else { (item.meta.uid, item.meta.gid) };
        header.set_uid(user.into());
        header.set_gid(group.into());
        // Before 1970 there is no time in a tar.
        header.set_mtime(u64::try_from(item.meta.mtime_ns / 1_000_000_000).unwrap_or(0));
        header
    }

    /// An entry's head; its contents follow.
    fn head(&mut self, item: &Item, mut header: Header) -> Result<()> {
        let done = self.builder.append_data(&mut header, OsStr::from_bytes(&item.path), io::empty());
        self.done(done)
    }

    fn done<T>(&mut self, done: io::Result<T>) -> Result<T> {
        done.map_err(|error| match &mut self.builder.get_mut().form {
            OutForm::Packed(_, ended) if ended.is_some() => ended.take().unwrap_or(EngineError::Cancelled),
            _ => EngineError::output(&self.path, error),
        })
    }
}

impl Writer for TarWriter {
    fn entry(&mut self, item: &Item, target: &[u8]) -> Result<()> {
        let kind = match item.meta.kind {
            EntryKind::Directory => EntryType::Directory,
            EntryKind::Symlink => EntryType::Symlink,
            _ => EntryType::Link,
        };
        let mut header = Self::header(item, kind, 0);
        if kind == EntryType::Directory {
            return self.head(item, header);
        }
        if target.len() > LINK_BYTES {
            let (path, target) = (OsStr::from_bytes(&item.path), OsStr::from_bytes(target));
            let done = self.builder.append_link(&mut header, path, target);
            return self.done(done);
        }
        let set = header.set_link_name_literal(target);
        self.done(set)?;
        self.head(item, header)
    }

    fn small(&mut self, item: &Item, prepared: Prepared) -> Result<()> {
        let content = &prepared.content[..];
        let mut header = Self::header(item, EntryType::Regular, content.len() as u64);
        let done = self.builder.append_data(&mut header, OsStr::from_bytes(&item.path), content);
        self.done(done)
    }

    fn large(&mut self, item: &Item, fill: &mut Fill<'_>) -> Result<()> {
        self.head(item, Self::header(item, EntryType::Regular, item.meta.size))?;
        fill(&mut |bytes| {
            let done = self.builder.get_mut().write_all(bytes);
            self.done(done)
        })?;
        let padding = (BLOCK - item.meta.size % BLOCK) % BLOCK;
        let done = self.builder.get_mut().write_all(&[0; BLOCK as usize][..padding as usize]);
        self.done(done)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let done = self.builder.finish();
        self.done(done)?;
        let path = self.path.clone();
        let failed = |error| EngineError::output(&path, error);
        match self.builder.into_inner().map_err(failed)?.form {
            OutForm::Packed(packer, _) => packer.finish().map(drop),
            OutForm::Plain(mut file) => file.flush().map_err(failed),
        }
    }

    fn has_hard_links(&self) -> bool {
        true
    }
}

/// Where the tar goes.
struct Out {
    form: OutForm,
    hash: TarHash,
}

enum OutForm {
    Plain(BufWriter<Arc<File>>),
    /// With what ended it: an `io::Error` cannot hold that.
    Packed(Box<Packer<Arc<File>>>, Option<EngineError>),
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.hash).update(bytes);
        match &mut self.form {
            OutForm::Plain(file) => file.write_all(bytes)?,
            OutForm::Packed(packer, ended) => {
                if let Err(error) = packer.write(bytes) {
                    *ended = Some(error);
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
