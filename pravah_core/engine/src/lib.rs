//! Pravah's engine: walks a tree, reads files, writes Parquet. It knows no Python.
//!
//! One job is one [`run`]: a [`spec::JobSpec`] in, a folder of tables out, progress pulled from a
//! [`control::Control`] in between. Read next: [`walk`] (how a tree is visited), [`sink`] (how results
//! become final), [`pass`] (what an operation is called for), then one file of [`ops`].
//!
//! | module | owns |
//! |---|---|
//! | [`spec`] | the job specification |
//! | [`control`] | counters, cancel flag, issues, finished shards |
//! | [`walk`] | the only directory traversal |
//! | [`objects`] | a prefix of a bucket as a source |
//! | [`pool`] | the only place that makes threads |
//! | [`codec`] | compressed streams |
//! | [`pack`] | compressed streams written on all threads |
//! | [`columns`], [`sink`], [`outcome`] | tables, shards, `outcome.json` |
//! | [`baseline`], [`partials`] | what an earlier run found, for files that are as they were |
//! | [`text`], [`csv`], [`values`] | bytes as text, text as records, fields as typed values |
//! | [`sketch`] | figures of many values in little memory |
//! | [`destination`], [`made`] | files that are written outside the job folder, and which are there already |
//! | [`digest`], [`manifest`] | digests of a file, lists of digests |
//! | [`pass`] | one walk and one read of each file for all operations of a job |
//! | [`plan`], [`walk::listed`] | splits of a job, which several runners share |
//! | [`ops`] | the operations and their registry |

pub mod baseline;
pub mod codec;
pub mod columns;
pub mod compact;
pub mod contract;
pub mod control;
pub mod csv;
pub mod destination;
pub mod digest;
pub mod error;
pub mod issue;
pub mod json;
pub mod lasting;
pub mod made;
pub mod manifest;
pub mod names;
pub mod objects;
pub mod ops;
pub mod outcome;
pub mod owners;
pub mod pack;
pub mod partials;
pub mod pass;
pub mod paths;
pub mod plan;
pub mod pool;
pub mod preview;
pub mod records;
pub mod sheet;
pub mod sink;
pub mod sketch;
pub mod spec;
pub mod text;
pub mod unpack;
pub mod values;
pub mod walk;

use std::sync::Arc;
use std::time::SystemTime;

use control::Control;
use error::Result;
use objects::Credentials;
use outcome::Outcome;
use sink::JobFolder;
use spec::JobSpec;
use walk::open::Root;

/// The engine's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A job that is validated and has its source open: what can be refused was refused.
#[derive(Debug)]
pub struct Job {
    spec: JobSpec,
    root: Arc<Root>,
}

impl Job {
    /// Parse, validate, open the source.
    ///
    /// # Errors
    /// Everything that can be known before work starts; see [`error::EngineError`].
    pub fn prepare(spec_json: &[u8]) -> Result<Self> {
        Self::prepare_with(spec_json, None)
    }

    /// [`Job::prepare`] of a source that asks who reads it.
    ///
    /// # Errors
    /// As that one.
    pub fn prepare_with(spec_json: &[u8], credentials: Option<&Credentials>) -> Result<Self> {
        let spec = JobSpec::from_json(spec_json)?;
        let mut root = Root::open_with(&spec.source, spec.walk.follow_links, credentials)?;
        root.exclude(&spec.excluded);
        Ok(Self { spec, root: Arc::new(root) })
    }

    /// Make the job folder, so that a place where nothing can be written is known before the start.
    ///
    /// # Errors
    /// [`error::EngineError::Output`].
    pub fn create_output(&self) -> Result<()> {
        sink::create_folder(&self.spec.output.directory)
    }

    /// Run to the end on threads of its own; blocks.
    ///
    /// # Errors
    /// What ended the job, a panic included; per-file trouble is an issue instead.
    ///
    /// # Cancellation
    /// Answers a cancelled `control` within 200 ms.
    pub fn run(&self, control: &Arc<Control>) -> Result<Outcome> {
        ended(control, || self.work(control))
    }

    fn threads(&self) -> usize {
        let fitting = || self.root.objects().map_or_else(pool::default_threads, |_| objects::THREADS);
        self.spec.threads.unwrap_or_else(fitting)
    }

    fn work(&self, control: &Arc<Control>) -> Result<Outcome> {
        let started = SystemTime::now();
        let folder = JobFolder::create(&self.spec.output, control)?;
        self.root.begin(folder.path(), control)?;
        let requests = &self.spec.requests;
        let walk = Arc::new(self.spec.walk.clone());
        let contexts = requests.iter().enumerate().map(|(index, request)| {
            let others = requests.iter().enumerate().filter(|(other, _)| *other != index);
            Ok(ops::Context {
                root: Arc::clone(&self.root),
                walk: Arc::clone(&walk),
                files: self.spec.files.as_deref().map(Arc::from),
                sink: folder.sink(request.name())?,
                control: Arc::clone(control),
                threads: self.threads(),
                chunk_bytes: self.spec.chunk_bytes,
                baseline: self.spec.known(request.name()),
                key_bytes: self.spec.key_bytes,
                job: self.spec.output.job.as_deref().map(Arc::from),
                started,
                all_is_read: others.map(|(_, other)| other).any(ops::Request::reads_all),
            })
        });
        let contexts = contexts.collect::<Result<Vec<_>>>()?;
        let (totals, reports) = pass::run(requests, &contexts)?;
        outcome::write(&self.spec, &folder, control, totals, reports, started)
    }
}

/// Do the work of a job to its end, a panic or a failure that any thread told included.
fn ended<T>(control: &Control, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let end = error::guarded(work);
    control.finish();
    match control.take_failure() {
        Some(failure) => Err(failure),
        None => end,
    }
}

/// [`Job::prepare`] and [`Job::run`] in one call.
///
/// # Errors
/// As those two.
pub fn run(spec_json: &[u8], control: &Arc<Control>) -> Result<Outcome> {
    Job::prepare(spec_json)?.run(control)
}
