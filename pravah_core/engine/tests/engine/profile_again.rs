//! profile again: what was merged of a file is taken over bit by bit.

use std::collections::BTreeSet;
use std::fs;

use crate::common::again::{baselines, names, reused, same, watched};
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, gzip, hostile_names};
use serde_json::json;

const TABLES: [&str; 1] = ["partials"];

fn profile(tree: &Tree) -> Spec {
    spec("profile", &tree.path())
}

/// Records of few values, so many.
fn few(records: usize, seed: usize) -> String {
    let row = |at: usize| {
        let (day, text) = (1 + at % 28, if at.is_multiple_of(11) { "" } else { "some words" });
        format!("{},{}.5,2024-02-{day:02},{text},{}\n", at % 7, (at + seed) % 13, at.is_multiple_of(2))
    };
    "id,amount,day,note,flag\n".to_owned() + &(0..records).map(row).collect::<String>()
}

/// Records of many values.
fn many(records: u64) -> String {
    let row = |at: u64| {
        let long = if at.is_multiple_of(50) { "x".repeat(150 + at as usize % 40) } else { format!("name {at}") };
        format!("{at},{}.{},{long}\n", at.wrapping_mul(7_919) % 100_003, at % 97)
    };
    "number,amount,name\n".to_owned() + &(0..records).map(row).collect::<String>()
}

fn tree() -> Tree {
    let tree = Tree::in_memory();
    for number in 0..20 {
        tree.file(format!("{}/{number}.csv", number % 3), few(200 + 10 * number, number));
    }
    tree.file("0/other.csv", few(300, 1).replace("note", "remark")).file("0/empty.csv", "").file("0/none.bin", "\0");
    tree.file("1/packed.csv.gz", gzip(few(500, 3).as_bytes()));
    let objects =
        |count: usize| (0..count).map(|at| format!("{{\"a\": {}, \"b\": \"x\"}}\n", at % 5)).collect::<String>();
    tree.file("1/objects.jsonl", objects(2000));
    for name in hostile_names() {
        tree.file([b"2/", &name[..name.len().min(200)], b".csv"].concat(), "a,b\n1,2\n");
    }
    tree
}

fn same_report(one: &Done, other: &Done) {
    let [one, other] = [one, other].map(|done| {
        let files = done.result()["files"].as_array().unwrap();
        let name = files[0]["name"].as_str().unwrap().to_owned();
        fs::read_to_string(done.folder().join(name)).unwrap()
    });
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains("reused")).map(str::to_owned).collect()
    };
    assert_eq!(lines(&one), lines(&other));
}

#[test]
fn files_that_are_as_they_were_are_not_opened_and_all_figures_are_the_same() {
    let tree = tree();
    let first = profile(&tree).run();
    let (files, kept) = (first.table("files").len(), first.table("partials").len());
    assert!(reused(&first) == 0 && kept == files && kept > 45, "{kept} of {files}");
    let (again, opened) = watched(&profile(&tree).baselines(baselines(&[&first], &TABLES)), &tree.path());
    assert_eq!((reused(&again), opened), (kept as u64, BTreeSet::new()));
    same(&again, &first);
    same_report(&again, &first);
    tree.file("0/0.csv", few(100, 5)).file("new.csv", "id,amount\n1,x\n").file("1/1.csv", "id;amount\n1;2\n");
    fs::remove_file(tree.at("2/2.csv")).unwrap();
    fs::rename(tree.at("0/3.csv"), tree.at("0/renamed.csv")).unwrap();
    let (third, opened) = watched(&profile(&tree).baselines(baselines(&[&again], &TABLES)), &tree.path());
    assert_eq!(opened, names(&["0/0.csv", "new.csv", "1/1.csv", "0/renamed.csv"]));
    assert_eq!(reused(&third) as usize, kept - 4);
    let fresh = profile(&tree).run();
    same(&third, &fresh);
    same_report(&third, &fresh);
}

