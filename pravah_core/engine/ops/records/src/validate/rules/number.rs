//! Numbers of rules: exact decimals, so that `0.1 + 0.2 == 0.3` is true.
//!
//! What no decimal of 38 digits holds, such as a third, is a float with the most it may be wrong. Two numbers that are
//! nearer than that are not compared: no verdict comes from rounding.

use std::cmp::Ordering;

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decimal {
    /// The first divided by ten to the power of the second.
    Exact(i128, i32),
    /// A float, and the most that it may be away from the number.
    Near(f64, f64),
}

/// A float is at most so much of its value away from the nearest number.
const HALF_STEP: f64 = f64::EPSILON / 2.0;
/// Digits behind the point that a quotient may have.
const QUOTIENT: u32 = 18;
/// Beyond that no text of a number is looked at.
const MOST_EXPONENT: i64 = 100_000;

fn ten(power: u32) -> Option<i128> {
    10_i128.checked_pow(power)
}

impl Decimal {
    /// A whole number.
    pub fn whole(value: i64) -> Self {
        Self::Exact(value.into(), 0)
    }

    /// The number that a text stands for.
    #[inline]
    pub fn of(text: &[u8]) -> Option<Self> {
        let (is_negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            _ => (false, text),
        };
        let (mut mantissa, mut scale, mut is_behind) = (0_u64, 0, false);
        for &byte in digits {
            match byte {
                b'0'..=b'9' if mantissa < u64::MAX / 100 => {
                    mantissa = mantissa * 10 + u64::from(byte - b'0');
                    scale += i32::from(is_behind);
                }
                b'.' if !is_behind => is_behind = true,
                _ => return Self::long(text),
            }
        }
        let mantissa = i128::from(mantissa);
        (digits.len() > usize::from(is_behind))
            .then_some(Self::Exact(if is_negative { -mantissa } else { mantissa }, scale))
    }

    /// One of many digits or with an exponent.
    #[cold]
    fn long(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (front, behind) = digits.split_once('.').unwrap_or((digits, ""));
        if front.starts_with('+') || !behind.bytes().all(|byte| byte.is_ascii_digit()) || exponent.abs() > MOST_EXPONENT
        {
            return None;
        }
        let scale = i32::try_from(behind.len() as i64 - exponent).ok()?;
        match format!("{front}{behind}").parse::<i128>() {
            Ok(mantissa) => Some(Self::Exact(mantissa, scale)),
            Err(_) => text.parse::<f64>().ok().and_then(|value| Self::near(value, value.abs() * HALF_STEP)),
        }
    }

    fn near(value: f64, error: f64) -> Option<Self> {
        // Near zero floats are not as exact as elsewhere.
        (value.is_finite() && error.is_finite()).then_some(Self::Near(value, error + f64::MIN_POSITIVE))
    }

    /// As a float, with the most that it is wrong.
    fn float(self) -> Option<(f64, f64)> {
        match self {
            Self::Exact(0, _) => Some((0.0, 0.0)),
            Self::Exact(mantissa, scale) => {
                let value: f64 = format!("{mantissa}e{}", -i64::from(scale)).parse().ok()?;
                value.is_finite().then_some((value, value.abs() * HALF_STEP + f64::MIN_POSITIVE))
            }
            Self::Near(value, error) => Some((value, error)),
        }
    }

    /// Both with as many digits behind the point.
    #[inline]
    fn aligned(self, other: Self) -> Option<(i128, i128, i32)> {
        let (Self::Exact(one, scale), Self::Exact(two, other_scale)) = (self, other) else { return None };
        let wider = |mantissa: i128, by: i32| mantissa.checked_mul(ten(u32::try_from(by).ok()?)?);
        match scale.cmp(&other_scale) {
            Ordering::Equal => Some((one, two, scale)),
            Ordering::Less => Some((wider(one, other_scale.checked_sub(scale)?)?, two, other_scale)),
            Ordering::Greater => Some((one, wider(two, scale.checked_sub(other_scale)?)?, scale)),
        }
    }

