//! A job cut into splits: lists of its files, for several runners to work on side by side.
//!
//! A split is run as a job of its own over a list ([`crate::walk::listed`]); its shards are then a baseline of the job
//! itself ([`crate::baseline`]), which takes over what the splits have found and computes what they lack. So a plan need
//! not be exact: a file that came, went or changed since is seen by the job's own walk.
//!
//! Splits become smaller towards the end of the job (guided self-scheduling, Polychronopoulos and Kuck 1987): the first
//! ones are large, since each has its costs, and the last ones small, so that no runner waits long for another.
//!
//! Memory: that of a walk. The lists take a name and its directory for each file.

use std::fs::File;
use std::io::{self, BufWriter};
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

/// Of everything found so far, the part for each runner at which a list is closed while the tree is walked: there are
/// some hundred lists however large it is, and the splits are made of them.
const LISTS: u64 = 64;

/// The largest split: this part of the job for each runner. A split that is lost is done again.
const MOST: u32 = 8;

/// Of what is left, the part for each runner that the next split is.
const NEXT: u32 = 4;

/// How a job is cut.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// The smallest split that is worth its costs (starting it, making its result last, storing it): files of it.
    pub files: u64,
    /// Or bytes of it.
    pub bytes: u64,
    /// Who shares the job.
    pub runners: u32,
}

#[derive(Debug)]
struct Open {
    list: BufWriter<File>,
    path: PathBuf,
    files: u64,
    bytes: u64,
}

/// Files of a list, or of several.
#[derive(Debug)]
struct Split {
    lists: Vec<PathBuf>,
    files: u64,
    bytes: u64,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Open>,
    lists: Vec<Split>,
    files: u64,
    bytes: u64,
}

struct Planner {
    folder: PathBuf,
    cut: Cut,
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
            let mut open = state.open.take().map_or_else(|| self.create(state.lists.len()), Ok)?;
            let part = LISTS * u64::from(self.cut.runners.max(1));
            let (most_files, most_bytes) =
                (self.cut.files.max(state.files / part), self.cut.bytes.max(state.bytes / part));
            let State { files, bytes, .. } = &mut *state;
            let (own_files, own_bytes) = (&mut open.files, &mut open.bytes);
            let names = std::iter::from_fn(|| {
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
            write_group(&mut open.list, directory, names).map_err(|error| EngineError::output(&open.path, error))?;
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
        let path = self.folder.join(format!("{number:05}"));
        let file = File::create(&path).map_err(|error| EngineError::output(&path, error))?;
        Ok(Open { list: BufWriter::with_capacity(256 << 10, file), path, files: 0, bytes: 0 })
    }
}

impl State {
    fn close(&mut self, open: Open) -> Result<()> {
        let Open { list, path, files, bytes } = open;
        list.into_inner().map_err(|error| EngineError::output(&path, error.into_error()))?;
        self.lists.push(Split { lists: vec![path], files, bytes });
        Ok(())
    }
}

/// Make splits of lists. The lists become larger as the walk goes on, so the last ones come first.
fn splits_of(lists: Vec<Split>, cut: Cut) -> Vec<Split> {
    let runners = f64::from(cut.runners.max(1));
    let cost = |split: &Split| split.files as f64 / cut.files as f64 + split.bytes as f64 / cut.bytes as f64;
    let all: f64 = lists.iter().map(cost).sum();
    let mut left = all;
    let mut lists = lists.into_iter().rev().peekable();
    let mut splits = Vec::new();
    while let Some(mut split) = lists.next() {
        let most = (all / (runners * f64::from(MOST))).min(left / (runners * f64::from(NEXT)));
        while let Some(list) = lists.next_if(|list| cost(&split) + cost(list) <= most) {
            split.files += list.files;
            split.bytes += list.bytes;
            split.lists.extend(list.lists);
        }
        left -= cost(&split);
        splits.push(split);
    }
    splits
}

impl Split {
    /// Write its list, under a name that no list of the walk has, and say what is in it.
    fn write(self, folder: &Path, number: usize) -> Result<Value> {
        let name = format!("{number:05}.list");
        let path = folder.join(&name);
        let written = || {
            let mut file = File::create(&path)?;
            self.lists.iter().try_for_each(|list| {
                io::copy(&mut File::open(list)?, &mut file)?;
                std::fs::remove_file(list)
            })
        };
        written().map_err(|error| EngineError::output(&path, error))?;
        Ok(json!({"list": name, "files": self.files, "bytes": self.bytes}))
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
    pub fn plan(&self, folder: &Path, cut: Cut, control: &Arc<Control>) -> Result<Value> {
        control.set_stages(vec!["plan"]);
        crate::ended(control, || {
            let planner = Arc::new(Planner {
                folder: folder.to_path_buf(),
                cut,
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
            let splits = splits_of(std::mem::take(&mut state.lists), cut).into_iter().enumerate();
            let written = splits.map(|(number, split)| split.write(folder, number)).collect::<Result<Vec<_>>>()?;
            Ok(json!({"splits": written}))
        })
    }
}
