//! One file on its way through the search: unpacked where that is asked for, decoded, cut into lines, its matches
//! counted and listed.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use grep_regex::RegexMatcher;
use memchr::memchr;

use super::known::SearchedFile;
use super::lines::{CONTEXT_BYTES, CandidateLine, LONGEST_BYTES, Lines, Search};
use super::options::Binary;
use super::pieces::{Pieces, Searched};
use super::rows::MatchListing;
use super::{BLOCK_BYTES, Shared, Worker};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::base::pool::feed::Feed;
use pravah_foundation::io::claims::Claim;
use pravah_foundation::io::codec::Codec;
use pravah_foundation::io::digest::{End, Reading, Rest, Stop};
use pravah_foundation::io::unpack::{self, UnpackTrouble};
use pravah_foundation::run::encodings;
use pravah_foundation::tabular::text::{Encoding, FileText};

/// Matches of a file between two looks at the cancel flag.
pub const CANCEL_EVERY: u64 = 1024;

/// A file that is being read.
pub struct SearchReading<'a> {
    shared: &'a Arc<Shared>,
    /// None while the other has it.
    file: Option<FileSearch>,
    feed: Option<Feed<FileSearch>>,
    bytes: u64,
}

impl<'a> SearchReading<'a> {
    /// The file at `path`, so large when it was listed.
    pub fn new(shared: &'a Arc<Shared>, path: &[u8], size: u64) -> Self {
        Self { shared, file: Some(FileSearch::new(path, size)), feed: None, bytes: 0 }
    }

    /// Hand the file over to a decoder, when it is compressed and that is asked for.
    fn unpack(&mut self, start: &[u8]) -> Result<()> {
        if !self.shared.options.search_compressed || self.file.as_ref().is_none_or(|file| file.text.is_some()) {
            return Ok(());
        }
        let Some(codec) = Codec::of(start) else {
            self.refuse(start);
            return Ok(());
        };
        let Some(mut file) = self.file.take() else { return Ok(()) };
        self.shared.figures.compressed.fetch_add(1, Relaxed);
        file.seen.codec = Some(codec);
        if start.len() < BLOCK_BYTES {
            file.unpack(self.shared, codec, start)?;
            self.file = Some(file);
            return Ok(());
        }
        let shared = Arc::clone(self.shared);
        self.feed = Some(Feed::start(&self.shared.context.control, move |packed| {
            file.unpack(&shared, codec, packed)?;
            Ok(file)
        })?);
        Ok(())
    }
}

impl SearchReading<'_> {
    /// What is no stream though its name says so holds no text, whatever it looks like.
    fn refuse(&mut self, start: &[u8]) {
        let Some(file) = self.file.as_mut().filter(|file| !file.ended) else { return };
        if let Some(claim @ Claim::Stream(_)) = Claim::of(&file.path) {
            self.shared.context.control.issue("read", &file.path, IssueKind::Malformed, claim.broken(start));
            (file.ended, file.is_plain) = (true, false);
        }
    }
}

impl Reading for SearchReading<'_> {
    fn block(&mut self, bytes: &[u8]) -> Result<bool> {
        self.shared.figures.bytes.fetch_add(bytes.len() as u64, Relaxed);
        self.bytes += bytes.len() as u64;
        self.unpack(bytes)?;
        match (&self.feed, &mut self.file) {
            (Some(feed), _) => feed.send(bytes),
            // The last block of a file is the only one that may be short.
            (None, Some(file)) if !file.ended => file.take(self.shared, bytes, bytes.len() < BLOCK_BYTES),
            (None, _) => Ok(false),
        }
    }

    fn rest(&mut self, rest: &Rest<'_>) -> std::result::Result<u64, Stop> {
        let Some(file) = self.file.as_mut().filter(|file| !file.ended) else { return Ok(rest.start()) };
        let end = file.rest(self.shared, rest)?;
        self.shared.figures.bytes.fetch_add(end - rest.start(), Relaxed);
        self.bytes += end - rest.start();
        Ok(end)
    }

    fn end(self: Box<Self>, end: End<'_>) -> Result<()> {
        let file = match self.feed {
            Some(feed) => Some(feed.finish()?),
            None => self.file,
        };
        let Some(mut file) = file else { return Ok(()) };
        file.seen.read_bytes = self.bytes;
        file.end(
            self.shared,
            match end {
                End::Whole(meta) => Some(meta),
                End::Broken(_) => None,
            },
        )
    }
}

