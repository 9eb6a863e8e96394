//! Values of the types that tables are full of, written without Arrow's formatter. The formatter is compiled without
//! optimisation: it takes a tenth of a first build (docs/decisions/0019).

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowTemporalType, ArrowTimestampType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, DecimalType, Float32Type, Float64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrowPrimitiveType, downcast_integer_array};
use arrow_schema::{DataType, TimeUnit};
use chrono::NaiveTime;

use crate::tabular::csv;

/// Writes the value of a row, which is not null; false, and nothing written, when it cannot be shown.
pub type ValueWriter<'a> = Box<dyn Fn(usize, &mut Vec<u8>) -> bool + 'a>;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Of numbers that have a fixed width, booleans and moments as they are, of text and bytes in quotes; none for other
/// types.
pub fn writer(array: &dyn Array) -> Option<ValueWriter<'_>> {
    Some(downcast_integer_array!(
        array => Box::new(move |row, out| shown(out, array.value(row))),
        DataType::Boolean => {
            let array = array.as_boolean();
            Box::new(move |row, out| shown(out, array.value(row)))
        },
        DataType::Decimal32(..) => decimals::<Decimal32Type>(array),
        DataType::Decimal64(..) => decimals::<Decimal64Type>(array),
        DataType::Decimal128(..) => decimals::<Decimal128Type>(array),
        DataType::Decimal256(..) => decimals::<Decimal256Type>(array),
        DataType::Date32 => {
            let array = array.as_primitive::<Date32Type>();
            Box::new(move |row, out| array.value_as_date(row).is_some_and(|date| shown(out, date)))
        },
        DataType::Date64 => {
            let array = array.as_primitive::<Date64Type>();
            Box::new(move |row, out| {
                array.value_as_datetime(row).is_some_and(|moment| match moment.time() == NaiveTime::MIN {
                    true => shown(out, moment.date()),
                    false => shown(out, moment.format("%Y-%m-%dT%H:%M:%S%.f")),
                })
            })
        },
        DataType::Time32(TimeUnit::Second) => times::<Time32SecondType>(array),
        DataType::Time32(_) => times::<Time32MillisecondType>(array),
        DataType::Time64(TimeUnit::Microsecond) => times::<Time64MicrosecondType>(array),
        DataType::Time64(_) => times::<Time64NanosecondType>(array),
        DataType::Timestamp(TimeUnit::Second, _) => moments::<TimestampSecondType>(array),
        DataType::Timestamp(TimeUnit::Millisecond, _) => moments::<TimestampMillisecondType>(array),
        DataType::Timestamp(TimeUnit::Microsecond, _) => moments::<TimestampMicrosecondType>(array),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => moments::<TimestampNanosecondType>(array),
        _ => return quoted(array),
    ))
}

/// Text, also of a dictionary, and bytes as hexadecimal digits.
fn quoted(array: &dyn Array) -> Option<ValueWriter<'_>> {
    macro_rules! text {
        ($array:expr) => {{
            let array = $array;
            Box::new(move |row, out| {
                csv::quote(out, array.value(row).as_bytes());
                true
            })
        }};
    }
    macro_rules! digits {
        ($array:expr) => {{
            let array = $array;
            Box::new(move |row, out| hexadecimal(out, array.value(row)))
        }};
    }
    Some(match array.data_type() {
        DataType::Utf8 => text!(array.as_string::<i32>()),
        DataType::LargeUtf8 => text!(array.as_string::<i64>()),
        DataType::Utf8View => text!(array.as_string_view()),
        DataType::Binary => digits!(array.as_binary::<i32>()),
        DataType::LargeBinary => digits!(array.as_binary::<i64>()),
        DataType::BinaryView => digits!(array.as_binary_view()),
        DataType::FixedSizeBinary(_) => digits!(array.as_fixed_size_binary()),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = dictionary.values();
            // Keys of an empty dictionary, all of them null, cannot be looked up.
            let write = quoted(values.as_ref()).filter(|_| !values.is_empty())?;
            let keys = dictionary.normalized_keys();
            Box::new(move |row, out| write(keys[row], out))
        }
        _ => return None,
    })
}

