//! A time of change, of any year: archives hold some that 64 bits of nanoseconds do not.

/// Seconds since the epoch, and nanoseconds after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Negative before 1970.
    pub seconds: i64,
    /// Less than a second.
    pub nanoseconds: u32,
}

/// More zeros than any time has.
const MOST_ZEROS: i32 = 30;

impl Time {
    /// A whole second.
    pub fn of_seconds(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 0 }
    }

    /// Of nanoseconds since the epoch.
    pub fn of_nanoseconds(nanoseconds: i128) -> Option<Self> {
        let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
        Some(Self { seconds, nanoseconds: nanoseconds.rem_euclid(1_000_000_000) as u32 })
    }

    /// Of decimal seconds, as extended headers of a tar hold them: `-1.5`; Python writes `1e-09` there.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim();
        let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (text, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent = exponent.parse::<i32>().ok().filter(|exponent| exponent.abs() <= MOST_ZEROS)?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // The point goes as far to the right as the exponent says, or to the left.
        let (zeros, point) = ("0".repeat(exponent.unsigned_abs() as usize), whole.len());
        let digits = if exponent < 0 {
            [zeros.as_str(), whole, fraction].concat()
        } else {
            [whole, fraction, zeros.as_str()].concat()
        };
        let (whole, fraction) = digits.split_at(point + exponent.max(0) as usize);
        let nanoseconds: i128 = format!("{:0<9.9}", fraction).parse().ok()?;
        let all = whole.parse::<i64>().ok().map(|whole| i128::from(whole) * 1_000_000_000 + nanoseconds)?;
        Self::of_nanoseconds(if is_negative { -all } else { all })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_seconds_are_read_of_any_year() {
        for (text, expected) in [
            ("1.5", Some((1, 500_000_000))),
            ("-1.5", Some((-2, 500_000_000))),
            ("17179869184", Some((17_179_869_184, 0))),
            ("0.1234567891", Some((0, 123_456_789))),
            ("-0.000000001", Some((-1, 999_999_999))),
            ("", None),
            ("-", None),
            ("1e-09", Some((0, 1))),
            ("-1.5e-05", Some((-1, 999_985_000))),
            ("1.25E+1", Some((12, 500_000_000))),
            ("1e3", Some((1000, 0))),
            ("1e99", None),
            ("1e", None),
            ("e3", None),
            ("99999999999999999999", None),
        ] {
            let found = Time::parse(text.as_bytes()).map(|time| (time.seconds, time.nanoseconds));
            assert_eq!(found, expected, "{text}");
        }
    }
}
