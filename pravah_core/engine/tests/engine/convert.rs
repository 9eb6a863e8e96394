//! convert: what is written is what a naive reading gives, what is not is told byte by byte, and nothing is lost.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::rows::{self, Cell, Row};
use crate::common::run::{Done, files_below, spec};
use crate::common::tree::{Tree, gzip};
use serde_json::json;

fn made(done: &Done, name: &str) -> PathBuf {
    done.own_folder().join("converted").join(name)
}

fn cells(rows: &[Row], column: &str) -> Vec<Cell> {
    rows.iter().map(|row| row.0[column].clone()).collect()
}

fn balance(done: &Done) -> [u64; 3] {
    ["records_read", "records_written", "records_rejected"].map(|name| done.summary()[name].as_u64().unwrap())
}

fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

fn number(value: f64) -> Cell {
    Cell::Number(value.to_bits())
}

const HOSTILE: &str = "id,name,amount,day\r\n1,\"a, \"\"b\"\"\nc\",1.5,2024-02-29\n2,,2,\n\n3,\"\",NA,1970-01-01\n4,x\"y\r\n5,\"é\",-0.25,0001-01-01,more\n\"6\",z,\"\",NULL";

#[test]
fn values_are_those_of_a_naive_reading_at_every_border() {
    let tree = Tree::new();
    tree.file("a/hostile.csv", HOSTILE);
    for bytes in (1..HOSTILE.len() + 2).chain([4 << 20]) {
        let done = spec("convert", &tree.path()).chunk_bytes(bytes).run();
        assert_eq!(balance(&done), [6, 4, 2], "{bytes}");
        let found = rows::read(&made(&done, "a/hostile.parquet"));
        assert_eq!(cells(&found, "id"), [1, 2, 3, 6].map(Cell::Integer), "{bytes}");
        assert_eq!(cells(&found, "name"), [text("a, \"b\"\nc"), Cell::Null, text(""), text("z")]);
        assert_eq!(cells(&found, "amount"), [number(1.5), number(2.0), Cell::Null, Cell::Null]);
        assert_eq!(cells(&found, "day"), [Cell::Integer(19_782), Cell::Null, Cell::Integer(0), Cell::Null]);
        let rejected = done.table("rejects");
        let places = |name: &str| rejected.iter().map(|row| row.integer(name)).collect::<Vec<_>>();
        assert_eq!((places("record"), places("line")), (vec![4, 5], vec![7, 8]), "{bytes}");
        let start = |what: &str| HOSTILE.find(what).unwrap() as i64;
        assert_eq!(places("byte_offset"), [start("4,x"), start("5,\"é")]);
        assert_eq!(
            (rejected[0].text("reason"), rejected[1].text("reason")),
            ("2 fields instead of 4", "5 fields instead of 4")
        );
        let bytes_of = fs::read_to_string(made(&done, "a/hostile.rejects.csv")).unwrap();
        assert_eq!(bytes_of, "id,name,amount,day\n4,x\"y\n5,\"é\",-0.25,0001-01-01,more\n");
    }
}

/// More records than are looked at before a type is taken for granted.
fn long(last: &str) -> String {
    let mut lines = String::from("a,b,c\n");
    (0..200_000)
        .for_each(|number| lines.push_str(&format!("{number},{},2024-01-{:02}\n", number % 7, number % 28 + 1)));
    lines + last
}

