//! One column of a row group on its way to its encoded form.

use arrow_array::ArrayRef;
use arrow_schema::Field;
use bytes::Bytes;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::writer::SerializedRowGroupWriter;

use super::arrays::{Added, Builder, data_type};
use super::dictionary::Dictionary;
use super::failed;
use super::plan::{ConversionPlan, TargetColumn};
use super::proof::{NULL, canon};
use pravah_foundation::base::error::{EngineError, Result};

/// A column.
pub struct ColumnEncoder {
    field: Field,
    writer: Option<ArrowColumnWriter>,
    values: Values,
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
    /// For one of the plan's columns; without a writer its values are asked for.
    pub fn new(plan: &ConversionPlan, column: &TargetColumn, writer: Option<ArrowColumnWriter>) -> Self {
        let proves = plan.layout.is_some() && !column.is_key;
        let few = if column.dictionary && !column.has_bloom && plan.zstd.is_some() && writer.is_some() {
            Dictionary::new(column, proves)
        } else {
            None
        };
        Self {
            field: Field::new(column.field_name(), data_type(column), true),
            writer,
            values: few.map_or_else(|| Values::Many(Builder::new(column)), Values::Few),
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
            let mut builder = Builder::new(column);
            dictionary.spill(&mut builder);
            self.values = Values::Many(builder);
        }
    }

    fn write(&mut self) -> Result<()> {
        let (Values::Many(builder), Some(writer)) = (&mut self.values, &mut self.writer) else { return Ok(()) };
        let array = builder.finish()?;
        for leaf in compute_leaves(&self.field, &array).map_err(failed)? {
            writer.write(&leaf).map_err(failed)?;
        }
        Ok(())
    }

    /// The column chunk.
    ///
    /// # Errors
    /// What the Parquet library says.
    pub fn close(mut self, plan: &ConversionPlan, place: usize) -> Result<Encoded> {
        match (&self.values, plan.zstd, plan.descriptors.get(place)) {
            (Values::Few(dictionary), Some(level), Some(column)) if !dictionary.is_empty() => {
                dictionary.encode(column, level).map(|(bytes, close)| Encoded::Few(bytes, close))
            }
            _ => {
                if matches!(self.values, Values::Few(_)) {
                    self.spill(&plan.columns[place]);
                    self.write()?;
                }
                let writer = self.writer.ok_or_else(|| EngineError::internal("a column without a writer"))?;
                writer.close().map(Encoded::Many).map_err(failed)
            }
        }
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
