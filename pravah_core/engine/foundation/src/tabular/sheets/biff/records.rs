//! The records of a stream, and the texts in them, which records that follow may continue.

use std::io::{self, Read};

use encoding_rs::Encoding;

use super::super::values;
use super::super::xml::Unreadable;
use super::kind;
use crate::base::issue::IssueKind;

/// Room for the longest record twice.
const BUFFER_BYTES: usize = 128 << 10;
const HEADER_BYTES: usize = 4;

/// How texts are written.
#[derive(Debug, Clone, Copy, Default)]
pub enum Charset {
    /// As Unicode, in one byte or two.
    #[default]
    Unicode,
    /// In a code page; none that is not known here.
    Page(u16, Option<&'static Encoding>),
}

impl Charset {
    /// The one of a code page's number.
    pub fn of_page(page: u16) -> Self {
        let label: &[u8] = match page {
            367 | 1252 | 0x8001 => b"windows-1252",
            866 => b"ibm866",
            874 => b"windows-874",
            932 => b"shift_jis",
            936 => b"gbk",
            949 => b"euc-kr",
            950 => b"big5",
            1250 => b"windows-1250",
            1251 => b"windows-1251",
            1253 => b"windows-1253",
            1254 => b"windows-1254",
            1255 => b"windows-1255",
            1256 => b"windows-1256",
            1257 => b"windows-1257",
            1258 => b"windows-1258",
            10_000 | 0x8000 => b"macintosh",
            10_007 => b"x-mac-cyrillic",
            65_001 => b"utf-8",
            _ => b"",
        };
        Self::Page(page, Encoding::for_label(label))
    }
}

/// A stream, record by record.
pub(super) struct Records<R> {
    part: R,
    buffer: Vec<u8>,
    /// Where the bytes that were read end.
    filled: usize,
    /// What is left of the record.
    at: usize,
    end: usize,
    /// Bytes of the stream before the buffer.
    before: u64,
    charset: Charset,
    units: Vec<u16>,
}

impl<R: Read> Records<R> {
    pub fn new(part: R, charset: Charset) -> Self {
        let buffer = vec![0; BUFFER_BYTES];
        Self { part, buffer, filled: 0, at: 0, end: 0, before: 0, charset, units: Vec::new() }
    }

    pub fn set_charset(&mut self, charset: Charset) {
        self.charset = charset;
    }

    /// Bytes up to the end of the record.
    pub fn position(&self) -> u64 {
        self.before + self.end as u64
    }

    /// The kind of the next record; none at the end.
    pub fn next(&mut self) -> Result<Option<u16>, Unreadable> {
        self.at = self.end;
        if !self.fill(HEADER_BYTES)? {
            // Behind the last record only zeros may follow.
            let rest = &self.buffer[self.at..self.filled];
            return if rest.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(cut()) };
        }
        let [low, high, length_low, length_high] = self.bytes_at(self.at);
        let length = usize::from(u16::from_le_bytes([length_low, length_high]));
        if !self.fill(HEADER_BYTES + length)? {
            return Err(cut());
        }
        self.at += HEADER_BYTES;
        self.end = self.at + length;
        Ok(Some(u16::from_le_bytes([low, high])))
    }

