//! One column of a row group on its way to its encoded form.

use arrow_array::{Array, ArrayRef};
use arrow_schema::Field;
use arrow_select::concat::concat;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::writer::SerializedRowGroupWriter;

use super::arrays::{Added, Builder, data_type};
use super::dictionary::Dictionary;
use super::failed;
use super::plan::{ConversionPlan, TargetColumn};
use super::proof::{NULL, canon, written};
use pravah_foundation::base::error::{EngineError, Result};

/// Values that a column has room for from the start.
const ROOM: usize = 1024;

/// Arrays that become one: of very many columns each has a few values only.
const KEPT: usize = 8;

/// A column.
pub struct ColumnEncoder {
    field: Field,
    writer: Option<ArrowColumnWriter>,
    values: Values,
    /// What stays, while there is no writer.
    kept: Vec<ArrayRef>,
    /// The hashes of what was added since the mark, if its values are proven.
    hashes: Option<Vec<u64>>,
}

enum Values {
    Few(Dictionary),
    Many(Builder),
}

/// A column of a row group.
pub enum Encoded {
    Few(Bytes, ColumnCloseResult),
    Many(ArrowColumnChunk),
}

impl ColumnEncoder {
    /// For one of the plan's columns; without a writer its values are asked for, or wait.
    pub fn new(plan: &ConversionPlan, column: &TargetColumn, writer: Option<ArrowColumnWriter>) -> Self {
        let proves = plan.layout.is_some() && !column.is_key;
        let room = if plan.waiting().is_some() { 0 } else { ROOM };
        let few = if column.dictionary && !column.has_bloom && plan.zstd.is_some() && writer.is_some() {
            Dictionary::new(column, proves)
        } else {
            None
        };
        Self {
            field: Field::new(column.field_name(), data_type(column), true),
            writer,
            values: few.map_or_else(|| Values::Many(Builder::new(column, room)), Values::Few),
            kept: Vec::new(),
            hashes: proves.then(Vec::new),
        }
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        match &mut self.values {
            Values::Few(dictionary) => dictionary.null(),
            Values::Many(builder) => builder.null(),
        }
        if let Some(hashes) = &mut self.hashes {
            hashes.push(NULL);
        }
    }

    /// A value; nothing is added when it is of another type.
    #[inline]
    pub fn add(&mut self, text: &[u8]) -> Added {
        let added = match &mut self.values {
            Values::Few(dictionary) => dictionary.add(text),
            Values::Many(builder) => builder.add(text),
        };
        if let (Some(hashes), Added::Whole | Added::Rounded) = (&mut self.hashes, added) {
            hashes.push(match &self.values {
                Values::Few(dictionary) => dictionary.last_hash(),
                Values::Many(builder) => canon::field(builder.column(), text),
            });
        }
        added
    }

    /// How the last value was written, if its column has a format: it is hashed by a reading of its own.
    #[inline(never)]
    pub fn written(&mut self, column: &TargetColumn, value: &[u8]) {
        if let (Some(format), Some(last)) = (&column.format, self.hashes.as_mut().and_then(|hashes| hashes.last_mut()))
        {
            *last = match written::usual(format, value) {
                Some(text) => canon::field(column, text.as_bytes()),
                None => canon::unreadable(value),
            };
        }
    }

    /// A text of CSV that stands in quotes, lest it reads as no value.
    pub fn quoted(&mut self, text: &[u8]) {
        if let Values::Many(builder) = &mut self.values {
            builder.quoted(text);
        }
        if let Some(hashes) = &mut self.hashes {
            hashes.push(canon::text(text));
        }
    }

    /// Where the records begin that follow.
    pub fn mark(&self) -> usize {
        match &self.values {
            Values::Few(dictionary) => dictionary.rows(),
            Values::Many(_) => 0,
        }
    }

    /// Forget what was added since the mark.
    ///
    /// # Errors
    /// A bug.
    pub fn undo(&mut self, mark: usize) -> Result<()> {
        match &mut self.values {
            Values::Few(dictionary) => dictionary.truncate(mark),
            Values::Many(builder) => drop(builder.finish()?),
        }
        self.hashes.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    /// The hashes of what was added since the mark, if it is proven.
    pub fn hashes(&mut self) -> Option<&mut Vec<u64>> {
        self.hashes.as_mut()
    }

    /// What was added since the mark stays.
    ///
    /// # Errors
    /// What the Parquet library says.
    pub fn keep(&mut self, column: &TargetColumn) -> Result<()> {
        if let Values::Few(dictionary) = &self.values
            && dictionary.is_full()
        {
            self.spill(column);
        }
        self.write()
    }

    /// What was added since the mark, as it is.
    ///
    /// # Errors
    /// A bug.
    pub fn array(&mut self) -> Result<ArrayRef> {
        match &mut self.values {
            Values::Many(builder) => builder.finish(),
            Values::Few(_) => Err(EngineError::internal("a dictionary is no array")),
        }
    }

    /// There are too many values for a dictionary of ours.
    fn spill(&mut self, column: &TargetColumn) {
        if let Values::Few(dictionary) = &self.values {
            let mut builder = Builder::new(column, ROOM);
            dictionary.spill(&mut builder);
            self.values = Values::Many(builder);
        }
    }

    fn write(&mut self) -> Result<()> {
        let Values::Many(builder) = &mut self.values else { return Ok(()) };
        let mut array = builder.finish()?;
        if self.writer.is_none() {
            Array::shrink_to_fit(&mut array);
            self.kept.push(array);
            if self.kept.len() >= KEPT {
                let kept: Vec<&dyn Array> = self.kept.iter().map(AsRef::as_ref).collect();
                self.kept = vec![concat(&kept).map_err(failed)?];
            }
            return Ok(());
        }
        self.encode(&array)
    }

    fn encode(&mut self, array: &ArrayRef) -> Result<()> {
        let writer = self.writer.as_mut().ok_or_else(|| EngineError::internal("a column without a writer"))?;
        for leaf in compute_leaves(&self.field, array).map_err(failed)? {
            writer.write(&leaf).map_err(failed)?;
        }
        Ok(())
    }

    /// The column chunk; `writer` is for values that waited for it.
    ///
    /// # Errors
    /// What the Parquet library says.
    pub fn close(mut self, plan: &ConversionPlan, place: usize, writer: Option<ArrowColumnWriter>) -> Result<Encoded> {
        if let (Values::Few(dictionary), Some(level), Some(column)) =
            (&self.values, plan.zstd, plan.descriptors.get(place))
            && !dictionary.is_empty()
        {
            return dictionary.encode(column, level).map(|(bytes, close)| Encoded::Few(bytes, close));
        }
        self.writer = self.writer.or(writer);
        for array in std::mem::take(&mut self.kept) {
            self.encode(&array)?;
        }
        if matches!(self.values, Values::Few(_)) {
            self.spill(&plan.columns[place]);
            self.write()?;
        }
        let writer = self.writer.ok_or_else(|| EngineError::internal("a column without a writer"))?;
        writer.close().map(Encoded::Many).map_err(failed)
    }
}

impl Encoded {
    /// Put it into its row group, as the next column.
    ///
    /// # Errors
    /// What the Parquet library says.
    pub fn append<W: std::io::Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<()> {
        match self {
            Self::Few(bytes, close) => group.append_column(&bytes, close).map_err(failed),
            Self::Many(chunk) => chunk.append_to_row_group(group).map_err(failed),
        }
    }
}
