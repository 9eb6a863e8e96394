use super::*;

fn footer(text: &str, columns: usize) -> (Option<&str>, bool) {
    let found = find_footer(text.as_bytes(), Dialect::of(b','), columns, true);
    (found.at.map(|at| &text[at..]), found.doubt.is_some())
}

#[test]
fn what_follows_a_table_is_found() {
    for (table, after, columns) in [
        ("A,10\nB,20\n", "Total,30\n", 2),
        ("A,10.5\nB,20.25\n", "Total:,30.75", 2),
        ("1,A,10\n2,B,20\n", ",Gesamt,30\n", 3),
        ("A,1,x\nB,2,y\n", "Summe,3,\n\nSource: ministry, 2024, final\n", 3),
        ("A,10\nB,20\n\n", "Source: ministry, 2024, final\n", 2),
        ("A,10\nB,20\n\n\n", "These figures are not final.\nSee the next report.\n", 2),
        ("1,2,3\n4,5,6\n", "(2 rows)\n", 3),
        ("1,2,3\n4,5,6\n", "* without the south\n", 3),
        ("1,2,3\n4,5,6\n", "Data of the second half\n", 3),
        ("A,1,2\nB,3,4\n", ",,\nNote: estimated,,\n", 3),
        ("A,10\r\nB,20\r\n\r\n", "Total,30\r\nQuelle: Amt\r\n", 2),
        ("A,\"1\n\n2\"\nB,20\n", "Notes: quoted, with a comma, or two\n", 2),
    ] {
        let text = format!("{table}{after}");
        assert_eq!(footer(&text, columns), (Some(after), false), "{text:?}");
    }
}

#[test]
fn what_may_be_a_record_stays_one() {
    for (text, columns, is_doubtful) in [
        // A shop of that name.
        ("A,10\nB,20\nTotal,15\n", 2, true),
        ("A,10\nTotal,30\nB,20\n", 2, false),
        ("Total,10\nA,20\nTotal,30\n", 2, true),
        ("Total wine,10\nB,20\nTotal wine,30\n", 2, false),
        ("A,0\nB,0\nTotal,0\n", 2, true),
        // The file may be cut there.
        ("A,10\nB,20\nC\n", 2, false),
        ("1,2,3\n4,5,6\n7\n", 3, false),
        ("first word,2\nsecond word,3\nthird wo\n", 2, false),
        // Empty lines are between records, too.
        ("A,10\n\nB,20\n\nsome words,5,6\n", 2, false),
        ("A,10\n\nB,20\n", 2, false),
        ("A,10\nB,20\n\n3\n", 2, false),
        ("# 1,a\n# 2,b\n# 3\n", 2, false),
        ("a b c\nd e f\nNote: x\n", 1, false),
        ("x,1\nnote,2\n", 2, false),
        ("A,\nB,\nthe last of them,\n", 2, false),
        ("A,10\nB,\"20\nSource: x\n", 2, false),
        (",\n,\n,\n", 2, false),
        ("A,1\n\n,\n,\n", 2, false),
        ("A,1\n,\n,\nB,2\n", 2, false),
    ] {
        assert_eq!(footer(text, columns), (None, is_doubtful), "{text:?}");
    }
}

#[test]
fn without_all_records_a_total_is_told_by_its_empty_columns() {
    let text = "A,x,10\nB,y,20\nTotal,,90\n";
    let of = |text: &str| find_footer(text.as_bytes(), Dialect::of(b','), 3, false);
    assert_eq!(of(text).at, Some(14));
    assert_eq!(of(&text.replace(",y,", ",,")).at, None);
    assert!(of(&text.replace("Total,,", "Total,z,")).doubt.is_some());
}
