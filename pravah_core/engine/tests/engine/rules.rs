//! Rules across columns: each record is judged as an independent computation judges it, whatever pieces a file comes in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, ListArray, RecordBatch, StringArray};

use crate::common::again::{baselines, reused, same};
use crate::common::run::{Done, spec};
use crate::common::tree::Tree;
use serde_json::json;

fn broken(done: &Done, rule: &str) -> Vec<i64> {
    let mut records: Vec<i64> =
        done.table("errors").iter().filter(|row| row.text("rule") == rule).map(|row| row.integer("record")).collect();
    records.sort_unstable();
    records
}

fn refused(rule: &str) -> String {
    spec("validate", &Tree::new().path()).option("rules", [rule]).fails().to_string()
}

/// A number that no two records share, from one to `most`.
fn next(state: &mut u64, most: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % most
}

#[test]
fn records_are_judged_as_by_an_independent_computation_at_every_border() {
    let (tree, mut state) = (Tree::new(), 7);
    let mut lines = String::from("starts,ends,cents,price,kind\n");
    let (mut order, mut exact, mut when, mut undecided) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for number in 1..=400_i64 {
        let (starts, ends) = (next(&mut state, 28) + 1, next(&mut state, 29));
        let (cents, off) = (next(&mut state, 100_000), next(&mut state, 2));
        let kind = ["a", "b", "\"x \"\"q\"\"\"", ""][next(&mut state, 4) as usize];
        let shown = cents + off;
        let ends_text = if ends == 0 { String::new() } else { format!("2024-02-{ends:02}") };
        lines.push_str(&format!("2024-02-{starts:02},{ends_text},{cents},{}.{:02},{kind}\n", shown / 100, shown % 100));
        match ends {
            0 => undecided += 1,
            _ if ends < starts => order.push(number),
            _ => {}
        }
        if off > 0 {
            exact.push(number);
        }
        match kind {
            "a" if cents <= 50_000 => when.push(number),
            "" if cents <= 50_000 => undecided += 1,
            _ => {}
        }
    }
    tree.file("a.csv", &lines);
    let rules = ["order: ends >= starts", "exact: price * 100 == cents", "when a: cents > 50000 when kind == 'a'"];
    for bytes in [1, 2, 3, 7, 50, 333, 4 << 20] {
        for threads in [1, 3] {
            let done = spec("validate", &tree.path()).option("rules", rules).chunk_bytes(bytes).threads(threads).run();
            assert_eq!(broken(&done, "order"), order, "{bytes}");
            assert_eq!(broken(&done, "exact"), exact, "{bytes}");
            assert_eq!(broken(&done, "when a"), when, "{bytes}");
            let summary = done.summary();
            assert_eq!((&summary["undecided"], &summary["verdict"]), (&json!(undecided), &json!("invalid")), "{bytes}");
        }
    }
}

#[test]
fn what_is_false_null_or_cannot_be_computed_is_told_apart() {
    let tree = Tree::new();
    tree.file("a.csv", "n,d,t,name,ok,at\n1,2,10:00,Ada,true,2024-01-01T00:00:00Z\n,0,11:30,,false,2024-01-02T00:00:00+01:00\n3,0,09:00,Bob,true,2024-01-03 00:00\n");
    // By rule: records that break it, and records that it does not decide.
    for (rule, broken_records, undecided, verdict) in [
        ("n == null || n > 1", &[1][..], 0, "invalid"),
        ("n != null", &[2], 0, "invalid"),
        ("n > 0", &[], 1, "valid"),
        ("n > 5 || ok", &[], 1, "valid"),
        ("n > 0 && !ok", &[1, 3], 1, "invalid"),
        ("n > 0 when ok", &[], 0, "valid"),
        ("n / d > 0", &[], 2, "partial"),
        ("d == 0 || n / d > 0.4999999999", &[], 0, "valid"),
        ("n in [1, 3.0]", &[], 1, "valid"),
        ("n % 2 == 1 && -n < 0 && abs(-n) == n", &[], 1, "valid"),
        ("ok ? d >= 0 : name == null", &[], 0, "valid"),
        ("t >= duration('10h')", &[3], 0, "invalid"),
        ("at - timestamp('2024-01-01T00:00:00Z') <= duration('24h')", &[3], 0, "invalid"),
        ("at > date('2023-12-31')", &[], 0, "valid"),
        ("name.startsWith('A') || name.endsWith('ob') && name.contains('o')", &[], 1, "valid"),
        ("name.matches('^[A-Z]..$') && size(name) == 3 && name.size() < 4", &[], 1, "valid"),
        ("name + '!' in ['Ada!', 'Bob?']", &[3], 1, "invalid"),
        ("column('d') >= 0 && true", &[], 0, "valid"),
        ("name > 'Ada' when 'when' != name", &[1], 1, "invalid"),
    ] {
        let done = spec("validate", &tree.path()).option("rules", [rule]).run();
        assert_eq!(broken(&done, rule), broken_records, "{rule}");
        let summary = done.summary();
        assert_eq!((&summary["undecided"], &summary["verdict"]), (&json!(undecided), &json!(verdict)), "{rule}");
        let row = &done.table("rules")[0];
        assert_eq!(row.integer("broken_records"), broken_records.len() as i64, "{rule}");
        assert_eq!(row.integer("undecided_records"), undecided, "{rule}");
        assert_eq!(row.is_null("reason"), verdict != "partial", "{rule}");
    }
}

