//! What is done with a file: its columns' types and how they are encoded, told by its beginning.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arrow_schema::{Field, Schema as ArrowSchema, SchemaRef};
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::arrays::data_type;
use crate::csv::{Split, Splitter};
use crate::records::{Head, Nulls};
use crate::values::{Kind, Value};

/// A column of the converted file.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Its place in the source; none where the source does not have it.
    pub source: Option<usize>,
    /// The type that holds the values of the source that were met; none without one.
    pub known: Option<Kind>,
    /// No value was met yet, and more may come: the first one tells its type.
    pub is_unknown: bool,
    /// Its type was asked for: what does not fit is bad.
    pub is_fixed: bool,
    /// Worth a dictionary.
    pub dictionary: bool,
}

/// What is done with a file.
pub struct Plan {
    /// The columns.
    pub columns: Vec<Column>,
    /// Makes the columns' encoders; none = the types are only looked for.
    pub factory: Option<ArrowRowGroupWriterFactory>,
    /// A value is not of its column's type: the file is read once more, with types that hold all.
    pub is_again: AtomicBool,
}

impl Plan {
    /// True while what is encoded will be written.
    pub fn writes(&self) -> bool {
        self.factory.is_some() && !self.is_again.load(Relaxed)
    }
}

/// Records of the beginning that are looked at.
const SAMPLE_RECORDS: usize = 4096;

/// What the beginning of a file tells of a column.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// The type that holds its values; none without one.
    pub kind: Option<Kind>,
    values: usize,
    distinct: HashSet<u64>,
    is_all: bool,
}

impl Sample {
    /// True when values come again: most of them are of few.
    fn is_repeated(&self) -> bool {
        self.values < 16 || self.distinct.len() * 2 < self.values
    }
}

/// Look at the first records of a file; `is_all`: it has no more than these.
pub fn sample(head: &Head, start: &[u8], is_all: bool, nulls: &Nulls) -> Vec<Sample> {
    let mut samples = vec![Sample { is_all, ..Sample::default() }; head.names.len()];
    let dialect = head.dialect();
    // The last record may be cut.
    let cut = memchr::memrchr2(b'\n', b'\r', start).filter(|_| !is_all);
    let whole = cut.map_or(start.len(), |end| end + 1);
    let from = (head.records_at as usize).min(whole);
    let records = &start[from..whole];
    let (mut split, mut splitter) = (Split::default(), Splitter::new(records, dialect, head.names.len()));
    let (mut seen, mut buffer) = (0, Vec::new());
    let most = if is_all { usize::MAX } else { SAMPLE_RECORDS };
    while seen < most && splitter.next(&mut split) {
        seen += split.len();
        let ragged: HashSet<u32> = split.ragged().iter().map(|&(record, _)| record).collect();
        for (column, sample) in samples.iter_mut().enumerate() {
            for record in (0..split.len()).filter(|record| !ragged.contains(&(*record as u32))) {
                let (begin, end) = split.field(record, column);
                let (value, is_quoted) = dialect.unquoted(&records[begin..end], &mut buffer);
                if value.is_empty() || !is_quoted && nulls.holds(value) {
                    continue;
                }
                sample.values += 1;
                sample.distinct.insert(crate::sketch::hash(value));
                sample.kind = join(sample.kind, Some(Value::of(value).kind()));
            }
        }
    }
    samples
}

/// The type that holds what both hold.
pub fn join(one: Option<Kind>, other: Option<Kind>) -> Option<Kind> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.join(other)),
        (one, other) => one.or(other),
    }
}

/// The columns of a file that becomes one of its own.
pub fn own(
    head: &Head,
    samples: &[Sample],
    kinds: Option<&[Option<Kind>]>,
    asked: &HashMap<String, Kind>,
) -> Vec<Column> {
    let column = |(place, (name, sample)): (usize, (&String, &Sample))| {
        let fixed = asked.get(name).copied();
        let found = kinds.map_or(sample.kind, |kinds| kinds[place]);
        Column {
            name: name.clone(),
            // Nothing but nulls is text that is not there.
            kind: fixed.or(found).unwrap_or(Kind::Text),
            source: Some(place),
            known: found,
            is_unknown: fixed.is_none() && found.is_none() && kinds.is_none() && !sample.is_all,
            is_fixed: fixed.is_some(),
            dictionary: sample.is_repeated(),
        }
    };
    head.names.iter().zip(samples).enumerate().map(column).collect()
}

/// The columns of all files, of which this one may have some.
pub fn united(
    head: &Head,
    samples: &[Sample],
    all: &[(String, Option<Kind>)],
    asked: &HashMap<String, Kind>,
) -> Vec<Column> {
    let places: HashMap<&String, usize> = head.names.iter().enumerate().map(|(place, name)| (name, place)).collect();
    let column = |(name, kind): &(String, Option<Kind>)| {
        let (fixed, source) = (asked.get(name).copied(), places.get(name).copied());
        Column {
            name: name.clone(),
            kind: fixed.or(*kind).unwrap_or(Kind::Text),
            source,
            known: *kind,
            is_unknown: false,
            is_fixed: fixed.is_some(),
            dictionary: source.is_none_or(|place| samples[place].is_repeated()),
        }
    };
    all.iter().map(column).collect()
}

/// Their Arrow schema.
pub fn schema(columns: &[Column]) -> SchemaRef {
    let field = |column: &Column| Field::new(&column.name, data_type(column.kind), true);
    Arc::new(ArrowSchema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// How they are written.
pub fn properties(columns: &[Column], compression: Compression) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(compression)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_enabled(true)
        .set_max_row_group_row_count(None)
        .set_created_by(format!("pravah-engine {}", crate::VERSION));
    for column in columns.iter().filter(|column| !column.dictionary) {
        let path = ColumnPath::from(vec![column.name.clone()]);
        let encoding = match column.kind {
            Kind::Integer | Kind::Date | Kind::Timestamp | Kind::Time => Encoding::DELTA_BINARY_PACKED,
            Kind::Float => Encoding::BYTE_STREAM_SPLIT,
            Kind::Boolean | Kind::Text => Encoding::PLAIN,
        };
        properties = properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding);
    }
    properties.build()
}
