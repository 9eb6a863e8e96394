//! From files to classes of one content, reading as little as tells them apart.

mod confirm;

use std::sync::Mutex;

use rayon::prelude::*;

use super::DuplicatesOptions;
use super::ends::{END_BYTES, WHOLE_BYTES, ends, looked_at};
use super::known::{ContentKey, KeptDigests, KnownFile};
use super::records::{FileRecord, FileStore};
use super::roots::Roots;
use pravah_foundation::base::error::Result;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::FileState;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::digest::{Algorithm, Digest, FileReader, Trouble, rest};
use pravah_foundation::run::context::Context;

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
    key: ContentKey,
}

/// A comparison of all files of a job.
pub struct Comparison<'a> {
    options: &'a DuplicatesOptions,
    context: &'a Context,
    roots: &'a Roots,
    store: &'a FileStore,
    kept: &'a KeptDigests,
    unread: Mutex<Vec<u32>>,
}

impl<'a> Comparison<'a> {
    /// A comparison of the files of `store`.
    pub fn new(
        options: &'a DuplicatesOptions,
        context: &'a Context,
        roots: &'a Roots,
        store: &'a FileStore,
        kept: &'a KeptDigests,
    ) -> Self {
        Self { options, context, roots, store, kept, unread: Mutex::new(Vec::new()) }
    }