#[test]
fn what_is_estimated_is_the_same_where_files_are_merged_in_the_same_order() {
    let tree = Tree::in_memory();
    for number in 0..4 {
        tree.file(format!("{number}.csv"), many(40_000 + 1000 * number));
        tree.file(format!("few {number}.csv"), few(5000, number as usize));
    }
    // One thread ends files in one order; a file's own chunks are merged in theirs whoever made them.
    let one = |spec: Spec| spec.threads(1).chunk_bytes(200_000);
    let first = one(profile(&tree)).run();
    assert_eq!(first.table("partials").len(), 8);
    let sizes = first.table("partials").iter().map(|row| row.integer("size_bytes") as u64).sum::<u64>();
    let stored: u64 = first.shards("partials").iter().map(|shard| fs::metadata(shard).unwrap().len()).sum();
    assert!(stored * 8 < sizes, "{stored} of {sizes}");
    let (again, opened) = watched(&one(profile(&tree)).baselines(baselines(&[&first], &TABLES)), &tree.path());
    assert_eq!((reused(&again), opened), (8, BTreeSet::new()));
    same(&again, &first);
    same_report(&again, &first);
    // In another order: all that is told of a file, and all that is exact.
    tree.file("0.csv", many(100));
    let again = profile(&tree).baselines(baselines(&[&first], &TABLES)).chunk_bytes(200_000).run();
    let fresh = profile(&tree).chunk_bytes(200_000).run();
    assert_eq!(reused(&again), 7);
    let sorted = |done: &Done, table: &str| {
        let mut rows = done.table(table);
        rows.sort();
        rows
    };
    for table in ["files", "by_file", "schemas", "schema_columns", "changes", "types", "lengths", "partials"] {
        assert_eq!(sorted(&again, table), sorted(&fresh, table), "{table}");
    }
    for (one, other) in sorted(&again, "result").iter().zip(sorted(&fresh, "result")) {
        for column in ["column", "type", "least", "greatest", "evidence"] {
            assert_eq!(one.0[column], other.0[column], "{column}");
        }
        for column in ["values", "nulls", "distinct", "shortest", "longest"] {
            assert_eq!(one.integer(column), other.integer(column), "{column}");
        }
    }
}

#[test]
fn other_options_and_files_with_an_issue_are_read() {
    let tree = tree();
    tree.file("ragged.csv", few(300, 2) + "1,2\n").file("latin.csv", few(300, 2).replace("some", "caf\u{e9}"));
    let latin: Vec<u8> = fs::read_to_string(tree.at("latin.csv")).unwrap().chars().map(|one| one as u8).collect();
    tree.file("latin.csv", latin).file("torn.csv.gz", &gzip(few(3000, 2).as_bytes())[..100]);
    tree.file("titled.csv", "Report of the month\n\n".to_owned() + &few(300, 2));
    let first = profile(&tree).run();
    let known = baselines(&[&first], &TABLES);
    let (again, opened) = watched(&profile(&tree).baselines(known.clone()), &tree.path());
    assert_eq!(opened, names(&["ragged.csv", "latin.csv", "torn.csv.gz", "titled.csv"]));
    assert!(again.count("issues") >= 4 && reused(&again) > 45);
    same(&again, &first);
    let other = profile(&tree).option("null_values", json!(["some words"]));
    let again = other.clone().baselines(known).run();
    assert_eq!(reused(&again), 0);
    same(&again, &other.run());
}

#[test]
fn several_runs_of_parts_make_a_whole_and_a_broken_partial_costs_a_reading() {
    let tree = tree();
    let part = |glob: &str| profile(&tree).walk("include_globs", json!([glob])).run();
    let parts = [part("0/**"), part("1/**"), part("2/**")];
    let (whole, opened) =
        watched(&profile(&tree).baselines(baselines(&parts.iter().collect::<Vec<_>>(), &TABLES)), &tree.path());
    assert_eq!((reused(&whole) as usize, opened), (whole.table("files").len(), BTreeSet::new()));
    let fresh = profile(&tree).run();
    same(&whole, &fresh);
    let lost = parts[1].shards("partials");
    lost.iter().for_each(|shard| fs::write(shard, b"PAR1").unwrap());
    let again = profile(&tree).baselines(baselines(&parts.iter().collect::<Vec<_>>(), &TABLES)).run();
    assert!(reused(&again) > 0 && reused(&again) < reused(&whole));
    same(&again, &fresh);
}

#[test]
fn parquet_and_large_objects_are_read_after_the_pass_and_taken_over_as_well() {
    let tree = Tree::in_memory();
    let row = |at: usize| format!("{{\"number\": {}, \"word\": \"{}\"}}\n", at % 9, ["a", "b"][at % 2]);
    tree.file("large.jsonl", (0..50_000).map(row).collect::<String>()).file("few.csv", few(5000, 1));
    // Pravah's own result is a table like others.
    let inner = Tree::in_memory();
    for number in 0..50 {
        inner.file(number.to_string(), "x");
    }
    let made = spec("inventory", &inner.path()).run();
    fs::copy(&made.shards("result")[0], tree.at("table.parquet")).unwrap();
    let chunks = |spec: Spec| spec.chunk_bytes(100_000);
    let first = chunks(profile(&tree)).run();
    let kept = first.table("partials").len() as u64;
    assert!(first.table("partials").iter().any(|row| row.text("path") == "large.jsonl"));
    let (again, _) = watched(&chunks(profile(&tree)).baselines(baselines(&[&first], &TABLES)), &tree.path());
    assert_eq!(reused(&again), kept);
    same(&again, &first);
}
