//! The records of a sample by their number of fields, in one dialect.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::footer::is_empty_line;
use super::super::{CsvSplitter, Dialect};
use crate::tabular::MOST_COLUMNS;
use crate::tabular::split::Split;

/// Records that are looked at.
const SAMPLE_RECORDS: usize = 1000;

/// What a sample is in a dialect.
pub(super) struct Counts {
    pub dialect: Dialect,
    /// By record: its fields, and where it is.
    pub records: Vec<(u32, Range<usize>)>,
    /// Texts behind quotes that close.
    pub strays: u64,
    /// There are such, or quotes that enclose nothing.
    pub has_odd_quotes: bool,
    /// The sample ends inside quotes.
    pub is_open: bool,
}

impl Counts {
    pub fn of(sample: &[u8], dialect: Dialect) -> Self {
        Self::of_first(sample, dialect, SAMPLE_RECORDS)
    }

    /// Of at most so many records.
    pub fn of_first(sample: &[u8], dialect: Dialect, most: usize) -> Self {
        let (mut split, mut records) = (Split::default(), Vec::new());
        // With one column every record of several fields is told as ragged, with their number.
        let mut splitter = CsvSplitter::new(sample, dialect, 1);
        while records.len() < most && splitter.next(&mut split) {
            let mut ragged = split.ragged().iter().peekable();
            for record in 0..split.len() {
                let fields = ragged.next_if(|(at, _)| *at as usize == record).map_or(1, |&(_, fields)| fields);
                let (start, stop) = split.record(record);
                records.push((fields, start..stop));
            }
        }
        let has_odd_quotes = splitter.has_odd_quotes();
        Self { dialect, records, strays: splitter.strays().0, has_odd_quotes, is_open: splitter.is_open() }
    }

    /// Where a table may begin, and how well the records from there on agree; the best first place there is.
    pub fn body(&self, sample: &[u8]) -> Option<Body> {
        let mut counts = BTreeMap::<u32, usize>::new();
        let divided = self.records.iter().filter(|(fields, _)| *fields > 1);
        divided.for_each(|(fields, _)| *counts.entry(*fields).or_default() += 1);
        // Of two that are as usual the one of fewer fields.
        let (&columns, &alike) = counts.iter().rev().max_by_key(|&(_, count)| count)?;
        let first = self.records.iter().position(|(fields, _)| *fields == columns)?;
        let after = self.after(sample, columns, alike);
        let columns = (columns as usize).min(MOST_COLUMNS + 1);
        Some(Body { columns, first, alike, records: self.records.len() - first - after })
    }
}

/// Lines after a table, at most.
const MOST_AFTER: usize = 10;

impl Counts {
    /// How many records at the end are notes below a table, not records of it.
    fn after(&self, sample: &[u8], columns: u32, alike: usize) -> usize {
        let after = self.records.iter().rev().take_while(|(fields, _)| *fields != columns).count();
        if after == 0 || after > MOST_AFTER.min(alike * 2) {
            return 0;
        }
        let first = self.records.len() - after;
        let is_parted =
            || first > 0 && is_empty_line(&sample[self.records[first - 1].1.end..self.records[first].1.start]);
        let is_table = columns > 2 && alike > 2 || alike > 1 && is_parted();
        if is_table { after } else { 0 }
    }
}

/// Records that have one number of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Body {
    pub columns: usize,
    /// The first of them.
    pub first: usize,
    /// How many have it, of so many from there on.
    pub alike: usize,
    pub records: usize,
}

impl Body {
    pub fn share(self) -> f64 {
        self.alike as f64 / self.records.max(1) as f64
    }
}
