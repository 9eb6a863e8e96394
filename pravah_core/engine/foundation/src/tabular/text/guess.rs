//! What bytes may be that say nothing of it themselves.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::WINDOWS_1252;

use super::{ChosenEncoding, Encoding, Odd, wide};

impl Encoding {
    /// As [`Encoding::of`]; where none is chosen, also what the bytes speak for: UTF-16 without a mark, and other encodings
    /// where they are no UTF-8.
    pub fn guess(start: &[u8], chosen: ChosenEncoding) -> (Self, usize) {
        let told = Self::of(start, chosen);
        if chosen != ChosenEncoding::AUTO || told.1 > 0 {
            return told;
        }
        if let Some(wide) = wide::unmarked(start) {
            return (Self::Whatwg(wide), 0);
        }
        let has_nul = memchr::memchr(0, &start[..start.len().min(GUESSED_BYTES)]).is_some();
        (if has_nul { None } else { Self::of_letters(start) }.unwrap_or(told.0), 0)
    }

    /// The encoding of text that is no UTF-8, told by the letters that it makes of the bytes; none where the bytes are
    /// UTF-8 but for some, or speak for nothing.
    pub fn of_letters(text: &[u8]) -> Option<Self> {
        told_by(text).map(|(encoding, _)| encoding)
    }
}

/// As [`Encoding::of_letters`], and whether words of a script that is not Latin tell it.
pub(super) fn told_by(text: &[u8]) -> Option<(Encoding, bool)> {
    if !is_no_utf8(text) || is_binary(text) {
        return None;
    }
    let odd = Odd::of(text);
    if odd.whole >= odd.broken {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    feed(&mut detector, text);
    let guessed = detector.guess(None, Utf8Detection::Deny);
    // Hardly anybody writes the last letter of the Latin ones.
    let is_likely = 2 * (memchr::memchr_iter(0xff, text).count() as u64) < odd.broken;
    let found = match letters(guessed, text) {
        // It is a letter of other scripts, but not of half of a text; more often it fills what is empty.
        Some(Letters::Others) => return is_likely.then_some((Encoding::Whatwg(guessed), true)),
        Some(Letters::Latin) if guessed != WINDOWS_1252 => is_likely.then_some(guessed),
        // Nobody writes the bytes that it has no character for.
        _ => (is_likely && odd.undefined == 0).then_some(WINDOWS_1252),
    };
    found.map(|known| (Encoding::Whatwg(known), false))
}

/// Hand lines that are not ASCII to a detector, which takes its time: so many as tell what there is to tell.
fn feed(detector: &mut EncodingDetector, text: &[u8]) {
    let mut left = FED_BYTES;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let Some(first) = line.iter().position(|byte| !byte.is_ascii()) else { continue };
        // Of an endless line what comes before is as it was; what comes last may be cut.
        let line = &line[first.saturating_sub(LED_BYTES)..];
        detector.feed(&line[..line.len().min(left)], false);
        left -= line.len().min(left);
        if left == 0 {
            break;
        }
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

/// True when a file that begins so is text of a mainframe: its letters and digits are where no text of others has them
/// alone, and its blanks and line ends where others have signs.
pub fn is_ebcdic(start: &[u8]) -> bool {
    let start = &start[..start.len().min(GUESSED_BYTES)];
    let is_written = |byte: u8| matches!(byte, 0x81..=0x89 | 0x91..=0x99 | 0xa2..=0xa9 | 0xc1..=0xc9 | 0xd1..=0xd9 | 0xe2..=0xe9 | 0xf0..=0xf9);
    let is_usual = |byte: u8| {
        is_written(byte)
            || matches!(byte, 0x05 | 0x0d | 0x15 | 0x25 | 0x40 | 0x4a..=0x50 | 0x5a..=0x61 | 0x6a..=0x6f | 0x79..=0x7f)
    };
    let count = |is: &dyn Fn(u8) -> bool| start.iter().filter(|byte| is(**byte)).count();
    start.len() >= 16
        && is_no_utf8(start)
        && !start.iter().any(|byte| matches!(byte, b'\t' | b'\n' | b' '))
        && count(&is_usual) * 50 >= start.len() * 49
        && count(&is_written) * 2 >= start.len()
}

/// What stands in the place of line ends in a text without any, in words.
pub fn other_line_end(start: &[u8]) -> Option<&'static str> {
    const ENDS: [(&[u8], &str); 4] = [
        (b"\x1e", "U+001E (record separator)"),
        ("\u{85}".as_bytes(), "U+0085 (next line)"),
        ("\u{2028}".as_bytes(), "U+2028 (line separator)"),
        ("\u{2029}".as_bytes(), "U+2029 (paragraph separator)"),
    ];
    if memchr::memchr2(b'\n', b'\r', start).is_some() {
        return None;
    }
    let found = |end: &[u8]| memchr::memmem::find_iter(start, end).nth(1).is_some();
    ENDS.iter().find(|(end, _)| found(end)).map(|(_, name)| *name)
}

/// Bytes of lines that are not ASCII by which an encoding is told, and of ASCII before them in their line.
const FED_BYTES: usize = 64 << 10;
const LED_BYTES: usize = 256;
/// Bytes of a file's beginning by which its encoding is guessed.
pub(super) const GUESSED_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_mainframe_is_told_from_text_in_one_line() {
        let table =
            [0x89, 0x84, 0x6b, 0xa2, 0x25, 0xf1, 0x6b, 0x95, 0x81, 0x94, 0x85, 0xf1, 0x25, 0xf2, 0x6b, 0xd5, 0x25];
        assert!(is_ebcdic(&table));
        for text in ["Привет,Мир,Москва,Петербург", "naïve,café,Übergröße,Ängström,Ñandú"]
        {
            assert!(!is_ebcdic(text.as_bytes()), "{text}");
            for encoding in [encoding_rs::WINDOWS_1251, encoding_rs::WINDOWS_1252, encoding_rs::KOI8_R] {
                assert!(!is_ebcdic(&encoding.encode(text).0), "{text}");
            }
        }
        assert_eq!(other_line_end("a\x1fb\x1ec\x1fd\x1e".as_bytes()), Some("U+001E (record separator)"));
        assert_eq!(other_line_end("a,b\u{2028}c,d\u{2028}".as_bytes()), Some("U+2028 (line separator)"));
        assert_eq!(other_line_end("a,b\u{2028}c,d\u{2028}\n".as_bytes()), None);
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
        // Bytes that fill what is empty are no letters, though some scripts have one for them.
        assert_eq!(Encoding::of_letters(b"\xff\xff\n"), None);
        assert_eq!(Encoding::of_letters(b"\xff\xee\xe7\n").map(Encoding::name).as_deref(), Some("windows-1251"));
    }
}
