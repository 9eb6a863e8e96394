//! profile: what is in files of records, column by column, and whether the files agree.
//!
//! 1. Each file's dialect and header are found ([`pravah_foundation::run::records`]), its records split, its fields
//!    typed: the type of a column is the narrowest that holds nearly every value of it, seen, not sampled. What it does
//!    not hold is an exception ([`many`]); figures are of the others.
//! 2. A column of few distinct values is counted by value, and its figures follow from these counts; one of many by
//!    sketches: distinct values by HyperLogLog (standard error 1.6 %), quantiles by KLL (ranks within 1 % with 99 %
//!    probability). Least, greatest, mean and deviation are exact.
//! 3. Files are grouped into datasets by their columns, and those of one merge by the names of their columns, without a
//!    second read.
//!
//! What is merged of a file is kept for a later run, which takes it over where the file is as it was. Figures of columns
//! of many values depend, within their errors, on the order in which files are merged.
//!
//! Cost: O(bytes) reading; memory: chunks in work, per column some hundred KiB for values of a chunk, of a file and of
//! all files, and a row for each schema.

mod column;
mod datasets;
mod drift;
mod file;
mod formats;
mod many;
mod partial;
mod patterns;
mod report;
mod schemas;
mod shapes;
mod tables;
mod total;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::datasets::Pools;
use self::file::{FileFigures, ProfileWorker};
use self::many::Many;
use self::schemas::Schemas;
use self::total::Total;
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::base::pool::Slots;
use pravah_foundation::io::digest::{Algorithm, Reading};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::operation::Options;
use pravah_foundation::run::operation::{Operation, Stages};
use pravah_foundation::run::partials;
use pravah_foundation::run::partials::KnownPartials;
use pravah_foundation::run::records;
use pravah_foundation::run::records::{FileReading, Nulls, ReadOptions, Shared};
use pravah_foundation::source::walk::WalkTotals;
use pravah_foundation::store::baseline::Reused;
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::report::Report;
use pravah_foundation::tabular::sketch::{Hll, Quantiles};
use pravah_foundation::tabular::values::KINDS;

/// Options of profile.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileOptions {
    /// How files are read.
    #[serde(flatten)]
    pub read: ReadOptions,
}

impl Options for ProfileOptions {
    const TABLES: &'static [TableColumns] = tables::TABLES;

    fn validate(&self) -> Result<()> {
        self.read.check()
    }

    fn reading(&self) -> Option<&ReadOptions> {
        Some(&self.read)
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        Self { read: self.read.resolved()? }.opened(context)
    }
}

impl ProfileOptions {
    /// The operation, of options that name no layout file any more.
    fn opened(&self, context: Context) -> Result<Box<dyn Operation>> {
        let mark = partial::mark(self);
        let profile = Profile {
            nulls: Nulls::of(&self.read),
            is_split: context.files.is_some(),
            workers: Slots::new(context.threads, || ProfileWorker::new(&context, &mark)),
        };
        let shared = Shared::new(profile, self.read.clone(), &context, CHUNK_BYTES);
        let known = KnownPartials::open(&context, mark);
        Ok(Box::new(ProfileOperation { shared, known, reused: Reused::default(), context }))
    }
}

/// Far more than what is made of it, few enough that some of them fit into memory many times.
const CHUNK_BYTES: usize = 4 << 20;

/// What all threads share.
struct Profile {
    nulls: Nulls,
    /// True while only a part of a job is done.
    is_split: bool,
    workers: Slots<ProfileWorker>,
}

/// Sums over files.
#[derive(Debug, Default)]
struct Figures {
    files: u64,
    bytes: u64,
    records: u64,
    ragged: u64,
    empty: u64,
    broken: u64,
    without_header: u64,
    not_utf8: u64,
}

impl Figures {
    fn add_file(&mut self, told: &FileFigures) {
        let all = &told.counts;
        self.files += 1;
        self.bytes += told.size;
        self.records += all.records;
        self.ragged += all.ragged;
        self.empty += u64::from(all.records == 0);
        self.broken += u64::from(all.is_open || !all.is_whole());
        self.without_header += u64::from(told.lacks_header);
        self.not_utf8 += u64::from(all.not_utf8 > 0);
    }

    fn merge(&mut self, other: &Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.records += other.records;
        self.ragged += other.ragged;
        self.empty += other.empty;
        self.broken += other.broken;
        self.without_header += other.without_header;
        self.not_utf8 += other.not_utf8;
    }
}

struct ProfileOperation {
    shared: Arc<Shared<Profile>>,
    known: KnownPartials,
    reused: Reused,
    context: Context,
}

