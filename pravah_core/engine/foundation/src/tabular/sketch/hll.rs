//! HyperLogLog: how many distinct values (Flajolet et al. 2007, estimated after Ertl 2017, algorithm 6).

use crate::base::compact::{Reader, Writer};

/// Registers are 2 to this power.
const BITS: u32 = 12;
const REGISTERS: usize = 1 << BITS;
/// The highest rank.
const MOST: usize = (64 - BITS + 1) as usize;

/// Registers that are kept by their places; with more of them, all are there.
const FEW: usize = 128;

/// Counts distinct hashes; the standard error is 1.6 %.
#[derive(Debug, Clone)]
pub struct Hll {
    registers: Registers,
}

#[derive(Debug, Clone)]
enum Registers {
    /// Places and ranks of those that are not zero, in no order: most of thousands of columns have few values.
    Few(Vec<(u16, u8)>),
    All(Box<[u8]>),
}

impl Default for Hll {
    fn default() -> Self {
        Self { registers: Registers::Few(Vec::new()) }
    }
}

impl Hll {
    /// The relative standard error of [`Hll::estimate`].
    pub const ERROR: f64 = 1.04 / 64.0;

    /// Add a hash.
    #[inline]
    pub fn add(&mut self, hash: u64) {
        let place = (hash >> (64 - BITS)) as u16;
        // The bit below ends the run of zeros at 64 - BITS + 1.
        let rank = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8 + 1;
        self.raise(place, rank);
    }

    #[inline]
    fn raise(&mut self, place: u16, rank: u8) {
        match &mut self.registers {
            Registers::All(all) => {
                let register = &mut all[usize::from(place)];
                if *register < rank {
                    *register = rank;
                }
            }
            Registers::Few(few) => match few.iter().position(|(own, _)| *own == place) {
                Some(at) => few[at].1 = rank.max(few[at].1),
                None if few.len() < FEW => few.push((place, rank)),
                None => {
                    let mut all = self.all();
                    all[usize::from(place)] = rank;
                    self.registers = Registers::All(all);
                }
            },
        }
    }

    /// All registers.
    fn all(&self) -> Box<[u8]> {
        match &self.registers {
            Registers::All(all) => all.clone(),
            Registers::Few(few) => {
                let mut all = vec![0; REGISTERS].into_boxed_slice();
                few.iter().for_each(|&(place, rank)| all[usize::from(place)] = rank);
                all
            }
        }
    }

    /// True if nothing was added.
    pub fn is_empty(&self) -> bool {
        matches!(&self.registers, Registers::Few(few) if few.is_empty())
    }

    /// Add what another has seen.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.registers, &other.registers) {
            (_, Registers::Few(few)) => few.iter().for_each(|&(place, rank)| self.raise(place, rank)),
            (Registers::All(own), Registers::All(other)) => {
                own.iter_mut().zip(other).for_each(|(own, &other)| *own = (*own).max(other));
            }
            (Registers::Few(_), Registers::All(all)) => {
                let Registers::Few(few) = std::mem::replace(&mut self.registers, Registers::All(all.clone())) else {
                    return;
                };
                few.iter().for_each(|&(place, rank)| self.raise(place, rank));
            }
        }
    }

    /// Write it.
    pub fn write(&self, out: &mut Writer) {
        out.0.extend_from_slice(&self.all());
    }

    /// What [`Hll::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        let registers = from.take(REGISTERS)?;
        let is_rank = |&rank: &u8| usize::from(rank) <= MOST;
        if !registers.iter().all(is_rank) {
            return None;
        }
        let few = registers.iter().zip(0..).filter(|(rank, _)| **rank > 0).map(|(&rank, place)| (place, rank));
        let few: Vec<(u16, u8)> = few.take(FEW + 1).collect();
        let registers = if few.len() > FEW { Registers::All(registers.into()) } else { Registers::Few(few) };
        Some(Self { registers })
    }

    /// About how many distinct hashes there were.
    pub fn estimate(&self) -> f64 {
        let mut counts = [0u32; MOST + 1];
        self.all().iter().for_each(|&register| counts[usize::from(register)] += 1);
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
