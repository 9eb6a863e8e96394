//! Candidates whose content no reference has, and whether the source can be wiped.
//!
//! A copy is a proof only when it is still there once the source is gone: a name below a reference that leads back into
//! the source, by a symbolic link or because a directory of the source is mounted there, is none. Nor is there a proof
//! when anything of the source was not looked at, or when the copy is on a file system that may show the source itself.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use serde_json::{Value, json};

use super::Duplicates;
use super::apart::Wipe;
use super::tables::{GroupTable, UNIQUE, extension};
use pravah_foundation::base::error::Result;
use pravah_foundation::source::mounts;
use pravah_foundation::store::sink::Staged;

/// What is known of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    /// No reference has its content.
    OnlyHere,
    /// What has its content may be a view of the source.
    Unproven,
    /// Its content is left once the source is gone.
    Yes,
}

impl Wipe<'_> {
    /// By file, what is known of it; of a reference's, that it stays.
    fn kept(&self, job: &Duplicates) -> Vec<Kept> {
        let Duplicates { store, compared, groups, .. } = job;
        let is_candidate = |file: u32| !store.is_reference(&store.files[file as usize]);
        let mut kept: Vec<Kept> =
            store.files.iter().map(|file| if store.is_reference(file) { Kept::Yes } else { Kept::OnlyHere }).collect();
        let mut note = |candidates: &mut dyn Iterator<Item = u32>, copies: &[u32]| {
            for file in candidates.filter(|&file| is_candidate(file)) {
                let found = if self.proves(file, copies) { Kept::Yes } else { Kept::Unproven };
                kept[file as usize] = found.max(kept[file as usize]);
            }
        };
        let mut left: HashSet<u32, RandomState> = HashSet::default();
        for inode in 0..compared.inodes.len() as u32 {
            let names = self.left(inode);
            if !names.is_empty() {
                note(&mut compared.names(inode).iter().copied(), &names);
                left.extend(names);
            }
        }
        for group in groups {
            let members = || group.members.iter().map(|member| member.file);
            let copies = self.of_each_place(members().filter(|file| left.contains(file)));
            if !copies.is_empty() {
                note(&mut members(), &copies);
            }
        }
        compared.unread.iter().for_each(|&file| kept[file as usize] = Kept::Yes);
        kept
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
    let wipe = Wipe::of(job);
    let kept = wipe.kept(job);
    let unproven = kept.iter().filter(|&&kept| kept == Kept::Unproven).count();
    for (file, _) in store.files.iter().zip(kept).filter(|(_, kept)| *kept == Kept::OnlyHere) {
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
    // Files that were there before something was mounted over them go with the disk, and nobody sees them.
    let mount_points = job.context.root.path.canonicalize().map_or(0, |path| mounts::points_below(&path));
    let (inside, outside) = (!job.roots.inside().is_empty(), !job.roots.outside().is_empty());
    // What was left out of a reference may be the copy that was not found.
    let is_sure =
        store.reference_skipped == 0 && store.folders.iter().all(|folder| !folder.reference || folder.left_out == 0);
    let verdict = if (files > 0 && is_sure) || (inside && !outside && candidates > 0) {
        "no"
    } else if candidates == 0
        || files > 0
        || unseen
        || left_out + others + not_compared + issues > 0
        || unproven + mount_points > 0
        || inside
    {
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
        "unproven_files": unproven,
        "unproven_file_systems": wipe.views.take(),
        "mount_points": mount_points,
    });
    Ok((table.stage()?, figures))
}
