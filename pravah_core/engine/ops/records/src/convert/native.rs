//! Types that Parquet lacks, as the nearest that it has: what is said of a column is what other readers find in it.
//!
//! Seconds become milliseconds. Days in milliseconds become days, or moments where one of them has a time. Views and
//! runs become what they hold, and dictionaries are kept of texts and bytes, the only ones that readers know. What has no
//! nearest type becomes text, where it is a column of its own.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, TimestampSecondType};
use arrow_array::types::{Date64Type, Time32MillisecondType, Time32SecondType, TimestampMillisecondType};
use arrow_array::{
    Array, ArrayRef, Date32Array, FixedSizeListArray, LargeListArray, ListArray, MapArray, PrimitiveArray, StructArray,
};
use arrow_cast::{can_cast_types, cast};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit};

use pravah_foundation::run::records;
use pravah_foundation::run::records::Lost;

const DAY_MILLIS: i64 = 86_400_000;

/// A column as Parquet has it; `is_timed`: its dates have times. None where it has to be divided or made text.
pub fn native(field: &FieldRef, is_timed: bool) -> Option<Field> {
    let field = nearest(field, is_timed);
    if is_writable(field.data_type()) {
        return Some(field);
    }
    // What is in a structure can have a column of its own.
    let is_divided = matches!(field.data_type(), DataType::Struct(fields) if !fields.is_empty());
    (!is_divided).then(|| Field::new(field.name(), DataType::Utf8, true))
}

