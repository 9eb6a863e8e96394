//! The reading side of a file: bytes in, chunks of whole records out.

mod keys;
mod markup;
mod refused;

use std::sync::Arc;

use super::first::lines;
use super::footer::Footer;
use super::format::{Format, is_named_delimited};
use super::head::{Head, Origin};
use super::later::KnownFormat;
use super::piece::{Piece, give, give_last};
use super::reading::{Open, Shared};
use super::work::Work;
use super::{LONGEST_BYTES, RecordHandler};
use crate::base::error::Result;
use crate::base::issue::IssueKind;
use crate::base::meta::Meta;
use crate::base::sync::lock;
use crate::io::codec::Codec;
use crate::io::package::Unreadable;
use crate::io::unpack::{self, UnpackTrouble};
use crate::tabular::csv;
use crate::tabular::csv::{Cutter, Overlong};
use crate::tabular::json::{Elements, Shape};
use crate::tabular::layout::{FixedLayout, LayoutLines};
use crate::tabular::text::{ChosenEncoding, Decoder, Encoding};
use crate::tabular::xml;
use crate::tabular::xml::{XmlLearner, XmlRecords};
use keys::Learning;

/// Text of objects that is kept until its keys are known: what is longer is read twice.
pub(super) const KEPT_BYTES: usize = 4 << 20;

/// Bytes by which a text is told that is no table.
const LOOKED_AT: usize = 64 << 10;

/// The reading side of a file.
pub(super) struct Source<T: RecordHandler> {
    shared: Arc<Shared<T>>,
    pub origin: Origin,
    format: Option<Format>,
    elements: Elements,
    /// The columns of lines with fixed widths, once they are known.
    layout: Option<LayoutLines>,
    /// The keys of its objects, once they are known.
    shape: Option<Arc<Shape>>,
    learning: Option<Learning>,
    /// The records of XML, once its elements are known; what is looked for before.
    markup: Option<XmlRecords>,
    markup_learning: Option<XmlLearner>,
    /// What is looked for is in more text than [`Source::start`] keeps: it is read twice.
    is_long: bool,
    /// What is wrong with what came unpacked: told unless it was not unpacked to its end, which explains it.
    wrong: Option<Unreadable>,
    /// It is to be read after the pass, with that.
    known: Option<KnownFormat>,
    /// With the bytes of the byte order mark.
    pub decoder: Option<(Decoder, u64)>,
    /// The encoding that an earlier reading told.
    encoding: Option<Encoding>,
    /// All of it was ASCII: other bytes may still tell another encoding than UTF-8.
    is_ascii: bool,
    /// Text that came before the head could be told.
    start: Vec<u8>,
    cut: Option<(Arc<Work<T>>, Cutter)>,
    /// Nothing more of it is taken.
    pub ended: bool,
    /// The last to go: until then the file counts as open.
    _open: Open<T>,
}

impl<T: RecordHandler> Source<T> {
    /// The file at `path`, so large when it was listed.
    pub fn new(shared: &Arc<Shared<T>>, path: &[u8], size: u64) -> Self {
        let (mut shape, mut encoding, mut markup) = (None, None, None);
        match lock(&shared.known).get(path) {
            Some(KnownFormat::Shape(known)) => shape = Some(Arc::clone(known)),
            Some(KnownFormat::Encoding(known)) => encoding = Some(*known),
            Some(KnownFormat::Markup(known)) => markup = Some(XmlRecords::new(Arc::clone(known))),
            _ => {}
        }
        Self {
            _open: Open::new(shared),
            shared: Arc::clone(shared),
            origin: Origin { path: path.to_vec(), size, codec: None },
            format: None,
            elements: Elements::default(),
            layout: None,
            shape,
            learning: None,
            markup,
            markup_learning: None,
            is_long: false,
            wrong: None,
            known: None,
            decoder: None,
            encoding,
            is_ascii: true,
            start: Vec::new(),
            cut: None,
            ended: false,
        }
    }

