//! archive: the whole tree in one file, tar in any compression or zip.
//!
//! Entries are in the order of their paths and carry no time of the archive's own: the same tree gives the same bytes.
//! They are read in a stage of their own, in that order; small files are read ahead on all threads. A large file that
//! changes while it is read keeps its announced length, filled with zeros, and is an issue, as with GNU tar.
//!
//! Cost: O(bytes) reading and packing; memory: about 150 bytes for each entry, 64 MiB of files read ahead, pieces in
//! work (1 GiB at most).

mod contents;
mod tar;
mod verify;
mod zip;

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::contents::{Contents, Item};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::lasting;
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::base::paths;
use pravah_foundation::base::pool::crew::Crew;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::codec::{Codec, Encoder};
use pravah_foundation::io::pack::Packing;
use pravah_foundation::io::xattrs::Xattrs;
use pravah_foundation::run::context::Context;
use pravah_foundation::run::operation::Options;
use pravah_foundation::run::operation::{Operation, Stages};
use pravah_foundation::source::walk::{Batch, WalkTotals};
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::columns::{Column, Columns};
use pravah_foundation::store::report::{OutputFile, Report};
use pravah_foundation::store::sink::{Staged, Table, TableWriter, sync_directory};

/// The form of an archive, called by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArchiveFormat {
    /// Uncompressed.
    #[serde(rename = "tar")]
    Tar,
    /// In gzip.
    #[serde(rename = "tar.gz")]
    TarGzip,
    /// In zstd.
    #[serde(rename = "tar.zst")]
    TarZstd,
    /// In xz.
    #[serde(rename = "tar.xz")]
    TarXz,
    /// In bzip2.
    #[serde(rename = "tar.bz2")]
    TarBzip2,
    /// In LZ4.
    #[serde(rename = "tar.lz4")]
    TarLz4,
    /// Each file deflated by itself.
    #[serde(rename = "zip")]
    Zip,
}

impl ArchiveFormat {
    /// How it is compressed.
    fn codec(self) -> Option<Codec> {
        match self {
            Self::Tar => None,
            Self::TarGzip | Self::Zip => Some(Codec::Gzip),
            Self::TarZstd => Some(Codec::Zstd),
            Self::TarXz => Some(Codec::Xz),
            Self::TarBzip2 => Some(Codec::Bzip2),
            Self::TarLz4 => Some(Codec::Lz4),
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::TarGzip => "tar.gz",
            Self::TarZstd => "tar.zst",
            Self::TarXz => "tar.xz",
            Self::TarBzip2 => "tar.bz2",
            Self::TarLz4 => "tar.lz4",
            Self::Zip => "zip",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Tar => "application/x-tar",
            Self::TarGzip => "application/gzip",
            Self::TarZstd => "application/zstd",
            Self::TarXz => "application/x-xz",
            Self::TarBzip2 => "application/x-bzip2",
            Self::TarLz4 => "application/x-lz4",
            Self::Zip => "application/zip",
        }
    }
}

/// Options of archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveOptions {
    /// The form.
    pub form: ArchiveFormat,
    /// The compression's level; none = that of its own tool.
    pub level: Option<i32>,
    /// The file's name, without its end.
    pub archive_name: String,
    /// Unpack the archive again and compare it to what was read.
    pub verify_output: bool,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self { form: ArchiveFormat::TarZstd, level: None, archive_name: "archive".into(), verify_output: true }
    }
}

const RESULT: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::text("kind"),
    Column::integer("size_bytes"),
    Column::time("modified"),
];
const TABLE: Table = Table { name: "result", dictionary: &["kind"] };
/// The longest name a file system takes, less what is put around it while it is written.
const LONGEST_NAME: usize = 240;

impl Options for ArchiveOptions {
    const TABLES: &'static [TableColumns] = &[("result", RESULT)];

    fn validate(&self) -> Result<()> {
        let is_bad = |name: &str| name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']);
        if is_bad(&self.archive_name)
            || self.archive_name.len() > LONGEST_NAME
            || self.archive_name.chars().any(char::is_control)
        {
            let message = "options.archive_name must be a file name without a slash, not start with a dot, and have at most 240 bytes";
            return Err(EngineError::invalid(message));
        }
        match (self.form.codec(), self.level) {
            (Some(codec), level) => Encoder::new(codec, level).map(drop),
            (None, Some(_)) => {
                Err(EngineError::invalid("options.level must not be set: tar without compression has no level"))
            }
            (None, None) => Ok(()),
        }
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        Ok(Box::new(Archive { options: self.clone(), items: Mutex::default(), written: None, context }))
    }
}

struct Archive {
    context: Context,
    options: ArchiveOptions,
    items: Mutex<Vec<Item>>,
    written: Option<Written>,
}

struct Written {
    file: OutputFile,
    counts: Counts,
    rows: Staged,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    files: u64,
    directories: u64,
    links: u64,
    bytes: u64,
    /// Extended attributes that the archive does not have.
    attributes_left_out: u64,
    /// Times outside 1678 to 2262, which the archive has as the nearest one of these years.
    times_cut: u64,
}

/// Takes the next bytes of a file.
type Take<'a> = dyn FnMut(&[u8]) -> Result<()> + Send + 'a;
/// Gives all bytes of a file.
type Fill<'a> = dyn FnMut(&mut Take<'_>) -> Result<()> + 'a;

/// What is given the entries in their order.
trait Writer: Send {
    /// A directory, a link that leads to `target`, or a further name of the earlier file `target`.
    fn entry(&mut self, item: &Item, target: &[u8], xattrs: &Xattrs) -> Result<()>;

    /// A file whose contents are at hand.
    fn small(&mut self, item: &Item, prepared: Prepared) -> Result<()>;

