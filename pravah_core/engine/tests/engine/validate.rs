//! validate: each error with its place, whatever the pieces a file comes in; good and bad records apart.

use std::fs;

use crate::common::rows::Row;
use crate::common::run::{Done, spec};
use crate::common::tree::Tree;
use serde_json::json;

const SCHEMA: &str = r#"{"fields": [
  {"name": "id", "type": "integer", "constraints": {"required": true, "unique": true, "minimum": 1}},
  {"name": "name", "type": "string", "constraints": {"maxLength": 4, "pattern": "[a-zé\n]*"}},
  {"name": "day", "type": "date", "constraints": {"maximum": "2024-12-31"}},
  {"name": "kind", "constraints": {"enum": ["a", "b"]}}]}"#;

const TEXT: &str = "id,name,day,kind\n1,abé,2024-01-01,a\n\"0\",\"a\nb\",2025-01-01,c\n\n1,toolong,x,b\r\n,A,,\n5,e\n6,\"q\nr\",2024-02-30,\"a\"\n6,z,2024-02-29,b";

fn told(row: &Row) -> String {
    let text = |name: &str| if row.is_null(name) { "-".to_owned() } else { row.text(name).to_owned() };
    format!("{}:{} {} {} {}", row.integer("record"), row.integer("line"), text("column"), text("rule"), text("value"))
}

fn errors(done: &Done) -> Vec<String> {
    let mut rows = done.table("errors");
    rows.sort_by_key(|row| row.integer("record"));
    rows.iter().map(told).collect()
}

#[test]
fn errors_are_told_with_their_places_at_every_border() {
    let tree = Tree::new();
    tree.file("a.csv", TEXT);
    for bytes in (1..TEXT.len() + 2).chain([4 << 20]) {
        let done = spec("validate", &tree.path()).option("schema_text", SCHEMA).chunk_bytes(bytes).run();
        assert_eq!(
            errors(&done),
            [
                "2:3 id minimum 0",
                "2:3 day maximum 2025-01-01",
                "2:3 kind enum c",
                "3:6 name max_length toolong",
                "3:6 day type x",
                "3:6 id unique 1",
                "4:7 id required -",
                "4:7 name pattern A",
                "5:8 - fields -",
                "6:9 day type 2024-02-30",
                "7:11 id unique 6",
            ],
            "{bytes}"
        );
        let offsets: Vec<usize> = done.table("errors").iter().map(|row| row.integer("byte_offset") as usize).collect();
        let starts = ["\"0\"", "1,toolong", ",A,,", "5,e", "6,\"q", "6,z"].map(|start| TEXT.find(start).unwrap());
        assert!(offsets.iter().all(|offset| starts.contains(offset)), "{offsets:?} {starts:?}");
        let file = &done.table("result")[0];
        assert_eq!((file.text("verdict"), file.integer("records"), file.integer("bad_records")), ("invalid", 7, 6));
        assert_eq!(done.summary()["rules"]["unique"], 2);
    }
}

#[test]
fn good_and_bad_records_are_written_apart() {
    let tree = Tree::new();
    tree.file("a.csv", TEXT);
    tree.file("fine.csv", "id,name,day,kind\n9,x,,a\n");
    let place = tree.beside("parts");
    let options = spec("validate", &tree.path()).option("schema_text", SCHEMA);
    let done = options.chunk_bytes(20).option("destination", place.to_str().unwrap()).run();
    let read = |name: &str| fs::read_to_string(place.join(name)).unwrap();
    assert_eq!(read("a.good.csv"), "id,name,day,kind\n1,abé,2024-01-01,a\n");
    let quarantine = "id,name,day,kind\n\"0\",\"a\nb\",2025-01-01,c\n1,toolong,x,b\n,A,,\n5,e\n6,\"q\nr\",2024-02-30,\"a\"\n6,z,2024-02-29,b\n";
    assert_eq!(read("a.quarantine.csv"), quarantine);
    assert_eq!(read("fine.good.csv"), "id,name,day,kind\n9,x,,a\n");
    assert!(!place.join("fine.quarantine.csv").exists());
    assert_eq!(done.summary()["invalid_files"], 1);
}

