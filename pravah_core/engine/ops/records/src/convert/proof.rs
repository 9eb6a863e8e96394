//! Proof that the converted file has the values that were read, whatever wrote it.
//!
//! 1. Each value has one canonical form: the bytes of a text, 64 bits of an integer or a float, nanoseconds of a moment.
//!    Its hash is XXH3-64 of these bytes, with its kind as the seed ([`canon`]).
//! 2. The fingerprint of a column is the sum of its hashes modulo 2^64 and their number: it does not depend on the
//!    order, so that threads, sorting and several files change nothing. One more is of whole records: a value that moves
//!    to another record changes that one only.
//! 3. One side hashes the fields as they are given to the encoders of their columns, with parsers of its own; the other
//!    what a reader that shares no code with our writers finds in the file on the disk. Both must be equal, column by
//!    column.

mod arrays;
pub mod canon;
mod check;
mod columns;
mod kept;
mod spoil;
#[cfg(test)]
mod tests;
mod text;
pub mod written;

use xxhash_rust::xxh3::xxh3_64;

pub use self::check::{is_covered, is_provable, layout, named};

use super::plan::TargetColumn;
use pravah_foundation::base::words::grouped;

/// The name in the metadata of a Parquet file under which the fingerprints of its source are.
pub const METADATA: &str = "pravah.values";
/// What stands for a null among hashes.
pub const NULL: u64 = 0x6c8e_9cf5_7092_5e1d;
/// Spreads bits (the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Where a column of the table is that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnAt {
    /// A column of the file.
    Column(usize),
    /// The file's name: the hash of its one value.
    Name(u64),
}

/// Where each column is.
pub type Layout = Vec<ColumnAt>;

/// What is found in a converted file; or why it cannot be read, in words.
pub type FoundValues = std::result::Result<Fingerprints, String>;

/// Hashes of some values, whatever their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Their sum.
    pub sum: u64,
    /// How many.
    pub values: u64,
}

impl Fingerprint {
    #[inline]
    fn add(&mut self, hash: u64) {
        self.sum = self.sum.wrapping_add(hash);
        self.values += 1;
    }

    fn join(&mut self, other: Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.values += other.values;
    }

    /// The sum in hexadecimal digits.
    pub fn digits(self) -> String {
        format!("{:016x}", self.sum)
    }
}

/// Those of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprints {
    /// By column.
    pub columns: Vec<Fingerprint>,
    /// Of whole records.
    pub records: Fingerprint,
    /// By record of the batch at hand: its values so far.
    rows: Vec<u64>,
    /// The record of the batch that the next columns begin at.
    from: usize,
}

impl Fingerprints {
    /// Of nothing yet.
    pub fn new(columns: usize) -> Self {
        Self {
            columns: vec![Fingerprint::default(); columns],
            records: Fingerprint::default(),
            rows: Vec::new(),
            from: 0,
        }
    }

    /// Begin a batch of so many records.
    fn begin(&mut self, records: usize) {
        self.rows.clear();
        self.rows.resize(records, 0);
        self.from = 0;
    }

    /// The hashes of a column of the batch, [`NULL`] for nulls; columns come in their order.
    #[inline]
    fn column(&mut self, place: usize, hashes: impl Iterator<Item = u64>) {
        let mut sum = Fingerprint::default();
        let from = self.from.min(self.rows.len());
        for (row, hash) in self.rows[from..].iter_mut().zip(hashes) {
            if hash != NULL {
                sum.add(hash);
            }
            *row = (row.rotate_left(27) ^ hash).wrapping_mul(SPREAD);
        }
        self.columns[place].join(sum);
    }

