//! text_statistics: what it counts is what a naive count of the whole file gives.

use crate::common::run::spec;
use crate::common::tree::{Tree, hostile_names};
use serde_json::json;

const MIB: usize = 1 << 20;

/// Lines, words, longest line of a text without a byte order mark.
fn naive(text: &[u8]) -> (i64, i64, i64) {
    let unix = String::from_utf8_lossy(text).replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = unix.split_terminator('\n').collect();
    let words = text.split(|byte| b" \t\n\x0b\x0c\r".contains(byte)).filter(|word| !word.is_empty()).count();
    (lines.len() as i64, words as i64, lines.iter().map(|line| line.len()).max().unwrap_or(0) as i64)
}

#[test]
fn counts_are_those_of_a_naive_count_at_every_border_of_a_block() {
    let mut texts: Vec<Vec<u8>> = vec![
        b"one two\nthree\n".to_vec(),
        b"a\r\nb\rc\n\n\nd e f".to_vec(),
        b"\r".to_vec(),
        b"\n".to_vec(),
        "naïve café €\n".repeat(3).into_bytes(),
    ];
    // Line ends, words and characters across the border of two blocks.
    for around in ["\r\n", "é", "word", " ", "\r", "x\n"] {
        for shift in 0..=around.len() {
            let mut text = vec![b'.'; MIB - shift];
            text.extend_from_slice(around.as_bytes());
            text.extend_from_slice(b"\nthe end");
            texts.push(text);
        }
    }
    let tree = Tree::new();
    for (number, text) in texts.iter().enumerate() {
        tree.file(format!("{number:03}.txt"), text);
    }
    let done = spec("text_statistics", &tree.path()).run();
    let rows = done.by_path("result");
    assert_eq!(rows.len(), texts.len());
    for (number, text) in texts.iter().enumerate() {
        let row = &rows[format!("{number:03}.txt").as_bytes()];
        let (lines, words, longest) = naive(text);
        assert_eq!(row.integer("lines"), lines, "{number}");
        assert_eq!(row.integer("words"), words, "{number}");
        assert_eq!(row.integer("longest_line_bytes"), longest, "{number}");
        let ends = row.integer("lf") + row.integer("crlf") + row.integer("cr");
        assert_eq!(ends, lines - i64::from(row.text("last_line") == "not ended"));
        assert_eq!(row.text("encoding"), if text.is_ascii() { "ascii" } else { "utf-8" });
        assert_eq!(row.text("language"), "Plain text");
    }
    let summary = done.summary();
    assert_eq!(summary["lines"], json!(texts.iter().map(|text| naive(text).0).sum::<i64>()));
    assert_eq!(summary["words"], json!(texts.iter().map(|text| naive(text).1).sum::<i64>()));
}

#[test]
fn what_is_no_text_is_told_apart_and_read_no_further() {
    let tree = Tree::new();
    tree.file("empty", b"");
    tree.file("binary", b"text\0");
    tree.file("wide.txt", b"\xff\xfeh\0i\0\n\0");
    tree.file("latin.TXT", b"caf\xe9\n");
    let mut late = vec![b'a'; MIB + 1];
    late.push(0);
    tree.file("late", &late);
    let done = spec("text_statistics", &tree.path()).run();
    let rows = done.by_path("result");
    let encodings = ["empty", "binary", "wide.txt", "latin.TXT", "late"]
        .map(|name| rows[name.as_bytes()].text("encoding").to_owned());
    assert_eq!(encodings, ["empty", "binary", "utf-16le", "windows-1252", "ascii"]);
    let summary = done.summary();
    assert_eq!(
        [&summary["files"], &summary["text_files"], &summary["binary_files"], &summary["empty_files"]],
        [&json!(5), &json!(3), &json!(1), &json!(1)]
    );
    let forms = done.table("by_form");
    assert_eq!(forms.iter().map(|row| row.integer("files")).sum::<i64>(), 5);
    let languages = done.table("by_language");
    assert_eq!(languages.iter().map(|row| row.integer("files")).sum::<i64>(), 3);
}

