//! Operations on tables in files: CSV, JSON Lines, Parquet. None uses another.

mod convert;
mod profile;
mod validate;

pub use convert::ConvertOptions;
pub use profile::ProfileOptions;
pub use validate::ValidateOptions;
