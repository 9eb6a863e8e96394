//! One column's figures, in memory that does not grow with its values.
//!
//! While it has few distinct values these are counted, and all figures follow from the counts. When there are more,
//! every value is looked at, and one of [`SAMPLED`] still counted: the most frequent ones are an estimate then.

use std::borrow::Cow;

use super::many::Many;
use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::base::hash::hash;
use pravah_foundation::run::records::{Nulls, Records};
use pravah_foundation::tabular::csv::Dialect;
use pravah_foundation::tabular::sketch;
use pravah_foundation::tabular::sketch::Frequent;
use pravah_foundation::tabular::values::{Value, ValueType};

/// When a column has many distinct values, one of so many values is counted.
const SAMPLED: u64 = 16;
/// Distinct values that are kept of a chunk of a column that has many.
const KEPT_OF_MANY: usize = 256;
/// Distinct values that are counted, of all columns of a chunk and of one.
const COUNTED: usize = 256 << 10;
const COUNTED_LEAST: usize = 32;
const COUNTED_MOST: usize = 4096;

/// Distinct values up to which a column's are counted, in a file of so many columns.
pub fn limit(columns: usize) -> usize {
    (COUNTED / columns.max(1)).clamp(COUNTED_LEAST, COUNTED_MOST)
}

/// How columns are counted.
#[derive(Debug, Clone, Copy)]
pub struct CountingRules<'a> {
    /// What is no value.
    pub nulls: &'a Nulls,
    /// See [`limit`].
    pub limit: usize,
    /// See [`base`].
    pub base: u32,
}

/// A part is drawn from by so little that it costs the whole file nothing of its exactness: of *n* numbers, one of *w*
/// drawn, ranks are off by about √(w/n)/2.
const DRAWN_AT_MOST: u32 = 4;
const PART_BYTES: u64 = 16 << 20;

/// Of a file of this size one of two to this power numbers is enough for its quantiles.
pub fn base(size: u64) -> u32 {
    (size / PART_BYTES).checked_ilog2().map_or(0, |power| (power + 1).min(DRAWN_AT_MOST))
}

/// A column.
#[derive(Debug, Clone, Default)]
pub struct ColumnProfile {
    /// The file says that its values are texts, whatever they look like.
    is_text: bool,
    /// Fields without a value.
    pub nulls: u64,
    /// Those of them that short records lack.
    pub missing: u64,
    /// Values that are empty texts: quotes with nothing between.
    pub empties: u64,
    /// Distinct values: all of them while there is no `many`, else some of the frequent ones.
    pub values: Frequent,
    many: Option<Box<Many>>,
    /// Words that are no values where the others are no texts, by their place in the list: how many, and the record of
    /// the first; until the file's end.
    words: Vec<(u64, u64)>,
    /// Words that are no values, which `nulls` has, too.
    null_words: Vec<(Box<[u8]>, u64)>,
}

impl ColumnProfile {
    /// Of values whose type the file itself declares, or not.
    pub fn of(declared: Option<ValueType>) -> Self {
        Self { is_text: declared == Some(ValueType::Text), ..Self::default() }
    }

    /// Take the fields of some records.
    pub fn take(&mut self, records: Records<'_>, column: usize, dialect: &Dialect, rules: CountingRules<'_>) {
        let Records { text, split, first, .. } = records;
        let mut buffer = Vec::new();
        for record in 0..split.len() {
            let (start, end) = split.field(record, column);
            let Some(field) = text.get(start..end) else {
                self.nulls += 1;
                self.missing += 1;
                continue;
            };
            if let Some(word) = rules.nulls.doubtful(field, dialect) {
                self.word(word, 1, u64::from(first) + record as u64);
                continue;
            }
            let Some(value) = rules.nulls.value(field, dialect, true, &mut buffer) else {
                self.nulls += 1;
                continue;
            };
            self.empties += u64::from(value.is_empty());
            self.add(value, u64::from(first) + record as u64, rules);
        }
    }

    #[inline]
    fn add(&mut self, value: &[u8], place: u64, rules: CountingRules<'_>) {
        let hash = hash(value);
        match &mut self.many {
            Some(many) => {
                many.add(value, hash, place);
                if !place.is_multiple_of(SAMPLED) {
                    return;
                }
                self.values.add(hash, value, SAMPLED, place);
            }
            None => self.values.add(hash, value, 1, place),
        }
        if self.values.is_full(rules.limit) {
            self.look_at_each(rules.base);
            self.values.cut();
        }
    }

    #[cold]
    fn word(&mut self, word: usize, count: u64, place: u64) {
        if self.words.len() <= word {
            self.words.resize(word + 1, (0, u64::MAX));
        }
        let met = &mut self.words[word];
        *met = (met.0 + count, met.1.min(place));
    }

    /// A file's end: words are no values where nearly all others are of one type that is not text.
    pub fn settle(&mut self, nulls: &Nulls, limit: usize) {
        let words = std::mem::take(&mut self.words);
        if words.is_empty() {
            return;
        }
        let are_values = self.figures().kind().is_none_or(|kind| kind == ValueType::Text);
        for (place, (count, first)) in words.into_iter().enumerate().filter(|(_, (count, _))| *count > 0) {
            let word = nulls.word(place);
            if !are_values {
                self.nulls += count;
                self.null_words.push((word.into(), count));
                self.null_words.sort_unstable();
                continue;
            }
            let hash = hash(word);
            if let Some(many) = &mut self.many {
                many.add_times((word, word.len()), hash, count, first);
            }
            self.values.add(hash, word, count, first);
        }
        if self.values.is_full(limit) {
            self.look_at_each(0);
            self.values.cut();
        }
    }

