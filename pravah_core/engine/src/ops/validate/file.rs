//! One file: its faults listed in their order, uniqueness told over all chunks, good and bad records apart.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;

use super::chunk::{Fault, Part, RECORD, Rules};
use super::tables::{Place, Verdict};
use super::{ExtraColumns, Validate};
use crate::contract::{Contract, Field, Rule};
use crate::destination::{Attributes, Writing};
use crate::error::{EngineError, Result};
use crate::issue::{IssueKind, lock};
use crate::records::{self, Counts, Head, Of, Records, Table};

/// What a file is checked for.
pub struct Plan {
    /// By column of the source.
    pub fields: Vec<Option<Field>>,
    /// Columns that the source lacks.
    missing: Vec<Field>,
    /// Columns of the source that the schema lacks.
    extra: Vec<usize>,
}

/// Distinct values of a file's column that are remembered: 72 MB.
const REMEMBERED: usize = 4 << 20;

/// A file while its chunks come.
pub struct File {
    counts: BTreeMap<(u32, Rule), (u64, Option<u64>)>,
    seen: BTreeMap<u32, HashSet<u64, foldhash::fast::RandomState>>,
    /// Columns whose values are remembered no more.
    forgotten: HashSet<u32>,
    bad: u64,
    errors: u64,
    listed: u64,
    good: Option<Writing>,
    quarantine: Option<Writing>,
}

impl File {
    fn count(&mut self, column: u32, rule: Rule, errors: u64, first: Option<u64>) {
        let counted = self.counts.entry((column, rule)).or_insert((0, first));
        counted.0 += errors;
        counted.1 = counted.1.min(first).or(counted.1);
        self.errors += errors;
    }
}

impl Validate {
    fn plan(&self, head: &Head, start: &[u8]) -> Plan {
        let Some(contract) = &self.contract else {
            let samples = records::sample(head, start, &self.nulls);
            let fields =
                head.names.iter().zip(samples).map(|(name, sample)| Some(Field::of(name.clone(), sample.kind)));
            return Plan { fields: fields.collect(), missing: Vec::new(), extra: Vec::new() };
        };
        let field = |name: &String| contract.fields.iter().find(|field| field.name == *name).cloned();
        let fields: Vec<Option<Field>> = head.names.iter().map(field).collect();
        let missing = contract.fields.iter().filter(|field| !head.names.contains(&field.name)).cloned().collect();
        let extra = fields.iter().enumerate().filter(|(_, field)| field.is_none()).map(|(place, _)| place).collect();
        Plan { fields, missing, extra }
    }

    /// List an error while there is room.
    fn list(
        &self,
        of: &Of<'_, Self>,
        file: &mut File,
        place: Place,
        (column, rule): (u32, Rule),
        value: Option<&[u8]>,
    ) -> Result<()> {
        if self.listed.fetch_add(1, Relaxed) >= self.options.max_errors {
            self.is_partial.store(true, Relaxed);
            return Ok(());
        }
        file.listed += 1;
        let field = of.plan.fields.get(column as usize).and_then(Option::as_ref);
        let expected = match (rule, field) {
            (Rule::Fields, _) => format!("{} fields", of.head.names.len()),
            (_, Some(field)) => field.expectation(rule),
            _ => String::new(),
        };
        self.workers.acquire().error(of.head, place, &name(of, column), rule, value, &expected)
    }

    /// The place of a fault in its file.
    fn place(&self, head: &Head, fault: &Fault, before: &Counts) -> Place {
        Place {
            record: Some(before.records + u64::from(fault.record) + 1),
            line: head.format.is_text().then_some(before.lines + fault.line + 1),
            offset: head.is_plain().then_some(head.mark_bytes + before.bytes + fault.offset),
        }
    }

    /// Tell which values were there before.
    fn uniques(&self, file: &mut File, part: &mut Part) -> Vec<Fault> {
        let mut found = Vec::new();
        for unique in &part.uniques {
            let column = unique.fault.column;
            let seen = file.seen.entry(column).or_default();
            if seen.contains(&unique.hash) {
                part.bad[unique.fault.record as usize] = true;
                found.push(unique.fault);
            } else if seen.len() < REMEMBERED {
                seen.insert(unique.hash);
            } else {
                file.forgotten.insert(column);
            }
        }
        found
    }

    /// Write good and bad records to their files.
    fn divide(&self, head: &Head, file: &mut File, part: &Part) -> Result<()> {
        let Some(destination) = &self.destination else { return Ok(()) };
        let mut begin = 0;
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (end, is_bad) in part.ends.iter().zip(&part.bad) {
            if *is_bad { &mut bad } else { &mut good }.extend_from_slice(&part.text[begin..*end]);
            begin = *end;
        }
        for (writing, bytes, suffix) in [(&mut file.good, good, "good"), (&mut file.quarantine, bad, "quarantine")] {
            if bytes.is_empty() && (writing.is_some() || suffix == "quarantine") {
                continue;
            }
            if writing.is_none() {
                match destination.create(&target(head, suffix)) {
                    Ok(new) => *writing = Some(new),
                    Err(refused) => return refused.tell(&self.context.control, &head.path),
                }
                if let (Some(writing), true) = (&writing, head.has_header) {
                    write(writing, &[&head.header[..], b"\n"].concat())?;
                }
            }
            if let Some(writing) = writing {
                write(writing, &bytes)?;
            }
        }
        Ok(())
    }

