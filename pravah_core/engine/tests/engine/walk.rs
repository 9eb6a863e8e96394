//! walk: what is visited, what is skipped and why, and how a walk ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::naive;
use crate::common::run::{Spec, spec};
use crate::common::tree::{Tree, hostile_names};
use pravah_engine::Job;
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::base::pool::ComputePool;
use pravah_foundation::run::context::Context;
use pravah_foundation::run::pass::walk_and_work;
use pravah_foundation::source::location::Source;
use pravah_foundation::source::walk::open::Root;
use pravah_foundation::source::walk::rules::WalkOptions;
use pravah_foundation::source::walk::{Batch, Skip, Skipped, Visitor, WalkTotals, walk};
use pravah_foundation::store::sink::JobFolder;
use pravah_foundation::store::sink::Output;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

/// Notes all it is shown.
#[derive(Default)]
struct Notes {
    entries: Mutex<BTreeMap<Vec<u8>, EntryKind>>,
    skipped: Mutex<BTreeMap<Vec<u8>, Skip>>,
    troubles: Mutex<BTreeMap<Vec<u8>, IssueKind>>,
    lasts: AtomicUsize,
    largest_batch: AtomicUsize,
}

impl Visitor for Notes {
    fn batch(&self, batch: Batch) -> Result<()> {
        self.lasts.fetch_add(usize::from(batch.last), Relaxed);
        self.largest_batch.fetch_max(batch.len(), Relaxed);
        for (name, meta) in batch.iter() {
            let path = pravah_foundation::base::paths::join(&batch.directory.path, name);
            assert!(self.entries.lock().unwrap().insert(path, meta.kind).is_none(), "shown twice");
        }
        Ok(())
    }

    fn skipped(&self, skipped: Skipped<'_>) -> Result<()> {
        assert!(self.skipped.lock().unwrap().insert(skipped.path.to_vec(), skipped.reason).is_none());
        Ok(())
    }

    fn trouble(&self, path: &[u8], kind: IssueKind, message: &str) -> Result<()> {
        assert!(!message.is_empty());
        assert!(self.troubles.lock().unwrap().insert(path.to_vec(), kind).is_none());
        Ok(())
    }
}

impl Notes {
    fn paths(&self) -> Vec<String> {
        self.entries.lock().unwrap().keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect()
    }

    fn skips(&self) -> Vec<(String, &'static str)> {
        let skipped = self.skipped.lock().unwrap();
        skipped.iter().map(|(path, skip)| (String::from_utf8_lossy(path).into_owned(), skip.as_str())).collect()
    }
}

fn options(rules: serde_json::Value) -> WalkOptions {
    serde_json::from_value(rules).unwrap()
}

fn source_of(tree: &Tree) -> Source {
    Source { path: tree.path().to_str().unwrap().into(), path_bytes: None, boundaries: None, bucket: None }
}

fn walk_of(source: &Source, rules: serde_json::Value, threads: usize) -> (Notes, WalkTotals) {
    let options = options(rules);
    let root = Arc::new(Root::open(source, options.follow_links).unwrap());
    let notes = Arc::new(Notes::default());
    let control = Arc::new(Control::new());
    let totals = walk(root, options.compile().unwrap(), notes.clone(), &control, threads).unwrap();
    let notes = Arc::into_inner(notes).expect("the walk keeps nothing");
    assert_eq!(notes.lasts.load(Relaxed) as u64, totals.directories);
    assert_eq!(control.issues().count() as usize, notes.troubles.lock().unwrap().len());
    (notes, totals)
}

fn notes(tree: &Tree, rules: serde_json::Value) -> Notes {
    walk_of(&source_of(tree), rules, 2).0
}

