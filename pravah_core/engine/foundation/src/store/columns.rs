//! Column builders: rows in, Arrow batches out, in the order a table declares its columns.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampNanosecondBuilder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::base::error::{EngineError, Result};
use crate::base::paths;

/// How a column is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// UTF-8 text.
    Text,
    /// Bytes, nullable.
    Binary,
    /// A signed 64-bit integer, nullable.
    Integer,
    /// An unsigned 64-bit integer.
    Unsigned,
    /// A 64-bit float, nullable.
    Number,
    /// Nanoseconds since the epoch, UTC.
    Time,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// How it is held.
    pub kind: Type,
    /// True when few distinct values are expected: written with a dictionary.
    pub dictionary: bool,
}

impl Column {
    /// Text of many distinct values.
    pub const fn text(name: &'static str) -> Self {
        Self { name, kind: Type::Text, dictionary: false }
    }
    /// Text of few distinct values.
    pub const fn category(name: &'static str) -> Self {
        Self { name, kind: Type::Text, dictionary: true }
    }
    /// Raw bytes, mostly null.
    pub const fn raw(name: &'static str) -> Self {
        Self { name, kind: Type::Binary, dictionary: false }
    }
    /// A signed integer.
    pub const fn integer(name: &'static str) -> Self {
        Self { name, kind: Type::Integer, dictionary: false }
    }
    /// An unsigned integer.
    pub const fn unsigned(name: &'static str) -> Self {
        Self { name, kind: Type::Unsigned, dictionary: false }
    }
    /// A number with decimals.
    pub const fn number(name: &'static str) -> Self {
        Self { name, kind: Type::Number, dictionary: false }
    }
    /// A point in time.
    pub const fn time(name: &'static str) -> Self {
        Self { name, kind: Type::Time, dictionary: false }
    }

    /// The type's name in the declarations.
    pub fn type_name(self) -> &'static str {
        match self.kind {
            Type::Text => "text",
            Type::Binary => "binary",
            Type::Integer => "integer",
            Type::Unsigned => "unsigned",
            Type::Number => "number",
            Type::Time => "timestamp",
        }
    }

    fn data_type(self) -> DataType {
        match self.kind {
            Type::Text => DataType::Utf8,
            Type::Binary => DataType::Binary,
            Type::Integer => DataType::Int64,
            Type::Unsigned => DataType::UInt64,
            Type::Number => DataType::Float64,
            Type::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        }
    }
}

/// A table's name with its columns, in order.
pub type TableColumns = (&'static str, &'static [Column]);

