//! What every operation of a job is given.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::base::control::Control;
use crate::base::error::Result;
use crate::base::pool::ComputePool;
use crate::source::walk::open::Root;
use crate::source::walk::rules::WalkOptions;
use crate::source::walk::{Visitor, WalkTotals, walk, walk_listed};
use crate::store::baseline::Shards;
use crate::store::sink::Sink;

/// What every operation is given; cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// The open source.
    pub root: Arc<Root>,
    /// What of it to visit.
    pub walk: Arc<WalkOptions>,
    /// See `JobSpec::files`.
    pub files: Option<Arc<Path>>,
    /// Where this operation's tables and files go.
    pub sink: Arc<Sink>,
    /// Counters and cancel flag.
    pub control: Arc<Control>,
    /// Threads for scanning and for computing, each.
    pub threads: usize,
    /// The threads for computing.
    pub pool: ComputePool,
    /// See `JobSpec::chunk_bytes`.
    pub chunk_bytes: Option<usize>,
    /// What is known of this operation's files already.
    pub baseline: Shards,
    /// See `JobSpec::key_bytes`.
    pub key_bytes: Option<usize>,
    /// See [`crate::store::sink::Output::job`].
    pub job: Option<Arc<str>>,
    /// When the job began.
    pub started: SystemTime,
    /// True when another operation of the job reads every file whole: its bytes and digests cost nothing more.
    pub all_is_read: bool,
}

impl Context {
    /// Visit the files of the job: all that the rules take, or those of its list.
    ///
    /// # Errors
    /// As [`crate::source::walk::walk`].
    pub fn scan(&self, visitor: Arc<dyn Visitor>, threads: usize) -> Result<WalkTotals> {
        let (root, rules) = (Arc::clone(&self.root), self.walk.compile()?);
        match &self.files {
            None => walk(root, rules, visitor, &self.control, threads),
            Some(list) => walk_listed(root, rules, list, visitor, &self.control, threads),
        }
    }
}
