//! A job: a specification and an open source, to run, to plan, or to preview.

pub mod outcome;
pub mod plan;
pub mod preview;
pub mod spec;

use std::sync::Arc;
use std::time::SystemTime;

use self::outcome::Outcome;
use self::spec::JobSpec;
use crate::ops::Request;
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{self, Result};
use pravah_foundation::base::pool::{self, ComputePool};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::pass;
use pravah_foundation::source::objects::{self, Credentials};
use pravah_foundation::source::walk::open::Root;
use pravah_foundation::store::sink::{self, JobFolder};

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
        let pool = ComputePool::new(self.threads());
        let contexts = requests.iter().enumerate().map(|(index, request)| {
            let others = requests.iter().enumerate().filter(|(other, _)| *other != index);
            Ok(Context {
                root: Arc::clone(&self.root),
                walk: Arc::clone(&walk),
                files: self.spec.files.as_deref().map(Arc::from),
                sink: folder.sink(request.name())?,
                control: Arc::clone(control),
                threads: self.threads(),
                pool: pool.clone(),
                chunk_bytes: self.spec.chunk_bytes,
                baseline: self.spec.known(request.name()),
                key_bytes: self.spec.key_bytes,
                job: self.spec.output.job.as_deref().map(Arc::from),
                started,
                all_is_read: others.map(|(_, other)| other).any(Request::reads_all),
            })
        });
        let contexts = contexts.collect::<Result<Vec<_>>>()?;
        let operations = requests.iter().zip(&contexts).map(|(request, context)| request.operation(context.clone()));
        let (totals, reports) = pass::run(operations.collect::<Result<_>>()?, &contexts)?;
        outcome::write(&self.spec, &folder, control, totals, reports, started)
    }
}

/// Do the work of a job to its end, a panic or a failure that any thread told included.
pub(crate) fn ended<T>(control: &Control, work: impl FnOnce() -> Result<T>) -> Result<T> {
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
