//! Values of one type.

use pravah_foundation::tabular::sketch::KEPT_BYTES;
use pravah_foundation::tabular::values::Value;

/// Different values that are listed with their places.
pub const FIRSTS: usize = 5;

/// A value with the record that it is in first, counted from 0.
pub type First = (u64, Box<[u8]>);

/// Values of one type.
#[derive(Debug, Clone)]
pub struct TypedValues {
    /// How many.
    pub count: u64,
    /// The first ones that differ, at most [`FIRSTS`], in order; at most [`KEPT_BYTES`] of each.
    pub firsts: Vec<First>,
    /// The least and the greatest; none of texts.
    pub range: Option<(Value, Value)>,
    /// Records from here on are of no interest for `firsts`.
    bound: u64,
}

impl Default for TypedValues {
    fn default() -> Self {
        Self { count: 0, firsts: Vec::new(), range: None, bound: u64::MAX }
    }
}

impl TypedValues {
    /// What was written of them.
    pub fn of(count: u64, firsts: Vec<First>, range: Option<(Value, Value)>) -> Self {
        let mut own = Self { count, firsts, range, bound: u64::MAX };
        own.bind();
        own
    }

    /// Add a value, which is there so often.
    #[inline]
    pub fn note(&mut self, (text, value): (&[u8], Value), count: u64, place: u64) {
        if place < self.bound {
            self.first(text, place);
        }
        self.count += count;
        let Some((least, greatest)) = &mut self.range else {
            self.range = Some((value, value)).filter(|_| value != Value::Text);
            return;
        };
        if value.is_less(*least) {
            *least = value;
        }
        if greatest.is_less(value) {
            *greatest = value;
        }
    }

    fn first(&mut self, text: &[u8], place: u64) {
        let text = kept(text);
        if let Some(at) = self.firsts.iter().position(|(_, own)| **own == *text) {
            if self.firsts[at].0 <= place {
                return;
            }
            self.firsts.remove(at);
        }
        let at = self.firsts.partition_point(|(own, _)| *own < place);
        self.firsts.insert(at, (place, text.into()));
        self.firsts.truncate(FIRSTS);
        self.bind();
    }

    fn bind(&mut self) {
        self.bound = self.firsts.get(FIRSTS - 1).map_or(u64::MAX, |(place, _)| *place);
    }

    /// Add what another has seen, whose records come `place` records later.
    pub fn merge(&mut self, other: &Self, place: u64) {
        for (first, value) in &other.firsts {
            if first + place < self.bound {
                self.first(value, first + place);
            }
        }
        self.count += other.count;
        self.range = match (self.range, other.range) {
            (Some((least, greatest)), Some((low, high))) => Some((
                if low.is_less(least) { low } else { least },
                if greatest.is_less(high) { high } else { greatest },
            )),
            (one, other) => one.or(other),
        };
    }
}

/// What is kept of a value.
pub fn kept(text: &[u8]) -> &[u8] {
    &text[..text.len().min(KEPT_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_that_differ_are_listed_whatever_the_order() {
        let texts: Vec<String> = (0..400u64).map(|place| format!("x{}", place * place % 23)).collect();
        let mut expected: Vec<First> = Vec::new();
        for (place, text) in (0u64..).zip(&texts) {
            if expected.len() < FIRSTS && expected.iter().all(|(_, own)| **own != *text.as_bytes()) {
                expected.push((place, text.as_bytes().into()));
            }
        }
        let noted = |places: &[usize]| {
            let mut values = TypedValues::default();
            places.iter().for_each(|&at| values.note((texts[at].as_bytes(), Value::Text), 1, at as u64));
            values
        };
        let mut places: Vec<usize> = (0..texts.len()).collect();
        for turn in 0..50 {
            places.sort_by_key(|place| (place * 7919 + turn * 104_729) % 1009);
            let (one, other) = places.split_at(turn * 8);
            let (mut one, other) = (noted(one), noted(other));
            one.merge(&other, 0);
            assert_eq!((one.count, &one.firsts), (400, &expected), "{turn}");
        }
    }
}
