//! A document in pieces of any length: elements, attributes and texts, with the rules that make XML well-formed.

use std::collections::HashSet;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::{BytesStart, Event};

use super::doctype::{AttributeDefault, AttributeDefaults};
use crate::base::issue::IssueKind;
use crate::io::package::Unreadable;

/// Elements inside each other.
pub const DEEPEST: usize = 512;
/// The longest tag, comment or text, and the longest record.
pub const LONGEST_BYTES: usize = 16 << 20;
/// The longest name of an element or attribute.
const LONGEST_NAME: usize = 1000;
const MOST_ATTRIBUTES: usize = 10_000;
/// XmlAttributes of an element that are compared one by one.
const FEW_ATTRIBUTES: usize = 16;
/// Bytes behind the beginning of markup that tell what it is.
const TELLING_BYTES: usize = 16;
/// The byte order mark of UTF-8.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// Is told of elements and texts.
pub trait XmlVisit {
    /// An element begins.
    fn start(&mut self, name: &[u8], attributes: &XmlAttributes) -> Result<(), Unreadable>;

    /// A piece of text of the element that is open.
    fn text(&mut self, text: &[u8]) -> Result<(), Unreadable>;

    /// The element that is open ends.
    fn end(&mut self) -> Result<(), Unreadable>;

    /// True when it has enough for now.
    fn is_full(&self) -> bool {
        false
    }
}

/// The attributes of an element.
#[derive(Debug, Default)]
pub struct XmlAttributes {
    text: Vec<u8>,
    /// Where names and values end.
    ends: Vec<(usize, usize)>,
}

impl XmlAttributes {
    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let begins = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        begins.zip(&self.ends).map(|(begin, &(name, end))| (&self.text[begin..name], &self.text[name..end]))
    }

    fn read(&mut self, tag: &BytesStart<'_>, defaults: &[AttributeDefault]) -> Result<(), Unreadable> {
        self.text.clear();
        self.ends.clear();
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| malformed(error.to_string()))?;
            let (name, value) = (attribute.key.as_ref(), &attribute.value[..]);
            if self.ends.len() == MOST_ATTRIBUTES || name.len() > LONGEST_NAME {
                let message = format!("a tag has more than {MOST_ATTRIBUTES} attributes, or a name is too long");
                return Err((IssueKind::TooLarge, message));
            }
            if memchr::memchr(b'<', value).is_some() {
                return Err(malformed("the value of an attribute contains '<'".to_owned()));
            }
            self.text.extend_from_slice(name);
            let name_end = self.text.len();
            value_of(value, &mut self.text)?;
            self.ends.push((name_end, self.text.len()));
        }
        let is_twice = if self.ends.len() > FEW_ATTRIBUTES {
            let mut seen = HashSet::with_capacity(self.ends.len());
            self.iter().any(|(name, _)| !seen.insert(name))
        } else {
            self.iter().enumerate().any(|(place, (name, _))| self.iter().take(place).any(|(other, _)| other == name))
        };
        if is_twice {
            return Err(malformed("a tag has an attribute twice".to_owned()));
        }
        for (name, value) in defaults {
            if self.iter().all(|(own, _)| own != name) {
                self.text.extend_from_slice(name);
                let name_end = self.text.len();
                self.text.extend_from_slice(value);
                self.ends.push((name_end, self.text.len()));
            }
        }
        Ok(())
    }
}

/// An attribute's value: white space is blanks, references are what they stand for.
pub(super) fn value_of(mut raw: &[u8], out: &mut Vec<u8>) -> Result<(), Unreadable> {
    let is_plain = |byte: &u8| !matches!(byte, b'&' | b'\n' | b'\r' | b'\t');
    while let Some(at) = raw.iter().position(|byte| !is_plain(byte)) {
        out.extend_from_slice(&raw[..at]);
        let found = raw[at];
        raw = &raw[at + 1..];
        if found == b'&' {
            let end = memchr::memchr(b';', raw).ok_or_else(|| {
                malformed("an '&' in an attribute begins no reference; it is written &amp;".to_owned())
            })?;
            reference(&raw[..end], out)?;
            raw = &raw[end + 1..];
            continue;
        }
        if found == b'\r' {
            raw = raw.strip_prefix(b"\n").unwrap_or(raw);
        }
        out.push(b' ');
    }
    out.extend_from_slice(raw);
    Ok(())
}

