//! What is kept of a file for the next run: its counts, its columns and its errors, as few bytes, in one field of
//! `partials`.
//!
//! Only where it says all there is: a file of more errors than are listed, or than are small beside its text, is read
//! again, and so is one that keys tie to other files: its values are needed.

use super::ValidateOptions;
use super::datasets::FileSums;
use super::file::FileValidation;
use super::rules::{Figure, Fit, Tally};
use super::tables::{ColumnRules, Counted, ErrorPlace, ListedError, RuleResult, Verdict};
use super::{Validate, ValidationPlan};
use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::FileState;
use pravah_foundation::run::context::Context;
use pravah_foundation::run::partials;
use pravah_foundation::run::records::{Of, RecordCounts};
use pravah_foundation::tabular::contract::{Contract, Field, Rule};
use pravah_foundation::tabular::values::ValueType;

/// How it is written; to be raised with every change of that.
const FORMAT: u32 = 6;
/// It is in memory while its file is read.
const MOST_BYTES: usize = 1 << 20;

/// What it is true for. The schema counts, not where it comes from, and how many errors may be listed in all says nothing
/// of a file whose own are all there.
pub fn mark(options: &ValidateOptions, context: &Context) -> String {
    let own = ValidateOptions { schema: options.schema.marked(), max_errors: 0, destination: None, ..options.clone() };
    serde_json::json!({
        "engine": pravah_foundation::base::version::VERSION, "format": FORMAT, "options": own, "chunk_bytes": context.chunk_bytes,
    })
    .to_string()
}

/// What is gathered of a file while it is read.
#[derive(Debug)]
pub struct Gathered {
    errors: Writer,
    count: u64,
    most: usize,
}

impl Gathered {
    /// Of a file; none when nothing is to be kept of it.
    pub fn new(size: u64, plan: &ValidationPlan, has_destination: bool) -> Option<Self> {
        let is_alone = plan.named.is_empty() && plan.refers().next().is_none();
        let most = partials::most_bytes(size).min(MOST_BYTES);
        (is_alone && !has_destination).then(|| Self { errors: Writer::default(), count: 0, most })
    }

    /// One error more; false when it is too much.
    pub fn add(&mut self, error: &ListedError<'_>) -> bool {
        let ListedError { place, column, rule, value, expected } = *error;
        let out = &mut self.errors;
        out.integer(rule.number());
        for number in [place.record, place.line, place.offset] {
            // None is 0.
            out.integer(number.map_or(0, |number| number + 1));
        }
        out.bytes(column.as_bytes());
        out.integer(u64::from(value.is_some()));
        out.bytes(value.unwrap_or_default());
        out.bytes(expected.as_bytes());
        self.count += 1;
        out.0.len() <= self.most
    }

    fn join(&mut self, second: &Self) {
        self.errors.0.extend_from_slice(&second.errors.0);
        self.count += second.count;
    }
}

/// What is kept of a file whose verdict is to come.
#[derive(Debug)]
pub struct PendingFile {
    gathered: Gathered,
    columns: Vec<ColumnRules>,
    /// By aggregate.
    figures: Vec<Figure>,
    state: FileState,
}

impl PendingFile {
    /// Of a file's end; none when something of it has to be told again, or it is not known how it was.
    pub fn of(of: &Of<'_, Validate>, file: &mut FileValidation, all: &RecordCounts) -> Option<Self> {
        let (gathered, state) = (file.gathered.take()?, of.state?);
        all.is_plain().then(|| Self { gathered, columns: columns(of), figures: file.figures.clone(), state })
    }

    /// With what the second reading tells of it; none when it was another file then.
    pub fn and(mut self, of: &Of<'_, Validate>, file: &mut FileValidation) -> Option<Self> {
        let second = file.gathered.take()?;
        self.gathered.join(&second);
        (of.state == Some(self.state)).then_some(self)
    }

