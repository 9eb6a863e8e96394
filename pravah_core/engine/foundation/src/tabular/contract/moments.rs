//! Dates and times of JSON Schema, which are those of RFC 3339.

use crate::tabular::values::{Value, ValueType, day};

/// The value of a text that is one by the format of a type; a leap second counts as the second before it.
pub(super) fn of(kind: ValueType, text: &[u8]) -> Option<Value> {
    match kind {
        ValueType::Date => date(text).map(Value::Date),
        ValueType::Time => time(text).map(|(micros, ahead)| Value::Time((micros - ahead).rem_euclid(DAY_MICROS))),
        ValueType::Timestamp => {
            let (days, rest) = (date(text.get(..10)?)?, &text[10..]);
            let [b'T' | b't', rest @ ..] = rest else { return None };
            let (micros, ahead) = time(rest)?;
            Some(Value::Timestamp(i64::from(days) * DAY_MICROS + micros - ahead))
        }
        _ => None,
    }
}

const DAY_MICROS: i64 = 86_400_000_000;
const MINUTE_MICROS: i64 = 60_000_000;

fn date(text: &[u8]) -> Option<i32> {
    day(text).filter(|_| text[4] == b'-')
}

fn two(text: &[u8]) -> Option<(i64, &[u8])> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((i64::from(tens - b'0') * 10 + i64::from(ones - b'0'), rest))
        }
        _ => None,
    }
}

/// Microseconds since midnight, and those that they are ahead of UTC.
fn time(text: &[u8]) -> Option<(i64, i64)> {
    let (hour, rest) = two(text).filter(|(hour, _)| *hour < 24)?;
    let (minute, rest) = two(rest.strip_prefix(b":")?).filter(|(minute, _)| *minute < 60)?;
    let (second, mut rest) = two(rest.strip_prefix(b":")?).filter(|(second, _)| *second <= 60)?;
    let mut micros = 0;
    if let [b'.', digits @ ..] = rest {
        let count = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
        let digit = |place: usize| digits[..count].get(place).map_or(0, |digit| i64::from(digit - b'0'));
        micros = (0..6).fold(0, |sum, place| sum * 10 + digit(place));
        rest = Some(&digits[count..]).filter(|_| count > 0)?;
    }
    let zone = match rest {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let (hours, rest) = two(rest).filter(|(hours, _)| *hours < 24)?;
            let (minutes, _) =
                two(rest.strip_prefix(b":")?).filter(|(minutes, end)| *minutes < 60 && end.is_empty())?;
            (hours * 60 + minutes) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return None,
    };
    let of_day = hour * 60 + minute;
    // A leap second is the last of a day of UTC.
    if second == 60 && (of_day - zone).rem_euclid(24 * 60) != 24 * 60 - 1 {
        return None;
    }
    Some((of_day * MINUTE_MICROS + second.min(59) * 1_000_000 + micros, zone * MINUTE_MICROS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_rfc_3339() {
        use ValueType::{Date, Time, Timestamp};
        for (kind, good) in [
            (Date, &["2024-02-29", "0001-01-01"][..]),
            (
                Time,
                &["23:00:00Z", "08:30:06.283185Z", "23:59:60Z", "01:29:60+01:30", "10:05:08+01:00", "10:05:08-00:00"],
            ),
            (
                Timestamp,
                &[
                    "2024-01-01T10:00:00Z",
                    "1963-06-19t08:30:06.28z",
                    "1998-12-31T23:59:60Z",
                    "1998-12-31T15:59:60.123-08:00",
                    "2024-01-01T10:00:00.123456789+00:00",
                ],
            ),
        ] {
            for text in good {
                assert!(of(kind, text.as_bytes()).is_some(), "{text}");
            }
        }
        for (kind, bad) in [
            (Date, &["2024/02/29", "2023-02-29", "2024-2-1", "20240101", "2024-01-01T"][..]),
            (
                Time,
                &[
                    "23:00",
                    "23:00:00",
                    "22:59:60Z",
                    "24:00:00Z",
                    "10:00:00.Z",
                    "10:00:00+0100",
                    "10:00:00 Z",
                    "1:00:00Z",
                ],
            ),
            (
                Timestamp,
                &[
                    "2024-01-01",
                    "2024-01-01 10:00:00Z",
                    "2024-01-01T10:00:00",
                    "2024-01-01T10:00Z",
                    "1998-12-31T23:58:60Z",
                    "2024-01-01T10:00:00Za",
                ],
            ),
        ] {
            for text in bad {
                assert!(of(kind, text.as_bytes()).is_none(), "{text}");
            }
        }
        assert_eq!(of(Timestamp, b"1970-01-01T01:00:00.5+01:00"), Some(Value::Timestamp(500_000)));
    }
}
