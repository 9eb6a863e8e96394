//! Workbooks: each sheet is a table called `book.xlsx#Sheet1`, read as text that is made of its rows.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::cells::Lost;
use super::footer::Footer;
use super::format::Format;
use super::head::{Head, Origin};
use super::later::{KnownFormat, Stop};
use super::piece::{Piece, give, give_last};
use super::reading::{Open, Shared};
use super::work::Work;
use super::workbook::{BookTexts, SheetOfBook, Workbook};
use super::{LONGEST_BYTES, RecordHandler};
use crate::base::issue::IssueKind;
use crate::base::sync::lock;
use crate::io::digest::{FileReader, Trouble};
use crate::io::package::Unreadable;
use crate::io::unpack;
use crate::tabular::csv::{Cutter, Dialect, Overlong};
use crate::tabular::sheets::{Beginning, RowEnd, SheetLines};
use crate::tabular::text::Encoding;
use crate::tabular::values::ValueType;

/// How the reading of a sheet ends.
enum Done {
    /// It was given out.
    Whole,
    /// It holds no value.
    Empty,
    /// It is wider than its first rows.
    Wider,
}

/// Text of rows that is given out at once.
const PUSHED_BYTES: usize = 64 << 10;

impl From<Unreadable> for Stop {
    fn from((kind, message): Unreadable) -> Self {
        Self::Issue(kind, message)
    }
}

impl<T: RecordHandler> Shared<T> {
    /// Read all sheets of a workbook.
    pub(super) fn book(self: &Arc<Self>, reader: &FileReader, path: &[u8]) -> std::result::Result<(), Trouble> {
        let opened = reader.open(path)?;
        let file = File::from(opened.try_clone()?);
        let mut listed = None;
        reader.unchanged(&opened, |_| {
            listed = Some(
                Workbook::open(file)
                    .and_then(|book| Ok((book.texts(&self.directory)?, book.sheets(path)?, book.bytes_behind()))),
            );
            Ok(())
        })?;
        let Some(listed) = listed else { return Ok(()) };
        let (texts, sheets, behind) = listed.map_err(|(kind, message)| Trouble::Issue(kind, message))?;
        if behind > 0 {
            let message = format!("{behind} bytes after the end of the zip are not part of it");
            self.control.remark("read", path, IssueKind::Malformed, message);
        }
        // A workbook is one of the files that are wanted, each of its tables another.
        self.tables.fetch_sub(1, Relaxed);
        if sheets.is_empty() {
            self.control.remark("read", path, IssueKind::Unsupported, "has no sheet with cells".to_owned());
        }
        for sheet in sheets {
            let own = [path, b"#", sheet.listed.name.as_bytes()].concat();
            lock(&self.known).insert(own.clone(), KnownFormat::Sheet(Arc::new(sheet.clone())));
            match self.sheet_with(reader, &own, sheet, Some(&texts)) {
                Ok(true) => {}
                Ok(false) => {
                    self.control.remark("read", &own, IssueKind::Unsupported, "is an empty sheet".to_owned());
                    continue;
                }
                Err(Trouble::Issue(kind, message)) => self.control.issue("read", &own, kind, message),
                Err(ended) => return Err(ended),
            }
            self.tables.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Read a sheet once more.
    pub(super) fn sheet(
        self: &Arc<Self>,
        reader: &FileReader,
        path: &[u8],
        sheet: &SheetOfBook,
    ) -> std::result::Result<(), Trouble> {
        self.sheet_with(reader, path, sheet.clone(), None).map(drop)
    }

    /// Read a sheet; false when it is empty.
    fn sheet_with(
        self: &Arc<Self>,
        reader: &FileReader,
        path: &[u8],
        mut sheet: SheetOfBook,
        texts: Option<&BookTexts>,
    ) -> std::result::Result<bool, Trouble> {
        let opened = reader.open(&sheet.book)?;
        loop {
            let file = File::from(opened.try_clone()?);
            let mut reading = SheetReading { shared: self, sheet: &mut sheet, path, book_bytes: 0, giving: None };
            let mut done = Ok(Done::Empty);
            let read = reader.unchanged(&opened, |meta| {
                reading.book_bytes = meta.size;
                done = match reading.read(file, texts) {
                    Err(Stop::Ended(error)) => return Err(error),
                    Err(Stop::Issue(kind, message)) => Err((kind, message)),
                    Ok(done) => Ok(done),
                };
                Ok(())
            });
            if let Some(giving) = reading.giving {
                if read.is_err() || !matches!(done, Ok(Done::Whole)) {
                    giving.work.give_up();
                }
                giving.work.leave(self).map_err(Trouble::Ended)?;
            }
            read?;
            match done.map_err(|(kind, message)| Trouble::Issue(kind, message))? {
                Done::Whole => return Ok(true),
                Done::Empty => return Ok(false),
                Done::Wider => {
                    // What comes of it later is as wide, too.
                    lock(&self.known).insert(path.to_vec(), KnownFormat::Sheet(Arc::new(sheet.clone())));
                }
            }
        }
    }
}

/// A sheet while it is read.
struct SheetReading<'a, T: RecordHandler> {
    shared: &'a Arc<Shared<T>>,
    sheet: &'a mut SheetOfBook,
    path: &'a [u8],
    book_bytes: u64,
    giving: Option<Giving<T>>,
}

/// Text of rows on its way to those who work on it.
struct Giving<T: RecordHandler> {
    work: Arc<Work<T>>,
    _open: Open<T>,
    cutter: Cutter,
    bytes: u64,
}

impl<T: RecordHandler> SheetReading<'_, T> {
    fn read(&mut self, file: File, texts: Option<&BookTexts>) -> std::result::Result<Done, Stop> {
        let book = Workbook::open(file)?;
        let own = if texts.is_none() { Some(book.texts(&self.shared.directory)?) } else { None };
        let Some(texts) = texts.or(own.as_ref()) else { return Ok(Done::Empty) };
        let sheet = self.sheet.clone();
        let packed = book.packed_bytes(&sheet);
        let mut lines = SheetLines::new(sheet.extent);
        let read = book.read(&sheet, texts, &mut lines, |lines| self.row(lines, packed));
        if let Ok(RowEnd::Wider) = read {
            let mut measuring = SheetLines::measuring();
            book.read(&sheet, texts, &mut measuring, |_| Ok(self.shared.control.check()?))?;
            self.sheet.extent = measuring.measured();
            return Ok(Done::Wider);
        }
        self.end(read.map(drop), lines, packed)
    }