    /// Which words were no values, and how often, in words.
    pub fn null_words(&self) -> Option<String> {
        let shown = |(word, count): &(Box<[u8]>, u64)| format!("{}: {count}", String::from_utf8_lossy(word));
        (!self.null_words.is_empty()).then(|| self.null_words.iter().map(shown).collect::<Vec<_>>().join(", "))
    }

    /// From now on look at each value.
    fn look_at_each(&mut self, base: u32) -> &mut Many {
        let Self { values, many, is_text, .. } = self;
        many.get_or_insert_with(|| Box::new(folded(values, values.entries().iter(), base, *is_text)))
    }

    /// A chunk's end: what is added to others is made small.
    pub fn close(&mut self) {
        if let Some(many) = &mut self.many {
            many.close();
            while self.values.entries().len() > KEPT_OF_MANY {
                self.values.cut();
            }
        }
    }

    /// Add what comes `place` records later; its figures where they are known already.
    pub fn merge(&mut self, other: &Self, known: Option<&Many>, place: u64, limit: usize) {
        self.is_text |= other.is_text;
        self.nulls += other.nulls;
        self.missing += other.missing;
        self.empties += other.empties;
        for (word, &(count, first)) in other.words.iter().enumerate().filter(|(_, (count, _))| *count > 0) {
            self.word(word, count, first.saturating_add(place));
        }
        for (word, count) in &other.null_words {
            match self.null_words.binary_search_by(|(own, _)| own.cmp(word)) {
                Ok(at) => self.null_words[at].1 += count,
                Err(at) => self.null_words.insert(at, (word.clone(), *count)),
            }
        }
        if other.many.is_some() || self.many.is_some() {
            let figures = known.map_or_else(|| other.figures(), Cow::Borrowed);
            self.look_at_each(0).merge(&figures, place);
        }
        self.values.merge(&other.values, |first| first + place);
        if self.values.is_full(limit) {
            self.look_at_each(0);
            while self.values.is_full(limit) {
                self.values.cut();
            }
        }
    }

    /// Distinct values, and true when that is no estimate; of all values, or of those that conform to the type.
    pub fn distinct(&self, figures: &Many, is_conforming: bool) -> (u64, bool) {
        let entries = self.values.entries();
        match self.many {
            Some(_) => (figures.distinct(is_conforming), false),
            None if !is_conforming || figures.conforming().1 == 0 => (entries.len() as u64, true),
            None => {
                let conforms = |entry: &&sketch::FrequentValue| {
                    let value = self.values.value(entry);
                    value.len() == Frequent::length(entry) && figures.conforms(Value::of(value))
                };
                (entries.iter().filter(conforms).count() as u64, true)
            }
        }
    }

    /// At least so many bytes are written of it.
    pub fn least_bytes(&self) -> usize {
        self.values.least_bytes() + self.many.as_ref().map_or(0, |many| many.least_bytes())
    }

    /// Write it; none where it cannot be, since it is not at its end.
    pub fn write(&self, out: &mut Writer) -> Option<()> {
        out.integer(u64::from(self.is_text) | u64::from(self.many.is_some()) << 1);
        [self.nulls, self.missing, self.empties].into_iter().for_each(|count| out.integer(count));
        out.integer(self.null_words.len() as u64);
        for (word, count) in &self.null_words {
            out.bytes(word);
            out.integer(*count);
        }
        self.values.write(out);
        self.many.as_ref().map_or(Some(()), |many| many.write(out))
    }

    /// What [`ColumnProfile::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        let flags = from.integer()?;
        let (nulls, missing, empties) = (from.integer()?, from.integer()?, from.integer()?);
        let words = (0..from.count()?).map(|_| Some((from.bytes()?.into(), from.integer()?)));
        let null_words = words.collect::<Option<_>>()?;
        let (is_text, values) = (flags & 1 == 1, Frequent::read(from)?);
        let many = if flags & 2 == 2 { Some(Box::new(Many::read(from)?)) } else { None };
        Some(Self { is_text, nulls, missing, empties, values, many, words: Vec::new(), null_words })
    }

    /// All figures, whatever the order in which values were counted.
    pub fn figures_in_order(&self) -> Many {
        match &self.many {
            Some(many) => Many::clone(many),
            None => {
                let mut entries: Vec<&sketch::FrequentValue> = self.values.entries().iter().collect();
                entries.sort_unstable_by_key(|entry| (self.values.value(entry), entry.hash));
                folded(&self.values, entries.into_iter(), 0, self.is_text)
            }
        }
    }

    /// All figures.
    #[inline]
    pub fn figures(&self) -> Cow<'_, Many> {
        match &self.many {
            Some(many) => Cow::Borrowed(many),
            None => Cow::Owned(folded(&self.values, self.values.entries().iter(), 0, self.is_text)),
        }
    }
}

#[inline]
fn folded<'a>(
    values: &Frequent,
    entries: impl Iterator<Item = &'a sketch::FrequentValue>,
    base: u32,
    is_text: bool,
) -> Many {
    let mut many = Many::drawing(base, is_text);
    for entry in entries {
        many.add_times((values.value(entry), Frequent::length(entry)), entry.hash, entry.count, entry.first);
    }
    many
}
