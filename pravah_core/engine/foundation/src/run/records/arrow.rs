//! Arrow's IPC format, as a file or as a stream: batches as they are, or some rows at a time of one that is large.
//!
//! The reader of the library takes a batch as a whole, and a batch may be as large as the file. Of one that needs more
//! than [`WHOLE_BYTES`], only those parts of the buffers are read that belong to some rows; packed buffers are unpacked
//! into a file without a name first, as nobody can begin in their middle.

mod columns;
mod messages;
mod pieces;
mod stretch;
mod views;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, make_array};
use arrow_buffer::Buffer;
use arrow_ipc::reader::{read_dictionary, read_record_batch};
use arrow_ipc::{MetadataVersion, root_as_message};
use arrow_schema::SchemaRef;

use self::columns::BatchColumn;
use self::messages::{MessagePlace, Messages, bytes, messages};
pub use self::stretch::NoRoom;
use self::stretch::Scratch;
use super::batches::Failed;
use crate::tabular::pages::LONGEST_ROW_BYTES;

/// Most batches take no more memory than this.
const WHOLE_BYTES: u64 = 16 << 20;
/// Bytes of some rows of a larger one, where one row has no more.
const PIECE_BYTES: u64 = 16 << 20;

/// The rows of a file.
pub struct ArrowRows {
    file: Arc<File>,
    schema: SchemaRef,
    version: Option<MetadataVersion>,
    places: std::vec::IntoIter<MessagePlace>,
    /// Bytes that belong to none of the messages, until that is told.
    beside: u64,
    is_ended: bool,
    dictionaries: HashMap<i64, ArrayRef>,
    rows: usize,
    /// A batch that takes no more memory is read as a whole.
    whole: u64,
    directory: PathBuf,
    large: Option<Large>,
}

/// A batch of which some rows were given.
struct Large {
    columns: Vec<BatchColumn>,
    given: u64,
    rows: u64,
    unpacked: Option<Arc<File>>,
}

/// A row is longer than any that is read.
#[derive(Debug, thiserror::Error)]
#[error("a row is longer than {LONGEST_ROW_BYTES} bytes; it was not read")]
pub struct LongRow;

impl ArrowRows {
    /// Of an open file: at most so many rows of a large batch at a time. What has to be unpacked is put into files without
    /// a name in `directory`.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn open(file: File, is_stream: bool, rows: usize, directory: &Path) -> Result<Self, Failed> {
        let Messages { schema, version, places, beside, is_ended } = messages(&file, is_stream)?;
        Ok(Self {
            file: Arc::new(file),
            schema,
            version,
            places: places.into_iter(),
            beside,
            is_ended,
            dictionaries: HashMap::new(),
            rows: rows.max(1),
            whole: WHOLE_BYTES,
            directory: directory.to_owned(),
            large: None,
        })
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What is to be told of it although it can be read.
    pub fn note(&self) -> Option<&'static str> {
        let note = "the stream has no mark of its end, which most programs write: if it was cut, rows are missing";
        (!self.is_ended).then_some(note)
    }

    /// The next rows.
    ///
    /// # Errors
    /// The file is damaged, a row is too long, or there is no room to unpack it.
    pub fn next(&mut self) -> Result<Option<RecordBatch>, Failed> {
        loop {
            if let Some(large) = &mut self.large {
                if let Some(batch) = large.next(&self.schema, self.rows as u64, &self.directory)? {
                    return Ok(Some(batch));
                }
                self.large = None;
            }
            let Some(place) = self.places.next() else {
                return match std::mem::take(&mut self.beside) {
                    0 => Ok(None),
                    1 => Err("1 byte belongs to none of its batches, and was not read".into()),
                    bytes => Err(format!("{bytes} bytes belong to none of its batches, and were not read").into()),
                };
            };
            if let Some(batch) = self.message(place)? {
                return Ok(Some(batch));
            }
        }
    }

    /// Read a message: a batch, or nothing when it was a dictionary or is a large batch.
    fn message(&mut self, place: MessagePlace) -> Result<Option<RecordBatch>, Failed> {
        let metadata = bytes(&self.file, place.at, place.length)?;
        let message = root_as_message(&metadata).map_err(|error| error.to_string())?;
        let version = message.version();
        if self.version.is_some_and(|all| all != version) {
            return Err("a message is of another version than the file".into());
        }
        let body = || bytes(&self.file, place.body_at, place.body_length).map(Buffer::from_vec);
        if let Some(dictionary) = message.header_as_dictionary_batch() {
            read_dictionary(&body()?, dictionary, &self.schema, &mut self.dictionaries, &version)?;
            return Ok(None);
        }
        let batch = message.header_as_record_batch().ok_or("a message holds no batch")?;
        if place.bytes <= self.whole {
            let schema = Arc::clone(&self.schema);
            return Ok(Some(read_record_batch(&body()?, batch, schema, &self.dictionaries, None, &version)?));
        }
        let columns = columns::columns(&self.schema, &batch, (&self.file, place), version, &self.dictionaries)?;
        self.large = Some(Large { columns, given: 0, rows: u64::try_from(batch.length())?, unpacked: None });
        Ok(None)
    }
}

