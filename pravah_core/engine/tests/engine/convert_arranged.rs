//! convert into another order and into several files: each row is there once, where it belongs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::common::rows::{self, Cell};
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::Tree;
use parquet::file::reader::{FileReader, SerializedFileReader};

const SEED: u64 = 20_261_126;

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Integer(value) => value.to_string(),
        Cell::Text(value) => value.clone(),
        other => panic!("{other:?}"),
    }
}

/// Rows of `id,group,word`; the group may be missing.
fn table(rows: u64) -> (String, Vec<[String; 3]>) {
    println!("seed {SEED}");
    let mut state = SEED;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let words = ["b", "a/b", "a=b%", "__HIVE_DEFAULT_PARTITION__", "ä b", "..", "z"];
    let row = |id: u64| {
        let group = match next(5) {
            0 => String::new(),
            group => group.to_string(),
        };
        [id.to_string(), group, words[next(7) as usize].to_owned()]
    };
    let all: Vec<_> = (0..rows).map(row).collect();
    let lines: String = all.iter().map(|row| row.join(",") + "\n").collect();
    (format!("id,group,word\n{lines}"), all)
}

fn converted(done: &Done) -> PathBuf {
    done.own_folder().join("converted")
}

/// Paths below `folder` with the rows of each file.
fn files(folder: &Path) -> BTreeMap<String, Vec<BTreeMap<String, String>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let row = |row: rows::Row| row.0.iter().map(|(name, cell)| (name.clone(), text(cell))).collect();
            found.insert(name, rows::read(&path).into_iter().map(row).collect());
        }
    }
    found
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> serde_json::Value {
    names.into_iter().collect::<Vec<_>>().into()
}

fn arranged(tree: &Tree, partition: &[&str], sort: &[&str]) -> Spec {
    let spec = spec("convert", &tree.path());
    spec.option("partition_by", names(partition.iter().copied())).option("sort_by", names(sort.iter().copied()))
}

fn sums(done: &Done) -> [u64; 3] {
    ["records_read", "records_written", "records_rejected"].map(|name| done.summary()[name].as_u64().unwrap())
}

#[test]
fn sorted_rows_are_those_of_a_stable_sort_whatever_the_runs() {
    let tree = Tree::new();
    let (lines, mut expected) = table(30_000);
    tree.file("t.csv", lines);
    // By the text downwards, then by the group; a row without one comes last.
    let group = |row: &[String; 3]| row[1].parse().unwrap_or(u64::MAX);
    expected.sort_by(|one, other| other[2].cmp(&one[2]).then(group(one).cmp(&group(other))));
    let expected: Vec<String> = expected.into_iter().map(|row| row[0].clone()).collect();
    // Forced chunks make runs of a few rows, so many that they are merged more than once.
    for bytes in [2_000, 100_000, 8 << 20] {
        let done = arranged(&tree, &[], &["word=desc", "group"]).chunk_bytes(bytes).run();
        assert_eq!(sums(&done), [30_000, 30_000, 0]);
        let found = files(&converted(&done));
        assert_eq!(found.keys().collect::<Vec<_>>(), ["t.parquet"]);
        let ids: Vec<String> = found["t.parquet"].iter().map(|row| row["id"].clone()).collect();
        assert!(ids == expected, "{bytes}");
    }
}

#[test]
fn folders_of_floats_have_the_shortest_names_that_stand_for_them() {
    let tree = Tree::new();
    tree.file("t.csv", "x,y\n1e300,1\n-2.5,2\n0.5e-8,3\n");
    let done = arranged(&tree, &["x"], &[]).run();
    let found: Vec<_> = files(&converted(&done)).into_keys().collect();
    assert_eq!(found, ["x=-2.5/t.parquet", "x=1e300/t.parquet", "x=5e-9/t.parquet"]);
    assert_eq!(done.summary()["verdict"], "whole");
}