impl Operation for ProfileOperation {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "profile", after: &[records::STAGE] }
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        Some(&[])
    }

    fn wants(&self, path: &[u8], _meta: &Meta) -> bool {
        self.shared.wants(path)
    }

    fn take_over(&self, path: &[u8], meta: &Meta) -> Result<bool> {
        Ok(self.known.take(path, meta))
    }

    fn checkpoint(&self) -> Result<()> {
        self.shared.table.workers.each(ProfileWorker::checkpoint)
    }

    fn reading<'a>(&'a self, path: &[u8], meta: &Meta) -> Result<Option<Box<dyn Reading + 'a>>> {
        Ok(Some(Box::new(FileReading::new(&self.shared, path, meta.size))))
    }

    fn settle(&mut self) -> Result<()> {
        self.context.control.next_stage();
        let lost = self.known.restore(&self.context, |row, figures| {
            let Some((told, columns)) = partial::decode(row.path(), row.state().size, figures) else {
                return Ok(false);
            };
            if !row.is_own() {
                self.reused.add(told.size);
            }
            let is_kept = self.context.files.is_some() || figures.len() <= partials::most_bytes(told.counts.bytes);
            let kept = is_kept.then(|| (row.state(), figures));
            self.shared.table.workers.acquire().end(&told, columns, kept).map(|()| true)
        })?;
        // A partial that is none, now that it is needed, costs a reading.
        self.shared.read_again(&self.context, &lost)?;
        self.shared.settle(&self.context)
    }

    fn finish(self: Box<Self>, totals: WalkTotals) -> Result<Report> {
        let Self { shared, context, reused, .. } = *self;
        let all_tables = shared.tables(totals.files);
        let outside = shared.outside().collect::<Vec<_>>();
        let profile = shared.finish()?;
        let (mut staged, mut columns, mut schemas, mut figures) =
            (Vec::new(), Pools::default(), Schemas::default(), Figures::default());
        for worker in profile.workers.into_inner() {
            let (tables, totals, others, sums) = worker.finish()?;
            staged.extend(tables);
            columns.merge(totals);
            schemas.merge(others);
            figures.merge(&sums);
        }
        let left_out = columns.left_out;
        let mut datasets = columns.finish();
        let columns: Vec<(Total, Many)> = datasets
            .all
            .iter_mut()
            .flat_map(|(_, pool)| std::mem::take(&mut pool.columns))
            .map(|mut total| {
                let figures = total.column.figures_in_order();
                total.finding = total.shapes.find();
                (total, figures)
            })
            .collect();
        staged.extend(tables::write_columns(&context, &columns)?);
        staged.push(formats::write(&context, &columns)?);
        let (tables, changes) = drift::write(&context, &schemas, &datasets)?;
        staged.extend(tables);
        context.sink.commit(staged)?;
        let groups = schemas.len();
        let mut summary = summary(&columns, &figures);
        if let Value::Object(summary) = &mut summary {
            summary.insert("reused_files".into(), reused.files().into());
            summary.insert("reused_bytes".into(), reused.bytes().into());
            summary.insert("other_files".into(), all_tables.saturating_sub(figures.files).into());
            summary.extend(outside);
            summary.insert("schemas".into(), groups.into());
            summary.insert("changes".into(), changes.into());
            summary.insert("datasets".into(), datasets.all.len().into());
            summary.insert("left_out_files".into(), left_out.into());
            let (ready, ambiguous) = formats::summary(&columns);
            summary.insert("formats".into(), ready);
            summary.insert("ambiguous_formats".into(), ambiguous.into());
        }
        let files = report::write(&context.sink, &summary, &columns)?;
        Ok(Report { not_covered: None, files, summary })
    }
}

fn summary(columns: &[(Total, Many)], figures: &Figures) -> Value {
    let natures: Vec<_> = columns.iter().map(|(total, figures)| tables::nature(total, figures)).collect();
    let of = |nature: &str| natures.iter().filter(|one| **one == Some(nature)).count();
    let mixed = |figures: &Many| KINDS.iter().filter(|kind| figures.kinds[**kind as usize].count > 0).count() > 1;
    let fields: u64 = columns.iter().map(|(total, figures)| figures.count() + total.column.nulls).sum();
    let nulls: u64 = columns.iter().map(|(total, _)| total.column.nulls).sum();
    json!({
        "files": figures.files,
        "bytes": figures.bytes,
        "records": figures.records,
        "columns": columns.len(),
        "null_share": if fields == 0 { 0.0 } else { nulls as f64 * 100.0 / fields as f64 },
        "ragged_records": figures.ragged,
        "empty_files": figures.empty,
        "broken_files": figures.broken,
        "files_without_header": figures.without_header,
        "files_malformed": figures.not_utf8,
        "empty_columns": of("empty"),
        "constant_columns": of("constant"),
        "key_columns": of("key") + of("likely key"),
        "columns_with_exceptions": columns.iter().filter(|(_, figures)| figures.conforming().1 > 0).count(),
        "exceptions": columns.iter().map(|(_, figures)| figures.conforming().1).sum::<u64>(),
        "mixed_columns": columns.iter().filter(|(_, figures)| mixed(figures)).count(),
        "distinct_error": Hll::ERROR * 100.0,
        "quantile_error": Quantiles::ERROR * 100.0,
    })
}