impl Large {
    /// The next rows: so many, or fewer where they are long.
    fn next(&mut self, schema: &SchemaRef, rows: u64, directory: &Path) -> Result<Option<RecordBatch>, Failed> {
        let mut rows = rows.min(self.rows - self.given);
        if rows == 0 {
            return Ok(None);
        }
        let mut scratch = Scratch::new(directory, &mut self.unpacked);
        loop {
            let mut bytes = 0_u64;
            for column in &mut self.columns {
                bytes = bytes.saturating_add(column.bytes(self.given, rows, &mut scratch)?);
            }
            if rows == 1 && bytes > LONGEST_ROW_BYTES as u64 {
                return Err(LongRow.into());
            }
            if rows == 1 || bytes <= PIECE_BYTES {
                break;
            }
            rows = rows.div_ceil(2);
        }
        let given = self.given;
        let arrays = self.columns.iter_mut().map(|column| Ok(make_array(column.read(given, rows, &mut scratch)?)));
        let arrays = arrays.collect::<Result<Vec<_>, Failed>>()?;
        self.given += rows;
        let options = RecordBatchOptions::new().with_row_count(Some(usize::try_from(rows)?));
        Ok(Some(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::{
        BinaryBuilder, FixedSizeBinaryBuilder, FixedSizeListBuilder, Int32Builder, LargeListBuilder, ListBuilder,
        ListViewBuilder, MapBuilder, PrimitiveRunBuilder, StringBuilder, StringDictionaryBuilder, StringViewBuilder,
        UnionBuilder,
    };
    use arrow_array::types::{Float64Type, Int8Type, Int32Type, Int64Type};
    use arrow_array::{
        BinaryViewArray, BooleanArray, Decimal128Array, Int64Array, LargeStringArray, NullArray, StructArray,
    };
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

    use std::os::unix::fs::FileExt;

    use super::super::batches::quietly;
    use super::*;

    const ROWS: usize = 500;

    /// Texts of 0 to 40 bytes; each third row is null.
    fn text(row: usize) -> Option<String> {
        (row % 3 != 1).then(|| format!("{row}-é").repeat(row % 9))
    }

    fn lists() -> Vec<ArrayRef> {
        let mut list = ListBuilder::new(StringBuilder::new());
        let mut large = LargeListBuilder::new(ListBuilder::new(Int32Builder::new()));
        let mut fixed = FixedSizeListBuilder::new(Int32Builder::new(), 3);
        let mut views = ListViewBuilder::new(Int32Builder::new());
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for row in 0..ROWS {
            (0..row % 4).for_each(|item| list.values().append_option(text(row + item)));
            list.append(row % 5 != 2);
            (0..row % 3).for_each(|item| {
                large.values().values().append_value((row * item) as i32);
                large.values().append(item != 1);
            });
            large.append(row % 7 != 0);
            (0..3).for_each(|item| fixed.values().append_option((item != row % 4).then_some(row as i32)));
            fixed.append(row % 6 != 0);
            (0..row % 5).for_each(|item| views.values().append_value((row + item) as i32));
            views.append(row % 4 != 3);
            (0..row % 3).for_each(|item| {
                map.keys().append_value(format!("k{item}"));
                map.values().append_option((item == 0).then_some(row as i32));
            });
            map.append(row % 8 != 0).unwrap();
        }
        vec![
            Arc::new(list.finish()),
            Arc::new(large.finish()),
            Arc::new(fixed.finish()),
            Arc::new(views.finish()),
            Arc::new(map.finish()),
        ]
    }

    fn odd() -> Vec<ArrayRef> {
        let (mut dense, mut sparse) = (UnionBuilder::new_dense(), UnionBuilder::new_sparse());
        let mut runs = PrimitiveRunBuilder::<Int32Type, Int64Type>::new();
        let mut keys = StringDictionaryBuilder::<Int8Type>::new();
        let (mut views, mut bytes) = (StringViewBuilder::new().with_fixed_block_size(64), BinaryBuilder::new());
        let mut fixed = FixedSizeBinaryBuilder::new(3);
        for row in 0..ROWS {
            for union in [&mut dense, &mut sparse] {
                if row % 3 == 0 {
                    union.append::<Float64Type>("f", row as f64).unwrap();
                } else {
                    union.append::<Int32Type>("i", row as i32).unwrap();
                }
            }
            runs.append_option((row % 30 < 20).then_some((row / 10) as i64));
            keys.append_option(text(row % 10));
            views.append_option(text(row));
            bytes.append_option(text(row).map(String::into_bytes));
            fixed.append_value([row as u8, 1, 2]).unwrap();
        }
        vec![
            Arc::new(dense.build().unwrap()),
            Arc::new(sparse.build().unwrap()),
            Arc::new(runs.finish()),
            Arc::new(keys.finish()),
            Arc::new(views.finish()),
            Arc::new(bytes.finish()),
            Arc::new(fixed.finish()),
            // Out of their order, and more than once.
            Arc::new(BinaryViewArray::from_iter((0..ROWS).map(|row| text(row * 7 % 100).map(String::into_bytes)))),
        ]
    }

    fn batch() -> RecordBatch {
        let numbers: ArrayRef =
            Arc::new(Int64Array::from_iter((0..ROWS).map(|row| (row % 11 != 0).then_some(row as i64))));
        let texts: ArrayRef = Arc::new(LargeStringArray::from_iter((0..ROWS).map(text)));
        let flat: Vec<ArrayRef> = vec![
            Arc::clone(&numbers),
            Arc::new(BooleanArray::from_iter((0..ROWS).map(|row| (row % 5 != 0).then_some(row % 2 == 0)))),
            Arc::new(Decimal128Array::from_iter_values((0..ROWS).map(|row| row as i128 - 7))),
            Arc::clone(&texts),
            Arc::new(NullArray::new(ROWS)),
            Arc::new(StructArray::try_from(vec![("n", numbers), ("t", texts)]).unwrap()),
        ];
        let all = flat.into_iter().chain(lists()).chain(odd());
        RecordBatch::try_from_iter_with_nullable(
            all.enumerate().map(|(place, array)| (format!("c{place}"), array, true)),
        )
        .unwrap()
    }

    fn written(batch: &RecordBatch, codec: Option<CompressionType>, is_stream: bool) -> File {
        let options = IpcWriteOptions::default().try_with_compression(codec).unwrap();
        let file = tempfile::tempfile().unwrap();
        let schema = batch.schema();
        // A whole number of bytes is no border of what is written.
        let parts = [batch.slice(0, 301), batch.slice(301, ROWS - 301)];
        if is_stream {
            let mut writer = StreamWriter::try_new_with_options(&file, &schema, options).unwrap();
            parts.iter().for_each(|part| writer.write(part).unwrap());
            writer.finish().unwrap();
        } else {
            let mut writer = FileWriter::try_new_with_options(&file, &schema, options).unwrap();
            parts.iter().for_each(|part| writer.write(part).unwrap());
            writer.finish().unwrap();
        }
        file
    }

    #[test]
    fn some_rows_at_a_time_are_the_rows_of_the_batch() {
        let (batch, folder) = (batch(), tempfile::tempdir().unwrap());
        let codecs = [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)];
        for (codec, is_stream) in codecs.into_iter().flat_map(|codec| [(codec, false), (codec, true)]) {
            for (rows, whole) in [(7, 0), (64, 0), (ROWS, 0), (ROWS, u64::MAX)] {
                let file = written(&batch, codec, is_stream);
                let mut read = ArrowRows::open(file, is_stream, rows, folder.path()).unwrap();
                read.whole = whole;
                let mut at = 0;
                while let Some(part) = read.next().unwrap() {
                    assert!(part.num_rows() <= rows);
                    assert_eq!(part, batch.slice(at, part.num_rows()), "{codec:?} {is_stream} {rows} at {at}");
                    at += part.num_rows();
                }
                assert_eq!(at, ROWS, "{codec:?} {is_stream} {rows}");
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_batch_with_damaged_bytes_is_read_or_refused_without_a_panic() {
        let (batch, folder) = (batch(), tempfile::tempdir().unwrap());
        let size = written(&batch, None, false).metadata().unwrap().len();
        let (mut refused, mut whole) = (0, 0);
        for at in (600..size).step_by(499) {
            let file = written(&batch, None, false);
            file.write_all_at(&[0xff; 3], at).unwrap();
            let read = quietly(|| {
                let mut read = ArrowRows::open(file, false, 50, folder.path())?;
                read.whole = 0;
                while read.next()?.is_some() {}
                Ok::<(), Failed>(())
            });
            match read {
                Ok(()) => whole += 1,
                Err(message) => {
                    assert!(!message.contains("its reader failed"), "{at}: {message}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 9 && whole > 9, "{refused} {whole}");
    }
}
