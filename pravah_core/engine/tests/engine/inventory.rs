//! inventory: every column of every table, on ordinary and on hostile trees.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::common::naive;
use crate::common::rows::{Cell, Row, columns};
use crate::common::run::spec;
use crate::common::tree::{Tree, hostile_names};
use proptest::prelude::*;

use crate::common::volume::{cases, seed};
use proptest::test_runner::RngSeed;
use serde_json::json;

#[test]
fn result_has_every_column_of_every_kind_of_entry() {
    let tree = Tree::new();
    tree.file("a.TXT", "hello").dir("d").link("l", "a.TXT").fifo("f").hard_link("d/second", "a.TXT");
    tree.socket("s");
    fs::set_permissions(tree.at("a.TXT"), fs::Permissions::from_mode(0o4751)).unwrap();
    tree.modified("a.TXT", 1_600_000_000, 123_456_789);
    let done = spec("inventory", &tree.path()).run();
    let rows = done.by_path("result");
    let kinds: Vec<_> = rows.iter().map(|(path, row)| (path.as_slice(), row.text("kind"))).collect();
    let expected =
        [("a.TXT", "file"), ("d", "directory"), ("d/second", "file"), ("f", "fifo"), ("l", "symlink"), ("s", "socket")];
    assert_eq!(kinds, expected.map(|(path, kind)| (path.as_bytes(), kind)));
    let row = &rows[&b"a.TXT"[..]];
    let metadata = fs::metadata(tree.at("a.TXT")).unwrap();
    let expected = [
        ("path", Cell::Text("a.TXT".into())),
        ("path_raw", Cell::Null),
        ("name", Cell::Text("a.TXT".into())),
        ("extension", Cell::Text("txt".into())),
        ("kind", Cell::Text("file".into())),
        ("size_bytes", Cell::Integer(5)),
        ("allocated_bytes", Cell::Integer(metadata.blocks() as i64 * 512)),
        ("modified", Cell::Time(1_600_000_000_123_456_789)),
        ("changed", Cell::Time(metadata.ctime() * 1_000_000_000 + metadata.ctime_nsec())),
        ("owner", Cell::Text(name_of("/etc/passwd", metadata.uid()))),
        ("group", Cell::Text(name_of("/etc/group", metadata.gid()))),
        ("mode", Cell::Text("4751".into())),
        ("inode", Cell::Unsigned(metadata.ino())),
        ("link_count", Cell::Integer(2)),
        ("device", Cell::Unsigned(metadata.dev())),
    ];
    assert_eq!(row, &Row(expected.map(|(name, cell)| (name.to_owned(), cell)).into()));
    assert_eq!(rows[&b"d/second"[..]].text("name"), "second");
    assert_eq!(rows[&b"l"[..]].text("extension"), "", "a link has no extension");
    assert_eq!(rows[&b"l"[..]].integer("size_bytes"), 5);
}

fn name_of(file: &str, id: u32) -> String {
    let text = fs::read_to_string(file).unwrap();
    let of = |line: &str| line.split(':').nth(2) == Some(&id.to_string());
    let name = text.lines().find(|line| of(line)).map(|line| line.split(':').next().unwrap().to_owned());
    name.unwrap_or_else(|| id.to_string())
}

#[test]
fn an_owner_without_a_name_is_its_number() {
    let tree = Tree::new();
    tree.file("theirs", "x");
    if std::os::unix::fs::chown(tree.at("theirs"), Some(3_999_999), Some(3_999_998)).is_err() {
        return; // needs root; the Python tests cover the other user
    }
    let done = spec("inventory", &tree.path()).run();
    let row = &done.table("result")[0];
    assert_eq!((row.text("owner"), row.text("group")), ("3999999", "3999998"));
    assert_eq!(done.table("by_owner")[0].text("owner"), "3999999");
}

