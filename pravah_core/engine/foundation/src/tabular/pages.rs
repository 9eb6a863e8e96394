//! Parquet, some rows at a time, as many as the pages allow that they are in.
//!
//! The reader of the library takes as many rows as it is told, whatever they hold. So each page is weighed before it is
//! decoded: rows that need too many bytes of further pages are read again, fewer at a time. Texts stay in
//! their pages or dictionaries (views), however many rows have them.

mod budget;
mod deltas;
mod joined;
mod packed;
pub mod sizes;
mod thrift;
mod views;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, RowGroups};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::{CompressionCodec, ConvertedType, Encoding, Type};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::properties::ReaderProperties;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::ColumnDescriptor;

use self::budget::PageBudget;
use self::packed::PagePacking;
pub use self::sizes::Parquet;
use self::views::viewed;

/// The longest row of a table: its text is longer than what it is made of.
pub const LONGEST_ROW_BYTES: usize = 32 << 20;

/// Values without a length of their own, of one batch.
const FIXED_BYTES: u64 = 32 << 20;
/// Rows become fewer by this factor.
const FEWER: usize = 16;
/// Of a value in a list: its levels and its place.
const VALUE_BYTES: u64 = 8;
/// The longest text of a decimal.
const DECIMAL_BYTES: u64 = 64;

/// The rows of a file.
pub struct ParquetRows {
    file: Arc<Parquet>,
    metadata: Arc<ParquetMetaData>,
    levels: FieldLevels,
    schema: SchemaRef,
    budget: Arc<PageBudget>,
    /// Rows at a time: as asked for, and now. Both are powers of two: the smaller one divides what was read.
    whole: usize,
    rows: usize,
    group: usize,
    /// Rows of the group that were given, and rows that its reader has read.
    given: usize,
    read: usize,
    reader: Option<ParquetRecordBatchReader>,
}

impl ParquetRows {
    /// The columns of a file, before it is opened for some of them.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn schema_of(file: &Parquet) -> Result<SchemaRef> {
        Ok(Arc::clone(ArrowReaderMetadata::load(file, Default::default())?.schema()))
    }

    /// Some rows at a time, of all columns, or of those that are named.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn open(file: Parquet, rows: usize, columns: Option<&[&str]>) -> Result<Self> {
        let file = Arc::new(file);
        let read = ArrowReaderMetadata::load(&*file, Default::default())?;
        let fields = viewed(read.schema().fields());
        let metadata = Arc::clone(read.metadata());
        joined::check(&file, &metadata)?;
        let description = metadata.file_metadata().schema_descr();
        let mask = columns
            .map_or_else(ProjectionMask::all, |names| ProjectionMask::columns(description, names.iter().copied()));
        let levels = parquet_to_arrow_field_levels(description, mask, Some(&fields))?;
        let fixed = description.columns().iter().map(|column| width(column)).fold(0, u64::saturating_add);
        if fixed > LONGEST_ROW_BYTES as u64 {
            return Err(ParquetError::General(format!("its rows have {fixed} bytes each")));
        }
        let most = usize::try_from(FIXED_BYTES / fixed.max(1)).unwrap_or(usize::MAX).max(1);
        let whole = rows.clamp(1, most);
        let whole = 1 << whole.ilog2();
        let budget = Arc::new(PageBudget::new(description.num_columns(), parquet::file::reader::Length::len(&*file)));
        let schema = Arc::new(Schema::new(fields));
        Ok(Self {
            file,
            metadata,
            levels,
            schema,
            budget,
            whole,
            rows: whole,
            group: 0,
            given: 0,
            read: 0,
            reader: None,
        })
    }

    /// All columns of the file, their texts as views.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How a column is packed that cannot be unpacked.
    pub fn unsupported(&self) -> Option<&'static str> {
        let chunks = self.metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
        chunks.map(|chunk| chunk.compression_codec()).find_map(|codec| match codec {
            CompressionCodec::LZO => Some("LZO"),
            _ => None,
        })
    }

    /// Rows that the footer promises.
    pub fn promised(&self) -> Option<u64> {
        u64::try_from(self.metadata.file_metadata().num_rows()).ok()
    }

    /// The next rows.
    ///
    /// # Errors
    /// The file is damaged, or a row is too long.
    pub fn next_rows(&mut self) -> std::result::Result<Option<RecordBatch>, Box<dyn std::error::Error>> {
        while self.group < self.metadata.num_row_groups() {
            let reader = match &mut self.reader {
                Some(reader) => reader,
                none => {
                    let (group, columns) = (self.group, &self.levels);
                    let pages = Group { file: &self.file, metadata: &self.metadata, group, budget: &self.budget };
                    none.insert(ParquetRecordBatchReader::try_new_with_row_groups(columns, &pages, self.rows, None)?)
                }
            };
            self.budget.begin(self.rows);
            match reader.next() {
                Some(Ok(batch)) => {
                    self.read += batch.num_rows();
                    // What was given before the rows became fewer.
                    if self.read > self.given {
                        self.given = self.read;
                        return Ok(Some(batch));
                    }
                }
                Some(Err(error)) => {
                    if !self.budget.is_exceeded() || self.rows == 1 {
                        return Err(error.into());
                    }
                    self.rows = (self.rows / FEWER).max(1);
                    (self.reader, self.read) = (None, 0);
                }
                None => {
                    (self.reader, self.read, self.given) = (None, 0, 0);
                    (self.rows, self.group) = (self.whole, self.group + 1);
                }
            }
        }
        Ok(None)
    }
}

