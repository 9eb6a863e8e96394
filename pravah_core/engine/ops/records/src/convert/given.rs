//! What is asked of the columns of a dataset: by its schema, and by the options that go before it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::options::{ConvertOptions, Schema};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::run::records;
use pravah_foundation::run::records::{Formats, GivenSchemas, Head, Nulls};
use pravah_foundation::tabular::contract::Resource;
use pravah_foundation::tabular::formats::{NumberFormat, ValueFormat};
use pravah_foundation::tabular::values::ValueType;

/// What is asked of the columns of a file, by their names.
#[derive(Debug)]
pub struct Given {
    /// Their types.
    pub types: HashMap<String, ValueType>,
    /// How their values are written.
    pub formats: Formats,
    /// What is no value.
    pub nulls: Nulls,
    /// Columns of numbers of any kind, also where all are whole.
    numbers: HashSet<String>,
    /// The columns that the schema has, with their types where nothing else is said of their values.
    columns: Vec<(String, Option<ValueType>)>,
}

impl Given {
    /// Of each dataset; of all files without a schema.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the option.
    pub fn all(options: &ConvertOptions, schemas: &GivenSchemas) -> Result<Vec<Self>> {
        if schemas.resources.len() > 1 && options.columns != Schema::Own {
            return Err(EngineError::invalid(
                "options.columns must be own with the schemas of several datasets: their files have different columns",
            ));
        }
        let (types, formats) = (options.types()?, records::formats(&options.formats)?);
        let mut all = Vec::new();
        for (place, nulls) in schemas.nulls(&options.read).into_iter().enumerate() {
            let (types, formats) = (types.clone(), formats.clone());
            let mut own = Self { types, formats, nulls, numbers: HashSet::new(), columns: Vec::new() };
            schemas.resources.get(place).into_iter().for_each(|resource| own.take(resource));
            all.push(own);
        }
        Ok(all)
    }

    /// Take what a schema says, but for columns of which the options say it.
    fn take(&mut self, resource: &Resource) {
        for field in &resource.schema.fields {
            let name = &field.name;
            let is_said = self.types.contains_key(name) || self.formats.contains_key(name);
            let is_plain = !is_said && field.format.is_none();
            self.columns.push((name.clone(), field.kind.filter(|_| is_plain)));
            let Some(kind) = field.kind.filter(|_| !is_said) else { continue };
            match (&field.format, kind) {
                // Its numbers may have any number of digits: none is rounded.
                (format, ValueType::Float) => {
                    let usual = || Arc::new(ValueFormat::Number(NumberFormat::by_marks(".", None, true)));
                    self.formats.insert(name.clone(), format.clone().unwrap_or_else(usual));
                    self.numbers.insert(name.clone());
                }
                (Some(format), ValueType::Integer) => {
                    self.formats.insert(name.clone(), Arc::clone(format));
                    self.types.insert(name.clone(), kind);
                }
                (Some(format), _) => drop(self.formats.insert(name.clone(), Arc::clone(format))),
                (None, _) => drop(self.types.insert(name.clone(), kind)),
            }
        }
    }

    /// The type that the values of a column have at least, which has a format.
    pub fn least(&self, name: &str, format: &ValueFormat) -> ValueType {
        if self.numbers.contains(name) { format.widest() } else { format.kind() }
    }

    /// True when something is asked of a column that its file does not say itself.
    pub fn asks(&self, head: &Head, name: &String) -> bool {
        if !self.types.contains_key(name) && !self.formats.contains_key(name) {
            return false;
        }
        let kind = self.columns.iter().find(|(known, _)| known == name).and_then(|(_, kind)| *kind);
        let place = head.names.iter().position(|known| known == name);
        let declared = place.and_then(|place| head.declared.get(place).copied().flatten());
        // What has no simple type in its table, such as a list, is a text to a schema; it stays what it is.
        let is_other = head.schema.is_some() && declared.is_none() && kind == Some(ValueType::Text);
        kind.is_none() || kind != declared && !is_other
    }

    /// True for a column that the schema calls text: lists and objects of JSON are, too.
    pub fn is_text(&self, name: &str) -> bool {
        self.columns.iter().any(|(known, kind)| known == name && *kind == Some(ValueType::Text))
    }

    /// Columns of the schema that a file lacks, in words.
    pub fn missing(&self, head: &Head) -> Option<String> {
        let names: HashSet<&String> = head.names.iter().collect();
        let missing: Vec<&str> =
            self.columns.iter().filter(|(name, _)| !names.contains(name)).map(|(name, _)| name.as_str()).collect();
        let shown = missing[..missing.len().min(10)].join(", ");
        let more = if missing.len() > 10 { format!(" and {} more", missing.len() - 10) } else { String::new() };
        (!missing.is_empty()).then(|| format!("lacks columns of the schema: {shown}{more}"))
    }
}
