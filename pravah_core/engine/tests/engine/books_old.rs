//! Workbooks of before 2007: read as those of XML, value by value, whatever their stream claims.

use crate::books::{csv, to_csv, told, zip};
use crate::common::run::spec;
use crate::common::tree::Tree;
use crate::old_book::{book, cell, common, compound, formula, label, long, real, record, stream};

const TEXT: [u8; 8] = [0, 0, 0, 0, 0, 0, 0xff, 0xff];
const EMPTY: [u8; 8] = [3, 0, 0, 0, 0, 0, 0xff, 0xff];

fn header(names: &[&str]) -> Vec<u8> {
    names.iter().zip(0..).flat_map(|(name, column)| label((0, column), name)).collect()
}

fn cells() -> Vec<u8> {
    let rk = |value: u32| value.to_le_bytes();
    let many = [&[1, 0, 0, 0, 0, 0][..], &rk(7 << 2 | 2), &[0, 0], &rk(12345 << 2 | 3), &[1, 0]].concat();
    [
        header(&["whole", "part", "zip", "day", "moment", "flag", "hours"]),
        record(0xbd, &many),
        cell(0xfd, (1, 2), 0, &1_u32.to_le_bytes()),
        real((1, 3), 1, 45292.0),
        real((1, 4), 2, 45292.25),
        cell(0x205, (1, 5), 0, &[1, 0]),
        real((1, 6), 3, 1.5),
        cell(0x27e, (3, 0), 0, &rk(((-7_i32) << 2) as u32 | 2)),
        real((3, 1), 0, 0.1),
        // The text comes behind what several formulas share.
        formula((3, 2), TEXT, 0),
        record(0x4bc, &[0; 8]),
        record(0x207, &long("007")),
        cell(0x406, (3, 3), 1, &[&60_f64.to_le_bytes()[..], &[0; 8]].concat()),
        cell(0x201, (3, 4), 2, &[]),
        formula((3, 5), [1, 0, 0, 0, 0, 0, 0xff, 0xff], 0),
        real((4, 0), 0, 9_007_199_254_740_992.0),
        real((4, 1), 0, 1e-7),
        cell(0xd6, (4, 2), 0, &[&long("r\u{ef}ch \u{1f600}")[..], &[0, 0]].concat()),
        cell(0x205, (4, 3), 1, &[0x2a, 1]),
        // Of a chart in the sheet.
        record(0x809, &[0, 6, 0x20, 0, 0, 0, 0, 0]),
        real((1, 0), 0, 99.0),
        record(10, &[]),
        record(0xe5, &[&[1, 0][..], &[0; 8]].concat()),
    ]
    .concat()
}

