//! Directories that wait to be scanned, newest first.
//!
//! Newest first keeps few of them waiting: a depth-first walk holds the siblings along one path, a
//! breadth-first one the widest level of the tree. A directory with very many children would still fill
//! the queue, so the thread that reads it is made to scan some of them before it reads on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Directory;
use crate::base::sync::lock;

/// (device, inode) of the directories above, kept only while links are followed.
pub(super) type Ancestors = Vec<(u64, u64)>;

/// A directory that was found and not yet read.
pub(super) struct Waiting {
    pub directory: Directory,
    pub ancestors: Ancestors,
}

impl Waiting {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.directory.path.len() + size_of_val(&self.ancestors[..])
    }
}

/// Memory of waiting directories beyond which their finder helps: about 50,000 of ordinary ones.
const CROWDED_BYTES: usize = 16 << 20;

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    bytes: usize,
    active: usize,
}

impl State {
    fn is_finished(&self) -> bool {
        self.active == 0 && self.waiting.is_empty()
    }
}

/// The queue of one walk. Directories that are being scanned are counted: only when there is none may the
/// queue be called empty for good.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Add a directory; true when so many wait that the caller should scan some itself.
    pub fn push(&self, waiting: Waiting) -> bool {
        let mut state = self.state();
        state.bytes += waiting.bytes();
        state.waiting.push(waiting);
        let crowded = state.bytes > CROWDED_BYTES;
        drop(state);
        self.changed.notify_one();
        crowded
    }

    fn take(state: &mut State) -> Option<Waiting> {
        let waiting = state.waiting.pop()?;
        state.bytes -= waiting.bytes();
        state.active += 1;
        Some(waiting)
    }

    /// The newest directory, while too many wait.
    pub fn take_if_crowded(&self) -> Option<Waiting> {
        let mut state = self.state();
        if state.bytes > CROWDED_BYTES { Self::take(&mut state) } else { None }
    }

    /// The newest directory; blocks until there is one; none once the walk is finished.
    pub fn next(&self) -> Option<Waiting> {
        let mut state = self.state();
        loop {
            if let Some(waiting) = Self::take(&mut state) {
                return Some(waiting);
            }
            if state.is_finished() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A directory that was taken is done with.
    pub fn done(&self) {
        let mut state = self.state();
        state.active -= 1;
        let finished = state.is_finished();
        drop(state);
        if finished {
            self.changed.notify_all();
        }
    }

    /// Forget what waits: the walk is to stop.
    pub fn clear(&self) {
        let mut state = self.state();
        state.waiting = Vec::new();
        state.bytes = 0;
    }
}
