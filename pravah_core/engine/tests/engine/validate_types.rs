//! validate: types of JSON Schema are those of the values themselves, and bounds are compared by all digits.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::common::run::{Done, spec};
use crate::common::tree::Tree;
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray};
use arrow_array::{RecordBatch, StringArray, UInt64Array};
use serde_json::{Value, json};

/// By record and column: the rules that are broken.
fn errors(done: &Done) -> Vec<(i64, String, String)> {
    let rows = done.table("errors");
    let named = rows.iter().map(|row| {
        let record = if row.is_null("record") { 0 } else { row.integer("record") };
        (record, row.text("column").to_owned(), row.text("rule").to_owned())
    });
    let mut all: Vec<_> = named.collect();
    all.sort();
    all
}

const VALUES: [&str; 30] = [
    "1",
    "-7",
    "0",
    "1.5",
    "1.0",
    "1e2",
    "15e-1",
    "9.99999999999999999999",
    "10.0000000000000000001",
    "1e400",
    "18446744073709551616",
    "\"\"",
    "\"1\"",
    "\"abc\"",
    "\"tr\\u0075e\"",
    "\"2024-02-29\"",
    "\"2024-02-29T10:00:00Z\"",
    "\"2024-02-29 10:00\"",
    "\"23:59:60Z\"",
    "\"23:00\"",
    "\"null\"",
    "true",
    "false",
    "null",
    "[]",
    "[1, 2.0]",
    "{}",
    "{\"x\": 1}",
    "{\"x\": null}",
    "",
];

fn properties() -> Vec<Value> {
    let mut all = vec![json!({})];
    for kind in ["string", "integer", "number", "boolean"] {
        all.extend([json!({"type": kind}), json!({"type": [kind, "null"]})]);
    }
    all.extend([
        json!({"type": "string", "minLength": 3, "pattern": "^[a-z0-9]"}),
        json!({"pattern": "^[a-z]", "maxLength": 3}),
        json!({"type": "string", "format": "date"}),
        json!({"type": ["null", "string"], "format": "date-time"}),
        json!({"format": "time"}),
        json!({"type": "integer", "minimum": 1, "exclusiveMaximum": 100}),
        json!({"type": "number", "maximum": 10}),
        json!({"exclusiveMaximum": 10}),
        json!({"enum": [1, "abc", null, [1, 2], {}, true]}),
        json!({"type": "number", "enum": [100, 1.5]}),
        json!({"type": ["string", "null"], "enum": ["1", null]}),
    ]);
    all
}

/// The number that a token is, as its sign, digits and exponent.
fn is_less(one: &str, limit: i128, or_equal: bool) -> bool {
    let (digits, exponent) = one.split_once('e').unwrap_or((one, "0"));
    let (front, behind) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent = exponent.parse::<i32>().unwrap() - behind.len() as i32;
    let mantissa: i128 = format!("{front}{behind}").parse().unwrap();
    if exponent > 30 {
        return mantissa < 0;
    }
    let (mantissa, limit) = match u32::try_from(exponent) {
        Ok(exponent) => (mantissa * 10_i128.pow(exponent), limit),
        Err(_) => (mantissa, limit * 10_i128.pow(exponent.unsigned_abs())),
    };
    mantissa < limit || or_equal && mantissa == limit
}

