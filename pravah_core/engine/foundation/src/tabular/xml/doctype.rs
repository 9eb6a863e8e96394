//! Defaults of attributes, as a document declares them itself: values that its elements have without showing them.

use std::collections::HashMap;

use super::pieces::value_of;
use crate::base::issue::IssueKind;
use crate::io::package::Unreadable;

/// Bytes that the defaults of an element may have: each element without the attributes grows by them.
const MOST_BYTES: usize = 1000;
/// Bytes of all of them.
const MOST_BYTES_OF_ALL: usize = 1 << 20;

/// A name and a value.
pub type AttributeDefault = (Vec<u8>, Vec<u8>);

/// By element: names and values of its attributes.
#[derive(Debug, Default)]
pub struct AttributeDefaults {
    by_element: HashMap<Box<[u8]>, Vec<AttributeDefault>>,
    bytes: usize,
}

/// A piece of a declaration.
#[derive(PartialEq, Eq)]
enum Token<'a> {
    Word(&'a [u8]),
    Quoted(&'a [u8]),
    Group,
}

impl AttributeDefaults {
    /// Those of an element.
    pub fn of(&self, element: &[u8]) -> &[AttributeDefault] {
        // Most documents have none.
        if self.by_element.is_empty() { &[] } else { self.by_element.get(element).map_or(&[], Vec::as_slice) }
    }

    /// Read what stands between `<!DOCTYPE` and its end.
    ///
    /// # Errors
    /// In words: a default cannot be given to elements.
    pub fn read(&mut self, doctype: &[u8]) -> Result<(), Unreadable> {
        let mut rest = behind(doctype, b'[').unwrap_or_default();
        loop {
            rest = rest.trim_ascii_start();
            if let Some(list) = rest.strip_prefix(b"<!ATTLIST") {
                let next = behind(list, b'>').unwrap_or_default();
                self.list(&list[..list.len() - next.len()])?;
                rest = next;
                continue;
            }
            let end: &[u8] = match rest {
                // Behind a declaration from elsewhere nothing is known for sure (XML 1.0, 5.1).
                [] | [b']' | b'%', ..] => return Ok(()),
                [b'<', b'!', b'-', b'-', ..] => b"-->",
                [b'<', b'?', ..] => b"?>",
                _ => {
                    rest = behind(rest, b'>').unwrap_or_default();
                    continue;
                }
            };
            rest = memchr::memmem::find(rest, end).map_or(&[], |at| &rest[at + end.len()..]);
        }
    }

    /// `element name type default name type default…`
    fn list(&mut self, mut list: &[u8]) -> Result<(), Unreadable> {
        let Some(Token::Word(element)) = token(&mut list) else { return Ok(()) };
        while let Some(Token::Word(name)) = token(&mut list) {
            if token(&mut list) == Some(Token::Word(b"NOTATION")) {
                token(&mut list);
            }
            let default = match token(&mut list) {
                Some(Token::Word(b"#FIXED")) => token(&mut list),
                other => other,
            };
            let Some(Token::Quoted(value)) = default else { continue };
            self.add(element, name, value)?;
        }
        Ok(())
    }

    fn add(&mut self, element: &[u8], name: &[u8], raw: &[u8]) -> Result<(), Unreadable> {
        let own = self.by_element.entry(element.into()).or_default();
        // The first declaration counts.
        if own.iter().any(|(known, _)| known == name) {
            return Ok(());
        }
        let mut value = Vec::new();
        value_of(raw, &mut value)?;
        self.bytes += element.len() + name.len() + value.len();
        let bytes: usize = own.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes + name.len() + value.len() > MOST_BYTES || self.bytes > MOST_BYTES_OF_ALL {
            let message = format!("declares defaults of attributes of more than {MOST_BYTES} bytes for an element");
            return Err((IssueKind::TooLarge, message));
        }
        own.push((name.to_vec(), value));
        Ok(())
    }
}

/// What follows a byte outside of quotes.
fn behind(text: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut quote = None;
    for (at, &byte) in text.iter().enumerate() {
        match quote {
            Some(open) if open == byte => quote = None,
            Some(_) => {}
            None if byte == wanted => return Some(&text[at + 1..]),
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None => {}
        }
    }
    None
}

fn token<'a>(rest: &mut &'a [u8]) -> Option<Token<'a>> {
    let text = rest.trim_ascii_start();
    let (&first, inner) = text.split_first()?;
    let upto = |wanted: u8| memchr::memchr(wanted, inner).unwrap_or(inner.len());
    let (token, used) = match first {
        b'"' | b'\'' => (Token::Quoted(&inner[..upto(first)]), upto(first) + 2),
        b'(' => (Token::Group, upto(b')') + 2),
        b'>' => return None,
        _ => {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'(' | b'"' | b'\'' | b'>');
            let end = text.iter().position(ends).unwrap_or(text.len());
            (Token::Word(&text[..end]), end)
        }
    };
    *rest = text.get(used..).unwrap_or_default();
    Some(token)
}