#[test]
fn hostile_names_survive_in_every_table() {
    let tree = Tree::new();
    let names = hostile_names();
    for name in &names {
        tree.file([&b"files/"[..], name].concat(), "");
        tree.dir([&b"dirs/"[..], name].concat());
    }
    let done = spec("inventory", &tree.path()).run();
    let all = naive::entries(&tree.path());
    assert_eq!(all.len(), 2 * names.len() + 2);
    assert_eq!(done.by_path("result").keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
    assert_eq!(done.by_path("empty").len(), 2 * names.len());
    let folders = done.by_path("directories");
    assert!(names.iter().all(|name| folders.contains_key(&[&b"dirs/"[..], name].concat())));
    assert!(done.issues().is_empty());
}

#[test]
fn directories_count_a_hard_link_once_in_each_total() {
    let tree = Tree::new();
    tree.file("a/x/one", vec![0; 1000]).dir("a/y").dir("b");
    tree.hard_link("a/x/again", "a/x/one").hard_link("a/y/two", "a/x/one").hard_link("b/three", "a/x/one");
    tree.file("b/own", vec![0; 10]);
    let done = spec("inventory", &tree.path()).run();
    let size = |path: &str| done.by_path("directories")[path.as_bytes()].integer("size_bytes");
    let sizes = ["a/x", "a/y", "a", "b", "."].map(size);
    assert_eq!(sizes, [1000, 1000, 1000, 1010, 1010]);
    let files = |path: &str| done.by_path("directories")[path.as_bytes()].integer("files");
    assert_eq!(["a/x", "a/y", "a", "b", "."].map(files), [2, 1, 3, 2, 5]);
    assert_eq!(done.summary()["size_bytes"], 1010);
    let groups = done.table("by_owner");
    assert_eq!((groups[0].integer("files"), groups[0].integer("size_bytes")), (5, 1010));
}

#[test]
fn directories_have_depth_and_counts() {
    let tree = Tree::new();
    tree.file("a/b/c/file", "12345").dir("a/empty");
    let done = spec("inventory", &tree.path()).run();
    let rows = done.by_path("directories");
    let of = |path: &str| {
        let row = &rows[path.as_bytes()];
        (row.integer("depth"), row.integer("files"), row.integer("directories"), row.integer("size_bytes"))
    };
    assert_eq!(of("."), (0, 1, 4, 5));
    assert_eq!(of("a"), (1, 1, 3, 5));
    assert_eq!(of("a/empty"), (2, 0, 0, 0));
    assert_eq!(of("a/b/c"), (3, 1, 0, 5));
    let all = naive::entries(&tree.path());
    let allocated = naive::totals(&tree.path(), b"", &all).allocated;
    assert_eq!(rows[&b"."[..]].integer("allocated_bytes"), allocated as i64);
}

#[test]
fn groups_are_by_extension_owner_and_age() {
    let tree = Tree::new();
    tree.file("a.txt", "123").file("b.TXT", "45").file("c", "6").file(".hidden", "").file("d.tar.gz", "7");
    tree.link("l.txt", "a.txt");
    let days = |days: i64| 1_700_000_000 - days * 86_400;
    tree.modified("a.txt", days(3), 0).modified("b.TXT", days(400), 0).modified("c", days(-1), 0);
    tree.modified(".hidden", days(3000), 0).modified("d.tar.gz", days(0), 0);
    let done = spec("inventory", &tree.path()).option("age_reference", "2023-11-14T22:13:20Z").run();
    let by = |table: &str, key: &str| -> BTreeMap<String, (i64, i64)> {
        let rows = done.table(table);
        rows.iter().map(|row| (row.text(key).to_owned(), (row.integer("files"), row.integer("size_bytes")))).collect()
    };
    let extensions = [("txt", (2, 5)), ("", (2, 1)), ("gz", (1, 1))];
    assert_eq!(by("by_extension", "extension"), extensions.map(|(name, sums)| (name.to_owned(), sums)).into());
    let ages = by("by_age", "age");
    assert_eq!(ages.len(), 9);
    assert_eq!(ages["< 1 week"], (1, 3));
    assert_eq!(ages["< 2 years"], (1, 2));
    assert_eq!(ages["5 years and more"], (1, 0));
    assert_eq!(ages["< 1 day"], (1, 1));
    assert_eq!(ages["in the future"].0, 2, "the file of tomorrow, and the link that was made just now");
    let indices: Vec<_> = done.table("by_age").iter().map(|row| row.integer("age_index")).collect();
    assert_eq!(indices, (0..9).collect::<Vec<_>>());
    for table in ["by_extension", "by_owner", "by_age"] {
        let allocated: i64 = done.table(table).iter().map(|row| row.integer("allocated_bytes")).sum();
        assert_eq!(allocated, 4 * 4096, "{table}: four files hold a block each");
    }
    let largest = done.table("by_extension");
    assert_eq!(largest[0].text("extension"), "txt", "most bytes first");
}

#[test]
fn size_histogram_has_powers_of_two() {
    let tree = Tree::new();
    for (name, size) in [("0", 0), ("1", 1), ("2", 2), ("3", 3), ("4", 4), ("7", 7), ("8", 8)] {
        tree.file(name, vec![0; size]);
    }
    let rows = spec("inventory", &tree.path()).run().table("size_histogram");
    let of = |row: &Row| ["lower_bytes", "upper_bytes", "files", "size_bytes"].map(|column| row.integer(column));
    let expected = [[0, 0, 1, 0], [1, 1, 1, 1], [2, 3, 2, 5], [4, 7, 2, 11], [8, 15, 1, 8]];
    assert_eq!(rows.iter().map(of).collect::<Vec<_>>(), expected);
}

#[test]
fn largest_files_and_directories_are_ordered_and_limited() {
    let tree = Tree::new();
    for number in 0..50 {
        tree.file(format!("d{number}/f{number:02}"), vec![0; number * 10]);
    }
    tree.file("tie", vec![0; 490]).file("a-tie", vec![0; 490]);
    let done = spec("inventory", &tree.path()).option("largest_count", 3).run();
    let names: Vec<_> = done.table("largest_files").iter().map(|row| row.text("path").to_owned()).collect();
    assert_eq!(names, ["a-tie", "d49/f49", "tie"], "ties by path");
    let result = done.by_path("result");
    assert!(done.table("largest_files").iter().all(|row| result[&row.path()] == *row), "the same rows as in result");
    let directories = done.table("largest_directories");
    assert_eq!(directories.iter().map(|row| row.text("path")).collect::<Vec<_>>(), ["d49", "d48", "d47"]);
    let all = done.by_path("directories");
    assert!(directories.iter().all(|row| all[&row.path()] == *row));
}

#[test]
fn empty_lists_files_and_directories_with_nothing_in_them() {
    let tree = Tree::new();
    tree.file("empty-file", "").file("full", "x").dir("empty-dir").file("only-hidden/.x", "y").fifo("pipe");
    let done = spec("inventory", &tree.path()).run();
    let rows = done.by_path("empty");
    let kinds: Vec<_> = rows.iter().map(|(path, row)| (path.as_slice(), row.text("kind"))).collect();
    assert_eq!(kinds, [(&b"empty-dir"[..], "directory"), (b"empty-file", "file")]);
    assert_eq!((&done.summary()["empty_files"], &done.summary()["empty_directories"]), (&json!(1), &json!(1)));
    // Not empty, only nothing of it was asked for.
    let done = spec("inventory", &tree.path()).walk("include_hidden", false).run();
    assert!(!done.by_path("empty").contains_key(&b"only-hidden"[..]));
}

#[test]
fn an_empty_source_gives_whole_tables() {
    let tree = Tree::new();
    let done = spec("inventory", &tree.path()).threads(4).run();
    assert_eq!(done.by_path("directories").len(), 1);
    let names = ["result", "by_extension", "size_histogram", "largest_files", "largest_directories", "not_covered"];
    for name in names {
        assert_eq!(done.shards(name).len(), 1, "{name} has one file, for its columns");
        assert!(done.table(name).is_empty(), "{name}");
    }
    assert_eq!(done.table("empty")[0].text("path"), ".");
    let summary = done.summary();
    assert_eq!(summary["files"], 0);
    assert!(summary["percentiles"].as_object().unwrap().values().all(|value| value.is_null()));
}

#[test]
fn summary_counts_kinds_and_percentiles() {
    let tree = Tree::new();
    for size in 1..=100 {
        tree.file(format!("f{size}"), vec![0; size]);
    }
    tree.link("l", "f1").fifo("p").dir("d").socket("s");
    let done = spec("inventory", &tree.path()).run();
    let summary = done.summary();
    let all = naive::entries(&tree.path());
    let totals = naive::totals(&tree.path(), b"", &all);
    assert_eq!(summary["files"], 100);
    assert_eq!(summary["directories"], 1);
    assert_eq!((&summary["symlinks"], &summary["others"]), (&json!(1), &json!(2)));
    assert_eq!(summary["size_bytes"], 5050 + 2);
    assert_eq!(summary["allocated_bytes"], totals.allocated);
    assert_eq!(summary["small_files"], 100);
    for (name, exact) in [("p10", 10.0), ("p25", 25.0), ("p50", 50.0), ("p75", 75.0), ("p90", 90.0), ("p99", 99.0)] {
        let value = summary["percentiles"][name].as_f64().unwrap();
        assert!(value <= exact && exact - value <= exact / 64.0, "{name} = {value}");
    }
    assert_eq!(summary["percentiles"]["max"], 100);
    assert_eq!((done.count("files"), done.count("directories"), done.count("bytes")), (103, 2, 5052));
}

#[test]
fn times_before_the_epoch_and_beyond_reason_do_not_break_anything() {
    let tree = Tree::new();
    tree.file("1969", "x").modified("1969", -1, 500_000_000);
    tree.file("1901", "x").modified("1901", -2_000_000_000, 0);
    tree.file("2400", "x").modified("2400", 13_569_465_600, 0);
    let done = spec("inventory", &tree.path()).run();
    let rows = done.by_path("result");
    assert_eq!(rows[&b"1969"[..]].0["modified"], Cell::Time(-500_000_000));
    let kept = fs::metadata(tree.at("1901")).unwrap().mtime();
    assert_eq!(rows[&b"1901"[..]].0["modified"], Cell::Time(kept * 1_000_000_000));
    // 2400 does not fit into 64 bits of nanoseconds; a file system that clamps it keeps what it clamped to.
    let fits = fs::metadata(tree.at("2400")).unwrap().mtime() < i64::MAX / 1_000_000_000;
    assert!(fits || rows[&b"2400"[..]].is_null("modified"));
    let ages = done.table("by_age");
    assert_eq!(ages[8].integer("files"), 2, "both old ones are 5 years and more");
    assert_eq!(ages[0].integer("files"), 1, "the other is in the future");
    let filtered = spec("inventory", &tree.path()).walk("modified_before", "1970-01-01T00:00:00Z").run();
    assert_eq!(filtered.by_path("result").len(), 2);
}

#[test]
fn sparse_files_differ_in_apparent_and_allocated_size() {
    let tree = Tree::new();
    tree.sparse("sparse", 1 << 30);
    let done = spec("inventory", &tree.path()).run();
    let row = &done.table("result")[0];
    assert_eq!(row.integer("size_bytes"), 1 << 30);
    assert!(row.integer("allocated_bytes") < 1 << 20);
    assert_eq!(done.table("directories")[0].integer("size_bytes"), 1 << 30);
}

#[test]
fn small_shards_hold_every_row_exactly_once() {
    let tree = Tree::in_memory();
    for number in 0..1000 {
        tree.file(format!("d{}/f{number}", number % 37), if number % 3 == 0 { "" } else { "x" });
    }
    let done = spec("inventory", &tree.path()).output("shard_rows", 7).run();
    assert_eq!(done.by_path("result").len(), 1037);
    assert_eq!(done.by_path("directories").len(), 38);
    assert_eq!(done.by_path("empty").len(), 334);
    for table in ["result", "directories", "empty"] {
        let shards = done.shards(table);
        assert!(shards.iter().all(|shard| (1..=7).contains(&crate::common::rows::read(shard).len())), "{table}");
    }
    let done = spec("inventory", &tree.path()).output("shard_bytes", 1).run();
    assert_eq!(done.by_path("result").len(), 1037);
}

#[test]
fn one_directory_of_many_entries_is_complete() {
    let tree = Tree::in_memory();
    for number in 0..10_000 {
        fs::write(tree.at(format!("f{number}")), "").unwrap();
    }
    for threads in [1, 3] {
        let done = spec("inventory", &tree.path()).threads(threads).run();
        assert_eq!(done.by_path("result").len(), 10_000);
        assert_eq!(done.summary()["empty_files"], 10_000);
    }
}

#[test]
fn folders_that_are_listed_and_not_entered_count() {
    let tree = Tree::new();
    tree.file("a/b/c", "x").file("f", "yy");
    let done = spec("inventory", &tree.path()).walk("max_depth", 1).run();
    assert_eq!(done.by_path("result").len(), 2);
    assert_eq!((&done.summary()["directories"], &done.summary()["files"]), (&json!(1), &json!(1)));
    let row = &done.table("directories")[0];
    assert_eq!((row.integer("directories"), row.integer("files"), row.integer("size_bytes")), (1, 1, 2));
    let rows = done.table("not_covered");
    assert_eq!((rows[0].text("path"), rows[0].text("reason")), ("a", "depth"));
    assert_eq!(done.count("not_covered"), 1);
}

#[test]
fn tables_have_their_declared_columns() {
    let tree = Tree::new();
    tree.file("a", "x");
    let done = spec("inventory", &tree.path()).run();
    let declared = pravah_engine::declarations();
    let names = |columns: &serde_json::Value| -> Vec<String> {
        columns.as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap().to_owned()).collect()
    };
    for (table, of) in declared["operations"]["inventory"]["tables"].as_object().unwrap() {
        assert_eq!(columns(&done.shards(table)[0]), names(of), "{table}");
    }
    assert_eq!(columns(&done.folder().join("issues.parquet")), names(&declared["issues"]));
}

