//! Whether a delimiter divides a sample into a table, and where that begins.

use std::borrow::Cow;

use super::super::{CsvSplitter, Dialect, Fields, HeaderGuess, guess};
use super::count::{Body, Counts};
use crate::tabular::split::Split;
use crate::tabular::values::{Value, ValueType};

/// Records that are looked at as texts.
pub(super) const LOOKED_AT: usize = 50;
/// Lines before a table.
const MOST_PREAMBLE: usize = 100;
/// The share of the records of a table with lines before it that have its number of fields.
pub(super) const LEAST_SHARE: f64 = 0.8;

/// A sample as a table.
pub(super) struct Found {
    pub counts: Counts,
    /// Fields of most records.
    pub columns: usize,
    /// Its first record.
    pub first: usize,
    /// Only the number of its fields tells that it begins there.
    is_guess: bool,
    /// Records that have so many fields, of so many.
    pub alike: usize,
    pub records: usize,
}

impl Found {
    /// The share of the records that have the usual number of fields.
    pub fn share(&self) -> f64 {
        self.alike as f64 / self.records.max(1) as f64
    }

    /// The share of the records that have one number of fields. More columns count a little more: a decimal comma makes
    /// two of one in many a record.
    pub fn score(&self) -> f64 {
        let share = self.share();
        let usual = if is_weak(self.counts.dialect.delimiter) { 0.5 } else { 1.0 };
        let whole = match (self.first, self.is_guess) {
            (0, _) => 1.0,
            (_, false) => 0.9,
            (_, true) => 0.6,
        };
        // Quotes within fields, and text behind those that close, are signs of another delimiter.
        let strays = (self.counts.strays as f64 / self.records.max(1) as f64).min(1.0);
        let quotes = if self.counts.has_odd_quotes { 0.7 } else { 1.0 } * (1.0 - 0.5 * strays);
        share * share * usual * whole * quotes * (1.0 - 0.5 / self.columns as f64)
    }
}

/// Prose and times hold these.
fn is_weak(delimiter: u8) -> bool {
    matches!(delimiter, b':' | b' ')
}

/// Some records of a sample as texts.
pub(super) fn fields<'a>(sample: &'a [u8], counts: &Counts, from: usize) -> Vec<Fields<'a>> {
    let records = counts.records[from..].iter().take(LOOKED_AT);
    records.map(|(_, place)| divided(&sample[place.clone()], counts.dialect)).collect()
}

/// A record's fields.
fn divided(record: &[u8], dialect: Dialect) -> Fields<'_> {
    let mut split = Split::default();
    // More than it has fields, where the delimiter is longer.
    let columns = memchr::memchr_iter(dialect.delimiter, record).count() + 1;
    let mut splitter = CsvSplitter::new(record, dialect, columns);
    if !splitter.next(&mut split) {
        return vec![Cow::Borrowed(&record[..0])];
    }
    let count = split.ragged().first().map_or(columns, |&(_, fields)| fields as usize);
    let field = |column| {
        let (from, to) = split.field(0, column);
        let (field, mut buffer) = (&record[from..to], Vec::new());
        if field.first().is_some_and(|byte| Some(*byte) == dialect.quote) {
            Cow::Owned(dialect.unquoted(field, &mut buffer).0.to_vec())
        } else {
            Cow::Borrowed(field)
        }
    };
    (0..count).map(field).collect()
}

/// A sample as a table in a dialect; none where it is better taken as one column.
pub(super) fn table(sample: &[u8], counts: Counts) -> Option<Found> {
    let body = counts.body(sample)?;
    let at = Placed { sample, counts: &counts, body };
    let (first, is_guess) = at.start()?;
    if at.is_one_column() || at.is_prose(first) {
        return None;
    }
    let Body { columns, alike, .. } = body;
    let records = body.records + body.first - first;
    // Where most records are no such ones, the delimiter divides nothing.
    (alike * 2 >= records || counts.records.len() == 1).then_some(Found {
        counts,
        columns,
        first,
        is_guess,
        alike,
        records,
    })
}

struct Placed<'a> {
    sample: &'a [u8],
    counts: &'a Counts,
    body: Body,
}

