//! Where a result goes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the result goes, and how large a shard may become.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The job folder; made when it is missing.
    pub directory: PathBuf,
    /// What the job is called in all its attempts: it replaces what an earlier one of its own left at a destination.
    #[serde(default)]
    pub job: Option<String>,
    /// Rows at which a shard is closed.
    #[serde(default = "default_shard_rows")]
    pub shard_rows: u64,
    /// Encoded bytes at which a shard is closed.
    #[serde(default = "default_shard_bytes")]
    pub shard_bytes: u64,
    /// Seconds after which a shard with rows is closed, more as the job runs longer: what is done once it dies.
    #[serde(default = "default_shard_seconds")]
    pub shard_seconds: f64,
}

fn default_shard_rows() -> u64 {
    1_000_000
}

fn default_shard_seconds() -> f64 {
    2.0
}

fn default_shard_bytes() -> u64 {
    128 << 20
}
