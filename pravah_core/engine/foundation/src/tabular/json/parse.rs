//! The grammar of RFC 8259, on one line.

use std::collections::HashSet;

use super::{MOST_DEPTH, unescaped};

/// Lists and objects inside each other.
const DEEPEST: usize = 512;

/// Is told of keys and values; none ends the reading.
pub trait Visit {
    /// The node of a key of an object, probably the one at `hint` in the order of its keys.
    fn key(&mut self, object: u32, hint: usize, key: &[u8]) -> Option<u32>;

    /// A value of that key: where it is.
    fn value(&mut self, node: u32, token: &[u8], start: usize) -> Option<()>;
}

/// Nothing is done with them.
pub struct Check;

impl Visit for Check {
    fn key(&mut self, _object: u32, _hint: usize, _key: &[u8]) -> Option<u32> {
        Some(0)
    }

    fn value(&mut self, _node: u32, _token: &[u8], _start: usize) -> Option<()> {
        Some(())
    }
}

/// What is odd about values, but no error of the grammar.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Oddities {
    /// Keys that an object inside a list, or a deep one, has already.
    pub twice: u64,
    /// Halves of surrogate pairs.
    pub halves: u64,
}

impl Oddities {
    /// Those of both.
    pub fn add(&mut self, other: Self) {
        self.twice += other.twice;
        self.halves += other.halves;
    }
}

/// Keys of an object in a list.
#[derive(Default)]
struct Keys<'a> {
    few: Vec<&'a [u8]>,
    many: HashSet<Vec<u8>>,
}

/// Keys that are compared one by one.
const FEW_KEYS: usize = 16;

impl<'a> Keys<'a> {
    /// False for one that is there already.
    fn add(&mut self, key: &'a [u8]) -> bool {
        let has_escapes = memchr::memchr(b'\\', key).is_some();
        if self.many.is_empty() && !has_escapes && self.few.len() < FEW_KEYS {
            let is_new = !self.few.contains(&key);
            self.few.push(key);
            return is_new;
        }
        let mut buffer = Vec::new();
        self.many.extend(self.few.drain(..).map(<[u8]>::to_vec));
        self.many.insert(unescaped(key, &mut buffer).to_vec())
    }
}

/// Read a line; none when it is no object.
pub fn object(line: &[u8], visit: &mut impl Visit) -> Option<Oddities> {
    let mut reader = Reader { line, at: 0, odd: Oddities::default() };
    reader.space();
    reader.eat(b'{')?;
    reader.object(0, 1, visit)?;
    reader.space();
    (reader.at == line.len()).then_some(reader.odd)
}

struct Reader<'a> {
    line: &'a [u8],
    at: usize,
    odd: Oddities,
}

impl<'a> Reader<'a> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// Behind `{`.
    fn object(&mut self, object: u32, depth: usize, visit: &mut impl Visit) -> Option<()> {
        self.space();
        if self.eat(b'}').is_some() {
            return Some(());
        }
        let mut hint = 0;
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            self.eat(b':')?;
            self.space();
            let node = visit.key(object, hint, &key[1..key.len() - 1])?;
            hint += 1;
            let start = self.at;
            if depth < MOST_DEPTH && self.peek() == Some(b'{') && !self.is_empty_object() {
                self.at += 1;
                self.object(node, depth + 1, visit)?;
            } else {
                self.value(depth)?;
                visit.value(node, &self.line[start..self.at], start)?;
            }
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn is_empty_object(&self) -> bool {
        let mut ahead = Self { line: self.line, at: self.at + 1, odd: self.odd };
        ahead.space();
        ahead.peek() == Some(b'}')
    }

    /// Any value.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' => {
                self.at += 1;
                let mut keys = Keys::default();
                self.members(b'}', depth + 1, |reader| {
                    let key = reader.string()?;
                    reader.odd.twice += u64::from(!keys.add(&key[1..key.len() - 1]));
                    reader.space();
                    reader.eat(b':')?;
                    reader.space();
                    reader.value(depth + 1)
                })
            }
            b'[' => {
                self.at += 1;
                self.members(b']', depth + 1, |reader| reader.value(depth + 1))
            }
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn members(&mut self, end: u8, depth: usize, mut member: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        self.space();
        if self.eat(end).is_some() {
            return Some(());
        }
        loop {
            self.space();
            member(self)?;
            self.space();
            if self.eat(b',').is_none() {
                return self.eat(end);
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.line[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// A text with its quotes.
    #[inline]
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        self.eat(b'"')?;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(&self.line[start..self.at]);
                }
                b'\\' => self.escape()?,
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.line.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let unit = unit(self.line.get(self.at..)?)?;
                self.at += 6;
                let low = self.line.get(self.at..).and_then(self::unit);
                match unit {
                    0xd800..0xdc00 if low.is_some_and(|low| (0xdc00..0xe000).contains(&low)) => self.at += 6,
                    0xd800..0xe000 => self.odd.halves += 1,
                    _ => {}
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.eat(b'-');
        if self.eat(b'0').is_none() {
            self.digits()?;
        }
        if self.eat(b'.').is_some() {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

/// The number behind `\u`.
fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}
