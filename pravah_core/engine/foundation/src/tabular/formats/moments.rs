//! Dates and times by a pattern of strptime.

use super::after_blank;
use crate::tabular::values::{ValueType, day};

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `%Y`, four digits.
    Year,
    /// `%y`, two digits: 1969 to 2068, as POSIX has it.
    ShortYear,
    /// `%m`; so below: true when two digits are needed, since a number follows.
    Month(bool),
    /// `%b` or `%B`, in English.
    MonthName,
    /// `%d`
    Day(bool),
    /// `%H`
    Hour(bool),
    /// `%I`
    HalfHour(bool),
    /// `%M`
    Minute,
    /// `%S`
    Second,
    /// `%f`, up to nine digits.
    Fraction,
    /// `%p`
    Half,
    /// `%z`
    Zone,
    /// One or more blanks.
    Blank,
    /// This text.
    Text(Vec<u8>),
}

/// Dates, times or timestamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MomentFormat {
    pattern: String,
    kind: ValueType,
    parts: Vec<Part>,
}

/// The sign, hours and minutes that local time is ahead of UTC, or behind.
type Zone = (u8, u32, u32);

/// What was read of a value.
#[derive(Debug, Default)]
struct Found<'a> {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    is_afternoon: bool,
    fraction: &'a [u8],
    zone: Option<Zone>,
}

/// Months as English writes them.
pub const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const LONGEST: usize = 100;

impl MomentFormat {
    /// Read a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        if pattern.len() > LONGEST {
            return Err(format!("a pattern must have at most {LONGEST} bytes"));
        }
        let parts = parts(pattern)?;
        let has = |is_one: fn(&Part) -> bool| parts.iter().any(is_one);
        let year = has(|part| matches!(part, Part::Year | Part::ShortYear));
        let month = has(|part| matches!(part, Part::Month(_) | Part::MonthName));
        let (day, minute) = (has(|part| matches!(part, Part::Day(_))), has(|part| *part == Part::Minute));
        let (hour, half_hour) =
            (has(|part| matches!(part, Part::Hour(_))), has(|part| matches!(part, Part::HalfHour(_))));
        let has_clock = (hour || half_hour) && minute;
        let rest = has(|part| matches!(part, Part::Second | Part::Fraction | Part::Half | Part::Zone));
        let has_fraction = has(|part| *part == Part::Fraction);
        let kind = match (year && month && day, year || month || day, has_clock) {
            (true, _, true) => ValueType::Timestamp,
            (true, _, false) if !hour && !half_hour && !minute && !rest => ValueType::Date,
            (false, false, true) if !has(|part| *part == Part::Zone) => ValueType::Time,
            _ => {
                let asked =
                    "a day (%d), a month (%m, %b or %B) and a year (%Y or %y), an hour (%H or %I) and minutes (%M)";
                return Err(format!("{pattern:?} needs {asked}, or both; a zone (%z) needs a day"));
            }
        };
        if half_hour != has(|part| *part == Part::Half) || hour && half_hour {
            return Err(format!("{pattern:?} must have %I and %p together, or %H"));
        }
        if has_fraction && !(pattern.contains("%S.%f") || pattern.contains("%S,%f")) {
            return Err(format!("{pattern:?} must have %f behind the seconds: %S.%f or %S,%f"));
        }
        Ok(Self { pattern: pattern.to_owned(), kind, parts })
    }

    /// The pattern.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The type of its values.
    pub fn kind(&self) -> ValueType {
        self.kind
    }

    /// Write a value as ISO 8601 has it.
    pub fn read(&self, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let (mut found, mut rest, mut is_half) = (Found::default(), text, false);
        for part in &self.parts {
            is_half |= *part == Part::Half;
            rest = found.part(part, rest)?;
        }
        if !rest.is_empty() || found.hour > 23 || found.minute > 59 || found.second > 59 {
            return None;
        }
        if is_half {
            if !(1..=12).contains(&found.hour) {
                return None;
            }
            found.hour = found.hour % 12 + if found.is_afternoon { 12 } else { 0 };
        }
        if self.kind != ValueType::Time {
            digits(out, found.year, 4);
            [found.month, found.day].into_iter().for_each(|number| {
                out.push(b'-');
                digits(out, number, 2);
            });
            // The calendar has such a day.
            day(out)?;
        }
        if self.kind != ValueType::Date {
            found.clock(self.kind == ValueType::Timestamp, out);
        }
        Some(())
    }
}

