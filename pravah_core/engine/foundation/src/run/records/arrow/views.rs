//! Texts that are somewhere in the buffers of a column: gathered in one buffer, in which the views then point.

use arrow_buffer::Buffer;

use super::super::batches::Failed;
use super::stretch::{Scratch, Stretch};

/// A text of no more bytes is in its view.
const INLINE_BYTES: u64 = 12;
pub const VIEW_BYTES: u64 = 16;
/// Texts are read together with what is between them, up to so many bytes.
const GAP_BYTES: u64 = 4 << 10;
const RUN_BYTES: u64 = 1 << 20;

#[derive(Debug, Clone, Copy)]
struct Text {
    buffer: usize,
    at: u64,
    length: u64,
    /// Of its view.
    place: usize,
}

/// Views as they are in a buffer.
fn parsed(bytes: &[u8]) -> impl Iterator<Item = u128> + '_ {
    bytes.as_chunks::<16>().0.iter().map(|view| u128::from_le_bytes(*view))
}

/// The lengths of the texts of some views, those in their views included.
pub fn lengths(views: &[u8]) -> u64 {
    parsed(views).map(|view| u64::from(view as u32)).fold(0, u64::saturating_add)
}

/// The views, and the buffer that they point into.
///
/// # Errors
/// They point somewhere else, or reading fails.
pub fn gathered(
    views: &[u8],
    buffers: &mut [Stretch],
    scratch: &mut Scratch<'_>,
) -> Result<(Buffer, Option<Buffer>), Failed> {
    let mut views: Vec<u128> = parsed(views).collect();
    let mut texts: Vec<Text> = Vec::new();
    for (place, view) in views.iter().enumerate() {
        let length = u64::from(*view as u32);
        if length > INLINE_BYTES {
            texts.push(Text {
                buffer: ((view >> 64) as u32) as usize,
                at: u64::from((view >> 96) as u32),
                length,
                place,
            });
        }
    }
    if texts.is_empty() {
        return Ok((Buffer::from_vec(views), None));
    }
    texts.sort_unstable_by_key(|text| (text.buffer, text.at));
    let mut out = Vec::new();
    for run in texts.chunk_by(|one, next| {
        one.buffer == next.buffer
            && next.at <= one.at + one.length + GAP_BYTES
            && one.at / RUN_BYTES == next.at / RUN_BYTES
    }) {
        let (buffer, start) = (run[0].buffer, run[0].at);
        let end = run.iter().map(|text| text.at + text.length).max().unwrap_or(start);
        let buffer = buffers.get_mut(buffer).ok_or("a view points into a buffer that there is not")?;
        let bytes = buffer.read(start, end - start, scratch)?;
        for text in run {
            let from = usize::try_from(text.at - start)?;
            let at = u32::try_from(out.len())?;
            out.extend_from_slice(&bytes[from..from + usize::try_from(text.length)?]);
            // Its length and first bytes stay, its buffer is the first one.
            views[text.place] = views[text.place] & u128::from(u64::MAX) | u128::from(at) << 96;
        }
    }
    Ok((Buffer::from_vec(views), Some(Buffer::from_vec(out))))
}
