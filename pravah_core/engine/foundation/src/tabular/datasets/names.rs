//! Names of datasets: what the names of their files, or their folders, have in common.

use std::collections::{HashMap, HashSet};

/// Words that say nothing about what a file holds.
const GENERIC: [&str; 16] = [
    "part", "data", "file", "export", "chunk", "sheet", "table", "page", "dump", "output", "result", "rows", "records",
    "csv", "json", "tabelle",
];
/// Columns that name a dataset whose files have nothing in common.
const COLUMNS: usize = 3;
/// Characters of a name.
const LONGEST: usize = 60;

/// What the names of some files have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNames {
    /// Words at the beginning of the files' names.
    words: Vec<String>,
    /// Folders that all files are in.
    folders: Vec<String>,
    /// How many files.
    pub files: u64,
    /// The first of them by name.
    pub first: Vec<u8>,
}

impl FileNames {
    /// Those of one file.
    pub fn of(path: &[u8]) -> Self {
        let text = String::from_utf8_lossy(path);
        // A sheet has a name of its own.
        let (file, sheet) = match text.rfind('#').filter(|at| is_book(&text[..*at])) {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (&*text, ""),
        };
        let mut folders: Vec<&str> = file.split('/').collect();
        let name = folders.pop().unwrap_or_default();
        let stem = name.char_indices().skip(1).find(|(_, one)| *one == '.').map_or(name, |(end, _)| &name[..end]);
        let of_sheet = words(sheet);
        let words = if is_telling(&of_sheet) { of_sheet } else { words(stem) };
        Self { words, folders: folders.into_iter().map(str::to_owned).collect(), files: 1, first: path.to_vec() }
    }

    /// Add others.
    pub fn merge(&mut self, other: &Self) {
        keep_common(&mut self.words, &other.words);
        keep_common(&mut self.folders, &other.folders);
        self.files += other.files;
        if other.first < self.first {
            self.first.clone_from(&other.first);
        }
    }

    fn name(&self, columns: &[&str]) -> String {
        let mut folders = self.folders.iter().rev().map(|folder| words(folder));
        let folder = folders.find(|words| is_telling(words)).unwrap_or_default();
        let found = [&self.words, &folder].into_iter().find(|words| is_telling(words));
        let any = || [&folder, &self.words].into_iter().find(|words| !words.is_empty());
        let name = found.or_else(any).map_or_else(|| shown(columns), |words| words.join("_"));
        name.chars().take(LONGEST).collect()
    }
}

fn is_book(path: &str) -> bool {
    [".xlsx", ".xlsm", ".ods"].iter().any(|end| path.to_ascii_lowercase().ends_with(end))
}

/// Letters of a name that stand together; numbers and dates differ between the files of one table.
fn words(text: &str) -> Vec<String> {
    let each = text.split(|one: char| !one.is_alphabetic()).filter(|word| !word.is_empty());
    each.map(str::to_lowercase).collect()
}

fn is_telling(words: &[String]) -> bool {
    words.iter().any(|word| !GENERIC.contains(&word.as_str()))
}

fn keep_common(own: &mut Vec<String>, other: &[String]) {
    let common = own.iter().zip(other).take_while(|(own, other)| own == other).count();
    own.truncate(common);
}

fn shown(columns: &[&str]) -> String {
    columns.iter().take(COLUMNS).copied().collect::<Vec<_>>().join(", ")
}

/// Names that were given.
#[derive(Debug, Default)]
pub struct DatasetNames {
    given: HashSet<String>,
    /// By the name without its number: the last number.
    numbers: HashMap<String, u64>,
}

impl DatasetNames {
    /// Name the next dataset, of these files with these columns; one of the same name gets its columns added.
    pub fn next(&mut self, files: &FileNames, columns: &[&str]) -> String {
        let plain = match files.name(columns) {
            name if name.is_empty() => "no columns".to_owned(),
            name => name,
        };
        if self.given.insert(plain.clone()) {
            return plain;
        }
        let with_columns = format!("{plain} ({})", shown(columns)).chars().take(2 * LONGEST).collect::<String>();
        let mut name = with_columns.clone();
        while !self.given.insert(name.clone()) {
            let number = self.numbers.entry(with_columns.clone()).or_insert(1);
            *number += 1;
            name = format!("{with_columns} {number}");
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dataset_has_the_name_of_its_files_or_of_their_folder_or_of_its_columns() {
        for (paths, expected) in [
            (&["orders_2024-01.csv", "in/orders_2024-02.csv.gz"][..], "orders"),
            (&["orders-berlin.csv", "orders-paris.csv"], "orders"),
            (&["orders/part-00000.parquet", "orders/part-00001.parquet"], "orders"),
            (&["orders/2024/01.csv", "orders/2025/01.csv"], "orders"),
            (&["a/customers/x.csv", "a/customers/y.csv"], "customers"),
            (&["part-1.csv", "part-2.csv"], "part"),
            (&["2024.csv", "2025.csv"], "id, name, amount"),
            (&["x.csv", "y.csv"], "id, name, amount"),
            (&["book.xlsx#Orders", "other.xlsx#Orders 2"], "orders"),
            (&["book.xlsx#Sheet1"], "book"),
        ] {
            let each: Vec<FileNames> = paths.iter().map(|path| FileNames::of(path.as_bytes())).collect();
            for turned in [false, true] {
                let mut order: Vec<&FileNames> = each.iter().collect();
                if turned {
                    order.reverse();
                }
                let mut all = order[0].clone();
                order[1..].iter().for_each(|other| all.merge(other));
                let name = DatasetNames::default().next(&all, &["id", "name", "amount", "day"]);
                assert_eq!(name, expected, "{paths:?}");
                let first = paths.iter().min().map(|path| path.as_bytes().to_vec());
                assert_eq!((all.files, Some(&all.first)), (paths.len() as u64, first.as_ref()));
            }
        }
    }

    #[test]
    fn no_two_datasets_have_one_name() {
        let mut names = DatasetNames::default();
        let files = FileNames::of(b"orders.csv");
        let given = [&["id", "amount"][..], &["id", "day"], &["id", "day"], &["id", "day"], &[]];
        let found: Vec<String> = given.iter().map(|columns| names.next(&files, columns)).collect();
        assert_eq!(found, ["orders", "orders (id, day)", "orders (id, day) 2", "orders (id, day) 3", "orders ()"]);
        assert_eq!(names.next(&FileNames::of(b"1.csv"), &[]), "no columns");
    }
}
