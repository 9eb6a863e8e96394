//! duplicates: the same groups as naive grouping on hostile trees, roles, hard links, folders, what is only here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::Arc;

use crate::common::digests::noise;
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, hostile_names};
use pravah_foundation::base::control::Control;
use proptest::prelude::*;

use crate::common::volume::{cases, seed};
use proptest::test_runner::RngSeed;
use serde_json::json;

fn duplicates(tree: &Tree) -> Spec {
    spec("duplicates", &tree.path())
}

/// Paths of each group.
fn groups(done: &Done) -> BTreeSet<BTreeSet<Vec<u8>>> {
    let mut groups: BTreeMap<i64, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for row in done.table("result") {
        assert!(groups.entry(row.integer("group")).or_default().insert(row.path()), "{row:?} is there twice");
    }
    groups.into_values().collect()
}

/// Every regular file read whole; groups of two or more inodes with one content.
fn naive_groups(tree: &Tree) -> BTreeSet<BTreeSet<Vec<u8>>> {
    type Names = (BTreeSet<Vec<u8>>, BTreeSet<u64>);
    let mut contents: HashMap<Vec<u8>, Names> = HashMap::new();
    for (path, metadata) in crate::common::naive::entries(&tree.path()) {
        if metadata.is_file() && metadata.len() > 0 {
            let entry = contents.entry(fs::read(tree.at(&path)).unwrap()).or_default();
            entry.0.insert(path);
            entry.1.insert(metadata.ino());
        }
    }
    contents.into_values().filter(|(_, inodes)| inodes.len() > 1).map(|(paths, _)| paths).collect()
}

/// What must hold of every result.
fn check(done: &Done) {
    let result = done.table("result");
    let per_group = done.table("groups");
    let mut last = i64::MAX;
    let mut total = 0;
    for group in &per_group {
        let rows: Vec<_> = result.iter().filter(|row| row.integer("group") == group.integer("group")).collect();
        assert_eq!(rows.len() as i64, group.integer("files"));
        let inodes: BTreeSet<_> = rows.iter().map(|row| (row.0["device"].clone(), row.0["inode"].clone())).collect();
        assert_eq!(inodes.len() as i64, group.integer("inodes"));
        let reclaimable: i64 = rows.iter().map(|row| row.integer("reclaimable_bytes")).sum();
        assert_eq!(reclaimable, group.integer("reclaimable_bytes"));
        assert!(reclaimable <= last, "largest first");
        assert!(rows.iter().any(|row| matches!(row.text("standing"), "kept" | "reference")), "one stays");
        assert!(rows.iter().all(|row| row.integer("size_bytes") == group.integer("size_bytes")));
        last = reclaimable;
        total += reclaimable;
    }
    assert_eq!(done.summary()["reclaimable_bytes"], total);
    assert_eq!(done.summary()["groups"], per_group.len());
    let by_extension: i64 = done.table("by_extension").iter().map(|row| row.integer("reclaimable_bytes")).sum();
    assert_eq!(by_extension, total);
    let top: i64 = done
        .table("by_folder")
        .iter()
        .filter(|row| row.text("path") == ".")
        .map(|row| row.integer("reclaimable_bytes"))
        .sum();
    assert_eq!(top, total);
    assert_eq!(result.len(), result.iter().map(|row| (row.path(), row.text("root"))).collect::<BTreeSet<_>>().len());
}

fn standings(done: &Done) -> BTreeMap<String, String> {
    let of = |row: crate::common::rows::Row| (row.text("path").to_owned(), row.text("standing").to_owned());
    done.table("result").into_iter().map(of).collect()
}

