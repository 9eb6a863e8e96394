//! A job that is run again: what it opens, and whether it says what a fresh one says.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::rows::Row;
use super::run::{Done, Spec};

/// Sees which files of a tree are opened, or read.
pub struct Watch {
    events: OwnedFd,
    folders: BTreeMap<i32, String>,
}

impl Watch {
    fn new(root: &Path, seen: WatchFlags) -> Self {
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        let mut folders = BTreeMap::new();
        for entry in walkdir::WalkDir::new(root).into_iter().map(Result::unwrap) {
            if entry.file_type().is_dir() {
                let number = inotify::add_watch(&events, entry.path(), seen | WatchFlags::ONLYDIR).unwrap();
                let name = entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned();
                folders.insert(number, if name.is_empty() { name } else { name + "/" });
            }
        }
        Self { events, folders }
    }

    /// The files that were so far.
    fn files(self) -> BTreeSet<String> {
        let mut buffer = [MaybeUninit::uninit(); 64 << 10];
        let mut reader = inotify::Reader::new(&self.events, &mut buffer);
        let mut files = BTreeSet::new();
        loop {
            match reader.next() {
                Err(Errno::WOULDBLOCK) => return files,
                Err(error) => panic!("{error}"),
                Ok(event) => {
                    assert!(!event.events().contains(ReadFlags::QUEUE_OVERFLOW), "too many events");
                    let Some(name) = event.file_name().filter(|_| !event.events().contains(ReadFlags::ISDIR)) else {
                        continue;
                    };
                    files.insert(format!("{}{}", self.folders[&event.wd()], name.to_string_lossy()));
                }
            }
        }
    }
}

/// The shards of some tables of jobs, as baselines of the next one.
pub fn baselines(jobs: &[&Done], tables: &[&str]) -> Value {
    let operation = jobs[0].result()["operation"].as_str().unwrap();
    let shards: Vec<_> = jobs.iter().flat_map(|done| tables.iter().flat_map(|table| done.shards(table))).collect();
    json!({operation: shards})
}

/// Run it and tell which files it opened.
pub fn watched(spec: &Spec, root: &Path) -> (Done, BTreeSet<String>) {
    let watch = Watch::new(root, WatchFlags::OPEN);
    let done = spec.run();
    (done, watch.files())
}

/// Run it and tell which files it read.
pub fn watched_reading(spec: &Spec, root: &Path) -> (Done, BTreeSet<String>) {
    let watch = Watch::new(root, WatchFlags::ACCESS);
    let done = spec.run();
    (done, watch.files())
}

/// Paths as [`watched`] gives those that were opened.
pub fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub fn reused(done: &Done) -> u64 {
    done.summary()["reused_files"].as_u64().unwrap()
}

/// All tables with their rows in order, the summary without what differs from run to run, and the issues.
fn told(done: &Done) -> (BTreeMap<String, Vec<Row>>, Value, Vec<Row>) {
    let tables = done.result()["tables"].as_array().unwrap().iter().map(|table| {
        let name = table["name"].as_str().unwrap();
        let mut rows = done.table(name);
        rows.sort();
        (name.to_owned(), rows)
    });
    let mut summary = done.summary().clone();
    for name in ["reused_files", "reused_bytes", "bytes_per_second"] {
        summary.as_object_mut().unwrap().remove(name);
    }
    let mut issues = done.issues();
    issues.sort();
    (tables.collect(), summary, issues)
}

/// Every table, the summary and the issues are the same.
pub fn same(again: &Done, fresh: &Done) {
    let (found, expected) = (told(again), told(fresh));
    for (name, rows) in &expected.0 {
        assert_eq!(found.0.get(name), Some(rows), "table {name}");
    }
    assert_eq!((found.0.len(), found.1, found.2), (expected.0.len(), expected.1, expected.2));
}
