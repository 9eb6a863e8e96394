//! What an operation is told of the files of a batch.

use crate::base::issue::IssueKind;
use crate::io::digest::{Algorithm, Digest, Digested};

/// What became of the files of a batch.
#[derive(Debug)]
pub struct Reads<'a> {
    algorithms: &'a [Algorithm],
    files: Vec<Option<Result<Digested, IssueKind>>>,
}

impl<'a> Reads<'a> {
    /// Of files whose digests are of `algorithms`.
    pub fn new(algorithms: &'a [Algorithm], files: Vec<Option<Result<Digested, IssueKind>>>) -> Self {
        Self { algorithms, files }
    }

    /// What became of entry `index` of the batch: none when it was not read, its digests, or the kind of the issue
    /// that the job has of it.
    pub fn get(&self, index: usize) -> Option<&Result<Digested, IssueKind>> {
        self.files.get(index).and_then(Option::as_ref)
    }

    /// One of the digests an operation asked for.
    pub fn digest(&self, digested: &Digested, algorithm: Algorithm) -> Digest {
        digest(self.algorithms, digested, algorithm)
    }
}

/// One of the digests of a file, all of which are of `algorithms`.
pub fn digest(algorithms: &[Algorithm], digested: &Digested, algorithm: Algorithm) -> Digest {
    let index = algorithms.iter().position(|&known| known == algorithm);
    // Asked for by somebody: every operation names what it wants before the pass.
    index.and_then(|index| digested.digests.get(index)).copied().unwrap_or_else(|| Digest::new(&[]))
}