#[test]
fn contents_are_told_apart_wherever_they_differ() {
    let tree = Tree::new();
    let whole = 32 << 10;
    let sizes = [1, 2, 4095, 4096, 8192, whole - 1, whole, whole + 1, 100_000, (1 << 20) + 1, 3 << 20];
    for size in sizes {
        let base = noise(size, size as u64);
        tree.file(format!("{size}/same-1"), &base).file(format!("{size}/same-2"), &base);
        for place in [0, size / 3, size / 2, size.saturating_sub(5000), size - 1] {
            let mut other = base.clone();
            other[place.min(size - 1)] ^= 1;
            tree.file(format!("{size}/differs-at-{place}"), other);
        }
        tree.file(format!("{size}/longer"), [&base[..], b"x"].concat());
    }
    for (option, value) in
        [("algorithm", json!("blake3")), ("algorithm", json!("xxh3_128")), ("confirm_bytes", json!(true))]
    {
        let done = duplicates(&tree).option(option, value.clone()).run();
        check(&done);
        assert_eq!(groups(&done), naive_groups(&tree), "{option} {value}");
    }
}

#[test]
fn hostile_names_are_grouped_and_the_oldest_is_kept() {
    let tree = Tree::new();
    for (number, name) in hostile_names().into_iter().enumerate() {
        tree.file(&name, "one content").file([b"folder/", &name[..]].concat(), format!("{number}"));
        tree.file([b"other/", &name[..]].concat(), format!("{number}"));
    }
    tree.modified(b"not utf-8 \xff\xfe", 1000, 5);
    let done = duplicates(&tree).run();
    check(&done);
    assert_eq!(groups(&done), naive_groups(&tree));
    let kept: Vec<_> = done.table("result").into_iter().filter(|row| row.text("standing") == "kept").collect();
    assert!(kept.iter().any(|row| row.path() == b"not utf-8 \xff\xfe"), "the oldest of its group");
    assert_eq!(kept.len(), hostile_names().len() + 1);
}

#[test]
fn names_of_one_inode_waste_nothing() {
    let tree = Tree::new();
    tree.file("a", "linked").hard_link("b", "a").hard_link("c/d", "a");
    tree.file("copy", "copied").hard_link("copy-link", "copy").file("other", "copied").modified("copy", 5, 0);
    let done = duplicates(&tree).run();
    check(&done);
    assert_eq!(groups(&done), BTreeSet::from([["copy", "copy-link", "other"].map(|name| name.into()).into()]));
    assert_eq!(done.summary()["reclaimable_bytes"], 6);
    assert_eq!(done.summary()["hard_linked_inodes"], 2);
    let expected = [("copy", "kept"), ("copy-link", "hard_link"), ("other", "redundant")];
    assert_eq!(standings(&done), expected.map(|(path, standing)| (path.to_owned(), standing.to_owned())).into());
    let mut links: BTreeMap<i64, Vec<Vec<u8>>> = BTreeMap::new();
    for row in done.table("hard_links") {
        links.entry(row.integer("link")).or_default().push(row.path());
    }
    links.values_mut().for_each(|names| names.sort());
    let sets: BTreeSet<_> = links.into_values().collect();
    let set = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>();
    assert_eq!(sets, BTreeSet::from([set(&["a", "b", "c/d"]), set(&["copy", "copy-link"])]));
}

#[test]
fn a_reference_elsewhere_is_kept_and_tells_what_is_only_here() {
    let tree = Tree::new();
    tree.file("both", "in both").file("only", "here").file("twice-1", "2").file("twice-2", "2").file("empty", "");
    let archive = tree.beside("archive");
    fs::create_dir_all(archive.join("deep")).unwrap();
    fs::write(archive.join("deep/saved"), "in both").unwrap();
    fs::write(archive.join("saved-twice"), "in both").unwrap();
    fs::write(archive.join("more"), "there").unwrap();
    let job = duplicates(&tree).option("references", json!([archive.to_str().unwrap()]));
    let done = job.run();
    check(&done);
    assert_eq!(groups(&done).len(), 2);
    assert_eq!(standings(&done)["both"], "redundant");
    assert_eq!(standings(&done)["deep/saved"], "reference");
    let roots: BTreeSet<_> = done.table("result").iter().map(|row| row.text("root").to_owned()).collect();
    assert_eq!(roots, BTreeSet::from(["source".to_owned(), archive.to_str().unwrap().to_owned()]));
    let unique: BTreeSet<_> = done.by_path("unique").into_keys().collect();
    assert_eq!(unique, ["only", "twice-1", "twice-2"].map(|name| name.into()).into());
    let verdict = &done.summary()["reference"];
    assert_eq!((&verdict["safe_to_wipe"], &verdict["unique_files"]), (&json!("no"), &json!(3)));

    let done = job.option("only_against_reference", true).run();
    check(&done);
    assert_eq!(groups(&done).len(), 1, "copies among the candidates are not asked for");
    assert_eq!(done.by_path("unique").len(), 3);

    for name in ["only", "twice-1", "twice-2"] {
        fs::remove_file(tree.at(name)).unwrap();
    }
    let job = duplicates(&tree).option("references", json!([archive.to_str().unwrap()]));
    assert_eq!(job.run().summary()["reference"]["safe_to_wipe"], "yes");
    tree.link("link", "both");
    assert_eq!(job.run().summary()["reference"]["safe_to_wipe"], "unknown", "a link has no content to compare");
}

