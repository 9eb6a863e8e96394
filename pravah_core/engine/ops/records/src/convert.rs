//! convert: files of records as Parquet, CSV or JSON Lines, with a proof that no row is lost.
//!
//! 1. A file's columns get the types that hold every value of it. The types of its first records are taken for granted
//!    until a value says otherwise: then the rest is only looked through, and the file is read a second time with types
//!    that hold all. Most files are read once. For types of several files together, all are looked through first.
//!    A type changes no value: what a float does not hold is a decimal or text, and what becomes text is copied.
//! 2. Each chunk becomes a row group, encoded by the thread that read it; groups are written in the chunks' order.
//! 3. A record that does not fit is rejected: its bytes go to a file beside the converted one, its place and reason to a
//!    table. Records read must be those that the written file's footer counts, or a reader of its text, and those
//!    rejected, else the job fails.
//!
//! A file that became one file at a destination, the next attempt does not convert again where both are as they were.
//!
//! Cost: O(bytes) reading and encoding; memory: the chunks in work, of 8 MiB of text each, and their encoded columns.

mod arrange;
mod arrays;
mod chunk;
mod dictionary;
mod encoder;
mod factories;
mod file;
mod given;
mod hybrid;
mod kept;
mod names;
mod native;
mod options;
mod plan;
mod proof;
mod rejects;
mod rows;
mod shown;
mod sort;
mod tables;
mod text;
mod tokens;
mod union;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::json;

use self::given::Given;
pub use self::options::{ConvertOptions, Schema, To};

use self::tables::{ConversionTotals, ConversionWorker, ConvertedFile};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::base::pool::Slots;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::destination::Destination;
use pravah_foundation::io::digest::{Algorithm, Reading};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::made::EarlierOutputs;
use pravah_foundation::run::names::Names;
use pravah_foundation::run::operation::Options;
use pravah_foundation::run::operation::{Operation, Stages};
use pravah_foundation::run::records;
use pravah_foundation::run::records::{FileReading, GivenSchemas, ReadOptions, Shared};
use pravah_foundation::source::walk::WalkTotals;
use pravah_foundation::store::baseline::Reused;
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::report::{OutputFile, Report};
use pravah_foundation::tabular::values::Needs;

/// Converted files that may be files of the result.
const MOST_FILES: usize = 10_000;
/// Their folder.
const FOLDER: &str = "converted";

impl Options for ConvertOptions {
    const TABLES: &'static [TableColumns] = tables::TABLES;

    fn validate(&self) -> Result<()> {
        self.check()
    }

    fn reading(&self) -> Option<&ReadOptions> {
        Some(&self.read)
    }

    fn resolved_reading(&self) -> Result<Option<ReadOptions>> {
        self.schema.resolved()?.reading(&self.read).map(|(read, _)| Some(read))
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        let schema = self.schema.resolved()?;
        let (read, told) = schema.reading(&self.read)?;
        let tell = |what| context.control.remark("convert", b"", IssueKind::Unsupported, what);
        told.into_iter().for_each(tell);
        Self { read, schema, ..self.clone() }.opened(context)
    }
}

impl ConvertOptions {
    /// The operation, of options that name no layout file any more.
    fn opened(&self, context: Context) -> Result<Box<dyn Operation>> {
        let destination = match &self.destination {
            Some(path) => Destination::open(path, &context.root, context.job.as_deref(), &context.control)?,
            // The attempt's own: no other one comes there, and no marker is to be taken away once the job is complete.
            None => Destination::open(&context.sink.directory().join(FOLDER), &context.root, None, &context.control)?,
        };
        let schemas = self.schema.schemas(&records::formats(&self.formats)?)?;
        let marked = Self { schema: self.schema.marked(), ..self.clone() };
        let convert = Convert {
            given: Given::all(self, &schemas)?,
            schemas,
            known: EarlierOutputs::open(&context, &marked, &destination),
            reused: Reused::default(),
            destination,
            workers: Slots::new(context.threads, || ConversionWorker::new(&context, &marked)),
            again: Mutex::default(),
            met: Mutex::default(),
            united: OnceLock::new(),
            names: OnceLock::new(),
            full_names: AtomicU64::new(0),
            options: self.clone(),
            context: context.clone(),
        };
        let shared = Shared::new(convert, self.read.clone(), &context, self.row_group_bytes);
        Ok(Box::new(ConvertOperation {
            shared,
            wanted: AtomicU64::new(0),
            unseen: AtomicU64::new(0),
            context,
            in_result: self.destination.is_none(),
        }))
    }
}

