//! Tables that become tables: their columns keep their types, and what is nested stays nested.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, SchemaRef};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowWriterOptions, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter, add_encoded_arrow_schema_to_metadata};
use parquet::file::properties::WriterProperties;

use super::chunk::ConvertedChunk;
use super::encoder::Encoded;
use super::factories::Factories;
use super::failed;
use super::options::{ConvertOptions, To};
use super::plan::{ConversionPlan, Form, TargetColumn};
use pravah_foundation::base::error::{Result, guarded};
use pravah_foundation::run::records;
use pravah_foundation::run::records::{Head, Lost};
use pravah_foundation::tabular::names;
use pravah_foundation::tabular::values::{ColumnType, Needs, Scales};

/// The columns of a table whose rows are taken as they are; none where its values are to become others.
pub fn columns(head: &Head, options: &ConvertOptions, is_asked: impl Fn(&String) -> bool) -> Option<Vec<TargetColumn>> {
    let schema = head.schema.as_ref()?;
    let given: Vec<Vec<u8>> = schema.fields().iter().map(|field| field.name().clone().into_bytes()).collect();
    let fields: Vec<Field> =
        schema.fields().iter().zip(names::unique(&given)).map(|(field, name)| plain(field).with_name(name)).collect();
    let is_fitting = match options.to {
        To::Parquet => {
            fields.iter().all(|field| is_writable(field.data_type()))
                && ArrowSchemaConverter::new().convert(&Schema::new(fields.clone())).is_ok()
                && is_arranged(&fields, options)
        }
        To::Jsonl => !options.arranges() && is_told(schema),
        To::Csv => false,
    };
    if !is_fitting || head.names.iter().any(is_asked) {
        return None;
    }
    let is_json = options.to == To::Jsonl;
    let column = |(field, given): (Field, Vec<u8>)| TargetColumn {
        name: field.name().clone(),
        given: Some(String::from_utf8_lossy(&given).into_owned()).filter(|given| given != field.name()),
        told: told(field.data_type()).filter(|_| is_json && !field.data_type().is_nested()),
        field: Some(Arc::new(field)),
        kind: ColumnType::Text,
        form: Form::Typed,
        scales: Scales::Any,
        source: None,
        known: Needs::default(),
        is_unknown: false,
        is_fixed: false,
        format: None,
        lacks_type: false,
        is_key: false,
        dictionary: true,
        has_bloom: false,
    };
    Some(fields.into_iter().zip(given).map(column).collect())
}

/// True when all types have a form in JSON.
fn is_told(schema: &SchemaRef) -> bool {
    let names = vec![String::new(); schema.fields().len()];
    records::objects(&RecordBatch::new_empty(Arc::clone(schema)), &names, &mut Vec::new()).is_ok()
}

/// True when the columns to sort and to divide by are among these, and have an order.
fn is_arranged(fields: &[Field], options: &ConvertOptions) -> bool {
    let order = options.order();
    let mut wanted = options.partition_by.iter().chain(order.iter().map(|order| &order.column));
    wanted.all(|name| {
        let field = fields.iter().find(|field| field.name() == name);
        field.is_some_and(|field| {
            !field.data_type().is_nested()
                && RowConverter::supports_fields(&[SortField::new(field.data_type().clone())])
        })
    })
}

/// The file of such columns.
///
/// # Errors
/// What the Parquet library says.
pub fn writer<W: std::io::Write + Send>(
    file: W,
    schema: &SchemaRef,
    columns: &[TargetColumn],
    mut properties: WriterProperties,
) -> Result<ArrowWriter<W>> {
    let plain: Fields = columns.iter().filter_map(|column| column.field.clone()).collect();
    // Readers are told the types of the source; the arrays at hand may be views of texts.
    add_encoded_arrow_schema_to_metadata(&Schema::new(plain), &mut properties);
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(file, Arc::clone(schema), options).map_err(failed)
}

/// The columns of the source under the names that they get.
pub fn schema(head: &Head, columns: &[TargetColumn]) -> SchemaRef {
    let fields = head.schema.iter().flat_map(|schema| schema.fields());
    let own = |(field, column): (&FieldRef, &TargetColumn)| Field::clone(field).with_name(&column.name);
    Arc::new(Schema::new(fields.zip(columns).map(own).collect::<Vec<_>>()))
}

