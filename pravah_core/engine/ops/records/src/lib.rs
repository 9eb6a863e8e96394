//! Operations on tables in files: CSV, JSON Lines, Parquet. None uses another; two of them sort what memory does not hold (`sorting`).

mod convert;
mod profile;
mod sorting;
mod validate;

pub use convert::ConvertOptions;
pub use profile::ProfileOptions;
pub use validate::ValidateOptions;
