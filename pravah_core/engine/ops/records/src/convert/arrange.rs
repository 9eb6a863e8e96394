//! Records in another order, or in several files: what is typed already is read again, sorted by the columns that
//! divide it and by those it is to be sorted by, and written file after file, one of them open at a time.
//!
//! Files appear under their names when all of them are whole.

use std::fs::File as Disk;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_row::{OwnedRow, RowConverter, SortField};
use arrow_schema::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::options::To;
use super::plan::{self, ConversionPlan, TargetColumn};
use super::proof::{ColumnAt, Fingerprints, FoundValues, Layout, NULL, is_covered, named};
use super::sort::{BATCH_ROWS, RecordSorter};
use super::tables::ConvertedFile;
use super::{Convert, failed, shown, text};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::io::destination::{Parked, Refused, Writing};
use pravah_foundation::run::records::Head;

/// Files that one may become.
const MOST_FILES: usize = 10_000;
/// Files, and the fingerprints of what is in them, if these are wanted.
pub type Arranged = (Vec<ConvertedFile>, Option<FoundValues>);

/// The folder of records without a value, as Hive names it.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

impl Convert {
    /// Why the columns of a file cannot be arranged as asked, if they cannot.
    pub fn misfit(&self, columns: &[TargetColumn]) -> Option<String> {
        let (order, divides) = (self.options.order(), &self.options.partition_by);
        let mut wanted = divides.iter().chain(order.iter().map(|order| &order.column));
        if let Some(name) = wanted.find(|name| !columns.iter().any(|column| column.name == **name)) {
            return Some(format!("has no column {name:?} to sort or partition by; it was not converted"));
        }
        (columns.iter().filter(|column| !column.is_key).count() == divides.len())
            .then(|| "has only the columns to partition by; at least one other is needed".to_owned())
    }

    /// Write the typed records of a file as they are to be; none when they cannot be, which is an issue then.
    ///
    /// # Errors
    /// An error ends the job.
    pub fn arrange(&self, head: &Head, plan: &ConversionPlan, typed: &Disk) -> Result<Option<Arranged>> {
        let copy = typed.try_clone().map_err(failed)?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(copy).map_err(failed)?.with_batch_size(BATCH_ROWS);
        let reader = reader.build().map_err(failed)?;
        let mut files = Files::new(self, head, plan)?;
        let keys = self.keys(plan);
        let temporary = || self.temporary();
        let sorter = (!keys.is_empty())
            .then(|| RecordSorter::new(plan::schema(&plan.columns), &keys, self.context.chunk_bytes, temporary))
            .transpose()?;
        let written = match sorter {
            None => reader.into_iter().try_for_each(|batch| files.rows(&batch.map_err(failed)?)),
            Some(mut sorter) => reader
                .into_iter()
                .try_for_each(|batch| {
                    self.context.control.check()?;
                    sorter.add(batch.map_err(failed)?)
                })
                .and_then(|()| sorter.finish(|batch| files.rows(batch))),
        };
        files.end(written)
    }

    /// Places of the columns by which rows are sorted: those that divide them come first.
    fn keys(&self, plan: &ConversionPlan) -> Vec<(usize, bool)> {
        // A key that is not written comes behind the column that is.
        let place = |name: &String| plan.columns.iter().rposition(|column| column.name == *name);
        let divided = self.options.partition_by.iter().filter_map(|name| Some((place(name)?, false)));
        let order = self.options.order();
        let sorted = order.iter().filter_map(|order| Some((place(&order.column)?, order.is_descending)));
        divided.chain(sorted).collect()
    }
}

/// The files that one becomes.
struct Files<'a> {
    convert: &'a Convert,
    head: &'a Head,
    /// Places of the columns that divide records, and of the others.
    divides: Vec<usize>,
    rest: Vec<usize>,
    columns: Vec<TargetColumn>,
    all_columns: &'a [TargetColumn],
    keys: RowConverter,
    open: Option<Open>,
    done: Vec<(Parked, ConvertedFile)>,
    /// What is found in them, if their values are proven.
    found: Option<FoundValues>,
    /// Why nothing of it can be there.
    refused: Option<Refused>,
}

/// The file that is written.
struct Open {
    /// The values that divide.
    key: Option<OwnedRow>,
    number: usize,
    writing: Writing,
    path: Vec<u8>,
    /// `column=value/`, one for each column that divides.
    folder: String,
    writer: Writer,
}

enum Writer {
    /// With the bytes of its row group so far.
    Parquet(Box<ArrowWriter<Arc<Disk>>>, usize),
    /// Records so far.
    Text(u64),
}

