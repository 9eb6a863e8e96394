//! What is done with a file: its columns' types and how they are encoded, told by its beginning.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arrow_schema::{Field, FieldRef, Schema as ArrowSchema, SchemaRef};
use parquet::basic::Encoding;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescPtr, ColumnPath};

use super::arrays::data_type;
use super::factories::Factories;
use super::given::Given;
use super::options::{BadRecords, Compress, ConvertOptions, Dictionaries, Schema, Statistics, To};
use super::proof::{self, ColumnAt, Layout};
use super::{Convert, failed, rows};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::sync::lock;
use pravah_foundation::run::records;
use pravah_foundation::run::records::{Format, Head, Sample};
use pravah_foundation::tabular::formats;
use pravah_foundation::tabular::values::{ColumnType, Needs, Scales};

/// How a column's values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// By their type.
    Typed,
    /// As the text of a field of CSV: as it stands in the source.
    Field,
    /// As a value of JSON: numbers and truth values without quotes.
    Json,
    /// As the value of JSON that it is.
    Token,
}

/// A column of the converted file.
#[derive(Debug, Clone)]
pub struct TargetColumn {
    /// Its name.
    pub name: String,
    /// What its source calls it, if that is another name.
    pub given: Option<String>,
    /// What it is in a table whose rows are taken as they are.
    pub field: Option<FieldRef>,
    /// Its type.
    pub kind: ColumnType,
    /// In which form values are that the new format does not have.
    pub told: Option<&'static str>,
    /// How it is written.
    pub form: Form,
    /// The floats that it takes.
    pub scales: Scales,
    /// Its place in the source; none where the source does not have it.
    pub source: Option<usize>,
    /// What the values of the source that were met need.
    pub known: Needs,
    /// No value was met yet, and more may come: the first one tells its type.
    pub is_unknown: bool,
    /// Its type was asked for: what does not fit is bad.
    pub is_fixed: bool,
    /// How its values are written in the source: what does not conform is bad.
    pub format: Option<Arc<formats::ValueFormat>>,
    /// A format was asked for, but no type holds all of the values: they are copied.
    pub lacks_type: bool,
    /// Records are only sorted or divided by it: it is not written.
    pub is_key: bool,
    /// Worth a dictionary.
    pub dictionary: bool,
    /// With a bloom filter.
    pub has_bloom: bool,
}

/// What is done with a file.
pub struct ConversionPlan {
    /// The dataset that the file is of.
    pub dataset: usize,
    /// The columns.
    pub columns: Vec<TargetColumn>,
    /// What becomes of the records.
    pub output: RecordOutput,
    /// What is taken of the file.
    pub way: Way,
    /// The columns as the file's schema has them.
    pub descriptors: Vec<ColumnDescPtr>,
    /// The level of zstd, when columns may be encoded by our own dictionaries.
    pub zstd: Option<i32>,
    /// A value is not of its column's type: the file is read once more, with types that hold all.
    pub is_again: AtomicBool,
    /// By column of a table whose rows are taken as they are: its dates have times.
    pub timed: Vec<AtomicBool>,
    /// Where each column is that is written; none when values are not proven.
    pub layout: Option<Layout>,
}

/// What is taken of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The fields of its records.
    Fields,
    /// The rows of a table as they are.
    Rows,
    /// Lines as they are: objects that stay objects.
    Lines,
}

/// What becomes of records.
pub enum RecordOutput {
    /// Their types are only looked for.
    None,
    /// They cannot be written, which is an issue already.
    Refused,
    /// Columns, whose encoders this makes.
    Parquet(Factories),
    /// Lines.
    Text(To),
}

impl ConversionPlan {
    /// Columns whose values are not proven.
    pub fn uncovered(&self) -> u64 {
        self.layout.iter().flatten().filter(|at| matches!(at, ColumnAt::Name(_))).count() as u64
    }

    /// What makes the writers of columns whose values wait for the end of their chunk, since they are very many.
    pub fn waiting(&self) -> Option<&Factories> {
        match &self.output {
            RecordOutput::Parquet(factories) => Some(factories).filter(|factories| factories.is_wide()),
            _ => None,
        }
    }

    /// True while what is encoded will be written.
    pub fn writes(&self) -> bool {
        matches!(self.output, RecordOutput::Parquet(_) | RecordOutput::Text(_)) && !self.is_again.load(Relaxed)
    }
}

