//! How the values of a field of a Table Schema are written.

use serde_json::{Map, Value as Json};

use super::parse::{invalid, texts};
use crate::base::error::{EngineError, Result};
use crate::tabular::formats::{NumberFormat, ValueFormat};
use crate::tabular::values::ValueType;

/// What fields of this type may have besides a format.
pub fn known(kind: Option<ValueType>) -> &'static [&'static str] {
    match kind {
        Some(ValueType::Integer) => &["groupChar", "bareNumber"],
        Some(ValueType::Float) => &["decimalChar", "groupChar", "bareNumber"],
        Some(ValueType::Boolean) => &["trueValues", "falseValues"],
        _ => &[],
    }
}

/// The format of a field, if it is not the default one.
///
/// # Errors
/// [`EngineError::InvalidOptions`] naming what is wrong or not supported.
pub fn parse(field: &Map<String, Json>, kind: Option<ValueType>, name: &str) -> Result<Option<ValueFormat>> {
    let wrong = |what: &str| invalid(&format!("has a format in the field {name:?} that is not supported: {what}"));
    let by_keys = match kind {
        Some(ValueType::Integer | ValueType::Float) => number(field, name)?,
        Some(ValueType::Boolean) => words(field, name)?,
        _ => None,
    };
    let pattern = match field.get("format") {
        None => return Ok(by_keys),
        Some(Json::String(format)) if format == "default" || format == "any" => return Ok(by_keys),
        Some(Json::String(pattern)) => pattern,
        Some(_) => return Err(wrong("it is not a text")),
    };
    if by_keys.is_some() {
        return Err(wrong("other keys of the field say how values are written, too"));
    }
    let format = match kind {
        Some(kind @ (ValueType::Date | ValueType::Timestamp | ValueType::Time)) => {
            ValueFormat::moment(kind, pattern.strip_prefix("fmt:").unwrap_or(pattern))
        }
        Some(ValueType::Integer | ValueType::Float) => ValueFormat::parse(&format!("number:{pattern}")),
        Some(ValueType::Boolean) => ValueFormat::parse(&format!("boolean:{pattern}")),
        _ => Err("values of its type have only the default format".to_owned()),
    };
    format.map(Some).map_err(|error| wrong(&error))
}

fn wrong(name: &str, key: &str, what: &str) -> EngineError {
    invalid(&format!("has a {key} in the field {name:?} that is not {what}"))
}

fn number(field: &Map<String, Json>, name: &str) -> Result<Option<ValueFormat>> {
    let mark = |key: &str| match field.get(key) {
        None => Ok(None),
        Some(Json::String(mark)) if is_mark(mark) => Ok(Some(mark.as_str())),
        Some(_) => Err(wrong(name, key, "a character other than a digit or a sign")),
    };
    let (decimal, group) = (mark("decimalChar")?, mark("groupChar")?);
    let bare = match field.get("bareNumber") {
        None => None,
        Some(bare) => Some(bare.as_bool().ok_or_else(|| wrong(name, "bareNumber", "true or false"))?),
    };
    if (decimal, group, bare) == (None, None, None) {
        return Ok(None);
    }
    let decimal = decimal.unwrap_or(".");
    if group == Some(decimal) {
        return Err(wrong(name, "groupChar", "another character than its decimalChar"));
    }
    Ok(Some(ValueFormat::Number(NumberFormat::by_marks(decimal, group, bare.unwrap_or(true)))))
}

fn is_mark(text: &str) -> bool {
    let mut letters = text.chars();
    let is_one = |letter: char| !letter.is_ascii_digit() && !matches!(letter, '-' | '+' | 'e' | 'E' | '(' | ')');
    letters.next().is_some_and(is_one) && letters.next().is_none()
}

/// What Table Schema takes for true and for false where a field does not say it.
const TRUE: [&str; 4] = ["true", "True", "TRUE", "1"];
const FALSE: [&str; 4] = ["false", "False", "FALSE", "0"];

