//! XML: its elements and attributes, looked for before they are read, and its records.

use std::sync::Arc;

use super::{Format, KnownFormat, RecordHandler, Source};
use crate::base::error::Result;
use crate::tabular::xml::XmlRecords;

impl<T: RecordHandler> Source<T> {
    /// The next text of a document.
    pub(super) fn markup(&mut self, text: &[u8], last: bool) -> Result<()> {
        if self.markup.is_none() {
            return self.learn_markup(text, last);
        }
        let mut text = text;
        while let Some(records) = &mut self.markup {
            let mut lines = Vec::new();
            let taken = records.take(text, last, &mut lines);
            let is_full = matches!(taken, Ok(true));
            let is_end = taken.is_err() || last && !is_full;
            let notes = if is_end { records.notes() } else { Vec::new() };
            // What the columns hold is told by the first records.
            if is_end || !lines.is_empty() {
                self.lines(Format::Xml, &lines, is_end)?;
            }
            if let Some((work, _)) = self.cut.as_ref().filter(|_| is_end) {
                notes.into_iter().for_each(|note| work.note(note));
                if let Err((kind, message)) = taken {
                    work.break_off_with(kind, format!("{message}. What follows was not read"));
                }
            }
            self.ended |= is_end;
            if !is_full || self.ended {
                break;
            }
            text = &[];
        }
        Ok(())
    }

    /// Look for elements and attributes; once all is seen, it is read with them. What cannot be read to its end is read
    /// as far as that.
    fn learn_markup(&mut self, text: &[u8], last: bool) -> Result<()> {
        self.keep(text);
        let taken = self.markup_learning.get_or_insert_default().take(text, last);
        let Some(learner) = self.markup_learning.take_if(|_| last || taken.is_err()) else { return Ok(()) };
        // Nothing more is learned of it.
        self.ended = true;
        let shape = match learner.finish(self.shared.options.record_path.as_deref()) {
            Ok(shape) => Arc::new(shape),
            Err(wrong) => {
                let (kind, message) = taken.err().unwrap_or(wrong);
                self.refuse(kind, message);
                return Ok(());
            }
        };
        if self.is_long {
            self.known = Some(KnownFormat::Markup(shape));
            return Ok(());
        }
        self.markup = Some(XmlRecords::new(shape));
        let start = std::mem::take(&mut self.start);
        self.markup(&start, true)
    }
}
