//! Columns of fixed widths as the lines of a text show them.

use super::{FixedLayout, Span};
use crate::tabular::csv;

/// Lines that are looked at.
const LOOKED_AT: usize = 1_000;
/// The fewest lines that show columns.
const LEAST_LINES: usize = 3;
/// Characters of a line that are looked at.
const LONGEST: usize = 4_096;
/// Lines of a title above the table.
const MOST_TITLES: usize = 3;
/// Lines above a ruler.
const MOST_ABOVE: usize = 10;

/// A line: which of its characters are no blanks.
struct Line {
    number: u64,
    text: Vec<char>,
}

impl Line {
    fn is_blank(&self, at: usize) -> bool {
        self.text.get(at).is_none_or(|char| *char == ' ')
    }

    /// The characters of a column that are no padding: from, and to.
    fn cell(&self, (from, to): (usize, usize)) -> Option<(usize, usize)> {
        let first = (from..to).find(|&at| !self.is_blank(at))?;
        let last = (from..to).rfind(|&at| !self.is_blank(at))?;
        Some((first, last + 1))
    }

    /// Blanks between the values of two columns; none where one has no value.
    fn room(&self, left: (usize, usize), right: (usize, usize)) -> Option<usize> {
        Some(self.cell(right)?.0 - self.cell(left)?.1)
    }

    fn is_dashes(&self) -> bool {
        self.text.iter().all(|char| matches!(char, '-' | '=' | ' '))
    }
}

impl FixedLayout {
    /// The columns that a text shows which begins with `start`, behind so many lines; none where it shows none.
    pub fn found(start: &[u8], skipped: u64) -> Option<Self> {
        let sample = csv::sample(start);
        // Of two columns, padding, or the dashes of a ruler, stand before a blank; most text has neither and is not taken
        // apart for it.
        if !["  ", "- ", "= "].iter().any(|mark| memchr::memmem::find(sample, mark.as_bytes()).is_some()) {
            return None;
        }
        let lines = lines(sample, skipped)?;
        let found = by_ruler(&lines).or_else(|| (0..=MOST_TITLES).find_map(|titles| by_blanks(lines.get(titles..)?)));
        found.map(|layout| layout.shown(start))
    }

    /// How many columns it has.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }
}

/// The lines of a sample that are not blank; none where they are no text of columns.
fn lines(sample: &[u8], skipped: u64) -> Option<Vec<Line>> {
    let text = String::from_utf8_lossy(sample);
    let mut lines = Vec::new();
    for (number, line) in (0..).zip(text.split('\n')).skip(skipped as usize).take(LOOKED_AT) {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_end_matches(' ');
        if line.is_empty() {
            continue;
        }
        let text: Vec<char> = line.chars().take(LONGEST + 1).collect();
        if text.len() > LONGEST || text.contains(&'\t') {
            return None;
        }
        lines.push(Line { number, text });
    }
    (lines.len() >= LEAST_LINES).then_some(lines)
}

/// By a line of dashes below the names: each run of them is a column's width.
fn by_ruler(lines: &[Line]) -> Option<FixedLayout> {
    let at = lines.iter().take(MOST_ABOVE).position(Line::is_dashes).filter(|at| *at > 0)?;
    let (ruler, body) = (&lines[at], &lines[at + 1..]);
    let columns = runs(ruler.text.len(), |place| ruler.is_blank(place));
    let fits = |line: &&Line| {
        let gaps = columns.windows(2).map(|pair| (pair[0].1, pair[1].0));
        let leading = (0, columns[0].0);
        gaps.chain([leading]).all(|gap| line.cell(gap).is_none())
    };
    let fitting = body.iter().filter(fits).count();
    // Names are above all of them, and the rows of a title are not.
    let names = columns.iter().filter(|column| lines[at - 1].cell(**column).is_some()).count();
    let is_ruler = columns.len() > 1 && fitting > 0 && fitting * 10 >= body.len() * 9 && names == columns.len();
    is_ruler.then(|| {
        let reason = format!("a ruler below the names shows {}", widths(&columns));
        layout(&columns, &[], Some(ruler.number), 0.95, reason)
    })
}

