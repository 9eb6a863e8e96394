//! Days as spreadsheets count them, and the formats of numbers that make them days.

use chrono::{Days, NaiveDate};

/// What the format of a number makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CellFormat {
    /// A number.
    #[default]
    Number,
    /// A day.
    Date,
    /// A day and a time of day.
    Moment,
    /// A time of day.
    Time,
    /// Hours, which may be more than a day has.
    Elapsed,
}

/// What day 0 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Epoch {
    /// Day 1 is 1900-01-01, and day 60 is 1900-02-29, which never was.
    #[default]
    In1900,
    /// Day 0 is 1904-01-01.
    In1904,
}

/// The last day: 9999-12-31.
const LAST_1900: f64 = 2_958_466.0;
const DAY_MICROS: i64 = 86_400_000_000;
/// A moment so near to a whole second is that second: sums of days are not exact.
const SNAP_MICROS: i64 = 5;
/// Nor is a thousandth of a second, the least that spreadsheets show, as a part of a day.
const SNAP_TO_MILLIS: i64 = 1;

impl CellFormat {
    /// What the built-in format of that number makes of it.
    pub fn of_builtin(number: u32) -> Self {
        match number {
            14..=17 | 27..=31 | 36 | 50..=54 | 57..=58 => Self::Date,
            18..=21 | 32..=35 | 45 | 47 | 55..=56 => Self::Time,
            22 => Self::Moment,
            46 => Self::Elapsed,
            _ => Self::Number,
        }
    }

    /// What a format does, as `yyyy\-mm\-dd` or `[h]:mm`.
    pub fn of_format(format: &str) -> Self {
        let lower = format.to_ascii_lowercase();
        let (mut has_day, mut has_time, mut is_elapsed, mut has_month) = (false, false, false, false);
        let mut characters = lower.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => drop(characters.by_ref().find(|next| *next == '"')),
                '\\' | '_' | '*' => drop(characters.next()),
                '[' => {
                    let inside: String = characters.by_ref().take_while(|next| *next != ']').collect();
                    is_elapsed |= matches!(inside.as_str(), "h" | "hh" | "m" | "mm" | "s" | "ss");
                }
                // The format of what is not negative tells.
                ';' => break,
                'g' if characters.as_str().starts_with("eneral") => return Self::Number,
                'a' if characters.as_str().starts_with("m/pm") => drop(characters.nth(3)),
                'a' if characters.as_str().starts_with("/p") => drop(characters.nth(1)),
                'y' | 'd' => has_day = true,
                'h' | 's' => has_time = true,
                'm' => has_month = true,
                '0' | '#' | '?' | '@' | '%' if !(has_day || has_time || has_month) => return Self::Number,
                _ => {}
            }
        }
        match (has_day || has_month && !has_time, has_time) {
            _ if is_elapsed => Self::Elapsed,
            (true, true) => Self::Moment,
            (true, false) => Self::Date,
            (false, true) => Self::Time,
            (false, false) => Self::Number,
        }
    }
}

/// Write a number as what it is shown as; false when it stands for no such thing.
pub fn write(serial: f64, shown: CellFormat, epoch: Epoch, out: &mut Vec<u8>) -> bool {
    if shown == CellFormat::Number || !(0.0..LAST_1900).contains(&serial) {
        return false;
    }
    if shown == CellFormat::Elapsed {
        let (days, micros) = parts(serial);
        clock(days * 24 * 3600 * 1_000_000 + micros, out);
        return true;
    }
    let (days, micros) = parts(serial);
    let is_first = days == 0 && epoch == Epoch::In1900;
    if shown == CellFormat::Time && days == 0 || is_first && micros > 0 {
        clock(micros, out);
        return true;
    }
    match (epoch, days) {
        (Epoch::In1900, 0) => out.extend_from_slice(b"1900-01-00"),
        (Epoch::In1900, 60) => out.extend_from_slice(b"1900-02-29"),
        _ => match date(days, epoch) {
            Some(date) => out.extend_from_slice(date.format("%Y-%m-%d").to_string().as_bytes()),
            None => return false,
        },
    }
    if shown != CellFormat::Date || micros > 0 {
        out.push(b' ');
        clock(micros, out);
    }
    true
}

