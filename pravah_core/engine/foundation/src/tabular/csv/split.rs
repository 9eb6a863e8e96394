//! Records of a chunk as a matrix of field ends.

use super::Dialect;
use super::automaton::{Automaton, Marks, STEP};
use crate::tabular::split::{Split, split_records};

/// Splits a chunk, a few records at a time: so many that they stay in the processor's cache.
#[derive(Debug)]
pub struct CsvSplitter<'a> {
    text: &'a [u8],
    dialect: Dialect,
    automaton: Automaton,
    columns: usize,
    /// Bytes the automaton has seen.
    seen: usize,
    /// Marks of the step before `seen` that are not used yet.
    marks: Marks,
    /// Where the record begins that is open.
    start: usize,
    /// Its fields so far.
    fields: u32,
    /// Records of a split.
    most: usize,
    swallowed: Swallowed,
    comments: u64,
    bares: Bares,
}

/// Values that hold a quote and have none around them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bares {
    /// How many.
    pub count: u64,
    /// Where the record of the first one begins.
    pub first: u64,
}

/// Records over several lines each of which is a record by itself: a quote that was opened by mistake makes such.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swallowed {
    /// How many.
    pub count: u64,
    /// Where the first one begins.
    pub first: u64,
}

impl<'a> CsvSplitter<'a> {
    /// At the start of `text`, which is at most 4 GiB long and begins with a record.
    pub fn new(text: &'a [u8], dialect: Dialect, columns: usize) -> Self {
        let most = split_records(columns);
        let automaton = Automaton::new(dialect);
        Self {
            text,
            dialect,
            automaton,
            columns,
            seen: 0,
            marks: Marks::default(),
            start: 0,
            fields: 0,
            most,
            swallowed: Swallowed::default(),
            comments: 0,
            bares: Bares::default(),
        }
    }

    /// The next records, in `split`; false when there are none.
    pub fn next(&mut self, split: &mut Split) -> bool {
        let is_some = self.fill(split);
        // The automaton is ahead of the records: what it met is of these, or of later ones.
        if self.automaton.has_enclosed() && !self.dialect.is_typed && !self.dialect.is_made {
            self.look_for_swallowed(split);
        }
        if self.dialect.skips_blanks {
            self.skip_blanks(split);
        }
        if self.automaton.has_odd_quotes() && !self.dialect.is_typed && !self.dialect.is_made {
            self.look_for_odd_quotes(split);
        }
        is_some
    }

    /// Values that are not quoted as any writer does.
    #[cold]
    fn look_for_odd_quotes(&mut self, split: &mut Split) {
        let mut ragged = split.ragged.iter().map(|(record, _)| *record as usize).peekable();
        let mut odd = Vec::new();
        for record in 0..split.len() {
            if ragged.next_if_eq(&record).is_some() {
                continue;
            }
            for column in 0..self.columns {
                let (from, to) = split.field(record, column);
                let field = &self.text[from..to];
                if !self.dialect.is_oddly_quoted(field) {
                    continue;
                }
                odd.push((record as u32, column as u32));
                if field.first() != self.dialect.quote.as_ref() {
                    if self.bares.count == 0 {
                        self.bares.first = split.record(record).0 as u64;
                    }
                    self.bares.count += 1;
                }
            }
        }
        split.odd = odd;
    }

    /// Blanks before fields are no part of them.
    fn skip_blanks(&self, split: &mut Split) {
        let places = (0..split.len()).flat_map(|record| (0..self.columns).map(move |column| (record, column)));
        let begin = |(record, column)| {
            let (from, to) = split.field(record, column);
            let field = self.text.get(from..to).unwrap_or_default();
            (from + field.iter().take_while(|byte| **byte == b' ').count()) as u32
        };
        split.begins = places.map(begin).collect();
    }

    #[cold]
    fn look_for_swallowed(&mut self, split: &Split) {
        for record in 0..split.len() {
            let (start, stop) = split.record(record);
            // What does not end is told as that.
            let is_open = stop == self.text.len() && self.automaton.is_inside();
            if !is_open && is_swallowed(&self.text[start..stop], self.dialect, self.columns) {
                if self.swallowed.count == 0 {
                    self.swallowed.first = start as u64;
                }
                self.swallowed.count += 1;
            }
        }
    }

    fn fill(&mut self, split: &mut Split) -> bool {
        split.clear(self.columns);
        split.lead = u32::from(self.dialect.lead.len);
        loop {
            while self.marks.delimiters | self.marks.ends != 0 {
                if split.len() == self.most {
                    return true;
                }
                self.use_marks(split);
            }
            if self.seen >= self.text.len() {
                break;
            }
            let (marks, length) = match self.text[self.seen..].first_chunk::<STEP>() {
                Some(step) => (self.automaton.step(step), STEP),
                None => (self.automaton.slowly(&self.text[self.seen..]), self.text.len() - self.seen),
            };
            self.marks = marks;
            self.seen += length;
        }
        if self.start < self.text.len() {
            if split.len() == self.most {
                return true;
            }
            self.end_record(split, self.text.len());
            self.start = self.text.len() + 1;
        }
        !split.is_empty()
    }

    /// True when the text ends in a quoted field; known once there are no records left.
    pub fn is_open(&self) -> bool {
        self.automaton.is_inside()
    }

    /// True when a quote was met that encloses nothing, or text behind one that closes.
    pub fn has_odd_quotes(&self) -> bool {
        self.automaton.has_odd_quotes()
    }

