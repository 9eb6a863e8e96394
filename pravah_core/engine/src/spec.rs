//! The job specification: what crosses the boundary, and the registry of operations.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{EngineError, Result};
use crate::ops::{checksum::ChecksumOptions, inventory::InventoryOptions, verify::VerifyOptions};
use crate::paths::hex_digit;
use crate::walk::rules::WalkOptions;

/// The only specification version this engine accepts.
pub const SPEC_VERSION: u32 = 1;

/// The operation with its options. This enum is the registry of operations.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "operation", content = "options", rename_all = "snake_case")]
pub enum Request {
    /// What fills this tree.
    Inventory(InventoryOptions),
    /// Digests of every file.
    Checksum(ChecksumOptions),
    /// Files against a manifest.
    Verify(VerifyOptions),
}

impl Request {
    /// The operation's name in every layer.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Inventory(_) => "inventory",
            Self::Checksum(_) => "checksum",
            Self::Verify(_) => "verify",
        }
    }
}

/// The directory to work on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Absolute path, for reading.
    pub path: String,
    /// The path's bytes in hexadecimal; wins over `path`, for names that are not UTF-8.
    #[serde(default)]
    pub path_bytes: Option<String>,
    /// Directories that a followed link may lead into; none = anywhere.
    #[serde(default)]
    pub boundaries: Option<Vec<String>>,
}

impl Source {
    /// The path to open.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] when `path_bytes` is not hexadecimal or the path is not absolute.
    pub fn to_path(&self) -> Result<PathBuf> {
        let path = match &self.path_bytes {
            None => PathBuf::from(&self.path),
            Some(hex) => PathBuf::from(OsString::from_vec(decode_hex(hex)?)),
        };
        if !path.is_absolute() {
            return Err(EngineError::invalid(format!("source.path {path:?} is not absolute")));
        }
        Ok(path)
    }
}

fn decode_hex(hex: &str) -> Result<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.bytes().map(hex_digit).collect();
    match digits {
        Some(digits) if digits.len().is_multiple_of(2) => {
            Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        }
        _ => Err(EngineError::invalid("source.path_bytes is not hexadecimal")),
    }
}

/// Where the result goes, and how large a shard may become.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The job folder; made when it is missing.
    pub directory: PathBuf,
    /// Rows at which a shard is closed.
    #[serde(default = "default_shard_rows")]
    pub shard_rows: u64,
    /// Encoded bytes at which a shard is closed.
    #[serde(default = "default_shard_bytes")]
    pub shard_bytes: u64,
}

fn default_shard_rows() -> u64 {
    1_000_000
}

fn default_shard_bytes() -> u64 {
    128 << 20
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSpec {
    version: u32,
    operation: String,
    #[serde(default = "empty_object")]
    options: serde_json::Value,
    source: Source,
    #[serde(default)]
    excluded: Vec<PathBuf>,
    #[serde(default)]
    walk: WalkOptions,
    output: Output,
    #[serde(default)]
    threads: Option<usize>,
}

fn empty_object() -> serde_json::Value {
    serde_json::Value::Object(serde_json::Map::new())
}

/// One job, parsed and validated.
#[derive(Debug, Clone)]
pub struct JobSpec {
    /// The operation with its options.
    pub request: Request,
    /// The directory to work on.
    pub source: Source,
    /// Directories that are never entered, wherever a walk comes upon them: the caller's own data.
    pub excluded: Vec<PathBuf>,
    /// What of it to visit.
    pub walk: WalkOptions,
    /// Where the result goes.
    pub output: Output,
    /// Threads for scanning and for computing, each; none = one per core.
    pub threads: Option<usize>,
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
            return Err(EngineError::invalid(format!("version {} is unknown; send {SPEC_VERSION}", raw.version)));
        }
        let tagged = serde_json::json!({"operation": raw.operation, "options": raw.options});
        let request: Request =
            serde_json::from_value(tagged).map_err(|error| EngineError::invalid(format!("options: {error}")))?;
        let spec = Self {
            request,
            source: raw.source,
            excluded: raw.excluded,
            walk: raw.walk,
            output: raw.output,
            threads: raw.threads,
        };
        spec.validate()?;
        Ok(spec)
    }

    fn validate(&self) -> Result<()> {
        self.source.to_path()?;
        self.walk.compile()?;
        if self.threads.is_some_and(|threads| !(1..=1024).contains(&threads)) {
            return Err(EngineError::invalid("threads must lie between 1 and 1024"));
        }
        if self.output.shard_rows == 0 || self.output.shard_bytes == 0 {
            return Err(EngineError::invalid("output.shard_rows and output.shard_bytes must be positive"));
        }
        match &self.request {
            Request::Inventory(options) => options.validate(),
            Request::Checksum(options) => options.validate(),
            Request::Verify(options) => options.validate(),
        }
    }
}
