//! Whether two layouts are of one table.

use std::collections::HashSet;

use super::ColumnLayout;
use crate::tabular::values::ValueType;

/// Columns of one name that two layouts need, if the larger one has so many: two of three.
pub fn least_common(columns: usize) -> usize {
    (2 * columns).div_ceil(3)
}

/// From this share on, in tenths, of columns with one name others may be gone and new.
const NEARLY_ALL: usize = 9;

impl ColumnLayout {
    /// True for two of one table.
    pub fn is_alike(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        match (&self.kinds, &other.kinds) {
            (None, None) => self.has_names_of(other),
            (Some(one), Some(other)) => {
                let of_one = one.iter().zip(other).filter(|(one, other)| is_like(**one, **other)).count();
                one.len() == other.len() && of_one > 0 && of_one >= least_common(one.len())
            }
            _ => false,
        }
    }

    /// How many columns have a name that the other has, too.
    pub fn common(&self, other: &Self) -> usize {
        let of_other: HashSet<&str> = other.words.iter().map(String::as_str).collect();
        self.words.iter().filter(|word| of_other.contains(word.as_str())).count()
    }

    fn has_names_of(&self, other: &Self) -> bool {
        let (small, large) = if self.len() <= other.len() { (self, other) } else { (other, self) };
        let of_large: HashSet<&str> = large.words.iter().map(String::as_str).collect();
        let common: HashSet<&str> =
            small.words.iter().map(String::as_str).filter(|word| of_large.contains(word)).collect();
        common.len() >= least_common(large.len())
            && (common.len() * 10 >= large.len() * NEARLY_ALL || small.is_renamed_in(large, &common))
    }

    /// True if each column that is not of both has another at its place: behind or in front of the same one of both.
    fn is_renamed_in(&self, large: &Self, common: &HashSet<&str>) -> bool {
        let places = |of: &Self| -> Vec<[Option<String>; 2]> {
            let word = |place: Option<usize>| place.and_then(|place| of.words.get(place)).cloned();
            let others = of.words.iter().enumerate().filter(|(_, word)| !common.contains(word.as_str()));
            others.map(|(place, _)| [word(place.checked_sub(1)), word(Some(place + 1))]).collect()
        };
        let is_of_both = |word: &Option<String>| word.as_ref().is_none_or(|word| common.contains(word.as_str()));
        let there = places(large);
        places(self).iter().all(|[before, after]| {
            there.iter().any(|[other_before, other_after]| {
                before == other_before && is_of_both(before) || after == other_after && is_of_both(after)
            })
        })
    }
}

/// True for two types of one kind; a column without values is like no other.
fn is_like(one: Option<ValueType>, other: Option<ValueType>) -> bool {
    use ValueType::{Boolean, Date, Float, Integer, Text, Time, Timestamp};
    matches!(
        (one, other),
        (Some(Integer | Float), Some(Integer | Float))
            | (Some(Date | Timestamp), Some(Date | Timestamp))
            | (Some(Boolean), Some(Boolean))
            | (Some(Time), Some(Time))
            | (Some(Text), Some(Text))
    )
}
