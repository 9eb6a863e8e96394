//! Datasets: files that hold one table, found by their columns.
//!
//! Two files are alike if at least two of three columns have one name, whatever their order and the names' case and
//! punctuation, and what is left is a column more, or a column of one type renamed at its place. Files without names are alike if
//! they have as many columns, of one type in two of three. A dataset is whatever is connected by such pairs: a table
//! whose columns changed over the years is one dataset, and neither the order of files nor who looks at them first
//! matters. One equal name, such as `id`, connects nothing.

mod alike;
mod names;

use std::collections::HashMap;

use crate::base::hash::hash;
use crate::tabular::values::ValueType;

pub use self::names::{DatasetNames, FileNames};

/// The columns of files, as far as they tell datasets apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnLayout {
    /// Names as they are compared, in the order of the columns; numbers only where there are none.
    words: Vec<String>,
    /// Types of columns without names.
    kinds: Option<Vec<Option<ValueType>>>,
    /// By column: families of types that its values had in some file, as bits.
    families: Vec<u8>,
}

impl ColumnLayout {
    /// That of a file with these columns.
    pub fn of<'a>(columns: impl Iterator<Item = (&'a str, Option<ValueType>)> + Clone) -> Self {
        let is_nameless = columns
            .clone()
            .zip(1..)
            .all(|((name, _), place)| name.strip_prefix("column_").is_some_and(|number| number.parse() == Ok(place)));
        let mut met: HashMap<String, usize> = HashMap::new();
        let words = columns.clone().map(|(name, _)| {
            let word = compared(name);
            let count = met.entry(word.clone()).or_default();
            *count += 1;
            if *count > 1 { format!("{word}\0{count}") } else { word }
        });
        let words = words.collect();
        let kinds = columns.map(|(_, kind)| kind);
        let families = kinds.clone().map(alike::family).collect();
        Self { words, kinds: is_nameless.then(|| kinds.collect()), families }
    }

    /// Add what files with the same identifier have.
    pub fn merge(&mut self, other: &Self) {
        self.families.iter_mut().zip(&other.families).for_each(|(own, other)| *own |= other);
    }

    /// An identifier of the names, and of the types of columns without names.
    pub fn id(&self) -> u64 {
        let mut text = Vec::new();
        for word in &self.words {
            text.extend_from_slice(word.as_bytes());
            text.push(1);
        }
        for kind in self.kinds.iter().flatten() {
            text.extend_from_slice(&[2, kind.map_or(u8::MAX, |kind| kind as u8)]);
        }
        hash(&text)
    }

    /// How many columns.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// True without columns.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

/// A name as it is compared: letters and digits, in lower case.
fn compared(name: &str) -> String {
    let word: String = name.chars().filter(|one| one.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if word.is_empty() { name.to_owned() } else { word }
}

/// Of each layout the dataset it is of, as the place of one layout of it: the same for all of one dataset.
pub fn group(layouts: &[&ColumnLayout]) -> Vec<usize> {
    let mut sets = Sets((0..layouts.len()).collect());
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for layout in layouts.iter().filter(|layout| layout.kinds.is_none()) {
        layout.words.iter().for_each(|word| *counts.entry(word).or_default() += 1);
    }
    // Two that are alike have one of their rarest names in common (Chaudhuri, Ganti, Kaushik 2006).
    let mut by_word: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut by_length: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, layout) in layouts.iter().enumerate() {
        if layout.kinds.is_some() {
            let others = by_length.entry(layout.len()).or_default();
            sets.join_alike(layouts, place, others);
            others.push(place);
            continue;
        }
        let mut words: Vec<&str> = layout.words.iter().map(String::as_str).collect();
        words.sort_unstable_by_key(|word| (counts[word], *word));
        words.truncate(words.len() - alike::least_common(words.len()) + 1);
        for word in words {
            let others = by_word.entry(word).or_default();
            sets.join_alike(layouts, place, others);
            others.push(place);
        }
    }
    (0..layouts.len()).map(|place| sets.find(place)).collect()
}

/// Sets of places, each with one of them that stands for it.
struct Sets(Vec<usize>);

impl Sets {
    fn find(&mut self, mut place: usize) -> usize {
        while self.0[place] != place {
            self.0[place] = self.0[self.0[place]];
            place = self.0[place];
        }
        place
    }

