//! The registry of operations. Each operation is one module of a crate in `ops/`: its options, its tables, its
//! [`Operation`].

use pravah_ops_archives::{ArchiveOptions, CompressOptions, DecompressOptions};
use pravah_ops_files::{
    ChecksumOptions, DuplicatesOptions, InventoryOptions, SearchOptions, TextStatisticsOptions, VerifyOptions,
};
use pravah_ops_records::{ConvertOptions, ProfileOptions, ValidateOptions};

use serde::{Deserialize, Serialize};

use pravah_foundation::base::error::Result;
use pravah_foundation::io::digest::Ranges;
use pravah_foundation::run::context::Context;
use pravah_foundation::run::operation::{Operation, Options};
use pravah_foundation::run::records::ReadOptions;
use pravah_foundation::source::walk::rules::WalkOptions;
use pravah_foundation::store::baseline::Shards;
use pravah_foundation::store::columns::Column;

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
            /// [`pravah_foundation::base::error::EngineError::InvalidOptions`] naming the option.
            pub fn validate(&self) -> Result<()> {
                match self { $(Self::$variant(options) => options.validate(),)+ }
            }

            /// See [`Options::reads_all`].
            pub fn reads_all(&self) -> bool {
                match self { $(Self::$variant(options) => options.reads_all(),)+ }
            }

            /// See [`Options::reading`].
            pub fn reading(&self) -> Option<&ReadOptions> {
                match self { $(Self::$variant(options) => options.reading(),)+ }
            }

            /// See [`Options::resolved_reading`].
            pub fn resolved_reading(&self) -> Result<Option<ReadOptions>> {
                match self { $(Self::$variant(options) => options.resolved_reading(),)+ }
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
                "issues": described(pravah_foundation::store::sink::issues::COLUMNS),
                "operations": { $($name: declaration::<$options>(),)+ },
            })
        }
    };
}

registry! {
    /// What fills this tree.
    Inventory = "inventory": InventoryOptions,
    /// Digests of every file.
    Checksum = "checksum": ChecksumOptions,
    /// Matches of patterns in every file.
    Search = "search": SearchOptions,
    /// Lines, words and encodings of texts.
    TextStatistics = "text_statistics": TextStatisticsOptions,
    /// What is in files of records.
    Profile = "profile": ProfileOptions,
    /// Files of records as Parquet.
    Convert = "convert": ConvertOptions,
    /// Files of records against a schema.
    Validate = "validate": ValidateOptions,
    /// Files against a manifest.
    Verify = "verify": VerifyOptions,
    /// Every file compressed.
    Compress = "compress": CompressOptions,
    /// Every compressed file unpacked.
    Decompress = "decompress": DecompressOptions,
    /// All of it in one file.
    Archive = "archive": ArchiveOptions,
    /// Files of one content.
    Duplicates = "duplicates": DuplicatesOptions,
}

fn described(columns: &[Column]) -> serde_json::Value {
    columns.iter().map(|column| serde_json::json!({"name": column.name, "dtype": column.type_name()})).collect()
}

fn declaration<O: Options>() -> serde_json::Value {
    let tables: serde_json::Map<String, serde_json::Value> =
        O::TABLES.iter().map(|(name, columns)| ((*name).to_owned(), described(columns))).collect();
    serde_json::json!({"options": O::default(), "tables": tables})
}