impl<'a> Files<'a> {
    fn new(convert: &'a Convert, head: &'a Head, plan: &'a ConversionPlan) -> Result<Self> {
        let divides: Vec<usize> =
            convert.keys(plan)[..convert.options.partition_by.len()].iter().map(|(column, _)| *column).collect();
        let divided = &convert.options.partition_by;
        let is_written = |column: &TargetColumn| !column.is_key && !divided.contains(&column.name);
        let rest: Vec<usize> = (0..plan.columns.len()).filter(|&place| is_written(&plan.columns[place])).collect();
        let schema = plan::schema(&plan.columns);
        let fields = divides.iter().map(|&column| SortField::new(schema.field(column).data_type().clone()));
        Ok(Self {
            convert,
            head,
            columns: rest.iter().map(|&place| plan.columns[place].clone()).collect(),
            all_columns: &plan.columns,
            keys: RowConverter::new(fields.collect()).map_err(failed)?,
            divides,
            rest,
            open: None,
            done: Vec::new(),
            found: plan.layout.as_ref().map(|layout| Ok(Fingerprints::new(layout.len()))),
            refused: None,
        })
    }

    /// Ranges of rows with the same values in the columns that divide.
    fn divided(&self, batch: &RecordBatch) -> Result<Vec<(Option<OwnedRow>, Range<usize>)>> {
        let rows = batch.num_rows();
        if self.divides.is_empty() {
            return Ok(vec![(None, 0..rows)]);
        }
        let columns: Vec<_> = self.divides.iter().map(|&column| Arc::clone(batch.column(column))).collect();
        let keys = self.keys.convert_columns(&columns).map_err(failed)?;
        let (mut found, mut start) = (Vec::new(), 0);
        for row in 1..=rows {
            if row == rows || keys.row(row) != keys.row(start) {
                found.push((Some(keys.row(start).owned()), start..row));
                start = row;
            }
        }
        Ok(found)
    }

