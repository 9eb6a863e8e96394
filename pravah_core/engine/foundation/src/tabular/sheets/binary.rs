//! Workbooks in binary (`xlsb`): the parts of Office Open XML as records of bytes (MS-XLSB) instead of XML.

use std::collections::HashMap;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::book::{Book, MOST_SHEETS, NameBytes, SheetListed, named};
use super::cells::SheetParts;
use super::lines::{RowEnd, SheetLines};
use super::serial::{CellFormat, Epoch};
use super::strings::Strings;
use super::styles::{MOST as MOST_STYLES, Styles};
use super::values::{self, Value, Writer};
use super::xml::{Unreadable, of_io};
use crate::base::issue::IssueKind;

/// The longest record: no text of a cell has room for more.
const LONGEST_BYTES: usize = 32 << 20;
const BUFFER_BYTES: usize = 128 << 10;

/// Kinds of records.
mod kind {
    pub const ROW: u16 = 0;
    pub const BLANK: u16 = 1;
    pub const RK: u16 = 2;
    pub const ERROR: u16 = 3;
    pub const BOOLEAN: u16 = 4;
    pub const REAL: u16 = 5;
    pub const TEXT: u16 = 6;
    pub const SHARED: u16 = 7;
    pub const FORMULA_TEXT: u16 = 8;
    pub const FORMULA_REAL: u16 = 9;
    pub const FORMULA_BOOLEAN: u16 = 10;
    pub const FORMULA_ERROR: u16 = 11;
    /// Those of [`BLANK`] to [`SHARED`] that do not say their column.
    pub const SHORT_BLANK: u16 = 12;
    pub const SHORT_SHARED: u16 = 18;
    pub const SHARED_ITEM: u16 = 19;
    pub const FORMAT: u16 = 44;
    pub const STYLE: u16 = 47;
    pub const RICH_TEXT: u16 = 62;
    pub const SHEET_END: u16 = 146;
    pub const BOOK: u16 = 153;
    pub const SHEET: u16 = 156;
    pub const MERGED: u16 = 176;
    pub const STYLES_OF_CELLS: u16 = 617;
    pub const STYLES_OF_CELLS_END: u16 = 618;
}

/// A part, record by record.
struct Records<R: Read> {
    part: BufReader<R>,
    body: Vec<u8>,
}

impl<R: Read> Records<R> {
    fn new(part: R) -> Self {
        Self { part: BufReader::with_capacity(BUFFER_BYTES, part), body: Vec::new() }
    }

    /// The next record, and its fields; none at the end.
    fn next(&mut self) -> Result<Option<(u16, Fields<'_>)>, Unreadable> {
        let mut byte = [0];
        if self.part.read(&mut byte).map_err(|error| of_io(&error))? == 0 {
            return Ok(None);
        }
        let mut kind = u16::from(byte[0]);
        if kind & 0x80 != 0 {
            kind = kind & 0x7f | u16::from(self.byte()? & 0x7f) << 7;
        }
        let mut length = 0;
        for shift in 0..4 {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << (7 * shift);
            if byte & 0x80 == 0 {
                break;
            }
        }
        if length > LONGEST_BYTES {
            return Err((IssueKind::TooLarge, format!("has a record of more than {LONGEST_BYTES} bytes")));
        }
        self.body.clear();
        // What is claimed is not there yet: room is made as it comes.
        let read = self.part.by_ref().take(length as u64).read_to_end(&mut self.body).map_err(|error| of_io(&error))?;
        if read < length {
            return Err(cut());
        }
        Ok(Some((kind, Fields(&self.body))))
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        let mut byte = [0];
        match self.part.read_exact(&mut byte) {
            Ok(()) => Ok(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(cut()),
            Err(error) => Err(of_io(&error)),
        }
    }
}

fn cut() -> Unreadable {
    (IssueKind::Malformed, "ends within a record; perhaps it was cut off".to_owned())
}

/// What is left of a record.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Unreadable> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(short)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    fn short(&mut self) -> Result<u16, Unreadable> {
        self.bytes().map(u16::from_le_bytes)
    }

    fn number(&mut self) -> Result<u32, Unreadable> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn real(&mut self) -> Result<f64, Unreadable> {
        self.bytes().map(f64::from_le_bytes)
    }

    /// A number of few digits.
    fn rk(&mut self) -> Result<f64, Unreadable> {
        self.number().map(values::rk)
    }

    /// A text; none where its length says so.
    fn text(&mut self) -> Result<Option<String>, Unreadable> {
        let length = self.number()?;
        if length == u32::MAX {
            return Ok(None);
        }
        let bytes = (length as usize).checked_mul(2).and_then(|length| self.0.split_at_checked(length));
        let (bytes, rest) = bytes.ok_or_else(short)?;
        self.0 = rest;
        let (units, _) = bytes.as_chunks::<2>();
        let mut text = String::with_capacity(units.len());
        values::push_units(units.iter().map(|unit| u16::from_le_bytes(*unit)), &mut text);
        Ok(Some(text))
    }
}

fn short() -> Unreadable {
    (IssueKind::Malformed, "has a record that is shorter than what it holds".to_owned())
}

