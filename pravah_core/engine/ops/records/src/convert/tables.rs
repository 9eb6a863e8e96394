//! The result's tables.

use super::ConvertOptions;
use super::kept::ColumnAs;
use super::proof::{Proof, ProofTotals};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::paths;
use pravah_foundation::run::context::Context;
use pravah_foundation::run::made;
use pravah_foundation::run::made::MADE;
use pravah_foundation::run::records::Head;
use pravah_foundation::store::columns::Column;
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::{Staged, Table};

const RESULT: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("size_bytes"),
    Column::category("verdict"),
    Column::text("written_as"),
    Column::integer("output_bytes"),
    Column::integer("records_read"),
    Column::integer("records_written"),
    Column::integer("records_rejected"),
    Column::integer("values_nulled"),
    Column::integer("preamble_lines"),
    Column::integer("comment_lines"),
    Column::integer("footer_lines"),
    Column::text("rejects"),
    Column::integer("columns"),
    Column::integer("row_groups"),
    Column::integer("readings"),
    Column::integer("files"),
    Column::category("proof"),
    Column::integer("proven_values"),
];
const OUTPUTS: &[Column] = &[
    Column::category("path"),
    Column::raw("path_raw"),
    Column::text("written_as"),
    Column::integer("output_bytes"),
    Column::integer("records"),
    Column::integer("row_groups"),
];
const COLUMNS: &[Column] = &[
    Column::category("path"),
    Column::raw("path_raw"),
    Column::category("column"),
    Column::integer("position"),
    Column::category("type"),
    Column::category("type_is"),
    Column::text("null_words"),
    Column::category("note"),
    Column::integer("values"),
    Column::text("fingerprint"),
];
const REJECTS: &[Column] = &[
    Column::category("path"),
    Column::raw("path_raw"),
    Column::integer("record"),
    Column::integer("line"),
    Column::integer("byte_offset"),
    Column::category("column"),
    Column::text("value"),
    Column::category("reason"),
];

/// All tables.
pub const TABLES: &[TableColumns] =
    &[("result", RESULT), ("columns", COLUMNS), ("rejects", REJECTS), ("outputs", OUTPUTS), (made::TABLE.name, MADE)];
/// Those of them that tell the result.
const TOLD: usize = 4;

fn table(name: &'static str) -> Table {
    let dictionary: &[&str] = match name {
        "result" => &["verdict", "proof"],
        "columns" => &["path", "column", "type", "type_is", "note"],
        "rejects" => &["path", "column", "reason"],
        "outputs" => &["path"],
        _ => &[],
    };
    Table { name, dictionary }
}

/// What a file has become.
pub struct ConversionRow<'a> {
    pub path: &'a [u8],
    pub size: u64,
    pub columns: &'a [ColumnAs],
    pub made: Vec<ConvertedFile>,
    /// The file of rejects and its size.
    pub rejects: Option<(Vec<u8>, u64)>,
    pub read: u64,
    pub written: u64,
    pub rejected: u64,
    pub nulled: u64,
    /// Lines before the table, comments, and lines after the table.
    pub outside: [u64; 3],
    pub readings: u64,
    /// Not all of the file was read, or its end is in doubt.
    pub is_cut: bool,
    /// Its values, if they were to be proven.
    pub proof: Option<Proof>,
}

impl ConversionRow<'_> {
    fn verdict(&self) -> &'static str {
        match self {
            _ if self.proof.as_ref().is_some_and(|proof| proof.difference.is_some()) => "failed",
            ConversionRow { read: 1.., written: 0, .. } => "failed",
            _ if self.proof.as_ref().is_some_and(|proof| proof.is_unread) => "partial",
            ConversionRow { rejected: 1.., .. }
            | ConversionRow { nulled: 1.., .. }
            | ConversionRow { is_cut: true, .. } => "partial",
            _ => "whole",
        }
    }
}

/// A file that was made.
pub struct ConvertedFile {
    /// Its path below the destination.
    pub path: Vec<u8>,
    /// Its size.
    pub bytes: u64,
    /// Its records, as its footer or a reader counts them.
    pub records: u64,
    /// Its row groups.
    pub groups: u64,
}

/// Sums of all files.
#[derive(Debug, Default)]
pub struct ConversionTotals {
    pub files: u64,
    /// Files that they became.
    pub made: u64,
    pub bytes: u64,
    pub output_bytes: u64,
    pub read: u64,
    pub written: u64,
    pub rejected: u64,
    pub nulled: u64,
    pub twice: u64,
    /// Files of which something is missing.
    pub partial: u64,
    /// What was proven.
    pub proof: ProofTotals,
}

impl ConversionTotals {
    /// Of the whole job, in which `failed` files became none and so many places could not be looked into.
    pub fn verdict(&self, failed: u64, unseen: u64) -> &'static str {
        match (self.files, self.read, self.written) {
            (0, ..) if failed > 0 => "failed",
            (_, 1.., 0) => "failed",
            _ if self.proof.changed > 0 => "failed",
            _ if failed + unseen + self.partial > 0 => "partial",
            // Where there was nothing, nothing is whole.
            (0, ..) => "partial",
            _ => "whole",
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.made += other.made;
        self.bytes += other.bytes;
        self.output_bytes += other.output_bytes;
        self.read += other.read;
        self.written += other.written;
        self.rejected += other.rejected;
        self.nulled += other.nulled;
        self.twice += other.twice;
        self.partial += other.partial;
        self.proof.add(&other.proof);
    }
}

