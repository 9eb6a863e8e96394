//! What a job would touch: a walk that reads no file and stops at a limit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Job;
use crate::control::Control;
use crate::error::{EngineError, Result};
use crate::issue::lock;
use crate::paths;
use crate::walk::{Batch, Kind, Skip, Visitor, walk};

/// Names shown to the user before a start.
const FIRST_NAMES: usize = 20;

struct Count {
    control: Arc<Control>,
    limit_files: u64,
    deadline: Instant,
    files: AtomicU64,
    bytes: AtomicU64,
    directories: AtomicU64,
    limited: AtomicBool,
    names: Mutex<Vec<String>>,
}

impl Visitor for Count {
    fn batch(&self, batch: Batch) -> Result<()> {
        if batch.last {
            self.directories.fetch_add(1, Relaxed);
        }
        for (name, meta) in batch.iter().filter(|(_, meta)| meta.kind != Kind::Directory) {
            self.bytes.fetch_add(meta.size, Relaxed);
            if self.files.fetch_add(1, Relaxed) < FIRST_NAMES as u64 {
                lock(&self.names).push(paths::escape(&paths::join(&batch.directory.path, name)).into_owned());
            }
        }
        if self.files.load(Relaxed) >= self.limit_files || Instant::now() >= self.deadline {
            self.limited.store(true, Relaxed);
            self.control.cancel();
        }
        Ok(())
    }

    fn skipped(&self, _path: &[u8], _reason: Skip) -> Result<()> {
        Ok(())
    }
}

impl Job {
    /// Count files and bytes until a limit is reached.
    ///
    /// # Errors
    /// As [`crate::walk::walk`]; reaching a limit is none.
    pub fn preview(&self, limit_files: u64, limit: Duration) -> Result<Value> {
        let control = Arc::new(Control::new());
        let count = Arc::new(Count {
            control: Arc::clone(&control),
            limit_files,
            deadline: Instant::now() + limit,
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            directories: AtomicU64::new(0),
            limited: AtomicBool::new(false),
            names: Mutex::new(Vec::new()),
        });
        let threads = self.spec.threads.unwrap_or_else(crate::pool::default_threads);
        let walked = walk(Arc::clone(&self.root), self.spec.walk.compile()?, Arc::clone(&count), &control, threads);
        let complete = match walked {
            Ok(_) => true,
            Err(EngineError::Cancelled) if count.limited.load(Relaxed) => false,
            Err(error) => return Err(error),
        };
        let mut names = lock(&count.names).clone();
        names.sort();
        Ok(json!({
            "files": count.files.load(Relaxed),
            "bytes": count.bytes.load(Relaxed),
            "directories": count.directories.load(Relaxed),
            "first_names": names,
            "complete": complete,
        }))
    }
}