#[test]
fn a_later_value_widens_the_type_of_all() {
    let tree = Tree::new();
    for (last, kinds, readings) in [
        ("", ["integer", "integer", "date"], 1),
        ("1.5,,2024-01-01 12:00\n", ["float", "integer", "timestamp"], 2),
        ("x,1e3,\n", ["text", "float", "date"], 2),
        ("9,true,y\n", ["integer", "text", "text"], 2),
    ] {
        tree.file("long.csv", long(last));
        for threads in [1, 2] {
            let done = spec("convert", &tree.path()).threads(threads).chunk_bytes(300_000).run();
            let found: Vec<String> = done.table("columns").iter().map(|row| row.text("type").to_owned()).collect();
            assert_eq!(found, kinds, "{last}");
            let file = &done.table("result")[0];
            assert_eq!((file.integer("readings"), file.integer("records_rejected")), (readings, 0));
            let written = rows::read(&made(&done, "long.parquet"));
            assert_eq!(written.len(), 200_000 + usize::from(!last.is_empty()));
            let first = match kinds[0] {
                "integer" => Cell::Integer(77_777),
                "float" => number(77_777.0),
                _ => text("77777"),
            };
            assert_eq!(written[77_777].0["a"], first);
        }
    }
}

#[test]
fn what_is_odd_about_a_file_that_is_read_twice_is_told_once() {
    let tree = Tree::new();
    tree.file("long.csv", long("1.5,1,2024-01-01,more\nx,1,\n"));
    for columns in ["own", "union"] {
        let done = spec("convert", &tree.path()).option("columns", columns).run();
        assert_eq!((balance(&done), done.summary()["read_twice"].as_u64()), ([200_002, 200_001, 1], Some(1)));
        assert_eq!(done.issue_kinds(), [("malformed".to_owned(), b"long.csv".to_vec())], "{columns}");
    }
}

#[test]
fn a_column_that_is_empty_at_first_gets_the_type_of_what_follows() {
    let tree = Tree::new();
    let mut lines = String::from("id,late\n");
    (0..300_000).for_each(|number| lines.push_str(&format!("{number},\n")));
    tree.file("late.csv", lines + "1,7\n");
    tree.file("never.csv", "id,never\n1,\n2,NA\n");
    let done = spec("convert", &tree.path()).run();
    let kinds: Vec<_> =
        done.table("columns").iter().map(|row| (row.text("column").to_owned(), row.text("type").to_owned())).collect();
    for expected in [("late", "integer"), ("never", "text")] {
        assert!(kinds.contains(&(expected.0.to_owned(), expected.1.to_owned())), "{kinds:?}");
    }
    assert_eq!(rows::read(&made(&done, "late.parquet")).last().unwrap().0["late"], Cell::Integer(7));
}

#[test]
fn a_file_is_read_again_until_its_types_change_none_of_its_values() {
    let tree = Tree::new();
    let mut values: Vec<(&str, &str)> = vec![("1.25", "2024-01-01 00:00:00"); 6_000];
    // Each of them is taken by the types that those before it need.
    values[5_000] = ("1.5", "9999-12-31 00:00:00");
    values[5_990] = ("1.10", "2024-01-01 00:00:00.000000001");
    let lines = values.iter().map(|(version, at)| format!("{version},{at}\n")).collect::<String>();
    tree.file("a.csv", format!("version,at\n{lines}"));
    for bytes in [1_000, 4 << 20] {
        let done = spec("convert", &tree.path()).chunk_bytes(bytes).run();
        let found = rows::read(&made(&done, "a.parquet"));
        assert_eq!(cells(&found, "version"), values.iter().map(|(version, _)| text(version)).collect::<Vec<_>>());
        assert_eq!(cells(&found, "at"), values.iter().map(|(_, at)| text(at)).collect::<Vec<_>>());
        assert!((1..=3).contains(&done.table("result")[0].integer("readings")), "{bytes}");
    }
}

