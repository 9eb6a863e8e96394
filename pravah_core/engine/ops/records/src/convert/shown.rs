//! Values of typed columns in words, for the names of folders.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int64Type, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, TimeUnit};

use pravah_foundation::tabular::values::Value;

/// A value in words that stand for the same value again; none where there is none.
pub fn value(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)).shown(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(row),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Date32 => Value::Date(array.as_primitive::<Date32Type>().value(row)).shown(),
        DataType::Time64(TimeUnit::Nanosecond) => {
            array.as_primitive::<Time64NanosecondType>().value_as_time(row)?.to_string()
        }
        DataType::Time64(_) => Value::Time(array.as_primitive::<Time64MicrosecondType>().value(row)).shown(),
        DataType::Timestamp(unit, zone) => {
            let text = match unit {
                TimeUnit::Nanosecond => {
                    array.as_primitive::<TimestampNanosecondType>().value_as_datetime(row)?.to_string()
                }
                TimeUnit::Millisecond => {
                    let millis = array.as_primitive::<TimestampMillisecondType>().value(row);
                    millis
                        .checked_mul(1000)
                        .map_or_else(|| millis.to_string(), |micros| Value::Timestamp(micros).shown())
                }
                _ => Value::Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row)).shown(),
            };
            if zone.is_some() { format!("{text}Z") } else { text }
        }
        _ => {
            let formatter = ArrayFormatter::try_new(array, &FormatOptions::new()).ok()?;
            formatter.value(row).try_to_string().ok()?
        }
    })
}

/// What a name of [`escaped`] stands for.
pub fn unescaped(name: &str) -> String {
    let mut parts = name.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        out.extend(code.map(char::from));
        out.push_str(part.get(2..).unwrap_or_default());
    }
    out
}

/// A name as Hive writes it into a path.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{0}'..='\u{1f}'
            | '\u{7f}'
            | '"'
            | '#'
            | '%'
            | '\''
            | '*'
            | '/'
            | ':'
            | '='
            | '?'
            | '\\'
            | '{'
            | '['
            | ']'
            | '^' => out.push_str(&format!("%{:02X}", character as u32)),
            _ => out.push(character),
        }
    }
    out
}
