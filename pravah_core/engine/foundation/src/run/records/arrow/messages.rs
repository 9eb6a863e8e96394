//! The messages of an Arrow file or stream: where they are, and that what they claim can be true.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::{Block, Message, MessageHeader, MetadataVersion, root_as_footer, root_as_message};
use arrow_schema::SchemaRef;

use crate::tabular::pages::sizes::{self, Checked};

/// How an Arrow file ends: the length of its footer, and its name.
const END_BYTES: u64 = 10;
/// In front of a message that does not begin with its length.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// An end mark, and what fills up to the largest alignment.
const FILLED_BYTES: u64 = 8 + 64;
/// More rows in one batch are not supported by most readers; a batch of nulls takes no bytes for them.
const MOST_ROWS: i64 = i32::MAX as i64;
/// The places of the buffers of a million columns, or of a million batches.
const LONGEST_METADATA: u64 = 64 << 20;
/// All dictionaries that are in memory at once: they are looked up in any order.
const DICTIONARY_BYTES: u64 = 128 << 20;

/// A message and the body behind it.
#[derive(Debug, Clone, Copy)]
pub struct MessagePlace {
    /// Where its metadata is, without what is in front of them.
    pub at: u64,
    pub length: u64,
    pub body_at: u64,
    pub body_length: u64,
    /// Memory for the body, and for all of it unpacked.
    pub bytes: u64,
}

/// All of a file, in their order, without its schema.
#[derive(Debug)]
pub struct Messages {
    pub schema: SchemaRef,
    /// What all messages have to be of, where the file says so.
    pub version: Option<MetadataVersion>,
    pub places: Vec<MessagePlace>,
    /// Bytes that belong to none of them, as those of a second file or stream behind the first.
    pub beside: u64,
    /// It has a mark of its end. A stream may leave it out (Arrow columnar format, "IPC Streaming Format").
    pub is_ended: bool,
}

/// Find the messages of an Arrow file, or of a stream.
///
/// # Errors
/// In words: what cannot be true.
pub fn messages(file: &File, is_stream: bool) -> Checked<Messages> {
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    let mut walk = Walk { file, size, is_ended: !is_stream, places: Vec::new(), dictionaries: HashMap::new() };
    let (schema, version, beside) = if is_stream { walk.stream()? } else { walk.file()? };
    Ok(Messages { schema, version, places: walk.places, beside, is_ended: walk.is_ended })
}

/// Bytes of a file that has so many.
pub fn bytes(file: &File, at: u64, length: u64) -> Checked<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).map_err(|error| error.to_string())?];
    file.read_exact_at(&mut bytes, at).map_err(|error| error.to_string())?;
    Ok(bytes)
}

struct Walk<'a> {
    file: &'a File,
    size: u64,
    is_ended: bool,
    places: Vec<MessagePlace>,
    /// Bytes of each.
    dictionaries: HashMap<i64, u64>,
}

