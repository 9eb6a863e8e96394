//! gzip members one after the other; what is behind the last one costs nothing of what they hold.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Told once all of a stream has come: bytes behind it are no part of it.
#[derive(Debug)]
pub struct Rubbish {
    bytes: u64,
    is_zeros: bool,
}

impl fmt::Display for Rubbish {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_zeros { "zero bytes" } else { "bytes that are not a gzip stream" };
        write!(formatter, "is followed by {} {what}; everything before them was read", self.bytes)
    }
}

impl std::error::Error for Rubbish {}

/// True for the error that ends a stream which is whole and has something behind it.
pub fn is_rubbish(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Rubbish>())
}

/// A reader of members.
pub struct Members<R: BufRead> {
    decoder: Option<GzDecoder<Counted<R>>>,
    /// Where the member begins.
    start: u64,
    is_first: bool,
}

impl<R: BufRead> Members<R> {
    /// Those of `packed`.
    pub fn new(packed: R) -> Self {
        Self { decoder: Some(GzDecoder::new(Counted { inner: packed, passed: 0 })), start: 0, is_first: true }
    }

    /// Go on to the next member; false at the end.
    fn next(&mut self, mut packed: Counted<R>) -> io::Result<bool> {
        let before = packed.passed;
        let mut is_zeros = true;
        loop {
            let ahead = packed.fill_buf()?;
            let Some(&first) = ahead.first() else { break };
            if first == 0x1f && is_zeros {
                self.start = packed.passed;
                self.is_first = false;
                self.decoder = Some(GzDecoder::new(packed));
                return Ok(true);
            }
            let zeros = if is_zeros { ahead.iter().take_while(|&&byte| byte == 0).count() } else { 0 };
            is_zeros &= zeros > 0;
            let length = if is_zeros { zeros } else { ahead.len() };
            packed.consume(length);
        }
        if packed.passed == before {
            return Ok(false);
        }
        Err(io::Error::other(Rubbish { bytes: packed.passed - before, is_zeros }))
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            match decoder.read(buffer) {
                Ok(0) if !buffer.is_empty() => {
                    let Some(decoder) = self.decoder.take() else { return Ok(0) };
                    if !self.next(decoder.into_inner())? {
                        return Ok(0);
                    }
                }
                // It looked like a member by its first byte only.
                Err(error) if !self.is_first && error.kind() == io::ErrorKind::InvalidInput => {
                    let Some(decoder) = self.decoder.take() else { return Ok(0) };
                    let mut packed = decoder.into_inner();
                    io::copy(&mut packed, &mut io::sink())?;
                    let bytes = packed.passed - self.start;
                    return Err(io::Error::other(Rubbish { bytes, is_zeros: false }));
                }
                read => return read,
            }
        }
        Ok(0)
    }
}

/// A reader that knows how much it has given.
struct Counted<R> {
    inner: R,
    passed: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.passed += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.passed += bytes as u64;
        self.inner.consume(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_behind_the_last_member_is_told_once_all_before_it_has_come() {
        let member = gzip(b"content");
        for (behind, told) in [
            (&b""[..], None),
            (&[0; 512], Some("512 zero bytes")),
            (b"rubbish", Some("7 bytes that are not")),
            (b"\x1f and more", Some("10 bytes that are not")),
            (b"\0\0\0x\0", Some("5 bytes that are not")),
        ] {
            for capacity in [1, 7, 4096] {
                let packed = [&member[..], &member, behind].concat();
                let mut members = Members::new(io::BufReader::with_capacity(capacity, &packed[..]));
                let mut content = Vec::new();
                let end = members.read_to_end(&mut content);
                assert_eq!(content, b"contentcontent");
                match (end, told) {
                    (Ok(_), None) => {}
                    (Err(error), Some(told)) => {
                        assert!(is_rubbish(&error) && error.to_string().contains(told), "{error}")
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        let mut content = Vec::new();
        let error = Members::new(&member[..member.len() - 1]).read_to_end(&mut content).unwrap_err();
        assert!(!is_rubbish(&error) && Members::new(&b"none"[..]).read_to_end(&mut content).is_err());
    }
}