#[test]
fn values_of_old_workbooks_come_out_as_they_are_stored() {
    let small = [header(&["d"]), real((1, 0), 1, 1.0)].concat();
    let tree = Tree::new();
    let sheets = [("s 1", 0, 0, cells()), ("Chart", 0, 2, vec![]), ("Hid", 2, 0, small.clone()), ("Mac", 0, 1, vec![])];
    tree.file("a.xls", book(&["p", "q,\"r\""], &sheets));
    let in_1904 = [record(0x22, &[1, 0]), common(&[])].concat();
    let filled = [&small[..], &record(0x99, &[7; 4096])].concat();
    tree.file("b.xls", compound(&[("WORKBOOK", &stream(0x600, &in_1904, &[], &[("Tab", 0, 0, filled)]))]));
    // Excel 5: texts in a code page, and no flags.
    let short = |place, bytes: &[u8]| cell(0x204, place, 0, &[&[bytes.len() as u8, 0][..], bytes].concat());
    let old = |page: u16| {
        let style = |format: u8| record(0xe0, &[&[0, 0, format][..], &[0; 13]].concat());
        let first = [record(0x42, &page.to_le_bytes()), [0, 14].into_iter().flat_map(style).collect()].concat();
        let cells =
            [short((0, 0), b"\xd6\xe5\xed\xe0"), short((0, 1), b"n"), real((1, 0), 1, 2.0), short((1, 1), b"x")];
        compound(&[("Book", &stream(0x500, &first, &[], &[("S", 0, 0, cells.concat())]))])
    };
    tree.file("c.xls", old(1251)).file("d.xls", old(437));
    // Where both are, a program of that time reads the newer one.
    let newer = stream(0x600, &[], &common(&[]), &[("New", 0, 0, small)]);
    tree.file("e.xls", compound(&[("Book", &stream(0x500, &[], &[], &[("Old", 0, 0, vec![])])), ("Workbook", &newer)]));
    // What Excel opens is read, whatever it is called.
    let xlsx = crate::books::book("", &[], &[("x", "", "<row><c><v>1</v></c></row><row><c><v>2</v></c></row>")]);
    tree.file("f.xls", xlsx);
    let done = to_csv(&tree);
    let wanted = "whole,part,zip,day,moment,flag,hours\n\
                  7,123.45,\"q,\"\"r\"\"\",2024-01-01,2024-01-01 06:00:00,true,36:00:00\n\
                  -7,0.1,007,1900-02-29,,false,\n\
                  9007199254740992,1e-7,r\u{ef}ch \u{1f600},,,,\n";
    assert_eq!(csv(&done, "a.xls#s 1.csv"), wanted);
    assert_eq!(csv(&done, "a.xls#Hid.csv"), "d\n1900-01-01\n");
    assert_eq!(csv(&done, "b.xls#Tab.csv"), "d\n1904-01-02\n");
    assert_eq!(csv(&done, "c.xls#S.csv"), "\u{426}\u{435}\u{43d}\u{430},n\n1900-01-02,x\n");
    assert_eq!(csv(&done, "e.xls#New.csv"), "d\n1900-01-01\n");
    assert_eq!(csv(&done, "f.xls#x.csv").lines().count(), 3);
    let told = told(&done);
    for part in ["a.xls#Hid: is a hidden sheet", "a.xls#s 1: merged cells: 1", "d.xls#S: has texts in code page 437"] {
        assert!(told.iter().any(|note| note.starts_with(part)), "{part} {told:?}");
    }
    assert!(told.iter().any(|note| note.contains("#N/A: 1") && note.contains("D5")), "{told:?}");
    assert!(!told.iter().any(|note| note.contains("Chart") || note.contains("Mac")), "{told:?}");
}

/// A text in pieces, with a border before each of these units. Behind it comes how it looks and how it is spoken, also
/// over a border.
fn pieces(text: &str, borders: &[usize]) -> Vec<Vec<u8>> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let (mut bodies, mut from) = (Vec::new(), 0);
    for to in borders.iter().copied().chain([units.len()]) {
        let piece = &units[from..to];
        let is_wide = u8::from(piece.iter().any(|unit| *unit > 255));
        let mut body = vec![is_wide];
        if from == 0 {
            body = [&(units.len() as u16).to_le_bytes()[..], &[is_wide | 12, 2, 0, 10, 0, 0, 0]].concat();
        }
        match is_wide {
            0 => body.extend(piece.iter().map(|unit| *unit as u8)),
            _ => body.extend(piece.iter().flat_map(|unit| unit.to_le_bytes())),
        }
        bodies.push(body);
        from = to;
    }
    bodies.last_mut().unwrap().extend([7; 5]);
    bodies.push(vec![7; 13]);
    bodies
}

