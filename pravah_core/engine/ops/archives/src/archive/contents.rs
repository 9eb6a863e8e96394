//! The entries of an archive, read in their order.

use std::collections::HashMap;

use rayon::prelude::*;

use super::{Counts, Large, Prepared, RESULT, Take, Writer};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::{EntryKind, Meta};
use pravah_foundation::io::digest::{BLOCK_BYTES, End, FileReader, Reading, Readings, Trouble};
use pravah_foundation::io::holes;
use pravah_foundation::io::pack::Packing;
use pravah_foundation::io::xattrs::Xattrs;
use pravah_foundation::run::context::Context;
use pravah_foundation::source::walk::open::OpenFile;
use pravah_foundation::store::columns::Columns;
use pravah_foundation::store::sink::{Staged, TableWriter};

/// Small files that are read ahead.
const AHEAD_FILES: usize = 1024;
const AHEAD_BYTES: u64 = 64 << 20;

/// An entry to come.
pub struct Item {
    pub path: Box<[u8]>,
    pub meta: Meta,
}

impl Item {
    pub fn new(path: Vec<u8>, meta: &Meta) -> Self {
        Self { path: path.into(), meta: *meta }
    }

    fn is_small(&self) -> bool {
        self.meta.kind == EntryKind::File && self.meta.size < BLOCK_BYTES as u64
    }
}

pub struct Contents<'a> {
    pub context: &'a Context,
    /// For a zip: how small files are packed ahead.
    pub bare: Option<Packing>,
}

impl Contents<'_> {
    /// Give all entries to `writer`, and a row of each to `rows`.
    pub fn write(&self, items: &[Item], writer: Box<dyn Writer>, rows: TableWriter) -> Result<(Counts, Staged)> {
        let reader = FileReader::new(&self.context.root, &[], &self.context.control);
        let columns = Columns::new(RESULT);
        let counts = Counts::default();
        let mut run = Run { context: self.context, writer, names: HashMap::new(), columns, rows, counts };
        // Keys of a bucket can be so.
        for pair in items.windows(2).filter(|pair| pair[0].path == pair[1].path) {
            let message =
                "is the name of a file and of a folder: a program that unpacks the archive makes only one of them";
            self.context.control.issue("write", &pair[0].path, IssueKind::Unsupported, message.to_owned());
        }
        let mut rest = items;
        while !rest.is_empty() {
            self.context.control.check()?;
            let (now, later) = rest.split_at(ahead(rest));
            rest = later;
            let prepared: Vec<Option<(Meta, Prepared)>> = now
                .par_iter()
                .with_min_len(4)
                .map(|item| if item.is_small() { self.small(&reader, item) } else { Ok(None) })
                .collect::<Result<_>>()?;
            for (item, prepared) in now.iter().zip(prepared) {
                run.add(&reader, item, prepared)?;
            }
        }
        run.finish()
    }

    /// Read a small file; none when it cannot be, which is an issue then.
    fn small(&self, reader: &FileReader, item: &Item) -> Result<Option<(Meta, Prepared)>> {
        let (mut content, mut xattrs) = (Vec::new(), Xattrs::default());
        let read = match reader.open(&item.path) {
            Ok(file) => {
                xattrs = Xattrs::of(&*file);
                let mut readings = Readings::new(vec![Box::new(Whole(&mut content))]);
                reader.read_open(&file, &item.meta, &mut readings)
            }
            Err(trouble) => {
                self.context.control.add_done(0, item.meta.size);
                Err(trouble)
            }
        };
        self.context.control.add_done(1, 0);
        match read {
            Ok(digested) => {
                let packed = self.bare.as_ref().map(|bare| bare.whole(&content)).transpose()?;
                Ok(Some((digested.meta, Prepared { content, xattrs, packed })))
            }
            Err(Trouble::Ended(error)) => Err(error),
            Err(Trouble::Issue(kind, message)) => {
                self.context.control.issue("read", &item.path, kind, message);
                Ok(None)
            }
        }
    }
}