/// The first rule that a value breaks, by the words of the draft.
fn broken(property: &Value, token: &str) -> Option<&'static str> {
    if token.is_empty() {
        return None;
    }
    let read: Value = serde_json::from_str(if token == "1e400" { "1e300" } else { token }).unwrap();
    let is_whole =
        |token: &str| !matches!(token, "1.5" | "15e-1" | "9.99999999999999999999" | "10.0000000000000000001");
    let is_of = |kind: &Value| match kind.as_str().unwrap() {
        "string" => read.is_string(),
        "integer" => read.is_number() && is_whole(token),
        "number" => read.is_number(),
        "boolean" => read.is_boolean(),
        _ => read.is_null(),
    };
    let fits = match &property["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(is_of),
        kind => is_of(kind),
    };
    if !fits {
        return Some("type");
    }
    if let Some(text) = read.as_str() {
        let is_moment = match property["format"].as_str() {
            Some("date") => text == "2024-02-29",
            Some("date-time") => text == "2024-02-29T10:00:00Z",
            Some("time") => text == "23:59:60Z",
            _ => true,
        };
        let length = text.chars().count() as u64;
        let starts = property["pattern"].as_str().is_none_or(|pattern| {
            let first = text.chars().next().unwrap_or(' ');
            first.is_ascii_lowercase() || pattern.contains("0-9") && first.is_ascii_digit()
        });
        let rules = [
            (is_moment, "type"),
            (property["minLength"].as_u64().is_none_or(|least| length >= least), "min_length"),
            (property["maxLength"].as_u64().is_none_or(|most| length <= most), "max_length"),
            (starts, "pattern"),
        ];
        if let Some((_, rule)) = rules.iter().find(|(holds, _)| !holds) {
            return Some(rule);
        }
    }
    if read.is_number() {
        let limit = |name: &str| property[name].as_i64().map(i128::from);
        if limit("minimum").is_some_and(|least| is_less(token, least, false)) {
            return Some("minimum");
        }
        let is_below = limit("maximum").is_none_or(|most| is_less(token, most, true))
            && limit("exclusiveMaximum").is_none_or(|most| is_less(token, most, false));
        if !is_below {
            return Some("maximum");
        }
    }
    let is_same = |one: &Value| match (one, &read) {
        (Value::Number(one), Value::Number(_)) => one.as_f64() == read.as_f64() && one.to_string().len() < 5,
        (Value::Array(_), Value::Array(_)) => token == "[1, 2.0]",
        (one, read) => one == read,
    };
    property["enum"].as_array().is_some_and(|values| !values.iter().any(is_same)).then_some("enum")
}

#[test]
fn values_of_json_have_the_types_that_a_naive_reading_finds() {
    let (tree, properties) = (Tree::new(), properties());
    let (mut all, mut expected) = (String::new(), Vec::new());
    for (number, token) in (1..).zip(VALUES) {
        let member = |place: usize| format!("\"c{place:02}\": {token}");
        let members: Vec<String> = (0..properties.len()).filter(|_| !token.is_empty()).map(member).collect();
        all.push_str(&format!("{{{}}}\n", members.join(", ")));
        for (place, property) in properties.iter().enumerate() {
            let rule = broken(property, token);
            expected.extend(rule.map(|rule| (number, format!("c{place:02}"), rule.to_owned())));
        }
    }
    tree.file("all.jsonl", all);
    let named = properties.iter().enumerate().map(|(place, property)| (format!("c{place:02}"), property.clone()));
    let schema = json!({"properties": named.collect::<serde_json::Map<_, _>>()}).to_string();
    for bytes in [1, 3000, 1 << 20] {
        let done = spec("validate", &tree.path()).option("schema_text", schema.clone()).chunk_bytes(bytes).run();
        assert_eq!(errors(&done), expected, "{bytes}");
    }
}

#[test]
fn values_that_are_all_objects_or_nulls_are_checked_and_a_key_may_be_absent() {
    let tree = Tree::new();
    tree.file(
        "a.json",
        r#"[{"a": {"x": 1}, "n": null, "b": {"y": {"z": 2}}}, {"n": null}, {"a": {"x": null}, "n": null}]"#,
    );
    let told = |schema: &Value| {
        let done = spec("validate", &tree.path()).option("schema_text", schema.to_string()).run();
        let file = &done.table("result")[0];
        (errors(&done), file.integer("bad_records"))
    };
    let of = |kind: Value| json!({"properties": {"a": kind, "n": {"type": ["integer", "null"]}, "b": {}}});
    let error = |record, column: &str, rule: &str| (record, column.to_owned(), rule.to_owned());
    assert_eq!(told(&of(json!({"type": "string"}))), (vec![error(1, "a.x", "type"), error(3, "a.x", "type")], 2));
    assert_eq!(told(&of(json!({}))), (vec![], 0));
    let required = json!({"properties": {"a.x": {}, "n": {"type": "null-free"}, "b": {}}});
    assert!(
        spec("validate", &tree.path()).option("schema_text", required.to_string()).fails().to_string().contains("type")
    );
    let required = json!({"required": ["n", "a.x"], "properties": {"a.x": {}, "n": {"type": "integer"}, "b": {}}});
    let nulls = (1..=3).map(|record| error(record, "n", "type"));
    let mut expected: Vec<_> = nulls.chain([error(2, "a.x", "required")]).collect();
    expected.sort();
    assert_eq!(told(&required).0, expected);
    let may_be = json!({"required": ["n"], "properties": {"a": {}, "n": {"type": ["null", "integer"]}, "b": {}}});
    assert_eq!(told(&may_be).0, []);
}

