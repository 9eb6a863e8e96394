//! Spreadsheets as text: each sheet becomes delimited records, so that there is one way from there on.
//!
//! What a cell shows is not what is read, but its value: of a number its digits, of a formula what it gave when the file
//! was saved, of a number with the format of a day that day.

pub mod biff;
pub mod binary;
mod book;
mod cells;
mod instead;
mod lines;
mod oddness;
mod open;
mod serial;
mod strings;
mod styles;
mod values;
pub mod xml;

pub use book::{Book, SheetKind, SheetListed, book, relations};
pub use cells::{SheetParts, read};
pub use instead::instead;
pub use lines::{Beginning, RowEnd, SheetExtent, SheetLines, place};
pub use oddness::Oddness;
pub use open::{open_sheets, read_open};
pub use serial::{CellFormat, Epoch};
pub use strings::Strings;
pub use styles::Styles;
