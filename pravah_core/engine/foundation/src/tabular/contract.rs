//! What values of a table have to be: Table Schema of Frictionless, or the part of JSON Schema that says as much of a
//! flat record.
//!
//! What is not understood is refused, not passed over: a rule that is not checked must not look as if it held.

mod dialect;
mod formats;
mod keys;
mod package;
mod parse;
mod patterns;
mod rule;

pub use dialect::TableDialect;
pub use keys::{Key, Reference};
pub use package::{Resource, described, parse_all};
pub use parse::parse;
pub use patterns::Budget as PatternBudget;
pub use rule::Rule;

use std::collections::HashSet;
use std::sync::Arc;

use regex::bytes::Regex;
use serde_json::{Value as Json, json};

use crate::tabular::formats::ValueFormat;
use crate::tabular::values::{Value, ValueType};

/// What one column has to be.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// The column.
    pub name: String,
    /// The type of its values; none = any.
    pub kind: Option<ValueType>,
    /// How its values are written, if it is not as its type has them.
    pub format: Option<Arc<ValueFormat>>,
    /// Every record has a value.
    pub required: bool,
    /// No value is there twice.
    pub unique: bool,
    /// The least value allowed, and whether it is allowed itself.
    pub minimum: Option<(Value, bool)>,
    /// The greatest value allowed, and whether it is allowed itself.
    pub maximum: Option<(Value, bool)>,
    /// The least number of characters.
    pub min_length: Option<u64>,
    /// The greatest number of characters.
    pub max_length: Option<u64>,
    /// What the whole value matches.
    pub pattern: Option<Regex>,
    /// The pattern as it was written.
    pub pattern_text: String,
    /// The values allowed.
    pub values: Option<HashSet<Vec<u8>>>,
}

/// What a table has to be.
#[derive(Debug, Clone, Default)]
pub struct Contract {
    /// Its columns.
    pub fields: Vec<Field>,
    /// Its keys of several columns, and those whose values have to be elsewhere.
    pub keys: Vec<Key>,
    /// Texts that stand for no value, when it names them.
    pub null_values: Option<Vec<String>>,
}

impl Field {
    /// One that has to be of a type.
    pub fn of(name: String, kind: Option<ValueType>) -> Self {
        Self { name, kind, ..Self::default() }
    }

    /// What is wrong with a value, the first thing only; `usual` is overwritten.
    #[inline]
    pub fn check(&self, text: &[u8], usual: &mut Vec<u8>) -> Option<Rule> {
        let found = match &self.format {
            None => text,
            Some(format) if format.read(text, usual) => usual,
            Some(_) => return Some(Rule::Type),
        };
        self.check_as(found, text)
    }

    /// What is wrong with a value that stands for `text`, and is written in another way.
    #[inline]
    fn check_as(&self, text: &[u8], written: &[u8]) -> Option<Rule> {
        let is_typed = match self.kind {
            None | Some(ValueType::Text) => false,
            Some(kind) => {
                let value = Value::of(text);
                if value.kind() != kind && value.kind().join(kind) != kind {
                    return Some(Rule::Type);
                }
                if let Some(rule) = self.range(value) {
                    return Some(rule);
                }
                true
            }
        };
        if !is_typed && (self.minimum.is_some() || self.maximum.is_some()) {
            let value = Value::of(text);
            if value == Value::Text {
                return Some(Rule::Type);
            }
            if let Some(rule) = self.range(value) {
                return Some(rule);
            }
        }
        if self.has_form() { self.form(written) } else { None }
    }

    #[inline]
    fn range(&self, value: Value) -> Option<Rule> {
        if let Some((least, is_allowed)) = self.minimum
            && !(least.is_less(value) || is_allowed && !value.is_less(least))
        {
            return Some(Rule::Minimum);
        }
        if let Some((greatest, is_allowed)) = self.maximum
            && !(value.is_less(greatest) || is_allowed && !greatest.is_less(value))
        {
            return Some(Rule::Maximum);
        }
        None
    }

    fn has_form(&self) -> bool {
        self.min_length.is_some() || self.max_length.is_some() || self.pattern.is_some() || self.values.is_some()
    }

