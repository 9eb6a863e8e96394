//! Rules about all records of a dataset: figures as an independent computation gives them, however files are divided.

use std::io::Write as _;

use crate::common::again::{baselines, reused, same};
use crate::common::run::{Done, spec};
use crate::common::tree::Tree;
use serde_json::json;

/// Each dataset with its rule, verdict, values and reason.
fn told(done: &Done) -> Vec<String> {
    let text = |row: &crate::common::rows::Row, name: &str| match row.is_null(name) {
        true => "-".to_owned(),
        false => row.text(name).to_owned(),
    };
    let shown = |row: &crate::common::rows::Row| {
        let part = |name| text(row, name);
        format!(
            "{} {} {} [{}] {}",
            part("dataset"),
            row.integer("records"),
            part("verdict"),
            part("values"),
            part("reason")
        )
    };
    let mut all: Vec<String> = done.table("dataset_rules").iter().map(shown).collect();
    all.sort();
    all
}

#[test]
fn figures_are_those_of_all_files_at_every_border() {
    let tree = Tree::new();
    let (mut cents, mut nulls, mut most) = (0_i64, 0_u32, String::new());
    for file in 0..4_i64 {
        let mut lines = String::from("id,amount,day,note\n");
        for number in 0..60_i64 {
            let value = (file * 7919 + number * 104_729) % 20_001 - 10_000;
            let day = format!("2024-{:02}-{:02}", 1 + (file * 5 + number * 7) % 12, 1 + number % 28);
            let is_null = number % 13 == file;
            let sign = if value < 0 { "-" } else { "" };
            let amount = format!("{sign}{}.{:02}", value.abs() / 100, value.abs() % 100);
            lines.push_str(&format!("{number},{},{day},x\n", if is_null { "" } else { &amount }));
            (cents, nulls) = if is_null { (cents, nulls + 1) } else { (cents + value, nulls) };
            most = most.max(day);
        }
        tree.file(format!("sales_{file}.csv"), lines);
    }
    let sign = if cents < 0 { "-" } else { "" };
    let sum = format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100);
    let rules = [
        format!("sum: sum(amount) == {sum}"),
        format!("last: max(day) <= date('{most}') && min(day) >= date('2024-01-01')"),
        format!("few nulls: nulls(amount) == {nulls} && count(amount) == count() - {nulls}"),
        "mean: mean(id) == 29.5".to_owned(),
        "twice: sum(id * 2) == sum(id) * 2 + 1".to_owned(),
    ];
    for (bytes, threads) in [(1, 1), (9, 3), (100, 2), (4 << 20, 2)] {
        let run = spec("validate", &tree.path()).option("rules", rules.to_vec()).chunk_bytes(bytes).threads(threads);
        let done = run.run();
        assert_eq!(
            told(&done),
            [
                "sales 240 broken [sum(id) = 7080, sum(…) = 14160] -".to_owned(),
                format!("sales 240 kept [count() = 240, count(amount) = {}, nulls(amount) = {nulls}] -", 240 - nulls),
                format!("sales 240 kept [max(day) = {most}, min(day) = 2024-01-01] -"),
                "sales 240 kept [mean(id) = 29.5] -".to_owned(),
                format!("sales 240 kept [sum(amount) = {sum}] -"),
            ],
            "{bytes}"
        );
        let summary = done.summary();
        assert_eq!(summary["dataset_rules"], json!({"kept": 4, "broken": 1, "undecided": 0}));
        assert_eq!((&summary["verdict"], &summary["rules"]), (&json!("invalid"), &json!({"twice": 1})));
    }
}

