//! Tables whose keys are looked at slowly and simply.

use std::collections::{BTreeSet, HashSet};

/// An error: file, record, column, rule and value.
pub type Told = (String, i64, String, String, String);

/// Small, and the same in every run of a seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }
}

/// A table of texts; an empty one is no value.
#[derive(Clone)]
pub struct Table {
    pub names: Vec<&'static str>,
    pub records: Vec<Vec<String>>,
}

impl Table {
    pub fn new(names: &[&'static str], records: usize, mut value: impl FnMut(usize, usize) -> String) -> Self {
        let records = (0..records).map(|record| (0..names.len()).map(|column| value(record, column)).collect());
        Self { names: names.to_vec(), records: records.collect() }
    }

    pub fn header(&self) -> String {
        self.names.join(",") + "\n"
    }

    pub fn line(record: &[String]) -> String {
        let quoted = |text: &String| match text.contains([',', '"', '\n']) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.clone(),
        };
        record.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n"
    }

    pub fn text(&self) -> String {
        self.header() + &self.records.iter().map(|record| Self::line(record)).collect::<String>()
    }

    pub fn places(&self, columns: &[&str]) -> Option<Vec<usize>> {
        columns.iter().map(|column| self.names.iter().position(|name| name == column)).collect()
    }

    /// By record, the values of columns when all are there.
    pub fn values(&self, columns: &[&str]) -> Vec<Option<Vec<String>>> {
        let Some(places) = self.places(columns) else { return Vec::new() };
        let of = |record: &Vec<String>| {
            let values: Vec<String> = places.iter().map(|place| record[*place].clone()).collect();
            values.iter().all(|value| !value.is_empty()).then_some(values)
        };
        self.records.iter().map(of).collect()
    }

    /// Errors of values that are there twice.
    pub fn twice(&self, path: &str, columns: &[&str]) -> Vec<Told> {
        let mut seen = HashSet::new();
        let values = self.values(columns).into_iter().enumerate();
        let twice = values.filter_map(|(record, values)| Some((record, values?)));
        let twice = twice.filter(|(_, values)| !seen.insert(values.clone()));
        twice.map(|(record, values)| told(path, record, columns, "unique", &values)).collect()
    }

    /// Errors of values that `other` does not hold.
    pub fn orphans(&self, path: &str, columns: &[&str], other: &Self, others: &[&str]) -> Vec<Told> {
        let held: HashSet<Vec<String>> = other.values(others).into_iter().flatten().collect();
        let values = self.values(columns).into_iter().enumerate();
        let orphans = values.filter_map(|(record, values)| Some((record, values?)));
        let orphans = orphans.filter(|(_, values)| !held.contains(values));
        orphans.map(|(record, values)| told(path, record, columns, "foreign_key", &values)).collect()
    }

    /// Good and bad records, as they are written.
    pub fn divided(&self, path: &str, errors: &BTreeSet<Told>) -> (String, String) {
        let bad: HashSet<i64> = errors.iter().filter(|told| told.0 == path).map(|told| told.1).collect();
        let (mut good, mut quarantine) = (self.header(), self.header());
        for (record, values) in self.records.iter().enumerate() {
            let part = if bad.contains(&(record as i64 + 1)) { &mut quarantine } else { &mut good };
            part.push_str(&Self::line(values));
        }
        (good, if bad.is_empty() { String::new() } else { quarantine })
    }
}

pub fn told(path: &str, record: usize, columns: &[&str], rule: &str, values: &[String]) -> Told {
    (path.to_owned(), record as i64 + 1, columns.join(", "), rule.to_owned(), values.join(", "))
}
