//! Workbooks of Excel 5 to 2003 (`xls`): records of bytes (MS-XLS) in one stream of a compound file.

mod cells;
mod order;
mod records;

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::book::{Book, MOST_SHEETS, SheetListed, named};
use super::serial::{CellFormat, Epoch};
use super::strings::Strings;
use super::styles::{MOST as MOST_STYLES, Styles};
use super::xml::Unreadable;
use crate::base::issue::IssueKind;
pub use cells::read;
pub use records::Charset;
use records::{Records, cut};

/// Kinds of records.
mod kind {
    pub const FORMULA: u16 = 0x06;
    /// The same as in Excel 3 and 4, which programs still write.
    pub const FORMULA_3: u16 = 0x206;
    pub const FORMULA_4: u16 = 0x406;
    pub const EOF: u16 = 0x0a;
    pub const IN_1904: u16 = 0x22;
    pub const PASSWORD: u16 = 0x2f;
    pub const CONTINUE: u16 = 0x3c;
    pub const CODE_PAGE: u16 = 0x42;
    pub const SHEET: u16 = 0x85;
    pub const MANY_RK: u16 = 0xbd;
    pub const RICH_TEXT: u16 = 0xd6;
    pub const STYLE: u16 = 0xe0;
    pub const MERGED: u16 = 0xe5;
    pub const TEXTS: u16 = 0xfc;
    pub const SHARED: u16 = 0xfd;
    pub const REAL: u16 = 0x203;
    pub const TEXT: u16 = 0x204;
    pub const BOOLEAN_OR_ERROR: u16 = 0x205;
    pub const FORMULA_TEXT: u16 = 0x207;
    pub const RK: u16 = 0x27e;
    pub const FORMAT: u16 = 0x41e;
    pub const BEGIN: u16 = 0x809;
    /// Those that begin streams of Excel 2 to 4, which hold one sheet, or several without a common list.
    pub const BEGIN_OLD: [u16; 3] = [0x009, 0x209, 0x409];
}

/// The version that writes texts as Unicode.
const UNICODE: u16 = 0x600;
const OLDEST: u16 = 0x500;
/// What a stream of a single sheet begins as.
const IS_SHEET: u16 = 0x10;
/// The code page of versions before, where none is named.
const WESTERN: u16 = 1252;

/// What stands in front of the sheets.
#[derive(Default)]
pub struct Globals {
    /// Its sheets that have cells.
    pub book: Book,
    /// Where each of them begins and another one follows.
    pub places: Vec<(u64, u64)>,
    /// Formats of cells.
    pub styles: Styles,
    /// What texts of cells are written in, and where values may be put while a sheet is read.
    pub aids: Aids,
}

/// What the reading of a sheet needs besides what cells refer to.
#[derive(Default)]
pub struct Aids {
    charset: Charset,
    directory: PathBuf,
}