#[test]
fn datasets_have_figures_of_their_own_and_what_lacks_a_column_is_told() {
    let tree = Tree::new();
    tree.file("orders_1.csv", "id,total,day,note\n1,5,2024-01-01,x\n2,7,2024-01-02,y\n");
    tree.file("orders_2.csv", "id,total,day,note\n3,1,2024-01-03,z\n");
    tree.file("people.csv", "name,town\nAda,London\n");
    let rules = ["enough: sum(total) >= 13", "some: count() > 0"];
    let done = spec("validate", &tree.path()).option("rules", rules).run();
    assert_eq!(
        told(&done),
        ["orders 3 kept [count() = 3] -", "orders 3 kept [sum(total) = 13] -", "people 1 kept [count() = 1] -",]
    );
    assert_eq!(done.summary()["verdict"], "valid");
    tree.file("orders_3.csv", "id,day,note\n4,2024-01-03,z\n");
    let lacking = spec("validate", &tree.path()).option("rules", ["enough: sum(total) >= 13"]).run();
    assert_eq!(told(&lacking), ["orders 4 undecided [sum(total) = 13] orders_3.csv: the file has no column total"]);
    assert_eq!(lacking.summary()["verdict"], "partial");
    let none = spec("validate", &tree.path()).option("rules", ["far: sum(elsewhere) >= 13"]).run();
    assert_eq!((told(&none).len(), &none.summary()["verdict"]), (0, &json!("partial")));
}

#[test]
fn different_values_are_counted_as_far_as_they_can_be_held() {
    let tree = Tree::new();
    tree.file("a_1.csv", "n,t,d\n1,x,2024-01-01\n1.0,y,2024-01-01T00:00:00Z\n,x,2024-01-02\n");
    tree.file("a_2.csv", "n,t,d\n2,z,2024-01-02\n0.1e1,x,2024-01-01\n");
    let rules = ["n: distinct(n) == 2", "t: distinct(t) == 3 && distinct(t + t) == 3", "p: distinct(n / 3) > 0"];
    let run = || spec("validate", &tree.path()).option("rules", rules).chunk_bytes(9);
    let done = run().run();
    let told_first = told(&done);
    let reason = "a number is rounded, and may be the same as another one";
    let expected = [
        "a 5 kept [distinct(n) = 2] -".to_owned(),
        "a 5 kept [distinct(t) = 3, distinct(…) = 3] -".to_owned(),
        format!("a 5 undecided [distinct(…) = null] {reason}"),
    ];
    assert_eq!(told_first, expected);
    let rules = &rules[..2];
    let first = spec("validate", &tree.path()).option("rules", rules).run();
    let again =
        spec("validate", &tree.path()).option("rules", rules).baselines(baselines(&[&first], &["partials"])).run();
    assert_eq!((told(&again), reused(&again)), (told(&first), 2));
    let many: String = (0..270_000).map(|id| format!("{id}\n")).collect();
    tree.file("many.csv", format!("id\n{many}"));
    let done = spec("validate", &tree.path()).option("rules", ["id: distinct(id) == count()"]).run();
    assert!(told(&done)[0].contains("there are more than 262144 different values"), "{:?}", told(&done));
    let nine = ["distinct(a) > 0"; 9].iter().enumerate().map(|(place, rule)| format!("r{place}: {rule}"));
    let refused = spec("validate", &tree.path()).option("rules", nine.collect::<Vec<_>>()).fails().to_string();
    assert!(refused.contains("distinct() 8 times"), "{refused}");
}

#[test]
fn figures_of_a_file_that_is_cut_decide_nothing() {
    let tree = Tree::new();
    tree.file("a_1.csv", "id,total\n1,5\n").file("b.csv", "x\n1\n");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(b"id,total\n2,5\n3,5\n").unwrap();
    let packed = packed.finish().unwrap();
    tree.file("a_2.csv.gz", &packed[..packed.len() - 12]);
    let rules = ["all: sum(total) == 15", "one: sum(x) == 1"];
    let done = spec("validate", &tree.path()).option("rules", rules).run();
    let told = told(&done);
    assert!(told[0].starts_with("a 3 undecided") || told[0].starts_with("a 2 undecided"), "{told:?}");
    assert!(told[0].ends_with("a_2.csv.gz: not all records of the file could be read"), "{told:?}");
    assert_eq!(told[1], "b 1 kept [sum(x) = 1] -");
    assert_eq!(done.summary()["verdict"], "partial");
}

