//! What a manifest lists, held compactly: one arena of paths, one sum each.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Component, Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::{Array, BinaryViewArray, RecordBatch, StringViewArray};
use foldhash::fast::RandomState;

use super::VerifyOptions;
use super::etag::Sum;
use super::form::{self, DigestForm};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result, guarded};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::paths;
use pravah_foundation::base::regular::{self, Links};
use pravah_foundation::io::digest::{Algorithm, Digest};
use pravah_foundation::io::manifest;
use pravah_foundation::run::context::Context;
use pravah_foundation::tabular::pages::{Parquet, ParquetRows};

/// The listed paths with their sums.
pub struct Expected {
    /// What all sums are.
    pub form: DigestForm,
    /// Lines that name no path and sum to compare: malformed ones, and those of another form.
    pub unusable: u64,
    usable: u64,
    arena: Vec<u8>,
    entries: Vec<Entry>,
    index: HashMap<Box<[u8]>, u32, RandomState>,
}

struct Entry {
    start: u64,
    length: u32,
    sum: Sum,
    /// Why its file is not compared, if it is not.
    fault: Option<&'static str>,
}

/// Rows of a checksum result that are in memory at once.
const BATCH_ROWS: usize = 8 << 10;

const OUTSIDE: &str = "points outside the source; it was not verified";
const CONTRADICTED: &str = "is listed twice with different digests; it was not verified";

impl Expected {
    /// Read the manifest of the options.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] when it cannot be read, has no usable line, or its algorithm cannot
    /// be told.
    pub fn read(options: &VerifyOptions, context: &Context) -> Result<Self> {
        let path = Path::new(&options.manifest);
        let unreadable =
            |error: io::Error| EngineError::invalid(format!("options.manifest {path:?} cannot be read: {error}"));
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        let mut expected = Self::none();
        let chosen = options.chosen()?;
        if metadata.is_dir() {
            expected.read_result(&shards(path)?, chosen, context)?;
        } else if !metadata.is_file() {
            return Err(EngineError::invalid(format!("options.manifest {path:?} is not a regular file")));
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            expected.read_result(&[path.to_path_buf()], chosen, context)?;
        } else {
            expected.read_lines(regular::open(path, Links::Follow).map_err(unreadable)?, path, chosen, context)?;
        }
        if expected.usable == 0 {
            return Err(EngineError::invalid(format!(
                "options.manifest {path:?} does not list a file that can be verified"
            )));
        }
        Ok(expected)
    }

    /// Nothing listed yet.
    pub fn none() -> Self {
        Self {
            form: DigestForm::Digest(Algorithm::Blake3),
            unusable: 0,
            usable: 0,
            arena: Vec::new(),
            entries: Vec::new(),
            index: HashMap::default(),
        }
    }

    /// How many paths are listed.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Where a path is listed.
    pub fn find(&self, path: &[u8]) -> Option<u32> {
        self.index.get(path).copied()
    }

    /// A listed path.
    pub fn path(&self, index: u32) -> &[u8] {
        let Entry { start, length, .. } = self.entries[index as usize];
        &self.arena[start as usize..start as usize + length as usize]
    }

    /// What is listed of a path.
    pub fn sum(&self, index: u32) -> Sum {
        self.entries[index as usize].sum
    }

