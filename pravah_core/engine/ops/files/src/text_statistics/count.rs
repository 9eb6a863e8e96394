//! Lines, words and encoding of one text, block by block.

use memchr::{memchr, memchr2_iter};

use pravah_foundation::io::digest::{ALIGNED_BYTES, Rest, Stop};
use pravah_foundation::run::encodings;
use pravah_foundation::tabular::text::{ChosenEncoding, FileText, Found, Look};

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
    /// Characters; what is not valid in the encoding is none.
    pub characters: u64,
    /// Bytes of the longest line, without its end.
    pub longest: u64,
    /// Bytes after the last line end.
    rest: u64,
}

impl Text {
    /// As a row of an earlier result has it.
    pub fn of_row([words, characters, longest, lf, crlf, cr]: [u64; 6], is_ended: bool) -> Self {
        Self { lf, crlf, cr, words, characters, longest, rest: u64::from(!is_ended) }
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

    /// Add what follows.
    fn add(&mut self, part: &Part) {
        let Part { text, first } = part;
        self.lf += text.lf;
        self.crlf += text.crlf;
        self.cr = self.cr.wrapping_add(text.cr);
        self.words += text.words;
        match first {
            Some(first) => {
                self.longest = self.longest.max(self.rest + first).max(text.longest);
                self.rest = text.rest;
            }
            None => self.rest += text.rest,
        }
    }
}

/// What a part of a text holds. One that begins with the second half of a `\r\n` has -1 `\r`: the first half counted as
/// one in the part before.
#[derive(Debug, Default)]
struct Part {
    text: Text,
    /// Bytes before its first line end; none without one.
    first: Option<u64>,
}

impl Part {
    /// Count these bytes, which follow the byte `last`.
    fn of(last: u8, bytes: &[u8]) -> Self {
        let mut part = Self::default();
        part.lines(last, bytes);
        part.text.words = words(last, bytes);
        part
    }

    fn lines(&mut self, last: u8, bytes: &[u8]) {
        let text = &mut self.text;
        let mut start = 0;
        for place in memchr2_iter(b'\n', b'\r', bytes) {
            let before = if place == 0 { last } else { bytes[place - 1] };
            if bytes[place] == b'\n' && before == b'\r' {
                text.cr = text.cr.wrapping_sub(1);
                text.crlf += 1;
            } else {
                let line = (place - start) as u64;
                self.first.get_or_insert(line);
                text.longest = text.longest.max(line);
                if bytes[place] == b'\n' { text.lf += 1 } else { text.cr = text.cr.wrapping_add(1) }
            }
            start = place + 1;
        }
        text.rest = (bytes.len() - start) as u64;
    }
}

/// Words that begin in these bytes, which follow the byte `last`.
fn words(last: u8, bytes: &[u8]) -> u64 {
    let Some(&first) = bytes.first() else { return 0 };
    let mut words = u64::from(is_space(last) && !is_space(first));
    // Pairs without a branch: the compiler makes vectors of them. Blocks of 255 keep the sums in bytes.
    for (before, here) in bytes.chunks(255).zip(bytes[1..].chunks(255)) {
        let starts = before.iter().zip(here).map(|(&a, &b)| u8::from(is_space(a) & !is_space(b)));
        words += u64::from(starts.fold(0u8, u8::wrapping_add));
    }
    words
}

/// Counts one text. Ends of lines and white space are the same bytes in every encoding except UTF-16, and no part of
/// other characters: they are counted in the bytes of the file.
pub struct Counter {
    text: Text,
    reader: FileText,
    buffer: Vec<u8>,
    wide: Option<fn([u8; 2]) -> u16>,
    is_binary: bool,
    begun: bool,
    /// The character that came last, where it is of ASCII; white space before the first.
    last: u8,
    /// The beginning of a unit whose rest is still to come.
    half: Option<u8>,
}

impl Counter {
    /// For a text of which nothing was seen.
    pub fn new(chosen: ChosenEncoding) -> Self {
        Self {
            text: Text::default(),
            reader: FileText::new(chosen, true),
            buffer: Vec::new(),
            wide: None,
            is_binary: false,
            begun: false,
            last: b' ',
            half: None,
        }
    }

    /// Take the next bytes; false when they are no text.
    pub fn block(&mut self, bytes: &[u8], last: bool) -> bool {
        let mut bytes = bytes;
        self.reader.decode(bytes, last, &mut self.buffer);
        if !self.begun && !bytes.is_empty() {
            self.begun = true;
            self.wide = match &*self.reader.encoding().name() {
                "utf-16le" => Some(u16::from_le_bytes),
                "utf-16be" => Some(u16::from_be_bytes),
                _ => None,
            };
            self.is_binary = self.wide.is_none() && memchr(0, bytes).is_some();
            bytes = &bytes[self.reader.mark()..];
        }
        if self.is_binary {
            return false;
        }
        match self.wide {
            Some(unit) => self.utf16(bytes, unit),
            None => {
                self.text.add(&Part::of(self.last, bytes));
                self.last = bytes.last().copied().unwrap_or(self.last);
            }
        }
        true
    }

