//! search in files of many encodings: matches are those of their text, wherever its bytes stand.

use std::collections::BTreeMap;

use crate::common::again::{baselines, reused, same};
use crate::common::rows::Row;
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, gzip};
use serde_json::json;

const MIB: usize = 1 << 20;
const TABLES: [&str; 2] = ["searched", "result"];

/// An encoding with its byte order mark, a line of a language, and a word that another line has.
const CASES: [(&str, &[u8], &str, &str); 10] = [
    ("utf-8", b"", "ein Heuhaufen voll N\u{e4}gel \u{1f600}", "N\u{e4}del"),
    ("utf-16le", b"\xff\xfe", "ein Heuhaufen voll N\u{e4}gel \u{1f600}", "N\u{e4}del"),
    ("utf-16be", b"\xfe\xff", "ein Heuhaufen voll N\u{e4}gel \u{1f600}", "N\u{e4}del"),
    ("utf-16le", b"", "\u{441}\u{442}\u{43e}\u{433} \u{441}\u{435}\u{43d}\u{430}", "\u{438}\u{433}\u{43b}\u{430}"),
    ("utf-16be", b"", "\u{5e72}\u{8349}\u{5806}\u{ff0c}\u{5e8a}\u{524d}\u{660e}\u{6708}", "\u{4e00}\u{9488}"),
    ("windows-1252", b"", "une botte de foin, tr\u{e8}s \u{e9}lev\u{e9}e", "l\u{2019}\u{e9}pingle"),
    ("windows-1251", b"", "\u{441}\u{442}\u{43e}\u{433} \u{441}\u{435}\u{43d}\u{430}", "\u{438}\u{433}\u{43b}\u{430}"),
    (
        "shift_jis",
        b"",
        "\u{5e72}\u{3057}\u{8349}\u{306e}\u{5c71}\u{3067}\u{3059}\u{30bd}\u{8868}",
        "\u{91dd}\u{3092}\u{63a2}\u{3059}",
    ),
    (
        "gb18030",
        b"",
        "\u{5e72}\u{8349}\u{5806}\u{91cc}\u{4ec0}\u{4e48}\u{90fd}\u{6ca1}\u{6709}",
        "\u{4e00}\u{6839}\u{9488}",
    ),
    ("euc-kr", b"", "\u{ac74}\u{cd08} \u{b354}\u{bbf8} \u{c18d}\u{c5d0}\u{c11c}", "\u{bc14}\u{b298}"),
];

fn encoded(name: &str, text: &str) -> Vec<u8> {
    let order = match name {
        "utf-16le" => u16::to_le_bytes,
        "utf-16be" => u16::to_be_bytes,
        _ => {
            let (bytes, _, is_lossy) = encoding_rs::Encoding::for_label(name.as_bytes()).unwrap().encode(text);
            assert!(!is_lossy);
            return bytes.into_owned();
        }
    };
    text.encode_utf16().flat_map(order).collect()
}

fn search(tree: &Tree, patterns: &[&str]) -> Spec {
    spec("search", &tree.path()).option("patterns", json!(patterns))
}

/// Line, first and last column, place in the file, text.
type Found = (i64, i64, i64, Option<i64>, String);

fn found(done: &Done) -> BTreeMap<String, Vec<Found>> {
    let mut of: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for row in done.table("result") {
        let integer = |column| row.integer(column);
        let offset = (!row.is_null("byte_offset")).then(|| integer("byte_offset"));
        let one =
            (integer("line"), integer("column_start"), integer("column_end"), offset, row.text("text").to_owned());
        of.entry(row.text("path").to_owned()).or_default().push(one);
    }
    of.values_mut().for_each(|rows| rows.sort());
    of
}