#[test]
fn columns_and_numbers_of_records_are_looked_at() {
    let tree = Tree::new();
    tree.file("a.csv", "id,more\n1,2\n");
    let schema = r#"{"properties": {"id": {"type": "integer"}, "gone": {"type": "string"}}}"#;
    let base = spec("validate", &tree.path()).option("schema_text", schema);
    let rules = |done: &Done| {
        let mut rules: Vec<String> = done.table("errors").iter().map(|row| row.text("rule").to_owned()).collect();
        rules.sort();
        rules
    };
    assert_eq!(rules(&base.clone().option("min_records", 2).run()), ["extra_column", "missing_column", "records"]);
    assert_eq!(rules(&base.option("extra_columns", "allow").option("max_records", 1).run()), ["missing_column"]);
}

#[test]
fn a_file_is_held_to_what_its_beginning_promises() {
    let tree = Tree::new();
    let mut lines = String::from("a,b\n");
    (0..200_000).for_each(|number| lines.push_str(&format!("{number},{}.5\n", number % 9)));
    tree.file("long.csv", lines + "x,1\n7,y\n");
    let done = spec("validate", &tree.path()).run();
    assert_eq!(errors(&done), ["200001:200002 a type x", "200002:200003 b type y"]);
    let schema: serde_json::Value = serde_json::from_slice(&done.read("schema.json")).unwrap();
    assert_eq!(schema, json!({"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "number"}]}));
    let again = spec("validate", &tree.path()).option("schema_text", schema.to_string()).run();
    assert_eq!(errors(&again), errors(&done));
}

#[test]
fn a_limit_of_errors_makes_the_list_partial_and_the_counts_stay_whole() {
    let tree = Tree::new();
    let lines: String = (0..100_000).map(|number| format!("x{number},{number}\n")).collect();
    tree.file("bad.csv", format!("a,b\n{lines}"));
    let schema = r#"{"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer", "constraints": {"maximum": -1}}]}"#;
    let done = spec("validate", &tree.path()).option("schema_text", schema).option("max_errors", 1000).run();
    let summary = done.summary();
    assert_eq!(
        (&summary["errors"], &summary["listed_errors"], &summary["partial"]),
        (&json!(200_000), &json!(1000), &json!(true))
    );
    assert_eq!((done.table("errors").len(), &summary["bad_records"]), (1000, &json!(100_000)));
}

#[test]
fn a_schema_or_manifest_that_is_not_a_regular_file_is_refused_at_once() {
    let tree = Tree::new();
    tree.file("a.csv", TEXT);
    // Nobody writes into it: an open or a read that waits would wait for ever.
    let fifo = |path: std::path::PathBuf| {
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        path
    };
    fs::create_dir(tree.beside("listed")).unwrap();
    let shard = fifo(tree.beside("listed/part-00000.parquet"));
    let of_schema =
        |path: &std::path::Path| spec("validate", &tree.path()).option("schema_file", path.to_str().unwrap());
    let of_manifest = |path: &std::path::Path| spec("verify", &tree.path()).option("manifest", path.to_str().unwrap());
    for path in [fifo(tree.beside("fifo")), "/dev/zero".into(), tree.path()] {
        let refused = of_schema(&path).fails().to_string();
        assert!(refused.contains("regular file"), "{refused}");
    }
    for path in [tree.beside("fifo"), "/dev/zero".into(), shard, tree.beside("listed")] {
        let refused = of_manifest(&path).fails().to_string();
        assert!(refused.contains("regular file"), "{refused}");
    }
    fs::write(tree.beside("large"), vec![b' '; (16 << 20) + 1]).unwrap();
    assert!(of_schema(&tree.beside("large")).fails().to_string().contains("larger than 16 MiB"));
    fs::write(tree.beside("other"), b"\xff{}").unwrap();
    assert!(of_schema(&tree.beside("other")).fails().to_string().contains("not valid UTF-8"));
}