/// Days and microseconds.
fn parts(serial: f64) -> (i64, i64) {
    let days = serial.floor();
    let mut micros = ((serial - days) * DAY_MICROS as f64).round() as i64;
    let off = micros.rem_euclid(1_000_000);
    if off <= SNAP_MICROS {
        micros -= off;
    } else if off >= 1_000_000 - SNAP_MICROS {
        micros += 1_000_000 - off;
    } else if (micros + SNAP_TO_MILLIS).rem_euclid(1000) <= 2 * SNAP_TO_MILLIS {
        micros = (micros + 500).div_euclid(1000) * 1000;
    }
    (days as i64 + micros / DAY_MICROS, micros % DAY_MICROS)
}

fn date(days: i64, epoch: Epoch) -> Option<NaiveDate> {
    let (first, days) = match epoch {
        Epoch::In1900 if days < 60 => (NaiveDate::from_ymd_opt(1899, 12, 31)?, days),
        Epoch::In1900 => (NaiveDate::from_ymd_opt(1899, 12, 30)?, days),
        Epoch::In1904 => (NaiveDate::from_ymd_opt(1904, 1, 1)?, days),
    };
    let date = first.checked_add_days(Days::new(u64::try_from(days).ok()?))?;
    (date <= NaiveDate::from_ymd_opt(9999, 12, 31)?).then_some(date)
}

fn clock(micros: i64, out: &mut Vec<u8>) {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    out.extend_from_slice(text.as_bytes());
    if micros > 0 {
        let digits = format!(".{micros:06}");
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(serial: f64, shown: CellFormat, epoch: Epoch) -> String {
        let mut out = Vec::new();
        if write(serial, shown, epoch, &mut out) { String::from_utf8(out).unwrap() } else { "number".to_owned() }
    }

    #[test]
    fn both_epochs_and_the_day_that_never_was() {
        use CellFormat::{Date, Elapsed, Moment, Time};
        use Epoch::{In1900, In1904};
        for (serial, kind, epoch, wanted) in [
            (1.0, Date, In1900, "1900-01-01"),
            (59.0, Date, In1900, "1900-02-28"),
            (60.0, Date, In1900, "1900-02-29"),
            (61.0, Date, In1900, "1900-03-01"),
            (45292.0, Date, In1900, "2024-01-01"),
            (45292.5, Date, In1900, "2024-01-01 12:00:00"),
            (45292.0, Moment, In1900, "2024-01-01 00:00:00"),
            (45292.0 + 1.0 / 3.0, Moment, In1900, "2024-01-01 08:00:00"),
            (45_293.127_841_435_18, Moment, In1900, "2024-01-02 03:04:05.5"),
            (48_809.667_818_483_79, Moment, In1900, "2033-08-18 16:01:39.517"),
            (45_293.127_841_435_3, Moment, In1900, "2024-01-02 03:04:05.50001"),
            (45_291.999_999_999_99, Moment, In1900, "2024-01-01 00:00:00"),
            (0.0, Date, In1904, "1904-01-01"),
            (43830.0, Date, In1904, "2024-01-01"),
            (0.0, Date, In1900, "1900-01-00"),
            (0.25, Time, In1900, "06:00:00"),
            (0.5, Moment, In1900, "12:00:00"),
            (1.5, Elapsed, In1900, "36:00:00"),
            (2_958_465.0, Date, In1900, "9999-12-31"),
            (2_958_466.0, Date, In1900, "number"),
            (-1.0, Date, In1900, "number"),
        ] {
            assert_eq!(shown(serial, kind, epoch), wanted, "{serial} {kind:?}");
        }
    }

    #[test]
    fn formats_tell_days_from_numbers() {
        for (format, wanted) in [
            ("yyyy\\-mm\\-dd", CellFormat::Date),
            ("[$-409]d\\-mmm\\-yy;@", CellFormat::Date),
            ("yyyy-mm-dd hh:mm:ss", CellFormat::Moment),
            ("h:mm AM/PM", CellFormat::Time),
            ("mm:ss.0", CellFormat::Time),
            ("[h]:mm:ss", CellFormat::Elapsed),
            ("mmmm", CellFormat::Date),
            ("General", CellFormat::Number),
            ("0.00E+00", CellFormat::Number),
            ("[Red]0.00", CellFormat::Number),
            ("#,##0.00\" dollars\"", CellFormat::Number),
            ("0\" days\"", CellFormat::Number),
            ("\"d\"0", CellFormat::Number),
            ("@", CellFormat::Number),
        ] {
            assert_eq!(CellFormat::of_format(format), wanted, "{format}");
        }
        assert_eq!((CellFormat::of_builtin(14), CellFormat::of_builtin(22), CellFormat::of_builtin(2)), {
            (CellFormat::Date, CellFormat::Moment, CellFormat::Number)
        });
    }
}
