//! Good and bad records of a file, each in a file of their own: `a.good.csv`, or `a.csv.good.csv` beside `a.tsv`, and
//! `a.good.partial.csv` of a file that was not read to its end.

use std::io::Write;
use std::path::Path;

use super::Validate;
use super::chunk::ValidatedChunk;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::io::destination::{Attributes, Writing};
use pravah_foundation::run::names::{NameClaim, Names};
use pravah_foundation::run::records;
use pravah_foundation::run::records::Head;

/// The good and the bad records of a file, as they are written.
#[derive(Debug)]
pub struct SortedOutRecords {
    good: Option<Writing>,
    quarantine: Option<Writing>,
    /// How the names of both end.
    suffix: &'static str,
}

impl SortedOutRecords {
    /// Of a file that begins.
    pub fn new(head: &Head) -> Self {
        Self { good: None, quarantine: None, suffix: head.format.suffix() }
    }
}

const GOOD: &str = "good";
const QUARANTINE: &str = "quarantine";
const PARTIAL: &str = "partial";

impl Validate {
    /// Look for files whose good and bad records would get one name, before anything is written.
    pub fn decide_names(&self) -> Result<()> {
        if self.destination.is_none() {
            return Ok(());
        }
        let read = self.options.read.clone();
        let names = Names::decide(&self.context, move |path, meta, claims| match meta.kind {
            EntryKind::Directory => claims.extend(stem_of(path).map(NameClaim::fixed)),
            EntryKind::File if read.wants(path) => claims.push(NameClaim::new(records::stem(path), path)),
            _ => {}
        })?;
        let _ = self.names.set(names);
        Ok(())
    }

    fn target(&self, path: &[u8], suffix: &str, format: &str) -> Vec<u8> {
        let stem = records::stem(path);
        let is_shared = self.names.get().is_some_and(|names| names.is_shared(stem));
        let base = if is_shared { path } else { stem };
        [base, b".", suffix.as_bytes(), b".", format.as_bytes()].concat()
    }

    /// Write good and bad records to their files.
    pub fn divide(&self, head: &Head, parts: &mut SortedOutRecords, part: &ValidatedChunk) -> Result<()> {
        let Some(destination) = &self.destination else { return Ok(()) };
        let mut begin = 0;
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (end, is_bad) in part.ends.iter().zip(&part.bad) {
            if *is_bad { &mut bad } else { &mut good }.extend_from_slice(&part.text[begin..*end]);
            begin = *end;
        }
        for (writing, bytes, suffix) in [(&mut parts.good, good, GOOD), (&mut parts.quarantine, bad, QUARANTINE)] {
            if bytes.is_empty() && (writing.is_some() || suffix == QUARANTINE) {
                continue;
            }
            if writing.is_none() {
                match destination.create(&self.target(&head.path, suffix, parts.suffix)) {
                    Ok(new) => *writing = Some(new),
                    Err(refused) => return refused.tell(&self.context.control, &head.path),
                }
                if let (Some(writing), true) = (&writing, head.has_header) {
                    write(writing, &[&head.header[..], b"\n"].concat())?;
                }
            }
            if let Some(writing) = writing {
                write(writing, &bytes)?;
            }
        }
        Ok(())
    }

    /// Give both files their names; what is missing at the end of a file nobody sees in them.
    pub fn publish(&self, path: &[u8], parts: Option<SortedOutRecords>, is_whole: bool) -> Result<()> {
        let (Some(destination), Some(parts)) = (&self.destination, parts) else { return Ok(()) };
        let format = if is_whole { parts.suffix.to_owned() } else { format!("{PARTIAL}.{}", parts.suffix) };
        for (writing, suffix) in [(parts.good, GOOD), (parts.quarantine, QUARANTINE)] {
            let Some(writing) = writing else { continue };
            let target = self.target(path, suffix, &format);
            if let Err(refused) = destination.publish(&target, writing.named(&target), Attributes::NONE) {
                refused.tell(&self.context.control, path)?;
            }
        }
        Ok(())
    }
}

fn write(writing: &Writing, bytes: &[u8]) -> Result<()> {
    let written = (&mut &*writing.file).write_all(bytes);
    written.map_err(|error| EngineError::output(Path::new("the file of good or bad records"), error))
}

/// The stem of the file whose good or bad records could be called as a directory of this path.
fn stem_of(path: &[u8]) -> Option<&[u8]> {
    let without = |path: &mut &[u8], name: &str| {
        let shorter = path.strip_suffix(name.as_bytes()).and_then(|path| path.strip_suffix(b"."));
        shorter.map(|shorter| *path = shorter)
    };
    let mut stem = path;
    without(&mut stem, "csv").or_else(|| without(&mut stem, "jsonl"))?;
    let _ = without(&mut stem, PARTIAL);
    without(&mut stem, GOOD).or_else(|| without(&mut stem, QUARANTINE))?;
    Some(stem)
}
