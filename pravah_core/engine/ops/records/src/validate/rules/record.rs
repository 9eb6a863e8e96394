//! Rules for each record: the values of the columns that they name, and what they make of them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::kinds::Kind;
use super::node::{Answer, RuleValue, Undecided};
use super::number::Decimal;
use super::parse::nanos;
use super::ruleset::RuleSet;
use pravah_foundation::run::records::{self, Head, Nulls, Records};
use pravah_foundation::tabular::contract::Field;
use pravah_foundation::tabular::csv::Dialect;
use pravah_foundation::tabular::values::{self, Moment, ValueType};

/// What rules are to one file.
#[derive(Debug, Default)]
pub struct FileRules {
    /// By column that rules name: where it is in the file, with its type.
    columns: Vec<Option<(usize, Kind)>>,
    /// By column that rules name: its values are lists or maps, as JSON.
    nested: Vec<bool>,
    /// By rule: what it is to the file.
    pub fits: Vec<Fit>,
    /// Aggregates that are computed of its records.
    pub aggregates: Vec<usize>,
    /// A rule or an aggregate is.
    pub is_evaluated: bool,
}

/// What a rule is to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It is evaluated.
    Applies,
    /// The file has none of its columns.
    IsOfOthers,
    /// In words, why none of its records can be decided.
    Unfit(String),
}

impl FileRules {
    /// Of a file whose columns have to be as `fields` say.
    pub fn new(set: &RuleSet, head: &Head, fields: &[Option<Field>]) -> Self {
        let found = |name: &String| {
            let place = head.names.iter().position(|known| known == name)?;
            let kind = fields.get(place).and_then(Option::as_ref).and_then(|field| field.kind);
            Some((place, kind.map_or(Kind::Unknown, of_type)))
        };
        let columns: Vec<Option<(usize, Kind)>> = set.columns.iter().map(found).collect();
        // In JSON each value tells that for itself.
        let leaves = head.schema.as_ref().map(|schema| records::leaves(schema)).unwrap_or_default();
        let is_nested = |place: usize| {
            leaves.get(place).is_some_and(|(_, kind)| kind.is_nested())
                || head.markup.as_ref().is_some_and(|markup| markup.lists.get(place) == Some(&true))
        };
        let nested = columns.iter().map(|column| column.is_some_and(|(place, _)| is_nested(place))).collect();
        let kinds: Vec<Kind> = columns.iter().map(|column| column.map_or(Kind::Unknown, |(_, kind)| kind)).collect();
        let fit = |rule: &super::ruleset::NamedRule| {
            let missing: Vec<&str> = rule
                .columns
                .iter()
                .filter(|place| columns[**place].is_none())
                .map(|place| set.columns[*place].as_str())
                .collect();
            match missing.len() {
                0 => set.unfit(rule, &kinds).map_or(Fit::Applies, Fit::Unfit),
                count if count == rule.columns.len() => Fit::IsOfOthers,
                _ => Fit::Unfit(format!("the file has no column {}", missing.join(", "))),
            }
        };
        let fits: Vec<Fit> = set.rules.iter().map(fit).collect();
        let is_computed = |aggregate: &super::ruleset::Aggregate| {
            aggregate.argument.is_some() && fits[aggregate.rule] == Fit::Applies
        };
        let each = set.aggregates.iter().enumerate();
        let aggregates: Vec<usize> = each.filter(|(_, one)| is_computed(one)).map(|(place, _)| place).collect();
        let mut rules = set.rules.iter().zip(&fits);
        let is_evaluated =
            !aggregates.is_empty() || rules.any(|(rule, fit)| !rule.is_aggregate && *fit == Fit::Applies);
        Self { columns, nested, fits, aggregates, is_evaluated }
    }
}