    /// True when so many bytes are there behind the record, whose rest is dropped.
    fn fill(&mut self, bytes: usize) -> Result<bool, Unreadable> {
        if self.filled - self.at >= bytes {
            return Ok(true);
        }
        self.buffer.copy_within(self.at..self.filled, 0);
        (self.before, self.filled) = (self.before + self.at as u64, self.filled - self.at);
        (self.at, self.end) = (0, 0);
        while self.filled < bytes {
            match self.part.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(of_io(&error)),
            }
        }
        Ok(true)
    }

    fn bytes_at<const LENGTH: usize>(&self, at: usize) -> [u8; LENGTH] {
        self.buffer[at..].first_chunk().copied().unwrap_or([0; LENGTH])
    }

    /// Go on with the next record, if it continues this one.
    pub fn go_on(&mut self) -> Result<bool, Unreadable> {
        self.at = self.end;
        if !self.fill(HEADER_BYTES)? || u16::from_le_bytes(self.bytes_at(self.at)) != kind::CONTINUE {
            return Ok(false);
        }
        Ok(self.next()?.is_some())
    }

    /// Bytes that are left.
    pub fn left(&self) -> usize {
        self.end - self.at
    }

    #[inline]
    pub fn bytes<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Unreadable> {
        if self.left() < LENGTH && !(self.left() == 0 && self.go_on()? && self.left() >= LENGTH) {
            return Err(short());
        }
        let bytes = self.bytes_at(self.at);
        self.at += LENGTH;
        Ok(bytes)
    }

    pub fn byte(&mut self) -> Result<u8, Unreadable> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    pub fn short(&mut self) -> Result<u16, Unreadable> {
        self.bytes().map(u16::from_le_bytes)
    }

    pub fn number(&mut self) -> Result<u32, Unreadable> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub fn real(&mut self) -> Result<f64, Unreadable> {
        self.bytes().map(f64::from_le_bytes)
    }

    fn skip(&mut self, mut bytes: u64) -> Result<(), Unreadable> {
        while bytes > 0 {
            if self.left() == 0 && !self.go_on()? {
                return Err(short());
            }
            let skipped = bytes.min(self.left() as u64);
            self.at += skipped as usize;
            bytes -= skipped;
        }
        Ok(())
    }

    /// A text of so many characters, put in the place of another.
    pub fn text(&mut self, characters: usize, out: &mut String) -> Result<(), Unreadable> {
        out.clear();
        match self.charset {
            // Some programs leave the flags of no characters out.
            Charset::Unicode if characters == 0 && self.left() == 0 => Ok(()),
            Charset::Unicode => self.unicode(characters, out),
            Charset::Page(page, encoding) => self.paged(characters, page, encoding, out),
        }
    }

    fn unicode(&mut self, characters: usize, out: &mut String) -> Result<(), Unreadable> {
        let flags = self.byte()?;
        // What follows the characters: how parts of them look, and how they are spoken.
        let looks = if flags & 8 == 0 { 0 } else { u64::from(self.short()?) * 4 };
        let spoken = if flags & 4 == 0 { 0 } else { u64::from(self.number()?) };
        let (mut left, mut is_wide) = (characters, flags & 1 != 0);
        while left > 0 {
            if self.left() == 0 {
                if !self.go_on()? {
                    return Err(short());
                }
                is_wide = self.byte()? & 1 != 0;
                continue;
            }
            let body = &self.buffer[self.at..self.end];
            let taken = if is_wide { left.min(body.len() / 2) } else { left.min(body.len()) };
            if is_wide {
                let (units, _) = body[..2 * taken].as_chunks::<2>();
                self.units.extend(units.iter().map(|unit| u16::from_le_bytes(*unit)));
                self.at += 2 * taken;
            } else {
                // Half a character stays half where the widths change.
                values::push_units(self.units.drain(..), out);
                out.extend(body[..taken].iter().copied().map(char::from));
                self.at += taken;
            }
            if taken == 0 {
                return Err(short());
            }
            left -= taken;
        }
        values::push_units(self.units.drain(..), out);
        self.skip(looks + spoken)
    }

    fn paged(
        &mut self,
        characters: usize,
        page: u16,
        encoding: Option<&'static Encoding>,
        out: &mut String,
    ) -> Result<(), Unreadable> {
        let bytes = self.buffer[self.at..self.end].get(..characters).ok_or_else(short)?;
        match encoding {
            Some(encoding) => out.push_str(&encoding.decode_without_bom_handling(bytes).0),
            None if bytes.is_ascii() => out.extend(bytes.iter().copied().map(char::from)),
            None => {
                let message = format!(
                    "has texts in code page {page}, which is not supported; open it in a spreadsheet program and save \
                     it as .xlsx"
                );
                return Err((IssueKind::Unsupported, message));
            }
        }
        self.at += characters;
        Ok(())
    }
}

fn of_io(error: &io::Error) -> Unreadable {
    let kind = match error.kind() {
        io::ErrorKind::InvalidData => IssueKind::Malformed,
        _ => IssueKind::from_io(error),
    };
    (kind, format!("cannot be read to its end: {error}"))
}

pub(super) fn cut() -> Unreadable {
    (IssueKind::Malformed, "ends within a record; perhaps it was cut off".to_owned())
}

fn short() -> Unreadable {
    (IssueKind::Malformed, "has a record that is shorter than what it holds".to_owned())
}
