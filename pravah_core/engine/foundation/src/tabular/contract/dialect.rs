//! How the files of a resource are written: a Table Dialect of Frictionless.
//!
//! What is understood is used; what is not is told, property by property: a file that is read in another way than its
//! descriptor says must not look as if it were read so.

use serde_json::{Map, Value as Json};

use super::parse::invalid;
use crate::base::error::Result;

/// A Table Dialect, as far as it is used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableDialect {
    /// Characters between two fields.
    pub delimiter: Option<String>,
    /// The quote character; none: quotes are ordinary characters.
    pub quote: Option<Option<String>>,
    /// The character before a quote that is a part of a value; none: there is none.
    pub escape: Option<Option<String>>,
    /// What begins a record that is none.
    pub comment: Option<String>,
    /// Blanks before a field are no part of it.
    pub skips_blanks: Option<bool>,
    /// Records that hold the names of the columns.
    pub header_rows: Option<u64>,
    /// Lines before them.
    pub skip_lines: Option<u64>,
    /// A text that stands for no value.
    pub null: Option<String>,
    /// What of it is not used, in words.
    pub ignored: Vec<String>,
    /// As it was written.
    pub source: Json,
}

/// Read a dialect.
///
/// # Errors
/// [`crate::base::error::EngineError::InvalidOptions`]: a property has a value of another type.
pub fn parse(dialect: &Json) -> Result<TableDialect> {
    let mut parsed = TableDialect { source: dialect.clone(), ..TableDialect::default() };
    let Json::Object(object) = dialect else {
        return match dialect {
            Json::String(place) => {
                parsed.ignored.push(format!("it is in another place ({place}): put it into the schema"));
                Ok(parsed)
            }
            _ => Err(invalid("has a dialect that is not an object")),
        };
    };
    for (key, value) in object {
        parsed.take(key, value)?;
    }
    parsed.rows(object)?;
    parsed.doubled(object)?;
    Ok(parsed)
}

fn wrong(key: &str, what: &str) -> crate::base::error::EngineError {
    invalid(&format!("has a dialect with a {key} that is not {what}"))
}

fn text(key: &str, value: &Json) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| wrong(key, "a text"))
}

/// The text, or none for null and for a text without a character.
fn optional(key: &str, value: &Json) -> Result<Option<String>> {
    let found = if value.is_null() { None } else { Some(text(key, value)?) };
    Ok(found.filter(|text| !text.is_empty()))
}

fn truth(key: &str, value: &Json) -> Result<bool> {
    value.as_bool().ok_or_else(|| wrong(key, "true or false"))
}

/// Numbers of rows, from 1.
fn numbers(key: &str, object: &Map<String, Json>) -> Result<Option<Vec<u64>>> {
    let Some(value) = object.get(key) else { return Ok(None) };
    let all = value.as_array().and_then(|all| all.iter().map(Json::as_u64).collect::<Option<Vec<u64>>>());
    let all = all.filter(|all| !all.contains(&0));
    all.map(Some).ok_or_else(|| wrong(key, "a list of numbers of rows, from 1"))
}

impl TableDialect {
    fn ignore(&mut self, key: &str, why: &str) {
        self.ignored.push(format!("{key}: {why}"));
    }

    fn take(&mut self, key: &str, value: &Json) -> Result<()> {
        match key {
            "delimiter" => self.delimiter = Some(text(key, value)?),
            "quoteChar" => self.quote = Some(optional(key, value)?),
            "escapeChar" => self.escape = Some(optional(key, value)?),
            "commentChar" => self.comment = optional(key, value)?,
            "skipInitialSpace" => self.skips_blanks = Some(truth(key, value)?),
            "nullSequence" => self.null = optional(key, value)?,
            "lineTerminator" => {
                let ends = text(key, value)?;
                if !matches!(ends.as_str(), "\n" | "\r\n" | "\r") {
                    self.ignore(key, "lines end with a line feed, a carriage return or both");
                }
            }
            "headerJoin" => {
                if text(key, value)? != " " {
                    self.ignore(key, "names in several rows are joined with a space");
                }
            }
            "headerCase" | "caseSensitiveHeader" => {
                if !truth(key, value)? {
                    self.ignore(key, "names of columns are compared as they are written");
                }
            }
            "header" | "doubleQuote" => drop(truth(key, value)?),
            "headerRows" | "commentRows" | "csvddfVersion" | "$schema" | "name" | "title" | "description" => {}
            "sheetName" | "sheetNumber" => self.ignore(key, "each sheet is a table of its own"),
            _ => self.ignore(key, "it is not supported"),
        }
        Ok(())
    }

