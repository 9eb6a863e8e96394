//! verify: a tree against a manifest; each path has exactly one status.
//!
//! 1. A file at a listed path is digested: `ok` or `changed`, `unreadable` when it cannot be read,
//!    `not_verified` when there is no file to digest (a link, a directory) or it changed while read.
//! 2. A file at a path that is not listed is `new`; the manifest itself is not.
//! 3. A listed path where nothing is: `missing`, or, when a new file that is not empty has its digest, that
//!    file is `moved` and carries the old path in `moved_from`. A file that stands at its own listed path
//!    never explains a missing one: deleting one of two identical files is `missing`.
//! 4. `not_verified` is also a listed path that exists and that the rules leave out, one that leads outside
//!    the source (`..`, absolute), and one that is listed twice with different digests.
//!
//! The statuses' counts add up to the listed paths plus the new files. The verdict is `failed` when a path is
//! changed, missing or moved; else `incomplete` when one is unreadable or not verified, or a line of the
//! manifest could not be used; else `verified`.
//!
//! What an attempt has digested, the next one does not read again where the file is as it was. A later job does: that the
//! bytes are still those is what it is asked.
//!
//! Cost: O(bytes) reading; memory: path and digest of each listed and each new path.

mod expected;
mod known;
mod report;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use self::expected::Expected;
use self::known::Known;
use self::report::TABLES;
use self::report::{Row, Status};
use super::{Context, Options, TableColumns};
use crate::digest::{Algorithm, Digest, Digested};
use crate::error::{EngineError, Result};
use crate::issue::{IssueKind, lock};
use crate::outcome::Report;
use crate::pass::{Operation, Reads, Stages};
use crate::paths;
use crate::walk::open::stat_path;
use crate::walk::{Batch, Kind, Meta, WalkTotals};

/// Options of verify.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VerifyOptions {
    /// A manifest file, a checksum job's `result` folder or a Parquet file of it; absolute.
    pub manifest: String,
    /// The algorithm, or `auto` to find it from the manifest.
    pub algorithm: String,
    /// Digest files that are not listed, to find moves.
    pub detect_moves: bool,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { manifest: String::new(), algorithm: "auto".into(), detect_moves: true }
    }
}

impl Options for VerifyOptions {
    const TABLES: &'static [TableColumns] = TABLES;

    fn validate(&self) -> Result<()> {
        if !self.manifest.starts_with('/') {
            return Err(EngineError::invalid("options.manifest must be the absolute path of a manifest"));
        }
        self.chosen().map(|_| ())
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        let expected = Expected::none();
        Ok(Box::new(Verify {
            known: Known::open(&context, expected.algorithm),
            expected,
            algorithms: Vec::new(),
            seen: Vec::new(),
            rows: Mutex::new(Vec::new()),
            manifest: manifest_identity(self),
            options: self.clone(),
            context,
        }))
    }
}

impl VerifyOptions {
    /// The algorithm asked for; none = find it.
    fn chosen(&self) -> Result<Option<Algorithm>> {
        if self.algorithm == "auto" {
            return Ok(None);
        }
        let known = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == self.algorithm);
        let names = Algorithm::ALL.map(Algorithm::name).join(", ");
        known.map(Some).ok_or_else(|| {
            EngineError::invalid(format!("options.algorithm {:?} is not auto or one of {names}", self.algorithm))
        })
    }
}

/// (device, inode) of a manifest that is a plain file: it is not a file of the tree it describes.
fn manifest_identity(options: &VerifyOptions) -> Option<(u64, u64)> {
    let meta = stat_path(std::path::Path::new(&options.manifest)).ok()?;
    (meta.kind == Kind::File).then_some((meta.device, meta.inode))
}

struct Verify {
    options: VerifyOptions,
    context: Context,
    expected: Expected,
    known: Known,
    algorithms: Vec<Algorithm>,
    seen: Vec<AtomicBool>,
    rows: Mutex<Vec<Row>>,
    manifest: Option<(u64, u64)>,
}

impl Operation for Verify {
    fn stages(&self) -> Stages {
        Stages { before: &["read manifest"], pass: "verify", after: &[] }
    }

    fn prepare(&mut self) -> Result<()> {
        self.expected = Expected::read(&self.options, &self.context)?;
        self.algorithms = vec![self.expected.algorithm];
        self.known = Known::open(&self.context, self.expected.algorithm);
        self.seen = (0..self.expected.len()).map(|_| AtomicBool::new(false)).collect();
        self.context.control.next_stage();
        Ok(())
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        Some(&self.algorithms)
    }

    fn wants(&self, path: &[u8], meta: &Meta) -> bool {
        match self.expected.find(path) {
            Some(index) => self.expected.fault(index).is_none(),
            None => self.options.detect_moves && !self.is_manifest(meta),
        }
    }

