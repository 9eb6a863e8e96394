//! Chunks of many pages, in every shape and as every version and codec writes them, are read with the right values.

use std::fs;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int64Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterVersion};
use serde_json::{Value, json};

use crate::common::run::spec;
use crate::common::tree::Tree;

const ROWS: i64 = 3000;

/// Columns in which rows end at the end of a page, and within a page.
fn batch() -> RecordBatch {
    let mut lists = ListBuilder::new(Int64Builder::new());
    let mut nested = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    let mut long = ListBuilder::new(Float64Builder::new());
    for row in 0..ROWS {
        lists.append_value([Some(row)]);
        (0..row % 3).for_each(|part| nested.values().append_value((0..part).map(|_| Some(format!("t{row}")))));
        nested.append(row % 5 != 0);
        maps.keys().append_value(format!("k{}", row % 7));
        maps.values().append_value(row);
        maps.append(true).unwrap();
        long.append_value((0..if row % 100 == 0 { 768 } else { 1 }).map(|place| Some((row + place) as f64 + 0.5)));
    }
    let columns: [(&str, ArrayRef); 5] = [
        ("n", Arc::new(Int64Array::from_iter_values(0..ROWS))),
        ("list", Arc::new(lists.finish())),
        ("nested", Arc::new(nested.finish())),
        ("map", Arc::new(maps.finish())),
        ("long", Arc::new(long.finish())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// A row as JSON Lines have it.
fn expected(row: i64) -> Value {
    let nested: Vec<_> = (0..row % 3).map(|part| vec![format!("t{row}"); part as usize]).collect();
    let long: Vec<_> = (0..if row % 100 == 0 { 768 } else { 1 }).map(|place| (row + place) as f64 + 0.5).collect();
    let nested = if row % 5 == 0 { Value::Null } else { json!(nested) };
    json!({"n": row, "list": [row], "nested": nested, "map": {format!("k{}", row % 7): row}, "long": long})
}

/// A line, whose lists and structures are written as texts.
fn read(line: &str) -> Value {
    let mut row: Value = serde_json::from_str(line).unwrap();
    for value in row.as_object_mut().unwrap().values_mut() {
        if let Some(text) = value.as_str() {
            *value = serde_json::from_str(text).unwrap();
        }
    }
    row
}

fn file(batch: &RecordBatch, version: WriterVersion, codec: Compression, dictionary: bool, group: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_compression(codec)
        .set_dictionary_enabled(dictionary)
        .set_data_page_size_limit(2000)
        .set_write_batch_size(64)
        .set_max_row_group_row_count(Some(group))
        .build();
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    out
}

#[test]
fn chunks_of_many_pages_are_read_whole() {
    let (tree, batch) = (Tree::in_memory(), batch());
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ];
    for (place, codec) in codecs.into_iter().enumerate() {
        for (version, name) in [(WriterVersion::PARQUET_1_0, "v1"), (WriterVersion::PARQUET_2_0, "v2")] {
            for dictionary in [true, false] {
                for group in [1 << 20, 700] {
                    let content = file(&batch, version, codec, dictionary, group);
                    tree.file(format!("{place}-{name}-{dictionary}-{group}.parquet"), content);
                }
            }
        }
    }
    let done = spec("convert", &tree.path()).option("to", "jsonl").run();
    let issues: Vec<_> = done.issues().iter().map(|row| row.text("message").to_owned()).collect();
    assert!(issues.is_empty(), "{issues:?}");
    let files = done.table("result");
    assert_eq!(files.len(), codecs.len() * 8);
    let expected: Vec<_> = (0..ROWS).map(expected).collect();
    for row in files {
        let text = fs::read_to_string(done.own_folder().join("converted").join(row.text("written_as"))).unwrap();
        let found: Vec<Value> = text.lines().map(read).collect();
        let differs = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        assert_eq!((found.len(), differs), (expected.len(), None), "{}", row.text("path"));
    }
}
