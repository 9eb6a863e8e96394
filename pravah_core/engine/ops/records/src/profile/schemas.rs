//! Schemas of files: which there are, and how each differs from that of most files.

use std::collections::HashMap;

use pravah_foundation::base::hash::hash;
use pravah_foundation::tabular::values::ValueType;

/// The columns of a file in their order, each with the type that holds its values; none where all are null.
pub type Signature = Vec<(String, Option<ValueType>)>;

/// Files of one schema.
#[derive(Debug)]
pub struct SchemaGroup {
    /// The columns.
    pub columns: Signature,
    /// How many files.
    pub files: u64,
    /// The first of them by name.
    pub first: Vec<u8>,
}

/// The schemas, by their identifiers.
#[derive(Debug, Default)]
pub struct Schemas {
    groups: HashMap<u64, SchemaGroup>,
    /// Files whose schema is kept no more.
    pub beyond: u64,
}

/// Schemas that are told apart; columns of all of them.
const MOST: usize = 10_000;

impl Schemas {
    /// Count a file; its schema's identifier.
    pub fn add(&mut self, path: &[u8], columns: &Signature) -> u64 {
        let mut text = Vec::new();
        for (name, kind) in columns {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(&[0, kind.map_or(u8::MAX, |kind| kind as u8), 0]);
        }
        let id = hash(&text);
        self.put(id, path, 1, || columns.clone());
        id
    }

    fn put(&mut self, id: u64, path: &[u8], files: u64, columns: impl FnOnce() -> Signature) {
        let is_full = self.groups.len() >= MOST;
        match self.groups.get_mut(&id) {
            Some(group) => {
                group.files += files;
                if path < &group.first[..] {
                    group.first = path.to_vec();
                }
            }
            None if is_full => self.beyond += files,
            None => drop(self.groups.insert(id, SchemaGroup { columns: columns(), files, first: path.to_vec() })),
        }
    }

    /// Add others.
    pub fn merge(&mut self, other: Self) {
        self.beyond += other.beyond;
        for (id, group) in other.groups {
            self.put(id, &group.first, group.files, || group.columns);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// All of them, that of most files first.
    pub fn ranked(&self) -> Vec<(u64, &SchemaGroup)> {
        let mut ranked: Vec<(u64, &SchemaGroup)> = self.groups.iter().map(|(&id, group)| (id, group)).collect();
        ranked.sort_by_key(|(_, group)| (std::cmp::Reverse(group.files), group.first.clone()));
        ranked
    }
}

/// A difference between two schemas.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// The column.
    pub column: String,
    /// `appeared`, `vanished`, `renamed`, `moved` or `type`.
    pub what: &'static str,
    /// What it was: a type, a name or a place.
    pub before: String,
    /// What it is.
    pub after: String,
}

/// A type's name; `none` without a value.
pub fn shown(kind: Option<ValueType>) -> &'static str {
    kind.map_or("none", ValueType::as_str)
}

/// What is different in `new`.
pub fn changes(old: &Signature, new: &Signature) -> Vec<Change> {
    let places = |columns: &Signature| -> HashMap<String, usize> {
        columns.iter().enumerate().map(|(place, (name, _))| (name.clone(), place)).collect()
    };
    let (old_places, new_places) = (places(old), places(new));
    let mut found = Vec::new();
    let mut renamed = Vec::new();
    for (place, (name, kind)) in old.iter().enumerate() {
        if new_places.contains_key(name) {
            continue;
        }
        // The column at its place, when that is new and of its type.
        let there = new.get(place).filter(|(other, other_kind)| {
            !old_places.contains_key(other) && (kind == other_kind || kind.is_none() || other_kind.is_none())
        });
        match there {
            Some((other, _)) => {
                renamed.push(other);
                found.push(change(name, "renamed", name.clone(), other.clone()));
            }
            None => found.push(change(name, "vanished", shown(*kind).to_owned(), String::new())),
        }
    }
    for (name, kind) in new {
        match old_places.get(name) {
            None if renamed.contains(&name) => {}
            None => found.push(change(name, "appeared", String::new(), shown(*kind).to_owned())),
            Some(&place) => {
                let before = old[place].1;
                if before.is_some() && kind.is_some() && before != *kind {
                    found.push(change(name, "type", shown(before).to_owned(), shown(*kind).to_owned()));
                }
            }
        }
    }
    found.extend(moved(old, &old_places, &new_places));
    found
}

