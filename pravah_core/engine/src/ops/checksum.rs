//! checksum: digests of every regular file, several algorithms in one read, and manifests for other tools.
//!
//! Links and special files are not digested; they are counted. A file that changes while it is read is an
//! issue and has no row. Hard links are files like others: each name has its row.
//!
//! Cost: O(bytes) reading and hashing; memory: the batches in flight and one row group per thread.

mod manifests;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};
use serde_json::json;

use self::manifests::Manifests;
use super::{Context, Options, TableColumns};
use crate::columns::{Column, Columns, Type};
use crate::digest::{Algorithm, Digested};
use crate::error::{EngineError, Result};
use crate::outcome::Report;
use crate::pass::{Operation, Reads, Stages};
use crate::paths;
use crate::pool::Slots;
use crate::sink::{Table, TableWriter};
use crate::walk::{Batch, Kind, Meta, WalkTotals};

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

impl Options for ChecksumOptions {
    const TABLES: &'static [TableColumns] = TABLES;

    fn validate(&self) -> Result<()> {
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

    fn reads_all(&self) -> bool {
        true
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        Ok(Box::new(Checksum::new(self, context)?))
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
const TABLES: &[TableColumns] = &[("result", RESULT)];
const TABLE: Table = Table { name: "result", dictionary: &[] };

struct Worker {
    rows: Columns,
    writer: TableWriter,
    path: Vec<u8>,
}

struct Checksum {
    context: Context,
    algorithms: Vec<Algorithm>,
    workers: Slots<Worker>,
    manifests: Option<Manifests>,
    files: AtomicU64,
    bytes: AtomicU64,
    symlinks: AtomicU64,
    others: AtomicU64,
}

impl Checksum {
    fn new(options: &ChecksumOptions, context: Context) -> Result<Self> {
        // Columns and manifests in one order, whatever order the options have.
        let chosen = |algorithm: &Algorithm| options.algorithms.contains(algorithm);
        let algorithms: Vec<Algorithm> = Algorithm::ALL.into_iter().filter(chosen).collect();
        let is_present = |column: &&Column| {
            column.kind != Type::Text || column.name == "path" || algorithms.iter().any(|one| one.name() == column.name)
        };
        let columns: Vec<Column> = RESULT.iter().filter(is_present).copied().collect();
        let worker = || {
            let rows = Columns::new(&columns);
            Worker { writer: context.sink.writer(TABLE, rows.schema()), rows, path: Vec::new() }
        };
        let manifests = options.write_manifests.then(|| Manifests::create(context.sink.directory(), &algorithms));
        Ok(Self {
            workers: Slots::new(context.threads, worker),
            manifests: manifests.transpose()?,
            algorithms,
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            symlinks: AtomicU64::new(0),
            others: AtomicU64::new(0),
            context,
        })
    }

    fn count(&self, meta: &Meta) {
        match meta.kind {
            Kind::Directory | Kind::File => {}
            Kind::Symlink => drop(self.symlinks.fetch_add(1, Relaxed)),
            _ => drop(self.others.fetch_add(1, Relaxed)),
        }
    }
}

/// The digested files of a batch: name, state, digests in the order of `algorithms`.
fn digested<'a>(batch: &'a Batch, reads: &'a Reads<'_>) -> impl Iterator<Item = (&'a [u8], &'a Digested)> {
    batch.iter().enumerate().filter_map(|(index, (name, _))| Some((name, reads.get(index)?.as_ref().ok()?)))
}

impl Operation for Checksum {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "digest", after: &[] }
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        Some(&self.algorithms)
    }

    fn files(&self, batch: &Batch, reads: &Reads<'_>) -> Result<()> {
        batch.iter().for_each(|(_, meta)| self.count(meta));
        // The slot is held only while rows are appended: a thread that waits inside a large file may be
        // given another batch, and must not find its own slot locked.
        let mut worker = self.workers.acquire();
        let Worker { rows, writer, path } = &mut *worker;
        for (name, file) in digested(batch, reads) {
            paths::join_into(path, &batch.directory.path, name);
            rows.path(path);
            rows.integer(file.meta.size);
            rows.time(file.meta.mtime_ns);
            self.algorithms.iter().for_each(|&algorithm| rows.text(&reads.digest(file, algorithm).to_hex()));
            self.files.fetch_add(1, Relaxed);
            self.bytes.fetch_add(file.meta.size, Relaxed);
            if rows.is_full() {
                writer.write(&rows.take()?)?;
            }
        }
        drop(worker);
        match &self.manifests {
            Some(manifests) => manifests.append(
                &batch.directory.path,
                || digested(batch, reads).map(|(name, file)| (name, |algorithm| reads.digest(file, algorithm))),
                &self.context.control,
            ),
            None => Ok(()),
        }
    }

    fn finish(self: Box<Self>, _totals: WalkTotals) -> Result<Report> {
        let control = &self.context.control;
        let mut workers = self.workers.into_inner();
        // All rows first: only then is it known which table has none.
        workers.iter_mut().try_for_each(|worker| worker.writer.write(&worker.rows.take()?))?;
        let staged = workers.into_iter().map(|worker| worker.writer.stage()).collect::<Result<Vec<_>>>()?;
        self.context.sink.commit(staged)?;
        let files = self.manifests.map(|manifests| manifests.finish(control)).transpose()?.unwrap_or_default();
        let bytes = self.bytes.into_inner();
        let names: Vec<&str> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let seconds = control.elapsed_seconds();
        let summary = json!({
            "files": self.files.into_inner(),
            "bytes": bytes,
            "symlinks": self.symlinks.into_inner(),
            "others": self.others.into_inner(),
            "algorithms": names,
            "bytes_per_second": if seconds > 0.0 { bytes as f64 / seconds } else { 0.0 },
        });
        Ok(Report { not_covered: None, files, summary })
    }
}
