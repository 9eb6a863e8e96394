//! Which numbers a 64-bit float holds: those that give the digits of their text again.

use super::{EXACT, TENS, digit};

/// A number as a float holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number {
    /// The nearest float.
    pub value: f64,
    /// It gives the digits of the text again.
    pub is_exact: bool,
    /// Digits in front of the point, without zeros in front.
    pub whole: u16,
    /// Digits behind the point, as they are written.
    pub scale: u16,
    /// The last of two or more digits behind the point is a zero, and there is no exponent: `1.10`, as versions have it.
    pub is_padded: bool,
    /// There is an exponent.
    pub has_exponent: bool,
}

/// Decimal digits that a float always gives again.
const DIGITS: u64 = 1_000_000_000_000_000;

/// A number; none for other texts, for numbers with a zero or a plus in front, and for those that are too large.
#[inline]
pub fn number(text: &[u8]) -> Option<Number> {
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (mut mantissa, mut place) = (0u64, 0);
    while let Some(digit) = digit(digits, place) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        place += 1;
    }
    let whole = place;
    if whole > 1 && digits[0] == b'0' {
        return None;
    }
    let mut scale = 0;
    if digits.get(whole) == Some(&b'.') {
        place += 1;
        while let Some(digit) = digit(digits, place) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
            place += 1;
        }
        scale = place - whole - 1;
    }
    // Nineteen digits are in 64 bits.
    if place < digits.len() || whole + scale > 19 || whole + scale == 0 || scale >= TENS.len() {
        return long(text);
    }
    let value = if mantissa <= EXACT {
        // Both are exact, so that their quotient is the nearest float (Clinger 1990).
        let value = mantissa as f64 / TENS[scale];
        if is_negative { -value } else { value }
    } else {
        fast_float2::parse(text).ok()?
    };
    Some(Number {
        value,
        is_exact: mantissa < DIGITS || gives(value.abs(), mantissa, scale as u32),
        whole: if digits[0] == b'0' { 0 } else { whole as u16 },
        scale: scale as u16,
        is_padded: scale > 1 && digits[place - 1] == b'0',
        has_exponent: false,
    })
}

/// True when a float, rounded to so many decimals, is that mantissa.
#[inline]
fn gives(value: f64, mantissa: u64, scale: u32) -> bool {
    let bits = value.to_bits();
    let (fraction, exponent) = (bits & ((1 << 52) - 1) | 1 << 52, (bits >> 52) as i32 - 1075);
    // At most 53 bits and 74: 10 to the 22nd power is the largest.
    let scaled = u128::from(fraction) * 10_u128.pow(scale);
    match exponent {
        // A mantissa beyond 53 bits without decimals.
        0.. => exponent < 12 && scaled << exponent == u128::from(mantissa),
        -126..0 => {
            let shift = exponent.unsigned_abs();
            (u128::from(mantissa) << shift).abs_diff(scaled) <= 1 << (shift - 1)
        }
        _ => false,
    }
}

/// A number of many digits or with an exponent.
#[cold]
fn long(text: &[u8]) -> Option<Number> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let end = digits.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(digits.len());
    let exponent: i64 = match digits.get(end + 1..) {
        None => 0,
        Some(exponent) => self::exponent(exponent)?,
    };
    let (front, behind) = match memchr::memchr(b'.', &digits[..end]) {
        Some(point) => (&digits[..point], &digits[point + 1..end]),
        None => (&digits[..end], &digits[end..end]),
    };
    let is_number = front.iter().chain(behind).all(u8::is_ascii_digit)
        && !(front.is_empty() && behind.is_empty())
        && !(front.len() > 1 && front[0] == b'0');
    if !is_number {
        return None;
    }
    let value: f64 = fast_float2::parse(text).ok().filter(|value: &f64| value.is_finite())?;
    let has_exponent = end < digits.len();
    let written: Vec<u8> = front.iter().chain(behind).copied().collect();
    let zeros = written.iter().take_while(|&&digit| digit == b'0').count();
    let significant = &written[zeros..];
    let used = significant.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
    let significant = &significant[..used];
    // Where the point is, counted from the first digit that counts.
    let point = front.len() as i64 - zeros as i64 + exponent;
    let scale = if has_exponent { used as i64 - point } else { behind.len() as i64 };
    let bounded = |digits: i64| u16::try_from(digits.max(0)).unwrap_or(u16::MAX);
    Some(Number {
        value,
        is_exact: is_given(value.abs(), significant),
        whole: if used == 0 { 0 } else { bounded(point) },
        scale: if used == 0 && has_exponent { 0 } else { bounded(scale) },
        is_padded: !has_exponent && behind.len() > 1 && behind.ends_with(b"0"),
        has_exponent,
    })
}