    /// Which lines are the header, and how many come before it.
    fn rows(&mut self, object: &Map<String, Json>) -> Result<()> {
        let (header, comments) = (numbers("headerRows", object)?, numbers("commentRows", object)?);
        let has_header = object.get("header").and_then(Json::as_bool);
        let first = match &header {
            Some(rows) if has_header != Some(false) && !rows.is_empty() => {
                let is_run = rows.windows(2).all(|pair| pair[1] == pair[0] + 1);
                if is_run {
                    (self.header_rows, self.skip_lines) = (Some(rows.len() as u64), Some(rows[0] - 1));
                    Some(rows[0])
                } else {
                    self.ignore("headerRows", "the rows of a header follow one another");
                    None
                }
            }
            Some(_) => {
                self.header_rows = Some(0);
                None
            }
            None => {
                self.header_rows = has_header.map(u64::from);
                None
            }
        };
        let Some(comments) = comments.filter(|rows| !rows.is_empty()) else { return Ok(()) };
        let before = comments.iter().enumerate().all(|(place, row)| *row == place as u64 + 1);
        match first {
            // Lines before the header are left out already.
            Some(first) if comments.iter().all(|row| *row < first) => {}
            None if before => self.skip_lines = Some(comments.len() as u64),
            _ => self.ignore("commentRows", "only lines before the header can be left out by their numbers"),
        }
        Ok(())
    }

    /// Whether a quote in a value is doubled.
    fn doubled(&mut self, object: &Map<String, Json>) -> Result<()> {
        let has_escape = self.escape.as_ref().is_some_and(Option::is_some);
        match object.get("doubleQuote").and_then(Json::as_bool) {
            Some(true) if has_escape => self.ignore("doubleQuote", "with an escapeChar, quotes are not doubled"),
            Some(true) if self.quote != Some(None) => self.escape = Some(None),
            Some(false) if !has_escape => {
                self.ignore("doubleQuote", "a quote in quotes is doubled unless there is an escapeChar");
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_property_is_used_or_told() {
        let told = |dialect: Json| {
            let parsed = parse(&dialect).unwrap();
            parsed.ignored.iter().map(|text| text.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let all = parse(&json!({
            "csvddfVersion": 1.2, "delimiter": ";", "lineTerminator": "\r\n", "quoteChar": "'", "doubleQuote": true,
            "skipInitialSpace": true, "header": true, "headerRows": [3, 4], "headerJoin": " ", "commentRows": [1],
            "commentChar": "#", "nullSequence": "-", "caseSensitiveHeader": true, "headerCase": true,
        }))
        .unwrap();
        assert_eq!(all.ignored, Vec::<String>::new());
        assert_eq!(
            (all.delimiter.as_deref(), all.comment.as_deref(), all.null.as_deref()),
            (Some(";"), Some("#"), Some("-"))
        );
        assert_eq!((all.quote, all.escape), (Some(Some("'".to_owned())), Some(None)));
        assert_eq!((all.skips_blanks, all.header_rows, all.skip_lines), (Some(true), Some(2), Some(2)));
        let escaped = parse(&json!({"escapeChar": "\\", "doubleQuote": false, "header": false})).unwrap();
        assert_eq!((escaped.escape, escaped.header_rows), (Some(Some("\\".to_owned())), Some(0)));
        let rows = parse(&json!({"commentRows": [1, 2]})).unwrap();
        assert_eq!((rows.skip_lines, rows.header_rows), (Some(2), None));
        for (dialect, wanted) in [
            (json!({"doubleQuote": false}), "doubleQuote"),
            (json!({"doubleQuote": true, "escapeChar": "\\"}), "doubleQuote"),
            (json!({"lineTerminator": "|"}), "lineTerminator"),
            (json!({"headerRows": [1, 3]}), "headerRows"),
            (json!({"headerJoin": "-"}), "headerJoin"),
            (json!({"headerCase": false}), "headerCase"),
            (json!({"commentRows": [5]}), "commentRows"),
            (json!({"sheetNumber": 2}), "sheetNumber"),
            (json!({"itemKeys": ["a"]}), "itemKeys"),
            (json!("dialect.json"), "it is in another place (dialect.json)"),
        ] {
            assert_eq!(told(dialect.clone()), [wanted], "{dialect}");
        }
        for dialect in [json!(5), json!({"delimiter": 5}), json!({"header": "yes"}), json!({"headerRows": [0]})] {
            assert!(parse(&dialect).is_err(), "{dialect}");
        }
    }
}
