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
