//! The lines of one file, which comes in blocks: each is searched once, whole, with its neighbours at hand.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};

use pravah_foundation::base::error::Result;
use pravah_foundation::tabular::text::Encoding;

/// The longest line that is searched whole; one that is longer is searched in pieces.
pub const LONGEST_BYTES: usize = 16 << 20;
/// What is kept of the lines before those that are still to be searched.
pub const CONTEXT_BYTES: usize = 1 << 20;
/// A line that has not ended after so many bytes waits for its end here: no piece of a file takes it.
const UNENDED_BYTES: usize = 512 << 10;

/// A line where a pattern may match.
#[derive(Debug, Clone, Copy)]
pub struct CandidateLine<'a> {
    /// The line with what is known before and after it.
    pub text: &'a [u8],
    /// Where it begins in `text`.
    pub start: usize,
    /// Where it ends, without its newline.
    pub end: usize,
    /// Its number, from 1.
    pub number: u64,
    /// Where it begins in the file; none in an encoding whose characters do not say it.
    pub offset: Option<u64>,
}

/// Searches the lines of a block.
pub trait Search {
    /// A place in a line that may match, in whole lines that are not empty.
    fn candidate(&self, lines: &[u8]) -> Option<usize>;

    /// Look at such a line; false to end the search of the file.
    ///
    /// # Errors
    /// An error ends the job.
    fn line(&mut self, line: CandidateLine<'_>) -> Result<bool>;
}

/// What is left of the blocks seen so far, and where that is in the file.
#[derive(Debug)]
pub struct Lines {
    before: usize,
    after: usize,
    longest: usize,
    /// Of the text that comes.
    pub encoding: Encoding,
    // Lines that were searched and may be context, then lines that were not.
    kept: Vec<u8>,
    searched: usize,
    // Of the first line that was not searched.
    number: u64,
    offset: Option<u64>,
    cut: u64,
    in_cut_line: bool,
    // Of what comes, searched elsewhere already.
    skipped: usize,
}

impl Lines {
    /// A file from its start; so many lines are wanted around each.
    pub fn new(before: usize, after: usize) -> Self {
        Self {
            before,
            after,
            longest: LONGEST_BYTES,
            encoding: Encoding::UTF_8,
            kept: Vec::new(),
            searched: 0,
            number: 1,
            offset: Some(0),
            cut: 0,
            in_cut_line: false,
            skipped: 0,
        }
    }

    /// The number of the first line that was not searched, and where it begins; none while it is here that the search has
    /// to go on.
    pub fn place(&self) -> Option<(u64, u64)> {
        let is_usual = !self.in_cut_line && self.skipped == 0 && self.kept.len() - self.searched <= UNENDED_BYTES;
        Some((self.number, self.offset.filter(|_| is_usual)?))
    }

    /// Go on at a line of this number and place; all before it was searched elsewhere, also the first bytes of what comes.
    /// `before` is the text before it, as much of it as there may be context.
    pub fn go_on_at(&mut self, (number, offset): (u64, u64), mut before: Vec<u8>, skipped: usize) {
        before.drain(..self.context_start(&before, before.len()));
        self.searched = before.len();
        (self.kept, self.skipped) = (before, skipped);
        (self.number, self.offset) = (number, Some(offset));
    }

    /// The first line begins there.
    pub fn begin_at(&mut self, offset: u64) {
        self.offset = Some(offset);
    }

    /// How many lines were too long to be searched whole.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Search what is whole with these further bytes; false when the search of the file is to end.
    ///
    /// # Errors
    /// Those of `search`.
    pub fn block(&mut self, bytes: &[u8], last: bool, search: &mut impl Search) -> Result<bool> {
        let (skipped, bytes) = bytes.split_at(self.skipped.min(bytes.len()));
        self.skipped -= skipped.len();
        if self.kept.is_empty() {
            return self.borrowed(bytes, 0, last, search);
        }
        let Some((searched, known)) = self.joint(bytes).filter(|_| !last) else {
            self.kept.extend_from_slice(bytes);
            return self.owned(last, search);
        };
        // The lines that begin in what was kept, or whose context does; then the block as it is.
        self.kept.extend_from_slice(&bytes[..known]);
        let mut text = std::mem::take(&mut self.kept);
        let goes_on = self.window(&text, self.searched, text.len() - (known - searched), true, search)?;
        text.clear();
        self.kept = text;
        self.searched = 0;
        if goes_on { self.borrowed(bytes, searched, last, search) } else { Ok(false) }
    }

