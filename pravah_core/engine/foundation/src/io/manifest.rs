//! Lists of digests as `sha256sum`, `md5sum`, `b3sum` and BSD's `--tag` write them, and of S3 ETags as
//! `aws s3api list-objects-v2 --query 'Contents[].[ETag,Key]' --output text` does: `"md5-parts"`, a tab, the key. In
//! UTF-8, or in UTF-16 with a byte order mark, as PowerShell writes files.
//!
//! Source: GNU coreutils manual, "md5sum invocation" (escaping, text and binary markers, `--tag`) and its
//! `split_3` (leading blanks, one blank before the name, OpenSSL's `NAME(file)= digest`); b3sum's source (same
//! lines, names must be UTF-8).

use std::io::{self, BufRead};
use std::num::NonZeroU32;

use crate::io::digest::{Algorithm, Digest};

/// A longer line, or path, is malformed: it bounds memory, and no tool opens a path of that length.
pub const LONGEST_LINE: usize = 1 << 20;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// One line's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The algorithm, where the line names it (BSD tags).
    pub algorithm: Option<Algorithm>,
    /// The digest.
    pub digest: Digest,
    /// Of how many parts it is the digest of the digests: what follows the dash of an S3 ETag.
    pub parts: Option<NonZeroU32>,
    /// True when it stands in quotation marks, as ETags do.
    pub is_quoted: bool,
    /// The name as written, unescaped.
    pub path: Vec<u8>,
}

impl Line {
    /// True when it can only be an S3 ETag.
    pub fn is_etag(&self) -> bool {
        self.is_quoted || self.parts.is_some()
    }
}

/// Why a manifest of this algorithm cannot list `path` so that the tool that reads it finds it; none when it can.
pub fn cannot_hold(algorithm: Algorithm, path: &[u8]) -> Option<&'static str> {
    if algorithm != Algorithm::Blake3 {
        return None;
    }
    match std::str::from_utf8(path) {
        Err(_) => Some("whose format supports only UTF-8 names"),
        Ok(text) if text.contains('\u{fffd}') => Some("whose readers reject U+FFFD in a name"),
        // Newer versions of b3sum take it for a line's end; older ones do not know it escaped.
        Ok(text) if text.ends_with('\r') => Some("whose readers disagree on a name that ends with a carriage return"),
        Ok(_) => None,
    }
}

/// Append a line in GNU form. `b3sum` knows no `\r` escape and takes the byte as it is.
pub fn write_line(out: &mut Vec<u8>, algorithm: Algorithm, digest: &Digest, path: &[u8]) {
    let special = |byte: &u8| matches!(byte, b'\n' | b'\\') || (*byte == b'\r' && algorithm != Algorithm::Blake3);
    let escape = path.iter().any(special);
    if escape {
        out.push(b'\\');
    }
    digest.with_hex(|hex| out.extend_from_slice(hex.as_bytes()));
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
    // No name ends so: coreutils writes it escaped, and see [`cannot_hold`].
    parse(line.strip_suffix(b"\r").unwrap_or(line), true)
}

/// Read a line without its end. Where NUL bytes end lines, nothing in a name is escaped.
fn parse(line: &[u8], may_escape: bool) -> Result<Option<Line>, &'static str> {
    let line = line.trim_ascii_start();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let (escaped, body) = match line.strip_prefix(b"\\").filter(|_| may_escape) {
        Some(body) => (true, body),
        None => (false, line),
    };
    let Written { algorithm, hex, parts, is_quoted, name } = match parse_tag(body) {
        Some(written) => written,
        None => parse_plain(body).map_err(|fault| if is_of_other(body) { OTHER_ALGORITHM } else { fault })?,
    };
    let digest = Digest::from_hex(hex).ok_or("has no hexadecimal digest")?;
    if algorithm.is_some_and(|algorithm| algorithm.digest_bytes() * 2 != hex.len()) {
        return Err("has a digest of the wrong length for its algorithm");
    }
    let path = if escaped { unescape(name).ok_or("has an invalid escape in its name")? } else { name.to_vec() };
    if path.is_empty() || path.contains(&0) {
        return Err("has no usable file name");
    }
    Ok(Some(Line { algorithm, digest, parts, is_quoted, path }))
}

