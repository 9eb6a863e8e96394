//! Values of a table as text.

use std::fmt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, make_array};
use arrow_buffer::NullBuffer;
use arrow_cast::display::{ArrayFormatter, DurationFormat, FormatOptions};
use arrow_json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use arrow_schema::{ArrowError, DataType, FieldRef};

use super::direct::{self, ValueWriter};
use crate::tabular::csv;
use crate::tabular::csv::NULL;
use crate::tabular::values::ValueType;

/// Decimal digits that a 64-bit float holds exactly.
const EXACT_DIGITS: u8 = 15;

/// Values that could not be told, and are null.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Floats that are not numbers, or infinite.
    pub no_numbers: u64,
    /// Dates and times that no calendar has.
    pub unshown: u64,
    /// Cells of workbooks that hold an error.
    pub errors: u64,
    /// Formulas of which a workbook does not say what they give.
    pub uncomputed: u64,
}

impl Lost {
    /// How many they are.
    pub fn all(&self) -> u64 {
        self.no_numbers + self.unshown + self.errors + self.uncomputed
    }

    /// Those and others.
    pub fn add(&mut self, other: Self) {
        self.no_numbers += other.no_numbers;
        self.unshown += other.unshown;
        self.errors += other.errors;
        self.uncomputed += other.uncomputed;
    }
}

/// A leaf's values, and where there are none.
pub type LeafValues = (ArrayRef, Option<NullBuffer>);

/// The values as their own type: not run by run, nor by keys, where they have a fixed width. Zones are names from a data
/// base of their own; a moment is the same in all of them.
pub fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let kind = match array.data_type() {
        DataType::Dictionary(_, values) => values,
        DataType::RunEndEncoded(_, values) => values.data_type(),
        DataType::Float16 => return arrow_cast::cast(array, &DataType::Float32),
        DataType::Timestamp(unit, Some(_)) => {
            let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
            return Ok(make_array(array.to_data().into_builder().data_type(utc).build()?));
        }
        _ => return Ok(Arc::clone(array)),
    };
    let is_fixed = kind.is_primitive() || *kind == DataType::Boolean;
    if is_fixed { plain(&arrow_cast::cast(array, kind)?) } else { Ok(Arc::clone(array)) }
}

/// How values are told.
pub enum Cell<'a> {
    /// Of a type that tables are full of.
    Direct(ValueWriter<'a>),
    /// Those that are numbers.
    Float(ValueWriter<'a>, &'a dyn Array),
    /// As they are shown.
    Plain(ArrayFormatter<'a>),
    /// As they are shown, in quotes.
    Shown(ArrayFormatter<'a>),
    /// As JSON, in quotes.
    Json(NullableEncoder<'a>),
}

pub const SHOWN: FormatOptions<'static> = FormatOptions::new()
    .with_display_error(false)
    .with_duration_format(DurationFormat::ISO8601)
    .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
    .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.fZ"));

impl<'a> Cell<'a> {
    /// # Errors
    /// Values of this type cannot be told.
    pub fn of(
        field: &'a FieldRef,
        (array, _): &'a LeafValues,
        options: &'a EncoderOptions,
    ) -> Result<Self, ArrowError> {
        if let Some(writer) = direct::writer(array.as_ref()) {
            return Ok(Self::Direct(writer));
        }
        if let Some(writer) = direct::floats(array.as_ref()) {
            return Ok(Self::Float(writer, array.as_ref()));
        }
        let formatter = || ArrayFormatter::try_new(array.as_ref(), &SHOWN);
        Ok(match array.data_type() {
            kind if is_nested(kind) => Self::Json(make_encoder(field, array.as_ref(), options)?),
            kind if declared(kind).is_some_and(|kind| kind != ValueType::Text) || is_digits(kind) => {
                Self::Plain(formatter()?)
            }
            _ => Self::Shown(formatter()?),
        })
    }

    /// Write a value.
    pub fn write(&mut self, row: usize, buffer: &mut Vec<u8>, out: &mut Vec<u8>, lost: &mut Lost) {
        buffer.clear();
        match self {
            Self::Direct(write) => {
                if !write(row, out) {
                    lost.unshown += 1;
                    out.extend_from_slice(NULL);
                }
            }
            Self::Float(write, array) => {
                if !write(row, out) {
                    lost.no_numbers += 1;
                    out.extend_from_slice(direct::no_number(*array, row));
                }
            }
            Self::Plain(formatter) => {
                let start = out.len();
                if formatter.value(row).write(&mut Bytes(out)).is_err() {
                    lost.unshown += 1;
                    out.truncate(start);
                    out.extend_from_slice(NULL);
                }
            }
            Self::Shown(formatter) => match formatter.value(row).write(&mut Bytes(buffer)) {
                Ok(()) => csv::quote(out, buffer),
                Err(_) => {
                    lost.unshown += 1;
                    out.extend_from_slice(NULL);
                }
            },
            Self::Json(encoder) => {
                encoder.encode(row, buffer);
                csv::quote(out, buffer);
            }
        }
    }
}

/// Text into bytes in memory.
struct Bytes<'a>(&'a mut Vec<u8>);

impl fmt::Write for Bytes<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// True for types whose values hold others.
pub fn is_nested(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_nested(values),
        DataType::RunEndEncoded(_, values) => is_nested(values.data_type()),
        kind => kind.is_nested(),
    }
}

fn is_digits(kind: &DataType) -> bool {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256, Null, UInt64};
    matches!(kind, UInt64 | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) | Null)
}

/// Our type for one of Arrow's; none where the values tell it.
pub fn declared(kind: &DataType) -> Option<ValueType> {
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
        Date32 | Date64 => ValueType::Date,
        Timestamp(..) => ValueType::Timestamp,
        Time32(_) | Time64(_) => ValueType::Time,
        Dictionary(_, values) => return declared(values),
        RunEndEncoded(_, values) => return declared(values.data_type()),
        // Beyond 63 bits, or nothing at all.
        UInt64 | Null => return None,
        _ => ValueType::Text,
    })
}
