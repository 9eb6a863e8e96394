//! search in files of every kind: encodings, binary and compressed ones, endless lines, and limits.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::common::digests::noise;
use crate::common::rows::Row;
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::Tree;
use serde_json::json;

const MIB: usize = 1 << 20;

fn search(tree: &Tree, pattern: &str) -> Spec {
    spec("search", &tree.path()).option("patterns", json!([pattern]))
}

/// Path, line, first column, place in the file of each match, sorted.
fn places(done: &Done) -> Vec<(String, i64, i64, i64)> {
    let place = |row: &Row| {
        (row.text("path").to_owned(), row.integer("line"), row.integer("column_start"), row.integer("byte_offset"))
    };
    let mut places: Vec<_> = done.table("result").iter().map(place).collect();
    places.sort();
    places
}

fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[test]
fn a_byte_order_mark_tells_utf16_and_utf8() {
    let tree = Tree::new();
    let text = "first\n\u{1f600} é nadel\r\n";
    tree.file("le", [b"\xff\xfe", &utf16(text, false)[..]].concat());
    tree.file("be", [b"\xfe\xff", &utf16(text, true)[..]].concat());
    tree.file("utf8", ["\u{feff}", text].concat()).file("none", utf16(text, false));
    let done = search(&tree, "nadel$").run();
    let place = |path: &str, offset| (path.to_owned(), 2, 5, offset);
    let of = |done: &Done| places(done).into_iter().map(|place| place.0).collect::<Vec<_>>();
    assert_eq!(places(&done)[..2], [place("be", 2 + 2 * 11), place("le", 2 + 2 * 11)]);
    assert_eq!(places(&done)[2..], [place("none", 2 * 11), place("utf8", 3 + 14)]);
    assert_eq!(done.table("result")[0].text("text"), "\u{1f600} é nadel");
    assert_eq!(done.summary()["binary_skipped"], 0, "UTF-16 without a mark is full of NULs, and text");
    assert_eq!(places(&search(&tree, "^first").run()).len(), 4, "a mark is no part of the first line");
    let bytes = search(&tree, "nadel").option("encoding", "utf-8").run();
    assert_eq!(
        (of(&bytes), &bytes.summary()["binary_skipped"]),
        (vec!["be".into(), "le".into(), "utf8".into()], &json!(1))
    );
    let forced = search(&tree, "nadel").option("encoding", "utf-16le").run();
    assert_eq!(places(&forced).len(), 4, "a mark wins over what is asked for");
    assert_eq!(places(&forced)[2], place("none", 2 * 11));
}

#[test]
fn latin1_is_searched_as_what_it_says() {
    let tree = Tree::new();
    tree.file("a", b"na\xefve\nd\xe9j\xe0 vu\n").file("b", "d\u{e9}j\u{e0} vu\n");
    let done = search(&tree, r"\bDÉJÀ\b").option("case", "insensitive").option("encoding", "latin1").run();
    assert_eq!(places(&done), [("a".into(), 2, 1, 6)]);
    assert_eq!(done.table("result")[0].text("text"), "d\u{e9}j\u{e0} vu");
    let done = search(&tree, "vu").run();
    assert_eq!(places(&done), [("a".into(), 2, 6, 11), ("b".into(), 1, 6, 7)]);
    assert_eq!(done.by_path("result")[&b"a"[..]].text("text"), "d\u{e9}j\u{e0} vu");
    let done = search(&tree, "vu").option("encoding", "utf-8").run();
    assert_eq!(done.by_path("result")[&b"a"[..]].text("text"), "d\u{fffd}j\u{fffd} vu");
}

#[test]
fn a_text_is_searched_in_the_encoding_that_is_chosen() {
    let tree = Tree::new();
    tree.file("sjis", b"\x83n\x83b\n\x93\xfa\x96{ nadel\n").file("koi8", b"\xe9\xe7\n\xf1 nadel\n");
    let found = |encoding| {
        let done = search(&tree, "nadel").option("encoding", encoding).run();
        let row = |row: &Row| {
            (row.text("text").to_owned(), (!row.is_null("byte_offset")).then(|| row.integer("byte_offset")))
        };
        ["koi8", "sjis"].map(|path| row(&done.by_path("result")[path.as_bytes()]))
    };
    let [koi8, _] = found("koi8-r");
    assert_eq!(koi8, ("\u{42f} nadel".to_owned(), Some(5)));
    let [_, sjis] = found("shift_jis");
    assert_eq!(sjis, ("\u{65e5}\u{672c} nadel".to_owned(), None), "a character is one or two bytes");
}