    /// Its bytes, and how the file was; none when not all errors are there.
    pub fn encode(&self, verdict: &Verdict) -> Option<(FileState, Vec<u8>)> {
        let Gathered { errors, count, most } = &self.gathered;
        if *count != verdict.errors() {
            return None;
        }
        let mut out = Writer::default();
        out.bytes(verdict.dataset.as_deref().unwrap_or_default().as_bytes());
        out.integer(verdict.records);
        out.integer(verdict.bad);
        out.integer(self.columns.len() as u64);
        for ColumnRules { name, kind, rules } in &self.columns {
            out.bytes(name.as_bytes());
            // None is 0.
            out.integer(kind.map_or(0, |kind| kind as u64 + 1));
            out.bytes(rules.as_bytes());
        }
        out.integer(verdict.counts.len() as u64);
        for Counted { column, rule, errors, first } in &verdict.counts {
            out.integer(u64::from(column.is_some()));
            out.bytes(column.as_deref().unwrap_or_default().as_bytes());
            out.integer(rule.number());
            out.integer(*errors);
            out.integer(first.map_or(0, |first| first + 1));
        }
        out.integer(verdict.rules.len() as u64);
        for RuleResult { place, undecided } in &verdict.rules {
            out.integer((*place).into());
            out.integer(undecided.nulls);
            out.integer(undecided.first.unwrap_or(0));
        }
        out.integer(self.figures.len() as u64);
        self.figures.iter().for_each(|figure| figure.write(&mut out));
        out.0.extend_from_slice(&errors.0);
        (out.0.len() <= *most).then_some((self.state, out.0))
    }
}

/// What is asked of a file's columns.
pub fn columns(of: &Of<'_, Validate>) -> Vec<ColumnRules> {
    let asked = |(name, field): (&String, &Option<Field>)| ColumnRules {
        name: name.clone(),
        kind: field.as_ref().and_then(|field| field.kind),
        rules: field.as_ref().map(|field| field.words().join(", ")).unwrap_or_default(),
    };
    of.head.names.iter().zip(&of.plan.fields).map(asked).collect()
}

fn text<'a>(from: &mut Reader<'a>) -> Option<&'a str> {
    std::str::from_utf8(from.bytes()?).ok()
}

fn rule(from: &mut Reader<'_>) -> Option<Rule> {
    Rule::of_number(from.integer()?)
}

fn errors<'a>(from: &mut Reader<'a>) -> Option<Vec<ListedError<'a>>> {
    let mut errors = Vec::new();
    while !from.is_empty() {
        let rule = rule(from)?;
        let mut number = || Some(from.integer()?.checked_sub(1));
        let place = ErrorPlace { record: number()?, line: number()?, offset: number()? };
        let (column, has_value) = (text(from)?, from.integer()? == 1);
        let value = Some(from.bytes()?).filter(|_| has_value);
        errors.push(ListedError { place, column, rule, value, expected: text(from)? });
    }
    Some(errors)
}

/// What a file turned out to be, its columns, its aggregates and its errors.
type Kept<'a> = (Verdict, Vec<ColumnRules>, Vec<Figure>, Vec<ListedError<'a>>);

/// What [`PendingFile::encode`] wrote of the file at `path`.
pub fn decode<'a>(path: &[u8], size: u64, bytes: &'a [u8]) -> Option<Kept<'a>> {
    let mut from = Reader::new(bytes);
    let dataset = Some(text(&mut from)?.to_owned()).filter(|name| !name.is_empty());
    let (records, bad) = (from.integer()?, from.integer()?);
    let (mut columns, mut counts) = (Vec::new(), Vec::new());
    for _ in 0..from.count()? {
        let name = text(&mut from)?.to_owned();
        let kind = match from.integer()?.checked_sub(1) {
            Some(kind) => Some(ValueType::of_number(kind)?),
            None => None,
        };
        columns.push(ColumnRules { name, kind, rules: text(&mut from)?.to_owned() });
    }
    for _ in 0..from.count()? {
        let has_column = from.integer()? == 1;
        let column = Some(text(&mut from)?.to_owned()).filter(|_| has_column);
        let (rule, errors, first) = (rule(&mut from)?, from.integer()?, from.integer()?.checked_sub(1));
        counts.push(Counted { column, rule, errors, first });
    }
    let mut rules = Vec::new();
    for _ in 0..from.count()? {
        let (place, nulls) = (u16::try_from(from.integer()?).ok()?, from.integer()?);
        let first = Some(from.integer()?).filter(|first| *first > 0);
        rules.push(RuleResult { place, undecided: Tally { nulls, first, ..Tally::default() } });
    }
    let figures = (0..from.count()?).map(|_| Figure::read(&mut from)).collect::<Option<Vec<_>>>()?;
    let errors = errors(&mut from)?;
    let verdict = Verdict {
        path: path.to_vec(),
        dataset,
        size,
        records,
        bad,
        listed: 0,
        counts,
        rules,
        is_reference: false,
        is_partial: false,
    };
    (verdict.errors() == errors.len() as u64).then_some((verdict, columns, figures, errors))
}

