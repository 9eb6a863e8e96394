//! Rows in the order of some columns, with memory that does not grow with them: runs that are sorted are written to
//! temporary files and merged (Knuth, The Art of Computer Programming 3, 5.4). Rows of one key keep their order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
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
use pravah_foundation::io::destination::Writing;

/// Rows that are handed on at once.
pub const BATCH_ROWS: usize = 8192;
/// Arrays of a run.
const RUN_BYTES: usize = 32 << 20;
/// Rows of a run that are in memory while it is merged.
const MERGED_ROWS: usize = 1024;
/// Runs that are merged at once.
const MERGED_RUNS: usize = 64;

/// Where runs go, and where sorted rows do.
pub trait Target {
    /// A new temporary file, removed when it is dropped.
    ///
    /// # Errors
    /// An error ends the job.
    fn temporary(&self) -> Result<Writing>;

    /// The next rows.
    ///
    /// # Errors
    /// An error ends the job.
    fn rows(&mut self, batch: &RecordBatch) -> Result<()>;
}

/// Sorts by some columns.
pub struct RecordSorter {
    schema: SchemaRef,
    columns: Vec<usize>,
    keys: RowConverter,
    run_bytes: usize,
    waiting: Vec<RecordBatch>,
    bytes: usize,
    /// Runs by how often they were merged; those of more merges come first.
    runs: Vec<Vec<Writing>>,
}

impl RecordSorter {
    /// By columns of `schema`, each with whether the greatest comes first; nulls come last. `run_bytes` is for tests.
    ///
    /// # Errors
    /// What the library says.
    pub fn new(schema: SchemaRef, order: &[(usize, bool)], run_bytes: Option<usize>) -> Result<Self> {
        let field = |&(column, descending): &(usize, bool)| {
            let kind = schema.field(column).data_type().clone();
            SortField::new_with_options(kind, SortOptions { descending, nulls_first: false })
        };
        let keys = RowConverter::new(order.iter().map(field).collect()).map_err(failed)?;
        let columns = order.iter().map(|(column, _)| *column).collect();
        let run_bytes = run_bytes.unwrap_or(RUN_BYTES);
        Ok(Self { schema, columns, keys, run_bytes, waiting: Vec::new(), bytes: 0, runs: Vec::new() })
    }

    /// Take some rows.
    ///
    /// # Errors
    /// Those of `target`, and what the library says.
    pub fn add(&mut self, batch: RecordBatch, target: &impl Target) -> Result<()> {
        self.bytes += batch.get_array_memory_size();
        self.waiting.push(batch);
        if self.bytes < self.run_bytes {
            return Ok(());
        }
        let sorted = self.sort()?;
        let run = write_run(&sorted, target)?;
        self.keep(run, 0, target)
    }

    /// Put a run in its place, with those that it makes too many merged.
    fn keep(&mut self, run: Writing, level: usize, target: &impl Target) -> Result<()> {
        if self.runs.len() <= level {
            self.runs.resize_with(level + 1, Vec::new);
        }
        self.runs[level].push(run);
        if self.runs[level].len() < MERGED_RUNS {
            return Ok(());
        }
        let runs = std::mem::take(&mut self.runs[level]);
        let writing = target.temporary()?;
        let mut out = RunWriter::new(&writing, &self.schema)?;
        self.merge(runs, |batch| out.write(batch))?;
        out.finish()?;
        self.keep(writing, level + 1, target)
    }

    /// Hand all rows on, in their order.
    ///
    /// # Errors
    /// As [`RecordSorter::add`].
    pub fn finish(mut self, target: &mut impl Target) -> Result<()> {
        let sorted = self.sort()?;
        if self.runs.is_empty() {
            return slices(&sorted, BATCH_ROWS, |batch| target.rows(batch));
        }
        let last = write_run(&sorted, target)?;
        let mut runs: Vec<Writing> = std::mem::take(&mut self.runs).into_iter().rev().flatten().collect();
        runs.push(last);
        self.merge(runs, |batch| target.rows(batch))
    }

    fn key(&self, batch: &RecordBatch) -> Result<Rows> {
        let columns: Vec<_> = self.columns.iter().map(|&column| Arc::clone(batch.column(column))).collect();
        self.keys.convert_columns(&columns).map_err(failed)
    }

