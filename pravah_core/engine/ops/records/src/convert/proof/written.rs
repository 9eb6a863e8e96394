//! The text that a value stands for that is written in a format, as another reader finds it: dates by chrono, numbers by
//! their digits. Nothing here is shared with [`ValueFormat::read`].

use std::borrow::Cow;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use pravah_foundation::tabular::formats::{NumberFormat, ValueFormat};
use pravah_foundation::tabular::values::ValueType;

/// The usual text of a value; none for one that this reader does not understand.
pub fn usual(format: &ValueFormat, value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim();
    match format {
        ValueFormat::Moment(format) => moment(format.kind(), format.pattern(), text),
        ValueFormat::Number(format) => number(format, text),
        ValueFormat::Words(format) => {
            let (yes, no) = format.words();
            let folded = text.to_lowercase();
            let has = |words: &[String]| words.iter().any(|word| *word == text || word.to_lowercase() == folded);
            match (has(yes), has(no)) {
                (true, _) => Some("true".to_owned()),
                (_, true) => Some("false".to_owned()),
                _ => None,
            }
        }
    }
}

fn moment(kind: ValueType, pattern: &str, text: &str) -> Option<String> {
    // How chrono spells what it takes as freely as we do.
    let has_comma = pattern.contains(",%f");
    let pattern = pattern.replace("%b", "%B").replace("%z", "%#z").replace(",%f", "%.f").replace(".%f", "%.f");
    let text = match text.rfind(',').filter(|_| has_comma) {
        Some(at) => Cow::Owned(format!("{}.{}", &text[..at], &text[at + 1..])),
        None => Cow::Borrowed(text),
    };
    // It keeps the digits that it has.
    let behind = text.rfind('.').filter(|_| pattern.contains("%.f")).map(|at| &text[at + 1..]);
    let digits = behind.map(|behind| behind.bytes().take_while(u8::is_ascii_digit).count());
    let part = |nanos: u32| digits.map(|digits| format!(".{}", &format!("{nanos:09}")[..digits])).unwrap_or_default();
    let is_short = pattern.contains("%y");
    // POSIX has 69 in the last century.
    let year = |year: i32| if is_short && year == 2069 { 1969 } else { year };
    match kind {
        ValueType::Date => {
            let day = NaiveDate::parse_from_str(&text, &pattern).ok()?;
            Some(day.with_year(year(day.year()))?.format("%Y-%m-%d").to_string())
        }
        ValueType::Time => {
            let time = NaiveTime::parse_from_str(&text, &pattern).ok()?;
            Some(format!("{}{}", time.format("%H:%M:%S"), part(time.nanosecond())))
        }
        _ => {
            let (local, zone) = if pattern.contains("%#z") {
                let moment = DateTime::parse_from_str(&text, &pattern).ok()?;
                (moment.naive_local(), moment.format("%:z").to_string())
            } else {
                (NaiveDateTime::parse_from_str(&text, &pattern).ok()?, String::new())
            };
            let local = local.with_year(year(local.year()))?;
            Some(format!("{}{}{zone}", local.format("%Y-%m-%d %H:%M:%S"), part(local.nanosecond())))
        }
    }
}

fn number(format: &NumberFormat, text: &str) -> Option<String> {
    let (decimal, prefix, suffix) = format.around();
    let [decimal, prefix, suffix] = [decimal, prefix, suffix].map(|part| std::str::from_utf8(part).unwrap_or_default());
    let mut core = text.to_owned();
    for affix in [prefix, suffix].into_iter().filter(|affix| !affix.is_empty()) {
        core = core.replacen(affix, " ", 1);
    }
    let (front, exponent) = match core.find(['e', 'E']) {
        Some(at) => core.split_at(at),
        None => (core.as_str(), ""),
    };
    let is_negative = front.contains(['-', '\u{2212}', '(']);
    let (whole, behind) = match front.split_once(decimal).filter(|_| !decimal.is_empty()) {
        Some((whole, behind)) => (whole, Some(behind)),
        None => (front, None),
    };
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let behind = behind.map(|behind| format!(".{}", digits(behind))).unwrap_or_default();
    let exponent: String = exponent.chars().filter(|letter| letter.is_ascii_graphic() && *letter != ')').collect();
    Some(format!("{}{}{behind}{exponent}", if is_negative { "-" } else { "" }, digits(whole)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_readers_find_the_same_text() {
        for (format, values) in [
            ("date:%d.%m.%Y", &["31.12.2024", " 1.2.0999", "29.02.2024\u{a0}"][..]),
            ("date:%d/%m/%y", &["01/02/69", "01/02/68", "01/02/00", "01/02/70"]),
            ("date:%Y%m%d", &["20240229"]),
            ("date:%d-%b-%Y", &["5-JAN-2024", "17-may-2023", "5-September-2024"]),
            ("date:%B %d, %Y", &["September 5, 2024", "Sep  5, 2024"]),
            ("timestamp:%Y%m%d%H%M%S", &["20240229235958"]),
            ("timestamp:%m/%d/%Y %I:%M %p", &["12/31/2024 12:05 AM", "12/31/2024 1:05\u{202f}pm", "1/2/2024 12:00 PM"]),
            ("timestamp:%d.%m.%Y %H:%M", &["31.12.2024 23:59", "1.2.2024 0:05"]),
            ("timestamp:%Y-%m-%d %H:%M:%S,%f", &["2024-12-31 9:05:06,1", "2024-12-31 09:05:06,123456789"]),
            ("timestamp:%d/%b/%Y:%H:%M:%S.%f %z", &["10/Oct/2000:13:55:36.50 -0700", "10/Oct/2000:13:55:36.1 Z"]),
            ("timestamp:%d/%m/%Y %H:%M%z", &["10/10/2000 13:55+01", "10/10/2000 13:55-03:30", "10/10/2000 13:55Z"]),
            ("time:%I:%M%p", &["3:07pm", "12:00AM"]),
            ("time:%H:%M:%S.%f", &["3:07:09.25"]),
            ("number:1.234,56", &["-1.234.567,80", "1234,5", "1,5e-3", ",5", "5,", "\u{2212}7", "0"]),
            ("number:1 234,56", &["12\u{a0}345\u{202f}678,9", "- 5"]),
            ("number:$1,234.56", &["-$1,234.50", "$-1,234.50", "$ .5"]),
            ("number:Fr. 1'234.56", &["Fr. 1’234.50", "Fr.5", "Fr. .5"]),
            ("number:(1,234.56 EUR)", &["(12.50 EUR)", "(1,112.50) EUR", "-5 EUR", "1e3 EUR"]),
            ("number:1.234,56 €-", &["12,50- €", "12,50 €-", "12 €"]),
            ("number:1234 %", &["12%", "12 %"]),
            ("boolean:да,1/нет,0", &["ДА", "нет", "0", "1"]),
        ] {
            let format = ValueFormat::parse(format).unwrap();
            for value in values {
                let mut read = Vec::new();
                assert!(format.read(value.as_bytes(), &mut read), "{format} {value}");
                let other = usual(&format, value.as_bytes()).unwrap_or_else(|| panic!("{format} {value}"));
                assert_eq!(other, String::from_utf8(read).unwrap(), "{format} {value}");
            }
        }
    }
}
