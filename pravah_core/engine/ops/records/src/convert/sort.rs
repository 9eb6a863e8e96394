//! Records in the order of some columns, with memory that does not grow with them: an external merge sort of Arrow
//! batches. Records of one key keep their order.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, Write};
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_row::{OwnedRow, RowConverter, Rows, SortField};
use arrow_schema::{SchemaRef, SortOptions};
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave_record_batch;
use arrow_select::take::take_record_batch;
use rayon::prelude::*;

use super::failed;
use pravah_foundation::base::error::Result;
use pravah_foundation::base::sorting::{Merge, RunStore, Runs, SortedRows};
use pravah_foundation::io::destination::Writing;

/// Records that are handed on at once.
pub const BATCH_ROWS: usize = 8192;
/// Arrays of a run.
const RUN_BYTES: usize = 32 << 20;
/// Records of a run that are in memory while it is merged.
const MERGED_ROWS: usize = 1024;
/// Runs that are merged at once.
const FAN: usize = 64;

/// Sorts by some columns.
pub struct RecordSorter<T: Fn() -> Result<Writing>> {
    order: Arc<KeyOrder>,
    run_bytes: usize,
    waiting: Vec<RecordBatch>,
    bytes: usize,
    runs: Runs<RecordRuns<T>>,
}

/// By which columns.
struct KeyOrder {
    schema: SchemaRef,
    columns: Vec<usize>,
    keys: RowConverter,
}

impl<T: Fn() -> Result<Writing>> RecordSorter<T> {
    /// By columns of `schema`, each with whether the greatest comes first; nulls come last. `temporary` makes a file
    /// that is gone when it is dropped; `run_bytes` is for tests.
    ///
    /// # Errors
    /// What the library says.
    pub fn new(schema: SchemaRef, order: &[(usize, bool)], run_bytes: Option<usize>, temporary: T) -> Result<Self> {
        let field = |&(column, descending): &(usize, bool)| {
            let kind = schema.field(column).data_type().clone();
            SortField::new_with_options(kind, SortOptions { descending, nulls_first: false })
        };
        let keys = RowConverter::new(order.iter().map(field).collect()).map_err(failed)?;
        let columns = order.iter().map(|(column, _)| *column).collect();
        let order = Arc::new(KeyOrder { schema, columns, keys });
        let runs = Runs::new(RecordRuns { order: Arc::clone(&order), temporary }, FAN);
        Ok(Self { order, run_bytes: run_bytes.unwrap_or(RUN_BYTES), waiting: Vec::new(), bytes: 0, runs })
    }

    /// Take some records.
    ///
    /// # Errors
    /// Those of `temporary`, and what the library says.
    pub fn add(&mut self, batch: RecordBatch) -> Result<()> {
        self.bytes += batch.get_array_memory_size();
        self.waiting.push(batch);
        if self.bytes < self.run_bytes { Ok(()) } else { self.spill() }
    }

    fn spill(&mut self) -> Result<()> {
        let sorted = self.sort()?;
        self.runs.add(|store| store.write_run(|out| out.write(&sorted)))
    }

    /// Hand all records on, in their order.
    ///
    /// # Errors
    /// As [`RecordSorter::add`], and those of `give`.
    pub fn finish(mut self, mut give: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        if self.runs.is_empty() {
            return slices(&self.sort()?, BATCH_ROWS, give);
        }
        self.spill()?;
        batches(Merge::new(self.runs.read()?)?, &mut give)
    }

    /// What waits, in its order.
    fn sort(&mut self) -> Result<RecordBatch> {
        self.bytes = 0;
        let all = concat_batches(&self.order.schema, &std::mem::take(&mut self.waiting)).map_err(failed)?;
        let keys = self.order.key(&all)?;
        let mut places: Vec<u32> = (0..all.num_rows() as u32).collect();
        places.par_sort_unstable_by(|&one, &other| {
            keys.row(one as usize).cmp(&keys.row(other as usize)).then(one.cmp(&other))
        });
        take_record_batch(&all, &UInt32Array::from(places)).map_err(failed)
    }
}

impl KeyOrder {
    fn key(&self, batch: &RecordBatch) -> Result<Rows> {
        let columns: Vec<_> = self.columns.iter().map(|&column| Arc::clone(batch.column(column))).collect();
        self.keys.convert_columns(&columns).map_err(failed)
    }
}

