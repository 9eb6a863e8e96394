//! Figures of values that have one order, as numbers.

use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::tabular::sketch::{Moments, Quantiles};

/// Numbers that are added at once.
const WAITING: usize = 1024;

/// Figures of numbers.
#[derive(Debug, Clone, Default)]
pub struct Ordered {
    /// Mean and deviation.
    pub moments: Moments,
    /// Quantiles.
    pub quantiles: Quantiles,
    /// Numbers that are in neither yet.
    waiting: Vec<f64>,
}

impl Ordered {
    /// Of a part that draws one of 2^`base` numbers for the quantiles.
    pub fn drawing(base: u32) -> Self {
        Self { quantiles: Quantiles::drawing(base), ..Self::default() }
    }

    /// Add a number.
    #[inline]
    pub fn add(&mut self, number: f64) {
        self.waiting.push(number);
        if self.waiting.len() == WAITING {
            self.flush();
        }
    }

    /// Add a number `count` times.
    pub fn add_times(&mut self, number: f64, count: u64) {
        self.moments.merge(Moments::of(number, count));
        self.quantiles.add_times(number, count);
    }

    fn flush(&mut self) {
        let Some(&origin) = self.waiting.first() else { return };
        let (mut sum, mut squares) = (0.0, 0.0);
        for &number in &self.waiting {
            let distance = number - origin;
            sum += distance;
            squares += distance * distance;
        }
        self.moments.merge(Moments::from_sums(origin, self.waiting.len() as u64, sum, squares));
        self.waiting.iter().for_each(|&number| self.quantiles.add(number));
        self.waiting.clear();
    }

    /// Add what waits; nothing more comes.
    pub fn close(&mut self) {
        self.flush();
        self.waiting = Vec::new();
    }

    /// Add others.
    pub fn merge(&mut self, other: &Self) {
        if other.moments.count > 0 {
            self.moments.merge(other.moments);
            self.quantiles.merge(&other.quantiles);
        }
    }

    /// True while some numbers wait.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Write them.
    pub fn write(&self, out: &mut Writer) {
        out.integer(u64::from(self.moments.count > 0));
        if self.moments.count > 0 {
            self.moments.write(out);
            self.quantiles.write(out);
        }
    }

    /// What [`Ordered::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        match from.integer()? {
            0 => Some(Self::default()),
            1 => Some(Self { moments: Moments::read(from)?, quantiles: Quantiles::read(from)?, waiting: Vec::new() }),
            _ => None,
        }
    }
}
