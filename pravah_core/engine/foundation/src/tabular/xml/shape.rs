//! Which elements and attributes a document has, and which of them are its records: found in one reading, known in the
//! next.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::paths::{self, ChosenRecords};
use super::pieces::{XmlAttributes, XmlPieces, XmlVisit, malformed};
use crate::base::issue::IssueKind;
use crate::io::package::Unreadable;
use crate::tabular::names::unique;

/// Elements and attributes by their paths: more are no columns, but values that became names.
const MOST_NODES: usize = 10_000;
/// Bytes of the columns' names.
const MOST_NAME_BYTES: usize = 16 << 20;
/// Not a column.
const NONE: u32 = u32::MAX;
/// The document's beginning that is kept to be shown.
const SHOWN_BYTES: usize = 16 << 10;

/// XmlAttributes that say how the document is meant, and hold no value.
pub fn is_markup(attribute: &[u8]) -> bool {
    matches!(attribute, b"xmlns" | b"xsi:nil" | b"xsi:schemaLocation" | b"xsi:noNamespaceSchemaLocation")
        || attribute.starts_with(b"xmlns:")
}

/// Elements of one path, or an attribute of them; the first one is the document.
#[derive(Debug, Default)]
pub struct XmlNode {
    /// Its name, that of an attribute with `@`.
    pub name: Box<[u8]>,
    /// What it is in.
    pub parent: u32,
    /// What is in it, in the order in which it was met.
    pub inner: Vec<u32>,
    by_name: HashMap<Box<[u8]>, u32, RandomState>,
    /// How often it was met.
    pub count: u64,
    /// Values in it, or that it is, without those of what is in it.
    pub values: u64,
    /// It comes again below one parent.
    pub repeats: bool,
    /// The last parent that it was met in.
    last_parent: u64,
    /// It has texts that are not white space.
    pub has_text: bool,
    column: u32,
}

/// The elements and attributes of a document.
#[derive(Debug)]
pub struct XmlTree(Vec<XmlNode>);

impl XmlTree {
    /// One of them.
    pub fn node(&self, node: u32) -> &XmlNode {
        &self.0[node as usize]
    }

    /// All of them, parents before what is in them.
    pub fn nodes(&self) -> &[XmlNode] {
        &self.0
    }

    /// The one of that name in another, probably the one at `hint`.
    #[inline]
    pub fn find(&self, parent: u32, hint: usize, name: &[u8]) -> Option<u32> {
        let parent = &self.0[parent as usize];
        for place in [hint, hint.wrapping_sub(1)] {
            if let Some(&expected) = parent.inner.get(place)
                && *self.0[expected as usize].name == *name
            {
                return Some(expected);
            }
        }
        parent.by_name.get(name).copied()
    }

    fn add(&mut self, parent: u32, name: &[u8]) -> Result<u32, Unreadable> {
        if self.0.len() > MOST_NODES {
            let message = format!("has more than {MOST_NODES} different elements and attributes");
            return Err((IssueKind::TooLarge, message));
        }
        let node = self.0.len() as u32;
        let above = &mut self.0[parent as usize];
        above.inner.push(node);
        above.by_name.insert(name.into(), node);
        self.0.push(XmlNode { name: name.into(), parent, column: NONE, ..XmlNode::default() });
        Ok(node)
    }

    /// The path of one: `/catalog/book/@id`.
    pub fn path(&self, node: u32) -> String {
        let (mut names, mut at) = (Vec::new(), node);
        while at != 0 {
            names.push(String::from_utf8_lossy(&self.node(at).name));
            at = self.node(at).parent;
        }
        names.iter().rev().fold(String::new(), |path, name| path + "/" + name)
    }
}

/// What a document is as a table.
#[derive(Debug)]
pub struct XmlShape {
    /// Its elements and attributes.
    pub tree: XmlTree,
    /// The element that is a record.
    pub record: u32,
    /// The columns' names, each once.
    pub names: Vec<String>,
    /// By column: it holds lists.
    pub lists: Vec<bool>,
    /// Why these are the records, and how sure that is, from 0 to 1.
    pub reason: String,
    /// See there.
    pub confidence: f64,
    /// What is to be told of it.
    pub notes: Vec<String>,
    /// The document's beginning as it stands.
    pub shown: Vec<u8>,
}

impl XmlShape {
    /// The column that holds the values of a node.
    #[inline]
    pub fn column(&self, node: u32) -> Option<usize> {
        Some(self.tree.node(node).column).filter(|&column| column != NONE).map(|column| column as usize)
    }

    /// Why the columns have their names.
    pub fn header_reason(&self) -> String {
        let lists: Vec<&str> =
            self.names.iter().zip(&self.lists).filter(|(_, is_list)| **is_list).map(|(name, _)| &**name).collect();
        let reason = "attributes and elements name the columns".to_owned();
        match lists[..] {
            [] => reason,
            [first] => format!("{reason}; {first} is there several times in a record, and a list"),
            [first, ..] => {
                format!(
                    "{reason}; {} of them are there several times in a record, and lists, such as {first}",
                    lists.len()
                )
            }
        }
    }
}

/// An open element.
struct Open {
    node: u32,
    number: u64,
    /// Where the next of what is in it probably is.
    hint: usize,
    has_inner: bool,
    has_text: bool,
}

/// Looks for elements and attributes.
pub struct XmlLearner {
    pieces: XmlPieces,
    seen: Seen,
    shown: Vec<u8>,
}