#[test]
fn texts_go_on_in_other_records_and_cells_come_in_any_order() {
    let one = "gr\u{fc}n \u{1f600} \u{4e2d}\u{6587} and more";
    let borders = [[2, 5, 9], [1, 6, 7], [3, 4, 10]];
    let mut table = record(0xfc, &[3, 0, 0, 0, 3, 0, 0, 0]);
    borders.iter().flat_map(|borders| pieces(one, borders)).for_each(|body| table.extend(record(0x3c, &body)));
    let shared = |row: u16| cell(0xfd, (row, 0), 0, &u32::from(row - 1).to_le_bytes());
    let formula_text = [&[5, 0, 0][..], b"ab"].concat();
    let cells = [
        header(&["a", "b"]),
        shared(1),
        formula((1, 1), TEXT, 0),
        record(0x207, &formula_text),
        record(0x3c, b"\x01c\0\xe9\0d\0"),
        shared(2),
        shared(3),
    ];
    let tree = Tree::new();
    let sheets = [("s", 0, 0, cells.concat())];
    tree.file("a.xls", compound(&[("Workbook", &stream(0x600, &[], &[common(&[]), table].concat(), &sheets))]));
    // Column by column, and one cell again.
    let rows = 70_u16;
    let column = |column: u16| (1..rows).flat_map(move |row| real((row, column), 0, f64::from(row * 10 + column)));
    let mixed = [
        column(1).collect(),
        header(&["x", "y", "z"]),
        column(0).collect(),
        label((3, 2), "only"),
        real((2, 1), 0, 5.5),
        formula((4, 2), TEXT, 0),
    ];
    tree.file("m.xls", book(&[], &[("m", 0, 0, mixed.concat())]));
    let unsaved = [header(&["f"]), formula((1, 0), EMPTY, 0), formula((2, 0), EMPTY, 0), real((3, 0), 0, 1.0)].concat();
    let later = [header(&["f"]), formula((1, 0), [0; 8], 2), formula((2, 0), 1_f64.to_le_bytes(), 2)].concat();
    let fine = [header(&["f"]), formula((1, 0), EMPTY, 0), formula((2, 0), 1_f64.to_le_bytes(), 0)].concat();
    tree.file("u.xls", book(&[], &[("u", 0, 0, unsaved), ("l", 0, 0, later), ("f", 0, 0, fine)]));
    let done = to_csv(&tree);
    assert_eq!(csv(&done, "a.xls#s.csv"), format!("a,b\n{one},abc\u{e9}d\n{one},\n{one},\n"));
    let mut wanted = "x,y,z\n".to_owned();
    for row in 1..rows {
        let second = if row == 2 { "5.5".to_owned() } else { (row * 10 + 1).to_string() };
        wanted += &format!("{},{second},{}\n", row * 10, if row == 3 { "only" } else { "" });
    }
    assert_eq!(csv(&done, "m.xls#m.csv"), wanted);
    let told = told(&done);
    for part in [
        "m.xls#m: formulas without a saved result: 1, the first in C5",
        "u.xls#u: formulas whose saved result is empty or 0: 2, the first in A2",
        "u.xls#l: formulas whose saved result is empty or 0: 1, the first in A2",
    ] {
        assert!(told.iter().any(|note| note.starts_with(part)), "{part} {told:?}");
    }
    assert!(!told.iter().any(|note| note.starts_with("u.xls#f") || note.starts_with("a.xls")), "{told:?}");
}

