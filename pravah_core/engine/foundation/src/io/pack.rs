//! Writing a compressed stream on all threads: pieces are packed by a [`Crew`] and written in their order.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::base::error::{EngineError, Result};
use crate::base::pool::crew::Crew;
use crate::base::sync::lock;
use crate::io::codec::{Codec, Encoder};

/// What a stream has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// Bytes that went in.
    pub bytes: u64,
    /// Bytes that came out.
    pub packed_bytes: u64,
    /// CRC-32 of what went in (ISO-HDLC), for gzip and bare pieces.
    pub crc: u32,
}

/// How streams of one kind are packed, by whom.
#[derive(Clone)]
pub struct Packing {
    encoder: Arc<Encoder>,
    crew: Arc<Crew>,
    /// Buffers of pieces that are done, for further ones: fresh memory of this size costs more than a copy.
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
    /// False for the bare pieces, as a zip holds them.
    is_framed: bool,
}

impl Packing {
    /// Whole files.
    pub fn new(encoder: Encoder, crew: Arc<Crew>) -> Self {
        Self { encoder: Arc::new(encoder), crew, spare: Arc::default(), is_framed: true }
    }

    /// Bare pieces.
    pub fn bare(self) -> Self {
        Self { is_framed: false, ..self }
    }

    /// Its encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// A stream into `out`, which errors call `path`.
    pub fn stream<W: Write + Send + 'static>(&self, out: W, path: &Path) -> Packer<W> {
        let written = Written { out: Some(out), ready: BTreeMap::new(), next: 0, bytes: 0 };
        Packer {
            packing: self.clone(),
            shared: Arc::new(Shared { written: Mutex::new(written), path: path.into() }),
            buffer: self.buffer(),
            before: Vec::new(),
            given: 0,
            bytes: 0,
            crc: crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32IsoHdlc),
        }
    }

    /// A stream of one piece, packed here and now.
    ///
    /// # Errors
    /// [`EngineError::Internal`] when the encoder fails.
    pub fn whole(&self, content: &[u8]) -> Result<(Vec<u8>, Packed)> {
        let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32IsoHdlc);
        if self.needs_crc() {
            crc.update(content);
        }
        let crc = crc.finalize() as u32;
        let mut packed = self.header().to_vec();
        self.encoder.piece(&[], content, true, &mut packed).map_err(failed)?;
        packed.extend(self.trailer(crc, content.len() as u64));
        let sizes = Packed { bytes: content.len() as u64, packed_bytes: packed.len() as u64, crc };
        Ok((packed, sizes))
    }

    fn needs_crc(&self) -> bool {
        !self.is_framed || self.encoder.codec() == Codec::Gzip
    }

    fn header(&self) -> &'static [u8] {
        if self.is_framed { self.encoder.header() } else { &[] }
    }

    fn trailer(&self, crc: u32, size: u64) -> Vec<u8> {
        if self.is_framed { self.encoder.trailer(crc, size) } else { Vec::new() }
    }

    /// An empty buffer.
    fn buffer(&self) -> Vec<u8> {
        lock(&self.spare).pop().unwrap_or_default()
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        lock(&self.spare).push(buffer);
    }
}

fn failed(error: io::Error) -> EngineError {
    EngineError::internal(format!("cannot compress: {error}"))
}

/// A stream that is being written.
pub struct Packer<W> {
    packing: Packing,
    shared: Arc<Shared<W>>,
    /// The piece that is being filled; it is given on only when more follows, since the last one is packed otherwise.
    buffer: Vec<u8>,
    /// What the next piece may refer to.
    before: Vec<u8>,
    given: u64,
    bytes: u64,
    crc: crc_fast::Digest,
}

struct Shared<W> {
    written: Mutex<Written<W>>,
    path: Box<Path>,
}

struct Written<W> {
    out: Option<W>,
    /// Pieces that are packed and wait for an earlier one.
    ready: BTreeMap<u64, Vec<u8>>,
    next: u64,
    bytes: u64,
}

