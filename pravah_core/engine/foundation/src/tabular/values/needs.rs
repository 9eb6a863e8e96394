//! What the values of a column need of its type, so that none of them is changed.

use std::fmt;

use super::exact::{self, Number};
use super::temporal::{self, DAY_MICROS};
use super::{Value, ValueType};

/// The type of a column that holds all of its values as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// 64 bits, signed.
    Integer,
    /// 64 bits, IEEE 754.
    Float,
    /// So many decimal digits, so many of them behind the point.
    Decimal(u8, u8),
    /// `true` or `false`.
    Boolean,
    /// A day.
    Date,
    /// A point in time.
    Timestamp(Clock),
    /// A time of day.
    Time(Clock),
    /// Anything.
    Text,
}

/// How a time is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// To the nanosecond; else to the microsecond.
    pub is_nano: bool,
    /// In UTC: the values have zones.
    pub is_utc: bool,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |out: &mut fmt::Formatter<'_>, name: &str, clock: Clock| match clock {
            Clock { is_nano: false, is_utc: false } => out.write_str(name),
            Clock { is_nano: true, is_utc: false } => write!(out, "{name}(ns)"),
            Clock { is_nano: false, is_utc: true } => write!(out, "{name}(UTC)"),
            Clock { is_nano: true, is_utc: true } => write!(out, "{name}(ns, UTC)"),
        };
        match *self {
            Self::Decimal(digits, scale) => write!(out, "decimal({digits},{scale})"),
            Self::Timestamp(of) => clock(out, "timestamp", of),
            Self::Time(of) => clock(out, "time", of),
            Self::Integer => out.write_str("integer"),
            Self::Float => out.write_str("float"),
            Self::Boolean => out.write_str("boolean"),
            Self::Date => out.write_str("date"),
            Self::Text => out.write_str("text"),
        }
    }
}

/// Digits behind the point that the floats of a column may have. Numbers that only zeros at their end tell apart, `1.1`
/// and `1.10`, are labels: as floats they would be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scales {
    /// Any: they are numbers in their source, or were asked for.
    Any,
    /// None, or so many.
    Same(u16),
    /// Any, but no zero is at the end of two or more.
    Free,
}

impl Scales {
    /// True for a number that is no label.
    #[inline]
    pub fn take(self, number: &Number) -> bool {
        match self {
            Self::Any => true,
            Self::Same(scale) => number.scale == scale || number.scale == 0 || number.has_exponent,
            Self::Free => !number.is_padded,
        }
    }
}

/// What the values of a column need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// The type of all; none without a value.
    pub kind: Option<ValueType>,
    /// Digits in front of the point, and behind it.
    whole: u16,
    scale: u16,
    /// The fewest and the most digits behind a point, where there is one; 0 without.
    scales: (u16, u16),
    flags: u8,
}

/// A number that no float holds.
const LONG: u8 = 1;
/// A number that ends in a zero, see [`Number::is_padded`].
const PADDED: u8 = 2;
/// A time with a zone, and one without.
const ZONED: u8 = 4;
const NAIVE: u8 = 8;
/// A time with nanoseconds.
const NANOS: u8 = 16;
/// A time that 64 bits of nanoseconds do not hold.
const FAR: u8 = 32;
/// A day without a time.
const DAY: u8 = 64;
/// Digits of the longest decimal.
const MOST_DIGITS: u16 = 76;

impl Needs {
    /// Those of a column of this type of which no value is known.
    pub fn of_kind(kind: Option<ValueType>) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Those of one value; `has_labels`: it is a number only by its looks.
    pub fn of(text: &[u8], has_labels: bool) -> Self {
        let value = Value::of(text);
        let needs = Self::of_kind(Some(value.kind()));
        match value {
            Value::Integer(_) | Value::Float(_) => needs.number(exact::number(text), has_labels),
            Value::Date(days) => {
                let needs = needs.moment(Some((i64::from(days) * DAY_MICROS, 0)), false);
                Self { flags: needs.flags | DAY, ..needs }
            }
            Value::Timestamp(_) => match temporal::moment(text) {
                Some(moment) => needs.moment(Some((moment.micros, moment.nanos)), moment.is_zoned),
                None => needs,
            },
            Value::Time(_) => match temporal::clock(text) {
                Some((_, 1..)) => Self { flags: NANOS, ..needs },
                _ => needs,
            },
            Value::Boolean(_) | Value::Text => needs,
        }
    }

    fn number(self, number: Option<Number>, has_labels: bool) -> Self {
        let Some(number) = number else { return self };
        let long = if number.is_exact { 0 } else { LONG };
        let padded = if has_labels && number.is_padded { PADDED } else { 0 };
        let scale = if number.has_exponent { 0 } else { number.scale };
        Self { whole: number.whole, scale: number.scale, scales: (scale, scale), flags: long | padded, ..self }
    }

    fn moment(self, at: Option<(i64, u16)>, is_zoned: bool) -> Self {
        let Some((micros, nanos)) = at else { return self };
        let moment = temporal::Moment { micros, nanos, is_zoned };
        let zone = if is_zoned { ZONED } else { NAIVE };
        let fine = if nanos > 0 { NANOS } else { 0 };
        let far = if moment.nanoseconds().is_none() { FAR } else { 0 };
        Self { flags: zone | fine | far, ..self }
    }

