//! What is kept of the values that were read, for the next attempt.

use super::{Fingerprint, Fingerprints, Proof};
use pravah_foundation::base::compact::{Reader, Writer};

impl Proof {
    /// True when the next attempt can prove the file by what is kept.
    pub fn is_kept(&self) -> bool {
        self.difference.is_none() && self.uncovered == 0 && !self.is_missing && !self.is_unread
    }

    /// As few bytes.
    pub fn encode(&self, out: &mut Writer) {
        out.integer(self.rounded);
        for Fingerprint { sum, values } in self.read.columns.iter().chain([&self.read.records]) {
            out.integer(*sum);
            out.integer(*values);
        }
    }

    /// What [`Proof::encode`] wrote of so many columns.
    pub fn decode(from: &mut Reader<'_>, columns: usize) -> Option<Self> {
        let rounded = from.integer()?;
        let mut read = Fingerprints::new(columns);
        for own in &mut read.columns {
            *own = Fingerprint { sum: from.integer()?, values: from.integer()? };
        }
        read.records = Fingerprint { sum: from.integer()?, values: from.integer()? };
        Some(Self { read, rounded, uncovered: 0, is_missing: false, is_unread: false, difference: None })
    }
}
