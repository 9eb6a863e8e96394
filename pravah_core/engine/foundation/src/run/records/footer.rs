//! Lines after a table, which are no records of it.

use super::Head;
use super::first::{around, shown};
use crate::tabular::csv::find_footer;

/// What follows the last record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footer {
    /// Where it begins.
    pub at: usize,
    /// Its lines.
    pub lines: u64,
    /// What is to be told of it.
    pub note: Option<String>,
}

impl Footer {
    /// Of the last chunk of a file, behind its header: so many lines as are wanted, else what is found there. `is_all`:
    /// all records are in it.
    pub fn of(text: &[u8], head: &Head, wanted: Option<u64>, is_all: bool) -> Option<Self> {
        match wanted {
            _ if !head.format.is_laid_out() => None,
            Some(0) => None,
            Some(wanted) => Some(Self::last_lines(text, wanted)),
            None => Self::found(text, head, is_all),
        }
    }

    fn found(text: &[u8], head: &Head, is_all: bool) -> Option<Self> {
        let found = find_footer(text, head.dialect(), head.names.len(), is_all);
        if let Some((from, to)) = found.doubt {
            let shown = shown(&text[from..to]);
            let note = format!(
                "the last record may be a total, and was read as a record: {shown}. If it is none, set the footer option to 1"
            );
            return Some(Self { at: text.len(), lines: 0, note: Some(note) });
        }
        let at = found.at?;
        let (lines, note) = around(&text[at..], "after");
        Some(Self { at, lines, note })
    }

    /// The last lines that are not empty.
    fn last_lines(text: &[u8], wanted: u64) -> Self {
        let (mut at, mut lines) = (text.len(), 0);
        while lines < wanted && at > 0 {
            let end = text[..at].iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
            lines += u64::from(end > 0);
            at = memchr::memrchr2(b'\n', b'\r', &text[..end]).map_or(0, |before| before + 1);
        }
        let (_, mut note) = around(&text[at..], "after");
        if lines < wanted {
            let fewer = format!("the footer option asks for {wanted} lines, and there are {lines}");
            note = Some(note.map_or(fewer.clone(), |note| format!("{note}; {fewer}")));
        }
        Self { at, lines, note }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_counted_without_empty_ones() {
        let of = |text: &str, wanted| {
            let found = Footer::last_lines(text.as_bytes(), wanted);
            (text[found.at..].to_owned(), found.lines)
        };
        assert_eq!(of("a\nb\n\nc\n\n", 1), ("c\n\n".to_owned(), 1));
        assert_eq!(of("a\r\nb\r\nc", 2), ("b\r\nc".to_owned(), 2));
        assert_eq!(of("a\n", 3), ("a\n".to_owned(), 1));
        assert_eq!(of("", 3), (String::new(), 0));
    }
}
