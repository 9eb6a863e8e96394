//! validate: every record of every file against a schema, each error with its place.
//!
//! Without a schema the types of a file's first records are one: does the whole file hold what its beginning promises?
//! All errors are counted, by file, column and rule; as many as `max_errors` are listed, and a result with fewer than
//! there are says that it is partial. Values of keys (unique, or foreign to another file) are compared by their hashes of
//! 96 bits; a file that breaks one is read a second time, for the places of its errors.
//!
//! What is told of a file that stands for itself is kept for a later run, which takes it over where the file is as it
//! was.
//!
//! Cost: O(bytes) reading and checking, twice for files that break a key; memory: the chunks in work with their errors,
//! and 16 MB for the keys of all files. More of them waits in temporary files, 24 bytes a value.

mod across;
mod again;
mod chunk;
mod datasets;
mod file;
mod kept;
mod keys;
mod last;
mod options;
mod parts;
mod plan;
mod rows;
mod rules;
mod sorter;
mod tables;
mod typed;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::json;

use self::across::tell_unused;
use self::datasets::DatasetSums;
use self::keys::Keys;
use self::last::LastResults;
use self::options::{CHUNK_BYTES, MOST_ERRORS, MOST_KEYS};
pub use self::options::{ExtraColumns, ValidateOptions};
use self::plan::ValidationPlan;
use self::rules::RuleSet;
use self::tables::{ValidationTotals, ValidationWorker};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::base::pool::Slots;
use pravah_foundation::io::destination::{self, Destination};
use pravah_foundation::io::digest::{Algorithm, Reading};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::names::Names;
use pravah_foundation::run::operation::{Operation, Options, Stages};
use pravah_foundation::run::partials::KnownPartials;
use pravah_foundation::run::records;
use pravah_foundation::run::records::{FileReading, Formats, GivenSchemas, Nulls, ReadOptions, Shared};
use pravah_foundation::source::walk::WalkTotals;
use pravah_foundation::store::baseline::Reused;
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::report::Report;
use pravah_foundation::store::sink::Staged;
use pravah_foundation::tabular::contract::{self, Contract};

impl Options for ValidateOptions {
    const TABLES: &'static [TableColumns] = tables::TABLES;

    fn validate(&self) -> Result<()> {
        self.read.check()?;
        self.schema.check()?;
        if !(1..=MOST_ERRORS).contains(&self.max_errors) {
            return Err(EngineError::invalid("options.max_errors must be between 1 and 1,000,000,000"));
        }
        let schemas = self.schema.schemas(&records::formats(&self.formats)?)?;
        options::rules(self, &schemas.resources)?;
        self.destination.as_deref().map_or(Ok(()), destination::check)
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
        let tell = |what| context.control.remark("validate", b"", IssueKind::Unsupported, what);
        told.into_iter().for_each(tell);
        Self { read, schema, ..self.clone() }.opened(context)
    }
}

