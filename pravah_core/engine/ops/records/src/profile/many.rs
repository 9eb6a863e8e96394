//! Figures of values, each of which is looked at.

mod bytes;

use super::shapes::Shapes;

use pravah_foundation::tabular::sketch::{Hll, KEPT_BYTES, Lengths, Moments, Quantiles};
use pravah_foundation::tabular::values::{KINDS, Value, ValueType};

/// A value, at most [`KEPT_BYTES`] of it.
type Kept = Box<[u8]>;

/// Values of one type.
#[derive(Debug, Clone, Default)]
pub struct TypedValues {
    /// How many.
    pub count: u64,
    /// Which record the first of them is in, counted from 0.
    pub first: u64,
    /// The first of them, at most [`KEPT_BYTES`] of it.
    pub value: Box<[u8]>,
    /// The least and the greatest; none of texts.
    pub range: Option<(Value, Value)>,
}

impl TypedValues {
    fn note(&mut self, (text, value): (&[u8], Value), count: u64, place: u64) {
        if self.count == 0 || place < self.first {
            self.first = place;
            self.value = kept(text).into();
        }
        self.count += count;
        let Some((least, greatest)) = &mut self.range else {
            self.range = Some((value, value)).filter(|_| value != Value::Text);
            return;
        };
        if value.is_less(*least) {
            *least = value;
        }
        if greatest.is_less(value) {
            *greatest = value;
        }
    }

    fn merge(&mut self, other: &Self, place: u64) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 || other.first + place < self.first {
            (self.first, self.value) = (other.first + place, other.value.clone());
        }
        self.count += other.count;
        self.range = match (self.range, other.range) {
            (Some((least, greatest)), Some((low, high))) => Some((
                if low.is_less(least) { low } else { least },
                if greatest.is_less(high) { high } else { greatest },
            )),
            (one, other) => one.or(other),
        };
    }
}

fn kept(text: &[u8]) -> &[u8] {
    &text[..text.len().min(KEPT_BYTES)]
}

/// Figures.
#[derive(Debug, Clone)]
pub struct Many {
    /// By type, in the order of [`KINDS`].
    pub kinds: [TypedValues; KINDS.len()],
    /// The least and the greatest as texts.
    pub texts: Option<(Kept, Kept)>,
    /// Of what is a number, a day or a time.
    pub moments: Moments,
    /// Of the same.
    pub quantiles: Quantiles,
    /// Distinct values.
    pub distinct: Hll,
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
    /// Numbers that are not in `moments` and `quantiles` yet.
    waiting: Vec<f64>,
}

/// Numbers that are added at once.
const WAITING: usize = 1024;

impl Default for Many {
    fn default() -> Self {
        Self {
            kinds: Default::default(),
            texts: None,
            moments: Moments::default(),
            quantiles: Quantiles::default(),
            distinct: Hll::default(),
            lengths: (u64::MAX, 0),
            spread: Lengths::default(),
            bytes: 0,
            spaced: 0,
            zeros: 0,
            is_text: false,
            shapes: Shapes::default(),
            waiting: Vec::new(),
        }
    }
}

impl Many {
    /// Of a part that draws one of 2^`base` numbers for the quantiles; `is_text`: of texts, whatever they look like.
    pub fn drawing(base: u32, is_text: bool) -> Self {
        Self { quantiles: Quantiles::drawing(base), is_text, ..Self::default() }
    }