impl<W: Write + Send + 'static> Packer<W> {
    /// Add some bytes.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`]: also when an earlier piece could not be packed or written, which ends the job.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        if self.packing.needs_crc() {
            self.crc.update(bytes);
        }
        self.bytes += bytes.len() as u64;
        let size = self.packing.encoder.piece_bytes();
        while !bytes.is_empty() {
            if self.buffer.len() == size {
                self.give()?;
            }
            let (now, rest) = bytes.split_at(bytes.len().min(size - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = rest;
        }
        Ok(())
    }

    fn give(&mut self) -> Result<()> {
        let piece = std::mem::replace(&mut self.buffer, self.packing.buffer());
        let window = self.packing.encoder.window_bytes().min(piece.len());
        let before = std::mem::replace(&mut self.before, piece[piece.len() - window..].to_vec());
        let (index, shared, packing) = (self.given, Arc::clone(&self.shared), self.packing.clone());
        self.given += 1;
        self.packing.crew.give(move || {
            let mut packed = packing.buffer();
            if index == 0 {
                packed.extend(packing.header());
            }
            packing.encoder.piece(&before, &piece, false, &mut packed).map_err(failed)?;
            packing.give_back(piece);
            shared.put(&packing, index, packed)
        })
    }

    /// Pack what is left, wait for all pieces, and give the writer back.
    ///
    /// # Errors
    /// As [`Packer::write`]; [`EngineError::Output`].
    pub fn finish(self) -> Result<(W, Packed)> {
        let Self { packing, shared, buffer, before, given, bytes, crc } = self;
        let crc = crc.finalize() as u32;
        let mut last = packing.buffer();
        if given == 0 {
            last.extend(packing.header());
        }
        packing.encoder.piece(&before, &buffer, true, &mut last).map_err(failed)?;
        packing.give_back(buffer);
        last.extend(packing.trailer(crc, bytes));
        shared.put(&packing, given, last)?;
        packing.crew.wait_for(|| lock(&shared.written).next > given)?;
        let mut written = lock(&shared.written);
        let out = written.out.take().ok_or_else(|| EngineError::internal("a packed stream has no writer"))?;
        Ok((out, Packed { bytes, packed_bytes: written.bytes, crc }))
    }
}

impl<W: Write> Shared<W> {
    /// Write a piece, and those that waited for it, when it is its turn.
    fn put(&self, packing: &Packing, index: u64, packed: Vec<u8>) -> Result<()> {
        let mut written = lock(&self.written);
        written.ready.insert(index, packed);
        loop {
            let next = written.next;
            let Some(packed) = written.ready.remove(&next) else { return Ok(()) };
            if let Some(out) = &mut written.out {
                out.write_all(&packed).map_err(|error| EngineError::output(&self.path, error))?;
            }
            written.bytes += packed.len() as u64;
            written.next += 1;
            packing.give_back(packed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::base::control::Control;
    use crate::io::codec::decoder;

    fn random(bytes: usize) -> Vec<u8> {
        let mut state = 7u64;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            b"abcdefgh"[(state >> 61) as usize]
        };
        (0..bytes).map(next).collect()
    }

    #[test]
    fn a_stream_of_many_pieces_is_what_went_in_whoever_packed_them() {
        let content = random(3_000_000);
        for codec in [Codec::Gzip, Codec::Bzip2] {
            let encoder = Encoder::new(codec, Some(1)).unwrap();
            let packing = Packing::new(encoder, Crew::new(&Arc::new(Control::new()), 3, 4).unwrap());
            for size in [0, 1, 99_999, 100_000, 100_001, 1 << 20, (1 << 20) + 1, content.len()] {
                let mut packer = packing.stream(Vec::new(), Path::new("out"));
                content[..size].chunks(77_777).for_each(|block| packer.write(block).unwrap());
                let (out, packed) = packer.finish().unwrap();
                let mut back = Vec::new();
                decoder(codec, &out[..]).unwrap().read_to_end(&mut back).unwrap();
                assert!(back == content[..size], "{codec:?} {size}");
                assert_eq!((packed.bytes, packed.packed_bytes), (size as u64, out.len() as u64));
                if size < 100_000 {
                    assert_eq!(packing.whole(&content[..size]).unwrap(), (out, packed));
                }
            }
        }
    }

    #[test]
    fn a_writer_that_fails_ends_the_job() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let control = Arc::new(Control::new());
        let packing = Packing::new(Encoder::new(Codec::Gzip, None).unwrap(), Crew::new(&control, 2, 2).unwrap());
        let mut packer = packing.stream(Full, Path::new("full"));
        let ended = (0..9).try_for_each(|_| packer.write(&random(1 << 20)));
        let ended = ended.and_then(|()| packer.finish().map(drop));
        assert!(ended.is_err());
        let cause = control.take_failure().map_or_else(|| ended.unwrap_err().to_string(), |error| error.to_string());
        assert!(cause.contains("full"), "{cause}");
    }
}