/// Where `word` is in a text that was encoded with that mark.
fn expected(text: &str, word: &str, (name, mark): (&str, &[u8])) -> Vec<Found> {
    let has_places = !matches!(name, "shift_jis" | "gb18030" | "euc-kr");
    let mut all = Vec::new();
    let mut before = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        for (at, _) in line.match_indices(word) {
            let column = line[..at].chars().count() as i64 + 1;
            let place = || (mark.len() + before + encoded(name, &line[..at]).len()) as i64;
            let is_ascii = || text[..text.find(line).unwrap() + at].is_ascii();
            let end = column + word.chars().count() as i64;
            let place = (has_places || is_ascii()).then(place);
            all.push((number, column, end, place, line.trim_end().to_owned()));
        }
        before += encoded(name, line).len();
    }
    all
}

#[test]
fn matches_are_those_of_the_text_across_every_border() {
    let tree = Tree::in_memory();
    let mut wanted = BTreeMap::new();
    for (number, (name, mark, hay, word)) in CASES.into_iter().enumerate() {
        // The word across the border of two blocks, a byte further each time.
        for shift in 0..4 {
            let lines = [format!("{hay} {hay}\n"), format!("x{word} {hay}{word}\r\n"), format!("{word}\n")];
            let unit = encoded(name, "a").len();
            let rest = MIB - mark.len() - shift * unit;
            let mut text = lines.concat();
            let line = format!("{hay}\n");
            let (length, least) = (encoded(name, &line).len(), encoded(name, &text).len());
            let fits = (rest - least) / length - 1;
            text.push_str(&line.repeat(fits));
            text.push_str(&"a".repeat((rest - least - fits * length) / unit));
            text.push_str(&lines.concat());
            let path = format!("{number}-{shift}.{name}");
            tree.file(&path, [mark, &encoded(name, &text)].concat());
            wanted.insert(path, (expected(&text, word, (name, mark)), word, name));
        }
    }
    let words: Vec<&str> =
        CASES.into_iter().map(|case| case.3).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let done = search(&tree, &words).run();
    let mut all = found(&done);
    for (path, (rows, ..)) in &wanted {
        assert_eq!(rows.len(), 6, "{path}");
        assert_eq!(all.remove(path).as_ref(), Some(rows), "{path}");
    }
    assert!(all.is_empty() && done.issues().is_empty());
    let searched = done.by_path("searched");
    for (path, (_, _, name)) in &wanted {
        let row = &searched[path.as_bytes()];
        // What it holds is GBK as well.
        let encoding = row.text("encoding").replace("gbk", "gb18030");
        assert_eq!((encoding.as_str(), row.integer("invalid")), (*name, 0), "{path}");
    }
    let mix = done.table("by_encoding");
    assert_eq!(mix.iter().map(|row| row.integer("files")).sum::<i64>() as usize, wanted.len());
}

#[test]
fn an_encoding_is_found_where_the_first_other_byte_stands() {
    let tree = Tree::in_memory();
    let ascii = "plain ASCII, and nothing else for a long time\n".repeat(2 * MIB / 46);
    let mut wanted = BTreeMap::new();
    for (name, _, hay, word) in CASES.into_iter().skip(5).chain([CASES[0]]) {
        let text = format!("{ascii}{hay}\n{word}\n");
        tree.file(name, encoded(name, &text)).file(format!("{name}.gz"), gzip(&encoded(name, &text)));
        for path in [name.to_owned(), format!("{name}.gz")] {
            wanted.insert(path, expected(&text, word, (name, b"")));
        }
    }
    let words: Vec<&str> =
        CASES.into_iter().map(|case| case.3).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let done = search(&tree, &words).option("search_compressed", true).run();
    assert_eq!(found(&done), wanted);
    for row in done.table("searched") {
        let at = ascii.len() as i64..ascii.len() as i64 + 30;
        assert!(at.contains(&row.integer("decided_at")), "{row:?}");
    }
}