    fn take_over(&self, path: &[u8], meta: &Meta) -> Result<bool> {
        self.known.take(path, meta)
    }

    fn file(&self, path: &[u8], read: &Digested, digest: &dyn Fn(Algorithm) -> Digest) -> Result<()> {
        self.known.keep(path, (&read.meta).into(), &digest(self.expected.algorithm))
    }

    fn checkpoint(&self) -> Result<()> {
        self.known.checkpoint()
    }

    fn files(&self, batch: &Batch, reads: &Reads<'_>) -> Result<()> {
        let mut rows = Vec::new();
        let mut path = Vec::new();
        for (index, (name, meta)) in batch.iter().enumerate() {
            paths::join_into(&mut path, &batch.directory.path, name);
            let digest = match reads.get(index) {
                Some(Ok(digested)) => Some(Ok(reads.digest(digested, self.expected.algorithm))),
                Some(Err(kind)) => Some(Err(*kind)),
                None if meta.kind == Kind::File && self.wants(&path, meta) => self.known.find(&path, meta).map(Ok),
                None => None,
            };
            match self.expected.find(&path) {
                Some(listed) => {
                    self.seen[listed as usize].store(true, Relaxed);
                    rows.push(self.listed(listed, &path, meta, digest));
                }
                None if meta.kind == Kind::File && !self.is_manifest(meta) => {
                    let digest = digest.and_then(|digest| digest.ok()).filter(|_| self.options.detect_moves);
                    rows.push(Row::unlisted(path.clone(), meta.size, digest));
                }
                None => {}
            }
        }
        lock(&self.rows).extend(rows);
        Ok(())
    }

    fn finish(self: Box<Self>, _totals: WalkTotals) -> Result<Report> {
        let Self { context, expected, known, seen, rows, .. } = *self;
        let mut rows = rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_unseen = |index: &u32| !seen[*index as usize].load(Relaxed);
        let unseen: Vec<u32> = (0..expected.len() as u32).filter(is_unseen).collect();
        settle(&context, &expected, unseen, &mut rows)?;
        let (kept, figures) = known.stage()?;
        report::write(&context, &expected, rows, kept, figures)
    }
}

impl Verify {
    fn is_manifest(&self, meta: &Meta) -> bool {
        self.manifest == Some((meta.device, meta.inode))
    }

    fn listed(
        &self,
        index: u32,
        path: &[u8],
        meta: &Meta,
        digest: Option<std::result::Result<Digest, IssueKind>>,
    ) -> Row {
        let row = Row::listed(index, meta.size);
        if meta.kind != Kind::File {
            let message = format!("is a {}, not a regular file", meta.kind.as_str().replace('_', " "));
            self.context.control.issue("verify", path, IssueKind::Unsupported, message);
            return row.with(Status::NotVerified);
        }
        match digest {
            _ if self.expected.fault(index).is_some() => row.with(Status::NotVerified),
            Some(Ok(digest)) if digest == self.expected.digest(index) => row.with(Status::Ok).found(digest),
            Some(Ok(digest)) => row.with(Status::Changed).found(digest),
            Some(Err(IssueKind::Unreadable)) => row.with(Status::Unreadable),
            // It went after it was listed: what stands at the path at the end decides.
            Some(Err(IssueKind::Vanished)) => row.with(absent(&self.context, path)),
            Some(Err(_)) | None => row.with(Status::NotVerified),
        }
    }
}

/// The status of a listed path that the walk did not meet.
fn absent(context: &Context, path: &[u8]) -> Status {
    use std::io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied};
    match context.root.stat(path) {
        Ok(_) => Status::NotVerified,
        Err(error) => match error.kind() {
            NotFound | NotADirectory | InvalidFilename => Status::Missing,
            PermissionDenied => Status::Unreadable,
            // Behind a link, for one.
            _ => Status::NotVerified,
        },
    }
}

/// Give the listed paths that the walk did not meet their status.
fn settle(context: &Context, expected: &Expected, unseen: Vec<u32>, rows: &mut Vec<Row>) -> Result<()> {
    let mut unclaimed = report::new_files_by_digest(rows);
    for index in unseen {
        context.control.check()?;
        let status = match expected.fault(index) {
            Some(_) => Status::NotVerified,
            None => absent(context, expected.path(index)),
        };
        let moved = match status {
            Status::Missing => unclaimed.get_mut(&expected.digest(index)).and_then(Vec::pop),
            _ => None,
        };
        match moved {
            Some(row) => rows[row].claim(index),
            None => rows.push(Row::listed(index, 0).with(status)),
        }
    }
    Ok(())
}
