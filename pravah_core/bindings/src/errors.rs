//! Engine errors as Python exceptions. The classes inherit the standard ones, so that plain `except`
//! clauses work; they are made once, in Python, because PyO3 makes classes with one base only.

use pravah_engine::EngineError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

const SOURCE: &std::ffi::CStr = c"
class EngineError(Exception):
    code = 'internal'
class InvalidOptionsError(EngineError, ValueError):
    code = 'invalid_options'
class SourceNotFoundError(EngineError, FileNotFoundError):
    code = 'source_not_found'
class SourceForbiddenError(EngineError, PermissionError):
    code = 'source_forbidden'
class SourceUnavailableError(EngineError, ConnectionError):
    code = 'storage_unavailable'
class LimitExceededError(EngineError):
    code = 'limit_exceeded'
class OutputError(EngineError, OSError):
    code = 'output_failed'
class CancelledError(EngineError):
    code = 'cancelled'
class InternalError(EngineError, RuntimeError):
    code = 'internal'
";

const NAMES: [&str; 9] = [
    "EngineError",
    "InvalidOptionsError",
    "SourceNotFoundError",
    "SourceForbiddenError",
    "SourceUnavailableError",
    "LimitExceededError",
    "OutputError",
    "CancelledError",
    "InternalError",
];

/// Make the classes and add them to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let namespace = PyDict::new(py);
    namespace.set_item("__name__", "pravah_core._native")?;
    py.run(SOURCE, Some(&namespace), None)?;
    for name in NAMES {
        if let Some(class) = namespace.get_item(name)? {
            module.add(name, class)?;
        }
    }
    let _ = CLASSES.set(py, namespace.unbind());
    Ok(())
}

/// Exhaustive on purpose: a new variant must choose its class.
fn class_name(error: &EngineError) -> &'static str {
    match error {
        EngineError::InvalidOptions { .. } => "InvalidOptionsError",
        EngineError::SourceNotFound { .. } => "SourceNotFoundError",
        EngineError::PermissionDenied { .. } => "SourceForbiddenError",
        EngineError::SourceUnavailable { .. } => "SourceUnavailableError",
        EngineError::LimitExceeded { .. } => "LimitExceededError",
        EngineError::Output { .. } => "OutputError",
        EngineError::Cancelled => "CancelledError",
        EngineError::Internal { .. } => "InternalError",
    }
}

/// The exception for an engine error.
pub fn of(error: &EngineError) -> PyErr {
    Python::attach(|py| {
        let class = CLASSES.get(py).and_then(|classes| classes.bind(py).get_item(class_name(error)).ok().flatten());
        match class.map(|class| class.call1((error.to_string(),))) {
            Some(Ok(exception)) => PyErr::from_value(exception),
            Some(Err(failure)) => failure,
            None => pyo3::exceptions::PyRuntimeError::new_err(error.to_string()),
        }
    })
}

/// [`of`] for an owned error.
pub fn to_python(error: EngineError) -> PyErr {
    of(&error)
}
