//! What a field's text stands for.
//!
//! Nothing is lost by a type: a number with a leading zero or plus is text, as is an integer beyond 64 bits. Dates are
//! ISO 8601 (`2024-02-29`, also with `/`), times `12:30`, `12:30:00.5`, timestamps both with a blank or `T` between
//! and perhaps a zone.

mod digits;
mod exact;
mod needs;
mod temporal;

use self::temporal::{DAY_MICROS, shown_moment, temporal};

pub use self::digits::Digits;
pub use self::exact::{Number, number, unscaled};
pub use self::needs::{Clock, ColumnType, Needs, Scales};
pub use self::temporal::{Moment, clock, day, moment};

/// A type, in the order in which a value is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueType {
    /// 64 bits, signed.
    Integer,
    /// 64 bits, IEEE 754.
    Float,
    /// `true` or `false`.
    Boolean,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970-01-01 00:00, UTC where a zone is given.
    Timestamp,
    /// Microseconds since midnight.
    Time,
    /// Anything.
    Text,
}

/// All of them.
pub const KINDS: [ValueType; 7] = [
    ValueType::Integer,
    ValueType::Float,
    ValueType::Boolean,
    ValueType::Date,
    ValueType::Timestamp,
    ValueType::Time,
    ValueType::Text,
];

impl ValueType {
    /// The one of this number, as it is written with what is kept for a later run.
    pub fn of_number(number: u64) -> Option<Self> {
        KINDS.into_iter().find(|kind| *kind as u64 == number)
    }

    /// Its name in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Time => "time",
            Self::Text => "text",
        }
    }

    /// The narrowest type that holds values of both.
    pub fn join(self, other: Self) -> Self {
        match (self.min(other), self.max(other)) {
            (one, other) if one == other => one,
            (Self::Integer, Self::Float) => Self::Float,
            (Self::Date, Self::Timestamp) => Self::Timestamp,
            _ => Self::Text,
        }
    }
}

impl ValueType {
    /// The narrowest type that holds the values of both, where there are any.
    pub fn join_some(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.join(other)),
            (one, other) => one.or(other),
        }
    }
}

/// A value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// See [`ValueType::Integer`]; so below.
    Integer(i64),
    /// A number.
    Float(f64),
    /// A truth value.
    Boolean(bool),
    /// A day.
    Date(i32),
    /// A point in time.
    Timestamp(i64),
    /// A time of day.
    Time(i64),
    /// What is none of these.
    Text,
}

impl Value {
    /// Its type.
    #[inline]
    pub fn kind(self) -> ValueType {
        match self {
            Self::Integer(_) => ValueType::Integer,
            Self::Float(_) => ValueType::Float,
            Self::Boolean(_) => ValueType::Boolean,
            Self::Date(_) => ValueType::Date,
            Self::Timestamp(_) => ValueType::Timestamp,
            Self::Time(_) => ValueType::Time,
            Self::Text => ValueType::Text,
        }
    }

    /// As a number that sorts as the value does: days are given in microseconds, as timestamps are. None for text.
    #[inline]
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Integer(value) | Self::Timestamp(value) | Self::Time(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            Self::Boolean(value) => Some(f64::from(u8::from(value))),
            Self::Date(days) => Some(f64::from(days) * DAY_MICROS as f64),
            Self::Text => None,
        }
    }

    /// As a value of `kind`, when that holds it: an integer as a float, a day as the moment it begins, any as its own.
    #[inline]
    pub fn widened(self, kind: ValueType) -> Option<Self> {
        match (self, kind) {
            (Self::Integer(value), ValueType::Float) => Some(Self::Float(value as f64)),
            (Self::Date(days), ValueType::Timestamp) => Some(Self::Timestamp(i64::from(days) * DAY_MICROS)),
            (value, kind) => (value.kind() == kind).then_some(value),
        }
    }

    /// Its order: exact among values of one type, else that of their numbers. Texts have none.
    #[inline]
    pub fn is_less(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other))
            | (Self::Timestamp(one), Self::Timestamp(other))
            | (Self::Time(one), Self::Time(other)) => one < other,
            (one, other) => matches!((one.number(), other.number()), (Some(one), Some(other)) if one < other),
        }
    }

    /// The narrowest value that a field's text stands for.
    #[inline]
    pub fn of(text: &[u8]) -> Self {
        match text {
            [b'0'..=b'9' | b'-' | b'.', ..] => numeric(text),
            b"true" | b"True" | b"TRUE" => Self::Boolean(true),
            b"false" | b"False" | b"FALSE" => Self::Boolean(false),
            _ => Self::Text,
        }
    }
}