#[test]
fn the_size_of_a_list_or_map_is_that_of_its_elements() {
    let tree = Tree::new();
    tree.file("a.jsonl", "{\"t\":[1,22,333],\"m\":\"ab\"}\n{\"t\":[],\"m\":\"x\"}\n{\"t\":\"[1,2]\",\"m\":\"y\"}\n");
    tree.file("a.xml", "<l><r><t>aa</t><t>b</t><m>x</m></r><r><t>ccc</t><m>yy</m></r></l>");
    tree.file("a.csv", "t,m\n\"[1,2]\",x\n");
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None, Some(333)]),
        None,
        Some(vec![]),
    ]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x", "y", "zz"]));
    let batch = RecordBatch::try_from_iter([("t", list), ("m", text)]).unwrap();
    let mut file = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    file.write(&batch).unwrap();
    tree.file("a.parquet", file.into_inner().unwrap());
    let rules = ["t: size(t) == 3", "m: size(m) == 1", "own: t.size() < 6"];
    let done = spec("validate", &tree.path()).option("rules", rules).run();
    let found = |rule: &str| -> Vec<(String, i64)> {
        let errors = done.table("errors");
        let of = errors.iter().filter(|row| row.text("rule") == rule);
        let mut all: Vec<_> = of.map(|row| (row.text("path").to_owned(), row.integer("record"))).collect();
        all.sort();
        all
    };
    let places =
        |all: &[(&str, i64)]| all.iter().map(|(path, record)| ((*path).to_owned(), *record)).collect::<Vec<_>>();
    let wrong = [("a.csv", 1), ("a.jsonl", 2), ("a.jsonl", 3), ("a.parquet", 3), ("a.xml", 1), ("a.xml", 2)];
    assert_eq!(found("t"), places(&wrong));
    assert_eq!(found("m"), places(&[("a.jsonl", 1), ("a.parquet", 3), ("a.xml", 2)]));
    assert_eq!((found("own"), &done.summary()["verdict"]), (vec![], &json!("invalid")));
}

#[test]
fn an_error_shows_the_fields_as_they_stand_in_the_file() {
    let tree = Tree::new();
    tree.file(
        "a.csv",
        "starts,ends,at,price,name\n2024-01-05,2024-01-04,2024-01-05T10:00:00+01:00,1.10,\"a \"\"b\"\"\"\n\
         2024-01-06,2024-01-07,2024-01-06T10:00:00+01:00,NA,x\n",
    );
    let rule = "ends >= starts && at > date('2024-01-06') && price != null && name == 'x'";
    let done = spec("validate", &tree.path()).option("rules", [rule]).run();
    let shown: Vec<_> = done.table("errors").iter().map(|row| row.text("value").to_owned()).collect();
    assert_eq!(
        shown,
        [
            "2024-01-04, 2024-01-05, 2024-01-05T10:00:00+01:00, 1.10, a \"b\"",
            "2024-01-07, 2024-01-06, 2024-01-06T10:00:00+01:00, NA, x"
        ]
    );
}

#[test]
fn rounding_gives_no_verdict() {
    let tree = Tree::new();
    tree.file("a.csv", "a,b,c\n0.1,0.2,0.3\n9007199254740993,0,9007199254740993\n1e-30,2e-30,3e-30\n");
    for (rule, undecided) in [("a + b == c", 0), ("c - b - a == 0", 0), ("a / 3 * 3 == a", 2), ("c >= a + b", 0)] {
        let done = spec("validate", &tree.path()).option("rules", [rule]).run();
        assert_eq!((done.table("errors").len(), &done.summary()["undecided"]), (0, &json!(undecided)), "{rule}");
    }
}