    /// Compare, in the stages "compare ends" and "compare contents".
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    ///
    /// # Cancellation
    /// Looked at per file and per block.
    pub fn run(self) -> Result<Compared> {
        let pool = self.context.pool.get()?;
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

    fn file(&self, compared: &Compared, inode: u32) -> (u32, &FileRecord) {
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
        let at_once = self.context.root.files_at_once();
        items.par_iter_mut().with_min_len(at_once).try_for_each(|item| -> Result<()> {
            let (number, file) = self.file(compared, item.inode);
            match self.taken(compared, item.inode, |taken| taken.ends) {
                Some((name, taken, key)) => {
                    item.key = key;
                    self.kept.reused.add(file.size);
                    self.kept.ends(self.root(name), &self.store.path(name), as_it_was(name, taken), &key)?;
                }
                None => match self.ends(number, file)? {
                    Some(key) => item.key = key,
                    None => item.inode = UNREAD,
                },
            }
            self.context.control.add_done(1, looked_at(file.size));
            Ok(())
        })?;
        items.retain(|item| item.inode != UNREAD);
        Ok(self.alike(compared, items))
    }

    /// What an earlier run knows of an inode, under whichever name it met it.
    fn taken<T>(
        &self,
        compared: &Compared,
        inode: u32,
        value: impl Fn(&KnownFile) -> Option<T>,
    ) -> Option<(&FileRecord, &KnownFile, T)> {
        compared.names(inode).iter().find_map(|&number| {
            let taken = self.store.taken(number)?;
            Some((&self.store.files[number as usize], taken, value(taken)?))
        })
    }

    fn root(&self, file: &FileRecord) -> (&Roots, u16) {
        (self.roots, self.store.root(file))
    }

    /// XXH3-128 of a file's two ends, or of all of it; none = it could not be read.
    fn ends(&self, number: u32, file: &FileRecord) -> Result<Option<ContentKey>> {
        self.context.control.check()?;
        self.kept.compute();
        let path = self.store.path(file);
        let Some((meta, key)) = self.unless_trouble(number, &path, self.look(file, &path))? else { return Ok(None) };
        if meta.size == file.size {
            self.kept.ends(self.root(file), &path, (&meta).into(), &key)?;
        }
        Ok(Some(key))
    }

    /// What was read of a file; none, and an issue, when it could not be read or has another size than when it was
    /// listed (`Ok(None)`).
    fn unless_trouble<T>(
        &self,
        number: u32,
        path: &[u8],
        read: std::result::Result<Option<T>, Trouble>,
    ) -> Result<Option<T>> {
        match read {
            Ok(Some(read)) => return Ok(Some(read)),
            Ok(None) => {
                let message = "changed in size since it was listed; it was not compared";
                self.trouble(number, path, IssueKind::ChangedWhileRead, message.into());
            }
            Err(Trouble::Ended(error)) => return Err(error),
            Err(Trouble::Issue(kind, message)) => self.trouble(number, path, kind, message),
        }
        Ok(None)
    }

    fn look(&self, file: &FileRecord, path: &[u8]) -> std::result::Result<Option<(Meta, ContentKey)>, Trouble> {
        let looked_at = [0..END_BYTES.min(file.size), file.size.saturating_sub(END_BYTES)..file.size];
        let open = self.roots.get(self.store.root(file)).open_some(path, file.size, &looked_at)?;
        let meta = open.state()?;
        // A change from here on is one that a later run sees.
        rest(&self.context.control, &meta).map_err(Trouble::Ended)?;
        Ok(ends(&open, file.size)?.map(|key| (meta, key.to_be_bytes())))
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
        let is_known = |inode: u32| {
            self.known(compared, inode).is_some() || self.taken(compared, inode, |taken| taken.digest).is_some()
        };
        let unknown = items.iter().filter(|item| !is_known(item.inode));
        let unknown: u64 = unknown.map(|item| self.size(compared, item.inode)).sum();
        control.restart(items.len() as u64, if self.options.confirms() { unknown + bytes } else { unknown });
        let sources = 0..=self.roots.outside().len() as u16;
        let readers: Vec<FileReader> =
            sources.map(|number| FileReader::new(self.roots.get(number), &[algorithm], control)).collect();
        let mut digested: Vec<(u32, Digest)> = vec![(UNREAD, Digest::new(&[])); items.len()];
        // The largest come first, each as a task of its own: no thread begins one when all others have ended.
        items.into_par_iter().zip(&mut digested).rev().with_max_len(1).try_for_each(|(item, place)| -> Result<()> {
            let found = match self.known(compared, item.inode) {
                Some(known) => {
                    self.kept.compute();
                    known
                }
                None if self.is_told_by_its_key(compared, item) => Some(Digest::new(&item.key)),
                None => self.digest(compared, item.inode, &readers)?,
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
        if self.options.confirms() {
            classes.retain(|class| self.is_worth(compared, class.inodes.iter().copied()));
            let confirmed = classes.into_par_iter().with_max_len(1).map(|class| self.confirm(compared, class));
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

    fn digest(&self, compared: &Compared, inode: u32, readers: &[FileReader]) -> Result<Option<Digest>> {
        self.context.control.check()?;
        if let Some((name, taken, digest)) = self.taken(compared, inode, |taken| taken.digest) {
            let (_, root) = self.root(name);
            // In a job that reads all there is no look at the ends, and the pass has kept what it took over.
            if self.context.all_is_read {
                self.kept.reused.add(name.size);
            }
            if root > 0 || !self.context.all_is_read {
                self.kept.contents(self.root(name), &self.store.path(name), as_it_was(name, taken), &digest)?;
            }
            return Ok(Some(digest));
        }
        let (number, file) = self.file(compared, inode);
        if self.context.all_is_read {
            self.kept.compute();
        } else if self.taken(compared, inode, |taken| taken.ends).is_some() {
            self.kept.reuse_not(file.size);
        }
        let path = self.store.path(file);
        let read = readers[usize::from(self.store.root(file))].digest_now(&path, file.size);
        let read = read.map(|digested| (digested.meta.size == file.size).then_some(digested));
        let Some(digested) = self.unless_trouble(number, &path, read)? else { return Ok(None) };
        let digest = digested.digests.first().copied();
        if let Some(digest) = &digest {
            self.kept.contents(self.root(file), &path, (&digested.meta).into(), digest)?;
        }
        Ok(digest)
    }
}

/// What a file is known by, which is as it was.
fn as_it_was(file: &FileRecord, taken: &KnownFile) -> FileState {
    FileState { size: file.size, mtime_ns: file.mtime_ns, ctime_ns: taken.ctime_ns, inode: file.inode }
}

fn of_one_size(compared: &Compared) -> Vec<Item> {
    (0..compared.inodes.len() as u32).map(|inode| Item { inode, key: [0; 16] }).collect()
}
