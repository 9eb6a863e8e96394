//! The result's tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::datasets::DatasetVerdict;
use super::last;
use super::rules::{RuleSet, Tally};
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
const RULES: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::category("rule"),
    Column::category("expression"),
    Column::integer("records"),
    Column::integer("broken_records"),
    Column::integer("undecided_records"),
    Column::integer("first_broken"),
    Column::integer("first_undecided"),
    Column::category("reason"),
];
const DATASET_RULES: &[Column] = &[
    Column::category("dataset"),
    Column::integer("files"),
    Column::integer("records"),
    Column::category("rule"),
    Column::category("expression"),
    Column::category("verdict"),
    Column::text("values"),
    Column::text("reason"),
];
/// Rules about all records of a dataset; later jobs read from it how many these were.
pub const OF_DATASETS: &str = "dataset_rules";
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
    ("rules", RULES),
    (OF_DATASETS, DATASET_RULES),
    (partials::TABLE, partials::COLUMNS),
];

/// Those of them that tell the result.
const TOLD: usize = 5;

/// Where the errors are among them.
const ERRORS_AT: usize = 2;
/// In the metadata of each of their shards: "true" when there are more than are listed, or could be more.
pub const PARTIAL: (&str, &str) = ("errors", "pravah.partial");

/// The name of a rule: that of a schema, or its own.
fn rule_name(set: &RuleSet, rule: Rule) -> &str {
    match rule {
        Rule::Expression(place) => set.rules.get(usize::from(place)).map_or(rule.as_str(), |rule| &rule.name),
        _ => rule.as_str(),
    }
}

fn table(name: &'static str) -> Table {
    let dictionary: &[&str] = match name {
        "result" => &["dataset", "verdict"],
        "counts" => &["column", "rule"],
        "errors" => &["path", "column", "rule", "expected"],
        "rules" => &["rule", "expression", "reason"],
        OF_DATASETS => &["dataset", "rule", "expression", "verdict"],
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
    /// Records, each once for every rule across columns that does not decide it.
    pub undecided: u64,
    pub rules: BTreeMap<String, u64>,
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
        self.undecided += other.undecided;
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

/// What a rule across columns made of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleResult {
    /// Its place among all.
    pub place: u16,
    /// Records that it does not decide.
    pub undecided: Tally,
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
    /// Rules across columns that it was checked for.
    pub rules: Vec<RuleResult>,
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
    of_datasets: Sheet,
    pub sums: ValidationTotals,
    set: Arc<RuleSet>,
}

impl ValidationWorker {
    /// `mark`: what is kept for a later run is true for it.
    pub fn new(context: &Context, mark: &str, set: &Arc<RuleSet>) -> Self {
        let mut sheets = Sheet::all(&context.sink, &TABLES[..TOLD], table);
        // Whether they are all there is known at the end.
        sheets[ERRORS_AT].hold();
        let partials = Sheet::kept(&context.sink, table(partials::TABLE), partials::COLUMNS, mark);
        let of_datasets = Sheet::kept(&context.sink, table(OF_DATASETS), DATASET_RULES, last::mark(context));
        Self { sheets, partials, of_datasets, sums: ValidationTotals::default(), set: Arc::clone(set) }
    }

    /// One error of the file at `path`.
    pub fn error(&mut self, path: &[u8], error: &ListedError<'_>) -> Result<()> {
        let ListedError { place, column, rule, value, expected } = *error;
        let name = rule_name(&self.set, rule);
        let rows = &mut self.sheets[ERRORS_AT].rows;
        rows.path(path);
        rows.optional_integer(place.record);
        rows.optional_integer(place.line);
        rows.optional_integer(place.offset);
        rows.optional_text(Some(column).filter(|column| !column.is_empty()));
        rows.text(name);
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
            let name = rule_name(&self.set, counted.rule);
            let rows = &mut self.sheets[1].rows;
            rows.path(&verdict.path);
            rows.optional_text(counted.column.as_deref());
            rows.text(name);
            rows.integer(counted.errors);
            rows.optional_integer(counted.first);
            *self.sums.rules.entry(name.to_owned()).or_default() += counted.errors;
        }
        self.rules(verdict);
        self.sums.add(ValidationTotals {
            files: 1,
            invalid: u64::from(verdict.errors() > 0),
            bytes: verdict.size,
            records: verdict.records,
            bad: verdict.bad,
            errors: verdict.errors(),
            listed: verdict.listed,
            undecided: verdict.rules.iter().map(|result| result.undecided.records()).sum(),
            rules: BTreeMap::new(),
        });
        self.write_full()
    }

    fn rules(&mut self, verdict: &Verdict) {
        for RuleResult { place, undecided } in &verdict.rules {
            let Some(rule) = self.set.rules.get(usize::from(*place)).filter(|rule| !rule.is_aggregate) else {
                continue;
            };
            let is_of = |counted: &&Counted| counted.rule == Rule::Expression(*place);
            let broken = verdict.counts.iter().find(is_of);
            let rows = &mut self.sheets[4].rows;
            rows.path(&verdict.path);
            rows.text(&rule.name);
            rows.text(&rule.text);
            rows.integer(verdict.records);
            rows.integer(broken.map_or(0, |broken| broken.errors));
            rows.integer(undecided.records());
            rows.optional_integer(broken.and_then(|broken| broken.first));
            rows.optional_integer(undecided.first);
            rows.optional_text(Some(undecided.reason.as_str()).filter(|reason| !reason.is_empty()));
        }
    }

    /// What a rule says of a dataset.
    pub fn dataset_rule(&mut self, found: &DatasetVerdict) -> Result<()> {
        let rule = &self.set.rules[found.rule];
        let rows = &mut self.of_datasets.rows;
        rows.text(&found.dataset);
        rows.integer(found.files);
        rows.integer(found.records);
        rows.text(&rule.name);
        rows.text(&rule.text);
        rows.text(found.word());
        rows.text(&found.values);
        rows.optional_text(found.reason());
        self.of_datasets.write_if_full()
    }

    fn write_full(&mut self) -> Result<()> {
        self.sheets.iter_mut().try_for_each(Sheet::write_if_full)
    }

    /// Close what it wrote.
    pub fn stage(self) -> Result<(Vec<Staged>, ValidationTotals)> {
        let sheets = self.sheets.into_iter().chain([self.partials, self.of_datasets]);
        Ok((sheets.map(Sheet::stage).collect::<Result<_>>()?, self.sums))
    }
}
