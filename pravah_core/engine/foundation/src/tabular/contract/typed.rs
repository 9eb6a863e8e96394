//! Values that have a type of their own, against the types of JSON Schema: `1` is no text, and `"1"` no integer.
//!
//! A rule is for the values of its type, as the drafts say: a pattern says nothing of a number. What a property allows is
//! compared as values, so that `1.0` is `1`, and `"1"` is not.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::bound::{exact, large, number};
use super::{Field, Rule, moments};
use crate::tabular::values::{Digits, Value, ValueType};

/// What JSON Schema asks of a property besides what a [`Field`] has.
#[derive(Debug, Clone, Default)]
pub struct Property {
    /// The type of its values.
    pub(super) asked: Asked,
    /// No value is one, too.
    pub(super) may_be_null: bool,
    /// Every object has it.
    pub is_required: bool,
    /// The values allowed, each in one form.
    pub(super) values: Option<HashSet<Vec<u8>>>,
}

/// A type of JSON Schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Asked {
    #[default]
    Any,
    Text,
    Integer,
    Number,
    Boolean,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypedKind {
    /// No value, which a document of JSON names.
    Null,
    /// True or false.
    Boolean,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A text, date or time of a table that has such types, as it is shown.
    Shown,
    /// A list or an object.
    Nested,
}

impl TypedKind {
    /// Of a value of JSON as it stands there.
    #[inline]
    pub fn of_json(token: &[u8]) -> Self {
        match token.first() {
            Some(b'"') => Self::Text,
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'[' | b'{') => Self::Nested,
            _ => Self::Number,
        }
    }

    /// Of a value of a typed table, as text.
    pub fn of_table(token: &[u8]) -> Self {
        match token {
            b"true" | b"false" => Self::Boolean,
            [b'"', ..] => Self::Shown,
            _ if Digits::of(token).is_some() => Self::Number,
            _ => Self::Shown,
        }
    }
}

impl Property {
    fn takes(&self, kind: TypedKind, value: &[u8]) -> bool {
        match (self.asked, kind) {
            (Asked::Any, _)
            | (Asked::Text, TypedKind::Text | TypedKind::Shown)
            | (Asked::Number, TypedKind::Number)
            | (Asked::Boolean, TypedKind::Boolean) => true,
            (_, TypedKind::Null) => self.may_be_null,
            (Asked::Integer, TypedKind::Number) => {
                value.iter().all(u8::is_ascii_digit) || Digits::of(value).is_some_and(|digits| digits.is_whole())
            }
            _ => false,
        }
    }
}

impl Field {
    /// What is wrong with a value by JSON Schema: the token as it stands, and the value without its quotes.
    #[inline]
    pub fn check_typed(&self, property: &Property, kind: TypedKind, token: &[u8], value: &[u8]) -> Option<Rule> {
        if !property.takes(kind, value) {
            return Some(Rule::Type);
        }
        let found = match kind {
            TypedKind::Number => self.number_range(value),
            TypedKind::Text | TypedKind::Shown => self.typed_text(kind, value),
            _ => None,
        };
        found.or_else(|| {
            let values = property.values.as_ref()?;
            (!values.contains(&form_of(kind, token, value))).then_some(Rule::Values)
        })
    }

    fn number_range(&self, text: &[u8]) -> Option<Rule> {
        if self.minimum.is_none() && self.maximum.is_none() {
            return None;
        }
        let value = match Value::of(text) {
            Value::Text => large(text)?,
            value => value,
        };
        self.range(value, text)
    }

    fn typed_text(&self, kind: TypedKind, text: &[u8]) -> Option<Rule> {
        if let Some(asked @ (ValueType::Date | ValueType::Timestamp | ValueType::Time)) = self.kind {
            let value = match kind {
                TypedKind::Text => moments::of(asked, text),
                _ => Some(Value::of(text)).filter(|value| value.kind().join(asked) == asked),
            };
            let Some(value) = value else { return Some(Rule::Type) };
            if let Some(rule) = self.range(value, text) {
                return Some(rule);
            }
        }
        self.lengths(text).or_else(|| self.unmatched(text))
    }
}

/// The values of a list in one form each.
pub(super) fn forms(values: &[Json]) -> HashSet<Vec<u8>> {
    let form = |value: &Json| {
        let mut out = Vec::new();
        form(value, &mut out);
        out
    };
    values.iter().map(form).collect()
}

/// The form of a value of a file.
fn form_of(kind: TypedKind, token: &[u8], value: &[u8]) -> Vec<u8> {
    let nested = || {
        let text = exact(std::str::from_utf8(token).ok()?).into_owned();
        let mut out = Vec::new();
        form(&serde_json::from_str(&text).ok()?, &mut out);
        Some(out)
    };
    match kind {
        TypedKind::Text | TypedKind::Shown => [b"\"", value].concat(),
        TypedKind::Number => Digits::of(value).map_or_else(|| value.to_vec(), |digits| digits.canonical()),
        TypedKind::Nested => nested().unwrap_or_else(|| token.to_vec()),
        _ => token.to_vec(),
    }
}

/// The same bytes for the same value.
fn form(value: &Json, out: &mut Vec<u8>) {
    if let Some(number) = number(value) {
        return out.extend(Digits::of(number.as_bytes()).map_or_else(Vec::new, |digits| digits.canonical()));
    }
    match value {
        Json::String(text) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
        }
        Json::Array(items) => {
            out.push(b'[');
            items.iter().for_each(|item| framed(item, out));
        }
        Json::Object(members) => {
            out.push(b'{');
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            for (key, value) in members {
                out.extend_from_slice(&(key.len() as u64).to_le_bytes());
                out.extend_from_slice(key.as_bytes());
                framed(value, out);
            }
        }
        word => out.extend_from_slice(word.to_string().as_bytes()),
    }
}

/// With its length in front.
fn framed(value: &Json, out: &mut Vec<u8>) {
    let mut inner = Vec::new();
    form(value, &mut inner);
    out.extend_from_slice(&(inner.len() as u64).to_le_bytes());
    out.append(&mut inner);
}
