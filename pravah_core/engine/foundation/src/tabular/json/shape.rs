//! Which keys the objects of a file have: found in one reading, known in the next.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::parse::{self, Visit};
use super::unescaped;
use crate::tabular::names::unique;
use crate::tabular::split::line_end;
use crate::tabular::values::{Value, ValueType};

/// Keys of a file: more are no columns, but values that became keys.
const MOST_KEYS: usize = 10_000;
/// Not a column: objects only.
const NONE: u32 = u32::MAX;

/// The keys of a file's objects.
#[derive(Debug)]
pub struct Shape {
    nodes: Vec<Node>,
    names: Vec<String>,
    given: Vec<String>,
    /// By column: some of its texts would read as another type.
    texts: Vec<bool>,
    /// Lines that are objects, and all.
    objects: (u64, u64),
}

/// A key; the first one is the record itself.
#[derive(Debug, Default)]
struct Node {
    key: Box<[u8]>,
    parent: u32,
    /// The keys of the objects that are its values, in the order in which they were met.
    inner: Vec<u32>,
    by_key: HashMap<Box<[u8]>, u32, RandomState>,
    /// It has values that are no objects.
    is_value: bool,
    /// See [`Shape::texts`].
    is_text: bool,
    column: u32,
}

impl Shape {
    /// The columns' names, each once.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The keys that lead to the columns, joined by dots: those of two columns may be alike, and one may be empty.
    pub fn given(&self) -> &[String] {
        &self.given
    }

    /// By column: true when texts are in it that another type would change, `"007"` or `"12"`.
    pub fn texts(&self) -> &[bool] {
        &self.texts
    }

    /// The columns of what is in objects, by the name of the column of these, or of the one that they would have.
    pub fn inside(&self) -> HashMap<String, Vec<usize>> {
        let mut inside: HashMap<u32, Vec<usize>> = HashMap::new();
        for node in 1..self.nodes.len() as u32 {
            let Some(column) = self.column(node) else { continue };
            let mut outer = self.nodes[node as usize].parent;
            while outer != 0 {
                inside.entry(outer).or_default().push(column);
                outer = self.nodes[outer as usize].parent;
            }
        }
        let (own, others): (Vec<_>, Vec<_>) = inside.into_iter().partition(|(node, _)| self.column(*node).is_some());
        let named = |(node, columns): (u32, Vec<usize>)| match self.column(node) {
            Some(column) => (self.names[column].clone(), columns),
            None => (String::from_utf8_lossy(&path(&self.nodes, node)).into_owned(), columns),
        };
        // A key with a dot in it may have the name of an object in another: a column goes first.
        let columns: HashSet<&String> = self.names.iter().collect();
        let others = others.into_iter().map(named).filter(|(name, _)| !columns.contains(name));
        others.chain(own.into_iter().map(named)).collect()
    }

    /// Lines that are objects, and all lines.
    pub fn objects(&self) -> (u64, u64) {
        self.objects
    }

    /// Keys, and one for the record itself.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The column of a key's values.
    pub(super) fn column(&self, node: u32) -> Option<usize> {
        Some(self.nodes[node as usize].column).filter(|&column| column != NONE).map(|column| column as usize)
    }

    #[inline]
    pub(super) fn find(&self, object: u32, hint: usize, key: &[u8]) -> Option<u32> {
        find(&self.nodes, object, hint, key)
    }
}

#[inline]
fn find(nodes: &[Node], object: u32, hint: usize, key: &[u8]) -> Option<u32> {
    let node = &nodes[object as usize];
    // Most records have the keys of the one before, in its order.
    if let Some(&expected) = node.inner.get(hint)
        && *nodes[expected as usize].key == *key
    {
        return Some(expected);
    }
    let mut buffer = Vec::new();
    node.by_key.get(unescaped(key, &mut buffer)).copied()
}

