//! The keys of objects, looked for before these are read.

use std::sync::Arc;

use super::{KnownFormat, LONGEST_BYTES, RecordHandler, Source};
use crate::base::error::Result;
use crate::base::issue::IssueKind;
use crate::tabular::json::Learner;
use crate::tabular::split::line_end;

/// Keys that are looked for.
#[derive(Default)]
pub(super) struct Learning {
    learner: Learner,
    /// The line that has not ended.
    rest: Vec<u8>,
    is_cut: bool,
}

impl<T: RecordHandler> Source<T> {
    /// Look for the keys of objects; once all is seen, it is read with them.
    pub(super) fn learn(&mut self, text: &[u8], last: bool) -> Result<()> {
        self.keep(text);
        if let Err(message) = self.learning.get_or_insert_default().take(text, last) {
            self.refuse(IssueKind::TooLarge, message);
            return Ok(());
        }
        let Some(learning) = self.learning.take_if(|_| last) else { return Ok(()) };
        let shape = Arc::new(learning.learner.finish());
        if self.is_long {
            self.known = Some(KnownFormat::Shape(shape));
            return Ok(());
        }
        self.shape = Some(shape);
        let start = std::mem::take(&mut self.start);
        self.begin(&start, true).map(drop)
    }
}

impl Learning {
    fn take(&mut self, text: &[u8], last: bool) -> std::result::Result<(), String> {
        if self.is_cut {
            return Ok(());
        }
        let whole = if last { text.len() } else { memchr::memrchr2(b'\n', b'\r', text).map_or(0, |end| end + 1) };
        if whole == 0 {
            self.rest.extend_from_slice(text);
            // The reading with its keys tells that.
            self.is_cut = self.rest.len() > LONGEST_BYTES;
            return if last { self.learner.lines(&self.rest) } else { Ok(()) };
        }
        let first = if self.rest.is_empty() { 0 } else { line_end(text, 0).min(whole) };
        self.rest.extend_from_slice(&text[..first]);
        self.learner.lines(&self.rest)?;
        self.learner.lines(&text[first..whole])?;
        self.rest.clear();
        self.rest.extend_from_slice(&text[whole..]);
        Ok(())
    }
}