    /// A row is complete.
    fn row(&mut self, lines: &mut SheetLines, packed: u64) -> std::result::Result<(), Stop> {
        if lines.is_enough() {
            return self.begin(lines, packed, false);
        }
        if lines.has_begun() && lines.text.len() >= PUSHED_BYTES {
            self.shared.control.check()?;
            return self.push(lines);
        }
        Ok(())
    }

    /// The first rows are there; `last`: all of them.
    fn begin(&mut self, lines: &mut SheetLines, packed: u64, last: bool) -> std::result::Result<(), Stop> {
        let Some(beginning) = lines.begin(self.shared.options.skip_lines) else { return Ok(()) };
        let shared = self.shared;
        let origin = Origin { path: self.path.to_vec(), size: packed, codec: None };
        let mut head = Head::of_sheet(origin, &beginning, shared.options.header_rows);
        if self.sheet.listed.is_hidden {
            head.notes.push("is a hidden sheet".to_owned());
        }
        let begins = head.sniffed.begins;
        let cutter = Cutter::new(head.dialect(), shared.chunk_bytes, LONGEST_BYTES)
            .holding(begins as u64, shared.held_bytes(&head));
        let from = (head.records_at as usize).min(beginning.text.len());
        let footer = last.then(|| Footer::of(&beginning.text[from..], &head, shared.options.footer, true)).flatten();
        let end = footer.map_or(beginning.text.len(), |footer| from + footer.at);
        let work = Arc::new(Work::new(&shared.table, head, &beginning.text[..end])?);
        self.giving = Some(Giving { work, _open: Open::new(shared), cutter, bytes: 0 });
        // What comes before the table is no record.
        lines.text = beginning.text[begins..].to_vec();
        self.push(lines)
    }

    /// Give out the text that there is.
    fn push(&mut self, lines: &mut SheetLines) -> std::result::Result<(), Stop> {
        let (shared, most) = (self.shared, unpack::limit(self.book_bytes));
        let Some(Giving { work, cutter, bytes, .. }) = &mut self.giving else { return Ok(()) };
        if work.is_cut() {
            lines.clear();
            return Ok(());
        }
        *bytes += lines.text.len() as u64;
        if *bytes > most {
            let message = format!("has rows of more than {most} bytes of text; what follows was not read");
            return Err(Stop::Issue(IssueKind::TooLarge, message));
        }
        let pushed = cutter.push(&lines.text, |chunk| {
            give(shared, work, chunk.index, Piece::Text(chunk))?;
            Ok(lock(&shared.spare).pop().unwrap_or_default())
        })?;
        lines.clear();
        if let Err(Overlong { offset, .. }) = pushed {
            work.cut(offset);
        }
        Ok(())
    }

    /// The sheet's end, or what it broke off with.
    fn end(
        &mut self,
        read: std::result::Result<(), Stop>,
        mut lines: SheetLines,
        packed: u64,
    ) -> std::result::Result<Done, Stop> {
        let read = read.and_then(|()| {
            if !lines.has_begun() {
                self.begin(&mut lines, packed, true)?;
            }
            self.push(&mut lines)
        });
        if self.giving.is_none() {
            return read.map(|()| Done::Empty);
        }
        let broken = match read {
            Ok(()) => None,
            Err(Stop::Issue(kind, message)) => Some((kind, message)),
            Err(ended) => return Err(ended),
        };
        if broken.is_some() {
            // Rows before the damage are read, as those of a text that breaks off.
            lines.forget_row();
            if let Err(Stop::Ended(error)) = self.push(&mut lines) {
                return Err(Stop::Ended(error));
            }
        }
        let Some(giving) = &mut self.giving else { return Ok(Done::Empty) };
        if let Some((kind, message)) = broken {
            giving.work.break_off_with(kind, message);
        }
        let (errors, uncomputed) = (lines.oddness.error_cells(), lines.oddness.uncomputed);
        giving.work.lose(Lost { errors, uncomputed, ..Lost::default() });
        lines.oddness.notes().into_iter().for_each(|note| giving.work.note(note));
        let cutter = std::mem::replace(&mut giving.cutter, Cutter::new(Dialect::TYPED, 1, 1));
        give_last(self.shared, &giving.work, cutter)?;
        Ok(Done::Whole)
    }
}

impl Head {
    /// Of a sheet that begins so.
    fn of_sheet(origin: Origin, beginning: &Beginning, header_rows: Option<u64>) -> Self {
        let Beginning { text, sniffed, are_texts, .. } = beginning;
        let mut head = Self::of(origin, (Encoding::UTF_8, 0), text, sniffed.clone(), header_rows);
        head.format = Format::Sheet;
        // What is a text in the sheet stays one, whatever it looks like.
        head.declared = are_texts.iter().map(|is_text| is_text.then_some(ValueType::Text)).collect();
        head.declared.resize(head.names.len(), None);
        head
    }
}
