//! checksum: digests equal those of the reference crates, manifests are read by the tools they are for, and a
//! file that changes has no wrong digest.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::common::digests::{ALGORITHMS, digest, noise};
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, hostile_names};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::io::digest::{Algorithm, FileReader, Trouble};
use pravah_foundation::source::location::Source;
use pravah_foundation::source::walk::open::Root;
use proptest::prelude::*;

use crate::common::volume::{cases, seed};
use proptest::test_runner::RngSeed;
use serde_json::json;

const MIB: usize = 1 << 20;

fn checksum(tree: &Tree, algorithms: &[&str]) -> Spec {
    spec("checksum", &tree.path()).option("algorithms", json!(algorithms))
}

fn check_digests(done: &Done, algorithms: &[&str], files: &[(Vec<u8>, Vec<u8>)]) {
    let rows = done.by_path("result");
    assert_eq!(rows.len(), files.len());
    for (path, content) in files {
        let row = &rows[path];
        assert_eq!(row.integer("size_bytes"), content.len() as i64);
        for algorithm in algorithms {
            assert_eq!(row.text(algorithm), digest(algorithm, content), "{algorithm} of {path:?}");
        }
    }
}

#[test]
fn reference_digests_are_the_published_ones() {
    let check = |algorithm, hex| assert_eq!(digest(algorithm, b"123456789"), hex);
    check("crc32c", "e3069283"); // RFC 3720's polynomial, "check" of the CRC catalogue
    check("md5", "25f9e794323b453885f5181f1b624d0b");
    check("sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
    check("sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    assert_eq!(digest("blake3", b""), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    assert_eq!(digest("xxh3_128", b""), "99aa06d3014798d86001c324468d497f");
}

#[test]
fn digests_are_right_at_every_border_of_a_block() {
    let tree = Tree::new();
    let half = MIB / 2;
    let sizes = [0, 1, 1023, 1024, 1025, half - 1, half, half + 1, MIB - 1, MIB, MIB + 1, 3 * half, 3 * half + 1];
    let sizes = sizes.into_iter().chain([4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 5 * MIB + 12_345]);
    let files: Vec<_> = sizes.map(|size| (format!("{size}").into_bytes(), noise(size, size as u64))).collect();
    for (path, content) in &files {
        tree.file(path, content);
    }
    check_digests(&checksum(&tree, &ALGORITHMS).run(), &ALGORITHMS, &files);
    for algorithm in ALGORITHMS {
        for threads in [1, 3] {
            check_digests(&checksum(&tree, &[algorithm]).threads(threads).run(), &[algorithm], &files);
        }
    }
}

#[test]
fn only_the_chosen_columns_are_there_in_one_order() {
    let tree = Tree::new();
    tree.file("a", "x");
    let done = checksum(&tree, &["md5", "blake3"]).run();
    let columns = crate::common::rows::columns(&done.shards("result")[0]);
    assert_eq!(columns, ["path", "path_raw", "size_bytes", "modified", "changed", "inode", "blake3", "md5"]);
    assert_eq!(done.summary()["algorithms"], json!(["blake3", "md5"]));
    let names: Vec<_> = done.result()["files"].as_array().unwrap().iter().map(|file| &file["name"]).collect();
    assert_eq!(names, ["checksum/manifest.b3", "checksum/manifest.md5"]);
    let none = checksum(&tree, &["md5"]).option("write_manifests", false).run();
    assert_eq!(none.result()["files"], json!([]));
}

#[test]
fn rows_have_size_and_time_of_what_was_read() {
    let tree = Tree::new();
    tree.file("a", "hello").modified("a", 1_500_000_000, 7);
    let done = checksum(&tree, &["crc32c"]).run();
    let row = &done.table("result")[0];
    assert_eq!(row.integer("size_bytes"), 5);
    assert_eq!(row.0["modified"], crate::common::rows::Cell::Time(1_500_000_000_000_000_007));
}

#[test]
fn what_is_no_regular_file_is_counted_and_not_read() {
    let tree = Tree::new();
    tree.file("a", "hello").hard_link("b", "a").link("l", "a").link("dangling", "nowhere").link("loop", "loop");
    tree.fifo("pipe").socket("socket").dir("d");
    tree.sparse("sparse", 3 * MIB as u64);
    let control = Arc::new(Control::new());
    let done = checksum(&tree, &["blake3"]).run_with(&control).unwrap();
    let paths: Vec<_> = done.by_path("result").into_keys().collect();
    assert_eq!(paths, [&b"a"[..], b"b", b"sparse"], "a hard link is a file like others");
    let summary = done.summary();
    assert_eq!((&summary["files"], &summary["bytes"]), (&json!(3), &json!(10 + 3 * MIB)));
    assert_eq!((&summary["symlinks"], &summary["others"]), (&json!(3), &json!(2)));
    assert!(done.issues().is_empty());
    let snapshot = control.snapshot();
    assert_eq!((Some(snapshot.files_done), Some(snapshot.bytes_done)), (snapshot.files_total, snapshot.bytes_total));
    assert_eq!(snapshot.files_done, 8);
}

#[test]
fn an_empty_source_gives_an_empty_result_and_manifest() {
    let tree = Tree::new();
    let done = checksum(&tree, &["sha256"]).threads(3).run();
    assert_eq!(done.shards("result").len(), 1);
    assert!(done.table("result").is_empty());
    assert_eq!(done.read("manifest.sha256"), b"");
}

fn tool(program: &str, arguments: &[&str], directory: &Path) -> Option<Output> {
    let output = Command::new(program).args(arguments).current_dir(directory).env("LC_ALL", "C.UTF-8").output();
    match output {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{program}: {error}"),
    }
}

fn hostile_tree() -> (Tree, usize) {
    let tree = Tree::new();
    let names = hostile_names();
    for (number, name) in names.iter().enumerate() {
        tree.file([&b"in a directory\n/"[..], name].concat(), format!("content {number}"));
        tree.file(name, noise(number * 1000, 1));
    }
    (tree, names.len() * 2)
}

#[test]
fn manifests_are_read_by_coreutils() {
    let (tree, files) = hostile_tree();
    let done = checksum(&tree, &["sha256", "sha512", "sha1", "md5"]).run();
    for (program, manifest) in
        [("sha256sum", "sha256"), ("sha512sum", "sha512"), ("sha1sum", "sha1"), ("md5sum", "md5")]
    {
        let path = done.own_folder().join(format!("manifest.{manifest}"));
        let Some(output) = tool(program, &["--strict", "-c", path.to_str().unwrap()], &tree.path()) else { return };
        let good = String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.ends_with(": OK")).count();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(good, files, "{program}");
    }
}

#[test]
fn the_blake3_manifest_is_read_by_b3sum_and_names_it_cannot_hold_are_issues() {
    let (tree, files) = hostile_tree();
    tree.file("ends\r", "x");
    let done = checksum(&tree, &["blake3"]).run();
    let left_out = done.issue_kinds();
    assert!(left_out.iter().all(|(kind, _)| kind == "unsupported"), "{left_out:?}");
    let left_out: BTreeSet<_> = left_out.into_iter().map(|(_, path)| path).collect();
    // Not UTF-8 (2 names), U+FFFD, each in two places, and the one that ends with a carriage return.
    assert_eq!(left_out.len(), 7, "{left_out:?}");
    assert_eq!(done.by_path("result").len(), files + 1, "the result has them all");
    let path = done.own_folder().join("manifest.b3");
    let Some(output) = tool("b3sum", &["--check", path.to_str().unwrap()], &tree.path()) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let good = String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.ends_with(": OK")).count();
    assert_eq!(good, files + 1 - left_out.len());
}

