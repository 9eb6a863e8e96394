//! Streams one after the other, as `cat a.gz b.gz` gives them; what is behind the last one costs nothing of what they
//! hold.

use std::fmt;
use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;

use super::{Codec, MEMORY_BYTES, MEMORY_LOG, window};

/// First bytes of a stream that are looked at: as many as the longest header that is needed.
const AHEAD: usize = 18;
/// Zeros behind an xz stream are part of the file, in fours.
const XZ_PADDING: u64 = 4;

/// Told once all of a stream has come: bytes behind it are no part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rubbish {
    codec: Codec,
    bytes: u64,
    is_zeros: bool,
}

impl Rubbish {
    /// True for what tapes and block devices put there, and `gzip -t` takes for no fault: nothing of the file is lost.
    pub fn is_padding(&self) -> bool {
        self.is_zeros && self.codec == Codec::Gzip
    }

    /// As the error that ends a stream.
    pub(super) fn error(codec: Codec, bytes: u64, is_zeros: bool) -> io::Error {
        io::Error::other(Self { codec, bytes, is_zeros })
    }
}

impl fmt::Display for Rubbish {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, codec, .. } = self;
        write!(formatter, "is followed by {bytes} ")?;
        match self.is_zeros {
            true => write!(formatter, "zero bytes")?,
            false => write!(formatter, "bytes that are not a {} stream", codec.name())?,
        }
        write!(formatter, "; everything before them was read")
    }
}

impl std::error::Error for Rubbish {}

/// What is behind a stream that is whole, where an error tells that.
pub fn rubbish(error: &io::Error) -> Option<&Rubbish> {
    error.get_ref()?.downcast_ref()
}

/// A reader of streams.
pub struct Joined<R: BufRead> {
    codec: Codec,
    decoder: Option<OneStream<R>>,
    /// Where the stream begins.
    start: u64,
    is_first: bool,
    /// For zstd: what is wrong with the window of the stream, in words.
    window: Option<String>,
}

enum OneStream<R: BufRead> {
    Gzip(GzDecoder<Ahead<R>>),
    Zstd(zstd::stream::read::Decoder<'static, Ahead<R>>),
    Bzip2(BzDecoder<Ahead<R>>),
    Xz(XzDecoder<Ahead<R>>),
}

impl<R: BufRead> OneStream<R> {
    fn begin(codec: Codec, packed: Ahead<R>) -> io::Result<Self> {
        Ok(match codec {
            Codec::Gzip => Self::Gzip(GzDecoder::new(packed)),
            Codec::Bzip2 => Self::Bzip2(BzDecoder::new(packed)),
            Codec::Xz => Self::Xz(XzDecoder::new_stream(packed, Stream::new_stream_decoder(MEMORY_BYTES, 0)?)),
            Codec::Zstd | Codec::Lz4 => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?.single_frame();
                decoder.window_log_max(MEMORY_LOG)?;
                Self::Zstd(decoder)
            }
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
            Self::Bzip2(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer),
        }
    }

    fn into_inner(self) -> Ahead<R> {
        match self {
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.finish(),
            Self::Bzip2(decoder) => decoder.into_inner(),
            Self::Xz(decoder) => decoder.into_inner(),
        }
    }
}

impl<R: BufRead> Joined<R> {
    /// Those of `packed`: of gzip, zstd, bzip2 or xz.
    ///
    /// # Errors
    /// There is no memory for a decoder.
    pub fn new(codec: Codec, packed: R) -> io::Result<Self> {
        let mut packed = Ahead { front: Vec::new(), at: 0, inner: packed, passed: 0 };
        let window = Self::window(codec, &mut packed)?;
        let decoder = Some(OneStream::begin(codec, packed)?);
        Ok(Self { codec, decoder, start: 0, is_first: true, window })
    }

    fn window(codec: Codec, packed: &mut Ahead<R>) -> io::Result<Option<String>> {
        Ok(if codec == Codec::Zstd { window::too_large(packed.peek(AHEAD)?) } else { None })
    }

    /// Go on to the next stream; false at the end.
    fn next(&mut self, mut packed: Ahead<R>) -> io::Result<bool> {
        let zeros = packed.skip_zeros()?;
        let is_padded = zeros == 0 || self.codec == Codec::Gzip || self.is_padding(zeros);
        let ahead = packed.peek(AHEAD)?;
        if ahead.is_empty() {
            return if zeros == 0 || self.is_padding(zeros) { Ok(false) } else { Err(self.rubbish(zeros, true)) };
        }
        // How a stream of gzip begins its decoder tells better than its first bytes.
        let begins = match self.codec {
            Codec::Gzip => ahead[0] == 0x1f,
            codec => Codec::of(ahead) == Some(codec),
        };
        if !begins || !is_padded {
            let rest = io::copy(&mut packed, &mut io::sink())?;
            return Err(self.rubbish(zeros + rest, false));
        }
        (self.start, self.is_first) = (packed.passed, false);
        self.window = Self::window(self.codec, &mut packed)?;
        self.decoder = Some(OneStream::begin(self.codec, packed)?);
        Ok(true)
    }

