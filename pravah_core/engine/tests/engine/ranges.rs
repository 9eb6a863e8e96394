//! Large files range by range: by several workers, and by an attempt that goes on where another one died.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::common::again::{baselines, names, reused, watched};
use crate::common::bucket::{Bucket, Fault};
use crate::common::digests::{digest, noise};
use crate::common::rows::Cell;
use crate::common::run::{Done, Spec, files_below, spec};
use crate::common::tree::{Tree, temporary_in_memory};
use crate::plan::{of_list, plan};
use pravah_engine::Cut;
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::EngineError;
use pravah_foundation::io::digest::PART_BYTES;
use serde_json::json;

/// As many splits as there may be.
const FINE: Cut = Cut { files: 1, bytes: 1, workers: 8 };
const NAME: &[u8] = b"d/large\n\xff";

/// A file of zeros with some noise in each part and at its end.
fn large(tree: &Tree, name: &[u8], size: u64) {
    tree.sparse(name, size);
    let file = fs::File::options().write(true).open(tree.at(name)).unwrap();
    for start in (0..size).step_by(PART_BYTES as usize) {
        file.write_all_at(&noise(5000.min(size - start) as usize, start), start).unwrap();
    }
}

fn tree(size: u64) -> Tree {
    let tree = Tree::in_memory();
    large(&tree, NAME, size);
    tree.file("small", "some text").file("d/empty", "");
    tree
}

fn checksum(tree: &Tree) -> Spec {
    spec("checksum", &tree.path())
}

fn digests(done: &Done) -> BTreeMap<Vec<u8>, Cell> {
    done.by_path("result").into_iter().map(|(path, mut row)| (path, row.0.remove("blake3").unwrap())).collect()
}

fn by_b3(tree: &Tree, names: &[&[u8]]) -> BTreeMap<Vec<u8>, Cell> {
    let of = |name: &&[u8]| (name.to_vec(), Cell::Text(digest("blake3", &fs::read(tree.at(name)).unwrap())));
    names.iter().map(of).collect()
}

/// Where the parts begin that a job has kept, and how long they are.
fn parts(done: &Done) -> Vec<(u64, u64)> {
    if !done.own_folder().join("parts").exists() {
        return Vec::new();
    }
    let number = |cell: &Cell| match cell {
        Cell::Integer(number) => *number as u64,
        other => panic!("{other:?}"),
    };
    let of = |row: &crate::common::rows::Row| (number(&row.0["offset"]), number(&row.0["length"]));
    let mut parts: Vec<_> = done.table("parts").iter().map(of).collect();
    parts.sort_unstable();
    parts
}

/// All but the parts, which are kept by whoever hashes them.
fn same(found: &Done, expected: &Done) {
    assert_eq!(found.by_path("result"), expected.by_path("result"));
    assert_eq!(found.issue_kinds(), expected.issue_kinds());
    let lines = |done: &Done| String::from_utf8(done.read("manifest.b3")).unwrap().lines().map(str::to_owned).collect();
    let [found, expected]: [BTreeSet<String>; 2] = [lines(found), lines(expected)];
    assert_eq!(found, expected);
}

/// The whole job, with what its splits have found.
fn put_together(spec: &Spec, splits: &[Done]) -> Spec {
    let mut whole = spec.clone();
    let shards = |split: &Done| {
        let parts = if parts(split).is_empty() { Vec::new() } else { split.shards("parts") };
        [split.shards("result"), parts].concat()
    };
    whole.0["splits"] = json!({"checksum": splits.iter().flat_map(shards).collect::<Vec<PathBuf>>()});
    whole
}

#[test]
fn a_file_has_its_digest_however_many_parts_it_has() {
    for (size, expected) in [
        (PART_BYTES, 0),
        (PART_BYTES + 1, 2),
        (2 * PART_BYTES, 2),
        (3 * PART_BYTES - 1, 3),
        (5 * PART_BYTES + 12_345, 6),
    ] {
        let tree = tree(size);
        for threads in [1, 3] {
            let done = checksum(&tree).threads(threads).run();
            assert_eq!(digests(&done), by_b3(&tree, &[NAME, b"small", b"d/empty"]), "{size}");
            let starts = (0..expected).map(|part| part * PART_BYTES);
            let of = |start| (start, PART_BYTES.min(size - start));
            assert_eq!(parts(&done), starts.map(of).collect::<Vec<_>>(), "{size}");
        }
        // Beside other algorithms it is read from its begin to its end.
        let both = checksum(&tree).option("algorithms", json!(["sha256", "blake3"])).run();
        assert_eq!((digests(&both), parts(&both)), (by_b3(&tree, &[NAME, b"small", b"d/empty"]), Vec::new()));
    }
}

