//! The bytes of one buffer of a batch, in the file or, once unpacked, in another one: read where they are asked for.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::super::batches::Failed;
use crate::base::nameless::{free_bytes, nameless};
use crate::io::codec::{self, Codec};

/// The beginning of a packed buffer that is unpacked for itself, so many times: a look at the first rows needs no more.
const LOOK_BYTES: u64 = 256 << 10;
const LOOKS: u8 = 4;
/// Of a packed buffer: its length when unpacked, and the length of one that is as it is.
const PREFIX_BYTES: u64 = 8;
const AS_IT_IS: i64 = -1;

/// A buffer.
#[derive(Debug)]
pub struct Stretch {
    file: Arc<File>,
    at: u64,
    length: u64,
    /// What it unpacks to, when it is packed and was not unpacked yet.
    packed: Option<Packed>,
}

#[derive(Debug)]
struct Packed {
    codec: Codec,
    length: u64,
    looks: u8,
}

/// There is no room for what a batch unpacks to.
#[derive(Debug, thiserror::Error)]
#[error("cannot be unpacked in {directory}: {reason}")]
pub struct NoRoom {
    directory: String,
    reason: String,
}

/// Where buffers are unpacked to, one behind the other.
#[derive(Debug)]
pub struct Scratch<'a> {
    pub directory: &'a Path,
    file: &'a mut Option<Arc<File>>,
}

impl<'a> Scratch<'a> {
    /// In a file that is made when it is needed.
    pub fn new(directory: &'a Path, file: &'a mut Option<Arc<File>>) -> Self {
        Self { directory, file }
    }

    fn failed(&self, error: &io::Error) -> Failed {
        let directory = self.directory.display().to_string();
        NoRoom { directory, reason: error.to_string() }.into()
    }

    /// A place for so many bytes; half of what is free is for others.
    fn file(&mut self, length: u64) -> Result<Arc<File>, Failed> {
        let free = free_bytes(self.directory).map_err(|error| self.failed(&error))?;
        if length > free / 2 {
            let directory = self.directory.display().to_string();
            let reason = format!("it needs {length} bytes, and {free} are free");
            return Err(NoRoom { directory, reason }.into());
        }
        if self.file.is_none() {
            let file = nameless(self.directory).map_err(|error| self.failed(&error))?;
            *self.file = Some(Arc::new(File::from(file)));
        }
        self.file.clone().ok_or_else(|| "there is no file to unpack to".into())
    }
}

impl Stretch {
    /// So many bytes of the file, packed if there is a codec.
    pub fn new(file: &Arc<File>, at: u64, length: u64, codec: Option<Codec>) -> Result<Self, Failed> {
        let file = Arc::clone(file);
        let Some(codec) = codec.filter(|_| length > 0) else { return Ok(Self { file, at, length, packed: None }) };
        let mut claimed = [0; PREFIX_BYTES as usize];
        let (at, length) = (at + PREFIX_BYTES, length.checked_sub(PREFIX_BYTES).ok_or("a packed buffer is too short")?);
        file.read_exact_at(&mut claimed, at - PREFIX_BYTES)?;
        let packed = match i64::from_le_bytes(claimed) {
            AS_IT_IS => return Ok(Self { file, at, length, packed: None }),
            0 => return Ok(Self { file, at, length: 0, packed: None }),
            claimed => Packed { codec, length: u64::try_from(claimed)?, looks: 0 },
        };
        Ok(Self { file, at, length, packed: Some(packed) })
    }

    /// Bytes that it has.
    fn len(&self) -> u64 {
        self.packed.as_ref().map_or(self.length, |packed| packed.length)
    }

    /// Some of them.
    ///
    /// # Errors
    /// It has not so many, is damaged, or there is no room to unpack it.
    pub fn read(&mut self, at: u64, length: u64, scratch: &mut Scratch<'_>) -> Result<Vec<u8>, Failed> {
        let all = self.len();
        let end = at.checked_add(length).filter(|&end| end <= all);
        let end = end.ok_or_else(|| format!("a buffer has {all} bytes, and {length} at {at} are needed"))?;
        let mut bytes = vec![0; usize::try_from(length)?];
        if let Some(packed) = &mut self.packed {
            if end <= LOOK_BYTES && packed.looks < LOOKS {
                packed.looks += 1;
                let codec = packed.codec;
                let mut unpacked = self.unpacked(codec)?;
                io::copy(&mut unpacked.by_ref().take(at), &mut io::sink())?;
                unpacked.read_exact(&mut bytes)?;
                return Ok(bytes);
            }
            self.unpack(scratch)?;
        }
        self.file.read_exact_at(&mut bytes, self.at + at)?;
        Ok(bytes)
    }

    fn unpacked(&self, codec: Codec) -> io::Result<Box<dyn Read>> {
        let section = Section { file: Arc::clone(&self.file), at: self.at, end: self.at + self.length };
        codec::decoder(codec, BufReader::with_capacity(256 << 10, section))
    }

    /// Unpack all of it behind what was unpacked before.
    fn unpack(&mut self, scratch: &mut Scratch<'_>) -> Result<(), Failed> {
        let Some(Packed { codec, length, .. }) = self.packed else { return Ok(()) };
        let to = scratch.file(length)?;
        let mut out = &*to;
        let at = out.seek(SeekFrom::End(0))?;
        let mut unpacked = self.unpacked(codec)?;
        let mut block = vec![0; 256 << 10];
        let mut left = length;
        while left > 0 {
            let part = left.min(block.len() as u64) as usize;
            unpacked.read_exact(&mut block[..part])?;
            out.write_all(&block[..part]).map_err(|error| scratch.failed(&error))?;
            left -= part as u64;
        }
        // What else would be there is not of the stream.
        if matches!(unpacked.read(&mut block[..1]), Ok(1)) {
            return Err(format!("a buffer unpacks to more than the {length} bytes that it claims").into());
        }
        *self = Self { file: to, at, length, packed: None };
        Ok(())
    }
}

/// Some bytes of a file, one after the other.
struct Section {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
