//! What an operation is: its options, and what it does in a pass.

mod reads;

use serde::Serialize;

pub use self::reads::{Reads, digest};
use crate::base::error::Result;
use crate::base::issue::IssueKind;
use crate::base::meta::Meta;
use crate::io::digest::{Algorithm, Digest, Digested, Parts, Ranges, Reading};
use crate::run::context::Context;
use crate::run::records::ReadOptions;
use crate::source::walk::{Batch, Skipped, WalkTotals};
use crate::store::baseline::Shards;
use crate::store::columns::TableColumns;
use crate::store::report::Report;

/// An operation's options; the way to it.
pub trait Options: Serialize + Default {
    /// Every table with its columns; optional ones may be absent from a result.
    const TABLES: &'static [TableColumns];

    /// Look for what the operation would refuse.
    ///
    /// # Errors
    /// [`crate::base::error::EngineError::InvalidOptions`] naming the option.
    fn validate(&self) -> Result<()>;

    /// True when the operation reads every file whole whatever it finds.
    fn reads_all(&self) -> bool {
        false
    }

    /// How it reads files of records, when it does.
    fn reading(&self) -> Option<&ReadOptions> {
        None
    }

    /// The same with what files say that the options name: a layout file, or the dialect of a schema.
    ///
    /// # Errors
    /// [`crate::base::error::EngineError::InvalidOptions`] naming the option.
    fn resolved_reading(&self) -> Result<Option<ReadOptions>> {
        self.reading().map(ReadOptions::resolved).transpose()
    }

    /// What is left of large files, when it takes them range by range: see [`Operation::parts`].
    fn ranges(&self, _known: &Shards) -> Option<Box<dyn Ranges>> {
        None
    }

    /// The operation, ready for its pass.
    ///
    /// # Errors
    /// What ends the job before it begins.
    fn operation(&self, context: Context) -> Result<Box<dyn Operation>>;
}

/// The names of an operation's stages; all end with "write".
#[derive(Debug, Clone, Copy)]
pub struct Stages {
    /// Those of [`Operation::prepare`].
    pub before: &'static [&'static str],
    /// That of the pass, when the operation is alone in it.
    pub pass: &'static str,
    /// Those of [`Operation::settle`].
    pub after: &'static [&'static str],
}

/// What an operation does in a pass. Called from several threads at once where it takes `&self`.
pub trait Operation: Send + Sync {
    /// The names of its stages.
    fn stages(&self) -> Stages;

    /// What has to be known before the walk; [`next_stage`](crate::base::control::Control::next_stage) is its to call, once after each of its stages.
    ///
    /// # Errors
    /// An error ends the job, here and below.
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    /// Some entries of one directory, on a scanning thread.
    ///
    /// # Errors
    /// An error ends the job.
    fn entries(&self, _batch: &Batch) -> Result<()> {
        Ok(())
    }

    /// A subtree that is not visited.
    ///
    /// # Errors
    /// An error ends the job.
    fn skipped(&self, _skipped: Skipped<'_>) -> Result<()> {
        Ok(())
    }

    /// A path that the walk could not read; it is an issue already.
    ///
    /// # Errors
    /// An error ends the job.
    fn trouble(&self, _path: &[u8], _kind: IssueKind, _message: &str) -> Result<()> {
        Ok(())
    }

    /// The digests it wants of the files it reads; none = it reads no file.
    fn reads(&self) -> Option<&[Algorithm]> {
        None
    }

    /// True when it wants this regular file (path relative to the source) read. Asked of operations that read.
    fn wants(&self, _path: &[u8], _meta: &Meta) -> bool {
        true
    }

    /// Take over what an earlier run found of a file that it wants; true when there is all of it, and the file is not
    /// opened for its sake.
    ///
    /// # Errors
    /// An error ends the job.
    fn take_over(&self, _path: &[u8], _meta: &Meta) -> Result<bool> {
        Ok(false)
    }

    /// Begin to take the bytes of a file that it wants; none = its digests are enough.
    ///
    /// # Errors
    /// An error ends the job.
    fn reading<'a>(&'a self, _path: &[u8], _meta: &Meta) -> Result<Option<Box<dyn Reading + 'a>>> {
        Ok(None)
    }

    /// Where what is made of parts of large files comes from and goes to, when that is enough for it: a job that only
    /// digests, by one algorithm that has parts, reads such a file part by part.
    fn parts(&self) -> Option<&dyn Parts> {
        None
    }

    /// A file that it wanted and did not take over was read whole, with the digests that it wants.
    ///
    /// # Errors
    /// An error ends the job.
    fn file(&self, _path: &[u8], _read: &Digested, _digest: &dyn Fn(Algorithm) -> Digest) -> Result<()> {
        Ok(())
    }

    /// Make last what is done so far and old enough: what an attempt that dies leaves to the next one. Called from time
    /// to time, beside all others.
    ///
    /// # Errors
    /// An error ends the job.
    fn checkpoint(&self) -> Result<()> {
        Ok(())
    }

    /// What became of the files of a batch, on the compute pool; called of operations that read.
    ///
    /// # Errors
    /// An error ends the job.
    fn files(&self, _batch: &Batch, _reads: &Reads<'_>) -> Result<()> {
        Ok(())
    }

    /// Work that needs the whole walk; [`next_stage`](crate::base::control::Control::next_stage) is its to call, once before each of its stages.
    ///
    /// # Errors
    /// An error ends the job.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    /// The job has failed or was cancelled: wait a moment for the threads that work for it elsewhere.
    fn let_go(&self) {}

    /// Write what is left and report.
    ///
    /// # Errors
    /// An error ends the job.
    fn finish(self: Box<Self>, totals: WalkTotals) -> Result<Report>;
}
