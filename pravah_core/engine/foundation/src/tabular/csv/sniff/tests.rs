use super::*;

fn of(text: &str) -> Sniffed {
    sniff(text.as_bytes(), &Asked::default())
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(|number| line(number) + "\n").collect()
}

#[test]
fn the_delimiter_that_divides_all_records_alike_is_found() {
    for (text, delimiter, columns) in [
        ("a,b,c\n1,2,3\n", ",", 3),
        ("a;b\n1,5;2,5\n3,5;4\n", ";", 2),
        ("a\tb\tc\nx, y\t1\t2\n", "tab", 3),
        ("when|what\n12:30|x y\n13:45|z\n", "|", 2),
        ("name,text\na,\"x;y;z\"\nb,\"1;2\"\n", ",", 2),
        ("root:x:0:0:/root\nbin:x:1:1:/bin\nsys:x:2:2:/dev\n", ":", 5),
        ("1.5 2.5 3.5\n4.5 5.5 6.5\n", "space", 3),
        ("id^name^n\n1^a^2\n", "^", 3),
        ("id||name||n\n1||a||5\n2||||6\n", "||", 3),
        ("id~|~name\n1~|~a\n2~|~b\n", "~|~", 2),
        ("1::F::1::10\n2::M::56::16\n", "::", 4),
        ("1,,2\n3,,4\n", ",", 3),
        ("id;v\n1;[a]\n2;[b]\n", ";", 2),
        ("1,5;2,5\n3,5;4,5\n", ";", 2),
        ("1,2;3,4\nx,y;z,w\n", ",", 3),
    ] {
        let sniffed = of(text);
        assert_eq!((&*sniffed.dialect.delimiter_name(), sniffed.columns), (delimiter, columns), "{text:?} {sniffed:?}");
        assert_eq!(sniffed.begins, 0, "{text:?}");
    }
}

#[test]
fn one_bad_record_does_not_change_the_dialect_and_costs_confidence() {
    let good = |lines: usize| "a,b,c\n".repeat(lines);
    let sniffed = of(&format!("{}x|y|z|1|2|3\n{}", good(500), good(499)));
    assert_eq!((sniffed.dialect.delimiter, sniffed.columns), (b',', 3));
    assert!(sniffed.confidence > 0.9 && sniffed.confidence < 1.0, "{sniffed:?}");
    assert!(sniffed.reason.contains("999 of 1000 records have 3 fields"), "{sniffed:?}");
}

#[test]
fn what_a_person_reads_as_one_column_is_one() {
    for text in ["", "word\n", "one\ntwo\nthree\n"] {
        let sniffed = of(text);
        assert_eq!(sniffed.columns, 1, "{text:?}");
        assert!(sniffed.confidence <= 0.5);
    }
    let digit = |number: usize| format!("{:02}", number % 60);
    for text in [
        format!("mac\n{}", lines(30, |at| format!("00:1b:44:11:3a:{at:02x}"))),
        format!("amount\n{}", lines(30, |at| format!("{at},50"))),
        format!("full_name\n{}", lines(30, |at| format!("Anna Miller{at}"))),
        format!("full name\n{}", lines(30, |at| format!("Anna Miller{at}"))),
        format!("comment\n{}", lines(30, |at| format!("good product number {at}"))),
        format!("created_at\n{}", lines(30, |at| format!("2024-01-01 10:{}:00", digit(at)))),
        lines(30, |at| format!("2024-01-01 10:{}:00", digit(at))),
        format!("time\n{}", lines(30, |at| format!("12:{}:45", digit(at)))),
        lines(30, |at| format!("9:{}", digit(at))),
        format!("url\n{}", lines(30, |at| format!("https://example.org/{at}?a=1,2"))),
        format!("text\n{}", lines(30, |at| format!("well, this is number {at}"))),
        format!("population\n{}", lines(30, |at| format!("1,234,{:03}", at + 100))),
        lines(30, |at| format!("Main Street {at}")),
        lines(30, |at| format!("2024-01-01 10:{}:00 INFO step {at}", digit(at))),
    ] {
        let sniffed = of(&text);
        assert_eq!(sniffed.columns, 1, "{} {sniffed:?}", &text[..60.min(text.len())]);
        assert_eq!(sniffed.dialect.delimiter_name(), "none");
    }
}

