//! Names of a zip's members that are not UTF-8: CP437 by the standard, the encoding of a country in practice.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;
use pravah_foundation::tabular::text;

/// Characters 128 to 255 of CP437.
const CP437: &str = "\
ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// How names are read that are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NameEncoding {
    Cp437,
    Of(&'static Encoding),
}

impl NameEncoding {
    /// `cp437`, or an encoding of the WHATWG standard in which the bytes of ASCII are the characters of ASCII, such as
    /// `/`.
    pub fn named(name: &str) -> Option<Self> {
        match text::Encoding::named(name) {
            Some(text::Encoding::Whatwg(encoding)) => encoding.is_ascii_compatible().then_some(Self::Of(encoding)),
            _ => (name == "cp437").then_some(Self::Cp437),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cp437 => "CP437",
            Self::Of(encoding) => encoding.name(),
        }
    }

    /// The encoding that all these names together look like, of East Asia or Cyrillic. Two of its letters stand side by
    /// side in some name; else a lone accented letter of the West would make one.
    pub fn guess<'a>(names: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        for name in names.clone() {
            detector.feed(name, false);
            detector.feed(b"\n", false);
        }
        detector.feed(b"", true);
        let guessed = detector.guess(None, Utf8Detection::Deny);
        let is_plausible = |name: &[u8]| {
            let (text, _, is_bad) = guessed.decode(name);
            (!is_bad).then(|| text::has_words(&text))
        };
        let found: Vec<Option<bool>> = names.map(is_plausible).collect();
        let is_whole = found.iter().all(Option::is_some) && found.contains(&Some(true));
        if is_whole { Self::Of(guessed) } else { Self::Cp437 }
    }

    /// A name as UTF-8.
    pub fn decode(self, name: &[u8]) -> Vec<u8> {
        match self {
            Self::Of(encoding) => encoding.decode_without_bom_handling(name).0.into_owned().into_bytes(),
            Self::Cp437 => {
                let character = |&byte: &u8| match byte {
                    ..0x80 => char::from(byte),
                    _ => CP437.chars().nth(usize::from(byte) - 0x80).unwrap_or('?'),
                };
                name.iter().map(character).collect::<String>().into_bytes()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_what_all_of_them_look_like() {
        assert_eq!(CP437.chars().count(), 128);
        let guess = |names: &[&[u8]]| NameEncoding::guess(names.iter().copied());
        let western: &[&[u8]] = &[b"brosch\x81re.pdf", b"na\x8bve.txt"];
        assert_eq!(guess(western), NameEncoding::Cp437);
        assert_eq!(NameEncoding::Cp437.decode(western[0]), "brosch\u{fc}re.pdf".as_bytes());
        // Their lone letters are those of other scripts, too.
        for name in [&b"Gr\x94\xe1e.txt"[..], b"pr\x82f\x82r\x82e \x85 la carte"] {
            assert_eq!(guess(&[name]), NameEncoding::Cp437, "{name:?}");
        }
        let japanese: &[&[u8]] = &[b"\x90V\x82\xb5\x82\xa2\x83t\x83H\x83\x8b\x83_/\x83\\.txt", b"\x83e\x83X\x83g.txt"];
        let encoding = guess(japanese);
        assert_eq!(encoding.name(), "Shift_JIS");
        assert_eq!(encoding.decode(japanese[1]), "\u{30c6}\u{30b9}\u{30c8}.txt".as_bytes());
        assert_eq!(NameEncoding::named("shift_jis").map(NameEncoding::name), Some("Shift_JIS"));
        assert_eq!(NameEncoding::named("cp437"), Some(NameEncoding::Cp437));
        for name in ["klingon", "latin1", "iso-8859-1", "utf-16le", "iso-2022-jp", "CP437"] {
            assert_eq!(NameEncoding::named(name), None, "{name}");
        }
    }
}
