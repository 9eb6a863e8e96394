//! The options of convert, and what they refuse.

use std::collections::HashMap;
use std::path::PathBuf;

use parquet::basic::{Compression, ZstdLevel};
use serde::{Deserialize, Serialize};

use super::given::Given;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::io::destination;
use pravah_foundation::run::records;
use pravah_foundation::run::records::{ReadOptions, SchemaOptions};
use pravah_foundation::tabular::values::{KINDS, ValueType};

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

/// What a row group tells of its columns' values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistics {
    /// The least and the greatest of each row group.
    Chunk,
    /// Of each page as well, with an index of pages.
    Page,
    /// Nothing.
    None,
}

/// Which columns are written with a dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dictionaries {
    /// Those whose values come again.
    Auto,
    /// All, as long as one is not too large.
    Always,
    /// None.
    Never,
}

/// A column to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its name.
    pub column: String,
    /// The greatest first.
    pub is_descending: bool,
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
    /// The types and formats of columns, and the words for no value; `column_types` and `formats` go before it.
    #[serde(flatten)]
    pub schema: SchemaOptions,
    /// Types that columns have to have, each as `name=type`; those of others are found.
    pub column_types: Vec<String>,
    /// How the values of columns are written, each as `name=format`.
    pub formats: Vec<String>,
    /// How pages are compressed.
    pub compression: Compress,
    /// The level of zstd.
    pub level: i32,
    /// Bytes of text in a row group.
    pub row_group_bytes: usize,
    /// Columns by whose values records are divided into files, in folders `column=value`.
    pub partition_by: Vec<String>,
    /// Columns by which the records of a file are sorted, each as `name` or `name=desc`.
    pub sort_by: Vec<String>,
    /// About how large a converted file may become before the next one is begun; none = any size.
    pub file_bytes: Option<u64>,
    /// Columns with bloom filters.
    pub bloom_filters: Vec<String>,
    /// What row groups tell of their values.
    pub statistics: Statistics,
    /// Which columns have a dictionary.
    pub dictionary: Dictionaries,
    /// Compare the values that were read with those that an independent reader finds in the converted file.
    pub prove_values: bool,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            read: ReadOptions::default(),
            to: To::Parquet,
            destination: None,
            columns: Schema::Own,
            bad_records: BadRecords::Reject,
            schema: SchemaOptions::default(),
            column_types: Vec::new(),
            formats: Vec::new(),
            compression: Compress::Zstd,
            level: 1,
            row_group_bytes: 8 << 20,
            partition_by: Vec::new(),
            sort_by: Vec::new(),
            file_bytes: None,
            bloom_filters: Vec::new(),
            statistics: Statistics::Chunk,
            dictionary: Dictionaries::Auto,
            prove_values: false,
        }
    }
}

const LEVELS: std::ops::RangeInclusive<i32> = 1..=22;
const GROUPS: std::ops::RangeInclusive<usize> = 1 << 20..=64 << 20;
const MOST_TYPES: usize = 10_000;
/// Columns of each of the lists.
const MOST_COLUMNS: usize = 100;
const FILES: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 40;

impl ConvertOptions {
    /// Look for what is wrong.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the option.
    pub fn check(&self) -> Result<()> {
        self.read.check()?;
        if !LEVELS.contains(&self.level) {
            return Err(EngineError::invalid("options.level must be between 1 and 22"));
        }
        if !GROUPS.contains(&self.row_group_bytes) {
            return Err(EngineError::invalid("options.row_group_bytes must be between 1 MiB and 64 MiB"));
        }
        if self.column_types.len() > MOST_TYPES {
            return Err(EngineError::invalid("options.column_types lists more than 10,000 columns"));
        }
        let (types, formats) = (self.types()?, records::formats(&self.formats)?);
        if let Some(name) = formats.keys().filter(|name| types.contains_key(*name)).min() {
            return Err(EngineError::invalid(format!(
                "options.formats and options.column_types both list the column {name:?}; a format has a type already"
            )));
        }
        self.schema.check()?;
        // Only those that are known already; the others are, once their file is read.
        Given::all(self, &self.schema.schemas(&formats)?)?;
        let lists =
            [("partition_by", &self.partition_by), ("sort_by", &self.sort_by), ("bloom_filters", &self.bloom_filters)];
        for (option, list) in lists {
            let is_twice = |(place, name): (usize, &String)| list[..place].contains(name);
            if list.len() > MOST_COLUMNS || list.iter().any(String::is_empty) || list.iter().enumerate().any(is_twice) {
                return Err(EngineError::invalid(format!(
                    "options.{option} must list at most {MOST_COLUMNS} columns, each once and with a name"
                )));
            }
        }
        if self.file_bytes.is_some_and(|bytes| !FILES.contains(&bytes)) {
            return Err(EngineError::invalid("options.file_bytes must be between 1 MiB and 1 TiB"));
        }
        self.destination.as_deref().map_or(Ok(()), destination::check)
    }

    /// True when records are put into another order or into several files, once all are typed.
    pub fn arranges(&self) -> bool {
        !self.partition_by.is_empty() || !self.sort_by.is_empty() || self.file_bytes.is_some()
    }

    /// The columns to sort by.
    pub fn order(&self) -> Vec<Order> {
        let order = |text: &String| match text.strip_suffix("=desc") {
            Some(column) => Order { column: column.to_owned(), is_descending: true },
            None => Order { column: text.clone(), is_descending: false },
        };
        self.sort_by.iter().map(order).collect()
    }

    /// The types that are asked for, by the names of their columns.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] for one that is not `name=type`.
    pub fn types(&self) -> Result<HashMap<String, ValueType>> {
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
