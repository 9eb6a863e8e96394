//! convert: with `prove_values` what other readers find in the converted files is compared with what was read.

use std::fs::File;

use crate::common::again::baselines;
use crate::common::rows::Cell;
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::Tree;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const SEED: u64 = 20_261_128;

/// Random numbers (Knuth's linear congruence).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// Values of a column, most of them as CSV has them.
const KINDS: [&[&str]; 14] = [
    &["1", "-9223372036854775808", "9223372036854775807", "0", "-0", "42"],
    &["0.5", "-0.0", "1e300", "5e-324", "-1234.25", "7", ".5", "5.", "0.30000000000000004", "1E5", "9007199254740992"],
    &["1.50", "2.00", "99.99", "-3.25"],
    &["9007199254740993", "0.5", "1e-3", "-12345678901234567.89", "0"],
    &["123456789012345678901234567890123456789012.5", "0.25", "-1"],
    &["true", "False", "TRUE", "false"],
    &["2024-02-29", "0001-01-01", "9999/12/31", "1970-01-01"],
    &["2024-02-29 12:30", "1969-12-31T23:59:59.999999", "0001-01-01 00:00:00", "9999-12-31"],
    &["2026-04-05T01:30:00+11:00", "2026-04-05 01:30Z", "1900-01-01T00:00:00-0930", "2000-01-01T00:00:00.25+05"],
    &["2024-01-01 00:00:00.123456789", "1700-01-01", "2261-12-31 23:59:59"],
    &["07:30", "23:59:59.999999", "00:00:00.000000001", "12:00:00"],
    &["a", "\"\"", "\"x, \"\"y\"\"\"", "é", "\"two\nlines\"", "NA", "null", "0007", "a longer text than sixteen bytes"],
    &["1.1", "1.10", "2"],
    &["NULL", "none", "\"NULL\"", "\" x \""],
];

/// A table as CSV: its text, and how many of its values are no nulls.
fn table(random: &mut Random, rows: usize) -> (String, u64) {
    let kinds: Vec<usize> = (0..1 + random.below(8)).map(|_| random.below(KINDS.len())).collect();
    let header: Vec<String> = (0..kinds.len()).map(|place| format!("c{place}")).collect();
    let mut text = format!("id,part,{}\n", header.join(","));
    let mut values = 2 * rows as u64;
    for row in 0..rows {
        text.push_str(&format!("{row},{}", random.of(&["x", "y/z", "%5F"])));
        for &kind in &kinds {
            let value = if random.below(9) == 0 { "" } else { random.of(KINDS[kind]) };
            values += u64::from(!value.is_empty());
            text.push_str(&format!(",{value}"));
        }
        text.push('\n');
    }
    (text, values)
}

fn proving(tree: &Tree) -> Spec {
    spec("convert", &tree.path()).option("prove_values", true)
}

fn said(done: &Done) -> &str {
    done.summary()["value_proof"].as_str().unwrap()
}

#[test]
fn every_value_is_proven_whatever_its_type_and_the_target() {
    let mut random = Random(SEED);
    println!("seed {SEED}");
    for round in 0..60 {
        let tree = Tree::in_memory();
        let rows = 1 + random.below(300);
        let (text, values) = table(&mut random, rows);
        tree.file("a.csv", &text);
        let to = ["parquet", "csv", "jsonl"][round % 3];
        let mut job = proving(&tree).option("to", to).chunk_bytes(400 + random.below(5000));
        if round % 4 == 1 {
            job = job.option("partition_by", json!(["part"]));
        }
        if round % 5 > 2 {
            job = job.option("sort_by", json!(["id=desc"]));
        }
        job = job.option("dictionary", ["auto", "always", "never"][random.below(3)]);
        let done = job.run();
        let table = || format!("round {round} {to}\n{}\n{:?}\n{text}", job.0, done.issues());
        assert_eq!(done.summary()["verdict"], "whole", "{}", table());
        let counted: u64 = done.table("columns").iter().map(|row| row.integer("values") as u64).sum();
        let expected = format!("{rows} records, {counted} values, fingerprints equal");
        assert_eq!(said(&done).replace(',', ""), expected.replace(',', ""), "{}", table());
        // A word such as NULL may be a null: there are not more values than fields that say something.
        assert!(counted <= values && counted >= 2 * rows as u64, "{}", table());
        let result = &done.table("result")[0];
        assert_eq!((result.text("proof"), result.integer("proven_values") as u64), ("equal", counted));
    }
}

