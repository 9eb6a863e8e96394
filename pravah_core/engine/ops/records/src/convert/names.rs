//! What files are called at the destination: `a.csv` becomes `a.parquet`, or `a.csv.parquet` beside `a.tsv`.

use super::Convert;
use super::options::{ConvertOptions, To};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::run::names::{NameClaim, Names};
use pravah_foundation::run::records::{self, Head};

/// What is put before the format of rejected records.
const REJECTS: &str = ".rejects";
/// What is put before the format of a file that was not read to its end.
const PARTIAL: &str = ".partial";
/// Rejected records are of one of these.
const REJECTED_AS: [&str; 2] = [".csv", ".jsonl"];

impl ConvertOptions {
    /// What all names that a file may get have in common, given without the format: two files of one such family could
    /// get one name, once one of them turns out to be cut off or to hold bad records.
    fn family<'a>(&self, mut base: &'a [u8]) -> &'a [u8] {
        loop {
            let shorter = base.strip_suffix(PARTIAL.as_bytes()).or_else(|| {
                // Rejected records of another file may be called as this one.
                if self.to == To::Parquet { None } else { base.strip_suffix(REJECTS.as_bytes()) }
            });
            match shorter {
                Some(shorter) => base = shorter,
                None => return base,
            }
        }
    }

    /// The family of files whose names a directory of this path could have.
    fn family_of_directory<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(base) = path.strip_suffix(self.to.suffix().as_bytes()) {
            return Some(self.family(base));
        }
        let base = REJECTED_AS.iter().find_map(|format| path.strip_suffix(format.as_bytes()));
        base?.strip_suffix(REJECTS.as_bytes()).map(|base| self.family(base))
    }
}

impl Convert {
    /// Look for files that could get one name, before anything is written.
    pub fn decide_names(&self) -> Result<()> {
        let options = self.options.clone();
        let names = Names::decide(&self.context, move |path, meta, claims| match meta.kind {
            EntryKind::Directory => claims.extend(options.family_of_directory(path).map(NameClaim::fixed)),
            EntryKind::File if options.read.wants(path) => {
                claims.push(NameClaim::new(options.family(records::stem(path)), options.family(path)));
            }
            _ => {}
        })?;
        let _ = self.names.set(names);
        Ok(())
    }

    /// True when another file could be called as this one.
    pub fn keeps_full_name(&self, path: &[u8]) -> bool {
        let family = || self.options.family(records::stem(path));
        self.names.get().is_some_and(|names| !names.is_empty() && names.is_shared(family()))
    }

    /// The path of the file that one becomes when it was not read to its end.
    pub fn partial(&self, path: &[u8]) -> Vec<u8> {
        self.target(path, &format!("{PARTIAL}{}", self.options.to.suffix()))
    }

    /// The path of the file that one becomes, or of its rejects.
    pub fn target(&self, path: &[u8], suffix: &str) -> Vec<u8> {
        let base = if self.keeps_full_name(path) { path } else { records::stem(path) };
        let target = [base, suffix.as_bytes()].concat();
        match self.options.destination {
            Some(_) => target,
            None => of_result(&target),
        }
    }

    /// The path of a file's rejected records.
    pub fn rejects(&self, head: &Head) -> Vec<u8> {
        self.target(&head.path, &format!("{REJECTS}.{}", head.format.suffix()))
    }
}

/// The name of a file of the result: text without a control character or a backslash, which no storage takes. Such
/// bytes are written as in a URL; a `%` is, too, where it would be read as one of them.
fn of_result(path: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(path.len());
    let mut rest = path;
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            let (own, after) = rest.split_at(character.len_utf8());
            rest = after;
            let is_read = character == '%' && after.len() > 1 && after[..2].iter().all(u8::is_ascii_hexdigit);
            if is_read || character == '\\' || character.is_control() {
                own.iter().for_each(|byte| name.extend_from_slice(format!("%{byte:02X}").as_bytes()));
            } else {
                name.extend_from_slice(own);
            }
        }
        rest = &rest[chunk.invalid().len()..];
        chunk.invalid().iter().for_each(|byte| name.extend_from_slice(format!("%{byte:02X}").as_bytes()));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_result_are_text_that_storages_take_and_no_two_become_one() {
        let named = |path: &[u8]| String::from_utf8(of_result(path)).expect("it is text");
        for (path, expected) in [
            (&b"a b/\xc3\xa9.csv"[..], "a b/\u{e9}.csv"),
            (b"a\\b\n\xff", "a%5Cb%0A%FF"),
            (b"100%.csv", "100%.csv"),
            (b"a%5Cb", "a%255Cb"),
            (b"%\\", "%%5C"),
        ] {
            assert_eq!(named(path), expected);
        }
    }
}
