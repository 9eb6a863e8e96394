//! Which dialect a text is in, where its table begins, and why.

mod count;
mod judge;
mod sample;
mod wide;

use self::count::Counts;
use self::judge::{Found, LEAST_SHARE, LOOKED_AT, fields, table};
pub use self::sample::sample;
use super::automaton::{Automaton, STEP};
use super::{Dialect, Fields, Marker};
use crate::tabular::split::line_end;

/// A dialect that was found, with what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sniffed {
    /// The dialect.
    pub dialect: Dialect,
    /// Fields of most records, at least 1.
    pub columns: usize,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// What was counted, in words.
    pub reason: String,
    /// Bytes before the table: what stands there is no record of it.
    pub begins: usize,
}

/// What is asked for; the rest is found.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// What ends a field.
    pub delimiter: Option<Marker>,
    /// What encloses fields, or that nothing does.
    pub quote: Option<Option<u8>>,
    /// What takes the meaning from the next byte inside quotes, or that nothing does.
    pub escape: Option<Option<u8>>,
    /// What begins a record that is none.
    pub comment: Option<Marker>,
    /// Blanks before a field are no part of it, or that they are one.
    pub skips_blanks: Option<bool>,
    /// Lines before the table: it begins there, whatever it looks like.
    pub skipped: Option<u64>,
}

impl Asked {
    /// For records that were made of something else, with so many lines before the table.
    pub fn made(skipped: Option<u64>) -> Self {
        let (quote, comma) = (Some(Some(b'"')), Marker::of(b","));
        Self { delimiter: comma, quote, escape: Some(None), comment: None, skips_blanks: Some(false), skipped }
    }

    /// The dialect with that delimiter; what is not asked for is that of RFC 4180.
    fn dialect(&self, delimiter: &[u8]) -> Dialect {
        // Of two meanings of one byte the delimiter's wins.
        let other = |byte: Option<u8>| byte.filter(|byte| delimiter != [*byte]);
        Dialect {
            quote: other(self.quote.unwrap_or(Some(b'"'))),
            escape: other(self.escape.unwrap_or_default()),
            comment: self.comment,
            skips_blanks: self.skips_blanks.unwrap_or_default(),
            ..Dialect::of(b',').divided_by(delimiter)
        }
    }
}

/// Delimiters that are tried, the more usual ones first: of two that are as good the first is taken.
const USUAL: [u8; 6] = [b',', b'\t', b';', b'|', 0x1f, 0x01];
/// Those that are tried where none of the usual ones divides all records alike.
const OTHERS: [u8; 4] = [b':', b' ', b'^', b'~'];

/// The first records of a sample that begins with a table, as texts.
pub fn first_records(sample: &[u8], dialect: Dialect) -> Vec<Fields<'_>> {
    fields(sample, &Counts::of_first(sample, dialect, LOOKED_AT), 0)
}

/// Find the dialect of a text that begins with `start`, but for what is `asked` for.
pub fn sniff(start: &[u8], asked: &Asked) -> Sniffed {
    let skipped = lines_end(start, asked.skipped.unwrap_or_default());
    let whole = sample(&start[skipped..]);
    let (said, begins) = said_delimiter(whole);
    let sample = &whole[begins..];
    let mut sniffed = match (asked.delimiter, said) {
        (Some(delimiter), _) => given(sample, asked, delimiter.bytes(), "set by the option"),
        (None, Some(said)) => given(sample, asked, &[said], "the first line says so"),
        (None, None) => found(sample, asked),
    };
    if asked.skipped.is_some() {
        sniffed.begins = 0;
    }
    sniffed.begins += skipped + begins;
    sniffed
}

impl Sniffed {
    /// True when a record ends, outside quotes, in the text that begins so.
    pub fn ends_a_record(&self, start: &[u8]) -> bool {
        let mut automaton = Automaton::new(self.dialect);
        start[self.begins..].chunks(STEP).any(|part| automaton.slowly(part).ends != 0)
    }
}

/// Where so many lines end.
fn lines_end(text: &[u8], lines: u64) -> usize {
    let mut at = 0;
    for _ in 0..lines {
        let end = line_end(text, at);
        let ends = if text[end..].starts_with(b"\r\n") { 2 } else { 1 };
        at = (end + ends).min(text.len());
    }
    at
}