#[test]
fn ranges_are_a_file_once_and_its_digest_is_put_together_without_reading_it() {
    let size = 5 * PART_BYTES + 12_345;
    let tree = tree(size);
    let spec = checksum(&tree);
    let alone = spec.run();
    for cut in [FINE, Cut { bytes: 2 * PART_BYTES - 1, ..FINE }, Cut { workers: 1, bytes: 4 * PART_BYTES, ..FINE }] {
        let folder = temporary_in_memory("plan");
        let splits = plan(&spec, folder.path(), cut);
        assert!(splits.len() > 2, "{cut:?}: {splits:?}");
        assert_eq!(splits.iter().fold((0, 0), |all, split| (all.0 + split.1, all.1 + split.2)), (3, size + 9));
        let done: Vec<Done> = splits.iter().map(|(list, ..)| of_list(&spec, list)).collect();
        for (one, (_, files, bytes)) in done.iter().zip(&splits) {
            assert_eq!((one.count("files"), one.count("bytes")), (*files, *bytes));
        }
        let mut all: Vec<_> = done.iter().flat_map(parts).collect();
        all.sort_unstable();
        assert_eq!(all, parts(&alone), "each part is in one split");
        let (whole, opened) = watched(&put_together(&spec, &done), &tree.path());
        assert_eq!(opened, BTreeSet::new());
        same(&whole, &alone);
        assert_eq!((reused(&whole), whole.count("bytes")), (0, size + 9));
    }
}

#[test]
fn only_what_takes_parts_is_given_ranges() {
    let tree = tree(3 * PART_BYTES);
    for spec in [
        checksum(&tree).option("algorithms", json!(["md5"])),
        checksum(&tree).option("algorithms", json!(["blake3", "sha1"])),
        checksum(&tree).and("text_statistics"),
        spec("text_statistics", &tree.path()),
    ] {
        let folder = temporary_in_memory("plan");
        let splits = plan(&spec, folder.path(), FINE);
        assert_eq!(splits.iter().map(|split| split.1).collect::<Vec<_>>(), [1, 1, 1]);
        let lists = splits.iter().map(|(list, ..)| fs::read(list).unwrap());
        assert!(lists.into_iter().all(|list| !list.contains(&b'/')));
    }
}

#[test]
fn an_attempt_goes_on_with_the_parts_that_are_missing() {
    let tree = tree(4 * PART_BYTES + 1);
    let spec = checksum(&tree);
    let folder = temporary_in_memory("plan");
    let splits = plan(&spec, folder.path(), FINE);
    // An attempt that died after some parts: what it leaves are the same rows.
    let some: Vec<Done> = splits[1..4].iter().map(|(list, ..)| of_list(&spec, list)).collect();
    let some: Vec<&Done> = some.iter().filter(|split| !parts(split).is_empty()).collect();
    let done: usize = some.iter().map(|split| parts(split).len()).sum();
    assert!(done > 1, "{splits:?}");
    let on = spec.clone().baselines(baselines(&some, &["parts"]));
    let (second, opened) = watched(&on, &tree.path());
    assert_eq!(opened, names(&["d/large\n\u{fffd}", "small", "d/empty"]));
    assert_eq!((parts(&second).len(), reused(&second)), (5 - done, 0));
    same(&second, &spec.run());
    // A plan names only what is missing; once nothing is, the file is not opened again.
    let left = temporary_in_memory("left");
    let planned = plan(&on, left.path(), FINE);
    let bytes = planned.iter().map(|split| split.2).sum::<u64>();
    assert_eq!(bytes, 9 + parts(&second).iter().map(|part| part.1).sum::<u64>());
    let all = [&some[..], &[&second]].concat();
    let third = spec.clone().baselines(baselines(&all, &["parts"]));
    let (third, opened) = watched(&third, &tree.path());
    assert_eq!(opened, names(&["small", "d/empty"]));
    assert_eq!((parts(&third).len(), reused(&third)), (0, 1));
    // A file of which an earlier job knows the digest is in no plan, whatever is known of its parts.
    let known = spec.clone().baselines(baselines(&[&third], &["result"]));
    assert!(plan(&known, temporary_in_memory("known").path(), FINE).is_empty());
}

