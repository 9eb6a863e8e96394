//! What the outside sees of a running job: counters, the cancel flag, issues, finished shards.
//!
//! Progress is pulled: the job adds to atomics, an observer reads a [`Snapshot`] when it likes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use crate::base::error::{EngineError, Result};
use crate::base::issue::{Issue, IssueExtent, IssueKind, IssueLog};
use crate::base::sync::lock;

const UNKNOWN: u64 = u64::MAX;

/// A part of a table that is final on disk.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Shard {
    /// The operation whose table it is a part of.
    pub operation: String,
    /// The table it belongs to.
    pub table: String,
    /// Its path below the job folder.
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Its digest, in hexadecimal.
    pub blake3: String,
}

/// A consistent-enough reading of the counters; `None` means "not known yet".
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The stage's name.
    pub stage: &'static str,
    /// Its place, from 0.
    pub stage_index: usize,
    /// How many stages the job has.
    pub stage_count: usize,
    /// Files finished.
    pub files_done: u64,
    /// Files to do.
    pub files_total: Option<u64>,
    /// Bytes finished.
    pub bytes_done: u64,
    /// Bytes to do.
    pub bytes_total: Option<u64>,
    /// Issues so far.
    pub issues: u64,
    /// Mean rate since the start; none in the first half second.
    pub bytes_per_second: Option<f64>,
    /// Seconds since the start, or the job's whole time once it has finished.
    pub elapsed_seconds: f64,
}