fn nearest(field: &FieldRef, is_timed: bool) -> Field {
    let inner = |field: &FieldRef| Arc::new(nearest(field, is_timed));
    let all = |fields: &Fields| fields.iter().map(inner).collect::<Fields>();
    let mut is_nullable = field.is_nullable();
    let kind = match field.data_type() {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        // Those that milliseconds do not hold are null.
        DataType::Timestamp(TimeUnit::Second, zone) => {
            is_nullable = true;
            DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
        }
        DataType::Time32(TimeUnit::Second) => {
            is_nullable = true;
            DataType::Time32(TimeUnit::Millisecond)
        }
        DataType::Date64 if is_timed => DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Date64 => DataType::Date32,
        DataType::Dictionary(keys, values) => {
            let values = inner(&Arc::new(Field::clone(field).with_data_type(values.as_ref().clone())));
            is_nullable = values.is_nullable();
            match values.data_type() {
                kind @ (DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary) => {
                    DataType::Dictionary(keys.clone(), Box::new(kind.clone()))
                }
                kind => kind.clone(),
            }
        }
        DataType::RunEndEncoded(_, values) if can_cast_types(field.data_type(), values.data_type()) => {
            let values = inner(values);
            is_nullable |= values.is_nullable();
            values.data_type().clone()
        }
        DataType::Struct(fields) => DataType::Struct(all(fields)),
        DataType::List(item) | DataType::ListView(item) => DataType::List(inner(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(inner(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(inner(item), *length),
        DataType::Map(entries, is_sorted) => {
            let mut entries = nearest(entries, is_timed);
            if let DataType::Struct(pair) = entries.data_type() {
                // A key is never null.
                let keyed = |(place, field): (usize, &FieldRef)| {
                    if place > 0 { Arc::clone(field) } else { Arc::new(Field::clone(field).with_nullable(false)) }
                };
                let pair = pair.iter().enumerate().map(keyed).collect();
                entries = entries.with_data_type(DataType::Struct(pair));
            }
            DataType::Map(Arc::new(entries), *is_sorted)
        }
        kind => kind.clone(),
    };
    Field::clone(field).with_data_type(kind).with_nullable(is_nullable)
}

/// True for types that Parquet has, and that other readers know.
fn is_writable(kind: &DataType) -> bool {
    match kind {
        DataType::Struct(fields) => !fields.is_empty() && fields.iter().all(|field| is_writable(field.data_type())),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::Map(item, _)
        | DataType::FixedSizeList(item, _) => is_writable(item.data_type()),
        DataType::Dictionary(_, values) => !values.is_nested() && is_writable(values),
        // Parquet has no bytes of no length.
        DataType::FixedSizeBinary(length) => *length > 0,
        kind => !matches!(
            kind,
            DataType::Union(..) | DataType::RunEndEncoded(..) | DataType::Interval(IntervalUnit::MonthDayNano)
        ),
    }
}

/// The type of arrays that the writer gets of such ones, for a column of the type `to`: it knows views and dictionaries.
pub fn handed(kind: &DataType, to: &DataType) -> DataType {
    let inner = |field: &FieldRef, to: &FieldRef| Arc::new(handed_field(field, to));
    match (kind, to) {
        (DataType::Timestamp(TimeUnit::Second, _) | DataType::Time32(TimeUnit::Second) | DataType::Date64, to) => {
            to.clone()
        }
        (DataType::RunEndEncoded(_, values), to) => handed(values.data_type(), to),
        (DataType::ListView(item), to) => handed(&DataType::List(Arc::clone(item)), to),
        (DataType::LargeListView(item), to) => handed(&DataType::LargeList(Arc::clone(item)), to),
        (DataType::Dictionary(keys, values), DataType::Dictionary(_, to)) => {
            DataType::Dictionary(keys.clone(), Box::new(handed(values, to)))
        }
        (DataType::Dictionary(..), DataType::Utf8) => DataType::Utf8,
        (DataType::Dictionary(keys, values), to) => DataType::Dictionary(keys.clone(), Box::new(handed(values, to))),
        (DataType::Struct(fields), DataType::Struct(to)) => {
            DataType::Struct(fields.iter().zip(to).map(|(field, to)| inner(field, to)).collect())
        }
        (DataType::List(item), DataType::List(to)) => DataType::List(inner(item, to)),
        (DataType::LargeList(item), DataType::LargeList(to)) => DataType::LargeList(inner(item, to)),
        (DataType::FixedSizeList(item, length), DataType::FixedSizeList(to, _)) => {
            DataType::FixedSizeList(inner(item, to), *length)
        }
        (DataType::Map(entries, is_sorted), DataType::Map(to, _)) => DataType::Map(inner(entries, to), *is_sorted),
        (kind, DataType::Utf8) if !matches!(kind, DataType::Utf8 | DataType::Utf8View) => DataType::Utf8,
        (kind, _) => kind.clone(),
    }
}

/// As [`handed`], of a field.
pub fn handed_field(field: &Field, to: &Field) -> Field {
    field.clone().with_data_type(handed(field.data_type(), to.data_type())).with_nullable(to.is_nullable())
}

/// Arrays on their way to the types that Parquet has.
#[derive(Default)]
pub struct Natives {
    /// Values that are null for it.
    pub lost: Lost,
    /// A date has a time.
    pub is_timed: bool,
}

impl Natives {
    /// The values for a column of the type `to`.
    ///
    /// # Errors
    /// The library cannot make them.
    pub fn array(&mut self, field: &FieldRef, array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
        let kind = handed(array.data_type(), to);
        if kind == *array.data_type() {
            return Ok(Arc::clone(array));
        }
        Ok(match (array.data_type(), to) {
            (DataType::Date64, DataType::Date32) => {
                let dates = array.as_primitive::<Date64Type>();
                let day = |millis: i64| i32::try_from(millis / DAY_MILLIS).ok().filter(|_| millis % DAY_MILLIS == 0);
                self.is_timed |= dates.iter().flatten().any(|millis| day(millis).is_none());
                let days: Date32Array = dates.unary(|millis| day(millis).unwrap_or_default());
                Arc::new(days)
            }
            (DataType::Date64, _) => {
                Arc::new(array.as_primitive::<Date64Type>().reinterpret_cast::<TimestampMillisecondType>())
            }
            (DataType::Timestamp(..), DataType::Timestamp(_, zone)) => {
                let millis: PrimitiveArray<TimestampMillisecondType> =
                    self.millis(array.as_primitive::<TimestampSecondType>(), |second| second.checked_mul(1000));
                Arc::new(millis.with_timezone_opt(zone.clone()))
            }
            (DataType::Time32(_), _) => {
                let millis: PrimitiveArray<Time32MillisecondType> =
                    self.millis(array.as_primitive::<Time32SecondType>(), |second| second.checked_mul(1000));
                Arc::new(millis)
            }
            (DataType::RunEndEncoded(_, values), _) if can_cast_types(array.data_type(), values.data_type()) => {
                self.array(values, &cast(array, values.data_type())?, to)?
            }
            (DataType::ListView(item), _) => self.array(field, &cast(array, &DataType::List(Arc::clone(item)))?, to)?,
            (DataType::LargeListView(item), _) => {
                self.array(field, &cast(array, &DataType::LargeList(Arc::clone(item)))?, to)?
            }
            (_, DataType::Utf8) => {
                let (texts, lost) = records::texts(field, array).map_err(ArrowError::ComputeError)?;
                self.lost.add(lost);
                texts
            }
            (DataType::Dictionary(..), to) => {
                let to = if let DataType::Dictionary(_, to) = to { to } else { to };
                let dictionary = array.as_any_dictionary();
                dictionary.with_values(self.array(field, dictionary.values(), to)?)
            }
            _ => self.nested(array, to, kind)?,
        })
    }

    fn millis<S: ArrowPrimitiveType, T: ArrowPrimitiveType>(
        &mut self,
        seconds: &PrimitiveArray<S>,
        times: impl Fn(S::Native) -> Option<T::Native>,
    ) -> PrimitiveArray<T> {
        let millis = seconds.unary_opt(times);
        self.lost.unshown += (millis.null_count() - seconds.null_count()) as u64;
        millis
    }

    fn nested(&mut self, array: &ArrayRef, to: &DataType, kind: DataType) -> Result<ArrayRef, ArrowError> {
        Ok(match (kind, to) {
            (DataType::Struct(fields), DataType::Struct(to)) => {
                let (given, columns, nulls) = array.as_struct().clone().into_parts();
                let each = given.iter().zip(&columns).zip(to);
                let columns = each.map(|((field, column), to)| self.array(field, column, to.data_type()));
                let columns = columns.collect::<Result<_, _>>()?;
                Arc::new(StructArray::try_new_with_length(fields, columns, nulls, array.len())?)
            }
            (DataType::List(item), DataType::List(to)) => {
                let (given, offsets, values, nulls) = array.as_list::<i32>().clone().into_parts();
                let values = self.array(&given, &values, to.data_type())?;
                Arc::new(ListArray::try_new(item, offsets, values, nulls)?)
            }
            (DataType::LargeList(item), DataType::LargeList(to)) => {
                let (given, offsets, values, nulls) = array.as_list::<i64>().clone().into_parts();
                let values = self.array(&given, &values, to.data_type())?;
                Arc::new(LargeListArray::try_new(item, offsets, values, nulls)?)
            }
            (DataType::FixedSizeList(item, length), DataType::FixedSizeList(to, _)) => {
                let (given, _, values, nulls) = array.as_fixed_size_list().clone().into_parts();
                let values = self.array(&given, &values, to.data_type())?;
                Arc::new(FixedSizeListArray::try_new_with_length(item, length, values, nulls, array.len())?)
            }
            (DataType::Map(entries, is_sorted), DataType::Map(to, _)) => {
                let (given, offsets, pairs, nulls, _) = array.as_map().clone().into_parts();
                let pairs = self.array(&given, &(Arc::new(pairs) as ArrayRef), to.data_type())?;
                Arc::new(MapArray::try_new(entries, offsets, pairs.as_struct().clone(), nulls, is_sorted)?)
            }
            (kind, to) => return Err(ArrowError::CastError(format!("{kind} cannot be written as {to}"))),
        })
    }
}

/// What is to be told of a column whose type Parquet lacks; none where it is written as what it is.
pub fn told(kind: &DataType, to: &DataType) -> Option<&'static str> {
    match (kind, to) {
        (DataType::Union(..), _) => Some("values of several types are written as JSON"),
        (DataType::Interval(_), DataType::Utf8) => Some("intervals are written as text"),
        (kind, DataType::Utf8) => super::rows::told(kind),
        (DataType::Duration(unit), _) => Some(match unit {
            TimeUnit::Second => "Parquet has no durations: written as whole numbers of seconds",
            TimeUnit::Millisecond => "Parquet has no durations: written as whole numbers of milliseconds",
            TimeUnit::Microsecond => "Parquet has no durations: written as whole numbers of microseconds",
            TimeUnit::Nanosecond => "Parquet has no durations: written as whole numbers of nanoseconds",
        }),
        (DataType::Date64, DataType::Timestamp(..)) => Some("some of its dates have times"),
        (DataType::Timestamp(TimeUnit::Second, _) | DataType::Time32(TimeUnit::Second), _) => {
            Some("Parquet has no seconds: written as milliseconds")
        }
        (DataType::Dictionary(_, values), DataType::Dictionary(_, to)) => told(values, to),
        (DataType::Dictionary(_, values), to) => told(values, to),
        (DataType::RunEndEncoded(_, values), to) => told(values.data_type(), to),
        _ => None,
    }
}
