//! The type that nearly all values of a column have.
//!
//! At least 99 of 100 values: a bad value of a column of fewer than 100 may be a kind of its own, and a column with more
//! than one exception in 100 has two kinds of values rather than faults. Two of a kind are not enough either: beside
//! other texts, one value that is always the same is a default, not a type.
//!
//! Digits that are a label are not a number, in all columns of which they are some: where an exception looks like a
//! label (`00123`, `1.2.3`, `12345-6789`; `12A` among whole numbers), the others may be labels that happen to be
//! digits, and the column is text.

use super::Many;
use pravah_foundation::tabular::formats::ValueShape;
use pravah_foundation::tabular::values::{KINDS, Value, ValueType};

/// Percent of the values that have to be of a type for the column to have it.
const PERCENT: u64 = 99;

/// Types whose values have one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueOrder {
    /// Integers and floats.
    Numbers,
    /// Dates and timestamps.
    Moments,
    /// Times of day.
    Times,
    /// Truth values.
    Booleans,
    /// Texts.
    Texts,
}

/// How many there are.
pub const ORDERS: usize = 5;

impl ValueOrder {
    /// That of a type.
    #[inline]
    pub fn of(kind: ValueType) -> Self {
        match kind {
            ValueType::Integer | ValueType::Float => Self::Numbers,
            ValueType::Date | ValueType::Timestamp => Self::Moments,
            ValueType::Time => Self::Times,
            ValueType::Boolean => Self::Booleans,
            ValueType::Text => Self::Texts,
        }
    }
}

impl Many {
    /// The narrowest type that holds all values; none without one.
    pub fn lossless(&self) -> Option<ValueType> {
        self.there().reduce(ValueType::join)
    }

    /// The type of nearly all values: the narrowest one that holds them; where there is none, that of all.
    pub fn kind(&self) -> Option<ValueType> {
        let lossless = self.lossless()?;
        if lossless != ValueType::Text || self.kinds[ValueType::Text as usize].count == self.count() {
            return Some(lossless);
        }
        let most = self.there().filter(|kind| *kind != ValueType::Text);
        let order = most.max_by_key(|kind| self.of_order(ValueOrder::of(*kind))).map(ValueOrder::of)?;
        let nearly = self.there().filter(|kind| ValueOrder::of(*kind) == order).reduce(ValueType::join);
        nearly.filter(|kind| self.is_nearly(*kind, order)).or(Some(lossless))
    }

    /// Values that the column's type holds, and those that it does not: its exceptions.
    pub fn conforming(&self) -> (u64, u64) {
        let all = self.count();
        match self.kind() {
            None | Some(ValueType::Text) => (all, 0),
            Some(kind) => {
                let conforming = self.of_order(ValueOrder::of(kind));
                (conforming, all - conforming)
            }
        }
    }

    /// True for a value that the column's type holds.
    pub fn conforms(&self, value: Value) -> bool {
        self.kind().is_some_and(|kind| kind == ValueType::Text || ValueOrder::of(kind) == ValueOrder::of(value.kind()))
    }

    /// Percent of the values that the column's type holds; never 100 with an exception.
    pub fn conformity(&self) -> Option<f64> {
        let (conforming, exceptions) = self.conforming();
        (conforming > 0).then(|| conforming as f64 * 100.0 / (conforming + exceptions) as f64)
    }

