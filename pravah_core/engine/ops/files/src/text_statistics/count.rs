//! Lines, words and encoding of one text, block by block.

use memchr::{memchr, memchr2_iter};

use pravah_foundation::tabular::text::{ChosenEncoding, Encoding};

/// How a text's bytes stand for characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CharacterEncoding {
    /// Bytes below 128 only.
    Ascii,
    /// Valid UTF-8 with other bytes too.
    Utf8,
    /// Text of two bytes a unit, the low one first, told by its byte order mark.
    Utf16Le,
    /// The same with the high byte first.
    Utf16Be,
    /// No valid UTF-8 or UTF-16: Latin-1 or another encoding, which no tool can know from the bytes.
    Other,
    /// A NUL byte at its beginning: no text.
    Binary,
    /// No byte at all.
    Empty,
}

impl CharacterEncoding {
    /// The name in the result.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ascii => "ascii",
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Other => "other",
            Self::Binary => "binary",
            Self::Empty => "empty",
        }
    }

    /// The encoding of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        let all = [Self::Ascii, Self::Utf8, Self::Utf16Le, Self::Utf16Be, Self::Other, Self::Binary, Self::Empty];
        all.into_iter().find(|encoding| encoding.as_str() == name)
    }

    /// True when lines and words can be counted.
    pub fn is_text(self) -> bool {
        !matches!(self, Self::Binary | Self::Empty)
    }
}

/// What a text holds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Text {
    /// Line ends `\n`.
    pub lf: u64,
    /// Line ends `\r\n`.
    pub crlf: u64,
    /// Line ends `\r`.
    pub cr: u64,
    /// Runs of what is no white space.
    pub words: u64,
    /// Bytes of the longest line, without its end.
    pub longest: u64,
    /// Bytes after the last line end.
    rest: u64,
}

impl Text {
    /// As a row of an earlier result has it.
    pub fn of_row([words, longest, lf, crlf, cr]: [u64; 5], is_ended: bool) -> Self {
        Self { lf, crlf, cr, words, longest, rest: u64::from(!is_ended) }
    }

    /// Lines, the last one also without an end.
    pub fn lines(&self) -> u64 {
        self.lf + self.crlf + self.cr + u64::from(self.rest > 0)
    }

    /// How its lines end.
    pub fn line_ending(&self) -> &'static str {
        match (self.lf > 0, self.crlf > 0, self.cr > 0) {
            (false, false, false) => "none",
            (true, false, false) => "lf",
            (false, true, false) => "crlf",
            (false, false, true) => "cr",
            _ => "mixed",
        }
    }

    /// True when the last line has its end.
    pub fn is_ended(&self) -> bool {
        self.rest == 0
    }
}

/// Counts one text.
#[derive(Debug)]
pub struct Counter {
    text: Text,
    encoding: CharacterEncoding,
    has_mark: bool,
    begun: bool,
    after_cr: bool,
    after_space: bool,
    /// The first half of a pair of UTF-16 units came.
    after_half: bool,
    /// There was one half of a pair without the other.
    is_torn: bool,
    /// The beginning of a character or unit whose rest is still to come.
    pending: Vec<u8>,
}

impl Counter {
    /// For a text of which nothing was seen.
    pub fn new() -> Self {
        Self {
            text: Text::default(),
            encoding: CharacterEncoding::Empty,
            has_mark: false,
            begun: false,
            after_cr: false,
            after_space: true,
            after_half: false,
            is_torn: false,
            pending: Vec::new(),
        }
    }

    /// Take the next bytes; false when they are no text.
    pub fn block(&mut self, bytes: &[u8]) -> bool {
        let mut bytes = bytes;
        if !self.begun && !bytes.is_empty() {
            self.begun = true;
            let mark = self.begin(bytes);
            bytes = &bytes[mark..];
        }
        match self.encoding {
            CharacterEncoding::Binary => return false,
            CharacterEncoding::Utf16Le => self.utf16(bytes, u16::from_le_bytes),
            CharacterEncoding::Utf16Be => self.utf16(bytes, u16::from_be_bytes),
            _ => {
                self.validate(bytes);
                self.lines(bytes);
                self.words(bytes);
            }
        }
        true
    }