impl Walk<'_> {
    /// Bytes of the file, no more than it has.
    fn bytes(&self, at: u64, length: u64) -> Checked<Vec<u8>> {
        if at.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(format!("it claims {length} bytes at {at}, behind its end"));
        }
        if length > LONGEST_METADATA {
            return Err(format!("it claims {length} bytes of metadata"));
        }
        bytes(self.file, at, length)
    }

    fn number(&self, at: u64) -> Checked<[u8; 4]> {
        let bytes = self.bytes(at, 4)?;
        Ok([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    fn file(&mut self) -> Checked<(SchemaRef, Option<MetadataVersion>, u64)> {
        let end = self.size.checked_sub(END_BYTES).ok_or("it is too short")?;
        let length = u64::from(u32::from_le_bytes(self.number(end)?));
        let start = end.checked_sub(length).ok_or_else(|| format!("it claims a footer of {length} bytes"))?;
        if self.bytes(end + 4, 6)? != b"ARROW1" {
            return Err("it does not end as an Arrow file does".to_owned());
        }
        let footer = self.bytes(start, length)?;
        let footer = root_as_footer(&footer).map_err(|error| error.to_string())?;
        let schema = schema(footer.schema().ok_or("its footer has no schema")?)?;
        let (dictionaries, batches) = (footer.dictionaries(), footer.recordBatches());
        let batches = batches.ok_or("its footer has no record batches")?;
        dictionaries.iter().flatten().chain(batches.iter()).try_for_each(|block| self.block(*block))?;
        // Some old files do not say it.
        let version = Some(footer.version()).filter(|version| *version != MetadataVersion::V1);
        // What is not in the footer stands between the last batch and it: an end mark, and what fills up.
        let last = self.places.iter().map(|place| place.body_at + place.body_length).max();
        let gap = start.saturating_sub(last.map_or_else(|| self.behind_schema(), Ok)?);
        Ok((schema, version, if gap > FILLED_BYTES { gap } else { 0 }))
    }

    /// Where the schema at the start of a file ends.
    fn behind_schema(&self) -> Checked<u64> {
        let (at, length) = self.front(8)?;
        Ok(at + length)
    }

    /// Where the metadata begin of the message at `at`, and their length.
    fn front(&self, at: u64) -> Checked<(u64, u64)> {
        let length = self.number(at)?;
        let (at, length) = if length == CONTINUATION { (at + 8, self.number(at + 4)?) } else { (at + 4, length) };
        Ok((at, u64::from(u32::from_le_bytes(length))))
    }

    fn block(&mut self, block: Block) -> Checked {
        let unsigned = |number: i64| u64::try_from(number).map_err(|_| "it claims a negative size".to_owned());
        let (at, length) = (unsigned(block.offset())?, unsigned(block.metaDataLength().into())?);
        let bytes = self.bytes(at, length)?;
        let front = if bytes.starts_with(&CONTINUATION) { 8 } else { 4 };
        let message = bytes.get(front..).ok_or("it has a message that is too short")?;
        let message = root_as_message(message).map_err(|error| error.to_string())?;
        self.message(message, at + front as u64, length - front as u64).map(|_| ())
    }

    fn stream(&mut self) -> Checked<(SchemaRef, Option<MetadataVersion>, u64)> {
        let (mut at, mut found) = (0, None);
        while at < self.size {
            let length;
            (at, length) = self.front(at)?;
            if length == 0 {
                self.is_ended = true;
                break;
            }
            let bytes = self.bytes(at, length)?;
            let message = root_as_message(&bytes).map_err(|error| error.to_string())?;
            if found.is_none() {
                let first = message.header_as_schema();
                found = Some(schema(first.ok_or("it does not begin with a schema")?)?);
                at += length + u64::try_from(message.bodyLength()).map_err(|error| error.to_string())?;
            } else {
                at = self.message(message, at, length)?;
            }
        }
        Ok((found.ok_or("it is empty")?, None, self.size.saturating_sub(at)))
    }

    /// Check a message; returns where its body ends.
    fn message(&mut self, message: Message<'_>, at: u64, length: u64) -> Checked<u64> {
        let body_at = at + length;
        let body = u64::try_from(message.bodyLength()).map_err(|_| "it claims a negative size".to_owned())?;
        let end = body_at.checked_add(body).filter(|&end| end <= self.size);
        let end = end.ok_or_else(|| format!("it claims {body} bytes at {body_at}, behind its end"))?;
        let dictionary = message.header_as_dictionary_batch();
        let data = dictionary.and_then(|batch| batch.data());
        let Some(batch) = message.header_as_record_batch().or(data) else {
            return match message.header_type() {
                MessageHeader::NONE => Ok(end),
                kind => Err(format!("it has a message {kind:?} in the place of a batch")),
            };
        };
        if batch.length() > MOST_ROWS {
            return Err(format!("it claims a batch of {} rows", batch.length()));
        }
        let mut unpacked = 0_u64;
        let buffers = batch.buffers().filter(|_| batch.compression().is_some());
        for buffer in buffers.iter().flatten().filter(|buffer| buffer.length() >= 8) {
            let place = u64::try_from(buffer.offset()).ok().and_then(|offset| body_at.checked_add(offset));
            let length = self.bytes(place.ok_or("it claims a negative size")?, 8)?;
            let length = length.first_chunk().map_or(0, |length| i64::from_le_bytes(*length));
            // -1: it is not compressed.
            unpacked = unpacked.saturating_add(u64::try_from(length).unwrap_or(0));
        }
        sizes::check(body, unpacked)?;
        let bytes = body.saturating_add(unpacked);
        if let Some(dictionary) = dictionary {
            self.dictionary(dictionary.id(), dictionary.isDelta(), bytes)?;
        }
        self.places.push(MessagePlace { at, length, body_at, body_length: body, bytes });
        Ok(end)
    }

    /// A dictionary is read as a whole, and kept.
    fn dictionary(&mut self, id: i64, is_delta: bool, bytes: u64) -> Checked {
        let held = self.dictionaries.entry(id).or_default();
        *held = if is_delta { held.saturating_add(bytes) } else { bytes };
        let all = self.dictionaries.values().fold(0_u64, |all, bytes| all.saturating_add(*bytes));
        if all > DICTIONARY_BYTES {
            return Err(format!("it claims dictionaries of {all} bytes, and at most {DICTIONARY_BYTES} are supported"));
        }
        Ok(())
    }
}

fn schema(schema: arrow_ipc::Schema<'_>) -> Checked<SchemaRef> {
    if !schema.endianness().equals_to_target_endianness() {
        return Err("its numbers have the byte order of another kind of machine".to_owned());
    }
    try_fb_to_schema(schema).map(Arc::new).map_err(|error| error.to_string())
}
