//! Delimited text that no two programs read alike: what is made of it is told.

use crate::common::run::spec;
use crate::common::tree::Tree;

#[test]
fn text_behind_a_quote_that_closes_is_told_with_its_line() {
    let tree = Tree::new();
    let odd = "id,t\n1,\"abc\"def\n2,\"a\" b\n3,a\"b\"c\n4,\"ok\"\n5,\"x\"\"y\"\n";
    tree.file("odd.csv", odd).file("plain.csv", "id,t\n1,\"a,\n\"\"b\"\"\"\r\n2,a\"b\n3,\"\"\n");
    tree.file("long.csv", format!("id,t\n{}9,\"a\"b,\n{}", "1,\"x\"\n".repeat(40_000), "1,\"x\"\n".repeat(40_000)));
    for operation in ["profile", "convert", "validate"] {
        for chunk_bytes in [7, 100, 1 << 20] {
            let done = spec(operation, &tree.path()).chunk_bytes(chunk_bytes).run();
            let mut told: Vec<_> =
                done.issues().iter().map(|row| (row.text("path").to_owned(), row.text("message").to_owned())).collect();
            told.retain(|(_, message)| !message.contains("number of fields"));
            let bares = told.extract_if(.., |(_, message)| message.contains("none around them"));
            let bares: Vec<_> = bares.map(|(path, message)| format!("{path}: {message}")).collect();
            let expected = ["odd.csv: 1 values", "plain.csv: 1 values"];
            assert!(bares.len() == 2, "{bares:?}");
            assert!(expected.iter().all(|one| bares.iter().any(|told| told.starts_with(one))), "{bares:?}");
            told.sort();
            let places: Vec<_> =
                told.iter().map(|(path, message)| (path.as_str(), message.split(". ").next().unwrap())).collect();
            let message =
                "quoted values are followed by more text, which was read as part of them; the first is in line";
            let expected = [("long.csv", format!("1 {message} 40002")), ("odd.csv", format!("2 {message} 2"))];
            let expected: Vec<_> = expected.iter().map(|(path, message)| (*path, message.as_str())).collect();
            assert_eq!(places, expected, "{operation} {chunk_bytes}");
        }
    }
    // Without quotes there is nothing behind one.
    let done = spec("profile", &tree.path()).option("quote", "none").run();
    assert!(!done.issues().iter().any(|row| row.text("message").contains("quoted values")));
}

#[test]
fn names_of_many_columns_are_read_whole_and_more_than_a_table_may_have_are_told() {
    let tree = Tree::new();
    let line = |name: &dyn Fn(usize) -> String, count: usize| (0..count).map(name).collect::<Vec<_>>().join(",") + "\n";
    for count in [65_536, 65_537] {
        // The names alone are longer than what else is looked at of a beginning.
        let text =
            line(&|place| format!("gene{place}"), count) + &line(&|place| (place % 7).to_string(), count).repeat(2);
        tree.file(format!("{count}.csv"), text.as_bytes());
    }
    let validated = spec("validate", &tree.path()).run();
    let verdicts = validated.table("result");
    assert_eq!(verdicts.len(), 1);
    assert_eq!((verdicts[0].text("path"), verdicts[0].text("verdict")), ("65536.csv", "valid"));
    assert_eq!(verdicts[0].integer("records"), 2);
    let issues = validated.issues();
    assert_eq!(issues.len(), 1);
    assert_eq!((issues[0].text("path"), issues[0].text("kind")), ("65537.csv", "too_large"));
    assert!(issues[0].text("message").contains("more than 65,536 columns"), "{}", issues[0].text("message"));
}

