//! What a workbook says of its sheets.

use std::collections::HashMap;
use std::io::Read;

use super::serial::Epoch;
use super::xml::{Event, Unreadable, Xml, attribute};
use crate::base::issue::IssueKind;

/// Sheets: one that has more is none.
pub(super) const MOST_SHEETS: usize = 10_000;
/// Bytes of a name; programs allow 31 characters.
const NAME_BYTES: usize = 200;

/// Bytes of all names that something is found by, and what each one takes besides.
const NAMES_BYTES: usize = 16 << 20;
const NAME_OWN_BYTES: usize = 64;

/// What all names so far take.
#[derive(Debug, Default)]
pub(super) struct NameBytes(usize);

impl NameBytes {
    /// One more, of so many bytes.
    ///
    /// # Errors
    /// In words: these are too many.
    pub fn add(&mut self, bytes: usize) -> Result<(), Unreadable> {
        self.0 = self.0.saturating_add(bytes).saturating_add(NAME_OWN_BYTES);
        if self.0 > NAMES_BYTES {
            return Err((IssueKind::TooLarge, format!("has names of more than {NAMES_BYTES} bytes")));
        }
        Ok(())
    }
}

/// What a workbook says of itself.
#[derive(Debug, Default)]
pub struct Book {
    /// What day 0 is.
    pub epoch: Epoch,
    /// It is calculated when it is opened: what formulas gave may never have been known.
    pub is_uncalculated: bool,
    /// Its sheets, in their order.
    pub sheets: Vec<SheetListed>,
}

/// A sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetListed {
    /// Its name, once in its book.
    pub name: String,
    /// The relation to its part.
    pub relation: String,
    /// It is not shown.
    pub is_hidden: bool,
}

/// What a relation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SheetKind {
    /// Cells.
    Cells,
    /// A chart, a dialog, or macros of old.
    Other,
}

/// Read the part that lists the sheets.
///
/// # Errors
/// In words: why it cannot be read.
pub fn book(part: impl Read) -> Result<Book, Unreadable> {
    let (mut book, mut xml, mut names) = (Book::default(), Xml::new(part), NameBytes::default());
    loop {
        match xml.event()? {
            Event::Start(start) => match start.local_name().as_ref() {
                b"workbookPr" if matches!(attribute(&start, b"date1904").as_deref(), Some("1" | "true")) => {
                    book.epoch = Epoch::In1904;
                }
                b"calcPr" => {
                    let later = attribute(&start, b"fullCalcOnLoad");
                    book.is_uncalculated = matches!(later.as_deref(), Some("1" | "true"));
                }
                b"sheet" => {
                    if book.sheets.len() >= MOST_SHEETS {
                        return Err((IssueKind::TooLarge, format!("has more than {MOST_SHEETS} sheets")));
                    }
                    let name = attribute(&start, b"name").unwrap_or_default();
                    let state = attribute(&start, b"state");
                    let relation = attribute(&start, b"id").unwrap_or_default();
                    names.add(relation.len())?;
                    book.sheets.push(SheetListed {
                        name: named(&name, &book.sheets),
                        relation,
                        is_hidden: matches!(state.as_deref(), Some("hidden" | "veryHidden")),
                    });
                }
                _ => {}
            },
            Event::Eof => return Ok(book),
            _ => {}
        }
    }
}

/// A name as it can stand in a path, unlike those of other sheets.
pub(super) fn named(name: &str, others: &[SheetListed]) -> String {
    let mut end = name.len().min(NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let mut named = String::new();
    for character in name[..end].chars() {
        if character == '/' || character.is_control() {
            named.push_str(&format!("%{:02X}", u32::from(character)));
        } else {
            named.push(character);
        }
    }
    let is_taken = |name: &str| others.iter().any(|other| other.name == name);
    if !is_taken(&named) {
        return named;
    }
    (2..).map(|number| format!("{named}_{number}")).find(|name| !is_taken(name)).unwrap_or(named)
}

/// Read the part that says what a part's relations lead to.
///
/// # Errors
/// In words: why it cannot be read.
pub fn relations(part: impl Read, folder: &str) -> Result<HashMap<String, (SheetKind, String)>, Unreadable> {
    let (mut relations, mut xml, mut names) = (HashMap::new(), Xml::new(part), NameBytes::default());
    loop {
        match xml.event()? {
            Event::Start(start) if start.local_name().as_ref() == b"Relationship" => {
                let kind = attribute(&start, b"Type").unwrap_or_default();
                let is_other = ["chartsheet", "dialogsheet", "macrosheet"]
                    .iter()
                    .any(|other| kind.rsplit('/').next().is_some_and(|last| last.to_ascii_lowercase().contains(other)));
                let target = attribute(&start, b"Target").unwrap_or_default();
                let target = match target.strip_prefix('/') {
                    Some(whole) => whole.to_owned(),
                    None => format!("{folder}{target}"),
                };
                let id = attribute(&start, b"Id").unwrap_or_default();
                names.add(id.len() + target.len())?;
                relations.insert(id, (if is_other { SheetKind::Other } else { SheetKind::Cells }, target));
            }
            Event::Eof => return Ok(relations),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_once_and_no_paths() {
        let part = "<x:workbook><x:workbookPr date1904=\"1\"/><x:sheets><x:sheet name=\"../a&amp;b\" r:id=\"r1\"/>\
                    <x:sheet name=\"../a&amp;b\" state=\"veryHidden\" r:id=\"r2\"/></x:sheets></x:workbook>";
        let book = book(part.as_bytes()).unwrap();
        assert_eq!(book.epoch, Epoch::In1904);
        let names: Vec<_> = book.sheets.iter().map(|sheet| (sheet.name.as_str(), sheet.is_hidden)).collect();
        assert_eq!(names, [("..%2Fa&b", false), ("..%2Fa&b_2", true)]);
    }
}
