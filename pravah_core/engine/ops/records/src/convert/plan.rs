//! What is done with a file: its columns' types and how they are encoded, told by its beginning.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arrow_schema::{Field, Schema as ArrowSchema, SchemaRef};
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::basic::Encoding;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescPtr, ColumnPath};

use super::arrays::data_type;
use super::failed;
use super::options::{ConvertOptions, Dictionaries, Statistics, To};
use pravah_foundation::base::error::Result;
use pravah_foundation::run::records::{Head, Sample};
use pravah_foundation::tabular::values::ValueType;

/// A column of the converted file.
#[derive(Debug, Clone)]
pub struct TargetColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ValueType,
    /// Its place in the source; none where the source does not have it.
    pub source: Option<usize>,
    /// The type that holds the values of the source that were met; none without one.
    pub known: Option<ValueType>,
    /// No value was met yet, and more may come: the first one tells its type.
    pub is_unknown: bool,
    /// Its type was asked for: what does not fit is bad.
    pub is_fixed: bool,
    /// Worth a dictionary.
    pub dictionary: bool,
    /// With a bloom filter.
    pub has_bloom: bool,
}

/// What is done with a file.
pub struct ConversionPlan {
    /// The columns.
    pub columns: Vec<TargetColumn>,
    /// What becomes of the records.
    pub output: RecordOutput,
    /// The columns as the file's schema has them.
    pub descriptors: Vec<ColumnDescPtr>,
    /// The level of zstd, when columns may be encoded by our own dictionaries.
    pub zstd: Option<i32>,
    /// A value is not of its column's type: the file is read once more, with types that hold all.
    pub is_again: AtomicBool,
}

/// What becomes of records.
pub enum RecordOutput {
    /// Their types are only looked for.
    None,
    /// They cannot be written, which is an issue already.
    Refused,
    /// Columns, whose encoders this makes.
    Parquet(ArrowRowGroupWriterFactory),
    /// Lines.
    Text(To),
}

impl ConversionPlan {
    /// True while what is encoded will be written.
    pub fn writes(&self) -> bool {
        matches!(self.output, RecordOutput::Parquet(_) | RecordOutput::Text(_)) && !self.is_again.load(Relaxed)
    }
}

/// The columns of a file that becomes one of its own.
pub fn own(
    head: &Head,
    samples: &[Sample],
    kinds: Option<&[Option<ValueType>]>,
    asked: &HashMap<String, ValueType>,
) -> Vec<TargetColumn> {
    let column = |(place, (name, sample)): (usize, (&String, &Sample))| {
        let fixed = asked.get(name).copied();
        let found = kinds.map_or(sample.kind, |kinds| kinds[place]);
        TargetColumn {
            name: name.clone(),
            // Nothing but nulls is text that is not there.
            kind: fixed.or(found).unwrap_or(ValueType::Text),
            source: Some(place),
            known: found,
            is_unknown: fixed.is_none() && found.is_none() && kinds.is_none() && !sample.is_all,
            is_fixed: fixed.is_some(),
            dictionary: sample.is_repeated(),
            has_bloom: false,
        }
    };
    head.names.iter().zip(samples).enumerate().map(column).collect()
}

/// The columns of all files, of which this one may have some.
pub fn united(
    head: &Head,
    samples: &[Sample],
    all: &[(String, Option<ValueType>)],
    asked: &HashMap<String, ValueType>,
) -> Vec<TargetColumn> {
    let places: HashMap<&String, usize> = head.names.iter().enumerate().map(|(place, name)| (name, place)).collect();
    let column = |(name, kind): &(String, Option<ValueType>)| {
        let (fixed, source) = (asked.get(name).copied(), places.get(name).copied());
        TargetColumn {
            name: name.clone(),
            kind: fixed.or(*kind).unwrap_or(ValueType::Text),
            source,
            known: *kind,
            is_unknown: false,
            is_fixed: fixed.is_some(),
            dictionary: source.is_none_or(|place| samples[place].is_repeated()),
            has_bloom: false,
        }
    };
    all.iter().map(column).collect()
}

/// Their Arrow schema.
pub fn schema(columns: &[TargetColumn]) -> SchemaRef {
    let field = |column: &TargetColumn| Field::new(&column.name, data_type(column.kind), true);
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
        let path = ColumnPath::from(vec![column.name.clone()]);
        if options.bloom_filters.contains(&column.name) {
            properties = properties.set_column_bloom_filter_enabled(path.clone(), true);
        }
        let has_dictionary = match options.dictionary {
            Dictionaries::Auto => column.dictionary,
            Dictionaries::Always => true,
            Dictionaries::Never => false,
        };
        if has_dictionary {
            continue;
        }
        let encoding = match column.kind {
            ValueType::Integer | ValueType::Date | ValueType::Timestamp | ValueType::Time => {
                Encoding::DELTA_BINARY_PACKED
            }
            ValueType::Float => Encoding::BYTE_STREAM_SPLIT,
            ValueType::Boolean | ValueType::Text => Encoding::PLAIN,
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