#[test]
fn what_joining_and_merging_leave_in_a_text_is_told_with_its_line() {
    let tree = Tree::new();
    let (mark, ours, theirs) = ("\u{feff}", "<<<<<<< HEAD\n2,3\n=======\n2,4\n", ">>>>>>> other\n");
    tree.file("joined.csv", format!("{mark}a,b\n1,2\n{mark}a,b\n3,4\n{mark}a,b\n"));
    tree.file("merged.csv", format!("a,b\n1,2\n{ours}{theirs}5,6\n"));
    // A text about merging is none, nor are lines of signs.
    tree.file("quoted.csv", format!("a,b\n1,2\n\"{ours}{theirs}\",x\n\"x\n{mark}y\",3\n"));
    tree.file("lines.csv", "a\n=======\n<<<<<<< x\n1\n");
    for operation in ["profile", "convert", "validate"] {
        for chunk_bytes in [200, 1 << 20] {
            let done = spec(operation, &tree.path()).chunk_bytes(chunk_bytes).run();
            let mut told: Vec<_> =
                done.issues().iter().map(|row| format!("{}: {}", row.text("path"), row.text("message"))).collect();
            told.retain(|told| !told.contains("number of fields") && !told.contains("several lines"));
            told.sort();
            let [joined, merged] = &told[..] else { panic!("{operation} {chunk_bytes} {told:?}") };
            assert!(joined.starts_with("joined.csv: 2 records begin with a byte order mark"), "{joined}");
            assert!(joined.contains("the first is in line 3"), "{joined}");
            assert!(
                merged.starts_with("merged.csv: 1 merge conflicts") && merged.contains("begins in line 3"),
                "{merged}"
            );
        }
    }
}

#[test]
fn nul_bytes_in_text_are_told_with_their_line_and_such_a_file_is_not_valid() {
    let tree = Tree::new();
    let nuls = |count: usize| "\0".repeat(count);
    let rows = "1,2\n".repeat(1_000);
    // Also where no record is ragged: in a name, as a record, before a value, inside quotes, behind and before the table.
    tree.file("name.csv", format!("{}a,b\n1,2\n", nuls(8)))
        .file("record.csv", format!("a,b\n1,2\n{},{}\n3,4\n", nuls(4), nuls(2)))
        .file("glued.csv", format!("a,b\n{rows}{}{rows}", nuls(4_096)))
        .file("quoted.csv", format!("a,b\n1,\"x{}y\"\n2,z\n", nuls(3)))
        .file("end.csv", format!("a,b\n{rows}{}", nuls(512)))
        .file("before.csv", format!("{}\n\na,b\n{rows}", nuls(16)))
        .file("plain.csv", "a,b\n1,2\n");
    let expected = [
        ("before.csv", 16, 1),
        ("end.csv", 512, 1_002),
        ("glued.csv", 4_096, 1_002),
        ("name.csv", 8, 1),
        ("quoted.csv", 3, 2),
        ("record.csv", 6, 3),
    ];
    for operation in ["profile", "convert", "validate"] {
        for chunk_bytes in [7, 100, 1 << 20] {
            let done = spec(operation, &tree.path()).chunk_bytes(chunk_bytes).run();
            let mut told: Vec<_> = done
                .issues()
                .iter()
                .filter(|row| row.text("message").contains("NUL bytes"))
                .map(|row| (row.text("path").to_owned(), row.text("message").split(". ").next().unwrap().to_owned()))
                .collect();
            told.sort();
            let expected = expected.map(|(path, count, line)| {
                (path.to_owned(), format!("{count} NUL bytes are in the text, the first in line {line}"))
            });
            assert_eq!(told, expected, "{operation} {chunk_bytes}");
            if operation == "validate" {
                for row in done.table("result") {
                    let (path, verdict) = (row.text("path"), row.text("verdict"));
                    assert_eq!(verdict == "valid", path == "plain.csv", "{path}: {verdict}");
                }
            }
        }
    }
}

