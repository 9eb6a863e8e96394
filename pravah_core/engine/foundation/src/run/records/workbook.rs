//! A file that is a workbook, of whichever kind: what its sheets are, and their rows.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::later::Stop;
use crate::base::issue::IssueKind;
use crate::io::compound::{COMPOUND, Compound, StreamEntry};
use crate::io::package::{Package, Unreadable};
use crate::tabular::sheets::biff::{self, Aids, Globals};
use crate::tabular::sheets::{
    self, Book, Epoch, RowEnd, SheetExtent, SheetKind, SheetLines, SheetListed, SheetParts, Strings, Styles, binary,
};

const OFFICE: &str = "xl/workbook.xml";
const BINARY: &str = "xl/workbook.bin";
const OPEN: &str = "content.xml";
/// Bytes of the list of an OpenDocument's parts that are looked at.
const MANIFEST_BYTES: u64 = 1 << 20;

/// Bytes of the beginning of what is no workbook that tell what it is.
const START_BYTES: usize = 4096;

/// A workbook.
pub enum Workbook {
    /// Of parts, which are written in that.
    Parts(Package, PartsKind),
    /// Of before 2007: a stream.
    Stream(Compound, StreamEntry),
}

/// What parts are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartsKind {
    /// Office Open XML.
    Office,
    /// The same in records of bytes.
    Binary,
    /// OpenDocument.
    Open,
}

/// A sheet that is read, or read again.
#[derive(Debug, Clone)]
pub struct SheetOfBook {
    /// The path of its workbook.
    pub book: Vec<u8>,
    /// What its workbook says of it.
    pub listed: SheetListed,
    /// Its part.
    part: String,
    /// Its place in its part.
    number: usize,
    /// The place in its stream where it begins, and where it ends at the latest.
    place: (u64, u64),
    epoch: Epoch,
    is_uncalculated: bool,
    /// Its columns, where the first rows do not tell them.
    pub extent: Option<SheetExtent>,
}

/// What the cells of all sheets refer to.
#[derive(Default)]
pub struct BookTexts {
    strings: Strings,
    styles: Styles,
    aids: Aids,
}

impl Workbook {
    /// An open file.
    ///
    /// # Errors
    /// In words: why it is none.
    pub fn open(file: File) -> Result<Self, Unreadable> {
        let mut start = [0; START_BYTES];
        let read = file.read_at(&mut start, 0).unwrap_or_default();
        let start = &start[..read];
        if start.starts_with(&COMPOUND) {
            return Self::open_compound(file);
        }
        if !start.starts_with(b"PK") {
            return Err(sheets::instead(start));
        }
        let package = Package::open(file)?;
        if package.has(OFFICE) {
            return Ok(Self::Parts(package, PartsKind::Office));
        }
        if package.has(BINARY) {
            return Ok(Self::Parts(package, PartsKind::Binary));
        }
        if !package.has(OPEN) {
            return Err((IssueKind::Malformed, format!("is a zip, but not a workbook: it has no {OFFICE}")));
        }
        let mut manifest = Vec::new();
        if let Ok(part) = package.part("META-INF/manifest.xml") {
            // What cannot be read says nothing.
            let _ = part.take(MANIFEST_BYTES).read_to_end(&mut manifest);
        }
        if memchr::memmem::find(&manifest, b"encryption-data").is_some() {
            return Err((IssueKind::Unsupported, "is encrypted; save it without a password".to_owned()));
        }
        Ok(Self::Parts(package, PartsKind::Open))
    }

    /// A workbook of before 2007, or an encrypted one.
    fn open_compound(file: File) -> Result<Self, Unreadable> {
        let compound = Compound::open(file)?;
        // A file for two versions of Excel has both streams.
        let names = ["Workbook", "Book", "EncryptedPackage", "WordDocument"];
        let [new, old, encrypted, document] = compound.find(names)?;
        if let Some(entry) = new.or(old) {
            return Ok(Self::Stream(compound, entry));
        }
        if encrypted.is_some() {
            return Err((IssueKind::Unsupported, "is encrypted; save it without a password".to_owned()));
        }
        let what = if document.is_some() { "a Word document" } else { "a compound file without a workbook in it" };
        Err((IssueKind::Malformed, format!("is not a workbook, whatever its name says: it is {what}")))
    }

    fn globals(
        (compound, entry): (&Compound, &StreamEntry),
        directory: &Path,
        strings: Option<&mut Strings>,
    ) -> Result<Globals, Unreadable> {
        let stream = compound.stream(*entry)?;
        biff::globals(stream.reader(0), stream.bytes(), directory, strings)
    }

