//! A file's bytes as text that can be looked into: UTF-8, also where some of it is none.

use serde::{Deserialize, Serialize};

/// How the bytes of a file without a byte order mark are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// As UTF-8; what is none is kept as bytes.
    #[serde(rename = "auto")]
    Auto,
    /// ISO 8859-1: each byte is the character of that number.
    #[serde(rename = "latin1")]
    Latin1,
    /// Windows-1252: ISO 8859-1 with letters and signs in place of 27 control characters.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// UTF-16, the low byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, the high byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
}

/// How the bytes of one file become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoder {
    /// They are.
    Utf8,
    /// Each is one character.
    Latin1,
    /// Each is one character, in the way of Windows.
    Windows1252,
    /// Two or four are one.
    Utf16 {
        /// The high byte comes first.
        big_endian: bool,
        /// The first byte of a unit whose second is still to come.
        odd: Option<u8>,
        /// The first unit of a pair whose second is still to come.
        high: Option<u16>,
    },
}

impl Decoder {
    /// The decoder for a file that begins with `start`, and how long its byte order mark is. The mark wins over what
    /// was asked for.
    pub fn of(start: &[u8], asked: Encoding) -> (Self, usize) {
        let utf16 = |big_endian| Self::Utf16 { big_endian, odd: None, high: None };
        match (start, asked) {
            ([0xef, 0xbb, 0xbf, ..], _) => (Self::Utf8, 3),
            ([0xff, 0xfe, ..], _) => (utf16(false), 2),
            ([0xfe, 0xff, ..], _) => (utf16(true), 2),
            (_, Encoding::Auto) => (Self::Utf8, 0),
            (_, Encoding::Latin1) => (Self::Latin1, 0),
            (_, Encoding::Windows1252) => (Self::Windows1252, 0),
            (_, Encoding::Utf16Le) => (utf16(false), 0),
            (_, Encoding::Utf16Be) => (utf16(true), 0),
        }
    }

    /// As [`Decoder::of`]; where nothing is asked for, also UTF-16 without a mark, told by the zeros of its Latin letters.
    pub fn guess(start: &[u8], asked: Encoding) -> (Self, usize) {
        let told = Self::of(start, asked);
        if asked != Encoding::Auto || told != (Self::Utf8, 0) {
            return told;
        }
        let (pairs, _) = start[..start.len().min(GUESSED_BYTES)].as_chunks::<2>();
        let zeros = |side: usize| pairs.iter().filter(|pair| pair[side] == 0).count();
        let (first, second) = (zeros(0), zeros(1));
        let many = pairs.len().div_ceil(2).max(4);
        match (first >= many, second >= many) {
            (true, false) if second == 0 => (Self::Utf16 { big_endian: true, odd: None, high: None }, 0),
            (false, true) if first == 0 => (Self::Utf16 { big_endian: false, odd: None, high: None }, 0),
            _ => told,
        }
    }

    /// The next bytes as text, in `buffer` where they are not text already.
    pub fn decode<'a>(&mut self, bytes: &'a [u8], last: bool, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        buffer.clear();
        match self {
            Self::Utf8 => return bytes,
            Self::Latin1 | Self::Windows1252 if bytes.is_ascii() => return bytes,
            Self::Latin1 => bytes.iter().for_each(|&byte| push(buffer, char::from(byte))),
            Self::Windows1252 => bytes.iter().for_each(|&byte| push(buffer, windows_1252(byte))),
            Self::Utf16 { big_endian, odd, high } => {
                let unit =
                    |pair: [u8; 2]| if *big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
                let bytes = match (odd.take(), bytes.split_first()) {
                    (Some(first), Some((&second, rest))) => {
                        utf16(unit([first, second]), high, buffer);
                        rest
                    }
                    (first, _) => {
                        *odd = first;
                        bytes
                    }
                };
                let mut pairs = bytes.chunks_exact(2);
                pairs.by_ref().for_each(|pair| utf16(unit([pair[0], pair[1]]), high, buffer));
                *odd = pairs.remainder().first().copied().or(*odd);
                let broken = usize::from(odd.is_some()) + usize::from(high.is_some());
                if last && broken > 0 {
                    (*odd, *high) = (None, None);
                    (0..broken).for_each(|_| push(buffer, char::REPLACEMENT_CHARACTER));
                }
            }
        }
        buffer
    }

    /// How many bytes of the file this text was, whole characters of it.
    pub fn original_bytes(self, text: &[u8]) -> u64 {
        let starts = || text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u64;
        match self {
            Self::Utf8 => text.len() as u64,
            Self::Latin1 | Self::Windows1252 => starts(),
            // Characters of four bytes here are two units there.
            Self::Utf16 { .. } => 2 * (starts() + text.iter().filter(|&&byte| byte >= 0xf0).count() as u64),
        }
    }
}

/// Bytes of a file's beginning by which its encoding is guessed.
const GUESSED_BYTES: usize = 4096;

/// What a text that is not UTF-8 holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Odd {
    /// Characters of more than one byte that are UTF-8.
    whole: u64,
    /// Bytes that are none.
    broken: u64,
    /// Of these: control characters of Latin-1, which Windows-1252 has letters and signs for, and not even it has.
    controls: u64,
    undefined: u64,
}

