//! duplicates: files of one content, what they waste, folders that are copies, and files that are only here.
//!
//! 1. The walk notes every regular file. Names of one inode are one file: only inodes are compared.
//! 2. Files of one size are compared by their beginnings and ends (XXH3-128); small ones are read whole here.
//! 3. Those that are still alike are digested whole; on request they are also compared byte by byte.
//!
//! A stage reads only what the one before left alike. In a job whose other operations read every file, the digest
//! of that one read is used and nothing is read twice.
//!
//! What a stage has looked at is kept in `ends` and `contents`: a later run takes it over.
//!
//! A root has a role: *candidate* (the source) or *reference* (a directory that is kept; it may lie inside the
//! source). With `only_against_reference` a file counts as a duplicate only when the reference has its content,
//! and is read only when its size occurs on both sides.
//!
//! Nothing is deleted. Of each group one file is *kept* in the tables: the reference's, else the oldest, else one
//! that is not called a copy, else the one of the shortest path; the bytes of the others are reclaimable, once per inode.
//!
//! Cost: O(files) memory, 40 bytes and a name each, since any two may be alike; reads what is alike so far.

mod apart;
mod compare;
mod directories;
mod ends;
mod groups;
mod known;
mod records;
mod roots;
mod tables;
mod verdict;
mod views;

use serde::{Deserialize, Serialize};

use self::compare::{Compared, Comparison};
use self::groups::DuplicateGroup;
use self::known::{KeptDigests, RootBaseline};
use self::records::{FileCollector, FileStore};
use self::roots::Roots;
use self::tables::TABLES;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::{EntryKind, Meta};
use pravah_foundation::io::digest::{Algorithm, Digest, Digested};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::operation::Options;
use pravah_foundation::run::operation::{Operation, Reads, Stages};
use pravah_foundation::source::walk::{Batch, Skipped, WalkTotals};
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::report::Report;

/// Options of duplicates.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DuplicatesOptions {
    /// Directories that are kept, absolute; inside the source or elsewhere.
    pub references: Vec<String>,
    /// Compare candidates with the references only, not with each other.
    pub only_against_reference: bool,
    /// Smaller files are not compared.
    pub min_file_bytes: u64,
    /// The digest that tells contents apart.
    pub algorithm: Algorithm,
    /// Compare byte by byte what has one digest; it is so in any case where others can be made with that digest.
    pub confirm_bytes: bool,
    /// Look for folders whose whole content is a copy of another's.
    pub folders: bool,
}

impl Default for DuplicatesOptions {
    fn default() -> Self {
        Self {
            references: Vec::new(),
            only_against_reference: false,
            min_file_bytes: 1,
            algorithm: Algorithm::Blake3,
            confirm_bytes: false,
            folders: true,
        }
    }
}

impl DuplicatesOptions {
    /// Whether bytes are compared: people remove files because of the answer, so that a digest which two contents can
    /// be made to have in common does not decide.
    pub fn confirms(&self) -> bool {
        self.confirm_bytes || !matches!(self.algorithm, Algorithm::Blake3 | Algorithm::Sha256)
    }
}

impl Options for DuplicatesOptions {
    const TABLES: &'static [TableColumns] = TABLES;

    fn validate(&self) -> Result<()> {
        if let Some(path) = self.references.iter().find(|path| !path.starts_with('/')) {
            return Err(EngineError::invalid(format!("options.references: {path:?} is not an absolute path")));
        }
        if self.only_against_reference && self.references.is_empty() {
            return Err(EngineError::invalid(
                "options.only_against_reference requires at least one directory in options.references",
            ));
        }
        if self.min_file_bytes == 0 {
            return Err(EngineError::invalid(
                "options.min_file_bytes must be at least 1; empty files are not compared",
            ));
        }
        match self.algorithm {
            Algorithm::Crc32c => Err(EngineError::invalid("options.algorithm: crc32c is too short to compare files")),
            _ => Ok(()),
        }
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        let roots = Roots::open(&self.references, &context)?;
        Ok(Box::new(Duplicates {
            algorithms: [self.algorithm],
            collector: FileCollector::new(roots.inside(), RootBaseline::open(self, &context, &roots, 0)),
            kept: KeptDigests::new(self, &context),
            store: FileStore::default(),
            compared: Compared::default(),
            groups: Vec::new(),
            options: self.clone(),
            roots,
            context,
        }))
    }
}

