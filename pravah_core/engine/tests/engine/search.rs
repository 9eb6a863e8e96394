//! search: the matches are those of a naive search line by line, whatever the files hold and however they are read.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::digests::noise;
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, hostile_names};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use regex::bytes::{Regex, RegexBuilder};
use serde_json::{Value, json};

const MIB: usize = 1 << 20;

fn search(tree: &Tree, patterns: &[&str]) -> Spec {
    spec("search", &tree.path()).option("patterns", json!(patterns))
}

/// Path, line, columns, place in the file, pattern, text.
type Found = (Vec<u8>, i64, i64, i64, i64, String, String);

fn found(done: &Done) -> Vec<Found> {
    let rows = done.table("result").into_iter().map(|row| {
        let integer = |column| row.integer(column);
        let (start, end) = (integer("column_start"), integer("column_end"));
        let text = |column: &str| row.text(column).to_owned();
        (row.path(), integer("line"), start, end, integer("byte_offset"), text("pattern"), text("text"))
    });
    let mut rows: Vec<Found> = rows.collect();
    rows.sort();
    check_counts(done, &rows);
    rows
}

/// Every table and the summary say what the rows say.
fn check_counts(done: &Done, rows: &[Found]) {
    let lines = |of: &dyn Fn(&Found) -> bool| {
        let lines: BTreeSet<_> = rows.iter().filter(|row| of(row)).map(|row| (&row.0, row.1)).collect();
        lines.len() as i64
    };
    let matches = |of: &dyn Fn(&Found) -> bool| rows.iter().filter(|row| of(row)).count() as i64;
    let files = |of: &dyn Fn(&Found) -> bool| {
        rows.iter().filter(|row| of(row)).map(|row| &row.0).collect::<BTreeSet<_>>().len() as i64
    };
    let summary = done.summary();
    let all = json!([files(&|_| true), lines(&|_| true), matches(&|_| true)]);
    assert_eq!(json!([summary["matched_files"], summary["lines"], summary["matches"]]), all);
    let by_file = done.by_path("by_file");
    assert_eq!(by_file.keys().collect::<BTreeSet<_>>(), rows.iter().map(|row| &row.0).collect());
    for (path, row) in &by_file {
        assert_eq!(row.integer("lines"), lines(&|found| found.0 == *path));
        assert_eq!(row.integer("matches"), matches(&|found| found.0 == *path));
    }
    let check = |row: &crate::common::rows::Row, of: &dyn Fn(&Found) -> bool| {
        assert_eq!(row.integer("files"), files(of), "{row:?}");
        assert_eq!(row.integer("lines"), lines(of), "{row:?}");
        assert_eq!(row.integer("matches"), matches(of), "{row:?}");
    };
    done.table("by_pattern").iter().for_each(|row| check(row, &|found| found.5 == row.text("pattern")));
    let extension =
        |path: &[u8]| pravah_foundation::base::paths::extension(path.rsplit(|b| *b == b'/').next().unwrap()).to_vec();
    let shown = |bytes: &[u8]| pravah_foundation::base::paths::escape(&bytes.to_ascii_lowercase()).into_owned();
    let by_extension = done.table("by_extension");
    by_extension.iter().for_each(|row| check(row, &|found| shown(&extension(&found.0)) == row.text("extension")));
    let folder = |path: &[u8]| match path.iter().position(|&byte| byte == b'/') {
        Some(slash) => pravah_foundation::base::paths::escape(&path[..slash]).into_owned(),
        None => ".".into(),
    };
    let by_folder = done.table("by_folder");
    let of = |row: &crate::common::rows::Row, found: &Found| {
        found.5 == row.text("pattern") && folder(&found.0) == row.text("folder")
    };
    by_folder.iter().for_each(|row| check(row, &|found| of(row, found)));
    let total = |rows: &[crate::common::rows::Row]| rows.iter().map(|row| row.integer("matches")).sum::<i64>();
    assert_eq!((total(&by_extension), total(&by_folder)), (rows.len() as i64, rows.len() as i64));
}

/// As it is shown: a replacement for each byte that is no text, and for each NUL.
fn shown(line: &[u8]) -> String {
    let mut text = String::new();
    for chunk in line.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\0', "\u{fffd}"));
        chunk.invalid().iter().for_each(|_| text.push('\u{fffd}'));
    }
    text
}

