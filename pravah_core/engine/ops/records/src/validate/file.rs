//! One file: its faults listed in their order, its keys handed on, good and bad records apart.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use super::again::{Again, Pending};
use super::chunk::{Fault, KEYS, RECORD, ValidatedChunk, ValidationRules};
use super::datasets::FileSums;
use super::kept::{Gathered, PendingFile, columns};
use super::parts::SortedOutRecords;
use super::plan::ValidationPlan;
use super::rows::KeyValue;
use super::rules::{Figure, Tally};
use super::sorter::{KeyRow, KeySorter};
use super::tables::{Counted, ErrorPlace, ListedError, Verdict};
use super::{ExtraColumns, Validate};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::sync::lock;
use pravah_foundation::run::records::{Head, Of, RecordCounts, RecordHandler, Records};
use pravah_foundation::tabular::contract::{Contract, Rule};

/// Files whose good and bad records may be open while other files are read.
const KEPT_PARTS: u32 = 64;

/// A file while its chunks come.
pub struct FileValidation {
    pub counts: BTreeMap<(u32, Rule), (u64, Option<u64>)>,
    /// By rule across columns.
    pub tallies: Vec<Tally>,
    /// By aggregate.
    pub figures: Vec<Figure>,
    pub bad: u64,
    pub listed: u64,
    pub parts: SortedOutRecords,
    /// Values that are compared within the file.
    keys: Option<KeySorter>,
    /// It is read again.
    again: Option<Again>,
    /// What is kept of it for a later run.
    pub gathered: Option<Gathered>,
}

/// An error that may be listed.
pub struct Error<'a> {
    pub place: ErrorPlace,
    pub column: u32,
    pub rule: Rule,
    /// The key that is broken.
    pub key: Option<u16>,
    pub value: Option<&'a [u8]>,
}

impl FileValidation {
    fn count(&mut self, column: u32, rule: Rule, errors: u64, first: Option<u64>) {
        let counted = self.counts.entry((column, rule)).or_insert((0, first));
        counted.0 += errors;
        counted.1 = counted.1.min(first).or(counted.1);
    }
}

impl Validate {
    /// List an error while there is room.
    pub fn list(&self, of: &Of<'_, Self>, file: &mut FileValidation, error: &Error<'_>) -> Result<()> {
        if !self.has_room() {
            return Ok(());
        }
        let Error { place, column, rule, key, value } = *error;
        let field = of.plan.fields.get(column as usize).and_then(Option::as_ref);
        let field = field.or_else(|| of.plan.object_of(column as usize));
        let expected = match (key, rule, field) {
            (Some(key), ..) => self.keys.all[usize::from(key)].expectation(),
            (_, Rule::Fields, _) => format!("{} fields", of.head.names.len()),
            (_, Rule::Expression(place), _) => self.set.rules[usize::from(place)].text.clone(),
            (_, Rule::Quotes, _) => "quotes around the whole value, and doubled or escaped in it".to_owned(),
            (_, _, Some(field)) => field.expectation(rule),
            _ => String::new(),
        };
        self.write(
            of,
            file,
            &ListedError { place, column: &self.column(of, column, rule), rule, value, expected: &expected },
        )
    }

    /// True when one error more may be listed.
    pub fn has_room(&self) -> bool {
        let has_room = self.listed.fetch_add(1, Relaxed) < self.options.max_errors;
        self.is_partial.fetch_or(!has_room, Relaxed);
        has_room
    }

    fn write(&self, of: &Of<'_, Self>, file: &mut FileValidation, error: &ListedError<'_>) -> Result<()> {
        file.listed += 1;
        file.gathered = file.gathered.take().and_then(|mut all| all.add(error).then_some(all));
        self.workers.acquire().error(&of.head.path, error)
    }

    /// What the beginning of the file at `path` promises.
    pub fn infer(&self, path: &[u8], contract: impl FnOnce() -> Contract) {
        let mut first = lock(&self.inferred);
        if first.as_ref().is_none_or(|(before, _)| path < &before[..]) {
            *first = Some((path.to_vec(), contract()));
        }
    }

    /// The column that an error is of, or the columns.
    fn column(&self, of: &Of<'_, Self>, column: u32, rule: Rule) -> String {
        match rule {
            Rule::Expression(place) => self.set.named_by(usize::from(place)),
            _ => self.name(of, column),
        }
    }

    fn name(&self, of: &Of<'_, Self>, column: u32) -> String {
        let key = column.checked_sub(KEYS).and_then(|key| self.keys.all.get(key as usize));
        let column = || of.head.names.get(column as usize).cloned().unwrap_or_default();
        key.map_or_else(column, |key| key.columns.join(", "))
    }