/// Powers of ten that a 64-bit float holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
/// Integers up to here a 64-bit float holds exactly.
const EXACT: u64 = 1 << 53;

#[inline]
fn numeric(text: &[u8]) -> Value {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut mantissa = 0u64;
    let mut place = 0;
    while let Some(digit) = digit(digits, place) {
        // Beyond 19 digits it is looked at again below.
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        place += 1;
    }
    let whole = place;
    if whole > 1 && digits[0] == b'0' {
        return if text.len() > 4 { temporal(text) } else { Value::Text };
    }
    if whole == digits.len() {
        return match i64::try_from(mantissa) {
            Ok(value) if whole <= 18 && whole > 0 => Value::Integer(if negative { -value } else { value }),
            _ => long_integer(text, whole),
        };
    }
    match digits[place] {
        b'.' => {
            place += 1;
            while let Some(digit) = digit(digits, place) {
                mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
                place += 1;
            }
            let decimals = place - whole - 1;
            let count = whole + decimals;
            if count == 0 {
                return Value::Text;
            }
            if place == digits.len() && count <= 18 && mantissa <= EXACT {
                // Both are exact, so that their quotient is the nearest float (Clinger 1990).
                let value = mantissa as f64 / TENS[decimals];
                return Value::Float(if negative { -value } else { value });
            }
            float(text, &digits[place..])
        }
        b'e' | b'E' if whole > 0 => float(text, &digits[place..]),
        b'-' | b'/' | b':' if !negative => temporal(text),
        _ => Value::Text,
    }
}

#[inline]
fn digit(digits: &[u8], place: usize) -> Option<u64> {
    let value = digits.get(place)?.wrapping_sub(b'0');
    (value < 10).then_some(u64::from(value))
}

/// Floats whose digits are written without an exponent.
const PLAIN_FLOATS: std::ops::Range<f64> = 1e-5..1e16;

#[cold]
fn long_integer(text: &[u8], digits: usize) -> Value {
    let parsed = std::str::from_utf8(text).ok().filter(|_| digits > 0).and_then(|text| text.parse().ok());
    parsed.map_or(Value::Text, Value::Integer)
}

/// `rest` is what follows the digits: nothing, or an exponent.
#[cold]
fn float(text: &[u8], rest: &[u8]) -> Value {
    if !matches!(rest.first(), None | Some(b'e' | b'E')) {
        return Value::Text;
    }
    // The standard library gives the same floats, but takes 30 ns for 17 digits instead of 22: 7 % of the CPU time of a
    // profile of such floats, 8 % of a conversion.
    match fast_float2::parse::<f64, _>(text) {
        Ok(value) if value.is_finite() => Value::Float(value),
        _ => Value::Text,
    }
}

impl Value {
    /// The value of a type that a number stands for, as [`Value::number`] gives it; integers are rounded.
    pub fn from_number(number: f64, kind: ValueType) -> Self {
        match kind {
            ValueType::Integer => Self::Integer(number.round() as i64),
            ValueType::Float => Self::Float(number),
            ValueType::Boolean => Self::Boolean(number >= 0.5),
            ValueType::Date => Self::Date((number / DAY_MICROS as f64).floor() as i32),
            ValueType::Timestamp => Self::Timestamp(number as i64),
            ValueType::Time => Self::Time(number as i64),
            ValueType::Text => Self::Text,
        }
    }

