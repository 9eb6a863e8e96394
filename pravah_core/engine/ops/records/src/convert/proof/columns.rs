//! The values of a Parquet file as the `parquet` crate reads it: none of our own decoders has a part in it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};
use rayon::prelude::*;

use super::super::failed;
use super::super::sort::BATCH_ROWS;
use super::{Fingerprints, Layout};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::Result;

/// A file that is read at places, by several threads at once.
#[derive(Clone)]
struct Places(Arc<File>);

impl Length for Places {
    fn len(&self) -> u64 {
        self.0.metadata().map_or(0, |meta| meta.len())
    }
}

impl ChunkReader for Places {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(BufReader::new(From { file: Arc::clone(&self.0), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let mut bytes = vec![0; length];
        self.0.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// A file from a place on.
pub struct From {
    /// The file.
    pub file: Arc<File>,
    /// The place.
    pub at: u64,
}

impl Read for From {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(out, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The fingerprints of a file with such columns.
///
/// # Errors
/// What the library says; that the job was cancelled.
pub fn read(file: &Arc<File>, layout: &Layout, control: &Control) -> Result<Fingerprints> {
    let file = Places(Arc::clone(file));
    let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(failed)?;
    // Texts as views of their pages: they are hashed where they are.
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => Arc::new(Field::clone(field).with_data_type(DataType::Utf8View)),
        _ => Arc::clone(field),
    };
    let fields: Vec<_> = plain.schema().fields().iter().map(field).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, plain.schema().metadata().clone()));
    let metadata = Arc::clone(plain.metadata());
    let views = ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new().with_schema(schema));
    let metadata = views.unwrap_or(plain);
    let group = |group: usize| {
        let mut found = Fingerprints::new(layout.len());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone());
        let reader = reader.with_row_groups(vec![group]).with_batch_size(BATCH_ROWS).build().map_err(failed)?;
        for batch in reader {
            control.check()?;
            found.rows(layout, &batch.map_err(failed)?).map_err(failed)?;
        }
        Ok(found)
    };
    let groups = (0..metadata.metadata().num_row_groups()).into_par_iter().map(group);
    groups.try_reduce(
        || Fingerprints::new(layout.len()),
        |mut one, other| {
            one.join(&other);
            Ok(one)
        },
    )
}
