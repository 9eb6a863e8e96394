//! A large file of UTF-8, searched in pieces by all threads.
//!
//! A piece has the lines that begin in it, and is read with what is around them. What it has to know of the pieces before
//! it — how many lines they have, how many matches, whether all of them are ASCII — it learns in its turn, when it has
//! searched its own lines; then it makes the rows. A piece that such knowledge changes, because a limit is reached in it or
//! because it tells the encoding, ends the turns, and is searched as a block.

use std::ops::Range;

use grep_regex::RegexMatcher;
use memchr::{memchr, memchr_iter};

use super::counts::FileMatches;
use super::lines::{CONTEXT_BYTES, CandidateLine, Search, search_lines};
use super::reading::CANCEL_EVERY;
use super::{Shared, Worker};
use pravah_foundation::base::error::Result;
use pravah_foundation::io::digest::{ALIGNED_BYTES, Piece, Rest, Stop};
use pravah_foundation::tabular::text::{Encoding, FileText, Look};

/// Read before and behind a piece, at first; mostly the lines that are wanted there are no longer.
const AROUND_BYTES: u64 = 4 << 10;

/// What is handed from turn to turn.
pub struct Searched<'a> {
    /// What makes text of the file.
    pub reader: &'a mut FileText,
    /// What was found in it so far.
    pub found: &'a mut FileMatches,
    /// The number of the first line that was not searched, and where it begins.
    pub next: (u64, u64),
    /// A line is too long for a piece.
    pub has_long_lines: bool,
}

/// What all pieces of a file are searched with.
pub struct Pieces<'a> {
    /// What all files are searched with.
    pub shared: &'a Shared,
    /// What is left of the file.
    pub rest: &'a Rest<'a>,
    /// Its path.
    pub path: &'a [u8],
    /// Where the first line begins that was not searched, in the first piece or before it.
    pub first: u64,
    /// The length of its byte order mark.
    pub mark: u64,
}

/// A piece in a text.
struct Window {
    /// Where the text begins in the file.
    start: u64,
    /// The piece.
    bytes: Range<usize>,
    /// The lines that begin in it.
    lines: Range<usize>,
}

