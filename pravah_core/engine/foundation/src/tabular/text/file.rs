//! The text of one file whose encoding is found as its bytes come.
//!
//! All bytes below 128 are the same text in every encoding that has them, UTF-16 excepted. So a file is read as it is until
//! its first other byte, wherever that stands: the block that has it tells the encoding.

use std::borrow::Cow;

use encoding_rs::{UTF_16BE, UTF_16LE};
use memchr::{memchr, memchr_iter};

use super::{ChosenEncoding, Decoder, Encoding, MALFORMED, Odd, guess, wide};

/// How sure an encoding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Told by few letters, or it does not fit all bytes.
    Low,
    /// Told by what no other encoding looks like: valid UTF-8, words of a script, pairs of bytes.
    High,
    /// Told by a byte order mark or by the options, or ASCII.
    Certain,
}

impl Confidence {
    const ALL: [Self; 3] = [Self::Low, Self::High, Self::Certain];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::High => "high",
            Self::Certain => "certain",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|confidence| confidence.name() == name)
    }
}

/// What is known of a file's encoding.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name; `ascii`, `empty`, and `other` where nothing tells it: then bytes are taken as they are.
    pub name: Cow<'static, str>,
    /// How sure it is; none where there is no text.
    pub confidence: Option<Confidence>,
    /// Where the first byte stands that tells it.
    pub decided_at: Option<u64>,
    /// Sequences of bytes that are not valid in it.
    pub invalid: u64,
}

/// Words of a script that is not Latin are sure from so many bytes.
const SURE_BYTES: u64 = 16;
/// What comes after ASCII tells an encoding from so many bytes, or at the end of the file.
const TELLING_BYTES: usize = 4096;

/// What is known of the encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unseen,
    /// All was ASCII.
    Ascii,
    Known(Confidence),
    /// It is no UTF-8, and nothing else.
    Other,
}

/// What the bytes of a piece in the middle of a file hold, should the file be UTF-8: any thread may look at them.
#[derive(Debug)]
pub struct Look {
    is_ascii: bool,
    bytes: u64,
    invalid: u64,
    characters: u64,
    cut: Vec<u8>,
}

impl Look {
    /// Look at what follows `before`, of which the last three bytes are enough; `counts`: its characters.
    #[must_use]
    pub fn at(before: &[u8], bytes: &[u8], counts: bool) -> Self {
        let mut text = FileText::new(ChosenEncoding(Some(Encoding::UTF_8)), counts);
        text.keep_cut(before);
        let is_ascii = bytes.is_ascii();
        if is_ascii && text.cut.is_empty() {
            text.characters = bytes.len() as u64;
        } else {
            text.check(bytes, false);
        }
        let FileText { invalid, characters, cut, .. } = text;
        Self { is_ascii, bytes: bytes.len() as u64, invalid, characters, cut }
    }

    /// What comes behind the piece is taken for text, too.
    #[must_use]
    pub fn and_behind(mut self, behind: &[u8]) -> Self {
        self.is_ascii &= behind.is_ascii();
        self
    }
}

/// Makes text of a file's bytes, block by block.
pub struct FileText {
    chosen: ChosenEncoding,
    state: State,
    decoder: Decoder,
    counts: bool,
    /// Bytes of the file before those that come.
    offset: u64,
    decided_at: Option<u64>,
    /// What comes after ASCII, while it is too little to tell anything.
    held: Vec<u8>,
    /// The beginning of a character of UTF-8 that was handed out.
    cut: Vec<u8>,
    mark: usize,
    invalid: u64,
    characters: u64,
}

impl FileText {
    /// For a file of which nothing was seen; `counts`: its characters.
    pub fn new(chosen: ChosenEncoding, counts: bool) -> Self {
        Self {
            chosen,
            state: State::Unseen,
            decoder: Decoder::new(Encoding::UTF_8),
            counts,
            offset: 0,
            decided_at: None,
            held: Vec::new(),
            cut: Vec::new(),
            mark: 0,
            invalid: 0,
            characters: 0,
        }
    }