/// What is known of a file.
struct FileSearch {
    path: Vec<u8>,
    size: u64,
    text: Option<(FileText, Lines)>,
    seen: SearchedFile,
    /// Nothing more of it is searched.
    ended: bool,
    /// All that is to be found in it was, and there is nothing to say of it.
    is_plain: bool,
    /// It has a line that no piece takes.
    has_long_lines: bool,
}

impl FileSearch {
    fn new(path: &[u8], size: u64) -> Self {
        let seen = SearchedFile::default();
        Self { path: path.to_vec(), size, text: None, seen, ended: false, is_plain: true, has_long_lines: false }
    }

    /// Search the next bytes; false when it has seen enough.
    fn take(&mut self, shared: &Shared, bytes: &[u8], last: bool) -> Result<bool> {
        let options = &shared.options;
        let is_first = self.text.is_none();
        let (reader, lines) = self.text.get_or_insert_with(|| {
            let lines = Lines::new(options.context_before, options.context_after);
            (FileText::new(options.encoding, false), lines)
        });
        let mut worker = shared.workers.acquire();
        let Worker { finder, buffer, sheet, .. } = &mut *worker;
        let text = reader.decode(bytes, last, buffer);
        let encoding = reader.encoding();
        if is_first {
            lines.begin_at(reader.mark() as u64);
        }
        // What came before is ASCII, and the same in this encoding.
        lines.encoding = encoding;
        // Of the last bytes the text may still be to come.
        if is_first
            && options.binary == Binary::Skip
            && memchr(0, if reader.is_wide() { text } else { bytes }).is_some()
        {
            shared.figures.binary.fetch_add(1, Relaxed);
            (self.seen.is_binary, self.ended) = (true, true);
            return Ok(false);
        }
        let listing = shared.listing(sheet, &self.path, encoding);
        let mut search = InFile { shared, finder, listing, seen: &mut self.seen, is_plain: &mut self.is_plain };
        let goes_on = lines.block(text, last, &mut search)?;
        self.ended = last || !goes_on;
        Ok(!self.ended)
    }

    /// Search what is left of the file in pieces, up to one that has to be seen as a block; where that one begins.
    fn rest(&mut self, shared: &Shared, rest: &Rest<'_>) -> std::result::Result<u64, Stop> {
        let is_for_pieces = |(reader, _): &&mut (FileText, Lines)| reader.is_as_it_is() && !self.has_long_lines;
        let Some((reader, lines)) = self.text.as_mut().filter(is_for_pieces) else { return Ok(rest.start()) };
        let Some(first) = lines.place() else { return Ok(rest.start()) };
        let mark = reader.mark() as u64;
        let pieces = Pieces { shared, rest, path: &self.path, first: first.1, mark };
        let all = Searched { reader, found: &mut self.seen.found, next: first, has_long_lines: false };
        let (Searched { next, has_long_lines, .. }, end) =
            rest.in_pieces(shared.context.chunk_bytes, all, |bytes, text, piece| pieces.search(&bytes, text, piece))?;
        self.has_long_lines = has_long_lines;
        if end > rest.start() {
            let mut before = Vec::new();
            if shared.extent.before > 0 && end < rest.end() {
                let start = next.1.saturating_sub(CONTEXT_BYTES as u64 + 1).max(mark);
                before.resize((next.1 - start) as usize, 0);
                rest.read(&mut before, start)?;
            }
            lines.go_on_at(next, before, (next.1 - end) as usize);
        }
        Ok(end)
    }