    /// What is wrong with the file as a whole.
    fn whole(&self, of: &Of<'_, Self>, file: &mut File, records: u64) -> Result<()> {
        let nowhere = Place { record: None, line: None, offset: None };
        let mut all: Vec<(Rule, String, String)> = Vec::new();
        for field in &of.plan.missing {
            all.push((Rule::MissingColumn, field.name.clone(), "the column is there".into()));
        }
        if self.options.extra_columns == ExtraColumns::Error {
            for &place in &of.plan.extra {
                all.push((Rule::ExtraColumn, of.head.names[place].clone(), "the schema has the column".into()));
            }
        }
        let (least, most) = (self.options.min_records.unwrap_or(0), self.options.max_records.unwrap_or(u64::MAX));
        if !(least..=most).contains(&records) {
            let expected = match most {
                u64::MAX => format!("at least {least} records"),
                most => format!("{least} to {most} records"),
            };
            all.push((Rule::Records, String::new(), expected));
        }
        for (rule, column, expected) in all {
            file.count(RECORD, rule, 1, None);
            if self.listed.fetch_add(1, Relaxed) < self.options.max_errors {
                file.listed += 1;
                let value = (rule == Rule::Records).then(|| records.to_string());
                let value = value.as_ref().map(String::as_bytes);
                self.workers.acquire().error(of.head, nowhere, &column, rule, value, &expected)?;
            } else {
                self.is_partial.store(true, Relaxed);
            }
        }
        Ok(())
    }
}

fn name(of: &Of<'_, Validate>, column: u32) -> String {
    of.head.names.get(column as usize).cloned().unwrap_or_default()
}

fn write(writing: &Writing, bytes: &[u8]) -> Result<()> {
    let written = (&mut &*writing.file).write_all(bytes);
    written.map_err(|error| EngineError::output(std::path::Path::new("the file of good or bad records"), error))
}

fn target(head: &Head, suffix: &str) -> Vec<u8> {
    [records::stem(&head.path), b".", suffix.as_bytes(), b".", head.format.suffix().as_bytes()].concat()
}

impl Table for Validate {
    type Part = Part;
    type File = File;
    type Plan = Plan;

    fn file(&self, head: &Head, start: &[u8]) -> Result<(Plan, File)> {
        let plan = self.plan(head, start);
        if self.contract.is_none() {
            let inferred = Contract { fields: plan.fields.iter().flatten().cloned().collect(), null_values: None };
            let mut first = lock(&self.inferred);
            if first.as_ref().is_none_or(|(path, _)| head.path < *path) {
                *first = Some((head.path.clone(), inferred));
            }
        }
        let file = File {
            counts: BTreeMap::new(),
            seen: BTreeMap::new(),
            forgotten: HashSet::new(),
            bad: 0,
            errors: 0,
            listed: 0,
            good: None,
            quarantine: None,
        };
        Ok((plan, file))
    }

    fn part(&self, _of: &Of<'_, Self>) -> Result<Part> {
        Ok(Part::default())
    }

    fn records(&self, of: &Of<'_, Self>, part: &mut Part, records: Records<'_>) -> Result<()> {
        let rules = Rules {
            fields: &of.plan.fields,
            nulls: &self.nulls,
            dialect: &of.head.dialect(),
            keeps_records: self.destination.is_some(),
        };
        part.take(records, rules);
        Ok(())
    }

    fn add(&self, of: &Of<'_, Self>, file: &mut File, mut part: Part, before: &Counts) -> Result<()> {
        for ((column, rule), (errors, first)) in std::mem::take(&mut part.counts) {
            file.count(column, rule, errors, Some(before.records + first + 1));
        }
        let twice = self.uniques(file, &mut part);
        for fault in &twice {
            file.count(fault.column, fault.rule, 1, Some(before.records + u64::from(fault.record) + 1));
        }
        for fault in part.faults.iter().chain(&twice) {
            let value = (fault.value.0 as usize, fault.value.1 as usize);
            let value =
                (fault.rule != Rule::Fields && fault.rule != Rule::Required).then(|| &part.values[value.0..value.1]);
            let place = self.place(of.head, fault, before);
            self.list(of, file, place, (fault.column, fault.rule), value)?;
        }
        file.bad += part.bad.iter().filter(|bad| **bad).count() as u64;
        self.divide(of.head, file, &part)
    }

    fn end(&self, of: &Of<'_, Self>, mut file: File, all: &Counts) -> Result<()> {
        self.whole(of, &mut file, all.records)?;
        let control = &self.context.control;
        for column in &file.forgotten {
            let message = format!(
                "the column {:?} has more than {REMEMBERED} distinct values: whether later ones are unique was not checked",
                name(of, *column)
            );
            control.issue("validate", &of.head.path, IssueKind::TooLarge, message);
            self.is_partial.store(true, Relaxed);
        }
        if let Some(destination) = &self.destination {
            for (writing, suffix) in [(file.good.take(), "good"), (file.quarantine.take(), "quarantine")] {
                let Some(writing) = writing else { continue };
                if let Err(refused) = destination.publish(&target(of.head, suffix), writing, Attributes::NONE) {
                    refused.tell(control, &of.head.path)?;
                }
            }
        }
        let counts: Vec<_> = file.counts.iter().map(|(key, count)| (*key, *count)).collect();
        let verdict =
            Verdict { records: all.records, bad: file.bad, errors: file.errors, listed: file.listed, counts: &counts };
        self.workers.acquire().file(of.head, &verdict, &of.plan.fields, &|column| name(of, column))
    }
}
