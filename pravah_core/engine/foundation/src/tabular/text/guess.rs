//! What bytes may be that say nothing of it themselves.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::{ChosenEncoding, Encoding, Odd};

impl Encoding {
    /// As [`Encoding::of`]; where none is chosen, also what the bytes speak for: UTF-16 without a mark, told by the zeros
    /// of its Latin letters, and other encodings where they are no UTF-8.
    pub fn guess(start: &[u8], chosen: ChosenEncoding) -> (Self, usize) {
        let told = Self::of(start, chosen);
        if chosen != ChosenEncoding::AUTO || told.1 > 0 {
            return told;
        }
        let (pairs, _) = start[..start.len().min(GUESSED_BYTES)].as_chunks::<2>();
        let zeros = |side: usize| pairs.iter().filter(|pair| pair[side] == 0).count();
        let (first, second) = (zeros(0), zeros(1));
        let many = pairs.len().div_ceil(2).max(4);
        match (first >= many, second >= many) {
            (true, false) if second == 0 => (Self::Whatwg(UTF_16BE), 0),
            (false, true) if first == 0 => (Self::Whatwg(UTF_16LE), 0),
            // Letters of other scripts have no zeros, and are no UTF-8.
            _ if first + second > 0 && is_no_utf8(start) => {
                match (is_utf16(pairs, u16::from_be_bytes), is_utf16(pairs, u16::from_le_bytes)) {
                    (true, false) => (Self::Whatwg(UTF_16BE), 0),
                    (false, true) => (Self::Whatwg(UTF_16LE), 0),
                    _ => told,
                }
            }
            _ => (Self::of_letters(start).unwrap_or(told.0), 0),
        }
    }

    /// The encoding of text that is no UTF-8, told by the letters that it makes of the bytes; none where the bytes are
    /// UTF-8 but for some, or speak for nothing.
    pub fn of_letters(text: &[u8]) -> Option<Self> {
        if !is_no_utf8(text) || is_binary(text) {
            return None;
        }
        let odd = Odd::of(text);
        if odd.whole >= odd.broken {
            return None;
        }
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(text, false);
        let guessed = detector.guess(None, Utf8Detection::Deny);
        // Hardly anybody writes the last letter of the Latin ones.
        let is_likely = 2 * (memchr::memchr_iter(0xff, text).count() as u64) < odd.broken;
        let found = match letters(guessed, text) {
            Some(Letters::Others) => Some(guessed),
            Some(Letters::Latin) if guessed != WINDOWS_1252 => is_likely.then_some(guessed),
            // Nobody writes the bytes that it has no character for.
            _ => (is_likely && odd.undefined == 0).then_some(WINDOWS_1252),
        };
        found.map(Self::Whatwg)
    }
}

impl Encoding {
    /// What to say of a file that was found to be in it without a word of the file itself.
    pub fn told_by_letters(self) -> Option<String> {
        let title = self.title();
        (self != Self::UTF_8).then(|| {
            format!(
                "is not UTF-8; it is read as {title}, which makes words of it. If they are wrong, choose the encoding"
            )
        })
    }
}

/// What letters an encoding makes of bytes.
enum Letters {
    /// Latin ones; a lone one with an accent may be any of them.
    Latin,
    /// Words of another script.
    Others,
}

/// The letters that an encoding makes of bytes; none where they are no text in it.
fn letters(known: &'static encoding_rs::Encoding, text: &[u8]) -> Option<Letters> {
    // The last line may be cut inside a character.
    let whole = memchr::memrchr(b'\n', text).map_or(text, |end| &text[..end]);
    let (text, is_bad) = known.decode_without_bom_handling(whole);
    let is_latin = |character: char| matches!(character, ..'\u{250}' | '\u{2000}'..='\u{22ff}');
    match is_bad {
        true => None,
        false if has_words(&text) => Some(Letters::Others),
        false => text.chars().all(is_latin).then_some(Letters::Latin),
    }
}

