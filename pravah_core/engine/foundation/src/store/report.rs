//! What an operation reports besides its tables.

use serde::Serialize;
use serde_json::Value;

/// A file beside the tables, such as a manifest.
#[derive(Debug, Clone, Serialize)]
pub struct OutputFile {
    /// Its name in the operation's folder; in `outcome.json` in the job's.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its media type.
    pub media_type: &'static str,
}

/// What an operation gives back besides its tables.
#[derive(Debug, Default)]
pub struct Report {
    /// Paths in the operation's own list of what was not covered; none = it keeps no such list.
    pub not_covered: Option<u64>,
    /// Files beside the tables.
    pub files: Vec<OutputFile>,
    /// The operation's own summary.
    pub summary: Value,
}