impl Odd {
    /// Look at a text.
    pub fn of(text: &[u8]) -> Self {
        let mut odd = Self::default();
        for chunk in text.utf8_chunks() {
            odd.whole += chunk.valid().bytes().filter(|byte| *byte >= 0xc0).count() as u64;
            for &byte in chunk.invalid() {
                odd.broken += 1;
                odd.controls += u64::from((0x80..=0x9f).contains(&byte));
                odd.undefined += u64::from(matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d));
            }
        }
        odd
    }

    /// Add what another text holds.
    pub fn add(&mut self, other: Self) {
        self.whole += other.whole;
        self.broken += other.broken;
        self.controls += other.controls;
        self.undefined += other.undefined;
    }

    fn guess(self) -> Option<&'static str> {
        match self {
            Self { whole, broken, .. } if whole >= broken => None,
            Self { undefined: 1.., .. } => None,
            Self { controls: 0, .. } => Some("latin1"),
            _ => Some("windows-1252"),
        }
    }

    /// What it is, in a table.
    pub fn words(self) -> &'static str {
        match self.guess() {
            Some("latin1") => "not utf-8, probably latin1",
            Some(_) => "not utf-8, probably windows-1252",
            None => "not utf-8",
        }
    }

    /// What to do.
    pub fn advice(self) -> String {
        match self.guess() {
            Some(name) => format!("{} of them; the encoding is probably {name}: choose it in the options", self.broken),
            None if self.whole > 0 => format!("{} of them among {} valid characters", self.broken, self.whole),
            None => format!("{} of them; choose the encoding of the file, if it is supported", self.broken),
        }
    }
}

/// What Windows-1252 has in place of the control characters from 0x80 on; five of them stay (WHATWG Encoding, index
/// windows-1252).
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}',
    '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}',
    '\u{17e}', '\u{178}',
];

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

fn push(buffer: &mut Vec<u8>, character: char) {
    buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn utf16(unit: u16, high: &mut Option<u16>, buffer: &mut Vec<u8>) {
    if let Some(first) = high.take() {
        match char::decode_utf16([first, unit]).next() {
            Some(Ok(character)) => return push(buffer, character),
            _ => push(buffer, char::REPLACEMENT_CHARACTER),
        }
    }
    match unit {
        0xd800..=0xdbff => *high = Some(unit),
        _ => push(buffer, char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(mut decoder: Decoder, bytes: &[u8], size: usize) -> Vec<u8> {
        let mut text = Vec::new();
        let mut buffer = Vec::new();
        for piece in bytes.chunks(size) {
            text.extend_from_slice(decoder.decode(piece, false, &mut buffer));
        }
        text.extend_from_slice(decoder.decode(&[], true, &mut buffer));
        text
    }

    #[test]
    fn an_encoding_is_guessed_by_what_it_cannot_be() {
        let guess = |bytes: &[u8]| Odd::of(bytes).guess();
        assert_eq!(guess(b"caf\xe9 au lait"), Some("latin1"));
        assert_eq!(guess(b"caf\xe9 \x80 5"), Some("windows-1252"));
        assert_eq!(guess(b"caf\xe9 \x81"), None);
        // One broken character does not make all others another encoding's.
        assert_eq!(guess("é é é \u{20ac}\u{e9}".as_bytes().split_last().unwrap().1), None);
        let utf16 = |text: &str, big: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        for big in [true, false] {
            let (decoder, mark) = Decoder::guess(&utf16("id,name\n1,é\n", big), Encoding::Auto);
            assert_eq!((decoder, mark), (Decoder::Utf16 { big_endian: big, odd: None, high: None }, 0));
        }
        for bytes in [&b"a,b\n\0,\0\0\n"[..], b"", b"a\0", b"\0\0\0\0\0\0\0\0\0\0"] {
            assert_eq!(Decoder::guess(bytes, Encoding::Auto).0, Decoder::Utf8);
        }
    }

    #[test]
    fn pieces_of_any_length_give_the_same_text() {
        let text = "plain \u{e9} \u{20ac} \u{1f600}\u{10ffff}\n";
        let units: Vec<u16> = text.encode_utf16().chain([0xd83d, 0x41, 0xde00, 0xd83d]).collect();
        let expected = String::from_utf16_lossy(&units);
        for big_endian in [false, true] {
            let bytes: Vec<u8> = units
                .iter()
                .flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect();
            let decoder = Decoder::Utf16 { big_endian, odd: None, high: None };
            for size in 1..=bytes.len() {
                assert_eq!(in_pieces(decoder, &bytes, size), expected.as_bytes());
            }
            assert_eq!(decoder.original_bytes(expected.as_bytes()), bytes.len() as u64);
            let odd = [&bytes[..bytes.len() - 2], b"x"].concat();
            assert!(in_pieces(decoder, &odd, 5).ends_with("\u{fffd}".as_bytes()));
        }
    }

    #[test]
    fn each_byte_is_a_character_of_latin1() {
        let all: Vec<u8> = (0..=255).collect();
        let expected: String = all.iter().map(|&byte| char::from(byte)).collect();
        for size in [1, 100, 256] {
            assert_eq!(in_pieces(Decoder::Latin1, &all, size), expected.as_bytes());
        }
        assert_eq!(Decoder::Latin1.original_bytes(expected.as_bytes()), 256);
        assert_eq!(in_pieces(Decoder::Windows1252, b"\x80 caf\xe9 \x99", 2), "\u{20ac} caf\u{e9} \u{2122}".as_bytes());
    }

    #[test]
    fn a_byte_order_mark_wins() {
        assert_eq!(Decoder::of(b"\xef\xbb\xbfx", Encoding::Latin1), (Decoder::Utf8, 3));
        assert_eq!(Decoder::of(b"\xff\xfe", Encoding::Auto).1, 2);
        assert_eq!(
            Decoder::of(b"\xfe\xffx", Encoding::Utf16Le),
            (Decoder::Utf16 { big_endian: true, odd: None, high: None }, 2)
        );
        assert_eq!(Decoder::of(b"\xef\xbb", Encoding::Auto), (Decoder::Utf8, 0));
    }
}