    /// Where in a block the lines begin that need nothing from before it, and where the context of the others ends.
    fn joint(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        let mut ends = memchr_iter(b'\n', bytes).map(|at| at + 1);
        let searched = ends.nth(self.before)?;
        let known = if self.after == 0 { searched } else { ends.nth(self.after - 1)? };
        Some((searched, known))
    }

    fn borrowed(&mut self, text: &[u8], from: usize, last: bool, search: &mut impl Search) -> Result<bool> {
        let to = if last { text.len() } else { self.whole(text, from) };
        let goes_on = self.window(text, from, to, !last, search)?;
        if goes_on && !last {
            let keep = self.context_start(text, to);
            self.kept.extend_from_slice(&text[keep..]);
            self.searched = to - keep;
        }
        Ok(goes_on)
    }

    fn owned(&mut self, last: bool, search: &mut impl Search) -> Result<bool> {
        let mut text = std::mem::take(&mut self.kept);
        let mut to = if last { text.len() } else { self.whole(&text, self.searched) };
        if !last && text.len() - to > self.longest {
            // Too much to wait for the rest: without all lines after it, or even without the end of the line.
            to = memrchr(b'\n', &text[self.searched..]).map_or(text.len(), |at| self.searched + at + 1);
        }
        let goes_on = self.window(&text, self.searched, to, !last, search)?;
        let keep = self.context_start(&text, to);
        text.drain(..keep);
        self.kept = text;
        self.searched = to - keep;
        Ok(goes_on)
    }

    /// The end of the lines from `from` that have their context after them.
    fn whole(&self, text: &[u8], from: usize) -> usize {
        let mut end = text.len();
        for _ in 0..=self.after {
            match memrchr(b'\n', &text[from..end]) {
                Some(at) => end = from + at,
                None => return from,
            }
        }
        end + 1
    }

    fn context_start(&self, text: &[u8], to: usize) -> usize {
        let lowest = to.saturating_sub(CONTEXT_BYTES);
        let start = line_start_before(text, to, self.before);
        // A line that begins too far back is no context.
        if start >= lowest { start } else { memchr(b'\n', &text[lowest..to]).map_or(to, |at| lowest + at + 1) }
    }

    /// Search the lines in `from..to` of `text`.
    fn window(&mut self, text: &[u8], from: usize, to: usize, goes_on: bool, search: &mut impl Search) -> Result<bool> {
        let mut counted = from;
        let mut at = from;
        while at < to {
            let Some(place) = search.candidate(&text[at..to]) else { break };
            let start = memrchr(b'\n', &text[at..at + place]).map_or(at, |newline| at + newline + 1);
            // An empty match after the last newline is in no line.
            if start >= to {
                break;
            }
            let end = memchr(b'\n', &text[start..to]).map_or(to, |newline| start + newline);
            self.advance(&text[counted..start]);
            counted = start;
            let line = CandidateLine { text, start, end, number: self.number, offset: self.offset };
            if !search.line(line)? {
                return Ok(false);
            }
            at = end + 1;
        }
        if goes_on {
            self.advance(&text[counted..to]);
            self.note_cut(&text[from..to]);
        }
        Ok(true)
    }

    fn advance(&mut self, text: &[u8]) {
        self.number += memchr_iter(b'\n', text).count() as u64;
        self.offset = self.offset.zip(self.encoding.original_bytes(text)).map(|(offset, bytes)| offset + bytes);
    }

