//! verify: a tree against a manifest; each path has exactly one status.
//!
//! 1. A file at a listed path is digested: `ok` or `changed`, `unreadable` when it cannot be read,
//!    `not_verified` when there is no file to digest (a link, a directory) or it changed while read. Of a manifest of
//!    S3 ETags a file that does not match is `not_verified`, too: its ETag need not be an MD5, nor the size of the
//!    parts one that was tried ([`etag`]). It is `changed` where the options state the parts' size.
//! 2. A file at a path that is not listed is `new`; the manifest itself is not.
//! 3. A listed path where nothing is: `missing`, or, when a new file that is not empty has its digest, that
//!    file is `moved` and carries the old path in `moved_from`. A file that stands at its own listed path
//!    never explains a missing one: deleting one of two identical files is `missing`. So is a file that moved, when
//!    its ETag is of an upload in parts.
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

mod etag;
mod expected;
mod form;
mod known;
mod report;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use self::etag::{EtagReading, Sum};
use self::expected::Expected;
use self::form::DigestForm;
use self::known::KnownDigests;
use self::report::TABLES;
use self::report::{VerifyRow, VerifyStatus};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::{EntryKind, Meta};
use pravah_foundation::base::paths;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::digest::{Algorithm, Digest, Digested, Reading};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::operation::Options;
use pravah_foundation::run::operation::{Operation, Reads, Stages};
use pravah_foundation::source::walk::open::stat_path;
use pravah_foundation::source::walk::{Batch, WalkTotals};
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::report::Report;

/// Options of verify.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VerifyOptions {
    /// A manifest file, a checksum job's `result` folder or a Parquet file of it; absolute.
    pub manifest: String,
    /// The algorithm, `etag` for S3 ETags, or `auto` to find it from the manifest.
    pub algorithm: String,
    /// How many bytes a part of the uploads has whose ETags these are, and that the ETags are MD5s; none = not known.
    pub etag_part_bytes: Option<u64>,
    /// Digest files that are not listed, to find moves.
    pub detect_moves: bool,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { manifest: String::new(), algorithm: "auto".into(), etag_part_bytes: None, detect_moves: true }
    }
}

impl Options for VerifyOptions {
    const TABLES: &'static [TableColumns] = TABLES;

    fn validate(&self) -> Result<()> {
        if !self.manifest.starts_with('/') {
            return Err(EngineError::invalid("options.manifest must be the absolute path of a manifest"));
        }
        if self.etag_part_bytes == Some(0) {
            return Err(EngineError::invalid("options.etag_part_bytes must be at least 1"));
        }
        self.chosen().map(|_| ())
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        let expected = Expected::none();
        Ok(Box::new(Verify {
            known: KnownDigests::open(&context, expected.form),
            expected,
            algorithms: Vec::new(),
            seen: Vec::new(),
            rows: Mutex::new(Vec::new()),
            etags: Mutex::new(HashMap::new()),
            manifest: manifest_identity(self),
            options: self.clone(),
            context,
        }))
    }
}

impl VerifyOptions {
    /// The form asked for; none = find it.
    fn chosen(&self) -> Result<Option<DigestForm>> {
        if self.algorithm == "auto" {
            return Ok(None);
        }
        DigestForm::of_name(&self.algorithm).map(Some).ok_or_else(|| {
            let names: Vec<&str> = DigestForm::all().map(DigestForm::name).collect();
            let names = names.join(", ");
            EngineError::invalid(format!("options.algorithm {:?} is not auto or one of {names}", self.algorithm))
        })
    }
}

/// (device, inode) of a manifest that is a plain file: it is not a file of the tree it describes.
fn manifest_identity(options: &VerifyOptions) -> Option<(u64, u64)> {
    let meta = stat_path(std::path::Path::new(&options.manifest)).ok()?;
    (meta.kind == EntryKind::File).then_some((meta.device, meta.inode))
}

struct Verify {
    options: VerifyOptions,
    context: Context,
    expected: Expected,
    known: KnownDigests,
    algorithms: Vec<Algorithm>,
    seen: Vec<AtomicBool>,
    rows: Mutex<Vec<VerifyRow>>,
    /// What was found of files that were read and have no row yet.
    etags: Mutex<HashMap<Vec<u8>, Vec<Sum>>>,
    manifest: Option<(u64, u64)>,
}

impl Operation for Verify {
    fn stages(&self) -> Stages {
        Stages { before: &["read manifest"], pass: "verify", after: &[] }
    }