#[test]
fn long_paths_are_read() {
    let tree = Tree::new();
    let long = tree.deep(3_900, b"at 3,900 bytes");
    assert!(long.len() < 4096);
    let longer = Tree::new();
    let beyond = longer.deep(10_000, b"beyond PATH_MAX");
    for (tree, path, content) in [(&tree, &long, &b"at 3,900 bytes"[..]), (&longer, &beyond, b"beyond PATH_MAX")] {
        let done = checksum(tree, &["sha256"]).run();
        check_digests(&done, &["sha256"], &[(path.clone(), content.to_vec())]);
        let manifest = done.read("manifest.sha256");
        assert!(manifest.ends_with(&[&path[..], b"\n"].concat()));
        let rows = spec("inventory", &tree.path()).run().by_path("result");
        assert!(rows.contains_key(path));
        let verified = crate::common::run::spec("verify", &tree.path())
            .option("manifest", done.own_folder().join("manifest.sha256").to_str().unwrap())
            .run();
        assert_eq!(verified.summary()["verdict"], "verified");
    }
}

#[test]
fn files_whose_size_lies_are_issues() {
    let done = spec("checksum", Path::new("/proc/tty")).option("algorithms", json!(["sha256"])).run();
    let rows = done.by_path("result");
    assert!(!rows.contains_key(&b"drivers"[..]), "it holds bytes though its size is 0");
    let issues = done.issues();
    let drivers = issues.iter().find(|issue| issue.path() == b"drivers").unwrap();
    assert_eq!((drivers.text("kind"), drivers.text("stage")), ("unsupported", "read"));
    assert!(
        drivers.text("message").contains("different number of bytes than its size, 0"),
        "{}",
        drivers.text("message")
    );
}

