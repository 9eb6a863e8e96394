//! Rows of a sheet as records of delimited text.
//!
//! How wide the table is, the first rows tell: what follows is written as it comes. Where a later row is wider, the
//! sheet has to be read again with an extent that is known.

use super::oddness::Oddness;
use super::xml::{LONGEST_TEXT_BYTES, Unreadable};
use crate::base::issue::IssueKind;
use crate::tabular::csv;

/// Columns and rows that a sheet may have.
pub const MOST_COLUMNS: u32 = 16_384;
pub const MOST_ROWS: u32 = 1 << 20;
/// Rows and text of the beginning that tell how wide the table is.
const FIRST_ROWS: usize = 4096;
const FIRST_BYTES: usize = 256 << 10;
/// Errors that are told apart; there are eight of them.
const MOST_ERRORS: usize = 10_000;

/// The columns that hold values: the first, and the one behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetExtent {
    /// The first.
    pub left: u32,
    /// Behind the last.
    pub right: u32,
}

/// What the beginning of a sheet tells.
#[derive(Debug)]
pub struct Beginning {
    /// Its text.
    pub text: Vec<u8>,
    /// What is found in it.
    pub sniffed: csv::Sniffed,
    /// By column: all values are texts.
    pub are_texts: Vec<bool>,
    /// The columns.
    pub extent: SheetExtent,
}

/// What comes of a row's end.
#[derive(Debug, PartialEq, Eq)]
pub enum RowEnd {
    /// More may come.
    More,
    /// It holds a value outside the extent.
    Wider,
}

/// A row of the beginning.
struct FirstRow {
    /// Where its text ends.
    end: usize,
    /// The first column with a value, and the one behind the last.
    left: u32,
    right: u32,
}

/// Makes records of rows.
pub struct SheetLines {
    extent: Option<SheetExtent>,
    /// Text of whole rows.
    pub text: Vec<u8>,
    first: Vec<FirstRow>,
    /// Columns of values in the first rows, and whether they are texts.
    kinds: Vec<(u32, bool)>,
    kinds_ends: Vec<usize>,
    /// The row that is open, from 0.
    row: u32,
    rows: u32,
    /// The column behind the last value.
    next: u32,
    left: u32,
    is_wider: bool,
    has_begun: bool,
    /// Where the text of the open row begins.
    open_at: usize,
    /// Only this is wanted.
    measured: Option<Option<SheetExtent>>,
    /// What is odd.
    pub oddness: Oddness,
}

impl SheetLines {
    /// At the start of a sheet whose extent may be known.
    pub fn new(extent: Option<SheetExtent>) -> Self {
        Self {
            extent,
            text: Vec::new(),
            first: Vec::new(),
            kinds: Vec::new(),
            kinds_ends: Vec::new(),
            row: 0,
            rows: 0,
            next: 0,
            left: 0,
            is_wider: false,
            has_begun: false,
            open_at: 0,
            measured: None,
            oddness: Oddness::default(),
        }
    }

    /// Makes nothing, but finds the extent.
    pub fn measuring() -> Self {
        Self { measured: Some(None), ..Self::new(None) }
    }

    /// The extent that was found.
    pub fn measured(&self) -> Option<SheetExtent> {
        self.measured.flatten()
    }

    /// A row begins; none says which one it is.
    ///
    /// # Errors
    /// It is beyond what any sheet has.
    pub fn begin_row(&mut self, row: Option<u32>) -> Result<(), Unreadable> {
        // One that stands before its neighbours comes behind them.
        let row = row.unwrap_or(self.rows).max(self.rows);
        if row >= MOST_ROWS {
            return Err((IssueKind::Malformed, format!("claims a row {}", u64::from(row) + 1)));
        }
        while self.rows < row {
            self.row_end();
        }
        (self.row, self.next, self.left) = (row, 0, 0);
        Ok(())
    }