    /// Why a listed path is not compared, if it is not.
    pub fn fault(&self, index: u32) -> Option<&'static str> {
        self.entries[index as usize].fault
    }

    fn add(&mut self, written: &[u8], sum: Sum, context: &Context) -> Result<()> {
        let inside = relative(written, &context.root.path);
        let (path, fault) = match &inside {
            Some(path) => (path.as_slice(), None),
            None => (written, Some(OUTSIDE)),
        };
        if let Some(&before) = self.index.get(path) {
            let entry = &mut self.entries[before as usize];
            if entry.sum != sum && entry.fault.is_none() {
                entry.fault = Some(CONTRADICTED);
                context.control.issue("read", path, IssueKind::Malformed, CONTRADICTED);
            }
            return Ok(());
        }
        let Ok(index) = u32::try_from(self.entries.len()) else {
            let (what, limit) = ("paths of a manifest".into(), u64::from(u32::MAX));
            return Err(EngineError::LimitExceeded { what, limit, unit: "paths" });
        };
        self.entries.push(Entry { start: self.arena.len() as u64, length: path.len() as u32, sum, fault });
        self.arena.extend_from_slice(path);
        // What leads outside is the path of no file below, so that it cannot be found by mistake.
        self.index.insert(path.into(), index);
        match fault {
            Some(fault) => context.control.issue("read", path, IssueKind::Malformed, fault),
            None => self.usable += 1,
        }
        Ok(())
    }

    fn read_lines(&mut self, mut file: File, path: &Path, chosen: Option<DigestForm>, context: &Context) -> Result<()> {
        let form = form::find(&file, path, chosen, context)?;
        self.form = form;
        file.rewind().map_err(|error| Failed::Io(error).explain(path, &context.control))?;
        manifest::read(Interruptible::new(&file, &context.control), |number, line| -> std::result::Result<(), Failed> {
            let fault = match line {
                Err(fault) => fault,
                Ok(line) if form.is_folder_mark(&line) => return Ok(()),
                Ok(line) => match form.fault(&line) {
                    Some(fault) => fault,
                    None => {
                        let sum = Sum { digest: line.digest, parts: line.parts };
                        return self.add(&line.path, sum, context).map_err(Failed::Engine);
                    }
                },
            };
            self.unusable += 1;
            let name = path.as_os_str().as_encoded_bytes();
            context.control.issue("read", name, IssueKind::Malformed, format!("line {number} {fault}"));
            Ok(())
        })
        .map_err(|failed| failed.explain(path, &context.control))
    }

    fn read_result(&mut self, files: &[PathBuf], chosen: Option<DigestForm>, context: &Context) -> Result<()> {
        // The Parquet reader panics on some files that are broken: the file's fault, not a bug to report.
        guarded(|| self.read_parquet(files, chosen, context)).map_err(|error| match error {
            EngineError::Internal { message } => {
                EngineError::invalid(format!("options.manifest is a damaged checksum result: {message}"))
            }
            other => other,
        })
    }

    fn read_parquet(&mut self, files: &[PathBuf], mut chosen: Option<DigestForm>, context: &Context) -> Result<()> {
        for path in files {
            let refused = |error: &dyn std::fmt::Display| {
                EngineError::invalid(format!("options.manifest {path:?} is not a checksum result: {error}"))
            };
            let file = regular::open(path, Links::Follow).map_err(|error| refused(&error))?;
            let file = Parquet::new(file).map_err(|error| refused(&error))?;
            let schema = ParquetRows::schema_of(&file).map_err(|error| refused(&error))?;
            let has = |algorithm: &Algorithm| schema.field_with_name(algorithm.name()).is_ok();
            let algorithm = match chosen {
                Some(DigestForm::Digest(algorithm)) if has(&algorithm) => algorithm,
                Some(form) => return Err(refused(&format!("it has no column {}", form.name()))),
                None => Algorithm::ALL.into_iter().find(has).ok_or_else(|| refused(&"it has no column of digests"))?,
            };
            self.form = DigestForm::Digest(algorithm);
            chosen = Some(self.form);
            let columns = ["path", "path_raw", algorithm.name()];
            let rows = ParquetRows::open(file, BATCH_ROWS, Some(&columns)).map_err(|error| refused(&error))?;
            if let Some(codec) = rows.unsupported() {
                return Err(refused(&format!("it is compressed with {codec}, which is not supported")));
            }
            let mut rows = rows;
            while let Some(batch) = rows.next_rows().map_err(|error| refused(&error))? {
                context.control.check()?;
                let columns =
                    ResultColumns::of(&batch, algorithm).ok_or_else(|| refused(&"its columns have the wrong types"))?;
                self.add_batch(&columns, algorithm, context)?;
            }
        }
        Ok(())
    }

    fn add_batch(&mut self, columns: &ResultColumns<'_>, algorithm: Algorithm, context: &Context) -> Result<()> {
        for row in 0..columns.shown.len() {
            let shown = if columns.shown.is_valid(row) { columns.shown.value(row) } else { "" };
            let raw = columns.raw.filter(|raw| raw.is_valid(row)).map(|raw| raw.value(row));
            let length = raw.map_or(shown.len(), <[u8]>::len).max(shown.len());
            if length > manifest::LONGEST_LINE {
                return Err(EngineError::invalid(format!(
                    "options.manifest is a checksum result with a path of {length} bytes; no path is that long"
                )));
            }
            let bytes = match raw {
                Some(raw) => Some(raw.to_vec()),
                None => paths::unescape(shown),
            };
            let digest = columns.digests.is_valid(row).then(|| columns.digests.value(row).as_bytes());
            let digest = digest.and_then(Digest::from_hex);
            match (bytes.filter(|bytes| !bytes.is_empty()), digest) {
                (Some(bytes), Some(digest)) if digest.as_bytes().len() == algorithm.digest_bytes() => {
                    self.add(&bytes, digest.into(), context)?;
                }
                _ => {
                    self.unusable += 1;
                    let message = "has no path or no digest";
                    context.control.issue("read", shown.as_bytes(), IssueKind::Malformed, message);
                }
            }
        }
        Ok(())
    }
}

