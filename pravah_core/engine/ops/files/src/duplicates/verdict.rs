//! Candidates whose content no reference has, and whether the source can be wiped.
//!
//! A copy is a proof only when it is still there once the source is gone: a name below a reference that leads back into
//! the source, by a symbolic link or because a directory of the source is mounted there, is none. Nor is there a proof
//! when anything of the source was not looked at.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use serde_json::{Value, json};

use super::Duplicates;
use super::groups::Standing;
use super::tables::{GroupTable, UNIQUE, extension};
use pravah_foundation::base::error::Result;
use pravah_foundation::store::sink::Staged;

/// What goes with the source.
struct Wipe<'a> {
    job: &'a Duplicates,
    /// The directories of the source, by device and inode.
    gone: HashSet<(u64, u64), RandomState>,
}

impl<'a> Wipe<'a> {
    fn of(job: &'a Duplicates) -> Self {
        let candidates = job.store.folders.iter().filter(|folder| !folder.reference && !folder.via_link);
        Self { job, gone: candidates.filter_map(|folder| folder.identity).collect() }
    }

    /// True when a name of this inode is left once the source is gone.
    fn is_left(&self, inode: u32) -> bool {
        let store = &self.job.store;
        let names = self.job.compared.names(inode);
        let folder = |file: u32| &store.folders[store.files[file as usize].folder as usize];
        let is_candidate = |file: &u32| !folder(*file).reference;
        let has_candidate = names.iter().any(is_candidate);
        let in_source = names.iter().copied().filter(is_candidate);
        // A file of the source that is mounted elsewhere has a second path, but no second name.
        if has_candidate && store.own_names(in_source).len() as u64 >= store.links(names[0]) {
            return false;
        }
        names.iter().any(|&file| {
            let folder = folder(file);
            folder.reference
                && folder.identity.is_none_or(|identity| !self.gone.contains(&identity))
                && !(has_candidate && store.is_via_link(file))
        })
    }

    /// By file: a candidate whose content is in no reference.
    fn only_here(&self) -> Vec<bool> {
        let Duplicates { store, compared, groups, .. } = self.job;
        let mut only_here: Vec<bool> = store.files.iter().map(|file| !store.is_reference(file)).collect();
        let mut left: HashSet<u32, RandomState> = HashSet::default();
        for inode in 0..compared.inodes.len() as u32 {
            if self.is_left(inode) {
                compared.names(inode).iter().for_each(|&name| only_here[name as usize] = false);
                left.extend(compared.names(inode));
            }
        }
        for group in groups {
            let is_reference = |standing| standing == Standing::Reference;
            if group.members.iter().any(|member| is_reference(member.standing) && left.contains(&member.file)) {
                group.members.iter().for_each(|member| only_here[member.file as usize] = false);
            }
        }
        compared.unread.iter().for_each(|&file| only_here[file as usize] = false);
        only_here
    }
}

/// Write the table `unique`, and say whether the source could be wiped.
///
/// # Errors
/// As of all tables.
pub fn write(job: &Duplicates) -> Result<(Staged, Value)> {
    let store = &job.store;
    let mut table = GroupTable::new(job, "unique", UNIQUE);
    let (mut files, mut bytes, mut not_compared) = (0u64, 0u64, 0u64);
    for (file, _) in store.files.iter().zip(Wipe::of(job).only_here()).filter(|(_, only_here)| *only_here) {
        if file.size < job.options.min_file_bytes {
            // An empty file has no content that could be lost.
            not_compared += u64::from(file.size > 0);
            continue;
        }
        files += 1;
        bytes += file.size;
        table.rows.path(&store.path(file));
        table.rows.integer(file.size);
        table.rows.time(file.mtime_ns);
        table.rows.text(&extension(store, file));
        table.encode()?;
    }
    let candidates = store.files.iter().filter(|file| !store.is_reference(file)).count();
    let source = || store.folders.iter().filter(|folder| !folder.reference);
    let left_out = store.skipped + source().map(|folder| folder.left_out).sum::<u64>();
    let others: u64 = source().map(|folder| folder.others).sum();
    let unseen = source().any(|folder| folder.incomplete);
    let issues = job.context.control.issues().count();
    let (inside, outside) = (!job.roots.inside().is_empty(), !job.roots.outside().is_empty());
    // What was left out of a reference may be the copy that was not found.
    let is_sure =
        store.reference_skipped == 0 && store.folders.iter().all(|folder| !folder.reference || folder.left_out == 0);
    let verdict = if (files > 0 && is_sure) || (inside && !outside && candidates > 0) {
        "no"
    } else if candidates == 0 || files > 0 || unseen || left_out + others + not_compared + issues > 0 || inside {
        "unknown"
    } else {
        "yes"
    };
    let figures = json!({
        "safe_to_wipe": verdict,
        "unique_files": files,
        "unique_bytes": bytes,
        "not_compared_files": not_compared,
        "left_out": left_out,
        "other_entries": others,
        "in_source": inside,
    });
    Ok((table.stage()?, figures))
}