#[test]
fn only_against_the_reference_reads_only_sizes_of_both_sides() {
    let tree = Tree::new();
    // Candidates that are alike, unlike anything there: reading them would be in vain.
    for number in 0..50 {
        tree.file(format!("{number}"), noise(5000, 1));
    }
    tree.file("same", "12345");
    let archive = tree.beside("archive");
    fs::create_dir(&archive).unwrap();
    fs::write(archive.join("x"), "12345").unwrap();
    fs::write(archive.join("y"), noise(4999, 1)).unwrap();
    let control = Arc::new(Control::new());
    let watch = Arc::clone(&control);
    let job = duplicates(&tree)
        .option("references", json!([archive.to_str().unwrap()]))
        .option("only_against_reference", true);
    let most = std::thread::scope(|scope| {
        let watching = scope.spawn(move || {
            let mut most = 0;
            while !matches!(watch.snapshot().stage, "group" | "write") {
                let snapshot = watch.snapshot();
                if snapshot.stage == "compare ends" && snapshot.files_total.is_some_and(|total| total < 50) {
                    most = most.max(snapshot.files_total.unwrap());
                }
            }
            most
        });
        let done = job.run_with(&control).unwrap();
        assert_eq!(groups(&done).len(), 1);
        watching.join().unwrap()
    });
    assert!(most <= 2, "{most} files were looked at");
}

#[test]
fn a_reference_inside_the_source_is_a_role_not_a_second_walk() {
    let tree = Tree::new();
    tree.file("new/photo", "pixels").file("archive/photo", "pixels").file("archive/again", "pixels");
    tree.file("archived", "pixels").file("new/only", "only");
    tree.modified("archived", 1, 0);
    let done = duplicates(&tree).option("references", json!([tree.at("archive").to_str().unwrap()])).run();
    check(&done);
    let expected = [
        ("archive/again", "reference"),
        ("archive/photo", "reference"),
        ("archived", "redundant"),
        ("new/photo", "redundant"),
    ];
    assert_eq!(standings(&done), expected.map(|(path, standing)| (path.to_owned(), standing.to_owned())).into());
    assert_eq!(done.by_path("unique").into_keys().collect::<Vec<_>>(), [b"new/only"]);
    assert_eq!(done.count("files"), 5);
}