#[test]
fn the_mix_of_a_job_names_the_least_sure_file_of_each_encoding() {
    let tree = Tree::in_memory();
    let russian = encoded("windows-1251", &"\u{441}\u{442}\u{43e}\u{433} \u{441}\u{435}\u{43d}\u{430}\n".repeat(9));
    tree.file("a.txt", "x\n").file("b.txt", "x\n").file("empty", "").file("binary", b"x\0");
    tree.file("long", &russian).file("short", &russian[..5]).file("marked", "\u{feff}x\n");
    tree.file("valid", "x \u{e9}\n").file("broken", b"x \xc3\xa9\xc3\xa9 \xff\n").file("odd", b"x\xff\xff\xffy\n");
    let done = search(&tree, &["x"]).run();
    let mix: BTreeMap<String, Row> =
        done.table("by_encoding").into_iter().map(|row| (row.text("encoding").to_owned(), row)).collect();
    let of = |name: &str| {
        let row = &mix[name];
        let confidence = if row.is_null("confidence") { "" } else { row.text("confidence") };
        let counts = ["files", "invalid_files", "invalid"].map(|column| row.integer(column));
        (counts, confidence.to_owned(), row.text("path").to_owned())
    };
    let row = |counts, confidence: &str, path: &str| (counts, confidence.to_owned(), path.to_owned());
    assert_eq!(of("ascii"), row([2, 0, 0], "certain", "a.txt"));
    assert_eq!(of("utf-8"), row([3, 1, 1], "low", "broken"));
    assert_eq!(of("windows-1251"), row([2, 0, 0], "low", "short"));
    assert_eq!(of("other"), row([1, 1, 3], "low", "odd"));
    assert_eq!((of("binary"), of("empty")), (row([1, 0, 0], "", "binary"), row([1, 0, 0], "", "empty")));
    assert_eq!((mix.len(), &done.summary()["invalid_files"]), (6, &json!(2)));
    assert_eq!(mix["windows-1251"].integer("size_bytes") as usize, russian.len() + 5);
    let again = search(&tree, &["x"]).baselines(baselines(&[&done], &TABLES)).run();
    assert_eq!(reused(&again), 10);
    same(&again, &done);
    let chosen = search(&tree, &["x"]).option("encoding", "koi8-r").baselines(baselines(&[&done], &TABLES)).run();
    assert_eq!(reused(&chosen), 0, "it was found in another encoding");
}

#[test]
fn bytes_that_are_not_valid_are_counted_and_stay_where_they_are() {
    let tree = Tree::in_memory();
    let mut bytes = encoded("shift_jis", &"\u{5e72}\u{3057}\u{8349}\u{306e}\u{5c71}\n".repeat(MIB / 11 + 1));
    bytes.extend_from_slice(b"needle \xff\xff here\n\xa0needle\n");
    tree.file("sjis", &bytes).file("utf8", b"\xc3\xa9\xc3\xa9\xc3\xa9 \xff needle \xe2\x82\n");
    let done = search(&tree, &["needle"]).run();
    assert_eq!(done.issue_kinds(), [("malformed".to_owned(), b"sjis".to_vec())]);
    assert_eq!(
        done.issues()[0].text("message"),
        "contains bytes that are not valid Shift_JIS: 3 times; check the encoding of the file in the options"
    );
    let rows = found(&done);
    assert_eq!(rows["sjis"][0].4, "needle \u{fffd}\u{fffd} here");
    assert_eq!(rows["utf8"], [(1, 7, 13, Some(9), "\u{e9}\u{e9}\u{e9} \u{fffd} needle \u{fffd}\u{fffd}".to_owned())]);
    let mix = done.table("by_encoding");
    let invalid = |name: &str| mix.iter().find(|row| row.text("encoding") == name).unwrap().integer("invalid");
    assert_eq!((invalid("shift_jis"), invalid("utf-8")), (3, 2));
    // Bytes as they are, for those who look for bytes.
    let bytes = search(&tree, &[r"(?-u:\xff\xff)"]).option("encoding", "utf-8").run();
    assert_eq!(found(&bytes)["sjis"].len(), 1);
}
