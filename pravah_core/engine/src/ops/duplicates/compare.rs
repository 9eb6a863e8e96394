//! From files to classes of one content, reading as little as tells them apart.

use std::os::fd::OwnedFd;
use std::sync::Mutex;

use rayon::prelude::*;

use super::DuplicatesOptions;
use super::records::{File, Store};
use super::roots::Roots;
use crate::digest::{Algorithm, Digest, FileReader, Trouble, read_at, with_block};
use crate::error::{EngineError, Result};
use crate::issue::{IssueKind, lock};
use crate::ops::Context;
use crate::pool::compute_pool;
use crate::walk::open::OpenFile;

/// Up to this size a file is read whole at the first look: as cheap as its two ends.
const WHOLE_BYTES: u64 = 32 << 10;
/// What is read of each end of a larger file: a page, what a disk gives at least.
const END_BYTES: u64 = 4 << 10;
/// Pieces of a comparison byte by byte.
const PIECE_BYTES: usize = 256 << 10;

/// The names of one inode, as a range of [`Compared::order`].
#[derive(Debug, Clone, Copy)]
pub struct Inode {
    start: u32,
    count: u32,
}

/// Inodes of one content.
#[derive(Debug)]
pub struct Class {
    /// Their digest.
    pub digest: Digest,
    /// Numbers in [`Compared::inodes`].
    pub inodes: Box<[u32]>,
}

/// What the comparison found.
#[derive(Debug, Default)]
pub struct Compared {
    order: Vec<u32>,
    /// Every inode that is large enough to be compared.
    pub inodes: Vec<Inode>,
    /// Those of one content, two or more.
    pub classes: Vec<Class>,
    /// Files that could not be compared, one of each inode; each is an issue.
    pub unread: Vec<u32>,
}

impl Compared {
    /// The names of an inode: numbers of files.
    pub fn names(&self, inode: u32) -> &[u32] {
        let Inode { start, count } = self.inodes[inode as usize];
        &self.order[start as usize..(start + count) as usize]
    }
}

/// In place of an inode that could not be read.
const UNREAD: u32 = u32::MAX;

/// An inode on its way through the stages; there may be millions.
#[derive(Debug, Clone, Copy)]
struct Item {
    inode: u32,
    /// XXH3-128 of its ends, or of all of it; as bytes, which need no padding.
    key: [u8; 16],
}

/// A comparison of all files of a job.
pub struct Comparison<'a> {
    options: &'a DuplicatesOptions,
    context: &'a Context,
    roots: &'a Roots,
    store: &'a Store,
    unread: Mutex<Vec<u32>>,
}

impl<'a> Comparison<'a> {
    /// A comparison of the files of `store`.
    pub fn new(options: &'a DuplicatesOptions, context: &'a Context, roots: &'a Roots, store: &'a Store) -> Self {
        Self { options, context, roots, store, unread: Mutex::new(Vec::new()) }
    }

    /// Compare, in the stages "compare ends" and "compare contents".
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    ///
    /// # Cancellation
    /// Looked at per file and per block.
    pub fn run(self) -> Result<Compared> {
        let pool = compute_pool(self.context.threads)?;
        let mut compared = pool.install(|| self.inodes());
        let control = &self.context.control;
        control.next_stage();
        let alike = pool.install(|| self.alike(&compared, of_one_size(&compared)));
        let alike =
            if self.context.all_is_read { alike } else { pool.install(|| self.compare_ends(&compared, alike))? };
        control.next_stage();
        compared.classes = pool.install(|| self.compare_contents(&compared, alike))?;
        compared.unread = self.unread.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        compared.unread.sort_unstable();
        Ok(compared)
    }

