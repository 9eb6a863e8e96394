//! What follows a table: notes and totals, as a person tells them from records.
//!
//! 1. Lines behind an empty line, if the table has no other one and none of them may be a record.
//! 2. A last line of one field that reads as a note.
//! 3. A last record that is called a total and is the sum of those above it, or that has no value in any column of texts.
//!
//! Of one column only notes behind the only empty line are told apart. What may be a record stays one.

use std::collections::VecDeque;

use super::remarks::{is_remark, is_words};
use super::{CsvSplitter, Dialect};
use crate::tabular::split::Split;
use crate::tabular::values::{Value, ValueType};

/// Records at the end that are looked at.
const LOOKED_AT: usize = 60;
/// Of these, those that may follow the table.
const MOST_ROWS: usize = 20;

/// What was found behind a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundFooter {
    /// Where it begins; none without one.
    pub at: Option<usize>,
    /// Where a last record is that may be a total, and is read as a record.
    pub doubt: Option<(usize, usize)>,
}

/// Look for what follows the table in `text`, which ends with it; `is_all`: all its records are there.
pub fn find_footer(text: &[u8], dialect: Dialect, columns: usize, is_all: bool) -> FoundFooter {
    let Some(tail) = Tail::of(text, dialect, columns) else { return FoundFooter::default() };
    if columns < 2 {
        return FoundFooter { at: tail.notes().map(|row| tail.rows[row].start), doubt: None };
    }
    let is_total = |row: usize| tail.is_total(row, is_all);
    let mut end = tail.rows.len();
    let least = end.saturating_sub(MOST_ROWS).max(1);
    if let Some(block) = tail.block(least) {
        end = block;
    }
    while end > least && (tail.is_note(end - 1, end) || is_total(end - 1) == Some(true)) {
        end -= 1;
    }
    if end < tail.rows.len() {
        // What parts the table from what follows it.
        end -= usize::from(end > least && tail.is_blank(end - 1));
        return FoundFooter { at: Some(tail.rows[end].start), doubt: None };
    }
    let last = tail.rows.len() - 1;
    let is_doubtful = tail.rows.len() > 2 && is_total(last) == Some(false);
    FoundFooter { at: None, doubt: is_doubtful.then(|| (tail.rows[last].start, tail.rows[last].stop)) }
}

struct Row {
    start: usize,
    stop: usize,
    /// How many it has.
    count: usize,
    /// An empty line comes before it.
    is_parted: bool,
}

/// The last records.
struct Tail<'a> {
    text: &'a [u8],
    dialect: Dialect,
    columns: usize,
    rows: VecDeque<Row>,
}

impl<'a> Tail<'a> {
    fn of(text: &'a [u8], dialect: Dialect, columns: usize) -> Option<Self> {
        let (mut split, mut rows, mut before) = (Split::default(), VecDeque::new(), 0);
        let mut splitter = CsvSplitter::new(text, dialect, columns);
        while splitter.next(&mut split) {
            let mut ragged = split.ragged().iter().peekable();
            for record in 0..split.len() {
                let count = ragged.next_if(|(at, _)| *at as usize == record).map_or(columns, |&(_, n)| n as usize);
                let (start, stop) = split.record(record);
                let is_parted = is_empty_line(&text[before..start]);
                before = stop;
                if rows.len() == LOOKED_AT {
                    rows.pop_front();
                }
                rows.push_back(Row { start, stop, count, is_parted });
            }
        }
        (!splitter.is_open() && rows.len() > 1).then_some(Self { text, dialect, columns, rows })
    }

    fn fields(&self, row: usize) -> Vec<Vec<u8>> {
        let Row { start, stop, count, .. } = self.rows[row];
        let (mut split, record) = (Split::default(), &self.text[start..stop]);
        let mut splitter = CsvSplitter::new(record, self.dialect, count);
        if !splitter.next(&mut split) {
            return Vec::new();
        }
        let mut buffer = Vec::new();
        let field = |column| {
            let (from, to) = split.field(0, column);
            self.dialect.unquoted(&record[from..to], &mut buffer).0.trim_ascii().to_vec()
        };
        (0..count).map(field).collect()
    }

