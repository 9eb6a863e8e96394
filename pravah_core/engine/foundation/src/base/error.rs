//! What ends a job. Trouble with one file is an [`crate::base::issue::Issue`], never an error.

use std::path::{Path, PathBuf};

/// A fatal error, by category; the categories are the error table of `docs/architecture.md`.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The specification, an option or a rule is not acceptable.
    #[error("{message}")]
    InvalidOptions {
        /// What is wrong, where, and what to do.
        message: String,
    },
    /// The source does not exist or is not a directory.
    #[error("source {path:?} {message}")]
    SourceNotFound {
        /// The source as given.
        path: PathBuf,
        /// Why it does not count as a source.
        message: String,
    },
    /// The source exists and may not be read.
    #[error("source {path:?} must not be read: {message}")]
    PermissionDenied {
        /// The source as given.
        path: PathBuf,
        /// The system's own words.
        message: String,
    },
    /// The source lies elsewhere and does not answer.
    #[error("source {path:?} does not answer: {message}")]
    SourceUnavailable {
        /// The source as given.
        path: PathBuf,
        /// The other side's own words.
        message: String,
    },
    /// A stated limit was reached.
    #[error("{what}: limit of {limit} {unit} exceeded")]
    LimitExceeded {
        /// What was limited.
        what: String,
        /// The limit's value.
        limit: u64,
        /// The unit of `limit`.
        unit: &'static str,
    },
    /// The job folder could not be written.
    #[error("cannot write {path:?}: {message}")]
    Output {
        /// The file or directory.
        path: PathBuf,
        /// The system's own words.
        message: String,
    },
    /// The job was cancelled.
    #[error("the job was cancelled")]
    Cancelled,
    /// A bug in the engine.
    #[error("internal error: {message}")]
    Internal {
        /// The panic's message or the broken invariant.
        message: String,
    },
}

impl EngineError {
    /// The stable code of the error table.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidOptions { .. } => "invalid_options",
            Self::SourceNotFound { .. } => "source_not_found",
            Self::PermissionDenied { .. } => "source_forbidden",
            Self::SourceUnavailable { .. } => "storage_unavailable",
            Self::LimitExceeded { .. } => "limit_exceeded",
            Self::Output { .. } => "output_failed",
            Self::Cancelled => "cancelled",
            Self::Internal { .. } => "internal",
        }
    }

    /// The exit status of a program that ends with this error, by the same table.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::InvalidOptions { .. } => 2,
            Self::SourceNotFound { .. } | Self::PermissionDenied { .. } => 3,
            Self::LimitExceeded { .. } => 4,
            Self::SourceUnavailable { .. } | Self::Output { .. } => 5,
            Self::Cancelled => 130,
            Self::Internal { .. } => 70,
        }
    }

    /// An [`EngineError::Internal`] from what a panic left.
    pub fn from_panic(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Self::internal(text.unwrap_or_else(|| "a panic without a message".into()))
    }

    /// An [`EngineError::InvalidOptions`] from a message.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidOptions { message: message.into() }
    }

    /// An [`EngineError::Internal`] from a message.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal { message: message.into() }
    }

    /// An [`EngineError::Output`] for `path`.
    pub fn output(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Output { path: path.to_path_buf(), message: error.to_string() }
    }
}

/// Run `work`; a panic in it becomes [`EngineError::Internal`] with the panic's message.
///
/// # Errors
/// Those of `work`, and that one.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // Sound to assert: a job that panicked gives no result, whatever state it leaves behind.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(EngineError::from_panic(&*panic)))
}

/// The engine's result type.
pub type Result<T> = std::result::Result<T, EngineError>;