#[test]
fn large_files_in_other_encodings_have_the_same_lines() {
    let tree = Tree::new();
    let line = "ein Heuhaufen voll Nägel \u{1f600}\n";
    let text: String = (0..60_000).map(|number| if number % 1000 == 7 { "die Nädel é\n" } else { line }).collect();
    tree.file("utf8", &text).file("le", [b"\xff\xfe", &utf16(&text, false)[..]].concat());
    tree.file("be", [b"\xfe\xff", &utf16(&text, true)[..]].concat());
    let done = search(&tree, "Nädel").option("context_before", 1).run();
    let mut of: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for row in done.table("result") {
        let known = (row.integer("line"), row.integer("column_start"), row.text("before").to_owned());
        of.entry(row.text("path").to_owned()).or_default().push(known);
    }
    of.values_mut().for_each(|rows| rows.sort());
    assert_eq!(of["utf8"].len(), 60);
    assert_eq!((&of["le"], &of["be"]), (&of["utf8"], &of["utf8"]));
    for (path, line, _, offset) in places(&done).into_iter().filter(|place| place.0 != "utf8") {
        let before: String = text.split_inclusive('\n').take(line as usize - 1).collect();
        assert_eq!(offset as usize, 2 + 2 * (before.encode_utf16().count() + 4), "{path}");
    }
}

#[test]
fn a_nul_in_the_first_block_makes_a_file_binary() {
    let tree = Tree::new();
    tree.file("small", b"needle\nx\0\n").file("text", "needle\n");
    let mut large = b"needle\n".repeat(MIB / 7 + 1000);
    large[3 * MIB / 4] = 0;
    tree.file("early", &large);
    large[3 * MIB / 4] = b'x';
    let length = large.len();
    large[length - 3] = 0;
    tree.file("late", &large);
    let done = search(&tree, "needle").option("count_only", true).run();
    assert_eq!((&done.summary()["binary_skipped"], &done.summary()["files"]), (&json!(2), &json!(2)));
    let matches = |done: &Done| -> BTreeMap<String, i64> {
        done.table("by_file").iter().map(|row| (row.text("path").to_owned(), row.integer("matches"))).collect()
    };
    let late = (length / 7) as i64 - 2;
    assert_eq!(matches(&done), [("late".to_owned(), late), ("text".to_owned(), 1)].into());
    let all = search(&tree, "x").option("binary", "search").run();
    assert_eq!(all.summary()["binary_skipped"], 0);
    assert_eq!(all.by_path("result")[&b"small"[..]].text("text"), "x\u{fffd}", "no program chokes on a NUL");
    let nul = search(&tree, r"\x00").option("binary", "search").run();
    assert_eq!(nul.table("result").len(), 3);
}

#[test]
fn carriage_returns_end_a_line_for_those_who_ask_for_its_end() {
    let tree = Tree::new();
    tree.file("dos", "one\r\ntwo\r\n").file("unix", "one\ntwo").file("empty", "");
    assert_eq!(places(&search(&tree, "two$").run()), [("dos".into(), 2, 1, 5), ("unix".into(), 2, 1, 4)]);
    let whole = search(&tree, "o.*").option("whole", "line").run();
    let ends: Vec<_> =
        whole.table("result").iter().map(|row| (row.integer("column_end"), row.text("text").to_owned())).collect();
    assert_eq!(ends, [(4, "one".to_owned()), (4, "one".into())]);
    assert_eq!(places(&search(&tree, r"\r").run()).len(), 2);
    assert_eq!(places(&search(&tree, r"\z").run()).len(), 4, "a file's last newline begins no line");
    assert_eq!(places(&search(&tree, "").option("patterns", json!([r"\A."])).run()).len(), 4);
}

