//! A large file is searched and counted in pieces by all threads. What is found is what a read of one block after the
//! other finds, wherever pieces begin and however many threads there are.

use crate::common::rows::Row;
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::Tree;
use serde_json::json;

const MIB: usize = 1 << 20;
const PIECES: [usize; 4] = [7, 300, 5_000, 30_000];

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % end
    }

    /// Some of these parts, so many bytes or a little more.
    fn text(&mut self, parts: &[&[u8]], bytes: usize) -> Vec<u8> {
        let mut text = Vec::new();
        while text.len() < bytes {
            text.extend_from_slice(parts[self.below(parts.len())]);
        }
        text
    }

    /// A first block and more of it, then what matters.
    fn file(&mut self, head: &[&[u8]], tail: &[&[u8]]) -> Vec<u8> {
        let mut text = self.text(head, 20_000).repeat(MIB / 20_000 + 1);
        text.extend(self.text(head, 3_000));
        text.extend(self.text(tail, 25_000));
        text
    }
}

/// Files of every kind of text.
fn files() -> Tree {
    let mut random = Random(0x5eed);
    let tree = Tree::in_memory();
    let ascii: [&[u8]; 8] = [b"a word, ", b"x", b"yz ", b"\n", b"\n\n", b"and more of it\n", b" \t", b"line x\n"];
    let utf8: [&[u8]; 6] = ["\u{e9}t\u{e9} ".as_bytes(), "\u{20ac}".as_bytes(), b"x\n", b"yy\xff", b"\xe2\x82", b"\n"];
    let latin: [&[u8]; 4] = [b"d\xe9j\xe0 vu ", b"c\xf4t\xe9 x\n", b"y\n", b"for\xeat\n"];
    let ends: [&[u8]; 6] = [b"a\r\n", b"x\r", b"\n", b"yz\r\n", b"\r\n", b"b "];
    let long = [&b"word x ".repeat(3_000)[..], b"\n", b"short y\n"];
    // Nothing is found before what matters: a million rows take their time.
    let (head, crlf): ([&[u8]; 2], [&[u8]; 2]) = ([b"some of it, ", b"a line\n"], [b"a b", b"c\r\n"]);
    let accents: [&[u8]; 2] = ["\u{e8}\u{20ac} ".as_bytes(), b"\xe2\x82 \xff\n"];
    tree.file("ascii", random.file(&head, &ascii)).file("ends", random.file(&crlf, &ends));
    tree.file("late", random.file(&head, &utf8)).file("utf8", random.file(&accents, &utf8));
    tree.file("marked", [&b"\xef\xbb\xbf"[..], &random.file(&head, &utf8)].concat());
    tree.file("latin", random.file(&head, &latin)).file("long", random.file(&head, &long));
    let endless = [&random.file(&head, &ascii)[..], &b"y".repeat(1_300_000), b"x\n", &random.text(&ascii, 9_000)];
    tree.file("endless", endless.concat());
    tree
}

fn rows(done: &Done, table: &str) -> Vec<Row> {
    let mut rows = done.table(table);
    rows.sort();
    rows
}

/// The job gives the same with a checksum of the file, for which it is read block after block, and without one.
fn check(job: &Spec, operation: &str, tables: &[&str]) {
    let blocks = job.clone().and("checksum").run().of(operation);
    for (number, bytes) in PIECES.into_iter().enumerate() {
        let pieces = job.clone().chunk_bytes(bytes).threads(1 + number % 3).run();
        for table in tables {
            let (found, expected) = (rows(&pieces, table), rows(&blocks, table));
            let other = found.iter().zip(&expected).find(|(one, other)| one != other);
            assert!(found == expected, "{table} in pieces of {bytes}, {job:?}: {other:?}", job = job.0["operations"]);
        }
        assert_eq!(pieces.summary()["bytes"], blocks.summary()["bytes"]);
        assert_eq!(pieces.issue_kinds(), blocks.issue_kinds());
    }
}

const TABLES: [&str; 4] = ["result", "by_file", "by_pattern", "by_encoding"];

#[test]
fn what_is_searched_in_pieces_has_the_same_matches_with_the_same_lines_around_them() {
    let tree = files();
    let search = spec("search", &tree.path()).option("patterns", json!(["x", "y+z?", "^$", "t\u{e9}|vu"]));
    check(&search, "search", &TABLES);
    check(&search.clone().option("context_before", 2).option("context_after", 3), "search", &TABLES);
    check(&search.option("count_only", true), "search", &TABLES[1..]);
}

#[test]
fn a_limit_is_reached_at_the_same_match_in_pieces() {
    let tree = Tree::in_memory();
    let ascii: [&[u8]; 4] = [b"word ", b"line\n", b"xx and x\n", b"\n"];
    tree.file("ascii", Random(7).file(&[b"line\n"], &ascii));
    let search = spec("search", &tree.path()).option("patterns", json!(["x", "and"]));
    let all = search.run().summary()["matches"].as_u64().unwrap();
    for most in [1, 5, all / 2, all - 1, all, all + 1] {
        check(&search.clone().option("max_matches_per_file", most), "search", &TABLES);
        check(&search.clone().option("max_matches", most), "search", &TABLES);
    }
}

#[test]
fn what_is_counted_in_pieces_is_what_blocks_give() {
    let tree = files();
    check(&spec("text_statistics", &tree.path()), "text_statistics", &["result", "by_form", "by_encoding"]);
}
