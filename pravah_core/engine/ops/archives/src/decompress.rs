//! decompress: every compressed file of the tree unpacked into a destination, archives as folders; without a
//! destination all of it is unpacked and checked, and nothing written.
//!
//! Links of the tree are made again, its empty folders too, and folders of what is unpacked look as they did: a mirror that
//! `compress` made comes back.
//!
//! Files are told by their first bytes, not by their names: gzip, zstd, xz, bzip2, lz4, tar in any of them or bare, zip.
//! What comes out is bounded, by ratio and in all. No member of an archive is written outside the archive's own folder:
//! a name that is absolute or climbs is refused, a link that leads out is refused, and the destination follows no link.
//!
//! Cost: O(bytes) unpacking; memory: the batches in flight, a decoder's window per file (128 MiB at most).

mod entries;
mod limits;
mod names;
mod stream;
mod tarball;
mod targets;
mod untar;
mod unzip;
mod verdict;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::json;

use self::entries::{MEMBERS, RESULT, Rows, UnpackTarget, Unpacked};
use self::limits::Limits;
use self::stream::UnpackReading;
use self::unzip::NameEncoding;
use self::verdict::Verdicts;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::{EntryKind, Meta};
use pravah_foundation::base::paths;
use pravah_foundation::base::pool::Slots;
use pravah_foundation::io::destination;
use pravah_foundation::io::destination::{Attributes, Destination};
use pravah_foundation::io::digest::{Algorithm, Reading};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::names::Names;
use pravah_foundation::run::operation::Options;
use pravah_foundation::run::operation::{Operation, Stages};
use pravah_foundation::source::walk::{Batch, WalkTotals};
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::report::Report;
use pravah_foundation::store::sink::Staged;

/// Options of decompress.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecompressOptions {
    /// A new or empty directory for what is unpacked; none = a test.
    pub destination: Option<PathBuf>,
    /// Unpack tar and zip into folders; otherwise a tar.gz becomes a tar, and a zip is left.
    pub unpack_archives: bool,
    /// Keep permissions, times and, where allowed, owners.
    pub keep_metadata: bool,
    /// How names in zips are read that are not UTF-8; none = what they look like, or CP437.
    pub zip_encoding: Option<String>,
    /// Make links that lead out of their archive, too. Nothing is ever written through a link.
    pub allow_outside_links: bool,
    /// How many times its size a file may unpack to.
    pub max_ratio: u64,
    /// The ratio counts for a file from so many unpacked bytes on.
    pub ratio_from_bytes: u64,
    /// Bytes that all files together may unpack to.
    pub max_unpacked_bytes: u64,
    /// Members that one archive may have.
    pub max_members: u64,
}

impl Default for DecompressOptions {
    fn default() -> Self {
        Self {
            destination: None,
            unpack_archives: true,
            keep_metadata: true,
            zip_encoding: None,
            allow_outside_links: false,
            max_ratio: 1_000,
            ratio_from_bytes: 1 << 30,
            max_unpacked_bytes: 1 << 40,
            max_members: 1_000_000,
        }
    }
}

impl Options for DecompressOptions {
    const TABLES: &'static [TableColumns] = &[("result", RESULT), ("members", MEMBERS)];

    fn validate(&self) -> Result<()> {
        let bounded = [
            ("max_ratio", self.max_ratio),
            ("max_unpacked_bytes", self.max_unpacked_bytes),
            ("max_members", self.max_members),
        ];
        if let Some((name, _)) = bounded.iter().find(|(_, value)| *value == 0) {
            return Err(EngineError::invalid(format!("options.{name} must be at least 1")));
        }
        if let Some(name) = self.zip_encoding.as_deref().filter(|name| NameEncoding::named(name).is_none()) {
            let message = format!(
                "options.zip_encoding {name:?} is not a supported encoding; use a name like cp437 or shift_jis"
            );
            return Err(EngineError::invalid(message));
        }
        self.destination.as_deref().map_or(Ok(()), destination::check)
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        context.control.issues().follow();
        let destination = self
            .destination
            .as_deref()
            .map(|path| Destination::open(path, &context.root, context.job.as_deref(), &context.control))
            .transpose()?;
        let shared = Shared {
            rows: Slots::new(context.threads, || Rows::new(&context)),
            output: UnpackTarget::new(destination, self.keep_metadata),
            limits: Limits::new(self),
            unpack_archives: self.unpack_archives,
            name_encoding: self.zip_encoding.as_deref().and_then(NameEncoding::named),
            outside_links: self.allow_outside_links,
            other: AtomicU64::new(0),
            links: AtomicU64::new(0),
            names: OnceLock::new(),
            full_names: AtomicU64::new(0),
            attributes_left_out: AtomicU64::new(0),
            special_bits: AtomicU64::new(0),
            verdicts: Verdicts::default(),
            context,
        };
        Ok(Box::new(Decompress { shared: Arc::new(shared) }))
    }
}

