//! Which names of the references are left once the source is gone, and which of them prove it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use foldhash::fast::RandomState;

use super::Duplicates;
use super::records::FileStore;
use pravah_foundation::source::mounts::{Apart, FileSystem};

/// As the kernel, which follows no more in one path.
const MOST_LINKS: usize = 40;
/// Images of file systems on file systems that are images are looked at so far.
const MOST_IMAGES: usize = 8;

type Fast<K, V> = HashMap<K, V, RandomState>;
/// The device of the directory of a file, and its own: they differ for mounted files, and below an overlay.
pub(super) type Place = (u64, u64);

/// Where a file is.
pub(super) fn place(store: &FileStore, file: u32) -> Place {
    let record = &store.files[file as usize];
    let device = store.device_of(record);
    (store.folders[record.folder as usize].identity.map_or(device, |(folder, _)| folder), device)
}

/// What goes with the source, and what is apart from it.
pub(super) struct Wipe<'a> {
    job: &'a Duplicates,
    /// The directories of the source, by device and inode.
    gone: HashSet<(u64, u64), RandomState>,
    directories: RefCell<Fast<PathBuf, bool>>,
    /// By root and folder: whether the path to it leads through the source.
    through: RefCell<Fast<(u16, &'a Path), bool>>,
    systems: RefCell<Fast<Place, FileSystem>>,
    pairs: RefCell<Fast<(Place, Place), Apart>>,
    /// Kinds of file systems that prove nothing.
    pub views: RefCell<BTreeSet<String>>,
}

impl<'a> Wipe<'a> {
    pub fn of(job: &'a Duplicates) -> Self {
        let candidates = job.store.folders.iter().filter(|folder| !folder.reference && !folder.via_link);
        Self {
            job,
            gone: candidates.filter_map(|folder| folder.identity).collect(),
            directories: RefCell::default(),
            through: RefCell::default(),
            systems: RefCell::default(),
            pairs: RefCell::default(),
            views: RefCell::default(),
        }
    }

    /// The names of this inode that are left in a reference once the source is gone.
    pub fn left(&self, inode: u32) -> Vec<u32> {
        let store = &self.job.store;
        let names = self.job.compared.names(inode);
        let folder = |file: u32| &store.folders[store.files[file as usize].folder as usize];
        let is_candidate = |file: &u32| !folder(*file).reference;
        // What a link of the source leads to lies elsewhere.
        let has_candidate = names.iter().any(|file| is_candidate(file) && !store.is_through_link(*file));
        let in_source = names.iter().copied().filter(is_candidate);
        // A file of the source that is mounted elsewhere has a second path, but no second name.
        if has_candidate && store.own_names(in_source).len() as u64 >= store.links(names[0]) {
            return Vec::new();
        }
        let is_left = |&file: &u32| {
            let folder = folder(file);
            folder.reference
                && folder.identity.is_none_or(|identity| !self.gone.contains(&identity))
                && match self.job.roots.path(folder.root) {
                    Some(root) => !self.leads_through(root, file),
                    // Within the source: it goes with it, which is told apart from this.
                    None => !(has_candidate && store.is_via_link(file)),
                }
        };
        names.iter().copied().filter(is_left).collect()
    }

    /// True when a link on the way to a file of a reference leads through the source: without it there is no way.
    fn leads_through(&self, root: &Path, file: u32) -> bool {
        let store = &self.job.store;
        let record = &store.files[file as usize];
        let folder = &store.folders[record.folder as usize];
        // To what no link leads there is the way to the root alone.
        let below = if folder.via_link { path(&folder.path) } else { Path::new("") };
        let known = self.through.borrow().get(&(folder.root, below)).copied();
        let through = known.unwrap_or_else(|| {
            let through = self.passes(&root.join(below));
            self.through.borrow_mut().insert((folder.root, below), through);
            through
        });
        through || (store.is_via_link(file) && self.passes(&root.join(path(&store.path(record)))))
    }

    /// True when anything that this path names is looked up in a directory of the source.
    fn passes(&self, path: &Path) -> bool {
        let parts =
            |path: &Path| -> VecDeque<OsString> { path.components().map(|part| part.as_os_str().to_owned()).collect() };
        let (mut here, mut ahead, mut links) = (PathBuf::from("/"), parts(path), 0);
        while let Some(part) = ahead.pop_front() {
            if part == "/" {
                here = PathBuf::from("/");
                continue;
            }
            if self.is_gone(&here) {
                return true;
            }
            match Path::new(&part).components().next() {
                Some(Component::CurDir) => {}
                Some(Component::ParentDir) => _ = here.pop(),
                _ => {
                    here.push(&part);
                    if let Ok(target) = std::fs::read_link(&here) {
                        links += 1;
                        if links > MOST_LINKS {
                            return true;
                        }
                        here.pop();
                        let mut target = parts(&target);
                        target.append(&mut ahead);
                        ahead = target;
                    }
                }
            }
        }
        false
    }

