//! Where a job's source is: a directory, or a prefix of a bucket.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::error::{EngineError, Result};
use crate::base::paths::hex_digit;

/// A prefix of a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// The bucket's name.
    pub name: String,
    /// What keys begin with; the folder of that name where there is one.
    #[serde(default)]
    pub prefix: String,
    /// URL of the server.
    pub endpoint: String,
    /// The region requests are signed for.
    pub region: String,
}

/// The directory to work on, or the prefix of a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Absolute path, or the URI of a prefix, for reading.
    pub path: String,
    /// The prefix to work on; none = a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<Bucket>,
    /// The path's bytes in hexadecimal; wins over `path`, for names that are not UTF-8.
    #[serde(default)]
    pub path_bytes: Option<String>,
    /// Directories that a followed link may lead into; none = anywhere.
    #[serde(default)]
    pub boundaries: Option<Vec<String>>,
}

impl Source {
    /// The path to open, or the URI of a prefix.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] when `path_bytes` is not hexadecimal or the path is not absolute.
    pub fn to_path(&self) -> Result<PathBuf> {
        if self.bucket.is_some() {
            return Ok(PathBuf::from(&self.path));
        }
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
