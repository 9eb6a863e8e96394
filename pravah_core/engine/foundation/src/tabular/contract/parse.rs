//! Schemas as people write them.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::bound::{self, Bound};
use super::patterns::Budget;
use super::typed::{Asked, Property, forms};
use super::{Contract, Field, formats, keys};
use crate::base::error::{EngineError, Result};
use crate::tabular::values::{Digits, ValueType};

/// Read a Table Schema, or a JSON Schema of an object.
///
/// # Errors
/// [`EngineError::InvalidOptions`] naming what is wrong or not understood.
pub fn parse(text: &str) -> Result<Contract> {
    of(&object(text)?)
}

/// The object that a text is.
pub(super) fn object(text: &str) -> Result<Map<String, Json>> {
    let document: Json = parsed(text).map_err(|error| invalid(&format!("is not valid JSON: {error}")))?;
    match document {
        Json::Object(document) => Ok(document),
        _ => Err(invalid("is not a JSON object")),
    }
}

fn parsed(text: &str) -> serde_json::Result<Json> {
    // What is wrong is told with its place in the text itself.
    serde_json::from_str(&bound::exact(text)).or_else(|_| serde_json::from_str(text))
}

/// Read one schema.
pub(super) fn of(document: &Map<String, Json>) -> Result<Contract> {
    let contract = match (document.get("fields"), document.get("properties")) {
        (Some(Json::Array(fields)), _) => table_schema(document, fields)?,
        (_, Some(Json::Object(properties))) => json_schema(document, properties)?,
        _ => return Err(invalid("has neither `fields` (Table Schema) nor `properties` (JSON Schema)")),
    };
    let mut names: Vec<&str> = contract.fields.iter().map(|field| field.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(invalid(&format!("lists the column {:?} twice", pair[0]))),
        None => Ok(contract),
    }
}

pub(super) fn invalid(what: &str) -> EngineError {
    EngineError::invalid(format!("the schema {what}"))
}

/// What is there besides what is known and what only describes.
fn unknown<'a>(object: &'a Map<String, Json>, known: &[&str]) -> Option<&'a String> {
    const DESCRIBING: [&str; 11] = [
        "title",
        "description",
        "example",
        "examples",
        "rdfType",
        "$schema",
        "$id",
        "default",
        "$comment",
        "profile",
        "comment",
    ];
    object.keys().find(|key| !known.contains(&key.as_str()) && !DESCRIBING.contains(&key.as_str()))
}

pub(super) fn refuse(object: &Map<String, Json>, known: &[&str], place: &str) -> Result<()> {
    match unknown(object, known) {
        Some(key) => Err(invalid(&format!("has {key:?} {place}, which is not supported; remove it"))),
        None => Ok(()),
    }
}

fn table_schema(document: &Map<String, Json>, fields: &[Json]) -> Result<Contract> {
    refuse(document, &["fields", "missingValues", "primaryKey", "foreignKeys", "dialect"], "at its top")?;
    let (mut parsed, budget) = (Vec::new(), Budget::default());
    for field in fields {
        let Json::Object(field) = field else { return Err(invalid("has a field that is not an object")) };
        let name = field.get("name").and_then(Json::as_str).ok_or_else(|| invalid("has a field without a name"))?;
        let kind = field.get("type").map_or(Ok(None), |kind| table_kind(kind, name))?;
        let format = formats::parse(field, kind, name)?.map(Arc::new);
        let known = [&["name", "type", "format", "constraints"], formats::known(kind)].concat();
        refuse(field, &known, &format!("in the field {name:?}"))?;
        let mut made = Field { format, ..Field::of(name.to_owned(), kind) };
        match field.get("constraints") {
            None => {}
            Some(Json::Object(constraints)) => constrain(&mut made, constraints, &budget)?,
            Some(_) => return Err(invalid(&format!("has constraints in the field {name:?} that are not an object"))),
        }
        parsed.push(made);
    }
    let keys = keys::parse(document, &mut parsed)?;
    let null_values = match document.get("missingValues") {
        None => None,
        Some(values) => Some(texts(values).ok_or_else(|| invalid("has missingValues that are not a list of texts"))?),
    };
    Ok(Contract { fields: parsed, keys, null_values })
}