    /// Those before a row that have as many fields as there are columns.
    fn body(&self, until: usize) -> Vec<Vec<Vec<u8>>> {
        (0..until).filter(|row| self.rows[*row].count == self.columns).map(|row| self.fields(row)).collect()
    }

    fn is_blank(&self, row: usize) -> bool {
        self.fields(row).iter().all(Vec::is_empty)
    }

    /// The first row of up to three that read as notes behind the only empty line: all that tells them from values of one
    /// column.
    fn notes(&self) -> Option<usize> {
        let mut parted = (0..self.rows.len()).filter(|row| self.rows[*row].is_parted);
        let first = parted.next().filter(|first| *first > 1 && self.rows.len() - first <= 3)?;
        let is_note = |row: &Row| is_remark(&self.text[row.start..row.stop]);
        (parted.next().is_none() && self.rows.range(first..).all(is_note)).then_some(first)
    }

    /// The first row of those behind an empty line none of which may be a record.
    fn block(&self, least: usize) -> Option<usize> {
        let is_parted = |row: usize| self.rows[row].is_parted || row > 0 && self.is_blank(row - 1);
        // Records without any value are records, too.
        let block = (least..self.rows.len()).find(|row| is_parted(*row) && !self.is_blank(*row))?;
        // An empty line between records parts nothing.
        if (1..block.min(least)).any(|row| self.rows[row].is_parted) {
            return None;
        }
        let body = self.body(block);
        let fits = |row: usize| self.is_blank(row) || self.is_aside(row, &body);
        (block..self.rows.len()).all(fits).then_some(block)
    }

    /// True behind an empty line for what is no record.
    fn is_aside(&self, row: usize, body: &[Vec<Vec<u8>>]) -> bool {
        let fields = self.fields(row);
        let filled: Vec<&Vec<u8>> = fields.iter().filter(|field| !field.is_empty()).collect();
        let Some(first) = filled.first() else { return true };
        if label(first) && fields.len() <= self.columns
            || is_remark(&self.text[self.rows[row].start..self.rows[row].stop])
        {
            return true;
        }
        let is_alone = filled.len() == 1 && first.len() > 1 && !is_number(first) && self.is_never_alone(body);
        let has_letters = first.iter().any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
        // A word below two columns may be a record that is cut.
        is_alone && has_letters && (fields.len() == self.columns || self.columns > 2 || is_words(first))
    }

    /// No record of the body has its first field only.
    fn is_never_alone(&self, body: &[Vec<Vec<u8>>]) -> bool {
        body.iter().all(|record| record[1..].iter().any(|field| !field.is_empty()))
    }

    /// True for a last line that reads as a note.
    fn is_note(&self, row: usize, until: usize) -> bool {
        let Row { start, stop, count, .. } = self.rows[row];
        if count == self.columns && !self.is_alone(row) {
            return false;
        }
        let (line, body) = (&self.text[start..stop], self.body(until - 1));
        let mark = line.trim_ascii().first();
        let is_like = |record: &Vec<Vec<u8>>| record[0].first() == mark && !line[0].is_ascii_alphanumeric();
        if body.is_empty() || body.iter().any(is_like) || !self.is_never_alone(&body) {
            return false;
        }
        if is_remark(line) {
            return true;
        }
        let are_words = body.iter().any(|record| is_words(&record[0]));
        count == 1 && is_words(line) && !are_words && self.columns > 1
    }

    /// It has its first field only.
    fn is_alone(&self, row: usize) -> bool {
        let fields = self.fields(row);
        fields.len() > 1 && !fields[0].is_empty() && fields[1..].iter().all(Vec::is_empty)
    }

