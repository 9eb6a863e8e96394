//! The native module: converts, releases the GIL, maps errors. It names no operation.

mod errors;
mod handle;

use std::path::PathBuf;
use std::time::Duration;

use pravah_engine::Credentials;
use pravah_engine::Cut;
use pravah_engine::Job;
use pravah_engine::Result;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[pyfunction]
fn engine_version() -> &'static str {
    pravah_engine::VERSION
}

#[pyfunction]
fn check(py: Python<'_>, spec_json: &[u8]) -> PyResult<()> {
    py.detach(|| pravah_engine::JobSpec::from_json(spec_json)).map(drop).map_err(errors::to_python)
}

fn parsed(credentials: Option<&[u8]>) -> Result<Option<Credentials>> {
    credentials.map(Credentials::from_json).transpose()
}

#[pyfunction]
#[pyo3(signature = (spec_json, credentials = None))]
fn start(py: Python<'_>, spec_json: &[u8], credentials: Option<&[u8]>) -> PyResult<handle::JobHandle> {
    py.detach(|| {
        let credentials = parsed(credentials)?;
        let job = Job::prepare_with(spec_json, credentials.as_ref())?;
        handle::JobHandle::run(job, credentials)
    })
    .map_err(errors::to_python)
}

#[pyfunction]
#[pyo3(signature = (spec_json, folder, least_files, least_bytes, workers, credentials = None))]
fn plan(
    py: Python<'_>,
    spec_json: &[u8],
    folder: PathBuf,
    least_files: u64,
    least_bytes: u64,
    workers: u32,
    credentials: Option<&[u8]>,
) -> PyResult<handle::JobHandle> {
    let cut = Cut { files: least_files, bytes: least_bytes, workers };
    py.detach(|| {
        let credentials = parsed(credentials)?;
        let job = Job::prepare_with(spec_json, credentials.as_ref())?;
        handle::JobHandle::plan(job, credentials, folder, cut)
    })
    .map_err(errors::to_python)
}

#[pyfunction]
#[pyo3(signature = (spec_json, limit_files, limit_seconds, credentials = None))]
fn preview<'py>(
    py: Python<'py>,
    spec_json: &[u8],
    limit_files: u64,
    limit_seconds: f64,
    credentials: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    if limit_seconds.is_nan() || limit_seconds < 0.0 {
        let message = format!("limit_seconds must be at least 0, not {limit_seconds}");
        return Err(pyo3::exceptions::PyValueError::new_err(message));
    }
    let limit = Duration::try_from_secs_f64(limit_seconds).unwrap_or(Duration::MAX);
    let counted = py
        .detach(|| {
            let job = Job::prepare_with(spec_json, parsed(credentials)?.as_ref())?;
            job.preview(limit_files, limit)
        })
        .map_err(errors::to_python)?;
    Ok(PyBytes::new(py, counted.to_string().as_bytes()))
}

#[pyfunction]
#[pyo3(signature = (spec_json, path, credentials = None))]
fn preview_records<'py>(
    py: Python<'py>,
    spec_json: &[u8],
    path: &[u8],
    credentials: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let seen = py
        .detach(|| Job::prepare_with(spec_json, parsed(credentials)?.as_ref())?.preview_records(path))
        .map_err(errors::to_python)?;
    Ok(PyBytes::new(py, seen.to_string().as_bytes()))
}

/// The module `pravah_core._native`; its manual is `_native.pyi`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(engine_version, module)?)?;
    module.add_function(wrap_pyfunction!(check, module)?)?;
    module.add_function(wrap_pyfunction!(start, module)?)?;
    module.add_function(wrap_pyfunction!(plan, module)?)?;
    module.add_function(wrap_pyfunction!(preview, module)?)?;
    module.add_function(wrap_pyfunction!(preview_records, module)?)?;
    module.add_class::<handle::JobHandle>()?;
    module.add_class::<handle::Progress>()?;
    module.add_class::<handle::Issue>()?;
    module.add_class::<handle::Shard>()?;
    errors::register(module)
}