#[test]
fn types_that_are_asked_for_reject_null_or_fail() {
    let tree = Tree::new();
    tree.file("a.csv", b"id,price\n1,2.5\n2,oops\n3,\xff\n4\n5,7\n");
    let asked = |bad: &str| {
        spec("convert", &tree.path()).option("column_types", json!(["price=float"])).option("bad_records", bad).run()
    };
    let done = asked("reject");
    assert_eq!(balance(&done), [5, 2, 3]);
    let reasons: Vec<_> = done.table("rejects").iter().map(|row| row.text("reason").to_owned()).collect();
    assert_eq!(reasons, ["not of type float", "not valid UTF-8", "1 fields instead of 2"]);
    let first = &done.table("rejects")[0];
    assert_eq!((first.text("column"), first.text("value"), first.integer("line")), ("price", "oops", 3));
    assert_eq!(fs::read(made(&done, "a.rejects.csv")).unwrap(), b"id,price\n2,oops\n3,\xff\n4\n");
    let done = asked("null");
    assert_eq!((balance(&done), &done.summary()["values_nulled"]), ([5, 5, 0], &json!(2)));
    let done = asked("fail");
    assert_eq!((balance(&done), done.issue_kinds().len()), ([0, 0, 0], 3));
    assert!(!made(&done, "a.parquet").exists());
    assert_eq!(done.table("rejects").len(), 3);
}

#[test]
fn files_that_differ_become_one_schema_or_issues() {
    let tree = Tree::new();
    tree.file("a.csv", "id,x\n1,2\n");
    tree.file("b.csv", "x,id,new\n2.5,2,y\n");
    tree.file("c.csv", "id,x\n3,NA\n");
    let done = spec("convert", &tree.path()).option("columns", "union").run();
    assert_eq!(balance(&done), [3, 3, 0]);
    for (name, x, new) in [("a", number(2.0), Cell::Null), ("b", number(2.5), text("y")), ("c", Cell::Null, Cell::Null)]
    {
        let path = made(&done, &format!("{name}.parquet"));
        assert_eq!(rows::columns(&path), ["id", "x", "new"]);
        let row = &rows::read(&path)[0];
        assert_eq!((&row.0["x"], &row.0["new"]), (&x, &new), "{name}");
    }
    let done = spec("convert", &tree.path()).option("columns", "strict").run();
    assert_eq!(balance(&done), [2, 2, 0]);
    assert_eq!(done.issue_kinds(), [("malformed".to_owned(), b"b.csv".to_vec())]);
}

#[test]
fn names_that_are_not_text_are_kept_at_a_destination_and_escaped_in_a_result() {
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::new();
    tree.file(b"caf\xe9\n.csv", "a\n1\n");
    let done = spec("convert", &tree.path()).run();
    assert_eq!(done.result()["files"][0]["name"], "convert/converted/caf%E9%0A.parquet");
    assert!(made(&done, "caf%E9%0A.parquet").exists());
    // What is in the folder is the job's result: nothing else stays there.
    let named = spec("convert", &tree.path()).output("job", "a job").run();
    assert_eq!(files_below(&named.own_folder().join("converted")), ["caf%E9%0A.parquet"]);
    let place = tree.beside("converted");
    spec("convert", &tree.path()).option("destination", place.to_str().unwrap()).run();
    assert!(place.join(std::ffi::OsStr::from_bytes(b"caf\xe9\n.parquet")).exists());
}

#[test]
fn a_destination_is_filled_and_compressed_files_are_read() {
    let tree = Tree::new();
    let mut lines = String::from("n;word\n");
    (0..400_000).for_each(|number| lines.push_str(&format!("{number};w{}\n", number % 100)));
    tree.file("deep/er/many.csv.gz", gzip(lines.as_bytes()));
    tree.file("empty.csv", "");
    tree.file("only_header.csv", "a,b\n");
    let place = tree.beside("converted");
    let done = spec("convert", &tree.path())
        .option("destination", place.to_str().unwrap())
        .option("compression", "snappy")
        .run();
    assert_eq!(balance(&done), [400_000, 400_000, 0]);
    let found = rows::read(&place.join("deep/er/many.parquet"));
    assert_eq!((found.len(), &found[123_456].0["word"]), (400_000, &text("w56")));
    assert_eq!(rows::columns(&place.join("only_header.parquet")), ["a", "b"]);
    assert!(place.join("empty.parquet").exists() && !Path::new(&place.join(".pravah-unfinished")).exists());
    assert_eq!(done.table("result").len(), 3);
}

