//! The format that nearly all values of a column have.
//!
//! Values of one shape conform to the same formats: each format that some shape suggests is tried with one value of each
//! shape, by the code that reads all of them when the format is chosen.

use std::collections::BTreeMap;

use super::ValueFormat;
use super::shape::{ValueShape, WORDS};
use super::shape_moments::{DateParts, MomentShape};
use super::shape_numbers::NumberShape;
use crate::tabular::values::ValueType;

/// The share of the values that conforms to a format from which on the column is said to have it.
const SHARE: f64 = 0.95;
/// Digits that are dates say so only if there are some of them.
const LEAST_DIGITS: u64 = 3;

/// Values of one shape.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Their shape.
    pub shape: ValueShape,
    /// How many.
    pub count: u64,
    /// One of them.
    pub value: &'a [u8],
}

/// A format that nearly all values have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// As [`ValueFormat::parse`] reads it.
    pub format: String,
    /// Values that conform to it.
    pub conforming: u64,
    /// All values.
    pub values: u64,
    /// By what was seen: it conforms.
    pub takes: Vec<bool>,
    /// Another format with the values that conform to that, if the column does not tell which one it is.
    pub other: Option<(String, u64)>,
    /// The column does not tell all.
    pub is_ambiguous: bool,
    /// What else is to be said, in words.
    pub note: &'static str,
}

/// A format with what conforms to it.
struct Tried {
    format: String,
    takes: Vec<bool>,
    conforming: u64,
}

