//! Result tables: Arrow batches into Parquet shards that appear only when they are final.
//!
//! A shard is written as `.part-NNNNN.parquet.tmp`, synced, renamed, its directory synced; then a line in
//! `shards.jsonl` is synced and [`Control`] is told. After a crash every `part-*.parquet` is whole.
//!
//! # Cancellation
//! Looked at before each shard; one that is being synced is left to the kernel (see [`pool::uninterrupted`]).

mod encoding;
mod footer;
pub mod issues;
mod output;
mod writer;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

pub use self::encoding::parquet_writer;
use self::issues::IssueFile;
pub use self::output::Output;
pub use self::writer::TableWriter;
use crate::base::control::{Control, Shard};
use crate::base::error::{EngineError, Result};
use crate::base::lasting;
use crate::base::pool;
use crate::base::sync::lock;
use crate::store::report::OutputFile;

/// A table an operation writes.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name, and its folder's.
    pub name: &'static str,
    /// Columns of few distinct values, worth a dictionary; the others are written plain.
    pub dictionary: &'static [&'static str],
}

/// The folder of a job: one folder for each operation, and what is told of the job as a whole.
#[derive(Debug)]
pub struct JobFolder {
    output: Output,
    control: Arc<Control>,
    journal: Arc<Mutex<File>>,
}

impl JobFolder {
    /// Make the job folder and open its journal and its list of issues.
    ///
    /// # Errors
    /// [`EngineError::Output`] when that cannot be done, or when the folder holds something.
    pub fn create(output: &Output, control: &Arc<Control>) -> Result<Self> {
        create_folder(&output.directory)?;
        let path = output.directory.join("shards.jsonl");
        let journal = File::create_new(&path).map_err(|error| EngineError::output(&path, error))?;
        control.issues().write_to(Box::new(IssueFile::create(&output.directory)?));
        Ok(Self { output: output.clone(), control: Arc::clone(control), journal: Arc::new(Mutex::new(journal)) })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.output.directory
    }

    /// The folder of one operation, made.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn sink(&self, operation: &'static str) -> Result<Arc<Sink>> {
        let directory = self.output.directory.join(operation);
        fs::create_dir_all(&directory).map_err(|error| EngineError::output(&directory, error))?;
        Ok(Arc::new(Sink {
            operation,
            directory,
            shard_rows: self.output.shard_rows,
            shard_bytes: self.output.shard_bytes,
            shard_seconds: self.output.shard_seconds,
            control: Arc::clone(&self.control),
            parts: Mutex::new(BTreeMap::new()),
            journal: Arc::clone(&self.journal),
        }))
    }

    /// Write a small file under a temporary name, sync it and rename it.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn write_file(&self, name: &str, content: &[u8]) -> Result<()> {
        write_file(self.path(), name, content)
    }
}

/// The folder of one operation.
#[derive(Debug)]
pub struct Sink {
    operation: &'static str,
    directory: PathBuf,
    shard_rows: u64,
    shard_bytes: u64,
    shard_seconds: f64,
    control: Arc<Control>,
    parts: Mutex<BTreeMap<&'static str, Arc<AtomicU32>>>,
    journal: Arc<Mutex<File>>,
}

impl Sink {
    /// Its path.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Write a small file beside the tables, as [`JobFolder::write_file`].
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn write_file(&self, name: &str, content: &[u8], media_type: &'static str) -> Result<OutputFile> {
        write_file(&self.directory, name, content)?;
        Ok(OutputFile { name: name.to_owned(), bytes: content.len() as u64, media_type })
    }

    /// A writer for `table`; several may write one table at once, each its own shards.
    pub fn writer(self: &Arc<Self>, table: Table, schema: SchemaRef) -> TableWriter {
        let part = Arc::clone(lock(&self.parts).entry(table.name).or_default());
        TableWriter::new(Arc::clone(self), table, schema, part)
    }