/// What a thread has of its own.
pub struct ConversionWorker {
    sheets: Vec<Sheet>,
    pub sums: ConversionTotals,
    /// What is kept for the next attempt, where it is.
    pub kept: Option<made::WrittenOutputs>,
    /// Files of the result, when they are no destination's.
    pub made: Option<Vec<ConvertedFile>>,
}

impl ConversionWorker {
    pub fn new(context: &Context, options: &ConvertOptions) -> Self {
        let sheets = Sheet::all(&context.sink, &TABLES[..TOLD], table);
        let kept = options.keeps().then(|| made::WrittenOutputs::new(context, options));
        Self { sheets, sums: ConversionTotals::default(), kept, made: options.destination.is_none().then(Vec::new) }
    }

    /// A file that was converted.
    pub fn file(&mut self, row: ConversionRow<'_>) -> Result<()> {
        let (mut bytes, mut groups) = (0, 0);
        for made in &row.made {
            bytes += made.bytes;
            groups += made.groups;
            self.output(row.path, made)?;
        }
        let rows = &mut self.sheets[0].rows;
        rows.path(row.path);
        rows.integer(row.size);
        rows.text(row.verdict());
        rows.optional_text(row.made.first().map(|made| paths::escape(&made.path)).as_deref());
        let counts = [bytes, row.read, row.written, row.rejected, row.nulled];
        counts.into_iter().chain(row.outside).for_each(|value| rows.integer(value));
        rows.optional_text(row.rejects.as_ref().map(|(name, _)| paths::escape(name)).as_deref());
        [row.columns.len() as u64, groups, row.readings, row.made.len() as u64]
            .into_iter()
            .for_each(|value| rows.integer(value));
        let proof = row.proof.as_ref();
        rows.optional_text(proof.map(Proof::as_str));
        rows.optional_integer(proof.map(Proof::values));
        let columns = &mut self.sheets[1].rows;
        for (place, column) in row.columns.iter().enumerate() {
            columns.path(row.path);
            columns.text(&column.name);
            columns.integer(place as u64 + 1);
            columns.text(&column.kind);
            columns.text(column.reason.as_str());
            for text in [&*column.null_words, &*column.note] {
                columns.optional_text(Some(text).filter(|text| !text.is_empty()));
            }
            let found = proof.and_then(|proof| proof.read.columns.get(place));
            columns.optional_integer(found.map(|found| found.values));
            columns.optional_text(found.map(|found| found.digits()).as_deref());
        }
        self.sums.add(&ConversionTotals {
            files: 1,
            made: row.made.len() as u64,
            bytes: row.size,
            output_bytes: bytes,
            read: row.read,
            written: row.written,
            rejected: row.rejected,
            nulled: row.nulled,
            twice: u64::from(row.readings > 1),
            partial: u64::from(row.verdict() != "whole"),
            proof: proof.map(Proof::totals).unwrap_or_default(),
        });
        if let Some(made) = &mut self.made {
            made.extend(row.made);
            made.extend(row.rejects.map(|(path, bytes)| ConvertedFile {
                path,
                bytes,
                records: row.rejected,
                groups: 0,
            }));
        }
        self.write_full()
    }

    fn output(&mut self, path: &[u8], made: &ConvertedFile) -> Result<()> {
        let rows = &mut self.sheets[3].rows;
        rows.path(path);
        rows.text(&paths::escape(&made.path));
        [made.bytes, made.records, made.groups].into_iter().for_each(|value| rows.integer(value));
        self.sheets[3].write_if_full()
    }

    /// A record that was not.
    pub fn reject(
        &mut self,
        head: &Head,
        (record, line, offset): (u64, Option<u64>, Option<u64>),
        column: Option<&str>,
        value: &[u8],
        reason: &str,
    ) -> Result<()> {
        let rows = &mut self.sheets[2].rows;
        rows.path(&head.path);
        rows.integer(record);
        rows.optional_integer(line);
        rows.optional_integer(offset);
        rows.optional_text(column);
        rows.optional_text(column.map(|_| String::from_utf8_lossy(value)).as_deref());
        rows.text(reason);
        self.write_full()
    }

    fn write_full(&mut self) -> Result<()> {
        self.sheets.iter_mut().try_for_each(Sheet::write_if_full)
    }

    /// Close what it wrote.
    pub fn stage(self) -> Result<(Vec<Staged>, ConversionTotals, Vec<ConvertedFile>)> {
        let kept = self.kept.map(made::WrittenOutputs::stage);
        let staged = self.sheets.into_iter().map(Sheet::stage).chain(kept).collect::<Result<_>>()?;
        Ok((staged, self.sums, self.made.unwrap_or_default()))
    }
}
