//! How many records the datasets of an earlier result had, and when it was: the job's baseline, as the caller chose it.

use std::collections::HashMap;
use std::time::UNIX_EPOCH;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;

use super::rules::RuleSet;
use super::tables::OF_DATASETS;
use pravah_foundation::run::context::Context;
use pravah_foundation::store::baseline::{Run, columns_of, words_of};

/// Rows that are read at once.
const BATCH_ROWS: usize = 8 << 10;
const COLUMNS: [&str; 4] = ["dataset", "rule", "expression", "records"];

/// What an attempt of a job writes is marked with the job: it is no last result of its own.
pub fn mark(context: &Context) -> &str {
    context.job.as_deref().unwrap_or_default()
}

/// In the metadata of each shard: when the job began, in nanoseconds since the epoch. No row has it: what a job finds is
/// the same at any time.
pub const TIME: (&str, &str) = (OF_DATASETS, "pravah.started");

/// When a job began, in nanoseconds since the epoch.
pub fn now(context: &Context) -> i128 {
    context.started.duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as i128)
}

/// What a rule may know of the last result.
#[derive(Debug, Clone, Copy)]
pub struct LastResult {
    pub records: u64,
    /// When its job began.
    pub time: Option<i128>,
}

/// By dataset, rule and expression.
#[derive(Debug, Default)]
pub struct LastResults(HashMap<[String; 3], LastResult>);

impl LastResults {
    /// Those of the baseline of a job, where a rule may ask for them.
    pub fn read(context: &Context, set: &RuleSet) -> Self {
        let mut all = Self::default();
        if set.rules.iter().any(|rule| rule.is_aggregate) {
            let runs = Run::of(&context.baseline);
            for shard in runs.iter().flat_map(|run| run.table(OF_DATASETS)) {
                let is_own = context.job.is_some() && columns_of(shard, Some(mark(context)), &COLUMNS, 1).is_some();
                let batches = columns_of(shard, None, &COLUMNS, BATCH_ROWS).filter(|_| !is_own).into_iter().flatten();
                let time = words_of(shard, TIME.1).and_then(|words| words.parse().ok());
                batches.map_while(Result::ok).for_each(|batch| all.add(&batch, time));
            }
        }
        all
    }

    fn add(&mut self, batch: &RecordBatch, time: Option<i128>) {
        let texts = |name: &str| -> Option<ArrayRef> { cast(batch.column_by_name(name)?, &DataType::Utf8).ok() };
        let [Some(datasets), Some(rules), Some(expressions)] = ["dataset", "rule", "expression"].map(texts) else {
            return;
        };
        let records = batch.column_by_name("records").and_then(|column| column.as_primitive_opt::<Int64Type>());
        let Some(records) = records else { return };
        let text = |column: &ArrayRef, row: usize| {
            column
                .as_any()
                .downcast_ref::<StringArray>()
                .map_or_else(String::new, |column| column.value(row).to_owned())
        };
        for row in 0..batch.num_rows() {
            let key = [text(&datasets, row), text(&rules, row), text(&expressions, row)];
            self.0.insert(key, LastResult { records: records.value(row) as u64, time });
        }
    }

    /// That of a dataset, as the same rule counted it.
    pub fn of(&self, dataset: &str, rule: &str, expression: &str) -> Option<LastResult> {
        self.0.get(&[dataset, rule, expression].map(str::to_owned)).copied()
    }
}