/// How many entries from here are prepared at once: small files, and what takes no reading.
fn ahead(items: &[Item]) -> usize {
    let mut bytes = 0;
    let is_within = |item: &&Item| {
        bytes += if item.is_small() { item.meta.size } else { 0 };
        bytes <= AHEAD_BYTES
    };
    items.iter().take(AHEAD_FILES).take_while(is_within).count().max(1)
}

/// A small file's bytes, kept.
struct Whole<'a>(&'a mut Vec<u8>);

impl Reading for Whole<'_> {
    fn block(&mut self, bytes: &[u8]) -> Result<bool> {
        self.0.extend_from_slice(bytes);
        Ok(true)
    }

    fn end(self: Box<Self>, _end: End<'_>) -> Result<()> {
        Ok(())
    }
}

struct Run<'a> {
    context: &'a Context,
    writer: Box<dyn Writer>,
    /// The first entry of a file that has several names.
    names: HashMap<(u64, u64), Box<[u8]>>,
    columns: Columns,
    rows: TableWriter,
    counts: Counts,
}

impl Run<'_> {
    fn add(&mut self, reader: &FileReader, item: &Item, prepared: Option<(Meta, Prepared)>) -> Result<()> {
        match item.meta.kind {
            EntryKind::Directory => {
                self.counts.directories += 1;
                let opened = self.context.root.open_directory(&item.path);
                let xattrs = opened.map_or_else(|_| Xattrs::default(), Xattrs::of);
                self.leave_out(&xattrs);
                self.writer.entry(item, b"", &xattrs)?;
                self.row(item, 0)
            }
            EntryKind::Symlink => match self.context.root.read_link(&item.path) {
                Ok(target) => {
                    self.counts.links += 1;
                    self.writer.entry(item, &target, &Xattrs::default())?;
                    self.row(item, 0)
                }
                Err(error) => {
                    self.context.control.io_issue("read", &item.path, &error);
                    Ok(())
                }
            },
            _ if item.is_small() => {
                let Some((meta, prepared)) = prepared else { return Ok(()) };
                // Of its present size, whatever the walk saw.
                let item = Item { path: item.path.clone(), meta };
                if self.is_further_name(&item)? {
                    return Ok(());
                }
                let size = prepared.content.len() as u64;
                self.leave_out(&prepared.xattrs);
                self.writer.small(&item, prepared)?;
                self.file(&item, size)
            }
            _ => {
                self.context.control.add_done(1, 0);
                if self.is_further_name(item)? {
                    self.context.control.add_done(0, item.meta.size);
                    return Ok(());
                }
                self.large(reader, item)
            }
        }
    }

    /// True when it was written as a further name of an earlier file.
    fn is_further_name(&mut self, item: &Item) -> Result<bool> {
        if item.meta.links < 2 || !self.writer.is_unix() {
            return Ok(false);
        }
        let Some(first) = self.names.get(&(item.meta.device, item.meta.inode)) else { return Ok(false) };
        self.writer.entry(item, first, &Xattrs::default())?;
        self.counts.links += 1;
        self.row(item, 0)?;
        Ok(true)
    }

    fn file(&mut self, item: &Item, size: u64) -> Result<()> {
        self.counts.files += 1;
        self.counts.bytes += size;
        if item.meta.links > 1 {
            self.names.insert((item.meta.device, item.meta.inode), item.path.clone());
        }
        self.row(item, size)
    }

    /// Read a large file into the archive. It has announced its size: what it lacks of it is filled with zeros.
    fn large(&mut self, reader: &FileReader, item: &Item) -> Result<()> {
        let control = &self.context.control;
        let file = match reader.open(&item.path) {
            Ok(file) => file,
            Err(Trouble::Ended(error)) => return Err(error),
            Err(Trouble::Issue(kind, message)) => {
                control.add_done(0, item.meta.size);
                control.issue("read", &item.path, kind, message);
                return Ok(());
            }
        };
        let xattrs = Xattrs::of(&*file);
        self.leave_out(&xattrs);
        let keeps_holes = self.writer.is_unix() && !item.meta.is_object();
        let extents = if keeps_holes { holes::extents(&*file, item.meta.size) } else { None };
        let large = Large { xattrs, extents };
        let mut trouble = None;
        let stored = large.extents.as_ref().map(|parts| parts.iter().map(|(_, length)| length).sum());
        self.writer.large(item, &large, &mut |take| {
            let mut given = Given { take, left: stored.unwrap_or(item.meta.size), surplus: false };
            let read = match &large.extents {
                Some(parts) => in_parts(reader, &file, item, parts, &mut given),
                None => {
                    let mut readings = Readings::new(vec![Box::new(Into(&mut given))]);
                    reader.read_open(&file, &item.meta, &mut readings).map(drop)
                }
            };
            trouble = match read {
                Ok(()) if given.surplus || given.left > 0 => {
                    Some((IssueKind::ChangedWhileRead, "changed in size since it was listed".to_owned()))
                }
                Ok(()) => None,
                Err(Trouble::Ended(error)) => return Err(error),
                Err(Trouble::Issue(kind, message)) => Some((kind, message)),
            };
            let zeros = vec![0; if given.left > 0 { BLOCK_BYTES } else { 0 }];
            while given.left > 0 {
                control.check()?;
                let now = given.left.min(zeros.len() as u64);
                (given.take)(&zeros[..now as usize])?;
                given.left -= now;
            }
            Ok(())
        })?;
        if large.extents.is_some() {
            control.add_done(0, item.meta.size);
        }
        if let Some((kind, message)) = trouble {
            let message = format!("{message}; its entry in the archive is wrong");
            control.issue("read", &item.path, kind, message);
        }
        self.file(item, item.meta.size)
    }

    /// Count the attributes that the archive does not have.
    fn leave_out(&mut self, xattrs: &Xattrs) {
        let of_users = if self.writer.is_unix() { 0 } else { xattrs.user.len() as u64 };
        self.counts.attributes_left_out += xattrs.others + of_users;
    }

    fn row(&mut self, item: &Item, size: u64) -> Result<()> {
        self.columns.path(&item.path);
        self.columns.text(item.meta.kind.as_str());
        self.columns.integer(size);
        self.columns.time(item.meta.mtime_ns);
        self.counts.times_cut += u64::from(matches!(item.meta.mtime_ns, i64::MIN | i64::MAX));
        if self.columns.is_full() { self.rows.write(&self.columns.take()?) } else { Ok(()) }
    }

    fn finish(mut self) -> Result<(Counts, Staged)> {
        self.rows.write(&self.columns.take()?)?;
        self.writer.finish()?;
        Ok((self.counts, self.rows.stage()?))
    }
}