impl<'a> Found<'a> {
    /// Take a part: what follows it.
    fn part(&mut self, part: &Part, text: &'a [u8]) -> Option<&'a [u8]> {
        let to = |number: &mut u32, least: usize, most: usize| {
            let (value, rest) = number_of(text, least, most)?;
            *number = value;
            Some(rest)
        };
        let least = |is_fixed: bool| if is_fixed { 2 } else { 1 };
        match part {
            Part::Year => to(&mut self.year, 4, 4),
            Part::ShortYear => {
                let rest = to(&mut self.year, 2, 2)?;
                self.year += if self.year < 69 { 2000 } else { 1900 };
                Some(rest)
            }
            Part::Month(is_fixed) => to(&mut self.month, least(*is_fixed), 2),
            Part::Day(is_fixed) => to(&mut self.day, least(*is_fixed), 2),
            Part::Hour(is_fixed) | Part::HalfHour(is_fixed) => to(&mut self.hour, least(*is_fixed), 2),
            Part::Minute => to(&mut self.minute, 2, 2),
            Part::Second => to(&mut self.second, 2, 2),
            Part::MonthName => {
                let (month, _, rest) = month_name(text)?;
                self.month = month;
                Some(rest)
            }
            Part::Fraction => {
                let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
                self.fraction = text.get(..length).filter(|digits| (1..=9).contains(&digits.len()))?;
                Some(&text[length..])
            }
            Part::Half => {
                let (half, rest) = text.split_at_checked(2)?;
                self.is_afternoon = half.eq_ignore_ascii_case(b"pm");
                (self.is_afternoon || half.eq_ignore_ascii_case(b"am")).then_some(rest)
            }
            Part::Zone => {
                let (zone, rest) = zone(text)?;
                self.zone = Some(zone);
                Some(rest)
            }
            Part::Blank => {
                let mut rest = after_blank(text)?;
                while let Some(more) = after_blank(rest) {
                    rest = more;
                }
                Some(rest)
            }
            Part::Text(part) => text.strip_prefix(&part[..]),
        }
    }

    fn clock(&self, has_day: bool, out: &mut Vec<u8>) {
        if has_day {
            out.push(b' ');
        }
        digits(out, self.hour, 2);
        [self.minute, self.second].into_iter().for_each(|number| {
            out.push(b':');
            digits(out, number, 2);
        });
        if !self.fraction.is_empty() {
            out.push(b'.');
            out.extend_from_slice(self.fraction);
        }
        if let Some((sign, hours, minutes)) = self.zone {
            out.push(sign);
            digits(out, hours, 2);
            out.push(b':');
            digits(out, minutes, 2);
        }
    }
}

fn parts(pattern: &str) -> Result<Vec<Part>, String> {
    let bytes = pattern.as_bytes();
    let (mut parts, mut met, mut rest): (Vec<Part>, Vec<u8>, &[u8]) = (Vec::new(), Vec::new(), bytes);
    while let Some((&byte, more)) = rest.split_first() {
        if let Some(more) = after_blank(rest) {
            if parts.last() != Some(&Part::Blank) {
                parts.push(Part::Blank);
            }
            rest = more;
            continue;
        }
        rest = more;
        if byte != b'%' {
            text(&mut parts, byte);
            continue;
        }
        let Some((&letter, more)) = rest.split_first() else { return Err(format!("{pattern:?} ends with %")) };
        rest = more;
        if letter == b'%' {
            text(&mut parts, b'%');
            continue;
        }
        // What is written without anything between has all of its digits.
        let is_fixed = more.starts_with(b"%") && !matches!(more.get(1), Some(b'p' | b'b' | b'B' | b'%' | b'z'));
        let Some((group, part)) = directive(letter, is_fixed) else {
            return Err(format!("{pattern:?} has %{}, which is not supported", char::from(letter)));
        };
        if met.contains(&group) {
            return Err(format!("{pattern:?} has two directives for the same part"));
        }
        met.push(group);
        parts.push(part);
    }
    Ok(parts)
}

/// What a directive stands for; those of one group are for the same part of a moment.
fn directive(letter: u8, is_fixed: bool) -> Option<(u8, Part)> {
    Some(match letter {
        b'Y' => (b'Y', Part::Year),
        b'y' => (b'Y', Part::ShortYear),
        b'm' => (b'm', Part::Month(is_fixed)),
        b'b' | b'B' => (b'm', Part::MonthName),
        b'd' => (b'd', Part::Day(is_fixed)),
        b'H' => (b'H', Part::Hour(is_fixed)),
        b'I' => (b'H', Part::HalfHour(is_fixed)),
        b'M' => (b'M', Part::Minute),
        b'S' => (b'S', Part::Second),
        b'f' => (b'f', Part::Fraction),
        b'p' => (b'p', Part::Half),
        b'z' => (b'z', Part::Zone),
        _ => return None,
    })
}

fn text(parts: &mut Vec<Part>, byte: u8) {
    match parts.last_mut() {
        Some(Part::Text(text)) => text.push(byte),
        _ => parts.push(Part::Text(vec![byte])),
    }
}

/// A number of so many digits, and what follows.
pub(super) fn number_of(text: &[u8], least: usize, most: usize) -> Option<(u32, &[u8])> {
    let length = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    let value = text[..length].iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
    (length >= least).then(|| (value, &text[length..]))
}

/// The month whose name a text begins with, whether the name is whole, and what follows.
pub(super) fn month_name(text: &[u8]) -> Option<(u32, bool, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (name, rest) = text.split_at(length);
    let is_short = length == 3;
    let place = MONTHS.iter().position(|month| {
        name.eq_ignore_ascii_case(month.as_bytes()) || is_short && name.eq_ignore_ascii_case(&month.as_bytes()[..3])
    })?;
    Some((place as u32 + 1, !is_short, rest))
}

/// A zone: `Z`, `+01:00`, `+0100` or `+01`, and what follows.
pub(super) fn zone(text: &[u8]) -> Option<(Zone, &[u8])> {
    if let Some(rest) = text.strip_prefix(b"Z") {
        return Some(((b'+', 0, 0), rest));
    }
    let (&sign, rest) = text.split_first().filter(|(sign, _)| matches!(sign, b'+' | b'-'))?;
    let (hours, rest) = number_of(rest, 2, 2)?;
    let (minutes, rest) = match rest.strip_prefix(b":") {
        Some(rest) => number_of(rest, 2, 2)?,
        None => number_of(rest, 2, 2).unwrap_or((0, rest)),
    };
    (hours < 24 && minutes < 60).then_some(((sign, hours, minutes), rest))
}

fn digits(out: &mut Vec<u8>, number: u32, width: u32) {
    (0..width).rev().for_each(|place| out.push(b'0' + (number / 10_u32.pow(place) % 10) as u8));
}
