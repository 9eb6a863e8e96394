//! LZ4 frames one after the other, and none of them cut short.
//!
//! The decoder of the library takes the end of its input between two blocks for the end of a frame. So the frames'
//! outlines are followed beside it, as the LZ4 frame format 1.6.4 has them.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

/// A reader of frames.
pub struct Frames<R: BufRead>(Option<FrameDecoder<Outlined<R>>>);

impl<R: BufRead> Frames<R> {
    /// Those of `packed`.
    pub fn new(packed: R) -> Self {
        Self(Some(FrameDecoder::new(Outlined { packed, outline: Outline::default() })))
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.0 {
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let inner = decoder.get_mut();
            if inner.packed.fill_buf()?.is_empty() {
                let is_whole = inner.outline == Outline::default();
                return if is_whole { Ok(0) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            // A decoder of its own for each frame: it keeps the first one's block size.
            self.0 = self.0.take().map(|decoder| FrameDecoder::new(decoder.into_inner()));
        }
        Ok(0)
    }
}

/// A reader that knows where in a frame it is.
struct Outlined<R> {
    packed: R,
    outline: Outline,
}

impl<R: BufRead> Read for Outlined<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.packed.read(buffer)?;
        self.outline.pass(&buffer[..read]);
        Ok(read)
    }
}

/// The part of a frame that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    #[default]
    Magic,
    Flags,
    Descriptor,
    BlockSize,
    Block,
    Checksum,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Outline {
    part: Part,
    /// Bytes of it that have passed.
    passed: u32,
    /// Its first bytes, as a number.
    value: u32,
    /// Bytes of the part when they are not told by its kind.
    length: u32,
    flags: u8,
}

impl Outline {
    fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let length = match self.part {
                Part::Magic | Part::BlockSize | Part::Checksum => 4,
                Part::Flags => 1,
                Part::Descriptor | Part::Block => self.length,
            };
            let now = bytes.len().min((length - self.passed) as usize);
            for (&byte, place) in bytes[..now].iter().zip(self.passed..4) {
                self.value |= u32::from(byte) << (8 * place);
            }
            self.passed += now as u32;
            bytes = &bytes[now..];
            if self.passed == length {
                self.next();
            }
        }
    }

    fn next(&mut self) {
        let has = |flags: u8, bit: u8| u32::from(flags >> bit & 1);
        let value = std::mem::take(&mut self.value);
        self.passed = 0;
        self.part = match self.part {
            Part::Magic => Part::Flags,
            Part::Flags => {
                self.flags = value as u8;
                // Block sizes, content size, dictionary, header checksum.
                self.length = 1 + 8 * has(self.flags, 3) + 4 * has(self.flags, 0) + 1;
                Part::Descriptor
            }
            Part::BlockSize if value == 0 && has(self.flags, 2) == 1 => Part::Checksum,
            Part::BlockSize if value != 0 => {
                // The highest bit says that it is not compressed.
                self.length = (value & 0x7fff_ffff) + 4 * has(self.flags, 4);
                Part::Block
            }
            Part::Descriptor | Part::Block => Part::BlockSize,
            Part::BlockSize | Part::Checksum => {
                *self = Self::default();
                Part::Magic
            }
        };
        // A block of nothing is no part to wait for.
        if self.part == Part::Block && self.length == 0 {
            self.part = Part::BlockSize;
        }
    }
}
