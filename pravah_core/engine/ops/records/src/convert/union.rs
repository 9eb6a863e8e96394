//! One schema for files that differ.

use std::collections::BTreeSet;

use super::Met;
use pravah_foundation::tabular::values::Needs;

/// The columns of all files in the order in which they were met by name, with types that hold the values of all.
pub fn union(met: &[Met]) -> Vec<(String, Needs)> {
    let mut all: Vec<(String, Needs)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let mut files: BTreeSet<(&[u8], usize)> = BTreeSet::new();
    files.extend(met.iter().enumerate().map(|(place, (path, _))| (path.as_slice(), place)));
    for (name, kind) in files.into_iter().flat_map(|(_, place)| &met[place].1) {
        let place = *places.entry(name.clone()).or_insert_with(|| {
            all.push((name.clone(), Needs::default()));
            all.len() - 1
        });
        all[place].1 = all[place].1.join(*kind);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use pravah_foundation::tabular::values::ValueType;

    #[test]
    fn types_of_all_files_hold_the_values_of_each() {
        let file = |path: &str, columns: &[(&str, Option<ValueType>)]| {
            (
                path.as_bytes().to_vec(),
                columns.iter().map(|(name, kind)| ((*name).to_owned(), Needs::of_kind(*kind))).collect(),
            )
        };
        let met = [
            file("b", &[("x", Some(ValueType::Float)), ("new", None)]),
            file("a", &[("id", Some(ValueType::Integer)), ("x", Some(ValueType::Integer))]),
        ];
        let all = union(&met);
        let expected = [("id", Some(ValueType::Integer)), ("x", Some(ValueType::Float)), ("new", None)];
        assert_eq!(all, expected.map(|(name, kind)| (name.to_owned(), Needs::of_kind(kind))));
    }
}