    /// Take the next bytes; false when it has seen enough.
    pub fn take(&mut self, mut bytes: &[u8], last: bool) -> Result<bool> {
        if self.decoder.is_none() {
            if self.is_no_stream(bytes) || self.is_table(bytes) || self.is_foreign(bytes) {
                return Ok(false);
            }
            let (encoding, mark) = self.encoding.map_or_else(|| self.guess(bytes), |known| (known, 0));
            if encoding == Encoding::UTF_8 && mark == 0 && self.is_no_text(bytes) {
                return Ok(false);
            }
            bytes = &bytes[mark..];
            let (start, mut buffer) = (&bytes[..bytes.len().min(LOOKED_AT)], Vec::new());
            let text = Decoder::new(encoding).decode(start, false, &mut buffer);
            if self.is_other_text(text) || self.has_other_line_ends(text) {
                return Ok(false);
            }
            self.decoder = Some((Decoder::new(encoding), mark as u64));
        }
        if self.is_ascii && self.is_late(bytes) {
            return Ok(false);
        }
        let mut buffer = Vec::new();
        let Some((decoder, _)) = &mut self.decoder else { return Ok(false) };
        let text = decoder.decode(bytes, last, &mut buffer);
        self.ended |= last;
        self.text(text, last)?;
        Ok(!self.ended)
    }

    /// The encoding of a file that begins so, and the bytes of its mark. XML says itself which one it has.
    fn guess(&self, start: &[u8]) -> (Encoding, usize) {
        let chosen = self.shared.options.encoding;
        let told = Encoding::of(start, chosen);
        let says = chosen == ChosenEncoding::AUTO && told.1 == 0 && Format::of(&self.origin.path, start) == Format::Xml;
        let declared = if says { xml::declared(start) } else { None };
        declared.map_or_else(|| Encoding::guess(start, chosen), |declared| (declared, 0))
    }

    /// The first bytes that are not ASCII may come after records that were read as UTF-8, and tell another encoding: then
    /// it is read again with that. What is known of JSON is its keys, and its standard knows no other encoding; XML declares
    /// its encoding.
    fn is_late(&mut self, bytes: &[u8]) -> bool {
        if bytes.is_ascii() {
            return false;
        }
        self.is_ascii = false;
        let is_guessed = self.shared.options.encoding == ChosenEncoding::AUTO
            && self.decoder.as_ref().is_some_and(|(decoder, mark)| decoder.encoding() == Encoding::UTF_8 && *mark == 0);
        let Some(work) = self.cut.as_ref().map(|(work, _)| work).filter(|_| is_guessed && !self.is_shaped()) else {
            return false;
        };
        let Some(encoding) = Encoding::of_letters(bytes) else { return false };
        work.give_up();
        self.known = Some(KnownFormat::Encoding(encoding));
        self.ended = true;
        true
    }

    /// True once its columns are known of all of it.
    fn is_shaped(&self) -> bool {
        self.shape.is_some() || self.markup.is_some()
    }

    /// Keep text that columns are looked for in, while it is short.
    fn keep(&mut self, text: &[u8]) {
        let short = KEPT_BYTES.min(self.shared.chunk_bytes);
        self.is_long |= self.start.len() + text.len() > short;
        if self.is_long {
            self.start = Vec::new();
        } else {
            self.start.extend_from_slice(text);
        }
    }

    fn text(&mut self, text: &[u8], last: bool) -> Result<()> {
        let format = *self.format.get_or_insert_with(|| Format::of(&self.origin.path, text));
        if format == Format::Delimited
            && let Some(layout) = self.shared.options.solid(text).filter(|_| self.layout.is_none())
        {
            self.format = Some(Format::FixedWidth);
            self.layout = Some(LayoutLines::new(Arc::new(layout), LONGEST_BYTES));
        }
        let mut lines = Vec::new();
        match &mut self.layout {
            Some(layout) => layout.records(text, last, &mut lines),
            None if format == Format::Json => self.elements.lines(text, last, &mut lines),
            None if format == Format::Xml => return self.markup(text, last),
            None => return self.lines(format, text, last),
        }
        self.lines(format, &lines, last)?;
        self.tell_faults(last);
        Ok(())
    }

