//! Readers of workbooks, of XML, of Avro, of Parquet and of Arrow against mutated input: no panic, no record that is lost, and no
//! memory taken for what a file only claims.

use arrow_ipc::CompressionType;
use arrow_schema::DataType;

use crate::arrow_types::{array, beside_numbers, files};
use crate::books::{book, zip};
use crate::books_binary;
use crate::claims::{compressed, lengths, parquet, texts};
use crate::common::run::spec;
use crate::common::tree::Tree;
use crate::fuzz::fuzz;
use crate::old_book;

/// Convert a file that may be anything; what was read is written or rejected.
fn balanced(name: &str, content: &[u8]) {
    let tree = Tree::new();
    tree.file(name, content);
    let done = spec("convert", &tree.path()).option("to", "csv").threads(1).run();
    let [read, written, rejected, files, failed] =
        ["records_read", "records_written", "records_rejected", "files", "failed_files"]
            .map(|name| done.summary()[name].as_u64().unwrap());
    assert_eq!(read, written + rejected, "{}", done.outcome);
    // Its tables are there, or somebody was told.
    assert!(files > 0 || failed > 0 || done.count("issues") > 0, "{}", done.outcome);
}

const WORDS: [&[u8]; 24] = [
    b"<row>",
    b"</row>",
    b"<row r=\"7\">",
    b"<row r=\"1048576\">",
    b"<row r=\"4294967295\">",
    b"<c r=\"XFD1\" t=\"s\">",
    b"<c r=\"A3\" s=\"1\">",
    b"<c t=\"inlineStr\"><is><t>",
    b"</c>",
    b"<v>",
    b"</v>",
    b"<f>A1</f>",
    b"0.10000000000000001",
    b"1e999",
    b"-60.5",
    b"&#x10ffff;",
    b"&amp;",
    b"&x;",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"_x000D_",
    b"<table:table-row table:number-rows-repeated=\"9\">",
    b"<table:table-cell office:value-type=\"float\" office:value=\"1\" table:number-columns-repeated=\"16384\">",
];

#[test]
fn sheets_of_office() {
    let cells = "<row r=\"1\"><c r=\"A1\" t=\"str\"><v>id</v></c><c r=\"B1\" t=\"s\"><v>0</v></c></row>";
    let body = "<row r=\"2\"><c r=\"A2\"><v>1</v></c><c r=\"B2\" s=\"1\"><v>45292.5</v></c></row>\
                <row r=\"4\"><c r=\"B4\" t=\"e\"><v>#N/A</v></c><c r=\"C4\" t=\"b\"><v>1</v></c></row>";
    let corpus = [format!("{cells}{body}").into_bytes(), body.repeat(3).into_bytes(), cells.as_bytes().to_vec()];
    fuzz("sheets of Office Open XML", 1.0, &corpus, &WORDS, |input| {
        balanced("a.xlsx", &book("", &["name"], &[("s", "", &String::from_utf8_lossy(input))]));
    });
}

