//! The result's tables.

use std::collections::BTreeMap;

use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::FileState;
use pravah_foundation::run::context::Context;
use pravah_foundation::run::partials;
use pravah_foundation::store::columns::Column;
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::{Staged, Table};
use pravah_foundation::tabular::contract::Rule;
use pravah_foundation::tabular::values::ValueType;

const RESULT: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::category("dataset"),
    Column::integer("size_bytes"),
    Column::category("verdict"),
    Column::integer("records"),
    Column::integer("good_records"),
    Column::integer("bad_records"),
    Column::integer("errors"),
    Column::integer("listed_errors"),
];
const COUNTS: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::category("column"),
    Column::category("rule"),
    Column::integer("errors"),
    Column::integer("first_record"),
];
const ERRORS: &[Column] = &[
    Column::category("path"),
    Column::raw("path_raw"),
    Column::integer("record"),
    Column::integer("line"),
    Column::integer("byte_offset"),
    Column::category("column"),
    Column::category("rule"),
    Column::text("value"),
    Column::category("expected"),
];
const COLUMNS: &[Column] = &[
    Column::category("path"),
    Column::raw("path_raw"),
    Column::category("column"),
    Column::integer("position"),
    Column::category("type"),
    Column::category("rules"),
];

/// All tables.
pub const TABLES: &[TableColumns] = &[
    ("result", RESULT),
    ("counts", COUNTS),
    ("errors", ERRORS),
    ("columns", COLUMNS),
    (partials::TABLE, partials::COLUMNS),
];

/// Those of them that tell the result.
const TOLD: usize = 4;

/// Where the errors are among them.
const ERRORS_AT: usize = 2;
/// In the metadata of each of their shards: "true" when there are more than are listed, or could be more.
pub const PARTIAL: (&str, &str) = ("errors", "pravah.partial");

fn table(name: &'static str) -> Table {
    let dictionary: &[&str] = match name {
        "result" => &["dataset", "verdict"],
        "counts" => &["column", "rule"],
        "errors" => &["path", "column", "rule", "expected"],
        partials::TABLE => &[],
        _ => &["path", "column", "type", "rules"],
    };
    Table { name, dictionary }
}

/// Sums of all files.
#[derive(Debug, Default)]
pub struct ValidationTotals {
    pub files: u64,
    pub invalid: u64,
    pub bytes: u64,
    pub records: u64,
    pub bad: u64,
    pub errors: u64,
    pub listed: u64,
    pub rules: BTreeMap<&'static str, u64>,
}

impl ValidationTotals {
    pub fn add(&mut self, other: Self) {
        self.files += other.files;
        self.invalid += other.invalid;
        self.bytes += other.bytes;
        self.records += other.records;
        self.bad += other.bad;
        self.errors += other.errors;
        self.listed += other.listed;
        other.rules.into_iter().for_each(|(rule, count)| *self.rules.entry(rule).or_default() += count);
    }
}

/// Where an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorPlace {
    /// Number of the record, from 1; none: the whole file.
    pub record: Option<u64>,
    /// Its line, from 1, the header counted.
    pub line: Option<u64>,
    /// Where it begins in the file.
    pub offset: Option<u64>,
}

/// An error as it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedError<'a> {
    pub place: ErrorPlace,
    /// Empty: the whole record or file.
    pub column: &'a str,
    pub rule: Rule,
    pub value: Option<&'a [u8]>,
    /// What it had to be.
    pub expected: &'a str,
}

/// What is asked of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRules {
    pub name: String,
    pub kind: Option<ValueType>,
    /// In words.
    pub rules: String,
}

/// Errors of a column by a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Counted {
    /// None: the whole record or file.
    pub column: Option<String>,
    pub rule: Rule,
    pub errors: u64,
    /// The first one's record.
    pub first: Option<u64>,
}

/// What a file turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    pub path: Vec<u8>,
    /// The dataset whose schema it was checked against.
    pub dataset: Option<String>,
    pub size: u64,
    pub records: u64,
    pub bad: u64,
    pub listed: u64,
    pub counts: Vec<Counted>,
    /// It is only what others refer to.
    pub is_reference: bool,
    /// Something of it could not be checked.
    pub is_partial: bool,
}