#[test]
fn every_entry_is_shown_once_with_its_kind() {
    let tree = Tree::new();
    tree.file("a/b/f", "x").link("a/l", "b").fifo("p").socket("s").dir("empty").link("loop", ".");
    for name in hostile_names() {
        tree.file([&b"names/"[..], &name].concat(), "");
    }
    let (notes, totals) = walk_of(&source_of(&tree), json!({}), 3);
    let all = naive::entries(&tree.path());
    let entries = notes.entries.lock().unwrap();
    assert_eq!(entries.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
    assert_eq!(entries[&b"a/l"[..]], EntryKind::Symlink);
    assert_eq!(entries[&b"p"[..]], EntryKind::Fifo);
    assert_eq!(entries[&b"s"[..]], EntryKind::Socket);
    assert_eq!(totals.directories, 5);
    assert_eq!(totals.files, 5 - 1 + 1 + hostile_names().len() as u64);
    let device = walk_of(
        &Source { path: "/dev".into(), path_bytes: None, boundaries: None, bucket: None },
        json!({"max_depth": 1}),
        1,
    )
    .0;
    assert_eq!(device.entries.lock().unwrap()[&b"null"[..]], EntryKind::CharDevice);
}

#[test]
fn hidden_names_are_left_out_with_all_below_them() {
    let tree = Tree::new();
    tree.file(".h/inside", "").file("a/.f", "").file("a/v", "").link(".l", "a");
    let (notes, totals) = walk_of(&source_of(&tree), json!({"include_hidden": false}), 2);
    assert_eq!(notes.paths(), ["a", "a/v"]);
    assert_eq!(notes.skips(), [(".h".to_owned(), "hidden")]);
    assert_eq!(totals.filtered, 2, "files are counted, not listed");
    let hidden =
        Source { path: tree.at(".h").to_str().unwrap().into(), path_bytes: None, boundaries: None, bucket: None };
    let (notes, _) = walk_of(&hidden, json!({"include_hidden": false}), 2);
    assert_eq!(notes.paths(), ["inside"], "the source itself may be hidden");
}

#[test]
fn ignore_globs_are_gitignores() {
    let tree = Tree::new();
    for path in [
        "build/out",
        "src/build/out",
        "src/build.rs",
        "a.log",
        "src/b.log",
        "src/deep/c.log",
        "keep.log",
        "x/y/z",
        "[1]",
    ] {
        tree.file(path, "");
    }
    let left = |globs: &[&str]| notes(&tree, json!({ "ignore_globs": globs })).paths();
    let without = |gone: &[&str]| -> Vec<String> {
        let all = naive::entries(&tree.path()).into_keys().map(|path| String::from_utf8(path).unwrap());
        all.filter(|path| !gone.iter().any(|gone| path == gone || path.starts_with(&format!("{gone}/")))).collect()
    };
    assert_eq!(left(&["build"]), without(&["build", "src/build"]), "at any depth");
    assert_eq!(left(&["/build"]), without(&["build"]), "anchored");
    assert_eq!(left(&["src/build"]), without(&["src/build"]), "an inner slash anchors");
    assert_eq!(left(&["*.log"]), without(&["a.log", "src/b.log", "src/deep/c.log", "keep.log"]));
    assert_eq!(left(&["/*.log"]), without(&["a.log", "keep.log"]), "a star matches no slash");
    assert_eq!(left(&["*.log", "!keep.log"]), without(&["a.log", "src/b.log", "src/deep/c.log"]), "taken back");
    assert_eq!(left(&["!keep.log", "*.log"]), left(&["*.log"]), "the last that matches decides");
    assert_eq!(left(&["src/", "!src/b.log"]), without(&["src"]), "nothing comes back from a whole directory");
    assert_eq!(left(&["src/**/*.log"]), without(&["src/b.log", "src/deep/c.log"]));
    assert_eq!(left(&["x/**"]), without(&["x/y"]), "the directory itself stays");
    assert_eq!(left(&["a.log/", "build/"]), without(&["build", "src/build"]), "a trailing slash: directories only");
    assert_eq!(left(&[r"\[1\]"]), without(&["[1]"]));
    assert_eq!(left(&["", "/", "//"]), without(&[]), "nothing matches nothing");
    let skipped = notes(&tree, json!({"ignore_globs": ["build/"]})).skips();
    assert_eq!(skipped, [("build".to_owned(), "ignored"), ("src/build".to_owned(), "ignored")]);
}

#[test]
fn include_globs_and_extensions_take_files() {
    let tree = Tree::new();
    for path in ["a.TXT", "b.tar.gz", "c.gz", "d", ".gz", "docs/e.md", "src/docs/f.md", "docs.md"] {
        tree.file(path, "");
    }
    let files = |rules: serde_json::Value| -> Vec<String> {
        let notes = notes(&tree, rules);
        let entries = notes.entries.lock().unwrap();
        entries
            .iter()
            .filter(|(_, kind)| **kind == EntryKind::File)
            .map(|(path, _)| String::from_utf8(path.clone()).unwrap())
            .collect()
    };
    assert_eq!(files(json!({"extensions": ["txt"]})), ["a.TXT"]);
    assert_eq!(files(json!({"extensions": [".Gz"]})), ["b.tar.gz", "c.gz"]);
    assert_eq!(files(json!({"extensions": ["tar.gz", "TXT"]})), ["a.TXT", "b.tar.gz"]);
    assert_eq!(files(json!({"extensions": [""]})), [".gz", "d"]);
    assert_eq!(files(json!({"include_globs": ["*.md"]})), ["docs.md", "docs/e.md", "src/docs/f.md"]);
    assert_eq!(files(json!({"include_globs": ["docs/"]})), ["docs/e.md", "src/docs/f.md"], "all below it");
    assert_eq!(files(json!({"include_globs": ["/docs/"]})), ["docs/e.md"]);
    assert_eq!(files(json!({"include_globs": ["src/docs/", "d"]})), ["d", "src/docs/f.md"]);
    assert_eq!(
        files(json!({"include_globs": ["*.md"], "extensions": ["gz"]})),
        Vec::<String>::new(),
        "both must match"
    );
    assert_eq!(files(json!({"include_globs": [""]})).len(), 8);
}

#[test]
fn sizes_and_times_filter_files_at_their_bounds() {
    let tree = Tree::new();
    for size in [0, 9, 10, 11, 20, 21] {
        tree.file(format!("{size}"), vec![0; size]);
        tree.modified(format!("{size}"), 1_700_000_000 + size as i64, 0);
    }
    let paths = |rules| notes(&tree, rules).paths();
    assert_eq!(paths(json!({"min_size_bytes": 10, "max_size_bytes": 20})), ["10", "11", "20"]);
    assert_eq!(paths(json!({"max_size_bytes": 0})), ["0"]);
    let second = |second: i64| chrono::DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap().to_rfc3339();
    assert_eq!(paths(json!({"modified_since": second(10), "modified_before": second(20)})), ["10", "11"]);
    let (_, totals) = walk_of(&source_of(&tree), json!({"min_size_bytes": 10}), 1);
    assert_eq!((totals.files, totals.filtered, totals.bytes), (4, 2, 62));
}

#[test]
fn depth_lists_and_does_not_enter() {
    let tree = Tree::new();
    tree.file("a/b/c/f", "").file("f", "");
    assert_eq!(notes(&tree, json!({"max_depth": 1})).paths(), ["a", "f"]);
    let two = notes(&tree, json!({"max_depth": 2}));
    assert_eq!(two.paths(), ["a", "a/b", "f"]);
    assert_eq!(two.skips(), [("a/b".to_owned(), "depth")]);
    assert!(notes(&tree, json!({"max_depth": 4})).skips().is_empty());
    let hidden_first = Tree::new();
    hidden_first.file(".h/f", "");
    let skips = notes(&hidden_first, json!({"max_depth": 1, "include_hidden": false})).skips();
    assert_eq!(skips, [(".h".to_owned(), "hidden")], "the first rule that refuses is told");
}

#[test]
fn links_are_followed_when_asked_and_never_in_a_loop() {
    let tree = Tree::new();
    tree.file("real/f", "12").link("alias", "real").link("file", "real/f").link("dangling", "nowhere");
    tree.link("real/up", "..").link("real/self", ".").link("ouroboros", "ouroboros").link("a", "b").link("b", "a");
    let plain = notes(&tree, json!({}));
    assert!(!plain.paths().contains(&"alias/f".to_owned()));
    let followed = notes(&tree, json!({"follow_links": true}));
    let entries = followed.entries.lock().unwrap();
    assert_eq!(entries[&b"alias/f"[..]], EntryKind::File);
    assert_eq!(entries[&b"file"[..]], EntryKind::File);
    assert_eq!(entries[&b"alias"[..]], EntryKind::Directory);
    for link in ["dangling", "ouroboros", "a", "b"] {
        assert_eq!(entries[link.as_bytes()], EntryKind::Symlink, "{link} leads nowhere and stays a link");
    }
    drop(entries);
    let loops: Vec<_> = followed.skips();
    let expected = ["alias/self", "alias/up", "real/self", "real/up"].map(|path| (path.to_owned(), "loop"));
    assert_eq!(loops, expected);
    // A loop through two directories that are not each other's ancestors at first.
    let tree = Tree::new();
    tree.dir("x").dir("y").link("x/to-y", "../y").link("y/to-x", "../x");
    let skips = notes(&tree, json!({"follow_links": true})).skips();
    assert_eq!(skips.len(), 2);
    assert!(skips.iter().all(|(_, reason)| *reason == "loop"), "{skips:?}");
}

#[test]
fn rules_see_a_followed_link_as_its_target() {
    let tree = Tree::new();
    tree.file("target", "12345").link("l.txt", "target").dir("d").link("ignored", "d").link(".hidden", "d");
    let rules = json!({"follow_links": true, "min_size_bytes": 5, "max_size_bytes": 5, "extensions": ["txt"],
        "ignore_globs": ["ignored/"], "include_hidden": false});
    let notes = notes(&tree, rules);
    assert_eq!(notes.paths(), ["d", "l.txt"]);
    assert_eq!(notes.skips(), [(".hidden".to_owned(), "hidden"), ("ignored".to_owned(), "ignored")]);
}

#[test]
fn followed_links_stay_within_the_boundaries() {
    let tree = Tree::new();
    let outside = tree.beside("outside");
    fs::create_dir_all(outside.join("sub")).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    let allowed = tree.beside("allowed");
    fs::create_dir_all(&allowed).unwrap();
    fs::write(allowed.join("open"), "open").unwrap();
    tree.file("own", "").link("to-dir", outside.to_str().unwrap()).link("to-file", "../outside/secret");
    tree.link("to-allowed", "../allowed").link("through", "to-allowed/../outside/sub");
    let boundaries =
        |paths: &[&std::path::Path]| Some(paths.iter().map(|path| path.to_str().unwrap().to_owned()).collect());
    let source = Source { boundaries: boundaries(&[&tree.path(), &allowed]), ..source_of(&tree) };
    let (notes, _) = walk_of(&source, json!({"follow_links": true}), 2);
    assert_eq!(notes.paths(), ["own", "through", "to-allowed", "to-allowed/open", "to-dir", "to-file"]);
    let expected = ["through", "to-dir", "to-file"].map(|path| (path.to_owned(), "outside_boundaries"));
    assert_eq!(notes.skips(), expected);
    let entries = notes.entries.lock().unwrap();
    assert!(["through", "to-dir", "to-file"].iter().all(|path| entries[path.as_bytes()] == EntryKind::Symlink));
    // A boundary is a directory, not the beginning of a text.
    let source = Source { boundaries: boundaries(&[&tree.path(), &tree.beside("out")]), ..source_of(&tree) };
    let (notes, _) = walk_of(&source, json!({"follow_links": true}), 2);
    assert!(notes.skips().contains(&("to-dir".to_owned(), "outside_boundaries")));
    // Without boundaries they lead anywhere, and without following they say nothing.
    assert!(walk_of(&source_of(&tree), json!({"follow_links": true}), 2).0.skips().is_empty());
    assert!(walk_of(&source, json!({}), 2).0.skips().is_empty());
}

/// A tmpfs that is mounted until it is dropped; none where that is not allowed.
struct Mount(std::path::PathBuf);

impl Mount {
    fn new(at: std::path::PathBuf) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&at).output().ok()?;
        mounted.status.success().then_some(Self(at))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn another_file_system_is_listed_and_not_entered_when_told_so() {
    let tree = Tree::new();
    tree.file("own", "").dir("mnt");
    let Some(_mount) = Mount::new(tree.at("mnt")) else { return };
    fs::create_dir(tree.at("mnt/below")).unwrap();
    fs::write(tree.at("mnt/below/f"), "").unwrap();
    let stays = notes(&tree, json!({"one_file_system": true}));
    assert_eq!(stays.paths(), ["mnt", "own"]);
    assert_eq!(stays.skips(), [("mnt".to_owned(), "other_file_system")]);
    assert_eq!(notes(&tree, json!({})).paths(), ["mnt", "mnt/below", "mnt/below/f", "own"]);
    let done = spec("inventory", &tree.path()).run();
    let device = |path: &str| match done.by_path("result")[path.as_bytes()].0["device"] {
        crate::common::rows::Cell::Unsigned(device) => device,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(device("mnt/below"), fs::metadata(tree.at("mnt")).unwrap().dev());
    assert_ne!(device("mnt/below"), device("own"));
    // The same file system twice would be the same inode: numbers of different devices are not mixed up.
    assert_eq!(done.by_path("directories")[&b"."[..]].integer("directories"), 2);
}

#[test]
fn the_jobs_own_output_is_left_out() {
    let tree = Tree::new();
    tree.file("f", "x").file("out-side/f", "x");
    for operation in ["inventory", "checksum"] {
        let output = tree.at("results").join(operation);
        let document = spec(operation, &tree.path()).output("directory", output.to_str().unwrap());
        let outcome = pravah_engine::run(&document.json(), &Arc::new(Control::new())).unwrap().document;
        assert_eq!(outcome["counts"]["issues"], 0);
        let rows = crate::common::rows::read(&output.join(operation).join("result/part-00000.parquet"));
        assert!(rows.iter().all(|row| !row.text("path").starts_with(&format!("results/{operation}"))), "{rows:?}");
        if operation == "inventory" {
            let rows = crate::common::rows::read(&output.join("inventory/not_covered/part-00000.parquet"));
            assert_eq!((rows[0].text("path"), rows[0].text("reason")), ("results/inventory", "own_output"));
        }
    }
}

#[test]
fn excluded_directories_are_left_out_wherever_they_are_met() {
    let tree = Tree::new();
    tree.file("own/database/f", "x").file("kept/f", "x").link("way-in", "own").link("to-f", "own/database/f");
    let mut document = spec("inventory", &tree.path()).walk("follow_links", true);
    document.0["excluded"] = json!([tree.at("own"), tree.at("kept/f"), "/absent", tree.beside("absent")]);
    let done = document.run();
    let rows = done.by_path("result");
    let paths: Vec<_> = rows.keys().map(|path| String::from_utf8_lossy(path)).collect();
    assert_eq!(paths, ["kept", "kept/f", "to-f"], "directories only, also behind a link");
    let reasons: Vec<_> = done
        .table("not_covered")
        .iter()
        .map(|row| (row.text("path").to_owned(), row.text("reason").to_owned()))
        .collect();
    assert_eq!(reasons.len(), 2);
    assert!(reasons.iter().all(|(path, reason)| ["own", "way-in"].contains(&path.as_str()) && reason == "pravah_data"));
    let mut refused = spec("inventory", &tree.path());
    refused.0["excluded"] = json!("own");
    assert_eq!(refused.fails().code(), "invalid_options");
}

#[test]
fn paths_longer_than_path_max_are_walked() {
    let tree = Tree::new();
    let path = tree.deep(20_000, b"x");
    let (notes, totals) = walk_of(&source_of(&tree), json!({}), 2);
    assert!(notes.entries.lock().unwrap().contains_key(&path));
    assert_eq!(totals.directories as usize, path.len() / 201 + 1);
}

#[test]
fn many_directories_wait_for_each_other_in_bounded_memory() {
    // More than fit into the queue (16 MiB): their finder scans them itself, at several levels.
    let tree = Tree::in_memory();
    let long = "n".repeat(220);
    for number in 0..50_000 {
        fs::create_dir(tree.at(format!("{number:05}{long}"))).unwrap();
    }
    tree.dir(format!("00000{long}/below/it"));
    for threads in [1, 2] {
        let (notes, totals) = walk_of(&source_of(&tree), json!({}), threads);
        assert_eq!(totals.directories, 50_003);
        assert_eq!(notes.entries.lock().unwrap().len(), 50_002);
        assert!(notes.largest_batch.load(Relaxed) <= 4096);
    }
}

#[test]
fn a_source_that_is_removed_while_walking_ends_the_job_with_issues() {
    let tree = Tree::in_memory();
    for number in 0..2000 {
        tree.file(format!("d{number}/sub/f"), "x");
    }
    let control = Arc::new(Control::new());
    let gone = tree.path();
    let remover = std::thread::spawn(move || fs::remove_dir_all(gone).unwrap());
    let done = spec("inventory", &tree.path()).run_with(&control);
    remover.join().unwrap();
    match done {
        Ok(done) => {
            assert!(done.issue_kinds().iter().all(|(kind, _)| kind == "vanished"), "{:?}", done.issue_kinds());
            assert_eq!(done.count("not_covered"), done.count("issues"));
        }
        Err(error) => assert_eq!(error.code(), "source_not_found"),
    }
    // Gone before the first look, open all the same.
    let tree = Tree::new();
    let (_folder, job) = spec("inventory", &tree.path()).prepare();
    fs::remove_dir(tree.path()).unwrap();
    let outcome = job.unwrap().run(&Arc::new(Control::new())).unwrap().document;
    assert!(outcome["counts"]["issues"].as_u64().unwrap() <= 1);
}

#[test]
fn sources_that_are_none_are_refused_before_the_start() {
    let tree = Tree::new();
    tree.file("f", "").link("to-file", "f").link("to-dir", ".");
    let code = |path: &str| spec("inventory", std::path::Path::new(path)).fails().code();
    assert_eq!(code(tree.at("absent").to_str().unwrap()), "source_not_found");
    assert_eq!(code(tree.at("f").to_str().unwrap()), "source_not_found");
    assert_eq!(code(tree.at("to-file").to_str().unwrap()), "source_not_found");
    assert_eq!(code("relative"), "invalid_options");
    assert_eq!(code(&format!("/{}", "x".repeat(5000))), "source_not_found");
    let done = spec("inventory", &tree.at("to-dir")).run();
    assert_eq!(done.by_path("result").len(), 3, "a link to a directory may be a source");
}

/// Fails in its way at the given batch.
struct Failing {
    at: usize,
    seen: AtomicUsize,
    fail: fn() -> Result<()>,
}

impl Visitor for Failing {
    fn batch(&self, _batch: Batch) -> Result<()> {
        if self.seen.fetch_add(1, Relaxed) >= self.at { (self.fail)() } else { Ok(()) }
    }

    fn skipped(&self, _skipped: Skipped<'_>) -> Result<()> {
        Ok(())
    }
}

fn directories(count: usize) -> Tree {
    let tree = Tree::in_memory();
    for number in 0..count {
        tree.file(format!("{}/{number}/f", number % 50), "x");
    }
    tree
}

/// Run on a thread of its own: a hang is a failure, not a hang of the tests.
fn within<T: Send + 'static>(seconds: u64, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || send.send(work()));
    receive.recv_timeout(Duration::from_secs(seconds)).expect("it hangs")
}

#[test]
fn a_failing_or_panicking_visitor_ends_the_walk_with_its_own_words() {
    let tree = directories(500);
    let source = source_of(&tree);
    let output: fn() -> Result<()> = || Err(EngineError::output(std::path::Path::new("/x"), "no space"));
    let panic: fn() -> Result<()> = || panic!("a bug in a visitor");
    for (fail, code, words) in [(output, "output_failed", "no space"), (panic, "internal", "a bug in a visitor")] {
        for at in [0, 3, 400] {
            for threads in [1, 4] {
                let root = Arc::new(Root::open(&source, false).unwrap());
                let error = within(30, move || {
                    let visitor = Arc::new(Failing { at, seen: AtomicUsize::new(0), fail });
                    let rules = WalkOptions::default().compile().unwrap();
                    walk(root, rules, visitor, &Arc::new(Control::new()), threads).unwrap_err()
                });
                assert!(error.code() == code && error.to_string().contains(words), "{error}");
            }
        }
    }
}

struct Forward(crossbeam_channel::Sender<Batch>);

impl Visitor for Forward {
    fn batch(&self, batch: Batch) -> Result<()> {
        self.0.send(batch).map_err(|_| EngineError::internal("gone"))
    }

    fn skipped(&self, _skipped: Skipped<'_>) -> Result<()> {
        Ok(())
    }
}

/// Run `work` on every batch of a tree.
fn working(
    tree: &Tree,
    threads: usize,
    work: impl Fn(Batch) -> Result<()> + Send + Sync + 'static,
) -> (Result<WalkTotals>, Arc<Control>) {
    let root = Arc::new(Root::open(&source_of(tree), false).unwrap());
    let folder = tree.beside(&format!("out-{threads}-{:?}", Instant::now()).replace([' ', '{', '}'], ""));
    let output = Output { directory: folder, shard_rows: 10, job: None, shard_bytes: 1 << 20, shard_seconds: 5.0 };
    within(60, move || {
        let control = Arc::new(Control::new());
        let context = Context {
            files: None,
            root,
            walk: Arc::new(WalkOptions::default()),
            sink: JobFolder::create(&output, &control).unwrap().sink("inventory").unwrap(),
            control: Arc::clone(&control),
            threads,
            pool: ComputePool::new(threads),
            chunk_bytes: None,
            key_bytes: None,
            started: std::time::SystemTime::now(),
            baseline: Default::default(),
            job: None,
            all_is_read: false,
        };
        (walk_and_work(&context, 1, Forward, work), control)
    })
}

#[test]
fn work_that_panics_or_fails_ends_the_job_and_stops_the_walk() {
    let tree = directories(3000);
    for threads in [1, 2, 4] {
        let done = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&done);
        let (ended, _) = working(&tree, threads, move |_| {
            counted.fetch_add(1, Relaxed);
            panic!("a bug in an operation");
        });
        let error = ended.unwrap_err();
        assert!(error.code() == "internal" && error.to_string().contains("a bug in an operation"), "{error}");
        assert!(done.load(Relaxed) <= threads, "further batches are not begun");

        let (ended, control) = working(&tree, threads, |batch| match batch.directory.depth {
            2 => Err(EngineError::output(std::path::Path::new("/x"), "no space")),
            _ => Ok(()),
        });
        assert_eq!(ended.unwrap_err().code(), "output_failed", "and not that it was cancelled");
        assert!(control.is_cancelled() && control.take_failure().is_none());
    }
}