/// Of floats; false for those that are not finite numbers.
pub fn floats(array: &dyn Array) -> Option<ValueWriter<'_>> {
    match array.data_type() {
        DataType::Float32 => Some(digits_of::<Float32Type>(array)),
        DataType::Float64 => Some(digits_of::<Float64Type>(array)),
        _ => None,
    }
}

/// What stands for a float that is no finite number, among fields.
pub fn no_number(array: &dyn Array, row: usize) -> &'static [u8] {
    let value = match array.data_type() {
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(row)),
        _ => array.as_primitive::<Float64Type>().value(row),
    };
    match value {
        f64::INFINITY => csv::INFINITE,
        f64::NEG_INFINITY => csv::MINUS_INFINITE,
        _ => csv::NULL,
    }
}

fn digits_of<T: ArrowPrimitiveType<Native: ryu::Float + Into<f64>>>(array: &dyn Array) -> ValueWriter<'_> {
    let array = array.as_primitive::<T>();
    Box::new(move |row, out| {
        let value = array.value(row);
        let is_finite = value.into().is_finite();
        if is_finite {
            out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
        }
        is_finite
    })
}

fn decimals<T: DecimalType>(array: &dyn Array) -> ValueWriter<'_> {
    let array = array.as_primitive::<T>();
    Box::new(move |row, out| shown(out, array.value_as_string(row)))
}

fn times<T: ArrowTemporalType>(array: &dyn Array) -> ValueWriter<'_>
where
    i64: From<T::Native>,
{
    let array = array.as_primitive::<T>();
    Box::new(move |row, out| array.value_as_time(row).is_some_and(|time| shown(out, time)))
}

fn moments<T: ArrowTimestampType>(array: &dyn Array) -> ValueWriter<'_> {
    let zone = if matches!(array.data_type(), DataType::Timestamp(_, Some(_))) { "Z" } else { "" };
    let array = array.as_primitive::<T>();
    Box::new(move |row, out| {
        array.value_as_datetime(row).is_some_and(|moment| shown(out, format_args!("{moment}{zone}")))
    })
}

