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
//! Cost: O(bytes) reading; memory: path and digest of each listed and each new path.

mod expected;
mod report;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::expected::Expected;
pub use self::report::TABLES;
use self::report::{Row, Status};
use super::Context;
use crate::digest::{Algorithm, FileReader, Trouble};
use crate::error::{EngineError, Result};
use crate::issue::{IssueKind, lock};
use crate::outcome::Report;
use crate::paths;
use crate::pool::walk_and_work;
use crate::walk::open::stat_path;
use crate::walk::{Batch, Kind, Meta};

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

impl VerifyOptions {
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the option.
    pub fn validate(&self) -> Result<()> {
        if !self.manifest.starts_with('/') {
            return Err(EngineError::invalid("options.manifest must be the absolute path of a manifest"));
        }
        self.chosen().map(|_| ())
    }

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

/// Verify a tree against a manifest.
///
/// # Errors
/// What ended it: a manifest that cannot be read or has no usable line is [`EngineError::InvalidOptions`].
pub fn run(options: &VerifyOptions, context: &Context<'_>) -> Result<Report> {
    let control = context.control;
    control.set_stages(&["read", "verify", "write"]);
    let expected = Expected::read(options, context)?;
    control.enter_stage(1);
    let seen = (0..expected.len()).map(|_| AtomicBool::new(false)).collect();
    let reader = FileReader::new(context.root, &[expected.algorithm], control);
    let verify = Verify {
        options,
        context,
        reader,
        expected,
        seen,
        rows: Mutex::new(Vec::new()),
        manifest: manifest_identity(options),
    };
    let totals = walk_and_work(context, |batch| verify.batch(&batch))?;
    control.enter_stage(2);
    let Verify { expected, seen, rows, .. } = verify;
    let mut rows = rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let unseen: Vec<u32> = (0..expected.len() as u32).filter(|&index| !seen[index as usize].load(Relaxed)).collect();
    settle(context, &expected, unseen, &mut rows)?;
    report::write(context, &expected, rows, totals)
}

/// (device, inode) of a manifest that is a plain file: it is not a file of the tree it describes.
fn manifest_identity(options: &VerifyOptions) -> Option<(u64, u64)> {
    let meta = stat_path(std::path::Path::new(&options.manifest)).ok()?;
    (meta.kind == Kind::File).then_some((meta.device, meta.inode))
}

struct Verify<'a> {
    options: &'a VerifyOptions,
    context: &'a Context<'a>,
    reader: FileReader,
    expected: Expected,
    seen: Vec<AtomicBool>,
    rows: Mutex<Vec<Row>>,
    manifest: Option<(u64, u64)>,
}

impl Verify<'_> {
    fn batch(&self, batch: &Batch) -> Result<()> {
        let entries: Vec<(&[u8], &Meta)> = batch.iter().collect();
        let rows: Vec<Option<Row>> = entries
            .par_iter()
            .with_min_len(4)
            .map(|(name, meta)| self.entry(paths::join(&batch.directory.path, name), meta))
            .collect::<Result<_>>()?;
        lock(&self.rows).extend(rows.into_iter().flatten());
        Ok(())
    }

    fn entry(&self, path: Vec<u8>, meta: &Meta) -> Result<Option<Row>> {
        let is_file = meta.kind == Kind::File;
        let row = match self.expected.find(&path) {
            Some(index) => {
                self.seen[index as usize].store(true, Relaxed);
                self.listed(index, &path, meta).map(Some)?
            }
            None if is_file && self.manifest != Some((meta.device, meta.inode)) => Some(self.new_file(path, meta)?),
            None => {
                self.pass(meta);
                None
            }
        };
        if meta.kind != Kind::Directory {
            self.context.control.add_done(1, 0);
        }
        Ok(row)
    }

    /// Count what is not read as done.
    fn pass(&self, meta: &Meta) {
        if meta.kind != Kind::Directory {
            self.context.control.add_done(0, meta.size);
        }
    }

    fn listed(&self, index: u32, path: &[u8], meta: &Meta) -> Result<Row> {
        let row = Row::listed(index, meta.size);
        if meta.kind != Kind::File {
            self.pass(meta);
            let message = format!("is a {}, not a regular file", meta.kind.as_str().replace('_', " "));
            self.context.control.issue("verify", path, IssueKind::Unsupported, message);
            return Ok(row.with(Status::NotVerified));
        }
        if self.expected.fault(index).is_some() {
            self.pass(meta);
            return Ok(row.with(Status::NotVerified));
        }
        Ok(match self.digest(path, meta)? {
            Ok(digest) if digest == self.expected.digest(index) => row.with(Status::Ok).found(digest),
            Ok(digest) => row.with(Status::Changed).found(digest),
            Err(IssueKind::Unreadable) => row.with(Status::Unreadable),
            // It went after it was listed: what stands at the path at the end decides.
            Err(IssueKind::Vanished) => row.with(absent(self.context, path)),
            Err(_) => row.with(Status::NotVerified),
        })
    }

    fn new_file(&self, path: Vec<u8>, meta: &Meta) -> Result<Row> {
        let digest = if self.options.detect_moves {
            self.digest(&path, meta)?.ok()
        } else {
            self.pass(meta);
            None
        };
        Ok(Row::unlisted(path, meta.size, digest))
    }

    fn digest(&self, path: &[u8], meta: &Meta) -> Result<std::result::Result<crate::digest::Digest, IssueKind>> {
        match self.reader.digest(path, meta) {
            Ok(digested) => Ok(digested.digests.first().copied().ok_or(IssueKind::Unsupported)),
            Err(Trouble::Cancelled) => Err(EngineError::Cancelled),
            Err(Trouble::Issue(kind, message)) => {
                self.context.control.issue("verify", path, kind, message);
                Ok(Err(kind))
            }
        }
    }
}

/// The status of a listed path that the walk did not meet.
fn absent(context: &Context<'_>, path: &[u8]) -> Status {
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
fn settle(context: &Context<'_>, expected: &Expected, unseen: Vec<u32>, rows: &mut Vec<Row>) -> Result<()> {
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