/// With a delimiter that is known.
fn given(sample: &[u8], asked: &Asked, delimiter: &[u8], by: &str) -> Sniffed {
    let counts = quoted(sample, asked, Counts::of(sample, asked.dialect(delimiter)));
    let (dialect, records) = (counts.dialect, counts.records.len());
    let (columns, alike) = most(&counts);
    match table(sample, counts) {
        Some(found) => made(&found, 1.0, format!("{by}: {}", said(&found))),
        None => {
            let reason = format!("{by}: {}", words(dialect, columns, alike, records));
            Sniffed { dialect, columns, confidence: 1.0, reason, begins: 0 }
        }
    }
}

/// The most usual number of fields, and how many records have it.
fn most(counts: &Counts) -> (usize, usize) {
    let mut fields: Vec<u32> = counts.records.iter().map(|(fields, _)| *fields).collect();
    fields.sort_unstable();
    let usual = fields.chunk_by(|one, other| one == other).max_by_key(|run| (run.len(), std::cmp::Reverse(run[0])));
    usual.map_or((1, 0), |run| (run[0] as usize, run.len()))
}

/// With the delimiter that divides most records alike.
fn found(sample: &[u8], asked: &Asked) -> Sniffed {
    // What is not there divides nothing; of 40,000 small files this took a third of the time.
    let tried = |delimiters: &[u8]| -> Vec<Found> {
        let there = delimiters.iter().filter(|delimiter| memchr::memchr(**delimiter, sample).is_some());
        let counted = there.map(|&delimiter| quoted(sample, asked, Counts::of(sample, asked.dialect(&[delimiter]))));
        counted.filter_map(|counts| table(sample, counts)).collect()
    };
    let mut found = tried(&USUAL);
    // Commas that are decimal marks divide numbers, and into more columns than there are.
    let is_other = |found: &Found| found.counts.dialect.delimiter != b',' && found.alike == found.records;
    if found.len() > 1 && found.iter().any(is_other) && are_decimal_marks(sample) {
        found.retain(is_other);
    }
    // Nothing but delimiters are control characters.
    let is_control =
        |found: &Found| matches!(found.counts.dialect.delimiter, 0x1f | 0x01) && found.share() >= LEAST_SHARE;
    if found.iter().any(is_control) {
        found.retain(is_control);
    }
    if !found.iter().any(|found| found.alike == found.records && found.first == 0 && !found.counts.has_odd_quotes) {
        found.extend(tried(&OTHERS));
    }
    // Of two that are as good the one whose table begins further up.
    found.sort_by(|one, other| other.score().total_cmp(&one.score()).then(one.first.cmp(&other.first)));
    if let Some(wide) = found.first().and_then(|best| wide::delimiter(sample, &best.counts, best.first)) {
        let dialect = found[0].counts.dialect.divided_by(&wide);
        let better = table(sample, Counts::of(sample, dialect));
        // The others divide by parts of it.
        found = better.filter(|wide| wide.share() >= found[0].share()).map_or(found, |wide| vec![wide]);
    }
    let Some(best) = found.first() else {
        let counts = quoted(sample, asked, Counts::of(sample, asked.dialect(b",")));
        let reason = "no delimiter splits most of the records: one column".to_owned();
        let confidence = if counts.records.is_empty() { 0.0 } else { 0.5 };
        // Values of one column are not divided, whatever they hold.
        let dialect = Dialect { delimiter: ONE_COLUMN, ..counts.dialect };
        return Sniffed { dialect, columns: 1, confidence, reason, begins: heading_end(sample) };
    };
    let next = found.get(1);
    let confidence = best.share() * best.score() / (best.score() + next.map_or(0.0, Found::score));
    let reason = match next {
        None => said(best),
        Some(next) => format!("{}; next best, {}", said(best), said(next)),
    };
    made(best, confidence, reason)
}

/// Where the only column of a text begins behind what is set apart from it: lines of comments, or up to three lines
/// before the only empty one.
fn heading_end(sample: &[u8]) -> usize {
    let lines: Vec<&[u8]> = sample.split_inclusive(|byte| *byte == b'\n').take(judge::LOOKED_AT).collect();
    let is_empty = |line: &[u8]| line.trim_ascii().is_empty();
    let comments = lines.iter().take_while(|line| line.starts_with(b"# ")).count();
    let below = &lines[comments..];
    let are_comments =
        comments > 0 && below.iter().any(|line| !is_empty(line)) && !below.iter().any(|line| line.starts_with(b"#"));
    let blank = lines.iter().position(|line| is_empty(line)).unwrap_or_default();
    let is_set_apart =
        (1..=3).contains(&blank) && lines.len() > blank + 2 && !lines[blank + 1..].iter().any(|line| is_empty(line));
    let end = match (are_comments, is_set_apart) {
        (true, _) => comments,
        (false, true) => blank + 1,
        (false, false) => 0,
    };
    lines[..end].iter().map(|line| line.len()).sum()
}

