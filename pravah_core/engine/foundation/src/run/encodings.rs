//! The encodings of a job's files: the mix of them, with the least sure example of each.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrow_array::RecordBatch;

use crate::base::error::Result;
use crate::store::baseline::Row;
use crate::store::columns::{Column, Columns};
use crate::tabular::text::{Confidence, Encoding, Found};

/// The columns of `by_encoding`.
pub const BY_ENCODING: &[Column] = &[
    Column::text("encoding"),
    Column::integer("files"),
    Column::integer("size_bytes"),
    Column::integer("invalid_files"),
    Column::integer("invalid"),
    Column::text("confidence"),
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("decided_at"),
];

/// How files are named that have no encoding.
pub const BINARY: &str = "binary";
const OTHERS: [&str; 4] = ["ascii", "other", BINARY, "empty"];

/// The columns of a file's row that say what is known of its encoding, in the order in which [`write`] appends them.
pub const FOUND: [Column; 4] = [
    Column::category("encoding"),
    Column::category("confidence"),
    Column::integer("decided_at"),
    Column::integer("invalid"),
];

/// Append the columns of [`FOUND`].
pub fn write(found: &Found, rows: &mut Columns) {
    rows.text(&found.name);
    rows.optional_text(found.confidence.map(Confidence::name));
    rows.optional_integer(found.decided_at);
    rows.optional_integer(found.confidence.map(|_| found.invalid));
}

/// What [`write`] wrote, in the values of a row from that one on.
pub fn read(row: Row<'_>, first: usize) -> Option<Found> {
    let name = row.text(first)?;
    let name = match OTHERS.into_iter().find(|other| *other == name) {
        Some(other) => Cow::Borrowed(other),
        None => Encoding::named(name)?.name(),
    };
    let confidence = match row.text(first + 1) {
        Some(name) => Some(Confidence::named(name)?),
        None => None,
    };
    Some(Found { name, confidence, decided_at: row.integer(first + 2), invalid: row.integer(first + 3).unwrap_or(0) })
}

/// What is found of a file that is no text.
pub fn binary() -> Found {
    Found { name: BINARY.into(), confidence: None, decided_at: None, invalid: 0 }
}

/// Files by their encodings.
#[derive(Debug, Default)]
pub struct Mix(BTreeMap<Cow<'static, str>, OneEncoding>);

#[derive(Debug)]
struct OneEncoding {
    files: u64,
    bytes: u64,
    invalid_files: u64,
    invalid: u64,
    /// The least sure one; of those that are as sure the first by its path, so that no chance decides.
    example: (Option<Confidence>, Vec<u8>, Option<u64>),
}

impl Mix {
    /// One more file, so large.
    pub fn add(&mut self, path: &[u8], size: u64, found: &Found) {
        let invalid_files = u64::from(found.invalid > 0);
        let example = (found.confidence, path.to_vec(), found.decided_at);
        let one = OneEncoding { files: 1, bytes: size, invalid_files, invalid: found.invalid, example };
        self.put(found.name.clone(), one);
    }

    /// Those of another thread.
    pub fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(name, more)| self.put(name, more));
    }

    fn put(&mut self, name: Cow<'static, str>, more: OneEncoding) {
        let Some(known) = self.0.get_mut(&name) else { return drop(self.0.insert(name, more)) };
        known.files += more.files;
        known.bytes += more.bytes;
        known.invalid_files += more.invalid_files;
        known.invalid += more.invalid;
        if more.example < known.example {
            known.example = more.example;
        }
    }

    /// Files that `is_meant` names.
    pub fn files(&self, is_meant: impl Fn(&str) -> bool) -> u64 {
        self.0.iter().filter(|(name, _)| is_meant(name)).map(|(_, one)| one.files).sum()
    }

    /// Files with bytes that are not valid in their encoding.
    pub fn invalid_files(&self) -> u64 {
        self.0.values().map(|one| one.invalid_files).sum()
    }

    /// The rows of `by_encoding`, those of most files first.
    ///
    /// # Errors
    /// [`crate::base::error::EngineError::Internal`], a bug.
    pub fn rows(&self) -> Result<RecordBatch> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by(|(name, one), (other_name, other)| other.files.cmp(&one.files).then(name.cmp(other_name)));
        let mut rows = Columns::new(BY_ENCODING);
        for (name, one) in all {
            rows.text(name);
            [one.files, one.bytes, one.invalid_files, one.invalid].into_iter().for_each(|value| rows.integer(value));
            let (confidence, path, decided_at) = &one.example;
            rows.optional_text(confidence.map(Confidence::name));
            rows.path(path);
            rows.optional_integer(*decided_at);
        }
        rows.take()
    }
}