#[test]
fn a_panic_deep_in_rayon_ends_the_job() {
    use rayon::prelude::*;
    let tree = directories(200);
    let (ended, _) = working(&tree, 2, |batch| {
        (0..1000).into_par_iter().for_each(|number| assert!(number < 900 || batch.directory.depth < 2, "deep down"));
        Ok(())
    });
    assert!(ended.unwrap_err().to_string().contains("deep down"));
}

#[test]
fn work_sees_every_entry_once() {
    let tree = directories(3000);
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&seen);
    let (ended, control) = working(&tree, 3, move |batch| {
        for (name, _) in batch.iter() {
            assert!(noted.lock().unwrap().insert(pravah_foundation::base::paths::join(&batch.directory.path, name)));
        }
        Ok(())
    });
    assert_eq!(seen.lock().unwrap().len(), naive::entries(&tree.path()).len());
    let totals = ended.unwrap();
    assert_eq!((totals.files, totals.directories), (3000, 3051));
    assert_eq!(control.snapshot().files_total, Some(3000));
}

#[test]
fn a_cancelled_walk_says_so_and_ends_soon() {
    let tree = directories(3000);
    let root = Arc::new(Root::open(&source_of(&tree), false).unwrap());
    let control = Arc::new(Control::new());
    control.cancel();
    let rules = WalkOptions::default().compile().unwrap();
    let notes = Arc::new(Notes::default());
    let error = walk(root, rules, notes.clone(), &control, 2).unwrap_err();
    assert_eq!(error.code(), "cancelled");
    assert_eq!(notes.lasts.load(Relaxed), 0);
}