/// True when each comma stands between two digits.
fn are_decimal_marks(sample: &[u8]) -> bool {
    let is_digit = |at: Option<usize>| at.and_then(|at| sample.get(at)).is_some_and(u8::is_ascii_digit);
    memchr::memchr_iter(b',', sample).all(|at| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1)))
}

/// Ends the fields of text that has one column: no text holds it but by accident.
pub(super) const ONE_COLUMN: u8 = 0x1e;

fn made(found: &Found, confidence: f64, reason: String) -> Sniffed {
    // Empty lines before the first record are no preamble.
    let begins = if found.first == 0 { 0 } else { found.counts.records[found.first].1.start };
    Sniffed { dialect: found.counts.dialect, columns: found.columns, confidence, reason, begins }
}

/// The same records with other quotes, or with escapes, where these make sense of what does not without them.
fn quoted(sample: &[u8], asked: &Asked, counts: Counts) -> Counts {
    let dialect = counts.dialect;
    let mut best = escaped(sample, asked, counts);
    if let Some(quote) = best.dialect.quote.filter(|_| asked.skips_blanks.is_none() && dialect.delimiter != b' ')
        && memchr::memmem::find(sample, &[dialect.delimiter, b' ', quote]).is_some()
    {
        let spaced = Dialect { skips_blanks: true, ..best.dialect };
        let counts = Counts::of(sample, spaced);
        if are_spaced(sample, &counts) && trouble(&counts) <= trouble(&best) {
            best = counts;
        }
    }
    // Two fields at least are in single quotes, or one with its own ones doubled.
    let singles = opened(sample, dialect.delimiter, b'\'').take(2).count();
    let is_quoted = singles == 2 || singles == 1 && memchr::memmem::find(sample, b"\'\'").is_some();
    if asked.quote.is_none() && best.dialect.escape.is_none() && is_quoted {
        let single = escaped(sample, asked, Counts::of(sample, Dialect { quote: Some(b'\''), ..dialect }));
        let fits = single.strays == 0 && !single.is_open && uneven(&single) <= uneven(&best);
        if fits && opened(sample, dialect.delimiter, b'"').next().is_none() {
            best = single;
        }
    }
    best
}

/// The same records with escapes.
fn escaped(sample: &[u8], asked: &Asked, counts: Counts) -> Counts {
    let Some(quote) = counts.dialect.quote else { return counts };
    if memchr::memmem::find(sample, &[b'\\', quote]).is_none() {
        return counts;
    }
    let mut best = counts;
    let with = |bare: bool| Dialect { escape: Some(b'\\'), escapes_bare: bare, ..best.dialect };
    let (inside, everywhere) = (with(false), with(true));
    if asked.escape.is_none() {
        let escaped = Counts::of(sample, inside);
        if trouble(&escaped) < trouble(&best) {
            best = escaped;
        }
    }
    // Outside of quotes a backslash is one, unless each that stands in the sample escapes something.
    if matches!(asked.escape, None | Some(Some(b'\\'))) && are_escapes(sample, everywhere) {
        let escaped = Counts::of(sample, everywhere);
        if trouble(&escaped) <= trouble(&best) && has_bare_escapes(sample, &escaped) {
            best = escaped;
        }
    }
    best
}

/// True when a quote is escaped, and nothing but what an escape is there for.
fn are_escapes(sample: &[u8], dialect: Dialect) -> bool {
    let (mut at, mut quotes) = (0, false);
    while let Some(next) = memchr::memchr(b'\\', &sample[at..]) {
        let Some(&escaped) = sample.get(at + next + 1) else { break };
        if Some(escaped) != dialect.quote && escaped != b'\\' && escaped != dialect.delimiter {
            return false;
        }
        quotes |= Some(escaped) == dialect.quote;
        at += next + 2;
    }
    quotes
}

