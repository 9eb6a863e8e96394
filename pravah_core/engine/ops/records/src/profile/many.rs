//! Figures of values, each of which is looked at.

mod bytes;
mod nearly;
mod ordered;
mod typed;

use self::nearly::{ORDERS, ValueOrder};
use self::ordered::Ordered;
use self::typed::{TypedValues, kept};
use super::shapes::Shapes;

use pravah_foundation::tabular::sketch::{Hll, Lengths};
use pravah_foundation::tabular::values::{KINDS, Value, ValueType};

pub use self::typed::FIRSTS;

/// A value, or the beginning of it.
type Kept = Box<[u8]>;

/// Figures.
#[derive(Debug, Clone)]
pub struct Many {
    /// By type, in the order of [`KINDS`].
    pub kinds: [TypedValues; KINDS.len()],
    /// The least and the greatest as texts.
    pub texts: Option<(Kept, Kept)>,
    /// By order: figures of what is a number, a day or a time. Values of one order are no part of those of another.
    ordered: [Ordered; ORDERS - 1],
    /// By order: distinct values.
    distinct: [Hll; ORDERS],
    /// The shortest and the longest value, in bytes.
    pub lengths: (u64, u64),
    /// How many are how long.
    pub spread: Lengths,
    /// Of all values.
    pub bytes: u64,
    /// Values that begin or end with white space.
    pub spaced: u64,
    /// Values that are digits behind a zero.
    pub zeros: u64,
    /// All of them are texts, whatever they look like.
    is_text: bool,
    /// What they look like.
    pub shapes: Shapes,
}

impl Default for Many {
    fn default() -> Self {
        Self {
            kinds: Default::default(),
            texts: None,
            ordered: Default::default(),
            distinct: Default::default(),
            lengths: (u64::MAX, 0),
            spread: Lengths::default(),
            bytes: 0,
            spaced: 0,
            zeros: 0,
            is_text: false,
            shapes: Shapes::default(),
        }
    }
}

impl Many {
    /// Of a part that draws one of 2^`base` numbers for the quantiles; `is_text`: of texts, whatever they look like.
    pub fn drawing(base: u32, is_text: bool) -> Self {
        Self { ordered: std::array::from_fn(|_| Ordered::drawing(base)), is_text, ..Self::default() }
    }

    /// Add one value.
    #[inline]
    pub fn add(&mut self, text: &[u8], hash: u64, place: u64) {
        let value = if self.is_text { Value::Text } else { Value::of(text) };
        let order = ValueOrder::of(value.kind()) as usize;
        self.distinct[order].add(hash);
        self.kinds[value.kind() as usize].note((text, value), 1, place);
        self.shapes.note((text, value), self.is_text, 1, place);
        match value.number() {
            Some(number) => self.ordered[order].add(number),
            None => self.text(text),
        }
        let length = text.len() as u64;
        self.lengths = (self.lengths.0.min(length), self.lengths.1.max(length));
        self.bytes += length;
        self.spread.add(text.len(), 1);
        if value == Value::Text {
            self.form(text, 1);
        }
    }

    /// Add a value of which at most [`KEPT_BYTES`] are there, `count` times.
    pub fn add_times(&mut self, (text, length): (&[u8], usize), hash: u64, count: u64, place: u64) {
        let value = if self.is_text || text.len() < length { Value::Text } else { Value::of(text) };
        let order = ValueOrder::of(value.kind()) as usize;
        self.distinct[order].add(hash);
        self.kinds[value.kind() as usize].note((text, value), count, place);
        self.shapes.note((text, value), self.is_text, count, place);
        match value.number() {
            Some(number) => self.ordered[order].add_times(number, count),
            None => self.text(text),
        }
        let length = length as u64;
        self.lengths = (self.lengths.0.min(length), self.lengths.1.max(length));
        self.bytes += length * count;
        self.spread.add(length as usize, count);
        if value == Value::Text {
            self.form(text, count);
        }
    }

    #[inline]
    fn text(&mut self, text: &[u8]) {
        match &mut self.texts {
            None => self.texts = Some((kept(text).into(), kept(text).into())),
            Some((least, greatest)) => {
                if text < &**least {
                    *least = kept(text).into();
                } else if text > &**greatest {
                    *greatest = kept(text).into();
                }
            }
        }
    }

    #[inline]
    fn form(&mut self, text: &[u8], count: u64) {
        let (Some(first), Some(last)) = (text.first(), text.last()) else { return };
        if first.is_ascii_whitespace() || last.is_ascii_whitespace() {
            self.spaced += count;
        } else if *first == b'0' && text.len() > 1 && text.iter().all(u8::is_ascii_digit) {
            self.zeros += count;
        }
    }

    /// Add what waits; nothing more comes.
    pub fn close(&mut self) {
        self.ordered.iter_mut().for_each(Ordered::close);
    }

    /// Add what another has seen, whose records come `place` records later.
    pub fn merge(&mut self, other: &Self, place: u64) {
        self.kinds.iter_mut().zip(&other.kinds).for_each(|(own, other)| own.merge(other, place));
        self.shapes.merge(&other.shapes, place);
        if let Some((least, greatest)) = &other.texts {
            self.text(least);
            self.text(greatest);
        }
        self.ordered.iter_mut().zip(&other.ordered).for_each(|(own, other)| own.merge(other));
        self.distinct.iter_mut().zip(&other.distinct).for_each(|(own, other)| own.merge(other));
        self.lengths = (self.lengths.0.min(other.lengths.0), self.lengths.1.max(other.lengths.1));
        self.bytes += other.bytes;
        self.spread.merge(&other.spread);
        self.spaced += other.spaced;
        self.zeros += other.zeros;
    }

