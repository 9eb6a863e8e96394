//! Pieces of one thing that any thread of the pool works on, each with a turn: a moment when all pieces before it have had
//! theirs. So what follows from the order of the pieces, such as numbers and limits, is the same however many threads
//! there are.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, PoisonError};

use rayon::prelude::*;

use crate::base::sync::lock;

/// Who has had a turn, and what is handed from turn to turn.
struct Turns<S> {
    /// The next piece that nobody works on.
    next: AtomicU64,
    now: Mutex<Now<S>>,
    changed: Condvar,
}

struct Now<S> {
    /// The piece whose turn it is.
    number: u64,
    ended: bool,
    state: S,
}

/// A piece on the thread that works on it.
pub struct Turn<'a, S> {
    turns: &'a Turns<S>,
    number: u64,
    taken: bool,
}

/// Have `work` done for pieces `0..count`, in the pool it is called in; the earliest ones first, one a thread at a time.
/// Each thread has a buffer of its own. Gives the state back when all is done, or when a turn has ended it.
///
/// `work` must not wait for rayon before its turn: a thread that waits is given other work, and those behind it wait for
/// that.
///
/// # Errors
/// One of those that `work` returns.
pub fn in_turns<S: Send, B: Default, E: Send>(
    count: u64,
    state: S,
    work: impl Fn(Turn<'_, S>, &mut B) -> Result<(), E> + Sync,
) -> Result<S, E> {
    let now = Mutex::new(Now { number: 0, ended: false, state });
    let turns = Turns { next: AtomicU64::new(0), now, changed: Condvar::new() };
    let threads = count.min(rayon::current_num_threads() as u64) as usize;
    (0..threads).into_par_iter().with_max_len(1).try_for_each(|_| {
        let mut buffer = B::default();
        while let Some(turn) = turns.next(count) {
            work(turn, &mut buffer)?;
        }
        Ok(())
    })?;
    Ok(turns.now.into_inner().unwrap_or_else(PoisonError::into_inner).state)
}

impl<S> Turns<S> {
    fn next(&self, count: u64) -> Option<Turn<'_, S>> {
        let number = self.next.fetch_add(1, Relaxed);
        let goes_on = number < count && !lock(&self.now).ended;
        // Not made and dropped: that would end the turns.
        goes_on.then(|| Turn { turns: self, number, taken: false })
    }
}

impl<S> Turn<'_, S> {
    /// Which piece it is.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Wait for the turn, and have `take` done in it. None ends it: no later piece has a turn, and gets none here.
    pub fn take<T>(mut self, take: impl FnOnce(&mut S) -> Option<T>) -> Option<T> {
        let mut now = lock(&self.turns.now);
        while now.number < self.number && !now.ended {
            now = self.turns.changed.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
        if now.ended {
            return None;
        }
        let taken = take(&mut now.state);
        now.number += 1;
        now.ended = taken.is_none();
        drop(now);
        self.taken = true;
        self.turns.changed.notify_all();
        taken
    }
}

impl<S> Drop for Turn<'_, S> {
    /// A piece that has had no turn, because its work failed, ends it: those behind it would wait for ever.
    fn drop(&mut self) {
        if !self.taken {
            lock(&self.turns.now).ended = true;
            self.turns.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::pool::compute_pool;

    #[test]
    fn turns_come_in_order_and_the_first_that_ends_them_is_the_last() {
        for threads in [1, 2, 5] {
            let pool = compute_pool(threads).unwrap();
            for end in [0, 1, 7, 499, 1000] {
                let work = |turn: Turn<'_, Vec<u64>>, worked: &mut u64| {
                    *worked += 1;
                    if (turn.number() + *worked).is_multiple_of(7) {
                        std::thread::yield_now();
                    }
                    let number = turn.number();
                    turn.take(|seen| (number != end).then(|| seen.push(number)));
                    Ok::<_, ()>(())
                };
                let seen = pool.install(|| in_turns(500, Vec::new(), work)).unwrap();
                assert_eq!(seen, (0..end.min(500)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_piece_that_fails_leaves_nobody_waiting() {
        let pool = compute_pool(4).unwrap();
        let work = |turn: Turn<'_, ()>, (): &mut ()| {
            if turn.number() == 3 {
                return Err("as told");
            }
            turn.take(|()| Some(()));
            Ok(())
        };
        assert_eq!(pool.install(|| in_turns(100, (), work)), Err("as told"));
    }
}
