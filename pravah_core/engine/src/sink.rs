//! Result tables: Arrow batches into Parquet shards that appear only when they are final.
//!
//! A shard is written as `.part-NNNNN.parquet.tmp`, synced, renamed, its directory synced; then a line in
//! `shards.jsonl` is synced and [`Control`] is told. After a crash every `part-*.parquet` is whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use crate::control::{Control, Shard};
use crate::error::{EngineError, Result};
use crate::issue::lock;
use crate::spec::Output;

/// Rows of a row group: a reader's grain for skipping, and what a writer holds encoded in memory.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// A table an operation writes.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name, and its folder's.
    pub name: &'static str,
    /// Columns of few distinct values, worth a dictionary; the others are written plain.
    pub dictionary: &'static [&'static str],
}

/// The job folder.
#[derive(Debug)]
pub struct Sink {
    directory: PathBuf,
    shard_rows: u64,
    shard_bytes: u64,
    control: Arc<Control>,
    parts: Mutex<BTreeMap<&'static str, Arc<AtomicU32>>>,
    journal: Mutex<File>,
}

impl Sink {
    /// Make the job folder and open its journal.
    ///
    /// # Errors
    /// [`EngineError::Output`] when that cannot be done.
    pub fn create(output: &Output, control: &Arc<Control>) -> Result<Self> {
        let directory = output.directory.clone();
        fs::create_dir_all(&directory).map_err(|error| EngineError::output(&directory, error))?;
        let path = directory.join("shards.jsonl");
        let journal = File::create(&path).map_err(|error| EngineError::output(&path, error))?;
        Ok(Self {
            directory,
            shard_rows: output.shard_rows,
            shard_bytes: output.shard_bytes,
            control: Arc::clone(control),
            parts: Mutex::new(BTreeMap::new()),
            journal: Mutex::new(journal),
        })
    }

    /// The job folder's path.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A writer for `table`; several may write one table at once, each its own shards.
    pub fn writer(self: &Arc<Self>, table: Table, schema: SchemaRef) -> TableWriter {
        let part = Arc::clone(lock(&self.parts).entry(table.name).or_default());
        TableWriter { sink: Arc::clone(self), properties: properties(table, &schema), table, schema, part, open: None }
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
    /// [`EngineError::Output`] for the first that fails.
    pub fn commit(&self, staged: Vec<Staged>) -> Result<()> {
        let staged: Vec<Pending> = staged.into_iter().flat_map(|staged| staged.0).collect();
        staged.par_iter().try_for_each(|shard| {
            shard.file.sync_data().map_err(|error| EngineError::output(&shard.temporary, error))?;
            fs::rename(&shard.temporary, &shard.path).map_err(|error| EngineError::output(&shard.path, error))
        })?;
        let mut folders: Vec<&Path> = staged.iter().filter_map(|shard| shard.path.parent()).collect();
        folders.push(&self.directory);
        folders.sort_unstable();
        folders.dedup();
        folders.par_iter().try_for_each(|folder| sync_directory(folder))?;
        self.record(staged.into_iter().map(|shard| shard.shard).collect())
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
            .and_then(|()| journal.sync_data())
            .map_err(|error| EngineError::output(&self.directory.join("shards.jsonl"), error))?;
        drop(journal);
        shards.into_iter().for_each(|shard| self.control.shard_done(shard));
        Ok(())
    }

    /// Write a small file under a temporary name, sync it and rename it.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn write_file(&self, name: &str, content: &[u8]) -> Result<()> {
        let temporary = self.directory.join(format!(".{name}.tmp"));
        let path = self.directory.join(name);
        File::create(&temporary)
            .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_data()))
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(|error| EngineError::output(&path, error))?;
        sync_directory(&self.directory)
    }
}

/// Sync a directory, so that a rename in it survives a power cut.
///
/// # Errors
/// [`EngineError::Output`].
pub fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(|error| EngineError::output(path, error))
}

fn properties(table: Table, schema: &Schema) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(format!("pravah-engine {}", crate::VERSION));
    for field in schema.fields() {
        let column = ColumnPath::from(field.name().as_str());
        if table.dictionary.contains(&field.name().as_str()) {
            properties = properties.set_column_dictionary_enabled(column, true);
        } else if matches!(field.data_type(), DataType::Int64 | DataType::UInt64 | DataType::Timestamp(..)) {
            // Sizes, inodes and times of neighbours are near each other.
            properties = properties.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
        }
    }
    properties.build()
}

#[derive(Debug)]
struct Pending {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    shard: Shard,
}

/// Shards that are written and not yet final.
#[derive(Debug, Default)]
pub struct Staged(Vec<Pending>);

struct Open {
    writer: ArrowWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    relative: String,
    rows: u64,
}

/// Writes one table's shards; full ones are committed at once.
pub struct TableWriter {
    sink: Arc<Sink>,
    table: Table,
    schema: SchemaRef,
    properties: WriterProperties,
    part: Arc<AtomicU32>,
    open: Option<Open>,
}

impl TableWriter {
    /// Append rows; closes the shard when it is full.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.open.is_none() {
            self.open = Some(self.begin()?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.writer.write(batch).map_err(|error| EngineError::output(&open.temporary, error))?;
        open.rows += batch.num_rows() as u64;
        let bytes = open.writer.bytes_written() + open.writer.in_progress_size();
        if open.rows >= self.sink.shard_rows || bytes as u64 >= self.sink.shard_bytes {
            let staged = self.close()?;
            self.sink.commit(vec![staged])?;
        }
        Ok(())
    }

    /// Finish the shard that is open; the caller commits it together with others.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn stage(mut self) -> Result<Staged> {
        // A table without a row still has one shard: its schema is part of the result.
        if self.open.is_none() && self.part.load(Ordering::Relaxed) == 0 {
            self.open = Some(self.begin()?);
        }
        self.close()
    }

    fn begin(&self) -> Result<Open> {
        let part = self.part.fetch_add(1, Ordering::Relaxed);
        let folder = self.sink.directory.join(self.table.name);
        fs::create_dir_all(&folder).map_err(|error| EngineError::output(&folder, error))?;
        let name = format!("part-{part:05}.parquet");
        let temporary = folder.join(format!(".{name}.tmp"));
        let path = folder.join(&name);
        let file = File::create(&temporary).map_err(|error| EngineError::output(&temporary, error))?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&self.schema), Some(self.properties.clone()))
            .map_err(|error| EngineError::output(&temporary, error))?;
        Ok(Open { writer, temporary, path, relative: format!("{}/{name}", self.table.name), rows: 0 })
    }

    fn close(&mut self) -> Result<Staged> {
        let Some(open) = self.open.take() else { return Ok(Staged::default()) };
        let failed = |error: &dyn std::fmt::Display| EngineError::output(&open.temporary, error);
        let file = open.writer.into_inner().map_err(|error| failed(&error))?;
        let bytes = file.metadata().map_err(|error| failed(&error))?.len();
        let shard = Shard { table: self.table.name.into(), path: open.relative, rows: open.rows, bytes };
        Ok(Staged(vec![Pending { file, temporary: open.temporary, path: open.path, shard }]))
    }
}