/// By the blanks that stand between columns in all lines.
fn by_blanks(lines: &[Line]) -> Option<FixedLayout> {
    if lines.len() < LEAST_LINES {
        return None;
    }
    let longest = lines.iter().map(|line| line.text.len()).max()?;
    let mut is_gap = vec![true; longest];
    for line in lines {
        line.text.iter().enumerate().filter(|(_, char)| **char != ' ').for_each(|(at, _)| is_gap[at] = false);
    }
    let mut columns = runs(longest, |at| is_gap[at]);
    let (names, records) = lines.split_first()?;
    let mut number = 1;
    while number < columns.len() {
        let (left, right) = (columns[number - 1], columns[number]);
        if divides(left, right, names, records) {
            number += 1;
        } else {
            columns[number - 1].1 = right.1;
            columns.remove(number);
        }
    }
    let is_padded = columns.windows(2).any(|pair| is_padding(pair[0], pair[1], records));
    // What has a name for its first column only is one column of words.
    let are_named = columns.iter().skip(1).any(|column| names.cell(*column).is_some());
    let are_columns =
        columns.len() > 1 && is_padded && are_named && columns.iter().all(|column| is_column(*column, records));
    are_columns.then(|| {
        let reason = format!("in {} lines only blanks divide {}", lines.len(), widths(&columns));
        let lines = records.len() as f64;
        layout(&columns, records, None, lines / (lines + 2.0), reason)
    })
}

/// Runs of places that are no gap.
fn runs(length: usize, is_gap: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for at in (0..length).filter(|&at| !is_gap(at)) {
        match runs.last_mut() {
            Some(run) if run.1 == at => run.1 = at + 1,
            _ => runs.push((at, at + 1)),
        }
    }
    runs
}

/// True when what stands left and right of a gap are two columns, and not words of one.
fn divides(left: (usize, usize), right: (usize, usize), names: &Line, records: &[Line]) -> bool {
    if right.0 - left.1 > 1 {
        return true;
    }
    let is_named = names.cell(left).is_none() || names.cell(right).is_some();
    // A value whose first words are as long in all lines leaves no room between them.
    let is_empty = |line: &Line| line.cell(left).is_none() && line.cell(right).is_some();
    let has_room = records.iter().any(|line| is_empty(line) || line.room(left, right) > Some(1));
    let is_code = || {
        let full = |line: &Line| line.cell(left) == Some(left) && line.cell(right).is_some();
        records.len() > LEAST_LINES && records.iter().all(full)
    };
    // Values of one column whose ends stand below each other, and whose beginnings do not, are no first words.
    let is_right = || {
        let cells: Vec<(usize, usize)> = records.iter().filter_map(|line| line.cell(left)).collect();
        let (ends, begins) = (cells.iter().all(|cell| cell.1 == left.1), cells.iter().all(|cell| cell.0 == cells[0].0));
        cells.len() >= LEAST_LINES && ends && !begins
    };
    is_named && (has_room || is_code() || is_right())
}

/// True when more than one blank stands between two columns, in some lines or in all.
fn is_padding(left: (usize, usize), right: (usize, usize), records: &[Line]) -> bool {
    let padded = records.iter().filter(|line| line.room(left, right) > Some(1));
    padded.count() * 4 >= records.len()
}

/// True when all values of a column begin at one place or end at one, as far as that can be asked, and it does not hold
/// one mark alone, as a delimiter that stands in a column of its own.
fn is_column(column: (usize, usize), records: &[Line]) -> bool {
    let cells = || records.iter().filter_map(|line| line.cell(column).map(|cell| (line, cell)));
    let (begins, ends) = alignment(column, records);
    let mut marks = cells().map(|(line, cell)| &line.text[cell.0..cell.1]);
    let first = marks.next();
    let is_mark = first.is_some_and(|mark| mark.len() == 1 && !mark[0].is_alphanumeric())
        && cells().count() > 1
        && marks.all(|mark| Some(mark) == first);
    (begins || ends || records.len() >= 8) && !is_mark && first.is_some()
}

