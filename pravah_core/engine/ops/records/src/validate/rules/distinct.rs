//! How many different values there are: digests of them, as long as these are few enough to be held.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_128;

use super::node::RuleValue;
use super::number::Decimal;
use pravah_foundation::base::compact::{Reader, Writer};

/// Values that are told apart; they take some megabytes.
const MOST: usize = 1 << 18;

const TOO_MANY: &str =
    "there are more than 262144 different values; to find values that are there twice, make the column unique";
const ROUNDED: &str = "a number is rounded, and may be the same as another one";

/// The digests of different values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Digests(HashSet<u128>);

impl Digests {
    /// How many they are.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// One value more.
    ///
    /// # Errors
    /// In words: it cannot be told apart from the others.
    pub fn add(&mut self, value: &RuleValue<'_>) -> Result<(), &'static str> {
        self.put(digest(value).ok_or(ROUNDED)?)
    }

    fn put(&mut self, digest: u128) -> Result<(), &'static str> {
        self.0.insert(digest);
        if self.0.len() > MOST { Err(TOO_MANY) } else { Ok(()) }
    }

    /// Those of other records.
    ///
    /// # Errors
    /// In words: they are too many.
    pub fn merge(&mut self, other: Self) -> Result<(), &'static str> {
        other.0.into_iter().try_for_each(|digest| self.put(digest))
    }

    /// Write them down.
    pub fn write(&self, out: &mut Writer) {
        let mut all: Vec<u128> = self.0.iter().copied().collect();
        all.sort_unstable();
        out.integer(all.len() as u64);
        all.iter().for_each(|digest| out.0.extend_from_slice(&digest.to_le_bytes()));
    }

    /// What [`Digests::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut all = HashSet::new();
        for _ in 0..from.integer()? {
            all.insert(u128::from_le_bytes(from.take(16)?.try_into().ok()?));
        }
        Some(Self(all))
    }
}

/// Equal values have the same, however they are written; none of a number that is rounded.
fn digest(value: &RuleValue<'_>) -> Option<u128> {
    let of = |kind: u8, value: i128, scale: i32| {
        let mut bytes = [0; 21];
        bytes[0] = kind;
        bytes[1..17].copy_from_slice(&value.to_le_bytes());
        bytes[17..].copy_from_slice(&scale.to_le_bytes());
        xxh3_128(&bytes)
    };
    Some(match value {
        RuleValue::Number(Decimal::Near(..)) => return None,
        RuleValue::Number(Decimal::Exact(mantissa, scale)) => {
            let (mut mantissa, mut scale) = (*mantissa, *scale);
            while mantissa != 0 && mantissa % 10 == 0 {
                (mantissa, scale) = (mantissa / 10, scale - 1);
            }
            of(1, mantissa, if mantissa == 0 { 0 } else { scale })
        }
        RuleValue::Moment(nanos) => of(2, *nanos, 0),
        RuleValue::Span(nanos) => of(3, *nanos, 0),
        RuleValue::Truth(is_true) => of(4, i128::from(*is_true), 0),
        RuleValue::Text(text) => xxh3_128(text.as_bytes()),
    })
}
