//! What dates and times look like.

use super::after_blank;
use super::moments::{month_name, number_of, zone};

/// In which order a date has its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DateParts {
    /// There is no date.
    None,
    /// Day and month in any order: both are at most 12.
    Either,
    /// `31/12/2024`
    DayFirst,
    /// `12/31/2024`
    MonthFirst,
    /// `2024.12.31`, `2024-1-5`
    YearFirst,
    /// `31-Dec-2024`
    Named,
    /// `Dec 31, 2024`
    NameFirst,
    /// `20241231`, and with a time `20241231235959`
    Digits,
}

const PARTS: [DateParts; 8] = [
    DateParts::None,
    DateParts::Either,
    DateParts::DayFirst,
    DateParts::MonthFirst,
    DateParts::YearFirst,
    DateParts::Named,
    DateParts::NameFirst,
    DateParts::Digits,
];

/// What a date or a time looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MomentShape {
    pub parts: DateParts,
    /// What is between the parts of the date.
    pub mark: u8,
    /// The year has two digits.
    pub is_short: bool,
    /// The name of the month is whole: 2; short: 1; either, as May is: 0.
    pub name: u8,
    /// There is a comma behind the day, `Dec 31, 2024`.
    pub has_comma: bool,
    /// What is between date and time: nothing, a blank, `T`, or a comma and a blank.
    pub joint: u8,
    pub clock: ClockShape,
}

/// What a time looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ClockShape {
    /// Nothing; 1: to the minute, 2: to the second, 3 and 4: to parts of it behind a point or a comma.
    pub until: u8,
    /// AM or PM behind it: 1, with a blank between: 2.
    pub half: u8,
    pub has_zone: bool,
}

impl MomentShape {
    /// That of a text without blanks around it.
    pub fn of(text: &[u8]) -> Option<Self> {
        if let Some((clock, b"")) = clock(text) {
            // Without AM or PM it may be a duration, or a result.
            return (clock.half > 0 && !clock.has_zone).then_some(Self { clock, ..Self::of_parts(DateParts::None) });
        }
        if text.iter().all(u8::is_ascii_digit) {
            return digits(text);
        }
        let (date, rest) = if text[0].is_ascii_alphabetic() { name_first(text)? } else { date(text)? };
        let (joint, rest) = match rest {
            [] => return Some(date),
            [b'T', rest @ ..] => (b'T', rest),
            [b',', b' ', rest @ ..] => (b',', rest),
            rest => (b' ', after_blank(rest)?),
        };
        let (clock, rest) = clock(rest)?;
        rest.is_empty().then_some(Self { joint, clock, ..date })
    }

    fn of_parts(parts: DateParts) -> Self {
        Self { parts, mark: 0, is_short: false, name: 0, has_comma: false, joint: 0, clock: ClockShape::default() }
    }

    /// The pattern of strptime, with day and month in that order.
    pub fn pattern(self, is_day_first: bool) -> String {
        let year = if self.is_short { "%y" } else { "%Y" };
        let mark = char::from(self.mark);
        let name = if self.name == 2 { "%B" } else { "%b" };
        let comma = if self.has_comma { "," } else { "" };
        let date = match self.parts {
            DateParts::None => String::new(),
            DateParts::Either | DateParts::DayFirst | DateParts::MonthFirst => match is_day_first {
                true => format!("%d{mark}%m{mark}{year}"),
                false => format!("%m{mark}%d{mark}{year}"),
            },
            DateParts::YearFirst => format!("{year}{mark}%m{mark}%d"),
            DateParts::Named => format!("%d{mark}{name}{mark}{year}"),
            DateParts::NameFirst => format!("{name} %d{comma} {year}"),
            DateParts::Digits => "%Y%m%d".to_owned(),
        };
        let joint = match self.joint {
            0 => String::new(),
            b',' => ", ".to_owned(),
            joint => char::from(joint).to_string(),
        };
        format!("{date}{joint}{}", self.clock.pattern(self.parts == DateParts::Digits))
    }

    pub fn code(self) -> u64 {
        let parts = PARTS.iter().position(|parts| *parts == self.parts).unwrap_or_default() as u64;
        let flags = u64::from(self.is_short) | u64::from(self.has_comma) << 1 | u64::from(self.clock.has_zone) << 2;
        let clock = self.clock.until | self.clock.half << 4;
        [self.mark, self.name, self.joint, clock]
            .into_iter()
            .fold(parts | flags << 4, |code, byte| code << 8 | u64::from(byte))
    }

    pub fn of_code(code: u64) -> Option<Self> {
        let [.., top, mark, name, joint, clock] = code.to_be_bytes();
        let flags = top >> 4;
        let clock = ClockShape { until: clock & 15, half: clock >> 4, has_zone: flags & 4 > 0 };
        let parts = *PARTS.get(usize::from(top & 15))?;
        let shape = Self { parts, mark, is_short: flags & 1 > 0, name, has_comma: flags & 2 > 0, joint, clock };
        (shape.code() == code && clock.until < 5 && clock.half < 3).then_some(shape)
    }
}

impl ClockShape {
    fn pattern(self, is_digits: bool) -> String {
        if is_digits {
            return if self.until == 0 { String::new() } else { "%H%M%S".to_owned() };
        }
        if self.until == 0 {
            return String::new();
        }
        let hour = if self.half > 0 { "%I" } else { "%H" };
        let second = ["", "", ":%S", ":%S.%f", ":%S,%f"][usize::from(self.until)];
        let half = ["", "%p", " %p"][usize::from(self.half)];
        let zone = if self.has_zone { "%z" } else { "" };
        format!("{hour}:%M{second}{half}{zone}")
    }
}

