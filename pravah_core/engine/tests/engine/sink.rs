//! sink: shards appear whole or not at all, and what cannot be written ends the job.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::common::rows;
use crate::common::run::{files_below, spec};
use crate::common::tree::{Tree, temporary_in_memory};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::{IssueKind, KEPT};
use pravah_foundation::base::pool::{Slots, uninterrupted};
use pravah_foundation::store::columns::{Column, Columns};
use pravah_foundation::store::sink::Output;
use pravah_foundation::store::sink::{JobFolder, Sink, Table};
use serde_json::json;
use tempfile::TempDir;

const COLUMNS: &[Column] = &[Column::text("name"), Column::integer("number")];
const TABLE: Table = Table { name: "result", dictionary: &[] };

fn sink(shard_rows: u64) -> (TempDir, Arc<Sink>, Arc<Control>) {
    let folder = temporary_in_memory("sink");
    let control = Arc::new(Control::new());
    let output = Output {
        directory: folder.path().join("out"),
        shard_rows,
        job: None,
        shard_bytes: 1 << 30,
        shard_seconds: 5.0,
    };
    let sink = JobFolder::create(&output, &control).unwrap().sink("inventory").unwrap();
    (folder, sink, control)
}

fn batch(numbers: std::ops::Range<u64>) -> arrow_array::RecordBatch {
    let mut columns = Columns::new(COLUMNS);
    for number in numbers {
        columns.text(&format!("row {number}"));
        columns.integer(number);
    }
    columns.take().unwrap()
}

fn numbers(files: &[PathBuf]) -> Vec<i64> {
    let rows = files.iter().flat_map(|file| rows::read(file));
    let mut numbers: Vec<i64> = rows.map(|row| row.integer("number")).collect();
    numbers.sort_unstable();
    numbers
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    let mut parts: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    parts.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("part-"));
    parts.sort();
    parts
}

#[test]
fn shards_have_the_rows_asked_for_and_are_told_when_they_are_final() {
    for (shard_rows, expected) in [(1, vec![1; 25]), (10, vec![10, 10, 5]), (25, vec![25]), (1000, vec![25])] {
        let (folder, sink, control) = sink(shard_rows);
        let mut writer = sink.writer(TABLE, batch(0..0).schema());
        for part in [0..3, 3..3, 3..24, 24..25] {
            writer.write(&batch(part)).unwrap();
            let told: u64 = control.shards(0).iter().map(|shard| shard.rows).sum();
            let there = parts(&folder.path().join("out/inventory/result"));
            assert_eq!(numbers(&there).len() as u64, told, "what has its name is told, and the other way round");
        }
        sink.commit(vec![writer.stage().unwrap()]).unwrap();
        let there = parts(&folder.path().join("out/inventory/result"));
        assert_eq!(there.iter().map(|part| rows::read(part).len()).collect::<Vec<_>>(), expected);
        assert_eq!(numbers(&there), (0..25).collect::<Vec<_>>());
        assert_eq!(control.shards(0).len(), expected.len());
        assert_eq!(control.shards(1).len(), expected.len() - 1, "the page after the first");
    }
}

#[test]
fn several_writers_of_a_table_share_it() {
    let (folder, sink, _) = sink(7);
    std::thread::scope(|scope| {
        for writer in 0..4u64 {
            let sink = &sink;
            scope.spawn(move || {
                let mut table = sink.writer(TABLE, batch(0..0).schema());
                for step in 0..10 {
                    let start = writer * 100 + step * 10;
                    table.write(&batch(start..start + 10)).unwrap();
                }
                sink.commit(vec![table.stage().unwrap()]).unwrap();
            });
        }
    });
    let there = parts(&folder.path().join("out/inventory/result"));
    assert_eq!(numbers(&there), (0..400).collect::<Vec<_>>());
    let journal = fs::read_to_string(folder.path().join("out/shards.jsonl")).unwrap();
    assert_eq!(journal.lines().count(), there.len());
}

#[test]
fn a_staged_shard_has_no_name_yet() {
    let (folder, sink, control) = sink(100);
    let mut writer = sink.writer(TABLE, batch(0..0).schema());
    writer.write(&batch(0..5)).unwrap();
    let staged = writer.stage().unwrap();
    assert!(parts(&folder.path().join("out/inventory/result")).is_empty());
    assert!(folder.path().join("out/inventory/result/.part-00000.parquet.tmp").exists());
    control.cancel();
    assert_eq!(sink.commit(vec![staged]).unwrap_err().code(), "cancelled");
    assert!(parts(&folder.path().join("out/inventory/result")).is_empty());
    assert!(control.shards(0).is_empty());
}

