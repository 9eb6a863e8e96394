//! Rows of a table as objects of JSON, a line each: what is nested stays nested.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arrow_array::RecordBatch;
use arrow_json::writer::make_encoder;
use arrow_schema::ArrowError;

use super::batches::quietly;
use super::cells::{self, Lost};
use super::nested;

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
    Ok(Lost { no_numbers: no_numbers.load(Relaxed), unshown: unshown.load(Relaxed) })
}