#[test]
fn an_attempt_that_ends_in_the_middle_of_a_file_has_left_its_parts() {
    let tree = Tree::in_memory();
    large(&tree, NAME, 128 * PART_BYTES);
    let spec = checksum(&tree).output("shard_seconds", 0.0).threads(1);
    let control = Arc::new(Control::new());
    let watching = Arc::clone(&control);
    let ends = std::thread::spawn(move || {
        while watching.shards(0).is_empty() {
            std::thread::yield_now();
        }
        watching.cancel();
    });
    let (output, job) = spec.prepare();
    let ended = job.unwrap().run(&control);
    ends.join().unwrap();
    assert!(matches!(ended, Err(EngineError::Cancelled)), "{ended:?}");
    let left: Vec<PathBuf> = files_below(output.path())
        .into_iter()
        .filter(|name| name.contains("parts/part-"))
        .map(|name| output.path().join(name))
        .collect();
    let on = spec.clone().baselines(json!({"checksum": left})).run();
    let computed = parts(&on).len();
    assert!(0 < computed && computed < 128, "{computed}");
    assert_eq!(on.by_path("result"), spec.run().by_path("result"));
}

#[test]
fn parts_of_a_file_that_changed_are_parts_no_more() {
    let tree = tree(3 * PART_BYTES + 5);
    let spec = checksum(&tree);
    let folder = temporary_in_memory("plan");
    let splits = plan(&spec, folder.path(), FINE);
    let before: Vec<Done> = splits[..2].iter().map(|(list, ..)| of_list(&spec, list)).collect();
    let file = fs::File::options().write(true).open(tree.at(NAME)).unwrap();
    file.write_all_at(b"changed", PART_BYTES - 3).unwrap();
    let after: Vec<Done> = splits[2..].iter().map(|(list, ..)| of_list(&spec, list)).collect();
    let done: Vec<Done> = [before, after].into_iter().flatten().collect();
    let (whole, opened) = watched(&put_together(&spec, &done), &tree.path());
    assert!(opened.contains("d/large\n\u{fffd}"), "{opened:?}");
    assert_eq!(digests(&whole), by_b3(&tree, &[NAME, b"small", b"d/empty"]));
    // A plan is no promise: the file is shorter, has no parts any more, is a directory, is gone.
    for size in [2 * PART_BYTES + 1, PART_BYTES, 0] {
        file.set_len(size).unwrap();
        let done: Vec<Done> = splits.iter().map(|(list, ..)| of_list(&spec, list)).collect();
        assert_eq!(done.iter().flat_map(parts).count() as u64, if size > PART_BYTES { 3 } else { 0 });
        assert!(done.iter().all(|split| split.issues().is_empty()));
        assert_eq!(digests(&put_together(&spec, &done).run()), by_b3(&tree, &[NAME, b"small", b"d/empty"]));
    }
    fs::remove_file(tree.at(NAME)).unwrap();
    for _ in 0..2 {
        let done: Vec<Done> = splits.iter().map(|(list, ..)| of_list(&spec, list)).collect();
        assert!(done.iter().all(|split| split.issues().is_empty() && parts(split).is_empty()));
        tree.dir(NAME);
    }
}

#[test]
fn a_range_of_any_list_is_of_whole_parts() {
    let tree = tree(2 * PART_BYTES + 5);
    let folder = temporary_in_memory("plan");
    let list = folder.path().join("list");
    let last = (2 * PART_BYTES, 5);
    for (range, expected) in [
        (format!("1/{}", u64::MAX), vec![(PART_BYTES, PART_BYTES), last]),
        (format!("{}/{}", PART_BYTES + 1, 3 * PART_BYTES), vec![last]),
        (format!("0/{}", PART_BYTES - 1), vec![(0, PART_BYTES)]),
        (format!("{}/{}", u64::MAX - 1, u64::MAX), vec![]),
        ("9/1".into(), vec![]),
    ] {
        fs::write(&list, [b"d\0large\n\xff/", range.as_bytes(), b"\0\0"].concat()).unwrap();
        assert_eq!(parts(&of_list(&checksum(&tree), &list)), expected, "{range}");
    }
}

