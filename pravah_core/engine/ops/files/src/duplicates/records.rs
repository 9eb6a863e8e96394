//! The files of all roots, held compactly: any two may be alike.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use foldhash::fast::RandomState;

use super::known::{self, KnownFile};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::base::paths;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::digest::Digest;
use pravah_foundation::source::walk::Batch;

/// A regular file under one of its names.
#[derive(Debug, Clone, Copy)]
pub struct FileRecord {
    /// Apparent size.
    pub size: u64,
    /// Last change of the content.
    pub mtime_ns: i64,
    /// Inode number.
    pub inode: u64,
    start: u64,
    /// Where it lies in [`FileStore::folders`].
    pub folder: u32,
    length: u16,
    device: u16,
}

/// A directory of one of the roots.
#[derive(Debug)]
pub struct Folder {
    /// The root it lies below: 0 is the source.
    pub root: u16,
    /// Its parent; itself for a root.
    pub parent: u32,
    /// Its path relative to its root; empty for the root.
    pub path: Vec<u8>,
    /// True when it belongs to a reference.
    pub reference: bool,
    /// True when something in it was not seen, or is no file and no folder: it is no copy of another.
    pub incomplete: bool,
    /// Its device and inode, whatever path led to it; none in a bucket.
    pub identity: Option<(u64, u64)>,
    /// A symbolic link was followed to it: it lies elsewhere.
    pub via_link: bool,
    /// Entries in it that the rules left out.
    pub left_out: u64,
    /// Links, pipes and devices in it.
    pub others: u64,
}

/// Of a file that is more than one name in one folder.
#[derive(Debug, Clone, Copy)]
struct Names {
    /// Names of its inode, wherever they are.
    links: u64,
    /// A symbolic link is followed to it.
    via_link: bool,
}

/// Digests that the job's one read gave, by file; `None` for a file that could not be read.
type DigestsByFile = HashMap<u32, Option<Digest>, RandomState>;
/// Files with several names; of the others nothing is kept.
type Linked = HashMap<u32, Names, RandomState>;

impl WalkResult {
    fn folder(&mut self, batch: &Batch, inside: &[Vec<u8>]) -> &mut Folder {
        let (directory, place) = (&batch.directory, batch.directory.id as usize);
        if self.folders.len() <= place {
            self.folders.resize_with(place + 1, || None);
        }
        let meta = &directory.meta;
        self.folders[place].get_or_insert_with(|| Folder {
            root: 0,
            parent: directory.parent,
            path: directory.path.clone(),
            reference: inside.iter().any(|inside| is_below(&directory.path, inside)),
            incomplete: false,
            // Directories of a bucket have no inodes.
            identity: (meta.inode != 0).then_some((meta.device, meta.inode)),
            via_link: meta.via_link,
            left_out: 0,
            others: 0,
        })
    }
}

/// What one walk found.
#[derive(Debug, Default)]
pub struct WalkResult {
    files: Vec<FileRecord>,
    names: Vec<u8>,
    folders: Vec<Option<Folder>>,
    devices: Vec<u64>,
    known: DigestsByFile,
    taken: HashMap<u32, KnownFile, RandomState>,
    linked: Linked,
    incomplete: Vec<Vec<u8>>,
    /// Subtrees that were not entered.
    skipped: u64,
}

/// Takes the files of a walk, from several threads.
#[derive(Debug)]
pub struct FileCollector {
    found: Mutex<WalkResult>,
    /// Paths of references inside the source.
    inside: Vec<Vec<u8>>,
    /// What is known of the files from an earlier run.
    known: known::RootBaseline,
}

/// What a read says of an entry: none = it was not read; then none = it could not be, else its size and digest.
type Read = Option<Option<(u64, Digest)>>;

impl FileCollector {
    /// A collector; what lies below one of `inside` belongs to a reference.
    pub fn new(inside: Vec<Vec<u8>>, known: known::RootBaseline) -> Self {
        Self { found: Mutex::new(WalkResult::default()), inside, known }
    }

    /// What an earlier run knows of the files.
    pub fn known(&self) -> &known::RootBaseline {
        &self.known
    }

    /// Take the directory of a batch, and how much of it the rules left out.
    pub fn directory(&self, batch: &Batch) {
        let mut found = lock(&self.found);
        let folder = found.folder(batch, &self.inside);
        folder.left_out += batch.filtered;
        folder.incomplete |= batch.filtered > 0;
    }

