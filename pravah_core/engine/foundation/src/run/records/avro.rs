//! Avro's container files, checked before their reader sees them.
//!
//! The reader of others takes what a block unpacks to whatever it is, ends quietly where a file is cut, and believes any
//! number of records that take no bytes. So the blocks are taken apart here: each is unpacked up to a limit, its
//! marker compared, and handed on as a block of a file that is not compressed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_avro::reader::{Reader, ReaderBuilder};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::io::codec::{self, Codec};
use crate::io::unpack::limit;

mod shape;

use shape::Shape;

/// How such files begin.
pub const MAGIC: [u8; 4] = *b"Obj\x01";
/// The largest block, packed or not: usual are some dozens of KiB. Its reader holds it more than once.
const BLOCK_BYTES: u64 = 48 << 20;
/// Blocks that are read together: the rows of a batch are of no others, however many it may have.
const TOGETHER_BYTES: usize = 8 << 20;
const SYNC_BYTES: usize = 16;
/// The longest number of 64 bits.
const NUMBER_BYTES: usize = 10;

type Failed = Box<dyn std::error::Error>;

/// Rows of a file.
pub struct AvroRows {
    blocks: AvroBlocks,
    /// Of some blocks.
    reader: Reader<Cursor<Vec<u8>>>,
    schema: SchemaRef,
    rows: usize,
}

impl AvroRows {
    /// Of an open file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(mut file: File, rows: usize) -> Result<Self, Failed> {
        file.rewind()?;
        let mut blocks = AvroBlocks::open(file)?;
        let some = blocks.some()?.unwrap_or_else(|| blocks.header.clone());
        let reader = ReaderBuilder::new().with_batch_size(rows).build(Cursor::new(some))?;
        let schema = with_texts(&reader.schema());
        Ok(Self { blocks, reader, schema, rows })
    }

    /// The schema of all rows.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Records that the blocks so far should have.
    pub fn promised(&self) -> u64 {
        self.blocks.records
    }

    /// The next rows.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn next(&mut self) -> Result<Option<RecordBatch>, Failed> {
        let batch = loop {
            match self.reader.next().transpose()? {
                Some(batch) => break batch,
                None => {
                    let Some(some) = self.blocks.some()? else { return Ok(None) };
                    self.reader = ReaderBuilder::new().with_batch_size(self.rows).build(Cursor::new(some))?;
                }
            }
        };
        let columns: Vec<ArrayRef> = batch
            .columns()
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| match column.data_type() == field.data_type() {
                true => Arc::clone(column),
                false => uuids(column),
            })
            .collect();
        Ok(Some(RecordBatch::try_new(Arc::clone(&self.schema), columns)?))
    }
}

/// The same, with identifiers as the texts that people write, and nulls where there is nothing else.
fn with_texts(schema: &SchemaRef) -> SchemaRef {
    let is_uuid = |field: &Field| field.metadata().get("logicalType").is_some_and(|name| name == "uuid");
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::FixedSizeBinary(16) if is_uuid(field) => {
            Arc::new(Field::new(field.name(), DataType::Utf8, field.is_nullable()))
        }
        // A type without values: nothing else is in it.
        DataType::Null => Arc::new(Field::new(field.name(), DataType::Null, true)),
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn uuids(column: &ArrayRef) -> ArrayRef {
    let Some(bytes) = column.as_fixed_size_binary_opt() else { return Arc::clone(column) };
    let mut texts = StringBuilder::with_capacity(bytes.len(), bytes.len() * 36);
    for row in 0..bytes.len() {
        if bytes.is_null(row) {
            texts.append_null();
            continue;
        }
        let hex: String = bytes.value(row).iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| &hex[from..to]);
        texts.append_value(parts.join("-"));
    }
    Arc::new(texts.finish())
}

/// How the blocks of a file are packed.
#[derive(Debug, Clone, Copy)]
enum Packing {
    Plain,
    Deflate,
    Snappy,
    Stream(Codec),
}