    /// The place of a fault in its file.
    fn place(&self, head: &Head, fault: &Fault, before: &RecordCounts) -> ErrorPlace {
        ErrorPlace {
            record: Some(before.records + u64::from(fault.record) + 1),
            line: head.format.has_lines().then_some(before.lines + u64::from(fault.line) + 1),
            offset: head.is_plain().then_some(head.mark_bytes + before.bytes + u64::from(fault.offset)),
        }
    }

    /// What is wrong with the file as a whole.
    fn whole(&self, of: &Of<'_, Self>, file: &mut FileValidation, records: u64) -> Result<()> {
        let nowhere = ErrorPlace { record: None, line: None, offset: None };
        let mut all: Vec<(Rule, String, String)> = Vec::new();
        for field in &of.plan.missing {
            all.push((Rule::MissingColumn, field.name.clone(), "the column is present".into()));
        }
        if self.options.extra_columns == ExtraColumns::Error {
            for &place in &of.plan.extra {
                all.push((Rule::ExtraColumn, of.head.names[place].clone(), "the schema has the column".into()));
            }
        }
        // What others refer to is a table of another kind.
        let is_bounded = !of.plan.is_reference;
        let (least, most) = (self.options.min_records.unwrap_or(0), self.options.max_records.unwrap_or(u64::MAX));
        if is_bounded && !(least..=most).contains(&records) {
            let expected = match most {
                u64::MAX => format!("at least {least} records"),
                most => format!("{least} to {most} records"),
            };
            all.push((Rule::Records, String::new(), expected));
        }
        for (rule, column, expected) in all {
            file.count(RECORD, rule, 1, None);
            if self.has_room() {
                let value = (rule == Rule::Records).then(|| records.to_string());
                let value = value.as_ref().map(String::as_bytes);
                self.write(
                    of,
                    file,
                    &ListedError { place: nowhere, column: &column, rule, value, expected: &expected },
                )?;
            }
        }
        Ok(())
    }
}

impl RecordHandler for Validate {
    type Part = ValidatedChunk;
    type File = FileValidation;
    type Plan = ValidationPlan;

    fn file(&self, head: &Head, start: &[u8]) -> Result<(ValidationPlan, FileValidation)> {
        let plan = self.plan(head, start);
        if self.schemas.resources.is_empty() {
            let fields = || plan.fields.iter().flatten().cloned().collect();
            self.infer(&head.path, || Contract { fields: fields(), ..Contract::default() });
        }
        let file = FileValidation {
            counts: BTreeMap::new(),
            tallies: vec![Tally::default(); self.set.rules.len()],
            figures: vec![Figure::default(); self.set.aggregates.len()],
            bad: 0,
            listed: 0,
            parts: SortedOutRecords::new(head),
            keys: (!plan.is_again && plan.has_own_keys()).then(|| self.keys.sorter()),
            again: self.keys.cursor(&head.path).map(Again::new),
            gathered: Gathered::new(head.size, &plan, self.destination.is_some()),
        };
        Ok((plan, file))
    }

    fn tells(&self, of: &Of<'_, Self>) -> bool {
        !of.plan.is_again
    }

    fn part(&self, _of: &Of<'_, Self>) -> Result<ValidatedChunk> {
        Ok(ValidatedChunk::listing(self.options.max_errors.saturating_sub(self.listed.load(Relaxed))))
    }

    fn records(&self, of: &Of<'_, Self>, part: &mut ValidatedChunk, records: Records<'_>) -> Result<()> {
        let rules = ValidationRules {
            plan: of.plan,
            set: &self.set,
            nulls: self.nulls_of(of.plan),
            dialect: &of.head.dialect(),
            keeps_records: self.destination.is_some() || of.plan.is_again,
        };
        part.take(records, rules);
        Ok(())
    }

    fn close(&self, _of: &Of<'_, Self>, part: &mut ValidatedChunk) -> Result<()> {
        part.own.sort_unstable();
        part.shared.sort_unstable();
        Ok(())
    }

    fn add(
        &self,
        of: &Of<'_, Self>,
        file: &mut FileValidation,
        mut part: ValidatedChunk,
        before: &RecordCounts,
    ) -> Result<()> {
        self.is_partial.fetch_or(part.is_cut, Relaxed);
        file.tallies.iter_mut().zip(&part.tallies).for_each(|(sum, next)| sum.add(next, before.records));
        let figures = file.figures.iter_mut().zip(std::mem::take(&mut part.figures)).zip(&self.set.aggregates);
        figures.for_each(|((sum, next), aggregate)| sum.merge(aggregate.function, next));
        for ((column, rule), (errors, first)) in std::mem::take(&mut part.counts) {
            file.count(column, rule, errors, Some(before.records + first + 1));
        }
        if let Some(mut again) = file.again.take() {
            self.tell_broken(of, file, &mut again, &mut part, before)?;
            file.again = Some(again);
        } else {
            self.tell(of, file, &part, before)?;
        }
        let moved = |mut rows: Vec<KeyRow>| {
            rows.iter_mut().for_each(|row| *row = KeyValue::moved(*row, before.records));
            rows
        };
        if let Some(keys) = &mut file.keys {
            keys.piece(moved(std::mem::take(&mut part.own)))?;
        }
        self.keys.share(moved(std::mem::take(&mut part.shared)))?;
        file.bad += part.bad.iter().filter(|bad| **bad).count() as u64;
        self.divide(of.head, &mut file.parts, &part)
    }

