//! A walk and the work on its batches, side by side.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use crate::base::control::Control;
use crate::base::error::{EngineError, Result, guarded};
use crate::run::context::Context;
use crate::source::walk::{Batch, Skipped, Visitor, WalkTotals, walk};

/// Batches of a walk that wait for the compute pool, per thread: enough to keep it busy, few enough to
/// bound memory.
const WAITING_BATCHES_PER_THREAD: usize = 8;

/// Walk on `scanning` threads and work on every batch in the compute pool, with a bounded channel between: `visitor`
/// sends what is to be worked on.
///
/// Totals reach the progress as soon as the walk ends.
///
/// # Errors
/// The first error of the walk or of `work`, a panic included; it stops both at once.
///
/// # Cancellation
/// Looked at per batch; longer work looks for itself.
pub fn walk_and_work<V: Visitor, T: Send>(
    context: &Context,
    scanning: usize,
    visitor: impl FnOnce(crossbeam_channel::Sender<T>) -> V,
    work: impl Fn(T) -> Result<()> + Sync,
) -> Result<WalkTotals> {
    let pool = context.pool.get()?;
    let waiting = WAITING_BATCHES_PER_THREAD * context.threads;
    let (send, receive) = crossbeam_channel::bounded(waiting);
    let control = &context.control;
    let visitor = Arc::new(visitor(send));
    std::thread::scope(|scope| {
        let walking = std::thread::Builder::new().name("pravah-walk".into()).spawn_scoped(scope, move || {
            let totals = context.scan(visitor, scanning)?;
            control.set_totals(totals.files, totals.bytes);
            Ok(totals)
        });
        let walking = walking.map_err(|error| EngineError::internal(format!("cannot start the walk: {error}")))?;
        // Dropped at the end of the work: the counting stops then at the latest.
        let (working, worked) = crossbeam_channel::bounded::<()>(0);
        let counting = std::thread::Builder::new().name("pravah-count".into());
        // Without it only the remaining time is unknown.
        let _ = counting.spawn_scoped(scope, move || {
            if worked.recv_timeout(COUNT_AFTER) == Err(RecvTimeoutError::Timeout) {
                count_ahead(context, worked);
            }
        });
        drain(&pool, &receive, waiting, |batch| {
            if let Err(error) = control.check().and_then(|()| guarded(|| work(batch))) {
                // An error stops the walk, too; one that only says "stopped" changes nothing.
                control.fail(error);
            }
        });
        drop(working);
        let walked = walking.join().unwrap_or_else(|panic| Err(EngineError::from_panic(&*panic)));
        match control.take_failure() {
            Some(failure) => Err(failure),
            None => walked,
        }
    })
}

/// A job that takes this long is worth a second walk that only counts: the first one waits for the work, so
/// that totals, and with them the remaining time, would be known only near the end.
const COUNT_AFTER: Duration = Duration::from_secs(2);

/// Set the totals by a walk of one thread that reads nothing; what it cannot see is told by the job's own.
fn count_ahead(context: &Context, worked: crossbeam_channel::Receiver<()>) {
    // How much a split has to do, its plan has told already; and a bucket is not listed twice: each page is paid for.
    if context.control.has_totals() || context.files.is_some() || context.root.objects().is_some() {
        return;
    }
    let Ok(rules) = context.walk.compile() else { return };
    let counting = Arc::new(Control::new());
    let visitor = Arc::new(Counting { job: Arc::clone(&context.control), worked });
    if let Ok(totals) = guarded(|| walk(Arc::clone(&context.root), rules, visitor, &counting, 1)) {
        context.control.set_totals_once(totals.files, totals.bytes);
    }
}

struct Counting {
    job: Arc<Control>,
    worked: crossbeam_channel::Receiver<()>,
}

impl Visitor for Counting {
    fn batch(&self, _batch: Batch) -> Result<()> {
        Ok(())
    }

    fn skipped(&self, _skipped: Skipped<'_>) -> Result<()> {
        Ok(())
    }

    fn is_sated(&self) -> bool {
        self.job.is_cancelled()
            || self.job.has_totals()
            || self.worked.try_recv() == Err(crossbeam_channel::TryRecvError::Disconnected)
    }
}

/// Hand every batch to the pool until the channel ends. `work` must not panic.
fn drain<T: Send>(
    pool: &rayon::ThreadPool,
    receive: &crossbeam_channel::Receiver<T>,
    waiting: usize,
    work: impl Fn(T) + Sync,
) {
    // A token for each batch in work: `spawn` itself does not bound its queue.
    let (give_back, take) = crossbeam_channel::bounded(waiting);
    for _ in 0..waiting {
        let _ = give_back.send(());
    }
    pool.in_place_scope(|scope| {
        for batch in receive {
            let _ = take.recv();
            let (give_back, work) = (give_back.clone(), &work);
            scope.spawn(move |_| {
                work(batch);
                let _ = give_back.send(());
            });
        }
    });
}
