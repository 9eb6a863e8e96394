//! checksum: digests of every regular file, several algorithms in one read, and manifests for other tools.
//!
//! Links and special files are not digested; they are counted. A file that changes while it is read is an
//! issue and has no row. Hard links are files like others: each name has its row.
//!
//! Cost: O(bytes) reading and hashing; memory: the batches in flight and one row group per thread.

mod manifests;
mod parts;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::manifests::Manifests;
use self::parts::{Left, PARTS, PartDigests};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::meta::{EntryKind, Meta};
use pravah_foundation::base::paths;
use pravah_foundation::base::pool::{Slots, compute_pool};
use pravah_foundation::io::digest::Ranges;
use pravah_foundation::io::digest::{Algorithm, Digest, Digested, Parts, have_parts};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::operation::Options;
use pravah_foundation::run::operation::{Operation, Reads, Stages};
use pravah_foundation::source::walk::{Batch, WalkTotals};
use pravah_foundation::store::baseline::{Baseline, Reused, Shards, kept, known_by};
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::columns::{Column, Columns, Type};
use pravah_foundation::store::report::Report;
use pravah_foundation::store::sink::{Table, TableWriter};

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
                return Err(EngineError::invalid(format!("options.algorithms lists {} twice", algorithm.name())));
            }
            seen.push(*algorithm);
        }
        if seen.is_empty() { Err(EngineError::invalid("options.algorithms must not be empty")) } else { Ok(()) }
    }

    fn reads_all(&self) -> bool {
        true
    }

    fn ranges(&self, known: &Shards) -> Option<Box<dyn Ranges>> {
        have_parts(&self.algorithms).then(|| Box::new(Left::of(known)) as Box<dyn Ranges>)
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        Ok(Box::new(Checksum::new(self, context)?))
    }
}

const RESULT: &[Column] = kept![
    Column::text("blake3"),
    Column::text("sha256"),
    Column::text("sha512"),
    Column::text("sha1"),
    Column::text("md5"),
    Column::text("xxh3_128"),
    Column::text("crc32c"),
];

/// Every table with its columns; of the digests only the chosen ones are present.
const TABLES: &[TableColumns] = &[("result", RESULT), ("parts", PARTS)];
const TABLE: Table = Table { name: "result", dictionary: &[] };

struct Worker {
    rows: Columns,
    writer: TableWriter,
}

struct Checksum {
    context: Context,
    algorithms: Vec<Algorithm>,
    workers: Slots<Worker>,
    manifests: Option<Manifests>,
    baseline: Baseline,
    parts: PartDigests,
    files: AtomicU64,
    bytes: AtomicU64,
    reused: Reused,
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
            Worker { writer: context.sink.writer(TABLE, rows.schema()), rows }
        };
        let manifests = options.write_manifests.then(|| Manifests::create(context.sink.directory(), &algorithms));
        Ok(Self {
            workers: Slots::new(context.threads, worker),
            manifests: manifests.transpose()?,
            baseline: Baseline::default(),
            parts: PartDigests::new(&context.sink),
            algorithms,
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            reused: Reused::default(),
            symlinks: AtomicU64::new(0),
            others: AtomicU64::new(0),
            context,
        })
    }

    fn count(&self, meta: &Meta) {
        match meta.kind {
            EntryKind::Directory | EntryKind::File => {}
            EntryKind::Symlink => drop(self.symlinks.fetch_add(1, Relaxed)),
            _ => drop(self.others.fetch_add(1, Relaxed)),
        }
    }
}

impl Checksum {
    /// Write a file's row; its digests are in the order of the algorithms.
    fn row(&self, path: &[u8], meta: &Meta, digests: impl Iterator<Item = Digest>) -> Result<()> {
        // The slot is held only while a row is appended: a thread that waits inside a large file may be given another
        // one, and must not find its own slot locked.
        let mut worker = self.workers.acquire();
        let Worker { rows, writer } = &mut *worker;
        known_by(rows, path, meta.into());
        digests.for_each(|digest| digest.with_hex(|hex| rows.text(hex)));
        self.files.fetch_add(1, Relaxed);
        self.bytes.fetch_add(meta.size, Relaxed);
        if rows.is_full() { writer.write(&rows.take()?) } else { Ok(()) }
    }

