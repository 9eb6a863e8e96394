//! Elements of a document as records of delimited text, once its shape is known.

use std::sync::Arc;

use super::lists::ListItems;
use super::pieces::{LONGEST_BYTES, XmlAttributes, XmlPieces, XmlVisit, malformed};
use super::shape::{XmlShape, is_markup};
use crate::base::issue::IssueKind;
use crate::io::package::Unreadable;
use crate::tabular::csv;

/// Text of records that is given out at once.
const PUSHED_BYTES: usize = 1 << 20;

/// Makes records of a document.
pub struct XmlRecords {
    pieces: XmlPieces,
    rows: Rows,
}

/// An open element.
struct Open {
    node: u32,
    /// Where the next of what is in it probably is.
    hint: usize,
    has_elements: bool,
    is_nil: bool,
}

struct Rows {
    shape: Arc<XmlShape>,
    /// Open elements, the document first.
    open: Vec<Open>,
    /// How many are open in the record, and in the element of a list.
    record_at: Option<usize>,
    list_at: Option<usize>,
    /// By open element of the record: its text.
    texts: Vec<Vec<u8>>,
    /// By column: where its value is.
    fields: Vec<Option<(usize, usize)>>,
    values: Vec<u8>,
    /// By column: its list.
    lists: Vec<Vec<u8>>,
    items: ListItems,
    name: Vec<u8>,
    /// Bytes of the open record.
    bytes: usize,
    out: Vec<u8>,
    /// Records without a value in a table with one column.
    blanks: u64,
    /// Elements that hold text and elements, and the column of the first.
    mixed: u64,
    first_mixed: Option<usize>,
}

impl XmlRecords {
    /// Of a document of that shape.
    pub fn new(shape: Arc<XmlShape>) -> Self {
        let columns = shape.names.len();
        let document = Open { node: 0, hint: 0, has_elements: false, is_nil: false };
        let rows = Rows {
            open: vec![document],
            record_at: None,
            list_at: None,
            texts: Vec::new(),
            fields: vec![None; columns],
            values: Vec::new(),
            lists: vec![Vec::new(); columns],
            items: ListItems::default(),
            name: Vec::new(),
            bytes: 0,
            out: Vec::new(),
            blanks: 0,
            mixed: 0,
            first_mixed: None,
            shape,
        };
        Self { pieces: XmlPieces::default(), rows }
    }

    /// What it is as a table.
    pub fn shape(&self) -> &Arc<XmlShape> {
        &self.rows.shape
    }

    /// Add the records of the next text to `out`; true when there are more, which come with no text.
    ///
    /// # Errors
    /// In words: why what follows is not read. The records before are there.
    pub fn take(&mut self, text: &[u8], last: bool, out: &mut Vec<u8>) -> Result<bool, Unreadable> {
        let taken = self.pieces.take(text, last, &mut self.rows);
        out.append(&mut self.rows.out);
        taken
    }

    /// What is to be told at its end.
    pub fn notes(&self) -> Vec<String> {
        let Rows { blanks, mixed, first_mixed, shape, .. } = &self.rows;
        let mut notes = Vec::new();
        if let Some(column) = first_mixed {
            notes.push(format!(
                "{mixed} elements hold text beside elements; their text is in one value without the place of what is \
                 between, the first in column {}",
                shape.names[*column]
            ));
        }
        if *blanks > 0 {
            notes.push(format!("{blanks} records hold no value: their columns are empty"));
        }
        notes
    }
}

impl Rows {
    fn grow(&mut self, bytes: usize) -> Result<(), Unreadable> {
        self.bytes += bytes;
        if self.bytes > LONGEST_BYTES {
            let message = format!("a record is longer than {LONGEST_BYTES} bytes; if it holds others, set their path");
            return Err((IssueKind::TooLarge, message));
        }
        Ok(())
    }

    fn find(&self, parent: u32, hint: usize, name: &[u8]) -> Result<u32, Unreadable> {
        let unknown = || (IssueKind::TooLarge, "has too many different elements and attributes".to_owned());
        self.shape.tree.find(parent, hint, name).ok_or_else(unknown)
    }