fn hexadecimal(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    out.push(b'"');
    out.extend(bytes.iter().flat_map(|&byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
    out.push(b'"');
    true
}

/// Always true: writing into memory does not fail.
fn shown(out: &mut Vec<u8>, value: impl std::fmt::Display) -> bool {
    let _ = write!(out, "{value}");
    true
}

#[cfg(test)]
mod tests {
    use arrow_array::ArrayRef;
    use arrow_array::types::Int8Type;
    use arrow_array::{
        BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal32Array, Decimal64Array, Decimal128Array,
        Decimal256Array, DictionaryArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int64Array,
        LargeBinaryArray, LargeStringArray, StringViewArray, Time32MillisecondArray, Time32SecondArray,
        Time64MicrosecondArray, Time64NanosecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
        TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
    };
    use arrow_buffer::i256;
    use arrow_cast::display::ArrayFormatter;
    use std::sync::Arc;

    use super::super::cells;
    use super::*;

    /// Each value as Arrow's formatter shows it, in quotes for text.
    #[test]
    fn values_are_written_as_arrow_shows_them() {
        let numbers = [0, 1, -1, 7, 86_399, 1_000_000_007, -62_135_596_801, 253_402_300_800, i64::MAX, i64::MIN];
        let floats = [0.0, -0.0, 0.1, 1e16, 1e-7, 123_456_789.0, f64::MIN_POSITIVE, f64::MAX, 5e-324];
        let texts = ["", "a", "é, \"b\"", "a\nb"];
        let keys: DictionaryArray<Int8Type> = ["a", "b", "a"].into_iter().collect();
        let plain: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(numbers.to_vec())),
            Arc::new(UInt64Array::from(vec![0, u64::MAX])),
            Arc::new(BooleanArray::from(vec![true, false])),
            Arc::new(Float64Array::from(floats.to_vec())),
            Arc::new(Float32Array::from(
                floats.iter().map(|&float| float as f32).filter(|float| float.is_finite()).collect::<Vec<_>>(),
            )),
            Arc::new(Date32Array::from(vec![0, -1, 19_000, -800_000, 3_000_000, i32::MAX, i32::MIN])),
            Arc::new(Decimal32Array::from(vec![0, -5, 123_456_789]).with_precision_and_scale(9, 2).unwrap()),
            Arc::new(Decimal64Array::from(vec![7, -1_234, i64::MAX]).with_precision_and_scale(18, 0).unwrap()),
            Arc::new(Decimal128Array::from(vec![1, -1, i128::MIN]).with_precision_and_scale(38, 10).unwrap()),
            Arc::new(Decimal128Array::from(vec![12, -12]).with_precision_and_scale(10, -3).unwrap()),
            Arc::new(Decimal256Array::from(vec![i256::ONE, i256::MIN]).with_precision_and_scale(76, 30).unwrap()),
            Arc::new(Time32SecondArray::from(vec![0, 86_399, 86_400, -1])),
            Arc::new(Time32MillisecondArray::from(vec![1, 86_399_999])),
            Arc::new(Time64MicrosecondArray::from(numbers.to_vec())),
            Arc::new(Time64NanosecondArray::from(vec![1, 1_000, 86_399_999_999_999, -1])),
            Arc::new(TimestampSecondArray::from(numbers.to_vec())),
            Arc::new(TimestampMillisecondArray::from(numbers.to_vec())),
            Arc::new(TimestampMicrosecondArray::from(numbers.to_vec()).with_timezone("Europe/Berlin")),
            Arc::new(TimestampNanosecondArray::from(numbers.to_vec()).with_timezone("+02:00")),
        ];
        let text: Vec<ArrayRef> = vec![
            Arc::new(LargeStringArray::from(texts.to_vec())),
            Arc::new(StringViewArray::from(texts.to_vec())),
            Arc::new(keys),
            Arc::new(BinaryArray::from(vec![&b""[..], b"\x00\xffa"])),
            Arc::new(LargeBinaryArray::from(vec![&b"abc"[..]])),
            Arc::new(BinaryViewArray::from(vec![&b"\x7f"[..], b"longer than twelve bytes"])),
            Arc::new(FixedSizeBinaryArray::try_from_iter([b"ab", b"\x01\x02"].into_iter()).unwrap()),
        ];
        plain.into_iter().for_each(|array| is_as_shown(array, true));
        text.into_iter().for_each(|array| is_as_shown(array, false));
    }

    /// As Arrow's formatter shows them, in quotes for text; those that it cannot show are not written.
    fn is_as_shown(array: ArrayRef, is_plain: bool) {
        let array = cells::plain(&array).unwrap();
        let write = floats(&array).or_else(|| writer(&array)).unwrap();
        let other = ArrayFormatter::try_new(&array, &cells::SHOWN).unwrap();
        for row in 0..array.len() {
            let (mut out, mut text, mut expected) = (Vec::new(), String::new(), Vec::new());
            let is_shown = other.value(row).write(&mut text).is_ok();
            assert_eq!(write(row, &mut out), is_shown, "{}: {text}", array.data_type());
            match (is_shown, is_plain) {
                (false, _) => {}
                (true, true) => expected.extend_from_slice(text.as_bytes()),
                (true, false) => csv::quote(&mut expected, text.as_bytes()),
            }
            assert_eq!(String::from_utf8(out), String::from_utf8(expected), "{}", array.data_type());
        }
    }

    #[test]
    fn what_is_not_a_finite_number_is_not_written() {
        let array = Float64Array::from(vec![f64::NAN, f64::NEG_INFINITY, 1.5]);
        let (write, mut out) = (floats(&array).unwrap(), Vec::new());
        let written: Vec<bool> = (0..3).map(|row| write(row, &mut out)).collect();
        assert_eq!((written, &out[..]), (vec![false, false, true], &b"1.5"[..]));
    }
}
