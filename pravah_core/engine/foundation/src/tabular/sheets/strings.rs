//! The texts of a workbook, which its cells refer to by number.

use std::io::{self, Read};
use std::path::Path;

use super::xml::{Event, Unreadable, Xml, push_text};
use crate::base::issue::IssueKind;
use crate::io::spool::{Spool, SpoolWindow};

/// All of them.
const MOST_BYTES: u64 = 512 << 20;
/// What stays in memory while the sheets are read: their bytes, and those of the places where they end.
const HELD_BYTES: usize = 32 << 20;
const HELD_ENDS_BYTES: usize = 8 << 20;
/// Of a place.
const END_BYTES: u64 = 4;

/// The texts.
#[derive(Debug, Default)]
pub struct Strings {
    text: Spool,
    ends: Spool,
}

/// What was looked up last.
#[derive(Debug, Default)]
pub struct StringsWindow {
    text: SpoolWindow,
    ends: SpoolWindow,
}

impl Strings {
    /// Read the part of a workbook that holds them; many are put into `directory`, without a name.
    ///
    /// # Errors
    /// In words: why it cannot be read.
    pub fn read(part: impl Read, directory: &Path) -> Result<Self, Unreadable> {
        let (mut strings, mut xml) = (Self::new(directory), Xml::new(part));
        let mut unescaped = Vec::new();
        let (mut is_text, mut phonetic) = (false, false);
        let mut one = Vec::new();
        loop {
            match xml.event()? {
                Event::Start(start) => match start.local_name().as_ref() {
                    b"t" => is_text = true,
                    b"rPh" => phonetic = true,
                    b"si" => one.clear(),
                    _ => {}
                },
                Event::End(end) => match end.local_name().as_ref() {
                    b"t" => is_text = false,
                    b"rPh" => phonetic = false,
                    b"si" => strings.push(&one, &mut unescaped)?,
                    _ => {}
                },
                Event::Eof => return strings.end_of_all(),
                event if is_text && !phonetic => push_text(&event, &mut one)?,
                _ => {}
            }
        }
    }

    /// None yet.
    pub fn new(directory: &Path) -> Self {
        Self { text: Spool::new(directory, HELD_BYTES), ends: Spool::new(directory, HELD_ENDS_BYTES) }
    }

    /// There are no more.
    ///
    /// # Errors
    /// In words: they cannot be kept.
    pub fn end_of_all(mut self) -> Result<Self, Unreadable> {
        self.text.end().and_then(|()| self.ends.end()).map_err(no_room)?;
        Ok(self)
    }

    fn push(&mut self, one: &[u8], unescaped: &mut Vec<u8>) -> Result<(), Unreadable> {
        unescaped.clear();
        unescape(one, unescaped);
        self.add(unescaped)
    }

    /// One more, as it is.
    pub(super) fn add(&mut self, text: &[u8]) -> Result<(), Unreadable> {
        self.text.push(text).map_err(no_room)?;
        if self.text.len() + self.ends.len() > MOST_BYTES {
            let message = format!("has texts of more than {MOST_BYTES} bytes");
            return Err((IssueKind::TooLarge, message));
        }
        self.ends.push(&(self.text.len() as u32).to_le_bytes()).map_err(no_room)
    }

    /// The text of that number, if there is one.
    ///
    /// # Errors
    /// In words: it was put into a file, and that cannot be read.
    #[inline]
    pub fn get<'a>(&'a self, number: u64, window: &'a mut StringsWindow) -> Result<Option<&'a [u8]>, Unreadable> {
        let Some(start) = self.end(number, &mut window.ends)? else { return Ok(None) };
        let Some(end) = self.end(number.saturating_add(1), &mut window.ends)? else { return Ok(None) };
        self.text.get(start..end, &mut window.text).map_err(no_room)
    }

    /// Where the texts before that number end.
    #[inline]
    fn end(&self, number: u64, window: &mut SpoolWindow) -> Result<Option<u64>, Unreadable> {
        let Some(before) = number.checked_sub(1) else { return Ok(Some(0)) };
        let at = before.saturating_mul(END_BYTES);
        let end = self.ends.get(at..at.saturating_add(END_BYTES), window).map_err(no_room)?;
        Ok(end.and_then(|bytes| bytes.first_chunk()).map(|bytes| u64::from(u32::from_le_bytes(*bytes))))
    }
}

fn no_room(error: io::Error) -> Unreadable {
    (IssueKind::Unreadable, format!("has texts that cannot be kept while its sheets are read: {error}"))
}

/// A text with its escapes undone: `_x000D_` is a carriage return.
pub fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"_x") {
        let Some((first, second)) = unit(&rest[at..]).map(|unit| (unit, unit_behind(&rest[at..]))) else {
            out.extend_from_slice(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        out.extend_from_slice(&rest[..at]);
        let units: &[u16] = &[first, second.unwrap_or_default()];
        let (units, length) = if (0xd800..0xdc00).contains(&first) { (units, 14) } else { (&units[..1], 7) };
        match char::decode_utf16(units.iter().copied()).next() {
            Some(Ok(character)) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[at + length..];
            }
            // Half a character is kept as it is written.
            _ => {
                out.extend_from_slice(&rest[at..at + 7]);
                rest = &rest[at + 7..];
            }
        }
    }
    out.extend_from_slice(rest);
}

fn unit(text: &[u8]) -> Option<u16> {
    match text.get(..7)? {
        [b'_', b'x', digits @ .., b'_'] if digits.iter().all(u8::is_ascii_hexdigit) => {
            u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        }
        _ => None,
    }
}

fn unit_behind(text: &[u8]) -> Option<u16> {
    unit(text.get(7..)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_put_together_of_their_runs_without_how_they_are_spoken() {
        let part = "<sst><si><t xml:space=\"preserve\"> a &amp; b</t></si><si><r><t>x</t></r><r><rPr/><t>y&#233;</t></r>\
                    <rPh><t>no</t></rPh></si><si/><si><t>l1\r\nl2_x000D_</t></si></sst>";
        let strings = Strings::read(part.as_bytes(), Path::new("/nowhere")).unwrap();
        let mut window = StringsWindow::default();
        let mut text =
            |number| strings.get(number, &mut window).unwrap().map(|text| String::from_utf8_lossy(text).into_owned());
        let all: Vec<_> = (0..5).map(&mut text).collect();
        let all: Vec<_> = all.iter().map(|text| text.as_deref()).collect();
        assert_eq!(all, [Some(" a & b"), Some("xy\u{e9}"), Some(""), Some("l1\nl2\r"), None]);
        assert_eq!(text(u64::MAX), None);
    }

    #[test]
    fn escapes_are_undone_and_halves_kept() {
        for (text, wanted) in [
            ("_x0041_b", "Ab"),
            ("a_xb", "a_xb"),
            ("_x005F_x0041_", "_x0041_"),
            ("_xD83D__xDE00_!", "\u{1f600}!"),
            ("_xD83D_!", "_xD83D_!"),
            ("_x", "_x"),
        ] {
            let mut out = Vec::new();
            unescape(text.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), wanted, "{text}");
        }
    }
}