    /// The next rows.
    fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
        self.convert.context.control.check()?;
        for (key, range) in self.divided(batch)? {
            self.write(key, &batch.slice(range.start, range.len()))?;
        }
        Ok(())
    }

    fn write(&mut self, key: Option<OwnedRow>, batch: &RecordBatch) -> Result<()> {
        if self.refused.is_some() {
            return Ok(());
        }
        let number = match &self.open {
            Some(open) if open.key == key && !self.is_full(open) => None,
            Some(open) if open.key == key => Some(open.number + 1),
            _ => Some(1),
        };
        if let Some(number) = number {
            let folder = self.folder(batch);
            self.close()?;
            self.begin(key, folder, number)?;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let batch = batch.project(&self.rest).map_err(failed)?;
        match &mut open.writer {
            Writer::Parquet(writer, bytes) => {
                writer.write(&batch).map_err(failed)?;
                *bytes += slice_bytes(&batch);
                if *bytes >= self.convert.options.row_group_bytes {
                    *bytes = 0;
                    writer.flush().map_err(failed)?;
                }
            }
            Writer::Text(records) => {
                let (mut out, to) = (Vec::new(), self.convert.options.to);
                text::rows(&mut out, &self.columns, batch.columns(), to);
                *records += text::count(&out, self.columns.len(), to);
                (&mut &*open.writing.file).write_all(&out).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn is_full(&self, open: &Open) -> bool {
        let Some(limit) = self.convert.options.file_bytes else { return false };
        let bytes = match &open.writer {
            Writer::Parquet(writer, _) => (writer.bytes_written() + writer.in_progress_size()) as u64,
            Writer::Text(_) => open.writing.file.metadata().map_or(0, |meta| meta.len()),
        };
        bytes >= limit
    }

    /// The folder of the first row: `column=value/`, one for each column that divides.
    fn folder(&self, batch: &RecordBatch) -> String {
        let part = |&column: &usize| {
            let name = shown::escaped(&self.all_columns[column].name);
            let array = batch.column(column);
            match shown::value(array, 0) {
                None => format!("{name}={NO_VALUE}/"),
                // A text that is named as no value is.
                Some(value) if value == NO_VALUE => format!("{name}=%5F{}/", &NO_VALUE[1..]),
                Some(value) => format!("{name}={}/", shown::escaped(&value)),
            }
        };
        self.divides.iter().map(part).collect()
    }

    fn begin(&mut self, key: Option<OwnedRow>, folder: String, number: usize) -> Result<()> {
        let (convert, options) = (self.convert, &self.convert.options);
        if self.done.len() >= MOST_FILES {
            let message = format!("would become more than {MOST_FILES} files; it was not converted");
            self.refused = Some(Refused::One(message));
            return Ok(());
        }
        let suffix = match options.file_bytes {
            Some(_) => format!("-{number:05}{}", options.to.suffix()),
            None => options.to.suffix().to_owned(),
        };
        let path = [folder.as_bytes(), &convert.target(&self.head.path, &suffix)].concat();
        let writing = match convert.destination.create(&path) {
            Ok(writing) => writing,
            Err(refused) => {
                self.refused = Some(refused);
                return Ok(());
            }
        };
        let writer = if options.to == To::Parquet {
            let properties = plan::properties(&self.columns, options)?;
            let (file, schema) = (Arc::clone(&writing.file), plan::schema(&self.columns));
            let writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(failed)?;
            Writer::Parquet(Box::new(writer), 0)
        } else {
            (&mut &*writing.file).write_all(&text::header(&self.columns, options.to)).map_err(failed)?;
            Writer::Text(0)
        };
        self.open = Some(Open { key, number, writing, path, folder, writer });
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let Some(Open { writing, path, folder, writer, .. }) = self.open.take() else { return Ok(()) };
        let (records, groups) = match writer {
            Writer::Text(records) => (records, 0),
            Writer::Parquet(writer, _) => {
                writer.close().map_err(failed)?;
                plan::footer(&writing.file)?
            }
        };
        self.prove(&writing, &folder)?;
        let bytes = writing.file.metadata().map_err(failed)?.len();
        let parked = self.convert.destination.park(&path, writing);
        self.done.push((parked, ConvertedFile { path, bytes, records, groups }));
        Ok(())
    }

    /// Read a file in a folder back, if its values are proven.
    fn prove(&mut self, writing: &Writing, folder: &str) -> Result<()> {
        let layout = self.layout(folder);
        let Some(Ok(found)) = &mut self.found else { return Ok(()) };
        let columns: Vec<&TargetColumn> = self.columns.iter().collect();
        let read = match layout {
            Ok(layout) => self.convert.read_back(&writing.file, &columns, &layout)?,
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(read) => found.join(&read),
            Err(why) => self.found = Some(Err(why)),
        }
        Ok(())
    }

    /// Where the columns are of a file in a folder.
    fn layout(&self, folder: &str) -> std::result::Result<Layout, ArrowError> {
        let mut rest = 0;
        let divided = &self.convert.options.partition_by;
        let own = self.all_columns.iter().filter(|column| !column.is_key);
        let at = |column: &TargetColumn| {
            let part = divided.iter().position(|name| *name == column.name);
            rest += usize::from(part.is_none());
            if !is_covered(column, &self.convert.options) {
                return Ok(ColumnAt::Name(NULL));
            }
            let Some(part) = part else { return Ok(ColumnAt::Column(rest - 1)) };
            let text = folder.split('/').nth(part).and_then(|part| part.split_once('=')).map(|(_, value)| value);
            let value = text.filter(|text| *text != NO_VALUE).map(shown::unescaped);
            named(column, value.as_deref()).map(ColumnAt::Name)
        };
        own.map(at).collect()
    }

    /// All of them under their names; or none.
    fn end(mut self, written: Result<()>) -> Result<Option<Arranged>> {
        let destination = &self.convert.destination;
        let whole = written.and_then(|()| {
            if self.open.is_none() && self.done.is_empty() && self.divides.is_empty() {
                // No record is a file of columns.
                self.begin(None, String::new(), 1)?;
            }
            self.close()
        });
        let mut made = Vec::new();
        let mut refused = self.refused.take();
        for (parked, file) in self.done {
            match (&whole, &refused) {
                (Ok(()), None) => match destination.publish_parked(&parked) {
                    Ok(()) => made.push(file),
                    Err(error) => refused = Some(error),
                },
                _ => destination.discard(&parked),
            }
        }
        whole?;
        match refused {
            None => Ok(Some((made, self.found))),
            Some(refused) => {
                // What is there already goes: a part of a file must not look like all of it.
                made.iter().for_each(|file| destination.remove(&file.path));
                refused.tell(&self.convert.context.control, &self.head.path)?;
                Ok(None)
            }
        }
    }
}

impl Convert {
    /// A file of the destination that never gets a name.
    ///
    /// # Errors
    /// [`EngineError::RecordOutput`].
    pub fn temporary(&self) -> Result<Writing> {
        self.destination.create(b"temporary").map_err(|refused| match refused {
            Refused::All(error) => error,
            Refused::One(message) => EngineError::output(self.destination.path(), message),
        })
    }
}

/// About how large the rows of a slice are: what it is a slice of is not counted.
fn slice_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|array| array.to_data().get_slice_memory_size().unwrap_or_default()).sum()
}
