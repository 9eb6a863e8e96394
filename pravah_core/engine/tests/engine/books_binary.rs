//! Workbooks in binary: read as those of XML, value by value.

use crate::books::{csv, to_csv, told, zip};
use crate::common::run::spec;
use crate::common::tree::Tree;

/// A record of MS-XLSB.
pub fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = match kind {
        ..0x80 => vec![kind as u8],
        _ => vec![kind as u8 | 0x80, (kind >> 7) as u8],
    };
    let mut length = body.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    [&bytes, body].concat()
}

fn text(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let bytes = units.iter().flat_map(|unit| unit.to_le_bytes());
    (units.len() as u32).to_le_bytes().into_iter().chain(bytes).collect()
}

fn row(number: u32) -> Vec<u8> {
    record(0, &[&number.to_le_bytes()[..], &[0; 13]].concat())
}

/// A cell of that kind, column and style.
fn cell(kind: u16, column: u32, style: u32, value: &[u8]) -> Vec<u8> {
    record(kind, &[&column.to_le_bytes()[..], &style.to_le_bytes(), value].concat())
}

fn real(column: u32, style: u32, value: f64) -> Vec<u8> {
    cell(5, column, style, &value.to_le_bytes())
}

/// A workbook of these sheets: name, state, records of its cells.
pub fn book(is_1904: bool, texts: &[&str], sheets: &[(&str, u32, Vec<u8>)]) -> Vec<u8> {
    let (mut listed, mut relations, mut parts) = (Vec::new(), String::new(), Vec::new());
    for (number, (name, state, cells)) in sheets.iter().enumerate() {
        let sheet =
            [&state.to_le_bytes()[..], &(number as u32 + 1).to_le_bytes(), &text(&format!("r{number}")), &text(name)];
        listed.extend(record(156, &sheet.concat()));
        relations +=
            &format!("<Relationship Id=\"r{number}\" Type=\"x/worksheet\" Target=\"worksheets/s{number}.bin\"/>");
        let cells = [record(129, &[]), record(145, &[]), cells.clone(), record(146, &[]), record(130, &[])].concat();
        parts.push((format!("xl/worksheets/s{number}.bin"), cells));
    }
    let properties = [&u32::from(is_1904).to_le_bytes()[..], &[0; 4], &text("")].concat();
    let workbook = [record(131, &[]), record(153, &properties), record(143, &[]), listed, record(144, &[])].concat();
    let relations = format!("<Relationships>{relations}</Relationships>");
    let strings: Vec<u8> = texts.iter().flat_map(|one| record(19, &[&[0][..], &text(one)].concat())).collect();
    let format = |number: u16, code: &str| record(44, &[&number.to_le_bytes()[..], &text(code)].concat());
    let style = |number: u16| record(47, &[&[0, 0][..], &number.to_le_bytes(), &[0; 12]].concat());
    let styles = [
        format(164, "yyyy\\-mm\\-dd"),
        // Styles that no cell has come first.
        record(626, &[]),
        style(22),
        record(627, &[]),
        record(617, &[]),
        [0, 164, 22, 46].into_iter().flat_map(style).collect(),
        record(618, &[]),
    ];
    let styles = styles.concat();
    let mut all: Vec<(&str, &[u8])> = vec![
        ("xl/workbook.bin", &workbook),
        ("xl/_rels/workbook.bin.rels", relations.as_bytes()),
        ("xl/styles.bin", &styles),
        ("xl/sharedStrings.bin", &strings),
    ];
    all.extend(parts.iter().map(|(name, cells)| (name.as_str(), cells.as_slice())));
    zip(&all)
}