/// Every match in some files, by one regular expression per pattern on one line after the other.
fn naive(files: &[(Vec<u8>, Vec<u8>)], patterns: &[(&str, Regex)], crlf: bool) -> Vec<Found> {
    let mut all = Vec::new();
    for (path, content) in files.iter().filter(|(_, content)| !content.contains(&0)) {
        let mut offset = if content.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let lines = content[offset..].strip_suffix(b"\n").unwrap_or(&content[offset..]);
        if content.len() == offset {
            continue;
        }
        for (number, line) in (1..).zip(lines.split(|&byte| byte == b'\n')) {
            let searched = if crlf { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
            for (name, regex) in patterns {
                let ranges: Vec<_> = regex.find_iter(searched).map(|found| found.range()).collect();
                let some = ranges.iter().filter(|range| !range.is_empty()).cloned();
                let some: Vec<_> =
                    if some.clone().count() > 0 { some.collect() } else { ranges.iter().take(1).cloned().collect() };
                for range in some {
                    let column = |byte| shown(&line[..byte]).chars().count() as i64 + 1;
                    let text = shown(line.strip_suffix(b"\r").unwrap_or(line));
                    let place = (offset + range.start) as i64;
                    let columns = (column(range.start), column(range.end));
                    all.push((path.clone(), number, columns.0, columns.1, place, (*name).to_owned(), text));
                }
            }
            offset += line.len() + 1;
        }
    }
    all.sort();
    all
}

fn regex(pattern: &str, crlf: bool, insensitive: bool) -> Regex {
    RegexBuilder::new(pattern).multi_line(true).crlf(crlf).case_insensitive(insensitive).build().unwrap()
}

const PATTERNS: [&str; 14] =
    ["a", "ab", "b+", "[ab]+c", "A", r"\bab\b", r"\w+", "^a", "^", "é", r"(?-u:\xff)", "x*", r"c\s*", "needle"];
const END_PATTERNS: [&str; 5] = ["b$", "^$", r"\s+$", "a.*c$", "^ab?$"];

fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => "[abcA x]{0,6}".prop_map(String::into_bytes),
        4 => Just(b"\n".to_vec()),
        2 => Just(b"\r\n".to_vec()),
        1 => Just("é".as_bytes().to_vec()),
        1 => Just(b"\xff".to_vec()),
        1 => Just(b"needle".to_vec()),
        1 => Just(b"\n\n".to_vec()),
    ];
    let marked = |(mark, pieces): (bool, Vec<Vec<u8>>)| {
        [if mark { &b"\xef\xbb\xbf"[..] } else { b"" }, &pieces.concat()].concat()
    };
    let text = (prop::bool::weighted(0.1), prop::collection::vec(piece, 0..40)).prop_map(marked);
    let binary = text.clone().prop_map(|text| [&text[..], b"\0ab\n"].concat());
    prop_oneof![12 => text, 1 => binary]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, rng_seed: RngSeed::Fixed(5), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matches_are_those_of_a_naive_search(
        contents in prop::collection::vec(content(), 1..12),
        chosen in prop::sample::subsequence(PATTERNS.to_vec(), 1..5),
        ending in prop::sample::subsequence(END_PATTERNS.to_vec(), 0..3),
        whole in 0..3usize,
        insensitive in any::<bool>(),
    ) {
        let tree = Tree::in_memory();
        let names = hostile_names();
        let files: Vec<_> = contents.into_iter().enumerate().map(|(index, content)| {
            let folder: &[u8] = [&b""[..], b"one/", b"one/two/"][index % 3];
            ([folder, &names[index * 5 % names.len()]].concat(), content)
        }).collect();
        for (path, content) in &files {
            tree.file(path, content);
        }
        let patterns: Vec<&str> = chosen.into_iter().chain(ending.iter().copied()).collect();
        let crlf = !ending.is_empty() || whole == 2;
        let wrapped = |pattern: &str| match whole {
            0 => pattern.to_owned(),
            1 => format!(r"\b{{start-half}}(?:{pattern})\b{{end-half}}"),
            _ => format!("^(?:{pattern})$"),
        };
        let compiled: Vec<_> = patterns.iter().map(|&one| (one, regex(&wrapped(one), crlf, insensitive))).collect();
        let done = search(&tree, &patterns)
            .option("whole", ["part", "word", "line"][whole])
            .option("case", if insensitive { "insensitive" } else { "sensitive" })
            .run();
        prop_assert_eq!(found(&done), naive(&files, &compiled, crlf));
        let binary = files.iter().filter(|(_, content)| content.contains(&0)).count();
        prop_assert_eq!(&done.summary()["binary_skipped"], &json!(binary));
        prop_assert_eq!(&done.summary()["files"], &json!(files.len() - binary));
    }
}