impl Validate {
    /// Tell of a file what an earlier run kept of it; false when that cannot be read.
    pub fn restore(&self, path: &[u8], state: FileState, figures: &[u8]) -> Result<bool> {
        let Some((mut verdict, columns, sums, errors)) = decode(path, state.size, figures) else { return Ok(false) };
        if self.schemas.resources.is_empty() {
            let fields = columns.iter().map(|column| Field::of(column.name.clone(), column.kind)).collect();
            self.infer(path, || Contract { fields, ..Contract::default() });
        }
        if !self.set.rules.is_empty() {
            self.apply(&verdict.rules);
            let is_for = |place| verdict.rules.iter().any(|result| usize::from(result.place) == place);
            let fit = |place| if is_for(place) { Fit::Applies } else { Fit::IsOfOthers };
            let fits: Vec<Fit> = (0..self.set.rules.len()).map(fit).collect();
            let named = verdict.dataset.as_deref().unwrap_or_default();
            let schema = self.schemas.resources.iter().position(|resource| resource.name == named);
            let (columns, records) = (&columns[..], verdict.records);
            self.sum(FileSums { path, schema, columns, records, is_whole: true, fits: &fits, figures: sums });
        }
        for error in &errors {
            if self.has_room() {
                verdict.listed += 1;
                self.workers.acquire().error(path, error)?;
            }
        }
        let mut worker = self.workers.acquire();
        worker.columns(path, &columns)?;
        worker.partial(path, state, figures)?;
        worker.verdict(&verdict).map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::rules::{AggregateFunction, RuleValue};

    #[test]
    fn what_is_kept_is_read_and_what_is_cut_or_says_less_than_all_is_none() {
        let listed = |record, value| ListedError {
            place: ErrorPlace { record, line: record, offset: None },
            column: "a",
            rule: Rule::Type,
            value,
            expected: "integer",
        };
        let errors = [listed(Some(0), Some(&b"x"[..])), listed(None, None), listed(Some(u64::MAX - 1), Some(&b""[..]))];
        let mut gathered = Gathered { errors: Writer::default(), count: 0, most: 1000 };
        assert!(errors.iter().all(|error| gathered.add(error)));
        let columns = [(Some(ValueType::Text), "required"), (None, "")];
        let column =
            |(kind, rules): (Option<ValueType>, &str)| ColumnRules { name: "a".into(), kind, rules: rules.to_owned() };
        let state = FileState { size: 9, mtime_ns: 1, ctime_ns: 2, inode: 3 };
        let mut figure = Figure::default();
        for value in [RuleValue::count(7), RuleValue::count(8)] {
            figure.take(AggregateFunction::Sum, Ok(value));
        }
        let kept = PendingFile { gathered, columns: columns.map(column).to_vec(), figures: vec![figure], state };
        let counted = |errors| Counted { column: Some("a".into()), rule: Rule::Type, errors, first: Some(0) };
        let verdict = |errors| Verdict {
            path: b"p".to_vec(),
            dataset: Some("d".to_owned()),
            size: 9,
            records: 5,
            bad: 2,
            listed: 3,
            counts: vec![counted(errors), Counted { column: None, first: None, ..counted(0) }],
            rules: vec![RuleResult { place: 3, undecided: Tally { nulls: 2, first: Some(1), ..Tally::default() } }],
            is_reference: false,
            is_partial: false,
        };
        assert!(kept.encode(&verdict(4)).is_none());
        let (_, bytes) = kept.encode(&verdict(3)).expect("all errors are there");
        let (again, asked, sums, found) = decode(b"p", 9, &bytes).expect("it is one");
        assert_eq!(sums, kept.figures);
        assert_eq!((again, asked, found), (Verdict { listed: 0, ..verdict(3) }, kept.columns, errors.to_vec()));
        assert!((0..bytes.len()).all(|end| decode(b"p", 9, &bytes[..end]).is_none()));
    }

    #[test]
    fn every_rule_is_where_its_number_says() {
        let rules = Rule::ALL.into_iter().chain([0, 7, u16::MAX].map(Rule::Expression));
        assert!(rules.into_iter().all(|rule| Rule::of_number(rule.number()) == Some(rule)));
        assert_eq!(Rule::of_number(u64::MAX), None);
    }
}
