//! Keys of a Table Schema: columns whose values together are there once, or elsewhere too.

use serde_json::{Map, Value as Json, json};

use super::parse::{invalid, refuse, texts};
use super::{Contract, Field};
use crate::base::error::Result;

/// Keys of a contract: a row of the sorter has 16 bits for the key it is of.
const MOST_KEYS: usize = 1 << 16;

/// Columns whose values are looked at together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The columns.
    pub columns: Vec<String>,
    /// Where their values have to be; none: they are there only once.
    pub reference: Option<Reference>,
}

/// Columns of another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The file: its path relative to the source, or that without what tells its format; empty: the file itself.
    pub resource: String,
    /// Its columns.
    pub columns: Vec<String>,
}

impl Key {
    /// What its values have to be, in words.
    pub fn expectation(&self) -> String {
        match &self.reference {
            None if self.columns.len() == 1 => "a unique value".to_owned(),
            None => "a unique combination of values".to_owned(),
            Some(Reference { resource, columns }) => {
                let resource = if resource.is_empty() { "the file itself" } else { resource };
                format!("a value of {} in {resource}", columns.join(", "))
            }
        }
    }

    fn described(&self) -> Json {
        match &self.reference {
            None => self.columns.clone().into(),
            Some(Reference { resource, columns }) => {
                json!({"fields": self.columns, "reference": {"resource": resource, "fields": columns}})
            }
        }
    }
}

impl Contract {
    /// All that is looked at as a key: columns of unique values first, in the order of the columns.
    pub fn all_keys(&self) -> Vec<Key> {
        let unique = self.fields.iter().filter(|field| field.unique);
        let unique = unique.map(|field| Key { columns: vec![field.name.clone()], reference: None });
        unique.chain(self.keys.iter().cloned()).collect()
    }

    /// Its keys in the words of a Table Schema.
    pub(super) fn describe_keys(&self, document: &mut Json) {
        if let Some(primary) = self.keys.iter().find(|key| key.reference.is_none()) {
            document["primaryKey"] = primary.described();
        }
        let foreign: Vec<Json> = self.keys.iter().filter(|key| key.reference.is_some()).map(Key::described).collect();
        if !foreign.is_empty() {
            document["foreignKeys"] = foreign.into();
        }
    }
}

/// The keys of a Table Schema; a primary key of one column becomes that column's own.
pub(super) fn parse(document: &Map<String, Json>, fields: &mut [Field]) -> Result<Vec<Key>> {
    let mut keys = Vec::new();
    let primary = document.get("primaryKey").map_or(Some(Vec::new()), names);
    let primary = primary.ok_or_else(|| invalid("has a primary key that is not a list of different names"))?;
    for name in &primary {
        let field = fields.iter_mut().find(|field| field.name == *name);
        let field = field.ok_or_else(|| invalid(&format!("has the primary key {name:?}, which is not a field")))?;
        field.required = true;
        field.unique |= primary.len() == 1;
    }
    if primary.len() > 1 {
        keys.push(Key { columns: primary, reference: None });
    }
    match document.get("foreignKeys") {
        None => {}
        Some(Json::Array(foreign)) => {
            for key in foreign {
                keys.push(foreign_key(key, fields)?);
            }
        }
        Some(_) => return Err(invalid("has foreignKeys that are not a list")),
    }
    match keys.len() + fields.iter().filter(|field| field.unique).count() > MOST_KEYS {
        true => Err(invalid(&format!("has more than {MOST_KEYS} keys and unique columns"))),
        false => Ok(keys),
    }
}