/// Read what stands in front of the sheets of a stream of so many bytes. Texts are left out where none are wanted.
///
/// # Errors
/// In words: why it cannot be read.
pub fn globals(
    part: impl Read,
    bytes: u64,
    directory: &Path,
    mut strings: Option<&mut Strings>,
) -> Result<Globals, Unreadable> {
    let mut records = Records::new(part, Charset::Unicode);
    let (mut globals, is_sheet) = begin(&mut records, bytes, directory)?;
    let (mut starts, mut ends, mut formats) = (Vec::new(), vec![bytes], Vec::new());
    let mut own: HashMap<u32, CellFormat> = HashMap::new();
    let (mut text, mut depth) = (String::new(), 1);
    while depth > 0 {
        let Some(kind) = records.next()? else { return Err(cut()) };
        match kind {
            kind::BEGIN => depth += 1,
            kind::EOF => depth -= 1,
            kind::PASSWORD => {
                return Err((IssueKind::Unsupported, "is encrypted; save it without a password".to_owned()));
            }
            kind::IN_1904 if records.short()? == 1 => globals.book.epoch = Epoch::In1904,
            kind::CODE_PAGE if matches!(globals.aids.charset, Charset::Page(..)) => {
                globals.aids.charset = Charset::of_page(records.short()?);
                records.set_charset(globals.aids.charset);
            }
            kind::FORMAT if own.len() < MOST_STYLES => {
                let number = u32::from(records.short()?);
                let characters = match globals.aids.charset {
                    Charset::Unicode => usize::from(records.short()?),
                    Charset::Page(..) => usize::from(records.byte()?),
                };
                // What is damaged here says nothing of the cells.
                if records.text(characters, &mut text).is_ok() {
                    own.insert(number, CellFormat::of_format(&text));
                }
            }
            kind::STYLE if formats.len() < MOST_STYLES => {
                let [_, _, low, high] = records.bytes()?;
                formats.push(u16::from_le_bytes([low, high]));
            }
            kind::SHEET => {
                if ends.len() > MOST_SHEETS {
                    return Err((IssueKind::TooLarge, format!("has more than {MOST_SHEETS} sheets")));
                }
                let place = u64::from(records.number()?);
                let [state, kind, characters] = records.bytes()?;
                records.text(usize::from(characters), &mut text)?;
                ends.push(place);
                // Others are charts, macros of old, and programs.
                if kind == 0 {
                    let name = named(&text, &globals.book.sheets);
                    let is_hidden = state & 3 != 0;
                    globals.book.sheets.push(SheetListed { name, relation: String::new(), is_hidden });
                    starts.push(place);
                }
            }
            kind::TEXTS => {
                if let Some(strings) = &mut strings {
                    texts(&mut records, strings, &mut text)?;
                }
            }
            _ => {}
        }
    }
    for format in formats {
        globals.styles.add(&own, u32::from(format));
    }
    ends.sort_unstable();
    if is_sheet {
        let listed = SheetListed { name: "Sheet1".to_owned(), relation: String::new(), is_hidden: false };
        (globals.book.sheets, starts) = (vec![listed], vec![0]);
    }
    globals.places = starts.iter().map(|start| (*start, behind(&ends, *start))).collect();
    Ok(globals)
}

/// Where the sheet that begins there has to end: before the next one, or at once where two begin.
fn behind(ends: &[u64], start: u64) -> u64 {
    let at = ends.partition_point(|end| *end <= start);
    let is_twice = at > 1 && ends[at - 2] == start;
    if is_twice { start } else { ends.get(at).copied().unwrap_or(start) }
}

/// The first record; true for that of a sheet, which is alone.
fn begin(records: &mut Records<impl Read>, bytes: u64, directory: &Path) -> Result<(Globals, bool), Unreadable> {
    let mut globals = Globals::default();
    globals.aids.directory = directory.to_owned();
    let kind = if bytes == 0 { None } else { records.next()? };
    let version = match kind {
        Some(kind::BEGIN) => records.short()?,
        Some(kind) if kind::BEGIN_OLD.contains(&kind) => 0,
        _ => return Err((IssueKind::Malformed, "does not begin as a workbook; perhaps it is damaged".to_owned())),
    };
    if version < OLDEST {
        return Err((IssueKind::Unsupported, OLDER.to_owned()));
    }
    if version < UNICODE {
        globals.aids.charset = Charset::of_page(WESTERN);
        records.set_charset(globals.aids.charset);
    }
    let is_sheet = records.short()? == IS_SHEET;
    Ok((globals, is_sheet))
}

/// What is said of files of Excel 2 to 4.
pub const OLDER: &str =
    "is a workbook of Excel 4 or older, which is not supported; open it in LibreOffice and save it as .xlsx";

/// The texts that cells refer to. How many the record claims does not count: they end with it.
fn texts(records: &mut Records<impl Read>, strings: &mut Strings, text: &mut String) -> Result<(), Unreadable> {
    let (_uses, claimed) = (records.number()?, records.number()?);
    for _ in 0..claimed {
        if records.left() == 0 && !records.go_on()? {
            break;
        }
        let characters = usize::from(records.short()?);
        records.text(characters, text)?;
        strings.add(text.as_bytes())?;
    }
    Ok(())
}
