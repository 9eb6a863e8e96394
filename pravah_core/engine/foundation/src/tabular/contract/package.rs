//! A schema for each dataset: a Data Package of Frictionless, whose resources are the datasets.

use serde_json::{Map, Value as Json, json};

use super::Contract;
use super::dialect::{self, TableDialect};
use super::parse::{invalid, object, of, refuse};
use crate::base::error::Result;

/// A dataset with its schema.
#[derive(Debug, Clone, Default)]
pub struct Resource {
    /// Its name; empty if there is only one schema, without a package.
    pub name: String,
    /// Its schema.
    pub schema: Contract,
    /// How its files are written, if it says so.
    pub dialect: Option<TableDialect>,
}

impl Resource {
    /// With the dialect that an object has.
    fn new(name: String, mut schema: Contract, object: &Map<String, Json>) -> Result<Self> {
        let dialect = object.get("dialect").map(dialect::parse).transpose()?;
        if let Some(null) = dialect.as_ref().and_then(|dialect| dialect.null.clone()) {
            let nulls = schema.null_values.get_or_insert_default();
            if !nulls.contains(&null) {
                nulls.push(null);
            }
        }
        Ok(Self { name, schema, dialect })
    }

    fn described(&self) -> Json {
        let mut schema = self.schema.described();
        if let (Some(dialect), Json::Object(schema)) = (&self.dialect, &mut schema) {
            schema.insert("dialect".to_owned(), dialect.source.clone());
        }
        schema
    }
}

/// Read a schema, or a Data Package with a schema for each of its resources.
///
/// # Errors
/// [`crate::base::error::EngineError::InvalidOptions`] naming what is wrong or not understood.
pub fn parse_all(text: &str) -> Result<Vec<Resource>> {
    let document = object(text)?;
    let Some(resources) = document.get("resources") else {
        let is_resource = document.get("schema").is_some_and(Json::is_object)
            && !document.contains_key("fields")
            && !document.contains_key("properties");
        return match is_resource {
            true => Ok(vec![one(&document)?]),
            false => Ok(vec![Resource::new(String::new(), of(&document)?, &document)?]),
        };
    };
    const ABOUT: [&str; 12] = [
        "resources",
        "name",
        "id",
        "licenses",
        "homepage",
        "version",
        "sources",
        "contributors",
        "keywords",
        "image",
        "created",
        "profile",
    ];
    refuse(&document, &ABOUT, "at its top")?;
    let resources = resources.as_array().filter(|resources| !resources.is_empty());
    let resources = resources.ok_or_else(|| invalid("has resources that are not a list with at least one of them"))?;
    let mut parsed: Vec<Resource> = Vec::new();
    for resource in resources {
        let Json::Object(resource) = resource else { return Err(invalid("has a resource that is not an object")) };
        let own = one(resource)?;
        if parsed.iter().any(|other| other.name == own.name) {
            return Err(invalid(&format!("has two resources with the name {:?}", own.name)));
        }
        parsed.push(own);
    }
    Ok(parsed)
}

fn one(resource: &Map<String, Json>) -> Result<Resource> {
    let name = resource.get("name").and_then(Json::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| invalid("has a resource without a name"))?;
    // Which files are of it, their columns say.
    refuse(
        resource,
        &["name", "schema", "dialect", "path", "type", "format", "mediatype", "scheme"],
        &format!("in the resource {name:?}"),
    )?;
    let Some(Json::Object(own)) = resource.get("schema") else {
        return Err(invalid(&format!("has the resource {name:?} without a schema in it")));
    };
    let schema = of(own).map_err(|error| invalid(&format!("has a resource {name:?} that cannot be used: {error}")))?;
    let holder = if resource.contains_key("dialect") { resource } else { own };
    Resource::new(name.to_owned(), schema, holder)
}

/// As [`parse_all`] reads them.
pub fn described(resources: &[Resource]) -> Json {
    match resources {
        [alone] if alone.name.is_empty() => alone.described(),
        resources => {
            let each = resources.iter().map(|one| json!({"name": one.name, "schema": one.described()}));
            json!({"resources": each.collect::<Vec<_>>()})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_a_schema_for_each_resource() {
        let text = r#"{"name": "p", "resources": [
            {"name": "orders", "path": "o.csv", "schema": {"fields": [{"name": "id", "type": "integer"}], "primaryKey": "id"}},
            {"name": "customers", "schema": {"fields": [{"name": "id", "type": "string"}]}}]}"#;
        let found = parse_all(text).unwrap();
        assert_eq!(found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["orders", "customers"]);
        assert!(found[0].schema.fields[0].unique);
        let again = parse_all(&described(&found).to_string()).unwrap();
        assert_eq!(described(&again), described(&found));
        let alone = parse_all(r#"{"fields": [{"name": "a"}]}"#).unwrap();
        assert_eq!(
            (alone.len(), alone[0].name.as_str(), described(&alone)["fields"][0]["name"].as_str()),
            (1, "", Some("a"))
        );
    }

    #[test]
    fn a_dialect_may_stand_in_a_schema_or_in_its_resource() {
        let dialect = r#""dialect": {"delimiter": ";", "nullSequence": "-"}"#;
        for text in [
            format!(r#"{{"fields": [{{"name": "a"}}], "missingValues": ["x"], {dialect}}}"#),
            format!(r#"{{"name": "r", "schema": {{"fields": [{{"name": "a"}}], "missingValues": ["x"]}}, {dialect}}}"#),
            format!(
                r#"{{"resources": [{{"name": "r", "schema": {{"fields": [{{"name": "a"}}], "missingValues": ["x"], {dialect}}}}}]}}"#
            ),
        ] {
            let found = parse_all(&text).unwrap();
            let [one] = &found[..] else { panic!("{text}") };
            assert_eq!(one.dialect.as_ref().unwrap().delimiter.as_deref(), Some(";"), "{text}");
            assert_eq!(one.schema.null_values.as_ref().unwrap(), &["x", "-"], "{text}");
            let again = parse_all(&described(&found).to_string()).unwrap();
            assert_eq!(described(&again), described(&found), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let schema = r#""schema": {"fields": []}"#;
        for (text, words) in [
            (r#"{"resources": []}"#.to_owned(), "not a list with at least one"),
            (r#"{"resources": 5}"#.to_owned(), "not a list with at least one"),
            (r#"{"resources": [5]}"#.to_owned(), "not an object"),
            (format!(r#"{{"resources": [{{{schema}}}]}}"#), "without a name"),
            (r#"{"resources": [{"name": "a"}]}"#.to_owned(), "\"a\" without a schema"),
            (
                format!(r#"{{"resources": [{{"name": "a", {schema}, "dialect": 5}}]}}"#),
                "a dialect that is not an object",
            ),
            (format!(r#"{{"resources": [{{"name": "a", {schema}, "bytes": 5}}]}}"#), "\"bytes\" in the resource \"a\""),
            (format!(r#"{{"resources": [{{"name": "a", {schema}}}, {{"name": "a", {schema}}}]}}"#), "two resources"),
            (r#"{"resources": [{"name": "a", "schema": {"fields": [5]}}]}"#.to_owned(), "\"a\" that cannot be used"),
            (format!(r#"{{"resources": [{{"name": "a", {schema}}}], "fields": []}}"#), "\"fields\" at its top"),
        ] {
            let error = parse_all(&text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