    fn end(&self, of: &Of<'_, Self>, mut file: FileValidation, all: &RecordCounts) -> Result<()> {
        if let Some(again) = file.again.take() {
            return self.end_again(of, file, again, all);
        }
        let rules = file.counts.clone();
        self.whole(of, &mut file, all.records)?;
        self.workers.acquire().columns(&of.head.path, &columns(of))?;
        self.keys.name(&of.plan.named, of.plan.number, all.is_whole());
        // Behind a quote that does not close all records are one value, and none of them was checked. What odd quotes or
        // NUL bytes make of a value was checked, not what it was meant to be.
        let is_undecided = self.tell_undecided(of, &mut file, all.records);
        // What a formula gives that nobody calculated, too.
        let is_unknown = all.has_odd_text() || all.lost.uncomputed > 0;
        let is_unchecked = !all.is_whole() || all.is_open || is_unknown || is_undecided;
        if is_unchecked {
            self.leave_unchecked();
        }
        let is_broken = match file.keys.take() {
            Some(keys) => self.keys.own(keys, of.plan.number, &self.context.control)?,
            None => false,
        };
        let counted = |(&(column, rule), &(errors, first)): (&(u32, Rule), &(u64, Option<u64>))| Counted {
            column: (column != RECORD || rule.is_expression()).then(|| self.column(of, column, rule)),
            rule,
            errors,
            first,
        };
        let verdict = Verdict {
            path: of.head.path.clone(),
            dataset: of
                .plan
                .dataset
                .map(|place| self.schemas.resources[place].name.clone())
                .filter(|name| !name.is_empty()),
            size: of.head.size,
            records: all.records,
            bad: file.bad,
            listed: file.listed,
            rules: self.rule_results(of, &file),
            counts: file.counts.iter().map(counted).collect(),
            is_reference: of.plan.is_reference,
            is_partial: is_unchecked,
        };
        let kept = PendingFile::of(of, &mut file, all);
        if let Some(rules) = &of.plan.rules {
            self.sum(FileSums {
                path: &of.head.path,
                schema: of.plan.dataset,
                columns: &columns(of),
                records: all.records,
                is_whole: all.is_whole() && !all.is_open,
                fits: &rules.fits,
                figures: std::mem::take(&mut file.figures),
            });
        }
        let refers: Vec<u16> = of.plan.refers().collect();
        if !is_broken && refers.is_empty() {
            self.publish(&of.head.path, Some(file.parts), all.is_whole())?;
            return self.conclude(&verdict, kept.as_ref());
        }
        let keeps = !is_broken && self.destination.is_some() && self.kept.fetch_add(1, Relaxed) < KEPT_PARTS;
        let parts = keeps.then_some(file.parts);
        let pending = Pending { verdict, rules, records: all.clone(), parts, kept, refers, broken_records: 0 };
        lock(&self.keys.pending).insert(of.plan.number, pending);
        Ok(())
    }
}

impl Validate {
    /// A file's verdict, and what is kept of it.
    pub fn conclude(&self, verdict: &Verdict, kept: Option<&PendingFile>) -> Result<()> {
        let kept = kept.and_then(|kept| kept.encode(verdict));
        let mut worker = self.workers.acquire();
        if let Some((state, figures)) = kept {
            worker.partial(&verdict.path, state, &figures)?;
        }
        worker.verdict(verdict)
    }

    /// List what is wrong in a chunk, and count nothing.
    fn tell(
        &self,
        of: &Of<'_, Self>,
        file: &mut FileValidation,
        part: &ValidatedChunk,
        before: &RecordCounts,
    ) -> Result<()> {
        for fault in &part.faults {
            let value = (fault.value.0 as usize, fault.value.1 as usize);
            let value =
                (fault.rule != Rule::Fields && fault.rule != Rule::Required).then(|| &part.values[value.0..value.1]);
            let place = self.place(of.head, fault, before);
            self.list(of, file, &Error { place, column: fault.column, rule: fault.rule, key: None, value })?;
        }
        Ok(())
    }
}
