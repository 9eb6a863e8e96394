//! A schema for each dataset: a Data Package of Frictionless, whose resources are the datasets.

use serde_json::{Map, Value as Json, json};

use super::Contract;
use super::parse::{invalid, object, of, refuse};
use crate::base::error::Result;

/// A dataset with its schema.
#[derive(Debug, Clone, Default)]
pub struct Resource {
    /// Its name; empty if there is only one schema, without a package.
    pub name: String,
    /// Its schema.
    pub schema: Contract,
}

/// Read a schema, or a Data Package with a schema for each of its resources.
///
/// # Errors
/// [`crate::base::error::EngineError::InvalidOptions`] naming what is wrong or not understood.
pub fn parse_all(text: &str) -> Result<Vec<Resource>> {
    let document = object(text)?;
    let Some(resources) = document.get("resources") else {
        return Ok(vec![Resource { name: String::new(), schema: of(&document)? }]);
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
    refuse(resource, &["name", "schema", "path", "type", "format", "mediatype"], &format!("in the resource {name:?}"))?;
    let Some(Json::Object(schema)) = resource.get("schema") else {
        return Err(invalid(&format!("has the resource {name:?} without a schema in it")));
    };
    let schema =
        of(schema).map_err(|error| invalid(&format!("has a resource {name:?} that cannot be used: {error}")))?;
    Ok(Resource { name: name.to_owned(), schema })
}

/// As [`parse_all`] reads them.
pub fn described(resources: &[Resource]) -> Json {
    match resources {
        [Resource { name, schema }] if name.is_empty() => schema.described(),
        resources => {
            let each = resources.iter().map(|one| json!({"name": one.name, "schema": one.schema.described()}));
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
    fn what_is_not_understood_is_refused() {
        let schema = r#""schema": {"fields": []}"#;
        for (text, words) in [
            (r#"{"resources": []}"#.to_owned(), "not a list with at least one"),
            (r#"{"resources": 5}"#.to_owned(), "not a list with at least one"),
            (r#"{"resources": [5]}"#.to_owned(), "not an object"),
            (format!(r#"{{"resources": [{{{schema}}}]}}"#), "without a name"),
            (r#"{"resources": [{"name": "a"}]}"#.to_owned(), "\"a\" without a schema"),
            (
                format!(r#"{{"resources": [{{"name": "a", {schema}, "dialect": {{}}}}]}}"#),
                "\"dialect\" in the resource \"a\"",
            ),
            (format!(r#"{{"resources": [{{"name": "a", {schema}}}, {{"name": "a", {schema}}}]}}"#), "two resources"),
            (r#"{"resources": [{"name": "a", "schema": {"fields": [5]}}]}"#.to_owned(), "\"a\" that cannot be used"),
            (format!(r#"{{"resources": [{{"name": "a", {schema}}}], "fields": []}}"#), "\"fields\" at its top"),
        ] {
            let error = parse_all(&text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