    fn join_alike(&mut self, layouts: &[&ColumnLayout], place: usize, others: &[usize]) {
        for &other in others {
            let (one, two) = (self.find(place), self.find(other));
            if one != two && layouts[place].is_alike(layouts[other]) {
                self.0[one.max(two)] = one.min(two);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(names: &str) -> ColumnLayout {
        let kind = |letter: char| match letter {
            'i' => Some(ValueType::Integer),
            'f' => Some(ValueType::Float),
            't' => Some(ValueType::Text),
            _ => None,
        };
        match names.strip_prefix('#') {
            Some(kinds) => {
                let names: Vec<String> = (1..=kinds.len()).map(|place| format!("column_{place}")).collect();
                ColumnLayout::of(names.iter().map(String::as_str).zip(kinds.chars().map(kind)))
            }
            None => ColumnLayout::of(names.split_whitespace().map(|name| match name.split_once(':') {
                Some((name, letter)) => (name, letter.chars().next().and_then(kind)),
                None => (name, None),
            })),
        }
    }

    #[test]
    fn files_of_one_table_are_alike_and_those_of_others_are_not() {
        for (one, other, expected) in [
            ("id name amount", "id name amount", true),
            ("id name amount", "amount id name", true),
            ("id order_date amount", "ID Order-Date Amount", true),
            ("id name amount", "id name", true),
            ("id name amount", "id name amount note", true),
            ("id name amount day", "id title amount day", true),
            // A column more, and another renamed.
            ("id name amount day city", "id title amount day city note", true),
            ("id", "id", true),
            ("id", "id name", false),
            ("id name", "id amount", false),
            ("id customer amount created updated", "id amount currency created updated", false),
            ("id customer amount created updated", "id name created updated", false),
            ("a b c", "d e f", false),
            // A column of another type is not renamed.
            ("id:i amount:f day:t", "id:t name:t day:t", false),
            ("id:i amount:f day:t", "id:t total:i day:t", true),
            ("id:i amount:f day:t", "id:t total day:t", true),
            ("a b c", "#iii", false),
            ("#iit", "#iit", true),
            ("#iit", "#fit", true),
            ("#iit", "#fii", true),
            ("#iit", "#iiti", false),
            ("#iit", "#tti", false),
            ("#iit", "#---", false),
            ("#---", "#---", true),
        ] {
            let (one, other) = (layout(one), layout(other));
            assert_eq!((one.is_alike(&other), other.is_alike(&one)), (expected, expected), "{one:?} {other:?}");
            let found = group(&[&one, &other]);
            assert_eq!(found[0] == found[1], expected, "{one:?} {other:?}");
        }
        assert_eq!(layout("ID Name").id(), layout("id name").id());
        assert_ne!(layout("id name").id(), layout("name id").id());
        assert_ne!(layout("#ii").id(), layout("#it").id());
    }

    #[test]
    fn what_is_connected_is_one_dataset_in_any_order_and_all_pairs_are_found() {
        let mut state = 20_261_128u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for _ in 0..60 {
            let layouts: Vec<ColumnLayout> = (0..40)
                .map(|_| {
                    let names: Vec<String> = (0..1 + next(7)).map(|_| format!("n{}", next(12))).collect();
                    layout(&names.join(" "))
                })
                .collect();
            // By every pair.
            let mut sets = Sets((0..layouts.len()).collect());
            let all: Vec<&ColumnLayout> = layouts.iter().collect();
            for place in 0..all.len() {
                let others: Vec<usize> = (0..place).collect();
                sets.join_alike(&all, place, &others);
            }
            let expected: Vec<usize> = (0..all.len()).map(|place| sets.find(place)).collect();
            assert_eq!(group(&all), expected);
            let mut drawn: Vec<(usize, usize)> = (0..all.len()).map(|place| (next(1000), place)).collect();
            drawn.sort_unstable();
            let order: Vec<usize> = drawn.into_iter().map(|(_, place)| place).collect();
            let turned = group(&order.iter().map(|place| all[*place]).collect::<Vec<_>>());
            for (one, &at) in order.iter().enumerate() {
                for (other, &there) in order.iter().enumerate() {
                    assert_eq!(turned[one] == turned[other], expected[at] == expected[there]);
                }
            }
        }
    }
}