    /// Take the files of a batch; `read` tells of entry `index`.
    ///
    /// # Errors
    /// [`EngineError::LimitExceeded`] beyond 2³² files or 65,536 devices.
    pub fn batch(&self, batch: &Batch, read: impl Fn(usize) -> Read) -> Result<()> {
        let directory = &batch.directory;
        let mut taken = self.known.of_batch(batch).into_iter().peekable();
        let mut found = lock(&self.found);
        let found = &mut *found;
        let mut others = 0;
        for (index, (name, meta)) in batch.iter().enumerate() {
            match meta.kind {
                EntryKind::Directory => {}
                EntryKind::File => {
                    let number = number_of(found.files.len())?;
                    let read = read(index);
                    if let Some((_, taken)) = taken.next_if(|&(place, _)| place == index).filter(|_| read.is_none()) {
                        found.taken.insert(number, taken);
                    }
                    let size = read.flatten().map_or(meta.size, |(size, _)| size);
                    if let Some(read) = read {
                        found.known.insert(number, read.map(|(_, digest)| digest));
                    }
                    if meta.links > 1 || meta.via_link {
                        found.linked.insert(number, Names { links: meta.links, via_link: meta.via_link });
                    }
                    let device = device_number(&mut found.devices, meta.device)?;
                    found.files.push(FileRecord {
                        size,
                        mtime_ns: meta.mtime_ns,
                        inode: meta.inode,
                        start: found.names.len() as u64,
                        folder: directory.id,
                        length: name.len() as u16,
                        device,
                    });
                    found.names.extend_from_slice(name);
                }
                _ => others += 1,
            }
        }
        let folder = found.folder(batch, &self.inside);
        folder.others += others;
        folder.incomplete |= others > 0;
        Ok(())
    }

    /// What is at `path` could not be read; it is an issue.
    pub fn incomplete(&self, path: &[u8]) {
        lock(&self.found).incomplete.push(path.to_vec());
    }

    /// What is at `path`, and below it, was not looked at.
    pub fn skipped(&self, path: &[u8]) {
        let mut found = lock(&self.found);
        found.incomplete.push(path.to_vec());
        found.skipped += u64::from(!self.inside.iter().any(|inside| is_below(path, inside)));
    }

