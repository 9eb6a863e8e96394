//! The values of a Parquet file as the `parquet` crate reads it: none of our own decoders has a part in it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};
use rayon::prelude::*;

use super::super::failed;
use super::super::sort::BATCH_ROWS;
use super::{ColumnAt, Fingerprints, Layout};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::Result;

/// A file that is read at places, by several threads at once. It remembers that its disk failed: a reader of others tells
/// that as if the file were wrong.
#[derive(Clone)]
pub struct Places {
    file: Arc<File>,
    has_failed: Arc<AtomicBool>,
}

impl Places {
    /// Of a file.
    pub fn new(file: &Arc<File>) -> Self {
        Self { file: Arc::clone(file), has_failed: Arc::default() }
    }

    /// True when the disk failed, not the reader.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Relaxed)
    }

    /// The file from a place on.
    pub fn from(&self, at: u64) -> From {
        From { places: self.clone(), at }
    }

    fn told<T>(&self, read: io::Result<T>) -> io::Result<T> {
        // The file may end before the place that it names itself.
        if read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::UnexpectedEof) {
            self.has_failed.store(true, Relaxed);
        }
        read
    }
}

impl Length for Places {
    fn len(&self) -> u64 {
        self.told(self.file.metadata()).map_or(0, |meta| meta.len())
    }
}

impl ChunkReader for Places {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(BufReader::new(self.from(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        // What the file claims may be more than there is.
        if start.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let mut bytes = vec![0; length];
        self.told(self.file.read_exact_at(&mut bytes, start))?;
        Ok(bytes.into())
    }
}

/// A file from a place on.
pub struct From {
    places: Places,
    at: u64,
}

impl Read for From {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.places.told(self.places.file.read_at(out, self.at))?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Columns that are read at once: a reader takes about 80 KiB for each of them.
const TOGETHER: usize = 256;

/// The fingerprints of a file with such columns.
///
/// # Errors
/// What the library says; that the job was cancelled.
pub fn read(file: &Places, layout: &Layout, control: &Control) -> Result<Fingerprints> {
    read_some(file, layout, TOGETHER, control)
}

/// As [`read`], so many columns at once.
///
/// # Errors
/// As [`read`].
pub fn read_some(file: &Places, layout: &Layout, together: usize, control: &Control) -> Result<Fingerprints> {
    let plain = ArrowReaderMetadata::load(file, ArrowReaderOptions::new()).map_err(failed)?;
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
        let reader = || {
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone());
            reader.with_row_groups(vec![group]).with_batch_size(BATCH_ROWS)
        };
        if layout.len() <= together {
            for batch in reader().build().map_err(failed)? {
                control.check()?;
                found.rows(layout, &batch.map_err(failed)?).map_err(failed)?;
            }
            return Ok(found);
        }
        found.begin(usize::try_from(metadata.metadata().row_group(group).num_rows()).map_err(failed)?);
        for (number, part) in layout.chunks(together).enumerate() {
            let (columns, part) = among(part);
            let mask = ProjectionMask::roots(metadata.parquet_schema(), columns);
            found.from = 0;
            for batch in reader().with_projection(mask).build().map_err(failed)? {
                control.check()?;
                let batch = batch.map_err(failed)?;
                found.some(number * together, &part, &batch).map_err(failed)?;
                found.from += batch.num_rows();
            }
        }
        found.end();
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

/// The columns of a file that these are, in its order, and where they are among them.
fn among(layout: &[ColumnAt]) -> (Vec<usize>, Layout) {
    let own = |at: &ColumnAt| if let ColumnAt::Column(own) = at { Some(*own) } else { None };
    let mut columns: Vec<usize> = layout.iter().filter_map(own).collect();
    columns.sort_unstable();
    let place = |at: &ColumnAt| match own(at) {
        Some(own) => ColumnAt::Column(columns.partition_point(|&before| before < own)),
        None => *at,
    };
    let places = layout.iter().map(place).collect();
    (columns, places)
}
