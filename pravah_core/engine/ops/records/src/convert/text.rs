//! Converted records as text: CSV by RFC 4180, or JSON Lines.
//!
//! In CSV no value is an empty field, an empty text one of two quotes. Dates and times are as ISO 8601 has them.

use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};

use super::options::To;
use super::plan::TargetColumn;
use pravah_foundation::tabular::csv;
use pravah_foundation::tabular::csv::{CsvSplitter, Dialect};
use pravah_foundation::tabular::split::Split;
use pravah_foundation::tabular::values::{Value, ValueType};

/// What stands for no value where a column is alone: a line without a byte is no record.
const ALONE: &str = "NULL";

/// The header.
pub fn header(columns: &[TargetColumn], to: To) -> Vec<u8> {
    let mut out = Vec::new();
    if to == To::Csv {
        for (place, column) in columns.iter().enumerate() {
            separate(&mut out, place);
            quote(&mut out, &column.name);
        }
        out.push(b'\n');
    }
    out
}

/// Some records.
pub fn rows(out: &mut Vec<u8>, columns: &[TargetColumn], arrays: &[ArrayRef], to: To) {
    let names: Vec<String> =
        columns.iter().map(|column| serde_json::Value::from(column.name.as_str()).to_string()).collect();
    for row in 0..arrays.first().map_or(0, |array| array.len()) {
        if to == To::Jsonl {
            out.push(b'{');
        }
        for (place, array) in arrays.iter().enumerate() {
            separate(out, place);
            if to == To::Jsonl {
                out.extend_from_slice(names[place].as_bytes());
                out.push(b':');
            }
            match (array.is_null(row), to) {
                (true, To::Jsonl) => out.extend_from_slice(b"null"),
                (true, _) if arrays.len() == 1 => out.extend_from_slice(ALONE.as_bytes()),
                (true, _) => {}
                (false, _) => cell(out, columns[place].kind, array, row, to),
            }
        }
        if to == To::Jsonl {
            out.push(b'}');
        }
        out.push(b'\n');
    }
}

/// How many records some text holds, as a reader finds them.
pub fn count(text: &[u8], columns: usize, to: To) -> u64 {
    if to == To::Jsonl {
        return memchr::memchr_iter(b'\n', text).count() as u64;
    }
    let (mut split, mut splitter) = (Split::default(), CsvSplitter::new(text, Dialect::of(b','), columns));
    let mut records = 0;
    while splitter.next(&mut split) {
        records += (split.len() - split.ragged().len()) as u64;
    }
    records
}

fn separate(out: &mut Vec<u8>, place: usize) {
    if place > 0 {
        out.push(b',');
    }
}

/// A value in words; none where there is none.
pub fn shown(kind: ValueType, array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    Some(match kind {
        ValueType::Text => array.as_string::<i32>().value(row).to_owned(),
        kind => value(kind, array, row).shown(),
    })
}

fn cell(out: &mut Vec<u8>, kind: ValueType, array: &ArrayRef, row: usize, to: To) {
    if kind == ValueType::Text {
        let text = array.as_string::<i32>().value(row);
        if to == To::Jsonl {
            // A text always has a form in JSON.
            let _ = serde_json::to_writer(&mut *out, text);
        } else {
            quote(out, text);
        }
        return;
    }
    let is_text = to == To::Jsonl && matches!(kind, ValueType::Date | ValueType::Timestamp | ValueType::Time);
    let mark = if is_text { "\"" } else { "" };
    // Into memory: it does not fail.
    let _ = write!(out, "{mark}{}{mark}", value(kind, array, row).shown());
}

fn value(kind: ValueType, array: &ArrayRef, row: usize) -> Value {
    match kind {
        ValueType::Text => Value::Text,
        ValueType::Integer => Value::Integer(array.as_primitive::<Int64Type>().value(row)),
        ValueType::Float => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        ValueType::Boolean => Value::Boolean(array.as_boolean().value(row)),
        ValueType::Date => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        ValueType::Timestamp => Value::Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        ValueType::Time => Value::Time(array.as_primitive::<Time64MicrosecondType>().value(row)),
    }
}

/// A text that reads as itself: in quotes where it would be cut, or read as no value.
fn quote(out: &mut Vec<u8>, text: &str) {
    let is_plain = !text.is_empty()
        && text != ALONE
        && !text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r'))
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace);
    if is_plain {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    csv::quote(out, text.as_bytes());
}
