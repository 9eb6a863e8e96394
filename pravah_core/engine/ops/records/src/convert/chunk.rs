//! A chunk's records on their way into a row group.

use std::sync::atomic::Ordering::Relaxed;

use parquet::arrow::arrow_writer::ArrowColumnWriter;

use super::arrays::Added;
use super::encoder::{ColumnEncoder, Encoded};
use super::failed;
use super::options::BadRecords;
use super::plan::{ConversionPlan, Form, RecordOutput, TargetColumn, Way};
use super::proof::{Fingerprints, NULL};
use super::rejects::{RejectReason, Rejects};
use super::text;
use super::tokens::{Tokens, token};
use pravah_foundation::base::error::Result;
use pravah_foundation::run::records::{Nulls, Records};
use pravah_foundation::tabular::csv::Dialect;
use pravah_foundation::tabular::json::NO_OBJECT;
use pravah_foundation::tabular::values::{ColumnType, Needs, Value, ValueType};

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
    /// Of rows that are taken as they are, one for each value that is in no other.
    pub writers: Vec<ArrowColumnWriter>,
    /// By column of the source: what its values need.
    pub needs: Vec<Needs>,
    /// By column: values that are rounded, since their type was asked for.
    pub rounded: Vec<u64>,
    /// By column: values that are not in the format that was asked for.
    pub misfits: Vec<u64>,
    /// By column: how often each null word is no value.
    pub words: Vec<Vec<u64>>,
    /// By column: the kinds of JSON values that are in it as text.
    pub tokens: Vec<Tokens>,
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
    /// The values that are read, if they are to be proven.
    pub proof: Option<Fingerprints>,
    /// Why they cannot be, in words.
    pub unproven: Option<String>,
    /// By record of a split: why it is bad.
    bad: Vec<Option<RejectReason>>,
}

