//! The least and the greatest value, and numbers of a schema: none loses a digit.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;

use crate::tabular::values::{Digits, Value, ValueType};

/// In front of the digits of a number that no float gives again, which is a text in the document.
const MARK: char = '\0';

/// A limit.
#[derive(Debug, Clone)]
pub struct Bound {
    value: Value,
    /// As it is written.
    text: String,
    /// It may be reached.
    pub is_allowed: bool,
}

impl Bound {
    /// Of a number, a date or a time, or a text that is one.
    pub(super) fn of(value: &Json, is_allowed: bool) -> Option<Self> {
        let text = text(value).into_owned();
        let value = match Value::of(text.as_bytes()) {
            Value::Text => large(text.as_bytes())?,
            Value::Boolean(_) => return None,
            value => value,
        };
        Some(Self { value, text, is_allowed })
    }

    /// The order of a value, which stands for `text`, to it. Numbers are compared by floats, and by their digits where
    /// these are the same: then rounding could have made them so.
    #[inline]
    pub(super) fn order(&self, value: Value, text: &[u8]) -> Ordering {
        if value.is_less(self.value) {
            Ordering::Less
        } else if self.value.is_less(value) {
            Ordering::Greater
        } else if matches!((value, self.value), (Value::Float(_), _) | (_, Value::Float(_))) {
            self.by_digits(text)
        } else {
            Ordering::Equal
        }
    }

    #[cold]
    fn by_digits(&self, text: &[u8]) -> Ordering {
        match (Digits::of(text), Digits::of(self.text.as_bytes())) {
            (Some(number), Some(own)) => number.order(&own),
            _ => Ordering::Equal,
        }
    }

    /// The order of both limits.
    pub(super) fn against(&self, other: &Self) -> Ordering {
        other.order(self.value, self.text.as_bytes())
    }

    /// In words that stand for the same value again.
    pub(super) fn shown(&self) -> Cow<'_, str> {
        match self.number() {
            Some(number) => number.to_string().into(),
            None if self.is_number() => self.text.as_str().into(),
            None => self.value.shown().into(),
        }
    }

    /// As it is in a schema: a number that no float gives again is a text there.
    pub(super) fn described(&self) -> Json {
        self.number().unwrap_or_else(|| self.shown().into_owned().into())
    }

    fn is_number(&self) -> bool {
        matches!(self.value.kind(), ValueType::Integer | ValueType::Float)
    }

    /// The number of JSON that has these digits.
    fn number(&self) -> Option<Json> {
        let number = match self.value {
            Value::Integer(value) => value.into(),
            Value::Float(value) => value.into(),
            _ => return None,
        };
        is_same(&number, &self.text).then_some(number)
    }
}

/// A number beyond the integers or the floats of 64 bits, as the nearest float.
#[cold]
pub(super) fn large(text: &[u8]) -> Option<Value> {
    Digits::of(text)?;
    std::str::from_utf8(text).ok()?.parse().ok().map(Value::Float)
}

fn is_same(number: &Json, text: &str) -> bool {
    let shown = number.to_string();
    let digits = (Digits::of(shown.as_bytes()), Digits::of(text.as_bytes()));
    matches!(digits, (Some(one), Some(other)) if one.order(&other).is_eq())
}

/// A value of a schema as text.
pub(super) fn text(value: &Json) -> Cow<'_, str> {
    match value.as_str() {
        Some(text) => text.strip_prefix(MARK).unwrap_or(text).into(),
        None => value.to_string().into(),
    }
}

/// The digits of a number of a document that [`exact`] made.
pub(super) fn number(value: &Json) -> Option<Cow<'_, str>> {
    match value {
        Json::Number(number) => Some(number.to_string().into()),
        Json::String(text) => text.strip_prefix(MARK).map(Cow::from),
        _ => None,
    }
}

/// A document of JSON in which each number that no float gives again is a text with a mark.
pub(super) fn exact(document: &str) -> Cow<'_, str> {
    let bytes = document.as_bytes();
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(&inner) = bytes.get(at).filter(|inner| **inner != b'"') {
                    at += if inner == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let start = at;
                while matches!(bytes.get(at), Some(b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')) {
                    at += 1;
                }
                let number = &document[start..at];
                let is_kept = match serde_json::from_str::<Json>(number) {
                    Ok(known) => is_same(&known, number),
                    // Too large, or no number: that is told later.
                    Err(_) => !is_number(number),
                };
                if !is_kept {
                    out.push_str(&document[copied..start]);
                    out.push_str("\"\\u0000");
                    out.push_str(number);
                    out.push('"');
                    copied = at;
                }
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return document.into();
    }
    out.push_str(&document[copied..]);
    out.into()
}

/// By the grammar of JSON.
fn is_number(text: &str) -> bool {
    let is_ended = |digits: &str| digits.ends_with(|last: char| last.is_ascii_digit());
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let starts = mantissa.strip_prefix('-').unwrap_or(mantissa).starts_with(|first: char| first.is_ascii_digit());
    Digits::of(text.as_bytes()).is_some() && starts && is_ended(mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_document_keep_their_digits() {
        for (text, changed) in [
            (r#"{"a": [1, -2.5, 1e2, 1.0, "12345678901234567.89", "\"1e400"], "b\\": 0.1}"#, None),
            ("12345678901234567.89", Some(r#""\u000012345678901234567.89""#)),
            (
                r#"[1e400,18446744073709551615,18446744073709551616]"#,
                Some(r#"["\u00001e400",18446744073709551615,"\u000018446744073709551616"]"#),
            ),
            ("[01, 1., -, 1.2.3]", None),
        ] {
            assert_eq!(exact(text), changed.unwrap_or(text));
        }
        let read: Json = serde_json::from_str(&exact("0.10000000000000000001")).unwrap();
        assert_eq!(
            (text(&read), number(&read)),
            ("0.10000000000000000001".into(), Some("0.10000000000000000001".into()))
        );
        let bound = Bound::of(&read, true).unwrap();
        assert_eq!(
            (bound.shown(), bound.described()),
            ("0.10000000000000000001".into(), "0.10000000000000000001".into())
        );
        assert_eq!(Bound::of(&Json::from(2.50), true).unwrap().described(), Json::from(2.5));
    }
}
