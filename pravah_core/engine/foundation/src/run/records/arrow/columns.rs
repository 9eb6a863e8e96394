//! Which buffers of a batch belong to which column, in the order of the format (Columnar.rst, "RecordBatch message").

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, new_empty_array};
use arrow_data::ArrayData;
use arrow_ipc::{CompressionType, FieldNode, MetadataVersion, RecordBatch};
use arrow_schema::{DataType, Field, Schema, UnionMode};

use super::super::batches::Failed;
use super::messages::MessagePlace;
use super::stretch::Stretch;
use crate::io::codec::Codec;

/// A column, or what is in one, with its buffers.
#[derive(Debug)]
pub struct BatchColumn {
    pub kind: DataType,
    pub rows: u64,
    /// A bit a row, if some are null.
    pub nulls: Option<Stretch>,
    pub values: Values,
}

/// What a column's values are in.
#[derive(Debug)]
pub enum Values {
    Nothing,
    Bits(Stretch),
    /// So many bytes each.
    Fixed(u64, Stretch),
    /// Keys of so many bytes.
    Dictionary(u64, Stretch, ArrayData),
    Text(Offsets, Stretch),
    Views(Stretch, Vec<Stretch>),
    List(Offsets, Box<BatchColumn>),
    /// Places and lengths.
    ListView(Offsets, Stretch, Box<BatchColumn>),
    /// So many each.
    FixedList(u64, Box<BatchColumn>),
    Struct(Vec<BatchColumn>),
    /// Types, and places if they are dense; what each type has.
    Union(Stretch, Option<Stretch>, Vec<(i8, BatchColumn)>),
    Runs(Box<BatchColumn>, Box<BatchColumn>),
}

/// Numbers of four bytes, or of eight.
#[derive(Debug)]
pub struct Offsets {
    pub is_wide: bool,
    pub all: Stretch,
}

/// The columns of a batch of the file at that place.
///
/// # Errors
/// It is not as the schema says.
pub fn columns(
    schema: &Schema,
    batch: &RecordBatch<'_>,
    (file, place): (&Arc<File>, MessagePlace),
    version: MetadataVersion,
    dictionaries: &HashMap<i64, ArrayRef>,
) -> Result<Vec<BatchColumn>, Failed> {
    let codec = match batch.compression().map(|compression| compression.codec()) {
        None => None,
        Some(CompressionType::LZ4_FRAME) => Some(Codec::Lz4),
        Some(CompressionType::ZSTD) => Some(Codec::Zstd),
        Some(other) => return Err(format!("its buffers are compressed with {other:?}, which is not supported").into()),
    };
    let mut buffers = Vec::new();
    for buffer in batch.buffers().iter().flatten() {
        let (at, length) = (u64::try_from(buffer.offset())?, u64::try_from(buffer.length())?);
        let end = at.checked_add(length).filter(|&end| end <= place.body_length);
        end.ok_or_else(|| format!("it claims {length} bytes at {at}, behind the end of its batch"))?;
        buffers.push(Stretch::new(file, place.body_at + at, length, codec)?);
    }
    let nodes = batch.nodes().into_iter().flatten().copied().collect::<Vec<_>>();
    let variadic = batch.variadicBufferCounts().into_iter().flatten().collect::<Vec<_>>();
    let mut parts = Parts {
        buffers: buffers.into_iter(),
        nodes: nodes.into_iter(),
        variadic: variadic.into_iter(),
        has_nulls_of_unions: version < MetadataVersion::V5,
        dictionaries,
    };
    let columns = schema.fields().iter().map(|field| parts.column(field)).collect::<Result<Vec<_>, _>>()?;
    if columns.iter().any(|column| i64::try_from(column.rows) != Ok(batch.length())) {
        return Err("the columns of a batch have not as many rows as it".into());
    }
    if parts.variadic.next().is_some() {
        return Err("a batch has more columns of views than the schema".into());
    }
    Ok(columns)
}

/// What no column has taken yet.
struct Parts<'a> {
    buffers: std::vec::IntoIter<Stretch>,
    nodes: std::vec::IntoIter<FieldNode>,
    variadic: std::vec::IntoIter<i64>,
    has_nulls_of_unions: bool,
    dictionaries: &'a HashMap<i64, ArrayRef>,
}

