//! Per-file trouble: counted and listed, never fatal, never silent.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::base::error::Result;
use crate::base::sync::lock;

/// What kind of trouble a file made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueKind {
    /// It exists and cannot be read.
    Unreadable,
    /// It was listed and is gone.
    Vanished,
    /// It is not what it has to be, such as a manifest line.
    Malformed,
    /// It was written to while it was read.
    ChangedWhileRead,
    /// It exceeds a stated limit.
    TooLarge,
    /// It is of a kind that is not handled, such as a link where a file was.
    Unsupported,
}

impl IssueKind {
    /// The kind's name in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Vanished => "vanished",
            Self::Malformed => "malformed",
            Self::ChangedWhileRead => "changed_while_read",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
        }
    }

    /// The kind of a system error on a file that was listed a moment ago.
    pub fn from_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{NotADirectory, NotFound, StaleNetworkFileHandle};
        match error.kind() {
            // The second: a directory above it is gone, and a file has its name.
            NotFound | NotADirectory => Self::Vanished,
            // An object that was replaced between two requests, or a file of NFS.
            StaleNetworkFileHandle => Self::ChangedWhileRead,
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Self::Unsupported,
            _ => Self::Unreadable,
        }
    }
}

/// What an issue means for the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueExtent {
    /// What was asked for could not be read, or not to its end, or could not be written: the job is not whole.
    Incomplete,
    /// All of it was read, and something in it is odd: the operation's own figures say how much.
    Whole,
}

/// Trouble with one path.
#[derive(Debug, Clone)]
pub struct Issue {
    /// The stage that met it: `walk`, `read`, `digest`, `verify`, `write`.
    pub stage: &'static str,
    /// The path's bytes, relative to the source; empty for the source itself.
    pub path: Vec<u8>,
    /// What kind of trouble.
    pub kind: IssueKind,
    /// The cause in words.
    pub message: String,
}

/// Where issues are written as they come.
pub trait IssueWriter: std::fmt::Debug + Send {
    /// Append one issue.
    ///
    /// # Errors
    /// [`crate::base::error::EngineError::Output`].
    fn push(&mut self, issue: &Issue) -> Result<()>;

    /// Make the list final.
    ///
    /// # Errors
    /// [`crate::base::error::EngineError::Output`].
    fn finish(self: Box<Self>) -> Result<()>;
}

/// All issues of a job, in the order they were met.
///
/// Cost: the first [`KEPT`] stay in memory for [`IssueLog::page`]; every one goes to `issues.parquet` as it
/// comes, so that millions of unreadable files cost a row group of memory, not a heap object each.
#[derive(Debug, Default)]
pub struct IssueLog {
    count: AtomicU64,
    /// Those of paths that were not read, or not to their end.
    incomplete: AtomicU64,
    kept: Mutex<Vec<Issue>>,
    /// By path, the worst that was met: where an operation follows it.
    followed: Mutex<Option<HashMap<Vec<u8>, IssueKind>>>,
    // Held while rows are encoded; readers never take it, so that progress does not wait for a disk.
    file: Mutex<Option<Box<dyn IssueWriter>>>,
}

/// Issues that stay in memory for an observer.
pub const KEPT: usize = 10_000;

impl IssueLog {
    /// Write every issue from now on also to `file`.
    pub fn write_to(&self, file: Box<dyn IssueWriter>) {
        *lock(&self.file) = Some(file);
    }

    /// Keep from now on what [`IssueLog::worst`] tells.
    pub fn follow(&self) {
        lock(&self.followed).get_or_insert_default();
    }

    /// The worst kind of trouble that a path made, damage first; none where nobody follows.
    pub fn worst(&self, path: &[u8]) -> Option<IssueKind> {
        lock(&self.followed).as_ref()?.get(path).copied()
    }

    /// Record one issue.
    ///
    /// # Errors
    /// [`crate::base::error::EngineError::Output`] when it cannot be written.
    pub fn push(&self, issue: Issue, extent: IssueExtent) -> Result<()> {
        if extent == IssueExtent::Incomplete {
            self.incomplete.fetch_add(1, Relaxed);
            if let Some(followed) = lock(&self.followed).as_mut() {
                let worst = followed.entry(issue.path.clone()).or_insert(issue.kind);
                if issue.kind == IssueKind::Malformed {
                    *worst = issue.kind;
                }
            }
        }
        // Taken first and held to the end: memory and file have the same order.
        let mut file = lock(&self.file);
        let written = file.as_mut().map_or(Ok(()), |file| file.push(&issue));
        let mut kept = lock(&self.kept);
        if kept.len() < KEPT {
            kept.push(issue);
        }
        self.count.fetch_add(1, Relaxed);
        written
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// How many of them mean that something was not read, or not to its end: with one the job is not whole.
    pub fn incomplete(&self) -> u64 {
        self.incomplete.load(Relaxed)
    }

    /// Up to `limit` of the kept issues after the first `after`, oldest first.
    pub fn page(&self, after: usize, limit: usize) -> Vec<Issue> {
        lock(&self.kept).iter().skip(after).take(limit).cloned().collect()
    }

    /// Make the file final; further issues are counted and not written.
    ///
    /// # Errors
    /// [`crate::base::error::EngineError::Output`].
    pub fn finish(&self) -> Result<()> {
        lock(&self.file).take().map_or(Ok(()), IssueWriter::finish)
    }
}
