//! A file that is a workbook, of whichever kind: what its sheets are, and their rows.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::later::Stop;
use crate::base::issue::IssueKind;
use crate::io::package::{Package, Unreadable};
use crate::tabular::sheets::{
    self, Book, Epoch, RowEnd, SheetExtent, SheetKind, SheetLines, SheetListed, SheetParts, Strings, Styles, binary,
};

/// How compound files begin, in which old workbooks are, and encrypted ones.
const COMPOUND: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
const OFFICE: &str = "xl/workbook.xml";
const BINARY: &str = "xl/workbook.bin";
const OPEN: &str = "content.xml";
/// Bytes of the list of an OpenDocument's parts that are looked at.
const MANIFEST_BYTES: u64 = 1 << 20;

/// A workbook.
pub struct Workbook {
    package: Package,
    kind: Kind,
}

/// What its parts are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
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
    epoch: Epoch,
    /// Its columns, where the first rows do not tell them.
    pub extent: Option<SheetExtent>,
}

/// What the cells of all sheets refer to.
#[derive(Default)]
pub struct BookTexts {
    strings: Strings,
    styles: Styles,
}

impl Workbook {
    /// An open file.
    ///
    /// # Errors
    /// In words: why it is none.
    pub fn open(file: File) -> Result<Self, Unreadable> {
        let mut start = [0; 8];
        let read = file.read_at(&mut start, 0).unwrap_or_default();
        let start = &start[..read];
        if start == COMPOUND {
            let message =
                "is encrypted, or an Excel workbook of before 2007; save it as .xlsx without a password".to_owned();
            return Err((IssueKind::Unsupported, message));
        }
        if !start.starts_with(b"PK") {
            let message = "is not a workbook, whatever its name says; rename it to what it is".to_owned();
            return Err((IssueKind::Malformed, message));
        }
        let package = Package::open(file)?;
        if package.has(OFFICE) {
            return Ok(Self { package, kind: Kind::Office });
        }
        if package.has(BINARY) {
            return Ok(Self { package, kind: Kind::Binary });
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
        Ok(Self { package, kind: Kind::Open })
    }

    /// What the cells of its sheets refer to; much of it is put into `directory`, without a name.
    ///
    /// # Errors
    /// In words: why that cannot be read.
    pub fn texts(&self, directory: &Path) -> Result<BookTexts, Unreadable> {
        let package = &self.package;
        let optional = |name: &str| if package.has(name) { package.part(name).map(Some) } else { Ok(None) };
        let (strings, styles) = match self.kind {
            Kind::Open => (None, None),
            Kind::Office => {
                let strings =
                    optional("xl/sharedStrings.xml")?.map(|part| Strings::read(part, directory)).transpose()?;
                (strings, optional("xl/styles.xml")?.map(Styles::read).transpose()?)
            }
            Kind::Binary => {
                let strings =
                    optional("xl/sharedStrings.bin")?.map(|part| binary::strings(part, directory)).transpose()?;
                (strings, optional("xl/styles.bin")?.map(binary::styles).transpose()?)
            }
        };
        Ok(BookTexts { strings: strings.unwrap_or_default(), styles: styles.unwrap_or_default() })
    }

    /// Its sheets that have cells.
    ///
    /// # Errors
    /// In words: why they cannot be read.
    pub fn sheets(&self, path: &[u8]) -> Result<Vec<SheetOfBook>, Unreadable> {
        let sheet = |listed, part: &str, number, epoch| {
            let part = part.to_owned();
            SheetOfBook { book: path.to_vec(), listed, part, number, epoch, extent: None }
        };
        if self.kind == Kind::Open {
            let listed = sheets::open_sheets(self.package.part(OPEN)?)?;
            let each = listed.into_iter().enumerate();
            return Ok(each.map(|(number, listed)| sheet(listed, OPEN, number, Epoch::default())).collect());
        }
        let (Book { epoch, sheets }, relations) = match self.kind {
            Kind::Binary => (binary::book(self.package.part(BINARY)?)?, "xl/_rels/workbook.bin.rels"),
            _ => (sheets::book(self.package.part(OFFICE)?)?, "xl/_rels/workbook.xml.rels"),
        };
        let relations = sheets::relations(self.package.part(relations)?, "xl/")?;
        let mut tables = Vec::new();
        for listed in sheets {
            match relations.get(&listed.relation) {
                Some((SheetKind::Cells, part)) => tables.push(sheet(listed, part, 0, epoch)),
                Some((SheetKind::Other, _)) => {}
                None => {
                    let message = format!("lacks the part of its sheet '{}'", listed.name);
                    return Err((IssueKind::Malformed, message));
                }
            }
        }
        Ok(tables)
    }

    /// Packed bytes of a sheet, or of all that are in its part.
    pub fn packed_bytes(&self, sheet: &SheetOfBook) -> u64 {
        self.package.packed_bytes(&sheet.part)
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
        let part = self.package.part(&sheet.part)?;
        let parts = SheetParts { strings: &texts.strings, styles: &texts.styles, epoch: sheet.epoch };
        match self.kind {
            Kind::Open => sheets::read_open(part, sheet.number, lines, row),
            Kind::Office => sheets::read(part, &parts, lines, row),
            Kind::Binary => binary::read(part, &parts, lines, row),
        }
    }
}
