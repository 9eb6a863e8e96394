//! Elements that come again in a record: a list, written as JSON.

use super::shape::XmlTree;
use crate::base::issue::IssueKind;
use crate::io::package::Unreadable;

/// Elements and attributes in one element of a list.
const MOST_ITEMS: usize = 1 << 20;
/// No item.
const NONE: u32 = u32::MAX;

/// An element of a list, or what is in one.
#[derive(Debug)]
struct Item {
    node: u32,
    /// Where its text is; none: it has no value.
    text: Option<(usize, usize)>,
    /// What is in it: the first, the last; and what follows it where it is.
    first: u32,
    last: u32,
    next: u32,
}

/// One element of a list while it is read.
#[derive(Debug, Default)]
pub struct ListItems {
    items: Vec<Item>,
    texts: Vec<u8>,
    open: Vec<u32>,
}

impl ListItems {
    /// Another one begins.
    pub fn clear(&mut self) {
        self.items.clear();
        self.texts.clear();
        self.open.clear();
    }

    fn add(&mut self, node: u32) -> Result<u32, Unreadable> {
        if self.items.len() == MOST_ITEMS {
            let message = format!("an element of a record has more than {MOST_ITEMS} others in it");
            return Err((IssueKind::TooLarge, message));
        }
        let new = self.items.len() as u32;
        self.items.push(Item { node, text: None, first: NONE, last: NONE, next: NONE });
        if let Some(&parent) = self.open.last() {
            let parent = &mut self.items[parent as usize];
            let last = std::mem::replace(&mut parent.last, new);
            if last == NONE {
                parent.first = new;
            } else {
                self.items[last as usize].next = new;
            }
        }
        Ok(new)
    }

    /// An element begins.
    ///
    /// # Errors
    /// In words: there are too many.
    pub fn begin(&mut self, node: u32) -> Result<(), Unreadable> {
        let new = self.add(node)?;
        self.open.push(new);
        Ok(())
    }

    /// An attribute of the element that is open.
    ///
    /// # Errors
    /// In words: there are too many.
    pub fn attribute(&mut self, node: u32, value: &[u8]) -> Result<(), Unreadable> {
        let new = self.add(node)?;
        self.items[new as usize].text = Some(self.keep(value));
        Ok(())
    }

    fn keep(&mut self, text: &[u8]) -> (usize, usize) {
        let from = self.texts.len();
        self.texts.extend_from_slice(text);
        (from, self.texts.len())
    }

    /// The element that is open ends.
    pub fn end(&mut self, text: Option<&[u8]>) {
        let kept = text.map(|text| self.keep(text));
        if let Some(item) = self.open.pop() {
            self.items[item as usize].text = kept;
        }
    }

    /// All of it as JSON: texts, and objects for elements that have attributes or elements in them.
    pub fn write(&self, tree: &XmlTree, out: &mut Vec<u8>) {
        if !self.items.is_empty() {
            self.item(0, tree, out);
        }
    }

    fn item(&self, item: u32, tree: &XmlTree, out: &mut Vec<u8>) {
        let Item { node, text, first, .. } = self.items[item as usize];
        let text = text.map(|(from, to)| &self.texts[from..to]);
        let node = tree.node(node);
        if node.inner.is_empty() {
            match text {
                Some(text) => quoted(text, out),
                None => out.extend_from_slice(b"null"),
            }
            return;
        }
        let follow = |&at: &u32| Some(self.items[at as usize].next).filter(|&next| next != NONE);
        let mut inner: Vec<u32> = std::iter::successors(Some(first).filter(|&first| first != NONE), follow).collect();
        inner.sort_by_key(|&at| self.items[at as usize].node);
        out.push(b'{');
        for group in inner.chunk_by(|one, next| self.items[*one as usize].node == self.items[*next as usize].node) {
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
            let kind = tree.node(self.items[group[0] as usize].node);
            quoted(&kind.name, out);
            out.extend_from_slice(if kind.repeats { b":[" } else { b":" });
            for (place, &at) in group.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                self.item(at, tree, out);
            }
            if kind.repeats {
                out.push(b']');
            }
        }
        if let Some(text) = text.filter(|_| node.has_text) {
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
            out.extend_from_slice(b"\"#text\":");
            quoted(text, out);
        }
        out.push(b'}');
    }
}

/// Write a text of JSON.
fn quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
