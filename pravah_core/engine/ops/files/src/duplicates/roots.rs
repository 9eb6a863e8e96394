//! Where files are looked for: the source, and references inside it or elsewhere.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::known::RootBaseline;
use super::records::{FileCollector, WalkResult};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::paths;
use pravah_foundation::run::context::Context;
use pravah_foundation::source::location::Source;
use pravah_foundation::source::walk::open::Root;
use pravah_foundation::source::walk::{Batch, Skipped, Visitor, walk};

/// A reference outside the source.
#[derive(Debug)]
pub struct ReferenceRoot {
    /// Its path, as given.
    pub path: PathBuf,
    /// It, open.
    pub root: Arc<Root>,
}

/// The open roots of a job.
#[derive(Debug)]
pub struct Roots {
    source: Arc<Root>,
    inside: Vec<Vec<u8>>,
    outside: Vec<ReferenceRoot>,
}

impl Roots {
    /// Open the references.
    ///
    /// # Errors
    /// [`EngineError::SourceNotFound`], [`EngineError::PermissionDenied`]; [`EngineError::InvalidOptions`] for one
    /// that holds the source or another reference: a file would have two roles.
    pub fn open(references: &[String], context: &Context) -> Result<Self> {
        // A bucket holds no directory, and lies in none.
        let source = match context.root.objects() {
            None => real(&context.root.path)?,
            Some(objects) => objects.path(),
        };
        let mut found = Self { source: Arc::clone(&context.root), inside: Vec::new(), outside: Vec::new() };
        let mut seen: Vec<PathBuf> = Vec::new();
        for reference in references {
            let path = real(Path::new(reference))?;
            if source.starts_with(&path) {
                let message = format!("options.references: {reference:?} contains the source; choose a subdirectory");
                return Err(EngineError::invalid(message));
            }
            if let Some(other) = seen.iter().find(|other| path.starts_with(other) || other.starts_with(&path)) {
                let message = format!("options.references: one of {reference:?} and {other:?} contains the other");
                return Err(EngineError::invalid(message));
            }
            let root = context.root.sibling(&Source {
                path: path.to_string_lossy().into_owned(),
                path_bytes: Some(path.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()),
                boundaries: None,
                bucket: None,
            })?;
            match path.strip_prefix(&source) {
                Ok(below) => found.inside.push(below.as_os_str().as_bytes().to_vec()),
                Err(_) => found.outside.push(ReferenceRoot { path: PathBuf::from(reference), root: Arc::new(root) }),
            }
            seen.push(path);
        }
        Ok(found)
    }

    /// Paths of the references inside the source, relative to it.
    pub fn inside(&self) -> Vec<Vec<u8>> {
        self.inside.clone()
    }

    /// The references elsewhere; number 1 is the first.
    pub fn outside(&self) -> &[ReferenceRoot] {
        &self.outside
    }

    /// A root by its number.
    pub fn get(&self, number: u16) -> &Arc<Root> {
        match usize::from(number).checked_sub(1).and_then(|index| self.outside.get(index)) {
            Some(reference) => &reference.root,
            None => &self.source,
        }
    }

    /// A path as it is told to the user: relative to the source, or whole below a reference elsewhere.
    pub fn shown(&self, number: u16, path: &[u8]) -> Vec<u8> {
        self.path(number).map_or_else(|| path.to_vec(), |root| paths::join(root.as_os_str().as_bytes(), path))
    }

    /// The path of a reference that has a root of its own; none for the source.
    pub fn path(&self, number: u16) -> Option<&Path> {
        let reference = usize::from(number).checked_sub(1).and_then(|index| self.outside.get(index));
        reference.map(|reference| reference.path.as_path())
    }
}

fn real(path: &Path) -> Result<PathBuf> {
    let shown = || path.to_path_buf();
    path.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            EngineError::PermissionDenied { path: shown(), message: error.to_string() }
        }
        _ => EngineError::SourceNotFound { path: shown(), message: format!("cannot be opened: {error}") },
    })
}

struct Walking(FileCollector);

impl Visitor for Walking {
    fn batch(&self, batch: Batch) -> Result<()> {
        self.0.directory(&batch);
        self.0.batch(&batch, |_| None)
    }

    fn skipped(&self, skipped: Skipped<'_>) -> Result<()> {
        self.0.skipped(skipped.path);
        Ok(())
    }

    fn trouble(&self, path: &[u8], _kind: IssueKind, _message: &str) -> Result<()> {
        self.0.incomplete(path);
        Ok(())
    }
}

impl ReferenceRoot {
    /// Walk it by the job's rules.
    ///
    /// # Errors
    /// As [`walk`].
    pub fn walk(&self, context: &Context, known: RootBaseline) -> Result<WalkResult> {
        let rules = context.walk.compile()?;
        let visitor = Arc::new(Walking(FileCollector::new(Vec::new(), known)));
        walk(Arc::clone(&self.root), rules, visitor.clone(), &context.control, context.threads)?;
        let visitor = Arc::into_inner(visitor).ok_or_else(|| EngineError::internal("the walk outlives itself"))?;
        Ok(visitor.0.finish())
    }
}