#[test]
fn values_of_binary_workbooks_come_out_as_they_are_stored() {
    let header = |names: &[&str]| -> Vec<u8> {
        let each = names.iter().zip(0..).flat_map(|(name, column)| cell(6, column, 0, &text(name)));
        [row(0), each.collect()].concat()
    };
    let rk = |value: u32| value.to_le_bytes();
    let cells = [
        header(&["whole", "part", "zip", "day", "moment", "flag", "hours"]),
        row(1),
        // Integers and floats of few digits, and hundredths of both.
        cell(2, 0, 0, &rk(7 << 2 | 2)),
        cell(2, 1, 0, &rk(12345 << 2 | 3)),
        cell(7, 2, 0, &1_u32.to_le_bytes()),
        real(3, 1, 45292.0),
        real(4, 2, 45292.25),
        cell(4, 5, 0, &[1]),
        real(6, 3, 1.5),
        row(3),
        cell(2, 0, 0, &rk(((-7_i32) << 2) as u32 | 2)),
        real(1, 0, 0.1),
        cell(8, 2, 0, &[&text("007")[..], &[0, 0]].concat()),
        cell(9, 3, 1, &[&60_f64.to_le_bytes()[..], &[0, 0]].concat()),
        cell(1, 4, 2, &[]),
        cell(10, 5, 0, &[0, 0, 0]),
        row(4),
        real(0, 0, 9_007_199_254_740_992.0),
        real(1, 0, 1e-7),
        cell(62, 2, 0, &[&[0][..], &text("r\u{ef}ch \u{1f600}")].concat()),
        cell(11, 3, 1, &[0x2a, 0, 0]),
    ];
    // Cells that do not say their columns.
    let short = |kind: u16, value: &[u8]| record(kind, &[&[0; 4][..], value].concat());
    let shorts = [
        header(&["a", "b", "c"]),
        row(1),
        short(13, &rk(1 << 2 | 2)),
        short(12, &[]),
        short(18, &0_u32.to_le_bytes()),
        row(2),
        short(16, &2.5_f64.to_le_bytes()),
        short(15, &[1]),
        short(17, &text("x")),
    ];
    let tree = Tree::new();
    tree.file("a.xlsb", book(false, &["p", "q,\"r\""], &[("s 1", 0, cells.concat()), ("Hid", 2, shorts.concat())]));
    tree.file("b.xlsb", book(true, &[], &[("Tab", 0, [header(&["d"]), row(1), real(0, 1, 1.0)].concat())]));
    let done = to_csv(&tree);
    let wanted = "whole,part,zip,day,moment,flag,hours\n\
                  7,123.45,\"q,\"\"r\"\"\",2024-01-01,2024-01-01 06:00:00,true,36:00:00\n\
                  -7,0.1,007,1900-02-29,,false,\n\
                  9007199254740992,1e-7,r\u{ef}ch \u{1f600},,,,\n";
    assert_eq!(csv(&done, "a.xlsb#s 1.csv"), wanted);
    assert_eq!(csv(&done, "a.xlsb#Hid.csv"), "a,b,c\n1,,p\n2.5,true,x\n");
    assert_eq!(csv(&done, "b.xlsb#Tab.csv"), "d\n1904-01-02\n");
    let told = told(&done);
    assert!(told.contains(&"a.xlsb#Hid: is a hidden sheet".to_owned()), "{told:?}");
    assert!(told.iter().any(|note| note.contains("#N/A: 1") && note.contains("D5")), "{told:?}");
}

#[test]
fn cells_far_apart_take_no_memory_and_damage_is_told() {
    let far = [row(0), real(0, 0, 1.0), row((1 << 20) - 1), real(16_383, 0, 2.0)].concat();
    let tree = Tree::new();
    tree.file("far.xlsb", book(false, &[], &[("x", 0, far)]));
    tree.file("lacks.xlsb", book(false, &[], &[("x", 0, [row(0), cell(7, 0, 0, &[7, 0, 0, 0])].concat())]));
    tree.file("order.xlsb", book(false, &[], &[("x", 0, [row(0), real(1, 0, 1.0), real(0, 0, 1.0)].concat())]));
    tree.file("row.xlsb", book(false, &[], &[("x", 0, [row(u32::MAX), real(0, 0, 1.0)].concat())]));
    tree.file("short.xlsb", book(false, &[], &[("x", 0, [row(0), record(5, &[0; 9])].concat())]));
    // What a record claims to hold, nobody makes room for.
    tree.file("claims.xlsb", book(false, &[], &[("x", 0, [&row(0)[..], &[5, 0xff, 0xff, 0xff, 0x0f]].concat())]));
    tree.file("text.xlsb", book(false, &[], &[("x", 0, [row(0), cell(6, 0, 0, &[0xfe, 0xff, 0xff, 0x7f])].concat())]));
    tree.file("cut.xlsb", zip(&[("xl/workbook.bin", &record(156, &[0; 40])[..20])]));
    let done = spec("profile", &tree.path()).run();
    let told = told(&done);
    for (name, part) in [
        ("lacks.xlsb#x", "refers to a text that it lacks in A1"),
        ("order.xlsb#x", "has a cell out of order: A1"),
        ("row.xlsb#x", "claims a row 4294967296"),
        ("short.xlsb#x", "has a record that is shorter than what it holds"),
        ("claims.xlsb#x", "ends within a record"),
        ("text.xlsb#x", "has a record that is shorter than what it holds"),
        ("cut.xlsb", "ends within a record"),
    ] {
        assert!(!told.iter().any(|text| text.starts_with("far.xlsb")), "{told:?}");
        let own: Vec<_> = told.iter().filter(|text| text.starts_with(&format!("{name}: "))).collect();
        assert!(own.iter().any(|text| text.contains(part)), "{name} {told:?}");
    }
}
