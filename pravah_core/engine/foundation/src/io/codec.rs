//! Compressed streams: told by their first bytes, unpacked block by block in bounded memory, packed piece by piece.
//!
//! Several streams one after the other, as `cat a.gz b.gz` gives them, are one. What comes out may be far more than
//! what went in: the caller bounds it.

mod encode;
mod joined;
mod lz4;
mod window;

pub use encode::Encoder;
pub use joined::{Rubbish, rubbish};

use std::io::{self, BufRead, Read};

use serde::{Deserialize, Serialize};

/// A way to compress a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// As `bzip2` writes it.
    Bzip2,
    /// The .xz container.
    Xz,
    /// LZ4 frames.
    Lz4,
}

/// Memory a stream may ask for before it is refused: `xz -9` needs 65 MiB, `zstd --ultra -22` 128 MiB.
const MEMORY_BYTES: u64 = 128 << 20;
const MEMORY_LOG: u32 = MEMORY_BYTES.ilog2();

impl Codec {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Gzip, Self::Zstd, Self::Bzip2, Self::Xz, Self::Lz4];

    /// The codec of a stream that begins with `start`.
    pub fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, 0x08, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            // The second is what `lz4 -l` writes.
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some(Self::Lz4),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // "BZh9" begins many a text; the digits of pi, or of its root at the end of an empty stream, do not.
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Some(Self::Bzip2),
            // A frame that is skipped, as `pzstd` puts one first: what follows it tells. Both formats have such frames.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, rest @ ..] => {
                let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
                match rest.get(length..).filter(|rest| !rest.is_empty()) {
                    Some(next) => Self::of(next),
                    None => Some(Self::Zstd),
                }
            }
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
        }
    }

    /// What the names of its files end with.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => "gz",
            Self::Zstd => "zst",
            Self::Bzip2 => "bz2",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
        }
    }
}

/// What `packed` holds, unpacked.
///
/// # Errors
/// The decoder cannot be made. Reading from it fails where the stream is broken, ends early or asks for more than
/// 128 MiB of memory; and, once all has come, where something is behind the stream ([`rubbish`]).
pub fn decoder<'a>(codec: Codec, packed: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    // Boxed, so that the decoders are compiled once and not for every kind of reader.
    boxed_decoder(codec, Box::new(packed))
}

fn boxed_decoder<'a>(codec: Codec, packed: Box<dyn BufRead + 'a>) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match codec {
        Codec::Lz4 => Box::new(lz4::Frames::new(packed)),
        codec => Box::new(joined::Joined::new(codec, packed)?),
    })
}

/// What a member of a zip of method 14 holds, unpacked: in front of the stream stand a version and the properties of
/// the encoder (APPNOTE 5.8.8). `length` is what it unpacks to.
///
/// # Errors
/// The properties are damaged; reading fails as that of [`decoder`].
pub fn zip_lzma<'a>(mut packed: impl BufRead + 'a, length: u64) -> io::Result<Box<dyn Read + 'a>> {
    let mut front = [0; 9];
    packed.read_exact(&mut front)?;
    if front[2..4] != [5, 0] {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its LZMA properties are damaged"));
    }
    // The form that has the same properties in front of the length.
    let header = [&front[4..], &length.to_le_bytes()].concat();
    let stream = liblzma::stream::Stream::new_lzma_decoder(MEMORY_BYTES)?;
    let packed = io::Cursor::new(header).chain(packed);
    Ok(Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    pub fn packed(codec: Codec, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match codec {
            Codec::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(&mut out, flate2::Compression::default());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap();
            }
            Codec::Zstd => out = zstd::encode_all(text, 3).unwrap(),
            Codec::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(&mut out, bzip2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap();
            }
            Codec::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(&mut out, 6);
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap();
            }
            Codec::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(&mut out);
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap();
            }
        }
        out
    }

    fn unpacked(codec: Codec, packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        // A reader of few bytes at a time: no decoder may take the end of a read for the end of the stream.
        decoder(codec, io::BufReader::with_capacity(7, packed))?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn streams_are_told_by_their_start_and_unpacked_also_one_after_the_other() {
        let text: Vec<u8> = (0..300_000u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        for codec in Codec::ALL {
            for content in [&b""[..], b"x", &text] {
                let once = packed(codec, content);
                assert_eq!(Codec::of(&once), Some(codec));
                assert!(unpacked(codec, &once).unwrap() == content, "{codec:?}");
                let twice = [&once[..], &packed(codec, b"and more")].concat();
                assert!(unpacked(codec, &twice).unwrap() == [content, b"and more"].concat(), "{codec:?}");
            }
        }
        assert_eq!(Codec::of(b"BZh9 is how a bzip2 file begins"), None);
        assert_eq!(Codec::of(b""), None);
    }

    #[test]
    fn a_stream_that_ends_early_is_an_error() {
        for codec in Codec::ALL {
            let whole = packed(codec, &b"some text ".repeat(1_000));
            for length in 1..whole.len() {
                assert!(unpacked(codec, &whole[..length]).is_err(), "{codec:?} {length} of {}", whole.len());
            }
        }
    }
}