    /// Values.
    pub fn count(&self) -> u64 {
        self.kinds.iter().map(|seen| seen.count).sum()
    }

    /// Distinct values, about; of those that conform, or of all.
    pub fn distinct(&self, is_conforming: bool) -> u64 {
        let order = self.kind().filter(|kind| is_conforming && *kind != ValueType::Text).map(ValueOrder::of);
        let estimate = match order {
            Some(order) => self.distinct[order as usize].estimate(),
            None => {
                let mut all = self.distinct[ValueOrder::Texts as usize].clone();
                self.distinct[..ValueOrder::Texts as usize].iter().for_each(|other| all.merge(other));
                all.estimate()
            }
        };
        (estimate.round() as u64).min(if is_conforming { self.conforming().0 } else { self.count() })
    }

    /// The least and the greatest of the values that conform, of numbers and moments; text is in `texts`.
    pub fn range(&self) -> Option<(Value, Value)> {
        self.range_of(self.kind()?)
    }

    /// The least and the greatest value that a type holds.
    fn range_of(&self, kind: ValueType) -> Option<(Value, Value)> {
        let ranges = self.kinds.iter().filter_map(|seen| seen.range);
        let held = ranges.filter_map(|(least, greatest)| Some((least.widened(kind)?, greatest.widened(kind)?)));
        held.reduce(|(least, greatest), (low, high)| {
            (if low.is_less(least) { low } else { least }, if greatest.is_less(high) { high } else { greatest })
        })
    }

    /// The least and the greatest value in words; where texts are among others, of what most values are.
    pub fn shown_range(&self) -> (Option<String>, Option<String>) {
        let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        match self.kind() {
            None => (None, None),
            Some(ValueType::Text) => {
                let most = KINDS.into_iter().max_by_key(|kind| self.kinds[*kind as usize].count);
                match (most.and_then(|kind| self.kinds[kind as usize].range), &self.texts) {
                    (Some((least, greatest)), _) => (Some(least.shown()), Some(greatest.shown())),
                    (None, Some((least, greatest))) => (Some(shown(least)), Some(shown(greatest))),
                    (None, None) => (None, None),
                }
            }
            Some(_) => match self.range() {
                Some((least, greatest)) => (Some(least.shown()), Some(greatest.shown())),
                None => (None, None),
            },
        }
    }

    fn numbers(&self) -> Option<&Ordered> {
        let is_number = matches!(self.kind(), Some(ValueType::Integer | ValueType::Float));
        is_number.then_some(&self.ordered[ValueOrder::Numbers as usize])
    }

    /// The mean of the numbers that conform.
    pub fn mean(&self) -> Option<f64> {
        self.numbers()?.moments.mean()
    }

    /// Their standard deviation, as of a sample.
    pub fn deviation(&self) -> Option<f64> {
        self.numbers()?.moments.deviation()
    }

    /// Values below which these shares of those that conform lie; of numbers, days and times. They lie within the range, which is
    /// exact.
    pub fn quantiles_at<const N: usize>(&self, shares: [f64; N]) -> [Option<Value>; N] {
        let Some(kind) = self.ordered_kind() else { return [None; N] };
        let weighted = self.ordered[ValueOrder::of(kind) as usize].quantiles.weighted();
        let all: u64 = weighted.iter().map(|(_, weight)| weight).sum();
        shares.map(|share| {
            let wanted = share * all as f64;
            let mut below = 0.0;
            let found = weighted.iter().find(|(_, weight)| {
                below += *weight as f64;
                below >= wanted
            });
            found.or(weighted.last()).map(|(number, _)| Value::from_number(*number, kind))
        })
    }

    /// The type, when its values have an order and distances.
    fn ordered_kind(&self) -> Option<ValueType> {
        self.kind().filter(|kind| !matches!(kind, ValueType::Text | ValueType::Boolean))
    }

    /// Values that conform by range: so many of equal width between the least and the greatest value.
    pub fn histogram(&self, bins: usize) -> Vec<(Value, Value, u64)> {
        let (Some(kind), Some((least, greatest))) = (self.ordered_kind(), self.range()) else { return Vec::new() };
        let (Some(low), Some(high)) = (least.number(), greatest.number()) else { return Vec::new() };
        let width = (high - low) / bins as f64;
        if width.is_nan() || width <= 0.0 || !width.is_finite() {
            return vec![(least, greatest, self.conforming().0)];
        }
        let weighted = self.ordered[ValueOrder::of(kind) as usize].quantiles.weighted();
        let all: u64 = weighted.iter().map(|(_, weight)| weight).sum();
        let mut counts = vec![0u64; bins];
        weighted.iter().for_each(|(number, weight)| {
            counts[(((number - low) / width) as usize).min(bins - 1)] += weight;
        });
        let edge = |bin: usize| Value::from_number(low + width * bin as f64, kind);
        let values = self.conforming().0 as f64;
        let scaled = |count: u64| (count as f64 * values / all.max(1) as f64).round() as u64;
        let end = |bin: usize| if bin + 1 == bins { greatest } else { edge(bin + 1) };
        counts.iter().enumerate().map(|(bin, &count)| (edge(bin), end(bin), scaled(count))).collect()
    }
}
