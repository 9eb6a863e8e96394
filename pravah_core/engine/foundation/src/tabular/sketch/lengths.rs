//! How long values are: how many of each length while it is short, of ranges of lengths beyond.

use crate::base::compact::{Reader, Writer};

/// Lengths that are counted one by one; from there on each power of two has four ranges.
const EACH: usize = 32;
const POWERS: usize = 25;
const RANGES: usize = EACH + (POWERS - 5) * 4;
/// Ranges that are told one by one; more are told by powers of two.
const TOLD: usize = 24;

/// Lengths of values.
#[derive(Debug, Clone)]
pub struct Lengths([u64; RANGES]);

impl Default for Lengths {
    fn default() -> Self {
        Self([0; RANGES])
    }
}

impl Lengths {
    /// Add `count` values of a length.
    #[inline]
    pub fn add(&mut self, length: usize, count: u64) {
        self.0[place(length)] += count;
    }

    /// Add others.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own += other);
    }

    /// Write them.
    pub fn write(&self, out: &mut Writer) {
        self.0.iter().for_each(|&count| out.integer(count));
    }

    /// What [`Lengths::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut read = Self::default();
        for count in &mut read.0 {
            *count = from.integer()?;
        }
        Some(read)
    }

    /// Ranges with values: the first and the last length of each, and how many.
    pub fn ranges(&self) -> Vec<(u64, u64, u64)> {
        let found: Vec<_> = self.0.iter().enumerate().filter(|(_, count)| **count > 0).collect();
        if found.len() <= TOLD {
            return found.into_iter().map(|(place, &count)| (first(place), first(place + 1) - 1, count)).collect();
        }
        let mut powers: Vec<(u64, u64, u64)> = Vec::new();
        for (place, &count) in found {
            let low = if first(place) == 0 { 0 } else { 1 << first(place).ilog2() };
            let high = if low == 0 { 0 } else { 2 * low - 1 };
            match powers.last_mut() {
                Some(last) if last.0 == low => last.2 += count,
                _ => powers.push((low, high, count)),
            }
        }
        powers
    }
}

#[inline]
fn place(length: usize) -> usize {
    if length < EACH {
        return length;
    }
    let power = length.ilog2() as usize;
    (EACH + (power - 5) * 4 + ((length >> (power - 2)) & 3)).min(RANGES - 1)
}

/// The first length of a range.
fn first(place: usize) -> u64 {
    if place < EACH {
        return place as u64;
    }
    let (power, quarter) = ((place - EACH) / 4 + 5, (place - EACH) % 4);
    (1 << power) + (quarter as u64) * (1 << (power - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_is_in_the_range_that_is_told() {
        for length in (0..3_000).chain([1 << 20, (16 << 20) - 1]) {
            let mut lengths = Lengths::default();
            lengths.add(length, 3);
            let [(low, high, 3)] = lengths.ranges()[..] else { panic!("{length}") };
            assert!((low..=high).contains(&(length as u64)), "{length}: {low} to {high}");
        }
        let mut many = Lengths::default();
        (0..3_000).for_each(|length| many.add(length, 1));
        let told = many.ranges();
        assert_eq!(&told[..4], [(0, 0, 1), (1, 1, 1), (2, 3, 2), (4, 7, 4)]);
        assert_eq!(told.iter().map(|range| range.2).sum::<u64>(), 3_000);
    }
}
