//! Rows of a table as objects of JSON, a line each: what is nested stays nested.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_json::writer::make_encoder;
use arrow_schema::{ArrowError, FieldRef};

use super::batches::quietly;
use super::cells::{self, Cell, Lost};
use super::nested;
use super::nulls::is_none;

/// Write the rows; `names`: by column, in quotes. Returns what they lose.
///
/// # Errors
/// In words: values of a type have no form in JSON.
pub fn objects(batch: &RecordBatch, names: &[String], out: &mut Vec<u8>) -> Result<Lost, String> {
    quietly(|| write(batch, names, out))
}

fn write(batch: &RecordBatch, names: &[String], out: &mut Vec<u8>) -> Result<Lost, ArrowError> {
    let (unshown, no_numbers) = (Arc::default(), Arc::default());
    let options = nested::options(&unshown, &no_numbers);
    let schema = batch.schema();
    let arrays = batch.columns().iter().map(cells::plain).collect::<Result<Vec<_>, _>>()?;
    let each = schema.fields().iter().zip(&arrays);
    let mut encoders =
        each.map(|(field, array)| make_encoder(field, array.as_ref(), &options)).collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        for (place, (name, encoder)) in names.iter().zip(&mut encoders).enumerate() {
            out.push(if place == 0 { b'{' } else { b',' });
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            if encoder.is_null(row) {
                out.extend_from_slice(b"null");
            } else {
                encoder.encode(row, out);
            }
        }
        out.extend_from_slice(b"}\n");
    }
    drop(encoders);
    Ok(Lost { no_numbers: no_numbers.load(Relaxed), unshown: unshown.load(Relaxed), ..Lost::default() })
}

/// The values of a column as texts, as they are in the records of a table: what is nested as JSON. Returns what they lose.
///
/// # Errors
/// In words: values of the type have no text.
pub fn texts(field: &FieldRef, array: &ArrayRef) -> Result<(ArrayRef, Lost), String> {
    quietly(|| {
        let (unshown, no_numbers) = (Arc::default(), Arc::default());
        let options = nested::options(&unshown, &no_numbers);
        let plain = cells::plain(array)?;
        let nulls = plain.logical_nulls();
        let values = (plain, nulls);
        let mut cell = Cell::of(field, &values, &options)?;
        let (mut lost, mut buffer, mut out) = (Lost::default(), Vec::new(), Vec::new());
        let mut texts = StringBuilder::new();
        for row in 0..array.len() {
            out.clear();
            let is_null = values.1.as_ref().is_some_and(|nulls| nulls.is_null(row));
            if !is_null {
                cell.write(row, &mut buffer, &mut out, &mut lost);
            }
            match out.as_slice() {
                none if is_none(none) => texts.append_null(),
                [b'"', text @ .., b'"'] => texts.append_value(String::from_utf8_lossy(text).replace("\"\"", "\"")),
                text => texts.append_value(String::from_utf8_lossy(text)),
            }
        }
        drop(cell);
        lost.unshown += unshown.load(Relaxed);
        lost.no_numbers += no_numbers.load(Relaxed);
        Ok::<_, ArrowError>((Arc::new(texts.finish()) as ArrayRef, lost))
    })
}
