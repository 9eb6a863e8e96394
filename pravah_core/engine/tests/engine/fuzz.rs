//! The parsers of manifests, job specifications, shown names, delimited text and JSON Lines against mutated input.
//!
//! `cargo-fuzz` needs a nightly compiler, which the project does without. This generator mutates a corpus for
//! `PRAVAH_FUZZ_SECONDS` (2) a parser, for a part of that where a short time reaches all there is. A failure prints
//! the seed, the round and the input; `PRAVAH_TEST_SEED` repeats a run.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::run::spec;
use crate::common::tree::{Tree, hostile_names};
use pravah_engine::JobSpec;
use pravah_foundation::base::control::Control;
use pravah_foundation::base::paths;
use pravah_foundation::io::digest::Algorithm;
use pravah_foundation::io::manifest;
use pravah_foundation::tabular::csv::{Asked, CsvSplitter, Cutter, Dialect, Marker};
use pravah_foundation::tabular::json;
use pravah_foundation::tabular::json::Learner;
use pravah_foundation::tabular::split::Split;
use serde_json::json;

/// xorshift64*: the same numbers everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Change an input in one of the ways that parsers stumble over.
fn mutate(random: &mut Random, input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&[u8]]) {
    let at = random.below(input.len() + 1);
    let end = (at + 1 + random.below(16)).min(input.len());
    match random.below(9) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.next() as u8,
        2 => input.truncate(at),
        3 if at < end => drop(input.drain(at..end)),
        4 => {
            let word = words[random.below(words.len())];
            input.splice(at..at, word.iter().copied());
        }
        5 if at < end => {
            let repeated = input[at..end].repeat(1 + random.below(40));
            input.splice(at..at, repeated);
        }
        6 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        7 if at < end => {
            let word = words[random.below(words.len())];
            input.splice(at..end, word.iter().copied());
        }
        _ => input.insert(at, [b'\n', b'\r', b'\\', 0, 0xff, b' ', b'"'][random.below(7)]),
    }
    input.truncate(1 << 16);
}

pub fn fuzz(target: &str, part: f64, corpus: &[Vec<u8>], words: &[&[u8]], check: impl Fn(&[u8])) {
    let seconds = std::env::var("PRAVAH_FUZZ_SECONDS").map_or(2.0, |text| text.parse().unwrap());
    let by_clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var("PRAVAH_TEST_SEED").map_or(by_clock, |text| text.parse().unwrap());
    let end = Instant::now() + Duration::from_secs_f64(seconds * part);
    let mut random = Random(seed | 1);
    let mut rounds = 0u64;
    println!("{target}: PRAVAH_TEST_SEED={seed}");
    corpus.iter().for_each(|input| check(input));
    while Instant::now() < end {
        let mut input = corpus[random.below(corpus.len())].clone();
        for _ in 0..=random.below(6) {
            mutate(&mut random, &mut input, corpus, words);
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
            eprintln!("{target}: PRAVAH_TEST_SEED={seed}, round {rounds}, input b\"{}\"", input.escape_ascii());
            std::panic::resume_unwind(panic);
        }
        rounds += 1;
    }
    println!("{target}: {rounds} inputs");
    assert!(rounds > 0, "not one input within the time");
}

#[test]
fn manifests() {
    let hex = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
    let mut corpus: Vec<Vec<u8>> = [
        format!("{hex}  a\n{hex} *b c\n"),
        format!("\\{hex}  new\\nline\\\\\n"),
        format!("SHA256 (a) = {hex}\nMD5 (b) = {}\n", &hex[..32]),
        format!("SHA2-256(a)= {hex}\r\n"),
        format!("\u{feff}{} a\r\n", &hex[..40]),
        "# comment\n\n\n".into(),
    ]
    .map(String::into_bytes)
    .to_vec();
    for name in hostile_names() {
        let mut line = Vec::new();
        let digest = pravah_foundation::io::digest::Digest::from_hex(hex.as_bytes()).unwrap();
        manifest::write_line(&mut line, Algorithm::Sha256, &digest, &name);
        corpus.push(line);
    }
    let words: [&[u8]; 14] = [
        b"  ",
        b" *",
        b") = ",
        b" (",
        b"(",
        b"=",
        b"\\n",
        b"\\",
        b"SHA256 (",
        b"BLAKE3 (",
        b"\xef\xbb\xbf",
        b"\r\n",
        b"00",
        b"#",
    ];
    fuzz("manifests", 1.0, &corpus, &words, |input| {
        let mut number_before = 0;
        let visit = |number, line: Result<manifest::Line, &'static str>| -> io::Result<()> {
            assert!(number > number_before);
            number_before = number;
            match line {
                Err(fault) => assert!(!fault.is_empty()),
                Ok(line) => {
                    assert!(!line.path.is_empty() && !line.path.contains(&0));
                    // What was understood is written so that it is understood alike.
                    let mut again = Vec::new();
                    manifest::write_line(&mut again, Algorithm::Sha256, &line.digest, &line.path);
                    let read = manifest::parse_line(&again).unwrap().unwrap();
                    assert_eq!((read.digest, read.path), (line.digest, line.path));
                }
            }
            Ok(())
        };
        manifest::read(Cursor::new(input), visit).unwrap();
        manifest::algorithm_of_name(input);
    });
}

