//! What of a text its dialect is told from.

/// Bytes that are looked at.
const SAMPLE_BYTES: usize = 256 << 10;
/// Lines that a sample has at least: of longer ones it takes more.
const SAMPLE_LINES: usize = 16;

/// What is looked at of a text that begins with `start`: whole records of its beginning.
pub fn sample(start: &[u8]) -> &[u8] {
    if start.len() <= SAMPLE_BYTES {
        return start;
    }
    let mut ends = memchr::memchr2_iter(b'\n', b'\r', start);
    let lines_end = ends.nth(SAMPLE_LINES - 1).map_or(start.len(), |end| end + 1);
    let sample = &start[..lines_end.max(SAMPLE_BYTES)];
    // The last record may be cut.
    memchr::memrchr2(b'\n', b'\r', sample).map_or(sample, |end| &sample[..=end])
}
