//! KLL: quantiles of a stream (Karnin, Lang, Liberty 2016), with sampling below the lowest level.

use crate::base::compact::{Reader, Writer};

/// Numbers of the highest level; each level below holds two thirds of the one above it.
const TOP: usize = 400;
/// Levels that are kept; below them one number of several is drawn.
const LEVELS: usize = 10;
/// More numbers than 2 to this power are never added.
const MOST_BASE: u32 = 54;

/// Quantiles; ranks are within 1 % with 99 % probability.
#[derive(Debug, Clone)]
pub struct Quantiles {
    /// Level *i* holds numbers that stand for 2^(base + i) each.
    levels: Vec<Vec<f64>>,
    base: u32,
    /// Numbers of the group that is being drawn from, and the one that is drawn so far.
    drawn: (u64, f64),
    /// Which of the group is taken.
    pick: u64,
    count: u64,
    random: u64,
}

impl Default for Quantiles {
    fn default() -> Self {
        let random = 0x9e37_79b9_7f4a_7c15;
        Self { levels: vec![Vec::new()], base: 0, drawn: (0, 0.0), pick: 0, count: 0, random }
    }
}

impl Quantiles {
    /// The error of ranks.
    pub const ERROR: f64 = 0.01;

    /// For a part of so many numbers that one of 2^`base` of them, drawn at random, is enough.
    pub fn drawing(base: u32) -> Self {
        Self { base, ..Self::default() }
    }

