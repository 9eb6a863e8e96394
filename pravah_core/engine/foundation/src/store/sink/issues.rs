//! `issues.parquet`, written as issues come.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;

use super::{Table, parquet_writer};
use crate::base::error::{EngineError, Result};
use crate::base::issue::{Issue, IssueWriter};
use crate::base::lasting;
use crate::store::columns::{Column, Columns};

/// The columns of `issues.parquet`.
pub const COLUMNS: &[Column] = &[
    Column::category("stage"),
    Column::text("path"),
    Column::raw("path_raw"),
    Column::category("kind"),
    Column::text("message"),
];

/// The file under its temporary name.
pub struct IssueFile {
    rows: Columns,
    writer: ArrowWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
}

impl std::fmt::Debug for IssueFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IssueFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl IssueFile {
    /// Begin the file in a job folder.
    ///
    /// # Errors
    /// [`EngineError::Output`].
    pub fn create(directory: &Path) -> Result<Self> {
        let rows = Columns::new(COLUMNS);
        let temporary = directory.join(".issues.parquet.tmp");
        let table = Table { name: "issues", dictionary: &["stage", "kind"] };
        let writer = parquet_writer(&temporary, table, rows.schema())?;
        Ok(Self { rows, writer, temporary, path: directory.join("issues.parquet") })
    }

    fn encode(&mut self) -> Result<()> {
        let rows = self.rows.take()?;
        self.writer.write(&rows).map_err(|error| EngineError::output(&self.temporary, error))
    }
}

impl IssueWriter for IssueFile {
    fn push(&mut self, issue: &Issue) -> Result<()> {
        self.rows.text(issue.stage);
        self.rows.path(if issue.path.is_empty() { b"." } else { &issue.path });
        self.rows.text(issue.kind.as_str());
        self.rows.text(&issue.message);
        if self.rows.is_full() { self.encode() } else { Ok(()) }
    }

    /// Sync it and give it its name; the caller syncs the directory.
    fn finish(mut self: Box<Self>) -> Result<()> {
        self.encode()?;
        let file = self.writer.into_inner().map_err(|error| EngineError::output(&self.temporary, error))?;
        lasting::sync(&file)
            .and_then(|()| lasting::rename(&self.temporary, &self.path))
            .map_err(|error| EngineError::output(&self.path, error))
    }
}
