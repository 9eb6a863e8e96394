//! Sizes as a log-linear histogram: percentiles of any number of files in 30 KiB.

/// Sub-buckets of each power of two: the relative error of a percentile is at most 1/64.
const STEPS: u64 = 64;
const BUCKETS: usize = 64 * STEPS as usize;

/// Counts of sizes.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max: 0 }
    }
}

fn bucket(size: u64) -> usize {
    if size < STEPS {
        return size as usize;
    }
    let power = 63 - u64::from(size.leading_zeros());
    let step = (size >> (power - 6)) - STEPS;
    ((power - 5) * STEPS + step) as usize
}

/// The smallest size of a bucket.
fn lower(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let power = bucket / STEPS + 5;
    (STEPS + bucket % STEPS) << (power - 6)
}

impl Histogram {
    /// Count one size.
    pub fn add(&mut self, size: u64) {
        self.counts[bucket(size)] += 1;
        self.total += 1;
        self.max = self.max.max(size);
    }

    /// Count what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// The largest size.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The nearest-rank percentile, at most 1/64 too small; none without files.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.counts.iter().enumerate().find_map(|(index, count)| {
            seen += count;
            (seen >= rank && *count > 0).then(|| lower(index))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_lies_within_a_64th_of_its_bucket() {
        for size in (0..4096).chain((12..64).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 7])) {
            let low = lower(bucket(size));
            assert!(low <= size && size - low <= size / 64, "{size} fell to {low}");
        }
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let mut histogram = Histogram::default();
        (1..=50).for_each(|size| histogram.add(size));
        assert_eq!(histogram.percentile(50), Some(25));
        assert_eq!(histogram.percentile(99), Some(50));
        assert_eq!(Histogram::default().percentile(50), None);
    }
}