/// A line's parts as they are written.
struct Written<'a> {
    algorithm: Option<Algorithm>,
    hex: &'a [u8],
    parts: Option<NonZeroU32>,
    is_quoted: bool,
    name: &'a [u8],
}

/// `hex  name`, `hex *name`; with one blank also BSD's `-r` form, `hex name`. The digest may be an ETag, `"hex-parts"`
/// with or without its quotation marks.
fn parse_plain(body: &[u8]) -> Result<Written<'_>, &'static str> {
    let (is_quoted, body) = body.strip_prefix(b"\"").map_or((false, body), |body| (true, body));
    let end = body.iter().position(|byte| !byte.is_ascii_hexdigit()).ok_or("has no file name")?;
    let (hex, rest) = body.split_at(end);
    let (parts, rest) = match rest.strip_prefix(b"-") {
        None => (None, rest),
        Some(rest) => {
            let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).ok_or("has no file name")?;
            let (digits, rest) = rest.split_at(digits);
            let parts = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            (Some(parts.ok_or("has an ETag without a number of parts")?), rest)
        }
    };
    let rest =
        if is_quoted { rest.strip_prefix(b"\"").ok_or("has an ETag with only one quotation mark")? } else { rest };
    let name = match rest {
        [b' ', b' ' | b'*', name @ ..] | [b' ' | b'\t', name @ ..] => name,
        _ => return Err("is not in the form 'digest  name'"),
    };
    Ok(Written { algorithm: None, hex, parts, is_quoted, name })
}

/// `SHA256 (name) = hex`, or OpenSSL's `SHA256(name)= hex`.
fn parse_tag(body: &[u8]) -> Option<Written<'_>> {
    let open = body.iter().position(|&byte| byte == b'(')?;
    let algorithm = Some(algorithm_of_tag(body[..open].trim_ascii_end())?);
    let close = body.iter().rposition(|&byte| byte == b')')?;
    let hex = body[close + 1..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
    let written = |name| Written { algorithm, hex, parts: None, is_quoted: false, name };
    (close > open).then(|| written(&body[open + 1..close]))
}

const OTHER_ALGORITHM: &str = "has a digest of an algorithm that is not supported";

/// Parts of the names of algorithms that are not computed, as tags and names of files have them.
const OTHERS: [(&[u8], &str); 10] = [
    (b"sha384", "SHA-384"),
    (b"sha-384", "SHA-384"),
    (b"sha224", "SHA-224"),
    (b"sha3", "SHA-3"),
    (b"sha512/", "SHA-512/t"),
    (b"blake2", "BLAKE2"),
    (b"b2sum", "BLAKE2"),
    (b"rmd160", "RIPEMD-160"),
    (b"ripemd", "RIPEMD-160"),
    (b"whirlpool", "Whirlpool"),
];

/// The algorithm that is not supported and that a manifest's file name tells, or a tag.
pub fn other_algorithm_of(name: &[u8]) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    OTHERS.iter().find(|(part, _)| memchr::memmem::find(&lower, part).is_some()).map(|&(_, name)| name)
}

/// True for a line with the tag of such an algorithm.
fn is_of_other(body: &[u8]) -> bool {
    body.iter().position(|&byte| byte == b'(').is_some_and(|open| other_algorithm_of(&body[..open]).is_some())
}