#[test]
fn every_name_has_its_row() {
    let tree = Tree::new();
    let names = hostile_names();
    for name in &names {
        tree.file(name, b"x\n");
    }
    let done = spec("text_statistics", &tree.path()).run();
    assert_eq!(done.by_path("result").len(), names.len());
    assert_eq!(done.summary()["lines"], json!(names.len()));
}

#[test]
fn texts_that_are_as_they_were_are_not_opened_and_count_the_same() {
    let tree = Tree::new();
    tree.file("a.csv", "a,b\n1,2").file("b.py", "x = 1\r\ny\n").file("c", b"\xff\xfea\0\n\0").file("d", b"caf\xe9\n");
    tree.file("e.bin", b"\0\x01").file("empty", "").file("sub/f.txt", "\u{feff}one two\rthree");
    let first = spec("text_statistics", &tree.path()).run();
    let shards = serde_json::json!({"text_statistics": first.shards("result")});
    tree.file("a.csv", "a,b\n1,2\n3,4\n");
    let again = spec("text_statistics", &tree.path()).baselines(shards).run();
    assert_eq!(again.summary()["reused_files"], 6);
    let plain = spec("text_statistics", &tree.path()).run();
    for table in ["result", "by_language", "by_form", "by_encoding"] {
        let sorted = |done: &crate::common::run::Done| {
            let mut rows: Vec<String> = done.table(table).iter().map(|row| format!("{:?}", row.0)).collect();
            rows.sort_unstable();
            rows
        };
        assert_eq!(sorted(&again), sorted(&plain), "{table}");
    }
    let mut summary = again.summary().clone();
    summary["reused_files"] = 0.into();
    summary["reused_bytes"] = 0.into();
    assert_eq!(&summary, plain.summary());
    let shards = serde_json::json!({"text_statistics": plain.shards("result")});
    let other = spec("text_statistics", &tree.path()).option("encoding", "koi8-r").baselines(shards).run();
    assert_eq!(other.summary()["reused_files"], 0, "it was counted in another encoding");
    assert_eq!(other.by_path("result")[&b"d"[..]].text("encoding"), "koi8-r");
}

#[test]
fn characters_and_lines_are_those_of_the_text_in_any_encoding() {
    let line = "\u{65e5}\u{672c}\u{8a9e}\u{306e} \u{30c6}\u{30ad}\u{30b9}\u{30c8}\u{3067}\u{3059}\u{3002}\r\n";
    let russian = "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442} \u{43c}\u{438}\u{440}\n";
    let tree = Tree::in_memory();
    let mut texts = std::collections::BTreeMap::new();
    for (name, line) in [
        ("utf-8", line),
        ("utf-16le", line),
        ("utf-16be", line),
        ("shift_jis", line),
        ("euc-jp", line),
        ("windows-1251", russian),
        ("koi8-u", russian),
    ] {
        // The border of two blocks is in the middle of a character, for some.
        let text = format!("x{}", line.repeat(MIB / 20));
        let order = if name == "utf-16le" { u16::to_le_bytes } else { u16::to_be_bytes };
        let bytes = match name.starts_with("utf-16") {
            true => text.encode_utf16().flat_map(order).collect(),
            false => encoding_rs::Encoding::for_label(name.as_bytes()).unwrap().encode(&text).0.into_owned(),
        };
        tree.file(name, &bytes);
        texts.insert(name, (text, bytes.len() / (MIB / 20)));
    }
    let done = spec("text_statistics", &tree.path()).run();
    let rows = done.by_path("result");
    for (name, (text, longest)) in &texts {
        let row = &rows[name.as_bytes()];
        assert_eq!((row.text("encoding"), row.text("confidence"), row.integer("invalid")), (*name, "high", 0));
        assert_eq!(row.integer("characters") as usize, text.chars().count(), "{name}");
        assert_eq!(row.integer("lines") as usize, text.lines().count(), "{name}");
        assert_eq!(row.integer("words") as usize, text.split_ascii_whitespace().count(), "{name}");
        assert!(row.integer("longest_line_bytes") as usize <= *longest, "{name}");
    }
    let all: usize = texts.values().map(|(text, _)| text.chars().count()).sum();
    assert_eq!(done.summary()["characters"], json!(all));
}
