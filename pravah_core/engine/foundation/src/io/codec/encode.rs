//! Packing: a stream is cut into pieces that are packed on their own, on any thread, and joined in their order.
//!
//! zstd, xz, bzip2 and lz4 take a piece as a stream of its own, one after the other being one. A gzip stream is one
//! member: each piece may refer to the last 32 KiB before it and ends at a byte (Z_SYNC_FLUSH), as pigz does it, since
//! not every reader takes several members.

use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::sync::Mutex;

use flate2::{Compress, Compression, FlushCompress, Status};
use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};

use super::Codec;
use crate::base::error::{EngineError, Result};
use crate::base::sync::lock;

/// How far back deflate looks (RFC 1951 §2).
const DEFLATE_WINDOW: usize = 32 << 10;
/// RFC 1952 §2.3: deflate, no name, no time, so that equal contents give equal files; written by Unix.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
/// Memory that the packing of all threads together may take.
const MEMORY_BYTES: usize = 1 << 30;

impl Codec {
    /// The levels there are.
    pub fn levels(self) -> RangeInclusive<i32> {
        match self {
            Self::Gzip | Self::Bzip2 => 1..=9,
            Self::Zstd => 1..=22,
            Self::Xz => 0..=9,
            // lz4_flex has the fast one only.
            Self::Lz4 => 1..=1,
        }
    }

    /// The level of its own tool.
    pub fn default_level(self) -> i32 {
        match self {
            Self::Gzip | Self::Xz => 6,
            Self::Bzip2 => 9,
            Self::Zstd => 3,
            Self::Lz4 => 1,
        }
    }
}

/// A codec at a level; shared by threads, which leave their working memory in it for the next piece.
pub struct Encoder {
    codec: Codec,
    level: i32,
    /// Dear to make anew for each small file.
    idle: Mutex<Vec<zstd::bulk::Compressor<'static>>>,
}

impl Encoder {
    /// A codec at one of its levels, or at its own tool's.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] when it has no such level.
    pub fn new(codec: Codec, level: Option<i32>) -> Result<Self> {
        let level = level.unwrap_or_else(|| codec.default_level());
        if codec.levels().contains(&level) {
            return Ok(Self { codec, level, idle: Mutex::new(Vec::new()) });
        }
        let (low, high) = codec.levels().into_inner();
        let levels = if low == high { format!("only level {low}") } else { format!("levels {low} to {high}") };
        Err(EngineError::invalid(format!("options.level must not be {level}: {} has {levels}", codec.name())))
    }

    /// Its codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Its level.
    pub fn level(&self) -> i32 {
        self.level
    }

    /// Bytes of a piece: what one thread packs. As small as costs no ratio worth having.
    pub fn piece_bytes(&self) -> usize {
        let level = self.level as usize;
        match (self.codec, self.level) {
            (Codec::Gzip, _) => 1 << 20,
            (Codec::Lz4, _) => 4 << 20,
            // One block of bzip2 each, as pbzip2 has it.
            (Codec::Bzip2, _) => level * 100_000,
            // What the level looks back, or twice that (ZSTD_defaultCParameters: 2 MiB, 4 MiB, 8 MiB, up to 128 MiB).
            // Level 3 on tables: 2 MiB packs 4 % faster than 8 MiB, and no worse.
            (Codec::Zstd, ..=8) => 2 << 20,
            (Codec::Zstd, ..=15) => 8 << 20,
            (Codec::Zstd, ..=19) => 16 << 20,
            (Codec::Zstd, _) => 64 << 20,
            // Three dictionaries, as `xz -T` has it.
            (Codec::Xz, _) => 3 * xz_dictionary(level).min(16 << 20),
        }
    }

