//! The comparison of what was read with what is on the disk.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_row::{RowConverter, SortField};
use arrow_schema::ArrowError;

use super::super::Convert;
use super::super::arrays::data_type;
use super::super::failed;
use super::super::kept::ColumnAs;
use super::super::options::{ConvertOptions, To};
use super::super::plan::{Form, TargetColumn, Way};
use super::{ColumnAt, Fingerprints, Layout, NULL, Proof, canon, columns, spoil, text};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::issue::IssueKind;

/// True when values that are taken of a file in this way can be proven.
pub fn is_provable(way: Way, to: To, columns: &[TargetColumn]) -> bool {
    match way {
        Way::Fields => true,
        Way::Rows => to == To::Parquet,
        // A reader finds them by the names that they have in the file. What stands for no character is no name to it.
        Way::Lines => columns.iter().all(|column| column.given.is_none() && !column.name.contains("\\u")),
    }
}

/// True when the values of a column have a form that both sides know.
pub fn is_covered(column: &TargetColumn, options: &ConvertOptions) -> bool {
    match &column.field {
        Some(field) => RowConverter::supports_fields(&[SortField::new(field.data_type().clone())]),
        // The name of a folder does not say whether a value of JSON was a text.
        None => column.form != Form::Token || !options.partition_by.contains(&column.name),
    }
}

/// The columns as they are in a file of their own; those that are not covered are left out on both sides.
pub fn layout(columns: &[TargetColumn], options: &ConvertOptions) -> Layout {
    let own = columns.iter().filter(|column| !column.is_key).enumerate();
    own.map(|(place, column)| if is_covered(column, options) { ColumnAt::Column(place) } else { ColumnAt::Name(NULL) })
        .collect()
}

/// The hash of the value that the name of a folder gives all records below it; none is [`NULL`].
///
/// # Errors
/// What the library says.
pub fn named(column: &TargetColumn, value: Option<&str>) -> std::result::Result<u64, ArrowError> {
    let Some(value) = value else { return Ok(NULL) };
    if column.form != Form::Typed {
        return Ok(canon::field(column, value.as_bytes()));
    }
    let text: ArrayRef = Arc::new(StringArray::from(vec![value]));
    let typed = cast(&text, &data_type(column))?;
    let mut found = Fingerprints::new(1);
    found.rows(&vec![ColumnAt::Column(0)], &RecordBatch::try_from_iter([("value", typed)])?)?;
    Ok(if found.values() == 0 { canon::unreadable(value.as_bytes()) } else { found.columns[0].sum })
}

impl Convert {
    /// The fingerprints of a file that is written, with these of the columns.
    ///
    /// # Errors
    /// An error ends the job: the file cannot be read back, or the job was cancelled.
    pub fn read_back(&self, file: &Arc<File>, columns: &[&TargetColumn], layout: &Layout) -> Result<Fingerprints> {
        let control = &self.context.control;
        spoil::spoil(file).map_err(failed)?;
        match self.options.to {
            To::Parquet => columns::read(file, layout, control),
            To::Csv => text::csv(file, columns, layout, control),
            To::Jsonl => text::jsonl(file, columns, layout, control),
        }
    }

    /// Those of a file that holds all columns.
    ///
    /// # Errors
    /// As [`Convert::read_back`].
    pub fn read_whole(&self, file: &Arc<File>, columns: &[TargetColumn]) -> Result<Fingerprints> {
        let own: Vec<&TargetColumn> = columns.iter().filter(|column| !column.is_key).collect();
        self.read_back(file, &own, &layout(columns, &self.options))
    }

    /// Prove a file that an earlier attempt has written: it is read back, and its source is not.
    ///
    /// # Errors
    /// As [`Convert::read_back`].
    pub fn prove_again(&self, path: &[u8], target: &[u8], columns: &[ColumnAs], kept: Proof) -> Result<Proof> {
        let file = File::open(self.destination.path().join(OsStr::from_bytes(target))).map_err(failed)?;
        let layout = (0..columns.len()).map(ColumnAt::Column).collect();
        let found = self.read_back(&Arc::new(file), &[], &layout)?;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let Proof { read, rounded, .. } = kept;
        Ok(Proof { rounded, ..self.compare(path, &names, read, &found) })
    }

    /// Compare what was read of a file with what was read back. A difference is an issue.
    pub fn compare(&self, path: &[u8], names: &[&str], read: Fingerprints, found: &Fingerprints) -> Proof {
        let difference = read.difference(names, found);
        if let Some(difference) = &difference {
            let message = format!(
                "the converted file does not have the values that were read: {difference}. Do not use it, and report \
                 this file"
            );
            self.context.control.issue("convert", path, IssueKind::Malformed, message);
        }
        Proof { read, rounded: 0, uncovered: 0, is_missing: false, difference }
    }
}

/// The names of columns that are written.
pub fn names(columns: &[TargetColumn]) -> Vec<&str> {
    columns.iter().filter(|column| !column.is_key).map(|column| column.name.as_str()).collect()
}