/// A large file on its way into the archive.
struct Given<'a> {
    take: &'a mut Take<'a>,
    /// Bytes that it announced and has not given.
    left: u64,
    /// It had more.
    surplus: bool,
}

/// Read the parts of a file that are no holes.
fn in_parts(
    reader: &FileReader,
    file: &OpenFile,
    item: &Item,
    parts: &[(u64, u64)],
    given: &mut Given<'_>,
) -> std::result::Result<(), Trouble> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut failed = None;
    reader.unchanged(file, |meta| {
        given.surplus |= meta.size != item.meta.size;
        for &(offset, length) in parts {
            let mut at = 0;
            while at < length {
                let most = (length - at).min(block.len() as u64) as usize;
                match rustix::io::pread(&**file, &mut block[..most], offset + at) {
                    Ok(0) => return Ok(()),
                    Ok(read) => {
                        (given.take)(&block[..read])?;
                        given.left -= read as u64;
                        at += read as u64;
                    }
                    Err(rustix::io::Errno::INTR) => {}
                    Err(error) => {
                        failed = Some(std::io::Error::from(error));
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    })?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

struct Into<'a, 'b>(&'a mut Given<'b>);

impl Reading for Into<'_, '_> {
    fn block(&mut self, bytes: &[u8]) -> Result<bool> {
        let now = (bytes.len() as u64).min(self.0.left);
        self.0.surplus |= bytes.len() as u64 > now;
        (self.0.take)(&bytes[..now as usize])?;
        self.0.left -= now;
        Ok(!self.0.surplus)
    }

    fn end(self: Box<Self>, _end: End<'_>) -> Result<()> {
        Ok(())
    }
}