    /// A value begins in a column; false when there is no place for it, and the sheet has to be read again.
    fn begin_value(&mut self, column: u32) -> bool {
        if let Some(measured) = &mut self.measured {
            let SheetExtent { left, right } = measured.unwrap_or(SheetExtent { left: column, right: column + 1 });
            *measured = Some(SheetExtent { left: left.min(column), right: right.max(column + 1) });
            self.next = column + 1;
            return false;
        }
        let from = match self.extent {
            Some(extent) if self.has_begun => {
                if column < extent.left || column >= extent.right {
                    self.is_wider = true;
                    return false;
                }
                extent.left
            }
            _ => 0,
        };
        if self.next == 0 {
            self.left = column;
        }
        let commas = if self.next == 0 { column - from } else { column + 1 - self.next };
        self.text.resize(self.text.len() + commas as usize, b',');
        self.next = column + 1;
        true
    }

    /// True when a cell of this column can stand in the row that is open.
    ///
    /// # Errors
    /// It cannot.
    pub fn check(&self, column: u32) -> Result<(), Unreadable> {
        // Many cells may share one long text.
        if self.text.len() - self.open_at > LONGEST_TEXT_BYTES {
            let message = format!(
                "has a row of more than {LONGEST_TEXT_BYTES} bytes, at {}; what follows was not read",
                place(self.row, column)
            );
            return Err((IssueKind::TooLarge, message));
        }
        if column < MOST_COLUMNS && column >= self.next {
            return Ok(());
        }
        Err((IssueKind::Malformed, format!("has a cell out of order: {}", place(self.row, column))))
    }

    /// A text.
    #[inline]
    pub fn text(&mut self, column: u32, text: &[u8]) {
        if !self.begin_value(column) {
            return;
        }
        self.kind(column, true);
        csv::field(&mut self.text, text);
    }

    /// A value that is no text.
    #[inline]
    pub fn value(&mut self, column: u32, write: impl FnOnce(&mut Vec<u8>)) {
        if self.begin_value(column) {
            self.kind(column, false);
            write(&mut self.text);
        }
    }

    #[inline]
    fn kind(&mut self, column: u32, is_text: bool) {
        if !self.has_begun {
            self.kinds.push((column, is_text));
        }
    }

    /// An error.
    pub fn error(&mut self, column: u32, error: &[u8]) {
        let error = String::from_utf8_lossy(&error[..error.len().min(20)]).into_owned();
        let errors = &mut self.oddness.errors;
        let key = (column, error);
        let known = errors.len() < MOST_ERRORS || errors.contains_key(&key);
        *errors.entry(if known { key } else { (column, "others".to_owned()) }).or_default() += 1;
        self.begin_value(column);
        let row = self.row;
        self.oddness.first_error.get_or_insert_with(|| place(row, column));
    }

    /// A formula without what it gives.
    pub fn uncomputed(&mut self, column: u32) {
        self.oddness.uncomputed += 1;
        self.begin_value(column);
        let row = self.row;
        self.oddness.first_uncomputed.get_or_insert_with(|| place(row, column));
    }

    /// A formula whose result may be none.
    pub fn doubtful(&mut self, column: u32) {
        self.oddness.doubtful += 1;
        let row = self.row;
        self.oddness.first_doubtful.get_or_insert_with(|| place(row, column));
    }

    /// The name of a cell of the open row.
    pub fn place(&self, column: u32) -> String {
        place(self.row, column)
    }

    /// The open row ends.
    pub fn end_row(&mut self) -> RowEnd {
        if self.is_wider {
            return RowEnd::Wider;
        }
        self.row_end();
        RowEnd::More
    }

    /// Its text was given out.
    pub fn clear(&mut self) {
        self.text.clear();
        self.open_at = 0;
    }

    /// Forget the row that is open: what comes of it is not whole.
    pub fn forget_row(&mut self) {
        self.text.truncate(self.open_at);
    }

    fn row_end(&mut self) {
        self.rows += 1;
        if self.measured.is_some() {
        } else if !self.has_begun {
            self.first.push(FirstRow { end: self.text.len(), left: self.left, right: self.next });
            self.kinds_ends.push(self.kinds.len());
        } else {
            if let (Some(extent), true) = (self.extent, self.next > 0) {
                self.text.resize(self.text.len() + (extent.right - self.next) as usize, b',');
            }
            self.text.push(b'\n');
        }
        (self.next, self.left, self.open_at) = (0, 0, self.text.len());
    }

