//! Text with columns of fixed widths: layout files, and records without line ends.

use crate::common::run::{Done, Spec, spec};
use crate::common::tree::Tree;
use serde_json::json;

const LAYOUT: &str = "name,start,end\nid,1,4\nname,5,14\nday,15,22\nprice,23,28\n";

fn converted(run: &Spec) -> (String, Done) {
    let done = run.clone().option("to", "csv").run();
    (String::from_utf8(done.read("converted/a.csv")).unwrap(), done)
}

fn remarks(done: &Done) -> String {
    done.issues().iter().map(|row| row.text("message").to_owned()).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_layout_file_gives_the_columns_that_are_told_one_by_one() {
    let tree = Tree::new();
    tree.file("a.txt", "0001Ünal      20240105  9.50\n0002Bob Lee   2023113012.25\n");
    let layout = tree.beside("layout.csv");
    std::fs::write(&layout, LAYOUT).unwrap();
    let run = spec("convert", &tree.path());
    let wanted = "id,name,day,price\n0001,Ünal,20240105,9.50\n0002,Bob Lee,20231130,12.25\n";
    let json = r#"{"widths": [4, 10, 8, 6], "names": ["id", "name", "day", "price"]}"#;
    for run in [
        run.clone().option("widths", ["id=4", "name=10", "day=8", "price=23-28"]),
        run.clone().option("widths_file", layout.to_str().unwrap()),
        run.clone().option("widths_file", "/gone").option("widths_text", json),
    ] {
        assert_eq!(converted(&run).0, wanted);
    }
    for (option, value, why) in [
        ("widths_file", json!("/gone/layout.csv"), "cannot be read"),
        ("widths_file", json!("layout.csv"), "must be the absolute path"),
        ("widths_text", json!("id,1,8"), "first line must say"),
        ("widths_text", json!("name,start,end\na,1,8\nb,8,9\n"), "each behind the one before"),
        ("record_length", json!(80), "needs the columns"),
    ] {
        let refused = run.clone().option(option, value).fails().to_string();
        assert!(refused.contains(why) && refused.contains(option), "{refused}");
    }
    for (option, value) in [("widths", json!(["4"])), ("delimiter", json!("comma")), ("record_length", json!(27))] {
        let refused = run.clone().option("widths_text", LAYOUT).option(option, value).fails().to_string();
        assert!(refused.contains(option), "{refused}");
    }
}

#[test]
fn records_without_line_ends_come_back_and_what_is_left_is_counted() {
    let (tree, mut text, mut wanted) = (Tree::new(), String::new(), "id,name,day,price\n".to_owned());
    for number in 0..500 {
        text.push_str(
            &format!("{number:04}{:<10}20240105{number:>6}", "Ünal, A.").chars().take(28).collect::<String>(),
        );
        text.push_str("  ");
        wanted.push_str(&format!("{number:04},\"Ünal, A.\",20240105,{number}\n"));
    }
    tree.file("a.txt", &text);
    let run = spec("convert", &tree.path()).option("widths_text", LAYOUT).option("record_length", 30);
    for bytes in [1, 100, 4 << 20] {
        let (found, done) = converted(&run.clone().chunk_bytes(bytes));
        assert_eq!(found, wanted, "{bytes}");
        assert_eq!((&done.summary()["verdict"], remarks(&done).as_str()), (&json!("whole"), ""), "{bytes}");
    }
    tree.file("a.txt", format!("{text}0500Rest"));
    let (found, done) = converted(&run);
    let summary = done.summary();
    assert_eq!(found, wanted);
    let counts = ["records_read", "records_written", "records_rejected"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!((counts, &summary["verdict"]), ([501, 500, 1], &json!("partial")));
    assert!(remarks(&done).contains("the last 8 characters are no whole record of 30"), "{}", remarks(&done));
    // What is cut by one character, or reads as a total, is no line after a table that has no lines; nor is the first
    // record one before it.
    let broken = format!("\n{}", &text[1..]);
    for odd in [format!("{text}{}", "x".repeat(29)), format!("{text}total end"), broken] {
        tree.file("a.txt", odd);
        let (_, done) = converted(&run);
        assert_eq!((&done.summary()["records_rejected"], &done.summary()["verdict"]), (&json!(1), &json!("partial")));
    }
    // Lines of another length are no records of this one.
    tree.file("a.txt", "0001Ünal      20240105  9.50\n0002Bob\n0003Eve       20240105  1.50\n");
    let told = remarks(&spec("profile", &tree.path()).option("widths_text", LAYOUT).option("record_length", 28).run());
    assert!(told.contains("have a line end in them") && told.contains("is the record length right"), "{told}");
}

#[test]
fn a_table_called_csv_that_is_read_by_fixed_widths_says_so() {
    let tree = Tree::new();
    tree.file("words.csv", "address\n12 Main St  Apt 4\n9 Oak Ave   Apt 7\n77 Elm Rd   Apt 9\n")
        .file("named.csv", "name\n22\nJohn  Doe\n22\nMary  Roe\n")
        .file("columns.txt", "id   name\n1    Ann\n22   Bob\n333  Eve\n");
    let told = remarks(&spec("profile", &tree.path()).run());
    assert_eq!(told.matches("is read by fixed widths").count(), 2, "{told}");
}
