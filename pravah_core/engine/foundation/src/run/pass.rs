//! One walk and one read of each file for all operations of a job.
//!
//! 1. Every operation prepares: what it needs before the walk, such as a manifest.
//! 2. The walk gives each its entries as they are scanned, on the scanning threads.
//! 3. When an operation reads, each file that one of them wants is opened once, on the compute pool; its bytes go
//!    to every [`Reading`](crate::io::digest::Reading) and every digest that was asked for, then each operation is told what became of the
//!    files of a batch. Where there is an earlier run, files that are taken over from it never reach the pool.
//! 4. Operations settle what they know only after the pass, in stages of their own, then write and report.
//!
//! An operation knows neither its neighbours nor the walk: it is called.

mod front;
mod work;

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use self::front::{Front, Todo};
pub use self::work::walk_and_work;
use crate::base::control::Control;
use crate::base::error::{EngineError, Result, guarded};
use crate::base::issue::IssueKind;
use crate::base::meta::{EntryKind, Meta};
use crate::base::paths;
use crate::base::pool::Groups;
use crate::io::digest::{Algorithm, Digested, End, FileReader, Place, Readings, Trouble};
use crate::run::operation::{Operation, Reads, Stages, digest};

use crate::run::context::Context;
use crate::source::walk::open::Root;
use crate::source::walk::{Batch, WalkTotals};
use crate::store::report::Report;

/// Files of a directory from which on it is opened for them.
const OPENED_FILES: usize = 3;

/// Between two looks at what may be made last; whether it is old enough, each table's writer knows.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_millis(500);

struct Pass {
    operations: Vec<Box<dyn Operation>>,
    reader: FileReader,
    root: Arc<Root>,
    reading: bool,
    /// There is an earlier run to take over from.
    again: bool,
    control: Arc<Control>,
}

/// Run all operations of a job over one walk.
///
/// # Errors
/// What ended it.
pub fn run(mut operations: Vec<Box<dyn Operation>>, contexts: &[Context]) -> Result<(WalkTotals, Vec<Report>)> {
    let Some(context) = contexts.first() else { return Err(EngineError::internal("a job without an operation")) };
    let control = &context.control;
    control.set_stages(stages(&operations));
    operations.iter_mut().try_for_each(|operation| operation.prepare())?;
    let wanted: Vec<&[Algorithm]> = operations.iter().filter_map(|operation| operation.reads()).collect();
    let algorithms: Vec<Algorithm> =
        Algorithm::ALL.into_iter().filter(|one| wanted.iter().any(|some| some.contains(one))).collect();
    let pass = Arc::new(Pass {
        reader: FileReader::new(&context.root, &algorithms, control),
        root: Arc::clone(&context.root),
        reading: !wanted.is_empty(),
        again: contexts.iter().any(|context| !context.baseline.is_empty()),
        control: Arc::clone(control),
        operations,
    });
    let let_go = |operations: &[Box<dyn Operation>]| operations.iter().for_each(|operation| operation.let_go());
    let totals = pass.run(context).inspect_err(|_| let_go(&pass.operations))?;
    let pass = Arc::into_inner(pass).ok_or_else(|| EngineError::internal("the walk outlives itself"))?;
    let mut operations = pass.operations;
    let settled = operations.iter_mut().try_for_each(|operation| operation.settle());
    settled.inspect_err(|_| let_go(&operations))?;
    control.next_stage();
    control.complete(totals.files, totals.bytes);
    let reports = operations.into_iter().map(|operation| operation.finish(totals)).collect::<Result<Vec<_>>>()?;
    Ok((totals, reports))
}

fn stages(operations: &[Box<dyn Operation>]) -> Vec<&'static str> {
    let each: Vec<Stages> = operations.iter().map(|operation| operation.stages()).collect();
    let mut names: Vec<&'static str> = each.iter().flat_map(|stages| stages.before).copied().collect();
    names.push(match &each[..] {
        [only] => only.pass,
        _ => "read",
    });
    names.extend(each.iter().flat_map(|stages| stages.after));
    names.push("write");
    names
}

impl Pass {
    fn run(self: &Arc<Self>, context: &Context) -> Result<WalkTotals> {
        let front = |send| Front { pass: Arc::clone(self), send };
        if self.reading {
            let (done, ticks) = crossbeam_channel::bounded::<()>(0);
            return std::thread::scope(|scope| {
                let ticking = std::thread::Builder::new().name("pravah-checkpoint".into());
                let ticking = ticking.spawn_scoped(scope, || self.checkpoints(&ticks));
                // Reading is what takes the time: as many scanning threads again would only be in its way.
                let scanning = if self.again { context.threads } else { (context.threads / 2).max(1) };
                let totals = walk_and_work(context, scanning, |send| front(Some(send)), |todo| self.batch(&todo));
                drop(done);
                // Without that thread a job is as right, and loses more when it dies.
                drop(ticking);
                totals
            });
        }
        let totals = context.scan(Arc::new(front(None)), context.threads)?;
        self.control.set_totals(totals.files, totals.bytes);
        Ok(totals)
    }

    /// Have all operations make last what they have, until nobody is there to tell.
    fn checkpoints(&self, ticks: &crossbeam_channel::Receiver<()>) {
        while let Err(crossbeam_channel::RecvTimeoutError::Timeout) = ticks.recv_timeout(BETWEEN_CHECKPOINTS) {
            let made = guarded(|| self.operations.iter().try_for_each(|operation| operation.checkpoint()));
            if let Err(error) = made {
                self.control.fail(error);
                return;
            }
        }
    }