    /// A batch of which each column comes with its hashes, which are taken.
    pub fn batch<'a>(&mut self, layout: &Layout, columns: impl Iterator<Item = &'a mut Vec<u64>>) {
        let mut columns = columns.zip(layout).enumerate().peekable();
        self.begin(columns.peek().map_or(0, |(_, (hashes, _))| hashes.len()));
        for (place, (hashes, at)) in columns {
            match *at {
                ColumnAt::Column(_) => self.column(place, hashes.iter().copied()),
                ColumnAt::Name(hash) => self.column(place, std::iter::repeat_n(hash, hashes.len())),
            }
            hashes.clear();
        }
        self.end();
    }

    /// A batch of which the columns of a file come with their hashes, which are taken.
    fn arranged(&mut self, layout: &Layout, columns: &mut [Vec<u64>]) {
        let records = columns.first().map_or(0, Vec::len);
        self.begin(records);
        for (place, at) in layout.iter().enumerate() {
            match *at {
                ColumnAt::Column(own) => self.column(place, columns[own].drain(..)),
                ColumnAt::Name(hash) => self.column(place, std::iter::repeat_n(hash, records)),
            }
        }
        self.end();
    }

    /// The end of the batch.
    fn end(&mut self) {
        for row in &self.rows {
            self.records.add(xxh3_64(&row.to_le_bytes()));
        }
        self.rows.clear();
        self.from = 0;
    }

    /// Those of both.
    pub fn join(&mut self, other: &Self) {
        self.columns.iter_mut().zip(&other.columns).for_each(|(own, new)| own.join(*new));
        self.records.join(other.records);
    }

    /// Values of all columns.
    pub fn values(&self) -> u64 {
        self.columns.iter().map(|column| column.values).sum()
    }

    /// What the values that were read back differ in, in words.
    pub fn difference(&self, names: &[&str], found: &Self) -> Option<String> {
        let each = names.iter().zip(self.columns.iter().zip(&found.columns)).filter(|(_, (read, found))| read != found);
        let told: Vec<String> = each
            .map(|(name, (read, found))| match read.values == found.values {
                true => format!("column {name:?} has other values than were read"),
                false => format!("column {name:?} has {} values, but {} were read", found.values, read.values),
            })
            .collect();
        match (told.is_empty(), self.records == found.records) {
            (true, true) => None,
            (true, false) if self.records.values != found.records.values => {
                Some(format!("it has {} records, but {} were read", found.records.values, self.records.values))
            }
            (true, false) => Some("the values of some records are in other records than they were read in".to_owned()),
            _ => Some(told.join("; ")),
        }
    }

    /// As JSON, for the metadata of the file.
    pub fn metadata(&self, columns: &[TargetColumn]) -> String {
        let names = columns.iter().filter(|column| !column.is_key).map(|column| &column.name);
        let each: Vec<_> = names
            .zip(&self.columns)
            .map(|(name, of)| serde_json::json!({"name": name, "values": of.values, "fingerprint": of.digits()}))
            .collect();
        let all = serde_json::json!({
            "hash": "sum of XXH3-64 modulo 2^64",
            "records": self.records.values,
            "values": self.values(),
            "fingerprint": self.records.digits(),
            "columns": each,
        });
        all.to_string()
    }
}

/// What is known of the values of a converted file.
pub struct Proof {
    /// Those that were read.
    pub read: Fingerprints,
    /// Of these, values that were rounded since their type was asked for: they are told, and not proven.
    pub rounded: u64,
    /// Columns whose values are not compared.
    pub uncovered: u64,
    /// None of its values are compared.
    pub is_missing: bool,
    /// No independent reader can read them.
    pub is_unread: bool,
    /// What the converted file has else, in words.
    pub difference: Option<String>,
}

impl Proof {
    /// Of a file whose values are not compared, since they are copied in a way that has no proof.
    pub fn missing() -> Self {
        let read = Fingerprints::new(0);
        Self { read, rounded: 0, uncovered: 0, is_missing: true, is_unread: false, difference: None }
    }

    /// In a word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self { is_unread: true, .. } => "not proven",
            Self { is_missing: true, .. } => "not covered",
            Self { difference: Some(_), .. } => "different",
            _ => "equal",
        }
    }

    /// Values that are proven.
    pub fn values(&self) -> u64 {
        if self.difference.is_some() { 0 } else { self.read.values() - self.rounded }
    }

    /// As the sums of one file.
    pub fn totals(&self) -> ProofTotals {
        let changed = u64::from(self.difference.is_some());
        let records = if changed > 0 { 0 } else { self.read.records.values };
        let (unread, missing) = (u64::from(self.is_unread), u64::from(self.is_missing && !self.is_unread));
        let files = 1 - changed - missing - unread;
        ProofTotals { files, changed, missing, unread, records, values: self.values(), uncovered: self.uncovered }
    }
}

/// Sums of all files.
#[derive(Debug, Default)]
pub struct ProofTotals {
    /// Files whose values are proven.
    pub files: u64,
    /// Files that have other values than were read.
    pub changed: u64,
    /// Records of the former.
    pub records: u64,
    /// Their values.
    pub values: u64,
    /// Columns whose values are not compared.
    pub uncovered: u64,
    /// Files whose values are not.
    pub missing: u64,
    /// Files whose values no independent reader can read.
    pub unread: u64,
}

impl ProofTotals {
    /// Those of both.
    pub fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.changed += other.changed;
        self.records += other.records;
        self.values += other.values;
        self.uncovered += other.uncovered;
        self.missing += other.missing;
        self.unread += other.unread;
    }

    /// In words; none where nothing was to be proven.
    pub fn words(&self) -> Option<String> {
        let (records, values) = (grouped(self.records), grouped(self.values));
        let mut parts = Vec::new();
        if self.changed > 0 {
            parts.push(format!("{} with other values than the source", files(self.changed)));
        }
        if self.unread > 0 {
            parts.push(format!("{} not proven", files(self.unread)));
        }
        if self.files > 0 {
            parts.push(format!("{records} records, {values} values, fingerprints equal"));
        }
        match self.uncovered {
            0 => {}
            1 => parts.push("1 column not covered".to_owned()),
            columns => parts.push(format!("{columns} columns not covered")),
        }
        if self.missing > 0 {
            parts.push(format!("{} not covered", files(self.missing)));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

fn files(count: u64) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{} files", grouped(count)) }
}