    /// True when enough came to tell where the table begins.
    pub fn is_enough(&self) -> bool {
        !self.has_begun && (self.first.len() >= FIRST_ROWS || self.text.len() >= FIRST_BYTES)
    }

    /// True once the beginning was told.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// What the first rows tell, so many of which are skipped; none when they hold no value.
    pub fn begin(&mut self, skipped: Option<u64>) -> Option<Beginning> {
        let left = lefts(&self.first)?;
        let right = self.first.iter().map(|row| row.right).max()?;
        let extent = self.extent.unwrap_or(SheetExtent { left, right });
        let rows = std::mem::take(&mut self.first);
        let unpadded = std::mem::take(&mut self.text);
        // A title fills fewer columns than a table: what comes before the first whole row is looked at as it is.
        let whole = rows.iter().position(|row| row.right == right).unwrap_or_default();
        let (text, starts) = padded(&unpadded, &rows, extent, whole);
        let asked = csv::Asked {
            delimiter: csv::Marker::of(b","),
            quote: Some(Some(b'"')),
            escape: Some(None),
            skips_blanks: Some(false),
            skipped,
            ..csv::Asked::default()
        };
        let mut sniffed = csv::sniff(&text, &asked);
        let first = starts.partition_point(|start| *start < sniffed.begins);
        let extent = match self.extent {
            Some(known) => known,
            // A title may begin before the table.
            None => SheetExtent { left: lefts(&rows[first.min(rows.len())..]).unwrap_or(left), right },
        };
        let (text, _) = padded(&unpadded, &rows, extent, first);
        sniffed.columns = (extent.right - extent.left) as usize;
        sniffed.confidence = 1.0;
        sniffed.reason = format!("{} columns of the sheet hold values", sniffed.columns);
        let are_texts = self.texts(&rows, extent, first);
        (self.extent, self.has_begun) = (Some(extent), true);
        (self.kinds, self.kinds_ends) = (Vec::new(), Vec::new());
        Some(Beginning { text, sniffed, are_texts, extent })
    }

    /// Columns whose values, below the first row that has some, are texts.
    fn texts(&self, rows: &[FirstRow], extent: SheetExtent, first: usize) -> Vec<bool> {
        let mut texts = vec![(0u32, 0u32); (extent.right - extent.left) as usize];
        let header = rows.iter().skip(first).position(|row| row.right > 0).map_or(0, |at| first + at);
        let from = self.kinds_ends.get(header).copied().unwrap_or_default();
        for &(column, is_text) in &self.kinds[from..] {
            if let Some(counts) = texts.get_mut(column.wrapping_sub(extent.left) as usize) {
                counts.0 += u32::from(is_text);
                counts.1 += 1;
            }
        }
        texts.into_iter().map(|(texts, all)| all > 0 && texts == all).collect()
    }
}

/// The first column that holds a value.
fn lefts(rows: &[FirstRow]) -> Option<u32> {
    rows.iter().filter(|row| row.right > 0).map(|row| row.left).min()
}

/// The text of rows without the columns before the extent; from the row `from` on they are as wide as that. And where
/// each row begins.
fn padded(text: &[u8], rows: &[FirstRow], extent: SheetExtent, from: usize) -> (Vec<u8>, Vec<usize>) {
    let (mut out, mut starts, mut start) = (Vec::with_capacity(text.len() * 2), Vec::new(), 0);
    for (place, row) in rows.iter().enumerate() {
        starts.push(out.len());
        if row.right > 0 {
            out.extend_from_slice(&text[start + extent.left.min(row.left) as usize..row.end]);
            if place >= from {
                out.resize(out.len() + extent.right.saturating_sub(row.right) as usize, b',');
            }
        }
        out.push(b'\n');
        start = row.end;
    }
    (out, starts)
}

/// The name of a cell: `B7`.
pub fn place(row: u32, column: u32) -> String {
    format!("{}{}", column_name(column), u64::from(row) + 1)
}

/// The letters of a column.
pub(super) fn column_name(column: u32) -> String {
    let (mut letters, mut left) = (Vec::new(), column + 1);
    while left > 0 {
        letters.push(b'A' + ((left - 1) % 26) as u8);
        left = (left - 1) / 26;
    }
    letters.reverse();
    String::from_utf8_lossy(&letters).into_owned()
}
