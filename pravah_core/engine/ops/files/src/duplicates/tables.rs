//! The tables and the summary.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::directories::{FolderContent, contents, copies};
use super::groups::{DuplicateGroup, Standing};
use super::known::{CONTENTS, ENDS};
use super::records::{FileRecord, FileStore};
use super::roots::Roots;
use super::{Duplicates, verdict};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::paths;
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::columns::{Column, Columns};
use pravah_foundation::store::sink::{Staged, Table, TableWriter};

const RESULT: &[Column] = &[
    Column::integer("group"),
    Column::text("path"),
    Column::raw("path_raw"),
    Column::category("root"),
    Column::category("role"),
    Column::category("standing"),
    Column::integer("size_bytes"),
    Column::integer("reclaimable_bytes"),
    Column::time("modified"),
    Column::category("extension"),
    Column::unsigned("inode"),
    Column::unsigned("device"),
    Column::integer("links"),
    Column::text("digest"),
];
const GROUPS: &[Column] = &[
    Column::integer("group"),
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("files"),
    Column::integer("inodes"),
    Column::integer("references"),
    Column::integer("size_bytes"),
    Column::integer("reclaimable_bytes"),
    Column::category("extension"),
    Column::text("digest"),
];
const FOLDERS: &[Column] = &[
    Column::integer("group"),
    Column::text("path"),
    Column::raw("path_raw"),
    Column::category("root"),
    Column::category("role"),
    Column::integer("files"),
    Column::integer("size_bytes"),
    Column::integer("reclaimable_bytes"),
];
const BY_FOLDER: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("depth"),
    Column::integer("files"),
    Column::integer("size_bytes"),
    Column::integer("reclaimable_bytes"),
];
const BY_EXTENSION: &[Column] =
    &[Column::text("extension"), Column::integer("files"), Column::integer("reclaimable_bytes")];
const HARD_LINKS: &[Column] = &[
    Column::integer("link"),
    Column::text("path"),
    Column::raw("path_raw"),
    Column::category("root"),
    Column::category("role"),
    Column::integer("size_bytes"),
    Column::unsigned("inode"),
    Column::unsigned("device"),
];
pub const UNIQUE: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("size_bytes"),
    Column::time("modified"),
    Column::category("extension"),
];

/// Every table with its columns; `unique` is there only with references, `folders` unless it is switched off.
pub const TABLES: &[TableColumns] = &[
    ("result", RESULT),
    ("groups", GROUPS),
    ("folders", FOLDERS),
    ("by_folder", BY_FOLDER),
    ("by_extension", BY_EXTENSION),
    ("hard_links", HARD_LINKS),
    ("unique", UNIQUE),
    ("ends", ENDS),
    ("contents", CONTENTS),
];

/// A table that is being written.
pub struct GroupTable {
    pub rows: Columns,
    writer: TableWriter,
}

impl GroupTable {
    pub fn new(job: &Duplicates, name: &'static str, columns: &[Column]) -> Self {
        let rows = Columns::new(columns);
        let table = Table { name, dictionary: &["root", "role", "standing", "extension"] };
        Self { writer: job.context.sink.writer(table, rows.schema()), rows }
    }

    /// To be called after every row.
    pub fn encode(&mut self) -> Result<()> {
        if self.rows.is_full() { self.writer.write(&self.rows.take()?) } else { Ok(()) }
    }

    pub fn stage(mut self) -> Result<Staged> {
        self.writer.write(&self.rows.take()?)?;
        self.writer.stage()
    }
}