    /// An element of the record begins.
    fn begin(&mut self, node: u32, attributes: &XmlAttributes) -> Result<(), Unreadable> {
        let at = self.open.len() - self.record_at.unwrap_or_default();
        match self.texts.get_mut(at) {
            Some(text) => text.clear(),
            None => self.texts.push(Vec::new()),
        }
        if self.list_at.is_none() && node != self.shape.record && self.shape.tree.node(node).repeats {
            self.list_at = Some(self.open.len());
            self.items.clear();
        }
        if self.list_at.is_some() {
            self.items.begin(node)?;
        }
        let mut hint = 0;
        for (name, value) in attributes.iter() {
            self.grow(name.len() + value.len())?;
            if is_markup(name) {
                self.open.last_mut().into_iter().for_each(|open| open.is_nil |= is_nil(name, value));
                continue;
            }
            self.name.clear();
            self.name.push(b'@');
            self.name.extend_from_slice(name);
            let attribute = self.find(node, hint, &self.name)?;
            hint += 1;
            if self.list_at.is_some() {
                self.items.attribute(attribute, value)?;
            } else {
                self.set(attribute, value);
            }
        }
        self.open.last_mut().into_iter().for_each(|open| open.hint = hint);
        Ok(())
    }

    fn set(&mut self, node: u32, value: &[u8]) {
        if let Some(column) = self.shape.column(node) {
            let from = self.values.len();
            self.values.extend_from_slice(value);
            self.fields[column] = Some((from, self.values.len()));
        }
    }

    /// An element of the record ends.
    fn finish(&mut self, element: &Open, at: usize) {
        let text = std::mem::take(&mut self.texts[at]);
        let is_blank = element.has_elements && text.trim_ascii().is_empty();
        let value = Some(&text[..]).filter(|_| !is_blank && !element.is_nil);
        let column = self.shape.column(element.node);
        if element.has_elements && value.is_some() {
            let of_list = self.open.get(self.list_at.unwrap_or(usize::MAX) - 1).map(|open| open.node);
            self.mixed += 1;
            self.first_mixed = self.first_mixed.or(column).or_else(|| of_list.and_then(|node| self.shape.column(node)));
        }
        if self.list_at.is_some() {
            self.items.end(value);
            if self.list_at == Some(self.open.len() + 1) {
                self.list_at = None;
                if let Some(column) = column {
                    let list = &mut self.lists[column];
                    list.push(if list.is_empty() { b'[' } else { b',' });
                    self.items.write(&self.shape.tree, list);
                }
            }
        } else if let Some(value) = value {
            self.set(element.node, value);
        }
        self.texts[at] = text;
    }

    fn write(&mut self) {
        for column in 0..self.fields.len() {
            if column > 0 {
                self.out.push(b',');
            }
            if let Some((from, to)) = self.fields[column].take() {
                csv::field(&mut self.out, &self.values[from..to]);
            } else if !self.lists[column].is_empty() {
                let list = &mut self.lists[column];
                list.push(b']');
                csv::quote(&mut self.out, list);
                list.clear();
            } else if self.fields.len() == 1 {
                // An empty line is no record.
                self.blanks += 1;
                self.out.extend_from_slice(b"\"\"");
            }
        }
        self.out.push(b'\n');
        self.values.clear();
        self.bytes = 0;
    }
}