#[test]
fn the_fingerprint_is_one_that_anybody_can_compute() {
    let tree = Tree::in_memory();
    tree.file("a.csv", "id,name\n1,x\n2,\n3,\"a, b\"\n");
    let done = proving(&tree).run();
    assert_eq!(said(&done), "3 records, 5 values, fingerprints equal");
    let sum = |hashes: &[u64]| format!("{:016x}", hashes.iter().fold(0_u64, |sum, hash| sum.wrapping_add(*hash)));
    let ids = sum(&[1_i64, 2, 3].map(|id| xxh3_64_with_seed(&id.to_le_bytes(), 3)));
    let names = sum(&["x", "a, b"].map(|name| xxh3_64_with_seed(name.as_bytes(), 1)));
    let columns = done.table("columns");
    let found: Vec<_> = columns.iter().map(|row| (row.text("fingerprint"), row.integer("values"))).collect();
    assert_eq!(found, [(ids.as_str(), 3), (names.as_str(), 2)]);
    let file = File::open(done.own_folder().join("converted/a.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let values = metadata.iter().find(|entry| entry.key == "pravah.values").and_then(|entry| entry.value.clone());
    let values: Value = serde_json::from_str(&values.unwrap()).unwrap();
    assert_eq!((&values["records"], &values["values"]), (&json!(3), &json!(5)));
    assert_eq!(values["columns"][1], json!({"name": "name", "values": 2, "fingerprint": names}));
}

#[test]
fn what_is_rejected_nulled_or_rounded_is_told_and_the_rest_is_proven() {
    let tree = Tree::in_memory();
    tree.file("a.csv", "id,price\n1,9007199254740993\n2,oops\n3\n4,1.5\n");
    let job = || proving(&tree).option("column_types", json!(["price=float"]));
    let done = job().run();
    // One value is rounded, two records are rejected.
    assert_eq!(
        (said(&done), done.summary()["verdict"].as_str()),
        ("2 records, 3 values, fingerprints equal", Some("partial"))
    );
    let done = job().option("bad_records", "null").run();
    assert_eq!(said(&done), "4 records, 5 values, fingerprints equal");
    assert_eq!(done.summary()["values_nulled"], 1);
    // Without the option nothing is said.
    let done = spec("convert", &tree.path()).run();
    assert_eq!(done.summary()["value_proof"], Value::Null);
    assert_eq!(done.table("result")[0].0["proof"], Cell::Null);
}

#[test]
fn several_files_and_a_file_that_is_read_twice_are_proven() {
    let tree = Tree::in_memory();
    let long: String = (0..150_000).map(|row| format!("{row},{}\n", row % 7)).collect();
    tree.file("long.csv", format!("a,b\n{long}1.5,x\n")).file("b.csv", "c,a\n,2024-01-01\n").file("none.csv", "a\n");
    for columns in ["own", "union"] {
        for to in ["parquet", "csv", "jsonl"] {
            let done = proving(&tree).option("columns", columns).option("to", to).run();
            assert_eq!(said(&done), "150,002 records, 300,003 values, fingerprints equal", "{columns} {to}");
        }
    }
    let done = proving(&tree).option("file_bytes", 1 << 20).option("to", "csv").run();
    assert!(done.summary()["files_written"].as_u64().unwrap() > 3);
    assert_eq!(said(&done), "150,002 records, 300,003 values, fingerprints equal");
}

#[test]
fn json_and_tables_are_proven_too() {
    let tree = Tree::in_memory();
    tree.file("a.jsonl", "{\"id\":1,\"who\":{\"name\":\"x\\u00e9\",\"tags\":[1,\"b\"]},\"n\":1.50}\n{\"id\":2,\"who\":null,\"n\":null}\n");
    for to in ["parquet", "csv"] {
        let done = proving(&tree).option("to", to).run();
        assert_eq!(said(&done), "2 records, 5 values, fingerprints equal", "{to}");
    }
    let jsonl = || proving(&tree).option("to", "jsonl");
    for done in [jsonl().run(), jsonl().option("sort_by", json!(["id=desc"])).run()] {
        assert_eq!(said(&done), "2 records, 5 values, fingerprints equal");
    }
    let parquet = proving(&tree).run();
    let tables = Tree::in_memory();
    let copy = std::fs::read(parquet.own_folder().join("converted/a.parquet")).unwrap();
    tables.file("a.parquet", copy);
    for to in ["parquet", "csv"] {
        assert_eq!(said(&proving(&tables).option("to", to).run()), "2 records, 5 values, fingerprints equal", "{to}");
    }
    let done = proving(&tables).option("to", "jsonl").run();
    assert_eq!((said(&done), done.table("result")[0].text("proof")), ("1 file not covered", "not covered"));
}

#[test]
fn a_null_that_is_alone_on_its_line_is_not_the_text_that_stands_for_it() {
    let tree = Tree::in_memory();
    tree.file("a.jsonl", "{\"a\":\"NULL\"}\n{\"a\":null}\n{\"a\":\"\"}\n{\"a\":\"x\"}\n").file("b.csv", "a\nNULL\nx\n");
    let done = proving(&tree).option("to", "csv").run();
    assert_eq!(said(&done), "6 records, 5 values, fingerprints equal");
    let text = |name: &str| std::fs::read_to_string(done.own_folder().join("converted").join(name)).unwrap();
    assert_eq!((text("a.csv"), text("b.csv")), ("a\n\"NULL\"\nNULL\n\"\"\nx\n".into(), "a\n\"NULL\"\nx\n".into()));
}

#[test]
fn what_an_earlier_attempt_has_written_is_read_again_and_compared() {
    let tree = Tree::in_memory();
    tree.file("a.csv", "id,day\n1,2024-01-01\n2,\n");
    let destination = tree.beside("converted");
    let job = || {
        let job = proving(&tree).option("destination", destination.to_str().unwrap());
        job.output("job", "a job")
    };
    let first = job().run();
    assert_eq!(said(&first), "2 records, 3 values, fingerprints equal");
    let second = job().baselines(baselines(&[&first], &["made"])).run();
    assert_eq!((said(&second), second.summary()["reused_files"].as_u64()), (said(&first), Some(1)));
}

#[test]
fn keys_that_are_read_in_two_ways_are_proven_or_not_covered() {
    let tree = Tree::in_memory();
    tree.file("both.jsonl", "{\"a\":[{\"b\":1},{\"b\":2}]}\n{\"a\":{\"b\":3}}\n{\"a\":{}}\n{\"a\":null}\n")
        .file("dots.jsonl", "{\"a.b\":1,\"c\":{\"d.e\":2}}\n")
        .file("empty.jsonl", "{\"\":1,\"x\":2}\n")
        .file("half.jsonl", "{\"\\ud800\":1,\"b\":2}\n")
        .file("nameless.jsonl", "{\"\":{\"x\":1,\"\":{\"\":2}}}\n")
        .file("twice.jsonl", "{\"a.b\":1,\"a\":{\"b\":2}}\n");
    let done = proving(&tree).option("to", "jsonl").run();
    assert!(done.issues().iter().all(|row| row.text("path") == "half.jsonl"), "{:?}", done.issues());
    let told: Vec<_> = done.by_path("result").values().map(|row| row.text("proof").to_owned()).collect();
    assert_eq!(told, ["equal", "equal", "not covered", "not covered", "equal", "not covered"]);
}