struct Duplicates {
    options: DuplicatesOptions,
    context: Context,
    algorithms: [Algorithm; 1],
    roots: Roots,
    /// Takes the source's files while it is walked.
    collector: FileCollector,
    /// What is kept for the next run.
    kept: KeptDigests,
    /// The files of all roots, once the walks are done.
    store: FileStore,
    compared: Compared,
    groups: Vec<DuplicateGroup>,
}

impl Duplicates {
    fn is_compared(&self, meta: &Meta) -> bool {
        meta.kind == EntryKind::File && meta.size >= self.options.min_file_bytes
    }
}

impl Operation for Duplicates {
    fn stages(&self) -> Stages {
        Stages {
            before: if self.options.references.is_empty() { &[] } else { &["walk references"] },
            pass: "walk",
            after: &["compare ends", "compare contents", "group"],
        }
    }

    fn prepare(&mut self) -> Result<()> {
        if self.options.references.is_empty() {
            return Ok(());
        }
        for (number, root) in self.roots.outside().iter().enumerate() {
            let known = RootBaseline::open(&self.options, &self.context, &self.roots, number as u16 + 1);
            self.store.add(root.walk(&self.context, known)?);
        }
        self.context.control.next_stage();
        Ok(())
    }

    fn entries(&self, batch: &Batch) -> Result<()> {
        self.collector.directory(batch);
        if self.context.all_is_read { Ok(()) } else { self.collector.batch(batch, |_| None) }
    }

    fn skipped(&self, skipped: Skipped<'_>) -> Result<()> {
        self.collector.skipped(skipped.path);
        Ok(())
    }

    fn trouble(&self, path: &[u8], _kind: IssueKind, _message: &str) -> Result<()> {
        self.collector.incomplete(path);
        Ok(())
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        self.context.all_is_read.then_some(&self.algorithms)
    }

    fn wants(&self, _path: &[u8], meta: &Meta) -> bool {
        self.is_compared(meta)
    }

    fn take_over(&self, path: &[u8], meta: &Meta) -> Result<bool> {
        let Some(digest) = self.collector.known().of(path, meta).and_then(|taken| taken.digest) else {
            return Ok(false);
        };
        self.kept.contents((&self.roots, 0), path, meta.into(), &digest)?;
        Ok(true)
    }

    fn file(&self, path: &[u8], read: &Digested, digest: &dyn Fn(Algorithm) -> Digest) -> Result<()> {
        self.kept.contents((&self.roots, 0), path, (&read.meta).into(), &digest(self.options.algorithm))
    }

    fn checkpoint(&self) -> Result<()> {
        self.kept.checkpoint()
    }

    fn files(&self, batch: &Batch, reads: &Reads<'_>) -> Result<()> {
        self.collector.batch(batch, |index| {
            let read = reads.get(index)?;
            Some(read.as_ref().ok().map(|file| (file.meta.size, reads.digest(file, self.options.algorithm))))
        })
    }

    fn settle(&mut self) -> Result<()> {
        let collector = std::mem::replace(&mut self.collector, FileCollector::new(Vec::new(), RootBaseline::default()));
        self.store.add_source(collector.finish());
        let comparison = Comparison::new(&self.options, &self.context, &self.roots, &self.store, &self.kept);
        self.compared = comparison.run()?;
        self.context.control.next_stage();
        let pool = self.context.pool.get()?;
        let classes = std::mem::take(&mut self.compared.classes);
        let mut groups = pool.install(|| groups::build(&self.compared, classes, &self.store, &self.roots));
        views::mark(self, &mut groups);
        pool.install(|| groups::sort(&mut groups));
        self.groups = groups;
        Ok(())
    }

    fn finish(self: Box<Self>, _totals: WalkTotals) -> Result<Report> {
        let (mut staged, summary) = tables::write(&self)?;
        let Self { context, kept, .. } = *self;
        staged.extend(kept.stage()?);
        context.sink.commit(staged)?;
        Ok(Report { not_covered: None, files: Vec::new(), summary })
    }
}
