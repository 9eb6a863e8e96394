//! The formats of a workbook's cells.

use std::collections::HashMap;
use std::io::Read;

use super::serial::CellFormat;
use super::xml::{BytesStart, Event, Unreadable, Xml, attribute};

/// Formats: a workbook has at most some thousands.
pub(super) const MOST: usize = 1 << 20;

/// By style: what it makes of a number.
#[derive(Debug, Default)]
pub struct Styles(Vec<CellFormat>);

impl Styles {
    /// Read the part of a workbook that holds them.
    ///
    /// # Errors
    /// In words: why it cannot be read.
    pub fn read(part: impl Read) -> Result<Self, Unreadable> {
        let (mut styles, mut xml) = (Self::default(), Xml::new(part));
        let mut own: HashMap<u32, CellFormat> = HashMap::new();
        let mut in_cells = false;
        loop {
            match xml.event()? {
                Event::Start(start) => match start.local_name().as_ref() {
                    b"cellXfs" => in_cells = true,
                    b"numFmt" if own.len() < MOST => {
                        if let (Some(id), Some(format)) = (number(&start), attribute(&start, b"formatCode")) {
                            own.insert(id, CellFormat::of_format(&format));
                        }
                    }
                    b"xf" if in_cells => styles.add(&own, number(&start).unwrap_or_default()),
                    _ => {}
                },
                Event::End(end) if end.local_name().as_ref() == b"cellXfs" => in_cells = false,
                Event::Eof => return Ok(styles),
                _ => {}
            }
        }
    }

    /// One more, with the format of that number, which may be one of the workbook's own.
    pub(super) fn add(&mut self, own: &HashMap<u32, CellFormat>, format: u32) {
        if self.0.len() < MOST {
            self.0.push(own.get(&format).copied().unwrap_or_else(|| CellFormat::of_builtin(format)));
        }
    }

    /// What the style of that number makes of a number.
    #[inline]
    pub fn shown(&self, style: usize) -> CellFormat {
        self.0.get(style).copied().unwrap_or_default()
    }
}

fn number(start: &BytesStart<'_>) -> Option<u32> {
    attribute(start, b"numFmtId")?.parse().ok()
}
