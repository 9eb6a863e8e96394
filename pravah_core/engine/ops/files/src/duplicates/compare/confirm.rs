//! What has one digest, compared byte by byte.

use std::os::fd::OwnedFd;

use super::super::ends::fill;
use super::{Class, Compared, Comparison};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::io::digest::with_block;
use pravah_foundation::source::walk::open::OpenFile;

/// Pieces of a comparison byte by byte.
const PIECE_BYTES: usize = 256 << 10;

impl Comparison<'_> {
    /// Divide a class into those that are alike byte by byte.
    pub(super) fn confirm(&self, compared: &Compared, class: Class) -> Result<Vec<Class>> {
        let mut classes: Vec<(Vec<u32>, OpenFile)> = Vec::new();
        'inodes: for inode in class.inodes {
            let (number, file) = self.file(compared, inode);
            let path = self.store.path(file);
            let open = match self.roots.get(self.store.root(file)).open_file(&path) {
                Ok(open) => open,
                Err(error) => {
                    self.trouble(number, &path, IssueKind::from_io(&error), error.to_string());
                    continue;
                }
            };
            for (known, first) in &mut classes {
                match self.is_same(first, &open, file.size) {
                    Ok(true) => {
                        known.push(inode);
                        continue 'inodes;
                    }
                    Ok(false) => {}
                    Err(Unlike::Ended(error)) => return Err(error),
                    Err(Unlike::Io(error)) => {
                        self.trouble(number, &path, IssueKind::from_io(&error), error.to_string());
                        continue 'inodes;
                    }
                }
            }
            classes.push((vec![inode], open));
        }
        Ok(classes.into_iter().map(|(inodes, _)| Class { digest: class.digest, inodes: inodes.into() }).collect())
    }

    fn is_same(&self, one: &OwnedFd, other: &OwnedFd, size: u64) -> std::result::Result<bool, Unlike> {
        let mut offset = 0;
        while offset < size {
            self.context.control.check().map_err(Unlike::Ended)?;
            let same = with_block(2 * PIECE_BYTES, |block| {
                let (first, second) = block.split_at_mut(PIECE_BYTES);
                let (first_read, second_read) = (fill(one, first, offset)?, fill(other, second, offset)?);
                Ok::<_, std::io::Error>((first_read > 0 && first[..first_read] == second[..second_read], first_read))
            });
            let (same, read) = same.map_err(Unlike::Io)?;
            if !same {
                return Ok(false);
            }
            offset += read as u64;
            self.context.control.add_done(0, read as u64);
        }
        Ok(true)
    }
}

enum Unlike {
    Io(std::io::Error),
    Ended(EngineError),
}
