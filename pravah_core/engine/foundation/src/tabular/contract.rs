//! What values of a table have to be: Table Schema of Frictionless, or the part of JSON Schema that says as much of a
//! flat record.
//!
//! What is not understood is refused, not passed over: a rule that is not checked must not look as if it held.

mod bound;
mod dialect;
mod formats;
mod keys;
mod moments;
mod package;
mod parse;
mod patterns;
mod rule;
mod typed;

pub use bound::Bound;
pub use dialect::TableDialect;
pub use keys::{Key, Reference};
pub use package::{Resource, described, parse_all};
pub use parse::parse;
pub use patterns::Budget as PatternBudget;
pub use rule::Rule;
pub use typed::{Property, TypedKind};

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use regex::bytes::Regex;
use serde_json::{Value as Json, json};

use self::bound::large;
use crate::tabular::csv;
use crate::tabular::formats::ValueFormat;
use crate::tabular::values::{Digits, Value, ValueType};

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
    /// The least value allowed.
    pub minimum: Option<Bound>,
    /// The greatest value allowed.
    pub maximum: Option<Bound>,
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
    /// Those of a column of numbers, each in one form: `1.0` is `1`.
    pub numbers: HashSet<Vec<u8>>,
    /// What JSON Schema asks of values that have a type of their own; none: it is no property of one.
    pub property: Option<Arc<Property>>,
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
        let kind = self.kind.filter(|kind| *kind != ValueType::Text);
        if kind.is_some() || self.minimum.is_some() || self.maximum.is_some() {
            let value = Value::of(text);
            let is_of = match kind {
                Some(kind) => value.kind() == kind || value.kind().join(kind) == kind,
                None => value != Value::Text,
            };
            let value = if is_of { Some(value) } else { self.large(text) };
            let Some(value) = value else { return Some(Rule::Type) };
            if let Some(rule) = self.range(value, text) {
                return Some(rule);
            }
        }
        if self.has_form() { self.form(written) } else { None }
    }

    /// A number that 64 bits do not hold: it is one.
    #[cold]
    fn large(&self, text: &[u8]) -> Option<Value> {
        let fits = match self.kind {
            Some(ValueType::Integer) => Digits::of(text)?.is_plain(),
            kind => matches!(kind, None | Some(ValueType::Text | ValueType::Float)),
        };
        large(text).filter(|_| fits)
    }

    #[inline]
    fn range(&self, value: Value, text: &[u8]) -> Option<Rule> {
        let is_beyond = |bound: &Bound, side: Ordering| match bound.order(value, text) {
            Ordering::Equal => !bound.is_allowed,
            order => order == side,
        };
        if self.minimum.as_ref().is_some_and(|least| is_beyond(least, Ordering::Less)) {
            return Some(Rule::Minimum);
        }
        self.maximum.as_ref().is_some_and(|most| is_beyond(most, Ordering::Greater)).then_some(Rule::Maximum)
    }

    /// What is wrong with what is no value to others, as it stands in a table of types: an infinite number is one beyond
    /// every bound.
    pub fn check_none(&self, field: &[u8], is_typed: bool) -> Option<Rule> {
        match field {
            _ if self.required => Some(Rule::Required),
            csv::INFINITE if is_typed && self.maximum.is_some() => Some(Rule::Maximum),
            csv::MINUS_INFINITE if is_typed && self.minimum.is_some() => Some(Rule::Minimum),
            _ => None,
        }
    }

    fn has_form(&self) -> bool {
        self.min_length.is_some() || self.max_length.is_some() || self.pattern.is_some() || self.values.is_some()
    }

    fn form(&self, text: &[u8]) -> Option<Rule> {
        self.lengths(text).or_else(|| self.unmatched(text)).or_else(|| {
            self.values.as_ref().filter(|values| !values.contains(text))?;
            let number = if self.numbers.is_empty() { None } else { Digits::of(text) };
            (!number.is_some_and(|number| self.numbers.contains(&number.canonical()))).then_some(Rule::Values)
        })
    }

    fn lengths(&self, text: &[u8]) -> Option<Rule> {
        if self.min_length.is_none() && self.max_length.is_none() {
            return None;
        }
        // Characters are counted by the bytes they begin with.
        let characters = text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u64;
        if self.min_length.is_some_and(|least| characters < least) {
            return Some(Rule::MinLength);
        }
        self.max_length.is_some_and(|most| characters > most).then_some(Rule::MaxLength)
    }

    fn unmatched(&self, text: &[u8]) -> Option<Rule> {
        self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)).then_some(Rule::Pattern)
    }

    /// What a value has to be for a rule, in words.
    pub fn expectation(&self, rule: Rule) -> String {
        let bound = |bound: &Option<Bound>, at: &str, beyond: &str| {
            bound.as_ref().map(|bound| format!("{} {}", if bound.is_allowed { at } else { beyond }, bound.shown()))
        };
        let words = match rule {
            Rule::Type => match &self.format {
                Some(format) => Some(format.to_string()),
                None => Some(self.kind.map_or("a number", ValueType::as_str).to_owned()),
            },
            Rule::Minimum => bound(&self.minimum, "at least", "more than"),
            Rule::Maximum => bound(&self.maximum, "at most", "less than"),
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
            [("minimum", "exclusiveMinimum", &self.minimum), ("maximum", "exclusiveMaximum", &self.maximum)]
        {
            if let Some(bound) = bound {
                put(if bound.is_allowed { name } else { exclusive }, bound.described());
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
            (
                r#""type": "number", "constraints": {"maximum": 12345678901234567.88}"#,
                "12345678901234567.89",
                Some(Rule::Maximum),
            ),
            (
                r#""type": "number", "constraints": {"maximum": "12345678901234567.88"}"#,
                "12345678901234567.89",
                Some(Rule::Maximum),
            ),
            (r#""type": "number", "constraints": {"maximum": 12345678901234567.88}"#, "12345678901234567.880", None),
            (r#""type": "number", "constraints": {"maximum": 10}"#, "10.0000000000000000001", Some(Rule::Maximum)),
            (r#""type": "number", "constraints": {"minimum": -0.1}"#, "-0.10000000000000000001", Some(Rule::Minimum)),
            (r#""type": "number", "constraints": {"exclusiveMaximum": 10}"#, "9.99999999999999999999", None),
            (r#""type": "number", "constraints": {"exclusiveMaximum": 10}"#, "10.00", Some(Rule::Maximum)),
            (r#""type": "number", "constraints": {"maximum": 1e400}"#, "2e400", Some(Rule::Maximum)),
            (r#""constraints": {"maximum": 10}"#, "10.0000000000000000001", Some(Rule::Maximum)),
            (r#""type": "integer""#, "18446744073709551615", None),
            (
                r#""type": "integer", "constraints": {"maximum": 18446744073709551616}"#,
                "18446744073709551617",
                Some(Rule::Maximum),
            ),
            (r#""type": "integer""#, "1e30", Some(Rule::Type)),
            (r#""type": "number", "constraints": {"enum": [1, "2.50"]}"#, "1.0", None),
            (r#""type": "number", "constraints": {"enum": [1, "2.50"]}"#, "2.5", None),
            (r#""type": "string", "constraints": {"enum": ["1"]}"#, "1.0", Some(Rule::Values)),
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