impl TargetColumn {
    /// One whose values need that, and which has the type or the format that was asked for.
    fn new(head: &Head, name: &str, known: Needs, given: &Given, to: To) -> Self {
        let (format, asked) = (given.formats.get(name), given.types.get(name).copied());
        let known = format.map_or(known, |format| known.join(Needs::of_kind(Some(given.least(name, format)))));
        let lacks_type = format.is_some() && asked.is_none() && known.column() == ColumnType::Text;
        let format = format.filter(|_| !lacks_type).cloned();
        let (is_fixed, is_json) = (asked.is_some(), head.dialect().is_json);
        let form = match to {
            To::Parquet => Form::Typed,
            To::Csv => Form::Field,
            To::Jsonl if is_json && format.is_none() && (!is_fixed || given.is_text(name)) => Form::Token,
            To::Jsonl => Form::Json,
        };
        let kind = match (asked, form) {
            (Some(asked), _) => known.asked(asked),
            // It is copied, whatever it is.
            (None, Form::Field | Form::Token) if format.is_none() => ColumnType::Text,
            // Nothing but nulls is text that is not there.
            (None, _) => known.column(),
        };
        Self {
            name: name.to_owned(),
            given: None,
            field: None,
            kind,
            told: None,
            form,
            scales: if head.dialect().is_typed || format.is_some() { Scales::Any } else { known.scales() },
            source: None,
            known,
            is_unknown: false,
            is_fixed,
            format,
            lacks_type,
            is_key: false,
            dictionary: true,
            has_bloom: false,
        }
    }

    /// True when it is copied as it stands, and has no type.
    pub fn is_copied(&self) -> bool {
        !self.is_fixed && self.format.is_none() && matches!(self.form, Form::Field | Form::Token)
    }

    /// Its name as a key of JSON.
    pub fn json_name(&self) -> String {
        serde_json::Value::from(self.name.as_str()).to_string()
    }

    /// Its name in a file that waits for its order: keys have names of no column.
    pub fn field_name(&self) -> String {
        if self.is_key { format!("\0key\0{}", self.name) } else { self.name.clone() }
    }
}

/// The columns of a file that becomes one of its own.
pub fn own(head: &Head, samples: &[Sample], needs: Option<&[Needs]>, given: &Given, to: To) -> Vec<TargetColumn> {
    let leaves = head.schema.as_ref().map(|schema| records::leaves(schema)).unwrap_or_default();
    let named = |place: usize| match leaves.get(place) {
        Some((name, _)) => Some(name),
        None => head.given.get(place),
    };
    let column = |(place, (name, sample)): (usize, (&String, &Sample))| {
        let known = needs.map_or(sample.needs, |needs| needs[place]);
        let column = TargetColumn::new(head, name, known, given, to);
        TargetColumn {
            source: Some(place),
            given: named(place).filter(|given| *given != name).cloned(),
            told: leaves.get(place).and_then(|(_, kind)| rows::told_as(kind, to, column.kind)),
            is_unknown: !column.is_fixed
                && !column.is_copied()
                && column.known.kind.is_none()
                && needs.is_none()
                && !sample.is_all,
            dictionary: sample.is_repeated(),
            ..column
        }
    };
    head.names.iter().zip(samples).enumerate().map(column).collect()
}

/// The columns by which records that become text are divided and sorted: by their texts, and by their types.
pub fn keys(columns: &[TargetColumn], options: &ConvertOptions) -> Vec<TargetColumn> {
    let key = |name: &String, kind: Option<ColumnType>| {
        let column = columns.iter().find(|column| column.name == *name)?.clone();
        let found = if column.is_fixed || column.format.is_some() { column.kind } else { column.known.column() };
        let kind = kind.unwrap_or(found);
        let is_unknown = kind != ColumnType::Text && column.is_unknown;
        Some(TargetColumn { kind, form: Form::Typed, is_key: true, is_unknown, ..column })
    };
    let divided = options.partition_by.iter().filter_map(|name| key(name, Some(ColumnType::Text)));
    let order = options.order();
    let sorted = order.iter().filter(|order| !options.partition_by.contains(&order.column));
    divided.chain(sorted.filter_map(|order| key(&order.column, None))).collect()
}

/// The columns of all files, of which this one may have some.
pub fn united(head: &Head, samples: &[Sample], all: &[(String, Needs)], given: &Given, to: To) -> Vec<TargetColumn> {
    let places: HashMap<&String, usize> = head.names.iter().enumerate().map(|(place, name)| (name, place)).collect();
    let column = |(name, known): &(String, Needs)| {
        let source = places.get(name).copied();
        TargetColumn {
            source,
            dictionary: source.is_none_or(|place| samples[place].is_repeated()),
            ..TargetColumn::new(head, name, *known, given, to)
        }
    };
    all.iter().map(column).collect()
}

