//! Values in others as JSON, also those that the library's writer refuses: unions, maps by anything but texts, moments
//! of zones by name.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions::{
    timestamp_ms_to_datetime, timestamp_ns_to_datetime, timestamp_s_to_datetime, timestamp_us_to_datetime,
};
use arrow_array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, MapArray, UnionArray};
use arrow_cast::display::{ArrayFormatter, DurationFormat, FormatOptions};
use arrow_json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder};
use arrow_schema::{ArrowError, DataType, FieldRef, TimeUnit, UnionMode};
use chrono::{NaiveDateTime, SecondsFormat};

use super::direct;
use super::direct::ValueWriter;

const SHOWN: FormatOptions<'static> =
    FormatOptions::new().with_display_error(false).with_duration_format(DurationFormat::ISO8601);
const NULL: &[u8] = b"null";

/// How values are told; those that cannot be shown are counted, in `no_numbers` where they are floats, and null. No key
/// is left out.
pub fn options(unshown: &Arc<AtomicU64>, no_numbers: &Arc<AtomicU64>) -> EncoderOptions {
    let factory = Factory(Arc::clone(unshown), Arc::clone(no_numbers));
    EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(factory))
}

#[derive(Debug)]
struct Factory(Arc<AtomicU64>, Arc<AtomicU64>);

impl EncoderFactory for Factory {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Timestamp(unit, Some(_)) => {
                Box::new(Moments { array, unit: *unit, unshown: Arc::clone(&self.0) })
            }
            DataType::Date64 => match direct::writer(array) {
                Some(write) => Box::new(Numbers { write, mark: "\"", unshown: Arc::clone(&self.0) }),
                None => return Ok(None),
            },
            kind if kind.is_temporal() => {
                let formatter = ArrayFormatter::try_new(array, &SHOWN)?;
                Box::new(Shown { formatter, text: String::new(), unshown: Arc::clone(&self.0) })
            }
            DataType::Null => Box::new(Nothing),
            DataType::Float32 | DataType::Float64 => match direct::floats(array) {
                Some(write) => Box::new(Numbers { write, mark: "", unshown: Arc::clone(&self.1) }),
                None => return Ok(None),
            },
            kind if kind.is_decimal() => match direct::writer(array) {
                Some(write) => Box::new(Numbers { write, mark: decimal_mark(kind), unshown: Arc::clone(&self.0) }),
                None => return Ok(None),
            },
            // Its keys, all of them null, cannot be looked up.
            DataType::Dictionary(..) if array.as_any_dictionary().values().is_empty() => Box::new(Nothing),
            DataType::Dictionary(..) => {
                let array = array.as_any_dictionary();
                let values = make_encoder(field, array.values(), options)?;
                Box::new(Keyed { keys: array.normalized_keys(), values })
            }
            DataType::Union(fields, mode) => {
                let array = array.as_union();
                let child = |id: i8| make_encoder(field, array.child(id), options).map(|encoder| (id, encoder));
                let children = fields.iter().map(|(id, _)| child(id)).collect::<Result<_, _>>()?;
                Box::new(Alternatives { array, is_dense: *mode == UnionMode::Dense, children })
            }
            DataType::Map(..) => {
                let array = array.as_map();
                let keys = make_encoder(field, array.keys(), options)?;
                let values = make_encoder(field, array.values(), options)?;
                Box::new(Pairs { array, keys, values, key: Vec::new() })
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.logical_nulls())))
    }
}

/// Decimal digits that every reader of JSON keeps: most read numbers as floats.
const EXACT_DIGITS: u8 = 15;

fn decimal_mark(kind: &DataType) -> &'static str {
    match kind {
        DataType::Decimal32(digits, _) | DataType::Decimal64(digits, _) if *digits <= EXACT_DIGITS => "",
        DataType::Decimal128(digits, _) | DataType::Decimal256(digits, _) if *digits <= EXACT_DIGITS => "",
        _ => "\"",
    }
}

/// Floats, and decimals: in quotes where they are longer than a float.
struct Numbers<'a> {
    write: ValueWriter<'a>,
    mark: &'static str,
    unshown: Arc<AtomicU64>,
}