/// True when a quote or a backslash is escaped in a field that has no quotes around it.
fn has_bare_escapes(sample: &[u8], counts: &Counts) -> bool {
    let Some(quote) = counts.dialect.quote else { return false };
    let is_one = |field: &[u8]| {
        let has = |escape: &[u8], from: usize| {
            field.get(from..).is_some_and(|rest| memchr::memmem::find(rest, escape).is_some())
        };
        // Paths of networks begin with two backslashes.
        field.first() != Some(&quote) && (has(&[b'\\', quote], 0) || has(b"\\\\", 1))
    };
    counts.records.iter().any(|(_, place)| {
        let (record, mut begin) = (&sample[place.clone()], 0);
        delimiters(record, counts.dialect).chain([record.len()]).any(|end| {
            let field = &record[begin..end];
            begin = end + 1;
            is_one(field)
        })
    })
}

/// Where the delimiters of a record are.
fn delimiters(record: &[u8], dialect: Dialect) -> impl Iterator<Item = usize> + '_ {
    let mut automaton = Automaton::new(dialect);
    record.chunks(STEP).enumerate().flat_map(move |(step, part)| {
        let marks = automaton.slowly(part).delimiters;
        (0..STEP).filter(move |bit| marks >> bit & 1 == 1).map(move |bit| step * STEP + bit)
    })
}

/// True when a blank stands behind each delimiter of the records, but for those of the first.
fn are_spaced(sample: &[u8], counts: &Counts) -> bool {
    let (mut spaced, mut others) = (0, 0);
    for (_, place) in counts.records.iter().skip(1) {
        let record = &sample[place.clone()];
        for delimiter in delimiters(record, counts.dialect) {
            match record.get(delimiter + 1) {
                Some(b' ') => spaced += 1,
                Some(next) if *next != counts.dialect.delimiter => others += 1,
                _ => {}
            }
        }
    }
    spaced > 0 && others == 0
}

/// How much of a sample a reading cannot be right about.
fn trouble(counts: &Counts) -> u64 {
    counts.strays + u64::from(counts.is_open) + uneven(counts)
}

/// Records that have another number of fields than most.
fn uneven(counts: &Counts) -> u64 {
    (counts.records.len() - most(counts).1) as u64
}

/// Where fields begin with that.
fn opened(sample: &[u8], delimiter: u8, quote: u8) -> impl Iterator<Item = usize> + '_ {
    memchr::memchr_iter(quote, sample).filter(move |&at| {
        let before = at.checked_sub(1).map_or(b'\n', |before| sample[before]);
        matches!(before, b'\n' | b'\r') || before == delimiter
    })
}

/// A first line that spreadsheets write: `sep=;`. The delimiter, and where the next line begins.
pub fn said_delimiter(sample: &[u8]) -> (Option<u8>, usize) {
    let end = memchr::memchr2(b'\n', b'\r', sample).unwrap_or(sample.len());
    let line = sample[..end].trim_ascii_end();
    // A tab as the delimiter is a blank at the end.
    let line = if line.len() == 4 { &sample[..end.min(5)] } else { line };
    let bare = line.strip_prefix(b"\"").map_or(line, |inner| inner.strip_suffix(b"\"").unwrap_or(inner));
    match bare {
        [s, e, p, b'=', delimiter] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => {
            let rest = &sample[end..];
            let ends = rest.iter().take(2).take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            let ends = if rest.starts_with(b"\n") { 1 } else { ends };
            (Some(*delimiter), end + ends)
        }
        _ => (None, 0),
    }
}

fn said(found: &Found) -> String {
    words(found.counts.dialect, found.columns, found.alike, found.records)
}

fn words(dialect: Dialect, columns: usize, alike: usize, records: usize) -> String {
    let shown = match &*dialect.delimiter_name() {
        "tab" => "a tab".to_owned(),
        "space" => "a space".to_owned(),
        other => format!("'{other}'"),
    };
    let fields = if columns == 1 { "1 field".to_owned() } else { format!("{columns} fields") };
    let quotes = match (dialect.quote, dialect.escape) {
        (_, Some(_)) => "; a backslash escapes quotes",
        (Some(b'\''), _) => "; fields are in single quotes",
        _ => "",
    };
    format!("with {shown} {alike} of {records} records have {fields}{quotes}")
}

#[cfg(test)]
mod tests;
