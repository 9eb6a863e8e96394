//! Names are bytes: how they are shown without losing one.
//!
//! The shown form of a name is UTF-8 in which a backslash is `\\`, a newline is `\n`, and every other
//! control character and every byte that is not UTF-8 is `\xNN`. It is lossless: [`unescape`] gives the
//! bytes back.

use std::borrow::Cow;
use std::fmt::Write as _;

/// True when the shown form of `bytes` is `bytes` itself.
pub fn is_plain(bytes: &[u8]) -> bool {
    // One pass over the common case: printable ASCII without a backslash.
    if bytes.iter().all(|&byte| (0x20..0x7f).contains(&byte) && byte != b'\\') {
        return true;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => !text.chars().any(needs_escape),
        Err(_) => false,
    }
}

fn needs_escape(character: char) -> bool {
    character == '\\' || character.is_control()
}

/// The shown form of a name.
///
/// ```
/// use pravah_foundation::base::paths::escape;
/// assert_eq!(escape(b"a b"), "a b");
/// assert_eq!(escape(b"a\nb\xff\\"), r"a\nb\xff\\");
/// ```
pub fn escape(bytes: &[u8]) -> Cow<'_, str> {
    if is_plain(bytes)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => shown.push_str(r"\\"),
                '\n' => shown.push_str(r"\n"),
                control if control.is_control() => {
                    let mut buffer = [0; 4];
                    push_hex(&mut shown, control.encode_utf8(&mut buffer).as_bytes());
                }
                other => shown.push(other),
            }
        }
        push_hex(&mut shown, chunk.invalid());
    }
    Cow::Owned(shown)
}

fn push_hex(shown: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(shown, r"\x{byte:02x}");
    }
}

/// The bytes of a shown name, or `None` when `shown` is not such a form.
pub fn unescape(shown: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(shown.len());
    let mut rest = shown.as_bytes().iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next()? {
            b'\\' => bytes.push(b'\\'),
            b'n' => bytes.push(b'\n'),
            b'x' => bytes.push(hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?),
            _ => return None,
        }
    }
    Some(bytes)
}

/// By character: the value of a hexadecimal digit; of others more than that.
const HEX: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value] as usize] = value as u8;
        values[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// The value of one hexadecimal digit.
pub fn hex_digit(digit: u8) -> Option<u8> {
    let value = HEX[usize::from(digit)];
    (value < 16).then_some(value)
}

/// `directory/name`, or `name` when `directory` is the source itself (empty).
pub fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + name.len() + 1);
    join_into(&mut path, directory, name);
    path
}

/// [`join`] into a buffer that is cleared first.
pub fn join_into(path: &mut Vec<u8>, directory: &[u8], name: &[u8]) {
    path.clear();
    if !directory.is_empty() {
        path.extend_from_slice(directory);
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

/// The last part of a path.
pub fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

/// The extension of a file name: what follows the last dot, lower-case ASCII; empty for none.
///
/// A leading dot makes a hidden file, not an extension. More than 32 bytes are no extension: the bound
/// keeps the table of extensions small on hostile trees.
pub fn extension(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|&byte| byte == b'.') {
        Some(dot) if dot > 0 && name.len() - dot - 1 <= 32 => &name[dot + 1..],
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_is_lossless_on_every_byte() {
        let all: Vec<u8> = (0..=255).collect();
        let shown = escape(&all);
        assert_eq!(unescape(&shown).as_deref(), Some(&all[..]));
        assert!(!shown.chars().any(char::is_control));
    }

    #[test]
    fn extension_ignores_hidden_files_and_endless_suffixes() {
        assert_eq!(extension(b"a.tar.gz"), b"gz");
        assert_eq!(extension(b".bashrc"), b"");
        assert_eq!(extension(b"trailing."), b"");
        assert_eq!(extension(&[b"a.", &[b'x'; 33][..]].concat()), b"");
    }
}