fn preview(spec: &Spec, files: u64, seconds: f64) -> serde_json::Value {
    let (_folder, job) = spec.prepare();
    job.unwrap().preview(files, Duration::from_secs_f64(seconds)).unwrap()
}

#[test]
fn preview_counts_what_a_job_would_touch() {
    let tree = Tree::new();
    for number in 0..30 {
        tree.file(format!("d/f{number:02}.txt"), "1234");
    }
    tree.file("other", "x").file(b"new\nline.txt", "12").link("link.txt", "other").fifo("pipe.txt");
    let spec = spec("inventory", &tree.path()).walk("extensions", json!(["txt"]));
    let told = preview(&spec, 1000, 60.0);
    assert_eq!(told["files"], 31);
    assert_eq!(told["bytes"], 122);
    assert_eq!(told["directories"], 2);
    assert_eq!(told["complete"], true);
    let names = told["first_names"].as_array().unwrap();
    assert_eq!(names.len(), 20);
    assert!(names.iter().all(|name| name == r"new\nline.txt" || name.as_str().unwrap().starts_with("d/f")));
    assert_eq!(preview(&spec, 31, 60.0)["complete"], true, "as many as the limit are within it");
    let (folder, job) = spec.prepare();
    job.unwrap().preview(1, Duration::MAX).unwrap();
    assert!(!folder.path().join("out").exists(), "a preview writes nothing");
}

