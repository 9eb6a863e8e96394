//! profile: its figures are those of a naive reading, whatever the pieces a file comes in.

use std::collections::BTreeMap;
use std::io::Write;

use crate::common::rows::Row;
use crate::common::run::{Done, spec};
use crate::common::tree::Tree;
use serde_json::json;

fn by_column(done: &Done) -> BTreeMap<String, Row> {
    done.table("result").into_iter().map(|row| (row.text("column").to_owned(), row)).collect()
}

/// Quotes, delimiters and line ends in fields, short and long records, and what stands for no value.
const HOSTILE: &str =
    "id,name,amount\n1,\"a, \"\"b\"\"\nc\",1.5\n2,,2\r\n\n3,\"\",NA\n4,x\"y,-7.25\n5,\"é\"\n6,z,1,9\r7,z,0.25";

#[test]
fn figures_are_those_of_a_naive_reading_at_every_border() {
    let tree = Tree::new();
    tree.file("hostile.csv", HOSTILE);
    for bytes in (1..HOSTILE.len() + 2).chain([4 << 20]) {
        let done = spec("profile", &tree.path()).chunk_bytes(bytes).run();
        let columns = by_column(&done);
        let integer = |column: &str, name: &str| columns[column].integer(name);
        assert_eq!(columns.keys().collect::<Vec<_>>(), ["amount", "id", "name"], "{bytes}");
        assert_eq!((integer("id", "values"), integer("id", "nulls"), integer("id", "distinct")), (7, 0, 7));
        assert_eq!((columns["id"].text("type"), columns["id"].text("nature")), ("integer", "key"));
        assert_eq!((integer("name", "values"), integer("name", "nulls"), integer("name", "empties")), (6, 1, 1));
        assert_eq!((integer("name", "distinct"), integer("name", "longest")), (5, 8));
        assert_eq!((integer("amount", "values"), integer("amount", "nulls"), integer("amount", "missing")), (5, 2, 1));
        assert_eq!((columns["amount"].text("least"), columns["amount"].text("greatest")), ("-7.25", "2"));
        assert!((columns["amount"].number("mean") - -0.5).abs() < 1e-12);
        let files = done.by_path("files");
        let file = &files[&b"hostile.csv"[..]];
        assert_eq!((file.integer("records"), file.integer("ragged"), file.integer("first_ragged")), (7, 2, 5));
        assert_eq!(done.summary()["records"], 7);
        // Ragged records, and a quote in a value that has none around it.
        assert_eq!(file.integer("odd_quotes"), 1);
        assert_eq!(done.issue_kinds(), vec![("malformed".to_owned(), b"hostile.csv".to_vec()); 2]);
        let types: Vec<_> = done
            .table("types")
            .iter()
            .map(|row| (row.text("column").to_owned(), row.text("type").to_owned(), row.integer("record")))
            .collect();
        let expected = [("id", "integer", 1), ("name", "text", 1), ("amount", "integer", 2), ("amount", "float", 1)];
        assert_eq!(
            types,
            expected.map(|(column, kind, record)| (column.to_owned(), kind.to_owned(), record)),
            "{bytes}"
        );
    }
}

#[test]
fn many_values_are_told_within_the_stated_errors_and_alike_in_every_run() {
    let tree = Tree::new();
    let mut text = String::from("key,word,when,mixed\n");
    let records = 200_000u64;
    for number in 0..records {
        let value = number * 7_919 % records;
        let mixed = if number == 150_000 { "oops".to_owned() } else { value.to_string() };
        text.push_str(&format!(
            "{value},w{},20{:02}-0{}-1{},{mixed}\n",
            value % 10,
            value % 30,
            value % 9 + 1,
            value % 10
        ));
    }
    tree.file("many.csv", &text);
    let run = |threads| spec("profile", &tree.path()).threads(threads).chunk_bytes(100_000).run();
    let (done, again) = (run(2), run(1));
    let columns = by_column(&done);
    assert_eq!(format!("{:?}", columns), format!("{:?}", by_column(&again)));
    let key = &columns["key"];
    let distinct = key.integer("distinct") as f64;
    assert!((distinct / records as f64 - 1.0).abs() < 0.05, "{distinct}");
    assert_eq!((key.text("distinct_is"), key.text("nature")), ("estimate", "likely key"));
    assert_eq!((key.text("least"), key.text("greatest")), ("0", "199999"));
    assert!((key.number("mean") - 99_999.5).abs() < 1e-6);
    assert!((key.number("deviation") / 57_735.171 - 1.0).abs() < 1e-6);
    for (name, share) in [("p05", 0.05), ("p25", 0.25), ("median", 0.5), ("p75", 0.75), ("p95", 0.95)] {
        let rank = key.text(name).parse::<f64>().unwrap() / records as f64;
        assert!((rank - share).abs() < 0.01, "{name} {rank}");
    }
    assert_eq!((columns["word"].integer("distinct"), columns["word"].text("distinct_is")), (10, "exact"));
    assert_eq!(columns["when"].text("type"), "date");
    let mixed = &columns["mixed"];
    assert_eq!((mixed.text("type"), mixed.text("lossless_type"), mixed.integer("exceptions")), ("integer", "text", 1));
    assert_eq!(mixed.text("greatest"), "199999");
    assert_eq!(mixed.text("evidence"), "199,999 integer; 1 text, the first 'oops' in record 150,001 of many.csv");
    let tops: Vec<Row> = done.table("top_values").into_iter().filter(|row| row.text("column") == "word").collect();
    assert!(tops.len() == 10 && tops.iter().all(|row| row.integer("count") == 20_000));
    let bars: i64 =
        done.table("histogram").iter().filter(|row| row.text("column") == "key").map(|row| row.integer("values")).sum();
    assert!((bars - records as i64).abs() < 50, "{bars}");
}

