//! Per-file trouble: counted and listed, never fatal, never silent.

use std::sync::Mutex;

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
    /// It is of a kind that is not handled.
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
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Vanished,
            _ => Self::Unreadable,
        }
    }
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

/// All issues of a job, in the order they were met.
///
/// Cost: a path and about 100 bytes for each issue: trouble is rare, and none of it may be lost.
#[derive(Debug, Default)]
pub struct IssueLog {
    issues: Mutex<Vec<Issue>>,
}

impl IssueLog {
    /// Record one issue.
    pub fn push(&self, issue: Issue) {
        lock(&self.issues).push(issue);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        lock(&self.issues).len() as u64
    }

    /// Up to `limit` issues after the first `after`, oldest first.
    pub fn page(&self, after: usize, limit: usize) -> Vec<Issue> {
        lock(&self.issues).iter().skip(after).take(limit).cloned().collect()
    }

    /// Look at each issue, oldest first.
    pub fn for_each(&self, visit: impl FnMut(&Issue)) {
        lock(&self.issues).iter().for_each(visit);
    }
}

/// Lock a mutex whose data stays valid if a holder panicked: the job fails anyway, with that panic.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