    /// Of a record that is called a total, whether it certainly is one; none of any other.
    fn is_total(&self, row: usize, is_all: bool) -> Option<bool> {
        let fields = self.fields(row);
        let at = fields.iter().position(|field| !field.is_empty())?;
        if fields.len() != self.columns || !label(&fields[at]) {
            return None;
        }
        let body = self.body(row);
        let is_again = body.iter().any(|record| label(&record[at]));
        let numbers: Vec<usize> = (0..self.columns).filter(|column| number(&fields[*column]).is_some()).collect();
        if body.len() < 2 || is_again || numbers.is_empty() {
            return Some(false);
        }
        let sums = is_all.then(|| self.sums(self.rows[row].start));
        let is_sum = |column: &usize| sums.as_ref().is_some_and(|sums| is_near(&fields[*column], sums[*column]));
        if is_all {
            return Some(numbers.iter().any(is_sum));
        }
        let others: Vec<usize> =
            (0..self.columns).filter(|column| *column != at && !numbers.contains(column)).collect();
        let is_filled = |column: &usize| body.iter().all(|record| !record[*column].is_empty());
        Some(!others.is_empty() && others.iter().all(|column| fields[*column].is_empty() && is_filled(column)))
    }

    /// By column: the sum of its numbers up to there; none where a value is no number.
    fn sums(&self, until: usize) -> Vec<Option<f64>> {
        let mut sums = vec![Some(0.0); self.columns];
        let text = &self.text[..until];
        let (mut split, mut splitter) = (Split::default(), CsvSplitter::new(text, self.dialect, self.columns));
        let mut buffer = Vec::new();
        while splitter.next(&mut split) {
            for (column, sum) in sums.iter_mut().enumerate() {
                for record in 0..split.len() {
                    let (from, to) = split.field(record, column);
                    let Some(field) = text.get(from..to) else { continue };
                    let field = self.dialect.unquoted(field, &mut buffer).0.trim_ascii();
                    if !field.is_empty() {
                        *sum = sum.and_then(|sum| Some(sum + number(field)?));
                    }
                }
            }
        }
        sums
    }
}

fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok().filter(|number: &f64| number.is_finite())
}

fn is_number(field: &[u8]) -> bool {
    Value::of(field).kind() != ValueType::Text
}

/// True when a number, as it is written, is the sum, which is none of nothing.
fn is_near(field: &[u8], sum: Option<f64>) -> bool {
    let (Some(sum), Some(value)) = (sum, number(field)) else { return false };
    let decimals = field.iter().rev().position(|byte| *byte == b'.').unwrap_or_default();
    let unit = 0.1_f64.powi(i32::try_from(decimals).unwrap_or(0));
    let rounding = if decimals > 0 { unit * 0.51 } else { 0.0 };
    value != 0.0 && (sum - value).abs() <= rounding.max(sum.abs() * 1e-9)
}

/// True for the name of a total.
fn label(field: &[u8]) -> bool {
    const TOTALS: [&str; 19] = [
        "total",
        "totals",
        "grand total",
        "sum",
        "sums",
        "total sum",
        "overall",
        "overall total",
        "summe",
        "gesamt",
        "gesamtsumme",
        "insgesamt",
        "totale",
        "totaal",
        "suma",
        "somme",
        "итого",
        "合計",
        "总计",
    ];
    let text = String::from_utf8_lossy(field).to_lowercase();
    let text = text.trim().trim_end_matches([':', '*', '=']).trim();
    TOTALS.contains(&text)
}

/// True when a gap between two records holds a line without anything.
pub(super) fn is_empty_line(gap: &[u8]) -> bool {
    let feeds = gap.iter().filter(|byte| **byte == b'\n').count();
    let returns = gap.iter().filter(|byte| **byte == b'\r').count();
    feeds.max(returns) > 1
}

#[cfg(test)]
mod tests;