impl ValidateOptions {
    /// The operation, of options that name no layout file any more.
    fn opened(&self, context: Context) -> Result<Box<dyn Operation>> {
        let formats = records::formats(&self.formats)?;
        let schemas = self.schema.schemas(&formats)?;
        let set = Arc::new(options::rules(self, &schemas.resources)?);
        let mark = kept::mark(self, &context);
        let destination = self
            .destination
            .as_deref()
            .map(|path| Destination::open(path, &context.root, context.job.as_deref(), &context.control))
            .transpose()?;
        let (mut keys, mut owners) = (Vec::new(), Vec::new());
        for (place, resource) in schemas.resources.iter().enumerate() {
            keys.extend(resource.schema.all_keys());
            owners.resize(keys.len(), place);
        }
        if keys.len() > MOST_KEYS {
            return Err(EngineError::invalid("the schemas have more than 65,536 keys"));
        }
        let validate = Validate {
            nulls: schemas.nulls(&self.read),
            owners,
            workers: Slots::new(context.threads, || ValidationWorker::new(&context, &mark, &set)),
            listed: AtomicU64::new(0),
            is_partial: AtomicBool::new(false),
            is_unchecked: AtomicBool::new(false),
            keys: Keys::new(keys, &context),
            applied: set.rules.iter().map(|_| AtomicBool::new(false)).collect(),
            sums: Mutex::default(),
            last: LastResults::read(&context, &set),
            set,
            kept: AtomicU32::new(0),
            names: OnceLock::new(),
            inferred: Mutex::default(),
            options: self.clone(),
            formats,
            schemas,
            destination,
            context: context.clone(),
        };
        // With a destination every file's records are written, and so read.
        let is_open = validate.destination.is_none();
        let known = if is_open { KnownPartials::open(&context, mark) } else { KnownPartials::default() };
        let shared = Shared::new(validate, self.read.clone(), &context, CHUNK_BYTES);
        Ok(Box::new(ValidateOperation { shared, wanted: AtomicU64::new(0), known, reused: Reused::default(), context }))
    }
}

/// What all threads share.
struct Validate {
    options: ValidateOptions,
    formats: Formats,
    /// By dataset; none: that of each file's first records.
    schemas: GivenSchemas,
    /// Of each key the dataset that has it.
    owners: Vec<usize>,
    /// By dataset; of all files, if there is no schema.
    nulls: Vec<Nulls>,
    destination: Option<Destination>,
    workers: Slots<ValidationWorker>,
    /// Errors that were to be listed.
    listed: AtomicU64,
    /// Not all errors are listed, or a check could not be made.
    is_partial: AtomicBool,
    /// A check could not be made.
    is_unchecked: AtomicBool,
    keys: Keys,
    /// Rules across columns.
    set: Arc<RuleSet>,
    /// By rule: a file has columns of it.
    applied: Vec<AtomicBool>,
    /// Figures of all records, for rules about datasets.
    sums: Mutex<DatasetSums>,
    last: LastResults,
    /// Files whose good and bad records stay open.
    kept: AtomicU32,
    /// The names that good or bad records of more than one file would get.
    names: OnceLock<Names>,
    /// The first file by name with what its beginning promises.
    inferred: Mutex<Option<(Vec<u8>, Contract)>>,
    context: Context,
}

impl Validate {
    /// A check could not be made.
    fn leave_unchecked(&self) {
        self.is_unchecked.store(true, Relaxed);
        self.is_partial.store(true, Relaxed);
    }
}

struct ValidateOperation {
    shared: Arc<Shared<Validate>>,
    /// Files that are to be read.
    wanted: AtomicU64,
    known: KnownPartials,
    /// Files that were taken over, and their bytes.
    reused: Reused,
    context: Context,
}