    /// How many numbers were added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Add a number.
    #[inline]
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        if self.base == 0 {
            self.keep(value);
            return;
        }
        if self.drawn.0 == self.pick {
            self.drawn.1 = value;
        }
        self.drawn.0 += 1;
        if self.drawn.0 == 1 << self.base {
            let value = self.drawn.1;
            self.drawn.0 = 0;
            self.pick = self.next() & ((1 << self.base) - 1);
            self.keep(value);
        }
    }

    fn keep(&mut self, value: f64) {
        self.levels[0].push(value);
        if self.levels[0].len() >= self.capacity(0) {
            self.compact(0);
        }
    }

    /// Add a number `count` times.
    pub fn add_times(&mut self, value: f64, count: u64) {
        // What is lighter than the lowest level is drawn as if it came one by one.
        let light = count & ((1 << self.base) - 1);
        for _ in 0..light {
            self.add(value);
        }
        let heavy = count - light;
        self.count += heavy;
        for bit in self.base..u64::BITS {
            if heavy >> bit & 1 == 1 {
                // The base may rise while this goes on.
                let level = bit.saturating_sub(self.base) as usize;
                self.put(level, value);
            }
        }
    }

    fn put(&mut self, level: usize, value: f64) {
        while self.levels.len() <= level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(value);
        if self.levels[level].len() >= self.capacity(level) {
            self.compact(level);
        }
    }

    /// Add what another has seen.
    pub fn merge(&mut self, other: &Self) {
        let all = self.count + other.count;
        for (level, values) in other.levels.iter().enumerate() {
            for &value in values {
                let weight = other.base + level as u32;
                match weight.checked_sub(self.base) {
                    Some(own) => self.put(own as usize, value),
                    None => (0..1u64 << weight).for_each(|_| self.add(value)),
                }
            }
        }
        (0..other.drawn.0).for_each(|_| self.add(other.drawn.1));
        self.count = all;
    }

    fn capacity(&self, level: usize) -> usize {
        let depth = self.levels.len() - 1 - level;
        ((TOP as f64 * (2.0f64 / 3.0).powi(depth as i32)) as usize).max(8)
    }

    #[cold]
    fn compact(&mut self, mut level: usize) {
        while self.levels[level].len() >= self.capacity(level) {
            if level + 1 == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let mut values = std::mem::take(&mut self.levels[level]);
            values.sort_unstable_by(f64::total_cmp);
            // Of an odd number one stays.
            let odd = if values.len() % 2 == 1 { values.pop() } else { None };
            let first = (self.next() & 1) as usize;
            self.levels[level + 1].extend(values.iter().skip(first).step_by(2));
            values.clear();
            values.extend(odd);
            self.levels[level] = values;
            level += 1;
        }
        while self.levels.len() > LEVELS && self.drawn.0 == 0 {
            let lowest = self.levels.remove(0);
            self.base += 1;
            self.pick = self.next() & ((1 << self.base) - 1);
            // Half of what was light goes up, drawn pair by pair.
            let mut lowest = lowest;
            lowest.sort_unstable_by(f64::total_cmp);
            let first = (self.next() & 1) as usize;
            self.levels[0].extend(lowest.iter().skip(first).step_by(2));
        }
    }

    /// xorshift64: which of two equals is kept must only not follow the data.
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }

    /// Write them.
    pub fn write(&self, out: &mut Writer) {
        [self.base.into(), self.drawn.0, self.pick, self.count, self.random]
            .into_iter()
            .for_each(|value| out.integer(value));
        out.float(self.drawn.1);
        out.integer(self.levels.len() as u64);
        for level in &self.levels {
            out.integer(level.len() as u64);
            level.iter().for_each(|&value| out.float(value));
        }
    }

    /// What [`Quantiles::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        let base = u32::try_from(from.integer()?).ok().filter(|&base| base < MOST_BASE)?;
        let (drawn, pick, count, random) = (from.integer()?, from.integer()?, from.integer()?, from.integer()?);
        let drawn = (drawn, from.float()?);
        let level = |from: &mut Reader<'_>| (0..from.count()?).map(|_| from.float()).collect::<Option<Vec<f64>>>();
        let levels = (0..from.count()?).map(|_| level(from)).collect::<Option<Vec<_>>>()?;
        let is_one = drawn.0 < 1 << base && (1..=LEVELS + 1).contains(&levels.len()) && random != 0;
        is_one.then_some(Self { levels, base, drawn, pick, count, random })
    }

    /// The kept numbers in order, each with what it stands for.
    pub fn weighted(&self) -> Vec<(f64, u64)> {
        let of = |(level, values): (usize, &Vec<f64>)| {
            let weight = 1u64 << (self.base + level as u32);
            values.iter().map(move |&value| (value, weight)).collect::<Vec<_>>()
        };
        let mut all: Vec<(f64, u64)> = self.levels.iter().enumerate().flat_map(of).collect();
        all.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(sketch: &Quantiles, sorted: &[f64]) -> f64 {
        let weighted = sketch.weighted();
        let total: u64 = weighted.iter().map(|(_, weight)| weight).sum();
        let mut below = 0;
        let mut worst = 0.0f64;
        for (value, weight) in weighted {
            below += weight;
            let true_rank = sorted.partition_point(|one| *one <= value) as f64 / sorted.len() as f64;
            let lower_rank = sorted.partition_point(|one| *one < value) as f64 / sorted.len() as f64;
            let rank = below as f64 / total as f64;
            worst = worst.max((lower_rank - rank).max(rank - true_rank));
        }
        worst
    }

    #[test]
    fn ranks_are_within_the_error_in_any_order_alone_and_merged() {
        for count in [1usize, 100, 5_000, 100_000, 1_000_000] {
            let ascending: Vec<f64> = (0..count).map(|number| number as f64).collect();
            let shuffled: Vec<f64> = (0..count).map(|number| (number * 7_919 % count) as f64).collect();
            for values in [&ascending, &shuffled] {
                let (mut one, mut parts) = (Quantiles::default(), [(); 3].map(|()| Quantiles::default()));
                for (place, &value) in values.iter().enumerate() {
                    one.add(value);
                    parts[place * 3 / count].add(value);
                }
                let mut merged = Quantiles::default();
                parts.iter().for_each(|part| merged.merge(part));
                let mut sorted = values.clone();
                sorted.sort_by(f64::total_cmp);
                assert_eq!((one.count(), merged.count()), (count as u64, count as u64));
                assert!(worst(&one, &sorted) <= Quantiles::ERROR, "{count} {}", worst(&one, &sorted));
                assert!(worst(&merged, &sorted) <= Quantiles::ERROR, "{count} merged {}", worst(&merged, &sorted));
                assert!(one.weighted().len() < 3 * TOP + 100);
            }
        }
    }

    #[test]
    fn parts_of_many_numbers_may_draw_from_the_start() {
        let values: Vec<f64> = (0..2_000_000u64).map(|number| (number * 7_919 % 2_000_003) as f64).collect();
        let mut merged = Quantiles::default();
        for part in values.chunks(16_000) {
            let mut sketch = Quantiles::drawing(4);
            part.iter().for_each(|&value| sketch.add(value));
            merged.merge(&sketch);
        }
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        assert_eq!(merged.count(), 2_000_000);
        assert!(worst(&merged, &sorted) <= Quantiles::ERROR, "{}", worst(&merged, &sorted));
    }

    #[test]
    fn a_number_added_many_times_weighs_as_much() {
        let mut sketch = Quantiles::default();
        sketch.add_times(1.0, 900_000);
        sketch.add_times(2.0, 100_001);
        (0..1_000).for_each(|_| sketch.add(3.0));
        let weighted = sketch.weighted();
        let of = |value: f64| weighted.iter().filter(|one| one.0 == value).map(|one| one.1).sum::<u64>() as f64;
        assert_eq!(sketch.count(), 1_001_001);
        assert!((of(1.0) / 900_000.0 - 1.0).abs() < 0.01, "{}", of(1.0));
        assert!((of(2.0) / 100_001.0 - 1.0).abs() < 0.05, "{}", of(2.0));
    }
}
