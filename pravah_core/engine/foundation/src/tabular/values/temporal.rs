//! Days and times of day.

use super::{Value, digit};

/// A point in time as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since 1970-01-01 00:00, UTC where a zone is given.
    pub micros: i64,
    /// Nanoseconds beyond them.
    pub nanos: u16,
    /// A zone is given.
    pub is_zoned: bool,
}

impl Moment {
    /// The beginning of a day, in no zone.
    pub fn of_day(days: i32) -> Self {
        Self { micros: i64::from(days) * DAY_MICROS, nanos: 0, is_zoned: false }
    }

    /// In nanoseconds; none outside the years 1678 to 2261.
    #[inline]
    pub fn nanoseconds(self) -> Option<i64> {
        self.micros.checked_mul(1_000)?.checked_add(i64::from(self.nanos))
    }
}

/// Microseconds of a day.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// A date, a timestamp or a time.
pub fn temporal(text: &[u8]) -> Value {
    let found = match text {
        [_, _, b':', ..] => clock(text).map(|(micros, _)| Value::Time(micros)),
        [_, _, _, _, _, _, _, _, _, _] => day(text).map(Value::Date),
        _ => moment(text).map(|moment| Value::Timestamp(moment.micros)),
    };
    found.unwrap_or(Value::Text)
}

/// A timestamp.
#[inline]
pub fn moment(text: &[u8]) -> Option<Moment> {
    let (days, rest) = date(text)?;
    let [b' ' | b'T', rest @ ..] = rest else { return None };
    let (micros, nanos, rest) = time(rest)?;
    let micros = i64::from(days) * DAY_MICROS + micros - zone(rest)?;
    Some(Moment { micros, nanos, is_zoned: !rest.is_empty() })
}

/// A time of day: microseconds, and nanoseconds beyond them.
#[inline]
pub fn clock(text: &[u8]) -> Option<(i64, u16)> {
    time(text).filter(|(_, _, rest)| rest.is_empty()).map(|(micros, nanos, _)| (micros, nanos))
}

/// A text that is a day and nothing else, as [`Value::of`] tells it: faster where days are expected.
#[inline]
pub fn day(text: &[u8]) -> Option<i32> {
    date(text).filter(|(_, rest)| rest.is_empty()).map(|(days, _)| days)
}

fn two(text: &[u8], place: usize) -> Option<u32> {
    Some((digit(text, place)? * 10 + digit(text, place + 1)?) as u32)
}

#[inline]
fn date(text: &[u8]) -> Option<(i32, &[u8])> {
    if text.len() < 10 || text[4] != text[7] || !matches!(text[4], b'-' | b'/') {
        return None;
    }
    let year = (two(text, 0)? * 100 + two(text, 2)?) as i32;
    let (month, day) = (two(text, 5)?, two(text, 8)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    // Days from civil, after Howard Hinnant's "chrono-compatible low-level date algorithms".
    let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = ((153 * shifted_month + 2) / 5 + day - 1) as i32;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some((era * 146_097 + day_of_era - 719_468, &text[10..]))
}

fn time(text: &[u8]) -> Option<(i64, u16, &[u8])> {
    let (hour, minute) = (two(text, 0)?, two(text, 3)?);
    if text[2] != b':' || hour > 23 || minute > 59 {
        return None;
    }
    let mut micros = i64::from(hour * 60 + minute) * 60_000_000;
    let mut nanos = 0;
    let mut rest = &text[5..];
    if let [b':', ..] = rest {
        let second = two(rest, 1).filter(|second| *second < 60)?;
        micros += i64::from(second) * 1_000_000;
        rest = &rest[3..];
        if let [b'.', ..] = rest {
            let mut place = 1;
            let mut unit = 100_000_000;
            while let Some(digit) = digit(rest, place) {
                nanos += digit as u32 * unit;
                unit /= 10;
                place += 1;
            }
            if !(2..=10).contains(&place) {
                return None;
            }
            rest = &rest[place..];
        }
    }
    Some((micros + i64::from(nanos / 1_000), (nanos % 1_000) as u16, rest))
}

/// Microseconds that local time is ahead of UTC.
fn zone(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        [] | [b'Z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let minute = match rest.len() {
        2 => 0,
        4 => two(rest, 2)?,
        5 if rest[2] == b':' => two(rest, 3)?,
        _ => return None,
    };
    let hour = two(rest, 0).filter(|hour| *hour < 24 && minute < 60)?;
    Some(sign * i64::from(hour * 60 + minute) * 60_000_000)
}

/// A moment, in microseconds since the epoch; `part` for what is no whole second.
pub fn shown_moment(micros: i64, format: &str, part: &str) -> String {
    match chrono::DateTime::from_timestamp_micros(micros) {
        Some(moment) if micros.rem_euclid(1_000_000) == 0 => moment.format(format).to_string(),
        Some(moment) => moment.format(&format!("{format}{part}")).to_string(),
        None => micros.to_string(),
    }
}