    /// All inodes, those of one size beside each other.
    fn inodes(&self) -> Compared {
        let files = &self.store.files;
        let smallest = self.options.min_file_bytes;
        let mut order: Vec<u32> =
            (0..files.len() as u32).filter(|&number| files[number as usize].size >= smallest).collect();
        order.par_sort_unstable_by_key(|&number| {
            let file = &files[number as usize];
            (file.size, self.store.identity(file), number)
        });
        let mut inodes: Vec<Inode> = Vec::new();
        let mut last = None;
        for (place, &number) in order.iter().enumerate() {
            let file = &files[number as usize];
            let identity = Some((file.size, self.store.identity(file)));
            match inodes.last_mut().filter(|_| identity == last) {
                Some(inode) => inode.count += 1,
                None => inodes.push(Inode { start: place as u32, count: 1 }),
            }
            last = identity;
        }
        Compared { order, inodes, ..Compared::default() }
    }

    fn file(&self, compared: &Compared, inode: u32) -> (u32, &File) {
        let number = compared.names(inode)[0];
        (number, &self.store.files[number as usize])
    }

    fn size(&self, compared: &Compared, inode: u32) -> u64 {
        self.file(compared, inode).1.size
    }

    /// True when this set of inodes may hold a duplicate that was asked for.
    fn is_worth(&self, compared: &Compared, inodes: impl Iterator<Item = u32> + Clone) -> bool {
        if inodes.clone().nth(1).is_none() {
            return false;
        }
        let is_on = |reference: bool| {
            move |inode: u32| {
                compared
                    .names(inode)
                    .iter()
                    .any(|&number| self.store.is_reference(&self.store.files[number as usize]) == reference)
            }
        };
        let candidates = inodes.clone().any(is_on(false));
        candidates && (!self.options.only_against_reference || inodes.clone().any(is_on(true)))
    }

    /// Keep what is alike by size and key.
    fn alike(&self, compared: &Compared, mut items: Vec<Item>) -> Vec<Item> {
        let place = |item: &Item| (self.size(compared, item.inode), item.key, item.inode);
        items.par_sort_unstable_by_key(place);
        let same = |one: &Item, other: &Item| (place(one).0, one.key) == (place(other).0, other.key);
        let mut kept = Vec::with_capacity(items.len());
        for run in items.chunk_by(same) {
            let is_worth = self.is_worth(compared, run.iter().map(|item| item.inode));
            kept.resize(kept.len() + run.len(), is_worth);
        }
        let mut kept = kept.into_iter();
        items.retain(|_| kept.next().unwrap_or_default());
        items
    }

    fn compare_ends(&self, compared: &Compared, mut items: Vec<Item>) -> Result<Vec<Item>> {
        let bytes = |item: &Item| looked_at(self.size(compared, item.inode));
        self.context.control.restart(items.len() as u64, items.iter().map(bytes).sum());
        // In the order of the walk: neighbours on the disk, and in the kernel's cache of names.
        items.par_sort_unstable_by_key(|item| self.file(compared, item.inode).0);
        // In place: lists of results would stand beside the items.
        items.par_iter_mut().with_min_len(16).try_for_each(|item| -> Result<()> {
            let (number, file) = self.file(compared, item.inode);
            match self.ends(number, file)? {
                Some(key) => item.key = key.to_be_bytes(),
                None => item.inode = UNREAD,
            }
            self.context.control.add_done(1, looked_at(file.size));
            Ok(())
        })?;
        items.retain(|item| item.inode != UNREAD);
        Ok(self.alike(compared, items))
    }

    /// XXH3-128 of a file's two ends, or of all of it; none = it could not be read.
    fn ends(&self, number: u32, file: &File) -> Result<Option<u128>> {
        self.context.control.check()?;
        let path = self.store.path(file);
        let looked = self.roots.get(self.store.root(file)).open_file(&path).and_then(|open| ends(&open, file.size));
        match looked {
            Ok(Some(key)) => Ok(Some(key)),
            Ok(None) => {
                let message = "changed its size since it was listed; it was not compared";
                self.trouble(number, &path, IssueKind::ChangedWhileRead, message.into());
                Ok(None)
            }
            Err(error) => {
                self.trouble(number, &path, IssueKind::from_io(&error), error.to_string());
                Ok(None)
            }
        }
    }

