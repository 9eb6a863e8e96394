//! verify, compress and convert again: what an earlier attempt has digested or made is neither read nor made again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::common::again::{baselines, names, reused, same, watched};
use crate::common::digests::{digest, noise};
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, hostile_names};
use serde_json::json;

fn tree() -> Tree {
    let tree = Tree::in_memory();
    for number in 0..40_u64 {
        tree.file(format!("{}/{number}", number % 3), noise(500 + number as usize, number));
    }
    tree.file("0/empty", "").file("0/large", noise(3 << 20, 1)).link("1/link", "nowhere").dir("none");
    for name in hostile_names() {
        tree.file([b"2/", &name[..name.len().min(200)]].concat(), "some text");
    }
    tree
}

fn kept(done: &Done, table: &str) -> u64 {
    done.table(table).len() as u64
}

#[test]
fn digests_of_an_earlier_attempt_are_compared_with_what_is_listed_now() {
    let tree = tree();
    let list = |names: &[&str]| {
        let line = |name: &&str| format!("{}  {name}\n", digest("sha256", &fs::read(tree.at(name)).unwrap()));
        fs::write(tree.beside("SHA256SUMS"), names.iter().map(line).collect::<String>()).unwrap();
    };
    let verify = || spec("verify", &tree.path()).option("manifest", tree.beside("SHA256SUMS").to_str().unwrap());
    let again = |known: &Done| watched(&verify().baselines(baselines(&[known], &["digests"])), &tree.path());
    list(&["0/0", "1/1", "0/large"]);
    let first = verify().run();
    let (second, opened) = again(&first);
    assert_eq!((reused(&second), opened), (kept(&first, "digests"), BTreeSet::new()));
    assert!(reused(&second) > 50 && second.summary()["verdict"] == "verified");
    same(&second, &first);
    // The manifest is another one, and two files are.
    list(&["0/0", "1/1", "2/2", "2/5"]);
    tree.file("1/1", "changed").file("new", "");
    fs::rename(tree.at("2/2"), tree.at("2/moved")).unwrap();
    let (third, opened) = again(&second);
    assert_eq!(opened, names(&["1/1", "new", "2/moved"]));
    same(&third, &verify().run());
    let statuses = &third.summary()["statuses"];
    assert_eq!((&statuses["ok"], &statuses["changed"], &statuses["moved"]), (&json!(2), &json!(1), &json!(1)));
    // Digests by another algorithm are none of these; files that are not asked for are not looked up.
    fs::write(tree.beside("SHA256SUMS"), format!("{}  0/0\n", digest("md5", &fs::read(tree.at("0/0")).unwrap())))
        .unwrap();
    let other = verify().option("algorithm", "md5").baselines(baselines(&[&third], &["digests"])).run();
    assert_eq!((reused(&other), &other.summary()["statuses"]["ok"]), (0, &json!(1)));
    let listed = verify().option("algorithm", "md5").option("detect_moves", false);
    let (listed, opened) = watched(&listed.baselines(baselines(&[&other], &["digests"])), &tree.path());
    assert_eq!((reused(&listed), opened, kept(&listed, "digests")), (1, BTreeSet::new(), 1));
}

fn compress(tree: &Tree, destination: &Path) -> Spec {
    spec("compress", &tree.path()).option("destination", destination.to_str().unwrap()).output("job", "a job")
}

/// Content and inode of each file.
fn there(destination: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u64)> {
    let entries = walkdir::WalkDir::new(destination).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path());
    let of = |path: PathBuf| {
        let name = path.strip_prefix(destination).unwrap().to_owned();
        (name, (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().ino()))
    };
    files.map(of).collect()
}

/// All but what the outputs are known by.
fn same_but_outputs(again: &Done, fresh: &Done) {
    for table in ["result", "by_extension"] {
        let [mut found, mut expected] = [again, fresh].map(|done| done.table(table));
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{table}");
    }
    assert_eq!(kept(again, "made"), kept(fresh, "made"));
    for name in ["files", "bytes", "packed_bytes", "links"] {
        assert_eq!(again.summary()[name], fresh.summary()[name], "{name}");
    }
}