#[test]
fn large_files_are_searched_across_every_border_of_a_block() {
    let tree = Tree::new();
    let mut files = Vec::new();
    for (number, size) in [MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 4321].into_iter().enumerate() {
        let mut content: Vec<u8> =
            noise(size, 7).iter().map(|byte| b"abcdefghijklmnop\n"[*byte as usize % 17]).collect();
        for border in (MIB..size).step_by(MIB) {
            for (place, text) in
                [(border - 3, &b"needle"[..]), (border - 40, b"\nneedle\n"), (border + 20, b"needle\r\n")]
            {
                if place + text.len() <= size {
                    content[place..place + text.len()].copy_from_slice(text);
                }
            }
        }
        let end = content.len();
        content[end - 6..].copy_from_slice(b"needle");
        files.push((format!("{number}").into_bytes(), content));
    }
    for (path, content) in &files {
        tree.file(path, content);
    }
    let patterns = [("needle", regex("needle", false, false)), ("pon?[a-c]{2}", regex("pon?[a-c]{2}", false, false))];
    let expected = naive(&files, &patterns, false);
    assert!(expected.iter().filter(|row| row.5 == "needle").count() >= 15);
    for threads in [1, 3] {
        let done = search(&tree, &["needle", "pon?[a-c]{2}"]).threads(threads).run();
        assert_eq!(found(&done), expected);
        let with_checksum =
            spec("checksum", &tree.path()).and("search").option("patterns", json!(["needle", "pon?[a-c]{2}"]));
        assert_eq!(found(&with_checksum.threads(threads).run().of("search")), expected);
    }
    let around = search(&tree, &["needle"]).option("context_before", 3).option("context_after", 2).run();
    for row in around.table("result") {
        let content = &files.iter().find(|(path, _)| *path == row.path()).unwrap().1;
        let lines: Vec<&[u8]> = content.split(|&byte| byte == b'\n').collect();
        let line = row.integer("line") as usize - 1;
        let joined = |lines: &[&[u8]]| {
            lines.iter().map(|line| shown(line.strip_suffix(b"\r").unwrap_or(line))).collect::<Vec<_>>().join("\n")
        };
        let text = |column: &str| if row.is_null(column) { "" } else { row.text(column) }.to_owned();
        assert_eq!(text("before"), joined(&lines[line.saturating_sub(3)..line]));
        assert_eq!(text("after"), joined(&lines[lines.len().min(line + 1)..lines.len().min(line + 3)]));
    }
}

