//! A job cut into splits: lists of its files, for several workers to work on side by side.
//!
//! A split is run as a job of its own over a list ([`pravah_foundation::source::walk::listed`]); its shards are then a baseline of the job
//! itself ([`pravah_foundation::store::baseline`]), which takes over what the splits have found and computes what they lack. So a plan need
//! not be exact: a file that came, went or changed since is seen by the job's own walk.
//!
//! Splits become smaller towards the end of the job (guided self-scheduling, Polychronopoulos and Kuck 1987): the first
//! ones are large, since each has its costs, and the last ones small, so that no worker waits long for another.
//!
//! A file that is larger than most splits is cut as well, where its operation takes it range by range ([`Ranges`]): what
//! splits make of its parts, the job's own run puts together without reading it.
//!
//! Memory: that of a walk. The lists take a name and its directory for each file.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::job::Job;
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::base::paths;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::digest::Ranges;
use pravah_foundation::io::digest::{PART_BYTES, has_parts};
use pravah_foundation::source::walk::listed::{write_group, write_range};
use pravah_foundation::source::walk::{Batch, Skipped, Visitor, walk};
use pravah_foundation::store::baseline::Baseline;

/// Of everything found so far, the part for each worker at which a list is closed while the tree is walked: there are
/// some hundred lists however large it is, and the splits are made of them.
const LISTS: u64 = 64;

/// The largest split: this part of the job for each worker. A split that is lost is done again.
const MOST: u32 = 8;

/// Of what is left, the part for each worker that the next split is.
const NEXT: u32 = 4;

/// How a job is cut.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// The smallest split that is worth its costs (starting it, making its result last, storing it): files of it.
    pub files: u64,
    /// Or bytes of it.
    pub bytes: u64,
    /// Who shares the job.
    pub workers: u32,
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
    /// When the only operation takes large files range by range.
    ranges: Option<Box<dyn Ranges>>,
    state: Mutex<State>,
    control: Arc<Control>,
}

impl Visitor for Planner {
    fn batch(&self, batch: Batch) -> Result<()> {
        let (directory, mut path) = (&batch.directory.path, Vec::new());
        let mut large = Vec::new();
        let mut wanted = batch.iter().filter(|(name, meta)| {
            paths::join_into(&mut path, directory, name);
            if meta.kind == EntryKind::File && self.ranges.is_some() && has_parts(meta.size) {
                large.push((*name, **meta));
                return false;
            }
            meta.kind == EntryKind::File && !self.known.iter().all(|known| known.find(&path, meta).is_some())
        });
        let mut next = wanted.next();
        let mut state = lock(&self.state);
        while next.is_some() {
            let mut open = self.open(&mut state)?;
            let (most_files, most_bytes) = self.most(&state);
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
            state.put_back(open, (most_files, most_bytes))?;
        }
        drop(wanted);
        large.iter().try_for_each(|(name, meta)| self.cut_file(&mut state, directory, name, meta))
    }

    fn skipped(&self, _skipped: Skipped<'_>) -> Result<()> {
        Ok(())
    }
}

impl Planner {
    fn open(&self, state: &mut State) -> Result<Open> {
        state.open.take().map_or_else(|| self.create(state.lists.len()), Ok)
    }

    /// Files and bytes at which the list that is open is closed.
    fn most(&self, state: &State) -> (u64, u64) {
        let part = LISTS * u64::from(self.cut.workers.max(1));
        (self.cut.files.max(state.files / part), self.cut.bytes.max(state.bytes / part))
    }

    /// List the ranges of a file that are to be done, as much of each as a list has room for.
    fn cut_file(&self, state: &mut State, directory: &[u8], name: &[u8], meta: &Meta) -> Result<()> {
        let path = paths::join(directory, name);
        let missing = self.ranges.as_ref().map(|ranges| ranges.missing(&path, meta));
        for mut range in missing.unwrap_or_default() {
            while range.start < range.end {
                let mut open = self.open(state)?;
                let most = self.most(state);
                let room = most.1.saturating_sub(open.bytes).max(1).next_multiple_of(PART_BYTES);
                let some = range.start..range.end.min(range.start.saturating_add(room));
                write_range(&mut open.list, directory, name, &some)
                    .map_err(|error| EngineError::output(&open.path, error))?;
                let (files, bytes) = (u64::from(some.start == 0), some.end - some.start);
                (open.files, open.bytes) = (open.files + files, open.bytes + bytes);
                (state.files, state.bytes) = (state.files + files, state.bytes.saturating_add(bytes));
                self.control.add_done(files, bytes);
                range.start = some.end;
                state.put_back(open, most)?;
            }
        }
        Ok(())
    }

    fn create(&self, number: usize) -> Result<Open> {
        let path = self.folder.join(format!("{number:05}"));
        let file = File::create(&path).map_err(|error| EngineError::output(&path, error))?;
        Ok(Open { list: BufWriter::with_capacity(256 << 10, file), path, files: 0, bytes: 0 })
    }
}

impl State {
    /// Close a list that has so many files or bytes; another one is filled further.
    fn put_back(&mut self, open: Open, most: (u64, u64)) -> Result<()> {
        if open.files >= most.0 || open.bytes >= most.1 {
            return self.close(open);
        }
        self.open = Some(open);
        Ok(())
    }

    fn close(&mut self, open: Open) -> Result<()> {
        let Open { list, path, files, bytes } = open;
        list.into_inner().map_err(|error| EngineError::output(&path, error.into_error()))?;
        self.lists.push(Split { lists: vec![path], files, bytes });
        Ok(())
    }
}

/// Make splits of lists. The lists become larger as the walk goes on, so the last ones come first.
fn splits_of(lists: Vec<Split>, cut: Cut) -> Vec<Split> {
    let workers = f64::from(cut.workers.max(1));
    let cost = |split: &Split| split.files as f64 / cut.files as f64 + split.bytes as f64 / cut.bytes as f64;
    let all: f64 = lists.iter().map(cost).sum();
    let mut left = all;
    let mut lists = lists.into_iter().rev().peekable();
    let mut splits = Vec::new();
    while let Some(mut split) = lists.next() {
        let most = (all / (workers * f64::from(MOST))).min(left / (workers * f64::from(NEXT)));
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
    /// As [`pravah_foundation::source::walk::walk`]; [`EngineError::Output`].
    ///
    /// # Cancellation
    /// As a walk.
    pub fn plan(&self, folder: &Path, cut: Cut, control: &Arc<Control>) -> Result<Value> {
        control.set_stages(vec!["plan"]);
        crate::job::ended(control, || {
            let planner = Arc::new(Planner {
                folder: folder.to_path_buf(),
                cut,
                known: self.spec.requests.iter().map(|one| Baseline::open(&self.spec.known(one.name()), &[])).collect(),
                ranges: match &self.spec.requests[..] {
                    [only] => only.ranges(&self.spec.known(only.name())),
                    _ => None,
                },
                state: Mutex::default(),
                control: Arc::clone(control),
            });
            self.root.begin(folder, control)?;
            walk(Arc::clone(&self.root), self.spec.walk.compile()?, planner.clone(), control, self.threads())?;
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