/// A year of which both digits are there, or all four.
fn year(text: &[u8]) -> Option<(u32, bool, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (value, rest) = number_of(text, 2, 4)?;
    match length {
        2 => Some((value + if value < 69 { 2000 } else { 1900 }, true, rest)),
        4 => Some((value, false, rest)),
        _ => None,
    }
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    chrono::NaiveDate::from_ymd_opt(i32::try_from(year).unwrap_or_default(), month, day).is_some()
}

/// `20241231` or `20241231235959`, of this century or the last.
fn digits(text: &[u8]) -> Option<MomentShape> {
    let (date, time) = text.split_at_checked(8)?;
    let (year, rest) = number_of(date, 4, 4)?;
    let (month, rest) = number_of(rest, 2, 2)?;
    let (day, _) = number_of(rest, 2, 2)?;
    let clock = match time {
        [] => ClockShape::default(),
        [_, _, _, _, _, _] => {
            let (hour, rest) = number_of(time, 2, 2)?;
            let (minute, rest) = number_of(rest, 2, 2)?;
            let (second, _) = number_of(rest, 2, 2)?;
            let is_time = hour < 24 && minute < 60 && second < 60;
            is_time.then_some(ClockShape { until: 2, ..ClockShape::default() })?
        }
        _ => return None,
    };
    ((1900..2100).contains(&year) && is_day(year, month, day))
        .then_some(MomentShape { clock, ..MomentShape::of_parts(DateParts::Digits) })
}

/// `Dec 31, 2024`
fn name_first(text: &[u8]) -> Option<(MomentShape, &[u8])> {
    let (month, is_whole, rest) = month_name(text)?;
    let (day, rest) = number_of(after_blank(rest)?, 1, 2)?;
    let (has_comma, rest) = rest.strip_prefix(b",").map_or((false, rest), |rest| (true, rest));
    let (year, is_short, rest) = year(after_blank(rest)?)?;
    let name = name(month, is_whole);
    let shape = MomentShape { is_short, name, has_comma, ..MomentShape::of_parts(DateParts::NameFirst) };
    (!is_short && is_day(year, month, day)).then_some((shape, rest))
}

fn name(month: u32, is_whole: bool) -> u8 {
    match (month, is_whole) {
        (5, _) => 0,
        (_, false) => 1,
        (_, true) => 2,
    }
}

/// Any date that begins with a digit.
fn date(text: &[u8]) -> Option<(MomentShape, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (one, rest) = number_of(text, 1, 4).filter(|_| matches!(length, 1 | 2 | 4))?;
    let (&mark, rest) = rest.split_first().filter(|(mark, _)| matches!(mark, b'/' | b'.' | b'-' | b' '))?;
    let next = |text: &'_ [u8]| -> Option<usize> { text.first().filter(|byte| **byte == mark).map(|_| 1) };
    if rest.first()?.is_ascii_alphabetic() {
        let (month, is_whole, rest) = month_name(rest).filter(|_| length < 3)?;
        let (year, is_short, rest) = year(rest.get(next(rest)?..)?)?;
        let name = name(month, is_whole);
        let shape = MomentShape { mark, is_short, name, ..MomentShape::of_parts(DateParts::Named) };
        return is_day(year, month, one).then_some((shape, rest));
    }
    let middle = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (two, rest) = number_of(rest, 1, 2).filter(|_| middle < 3 && mark != b' ')?;
    let rest = rest.get(next(rest)?..)?;
    if length == 4 {
        let (day, rest) = number_of(rest, 1, 2).filter(|(_, rest)| !rest.first().is_some_and(u8::is_ascii_digit))?;
        let shape = MomentShape { mark, ..MomentShape::of_parts(DateParts::YearFirst) };
        return is_day(one, two, day).then_some((shape, rest));
    }
    let (year, is_short, rest) = year(rest)?;
    // `1.2.34` is a version rather than a date.
    if is_short && mark == b'.' && (length, middle) != (2, 2) {
        return None;
    }
    let parts = match (is_day(year, two, one), is_day(year, one, two)) {
        // Nobody writes the month first with points.
        (true, _) if mark == b'.' => DateParts::DayFirst,
        (true, true) => DateParts::Either,
        (true, false) => DateParts::DayFirst,
        (false, true) => DateParts::MonthFirst,
        (false, false) => return None,
    };
    Some((MomentShape { mark, is_short, ..MomentShape::of_parts(parts) }, rest))
}

/// A time of day, and what follows it.
fn clock(text: &[u8]) -> Option<(ClockShape, &[u8])> {
    let (hour, rest) = number_of(text, 1, 2)?;
    let (minute, mut rest) = number_of(rest.strip_prefix(b":")?, 2, 2)?;
    let (mut until, mut second) = (1, 0);
    if let Some(behind) = rest.strip_prefix(b":") {
        (second, rest) = number_of(behind, 2, 2)?;
        until = 2;
        if let [mark @ (b'.' | b','), behind @ ..] = rest
            && behind.first().is_some_and(u8::is_ascii_digit)
        {
            let length = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
            rest = behind.get(length..).filter(|_| length <= 9)?;
            until = if *mark == b'.' { 3 } else { 4 };
        }
    }
    let spaced = after_blank(rest);
    let (half, rest) = match spaced.unwrap_or(rest).split_at_checked(2) {
        Some((half, rest)) if [b"am", b"pm"].iter().any(|word| half.eq_ignore_ascii_case(*word)) => {
            (if spaced.is_some() { 2 } else { 1 }, rest)
        }
        _ => (0, rest),
    };
    let (has_zone, rest) = match zone(rest) {
        Some((_, rest)) => (true, rest),
        None => (false, rest),
    };
    let hours = if half > 0 { 1..=12 } else { 0..=23 };
    (hours.contains(&hour) && minute < 60 && second < 60).then_some((ClockShape { until, half, has_zone }, rest))
}