/// What stands between `&` and `;`.
fn reference(name: &[u8], out: &mut Vec<u8>) -> Result<(), Unreadable> {
    let shown = || String::from_utf8_lossy(&name[..name.len().min(40)]).into_owned();
    if let Some(number) = name.strip_prefix(b"#") {
        let (digits, radix) = number.strip_prefix(b"x").map_or((number, 10), |digits| (digits, 16));
        let is_number = digits.iter().all(u8::is_ascii_alphanumeric);
        let code = std::str::from_utf8(digits).ok().filter(|_| is_number);
        let code = code.and_then(|digits| u32::from_str_radix(digits, radix).ok());
        let character = code.and_then(char::from_u32).filter(|character| *character != '\0');
        let character = character.ok_or_else(|| malformed(format!("&{}; is not a character", shown())))?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        return Ok(());
    }
    out.push(match name {
        b"lt" => b'<',
        b"gt" => b'>',
        b"amp" => b'&',
        b"apos" => b'\'',
        b"quot" => b'"',
        _ => {
            let message = format!(
                "uses the entity &{};, which XML does not define. Entities that a document declares are not supported: \
                 replace it in the file with what it stands for",
                shown()
            );
            return Err((IssueKind::Unsupported, message));
        }
    });
    Ok(())
}

/// A piece of text: its line ends become one byte, as XML says.
fn text_of<'a>(raw: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
    if memchr::memchr(b'\r', raw).is_none() {
        return raw;
    }
    buffer.clear();
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\r', rest) {
        buffer.extend_from_slice(&rest[..at]);
        buffer.push(b'\n');
        rest = &rest[at + 1..];
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    buffer.extend_from_slice(rest);
    buffer
}

pub fn malformed(message: String) -> Unreadable {
    (IssueKind::Malformed, message)
}

/// A document while it comes.
#[derive(Debug, Default)]
pub struct XmlPieces {
    /// What came, how much of it was read, and up to where its lines were counted.
    bytes: Vec<u8>,
    read: usize,
    counted: usize,
    /// Line ends before that.
    lines: u64,
    /// Names of open elements, where each begins, and its line.
    names: Vec<u8>,
    open: Vec<(usize, u64)>,
    attributes: XmlAttributes,
    buffer: Vec<u8>,
    /// Elements that are in no other.
    pub roots: u64,
    /// It has a document type, of which only these are read.
    pub has_doctype: bool,
    defaults: AttributeDefaults,
}

impl XmlPieces {
    /// Take the next text; true when `visit` was full before its end, and is to be given nothing with this.
    ///
    /// # Errors
    /// In words: what ends the reading, and where.
    pub fn take(&mut self, text: &[u8], last: bool, visit: &mut impl XmlVisit) -> Result<bool, Unreadable> {
        self.bytes.drain(..std::mem::take(&mut self.read));
        self.counted = 0;
        self.bytes.extend_from_slice(text);
        let bytes = std::mem::take(&mut self.bytes);
        let parsed = self.parse(&bytes, last, visit).and_then(|is_full| {
            if !is_full {
                self.check_rest(&bytes, last)?;
            }
            Ok(is_full)
        });
        let line = self.line(&bytes);
        self.bytes = bytes;
        parsed.map_err(|(kind, message)| (kind, format!("line {line}: {message}")))
    }

    /// What was not read is not too long, and at the end nothing is open.
    fn check_rest(&self, bytes: &[u8], last: bool) -> Result<(), Unreadable> {
        if bytes.len() - self.read > LONGEST_BYTES {
            let message = format!("a tag, text or comment is longer than {LONGEST_BYTES} bytes");
            return Err((IssueKind::TooLarge, message));
        }
        match self.open.last() {
            Some(&(from, line)) if last => {
                let name = shown(&self.names[from..]);
                Err(malformed(format!("the file ends inside <{name}>, which begins in line {line}")))
            }
            _ => Ok(()),
        }
    }

    /// The number of the line that is read.
    fn line(&mut self, bytes: &[u8]) -> u64 {
        self.lines += memchr::memchr_iter(b'\n', &bytes[self.counted..self.read]).count() as u64;
        self.counted = self.read;
        self.lines + 1
    }