#[test]
fn long_lines_are_cut_around_the_match_and_searched_whole_up_to_a_limit() {
    let tree = Tree::new();
    let mut line = "äb".repeat(5 * MIB / 3).into_bytes();
    for place in [0, 3 * MIB, line.len() - 6] {
        line[place - place % 3..][..6].copy_from_slice(b"needle");
    }
    tree.file("long", &line);
    let done = search(&tree, "needle").option("line_length", 100).run();
    assert!(done.issues().is_empty());
    let rows = done.table("result");
    assert_eq!(rows.len(), 3);
    for row in &rows {
        let integer = |column| row.integer(column) as usize;
        assert_eq!((integer("line"), integer("line_length")), (1, line.len() / 3 * 2 + 6));
        let text: Vec<char> = row.text("text").chars().collect();
        assert_eq!(text.len(), 100);
        let start = integer("column_start") - integer("text_start");
        assert_eq!(text[start..start + 6].iter().collect::<String>(), "needle");
        assert_eq!(integer("column_end") - integer("column_start"), 6);
    }
    let endless = [b"needle".repeat(10).as_slice(), &vec![b'x'; 34 * MIB], b"needle\nneedle"].concat();
    let tree = Tree::new();
    tree.file("endless", &endless).file("packed", noise(1000, 3));
    let done = search(&tree, "needle").run();
    assert_eq!(done.issue_kinds(), [("too_large".to_owned(), b"endless".to_vec())]);
    let lines: Vec<_> = places(&done).iter().map(|place| place.1).collect();
    assert_eq!((lines.len(), lines[10], lines[11]), (12, 1, 2));
    assert_eq!(places(&done)[10].3 as usize, 60 + 34 * MIB);
}

#[test]
fn limits_end_a_file_and_the_search_and_are_told() {
    let tree = Tree::new();
    for number in 0..50 {
        tree.file(format!("{number}"), "aa\na\n".repeat(20));
    }
    let done = search(&tree, "a").option("max_matches_per_file", 3).run();
    assert_eq!((&done.summary()["matches"], &done.summary()["files_left_early"]), (&json!(150), &json!(50)));
    assert_eq!(done.summary()["partial"], false);
    let exact = search(&tree, "a").option("max_matches", 50 * 60).run();
    assert_eq!((&exact.summary()["matches"], &exact.summary()["partial"]), (&json!(3000), &json!(false)));
    let partial = search(&tree, "a").option("max_matches", 2999).run();
    assert_eq!((&partial.summary()["matches"], &partial.summary()["partial"]), (&json!(2999), &json!(true)));
    assert_eq!((partial.table("result").len(), &partial.summary()["max_matches"]), (2999, &json!(2999)));
    let few = search(&tree, "a").option("max_matches", 1).and("checksum").run();
    assert_eq!((few.table("result").len(), few.of("checksum").table("result").len()), (1, 50));
    let counted = search(&tree, "a").option("max_matches", 1).option("count_only", true).run();
    assert_eq!((&counted.summary()["matches"], &counted.summary()["partial"]), (&json!(3000), &json!(false)));
    assert!(counted.table("result").is_empty());
}