/// The Arrow schema of some columns.
pub fn schema(columns: &[Column]) -> SchemaRef {
    let field = |column: &Column| Field::new(column.name, column.data_type(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

enum Builder {
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Integer(Int64Builder),
    Unsigned(UInt64Builder),
    Number(Float64Builder),
    Time(TimestampNanosecondBuilder),
}

/// Rows that are built before they are encoded.
const FULL_ROWS: usize = 8192;
/// Bytes of text that are built before they are encoded: paths may be of any length, and a column's
/// offsets are 32 bits wide.
const FULL_BYTES: usize = 8 << 20;

/// Builders for one table. A row is one call per column, in the order of the declaration.
pub struct Columns {
    schema: SchemaRef,
    builders: Vec<Builder>,
    next: usize,
    rows: usize,
    bytes: usize,
}

impl Columns {
    /// Empty builders.
    pub fn new(columns: &[Column]) -> Self {
        let builder = |column: &Column| match column.kind {
            Type::Text => Builder::Text(StringBuilder::new()),
            Type::Binary => Builder::Binary(BinaryBuilder::new()),
            Type::Integer => Builder::Integer(Int64Builder::new()),
            Type::Unsigned => Builder::Unsigned(UInt64Builder::new()),
            Type::Number => Builder::Number(Float64Builder::new()),
            Type::Time => Builder::Time(TimestampNanosecondBuilder::new().with_timezone("UTC")),
        };
        Self { schema: schema(columns), builders: columns.iter().map(builder).collect(), next: 0, rows: 0, bytes: 0 }
    }

    /// True when the rows are many or large enough to be encoded; look at it after every row.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.rows >= FULL_ROWS || self.bytes >= FULL_BYTES
    }

    /// Complete rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The schema.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    #[inline]
    fn slot(&mut self) -> &mut Builder {
        let index = self.next;
        self.next += 1;
        if self.next == self.builders.len() {
            self.next = 0;
            self.rows += 1;
        }
        &mut self.builders[index]
    }

    /// The next column, a text.
    #[inline]
    pub fn text(&mut self, value: &str) {
        self.bytes += value.len();
        match self.slot() {
            Builder::Text(builder) => builder.append_value(value),
            _ => unreachable!("the column is not text"),
        }
    }

    /// The next column, a text or null.
    #[inline]
    pub fn optional_text(&mut self, value: Option<&str>) {
        self.bytes += value.map_or(0, str::len);
        match self.slot() {
            Builder::Text(builder) => builder.append_option(value),
            _ => unreachable!("the column is not text"),
        }
    }

    /// The next column, bytes or null.
    #[inline]
    pub fn optional_bytes(&mut self, value: Option<&[u8]>) {
        self.bytes += value.map_or(0, <[u8]>::len);
        match self.slot() {
            Builder::Binary(builder) => builder.append_option(value),
            _ => unreachable!("the column is not binary"),
        }
    }

    /// The next two columns: a name's shown form, and its bytes where they differ.
    #[inline]
    pub fn path(&mut self, bytes: &[u8]) {
        let shown = paths::escape(bytes);
        self.text(&shown);
        let differs = matches!(shown, std::borrow::Cow::Owned(_));
        match self.slot() {
            Builder::Binary(builder) if differs => {
                builder.append_value(bytes);
                self.bytes += bytes.len();
            }
            Builder::Binary(builder) => builder.append_null(),
            _ => unreachable!("the column is not binary"),
        }
    }

    /// The next column, a number of things or bytes.
    #[inline]
    pub fn integer(&mut self, value: u64) {
        self.optional_integer(Some(value));
    }

    /// The next column, a number or null.
    #[inline]
    pub fn optional_integer(&mut self, value: Option<u64>) {
        match self.slot() {
            // Sizes beyond 2^63 do not exist on a real file system; a lying one is shown at the bound.
            Builder::Integer(builder) => builder.append_option(value.map(|value| value.min(i64::MAX as u64) as i64)),
            _ => unreachable!("the column is not an integer"),
        }
    }

    /// The next column, an identifier of 64 bits.
    #[inline]
    pub fn unsigned(&mut self, value: u64) {
        match self.slot() {
            Builder::Unsigned(builder) => builder.append_value(value),
            _ => unreachable!("the column is not unsigned"),
        }
    }

    /// The next column, a number with decimals or null.
    #[inline]
    pub fn optional_number(&mut self, value: Option<f64>) {
        match self.slot() {
            Builder::Number(builder) => builder.append_option(value),
            _ => unreachable!("the column is not a number"),
        }
    }

    /// The next column, nanoseconds since the epoch.
    ///
    /// The two ends of the range are null: they stand for times that 64 bits of nanoseconds cannot hold
    /// (before 1678, after 2262), and readers take them for "not a time" or for infinity.
    #[inline]
    pub fn time(&mut self, nanoseconds: i64) {
        let known = (nanoseconds != i64::MIN && nanoseconds != i64::MAX).then_some(nanoseconds);
        match self.slot() {
            Builder::Time(builder) => builder.append_option(known),
            _ => unreachable!("the column is not a time"),
        }
    }

    /// The rows as a batch; the builders are empty again.
    ///
    /// # Errors
    /// [`EngineError::Internal`] when a row is incomplete, a bug.
    pub fn take(&mut self) -> Result<RecordBatch> {
        if self.next != 0 {
            return Err(EngineError::internal(format!("a row ends at column {}", self.next)));
        }
        let finish = |builder: &mut Builder| -> ArrayRef {
            match builder {
                Builder::Text(builder) => Arc::new(builder.finish()),
                Builder::Binary(builder) => Arc::new(builder.finish()),
                Builder::Integer(builder) => Arc::new(builder.finish()),
                Builder::Unsigned(builder) => Arc::new(builder.finish()),
                Builder::Number(builder) => Arc::new(builder.finish()),
                Builder::Time(builder) => Arc::new(builder.finish()),
            }
        };
        let arrays = self.builders.iter_mut().map(finish).collect();
        self.rows = 0;
        self.bytes = 0;
        RecordBatch::try_new(self.schema(), arrays).map_err(|error| EngineError::internal(error.to_string()))
    }
}