impl Encoder for Numbers<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(self.mark.as_bytes());
        if (self.write)(row, out) {
            out.extend_from_slice(self.mark.as_bytes());
            return;
        }
        self.unshown.fetch_add(1, Relaxed);
        out.truncate(start);
        out.extend_from_slice(NULL);
    }
}

/// Nulls without a type.
struct Nothing;

impl Encoder for Nothing {
    fn encode(&mut self, _row: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(NULL);
    }
}

/// Values of a dictionary, which may be null themselves.
struct Keyed<'a> {
    keys: Vec<usize>,
    values: NullableEncoder<'a>,
}

impl Encoder for Keyed<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        match self.keys[row] {
            place if self.values.is_null(place) => out.extend_from_slice(NULL),
            place => self.values.encode(place, out),
        }
    }
}

/// Moments are the same in every zone.
struct Moments<'a> {
    array: &'a dyn Array,
    unit: TimeUnit,
    unshown: Arc<AtomicU64>,
}

impl Moments<'_> {
    fn at(&self, row: usize) -> Option<NaiveDateTime> {
        match self.unit {
            TimeUnit::Second => timestamp_s_to_datetime(self.array.as_primitive::<TimestampSecondType>().value(row)),
            TimeUnit::Millisecond => {
                timestamp_ms_to_datetime(self.array.as_primitive::<TimestampMillisecondType>().value(row))
            }
            TimeUnit::Microsecond => {
                timestamp_us_to_datetime(self.array.as_primitive::<TimestampMicrosecondType>().value(row))
            }
            TimeUnit::Nanosecond => {
                timestamp_ns_to_datetime(self.array.as_primitive::<TimestampNanosecondType>().value(row))
            }
        }
    }
}

impl Encoder for Moments<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let Some(moment) = self.at(row) else {
            self.unshown.fetch_add(1, Relaxed);
            return out.extend_from_slice(NULL);
        };
        let text = moment.and_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

/// Times and dates as they are shown; nothing in them needs an escape.
struct Shown<'a> {
    formatter: ArrayFormatter<'a>,
    text: String,
    unshown: Arc<AtomicU64>,
}

impl Encoder for Shown<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        self.text.clear();
        if self.formatter.value(row).write(&mut self.text).is_err() {
            self.unshown.fetch_add(1, Relaxed);
            return out.extend_from_slice(NULL);
        }
        out.push(b'"');
        out.extend_from_slice(self.text.as_bytes());
        out.push(b'"');
    }
}

/// One of several types in each row.
struct Alternatives<'a> {
    array: &'a UnionArray,
    is_dense: bool,
    children: Vec<(i8, NullableEncoder<'a>)>,
}

impl Encoder for Alternatives<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let id = self.array.type_id(row);
        let place = if self.is_dense { self.array.value_offset(row) } else { row };
        match self.children.iter_mut().find(|(own, _)| *own == id) {
            Some((_, child)) if !child.is_null(place) => child.encode(place, out),
            _ => out.extend_from_slice(NULL),
        }
    }
}

/// A map; a key that is not a text becomes one.
struct Pairs<'a> {
    array: &'a MapArray,
    keys: NullableEncoder<'a>,
    values: NullableEncoder<'a>,
    key: Vec<u8>,
}

impl Encoder for Pairs<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let offsets = self.array.value_offsets();
        let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
        out.push(b'{');
        for place in from..to {
            if place > from {
                out.push(b',');
            }
            self.key.clear();
            if self.keys.is_null(place) {
                self.key.extend_from_slice(NULL);
            } else {
                self.keys.encode(place, &mut self.key);
            }
            if self.key.first() == Some(&b'"') {
                out.extend_from_slice(&self.key);
            } else {
                let text = serde_json::Value::from(String::from_utf8_lossy(&self.key).into_owned());
                out.extend_from_slice(text.to_string().as_bytes());
            }
            out.push(b':');
            if self.values.is_null(place) {
                out.extend_from_slice(NULL);
            } else {
                self.values.encode(place, out);
            }
        }
        out.push(b'}');
    }
}
