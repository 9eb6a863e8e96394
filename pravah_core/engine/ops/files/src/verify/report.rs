//! Statuses, rows and the verdict.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde_json::json;

use super::etag::Sum;
use super::expected::Expected;
use super::known::{self, Figures};
use pravah_foundation::base::error::Result;
use pravah_foundation::run::context::Context;
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::columns::{Column, Columns};
use pravah_foundation::store::report::Report;
use pravah_foundation::store::sink::{Staged, Table};

const RESULT: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::category("status"),
    Column::category("algorithm"),
    Column::text("expected"),
    Column::text("actual"),
    Column::text("moved_from"),
    Column::integer("size_bytes"),
];
const BY_STATUS: &[Column] = &[Column::text("status"), Column::integer("files"), Column::integer("size_bytes")];

/// Every table with its columns.
pub const TABLES: &[TableColumns] =
    &[("result", RESULT), ("by_status", BY_STATUS), (known::TABLE.name, known::DIGESTS)];

/// What is true of one path; each has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyStatus {
    /// There with the listed digest.
    Ok,
    /// There with another digest.
    Changed,
    /// Not listed, with the digest of a listed path where nothing is.
    Moved,
    /// Not listed.
    New,
    /// Listed, and nothing is there.
    Missing,
    /// Listed, there, and it cannot be read.
    Unreadable,
    /// Listed, there, and no digest was compared, or an ETag that proves nothing.
    NotVerified,
}

impl VerifyStatus {
    const ALL: [Self; 7] =
        [Self::Ok, Self::Changed, Self::Moved, Self::New, Self::Missing, Self::Unreadable, Self::NotVerified];

    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Changed => "changed",
            Self::Moved => "moved",
            Self::New => "new",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::NotVerified => "not_verified",
        }
    }

    /// What is not there has no size.
    fn has_size(self) -> bool {
        self != Self::Missing
    }
}

/// One path's result.
#[derive(Debug)]
pub struct VerifyRow {
    /// Where it stands in the manifest.
    listed: Option<u32>,
    /// Its path when it is not listed.
    path: Vec<u8>,
    status: VerifyStatus,
    actual: Option<Sum>,
    size: u64,
}

impl VerifyRow {
    /// A listed path.
    pub fn listed(index: u32, size: u64) -> Self {
        Self { listed: Some(index), path: Vec::new(), status: VerifyStatus::NotVerified, actual: None, size }
    }

    /// A file that is not listed.
    pub fn unlisted(path: Vec<u8>, size: u64, actual: Option<Sum>) -> Self {
        Self { listed: None, path, status: VerifyStatus::New, actual, size }
    }

    /// With this status.
    pub fn with(mut self, status: VerifyStatus) -> Self {
        self.status = status;
        self
    }

    /// With this sum.
    pub fn found(mut self, sum: Sum) -> Self {
        self.actual = Some(sum);
        self
    }

    /// This new file is where a listed path went.
    pub fn claim(&mut self, listed: u32) {
        self.listed = Some(listed);
        self.status = VerifyStatus::Moved;
    }
}

/// New files that could explain a missing path, by what was found of them.
pub fn new_files_by_sum(rows: &[VerifyRow]) -> HashMap<Sum, Vec<usize>, RandomState> {
    let mut files: HashMap<Sum, Vec<usize>, RandomState> = HashMap::default();
    for (index, row) in rows.iter().enumerate() {
        // All empty files are alike: that tells nothing of where one went.
        if let (VerifyStatus::New, Some(sum), 1..) = (row.status, row.actual, row.size) {
            files.entry(sum).or_default().push(index);
        }
    }
    // The last of each list is claimed first: sorted so, a run's answer does not depend on its threads.
    files.values_mut().for_each(|same| same.sort_unstable_by(|&one, &other| rows[other].path.cmp(&rows[one].path)));
    files
}

/// Write the tables, also those in `kept`, and give the verdict.
///
/// # Errors
/// [`pravah_foundation::base::error::EngineError::Output`].
pub fn write(
    context: &Context,
    expected: &Expected,
    rows: Vec<VerifyRow>,
    mut kept: Vec<Staged>,
    (digested, reused): Figures,
) -> Result<Report> {
    let table = Table { name: "result", dictionary: &["status", "algorithm"] };
    let mut columns = Columns::new(RESULT);
    let mut writer = context.sink.writer(table, columns.schema());
    for row in &rows {
        append(&mut columns, expected, row);
        if columns.is_full() {
            context.control.check()?;
            writer.write(&columns.take()?)?;
        }
    }
    writer.write(&columns.take()?)?;
    let counts = VerifyStatus::ALL.map(|status| {
        let of_status = rows.iter().filter(|row| row.status == status);
        of_status.fold((0u64, 0u64), |(files, bytes), row| (files + 1, bytes + row.size))
    });
    let mut by_status = Columns::new(BY_STATUS);
    for (status, (files, bytes)) in VerifyStatus::ALL.iter().zip(counts) {
        by_status.text(status.name());
        by_status.integer(files);
        by_status.optional_integer(status.has_size().then_some(bytes));
    }
    let by_status = context.sink.staged(Table { name: "by_status", dictionary: &[] }, &by_status.take()?)?;
    kept.extend([writer.stage()?, by_status]);
    context.sink.commit(kept)?;
    let count = |status: VerifyStatus| counts[status as usize].0;
    let statuses: serde_json::Map<String, serde_json::Value> =
        VerifyStatus::ALL.iter().map(|&status| (status.name().to_owned(), count(status).into())).collect();
    let summary = json!({
        "verdict": verdict(count, expected.unusable),
        "algorithm": expected.form.name(),
        "statuses": statuses,
        "digested_files": digested,
        "reused_files": reused.files(),
        "reused_bytes": reused.bytes(),
        "listed": expected.len(),
        "unusable_lines": expected.unusable,
    });
    Ok(Report { not_covered: None, files: Vec::new(), summary })
}

fn append(columns: &mut Columns, expected: &Expected, row: &VerifyRow) {
    let moved = row.status == VerifyStatus::Moved;
    match row.listed {
        Some(index) if !moved => columns.path(expected.path(index)),
        _ => columns.path(&row.path),
    }
    columns.text(row.status.name());
    columns.text(expected.form.name());
    columns.optional_text(row.listed.map(|index| expected.sum(index).to_string()).as_deref());
    columns.optional_text(row.actual.map(|sum| sum.to_string()).as_deref());
    let from = row.listed.filter(|_| moved).map(|index| pravah_foundation::base::paths::escape(expected.path(index)));
    columns.optional_text(from.as_deref());
    columns.optional_integer(row.status.has_size().then_some(row.size));
}

/// Three-valued: something differs; nothing differs but something was not compared; all is as listed.
fn verdict(count: impl Fn(VerifyStatus) -> u64, unusable_lines: u64) -> &'static str {
    if count(VerifyStatus::Changed) + count(VerifyStatus::Missing) + count(VerifyStatus::Moved) > 0 {
        "failed"
    } else if count(VerifyStatus::Unreadable) + count(VerifyStatus::NotVerified) + unusable_lines > 0 {
        "incomplete"
    } else {
        "verified"
    }
}
