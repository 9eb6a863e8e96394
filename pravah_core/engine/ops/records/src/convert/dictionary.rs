//! A column of few distinct values, encoded as they come: each field is looked up by its bytes, and typed only where it
//! is new.
//!
//! What is written is a Parquet column chunk of one dictionary page and data pages (format v1): definition levels and
//! indices in the RLE and bit-packing hybrid, all compressed by zstd. The `parquet` crate would type and hash every
//! value once more.

use std::collections::HashMap;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::arrays::{Added, Builder};
use super::failed;
use super::hybrid::hybrid;
use super::plan::{Form, TargetColumn};
use super::proof::canon;
use pravah_foundation::base::error::Result;
use pravah_foundation::base::hash::hash;
use pravah_foundation::tabular::values::{ColumnType, Value, day};

/// Distinct fields of a row group, and bytes of them, above which it is no column of few.
const MOST: usize = 1 << 15;
const MOST_BYTES: usize = 1 << 20;
/// Rows of a data page.
const PAGE_ROWS: usize = 1 << 16;
const NULL: u32 = u32::MAX;
const FREE: u32 = u32::MAX;
/// A text longer than this is no bound in the statistics.
const BOUND_BYTES: usize = 256;

struct Entry {
    hash: u64,
    /// See [`ends`]: with the length, all of a field of up to 16 bytes.
    ends: (u64, u64),
    /// Where its bytes are.
    start: u32,
    end: u32,
    /// Which distinct value it stands for: `2024-02-29` and `2024/02/29` are one.
    code: u32,
    is_rounded: bool,
}

/// The fields of a column so far.
pub struct Dictionary {
    column: TargetColumn,
    slots: Vec<u32>,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    /// Codes by value, of what is no text.
    values: HashMap<u64, u32>,
    /// The distinct values: their first entries.
    firsts: Vec<u32>,
    /// By row: a code, or [`NULL`].
    rows: Vec<u32>,
    /// By entry: the hash of its value, if values are proven.
    hashes: Option<Vec<u64>>,
    /// The entry that was added last.
    last: u32,
}

impl Dictionary {
    /// Of nothing yet. Truth values are better off as they are, and decimals are few.
    pub fn new(column: &TargetColumn, proves: bool) -> Option<Self> {
        let is_other = matches!(column.kind, ColumnType::Boolean | ColumnType::Decimal(..));
        (column.form == Form::Typed && !is_other).then(|| Self {
            column: column.clone(),
            slots: vec![FREE; 64],
            entries: Vec::new(),
            bytes: Vec::new(),
            values: HashMap::new(),
            firsts: Vec::new(),
            rows: Vec::new(),
            hashes: proves.then(Vec::new),
            last: 0,
        })
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// True when no row has a value.
    pub fn is_empty(&self) -> bool {
        self.firsts.is_empty()
    }

    /// The hash of the value that was added last, by its own text.
    #[inline]
    pub fn last_hash(&self) -> u64 {
        self.hashes.as_ref().map_or(0, |hashes| hashes[self.last as usize])
    }

    /// Forget what came after so many rows.
    pub fn truncate(&mut self, rows: usize) {
        self.rows.truncate(rows);
    }

    /// True when it has too many values to go on.
    pub fn is_full(&self) -> bool {
        self.entries.len() > MOST || self.bytes.len() > MOST_BYTES
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        self.rows.push(NULL);
    }

    /// A value; nothing is added when it is of another type.
    #[inline]
    pub fn add(&mut self, text: &[u8]) -> Added {
        let ends = ends(text);
        let hash = mixed(ends, text);
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let number = self.slots[slot];
            if number == FREE {
                return self.insert(slot, (hash, ends), text);
            }
            let entry = &self.entries[number as usize];
            if entry.ends == ends
                && (entry.end - entry.start) as usize == text.len()
                && (text.len() <= 16 || &self.bytes[entry.start as usize..entry.end as usize] == text)
            {
                self.rows.push(entry.code);
                self.last = number;
                return if entry.is_rounded { Added::Rounded } else { Added::Whole };
            }
            slot = (slot + 1) & mask;
        }
    }

