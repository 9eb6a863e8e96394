//! Numbers by their digits: however many they are, none is lost.

use std::cmp::Ordering;

/// A number as it is written.
#[derive(Debug, Clone, Copy)]
pub struct Digits<'a> {
    is_negative: bool,
    /// Digits in front of the point and behind it.
    parts: (&'a [u8], &'a [u8]),
    /// Zeros that they begin with, and digits up to the last that is no zero.
    used: (usize, usize),
    /// Where the point is, counted from the first digit that is no zero.
    point: i64,
    /// There is neither a point nor an exponent.
    is_plain: bool,
}

impl<'a> Digits<'a> {
    /// Of a number without a plus or needless zeros in front; none of other texts.
    pub fn of(text: &'a [u8]) -> Option<Self> {
        let (is_negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            _ => (false, text),
        };
        let end = digits.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(digits.len());
        let exponent = match digits.get(end + 1..) {
            None => 0,
            Some(exponent) => super::exact::exponent(exponent)?,
        };
        let point = memchr::memchr(b'.', &digits[..end]);
        let (front, behind) = match point {
            Some(point) => (&digits[..point], &digits[point + 1..end]),
            None => (&digits[..end], &digits[end..end]),
        };
        let is_number = front.iter().chain(behind).all(u8::is_ascii_digit)
            && front.len() + behind.len() > 0
            && !(front.len() > 1 && front[0] == b'0');
        if !is_number {
            return None;
        }
        let is_zero = |digit: &&u8| **digit == b'0';
        let all = front.len() + behind.len();
        let zeros = front.iter().chain(behind).take_while(is_zero).count();
        let used = all - behind.iter().rev().chain(front.iter().rev()).take_while(is_zero).count();
        Some(Self {
            is_negative: is_negative && zeros < all,
            parts: (front, behind),
            used: (zeros, used),
            point: front.len() as i64 - zeros as i64 + exponent,
            is_plain: point.is_none() && end == digits.len(),
        })
    }

    /// The digits that count.
    fn significant(&self) -> impl Iterator<Item = u8> {
        let (front, behind) = self.parts;
        let (zeros, used) = self.used;
        front.iter().chain(behind).copied().take(used).skip(zeros)
    }

    fn is_zero(&self) -> bool {
        self.used.0 >= self.used.1
    }

    /// True when it is written as whole numbers are.
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// True for a whole number, however it is written.
    pub fn is_whole(&self) -> bool {
        self.is_zero() || (self.used.1 - self.used.0) as i64 <= self.point
    }

    /// Its order.
    pub fn order(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.is_zero(), number.is_negative) {
            (true, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        let size = || self.point.cmp(&other.point).then_with(|| self.significant().cmp(other.significant()));
        match (sign(self), sign(other)) {
            (1, 1) => size(),
            (-1, -1) => size().reverse(),
            (one, other) => one.cmp(&other),
        }
    }

    /// The same bytes for the same number.
    pub fn canonical(&self) -> Vec<u8> {
        if self.is_zero() {
            return b"0".to_vec();
        }
        let mut out = if self.is_negative { b"-".to_vec() } else { Vec::new() };
        out.extend(self.significant());
        out.extend_from_slice(format!("e{}", self.point).as_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_order_of_their_digits() {
        let ordered = [
            "-1e400",
            "-12345678901234567.89",
            "-12345678901234567.88",
            "-1",
            "-0.5",
            "0",
            "1e-400",
            "0.1",
            "0.10000000000000000001",
            "1",
            "9.99999999999999999999",
            "10",
            "10.0000000000000000001",
            "99",
            "12345678901234567890123",
            "1e400",
            "1.1e400",
        ];
        for (place, one) in ordered.iter().enumerate() {
            for (other_place, other) in ordered.iter().enumerate() {
                let (one, other) = (Digits::of(one.as_bytes()).unwrap(), Digits::of(other.as_bytes()).unwrap());
                assert_eq!(one.order(&other), place.cmp(&other_place), "{one:?} {other:?}");
                assert_eq!(one.canonical() == other.canonical(), place == other_place);
            }
        }
    }

    #[test]
    fn the_same_number_is_written_in_many_ways() {
        for (texts, is_whole) in [
            (&["100", "1e2", "100.0", "1.00E+2", "1000e-1"][..], true),
            (&["0", "-0", "0.0", "0e9", "-0.00e-7"], true),
            (&["1.5", "15e-1", "1.50"], false),
            (&["-0.001", "-1e-3"], false),
        ] {
            let all: Vec<Digits<'_>> = texts.iter().map(|text| Digits::of(text.as_bytes()).unwrap()).collect();
            assert!(all.iter().all(|one| one.canonical() == all[0].canonical() && one.is_whole() == is_whole));
            assert!(all.iter().all(|one| one.order(&all[0]).is_eq()), "{texts:?}");
        }
        assert!(Digits::of(b"100").unwrap().is_plain() && !Digits::of(b"1e2").unwrap().is_plain());
        for text in ["", "-", ".", "01", "+1", "1e", "1.2.3", "a", "1a", " 1", "inf", "0x1", "--1"] {
            assert!(Digits::of(text.as_bytes()).is_none(), "{text}");
        }
    }
}
