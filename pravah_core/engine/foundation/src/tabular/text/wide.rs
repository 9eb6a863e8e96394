//! UTF-16 without a byte order mark: told by what its pairs of bytes are, and by what they are not.
//!
//! Nearly any bytes are some UTF-16: two ASCII letters are one Han character. So what is taken for it must be text in one
//! order of bytes and none in the other, and must look like nothing else.

use encoding_rs::{UTF_16BE, UTF_16LE};

use super::guess::GUESSED_BYTES;

/// Fewer units than that tell nothing in a script without zeros.
const FEWEST_UNITS: usize = 8;

/// The order of bytes of a file that begins so and is UTF-16; none where it is no UTF-16, or either order may be right.
pub fn unmarked(start: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let (pairs, rest) = start[..start.len().min(GUESSED_BYTES)].as_chunks::<2>();
    let zeros = |side: usize| pairs.iter().filter(|pair| pair[side] == 0).count();
    let (first, second) = (zeros(0), zeros(1));
    // Even what has no Latin letter has the ends of its lines.
    if first + second == 0 {
        return None;
    }
    let is_whole = rest.is_empty();
    let of = |high: usize, order: fn([u8; 2]) -> u16| {
        let (zeros, others) = if high == 0 { (first, second) } else { (second, first) };
        let is_text = |units: Units| others == 0 && units.are_latin(zeros) || is_whole && units.are_lines();
        Units::of(pairs, high, order).is_some_and(is_text)
    };
    match (of(0, u16::from_be_bytes), of(1, u16::from_le_bytes)) {
        (true, false) => Some(UTF_16BE),
        (false, true) => Some(UTF_16LE),
        _ => None,
    }
}

/// The mark of UTF-32, little end first: it begins as that of UTF-16 does.
pub(super) const UTF_32_MARK: &[u8] = &[0xff, 0xfe, 0, 0];
/// Nothing else is four bytes of one character each, so many times.
const FEWEST_QUADS: usize = 4;

/// True when a file that begins so is text in UTF-32, with its mark or without.
pub fn is_utf_32(start: &[u8]) -> bool {
    let (quads, _) = start[..start.len().min(GUESSED_BYTES)].as_chunks::<4>();
    let are_characters = |order: fn([u8; 4]) -> u32| {
        let usual = |quad: &[u8; 4]| char::from_u32(order(*quad)).is_some_and(is_usual);
        quads.len() >= FEWEST_QUADS && quads.iter().filter(|quad| usual(quad)).count() * 50 >= quads.len() * 49
    };
    let is_marked = start.starts_with(UTF_32_MARK) || start.starts_with(&[0, 0, 0xfe, 0xff]);
    is_marked || are_characters(u32::from_be_bytes) || are_characters(u32::from_le_bytes)
}

/// What the units of a text are.
#[derive(Debug, Default)]
struct Units {
    all: usize,
    lines: usize,
    /// Control characters that a text may have.
    controls: usize,
    /// Characters that texts have.
    usual: usize,
    ascii: usize,
    /// Characters beyond ASCII of one unit.
    others: usize,
    /// Of these: both bytes are ASCII of a text.
    like_ascii: usize,
    /// Their high bytes, one bit for each.
    highs: [u128; 2],
}

impl Units {
    /// Of pairs of bytes whose high one has that place; none where they are no text.
    fn of(pairs: &[[u8; 2]], high: usize, order: fn([u8; 2]) -> u16) -> Option<Self> {
        let mut units = Self::default();
        let mut found = char::decode_utf16(pairs.iter().map(|pair| order(*pair))).peekable();
        let mut place = 0;
        while let Some(character) = found.next() {
            let Ok(character) = character else {
                // The last one may be cut.
                return found.peek().is_none().then_some(units);
            };
            units.add(character)?;
            if character > '\x7f' && character.len_utf16() == 1 {
                let byte = pairs[place][high];
                units.others += 1;
                units.like_ascii += usize::from(pairs[place].iter().all(|byte| is_ascii_text(*byte)));
                units.highs[usize::from(byte >> 7)] |= 1 << (byte & 0x7f);
            }
            place += character.len_utf16();
        }
        Some(units)
    }

    fn add(&mut self, character: char) -> Option<()> {
        self.all += 1;
        match character {
            '\n' | '\r' => self.lines += 1,
            '\t' => {}
            '\x01' | '\x0b'..='\x0c' | '\x1a'..='\x1f' => self.controls += 1,
            _ if character.is_control() || is_for_nobody(character) => return None,
            _ => {}
        }
        self.usual += usize::from(is_usual(character));
        self.ascii += usize::from(character.is_ascii());
        Some(())
    }