impl Verdict {
    pub fn errors(&self) -> u64 {
        self.counts.iter().map(|counted| counted.errors).sum()
    }

    fn word(&self) -> &'static str {
        match (self.errors(), self.is_partial, self.is_reference) {
            (1.., ..) => "invalid",
            (0, true, _) => "partial",
            (0, false, true) => "reference",
            (0, false, false) => "valid",
        }
    }
}

/// What a thread has of its own.
pub struct ValidationWorker {
    sheets: Vec<Sheet>,
    partials: Sheet,
    pub sums: ValidationTotals,
}

impl ValidationWorker {
    /// `mark`: what is kept for a later run is true for it.
    pub fn new(context: &Context, mark: &str) -> Self {
        let mut sheets = Sheet::all(&context.sink, &TABLES[..TOLD], table);
        // Whether they are all there is known at the end.
        sheets[ERRORS_AT].hold();
        let partials = Sheet::kept(&context.sink, table(partials::TABLE), partials::COLUMNS, mark);
        Self { sheets, partials, sums: ValidationTotals::default() }
    }

    /// One error of the file at `path`.
    pub fn error(&mut self, path: &[u8], error: &ListedError<'_>) -> Result<()> {
        let ListedError { place, column, rule, value, expected } = *error;
        let rows = &mut self.sheets[ERRORS_AT].rows;
        rows.path(path);
        rows.optional_integer(place.record);
        rows.optional_integer(place.line);
        rows.optional_integer(place.offset);
        rows.optional_text(Some(column).filter(|column| !column.is_empty()));
        rows.text(rule.as_str());
        rows.optional_text(value.map(String::from_utf8_lossy).as_deref());
        rows.text(expected);
        self.write_full()
    }

    /// What is asked of a file's columns.
    pub fn columns(&mut self, path: &[u8], columns: &[ColumnRules]) -> Result<()> {
        for (place, column) in columns.iter().enumerate() {
            let rows = &mut self.sheets[3].rows;
            rows.path(path);
            rows.text(&column.name);
            rows.integer(place as u64 + 1);
            rows.text(column.kind.map_or("any", ValueType::as_str));
            rows.text(&column.rules);
        }
        self.write_full()
    }

    /// What is kept of a file that was in this state.
    pub fn partial(&mut self, path: &[u8], state: FileState, figures: &[u8]) -> Result<()> {
        partials::row(&mut self.partials.rows, path, state, figures);
        self.partials.write_now_and_then()
    }

    /// See [`Sheet::checkpoint`]; the other tables follow from these rows.
    pub fn checkpoint(&mut self) -> Result<()> {
        self.partials.checkpoint()
    }

    /// What a file turned out to be.
    pub fn verdict(&mut self, verdict: &Verdict) -> Result<()> {
        let rows = &mut self.sheets[0].rows;
        rows.path(&verdict.path);
        rows.optional_text(verdict.dataset.as_deref());
        rows.integer(verdict.size);
        rows.text(verdict.word());
        let good = verdict.records.saturating_sub(verdict.bad);
        [verdict.records, good, verdict.bad, verdict.errors(), verdict.listed]
            .into_iter()
            .for_each(|value| rows.integer(value));
        for counted in &verdict.counts {
            let rows = &mut self.sheets[1].rows;
            rows.path(&verdict.path);
            rows.optional_text(counted.column.as_deref());
            rows.text(counted.rule.as_str());
            rows.integer(counted.errors);
            rows.optional_integer(counted.first);
            *self.sums.rules.entry(counted.rule.as_str()).or_default() += counted.errors;
        }
        self.sums.add(ValidationTotals {
            files: 1,
            invalid: u64::from(verdict.errors() > 0),
            bytes: verdict.size,
            records: verdict.records,
            bad: verdict.bad,
            errors: verdict.errors(),
            listed: verdict.listed,
            rules: BTreeMap::new(),
        });
        self.write_full()
    }

    fn write_full(&mut self) -> Result<()> {
        self.sheets.iter_mut().try_for_each(Sheet::write_if_full)
    }

    /// Close what it wrote.
    pub fn stage(self) -> Result<(Vec<Staged>, ValidationTotals)> {
        let sheets = self.sheets.into_iter().chain([self.partials]);
        Ok((sheets.map(Sheet::stage).collect::<Result<_>>()?, self.sums))
    }
}
