//! A file's bytes as text that can be searched and parsed: UTF-8, also where some of it is not valid.

mod file;
mod guess;
mod wide;

use std::borrow::Cow;

use encoding_rs::{DecoderResult, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::file::{Confidence, FileText, Found, Look};
pub use self::guess::{has_words, is_binary, is_ebcdic, other_line_end};
use self::wide::UTF_32_MARK;
pub use self::wide::is_utf_32;

/// Stands in decoded text for a sequence that is no character of the file's encoding. No UTF-8 has this byte, so what
/// finds bytes that are not valid in a file of UTF-8 finds these too; a U+FFFD is one that the file holds itself.
pub const MALFORMED: u8 = 0xff;

/// How bytes stand for characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// ISO 8859-1: each byte is the character of that number. The WHATWG standard takes this name for Windows-1252, which
    /// has other characters from 0x80 to 0x9f, so it is not one of the others.
    Latin1,
    /// An encoding of the WHATWG Encoding Standard.
    Whatwg(&'static encoding_rs::Encoding),
}

/// What an option says of files without a byte order mark: one encoding, or that it is detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChosenEncoding(Option<Encoding>);

impl ChosenEncoding {
    /// What the bytes speak for. Those that are not valid are kept.
    pub const AUTO: Self = Self(None);
}

const AUTO: &str = "auto";
const LATIN1: &str = "latin1";

impl Serialize for ChosenEncoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_str(AUTO),
            Some(encoding) => serializer.serialize_str(&encoding.name()),
        }
    }
}

impl<'de> Deserialize<'de> for ChosenEncoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        if name == AUTO {
            return Ok(Self::AUTO);
        }
        let unknown = || D::Error::custom(format!("'{name}' is not the name of a supported encoding"));
        Encoding::named(&name).map(|encoding| Self(Some(encoding))).ok_or_else(unknown)
    }
}

impl Encoding {
    /// UTF-8. Bytes that are not valid are kept as they are.
    pub const UTF_8: Self = Self::Whatwg(UTF_8);

    /// The encoding of that name: `latin1`, or a name of the WHATWG standard in lower case. Its many other labels are
    /// unknown here: some of them, such as `iso-8859-1`, name another encoding than they say.
    pub fn named(name: &str) -> Option<Self> {
        if name == LATIN1 {
            return Some(Self::Latin1);
        }
        let known = encoding_rs::Encoding::for_label_no_replacement(name.as_bytes())?;
        let found = Self::Whatwg(known);
        (found.name() == name).then_some(found)
    }

    /// Its name, in lower case.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Latin1 => LATIN1.into(),
            Self::Whatwg(encoding) => encoding.name().to_ascii_lowercase().into(),
        }
    }

    /// Its name in a sentence, as its standard writes it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Latin1 => LATIN1,
            Self::Whatwg(encoding) => encoding.name(),
        }
    }

    /// The encoding of a file that begins with `start`, and how long its byte order mark is. The mark wins over what was
    /// chosen.
    pub fn of(start: &[u8], chosen: ChosenEncoding) -> (Self, usize) {
        match encoding_rs::Encoding::for_bom(start) {
            // The mark of UTF-32, which nothing here reads, begins so.
            Some((encoding, mark)) if !start.starts_with(UTF_32_MARK) => (Self::Whatwg(encoding), mark),
            _ => (chosen.0.unwrap_or(Self::UTF_8), 0),
        }
    }

    /// How many bytes of the file this text was, whole characters of it; none where characters do not say it.
    pub fn original_bytes(self, text: &[u8]) -> Option<u64> {
        let starts = || text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u64;
        match self {
            Self::Latin1 => Some(starts()),
            Self::Whatwg(encoding) if encoding == UTF_8 => Some(text.len() as u64),
            // Characters of four bytes here are two units there; a surrogate without its other half is one.
            Self::Whatwg(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => {
                Some(2 * (starts() + text.iter().filter(|&&byte| (0xf0..MALFORMED).contains(&byte)).count() as u64))
            }
            Self::Whatwg(encoding) if encoding.is_single_byte() => Some(starts()),
            // In all others but this one ASCII stands for itself.
            Self::Whatwg(encoding) => (encoding != ISO_2022_JP && text.is_ascii()).then_some(text.len() as u64),
        }
    }
}

/// Makes text of the bytes of one file, piece by piece.
pub struct Decoder {
    encoding: Encoding,
    /// Knows what of a character came in earlier pieces; none where each byte is a character, or the bytes are text.
    pieces: Option<encoding_rs::Decoder>,
}

impl Decoder {
    /// For a file of which nothing was seen.
    pub fn new(encoding: Encoding) -> Self {
        let pieces = match encoding {
            Encoding::Whatwg(known) if known != UTF_8 => Some(known.new_decoder_without_bom_handling()),
            _ => None,
        };
        Self { encoding, pieces }
    }