    /// Pieces that may be in work at once on so many threads.
    pub fn pieces_at_once(&self, threads: usize) -> usize {
        let piece = self.piece_bytes();
        let state = match self.codec {
            // lzma(7): ten and a half times the dictionary.
            Codec::Xz => 11 * xz_dictionary(self.level as usize).min(piece),
            Codec::Zstd if self.level > 15 => 8 * piece,
            _ => 8 << 20,
        };
        (MEMORY_BYTES / (2 * piece + state)).clamp(1, 2 * threads)
    }

    /// What a piece may refer to of what came before it.
    pub fn window_bytes(&self) -> usize {
        if self.codec == Codec::Gzip { DEFLATE_WINDOW } else { 0 }
    }

    /// What a stream begins with.
    pub fn header(&self) -> &'static [u8] {
        if self.codec == Codec::Gzip { &GZIP_HEADER } else { &[] }
    }

    /// What follows the last piece of a stream of `size` bytes with this CRC-32.
    pub fn trailer(&self, crc: u32, size: u64) -> Vec<u8> {
        match self.codec {
            Codec::Gzip => [crc.to_le_bytes(), (size as u32).to_le_bytes()].concat(),
            _ => Vec::new(),
        }
    }

    /// Pack a piece behind what `packed` holds; a stream has at least one, and `is_last` is true for its last. Of gzip
    /// the deflated bytes only.
    ///
    /// # Errors
    /// Memory that the library does not get.
    pub fn piece(&self, before: &[u8], piece: &[u8], is_last: bool, packed: &mut Vec<u8>) -> io::Result<()> {
        match self.codec {
            Codec::Gzip => self.deflate(before, piece, is_last, packed),
            Codec::Zstd => self.zstd(piece, packed),
            Codec::Bzip2 => {
                let level = bzip2::Compression::new(self.level as u32);
                let mut encoder = bzip2::write::BzEncoder::new(packed, level);
                encoder.write_all(piece)?;
                encoder.finish().map(drop)
            }
            Codec::Xz => xz(piece, self.level as u32, packed),
            Codec::Lz4 => {
                let frame = FrameInfo::new().block_size(BlockSize::Max4MB).content_checksum(true);
                let mut encoder = FrameEncoder::with_frame_info(frame, packed);
                encoder.write_all(piece)?;
                encoder.finish().map(drop).map_err(io::Error::other)
            }
        }
    }

    fn deflate(&self, before: &[u8], piece: &[u8], is_last: bool, packed: &mut Vec<u8>) -> io::Result<()> {
        // Not one that is reset: it remembers enough to find other matches (zlib-rs 0.6), and equal contents are to
        // give equal files.
        let mut state = Compress::new(Compression::new(self.level as u32), false);
        if !before.is_empty() {
            state.set_dictionary(before).map_err(io::Error::other)?;
        }
        // Room for all of it, which may be an eighth more at the fastest level.
        packed.reserve(piece.len() + piece.len() / 7 + 1024);
        let flush = if is_last { FlushCompress::Finish } else { FlushCompress::Sync };
        loop {
            let taken = state.total_in() as usize;
            let status = state.compress_vec(&piece[taken..], packed, flush).map_err(io::Error::other)?;
            // A flush is whole when it left room (zlib.h, deflate()).
            let is_whole = if is_last { status == Status::StreamEnd } else { packed.len() < packed.capacity() };
            if is_whole && state.total_in() as usize == piece.len() {
                break;
            }
            packed.reserve(packed.capacity().max(64));
        }
        Ok(())
    }

    fn zstd(&self, piece: &[u8], packed: &mut Vec<u8>) -> io::Result<()> {
        let mut state = match lock(&self.idle).pop() {
            Some(state) => state,
            None => {
                let mut state = zstd::bulk::Compressor::new(self.level)?;
                state.include_checksum(true)?;
                state
            }
        };
        packed.reserve(zstd::zstd_safe::compress_bound(piece.len()));
        // Into what is reserved behind what is there: nothing is zeroed first.
        let mut behind = io::Cursor::new(&mut *packed);
        behind.set_position(behind.get_ref().len() as u64);
        state.compress_to_buffer(piece, &mut behind)?;
        lock(&self.idle).push(state);
        Ok(())
    }
}

