//! The options of validate, and what they have to be.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::rules::{Kind, NamedRule, RuleSet, of_type};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::run::records::{ReadOptions, SchemaOptions};
use pravah_foundation::tabular::contract::{Contract, Resource};

/// What a column is that the schema does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtraColumns {
    /// An error of its file.
    Error,
    /// Nothing to look at.
    Allow,
}

/// Options of validate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValidateOptions {
    /// How files are read.
    #[serde(flatten)]
    pub read: ReadOptions,
    /// What values have to be.
    #[serde(flatten)]
    pub schema: SchemaOptions,
    /// How the values of columns are written, each as `name=format`; goes before the schema.
    pub formats: Vec<String>,
    /// What a column is that the schema does not have.
    pub extra_columns: ExtraColumns,
    /// Records that a file has at least.
    pub min_records: Option<u64>,
    /// Records that a file has at most.
    pub max_records: Option<u64>,
    /// Errors that are listed.
    pub max_errors: u64,
    /// Rules across columns, each as `name: expression when condition`.
    pub rules: Vec<String>,
    /// A new or empty directory for good and for bad records; none = they are not written.
    pub destination: Option<PathBuf>,
}

impl Default for ValidateOptions {
    fn default() -> Self {
        Self {
            read: ReadOptions::default(),
            schema: SchemaOptions::default(),
            formats: Vec::new(),
            extra_columns: ExtraColumns::Error,
            min_records: None,
            max_records: None,
            max_errors: 1_000_000,
            rules: Vec::new(),
            destination: None,
        }
    }
}

/// Far more than what is made of it, few enough that some of them fit into memory many times.
pub const CHUNK_BYTES: usize = 4 << 20;
pub const MOST_ERRORS: u64 = 1_000_000_000;
/// A row of the sorter has 16 bits for its key.
pub const MOST_KEYS: usize = 1 << 16;

/// The rules across columns; those that no file could meet are refused, where a schema says what files have.
pub fn rules(options: &ValidateOptions, schemas: &[Resource]) -> Result<RuleSet> {
    let failed = |what: String| EngineError::invalid(format!("options.rules: {what}"));
    let set = RuleSet::parse(&options.rules).map_err(failed)?;
    for rule in &set.rules {
        let mut why = None;
        let fits = schemas.iter().any(|resource| match unfit(&set, rule, &resource.schema, options.extra_columns) {
            None => true,
            Some(reason) => {
                why.get_or_insert(reason);
                false
            }
        });
        if let (false, Some(why)) = (fits, why) {
            return Err(failed(format!("rule {:?}: {why}", rule.name)));
        }
    }
    Ok(set)
}

/// Why no file of a schema can meet a rule.
fn unfit(set: &RuleSet, rule: &NamedRule, schema: &Contract, extra: ExtraColumns) -> Option<String> {
    let field = |name: &String| schema.fields.iter().find(|field| field.name == *name);
    let missing = rule.columns.iter().map(|place| &set.columns[*place]).find(|name| field(name).is_none());
    if let (Some(name), ExtraColumns::Error) = (missing, extra) {
        return Some(format!("the schema has no column {name:?}"));
    }
    let kind = |name: &String| field(name).and_then(|field| field.kind).map_or(Kind::Unknown, of_type);
    set.unfit(rule, &set.columns.iter().map(kind).collect::<Vec<_>>())
}
