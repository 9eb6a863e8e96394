//! Files that are tables already, Parquet, Arrow IPC and Avro: batches of rows, made text.
//!
//! Structures become columns of both names, `outer.inner`; lists and maps become JSON, bytes hexadecimal digits.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};

use super::arrow::{ArrowRows, LongRow, NoRoom};
use super::avro::AvroRows;
use super::cells::{self, Cell, LeafValues, Lost};
use super::format::Format;
use super::nested;
use crate::base::error::{EngineError, guarded};
use crate::base::issue::IssueKind;
use crate::tabular::csv::NULL;
use crate::tabular::names;
use crate::tabular::pages::{Parquet, ParquetRows};
use crate::tabular::values::ValueType;

/// Structures inside each other that become columns.
const MOST_DEPTH: usize = 16;

/// Batches of a file.
pub struct Batches {
    format: Format,
    reader: TableReader,
    rows: u64,
    pub leaves: Arc<Leaves>,
}

/// Its columns, flat.
#[derive(Debug)]
pub struct Leaves {
    all: Vec<Leaf>,
    names: Vec<String>,
}

#[derive(Debug)]
struct Leaf {
    /// The places of its field and of what it is in, the outermost first.
    path: Vec<usize>,
    /// The names of both, `outer.inner`.
    name: String,
    field: Arc<Field>,
}

impl Batches {
    /// Of an open file, some rows at a time; what has to be unpacked whole is put into `directory`, without a name.
    ///
    /// # Errors
    /// In words: what is wrong with it.
    pub fn open(
        format: Format,
        file: File,
        rows: usize,
        directory: &Path,
    ) -> std::result::Result<Self, (IssueKind, String)> {
        let is_none = |error: String| (IssueKind::Malformed, broken(format, &error));
        let reader = quietly(|| TableReader::open(format, file, rows, directory)).map_err(is_none)?;
        if let Some(codec) = reader.unsupported() {
            let message = format!(
                "has columns that are compressed with {codec}, which is not supported; write it again with zstd, for example"
            );
            return Err((IssueKind::Unsupported, message));
        }
        let all = flat(reader.schema().fields());
        if all.is_empty() {
            return Err(is_none("it has no columns".into()));
        }
        let names = names::unique(&all.iter().map(|leaf| leaf.name.clone().into_bytes()).collect::<Vec<_>>());
        Ok(Self { format, reader, rows: 0, leaves: Arc::new(Leaves { all, names }) })
    }

    /// The schema of all rows.
    pub fn schema(&self) -> SchemaRef {
        self.reader.schema()
    }

    /// What is to be told of the file although it can be read.
    pub fn note(&self) -> Option<&'static str> {
        if let TableReader::Arrow(rows) = &self.reader { rows.note() } else { None }
    }

    /// The next rows.
    ///
    /// # Errors
    /// In words: what is wrong with the file.
    pub fn next(&mut self) -> std::result::Result<Option<RecordBatch>, (IssueKind, String)> {
        let (format, reader) = (self.format, &mut self.reader);
        let malformed = |error: String| (IssueKind::Malformed, broken(format, &error));
        let read = quietly(|| Ok::<_, String>(reader.next())).map_err(malformed)?;
        let Some(batch) = read.map_err(|error| why(error.as_ref()).unwrap_or_else(|| malformed(error.to_string())))?
        else {
            return match self.reader.promised() {
                Some(promised) if promised != self.rows => {
                    let message = format!("should have {promised} rows, but has {}", self.rows);
                    Err((IssueKind::Malformed, message))
                }
                _ => Ok(None),
            };
        };
        self.rows += batch.num_rows() as u64;
        Ok(Some(batch))
    }
}

/// Why a file cannot be read.
fn broken(format: Format, error: &str) -> String {
    let error = ["Parquet argument error: ", "Parquet error: "]
        .iter()
        .fold(error, |error, prefix| error.strip_prefix(prefix).unwrap_or(error));
    format!("cannot be read as {}: {error}", format.name())
}

/// Why a file is not read that is whole.
fn why(error: &(dyn std::error::Error + 'static)) -> Option<(IssueKind, String)> {
    if error.is::<LongRow>() {
        return Some((IssueKind::TooLarge, error.to_string()));
    }
    error.is::<NoRoom>().then(|| (IssueKind::Unreadable, error.to_string()))
}

/// What a reader of others says, or its panic.
pub(super) fn quietly<T, E: std::fmt::Display>(
    read: impl FnOnce() -> std::result::Result<T, E>,
) -> std::result::Result<T, String> {
    match guarded(|| Ok(read())) {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(error.to_string()),
        Err(EngineError::Internal { message }) => Err(format!("its reader failed: {message}")),
        Err(panic) => Err(panic.to_string()),
    }
}

/// Where batches come from.
enum TableReader {
    Parquet(Box<ParquetRows>),
    Arrow(Box<ArrowRows>),
    Avro(Box<AvroRows>),
}

/// Why rows are not read.
pub(super) type Failed = Box<dyn std::error::Error>;

impl TableReader {
    fn open(format: Format, mut file: File, rows: usize, directory: &Path) -> std::result::Result<Self, Failed> {
        if format == Format::Parquet {
            return Ok(Self::Parquet(Box::new(ParquetRows::open(Parquet::new(file)?, rows, None)?)));
        }
        if format == Format::Avro {
            return Ok(Self::Avro(Box::new(AvroRows::open(file, rows)?)));
        }
        // A copy of an open file has its place, too.
        file.rewind()?;
        let mut magic = [0; 6];
        let is_file = file.read_exact(&mut magic).is_ok() && magic == *b"ARROW1";
        file.rewind()?;
        Ok(Self::Arrow(Box::new(ArrowRows::open(file, !is_file, rows, directory)?)))
    }

    fn schema(&self) -> SchemaRef {
        match self {
            Self::Parquet(rows) => Arc::clone(rows.schema()),
            Self::Arrow(rows) => Arc::clone(rows.schema()),
            Self::Avro(rows) => Arc::clone(rows.schema()),
        }
    }

    fn unsupported(&self) -> Option<&'static str> {
        match self {
            Self::Parquet(rows) => rows.unsupported(),
            Self::Arrow(_) | Self::Avro(_) => None,
        }
    }

    /// Rows that the file says it has.
    fn promised(&self) -> Option<u64> {
        match self {
            Self::Parquet(rows) => rows.promised(),
            Self::Arrow(_) => None,
            Self::Avro(rows) => Some(rows.promised()),
        }
    }

    fn next(&mut self) -> std::result::Result<Option<RecordBatch>, Failed> {
        match self {
            Self::Parquet(rows) => rows.next_rows(),
            Self::Avro(rows) => rows.next(),
            Self::Arrow(rows) => rows.next(),
        }
    }
}