pub(super) fn texts(values: &Json) -> Option<Vec<String>> {
    values.as_array()?.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

fn table_kind(kind: &Json, name: &str) -> Result<Option<ValueType>> {
    Ok(Some(match kind.as_str() {
        Some("any") => return Ok(None),
        Some("string") => ValueType::Text,
        Some("integer" | "year") => ValueType::Integer,
        Some("number") => ValueType::Float,
        Some("boolean") => ValueType::Boolean,
        Some("date") => ValueType::Date,
        Some("datetime") => ValueType::Timestamp,
        Some("time") => ValueType::Time,
        _ => return Err(invalid(&format!("has the type {kind} in the field {name:?}, which is not supported"))),
    }))
}

/// Take the constraints that both forms have.
fn constrain(field: &mut Field, constraints: &Map<String, Json>, budget: &Budget) -> Result<()> {
    let name = field.name.clone();
    let wrong = |key: &str, what: &str| invalid(&format!("has a {key} in the field {name:?} that is {what}"));
    for (key, value) in constraints {
        let limit = |is_allowed| Bound::of(value, is_allowed).ok_or_else(|| wrong(key, "not a number or date"));
        match key.as_str() {
            "required" => field.required = value.as_bool().ok_or_else(|| wrong(key, "neither true nor false"))?,
            "unique" => field.unique = value.as_bool().ok_or_else(|| wrong(key, "neither true nor false"))?,
            "minimum" | "exclusiveMinimum" => {
                let new = limit(key == "minimum")?;
                tighten(&mut field.minimum, new, Ordering::Greater);
            }
            "maximum" | "exclusiveMaximum" => {
                let new = limit(key == "maximum")?;
                tighten(&mut field.maximum, new, Ordering::Less);
            }
            "minLength" => field.min_length = Some(value.as_u64().ok_or_else(|| wrong(key, "not a whole number"))?),
            "maxLength" => field.max_length = Some(value.as_u64().ok_or_else(|| wrong(key, "not a whole number"))?),
            "pattern" => {
                let text = value.as_str().ok_or_else(|| wrong(key, "not a text"))?;
                whole_pattern(field, text, budget)?;
            }
            "enum" => {
                let values = value.as_array().ok_or_else(|| wrong(key, "not a list"))?;
                let text = |value: &Json| bound::text(value).into_owned().into_bytes();
                field.values = Some(values.iter().map(text).collect());
                let is_number = matches!(field.kind, Some(ValueType::Integer | ValueType::Float));
                let number = |value: &Json| Some(Digits::of(bound::text(value).as_bytes())?.canonical());
                field.numbers = values.iter().filter(|_| is_number).filter_map(number).collect();
            }
            _ => {
                return Err(invalid(&format!(
                    "has the constraint {key:?} in the field {name:?}, which is not supported"
                )));
            }
        }
    }
    Ok(())
}

/// A pattern of Table Schema is for the whole value (as XML Schema's are).
fn whole_pattern(field: &mut Field, text: &str, budget: &Budget) -> Result<()> {
    set_pattern(field, text, &format!("^(?:{text})$"), budget)
}

fn set_pattern(field: &mut Field, text: &str, expression: &str, budget: &Budget) -> Result<()> {
    let pattern = budget
        .compile(expression)
        .map_err(|error| invalid(&format!("has an invalid pattern in the field {:?}: {error}", field.name)))?;
    field.pattern = Some(pattern);
    text.clone_into(&mut field.pattern_text);
    Ok(())
}

/// Of two limits the stricter one holds: the one on this side of the other.
fn tighten(limit: &mut Option<Bound>, new: Bound, stricter: Ordering) {
    let is_looser = |old: &Bound| match new.against(old) {
        Ordering::Equal => new.is_allowed,
        order => order != stricter,
    };
    if !limit.as_ref().is_some_and(is_looser) {
        *limit = Some(new);
    }
}

fn json_schema(document: &Map<String, Json>, properties: &Map<String, Json>) -> Result<Contract> {
    refuse(document, &["type", "properties", "required", "additionalProperties"], "at its top")?;
    if document.get("type").is_some_and(|kind| kind != "object") {
        return Err(invalid("must have the type \"object\" at its top"));
    }
    if document.get("additionalProperties").is_some_and(|more| !more.is_boolean()) {
        return Err(invalid("has `additionalProperties` that are neither true nor false, which is not supported"));
    }
    let required = document.get("required").map_or(Some(Vec::new()), texts);
    let required = required.ok_or_else(|| invalid("has a `required` that is not a list of names"))?;
    let (mut fields, budget) = (Vec::new(), Budget::default());
    for (name, property) in properties {
        let Json::Object(property) = property else {
            return Err(invalid(&format!("has a property {name:?} that is not an object")));
        };
        let (kind, asked, may_be_null) = json_kind(property, name)?;
        let mut field = Field::of(name.clone(), kind);
        let constraints: Map<String, Json> = property
            .iter()
            .filter(|(key, _)| {
                !matches!(
                    key.as_str(),
                    "type" | "format" | "pattern" | "title" | "description" | "examples" | "default"
                )
            })
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        constrain(&mut field, &constraints, &budget)?;
        if let Some(pattern) = property.get("pattern") {
            let text = pattern.as_str().ok_or_else(|| no_text("pattern", name))?;
            // Here any part may match.
            set_pattern(&mut field, text, text, &budget)?;
        }
        let is_required = field.required || required.contains(name);
        field.required |= is_required && !may_be_null;
        let values = property.get("enum").and_then(Json::as_array);
        // The keys of an object are columns of their own.
        if values.is_some_and(|values| values.iter().any(|value| value.as_object().is_some_and(|one| !one.is_empty())))
        {
            return Err(invalid(&format!(
                "has an object in the enum of the property {name:?}, which is not supported"
            )));
        }
        let values = values.map(|values| forms(values));
        field.property = Some(Arc::new(Property { asked, may_be_null, is_required, values }));
        fields.push(field);
    }
    for (place, name) in required.iter().enumerate() {
        if !properties.contains_key(name) && !required[..place].contains(name) {
            let property = Some(Arc::new(Property { is_required: true, ..Property::default() }));
            fields.push(Field { required: true, property, ..Field::of(name.clone(), None) });
        }
    }
    Ok(Contract { fields, ..Contract::default() })
}

fn no_text(key: &str, name: &str) -> EngineError {
    invalid(&format!("has a {key} in the property {name:?} that is not a text"))
}

fn json_kind(property: &Map<String, Json>, name: &str) -> Result<(Option<ValueType>, Asked, bool)> {
    let strange = || invalid(&format!("has a type in the property {name:?} that is not supported"));
    let (kind, may_be_null) = match property.get("type") {
        None => (None, false),
        Some(Json::String(kind)) => (Some(kind.as_str()), false),
        Some(Json::Array(kinds)) => {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str().unwrap_or_default()).collect();
            match kinds[..] {
                [kind] => (Some(kind), false),
                ["null", kind] | [kind, "null"] => (Some(kind), true),
                _ => return Err(strange()),
            }
        }
        Some(_) => return Err(strange()),
    };
    let format = property.get("format").map(|format| format.as_str().ok_or_else(|| no_text("format", name)));
    let asked = match kind {
        Some("string") => Asked::Text,
        Some("integer") => Asked::Integer,
        Some("number") => Asked::Number,
        Some("boolean") => Asked::Boolean,
        _ => Asked::Any,
    };
    let kind = match (kind, format.transpose()?) {
        (None, None) => None,
        (Some("string") | None, Some("date")) => Some(ValueType::Date),
        (Some("string") | None, Some("date-time")) => Some(ValueType::Timestamp),
        (Some("string") | None, Some("time")) => Some(ValueType::Time),
        (Some("string"), None) => Some(ValueType::Text),
        (Some("integer"), None) => Some(ValueType::Integer),
        (Some("number"), None) => Some(ValueType::Float),
        (Some("boolean"), None) => Some(ValueType::Boolean),
        _ => return Err(strange()),
    };
    Ok((kind, asked, may_be_null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_refused_by_its_name() {
        for (text, named) in [
            ("[]", "object"),
            ("{", "JSON"),
            ("{}", "fields"),
            (r#"{"fields": [{"type": "string"}]}"#, "without a name"),
            (r#"{"fields": [{"name": "a"}, {"name": "a"}]}"#, "twice"),
            (r#"{"fields": [{"name": "a", "type": "geopoint"}]}"#, "geopoint"),
            (r#"{"fields": [{"name": "a", "format": "email"}]}"#, "format"),
            (r#"{"fields": [{"name": "a", "constraints": {"minimun": 1}}]}"#, "minimun"),
            (r#"{"fields": [{"name": "a", "constraints": {"pattern": "("}}]}"#, "pattern"),
            (r#"{"fields": [{"name": "a"}], "uniqueKeys": []}"#, "uniqueKeys"),
            (r#"{"properties": {"a": {"type": "array"}}}"#, "type"),
            (r#"{"properties": {"a": {"enum": [1, {"x": 1}]}}}"#, "object in the enum"),
            (r#"{"properties": {"a": {"oneOf": []}}}"#, "oneOf"),
            (r#"{"properties": {}, "allOf": []}"#, "allOf"),
            (r#"{"properties": {"a": {"type": "string", "pattern": 5}}}"#, "pattern"),
            (r#"{"properties": {"a": {"type": "string", "pattern": null}}}"#, "pattern"),
            (r#"{"properties": {"a": {"type": "string", "format": ["date"]}}}"#, "format"),
            (r#"{"properties": {"a": {"format": false}}}"#, "format"),
            (r#"{"properties": {"a": {"type": ["string", 5]}}}"#, "type"),
            (r#"{"properties": {}, "type": "array"}"#, "type"),
            (r#"{"properties": {}, "additionalProperties": {"type": "integer"}}"#, "additionalProperties"),
            (r#"{"fields": [{"name": "a", "format": 5}]}"#, "format"),
            (r#"{"fields": [{"name": "a", "constraints": {"pattern": 5}}]}"#, "pattern"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn every_required_name_is_asked_for_whether_a_property_tells_of_it_or_not() {
        let text = r#"{"properties": {"a": {"required": true}}, "required": ["x", "y", "a", "z", "y"]}"#;
        let found = parse(text).unwrap().fields;
        let names: Vec<&str> = found.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["a", "x", "y", "z"]);
        assert!(found.iter().all(|field| field.required));
    }

    #[test]
    fn of_two_bounds_the_stricter_one_holds() {
        for (constraints, good, bad) in [
            (r#""minimum": 5, "exclusiveMinimum": 3"#, "5", "4"),
            (r#""minimum": 3, "exclusiveMinimum": 3"#, "4", "3"),
            (r#""minimum": 3, "exclusiveMinimum": 5"#, "6", "5"),
            (r#""maximum": 5, "exclusiveMaximum": 7"#, "5", "6"),
            (r#""maximum": 7, "exclusiveMaximum": 7"#, "6", "7"),
        ] {
            let text = format!(r#"{{"properties": {{"a": {{"type": "integer", {constraints}}}}}}}"#);
            let field = parse(&text).unwrap().fields.remove(0);
            assert_eq!(
                (field.check(good.as_bytes(), &mut Vec::new()), field.check(bad.as_bytes(), &mut Vec::new()).is_some()),
                (None, true),
                "{text}"
            );
        }
    }

    #[test]
    fn both_forms_say_the_same() {
        let table = parse(
            r#"{"fields": [{"name": "id", "type": "integer", "constraints": {"required": true, "minimum": 1}},
            {"name": "day", "type": "date"}], "missingValues": ["-"]}"#,
        );
        let json = parse(
            r#"{"type": "object", "required": ["id"], "properties":
            {"id": {"type": "integer", "minimum": 1}, "day": {"type": ["string", "null"], "format": "date"}}}"#,
        );
        let (table, json) = (table.unwrap(), json.unwrap());
        assert_eq!(table.null_values, Some(vec!["-".to_owned()]));
        let described = |contract: &Contract, name: &str| {
            let field = contract.fields.iter().find(|field| field.name == name).cloned();
            field.map(|field| format!("{:?}", Field { property: None, ..field }))
        };
        for name in ["id", "day"] {
            assert_eq!(described(&table, name), described(&json, name));
        }
        let again = parse(&table.described().to_string()).unwrap();
        assert_eq!(again.described(), table.described());
    }
}