/// Bytes of a preset's dictionary (xz(1)).
fn xz_dictionary(level: usize) -> usize {
    const MIB: [usize; 10] = [0, 1, 2, 4, 4, 8, 8, 16, 32, 64];
    if level == 0 { 256 << 10 } else { MIB[level.min(9)] << 20 }
}

fn xz(piece: &[u8], level: u32, packed: &mut Vec<u8>) -> io::Result<()> {
    let mut options = LzmaOptions::new_preset(level)?;
    // A dictionary beyond the piece is memory for nothing: a hundred megabytes for each small file.
    let dictionary = piece.len().next_power_of_two().clamp(4 << 10, xz_dictionary(level as usize));
    options.dict_size(dictionary as u32);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let stream = Stream::new_stream_encoder(&filters, Check::Crc64)?;
    let mut encoder = liblzma::write::XzEncoder::new_stream(packed, stream);
    encoder.write_all(piece)?;
    encoder.finish().map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::io::codec::decoder;

    const ALL: [Codec; 5] = [Codec::Gzip, Codec::Zstd, Codec::Bzip2, Codec::Xz, Codec::Lz4];

    fn packed(encoder: &Encoder, content: &[u8], piece_bytes: usize) -> Vec<u8> {
        let mut out = encoder.header().to_vec();
        let pieces: Vec<&[u8]> = if content.is_empty() { vec![&[]] } else { content.chunks(piece_bytes).collect() };
        let mut at = 0;
        for (index, piece) in pieces.iter().enumerate() {
            let before = &content[at - encoder.window_bytes().min(at)..at];
            encoder.piece(before, piece, index + 1 == pieces.len(), &mut out).unwrap();
            at += piece.len();
        }
        let mut crc = flate2::Crc::new();
        crc.update(content);
        out.extend(encoder.trailer(crc.sum(), content.len() as u64));
        out
    }

    #[test]
    fn pieces_give_back_what_they_hold_at_the_ends_of_all_levels() {
        let text: Vec<u8> = (0..200_000u32).flat_map(|number| (number / 5 * 7919).to_le_bytes()).collect();
        for codec in ALL {
            for level in [*codec.levels().start(), codec.default_level(), *codec.levels().end()] {
                let encoder = Encoder::new(codec, Some(level)).unwrap();
                for content in [&b""[..], b"x", &text] {
                    let packed = packed(&encoder, content, 100_000);
                    assert_eq!(Codec::of(&packed), Some(codec));
                    let mut back = Vec::new();
                    decoder(codec, &packed[..]).unwrap().read_to_end(&mut back).unwrap();
                    assert!(back == content, "{codec:?} {level}");
                }
            }
        }
    }

    #[test]
    fn a_piece_refers_to_what_came_before_it_where_the_format_allows() {
        let noise: Vec<u8> = (0..16_000u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        let encoder = Encoder::new(Codec::Gzip, None).unwrap();
        let (mut alone, mut following) = (Vec::new(), Vec::new());
        encoder.piece(&[], &noise, false, &mut alone).unwrap();
        encoder.piece(&noise, &noise, false, &mut following).unwrap();
        assert!(following.len() * 10 < alone.len(), "{} and {}", following.len(), alone.len());
    }

    #[test]
    fn a_level_that_is_none_is_refused_by_name() {
        let refused = |codec, level| Encoder::new(codec, Some(level)).err().map(|error| error.to_string());
        assert!(refused(Codec::Zstd, 23).unwrap().contains("zstd has levels 1 to 22"));
        assert!(refused(Codec::Lz4, 9).unwrap().contains("lz4 has only level 1"));
        assert_eq!(refused(Codec::Xz, 0), None);
    }
}
