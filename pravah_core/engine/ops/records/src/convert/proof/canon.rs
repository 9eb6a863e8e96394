//! The canonical forms of values, and their hashes: the same for a field as it was read and for the value that a reader
//! finds. Nothing here is shared with the parsers that build columns.

use arrow_array::types::{ArrowPrimitiveType, Decimal256Type};
use pravah_foundation::tabular::values::ColumnType;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::super::plan::{Form, TargetColumn};

/// An integer of 256 bits.
pub type Wide = <Decimal256Type as ArrowPrimitiveType>::Native;

/// Days from the first year to 1970.
const EPOCH: i32 = 719_163;
/// Days of a year before each month, and all of them.
const MONTHS: [i32; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
/// Powers of ten that a float holds exactly.
const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
const DAY_NANOS: i128 = 86_400_000_000_000;

/// A text.
#[inline]
pub fn text(value: &[u8]) -> u64 {
    xxh3_64_with_seed(value, 1)
}

/// Bytes that are no text.
pub fn binary(value: &[u8]) -> u64 {
    xxh3_64_with_seed(value, 2)
}

/// A whole number.
#[inline]
pub fn integer(value: i64) -> u64 {
    xxh3_64_with_seed(&value.to_le_bytes(), 3)
}

/// A whole number beyond 63 bits.
pub fn unsigned(value: u64) -> u64 {
    i64::try_from(value).map_or_else(|_| xxh3_64_with_seed(&value.to_le_bytes(), 4), integer)
}

/// A float. Both zeros are the same number, and what is not a number is one value.
#[inline]
pub fn float(value: f64) -> u64 {
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    xxh3_64_with_seed(&value.to_le_bytes(), 5)
}

/// A decimal without its point, which is the same in all of its column.
pub fn decimal(unscaled: Wide) -> u64 {
    xxh3_64_with_seed(&unscaled.to_le_bytes(), 6)
}

/// A truth value.
#[inline]
pub fn boolean(value: bool) -> u64 {
    xxh3_64_with_seed(&[u8::from(value)], 7)
}

/// Days since 1970-01-01.
#[inline]
pub fn date(days: i32) -> u64 {
    xxh3_64_with_seed(&days.to_le_bytes(), 8)
}

/// Nanoseconds since 1970-01-01, in UTC or in no zone.
#[inline]
pub fn moment(nanos: i128, is_utc: bool) -> u64 {
    xxh3_64_with_seed(&nanos.to_le_bytes(), 9 + u64::from(is_utc))
}

/// Nanoseconds since midnight.
#[inline]
pub fn time(nanos: i64) -> u64 {
    xxh3_64_with_seed(&nanos.to_le_bytes(), 11)
}

/// What lies in others, in a form of bytes.
pub fn nested(bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, 12)
}

/// A field of which no value of its column's type can be made: it equals no value.
pub fn unreadable(field: &[u8]) -> u64 {
    xxh3_64_with_seed(field, 13)
}

/// Nanoseconds from one moment to another.
pub fn duration(nanos: i128) -> u64 {
    xxh3_64_with_seed(&nanos.to_le_bytes(), 14)
}

/// A span of the calendar: months, days and milliseconds.
pub fn interval(months: i32, days: i32, millis: i32) -> u64 {
    xxh3_64_with_seed(&[months, days, millis].map(i32::to_le_bytes).concat(), 15)
}

/// A value that becomes one of a column, in the form that the column has.
#[inline]
pub fn field(column: &TargetColumn, text: &[u8]) -> u64 {
    let found = match (column.form, column.kind) {
        (Form::Field | Form::Token, _) | (_, ColumnType::Text) => Some(self::text(text)),
        (_, ColumnType::Integer) => integer_of(text).map(integer),
        (_, ColumnType::Float) => float_of(text).map(float),
        (_, ColumnType::Date) => date_of(text).map(date),
        (_, ColumnType::Decimal(_, scale)) => decimal_of(text, scale.into()).map(decimal),
        (_, ColumnType::Boolean) => boolean_of(text).map(boolean),
        (_, ColumnType::Timestamp(_)) => moment_of(text).map(|(nanos, is_utc)| moment(nanos, is_utc)),
        (_, ColumnType::Time(_)) => time_of(text).map(time),
    };
    found.unwrap_or_else(|| unreadable(text))
}

/// The whole number of a text.
#[inline]
pub fn integer_of(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 18 || digits.is_empty() {
        return std::str::from_utf8(text).ok()?.parse().ok();
    }
    let (mut value, mut is_number) = (0_i64, true);
    for byte in digits {
        value = value * 10 + i64::from(byte.wrapping_sub(b'0'));
        is_number &= byte.is_ascii_digit();
    }
    if !is_number {
        return None;
    }
    Some(if is_negative { -value } else { value })
}

