//! A job cut into splits: lists of its files, for several runners to work on side by side.
//!
//! A split is run as a job of its own over a list ([`crate::walk::listed`]); its shards are then a baseline of the job
//! itself ([`crate::baseline`]), which takes over what the splits have found and computes what they lack. So a plan need
//! not be exact: a file that came, went or changed since is seen by the job's own walk.
//!
//! Memory: that of a walk. The lists take a name and its directory for each file.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::Job;
use crate::baseline::Baseline;
use crate::control::Control;
use crate::error::{EngineError, Result};
use crate::issue::lock;
use crate::paths;
use crate::walk::listed::write_group;
use crate::walk::{Batch, Kind, Skipped, Visitor, walk};

/// Of everything found so far, the part at which a split is closed: large trees have some hundred splits and small
/// ones few. The last splits are not larger than the first by more than that, so that no runner waits long for another.
const PART: u64 = 128;

/// The smallest split that is worth its costs: starting it, making its result last, storing it.
#[derive(Debug, Clone, Copy)]
pub struct Least {
    /// Files of it.
    pub files: u64,
    /// Or bytes of it.
    pub bytes: u64,
}

#[derive(Debug)]
struct Open {
    list: BufWriter<File>,
    path: PathBuf,
    files: u64,
    bytes: u64,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Open>,
    splits: Vec<Value>,
    files: u64,
    bytes: u64,
}

struct Planner {
    folder: PathBuf,
    least: Least,
    /// Of each operation: a file that all of them know needs nobody.
    known: Vec<Baseline>,
    state: Mutex<State>,
    control: Arc<Control>,
}

impl Visitor for Planner {
    fn batch(&self, batch: Batch) -> Result<()> {
        let (directory, mut path) = (&batch.directory.path, Vec::new());
        let mut wanted = batch.iter().filter(|(name, meta)| {
            paths::join_into(&mut path, directory, name);
            meta.kind == Kind::File && !self.known.iter().all(|known| known.find(&path, meta).is_some())
        });
        let mut next = wanted.next();
        let mut state = lock(&self.state);
        while next.is_some() {
            let mut open = state.open.take().map_or_else(|| self.create(state.splits.len()), Ok)?;
            let (most_files, most_bytes) =
                (self.least.files.max(state.files / PART), self.least.bytes.max(state.bytes / PART));
            let State { files, bytes, .. } = &mut *state;
            let (own_files, own_bytes) = (&mut open.files, &mut open.bytes);
            let part = std::iter::from_fn(|| {
                if *own_files >= most_files || *own_bytes >= most_bytes {
                    return None;
                }
                let (name, meta) = next?;
                next = wanted.next();
                (*own_files, *own_bytes) = (*own_files + 1, own_bytes.saturating_add(meta.size));
                (*files, *bytes) = (*files + 1, bytes.saturating_add(meta.size));
                self.control.add_done(1, meta.size);
                Some(name)
            });
            write_group(&mut open.list, directory, part).map_err(|error| EngineError::output(&open.path, error))?;
            if open.files >= most_files || open.bytes >= most_bytes {
                state.close(open)?;
            } else {
                state.open = Some(open);
            }
        }
        Ok(())
    }

    fn skipped(&self, _skipped: Skipped<'_>) -> Result<()> {
        Ok(())
    }
}

impl Planner {
    fn create(&self, number: usize) -> Result<Open> {
        let path = self.folder.join(format!("{number:05}.list"));
        let file = File::create(&path).map_err(|error| EngineError::output(&path, error))?;
        Ok(Open { list: BufWriter::with_capacity(256 << 10, file), path, files: 0, bytes: 0 })
    }
}

impl State {
    fn close(&mut self, open: Open) -> Result<()> {
        let Open { list, path, files, bytes } = open;
        list.into_inner().map_err(|error| EngineError::output(&path, error.into_error()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.splits.push(json!({"list": name, "files": files, "bytes": bytes}));
        Ok(())
    }
}

impl Job {
    /// Walk, and cut what the baselines do not know into splits: a list each in `folder`, which is there.
    ///
    /// Returns `{"splits": [{"list": name, "files", "bytes"}, ...]}`.
    ///
    /// # Errors
    /// As [`crate::walk::walk`]; [`EngineError::Output`].
    ///
    /// # Cancellation
    /// As a walk.
    pub fn plan(&self, folder: &Path, least: Least, control: &Arc<Control>) -> Result<Value> {
        control.set_stages(vec!["plan"]);
        crate::ended(control, || {
            let planner = Arc::new(Planner {
                folder: folder.to_path_buf(),
                least,
                known: self.spec.requests.iter().map(|one| Baseline::open(&self.spec.known(one.name()), &[])).collect(),
                state: Mutex::default(),
                control: Arc::clone(control),
            });
            self.root.begin(folder, control)?;
            walk(Arc::clone(&self.root), self.spec.walk.compile()?, Arc::clone(&planner), control, self.threads())?;
            let mut state = lock(&planner.state);
            if let Some(open) = state.open.take() {
                state.close(open)?;
            }
            Ok(json!({"splits": std::mem::take(&mut state.splits)}))
        })
    }
}
