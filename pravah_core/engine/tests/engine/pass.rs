//! pass: several operations over one walk and one read say what each says alone.

use crate::common::digests::noise;
use crate::common::rows::Row;
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, hostile_names};
use serde_json::{Value, json};

fn tree() -> Tree {
    let tree = Tree::new();
    for (number, name) in hostile_names().into_iter().enumerate() {
        let file = [b"folder/", &name[..]].concat();
        tree.file(name, noise(number * 700, number as u64)).file(file, noise(number % 3, 1));
    }
    tree.file("large", noise((3 << 20) + 17, 5)).file("empty", "").link("link", "empty").file("a/b/c", "same");
    tree
}

fn rows(done: &Done, table: &str) -> Vec<Row> {
    let mut rows = done.table(table);
    rows.sort();
    rows
}

/// The same tables and figures as alone, timings left out.
fn assert_same(alone: &Done, together: &Done) {
    let names = |done: &Done| -> Vec<Value> {
        done.result()["tables"].as_array().unwrap().iter().map(|table| table["name"].clone()).collect()
    };
    assert_eq!(names(alone), names(together));
    for name in names(alone) {
        let name = name.as_str().unwrap();
        assert_eq!(rows(alone, name), rows(together, name), "{name}");
    }
    let figures = |done: &Done| {
        let mut summary = done.summary().clone();
        summary.as_object_mut().unwrap().remove("bytes_per_second");
        summary
    };
    assert_eq!(figures(alone), figures(together));
}

fn together(tree: &Tree, manifest: &str) -> Spec {
    spec("inventory", &tree.path())
        .option("age_reference", "2030-01-01T00:00:00Z")
        .and("checksum")
        .option("algorithms", json!(["blake3", "md5"]))
        .and("verify")
        .option("manifest", manifest)
}

#[test]
fn every_operation_says_what_it_says_alone() {
    let tree = tree();
    let inventory = spec("inventory", &tree.path()).option("age_reference", "2030-01-01T00:00:00Z").run();
    let checksum = spec("checksum", &tree.path()).option("algorithms", json!(["blake3", "md5"])).run();
    let manifest = checksum.own_folder().join("manifest.md5");
    std::fs::write(tree.at("a/b/c"), "other").unwrap();
    std::fs::write(tree.at("new"), "new").unwrap();
    let verify = spec("verify", &tree.path()).option("manifest", manifest.to_str().unwrap()).run();
    assert_eq!(verify.summary()["statuses"]["changed"], 1);
    let inventory_after = spec("inventory", &tree.path()).option("age_reference", "2030-01-01T00:00:00Z").run();
    let checksum_after = spec("checksum", &tree.path()).option("algorithms", json!(["blake3", "md5"])).run();
    assert_ne!(rows(&inventory, "result").len(), rows(&inventory_after, "result").len());

    let done = together(&tree, manifest.to_str().unwrap()).run();
    assert_same(&inventory_after, &done);
    assert_same(&checksum_after, &done.of("checksum"));
    assert_same(&verify, &done.of("verify"));
    let stages: Vec<_> = done.outcome["stages"].as_array().unwrap().iter().map(|stage| &stage["name"]).collect();
    assert_eq!(stages, ["read manifest", "read", "write"]);
    let files = inventory_after.count("files");
    assert_eq!((done.count("files"), done.count("bytes")), (files, inventory_after.count("bytes")));
}

#[test]
fn a_file_that_cannot_be_read_is_one_issue_of_the_job() {
    let tree = Tree::new();
    tree.file("f", "x");
    let sums = spec("checksum", &tree.path()).run();
    let manifest = sums.own_folder().join("manifest.b3").to_str().unwrap().to_owned();
    let done = spec("checksum", std::path::Path::new("/proc/tty")).and("verify").option("manifest", manifest).run();
    let drivers = done.issues().iter().filter(|issue| issue.path() == b"drivers").count();
    assert_eq!(drivers, 1, "{:?}", done.issue_kinds());
}

#[test]
fn progress_counts_each_file_once() {
    let tree = tree();
    let control = std::sync::Arc::new(pravah_foundation::base::control::Control::new());
    let done = spec("inventory", &tree.path()).and("checksum").run_with(&control).unwrap();
    let snapshot = control.snapshot();
    assert_eq!((snapshot.files_done, snapshot.bytes_done), (done.count("files"), done.count("bytes")));
    assert_eq!((snapshot.files_total, snapshot.bytes_total), (Some(done.count("files")), Some(done.count("bytes"))));
    assert_eq!((snapshot.stage, snapshot.stage_index, snapshot.stage_count), ("write", 1, 2));
}

#[test]
fn no_operation_and_one_twice_are_refused() {
    let tree = Tree::new();
    let mut none = spec("inventory", &tree.path());
    none.0["operations"] = json!([]);
    assert!(none.fails().to_string().contains("operations must not be empty"));
    let twice = spec("inventory", &tree.path()).and("checksum").and("inventory");
    assert!(twice.fails().to_string().contains("lists inventory twice"));
}