#[test]
fn damage_and_what_is_no_old_workbook_is_told() {
    // More rows than those that tell how wide the table is.
    let rows = (1..6000_u16).flat_map(|row| cell(0x27e, (row, 0), 0, &(u32::from(row) << 2 | 2).to_le_bytes()));
    let rows: Vec<u8> = rows.collect();
    let whole = [header(&["n"]), rows].concat();
    let good = book(&["t"], &[("x", 0, 0, whole.clone()), ("y", 0, 0, whole.clone())]);
    let tree = Tree::new();
    tree.file("whole.xls", &good[..]);
    let far = [label((0, 0), "a"), real((1, 0), 0, 1.0), real((65_535, 255), 0, 2.0)].concat();
    tree.file("far.xls", book(&[], &[("x", 0, 0, far)]));
    // The chain of the stream goes back into itself, or out of the file.
    for (name, next) in [("loop.xls", 116), ("out.xls", 1_u32 << 31)] {
        let mut changed = good.clone();
        changed[512 + 4 * 125..][..4].copy_from_slice(&next.to_le_bytes());
        tree.file(name, changed);
    }
    let mut claims = good.clone();
    claims[44..48].copy_from_slice(&(1_u32 << 31).to_le_bytes());
    claims[68..76].copy_from_slice(&[5, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f]);
    tree.file("claims.xls", claims);
    for (name, length) in [("cut.xls", good.len() / 2), ("head.xls", 100), ("start.xls", 512)] {
        tree.file(name, &good[..length]);
    }
    let four_billion = record(0xfc, &[&[0xff; 8][..], &long("t")].concat());
    let lacking = [label((0, 0), "a"), cell(0xfd, (1, 0), 0, &[9, 0, 0, 0])].concat();
    tree.file("texts.xls", compound(&[("Workbook", &stream(0x600, &[], &four_billion, &[("x", 0, 0, lacking)]))]));
    let short = [label((0, 0), "a"), record(0x203, &[1, 0, 0, 0, 0, 0, 7])].concat();
    tree.file("short.xls", book(&[], &[("x", 0, 0, short)]));
    let stream_of_two = stream(0x600, &[], &common(&[]), &[("x", 0, 0, whole.clone()), ("y", 0, 0, whole)]);
    let places = |change: fn(u32, u32) -> (u32, u32)| {
        let mut changed = stream_of_two.clone();
        let sheets: Vec<usize> = (0..changed.len()).filter(|at| changed[*at..].starts_with(&[0x85, 0, 9, 0])).collect();
        let read = |at: usize| u32::from_le_bytes(*stream_of_two[at + 4..].first_chunk().unwrap());
        let (first, second) = change(read(sheets[0]), read(sheets[1]));
        changed[sheets[0] + 4..][..4].copy_from_slice(&first.to_le_bytes());
        changed[sheets[1] + 4..][..4].copy_from_slice(&second.to_le_bytes());
        compound(&[("Workbook", &changed)])
    };
    tree.file("twice.xls", places(|first, _| (first, first))).file("behind.xls", places(|first, _| (first, 1 << 31)));
    tree.file("within.xls", places(|first, second| (first, second + 3)));
    tree.file("over.xls", places(|first, _| (first, first + 20 + 18)));
    tree.file("locked.xls", compound(&[("Workbook", &stream(0x600, &record(0x2f, &[0; 6]), &[], &[]))]));
    tree.file("sealed.xls", compound(&[("EncryptedPackage", &[7; 5000])]));
    tree.file("letter.xls", compound(&[("WordDocument", &[7; 5000])])).file("none.xls", compound(&[("Else", b"x")]));
    tree.file("page.xls", "<html><table><tr><td>1</td></tr></table></html>").file("text.xls", "a\tb\n1\t2\n");
    tree.file("older.xls", b"\x09\x04\x06\0\0\x04\x10\0\0\0").file("zip.xls", zip(&[("a.txt", b"x")]));
    let done = spec("profile", &tree.path()).run();
    let told = told(&done);
    for (name, part) in [
        ("loop.xls#x", "a chain of its sectors loops"),
        ("out.xls#x", "leads out of it; perhaps it was cut off"),
        ("cut.xls", "is a damaged compound file"),
        ("head.xls", "ends too early"),
        ("start.xls", "ends too early"),
        ("texts.xls#x", "refers to a text that it lacks in A2"),
        ("short.xls#x", "has a record that is shorter than what it holds"),
        ("behind.xls#y", "is not where its workbook says"),
        ("within.xls#y", "is not where its workbook says"),
        ("over.xls#x", "goes on where another sheet begins"),
        ("locked.xls", "is encrypted"),
        ("sealed.xls", "is encrypted"),
        ("letter.xls", "it is a Word document"),
        ("none.xls", "a compound file without a workbook"),
        ("page.xls", "it is an HTML page"),
        ("text.xls", "it looks like text"),
        ("older.xls", "Excel 4 or older"),
        ("zip.xls", "is a zip, but not a workbook"),
    ] {
        let own: Vec<_> = told.iter().filter(|text| text.starts_with(&format!("{name}: "))).collect();
        assert!(own.iter().any(|text| text.contains(part)), "{name} {told:#?}");
    }
    for name in ["whole.xls", "far.xls", "claims.xls"] {
        assert!(!told.iter().any(|text| text.starts_with(name)), "{name} {told:#?}");
    }
    for sheet in ["twice.xls#x", "twice.xls#y"] {
        let is_told = told.iter().any(|text| text.starts_with(sheet) && text.contains("where another sheet begins"));
        assert!(is_told, "{told:#?}");
    }
    // What stands before the damage is read.
    let files = done.by_path("files");
    let records = |name: &str| files[name.as_bytes()].integer("records");
    assert_eq!((records("whole.xls#x"), records("whole.xls#y")), (5999, 5999));
    assert!((4097..5999).contains(&records("loop.xls#x")) && records("out.xls#x") == records("loop.xls#x"));
}