    /// The operations that want a file read, one bit for each; what the others know of it they take over.
    fn wanting(&self, path: &[u8], meta: &Meta) -> Result<u32> {
        let mut wanting = 0;
        for (place, operation) in self.operations.iter().enumerate() {
            if operation.reads().is_some() && operation.wants(path, meta) && !operation.take_over(path, meta)? {
                wanting |= 1 << place;
            }
        }
        Ok(wanting)
    }

    fn batch(&self, (batch, wanting): &Todo) -> Result<()> {
        if let Some(range) = &batch.range {
            return batch.iter().try_for_each(|(name, meta)| {
                self.range(&paths::join(&batch.directory.path, name), meta, range)?;
                self.control.add_done(batch.totals().0, 0);
                Ok(())
            });
        }
        let entries: Vec<(&[u8], &Meta)> = batch.iter().collect();
        let files = entries.iter().filter(|(_, meta)| meta.kind == EntryKind::File).count();
        // What is wrong with the directory, each of its files tells.
        let opened = OnceLock::new();
        let open = || self.root.open_directory(&batch.directory.path).ok();
        let directory = || if files >= OPENED_FILES { opened.get_or_init(open).as_ref() } else { None };
        let sizes: Vec<u64> = entries.iter().map(|(_, meta)| meta.size).collect();
        let files = Groups::of(&sizes, self.root.files_at_once()).work(|place| {
            let (name, meta) = entries[place];
            let path = paths::join(&batch.directory.path, name);
            self.entry(&path, &directory, meta, wanting.as_ref().map(|wanting| wanting[place]))
        })?;
        self.told(batch, files)
    }

    /// Tell operations what became of the files of a batch.
    fn told(&self, batch: &Batch, files: Vec<Option<std::result::Result<Digested, IssueKind>>>) -> Result<()> {
        let reads = Reads::new(self.reader.algorithms(), files);
        let readers = self.operations.iter().filter(|operation| operation.reads().is_some());
        readers.into_iter().try_for_each(|operation| operation.files(batch, &reads))
    }

    fn entry<'a>(
        &self,
        path: &[u8],
        directory: &dyn Fn() -> Option<&'a OwnedFd>,
        meta: &Meta,
        wanting: Option<u32>,
    ) -> Result<Option<std::result::Result<Digested, IssueKind>>> {
        match meta.kind {
            EntryKind::Directory => Ok(None),
            EntryKind::File => {
                let wanting = wanting.map_or_else(|| self.wanting(path, meta), Ok)?;
                let read = if wanting == 0 { None } else { Some(self.file(path, directory, meta, wanting)?) };
                self.control.add_done(1, if read.is_none() { meta.size } else { 0 });
                Ok(read)
            }
            _ => {
                self.control.add_done(1, meta.size);
                Ok(None)
            }
        }
    }

    fn file<'a>(
        &self,
        path: &[u8],
        directory: &dyn Fn() -> Option<&'a OwnedFd>,
        meta: &Meta,
        wanting: u32,
    ) -> Result<std::result::Result<Digested, IssueKind>> {
        let wants = |place: usize| wanting >> place & 1 == 1;
        let mut readings = Vec::new();
        for (_, operation) in self.operations.iter().enumerate().filter(|(place, _)| wants(*place)) {
            readings.extend(operation.reading(path, meta)?);
        }
        let place = Place { path, directory: directory() };
        let read = if readings.is_empty() {
            match self.operations.iter().find_map(|operation| operation.parts()) {
                Some(parts) => self.judge(path, self.reader.digest_in_parts(place, meta, parts))?,
                None => self.judge(path, self.reader.digest(place, meta))?,
            }
        } else {
            let mut readings = Readings::new(readings);
            let read = self.judge(path, self.reader.read_with(place, meta, &mut readings))?;
            readings.end(match &read {
                Ok(digested) => End::Whole(&digested.meta),
                Err(kind) => End::Broken(*kind),
            })?;
            read
        };
        if let Ok(digested) = &read {
            let of = |algorithm| digest(self.reader.algorithms(), digested, algorithm);
            for (place, operation) in self.operations.iter().enumerate() {
                if wants(place) {
                    operation.file(path, digested, &of)?;
                }
            }
        }
        Ok(read)
    }

    /// Read a range of a file for the operation that takes it so.
    fn range(&self, path: &[u8], meta: &Meta, range: &Range<u64>) -> Result<()> {
        let Some(parts) = self.operations.iter().find_map(|operation| operation.parts()) else { return Ok(()) };
        let place = Place { path, directory: None };
        self.judge(path, self.reader.hash_range(place, meta, range, parts)).map(drop)
    }

    fn judge<T>(
        &self,
        path: &[u8],
        read: std::result::Result<T, Trouble>,
    ) -> Result<std::result::Result<T, IssueKind>> {
        match read {
            Ok(digested) => Ok(Ok(digested)),
            Err(Trouble::Ended(error)) => Err(error),
            Err(Trouble::Issue(kind, message)) => {
                self.control.issue("read", path, kind, message);
                Ok(Err(kind))
            }
        }
    }
}
