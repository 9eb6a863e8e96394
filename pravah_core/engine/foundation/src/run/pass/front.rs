//! The scanning side of a pass: what goes to the compute pool, and what need not.

use std::sync::Arc;

use super::Pass;
use crate::base::error::{EngineError, Result};
use crate::base::issue::IssueKind;
use crate::base::meta::EntryKind;
use crate::base::paths;
use crate::source::walk::{Batch, Skipped, Visitor};

/// The scanning side of a pass.
pub struct Front {
    pub(super) pass: Arc<Pass>,
    pub(super) send: Option<crossbeam_channel::Sender<Todo>>,
}

/// A batch, and which operations want each of its entries read, one bit for each; none when nobody has asked yet.
pub type Todo = (Batch, Option<Vec<u32>>);

impl Visitor for Front {
    fn batch(&self, batch: Batch) -> Result<()> {
        if batch.range.is_none() {
            self.pass.operations.iter().try_for_each(|operation| operation.entries(&batch))?;
        }
        match &self.send {
            Some(_) if batch.is_empty() => Ok(()),
            Some(send) => {
                let wanting = self.pass.wanting_if_known(&batch)?;
                if wanting.as_ref().is_some_and(|all| all.iter().all(|&wanting| wanting == 0)) {
                    let (files, bytes) = batch.totals();
                    self.pass.control.add_done(files, bytes);
                    return self.pass.told(&batch, Vec::new());
                }
                send.send((batch, wanting)).map_err(|_| EngineError::internal("the compute pool is gone"))
            }
            None => {
                let (files, bytes) = batch.totals();
                self.pass.control.add_done(files, bytes);
                Ok(())
            }
        }
    }

    fn skipped(&self, skipped: Skipped<'_>) -> Result<()> {
        self.pass.operations.iter().try_for_each(|operation| operation.skipped(skipped))
    }

    fn trouble(&self, path: &[u8], kind: IssueKind, message: &str) -> Result<()> {
        self.pass.operations.iter().try_for_each(|operation| operation.trouble(path, kind, message))
    }
}

impl Pass {
    /// Where there is an earlier run: what it knows is taken over on the scanning threads, since a look is cheaper than
    /// handing it to others.
    fn wanting_if_known(&self, batch: &Batch) -> Result<Option<Vec<u32>>> {
        if !self.again || batch.range.is_some() {
            return Ok(None);
        }
        let mut path = Vec::new();
        let wanting = batch.iter().map(|(name, meta)| {
            paths::join_into(&mut path, &batch.directory.path, name);
            if meta.kind == EntryKind::File { self.wanting(&path, meta) } else { Ok(0) }
        });
        wanting.collect::<Result<_>>().map(Some)
    }
}
