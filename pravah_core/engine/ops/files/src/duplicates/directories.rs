//! Folders whose whole content is a copy of another's: the same names with the same contents, all the way down.
//!
//! "Whole" is what the job's rules visit. A folder with something unseen, unread or not comparable (a link, a
//! device, a file below the size limit that is not empty) is no copy. Folders are told once, at the top: a copy
//! inside a copy is not listed again.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::groups::{DuplicateGroup, Standing};
use super::records::{FileStore, Folder};

const UNLIKE: u32 = u32::MAX;
const EMPTY: u32 = u32::MAX - 1;

/// What a folder holds, everything below it counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FolderContent {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that are redundant.
    pub redundant_files: u64,
    /// Bytes that come back when those go.
    pub redundant_bytes: u64,
}

impl FolderContent {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.redundant_files += other.redundant_files;
        self.redundant_bytes += other.redundant_bytes;
    }
}

/// The content of every folder of the store.
pub fn contents(store: &FileStore, groups: &[DuplicateGroup]) -> Vec<FolderContent> {
    let mut contents = vec![FolderContent::default(); store.folders.len()];
    for file in &store.files {
        contents[file.folder as usize].add(FolderContent { files: 1, bytes: file.size, ..FolderContent::default() });
    }
    for group in groups {
        for member in group.members.iter().filter(|member| member.standing == Standing::Redundant) {
            let folder = store.files[member.file as usize].folder as usize;
            let redundant =
                FolderContent { redundant_files: 1, redundant_bytes: group.size, ..FolderContent::default() };
            contents[folder].add(redundant);
        }
    }
    // A parent comes before its children.
    for folder in (0..contents.len()).rev() {
        let parent = store.folders[folder].parent as usize;
        if parent != folder {
            let own = contents[folder];
            contents[parent].add(own);
        }
    }
    contents
}

/// Sets of folders that are copies of each other, the largest first; each has two or more.
pub fn copies(
    store: &FileStore,
    groups: &[DuplicateGroup],
    contents: &[FolderContent],
    needs_reference: bool,
) -> Vec<Vec<u32>> {
    let classes = classes(store, groups);
    let alike = comparable(store, &classes);
    let digests = digests(store, &classes, &alike);
    let mut sets: HashMap<(blake3::Hash, u64), Vec<u32>, RandomState> = HashMap::default();
    for (folder, digest) in digests.into_iter().enumerate() {
        if let Some(digest) = digest.filter(|_| contents[folder].bytes > 0) {
            sets.entry((digest, contents[folder].bytes)).or_default().push(folder as u32);
        }
    }
    let is_reference = |&folder: &u32| store.folders[folder as usize].reference;
    let mut sets: Vec<Vec<u32>> = sets.into_values().filter(|set| set.len() > 1).collect();
    sets.retain(|set| !set.iter().all(is_reference) && (!needs_reference || set.iter().any(is_reference)));
    let mut in_a_set = vec![false; store.folders.len()];
    sets.iter().flatten().for_each(|&folder| in_a_set[folder as usize] = true);
    let is_top = |&folder: &u32| {
        let parent = store.folders[folder as usize].parent;
        parent == folder || !in_a_set[parent as usize]
    };
    sets.retain(|set| set.iter().any(is_top));
    sets.iter_mut().for_each(|set| set.sort_by_key(|&folder| (!is_reference(&folder), folder)));
    sets.sort_by_key(|set| (std::cmp::Reverse(contents[set[0] as usize].bytes * (set.len() as u64 - 1)), set[0]));
    sets
}

/// The group of every file; all empty files are alike.
fn classes(store: &FileStore, groups: &[DuplicateGroup]) -> Vec<u32> {
    let mut classes: Vec<u32> = store.files.iter().map(|file| if file.size == 0 { EMPTY } else { UNLIKE }).collect();
    for (number, group) in groups.iter().enumerate() {
        group.members.iter().for_each(|member| classes[member.file as usize] = number as u32);
    }
    classes
}

fn comparable(store: &FileStore, classes: &[u32]) -> Vec<bool> {
    // A folder that is met twice is one, whichever path leads to it, and no copy of itself.
    let mut seen: HashSet<(u64, u64), RandomState> = HashSet::default();
    let mut is_first = |folder: &Folder| folder.identity.is_none_or(|identity| seen.insert(identity));
    let is_own = |folder: &Folder| !folder.incomplete && !folder.via_link;
    let mut alike: Vec<bool> = store.folders.iter().map(|folder| is_own(folder) && is_first(folder)).collect();
    for (number, (file, &class)) in store.files.iter().zip(classes).enumerate() {
        if class == UNLIKE || store.is_via_link(number as u32) {
            alike[file.folder as usize] = false;
        }
    }
    for folder in (0..alike.len()).rev() {
        if !alike[folder] {
            alike[store.folders[folder].parent as usize] = false;
        }
    }
    alike
}

/// A digest of names and contents of each comparable folder.
fn digests(store: &FileStore, classes: &[u32], alike: &[bool]) -> Vec<Option<blake3::Hash>> {
    // Files of each folder, then the folders of each; sorted so, one folder's are a range.
    let mut files: Vec<u32> =
        (0..store.files.len() as u32).filter(|&file| alike[store.files[file as usize].folder as usize]).collect();
    files.sort_unstable_by_key(|&file| store.files[file as usize].folder);
    let mut children: Vec<u32> = (0..store.folders.len() as u32)
        .filter(|&folder| alike[folder as usize] && store.folders[folder as usize].parent != folder)
        .collect();
    children.sort_unstable_by_key(|&folder| store.folders[folder as usize].parent);
    let mut digests = vec![None; store.folders.len()];
    for folder in (0..store.folders.len() as u32).rev().filter(|&folder| alike[folder as usize]) {
        let mut entries: Vec<(&[u8], u8, [u8; 32])> = range(&files, folder, |file| store.files[file as usize].folder)
            .iter()
            .map(|&file| (store.name(&store.files[file as usize]), b'f', of_class(classes[file as usize])))
            .collect();
        entries.extend(range(&children, folder, |child| store.folders[child as usize].parent).iter().map(|&child| {
            let path = &store.folders[child as usize].path;
            let name = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
            (&path[name..], b'd', digests[child as usize].map_or([0; 32], Into::into))
        }));
        entries.sort_unstable();
        let mut state = blake3::Hasher::new();
        for (name, kind, content) in entries {
            state.update(&(name.len() as u64).to_le_bytes());
            state.update(name);
            state.update(&[kind]);
            state.update(&content);
        }
        digests[folder as usize] = Some(state.finalize());
    }
    digests
}

fn of_class(class: u32) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&class.to_le_bytes());
    bytes
}

fn range(sorted: &[u32], folder: u32, of: impl Fn(u32) -> u32) -> &[u32] {
    let start = sorted.partition_point(|&one| of(one) < folder);
    let end = start + sorted[start..].partition_point(|&one| of(one) == folder);
    &sorted[start..end]
}