    /// What the walk found.
    pub fn finish(self) -> WalkResult {
        self.found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn number_of(count: usize) -> Result<u32> {
    let limit = u64::from(u32::MAX);
    let too_many = EngineError::LimitExceeded { what: "files to compare".into(), limit, unit: "files" };
    u32::try_from(count).ok().filter(|&number| number < u32::MAX).ok_or(too_many)
}

fn device_number(devices: &mut Vec<u64>, device: u64) -> Result<u16> {
    // Neighbours lie on one device: the last one first.
    let place = devices.iter().rposition(|&known| known == device).unwrap_or_else(|| {
        devices.push(device);
        devices.len() - 1
    });
    let limit = u64::from(u16::MAX);
    let too_many = EngineError::LimitExceeded { what: "file systems of one job".into(), limit, unit: "devices" };
    u16::try_from(place).map_err(|_| too_many)
}

/// True for `path` itself and what lies below it; everything lies below the empty path.
pub fn is_below(path: &[u8], above: &[u8]) -> bool {
    above.is_empty() || path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// The files of all roots.
#[derive(Debug, Default)]
pub struct FileStore {
    /// All files, in no order.
    pub files: Vec<FileRecord>,
    /// All directories; a parent comes before its children.
    pub folders: Vec<Folder>,
    names: Vec<u8>,
    devices: Vec<u64>,
    known: DigestsByFile,
    taken: HashMap<u32, KnownFile, RandomState>,
    linked: Linked,
    roots: u16,
    /// Subtrees of the source that were not entered.
    pub skipped: u64,
    /// Those of the references.
    pub reference_skipped: u64,
}

impl FileStore {
    /// Add what the walk of the next reference found.
    pub fn add(&mut self, found: WalkResult) {
        self.roots += 1;
        self.reference_skipped += found.skipped;
        self.merge(found, self.roots, true);
    }

    /// Add what the walk of the source found.
    pub fn add_source(&mut self, found: WalkResult) {
        self.skipped = found.skipped;
        self.merge(found, 0, false);
    }

    fn merge(&mut self, mut found: WalkResult, root: u16, reference: bool) {
        mark_incomplete(&mut found);
        let (files, folders, names) = (self.files.len() as u32, self.folders.len() as u32, self.names.len() as u64);
        let devices: Vec<u16> = found.devices.iter().map(|&device| self.device(device)).collect();
        for file in &mut found.files {
            file.start += names;
            file.folder += folders;
            file.device = devices[usize::from(file.device)];
        }
        append(&mut self.files, found.files);
        append(&mut self.names, found.names);
        // A number without a directory was given to one that a failing walk did not reach.
        let nothing = || Folder {
            root,
            parent: 0,
            path: Vec::new(),
            reference,
            incomplete: true,
            identity: None,
            via_link: false,
            left_out: 0,
            others: 0,
        };
        self.folders.extend(found.folders.into_iter().map(|folder| {
            let folder = folder.unwrap_or_else(nothing);
            Folder { root, parent: folder.parent + folders, reference: reference || folder.reference, ..folder }
        }));
        self.taken.extend(found.taken.into_iter().map(|(file, taken)| (file + files, taken)));
        self.linked.extend(found.linked.into_iter().map(|(file, names)| (file + files, names)));
        self.known.extend(found.known.into_iter().map(|(file, digest)| (file + files, digest)));
    }

    fn device(&mut self, device: u64) -> u16 {
        // A limit of 65,536 was kept per walk; a few walks beyond it share the last number and compare as one device.
        device_number(&mut self.devices, device).unwrap_or(u16::MAX)
    }

    /// A file's name.
    pub fn name(&self, file: &FileRecord) -> &[u8] {
        &self.names[file.start as usize..file.start as usize + usize::from(file.length)]
    }

    /// A file's path relative to its root.
    pub fn path(&self, file: &FileRecord) -> Vec<u8> {
        paths::join(&self.folders[file.folder as usize].path, self.name(file))
    }

    /// The root a file lies below.
    pub fn root(&self, file: &FileRecord) -> u16 {
        self.folders[file.folder as usize].root
    }

    /// True when a file belongs to a reference.
    pub fn is_reference(&self, file: &FileRecord) -> bool {
        self.folders[file.folder as usize].reference
    }

    /// The device of a file.
    pub fn device_of(&self, file: &FileRecord) -> u64 {
        self.devices.get(usize::from(file.device)).copied().unwrap_or(0)
    }

    /// What names of one inode have in common.
    pub fn identity(&self, file: &FileRecord) -> (u16, u64) {
        (file.device, file.inode)
    }

    /// Names of a file's inode, here or elsewhere.
    pub fn links(&self, file: u32) -> u64 {
        self.linked.get(&file).map_or(1, |names| names.links)
    }

    /// True when a symbolic link is followed to the file itself: its name is another one's.
    pub fn is_via_link(&self, file: u32) -> bool {
        self.linked.get(&file).is_some_and(|names| names.via_link)
    }

    /// True when the path of a file leads through a symbolic link, which is its last part or one before.
    pub fn is_through_link(&self, file: u32) -> bool {
        self.is_via_link(file) || self.folders[self.files[file as usize].folder as usize].via_link
    }

    /// The files among these that are names of their own: the same one, met by several paths, is one, the first of them.
    pub fn own_names(&self, files: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut seen = HashSet::with_hasher(RandomState::default());
        let is_new = |&file: &u32| {
            let place = &self.files[file as usize];
            let folder = &self.folders[place.folder as usize];
            // In a bucket each path is a place.
            let at = folder.identity.ok_or(place.folder);
            seen.insert((at, self.name(place)))
        };
        files.filter(|&file| !self.is_through_link(file)).filter(is_new).collect()
    }

    /// What the job's one read says of a file; none = it was not read.
    pub fn known(&self, file: u32) -> Option<Option<Digest>> {
        self.known.get(&file).copied()
    }

    /// What an earlier run knows of a file that is as it was.
    pub fn taken(&self, file: u32) -> Option<&KnownFile> {
        self.taken.get(&file)
    }
}

/// Append without copying where there is nothing yet.
fn append<T>(all: &mut Vec<T>, mut more: Vec<T>) {
    if all.is_empty() {
        *all = more;
    } else {
        all.append(&mut more);
    }
}

/// Mark the folders in which something was not seen, and all above them.
fn mark_incomplete(found: &mut WalkResult) {
    let mut marked: Vec<usize> = Vec::new();
    if !found.incomplete.is_empty() {
        let by_path: HashMap<&[u8], usize, RandomState> = found
            .folders
            .iter()
            .enumerate()
            .filter_map(|(place, folder)| Some((folder.as_ref()?.path.as_slice(), place)))
            .collect();
        for path in &found.incomplete {
            let mut path = path.as_slice();
            loop {
                marked.extend(by_path.get(path));
                match path.iter().rposition(|&byte| byte == b'/') {
                    Some(slash) => path = &path[..slash],
                    None if path.is_empty() => break,
                    None => path = b"",
                }
            }
        }
    }
    for place in marked {
        if let Some(folder) = &mut found.folders[place] {
            folder.incomplete = true;
        }
    }
}
