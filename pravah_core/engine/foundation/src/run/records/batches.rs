//! Files that are tables already, Parquet and Arrow IPC: batches of rows, made text.
//!
//! Structures become columns of both names, `outer.inner`; lists and maps become JSON, bytes hexadecimal digits.

use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchReader};
use arrow_cast::display::{ArrayFormatter, DurationFormat, FormatOptions};
use arrow_json::writer::{EncoderOptions, make_encoder};
use arrow_schema::{ArrowError, DataType, Field, Fields};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::format::Format;
use super::sizes;
use crate::base::error::{EngineError, Result, guarded};
use crate::tabular::csv;
use crate::tabular::csv::NULL;
use crate::tabular::names;
use crate::tabular::values::ValueType;

/// Structures inside each other that become columns.
const MOST_DEPTH: usize = 16;
/// Decimal digits that a 64-bit float holds exactly.
const EXACT_DIGITS: u8 = 15;

/// Batches of a file.
pub struct Batches {
    reader: Box<dyn RecordBatchReader + Send>,
    /// Rows that its footer promises.
    promised: Option<u64>,
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
    field: Arc<Field>,
}

impl Batches {
    /// Of an open file, some rows at a time.
    ///
    /// # Errors
    /// In words: what is wrong with it.
    pub fn open(format: Format, file: File, rows: usize) -> std::result::Result<Self, String> {
        let is_none = |error: String| format!("cannot be read as {}: {error}", format.name());
        let (reader, promised) = quietly(|| source(format, file, rows)).map_err(is_none)?;
        let mut all = Vec::new();
        flatten(reader.schema().fields(), &mut Vec::new(), &mut all);
        if all.is_empty() {
            return Err(is_none("it has no columns".into()));
        }
        let schema = reader.schema();
        let name = |leaf: &Leaf| {
            let (mut fields, mut name) = (schema.fields(), String::new());
            for &place in &leaf.path {
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(fields[place].name());
                if let DataType::Struct(inner) = fields[place].data_type() {
                    fields = inner;
                }
            }
            name.into_bytes()
        };
        let names = names::unique(&all.iter().map(name).collect::<Vec<_>>());
        Ok(Self { reader, promised, rows: 0, leaves: Arc::new(Leaves { all, names }) })
    }

    /// The next rows.
    ///
    /// # Errors
    /// In words: what is wrong with the file.
    pub fn next(&mut self) -> std::result::Result<Option<RecordBatch>, String> {
        let reader = &mut self.reader;
        let Some(batch) = quietly(|| reader.next().transpose())? else {
            return match self.promised {
                Some(promised) if promised != self.rows => {
                    Err(format!("should have {promised} rows, but has {}", self.rows))
                }
                _ => Ok(None),
            };
        };
        self.rows += batch.num_rows() as u64;
        Ok(Some(batch))
    }
}

/// What a reader of others says, or its panic.
fn quietly<T, E: std::fmt::Display>(
    read: impl FnOnce() -> std::result::Result<T, E>,
) -> std::result::Result<T, String> {
    match guarded(|| Ok(read())) {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(panic.to_string()),
    }
}

type Source = (Box<dyn RecordBatchReader + Send>, Option<u64>);

fn source(format: Format, mut file: File, rows: usize) -> std::result::Result<Source, Box<dyn std::error::Error>> {
    if format == Format::Parquet {
        let builder = ParquetRecordBatchReaderBuilder::try_new(sizes::Parquet::new(file)?)?;
        let promised = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
        return Ok((Box::new(builder.with_batch_size(rows).build()?), promised));
    }
    // A copy of an open file has its place, too.
    file.rewind()?;
    let mut magic = [0; 6];
    let is_file = file.read_exact(&mut magic).is_ok() && magic == *b"ARROW1";
    file.rewind()?;
    sizes::arrow(&file, !is_file)?;
    if is_file {
        return Ok((Box::new(arrow_ipc::reader::FileReader::try_new_buffered(file, None)?), None));
    }
    Ok((Box::new(arrow_ipc::reader::StreamReader::try_new(BufReader::new(file), None)?), None))
}

