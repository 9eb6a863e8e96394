//! manifest: what is written is read back, and what others write is read, byte for byte.

use std::io::{self, Cursor};

use crate::common::tree::hostile_names;
use pravah_foundation::io::digest::{Algorithm, Digest};
use pravah_foundation::io::manifest::{
    Line, algorithm_of_name, algorithms_of_length, cannot_hold, parse_line, read, write_line,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const HEX: &str = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";

fn parsed(line: &[u8]) -> Line {
    parse_line(line).unwrap_or_else(|fault| panic!("{:?} {fault}", String::from_utf8_lossy(line))).unwrap()
}

fn written(algorithm: Algorithm, digest: &Digest, path: &[u8]) -> Vec<u8> {
    let mut line = Vec::new();
    write_line(&mut line, algorithm, digest, path);
    line
}

fn digest_of(algorithm: Algorithm) -> Digest {
    Digest::new(&(0..64).collect::<Vec<u8>>()[..algorithm.digest_bytes()])
}

#[test]
fn lines_have_gnus_form() {
    let digest = digest_of(Algorithm::Crc32c);
    let line = |path: &[u8]| written(Algorithm::Crc32c, &digest, path);
    assert_eq!(line(b"a b"), b"00010203  a b\n");
    assert_eq!(line(b"a\nb"), b"\\00010203  a\\nb\n");
    assert_eq!(line(b"a\rb\\c"), b"\\00010203  a\\rb\\\\c\n");
    assert_eq!(line(b"\xff"), b"00010203  \xff\n");
    let b3 = written(Algorithm::Blake3, &digest_of(Algorithm::Blake3), b"a\rb");
    assert!(b3.ends_with(b"  a\rb\n") && !b3.starts_with(b"\\"), "b3sum knows no escaped carriage return");
}

#[test]
fn hostile_names_are_read_back() {
    for algorithm in Algorithm::ALL {
        for name in hostile_names() {
            if cannot_hold(algorithm, &name).is_some() {
                continue;
            }
            let digest = digest_of(algorithm);
            let line = parsed(&written(algorithm, &digest, &name));
            assert_eq!((line.path, line.digest, line.algorithm), (name, digest, None));
        }
    }
}

#[test]
fn only_b3sum_cannot_hold_every_name() {
    for name in [&b"\xff"[..], "\u{fffd}".as_bytes(), b"ends\r"] {
        assert!(cannot_hold(Algorithm::Blake3, name).is_some());
        assert!(Algorithm::ALL[1..].iter().all(|algorithm| cannot_hold(*algorithm, name).is_none()));
    }
    assert!(cannot_hold(Algorithm::Blake3, "\u{e9}\r\n\\ x".as_bytes()).is_none());
}

#[test]
fn lines_of_every_form_are_read() {
    let digest = Digest::from_hex(HEX.as_bytes()).unwrap();
    let upper = HEX.to_uppercase();
    let cases: [(String, &[u8], Option<Algorithm>); 15] = [
        (format!("{HEX}  a"), b"a", None),
        (format!("{HEX} *a"), b"a", None),
        (format!("{HEX} a"), b"a", None),
        (format!("{HEX}\ta"), b"a", None),
        (format!("{HEX}   leading"), b" leading", None),
        (format!("{HEX}  *star"), b"*star", None),
        (format!("{HEX} **star"), b"*star", None),
        (format!(" \t{upper}  a\r\n"), b"a", None),
        (format!("\\{HEX}  a\\nb\\\\c\\rd"), b"a\nb\\c\rd", None),
        (format!("{HEX}  a\\nb"), b"a\\nb", None),
        (format!("SHA256 (a) = {HEX}"), b"a", Some(Algorithm::Sha256)),
        (format!("SHA256 (a) = b) = {HEX}"), b"a) = b", Some(Algorithm::Sha256)),
        (format!("BLAKE3 (a (b)) = {HEX}\r\n"), b"a (b)", Some(Algorithm::Blake3)),
        (format!("SHA2-256(a)= {upper}"), b"a", Some(Algorithm::Sha256)),
        (format!("\\sha256 (a\\nb) = {HEX}"), b"a\nb", Some(Algorithm::Sha256)),
    ];
    for (text, path, algorithm) in cases {
        let expected = Line { algorithm, digest, parts: None, is_quoted: false, path: path.to_vec() };
        assert_eq!(parsed(text.as_bytes()), expected, "{text:?}");
    }
    for (text, parts, is_quoted) in [
        (format!("\"{HEX}\"\ta"), None, true),
        (format!("\"{HEX}-12\"\ta"), Some(12), true),
        (format!("{HEX}-10000  a"), Some(10_000), false),
    ] {
        let parts = parts.and_then(std::num::NonZeroU32::new);
        let expected = Line { algorithm: None, digest, parts, is_quoted, path: b"a".to_vec() };
        assert_eq!(parsed(text.as_bytes()), expected, "{text:?}");
        assert!(expected.is_etag());
    }
    for blank in ["", "\n", "\r\n", "  \n", "# comment\n", "  # comment"] {
        assert_eq!(parse_line(blank.as_bytes()), Ok(None), "{blank:?}");
    }
}

#[test]
fn lines_that_are_none_have_a_fault_in_words() {
    let cases = [
        (HEX.to_owned(), "no file name"),
        (format!("{HEX}-3"), "no file name"),
        (format!("{HEX}-0  a"), "without a number of parts"),
        (format!("{HEX}-  a"), "without a number of parts"),
        (format!("{HEX}-99999999999  a"), "without a number of parts"),
        (format!("\"{HEX}-3\ta"), "one quotation mark"),
        (format!("\"{HEX}\ta"), "one quotation mark"),
        (format!("{HEX}  "), "no usable file name"),
        (format!("{}  a", &HEX[1..]), "no hexadecimal digest"),
        (format!("{HEX}{HEX}{HEX}  a"), "no hexadecimal digest"),
        ("  prose".into(), "is not"),
        (format!("{HEX}  a\0b"), "no usable file name"),
        (format!("\\{HEX}  a\\tb"), "invalid escape"),
        (format!("\\{HEX}  a\\"), "invalid escape"),
        (format!("MD5 (a) = {HEX}"), "wrong length"),
        (format!("XXH3 (a) = {}", &HEX[..16]), "wrong length"),
        (format!("SHA256 () = {HEX}"), "no usable file name"),
        (format!("SHA512 (a) = {HEX}"), "wrong length"),
        (format!("SHA384 (a) = {HEX}"), "an algorithm that is not supported"),
        (format!("SHA256 )a( = {HEX}"), "is not"),
    ];
    for (text, words) in cases {
        let fault = parse_line(text.as_bytes()).unwrap_err();
        assert!(fault.contains(words), "{text:?}: {fault}");
    }
}

fn all(content: &[u8]) -> Vec<(u64, Result<Line, &'static str>)> {
    let mut lines = Vec::new();
    let visit = |number, line| -> io::Result<()> {
        lines.push((number, line));
        Ok(())
    };
    read(Cursor::new(content), visit).unwrap();
    lines
}

#[test]
fn files_are_read_with_line_numbers() {
    let text = format!("\u{feff}{HEX}  a\r\n# comment\r\n\r\nnonsense\r\n{HEX}  b");
    let lines = all(text.as_bytes());
    let paths: Vec<_> =
        lines.iter().map(|(number, line)| (*number, line.as_ref().map(|line| line.path.clone()))).collect();
    assert_eq!(paths.len(), 3);
    assert_eq!(paths[0], (1, Ok(b"a".to_vec())));
    assert!(matches!(paths[1], (4, Err(_))));
    assert_eq!(paths[2], (5, Ok(b"b".to_vec())));
    let long = [&b"x".repeat(5 << 20)[..], format!("\n{HEX}  b\n").as_bytes()].concat();
    let lines = all(&long);
    assert_eq!(lines[0], (1, Err("is longer than 1 MiB")));
    assert_eq!((lines[1].0, lines.len()), (2, 2));
    assert_eq!(all(&b"x".repeat(5 << 20)).len(), 1, "also without an end");
    // Exactly the limit, with and without its newline.
    for length in [(1 << 20) - 1, 1 << 20, (1 << 20) + 1] {
        let name = "n".repeat(length - 66);
        let lines = all(format!("{HEX}  {name}\n{HEX}  b\n").as_bytes());
        assert_eq!(lines.len(), 2, "{length}");
        assert_eq!(lines[1].1.as_ref().unwrap().path, b"b", "{length}");
        assert_eq!(lines[0].1.is_ok(), length < 1 << 20, "{length}");
    }
}

#[test]
fn lines_may_end_with_a_nul_byte() {
    // As coreutils writes them with --zero: no name is escaped.
    let text = format!("{HEX}  a\nb\0{HEX} *c\\n\0{HEX}  d\r\0nonsense\0");
    let lines = all(text.as_bytes());
    let paths: Vec<_> = lines.iter().filter_map(|(_, line)| line.as_ref().ok().map(|line| &line.path[..])).collect();
    assert_eq!(paths, [&b"a\nb"[..], b"c\\n", b"d\r"]);
    assert!(matches!(lines[3], (4, Err(_))));
    // A NUL byte in another first line ends none.
    assert_eq!(all(format!("x\0\n{HEX}  b\n").as_bytes()).len(), 2);
    let lines = all(format!("{HEX}  a\n{HEX}  b\0c\n").as_bytes());
    assert!(lines[0].1.is_ok() && lines[1].1.is_err(), "{lines:?}");
}

#[test]
fn a_visitor_may_stop_the_reading() {
    let text = format!("{HEX}  a\n{HEX}  b\n");
    let mut seen = 0;
    let stopped = read(Cursor::new(text), |_, _| -> io::Result<()> {
        seen += 1;
        Err(io::Error::other("enough"))
    });
    assert_eq!((stopped.unwrap_err().to_string(), seen), ("enough".into(), 1));
}

#[test]
fn names_tell_algorithms() {
    let cases = [
        ("SHA256SUMS", Some(Algorithm::Sha256)),
        ("x.sha256", Some(Algorithm::Sha256)),
        ("sha-256.txt", Some(Algorithm::Sha256)),
        ("lib3.sha256", Some(Algorithm::Sha256)),
        ("manifest.b3", Some(Algorithm::Blake3)),
        ("B3SUMS", Some(Algorithm::Blake3)),
        ("x.blake3", Some(Algorithm::Blake3)),
        ("MD5SUMS", Some(Algorithm::Md5)),
        ("checksums.sha1", Some(Algorithm::Sha1)),
        ("SHA512SUMS", Some(Algorithm::Sha512)),
        ("manifest.xxh3", Some(Algorithm::Xxh3)),
        ("manifest.crc32c", Some(Algorithm::Crc32c)),
        ("checksums.txt", None),
        ("lib3", None),
        ("", None),
    ];
    for (name, algorithm) in cases {
        assert_eq!(algorithm_of_name(name.as_bytes()), algorithm, "{name}");
    }
    for algorithm in Algorithm::ALL {
        let name = format!("manifest.{}", algorithm.manifest_extension());
        assert_eq!(algorithm_of_name(name.as_bytes()), Some(algorithm));
        assert!(algorithms_of_length(algorithm.digest_bytes()).contains(&algorithm));
    }
    assert!(algorithms_of_length(33).is_empty());
}

#[test]
fn digests_are_written_and_read_as_hexadecimal() {
    for algorithm in Algorithm::ALL {
        let digest = digest_of(algorithm);
        let hex = digest.to_hex();
        assert_eq!(hex.len(), 2 * algorithm.digest_bytes());
        assert_eq!(Digest::from_hex(hex.as_bytes()), Some(digest));
        assert_eq!(Digest::from_hex(hex.to_uppercase().as_bytes()), Some(digest));
    }
    for bad in ["", "0", "0g", &"0".repeat(130)] {
        assert_eq!(Digest::from_hex(bad.as_bytes()), None, "{bad}");
    }
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    proptest::sample::select(Algorithm::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000, rng_seed: RngSeed::Fixed(0x3a21_fe57), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_written_is_read_back(
        files in proptest::collection::vec((algorithm(), proptest::collection::vec(1..=255u8, 1..40)), 1..8)
    ) {
        let mut text = Vec::new();
        let mut expected = Vec::new();
        for (algorithm, path) in files {
            if cannot_hold(algorithm, &path).is_none() {
                text.extend(written(algorithm, &digest_of(algorithm), &path));
                expected.push((path, digest_of(algorithm)));
            }
        }
        let lines = all(&text).into_iter().map(|(_, line)| line.map(|line| (line.path, line.digest)));
        prop_assert_eq!(lines.collect::<Result<Vec<_>, _>>(), Ok(expected));
    }

    #[test]
    fn any_bytes_give_lines_or_faults(content in proptest::collection::vec(any::<u8>(), 0..300)) {
        for (_, line) in all(&content) {
            if let Ok(line) = line {
                prop_assert!(!line.path.is_empty() && !line.path.contains(&0));
                prop_assert!((1..=32).contains(&line.digest.as_bytes().len()));
            }
        }
    }
}