    fn is_gone(&self, directory: &Path) -> bool {
        if let Some(&known) = self.directories.borrow().get(directory) {
            return known;
        }
        let identity = std::fs::symlink_metadata(directory).map(|meta| (meta.dev(), meta.ino()));
        let is_gone = identity.is_ok_and(|identity| self.gone.contains(&identity));
        self.directories.borrow_mut().insert(directory.to_path_buf(), is_gone);
        is_gone
    }

    /// Whether what is removed in the source, where `candidate` is, cannot be gone from where one of `names` is.
    pub fn proves(&self, candidate: u32, names: &[u32]) -> bool {
        let store = &self.job.store;
        names.iter().any(|&name| match self.apart(candidate, name) {
            Apart::Yes => self.lasts(candidate, name),
            Apart::ByInode => store.files[candidate as usize].inode != store.files[name as usize].inode,
            Apart::Unknown => false,
        })
    }

    /// Whether a copy is not in memory only, or what it is a copy of is, too.
    pub fn lasts(&self, candidate: u32, name: u32) -> bool {
        let system = |file: u32| self.system(place(&self.job.store, file), file);
        let reference = system(name);
        let lasts = !reference.is_volatile() || system(candidate).is_volatile();
        if !lasts {
            self.views.borrow_mut().insert(reference.kind);
        }
        lasts
    }

    /// One name, or two of two inodes, for each place that these names are in: no more are needed as a proof.
    pub fn of_each_place(&self, names: impl Iterator<Item = u32>) -> Vec<u32> {
        let store = &self.job.store;
        let mut places: Fast<Place, Vec<u32>> = HashMap::default();
        for name in names {
            let of_place = places.entry(place(store, name)).or_default();
            let inode = |name: u32| store.files[name as usize].inode;
            if of_place.len() < 2 && of_place.iter().all(|&other| inode(other) != inode(name)) {
                of_place.push(name);
            }
        }
        places.into_values().flatten().collect()
    }

    /// Whether two files on two file systems can be the same one.
    pub fn apart(&self, candidate: u32, name: u32) -> Apart {
        let pair = (place(&self.job.store, candidate), place(&self.job.store, name));
        let has_no_inodes = |file: u32| {
            let store = &self.job.store;
            store.folders[store.files[file as usize].folder as usize].identity.is_none()
        };
        if pair.0 == pair.1 || has_no_inodes(candidate) || has_no_inodes(name) {
            return Apart::Yes;
        }
        if let Some(&known) = self.pairs.borrow().get(&pair) {
            return known;
        }
        let (source, reference) = (self.system(pair.0, candidate), self.system(pair.1, name));
        let apart = self.images_apart(&source, &reference, MOST_IMAGES);
        if apart == Apart::Unknown {
            let views = [&source, &reference].into_iter().filter(|system| system.may_be_a_view());
            let mut kinds: Vec<String> = views.map(|system| system.kind.clone()).collect();
            if kinds.is_empty() {
                kinds.push(reference.kind.clone());
            }
            self.views.borrow_mut().extend(kinds);
        }
        self.pairs.borrow_mut().insert(pair, apart);
        apart
    }

    fn system(&self, place: Place, file: u32) -> FileSystem {
        if let Some(known) = self.systems.borrow().get(&place) {
            return known.clone();
        }
        let (store, roots) = (&self.job.store, &self.job.roots);
        let record = &store.files[file as usize];
        let system = FileSystem::of(&roots.get(store.root(record)).path.join(path(&store.path(record))));
        self.systems.borrow_mut().insert(place, system.clone());
        system
    }

    /// As [`FileSystem::apart`], and neither is the reference an image that lies in the source.
    fn images_apart(&self, source: &FileSystem, reference: &FileSystem, depth: usize) -> Apart {
        let apart = source.apart(reference);
        let is_kept = |image: &PathBuf| {
            depth > 0
                && !self.passes(image)
                && self.images_apart(source, &FileSystem::of(image), depth - 1) == Apart::Yes
        };
        if apart != Apart::Unknown && !reference.images().iter().all(is_kept) { Apart::Unknown } else { apart }
    }
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}