struct Seen {
    tree: XmlTree,
    open: Vec<Open>,
    elements: u64,
    name: Vec<u8>,
}

impl Default for XmlLearner {
    fn default() -> Self {
        let document = Open { node: 0, number: 0, hint: 0, has_inner: false, has_text: false };
        let root = XmlNode { column: NONE, ..XmlNode::default() };
        let seen = Seen { tree: XmlTree(vec![root]), open: vec![document], elements: 0, name: Vec::new() };
        Self { pieces: XmlPieces::default(), seen, shown: Vec::new() }
    }
}

impl XmlLearner {
    /// Look at the next text.
    ///
    /// # Errors
    /// In words: what ends the reading.
    pub fn take(&mut self, text: &[u8], last: bool) -> Result<(), Unreadable> {
        let room = SHOWN_BYTES - self.shown.len();
        self.shown.extend_from_slice(&text[..text.len().min(room)]);
        self.pieces.take(text, last, &mut self.seen).map(drop)
    }

    /// What was found, with the records at a path.
    ///
    /// # Errors
    /// In words: why there are no records.
    pub fn finish(self, path: Option<&str>) -> Result<XmlShape, Unreadable> {
        let Seen { tree, .. } = self.seen;
        if tree.nodes().len() == 1 {
            return Err(malformed("is not XML: it has no element".to_owned()));
        }
        let ChosenRecords { record, reason, confidence, mut notes } = paths::choose(&tree, path)?;
        if self.pieces.roots > 1 {
            notes.push(format!("has {} elements that are in no other, where XML has one", self.pieces.roots));
        }
        if self.pieces.has_doctype {
            let note = "declares a document type, of which only the defaults of attributes are read that the file itself \
                        holds";
            notes.push(note.to_owned());
        }
        let shape = XmlShape {
            tree,
            record,
            names: Vec::new(),
            lists: Vec::new(),
            reason,
            confidence,
            notes,
            shown: self.shown,
        };
        shape.with_columns()
    }
}

impl XmlShape {
    /// Give each node that holds values of a record a column.
    fn with_columns(mut self) -> Result<Self, Unreadable> {
        let nodes = self.tree.nodes();
        let mut fields: Vec<Vec<u8>> = Vec::new();
        let mut columns = Vec::new();
        let mut bytes = 0;
        // Names of what is in the record as columns; none for what is in a list, or outside.
        let mut prefixes: Vec<Option<Vec<u8>>> = vec![None; nodes.len()];
        prefixes[self.record as usize] = Some(Vec::new());
        for (place, node) in nodes.iter().enumerate().skip(self.record as usize + 1) {
            let Some(prefix) = &prefixes[node.parent as usize] else { continue };
            let separator: &[u8] = if prefix.is_empty() { b"" } else { b"." };
            let name = [prefix, separator, &node.name].concat();
            bytes += name.len();
            if bytes > MOST_NAME_BYTES {
                return Err((IssueKind::TooLarge, "the names of its columns are too long".to_owned()));
            }
            // What only holds others is no column.
            if node.repeats || node.has_text || node.inner.is_empty() {
                columns.push((place, node.repeats));
                fields.push(name.clone());
            }
            prefixes[place] = (!node.repeats).then_some(name);
        }
        let record = self.tree.node(self.record);
        if record.has_text || fields.is_empty() {
            columns.push((self.record as usize, false));
            fields.push(b"#text".to_vec());
        }
        for (column, (place, _)) in columns.iter().enumerate() {
            self.tree.0[*place].column = column as u32;
        }
        self.names = unique(&fields);
        self.lists = columns.iter().map(|(_, is_list)| *is_list).collect();
        Ok(self)
    }
}

impl XmlVisit for Seen {
    fn start(&mut self, name: &[u8], attributes: &XmlAttributes) -> Result<(), Unreadable> {
        self.elements += 1;
        let number = self.elements;
        let Some(parent) = self.open.last_mut() else { return Ok(()) };
        parent.has_inner = true;
        let (above, hint, parent_number) = (parent.node, parent.hint, parent.number);
        let node = match self.tree.find(above, hint, name) {
            Some(node) => node,
            None => self.tree.add(above, name)?,
        };
        parent.hint += 1;
        let known = &mut self.tree.0[node as usize];
        known.repeats |= known.count > 0 && known.last_parent == parent_number;
        known.last_parent = parent_number;
        known.count += 1;
        let mut hint = 0;
        for (name, _) in attributes.iter().filter(|(name, _)| !is_markup(name)) {
            self.name.clear();
            self.name.push(b'@');
            self.name.extend_from_slice(name);
            let attribute = match self.tree.find(node, hint, &self.name) {
                Some(attribute) => attribute,
                None => self.tree.add(node, &self.name)?,
            };
            hint += 1;
            self.tree.0[attribute as usize].count += 1;
            self.tree.0[attribute as usize].values += 1;
        }
        self.open.push(Open { node, number, hint, has_inner: hint > 0, has_text: false });
        Ok(())
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Unreadable> {
        if let Some(open) = self.open.last_mut() {
            open.has_text |= !text.trim_ascii().is_empty();
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        if let Some(Open { node, has_inner, has_text, .. }) = self.open.pop() {
            let node = &mut self.tree.0[node as usize];
            node.has_text |= has_text;
            node.values += u64::from(has_text || !has_inner);
        }
        Ok(())
    }
}