#[test]
fn what_cannot_be_computed_is_not_decided() {
    let tree = Tree::new();
    tree.file("a.csv", "a,b,t,n\n1,2,x,\n2,0,y,\n");
    for (rule, verdict, word) in [
        ("max(n) > 1", "partial", "undecided"),
        ("sum(a / b) > 0", "partial", "undecided"),
        ("sum(t) > 0", "partial", "undecided"),
        ("count() >= last_result.records", "valid", "undecided"),
        ("max(t) == 'y'", "valid", "kept"),
        ("max(a) > 3 || count() == 2", "valid", "kept"),
        ("sum(a) == 3 when count() > 5", "valid", "kept"),
        ("mean(a) == 1.5 && mean(b) < 1.0001", "valid", "kept"),
        ("now > timestamp('2024-01-01T00:00:00Z') + duration('1h')", "valid", "kept"),
    ] {
        let done = spec("validate", &tree.path()).option("rules", [rule]).run();
        let row = &done.table("dataset_rules")[0];
        assert_eq!((row.text("verdict"), &done.summary()["verdict"]), (word, &json!(verdict)), "{rule}");
    }
    for (rule, why) in [
        ("sum(a) > b", "must be in an aggregate"),
        ("sum(max(a)) > 1", "cannot be in another"),
        ("sum() > 1", "needs one argument"),
        ("sum('x') > 1", "must not be a text"),
        ("nulls(a + 1) > 1", "needs a column"),
        ("max(now) > now", "outside of an aggregate"),
        ("count() > last_result.files", "only last_result.records and last_result.time"),
    ] {
        let error = spec("validate", &tree.path()).option("rules", [rule]).fails().to_string();
        assert!(error.contains(why), "{rule}: {error}");
    }
}

#[test]
fn files_of_an_earlier_result_count_without_being_read_and_its_records_are_known() {
    let tree = Tree::new();
    let lines =
        |from: usize, to: usize| (from..to).map(|number| format!("{number},{}.5\n", number % 9)).collect::<String>();
    for file in 0..5 {
        tree.file(format!("log_{file}.csv"), format!("n,x\n{}", lines(file * 100, file * 100 + 100)));
    }
    let rules = ["grows: count() >= last_result.records", "sum: sum(x) > 2000 && max(n) == 499"];
    let run = spec("validate", &tree.path()).option("rules", rules);
    let first = run.run();
    let known = |done: &Done| baselines(&[done], &["partials", "dataset_rules"]);
    let again = run.clone().baselines(known(&first)).run();
    assert_eq!(reused(&again), 5);
    assert_eq!(told(&again)[0], "log 500 kept [count() = 500, last_result.records = 500] -");
    // But for what only the second one knows, both say the same.
    let sums = run.clone().option("rules", [rules[1]]);
    let alone = sums.run();
    let taken = sums.clone().baselines(known(&alone)).run();
    assert_eq!(reused(&taken), 5);
    same(&taken, &alone);
    std::fs::remove_file(tree.at("log_4.csv")).unwrap();
    let less = run.baselines(known(&again)).run();
    assert_eq!(told(&less)[0], "log 400 broken [count() = 400, last_result.records = 500] -");
    assert_eq!(less.summary()["verdict"], "invalid");
}

#[test]
fn a_rule_may_ask_how_long_ago_the_last_result_was_and_what_is_newer() {
    let tree = Tree::new();
    tree.file("log_1.csv", "n,at\n1,2000-01-01T00:00:00Z\n2,2001-01-01T10:00:00.250Z\n");
    let often = "often: now - last_result.time < duration('25h') && now > last_result.time";
    let run = spec("validate", &tree.path()).option("rules", [often, "new: max(at) > last_result.time"]);
    let first = run.run();
    let newest = "max(at) = 2001-01-01 10:00:00.25";
    let [new, often] = told(&first).try_into().unwrap();
    assert_eq!(new, format!("log 2 undecided [last_result.time = null, {newest}] -"));
    assert_eq!(often, "log 2 undecided [last_result.time = null] -");
    let known = |done: &Done| baselines(&[done], &["partials", "dataset_rules"]);
    let again = run.clone().baselines(known(&first)).run();
    let told_again = told(&again);
    for (line, word) in told_again.iter().zip(["broken", "kept"]) {
        assert!(line.starts_with(&format!("log 2 {word} [last_result.time = 2")), "{told_again:?}");
    }
    assert!(told_again[0].ends_with(&format!(", {newest}] -")), "{told_again:?}");
    tree.file("log_2.csv", "n,at\n3,2200-01-01T00:00:00Z\n");
    let newer = run.baselines(known(&again)).run();
    assert_eq!(newer.summary()["dataset_rules"], json!({"kept": 2, "broken": 0, "undecided": 0}));
}
