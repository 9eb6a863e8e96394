//! search again: what an earlier run or attempt found is taken over, and nothing else.

use std::collections::BTreeSet;
use std::fs;

use crate::common::again::{baselines, names, reused, same, watched};
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, gzip, hostile_names};
use serde_json::json;

const TABLES: [&str; 2] = ["searched", "result"];

fn search(tree: &Tree) -> Spec {
    spec("search", &tree.path())
        .option("patterns", json!(["needle", "^begin", "x+"]))
        .option("context_before", 1)
        .option("search_compressed", true)
}

fn lines(number: usize) -> String {
    (0..number).map(|line| format!("begin {line} xx\nneedle in line {line}, a needle\n")).collect()
}

fn tree() -> Tree {
    let tree = Tree::in_memory();
    for number in 0..40 {
        tree.file(format!("{}/{number}.txt", number % 5), lines(number % 7));
    }
    tree.file("0/empty", "").file("0/binary", b"needle\0").file("1/packed.gz", gzip(lines(9).as_bytes()));
    tree.file("0/large", format!("{}{}", lines(3), "no match here\n".repeat(300_000)) + "needle");
    for name in hostile_names() {
        tree.file([b"2/", &name[..]].concat(), b"a needle");
    }
    tree
}

#[test]
fn files_that_are_as_they_were_are_not_opened_and_have_the_same_lines() {
    let tree = tree();
    let first = search(&tree).run();
    let files = first.table("searched").len();
    assert!(reused(&first) == 0 && files > 70 && first.summary()["matches"].as_u64() > Some(100));
    let (again, opened) = watched(&search(&tree).baselines(baselines(&[&first], &TABLES)), &tree.path());
    assert_eq!((reused(&again), opened), (files as u64, BTreeSet::new()));
    same(&again, &first);
    // What was taken over is taken over once more; and what was changed meanwhile is not.
    tree.file("0/0.txt", "needle").file("new/file", "begin").file("4/39.txt", lines(20));
    fs::remove_file(tree.at("1/1.txt")).unwrap();
    fs::rename(tree.at("2/2.txt"), tree.at("2/renamed.txt")).unwrap();
    fs::rename(tree.at("3"), tree.at("moved")).unwrap();
    let (third, opened) = watched(&search(&tree).baselines(baselines(&[&again], &TABLES)), &tree.path());
    let moved = fs::read_dir(tree.at("moved")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut expected = names(&["0/0.txt", "new/file", "4/39.txt", "2/renamed.txt"]);
    expected.extend(moved.map(|name| format!("moved/{}", name.to_str().unwrap())));
    assert_eq!((reused(&third), &opened), ((files - expected.len()) as u64, &expected));
    same(&third, &search(&tree).run());
}

#[test]
fn what_other_options_found_is_not_taken_over() {
    let tree = tree();
    let first = search(&tree).run();
    let known = baselines(&[&first], &TABLES);
    let all = first.table("searched").len() as u64;
    for (name, value, taken) in [
        ("patterns", json!(["needle", "^begin"]), 0),
        ("whole", json!("word"), 0),
        ("count_only", json!(true), 0),
        ("max_matches_per_file", json!(2), 0),
        ("line_length", json!(20), 0),
        ("encoding", json!("utf-8"), 0),
        ("max_matches", json!(900_000), all),
    ] {
        let other = search(&tree).option(name, value.clone());
        let again = other.clone().baselines(known.clone()).run();
        assert_eq!(reused(&again), taken, "{name}");
        same(&again, &other.run());
    }
    let counting = search(&tree).option("count_only", true).option("max_matches_per_file", 3);
    let (counted, again) = (counting.run(), |known| counting.clone().baselines(known).run());
    let again = again(baselines(&[&counted], &TABLES));
    assert_eq!(reused(&again), all);
    same(&again, &counted);
}

#[test]
fn a_job_takes_over_what_several_runs_found_of_parts_of_it() {
    let tree = tree();
    let part = |globs: &[&str]| search(&tree).walk("include_globs", json!(globs)).run();
    let parts = [part(&["0/**", "1/**"]), part(&["2/**"]), part(&["3/**", "4/**"])];
    let known = baselines(&parts.iter().collect::<Vec<_>>(), &TABLES);
    let (whole, opened) = watched(&search(&tree).baselines(known), &tree.path());
    assert_eq!((reused(&whole), opened), (whole.table("searched").len() as u64, BTreeSet::new()));
    same(&whole, &search(&tree).run());
}

/// A run that has lost some of its shards, as one that died has.
fn without(done: &Done, table: &str) -> usize {
    let lost: Vec<_> = done.shards(table).into_iter().step_by(2).collect();
    lost.iter().for_each(|shard| fs::remove_file(shard).unwrap());
    lost.len()
}

#[test]
fn a_file_whose_lines_are_not_all_there_is_searched_again() {
    let tree = tree();
    let cut = |spec: Spec| spec.output("shard_rows", 20);
    for table in TABLES {
        let fresh = cut(search(&tree)).run();
        let died = cut(search(&tree)).run();
        let known = baselines(&[&died], &TABLES);
        assert!(without(&died, table) > 1);
        let second = cut(search(&tree)).baselines(known.clone()).run();
        let files = second.table("searched").len() as u64;
        assert!(0 < reused(&second) && reused(&second) < files, "{table}: {}", reused(&second));
        same(&second, &fresh);
        // The second attempt dies too. What both have left is taken over once, whichever has all of it.
        let left: Vec<_> = [known, baselines(&[&second], &TABLES)]
            .into_iter()
            .flat_map(|known| known["search"].as_array().unwrap().clone())
            .collect();
        without(&second, "result");
        let third = cut(search(&tree)).baselines(json!({"search": left})).run();
        assert!(reused(&third) >= reused(&second), "{table}");
        same(&third, &fresh);
    }
}

#[test]
fn what_a_limit_cut_or_an_issue_tells_of_is_searched_again() {
    let tree = Tree::in_memory();
    for number in 0..20 {
        tree.file(format!("{number:02}"), lines(5));
    }
    let limited = |most: u64| search(&tree).option("max_matches", most);
    let partial = limited(101).run();
    assert_eq!((&partial.summary()["partial"], partial.table("result").len()), (&json!(true), 101));
    // Each file has twenty.
    assert!(partial.table("searched").len() <= 5);
    let whole = search(&tree).baselines(baselines(&[&partial], &TABLES)).run();
    assert_eq!(reused(&whole), partial.table("searched").len() as u64);
    same(&whole, &search(&tree).run());
    // A limit that cuts what was found without it.
    let cut = limited(101).baselines(baselines(&[&whole], &TABLES)).run();
    assert_eq!((&cut.summary()["partial"], cut.table("result").len()), (&json!(true), 101));
    let matches = cut.summary()["matches"].as_u64();
    assert_eq!((matches, cut.table("by_file").iter().map(|row| row.integer("matches")).sum()), (Some(101), 101));

    tree.file("torn.gz", &gzip(lines(500).as_bytes())[..60]);
    let first = search(&tree).run();
    let (again, opened) = watched(&search(&tree).baselines(baselines(&[&first], &TABLES)), &tree.path());
    assert_eq!((reused(&again), opened), (20, names(&["torn.gz"])));
    assert_eq!(again.count("issues"), 1);
    same(&again, &first);
}
