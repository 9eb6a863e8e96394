//! A table that breaks off, or holds more than is read of it, is never called whole.

use std::io::Write as _;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};

use crate::books::book;
use crate::common::run::{Done, spec};
use crate::common::tree::Tree;

/// An Avro file of one number a record, all in one block that claims so many of them.
fn avro(claimed: u8, numbers: &[u8]) -> Vec<u8> {
    let schema = br#"{"type":"record","name":"r","fields":[{"name":"a","type":"long"}]}"#;
    let mut file = b"Obj\x01\x02\x16avro.schema".to_vec();
    // Lengths of variable length, twice what they are.
    file.extend([(schema.len() * 2) as u8 | 0x80, 1]);
    file.extend(schema);
    file.push(0);
    file.extend([b's'; 16]);
    file.extend([claimed * 2, numbers.len() as u8 * 2]);
    file.extend(numbers.iter().map(|number| number * 2));
    file.extend([b's'; 16]);
    file
}

fn arrow(numbers: Vec<i64>) -> [Vec<u8>; 2] {
    let column: ArrayRef = Arc::new(Int64Array::from(numbers));
    let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
    let mut stream = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    let mut file = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    file.write(&batch).unwrap();
    [stream.into_inner().unwrap(), file.into_inner().unwrap()]
}

fn parquet(numbers: Vec<i64>) -> Vec<u8> {
    let column: ArrayRef = Arc::new(Int64Array::from(numbers));
    let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
    let mut file = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    file.write(&batch).unwrap();
    file.into_inner().unwrap()
}

fn row(value: &str) -> String {
    format!("<row><c><v>{value}</v></c></row>")
}

fn text_row(value: &str) -> String {
    format!("<row><c t=\"inlineStr\"><is><t>{value}</t></is></c></row>")
}

/// Paths of the tables of a workbook are those of its sheets.
fn of<'a>(path: &str, names: &[&'a str]) -> Option<&'a str> {
    names.iter().copied().find(|name| path.split('#').next() == Some(name))
}

fn issues(done: &Done) -> Vec<String> {
    done.issues().iter().map(|row| String::from_utf8(row.path()).unwrap()).collect()
}

#[test]
fn a_stream_of_arrow_without_a_mark_of_its_end_is_read_and_that_is_told() {
    let tree = Tree::new();
    let [stream, _] = arrow(vec![1, 2]);
    tree.file("a.arrows", &stream[..stream.len() - 8]).file("b.arrows", &stream);
    for operation in ["validate", "profile", "convert"] {
        let done = spec(operation, &tree.path()).run();
        let told: Vec<_> = done.issues().iter().map(|row| row.text("message").to_owned()).collect();
        assert!(told.len() == 1 && told[0].contains("no mark of its end"), "{operation}: {told:?}");
        if operation == "convert" {
            assert_eq!(done.table("result").iter().map(|row| row.integer("records_written")).sum::<i64>(), 4);
        }
    }
}

