//! The texts of a workbook, which its cells refer to by number.

use std::io::Read;

use super::xml::{Event, Unreadable, Xml, push_text};
use crate::base::issue::IssueKind;

/// All of them: they are in memory while the sheets are read.
const MOST_BYTES: usize = 512 << 20;

/// The texts.
#[derive(Debug, Default)]
pub struct Strings {
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Strings {
    /// Read the part of a workbook that holds them.
    ///
    /// # Errors
    /// In words: why it cannot be read.
    pub fn read(part: impl Read) -> Result<Self, Unreadable> {
        let (mut strings, mut xml) = (Self::default(), Xml::new(part));
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
                    b"si" => strings.push(&one)?,
                    _ => {}
                },
                Event::Eof => return Ok(strings),
                event if is_text && !phonetic => push_text(&event, &mut one)?,
                _ => {}
            }
        }
    }

    fn push(&mut self, one: &[u8]) -> Result<(), Unreadable> {
        unescape(one, &mut self.text);
        if self.text.len() + 4 * self.ends.len() > MOST_BYTES {
            let message = format!("has texts of more than {MOST_BYTES} bytes");
            return Err((IssueKind::TooLarge, message));
        }
        self.ends.push(self.text.len() as u32);
        Ok(())
    }

    /// The text of that number.
    #[inline]
    pub fn get(&self, number: usize) -> Option<&[u8]> {
        let end = *self.ends.get(number)? as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] as usize };
        self.text.get(start..end)
    }
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
        let strings = Strings::read(part.as_bytes()).unwrap();
        let all: Vec<_> = (0..5).map(|number| strings.get(number).map(String::from_utf8_lossy)).collect();
        let all: Vec<_> = all.iter().map(|text| text.as_deref()).collect();
        assert_eq!(all, [Some(" a & b"), Some("xy\u{e9}"), Some(""), Some("l1\nl2\r"), None]);
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