    /// Count what is left of the file in pieces, up to one that tells the encoding; where that ends.
    pub fn rest(&mut self, rest: &Rest<'_>, piece_bytes: Option<usize>) -> Result<u64, Stop> {
        if !self.begun || self.is_binary || !self.reader.is_as_it_is() {
            return Ok(rest.start());
        }
        let (_, end) = rest.in_pieces(piece_bytes, self, |bytes, buffer, piece| {
            // What comes before it tells whether a character, a word or the end of a line goes on.
            let start = bytes.start - ALIGNED_BYTES;
            buffer.resize((bytes.end - start) as usize, 0);
            rest.read(buffer, start)?;
            let (before, bytes) = buffer.split_at(ALIGNED_BYTES as usize);
            let look = Look::at(before, bytes, true);
            let last = |bytes: &[u8]| bytes.last().copied().unwrap_or_default();
            let part = Part::of(last(before), bytes);
            piece.take(|counter| {
                counter.reader.may_pass(&look).then(|| {
                    counter.reader.pass(look);
                    counter.text.add(&part);
                    counter.last = last(bytes);
                })
            });
            Ok(())
        })?;
        Ok(end)
    }

    /// What was counted, what is known of the encoding, and whether there was a byte order mark.
    pub fn end(mut self) -> (Text, Found, bool) {
        self.reader.decode(&[], true, &mut self.buffer);
        // A half is no end of a line.
        self.text.rest += u64::from(self.half.is_some());
        self.text.longest = self.text.longest.max(self.text.rest);
        self.text.characters = self.reader.characters();
        let has_mark = self.reader.mark() > 0;
        match self.is_binary {
            true => (Text::default(), encodings::binary(), has_mark),
            false => (self.text, self.reader.found(), has_mark),
        }
    }

    fn utf16(&mut self, bytes: &[u8], unit: fn([u8; 2]) -> u16) {
        let mut bytes = bytes;
        if let (Some(first), Some((&second, rest))) = (self.half, bytes.split_first()) {
            self.half = None;
            self.unit(unit([first, second]));
            bytes = rest;
        }
        let (pairs, rest) = bytes.as_chunks::<2>();
        pairs.iter().for_each(|pair| self.unit(unit(*pair)));
        if let Some(&first) = rest.first() {
            self.half = Some(first);
        }
    }

    fn unit(&mut self, unit: u16) {
        let byte = u8::try_from(unit).unwrap_or(b'x');
        let text = &mut self.text;
        match byte {
            b'\n' if self.last == b'\r' => {
                text.cr -= 1;
                text.crlf += 1;
            }
            b'\n' | b'\r' => {
                text.longest = text.longest.max(text.rest);
                text.rest = 0;
                if byte == b'\n' { text.lf += 1 } else { text.cr += 1 }
            }
            _ => text.rest += 2,
        }
        text.words += u64::from(is_space(self.last) && !is_space(byte));
        self.last = byte;
    }
}

/// White space as C's `isspace` has it.
fn is_space(byte: u8) -> bool {
    (byte == b' ') | (byte.wrapping_sub(b'\t') < 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &[u8], block: usize) -> (Text, Found, bool) {
        let mut counter = Counter::new(ChosenEncoding::AUTO);
        text.chunks(block.max(1)).for_each(|bytes| {
            counter.block(bytes, false);
        });
        counter.end()
    }

    fn encoding(text: &[u8]) -> (String, u64) {
        let (_, found, _) = counted(text, 100);
        (found.name.into_owned(), found.invalid)
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
        let (text, found, mark) = counted(b"one two\r\nthree\n\nfour\rfive", 100);
        assert_eq!((text.lf, text.crlf, text.cr, text.words, text.longest), (2, 1, 1, 5, 7));
        assert_eq!((text.lines(), text.line_ending(), text.is_ended(), text.characters), (5, "mixed", false, 25));
        assert_eq!((&*found.name, mark), ("ascii", false));
        let (text, found, mark) = counted(b"\xff\xfea\0b\0 \0\r\0\n\0c\0", 100);
        assert_eq!((text.lines(), text.words, text.longest, &*found.name, mark), (2, 2, 6, "utf-16le", true));
        assert_eq!(text.characters, 6);
        assert_eq!(encoding("café".as_bytes()), ("utf-8".into(), 0));
        assert_eq!(encoding(b"\xff\xfe\x3d\xd8\x00\xdea\0"), ("utf-16le".into(), 0));
        for torn in [&b"\x3d\xd8a\0"[..], b"\x00\xde", b"a\0\x3d\xd8", b"a\0b"] {
            assert_eq!(encoding(&[b"\xff\xfe", torn].concat()), ("utf-16le".into(), 1), "{torn:?}");
        }
        assert_eq!(encoding("caf\u{e9} caf\u{e9}".as_bytes().split_last().unwrap().1), ("utf-8".into(), 1));
        assert_eq!(encoding(b"a\0b"), ("binary".into(), 0));
        assert_eq!(counted(b"", 9).0, Text::default());
        assert_eq!(encoding(b""), ("empty".into(), 0));
    }

    #[test]
    fn words_of_long_texts_are_counted_like_short_ones() {
        let text = b"word  ".repeat(1000);
        assert_eq!(counted(&text, 1 << 20).0.words, 1000);
        assert_eq!(counted(&text, 257).0.words, 1000);
    }
}