    /// What the cells of its sheets refer to; much of it is put into `directory`, without a name.
    ///
    /// # Errors
    /// In words: why that cannot be read.
    pub fn texts(&self, directory: &Path) -> Result<BookTexts, Unreadable> {
        let (package, kind) = match self {
            Self::Parts(package, kind) => (package, *kind),
            Self::Stream(compound, entry) => {
                let mut strings = Strings::new(directory);
                let Globals { styles, aids, .. } = Self::globals((compound, entry), directory, Some(&mut strings))?;
                return Ok(BookTexts { strings: strings.end_of_all()?, styles, aids });
            }
        };
        let optional = |name: &str| if package.has(name) { package.part(name).map(Some) } else { Ok(None) };
        let (strings, styles) = match kind {
            PartsKind::Open => (None, None),
            PartsKind::Office => {
                let strings =
                    optional("xl/sharedStrings.xml")?.map(|part| Strings::read(part, directory)).transpose()?;
                (strings, optional("xl/styles.xml")?.map(Styles::read).transpose()?)
            }
            PartsKind::Binary => {
                let strings =
                    optional("xl/sharedStrings.bin")?.map(|part| binary::strings(part, directory)).transpose()?;
                (strings, optional("xl/styles.bin")?.map(binary::styles).transpose()?)
            }
        };
        let (strings, styles) = (strings.unwrap_or_default(), styles.unwrap_or_default());
        Ok(BookTexts { strings, styles, aids: Aids::default() })
    }

    /// Its sheets that have cells.
    ///
    /// # Errors
    /// In words: why they cannot be read.
    pub fn sheets(&self, path: &[u8]) -> Result<Vec<SheetOfBook>, Unreadable> {
        let sheet = |listed, part: &str, number, epoch| {
            let (book, part) = (path.to_vec(), part.to_owned());
            let is_uncalculated = false;
            SheetOfBook { book, listed, part, number, place: (0, 0), epoch, is_uncalculated, extent: None }
        };
        let (package, kind) = match self {
            Self::Parts(package, kind) => (package, *kind),
            Self::Stream(compound, entry) => {
                let Globals { book, places, .. } = Self::globals((compound, entry), Path::new(""), None)?;
                let each = book.sheets.into_iter().zip(places);
                let sheet = |(listed, place)| SheetOfBook { place, ..sheet(listed, "", 0, book.epoch) };
                return Ok(each.map(sheet).collect());
            }
        };
        if kind == PartsKind::Open {
            let listed = sheets::open_sheets(package.part(OPEN)?)?;
            let each = listed.into_iter().enumerate();
            return Ok(each.map(|(number, listed)| sheet(listed, OPEN, number, Epoch::default())).collect());
        }
        let (Book { epoch, is_uncalculated, sheets }, relations) = match kind {
            PartsKind::Binary => (binary::book(package.part(BINARY)?)?, "xl/_rels/workbook.bin.rels"),
            _ => (sheets::book(package.part(OFFICE)?)?, "xl/_rels/workbook.xml.rels"),
        };
        let relations = sheets::relations(package.part(relations)?, "xl/")?;
        let mut tables = Vec::new();
        for listed in sheets {
            match relations.get(&listed.relation) {
                Some((SheetKind::Cells, part)) => {
                    tables.push(SheetOfBook { is_uncalculated, ..sheet(listed, part, 0, epoch) });
                }
                Some((SheetKind::Other, _)) => {}
                None => {
                    let message = format!("lacks the part of its sheet '{}'", listed.name);
                    return Err((IssueKind::Malformed, message));
                }
            }
        }
        Ok(tables)
    }

    /// Bytes behind its end, which are no part of it.
    pub fn bytes_behind(&self) -> u64 {
        match self {
            Self::Parts(package, _) => package.bytes_behind,
            Self::Stream(..) => 0,
        }
    }

    /// Packed bytes of a sheet, or of all that are in its part.
    pub fn packed_bytes(&self, sheet: &SheetOfBook) -> u64 {
        match self {
            Self::Parts(package, _) => package.packed_bytes(&sheet.part),
            Self::Stream(..) => sheet.place.1 - sheet.place.0,
        }
    }

    /// Read the rows of a sheet.
    ///
    /// # Errors
    /// Those of `row`, and in words why the sheet cannot be read.
    pub fn read(
        &self,
        sheet: &SheetOfBook,
        texts: &BookTexts,
        lines: &mut SheetLines,
        row: impl FnMut(&mut SheetLines) -> Result<(), Stop>,
    ) -> Result<RowEnd, Stop> {
        let (strings, styles) = (&texts.strings, &texts.styles);
        let SheetOfBook { epoch, is_uncalculated, .. } = *sheet;
        let parts = SheetParts { strings, styles, epoch, is_uncalculated };
        let (package, kind) = match self {
            Self::Parts(package, kind) => (package, *kind),
            Self::Stream(compound, entry) => {
                let (stream, (from, to)) = (compound.stream(*entry)?, sheet.place);
                return biff::read(|| stream.reader(from), to - from, (&parts, &texts.aids), lines, row);
            }
        };
        let part = package.part(&sheet.part)?;
        match kind {
            PartsKind::Open => sheets::read_open(part, sheet.number, lines, row),
            PartsKind::Office => sheets::read(part, &parts, lines, row),
            PartsKind::Binary => binary::read(part, &parts, lines, row),
        }
    }
}