#[test]
fn a_compressed_text_that_is_cut_is_told_once() {
    let tree = Tree::new();
    let records = |record: &str| record.repeat(500);
    for (name, text) in [
        ("a.xml", format!("<l>{}</l>", records("<r><a>1</a></r>"))),
        ("a.json", format!("[{}{{\"a\":2}}]", records("{\"a\":1},"))),
        ("a.csv", format!("a\n\"{}\"\n", records("1\n"))),
    ] {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        packed.write_all(text.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        for (place, length) in [12, packed.len() / 2, packed.len() - 9].into_iter().enumerate() {
            tree.file(format!("{place}{name}.gz"), &packed[..length]);
        }
    }
    for operation in ["validate", "profile", "convert"] {
        for bytes in [7, 1 << 20] {
            let done = spec(operation, &tree.path()).chunk_bytes(bytes).run();
            let mut told: Vec<_> =
                done.issues().iter().map(|row| (row.text("path").to_owned(), row.text("message").to_owned())).collect();
            assert!(told.iter().all(|(_, message)| message.contains("gzip stream")), "{operation} {bytes} {told:?}");
            told.sort();
            told.dedup();
            assert_eq!((told.len(), done.issues().len()), (9, 9), "{operation} {bytes} {told:?}");
        }
    }
}

#[test]
fn what_breaks_off_or_has_more_behind_it_is_never_whole() {
    let tree = Tree::new();
    let [stream, file] = arrow(vec![1, 2]);
    let [other, _] = arrow(vec![3]);
    let sheet = text_row("a") + &row("1") + &row("2");
    let whole: &[(&str, Vec<u8>)] = &[
        ("whole.avro", avro(3, &[1, 2, 3])),
        ("whole.json", b"[{\"a\":1},\n{\"a\":2}]\n".to_vec()),
        ("twice.json", b"[{\"a\":1}][{\"a\":2}]\n".to_vec()),
        ("whole.arrow", file.clone()),
        ("whole.arrows", stream.clone()),
        ("whole.parquet", parquet(vec![1, 2])),
        ("whole.xlsx", book("", &[], &[("s", "", &sheet)])),
    ];
    let broken: &[(&str, Vec<u8>)] = &[
        ("more.avro", avro(2, &[1, 2, 3])),
        ("fewer.avro", avro(3, &[1, 2])),
        ("cut.json", b"[{\"a\":1},\n{\"a\":2}".to_vec()),
        ("comma.json", b"[{\"a\":1},\n{\"a\":2},".to_vec()),
        ("half.json", b"[{\"a\":1},\n{\"a\":".to_vec()),
        ("nothing.json", b"[".to_vec()),
        ("gap.json", b"[{\"a\":1} {\"a\":2}]".to_vec()),
        ("double.json", b"[{\"a\":1},,{\"a\":2}]".to_vec()),
        ("twice.arrow", [file.clone(), file].concat()),
        ("twice.arrows", [stream.clone(), other].concat()),
        ("twice.parquet", [parquet(vec![1, 2]), parquet(vec![3])].concat()),
        ("cut.xlsx", book("", &[], &[("s", "", &format!("{sheet}<row><c>"))])),
    ];
    for (name, content) in whole.iter().chain(broken) {
        tree.file(name, content);
    }
    let (whole, broken): (Vec<_>, Vec<_>) =
        (whole.iter().map(|(name, _)| *name).collect(), broken.iter().map(|(name, _)| *name).collect());

    for bytes in [7, 1 << 20] {
        let jobs = ["validate", "profile", "convert"].map(|name| spec(name, &tree.path()).chunk_bytes(bytes).run());
        let [validated, profiled, converted] = &jobs;
        for (table, column, good) in
            [(validated.table("result"), "verdict", "valid"), (profiled.table("files"), "read", "whole")]
        {
            let mut called: Vec<_> =
                table.iter().filter(|row| row.text(column) == good).map(|row| row.text("path").to_owned()).collect();
            called.sort();
            let called: Vec<_> = called.iter().map(|path| of(path, &whole).unwrap_or(path)).collect();
            let mut expected = whole.clone();
            expected.sort_unstable();
            assert_eq!(called, expected, "{bytes}");
        }
        for done in &jobs {
            let told = issues(done);
            for name in &broken {
                assert!(told.iter().any(|path| of(path, &[name]).is_some()), "{name}: {told:?}");
            }
        }
        // What was read of text is there, under a name that says so.
        for row in converted.table("result") {
            let (path, output) = (row.text("path"), row.text("written_as"));
            assert_eq!(output.contains(".partial."), of(path, &whole).is_none(), "{path} {output}");
        }
        let read = |name: &str| {
            let rows = converted.table("result");
            rows.iter().find(|row| row.text("path") == name).map(|row| row.integer("records_written"))
        };
        assert_eq!(["cut.json", "gap.json"].map(read), [Some(2); 2]);
    }
}
