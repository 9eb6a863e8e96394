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
    whole_records(&start[..lines_end.max(SAMPLE_BYTES)], true)
}

/// Without the last record where it may be cut.
fn whole_records(sample: &[u8], is_cut: bool) -> &[u8] {
    match memchr::memrchr2(b'\n', b'\r', sample) {
        Some(end) if is_cut => &sample[..=end],
        _ => sample,
    }
}