/// Write all tables but those that are kept for the next run, and sum up.
///
/// # Errors
/// [`pravah_foundation::base::error::EngineError::Output`], [`pravah_foundation::base::error::EngineError::Cancelled`].
pub fn write(job: &Duplicates) -> Result<(Vec<Staged>, Value)> {
    let contents = contents(&job.store, &job.groups);
    let mut staged = write_groups(job)?;
    let mut folder_sets = 0;
    if job.options.folders {
        let only = job.options.only_against_reference;
        let sets = copies(&job.store, &job.groups, &contents, only);
        folder_sets = sets.len();
        staged.push(write_folders(job, &sets, &contents)?);
    }
    staged.push(write_by_folder(job, &contents)?);
    staged.push(write_by_extension(job)?);
    let (links, linked) = write_hard_links(job)?;
    staged.push(links);
    let mut summary = summarise(job, folder_sets, linked);
    if !job.options.references.is_empty() {
        let (unique, verdict) = verdict::write(job)?;
        staged.push(unique);
        // Who compares with references alone asks for this answer.
        if job.options.only_against_reference {
            summary["verdict"] = match verdict["safe_to_wipe"].as_str() {
                Some("yes") => "safe".into(),
                Some("no") => "unsafe".into(),
                _ => "unknown".into(),
            };
        }
        summary["reference"] = verdict;
    }
    Ok((staged, summary))
}

/// How a root is called.
pub fn root_text(roots: &Roots, root: u16) -> Cow<'_, str> {
    match roots.path(root) {
        Some(path) => paths::escape(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())),
        None => Cow::Borrowed("source"),
    }
}

fn root_and_role(job: &Duplicates, rows: &mut Columns, root: u16, reference: bool) {
    rows.text(&root_text(&job.roots, root));
    rows.text(if reference { "reference" } else { "candidate" });
}

pub fn extension(store: &FileStore, file: &FileRecord) -> String {
    paths::escape(&paths::extension(store.name(file)).to_ascii_lowercase()).into_owned()
}

fn write_groups(job: &Duplicates) -> Result<Vec<Staged>> {
    let store = &job.store;
    let mut result = GroupTable::new(job, "result", RESULT);
    let mut groups = GroupTable::new(job, "groups", GROUPS);
    for (number, group) in job.groups.iter().enumerate() {
        job.context.control.check()?;
        let digest = group.digest.to_hex();
        for member in &group.members {
            let file = &store.files[member.file as usize];
            result.rows.integer(number as u64 + 1);
            result.rows.path(&store.path(file));
            root_and_role(job, &mut result.rows, store.root(file), store.is_reference(file));
            result.rows.text(member.standing.as_str());
            result.rows.integer(file.size);
            result.rows.integer(if member.standing == Standing::Redundant { file.size } else { 0 });
            result.rows.time(file.mtime_ns);
            result.rows.text(&extension(store, file));
            result.rows.unsigned(file.inode);
            result.rows.unsigned(store.device_of(file));
            result.rows.integer(store.links(member.file));
            result.rows.text(&digest);
            result.encode()?;
        }
        let first = &store.files[group.members[0].file as usize];
        groups.rows.integer(number as u64 + 1);
        groups.rows.path(&store.path(first));
        groups.rows.integer(group.members.len() as u64);
        groups.rows.integer(group.inodes.into());
        groups.rows.integer(count(group, Standing::Reference));
        groups.rows.integer(group.size);
        groups.rows.integer(group.reclaimable);
        groups.rows.text(&extension(store, first));
        groups.rows.text(&digest);
        groups.encode()?;
    }
    Ok(vec![result.stage()?, groups.stage()?])
}

fn count(group: &DuplicateGroup, standing: Standing) -> u64 {
    group.members.iter().filter(|member| member.standing == standing).count() as u64
}

fn write_folders(job: &Duplicates, sets: &[Vec<u32>], contents: &[FolderContent]) -> Result<Staged> {
    let mut folders = GroupTable::new(job, "folders", FOLDERS);
    for (number, set) in sets.iter().enumerate() {
        for &place in set {
            let (folder, content) = (&job.store.folders[place as usize], contents[place as usize]);
            folders.rows.integer(number as u64 + 1);
            folders.rows.path(if folder.path.is_empty() { b"." } else { &folder.path });
            root_and_role(job, &mut folders.rows, folder.root, folder.reference);
            folders.rows.integer(content.files);
            folders.rows.integer(content.bytes);
            folders.rows.integer(content.redundant_bytes);
            folders.encode()?;
        }
    }
    folders.stage()
}

