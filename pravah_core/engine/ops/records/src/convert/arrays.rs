//! Fields of records as arrays of the types that hold them.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Decimal256Builder, Float64Builder, Int64Builder,
    Time64MicrosecondBuilder, Time64NanosecondBuilder, TimestampMicrosecondBuilder, TimestampNanosecondBuilder,
};
use arrow_array::types::{ArrowPrimitiveType, Decimal256Type};
use arrow_array::{ArrayRef, StringArray};
use arrow_schema::{DataType, TimeUnit};

use super::plan::{Form, TargetColumn};
use super::text;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::tabular::values;
use pravah_foundation::tabular::values::{Clock, ColumnType, Number, Value};

/// An integer of 256 bits.
type Wide = <Decimal256Type as ArrowPrimitiveType>::Native;

/// Digits that 128 bits hold.
const NARROW: u8 = 38;
/// The zone of timestamps that have one.
const UTC: &str = "UTC";

/// The Arrow type of a column.
pub fn data_type(column: &TargetColumn) -> DataType {
    let unit = |is_nano: bool| if is_nano { TimeUnit::Nanosecond } else { TimeUnit::Microsecond };
    if let Some(field) = &column.field {
        return field.data_type().clone();
    }
    if column.form != Form::Typed {
        return DataType::Utf8;
    }
    match column.kind {
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Decimal(digits @ ..=NARROW, scale) => DataType::Decimal128(digits, scale as i8),
        ColumnType::Decimal(digits, scale) => DataType::Decimal256(digits, scale as i8),
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp(Clock { is_nano, is_utc }) => {
            DataType::Timestamp(unit(is_nano), is_utc.then(|| UTC.into()))
        }
        ColumnType::Time(Clock { is_nano, .. }) => DataType::Time64(unit(is_nano)),
        ColumnType::Text => DataType::Utf8,
    }
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is there as it is.
    Whole,
    /// It is there, rounded: its type was asked for.
    Rounded,
    /// It is of another type, and not there.
    Not,
}

/// Values of one column.
pub struct Builder {
    column: TargetColumn,
    values: Values,
}

enum Values {
    Integer(Int64Builder),
    Float(Float64Builder),
    Decimal(Decimal128Builder),
    Wide(Decimal256Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Micros(TimestampMicrosecondBuilder),
    Nanos(TimestampNanosecondBuilder),
    Clock(Time64MicrosecondBuilder),
    FineClock(Time64NanosecondBuilder),
    Text(BinaryBuilder),
}

/// Do the same with whichever builder it is.
macro_rules! each {
    ($values:expr, $name:ident => $done:expr) => {
        match $values {
            Values::Integer($name) => $done,
            Values::Float($name) => $done,
            Values::Decimal($name) => $done,
            Values::Wide($name) => $done,
            Values::Boolean($name) => $done,
            Values::Date($name) => $done,
            Values::Micros($name) => $done,
            Values::Nanos($name) => $done,
            Values::Clock($name) => $done,
            Values::FineClock($name) => $done,
            Values::Text($name) => $done,
        }
    };
}

impl Builder {
    /// Of nothing yet, with room for so many values.
    pub fn new(column: &TargetColumn, room: usize) -> Self {
        let kind = if column.form == Form::Typed { column.kind } else { ColumnType::Text };
        let of = data_type(column);
        let values = match kind {
            ColumnType::Integer => Values::Integer(Int64Builder::with_capacity(room)),
            ColumnType::Float => Values::Float(Float64Builder::with_capacity(room)),
            ColumnType::Decimal(..=NARROW, _) => {
                Values::Decimal(Decimal128Builder::with_capacity(room).with_data_type(of))
            }
            ColumnType::Decimal(..) => Values::Wide(Decimal256Builder::with_capacity(room).with_data_type(of)),
            ColumnType::Boolean => Values::Boolean(BooleanBuilder::with_capacity(room)),
            ColumnType::Date => Values::Date(Date32Builder::with_capacity(room)),
            ColumnType::Timestamp(clock) if clock.is_nano => {
                Values::Nanos(TimestampNanosecondBuilder::with_capacity(room).with_data_type(of))
            }
            ColumnType::Timestamp(_) => {
                Values::Micros(TimestampMicrosecondBuilder::with_capacity(room).with_data_type(of))
            }
            ColumnType::Time(clock) if clock.is_nano => Values::FineClock(Time64NanosecondBuilder::with_capacity(room)),
            ColumnType::Time(_) => Values::Clock(Time64MicrosecondBuilder::with_capacity(room)),
            ColumnType::Text => Values::Text(BinaryBuilder::with_capacity(room, room)),
        };
        Self { column: column.clone(), values }
    }

    /// The column.
    pub fn column(&self) -> &TargetColumn {
        &self.column
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        each!(&mut self.values, builder => builder.append_null());
    }

