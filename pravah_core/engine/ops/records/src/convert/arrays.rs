//! Fields of records as typed arrays.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, StringArray};
use arrow_schema::{DataType, TimeUnit};

use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::tabular::values;
use pravah_foundation::tabular::values::{Value, ValueType};

/// The Arrow type of a kind.
pub fn data_type(kind: ValueType) -> DataType {
    match kind {
        ValueType::Integer => DataType::Int64,
        ValueType::Float => DataType::Float64,
        ValueType::Boolean => DataType::Boolean,
        ValueType::Date => DataType::Date32,
        ValueType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        ValueType::Time => DataType::Time64(TimeUnit::Microsecond),
        ValueType::Text => DataType::Utf8,
    }
}

/// Values of one column.
pub enum Builder {
    Integer(Int64Builder),
    Float(Float64Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Time(Time64MicrosecondBuilder),
    Text(BinaryBuilder),
}

/// Do the same with whichever builder it is.
macro_rules! each {
    ($builder:expr, $name:ident => $done:expr) => {
        match $builder {
            Builder::Integer($name) => $done,
            Builder::Float($name) => $done,
            Builder::Boolean($name) => $done,
            Builder::Date($name) => $done,
            Builder::Timestamp($name) => $done,
            Builder::Time($name) => $done,
            Builder::Text($name) => $done,
        }
    };
}

impl Builder {
    /// Of nothing yet.
    pub fn new(kind: ValueType) -> Self {
        match kind {
            ValueType::Integer => Self::Integer(Int64Builder::new()),
            ValueType::Float => Self::Float(Float64Builder::new()),
            ValueType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ValueType::Date => Self::Date(Date32Builder::new()),
            ValueType::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            ValueType::Time => Self::Time(Time64MicrosecondBuilder::new()),
            ValueType::Text => Self::Text(BinaryBuilder::new()),
        }
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        each!(self, builder => builder.append_null());
    }

    /// A value; false, and nothing is added, when it is of another type.
    #[inline]
    pub fn add(&mut self, text: &[u8]) -> bool {
        if let Self::Text(builder) = self {
            builder.append_value(text);
            return true;
        }
        if let Self::Date(builder) = self
            && let Some(days) = values::day(text)
        {
            builder.append_value(days);
            return true;
        }
        let Some(value) = Value::of(text).widened(self.kind()) else { return false };
        match (self, value) {
            (Self::Integer(builder), Value::Integer(value)) => builder.append_value(value),
            (Self::Float(builder), Value::Float(value)) => builder.append_value(value),
            (Self::Boolean(builder), Value::Boolean(value)) => builder.append_value(value),
            (Self::Date(builder), Value::Date(value)) => builder.append_value(value),
            (Self::Timestamp(builder), Value::Timestamp(value)) => builder.append_value(value),
            (Self::Time(builder), Value::Time(value)) => builder.append_value(value),
            _ => return false,
        }
        true
    }

    fn kind(&self) -> ValueType {
        match self {
            Self::Integer(_) => ValueType::Integer,
            Self::Float(_) => ValueType::Float,
            Self::Boolean(_) => ValueType::Boolean,
            Self::Date(_) => ValueType::Date,
            Self::Timestamp(_) => ValueType::Timestamp,
            Self::Time(_) => ValueType::Time,
            Self::Text(_) => ValueType::Text,
        }
    }

    /// What was added; it is empty then.
    ///
    /// # Errors
    /// [`EngineError::Internal`] when a text is not UTF-8, which is to be looked at before.
    pub fn finish(&mut self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => {
                let texts = StringArray::try_from_binary(builder.finish());
                Arc::new(texts.map_err(|error| EngineError::internal(error.to_string()))?)
            }
        })
    }
}