/// Shared between a job and its observers.
#[derive(Debug)]
pub struct Control {
    started: Instant,
    finished: OnceLock<f64>,
    cancelled: AtomicBool,
    failure: Mutex<Option<EngineError>>,
    stages: OnceLock<Vec<&'static str>>,
    stage: AtomicUsize,
    stage_starts: Mutex<Vec<f64>>,
    files_done: AtomicU64,
    files_total: AtomicU64,
    bytes_done: AtomicU64,
    bytes_total: AtomicU64,
    issues: IssueLog,
    shards: Mutex<Vec<Shard>>,
    places: Mutex<Vec<PathBuf>>,
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

impl Control {
    /// A control for a job that starts now.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            finished: OnceLock::new(),
            cancelled: AtomicBool::new(false),
            failure: Mutex::new(None),
            stages: OnceLock::new(),
            stage: AtomicUsize::new(0),
            stage_starts: Mutex::new(Vec::new()),
            files_done: AtomicU64::new(0),
            files_total: AtomicU64::new(UNKNOWN),
            bytes_done: AtomicU64::new(0),
            bytes_total: AtomicU64::new(UNKNOWN),
            issues: IssueLog::default(),
            shards: Mutex::new(Vec::new()),
            places: Mutex::default(),
        }
    }

    /// Take a directory, all names of which these are, for one operation; false when another one has it, or one that is
    /// in it or around it.
    pub fn take_place(&self, names: &[PathBuf]) -> bool {
        let mut places = lock(&self.places);
        let is_taken = names.iter().any(|name| places.iter().any(|own| own.starts_with(name) || name.starts_with(own)));
        if !is_taken {
            places.extend_from_slice(names);
        }
        !is_taken
    }

    /// Ask the job to stop; idempotent.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// End the job with `error`: everything stops as if it were cancelled. What came first counts, an
    /// earlier failure or a cancel.
    pub fn fail(&self, error: EngineError) {
        let mut failure = lock(&self.failure);
        if !self.cancelled.swap(true, Relaxed) {
            *failure = Some(error);
        }
    }

    /// What [`Control::fail`] was told, once.
    pub fn take_failure(&self) -> Option<EngineError> {
        lock(&self.failure).take()
    }

    /// True once [`Control::cancel`] or [`Control::fail`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Relaxed)
    }

    /// # Errors
    /// [`EngineError::Cancelled`] once the job is to stop; [`Control::take_failure`] has the cause.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
    }

    /// Name the job's stages and enter the first.
    pub fn set_stages(&self, stages: Vec<&'static str>) {
        let _ = self.stages.set(stages);
        lock(&self.stage_starts).push(self.elapsed_seconds());
    }

    /// Enter the next stage and start its clock.
    pub fn next_stage(&self) {
        self.stage.fetch_add(1, Relaxed);
        lock(&self.stage_starts).push(self.elapsed_seconds());
    }

    /// The stages entered so far with the seconds each took.
    pub fn stage_seconds(&self) -> Vec<(&'static str, f64)> {
        let starts = lock(&self.stage_starts).clone();
        let names = self.stages.get().map_or(&[][..], Vec::as_slice);
        let now = self.elapsed_seconds();
        let ends = starts.iter().skip(1).copied().chain([now]);
        names.iter().copied().zip(starts.iter().zip(ends).map(|(start, end)| end - start)).collect()
    }

    /// Count finished files and bytes.
    pub fn add_done(&self, files: u64, bytes: u64) {
        self.files_done.fetch_add(files, Relaxed);
        self.bytes_done.fetch_add(bytes, Relaxed);
    }

    /// Say how much there is, once the walk knows.
    pub fn set_totals(&self, files: u64, bytes: u64) {
        self.files_total.store(files, Relaxed);
        self.bytes_total.store(bytes, Relaxed);
    }

    /// Begin to count anew: the present stage has so much to do.
    pub fn restart(&self, files: u64, bytes: u64) {
        self.files_done.store(0, Relaxed);
        self.bytes_done.store(0, Relaxed);
        self.set_totals(files, bytes);
    }

    /// Say that all is done.
    pub fn complete(&self, files: u64, bytes: u64) {
        self.set_totals(files, bytes);
        self.files_done.store(files, Relaxed);
        self.bytes_done.store(bytes, Relaxed);
    }

    /// True once the totals are known.
    pub fn has_totals(&self) -> bool {
        self.files_total.load(Relaxed) != UNKNOWN
    }

    /// [`Control::set_totals`] unless they are known: the job's own walk is right, a count ahead is a guess.
    pub fn set_totals_once(&self, files: u64, bytes: u64) {
        let known = self.files_total.compare_exchange(UNKNOWN, files, Relaxed, Relaxed);
        if known.is_ok() {
            let _ = self.bytes_total.compare_exchange(UNKNOWN, bytes, Relaxed, Relaxed);
        }
    }

    /// Record trouble with one path (bytes, relative to the source): something of it was not read, or not written, so
    /// that the job is incomplete.
    pub fn issue(&self, stage: &'static str, path: &[u8], kind: IssueKind, message: impl Into<String>) {
        self.record(Issue { stage, path: path.to_vec(), kind, message: message.into() }, IssueExtent::Incomplete);
    }

    /// Record what is odd about a path of which all was read.
    pub fn remark(&self, stage: &'static str, path: &[u8], kind: IssueKind, message: impl Into<String>) {
        self.record(Issue { stage, path: path.to_vec(), kind, message: message.into() }, IssueExtent::Whole);
    }

    /// A list of issues that cannot be written ends the job: none of them may be lost.
    fn record(&self, issue: Issue, extent: IssueExtent) {
        if let Err(error) = self.issues.push(issue, extent) {
            self.fail(error);
        }
    }

    /// Record a system error on one path.
    pub fn io_issue(&self, stage: &'static str, path: &[u8], error: &std::io::Error) {
        self.issue(stage, path, IssueKind::from_io(error), error.to_string());
    }

    /// The issues so far.
    pub fn issues(&self) -> &IssueLog {
        &self.issues
    }

    /// Record a shard that is final on disk.
    pub fn shard_done(&self, shard: Shard) {
        lock(&self.shards).push(shard);
    }

    /// Finished shards after the first `after`.
    pub fn shards(&self, after: usize) -> Vec<Shard> {
        lock(&self.shards).iter().skip(after).cloned().collect()
    }

    /// Stop the clock.
    pub fn finish(&self) {
        let _ = self.finished.set(self.started.elapsed().as_secs_f64());
    }

    /// Seconds since the start, or until [`Control::finish`].
    pub fn elapsed_seconds(&self) -> f64 {
        self.finished.get().copied().unwrap_or_else(|| self.started.elapsed().as_secs_f64())
    }

    /// Read the counters.
    pub fn snapshot(&self) -> Snapshot {
        let known = |value: u64| (value != UNKNOWN).then_some(value);
        let elapsed_seconds = self.elapsed_seconds();
        let stages = self.stages.get().map_or(&["starting"][..], Vec::as_slice);
        let stage_index = self.stage.load(Relaxed);
        let bytes_done = self.bytes_done.load(Relaxed);
        let bytes_total = known(self.bytes_total.load(Relaxed));
        let observed = elapsed_seconds >= 0.5 || self.finished.get().is_some();
        Snapshot {
            stage: stages.get(stage_index).copied().unwrap_or("starting"),
            stage_index,
            stage_count: stages.len(),
            files_done: self.files_done.load(Relaxed),
            files_total: known(self.files_total.load(Relaxed)),
            // A file that grew since it was listed, or is read twice because it changed, is no progress.
            bytes_done: bytes_total.map_or(bytes_done, |total| bytes_done.min(total)),
            bytes_total,
            issues: self.issues.count(),
            bytes_per_second: observed.then(|| bytes_done as f64 / elapsed_seconds.max(1e-9)),
            elapsed_seconds,
        }
    }
}