fn algorithm_of_tag(tag: &[u8]) -> Option<Algorithm> {
    match tag.to_ascii_uppercase().as_slice() {
        b"BLAKE3" => Some(Algorithm::Blake3),
        b"SHA256" | b"SHA2-256" => Some(Algorithm::Sha256),
        b"SHA512" | b"SHA2-512" => Some(Algorithm::Sha512),
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
    let table: [(&[u8], Algorithm); 13] = [
        (b"blake3", Algorithm::Blake3),
        (b"b3sum", Algorithm::Blake3),
        (b"sha256", Algorithm::Sha256),
        (b"sha-256", Algorithm::Sha256),
        (b"sha512", Algorithm::Sha512),
        (b"sha-512", Algorithm::Sha512),
        (b"sha1", Algorithm::Sha1),
        (b"sha-1", Algorithm::Sha1),
        (b"md5", Algorithm::Md5),
        (b"xxh128", Algorithm::Xxh3),
        (b"xxh3", Algorithm::Xxh3),
        (b"crc32c", Algorithm::Crc32c),
        (b".b3", Algorithm::Blake3),
    ];
    table.iter().find(|(part, _)| has(part)).map(|&(_, algorithm)| algorithm)
}

/// The algorithms whose digests are `bytes` long, the likeliest first.
pub fn algorithms_of_length(bytes: usize) -> Vec<Algorithm> {
    let mut likely: Vec<Algorithm> =
        Algorithm::ALL.into_iter().filter(|algorithm| algorithm.digest_bytes() == bytes).collect();
    likely.sort_by_key(|algorithm| *algorithm != Algorithm::Sha256);
    likely
}

/// Read a manifest line by line: `visit` gets the line's number from 1 and its content or its fault. A byte
/// order mark before the first line is no part of it. Lines end with a NUL byte where the first one does (`--zero`).
///
/// # Errors
/// The system's error, or the first that `visit` returns.
pub fn read<E: From<io::Error>>(
    mut reader: impl BufRead,
    visit: impl FnMut(u64, Result<Line, &'static str>) -> Result<(), E>,
) -> Result<(), E> {
    let encoding = match reader.fill_buf()? {
        [0xff, 0xfe, ..] => encoding_rs::UTF_16LE,
        [0xfe, 0xff, ..] => encoding_rs::UTF_16BE,
        _ => return read_bytes(reader, visit),
    };
    let decoder = Some(encoding.new_decoder_without_bom_handling());
    read_bytes(Wide { inner: reader, decoder, text: String::new(), at: 0 }, visit)
}

/// A reader of UTF-16, as UTF-8.
struct Wide<R> {
    inner: R,
    /// None at the end.
    decoder: Option<encoding_rs::Decoder>,
    text: String,
    /// How much of the text was read.
    at: usize,
}

impl<R: BufRead> io::Read for Wide<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Wide<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.text.len() {
            let Some(decoder) = &mut self.decoder else { break };
            let bytes = self.inner.fill_buf()?;
            let last = bytes.is_empty();
            self.text.clear();
            self.at = 0;
            self.text.reserve(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or_default());
            let (_, read, _) = decoder.decode_to_string(bytes, &mut self.text, last);
            self.inner.consume(read);
            if last {
                self.decoder = None;
            }
        }
        Ok(&self.text.as_bytes()[self.at..])
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
    }
}

fn read_bytes<E: From<io::Error>>(
    mut reader: impl BufRead,
    mut visit: impl FnMut(u64, Result<Line, &'static str>) -> Result<(), E>,
) -> Result<(), E> {
    let is_zero = ends_with_nul(reader.fill_buf()?);
    let end = if is_zero { 0 } else { b'\n' };
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let read = io::Read::take(&mut reader, LONGEST_LINE as u64).read_until(end, &mut line)?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        if read as u64 == LONGEST_LINE as u64 && line.last() != Some(&end) {
            skip_line(&mut reader, end)?;
            visit(number, Err("is longer than 1 MiB"))?;
            continue;
        }
        let content = if number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line) } else { &line };
        let parsed = match is_zero {
            true => parse(content.strip_suffix(&[0]).unwrap_or(content), false),
            false => parse_line(content),
        };
        match parsed {
            Ok(None) => {}
            Ok(Some(line)) => visit(number, Ok(line))?,
            Err(fault) => visit(number, Err(fault))?,
        }
    }
}

/// True when the first line of a manifest that begins so ends with a NUL byte. Its name may hold the ends of lines, and
/// what follows one of these is no line.
fn ends_with_nul(start: &[u8]) -> bool {
    let is_line = |line: &[u8]| matches!(parse(line, false), Ok(Some(_)));
    let Some(end) = memchr::memchr(0, start) else { return false };
    let mut lines = start[..end].split(|byte| *byte == b'\n');
    lines.next().is_some_and(is_line) && !lines.any(is_line)
}

fn skip_line(reader: &mut impl BufRead, end: u8) -> io::Result<()> {
    loop {
        let available = reader.fill_buf()?;
        let newline = available.iter().position(|&byte| byte == end);
        let used = newline.map_or(available.len(), |at| at + 1);
        let ended = newline.is_some() || available.is_empty();
        reader.consume(used);
        if ended {
            return Ok(());
        }
    }
}