fn foreign_key(key: &Json, fields: &[Field]) -> Result<Key> {
    let key = key.as_object().ok_or_else(|| invalid("has a foreign key that is not an object"))?;
    refuse(key, &["fields", "reference"], "in a foreign key")?;
    let no_names = || invalid("has a foreign key whose fields are not different names");
    let columns = key.get("fields").and_then(names).filter(|names| !names.is_empty()).ok_or_else(no_names)?;
    let reference = key.get("reference").and_then(Json::as_object);
    let reference = reference.ok_or_else(|| invalid("has a foreign key without a reference"))?;
    refuse(reference, &["resource", "fields"], "in the reference of a foreign key")?;
    let resource = reference.get("resource").map_or(Some(""), Json::as_str);
    let resource = resource.ok_or_else(|| invalid("has a foreign key whose resource is not a text"))?.to_owned();
    let other = reference.get("fields").and_then(names).ok_or_else(no_names)?;
    if columns.len() != other.len() {
        let (count, others) = (columns.len(), other.len());
        return Err(invalid(&format!("has a foreign key with {count} fields whose reference has {others}")));
    }
    let is_field = |name: &&String| fields.iter().any(|field| field.name == **name);
    let own = if resource.is_empty() { &other[..] } else { &[] };
    if let Some(name) = columns.iter().chain(own).find(|name| !is_field(name)) {
        return Err(invalid(&format!("has {name:?} in a foreign key, which is not a field")));
    }
    Ok(Key { columns, reference: Some(Reference { resource, columns: other }) })
}

/// One name or several, none of them twice.
fn names(value: &Json) -> Option<Vec<String>> {
    let names = value.as_str().map_or_else(|| texts(value), |name| Some(vec![name.to_owned()]))?;
    let is_twice = |place: usize| names[..place].contains(&names[place]);
    (!(0..names.len()).any(is_twice)).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[test]
    fn keys_are_read_and_written_as_they_are() {
        let fields = r#""fields": [{"name": "a"}, {"name": "b"}]"#;
        for (keys, count) in [
            (r#""primaryKey": "a""#, 1),
            (r#""primaryKey": ["a"]"#, 1),
            (r#""primaryKey": []"#, 0),
            (r#""primaryKey": ["a", "b"]"#, 1),
            (r#""foreignKeys": []"#, 0),
            (r#""primaryKey": "b", "foreignKeys": [{"fields": "a", "reference": {"resource": "", "fields": "b"}}]"#, 2),
            (r#""foreignKeys": [{"fields": ["a", "b"], "reference": {"resource": "x/y", "fields": ["p", "q"]}}]"#, 1),
            (r#""foreignKeys": [{"fields": ["a"], "reference": {"fields": ["b"]}}]"#, 1),
        ] {
            let contract = parse(&format!("{{{fields}, {keys}}}")).unwrap();
            assert_eq!(contract.all_keys().len(), count, "{keys}");
            let again = parse(&contract.described().to_string()).unwrap();
            assert_eq!(again.all_keys(), contract.all_keys(), "{keys}");
        }
    }

    #[test]
    fn keys_that_cannot_be_checked_are_refused_by_their_names() {
        for (keys, named) in [
            (r#""primaryKey": ["b"]"#, "primary key"),
            (r#""primaryKey": ["a", "a"]"#, "different names"),
            (r#""primaryKey": 1"#, "primary key"),
            (r#""foreignKeys": {}"#, "not a list"),
            (r#""foreignKeys": [1]"#, "not an object"),
            (r#""foreignKeys": [{"fields": "a"}]"#, "without a reference"),
            (r#""foreignKeys": [{"fields": [], "reference": {"fields": []}}]"#, "not different names"),
            (r#""foreignKeys": [{"fields": "c", "reference": {"resource": "x", "fields": "b"}}]"#, "\"c\""),
            (r#""foreignKeys": [{"fields": "a", "reference": {"resource": "", "fields": "b"}}]"#, "\"b\""),
            (r#""foreignKeys": [{"fields": "a", "reference": {"resource": "x", "fields": ["b", "c"]}}]"#, "has 2"),
            (r#""foreignKeys": [{"fields": "a", "reference": {"resource": 1, "fields": "b"}}]"#, "resource"),
            (r#""foreignKeys": [{"fields": "a", "reference": {"fields": "a"}, "onDelete": 1}]"#, "onDelete"),
        ] {
            let error = parse(&format!(r#"{{"fields": [{{"name": "a"}}], {keys}}}"#)).unwrap_err().to_string();
            assert!(error.contains(named), "{keys}: {error}");
        }
    }
}