impl Placed<'_> {
    fn line(&self, record: usize) -> &[u8] {
        &self.sample[self.counts.records[record].1.clone()]
    }

    /// Its header as it would be, with the table's first record there.
    fn header(&self, first: usize) -> HeaderGuess {
        let records = fields(self.sample, self.counts, first);
        guess(&records[0], &records[1..])
    }

    /// The record with which the table begins, and whether that is a guess.
    fn start(&self) -> Option<(usize, bool)> {
        let first = self.body.first;
        if first == 0 {
            return Some((0, false));
        }
        let weak = is_weak(self.counts.dialect.delimiter);
        // The last line of several comments, with as many words as the values below it have.
        let below = self.counts.records.get(first + 1);
        let is_last_comment = (first - 1..=first).all(|record| self.line(record).starts_with(b"# "));
        if weak && is_last_comment && below.is_some_and(|(fields, _)| *fields as usize != self.body.columns) {
            return None;
        }
        let share = self.body.share() >= LEAST_SHARE && self.body.alike > 1 && first <= MOST_PREAMBLE;
        // What is set apart is no part of the table, whether that has names or not.
        let is_comment = |record: usize| self.line(record).first() == Some(&b'#');
        if !weak && share && ((0..first).all(is_comment) || self.has_blank_line(first)) {
            return Some((first, false));
        }
        let header = self.header(first);
        // A header with a delimiter too few or too many is the header all the same.
        if !header.is_proven && self.counts.records[first - 1].0 > 1 {
            return Some((first - 1, false));
        }
        if header.is_proven {
            return share.then_some((first, false));
        }
        // Only its place tells the names from a title: one word above two columns may as well name one column in which
        // the delimiter is a part of the values.
        let is_title = first > 1 || is_comment(0) || self.line(0).contains(&b' ') && self.body.columns > 2;
        // Nor are lines without a delimiter records of three columns and more.
        let is_alone = || self.body.columns > 2 && (0..first).all(|record| self.counts.records[record].0 == 1);
        (!weak && share && is_title && (header.is_header || is_alone())).then_some((first, !header.is_header))
    }

    fn has_blank_line(&self, first: usize) -> bool {
        let (end, start) = (self.counts.records[first - 1].1.end, self.counts.records[first].1.start);
        self.sample[end..start].iter().filter(|byte| **byte == b'\n').count() > 1
    }

    /// Whole lines that are values, as times and addresses are: what divides them is a part of them.
    fn is_one_column(&self) -> bool {
        if !matches!(self.counts.dialect.delimiter, b':' | b' ' | b',' | b'|') {
            return false;
        }
        // An address may hold bars, but names above it hold as many only by being names.
        let are_names = self.counts.records[0].0 as usize == self.body.columns && !is_one_value(self.line(0));
        if self.counts.dialect.delimiter == b'|' && are_names {
            return false;
        }
        let looked = self.counts.records.len().min(LOOKED_AT);
        // The first may be the name.
        (1..looked).all(|record| is_one_value(self.line(record)))
            && (looked > 1 || is_one_value(self.line(0)) && self.counts.dialect.delimiter != b',')
    }

    /// Blanks, colons and commas of texts.
    fn is_prose(&self, first: usize) -> bool {
        let (delimiter, columns) = (self.counts.dialect.delimiter, self.body.columns);
        if !(is_weak(delimiter) || delimiter == b',' && columns == 2) {
            return false;
        }
        let records = fields(self.sample, self.counts, first);
        let header = guess(&records[0], &records[1..]);
        let fits: Vec<&Fields<'_>> = records.iter().filter(|record| record.len() == columns).collect();
        match delimiter {
            b' ' => {
                // Words come in any number, and twice as many blanks are no empty column but a wider gap.
                let rows = &fits[usize::from(header.is_header).min(fits.len().saturating_sub(1))..];
                let is_typed = |column: usize| {
                    rows.iter().filter(|row| Value::of(&row[column]).kind() != ValueType::Text).count() * 5
                        >= rows.len() * 4
                };
                let typed = (0..columns).filter(|column| is_typed(*column)).count();
                // Without names above them only numbers and their like are no words.
                (typed * 2 <= columns || !header.is_proven && typed < columns)
                    || fits.iter().any(|record| record.iter().any(|field| field.is_empty()))
            }
            b':' => {
                fits.iter().all(|record| record[1..].iter().all(|field| field.starts_with(b" ")))
                    || fits.iter().filter(|record| holds_a_time(record)).count() * 5 >= fits.len() * 4
            }
            b',' if !header.is_proven => {
                fits.len() > 1 && fits.iter().all(|record| record[1].starts_with(b" ") && record[0].contains(&b' '))
            }
            _ => false,
        }
    }
}

