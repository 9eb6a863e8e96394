//! How much of a property is tried: `make soak` tries far more than the tests do, with another seed each time.

/// So many cases, times `PRAVAH_PROPERTY_FACTOR`.
pub fn cases(usual: u32) -> u32 {
    std::env::var("PRAVAH_PROPERTY_FACTOR").map_or(usual, |factor| usual * factor.parse::<u32>().unwrap())
}

/// A fixed seed, or that of `PRAVAH_TEST_SEED`.
pub fn seed(fixed: u64) -> u64 {
    std::env::var("PRAVAH_TEST_SEED").map_or(fixed, |seed| seed.parse().unwrap())
}
