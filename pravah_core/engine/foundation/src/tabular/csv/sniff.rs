//! Which dialect a text is in, and why.

use super::{CsvSplitter, Dialect};
use crate::tabular::split::Split;

/// A dialect that was found, with what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sniffed {
    /// The dialect.
    pub dialect: Dialect,
    /// Fields of most records, at least 1.
    pub columns: usize,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// What was counted, in words.
    pub reason: String,
}

/// Delimiters that are tried, the more usual ones first: of two that are as good the first is taken.
const DELIMITERS: [u8; 6] = [b',', b'\t', b';', b'|', b':', b' '];
/// Records that are looked at.
const SAMPLE_RECORDS: usize = 1000;
const SAMPLE_BYTES: usize = 256 << 10;
/// Fields that are counted in a record.
const MOST_COLUMNS: usize = 100_000;

/// Records by their number of fields.
struct Counts {
    dialect: Dialect,
    columns: usize,
    with_columns: usize,
    records: usize,
}

impl Counts {
    fn of(sample: &[u8], dialect: Dialect) -> Self {
        // What is not there divides nothing; of 40,000 small files this took a third of the time.
        if memchr::memchr(dialect.delimiter, sample).is_none() {
            let records = usize::from(!sample.is_empty());
            return Self { dialect, columns: 1, with_columns: records, records };
        }
        let (mut split, mut counts) = (Split::default(), std::collections::BTreeMap::<u32, usize>::new());
        // With one column every record of several fields is told as ragged, with their number.
        let mut splitter = CsvSplitter::new(sample, dialect, 1);
        let mut records = 0;
        while records < SAMPLE_RECORDS && splitter.next(&mut split) {
            records += split.len();
            *counts.entry(1).or_default() += split.len() - split.ragged().len();
            split.ragged().iter().for_each(|&(_, fields)| *counts.entry(fields).or_default() += 1);
        }
        let (&columns, &with_columns) =
            counts.iter().max_by_key(|&(&fields, &count)| (count, std::cmp::Reverse(fields))).unwrap_or((&1, &0));
        Self { dialect, columns: (columns as usize).min(MOST_COLUMNS), with_columns, records }
    }

    /// The share of the records that have one number of fields; nothing where that is one. More columns count a
    /// little more: a decimal comma makes two of one in many a record.
    fn score(&self) -> f64 {
        if self.columns < 2 || self.records == 0 {
            return 0.0;
        }
        let share = self.with_columns as f64 / self.records as f64;
        let usual = match self.dialect.delimiter {
            b':' | b' ' => 0.5,
            _ => 1.0,
        };
        share * share * usual * (1.0 - 0.5 / self.columns as f64)
    }

    fn words(&self) -> String {
        let shown = match self.dialect.delimiter {
            b'\t' => "a tab".to_owned(),
            b' ' => "a space".to_owned(),
            other => format!("'{}'", char::from(other)),
        };
        let fields = if self.columns == 1 { "1 field".to_owned() } else { format!("{} fields", self.columns) };
        format!("with {shown} {} of {} records have {fields}", self.with_columns, self.records)
    }
}

/// Find the dialect of a text that begins with `start`, one of those that `dialect` gives for a delimiter; with `asked`
/// only that one's columns.
pub fn sniff(start: &[u8], asked: Option<u8>, dialect: impl Fn(u8) -> Dialect) -> Sniffed {
    let sample = whole_records(&start[..start.len().min(SAMPLE_BYTES)], start.len() > SAMPLE_BYTES);
    if let Some(delimiter) = asked {
        let counts = Counts::of(sample, dialect(delimiter));
        let reason = format!("set by the option: {}", counts.words());
        return Sniffed { dialect: counts.dialect, columns: counts.columns, confidence: 1.0, reason };
    }
    let mut found: Vec<Counts> = DELIMITERS.iter().map(|&delimiter| Counts::of(sample, dialect(delimiter))).collect();
    found.sort_by(|one, other| other.score().total_cmp(&one.score()));
    let (best, next) = (&found[0], &found[1]);
    if best.score() == 0.0 {
        let reason = "no delimiter splits most of the records: one column".to_owned();
        let confidence = if best.records == 0 { 0.0 } else { 0.5 };
        return Sniffed { dialect: dialect(b','), columns: 1, confidence, reason };
    }
    let share = best.with_columns as f64 / best.records as f64;
    let confidence = share * best.score() / (best.score() + next.score());
    let reason = match next.score() {
        0.0 => best.words(),
        _ => format!("{}; next best, {}", best.words(), next.words()),
    };
    Sniffed { dialect: best.dialect, columns: best.columns, confidence, reason }
}

/// Without the last record where it may be cut.
fn whole_records(sample: &[u8], is_cut: bool) -> &[u8] {
    match memchr::memrchr2(b'\n', b'\r', sample) {
        Some(end) if is_cut => &sample[..=end],
        _ => sample,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_that_divides_all_records_alike_is_found() {
        for (text, delimiter, columns) in [
            ("a,b,c\n1,2,3\n", b',', 3),
            ("a;b\n1,5;2,5\n3,5;4\n", b';', 2),
            ("a\tb\tc\nx, y\t1\t2\n", b'\t', 3),
            ("when|what\n12:30|x y\n13:45|z\n", b'|', 2),
            ("name,text\na,\"x;y;z\"\nb,\"1;2\"\n", b',', 2),
        ] {
            let sniffed = sniff(text.as_bytes(), None, Dialect::of);
            assert_eq!((sniffed.dialect.delimiter, sniffed.columns), (delimiter, columns), "{text:?} {sniffed:?}");
        }
    }

    #[test]
    fn one_bad_record_does_not_change_the_dialect_and_costs_confidence() {
        let good = "a,b,c\n".repeat(999);
        let sniffed = sniff(format!("{good}x|y|z|1|2|3\n").as_bytes(), None, Dialect::of);
        assert_eq!((sniffed.dialect.delimiter, sniffed.columns), (b',', 3));
        assert!(sniffed.confidence > 0.9 && sniffed.confidence < 1.0, "{sniffed:?}");
        assert!(sniffed.reason.contains("999 of 1000 records have 3 fields"), "{sniffed:?}");
    }

    #[test]
    fn what_has_no_delimiter_is_one_column() {
        for text in ["", "word\n", "one\ntwo\nthree\n"] {
            let sniffed = sniff(text.as_bytes(), None, Dialect::of);
            assert_eq!(sniffed.columns, 1, "{text:?}");
            assert!(sniffed.confidence <= 0.5);
        }
    }
}
