//! XML: elements that come again are records, what is in them values. They are read as delimited text that is made of
//! them, once it is known which elements these are and what they hold.
//!
//! 1. The records are told by a path, or found: the highest element that comes again below one parent and holds most of
//!    the values.
//! 2. An attribute is a column, `@id`; so is a child without children, `name`; what is inside a child is a column of
//!    both names, `address.city`. A child that comes again in a record makes a list, which is one value: JSON.
//! 3. The text of an element is its value as it stands. Between elements, white space is none; where an element holds
//!    text and elements, its text is kept and this is told.
//! 4. An element that is not there is no value; an empty one is an empty text, `xsi:nil` no value.
//! 5. Entities that a document declares are not read: what uses one ends the reading.

mod doctype;
mod encoding;
mod lists;
mod paths;
mod pieces;
mod records;
mod shape;

pub use encoding::declared;
pub use paths::is_path;
pub use records::XmlRecords;
pub use shape::{XmlLearner, XmlShape};

/// True when a text that begins so declares itself as XML.
pub fn is_declared(start: &[u8]) -> bool {
    let start = start.strip_prefix(pieces::MARK).unwrap_or(start);
    start.starts_with(b"<?xml") || encoding::wide(start).is_some()
}