#[test]
fn options_and_their_limits_are_named_when_they_are_refused() {
    let tree = Tree::new();
    let refused = |option: &str, value: Value, words: &[&str]| {
        let error = search(&tree, &["a"]).option(option, value).fails();
        assert_eq!(error.code(), "invalid_options");
        words.iter().for_each(|word| assert!(error.to_string().contains(word), "{error}"));
    };
    refused("patterns", json!([]), &["options.patterns"]);
    refused("patterns", json!([""]), &["options.patterns"]);
    refused("patterns", json!(["a", "a"]), &["options.patterns", "\"a\" twice"]);
    refused("patterns", json!(["a", "é(b", "c"]), &["\"é(b\"", "unclosed group", "character 2"]);
    refused("patterns", json!(["a)|(b"]), &["\"a)|(b\"", "character 2"]);
    refused("patterns", json!(["x", r"a\nb"]), &[r#""a\\nb""#, "within one line"]);
    refused("patterns", json!(["x", "((a{1000}){1000}){9}"]), &["((a{1000}){1000}){9}", "size limit"]);
    refused("patterns", json!(["x".repeat(10_001)]), &["10,000 characters"]);
    refused("pattern_names", json!(["one", "two"]), &["2 names for 1 pattern"]);
    refused("pattern_names", json!([""]), &["options.pattern_names"]);
    refused("context_before", json!(21), &["context_before", "20"]);
    refused("line_length", json!(19), &["line_length"]);
    refused("max_matches", json!(0), &["max_matches"]);
    refused("max_matches_per_file", json!(0), &["max_matches_per_file"]);
    refused("encoding", json!("utf-7"), &["utf-7"]);
    refused("encoding", json!("iso-8859-1"), &["iso-8859-1", "not the name of a supported encoding"]);
    let literal = search(&tree, &["two\nlines"]).option("fixed_strings", true).fails();
    assert!(literal.to_string().contains("within one line"), "{literal}");
    let names = search(&tree, &["a", "b"]).option("pattern_names", json!(["n", "n"])).fails();
    assert!(names.to_string().contains("\"n\" twice"), "{names}");
}

fn by_pattern(done: &Done) -> BTreeMap<String, i64> {
    done.table("by_pattern").iter().map(|row| (row.text("pattern").to_owned(), row.integer("matches"))).collect()
}

#[test]
fn patterns_have_names_and_smart_case_is_each_ones_own() {
    let tree = Tree::new();
    tree.file("a/x.C", "foo Foo FOO\nBar bar\n").file("b", "a.b aXb A.B\n");
    let smart = search(&tree, &["foo", "Bar", r"\Woo"])
        .option("case", "smart")
        .option("pattern_names", json!(["one", "two", "three"]));
    let done = smart.run();
    assert_eq!(
        by_pattern(&done),
        [("one", 3), ("two", 1), ("three", 0)].map(|(name, count)| (name.to_owned(), count)).into()
    );
    assert_eq!(done.table("by_pattern")[1].text("expression"), "Bar");
    assert_eq!(done.summary()["patterns"], json!({"one": 3, "two": 1, "three": 0}));
    assert_eq!(done.table("by_extension")[0].text("extension"), "c");
    let literal = search(&tree, &["a.b"]).option("fixed_strings", true);
    assert_eq!(by_pattern(&literal.run())["a.b"], 1);
    assert_eq!(by_pattern(&literal.clone().option("case", "insensitive").run())["a.b"], 2);
    assert_eq!(by_pattern(&literal.option("case", "smart").run())["a.b"], 2);
    assert_eq!(by_pattern(&search(&tree, &["a.b"]).run())["a.b"], 2);
}

#[test]
fn thousands_of_patterns_are_each_found_where_they_are() {
    let tree = Tree::new();
    let words: Vec<String> = (0..5000).map(|number| format!("word{number}_")).collect();
    let text: String = (0..5000).step_by(7).map(|number| format!("{} and word{number}_\n", words[number])).collect();
    tree.file("text", &text);
    for literal in [true, false] {
        let patterns: Vec<String> =
            words.iter().map(|word| if literal { word.clone() } else { format!("{word}+") }).collect();
        let done =
            spec("search", &tree.path()).option("patterns", json!(patterns)).option("fixed_strings", literal).run();
        assert_eq!(done.table("result").len(), 2 * 5000usize.div_ceil(7));
        assert!(by_pattern(&done).into_iter().all(|(pattern, matches)| {
            let number: usize = pattern[4..pattern.find('_').unwrap()].parse().unwrap();
            matches == if number.is_multiple_of(7) { 2 } else { 0 }
        }));
        assert_eq!(done.summary()["patterns"].as_object().unwrap().len(), 20);
    }
}

#[test]
fn patterns_that_are_too_large_together_are_refused_within_a_request() {
    let tree = Tree::new();
    tree.file("a", "x");
    // Each alone takes a good part of a second and 60 MB: to try all of them took minutes.
    let patterns: Vec<String> = (0..300).map(|number| format!(r"\w{{1,900}}{number}")).collect();
    let started = std::time::Instant::now();
    let refused = spec("search", &tree.path()).option("patterns", json!(patterns)).fails().to_string();
    assert!(refused.contains("cannot be combined") || refused.contains("not a supported"), "{refused}");
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}