/// True for a line among whose words is a time, which colons divide: `2024-01-01 10:00:00 started`.
fn holds_a_time(record: &[Cow<'_, [u8]>]) -> bool {
    let digits = |field: &[u8]| field.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let is_time = |pair: &[Cow<'_, [u8]>]| {
        let after = pair[1].iter().take_while(|byte| byte.is_ascii_digit()).count();
        (1..=2).contains(&digits(&pair[0])) && after == 2
    };
    record.iter().any(|field| field.contains(&b' ')) && record.windows(2).any(is_time)
}

/// True for a text that is one value although it holds delimiters: a moment, a time, an address of the web or of a
/// network card, a number with marks for the thousands.
fn is_one_value(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    let text = text.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(text);
    match Value::of(text).kind() {
        ValueType::Timestamp | ValueType::Time | ValueType::Date => return true,
        _ => {}
    }
    let is_web = memchr::memmem::find(text, b"://")
        .is_some_and(|at| at > 0 && text[..at].iter().all(u8::is_ascii_alphanumeric) && !text.contains(&b' '));
    is_web || is_hex_groups(text) || is_grouped_number(text) || is_clock(text)
}

/// `00:1b:44:11:3a:b7`, `2001:db8::1`.
fn is_hex_groups(text: &[u8]) -> bool {
    let groups: Vec<&[u8]> = text.split(|byte| *byte == b':').collect();
    let is_hex = |group: &&[u8]| group.len() <= 4 && group.iter().all(u8::is_ascii_hexdigit);
    let empty = groups.iter().filter(|group| group.is_empty()).count();
    let is_card = groups.len() == 6 && groups.iter().all(|group| group.len() == 2);
    groups.iter().all(is_hex) && (is_card || empty == 0 && groups.len() == 8 || empty == 1 && groups.len() > 3)
}

/// `1,234,567`: at least two groups of three.
fn is_grouped_number(text: &[u8]) -> bool {
    let groups: Vec<&[u8]> = text.strip_prefix(b"-").unwrap_or(text).split(|byte| *byte == b',').collect();
    let digits = |group: &&[u8]| !group.is_empty() && group.iter().all(u8::is_ascii_digit);
    groups.len() >= 3
        && groups.iter().all(digits)
        && groups[0].len() <= 3
        && groups[1..].iter().all(|group| group.len() == 3)
}

/// Times as people write them, `1:05`, `12:00:45 PM`, perhaps behind a date.
fn is_clock(text: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', text) else { return false };
    let before = text[..colon].rsplit(|byte| !byte.is_ascii_digit()).next().unwrap_or_default();
    let after = &text[colon + 1..];
    let is_time = (1..=2).contains(&before.len())
        && after.len() >= 2
        && after[..2].iter().all(u8::is_ascii_digit)
        && !after.get(2).is_some_and(u8::is_ascii_digit);
    let others = text.iter().all(|byte| byte.is_ascii_digit() || b" :./-TZ+apmAPM".contains(byte));
    let colons = text.iter().filter(|byte| **byte == b':').count();
    is_time && others && colons < 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_hold_delimiters_are_known() {
        for text in [
            "2024-01-01 10:00:00",
            "12:30",
            "https://example.org/a?b=c,d",
            "00:1b:44:11:3a:b7",
            "fe80:0:0:0:1:2:3:4",
            "1,234,567",
            "01.02.2024 9:05",
            "12:00:45 PM",
        ] {
            assert!(is_one_value(text.as_bytes()), "{text}");
        }
        for text in ["a:b", "x y", "1,2", "10:20:30:40", "name: 12:30", "1,23,456", "root:x:0:0"] {
            assert!(!is_one_value(text.as_bytes()), "{text}");
        }
    }
}