    fn prepare(&mut self) -> Result<()> {
        self.expected = Expected::read(&self.options, &self.context)?;
        self.algorithms = match self.expected.form {
            DigestForm::Digest(algorithm) => vec![algorithm],
            DigestForm::Etag => Vec::new(),
        };
        self.known = KnownDigests::open(&self.context, self.expected.form);
        self.seen = (0..self.expected.len()).map(|_| AtomicBool::new(false)).collect();
        self.context.control.next_stage();
        Ok(())
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        Some(&self.algorithms)
    }

    fn wants(&self, path: &[u8], meta: &Meta) -> bool {
        match self.expected.find(path) {
            Some(index) => self.expected.fault(index).is_none() && self.can_be_compared(index, meta),
            None => self.options.detect_moves && !self.is_manifest(meta),
        }
    }

    fn reading<'a>(&'a self, path: &[u8], meta: &Meta) -> Result<Option<Box<dyn Reading + 'a>>> {
        if self.expected.form != DigestForm::Etag {
            return Ok(None);
        }
        let parts = self.expected.find(path).map_or_else(|| vec![None], |index| self.parts(index, meta.size));
        let path = path.to_vec();
        Ok(Some(Box::new(EtagReading::new(&parts, |found| drop(lock(&self.etags).insert(path, found))))))
    }

    fn take_over(&self, path: &[u8], meta: &Meta) -> Result<bool> {
        let Some(sums) = self.taken(path, meta) else { return Ok(false) };
        self.known.take(path, meta, &sums).map(|()| true)
    }

    fn file(&self, path: &[u8], read: &Digested, digest: &dyn Fn(Algorithm) -> Digest) -> Result<()> {
        let sums = match self.expected.form {
            DigestForm::Digest(algorithm) => vec![digest(algorithm).into()],
            DigestForm::Etag => lock(&self.etags).get(path).cloned().unwrap_or_default(),
        };
        self.known.keep(path, (&read.meta).into(), &sums)
    }

    fn checkpoint(&self) -> Result<()> {
        self.known.checkpoint()
    }

    fn files(&self, batch: &Batch, reads: &Reads<'_>) -> Result<()> {
        let mut rows = Vec::new();
        let mut path = Vec::new();
        for (index, (name, meta)) in batch.iter().enumerate() {
            paths::join_into(&mut path, &batch.directory.path, name);
            let found = self.found(&path, meta, reads, index);
            match self.expected.find(&path) {
                Some(listed) => {
                    self.seen[listed as usize].store(true, Relaxed);
                    rows.push(self.listed(listed, &path, meta, found));
                }
                None if meta.kind == EntryKind::File && !self.is_manifest(meta) => {
                    let found = found.and_then(|found| found.ok()).filter(|_| self.options.detect_moves);
                    rows.push(VerifyRow::unlisted(
                        path.clone(),
                        meta.size,
                        found.and_then(|sums| sums.first().copied()),
                    ));
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

    /// The sizes of a part with which a file of this size may have its listed sum; one that is none: as a whole.
    fn parts(&self, index: u32, size: u64) -> Vec<Option<u64>> {
        match (self.expected.sum(index).parts, self.options.etag_part_bytes) {
            (None, _) => vec![None],
            (Some(parts), Some(part)) if etag::makes(size, part, parts) => vec![Some(part)],
            (Some(_), Some(_)) => Vec::new(),
            (Some(parts), None) => etag::part_sizes(size, parts).into_iter().map(Some).collect(),
        }
    }

    fn can_be_compared(&self, index: u32, meta: &Meta) -> bool {
        self.expected.form != DigestForm::Etag || !self.parts(index, meta.size).is_empty()
    }

    /// What an earlier attempt found of a file that is as it was. ETags only where they prove it: with another manifest
    /// other sizes of a part are tried.
    fn taken(&self, path: &[u8], meta: &Meta) -> Option<Vec<Sum>> {
        let sums = self.known.find(path, meta)?;
        let wanted = self.expected.find(path).map(|index| self.expected.sum(index));
        let proves = |sum: Sum| wanted.map_or(sum.parts.is_none(), |wanted| sum == wanted);
        (self.expected.form != DigestForm::Etag || sums.iter().any(|&sum| proves(sum))).then_some(sums)
    }

    /// What reading an entry found, now or in an earlier attempt, if it was read for this operation.
    fn found(
        &self,
        path: &[u8],
        meta: &Meta,
        reads: &Reads<'_>,
        index: usize,
    ) -> Option<std::result::Result<Vec<Sum>, IssueKind>> {
        match (reads.get(index), self.expected.form) {
            (Some(Err(kind)), _) => Some(Err(*kind)),
            (Some(Ok(digested)), DigestForm::Digest(algorithm)) => {
                Some(Ok(vec![reads.digest(digested, algorithm).into()]))
            }
            (Some(Ok(_)), DigestForm::Etag) => lock(&self.etags).remove(path).map(Ok),
            (None, _) if meta.kind == EntryKind::File && self.wants(path, meta) => self.taken(path, meta).map(Ok),
            (None, _) => None,
        }
    }

    fn listed(
        &self,
        index: u32,
        path: &[u8],
        meta: &Meta,
        found: Option<std::result::Result<Vec<Sum>, IssueKind>>,
    ) -> VerifyRow {
        let row = VerifyRow::listed(index, meta.size);
        if meta.kind != EntryKind::File {
            let message = format!("is a {}, not a regular file", meta.kind.as_str().replace('_', " "));
            self.context.control.issue("verify", path, IssueKind::Unsupported, message);
            return row.with(VerifyStatus::NotVerified);
        }
        match found {
            _ if self.expected.fault(index).is_some() => row.with(VerifyStatus::NotVerified),
            _ if !self.can_be_compared(index, meta) => {
                self.unproven(index, path, meta);
                row.with(VerifyStatus::NotVerified)
            }
            Some(Ok(found)) if found.contains(&self.expected.sum(index)) => {
                row.with(VerifyStatus::Ok).found(self.expected.sum(index))
            }
            Some(Ok(found)) => {
                // Which of several sizes of a part was the one, nobody knows.
                let row = if let [only] = found[..] { row.found(only) } else { row };
                if self.expected.form != DigestForm::Etag || self.options.etag_part_bytes.is_some() {
                    return row.with(VerifyStatus::Changed);
                }
                self.unproven(index, path, meta);
                row.with(VerifyStatus::NotVerified)
            }
            Some(Err(IssueKind::Unreadable)) => row.with(VerifyStatus::Unreadable),
            // It went after it was listed: what stands at the path at the end decides.
            Some(Err(IssueKind::Vanished)) => row.with(absent(&self.context, path)),
            Some(Err(_)) | None => row.with(VerifyStatus::NotVerified),
        }
    }
}

impl Verify {
    /// Say why a file that its ETag does not prove is not called changed.
    fn unproven(&self, index: u32, path: &[u8], meta: &Meta) {
        let encrypted = "the ETag of an encrypted object is not an MD5";
        let message = match (self.expected.sum(index).parts, &self.parts(index, meta.size)[..]) {
            (None, _) => format!("does not match its ETag, but may be unchanged: {encrypted}"),
            (Some(parts), []) => match self.options.etag_part_bytes {
                Some(part) => format!("has {} bytes, which is not {parts} parts of {part}", meta.size),
                None => format!("has {} bytes, which cannot be {parts} parts", meta.size),
            },
            (Some(_), sizes) => {
                let sizes: Vec<String> = sizes.iter().flatten().map(u64::to_string).collect();
                let sizes = sizes.join(" or ");
                format!(
                    "does not match its ETag with parts of {sizes} bytes, which is no proof of a change: the parts may \
                     be of another size (options.etag_part_bytes states it), and {encrypted}"
                )
            }
        };
        self.context.control.issue("verify", path, IssueKind::Unsupported, message);
    }
}

/// The status of a listed path that the walk did not meet.
fn absent(context: &Context, path: &[u8]) -> VerifyStatus {
    use std::io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied};
    match context.root.stat(path) {
        Ok(_) => VerifyStatus::NotVerified,
        Err(error) => match error.kind() {
            NotFound | NotADirectory | InvalidFilename => VerifyStatus::Missing,
            PermissionDenied => VerifyStatus::Unreadable,
            // Behind a link, for one.
            _ => VerifyStatus::NotVerified,
        },
    }
}

/// Give the listed paths that the walk did not meet their status.
fn settle(context: &Context, expected: &Expected, unseen: Vec<u32>, rows: &mut Vec<VerifyRow>) -> Result<()> {
    let mut unclaimed = report::new_files_by_sum(rows);
    for index in unseen {
        context.control.check()?;
        let status = match expected.fault(index) {
            Some(_) => VerifyStatus::NotVerified,
            None => absent(context, expected.path(index)),
        };
        let moved = match status {
            VerifyStatus::Missing => unclaimed.get_mut(&expected.sum(index)).and_then(Vec::pop),
            _ => None,
        };
        match moved {
            Some(row) => rows[row].claim(index),
            None => rows.push(VerifyRow::listed(index, 0).with(status)),
        }
    }
    Ok(())
}
