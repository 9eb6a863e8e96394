//! Mean and standard deviation, of pieces that are merged (Chan, Golub, LeVeque 1979).

use crate::base::compact::{Reader, Writer};

/// Count, sum and spread of numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// How many.
    pub count: u64,
    mean: f64,
    /// The sum of squared distances from the mean.
    spread: f64,
}

impl Moments {
    /// Of `count` times one number.
    pub fn of(value: f64, count: u64) -> Self {
        Self { count, mean: value, spread: 0.0 }
    }

    /// Of numbers of which the sums of distances, and of their squares, from some `origin` near them are known.
    pub fn from_sums(origin: f64, count: u64, sum: f64, squares: f64) -> Self {
        if count == 0 {
            return Self::default();
        }
        let shift = sum / count as f64;
        Self { count, mean: origin + shift, spread: (squares - sum * shift).max(0.0) }
    }

    /// Add others.
    pub fn merge(&mut self, other: Self) {
        if other.count == 0 {
            return;
        }
        let count = self.count + other.count;
        let (own, others, all) = (self.count as f64, other.count as f64, count as f64);
        let distance = other.mean - self.mean;
        self.mean += distance * (others / all);
        self.spread += other.spread + distance * distance * (own * others / all);
        self.count = count;
    }

    /// Write them.
    pub fn write(self, out: &mut Writer) {
        out.integer(self.count);
        out.float(self.mean);
        out.float(self.spread);
    }

    /// What [`Moments::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { count: from.integer()?, mean: from.float()?, spread: from.float()? })
    }

    /// The mean, of at least one.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// The standard deviation of a sample, of at least two.
    pub fn deviation(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.spread / (self.count - 1) as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_give_what_the_whole_gives_also_far_from_zero() {
        let values: Vec<f64> = (0..1000).map(|number| 1e9 + f64::from(number * 37 % 101) / 7.0).collect();
        let mean = values.iter().sum::<f64>() / 1000.0;
        let spread: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let mut all = Moments::default();
        for piece in values.chunks(77) {
            let distances = || piece.iter().map(|value| value - piece[0]);
            let squares = distances().map(|distance| distance * distance).sum();
            all.merge(Moments::from_sums(piece[0], piece.len() as u64, distances().sum(), squares));
        }
        assert_eq!(all.count, 1000);
        assert!((all.mean().unwrap() - mean).abs() < 1e-6);
        assert!((all.deviation().unwrap() / (spread / 999.0).sqrt() - 1.0).abs() < 1e-9);
        assert_eq!((Moments::default().mean(), Moments::of(5.0, 1).deviation()), (None, None));
        assert_eq!(Moments::of(5.0, 3).deviation(), Some(0.0));
    }
}
