//! Rules about all records of a dataset: figures of its files, put together at the end of the job.
//!
//! The files of a schema are a dataset. Without one, files are grouped by their columns, as profile does it.

use std::collections::{BTreeMap, HashMap};

use super::Validate;
use super::last::{self, LastResult};
use super::rules::{Answer, Figure, Fit, Node, RuleSet, RuleValue, Subject, Undecided};
use super::tables::ColumnRules;
use pravah_foundation::base::error::Result;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::paths;
use pravah_foundation::base::sync::lock;
use pravah_foundation::tabular::contract::Resource;
use pravah_foundation::tabular::datasets::{ColumnLayout, DatasetNames, FileNames, group};

/// Layouts that are told apart.
const MOST_LAYOUTS: usize = 10_000;
/// Different values that are held for all datasets.
const MOST_HELD: u64 = 4 << 20;

/// What a file gives to its dataset.
pub struct FileSums<'a> {
    pub path: &'a [u8],
    /// The place of its schema.
    pub schema: Option<usize>,
    pub columns: &'a [ColumnRules],
    pub records: u64,
    /// All of its records are among them.
    pub is_whole: bool,
    /// By rule: what it is to the file.
    pub fits: &'a [Fit],
    pub figures: Vec<Figure>,
}

/// All files, by their schemas or layouts.
#[derive(Debug, Default)]
pub struct DatasetSums {
    by_schema: HashMap<usize, Sums>,
    by_layout: HashMap<u64, (ColumnLayout, Sums)>,
    /// A file of too many layouts.
    is_cut: bool,
    /// Different values that all of them hold, at most.
    held: u64,
}

/// Files of one dataset.
#[derive(Debug)]
struct Sums {
    files: FileNames,
    columns: Vec<String>,
    records: u64,
    /// The first file by name that was not read to its end.
    cut: Option<Vec<u8>>,
    rules: Vec<RuleFiles>,
    figures: Vec<Figure>,
}

/// What a rule is to the files of a dataset.
#[derive(Debug, Clone, Default)]
struct RuleFiles {
    applies: u64,
    /// The first file by name that cannot be a part of it, and why.
    unfit: Option<(Vec<u8>, String)>,
    /// The first file by name that has none of its columns.
    other: Option<Vec<u8>>,
}

/// Whether a rule is kept; none of both without a reason where a value is missing.
type Decision = std::result::Result<bool, Option<String>>;

/// What a rule says of a dataset.
pub struct DatasetVerdict {
    pub dataset: String,
    pub files: u64,
    pub records: u64,
    /// Its place among all.
    pub rule: usize,
    pub answer: Decision,
    /// Its figures, in words.
    pub values: String,
}

fn first<T: Ord>(own: &mut Option<T>, other: Option<T>) {
    if let Some(other) = other
        && own.as_ref().is_none_or(|own| other < *own)
    {
        *own = Some(other);
    }
}

impl RuleFiles {
    fn merge(&mut self, other: Self) {
        self.applies += other.applies;
        first(&mut self.unfit, other.unfit);
        first(&mut self.other, other.other);
    }
}

impl Sums {
    fn of(file: FileSums<'_>) -> Self {
        let rule = |fit: &Fit| match fit {
            Fit::Applies => RuleFiles { applies: 1, ..RuleFiles::default() },
            Fit::Unfit(why) => RuleFiles { unfit: Some((file.path.to_vec(), why.clone())), ..RuleFiles::default() },
            Fit::IsOfOthers => RuleFiles { other: Some(file.path.to_vec()), ..RuleFiles::default() },
        };
        Self {
            files: FileNames::of(file.path),
            columns: file.columns.iter().map(|column| column.name.clone()).collect(),
            records: file.records,
            cut: (!file.is_whole).then(|| file.path.to_vec()),
            rules: file.fits.iter().map(rule).collect(),
            figures: file.figures,
        }
    }

    fn merge(&mut self, set: &RuleSet, other: Self) {
        // Those of the first file name the dataset.
        if other.files.first < self.files.first {
            self.columns = other.columns;
        }
        self.files.merge(&other.files);
        self.records += other.records;
        first(&mut self.cut, other.cut);
        self.rules.iter_mut().zip(other.rules).for_each(|(own, other)| own.merge(other));
        let figures = self.figures.iter_mut().zip(other.figures).zip(&set.aggregates);
        figures.for_each(|((own, other), aggregate)| own.merge(aggregate.function, other));
    }
}

fn put<K: std::hash::Hash + Eq>(all: &mut HashMap<K, Sums>, key: K, set: &RuleSet, sums: Sums) {
    match all.entry(key) {
        std::collections::hash_map::Entry::Occupied(mut own) => own.get_mut().merge(set, sums),
        std::collections::hash_map::Entry::Vacant(free) => drop(free.insert(sums)),
    }
}

