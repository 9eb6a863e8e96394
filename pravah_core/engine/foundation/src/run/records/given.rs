//! The schema that is given to an operation: one declaration for all that take it, and which of its datasets a file is of.

use std::cmp::Reverse;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Formats, Nulls, ReadOptions, dialect};
use crate::base::error::{EngineError, Result};
use crate::base::regular;
use crate::tabular::contract::{self, Contract, Resource};
use crate::tabular::datasets::ColumnLayout;
use crate::tabular::values::ValueType;

/// MiB of a schema.
const MOST_SCHEMA: u64 = 16;

/// What is said of a schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SchemaOptions {
    /// A file with the schema; absolute.
    pub schema_file: Option<String>,
    /// The schema itself; goes before `schema_file`.
    pub schema_text: Option<String>,
}

/// The schemas of datasets.
#[derive(Debug, Default)]
pub struct GivenSchemas {
    /// By dataset; none: no schema is given.
    pub resources: Vec<Resource>,
    /// Their columns.
    layouts: Vec<ColumnLayout>,
}

impl SchemaOptions {
    /// Look for what is wrong, but for what only the file tells.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the option.
    pub fn check(&self) -> Result<()> {
        match (&self.schema_text, &self.schema_file) {
            (Some(text), _) => parse("schema_text", text).map(drop),
            (None, Some(path)) if !path.starts_with('/') => {
                Err(EngineError::invalid("options.schema_file must be the absolute path of a schema"))
            }
            _ => Ok(()),
        }
    }

    /// The same with the text of the file in the place of its path: what it says counts, not where it comes from.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`]: it cannot be read, or is no schema.
    pub fn resolved(&self) -> Result<Self> {
        let text = match (&self.schema_text, &self.schema_file) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) => {
                let text = regular::text("schema_file", path, MOST_SCHEMA)?;
                parse("schema_file", &text)?;
                text
            }
            (None, None) => return Ok(Self::default()),
        };
        Ok(Self { schema_file: None, schema_text: Some(text) })
    }

    /// How files are read: as the options say it, else as the dialect of the schema does; and what of the dialect is not
    /// used, in words.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`]: a layout file cannot be used, or the dialect contradicts itself or an option.
    pub fn reading(&self, read: &ReadOptions) -> Result<(ReadOptions, Vec<String>)> {
        let (read, schemas) = (read.resolved()?, self.schemas(&Formats::new())?);
        let (read, told) = match dialect::of(&schemas.resources) {
            Ok(None) => return Ok((read, Vec::new())),
            Ok(Some(dialect)) => dialect::applied(&read, dialect),
            Err(why) => (read, vec![why]),
        };
        read.check().map_err(|error| EngineError::invalid(format!("with the dialect of the schema, {error}")))?;
        Ok((read, told))
    }

    /// What a result is true for: short, however long the schema is.
    pub fn marked(&self) -> Self {
        let hash = |text: &String| blake3::hash(text.as_bytes()).to_hex().to_string();
        Self { schema_file: None, schema_text: self.schema_text.as_ref().map(hash) }
    }

    /// The schemas that its text has, with the formats that are asked for.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the option.
    pub fn schemas(&self, formats: &Formats) -> Result<GivenSchemas> {
        let mut resources = self.schema_text.iter().try_fold(Vec::new(), |_, text| parse("schema_text", text))?;
        resources.iter_mut().try_for_each(|resource| formatted(&mut resource.schema, formats))?;
        let layout =
            |one: &Resource| ColumnLayout::of(one.schema.fields.iter().map(|field| (field.name.as_str(), None)));
        let layouts = resources.iter().map(layout).collect();
        Ok(GivenSchemas { resources, layouts })
    }
}

impl GivenSchemas {
    /// The dataset that a file with these columns is of: the one with the most columns of the same names, best one that is
    /// alike. None without a schema.
    pub fn of(&self, names: &[String]) -> Option<usize> {
        if self.resources.len() < 2 {
            return self.resources.len().checked_sub(1);
        }
        let own = ColumnLayout::of(names.iter().map(|name| (name.as_str(), None)));
        let key = |(place, other): &(usize, &ColumnLayout)| (other.is_alike(&own), other.common(&own), Reverse(*place));
        self.layouts.iter().enumerate().max_by_key(key).map(|(place, _)| place)
    }

    /// What stands for no value, by dataset; without a schema that of all files.
    pub fn nulls(&self, read: &ReadOptions) -> Vec<Nulls> {
        let of = |one: &Resource| match &one.schema.null_values {
            Some(nulls) => Nulls::new(nulls),
            None => Nulls::of(read),
        };
        let all: Vec<Nulls> = self.resources.iter().map(of).collect();
        if all.is_empty() { vec![Nulls::of(read)] } else { all }
    }
}

fn parse(option: &str, text: &str) -> Result<Vec<Resource>> {
    contract::parse_all(text).map_err(|error| EngineError::invalid(format!("options.{option}: {error}")))
}

/// Give the fields of a schema the formats that are asked for.
fn formatted(contract: &mut Contract, formats: &Formats) -> Result<()> {
    for field in &mut contract.fields {
        let Some(format) = formats.get(&field.name) else { continue };
        match field.kind {
            None | Some(ValueType::Text) => field.kind = Some(format.widest()),
            Some(kind) if format.is_of(kind) => {}
            Some(kind) => {
                return Err(EngineError::invalid(format!(
                    "options.formats: the column {:?} has the type {} in the schema, which {format} is not a format of",
                    field.name,
                    kind.as_str()
                )));
            }
        }
        field.format = Some(Arc::clone(format));
        // It is a text that stands for a value of the type.
        field.property = None;
    }
    Ok(())
}