impl ConvertedChunk {
    /// Take rows as they are.
    pub fn take_rows(
        &mut self,
        plan: &ConversionPlan,
        batch: &RecordBatch,
        to: To,
    ) -> std::result::Result<Lost, String> {
        self.rows += batch.num_rows() as u64;
        if let (Some(found), Some(layout)) = (&mut self.proof, &plan.layout) {
            found.rows(layout, batch).map_err(|error| error.to_string())?;
        }
        if to == To::Jsonl {
            let names: Vec<String> = plan.columns.iter().map(TargetColumn::json_name).collect();
            return records::objects(batch, &names, &mut self.text);
        }
        // What the library cannot write is this file's trouble, also where it panics.
        guarded(|| {
            Ok(match plan.waiting() {
                Some(factories) => self.encode_wide_rows(factories, batch),
                None => encode(&mut self.writers.iter_mut(), batch.schema().fields(), batch.columns()),
            })
        })
        .unwrap_or_else(|panic| Err(panic.to_string()))
    }

    /// Rows of very many columns, some columns after the others; a chunk has no other rows.
    fn encode_wide_rows(&mut self, factories: &Factories, batch: &RecordBatch) -> std::result::Result<Lost, String> {
        let (schema, each) = (batch.schema(), factories.each());
        for (group, arrays) in batch.columns().chunks(each).enumerate() {
            let first = group * each;
            let mut writers = factories.writers(first).map_err(|error| error.to_string())?;
            encode(&mut writers.iter_mut(), &schema.fields()[first..first + arrays.len()], arrays)?;
            for writer in writers {
                self.columns.push(Encoded::Many(writer.close().map_err(|error| error.to_string())?));
            }
        }
        Ok(Lost::default())
    }
}

fn encode<'a>(
    writers: &mut impl Iterator<Item = &'a mut ArrowColumnWriter>,
    fields: &[FieldRef],
    arrays: &[ArrayRef],
) -> std::result::Result<Lost, String> {
    for (field, array) in fields.iter().zip(arrays) {
        for leaf in compute_leaves(field, array).map_err(|error| error.to_string())? {
            let writer = writers.next().ok_or("it has more columns than its schema says")?;
            writer.write(&leaf).map_err(|error| error.to_string())?;
        }
    }
    Ok(Lost::default())
}

/// With texts and bytes of their own, where they were views of others.
fn plain(field: &FieldRef) -> Field {
    let inner = |field: &FieldRef| Arc::new(plain(field));
    let kind = match field.data_type() {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::List(item) => DataType::List(inner(item)),
        DataType::LargeList(item) => DataType::LargeList(inner(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(inner(item), *length),
        DataType::Map(entries, is_sorted) => DataType::Map(inner(entries), *is_sorted),
        kind => kind.clone(),
    };
    Field::clone(field).with_data_type(kind)
}

/// True for types that Parquet has, and that other readers know.
fn is_writable(kind: &DataType) -> bool {
    match kind {
        DataType::Struct(fields) => !fields.is_empty() && fields.iter().all(|field| is_writable(field.data_type())),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::Map(item, _)
        | DataType::FixedSizeList(item, _) => is_writable(item.data_type()),
        DataType::Dictionary(_, values) => !values.is_nested() && is_writable(values),
        // Parquet has no bytes of no length.
        DataType::FixedSizeBinary(length) => *length > 0,
        kind => !matches!(
            kind,
            DataType::Union(..)
                | DataType::RunEndEncoded(..)
                | DataType::ListView(_)
                | DataType::LargeListView(_)
                | DataType::Interval(IntervalUnit::MonthDayNano)
        ),
    }
}

/// In which form values of a type are in text, if that is not theirs.
pub fn told(kind: &DataType) -> Option<&'static str> {
    match kind {
        DataType::Dictionary(_, values) => told(values),
        kind if kind.is_nested() => Some("lists, maps and structures are written as JSON"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Some("bytes are written as hexadecimal digits")
        }
        _ => None,
    }
}

/// A type in words.
pub fn words(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "binary".to_owned()
        }
        DataType::Struct(_) => "structure".to_owned(),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "list".to_owned(),
        DataType::Map(..) => "map".to_owned(),
        DataType::Dictionary(_, values) => words(values),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => format!("decimal({digits},{scale})"),
        DataType::Timestamp(unit, None) => format!("timestamp({unit})"),
        DataType::Timestamp(unit, Some(_)) => format!("timestamp({unit}, UTC)"),
        DataType::Time32(unit) | DataType::Time64(unit) => format!("time({unit})"),
        kind if kind.is_integer() => "integer".to_owned(),
        kind if kind.is_floating() => "float".to_owned(),
        kind => kind.to_string().to_lowercase(),
    }
}