#[test]
fn sheets_in_binary() {
    let book = |cells: &[u8]| books_binary::book(false, &["name"], &[("s", 0, cells.to_vec())]);
    let record = books_binary::record;
    let row = |number: u8| record(0, &[number, 0, 0, 0]);
    let cells = [
        row(0),
        record(6, b"\0\0\0\0\0\0\0\0\x02\0\0\0i\0d\0"),
        record(7, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        row(1),
        record(2, &[0, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0]),
        record(5, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x29, 0x40]),
        row(3),
        record(3, &[0, 0, 0, 0, 0, 0, 0, 0, 0x2a]),
        record(16, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
    ];
    let corpus = [cells.concat(), cells[3..].concat(), cells[..3].concat()];
    fuzz("sheets in binary", 1.0, &corpus, &WORDS, |input| balanced("a.xlsb", &book(input)));
}

#[test]
fn old_workbooks() {
    let (record, cell) = (old_book::record, old_book::cell);
    let cells = [
        cell(0x204, (0, 0), 0, b"\x02\0\0id"),
        cell(0xfd, (0, 1), 0, &[0, 0, 0, 0]),
        cell(0x27e, (1, 0), 1, &[6, 0, 0, 0]),
        cell(0x203, (1, 1), 0, &1.5_f64.to_le_bytes()),
        cell(6, (2, 0), 0, &[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0]),
        record(0x207, b"\x03\0\0abc"),
        record(0xbd, &[3, 0, 0, 0, 0, 0, 6, 0, 0, 0, 1, 0, 10, 0, 0, 0, 1, 0]),
        cell(0x205, (4, 1), 0, &[0x2a, 1]),
    ];
    let first = [old_book::common(&["name", "\u{4e2d}"]), record(0x3c, b"\x01a\0")].concat();
    let stream = |version| {
        old_book::stream(version, &[], &first, &[("s", 0, 0, cells.concat()), ("t", 1, 0, cells[3..].concat())])
    };
    let words: [&[u8]; 10] = [
        &[0x3c, 0, 5, 0, 1],
        &[0x0a, 0, 0, 0],
        &[0x09, 0x08, 8, 0, 0, 6, 16, 0, 0, 0, 0, 0],
        &[0xfc, 0, 8, 0],
        &[0xff, 0xff, 0xff, 0xff],
        &[0xfe, 0xff, 0xff, 0xff],
        &[0, 0, 0, 0x80],
        &[0x2f, 0, 0, 0],
        &[0xe5, 0, 2, 0, 0xff, 0xff],
        &[0x42, 0, 2, 0, 0xb5, 1],
    ];
    let corpus = [stream(0x600), stream(0x500)];
    fuzz("streams of old workbooks", 0.5, &corpus, &words, |input| {
        balanced("a.xls", &old_book::compound(&[("Workbook", input)]));
    });
    let files = corpus.map(|stream| old_book::compound(&[("Book", &stream), ("x", &[7; 5000])]));
    fuzz("compound files", 0.5, &files, &words, |input| balanced("a.xls", input));
}

#[test]
fn sheets_of_open_document() {
    let sheet = "<table:table table:name=\"s\"><table:table-row><table:table-cell office:value-type=\"string\">\
                 <text:p>id</text:p></table:table-cell><table:table-cell office:value-type=\"float\" office:value=\"2\"/>\
                 </table:table-row><table:table-row table:number-rows-repeated=\"3\"><table:table-cell \
                 table:number-columns-repeated=\"2\" office:value-type=\"date\" office:date-value=\"2024-01-01\"/>\
                 </table:table-row></table:table>";
    let corpus = [sheet.as_bytes().to_vec(), sheet.repeat(2).into_bytes()];
    fuzz("sheets of OpenDocument", 1.0, &corpus, &WORDS, |input| {
        let content = [b"<office:body>", input, b"</office:body>"].concat();
        balanced("a.ods", &zip(&[("content.xml", &content)]));
    });
}

#[test]
fn documents_of_xml() {
    let words: [&[u8]; 20] = [
        b"<r>",
        b"</r>",
        b"<r a=\"1\" b='2'/>",
        b"<b><c>x</c></b>",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
        b"-->",
        b"<!DOCTYPE t [<!ENTITY x 'y'>]>",
        b"&x;",
        b"&amp;",
        b"&#10;",
        b"&#xd800;",
        b"<?p",
        b"?>",
        b"xsi:nil='true'",
        b"xmlns:a='b'",
        b"\xef\xbb\xbf",
        b"\"",
        b"\r\n",
    ];
    let corpus = [
        b"<?xml version='1.0'?>\n<t v='1'><r i='1'><a>x</a><b>1,5</b></r><r><a>\"y\"</a><a/></r></t>".to_vec(),
        b"<t><s><r>1</r><r>2</r></s><s>text<r x='&lt;'/></s></t>".to_vec(),
        b"<r/><r/>".to_vec(),
    ];
    fuzz("documents of XML", 1.0, &corpus, &words, |input| balanced("a.xml", input));
}

#[test]
fn files_of_avro() {
    let schema = br#"{"type":"record","name":"r","fields":[{"name":"a","type":["null","long"]},{"name":"b","type":
        {"type":"array","items":"string"}},{"name":"c","type":{"type":"bytes","logicalType":"decimal","precision":9}}]}"#;
    let text = |text: &[u8]| {
        let length = (text.len() as u64) << 1;
        [&[(length & 0x7f) as u8 | 0x80, (length >> 7) as u8][..], text].concat()
    };
    let head = [&b"Obj\x01\x02"[..], &text(b"avro.schema"), &text(schema), b"\0", &[7; 16]].concat();
    let record = b"\x02\x0e\x04\x02x\x04yz\0\x02\x01";
    let block = [&b"\x04"[..], &text(&record.repeat(2)), &[7; 16]].concat();
    let corpus = [[&head[..], &block].concat(), [&head[..], &block, &block].concat()];
    let words: [&[u8]; 6] =
        [b"avro.codec", b"\x0edeflate", b"snappy", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &[7; 16], b"\0\0"];
    fuzz("files of Avro", 1.0, &corpus, &words, |input| balanced("a.avro", input));
}

/// The largest size of this process so far, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

/// What a file of these bytes may take, whatever it claims. Other parsers are tried beside it.
const MOST_MIB: u64 = 1500;

#[test]
fn hostile_claims_of_parquet_and_arrow() {
    let far = [&lengths(1 << 40, 1)[..], &[b'x'; 64]].concat();
    let mut corpus = vec![parquet(false, 64, 64, 8), parquet(true, 64, 64, 8), texts(6, 8, &far), texts(7, 8, &far)];
    corpus
        .extend([CompressionType::LZ4_FRAME, CompressionType::ZSTD].into_iter().flat_map(compressed).map(|one| one.1));
    for kind in [DataType::Int64, DataType::Utf8, DataType::Boolean, DataType::Decimal128(38, 10)] {
        corpus.extend(files(&beside_numbers(array(&kind, true))).into_iter().map(|(_, content)| content));
    }
    // Numbers as Thrift, Arrow and the ends of files have them.
    let words: [&[u8]; 10] = [
        b"\xfe\xff\xff\xff\x0f",
        b"\xff\xff\xff\xff\x0f",
        b"\x80\x80\x80\x80\x80\x40",
        &[0xff; 8],
        &i64::MAX.to_le_bytes(),
        &(1_u64 << 48).to_le_bytes(),
        &i32::MAX.to_le_bytes(),
        &(1_u32 << 28).to_le_bytes(),
        b"PAR1",
        b"ARROW1\0\0",
    ];
    let before = peak_mib();
    fuzz("claims of Parquet and Arrow", 1.0, &corpus, &words, |input| {
        let tree = Tree::new();
        tree.file("whole.csv", "n\n1\n").file("a.parquet", input).file("a.arrow", input).file("a.arrows", input);
        let done = spec("profile", &tree.path()).threads(1).run();
        let rows = done.by_path("files");
        assert_eq!(rows[&b"whole.csv"[..]].integer("records"), 1);
        for name in [&b"a.parquet"[..], b"a.arrow", b"a.arrows"] {
            let is_told = done.issues().iter().any(|issue| issue.path() == name);
            assert!(is_told || rows.contains_key(name), "{}", done.outcome);
        }
        let peak = peak_mib();
        assert!(peak <= before + MOST_MIB, "{peak} MiB, {before} before");
    });
}
