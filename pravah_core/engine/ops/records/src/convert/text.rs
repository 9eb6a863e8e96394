//! Converted records as text: CSV by RFC 4180, or JSON Lines.
//!
//! In CSV no value is an empty field, an empty text one of two quotes. What a field says is copied as it stands; in JSON
//! it is a text, or a number or a truth value where all values of its column are.

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};

use super::arrays::Added;
use super::options::To;
use super::plan::{Form, TargetColumn};
use pravah_foundation::tabular::csv;
use pravah_foundation::tabular::csv::{CsvSplitter, Dialect};
use pravah_foundation::tabular::split::Split;
use pravah_foundation::tabular::values::{ColumnType, Value};

/// What stands for no value where a column is alone: a line without a byte is no record.
pub const ALONE: &str = "NULL";

/// The header.
pub fn header(columns: &[TargetColumn], to: To) -> Vec<u8> {
    let mut out = Vec::new();
    if to == To::Csv {
        for (place, column) in columns.iter().enumerate() {
            separate(&mut out, place);
            match column.name.as_bytes() {
                name if is_plain(name) => out.extend_from_slice(name),
                name => csv::quote(&mut out, name),
            }
        }
        out.push(b'\n');
    }
    out
}

/// Add a value in the form of its column; nothing is added when it is of another type.
pub fn add(builder: &mut BinaryBuilder, column: &TargetColumn, text: &[u8]) -> Added {
    if !column.is_copied() && column.takes(text) == Added::Not {
        return Added::Not;
    }
    match (column.form, column.kind) {
        (Form::Json, ColumnType::Integer | ColumnType::Float) => builder.append_value(&*number(text)),
        (Form::Json, ColumnType::Boolean) => {
            builder.append_value(if Value::of(text) == Value::Boolean(true) { "true" } else { "false" });
        }
        (Form::Json, _) => {
            // A text always has a form in JSON.
            let quoted = serde_json::to_vec(&String::from_utf8_lossy(text)).unwrap_or_default();
            builder.append_value(quoted);
        }
        (Form::Field, _) if is_plain(text) => builder.append_value(text),
        (Form::Field, _) => quoted(builder, text),
        (Form::Typed | Form::Token, _) => builder.append_value(text),
    }
    Added::Whole
}

/// Add a text of CSV that stands in quotes.
pub fn quoted(builder: &mut BinaryBuilder, text: &[u8]) {
    let mut out = Vec::with_capacity(text.len() + 2);
    csv::quote(&mut out, text);
    builder.append_value(out);
}

/// A number as JSON has it: with a digit on both sides of its point.
fn number(text: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let Some(point) = memchr::memchr(b'.', text) else { return text.into() };
    let (front, behind) = (&text[..point], &text[point + 1..]);
    let lacks = (!front.ends_with(b"-") && !front.is_empty(), behind.first().is_some_and(u8::is_ascii_digit));
    match lacks {
        (true, true) => text.into(),
        (true, false) => [front, behind].concat().into(),
        (false, _) => [front, b"0.", behind].concat().into(),
    }
}

/// Some records, whose values are in the form of their columns.
pub fn rows(out: &mut Vec<u8>, columns: &[TargetColumn], arrays: &[ArrayRef], to: To) {
    let names: Vec<String> = columns.iter().map(TargetColumn::json_name).collect();
    let texts: Vec<&StringArray> = arrays.iter().map(|array| array.as_string::<i32>()).collect();
    for row in 0..texts.first().map_or(0, |array| array.len()) {
        if to == To::Jsonl {
            out.push(b'{');
        }
        for (place, texts) in texts.iter().enumerate() {
            separate(out, place);
            if to == To::Jsonl {
                out.extend_from_slice(names[place].as_bytes());
                out.push(b':');
            }
            match (texts.is_null(row), to) {
                (true, To::Jsonl) => out.extend_from_slice(b"null"),
                (true, _) if arrays.len() == 1 => out.extend_from_slice(ALONE.as_bytes()),
                (true, _) => {}
                // Else it would be what stands for no value.
                (false, To::Csv) if arrays.len() == 1 && texts.value(row) == ALONE => csv::quote(out, ALONE.as_bytes()),
                (false, _) => out.extend_from_slice(texts.value(row).as_bytes()),
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

/// True for a text that reads as itself without quotes.
fn is_plain(text: &[u8]) -> bool {
    // Not only ASCII: some readers trim any white space.
    let is_spaced = |text: &str| text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    !text.is_empty()
        && memchr::memchr3(b'"', b',', b'\n', text).is_none()
        && memchr::memchr(b'\r', text).is_none()
        && std::str::from_utf8(text).is_ok_and(|text| !is_spaced(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_digit_on_both_sides_of_their_point() {
        for (text, expected) in [
            ("1.50", "1.50"),
            (".5", "0.5"),
            ("-.5e3", "-0.5e3"),
            ("5.", "5"),
            ("5.e3", "5e3"),
            ("-0", "-0"),
            ("1E5", "1E5"),
        ] {
            assert_eq!(number(text.as_bytes()), expected.as_bytes());
            assert!(serde_json::from_str::<f64>(expected).is_ok());
        }
    }
}