    /// Write one small table whole.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn staged(self: &Arc<Self>, table: Table, batch: &RecordBatch) -> Result<Staged> {
        let mut writer = self.writer(table, batch.schema());
        writer.write(batch)?;
        writer.stage()
    }

    /// Make staged shards final: all files are synced at once, then renamed, then their directories.
    ///
    /// # Errors
    /// [`EngineError::Output`] for the first that fails, [`EngineError::Cancelled`].
    pub fn commit(&self, staged: Vec<Staged>) -> Result<()> {
        let mut staged: Vec<Pending> = staged.into_iter().flat_map(|staged| staged.0).collect();
        staged.iter_mut().try_for_each(Pending::sign)?;
        let mut folders: Vec<PathBuf> =
            staged.iter().filter_map(|shard| shard.path.parent().map(Path::to_path_buf)).collect();
        folders.push(self.directory.clone());
        folders.extend(self.directory.parent().map(Path::to_path_buf));
        folders.sort_unstable();
        folders.dedup();
        let shards = staged.iter().map(|shard| shard.shard.clone()).collect();
        let control = &self.control;
        pool::uninterrupted(control, staged, |shard, control| shard.publish(control))?;
        pool::uninterrupted(control, folders, |folder, _| sync_directory(&folder))?;
        self.record(shards)
    }

    /// True when rows that are as old as that should be made last: after some seconds, or a twentieth of the job's time
    /// so far, that long jobs have no more shards than they need.
    pub fn is_due(&self, since: Instant) -> bool {
        since.elapsed().as_secs_f64() >= self.shard_seconds.max(self.control.elapsed_seconds() / 20.0)
    }

    fn record(&self, shards: Vec<Shard>) -> Result<()> {
        let mut lines = Vec::new();
        for shard in &shards {
            serde_json::to_writer(&mut lines, shard).map_err(|error| EngineError::internal(error.to_string()))?;
            lines.push(b'\n');
        }
        let mut journal = lock(&self.journal);
        journal
            .write_all(&lines)
            .and_then(|()| lasting::sync(&journal))
            .map_err(|error| EngineError::output(&self.directory.with_file_name("shards.jsonl"), error))?;
        drop(journal);
        shards.into_iter().for_each(|shard| self.control.shard_done(shard));
        Ok(())
    }
}

fn write_file(directory: &Path, name: &str, content: &[u8]) -> Result<()> {
    let temporary = directory.join(format!(".{name}.tmp"));
    let path = directory.join(name);
    File::create(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| lasting::sync(&file)))
        .and_then(|()| lasting::rename(&temporary, &path))
        .map_err(|error| EngineError::output(&path, error))?;
    sync_directory(directory)
}

/// Make a job folder, or take an empty one: files of an earlier result would mix with this one's.
///
/// # Errors
/// [`EngineError::Output`].
pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| EngineError::output(path, error))?;
    match fs::read_dir(path).map(|mut entries| entries.next()) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(EngineError::output(path, "it is not empty; a result needs an empty folder")),
        Err(error) => Err(EngineError::output(path, error)),
    }
}

/// Sync a directory, so that a rename in it survives a power cut.
///
/// # Errors
/// [`EngineError::Output`].
pub fn sync_directory(path: &Path) -> Result<()> {
    lasting::sync_directory(path).map_err(|error| EngineError::output(path, error))
}

#[derive(Debug)]
struct Pending {
    /// None: it is opened when it is needed.
    file: Option<File>,
    temporary: PathBuf,
    path: PathBuf,
    shard: Shard,
}

impl Pending {
    /// Note the digest of what is written: whoever has a copy can tell whether it is whole.
    fn sign(&mut self) -> Result<()> {
        let opened = if self.file.is_none() { Some(open(&self.temporary)?) } else { None };
        let Some(file) = self.file.as_ref().or(opened.as_ref()) else { return Ok(()) };
        self.shard.blake3 = blake3_of(file).map_err(|error| EngineError::output(&self.temporary, error))?;
        Ok(())
    }

    /// Sync and rename. Also after a cancel it stays whole: it has its name only once it is synced.
    fn publish(self, control: &Control) -> Result<()> {
        control.check()?;
        let file = self.file.map_or_else(|| open(&self.temporary), Ok)?;
        lasting::sync(&file).map_err(|error| EngineError::output(&self.temporary, error))?;
        control.check()?;
        lasting::rename(&self.temporary, &self.path).map_err(|error| EngineError::output(&self.path, error))
    }
}

/// Read back from memory: what a file says of itself is written last.
fn blake3_of(file: &File) -> std::io::Result<String> {
    let (mut hasher, mut block, mut at) = (blake3::Hasher::new(), vec![0; 256 << 10], 0);
    loop {
        match file.read_at(&mut block, at)? {
            0 => return Ok(hasher.finalize().to_hex().to_string()),
            read => {
                hasher.update(&block[..read]);
                at += read as u64;
            }
        }
    }
}

fn open(path: &Path) -> Result<File> {
    File::options().read(true).write(true).open(path).map_err(|error| EngineError::output(path, error))
}

/// Shards that are written and not yet final.
#[derive(Debug, Default)]
pub struct Staged(Vec<Pending>);

impl Staged {
    /// True without a shard.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Put a pair into the metadata of a table's shards.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn annotate(&mut self, table: &str, key: &str, value: &str) -> Result<()> {
        for shard in self.0.iter_mut().filter(|shard| shard.shard.table == table) {
            let opened = if shard.file.is_none() { Some(open(&shard.temporary)?) } else { None };
            let Some(file) = shard.file.as_ref().or(opened.as_ref()) else { continue };
            let size = footer::annotate(file, key, value);
            shard.shard.bytes = size.map_err(|error| EngineError::output(&shard.temporary, error))?;
        }
        Ok(())
    }
}