/// The names and types of the columns that a table has where its structures are divided.
pub fn leaves(schema: &Schema) -> Vec<(String, DataType)> {
    flat(schema.fields()).into_iter().map(|leaf| (leaf.name, leaf.field.data_type().clone())).collect()
}

/// By column: its values are lists, maps or the like.
pub fn is_nested(schema: &Schema) -> Vec<bool> {
    flat(schema.fields()).iter().map(|leaf| cells::is_nested(leaf.field.data_type())).collect()
}

fn flat(fields: &Fields) -> Vec<Leaf> {
    let mut all = Vec::new();
    flatten(fields, "", &mut Vec::new(), &mut all);
    all
}

fn flatten(fields: &Fields, outer: &str, above: &mut Vec<usize>, all: &mut Vec<Leaf>) {
    for (place, field) in fields.iter().enumerate() {
        above.push(place);
        let name = if outer.is_empty() { field.name().clone() } else { format!("{outer}.{}", field.name()) };
        match field.data_type() {
            DataType::Struct(inner) if above.len() < MOST_DEPTH && !inner.is_empty() => {
                flatten(inner, &name, above, all);
            }
            _ => all.push(Leaf { path: above.clone(), name, field: Arc::clone(field) }),
        }
        above.pop();
    }
}

impl Leaves {
    /// Names, each once, and the types that the file says they are of.
    pub fn columns(&self) -> Vec<(String, Option<ValueType>)> {
        let declared = self.all.iter().map(|leaf| cells::declared(leaf.field.data_type()));
        self.names.iter().cloned().zip(declared).collect()
    }

    /// Rows of a batch as records, each on its line, until they have `most` bytes. Returns how many rows these are, and
    /// what they had to leave out.
    ///
    /// # Errors
    /// In words: why the file cannot be read.
    pub fn text(
        &self,
        batch: &RecordBatch,
        most: usize,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(usize, Lost), String> {
        quietly(|| self.records(batch, most, out))
    }

    fn records(
        &self,
        batch: &RecordBatch,
        most: usize,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(usize, Lost), ArrowError> {
        let arrays = self.all.iter().map(|leaf| leaf.array(batch)).collect::<Result<Vec<_>, _>>()?;
        let (unshown, no_numbers) = (Arc::default(), Arc::default());
        let options = nested::options(&unshown, &no_numbers);
        let cells = self.all.iter().zip(&arrays).map(|(leaf, array)| Cell::of(&leaf.field, array, &options));
        let mut cells = cells.collect::<Result<Vec<_>, _>>()?;
        let (mut lost, mut buffer, mut rows) = (Lost::default(), Vec::new(), 0);
        while rows < batch.num_rows() && out.len() < most {
            for (place, (cell, (_, nulls))) in cells.iter_mut().zip(&arrays).enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(rows)) {
                    // An empty line is no record: what is alone on it has to be told.
                    if arrays.len() == 1 {
                        out.extend_from_slice(NULL);
                    }
                    continue;
                }
                cell.write(rows, &mut buffer, out, &mut lost);
            }
            out.push(b'\n');
            rows += 1;
        }
        drop(cells);
        lost.unshown += unshown.load(Relaxed);
        lost.no_numbers += no_numbers.load(Relaxed);
        Ok((rows, lost))
    }
}

impl Leaf {
    fn array(&self, batch: &RecordBatch) -> Result<LeafValues, ArrowError> {
        let missing = || ArrowError::SchemaError("a batch lacks a column of the schema".to_owned());
        let (first, inner) = self.path.split_first().ok_or_else(missing)?;
        let mut array = Arc::clone(batch.columns().get(*first).ok_or_else(missing)?);
        let mut nulls = None;
        for &place in inner {
            let outer = array.as_struct_opt().ok_or_else(missing)?;
            nulls = NullBuffer::union(nulls.as_ref(), outer.nulls());
            let next = Arc::clone(outer.columns().get(place).ok_or_else(missing)?);
            array = next;
        }
        let array = cells::plain(&array)?;
        let logical = array.logical_nulls();
        Ok((array, NullBuffer::union(nulls.as_ref(), logical.as_ref())))
    }
}
