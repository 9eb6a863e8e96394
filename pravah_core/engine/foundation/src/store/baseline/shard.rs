//! Rows of a shard, through the checked reader: whoever can write into the storage may have planted it.

use std::path::Path;

use arrow_array::RecordBatch;
use rayon::prelude::*;

use super::{KNOWN_BY, MARK, Part};
use crate::base::error::{EngineError, guarded};
use crate::base::pool::compute_pool;
use crate::base::regular::{self, Links};
use crate::tabular::pages::{Parquet, ParquetRows};

/// What some pages of each column hold, so that rows are seldom read again, fewer at a time.
const BATCH_ROWS: usize = 8 << 10;

/// Some columns of a shard, texts and bytes as views of their pages.
pub struct ShardRows(Option<ParquetRows>);

/// Some columns of a shard that is true for `mark`, so many rows at once; none when it is not, lacks one, or is no
/// shard.
pub fn columns_of(path: &Path, mark: Option<&str>, columns: &[&str], batch_rows: usize) -> Option<ShardRows> {
    let file = Parquet::new(regular::open(path, Links::Follow).ok()?).ok()?;
    // The reader panics on some files that are broken.
    let opened = guarded(|| {
        let schema = ParquetRows::schema_of(&file).map_err(|error| EngineError::internal(error.to_string()))?;
        let lacks_one = columns.iter().any(|name| schema.field_with_name(name).is_err());
        if lacks_one || mark.is_some_and(|mark| schema.metadata().get(MARK).is_none_or(|found| found != mark)) {
            return Ok(None);
        }
        let rows = ParquetRows::open(file, batch_rows, Some(columns));
        Ok(rows.ok().filter(|rows| rows.unsupported().is_none()))
    });
    opened.ok().flatten().map(|rows| ShardRows(Some(rows)))
}

/// What the metadata of a shard say under a key.
pub fn words_of(path: &Path, key: &str) -> Option<String> {
    let file = Parquet::new(regular::open(path, Links::Follow).ok()?).ok()?;
    let schema = guarded(|| ParquetRows::schema_of(&file).map_err(|error| EngineError::internal(error.to_string())));
    schema.ok()?.metadata().get(key).cloned()
}

impl Iterator for ShardRows {
    type Item = Result<RecordBatch, String>;

    /// Nothing comes after rows that are damaged.
    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.0.as_mut()?;
        let next = guarded(|| rows.next_rows().map_err(|error| EngineError::internal(error.to_string())));
        if !matches!(next, Ok(Some(_))) {
            self.0 = None;
        }
        next.map_err(|error| error.to_string()).transpose()
    }
}

/// The parts of some shards in their order, read side by side: nothing else of a job can begin before its baseline is
/// there.
pub(super) fn all_parts(shards: &[&Path], (run, mark): (u32, Option<&str>), values: &[&str]) -> Vec<Part> {
    let batches = |path: &Path, columns: &[&str]| -> Vec<RecordBatch> {
        let read = columns_of(path, mark, columns, BATCH_ROWS);
        read.into_iter().flatten().map_while(Result::ok).collect()
    };
    let read = |path: &&Path| -> Vec<Part> {
        if values.is_empty() {
            return parts(path, (run, mark), values, BATCH_ROWS).collect();
        }
        // One shard may be most of all.
        let (known, of_values) = rayon::join(|| batches(path, &KNOWN_BY), || batches(path, values));
        let side_by_side = aligned(known, of_values);
        side_by_side.iter().map_while(|(known, of)| Part::of(run, known, of, values)).collect()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let all: Vec<Vec<Part>> = match compute_pool(threads) {
        Ok(pool) => pool.install(|| shards.par_iter().map(read).collect()),
        Err(_) => shards.iter().map(read).collect(),
    };
    all.into_iter().flatten().collect()
}

/// The same rows of both: large values come fewer at a time than small ones.
fn aligned(one: Vec<RecordBatch>, other: Vec<RecordBatch>) -> Vec<(RecordBatch, RecordBatch)> {
    let (mut pairs, mut others) = (Vec::new(), other.into_iter());
    let mut rest: Option<RecordBatch> = None;
    for batch in one {
        let mut at = 0;
        while at < batch.num_rows() {
            let Some(next) = rest.take().or_else(|| others.next()) else { return pairs };
            let rows = next.num_rows().min(batch.num_rows() - at);
            pairs.push((batch.slice(at, rows), next.slice(0, rows)));
            at += rows;
            rest = (rows < next.num_rows()).then(|| next.slice(rows, next.num_rows() - rows));
        }
    }
    pairs
}

pub(super) fn parts(
    path: &Path,
    (run, mark): (u32, Option<&str>),
    values: &[&str],
    batch_rows: usize,
) -> impl Iterator<Item = Part> {
    let wanted: Vec<&str> = KNOWN_BY.iter().chain(values).copied().collect();
    let batches = columns_of(path, mark, &wanted, batch_rows).into_iter().flatten();
    // What came before a part that is broken is whole.
    batches.map_while(Result::ok).map_while(move |batch| Part::of(run, &batch, &batch, values))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array};

    use super::*;

    #[test]
    fn batches_of_other_lengths_have_the_same_rows_beside_each_other() {
        let of = |lengths: &[i64]| {
            let mut at = 0;
            let batch = |&length: &i64| {
                let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(at..at + length));
                at += length;
                RecordBatch::try_from_iter([("n", rows)]).unwrap()
            };
            lengths.iter().map(batch).collect::<Vec<_>>()
        };
        for (one, other) in [(&[5, 5][..], &[2, 3, 1, 4][..]), (&[1, 9], &[9, 1]), (&[10], &[10]), (&[4, 6], &[5])] {
            let pairs = aligned(of(one), of(other));
            assert!(pairs.iter().all(|(one, other)| one == other && one.num_rows() > 0), "{one:?} {other:?}");
            let rows: usize = pairs.iter().map(|(one, _)| one.num_rows()).sum();
            assert_eq!(rows as i64, one.iter().sum::<i64>().min(other.iter().sum()));
        }
    }
}
