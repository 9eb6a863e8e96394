//! Bytes that are no text in the encoding of a file: told, counted and rejected as in UTF-8, whatever the encoding.

use std::fs;

use crate::common::run::{Done, spec};
use crate::common::tree::Tree;
use serde_json::json;

/// An encoding, what in it stands for no character, and its name in a sentence. The first of UTF-8 is the measure.
const CASES: [(&str, &[u8], &str); 13] = [
    ("utf-8", b"\xff", "UTF-8"),
    ("shift_jis", b"\xff\xfd", "Shift_JIS"),
    ("shift_jis", b"\x81", "Shift_JIS"),
    ("gb18030", b"\xff", "gb18030"),
    ("gb18030", b"\x81\x30\x81", "gb18030"),
    ("gbk", b"\x80\xff", "GBK"),
    ("big5", b"\x81\x40", "Big5"),
    ("euc-jp", b"\x8f\xa1", "EUC-JP"),
    ("euc-kr", b"\xc7", "EUC-KR"),
    ("iso-2022-jp", b"\x1b$B\x7f\x7f\x1b(B", "ISO-2022-JP"),
    ("windows-1253", b"\xd2", "windows-1253"),
    ("utf-16le", b"\x3d\xd8", "UTF-16LE"),
    ("utf-16be", b"\xde\x00", "UTF-16BE"),
];

/// Records 2, 4 and the last hold what is not valid; the last ends in it.
fn table(encoding: &str, bad: &[u8]) -> Vec<u8> {
    let text = |text: &str| -> Vec<u8> {
        match encoding {
            "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            _ => text.as_bytes().to_vec(),
        }
    };
    [&text("a,b\n1,x\n2,")[..], bad, &text("\n3,y\n4,z"), bad, &text(" z\n5,ok\n6,"), bad].concat()
}

fn counted(done: &Done) -> [u64; 3] {
    ["records_read", "records_written", "records_rejected"].map(|name| done.summary()[name].as_u64().unwrap())
}

fn records(done: &Done, table: &str) -> Vec<i64> {
    let mut records: Vec<_> = done.table(table).iter().map(|row| row.integer("record")).collect();
    records.sort_unstable();
    records
}

#[test]
fn records_that_are_not_valid_in_their_encoding_are_rejected_and_told_at_every_border() {
    for (encoding, bad, title) in CASES {
        let tree = Tree::new();
        let content = table(encoding, bad);
        tree.file("a.csv", &content);
        let told = [("malformed".to_owned(), b"a.csv".to_vec())];
        // Each place of a border in a character and a record, and the whole.
        for bytes in (1..10).chain([content.len() - 1, content.len(), 4 << 20]) {
            let at = format!("{encoding} {bad:?} {bytes}");
            let run = |kind| spec(kind, &tree.path()).option("encoding", encoding).chunk_bytes(bytes).run();
            let done = run("convert");
            assert_eq!(counted(&done), [6, 3, 3], "{at}");
            assert_eq!(records(&done, "rejects"), [2, 4, 6], "{at}");
            let reason = format!("not valid {title}");
            assert!(done.table("rejects").iter().all(|row| row.text("reason") == reason), "{at}");
            assert_eq!(done.issue_kinds(), told, "{at}");
            let done = run("validate");
            assert_eq!(records(&done, "errors"), [2, 4, 6], "{at}");
            assert!(done.table("errors").iter().all(|row| row.text("rule") == "encoding"), "{at}");
            assert_eq!(done.table("result")[0].text("verdict"), "invalid", "{at}");
        }
        let done = spec("profile", &tree.path()).option("encoding", encoding).run();
        assert_eq!((&done.summary()["files_malformed"], done.issue_kinds()), (&json!(1), told.to_vec()), "{encoding}");
        assert!(done.table("files")[0].text("encoding").starts_with(&format!("not {encoding}")), "{encoding}");
        let done = spec("search", &tree.path()).option("patterns", json!(["ok"])).option("encoding", encoding).run();
        assert_eq!(done.table("result").len(), 1, "{encoding}");
        assert_eq!(done.issue_kinds(), if encoding == "utf-8" { vec![] } else { told.to_vec() }, "{encoding}");
    }
}

#[test]
fn utf_16_that_ends_in_half_a_unit_is_told_also_behind_a_mark_and_when_it_is_guessed() {
    let units: Vec<u8> = "a,b\n1,x\n2,yyyyy".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for mark in [&b"\xff\xfe"[..], b""] {
        let tree = Tree::new();
        tree.file("a.csv", [mark, &units, b"z"].concat());
        let done = spec("convert", &tree.path()).run();
        assert_eq!((counted(&done), records(&done, "rejects")), ([2, 1, 1], vec![2]));
        assert_eq!(done.table("rejects")[0].text("reason"), "not valid UTF-16LE");
        assert_eq!(records(&spec("validate", &tree.path()).run(), "errors"), [2]);
    }
}

#[test]
fn a_replacement_character_that_the_file_holds_is_a_character() {
    let utf16: Vec<u8> = "a,b\n1,\u{fffd}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (encoding, content) in [
        ("gb18030", &b"a,b\n1,\x84\x31\xa4\x37\n"[..]),
        ("utf-16le", &utf16),
        ("utf-8", "a,b\n1,\u{fffd}\n".as_bytes()),
    ] {
        let tree = Tree::new();
        tree.file("a.csv", content);
        let done = spec("convert", &tree.path()).option("encoding", encoding).run();
        assert_eq!((counted(&done), done.issue_kinds()), ([1, 1, 0], vec![]), "{encoding}");
        let done = spec("validate", &tree.path()).option("encoding", encoding).run();
        assert_eq!(done.table("result")[0].text("verdict"), "valid", "{encoding}");
    }
}

#[test]
fn rejects_of_another_encoding_are_utf_8_with_one_byte_for_what_is_not_valid() {
    let tree = Tree::new();
    tree.file("a.csv", b"\x93\xfa,\xff\n1,\x96{\n\x93\xfa,\x81\n");
    let done = spec("convert", &tree.path()).option("encoding", "shift_jis").run();
    // The header is looked at too.
    assert_eq!(done.issue_kinds(), [("malformed".to_owned(), b"a.csv".to_vec())]);
    let rejects = fs::read(done.own_folder().join("converted/a.rejects.csv")).unwrap();
    assert!(rejects.ends_with(&["日,".as_bytes(), b"\xff\n"].concat()), "{rejects:?}");
}
