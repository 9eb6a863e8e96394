//! Which compressed files are whole: every one gets one of three words, and so does the job.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use foldhash::fast::RandomState;
use serde_json::{Value, json};

use pravah_foundation::base::control::Control;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::claims::Claim;

/// What became of a compressed file, and of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnpackStatus {
    /// All of it came out.
    Whole,
    /// Some of it was refused, or could not be looked at.
    Incomplete,
    /// It is broken, or not what its name says.
    Damaged,
}

impl UnpackStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Incomplete => "incomplete",
            Self::Damaged => "damaged",
        }
    }

    fn of(worst: Option<IssueKind>) -> Self {
        match worst {
            None => Self::Whole,
            Some(IssueKind::Malformed) => Self::Damaged,
            Some(_) => Self::Incomplete,
        }
    }
}

/// A compressed file that has not come out.
#[derive(Debug, Clone)]
pub struct Begun {
    pub format: &'static str,
    pub size: u64,
}

/// What is told of all files.
#[derive(Debug, Default)]
pub struct Verdicts {
    begun: Mutex<HashMap<Vec<u8>, Begun, RandomState>>,
    /// Places that could not be looked into, and files of which nobody knows whether they are compressed.
    unseen: AtomicU64,
}

impl Verdicts {
    /// The file at `path` is compressed.
    pub fn begin(&self, path: &[u8], format: &'static str, size: u64) {
        lock(&self.begun).insert(path.to_vec(), Begun { format, size });
    }

    /// It came out: as what?
    pub fn came_out(&self, control: &Control, path: &[u8]) -> UnpackStatus {
        lock(&self.begun).remove(path);
        UnpackStatus::of(control.issues().worst(path))
    }

    /// Something could not be looked at.
    pub fn unseen(&self) {
        self.unseen.fetch_add(1, Relaxed);
    }

    /// The file at `path`, which begins with `start` as nothing compressed does: true when its name says that it is.
    pub fn claims(&self, control: &Control, path: &[u8], start: &[u8], size: u64, archives: bool) -> bool {
        let is_left = |claim: &Claim| !archives && matches!(claim, Claim::Tar | Claim::Zip);
        let Some(claim) = Claim::of(path).filter(|claim| !is_left(claim)) else { return false };
        let kind = if claim.is_unknown_here() { IssueKind::Unsupported } else { IssueKind::Malformed };
        control.issue("read", path, kind, claim.broken(start));
        self.begin(path, claim.name(), size);
        true
    }

    /// Those that did not come out.
    pub fn failed(&self, control: &Control) -> Vec<(Vec<u8>, Begun, UnpackStatus)> {
        let status = |path: &[u8]| UnpackStatus::of(control.issues().worst(path)).max(UnpackStatus::Incomplete);
        let begun = std::mem::take(&mut *lock(&self.begun));
        let mut failed: Vec<_> = begun.into_iter().map(|(path, begun)| (status(&path), path, begun)).collect();
        failed.sort_by(|one, other| (other.0, &one.1).cmp(&(one.0, &other.1)));
        failed.into_iter().map(|(status, path, begun)| (path, begun, status)).collect()
    }

    /// The verdict on all: by status, how many files.
    pub fn summary(&self, counts: [u64; 3]) -> (&'static str, Value) {
        let [whole, incomplete, damaged] = counts;
        let unseen = self.unseen.load(Relaxed);
        let verdict = match (whole, incomplete + unseen, damaged) {
            (.., 1..) => UnpackStatus::Damaged,
            // Where nothing is compressed, nothing is known to be whole.
            (1.., 0, 0) => UnpackStatus::Whole,
            _ => UnpackStatus::Incomplete,
        };
        let statuses = json!({"whole": whole, "incomplete": incomplete, "damaged": damaged, "unseen": unseen});
        (verdict.as_str(), statuses)
    }
}
