//! Tables that become tables: their columns keep their types, and what is nested stays nested.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowWriterOptions, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter, add_encoded_arrow_schema_to_metadata};
use parquet::file::properties::WriterProperties;

use super::chunk::ConvertedChunk;
use super::encoder::Encoded;
use super::factories::Factories;
use super::failed;
use super::native::{self, Natives};
use super::options::{ConvertOptions, To};
use super::plan::{ConversionPlan, Form, TargetColumn};
use pravah_foundation::base::error::{Result, guarded};
use pravah_foundation::run::records;
use pravah_foundation::run::records::{Head, Lost};
use pravah_foundation::tabular::names;
use pravah_foundation::tabular::values::{ColumnType, Needs, Scales};

/// The columns of a table whose rows are taken as they are; none where its values are to become others.
/// `timed`: columns whose dates have times.
pub fn columns(
    head: &Head,
    options: &ConvertOptions,
    is_asked: impl Fn(&String) -> bool,
    timed: &[bool],
) -> Option<Vec<TargetColumn>> {
    let schema = head.schema.as_ref()?;
    let given: Vec<Vec<u8>> = schema.fields().iter().map(|field| field.name().clone().into_bytes()).collect();
    let field = |(place, (field, name)): (usize, (&FieldRef, String))| {
        let is_timed = timed.get(place).is_some_and(|is_timed| *is_timed);
        let field = match options.to {
            To::Parquet => native::native(field, is_timed)?,
            _ => Field::clone(field),
        };
        Some(field.with_name(name))
    };
    let fields: Vec<Field> =
        schema.fields().iter().zip(names::unique(&given)).enumerate().map(field).collect::<Option<_>>()?;
    let is_fitting = match options.to {
        To::Parquet => {
            ArrowSchemaConverter::new().convert(&Schema::new(fields.clone())).is_ok() && is_arranged(&fields, options)
        }
        To::Jsonl => !options.arranges() && is_told(schema),
        To::Csv => false,
    };
    if !is_fitting || head.names.iter().any(is_asked) {
        return None;
    }
    let is_json = options.to == To::Jsonl;
    let column = |((field, given), source): ((Field, Vec<u8>), &FieldRef)| TargetColumn {
        name: field.name().clone(),
        given: Some(String::from_utf8_lossy(&given).into_owned()).filter(|given| given != field.name()),
        told: match is_json {
            true => told(field.data_type()).filter(|_| !field.data_type().is_nested()),
            false => native::told(source.data_type(), field.data_type()),
        },
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
    Some(fields.into_iter().zip(given).zip(schema.fields()).map(column).collect())
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

/// The columns of the source under the names that they get, of the types in which the writer gets them.
pub fn schema(head: &Head, columns: &[TargetColumn]) -> SchemaRef {
    let fields = head.schema.iter().flat_map(|schema| schema.fields());
    Arc::new(Schema::new(fields.zip(columns).map(|(field, column)| handed(field, column)).collect::<Vec<_>>()))
}

fn handed(field: &FieldRef, column: &TargetColumn) -> Field {
    let own = Field::clone(field).with_name(&column.name);
    column.field.as_ref().map_or(own.clone(), |to| native::handed_field(&own, to))
}

impl ConvertedChunk {
    /// Take rows as they are.
    pub fn take_rows(
        &mut self,
        plan: &ConversionPlan,
        batch: &RecordBatch,
        to: To,
    ) -> std::result::Result<Lost, String> {
        if to == To::Jsonl {
            let names: Vec<String> = plan.columns.iter().map(TargetColumn::json_name).collect();
            let lost = records::objects(batch, &names, &mut self.text)?;
            self.rows += batch.num_rows() as u64;
            return Ok(lost);
        }
        // What the library cannot write is this file's trouble, also where it panics.
        let encoded = guarded(|| Ok(self.encode_rows(plan, batch))).unwrap_or_else(|panic| Err(panic.to_string()))?;
        // Rows that are not encoded are none.
        self.rows += encoded.map_or(0, |_| batch.num_rows() as u64);
        Ok(encoded.unwrap_or_default())
    }

    /// Encode rows in the types that Parquet has; none when the file is to be read again with other types.
    fn encode_rows(&mut self, plan: &ConversionPlan, batch: &RecordBatch) -> std::result::Result<Option<Lost>, String> {
        let schema = batch.schema();
        let (mut lost, mut arrays) = (Lost::default(), Vec::with_capacity(batch.num_columns()));
        let each = schema.fields().iter().zip(batch.columns()).zip(&plan.columns);
        for (place, ((field, array), column)) in each.enumerate() {
            let Some(to) = &column.field else { return Err("a column has no type".to_owned()) };
            let mut natives = Natives::default();
            arrays.push(natives.array(field, array, to.data_type()).map_err(|error| error.to_string())?);
            if natives.is_timed {
                plan.timed[place].store(true, Relaxed);
                plan.is_again.store(true, Relaxed);
            }
            lost.add(natives.lost);
        }
        if !plan.writes() {
            return Ok(None);
        }
        self.prove_rows(plan, batch, &arrays);
        let fields: Vec<FieldRef> =
            schema.fields().iter().zip(&plan.columns).map(|(field, column)| Arc::new(handed(field, column))).collect();
        match plan.waiting() {
            Some(factories) => self.encode_wide_rows(factories, &fields, &arrays)?,
            None => encode(&mut self.writers.iter_mut(), &fields, &arrays)?,
        }
        Ok(Some(lost))
    }

    /// Rows of very many columns, some columns after the others; a chunk has no other rows.
    fn encode_wide_rows(
        &mut self,
        factories: &Factories,
        fields: &[FieldRef],
        arrays: &[ArrayRef],
    ) -> std::result::Result<(), String> {
        let each = factories.each();
        for (group, (fields, arrays)) in fields.chunks(each).zip(arrays.chunks(each)).enumerate() {
            let mut writers = factories.writers(group * each).map_err(|error| error.to_string())?;
            encode(&mut writers.iter_mut(), fields, arrays)?;
            for writer in writers {
                self.columns.push(Encoded::Many(writer.close().map_err(|error| error.to_string())?));
            }
        }
        Ok(())
    }
}

fn encode<'a>(
    writers: &mut impl Iterator<Item = &'a mut ArrowColumnWriter>,
    fields: &[FieldRef],
    arrays: &[ArrayRef],
) -> std::result::Result<(), String> {
    for (field, array) in fields.iter().zip(arrays) {
        for leaf in compute_leaves(field, array).map_err(|error| error.to_string())? {
            let writer = writers.next().ok_or("it has more columns than its schema says")?;
            writer.write(&leaf).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// In which form values of a type are in text, if that is not theirs.
pub fn told(kind: &DataType) -> Option<&'static str> {
    match kind {
        DataType::Dictionary(_, values) => told(values),
        DataType::RunEndEncoded(_, values) => told(values.data_type()),
        kind if kind.is_nested() => Some("lists, maps and structures are written as JSON"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Some("bytes are written as hexadecimal digits")
        }
        _ => None,
    }
}

/// As [`told`], of a column that becomes one of another type.
pub fn told_as(kind: &DataType, to: To, made: ColumnType) -> Option<&'static str> {
    let is_text = to == To::Parquet && kind.is_decimal() && made == ColumnType::Text;
    told(kind).or(is_text.then_some("decimal numbers are written as text"))
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
        DataType::RunEndEncoded(_, values) => words(values.data_type()),
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