/// The type that rules know for a type of values.
pub fn of_type(kind: ValueType) -> Kind {
    match kind {
        ValueType::Integer | ValueType::Float => Kind::Number,
        ValueType::Boolean => Kind::Truth,
        ValueType::Date | ValueType::Timestamp => Kind::Moment,
        ValueType::Time => Kind::Span,
        ValueType::Text => Kind::Text,
    }
}

/// A value of a record, or why it is none.
#[derive(Debug, Clone, Copy)]
enum Cell {
    None(Undecided),
    Number(Decimal),
    Truth(bool),
    Moment(i128),
    Span(i128),
    /// In its place among the texts.
    Text,
}

const OTHER_TYPE: Cell = Cell::None(Undecided::Failed("a value is not of the type of its column"));
const UNKNOWN_TYPE: Cell = Cell::None(Undecided::Failed(
    "a column has no type: no value is in the first records, or the schema names none. Give it one in the schema",
));
const NO_TEXT: Cell = Cell::None(Undecided::Failed("a value is not valid in the encoding of the file"));

/// The values of one record that rules name.
#[derive(Debug, Default)]
pub struct RecordValues {
    cells: Vec<Cell>,
    /// By column that rules name: its text is a list or a map, as JSON.
    nested: Vec<bool>,
    texts: Vec<String>,
    buffer: Vec<u8>,
    usual: Vec<u8>,
}

/// How the values of a file are read.
#[derive(Clone, Copy)]
pub struct ValueReading<'a> {
    pub rules: &'a FileRules,
    pub fields: &'a [Option<Field>],
    pub nulls: &'a Nulls,
    pub dialect: &'a Dialect,
}

impl RecordValues {
    /// Take the values of a record.
    pub fn read(&mut self, records: Records<'_>, record: usize, how: ValueReading<'_>) {
        let count = how.rules.columns.len();
        self.cells.resize(count, Cell::None(Undecided::Null));
        self.texts.resize_with(count, String::new);
        self.nested.clone_from(&how.rules.nested);
        for (place, column) in how.rules.columns.iter().enumerate() {
            self.cells[place] = match column {
                Some((column, kind)) => self.cell(records, record, (place, *column), *kind, how),
                None => Cell::None(Undecided::Null),
            };
        }
    }

    /// The fields of a record that a rule names, each as it stands in the file, without its quotes.
    pub fn shown(&mut self, places: &[usize], records: Records<'_>, record: usize, how: ValueReading<'_>) -> Vec<u8> {
        let mut all = Vec::new();
        for (at, place) in places.iter().enumerate() {
            if at > 0 {
                all.extend_from_slice(b", ");
            }
            let Some((column, _)) = how.rules.columns[*place] else { continue };
            let (start, end) = records.split.field(record, column);
            let Some(field) = records.text.get(start..end) else { continue };
            match how.nulls.value(field, how.dialect, true, &mut self.buffer) {
                Some(value) => all.extend_from_slice(value),
                // Also a word that stands for no value; but not what stands for none in typed tables.
                None if !how.dialect.is_typed => all.extend_from_slice(field),
                None => {}
            }
        }
        all
    }

    #[inline]
    fn cell(
        &mut self,
        records: Records<'_>,
        record: usize,
        (place, column): (usize, usize),
        kind: Kind,
        how: ValueReading<'_>,
    ) -> Cell {
        let (start, end) = records.split.field(record, column);
        let of_texts = matches!(kind, Kind::Text | Kind::Unknown);
        let bytes = records.text.get(start..end);
        let value = bytes.and_then(|bytes| how.nulls.value(bytes, how.dialect, of_texts, &mut self.buffer));
        let Some(value) = value else { return Cell::None(Undecided::Null) };
        let format = how.fields[column].as_ref().and_then(|field| field.format.as_ref());
        let value = match format {
            None => value,
            Some(format) if format.read(value, &mut self.usual) => &self.usual,
            Some(_) => return OTHER_TYPE,
        };
        let cell = match kind {
            Kind::Number => Decimal::of(value).map(Cell::Number),
            Kind::Truth => match values::Value::of(value) {
                values::Value::Boolean(is_true) => Some(Cell::Truth(is_true)),
                _ => None,
            },
            Kind::Moment => match values::day(value) {
                Some(days) => Some(Cell::Moment(nanos(Moment::of_day(days)))),
                None => values::moment(value).map(|moment| Cell::Moment(nanos(moment))),
            },
            Kind::Span => {
                values::clock(value).map(|(micros, nanos)| Cell::Span(i128::from(micros) * 1_000 + i128::from(nanos)))
            }
            Kind::Text => {
                let Ok(text) = std::str::from_utf8(value) else { return NO_TEXT };
                self.texts[place].clear();
                self.texts[place].push_str(text);
                self.nested[place] |=
                    how.dialect.is_json && bytes.is_some_and(|raw| matches!(raw.first(), Some(b'[' | b'{')));
                Some(Cell::Text)
            }
            Kind::Unknown => return UNKNOWN_TYPE,
        };
        cell.unwrap_or(OTHER_TYPE)
    }
}