    /// Count a line that was searched before its end is known.
    fn note_cut(&mut self, searched: &[u8]) {
        let Some(&last) = searched.last() else { return };
        let is_cut = last != b'\n';
        if is_cut && !(self.in_cut_line && memchr(b'\n', searched).is_none()) {
            self.cut += 1;
        }
        self.in_cut_line = is_cut;
    }
}

/// Search whole lines of a text that is at hand with what is around it, the first of which has the number 0 and begins at
/// `offset` of a file of UTF-8; how many they are.
///
/// # Errors
/// Those of `search`.
pub fn search_lines(text: &[u8], lines: Range<usize>, offset: u64, search: &mut impl Search) -> Result<u64> {
    let mut found = Lines::new(0, 0);
    (found.number, found.offset) = (0, Some(offset));
    found.window(text, lines.start, lines.end, true, search)?;
    Ok(found.number)
}

/// Where the line begins that is so many lines before the one at `start`, or the first there is.
pub fn line_start_before(text: &[u8], start: usize, lines: usize) -> usize {
    let mut found = start;
    for _ in 0..lines {
        if found == 0 {
            break;
        }
        found = memrchr(b'\n', &text[..found - 1]).map_or(0, |newline| newline + 1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known of a line that was shown: its number, place, text, and the lines before and after it.
    type Seen = (u64, u64, Vec<u8>, Vec<u8>, Vec<u8>);

    /// Stops at lines with an `x`.
    struct Collect {
        before: usize,
        after: usize,
        seen: Vec<Seen>,
    }

    impl Search for Collect {
        fn candidate(&self, lines: &[u8]) -> Option<usize> {
            memchr(b'x', lines)
        }

        fn line(&mut self, line: CandidateLine<'_>) -> Result<bool> {
            let before = &line.text[line_start_before(line.text, line.start, self.before)..line.start];
            let mut after = &line.text[(line.end + 1).min(line.text.len())..];
            let end = memchr_iter(b'\n', after).nth(self.after.wrapping_sub(1)).map_or(after.len(), |at| at + 1);
            after = if self.after == 0 { &[] } else { &after[..end] };
            let text = line.text[line.start..line.end].to_vec();
            self.seen.push((line.number, line.offset.unwrap(), text, before.to_vec(), after.to_vec()));
            Ok(true)
        }
    }

    fn random(state: &mut u64) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 33) as usize
    }

    fn in_blocks(text: &[u8], around: (usize, usize), mut size: impl FnMut() -> usize) -> Vec<Seen> {
        let mut lines = Lines::new(around.0, around.1);
        let mut collect = Collect { before: around.0, after: around.1, seen: Vec::new() };
        let mut rest = text;
        while !rest.is_empty() {
            let (block, further) = rest.split_at(size().clamp(1, rest.len()));
            assert!(lines.block(block, false, &mut collect).unwrap());
            rest = further;
        }
        assert!(lines.block(&[], true, &mut collect).unwrap());
        assert_eq!(lines.cut(), 0);
        collect.seen
    }

    #[test]
    fn blocks_of_any_size_give_the_same_lines_with_the_same_neighbours() {
        let mut state = 0x5eed;
        for round in 0..3000 {
            let letters = [b"x\nab\nab\n", &b"xab\nxxx\n\n"[..], b"abcdefgx\n"][round % 3];
            let length = random(&mut state) % 60;
            let text: Vec<u8> = (0..length).map(|_| letters[random(&mut state) % letters.len()]).collect();
            let around = (random(&mut state) % 4, random(&mut state) % 4);
            let mut whole = Collect { before: around.0, after: around.1, seen: Vec::new() };
            Lines::new(around.0, around.1).block(&text, true, &mut whole).unwrap();
            let mut expected = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).zip(1..);
            let expected: Vec<_> = expected.by_ref().filter(|(line, _)| line.contains(&b'x')).collect();
            let found: Vec<_> = whole.seen.iter().map(|seen| (seen.2.clone(), seen.0)).collect();
            assert_eq!(found, expected);
            for most in [1, 2, 7, 30] {
                let blocks = in_blocks(&text, around, || 1 + random(&mut state) % most);
                assert_eq!(blocks, whole.seen, "{:?} in blocks of up to {most}", String::from_utf8_lossy(&text));
            }
        }
    }

    #[test]
    fn a_line_beyond_the_limit_is_searched_in_pieces_and_keeps_its_number() {
        let mut lines = Lines::new(1, 1);
        lines.longest = 10;
        let mut collect = Collect { before: 1, after: 0, seen: Vec::new() };
        for block in [&b"a\nbbbb"[..], b"bbbx", b"bbbb", b"cccc", b"cccc", b"cccx", b"d\nx\n", b"e"] {
            assert!(lines.block(block, false, &mut collect).unwrap());
        }
        assert!(lines.block(b"", true, &mut collect).unwrap());
        assert_eq!(lines.cut(), 1);
        let found: Vec<_> = collect.seen.iter().map(|seen| (seen.0, seen.1, seen.2.as_slice())).collect();
        assert_eq!(found, [(2, 2, &b"bbbbbbbxbbbbcccc"[..]), (2, 18, b"cccccccxd"), (3, 28, b"x")]);
    }
}
