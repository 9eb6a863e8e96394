//! Lists of digests as `sha256sum`, `md5sum`, `b3sum` and BSD's `--tag` write them.
//!
//! Source: GNU coreutils manual, "md5sum invocation" (escaping, text and binary markers, `--tag`);
//! b3sum's README (same lines, names must be UTF-8).

use std::io::{self, BufRead};

use crate::digest::{Algorithm, Digest};

/// A longer line is malformed: no path is longer on Linux, also when every byte is escaped.
const LINE_BYTES: u64 = 1 << 20;

/// One line's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The algorithm, where the line names it (BSD tags).
    pub algorithm: Option<Algorithm>,
    /// The digest.
    pub digest: Digest,
    /// The name as written, unescaped.
    pub path: Vec<u8>,
}

/// Append a line in GNU form. `b3sum` knows no `\r` escape and takes the byte as it is.
pub fn write_line(out: &mut Vec<u8>, algorithm: Algorithm, digest: &Digest, path: &[u8], hex: &mut String) {
    let special = |byte: &u8| matches!(byte, b'\n' | b'\\') || (*byte == b'\r' && algorithm != Algorithm::Blake3);
    let escape = path.iter().any(special);
    if escape {
        out.push(b'\\');
    }
    hex.clear();
    digest.write_hex(hex);
    out.extend_from_slice(hex.as_bytes());
    out.extend_from_slice(b"  ");
    if !escape {
        out.extend_from_slice(path);
    } else {
        for &byte in path {
            match byte {
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' if algorithm != Algorithm::Blake3 => out.extend_from_slice(b"\\r"),
                b'\\' => out.extend_from_slice(b"\\\\"),
                other => out.push(other),
            }
        }
    }
    out.push(b'\n');
}

/// Read one line; `Ok(None)` for a blank line or comment.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse_line(line: &[u8]) -> Result<Option<Line>, &'static str> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let (escaped, body) = match line.strip_prefix(b"\\") {
        Some(body) => (true, body),
        None => (false, line),
    };
    let (algorithm, hex, name) = match parse_tag(body) {
        Some((algorithm, name, hex)) => (Some(algorithm), hex, name),
        None => {
            let end = body.iter().position(|byte| !byte.is_ascii_hexdigit()).ok_or("has no file name")?;
            let (hex, rest) = body.split_at(end);
            let name = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *")).ok_or("is not «digest  name»")?;
            (None, hex, name)
        }
    };
    let digest = Digest::from_hex(hex).ok_or("has no hexadecimal digest")?;
    if algorithm.is_some_and(|algorithm| algorithm.digest_bytes() * 2 != hex.len()) {
        return Err("has a digest of the wrong length for its algorithm");
    }
    let path = if escaped { unescape(name).ok_or("has a broken escape in its name")? } else { name.to_vec() };
    if path.is_empty() || path.contains(&0) {
        return Err("has no usable file name");
    }
    Ok(Some(Line { algorithm, digest, path }))
}

/// `SHA256 (name) = hex`.
fn parse_tag(body: &[u8]) -> Option<(Algorithm, &[u8], &[u8])> {
    let open = body.iter().position(|&byte| byte == b'(')?;
    let algorithm = algorithm_of_tag(body[..open].strip_suffix(b" ")?)?;
    let close = body.windows(4).rposition(|window| window == b") = ")?;
    (close > open).then(|| (algorithm, &body[open + 1..close], &body[close + 4..]))
}

fn algorithm_of_tag(tag: &[u8]) -> Option<Algorithm> {
    match tag.to_ascii_uppercase().as_slice() {
        b"BLAKE3" => Some(Algorithm::Blake3),
        b"SHA256" => Some(Algorithm::Sha256),
        b"SHA1" => Some(Algorithm::Sha1),
        b"MD5" => Some(Algorithm::Md5),
        b"XXH3" | b"XXH128" | b"XXH3_128" => Some(Algorithm::Xxh3),
        b"CRC32C" => Some(Algorithm::Crc32c),
        _ => None,
    }
}

fn unescape(name: &[u8]) -> Option<Vec<u8>> {
    let mut path = Vec::with_capacity(name.len());
    let mut rest = name.iter();
    while let Some(&byte) = rest.next() {
        path.push(match byte {
            b'\\' => match rest.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b'\\' => b'\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(path)
}

/// The algorithm that a manifest's file name tells: `SHA256SUMS`, `x.md5`, `manifest.b3`.
pub fn algorithm_of_name(name: &[u8]) -> Option<Algorithm> {
    let lower = name.to_ascii_lowercase();
    let has = |part: &[u8]| lower.windows(part.len()).any(|window| window == part);
    let table: [(&[u8], Algorithm); 9] = [
        (b"blake3", Algorithm::Blake3),
        (b"b3", Algorithm::Blake3),
        (b"sha256", Algorithm::Sha256),
        (b"sha1", Algorithm::Sha1),
        (b"md5", Algorithm::Md5),
        (b"xxh128", Algorithm::Xxh3),
        (b"xxh3", Algorithm::Xxh3),
        (b"crc32c", Algorithm::Crc32c),
        (b"sha-256", Algorithm::Sha256),
    ];
    table.iter().find(|(part, _)| has(part)).map(|&(_, algorithm)| algorithm)
}

/// The algorithms whose digests are `bytes` long, the likeliest first.
pub fn algorithms_of_length(bytes: usize) -> Vec<Algorithm> {
    let likely =
        [Algorithm::Sha256, Algorithm::Blake3, Algorithm::Sha1, Algorithm::Md5, Algorithm::Xxh3, Algorithm::Crc32c];
    likely.into_iter().filter(|algorithm| algorithm.digest_bytes() == bytes).collect()
}

/// Read a manifest line by line: `visit` gets the line's number from 1 and its content or its fault.
///
/// # Errors
/// The system's error, or the first that `visit` returns.
pub fn read<E: From<io::Error>>(
    mut reader: impl BufRead,
    mut visit: impl FnMut(u64, Result<Line, &'static str>) -> Result<(), E>,
) -> Result<(), E> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let read = io::Read::take(&mut reader, LINE_BYTES).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        if read as u64 == LINE_BYTES && line.last() != Some(&b'\n') {
            skip_line(&mut reader)?;
            visit(number, Err("is longer than 1 MiB"))?;
            continue;
        }
        match parse_line(&line) {
            Ok(None) => {}
            Ok(Some(line)) => visit(number, Ok(line))?,
            Err(fault) => visit(number, Err(fault))?,
        }
    }
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let available = reader.fill_buf()?;
        let newline = available.iter().position(|&byte| byte == b'\n');
        let used = newline.map_or(available.len(), |at| at + 1);
        let ended = newline.is_some() || available.is_empty();
        reader.consume(used);
        if ended {
            return Ok(());
        }
    }
}