    fn trouble(&self, number: u32, path: &[u8], kind: IssueKind, message: String) {
        lock(&self.unread).push(number);
        let file = &self.store.files[number as usize];
        let shown = self.roots.shown(self.store.root(file), path);
        self.context.control.issue("compare", &shown, kind, message);
    }

    fn compare_contents(&self, compared: &Compared, items: Vec<Item>) -> Result<Vec<Class>> {
        let algorithm = self.options.algorithm;
        let control = &self.context.control;
        let bytes: u64 = items.iter().map(|item| self.size(compared, item.inode)).sum();
        let unknown = items.iter().filter(|item| self.known(compared, item.inode).is_none());
        let unknown: u64 = unknown.map(|item| self.size(compared, item.inode)).sum();
        control.restart(items.len() as u64, if self.options.confirm_bytes { unknown + bytes } else { unknown });
        let sources = 0..=self.roots.outside().len() as u16;
        let readers: Vec<FileReader> =
            sources.map(|number| FileReader::new(self.roots.get(number), &[algorithm], control)).collect();
        let mut digested: Vec<(u32, Digest)> = vec![(UNREAD, Digest::new(&[])); items.len()];
        items.into_par_iter().zip(&mut digested).try_for_each(|(item, place)| -> Result<()> {
            let found = match self.known(compared, item.inode) {
                Some(known) => known,
                None if self.is_told_by_its_key(compared, item) => Some(Digest::new(&item.key)),
                None => self.digest(&readers, self.file(compared, item.inode))?,
            };
            if let Some(digest) = found {
                *place = (item.inode, digest);
            }
            control.add_done(1, 0);
            Ok(())
        })?;
        digested.retain(|&(inode, _)| inode != UNREAD);
        digested.par_sort_unstable_by(|(one, first), (other, second)| {
            let size = |inode: &u32| self.size(compared, *inode);
            (size(one), first.as_bytes(), one).cmp(&(size(other), second.as_bytes(), other))
        });
        let same = |one: &(u32, Digest), other: &(u32, Digest)| {
            one.1 == other.1 && self.size(compared, one.0) == self.size(compared, other.0)
        };
        let runs = digested.chunk_by(same).filter(|run| run.len() > 1);
        let class =
            |run: &[(u32, Digest)]| Class { digest: run[0].1, inodes: run.iter().map(|(one, _)| *one).collect() };
        let mut classes: Vec<Class> = Vec::with_capacity(runs.clone().count());
        classes.extend(runs.map(class));
        drop(digested);
        if self.options.confirm_bytes {
            classes.retain(|class| self.is_worth(compared, class.inodes.iter().copied()));
            let confirmed = classes.into_par_iter().map(|class| self.confirm(compared, class));
            classes = confirmed.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        }
        classes.retain(|class| self.is_worth(compared, class.inodes.iter().copied()));
        Ok(classes)
    }

    /// The digest of the job's one read, under whichever name it was read.
    fn known(&self, compared: &Compared, inode: u32) -> Option<Option<Digest>> {
        compared.names(inode).iter().find_map(|&number| self.store.known(number))
    }

    /// XXH3-128 of a file that was read whole at the first look is its digest already.
    fn is_told_by_its_key(&self, compared: &Compared, item: Item) -> bool {
        self.options.algorithm == Algorithm::Xxh3
            && !self.context.all_is_read
            && self.size(compared, item.inode) <= WHOLE_BYTES
    }