    #[cold]
    fn insert(&mut self, slot: usize, (hash, ends): (u64, (u64, u64)), text: &[u8]) -> Added {
        let added = self.column.takes(text);
        let code = match self.column.kind {
            _ if added == Added::Not => return added,
            ColumnType::Text => self.firsts.len() as u32,
            _ => {
                let Some(bits) = bits(text, &self.column) else { return Added::Not };
                *self.values.entry(bits).or_insert(self.firsts.len() as u32)
            }
        };
        let number = self.entries.len() as u32;
        if code as usize == self.firsts.len() {
            self.firsts.push(number);
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(text);
        let is_rounded = added == Added::Rounded;
        self.entries.push(Entry { hash, ends, start, end: self.bytes.len() as u32, code, is_rounded });
        self.slots[slot] = number;
        self.rows.push(code);
        self.last = number;
        if let Some(hashes) = &mut self.hashes {
            hashes.push(canon::field(&self.column, text));
        }
        if self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
        added
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 4 - 1;
        self.slots.clear();
        self.slots.resize(mask + 1, FREE);
        for (number, entry) in self.entries.iter().enumerate() {
            let mut slot = entry.hash as usize & mask;
            while self.slots[slot] != FREE {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = number as u32;
        }
    }

    fn text(&self, code: u32) -> &[u8] {
        let entry = &self.entries[self.firsts[code as usize] as usize];
        &self.bytes[entry.start as usize..entry.end as usize]
    }

    /// All rows into a builder, for a column that turned out to have many values.
    pub fn spill(&self, builder: &mut Builder) {
        for &code in &self.rows {
            match code {
                NULL => builder.null(),
                code => _ = builder.add(self.text(code)),
            }
        }
    }

    /// The column chunk.
    ///
    /// # Errors
    /// [`pravah_foundation::base::error::EngineError::RecordOutput`] when it cannot be compressed or described.
    pub fn encode(&self, column: &ColumnDescPtr, level: i32) -> Result<(Bytes, ColumnCloseResult)> {
        let mut zstd = zstd::bulk::Compressor::new(level).map_err(failed)?;
        let mut sink = TrackedWrite::new(Vec::new());
        let mut pages = SerializedPageWriter::new(&mut sink);
        let mut unpacked = 0;
        let mut compress = |plain: &[u8]| zstd.compress(plain).map(Bytes::from).map_err(failed);
        let plain = self.plain();
        let page = Page::DictionaryPage {
            buf: compress(&plain)?,
            num_values: self.firsts.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let written = pages.write_page(CompressedPage::new(page, plain.len())).map_err(failed)?;
        unpacked += written.uncompressed_size;
        let data_at = written.bytes_written;
        for rows in self.rows.chunks(PAGE_ROWS) {
            let plain = self.page(rows);
            let page = Page::DataPage {
                buf: compress(&plain)?,
                num_values: rows.len() as u32,
                encoding: Encoding::RLE_DICTIONARY,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            let written = pages.write_page(CompressedPage::new(page, plain.len())).map_err(failed)?;
            unpacked += written.uncompressed_size;
        }
        pages.close().map_err(failed)?;
        let bytes = Bytes::from(sink.into_inner().map_err(failed)?);
        let metadata = ColumnChunkMetaData::builder(column.clone())
            .set_compression(Compression::ZSTD(parquet::basic::ZstdLevel::default()))
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_num_values(self.rows.len() as i64)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(unpacked as i64)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(data_at as i64)
            .set_statistics(self.statistics())
            .build()
            .map_err(failed)?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows.len() as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((bytes, close))
    }

    /// The distinct values in Parquet's plain encoding.
    fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        for code in 0..self.firsts.len() as u32 {
            let text = self.text(code);
            match typed(text, &self.column) {
                _ if self.column.kind == ColumnType::Text => {
                    plain.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    plain.extend_from_slice(text);
                }
                Some(Typed::Days(days)) => plain.extend_from_slice(&days.to_le_bytes()),
                Some(Typed::Long(value)) => plain.extend_from_slice(&value.to_le_bytes()),
                Some(Typed::Double(value)) => plain.extend_from_slice(&value.to_le_bytes()),
                None => {}
            }
        }
        plain
    }

    /// A data page of these rows.
    fn page(&self, rows: &[u32]) -> Vec<u8> {
        let mut page = vec![0; 4];
        let levels: Vec<u32> = rows.iter().map(|&code| u32::from(code != NULL)).collect();
        hybrid(&mut page, &levels, 1);
        let length = (page.len() - 4) as u32;
        page[..4].copy_from_slice(&length.to_le_bytes());
        let width = (self.firsts.len().max(2) - 1).ilog2() + 1;
        page.push(width as u8);
        if levels.contains(&0) {
            let codes: Vec<u32> = rows.iter().copied().filter(|&code| code != NULL).collect();
            hybrid(&mut page, &codes, width);
        } else {
            hybrid(&mut page, rows, width);
        }
        page
    }

    fn statistics(&self) -> Statistics {
        let nulls = self.rows.iter().filter(|&&code| code == NULL).count() as u64;
        let used = || (0..self.firsts.len() as u32).map(|code| self.text(code));
        let typed = || used().filter_map(|text| typed(text, &self.column));
        match self.column.kind {
            ColumnType::Text => {
                let bound = |text: Option<&[u8]>| {
                    text.filter(|text| text.len() <= BOUND_BYTES).map(|text| ByteArray::from(text.to_vec()))
                };
                Statistics::byte_array(bound(used().min()), bound(used().max()), None, Some(nulls), false)
            }
            ColumnType::Date => {
                let days = || typed().filter_map(|value| if let Typed::Days(days) = value { Some(days) } else { None });
                Statistics::int32(days().min(), days().max(), None, Some(nulls), false)
            }
            ColumnType::Float => {
                let of = |value| if let Typed::Double(value) = value { Some(value) } else { None };
                let numbers = || typed().filter_map(of);
                // As Parquet asks: a zero bound is the one of its sign that holds both.
                let least = numbers().min_by(f64::total_cmp).map(|least| if least == 0.0 { -0.0 } else { least });
                let most = numbers().max_by(f64::total_cmp).map(|most| if most == 0.0 { 0.0 } else { most });
                Statistics::double(least, most, None, Some(nulls), false)
            }
            _ => {
                let long =
                    || typed().filter_map(|value| if let Typed::Long(value) = value { Some(value) } else { None });
                Statistics::int64(long().min(), long().max(), None, Some(nulls), false)
            }
        }
    }
}

/// The first and the last bytes of a field, which overlap in one of fewer than 16.
#[inline]
fn ends(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
    }
    let byte = |at: usize| u64::from(text[at]);
    match text.len() {
        0 => (0, 0),
        length => (byte(0) | byte(length / 2) << 8 | byte(length - 1) << 16, 0),
    }
}

/// A hash that only spreads: fields are compared byte by byte all the same.
#[inline]
fn mixed((first, last): (u64, u64), text: &[u8]) -> u64 {
    if text.len() > 16 {
        return hash(text);
    }
    let product =
        u128::from(first ^ 0x9e37_79b9_7f4a_7c15) * u128::from(last ^ text.len() as u64 ^ 0xd6e8_feb8_6659_fd93);
    (product >> 64) as u64 ^ product as u64
}

enum Typed {
    Long(i64),
    Double(f64),
    Days(i32),
}

/// A value as the column holds it; none when it is of another type.
fn typed(text: &[u8], column: &TargetColumn) -> Option<Typed> {
    match column.kind {
        ColumnType::Integer => match Value::of(text) {
            Value::Integer(value) => Some(Typed::Long(value)),
            _ => None,
        },
        ColumnType::Float => column.float(text).map(|number| Typed::Double(number.value)),
        ColumnType::Date => day(text).map(Typed::Days),
        ColumnType::Timestamp(_) => column.moment(text).map(Typed::Long),
        ColumnType::Time(_) => column.clock(text).map(Typed::Long),
        ColumnType::Boolean | ColumnType::Decimal(..) | ColumnType::Text => None,
    }
}

fn bits(text: &[u8], column: &TargetColumn) -> Option<u64> {
    Some(match typed(text, column)? {
        Typed::Long(value) => value as u64,
        Typed::Double(value) => value.to_bits(),
        Typed::Days(days) => days as u64,
    })
}