/// A step of building a random tree; what cannot be done (a name that is taken) is left out.
#[derive(Debug, Clone)]
enum Step {
    File(usize, Vec<u8>, usize),
    Directory(usize, Vec<u8>),
    HardLink(usize, Vec<u8>, usize),
    Symlink(usize, Vec<u8>, Vec<u8>),
    Fifo(usize, Vec<u8>),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => b'a'..=b'e', 1 => Just(b'.'), 1 => 1..=255u8];
    proptest::collection::vec(byte, 1..8)
        .prop_filter("no name", |name| !name.contains(&b'/') && name != b"." && name != b"..")
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = 0..1000usize;
    let step = prop_oneof![
        4 => (place.clone(), name(), 0..20_000usize).prop_map(|(at, name, size)| Step::File(at, name, size)),
        3 => (place.clone(), name()).prop_map(|(at, name)| Step::Directory(at, name)),
        2 => (place.clone(), name(), place.clone()).prop_map(|(at, name, of)| Step::HardLink(at, name, of)),
        1 => (place.clone(), name(), name()).prop_map(|(at, name, to)| Step::Symlink(at, name, to)),
        1 => (place, name()).prop_map(|(at, name)| Step::Fifo(at, name)),
    ];
    proptest::collection::vec(step, 0..60)
}

