//! inventory: what fills a tree.
//!
//! Every entry becomes a row on the thread that scanned it; sums are kept per thread and merged once.
//! Each thread writes its own shards, so that rows are encoded where they are warm in the cache.
//!
//! Cost: O(entries) time. Memory: 64 bytes and a name for each directory, 100 bytes for each name of an
//! inode that has several, 65,536 extensions and the `largest_count` largest rows per thread, and one row
//! group per thread. Nothing for each file, each issue or each path that is not covered.

mod entries;
mod histogram;
mod summary;
mod tables;
mod tree;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::entries::EntryCollector;
use self::summary::Summary;
use self::tables::TABLES;
use self::tree::{DirectoryTotals, Tree};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::run::context::Context;
use pravah_foundation::run::operation::Options;
use pravah_foundation::run::operation::{Operation, Stages};
use pravah_foundation::source::owners::Owners;
use pravah_foundation::source::walk::rules::nanoseconds;
use pravah_foundation::source::walk::{Batch, Skipped, WalkTotals};
use pravah_foundation::store::columns::Columns;
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::report::Report;
use pravah_foundation::store::sink::{Staged, Table};

/// Options of inventory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InventoryOptions {
    /// Rows of `largest_files` and `largest_directories`.
    pub largest_count: usize,
    /// Time that ages are relative to, RFC 3339; none = the job's start.
    pub age_reference: Option<String>,
}

impl Default for InventoryOptions {
    fn default() -> Self {
        Self { largest_count: 100, age_reference: None }
    }
}

impl Options for InventoryOptions {
    const TABLES: &'static [TableColumns] = TABLES;

    fn validate(&self) -> Result<()> {
        if !(1..=10_000).contains(&self.largest_count) {
            return Err(EngineError::invalid("options.largest_count must be between 1 and 10,000"));
        }
        nanoseconds("options.age_reference", self.age_reference.as_deref()).map(|_| ())
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        let started: DateTime<Utc> = context.started.into();
        let reference = nanoseconds("options.age_reference", self.age_reference.as_deref())?
            .or_else(|| started.timestamp_nanos_opt())
            .unwrap_or(i64::MAX);
        let collector = EntryCollector::new(&context, reference, self.largest_count);
        Ok(Box::new(Inventory { options: self.clone(), collector, context }))
    }
}

struct Inventory {
    options: InventoryOptions,
    collector: EntryCollector,
    context: Context,
}

/// A table of this operation; dictionaries where its columns say so.
fn table(name: &'static str) -> Table {
    // The names are listed once more because a static slice is wanted; unknown ones are ignored.
    Table { name, dictionary: &["extension", "kind", "owner", "group", "mode", "reason"] }
}

impl Operation for Inventory {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "walk", after: &[] }
    }

    fn entries(&self, batch: &Batch) -> Result<()> {
        self.collector.batch(batch)
    }

    fn skipped(&self, skipped: Skipped<'_>) -> Result<()> {
        self.collector.skipped(skipped)
    }

    fn trouble(&self, path: &[u8], kind: IssueKind, message: &str) -> Result<()> {
        self.collector.trouble(path, kind, message)
    }

    fn finish(self: Box<Self>, _totals: WalkTotals) -> Result<Report> {
        let Self { options, collector, context } = *self;
        let mut collected = collector.finish(&context.pool)?;
        collected.tree.propagate();
        collected.tree.finish(&context.control)?;
        let staged = write(&context, &options, &mut collected)?;
        context.sink.commit(staged)?;
        let summary = summarise(&collected.summary, collected.tree.source(), collected.empty_directories);
        Ok(Report { not_covered: Some(collected.not_covered), files: Vec::new(), summary })
    }
}

fn summarise(summary: &Summary, source: DirectoryTotals, empty_directories: u64) -> Value {
    let percentile = |percent| summary.histogram.percentile(percent);
    json!({
        "files": summary.kinds[0],
        "directories": source.directories,
        "symlinks": summary.kinds[1],
        "others": summary.kinds[2],
        "size_bytes": source.size,
        "allocated_bytes": source.allocated,
        "empty_files": summary.empty_files,
        "empty_directories": empty_directories,
        "small_files": summary.small_files,
        "percentiles": {
            "p10": percentile(10), "p25": percentile(25), "p50": percentile(50), "p75": percentile(75),
            "p90": percentile(90), "p99": percentile(99), "max": (summary.kinds[0] > 0).then(|| summary.histogram.max()),
        },
    })
}

/// Write the tables that are known only at the end.
fn write(context: &Context, options: &InventoryOptions, collected: &mut entries::Collected) -> Result<Vec<Staged>> {
    let sink = &context.sink;
    let owners = Owners::read();
    let summary = &collected.summary;
    let mut staged = std::mem::take(&mut collected.staged);
    staged.push(sink.staged(table("by_extension"), &tables::by_extension(summary)?)?);
    staged.push(sink.staged(table("by_owner"), &tables::by_owner(summary, &owners)?)?);
    staged.push(sink.staged(table("by_age"), &tables::by_age(summary)?)?);
    staged.push(sink.staged(table("size_histogram"), &tables::size_histogram(summary)?)?);
    staged.push(write_largest_files(context, std::mem::take(&mut collected.largest), owners)?);
    staged.push(write_directories(context, &collected.tree)?);
    staged.push(write_largest_directories(context, options, &collected.tree)?);
    Ok(staged)
}

fn write_largest_files(context: &Context, largest: entries::Largest, owners: Owners) -> Result<Staged> {
    let mut rows = Columns::new(tables::columns("largest_files"));
    let mut writer = context.sink.writer(table("largest_files"), rows.schema());
    let mut names = entries::OwnerNames::new(Arc::new(owners));
    for (path, meta) in largest.into_sorted() {
        let start = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        names.write(&mut rows, &path, &path[start..], &meta);
        if rows.is_full() {
            writer.write(&rows.take()?)?;
        }
    }
    writer.write(&rows.take()?)?;
    writer.stage()
}

fn write_directories(context: &Context, tree: &Tree) -> Result<Staged> {
    write_rows_of(context, "directories", tree, tree.ids())
}

fn write_largest_directories(context: &Context, options: &InventoryOptions, tree: &Tree) -> Result<Staged> {
    let mut ids: Vec<u32> = tree.ids().filter(|&id| id != 0).collect();
    let key = |id: &u32| std::cmp::Reverse(tree.get(*id).1.size);
    if ids.len() > options.largest_count {
        ids.select_nth_unstable_by_key(options.largest_count, key);
        ids.truncate(options.largest_count);
    }
    ids.sort_unstable_by_key(key);
    write_rows_of(context, "largest_directories", tree, ids.into_iter())
}

fn write_rows_of(context: &Context, name: &'static str, tree: &Tree, ids: impl Iterator<Item = u32>) -> Result<Staged> {
    let mut rows = Columns::new(tables::columns(name));
    let mut writer = context.sink.writer(table(name), rows.schema());
    let mut path = Vec::new();
    for id in ids {
        tables::directory(&mut rows, tree, id, &mut path);
        if rows.is_full() {
            writer.write(&rows.take()?)?;
        }
    }
    writer.write(&rows.take()?)?;
    writer.stage()
}
