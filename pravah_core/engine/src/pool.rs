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
        self.slots
            .into_iter()
            .map(|slot| slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
            .collect()
    }
}

/// Batches of a walk that wait for the compute pool, per thread: enough to keep it busy, few enough to
/// bound memory.
const WAITING_BATCHES_PER_THREAD: usize = 8;

/// Walk on scanning threads and work on every batch in the compute pool, with a bounded channel between.
///
/// `skipped` gets the subtrees that the rules leave out. Totals reach the progress as soon as the walk ends.
///
/// # Errors
/// The first error of the walk or of `work`; cancel is looked at per batch by this function.
pub fn walk_and_work(
    context: &crate::ops::Context<'_>,
    skipped: impl Fn(&[u8], crate::walk::Skip) -> Result<()> + Send + Sync + 'static,
    work: impl Fn(crate::walk::Batch) -> Result<()> + Sync,
) -> Result<crate::walk::WalkTotals> {
    let pool = compute_pool(context.threads)?;
    let waiting = WAITING_BATCHES_PER_THREAD * context.threads;
    let (send, receive) = crossbeam_channel::bounded(waiting);
    // A token for each batch in work: `spawn` itself does not bound its queue.
    let (give_back, take) = crossbeam_channel::bounded(waiting);
    for _ in 0..waiting {
        let _ = give_back.send(());
    }
    let failure: Mutex<Option<EngineError>> = Mutex::new(None);
    let forward = std::sync::Arc::new(Forward { send, skipped });
    let (root, control, threads) = (context.root, context.control, context.threads);
    let rules = context.walk.compile()?;
    std::thread::scope(|threads_scope| {
        let walking = threads_scope.spawn(move || {
            let totals = crate::walk::walk(std::sync::Arc::clone(root), rules, forward, control, threads)?;
            control.set_totals(totals.files, totals.bytes);
            Ok(totals)
        });
        pool.in_place_scope(|scope| {
            for batch in &receive {
                let _ = take.recv();
                let (give_back, failure, work) = (give_back.clone(), &failure, &work);
                scope.spawn(move |_| {
                    if let Err(error) = control.check().and_then(|()| work(batch)) {
                        // The walk is told to stop by cancelling; the first error is what is reported.
                        crate::issue::lock(failure).get_or_insert(error);
                        control.cancel();
                    }
                    let _ = give_back.send(());
                });
            }
        });
        let walked = walking.join().unwrap_or_else(|_| Err(EngineError::internal("the walk panicked")));
        match crate::issue::lock(&failure).take() {
            Some(error) => Err(error),
            None => walked,
        }
    })
}

struct Forward<S> {
    send: crossbeam_channel::Sender<crate::walk::Batch>,
    skipped: S,
}

impl<S: Fn(&[u8], crate::walk::Skip) -> Result<()> + Send + Sync + 'static> crate::walk::Visitor for Forward<S> {
    fn batch(&self, batch: crate::walk::Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.send.send(batch).map_err(|_| EngineError::internal("the compute pool is gone"))
    }

    fn skipped(&self, path: &[u8], reason: crate::walk::Skip) -> Result<()> {
        (self.skipped)(path, reason)
    }
}