    /// The files of a batch that were digested, or are known from an earlier run, with their digests.
    fn digested<'a>(&self, batch: &'a Batch, reads: &Reads<'_>) -> Vec<(&'a [u8], Vec<Digest>)> {
        let mut path = Vec::new();
        let digests = |(index, (name, meta)): (usize, (&'a [u8], &Meta))| match reads.get(index) {
            Some(read) => {
                let read = read.as_ref().ok()?;
                Some((name, self.algorithms.iter().map(|&algorithm| reads.digest(read, algorithm)).collect()))
            }
            None => {
                paths::join_into(&mut path, &batch.directory.path, name);
                Some((name, self.known(&path, meta)?.1))
            }
        };
        batch.iter().enumerate().filter_map(digests).collect()
    }

    /// A file's digests, when it is as it was in an earlier run, and whether this very job found them.
    fn known(&self, path: &[u8], meta: &Meta) -> Option<(bool, Vec<Digest>)> {
        let Some(row) = self.baseline.find(path, meta) else {
            let (digest, is_own) = have_parts(&self.algorithms).then(|| self.parts.earlier().digest(path, meta))??;
            return Some((is_own, vec![digest]));
        };
        let digests = (0..self.algorithms.len()).map(|place| Digest::from_hex(row.text(place)?.as_bytes()));
        Some((row.is_own(), digests.collect::<Option<_>>()?))
    }
}

impl Operation for Checksum {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "digest", after: &[] }
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        Some(&self.algorithms)
    }

    fn prepare(&mut self) -> Result<()> {
        let names: Vec<&str> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        self.baseline = Baseline::open(&self.context.baseline, &names);
        self.parts.open(&self.context.baseline);
        Ok(())
    }

    fn take_over(&self, path: &[u8], meta: &Meta) -> Result<bool> {
        let Some((is_own, digests)) = self.known(path, meta) else { return Ok(false) };
        if !is_own {
            self.reused.add(meta.size);
        }
        self.row(path, meta, digests.into_iter()).map(|()| true)
    }

    fn parts(&self) -> Option<&dyn Parts> {
        Some(&self.parts)
    }

    fn file(&self, path: &[u8], read: &Digested, digest: &dyn Fn(Algorithm) -> Digest) -> Result<()> {
        self.row(path, &read.meta, self.algorithms.iter().map(|&algorithm| digest(algorithm)))
    }

    fn files(&self, batch: &Batch, reads: &Reads<'_>) -> Result<()> {
        batch.iter().for_each(|(_, meta)| self.count(meta));
        let Some(manifests) = &self.manifests else { return Ok(()) };
        let digested = self.digested(batch, reads);
        let files = || digested.iter().map(|(name, digests)| (*name, &digests[..]));
        manifests.append(&batch.directory.path, files, &self.context.control)
    }

    fn checkpoint(&self) -> Result<()> {
        self.workers.each(|worker| {
            if worker.rows.rows() > 0 {
                worker.writer.write(&worker.rows.take()?)?;
            }
            worker.writer.checkpoint()
        })?;
        self.parts.checkpoint()
    }

    fn finish(self: Box<Self>, _totals: WalkTotals) -> Result<Report> {
        let Self { context: Context { control, sink, threads, .. }, parts, manifests, .. } = *self;
        let mut workers = self.workers.into_inner();
        let tables = || {
            // All rows first: only then is it known which table has none.
            workers.par_iter_mut().try_for_each(|worker| worker.writer.write(&worker.rows.take()?))?;
            let staged = workers.into_par_iter().map(|worker| worker.writer.stage());
            let mut staged = staged.collect::<Result<Vec<_>>>()?;
            staged.extend(parts.stage()?);
            sink.commit(staged)
        };
        let manifests = || manifests.map_or_else(|| Ok(Vec::new()), |manifests| manifests.finish(&control));
        // Both wait for the disk.
        let (written, files) = compute_pool(threads.max(2))?.install(|| rayon::join(tables, manifests));
        written?;
        let files = files?;
        let bytes = self.bytes.into_inner();
        let names: Vec<&str> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let seconds = control.elapsed_seconds();
        let summary = json!({
            "files": self.files.into_inner(),
            "bytes": bytes,
            "reused_files": self.reused.files(),
            "reused_bytes": self.reused.bytes(),
            "symlinks": self.symlinks.into_inner(),
            "others": self.others.into_inner(),
            "algorithms": names,
            "bytes_per_second": if seconds > 0.0 { bytes as f64 / seconds } else { 0.0 },
        });
        Ok(Report { not_covered: None, files, summary })
    }
}