#[test]
fn small_shards_and_many_files_deadlock_nothing() {
    let tree = Tree::in_memory();
    for directory in 0..40 {
        for number in 0..50 {
            tree.file(format!("{directory}/{number}"), format!("{directory} {number}"));
        }
    }
    for threads in [1, 2, 5] {
        let done = checksum(&tree, &["md5", "xxh3_128"]).threads(threads).output("shard_rows", 10).run();
        assert_eq!(done.by_path("result").len(), 2000);
        assert!(done.shards("result").len() >= 200);
        assert_eq!(done.read("manifest.md5").iter().filter(|byte| **byte == b'\n').count(), 2000);
    }
}

/// Keep doing something to a file until the returned guard is dropped.
struct Meddler(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Meddler {
    fn new(mut step: impl FnMut(u64) + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let body = move || (0..).take_while(|_| !stopped.load(Relaxed)).for_each(&mut step);
        Self(stop, Some(std::thread::spawn(body)))
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
        let ended = self.1.take().map(std::thread::JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

/// Digest a file again and again while it is meddled with: each digest is that of a state the file had at the
/// size it is told with, and every other end is an issue that says so.
fn meddled(tree: &Tree, is_state: impl Fn(usize, &str) -> bool) {
    let mut ends = [0, 0];
    for _ in 0..12 {
        let done = checksum(tree, &["blake3"]).run();
        for row in done.table("result") {
            let length = row.integer("size_bytes") as usize;
            assert!(is_state(length, row.text("blake3")), "a digest of what never was, {length} bytes");
            ends[0] += 1;
        }
        for issue in done.issues() {
            assert_eq!(issue.text("kind"), "changed_while_read", "{}", issue.text("message"));
            ends[1] += 1;
        }
    }
    assert_eq!(ends[0] + ends[1], 12);
    assert!(ends[1] > 0, "the meddler was never caught");
}

#[test]
fn a_file_that_is_rewritten_in_place_has_no_mixed_digest() {
    // Three words within a page each, written in this order with the number of the round.
    for (size, places) in [(64 << 10, [0, 32 << 10, 60 << 10]), (2 * MIB, [0, MIB, 2 * MIB - 8])] {
        let rounds = 64;
        let state = |words: [u64; 3]| {
            let mut content = vec![0; size];
            for (place, word) in places.iter().zip(words) {
                content[*place..place + 8].copy_from_slice(&(word % rounds).to_le_bytes());
            }
            digest("blake3", &content)
        };
        let after = |round| [[round, round, round], [round + 1, round, round], [round + 1, round + 1, round]];
        let states: BTreeSet<String> = (0..rounds).flat_map(after).map(state).collect();
        let tree = Tree::new();
        tree.file("f", vec![0; size]);
        let file = OpenOptions::new().write(true).open(tree.at("f")).unwrap();
        let meddler = Meddler::new(move |round| {
            for place in places {
                file.write_all_at(&(round % rounds).to_le_bytes(), place as u64).unwrap();
            }
        });
        meddled(&tree, |_, told| states.contains(told));
        drop(meddler);
    }
}

#[test]
fn a_file_that_grows_has_no_wrong_digest() {
    let tree = Tree::new();
    tree.file("f", "");
    let path = tree.at("f");
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    let all = Arc::new(noise(8 * MIB, 5));
    let source = Arc::clone(&all);
    let meddler = Meddler::new(move |round| {
        let start = (round as usize * 777) % (source.len() - 777);
        if start < 777 {
            file.set_len(0).unwrap();
        }
        let at = file.metadata().unwrap().len();
        file.write_all_at(&source[at as usize..at as usize + 777], at).unwrap();
    });
    meddled(&tree, |length, told| digest("blake3", &all[..length]) == told);
    drop(meddler);
}

#[test]
fn a_file_that_shrinks_has_no_wrong_digest() {
    let tree = Tree::new();
    let content = noise(2 * MIB, 9);
    tree.file("f", &content);
    let file = OpenOptions::new().write(true).open(tree.at("f")).unwrap();
    let whole = content.clone();
    let meddler = Meddler::new(move |round| {
        let length = 2 * MIB - (round as usize * 4321) % (2 * MIB);
        match file.metadata().unwrap().len() as usize {
            longer if longer > length => file.set_len(length as u64).unwrap(),
            shorter => file.write_all_at(&whole[shorter..length], shorter as u64).unwrap(),
        }
    });
    meddled(&tree, |length, told| digest("blake3", &content[..length]) == told);
    drop(meddler);
}

#[test]
fn files_that_vanish_are_issues_or_rows() {
    let tree = Tree::in_memory();
    for number in 0..3000 {
        tree.file(format!("{}/{number}", number % 10), "content");
    }
    let root = tree.path();
    let meddler = Meddler::new(move |round| drop(fs::remove_file(root.join(format!("{}/{round}", round % 10)))));
    let control = Arc::new(Control::new());
    let done = checksum(&tree, &["md5"]).run_with(&control).unwrap();
    drop(meddler);
    let issues = done.issue_kinds();
    assert!(issues.iter().all(|(kind, _)| kind == "vanished"), "{issues:?}");
    let told: BTreeSet<_> = issues.into_iter().map(|(_, path)| path).collect();
    let rows: BTreeSet<_> = done.by_path("result").into_keys().collect();
    assert!(told.is_disjoint(&rows));
    for number in 0..3000 {
        let path = format!("{}/{number}", number % 10);
        let exists = tree.at(&path).exists();
        assert!(!exists || rows.contains(path.as_bytes()), "{path} is there and has no row");
    }
    assert_eq!(control.snapshot().bytes_total, Some(control.snapshot().bytes_done));
}

/// Digest `f` of a tree after something was done to it since it was seen.
fn digest_after(change: impl FnOnce(&Tree)) -> Result<String, Trouble> {
    let tree = Tree::new();
    tree.file("f", "as it was").file("other", "other");
    let source =
        Source { path: tree.path().to_str().unwrap().into(), path_bytes: None, boundaries: None, bucket: None };
    let root = Arc::new(Root::open(&source, false).unwrap());
    let seen = root.stat(b"f").unwrap();
    change(&tree);
    let reader = FileReader::new(&root, &[Algorithm::Sha256], &Arc::new(Control::new()));
    reader.digest(b"f", &seen).map(|digested| digested.digests[0].to_hex())
}

fn kind(end: Result<String, Trouble>) -> IssueKind {
    match end {
        Err(Trouble::Issue(kind, _)) => kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_changed_since_it_was_listed_is_digested_as_it_is_now() {
    let now = digest_after(|tree| {
        tree.file("f", "as it is now, longer");
    });
    assert_eq!(now.unwrap(), digest("sha256", b"as it is now, longer"));
    let shorter = digest_after(|tree| {
        tree.file("f", "x");
    });
    assert_eq!(shorter.unwrap(), digest("sha256", b"x"));
}

#[test]
fn a_file_that_became_something_else_is_an_issue_and_is_not_followed() {
    let replace = |tree: &Tree| fs::remove_file(tree.at("f")).unwrap();
    assert_eq!(kind(digest_after(replace)), IssueKind::Vanished);
    let link = digest_after(|tree| {
        replace(tree);
        tree.link("f", "other");
    });
    assert_eq!(kind(link), IssueKind::Unsupported);
    let pipe = digest_after(|tree| {
        replace(tree);
        tree.fifo("f");
    });
    assert_eq!(kind(pipe), IssueKind::Unsupported, "and it does not block");
    let directory = digest_after(|tree| {
        replace(tree);
        tree.dir("f");
    });
    assert_eq!(kind(directory), IssueKind::Unsupported);
    let below_a_file = digest_after(|tree| {
        let source =
            Source { path: tree.path().to_str().unwrap().into(), path_bytes: None, boundaries: None, bucket: None };
        let root = Root::open(&source, false).unwrap();
        let error = root.open_file(b"other/f").unwrap_err();
        assert_eq!(IssueKind::from_io(&error), IssueKind::Vanished);
    });
    assert!(below_a_file.is_ok());
}

#[test]
fn a_directory_that_became_a_link_is_not_followed() {
    let tree = Tree::new();
    tree.file("d/f", "inside");
    let outside = tree.beside("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("f"), "secret").unwrap();
    let source =
        Source { path: tree.path().to_str().unwrap().into(), path_bytes: None, boundaries: None, bucket: None };
    let root = Arc::new(Root::open(&source, false).unwrap());
    let seen = root.stat(b"d/f").unwrap();
    fs::remove_dir_all(tree.at("d")).unwrap();
    tree.link("d", outside.to_str().unwrap());
    let reader = FileReader::new(&root, &[Algorithm::Sha256], &Arc::new(Control::new()));
    let Err(Trouble::Issue(_, message)) = reader.digest(b"d/f", &seen) else { panic!("it followed the link") };
    assert!(message.contains("symbolic links"), "{message}");
}

#[test]
fn a_followed_link_is_checked_when_it_is_opened() {
    let tree = Tree::new();
    tree.file("inside", "x");
    fs::write(tree.beside("secret"), "secret").unwrap();
    tree.link("l", "inside");
    let path = tree.path().to_str().unwrap().to_owned();
    let source = Source { path: path.clone(), path_bytes: None, boundaries: Some(vec![path]), bucket: None };
    let root = Arc::new(Root::open(&source, true).unwrap());
    let seen = root.stat(b"inside").unwrap();
    let reader = FileReader::new(&root, &[Algorithm::Sha256], &Arc::new(Control::new()));
    assert!(reader.digest(b"l", &seen).is_ok());
    fs::remove_file(tree.at("l")).unwrap();
    tree.link("l", "../secret");
    assert_eq!(kind(reader.digest(b"l", &seen).map(|_| String::new())), IssueKind::Unreadable);
}

#[test]
fn options_are_checked() {
    let tree = Tree::new();
    for (algorithms, word) in [(json!([]), "empty"), (json!(["md5", "md5"]), "twice"), (json!(["md4"]), "md4")] {
        let error = spec("checksum", &tree.path()).option("algorithms", algorithms).fails();
        assert_eq!(error.code(), "invalid_options");
        assert!(error.to_string().contains(word), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(24), rng_seed: RngSeed::Fixed(seed(0xc4ec_5011)), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn digests_equal_the_reference_on_random_content(
        files in proptest::collection::vec((0..3 * MIB, any::<u64>()), 1..6),
        chosen in proptest::sample::subsequence(&ALGORITHMS[..], 1..=7),
        threads in 1..4usize,
    ) {
        let tree = Tree::new();
        let named = files.iter().enumerate();
        let files: Vec<_> = named.map(|(at, (size, seed))| (format!("{at}").into_bytes(), noise(*size, *seed))).collect();
        for (path, content) in &files {
        tree.file(path, content);
    }
        let done = checksum(&tree, &chosen).threads(threads).run();
        check_digests(&done, &chosen, &files);
    }
}

/// The shards of a job's table.
fn shards(done: &Done) -> serde_json::Value {
    json!({"checksum": done.shards("result")})
}

#[test]
fn files_that_are_as_they_were_are_not_opened_and_have_the_same_rows() {
    let tree = Tree::new();
    for number in 0..300 {
        tree.file(format!("{}/{number}", number % 7), noise(1000 + number, number as u64));
    }
    for name in hostile_names() {
        tree.file(&name, &name);
    }
    let first = checksum(&tree, &["blake3", "md5"]).run();
    let rows = first.by_path("result");
    let again = checksum(&tree, &["md5"]).baselines(shards(&first)).run();
    assert_eq!(again.summary()["reused_files"], rows.len());
    assert_eq!(
        (&again.summary()["files"], &again.summary()["bytes"]),
        (&first.summary()["files"], &first.summary()["bytes"])
    );
    let plain = checksum(&tree, &["md5"]).run();
    assert_eq!(again.by_path("result"), plain.by_path("result"));
    let lines = |done: &Done| -> BTreeSet<Vec<u8>> {
        done.read("manifest.md5").split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    assert_eq!(lines(&again), lines(&plain));
    // Another algorithm is not in it: all is read.
    let other = checksum(&tree, &["sha1"]).baselines(shards(&first)).run();
    assert_eq!(other.summary()["reused_files"], 0);
    assert_eq!(other.summary()["files"], rows.len());
}

#[test]
fn a_file_that_changed_in_any_way_is_read() {
    let tree = Tree::new();
    for name in ["same", "longer", "other", "touched", "replaced", "linked", "gone"] {
        tree.file(name, name);
    }
    let first = checksum(&tree, &["blake3"]).run();
    let path = |name: &str| tree.path().join(name);
    let times = |name: &str| fs::metadata(path(name)).unwrap().modified().unwrap();
    let keep = |name: &str, change: &dyn Fn()| {
        let before = times(name);
        change();
        // As a careful attacker, or `cp -p`, leaves it: of the same size and time.
        OpenOptions::new().write(true).open(path(name)).unwrap().set_modified(before).unwrap();
    };
    tree.file("longer", "longer still").file("new", "new");
    keep("other", &|| fs::write(path("other"), "OTHER").unwrap());
    OpenOptions::new().write(true).open(path("touched")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    keep("replaced", &|| {
        fs::write(path("x"), "REPLACED").unwrap();
        fs::rename(path("x"), path("replaced")).unwrap();
    });
    fs::remove_file(path("gone")).unwrap();
    fs::hard_link(path("linked"), tree.beside("linked")).unwrap();
    let again = checksum(&tree, &["blake3"]).baselines(shards(&first)).run();
    assert_eq!(again.summary()["reused_files"], 1);
    assert_eq!(again.by_path("result"), checksum(&tree, &["blake3"]).run().by_path("result"));
}

#[test]
fn a_baseline_that_is_broken_costs_a_reading_and_a_later_shard_wins() {
    let tree = Tree::new();
    tree.file("a", "a").file("b", "b");
    let first = checksum(&tree, &["blake3"]).run();
    let whole = first.shards("result").pop().unwrap();
    let beside = tree.beside("broken.parquet");
    let bytes = fs::read(&whole).unwrap();
    fs::write(&beside, &bytes[..bytes.len() / 2]).unwrap();
    for (shards, reused) in
        [(vec![beside.clone()], 0), (vec![beside.clone(), whole.clone()], 2), (vec![tree.beside("none")], 0)]
    {
        let again = checksum(&tree, &["blake3"]).baselines(json!({"checksum": shards})).run();
        assert_eq!((&again.summary()["reused_files"], &again.summary()["files"]), (&json!(reused), &json!(2)));
    }
}

#[test]
fn rows_are_made_last_while_a_job_works_on_something_large() {
    let tree = Tree::new();
    for number in 0..100 {
        tree.file(format!("{}/{number}", number % 7), noise(10, number));
    }
    tree.sparse("large", 400 << 30);
    let (folder, job) = checksum(&tree, &["sha256"]).output("shard_seconds", 0.0).prepare();
    let (control, job) = (Arc::new(Control::new()), job.unwrap());
    let running = Arc::clone(&control);
    let thread = std::thread::spawn(move || job.run(&running).map(|_| ()));
    let rows = || -> usize {
        let shards = fs::read_dir(folder.path().join("out/checksum/result")).into_iter().flatten();
        let whole = shards
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("part-"));
        whole.map(|path| crate::common::rows::read(&path).len()).sum()
    };
    crate::common::wait_until("the small files have rows that last", || rows() == 100);
    control.cancel();
    assert_eq!(thread.join().unwrap().unwrap_err().code(), "cancelled");
}
