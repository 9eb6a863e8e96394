//! The job specification: what crosses the boundary.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::ops::Request;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::source::location::Source;
use pravah_foundation::source::walk::rules::WalkOptions;
use pravah_foundation::store::baseline::Shards;
use pravah_foundation::store::sink::Output;

/// The only specification version this engine accepts.
pub const SPEC_VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpec {
    version: u32,
    operations: Vec<RawRequest>,
    source: Source,
    #[serde(default)]
    excluded: Vec<PathBuf>,
    #[serde(default)]
    walk: WalkOptions,
    output: Output,
    #[serde(default)]
    files: Option<PathBuf>,
    #[serde(default)]
    baselines: BTreeMap<String, Vec<PathBuf>>,
    #[serde(default)]
    splits: BTreeMap<String, Vec<PathBuf>>,
    #[serde(default)]
    threads: Option<usize>,
    #[serde(default)]
    chunk_bytes: Option<usize>,
    #[serde(default)]
    key_bytes: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest {
    operation: String,
    #[serde(default = "empty_object")]
    options: serde_json::Value,
}

fn empty_object() -> serde_json::Value {
    serde_json::Value::Object(serde_json::Map::new())
}

/// One job, parsed and validated.
#[derive(Debug, Clone)]
pub struct JobSpec {
    /// The operations with their options, all over one walk; each at most once.
    pub requests: Vec<Request>,
    /// The directory to work on.
    pub source: Source,
    /// Directories that are never entered, wherever a walk comes upon them: the caller's own data.
    pub excluded: Vec<PathBuf>,
    /// What of it to visit.
    pub walk: WalkOptions,
    /// Where the result goes.
    pub output: Output,
    /// A list of the only files to visit, as a plan makes it ([`crate::job::plan`]); none = all that the rules take.
    pub files: Option<PathBuf>,
    /// By operation: shards of its tables of earlier runs, whose rows are taken over where files are unchanged. They lie
    /// as they were written, `<a run's folder>/<table>/<shard>`; those that are of no use are left out.
    pub baselines: BTreeMap<String, Vec<PathBuf>>,
    /// By operation: shards of its main table that this job's own splits made; taken over like those of baselines, and
    /// not told as reused.
    pub splits: BTreeMap<String, Vec<PathBuf>>,
    /// Threads for scanning and for computing, each; none = one per core, or [`pravah_foundation::source::objects::THREADS`].
    pub threads: Option<usize>,
    /// Bytes of text that one thread works on at once, where a file's text is shared between threads; none = what is
    /// best for the operation.
    pub chunk_bytes: Option<usize>,
    /// Bytes of memory for the keys of records that are compared with each other; more of them wait on the disk. None =
    /// what is best.
    pub key_bytes: Option<usize>,
}

impl JobSpec {
    /// Parse and validate a specification.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the field that is missing, unknown or out of bounds.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let raw: RawSpec = serde_json::from_slice(json)
            .map_err(|error| EngineError::invalid(format!("job specification: {error}")))?;
        if raw.version != SPEC_VERSION {
            return Err(EngineError::invalid(format!("version {} is not supported; use {SPEC_VERSION}", raw.version)));
        }
        let requests = raw.operations.into_iter().map(parse_request).collect::<Result<Vec<Request>>>()?;
        let spec = Self {
            requests,
            source: raw.source,
            excluded: raw.excluded,
            walk: raw.walk,
            output: raw.output,
            files: raw.files,
            baselines: raw.baselines,
            splits: raw.splits,
            threads: raw.threads,
            chunk_bytes: raw.chunk_bytes,
            key_bytes: raw.key_bytes,
        };
        spec.validate()?;
        Ok(spec)
    }

    fn validate(&self) -> Result<()> {
        self.check_names()?;
        self.source.to_path()?;
        self.walk.compile()?;
        if self.threads.is_some_and(|threads| !(1..=1024).contains(&threads)) {
            return Err(EngineError::invalid("threads must be between 1 and 1024"));
        }
        if self.chunk_bytes.is_some_and(|bytes| !(1..=256 << 20).contains(&bytes)) {
            return Err(EngineError::invalid("chunk_bytes must be between 1 and 268,435,456"));
        }
        if self.output.shard_rows == 0 || self.output.shard_bytes == 0 {
            return Err(EngineError::invalid("output.shard_rows and output.shard_bytes must be positive"));
        }
        if !(0.0..=86_400.0).contains(&self.output.shard_seconds) {
            return Err(EngineError::invalid("output.shard_seconds must be between 0 and 86,400"));
        }
        self.requests.iter().try_for_each(Request::validate)
    }

    /// What is known of an operation's files already.
    pub fn known(&self, operation: &str) -> Shards {
        let of = |shards: &BTreeMap<String, Vec<PathBuf>>| shards.get(operation).cloned().unwrap_or_default().into();
        Shards { earlier: of(&self.baselines), own: of(&self.splits) }
    }

    fn check_names(&self) -> Result<()> {
        if self.requests.is_empty() {
            return Err(EngineError::invalid("operations must not be empty"));
        }
        let mut names: Vec<&str> = self.requests.iter().map(Request::name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(EngineError::invalid(format!("operations lists {} twice", pair[0]))),
            None => Ok(()),
        }
    }
}

fn parse_request(raw: RawRequest) -> Result<Request> {
    let name = raw.operation.clone();
    let tagged = serde_json::json!({"operation": raw.operation, "options": raw.options});
    serde_json::from_value(tagged).map_err(|error| EngineError::invalid(format!("operation {name:?}: {error}")))
}
