//! A proof that no byte of a file is lost: what is in no record is line ends, and comments where there are such.

use crate::tabular::csv::Dialect;
use crate::tabular::split::Split;

/// Goes over a chunk's records.
#[derive(Debug)]
pub struct Cover<'a> {
    text: &'a [u8],
    dialect: Dialect,
    /// What comes before is accounted for.
    at: usize,
}

impl<'a> Cover<'a> {
    /// At the start of a chunk's text.
    pub fn new(text: &'a [u8], dialect: Dialect) -> Self {
        Self { text, dialect, at: 0 }
    }

    /// The next records.
    ///
    /// # Errors
    /// Where a byte is that is in none of them.
    pub fn take(&mut self, split: &Split) -> Result<(), usize> {
        for record in 0..split.len() {
            let (start, stop) = split.record(record);
            self.gap(start)?;
            self.at = stop;
        }
        Ok(())
    }

    /// The end of the text.
    ///
    /// # Errors
    /// As [`Cover::take`].
    pub fn end(&mut self) -> Result<(), usize> {
        self.gap(self.text.len())
    }

    fn gap(&self, until: usize) -> Result<(), usize> {
        match self.text.get(self.at..until) {
            Some([b'\n' | b'\r'] | [b'\r', b'\n'] | []) => Ok(()),
            Some(gap) => {
                let Dialect { comment, is_json, .. } = self.dialect;
                let is_none = |line: &&[u8]| {
                    line.is_empty()
                        || comment.is_some_and(|comment| comment.begins(line))
                        || is_json && line.trim_ascii().is_empty()
                };
                let mut at = self.at;
                for line in gap.split(|byte| matches!(byte, b'\n' | b'\r')) {
                    if !is_none(&line) {
                        return Err(at);
                    }
                    at += line.len() + 1;
                }
                Ok(())
            }
            // Records that overlap.
            None => Err(self.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::csv::{CsvSplitter, Marker};

    fn covered(text: &str, dialect: Dialect, reader: impl Fn(&[u8]) -> Vec<u8>) -> Result<(), usize> {
        // What a reader sees of the text, and what there is.
        let seen = reader(text.as_bytes());
        let (mut split, mut splitter) = (Split::default(), CsvSplitter::new(&seen, dialect, 2));
        let mut cover = Cover::new(text.as_bytes(), dialect);
        while splitter.next(&mut split) {
            cover.take(&split)?;
        }
        cover.end()
    }

    #[test]
    fn whole_readings_are_covered_and_those_of_a_broken_reader_are_not() {
        let comma = Dialect::of(b',');
        let text = "a,b\n\n\"x\ny\",z\r\nc\r\rd,e,f\n";
        assert_eq!(covered(text, comma, <[u8]>::to_vec), Ok(()));
        let with_comments = Dialect { comment: Marker::of(b"#"), ..comma };
        assert_eq!(covered("#x,y\na,b\n# z\n", with_comments, <[u8]>::to_vec), Ok(()));
        // It ends early, takes a record for a line end, or takes bytes twice.
        assert_eq!(covered(text, comma, |bytes| bytes[..15].to_vec()), Err(17));
        let blind = |bytes: &[u8]| [b"\n\n\n", &bytes[3..]].concat();
        assert_eq!(covered(text, comma, blind), Err(0));
        let doubled = |bytes: &[u8]| [bytes, b"g,h\n"].concat();
        assert!(covered(text, comma, doubled).is_err());
    }
}
