//! Operations on tables in files: CSV, JSON Lines, Parquet. None uses another.

pub mod convert;
pub mod profile;
pub mod validate;
