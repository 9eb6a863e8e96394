//! Recursive totals of directories, a hard link counted once in each.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::source::walk::Directory;

/// Totals of one directory. `size` counts entries other than directories; `allocated` counts all, as `du`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DirectoryTotals {
    /// Names of entries other than directories.
    pub files: u64,
    /// Directories below.
    pub directories: u64,
    /// Apparent bytes, each inode once.
    pub size: u64,
    /// Allocated bytes, each inode once.
    pub allocated: u64,
}

impl DirectoryTotals {
    /// Add another directory's totals.
    pub fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.directories += other.directories;
        self.size = self.size.saturating_add(other.size);
        self.allocated = self.allocated.saturating_add(other.allocated);
    }
}

#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    depth: u32,
    name_start: u64,
    name_length: u32,
    totals: DirectoryTotals,
}

#[derive(Debug)]
struct Link {
    size: u64,
    allocated: u64,
    directories: Vec<u32>,
}

/// All directories of a walk, in an arena: 64 bytes and a name each.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Option<Node>>,
    names: Vec<u8>,
    links: HashMap<(u64, u64), Link, RandomState>,
}

impl Tree {
    /// Add what one batch of a directory holds.
    pub fn add(&mut self, directory: &Directory, totals: &DirectoryTotals) {
        let index = directory.id as usize;
        if self.nodes.len() <= index {
            self.nodes.resize(index + 1, None);
        }
        let Self { nodes, names, .. } = self;
        let node = nodes[index].get_or_insert_with(|| {
            let start = directory.path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
            let name = &directory.path[start..];
            let name_start = names.len() as u64;
            names.extend_from_slice(name);
            let own = DirectoryTotals { allocated: directory.meta.allocated, ..DirectoryTotals::default() };
            Node {
                parent: directory.parent,
                depth: directory.depth,
                name_start,
                name_length: name.len() as u32,
                totals: own,
            }
        });
        node.totals.add(totals);
    }

    /// Note a name of an inode with several; its bytes are added by [`Tree::finish`]. True for its first name.
    pub fn link(&mut self, directory: u32, meta: &Meta) -> bool {
        let fresh = || Link { size: meta.size, allocated: meta.allocated, directories: Vec::new() };
        let link = self.links.entry((meta.device, meta.inode)).or_insert_with(fresh);
        link.directories.push(directory);
        link.directories.len() == 1
    }

    /// Add each linked inode once to every directory above one of its names; call after
    /// [`Tree::propagate`].
    ///
    /// # Errors
    /// [`pravah_foundation::base::error::EngineError::Cancelled`].
    pub fn finish(&mut self, control: &Control) -> Result<()> {
        let mut above: HashSet<u32, RandomState> = HashSet::default();
        for (number, link) in std::mem::take(&mut self.links).into_values().enumerate() {
            if number.is_multiple_of(4096) {
                control.check()?;
            }
            above.clear();
            for mut directory in link.directories {
                // Stop at the first directory that has it: those above it have it too.
                while above.insert(directory) {
                    directory = self.parent(directory);
                }
            }
            for &directory in &above {
                if let Some(Some(node)) = self.nodes.get_mut(directory as usize) {
                    node.totals.size = node.totals.size.saturating_add(link.size);
                    node.totals.allocated = node.totals.allocated.saturating_add(link.allocated);
                }
            }
        }
        Ok(())
    }

    fn parent(&self, directory: u32) -> u32 {
        self.nodes.get(directory as usize).copied().flatten().map_or(0, |node| node.parent)
    }

    /// Propagate own totals upwards; call before [`Tree::finish`]. A child's number exceeds its parent's.
    pub fn propagate(&mut self) {
        for index in (1..self.nodes.len()).rev() {
            let Some(node) = self.nodes[index] else { continue };
            if let Some(Some(parent)) = self.nodes.get_mut(node.parent as usize) {
                parent.totals.add(&node.totals);
                parent.totals.directories += 1;
            }
        }
    }

    /// The source's totals.
    pub fn source(&self) -> DirectoryTotals {
        self.nodes.first().copied().flatten().map(|node| node.totals).unwrap_or_default()
    }

    /// Numbers of the directories, in order of discovery.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        (0..self.nodes.len() as u32).filter(|&id| self.nodes[id as usize].is_some())
    }

    /// A directory's depth and totals.
    pub fn get(&self, id: u32) -> (u32, DirectoryTotals) {
        self.nodes[id as usize].map_or((0, DirectoryTotals::default()), |node| (node.depth, node.totals))
    }

    /// Write a directory's path relative to the source into `path`; the source is `.`.
    pub fn path(&self, id: u32, path: &mut Vec<u8>) {
        path.clear();
        let mut chain = Vec::new();
        let mut current = id;
        while current != 0 {
            chain.push(current);
            current = self.parent(current);
        }
        if chain.is_empty() {
            path.push(b'.');
        }
        for (index, id) in chain.iter().rev().enumerate() {
            if index > 0 {
                path.push(b'/');
            }
            if let Some(node) = self.nodes[*id as usize] {
                let start = node.name_start as usize;
                path.extend_from_slice(&self.names[start..start + node.name_length as usize]);
            }
        }
    }
}
