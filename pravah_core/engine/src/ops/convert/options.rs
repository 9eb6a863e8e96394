//! The options of convert, and what they refuse.

use std::collections::HashMap;
use std::path::PathBuf;

use parquet::basic::{Compression, ZstdLevel};
use serde::{Deserialize, Serialize};

use crate::destination;
use crate::error::{EngineError, Result};
use crate::records::ReadOptions;
use crate::values::{KINDS, Kind};

/// What files become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// Parquet.
    Parquet,
    /// CSV as RFC 4180 has it, in UTF-8.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

impl To {
    /// What the names of such files end with.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Parquet => ".parquet",
            Self::Csv => ".csv",
            Self::Jsonl => ".jsonl",
        }
    }

    /// The media type of a file of this name.
    pub fn media_type(name: &[u8]) -> &'static str {
        match name {
            [.., b'.', b'p', b'a', b'r', b'q', b'u', b'e', b't'] => "application/vnd.apache.parquet",
            [.., b'.', b'j', b's', b'o', b'n', b'l'] => "application/jsonl",
            _ => "text/csv",
        }
    }
}

/// How pages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compress {
    /// RFC 8878.
    Zstd,
    /// Snappy.
    Snappy,
    /// They are not.
    None,
}

/// Which columns a converted file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schema {
    /// Those of its source, with the types of its source.
    Own,
    /// Those of all sources, with types that hold the values of all.
    Union,
    /// Those of its source, which have to be the same in all: a file that differs is an issue.
    Strict,
}

/// What becomes of a record that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadRecords {
    /// It is left out and written, as it stands, to a file of rejects.
    Reject,
    /// What does not fit is null; a record with more fields than columns is rejected.
    Null,
    /// Its file is not converted.
    Fail,
}

/// Options of convert.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConvertOptions {
    /// How files are read.
    #[serde(flatten)]
    pub read: ReadOptions,
    /// What files become.
    pub to: To,
    /// A new or empty directory for the converted files; none = they are files of the result.
    pub destination: Option<PathBuf>,
    /// Which columns a file has.
    pub columns: Schema,
    /// What becomes of records that do not fit.
    pub bad_records: BadRecords,
    /// Types that columns have to have, each as `name=type`; those of others are found.
    pub column_types: Vec<String>,
    /// How pages are compressed.
    pub compression: Compress,
    /// The level of zstd.
    pub level: i32,
    /// Bytes of text in a row group.
    pub row_group_bytes: usize,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            read: ReadOptions::default(),
            to: To::Parquet,
            destination: None,
            columns: Schema::Own,
            bad_records: BadRecords::Reject,
            column_types: Vec::new(),
            compression: Compress::Zstd,
            level: 1,
            row_group_bytes: 8 << 20,
        }
    }
}

const LEVELS: std::ops::RangeInclusive<i32> = 1..=22;
const GROUPS: std::ops::RangeInclusive<usize> = 1 << 20..=64 << 20;
const MOST_TYPES: usize = 10_000;

impl ConvertOptions {
    /// Look for what is wrong.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the option.
    pub fn check(&self) -> Result<()> {
        self.read.check()?;
        if !LEVELS.contains(&self.level) {
            return Err(EngineError::invalid("options.level must lie between 1 and 22"));
        }
        if !GROUPS.contains(&self.row_group_bytes) {
            return Err(EngineError::invalid("options.row_group_bytes must lie between 1 MiB and 64 MiB"));
        }
        if self.column_types.len() > MOST_TYPES {
            return Err(EngineError::invalid("options.column_types names more than 10,000 columns"));
        }
        self.types()?;
        self.destination.as_deref().map_or(Ok(()), destination::check)
    }

    /// The types that are asked for, by the names of their columns.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] for one that is not `name=type`.
    pub fn types(&self) -> Result<HashMap<String, Kind>> {
        let parse = |text: &String| {
            let (name, kind) = text.rsplit_once('=')?;
            let kind = KINDS.into_iter().find(|known| known.as_str() == kind)?;
            (!name.is_empty()).then(|| (name.to_owned(), kind))
        };
        let parsed = self.column_types.iter().map(|text| {
            parse(text).ok_or_else(|| {
                EngineError::invalid(format!(
                    "options.column_types: {text:?} is not name=type with a type of integer, float, boolean, date, \
                     timestamp, time, text"
                ))
            })
        });
        parsed.collect()
    }

    /// How pages are compressed.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] for a level that is none.
    pub fn compression(&self) -> Result<Compression> {
        Ok(match self.compression {
            Compress::Zstd => {
                let level = ZstdLevel::try_new(self.level).map_err(|error| EngineError::invalid(error.to_string()))?;
                Compression::ZSTD(level)
            }
            Compress::Snappy => Compression::SNAPPY,
            Compress::None => Compression::UNCOMPRESSED,
        })
    }
}