impl Tried {
    fn new(format: String, seen: &[Seen<'_>]) -> Option<Self> {
        let read = ValueFormat::parse(&format).ok()?;
        let mut out = Vec::new();
        let takes: Vec<bool> =
            seen.iter().map(|seen| seen.shape != ValueShape::Null && read.read(seen.value, &mut out)).collect();
        let counts = seen.iter().zip(&takes).filter(|(_, takes)| **takes).map(|(seen, _)| seen.count);
        Some(Self { conforming: counts.sum(), format, takes })
    }

    /// Values that conform to both.
    fn shared(&self, other: &Self, seen: &[Seen<'_>]) -> u64 {
        let both = self.takes.iter().zip(&other.takes).map(|(one, other)| *one && *other);
        seen.iter().zip(both).filter(|(_, both)| *both).map(|(seen, _)| seen.count).sum()
    }
}

/// The format that nearly all of these values have, if it is none of those that types have by themselves.
pub fn find(seen: &[Seen<'_>]) -> Option<Finding> {
    let values: u64 = seen.iter().filter(|seen| seen.shape != ValueShape::Null).map(|seen| seen.count).sum();
    let found = [moments(seen, values), numbers(seen, values), words(seen)];
    let best = found.into_iter().flatten().max_by_key(|found| found.conforming)?;
    is_most(best.conforming, values).then_some(Finding { values, ..best })
}

fn is_most(conforming: u64, values: u64) -> bool {
    conforming > 0 && conforming as f64 >= SHARE * values as f64
}

/// The better of two readings, and whether the column tells that it is.
fn decided(best: Tried, mirror: Option<Tried>, seen: &[Seen<'_>], values: u64) -> Finding {
    let is_ambiguous = mirror.as_ref().is_some_and(|mirror| {
        let shared = best.shared(mirror, seen);
        let (own, others) = (best.conforming - shared, mirror.conforming - shared);
        own == 0 || others > 0 && is_most(mirror.conforming, values)
    });
    let other = mirror.filter(|_| is_ambiguous).map(|mirror| (mirror.format, mirror.conforming));
    let Tried { format, takes, conforming } = best;
    Finding { format, conforming, values, takes, other, is_ambiguous, note: "" }
}

fn moments(seen: &[Seen<'_>], values: u64) -> Option<Finding> {
    let shapes = seen.iter().filter_map(|seen| match seen.shape {
        ValueShape::Moment(shape) => Some((shape, seen.count)),
        _ => None,
    });
    let kind = |shape: MomentShape| match (shape.parts, shape.clock.until) {
        (DateParts::None, _) => ValueType::Time,
        (_, 0) => ValueType::Date,
        _ => ValueType::Timestamp,
    };
    let tried = |shape: MomentShape, is_day_first: bool| {
        Tried::new(format!("{}:{}", kind(shape).as_str(), shape.pattern(is_day_first)), seen)
    };
    let all = shapes.flat_map(|(shape, _)| [(shape, true), (shape, false)]);
    let each = all.filter_map(|(shape, is_day_first)| Some((shape, is_day_first, tried(shape, is_day_first)?)));
    // Of two that are as good, the first one in the order of the alphabet, so that the order of values does not matter.
    let (shape, is_day_first, best) = each.max_by(|one, other| {
        let key =
            |of: &(MomentShape, bool, Tried)| (of.2.conforming, of.0.name, std::cmp::Reverse(of.2.format.clone()));
        key(one).cmp(&key(other))
    })?;
    if shape.parts == DateParts::Digits && best.conforming < LEAST_DIGITS {
        return None;
    }
    let is_open =
        matches!(shape.parts, DateParts::Either | DateParts::DayFirst | DateParts::MonthFirst) && shape.mark != b'.';
    let mirror = if is_open { tried(shape, !is_day_first) } else { None };
    let found = decided(best, mirror, seen, values);
    match shape.is_short {
        true => Some(Finding {
            is_ambiguous: true,
            note: "the century is not written; 69 to 99 are read as 1969 to 1999",
            ..found
        }),
        false => Some(found),
    }
}

/// The marks that a format of numbers has: between thousands, and in front of decimals.
type Marks = (u8, u8);

fn numbers(seen: &[Seen<'_>], values: u64) -> Option<Finding> {
    let shapes: Vec<(NumberShape, u64)> = seen
        .iter()
        .filter_map(|seen| match seen.shape {
            ValueShape::Number(shape) => Some((shape, seen.count)),
            _ => None,
        })
        .collect();
    let like = most(shapes.iter().map(|(shape, count)| ((shape.affix, shape.is_before), *count)))?;
    let alike = || shapes.iter().filter(|(shape, _)| (shape.affix, shape.is_before) == like);
    let is_spaced = most(alike().map(|(shape, count)| (shape.is_spaced, *count)))?;
    let signs = alike().filter(|(shape, _)| shape.sign > 0).map(|(shape, count)| (shape.sign, *count));
    let sign = most(signs).unwrap_or(0);
    let form = NumberShape { is_spaced, sign, ..alike().next()?.0 };
    let has_group = |group: u8| group == 0 || alike().any(|(shape, _)| shape.group == group);
    // The simplest first: of two that are as good, it is taken.
    let decimals = [0, b'.', b','];
    let groups = [0, b',', b'.', b' ', b'\''].into_iter().filter(|group| has_group(*group));
    let all = groups
        .flat_map(|group| decimals.map(|decimal| (group, decimal)))
        .filter(|(group, decimal)| group != decimal || *group == 0);
    let tried: Vec<(Marks, Tried)> = all
        .filter_map(|(group, decimal)| {
            Some(((group, decimal), Tried::new(format!("number:{}", form.example(group, decimal)), seen)?))
        })
        .collect();
    let best = best_of(&tried, |_| true)?;
    let ((group, decimal), _) = tried[best];
    let mirror = match camp((group, decimal)) {
        None => None,
        Some(own) => best_of(&tried, |marks| camp(marks).is_some_and(|camp| camp != own)),
    };
    // Thousands that are all alike may be the digits of a telephone.
    let leads = || alike().filter(|(shape, _)| shape.group == group && shape.decimal == 0).map(|(shape, _)| shape.lead);
    let is_uniform = leads().all(|lead| Some(lead) == leads().next());
    let is_open = alike().any(|(shape, _)| shape.is_open);
    if group > 0 && decimal == 0 && like.0 == 0 && is_uniform && !is_open {
        return None;
    }
    let mut tried: Vec<Option<Tried>> = tried.into_iter().map(|(_, tried)| Some(tried)).collect();
    let (best, mirror) = (tried[best].take()?, mirror.and_then(|mirror| tried[mirror].take()));
    let note = match like.0 {
        0 => "",
        _ => "the sign or code beside the numbers is left out",
    };
    Some(Finding { note, ..decided(best, mirror, seen, values) })
}

/// The first of the best.
fn best_of(tried: &[(Marks, Tried)], is_one: impl Fn(Marks) -> bool) -> Option<usize> {
    let each = tried.iter().enumerate().filter(|(_, (marks, _))| is_one(*marks));
    each.max_by_key(|(place, (_, tried))| (tried.conforming, std::cmp::Reverse(*place))).map(|(place, _)| place)
}

/// True where a comma is in front of decimals or a point between thousands, false where it is the other way round.
fn camp(marks: Marks) -> Option<bool> {
    match marks {
        (_, b',') | (b'.', _) => Some(true),
        (_, b'.') | (b',', _) => Some(false),
        _ => None,
    }
}

/// What most have; the least of those that are as many.
fn most<K: Ord + Copy>(counts: impl Iterator<Item = (K, u64)>) -> Option<K> {
    let mut sums: BTreeMap<K, u64> = BTreeMap::new();
    counts.for_each(|(key, count)| *sums.entry(key).or_default() += count);
    sums.into_iter().max_by_key(|(key, count)| (*count, std::cmp::Reverse(*key))).map(|(key, _)| key)
}

fn words(seen: &[Seen<'_>]) -> Option<Finding> {
    let has = |word: usize| {
        seen.iter().any(|seen| matches!(seen.shape, ValueShape::Word(other) if usize::from(other) == word))
    };
    let is_plain = seen.iter().any(|seen| seen.shape == ValueShape::Plain(ValueType::Boolean));
    let of = |family: usize| (has(2 * family), has(2 * family + 1));
    // One word alone may be the code of a country.
    if !(0..WORDS.len()).any(|family| of(family) == (true, true)) {
        return None;
    }
    let has_bits = seen.iter().any(|seen| seen.shape == ValueShape::Bit);
    let families =
        (0..WORDS.len()).filter(|family| of(*family) != (false, false) || is_plain && WORDS[*family][0] == "true");
    let (mut yes, mut no): (Vec<&str>, Vec<&str>) = families.map(|family| (WORDS[family][0], WORDS[family][1])).unzip();
    if has_bits {
        yes.push("1");
        no.push("0");
    }
    let Tried { format, takes, conforming } = Tried::new(format!("boolean:{}/{}", yes.join(","), no.join(",")), seen)?;
    Some(Finding { format, conforming, values: 0, takes, other: None, is_ambiguous: false, note: "" })
}