impl Parts<'_> {
    fn buffer(&mut self) -> Result<Stretch, Failed> {
        self.buffers.next().ok_or_else(|| "a batch has fewer buffers than its schema needs".into())
    }

    fn inner(&mut self, field: &Field) -> Result<Box<BatchColumn>, Failed> {
        self.column(field).map(Box::new)
    }

    fn offsets(&mut self, is_wide: bool) -> Result<Offsets, Failed> {
        Ok(Offsets { is_wide, all: self.buffer()? })
    }

    fn column(&mut self, field: &Field) -> Result<BatchColumn, Failed> {
        let node = self.nodes.next().ok_or("a batch has fewer columns than its schema")?;
        let kind = field.data_type().clone();
        let has_nulls = match kind {
            DataType::Null | DataType::RunEndEncoded(..) => false,
            DataType::Union(..) => self.has_nulls_of_unions,
            _ => true,
        };
        let nulls = if has_nulls { Some(self.buffer()?) } else { None };
        let nulls = nulls.filter(|_| node.null_count() > 0 && !matches!(kind, DataType::Union(..)));
        let values = self.values(field)?;
        Ok(BatchColumn { kind, rows: u64::try_from(node.length())?, nulls, values })
    }

    fn values(&mut self, field: &Field) -> Result<Values, Failed> {
        Ok(match field.data_type() {
            DataType::Null => Values::Nothing,
            DataType::Boolean => Values::Bits(self.buffer()?),
            DataType::Utf8 | DataType::Binary => Values::Text(self.offsets(false)?, self.buffer()?),
            DataType::LargeUtf8 | DataType::LargeBinary => Values::Text(self.offsets(true)?, self.buffer()?),
            DataType::FixedSizeBinary(width) => Values::Fixed(u64::try_from(*width)?, self.buffer()?),
            DataType::List(inner) | DataType::Map(inner, _) => Values::List(self.offsets(false)?, self.inner(inner)?),
            DataType::LargeList(inner) => Values::List(self.offsets(true)?, self.inner(inner)?),
            DataType::ListView(inner) => Values::ListView(self.offsets(false)?, self.buffer()?, self.inner(inner)?),
            DataType::LargeListView(inner) => Values::ListView(self.offsets(true)?, self.buffer()?, self.inner(inner)?),
            DataType::FixedSizeList(inner, each) => Values::FixedList(u64::try_from(*each)?, self.inner(inner)?),
            DataType::Struct(inner) => {
                Values::Struct(inner.iter().map(|field| self.column(field)).collect::<Result<_, _>>()?)
            }
            DataType::RunEndEncoded(ends, values) => Values::Runs(self.inner(ends)?, self.inner(values)?),
            DataType::Utf8View | DataType::BinaryView => {
                let views = self.buffer()?;
                let count = self.variadic.next().ok_or("a batch does not say how many buffers its views have")?;
                let count = usize::try_from(count)?;
                if count > self.buffers.len() {
                    return Err("a batch has fewer buffers than its views need".into());
                }
                Values::Views(views, self.buffers.by_ref().take(count).collect())
            }
            DataType::Dictionary(keys, values) => {
                let width = keys.primitive_width().ok_or("the keys of a dictionary are no numbers")?;
                #[expect(deprecated, reason = "the format has no other way to say it")]
                let id = field.dict_id();
                let known = id.and_then(|id| self.dictionaries.get(&id)).cloned();
                // Where all values are null there may be none.
                let known = known.unwrap_or_else(|| new_empty_array(values));
                Values::Dictionary(width as u64, self.buffer()?, known.to_data())
            }
            DataType::Union(fields, mode) => {
                let types = self.buffer()?;
                let places = if *mode == UnionMode::Dense { Some(self.buffer()?) } else { None };
                let inner = fields.iter().map(|(id, field)| Ok((id, self.column(field)?)));
                Values::Union(types, places, inner.collect::<Result<_, Failed>>()?)
            }
            kind => {
                let width = kind.primitive_width().ok_or_else(|| format!("columns of the type {kind} are not read"))?;
                Values::Fixed(width as u64, self.buffer()?)
            }
        })
    }
}