fn build(steps: &[Step]) -> Tree {
    let tree = Tree::in_memory();
    let mut directories = vec![Vec::new()];
    let mut files: Vec<Vec<u8>> = Vec::new();
    for step in steps {
        let (Step::File(at, name, _)
        | Step::Directory(at, name)
        | Step::HardLink(at, name, _)
        | Step::Symlink(at, name, _)
        | Step::Fifo(at, name)) = step;
        let path = [&directories[at % directories.len()][..], name].concat();
        if tree.at(&path).symlink_metadata().is_ok() {
            continue;
        }
        let _: &Tree = match step {
            Step::File(_, _, size) => {
                files.push(path.clone());
                tree.file(&path, vec![7; *size])
            }
            Step::Directory(..) => {
                directories.push([&path[..], b"/"].concat());
                tree.dir(&path)
            }
            Step::HardLink(_, _, of) if !files.is_empty() => tree.hard_link(&path, &files[of % files.len()]),
            Step::HardLink(..) => continue,
            Step::Symlink(_, _, to) => tree.link(&path, to),
            Step::Fifo(..) => tree.fifo(&path),
        };
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(60), rng_seed: RngSeed::Fixed(seed(0x1_0e17_0a11)), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn totals_equal_a_naive_walk_of_random_trees(steps in steps(), threads in 1..4usize, shard_rows in 1..40u64) {
        let tree = build(&steps);
        let all = naive::entries(&tree.path());
        let done = spec("inventory", &tree.path()).threads(threads).output("shard_rows", shard_rows).run();
        let rows = done.by_path("result");
        prop_assert_eq!(rows.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
        for (path, metadata) in &all {
            prop_assert_eq!(rows[path].integer("size_bytes"), metadata.len() as i64);
            prop_assert_eq!(rows[path].integer("link_count"), metadata.nlink() as i64);
        }
        let directories = done.by_path("directories");
        let expected = all.iter().filter(|(_, metadata)| metadata.is_dir()).map(|(path, _)| path.clone());
        let expected: Vec<Vec<u8>> = expected.chain([Vec::new()]).collect();
        prop_assert_eq!(directories.len(), expected.len());
        for path in expected {
            let row = &directories[if path.is_empty() { &b"."[..] } else { &path }];
            let wanted = naive::totals(&tree.path(), &path, &all);
            let integer = |column: &str| row.integer(column) as u64;
            let got = naive::Totals {
                files: integer("files"),
                directories: integer("directories"),
                size: integer("size_bytes"),
                allocated: integer("allocated_bytes"),
            };
            prop_assert_eq!(got, wanted, "{:?}", path);
        }
        for table in ["by_owner", "by_age"] {
            let sum: i64 = done.table(table).iter().map(|row| row.integer("size_bytes")).sum();
            prop_assert_eq!(sum, directories[&b"."[..]].integer("size_bytes"), "{}", table);
        }
    }
}
