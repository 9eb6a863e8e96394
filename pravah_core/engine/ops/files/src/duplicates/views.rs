//! Copies that may be a second view of a file: an overlay, say, shows the files of the folders below it.
//!
//! Nothing goes because of such a copy, and it does not go itself: both may be the same bytes. Nor does anything go because
//! of a copy in memory, which is gone when the machine stops.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::Duplicates;
use super::apart::{Place, Wipe, place};
use super::groups::{DuplicateGroup, GroupMember, Standing};
use pravah_foundation::source::mounts::Apart;

/// Take out of the groups what may be a view of a file that is kept, or of one that could go.
pub fn mark(job: &Duplicates, groups: &mut [DuplicateGroup]) {
    let place = |member: &GroupMember| place(&job.store, member.file);
    let is_spread =
        |group: &&mut DuplicateGroup| group.members.iter().any(|member| place(member) != place(&group.members[0]));
    let mut spread = groups.iter_mut().filter(is_spread).peekable();
    // Most jobs are of one file system, and have nothing to know of others.
    if spread.peek().is_some() {
        let wipe = Wipe::of(job);
        spread.for_each(|group| mark_group(job, &wipe, group));
    }
}

fn mark_group(job: &Duplicates, wipe: &Wipe<'_>, group: &mut DuplicateGroup) {
    let store = &job.store;
    // By place, one of the files that were taken for copies, and the inodes of all of them.
    let mut copies: HashMap<Place, (u32, HashSet<u64, RandomState>), RandomState> = HashMap::default();
    let (mut inode, mut is_view) = (None, false);
    for member in &mut group.members {
        let file = &store.files[member.file as usize];
        // Names of one inode stand beside each other.
        if inode != Some(store.identity(file)) {
            inode = Some(store.identity(file));
            let place = place(store, member.file);
            let is_apart = |(&there, (one, inodes)): (&Place, &(u32, HashSet<u64, RandomState>))| {
                there == place
                    || match wipe.apart(member.file, *one) {
                        Apart::Yes => wipe.lasts(member.file, *one),
                        Apart::ByInode => !inodes.contains(&file.inode),
                        Apart::Unknown => false,
                    }
            };
            // What is in a reference stays anyway.
            is_view = member.standing != Standing::Reference && !copies.iter().all(is_apart);
            if !is_view {
                copies.entry(place).or_insert_with(|| (member.file, HashSet::default())).1.insert(file.inode);
            }
        }
        if is_view {
            if member.standing == Standing::Redundant {
                group.reclaimable -= group.size;
            }
            member.standing = Standing::ThroughLink;
        }
    }
}
