//! compress: a mirror of the tree in which every file is compressed; without a destination, an estimate of what that
//! would save.
//!
//! A file is packed as its bytes come by, a large one on all threads, and appears at the destination when it is whole
//! and, if asked for, unpacked again and compared. Symbolic links are mirrored as they are.
//!
//! What an attempt has made, the next one does not make again where input and output are as they were.
//!
//! Cost: O(bytes) reading and packing; memory: the batches in flight, pieces in work (1 GiB at most), the directories'
//! paths. An estimate: O(files), and packing of 128 MiB at most.

mod estimate;
mod mirror;
mod tables;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use self::estimate::Estimate;
use self::mirror::Mirror;
use self::tables::{BY_EXTENSION, RESULT};
use pravah_foundation::base::error::Result;
use pravah_foundation::io::codec::{Codec, Encoder};
use pravah_foundation::io::destination;
use pravah_foundation::io::destination::Destination;
use pravah_foundation::run::context::Context;
use pravah_foundation::run::made;
use pravah_foundation::run::operation::Operation;
use pravah_foundation::run::operation::Options;
use pravah_foundation::store::columns::TableColumns;

/// Options of compress.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompressOptions {
    /// The format of the files.
    pub format: Codec,
    /// Its level; none = that of its own tool.
    pub level: Option<i32>,
    /// A new or empty directory for the compressed files; none = an estimate.
    pub destination: Option<PathBuf>,
    /// Unpack each file again and compare it to what was read.
    pub verify_output: bool,
    /// Keep permissions, times and, where allowed, owners.
    pub keep_metadata: bool,
}

impl Default for CompressOptions {
    fn default() -> Self {
        Self { format: Codec::Zstd, level: None, destination: None, verify_output: true, keep_metadata: true }
    }
}

impl Options for CompressOptions {
    const TABLES: &'static [TableColumns] =
        &[("result", RESULT), ("by_extension", BY_EXTENSION), (made::TABLE.name, made::MADE)];

    fn validate(&self) -> Result<()> {
        Encoder::new(self.format, self.level)?;
        self.destination.as_deref().map_or(Ok(()), destination::check)
    }

    fn reads_all(&self) -> bool {
        self.destination.is_some()
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        let encoder = Encoder::new(self.format, self.level)?;
        Ok(match &self.destination {
            None => Box::new(Estimate::new(encoder, context)),
            Some(path) => {
                let destination = Destination::open(path, &context.root, context.job.as_deref(), &context.control)?;
                Box::new(Mirror::new(self, encoder, destination, context)?)
            }
        })
    }
}
