//! tar, as GNU has it, with the extended headers of POSIX where a header does not suffice: for times with parts of a
//! second or before 1970, for extended attributes and for files with holes (the sparse form 1.0).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tar::{Builder, EntryType, Header};
use xxhash_rust::xxh3::Xxh3;

use super::contents::Item;
use super::{Fill, Large, Prepared, Writer};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::meta::{EntryKind, Meta};
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::pack::{Packer, Packing};
use pravah_foundation::io::xattrs::{self, Xattrs};

/// Bytes of a tar's block.
const BLOCK: u64 = 512;
/// The longest name of a link that a header holds.
const LINK_BYTES: usize = 100;
/// The longest name that a header holds whatever its parts are.
const NAME_BYTES: usize = 100;
const SECOND: i64 = 1_000_000_000;

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
        Self::fill(&mut header, item, kind, size);
        header
    }

    fn fill(header: &mut Header, item: &Item, kind: EntryType, size: u64) {
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(item.meta.mode);
        // An object belongs to nobody; the fields hold no such number everywhere.
        let (user, group) = if item.meta.is_object() { (0, 0) } else { (item.meta.uid, item.meta.gid) };
        header.set_uid(user.into());
        header.set_gid(group.into());
        // Before 1970 there is no time in a header.
        header.set_mtime(u64::try_from(item.meta.mtime_ns.div_euclid(SECOND)).unwrap_or(0));
    }

    /// What an entry's header does not hold, in front of it.
    fn extend(&mut self, item: &Item, xattrs: &Xattrs, more: &[(&str, Vec<u8>)]) -> Result<()> {
        let mut records = Vec::new();
        if let Some(time) = time(&item.meta) {
            record(&mut records, b"mtime", time.as_bytes());
        }
        more.iter().for_each(|(key, value)| record(&mut records, key.as_bytes(), value));
        for (name, value) in &xattrs.user {
            record(&mut records, &xattrs::pax_keyword(name), value);
        }
        if records.is_empty() {
            return Ok(());
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_size(records.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        let done = self.builder.append_data(&mut header, "PaxHeader", &records[..]);
        self.done(done)
    }

    /// An entry's head; its contents follow.
    fn head(&mut self, item: &Item, mut header: Header) -> Result<()> {
        let done = self.builder.append_data(&mut header, OsStr::from_bytes(&item.path), io::empty());
        self.done(done)
    }

    /// The head of a file with holes, of `size` bytes with the list of them. GNU tar reads that list behind a header of
    /// POSIX only.
    fn sparse_head(&mut self, item: &Item, large: &Large, size: u64) -> Result<()> {
        let mut keys = vec![
            ("GNU.sparse.major", b"1".to_vec()),
            ("GNU.sparse.minor", b"0".to_vec()),
            ("GNU.sparse.name", item.path.to_vec()),
            ("GNU.sparse.realsize", item.meta.size.to_string().into_bytes()),
        ];
        let name = sparse_name(&item.path);
        let mut header = Header::new_ustar();
        Self::fill(&mut header, item, EntryType::Regular, size);
        if header.set_path(OsStr::from_bytes(&name)).is_err() {
            let short = &name[name.len() - NAME_BYTES..];
            header.as_old_mut().name.copy_from_slice(short);
            // In front: of two names Python takes the last.
            keys.insert(0, ("path", name));
        }
        header.set_cksum();
        self.extend(item, &large.xattrs, &keys)?;
        let done = self.builder.append(&header, io::empty());
        self.done(done)
    }

    fn done<T>(&mut self, done: io::Result<T>) -> Result<T> {
        done.map_err(|error| match &mut self.builder.get_mut().form {
            OutForm::Packed(_, ended) if ended.is_some() => ended.take().unwrap_or(EngineError::Cancelled),
            _ => EngineError::output(&self.path, error),
        })
    }
}

/// The time of an entry where its header does not hold it: decimal seconds.
fn time(meta: &Meta) -> Option<String> {
    let (time, sign) = (meta.mtime_ns, if meta.mtime_ns < 0 { "-" } else { "" });
    if time == i64::MIN || (time >= 0 && time % SECOND == 0) {
        return None;
    }
    let nanoseconds = time.unsigned_abs();
    let (whole, rest) = (nanoseconds / SECOND as u64, nanoseconds % SECOND as u64);
    let text = format!("{sign}{whole}.{rest:09}");
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// `LENGTH KEY=VALUE` and a line ending, the length that of all.
fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() > length {
        length += 1;
    }
    out.extend_from_slice(format!("{length} ").as_bytes());
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// The list in front of a sparse member's content, in whole blocks; a part of nothing marks the end of the file.
fn sparse_list(extents: &[(u64, u64)], size: u64) -> Vec<u8> {
    let mut list = format!("{}\n", extents.len() + 1);
    for (offset, length) in extents.iter().copied().chain([(size, 0)]) {
        list.push_str(&format!("{offset}\n{length}\n"));
    }
    let mut list = list.into_bytes();
    list.resize(list.len().next_multiple_of(BLOCK as usize), 0);
    list
}

/// The name by which tars that know no sparse members unpack one.
fn sparse_name(path: &[u8]) -> Vec<u8> {
    let (above, name) = path.split_at(path.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1));
    [above, b"GNUSparseFile.0/", name].concat()
}

impl Writer for TarWriter {
    fn entry(&mut self, item: &Item, target: &[u8], xattrs: &Xattrs) -> Result<()> {
        let kind = match item.meta.kind {
            EntryKind::Directory => EntryType::Directory,
            EntryKind::Symlink => EntryType::Symlink,
            _ => EntryType::Link,
        };
        let mut header = Self::header(item, kind, 0);
        let mut records = Vec::new();
        if target.len() > LINK_BYTES {
            // As POSIX has it: of GNU's form, behind an extended header, bsdtar 3.6 makes an empty file.
            records.push(("linkpath", target.to_vec()));
        }
        // A further name has the time of the first.
        if kind != EntryType::Link || !records.is_empty() {
            self.extend(item, xattrs, &records)?;
        }
        if kind == EntryType::Directory {
            return self.head(item, header);
        }
        let set = header.set_link_name_literal(&target[..target.len().min(LINK_BYTES)]);
        self.done(set)?;
        self.head(item, header)
    }

    fn small(&mut self, item: &Item, prepared: Prepared) -> Result<()> {
        self.extend(item, &prepared.xattrs, &[])?;
        let content = &prepared.content[..];
        let mut header = Self::header(item, EntryType::Regular, content.len() as u64);
        let done = self.builder.append_data(&mut header, OsStr::from_bytes(&item.path), content);
        self.done(done)
    }

    fn large(&mut self, item: &Item, large: &Large, fill: &mut Fill<'_>) -> Result<()> {
        let size = match &large.extents {
            None => {
                self.extend(item, &large.xattrs, &[])?;
                self.head(item, Self::header(item, EntryType::Regular, item.meta.size))?;
                item.meta.size
            }
            Some(extents) => {
                let list = sparse_list(extents, item.meta.size);
                let size = list.len() as u64 + extents.iter().map(|(_, length)| length).sum::<u64>();
                self.sparse_head(item, large, size)?;
                let done = self.builder.get_mut().write_all(&list);
                self.done(done)?;
                size
            }
        };
        fill(&mut |bytes| {
            let done = self.builder.get_mut().write_all(bytes);
            self.done(done)
        })?;
        let padding = (BLOCK - size % BLOCK) % BLOCK;
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

    fn is_unix(&self) -> bool {
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
