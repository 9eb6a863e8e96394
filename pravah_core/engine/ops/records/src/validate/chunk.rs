//! A chunk's records against the rules.

use std::collections::HashMap;

use super::plan::{At, Role, Scope, ValidationPlan};
use super::rows::{Hash, KeyValue, REFERENCED};
use super::rules::{Figure, Fit, RecordValues, RuleSet, Tally, ValueReading};
use super::sorter::KeyRow;
use pravah_foundation::run::records::{Nulls, Records, lines};
use pravah_foundation::tabular::contract::{Field, Rule};
use pravah_foundation::tabular::csv::Dialect;
use pravah_foundation::tabular::values::ValueType;

/// No column: the whole record.
pub const RECORD: u32 = u32::MAX;
/// Columns of several columns' keys: that and the key's place.
pub const KEYS: u32 = 1 << 31;
/// Bytes of a value that are listed.
pub const VALUE_BYTES: usize = 256;

/// Something that is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Number of the record in the chunk, from 0.
    pub record: u32,
    /// The column of the source, or [`RECORD`].
    pub column: u32,
    /// Which rule it breaks.
    pub rule: Rule,
    /// Lines of the chunk before it.
    pub line: u32,
    /// Where the record begins in the chunk.
    pub offset: u32,
    /// Where the value is in [`ValidatedChunk::values`].
    pub value: (u32, u32),
}

/// What is the same for all chunks of a file.
#[derive(Clone, Copy)]
pub struct ValidationRules<'a> {
    /// What the file is checked for.
    pub plan: &'a ValidationPlan,
    /// Rules across columns.
    pub set: &'a RuleSet,
    /// What is no value.
    pub nulls: &'a Nulls,
    /// How fields are quoted.
    pub dialect: &'a Dialect,
    /// The records themselves are kept, for the files of good and bad ones.
    pub keeps_records: bool,
}

/// A chunk.
#[derive(Debug, Default)]
pub struct ValidatedChunk {
    /// What is wrong, record by record: as much of it as may be listed.
    pub faults: Vec<Fault>,
    /// How many these may be.
    pub most: usize,
    /// There were more.
    pub is_cut: bool,
    /// Values of faults.
    pub values: Vec<u8>,
    /// Values of keys that are compared within the file.
    pub own: Vec<KeyRow>,
    /// Those that are compared with other files' values.
    pub shared: Vec<KeyRow>,
    /// Faults by column and rule: how many, and the first one's record.
    pub counts: HashMap<(u32, Rule), (u64, u64)>,
    /// By record: it is bad.
    pub bad: Vec<bool>,
    /// By rule across columns: what it does not decide.
    pub tallies: Vec<Tally>,
    /// By aggregate: what the records give to it.
    pub figures: Vec<Figure>,
    /// The records with their line ends, and where each ends.
    pub text: Vec<u8>,
    /// See `text`.
    pub ends: Vec<usize>,
    /// When it is read again: where each record begins in the chunk, and the lines before it.
    pub starts: Vec<(u64, u64)>,
    /// Up to the records that are taken.
    counted: Lines,
    /// Values for rules across columns.
    record: RecordValues,
}

/// Lines of a chunk, counted from one place to a later one.
#[derive(Debug, Default, Clone, Copy)]
struct Lines {
    upto: usize,
    count: u64,
}

impl Lines {
    fn before(&mut self, text: &[u8], at: usize) -> u64 {
        if at > self.upto {
            self.count += lines(&text[self.upto..at]);
            self.upto = at;
        }
        self.count
    }
}

impl ValidatedChunk {
    /// One of which at most so many faults are listed.
    pub fn listing(most: u64) -> Self {
        Self { most: usize::try_from(most).unwrap_or(usize::MAX), ..Self::default() }
    }

    /// Check some records.
    pub fn take(&mut self, records: Records<'_>, rules: ValidationRules<'_>) {
        let first = self.bad.len();
        self.bad.resize(first + records.split.len(), false);
        let begun = self.faults.len();
        for &(record, _) in records.split.ragged() {
            self.fault(records, record as usize, RECORD, Rule::Fields, None);
        }
        for &(record, column) in records.split.odd() {
            let (from, to) = records.split.field(record as usize, column as usize);
            self.fault(records, record as usize, column, Rule::Quotes, Some(&records.text[from..to]));
        }
        let mut buffer = Vec::new();
        for (column, field) in rules.plan.fields.iter().enumerate() {
            let Some(field) = field else { continue };
            match (&field.property, rules.plan.typed.get(&column)) {
                (Some(property), Some(of)) => {
                    self.typed(records, (column, field), (property, of), rules, &mut buffer);
                }
                _ => self.column(records, column, field, rules, &mut buffer),
            }
        }
        self.objects(records, &rules.plan.objects);
        if rules.plan.rules.is_some() {
            self.across(records, rules);
        }
        if rules.plan.is_again {
            self.starts(records);
        } else {
            self.keys(records, rules, &mut buffer);
        }
        if self.faults.len() > begun {
            self.order(begun, records);
            self.is_cut = self.faults.len() > self.most;
            self.faults.truncate(self.most);
        }
        if rules.keeps_records {
            for record in 0..records.split.len() {
                let (start, stop) = records.split.record(record);
                self.text.extend_from_slice(&records.text[start..stop]);
                self.text.push(b'\n');
                self.ends.push(self.text.len());
            }
        }
    }