fn flatten(fields: &Fields, above: &mut Vec<usize>, all: &mut Vec<Leaf>) {
    for (place, field) in fields.iter().enumerate() {
        above.push(place);
        match field.data_type() {
            DataType::Struct(inner) if above.len() < MOST_DEPTH && !inner.is_empty() => flatten(inner, above, all),
            _ => all.push(Leaf { path: above.clone(), field: Arc::clone(field) }),
        }
        above.pop();
    }
}

impl Leaves {
    /// Names, each once, and the types that the file says they are of.
    pub fn columns(&self) -> Vec<(String, Option<ValueType>)> {
        let declared = self.all.iter().map(|leaf| declared(leaf.field.data_type()));
        self.names.iter().cloned().zip(declared).collect()
    }

    /// Rows of a batch as records, each on its line, until they have `most` bytes. Returns how many rows these are, and
    /// how many of their floats are NaN or infinite: such are null.
    ///
    /// # Errors
    /// [`EngineError::Internal`] for a type that cannot be told.
    pub fn text(&self, batch: &RecordBatch, most: usize, out: &mut Vec<u8>) -> Result<(usize, u64)> {
        let arrays = self.all.iter().map(|leaf| leaf.array(batch)).collect::<Result<Vec<_>>>()?;
        let mut cells =
            self.all.iter().zip(&arrays).map(|(leaf, array)| cell(leaf, array)).collect::<Result<Vec<_>>>()?;
        let (mut no_numbers, mut buffer) = (0, Vec::new());
        for row in 0..batch.num_rows() {
            for (place, (cell, (array, outer))) in cells.iter_mut().zip(&arrays).enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                if outer.as_ref().is_some_and(|nulls| nulls.is_null(row)) || array.is_null(row) {
                    // An empty line is no record: what is alone on it has to be told.
                    if arrays.len() == 1 {
                        out.extend_from_slice(NULL);
                    }
                    continue;
                }
                buffer.clear();
                no_numbers += u64::from(!cell.write(array, row, &mut buffer, out));
            }
            out.push(b'\n');
            if out.len() >= most {
                return Ok((row + 1, no_numbers));
            }
        }
        Ok((batch.num_rows(), no_numbers))
    }
}

/// A leaf's values, and where what they are in is not there.
type Leafed = (ArrayRef, Option<arrow_buffer::NullBuffer>);

impl Leaf {
    fn array(&self, batch: &RecordBatch) -> Result<Leafed> {
        let missing = || EngineError::internal("a batch without the columns of its schema");
        let (first, inner) = self.path.split_first().ok_or_else(missing)?;
        let mut array = Arc::clone(batch.columns().get(*first).ok_or_else(missing)?);
        let mut nulls = None;
        for &place in inner {
            let outer = array.as_struct_opt().ok_or_else(missing)?;
            nulls = arrow_buffer::NullBuffer::union(nulls.as_ref(), outer.nulls());
            let next = Arc::clone(outer.columns().get(place).ok_or_else(missing)?);
            array = next;
        }
        // Zones are names from a data base of their own; a moment is the same in all of them.
        if let DataType::Timestamp(unit, Some(_)) = array.data_type() {
            let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
            array = arrow_cast::cast(&array, &utc).map_err(|error| EngineError::internal(error.to_string()))?;
        }
        let logical = array.logical_nulls();
        Ok((array, arrow_buffer::NullBuffer::union(nulls.as_ref(), logical.as_ref())))
    }
}

