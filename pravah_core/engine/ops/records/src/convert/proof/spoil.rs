//! A fault that tests ask for: with `PRAVAH_FAULT=spoil`, the last digit of each converted file becomes another one before
//! the file is read back, as by a writer or a disk that changes a value. Other faults are in
//! [`pravah_foundation::base::lasting`].

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes at the end of the file among which the digit is.
const END: usize = 4096;

/// Change a file, if a test asks for it.
///
/// # Errors
/// The system's.
pub fn spoil(file: &File) -> io::Result<()> {
    if std::env::var_os("PRAVAH_FAULT").is_none_or(|fault| fault != "spoil") {
        return Ok(());
    }
    let size = file.metadata()?.len();
    let from = size.saturating_sub(END as u64);
    let mut end = vec![0; (size - from) as usize];
    file.read_exact_at(&mut end, from)?;
    match end.iter().rposition(u8::is_ascii_digit) {
        Some(at) => file.write_all_at(&[if end[at] == b'9' { b'1' } else { end[at] + 1 }], from + at as u64),
        None => Ok(()),
    }
}
