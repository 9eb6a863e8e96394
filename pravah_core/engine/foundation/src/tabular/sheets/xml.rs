//! XML, event by event, of whatever length.

use std::io::{self, BufRead, BufReader, Read};

use quick_xml::Reader;
pub use quick_xml::events::{BytesStart, Event};

use crate::base::issue::IssueKind;
pub use crate::io::package::Unreadable;

/// The longest tag or text.
const LONGEST_BYTES: usize = 32 << 20;
/// The longest text of a cell, of all its pieces: no record has room for more.
pub const LONGEST_TEXT_BYTES: usize = 16 << 20;
const BUFFER_BYTES: usize = 128 << 10;

/// A reader of XML. An element without content comes as a start and an end.
pub struct Xml<R: Read> {
    reader: Reader<Bounded<R>>,
    buffer: Vec<u8>,
    /// Elements that have begun, less those that have ended.
    open: i64,
}

impl<R: Read> Xml<R> {
    /// Of what `inner` holds.
    pub fn new(inner: R) -> Self {
        let inner = BufReader::with_capacity(BUFFER_BYTES, inner);
        let mut reader = Reader::from_reader(Bounded { inner, left: LONGEST_BYTES });
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        Self { reader, buffer: Vec::new(), open: 0 }
    }

    /// The next event. What declares entities is refused, and what ends within an element.
    ///
    /// # Errors
    /// In words: what is wrong with it.
    #[inline]
    pub fn event(&mut self) -> Result<Event<'_>, Unreadable> {
        self.buffer.clear();
        self.reader.get_mut().left = LONGEST_BYTES;
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::DocType(_)) => {
                Err((IssueKind::Unsupported, "declares a document type, which is not supported".to_owned()))
            }
            Ok(Event::Eof) if self.open > 0 => {
                Err((IssueKind::Malformed, "ends within an element; perhaps it was cut off".to_owned()))
            }
            Ok(event) => {
                match event {
                    Event::Start(_) => self.open += 1,
                    Event::End(_) => self.open -= 1,
                    _ => {}
                }
                Ok(event)
            }
            Err(quick_xml::Error::Io(error)) => Err(of_io(&error)),
            Err(error) => Err((IssueKind::Malformed, format!("has malformed XML: {error}"))),
        }
    }
}

pub(super) fn of_io(error: &io::Error) -> Unreadable {
    let kind = match error.kind() {
        io::ErrorKind::FileTooLarge => IssueKind::TooLarge,
        _ => IssueKind::Malformed,
    };
    (kind, format!("cannot be unpacked to its end: {error}"))
}

/// The text that an event is a piece of.
///
/// # Errors
/// In words: it is no text, or becomes too long.
#[inline]
pub fn push_text(event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Unreadable> {
    push_piece(event, out)?;
    if out.len() > LONGEST_TEXT_BYTES {
        return Err((IssueKind::TooLarge, format!("has a text of more than {LONGEST_TEXT_BYTES} bytes")));
    }
    Ok(())
}

#[inline]
fn push_piece(event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Unreadable> {
    let malformed = |error: String| (IssueKind::Malformed, format!("has malformed XML: {error}"));
    match event {
        // Line ends are one byte, as XML says.
        Event::Text(text) if memchr::memchr(b'\r', text).is_some() => {
            let text = text.xml10_content().map_err(|error| malformed(error.to_string()))?;
            out.extend_from_slice(text.as_bytes());
        }
        Event::Text(text) => out.extend_from_slice(text),
        Event::CData(text) => out.extend_from_slice(text),
        Event::GeneralRef(reference) => {
            let character = reference.resolve_char_ref().map_err(|error| malformed(error.to_string()))?;
            if let Some(character) = character {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            let name = reference.decode().map_err(|error| malformed(error.to_string()))?;
            match quick_xml::escape::resolve_predefined_entity(&name) {
                Some(text) => out.extend_from_slice(text.as_bytes()),
                None => return Err(malformed(format!("the entity &{name}; is not declared"))),
            }
        }
        _ => {}
    }
    Ok(())
}

/// An attribute, whatever its prefix.
pub fn attribute(element: &BytesStart<'_>, name: &[u8]) -> Option<String> {
    let mut attributes = element.attributes();
    let found =
        attributes.with_checks(false).flatten().find(|attribute| attribute.key.local_name().as_ref() == name)?;
    let text = String::from_utf8_lossy(&found.value).into_owned();
    Some(quick_xml::escape::unescape(&text).map(std::borrow::Cow::into_owned).unwrap_or(text))
}

/// Ends where a tag or a text is longer than any.
struct Bounded<R> {
    inner: BufReader<R>,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl<R: Read> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            let message = format!("a text is longer than {LONGEST_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_within_an_element_is_told() {
        let whole = "<a><b x='1'/><c>text</c></a>";
        for end in 1..=whole.len() {
            let mut xml = Xml::new(&whole.as_bytes()[..end]);
            let last = loop {
                match xml.event() {
                    Ok(Event::Eof) => break Ok(()),
                    Ok(_) => {}
                    Err((kind, _)) => break Err(kind),
                }
            };
            assert_eq!(last, if end == whole.len() { Ok(()) } else { Err(IssueKind::Malformed) }, "{end}");
        }
    }
}