    /// A file of `item.meta.size` bytes, which `fill` gives: those of its parts, when it has holes.
    fn large(&mut self, item: &Item, large: &Large, fill: &mut Fill<'_>) -> Result<()>;

    /// The archive's end.
    fn finish(self: Box<Self>) -> Result<()>;

    /// True when it keeps what a file system of Unix has: further names of a file, holes, extended attributes.
    fn is_unix(&self) -> bool;
}

/// What is kept of a large file besides its content.
#[derive(Debug, Default)]
struct Large {
    xattrs: Xattrs,
    /// Its parts, when it has holes.
    extents: Option<Vec<(u64, u64)>>,
}

/// A small file, made ready on any thread.
struct Prepared {
    content: Vec<u8>,
    xattrs: Xattrs,
    /// The same packed, for a zip.
    packed: Option<(Vec<u8>, pravah_foundation::io::pack::Packed)>,
}

impl Archive {
    fn name(&self) -> String {
        format!("{}.{}", self.options.archive_name, self.options.form.suffix())
    }

    fn packing(&self) -> Result<Option<Packing>> {
        let Some(codec) = self.options.form.codec() else { return Ok(None) };
        let encoder = Encoder::new(codec, self.options.level)?;
        let threads = self.context.threads;
        let crew = Crew::new(&self.context.control, threads, encoder.pieces_at_once(threads))?;
        Ok(Some(Packing::new(encoder, crew)))
    }

    fn write(&self, items: &[Item], temporary: &PathBuf) -> Result<Written> {
        let failed = |error: std::io::Error| EngineError::output(temporary, error);
        let file = Arc::new(File::options().read(true).write(true).create_new(true).open(temporary).map_err(failed)?);
        let packing = self.packing()?;
        let bare = packing.clone().filter(|_| self.options.form == ArchiveFormat::Zip).map(Packing::bare);
        let (writer, check): (Box<dyn Writer>, verify::ArchiveCheck) = match (&bare, packing) {
            (Some(bare), _) => (Box::new(zip::Zip::new(&file, bare.clone(), temporary)), verify::ArchiveCheck::Zip),
            (None, packing) => {
                let (tar, hash) = tar::TarWriter::new(&file, packing, temporary);
                (Box::new(tar), verify::ArchiveCheck::Tar(self.options.form.codec(), hash))
            }
        };
        let contents = Contents { context: &self.context, bare };
        let (counts, rows) = contents.write(items, writer, self.rows())?;
        if self.options.verify_output {
            verify::verify(&file, &check, &self.context, temporary)?;
        }
        let bytes = file.metadata().map_err(failed)?.len();
        let syncing = vec![(file, temporary.clone())];
        pravah_foundation::base::pool::uninterrupted(&self.context.control, syncing, |(file, path), _| {
            lasting::sync(&file).map_err(|error| EngineError::output(&path, error))
        })?;
        let file = OutputFile { name: self.name(), bytes, media_type: self.options.form.media_type() };
        Ok(Written { file, counts, rows })
    }

    fn rows(&self) -> TableWriter {
        self.context.sink.writer(TABLE, Columns::new(RESULT).schema())
    }
}

impl Operation for Archive {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "walk", after: &["archive"] }
    }

    fn entries(&self, batch: &Batch) -> Result<()> {
        let mut items = Vec::new();
        for (name, meta) in batch.iter() {
            let path = paths::join(&batch.directory.path, name);
            if matches!(meta.kind, EntryKind::File | EntryKind::Directory | EntryKind::Symlink) {
                items.push(Item::new(path, meta));
            } else {
                let message = format!("is a {}, which cannot be archived", meta.kind.as_str());
                self.context.control.issue("read", &path, IssueKind::Unsupported, message);
            }
        }
        lock(&self.items).append(&mut items);
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        let control = &self.context.control;
        control.next_stage();
        let mut items = std::mem::take(&mut *lock(&self.items));
        let pool = self.context.pool.get()?;
        pool.install(|| items.par_sort_unstable_by(|one, other| one.path.cmp(&other.path)));
        let files = items.iter().filter(|item| item.meta.kind == EntryKind::File);
        let (files, bytes) = files.fold((0, 0u64), |sum, item| (sum.0 + 1, sum.1.saturating_add(item.meta.size)));
        control.restart(files, bytes);
        let path = self.context.sink.directory().join(self.name());
        let temporary = path.with_file_name(format!(".{}.tmp", self.name()));
        let this = &*self;
        let written = pool.install(|| this.write(&items, &temporary))?;
        lasting::rename(&temporary, &path).map_err(|error| EngineError::output(&path, error))?;
        sync_directory(self.context.sink.directory())?;
        self.written = Some(written);
        Ok(())
    }

    fn finish(self: Box<Self>, _totals: WalkTotals) -> Result<Report> {
        let Self { context, options, written, .. } = *self;
        let Some(written) = written else { return Err(EngineError::internal("an archive that was not written")) };
        context.sink.commit(vec![written.rows])?;
        let (counts, bytes) = (written.counts, written.file.bytes);
        let percent = if counts.bytes == 0 { 100 } else { (bytes * 100).div_ceil(counts.bytes) };
        let summary = json!({
            "form": options.form.suffix(),
            "files": counts.files,
            "directories": counts.directories,
            "links": counts.links,
            "bytes": counts.bytes,
            "archive_bytes": bytes,
            "packed_percent": percent,
            "saved_bytes": counts.bytes.saturating_sub(bytes),
            "attributes_left_out": counts.attributes_left_out,
            "times_cut": counts.times_cut,
            "verified": options.verify_output,
        });
        Ok(Report { not_covered: None, files: vec![written.file], summary })
    }
}
