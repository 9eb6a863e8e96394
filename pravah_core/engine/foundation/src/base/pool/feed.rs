//! Bytes that are handed out, for work that wants to read them: such as a decoder, which knows only readers.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};

use super::LOOK;
use crate::base::control::Control;
use crate::base::error::{EngineError, Result, guarded};

/// Blocks that wait for the reader: one that it works on, one that follows at once.
const WAITING_BLOCKS: usize = 1;

/// The giving end; the work reads on a thread of its own.
pub struct Feed<T> {
    // A block, or none for the end.
    send: Sender<Option<Vec<u8>>>,
    result: Receiver<Result<T>>,
    control: Arc<Control>,
}

impl<T: Send + 'static> Feed<T> {
    /// Start `work`.
    ///
    /// # Errors
    /// [`EngineError::Internal`] when the system refuses a thread.
    pub fn start(control: &Arc<Control>, work: impl FnOnce(Fed) -> Result<T> + Send + 'static) -> Result<Self> {
        let (send, receive) = crossbeam_channel::bounded(WAITING_BLOCKS);
        let (done, result) = crossbeam_channel::bounded(1);
        let fed = Fed { receive, block: Vec::new(), at: 0, ended: false };
        let body = move || drop(done.send(guarded(|| work(fed))));
        let thread = std::thread::Builder::new().name("pravah-feed".into()).spawn(body);
        thread.map_err(|error| EngineError::internal(format!("cannot start a thread that unpacks: {error}")))?;
        Ok(Self { send, result, control: Arc::clone(control) })
    }

    /// Give the next bytes; false when the work has seen enough.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`].
    pub fn send(&self, bytes: &[u8]) -> Result<bool> {
        self.give(Some(bytes.to_vec()))
    }

    /// Say that this was all, and wait for the work.
    ///
    /// # Errors
    /// Those of the work, a panic included; [`EngineError::Cancelled`].
    pub fn finish(self) -> Result<T> {
        self.give(None)?;
        loop {
            match self.result.recv_timeout(LOOK) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => self.control.check()?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(EngineError::internal("a thread that unpacks is gone"));
                }
            }
        }
    }

    fn give(&self, mut block: Option<Vec<u8>>) -> Result<bool> {
        loop {
            match self.send.send_timeout(block, LOOK) {
                Ok(()) => return Ok(true),
                Err(SendTimeoutError::Disconnected(_)) => return Ok(false),
                Err(SendTimeoutError::Timeout(refused)) => {
                    self.control.check()?;
                    block = refused;
                }
            }
        }
    }
}

/// The reading end.
#[derive(Debug)]
pub struct Fed {
    receive: Receiver<Option<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
    ended: bool,
}

impl BufRead for Fed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.block.len() && !self.ended {
            self.at = 0;
            self.block.clear();
            match self.receive.recv() {
                Ok(Some(block)) => self.block = block,
                Ok(None) => self.ended = true,
                // Dropped without an end: the job is over, and what was read until now is not the whole.
                Err(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        Ok(&self.block[self.at..])
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
    }
}

impl Read for Fed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_read_and_the_result_comes_back() {
        let feed = Feed::start(&Arc::new(Control::new()), |mut fed| {
            let mut text = String::new();
            fed.read_to_string(&mut text).map_err(|error| EngineError::internal(error.to_string()))?;
            Ok(text)
        });
        let feed = feed.unwrap();
        assert!(feed.send(b"one ").unwrap() && feed.send(b"").unwrap() && feed.send(b"two").unwrap());
        assert_eq!(feed.finish().unwrap(), "one two");
    }

    #[test]
    fn work_that_has_enough_is_not_waited_for_and_a_panic_is_an_error() {
        let control = Arc::new(Control::new());
        let enough = Feed::start(&control, |_| Ok(1)).unwrap();
        while enough.send(b"more").unwrap() {}
        assert_eq!(enough.finish().unwrap(), 1);
        let broken: Feed<()> = Feed::start(&control, |_| panic!("as told")).unwrap();
        assert!(broken.finish().unwrap_err().to_string().contains("as told"));
    }

    #[test]
    fn a_cancel_ends_the_waiting_and_the_reader_knows_that_it_has_not_all() {
        let control = Arc::new(Control::new());
        let (tell, told) = crossbeam_channel::bounded(1);
        let (hold, held) = crossbeam_channel::bounded::<()>(0);
        let feed = Feed::start(&control, move |mut fed| {
            let _ = held.recv();
            let _ = tell.send(fed.read_to_end(&mut Vec::new()).map_err(|error| error.kind()));
            Ok(())
        });
        let feed = feed.unwrap();
        control.cancel();
        let refused = std::iter::repeat_with(|| feed.send(b"x")).find_map(std::result::Result::err);
        assert!(matches!(refused, Some(EngineError::Cancelled)));
        drop((feed, hold));
        assert_eq!(told.recv().unwrap(), Err(io::ErrorKind::BrokenPipe));
    }
}