#[test]
fn references_that_cannot_be_one_are_refused_in_words() {
    let tree = Tree::new();
    tree.file("a/b", "x");
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let (source, inside) = (text(tree.path()), text(tree.at("a")));
    for (references, code, words) in [
        (json!(["relative"]), "invalid_options", "not an absolute path"),
        (json!([source]), "invalid_options", "contains the source"),
        (json!(["/"]), "invalid_options", "contains the source"),
        (json!([inside, inside]), "invalid_options", "contains the other"),
        (json!([text(tree.beside("absent"))]), "source_not_found", "absent"),
        (json!([text(tree.at("a/b"))]), "source_not_found", "a/b"),
    ] {
        let error = duplicates(&tree).option("references", references.clone()).fails();
        assert_eq!(error.code(), code, "{references}: {error}");
        assert!(error.to_string().contains(words), "{references}: {error}");
    }
    for (option, value, words) in [
        ("only_against_reference", json!(true), "requires at least one directory"),
        ("min_file_bytes", json!(0), "at least 1"),
        ("algorithm", json!("crc32c"), "too short"),
    ] {
        let error = duplicates(&tree).option(option, value).fails();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn folders_that_are_copies_are_told_once_at_their_top() {
    let tree = Tree::new();
    for place in ["one", "two", "deep/three"] {
        tree.file(format!("{place}/a"), "a").file(format!("{place}/sub/b"), "b").file(format!("{place}/sub/empty"), "");
    }
    tree.file("four/sub/b", "b").file("four/sub/empty", "").file("four/other", "other");
    tree.file("renamed/a2", "a").file("renamed/sub/b", "b").file("renamed/sub/empty", "");
    tree.file("linked/a", "a").file("linked/sub/b", "b").file("linked/sub/empty", "").link("linked/l", "a");
    let done = duplicates(&tree).run();
    check(&done);
    let mut sets: BTreeMap<i64, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for row in done.table("folders") {
        sets.entry(row.integer("group")).or_default().insert(row.path());
    }
    let set = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect::<BTreeSet<_>>();
    let expected = [
        set(&["one", "two", "deep/three"]),
        // Also below folders that are no copies.
        set(&["one/sub", "two/sub", "deep/three/sub", "four/sub", "renamed/sub", "linked/sub"]),
    ];
    assert_eq!(sets.into_values().collect::<BTreeSet<_>>(), expected.into());
    let none = duplicates(&tree).option("folders", false).run();
    assert!(none.result()["tables"].as_array().unwrap().iter().all(|table| table["name"] != "folders"));
}

#[test]
fn a_folder_with_something_unseen_is_no_copy() {
    let tree = Tree::new();
    for place in ["one", "two"] {
        tree.file(format!("{place}/a"), "a").file(format!("{place}/.hidden/b"), "b");
    }
    let done = duplicates(&tree).run();
    assert_eq!(done.table("folders").len(), 2);
    let done = duplicates(&tree).walk("include_hidden", false).run();
    assert_eq!(done.table("folders").len(), 0, "what was left out may differ");
    assert_eq!(groups(&done).len(), 1);
}

#[test]
fn files_that_change_between_the_stages_are_issues_or_seen_as_they_are() {
    let tree = Tree::in_memory();
    for number in 0..400 {
        tree.file(format!("{number}"), noise(40_000, number % 3));
    }
    for round in 0..6 {
        let control = Arc::new(Control::new());
        let watch = Arc::clone(&control);
        std::thread::scope(|scope| {
            let tree = &tree;
            scope.spawn(move || {
                while watch.snapshot().stage != "compare ends" && watch.snapshot().stage != "write" {}
                for number in (0..400).filter(|number| number % 7 == round) {
                    match number % 3 {
                        0 => drop(fs::remove_file(tree.at(format!("{number}")))),
                        1 => drop(tree.file(format!("{number}"), noise(39_000, 9))),
                        _ => drop(tree.file(format!("{number}"), noise(40_000, 77))),
                    }
                }
            });
            let done = duplicates(tree).run_with(&control).unwrap();
            check(&done);
            let unread = done.summary()["unread_files"].as_u64().unwrap();
            assert_eq!(unread, done.count("issues"), "{:?}", done.issue_kinds());
        });
    }
}

#[test]
fn with_another_reader_in_the_job_nothing_is_read_twice_and_the_answer_is_the_same() {
    let tree = Tree::new();
    for (number, name) in hostile_names().into_iter().enumerate() {
        tree.file([b"x/", &name[..]].concat(), noise(number % 5 * 20_000 + 1, number as u64 % 4));
        tree.file([b"y/", &name[..]].concat(), noise(number % 5 * 20_000 + 1, number as u64 % 3));
    }
    tree.file("large-1", noise(3 << 20, 1)).file("large-2", noise(3 << 20, 1)).hard_link("large-3", "large-2");
    let archive = tree.beside("archive");
    fs::create_dir(&archive).unwrap();
    fs::write(archive.join("large"), noise(3 << 20, 1)).unwrap();
    for references in [json!([]), json!([archive.to_str().unwrap()])] {
        let alone = duplicates(&tree).option("references", references.clone()).run();
        let together =
            spec("checksum", &tree.path()).and("duplicates").option("references", references).run().of("duplicates");
        check(&alone);
        check(&together);
        assert_eq!(alone.summary(), together.summary());
        for table in ["result", "groups", "folders", "by_folder", "hard_links"] {
            let sorted = |done: &Done| {
                let mut rows = done.table(table);
                rows.iter_mut().for_each(|row| drop(row.0.remove("link")));
                rows.sort();
                rows
            };
            assert_eq!(sorted(&alone), sorted(&together), "{table}");
        }
    }
}

#[test]
fn nothing_to_compare_is_an_empty_result() {
    let tree = Tree::new();
    for done in [duplicates(&tree).run(), duplicates(tree.file("empty", "").file("empty-2", "").file("one", "1")).run()]
    {
        check(&done);
        assert!(groups(&done).is_empty());
        assert_eq!(done.summary()["reclaimable_bytes"], 0);
    }
}

#[test]
fn a_cancelled_comparison_ends_soon() {
    let tree = Tree::in_memory();
    for number in 0..8 {
        tree.file(format!("{number}"), noise(40 << 20, 1));
    }
    // The stages "compare ends" and "compare contents"; the first may be over before anybody has looked.
    for stage in [1, 2] {
        let control = Arc::new(Control::new());
        let watch = Arc::clone(&control);
        let canceller = std::thread::spawn(move || {
            while watch.snapshot().stage_index < stage {
                std::thread::yield_now();
            }
            watch.cancel();
            std::time::Instant::now()
        });
        let ended = duplicates(&tree).option("confirm_bytes", true).run_with(&control);
        let late = canceller.join().unwrap().elapsed();
        assert_eq!(ended.map(|_| ()).unwrap_err().code(), "cancelled");
        assert!(late.as_millis() < 2000, "{late:?}");
    }
}

#[test]
fn jdupes_finds_the_same_sets() {
    if Command::new("jdupes").arg("-v").output().is_err() {
        return;
    }
    let tree = Tree::new();
    for number in 0..300usize {
        tree.file(format!("{}/{number}", number % 7), noise(number % 11 * 3000 + 1, number as u64 % 5));
    }
    let output = Command::new("jdupes").args(["-rq", "."]).current_dir(tree.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let set = |set: &str| set.lines().map(|path| path.strip_prefix("./").unwrap().as_bytes().to_vec()).collect();
    let theirs: BTreeSet<BTreeSet<Vec<u8>>> =
        text.split("\n\n").filter(|set| !set.trim().is_empty()).map(set).collect();
    assert_eq!(groups(&duplicates(&tree).run()), theirs);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(60), rng_seed: RngSeed::Fixed(seed(0xd0b1_e000)), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn random_trees_have_the_groups_of_naive_grouping(
        files in proptest::collection::vec((0usize..4, 0usize..6, 0u64..3, any::<bool>()), 0..60),
        threads in 1usize..4,
    ) {
        let tree = Tree::in_memory();
        let sizes = [0, 1, 700, 32 << 10, (32 << 10) + 1, 70_000];
        for (number, (folder, size, seed, linked)) in files.iter().enumerate() {
            tree.file(format!("{folder}/{number}"), noise(sizes[*size], *seed));
            if *linked {
                tree.hard_link(format!("links/{number}"), format!("{folder}/{number}"));
            }
        }
        let done = duplicates(&tree).threads(threads).run();
        check(&done);
        prop_assert_eq!(groups(&done), naive_groups(&tree));
    }
}