fn words(field: &Map<String, Json>, name: &str) -> Result<Option<ValueFormat>> {
    let list = |key: &str, usual: [&str; 4]| match field.get(key) {
        None => Ok(usual.map(str::to_owned).to_vec()),
        Some(words) => texts(words).ok_or_else(|| wrong(name, key, "a list of texts")),
    };
    if !field.contains_key("trueValues") && !field.contains_key("falseValues") {
        return Ok(None);
    }
    let (yes, no) = (list("trueValues", TRUE)?, list("falseValues", FALSE)?);
    ValueFormat::words(yes, no).map(Some).map_err(|error| invalid(&format!("has words in the field {name:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::parse as schema;

    #[test]
    fn fields_are_written_as_their_schema_says() {
        for (field, good, bad) in [
            (r#""type": "date", "format": "%d/%m/%Y""#, "31/12/2024", "2024-12-31"),
            (r#""type": "date", "format": "fmt:%d.%m.%Y""#, "31.12.2024", "12.31.2024"),
            (r#""type": "datetime", "format": "%d/%m/%y %H:%M""#, "31/12/24 0:30", "31/12/2024 0:30"),
            (r#""type": "time", "format": "%I:%M %p""#, "3:07 PM", "15:07"),
            (r#""type": "number", "decimalChar": ",", "groupChar": ".""#, "1.234,5", "1,234.5"),
            (r#""type": "number", "groupChar": ",""#, "1,234.5", "12,34.5"),
            (r#""type": "integer", "groupChar": " ""#, "1 234", "1 234.5"),
            (r#""type": "number", "bareNumber": false"#, "$ -95.5 %", "none"),
            (r#""type": "number", "bareNumber": false"#, "Rs.500", "Rs."),
            (r#""type": "number", "format": "(1.234,56 €)""#, "(12,50 €)", "12,50"),
            (r#""type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]"#, "ja", "Ja"),
            (r#""type": "boolean", "trueValues": ["x"]"#, "0", "nein"),
            (r#""type": "boolean", "format": "ja/nein""#, "NEIN", "true"),
            (
                r#""type": "date", "format": "%d/%m/%Y", "constraints": {"minimum": "2024-02-01"}"#,
                "01/02/2024",
                "31/01/2024",
            ),
            (r#""type": "number", "decimalChar": ",", "constraints": {"maximum": 2.5}"#, "2,5", "2,51"),
            (r#""type": "number", "decimalChar": ",", "constraints": {"pattern": "[0-9],[0-9]"}"#, "2,5", "2,55"),
        ] {
            let text = format!(r#"{{"fields": [{{"name": "a", {field}}}]}}"#);
            let parsed = schema(&text).unwrap();
            let again = schema(&parsed.described().to_string()).unwrap();
            assert_eq!(again.described(), parsed.described());
            for field in [&parsed.fields[0], &again.fields[0]] {
                let mut usual = Vec::new();
                let found = [good, bad].map(|value| field.check(value.as_bytes(), &mut usual).is_some());
                assert_eq!(found, [false, true], "{text}");
            }
        }
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for (field, named) in [
            (r#""type": "string", "format": "email""#, "format"),
            (r#""type": "date", "format": "%d/%m""#, "needs a day"),
            (r#""type": "date", "format": "%d/%m/%Y %H:%M""#, "timestamp"),
            (r#""type": "date", "decimalChar": ",""#, "decimalChar"),
            (r#""type": "integer", "decimalChar": ",""#, "decimalChar"),
            (r#""type": "number", "decimalChar": ",,""#, "decimalChar"),
            (r#""type": "number", "decimalChar": ",", "groupChar": ",""#, "groupChar"),
            (r#""type": "number", "bareNumber": "no""#, "bareNumber"),
            (r#""type": "number", "decimalChar": ",", "format": "1.234,56""#, "other keys"),
            (r#""type": "boolean", "trueValues": "ja""#, "trueValues"),
            (r#""type": "boolean", "trueValues": ["0"]"#, "for true and for false"),
        ] {
            let error = schema(&format!(r#"{{"fields": [{{"name": "a", {field}}}]}}"#)).unwrap_err().to_string();
            assert!(error.contains(named), "{field}: {error}");
        }
    }
}