impl DatasetSums {
    /// Different values that all of them hold.
    fn all_held(&self) -> u64 {
        let all = self.by_schema.values().chain(self.by_layout.values().map(|(_, sums)| sums));
        all.flat_map(|sums| &sums.figures).map(Figure::held).sum()
    }

    fn add(&mut self, set: &RuleSet, mut file: FileSums<'_>) {
        self.held += file.figures.iter().map(Figure::held).sum::<u64>();
        if self.held > MOST_HELD {
            // Most of them may be the same.
            self.held = self.all_held();
        }
        if self.held > MOST_HELD {
            file.figures.iter_mut().for_each(Figure::let_go);
        }
        if let Some(schema) = file.schema {
            return put(&mut self.by_schema, schema, set, Sums::of(file));
        }
        let layout = ColumnLayout::of(file.columns.iter().map(|column| (column.name.as_str(), column.kind)));
        let (id, is_full) = (layout.id(), self.by_layout.len() >= MOST_LAYOUTS);
        match self.by_layout.get_mut(&id) {
            Some((own, sums)) => {
                own.merge(&layout);
                sums.merge(set, Sums::of(file));
            }
            None if is_full => self.is_cut = true,
            None => drop(self.by_layout.insert(id, (layout, Sums::of(file)))),
        }
    }

    /// The datasets with their names, in the order of their first files.
    fn finish(self, set: &RuleSet, schemas: &[Resource]) -> Vec<(String, Sums)> {
        let (layouts, sums): (Vec<ColumnLayout>, Vec<Sums>) = self.by_layout.into_values().unzip();
        let mut by_group: HashMap<usize, Sums> = HashMap::new();
        for (dataset, sums) in group(&layouts.iter().collect::<Vec<_>>()).into_iter().zip(sums) {
            put(&mut by_group, dataset, set, sums);
        }
        let mut found: Vec<Sums> = by_group.into_values().collect();
        // The largest one has the plain name.
        found.sort_by(|one, two| (two.files.files, &one.files.first).cmp(&(one.files.files, &two.files.first)));
        let mut names = DatasetNames::default();
        let named = |sums: Sums| {
            let columns: Vec<&str> = sums.columns.iter().map(String::as_str).collect();
            (names.next(&sums.files, &columns), sums)
        };
        let mut all: Vec<(String, Sums)> = found.into_iter().map(named).collect();
        all.extend(self.by_schema.into_iter().map(|(place, sums)| {
            let name = &schemas[place].name;
            let columns: Vec<&str> = sums.columns.iter().map(String::as_str).collect();
            let own = || DatasetNames::default().next(&sums.files, &columns);
            (if name.is_empty() { own() } else { name.clone() }, sums)
        }));
        all.sort_by(|one, two| one.1.files.first.cmp(&two.1.files.first));
        all
    }
}

/// A dataset as rules see it.
struct Whole<'a> {
    set: &'a RuleSet,
    sums: &'a Sums,
    now: i128,
    last: Option<LastResult>,
}

impl Subject for Whole<'_> {
    fn column(&self, _place: usize) -> Answer<'_> {
        Err(Undecided::Failed("a column is of a record"))
    }

    fn aggregate(&self, place: usize) -> Answer<'_> {
        let aggregate = &self.set.aggregates[place];
        self.sums.figures[place].answer(aggregate.function, aggregate.argument.is_none(), self.sums.records)
    }

    fn now(&self) -> Answer<'_> {
        Ok(RuleValue::Moment(self.now))
    }

    fn last_records(&self) -> Answer<'_> {
        self.last.map(|last| RuleValue::count(last.records)).ok_or(Undecided::Null)
    }

    fn last_time(&self) -> Answer<'_> {
        self.last.and_then(|last| last.time).map(RuleValue::Moment).ok_or(Undecided::Null)
    }
}

