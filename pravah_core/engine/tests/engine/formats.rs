//! JSON Lines, Parquet and Arrow IPC are read as delimited text is: by profile, convert and validate alike.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use crate::common::rows::{self, Cell, Row};
use crate::common::run::{Done, spec};
use crate::common::tree::{Tree, gzip};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::types::{Decimal128Type, Int32Type};
use arrow_array::{
    ArrayRef, BinaryArray, Date32Array, DictionaryArray, Float64Array, Int64Array, PrimitiveArray, RecordBatch,
    StringArray, StructArray, TimestampMillisecondArray, UInt64Array,
};
use serde_json::{Value, json};

fn made(done: &Done, name: &str) -> PathBuf {
    done.own_folder().join("converted").join(name)
}

fn cells(rows: &[Row], column: &str) -> Vec<Cell> {
    rows.iter().map(|row| row.0[column].clone()).collect()
}

fn lines(done: &Done, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(made(done, name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn count(done: &Done, name: &str) -> u64 {
    done.summary()[name].as_u64().unwrap()
}

fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

const HOSTILE: &str = concat!(
    "{\"id\":1,\"who\":{\"name\":\"a, \\\"b\\\"\\nc\",\"zip\":\"01\"},\"when\":\"2024-02-29\"}\r\n",
    "\n",
    "{\"who\":{\"zip\":\"77\",\"name\":\"\"},\"id\":2.5,\"tags\":[1,{\"x\":null}]}\n",
    "{\"id\":3,\"who\":null\n",
    "  \t\n",
    "[4]\r",
    "{\"id\":-4e0,\"when\":null,\"who\":{\"name\":\"\\u00e9\\ud83d\\ude00\",\"zip\":\"x\"}}"
);

#[test]
fn json_lines_are_the_same_at_every_border() {
    let tree = Tree::new();
    tree.file("a/hostile.jsonl", HOSTILE);
    for bytes in (1..HOSTILE.len() + 2).step_by(3).chain([4 << 20]) {
        let done = spec("convert", &tree.path()).chunk_bytes(bytes).run();
        let balance = ["records_read", "records_written", "records_rejected"].map(|name| count(&done, name));
        assert_eq!(balance, [5, 3, 2], "{bytes}");
        let found = rows::read(&made(&done, "a/hostile.parquet"));
        let number = |value: f64| Cell::Number(value.to_bits());
        assert_eq!(cells(&found, "id"), [1.0, 2.5, -4.0].map(number), "{bytes}");
        assert_eq!(cells(&found, "who.name"), [text("a, \"b\"\nc"), text(""), text("é😀")]);
        // Texts of digits stay texts.
        assert_eq!(cells(&found, "who.zip"), [text("01"), text("77"), text("x")]);
        assert_eq!(cells(&found, "when"), [Cell::Integer(19_782), Cell::Null, Cell::Null]);
        assert_eq!(cells(&found, "tags"), [Cell::Null, text("[1,{\"x\":null}]"), Cell::Null]);
        let rejected = done.table("rejects");
        let places = |name: &str| rejected.iter().map(|row| row.integer(name)).collect::<Vec<_>>();
        assert_eq!((places("record"), places("line")), (vec![3, 4], vec![4, 6]), "{bytes}");
        let start = |what: &str| HOSTILE.find(what).unwrap() as i64;
        assert_eq!(places("byte_offset"), [start("{\"id\":3"), start("[4]")]);
        assert_eq!(rejected[0].text("reason"), "not a JSON object, or a key appears twice");
        let bytes_of = fs::read_to_string(made(&done, "a/hostile.rejects.jsonl")).unwrap();
        assert_eq!(bytes_of, "{\"id\":3,\"who\":null\n[4]\n");
        assert_eq!(done.issue_kinds(), [("malformed".to_owned(), b"a/hostile.jsonl".to_vec())]);
    }
}

#[test]
fn a_key_that_comes_last_is_a_column_of_all_records() {
    let tree = Tree::new();
    let mut text: String =
        (0..300_000).map(|number| format!("{{\"id\":{number},\"group\":{}}}\n", number % 7)).collect();
    text.push_str("{\"id\":\"x\",\"late\":true}\n");
    tree.file("long.ndjson", &text);
    let done = spec("profile", &tree.path()).run();
    let columns = done.table("result");
    let found: Vec<_> = columns.iter().map(|row| (row.text("column"), row.integer("nulls"))).collect();
    assert_eq!(found, [("id", 0), ("group", 1), ("late", 300_000)]);
    assert_eq!(count(&done, "records"), 300_001);
    assert_eq!(done.table("files")[0].text("delimiter"), "JSON Lines");
    // Objects stay as they are.
    let done = spec("convert", &tree.path()).option("to", "jsonl").run();
    let found = lines(&done, "long.jsonl");
    assert_eq!(found.len(), 300_001);
    assert_eq!(found[5], json!({"id": 5, "group": 5}));
    assert_eq!(found[300_000], json!({"id": "x", "late": true}));
}

#[test]
fn json_lines_keep_to_a_schema_by_their_columns() {
    let tree = Tree::new();
    tree.file("a.jsonl", "{\"id\":1,\"p\":{\"q\":2}}\n{\"id\":1}\nnone\n{\"id\":2,\"p\":{\"q\":\"x\"}}\n");
    let schema = r#"{"fields":[{"name":"id","type":"integer","constraints":{"unique":true}},
        {"name":"p.q","type":"integer","constraints":{"required":true}}]}"#;
    let target = Tree::new();
    let destination = target.path().join("out");
    let validate = spec("validate", &tree.path()).option("schema_text", schema);
    let done = validate.option("destination", destination.to_str().unwrap()).run();
    let errors = done.table("errors");
    let mut found: Vec<_> = errors.iter().map(|row| (row.integer("line"), row.text("rule"))).collect();
    found.sort_unstable();
    assert_eq!(found, [(2, "required"), (2, "unique"), (3, "fields"), (4, "type")]);
    assert_eq!(fs::read_to_string(destination.join("a.good.jsonl")).unwrap(), "{\"id\":1,\"p\":{\"q\":2}}\n");
}

#[test]
fn objects_whose_keys_are_values_are_an_issue() {
    let tree = Tree::new();
    tree.file("a.jsonl", (0..20_000).map(|number| format!("{{\"{number}\":1}}\n")).collect::<String>());
    tree.file("b.jsonl", "{\"a\":1}\n");
    let done = spec("profile", &tree.path()).run();
    assert_eq!(count(&done, "files"), 1);
    assert_eq!(done.issue_kinds(), [("too_large".to_owned(), b"a.jsonl".to_vec())]);
}

fn table() -> RecordBatch {
    let mut tags = ListBuilder::new(StringBuilder::new());
    tags.append_value([Some("x,\"y"), None]);
    tags.append_null();
    tags.append_value([] as [Option<&str>; 0]);
    let inner: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None]));
    let name = Arc::new(arrow_schema::Field::new("inner", arrow_schema::DataType::Int64, true));
    let outer = StructArray::new(vec![name].into(), vec![inner], Some(vec![true, false, true].into()));
    let zone = TimestampMillisecondArray::from(vec![0, 1500, -1]).with_timezone("Europe/Berlin");
    let price = PrimitiveArray::<Decimal128Type>::from(vec![1250, -5, 0]).with_precision_and_scale(12, 2).unwrap();
    let long = PrimitiveArray::<Decimal128Type>::from(vec![10_i128.pow(29) + 1, -5, 0]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("text", Arc::new(StringArray::from(vec![Some("12"), Some(""), None]))),
        ("outer", Arc::new(outer)),
        ("tags", Arc::new(tags.finish())),
        ("zone", Arc::new(zone)),
        ("price", Arc::new(price)),
        ("long", Arc::new(long.with_precision_and_scale(38, 10).unwrap())),
        ("few", Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("a"), Some("NA"), Some("a")]))),
        ("raw", Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..], b"", b"a"]))),
        ("float", Arc::new(Float64Array::from(vec![f64::NAN, 1.0, 1e300]))),
        ("day", Arc::new(Date32Array::from(vec![19_782, 0, -1]))),
        ("big", Arc::new(UInt64Array::from(vec![u64::MAX, 1, 2]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// The same table in all formats.
fn tables(tree: &Tree) -> [&'static str; 3] {
    let batch = table();
    let create = |name: &str| File::create(tree.path().join(name)).unwrap();
    let mut parquet = parquet::arrow::ArrowWriter::try_new(create("t.parquet"), batch.schema(), None).unwrap();
    parquet.write(&batch).unwrap();
    parquet.close().unwrap();
    let mut file = arrow_ipc::writer::FileWriter::try_new(create("f.arrow"), &batch.schema()).unwrap();
    file.write(&batch).unwrap();
    file.finish().unwrap();
    let mut stream = arrow_ipc::writer::StreamWriter::try_new(create("s.arrows"), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    stream.finish().unwrap();
    ["t", "f", "s"]
}

#[test]
fn tables_of_every_type_are_told_without_loss() {
    let tree = Tree::new();
    let names = tables(&tree);
    for bytes in [1, 100, 1 << 20] {
        let done = spec("convert", &tree.path()).option("to", "jsonl").chunk_bytes(bytes).run();
        assert_eq!(count(&done, "records_written"), 9);
        let expected = [
            json!({"text": "12", "outer": {"inner": 1}, "tags": ["x,\"y", null], "zone": "1970-01-01T00:00:00Z",
                "price": 12.5, "long": "10000000000000000000.0000000001", "few": "a", "raw": "00ff", "float": null,
                "day": "2024-02-29", "big": 18_446_744_073_709_551_615_u64}),
            json!({"text": "", "outer": null, "tags": null, "zone": "1970-01-01T00:00:01.500Z",
                "price": -0.05, "long": "-0.0000000005", "few": "NA", "raw": "", "float": 1.0,
                "day": "1970-01-01", "big": 1}),
            json!({"text": null, "outer": {"inner": null}, "tags": [], "zone": "1969-12-31T23:59:59.999Z",
                "price": 0.0, "long": "0.0000000000", "few": "a", "raw": "61", "float": 1e300,
                "day": "1969-12-31", "big": 2}),
        ];
        for name in names {
            assert_eq!(lines(&done, &format!("{name}.jsonl")), expected, "{name}");
        }
        // The infinite are told.
        assert_eq!(done.issue_kinds().len(), 3);
    }
    let done = spec("profile", &tree.path()).run();
    let kinds: Vec<_> = done.table("result").iter().map(|row| row.text("type").to_owned()).collect();
    let expected = "text integer text timestamp float text text text float date text";
    assert_eq!(kinds.join(" "), expected);
}

#[test]
fn a_table_of_one_column_keeps_its_nulls() {
    let tree = Tree::new();
    let column: ArrayRef = Arc::new(StringArray::from(vec![None, Some(""), Some("null"), None]));
    let batch = RecordBatch::try_from_iter([("only", column)]).unwrap();
    let file = File::create(tree.path().join("one.parquet")).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let done = spec("convert", &tree.path()).run();
    let found = cells(&rows::read(&made(&done, "one.parquet")), "only");
    assert_eq!(found, [Cell::Null, text(""), text("null"), Cell::Null]);
}

#[test]
fn broken_tables_are_issues_and_hurt_no_other() {
    let tree = Tree::new();
    tables(&tree);
    let whole = fs::read(tree.path().join("t.parquet")).unwrap();
    tree.file("cut.parquet", &whole[..whole.len() / 2]);
    tree.file("none.parquet", "");
    tree.file("text.arrow", "a,b\n1,2\n");
    tree.file("packed.parquet.gz", gzip(&whole));
    for seed in 0..64 {
        let mut noisy = whole.clone();
        let at = 4 + (seed * 7919) % (noisy.len() - 12);
        noisy[at] ^= 1 << (seed % 8);
        tree.file(format!("noisy/{seed}.parquet"), &noisy);
    }
    let done = spec("profile", &tree.path()).run();
    let kinds = done.issue_kinds();
    for name in ["cut.parquet", "none.parquet", "text.arrow"] {
        assert!(kinds.contains(&("malformed".to_owned(), name.into())), "{name}");
    }
    assert!(kinds.contains(&("unsupported".to_owned(), b"packed.parquet.gz".to_vec())));
    // A file is profiled or an issue; some bits mean nothing.
    assert!(count(&done, "files") + kinds.len() as u64 >= 64 + 3);
}
