//! Pieces of work for threads of their own, while the one that gives them goes on.
//!
//! Not the compute pool's: a thread of it that waits for half of a block would be given a piece, and could not read on
//! until that is done. With them two threads took turns.

use std::sync::{Arc, Condvar, Mutex};

use super::{LOOK, compute_pool};
use crate::base::control::Control;
use crate::base::error::{EngineError, Result, guarded};
use crate::base::sync::lock;

/// Those who do the pieces.
pub struct Crew {
    pool: rayon::ThreadPool,
    shared: Arc<Shared>,
    limit: usize,
}

struct Shared {
    control: Arc<Control>,
    /// Pieces that wait or are in work.
    open: Mutex<usize>,
    changed: Condvar,
}

impl Crew {
    /// So many threads, and at most `limit` pieces that wait or are in work.
    ///
    /// # Errors
    /// [`EngineError::Internal`] when the system refuses threads.
    pub fn new(control: &Arc<Control>, threads: usize, limit: usize) -> Result<Arc<Self>> {
        let (open, changed) = Default::default();
        let shared = Arc::new(Shared { control: Arc::clone(control), open, changed });
        Ok(Arc::new(Self { pool: compute_pool(threads)?, shared, limit: limit.max(1) }))
    }

    /// Give a piece, once there is room for it. An error of it ends the job.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn give(&self, piece: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
        self.wait_until(|open| *open < self.limit)?;
        // Several may have found the same room: one more each, at most.
        *lock(&self.shared.open) += 1;
        let shared = Arc::clone(&self.shared);
        self.pool.spawn(move || {
            match shared.control.check().and_then(|()| guarded(piece)) {
                // A piece that was left because the job ends is no failure of its own.
                Ok(()) | Err(EngineError::Cancelled) => {}
                Err(error) => shared.control.fail(error),
            }
            *lock(&shared.open) -= 1;
            shared.changed.notify_all();
        });
        Ok(())
    }

    /// Wait until `is_done`; it is asked again after every piece of anybody.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn wait_for(&self, is_done: impl Fn() -> bool) -> Result<()> {
        self.wait_until(|_| is_done())
    }

    fn wait_until(&self, is_done: impl Fn(&usize) -> bool) -> Result<()> {
        let mut open = lock(&self.shared.open);
        while !is_done(&open) {
            self.shared.control.check()?;
            let woken = self.shared.changed.wait_timeout(open, LOOK);
            open = woken.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[test]
    fn all_pieces_are_done_and_never_more_than_allowed_are_open() {
        let (done, open, most) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let crew = Crew::new(&Arc::new(Control::new()), 4, 3).unwrap();
        for _ in 0..500 {
            let (done, open, most) = (Arc::clone(&done), Arc::clone(&open), Arc::clone(&most));
            let piece = move || {
                most.fetch_max(open.fetch_add(1, SeqCst) + 1, SeqCst);
                std::thread::yield_now();
                open.fetch_sub(1, SeqCst);
                done.fetch_add(1, SeqCst);
                Ok(())
            };
            crew.give(piece).unwrap();
        }
        crew.wait_for(|| done.load(SeqCst) == 500).unwrap();
        assert!(most.load(SeqCst) <= 3);
    }

    #[test]
    fn a_failing_or_panicking_piece_ends_the_job_and_no_wait_hangs() {
        for panics in [false, true] {
            let control = Arc::new(Control::new());
            let crew = Crew::new(&control, 1, 2).unwrap();
            crew.give(move || if panics { panic!("as told") } else { Err(EngineError::internal("as told")) }).unwrap();
            assert!(matches!(crew.wait_for(|| false), Err(EngineError::Cancelled)));
            assert!(control.take_failure().unwrap().to_string().contains("as told"));
        }
    }
}
