//! Names of columns, as files give them.

use std::collections::HashSet;

/// Names for columns: none is empty, none is there twice.
pub fn unique(fields: &[Vec<u8>]) -> Vec<String> {
    let mut taken = HashSet::new();
    let name = |(place, field): (usize, &Vec<u8>)| {
        let text = String::from_utf8_lossy(field).into_owned();
        let base = if text.is_empty() { format!("column_{}", place + 1) } else { text };
        let mut name = base.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        name
    };
    fields.iter().enumerate().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_unique() {
        let fields = ["a", "a", "", "a_2", "a", " a"].map(|name| name.as_bytes().to_vec());
        assert_eq!(unique(&fields), ["a", "a_2", "column_3", "a_2_2", "a_3", " a"]);
    }
}