    /// The order of two numbers; none where rounding could decide it.
    #[inline]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        if let Some((one, two, _)) = self.aligned(other) {
            return Some(one.cmp(&two));
        }
        if let (Self::Exact(one, scale), Self::Exact(two, other_scale)) = (self, other) {
            // The one with fewer digits behind the point has more in front of it than 38.
            let (large, is_first) = if scale < other_scale { (one, true) } else { (two, false) };
            return Some(match (large.cmp(&0), is_first) {
                (Ordering::Equal, true) => 0.cmp(&two),
                (Ordering::Equal, false) => one.cmp(&0),
                (order, true) => order,
                (order, false) => order.reverse(),
            });
        }
        let ((one, error), (two, other_error)) = (self.float()?, other.float()?);
        let away = (one - two).abs();
        (away > (error + other_error) * (1.0 + f64::EPSILON) + away * f64::EPSILON).then(|| one.total_cmp(&two))
    }

    /// The sum.
    #[inline]
    pub fn add(self, other: Self) -> Option<Self> {
        if let Some((one, two, scale)) = self.aligned(other)
            && let Some(sum) = one.checked_add(two)
        {
            return Some(Self::Exact(sum, scale));
        }
        let ((one, error), (two, other_error)) = (self.float()?, other.float()?);
        let sum = one + two;
        Self::near(sum, error + other_error + (sum.abs() + error + other_error) * f64::EPSILON)
    }

    /// The same with the other sign.
    pub fn negate(self) -> Option<Self> {
        match self {
            Self::Exact(mantissa, scale) => Some(Self::Exact(mantissa.checked_neg()?, scale)),
            Self::Near(value, error) => Some(Self::Near(-value, error)),
        }
    }

    /// The difference.
    #[inline]
    pub fn sub(self, other: Self) -> Option<Self> {
        self.add(other.negate()?)
    }

    /// The product.
    pub fn mul(self, other: Self) -> Option<Self> {
        if let (Self::Exact(one, scale), Self::Exact(two, other_scale)) = (self, other)
            && let (Some(product), Some(scale)) = (one.checked_mul(two), scale.checked_add(other_scale))
        {
            return Some(Self::Exact(product, scale));
        }
        let ((one, error), (two, other_error)) = (self.float()?, other.float()?);
        let own = one.abs() * other_error + two.abs() * error + error * other_error;
        Self::near(one * two, own + ((one * two).abs() + own) * f64::EPSILON)
    }

    /// The quotient; none for one by zero.
    pub fn div(self, other: Self) -> Option<Self> {
        if let (Self::Exact(one, scale), Self::Exact(two, other_scale)) = (self, other) {
            if two == 0 {
                return None;
            }
            if let Some(wider) = one.checked_mul(ten(QUOTIENT)?)
                && wider.checked_rem(two) == Some(0)
                && let Some(scale) = scale.checked_sub(other_scale)
            {
                return Some(Self::Exact(wider / two, scale.checked_add(QUOTIENT as i32)?).short());
            }
        }
        let ((one, error), (two, other_error)) = (self.float()?, other.float()?);
        if two.abs() <= other_error {
            return None;
        }
        let quotient = one / two;
        let own = (error + quotient.abs() * other_error) / (two.abs() - other_error);
        Self::near(quotient, own + (quotient.abs() + own) * f64::EPSILON * 2.0)
    }

    /// What is left of a division with a whole quotient, with the sign of the first.
    pub fn rem(self, other: Self) -> Option<Self> {
        let (one, two, scale) = self.aligned(other)?;
        Some(Self::Exact(one.checked_rem(two)?, scale))
    }

    /// Without its sign.
    pub fn abs(self) -> Option<Self> {
        match self {
            Self::Exact(mantissa, scale) => Some(Self::Exact(mantissa.checked_abs()?, scale)),
            Self::Near(value, error) => Some(Self::Near(value.abs(), error)),
        }
    }

    /// The same number without zeros at the end.
    fn short(self) -> Self {
        let Self::Exact(mut mantissa, mut scale) = self else { return self };
        while scale > 0 && mantissa % 10 == 0 {
            (mantissa, scale) = (mantissa / 10, scale - 1);
        }
        Self::Exact(mantissa, scale)
    }

    /// In digits.
    pub fn shown(self) -> String {
        match self {
            Self::Exact(mantissa, scale @ 1..=40) => {
                let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = scale as usize + 1);
                let (front, behind) = digits.split_at(digits.len() - scale as usize);
                format!("{}{front}.{behind}", if mantissa < 0 { "-" } else { "" })
            }
            Self::Exact(mantissa, 0) => mantissa.to_string(),
            Self::Exact(mantissa, scale) => format!("{mantissa}e{}", -i64::from(scale)),
            Self::Near(value, _) => format!("about {value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Decimal {
        Decimal::of(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn sums_and_products_are_exact_and_what_rounding_could_decide_is_not_decided() {
        let order = |one: Option<Decimal>, two: &str| one.and_then(|one| one.compare(of(two)));
        let equal = Some(Ordering::Equal);
        assert_eq!(order(of("0.1").add(of("0.2")), "0.3"), equal);
        assert_eq!(order(of("9007199254740993").sub(of("9007199254740992")), "1"), equal);
        assert_eq!(order(of("19.99").mul(of("3")), "59.97"), equal);
        assert_eq!(order(of("7").div(of("2")), "3.50"), equal);
        assert_eq!(order(of("-7").rem(of("2")), "-1.0"), equal);
        assert_eq!(order(of("1").div(of("3")).and_then(|third| third.mul(of("3"))), "1"), None);
        assert_eq!(order(of("1").div(of("3")), "0.34"), Some(Ordering::Less));
        assert_eq!(order(of("1").div(of("0")), "1"), None);
        assert_eq!(order(Some(of("1e-30")), "1E-30"), equal);
        assert_eq!(order(Some(of("1e300")), "-2"), Some(Ordering::Greater));
        assert_eq!(order(Some(of("-1e300")), "1e-300"), Some(Ordering::Less));
        assert_eq!(order(Some(of("0")), "1e300"), Some(Ordering::Less));
        assert_eq!(order(Some(of("0.1")), "0.10000000000000001"), Some(Ordering::Less));
        assert_eq!(order(Some(of(&"9".repeat(60))), &"9".repeat(59)), Some(Ordering::Greater));
        assert_eq!(order(Some(of(&"9".repeat(60))), &"9".repeat(60)), None);
        for text in ["0", "-1.50", "0.001", "-0.5", "123456789012345678901234567890", "5e40"] {
            assert_eq!(order(Some(of(&of(text).shown())), text), equal, "{text}");
        }
        for text in ["", "-", ".", "1.2.3", "1e", "a", "1a", "--1", "+1", "1e999999999999"] {
            assert!(Decimal::of(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn any_order_is_that_of_exact_fractions() {
        let mut state = 7_u64;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let digits = (state >> 33) % 2000;
            (digits as i128 - 1000, (state >> 60) as i32 % 4)
        };
        for _ in 0..20_000 {
            let ((one, scale), (two, other)) = (next(), next());
            let (first, second) = (Decimal::Exact(one, scale), Decimal::Exact(two, other));
            // Both in units of 10^-4.
            let at = |mantissa: i128, scale: i32| mantissa * 10_i128.pow(4 - scale as u32);
            assert_eq!(first.compare(second), Some(at(one, scale).cmp(&at(two, other))));
            if two != 0 {
                let back =
                    first.div(second).and_then(|quotient| quotient.mul(second)).and_then(|back| back.compare(first));
                assert!(back.is_none_or(Ordering::is_eq), "{first:?} {second:?}");
            }
        }
    }
}