/// The float nearest to the number of a text.
#[inline]
pub fn float_of(text: &[u8]) -> Option<f64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 16 {
        return fast_float2::parse(text).ok();
    }
    let (mut mantissa, mut point) = (0, digits.len().checked_sub(1)?);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa * 10 + u64::from(byte - b'0'),
            b'.' if point + 1 == digits.len() => point = at,
            _ => return fast_float2::parse(text).ok(),
        }
    }
    // Up to 16 digits are exact below 2^53, and the power of ten is: their quotient is the nearest float (Clinger 1990).
    if mantissa >> 53 > 0 {
        return fast_float2::parse(text).ok();
    }
    let value = mantissa as f64 / TENS[digits.len() - point - 1];
    Some(if is_negative { -value } else { value })
}

/// A number without its point and with `scale` digits behind it.
pub fn decimal_of(text: &[u8], scale: i64) -> Option<Wide> {
    let text = std::str::from_utf8(text).ok()?;
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, behind) = number.split_once('.').unwrap_or((number, ""));
    let mut digits = format!("{whole}{behind}");
    let missing = scale + exponent - behind.len() as i64;
    match usize::try_from(missing) {
        Ok(zeros) if digits.bytes().any(|digit| matches!(digit, b'1'..=b'9')) => {
            digits.extend(std::iter::repeat_n('0', zeros));
        }
        Ok(_) => digits = "0".to_owned(),
        Err(_) => {
            let kept = digits.len().saturating_sub(usize::try_from(-missing).ok()?);
            let is_lossless = digits[kept..].bytes().all(|digit| matches!(digit, b'0' | b'-'));
            digits.truncate(if is_lossless { kept } else { return None });
        }
    }
    if digits.is_empty() || digits == "-" {
        digits = "0".to_owned();
    }
    Wide::from_string(&digits)
}

/// The truth value of a text.
pub fn boolean_of(text: &[u8]) -> Option<bool> {
    [(&b"true"[..], true), (b"false", false)]
        .into_iter()
        .find(|(word, _)| text.eq_ignore_ascii_case(word))
        .map(|of| of.1)
}

#[inline]
fn digits(text: &[u8]) -> Option<u32> {
    let (mut value, mut is_number) = (0_u32, text.len() < 10);
    for byte in text {
        value = value.wrapping_mul(10).wrapping_add(u32::from(byte.wrapping_sub(b'0')));
        is_number &= byte.is_ascii_digit();
    }
    is_number.then_some(value)
}

/// The day of a text, `2024-02-29`.
#[inline]
pub fn date_of(text: &[u8]) -> Option<i32> {
    let text: &[u8; 10] = text.try_into().ok()?;
    let year = i32::try_from(digits(&text[..4])?).ok()?;
    let (month, day) = (digits(&text[5..7])? as usize, digits(&text[8..])? as i32);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let begins = *MONTHS.get(month.checked_sub(1)?)? + i32::from(is_leap && month > 2);
    let ends = MONTHS.get(month)? + i32::from(is_leap && month > 1);
    let before = year - 1;
    // The years before it, their leap days, and the days of its own.
    let days = before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) + begins + day;
    (day > 0 && begins + day <= ends).then_some(days - EPOCH)
}

/// The nanoseconds of `12:30`, `12:30:05` or `12:30:05.25`.
pub fn time_of(text: &[u8]) -> Option<i64> {
    let (clock, part) = match memchr::memchr(b'.', text) {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &text[text.len()..]),
    };
    let mut seconds = 0;
    let mut units = [3_600, 60, 1].into_iter();
    for number in clock.split(|&byte| byte == b':') {
        seconds += i64::from(digits(number)?) * units.next()?;
    }
    let nanos = i64::from(digits(part)?) * 10_i64.checked_pow(9_u32.checked_sub(part.len() as u32)?)?;
    Some(seconds * 1_000_000_000 + nanos)
}

/// The nanoseconds of a moment or of the beginning of a day, and whether it has a zone.
pub fn moment_of(text: &[u8]) -> Option<(i128, bool)> {
    let (day, rest) = text.split_at_checked(10)?;
    let day = i128::from(date_of(day)?) * DAY_NANOS;
    let Some((_, rest)) = rest.split_first() else { return Some((day, false)) };
    let zone = rest.iter().position(|byte| matches!(byte, b'Z' | b'+' | b'-'));
    let nanos = i128::from(time_of(&rest[..zone.unwrap_or(rest.len())])?);
    let Some(at) = zone else { return Some((day + nanos, false)) };
    let hours: Vec<u8> = rest[at + 1..].iter().copied().filter(|&byte| byte != b':').collect();
    let minutes = match hours.len() {
        0 => 0,
        2 => digits(&hours)? * 60,
        4 => digits(&hours[..2])? * 60 + digits(&hours[2..])?,
        _ => return None,
    };
    let offset = i128::from(minutes) * 60_000_000_000;
    Some((day + nanos - if rest[at] == b'-' { -offset } else { offset }, true))
}