fn change(column: &str, what: &'static str, before: String, after: String) -> Change {
    Change { column: column.to_owned(), what, before, after }
}

/// Columns of both that are in another order: those outside the longest run that kept its order.
fn moved(old: &Signature, olds: &HashMap<String, usize>, news: &HashMap<String, usize>) -> Vec<Change> {
    let common: Vec<&String> = old.iter().map(|(name, _)| name).filter(|name| news.contains_key(*name)).collect();
    let order: Vec<usize> = common.iter().map(|name| news[*name]).collect();
    let kept = longest_rising(&order);
    let others = common.iter().enumerate().filter(|(place, _)| !kept.contains(place));
    let place = |place: usize| format!("column {}", place + 1);
    others.map(|(_, name)| change(name, "moved", place(olds[*name]), place(news[*name]))).collect()
}

/// Places of the longest rising subsequence (patience sorting).
fn longest_rising(order: &[usize]) -> std::collections::HashSet<usize> {
    let (mut tails, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
    for (place, value) in order.iter().enumerate() {
        let pile = tails.partition_point(|&tail| order[tail] < *value);
        before.push(pile.checked_sub(1).map(|pile| tails[pile]));
        match tails.get_mut(pile) {
            Some(tail) => *tail = place,
            None => tails.push(place),
        }
    }
    std::iter::successors(tails.last().copied(), |&place| before[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(text: &str) -> Signature {
        let kind = |letter: &str| match letter {
            "i" => Some(ValueType::Integer),
            "t" => Some(ValueType::Text),
            _ => None,
        };
        let column = |word: &str| word.split_once(':').map(|(name, letter)| (name.to_owned(), kind(letter)));
        text.split(' ').filter_map(column).collect()
    }

    fn told(old: &str, new: &str) -> Vec<(String, &'static str, String, String)> {
        let found = changes(&signature(old), &signature(new)).into_iter();
        found.map(|one| (one.column, one.what, one.before, one.after)).collect()
    }

    #[test]
    fn differences_are_named() {
        let owned = |column: &str, what, before: &str, after: &str| {
            (column.to_owned(), what, before.to_owned(), after.to_owned())
        };
        assert_eq!(told("a:i b:t", "a:i b:t"), []);
        assert_eq!(told("a:i b:t", "a:t b:-"), [owned("a", "type", "integer", "text")]);
        assert_eq!(told("a:i b:t", "a:i c:t"), [owned("b", "renamed", "b", "c")]);
        assert_eq!(told("a:i b:t", "a:i"), [owned("b", "vanished", "text", "")]);
        assert_eq!(told("a:i", "a:i b:t"), [owned("b", "appeared", "", "text")]);
        assert_eq!(told("a:i b:t c:i", "c:i a:i b:t"), [owned("c", "moved", "column 3", "column 1")]);
        assert_eq!(
            told("a:i b:i", "a:i b2:t"),
            [owned("b", "vanished", "integer", ""), owned("b2", "appeared", "", "text")]
        );
    }

    #[test]
    fn files_are_grouped() {
        let (mut one, mut other) = (Schemas::default(), Schemas::default());
        let id = one.add(b"b", &signature("a:i"));
        assert_eq!(other.add(b"a", &signature("a:i")), id);
        assert_ne!(other.add(b"c", &signature("a:t")), id);
        one.merge(other);
        let ranked = one.ranked();
        assert_eq!((ranked.len(), ranked[0].0, ranked[0].1.files, &ranked[0].1.first[..]), (2, id, 2, &b"a"[..]));
    }
}