/// How values are told.
enum Cell<'a> {
    /// As they are shown.
    Plain(ArrayFormatter<'a>),
    /// As they are shown, in quotes.
    Shown(ArrayFormatter<'a>),
    /// As they are, in quotes.
    Text,
    /// As they are shown, where they are numbers.
    Float(ArrayFormatter<'a>),
    /// As JSON, in quotes.
    Json(arrow_json::writer::NullableEncoder<'a>),
}

fn cell<'a>(leaf: &'a Leaf, (array, _): &'a Leafed) -> Result<Cell<'a>> {
    let failed = |error: ArrowError| EngineError::internal(error.to_string());
    let formatter = || ArrayFormatter::try_new(array.as_ref(), &SHOWN).map_err(failed);
    Ok(match array.data_type() {
        DataType::Utf8 => Cell::Text,
        DataType::Float32 | DataType::Float64 => Cell::Float(formatter()?),
        kind if is_nested(kind) => {
            let options = JSON.get_or_init(EncoderOptions::default);
            Cell::Json(make_encoder(&leaf.field, array.as_ref(), options).map_err(failed)?)
        }
        kind if declared(kind).is_some_and(|kind| kind != ValueType::Text) || is_digits(kind) => {
            Cell::Plain(formatter()?)
        }
        _ => Cell::Shown(formatter()?),
    })
}

static JSON: std::sync::OnceLock<EncoderOptions> = std::sync::OnceLock::new();
const SHOWN: FormatOptions<'static> = FormatOptions::new()
    .with_display_error(true)
    .with_duration_format(DurationFormat::ISO8601)
    .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
    .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f"));

impl Cell<'_> {
    /// Write a value; false when it is a float and no number.
    fn write(&mut self, array: &ArrayRef, row: usize, buffer: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Text => csv::quote(out, array.as_string::<i32>().value(row).as_bytes()),
            Self::Float(formatter) => {
                let value = match array.data_type() {
                    DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(row)),
                    _ => array.as_primitive::<Float64Type>().value(row),
                };
                if !value.is_finite() {
                    out.extend_from_slice(NULL);
                    return false;
                }
                // Into memory: it does not fail.
                let _ = write!(out, "{}", formatter.value(row));
            }
            Self::Plain(formatter) => {
                let _ = write!(out, "{}", formatter.value(row));
            }
            Self::Shown(formatter) => {
                let _ = write!(buffer, "{}", formatter.value(row));
                csv::quote(out, buffer);
            }
            Self::Json(encoder) => {
                encoder.encode(row, buffer);
                csv::quote(out, buffer);
            }
        }
        true
    }
}

fn is_nested(kind: &DataType) -> bool {
    use DataType::{FixedSizeList, LargeList, LargeListView, List, ListView, Map, Struct};
    matches!(kind, List(_) | LargeList(_) | FixedSizeList(..) | ListView(_) | LargeListView(_) | Map(..) | Struct(_))
}

fn is_digits(kind: &DataType) -> bool {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256, Null, UInt64};
    matches!(kind, UInt64 | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) | Null)
}

/// Our type for one of Arrow's; none where the values tell it.
fn declared(kind: &DataType) -> Option<ValueType> {
    use DataType::{
        Boolean, Date32, Date64, Decimal32, Decimal64, Decimal128, Decimal256, Dictionary, Float16, Float32, Float64,
        Int8, Int16, Int32, Int64, Null, RunEndEncoded, Time32, Time64, Timestamp, UInt8, UInt16, UInt32, UInt64,
    };
    Some(match kind {
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 => ValueType::Integer,
        Float16 | Float32 | Float64 => ValueType::Float,
        Decimal32(digits, _) | Decimal64(digits, _) | Decimal128(digits, _) | Decimal256(digits, _) => {
            if *digits <= EXACT_DIGITS { ValueType::Float } else { ValueType::Text }
        }
        Boolean => ValueType::Boolean,
        Date32 => ValueType::Date,
        Date64 | Timestamp(..) => ValueType::Timestamp,
        Time32(_) | Time64(_) => ValueType::Time,
        Dictionary(_, values) => return declared(values),
        RunEndEncoded(_, values) => return declared(values.data_type()),
        // Beyond 63 bits, or nothing at all.
        UInt64 | Null => return None,
        _ => ValueType::Text,
    })
}