/// A file that is read once more.
struct Again {
    /// By column: what its values need.
    needs: Vec<Needs>,
    /// By column of a table: its dates have times.
    timed: Vec<bool>,
    /// How often it was read so far.
    readings: u64,
}

/// A file's columns with what their values need.
type Met = (Vec<u8>, Vec<(String, Needs)>);

/// What all threads share.
struct Convert {
    options: ConvertOptions,
    schemas: GivenSchemas,
    /// By dataset; of all files, if there is no schema.
    given: Vec<Given>,
    destination: Destination,
    /// What an earlier attempt has made.
    known: EarlierOutputs,
    /// Files that were taken over, and their bytes.
    reused: Reused,
    workers: Slots<ConversionWorker>,
    again: Mutex<HashMap<Vec<u8>, Again>>,
    /// The columns of each file that is read again.
    met: Mutex<Vec<Met>>,
    /// The columns of all files, once they are known.
    united: OnceLock<Vec<(String, Needs)>>,
    /// The names that more than one file would get.
    names: OnceLock<Names>,
    /// Files that keep their full names for it.
    full_names: AtomicU64,
    context: Context,
}

impl Convert {
    /// Which files are read again, and with which columns.
    fn decide(&self) -> Vec<Vec<u8>> {
        let mut met = std::mem::take(&mut *lock(&self.met));
        met.sort_by(|one, other| one.0.cmp(&other.0));
        if self.options.columns == Schema::Strict {
            met = self.same(met);
        }
        if self.options.columns != Schema::Own {
            let _ = self.united.set(union::union(&met));
        }
        met.into_iter().map(|(path, _)| path).collect()
    }

    /// Those that have the columns of most; the others are issues.
    fn same(&self, met: Vec<Met>) -> Vec<Met> {
        let names = |one: &Met| one.1.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let mut counts: HashMap<Vec<String>, (usize, usize)> = HashMap::new();
        for (place, one) in met.iter().enumerate() {
            counts.entry(names(one)).or_insert((0, place)).0 += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, (count, place))| (*count, std::cmp::Reverse(*place)));
        let Some((reference, _)) = most else { return met };
        let (same, others): (Vec<Met>, Vec<Met>) = met.into_iter().partition(|one| names(one) == reference);
        for (path, columns) in others {
            let own: Vec<&String> = columns.iter().map(|(name, _)| name).collect();
            let missing: Vec<&str> = reference.iter().filter(|name| !own.contains(name)).map(String::as_str).collect();
            let new: Vec<&str> =
                own.iter().filter(|name| !reference.contains(name)).map(|name| name.as_str()).collect();
            let message = format!(
                "has different columns from most files (missing: [{}], extra: [{}], or a different order); it was not converted",
                missing.join(", "),
                new.join(", ")
            );
            self.context.control.issue("convert", &path, IssueKind::Malformed, message);
        }
        same
    }
}

struct ConvertOperation {
    shared: Arc<Shared<Convert>>,
    /// Files that are to be read.
    wanted: AtomicU64,
    /// Places that could not be looked into.
    unseen: AtomicU64,
    context: Context,
    in_result: bool,
}