/// Read the part that lists the sheets.
///
/// # Errors
/// In words: why it cannot be read.
pub fn book(part: impl Read) -> Result<Book, Unreadable> {
    let (mut book, mut records, mut names) = (Book::default(), Records::new(part), NameBytes::default());
    while let Some((kind, mut fields)) = records.next()? {
        match kind {
            kind::BOOK if fields.number()? & 1 != 0 => book.epoch = Epoch::In1904,
            kind::SHEET => {
                if book.sheets.len() >= MOST_SHEETS {
                    return Err((IssueKind::TooLarge, format!("has more than {MOST_SHEETS} sheets")));
                }
                let (state, _id) = (fields.number()?, fields.number()?);
                let (relation, name) = (fields.text()?.unwrap_or_default(), fields.text()?.unwrap_or_default());
                names.add(relation.len())?;
                let name = named(&name, &book.sheets);
                book.sheets.push(SheetListed { name, relation, is_hidden: state != 0 });
            }
            _ => {}
        }
    }
    Ok(book)
}

/// Read the part that holds the texts; many are put into `directory`, without a name.
///
/// # Errors
/// In words: why it cannot be read.
pub fn strings(part: impl Read, directory: &Path) -> Result<Strings, Unreadable> {
    let (mut strings, mut records) = (Strings::new(directory), Records::new(part));
    while let Some((kind, mut fields)) = records.next()? {
        if kind == kind::SHARED_ITEM {
            let _flags = fields.byte()?;
            strings.add(fields.text()?.unwrap_or_default().as_bytes())?;
        }
    }
    strings.end_of_all()
}

/// Read the part that holds the formats.
///
/// # Errors
/// In words: why it cannot be read.
pub fn styles(part: impl Read) -> Result<Styles, Unreadable> {
    let (mut styles, mut records) = (Styles::default(), Records::new(part));
    let mut own: HashMap<u32, CellFormat> = HashMap::new();
    let mut in_cells = false;
    while let Some((kind, mut fields)) = records.next()? {
        match kind {
            kind::FORMAT if own.len() < MOST_STYLES => {
                let number = u32::from(fields.short()?);
                own.insert(number, CellFormat::of_format(&fields.text()?.unwrap_or_default()));
            }
            kind::STYLES_OF_CELLS => in_cells = true,
            kind::STYLES_OF_CELLS_END => in_cells = false,
            kind::STYLE if in_cells => {
                let (_parent, format) = (fields.short()?, fields.short()?);
                styles.add(&own, u32::from(format));
            }
            _ => {}
        }
    }
    Ok(styles)
}

/// Read a sheet row by row, as [`super::cells::read`].
///
/// # Errors
/// Those of `row`, and in words why the sheet cannot be read.
pub fn read<E: From<Unreadable>>(
    part: impl Read,
    parts: &SheetParts<'_>,
    lines: &mut SheetLines,
    mut row: impl FnMut(&mut SheetLines) -> Result<(), E>,
) -> Result<RowEnd, E> {
    let mut records = Records::new(part);
    let mut cells = Cells { writer: Writer::new(parts), next: 0 };
    let (mut is_open, mut has_ended) = (false, false);
    while let Some((kind, mut fields)) = records.next()? {
        match kind {
            kind::ROW | kind::SHEET_END if !has_ended => {
                if is_open {
                    if lines.end_row() == RowEnd::Wider {
                        return Ok(RowEnd::Wider);
                    }
                    row(lines)?;
                }
                (is_open, has_ended) = (kind == kind::ROW, kind == kind::SHEET_END);
                if is_open {
                    lines.begin_row(Some(fields.number()?))?;
                    cells.next = 0;
                }
            }
            kind::BLANK..=kind::SHORT_SHARED | kind::RICH_TEXT if is_open => cells.cell(kind, fields, lines)?,
            kind::MERGED => lines.oddness.merged += 1,
            _ => {}
        }
    }
    if !has_ended {
        return Err(cut().into());
    }
    Ok(RowEnd::More)
}

struct Cells<'a> {
    writer: Writer<'a>,
    /// The column of a cell that does not say its own.
    next: u32,
}

impl Cells<'_> {
    fn cell(&mut self, kind: u16, mut fields: Fields<'_>, lines: &mut SheetLines) -> Result<(), Unreadable> {
        let is_short = (kind::SHORT_BLANK..=kind::SHORT_SHARED).contains(&kind);
        let column = if is_short { self.next } else { fields.number()? };
        let kind = if is_short { kind - kind::SHORT_BLANK + kind::BLANK } else { kind };
        self.next = column.saturating_add(1);
        let style = fields.number()? & 0xff_ffff;
        let text;
        let value = match kind {
            kind::RK => Value::Real(fields.rk()?, style),
            kind::REAL | kind::FORMULA_REAL => Value::Real(fields.real()?, style),
            kind::ERROR | kind::FORMULA_ERROR => Value::Error(fields.byte()?),
            kind::BOOLEAN | kind::FORMULA_BOOLEAN => Value::Boolean(fields.byte()? != 0),
            kind::SHARED => Value::Shared(fields.number()?),
            kind::TEXT | kind::FORMULA_TEXT | kind::RICH_TEXT => {
                if kind == kind::RICH_TEXT {
                    let _flags = fields.byte()?;
                }
                text = fields.text()?.unwrap_or_default();
                Value::Text(text.as_bytes())
            }
            _ => return Ok(()),
        };
        self.writer.write(column, value, lines)
    }
}