    /// What stood around the values of JSON and is wrong, once it is read with its keys.
    fn tell_faults(&mut self, last: bool) {
        let Some((work, _)) = self.cut.as_ref().filter(|_| last) else { return };
        self.layout.iter().flat_map(LayoutLines::notes).for_each(|note| work.note(note));
        let (lost, odd): (Vec<_>, Vec<_>) = self.elements.faults().into_iter().partition(|(is_lost, _)| *is_lost);
        odd.into_iter().for_each(|(_, note)| work.note(note));
        let lost: Vec<String> = lost.into_iter().map(|(_, message)| message).collect();
        if !lost.is_empty() {
            work.break_off_with(IssueKind::Malformed, format!("is no valid JSON: {}", lost.join("; ")));
        }
    }

    fn lines(&mut self, format: Format, text: &[u8], last: bool) -> Result<()> {
        if self.cut.is_some() {
            return self.push(text);
        }
        if matches!(format, Format::JsonLines | Format::Json) && self.shape.is_none() {
            return self.learn(text, last);
        }
        if self.start.is_empty() {
            if !self.begin(text, last)? {
                self.start.extend_from_slice(text);
            }
            return Ok(());
        }
        self.start.extend_from_slice(text);
        let start = std::mem::take(&mut self.start);
        if !self.begin(&start, last)? {
            self.start = start;
        }
        Ok(())
    }

    /// The head that `start` tells; none where its first record does not end in it, and more may come.
    fn head(&self, start: &[u8], last: bool) -> Option<Head> {
        let options = &self.shared.options;
        let decoder = self.decoder.as_ref();
        let encoding = decoder.map_or((Encoding::UTF_8, 0), |(decoder, mark)| (decoder.encoding(), *mark));
        if let Some(records) = &self.markup {
            return Some(Head::of_markup(self.origin.clone(), encoding, records.shape()));
        }
        let may_wait = !last && start.len() <= LONGEST_BYTES;
        // One long line, as the names of many columns, does not tell how others are.
        if may_wait && memchr::memchr2_iter(b'\n', b'\r', start).nth(3).is_none() {
            return None;
        }
        let origin = self.origin.clone();
        if let Some(shape) = &self.shape {
            return Some(Head::of_objects(origin, self.format.unwrap_or(Format::JsonLines), encoding, shape));
        }
        let layout = self.layout.as_ref().map(|lines| &lines.layout);
        let asked = layout.map_or_else(|| options.asked(), |_| csv::Asked::made(options.preamble()));
        let sniffed = csv::sniff(start, &asked);
        let is_whole = !may_wait || sniffed.ends_a_record(start);
        let is_skipped = !may_wait || lines(start) > options.skip_lines.unwrap_or_default();
        let is_guessed = options.encoding == ChosenEncoding::AUTO && encoding.1 == 0;
        (is_whole && is_skipped).then(|| {
            // A layout that names the columns knows of no names in the text.
            let is_named = layout.is_some_and(|layout| layout.names().is_some());
            let header_rows = options.header_rows.or(is_named.then_some(0));
            let mut head = Head::of(origin, encoding, start, sniffed, header_rows);
            if let Some(layout) = layout {
                head = head.laid_out(layout);
                if options.widths.is_empty() && is_named_delimited(&self.origin.path) {
                    head.notes.push(format!(
                        "is read by fixed widths: {}; to divide it by a delimiter, set that",
                        layout.reason
                    ));
                }
            }
            if let (true, Some(note)) = (is_guessed, encoding.0.told_by_letters()) {
                head.notes.push(note);
            }
            if head.dialect().skips_blanks && options.asked().skips_blanks.is_none() {
                let note = "blanks before fields were left out: they stand before quotes, and behind each delimiter";
                head.notes.push(note.to_owned());
            }
            head
        })
    }

