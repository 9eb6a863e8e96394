//! The values of arrays, by what their types say they are.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTime, IntervalDayTimeType,
    IntervalYearMonthType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayAccessor, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_row::{RowConverter, SortField};
use arrow_schema::{ArrowError, DataType, IntervalUnit, TimeUnit};

use super::canon::{self, Wide};
use super::{ColumnAt, Fingerprints, Layout, NULL};

impl Fingerprints {
    /// Take rows of a table, of whose columns some may be elsewhere.
    ///
    /// # Errors
    /// A column's type has no canonical form; a column is missing.
    pub fn rows(&mut self, layout: &Layout, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.begin(batch.num_rows());
        self.some(0, layout, batch)?;
        self.end();
        Ok(())
    }

    /// Columns of the batch, the first of which is at a place.
    ///
    /// # Errors
    /// As [`Fingerprints::rows`].
    pub(super) fn some(&mut self, first: usize, layout: &[ColumnAt], batch: &RecordBatch) -> Result<(), ArrowError> {
        for (place, at) in layout.iter().enumerate() {
            let place = first + place;
            match *at {
                ColumnAt::Column(own) if own < batch.num_columns() => self.array(place, batch.column(own))?,
                ColumnAt::Column(_) => return Err(ArrowError::SchemaError("a column is missing".to_owned())),
                ColumnAt::Name(hash) => self.column(place, std::iter::repeat_n(hash, batch.num_rows())),
            }
        }
        Ok(())
    }

    fn each<A: ArrayAccessor>(&mut self, place: usize, array: A, hash: impl Fn(A::Item) -> u64) {
        let rows = 0..array.len();
        if array.null_count() == 0 {
            self.column(place, rows.map(|row| hash(array.value(row))));
        } else {
            self.column(place, rows.map(|row| if array.is_valid(row) { hash(array.value(row)) } else { NULL }));
        }
    }

    fn numbers<T: ArrowPrimitiveType>(&mut self, place: usize, array: &ArrayRef, hash: impl Fn(T::Native) -> u64) {
        self.each(place, array.as_primitive::<T>(), hash);
    }

    fn array(&mut self, place: usize, array: &ArrayRef) -> Result<(), ArrowError> {
        match array.data_type() {
            DataType::Utf8View => self.each(place, array.as_string_view(), |text| canon::text(text.as_bytes())),
            DataType::Utf8 => self.each(place, array.as_string::<i32>(), |text| canon::text(text.as_bytes())),
            DataType::LargeUtf8 => self.each(place, array.as_string::<i64>(), |text| canon::text(text.as_bytes())),
            DataType::Binary => self.each(place, array.as_binary::<i32>(), canon::binary),
            DataType::LargeBinary => self.each(place, array.as_binary::<i64>(), canon::binary),
            DataType::BinaryView => self.each(place, array.as_binary_view(), canon::binary),
            DataType::FixedSizeBinary(_) => self.each(place, array.as_fixed_size_binary(), canon::binary),
            DataType::Boolean => self.each(place, array.as_boolean(), canon::boolean),
            DataType::Null => self.column(place, std::iter::repeat_n(NULL, array.len())),
            kind if kind.is_numeric() => self.number(place, array)?,
            kind if kind.is_temporal() => self.temporal(place, array)?,
            DataType::Dictionary(_, values) if values.is_null() => {
                self.column(place, std::iter::repeat_n(NULL, array.len()));
            }
            DataType::Dictionary(_, values) => self.array(place, &cast(array, values)?)?,
            _ => self.nested(place, array)?,
        }
        Ok(())
    }

    /// Lists, maps and structures in the form of rows that are compared byte by byte.
    fn nested(&mut self, place: usize, array: &ArrayRef) -> Result<(), ArrowError> {
        let rows = RowConverter::new(vec![SortField::new(array.data_type().clone())])?;
        let rows = rows.convert_columns(&[Arc::clone(array)])?;
        let nulls = array.logical_nulls();
        let is_null = |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let hash = |row: usize| if is_null(row) { NULL } else { canon::nested(rows.row(row).as_ref()) };
        self.column(place, (0..array.len()).map(hash));
        Ok(())
    }