/// True when two letters of scripts that are not Latin stand side by side: read wrongly, a lone accented letter of the
/// West makes one.
pub fn has_words(text: &str) -> bool {
    let after = text.chars().skip(1);
    text.chars().zip(after).any(|(one, next)| is_telling(one) && is_telling(next))
}

/// Greek, Cyrillic, Hebrew, Arabic, Thai, kana, Han and Hangul.
fn is_telling(character: char) -> bool {
    matches!(character, '\u{370}'..='\u{45f}' | '\u{5d0}'..='\u{6ff}' | '\u{e01}'..='\u{e4e}' | '\u{3041}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}')
}

/// True when pairs of bytes are lines of text in UTF-16 of that order.
fn is_utf16(pairs: &[[u8; 2]], unit: impl Fn([u8; 2]) -> u16) -> bool {
    let mut found = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).peekable();
    let mut lines = 0;
    while let Some(char) = found.next() {
        match char {
            Ok('\n' | '\r') => lines += 1,
            Ok('\t') => {}
            // The last one may be cut.
            Err(_) if found.peek().is_none() => {}
            Ok(char) if !char.is_control() && !('\u{e000}'..='\u{f8ff}').contains(&char) => {}
            _ => return false,
        }
    }
    lines > 0 && pairs.len() >= 4
}

fn is_no_utf8(start: &[u8]) -> bool {
    std::str::from_utf8(start).is_err_and(|error| error.error_len().is_some())
}

/// True when bytes that are no UTF-8 hold so many control characters that no encoding makes text of them.
pub fn is_binary(start: &[u8]) -> bool {
    let start = &start[..start.len().min(GUESSED_BYTES)];
    // Text has those that divide fields or records, begin a colour or end a file of DOS.
    let is_control = |byte: u8| matches!(byte, 0x00 | 0x02..=0x08 | 0x0e..=0x19 | 0x7f);
    let controls = start.iter().filter(|byte| is_control(**byte)).count();
    is_no_utf8(start) && controls >= 4 && controls * 50 > start.len()
}

/// Bytes of a file's beginning by which its encoding is guessed.
const GUESSED_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_without_a_mark_is_known_by_its_lines_in_any_script() {
        let guess = |bytes: &[u8]| Encoding::guess(bytes, ChosenEncoding::AUTO).0;
        let bytes = |units: &[u16], order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            units.iter().flat_map(|unit| order(*unit)).collect()
        };
        for text in
            ["\u{59d3}\u{540d},\u{57ce}\u{5e02}\n\u{5f20}\u{4e00},\u{5317}\u{4eac}\n", "id,\u{444}\n1,\u{436}\n"]
        {
            let units: Vec<u16> = text.encode_utf16().collect();
            assert_eq!(guess(&bytes(&units, u16::to_be_bytes)), Encoding::Whatwg(UTF_16BE), "{text}");
            assert_eq!(guess(&bytes(&units, u16::to_le_bytes)), Encoding::Whatwg(UTF_16LE), "{text}");
            assert_eq!(guess(text.as_bytes()), Encoding::UTF_8);
        }
        for bytes in [&b"id,name\n1,a\0b\n2,c\0\n"[..], b"a,b\n\0\n\0\n", b"\0\x01\x02\n\0\xff\xfe\0"] {
            assert_eq!(guess(bytes), Encoding::UTF_8, "{bytes:?}");
        }
    }

    #[test]
    fn noise_is_no_text_and_text_of_any_encoding_is() {
        let mut state = 20_261_128_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as u8
        })
        .take(4096)
        .collect();
        assert!(is_binary(&noise) && is_binary(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x03"));
        for text in
            [&b"caf\xe9 au lait\n"[..], b"a\0b,c\0d\0e\0\0\n", b"\x93\xfa\x96\x7b,1\n", b"a\x01b\xff\x01c\n", b""]
        {
            assert!(!is_binary(text), "{text:?}");
        }
    }
}