#[test]
fn parts_that_are_broken_or_not_of_this_file_are_of_no_use() {
    let (tree, other) = (tree(2 * PART_BYTES), Tree::in_memory());
    large(&other, NAME, 2 * PART_BYTES);
    let (spec, expected) = (checksum(&tree), by_b3(&tree, &[NAME, b"small", b"d/empty"]));
    let first = spec.run();
    let stranger = checksum(&other).run();
    let mut shards = [stranger.shards("parts"), first.shards("result")].concat();
    let broken = tree.beside("parts/part-00000.parquet");
    fs::create_dir(broken.parent().unwrap()).unwrap();
    let bytes = fs::read(&first.shards("parts")[0]).unwrap();
    fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    shards[1] = broken;
    let done = spec.clone().baselines(json!({"checksum": shards})).run();
    assert_eq!((digests(&done), parts(&done).len()), (expected, 2));
}

fn object(size: usize) -> Vec<u8> {
    let mut content = vec![0; size];
    content[..4000].copy_from_slice(&noise(4000, 1));
    content[size - 4000..].copy_from_slice(&noise(4000, 2));
    content
}

#[test]
fn ranges_of_an_object_are_all_that_is_fetched_of_it() {
    let size = PART_BYTES as usize + (20 << 20);
    let content = object(size);
    let bucket = Bucket::new([("in/large", content.clone()), ("in/small", b"some text".to_vec())]);
    let spec = bucket.spec("checksum", "in/");
    let folder = temporary_in_memory("plan");
    let splits = plan(&spec, folder.path(), FINE);
    assert_eq!(splits.iter().map(|split| split.2).sum::<u64>(), size as u64 + 9);
    bucket.asked();
    let mut done = Vec::new();
    for (list, _, bytes) in &splits {
        done.push(of_list(&spec, list));
        let fetched: usize =
            bucket.asked().iter().filter_map(|asked| asked.range).map(|(start, end)| end.min(size) - start).sum();
        assert!(fetched as u64 == *bytes || *bytes == 9, "{fetched} of {bytes}");
    }
    let whole = put_together(&spec, &done).run();
    assert!(bucket.asked().iter().all(|asked| asked.key.is_empty()), "nothing is read once more");
    let expected = Cell::Text(digest("blake3", &content));
    assert_eq!(digests(&whole)[&b"large"[..]], expected);
    // Alone it is read in parts as well, and goes on from those that are there.
    let some: Vec<&Done> = done.iter().filter(|split| !parts(split).is_empty()).take(1).collect();
    let on = spec.baselines(baselines(&some, &["parts"])).run();
    assert_eq!((&digests(&on)[&b"large"[..]], parts(&on).len()), (&expected, 1));
    assert!(bucket.asked().iter().all(|asked| asked.key != "in/large" || asked.range.is_some()));
}

#[test]
fn an_object_that_is_replaced_between_its_parts_is_read_as_what_it_is() {
    let size = PART_BYTES as usize + (9 << 20);
    let (content, other) = (object(size), object(size - 1));
    let bucket = Bucket::new([("in/large", content.clone())]);
    let spec = bucket.spec("checksum", "in/").threads(1);
    let mut asked = 0;
    let replaced = other.clone();
    bucket.fault(move |what, objects| {
        asked += usize::from(what.range.is_some());
        if asked == 9 {
            objects.insert("in/large".into(), replaced.clone());
        }
        None::<Fault>
    });
    let done = spec.run();
    assert_eq!(digests(&done)[&b"large"[..]], Cell::Text(digest("blake3", &other)));
    assert!(done.issues().is_empty());
    // The parts of what it was are parts of nothing now.
    let again = spec.clone().baselines(baselines(&[&done], &["result"])).run();
    assert_eq!((reused(&again), digests(&again)), (1, digests(&done)));
}