/// Whether all values of a column begin where it begins, and whether they end where it ends.
fn alignment(column: (usize, usize), records: &[Line]) -> (bool, bool) {
    let cells = || records.iter().filter_map(|line| line.cell(column));
    (cells().all(|cell| cell.0 == column.0), cells().all(|cell| cell.1 == column.1))
}

/// `records`: those whose values tell how columns are aligned, and so to where longer ones go.
fn layout(
    columns: &[(usize, usize)],
    records: &[Line],
    ruler: Option<u64>,
    confidence: f64,
    reason: String,
) -> FixedLayout {
    let column = |&(from, to): &(usize, usize)| {
        if records.is_empty() {
            return Span::of(from, to);
        }
        let (begins, ends) = alignment((from, to), records);
        let has_blank = |line: &Line, (begin, end)| (begin..end).any(|at| line.is_blank(at));
        let has_words = records.iter().any(|line| line.cell((from, to)).is_some_and(|cell| has_blank(line, cell)));
        Span { grows_left: ends || !begins, grows_right: begins || !ends, has_words, ..Span::of(from, to) }
    };
    let columns = columns.iter().map(column).collect();
    FixedLayout { columns, is_strict: true, ruler, length: None, confidence, reason, shown: Vec::new() }
}

/// Columns as they are told to people: where each begins and ends.
fn widths(columns: &[(usize, usize)]) -> String {
    const SHOWN: usize = 12;
    let mut shown: Vec<String> = columns.iter().take(SHOWN).map(|(from, to)| format!("{}-{to}", from + 1)).collect();
    if columns.len() > SHOWN {
        shown.push("…".to_owned());
    }
    format!("{} columns of fixed widths: {}", columns.len(), shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<Vec<(usize, usize)>> {
        FixedLayout::found(text.as_bytes(), 0)
            .map(|layout| layout.columns.iter().map(|span| (span.from, span.to)).collect())
    }

    #[test]
    fn columns_are_where_all_lines_have_blanks_between_them() {
        for (text, columns) in [
            (
                "id  name   price\n 1  Ann    10.50\n 2  Bob     7.25\n10  Ünal  100.00\n",
                vec![(0, 2), (4, 9), (10, 16)],
            ),
            (
                "0001 Ann Lee      3\n0002 Bob         12\n0003 Carla Day    7\n0004 Zed           \n0005 Eve Low    100\n",
                vec![(0, 4), (5, 14), (14, 17)],
            ),
            ("Stock of today\n\nitem     left\nnails     100\nscrews     25\nbolts       7\n", vec![(0, 6), (9, 13)]),
        ] {
            let found = found(text);
            // Where a column's last value ends says how far it goes.
            assert_eq!(found.as_ref().map(Vec::len), Some(columns.len()), "{text:?} {found:?}");
        }
        let ruler = "id  name\n--- ----------\n1   Ann  Lee\n2   Bob\n";
        assert_eq!(found(ruler), Some(vec![(0, 3), (4, 14)]));
    }

    #[test]
    fn text_without_columns_shows_none() {
        for text in [
            "This is a text of some words that goes on over\nseveral lines and has no table in it at all, but\nit may have  two blanks somewhere in the middle.\n",
            "2024-01-01 10:00:00 INFO started\n2024-01-01 10:00:01 WARN is slow\n2024-01-02 10:00:00 INFO ended\n",
            "a  b\n",
            "one\ntwo\nthree\nfour\n",
            "a\tb  c\n1\t2  3\n4\t5  6\n",
        ] {
            assert_eq!(found(text), None, "{text:?}");
        }
    }
}
