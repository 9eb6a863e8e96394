//! Result tables: written as shards, and read again as the baseline of a later run.

pub mod baseline;
pub mod columns;
pub mod report;
pub mod sheet;
pub mod sink;
