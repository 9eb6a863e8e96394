//! Figures of many values in bounded memory; two of a kind merge into one.

mod frequent;
mod hll;
mod lengths;
mod moments;
mod quantiles;

pub use frequent::{Frequent, FrequentValue, KEPT_BYTES};
pub use hll::Hll;
pub use lengths::Lengths;
pub use moments::Moments;
pub use quantiles::Quantiles;