    /// What was counted, the encoding, and whether there was a byte order mark.
    pub fn end(mut self) -> (Text, CharacterEncoding, bool) {
        if self.is_torn || self.after_half || self.encoding.is_text() && !self.pending.is_empty() {
            self.encoding = CharacterEncoding::Other;
        }
        self.text.longest = self.text.longest.max(self.text.rest);
        (self.text, self.encoding, self.has_mark)
    }

    /// Look at the first block; the length of its byte order mark.
    fn begin(&mut self, bytes: &[u8]) -> usize {
        let (encoding, mark) = Encoding::of(bytes, ChosenEncoding::AUTO);
        self.has_mark = mark > 0;
        self.encoding = match &*encoding.name() {
            "utf-16le" => CharacterEncoding::Utf16Le,
            "utf-16be" => CharacterEncoding::Utf16Be,
            _ if self.has_mark => CharacterEncoding::Utf8,
            _ if memchr(0, bytes).is_some() => CharacterEncoding::Binary,
            _ => CharacterEncoding::Ascii,
        };
        mark
    }

    fn validate(&mut self, bytes: &[u8]) {
        if self.encoding == CharacterEncoding::Other || (self.pending.is_empty() && bytes.is_ascii()) {
            return;
        }
        self.encoding = CharacterEncoding::Utf8;
        let mut whole = std::mem::take(&mut self.pending);
        let bytes = if whole.is_empty() {
            bytes
        } else {
            whole.extend_from_slice(bytes);
            &whole
        };
        match std::str::from_utf8(bytes) {
            Ok(_) => {}
            Err(error) if error.error_len().is_none() => self.pending = bytes[error.valid_up_to()..].to_vec(),
            Err(_) => self.encoding = CharacterEncoding::Other,
        }
    }

    fn lines(&mut self, bytes: &[u8]) {
        let mut start = 0;
        for place in memchr2_iter(b'\n', b'\r', bytes) {
            let after_cr = if place == 0 { self.after_cr } else { bytes[place - 1] == b'\r' };
            if bytes[place] == b'\n' && after_cr {
                self.text.cr -= 1;
                self.text.crlf += 1;
            } else {
                self.break_line((place - start) as u64);
                if bytes[place] == b'\n' { self.text.lf += 1 } else { self.text.cr += 1 }
            }
            start = place + 1;
        }
        self.text.rest += (bytes.len() - start) as u64;
        if let Some(&last) = bytes.last() {
            self.after_cr = last == b'\r';
        }
    }

    /// A line ends `more` bytes after what was seen of it.
    fn break_line(&mut self, more: u64) {
        self.text.longest = self.text.longest.max(self.text.rest + more);
        self.text.rest = 0;
    }

    fn words(&mut self, bytes: &[u8]) {
        let Some((&first, &last)) = bytes.first().zip(bytes.last()) else { return };
        let mut words = u64::from(self.after_space && !is_space(first));
        // Pairs without a branch: the compiler makes vectors of them. Blocks of 255 keep the sums in bytes.
        for (before, here) in bytes.chunks(255).zip(bytes[1..].chunks(255)) {
            let starts = before.iter().zip(here).map(|(&a, &b)| u8::from(is_space(a) & !is_space(b)));
            words += u64::from(starts.fold(0u8, u8::wrapping_add));
        }
        self.text.words += words;
        self.after_space = is_space(last);
    }

    fn utf16(&mut self, bytes: &[u8], unit: fn([u8; 2]) -> u16) {
        let mut bytes = bytes;
        if let (Some(first), Some((&second, rest))) = (self.pending.pop(), bytes.split_first()) {
            self.unit(unit([first, second]));
            bytes = rest;
        }
        let mut pairs = bytes.chunks_exact(2);
        pairs.by_ref().for_each(|pair| self.unit(unit([pair[0], pair[1]])));
        self.pending.extend_from_slice(pairs.remainder());
    }