/// Columns that are written by dictionaries of our own, in every shape, against those that the library writes.
#[test]
fn few_and_many_values_are_written_alike_by_both_ways() {
    let tree = Tree::new();
    let mut lines = String::from("run,short,nulls,none,same,text,day,at,time,many,late\n");
    let mut state = 20_261_126_u64;
    for number in 0..150_000u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = state >> 33;
        lines.push_str(&format!(
            "{},{},{},,{},{},2024-{:02}-{:02},2024-01-01 {:02}:00,{:02}:30,{},{}\n",
            number / 5_000,
            random % 300,
            if random.is_multiple_of(3) { String::new() } else { (random % 9).to_string() },
            ["1.5", "1.50", "-0.0", "0", "2e3"][(random % 5) as usize],
            ["", "\"\"", "\"a,\nb\"", "é", "word"][(number / 100 % 5) as usize],
            random % 12 + 1,
            random % 28 + 1,
            random % 24,
            random % 24,
            if number < 5_000 { random % 10 } else { random % 100_000 },
            if number < 140_000 { "x".to_owned() } else { "y".repeat((random % 90) as usize) },
        ));
    }
    tree.file("all.csv", &lines);
    let written = |compression: &str, bytes: usize| {
        let done = spec("convert", &tree.path()).option("compression", compression).chunk_bytes(bytes).run();
        assert_eq!(balance(&done), [150_000, 150_000, 0]);
        rows::read(&made(&done, "all.parquet"))
    };
    let expected = written("snappy", 16 << 20);
    for bytes in [16 << 20, 1 << 20, 1_000] {
        assert!(written("zstd", bytes) == expected, "row groups of {bytes} bytes");
    }
}

#[test]
fn text_that_is_written_reads_as_what_it_was() {
    let tree = Tree::new();
    tree.file("a/hostile.csv", HOSTILE);
    tree.file("alone.csv", "word\n\"\"\nNA\n\" x\"\n\"NULL\"\n\"a,\"\"b\"\"\"\n");
    tree.file("types.tsv", "i\tf\tb\td\tt\n1\t2.50\ttrue\t2024-02-29\t2024-02-29 12:00:00.5\n\t\t\t\t\n");
    let expected = spec("convert", &tree.path()).run();
    for bytes in [1, 50, 4 << 20] {
        let done = spec("convert", &tree.path()).option("to", "csv").chunk_bytes(bytes).run();
        assert_eq!(balance(&done), balance(&expected));
        assert_eq!(
            fs::read_to_string(made(&done, "alone.csv")).unwrap(),
            "word\n\"\"\nNA\n\" x\"\n\"NULL\"\n\"a,\"\"b\"\"\"\n"
        );
        let again = spec("convert", &done.own_folder().join("converted")).run();
        for name in ["a/hostile.parquet", "alone.parquet", "types.parquet"] {
            assert_eq!(rows::read(&made(&again, name)), rows::read(&made(&expected, name)), "{name}");
        }
        let done = spec("convert", &tree.path()).option("to", "jsonl").chunk_bytes(bytes).run();
        assert_eq!(balance(&done), balance(&expected));
        let lines = fs::read_to_string(made(&done, "types.jsonl")).unwrap();
        let found: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let first = json!({"i": 1, "f": 2.5, "b": true, "d": "2024-02-29", "t": "2024-02-29 12:00:00.5"});
        assert_eq!(found, [first, json!({"i": null, "f": null, "b": null, "d": null, "t": null})]);
        let lines = fs::read_to_string(made(&done, "a/hostile.jsonl")).unwrap();
        assert!(lines.starts_with("{\"id\":1,\"name\":\"a, \\\"b\\\"\\nc\",\"amount\":1.5,"), "{lines}");
    }
}
