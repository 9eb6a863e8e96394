//! Good and bad records of a file, each in a file of their own.

use std::io::Write;
use std::path::Path;

use super::Validate;
use super::chunk::ValidatedChunk;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::io::destination::{Attributes, Writing};
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

impl Validate {
    /// Write good and bad records to their files.
    pub fn divide(&self, head: &Head, parts: &mut SortedOutRecords, part: &ValidatedChunk) -> Result<()> {
        let Some(destination) = &self.destination else { return Ok(()) };
        let mut begin = 0;
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (end, is_bad) in part.ends.iter().zip(&part.bad) {
            if *is_bad { &mut bad } else { &mut good }.extend_from_slice(&part.text[begin..*end]);
            begin = *end;
        }
        for (writing, bytes, suffix) in [(&mut parts.good, good, "good"), (&mut parts.quarantine, bad, "quarantine")] {
            if bytes.is_empty() && (writing.is_some() || suffix == "quarantine") {
                continue;
            }
            if writing.is_none() {
                match destination.create(&target(&head.path, suffix, parts.suffix)) {
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

    /// Give both files their names.
    pub fn publish(&self, path: &[u8], parts: Option<SortedOutRecords>) -> Result<()> {
        let (Some(destination), Some(parts)) = (&self.destination, parts) else { return Ok(()) };
        for (writing, suffix) in [(parts.good, "good"), (parts.quarantine, "quarantine")] {
            let Some(writing) = writing else { continue };
            if let Err(refused) = destination.publish(&target(path, suffix, parts.suffix), writing, Attributes::NONE) {
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

fn target(path: &[u8], suffix: &str, format: &str) -> Vec<u8> {
    [records::stem(path), b".", suffix.as_bytes(), b".", format.as_bytes()].concat()
}
