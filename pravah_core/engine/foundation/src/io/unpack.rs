//! What a compressed file holds, block by block, up to a limit that no honest file needs.

use std::io::{BufRead, ErrorKind, Read};

use crate::base::control::Control;
use crate::base::error::Result;
use crate::base::issue::IssueKind;
use crate::io::codec::{self, Codec};
use crate::io::digest::BLOCK_BYTES;

/// What is wrong with a compressed file.
#[derive(Debug)]
pub struct UnpackTrouble {
    /// Of what kind it is.
    pub kind: IssueKind,
    /// In words.
    pub message: String,
    /// All that the file holds was read.
    pub is_whole: bool,
}

impl UnpackTrouble {
    fn new(kind: IssueKind, message: String) -> Self {
        Self { kind, message, is_whole: false }
    }
}

/// A file that unpacks to more than so many times its size, and to more than so many bytes, is read up to there:
/// logs give 10 to 50, a bomb 1,000 and more.
const UNPACKED_TIMES: u64 = 250;
const UNPACKED_BYTES: u64 = 64 << 20;

/// What `size` bytes may unpack to.
pub fn limit(size: u64) -> u64 {
    size.saturating_mul(UNPACKED_TIMES).max(UNPACKED_BYTES)
}

/// Hand out what `packed`, a file of `size` bytes, holds: blocks of [`BLOCK_BYTES`], the last one shorter and said to
/// be the last. `take` gives false when it has seen enough. What is wrong with the file is returned.
///
/// # Errors
/// Those of `take`; [`crate::base::error::EngineError::Cancelled`].
pub fn blocks(
    (codec, packed, size): (Codec, impl BufRead, u64),
    control: &Control,
    mut take: impl FnMut(&[u8], bool) -> Result<bool>,
) -> Result<Option<UnpackTrouble>> {
    let limit = limit(size);
    let unpacked = match codec::decoder(codec, packed) {
        Ok(decoder) => decoder,
        Err(error) => {
            let message = format!("is not a valid {} stream: {error}", codec.name());
            return Ok(Some(UnpackTrouble::new(IssueKind::Malformed, message)));
        }
    };
    // One byte more than allowed tells that there is more.
    let mut unpacked = unpacked.take(limit + 1);
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    let mut trouble = None;
    loop {
        control.check()?;
        block.clear();
        let read = unpacked.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block);
        match &read {
            Err(error) if let Some(rubbish) = codec::rubbish(error) => {
                let (kind, message) = (IssueKind::Malformed, rubbish.to_string());
                trouble = Some(UnpackTrouble { kind, message, is_whole: rubbish.is_padding() });
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                trouble = Some(UnpackTrouble::new(IssueKind::Unsupported, error.to_string()));
            }
            Err(error) => {
                let message = format!("is a damaged {} stream: {error}", codec.name());
                trouble = Some(UnpackTrouble::new(IssueKind::Malformed, message));
            }
            Ok(_) if unpacked.limit() == 0 => {
                let message = format!("unpacks to more than {limit} bytes; only these were read");
                trouble = Some(UnpackTrouble::new(IssueKind::TooLarge, message));
                block.pop();
            }
            Ok(_) => {}
        }
        let last = read.is_err() || unpacked.limit() == 0 || block.len() < BLOCK_BYTES;
        if !take(&block, last)? || last {
            return Ok(trouble);
        }
    }
}
