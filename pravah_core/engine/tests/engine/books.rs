//! Workbooks: each sheet is a table, and no value of it changes.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::common::rows::{self, Cell};
use crate::common::run::{Done, spec};
use crate::common::tree::Tree;

/// A zip of these parts, packed.
pub fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = rawzip::ZipArchiveWriter::new(Vec::new());
    for (name, content) in parts {
        let path = rawzip::path::EntryPath::verbatim(name.as_bytes());
        let file = archive.new_file(path).compression_method(rawzip::CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().unwrap();
        let packed = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
        let mut writer = config.wrap(packed);
        writer.write_all(content).unwrap();
        let (packed, descriptor) = writer.finish().unwrap();
        packed.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap()
}

const STYLES: &str = "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/></numFmts>\
    <cellStyleXfs><xf numFmtId=\"22\"/></cellStyleXfs>\
    <cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"164\"/><xf numFmtId=\"22\"/><xf numFmtId=\"46\"/></cellXfs></styleSheet>";

/// A workbook of these sheets: name, what else is said of it, rows.
pub fn book(properties: &str, texts: &[&str], sheets: &[(&str, &str, &str)]) -> Vec<u8> {
    let (mut listed, mut relations, mut parts) = (String::new(), String::new(), Vec::new());
    for (number, (name, state, cells)) in sheets.iter().enumerate() {
        write!(listed, "<sheet name=\"{name}\" sheetId=\"{number}\" {state} r:id=\"r{number}\"/>").unwrap();
        write!(relations, "<Relationship Id=\"r{number}\" Type=\"x/worksheet\" Target=\"s{number}.xml\"/>").unwrap();
        let cells = format!("<worksheet><dimension ref=\"A1\"/><sheetData>{cells}</sheetData></worksheet>");
        parts.push((format!("xl/s{number}.xml"), cells));
    }
    let workbook = format!("<workbook><workbookPr {properties}/><sheets>{listed}</sheets></workbook>");
    let relations = format!("<Relationships>{relations}</Relationships>");
    let strings: String = texts.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
    let strings = format!("<sst>{strings}</sst>");
    let mut all: Vec<(&str, &[u8])> = vec![
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", relations.as_bytes()),
        ("xl/styles.xml", STYLES.as_bytes()),
        ("xl/sharedStrings.xml", strings.as_bytes()),
    ];
    all.extend(parts.iter().map(|(name, cells)| (name.as_str(), cells.as_bytes())));
    zip(&all)
}

/// A row of texts.
fn texts(values: &[&str]) -> String {
    let cell = |value: &&str| format!("<c t=\"inlineStr\"><is><t>{value}</t></is></c>");
    format!("<row>{}</row>", values.iter().map(cell).collect::<String>())
}

/// A row of numbers.
fn numbers(values: &[&str]) -> String {
    let cell = |value: &&str| format!("<c><v>{value}</v></c>");
    format!("<row>{}</row>", values.iter().map(cell).collect::<String>())
}

/// A table that was converted.
pub fn csv(done: &Done, name: &str) -> String {
    String::from_utf8(done.read(&format!("converted/{name}"))).unwrap()
}

/// The issues: path and message.
pub fn told(done: &Done) -> Vec<String> {
    let issue = |row: &rows::Row| format!("{}: {}", String::from_utf8_lossy(&row.path()), row.text("message"));
    done.issues().iter().map(issue).collect()
}

/// All sheets of a tree, converted.
pub fn to_csv(tree: &Tree) -> Done {
    spec("convert", &tree.path()).option("to", "csv").run()
}

fn balance(done: &Done) -> [u64; 3] {
    ["records_read", "records_written", "records_rejected"].map(|name| done.summary()[name].as_u64().unwrap())
}

#[test]
fn values_come_out_as_they_are_stored() {
    let cells = format!(
        "{}<row r=\"2\"><c r=\"A2\"><v>9007199254740993</v></c><c r=\"B2\"><v>0.10000000000000001</v></c>\
         <c r=\"C2\" t=\"s\"><v>1</v></c><c r=\"D2\" s=\"1\"><v>45292</v></c><c r=\"E2\" s=\"2\"><v>45292.25</v></c>\
         <c r=\"F2\" t=\"b\"><v>1</v></c><c r=\"G2\" s=\"3\"><v>1.5</v></c></row>\
         <row r=\"4\"><c r=\"A4\"><v>-7</v></c><c r=\"C4\" t=\"str\"><f>A1</f><v>x_x000A_y</v></c>\
         <c r=\"D4\" s=\"1\"><v>60</v></c></row>",
        texts(&["whole", "part", "zip", "day", "moment", "flag", "hours"])
    );
    let tree = Tree::new();
    let strings = ["a", "007, &quot;b&quot;"];
    tree.file("b.xlsx", book("", &strings, &[("S#1", "", &cells)]));
    tree.file("c.xlsm", book("date1904=\"1\"", &strings, &[("one", "", &cells), ("two", "", &cells)]));
    for chunk in [7, 4 << 20] {
        let done = spec("convert", &tree.path()).chunk_bytes(chunk).option("to", "csv").run();
        assert_eq!(balance(&done), [6, 6, 0]);
        let wanted = "whole,part,zip,day,moment,flag,hours\n\
            9007199254740993,0.1,\"007, \"\"b\"\"\",2024-01-01,2024-01-01 06:00:00,true,36:00:00\n\
            -7,,\"x\ny\",1900-02-29,,,\n";
        assert_eq!(csv(&done, "b.xlsx#S#1.csv").replace("\r\n", "\n"), wanted);
        let other = wanted.replace("2024-01-01", "2028-01-02").replace("1900-02-29", "1904-03-01");
        assert_eq!(csv(&done, "c.xlsm#two.csv").replace("\r\n", "\n"), other);
        assert_eq!((done.summary()["files"].as_u64(), told(&done)), (Some(3), vec![]));
        assert_eq!(done.summary()["verdict"], "whole");
    }
    for operation in ["validate", "profile"] {
        let done = spec(operation, &tree.path()).run();
        assert_eq!((&done.summary()["files"], &done.summary()["records"]), (&3.into(), &6.into()), "{operation}");
    }
}

#[test]
fn tables_are_found_in_their_sheets() {
    let tree = Tree::new();
    let titled = [
        texts(&["Sales of the year"]),
        "<row/>".to_owned(),
        "<row r=\"5\"><c r=\"C5\" t=\"str\"><v>id</v></c><c r=\"D5\" t=\"str\"><v>price</v></c></row>".to_owned(),
        "<row r=\"6\"><c r=\"C6\"><v>1</v></c><c r=\"D6\"><v>2.5</v></c></row><row r=\"7\"><c r=\"C7\"><v>2</v></c></row>"
            .to_owned(),
    ];
    let shifted = titled[2..].concat();
    let small = [texts(&["a", "b"]), numbers(&["1", "2"])].concat();
    let late = [texts(&["a", "b"]), numbers(&["1", "2"]).repeat(5000), texts(&["x", "3", "4"])].concat();
    let rest = format!("{}<row><c t=\"e\"><v>#N/A</v></c><c><f>A1</f></c></row>", small);
    let sheets = [
        ("titled", "", titled.concat()),
        ("shifted", "state=\"hidden\"", shifted),
        ("late", "", late),
        ("empty", "", "<row/><row r=\"9\"><c s=\"1\"/></row>".to_owned()),
        ("odd", "", rest),
    ];
    let sheets: Vec<_> = sheets.iter().map(|(name, state, cells)| (*name, *state, cells.as_str())).collect();
    tree.file("b.xlsx", book("", &[], &sheets));
    tree.file("e.xlsx", book("", &[], &sheets[3..4]));
    let done = to_csv(&tree);
    assert_eq!(balance(&done), [2 + 2 + 5001 + 2, 2 + 2 + 5001 + 2, 0]);
    assert_eq!(csv(&done, "b.xlsx#shifted.csv").replace("\r\n", "\n"), "id,price\n1,2.5\n2,\n");
    assert_eq!(csv(&done, "b.xlsx#titled.csv").replace("\r\n", "\n"), "id,price\n1,2.5\n2,\n");
    assert!(csv(&done, "b.xlsx#late.csv").trim_end().ends_with("\nx,3,4"));
    let told = told(&done).join("\n");
    for part in [
        "b.xlsx#titled: 1 line before the table",
        "b.xlsx#shifted: is a hidden sheet",
        "b.xlsx#empty: is an empty sheet",
        "b.xlsx#odd: errors in cells: 1 (column A #N/A: 1)",
        "b.xlsx#odd: formulas without a saved result: 1, the first in B3",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert_eq!((&done.summary()["failed_files"], &done.summary()["other_files"]), (&0.into(), &0.into()));
    // A text far behind numbers makes the column one of texts, by a second reading.
    let done = spec("convert", &tree.path()).run();
    assert_eq!(balance(&done), [5007, 5007, 0]);
    let found = rows::read(&done.own_folder().join("converted/b.xlsx#late.parquet"));
    assert_eq!((&found[0].0["a"], &found[5000].0["a"]), (&Cell::Text("1".into()), &Cell::Text("x".into())));
}

#[test]
fn what_is_no_workbook_or_a_damaged_one_is_an_issue_of_its_own() {
    let tree = Tree::new();
    let rows = [texts(&["a", "b"]), numbers(&["1", "2"]).repeat(200_000)].concat();
    let good = book("", &[], &[("x", "", &rows)]);
    tree.file("text.xlsx", "a,b\n1,2\n");
    tree.file("encrypted.xlsx", [&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1][..], &[0; 600]].concat());
    tree.file("zip.xlsx", zip(&[("a.txt", b"x")]));
    tree.file("cut.xlsx", &good[..good.len() / 2]);
    let mut flipped = good.clone();
    // In the packed rows.
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    tree.file("flipped.xlsx", flipped);
    tree.file("lacks.xlsx", book("", &[], &[("x", "", "<row><c t=\"s\"><v>7</v></c></row>")]));
    tree.file("order.xlsx", book("", &[], &[("x", "", "<row><c r=\"B1\"><v>7</v></c><c r=\"A1\"><v>7</v></c></row>")]));
    tree.file("entity.xlsx", {
        let bomb = "<!DOCTYPE x [<!ENTITY a \"b\">]><workbook/>";
        zip(&[("xl/workbook.xml", bomb.as_bytes())])
    });
    let bomb = vec![b' '; 200 << 20];
    tree.file("bomb.xlsx", zip(&[("xl/workbook.xml", &bomb)]));
    tree.file("good.csv", "a,b\n1,2\n");
    let done = spec("convert", &tree.path()).run();
    let told = told(&done);
    for (name, part) in [
        ("text.xlsx", "is not a workbook"),
        ("encrypted.xlsx", "is a damaged compound file"),
        ("zip.xlsx", "is a zip, but not a workbook"),
        ("cut.xlsx", "is a damaged zip"),
        ("flipped.xlsx#x", "cannot be unpacked to its end"),
        ("lacks.xlsx#x", "refers to a text that it lacks in A1"),
        ("order.xlsx#x", "has a cell out of order: A1"),
        ("entity.xlsx", "declares a document type"),
        ("bomb.xlsx", "bytes"),
    ] {
        let own: Vec<_> = told.iter().filter(|text| text.starts_with(&format!("{name}: "))).collect();
        assert!(own.iter().filter(|text| text.contains(part)).count() == 1, "{name} {told:?}");
    }
    let [read, written, rejected] = balance(&done);
    assert!(read == written + rejected && read >= 1, "{read}");
    assert_eq!(done.summary()["verdict"], "partial");
}

#[test]
fn what_cells_do_not_tell_is_no_whole_table_and_told_by_column() {
    let error = |name: &str, error: &str| format!("<c r=\"{name}\" t=\"e\"><v>{error}</v></c>");
    let errors = format!(
        "{}<row r=\"2\">{}{}</row><row r=\"3\">{}{}</row>",
        texts(&["a", "b"]),
        error("A2", "#N/A"),
        error("B2", "#REF!"),
        "<c r=\"A3\"><v>1</v></c>",
        error("B3", "#N/A")
    );
    let unknown = format!("{}<row><c><v>1</v></c><c><f>A2+1</f><v></v></c></row>", texts(&["a", "b"]));
    let zero = format!("{}<row><c><v>1</v></c><c><f>A2+1</f><v>0</v></c></row>", texts(&["a", "b"]));
    let tree = Tree::new();
    let one = |cells: &str| book("", &[], &[("s", "", cells)]);
    tree.file("errors.xlsx", one(&errors)).file("unknown.xlsx", one(&unknown)).file("zero.xlsx", one(&zero));
    tree.file("behind.xlsx", [&one(&numbers(&["1"]).repeat(3))[..], b"garbage"].concat());
    tree.file("later.xlsx", book("/><calcPr fullCalcOnLoad=\"1\"", &[], &[("s", "", &zero)]));
    let done = to_csv(&tree);
    let told = told(&done);
    let expected = [
        "behind.xlsx: 7 bytes after the end of the zip are not part of it",
        "errors.xlsx#s: errors in cells: 3 (column A #N/A: 1; column B #N/A: 1, #REF!: 1), the first in A2",
        "later.xlsx#s: formulas whose saved result is empty or 0: 1, the first in B2",
        "unknown.xlsx#s: formulas without a saved result: 1, the first in B2",
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    assert!(expected.iter().all(|part| told.iter().any(|told| told.starts_with(part))), "{told:?}");
    let nulled = |row: &rows::Row| (row.text("path").to_owned(), row.integer("values_nulled"));
    let mut nulled: Vec<_> = done.table("result").iter().map(nulled).filter(|(_, values)| *values > 0).collect();
    nulled.sort();
    assert_eq!(nulled, [("errors.xlsx#s".to_owned(), 3), ("unknown.xlsx#s".to_owned(), 1)]);
    assert_eq!(done.summary()["verdict"], "partial");
    // Nobody knows whether what a formula gives would be valid.
    let done = spec("validate", &tree.path()).run();
    assert_eq!(done.summary()["verdict"], "partial");
}

/// A cell of OpenDocument.
fn cell(kind: &str, told: &str, shown: &str) -> String {
    format!("<table:table-cell office:value-type=\"{kind}\" {told}><text:p>{shown}</text:p></table:table-cell>")
}

#[test]
fn sheets_of_open_document_are_tables() {
    let texts = |names: &[&str]| names.iter().map(|name| cell("string", "", name)).collect::<String>();
    let sheet = [
        format!("<table:table-row>{}</table:table-row>", texts(&["id", "part", "day", "time", "flag", "note"])),
        format!(
            "<table:table-row table:number-rows-repeated=\"3\">{}{}{}{}{}<table:table-cell office:value-type=\"string\">\
             <office:annotation><text:p>no</text:p></office:annotation><text:p>a<text:s text:c=\"2\"/>b</text:p>\
             <text:p>c &amp; d</text:p></table:table-cell></table:table-row>",
            cell("float", "office:value=\"9007199254740993\"", "9.01E+15"),
            cell("percentage", "office:value=\"0.1\"", "10 %"),
            cell("date", "office:date-value=\"2024-02-29\"", "29.02.24"),
            cell("time", "office:time-value=\"PT10H30M00S\"", "10:30"),
            cell("boolean", "office:boolean-value=\"true\"", "WAHR"),
        ),
        "<table:table-row table:number-rows-repeated=\"1048000\"><table:table-cell \
         table:number-columns-repeated=\"16384\"/></table:table-row>"
            .to_owned(),
        format!(
            "<table:table-row>{}<table:table-cell table:number-columns-repeated=\"4\"/>{}</table:table-row>",
            cell("float", "office:value=\"7\"", "7"),
            cell("string", "calcext:value-type=\"error\" table:formula=\"of:=1/0\"", "#DIV/0!"),
        ),
    ]
    .concat();
    let second = format!(
        "<table:table-row><table:covered-table-cell/>{}</table:table-row><table:table-row>{}{}</table:table-row>",
        texts(&["x"]),
        "<table:table-cell table:formula=\"of:=[.A1]\"/>",
        cell("float", "office:value=\"1\" table:number-columns-spanned=\"2\"", "1"),
    );
    let content = format!(
        "<office:document-content><office:automatic-styles><style:style style:name=\"ta2\"><style:table-properties \
         table:display=\"false\"/></style:style></office:automatic-styles><office:body><office:spreadsheet>\
         <table:table table:name=\"one\">{sheet}</table:table><table:table table:name=\"t/wo\" table:style-name=\"ta2\">\
         {second}</table:table></office:spreadsheet></office:body></office:document-content>"
    );
    let tree = Tree::new();
    tree.file("b.ods", zip(&[("content.xml", content.as_bytes())]));
    let manifest: &[u8] = b"<m><manifest:encryption-data/></m>";
    tree.file("e.ods", zip(&[("content.xml", b"x"), ("META-INF/manifest.xml", manifest)]));
    // Equal cells told once are no way to make much of little.
    let bomb = format!(
        "<table:table table:name=\"s\"><table:table-row table:number-rows-repeated=\"1048576\"><table:table-cell \
         office:value-type=\"string\" table:number-columns-repeated=\"1000\"><text:p>{}</text:p></table:table-cell>\
         </table:table-row></table:table>",
        "x".repeat(1000)
    );
    tree.file("bomb.ods", zip(&[("content.xml", bomb.as_bytes())]));
    let done = to_csv(&tree);
    let row = "9007199254740993,0.1,2024-02-29,10:30:00,true,\"a  b\nc & d\"\n";
    let wanted = format!("id,part,day,time,flag,note\n{}7,,,,,\n", row.repeat(3));
    assert_eq!(csv(&done, "b.ods#one.csv").replace("\r\n", "\n"), wanted);
    let [read, written, rejected] = balance(&done);
    assert_eq!(read, written + rejected);
    let told = told(&done).join("\n");
    for part in [
        "b.ods#one: errors in cells: 1 (column F #DIV/0!: 1), the first in F1048005",
        "b.ods#t%2Fwo: is a hidden sheet",
        "b.ods#t%2Fwo: formulas without a saved result: 1",
        "b.ods#t%2Fwo: merged cells: 1",
        "e.ods: is encrypted",
        "bomb.ods#s: has rows of more than",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}