#[test]
fn preview_stops_at_its_limits() {
    let tree = directories(5000);
    let spec = spec("inventory", &tree.path());
    let told = preview(&spec, 100, 60.0);
    assert_eq!(told["complete"], false);
    assert!((101..5000).contains(&told["files"].as_u64().unwrap()), "{told}");
    assert_eq!(preview(&spec, u64::MAX, 0.0)["complete"], false);
}

#[test]
fn job_prepare_touches_nothing() {
    let tree = Tree::new();
    let (folder, job) = spec("checksum", &tree.path()).prepare();
    job.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(Job::prepare(b"{}").is_err());
}

/// The rules once more, path by path and without a walk.
fn naively(rules: &WalkOptions, entries: &BTreeMap<Vec<u8>, fs::Metadata>) -> BTreeSet<Vec<u8>> {
    let set = |globs: &[String]| -> Vec<globset::GlobMatcher> {
        let anchored = globs.iter().map(|glob| {
            if glob.contains('/') { glob.trim_start_matches('/').to_owned() } else { format!("**/{glob}") }
        });
        anchored
            .map(|glob| globset::GlobBuilder::new(&glob).literal_separator(true).build().unwrap().compile_matcher())
            .collect()
    };
    let (ignored, included) = (set(&rules.ignore_globs), set(&rules.include_globs));
    let matches = |set: &[globset::GlobMatcher], path: &[u8]| {
        set.iter().any(|glob| glob.is_match(crate::common::tree::path_of(path)))
    };
    let takes = |path: &[u8], metadata: &fs::Metadata| {
        let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let prefixes: Vec<&[u8]> = (1..=parts.len()).map(|count| &path[..parts[..count].join(&b'/').len()]).collect();
        let hidden = !rules.include_hidden && parts.iter().any(|part| part.starts_with(b"."));
        let deep = rules.max_depth.is_some_and(|depth| parts.len() > depth as usize);
        if hidden || deep || prefixes.iter().any(|prefix| matches(&ignored, prefix)) {
            return false;
        }
        if metadata.is_dir() {
            return true;
        }
        let name = String::from_utf8_lossy(parts[parts.len() - 1]).to_lowercase();
        let extension =
            |wanted: &String| name.len() > wanted.len() + 1 && name.ends_with(&format!(".{}", wanted.to_lowercase()));
        (rules.extensions.is_empty() || rules.extensions.iter().any(extension))
            && (included.is_empty() || matches(&included, path))
            && rules.min_size_bytes.is_none_or(|least| metadata.len() >= least)
            && rules.max_size_bytes.is_none_or(|most| metadata.len() <= most)
    };
    entries.iter().filter(|(path, metadata)| takes(path, metadata)).map(|(path, _)| path.clone()).collect()
}