    fn is_padding(&self, zeros: u64) -> bool {
        self.codec == Codec::Xz && zeros.is_multiple_of(XZ_PADDING)
    }

    fn rubbish(&self, bytes: u64, is_zeros: bool) -> io::Error {
        Rubbish::error(self.codec, bytes, is_zeros)
    }
}

impl<R: BufRead> Read for Joined<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            match decoder.read(buffer) {
                Ok(0) if !buffer.is_empty() => {
                    let Some(decoder) = self.decoder.take() else { return Ok(0) };
                    if !self.next(decoder.into_inner())? {
                        return Ok(0);
                    }
                }
                // It looked like a stream by its first byte only.
                Err(error) if !self.is_first && error.kind() == io::ErrorKind::InvalidInput => {
                    let Some(decoder) = self.decoder.take() else { return Ok(0) };
                    let mut packed = decoder.into_inner();
                    io::copy(&mut packed, &mut io::sink())?;
                    return Err(self.rubbish(packed.passed - self.start, false));
                }
                Err(error) => {
                    let is_unsupported = |why| io::Error::new(io::ErrorKind::Unsupported, why);
                    return Err(self.window.take().map_or(error, is_unsupported));
                }
                read => return read,
            }
        }
        Ok(0)
    }
}

/// A reader whose next bytes can be looked at, and that knows how much it has given.
struct Ahead<R> {
    front: Vec<u8>,
    at: usize,
    inner: R,
    passed: u64,
}

impl<R: BufRead> Ahead<R> {
    /// The next bytes, fewer at the end.
    fn peek(&mut self, length: usize) -> io::Result<&[u8]> {
        self.front.drain(..self.at);
        self.at = 0;
        if self.front.len() < length {
            let missing = (length - self.front.len()) as u64;
            self.inner.by_ref().take(missing).read_to_end(&mut self.front)?;
        }
        Ok(&self.front)
    }

    fn skip_zeros(&mut self) -> io::Result<u64> {
        let before = self.passed;
        loop {
            let ahead = self.fill_buf()?;
            let zeros = ahead.iter().take_while(|&&byte| byte == 0).count();
            let is_end = zeros < ahead.len() || ahead.is_empty();
            self.consume(zeros);
            if is_end {
                return Ok(self.passed - before);
            }
        }
    }
}

impl<R: BufRead> Read for Ahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = self.fill_buf()?;
        let length = ahead.len().min(buffer.len());
        buffer[..length].copy_from_slice(&ahead[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Ahead<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at < self.front.len() { Ok(&self.front[self.at..]) } else { self.inner.fill_buf() }
    }

    fn consume(&mut self, bytes: usize) {
        self.passed += bytes as u64;
        if self.at < self.front.len() {
            self.at += bytes;
        } else {
            self.inner.consume(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decoder;
    use super::super::tests::packed;
    use super::*;

    #[test]
    fn what_is_behind_the_last_stream_is_told_once_all_before_it_has_come() {
        for codec in Codec::ALL {
            let stream = packed(codec, b"content");
            for (behind, told) in [
                (&b""[..], None),
                (&[0; 511], Some("511 zero bytes")),
                (b"rubbish that is long enough", Some("27 bytes that are not")),
                (b"rub", Some("3 bytes that are not")),
                (b"\x1f and more", Some("10 bytes that are not")),
                (b"\0\0\0x\0", Some("5 bytes that are not")),
            ] {
                for capacity in [1, 7, 4096] {
                    let all = [&stream[..], &stream, behind].concat();
                    let mut joined = decoder(codec, io::BufReader::with_capacity(capacity, &all[..])).unwrap();
                    let mut content = Vec::new();
                    let end = joined.read_to_end(&mut content);
                    assert_eq!(content, b"contentcontent", "{codec:?} {told:?}");
                    match (end, told) {
                        (Ok(_), None) => {}
                        (Err(error), Some(told)) => {
                            let message = error.to_string();
                            let is_padding = rubbish(&error).is_some_and(Rubbish::is_padding);
                            assert!(rubbish(&error).is_some() && message.contains(told), "{codec:?} {message}");
                            assert_eq!(is_padding, codec == Codec::Gzip && behind.iter().all(|&byte| byte == 0));
                        }
                        other => panic!("{codec:?} {other:?}"),
                    }
                }
            }
            let mut content = Vec::new();
            let error = decoder(codec, &stream[..stream.len() - 1]).unwrap().read_to_end(&mut content).unwrap_err();
            assert!(rubbish(&error).is_none(), "{codec:?} {error}");
            let error = decoder(codec, &b"none"[..]).unwrap().read_to_end(&mut content).unwrap_err();
            assert!(rubbish(&error).is_none(), "{codec:?} {error}");
        }
        // Zeros in fours are part of an xz file, also between two streams.
        let stream = packed(Codec::Xz, b"x");
        let mut content = Vec::new();
        decoder(Codec::Xz, &[&stream[..], &[0; 8], &stream, &[0; 4]].concat()[..])
            .unwrap()
            .read_to_end(&mut content)
            .unwrap();
        assert_eq!(content, b"xx");
    }
}