    /// What it decodes.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The next bytes as text, in `buffer` where they are not text already. Each sequence that stands for no character
    /// becomes one [`MALFORMED`] byte. After the last bytes, a new file may begin.
    pub fn decode<'a>(&mut self, bytes: &'a [u8], last: bool, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        if self.encoding == Encoding::UTF_8 || self.is_single_byte() && bytes.is_ascii() {
            return bytes;
        }
        let written = match &mut self.pieces {
            None => {
                room(buffer, 2 * bytes.len());
                encoding_rs::mem::convert_latin1_to_utf8(bytes, buffer)
            }
            Some(pieces) => {
                // Overflows for pieces that no memory holds.
                room(buffer, pieces.max_utf8_buffer_length(bytes.len()).unwrap_or(usize::MAX));
                decoded(pieces, bytes, buffer, last)
            }
        };
        if last {
            *self = Self::new(self.encoding);
        }
        &buffer[..written]
    }

    /// True where each byte is a character, those below 128 the characters of ASCII.
    fn is_single_byte(&self) -> bool {
        match self.encoding {
            Encoding::Latin1 => true,
            Encoding::Whatwg(encoding) => encoding.is_single_byte(),
        }
    }
}

/// What of `bytes` is text, written into `buffer`; its length.
fn decoded(pieces: &mut encoding_rs::Decoder, bytes: &[u8], buffer: &mut Vec<u8>, last: bool) -> usize {
    let (mut read, mut written) = (0, 0);
    loop {
        let (result, more_read, more_written) =
            pieces.decode_to_utf8_without_replacement(&bytes[read..], &mut buffer[written..], last);
        (read, written) = (read + more_read, written + more_written);
        match result {
            DecoderResult::InputEmpty => return written,
            DecoderResult::OutputFull => room(buffer, 2 * buffer.len() + 16),
            DecoderResult::Malformed(..) => {
                room(buffer, written + 1);
                buffer[written] = MALFORMED;
                written += 1;
            }
        }
    }
}