fn globs() -> impl Strategy<Value = Vec<String>> {
    let part = proptest::sample::select(vec!["a", "b", "*", "?", "a*", "*.c", ".*", "**", "b.c", "[ab]"]);
    let glob = (any::<bool>(), proptest::collection::vec(part, 1..3));
    let text = glob.prop_map(|(anchored, parts)| format!("{}{}", if anchored { "/" } else { "" }, parts.join("/")));
    proptest::collection::vec(text, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 80, rng_seed: RngSeed::Fixed(0x3a1c_0de5), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn rules_equal_a_naive_evaluation(
        paths in proptest::collection::btree_set("(a|b|\\.h|a\\.c|ab)(/(a|b|\\.h|b\\.c|B\\.C)){0,3}", 1..25),
        sizes in proptest::collection::vec(0..4u64, 25),
        ignore_globs in globs(),
        include_globs in globs(),
        extensions in proptest::sample::subsequence(vec!["c", "C", "x"], 0..=2),
        include_hidden in any::<bool>(),
        max_depth in proptest::option::of(1..4u32),
        bounds in proptest::option::of((0..3u64, 2..4u64)),
        threads in 1..4usize,
    ) {
        let tree = Tree::new();
        for (path, size) in paths.iter().zip(&sizes) {
            let taken = (1..path.len()).any(|end| tree.at(&path[..end]).is_file() && path.as_bytes()[end] == b'/');
            if !taken && !tree.at(path).exists() {
                tree.file(path, vec![0; *size as usize]);
            }
        }
        let rules = WalkOptions {
            include_hidden,
            ignore_globs,
            include_globs,
            extensions: extensions.into_iter().map(str::to_owned).collect(),
            min_size_bytes: bounds.map(|(least, _)| least),
            max_size_bytes: bounds.map(|(_, most)| most),
            max_depth,
            ..WalkOptions::default()
        };
        let expected = naively(&rules, &naive::entries(&tree.path()));
        let (notes, totals) = walk_of(&source_of(&tree), serde_json::to_value(&rules).unwrap(), threads);
        let got: BTreeSet<_> = notes.entries.lock().unwrap().keys().cloned().collect();
        prop_assert_eq!(got, expected, "{:?}", rules);
        let files = notes.entries.lock().unwrap().values().filter(|kind| **kind != EntryKind::Directory).count();
        prop_assert_eq!(totals.files as usize, files);
    }
}