/// A file as one that is not compressed.
struct AvroBlocks {
    input: Input,
    packing: Packing,
    sync: [u8; SYNC_BYTES],
    shape: Arc<Shape>,
    /// The header of a file with blocks that are not packed.
    header: Vec<u8>,
    blocks: u64,
    records: u64,
    /// What is wrong with the block behind those that were given.
    failed: Option<io::Error>,
}

/// A file as it is read.
struct Input {
    file: BufReader<File>,
    /// Bytes of it that come yet.
    left: u64,
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

fn too_large(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

impl AvroBlocks {
    fn open(file: File) -> Result<Self, Failed> {
        let left = file.metadata()?.len();
        let mut input = Input { file: BufReader::with_capacity(256 << 10, file), left };
        if input.bytes(4)? != MAGIC {
            return Err("it does not begin as one".into());
        }
        let mut said = HashMap::new();
        loop {
            let mut entries = input.number()?;
            if entries == 0 {
                break;
            }
            if entries < 0 {
                input.number()?;
                entries = entries.saturating_neg();
            }
            for _ in 0..entries {
                let (key, value) = (input.text()?, input.text()?);
                if said.insert(key, value).is_some() || said.len() > 1000 {
                    return Err("its header has a key twice, or too many".into());
                }
            }
        }
        let schema = said.get(&b"avro.schema"[..]).ok_or("its header has no schema")?;
        let shape = Shape::of(&serde_json::from_slice(schema)?)?;
        let packing = packing(said.get(&b"avro.codec"[..]).map_or(&b"null"[..], Vec::as_slice))?;
        let mut sync = [0; SYNC_BYTES];
        sync.copy_from_slice(&input.bytes(SYNC_BYTES as u64)?);
        // The same header, with blocks that are not packed.
        let mut header = MAGIC.to_vec();
        write_number(1, &mut header);
        for text in [&b"avro.schema"[..], schema] {
            write_number(text.len() as u64, &mut header);
            header.extend_from_slice(text);
        }
        write_number(0, &mut header);
        header.extend_from_slice(&sync);
        Ok(Self { input, packing, sync, shape, header, blocks: 0, records: 0, failed: None })
    }

    /// The next blocks, as a file; none at the end. Those before a damaged one are given before it is told.
    fn some(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut out = self.header.clone();
        while self.failed.is_none() && self.input.left > 0 && out.len() < TOGETHER_BYTES {
            self.failed = self.block(&mut out).err();
        }
        if out.len() > self.header.len() {
            return Ok(Some(out));
        }
        self.failed.take().map_or(Ok(None), Err)
    }

    /// Append the next block to those before it.
    fn block(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let number = self.blocks;
        let of_block = |error: io::Error| match error.kind() {
            io::ErrorKind::FileTooLarge => invalid(format!("block {number} is too large: {error}")),
            _ => invalid(format!("block {number} is damaged: {error}")),
        };
        let count = self.input.number().map_err(of_block)?;
        let packed = self.input.text().map_err(of_block)?;
        let data = unpacked(self.packing, packed).map_err(of_block)?;
        if self.input.bytes(SYNC_BYTES as u64).map_err(of_block)? != self.sync {
            return Err(of_block(invalid("its end is not marked")));
        }
        let count = u64::try_from(count).map_err(|_| of_block(invalid("it has a negative number of records")))?;
        if count > data.len() as u64 {
            return Err(of_block(invalid(format!("it claims {count} records in {} bytes", data.len()))));
        }
        let left = (0..count).try_fold(&data[..], |data, _| self.shape.skip(data));
        let left = left.map_err(|why| of_block(invalid(why)))?.len();
        if left > 0 {
            let of = data.len();
            return Err(of_block(invalid(format!(
                "{left} of its {of} bytes are behind the {count} records it claims"
            ))));
        }
        self.blocks += 1;
        self.records = self.records.saturating_add(count);
        write_number(count, out);
        write_number(data.len() as u64, out);
        out.extend_from_slice(&data);
        out.extend_from_slice(&self.sync);
        Ok(())
    }
}

impl Input {
    /// Bytes behind their length.
    fn text(&mut self) -> io::Result<Vec<u8>> {
        let length = u64::try_from(self.number()?).map_err(|_| invalid("a length is negative"))?;
        if length > BLOCK_BYTES {
            return Err(too_large(format!("it has {length} bytes, more than {BLOCK_BYTES}")));
        }
        self.bytes(length)
    }

    fn bytes(&mut self, length: u64) -> io::Result<Vec<u8>> {
        self.left = self
            .left
            .checked_sub(length)
            .ok_or_else(|| invalid(format!("{length} bytes are claimed, but the file has {} more", self.left)))?;
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A number of variable length.
    fn number(&mut self) -> io::Result<i64> {
        let mut bytes = Vec::with_capacity(NUMBER_BYTES);
        while bytes.len() < NUMBER_BYTES && bytes.last().is_none_or(|last| *last >= 0x80) {
            bytes.extend(self.bytes(1)?);
        }
        shape::number(&bytes, 64).map(|(number, _)| number).map_err(|_| invalid("a number has more than 64 bits"))
    }
}

fn write_number(number: u64, out: &mut Vec<u8>) {
    // Zigzag: the lowest bit is the sign.
    let mut rest = number << 1;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn packing(name: &[u8]) -> Result<Packing, String> {
    Ok(match name {
        b"null" | b"" => Packing::Plain,
        b"deflate" => Packing::Deflate,
        b"snappy" => Packing::Snappy,
        b"zstandard" => Packing::Stream(Codec::Zstd),
        b"bzip2" => Packing::Stream(Codec::Bzip2),
        b"xz" => Packing::Stream(Codec::Xz),
        other => {
            return Err(format!("it is compressed with {}, which is not supported", String::from_utf8_lossy(other)));
        }
    })
}

/// What a block holds, up to a limit that no honest one needs.
fn unpacked(packing: Packing, packed: Vec<u8>) -> io::Result<Vec<u8>> {
    let most = limit(packed.len() as u64).min(BLOCK_BYTES);
    let too_large = || too_large(format!("it unpacks to more than {most} bytes"));
    let reader: Box<dyn Read + '_> = match packing {
        Packing::Plain => return Ok(packed),
        Packing::Snappy => return snappy(&packed, most).and_then(|data| data.ok_or_else(too_large)),
        Packing::Deflate => Box::new(flate2::bufread::DeflateDecoder::new(&packed[..])),
        Packing::Stream(codec) => codec::decoder(codec, &packed[..])?,
    };
    let mut data = Vec::new();
    reader.take(most + 1).read_to_end(&mut data)?;
    if data.len() as u64 > most { Err(too_large()) } else { Ok(data) }
}

/// A block of Snappy, with its checksum behind; none where it would be too large.
fn snappy(packed: &[u8], most: u64) -> io::Result<Option<Vec<u8>>> {
    let Some((packed, sum)) = packed.split_last_chunk::<4>() else { return Err(invalid("it has no checksum")) };
    if snap::raw::decompress_len(packed).map_err(io::Error::other)? as u64 > most {
        return Ok(None);
    }
    let data = snap::raw::Decoder::new().decompress_vec(packed).map_err(io::Error::other)?;
    if crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, &data) != u64::from(u32::from_be_bytes(*sum)) {
        return Err(invalid("its checksum is another one"));
    }
    Ok(Some(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_any_length() {
        for number in [0, 1, 63, 64, 300, 1 << 40] {
            let mut out = Vec::new();
            write_number(number, &mut out);
            assert_eq!(out.len(), (64 - (number << 1).leading_zeros()).div_ceil(7).max(1) as usize, "{number}");
        }
    }
}