#[test]
fn lines_before_a_table_are_no_records_of_it() {
    for (text, begins) in [
        ("Report 2024\n\nid,name,n\n1,a,2\n2,b,3\n", 13),
        ("Sales report\nid;price\n1;2,50\n2;0,75\n", 13),
        ("# made by x\n# on 2024-01-01, late\nid,name,n\n1,a,2\n2,b,3\n", 34),
        ("sep=;\r\nid;name\r\n1;2,5\r\n", 7),
        ("\"sep=|\"\nid|name\n1|a,b\n", 8),
        ("SEP=,\nid,name\n1,a\n", 6),
        // Set apart, so that no header has to tell where the table begins.
        ("Report of the month\n\n1|2024-01-01|x\n2|2024-01-02|y\n", 21),
        ("Exported 2024-03-01\nSource: ministry\n\"/a\"|\"4\"|\"x y\"\n\"\"|\"2\"|\"z\"\n", 37),
        // A delimiter that divides all lines is better than one that divides all but the first into more.
        ("flag (kg)|score (km)\n2.1|{a, b, c}\n1.3|{d, e, f}\n", 0),
        ("# made by a tool\n# version 3\n1;2024-01-01\n2;2024-01-02\n", 29),
        ("# made by a tool\n# version 3\nname\nAnna\nBo\n", 29),
        ("Report\nof May\n\nname\nAnna\nBo\n", 15),
        ("name\n\nAnna\n\nBo\nEve\n", 0),
        ("#tag\n#other\nplain\n", 0),
        ("# one\n# two\n", 0),
    ] {
        let sniffed = of(text);
        assert_eq!(sniffed.begins, begins, "{text:?} {sniffed:?}");
    }
}

#[test]
fn quotes_and_escapes_are_found() {
    let escaped = of("id,text,n\n1,\"He said \\\"hi\\\", she left\",5\n2,\"plain\",6\n");
    assert_eq!((escaped.dialect.escape, escaped.columns), (Some(b'\\'), 3), "{escaped:?}");
    let lone = of("id,text\n1,'Bo O''Brien'\n2,plain\n");
    assert_eq!((lone.dialect.quote, lone.columns), (Some(b'\''), 2), "{lone:?}");
    let path = of("id,path\n1,\"C:\\dir\\\"\n2,\"D:\\\"\n");
    assert_eq!((path.dialect.escape, path.columns), (None, 2), "{path:?}");
    let single = of("id,text\n1,'a, b'\n2,'it''s'\n");
    assert_eq!((single.dialect.quote, single.columns), (Some(b'\''), 2), "{single:?}");
    let apostrophes = of("id,text\n1,'tis\n2,O'Brien\n3,'n'roll\n");
    assert_eq!((apostrophes.dialect.quote, apostrophes.columns), (Some(b'"'), 2), "{apostrophes:?}");
    let asked = Asked { escape: Some(None), quote: Some(None), ..Asked::default() };
    assert_eq!(sniff(b"a,b\n'x','y'\n'z','w'\n", &asked).dialect.quote, None);
}

#[test]
fn a_backslash_escapes_outside_of_quotes_where_each_escapes_something() {
    for (text, is_bare, value) in [
        ("id,size\n1,5\\\" pipe\n2,\"a \\\"b\\\"\"\n", true, "5\" pipe"),
        ("id,size\n1,C:\\\\a\n2,9\\\" pipe\n", true, "C:\\a"),
        ("id,size\n1,C:\\a\n2,9\\\" pipe\n", false, "C:\\a"),
        ("id,size\n1,\\\\server\\a\n2,\"a \\\"b\\\"\"\n", false, "\\\\server\\a"),
    ] {
        let dialect = of(text).dialect;
        assert_eq!(dialect.escapes_bare, is_bare, "{text}");
        let field = text.split('\n').nth(1).unwrap().split_once(',').unwrap().1;
        let mut buffer = Vec::new();
        assert_eq!(String::from_utf8_lossy(dialect.unquoted(field.as_bytes(), &mut buffer).0), value, "{text}");
    }
}
