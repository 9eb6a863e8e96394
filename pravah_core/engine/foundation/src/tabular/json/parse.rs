//! The grammar of RFC 8259, on one line.

use super::MOST_DEPTH;

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

/// Read a line; none when it is no object.
pub fn object(line: &[u8], visit: &mut impl Visit) -> Option<()> {
    let mut reader = Reader { line, at: 0 };
    reader.space();
    reader.eat(b'{')?;
    reader.object(0, 1, visit)?;
    reader.space();
    (reader.at == line.len()).then_some(())
}

struct Reader<'a> {
    line: &'a [u8],
    at: usize,
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
        let mut ahead = Self { line: self.line, at: self.at + 1 };
        ahead.space();
        ahead.peek() == Some(b'}')
    }

    /// Any value.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' => {
                self.at += 1;
                self.members(b'}', depth + 1, |reader| {
                    reader.string()?;
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
            b'u' if self.line.get(self.at + 2..self.at + 6)?.iter().all(u8::is_ascii_hexdigit) => self.at += 6,
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
