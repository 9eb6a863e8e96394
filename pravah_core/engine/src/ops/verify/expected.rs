//! What a manifest lists, held compactly: one arena of paths, one digest each.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::{Path, PathBuf};

use arrow_array::{Array, BinaryArray, RecordBatch, StringArray};
use foldhash::fast::RandomState;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::VerifyOptions;
use crate::digest::{Algorithm, Digest, FileReader};
use crate::error::{EngineError, Result};
use crate::issue::IssueKind;
use crate::manifest::{self, Line};
use crate::ops::Context;
use crate::paths;

/// The listed paths with their digests.
pub struct Expected {
    /// The algorithm of all digests.
    pub algorithm: Algorithm,
    arena: Vec<u8>,
    entries: Vec<(u64, u32, Digest)>,
    index: HashMap<Box<[u8]>, u32, RandomState>,
}

impl Expected {
    /// Read the manifest of the options.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] when it cannot be read, has no usable line, or its algorithm cannot
    /// be told.
    pub fn read(options: &VerifyOptions, context: &Context<'_>) -> Result<Self> {
        let path = Path::new(&options.manifest);
        let unreadable =
            |error: std::io::Error| EngineError::invalid(format!("options.manifest {path:?} cannot be read: {error}"));
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        let mut expected =
            Self { algorithm: Algorithm::Blake3, arena: Vec::new(), entries: Vec::new(), index: HashMap::default() };
        let chosen = options.chosen()?;
        if metadata.is_dir() {
            expected.read_parquet(&shards(path)?, chosen, context)?;
        } else if !metadata.is_file() {
            return Err(EngineError::invalid(format!("options.manifest {path:?} is not a regular file")));
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            expected.read_parquet(&[path.to_path_buf()], chosen, context)?;
        } else {
            let file = File::open(path).map_err(unreadable)?;
            expected.read_lines(file, path, chosen, context)?;
        }
        if expected.entries.is_empty() {
            return Err(EngineError::invalid(format!("options.manifest {path:?} lists no file that can be verified")));
        }
        Ok(expected)
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
        let (start, length, _) = self.entries[index as usize];
        &self.arena[start as usize..start as usize + length as usize]
    }

    /// A listed digest.
    pub fn digest(&self, index: u32) -> Digest {
        self.entries[index as usize].2
    }

    fn add(&mut self, path: &[u8], digest: Digest, context: &Context<'_>) {
        let Some(path) = relative(path, &context.root.path) else {
            let message = "leads outside the source and is not verified";
            context.control.issue("read", path, IssueKind::Malformed, message);
            return;
        };
        if let Some(&before) = self.index.get(path.as_slice()) {
            if self.digest(before) != digest {
                let message = "is listed twice with different digests; the first is used";
                context.control.issue("read", &path, IssueKind::Malformed, message);
            }
            return;
        }
        let index = self.entries.len() as u32;
        self.entries.push((self.arena.len() as u64, path.len() as u32, digest));
        self.arena.extend_from_slice(&path);
        self.index.insert(path.into_boxed_slice(), index);
    }

    fn read_lines(&mut self, file: File, path: &Path, chosen: Option<Algorithm>, context: &Context<'_>) -> Result<()> {
        let mut file = file;
        let failed = |error: std::io::Error| EngineError::invalid(format!("options.manifest cannot be read: {error}"));
        self.algorithm = match chosen {
            Some(algorithm) => algorithm,
            None => find_algorithm(BufReader::new(&file), path, context)?,
        };
        file.rewind().map_err(failed)?;
        let name = path.as_os_str().as_encoded_bytes();
        let malformed = |number: u64, fault: &str| {
            let message = format!("line {number} {fault}");
            context.control.issue("read", name, IssueKind::Malformed, message);
        };
        let algorithm = self.algorithm;
        manifest::read(BufReader::new(file), |number, line| -> std::result::Result<(), Failed> {
            if number.is_multiple_of(4096) {
                context.control.check().map_err(Failed::Engine)?;
            }
            match line {
                Err(fault) => malformed(number, fault),
                Ok(Line { algorithm: Some(tagged), .. }) if tagged != algorithm => {
                    malformed(number, "is of another algorithm than the one being verified");
                }
                Ok(line) if line.digest.as_bytes().len() != algorithm.digest_bytes() => {
                    malformed(number, "has a digest of another length than the algorithm's");
                }
                Ok(line) => self.add(&line.path, line.digest, context),
            }
            Ok(())
        })
        .map_err(|failure| match failure {
            Failed::Io(error) => failed(error),
            Failed::Engine(error) => error,
        })
    }