impl XmlVisit for Rows {
    fn start(&mut self, name: &[u8], attributes: &XmlAttributes) -> Result<(), Unreadable> {
        let Some(parent) = self.open.last_mut() else { return Ok(()) };
        parent.has_elements = true;
        let (above, hint) = (parent.node, parent.hint);
        parent.hint += 1;
        let node = self.find(above, hint, name)?;
        self.open.push(Open { node, hint: 0, has_elements: false, is_nil: false });
        if self.record_at.is_none() && node == self.shape.record {
            self.record_at = Some(self.open.len());
        }
        if self.record_at.is_some() {
            self.grow(name.len())?;
            return self.begin(node, attributes);
        }
        Ok(())
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Unreadable> {
        let Some(record_at) = self.record_at else { return Ok(()) };
        self.grow(text.len())?;
        self.texts[self.open.len() - record_at].extend_from_slice(text);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        let element = self.open.pop().ok_or_else(|| malformed("an element ends that did not begin".to_owned()))?;
        let Some(record_at) = self.record_at else { return Ok(()) };
        self.finish(&element, self.open.len() + 1 - record_at);
        if self.open.len() + 1 == record_at {
            self.record_at = None;
            self.write();
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.out.len() >= PUSHED_BYTES
    }
}

fn is_nil(name: &[u8], value: &[u8]) -> bool {
    name == b"xsi:nil" && matches!(value.trim_ascii(), b"true" | b"1")
}

#[cfg(test)]
mod tests {
    use super::super::XmlLearner;
    use super::*;

    /// The names, and the records as text.
    fn read(text: &str, path: Option<&str>, step: usize) -> (String, String, Vec<String>) {
        let mut learner = XmlLearner::default();
        learner.take(text.as_bytes(), true).unwrap();
        let mut records = XmlRecords::new(Arc::new(learner.finish(path).unwrap()));
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(step) {
            assert!(!records.take(piece, false, &mut out).unwrap());
        }
        records.take(&[], true, &mut out).unwrap();
        (records.shape().names.join("|"), String::from_utf8(out).unwrap(), records.notes())
    }

    #[test]
    fn elements_become_records_whatever_the_pieces() {
        let text = concat!(
            "<c><b id='1'><name> A, \"x\" </name><price cur='EUR'>1.50</price>\n<at><city>Bonn</city><zip/></at></b>",
            "<b><price>2</price><name/><isbn>007</isbn><at/></b><b xsi:nil='true'><name xsi:nil='true'/></b></c>",
        );
        for step in [1, 2, 7, 1000] {
            let (names, records, notes) = read(text, None, step);
            assert_eq!(names, "@id|name|price|price.@cur|at.city|at.zip|isbn");
            assert_eq!(records, "1,\" A, \"\"x\"\" \",1.50,EUR,Bonn,\"\",\n,\"\",2,,,,007\n,,,,,,\n");
            assert!(notes.is_empty(), "{notes:?}");
        }
    }

    #[test]
    fn what_comes_again_in_a_record_is_a_list() {
        let text = concat!(
            "<c><b><t>x</t><n>1</n><t>y \"z\"\n</t></b><b><t/><n>2</n></b><b><n>3</n>",
            "<p k='1'><q>a</q><r>b</r><q>c</q></p><p>text</p><p k='2'/></b></c>",
        );
        let (names, records, _) = read(text, None, 3);
        assert_eq!(names, "t|n|p");
        assert_eq!(
            records,
            concat!(
                "\"[\"\"x\"\",\"\"y \\\"\"z\\\"\"\\n\"\"]\",1,\n\"[\"\"\"\"]\",2,\n,3,\"[{\"\"@k\"\":\"\"1\"\",\"\"q\"\":[\"\"a\"\",\"\"c\"\"],",
                "\"\"r\"\":\"\"b\"\"},{\"\"#text\"\":\"\"text\"\"},{\"\"@k\"\":\"\"2\"\",\"\"#text\"\":\"\"\"\"}]\"\n",
            )
        );
    }

    #[test]
    fn text_beside_elements_is_kept_and_told() {
        let (names, records, notes) = read("<c><p>one <b>two</b> three</p><p>\n <b>x</b>\n</p><p>y</p></c>", None, 4);
        assert_eq!((names.as_str(), records.as_str()), ("b|#text", "two,one  three\nx,\n,y\n"));
        assert!(notes[0].starts_with("1 elements hold text") && notes[0].contains("#text"), "{notes:?}");
        let (_, records, notes) = read("<c><p><b>x</b></p><p/></c>", Some("/c/p"), 4);
        assert_eq!(records, "x\n\"\"\n");
        assert!(notes[0].starts_with("1 records hold no value"), "{notes:?}");
    }

    #[test]
    fn a_record_that_is_too_long_ends_the_reading_and_those_before_it_are_there() {
        let long = "x".repeat(LONGEST_BYTES / 16);
        let text = format!("<c><p><a>1</a></p><p>{}</p></c>", format!("<a>{long}</a>").repeat(17));
        let mut learner = XmlLearner::default();
        for piece in text.as_bytes().chunks(1 << 20) {
            learner.take(piece, false).unwrap();
        }
        let mut records = XmlRecords::new(Arc::new(learner.finish(Some("/c/p")).unwrap()));
        let mut out = Vec::new();
        let taken =
            text.as_bytes().chunks(1 << 20).try_for_each(|piece| records.take(piece, false, &mut out).map(drop));
        assert!(taken.is_err_and(|(kind, _)| kind == IssueKind::TooLarge));
        assert_eq!(out, b"\"[\"\"1\"\"]\"\n");
    }
}