#[test]
fn a_folder_that_is_not_empty_is_refused_and_left_alone() {
    let tree = Tree::new();
    tree.file("f", "x");
    let folder = tree.beside("out");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("mine"), "mine").unwrap();
    let document = spec("inventory", &tree.path()).output("directory", folder.to_str().unwrap());
    let error = pravah_engine::run(&document.json(), &Arc::new(Control::new())).unwrap_err();
    assert!(error.code() == "output_failed" && error.to_string().contains("not empty"), "{error}");
    assert_eq!(files_below(&folder), ["mine"]);
    let early = pravah_engine::Job::prepare(&document.json()).unwrap().create_output().unwrap_err();
    assert_eq!(early.code(), "output_failed", "known before the start");
}

#[test]
fn a_place_where_nothing_can_be_written_is_an_output_error() {
    let tree = Tree::new();
    tree.file("file", "x");
    for place in [tree.at("file").join("out"), "/proc/nothing/out".into(), format!("/{}", "x".repeat(300)).into()] {
        let document = spec("checksum", &tree.path()).output("directory", place.to_str().unwrap());
        let error = pravah_engine::run(&document.json(), &Arc::new(Control::new())).unwrap_err();
        assert_eq!(error.code(), "output_failed", "{place:?}: {error}");
    }
}

#[test]
fn a_device_without_space_ends_the_write_with_an_output_error() {
    let (folder, sink, _) = sink(5);
    let result = folder.path().join("out/inventory/result");
    fs::create_dir(&result).unwrap();
    symlink("/dev/full", result.join(".part-00001.parquet.tmp")).unwrap();
    let mut writer = sink.writer(TABLE, batch(0..0).schema());
    let error = writer.write(&batch(0..20)).unwrap_err();
    assert!(error.code() == "output_failed" && error.to_string().contains("No space left"), "{error}");
    assert_eq!(
        parts(&result),
        [result.join("part-00000.parquet")],
        "the shard before is whole, no half one has a name"
    );
    assert_eq!(numbers(&parts(&result)), (0..5).collect::<Vec<_>>());
}

/// A tmpfs of one mebibyte; none where mounting is not allowed.
struct Small(TempDir);

impl Small {
    fn new() -> Option<Self> {
        let at = temporary_in_memory("small");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(at.path()).output().ok()?;
        mount.status.success().then_some(Self(at))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_file_system_ends_every_operation_without_a_half_shard() {
    let tree = Tree::in_memory();
    for number in 0..6000 {
        fs::write(tree.at(format!("{number:05}{}", "n".repeat(200))), format!("{number}")).unwrap();
    }
    let sums = spec("checksum", &tree.path()).option("algorithms", json!(["sha256"])).run();
    let manifest = sums.own_folder().join("manifest.sha256");
    let verify = spec("verify", &tree.path()).option("manifest", manifest.to_str().unwrap());
    let all = json!(["blake3", "sha256", "sha1", "md5"]);
    let jobs = [spec("inventory", &tree.path()), spec("checksum", &tree.path()).option("algorithms", all), verify];
    for job in jobs {
        let Some(small) = Small::new() else { return };
        let filler = vec![1; 900 << 10];
        fs::write(small.0.path().join("filler"), filler).unwrap();
        let folder = small.0.path().join("out");
        let document = job.output("directory", folder.to_str().unwrap()).output("shard_rows", 500);
        let error = pravah_engine::run(&document.json(), &Arc::new(Control::new())).unwrap_err();
        assert!(error.code() == "output_failed" && error.to_string().contains("No space left"), "{error}");
        let files = files_below(&folder);
        assert!(!files.contains(&"outcome.json".to_owned()));
        assert!(!files.iter().any(|name| name.starts_with("manifest.")), "{files:?}");
        for name in files.iter().filter(|name| name.contains("/part-")) {
            rows::read(&folder.join(name));
        }
    }
}

#[test]
fn a_folder_that_is_removed_while_it_is_written_ends_the_job() {
    let tree = Tree::in_memory();
    for number in 0..2000 {
        tree.file(format!("{}/{number}", number % 100), "x");
    }
    let folder = tree.beside("out");
    let document =
        spec("inventory", &tree.path()).output("directory", folder.to_str().unwrap()).output("shard_rows", 5);
    let control = Arc::new(Control::new());
    let running = Arc::clone(&control);
    let job = std::thread::spawn(move || pravah_engine::run(&document.json(), &running));
    crate::common::wait_until("a shard is final", || control.shards(0).len() > 3);
    while fs::remove_dir_all(&folder).is_err() && !job.is_finished() {}
    match job.join().unwrap() {
        Err(error) => assert_eq!(error.code(), "output_failed", "{error}"),
        Ok(outcome) => assert!(folder.join("outcome.json").exists(), "{}", outcome.document),
    }
}

#[test]
fn issues_beyond_the_kept_ones_are_in_the_file() {
    let tree = Tree::new();
    tree.file("a", "x");
    let good = crate::common::digests::digest("sha256", b"x");
    let lines: String = (0..KEPT + 5000).map(|number| format!("nonsense {number}\n")).collect();
    let manifest = tree.beside("sums.sha256");
    fs::write(&manifest, format!("{good}  a\n{lines}")).unwrap();
    let control = Arc::new(Control::new());
    let job = spec("verify", &tree.path()).option("manifest", manifest.to_str().unwrap());
    let done = job.run_with(&control).unwrap();
    assert_eq!(done.count("issues") as usize, KEPT + 5000);
    assert_eq!(done.summary()["unusable_lines"], KEPT + 5000);
    let messages: BTreeSet<String> = done.issues().iter().map(|issue| issue.text("message").to_owned()).collect();
    assert_eq!(messages.len(), KEPT + 5000, "each once");
    assert_eq!(control.issues().page(0, usize::MAX).len(), KEPT);
    let page = control.issues().page(KEPT - 2, 100);
    assert_eq!(page.len(), 2);
    assert!(page[0].message.starts_with(&format!("line {KEPT} ")), "{}: line 1 is the good one", page[0].message);
    assert!(control.issues().page(KEPT + 100, 10).is_empty());
}

#[test]
fn a_list_of_issues_that_cannot_be_written_ends_the_job() {
    let (folder, _sink, control) = sink(100);
    let temporary = folder.path().join("out/.issues.parquet.tmp");
    assert!(temporary.exists());
    let full = Arc::new(Control::new());
    let elsewhere = folder.path().join("full");
    fs::create_dir(&elsewhere).unwrap();
    symlink("/dev/full", elsewhere.join(".issues.parquet.tmp")).unwrap();
    full.issues().write_to(Box::new(pravah_foundation::store::sink::issues::IssueFile::create(&elsewhere).unwrap()));
    full.issue("walk", b"x", IssueKind::Unreadable, "trouble");
    assert_eq!(full.issues().finish().unwrap_err().code(), "output_failed");
    assert!(!elsewhere.join("issues.parquet").exists());
    control.issue("walk", b"", IssueKind::Vanished, "the source itself");
    control.issues().finish().unwrap();
    let row = &rows::read(&folder.path().join("out/issues.parquet"))[0];
    assert_eq!(
        ["stage", "path", "kind", "message"].map(|column| row.text(column)),
        ["walk", ".", "vanished", "the source itself"]
    );
}

#[test]
fn what_nothing_can_interrupt_is_left_behind_by_a_cancel() {
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    let control = Arc::new(Control::new());
    let canceller = Arc::clone(&control);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        canceller.cancel();
    });
    let slow = |seconds: u64, _: &Control| -> Result<()> {
        std::thread::sleep(Duration::from_secs(seconds));
        ENDED.fetch_add(1, Relaxed);
        Ok(())
    };
    let begun = Instant::now();
    let error = uninterrupted(&control, vec![1, 1, 1], slow).unwrap_err();
    assert_eq!(error.code(), "cancelled");
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    crate::common::wait_until("the threads end by themselves", || ENDED.load(Relaxed) == 3);
}

