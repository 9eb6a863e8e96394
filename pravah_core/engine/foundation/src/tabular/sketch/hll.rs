//! HyperLogLog: how many distinct values (Flajolet et al. 2007, estimated after Ertl 2017, algorithm 6).

use crate::base::compact::{Reader, Writer};

/// Registers are 2 to this power.
const BITS: u32 = 12;
const REGISTERS: usize = 1 << BITS;
/// The highest rank.
const MOST: usize = (64 - BITS + 1) as usize;

/// Counts distinct hashes; the standard error is 1.6 %.
#[derive(Debug, Clone)]
pub struct Hll {
    registers: Box<[u8]>,
}

impl Default for Hll {
    fn default() -> Self {
        Self { registers: vec![0; REGISTERS].into_boxed_slice() }
    }
}

impl Hll {
    /// The relative standard error of [`Hll::estimate`].
    pub const ERROR: f64 = 1.04 / 64.0;

    /// Add a hash.
    #[inline]
    pub fn add(&mut self, hash: u64) {
        let place = (hash >> (64 - BITS)) as usize;
        // The bit below ends the run of zeros at 64 - BITS + 1.
        let rank = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8 + 1;
        let register = &mut self.registers[place];
        if *register < rank {
            *register = rank;
        }
    }

    /// Add what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.registers.iter_mut().zip(&other.registers).for_each(|(own, &other)| *own = (*own).max(other));
    }

    /// Write it.
    pub fn write(&self, out: &mut Writer) {
        out.0.extend_from_slice(&self.registers);
    }

    /// What [`Hll::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        let registers = from.take(REGISTERS)?;
        let is_rank = |&rank: &u8| usize::from(rank) <= MOST;
        registers.iter().all(is_rank).then(|| Self { registers: registers.into() })
    }

    /// About how many distinct hashes there were.
    pub fn estimate(&self) -> f64 {
        let mut counts = [0u32; MOST + 1];
        self.registers.iter().for_each(|&register| counts[usize::from(register)] += 1);
        let all = REGISTERS as f64;
        let mut z = all * tau(1.0 - f64::from(counts[MOST]) / all);
        for rank in (1..MOST).rev() {
            z = 0.5 * (z + f64::from(counts[rank]));
        }
        z += all * sigma(f64::from(counts[0]) / all);
        all / (2.0 * std::f64::consts::LN_2) * all / z
    }
}

fn sigma(x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut x, mut y, mut z) = (x, 1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

fn tau(x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut x, mut y, mut z) = (x, 1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::hash;

    #[test]
    fn the_estimate_is_within_its_error_at_every_size() {
        for count in [0u64, 1, 10, 1_000, 10_000, 100_000, 2_000_000] {
            let (mut one, mut other) = (Hll::default(), Hll::default());
            for number in 0..count {
                let hash = hash(number.to_string().as_bytes());
                if number % 3 == 0 {
                    one.add(hash)
                } else {
                    other.add(hash)
                }
                if number % 7 == 0 {
                    other.add(hash);
                }
            }
            one.merge(&other);
            let error = (one.estimate() - count as f64).abs() / (count.max(1)) as f64;
            assert!(error <= 3.0 * Hll::ERROR, "{count}: {}", one.estimate());
        }
    }
}
