//! The operations. Each file owns one: its options, its tables, its [`Operation`]; none uses another.

pub mod archive;
pub mod checksum;
pub mod compress;
pub mod convert;
pub mod decompress;
pub mod duplicates;
pub mod inventory;
pub mod profile;
pub mod search;
pub mod text_statistics;
pub mod validate;
pub mod verify;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::baseline::Shards;
use crate::columns::Column;
use crate::control::Control;
use crate::error::Result;
use crate::pass::Operation;
use crate::plan::Ranges;
use crate::sink::Sink;
use crate::walk::open::Root;
use crate::walk::rules::WalkOptions;
use crate::walk::{Visitor, WalkTotals, walk, walk_listed};

/// What every operation is given; cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// The open source.
    pub root: Arc<Root>,
    /// What of it to visit.
    pub walk: Arc<WalkOptions>,
    /// See [`crate::spec::JobSpec::files`].
    pub files: Option<Arc<Path>>,
    /// Where this operation's tables and files go.
    pub sink: Arc<Sink>,
    /// Counters and cancel flag.
    pub control: Arc<Control>,
    /// Threads for scanning and for computing, each.
    pub threads: usize,
    /// See [`crate::spec::JobSpec::chunk_bytes`].
    pub chunk_bytes: Option<usize>,
    /// What is known of this operation's files already.
    pub baseline: Shards,
    /// See [`crate::spec::JobSpec::key_bytes`].
    pub key_bytes: Option<usize>,
    /// See [`crate::spec::Output::job`].
    pub job: Option<Arc<str>>,
    /// When the job began.
    pub started: SystemTime,
    /// True when another operation of the job reads every file whole: its bytes and digests cost nothing more.
    pub all_is_read: bool,
}

impl Context {
    /// Visit the files of the job: all that the rules take, or those of its list.
    ///
    /// # Errors
    /// As [`crate::walk::walk`].
    pub fn scan<V: Visitor>(&self, visitor: Arc<V>, threads: usize) -> Result<WalkTotals> {
        let (root, rules) = (Arc::clone(&self.root), self.walk.compile()?);
        match &self.files {
            None => walk(root, rules, visitor, &self.control, threads),
            Some(list) => walk_listed(root, rules, list, visitor, &self.control, threads),
        }
    }
}

/// A table's name with its columns, in order.
pub type TableColumns = (&'static str, &'static [Column]);

/// An operation's options; the way to it.
pub trait Options: Serialize + Default {
    /// Every table with its columns; optional ones may be absent from a result.
    const TABLES: &'static [TableColumns];

    /// Look for what the operation would refuse.
    ///
    /// # Errors
    /// [`crate::error::EngineError::InvalidOptions`] naming the option.
    fn validate(&self) -> Result<()>;

    /// True when the operation reads every file whole whatever it finds.
    fn reads_all(&self) -> bool {
        false
    }

    /// What is left of large files, when it takes them range by range: see [`Operation::parts`].
    fn ranges(&self, _known: &Shards) -> Option<Box<dyn Ranges>> {
        None
    }

    /// The operation, ready for its pass.
    ///
    /// # Errors
    /// What ends the job before it begins.
    fn operation(&self, context: Context) -> Result<Box<dyn Operation>>;
}

/// Make the enum of all operations from one line for each.
macro_rules! registry {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $options:ty,)+) => {
        /// An operation with its options. This enum is the registry of operations.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(tag = "operation", content = "options")]
        pub enum Request {
            $($(#[$doc])* #[serde(rename = $name)] $variant($options),)+
        }

        impl Request {
            /// The operation's name in every layer.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)+ }
            }

            /// # Errors
            /// [`crate::error::EngineError::InvalidOptions`] naming the option.
            pub fn validate(&self) -> Result<()> {
                match self { $(Self::$variant(options) => options.validate(),)+ }
            }

            /// See [`Options::reads_all`].
            pub fn reads_all(&self) -> bool {
                match self { $(Self::$variant(options) => options.reads_all(),)+ }
            }

            /// See [`Options::ranges`].
            pub fn ranges(&self, known: &Shards) -> Option<Box<dyn Ranges>> {
                match self { $(Self::$variant(options) => options.ranges(known),)+ }
            }

            /// The operation, ready for its pass.
            ///
            /// # Errors
            /// What ends the job before it begins.
            pub fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
                match self { $(Self::$variant(options) => options.operation(context),)+ }
            }
        }

        /// Every operation with its default options and its tables: what the contract test compares.
        pub fn declarations() -> serde_json::Value {
            serde_json::json!({
                "walk": WalkOptions::default(),
                "issues": described(crate::issue::COLUMNS),
                "operations": { $($name: declaration::<$options>(),)+ },
            })
        }
    };
}

registry! {
    /// What fills this tree.
    Inventory = "inventory": inventory::InventoryOptions,
    /// Digests of every file.
    Checksum = "checksum": checksum::ChecksumOptions,
    /// Matches of patterns in every file.
    Search = "search": search::SearchOptions,
    /// Lines, words and encodings of texts.
    TextStatistics = "text_statistics": text_statistics::TextStatisticsOptions,
    /// What is in files of records.
    Profile = "profile": profile::ProfileOptions,
    /// Files of records as Parquet.
    Convert = "convert": convert::ConvertOptions,
    /// Files of records against a schema.
    Validate = "validate": validate::ValidateOptions,
    /// Files against a manifest.
    Verify = "verify": verify::VerifyOptions,
    /// Every file compressed.
    Compress = "compress": compress::CompressOptions,
    /// Every compressed file unpacked.
    Decompress = "decompress": decompress::DecompressOptions,
    /// All of it in one file.
    Archive = "archive": archive::ArchiveOptions,
    /// Files of one content.
    Duplicates = "duplicates": duplicates::DuplicatesOptions,
}

fn described(columns: &[Column]) -> serde_json::Value {
    columns.iter().map(|column| serde_json::json!({"name": column.name, "dtype": column.type_name()})).collect()
}

fn declaration<O: Options>() -> serde_json::Value {
    let tables: serde_json::Map<String, serde_json::Value> =
        O::TABLES.iter().map(|(name, columns)| ((*name).to_owned(), described(columns))).collect();
    serde_json::json!({"options": O::default(), "tables": tables})
}