impl Whole<'_> {
    /// The figures that a rule names, in words.
    fn values(&self, node: &Node) -> String {
        let mut shown = Vec::new();
        node.each(&mut |part| {
            let (name, answer) = match part {
                Node::Aggregate(place) => (self.set.aggregate_name(*place), self.aggregate(*place)),
                Node::LastRecords => ("last_result.records".to_owned(), self.last_records()),
                Node::LastTime => ("last_result.time".to_owned(), self.last_time()),
                _ => return,
            };
            shown.push(format!("{name} = {}", answer.map_or_else(|_| "null".to_owned(), |value| value.shown())));
        });
        shown.sort();
        shown.dedup();
        shown.join(", ")
    }

    fn answer(&self, rule: usize) -> Decision {
        let RuleFiles { unfit, other, .. } = &self.sums.rules[rule];
        if let Some((path, why)) = unfit {
            return Err(Some(format!("{}: {why}", paths::escape(path))));
        }
        if let Some(path) = other {
            let columns = self.set.named_by(rule);
            return Err(Some(format!("{}: the file has no column {columns}", paths::escape(path))));
        }
        if let Some(path) = &self.sums.cut {
            return Err(Some(format!("{}: not all records of the file could be read", paths::escape(path))));
        }
        let node = &self.set.rules[rule].node;
        node.holds(self).map_err(|why| match why {
            Undecided::Failed(reason) => Some(reason.to_owned()),
            // The first job of a schedule has none before it.
            Undecided::Null if self.lacks_last(node) => None,
            Undecided::Null => Some("no record has a value that it is about".to_owned()),
        })
    }

    /// True when an expression is about the last result, and there is none.
    fn lacks_last(&self, node: &Node) -> bool {
        let mut lacks = false;
        node.each(&mut |part| {
            lacks |= match part {
                Node::LastRecords => self.last_records().is_err(),
                Node::LastTime => self.last_time().is_err(),
                _ => false,
            }
        });
        lacks
    }
}

impl Validate {
    /// A file, for the rules about all records.
    pub fn sum(&self, file: FileSums<'_>) {
        lock(&self.sums).add(&self.set, file);
    }

    /// What the rules about all records say of each dataset; false when a file is in none.
    pub fn dataset_verdicts(&self) -> (Vec<DatasetVerdict>, bool) {
        let sums = std::mem::take(&mut *lock(&self.sums));
        let is_whole = !sums.is_cut;
        let now = last::now(&self.context);
        let mut all = Vec::new();
        for (dataset, sums) in sums.finish(&self.set, &self.schemas.resources) {
            for (rule, files) in sums.rules.iter().enumerate() {
                let own = &self.set.rules[rule];
                // Datasets with none of its columns are other tables.
                if !own.is_aggregate || files.applies == 0 && files.unfit.is_none() {
                    continue;
                }
                let last = self.last.of(&dataset, &own.name, &own.text);
                let whole = Whole { set: &self.set, sums: &sums, now, last };
                let (answer, values) = (whole.answer(rule), whole.values(&own.node));
                let (files, records) = (sums.files.files, sums.records);
                all.push(DatasetVerdict { dataset: dataset.clone(), files, records, rule, answer, values });
            }
        }
        (all, is_whole)
    }
}

impl DatasetVerdict {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self.answer {
            Ok(true) => "kept",
            Ok(false) => "broken",
            Err(_) => "undecided",
        }
    }

    /// Why it could not be computed.
    pub fn reason(&self) -> Option<&str> {
        self.answer.as_ref().err()?.as_deref()
    }
}

/// What rules say of all datasets.
#[derive(Debug, Default)]
pub struct DatasetTotals {
    kept: u64,
    /// Datasets, each once for every rule that it breaks.
    pub broken: u64,
    undecided: u64,
    by_rule: HashMap<String, u64>,
    /// One could not be computed.
    pub is_unchecked: bool,
}

impl DatasetTotals {
    /// As a part of the summary.
    pub fn summary(&self) -> serde_json::Value {
        serde_json::json!({"kept": self.kept, "broken": self.broken, "undecided": self.undecided})
    }

    /// Add the broken ones to others.
    pub fn add_to(&self, rules: &mut BTreeMap<String, u64>) {
        for (name, count) in &self.by_rule {
            *rules.entry(name.clone()).or_default() += count;
        }
    }
}

impl Validate {
    /// Write what the rules about all records say, and tell what they could not decide.
    pub fn tell_datasets(&self) -> Result<DatasetTotals> {
        let (verdicts, is_whole) = self.dataset_verdicts();
        let mut totals = DatasetTotals { is_unchecked: !is_whole, ..DatasetTotals::default() };
        let tell = |message: String| self.context.control.remark("validate", b"", IssueKind::Unsupported, message);
        if !is_whole {
            tell(
                "the files have too many different columns: rules about all records leave some of them out".to_owned(),
            );
        }
        for found in &verdicts {
            let name = &self.set.rules[found.rule].name;
            match &found.answer {
                Ok(true) => totals.kept += 1,
                Ok(false) => {
                    totals.broken += 1;
                    *totals.by_rule.entry(name.clone()).or_default() += 1;
                }
                Err(reason) => {
                    totals.undecided += 1;
                    totals.is_unchecked |= reason.is_some();
                    let reason = reason.as_deref().unwrap_or("a value is missing");
                    tell(format!(
                        "the rule {name:?} could not be decided for the dataset {:?}: {reason}",
                        found.dataset
                    ));
                }
            }
            self.workers.acquire().dataset_rule(found)?;
        }
        Ok(totals)
    }
}