#[test]
fn rows_are_divided_by_the_values_of_columns_and_named_as_hive_does() {
    let tree = Tree::new();
    let (lines, all) = table(20_000);
    tree.file("deep/t.csv", lines);
    for bytes in [50_000, 8 << 20] {
        let done = arranged(&tree, &["group", "word"], &["id=desc"]).chunk_bytes(bytes).run();
        assert_eq!(sums(&done), [20_000, 20_000, 0]);
        let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for [id, group, word] in &all {
            let group = if group.is_empty() { "__HIVE_DEFAULT_PARTITION__" } else { group };
            let word = match word.as_str() {
                "a/b" => "a%2Fb",
                "a=b%" => "a%3Db%25",
                "__HIVE_DEFAULT_PARTITION__" => "%5F_HIVE_DEFAULT_PARTITION__",
                word => word,
            };
            expected.entry(format!("group={group}/word={word}/deep/t.parquet")).or_default().insert(0, id.clone());
        }
        let found: BTreeMap<String, Vec<String>> = files(&converted(&done))
            .into_iter()
            .map(|(name, rows)| {
                assert!(rows.iter().all(|row| row.len() == 1), "the columns that divide are in the path only");
                (name, rows.into_iter().map(|row| row["id"].clone()).collect())
            })
            .collect();
        assert!(found == expected, "{bytes}");
        let outputs = done.table("outputs");
        assert_eq!(outputs.len(), expected.len());
        assert_eq!(outputs.iter().map(|row| row.integer("records")).sum::<i64>(), 20_000);
        assert_eq!(done.table("result")[0].integer("files"), expected.len() as i64);
    }
}

#[test]
fn a_large_file_becomes_several_of_the_size_that_is_asked_for() {
    let tree = Tree::new();
    let (lines, all) = table(400_000);
    tree.file("t.csv", lines);
    for to in ["parquet", "csv"] {
        let done = arranged(&tree, &[], &[]).option("file_bytes", 1 << 20).option("to", to);
        let done = done.option("compression", "none").option("dictionary", "never").run();
        assert_eq!(sums(&done), [400_000, 400_000, 0]);
        let outputs = done.table("outputs");
        assert!(outputs.len() > 1, "{to}");
        for (place, row) in outputs.iter().enumerate() {
            assert_eq!(row.text("written_as"), format!("t-{:05}.{to}", place + 1));
            assert!(row.integer("output_bytes") < 3 << 19, "{to}: {}", row.integer("output_bytes"));
        }
        if to == "parquet" {
            let ids: Vec<String> =
                files(&converted(&done)).into_values().flatten().map(|row| row["id"].clone()).collect();
            assert!(ids == all.iter().map(|row| row[0].clone()).collect::<Vec<_>>());
        }
    }
}

#[test]
fn what_cannot_be_arranged_is_an_issue_and_leaves_nothing() {
    let tree = Tree::new();
    tree.file("a.csv", "id,day\n1,2024-01-01\n").file("b.csv", "id\n1\n2\n").file("c.csv", "id,day\n");
    tree.file("many.csv", (0..10_001).fold("id,day\n".to_owned(), |lines, id| lines + &format!("{id},x{id}\n")));
    let done = arranged(&tree, &["day"], &[]).run();
    let issues = done.issue_kinds();
    let expected = [("unsupported", "b.csv"), ("unsupported", "many.csv")];
    assert_eq!(issues, expected.map(|(kind, path)| (kind.to_owned(), path.into())));
    let found = files(&converted(&done));
    assert_eq!(found.keys().collect::<Vec<_>>(), ["day=2024-01-01/a.parquet"]);
    // Without a record there is no value to divide by: it is converted to nothing.
    assert_eq!(done.summary()["files"], 2);
    let sorted = arranged(&tree, &[], &["id"]).run();
    assert_eq!(files(&converted(&sorted))["c.parquet"].len(), 0);
    for (option, value) in [("sort_by", names(["id", "id"])), ("partition_by", names([""])), ("file_bytes", 7.into())] {
        let error = spec("convert", &tree.path()).option(option, value).fails();
        assert!(error.to_string().contains(option), "{error}");
    }
}

#[test]
fn statistics_dictionaries_and_bloom_filters_are_as_asked() {
    let tree = Tree::new();
    tree.file("t.csv", table(50_000).0);
    let column = |convert: Spec, check: &dyn Fn(&parquet::file::metadata::ColumnChunkMetaData)| {
        let done = convert.run();
        assert_eq!(sums(&done), [50_000, 50_000, 0]);
        let file = File::open(converted(&done).join("t.parquet")).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        check(reader.metadata().row_group(0).column(2));
    };
    let convert = || spec("convert", &tree.path());
    column(convert(), &|word| {
        assert!(word.statistics().is_some() && word.dictionary_page_offset().is_some());
        assert!(word.bloom_filter_offset().is_none() && word.column_index_offset().is_none());
    });
    column(convert().option("statistics", "none"), &|word| assert!(word.statistics().is_none()));
    column(convert().option("statistics", "page"), &|word| assert!(word.column_index_offset().is_some()));
    column(convert().option("dictionary", "never"), &|word| assert!(word.dictionary_page_offset().is_none()));
    for sort in [vec![], vec!["id"]] {
        let convert = convert().option("bloom_filters", names(["word"])).option("sort_by", names(sort));
        column(convert, &|word| assert!(word.bloom_filter_offset().is_some()));
    }
}
