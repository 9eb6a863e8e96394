//! What a job would touch: a walk that reads no file and stops at a limit. Files are regular ones, as in results.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::job::Job;
use crate::ops::Request;
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result, guarded};
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::base::paths;
use pravah_foundation::base::sync::lock;
use pravah_foundation::run::records;
use pravah_foundation::run::records::ReadOptions;
use pravah_foundation::source::walk::{Batch, Skipped, Visitor, walk};

/// Names shown to the user before a start.
const FIRST_NAMES: usize = 20;
/// Also a limit: a deadline further away than this is none.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

struct Count {
    limit_files: u64,
    deadline: Instant,
    files: AtomicU64,
    bytes: AtomicU64,
    directories: AtomicU64,
    names: Mutex<Vec<String>>,
    /// Files of records, where an operation reads such, and how.
    tables: Mutex<Vec<String>>,
    reading: Option<ReadOptions>,
}

impl Visitor for Count {
    fn batch(&self, batch: Batch) -> Result<()> {
        if batch.last {
            self.directories.fetch_add(1, Relaxed);
        }
        for (name, meta) in batch.iter().filter(|(_, meta)| meta.kind == EntryKind::File) {
            self.bytes.fetch_add(meta.size, Relaxed);
            let shown = || paths::escape(&paths::join(&batch.directory.path, name)).into_owned();
            if self.files.fetch_add(1, Relaxed) < FIRST_NAMES as u64 {
                lock(&self.names).push(shown());
            }
            if self.reading.as_ref().is_some_and(|reading| reading.wants(name)) {
                let mut tables = lock(&self.tables);
                if tables.len() < FIRST_NAMES {
                    tables.push(shown());
                }
            }
        }
        Ok(())
    }

    fn skipped(&self, _skipped: Skipped<'_>) -> Result<()> {
        Ok(())
    }

    fn is_sated(&self) -> bool {
        self.files.load(Relaxed) > self.limit_files || Instant::now() >= self.deadline
    }
}

impl Job {
    /// How the first operation that reads files of records does so.
    fn reading(&self) -> Option<&ReadOptions> {
        self.spec.requests.iter().find_map(Request::reading)
    }

    /// Look at the beginning of a file of records, as the first operation that reads such files would read it.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub fn preview_records(&self, path: &[u8]) -> Result<Value> {
        let reads = self.spec.requests.iter().find_map(|request| request.resolved_reading().transpose());
        let Some(options) = reads.transpose()? else {
            let notes = ["no operation of this job reads files of records"];
            return Ok(json!({"path": paths::escape(path), "notes": notes, "is_whole": false, "table": null}));
        };
        if let Some(objects) = self.root.objects() {
            objects.find(&Arc::new(Control::new()))?;
        }
        records::preview(&self.root, path, &options)
    }

    /// Count files and bytes until a limit is passed. The counts may exceed the limit by some thousands: what
    /// was looked at already is told.
    ///
    /// # Errors
    /// As [`pravah_foundation::source::walk::walk`]; reaching a limit is none.
    pub fn preview(&self, limit_files: u64, limit: Duration) -> Result<Value> {
        let control = Arc::new(Control::new());
        let count = Arc::new(Count {
            limit_files,
            deadline: Instant::now() + limit.min(LONGEST),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            directories: AtomicU64::new(0),
            names: Mutex::default(),
            tables: Mutex::default(),
            reading: self.reading().cloned(),
        });
        if let Some(objects) = self.root.objects() {
            objects.find(&control)?;
        }
        let threads = self.threads();
        let rules = self.spec.walk.compile()?;
        // Nobody else holds this control: a walk that was cancelled was sated.
        let complete = match guarded(|| walk(Arc::clone(&self.root), rules, count.clone(), &control, threads)) {
            Ok(_) => true,
            Err(EngineError::Cancelled) => false,
            Err(error) => return Err(error),
        };
        let mut names = lock(&count.names).clone();
        names.sort();
        let mut tables = lock(&count.tables).clone();
        tables.sort();
        Ok(json!({
            "files": count.files.load(Relaxed),
            "bytes": count.bytes.load(Relaxed),
            "directories": count.directories.load(Relaxed),
            "first_names": names,
            "first_tables": tables,
            "complete": complete,
        }))
    }
}
