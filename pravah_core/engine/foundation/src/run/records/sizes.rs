//! Sizes that a table claims, checked before memory is taken for them: the readers of the libraries take what a header
//! says, and a process that asks for more than there is ends with all its jobs.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow_ipc::{Block, Message, root_as_footer, root_as_message};
use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use super::thrift::PageClaims;
use crate::io::unpack;

type Checked<T = ()> = Result<T, String>;

/// A part of `packed` bytes says that it unpacks to so many.
pub fn check(packed: u64, unpacked: u64) -> Checked {
    // What the system does not give is no matter of ratios.
    let fits = |bytes: u64| usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    if unpacked <= unpack::limit(packed) && fits(unpacked) {
        return Ok(());
    }
    Err(format!("it claims that {packed} bytes unpack to {unpacked}"))
}

/// Check all batches of an Arrow file, or of a stream.
///
/// # Errors
/// In words: what cannot be true.
pub fn arrow(file: &File, is_stream: bool) -> Checked {
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    let arrow = Arrow { file, size };
    if is_stream { arrow.stream() } else { arrow.blocks() }
}

/// How an Arrow file ends: the length of its footer, and its name.
const ARROW_END: u64 = 10;
/// In front of a message that does not begin with its length.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// More rows in one batch are not supported by most readers; a batch of nulls takes no bytes for them.
const MOST_ROWS: i64 = i32::MAX as i64;

struct Arrow<'a> {
    file: &'a File,
    size: u64,
}

impl Arrow<'_> {
    /// Bytes of the file, no more than it has.
    fn bytes(&self, at: u64, length: u64) -> Checked<Vec<u8>> {
        if at.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(format!("it claims {length} bytes at {at}, behind its end"));
        }
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, at).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn number(&self, at: u64) -> Checked<[u8; 4]> {
        let bytes = self.bytes(at, 4)?;
        Ok([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    fn blocks(&self) -> Checked {
        let end = self.size.checked_sub(ARROW_END).ok_or("it is too short")?;
        let length = u64::from(u32::from_le_bytes(self.number(end)?));
        let start = end.checked_sub(length).ok_or_else(|| format!("it claims a footer of {length} bytes"))?;
        let footer = self.bytes(start, length)?;
        let footer = root_as_footer(&footer).map_err(|error| error.to_string())?;
        let (dictionaries, batches) = (footer.dictionaries(), footer.recordBatches());
        dictionaries.iter().flatten().chain(batches.iter().flatten()).try_for_each(|block| self.block(*block))
    }

    fn block(&self, block: Block) -> Checked {
        let unsigned = |number: i64| u64::try_from(number).map_err(|_| "it claims a negative size".to_owned());
        let (at, length) = (unsigned(block.offset())?, unsigned(block.metaDataLength().into())?);
        let bytes = self.bytes(at, length)?;
        let front = if bytes.starts_with(&CONTINUATION) { 8 } else { 4 };
        let message = bytes.get(front..).ok_or("it has a message that is too short")?;
        self.message(root_as_message(message).map_err(|error| error.to_string())?, at + length).map(|_| ())
    }

    fn stream(&self) -> Checked {
        let mut at = 0;
        while at < self.size {
            let mut length = self.number(at)?;
            at += 4;
            if length == CONTINUATION {
                length = self.number(at)?;
                at += 4;
            }
            let length = u64::from(u32::from_le_bytes(length));
            if length == 0 {
                break;
            }
            let bytes = self.bytes(at, length)?;
            at += length;
            at = self.message(root_as_message(&bytes).map_err(|error| error.to_string())?, at)?;
        }
        Ok(())
    }

    /// Check a message whose body begins at `at`; returns where that ends.
    fn message(&self, message: Message<'_>, at: u64) -> Checked<u64> {
        let body = u64::try_from(message.bodyLength()).map_err(|_| "it claims a negative size".to_owned())?;
        let end = at.checked_add(body).filter(|&end| end <= self.size);
        let end = end.ok_or_else(|| format!("it claims {body} bytes at {at}, behind its end"))?;
        let dictionary = message.header_as_dictionary_batch().and_then(|batch| batch.data());
        let Some(batch) = message.header_as_record_batch().or(dictionary) else { return Ok(end) };
        if batch.length() > MOST_ROWS {
            return Err(format!("it claims a batch of {} rows", batch.length()));
        }
        let mut unpacked = 0_u64;
        let buffers = batch.buffers().filter(|_| batch.compression().is_some());
        for buffer in buffers.iter().flatten().filter(|buffer| buffer.length() >= 8) {
            let place = u64::try_from(buffer.offset()).ok().and_then(|offset| at.checked_add(offset));
            let length = self.bytes(place.ok_or("it claims a negative size")?, 8)?;
            let length = length.first_chunk().map_or(0, |length| i64::from_le_bytes(*length));
            // -1: it is not compressed.
            unpacked = unpacked.saturating_add(u64::try_from(length).unwrap_or(0));
        }
        check(body, unpacked).map(|()| end)
    }
}

/// A Parquet file whose reader is given no page that claims what cannot be true.
pub struct Parquet {
    file: Arc<File>,
    size: u64,
    is_past_header: AtomicBool,
    /// What the last page says that it unpacks to.
    claimed: AtomicU64,
}

/// How a Parquet file ends: the length of its metadata, and its name.
const PARQUET_END: u64 = 8;
/// Most headers of pages are shorter, and all of them are shorter than that.
const HEADER_BYTES: [u64; 2] = [4 << 10, 16 << 20];

impl Parquet {
    /// Of an open file.
    ///
    /// # Errors
    /// The system's.
    pub fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), size, is_past_header: AtomicBool::new(false), claimed: AtomicU64::new(0) })
    }

    /// The same file, for the reader of one chunk.
    pub fn of_chunk(&self) -> Self {
        Self {
            file: Arc::clone(&self.file),
            size: self.size,
            is_past_header: AtomicBool::new(false),
            claimed: AtomicU64::new(0),
        }
    }

    /// Bytes that the page whose header was checked last says that it unpacks to.
    pub fn claimed(&self) -> u64 {
        self.claimed.load(Ordering::Relaxed)
    }

    /// The reader of the chunk has looked ahead: it holds the header of a page, checked, and goes on behind that, where
    /// no header is. Or it does not any more.
    pub fn past_header(&self, is_past: bool) {
        self.is_past_header.store(is_past, Ordering::Relaxed);
    }

    /// Check the page whose header begins at `start`.
    fn page(&self, start: u64) -> Checked {
        for length in HEADER_BYTES {
            let mut bytes = vec![0; length.min(self.size.saturating_sub(start)) as usize];
            self.file.read_exact_at(&mut bytes, start).map_err(|error| error.to_string())?;
            if let Some(page) = PageClaims::of(&bytes) {
                if page.dictionary_values > page.unpacked {
                    let (values, bytes) = (page.dictionary_values, page.unpacked);
                    return Err(format!("it claims {values} values in {bytes} bytes of a dictionary"));
                }
                self.claimed.store(page.unpacked, Ordering::Relaxed);
                return check(page.packed, page.unpacked);
            }
        }
        Err("the header of a page is damaged".to_owned())
    }
}

impl Length for Parquet {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Parquet {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let is_past_header = self.is_past_header.swap(false, Ordering::Relaxed);
        if !is_past_header && start.checked_add(PARQUET_END) != Some(self.size) {
            self.page(start).map_err(ParquetError::General)?;
        }
        self.file.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Err(ParquetError::EOF(format!("it claims {length} bytes at {start}, behind its end")));
        }
        self.file.get_bytes(start, length)
    }
}