    /// Nearly all characters are usual ones; in a short text all.
    fn are_usual(&self) -> bool {
        self.controls * 50 <= self.all && (self.all - self.usual) * 50 <= self.all
    }

    /// Half of the characters have zeros for their high bytes, and most of these are ASCII.
    fn are_latin(&self, zeros: usize) -> bool {
        zeros >= self.all.div_ceil(2).max(4) && self.ascii * 5 > zeros * 3 && self.are_usual()
    }

    /// Lines of text in another script.
    fn are_lines(&self) -> bool {
        // Of Han a third, of ASCII nearly all pairs are ASCII of a text. Hiragana may be, and is of one high byte.
        let highs: u32 = self.highs.iter().map(|bits| bits.count_ones()).sum();
        let is_ascii = self.like_ascii * 4 > self.others * 3 && highs > 3;
        self.all >= FEWEST_UNITS && self.lines > 0 && self.are_usual() && !is_ascii
    }
}

/// Private ones, and what is no character.
fn is_for_nobody(character: char) -> bool {
    let unit = character as u32;
    matches!(unit, 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xf_0000..) || unit & 0xfffe == 0xfffe
}

fn is_ascii_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

/// Characters of the scripts that files are written in, with their signs.
fn is_usual(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{a0}'..='\u{52f}' | '\u{531}'..='\u{587}'
        | '\u{591}'..='\u{6ff}' | '\u{900}'..='\u{97f}' | '\u{e01}'..='\u{e5b}' | '\u{10a0}'..='\u{11ff}'
        | '\u{1e00}'..='\u{1fff}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2027}' | '\u{202f}'..='\u{205e}'
        | '\u{20a0}'..='\u{20bf}' | '\u{2100}'..='\u{22ff}' | '\u{2460}'..='\u{26ff}' | '\u{3000}'..='\u{30ff}'
        | '\u{3131}'..='\u{318e}' | '\u{3200}'..='\u{33ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fb00}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fdff}' | '\u{fe30}'..='\u{fe6f}'
        | '\u{fe70}'..='\u{feff}' | '\u{ff01}'..='\u{ffee}' | '\u{1f000}'..='\u{1faff}' | '\u{20000}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::super::{ChosenEncoding, Encoding};
    use super::*;

    const LITTLE: fn(u16) -> [u8; 2] = u16::to_le_bytes;
    const BIG: fn(u16) -> [u8; 2] = u16::to_be_bytes;

    fn bytes(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    fn guess(bytes: &[u8]) -> Encoding {
        Encoding::guess(bytes, ChosenEncoding::AUTO).0
    }

    fn random(state: &mut u64) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as usize
    }

    const TEXTS: [&str; 14] = [
        "id,name\n1,\u{e9}\n",
        "id,\u{444}\n1,\u{436}\n",
        "one line without an end",
        "na\u{ef}ve caf\u{e9}, \u{20ac} 5 \u{2013} \u{201c}no\u{201d}\r\n",
        "\u{59d3}\u{540d},\u{57ce}\u{5e02}\n\u{5f20}\u{4e00},\u{5317}\u{4eac}\n",
        // A poem, a table, a notice: lines of Han, kana, Hangul, Cyrillic, Greek, Hebrew, Arabic and Thai.
        "\u{5e8a}\u{524d}\u{660e}\u{6708}\u{5149}\u{ff0c}\u{7591}\u{662f}\u{5730}\u{4e0a}\u{971c}\u{3002}\n\u{4e3e}\u{5934}\u{671b}\u{660e}\u{6708}\u{ff0c}\u{4f4e}\u{5934}\u{601d}\u{6545}\u{4e61}\u{3002}\n",
        "\u{3059}\u{3082}\u{3082}\u{3082}\u{3082}\u{3082}\u{3082}\u{3082}\u{3082}\u{306e}\u{3046}\u{3061}\n",
        "\u{540d}\u{524d},\u{4f4f}\u{6240}\r\n\u{5c71}\u{7530}\u{592a}\u{90ce},\u{6771}\u{4eac}\u{90fd}\r\n\u{30c6}\u{30b9}\u{30c8}\u{3067}\u{3059}\r\n",
        "\u{c774}\u{b984},\u{b3c4}\u{c2dc}\n\u{ae40}\u{cca0}\u{c218},\u{c11c}\u{c6b8}\n",
        "\u{418}\u{43c}\u{44f};\u{413}\u{43e}\u{440}\u{43e}\u{434}\n\u{418}\u{432}\u{430}\u{43d};\u{41c}\u{43e}\u{441}\u{43a}\u{432}\u{430}\n",
        "\u{1f7}\u{3bd}\u{3bf}\u{3bc}\u{3b1};\u{3a0}\u{3cc}\u{3bb}\u{3b7}\n\u{39d}\u{3af}\u{3ba}\u{3bf}\u{3c2}\n",
        "\u{5e9}\u{5dd};\u{5e2}\u{5d9}\u{5e8}\n\u{5d3}\u{5d5}\u{5d3};\u{5d7}\u{5d9}\u{5e4}\u{5d4}\n",
        "\u{627}\u{633}\u{645}\u{60c}\u{645}\u{62f}\u{64a}\u{646}\u{629}\r\n\u{639}\u{644}\u{64a}\r\n",
        "\u{e0a}\u{e37}\u{e48}\u{e2d},\u{e40}\u{e21}\u{e37}\u{e2d}\u{e07}\n\u{1f600}\n",
    ];

    #[test]
    fn utf_16_without_a_mark_is_known_in_any_script_and_order() {
        for text in TEXTS {
            for times in [1, 2, 700] {
                let text = text.repeat(times);
                assert_eq!(guess(&bytes(&text, BIG)), Encoding::Whatwg(UTF_16BE), "{text}");
                assert_eq!(guess(&bytes(&text, LITTLE)), Encoding::Whatwg(UTF_16LE), "{text}");
                assert_eq!(guess(text.as_bytes()), Encoding::UTF_8);
            }
        }
    }

    #[test]
    fn a_nul_here_and_there_makes_no_utf_16() {
        for bytes in [&b"id,name\n1,a\0b\n2,c\0\n"[..], b"a,b\n\0\n\0\n", b"\0\x01\x02\n\0\xff\xfe\0"] {
            assert_eq!(guess(bytes), Encoding::UTF_8, "{bytes:?}");
        }
        // Wherever the NUL and the two others stand.
        for nul in 0..27 {
            for other in 0..27 {
                let mut bytes = *b"ab,cd\nefghij,kl\nmnop,qrst\nu";
                (bytes[other], bytes[(other * 7 + 3) % 27], bytes[nul]) = (0xff, 0xff, 0);
                assert_eq!(guess(&bytes), Encoding::UTF_8, "{bytes:?}");
                assert_eq!(unmarked(&bytes[..26]), None, "{bytes:?}");
            }
        }
    }

    #[test]
    fn utf_32_is_known_with_a_mark_and_without_and_nothing_else_is() {
        for text in TEXTS {
            let big: Vec<u8> = text.chars().flat_map(|one| (one as u32).to_be_bytes()).collect();
            let little: Vec<u8> = text.chars().flat_map(|one| (one as u32).to_le_bytes()).collect();
            assert!(is_utf_32(&big) && is_utf_32(&little), "{text}");
            assert!(!is_utf_32(text.as_bytes()) && !is_utf_32(&bytes(text, BIG)) && !is_utf_32(&bytes(text, LITTLE)));
        }
        for bytes in [&[0; 600][..], b"a\0\0\0b,c\0\0\0\n", b"id,n\n1,\0\0\0\0\0\0\0\0\n", b""] {
            assert!(!is_utf_32(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn numbers_noise_and_pictures_are_no_utf_16() {
        let mut state = 20_261_129;
        for round in 0..5000 {
            let length = 128 + random(&mut state) % 400;
            let most = [256, 128, 64, 16, 4][round % 5];
            // Bytes of any value and of small ones; 16-bit numbers of small and of medium values, little end first.
            let bytes: Vec<u8> = match round % 3 {
                0 => (0..length).map(|_| (random(&mut state) % most) as u8).collect(),
                1 => (0..length / 2).flat_map(|_| ((random(&mut state) % most) as u16).to_le_bytes()).collect(),
                _ => (0..length / 2).flat_map(|_| (random(&mut state) as u16 % 2000).to_le_bytes()).collect(),
            };
            assert_eq!(unmarked(&bytes), None, "{bytes:?}");
        }
        // Lines of ASCII with zeros between them, as some programs write records.
        for record in ["key\0value\n", "a\n\0", "\0\0\0\x05hello\n", "name\0\0\0\0\0\0\0\0 12\n\0"] {
            assert_eq!(unmarked(record.repeat(300).as_bytes()), None, "{record:?}");
        }
    }
}
