//! The values of text that was written, as parsers of others read it: `csv-core` for CSV, `serde_json` for JSON Lines.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::{BufRead, BufReader};

use csv_core::{ReadFieldResult, Reader};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::failed;
use super::super::plan::{Form, TargetColumn};
use super::super::text::ALONE;
use super::columns::{From, Places};
use super::{Fingerprints, Layout, NULL, canon};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::Result;
use pravah_foundation::tabular::values::ColumnType;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;
/// Records of a batch.
const RECORDS: usize = 2048;

fn open(file: &Places) -> BufReader<From> {
    BufReader::with_capacity(PIECE, file.from(0))
}

/// The columns of a file and what is found of them: the hashes of some records.
struct Batch<'a> {
    layout: &'a Layout,
    found: Fingerprints,
    hashes: Vec<Vec<u64>>,
    control: &'a Control,
}

impl<'a> Batch<'a> {
    fn new(columns: usize, layout: &'a Layout, control: &'a Control) -> Self {
        let found = Fingerprints::new(layout.len());
        Self { layout, found, hashes: vec![Vec::new(); columns], control }
    }

    /// The end of a record; a batch that is full is taken.
    fn record(&mut self) -> Result<()> {
        if self.hashes[0].len() < RECORDS { Ok(()) } else { self.take() }
    }

    fn take(&mut self) -> Result<()> {
        self.control.check()?;
        self.found.arranged(self.layout, &mut self.hashes);
        Ok(())
    }

    fn end(mut self) -> Result<Fingerprints> {
        self.take()?;
        Ok(self.found)
    }
}

/// The fingerprints of a CSV file with these columns, below its header row.
///
/// # Errors
/// It cannot be read; the job was cancelled.
pub fn csv(file: &Places, columns: &[&TargetColumn], layout: &Layout, control: &Control) -> Result<Fingerprints> {
    let mut batch = Batch::new(columns.len(), layout, control);
    let (mut input, mut reader) = (open(file), Reader::new());
    let (mut field, mut length, mut taken, mut place) = (vec![0; 1024], 0, 0, 0);
    let mut is_header = true;
    loop {
        let bytes = input.fill_buf().map_err(failed)?;
        let (result, read, written) = reader.read_field(bytes, &mut field[length..]);
        input.consume(read);
        (length, taken) = (length + written, taken + read);
        match result {
            ReadFieldResult::InputEmpty => {}
            ReadFieldResult::OutputFull => field.resize(field.len() * 2, 0),
            ReadFieldResult::End => return batch.end(),
            ReadFieldResult::Field { record_end } => {
                // Quotes are two bytes more than the text and what ends it.
                let is_quoted = taken >= length + 3;
                let text = &field[..length];
                if !is_header && let Some(hashes) = batch.hashes.get_mut(place) {
                    let is_null = !is_quoted && (length == 0 || columns.len() == 1 && text == ALONE.as_bytes());
                    hashes.push(if is_null { NULL } else { canon::text(text) });
                }
                (length, taken, place) = (0, 0, if record_end { 0 } else { place + 1 });
                if record_end && !std::mem::take(&mut is_header) {
                    batch.record()?;
                }
            }
        }
    }
}

/// The keys of an object in their order, each with its value as it stands.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Object<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Self::Value, M::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Object(all))
            }
        }
        from.deserialize_map(Keys)
    }
}

/// The fingerprints of a JSON Lines file with these columns.
///
/// # Errors
/// It cannot be read; the job was cancelled.
pub fn jsonl(file: &Places, columns: &[&TargetColumn], layout: &Layout, control: &Control) -> Result<Fingerprints> {
    let mut batch = Batch::new(columns.len(), layout, control);
    let names = Names {
        places: columns.iter().enumerate().map(|(place, column)| (column.name.as_str(), place)).collect(),
        outer: columns.iter().flat_map(|column| outer(&column.name)).collect(),
    };
    let (mut input, mut line, mut row) = (open(file), Vec::new(), Vec::new());
    while input.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        row.clear();
        row.resize(columns.len(), NULL);
        let object: Object<'_> = serde_json::from_slice(&line).map_err(failed)?;
        values(&object, None, columns, &names, &mut row).map_err(failed)?;
        batch.hashes.iter_mut().zip(&row).for_each(|(hashes, hash)| hashes.push(*hash));
        batch.record()?;
        line.clear();
    }
    batch.end()
}

/// What the columns are called.
struct Names<'a> {
    /// Where they are.
    places: HashMap<&'a str, usize>,
    /// Names of objects that have columns in them; one may be a column as well, where other records have no object.
    outer: HashSet<&'a str>,
}

/// The names of objects in which a column of this name may be.
fn outer(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').map(|(at, _)| &name[..at])
}

/// The values of an object by their names, of objects in it by both: `outer.inner`.
fn values(
    object: &Object<'_>,
    outer: Option<&str>,
    columns: &[&TargetColumn],
    names: &Names<'_>,
    row: &mut [u64],
) -> serde_json::Result<()> {
    for (key, value) in &object.0 {
        let name = outer.map_or(Cow::Borrowed(key), |outer| Cow::Owned(format!("{outer}.{key}")));
        let inner = value.get().strip_prefix('{').filter(|inner| !inner.trim_start().starts_with('}'));
        match names.places.get(name.as_str()) {
            Some(&place) if inner.is_none() || !names.outer.contains(name.as_str()) => {
                row[place] = token(columns[place], value.get())
            }
            _ if inner.is_some() => {
                values(&serde_json::from_str(value.get())?, Some(&name), columns, names, row)?;
            }
            _ if value.get() == "null" => {}
            // A value that no column has.
            _ => row[0] = row[0].wrapping_add(unreadable(value.get())),
        }
    }
    Ok(())
}

/// A value of JSON, in the form that its column has.
fn token(column: &TargetColumn, token: &str) -> u64 {
    if token == "null" {
        return NULL;
    }
    let number = |is_right: bool| if is_right { canon::field(column, token.as_bytes()) } else { unreadable(token) };
    match (column.form, column.kind) {
        (Form::Token, _) => canon::text(token.as_bytes()),
        (_, ColumnType::Integer | ColumnType::Float) => number(!token.starts_with('"')),
        (_, ColumnType::Boolean) => number(matches!(token, "true" | "false")),
        _ => match serde_json::from_str::<String>(token) {
            Ok(text) => canon::field(column, text.as_bytes()),
            Err(_) => unreadable(token),
        },
    }
}

fn unreadable(token: &str) -> u64 {
    canon::unreadable(token.as_bytes())
}