    fn read_parquet(&mut self, files: &[PathBuf], chosen: Option<Algorithm>, context: &Context<'_>) -> Result<()> {
        for path in files {
            let refused = |error: &dyn std::fmt::Display| {
                EngineError::invalid(format!("options.manifest {path:?} is no checksum result: {error}"))
            };
            let file = File::open(path).map_err(|error| refused(&error))?;
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| refused(&error))?;
            let has = |algorithm: &Algorithm| builder.schema().field_with_name(algorithm.name()).is_ok();
            self.algorithm = match chosen {
                Some(algorithm) if has(&algorithm) => algorithm,
                Some(algorithm) => return Err(refused(&format!("it has no column {}", algorithm.name()))),
                None => Algorithm::ALL.into_iter().find(has).ok_or_else(|| refused(&"it has no column of digests"))?,
            };
            for batch in builder.build().map_err(|error| refused(&error))? {
                context.control.check()?;
                let batch = batch.map_err(|error| refused(&error))?;
                self.add_batch(&batch, context).ok_or_else(|| refused(&"its columns are of other types"))?;
            }
        }
        Ok(())
    }

    fn add_batch(&mut self, batch: &RecordBatch, context: &Context<'_>) -> Option<()> {
        let text = |name: &str| batch.column_by_name(name)?.as_any().downcast_ref::<StringArray>();
        let shown = text("path")?;
        let digests = text(self.algorithm.name())?;
        let raw = batch.column_by_name("path_raw").and_then(|column| column.as_any().downcast_ref::<BinaryArray>());
        for row in 0..batch.num_rows() {
            let bytes = match raw {
                Some(raw) if raw.is_valid(row) => raw.value(row).to_vec(),
                _ => paths::unescape(shown.value(row))?,
            };
            let digest = Digest::from_hex(digests.value(row).as_bytes());
            match digest {
                Some(digest) => self.add(&bytes, digest, context),
                None => context.control.issue("read", &bytes, IssueKind::Malformed, "has no hexadecimal digest"),
            }
        }
        Some(())
    }
}

enum Failed {
    Io(std::io::Error),
    Engine(EngineError),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// The shards of a checksum result: the folder itself, or `result` in it.
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
    for folder in [folder.to_path_buf(), folder.join("result")] {
        match list(&folder) {
            Ok(files) if !files.is_empty() => return Ok(files),
            _ => {}
        }
    }
    Err(EngineError::invalid(format!("options.manifest {folder:?} is a directory without a checksum result")))
}

/// A path relative to the source, without `.` and empty parts; none when it leads outside.
fn relative(path: &[u8], source: &Path) -> Option<Vec<u8>> {
    let inside = if path.first() == Some(&b'/') {
        path.strip_prefix(source.as_os_str().as_encoded_bytes())?.strip_prefix(b"/")?
    } else {
        path
    };
    let mut result = Vec::with_capacity(inside.len());
    for part in inside.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return None,
            part => {
                if !result.is_empty() {
                    result.push(b'/');
                }
                result.extend_from_slice(part);
            }
        }
    }
    (!result.is_empty()).then_some(result)
}

/// Tell the algorithm from a tag, the manifest's name, or the digests' length; where two have that length,
/// try both on the first listed file that is there.
fn find_algorithm(reader: impl std::io::BufRead, manifest: &Path, context: &Context<'_>) -> Result<Algorithm> {
    let mut first: Option<Line> = None;
    let mut candidates: Vec<Line> = Vec::new();
    let read = manifest::read(reader, |_, line| -> std::io::Result<()> {
        let Ok(line) = line else { return Ok(()) };
        if candidates.len() < 64 {
            candidates.push(line.clone());
        }
        first.get_or_insert(line);
        Ok(())
    });
    read.map_err(|error| EngineError::invalid(format!("options.manifest {manifest:?} cannot be read: {error}")))?;
    let none = || EngineError::invalid(format!("options.manifest {manifest:?} has no line that lists a digest"));
    let first = first.ok_or_else(none)?;
    if let Some(algorithm) = first.algorithm {
        return Ok(algorithm);
    }
    let possible = manifest::algorithms_of_length(first.digest.as_bytes().len());
    let name = manifest.file_name().unwrap_or_default().as_encoded_bytes();
    if let Some(named) = manifest::algorithm_of_name(name).filter(|named| possible.contains(named)) {
        return Ok(named);
    }
    match possible[..] {
        [] => Err(none()),
        [only] => Ok(only),
        [likeliest, ..] => Ok(try_algorithms(&candidates, &possible, context).unwrap_or(likeliest)),
    }
}

fn try_algorithms(lines: &[Line], possible: &[Algorithm], context: &Context<'_>) -> Option<Algorithm> {
    // Counters of its own: these reads are no progress of the job.
    let control = std::sync::Arc::new(crate::control::Control::new());
    let reader = FileReader::new(context.root, possible, &control);
    lines.iter().find_map(|line| {
        let path = relative(&line.path, &context.root.path)?;
        let meta = context.root.stat(&path).ok()?;
        let digested = reader.digest(&path, &meta).ok()?;
        digested.digests.iter().position(|digest| *digest == line.digest).map(|index| possible[index])
    })
}