    /// Texts behind quotes that close: how many, and where the first one begins; known once there are no records left.
    pub fn strays(&self) -> (u64, u64) {
        let strays = self.automaton.strays();
        (strays.count, strays.first)
    }

    /// Records over several lines each of which is one by itself; known once there are no records left.
    pub fn swallowed(&self) -> Swallowed {
        self.swallowed
    }

    /// Values that hold a quote and have none around them; known once there are no records left.
    pub fn bares(&self) -> Bares {
        self.bares
    }

    /// Comments so far.
    pub fn comments(&self) -> u64 {
        self.comments
    }

    /// Where the record begins that follows those it gave, a line end without a record perhaps.
    pub fn next_start(&self) -> usize {
        self.start
    }

    /// Use marks until a record ends, or all of them.
    #[inline]
    fn use_marks(&mut self, split: &mut Split) {
        // The step began at a multiple of 64.
        let base = (self.seen - 1) & !(STEP - 1);
        let Marks { mut delimiters, ends } = self.marks;
        let until = if ends == 0 { u64::MAX } else { (ends & ends.wrapping_neg()) - 1 };
        let mut now = delimiters & until;
        delimiters &= !until;
        while now != 0 {
            if (self.fields as usize) < self.columns {
                split.ends.push((base + now.trailing_zeros() as usize) as u32 - split.lead);
            }
            self.fields += 1;
            now &= now - 1;
        }
        self.marks = Marks { delimiters, ends: ends & ends.wrapping_sub(1) };
        if ends != 0 {
            let end = base + ends.trailing_zeros() as usize;
            self.end_record(split, end);
            self.start = end + 1;
        }
    }

    #[inline]
    fn end_record(&mut self, split: &mut Split, end: usize) {
        let fields = std::mem::take(&mut self.fields);
        if end == self.start {
            return;
        }
        if self.dialect.comment.is_some_and(|comment| comment.begins(&self.text[self.start..end])) {
            // It may hold delimiters before it is known to be one.
            split.ends.truncate(split.starts.len() * self.columns);
            self.comments += 1;
            return;
        }
        // The last field ends with the record.
        let fields = fields + 1;
        if fields as usize <= self.columns {
            split.ends.push(end as u32);
        }
        if fields as usize != self.columns {
            split.ragged.push((split.starts.len() as u32, fields));
            let whole = (split.starts.len() + 1) * self.columns;
            split.ends.resize(whole, end as u32);
        }
        split.starts.push(self.start as u32);
        split.stops.push(end as u32);
    }
}

/// True for a text of several lines each of which has as many fields as there are columns.
fn is_swallowed(record: &[u8], dialect: Dialect, columns: usize) -> bool {
    if columns < 2 || memchr::memchr2(b'\n', b'\r', record).is_none() {
        return false;
    }
    let lines = record.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty());
    let mut count = 0;
    // Its quotes are text there.
    let fields = |line: &[u8]| {
        let mut automaton = Automaton::new(Dialect { quote: None, ..dialect });
        line.chunks(STEP).map(|part| automaton.slowly(part).delimiters.count_ones() as usize).sum::<usize>() + 1
    };
    lines.inspect(|_| count += 1).all(|line| fields(line) == columns) && count > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::csv::Marker;

    fn records(text: &str, dialect: Dialect, columns: usize) -> Vec<Vec<Option<String>>> {
        let (mut split, mut found, mut buffer) = (Split::default(), Vec::new(), Vec::new());
        let mut splitter = CsvSplitter::new(text.as_bytes(), dialect, columns);
        while splitter.next(&mut split) {
            for record in 0..split.len() {
                let field = |column| {
                    let (start, end) = split.field(record, column);
                    let field = text.as_bytes().get(start..end)?;
                    Some(String::from_utf8(dialect.unquoted(field, &mut buffer).0.to_vec()).unwrap())
                };
                found.push((0..columns).map(field).collect());
            }
        }
        found
    }

    fn row(fields: &[&str]) -> Vec<Option<String>> {
        fields.iter().map(|field| Some((*field).to_owned())).collect()
    }

    #[test]
    fn quotes_line_ends_and_short_records_are_read_as_written() {
        let text = "a,\"b,\n\"\"x\"\"\"\r\n\n,\rc\"d,e\"\n\"f\"g,h,i\nj";
        let found = records(text, Dialect::of(b','), 2);
        let mut expected = vec![row(&["a", "b,\n\"x\""]), row(&["", ""]), row(&["c\"d", "e\""]), row(&["fg", "h"])];
        expected.push(vec![Some("j".to_owned()), None]);
        assert_eq!(found, expected);
    }

    #[test]
    fn comments_and_escapes() {
        let dialect = Dialect { comment: Marker::of(b"#"), escape: Some(b'\\'), ..Dialect::of(b';') };
        let text = "# it's \"so\na;\"b\\\";\nc\"\n#\n\"#d\";e\n";
        assert_eq!(records(text, dialect, 2), [row(&["a", "b\";\nc"]), row(&["#d", "e"])]);
        let without = Dialect { quote: None, ..Dialect::of(b'\t') };
        assert_eq!(records("\"a\tb\"\n", without, 2), [row(&["\"a", "b\""])]);
    }

    #[test]
    fn many_records_come_in_several_splits() {
        let text: String = (0..10_000).map(|number| format!("{number},\"{}\"\n", number * 2)).collect();
        let found = records(&text, Dialect::of(b','), 2);
        assert_eq!(found.len(), 10_000);
        assert!(found.iter().enumerate().all(|(at, record)| record[1] == Some((at * 2).to_string())));
    }
}