/// What a tool of the machine makes of `content`; none where it is not installed.
fn packed(tool: &str, content: &[u8]) -> Option<Vec<u8>> {
    // By itself lz4 makes blocks of 4 MiB, of which a part gives nothing.
    let arguments: &[&str] = if tool == "lz4" { &["-c", "-B4"] } else { &["-c"] };
    let mut child = Command::new(tool).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let (mut input, content) = (child.stdin.take().unwrap(), content.to_vec());
    let writer = std::thread::spawn(move || input.write_all(&content).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Some(output.stdout)
}

#[test]
fn compressed_files_are_searched_on_request() {
    let tree = Tree::new();
    // Of 64 letters: no tool makes less than three quarters of it.
    let hay = |seed| noise(3 * MIB / 4, seed).into_iter().map(|byte| char::from(b';' + byte % 64)).collect::<String>();
    let text = format!("{}\nneedle\n{}\nneedle é", hay(1), hay(2));
    let mut expected = Vec::new();
    let tools: Vec<&str> =
        ["gzip", "zstd", "bzip2", "xz", "lz4"].into_iter().filter(|tool| packed(tool, b"x").is_some()).collect();
    for tool in &tools {
        let (large, small) = (packed(tool, text.as_bytes()).unwrap(), packed(tool, b"a\nneedle\n").unwrap());
        assert!(large.len() > MIB, "of several blocks");
        tree.file(format!("{tool}-large"), &large).file(format!("{tool}-small"), &small);
        tree.file(format!("{tool}-twice"), [&small[..], &small].concat());
        tree.file(format!("{tool}-broken"), &large[..large.len() - 1000])
            .file(format!("{tool}-short"), &small[..small.len() - 3]);
        expected.extend([(format!("{tool}-large"), 2), (format!("{tool}-small"), 1), (format!("{tool}-twice"), 2)]);
    }
    tree.file("plain", "needle\n");
    let done = search(&tree, "needle").option("search_compressed", true).run();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    places(&done).into_iter().for_each(|place| *found.entry(place.0).or_default() += 1);
    for tool in &tools {
        assert_eq!(found.remove(&format!("{tool}-broken")), Some(1), "what comes before the break is found");
        found.remove(&format!("{tool}-short"));
    }
    expected.push(("plain".into(), 1));
    assert_eq!(found, expected.into_iter().collect());
    let last = places(&done).into_iter().rfind(|place| place.0.ends_with("-large")).unwrap();
    assert_eq!(last.3 as usize, text.len() - "needle é".len(), "a place in what is unpacked");
    let mut broken: Vec<_> =
        tools.iter().flat_map(|tool| [format!("{tool}-broken"), format!("{tool}-short")]).collect();
    broken.sort();
    let issues: Vec<_> = broken.into_iter().map(|path| ("malformed".to_owned(), path.into_bytes())).collect();
    assert_eq!(done.issue_kinds(), issues);
    assert_eq!(done.summary()["compressed"], tools.len() * 5);
    let plain = search(&tree, "needle").run();
    assert_eq!((places(&plain).len(), &plain.summary()["compressed"]), (1, &json!(0)));
    assert!(plain.issues().is_empty());
}

#[test]
fn a_bomb_is_searched_up_to_its_limit() {
    let tree = Tree::new();
    let zeros = [b"needle\n".as_slice(), &vec![b'a'; 90 * MIB], b"\nneedle"].concat();
    for tool in ["gzip", "zstd", "xz"] {
        let Some(bomb) = packed(tool, &zeros) else { continue };
        tree.file(tool, &bomb);
    }
    let done = search(&tree, "needle").option("search_compressed", true).run();
    let kinds = done.issue_kinds();
    let files = done.count("files") as usize;
    assert_eq!(places(&done).len(), files, "the first of two");
    // The line is too long, and there is too much of it.
    assert_eq!(kinds.iter().filter(|(kind, _)| kind == "too_large").count(), 2 * files);
    assert!(done.issues().iter().any(|issue| issue.text("message").contains("unpacks to more than")));
}

#[test]
fn a_file_that_grows_while_it_is_searched_keeps_its_matches() {
    let tree = Tree::new();
    tree.file("log", [b"needle\n", &b"hay\n".repeat(4000)[..]].concat().repeat(1000));
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (stop, path) = (Arc::clone(&stop), tree.at("log"));
        std::thread::spawn(move || {
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            while !stop.load(Relaxed) {
                file.write_all(b"more needle\n").unwrap();
            }
        })
    };
    let done = search(&tree, "^needle").run();
    stop.store(true, Relaxed);
    writer.join().unwrap();
    assert_eq!(done.issue_kinds(), [("changed_while_read".to_owned(), b"log".to_vec())]);
    assert_eq!((done.table("result").len(), &done.summary()["matched_files"]), (1000, &json!(1)));
}

#[test]
fn what_cannot_be_read_is_an_issue_and_not_searched() {
    let done = spec("search", Path::new("/proc/tty")).option("patterns", json!(["."])).run();
    let unread = done.issues().iter().filter(|issue| issue.path() == b"drivers").count();
    assert_eq!(unread, 1, "{:?}", done.issue_kinds());
    assert_eq!(done.summary()["files"].as_u64().unwrap() + done.count("issues"), done.count("files"));
}
