//! One manifest per algorithm, written beside the tables.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::control::Control;
use crate::digest::{Algorithm, Digested};
use crate::error::{EngineError, Result};
use crate::issue::{IssueKind, lock};
use crate::manifest::write_line;
use crate::outcome::OutputFile;
use crate::sink::sync_directory;

/// Open manifests; lines of a batch stay together.
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

    /// Append the lines of a batch.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn append<'a>(
        &self,
        digested: impl Iterator<Item = &'a (Vec<u8>, Digested)> + Clone,
        control: &Control,
    ) -> Result<()> {
        let mut lines = Vec::new();
        let mut hex = String::new();
        for (index, manifest) in self.manifests.iter().enumerate() {
            lines.clear();
            for (path, digested) in digested.clone() {
                if manifest.algorithm == Algorithm::Blake3 && std::str::from_utf8(path).is_err() {
                    let message = "is missing from manifest.b3, whose format holds UTF-8 names only; \
                                   the result table has its digest";
                    control.issue("write", path, IssueKind::Unsupported, message);
                    continue;
                }
                write_line(&mut lines, manifest.algorithm, &digested.digests[index], path, &mut hex);
            }
            let written = lock(&manifest.file).write_all(&lines);
            written.map_err(|error| EngineError::output(&manifest.temporary, error))?;
        }
        Ok(())
    }

    /// Sync and rename them.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn finish(self) -> Result<Vec<OutputFile>> {
        let finish = |manifest: Manifest| {
            let file = manifest.file.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            let path = self.directory.join(&manifest.name);
            file.sync_data()
                .and_then(|()| fs::rename(&manifest.temporary, &path))
                .and_then(|()| fs::metadata(&path))
                .map(|metadata| OutputFile { name: manifest.name, bytes: metadata.len(), media_type: "text/plain" })
                .map_err(|error| EngineError::output(&path, error))
        };
        let files = self.manifests.into_iter().map(finish).collect::<Result<_>>()?;
        sync_directory(&self.directory)?;
        Ok(files)
    }
}