    /// Add one value.
    #[inline]
    pub fn add(&mut self, text: &[u8], hash: u64, place: u64) {
        self.distinct.add(hash);
        let value = if self.is_text { Value::Text } else { Value::of(text) };
        self.kinds[value.kind() as usize].note((text, value), 1, place);
        self.shapes.note((text, value), self.is_text, 1, place);
        match value.number() {
            Some(number) => {
                self.waiting.push(number);
                if self.waiting.len() == WAITING {
                    self.flush();
                }
            }
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
        self.distinct.add(hash);
        let value = if self.is_text || text.len() < length { Value::Text } else { Value::of(text) };
        self.kinds[value.kind() as usize].note((text, value), count, place);
        self.shapes.note((text, value), self.is_text, count, place);
        match value.number() {
            Some(number) => {
                self.moments.merge(Moments::of(number, count));
                self.quantiles.add_times(number, count);
            }
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

    /// Add what waits.
    pub fn flush(&mut self) {
        let Some(&origin) = self.waiting.first() else { return };
        let (mut sum, mut squares) = (0.0, 0.0);
        for &number in &self.waiting {
            let distance = number - origin;
            sum += distance;
            squares += distance * distance;
        }
        self.moments.merge(Moments::from_sums(origin, self.waiting.len() as u64, sum, squares));
        self.waiting.iter().for_each(|&number| self.quantiles.add(number));
        self.waiting.clear();
    }

    /// Add what waits; nothing more comes.
    pub fn close(&mut self) {
        self.flush();
        self.waiting = Vec::new();
    }

    /// Add what another has seen, whose records come `place` records later.
    pub fn merge(&mut self, other: &Self, place: u64) {
        self.kinds.iter_mut().zip(&other.kinds).for_each(|(own, other)| own.merge(other, place));
        self.shapes.merge(&other.shapes, place);
        if let Some((least, greatest)) = &other.texts {
            self.text(least);
            self.text(greatest);
        }
        self.moments.merge(other.moments);
        self.quantiles.merge(&other.quantiles);
        self.distinct.merge(&other.distinct);
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

    /// The type that holds all values; none without one.
    pub fn kind(&self) -> Option<ValueType> {
        let there = KINDS.into_iter().filter(|kind| self.kinds[*kind as usize].count > 0);
        there.reduce(ValueType::join)
    }

    /// The least and the greatest value of the type that holds all, of numbers and moments; text is in `texts`.
    pub fn range(&self) -> Option<(Value, Value)> {
        let kind = self.kind().filter(|kind| *kind != ValueType::Text)?;
        let as_kind = |value: Value| value.widened(kind).unwrap_or(value);
        let ranges = self.kinds.iter().filter_map(|seen| seen.range);
        ranges.map(|(least, greatest)| (as_kind(least), as_kind(greatest))).reduce(|(least, greatest), (low, high)| {
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

    fn is_number(&self) -> bool {
        matches!(self.kind(), Some(ValueType::Integer | ValueType::Float))
    }

    /// The mean of numbers.
    pub fn mean(&self) -> Option<f64> {
        self.moments.mean().filter(|_| self.is_number())
    }

    /// The standard deviation of numbers, as of a sample.
    pub fn deviation(&self) -> Option<f64> {
        self.moments.deviation().filter(|_| self.is_number())
    }

    /// Values below which these shares of all lie; of numbers, days and times. They lie within the range, which is
    /// exact.
    pub fn quantiles_at<const N: usize>(&self, shares: [f64; N]) -> [Option<Value>; N] {
        let Some(kind) = self.ordered_kind() else { return [None; N] };
        let weighted = self.quantiles.weighted();
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

    /// Values by range: so many of equal width between the least and the greatest value.
    pub fn histogram(&self, bins: usize) -> Vec<(Value, Value, u64)> {
        let (Some(kind), Some((least, greatest))) = (self.ordered_kind(), self.range()) else { return Vec::new() };
        let (Some(low), Some(high)) = (least.number(), greatest.number()) else { return Vec::new() };
        let width = (high - low) / bins as f64;
        if width.is_nan() || width <= 0.0 || !width.is_finite() {
            return vec![(least, greatest, self.count())];
        }
        let weighted = self.quantiles.weighted();
        let all: u64 = weighted.iter().map(|(_, weight)| weight).sum();
        let mut counts = vec![0u64; bins];
        weighted.iter().for_each(|(number, weight)| {
            counts[(((number - low) / width) as usize).min(bins - 1)] += weight;
        });
        let edge = |bin: usize| Value::from_number(low + width * bin as f64, kind);
        let scaled = |count: u64| (count as f64 * self.count() as f64 / all.max(1) as f64).round() as u64;
        let end = |bin: usize| if bin + 1 == bins { greatest } else { edge(bin + 1) };
        counts.iter().enumerate().map(|(bin, &count)| (edge(bin), end(bin), scaled(count))).collect()
    }
}