#[test]
fn uninterrupted_work_reports_errors_and_panics() {
    let control = Arc::new(Control::new());
    let items: Vec<u32> = (0..100).collect();
    assert!(uninterrupted(&control, items.clone(), |_, _| Ok(())).is_ok());
    assert!(uninterrupted(&control, Vec::<u32>::new(), |_, _| Ok(())).is_ok());
    let error = uninterrupted(&control, items.clone(), |item, _| match item {
        63 => Err(EngineError::output(Path::new("/x"), "no space")),
        _ => Ok(()),
    });
    assert_eq!(error.unwrap_err().code(), "output_failed");
    let error = uninterrupted(&control, items, |item, _| if item == 63 { panic!("a bug") } else { Ok(()) });
    let error = error.unwrap_err();
    assert!(error.code() == "internal" && error.to_string().contains("a bug"), "{error}");
}

#[test]
fn slots_lend_each_state_to_one_thread_and_survive_a_panic() {
    let slots = Slots::new(3, || 0u64);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..10_000).for_each(|_| *slots.acquire() += 1));
        }
    });
    let panicked = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let _held = slots.acquire();
            panic!("while it holds a slot");
        });
        thread.join()
    });
    assert!(panicked.is_err());
    *slots.acquire() += 1;
    assert_eq!(slots.into_inner().iter().sum::<u64>(), 30_001);
}

#[test]
fn rows_of_any_length_are_encoded_before_they_are_too_large() {
    let long = vec![b'x'; 1 << 20];
    let mut columns = Columns::new(&[Column::text("path"), Column::raw("path_raw")]);
    let mut rows = 0;
    while !columns.is_full() {
        columns.path(&long);
        rows += 1;
    }
    assert_eq!(rows, 8);
    assert_eq!(columns.take().unwrap().num_rows(), 8);
    assert!(!columns.is_full());
    columns.text("half a row");
    assert_eq!(columns.take().unwrap_err().code(), "internal");
}
