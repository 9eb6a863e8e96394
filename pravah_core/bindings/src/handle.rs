//! A job's handle and the frozen records it gives out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use pravah_engine::Job;
use pravah_engine::control::Control;
use pravah_engine::error::{EngineError, Result};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors;

/// The end of a job, once there is one.
type End = std::result::Result<Vec<u8>, (EngineError, &'static str)>;

struct Ending {
    end: Mutex<Option<End>>,
    ended: Condvar,
}

#[pyclass(frozen, module = "pravah_core._native")]
pub struct JobHandle {
    control: Arc<Control>,
    ending: Arc<Ending>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl JobHandle {
    /// Run a prepared job on a thread of its own. A panic becomes an internal error.
    pub fn spawn(job: Job) -> Result<Self> {
        let control = Arc::new(Control::new());
        let ending = Arc::new(Ending { end: Mutex::new(None), ended: Condvar::new() });
        let (running, ended) = (Arc::clone(&control), Arc::clone(&ending));
        let body = move || {
            let run = catch_unwind(AssertUnwindSafe(|| job.run(&running).map(|outcome| outcome.to_json())));
            let end = run.unwrap_or_else(|panic| Err(EngineError::internal(panic_message(&*panic))));
            running.finish();
            let end = end.map_err(|error| {
                let code = error.code();
                (error, code)
            });
            *ended.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
            ended.ended.notify_all();
        };
        let thread = std::thread::Builder::new()
            .name("pravah-job".into())
            .spawn(body)
            .map_err(|error| EngineError::internal(format!("cannot start the job's thread: {error}")))?;
        Ok(Self { control, ending, thread: Mutex::new(Some(thread)) })
    }

    fn wait_for(&self, limit: Option<Duration>) -> bool {
        let end = self.ending.end.lock().unwrap_or_else(PoisonError::into_inner);
        match limit {
            None => {
                drop(self.ending.ended.wait_while(end, |end| end.is_none()));
                true
            }
            Some(limit) => self
                .ending
                .ended
                .wait_timeout_while(end, limit, |end| end.is_none())
                .unwrap_or_else(PoisonError::into_inner)
                .0
                .is_some(),
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "the engine panicked".into())
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

#[pymethods]
impl JobHandle {
    fn wait(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        let limit = Duration::try_from_secs_f64(seconds)
            .map_err(|error| pyo3::exceptions::PyValueError::new_err(format!("seconds: {error}")))?;
        Ok(py.detach(|| self.wait_for(Some(limit))))
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
        let number = |(offset, issue): (usize, pravah_engine::issue::Issue)| Issue {
            index: after + offset + 1,
            stage: issue.stage,
            path: issue.path,
            kind: issue.kind.as_str(),
            message: issue.message,
        };
        page.into_iter().enumerate().map(number).collect()
    }

    fn shards(&self, after: usize) -> Vec<Shard> {
        let number = |(offset, shard): (usize, pravah_engine::control::Shard)| Shard {
            index: after + offset + 1,
            table: shard.table,
            path: shard.path,
            rows: shard.rows,
            size_bytes: shard.bytes,
        };
        self.control.shards(after).into_iter().enumerate().map(number).collect()
    }

    fn cancel(&self) {
        self.control.cancel();
    }

    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        py.detach(|| self.wait_for(None));
        let end = self.ending.end.lock().unwrap_or_else(PoisonError::into_inner);
        match end.as_ref() {
            Some(Ok(outcome)) => Ok(PyBytes::new(py, outcome)),
            Some(Err((error, _))) => Err(errors::of(error)),
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
    table: String,
    path: String,
    rows: u64,
    size_bytes: u64,
}
