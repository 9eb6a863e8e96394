//! What the first records of a file tell of its columns.

use std::collections::HashSet;

use super::{Formats, Head, Nulls, RecordSplitter};
use crate::base::hash::hash;
use crate::tabular::formats::ValueFormat;
use crate::tabular::split::Split;
use crate::tabular::values::Needs;

/// Records of the beginning that are looked at.
const SAMPLE_RECORDS: usize = 4096;

/// What the beginning of a file tells of a column.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// What its values need.
    pub needs: Needs,
    /// There are no other values than those of the sample.
    pub is_all: bool,
    values: usize,
    distinct: HashSet<u64>,
}

impl Sample {
    /// True when values come again: most of them are of few.
    pub fn is_repeated(&self) -> bool {
        self.values < 16 || self.distinct.len() * 2 < self.values
    }
}

/// Look at the first records of a file whose text begins with `start`. Of columns with a format, what conforms to it
/// counts by what it stands for.
pub fn sample(head: &Head, start: &[u8], nulls: &Nulls, formats: &Formats) -> Vec<Sample> {
    let formats: Vec<Option<&ValueFormat>> =
        head.names.iter().map(|name| formats.get(name).map(|format| &**format)).collect();
    let is_all = head.format.has_places() && head.codec.is_none() && start.len() as u64 + head.mark_bytes >= head.size;
    let mut samples = vec![Sample { is_all, ..Sample::default() }; head.names.len()];
    let dialect = head.dialect();
    // The last record may be cut.
    let cut = memchr::memrchr2(b'\n', b'\r', start).filter(|_| !is_all);
    let whole = cut.map_or(start.len(), |end| end + 1);
    let from = (head.records_at as usize).min(whole);
    let records = &start[from..whole];
    let (mut split, mut splitter) = (Split::default(), RecordSplitter::new(records, head));
    let (mut seen, mut buffer, mut usual) = (0, Vec::new(), Vec::new());
    let most = if is_all { usize::MAX } else { SAMPLE_RECORDS };
    while seen < most && splitter.next(&mut split) {
        seen += split.len();
        let ragged: HashSet<u32> = split.ragged().iter().map(|&(record, _)| record).collect();
        for (column, sample) in samples.iter_mut().enumerate() {
            for record in (0..split.len()).filter(|record| !ragged.contains(&(*record as u32))) {
                let (begin, end) = split.field(record, column);
                let Some(value) = nulls.value(&records[begin..end], &dialect, false, &mut buffer) else { continue };
                sample.values += 1;
                sample.distinct.insert(hash(value));
                let needs = match formats[column] {
                    None => Needs::of(value, !dialect.is_typed),
                    Some(format) if format.read(value, &mut usual) => Needs::of(&usual, false),
                    Some(_) => continue,
                };
                sample.needs = sample.needs.join(needs);
            }
        }
    }
    // What the file says itself is sure.
    samples.iter_mut().zip(head.declared.iter().zip(&formats)).for_each(|(sample, (declared, format))| {
        if format.is_none() {
            sample.needs.kind = declared.or(sample.needs.kind);
        }
    });
    samples
}
