//! A Parquet file behind another one: its places count from its own beginning, so what is read there is of the other one.

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{ChunkReader, Length};

use super::Parquet;

const MAGIC: &[u8] = b"PAR1";
/// The length of the metadata, and the name, at the end.
const END_BYTES: u64 = 8;

/// # Errors
/// The file is another one, and this behind it.
pub fn check(file: &Parquet, metadata: &ParquetMetaData) -> Result<()> {
    let size = file.len();
    let Some(at) = size.checked_sub(END_BYTES) else { return Ok(()) };
    let end = file.get_bytes(at, END_BYTES as usize)?;
    let length = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
    let Some(footer) = at.checked_sub(length) else { return Ok(()) };
    let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    let last = chunks.flat_map(ends).max().unwrap_or(0).max(MAGIC.len() as u64);
    // Its own beginning is there, and nothing that it knows reaches to its own end.
    let before = footer.saturating_sub(last);
    if before == 0 || file.get_bytes(before, MAGIC.len()).is_ok_and(|bytes| bytes != MAGIC) {
        return Ok(());
    }
    let message =
        format!("it is two files one after the other: cut off the first {before} bytes to read the second one");
    Err(ParquetError::General(message))
}

/// Where the parts of a column chunk end.
fn ends(chunk: &ColumnChunkMetaData) -> impl Iterator<Item = u64> {
    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset()).min(chunk.data_page_offset());
    let indexes = [
        chunk.column_index_offset().zip(chunk.column_index_length()),
        chunk.offset_index_offset().zip(chunk.offset_index_length()),
        chunk.bloom_filter_offset().zip(chunk.bloom_filter_length()),
    ];
    let parts = indexes.into_iter().flatten().map(|(at, length)| (at, i64::from(length)));
    parts
        .chain([(start, chunk.compressed_size())])
        .filter_map(|(at, length)| u64::try_from(at.checked_add(length)?).ok())
}
