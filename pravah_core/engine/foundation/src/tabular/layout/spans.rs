//! Columns as they are told: `8`, `id=8` or `id=1-8`.

use super::{FixedLayout, LONGEST, Span};

/// Columns of a layout.
const MOST_COLUMNS: usize = 10_000;

impl FixedLayout {
    /// Of columns that are told, each by its width, or by its first and last character, counted from 1; before it may
    /// stand its name and `=`.
    ///
    /// # Errors
    /// In words: which of them tells no column.
    pub fn told(columns: &[String]) -> Result<Self, String> {
        if columns.len() > MOST_COLUMNS {
            return Err(format!("have at most {MOST_COLUMNS} columns"));
        }
        let mut spans: Vec<Span> = Vec::with_capacity(columns.len());
        for told in columns {
            let after = spans.last().map_or(0, |span| span.to);
            let span = span(told, after).ok_or_else(|| {
                format!(
                    "be columns such as 8, id=8 or id=1-8, each behind the one before it and within {LONGEST} characters; this is none: {told}"
                )
            })?;
            spans.push(span);
        }
        let reason = format!("set by the option: {} columns", spans.len());
        Ok(Self {
            columns: spans,
            is_strict: false,
            ruler: None,
            length: None,
            confidence: 1.0,
            reason,
            shown: Vec::new(),
        })
    }

    /// The same columns for a text that begins so.
    pub fn of(&self, start: &[u8]) -> Self {
        self.clone().shown(start)
    }
}

fn span(told: &str, after: usize) -> Option<Span> {
    let (name, place) = told.rsplit_once('=').map_or((None, told), |(name, place)| (Some(name.trim()), place));
    if name.is_some_and(str::is_empty) {
        return None;
    }
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|number| (1..=LONGEST).contains(number));
    let (from, to) = match place.split_once('-') {
        Some((first, last)) => (number(first)? - 1, number(last)?),
        None => (after, after + number(place)?),
    };
    (after <= from && from < to && to <= LONGEST).then(|| Span { name: name.map(str::to_owned), ..Span::of(from, to) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_told_by_widths_or_places() {
        let told = |columns: &[&str]| {
            let columns: Vec<String> = columns.iter().map(|text| (*text).to_owned()).collect();
            FixedLayout::told(&columns)
                .map(|layout| layout.columns.iter().map(|span| (span.from, span.to)).collect::<Vec<_>>())
        };
        assert_eq!(told(&["8", "a=20", "b = 3"]), Ok(vec![(0, 8), (8, 28), (28, 31)]));
        assert_eq!(told(&["a=1-8", "11-12", "x=y=3"]), Ok(vec![(0, 8), (10, 12), (12, 15)]));
        for wrong in [&["0"][..], &["a"], &["a="], &["=3"], &["5-4"], &["1-8", "8-9"], &["99999999"], &["-3"], &[""]] {
            assert!(told(wrong).is_err_and(|message| message.contains(wrong[wrong.len() - 1])), "{wrong:?}");
        }
    }
}
