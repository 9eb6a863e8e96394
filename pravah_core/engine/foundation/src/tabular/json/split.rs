//! Lines as a matrix of fields, as [`crate::tabular::csv::JsonSplitter`] makes it of delimited text.

use super::NO_OBJECT;
use super::parse::{self, Oddities, Visit};
use super::shape::Shape;
use crate::tabular::split::{Split, line_end, split_records};

/// Splits a chunk, a few records at a time.
#[derive(Debug)]
pub struct JsonSplitter<'a> {
    text: &'a [u8],
    shape: &'a Shape,
    at: usize,
    row: Vec<(u32, u32)>,
    most: usize,
    odd: Oddities,
    /// By node: the record that had it last.
    met: Vec<u32>,
    record: u32,
}

struct Row<'a> {
    shape: &'a Shape,
    fields: &'a mut [(u32, u32)],
    base: usize,
    met: &'a mut [u32],
    record: u32,
}

impl Visit for Row<'_> {
    #[inline]
    fn key(&mut self, object: u32, hint: usize, key: &[u8]) -> Option<u32> {
        let node = self.shape.find(object, hint, key)?;
        // A record has a key once.
        let last = std::mem::replace(&mut self.met[node as usize], self.record);
        (last != self.record).then_some(node)
    }

    #[inline]
    fn value(&mut self, node: u32, token: &[u8], start: usize) -> Option<()> {
        let Some(column) = self.shape.column(node) else {
            // No value where others have an object.
            return (token == b"null").then_some(());
        };
        let start = (self.base + start) as u32;
        self.fields[column] = (start, start + token.len() as u32);
        Some(())
    }
}

impl<'a> JsonSplitter<'a> {
    /// At the start of `text`, which is at most 4 GiB long and begins with a line.
    pub fn new(text: &'a [u8], shape: &'a Shape) -> Self {
        let columns = shape.names().len();
        Self {
            text,
            shape,
            at: 0,
            row: Vec::with_capacity(columns),
            most: split_records(columns),
            odd: Oddities::default(),
            met: vec![0; shape.nodes()],
            record: 0,
        }
    }

    /// What is odd about the values so far.
    pub fn oddities(&self) -> Oddities {
        self.odd
    }

    /// The next records, in `split`; false when there are none.
    pub fn next(&mut self, split: &mut Split) -> bool {
        let columns = self.shape.names().len();
        split.clear(columns);
        while self.at < self.text.len() && split.len() < self.most {
            let (start, end) = (self.at, line_end(self.text, self.at));
            self.at = end + 1;
            let line = &self.text[start..end];
            if line.trim_ascii().is_empty() {
                continue;
            }
            self.row.clear();
            self.row.resize(columns, (end as u32, end as u32));
            self.record += 1;
            let (met, record) = (&mut self.met[..], self.record);
            let mut row = Row { shape: self.shape, fields: &mut self.row, base: start, met, record };
            let read = parse::object(line, &mut row);
            read.iter().for_each(|odd| self.odd.add(*odd));
            split.push((start as u32, end as u32), &self.row, read.is_none().then_some(NO_OBJECT));
        }
        !split.is_empty()
    }
}
