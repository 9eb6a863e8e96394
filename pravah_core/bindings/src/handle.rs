//! A job's handle and the frozen records it gives out.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pravah_engine::Control;
use pravah_engine::Credentials;
use pravah_engine::Cut;
use pravah_engine::Job;
use pravah_engine::{EngineError, Result};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors;

/// Between two looks for a signal, such as the one of Ctrl-C.
const LOOK: Duration = Duration::from_millis(50);

struct Ending {
    /// The end of the job, once there is one.
    end: Mutex<Option<Result<Vec<u8>>>>,
    ended: Condvar,
}

impl Ending {
    /// True when the job ends within `limit`.
    fn wait(&self, limit: Duration) -> bool {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ended.wait_timeout_while(end, limit, |end| end.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_some()
    }
}

#[pyclass(frozen, module = "pravah_core._native")]
pub struct JobHandle {
    control: Arc<Control>,
    ending: Arc<Ending>,
    thread: Mutex<Option<JoinHandle<()>>>,
    credentials: Option<Credentials>,
}

impl JobHandle {
    /// Run a prepared job on a thread of its own.
    pub fn run(job: Job, credentials: Option<Credentials>) -> Result<Self> {
        job.create_output()?;
        Self::spawn(credentials, move |control| job.run(control).map(|outcome| outcome.to_json()))
    }

    /// Plan the splits of a prepared job on a thread of its own.
    pub fn plan(job: Job, credentials: Option<Credentials>, folder: PathBuf, cut: Cut) -> Result<Self> {
        Self::spawn(credentials, move |control| {
            job.plan(&folder, cut, control).map(|plan| plan.to_string().into_bytes())
        })
    }

    fn spawn(
        credentials: Option<Credentials>,
        work: impl FnOnce(&Arc<Control>) -> Result<Vec<u8>> + Send + 'static,
    ) -> Result<Self> {
        let control = Arc::new(Control::new());
        let ending = Arc::new(Ending { end: Mutex::new(None), ended: Condvar::new() });
        let (running, ended) = (Arc::clone(&control), Arc::clone(&ending));
        let body = move || {
            // A panic of the job is an error of its already.
            let end = work(&running);
            *ended.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
            ended.ended.notify_all();
        };
        let thread = std::thread::Builder::new()
            .name("pravah-job".into())
            .spawn(body)
            .map_err(|error| EngineError::internal(format!("cannot start the job's thread: {error}")))?;
        Ok(Self { control, ending, thread: Mutex::new(Some(thread)), credentials })
    }

    /// Wait with the GIL released, and look for signals meanwhile; true when the job has ended.
    fn wait_until(&self, py: Python<'_>, deadline: Option<Instant>) -> PyResult<bool> {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let slice = left.unwrap_or(LOOK).min(LOOK);
            if py.detach(|| self.ending.wait(slice)) {
                return Ok(true);
            }
            py.check_signals()?;
            if left.is_some_and(|left| left <= slice) {
                return Ok(false);
            }
        }
    }
}

impl Drop for JobHandle {
    fn drop(&mut self) {
        self.control.cancel();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // The job needs no GIL to end, so joining cannot deadlock; a cancelled one ends within 200 ms.
            Python::attach(|py| py.detach(|| drop(thread.join())));
        }
    }
}

/// The end of a wait of so many seconds; none for one so far away that it never comes.
fn deadline_after(seconds: f64) -> PyResult<Option<Instant>> {
    if seconds.is_nan() || seconds < 0.0 {
        return Err(pyo3::exceptions::PyValueError::new_err(format!("seconds must be at least 0, not {seconds}")));
    }
    Ok(Duration::try_from_secs_f64(seconds).ok().and_then(|wait| Instant::now().checked_add(wait)))
}

#[pymethods]
impl JobHandle {
    fn wait(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        self.wait_until(py, deadline_after(seconds)?)
    }

    fn progress(&self) -> Progress {
        let snapshot = self.control.snapshot();
        Progress {
            stage: snapshot.stage,
            stage_index: snapshot.stage_index,
            stage_count: snapshot.stage_count,
            files_done: snapshot.files_done,
            files_total: snapshot.files_total,
            bytes_done: snapshot.bytes_done,
            bytes_total: snapshot.bytes_total,
            issues: snapshot.issues,
            bytes_per_second: snapshot.bytes_per_second,
            elapsed_seconds: snapshot.elapsed_seconds,
        }
    }

    #[pyo3(signature = (after, limit = 1000))]
    fn issues(&self, after: usize, limit: usize) -> Vec<Issue> {
        let page = self.control.issues().page(after, limit);
        let number = |(offset, issue): (usize, pravah_engine::Issue)| Issue {
            index: after + offset + 1,
            stage: issue.stage,
            path: issue.path,
            kind: issue.kind.as_str(),
            message: issue.message,
        };
        page.into_iter().enumerate().map(number).collect()
    }

    fn shards(&self, after: usize) -> Vec<Shard> {
        let number = |(offset, shard): (usize, pravah_engine::Shard)| Shard {
            index: after + offset + 1,
            operation: shard.operation,
            table: shard.table,
            path: shard.path,
            rows: shard.rows,
            size_bytes: shard.bytes,
        };
        self.control.shards(after).into_iter().enumerate().map(number).collect()
    }

    fn renew(&self, credentials: &[u8]) -> PyResult<()> {
        let known = self.credentials.as_ref();
        known.map_or(Ok(()), |known| known.renew(credentials)).map_err(errors::to_python)
    }

    fn cancel(&self) {
        self.control.cancel();
    }

    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.wait_until(py, None)?;
        let end = self.ending.end.lock().unwrap_or_else(PoisonError::into_inner);
        match end.as_ref() {
            Some(Ok(outcome)) => Ok(PyBytes::new(py, outcome)),
            Some(Err(error)) => Err(errors::of(error)),
            None => Err(errors::to_python(EngineError::internal("the job ended without a result"))),
        }
    }
}

#[pyclass(frozen, get_all, module = "pravah_core._native")]
pub struct Progress {
    stage: &'static str,
    stage_index: usize,
    stage_count: usize,
    files_done: u64,
    files_total: Option<u64>,
    bytes_done: u64,
    bytes_total: Option<u64>,
    issues: u64,
    bytes_per_second: Option<f64>,
    elapsed_seconds: f64,
}

#[pyclass(frozen, get_all, module = "pravah_core._native")]
pub struct Issue {
    index: usize,
    stage: &'static str,
    path: Vec<u8>,
    kind: &'static str,
    message: String,
}

#[pyclass(frozen, get_all, module = "pravah_core._native")]
pub struct Shard {
    index: usize,
    operation: String,
    table: String,
    path: String,
    rows: u64,
    size_bytes: u64,
}