    fn unit(&mut self, unit: u16) {
        let is_second = (0xdc00..0xe000).contains(&unit);
        self.is_torn |= self.after_half != is_second;
        self.after_half = (0xd800..0xdc00).contains(&unit);
        let byte = u8::try_from(unit).unwrap_or(b'x');
        match byte {
            b'\n' if self.after_cr => {
                self.text.cr -= 1;
                self.text.crlf += 1;
            }
            b'\n' | b'\r' => {
                self.break_line(0);
                if byte == b'\n' { self.text.lf += 1 } else { self.text.cr += 1 }
            }
            _ => self.text.rest += 2,
        }
        self.after_cr = byte == b'\r';
        self.text.words += u64::from(self.after_space && !is_space(byte));
        self.after_space = is_space(byte);
    }
}

/// White space as C's `isspace` has it.
fn is_space(byte: u8) -> bool {
    (byte == b' ') | (byte.wrapping_sub(b'\t') < 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &[u8], block: usize) -> (Text, CharacterEncoding, bool) {
        let mut counter = Counter::new();
        text.chunks(block.max(1)).for_each(|bytes| {
            counter.block(bytes);
        });
        counter.end()
    }

    #[test]
    fn a_text_is_the_same_in_any_blocks() {
        let texts: [&[u8]; 8] = [
            b"one two\r\nthree\n\nfour\rfive",
            b"\r\n\r\n",
            b" \t\x0b lead and trail  ",
            "naïve café\n€\u{1f600}\n".as_bytes(),
            b"\xef\xbb\xbfmarked\n",
            b"\xff\xfea\0b\0 \0\r\0\n\0c\0",
            b"\xfe\xff\0a\0\n\x20\xac",
            b"latin caf\xe9\n",
        ];
        for text in texts {
            let whole = counted(text, text.len());
            // The first block must hold the byte order mark, as the engine's does.
            (3..text.len()).for_each(|block| assert_eq!(counted(text, block), whole, "{text:?} in {block}"));
        }
    }

    #[test]
    fn lines_words_and_encodings_are_those_of_the_text() {
        let (text, encoding, mark) = counted(b"one two\r\nthree\n\nfour\rfive", 100);
        assert_eq!((text.lf, text.crlf, text.cr, text.words, text.longest), (2, 1, 1, 5, 7));
        assert_eq!((text.lines(), text.line_ending(), text.is_ended()), (5, "mixed", false));
        assert_eq!((encoding, mark), (CharacterEncoding::Ascii, false));
        let (text, encoding, mark) = counted(b"\xff\xfea\0b\0 \0\r\0\n\0c\0", 100);
        assert_eq!(
            (text.lines(), text.words, text.longest, encoding, mark),
            (2, 2, 6, CharacterEncoding::Utf16Le, true)
        );
        assert_eq!(counted(b"caf\xe9", 9).1, CharacterEncoding::Other);
        assert_eq!(counted("café".as_bytes(), 4).1, CharacterEncoding::Utf8);
        assert_eq!(counted(b"\xff\xfe\x3d\xd8\x00\xdea\0", 5).1, CharacterEncoding::Utf16Le);
        for torn in [&b"\x3d\xd8a\0"[..], b"\x00\xde", b"a\0\x3d\xd8", b"a\0b"] {
            assert_eq!(counted(&[b"\xff\xfe", torn].concat(), 5).1, CharacterEncoding::Other, "{torn:?}");
        }
        assert_eq!(
            counted("caf\u{e9}".as_bytes().split_last().map_or(&b""[..], |(_, rest)| rest), 9).1,
            CharacterEncoding::Other
        );
        assert_eq!(counted(b"a\0b", 9).1, CharacterEncoding::Binary);
        assert_eq!(counted(b"", 9), (Text::default(), CharacterEncoding::Empty, false));
    }

    #[test]
    fn words_of_long_texts_are_counted_like_short_ones() {
        let text = b"word  ".repeat(1000);
        assert_eq!(counted(&text, 1 << 20).0.words, 1000);
        assert_eq!(counted(&text, 257).0.words, 1000);
    }
}
