//! The comparison of what was read with what is on the disk.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, make_array};
use arrow_cast::{can_cast_types, cast};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::super::Convert;
use super::super::arrays::data_type;
use super::super::chunk::ConvertedChunk;
use super::super::failed;
use super::super::kept::ColumnAs;
use super::super::native::handed;
use super::super::options::{ConvertOptions, To};
use super::super::plan::{ConversionPlan, Form, TargetColumn, Way};
use super::columns::Places;
use super::{ColumnAt, Fingerprints, FoundValues, Layout, NULL, Proof, canon, columns, spoil, text};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result, guarded};
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
    // Zones have names in a data base of their own; folders have the moment of UTC.
    let kind = data_type(column);
    let (text, plain) = match &kind {
        DataType::Timestamp(unit, Some(_)) => (value.trim_end_matches('Z'), DataType::Timestamp(*unit, None)),
        kind => (value, kind.clone()),
    };
    let text: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let typed = make_array(cast(&text, &plain)?.to_data().into_builder().data_type(kind.clone()).build()?);
    let mut found = Fingerprints::new(1);
    found.rows(&vec![ColumnAt::Column(0)], &RecordBatch::try_from_iter([("value", typed)])?)?;
    if found.values() == 0 {
        return Err(ArrowError::CastError(format!("a folder is named {value:?}, which is no {kind}")));
    }
    Ok(found.columns[0].sum)
}

/// The fingerprints of a file that is written, with these of the columns; or why they cannot be read, in words.
///
/// # Errors
/// An error ends the job: its disk failed, or the job was cancelled.
pub fn read_back(
    to: To,
    file: &Arc<File>,
    columns: &[&TargetColumn],
    layout: &Layout,
    control: &Control,
) -> Result<FoundValues> {
    let places = Places::new(file);
    let read = guarded(|| match to {
        To::Parquet => columns::read(&places, layout, control),
        To::Csv => text::csv(&places, columns, layout, control),
        To::Jsonl => text::jsonl(&places, columns, layout, control),
    });
    match read {
        Ok(found) => Ok(Ok(found)),
        // What the library says, or a panic in it.
        Err(EngineError::Output { message, .. } | EngineError::Internal { message }) if !places.has_failed() => {
            Ok(Err(message))
        }
        Err(error) => Err(error),
    }
}

impl Convert {
    /// As [`read_back`].
    ///
    /// # Errors
    /// As [`read_back`].
    pub fn read_back(&self, file: &Arc<File>, columns: &[&TargetColumn], layout: &Layout) -> Result<FoundValues> {
        spoil::spoil(file).map_err(failed)?;
        read_back(self.options.to, file, columns, layout, &self.context.control)
    }

    /// Those of a file that holds all columns.
    ///
    /// # Errors
    /// As [`Convert::read_back`].
    pub fn read_whole(&self, file: &Arc<File>, columns: &[TargetColumn]) -> Result<FoundValues> {
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
        Ok(match found {
            Ok(found) => Proof { rounded, ..self.compare(path, &names, read, &found) },
            Err(why) => self.unproven(path, &why),
        })
    }

    /// What is known of the values of a file: those that were read, with how many of them were rounded, and those that
    /// were found in what it became.
    pub fn prove(
        &self,
        path: &[u8],
        plan: &ConversionPlan,
        read: Option<std::result::Result<(Fingerprints, u64), String>>,
        found: Option<FoundValues>,
    ) -> Option<Proof> {
        match (read, found) {
            (Some(Err(why)), _) | (Some(Ok(_)), Some(Err(why))) => Some(self.unproven(path, &why)),
            (Some(Ok((read, rounded))), Some(Ok(found))) => Some(Proof {
                rounded,
                uncovered: plan.uncovered(),
                ..self.compare(path, &names(&plan.columns), read, &found)
            }),
            _ => self.options.prove_values.then(Proof::missing),
        }
    }

    /// Of a file whose values an independent reader cannot read: the file stays, and that is an issue.
    fn unproven(&self, path: &[u8], why: &str) -> Proof {
        let message = format!("its values are not proven, since an independent reader cannot read them: {why}");
        self.context.control.issue("convert", path, IssueKind::Unsupported, message);
        Proof { is_unread: true, ..Proof::missing() }
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
        Proof { read, rounded: 0, uncovered: 0, is_missing: false, is_unread: false, difference }
    }
}

impl ConvertedChunk {
    /// Take the values of rows as they were read; `made` is what is written of them.
    pub fn prove_rows(&mut self, plan: &ConversionPlan, batch: &RecordBatch, made: &[ArrayRef]) {
        let (Some(found), Some(layout)) = (&mut self.proof, &plan.layout) else { return };
        let mut take = || -> std::result::Result<(), ArrowError> {
            let each = batch.columns().iter().zip(made).zip(&plan.columns);
            let read = each.map(|((array, made), column)| read_as(array, made, &data_type(column)));
            let read = read.collect::<std::result::Result<Vec<_>, _>>()?;
            let fields: Vec<Field> = read.iter().map(|array| Field::new("", array.data_type().clone(), true)).collect();
            found.rows(layout, &RecordBatch::try_new(Arc::new(Schema::new(fields)), read)?)
        };
        let taken = guarded(|| Ok(take().map_err(|error| error.to_string())));
        if let Err(why) = taken.unwrap_or_else(|panic| Err(panic.to_string())) {
            self.proof = None;
            self.unproven = Some(why);
        }
    }
}

/// The values of a column in the type that a reader finds, if that is another one. Texts are made of them as they are
/// written.
fn read_as(array: &ArrayRef, made: &ArrayRef, to: &DataType) -> std::result::Result<ArrayRef, ArrowError> {
    let kind = array.data_type();
    match handed(kind, to) == *kind {
        true => Ok(Arc::clone(array)),
        false if *to == DataType::Utf8 || !can_cast_types(kind, to) => Ok(Arc::clone(made)),
        false => cast(array, to),
    }
}

/// The names of columns that are written.
pub fn names(columns: &[TargetColumn]) -> Vec<&str> {
    columns.iter().filter(|column| !column.is_key).map(|column| column.name.as_str()).collect()
}
