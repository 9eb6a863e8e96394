//! Where fields and records end: exactly, 64 bytes at a time.

use wide::u8x16;

use super::Dialect;

/// Bytes of a step; bit *i* of a mask is its byte *i*.
pub const STEP: usize = 64;

/// What ends outside quotes in a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// Delimiters.
    pub delimiters: u64,
    /// `\n` and `\r`.
    pub ends: u64,
}

/// A record that is none of the comments.
const NO_COMMENT: u8 = u8::MAX;

/// The state between two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Automaton {
    dialect: Dialect,
    /// It takes more than the marks of a step to know what they mean.
    is_slow: bool,
    inside: bool,
    /// A quote as the next byte opens: a field begins, or a quote has just closed (which makes it a doubled one).
    can_open: bool,
    escaped: bool,
    in_comment: bool,
    /// Bytes of the comment string that the record begins with; [`NO_COMMENT`] once it begins otherwise.
    matched: u8,
    /// The last byte was a quote inside quotes: it closes, or is the first of two.
    closes: bool,
    strays: Strays,
    /// There was a line end inside quotes.
    has_enclosed: bool,
    /// A field without quotes around it holds one.
    has_bare: bool,
    /// The last bytes of the field, for a delimiter of several: outside quotes, none of an earlier delimiter.
    tail: u64,
    tail_len: u8,
}

/// Texts behind a quote that closes: no delimiter, no line end and no further quote follows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Strays {
    /// How many.
    pub count: u64,
    /// Where the first one begins.
    pub first: u64,
    /// Bytes that were gone over.
    seen: u64,
}

impl Strays {
    #[inline]
    fn add(&mut self, places: u64) {
        if places != 0 {
            if self.count == 0 {
                self.first = self.seen + u64::from(places.trailing_zeros());
            }
            self.count += u64::from(places.count_ones());
        }
    }
}

impl Automaton {
    /// At the start of a record.
    pub fn new(dialect: Dialect) -> Self {
        let strays = Strays::default();
        let (inside, escaped, in_comment, closes) = (false, false, false, false);
        Self {
            dialect,
            is_slow: dialect.escape.is_some()
                || dialect.comment.is_some()
                || dialect.skips_blanks
                || dialect.lead.len > 0,
            inside,
            can_open: true,
            escaped,
            in_comment,
            matched: 0,
            closes,
            strays,
            has_enclosed: false,
            has_bare: false,
            tail: 0,
            tail_len: 0,
        }
    }

    /// Texts behind quotes so far.
    pub fn strays(&self) -> Strays {
        self.strays
    }

    /// True when there was a line end inside quotes.
    pub fn has_enclosed(&self) -> bool {
        self.has_enclosed
    }

    /// True when a quote was met that encloses nothing, or text behind one that closes.
    pub fn has_odd_quotes(&self) -> bool {
        self.has_bare || self.strays.count > 0
    }

    /// True in a quoted field.
    pub fn is_inside(&self) -> bool {
        self.inside
    }

    /// Go over the next 64 bytes.
    #[inline]
    pub fn step(&mut self, bytes: &[u8; STEP]) -> Marks {
        if self.is_slow {
            return self.slowly(bytes);
        }
        let Some(quote) = self.dialect.quote else {
            let [delimiters, lf, cr] = masks(bytes, [self.dialect.delimiter, b'\n', b'\r']);
            // Without quotes there is nothing behind one.
            return Marks { delimiters, ends: lf | cr };
        };
        let [delimiters, lf, cr, quotes] = masks(bytes, [self.dialect.delimiter, b'\n', b'\r', quote]);
        let ends = lf | cr;
        let structural = delimiters | ends;
        if quotes == 0 {
            if self.inside {
                self.strays.seen += STEP as u64;
                self.has_enclosed |= ends != 0;
                return Marks::default();
            }
            self.strays.add(u64::from(std::mem::take(&mut self.closes)) & !structural);
            self.strays.seen += STEP as u64;
            self.can_open = structural >> 63 == 1;
            return Marks { delimiters, ends };
        }
        // As if every quote opened or closed; whether each that opens may do so is looked at then. Those before the
        // first that may not are right, so that one which is wrong is always seen.
        let after = inclusive_parity(quotes) ^ if self.inside { u64::MAX } else { 0 };
        let before = after << 1 | u64::from(self.inside);
        let outside = structural & !before;
        let opens_next = outside | (quotes & before);
        let may_open = opens_next << 1 | u64::from(self.can_open);
        if quotes & !before & !may_open != 0 {
            return self.slowly(bytes);
        }
        let closing = quotes & before;
        self.strays.add((closing << 1 | u64::from(self.closes)) & !(quotes | structural));
        self.strays.seen += STEP as u64;
        self.has_enclosed |= ends & before != 0;
        self.closes = closing >> 63 == 1;
        self.inside = after >> 63 == 1;
        self.can_open = opens_next >> 63 == 1;
        Marks { delimiters: delimiters & !before, ends: ends & !before }
    }