impl Pieces<'_> {
    /// Search a piece.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn search(
        &self,
        bytes: &Range<u64>,
        text: &mut Vec<u8>,
        piece: Piece<'_, Searched<'_>>,
    ) -> std::result::Result<(), Stop> {
        let Some(Window { start, bytes, lines }) = self.read(bytes, text)? else {
            piece.take(|all| {
                all.has_long_lines = true;
                None::<()>
            });
            return Ok(());
        };
        let (shared, offset) = (self.shared, start + lines.start as u64);
        let (found, matches, count) = self.find(text, lines.clone(), offset)?;
        let look = Look::at(&text[..bytes.start], &text[bytes.clone()], false).and_behind(&text[bytes.end..]);
        let number = piece.take(|all| {
            let is_within = |most| all.found.all.matches + found.all.matches < most;
            let are_few = shared.options.max_matches_per_file.is_none_or(is_within);
            if !are_few || !all.reader.may_pass(&look) || !shared.allows(found.all.matches) {
                return None;
            }
            all.reader.pass(look);
            all.found.merge(&found);
            let number = all.next.0;
            if !lines.is_empty() {
                all.next = (number + count, start + lines.end as u64);
            }
            Some(number)
        });
        Ok(number.map_or(Ok(()), |number| self.list(text, start, number, &matches))?)
    }

    /// Read a piece; none where a line in it, or what is to be shown around it, is too long.
    fn read(&self, bytes: &Range<u64>, text: &mut Vec<u8>) -> std::result::Result<Option<Window>, Stop> {
        let extent = self.shared.extent;
        let is_first = bytes.start == self.rest.start();
        let first = if is_first { self.first } else { bytes.start };
        // Enough to tell whether a line begins in the piece, and a character before it goes on in it.
        let mut before = if extent.before == 0 { ALIGNED_BYTES } else { AROUND_BYTES };
        let mut behind = AROUND_BYTES;
        loop {
            let start = self.mark.max(first.saturating_sub(before) / ALIGNED_BYTES * ALIGNED_BYTES);
            let end = self.rest.end().min(bytes.end + behind);
            text.resize((end - start) as usize, 0);
            self.rest.read(text, start)?;
            let at = |offset: u64| (offset - start) as usize;
            let piece = at(bytes.start)..at(bytes.end);
            let from = match memchr(b'\n', &text[piece.start - 1..piece.end]) {
                _ if is_first => at(first),
                Some(newline) => piece.start + newline,
                None => piece.end,
            };
            let known = || memchr_iter(b'\n', &text[..at(first)]).count();
            let lacks_before = extent.before > 0 && start > self.mark && known() <= extent.before;
            let mut ends = memchr_iter(b'\n', &text[piece.end - 1..]).map(|newline| piece.end + newline);
            let line_end = ends.next();
            let last_end = if extent.after == 0 { line_end } else { ends.nth(extent.after - 1) };
            let lacks_behind = from < piece.end && last_end.is_none() && end < self.rest.end();
            if !lacks_before && !lacks_behind {
                let to = if from < piece.end { line_end.unwrap_or(text.len()) } else { from };
                return Ok(Some(Window { start, bytes: piece, lines: from..to }));
            }
            before *= if lacks_before { 8 } else { 1 };
            behind *= if lacks_behind { 8 } else { 1 };
            if before.max(behind) > CONTEXT_BYTES as u64 {
                return Ok(None);
            }
        }
    }

    /// What is found in these lines, each match that is to be listed, and how many lines they are.
    fn find(&self, text: &[u8], lines: Range<usize>, offset: u64) -> Result<(FileMatches, Vec<Match>, u64)> {
        let shared = self.shared;
        let worker = shared.workers.acquire();
        let Worker { finder, .. } = &*worker;
        let mut finding = Finding { shared, finder, found: FileMatches::default(), matches: Vec::new() };
        let count = search_lines(text, lines, offset, &mut finding)?;
        Ok((finding.found, finding.matches, count))
    }

    /// List the matches, in a text that begins at `start` and whose first line has that number.
    fn list(&self, text: &[u8], start: u64, number: u64, matches: &[Match]) -> Result<()> {
        let control = &self.shared.context.control;
        let mut worker = self.shared.workers.acquire();
        let Some(mut listing) = self.shared.listing(&mut worker.sheet, self.path, Encoding::UTF_8) else {
            return Ok(());
        };
        for of_line in matches.chunk_by(|one, next| one.line == next.line) {
            control.check()?;
            let line = |one: &Match| CandidateLine {
                text,
                start: one.line.start as usize,
                end: one.line.end as usize,
                number: number + u64::from(one.number),
                offset: Some(start + u64::from(one.line.start)),
            };
            let mut shown = None;
            for one in of_line {
                let range = one.range.start as usize..one.range.end as usize;
                listing.add(line(one), &mut shown, one.pattern as usize, range)?;
            }
        }
        Ok(())
    }
}

/// A match that is to be listed. A text is shorter than 4 GiB, and there may be many.
struct Match {
    line: Range<u32>,
    /// The line's, counted from 0 in the piece.
    number: u32,
    pattern: u32,
    /// Where it is in the line.
    range: Range<u32>,
}

/// Finds what is in the lines of a piece.
struct Finding<'a> {
    shared: &'a Shared,
    finder: &'a RegexMatcher,
    found: FileMatches,
    matches: Vec<Match>,
}

impl Search for Finding<'_> {
    fn candidate(&self, lines: &[u8]) -> Option<usize> {
        self.shared.patterns.candidate(self.finder, lines)
    }

    fn line(&mut self, line: CandidateLine<'_>) -> Result<bool> {
        let options = &self.shared.options;
        let mut last_pattern = None;
        self.shared.patterns.matches(&line.text[line.start..line.end], &mut |pattern, range| {
            let matches = self.found.all.matches;
            if matches.is_multiple_of(CANCEL_EVERY) {
                self.shared.context.control.check()?;
            }
            // More than are allowed: it is not for a piece.
            if options.max_matches_per_file == Some(matches) || !options.count_only && matches > options.max_matches {
                return Ok(false);
            }
            self.found.add(pattern, last_pattern.is_none(), last_pattern != Some(pattern));
            last_pattern = Some(pattern);
            if !options.count_only {
                let number = line.number as u32;
                let (line, range) = (line.start as u32..line.end as u32, range.start as u32..range.end as u32);
                self.matches.push(Match { line, number, pattern: pattern as u32, range });
            }
            Ok(true)
        })
    }
}
