//! Groups: what is kept, what could go, and what that would give back.

use std::cmp::Reverse;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::compare::{Class, Compared};
use super::records::FileStore;
use super::roots::Roots;
use pravah_foundation::io::digest::Digest;

/// What a name is in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Of a reference.
    Reference,
    /// The candidate that is kept, for there is no reference.
    Kept,
    /// It could go; its bytes come back.
    Redundant,
    /// A further name of an inode: by itself it gives nothing back.
    HardLink,
    /// A path to a listed file through a symbolic link or a mount, and no name of its own; or what may be one.
    ThroughLink,
    /// Its blocks are shared with one that is kept: it gives nothing back.
    Shared,
    /// It has names that were not met: it gives nothing back while they are there.
    LinkedElsewhere,
}

impl Standing {
    /// The standing's name in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Kept => "kept",
            Self::Redundant => "redundant",
            Self::HardLink => "hard_link",
            Self::ThroughLink => "through_link",
            Self::Shared => "shared_extents",
            Self::LinkedElsewhere => "linked_elsewhere",
        }
    }
}

/// A name in its group.
#[derive(Debug, Clone, Copy)]
pub struct GroupMember {
    /// Its number in the store.
    pub file: u32,
    /// What it is here.
    pub standing: Standing,
}

/// Files of one content.
#[derive(Debug)]
pub struct DuplicateGroup {
    /// Bytes of each.
    pub size: u64,
    /// Their digest.
    pub digest: Digest,
    /// All names; those of one inode beside each other, what is kept first.
    pub members: Box<[GroupMember]>,
    /// How many inodes they are.
    pub inodes: u32,
    /// Bytes that come back when all but one inode, or all but the reference's, go.
    pub reclaimable: u64,
}

/// Make groups of classes.
pub fn build(compared: &Compared, classes: Vec<Class>, store: &FileStore, roots: &Roots) -> Vec<DuplicateGroup> {
    use rayon::prelude::*;
    classes.into_par_iter().map(|class| group(compared, &class, store, roots)).collect()
}

/// Those that give most back come first.
pub fn sort(groups: &mut [DuplicateGroup]) {
    use rayon::prelude::*;
    groups.par_sort_unstable_by(|one, other| {
        let place = |group: &DuplicateGroup| (Reverse(group.reclaimable), Reverse(group.size));
        (place(one), one.digest.as_bytes()).cmp(&(place(other), other.digest.as_bytes()))
    });
}

/// True for a path that a program or a person has called a copy; of files of one age the other one is the original.
fn is_copy(path: &[u8]) -> bool {
    // `copyright` is none, nor is a year in brackets. The plans in services/results/removal.py have the same.
    const NAMES: &str = r"(?i-u)(^|[^a-z0-9])(copy|backups?)([^a-z]|$)|\([0-9]{1,3}\)|~(/|$)|\.bak([^a-z]|$)";
    static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(NAMES).ok());
    PATTERN.as_ref().is_some_and(|pattern| pattern.is_match(path))
}

/// One inode of a group with its names, sorted by path, those through links last.
struct Copy {
    names: Vec<(Vec<u8>, u32)>,
    /// The names of its own among them.
    own: Vec<u32>,
    reference: bool,
    mtime_ns: i64,
}

fn group(compared: &Compared, class: &Class, store: &FileStore, roots: &Roots) -> DuplicateGroup {
    let copy = |&inode: &u32| {
        let files = compared.names(inode).iter().map(|&number| (store.path(&store.files[number as usize]), number));
        let mut names: Vec<(Vec<u8>, u32)> = files.collect();
        names.sort_by(|(one, first), (other, second)| {
            let role =
                |&number: &u32| (!store.is_reference(&store.files[number as usize]), store.is_through_link(number));
            (role(first), one).cmp(&(role(second), other))
        });
        let first = &store.files[names[0].1 as usize];
        let own = store.own_names(names.iter().map(|name| name.1));
        Copy { reference: store.is_reference(first), mtime_ns: first.mtime_ns, own, names }
    };
    let mut copies: Vec<Copy> = class.inodes.iter().map(copy).collect();
    let place = |copy: &Copy| {
        let path = &copy.names[0].0;
        // What has no name of its own here cannot go, so another one need not stay for it; but it may have to.
        (!copy.reference, copy.own.is_empty(), copy.mtime_ns, is_copy(path), path.len(), path.clone())
    };
    copies.sort_by_cached_key(place);
    let size = store.files[copies[0].names[0].1 as usize].size;
    let mut members = Vec::new();
    let mut reclaimable = 0;
    let mut kept_extents = Vec::new();
    let any_reference = copies[0].reference;
    for (index, copy) in copies.iter().enumerate() {
        let is_kept = copy.reference || (index == 0 && !any_reference);
        let extents = extents(store, roots, copy.names[0].1, size);
        let standing = match extents {
            _ if copy.reference => Standing::Reference,
            _ if is_kept => Standing::Kept,
            _ if (copy.own.len() as u64) < store.links(copy.names[0].1) => Standing::LinkedElsewhere,
            Some(extents) if kept_extents.contains(&extents) => Standing::Shared,
            _ => Standing::Redundant,
        };
        kept_extents.extend(extents);
        if standing == Standing::Redundant {
            reclaimable += size;
        }
        members.push(GroupMember { file: copy.names[0].1, standing });
        members.extend(copy.names[1..].iter().map(|&(_, file)| {
            let standing = match store.is_reference(&store.files[file as usize]) {
                _ if !copy.own.contains(&file) => Standing::ThroughLink,
                true => Standing::Reference,
                false => Standing::HardLink,
            };
            GroupMember { file, standing }
        }));
    }
    DuplicateGroup { size, digest: class.digest, members: members.into(), inodes: copies.len() as u32, reclaimable }
}

/// Smaller files share no blocks: some file systems keep them in the inode.
const SHARED_FROM_BYTES: u64 = 4096;

/// Where a file's blocks lie on its device, when its file system tells that all of them are shared.
fn extents(store: &FileStore, roots: &Roots, file: u32, size: u64) -> Option<u128> {
    let file = &store.files[file as usize];
    let root = roots.get(store.root(file));
    if size < SHARED_FROM_BYTES || root.objects().is_some() {
        return None;
    }
    let open = root.open_file(&store.path(file)).ok()?;
    let open = std::fs::File::from(open);
    let mut places = store.device_of(file).to_le_bytes().to_vec();
    let mut any = false;
    for extent in fiemap::Fiemap::new(&open) {
        let extent = extent.ok()?;
        if !extent.fe_flags.contains(fiemap::FiemapExtentFlags::SHARED) {
            return None;
        }
        any = true;
        for number in [extent.fe_logical, extent.fe_physical, extent.fe_length] {
            places.extend_from_slice(&number.to_le_bytes());
        }
    }
    any.then(|| xxhash_rust::xxh3::xxh3_128(&places))
}