#[test]
fn other_texts_that_are_called_tables_are_told_unless_the_delimiter_is_set() {
    let tree = Tree::new();
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let quads = |text: &str| text.chars().flat_map(|one| (one as u32).to_be_bytes()).collect::<Vec<u8>>();
    tree.file("page.csv", "\u{feff}<!DOCTYPE html>\n<html>\n<p>Please sign in, then retry</p>\n")
        .file("error.tsv", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>")
        .file("paper.csv", "%PDF-1.4\n%\u{e4}\u{fc}\n1 0 obj\n")
        .file("pointer.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:aa,bb\nsize 12345\n")
        .file("little.csv", b"\xff\xfe\0\0a\0\0\0,\0\0\0b\0\0\0\n\0\0\0")
        .file("wide.csv", b"\0\0\xfe\xff\0\0\0a\0\0\0,\0\0\0b\0\0\0\n")
        .file("unmarked.csv", quads("a,b\n1,2\n"))
        .file("wide_page.csv", wide("\u{feff}<!DOCTYPE html>\n<html>\n<body>a,b</body></html>"))
        .file("part.csv", "<table>\n<tr><td>a,b</td></tr>\n</table>\n")
        .file("denied.csv", "<Error><Code>AccessDenied</Code><Message>No, never</Message></Error>")
        .file("error.csv", "{\"error\": {\"code\": 403, \"message\": \"a, b\"}}")
        .file("lines.csv", "{\n  \"a\": 1,\n  \"b\": 2\n}\n")
        .file("pointer.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:aa,bb\nsize 12345\n")
        .file("pointer.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:aa,bb\nsize 12345\n")
        .file("annex.xml", "/annex/objects/SHA256E-s7--0a1b.xml\n")
        .file("set.csv", "{a,b}\n1,2\n")
        .file("field.csv", "{\"error\": \"a, b\"},1\n{\"error\": \"c, d\"},2\n")
        .file("fields.csv", "{\"a\":1},{\"b\":2}\n{\"a\":3},{\"b\":4}\n")
        .file("array.csv", "[1,2]\n[3,4]\n")
        // `id,s%1,name1%2,name2%` in EBCDIC, whose line end is `%`.
        .file("mainframe.csv", b"\x89\x84\x6b\xa2\x25\xf1\x6b\x95\x81\x94\x85\xf1\x25\xf2\x6b\x95\x81\x94\x85\xf2\x25")
        .file("separated.csv", "id\x1fname\x1e1\x1fx\x1e2\x1fy\x1e")
        .file("minified.json", "[{\"a\":\"x\u{2028}\u{2028}\"}]")
        .file("plain.csv", "version,b\n<html>,2\n");
    for operation in ["profile", "convert", "validate"] {
        let done = spec(operation, &tree.path()).run();
        let words = ["looks like ", "is text in UTF-32", "is text in EBCDIC", "has no line ends, but U+001E"];
        let issues = done.issues();
        let mut told: Vec<_> = issues
            .iter()
            .filter(|row| words.iter().any(|words| row.text("message").contains(words)))
            .map(|row| row.text("path").to_owned())
            .collect();
        told.sort();
        let paths = [
            "annex.xml",
            "denied.csv",
            "error.csv",
            "error.tsv",
            "lines.csv",
            "little.csv",
            "mainframe.csv",
            "page.csv",
            "paper.csv",
            "part.csv",
            "pointer.jsonl",
            "pointer.parquet",
            "pointer.txt",
            "separated.csv",
            "unmarked.csv",
            "wide.csv",
            "wide_page.csv",
        ];
        assert_eq!(told, paths, "{operation}");
    }
    let done = spec("validate", &tree.path()).option("delimiter", "comma").run();
    assert!(!done.issues().iter().any(|row| row.text("message").contains("no table")));
}

#[test]
fn an_array_of_no_records_has_none() {
    let tree = Tree::new();
    tree.file("a.json", "[]").file("b.json", "\n [ ]\n").file("c.json", "[]\n[]\n");
    let done = spec("validate", &tree.path()).run();
    let rows = done.by_path("result");
    let told: Vec<_> = rows.values().map(|row| (row.text("verdict").to_owned(), row.integer("records"))).collect();
    assert_eq!((&told[0], &told[1]), (&("valid".to_owned(), 0), &("valid".to_owned(), 0)));
    assert_eq!(told[2].1, 2);
}
