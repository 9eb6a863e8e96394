//! The only place where threads are made: tokio for scanning directories, rayon for computing.

pub mod crew;
pub mod feed;
mod groups;
pub mod turns;

pub use self::groups::Groups;

use std::sync::{Arc, Mutex, MutexGuard, TryLockError, Weak};
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use crate::base::control::Control;
use crate::base::error::{EngineError, Result, guarded};
use crate::base::sync::lock;

/// Threads to use when the specification names none: one per available core.
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A runtime for blocking tasks, each of which scans directories on a thread of its own.
///
/// Not asynchronous ones: a task that is woken by another is queued on that one's thread, where no idle thread
/// takes it away, and the other one never yields while it scans. Half the walks ran on one core for that.
///
/// # Errors
/// [`EngineError::Internal`] when the system refuses threads.
pub fn scan_runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(threads)
        .thread_name("pravah-scan")
        .build()
        .map_err(|error| EngineError::internal(format!("cannot start scan threads: {error}")))
}

/// A runtime for requests over the network; its threads only carry bytes.
///
/// # Errors
/// [`EngineError::Internal`] when the system refuses threads.
pub fn request_runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(default_threads().clamp(1, 4))
        .thread_name("pravah-request")
        .enable_all()
        .build()
        .map_err(|error| EngineError::internal(format!("cannot start request threads: {error}")))
}

/// A thread that waits for a part of its batch may be given further batches meanwhile, one upon the other.
/// Only the pages that are used take memory.
const COMPUTE_STACK_BYTES: usize = 16 << 20;

/// A pool that hashes and encodes. A job has one, [`ComputePool`]; another is for work that waits.
///
/// # Errors
/// [`EngineError::Internal`] when the system refuses threads.
pub fn compute_pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(COMPUTE_STACK_BYTES)
        .thread_name(|index| format!("pravah-compute-{index}"))
        .build()
        .map_err(|error| EngineError::internal(format!("cannot start compute threads: {error}")))
}

/// The compute pool of a job: the same one for all who have it at a time. It ends when nobody has it, for a thread keeps
/// memory that it has freed.
#[derive(Debug, Clone)]
pub struct ComputePool {
    threads: usize,
    made: Arc<Mutex<Weak<rayon::ThreadPool>>>,
}

impl ComputePool {
    /// One of so many threads.
    pub fn new(threads: usize) -> Self {
        Self { threads, made: Arc::default() }
    }

    /// The pool.
    ///
    /// # Errors
    /// [`EngineError::Internal`] when the system refuses threads.
    pub fn get(&self) -> Result<Arc<rayon::ThreadPool>> {
        let mut made = lock(&self.made);
        if let Some(pool) = made.upgrade() {
            return Ok(pool);
        }
        let pool = Arc::new(compute_pool(self.threads)?);
        *made = Arc::downgrade(&pool);
        Ok(pool)
    }
}

/// One state per thread, without tying it to a thread: a free one is found by trying.
///
/// With as many slots as threads, and each thread holding at most one, a free slot always exists. A holder
/// must not wait for rayon: a waiting thread is given other work, which may ask for a slot of its own.
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
        lock(&self.slots[self.slots.len() - 1])
    }

    /// Do something with each state, one after the other, while others use the rest.
    ///
    /// # Errors
    /// The first of `work`.
    pub fn each(&self, mut work: impl FnMut(&mut T) -> Result<()>) -> Result<()> {
        self.slots.iter().try_for_each(|slot| work(&mut lock(slot)))
    }

    /// The states, once all threads are done.
    pub fn into_inner(self) -> Vec<T> {
        self.slots
            .into_iter()
            .map(|slot| slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
            .collect()
    }
}

/// Threads that wait for the disk at once.
const SYNC_THREADS: usize = 8;
/// Between two looks at the cancel flag.
const LOOK: Duration = Duration::from_millis(20);

/// Do to each item what no signal can interrupt, such as fsync, on threads of its own. When the job is
/// cancelled meanwhile, the threads are left behind: each ends with the system call it is in.
///
/// # Errors
/// The first error of `work`; [`EngineError::Cancelled`].
pub fn uninterrupted<T: Send + 'static>(
    control: &Arc<Control>,
    items: Vec<T>,
    work: fn(T, &Control) -> Result<()>,
) -> Result<()> {
    let count = items.len();
    let (give, take) = crossbeam_channel::unbounded();
    let (done, results) = crossbeam_channel::unbounded();
    items.into_iter().for_each(|item| drop(give.send(item)));
    drop(give);
    for _ in 0..count.min(SYNC_THREADS) {
        let (take, done, control) = (take.clone(), done.clone(), Arc::clone(control));
        let body = move || take.iter().for_each(|item| drop(done.send(guarded(|| work(item, &control)))));
        let thread = std::thread::Builder::new().name("pravah-sync".into()).spawn(body);
        thread.map_err(|error| EngineError::internal(format!("cannot start a thread to sync files: {error}")))?;
    }
    drop(done);
    let mut finished = 0;
    while finished < count {
        match results.recv_timeout(LOOK) {
            Ok(result) => result?,
            Err(RecvTimeoutError::Timeout) => {
                control.check()?;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return Err(EngineError::internal("a thread that syncs is gone")),
        }
        finished += 1;
    }
    Ok(())
}
