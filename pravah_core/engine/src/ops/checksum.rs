//! checksum: digests of every regular file, several algorithms in one read, and manifests for other tools.
//!
//! Links and special files are not digested; they are counted. A file that changes while it is read is an
//! issue and has no row. Hard links are files like others: each name has its row.
//!
//! Cost: O(bytes) reading and hashing; memory: the batches in flight and one row group per thread.

mod manifests;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::manifests::Manifests;
use super::{Context, TableColumns};
use crate::columns::{Column, Columns, Type};
use crate::digest::{Algorithm, Digested, FileReader, Trouble};
use crate::error::{EngineError, Result};
use crate::outcome::Report;
use crate::paths;
use crate::pool::{Slots, walk_and_work};
use crate::sink::{Table, TableWriter};
use crate::walk::{Batch, Kind, Meta};

/// Options of checksum.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChecksumOptions {
    /// Algorithms, all over one read.
    pub algorithms: Vec<Algorithm>,
    /// Write a manifest for each algorithm.
    pub write_manifests: bool,
}

impl Default for ChecksumOptions {
    fn default() -> Self {
        Self { algorithms: vec![Algorithm::Blake3], write_manifests: true }
    }
}

impl ChecksumOptions {
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the option.
    pub fn validate(&self) -> Result<()> {
        let mut seen = Vec::new();
        for algorithm in &self.algorithms {
            if seen.contains(algorithm) {
                return Err(EngineError::invalid(format!("options.algorithms names {} twice", algorithm.name())));
            }
            seen.push(*algorithm);
        }
        if seen.is_empty() {
            Err(EngineError::invalid("options.algorithms is empty; name at least one"))
        } else {
            Ok(())
        }
    }
}

const RESULT: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("size_bytes"),
    Column::time("modified"),
    Column::text("blake3"),
    Column::text("sha256"),
    Column::text("sha1"),
    Column::text("md5"),
    Column::text("xxh3_128"),
    Column::text("crc32c"),
];

/// Every table with its columns; of the digests only the chosen ones are present.
pub const TABLES: &[TableColumns] = &[("result", RESULT)];
const TABLE: Table = Table { name: "result", dictionary: &[] };

struct Worker {
    rows: Columns,
    writer: TableWriter,
    path: Vec<u8>,
}

struct Checksum<'a> {
    context: &'a Context<'a>,
    reader: FileReader,
    algorithms: Vec<Algorithm>,
    workers: Slots<Worker>,
    manifests: Option<Manifests>,
    files: AtomicU64,
    bytes: AtomicU64,
    symlinks: AtomicU64,
    others: AtomicU64,
}

/// Digest every regular file of a tree.
///
/// # Errors
/// What ended it; see [`EngineError`].
pub fn run(options: &ChecksumOptions, context: &Context<'_>) -> Result<Report> {
    let control = context.control;
    control.set_stages(&["digest", "write"]);
    // Columns and manifests in one order, whatever order the options have.
    let chosen = |algorithm: &Algorithm| options.algorithms.contains(algorithm);
    let algorithms: Vec<Algorithm> = Algorithm::ALL.into_iter().filter(chosen).collect();
    let columns: Vec<Column> = RESULT
        .iter()
        .filter(|column| {
            column.kind != Type::Text || column.name == "path" || algorithms.iter().any(|one| one.name() == column.name)
        })
        .copied()
        .collect();
    let worker = || {
        let rows = Columns::new(&columns);
        Worker { writer: context.sink.writer(TABLE, rows.schema()), rows, path: Vec::new() }
    };
    let checksum = Checksum {
        context,
        reader: FileReader::new(context.root, &algorithms, control),
        workers: Slots::new(context.threads, worker),
        manifests: options
            .write_manifests
            .then(|| Manifests::create(context.sink.directory(), &algorithms))
            .transpose()?,
        algorithms,
        files: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        symlinks: AtomicU64::new(0),
        others: AtomicU64::new(0),
    };
    let totals = walk_and_work(context, |batch| checksum.batch(&batch))?;
    control.enter_stage(1);
    checksum.finish(totals)
}

impl Checksum<'_> {
    fn batch(&self, batch: &Batch) -> Result<()> {
        let entries: Vec<(&[u8], &Meta)> = batch.iter().collect();
        // A task per file; small ones are taken a few at a time to pay for the hand-over.
        let digested: Vec<Option<Digested>> = entries
            .par_iter()
            .with_min_len(4)
            .map(|(name, meta)| self.file(&batch.directory.path, name, meta))
            .collect::<Result<_>>()?;
        let named = || entries.iter().zip(&digested).filter_map(|((name, _), one)| Some((*name, one.as_ref()?)));
        // The slot is held only while rows are appended: a thread that waits inside a large file may be
        // given another batch, and must not find its own slot locked.
        let mut worker = self.workers.acquire();
        let Worker { rows, writer, path } = &mut *worker;
        for (name, digested) in named() {
            paths::join_into(path, &batch.directory.path, name);
            rows.path(path);
            rows.integer(digested.meta.size);
            rows.time(digested.meta.mtime_ns);
            digested.digests.iter().for_each(|digest| rows.text(&digest.to_hex()));
            if rows.is_full() {
                writer.write(&rows.take()?)?;
            }
        }
        drop(worker);
        match &self.manifests {
            Some(manifests) => manifests.append(&batch.directory.path, named, self.context.control),
            None => Ok(()),
        }
    }

    fn file(&self, directory: &[u8], name: &[u8], meta: &Meta) -> Result<Option<Digested>> {
        let others = match meta.kind {
            Kind::File => return self.regular_file(&paths::join(directory, name), meta),
            Kind::Directory => return Ok(None),
            Kind::Symlink => &self.symlinks,
            _ => &self.others,
        };
        others.fetch_add(1, Relaxed);
        self.context.control.add_done(1, meta.size);
        Ok(None)
    }

    fn regular_file(&self, path: &[u8], meta: &Meta) -> Result<Option<Digested>> {
        let digested = self.reader.digest(path, meta);
        self.context.control.add_done(1, 0);
        match digested {
            Ok(digested) => {
                self.files.fetch_add(1, Relaxed);
                self.bytes.fetch_add(digested.meta.size, Relaxed);
                Ok(Some(digested))
            }
            Err(Trouble::Cancelled) => Err(EngineError::Cancelled),
            Err(Trouble::Issue(kind, message)) => {
                self.context.control.issue("digest", path, kind, message);
                Ok(None)
            }
        }
    }

    fn finish(self, totals: crate::walk::WalkTotals) -> Result<Report> {
        let mut workers = self.workers.into_inner();
        // All rows first: only then is it known which table has none.
        workers.iter_mut().try_for_each(|worker| worker.writer.write(&worker.rows.take()?))?;
        let staged = workers.into_iter().map(|worker| worker.writer.stage()).collect::<Result<Vec<_>>>()?;
        self.context.sink.commit(staged)?;
        let control = self.context.control;
        let files = self.manifests.map(|manifests| manifests.finish(control)).transpose()?.unwrap_or_default();
        let bytes = self.bytes.into_inner();
        let names: Vec<&str> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let seconds = self.context.control.elapsed_seconds();
        let summary = json!({
            "files": self.files.into_inner(),
            "bytes": bytes,
            "symlinks": self.symlinks.into_inner(),
            "others": self.others.into_inner(),
            "algorithms": names,
            "bytes_per_second": if seconds > 0.0 { bytes as f64 / seconds } else { 0.0 },
        });
        let not_covered = self.context.control.issues().count();
        Ok(Report { totals, not_covered, files, summary })
    }
}