impl Convert {
    /// The plan for a file, whose text begins with `start`.
    pub fn plan(&self, head: &Head, start: &[u8]) -> ConversionPlan {
        let dataset = self.schemas.of(&head.names).unwrap_or_default();
        let (way, mut columns) = self.columns(head, start, &self.given[dataset]);
        let options = &self.options;
        if options.arranges() && options.to != To::Parquet && way == Way::Fields {
            columns.extend(keys(&columns, options));
        }
        columns.iter_mut().for_each(|column| column.has_bloom = options.bloom_filters.contains(&column.name));
        let is_plain = options.statistics == Statistics::Chunk && options.dictionary == Dictionaries::Auto;
        let zstd = match options.compression {
            // What is typed and waits for its order is written as by default: fast.
            _ if options.arranges() => Some(ConvertOptions::default().level),
            Compress::Zstd if is_plain => Some(options.level),
            _ => None,
        };
        let (output, descriptors, is_again) = (RecordOutput::None, Vec::new(), AtomicBool::new(false));
        let proves = options.prove_values && proof::is_provable(way, options.to, &columns);
        let layout = proves.then(|| proof::layout(&columns, options));
        let timed = self.timed(&head.path, columns.len()).into_iter().map(AtomicBool::new).collect();
        ConversionPlan { dataset, columns, way, output, descriptors, zstd, is_again, timed, layout }
    }

    /// Which columns of a file have dates with times, as far as that is known.
    fn timed(&self, path: &[u8], columns: usize) -> Vec<bool> {
        let mut timed = lock(&self.again).get(path).map(|again| again.timed.clone()).unwrap_or_default();
        timed.resize(timed.len().max(columns), false);
        timed
    }

    /// What is taken of a file, and the columns that it becomes.
    fn columns(&self, head: &Head, start: &[u8], given: &Given) -> (Way, Vec<TargetColumn>) {
        let options = &self.options;
        let is_own = options.columns == Schema::Own;
        let is_asked = |name: &String| given.asks(head, name);
        let timed = self.timed(&head.path, 0);
        if let Some(columns) = rows::columns(head, options, is_asked, &timed).filter(|_| is_own) {
            return (Way::Rows, columns);
        }
        let is_copied = is_own
            && options.to == To::Jsonl
            && matches!(head.format, Format::JsonLines | Format::Json)
            && options.bad_records != BadRecords::Null
            && !options.arranges()
            && !head.names.iter().any(is_asked);
        let way = if is_copied { Way::Lines } else { Way::Fields };
        let samples = records::sample(head, start, &given.nulls, &given.formats);
        if let Some(all) = self.united.get() {
            return (way, united(head, &samples, all, given, options.to));
        }
        let again = lock(&self.again);
        let needs = again.get(&head.path).map(|again| &again.needs[..]);
        (way, own(head, &samples, needs, given, options.to))
    }
}

/// Their Arrow schema.
pub fn schema(columns: &[TargetColumn]) -> SchemaRef {
    let field = |column: &TargetColumn| match &column.field {
        Some(field) => Field::clone(field),
        None => Field::new(column.field_name(), data_type(column), true),
    };
    Arc::new(ArrowSchema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// How they are written.
///
/// # Errors
/// [`pravah_foundation::base::error::EngineError::InvalidOptions`] for a level that is none.
pub fn properties(columns: &[TargetColumn], options: &ConvertOptions) -> Result<WriterProperties> {
    let statistics = match options.statistics {
        Statistics::Chunk => EnabledStatistics::Chunk,
        Statistics::Page => EnabledStatistics::Page,
        Statistics::None => EnabledStatistics::None,
    };
    let mut properties = WriterProperties::builder()
        .set_compression(options.compression()?)
        .set_statistics_enabled(statistics)
        .set_bloom_filter_for_dictionary_encoded_chunks(true)
        .set_dictionary_enabled(true)
        .set_max_row_group_row_count(None)
        .set_created_by(format!("pravah-engine {}", pravah_foundation::base::version::VERSION));
    for column in columns {
        let path = ColumnPath::from(vec![column.field_name()]);
        if options.bloom_filters.contains(&column.name) {
            properties = properties.set_column_bloom_filter_enabled(path.clone(), true);
        }
        let has_dictionary = match options.dictionary {
            Dictionaries::Auto => column.dictionary,
            Dictionaries::Always => true,
            Dictionaries::Never => false,
        };
        if has_dictionary || column.field.is_some() {
            if !has_dictionary {
                properties = properties.set_column_dictionary_enabled(path, false);
            }
            continue;
        }
        let encoding = match column.kind {
            _ if column.form != Form::Typed => Encoding::PLAIN,
            ColumnType::Integer | ColumnType::Date | ColumnType::Timestamp(_) | ColumnType::Time(_) => {
                Encoding::DELTA_BINARY_PACKED
            }
            ColumnType::Float => Encoding::BYTE_STREAM_SPLIT,
            ColumnType::Boolean | ColumnType::Decimal(..) | ColumnType::Text => Encoding::PLAIN,
        };
        properties = properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding);
    }
    Ok(properties.build())
}

/// Records and row groups of a Parquet file, by its footer.
///
/// # Errors
/// What the library says.
pub fn footer(file: &File) -> Result<(u64, u64)> {
    let read = SerializedFileReader::new(file.try_clone().map_err(failed)?).map_err(failed)?;
    let rows = u64::try_from(read.metadata().file_metadata().num_rows()).unwrap_or_default();
    Ok((rows, read.num_row_groups() as u64))
}