#[test]
fn files_merge_by_name_and_schemas_that_differ_are_told() {
    let tree = Tree::new();
    for number in 0..10 {
        tree.file(format!("a{number}.csv"), format!("id;name;day\n{number};x{number};2026-01-01\n"));
    }
    tree.file("b.tsv", "id\tname\tday\textra\n10\tx\t2026-01-01\t\n");
    tree.file("c.csv", "name,id,day\nx,n/a,2026-01-01\n");
    tree.file("d.csv", "id,title,day\n11,x,2026-01-01\n");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all("\u{feff}id,name,day\n12,x,2026-01-01\n".as_bytes()).unwrap();
    tree.file("e.csv.gz", packed.finish().unwrap());
    tree.file(
        "utf16.csv",
        [
            &b"\xff\xfe"[..],
            &"id,name,day\n13,é,2026-01-01\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
        ]
        .concat(),
    );
    tree.file("empty.csv", "");
    tree.file("image.png", "\u{89}PNG");
    let done = spec("profile", &tree.path()).run();
    let summary = done.summary();
    assert_eq!((&summary["files"], &summary["other_files"], &summary["records"]), (&json!(16), &json!(1), &json!(15)));
    let columns = by_column(&done);
    assert_eq!((columns["id"].integer("files"), columns["id"].integer("values")), (15, 15));
    assert_eq!(columns["id"].text("evidence"), "14 integer; 1 text, the first 'n/a' in record 1 of c.csv");
    assert_eq!(columns["extra"].text("nature"), "empty");
    let schemas = done.table("schemas");
    assert_eq!((schemas.len(), schemas[0].integer("files")), (5, 12));
    // An empty file is of no table.
    assert_eq!(summary["datasets"], 2);
    let changes: Vec<String> = done
        .table("changes")
        .iter()
        .map(|row| ["column", "change", "before", "after", "path"].map(|name| row.text(name)).join(" "))
        .collect();
    for expected in ["extra appeared  none b.tsv", "id type integer text c.csv", "name renamed name title d.csv"] {
        assert!(changes.iter().any(|change| change == expected), "{expected} in {changes:?}");
    }
    assert!(changes.iter().any(|change| change.contains("moved") && change.ends_with("c.csv")), "{changes:?}");
    let files = done.by_path("files");
    let text = |path: &str, name: &str| files[path.as_bytes()].text(name).to_owned();
    assert_eq!((text("e.csv.gz", "packed"), text("utf16.csv", "encoding")), ("gzip".to_owned(), "utf-16le".to_owned()));
    assert_eq!((text("b.tsv", "delimiter"), text("a0.csv", "delimiter")), ("tab".to_owned(), ";".to_owned()));
    let page = String::from_utf8(done.read("profile.html")).unwrap();
    assert!(page.contains("15 records in 16 files"), "{page}");
    assert_eq!(done.table("by_file").iter().filter(|row| row.text("column") == "id").count(), 15);
}

#[test]
fn broken_files_are_issues_and_hold_up_no_other() {
    let tree = Tree::new();
    tree.file("good.csv", "a,b\n1,2\n");
    tree.file("open.csv", "a,b\n1,\"2\n3,4\n");
    tree.file("latin.csv", b"a,b\ncaf\xe9,1\n");
    tree.file("cut.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03abc");
    let mut long = b"a,b\n1,\"".to_vec();
    long.resize(20 << 20, b'x');
    tree.file("long.csv", &long);
    let done = spec("profile", &tree.path()).run();
    let issues: Vec<(String, Vec<u8>)> = done.issue_kinds();
    let expected =
        [("malformed", "cut.csv.gz"), ("malformed", "latin.csv"), ("malformed", "open.csv"), ("too_large", "long.csv")];
    assert_eq!(issues, expected.map(|(kind, path)| (kind.to_owned(), path.as_bytes().to_vec())));
    let files = done.by_path("files");
    assert_eq!(files[&b"good.csv"[..]].text("read"), "whole");
    assert_eq!((files[&b"open.csv"[..]].text("read"), files[&b"long.csv"[..]].text("read")), ("open quote", "cut"));
    assert_eq!(files[&b"latin.csv"[..]].text("encoding"), "windows-1252");
    let value = done.table("top_values").into_iter().find(|row| row.text("value").starts_with("caf")).unwrap();
    assert_eq!(value.text("value"), "café");
}