/// The number behind `e`; a very large one is not what it is, but as large.
pub(super) fn exponent(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let add = |sum: i64, digit: &u8| digit.is_ascii_digit().then(|| (sum * 10 + i64::from(digit - b'0')).min(1 << 40));
    let exponent = digits.iter().try_fold(0, add).filter(|_| !digits.is_empty())?;
    Some(if is_negative { -exponent } else { exponent })
}

/// True when a float gives these digits again, which begin and end with one that is no zero.
fn is_given(value: f64, significant: &[u8]) -> bool {
    if significant.is_empty() {
        return value == 0.0;
    }
    let shown = format!("{value:.*e}", significant.len() - 1);
    let digits = shown.bytes().take_while(|&byte| byte != b'e').filter(|&byte| byte != b'.');
    digits.eq(significant.iter().copied())
}

/// A number without its point, with so many digits behind it: the digits, and whether it is negative. None where it has
/// more of them.
pub fn unscaled(text: &[u8], scale: u16) -> Option<(bool, Vec<u8>)> {
    let number = number(text)?;
    let (is_negative, digits) = (text.first() == Some(&b'-'), text.strip_prefix(b"-").unwrap_or(text));
    let end = digits.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(digits.len());
    let mut out: Vec<u8> = digits[..end].iter().copied().filter(|&byte| byte != b'.').collect();
    if number.has_exponent {
        // Only those that count, behind zeros to the point.
        let zeros = out.iter().take_while(|&&digit| digit == b'0').count();
        out.drain(..zeros);
        let used = out.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
        out.truncate(used);
        let whole = usize::from(number.whole);
        out.resize(out.len().max(whole), b'0');
    }
    out.resize(out.len() + usize::from(scale.checked_sub(number.scale)?), b'0');
    if out.is_empty() {
        out.push(b'0');
    }
    Some((is_negative, out))
}

#[cfg(test)]
mod tests {
    use super::super::{Value, ValueType};
    use super::*;

    #[test]
    fn a_float_holds_what_it_gives_again() {
        for (text, is_exact) in [
            ("0.1", true),
            ("-12.50", true),
            ("9007199254740992", true),
            ("9007199254740993", false),
            ("9007199254740994", true),
            ("9007199254740993.0", false),
            ("12345678901234567.89", false),
            ("123456789012345.67", true),
            ("0.1234567890123456789", false),
            ("0.30000000000000004", true),
            ("0.10000000000000001", true),
            ("1.000000000000000056e-01", true),
            ("1.000000000000000156e-01", false),
            ("1e300", true),
            ("5e-324", true),
            ("1.2e-320", true),
            ("1.2345e-320", false),
            ("1e-400", false),
            ("0e5", true),
            ("1844674407370955161.5", false),
            ("100000000000000000000000", true),
            ("100000000000000000000001", false),
            ("0.0000000000000000000000001", true),
        ] {
            let found = number(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((found.value, found.is_exact), (text.parse().unwrap(), is_exact), "{text}");
        }
    }

    #[test]
    fn what_is_a_number_is_one_by_its_value_too() {
        let mut state = 20_261_128_u64;
        let parts = ["0", "1", "9", "00", ".", "-", "e", "E5", "+", "123456789", "e-30", "0000000", "7"];
        for _ in 0..200_000 {
            let mut text = String::new();
            for _ in 0..(state >> 60) % 6 + 1 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(parts[(state >> 33) as usize % parts.len()]);
            }
            let value = Value::of(text.as_bytes()).widened(ValueType::Float);
            let found = number(text.as_bytes());
            match (value, found) {
                (Some(Value::Float(value)), Some(found)) => {
                    assert_eq!(value.to_bits(), (found.value + 0.0 * value).to_bits(), "{text}");
                    if found.scale == u16::MAX {
                        assert!(!found.is_exact, "{text}");
                        continue;
                    }
                    let (_, digits) = unscaled(text.as_bytes(), found.scale).unwrap();
                    let back: f64 =
                        format!("{}e-{}", std::str::from_utf8(&digits).unwrap(), found.scale).parse().unwrap();
                    assert_eq!(back, value.abs(), "{text} {found:?}");
                    let written = digits.iter().skip_while(|&&digit| digit == b'0').count() as u16;
                    assert!(written <= found.whole + found.scale, "{text} {found:?}");
                }
                // An integer beyond 64 bits is text: no type of ours held it.
                (None, Some(_)) => assert!(text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'), "{text}"),
                (None, None) => {}
                other => panic!("{text} {other:?}"),
            }
        }
    }
}