    fn column(
        &mut self,
        records: Records<'_>,
        column: usize,
        field: &Field,
        rules: ValidationRules<'_>,
        buffer: &mut Vec<u8>,
    ) {
        let of_texts = matches!(field.kind, None | Some(ValueType::Text));
        let is_table = rules.dialect.is_typed && !rules.dialect.is_json;
        let mut usual = Vec::new();
        let key = rules.plan.unique(column).filter(|_| !rules.plan.is_again);
        for record in 0..records.split.len() {
            let (start, end) = records.split.field(record, column);
            // What a short record lacks is told once, for the record.
            let Some(bytes) = records.text.get(start..end) else { continue };
            let Some(value) = rules.nulls.value(bytes, rules.dialect, of_texts, buffer) else {
                if let Some(rule) = field.check_none(bytes, is_table) {
                    self.fault(records, record, column as u32, rule, Some(bytes).filter(|_| rule != Rule::Required));
                }
                continue;
            };
            if !records.is_utf8 && std::str::from_utf8(value).is_err() {
                self.fault(records, record, column as u32, Rule::Encoding, Some(value));
            } else if let Some(rule) = field.check(value, &mut usual) {
                self.fault(records, record, column as u32, rule, Some(value));
            } else if let Some(key) = key {
                let record = u64::from(records.first) + record as u64 + 1;
                self.own.push(KeyValue { key, hash: Hash::of(value), record, file: rules.plan.number }.row());
            }
        }
    }

    /// Rules across columns, record by record.
    fn across(&mut self, records: Records<'_>, rules: ValidationRules<'_>) {
        let Some(of_file) = rules.plan.rules.as_ref().filter(|rules| rules.is_evaluated) else { return };
        let how =
            ValueReading { rules: of_file, fields: &rules.plan.fields, nulls: rules.nulls, dialect: rules.dialect };
        self.tallies.resize(rules.set.rules.len(), Tally::default());
        self.figures.resize(rules.set.aggregates.len(), Figure::default());
        let mut values = std::mem::take(&mut self.record);
        for record in 0..records.split.len() {
            values.read(records, record, how);
            for &place in &of_file.aggregates {
                let aggregate = &rules.set.aggregates[place];
                if let Some(argument) = &aggregate.argument {
                    self.figures[place].take(aggregate.function, argument.value(&values));
                }
            }
            for (place, rule) in rules.set.rules.iter().enumerate() {
                if rule.is_aggregate || of_file.fits[place] != Fit::Applies {
                    continue;
                }
                match rule.node.holds(&values) {
                    Ok(true) => {}
                    Ok(false) => {
                        let broken = Rule::Expression(place as u16);
                        let shown = values.shown(&rule.columns, records, record, how);
                        self.fault(records, record, RECORD, broken, Some(&shown));
                    }
                    Err(why) => self.tallies[place].count(u64::from(records.first) + record as u64 + 1, why),
                }
            }
        }
        self.record = values;
    }

    /// Values of keys, but for those of a column alone.
    fn keys(&mut self, records: Records<'_>, rules: ValidationRules<'_>, buffer: &mut Vec<u8>) {
        let ValidationRules { plan, nulls, dialect, .. } = rules;
        let mut joined = Vec::new();
        for holding in plan.keys.iter().filter(|holding| holding.role != Role::UniqueColumn) {
            let is_referenced = matches!(holding.role, Role::Referenced(_));
            let rows = if holding.role.scope() == Scope::File { &mut self.own } else { &mut self.shared };
            for record in 0..records.split.len() {
                let at = At { text: records.text, split: records.split, record, nulls, dialect };
                let Some(hash) = holding.hash(at, buffer, &mut joined) else { continue };
                let number = u64::from(records.first) + record as u64 + 1;
                let record = if is_referenced { REFERENCED } else { number };
                rows.push(KeyValue { key: holding.key, hash, record, file: plan.number }.row());
            }
        }
    }

    /// Where the records begin.
    fn starts(&mut self, records: Records<'_>) {
        let mut counted = self.counted;
        for record in 0..records.split.len() {
            let (start, _) = records.split.record(record);
            let line = records.lines_at + counted.before(records.text, start);
            self.starts.push(((records.at + start) as u64, line));
        }
    }

    fn keep(&mut self, value: &[u8]) -> (u32, u32) {
        let start = self.values.len() as u32;
        self.values.extend_from_slice(&value[..value.len().min(VALUE_BYTES)]);
        (start, self.values.len() as u32)
    }

    /// One fault more.
    pub fn fault(&mut self, records: Records<'_>, record: usize, column: u32, rule: Rule, value: Option<&[u8]>) {
        let number = records.first + record as u32;
        self.bad[number as usize] = true;
        let counted = self.counts.entry((column, rule)).or_insert((0, u64::from(number)));
        counted.0 += 1;
        counted.1 = counted.1.min(u64::from(number));
        if self.is_cut {
            return;
        }
        let value = value.map_or((0, 0), |value| self.keep(value));
        let offset = (records.at + records.split.record(record).0) as u32;
        self.faults.push(Fault { record: number, column, rule, line: 0, offset, value });
    }

    /// Bring the faults of these records into their order, and count lines up to each.
    fn order(&mut self, begun: usize, records: Records<'_>) {
        self.faults[begun..].sort_unstable_by_key(|fault| (fault.record, fault.column.wrapping_add(1), fault.rule));
        for fault in &mut self.faults[begun..] {
            let start = fault.offset as usize - records.at;
            fault.line = (records.lines_at + self.counted.before(records.text, start)) as u32;
        }
    }
}