    /// Go over at most 64 bytes, one by one.
    pub fn slowly(&mut self, bytes: &[u8]) -> Marks {
        let mut marks = Marks::default();
        let Dialect { quote, escape, .. } = self.dialect;
        let begins_delimiter = self.dialect.lead.first().unwrap_or(self.dialect.delimiter);
        for (place, &byte) in bytes.iter().enumerate() {
            let ends = byte == b'\n' || byte == b'\r';
            let closed = std::mem::take(&mut self.closes);
            if closed && !ends && byte != begins_delimiter && Some(byte) != quote {
                self.strays.add(1 << place);
            }
            if self.in_comment {
                self.in_comment = !ends;
                (self.matched, self.can_open) = (0, ends);
                marks.ends |= u64::from(ends) << place;
            } else if self.escaped {
                self.escaped = false;
                self.has_enclosed |= ends;
            } else if Some(byte) == escape
                && escape != quote
                && (self.inside || quote.is_none() || self.dialect.escapes_bare)
            {
                (self.escaped, self.tail_len) = (true, 0);
                self.matched = NO_COMMENT;
            } else if self.inside {
                self.has_enclosed |= ends;
                if Some(byte) == quote {
                    (self.inside, self.can_open, self.closes) = (false, true, true);
                }
            } else if Some(byte) == quote && self.can_open {
                (self.inside, self.matched) = (true, NO_COMMENT);
            } else {
                self.has_bare |= Some(byte) == quote;
                let is_delimiter = self.ends_delimiter(byte, ends);
                marks.delimiters |= u64::from(is_delimiter) << place;
                marks.ends |= u64::from(ends) << place;
                let is_skipped = self.dialect.skips_blanks && byte == b' ' && self.can_open && !closed;
                self.can_open = ends || is_delimiter || is_skipped;
                self.match_comment(byte, ends);
            }
        }
        self.strays.seen += bytes.len() as u64;
        marks
    }

    /// Whether the record begins as comments do.
    #[inline]
    fn match_comment(&mut self, byte: u8, ends: bool) {
        let Some(comment) = &self.dialect.comment else { return };
        if ends {
            self.matched = 0;
        } else if self.matched != NO_COMMENT {
            let comment = comment.bytes();
            let is_next = comment.get(usize::from(self.matched)) == Some(&byte);
            self.matched = if is_next { self.matched + 1 } else { NO_COMMENT };
            self.in_comment = usize::from(self.matched) == comment.len();
        }
    }
}

impl Automaton {
    /// True when a delimiter ends with this byte, which is outside quotes.
    fn ends_delimiter(&mut self, byte: u8, ends: bool) -> bool {
        let Dialect { delimiter, lead, .. } = self.dialect;
        if lead.len == 0 {
            return byte == delimiter;
        }
        let is_delimiter = byte == delimiter && self.tail_len >= lead.len && lead.ends(self.tail);
        self.tail = self.tail << 8 | u64::from(byte);
        self.tail_len = if is_delimiter || ends { 0 } else { self.tail_len.saturating_add(1) };
        is_delimiter
    }
}

/// For each of some bytes, where it stands.
#[inline]
fn masks<const N: usize>(bytes: &[u8; STEP], wanted: [u8; N]) -> [u64; N] {
    let (pieces, _) = bytes.as_chunks::<16>();
    let pieces = [0, 1, 2, 3].map(|piece| u8x16::new(pieces[piece]));
    wanted.map(|byte| {
        let byte = u8x16::splat(byte);
        let mask = |piece: usize| u64::from(pieces[piece].simd_eq(byte).to_bitmask()) << (16 * piece);
        mask(0) | mask(1) | mask(2) | mask(3)
    })
}

/// Bit *i* is the parity of bits 0 to *i*.
#[inline]
fn inclusive_parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_single_bytes_agree_in_every_state() {
        let mut state = 20_261_125_u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for round in 0..20_000 {
            let alphabet = [&b"\"\",\nab"[..], b"\",\r\naaaaaaaaaaaaa", b"aaaaaaaaaaaaaaaaaaaa,\""][round % 3];
            let text: Vec<u8> = (0..256).map(|_| alphabet[next(alphabet.len())]).collect();
            let (mut fast, mut slow) = (Automaton::new(Dialect::of(b',')), Automaton::new(Dialect::of(b',')));
            for step in text.as_chunks::<STEP>().0 {
                assert_eq!(fast.step(step), slow.slowly(step), "{:?}", String::from_utf8_lossy(&text));
                assert_eq!((fast.inside, fast.closes, fast.strays), (slow.inside, slow.closes, slow.strays));
                assert_eq!(fast.has_enclosed, slow.has_enclosed);
                assert!(fast.inside || fast.can_open == slow.can_open);
            }
        }
    }
}
