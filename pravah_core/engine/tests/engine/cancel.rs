//! A cancel is answered within 200 ms, whatever the job is at.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::run::{Spec, spec};
use crate::common::tree::Tree;
use pravah_foundation::base::control::{Control, Snapshot};
use serde_json::json;

const ANSWER: Duration = Duration::from_millis(200);

/// How long the job took to end after a cancel; none when it ended before `when` came true.
fn answer(job: &Spec, when: &dyn Fn(&Snapshot) -> bool) -> Option<Duration> {
    let control = Arc::new(Control::new());
    let (folder, prepared) = job.prepare();
    let (running, prepared) = (Arc::clone(&control), prepared.unwrap());
    let thread = std::thread::spawn(move || prepared.run(&running).map(|outcome| outcome.document));
    while !when(&control.snapshot()) && !thread.is_finished() {
        std::thread::yield_now();
    }
    let before_end = !thread.is_finished();
    control.cancel();
    let begun = Instant::now();
    let ended = thread.join().unwrap();
    let took = begun.elapsed();
    match ended {
        Err(error) => {
            assert_eq!(error.code(), "cancelled", "{error}");
            assert!(!folder.path().join("out/outcome.json").exists(), "a cancelled job is not complete");
        }
        // It had passed the last look.
        Ok(outcome) => assert_eq!(outcome["version"], 1),
    }
    before_end.then_some(took)
}

/// Assert the answer's time; false when the job always ended before `when` came true. The machine may be busy with
/// something else: one good measure of five is asked.
fn answers(what: &str, job: &Spec, when: impl Fn(&Snapshot) -> bool) -> bool {
    let mut measured = Vec::new();
    while measured.len() < 5 {
        match answer(job, &when) {
            None => return !measured.is_empty(),
            Some(took) if took < ANSWER => return true,
            Some(took) => measured.push(took),
        }
    }
    panic!("{what}: {measured:?}");
}

/// Cancel at moments all over the job's run.
fn answers_at_any_time(what: &str, job: &Spec) {
    let begun = Instant::now();
    job.run();
    let whole = begun.elapsed();
    for part in 0..10 {
        let at = whole.as_secs_f64() * f64::from(part) / 10.0;
        answers(&format!("{what} after {at:.3} s"), job, |snapshot| snapshot.elapsed_seconds >= at);
    }
}

#[test]
fn while_one_large_file_is_digested() {
    let tree = Tree::new();
    tree.sparse("large", 64 << 30);
    for algorithms in [json!(["sha256"]), json!(["blake3"]), json!(["md5", "sha1", "crc32c"])] {
        let job = spec("checksum", &tree.path()).option("algorithms", algorithms.clone());
        assert!(answers(&format!("{algorithms}"), &job, |snapshot| snapshot.bytes_done > 64 << 20));
    }
}

#[test]
fn while_a_manifest_is_read_that_has_no_end_of_a_line() {
    let tree = Tree::new();
    tree.file("a", "x");
    let manifest = tree.beside("sums.sha256");
    let text = format!("{}  a\n", crate::common::digests::digest("sha256", b"x"));
    fs::write(&manifest, text).unwrap();
    fs::OpenOptions::new().write(true).open(&manifest).unwrap().set_len(64 << 30).unwrap();
    let job = spec("verify", &tree.path()).option("manifest", manifest.to_str().unwrap());
    let is_reading = |snapshot: &Snapshot| snapshot.stage == "read manifest" && snapshot.elapsed_seconds > 0.05;
    assert!(answers("reading", &job, is_reading));
}

#[test]
fn from_any_stage_on_many_small_files() {
    let tree = Tree::in_memory();
    for directory in 0..300 {
        for number in 0..50 {
            tree.file(format!("{directory}/{number}"), format!("{number}"));
        }
    }
    answers_at_any_time("inventory", &spec("inventory", &tree.path()));
    answers_at_any_time("checksum", &spec("checksum", &tree.path()).option("algorithms", json!(["blake3", "md5"])));
    let sums = spec("checksum", &tree.path()).run();
    let manifest = sums.own_folder().join("manifest.b3");
    answers_at_any_time("verify", &spec("verify", &tree.path()).option("manifest", manifest.to_str().unwrap()));
}

#[test]
fn while_a_big_result_is_written() {
    // Hard links make the last stage long: each inode is added to every directory above its names.
    let tree = Tree::in_memory();
    for number in 0..20_000 {
        tree.file(format!("a/{}/{number}", number % 20), "");
        tree.hard_link(format!("b/{}/{number}", number % 200), format!("a/{}/{number}", number % 20));
    }
    let job = spec("inventory", &tree.path()).output("shard_rows", 200);
    answers("writing", &job, |snapshot| snapshot.stage == "write");
    answers("between shards", &job, |snapshot| snapshot.files_done > 10_000);
}

#[test]
fn a_cancel_before_the_start_and_again_and_again() {
    let tree = Tree::new();
    tree.file("a", "x");
    for operation in ["inventory", "checksum"] {
        let control = Arc::new(Control::new());
        control.cancel();
        control.cancel();
        let ended = spec(operation, &tree.path()).run_with(&control);
        assert_eq!(ended.err().unwrap().code(), "cancelled");
        control.cancel();
    }
}

/// The corpora of the benchmarks, where they are.
fn corpus(name: &str) -> Option<PathBuf> {
    let path = Path::new(&std::env::var_os("PRAVAH_CORPORA")?).join(name);
    path.is_dir().then_some(path)
}

#[test]
fn from_any_stage_on_the_corpora() {
    let Some(linux) = corpus("linux") else { return };
    answers_at_any_time("inventory of linux", &spec("inventory", &linux));
    answers_at_any_time("checksum of linux", &spec("checksum", &linux).option("algorithms", json!(["sha256"])));
    let Some(large) = corpus("tpch/full") else { return };
    answers_at_any_time("checksum of large files", &spec("checksum", &large).option("algorithms", json!(["sha256"])));
}
