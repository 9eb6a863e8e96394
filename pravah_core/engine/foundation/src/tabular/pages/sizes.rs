//! Sizes that a table claims, checked before memory is taken for them: the readers of the libraries take what a header
//! says, and a process that asks for more than there is ends with all its jobs.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use super::thrift::PageClaims;
use crate::io::unpack;

/// What is wrong is told in words.
pub type Checked<T = ()> = Result<T, String>;

/// A part of `packed` bytes says that it unpacks to so many.
pub fn check(packed: u64, unpacked: u64) -> Checked {
    // What the system does not give is no matter of ratios.
    let fits = |bytes: u64| usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    if unpacked <= unpack::limit(packed) && fits(unpacked) {
        return Ok(());
    }
    Err(format!("it claims that {packed} bytes unpack to {unpacked}"))
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