#[test]
fn what_an_earlier_attempt_has_made_is_made_again_only_where_it_is_not_as_it_was() {
    let tree = tree();
    let destination = tree.beside("packed");
    let first = compress(&tree, &destination).run();
    let (before, all) = (there(&destination), kept(&first, "made"));
    assert!(reused(&first) == 0 && all > 50 && all == kept(&first, "result"));
    let again =
        |known: &Done| watched(&compress(&tree, &destination).baselines(baselines(&[known], &["made"])), &tree.path());
    let (second, opened) = again(&first);
    assert_eq!((reused(&second), opened), (all, BTreeSet::new()));
    assert_eq!(there(&destination), before);
    same(&second, &first);
    // Inputs that are others; outputs that are gone, cut, written over with one of the same size and time, or no file.
    tree.file("0/0", "changed").file("new", "");
    let at = |name: &str| destination.join(name);
    fs::remove_file(at("0/3.zst")).unwrap();
    File::options().write(true).open(at("0/large.zst")).unwrap().set_len(100).unwrap();
    let seen = fs::metadata(at("1/1.zst")).unwrap();
    fs::write(at("1/1.zst"), vec![b'x'; seen.len() as usize]).unwrap();
    let times = FileTimes::new().set_modified(seen.modified().unwrap());
    File::options().write(true).open(at("1/1.zst")).unwrap().set_times(times).unwrap();
    fs::remove_file(at("1/4.zst")).unwrap();
    std::os::unix::fs::symlink("1.zst", at("1/4.zst")).unwrap();
    let (third, opened) = again(&second);
    assert_eq!(opened, names(&["0/0", "new", "0/3", "0/large", "1/1", "1/4"]));
    let elsewhere = tree.beside("elsewhere");
    let fresh = compress(&tree, &elsewhere).run();
    same_but_outputs(&third, &fresh);
    let contents = |place: &Path| there(place).into_iter().map(|(name, (bytes, _))| (name, bytes)).collect::<Vec<_>>();
    assert_eq!(contents(&destination), contents(&elsewhere));
    // Nothing is taken over where nobody was, by another job, or of other options.
    let known = || baselines(&[&third], &["made"]);
    let nowhere = compress(&tree, &tree.beside("new place")).baselines(known()).run();
    assert_eq!(reused(&nowhere), 0);
    compress(&tree, &destination).output("job", "another job").baselines(known()).fails();
    let other = compress(&tree, &destination).option("level", 9).baselines(known()).run();
    assert_eq!((reused(&other), kept(&other, "made")), (0, all + 1));
}

#[test]
fn what_an_earlier_attempt_has_converted_whole_is_converted_again_only_where_it_is_not_as_it_was() {
    let tree = Tree::in_memory();
    let rows = |count: usize| (0..count).map(|at| format!("{at},2024-01-{:02}\n", 1 + at % 28)).collect::<String>();
    for number in 0..20 {
        tree.file(format!("{}/{number}.csv", number % 3), format!("id,day\n{}", rows(number)));
    }
    for name in hostile_names() {
        tree.file([b"2/", &name[..name.len().min(200)], b".csv"].concat(), "a\n1\n");
    }
    // Read twice, for its last value; and such as are not all told by what they became.
    tree.file("twice.csv", format!("id\n{}x\n", "1\n".repeat(200_000))).file("ragged.csv", "a,b\n1,2\n1\n");
    tree.file("none.txt", "x").file("objects.jsonl", "{\"a\": 1}\n{\"a\": 2}\n");
    let destination = tree.beside("converted");
    let convert = |destination: &Path| {
        let job = spec("convert", &tree.path()).option("destination", destination.to_str().unwrap());
        job.option("column_types", json!(["day=date"])).output("job", "a job")
    };
    let first = convert(&destination).run();
    let (before, all) = (there(&destination), kept(&first, "made"));
    assert!(reused(&first) == 0 && all > 30 && all + 1 == kept(&first, "result"), "{all}");
    let again = |known: &Done| watched(&convert(&destination).baselines(baselines(&[known], &["made"])), &tree.path());
    let (second, opened) = again(&first);
    assert_eq!((reused(&second), opened), (all, names(&["ragged.csv"])));
    same(&second, &first);
    let known_by = |made: &BTreeMap<PathBuf, (Vec<u8>, u64)>| {
        let mut made = made.clone();
        made.retain(|name, _| !name.to_string_lossy().starts_with("ragged"));
        made
    };
    assert_eq!(known_by(&there(&destination)), known_by(&before));
    tree.file("0/0.csv", "id\nx\n");
    fs::remove_file(destination.join("1/1.parquet")).unwrap();
    File::options().write(true).open(destination.join("twice.parquet")).unwrap().set_len(9).unwrap();
    let (third, opened) = again(&second);
    assert_eq!(opened, names(&["0/0.csv", "1/1.csv", "twice.csv", "ragged.csv"]));
    let fresh = convert(&tree.beside("elsewhere")).run();
    for table in ["result", "columns", "rejects", "outputs"] {
        let [mut found, mut expected] = [&third, &fresh].map(|done| done.table(table));
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{table}");
    }
    let contents = |place: &Path| there(place).into_iter().map(|(name, (bytes, _))| (name, bytes)).collect::<Vec<_>>();
    assert_eq!(contents(&destination), contents(&tree.beside("elsewhere")));
    // Where files are arranged, or have columns of others, all are converted.
    for (name, value) in [("columns", json!("union")), ("sort_by", json!(["id"])), ("file_bytes", json!(1 << 20))] {
        let place = tree.beside(name);
        let job = || convert(&place).option(name, value.clone());
        let first = job().run();
        let second = job().baselines(baselines(&[&first], &["result"])).run();
        assert_eq!((reused(&second), second.table("result").len()), (0, first.table("result").len()), "{name}");
    }
}