#[test]
fn ten_thousand_columns_work() {
    let tree = Tree::new();
    let line = |row: usize| (0..10_000).map(|column| (row * column).to_string()).collect::<Vec<_>>().join(",") + "\n";
    let header = (0..10_000).map(|column| format!("c{column}")).collect::<Vec<_>>().join(",") + "\n";
    tree.file("wide.csv", header + &(0..120).map(line).collect::<String>());
    let done = spec("profile", &tree.path()).run();
    let columns = by_column(&done);
    assert_eq!((columns.len(), columns["c9999"].text("greatest")), (10_000, "1189881"));
    assert_eq!(columns["c1"].integer("values"), 120);
    assert!(done.read("profile.html").len() < 3 << 20);
}

#[test]
fn few_bad_values_do_not_change_a_columns_type() {
    let tree = Tree::new();
    // 64,002 values of two files, 63 of them bad: three different ones.
    let bad = ["oops", "n.a.", "2024-01-31"];
    let line = |at: u64| match at % 1000 {
        17 => format!("{at},{},{at}\n", bad[(at / 1000 % 3) as usize]),
        _ => format!("{at},{}.5,{}\n", at % 100, if at == 777 { "12A".to_owned() } else { at.to_string() }),
    };
    let text = |range: std::ops::Range<u64>| "id,amount,code\n".to_owned() + &range.map(line).collect::<String>();
    tree.file("b.csv", text(0..40_000)).file("a.csv", text(40_000..64_002));
    let run = |threads, bytes| spec("profile", &tree.path()).threads(threads).chunk_bytes(bytes).run();
    let done = run(2, 4 << 20);
    let amount = &by_column(&done)["amount"];
    assert_eq!((amount.text("type"), amount.text("lossless_type")), ("float", "text"));
    assert_eq!((amount.integer("values"), amount.integer("exceptions")), (64_002, 64));
    assert!((amount.number("conformity") - 63_938.0 * 100.0 / 64_002.0).abs() < 1e-9);
    // Of the values that conform, and exact.
    let numbers: Vec<f64> = (0..64_002).filter(|at| at % 1000 != 17).map(|at| (at % 100) as f64 + 0.5).collect();
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let spread = numbers.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / (numbers.len() - 1) as f64;
    assert!((amount.number("mean") - mean).abs() < 1e-9);
    assert!((amount.number("deviation") - spread.sqrt()).abs() < 1e-9);
    assert_eq!((amount.text("least"), amount.text("greatest"), amount.integer("distinct")), ("0.5", "99.5", 100));
    let median = amount.text("median").parse::<f64>().unwrap();
    assert!((48.0..52.0).contains(&median), "{median}");
    let exceptions = |done: &Done| -> Vec<String> {
        let shown = |row: &Row| {
            format!("{} {} {} {}", row.text("column"), row.text("value"), row.text("path"), row.integer("record"))
        };
        done.table("exceptions").iter().map(shown).collect()
    };
    let expected = ["amount n.a. a.csv 18", "amount 2024-01-31 a.csv 1018", "amount oops a.csv 2018"];
    assert_eq!(exceptions(&done), expected);
    // A code among digits makes a column of codes.
    assert_eq!((by_column(&done)["code"].text("type"), done.summary()["exceptions"].as_u64()), ("text", Some(64)));
    assert_eq!(done.summary()["columns_with_exceptions"], 1);
    // The files have one schema: a bad value is no drift.
    let types: Vec<Row> = done.table("by_file").into_iter().filter(|row| row.text("column") == "amount").collect();
    assert!(types.iter().all(|row| row.text("type") == "float" && row.integer("exceptions") > 0), "{types:?}");
    for bytes in [1000, 70_000] {
        let again = run(1, bytes);
        assert_eq!(exceptions(&again), expected, "{bytes}");
        let row = &by_column(&again)["amount"];
        for name in ["type", "least", "greatest", "conformity", "exceptions", "evidence"] {
            assert_eq!(row.0[name], amount.0[name], "{name} {bytes}");
        }
    }
}

#[test]
fn a_null_word_is_null_where_nearly_all_other_values_are_numbers() {
    let tree = Tree::new();
    let line = |at: u64| match at {
        at if at % 10 == 3 => "NA\n".to_owned(),
        500 => "oops\n".to_owned(),
        at => format!("{at}\n"),
    };
    tree.file("a.csv", "amount\n".to_owned() + &(0..1000).map(line).collect::<String>());
    let row = &by_column(&spec("profile", &tree.path()).run())["amount"];
    assert_eq!((row.text("type"), row.integer("exceptions"), row.integer("nulls")), ("integer", 1, 100));
    assert_eq!((row.text("null_words"), row.text("greatest")), ("NA: 100", "999"));
}