struct ResultColumns<'a> {
    shown: &'a StringViewArray,
    raw: Option<&'a BinaryViewArray>,
    digests: &'a StringViewArray,
}

impl<'a> ResultColumns<'a> {
    fn of(batch: &'a RecordBatch, algorithm: Algorithm) -> Option<Self> {
        let text = |name: &str| batch.column_by_name(name)?.as_string_view_opt();
        let raw = batch.column_by_name("path_raw").and_then(|column| column.as_binary_view_opt());
        Some(Self { shown: text("path")?, raw, digests: text(algorithm.name())? })
    }
}

/// Why reading a manifest stopped.
pub(super) enum Failed {
    Io(io::Error),
    Engine(EngineError),
    /// Enough was read.
    Enough,
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Failed {
    pub(super) fn explain(self, manifest: &Path, control: &Control) -> EngineError {
        match self {
            Self::Io(_) if control.is_cancelled() => EngineError::Cancelled,
            Self::Io(error) => EngineError::invalid(format!("options.manifest {manifest:?} cannot be read: {error}")),
            Self::Engine(error) => error,
            Self::Enough => EngineError::internal("a manifest was not read to its end"),
        }
    }
}

/// A file whose reading ends when the job is cancelled: one line may be of any length.
pub(super) struct Interruptible<'a> {
    file: &'a File,
    control: &'a Control,
}

impl<'a> Interruptible<'a> {
    pub(super) fn new(file: &'a File, control: &'a Control) -> BufReader<Self> {
        BufReader::with_capacity(1 << 18, Self { file, control })
    }
}

impl Read for Interruptible<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.control.is_cancelled() {
            return Err(io::Error::other("the job was cancelled"));
        }
        self.file.read(buffer)
    }
}

/// The shards of a checksum result: in the folder itself, its `result`, or the `checksum` of a job's folder.
fn shards(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = |folder: &Path| -> std::io::Result<Vec<PathBuf>> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        let is_shard = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            name.starts_with(b"part-") && name.ends_with(b".parquet")
        };
        files.retain(is_shard);
        files.sort();
        Ok(files)
    };
    for folder in [folder.to_path_buf(), folder.join("result"), folder.join("checksum/result")] {
        match list(&folder) {
            Ok(files) if !files.is_empty() => return Ok(files),
            _ => {}
        }
    }
    Err(EngineError::invalid(format!("options.manifest {folder:?} is a directory without a checksum result")))
}

/// A path relative to the source, without `.` and empty parts; none when it leads outside.
pub(super) fn relative(path: &[u8], source: &Path) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    let inside = if path.is_absolute() { path.strip_prefix(source).ok()? } else { path };
    let mut result = Vec::with_capacity(inside.as_os_str().len());
    for part in inside.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) => {
                if !result.is_empty() {
                    result.push(b'/');
                }
                result.extend_from_slice(part.as_bytes());
            }
            // Also one that would lead back inside: where it leads depends on links.
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!result.is_empty()).then_some(result)
}
