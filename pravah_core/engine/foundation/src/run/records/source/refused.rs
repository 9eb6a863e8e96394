//! Files that hold no records, whatever they are called.

use super::super::format::is_json;
use super::{Format, KnownFormat, RecordHandler, Source};
use crate::base::issue::IssueKind;
use crate::io::claims::{Claim, other_than_a_table};
use crate::tabular::text;
use crate::tabular::text::ChosenEncoding;

impl<T: RecordHandler> Source<T> {
    /// A file whose name says that it is packed, and which begins as none that is, holds no text, whatever it looks like.
    pub(super) fn is_no_stream(&mut self, start: &[u8]) -> bool {
        let Some(claim) = Claim::of(&self.origin.path).filter(|_| self.origin.codec.is_none()) else { return false };
        let kind = if claim.is_unknown_here() { IssueKind::Unsupported } else { IssueKind::Malformed };
        self.refuse(kind, claim.broken(start))
    }

    /// Text in UTF-32 or EBCDIC holds no records that are read.
    pub(super) fn is_foreign(&mut self, start: &[u8]) -> bool {
        let found = || {
            let kinds = [("UTF-32", text::is_utf_32(start)), ("EBCDIC", text::is_ebcdic(start))];
            kinds.into_iter().find(|(_, is_it)| *is_it).map(|(name, _)| name)
        };
        let Some(name) =
            Some(()).filter(|()| self.shared.options.encoding == ChosenEncoding::AUTO).and_then(|()| found())
        else {
            return false;
        };
        self.refuse(IssueKind::Unsupported, format!("is text in {name}, which is not supported; save it in UTF-8"))
    }

    /// A text whose lines end in another character would be one line, its header.
    pub(super) fn has_other_line_ends(&mut self, start: &[u8]) -> bool {
        let is_in_lines =
            self.shared.options.record_length.is_none() && Format::of(&self.origin.path, start) == Format::Delimited;
        let Some(name) = is_in_lines.then(|| text::other_line_end(start)).flatten() else { return false };
        let message = format!("has no line ends, but {name} in their place, which ends no record here; replace it");
        self.refuse(IssueKind::Unsupported, message)
    }

    /// Bytes that are text in no encoding hold no records, whatever they are divided by.
    pub(super) fn is_no_text(&mut self, start: &[u8]) -> bool {
        if self.shared.options.encoding != ChosenEncoding::AUTO || !text::is_binary(start) {
            return false;
        }
        let message = "holds binary data, no table; if it is text in another encoding, choose that in the options";
        self.refuse(IssueKind::Malformed, message.to_owned())
    }

    /// An HTML page that is called a table holds no records, although its lines could be cut at commas.
    pub(super) fn is_other_text(&mut self, start: &[u8]) -> bool {
        let format = Format::of(&self.origin.path, start);
        let advice = match format {
            Format::Delimited if !self.shared.options.finds_delimiter() => return false,
            Format::Delimited => "no table; to read it as one all the same, set its delimiter".to_owned(),
            _ => format!("not {}", format.name()),
        };
        let is_json = || format == Format::Delimited && is_json(start);
        let Some(what) = other_than(format, start).or_else(|| is_json().then_some("JSON")) else { return false };
        let message = format!("looks like {what}, {advice}");
        self.refuse(IssueKind::Malformed, message)
    }

    /// A table is not read from its beginning to its end.
    pub(super) fn is_table(&mut self, start: &[u8]) -> bool {
        let format = Format::of(&self.origin.path, start);
        if format.is_text() {
            return false;
        }
        self.ended = true;
        if let Some(what) = other_than(format, start) {
            return self.refuse(IssueKind::Malformed, format!("looks like {what}, not {}", format.name()));
        }
        if self.origin.codec.is_some() {
            let message =
                format!("is a compressed {} file, which is not supported; decompress it first", format.name());
            return self.refuse(IssueKind::Unsupported, message);
        }
        self.known = Some(KnownFormat::Table(format));
        true
    }

    /// Nothing of it is read, for that reason; true.
    pub(super) fn refuse(&mut self, kind: IssueKind, message: String) -> bool {
        match self.origin.codec {
            None => self.shared.control.issue("read", &self.origin.path, kind, message),
            Some(_) => self.wrong = Some((kind, message)),
        }
        self.ended = true;
        true
    }
}

/// What a text is that is no file of that format, in words.
fn other_than(format: Format, start: &[u8]) -> Option<&'static str> {
    let is_markup = start.trim_ascii_start().starts_with(b"<");
    // Of what is called a workbook, its reader says what to do.
    other_than_a_table(start).filter(|_| !matches!(format, Format::Xml | Format::Sheet) || !is_markup)
}
