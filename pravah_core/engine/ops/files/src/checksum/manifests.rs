//! One manifest per algorithm, written beside the tables.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::lasting;
use pravah_foundation::base::paths;
use pravah_foundation::base::pool::uninterrupted;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::digest::{Algorithm, Digest};
use pravah_foundation::io::manifest::{cannot_hold, write_line};
use pravah_foundation::store::report::OutputFile;
use pravah_foundation::store::sink::sync_directory;

/// Lines are handed to the file system in pieces of about this size.
const WRITE_BYTES: usize = 1 << 20;

/// Open manifests.
pub struct Manifests {
    directory: PathBuf,
    manifests: Vec<Manifest>,
}

struct Manifest {
    algorithm: Algorithm,
    name: String,
    temporary: PathBuf,
    file: Mutex<File>,
}

impl Manifests {
    /// Create them under temporary names.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn create(directory: &Path, algorithms: &[Algorithm]) -> Result<Self> {
        let open = |&algorithm: &Algorithm| {
            let name = format!("manifest.{}", algorithm.manifest_extension());
            let temporary = directory.join(format!(".{name}.tmp"));
            let file = File::create(&temporary).map_err(|error| EngineError::output(&temporary, error))?;
            Ok(Manifest { algorithm, name, temporary, file: Mutex::new(file) })
        };
        let manifests = algorithms.iter().map(open).collect::<Result<_>>()?;
        Ok(Self { directory: directory.to_path_buf(), manifests })
    }

    /// Append the lines of a directory's files, each with its digests in the order of the algorithms.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn append<'a, I: Iterator<Item = (&'a [u8], &'a [Digest])>>(
        &self,
        directory: &[u8],
        files: impl Fn() -> I,
        control: &Control,
    ) -> Result<()> {
        let mut lines = Vec::new();
        let mut path = Vec::new();
        for (place, manifest) in self.manifests.iter().enumerate() {
            for (name, digests) in files() {
                paths::join_into(&mut path, directory, name);
                if let Some(fault) = cannot_hold(manifest.algorithm, &path) {
                    let message =
                        format!("is missing from {}, {fault}; its digest is in the result table", manifest.name);
                    control.remark("write", &path, IssueKind::Unsupported, message);
                    continue;
                }
                write_line(&mut lines, manifest.algorithm, &digests[place], &path);
                if lines.len() >= WRITE_BYTES {
                    manifest.write(&mut lines)?;
                }
            }
            manifest.write(&mut lines)?;
        }
        Ok(())
    }

    /// Sync and rename them.
    ///
    /// # Errors
    /// [`EngineError::Output`], [`EngineError::Cancelled`].
    pub fn finish(self, control: &Arc<Control>) -> Result<Vec<OutputFile>> {
        let files = self.manifests.iter().map(|manifest| {
            let path = self.directory.join(&manifest.name);
            let metadata = fs::metadata(&manifest.temporary).map_err(|error| EngineError::output(&path, error))?;
            Ok(OutputFile { name: manifest.name.clone(), bytes: metadata.len(), media_type: "text/plain" })
        });
        let files = files.collect::<Result<_>>()?;
        uninterrupted(control, self.manifests, |manifest, control| manifest.publish(control))?;
        uninterrupted(control, vec![self.directory], |directory, _| sync_directory(&directory))?;
        Ok(files)
    }
}

impl Manifest {
    fn write(&self, lines: &mut Vec<u8>) -> Result<()> {
        let written = lock(&self.file).write_all(lines);
        lines.clear();
        written.map_err(|error| EngineError::output(&self.temporary, error))
    }

    fn publish(self, control: &Control) -> Result<()> {
        control.check()?;
        let path = self.temporary.with_file_name(&self.name);
        let synced = lasting::sync(&lock(&self.file));
        synced.and_then(|()| lasting::rename(&self.temporary, &path)).map_err(|error| EngineError::output(&path, error))
    }
}
