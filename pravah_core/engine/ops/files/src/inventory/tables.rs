//! The tables of an inventory: their columns, and their rows once all is counted.

use arrow_array::RecordBatch;

use super::summary::{GroupUsage, Summary, age_label};
use super::tree::{DirectoryTotals, Tree};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::paths;
use pravah_foundation::source::owners::Owners;
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::columns::{Column, Columns};

const ENTRY: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::text("name"),
    Column::category("extension"),
    Column::category("kind"),
    Column::integer("size_bytes"),
    Column::integer("allocated_bytes"),
    Column::time("modified"),
    Column::time("changed"),
    Column::category("owner"),
    Column::category("group"),
    Column::category("mode"),
    Column::unsigned("inode"),
    Column::integer("link_count"),
    Column::unsigned("device"),
];
const DIRECTORY: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("depth"),
    Column::integer("files"),
    Column::integer("directories"),
    Column::integer("size_bytes"),
    Column::integer("allocated_bytes"),
];
const BY_EXTENSION: &[Column] = &group_columns("extension");
const BY_OWNER: &[Column] = &group_columns("owner");
const BY_AGE: &[Column] = &[
    Column::text("age"),
    Column::integer("age_index"),
    Column::integer("files"),
    Column::integer("size_bytes"),
    Column::integer("allocated_bytes"),
];
const SIZE_HISTOGRAM: &[Column] = &[
    Column::integer("lower_bytes"),
    Column::integer("upper_bytes"),
    Column::integer("files"),
    Column::integer("size_bytes"),
];
const EMPTY: &[Column] = &[Column::text("path"), Column::raw("path_raw"), Column::category("kind")];
const NOT_COVERED: &[Column] =
    &[Column::text("path"), Column::raw("path_raw"), Column::category("reason"), Column::text("message")];

const fn group_columns(key: &'static str) -> [Column; 4] {
    [Column::text(key), Column::integer("files"), Column::integer("size_bytes"), Column::integer("allocated_bytes")]
}

/// Every table with its columns.
pub const TABLES: &[TableColumns] = &[
    ("result", ENTRY),
    ("directories", DIRECTORY),
    ("by_extension", BY_EXTENSION),
    ("by_owner", BY_OWNER),
    ("by_age", BY_AGE),
    ("size_histogram", SIZE_HISTOGRAM),
    ("largest_files", ENTRY),
    ("largest_directories", DIRECTORY),
    ("empty", EMPTY),
    ("not_covered", NOT_COVERED),
];

/// The columns of a table by name.
pub fn columns(name: &str) -> &'static [Column] {
    TABLES.iter().find(|(table, _)| *table == name).map_or(&[], |(_, columns)| columns)
}

/// Groups by extension, most bytes first.
pub fn by_extension(summary: &Summary) -> Result<RecordBatch> {
    let groups = summary.extensions.iter().map(|(extension, group)| (paths::escape(extension).into_owned(), group));
    by_name("by_extension", groups)
}

/// Groups by owner, most bytes first.
pub fn by_owner(summary: &Summary, owners: &Owners) -> Result<RecordBatch> {
    by_name("by_owner", summary.owners.iter().map(|(&user, group)| (owners.user(user), group)))
}

fn by_name<'a>(table: &str, groups: impl Iterator<Item = (String, &'a GroupUsage)>) -> Result<RecordBatch> {
    let mut groups: Vec<_> = groups.collect();
    groups.sort_by(|(name, group), (other_name, other)| other.size.cmp(&group.size).then(name.cmp(other_name)));
    let mut rows = Columns::new(columns(table));
    for (name, group) in groups {
        rows.text(&name);
        rows.integer(group.files);
        rows.integer(group.size);
        rows.integer(group.allocated);
    }
    rows.take()
}

/// All age buckets, youngest first.
pub fn by_age(summary: &Summary) -> Result<RecordBatch> {
    let mut rows = Columns::new(columns("by_age"));
    for (index, group) in summary.ages.iter().enumerate() {
        rows.text(age_label(index));
        rows.integer(index as u64);
        rows.integer(group.files);
        rows.integer(group.size);
        rows.integer(group.allocated);
    }
    rows.take()
}

/// Powers of two from empty files up to the largest file's.
pub fn size_histogram(summary: &Summary) -> Result<RecordBatch> {
    let mut rows = Columns::new(columns("size_histogram"));
    let used = summary.sizes.iter().rposition(|group| group.files > 0).map_or(0, |last| last + 1);
    for (index, group) in summary.sizes[..used].iter().enumerate() {
        let lower = if index == 0 { 0 } else { 1 << (index - 1) };
        rows.integer(lower);
        rows.integer(if index == 0 { 0 } else { lower.saturating_mul(2) - 1 });
        rows.integer(group.files);
        rows.integer(group.size);
    }
    rows.take()
}

/// One row of `directories`.
pub fn directory(rows: &mut Columns, tree: &Tree, id: u32, path: &mut Vec<u8>) {
    tree.path(id, path);
    let (depth, DirectoryTotals { files, directories, size, allocated }) = tree.get(id);
    rows.path(path);
    rows.integer(u64::from(depth));
    rows.integer(files);
    rows.integer(directories);
    rows.integer(size);
    rows.integer(allocated);
}