    /// The encoding of the text that was handed out; what is ASCII is UTF-8.
    pub fn encoding(&self) -> Encoding {
        self.decoder.encoding()
    }

    /// True when its units are of two bytes: all other text has a NUL where its bytes have one.
    pub fn is_wide(&self) -> bool {
        self.encoding() == Encoding::Whatwg(UTF_16LE) || self.encoding() == Encoding::Whatwg(UTF_16BE)
    }

    /// How long its byte order mark is.
    pub fn mark(&self) -> usize {
        self.mark
    }

    /// Its characters so far, where they are counted.
    pub fn characters(&self) -> u64 {
        self.characters
    }

    /// What is known of its encoding.
    pub fn found(&self) -> Found {
        let (name, confidence) = match self.state {
            State::Unseen => (Cow::Borrowed("empty"), None),
            State::Ascii => (Cow::Borrowed("ascii"), Some(Confidence::Certain)),
            State::Other => (Cow::Borrowed("other"), Some(Confidence::Low)),
            State::Known(confidence) => {
                let confidence = if self.invalid > 0 { Confidence::Low } else { confidence };
                (self.encoding().name(), Some(confidence))
            }
        };
        Found { name, confidence, decided_at: self.decided_at, invalid: self.invalid }
    }

    /// The next bytes as text, as [`Decoder::decode`] gives it. The first ones must hold the byte order mark, and as many
    /// as are to tell an encoding.
    pub fn decode<'a>(&mut self, mut bytes: &'a [u8], last: bool, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        if self.state == State::Unseen && !bytes.is_empty() {
            self.begin(bytes);
            bytes = &bytes[self.mark..];
        }
        let start = self.offset;
        self.offset += bytes.len() as u64;
        if self.state != State::Ascii {
            return self.known(bytes, last, buffer);
        }
        if self.held.is_empty() && bytes.is_ascii() {
            self.characters += bytes.len() as u64;
            return bytes;
        }
        if self.held.is_empty() {
            return self.decide(bytes, start, last, buffer);
        }
        let held = std::mem::take(&mut self.held);
        let whole = [&held[..], bytes].concat();
        let mut own = Vec::new();
        let text = self.decide(&whole, start - held.len() as u64, last, &mut own);
        buffer.clear();
        buffer.extend_from_slice(text);
        buffer
    }

    /// True while text is the bytes as they are, so that what comes next may be looked at in pieces.
    pub fn is_as_it_is(&self) -> bool {
        self.held.is_empty() && self.state != State::Unseen && self.encoding() == Encoding::UTF_8
    }

    /// True where [`FileText::pass`] may take that piece: it does not tell the encoding.
    pub fn may_pass(&self, look: &Look) -> bool {
        self.is_as_it_is() && (look.is_ascii || self.state != State::Ascii)
    }

    /// Go on behind a piece that was looked at.
    pub fn pass(&mut self, look: Look) {
        self.offset += look.bytes;
        self.invalid += look.invalid;
        self.characters += look.characters;
        self.cut = look.cut;
    }

    /// Look at the first bytes.
    fn begin(&mut self, start: &[u8]) {
        let (encoding, mark) = Encoding::of(start, self.chosen);
        (self.mark, self.offset) = (mark, mark as u64);
        let wide = if mark > 0 || self.chosen != ChosenEncoding::AUTO { None } else { wide::unmarked(start) };
        self.state = match wide {
            Some(wide) => {
                self.decided_at = memchr(0, start).map(|at| at as u64);
                self.decoder = Decoder::new(Encoding::Whatwg(wide));
                State::Known(Confidence::High)
            }
            None if mark > 0 || self.chosen != ChosenEncoding::AUTO => {
                self.decided_at = (mark > 0).then_some(0);
                self.decoder = Decoder::new(encoding);
                State::Known(Confidence::Certain)
            }
            None => State::Ascii,
        };
    }

    /// Find the encoding by bytes that are not all ASCII, the first that are not; they begin at `start` of the file.
    fn decide<'a>(&mut self, bytes: &'a [u8], start: u64, last: bool, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        let ascii = bytes.iter().take_while(|byte| byte.is_ascii()).count();
        if bytes.len() - ascii < TELLING_BYTES && !last {
            self.held.extend_from_slice(&bytes[ascii..]);
            self.characters += ascii as u64;
            return &bytes[..ascii];
        }
        self.decided_at = Some(start + ascii as u64);
        let is_cut = simdutf8::compat::from_utf8(bytes).is_err_and(|error| error.error_len().is_none());
        let told = match is_cut {
            // At the end of a file the beginning of a character is none.
            true if last => guess::told_by(&[bytes, b"\n"].concat()),
            _ => guess::told_by(bytes),
        };
        let has_nul = || memchr(0, bytes).is_some();
        self.state = match told.filter(|_| !has_nul()) {
            Some((encoding, are_words)) => {
                self.decoder = Decoder::new(encoding);
                let telling = bytes.iter().filter(|byte| !byte.is_ascii()).count() as u64;
                let is_sure = are_words && telling >= SURE_BYTES;
                State::Known(if is_sure { Confidence::High } else { Confidence::Low })
            }
            None if is_other(bytes, last) => State::Other,
            None => State::Known(Confidence::High),
        };
        self.known(bytes, last, buffer)
    }

    /// Decode by what is known.
    fn known<'a>(&mut self, bytes: &'a [u8], last: bool, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        if self.encoding() == Encoding::UTF_8 {
            self.check(bytes, last);
            return bytes;
        }
        let text = self.decoder.decode(bytes, last, buffer);
        let invalid = memchr_iter(MALFORMED, text).count() as u64;
        self.invalid += invalid;
        if self.counts {
            self.characters += text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u64 - invalid;
        }
        text
    }

    /// Count what is not valid in the next bytes of UTF-8, and characters.
    fn check(&mut self, bytes: &[u8], last: bool) {
        let mut bytes = bytes;
        if !self.cut.is_empty() {
            // What continues the character that was cut is looked at with it.
            let more = bytes.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
            let joint = [&self.cut[..], &bytes[..more]].concat();
            bytes = &bytes[more..];
            self.cut.clear();
            self.look_at(&joint, last || !bytes.is_empty());
            if bytes.is_empty() {
                return;
            }
        }
        self.look_at(bytes, last);
    }

    /// The same of bytes that begin with a character, or what should be one.
    fn look_at(&mut self, bytes: &[u8], last: bool) {
        if !last {
            self.keep_cut(bytes);
        }
        let bytes = &bytes[..bytes.len() - self.cut.len()];
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => self.characters += if self.counts { text.chars().count() as u64 } else { 0 },
            Err(_) => {
                for chunk in bytes.utf8_chunks() {
                    self.invalid += u64::from(!chunk.invalid().is_empty());
                    self.characters += chunk.valid().chars().count() as u64;
                }
            }
        }
    }

    /// Keep the beginning of a character at the end of these bytes, when there is one.
    fn keep_cut(&mut self, bytes: &[u8]) {
        let tail = bytes.len().saturating_sub(3);
        let Some(lead) = bytes[tail..].iter().rposition(|byte| *byte >= 0xc0) else { return };
        let (lead, tail) = (bytes[tail + lead], &bytes[tail + lead..]);
        let length = match lead {
            0xf0.. => 4,
            0xe0.. => 3,
            _ => 2,
        };
        let goes_on = tail[1..].iter().all(|byte| byte & 0xc0 == 0x80);
        if goes_on && tail.len() < length {
            self.cut.extend_from_slice(tail);
        }
    }
}

/// True where more bytes are no UTF-8 than are characters of it beyond ASCII.
fn is_other(bytes: &[u8], last: bool) -> bool {
    let bytes = match std::str::from_utf8(bytes) {
        Ok(_) => return false,
        Err(error) if error.error_len().is_none() && !last => &bytes[..error.valid_up_to()],
        Err(_) => bytes,
    };
    let odd = Odd::of(bytes);
    odd.broken > odd.whole
}

#[cfg(test)]
mod tests;