#[test]
fn job_specifications() {
    let corpus: Vec<Vec<u8>> = [
        r#"{"version":1,"operations":[{"operation":"inventory","options":{"largest_count":5,"age_reference":"2024-01-01T00:00:00Z"}}],
            "source":{"path":"/tmp","path_bytes":"2f746d70","boundaries":["/tmp"]},"output":{"directory":"/o","shard_rows":7}}"#,
        r#"{"version":1,"operations":[{"operation":"checksum","options":{"algorithms":["blake3","xxh3_128"],"write_manifests":false}}],
            "source":{"path":"/tmp"},"walk":{"ignore_globs":["a/**","!b","{a,b}[c-d]?"],"include_globs":["*.md"],
            "extensions":["tar.gz"],"min_size_bytes":1,"max_size_bytes":9,"modified_since":"1970-01-01T00:00:00+02:00",
            "max_depth":3,"follow_links":true,"one_file_system":true},"output":{"directory":"/o"},"threads":2}"#,
        r#"{"version":1,"operations":[{"operation":"verify","options":{"manifest":"/m","algorithm":"auto","detect_moves":true}}],
            "source":{"path":"/"},"walk":{},"output":{"directory":"/o","shard_bytes":1},"threads":null}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    let words: [&[u8]; 22] = [
        b"null",
        b"true",
        b"-1",
        b"1e999",
        b"18446744073709551616",
        b"\"\"",
        b"{}",
        b"[]",
        b"[[",
        b"{{{{",
        b"[!a-",
        b"**/",
        b"\\u0000",
        b"\\ud800",
        b"[a",
        b"{a,{b,{c",
        b"2261-12-31T23:59:60Z",
        b",",
        b"\"version\":1,",
        b"2f",
        b"!",
        b"/",
    ];
    fuzz("job specifications", 1.0, &corpus, &words, |input| {
        if let Err(error) = JobSpec::from_json(input) {
            assert_eq!(error.code(), "invalid_options");
            assert!(!error.to_string().is_empty());
        }
    });
}

#[test]
fn shown_names() {
    let corpus: Vec<Vec<u8>> = hostile_names();
    let words: [&[u8]; 10] = [
        b"\\x41",
        b"\\n",
        b"\\\\",
        b"\\x",
        b"\\",
        "\u{85}".as_bytes(),
        b"\xc3",
        b"\xed\xa0\x80",
        "\u{10ffff}".as_bytes(),
        b".",
    ];
    fuzz("shown names", 0.25, &corpus, &words, |input| {
        let shown = paths::escape(input);
        assert_eq!(paths::unescape(&shown).as_deref(), Some(input), "{shown}");
        assert!(!shown.chars().any(char::is_control));
        assert_eq!(paths::is_plain(input), shown.as_bytes() == input);
        if let Some(bytes) = std::str::from_utf8(input).ok().and_then(paths::unescape) {
            assert_eq!(paths::unescape(&paths::escape(&bytes)).as_deref(), Some(&bytes[..]));
        }
        assert!(paths::extension(input).len() <= 32);
    });
}