#[test]
fn a_rule_that_a_file_cannot_meet_is_told_and_the_file_is_not_valid() {
    let tree = Tree::new();
    tree.file("a.csv", "a,b\n1,2\n");
    tree.file("half.csv", "a,c\n1,2\n2,2\n");
    tree.file("other.csv", "x,y\n1,2\n");
    tree.file("text.csv", "a,b\nx,y\n");
    let done = spec("validate", &tree.path()).option("rules", ["less: a < b + 0"]).run();
    let mut rules: Vec<String> = done
        .table("rules")
        .iter()
        .map(|row| {
            format!(
                "{} {} {}",
                row.text("path"),
                row.integer("undecided_records"),
                if row.is_null("reason") { "" } else { row.text("reason") }
            )
        })
        .collect();
    rules.sort();
    assert_eq!(
        rules,
        [
            "a.csv 0 ",
            "half.csv 2 the file has no column b",
            "text.csv 1 a computation of a text and a number is not possible"
        ]
    );
    let mut verdicts: Vec<String> =
        done.table("result").iter().map(|row| format!("{} {}", row.text("path"), row.text("verdict"))).collect();
    verdicts.sort();
    assert_eq!(verdicts, ["a.csv valid", "half.csv partial", "other.csv valid", "text.csv partial"]);
    assert_eq!(done.summary()["verdict"], "partial");
    let none = spec("validate", &tree.path()).option("rules", ["far: elsewhere > 1"]).run();
    assert_eq!(none.summary()["verdict"], "partial");
    assert!(none.issues().iter().any(|row| row.text("message").contains("\"far\"")));
}

#[test]
fn expressions_are_refused_before_anything_is_read_with_their_place() {
    for (rule, told) in [
        ("a >=", "character 5"),
        ("total: a + b = c", "character 14"),
        ("a > 1 when b ===  2", "character 16"),
        ("a.map(x, x)", "map() is not a function"),
        ("[1, 2].all(x, x > a)", "all() is not a function"),
        ("a + 1", "true or false"),
        ("1 + 1", "true or false"),
        ("1 == 1", "must name a column"),
        ("a + 'x' > 1", "a comparison of a text and a number"),
        ("a.matches('(')", "not a valid pattern"),
        ("a.matches(b)", "in quotes"),
        (r"a.matches('\\w{1,900}x')", "not a valid pattern"),
        ("null == 1", "only a column"),
        ("a < null", "null can only"),
        ("timestamp('tomorrow') > a", "write timestamp"),
        ("duration('1 day') > a", "write duration"),
        ("a in b", "must be followed by a list"),
        ("required: a > 1", "is the name of a rule of schemas"),
        ("a > 0.12345678901234567", "15 digits"),
        ("{'a': 1} == a", "not supported"),
        ("now > a", "must be in an aggregate"),
    ] {
        let error = refused(rule);
        assert!(error.contains(told), "{rule}: {error}");
    }
    let schema = r#"{"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "date"}]}"#;
    for (rule, told) in [("a > gone", "has no column \"gone\""), ("a > b", "a comparison of a number and a date")] {
        let run = spec("validate", &Tree::new().path()).option("schema_text", schema).option("rules", [rule]);
        let error = run.fails().to_string();
        assert!(error.contains(told), "{rule}: {error}");
    }
    let twice = spec("validate", &Tree::new().path()).option("rules", ["x: a > 1", "x: b > 1"]).fails();
    assert!(twice.to_string().contains("\"x\""));
}

#[test]
fn hostile_expressions_are_refused_quickly() {
    let begun = Instant::now();
    let nested = |open: &str, close: &str, times: usize| format!("{}a{} > 1", open.repeat(times), close.repeat(times));
    for rule in [
        nested("(", ")", 900),
        nested("(", ")", 60),
        "(".repeat(1900),
        "[".repeat(1900),
        nested("!(", ")", 400),
        nested("size(", ")", 200),
        vec!["a"; 900].join("+") + " > 1",
        vec!["a ? b"; 200].join(" : ") + " : c",
        "\"".repeat(1999),
        "a ".repeat(1000),
        "x".repeat(2001),
    ] {
        refused(&rule);
    }
    spec("validate", &Tree::new().path())
        .option("rules", [nested("-", "", 1900), format!("a{} > 1", ".b".repeat(900))])
        .run();
    // As many as there may be, each as large as it may be.
    let rules: Vec<String> = (0..100).map(|number| vec![format!("a > {number}"); 150].join(" || ")).collect();
    let tree = Tree::new();
    tree.file("a.csv", "a\n1\n");
    spec("validate", &tree.path()).option("rules", rules).run();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn files_that_are_taken_over_say_the_same_again() {
    let tree = Tree::new();
    let lines: String =
        (0..500).map(|number| format!("{number},{}\n", if number % 50 == 0 { "" } else { "7" })).collect();
    tree.file("a.csv", format!("a,b\n{lines}900,1\n"));
    let first = spec("validate", &tree.path()).option("rules", ["a > b - 5", "a < 800"]);
    let done = first.run();
    let known = baselines(&[&done], &["partials"]);
    let again = first.clone().baselines(known.clone()).run();
    assert_eq!(reused(&again), 1);
    same(&again, &done);
    assert_eq!((&done.summary()["undecided"], done.table("errors").len()), (&json!(10), 3));
    let other = first.option("rules", ["a > b - 5", "a < 801"]).baselines(known).run();
    assert_eq!(reused(&other), 0);
}