    /// The types of the exceptions.
    pub fn exceptional(&self) -> impl Iterator<Item = ValueType> + '_ {
        let kind = self.kind().filter(|kind| *kind != ValueType::Text);
        self.there().filter(move |one| kind.is_some_and(|kind| ValueOrder::of(kind) != ValueOrder::of(*one)))
    }

    fn there(&self) -> impl Iterator<Item = ValueType> + '_ {
        KINDS.into_iter().filter(|kind| self.kinds[*kind as usize].count > 0)
    }

    fn of_order(&self, order: ValueOrder) -> u64 {
        self.there().filter(|kind| ValueOrder::of(*kind) == order).map(|kind| self.kinds[kind as usize].count).sum()
    }

    fn is_nearly(&self, kind: ValueType, order: ValueOrder) -> bool {
        let conforming = self.of_order(order);
        if u128::from(conforming) * 100 < u128::from(self.count()) * u128::from(PERCENT) {
            return false;
        }
        let is_one_value = self.range_of(kind).is_none_or(|(least, greatest)| least == greatest);
        let whole = self.kinds[ValueType::Integer as usize].count;
        let has = |shape: ValueShape| self.shapes.seen.iter().any(|seen| seen.shape == shape);
        // A wrong date is made of digits, too; a duration of 25:10:00 is not a wrong time.
        let is_label = match order {
            ValueOrder::Numbers => has(ValueShape::Digits) || 2 * whole > conforming && has(ValueShape::Code),
            ValueOrder::Times => has(ValueShape::Digits),
            _ => false,
        };
        !is_one_value && !is_label
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pravah_foundation::base::hash::hash;

    fn figures(values: &[(&str, u64)]) -> Many {
        let mut many = Many::default();
        let mut place = 0;
        for (text, count) in values {
            many.add_times((text.as_bytes(), text.len()), hash(text.as_bytes()), *count, place);
            place += count;
        }
        many
    }

    #[test]
    fn a_column_has_the_type_of_nearly_all_of_its_values() {
        use ValueType::{Boolean, Date, Float, Integer, Text, Time, Timestamp};
        for (values, kind, exceptions) in [
            (&[("1", 50), ("2", 49), ("oops", 1)][..], Integer, 1),
            (&[("1", 50), ("2", 48), ("oops", 1)], Text, 0),
            (&[("1.5", 63_000), ("2", 939), ("oops", 63)], Float, 63),
            (&[("2024-01-31", 500), ("2024-02-29", 499), ("2024-13-45", 1)], Date, 1),
            (&[("2024-01-31", 500), ("2024-02-29 12:00", 499), ("7", 1), ("?", 3)], Timestamp, 4),
            (&[("12:30", 500), ("13:00", 499), ("noon", 1)], Time, 1),
            (&[("true", 500), ("false", 499), ("maybe", 1)], Boolean, 1),
            // Durations, and a default beside other texts.
            (&[("12:30", 500), ("13:00", 499), ("25:10", 1)], Text, 0),
            (&[("0", 999), ("see the note", 1)], Text, 0),
            (&[("true", 999), ("see the note", 1)], Text, 0),
            // Labels made of digits: a zero in front, more digits than a number has, letters.
            (&[("123", 5000), ("456", 4999), ("00123", 1)], Text, 0),
            (&[("1.5", 5000), ("456", 4999), ("00123", 1)], Text, 0),
            (&[("123", 5000), ("456", 4999), ("12A", 1)], Text, 0),
            (&[("123", 5000), ("456", 4999), ("C536365", 1)], Text, 0),
            (&[("123", 5000), ("456", 4999), ("x12b", 1)], Text, 0),
            (&[("90210", 5000), ("90211", 4999), ("K1A 0B1", 1)], Text, 0),
            (&[("90210", 5000), ("90211", 4999), ("90210-1234", 1)], Text, 0),
            (&[("123", 5000), ("456", 4999), ("12345678901234567890123", 1)], Text, 0),
            (&[("1.2", 5000), ("1.10", 4999), ("1.2.3", 1)], Text, 0),
            // Faults of a number.
            (&[("1.25", 5000), ("456", 4999), ("12x", 1)], Float, 1),
            (&[("123", 5000), ("456", 4999), ("#DIV/0!", 1)], Integer, 1),
            (&[("123", 5000), ("456", 4999), ("12,50", 1)], Integer, 1),
            (&[("123", 5000), ("456", 4999), (" 12", 1), ("-", 2)], Integer, 3),
            (&[("123", 5000), ("456", 4999), ("2024-01-31", 1)], Integer, 1),
        ] {
            let many = figures(values);
            assert_eq!((many.kind(), many.conforming().1), (Some(kind), exceptions), "{values:?}");
            assert_eq!(many.exceptional().count() > 0, exceptions > 0, "{values:?}");
            let all: u64 = values.iter().map(|(_, count)| count).sum();
            assert_eq!(many.conforming().0, all - exceptions, "{values:?}");
            // Whatever the order in which they come, and in pieces.
            let turned: Vec<(&str, u64)> = values.iter().rev().copied().collect();
            let mut pieces = Many::default();
            turned.iter().for_each(|one| pieces.merge(&figures(&[*one]), 0));
            assert_eq!((figures(&turned).kind(), pieces.kind()), (Some(kind), Some(kind)), "{values:?}");
        }
        assert_eq!((Many::default().kind(), Many::default().conformity()), (None, None));
        assert_eq!(figures(&[("x", 3), ("y", 1)]).conformity(), Some(100.0));
    }
}