impl Operation for ConvertOperation {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "convert", after: &[records::STAGE] }
    }

    fn prepare(&mut self) -> Result<()> {
        self.shared.table.decide_names()
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        Some(&[])
    }

    fn trouble(&self, _path: &[u8], _kind: IssueKind, _message: &str) -> Result<()> {
        self.unseen.fetch_add(1, Relaxed);
        Ok(())
    }

    fn wants(&self, path: &[u8], _meta: &Meta) -> bool {
        let is_wanted = self.shared.wants(path);
        self.wanted.fetch_add(u64::from(is_wanted), Relaxed);
        is_wanted
    }

    fn take_over(&self, path: &[u8], meta: &Meta) -> Result<bool> {
        self.shared.table.take(path, meta)
    }

    fn checkpoint(&self) -> Result<()> {
        self.shared.table.checkpoint()
    }

    fn reading<'a>(&'a self, path: &[u8], meta: &Meta) -> Result<Option<Box<dyn Reading + 'a>>> {
        Ok(Some(Box::new(FileReading::new(&self.shared, path, meta.size))))
    }

    fn settle(&mut self) -> Result<()> {
        self.context.control.next_stage();
        self.shared.settle(&self.context)?;
        loop {
            let paths = self.shared.table.decide();
            if paths.is_empty() {
                return Ok(());
            }
            self.shared.read_again(&self.context, &paths)?;
        }
    }

    fn let_go(&self) {
        self.shared.let_go();
    }

    fn finish(self: Box<Self>, totals: WalkTotals) -> Result<Report> {
        let Self { shared, wanted, unseen, context, in_result } = *self;
        let wanted = wanted.into_inner();
        let tables = shared.tables(wanted);
        let outside = shared.outside().collect::<Vec<_>>();
        let convert = shared.finish()?;
        let (mut staged, mut sums, mut made) = (Vec::new(), ConversionTotals::default(), Vec::new());
        for worker in convert.workers.into_inner() {
            let (tables, own, files) = worker.stage()?;
            staged.extend(tables);
            sums.add(&own);
            made.extend(files);
        }
        let path = convert.destination.path().to_string_lossy().into_owned();
        let left = convert.destination.finish()?.left;
        context.sink.commit(staged)?;
        let failed = tables.saturating_sub(sums.files);
        let mut summary = json!({
            "verdict": sums.verdict(failed, unseen.into_inner() + left),
            "files": sums.files,
            "failed_files": failed,
            "partial_files": sums.partial,
            "other_files": totals.files.saturating_sub(wanted),
            "files_written": sums.made,
            "bytes": sums.bytes,
            "output_bytes": sums.output_bytes,
            "packed_percent": if sums.bytes == 0 { 0.0 } else { sums.output_bytes as f64 * 100.0 / sums.bytes as f64 },
            "records_read": sums.read,
            "records_written": sums.written,
            "records_rejected": sums.rejected,
            "values_nulled": sums.nulled,
            "value_proof": sums.proof.words(),
            "proven_values": sums.proof.values,
            "changed_files": sums.proof.changed,
            "reused_files": convert.reused.files(),
            "reused_bytes": convert.reused.bytes(),
            "read_twice": sums.twice,
            "full_names": convert.full_names.load(Relaxed),
            "destination": if in_result { None } else { Some(path) },
        });
        if let Some(summary) = summary.as_object_mut() {
            summary.extend(outside);
        }
        Ok(Report { not_covered: None, files: files(made)?, summary })
    }
}

/// Converted files as files of the result.
fn files(mut made: Vec<ConvertedFile>) -> Result<Vec<OutputFile>> {
    if made.len() > MOST_FILES {
        return Err(EngineError::invalid(format!(
            "{} converted files are too many for a result; set options.destination",
            made.len()
        )));
    }
    made.sort_by(|one, other| one.path.cmp(&other.path));
    let file = |made: ConvertedFile| OutputFile {
        media_type: To::media_type(&made.path),
        name: format!("{FOLDER}/{}", String::from_utf8_lossy(&made.path)),
        bytes: made.bytes,
    };
    Ok(made.into_iter().map(file).collect())
}

/// What the Parquet library says: the file cannot be written, or a bug.
fn failed(error: impl std::fmt::Display) -> EngineError {
    EngineError::output(std::path::Path::new("the converted file"), error)
}