    /// Read what is whole; true when `visit` is full.
    fn parse(&mut self, bytes: &[u8], last: bool, visit: &mut impl XmlVisit) -> Result<bool, Unreadable> {
        // The library takes it for a byte order mark wherever it begins.
        while bytes[self.read..].starts_with(MARK) {
            self.text(MARK, visit)?;
            self.read += MARK.len();
        }
        let base = self.read;
        let mut reader = Reader::from_reader(&bytes[base..]);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        loop {
            let event = match reader.read_event() {
                Ok(Event::Eof) => return Ok(false),
                Err(error) if !last && may_go_on(&error, &bytes[self.read..]) => return Ok(false),
                Err(error) => return Err(ill_formed(&error)),
                Ok(event) => event,
            };
            let upto = base + reader.buffer_position() as usize;
            // More of it may come.
            if matches!(event, Event::Text(_)) && upto == bytes.len() && !last {
                return Ok(false);
            }
            let is_end = matches!(event, Event::End(_));
            self.event(&event, bytes, visit)?;
            self.read = upto;
            if is_end && visit.is_full() {
                return Ok(true);
            }
        }
    }

    fn event(&mut self, event: &Event<'_>, bytes: &[u8], visit: &mut impl XmlVisit) -> Result<(), Unreadable> {
        match event {
            Event::Start(tag) => self.start(tag, bytes, visit),
            Event::End(tag) => {
                let (name, end) = (tag.name(), self.open.pop());
                let name = name.as_ref().trim_ascii_end();
                let Some((from, line)) = end else {
                    return Err(malformed(format!("</{}> ends nothing", shown(name))));
                };
                if self.names[from..] != *name {
                    let opened = shown(&self.names[from..]);
                    let message = format!("</{}> stands where </{opened}> of line {line} is missing", shown(name));
                    return Err(malformed(message));
                }
                self.names.truncate(from);
                visit.end()
            }
            Event::Text(raw) => self.raw_text(raw, visit),
            Event::CData(raw) => self.raw_text(raw, visit),
            Event::GeneralRef(name) => {
                let mut character = Vec::with_capacity(4);
                reference(name, &mut character)?;
                self.text(&character, visit)
            }
            Event::DocType(text) => {
                self.has_doctype = true;
                self.defaults.read(text)
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, bytes: &[u8], visit: &mut impl XmlVisit) -> Result<(), Unreadable> {
        let name = tag.name();
        let name = name.as_ref();
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(malformed("a tag has no name, or one that is too long".to_owned()));
        }
        if self.open.len() == DEEPEST {
            return Err((IssueKind::TooLarge, format!("elements are nested more than {DEEPEST} levels deep")));
        }
        self.attributes.read(tag, self.defaults.of(name))?;
        self.roots += u64::from(self.open.is_empty());
        let line = self.line(bytes);
        self.open.push((self.names.len(), line));
        self.names.extend_from_slice(name);
        visit.start(name, &self.attributes)
    }

    fn raw_text(&mut self, raw: &[u8], visit: &mut impl XmlVisit) -> Result<(), Unreadable> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let done = self.text(text_of(raw, &mut buffer), visit);
        self.buffer = buffer;
        done
    }

    fn text(&self, text: &[u8], visit: &mut impl XmlVisit) -> Result<(), Unreadable> {
        if !self.open.is_empty() {
            return visit.text(text);
        }
        if text.trim_ascii().is_empty() || text == MARK {
            return Ok(());
        }
        let what =
            if self.roots == 0 { "before its first element; perhaps it is not XML" } else { "outside its elements" };
        Err(malformed(format!("has text {what}")))
    }
}

fn ill_formed(error: &Error) -> Unreadable {
    let words = match error {
        Error::Syntax(error) => error.to_string(),
        Error::IllFormed(IllFormedError::UnclosedReference) => {
            "an '&' begins no reference; it is written &amp;".to_owned()
        }
        Error::IllFormed(error) => error.to_string(),
        error => error.to_string(),
    };
    malformed(format!("is not well-formed XML: {words}"))
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(&name[..name.len().min(80)]).into_owned()
}

/// True for what may become whole when more comes.
fn may_go_on(error: &Error, rest: &[u8]) -> bool {
    match error {
        // Of `<!` it takes some more bytes to tell what begins.
        Error::Syntax(SyntaxError::InvalidBangMarkup) => rest.len() < TELLING_BYTES,
        Error::Syntax(_) => true,
        Error::IllFormed(IllFormedError::UnclosedReference) => {
            rest.len() < 2 || memchr::memchr3(b';', b'&', b'<', &rest[1..]).is_none()
        }
        _ => rest.len() < TELLING_BYTES,
    }
}

#[cfg(test)]
mod tests;