/// A record of a run, in the order of its key.
struct KeyedRecord {
    key: OwnedRow,
    batch: Arc<RecordBatch>,
    at: usize,
}

impl Ord for KeyedRecord {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for KeyedRecord {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for KeyedRecord {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for KeyedRecord {}

/// Runs are Arrow streams, each in a file of its own.
struct RecordRuns<T> {
    order: Arc<KeyOrder>,
    temporary: T,
}

impl<T: Fn() -> Result<Writing>> RecordRuns<T> {
    fn write_run(&self, fill: impl FnOnce(&mut RunWriter) -> Result<()>) -> Result<Writing> {
        let writing = (self.temporary)()?;
        let file = BufWriter::new(writing.file.try_clone().map_err(failed)?);
        let mut out = RunWriter(StreamWriter::try_new(file, &self.order.schema).map_err(failed)?);
        fill(&mut out)?;
        out.0.finish().map_err(failed)?;
        out.0.get_mut().flush().map_err(failed)?;
        Ok(writing)
    }
}

impl<T: Fn() -> Result<Writing>> RunStore for RecordRuns<T> {
    type Run = Writing;
    type Rows = RunReader;

    fn read(&self, run: Writing, _count: usize) -> Result<RunReader> {
        let mut file = run.file.try_clone().map_err(failed)?;
        file.rewind().map_err(failed)?;
        let reader = StreamReader::try_new(BufReader::new(file), None).map_err(failed)?;
        Ok(RunReader { order: Arc::clone(&self.order), reader, here: None, at: 0 })
    }

    fn write(&mut self, rows: Merge<RunReader>) -> Result<Writing> {
        self.write_run(|out| batches(rows, &mut |batch| out.write(batch)))
    }
}

/// A run that is read.
struct RunReader {
    order: Arc<KeyOrder>,
    reader: StreamReader<BufReader<File>>,
    /// The batch at hand, with its keys.
    here: Option<(Arc<RecordBatch>, Rows)>,
    at: usize,
}

impl SortedRows for RunReader {
    type Row = KeyedRecord;

    fn next(&mut self) -> Result<Option<KeyedRecord>> {
        if self.here.as_ref().is_none_or(|(batch, _)| self.at == batch.num_rows()) {
            let batch = self.reader.next().transpose().map_err(failed)?;
            self.here = batch.map(|batch| self.order.key(&batch).map(|keys| (Arc::new(batch), keys))).transpose()?;
            self.at = 0;
        }
        let Some((batch, keys)) = &self.here else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        Ok(Some(KeyedRecord { key: keys.row(at).owned(), batch: Arc::clone(batch), at }))
    }
}

/// A run on its way to its file.
struct RunWriter(StreamWriter<BufWriter<File>>);

impl RunWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        slices(batch, MERGED_ROWS, |batch| self.0.write(batch).map_err(failed))
    }
}

/// Hand records on in batches.
fn batches(mut rows: Merge<RunReader>, give: &mut impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
    let mut records = Vec::with_capacity(BATCH_ROWS);
    while let Some(record) = rows.next()? {
        records.push((record.batch, record.at));
        if records.len() == BATCH_ROWS {
            give(&picked(&records)?)?;
            records.clear();
        }
    }
    if records.is_empty() { Ok(()) } else { give(&picked(&records)?) }
}

/// These records as one batch.
fn picked(records: &[(Arc<RecordBatch>, usize)]) -> Result<RecordBatch> {
    let (mut batches, mut places) = (Vec::new(), HashMap::new());
    let mut rows = Vec::with_capacity(records.len());
    for (batch, at) in records {
        let place = *places.entry(Arc::as_ptr(batch)).or_insert_with(|| {
            batches.push(&**batch);
            batches.len() - 1
        });
        rows.push((place, *at));
    }
    interleave_record_batch(&batches, &rows).map_err(failed)
}

fn slices(batch: &RecordBatch, rows: usize, mut give: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
    let mut at = 0;
    while at < batch.num_rows() {
        let length = rows.min(batch.num_rows() - at);
        give(&batch.slice(at, length))?;
        at += length;
    }
    Ok(())
}