/// The keys that lead to a node, joined by dots.
fn path(nodes: &[Node], node: u32) -> Vec<u8> {
    let (mut name, mut node) = (nodes[node as usize].key.to_vec(), nodes[node as usize].parent);
    while node != 0 {
        let outer = &nodes[node as usize];
        name = [&outer.key[..], b".", &name].concat();
        node = outer.parent;
    }
    name
}

/// Looks for keys.
#[derive(Debug)]
pub struct Learner {
    nodes: Vec<Node>,
    objects: (u64, u64),
    /// Keys are added, not only looked up.
    adds: bool,
    /// Of the record: nodes that have values now, and whether these are texts.
    met: Vec<(u32, bool)>,
}

impl Default for Learner {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], objects: (0, 0), adds: false, met: Vec::new() }
    }
}

impl Visit for Learner {
    #[inline]
    fn key(&mut self, object: u32, hint: usize, key: &[u8]) -> Option<u32> {
        find(&self.nodes, object, hint, key).or_else(|| self.adds.then(|| self.add(object, key)))
    }

    #[inline]
    fn value(&mut self, node: u32, token: &[u8], _start: usize) -> Option<()> {
        let known = &self.nodes[node as usize];
        if token != b"null" && !(known.is_value && known.is_text) {
            let is_text = match token {
                [b'"', inner @ .., b'"'] => {
                    matches!(Value::of(inner).kind(), ValueType::Integer | ValueType::Float | ValueType::Boolean)
                }
                _ => false,
            };
            if is_text || !known.is_value {
                self.met.push((node, is_text));
            }
        }
        Some(())
    }
}

impl Learner {
    fn add(&mut self, object: u32, key: &[u8]) -> u32 {
        let mut buffer = Vec::new();
        let (node, key) = (self.nodes.len() as u32, Box::<[u8]>::from(unescaped(key, &mut buffer)));
        let parent = &mut self.nodes[object as usize];
        parent.inner.push(node);
        parent.by_key.insert(key.clone(), node);
        self.nodes.push(Node { key, parent: object, column: NONE, ..Node::default() });
        node
    }

    /// Look at some whole lines.
    ///
    /// # Errors
    /// In words: there are too many keys.
    pub fn lines(&mut self, mut text: &[u8]) -> Result<(), String> {
        while !text.is_empty() {
            let end = line_end(text, 0);
            self.line(&text[..end]);
            text = text.get(end + 1..).unwrap_or_default();
            if self.nodes.len() > MOST_KEYS {
                return Err(format!("the objects have more than {MOST_KEYS} different keys; the file was not read"));
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        self.objects.1 += 1;
        self.met.clear();
        if parse::object(line, self).is_none() {
            // A key that is new, or no object: only what is one may bring new keys.
            if parse::object(line, &mut parse::Check).is_none() {
                return;
            }
            self.met.clear();
            self.adds = true;
            let _ = parse::object(line, self);
            self.adds = false;
        }
        self.objects.0 += 1;
        for (node, is_text) in self.met.drain(..) {
            let node = &mut self.nodes[node as usize];
            node.is_value = true;
            node.is_text |= is_text;
        }
    }

    /// What was found.
    pub fn finish(self) -> Shape {
        let Self { mut nodes, objects, .. } = self;
        let mut columns: Vec<u32> = Vec::new();
        for (place, node) in nodes.iter_mut().enumerate().skip(1) {
            // Nothing but nulls is a column as well.
            if node.is_value || node.inner.is_empty() {
                node.column = columns.len() as u32;
                columns.push(place as u32);
            }
        }
        let mut fields: Vec<Vec<u8>> = columns.iter().map(|column| path(&nodes, *column)).collect();
        let given = fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        if fields.is_empty() {
            // Objects without keys, or no object: a table has a column.
            fields.push(Vec::new());
        }
        let names = unique(&fields);
        let mut texts: Vec<bool> = columns.iter().map(|&column| nodes[column as usize].is_text).collect();
        texts.resize(names.len(), false);
        Shape { nodes, names, given, texts, objects }
    }
}