impl Operation for ValidateOperation {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "validate", after: &[records::STAGE] }
    }

    fn prepare(&mut self) -> Result<()> {
        self.shared.table.decide_names()
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        Some(&[])
    }

    fn trouble(&self, _path: &[u8], _kind: IssueKind, _message: &str) -> Result<()> {
        // What lies there is not checked.
        self.shared.table.leave_unchecked();
        Ok(())
    }

    fn wants(&self, path: &[u8], _meta: &Meta) -> bool {
        let is_wanted = self.shared.wants(path);
        self.wanted.fetch_add(u64::from(is_wanted), Relaxed);
        is_wanted
    }

    fn take_over(&self, path: &[u8], meta: &Meta) -> Result<bool> {
        Ok(self.known.take(path, meta))
    }

    fn checkpoint(&self) -> Result<()> {
        self.shared.table.workers.each(ValidationWorker::checkpoint)
    }

    fn reading<'a>(&'a self, path: &[u8], meta: &Meta) -> Result<Option<Box<dyn Reading + 'a>>> {
        Ok(Some(Box::new(FileReading::new(&self.shared, path, meta.size))))
    }

    fn settle(&mut self) -> Result<()> {
        self.context.control.next_stage();
        let lost = self.known.restore(&self.context, |row, figures| {
            let is_one = self.shared.table.restore(row.path(), row.state(), figures)?;
            if is_one {
                self.reused.add(row.state().size);
            }
            Ok(is_one)
        })?;
        // What is no partial, now that it is needed, costs a reading.
        self.shared.read_again(&self.context, &lost)?;
        self.shared.settle(&self.context)?;
        let again = self.shared.table.settle_keys()?;
        self.shared.read_again(&self.context, &again)?;
        self.shared.table.settle_rest()
    }

    fn let_go(&self) {
        self.shared.let_go();
    }

    fn finish(self: Box<Self>, totals: WalkTotals) -> Result<Report> {
        let Self { shared, wanted, context, reused, .. } = *self;
        let wanted = wanted.into_inner();
        let tables = shared.tables(wanted);
        let outside = shared.outside().collect::<Vec<_>>();
        let validate = shared.finish()?;
        let unused = validate.unused();
        let datasets = validate.tell_datasets()?;
        let (mut staged, mut sums) = (Vec::<Staged>::new(), ValidationTotals::default());
        for worker in validate.workers.into_inner() {
            let (tables, own) = worker.stage()?;
            staged.extend(tables);
            sums.add(own);
        }
        // What could not be read has no verdict of its own; and where there was nothing, nothing is valid.
        let unread = tables.saturating_sub(sums.files);
        let is_unused = sums.files > 0 && tell_unused(&unused, &context.control);
        let is_unchecked =
            is_unused || datasets.is_unchecked || unread > 0 || sums.files == 0 || validate.is_unchecked.load(Relaxed);
        let is_partial = is_unchecked || validate.is_partial.load(Relaxed);
        let (table, key) = tables::PARTIAL;
        staged.iter_mut().try_for_each(|staged| staged.annotate(table, key, &is_partial.to_string()))?;
        let (table, key) = last::TIME;
        staged.iter_mut().try_for_each(|staged| staged.annotate(table, key, &last::now(&context).to_string()))?;
        let destination = validate.destination.map(|destination| {
            let path = destination.path().to_string_lossy().into_owned();
            destination.finish().map(|_| path)
        });
        let destination = destination.transpose()?;
        context.sink.commit(staged)?;
        let inferred = validate.inferred.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_given = !validate.schemas.resources.is_empty();
        let schema = match is_given {
            true => contract::described(&validate.schemas.resources),
            false => inferred.map(|(_, contract)| contract).unwrap_or_default().described(),
        };
        let text = serde_json::to_vec_pretty(&schema).map_err(|error| EngineError::internal(error.to_string()))?;
        let file = context.sink.write_file("schema.json", &text, "application/json")?;
        datasets.add_to(&mut sums.rules);
        let verdict = match (sums.errors + datasets.broken, is_unchecked) {
            (1.., _) => "invalid",
            (0, true) => "partial",
            (0, false) => "valid",
        };
        let mut summary = json!({
            "verdict": verdict,
            "schema": if is_given { "given" } else { "of the first records" },
            "files": sums.files,
            "other_files": totals.files.saturating_sub(wanted),
            "unread_files": unread,
            "invalid_files": sums.invalid,
            "bytes": sums.bytes,
            "reused_files": reused.files(),
            "reused_bytes": reused.bytes(),
            "records": sums.records,
            "good_records": sums.records.saturating_sub(sums.bad),
            "bad_records": sums.bad,
            "errors": sums.errors,
            "listed_errors": sums.listed,
            "undecided": sums.undecided,
            "dataset_rules": datasets.summary(),
            "partial": is_partial,
            "rules": sums.rules,
            "destination": destination,
        });
        if let Some(summary) = summary.as_object_mut() {
            summary.extend(outside);
        }
        Ok(Report { not_covered: None, files: vec![file], summary })
    }
}
