//! Chunks on their way to who works on them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::RecordBatch;

use super::RecordHandler;
use super::batches::Leaves;
use super::reading::{CHUNKS_PER_THREAD, Open, Shared};
use super::source::KEPT_BYTES;
use super::work::Work;
use crate::base::error::{Result, guarded};
use crate::base::issue::IssueKind;
use crate::base::sync::lock;
use crate::tabular::csv::{Chunk, Cutter};

/// A chunk on its way.
pub(super) enum Piece {
    /// Records.
    Text(Chunk),
    /// Rows of a table, to be made records.
    Rows(RecordBatch, Arc<Leaves>),
}

impl Piece {
    /// Work on it here.
    fn work<T: RecordHandler>(self, shared: &Shared<T>, work: &Work<T>, index: u32) -> Result<()> {
        let text = match self {
            Self::Text(chunk) => {
                let skip = (work.head.records_at.saturating_sub(chunk.offset) as usize).min(chunk.text.len());
                work.chunk(shared, index, &chunk.text, skip)?;
                chunk.text
            }
            Self::Rows(batch, leaves) => {
                let fail = |message: String| {
                    if work.give_up() {
                        shared.control.issue("read", &work.head.path, IssueKind::Malformed, message);
                    }
                    Ok(())
                };
                match work.rows(shared, index, &batch)? {
                    Ok(true) => return Ok(()),
                    Ok(false) => {}
                    Err(message) => return fail(message),
                }
                let mut text = lock(&shared.spare).pop().unwrap_or_default();
                let made = leaves.text(&batch, usize::MAX, &mut text);
                drop(batch);
                match made {
                    Ok((_, lost)) => {
                        work.lose(lost);
                        work.chunk(shared, index, &text, 0)?;
                    }
                    Err(message) => fail(message)?,
                }
                text
            }
        };
        take_back(shared, text);
        Ok(())
    }
}

/// A chunk that waits for a thread.
pub(super) struct Waiting<T: RecordHandler> {
    open: Open<T>,
    work: Arc<Work<T>>,
    index: u32,
    piece: Piece,
}

/// Have a chunk worked on, here or by the pool.
pub(super) fn give<T: RecordHandler>(
    shared: &Arc<Shared<T>>,
    work: &Arc<Work<T>>,
    index: u32,
    piece: Piece,
) -> Result<()> {
    if shared.threads == 1 {
        return piece.work(shared, work, index);
    }
    let pool = shared.pool.get()?;
    let are_many = shared.chunks.fetch_add(1, Ordering::Relaxed) >= shared.threads * CHUNKS_PER_THREAD;
    work.enter();
    let waiting = Waiting { open: Open::new(shared), work: Arc::clone(work), index, piece };
    lock(&shared.waiting).push_back(waiting);
    if are_many {
        work_on_oldest(shared);
        // What went wrong with it, or elsewhere.
        return shared.control.check();
    }
    let shared = Arc::clone(shared);
    pool.spawn(move || work_on_oldest(&shared));
    Ok(())
}

/// Work on the chunk that waits longest: those behind it are kept in memory until it is added.
fn work_on_oldest<T: RecordHandler>(shared: &Arc<Shared<T>>) {
    let oldest = lock(&shared.waiting).pop_front();
    let Some(Waiting { open, work, index, piece }) = oldest else { return };
    let done = guarded(|| piece.work(shared, &work, index));
    shared.chunks.fetch_sub(1, Ordering::Relaxed);
    if let Err(error) = done.and_then(|()| guarded(|| work.leave(shared))) {
        shared.control.fail(error);
    }
    // What is left of the file goes before it counts as ended.
    drop(work);
    drop(open);
}

/// Have the last chunk worked on, without what follows the table.
pub(super) fn give_last<T: RecordHandler>(shared: &Arc<Shared<T>>, work: &Arc<Work<T>>, cutter: Cutter) -> Result<()> {
    let mut rest = cutter.finish();
    if work.is_cut() || rest.text.is_empty() {
        return Ok(());
    }
    let skip = (work.head.records_at.saturating_sub(rest.offset) as usize).min(rest.text.len());
    let end = work.cut_footer(shared, &rest.text, skip, rest.index == 0);
    rest.text.truncate(end);
    give(shared, work, rest.index, Piece::Text(rest))
}

fn take_back<T: RecordHandler>(shared: &Shared<T>, mut text: Vec<u8>) {
    let is_usual = text.capacity() <= shared.chunk_bytes.max(KEPT_BYTES) * 2;
    let mut spare = lock(&shared.spare);
    if is_usual && spare.len() <= shared.threads * CHUNKS_PER_THREAD {
        text.clear();
        spare.push(text);
    }
}