/// Where the waste is: the folders of the source that hold redundant files.
fn write_by_folder(job: &Duplicates, contents: &[FolderContent]) -> Result<Staged> {
    let mut table = GroupTable::new(job, "by_folder", BY_FOLDER);
    for (folder, content) in job.store.folders.iter().zip(contents) {
        if folder.root != 0 || content.redundant_files == 0 {
            continue;
        }
        let slashes = folder.path.iter().filter(|&&byte| byte == b'/').count();
        table.rows.path(if folder.path.is_empty() { b"." } else { &folder.path });
        table.rows.integer(if folder.path.is_empty() { 0 } else { slashes as u64 + 1 });
        table.rows.integer(content.redundant_files);
        table.rows.integer(content.bytes);
        table.rows.integer(content.redundant_bytes);
        table.encode()?;
    }
    table.stage()
}

fn write_by_extension(job: &Duplicates) -> Result<Staged> {
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for group in &job.groups {
        for member in group.members.iter().filter(|member| member.standing == Standing::Redundant) {
            let sum = sums.entry(extension(&job.store, &job.store.files[member.file as usize])).or_default();
            *sum = (sum.0 + 1, sum.1 + group.size);
        }
    }
    let mut table = GroupTable::new(job, "by_extension", BY_EXTENSION);
    for (extension, (files, bytes)) in sums {
        table.rows.text(&extension);
        table.rows.integer(files);
        table.rows.integer(bytes);
        table.encode()?;
    }
    table.stage()
}

/// Names of one inode, whether another inode has their content or not; and how many such inodes there are.
fn write_hard_links(job: &Duplicates) -> Result<(Staged, u64)> {
    let mut table = GroupTable::new(job, "hard_links", HARD_LINKS);
    let mut link = 0;
    for inode in 0..job.compared.inodes.len() as u32 {
        let mut names = job.compared.names(inode).to_vec();
        if names.len() > 1 {
            names.sort_by_cached_key(|&number| job.store.path(&job.store.files[number as usize]));
            // A path through a link leads to a name, and is none.
            names = job.store.own_names(names.into_iter());
        }
        if names.len() < 2 {
            continue;
        }
        link += 1;
        for file in names.iter().map(|&number| &job.store.files[number as usize]) {
            table.rows.integer(link);
            table.rows.path(&job.store.path(file));
            root_and_role(job, &mut table.rows, job.store.root(file), job.store.is_reference(file));
            table.rows.integer(file.size);
            table.rows.unsigned(file.inode);
            table.rows.unsigned(job.store.device_of(file));
            table.encode()?;
        }
    }
    Ok((table.stage()?, link))
}

fn summarise(job: &Duplicates, folder_sets: usize, hard_linked: u64) -> Value {
    let of = |standing| job.groups.iter().map(|group| count(group, standing)).sum::<u64>();
    let reclaimable: u64 = job.groups.iter().map(|group| group.reclaimable).sum();
    json!({
        "files": job.store.files.len(),
        "compared_files": job.kept.compared(),
        "reused_files": job.kept.reused.files(),
        "reused_bytes": job.kept.reused.bytes(),
        "inodes": job.compared.inodes.len(),
        "groups": job.groups.len(),
        "redundant_files": of(Standing::Redundant),
        "reclaimable_bytes": reclaimable,
        "shared_files": of(Standing::Shared),
        "linked_elsewhere_files": of(Standing::LinkedElsewhere),
        "hard_linked_inodes": hard_linked,
        "folder_groups": folder_sets,
        "unread_files": job.compared.unread.len(),
        "algorithm": job.options.algorithm.name(),
        "confirmed_by_bytes": job.options.confirms(),
    })
}