    /// Begin with the records, where `start` tells the head; else false.
    fn begin(&mut self, start: &[u8], last: bool) -> Result<bool> {
        let Some(head) = self.head(start, last) else { return Ok(false) };
        if let Some(layout) = self.shared.options.layout(&head, start) {
            return self.lay_out(layout, start, last).map(|()| true);
        }
        let shared = &self.shared;
        if let Some((kind, message)) = head.is_too_wide() {
            self.refuse(kind, message);
            return Ok(true);
        }
        let begins = head.sniffed.begins;
        let cutter = Cutter::new(head.dialect().lines(), shared.chunk_bytes, LONGEST_BYTES)
            .holding(begins as u64, shared.held_bytes(&head));
        // What the columns are is told without what follows the table.
        let skip = (head.records_at as usize - begins).min(start.len() - begins);
        let table = &start[begins..];
        let footer = last.then(|| Footer::of(&table[skip..], &head, shared.options.footer_of(&head), true)).flatten();
        let end = footer.as_ref().map_or(start.len(), |footer| begins + skip + footer.at);
        let work = Arc::new(Work::new(&shared.table, head, &start[..end])?);
        if last && start.len() <= shared.chunk_bytes {
            // Small: no copy, and no other thread.
            let end = work.end_with(footer, table, skip);
            let done = work.chunk(shared, 0, &table[..end], skip);
            self.cut = Some((work, cutter));
            return done.map(|()| true);
        }
        self.cut = Some((work, cutter));
        self.push(table).map(|()| true)
    }

    /// Begin with lines of fixed widths.
    fn lay_out(&mut self, layout: FixedLayout, start: &[u8], last: bool) -> Result<()> {
        let lines = self.layout.insert(LayoutLines::new(Arc::new(layout), LONGEST_BYTES));
        let mut records = Vec::new();
        lines.records(start, last, &mut records);
        self.format = Some(Format::FixedWidth);
        if !self.begin(&records, last)? {
            self.start = records;
        }
        Ok(())
    }

    fn push(&mut self, text: &[u8]) -> Result<()> {
        let Some((work, cutter)) = &mut self.cut else { return Ok(()) };
        let shared = &self.shared;
        let pushed = cutter.push(text, |chunk| {
            give(shared, work, chunk.index, Piece::Text(chunk))?;
            Ok(lock(&shared.spare).pop().unwrap_or_default())
        })?;
        if let Err(Overlong { offset, .. }) = pushed {
            work.cut(offset);
            self.ended = true;
        }
        Ok(())
    }

    /// Take what `packed` holds.
    pub fn unpack(&mut self, codec: Codec, packed: impl std::io::BufRead) -> Result<()> {
        let (control, size) = (Arc::clone(&self.shared.control), self.origin.size);
        let trouble = unpack::blocks((codec, packed, size), &control, |block, last| self.take(block, last))?;
        match (trouble, &self.cut) {
            (None, _) => {}
            // It is read again, and told then.
            _ if self.known.is_some() => {}
            (Some(UnpackTrouble { message, is_whole: true, .. }), Some((work, _))) => work.note(message),
            // What its text lacks then says the same in other words.
            (Some(UnpackTrouble { kind, message, .. }), Some((work, _))) => work.break_off_with(kind, message),
            (Some(UnpackTrouble { kind, message, is_whole }), None) => match is_whole {
                true => control.remark("read", &self.origin.path, kind, message),
                false => self.wrong = Some((kind, message)),
            },
        }
        if let Some((kind, message)) = self.wrong.take() {
            control.issue("read", &self.origin.path, kind, message);
        }
        self.ended = true;
        Ok(())
    }

    /// Nothing more comes; what it was known by all the while when it was read to its end.
    pub fn end(mut self, whole: Option<&Meta>) -> Result<()> {
        if whole.is_some() && !self.ended {
            self.take(&[], true)?;
        }
        if let Some(known) = self.known.take().filter(|_| whole.is_some()) {
            if let Some((work, _)) = self.cut.take() {
                work.leave(&self.shared)?;
            }
            lock(&self.shared.known).insert(self.origin.path.clone(), known);
            lock(&self.shared.later).push(std::mem::take(&mut self.origin.path));
            return Ok(());
        }
        let Some((work, cutter)) = self.cut.take() else { return Ok(()) };
        let Some(meta) = whole else {
            work.give_up();
            return work.leave(&self.shared);
        };
        work.read_as(meta);
        give_last(&self.shared, &work, cutter)?;
        work.leave(&self.shared)
    }
}