impl super::node::Subject for RecordValues {
    #[inline]
    fn column(&self, place: usize) -> Answer<'_> {
        match self.cells[place] {
            Cell::None(why) => Err(why),
            Cell::Number(number) => Ok(RuleValue::Number(number)),
            Cell::Truth(is_true) => Ok(RuleValue::Truth(is_true)),
            Cell::Moment(nanos) => Ok(RuleValue::Moment(nanos)),
            Cell::Span(nanos) => Ok(RuleValue::Span(nanos)),
            Cell::Text => Ok(RuleValue::Text(self.texts[place].as_str().into())),
        }
    }

    fn elements(&self, place: usize) -> Option<Result<u64, Undecided>> {
        if !self.nested[place] || !matches!(self.cells[place], Cell::Text) {
            return None;
        }
        let counted = serde_json::from_str::<Elements>(&self.texts[place]);
        Some(counted.map(|elements| elements.0).map_err(|_| Undecided::Failed("a list or map is no valid JSON")))
    }

    fn aggregate(&self, _place: usize) -> Answer<'_> {
        Err(Undecided::Failed("an aggregate is not of a record"))
    }

    fn now(&self) -> Answer<'_> {
        Err(Undecided::Failed("now is not of a record"))
    }

    fn last_records(&self) -> Answer<'_> {
        Err(Undecided::Failed("the last result is not of a record"))
    }

    fn last_time(&self) -> Answer<'_> {
        Err(Undecided::Failed("the last result is not of a record"))
    }
}

/// How many elements of a list there are, or keys of a map.
struct Elements(u64);

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Counting;
        impl<'de> Visitor<'de> for Counting {
            type Value = Elements;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list or a map")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Elements, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Elements(count))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Elements, A::Error> {
                let mut count = 0;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Elements(count))
            }
        }
        from.deserialize_any(Counting)
    }
}

/// Records that a rule does not decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// A value is missing.
    pub nulls: u64,
    /// It could not be computed.
    pub failed: u64,
    /// The first of either, counted from 1.
    pub first: Option<u64>,
    /// Why the first one could not be computed.
    pub reason: String,
}

impl Tally {
    /// How many they are.
    pub fn records(&self) -> u64 {
        self.nulls + self.failed
    }

    /// The record of this number is not decided.
    pub fn count(&mut self, number: u64, why: Undecided) {
        self.first = self.first.or(Some(number));
        match why {
            Undecided::Null => self.nulls += 1,
            Undecided::Failed(reason) => {
                if self.failed == 0 {
                    reason.clone_into(&mut self.reason);
                }
                self.failed += 1;
            }
        }
    }

    /// Add what was counted after so many records.
    pub fn add(&mut self, next: &Self, records: u64) {
        self.first = self.first.or(next.first.map(|first| first + records));
        if self.failed == 0 {
            self.reason.clone_from(&next.reason);
        }
        self.nulls += next.nulls;
        self.failed += next.failed;
    }
}
