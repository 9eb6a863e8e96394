//! Bytes as text, text as records, fields as typed values, values as figures. Reads no file but Parquet, page by page.

pub mod contract;
pub mod csv;
pub mod datasets;
pub mod formats;
pub mod json;
pub mod layout;
pub mod names;
pub mod pages;
pub mod sheets;
pub mod sketch;
pub mod split;
pub mod text;
pub mod values;
pub mod weight;
pub mod xml;

/// Columns of a table: each takes memory in every thread, and a line that something cuts to pieces is none.
pub const MOST_COLUMNS: usize = 65_536;