    fn form(&self, text: &[u8]) -> Option<Rule> {
        if self.min_length.is_some() || self.max_length.is_some() {
            // Characters are counted by the bytes they begin with.
            let characters = text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u64;
            if self.min_length.is_some_and(|least| characters < least) {
                return Some(Rule::MinLength);
            }
            if self.max_length.is_some_and(|most| characters > most) {
                return Some(Rule::MaxLength);
            }
        }
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
            return Some(Rule::Pattern);
        }
        self.values.as_ref().is_some_and(|values| !values.contains(text)).then_some(Rule::Values)
    }

    /// What a value has to be for a rule, in words.
    pub fn expectation(&self, rule: Rule) -> String {
        let bound = |bound: Option<(Value, bool)>, at: &str, beyond: &str| {
            bound.map(|(value, is_allowed)| format!("{} {}", if is_allowed { at } else { beyond }, value.shown()))
        };
        let words = match rule {
            Rule::Type => match &self.format {
                Some(format) => Some(format.to_string()),
                None => Some(self.kind.map_or("a number", ValueType::as_str).to_owned()),
            },
            Rule::Minimum => bound(self.minimum, "at least", "more than"),
            Rule::Maximum => bound(self.maximum, "at most", "less than"),
            Rule::MinLength => self.min_length.map(|length| format!("at least {length} characters")),
            Rule::MaxLength => self.max_length.map(|length| format!("at most {length} characters")),
            Rule::Pattern => Some(format!("matches {}", self.pattern_text)),
            Rule::Values => self.values.as_ref().map(named),
            Rule::Required => Some("a value".to_owned()),
            Rule::Unique => Some("a unique value".to_owned()),
            Rule::Encoding => Some("valid in the encoding of the file".to_owned()),
            _ => None,
        };
        words.unwrap_or_default()
    }

    /// All that it asks besides a type, in words.
    pub fn words(&self) -> Vec<String> {
        let asked = [
            (self.required, Rule::Required),
            (self.unique, Rule::Unique),
            (self.minimum.is_some(), Rule::Minimum),
            (self.maximum.is_some(), Rule::Maximum),
            (self.min_length.is_some(), Rule::MinLength),
            (self.max_length.is_some(), Rule::MaxLength),
            (self.pattern.is_some(), Rule::Pattern),
            (self.values.is_some(), Rule::Values),
        ];
        let format = self.format.iter().map(|format| format!("in the format {format}"));
        format
            .chain(asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, rule)| self.expectation(rule)))
            .collect()
    }

    /// As a field of a Table Schema.
    fn described(&self) -> Json {
        let mut constraints = serde_json::Map::new();
        let mut put = |name: &str, value: Json| drop(constraints.insert(name.to_owned(), value));
        if self.required {
            put("required", true.into());
        }
        if self.unique {
            put("unique", true.into());
        }
        for (name, exclusive, bound) in
            [("minimum", "exclusiveMinimum", self.minimum), ("maximum", "exclusiveMaximum", self.maximum)]
        {
            if let Some((value, is_allowed)) = bound {
                let shown = match value {
                    Value::Integer(value) => value.into(),
                    Value::Float(value) => value.into(),
                    other => other.shown().into(),
                };
                put(if is_allowed { name } else { exclusive }, shown);
            }
        }
        for (name, length) in [("minLength", self.min_length), ("maxLength", self.max_length)] {
            if let Some(length) = length {
                put(name, length.into());
            }
        }
        if self.pattern.is_some() {
            put("pattern", self.pattern_text.clone().into());
        }
        if let Some(values) = &self.values {
            let mut values: Vec<String> =
                values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
            values.sort();
            put("enum", values.into());
        }
        let kind = match self.kind {
            None => "any",
            Some(ValueType::Float) => "number",
            Some(ValueType::Timestamp) => "datetime",
            Some(ValueType::Text) => "string",
            Some(other) => other.as_str(),
        };
        let mut field = serde_json::Map::new();
        field.insert("name".to_owned(), self.name.clone().into());
        field.insert("type".to_owned(), kind.into());
        if let Some(format) = &self.format {
            format.describe(self.kind, &mut field);
        }
        if !constraints.is_empty() {
            field.insert("constraints".to_owned(), constraints.into());
        }
        field.into()
    }
}

/// Values in words, the first of them where they are many.
fn named(values: &HashSet<Vec<u8>>) -> String {
    const MOST: usize = 10;
    let mut texts: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    texts.sort_unstable();
    let shown: Vec<String> =
        texts.iter().take(MOST).map(|text| format!("'{}'", String::from_utf8_lossy(text))).collect();
    match texts.len().checked_sub(MOST) {
        None | Some(0) => format!("one of {}", shown.join(", ")),
        Some(more) => format!("one of {} and {more} more", shown.join(", ")),
    }
}

impl Contract {
    /// As a Table Schema.
    pub fn described(&self) -> Json {
        let mut document = json!({"fields": self.fields.iter().map(Field::described).collect::<Vec<_>>()});
        self.describe_keys(&mut document);
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(constraints: &str) -> Field {
        let text = format!(r#"{{"fields": [{{"name": "a", {constraints}}}]}}"#);
        parse(&text).unwrap().fields.remove(0)
    }

    #[test]
    fn values_are_checked_by_type_range_form_and_list() {
        for (constraints, text, rule) in [
            (r#""type": "integer""#, "12", None),
            (r#""type": "integer""#, "1.5", Some(Rule::Type)),
            (r#""type": "number""#, "12", None),
            (r#""type": "datetime""#, "2024-01-01", None),
            (r#""type": "date""#, "2024-01-01 10:00", Some(Rule::Type)),
            (r#""type": "integer", "constraints": {"minimum": 3}"#, "3", None),
            (r#""type": "integer", "constraints": {"exclusiveMinimum": 3}"#, "3", Some(Rule::Minimum)),
            (r#""type": "number", "constraints": {"maximum": 3}"#, "3.01", Some(Rule::Maximum)),
            (r#""type": "date", "constraints": {"maximum": "2024-01-01"}"#, "2024-01-02", Some(Rule::Maximum)),
            (
                r#""type": "integer", "constraints": {"maximum": 9007199254740992}"#,
                "9007199254740993",
                Some(Rule::Maximum),
            ),
            (r#""type": "string", "constraints": {"maxLength": 2}"#, "éé", None),
            (r#""type": "string", "constraints": {"minLength": 3}"#, "éé", Some(Rule::MinLength)),
            (r#""type": "string", "constraints": {"pattern": "a|b+"}"#, "bb", None),
            (r#""type": "string", "constraints": {"pattern": "a|b+"}"#, "xbb", Some(Rule::Pattern)),
            (r#""type": "integer", "constraints": {"enum": [1, "2"]}"#, "2", None),
            (r#""type": "string", "constraints": {"enum": ["x"]}"#, "y", Some(Rule::Values)),
            (r#""type": "any""#, "whatever", None),
        ] {
            assert_eq!(field(constraints).check(text.as_bytes(), &mut Vec::new()), rule, "{constraints} {text}");
        }
    }
}