    fn number(&mut self, place: usize, array: &ArrayRef) -> Result<(), ArrowError> {
        match array.data_type() {
            DataType::Int8 => self.numbers::<Int8Type>(place, array, |value| canon::integer(value.into())),
            DataType::Int16 => self.numbers::<Int16Type>(place, array, |value| canon::integer(value.into())),
            DataType::Int32 => self.numbers::<Int32Type>(place, array, |value| canon::integer(value.into())),
            DataType::Int64 => self.numbers::<Int64Type>(place, array, canon::integer),
            DataType::UInt8 => self.numbers::<UInt8Type>(place, array, |value| canon::integer(value.into())),
            DataType::UInt16 => self.numbers::<UInt16Type>(place, array, |value| canon::integer(value.into())),
            DataType::UInt32 => self.numbers::<UInt32Type>(place, array, |value| canon::integer(value.into())),
            DataType::UInt64 => self.numbers::<UInt64Type>(place, array, canon::unsigned),
            DataType::Float16 => self.numbers::<Float16Type>(place, array, |value| canon::float(value.to_f64())),
            DataType::Float32 => self.numbers::<Float32Type>(place, array, |value| canon::float(value.into())),
            DataType::Float64 => self.numbers::<Float64Type>(place, array, canon::float),
            DataType::Decimal32(..) => self.numbers::<Decimal32Type>(place, array, |value| wide(value.into())),
            DataType::Decimal64(..) => self.numbers::<Decimal64Type>(place, array, |value| wide(value.into())),
            DataType::Decimal128(..) => self.numbers::<Decimal128Type>(place, array, wide),
            DataType::Decimal256(..) => self.numbers::<Decimal256Type>(place, array, canon::decimal),
            kind => return Err(ArrowError::NotYetImplemented(format!("the value proof of {kind}"))),
        }
        Ok(())
    }

    fn temporal(&mut self, place: usize, array: &ArrayRef) -> Result<(), ArrowError> {
        let is_utc = matches!(array.data_type(), DataType::Timestamp(_, Some(_)));
        let moment = |unit: i128| move |value: i64| canon::moment(i128::from(value) * unit, is_utc);
        let time = |unit: i64| move |value: i64| canon::time(value * unit);
        let duration = |unit: i128| move |value: i64| canon::duration(i128::from(value) * unit);
        match array.data_type() {
            DataType::Date32 => self.numbers::<Date32Type>(place, array, canon::date),
            DataType::Date64 => self.numbers::<Date64Type>(place, array, moment(1_000_000)),
            DataType::Timestamp(TimeUnit::Second, _) => {
                self.numbers::<TimestampSecondType>(place, array, moment(1_000_000_000));
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.numbers::<TimestampMillisecondType>(place, array, moment(1_000_000));
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.numbers::<TimestampMicrosecondType>(place, array, moment(1_000));
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                self.numbers::<TimestampNanosecondType>(place, array, moment(1));
            }
            DataType::Time32(TimeUnit::Second) => {
                self.numbers::<Time32SecondType>(place, array, |value| canon::time(i64::from(value) * 1_000_000_000));
            }
            DataType::Time32(_) => {
                self.numbers::<Time32MillisecondType>(place, array, |value| canon::time(i64::from(value) * 1_000_000));
            }
            DataType::Time64(TimeUnit::Microsecond) => {
                self.numbers::<Time64MicrosecondType>(place, array, time(1_000));
            }
            DataType::Time64(_) => self.numbers::<Time64NanosecondType>(place, array, time(1)),
            DataType::Duration(TimeUnit::Second) => {
                self.numbers::<DurationSecondType>(place, array, duration(1_000_000_000));
            }
            DataType::Duration(TimeUnit::Millisecond) => {
                self.numbers::<DurationMillisecondType>(place, array, duration(1_000_000));
            }
            DataType::Duration(TimeUnit::Microsecond) => {
                self.numbers::<DurationMicrosecondType>(place, array, duration(1_000));
            }
            DataType::Duration(TimeUnit::Nanosecond) => {
                self.numbers::<DurationNanosecondType>(place, array, duration(1));
            }
            DataType::Interval(IntervalUnit::YearMonth) => {
                self.numbers::<IntervalYearMonthType>(place, array, |months| canon::interval(months, 0, 0));
            }
            DataType::Interval(IntervalUnit::DayTime) => {
                let interval = |value: IntervalDayTime| canon::interval(0, value.days, value.milliseconds);
                self.numbers::<IntervalDayTimeType>(place, array, interval);
            }
            kind => return Err(ArrowError::NotYetImplemented(format!("the value proof of {kind}"))),
        }
        Ok(())
    }
}

fn wide(value: i128) -> u64 {
    canon::decimal(Wide::from_i128(value))
}