impl ConvertedChunk {
    pub fn new(plan: &ConversionPlan, source_columns: usize) -> Result<Self> {
        let mut needs = vec![Needs::default(); source_columns];
        let known = plan.columns.iter().filter_map(|column| Some((column.source?, column.known)));
        known.for_each(|(place, known)| needs[place] = known);
        let writers: Vec<Option<_>> = match &plan.output {
            RecordOutput::Parquet(_) if plan.waiting().is_some() => plan.columns.iter().map(|_| None).collect(),
            RecordOutput::Parquet(factories) if plan.writes() => factories.writers(0)?.into_iter().map(Some).collect(),
            RecordOutput::Text(_) => plan.columns.iter().map(|_| None).collect(),
            _ => Vec::new(),
        };
        let (writers, rows) = match plan.way {
            Way::Rows => (Vec::new(), writers.into_iter().flatten().collect()),
            Way::Lines => Default::default(),
            Way::Fields => (writers, Vec::new()),
        };
        let each = plan.columns.iter().zip(writers);
        Ok(Self {
            writers: rows,
            encoders: each.map(|(column, writer)| ColumnEncoder::new(plan, column, writer)).collect(),
            needs,
            rounded: vec![0; plan.columns.len()],
            misfits: vec![0; plan.columns.len()],
            words: vec![Vec::new(); plan.columns.len()],
            tokens: vec![Tokens::default(); plan.columns.len()],
            rows: 0,
            nulled: 0,
            rejects: Rejects::default(),
            columns: Vec::new(),
            text: Vec::new(),
            proof: plan.layout.as_ref().filter(|_| plan.writes()).map(|layout| Fingerprints::new(layout.len())),
            unproven: None,
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
        if plan.way == Way::Lines && plan.writes() {
            self.copy(plan, records);
            return Ok(());
        }
        if plan.writes() && !self.build(plan, records, rules)? {
            plan.is_again.store(true, Relaxed);
        }
        if !plan.writes() {
            self.scan(plan, records, rules);
            return Ok(());
        }
        self.rejects.add(records, &mut self.bad);
        Ok(())
    }

    /// Copy objects that are good.
    fn copy(&mut self, plan: &ConversionPlan, records: Records<'_>) {
        if let (Some(proof), Some(layout)) = (&mut self.proof, &plan.layout) {
            let good = |record: &usize| self.bad[*record].is_none();
            let tokens = |column: &TargetColumn| -> Vec<u64> {
                let hash = |record: usize| column.source.map_or(NULL, |source| token(records, record, source));
                (0..records.split.len()).filter(good).map(hash).collect()
            };
            let mut hashes: Vec<Vec<u64>> = plan.columns.iter().map(tokens).collect();
            proof.batch(layout, hashes.iter_mut());
        }
        for record in (0..records.split.len()).filter(|&record| self.bad[record].is_none()) {
            let (start, stop) = records.split.record(record);
            self.text.extend_from_slice(&records.text[start..stop]);
            self.text.push(b'\n');
            self.rows += 1;
        }
        self.rejects.add(records, &mut self.bad);
    }

    /// Encode them; false when a value is not of the type that was found.
    fn build(&mut self, plan: &ConversionPlan, records: Records<'_>, rules: ConversionRules<'_>) -> Result<bool> {
        let mut buffer = Vec::new();
        let marks: Vec<usize> = self.encoders.iter().map(ColumnEncoder::mark).collect();
        let (rounded, nulled, words) = (self.rounded.clone(), self.nulled, self.words.clone());
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
            self.rounded.clone_from(&rounded);
            self.nulled = nulled;
            self.words.clone_from(&words);
        }
        if let (Some(proof), Some(layout)) = (&mut self.proof, &plan.layout) {
            proof.batch(layout, self.encoders.iter_mut().filter_map(ColumnEncoder::hashes));
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
        // What a column does not take, it does not divide either.
        let is_own = |own: &&TargetColumn| !own.is_key && own.name == column.name;
        let own = plan.columns.iter().find(is_own).filter(|_| column.is_key).unwrap_or(column);
        // Null words are words in texts only.
        let of_texts = own.kind == ColumnType::Text && own.format.is_none();
        let mut usual = Vec::new();
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
            let Some(value) = rules.nulls.value(field, rules.dialect, of_texts, buffer) else {
                builder.null();
                if !field.is_empty() && !rules.dialect.is_typed {
                    count(&mut self.words[place], rules.nulls.place(field));
                }
                continue;
            };
            if rules.dialect.is_json && column.is_plain_text() {
                self.tokens[place].add(field);
            }
            let is_text = records.is_utf8 || std::str::from_utf8(value).is_ok();
            let is_word = column.form == Form::Field
                && column.kind == ColumnType::Text
                && is_text
                && (rules.dialect.is_typed || field.first() == rules.dialect.quote.as_ref())
                && rules.nulls.place(value).is_some();
            if is_word {
                builder.quoted(value);
                continue;
            }
            let taken = match is_text {
                true => add(builder, (column, own), (field, value), rules.dialect, &mut usual),
                false => Taken::Bad,
            };
            match taken {
                Taken::Whole => continue,
                Taken::Rounded => {
                    self.rounded[place] += 1;
                    continue;
                }
                Taken::Wider => return false,
                Taken::Misfit => self.misfits[place] += 1,
                Taken::Bad => {}
            }
            if rules.bad == BadRecords::Null {
                builder.null();
                self.nulled += u64::from(!column.is_key);
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
    fn scan(&mut self, plan: &ConversionPlan, records: Records<'_>, rules: ConversionRules<'_>) {
        let (mut buffer, mut usual) = (Vec::new(), Vec::new());
        let has_labels = !rules.dialect.is_typed;
        for (column, needs) in self.needs.iter_mut().enumerate() {
            let target = plan.columns.iter().find(|target| target.source == Some(column));
            let format = target.and_then(|target| target.format.as_deref());
            for record in 0..records.split.len() {
                if needs.kind == Some(ValueType::Text) {
                    break;
                }
                let (start, end) = records.split.field(record, column);
                let Some(field) = records.text.get(start..end).filter(|_| self.bad[record].is_none()) else { continue };
                let Some(value) = rules.nulls.value(field, rules.dialect, false, &mut buffer) else { continue };
                match format {
                    None => *needs = needs.join(Needs::of(value, has_labels)),
                    Some(format) if format.read(value, &mut usual) => *needs = needs.join(Needs::of(&usual, false)),
                    Some(_) => {}
                }
            }
        }
    }

    /// The chunk's end.
    pub fn close(&mut self, plan: &ConversionPlan) -> Result<()> {
        let encoders = std::mem::take(&mut self.encoders);
        if plan.writes() && self.rows > 0 && matches!(plan.output, RecordOutput::Parquet(_)) {
            self.close_columns(plan, encoders)?;
            for writer in std::mem::take(&mut self.writers) {
                self.columns.push(Encoded::Many(writer.close().map_err(failed)?));
            }
        }
        Ok(())
    }
}

impl ConvertedChunk {
    fn close_columns(&mut self, plan: &ConversionPlan, encoders: Vec<ColumnEncoder>) -> Result<()> {
        let factories = plan.waiting();
        let mut writers = Vec::new().into_iter();
        for (place, encoder) in encoders.into_iter().enumerate() {
            if let Some(factories) = factories.filter(|factories| place % factories.each() == 0) {
                writers = factories.writers(place)?.into_iter();
            }
            self.columns.push(encoder.close(plan, place, writers.next())?);
        }
        Ok(())
    }
}

/// What becomes of a value.
enum Taken {
    /// It is added.
    Whole,
    /// It is added, rounded.
    Rounded,
    /// The column needs a wider type.
    Wider,
    /// It is not in the format that was asked for.
    Misfit,
    /// It is not of the type that was asked for.
    Bad,
}

/// Add a value of a field to its column; `own`: the one that is written of a key.
#[inline]
fn add(
    builder: &mut ColumnEncoder,
    (column, own): (&TargetColumn, &TargetColumn),
    (field, value): (&[u8], &[u8]),
    dialect: &Dialect,
    usual: &mut Vec<u8>,
) -> Taken {
    let text = match &column.format {
        None if column.form == Form::Token => field,
        None => value,
        Some(format) if format.read(value, usual) => &usual[..],
        Some(_) => return Taken::Misfit,
    };
    if column.is_key && own.is_fixed && own.takes(text) == Added::Not {
        return Taken::Bad;
    }
    let added = if column.is_unknown { Added::Not } else { builder.add(text) };
    match added {
        Added::Whole => {
            if column.format.is_some() {
                builder.written(column, value);
            }
            Taken::Whole
        }
        Added::Rounded => Taken::Rounded,
        Added::Not if !column.is_fixed || column.could_take(text, dialect) => Taken::Wider,
        Added::Not => Taken::Bad,
    }
}

/// How often each null word is no value, in all.
pub fn add_words(own: &mut Vec<u64>, new: &[u64]) {
    own.resize(own.len().max(new.len()), 0);
    own.iter_mut().zip(new).for_each(|(own, new)| *own += new);
}

/// One more of the null words.
fn count(words: &mut Vec<u64>, place: Option<usize>) {
    let Some(place) = place else { return };
    if words.len() <= place {
        words.resize(place + 1, 0);
    }
    words[place] += 1;
}

impl TargetColumn {
    /// True when a value is written as a text that does not say what it was.
    fn is_plain_text(&self) -> bool {
        self.kind == ColumnType::Text && matches!(self.form, Form::Typed | Form::Field)
    }

    /// True when the value is of the type that was asked for, and the column is to hold it in another way: as one of more
    /// digits, or in a zone.
    fn could_take(&self, value: &[u8], dialect: &Dialect) -> bool {
        let needs = Needs::of(value, !dialect.is_typed);
        let asked = match self.kind {
            ColumnType::Timestamp(_) => ValueType::Timestamp,
            ColumnType::Time(_) => ValueType::Time,
            _ => return false,
        };
        Value::of(value).widened(asked).is_some() && self.known.join(needs) != self.known
    }
}