#[test]
fn results_as_manifests() {
    let tree = Tree::in_memory();
    tree.file("a", "1").file(b"not \xff text", "2");
    let sums = spec("checksum", &tree.path()).option("algorithms", json!(["blake3", "md5"])).run();
    let corpus = vec![std::fs::read(&sums.shards("result")[0]).unwrap()];
    let words: [&[u8]; 6] =
        [b"PAR1", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff", b"\x15\x00", b"blake3"];
    let manifest = tree.beside("part-00000.parquet");
    let job = spec("verify", &tree.path()).threads(1).option("manifest", manifest.to_str().unwrap());
    let valid = job.clone().option("algorithm", "md5");
    fuzz("results as manifests", 0.25, &corpus, &words, |input| {
        std::fs::write(&manifest, input).unwrap();
        let (_folder, prepared) = valid.prepare();
        match prepared.unwrap().run(&Arc::new(Control::new())) {
            Ok(outcome) => assert!(outcome.document["results"][0]["summary"]["listed"].as_u64() > Some(0)),
            // Also where the Parquet reader panics.
            Err(error) => assert_eq!(error.code(), "invalid_options", "{error}"),
        }
    });
}

/// Records by the rules of `csv.rs`, one byte after the other; a field with its quotes taken off.
fn naive(text: &[u8], dialect: Dialect, delimiter: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let (mut records, mut at) = (Vec::new(), 0);
    while at < text.len() {
        if matches!(text[at], b'\n' | b'\r') {
            at += 1;
            continue;
        }
        if dialect.comment.is_some_and(|comment| comment.begins(&text[at..])) {
            at += text[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(text.len() - at);
            continue;
        }
        let mut fields = vec![Vec::new()];
        'record: loop {
            let field = fields.last_mut().unwrap();
            while dialect.skips_blanks && text.get(at) == Some(&b' ') {
                at += 1;
            }
            if at < text.len() && dialect.quote == Some(text[at]) {
                at += 1;
                while at < text.len() {
                    if dialect.escape == Some(text[at]) {
                        field.extend(text.get(at + 1));
                        at += 2;
                    } else if dialect.quote == Some(text[at]) {
                        at += 1;
                        if text.get(at).copied() != dialect.quote {
                            break;
                        }
                        field.push(text[at]);
                        at += 1;
                    } else {
                        field.push(text[at]);
                        at += 1;
                    }
                }
            }
            loop {
                match text.get(at) {
                    Some(&byte) if dialect.escape_without_quotes() == Some(byte) => {
                        fields.last_mut().unwrap().extend(text.get(at + 1));
                        at += 2;
                    }
                    None | Some(b'\n' | b'\r') => {
                        at += 1;
                        break 'record;
                    }
                    Some(_) if text[at..].starts_with(delimiter) => {
                        at += delimiter.len();
                        fields.push(Vec::new());
                        break;
                    }
                    Some(&byte) => {
                        at += 1;
                        fields.last_mut().unwrap().push(byte);
                    }
                }
            }
        }
        records.push(fields);
    }
    records
}

/// What chunks of so many bytes give: the first fields of each record, and how many it has.
fn in_chunks(text: &[u8], dialect: Dialect, bytes: usize) -> Vec<(Vec<Vec<u8>>, usize)> {
    let mut chunks = Vec::new();
    let mut cutter = Cutter::new(dialect, bytes, usize::MAX);
    let pushed = cutter.push(text, |chunk| {
        chunks.push(chunk);
        Ok(Vec::new())
    });
    pushed.unwrap().unwrap();
    chunks.push(cutter.finish());
    let mut records = Vec::new();
    for chunk in chunks {
        let (mut split, mut splitter) = (Split::default(), CsvSplitter::new(&chunk.text, dialect, COLUMNS));
        while splitter.next(&mut split) {
            let ragged: BTreeMap<u32, u32> = split.ragged().iter().copied().collect();
            for record in 0..split.len() {
                let fields = ragged.get(&(record as u32)).map_or(COLUMNS, |&fields| fields as usize);
                let mut buffer = Vec::new();
                let field = |column| {
                    let (start, end) = split.field(record, column);
                    dialect.unquoted(&chunk.text[start..end], &mut buffer).0.to_vec()
                };
                records.push(((0..fields.min(COLUMNS)).map(field).collect(), fields));
            }
        }
    }
    records
}

const COLUMNS: usize = 3;

#[test]
fn records_of_delimited_text() {
    let corpus: Vec<Vec<u8>> = [
        "id,name,note\n1,\"a, \"\"b\"\"\nc\",x\r\n2,,\r\n\r\n3,\"\",\"é\"\n",
        "a;b\n#comment \"with; a quote\n\"x\\\"y\";z\n\"open",
        "\"a\"b\"c\",d\"e,\"f\"\"\"\n\"\"\"\",,\n,\n\n\n",
        "1,2\r3,4\r\"5\r6\",7",
        "",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    let words: [&[u8]; 15] = [
        b",;,",
        b"\"",
        b"\"\"",
        b",",
        b";",
        b"\n",
        b"\r\n",
        b"\r",
        b"#",
        b"#;a",
        b" \"",
        b"\\\"",
        b"\",\"",
        b"\"\n",
        b"aaaaaaaaaaaaaaaaaaaaaaaa",
    ];
    let dialects: [(Dialect, &[u8]); 8] = [
        (Dialect::of(b','), b","),
        (Dialect { comment: Marker::of(b"#"), escape: Some(b'\\'), ..Dialect::of(b';') }, b";"),
        (Dialect { quote: None, ..Dialect::of(b',') }, b","),
        (Dialect { quote: Some(b'\''), ..Dialect::of(b'\t') }, b"\t"),
        (Dialect::of(b',').divided_by(b",;,"), b",;,"),
        (Dialect { skips_blanks: true, ..Dialect::of(b',') }, b","),
        (Dialect { quote: None, escape: Some(b'\\'), ..Dialect::of(b',') }, b","),
        (Dialect { comment: Marker::of(b"#;a"), ..Dialect::of(b';') }, b";"),
    ];
    fuzz("records of delimited text", 1.0, &corpus, &words, |input| {
        for (dialect, delimiter) in dialects {
            let expected: Vec<(Vec<Vec<u8>>, usize)> = naive(input, dialect, delimiter)
                .into_iter()
                .map(|fields| (fields[..fields.len().min(COLUMNS)].to_vec(), fields.len()))
                .collect();
            for bytes in [1, 7, 64, 100, 1 << 17] {
                let found = in_chunks(input, dialect, bytes);
                assert!(found == expected, "{dialect:?} in chunks of {bytes}: {found:?} instead of {expected:?}");
            }
        }
        pravah_foundation::tabular::csv::sniff(input, &Asked::default());
    });
}

/// The scalar values of an object by the names of their columns, as another reader has them.
fn flat(above: &str, object: &serde_json::Map<String, serde_json::Value>, found: &mut BTreeMap<String, String>) {
    for (key, value) in object {
        match value {
            serde_json::Value::Object(inner) if !inner.is_empty() => flat(&format!("{above}{key}."), inner, found),
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => drop(found.insert(format!("{above}{key}"), text.clone())),
            other => drop(found.insert(format!("{above}{key}"), other.to_string())),
        }
    }
}

#[test]
fn json_lines() {
    let corpus: Vec<Vec<u8>> = [
        "{\"id\":1,\"who\":{\"name\":\"a \\\"b\\\"\\n\",\"tags\":[1,{\"x\":null}]}}\r\n{\"id\":2.5e3,\"on\":true}\n",
        "{\"\\u00e4\":\"\\ud83d\\ude00\",\"b\":{\"c\":{\"d\":{}}}}\n\n[1]\n{\"b\":-0.0}",
        "{}\n{\"a\":\"\",\"b\":null}\nnull\n{\"a\":1",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    let words: &[&[u8]] =
        &[b"{", b"}", b"\"", b"\\", b"[", b"]", b":", b",", b"null", b"\n", b"1e5", b"\\u0061", b"{\"a\":"];
    fuzz("json lines", 1.0, &corpus, words, |input| {
        let mut learner = Learner::default();
        if learner.lines(input).is_err() {
            return;
        }
        let shape = learner.finish();
        let (mut split, mut splitter) = (Split::default(), json::JsonSplitter::new(input, &shape));
        let mut at = 0;
        while splitter.next(&mut split) {
            let bad: Vec<u32> = split.ragged().iter().map(|&(record, _)| record).collect();
            for record in 0..split.len() {
                let (start, stop) = split.record(record);
                assert!(at <= start && start < stop, "records in their order");
                at = stop;
                let line = &input[start..stop];
                // Keys that are there twice the other reader takes the last of.
                let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(line) else { continue };
                if bad.contains(&(record as u32)) {
                    continue;
                }
                let mut expected = BTreeMap::new();
                flat("", &object, &mut expected);
                let mut buffer = Vec::new();
                for (column, name) in shape.names().iter().enumerate() {
                    let (from, to) = split.field(record, column);
                    let (value, is_text) = Dialect::JSON.unquoted(&input[from..to], &mut buffer);
                    if let Some(expected) = expected.get(name).filter(|_| is_text) {
                        // A column of a name that another one has as well has a number behind it.
                        assert!(value == expected.as_bytes() || !name.is_ascii() || name.contains('.'), "{name}");
                    }
                }
            }
        }
        // An object that is one to all readers, with keys that are there once, is a record of ours.
        for line in input.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(line) else { continue };
            let mut alone = Learner::default();
            alone.lines(line).unwrap();
            assert_eq!(alone.finish().objects(), (1, 1), "{object:?}");
        }
    });
}