/// What all threads share.
struct Shared {
    context: Context,
    output: UnpackTarget,
    limits: Limits,
    unpack_archives: bool,
    name_encoding: Option<NameEncoding>,
    outside_links: bool,
    rows: Slots<Rows>,
    /// Files that are not compressed.
    other: AtomicU64,
    /// Links of the source that are made again.
    links: AtomicU64,
    /// The names that more than one file would get.
    names: OnceLock<Names>,
    /// Files that keep their full names for it.
    full_names: AtomicU64,
    /// Extended attributes that members could not be given.
    attributes_left_out: AtomicU64,
    /// Members that lost set-uid, set-gid or sticky.
    special_bits: AtomicU64,
    verdicts: Verdicts,
}

impl Shared {
    /// What a file is unpacked as: `short`, or, where that is the name of another, too, its own name.
    fn target(&self, path: &[u8], short: Vec<u8>) -> Vec<u8> {
        if short == path || !self.names.get().is_some_and(|names| names.is_shared(&short)) {
            return short;
        }
        self.full_names.fetch_add(1, Relaxed);
        path.to_vec()
    }

    /// A file came out.
    fn came_out(&self, file: &Unpacked<'_>) -> Result<()> {
        let status = self.verdicts.came_out(&self.context.control, file.path);
        self.rows.acquire().file(file, status)
    }

    /// Make a link of the source again, as it is.
    fn link(&self, path: &[u8], meta: &Meta) -> Result<()> {
        let control = &self.context.control;
        match self.context.root.read_link(path) {
            Err(error) => control.io_issue("read", path, &error),
            Ok(target) => match self.output.symlink(path, &target, Attributes::of(&self.context.root, path, meta)) {
                Err(refused) => refused.tell(control, path)?,
                Ok(()) => drop(self.links.fetch_add(1, Relaxed)),
            },
        }
        Ok(())
    }

    /// Nothing compressed begins with `start`: the name of the file may say otherwise.
    fn no_form(&self, path: &[u8], start: &[u8], size: u64) {
        if !self.verdicts.claims(&self.context.control, path, start, size, self.unpack_archives) {
            self.other.fetch_add(1, Relaxed);
        }
    }
}

struct Decompress {
    // Shared with the threads that unpack.
    shared: Arc<Shared>,
}

impl Operation for Decompress {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "decompress", after: &[] }
    }

    fn prepare(&mut self) -> Result<()> {
        let shared = &self.shared;
        let _ = shared.names.set(targets::decide(&shared.context, shared.unpack_archives)?);
        Ok(())
    }

    fn entries(&self, batch: &Batch) -> Result<()> {
        let shared = &self.shared;
        if shared.output.path().is_none() {
            return Ok(());
        }
        let mut links = batch.iter().filter(|(_, meta)| meta.kind == EntryKind::Symlink);
        links.try_for_each(|(name, meta)| shared.link(&paths::join(&batch.directory.path, name), meta))?;
        if !batch.last {
            return Ok(());
        }
        let path = &batch.directory.path;
        let attributes = Attributes::of(&shared.context.root, path, &batch.directory.meta);
        match shared.output.mirror(path, attributes, batch.empty_directory) {
            Err(refused) => refused.tell(&shared.context.control, path),
            Ok(()) => Ok(()),
        }
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        Some(&[])
    }

    fn trouble(&self, _path: &[u8], _kind: IssueKind, _message: &str) -> Result<()> {
        self.shared.verdicts.unseen();
        Ok(())
    }

    fn reading<'a>(&'a self, path: &[u8], meta: &Meta) -> Result<Option<Box<dyn Reading + 'a>>> {
        Ok(Some(Box::new(UnpackReading::new(&self.shared, path, meta))))
    }

    fn finish(self: Box<Self>, totals: WalkTotals) -> Result<Report> {
        let shared = Arc::into_inner(self.shared).ok_or_else(|| EngineError::internal("a thread still unpacks"))?;
        let Shared {
            context, output, rows, other, links, full_names, attributes_left_out, special_bits, verdicts, ..
        } = shared;
        let mut sums = entries::UnpackTotals::default();
        let mut staged: Vec<Staged> = Vec::new();
        let mut failed = verdicts.failed(&context.control).into_iter();
        for mut rows in rows.into_inner() {
            failed.by_ref().try_for_each(|(path, begun, status)| rows.failed(&path, &begun, status))?;
            staged.extend(rows.stage(&mut sums)?);
        }
        let path = output.path().map(|path| path.to_string_lossy().into_owned());
        let times_cut = output.finish()?;
        context.sink.commit(staged)?;
        let (verdict, statuses) = verdicts.summary(sums.statuses);
        let summary = json!({
            "verdict": verdict,
            "statuses": statuses,
            "left_out": totals.filtered,
            "files": sums.files,
            "archives": sums.archives,
            "members": sums.members,
            "replaced_members": sums.replaced,
            "full_names": full_names.load(Relaxed),
            "attributes_left_out": attributes_left_out.load(Relaxed),
            "special_bits_left_out": special_bits.load(Relaxed),
            "times_cut": times_cut,
            "bytes": sums.bytes,
            "unpacked_bytes": sums.unpacked,
            "other_files": other.load(Relaxed),
            "links": links.load(Relaxed),
            "tested_only": path.is_none(),
            "destination": path,
        });
        Ok(Report { not_covered: None, files: Vec::new(), summary })
    }
}