#[test]
fn text_that_reads_as_a_type_is_of_it_where_values_have_no_types() {
    let tree = Tree::new();
    tree.file("a.csv", "a,b,c,d\n1,1,true,2024-01-01 10:00\n,7.5,1,2024-01-01\n");
    let schema = json!({"properties": {"a": {"type": "string"}, "b": {"type": "number", "maximum": 5},
        "c": {"type": "boolean"}, "d": {"type": "string", "format": "date-time"}}});
    let done = spec("validate", &tree.path()).option("schema_text", schema.to_string()).run();
    let error = |column: &str, rule: &str| (2, column.to_owned(), rule.to_owned());
    assert_eq!(errors(&done), [error("b", "maximum"), error("c", "type")]);
}

fn parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn values_of_tables_have_the_types_of_their_columns() {
    let tree = Tree::new();
    let list = ListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>([Some([Some(1)]), None]);
    parquet(
        &tree.path().join("t.parquet"),
        vec![
            ("text", Arc::new(StringArray::from(vec!["1", "x"]))),
            ("whole", Arc::new(Int64Array::from(vec![Some(1), None]))),
            ("float", Arc::new(Float64Array::from(vec![2.0, 2.5]))),
            ("truth", Arc::new(BooleanArray::from(vec![true, false]))),
            ("day", Arc::new(Date32Array::from(vec![0, 1]))),
            ("list", Arc::new(list)),
            ("large", Arc::new(UInt64Array::from(vec![u64::MAX, 1]))),
        ],
    );
    let told = |kinds: [&str; 7]| {
        let names = ["text", "whole", "float", "truth", "day", "list", "large"];
        let property = |(name, kind): (&str, &str)| (name.to_owned(), json!({"type": kind}));
        let properties: serde_json::Map<_, _> = names.into_iter().zip(kinds).map(property).collect();
        let schema = json!({"properties": properties}).to_string();
        let done = spec("validate", &tree.path()).option("schema_text", schema).run();
        let columns = errors(&done).into_iter().map(|(record, column, rule)| format!("{record} {column} {rule}"));
        columns.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told(["string", "integer", "number", "boolean", "string", "string", "integer"]), "1 list type");
    assert_eq!(
        told(["integer", "string", "integer", "string", "string", "string", "string"]),
        "1 large type, 1 list type, 1 text type, 1 truth type, 1 whole type, 2 float type, 2 large type, 2 text type, \
         2 truth type"
    );
}

#[test]
fn bounds_are_compared_by_all_digits_and_the_infinite_is_beyond_them() {
    let tree = Tree::new();
    let decimal = Decimal128Array::from(vec![100_000_000_000_000_000_000, 100_000_000_000_000_000_001, -1]);
    let decimal = decimal.with_precision_and_scale(30, 19).unwrap();
    let float = Float64Array::from(vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
    parquet(&tree.path().join("t.parquet"), vec![("decimal", Arc::new(decimal)), ("float", Arc::new(float))]);
    let bounds = json!({"minimum": -5, "maximum": 10});
    let field = |name: &str| json!({"name": name, "type": "number", "constraints": bounds});
    let property = json!({"type": "number", "minimum": -5, "maximum": 10});
    for schema in [
        json!({"fields": [field("decimal"), field("float")]}),
        json!({"properties": {"decimal": property, "float": property}}),
    ] {
        let done = spec("validate", &tree.path()).option("schema_text", schema.to_string()).run();
        let error = |record, column: &str, rule: &str| (record, column.to_owned(), rule.to_owned());
        let expected = [error(1, "float", "maximum"), error(2, "decimal", "maximum"), error(2, "float", "minimum")];
        assert_eq!(errors(&done), expected);
    }
    let told = spec("validate", &tree.path())
        .option("schema_text", r#"{"fields": [{"name": "decimal"}, {"name": "float"}]}"#)
        .run();
    assert_eq!(errors(&told), []);
}
