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
        if self.words == other.words && self.kinds == other.kinds {
            return true;
        }
        match (&self.kinds, &other.kinds) {
            (None, None) => self.has_names_of(other),
            (Some(one), Some(other)) => {
                let of_one = one.iter().zip(other).filter(|(one, other)| family(**one) & family(**other) > 0).count();
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
        // Of two of one length neither is the small one.
        let is_renamed =
            || small.is_renamed_in(large, &common) || small.len() == large.len() && large.is_renamed_in(small, &common);
        common.len() >= least_common(large.len()) && (common.len() * 10 >= large.len() * NEARLY_ALL || is_renamed())
    }

    /// True if each column that is not of both has another at its place: behind or in front of the same one of both.
    fn is_renamed_in(&self, large: &Self, common: &HashSet<&str>) -> bool {
        let places = |of: &Self| -> Vec<([Option<String>; 2], u8)> {
            let word = |place: Option<usize>| place.and_then(|place| of.words.get(place)).cloned();
            let others = of.words.iter().enumerate().filter(|(_, word)| !common.contains(word.as_str()));
            others.map(|(place, _)| ([word(place.checked_sub(1)), word(Some(place + 1))], of.families[place])).collect()
        };
        let is_of_both = |word: &Option<String>| word.as_ref().is_none_or(|word| common.contains(word.as_str()));
        let there = places(large);
        places(self).iter().all(|([before, after], family)| {
            there.iter().any(|([other_before, other_after], other_family)| {
                let is_there =
                    before == other_before && is_of_both(before) || after == other_after && is_of_both(after);
                // A column without values may have any type.
                is_there && (*family == 0 || *other_family == 0 || family & other_family > 0)
            })
        })
    }
}

/// The family of a type, as a bit; none of a column without values.
pub fn family(kind: Option<ValueType>) -> u8 {
    match kind {
        None => 0,
        Some(ValueType::Integer | ValueType::Float) => 1,
        Some(ValueType::Date | ValueType::Timestamp) => 2,
        Some(ValueType::Boolean) => 4,
        Some(ValueType::Time) => 8,
        Some(ValueType::Text) => 16,
    }
}