    /// A value.
    #[inline]
    pub fn add(&mut self, text: &[u8]) -> Added {
        let column = &self.column;
        match &mut self.values {
            Values::Text(builder) if column.form == Form::Typed => put(Some(text), |text| builder.append_value(text)),
            Values::Text(builder) => text::add(builder, column, text),
            Values::Float(builder) => {
                let Some(number) = column.float(text) else { return Added::Not };
                builder.append_value(number.value);
                if number.is_exact { Added::Whole } else { Added::Rounded }
            }
            Values::Date(builder) => put(values::day(text), |value| builder.append_value(value)),
            Values::Integer(builder) => match Value::of(text) {
                Value::Integer(value) => put(Some(value), |value| builder.append_value(value)),
                _ => Added::Not,
            },
            Values::Boolean(builder) => match Value::of(text) {
                Value::Boolean(value) => put(Some(value), |value| builder.append_value(value)),
                _ => Added::Not,
            },
            Values::Micros(builder) => put(column.moment(text), |value| builder.append_value(value)),
            Values::Nanos(builder) => put(column.moment(text), |value| builder.append_value(value)),
            Values::Clock(builder) => put(column.clock(text), |value| builder.append_value(value)),
            Values::FineClock(builder) => put(column.clock(text), |value| builder.append_value(value)),
            Values::Decimal(builder) => {
                let value = column.decimal(text).and_then(|digits| digits.parse().ok());
                put(value, |value| builder.append_value(value))
            }
            Values::Wide(builder) => {
                let value = column.decimal(text).and_then(|digits| Wide::from_string(&digits));
                put(value, |value| builder.append_value(value))
            }
        }
    }

    /// A text that stands in quotes.
    pub fn quoted(&mut self, text: &[u8]) {
        if let Values::Text(builder) = &mut self.values {
            text::quoted(builder, text);
        }
    }

    /// What was added; it is empty then.
    ///
    /// # Errors
    /// [`EngineError::Internal`] when a text is not UTF-8, which is to be looked at before.
    pub fn finish(&mut self) -> Result<ArrayRef> {
        Ok(match &mut self.values {
            Values::Text(builder) => {
                let texts = StringArray::try_from_binary(builder.finish());
                Arc::new(texts.map_err(|error| EngineError::internal(error.to_string()))?)
            }
            Values::Integer(builder) => Arc::new(builder.finish()),
            Values::Float(builder) => Arc::new(builder.finish()),
            Values::Decimal(builder) => Arc::new(builder.finish()),
            Values::Wide(builder) => Arc::new(builder.finish()),
            Values::Boolean(builder) => Arc::new(builder.finish()),
            Values::Date(builder) => Arc::new(builder.finish()),
            Values::Micros(builder) => Arc::new(builder.finish()),
            Values::Nanos(builder) => Arc::new(builder.finish()),
            Values::Clock(builder) => Arc::new(builder.finish()),
            Values::FineClock(builder) => Arc::new(builder.finish()),
        })
    }
}

/// Add a value where there is one.
#[inline]
fn put<T>(value: Option<T>, add: impl FnOnce(T)) -> Added {
    let Some(value) = value else { return Added::Not };
    add(value);
    Added::Whole
}

impl TargetColumn {
    /// A float that the column takes.
    #[inline]
    pub fn float(&self, text: &[u8]) -> Option<Number> {
        let number = values::number(text)?;
        (self.is_fixed || number.is_exact && self.scales.take(&number)).then_some(number)
    }

    /// A number without its point, with as many digits behind it as the column has.
    pub fn decimal(&self, text: &[u8]) -> Option<String> {
        let ColumnType::Decimal(digits, scale) = self.kind else { return None };
        let (is_negative, unscaled) = values::unscaled(text, scale.into())?;
        let used = unscaled.iter().position(|&digit| digit != b'0').map_or(0, |first| unscaled.len() - first);
        let unscaled = String::from_utf8(unscaled).ok().filter(|_| used <= usize::from(digits))?;
        Some(if is_negative { format!("-{unscaled}") } else { unscaled })
    }

    /// A moment in the unit of the column, with a zone where the column has one; a day is the moment it begins.
    #[inline]
    pub fn moment(&self, text: &[u8]) -> Option<i64> {
        let ColumnType::Timestamp(Clock { is_nano, is_utc }) = self.kind else { return None };
        let moment = match values::moment(text) {
            Some(moment) => moment,
            None => values::Moment::of_day(values::day(text)?),
        };
        if moment.is_zoned != is_utc {
            return None;
        }
        if is_nano { moment.nanoseconds() } else { (moment.nanos == 0).then_some(moment.micros) }
    }

    /// A time of day in the unit of the column.
    #[inline]
    pub fn clock(&self, text: &[u8]) -> Option<i64> {
        let ColumnType::Time(Clock { is_nano, .. }) = self.kind else { return None };
        let (micros, nanos) = values::clock(text)?;
        if is_nano { Some(micros * 1_000 + i64::from(nanos)) } else { (nanos == 0).then_some(micros) }
    }

    /// True when the column takes the value.
    pub fn takes(&self, text: &[u8]) -> Added {
        let is_taken = match self.kind {
            ColumnType::Text => true,
            ColumnType::Float => match self.float(text) {
                Some(number) if !number.is_exact => return Added::Rounded,
                number => number.is_some(),
            },
            ColumnType::Integer => matches!(Value::of(text), Value::Integer(_)),
            ColumnType::Boolean => matches!(Value::of(text), Value::Boolean(_)),
            ColumnType::Date => values::day(text).is_some(),
            ColumnType::Decimal(..) => self.decimal(text).is_some(),
            ColumnType::Timestamp(_) => self.moment(text).is_some(),
            ColumnType::Time(_) => self.clock(text).is_some(),
        };
        if is_taken { Added::Whole } else { Added::Not }
    }
}
