//! LZ4 frames one after the other, and none of them cut short.
//!
//! The decoder of the library takes the end of its input between two blocks for the end of a frame. So the frames'
//! outlines are followed beside it, as the LZ4 frame format 1.6.4 has them.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

use super::Codec;
use super::joined::Rubbish;

/// Begins a frame.
const FRAME: u32 = 0x184d_2204;
/// Begins a frame of the first format, which `lz4 -l` and the Linux kernel write.
const LEGACY: u32 = 0x184c_2102;
/// Begins a frame that is skipped.
const SKIPPED: std::ops::RangeInclusive<u32> = 0x184d_2a50..=0x184d_2a5f;
/// What a block of a legacy frame holds, and the most that it may take.
const LEGACY_BLOCK: usize = 8 << 20;
const LEGACY_PACKED: usize = LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16;

/// A reader of frames.
pub struct Frames<R: BufRead> {
    state: State<R>,
    is_first: bool,
}

enum State<R: BufRead> {
    /// Between two frames; a number that was read already.
    Between(R, Option<u32>),
    Frame(FrameDecoder<Outlined<R>>),
    Legacy(R, Legacy),
    Ended,
}

/// A block of a legacy frame.
#[derive(Default)]
struct Legacy {
    block: Vec<u8>,
    given: usize,
}

impl<R: BufRead> Frames<R> {
    /// Those of `packed`.
    pub fn new(packed: R) -> Self {
        Self { state: State::Between(packed, None), is_first: true }
    }

    /// The number that begins the next frame; none at the end.
    ///
    /// # Errors
    /// None begins there: once there was a frame, that is no part of it.
    fn magic(&mut self, packed: &mut R, magic: Option<u32>) -> io::Result<Option<u32>> {
        let front = match magic {
            Some(magic) => magic.to_le_bytes().to_vec(),
            None => {
                let mut front = Vec::new();
                packed.by_ref().take(4).read_to_end(&mut front)?;
                front
            }
        };
        if front.is_empty() {
            return Ok(None);
        }
        let magic = front.first_chunk().map(|front| u32::from_le_bytes(*front));
        let known = magic.filter(|magic| [FRAME, LEGACY].contains(magic) || SKIPPED.contains(magic));
        if known.is_none() && !self.is_first {
            let (mut bytes, mut is_zeros) = (front.len() as u64, front.iter().all(|&byte| byte == 0));
            loop {
                let rest = packed.fill_buf()?;
                let length = rest.len();
                if length == 0 {
                    return Err(Rubbish::error(Codec::Lz4, bytes, is_zeros));
                }
                is_zeros &= rest.iter().all(|&byte| byte == 0);
                bytes += length as u64;
                packed.consume(length);
            }
        }
        self.is_first = false;
        let none = || io::Error::new(io::ErrorKind::InvalidData, "no frame begins where one should");
        known.map(Some).ok_or_else(none)
    }

    /// The next frame begins with `magic`.
    fn begin(mut packed: R, magic: u32) -> io::Result<State<R>> {
        match magic {
            FRAME => {
                let (outline, front) = (Outline::default(), magic.to_le_bytes());
                Ok(State::Frame(FrameDecoder::new(Outlined { front: Some(front), packed, outline })))
            }
            LEGACY => Ok(State::Legacy(packed, Legacy::default())),
            magic if SKIPPED.contains(&magic) => {
                let length = u64::from(number(&mut packed)?.ok_or(io::ErrorKind::UnexpectedEof)?);
                if io::copy(&mut packed.by_ref().take(length), &mut io::sink())? < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(State::Between(packed, None))
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The next four bytes as a number; none at the end.
fn number(packed: &mut impl BufRead) -> io::Result<Option<u32>> {
    if packed.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut bytes = [0; 4];
    packed.read_exact(&mut bytes)?;
    Ok(Some(u32::from_le_bytes(bytes)))
}

impl Legacy {
    /// Unpack the next block; when there is none, what begins next instead, and none at the end.
    fn next(&mut self, packed: &mut impl BufRead) -> io::Result<Result<(), Option<u32>>> {
        let size = match number(packed)? {
            Some(size) if (size as usize) <= LEGACY_PACKED => size as usize,
            other => return Ok(Err(other)),
        };
        let mut bytes = Vec::new();
        if packed.by_ref().take(size as u64).read_to_end(&mut bytes)? < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.block.resize(LEGACY_BLOCK, 0);
        let length = lz4_flex::block::decompress_into(&bytes, &mut self.block)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.block.truncate(length);
        self.given = 0;
        Ok(Ok(()))
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(0),
                State::Between(mut packed, magic) => match self.magic(&mut packed, magic)? {
                    Some(magic) => Self::begin(packed, magic)?,
                    None => return Ok(0),
                },
                State::Frame(mut decoder) => {
                    let read = decoder.read(buffer)?;
                    if read > 0 || buffer.is_empty() {
                        self.state = State::Frame(decoder);
                        return Ok(read);
                    }
                    // A decoder of its own for each frame: it keeps the first one's block size.
                    let inner = decoder.into_inner();
                    if inner.outline != Outline::default() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    State::Between(inner.packed, None)
                }
                State::Legacy(mut packed, mut legacy) => {
                    let rest = &legacy.block[legacy.given..];
                    if !rest.is_empty() {
                        let read = rest.len().min(buffer.len());
                        buffer[..read].copy_from_slice(&rest[..read]);
                        legacy.given += read;
                        self.state = State::Legacy(packed, legacy);
                        return Ok(read);
                    }
                    match legacy.next(&mut packed)? {
                        Ok(()) => State::Legacy(packed, legacy),
                        Err(next) => State::Between(packed, next),
                    }
                }
            };
        }
    }
}

/// A reader that knows where in a frame it is.
struct Outlined<R> {
    /// The frame's first bytes, which were read to tell it.
    front: Option<[u8; 4]>,
    packed: R,
    outline: Outline,
}

impl<R: BufRead> Read for Outlined<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.front.take_if(|_| !buffer.is_empty()) {
            // The decoder reads the magic number whole.
            Some(front) => {
                let read = front.len().min(buffer.len());
                buffer[..read].copy_from_slice(&front[..read]);
                read
            }
            None => self.packed.read(buffer)?,
        };
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