    /// Those of both.
    pub fn join(self, other: Self) -> Self {
        let fewest = match (self.scales.0, other.scales.0) {
            (0, scale) | (scale, 0) => scale,
            (one, other) => one.min(other),
        };
        Self {
            kind: ValueType::join_some(self.kind, other.kind),
            whole: self.whole.max(other.whole),
            scale: self.scale.max(other.scale),
            scales: (fewest, self.scales.1.max(other.scales.1)),
            flags: self.flags | other.flags,
        }
    }

    fn has(self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    fn has_labels(self) -> bool {
        self.has(PADDED) && self.scales.0 != self.scales.1
    }

    /// The type that holds the values; of nothing but nulls it is text.
    pub fn column(self) -> ColumnType {
        match self.kind {
            None | Some(ValueType::Text) => ColumnType::Text,
            Some(ValueType::Integer) => ColumnType::Integer,
            Some(ValueType::Float) if self.has_labels() => ColumnType::Text,
            Some(ValueType::Float) if self.has(LONG) => match self.whole.saturating_add(self.scale) {
                digits @ ..=MOST_DIGITS => ColumnType::Decimal(digits as u8, self.scale as u8),
                _ => ColumnType::Text,
            },
            Some(ValueType::Timestamp) if self.has(ZONED | NAIVE) || self.has(NANOS | FAR) => ColumnType::Text,
            Some(kind) => self.asked(kind),
        }
    }

    /// A type that was asked for, as its values need it where they are of that type.
    pub fn asked(self, kind: ValueType) -> ColumnType {
        let is_nano = self.has(NANOS) && !self.has(FAR);
        let is_utc = self.has(ZONED) && !self.has(NAIVE);
        match kind {
            ValueType::Integer => ColumnType::Integer,
            ValueType::Float => ColumnType::Float,
            ValueType::Boolean => ColumnType::Boolean,
            ValueType::Date => ColumnType::Date,
            ValueType::Timestamp => ColumnType::Timestamp(Clock { is_nano, is_utc }),
            ValueType::Time => ColumnType::Time(Clock { is_nano: self.has(NANOS), is_utc: false }),
            ValueType::Text => ColumnType::Text,
        }
    }

    /// The floats that the column takes.
    pub fn scales(self) -> Scales {
        if self.has(PADDED) { Scales::Same(self.scales.1) } else { Scales::Free }
    }

    /// Why the type is not the usual one of such values, in words.
    pub fn reason(self) -> Option<&'static str> {
        match (self.kind, self.column()) {
            (Some(ValueType::Float), ColumnType::Text) if self.has_labels() => {
                Some("text: some numbers differ only in the zeros at their end, like 1.1 and 1.10")
            }
            (Some(ValueType::Float), ColumnType::Text) => {
                Some("text: some numbers have more digits than a decimal holds")
            }
            (_, ColumnType::Decimal(..)) => Some("decimal: some numbers have more digits than a float holds"),
            (Some(ValueType::Timestamp), ColumnType::Text) if self.has(ZONED | NAIVE) => {
                Some("text: some timestamps have a zone, others have none")
            }
            (Some(ValueType::Timestamp), ColumnType::Text) => {
                Some("text: some timestamps have nanoseconds, others are outside the years 1678 to 2261")
            }
            (Some(ValueType::Timestamp), _) if self.has(DAY) => {
                Some("timestamp: some values are dates without a time, which become midnight")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_type_that_changes_none_of_its_values() {
        for (values, kind) in [
            (&["1", "2.5"][..], "float"),
            (&["1.50", "2.00", "3"], "float"),
            (&["1.0", "2.25"], "float"),
            (&["1.1", "1.10"], "text"),
            (&["3.9", "3.10", "4"], "text"),
            (&["1.0", "1.00"], "text"),
            (&["9007199254740993", "1"], "integer"),
            (&["9007199254740993", "0.5"], "decimal(17,1)"),
            (&["9007199254740992", "0.5"], "float"),
            (&["12345678901234567.89", "1.00"], "decimal(19,2)"),
            (&["0.1234567890123456789", "0.5"], "decimal(19,19)"),
            (&["1e-30", "12345678901234567.89"], "decimal(47,30)"),
            (&["1e-70", "12345678901234567.89"], "text"),
            (&["2024-01-01 00:00:00.123456789", "2024-01-01"], "timestamp(ns)"),
            (&["2024-01-01 00:00:00.123456789", "9999-12-31"], "text"),
            (&["2024-01-01 00:00:00.1234560", "9999-12-31"], "timestamp"),
            (&["2026-04-05T01:30:00+11:00", "2026-04-05T01:30:00Z"], "timestamp(UTC)"),
            (&["2026-04-05T01:30:00+11:00", "2026-04-05T01:30:00"], "text"),
            (&["2026-04-05T01:30:00Z", "2026-04-05"], "text"),
            (&["07:30:00.000000001", "08:00"], "time(ns)"),
            (&["2024-01-01", "x"], "text"),
            (&[], "text"),
        ] {
            let needs = values.iter().fold(Needs::default(), |all, value| all.join(Needs::of(value.as_bytes(), true)));
            assert_eq!(needs.column().to_string(), kind, "{values:?}");
            let is_told = match kind {
                "text" => !values.is_empty() && !values.contains(&"x"),
                _ if kind.starts_with("timestamp") => values.iter().any(|value| value.len() == 10),
                _ => kind.starts_with("dec"),
            };
            assert_eq!(needs.reason().is_some(), is_told, "{values:?}");
        }
    }
}