/// Bytes of each value that is not written out as a text.
fn width(column: &ColumnDescriptor) -> u64 {
    match column.physical_type() {
        Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(column.type_length()).unwrap_or(0),
        _ => VALUE_BYTES,
    }
}

/// A row group whose pages are weighed.
struct Group<'a> {
    file: &'a Arc<Parquet>,
    metadata: &'a Arc<ParquetMetaData>,
    group: usize,
    budget: &'a Arc<PageBudget>,
}

impl RowGroups for Group<'_> {
    fn num_rows(&self) -> usize {
        usize::try_from(self.metadata.row_group(self.group).num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, place: usize) -> Result<Box<dyn PageIterator>> {
        let chunk = self.metadata.row_group(self.group).column(place);
        let column = chunk.column_descr_ptr();
        let size = parquet::file::reader::Length::len(&**self.file);
        let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
        let (at, length) = (u64::try_from(start), u64::try_from(chunk.compressed_size()));
        let end = at.ok().zip(length.ok()).and_then(|(at, length)| at.checked_add(length));
        if end.is_none_or(|end| end > size) {
            let length = chunk.compressed_size();
            return Err(ParquetError::General(format!("it claims {length} bytes at {start}, behind its end")));
        }
        let file = Arc::new(self.file.of_chunk());
        // What LZ4 may also have meant in old files is unpacked without a limit.
        let properties = Arc::new(ReaderProperties::builder().set_backward_compatible_lz4(false).build());
        let rows = self.num_rows();
        let packing = PagePacking::of(chunk);
        let as_it_is = packing.map(|_| chunk.clone().into_builder());
        let as_it_is = as_it_is.map(|chunk| chunk.set_compression_codec(CompressionCodec::UNCOMPRESSED).build());
        let as_it_is = as_it_is.transpose()?;
        let chunk = as_it_is.as_ref().unwrap_or(chunk);
        let inner = SerializedPageReader::new_with_properties(Arc::clone(&file), chunk, rows, None, properties)?;
        let pages = Pages { inner, file, column, place, packing, budget: Arc::clone(self.budget) };
        Ok(Box::new(Chunk(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

/// The one chunk of a column.
struct Chunk(Option<Pages>);

impl Iterator for Chunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(|pages| Ok(Box::new(pages) as Box<dyn PageReader>))
    }
}

impl PageIterator for Chunk {}

struct Pages {
    inner: SerializedPageReader<Parquet>,
    file: Arc<Parquet>,
    column: Arc<ColumnDescriptor>,
    place: usize,
    packing: Option<PagePacking>,
    budget: Arc<PageBudget>,
}

impl Pages {
    fn weighed(&self, page: Option<Page>) -> Result<Option<Page>> {
        let Some(page) = page else { return Ok(None) };
        let page = match self.packing {
            Some(packing) => packing.page(page, self.file.claimed())?,
            None => page,
        };
        let (length, count) = (page.buffer().len() as u64, u64::from(page.num_values()));
        let values = match &page {
            Page::DictionaryPage { .. } => {
                if self.is_decimal_text() && length > count.saturating_mul(DECIMAL_BYTES) {
                    return Err(ParquetError::General("it claims decimals of very many digits".into()));
                }
                self.budget.page(self.place, length, true)?;
                return Ok(Some(page));
            }
            Page::DataPage { buf, .. } => buf.get(self.levels_of(buf)..),
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                buf.get(def_levels_byte_len.saturating_add(*rep_levels_byte_len) as usize..)
            }
        };
        let damaged = || ParquetError::General("the lengths of a page are damaged".into());
        let encoding = page.encoding();
        let unpacked = match encoding {
            Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY => {
                deltas::unpacked(values.ok_or_else(damaged)?, encoding, count).ok_or_else(damaged)?
            }
            _ => length,
        };
        sizes::check(length, unpacked).map_err(ParquetError::General)?;
        let nested = if self.column.max_rep_level() > 0 {
            count.saturating_mul(width(&self.column).max(VALUE_BYTES))
        } else {
            0
        };
        self.budget.page(self.place, unpacked.max(length).max(nested), false)?;
        Ok(Some(page))
    }

    fn is_decimal_text(&self) -> bool {
        self.column.physical_type() == Type::BYTE_ARRAY && self.column.converted_type() == ConvertedType::DECIMAL
    }

    /// Bytes of the levels in front of the values of an old page.
    fn levels_of(&self, page: &[u8]) -> usize {
        let mut at = 0_usize;
        for level in [self.column.max_rep_level(), self.column.max_def_level()] {
            if level > 0 {
                let length =
                    page.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes));
                at = at.saturating_add(4).saturating_add(length as usize);
            }
        }
        at
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.inner.get_next_page();
        self.file.past_header(false);
        self.weighed(page?)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        let page = self.inner.peek_next_page()?;
        self.file.past_header(page.is_some());
        Ok(page)
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.file.past_header(false);
        self.inner.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        // What looks ahead, so that it is known that it did.
        self.peek_next_page()?;
        self.inner.at_record_boundary()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        // Of a dictionary that comes later, the claim is not at hand any more.
        self.packing.is_none() && self.inner.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        let page = self.inner.take_deferred_dictionary()?;
        self.weighed(page)
    }
}