    /// In words that stand for the same value again; empty for text.
    pub fn shown(self) -> String {
        match self {
            Self::Integer(value) => value.to_string(),
            // Digits of 1e300 tell nothing: the shortest text that reads back.
            Self::Float(value) if value == 0.0 || PLAIN_FLOATS.contains(&value.abs()) => value.to_string(),
            Self::Float(value) => format!("{value:e}"),
            Self::Boolean(value) => value.to_string(),
            Self::Date(days) => shown_moment(i64::from(days) * DAY_MICROS, "%Y-%m-%d", ""),
            Self::Timestamp(micros) => shown_moment(micros, "%Y-%m-%d %H:%M:%S", "%.6f"),
            Self::Time(micros) => shown_moment(micros, "%H:%M:%S", "%.6f"),
            Self::Text => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_nearest_there_are() {
        for text in ["0", "-1", "123456789012345678", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(Value::of(text.as_bytes()), Value::Integer(text.parse().unwrap()), "{text}");
        }
        for text in [
            "0.1",
            "-12.50",
            ".5",
            "5.",
            "1e300",
            "-2.5E-3",
            "123456789012345678901.5",
            "0.30000000000000004",
            "9007199254740993.0",
        ] {
            assert_eq!(Value::of(text.as_bytes()), Value::Float(text.parse().unwrap()), "{text}");
        }
        let mut state = 7u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let text = format!("{}.{:0width$}", state >> 44, (state >> 20) % 1000, width = 3 + (state % 9) as usize);
            assert_eq!(Value::of(text.as_bytes()), Value::Float(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_a_type_would_change_is_text() {
        for text in [
            "007",
            "00.5",
            "+49",
            "-",
            ".",
            "1e",
            "1e999",
            "9223372036854775808",
            "1.2.3",
            "12a",
            "--1",
            "1-",
            "",
            " 1",
            "2023-02-29",
            "2023-13-01",
            "2023-1-1",
            "2023-01/01",
            "24:00",
            "12:60",
            "12:30:61",
            "2023-01-01T",
            "nan",
            "inf",
            "2023-01-01 12",
            "12:30:00.",
            "2023-01-01 12:30+1",
            "-.",
            "-007",
            "0x10",
            "1_000",
        ] {
            assert_eq!(Value::of(text.as_bytes()), Value::Text, "{text}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let mut day = chrono::NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
        let epoch = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        while day < chrono::NaiveDate::from_ymd_opt(2500, 1, 1).unwrap() {
            let days = day.signed_duration_since(epoch).num_days() as i32;
            assert_eq!(Value::of(day.format("%Y-%m-%d").to_string().as_bytes()), Value::Date(days));
            day += chrono::Duration::days(13);
        }
        assert_eq!(Value::of(b"0001/01/01"), Value::Date(-719_162));
        assert_eq!(Value::of(b"1970-01-02T00:00:01.5+01:00"), Value::Timestamp(DAY_MICROS + 1_500_000 - 3_600_000_000));
        assert_eq!(Value::of(b"1970-01-01 00:00Z"), Value::Timestamp(0));
        assert_eq!(Value::of(b"23:59:59.999999"), Value::Time(DAY_MICROS - 1));
        assert_eq!(Value::of(b"07:30"), Value::Time(27_000_000_000));
        for (text, shown) in [
            ("1969-12-31T23:59:58.5", "1969-12-31 23:59:58.500000"),
            ("2024/02/29", "2024-02-29"),
            ("07:30", "07:30:00"),
            ("-12.50", "-12.5"),
            ("true", "true"),
            ("-9", "-9"),
            ("1e300", "1e300"),
            ("-0.00000123", "-1.23e-6"),
        ] {
            let value = Value::of(text.as_bytes());
            assert_eq!(value.shown(), shown);
            assert_eq!(Value::from_number(value.number().unwrap(), value.kind()), value);
            assert_eq!(Value::of(shown.as_bytes()), value);
        }
    }

    #[test]
    fn types_widen_to_what_holds_both() {
        assert_eq!(ValueType::Integer.join(ValueType::Float), ValueType::Float);
        assert_eq!(ValueType::Timestamp.join(ValueType::Date), ValueType::Timestamp);
        assert_eq!(ValueType::Boolean.join(ValueType::Integer), ValueType::Text);
        KINDS.into_iter().for_each(|kind| assert_eq!(kind.join(kind), kind));
    }
}
