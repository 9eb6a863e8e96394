//! Records that no writer of tables makes: what joining files, or merging their versions, leaves in a text.

use memchr::memmem;

use super::head::Head;
use crate::tabular::split::Split;

const MARK: &[u8] = "\u{feff}".as_bytes();
/// Lines that version control leaves where it could not merge two versions: the first two go on with a name.
const OPENS: &[u8] = b"<<<<<<< ";
const ENDS: &[u8] = b">>>>>>> ";
const DIVIDES: &[u8] = b"=======";

/// How many there are, and the line of the first, from 1.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FoundLines {
    /// How many.
    pub count: u64,
    /// The first.
    pub first: Option<u64>,
}

impl FoundLines {
    /// Add what was found behind so many lines.
    pub(super) fn add(&mut self, next: Self, lines: u64) {
        self.first = self.first.or(next.first.map(|line| line + lines));
        self.count += next.count;
    }
}

/// Where lines of a text begin so; what stands inside a quoted value is no record, and no mark.
pub(super) struct Marks {
    places: Vec<(usize, bool)>,
    next: usize,
    /// Records that begin with a byte order mark, and where the first is; the same of merge conflicts.
    found: [(u64, usize); 2],
}

impl Marks {
    /// Look for them in the records of a text; those of JSON are no values there, which is told.
    pub fn of(text: &[u8], head: &Head) -> Self {
        let dialect = head.dialect();
        let mut places = Vec::new();
        if !(dialect.is_typed || dialect.is_made || dialect.is_json) {
            let begins = |&at: &usize| at == 0 || matches!(text[at - 1], b'\n' | b'\r');
            let all = |what: &'static [u8]| memmem::find_iter(text, what).filter(begins);
            places.extend(all(MARK).map(|at| (at, false)));
            let is_line = |at: usize| matches!(text.get(at + DIVIDES.len()), None | Some(b'\n' | b'\r'));
            let mut opens = all(OPENS).peekable();
            if opens.peek().is_some() && all(DIVIDES).any(is_line) && all(ENDS).next().is_some() {
                places.extend(opens.map(|at| (at, true)));
                places.sort_unstable();
            }
        }
        Self { places, next: 0, found: [(0, 0); 2] }
    }

    /// The next records of the text.
    pub fn take(&mut self, split: &Split) {
        for record in 0..split.len() {
            let (start, _) = split.record(record);
            while self.places.get(self.next).is_some_and(|(at, _)| *at < start) {
                self.next += 1;
            }
            let Some(&(at, is_conflict)) = self.places.get(self.next) else { return };
            if at == start {
                let (count, first) = &mut self.found[usize::from(is_conflict)];
                *first = if *count == 0 { at } else { *first };
                *count += 1;
            }
        }
    }

    /// The byte order marks, and the conflicts, by a function that tells the line of a place.
    pub fn found(&self, line: impl Fn(u64) -> u64) -> [FoundLines; 2] {
        self.found.map(|(count, at)| FoundLines { count, first: (count > 0).then(|| line(at as u64)) })
    }
}
