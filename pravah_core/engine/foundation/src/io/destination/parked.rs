//! Files that are written and wait for their names: closed, for there may be more of them than files may be open.

use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::{Destination, Refused, Writing, split};
use crate::base::sync::lock;

/// A file that is written and not open any more; [`Destination::discard`] removes it.
#[derive(Debug)]
pub struct Parked {
    path: Vec<u8>,
    temporary: Vec<u8>,
}

impl Destination {
    /// Close a written file that is to get its name later.
    pub fn park(&self, path: &[u8], mut writing: Writing) -> Parked {
        let above = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let temporary = [&path[..above], &writing.temporary.take().unwrap_or_default()].concat();
        Parked { path: path.to_vec(), temporary }
    }

    /// Give a parked file its name.
    ///
    /// # Errors
    /// [`Refused`]: among others, that the name is taken.
    pub fn publish_parked(&self, parked: &Parked) -> std::result::Result<(), Refused> {
        let published = split(&parked.path).and_then(|(above, name)| {
            let (_, temporary) = split(&parked.temporary)?;
            self.claim(&parked.path)?;
            self.rename(&parked.path, &*self.make(above)?, temporary, name)
        });
        published.map_err(|error| {
            self.discard(parked);
            self.refuse(&parked.path, error)
        })
    }

    /// Remove a parked file.
    pub fn discard(&self, parked: &Parked) {
        self.remove(&parked.temporary);
    }

    /// Remove a file that this job has made, or an empty directory.
    pub fn remove(&self, path: &[u8]) {
        self.published.forget(path);
        let _ = split(path).and_then(|(above, name)| {
            let above = self.make(above)?;
            match rustix::fs::unlinkat(&*above, name, AtFlags::empty()) {
                Err(Errno::ISDIR) => {
                    lock(&self.open).remove(path);
                    Ok(rustix::fs::unlinkat(&*above, name, AtFlags::REMOVEDIR)?)
                }
                removed => Ok(removed?),
            }
        });
    }
}
