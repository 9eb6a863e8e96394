//! Records of any text.

use super::Head;
use crate::tabular::csv;
use crate::tabular::json;
use crate::tabular::split::Split;

/// Splits a chunk, a few records at a time.
#[derive(Debug)]
pub enum RecordSplitter<'a> {
    /// By delimiters.
    Delimited(csv::CsvSplitter<'a>),
    /// Objects.
    Json(json::JsonSplitter<'a>),
}

impl<'a> RecordSplitter<'a> {
    /// At the start of `text`, which begins with a record of that file.
    pub fn new(text: &'a [u8], head: &'a Head) -> Self {
        match &head.shape {
            Some(shape) => Self::Json(json::JsonSplitter::new(text, shape)),
            None => Self::Delimited(csv::CsvSplitter::new(text, head.dialect(), head.names.len())),
        }
    }

    /// The next records, in `split`; false when there are none.
    pub fn next(&mut self, split: &mut Split) -> bool {
        match self {
            Self::Delimited(splitter) => splitter.next(split),
            Self::Json(splitter) => splitter.next(split),
        }
    }

    /// True when the text ends in a quoted field; known once there are no records left.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Delimited(splitter) => splitter.is_open(),
            // Its quotes close on their line.
            Self::Json(_) => false,
        }
    }

    /// What is odd about values of JSON; known once there are no records left.
    pub fn oddities(&self) -> json::Oddities {
        match self {
            Self::Delimited(_) => json::Oddities::default(),
            Self::Json(splitter) => splitter.oddities(),
        }
    }

    /// Records over several lines each of which is one by itself; known once there are no records left.
    pub fn swallowed(&self) -> csv::Swallowed {
        match self {
            Self::Delimited(splitter) => splitter.swallowed(),
            Self::Json(_) => csv::Swallowed::default(),
        }
    }

    /// Values that hold a quote and have none around them; known once there are no records left.
    pub fn bares(&self) -> csv::Bares {
        match self {
            Self::Delimited(splitter) => splitter.bares(),
            Self::Json(_) => csv::Bares::default(),
        }
    }

    /// Comments so far.
    pub fn comments(&self) -> u64 {
        match self {
            Self::Delimited(splitter) => splitter.comments(),
            Self::Json(_) => 0,
        }
    }

    /// Texts behind quotes that close: how many, and where the first begins; known once there are no records left.
    pub fn strays(&self) -> (u64, u64) {
        match self {
            Self::Delimited(splitter) => splitter.strays(),
            Self::Json(_) => (0, 0),
        }
    }
}