    fn digest(&self, readers: &[FileReader], (number, file): (u32, &File)) -> Result<Option<Digest>> {
        self.context.control.check()?;
        let path = self.store.path(file);
        match readers[usize::from(self.store.root(file))].digest_now(&path, file.size) {
            Ok(digested) if digested.meta.size == file.size => Ok(digested.digests.first().copied()),
            Ok(_) => {
                let message = "changed its size since it was listed; it was not compared";
                self.trouble(number, &path, IssueKind::ChangedWhileRead, message.into());
                Ok(None)
            }
            Err(Trouble::Ended(error)) => Err(error),
            Err(Trouble::Issue(kind, message)) => {
                self.trouble(number, &path, kind, message);
                Ok(None)
            }
        }
    }

    /// Divide a class into those that are alike byte by byte.
    fn confirm(&self, compared: &Compared, class: Class) -> Result<Vec<Class>> {
        let mut classes: Vec<(Vec<u32>, OpenFile)> = Vec::new();
        'inodes: for inode in class.inodes {
            let (number, file) = self.file(compared, inode);
            let path = self.store.path(file);
            let open = match self.roots.get(self.store.root(file)).open_file(&path) {
                Ok(open) => open,
                Err(error) => {
                    self.trouble(number, &path, IssueKind::from_io(&error), error.to_string());
                    continue;
                }
            };
            for (known, first) in &mut classes {
                match self.is_same(first, &open, file.size) {
                    Ok(true) => {
                        known.push(inode);
                        continue 'inodes;
                    }
                    Ok(false) => {}
                    Err(Unlike::Ended(error)) => return Err(error),
                    Err(Unlike::Io(error)) => {
                        self.trouble(number, &path, IssueKind::from_io(&error), error.to_string());
                        continue 'inodes;
                    }
                }
            }
            classes.push((vec![inode], open));
        }
        Ok(classes.into_iter().map(|(inodes, _)| Class { digest: class.digest, inodes: inodes.into() }).collect())
    }

    fn is_same(&self, one: &OwnedFd, other: &OwnedFd, size: u64) -> std::result::Result<bool, Unlike> {
        let mut offset = 0;
        while offset < size {
            self.context.control.check().map_err(Unlike::Ended)?;
            let same = with_block(2 * PIECE_BYTES, |block| {
                let (first, second) = block.split_at_mut(PIECE_BYTES);
                let (first_read, second_read) = (fill(one, first, offset)?, fill(other, second, offset)?);
                Ok::<_, std::io::Error>((first_read > 0 && first[..first_read] == second[..second_read], first_read))
            });
            let (same, read) = same.map_err(Unlike::Io)?;
            if !same {
                return Ok(false);
            }
            offset += read as u64;
            self.context.control.add_done(0, read as u64);
        }
        Ok(true)
    }
}

enum Unlike {
    Io(std::io::Error),
    Ended(EngineError),
}

fn of_one_size(compared: &Compared) -> Vec<Item> {
    (0..compared.inodes.len() as u32).map(|inode| Item { inode, key: [0; 16] }).collect()
}

fn looked_at(size: u64) -> u64 {
    if size <= WHOLE_BYTES { size } else { 2 * END_BYTES }
}

/// Fill `block` from `offset`, or as much as there is.
fn fill(file: &OwnedFd, block: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match read_at(file, &mut block[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// The key of a file's ends; none when its size is another.
fn ends(file: &OwnedFd, size: u64) -> std::io::Result<Option<u128>> {
    let key = |bytes: &[u8]| xxhash_rust::xxh3::xxh3_128(bytes);
    if size <= WHOLE_BYTES {
        // One byte more than its size, to see that it ends there.
        return with_block(size as usize + 1, |block| {
            let read = read_at(file, block, 0)?;
            let read = if read < size as usize { read + fill(file, &mut block[read..], read as u64)? } else { read };
            Ok((read as u64 == size).then(|| key(&block[..read])))
        });
    }
    with_block(2 * END_BYTES as usize, |block| {
        let (begin, end) = block.split_at_mut(END_BYTES as usize);
        let read = fill(file, begin, 0)? + fill(file, end, size - END_BYTES)?;
        Ok((read as u64 == 2 * END_BYTES).then(|| key(block)))
    })
}
