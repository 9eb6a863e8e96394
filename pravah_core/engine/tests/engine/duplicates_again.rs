//! duplicates again (files of one content are opened, not read, to see whether they share blocks): what an earlier run knows of ends and contents is taken over, and the groups are a fresh run's.

use std::collections::BTreeSet;
use std::fs;

use crate::common::again::{baselines, names, reused, same, watched_reading};
use crate::common::digests::noise;
use crate::common::run::{Spec, spec};
use crate::common::tree::Tree;
use serde_json::json;

const TABLES: [&str; 2] = ["ends", "contents"];

fn duplicates(tree: &Tree) -> Spec {
    spec("duplicates", &tree.path())
}

/// Of one size: copies, alike at their ends only, and not alike; small ones too. And some of a size of their own.
fn tree() -> Tree {
    let tree = Tree::in_memory();
    let large = |middle: u64| [noise(20_000, 1), noise(30_000, middle), noise(20_000, 2)].concat();
    for number in 0..6 {
        tree.file(format!("{}/large {number}", number % 2), large(number / 3));
        tree.file(format!("{}/small {number}", number % 2), noise(100, number / 2));
        tree.file(format!("{}/other {number}", number % 2), noise(70_000, 100 + number));
        tree.file(format!("alone/{number}"), noise(1000 + number as usize, number));
    }
    tree.hard_link("0/link", "0/large 0");
    tree
}

#[test]
fn files_that_are_as_they_were_are_not_read_and_the_groups_are_the_same() {
    let tree = tree();
    let (first, read) = watched_reading(&duplicates(&tree), &tree.path());
    // The link and its file are one.
    assert_eq!((reused(&first), read.iter().filter(|name| name.starts_with("alone")).count()), (0, 0));
    assert_eq!((first.table("ends").len(), first.table("contents").len()), (18, 12));
    let (again, read) = watched_reading(&duplicates(&tree).baselines(baselines(&[&first], &TABLES)), &tree.path());
    assert_eq!((reused(&again), read), (18, BTreeSet::new()));
    same(&again, &first);

    // One of a size of its own has a twin now; one lost its twins; one is another, one has another name.
    tree.file("new/twin", fs::read(tree.at("alone/3")).unwrap()).file("1/small 1", noise(100, 50));
    ["0/small 4", "1/small 5"].iter().for_each(|gone| fs::remove_file(tree.at(gone)).unwrap());
    fs::rename(tree.at("1/large 5"), tree.at("1/renamed")).unwrap();
    let (third, read) = watched_reading(&duplicates(&tree).baselines(baselines(&[&again], &TABLES)), &tree.path());
    assert_eq!(read, names(&["alone/3", "new/twin", "1/small 1", "1/renamed"]));
    assert_eq!(reused(&third), 18 - 4);
    let fresh = duplicates(&tree).run();
    assert!(fresh.summary()["groups"].as_u64() > Some(3));
    same(&third, &fresh);
}

#[test]
fn digests_of_another_algorithm_are_not_taken_over_and_ends_are() {
    let tree = tree();
    let first = duplicates(&tree).run();
    let known = baselines(&[&first], &TABLES);
    let other = duplicates(&tree).option("algorithm", "sha256");
    let (again, read) = watched_reading(&other.clone().baselines(known.clone()), &tree.path());
    // The large and the small ones that are alike at their ends are digested.
    assert_eq!((reused(&again), read.len()), (6, 12));
    same(&again, &other.run());
    // Bytes are compared anew: that is what was asked for.
    let confirmed = duplicates(&tree).option("confirm_bytes", true);
    let again = confirmed.clone().baselines(known).run();
    same(&again, &confirmed.run());
}

#[test]
fn references_elsewhere_are_known_as_well_and_apart_from_the_source() {
    let tree = tree();
    fs::create_dir_all(tree.beside("kept/0")).unwrap();
    // Of the same name as one of the source, with another content of the same size.
    fs::write(tree.beside("kept/0/small 0"), noise(100, 77)).unwrap();
    fs::write(tree.beside("kept/copy"), fs::read(tree.at("1/small 1")).unwrap()).unwrap();
    let spec = duplicates(&tree).option("references", json!([tree.beside("kept")]));
    let first = spec.run();
    let known = baselines(&[&first], &TABLES);
    let (again, read) = watched_reading(&spec.clone().baselines(known.clone()), &tree.path());
    let (_, kept) = watched_reading(&spec.clone().baselines(known), &tree.beside("kept"));
    assert_eq!((reused(&again), read, kept), (20, BTreeSet::new(), BTreeSet::new()));
    same(&again, &first);
}

#[test]
fn a_job_that_reads_all_and_several_runs_of_parts_are_taken_over() {
    let tree = tree();
    let both = duplicates(&tree).and("checksum");
    let first = both.run();
    let shards = |table: &str| first.of("checksum").shards(table);
    let mut known = baselines(&[&first], &TABLES);
    known["checksum"] = json!(shards("result"));
    let (again, read) = watched_reading(&both.clone().baselines(known), &tree.path());
    // Of those that are compared; the others are not read either.
    assert_eq!((reused(&again), read), (18, BTreeSet::new()));
    assert_eq!(first.summary()["compared_files"], duplicates(&tree).run().summary()["compared_files"]);
    same(&again, &first);
    // What a part has alone is looked at in the whole.
    let part = |glob: &str| duplicates(&tree).walk("include_globs", json!([glob])).run();
    let parts = [part("0/**"), part("1/**"), part("alone/**")];
    let known = baselines(&parts.iter().collect::<Vec<_>>(), &TABLES);
    let (whole, _) = watched_reading(&duplicates(&tree).baselines(known), &tree.path());
    assert!(reused(&whole) > 9, "{}", reused(&whole));
    same(&whole, &duplicates(&tree).run());
}
