//! Delimiters of several characters: what stands around one of their bytes.

use super::super::Lead;
use super::count::Counts;

/// What stands in the first record at every place where the delimiter does, where that is more than it.
pub(super) fn delimiter(sample: &[u8], counts: &Counts, first: usize) -> Option<Vec<u8>> {
    let byte = counts.dialect.delimiter;
    let line = &sample[counts.records[first].1.clone()];
    let (mut common, mut at): (Option<Vec<u8>>, usize) = (None, 0);
    while let Some(found) = memchr::memchr(byte, &line[at..]) {
        let (from, to) = around(line, at + found);
        let here = &line[from..to];
        at = to;
        common = Some(match common {
            None => here.to_vec(),
            Some(known) => shorter(known, here)?,
        });
    }
    common.filter(|found| (2..=Lead::LONGEST).contains(&found.len()) && !is_usual(found))
}

/// Of the same delimiter once and several times, with nothing between: once.
fn shorter(known: Vec<u8>, here: &[u8]) -> Option<Vec<u8>> {
    let (short, long) = if known.len() <= here.len() { (&known[..], here) } else { (here, &known[..]) };
    long.chunks(short.len()).all(|part| part == short).then(|| short.to_vec())
}

/// True for what empty columns are in many a file.
fn is_usual(found: &[u8]) -> bool {
    matches!(found[0], b',' | b';' | b'\t' | b' ') && found.iter().all(|byte| *byte == found[0])
}

/// The marks around a place that delimiters are made of.
fn around(line: &[u8], at: usize) -> (usize, usize) {
    let is_mark = |byte: u8| b"|~^:;,#@!".contains(&byte);
    let from = line[..at].iter().rposition(|byte| !is_mark(*byte)).map_or(0, |before| before + 1);
    let to = line[at..].iter().position(|byte| !is_mark(*byte)).map_or(line.len(), |after| at + after);
    (from, to.max(at + 1))
}
