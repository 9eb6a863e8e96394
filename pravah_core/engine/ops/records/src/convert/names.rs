//! What files are called at the destination: `a.csv` becomes `a.parquet`, or `a.csv.parquet` beside `a.tsv`.

use super::Convert;
use super::options::{ConvertOptions, To};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::run::names::{NameClaim, Names};
use pravah_foundation::run::records::{self, Head};

/// What is put before the format of rejected records.
const REJECTS: &[u8] = b".rejects";

impl ConvertOptions {
    /// The names that a file would get, as they are compared.
    fn short_names(&self, path: &[u8]) -> [Vec<u8>; 2] {
        let stem = records::stem(path);
        let rejects = match stem.strip_suffix(REJECTS) {
            // Rejected records of another file may be called as this one.
            Some(other) if self.to != To::Parquet => other,
            _ => stem,
        };
        [[stem, self.to.suffix().as_bytes()].concat(), [rejects, b"\0rejects"].concat()]
    }
}

impl Convert {
    /// Look for files that would get one name, before anything is written.
    pub fn decide_names(&self) -> Result<()> {
        let options = self.options.clone();
        let names = Names::decide(&self.context, move |path, meta, claims| match meta.kind {
            EntryKind::Directory => claims.push(NameClaim::fixed(path)),
            EntryKind::File if options.read.wants(path) => {
                let full = [path, options.to.suffix().as_bytes()].concat();
                claims.extend(options.short_names(path).map(|short| NameClaim::new(&short, &full)));
            }
            _ => {}
        })?;
        let _ = self.names.set(names);
        Ok(())
    }

    /// True when another file would be called as this one.
    pub fn keeps_full_name(&self, path: &[u8]) -> bool {
        let shared = |names: &Names| self.options.short_names(path).iter().any(|short| names.is_shared(short));
        self.names.get().is_some_and(|names| !names.is_empty() && shared(names))
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
        self.target(&head.path, &format!(".rejects.{}", head.format.suffix()))
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
