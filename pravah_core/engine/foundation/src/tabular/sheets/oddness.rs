//! What is odd about a sheet, and told.

use std::collections::BTreeMap;

use super::lines::column_name;

/// What is odd about a sheet.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Oddness {
    /// Cells that hold an error, by column and error.
    pub errors: BTreeMap<(u32, String), u64>,
    /// The first of them.
    pub first_error: Option<String>,
    /// Formulas of which the file does not say what they give.
    pub uncomputed: u64,
    /// The first of them.
    pub first_uncomputed: Option<String>,
    /// Formulas whose saved result is nothing or 0, and may be none.
    pub doubtful: u64,
    /// The first of them.
    pub first_doubtful: Option<String>,
    /// Cells that say they are numbers, and are none.
    pub no_numbers: u64,
    /// Cells that are merged of several.
    pub merged: u64,
}

/// Columns that are named.
const MOST_SHOWN: usize = 20;

impl Oddness {
    /// Cells that hold an error.
    pub fn error_cells(&self) -> u64 {
        self.errors.values().sum()
    }

    /// What is to be told, in words.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(first) = &self.first_error {
            let mut columns: BTreeMap<u32, Vec<String>> = BTreeMap::new();
            for ((column, error), count) in &self.errors {
                columns.entry(*column).or_default().push(format!("{error}: {count}"));
            }
            let shown: Vec<String> = columns
                .iter()
                .take(MOST_SHOWN)
                .map(|(column, errors)| format!("column {} {}", column_name(*column), errors.join(", ")))
                .collect();
            let more = if columns.len() > MOST_SHOWN { "; …" } else { "" };
            notes.push(format!(
                "errors in cells: {} ({}{more}), the first in {first}; they are read as null",
                self.error_cells(),
                shown.join("; ")
            ));
        }
        if let Some(first) = &self.first_uncomputed {
            notes.push(format!(
                "formulas without a saved result: {}, the first in {first}; they are read as null. Open the file in a \
                 spreadsheet program and save it",
                self.uncomputed
            ));
        }
        if let Some(first) = &self.first_doubtful {
            notes.push(format!(
                "formulas whose saved result is empty or 0: {}, the first in {first}. If they were never calculated, open \
                 the file in a spreadsheet program and save it",
                self.doubtful
            ));
        }
        if self.no_numbers > 0 {
            notes.push(format!("numbers that are not valid: {}; they are read as text", self.no_numbers));
        }
        if self.merged > 0 {
            notes.push(format!(
                "merged cells: {}; the value is in the first cell of each, the others are empty",
                self.merged
            ));
        }
        notes
    }
}
