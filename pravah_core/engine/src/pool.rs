//! The only place where threads are made: tokio for scanning directories, rayon for computing.

use std::sync::{Mutex, MutexGuard, TryLockError};

use crate::error::{EngineError, Result};

/// Threads to use when the specification names none: one per available core.
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A runtime whose tasks are directory scans; blocking system calls are its work, so it is not shared.
///
/// # Errors
/// [`EngineError::Internal`] when the system refuses threads.
pub fn scan_runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("pravah-scan")
        .build()
        .map_err(|error| EngineError::internal(format!("cannot start scan threads: {error}")))
}

/// The pool that hashes and encodes.
///
/// # Errors
/// [`EngineError::Internal`] when the system refuses threads.
pub fn compute_pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("pravah-compute-{index}"))
        .build()
        .map_err(|error| EngineError::internal(format!("cannot start compute threads: {error}")))
}

/// One state per thread, without tying it to a thread: a free one is found by trying.
///
/// With as many slots as threads, and each thread holding at most one, a free slot always exists.
#[derive(Debug)]
pub struct Slots<T> {
    slots: Vec<Mutex<T>>,
}

impl<T> Slots<T> {
    /// `count` states, each made by `make`.
    pub fn new(count: usize, mut make: impl FnMut() -> T) -> Self {
        Self { slots: (0..count.max(1)).map(|_| Mutex::new(make())).collect() }
    }

    /// Lock a free state, or wait for the last one.
    pub fn acquire(&self) -> MutexGuard<'_, T> {
        for slot in &self.slots {
            match slot.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        crate::issue::lock(&self.slots[self.slots.len() - 1])
    }

    /// The states, once all threads are done.
    pub fn into_inner(self) -> Vec<T> {
        self.slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)).collect()
    }
}
