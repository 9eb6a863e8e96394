//! The format that the values of a column have, in all files.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::many::Many;
use super::shapes::Shaped;
use super::tables::{FORMATS, table, text_of};
use super::total::{Met, Total};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::paths;
use pravah_foundation::run::context::Context;
use pravah_foundation::store::columns::Columns;
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::Staged;
use pravah_foundation::tabular::formats::{Finding, Seen, ValueShape, find};
use pravah_foundation::tabular::values::{KINDS, Value, ValueType};

/// Formats that the summary lists, ready to be used.
const MOST: usize = 10_000;

/// Shapes of values in all files.
#[derive(Debug, Default)]
pub struct TotalShapes(BTreeMap<ValueShape, (u64, Met)>);

impl Many {
    /// What all values look like.
    fn shaped(&self) -> Vec<Shaped> {
        let mut all = self.shapes.seen.clone();
        for kind in KINDS.into_iter().filter(|kind| *kind != ValueType::Text) {
            let typed = &self.kinds[kind as usize];
            let (shaped, first) = self.shapes.plain_of(kind);
            let own = typed.firsts.first().map(|(first, value)| (*first, &**value));
            let Some((first, value)) = first.or(own) else { continue };
            let are_bits = matches!(typed.range, Some((Value::Integer(0 | 1), Value::Integer(0 | 1))));
            let shape = if are_bits { ValueShape::Bit } else { ValueShape::Plain(kind) };
            if typed.count > shaped {
                all.push(Shaped { shape, count: typed.count - shaped, first, value: value.into() });
            }
        }
        all
    }
}

impl TotalShapes {
    /// Those of a column of one file.
    pub fn of(path: &Arc<[u8]>, figures: &Many) -> Self {
        let mut own = Self::default();
        for seen in figures.shaped() {
            let met = Met { path: Arc::clone(path), record: seen.first + 1, value: seen.value };
            own.add(seen.shape, seen.count, met);
        }
        own
    }

    fn add(&mut self, shape: ValueShape, count: u64, met: Met) {
        let own = self.0.entry(shape).or_insert_with(|| (0, met.clone()));
        own.0 += count;
        if (&met.path, met.record) < (&own.1.path, own.1.record) {
            own.1 = met;
        }
    }

    /// Add those of other files.
    pub fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(shape, (count, met))| self.add(shape, count, met));
    }

    /// The format that nearly all values have.
    pub fn find(&self) -> Option<Finding> {
        let is_shaped =
            |shape: &ValueShape| matches!(shape, ValueShape::Moment(_) | ValueShape::Number(_) | ValueShape::Word(_));
        if !self.0.keys().any(is_shaped) {
            return None;
        }
        find(&self.seen())
    }

    fn seen(&self) -> Vec<Seen<'_>> {
        self.0.iter().map(|(shape, (count, met))| Seen { shape: *shape, count: *count, value: &met.value }).collect()
    }

    /// The first value that conforms, or the first that does not.
    fn first(&self, finding: &Finding, conforms: bool) -> Option<&Met> {
        let each = self
            .0
            .iter()
            .zip(&finding.takes)
            .filter(|((shape, _), takes)| **takes == conforms && **shape != ValueShape::Null);
        each.map(|((_, (_, met)), _)| met).min_by_key(|met| (&met.path, met.record))
    }
}

/// Write the table of formats.
///
/// # Errors
/// [`pravah_foundation::base::error::EngineError::Output`], [`pravah_foundation::base::error::EngineError::Cancelled`].
pub fn write(context: &Context, totals: &[(Total, Many)]) -> Result<Staged> {
    let mut sheet = Sheet::new(&context.sink, table("formats"), FORMATS);
    for (total, _) in totals {
        let Some(finding) = &total.finding else { continue };
        row(&mut sheet.rows, total, finding);
        sheet.write_if_full()?;
    }
    sheet.stage()
}

fn row(rows: &mut Columns, total: &Total, finding: &Finding) {
    let (example, exception) = (total.shapes.first(finding, true), total.shapes.first(finding, false));
    rows.text(&total.dataset);
    rows.text(&total.name);
    rows.text(&finding.format);
    rows.text(if finding.is_ambiguous { "ambiguous" } else { "proven" });
    rows.integer(finding.values);
    rows.integer(finding.conforming);
    rows.optional_number(Some(finding.conforming as f64 * 100.0 / finding.values.max(1) as f64));
    rows.optional_text(example.map(|met| text_of(&met.value)).as_deref());
    rows.integer(finding.values - finding.conforming);
    rows.optional_text(exception.map(|met| text_of(&met.value)).as_deref());
    rows.optional_text(exception.map(|met| paths::escape(&met.path)).as_deref());
    let raw = exception.map(|met| &*met.path).filter(|path| matches!(paths::escape(path), Cow::Owned(_)));
    rows.optional_bytes(raw);
    rows.optional_integer(exception.map(|met| met.record));
    let other = finding.other.as_ref();
    rows.optional_text(other.map(|(format, _)| format.as_str()));
    rows.optional_integer(other.map(|(_, conforming)| *conforming));
    let notes = [finding.note, if other.is_some() { "no value tells which of the two formats it is" } else { "" }];
    let note = notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ");
    rows.optional_text(Some(note.as_str()).filter(|note| !note.is_empty()));
}

/// The formats that columns prove, as convert and validate take them, and how many columns do not tell theirs.
///
/// An option holds for all files with a column of that name: only what is the same in all datasets is offered.
pub fn summary(totals: &[(Total, Many)]) -> (Json, u64) {
    let found = || totals.iter().filter_map(|(total, _)| Some((&total.name, total.finding.as_ref()?)));
    let mut by_name: HashMap<&str, Option<&str>> = HashMap::new();
    for (total, _) in totals {
        let own = total.finding.as_ref().filter(|finding| !finding.is_ambiguous).map(|finding| &*finding.format);
        let all = by_name.entry(&total.name).or_insert(own);
        *all = all.filter(|all| Some(*all) == own);
    }
    let mut names: HashSet<&str> = HashSet::new();
    let ready = totals.iter().filter(|(total, _)| names.insert(&total.name));
    let ready = ready.filter_map(|(total, _)| Some(format!("{}={}", total.name, by_name.get(&*total.name).copied()??)));
    let ready: Vec<String> = ready.take(MOST).collect();
    (json!(ready), found().filter(|(_, finding)| finding.is_ambiguous).count() as u64)
}