    /// What waits, in its order.
    fn sort(&mut self) -> Result<RecordBatch> {
        self.bytes = 0;
        let all = concat_batches(&self.schema, &std::mem::take(&mut self.waiting)).map_err(failed)?;
        let keys = self.key(&all)?;
        let mut places: Vec<u32> = (0..all.num_rows() as u32).collect();
        places.par_sort_unstable_by(|&one, &other| {
            keys.row(one as usize).cmp(&keys.row(other as usize)).then(one.cmp(&other))
        });
        take_record_batch(&all, &UInt32Array::from(places)).map_err(failed)
    }

    fn merge(&self, runs: Vec<Writing>, mut give: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        let mut cursors = runs.iter().map(Cursor::new).collect::<Result<Vec<_>>>()?;
        let mut heap: BinaryHeap<Reverse<(OwnedRow, usize)>> = BinaryHeap::new();
        let mut held = Held::default();
        for (run, cursor) in cursors.iter_mut().enumerate() {
            if let Some(key) = cursor.next(self, &mut held)? {
                heap.push(Reverse((key, run)));
            }
        }
        while let Some(Reverse((_, run))) = heap.pop() {
            let cursor = &mut cursors[run];
            held.rows.push((cursor.held, cursor.at));
            cursor.at += 1;
            if held.rows.len() == BATCH_ROWS {
                give(&held.take()?)?;
                // What was handed on is let go; what the runs stand at is kept.
                let batches = std::mem::take(&mut held.batches);
                for cursor in cursors.iter_mut().filter(|cursor| cursor.rows.is_some()) {
                    held.batches.push(batches[cursor.held].clone());
                    cursor.held = held.batches.len() - 1;
                }
            }
            if let Some(key) = cursors[run].next(self, &mut held)? {
                heap.push(Reverse((key, run)));
            }
        }
        if held.rows.is_empty() { Ok(()) } else { give(&held.take()?) }
    }
}

/// Rows that were picked from batches.
#[derive(Default)]
struct Held {
    batches: Vec<RecordBatch>,
    rows: Vec<(usize, usize)>,
}

impl Held {
    fn take(&mut self) -> Result<RecordBatch> {
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let rows = std::mem::take(&mut self.rows);
        interleave_record_batch(&batches, &rows).map_err(failed)
    }
}

/// Where a run is.
struct Cursor {
    reader: StreamReader<BufReader<File>>,
    /// The keys of the batch at hand; none at the run's end.
    rows: Option<Rows>,
    /// Its place in [`Held::batches`], and the row.
    held: usize,
    at: usize,
}

impl Cursor {
    fn new(run: &Writing) -> Result<Self> {
        let mut file = run.file.try_clone().map_err(failed)?;
        file.rewind().map_err(failed)?;
        let reader = StreamReader::try_new(BufReader::new(file), None).map_err(failed)?;
        Ok(Self { reader, rows: None, held: 0, at: 0 })
    }

    /// The key of the row at hand.
    fn next(&mut self, sorter: &RecordSorter, held: &mut Held) -> Result<Option<OwnedRow>> {
        if self.rows.as_ref().is_none_or(|rows| self.at == rows.num_rows()) {
            self.rows = None;
            let Some(batch) = self.reader.next().transpose().map_err(failed)? else { return Ok(None) };
            self.rows = Some(sorter.key(&batch)?);
            held.batches.push(batch);
            (self.held, self.at) = (held.batches.len() - 1, 0);
        }
        Ok(self.rows.as_ref().map(|rows| rows.row(self.at).owned()))
    }
}

/// A run on its way to its file.
struct RunWriter(StreamWriter<BufWriter<File>>);

impl RunWriter {
    fn new(writing: &Writing, schema: &SchemaRef) -> Result<Self> {
        let file = BufWriter::new(writing.file.try_clone().map_err(failed)?);
        StreamWriter::try_new(file, schema).map(Self).map_err(failed)
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        slices(batch, MERGED_ROWS, |batch| self.0.write(batch).map_err(failed))
    }

    fn finish(mut self) -> Result<()> {
        self.0.finish().map_err(failed)?;
        self.0.get_mut().flush().map_err(failed)
    }
}

fn write_run(sorted: &RecordBatch, target: &impl Target) -> Result<Writing> {
    let writing = target.temporary()?;
    let mut out = RunWriter::new(&writing, &sorted.schema())?;
    out.write(sorted)?;
    out.finish()?;
    Ok(writing)
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