/// Let `buffer` have that length at least: what is in it already is written over.
fn room(buffer: &mut Vec<u8>, bytes: usize) {
    if buffer.len() < bytes {
        buffer.resize(bytes, 0);
    }
}

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

    /// What to do, when the text is of that encoding.
    pub fn advice(self, encoding: Encoding) -> String {
        if encoding != Encoding::UTF_8 {
            return format!("{} times; check the encoding of the file in the options", self.broken);
        }
        match self.guess() {
            Some(name) => format!("{} of them; the encoding is probably {name}: choose it in the options", self.broken),
            None if self.whole > 0 => format!("{} of them among {} valid characters", self.broken, self.whole),
            None => format!("{} of them; choose the encoding of the file in the options", self.broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(encoding: Encoding, bytes: &[u8], size: usize) -> Vec<u8> {
        let (mut decoder, mut text, mut buffer) = (Decoder::new(encoding), Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            text.extend_from_slice(decoder.decode(piece, false, &mut buffer));
        }
        text.extend_from_slice(decoder.decode(&[], true, &mut buffer));
        text
    }

    fn named(name: &str) -> Encoding {
        Encoding::named(name).unwrap_or_else(|| panic!("{name} is not known"))
    }

    fn utf16(units: &[u16], is_big_endian: bool) -> Vec<u8> {
        let bytes = |unit: &u16| if is_big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        units.iter().flat_map(bytes).collect()
    }

    #[test]
    fn an_encoding_is_guessed_by_what_it_cannot_be() {
        let guess = |bytes: &[u8]| Odd::of(bytes).guess();
        assert_eq!(guess(b"caf\xe9 au lait"), Some("latin1"));
        assert_eq!(guess(b"caf\xe9 \x80 5"), Some("windows-1252"));
        assert_eq!(guess(b"caf\xe9 \x81"), None);
        // One broken character does not make all others another encoding's.
        assert_eq!(guess("é é é \u{20ac}\u{e9}".as_bytes().split_last().unwrap().1), None);
        let units: Vec<u16> = "id,name\n1,é\n".encode_utf16().collect();
        for (is_big_endian, name) in [(true, "utf-16be"), (false, "utf-16le")] {
            let bytes = utf16(&units, is_big_endian);
            assert_eq!(Encoding::guess(&bytes, ChosenEncoding::AUTO), (named(name), 0));
            // What is chosen is not guessed.
            let utf8 = ChosenEncoding(Some(Encoding::UTF_8));
            assert_eq!(Encoding::guess(&bytes, utf8), (Encoding::UTF_8, 0));
        }
        for bytes in [&b"a,b\n\0,\0\0\n"[..], b"", b"a\0", b"\0\0\0\0\0\0\0\0\0\0"] {
            assert_eq!(Encoding::guess(bytes, ChosenEncoding::AUTO).0, Encoding::UTF_8);
        }
    }

    #[test]
    fn pieces_of_any_length_give_the_same_text() {
        let text = "plain \u{e9} \u{20ac} \u{1f600}\u{10ffff}\n";
        let units: Vec<u16> = text.encode_utf16().chain([0xd83d, 0x41, 0xde00, 0xd83d]).collect();
        let expected = [text.as_bytes(), b"\xffA\xff\xff"].concat();
        for (is_big_endian, name) in [(true, "utf-16be"), (false, "utf-16le")] {
            let bytes = utf16(&units, is_big_endian);
            let encoding = named(name);
            for size in 1..=bytes.len() {
                assert_eq!(in_pieces(encoding, &bytes, size), expected);
            }
            assert_eq!(encoding.original_bytes(&expected), Some(bytes.len() as u64));
            let odd = [&bytes[..bytes.len() - 2], b"x"].concat();
            assert!(in_pieces(encoding, &odd, 5).ends_with(b"\xff\xff"));
        }
        // Sequences of one to four bytes, states between them, and what stands for no character, U+0001 here.
        let cases: [(&str, &[u8], &str); 9] = [
            ("shift_jis", b"\x93\xfa\x96{a\xb1\xff\n\x93", "日本aｱ\u{1}\n\u{1}"),
            ("gb18030", b"\xd6\xd0\x81\x30\x81\x30a\x94\x39\xda\x33\n\xd6", "中\u{80}a\u{1f4a9}\n\u{1}"),
            ("big5", b"\xa4\xa4\xa4\xe5\n\x87\x40", "中文\n\u{43f0}"),
            ("euc-kr", b"\xc7\xd1\xb1\xdb\n\xc7", "한글\n\u{1}"),
            ("euc-jp", b"\xc6\xfc\x8e\xb1\x8f\xb0\xa1\n", "日ｱ丂\n"),
            ("iso-2022-jp", b"a\x1b$BF|K\\\x1b(Bb\n", "a日本b\n"),
            ("windows-1258", b"\xd0\xec\n", "\u{110}\u{301}\n"),
            ("windows-1253", b"\xe1\xd2\n", "α\u{1}\n"),
            ("gb18030", b"\x84\x31\xa4\x37 \xff", "\u{fffd} \u{1}"),
        ];
        for (name, bytes, expected) in cases {
            for size in 1..=bytes.len() {
                let mut text = in_pieces(named(name), bytes, size);
                text.iter_mut().filter(|byte| **byte == MALFORMED).for_each(|byte| *byte = 1);
                assert_eq!(String::from_utf8(text).unwrap(), expected, "{name}, {size} bytes at a time");
            }
        }
    }

    #[test]
    fn a_decoder_begins_anew_after_the_last_bytes() {
        let (mut decoder, mut buffer) = (Decoder::new(named("euc-kr")), Vec::new());
        assert_eq!(decoder.decode(b"\xc7", true, &mut buffer), [MALFORMED]);
        assert_eq!(
            decoder.decode(b"\xd1\xc7\xd1", true, &mut buffer),
            "\u{9951}".bytes().chain([MALFORMED]).collect::<Vec<_>>()
        );
    }

    #[test]
    fn each_byte_is_a_character_of_latin1() {
        let all: Vec<u8> = (0..=255).collect();
        let expected: String = all.iter().map(|&byte| char::from(byte)).collect();
        for size in [1, 100, 256] {
            assert_eq!(in_pieces(Encoding::Latin1, &all, size), expected.as_bytes());
        }
        assert_eq!(Encoding::Latin1.original_bytes(expected.as_bytes()), Some(256));
        let text = in_pieces(named("windows-1252"), b"\x80 caf\xe9 \x99", 2);
        assert_eq!(text, "\u{20ac} caf\u{e9} \u{2122}".as_bytes());
        assert_eq!(named("windows-1252").original_bytes(&text), Some(8));
        assert_eq!(named("shift_jis").original_bytes(&text), None, "one or two bytes a character");
    }

    #[test]
    fn encodings_have_one_name() {
        assert_eq!(ChosenEncoding(Some(named("gb18030"))), serde_json::from_str("\"gb18030\"").unwrap());
        assert_eq!(serde_json::to_string(&ChosenEncoding(Some(named("koi8-u")))).unwrap(), "\"koi8-u\"");
        assert_eq!(serde_json::to_string(&ChosenEncoding::AUTO).unwrap(), "\"auto\"");
        // Labels, and what is none.
        for name in ["iso-8859-1", "ascii", "Shift_JIS", "utf8", "utf-16", "replacement", "utf-7", " gbk", ""] {
            assert_eq!(Encoding::named(name), None, "{name}");
            assert!(serde_json::from_str::<ChosenEncoding>(&format!("\"{name}\"")).is_err());
        }
    }

    #[test]
    fn a_byte_order_mark_wins() {
        let latin1 = ChosenEncoding(Some(Encoding::Latin1));
        assert_eq!(Encoding::of(b"\xef\xbb\xbfx", latin1), (Encoding::UTF_8, 3));
        assert_eq!(Encoding::of(b"\xff\xfe", ChosenEncoding::AUTO), (named("utf-16le"), 2));
        assert_eq!(Encoding::of(b"\xfe\xffx", ChosenEncoding(Some(named("utf-16le")))), (named("utf-16be"), 2));
        assert_eq!(Encoding::of(b"\xef\xbb", ChosenEncoding::AUTO), (Encoding::UTF_8, 0));
    }
}
