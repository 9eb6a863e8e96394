//! Bytes as text, text as records, fields as typed values, values as figures. Reads and writes no file.

pub mod contract;
pub mod csv;
pub mod json;
pub mod names;
pub mod sheets;
pub mod sketch;
pub mod split;
pub mod text;
pub mod values;