    /// Search what `packed` holds.
    fn unpack(&mut self, shared: &Shared, codec: Codec, packed: impl BufRead) -> Result<()> {
        let control = &shared.context.control;
        let packed = (codec, packed, self.size);
        match unpack::blocks(packed, control, |block, last| self.take(shared, block, last))? {
            None => {}
            Some(UnpackTrouble { kind, message, is_whole: true }) => self.remark(shared, kind, message),
            Some(UnpackTrouble { kind, message, .. }) => {
                self.is_plain = false;
                shared.context.control.issue("read", &self.path, kind, message);
            }
        }
        self.ended = true;
        Ok(())
    }

    /// All of it was searched, but not as somebody may expect.
    fn remark(&mut self, shared: &Shared, kind: IssueKind, message: String) {
        self.is_plain = false;
        shared.context.control.remark("read", &self.path, kind, message);
    }

    /// Count it, once nothing more of it comes; what is known of it when it was read to its end.
    fn end(mut self, shared: &Shared, whole: Option<&Meta>) -> Result<()> {
        if self.text.is_none() && whole.is_none() {
            return Ok(()); // none of it could be read
        }
        if self.text.is_some() && !self.ended {
            self.take(shared, &[], true)?;
        }
        if !self.seen.is_binary {
            shared.figures.files.fetch_add(1, Relaxed);
        }
        let cut = self.text.as_ref().map_or(0, |(_, lines)| lines.cut());
        if cut > 0 {
            let message = format!("{cut} lines are longer than {LONGEST_BYTES} bytes; they were searched in pieces");
            self.remark(shared, IssueKind::TooLarge, message);
        }
        let encoding = self.text.as_ref().map_or(Encoding::UTF_8, |(reader, _)| reader.encoding());
        self.seen.text = match &self.text {
            _ if self.seen.is_binary => encodings::binary(),
            Some((reader, _)) => reader.found(),
            None if self.size > 0 => encodings::binary(),
            None => FileText::new(shared.options.encoding, false).found(),
        };
        // Bytes that are not valid UTF-8 are searched as they are.
        if encoding != Encoding::UTF_8 && !self.seen.is_binary && self.seen.text.invalid > 0 {
            let (title, times) = (encoding.title(), self.seen.text.invalid);
            let message = format!(
                "contains bytes that are not valid {title}: {times} times; check the encoding of the file in the options"
            );
            self.remark(shared, IssueKind::Malformed, message);
        }
        // What there is an issue of is searched again, so that the issue is told again.
        let kept = whole.filter(|_| self.is_plain);
        shared.workers.acquire().file(&self.path, self.size, &self.seen, kept)
    }
}

/// A block of a file that is being searched.
struct InFile<'a> {
    shared: &'a Shared,
    finder: &'a RegexMatcher,
    /// None where matches are only counted.
    listing: Option<MatchListing<'a>>,
    seen: &'a mut SearchedFile,
    is_plain: &'a mut bool,
}

impl Search for InFile<'_> {
    fn candidate(&self, lines: &[u8]) -> Option<usize> {
        self.shared.patterns.candidate(self.finder, lines)
    }

    fn line(&mut self, line: CandidateLine<'_>) -> Result<bool> {
        let mut shown = None;
        let mut last_pattern = None;
        self.shared.patterns.matches(&line.text[line.start..line.end], &mut |pattern, range| {
            if !self.shared.allows_one_more() {
                *self.is_plain = false;
                return Ok(false);
            }
            if self.seen.found.all.matches.is_multiple_of(CANCEL_EVERY) {
                self.shared.context.control.check()?;
            }
            self.seen.found.add(pattern, last_pattern.is_none(), last_pattern != Some(pattern));
            last_pattern = Some(pattern);
            if let Some(listing) = &mut self.listing {
                listing.add(line, &mut shown, pattern, range)?;
            }
            let is_enough = self.shared.options.max_matches_per_file == Some(self.seen.found.all.matches);
            if is_enough {
                self.seen.is_left_early = true;
                self.shared.figures.left_early.fetch_add(1, Relaxed);
            }
            Ok(!is_enough)
        })
    }
}
