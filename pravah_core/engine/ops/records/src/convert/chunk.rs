//! A chunk's records on their way into a row group.

use std::sync::atomic::Ordering::Relaxed;

use super::encoder::{ColumnEncoder, Encoded};
use super::failed;
use super::options::BadRecords;
use super::plan::{ConversionPlan, RecordOutput};
use super::rejects::{RejectReason, Rejects};
use super::text;
use pravah_foundation::base::error::Result;
use pravah_foundation::run::records::{Nulls, Records};
use pravah_foundation::tabular::csv::Dialect;
use pravah_foundation::tabular::json::NO_OBJECT;
use pravah_foundation::tabular::values::{Value, ValueType};

/// What is the same for all chunks.
#[derive(Clone, Copy)]
pub struct ConversionRules<'a> {
    /// What is no value.
    pub nulls: &'a Nulls,
    /// What becomes of bad records.
    pub bad: BadRecords,
    /// How fields are quoted.
    pub dialect: &'a Dialect,
}

/// A chunk.
pub struct ConvertedChunk {
    encoders: Vec<ColumnEncoder>,
    /// By column of the source: the type that holds its values.
    pub kinds: Vec<Option<ValueType>>,
    /// Records that will be written.
    pub rows: u64,
    /// Values that are null because they do not fit.
    pub nulled: u64,
    /// Records that will not.
    pub rejects: Rejects,
    /// Encoded, once it is closed.
    pub columns: Vec<Encoded>,
    /// Lines.
    pub text: Vec<u8>,
    /// By record of a split: why it is bad.
    bad: Vec<Option<RejectReason>>,
}

impl ConvertedChunk {
    pub fn new(plan: &ConversionPlan, source_columns: usize) -> Result<Self> {
        let mut kinds = vec![None; source_columns];
        let known = plan.columns.iter().filter_map(|column| Some((column.source?, column.known)));
        known.for_each(|(place, kind)| kinds[place] = kind);
        let writers: Vec<Option<_>> = match &plan.output {
            RecordOutput::Parquet(factory) if plan.writes() => {
                factory.create_column_writers(0).map_err(failed)?.into_iter().map(Some).collect()
            }
            RecordOutput::Text(_) => plan.columns.iter().map(|_| None).collect(),
            _ => Vec::new(),
        };
        let each = plan.columns.iter().zip(writers);
        Ok(Self {
            encoders: each.map(|(column, writer)| ColumnEncoder::new(plan, column, writer)).collect(),
            kinds,
            rows: 0,
            nulled: 0,
            rejects: Rejects::default(),
            columns: Vec::new(),
            text: Vec::new(),
            bad: Vec::new(),
        })
    }

    /// Take some records.
    pub fn take(&mut self, plan: &ConversionPlan, records: Records<'_>, rules: ConversionRules<'_>) -> Result<()> {
        self.bad.clear();
        self.bad.resize_with(records.split.len(), || None);
        for &(record, fields) in records.split.ragged() {
            let is_short = fields != NO_OBJECT && (fields as usize) < records.split.columns();
            if !(is_short && rules.bad == BadRecords::Null) {
                self.bad[record as usize] = Some(RejectReason::Fields(fields));
            }
        }
        if !records.is_utf8 && rules.bad != BadRecords::Null {
            for record in 0..records.split.len() {
                let (start, stop) = records.split.record(record);
                if self.bad[record].is_none() && std::str::from_utf8(&records.text[start..stop]).is_err() {
                    self.bad[record] = Some(RejectReason::Encoding);
                }
            }
        }
        if plan.writes() && !self.build(plan, records, rules)? {
            plan.is_again.store(true, Relaxed);
        }
        if !plan.writes() {
            self.scan(records, rules);
            return Ok(());
        }
        self.rejects.add(records, &mut self.bad);
        Ok(())
    }

    /// Encode them; false when a value is not of the type that was found.
    fn build(&mut self, plan: &ConversionPlan, records: Records<'_>, rules: ConversionRules<'_>) -> Result<bool> {
        let mut buffer = Vec::new();
        let marks: Vec<usize> = self.encoders.iter().map(ColumnEncoder::mark).collect();
        loop {
            // Columns with a type that was asked for make records bad; what was added before is added again without.
            let bad_before = self.bad.iter().flatten().count();
            for place in 0..self.encoders.len() {
                if !self.column(plan, place, records, rules, &mut buffer) {
                    return Ok(false);
                }
            }
            if self.bad.iter().flatten().count() == bad_before {
                break;
            }
            self.encoders.iter_mut().zip(&marks).try_for_each(|(encoder, mark)| encoder.undo(*mark))?;
        }
        if let RecordOutput::Text(to) = plan.output {
            let arrays = self.encoders.iter_mut().map(ColumnEncoder::array).collect::<Result<Vec<_>>>()?;
            text::rows(&mut self.text, &plan.columns, &arrays, to);
        } else {
            self.encoders.iter_mut().zip(&plan.columns).try_for_each(|(encoder, column)| encoder.keep(column))?;
        }
        let bad = self.bad.iter().flatten().count();
        self.rows += (records.split.len() - bad) as u64;
        Ok(true)
    }

    /// One column of those that are not bad.
    fn column(
        &mut self,
        plan: &ConversionPlan,
        place: usize,
        records: Records<'_>,
        rules: ConversionRules<'_>,
        buffer: &mut Vec<u8>,
    ) -> bool {
        let column = &plan.columns[place];
        let builder = &mut self.encoders[place];
        let Records { text, split, .. } = records;
        for record in 0..split.len() {
            if self.bad[record].is_some() {
                continue;
            }
            let field = column.source.and_then(|source| {
                let (start, end) = split.field(record, source);
                text.get(start..end)
            });
            let Some(field) = field else {
                builder.null();
                continue;
            };
            let Some(value) = rules.nulls.value(field, rules.dialect, column.kind == ValueType::Text, buffer) else {
                builder.null();
                continue;
            };
            let is_text = records.is_utf8 || std::str::from_utf8(value).is_ok();
            if !column.is_unknown && is_text && builder.add(value) {
                continue;
            }
            if is_text && !column.is_fixed {
                return false;
            }
            if rules.bad == BadRecords::Null {
                builder.null();
                self.nulled += 1;
            } else {
                let start = field.as_ptr() as usize - text.as_ptr() as usize;
                self.bad[record] = Some(RejectReason::Type {
                    column: place as u32,
                    field: (start as u32, (start + field.len()) as u32),
                });
            }
        }
        true
    }

    /// Look for types only.
    fn scan(&mut self, records: Records<'_>, rules: ConversionRules<'_>) {
        let mut buffer = Vec::new();
        for (column, kind) in self.kinds.iter_mut().enumerate() {
            for record in 0..records.split.len() {
                if *kind == Some(ValueType::Text) {
                    break;
                }
                let (start, end) = records.split.field(record, column);
                let Some(field) = records.text.get(start..end).filter(|_| self.bad[record].is_none()) else { continue };
                let Some(value) = rules.nulls.value(field, rules.dialect, false, &mut buffer) else { continue };
                *kind = ValueType::join_some(*kind, Some(Value::of(value).kind()));
            }
        }
    }

    /// The chunk's end.
    pub fn close(&mut self, plan: &ConversionPlan) -> Result<()> {
        let encoders = std::mem::take(&mut self.encoders);
        if plan.writes() && self.rows > 0 && matches!(plan.output, RecordOutput::Parquet(_)) {
            let columns = encoders.into_iter().enumerate().map(|(place, encoder)| encoder.close(plan, place));
            self.columns = columns.collect::<Result<_>>()?;
        }
        Ok(())
    }
}
