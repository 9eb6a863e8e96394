//! Words in the footer of a Parquet file that is whole: what is known of a table only when all of it is written.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use parquet::errors::Result;
use parquet::file::metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter};

/// Bytes behind the metadata: its length, and the magic number.
const TAIL_BYTES: u64 = 8;

/// Write the footer anew, with one pair more; gives the file's size.
pub(super) fn annotate(mut file: &File, key: &str, value: &str) -> Result<u64> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(file)?;
    let known = metadata.file_metadata();
    let mut pairs = known.key_value_metadata().cloned().unwrap_or_default();
    pairs.retain(|pair| pair.key != key);
    pairs.push(KeyValue::new(key.to_owned(), value.to_owned()));
    let annotated = FileMetaData::new(
        known.version(),
        known.num_rows(),
        known.created_by().map(str::to_owned),
        Some(pairs),
        known.schema_descr_ptr(),
        known.column_orders().cloned(),
    );
    file.set_len(footer_at(file)?)?;
    file.seek(SeekFrom::End(0))?;
    let annotated = ParquetMetaData::new(annotated, metadata.row_groups().to_vec());
    // Everything before the footer stays where it is, the indexes of pages too.
    ParquetMetaDataWriter::new(file, &annotated).with_preserve_page_index_locations(true).finish()?;
    Ok(file.metadata()?.len())
}

fn footer_at(file: &File) -> io::Result<u64> {
    let end = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    let mut length = [0; 4];
    file.read_exact_at(&mut length, end)?;
    Ok(end.saturating_sub(u64::from(u32::from_le_bytes(length))))
}
