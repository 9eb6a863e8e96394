//! validate again: what was told of a file that stands for itself is taken over, and nothing else.

use std::collections::BTreeSet;
use std::fs;

use crate::common::again::{baselines, names, reused, same, watched};
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, gzip, hostile_names, temporary_in_memory};
use serde_json::{Value, json};

const TABLES: [&str; 1] = ["partials"];

fn validate(tree: &Tree, schema: &Value) -> Spec {
    spec("validate", &tree.path()).option("schema_text", schema.to_string())
}

/// Keys of a file itself, and rules of its values.
fn schema() -> Value {
    json!({
        "fields": [
            {"name": "id", "type": "integer", "constraints": {"required": true, "unique": true}},
            {"name": "word", "constraints": {"enum": ["a", "b", "c"], "maxLength": 1}},
            {"name": "day", "type": "date"},
        ],
        "primaryKey": ["word", "day"],
    })
}

/// So many records; each `wrong`-th breaks rules and keys.
fn records(count: usize, wrong: usize) -> String {
    let row = |at: usize| match at % wrong {
        1 => format!("{},z\u{e9}z,yesterday\n", at - 1),
        _ => format!("{at},{},2024-{:02}-{:02}\n", ["a", "b", "c"][at % 3], 1 + at / 3 / 28 % 12, 1 + at / 3 % 28),
    };
    "id,word,day\n".to_owned() + &(0..count).map(row).collect::<String>()
}

fn tree() -> Tree {
    let tree = Tree::in_memory();
    for number in 0..20 {
        tree.file(
            format!("{}/{number}.csv", number % 3),
            records(100 + number, if number % 2 == 0 { 1000 } else { 40 }),
        );
    }
    tree.file("0/empty.csv", "").file("0/none.bin", "\0").file("0/other.csv", "id,name\n1,x\n");
    tree.file("1/packed.csv.gz", gzip(records(500, 90).as_bytes()));
    let object = |at: usize| format!("{{\"id\": {at}, \"word\": \"a\", \"day\": \"2024-01-{:02}\"}}\n", 1 + at % 25);
    tree.file("1/objects.jsonl", (0..30).map(object).collect::<String>());
    for name in hostile_names() {
        tree.file([b"2/", &name[..name.len().min(200)], b".csv"].concat(), records(3, 2));
    }
    tree
}

fn files(done: &Done) -> u64 {
    done.table("result").len() as u64
}

#[test]
fn files_that_are_as_they_were_are_not_opened_and_have_the_same_errors() {
    for schema in [Some(schema()), None] {
        let tree = tree();
        let job = || match &schema {
            Some(schema) => validate(&tree, schema),
            None => spec("validate", &tree.path()),
        };
        let first = job().run();
        let errors = first.summary()["errors"].as_u64().unwrap();
        assert!(reused(&first) == 0 && files(&first) > 40 && (schema.is_none() || errors > 100), "{errors}");
        let rules = &first.summary()["rules"];
        assert!(schema.is_none() || rules["unique"].as_u64() > Some(20), "{rules}");
        let (again, opened) = watched(&job().baselines(baselines(&[&first], &TABLES)), &tree.path());
        assert_eq!((reused(&again), opened), (files(&first), BTreeSet::new()));
        same(&again, &first);
        assert_eq!(again.read("schema.json"), first.read("schema.json"));
        // What was taken over is taken over once more; and what was changed meanwhile is not.
        tree.file("0/0.csv", records(30, 7)).file("new.csv", "id\n1\n1\n").file("1/1.csv", "id;word\n1;2\n");
        fs::remove_file(tree.at("2/2.csv")).unwrap();
        fs::rename(tree.at("0/3.csv"), tree.at("0/renamed.csv")).unwrap();
        let (third, opened) = watched(&job().baselines(baselines(&[&again], &TABLES)), &tree.path());
        assert_eq!(opened, names(&["0/0.csv", "new.csv", "1/1.csv", "0/renamed.csv"]));
        assert_eq!(reused(&third), files(&third) - 4);
        let fresh = job().run();
        same(&third, &fresh);
        assert_eq!(third.read("schema.json"), fresh.read("schema.json"));
    }
}

#[test]
fn what_is_true_for_other_options_or_says_less_than_all_is_not_taken_over() {
    let tree = tree();
    tree.file("ragged.csv", records(60, 9) + "1,2\n").file("torn.csv.gz", &gzip(records(3000, 50).as_bytes())[..100]);
    tree.file("fine.csv", "id,word,day\n1,a,2024-01-01\n");
    // As many errors as records: they would be more than the file.
    tree.file("bad.csv", "id,word,day\n".to_owned() + &"x,y,z\n".repeat(3000));
    let first = validate(&tree, &schema()).run();
    let known = baselines(&[&first], &TABLES);
    let all = first.table("partials").len() as u64;
    let (again, opened) = watched(&validate(&tree, &schema()).baselines(known.clone()), &tree.path());
    assert_eq!(opened, names(&["ragged.csv", "torn.csv.gz", "bad.csv"]));
    assert_eq!((reused(&again), all), (all, files(&again) - 3));
    same(&again, &first);
    let mut other = schema();
    other["fields"][2]["type"] = json!("string");
    for (name, value, taken) in [
        ("schema_text", json!(other.to_string()), 0),
        ("extra_columns", json!("allow"), 0),
        ("null_values", json!(["a"]), 0),
        ("min_records", json!(110), 0),
        ("max_errors", json!(900_000), all),
    ] {
        let other = validate(&tree, &schema()).option(name, value);
        let again = other.clone().baselines(known.clone()).run();
        assert_eq!(reused(&again), taken, "{name}");
        same(&again, &other.run());
    }
    // The schema of a file is that of a text.
    let folder = temporary_in_memory("schema");
    let path = folder.path().join("schema.json");
    fs::write(&path, schema().to_string()).unwrap();
    let of_file = spec("validate", &tree.path()).option("schema_file", path.to_str().unwrap());
    assert_eq!(reused(&of_file.baselines(known.clone()).run()), all);
    // Of what is cut by the limit of all errors only files without one more are kept.
    let limited = validate(&tree, &schema()).option("max_errors", 3).run();
    assert!(limited.table("partials").iter().all(|row| row.text("path") != "1/1.csv"));
    let whole = validate(&tree, &schema()).baselines(baselines(&[&limited], &TABLES)).run();
    assert!(reused(&whole) > 0 && reused(&whole) < all, "{} of {all}", reused(&whole));
    same(&whole, &first);
    let again = validate(&tree, &schema()).option("max_errors", 3).baselines(known.clone()).run();
    assert_eq!((&again.summary()["listed_errors"], &again.summary()["partial"]), (&json!(3), &json!(true)));
    // Good and bad records are written of every file.
    let divided = validate(&tree, &schema()).option("destination", folder.path().join("made").to_str().unwrap());
    let divided = divided.baselines(known).run();
    assert_eq!((reused(&divided), files(&divided)), (0, files(&first)));
    assert!(fs::read_dir(folder.path().join("made/1")).unwrap().count() > 5);
}

#[test]
fn files_that_keys_tie_to_others_are_read_and_a_broken_partial_costs_a_reading() {
    let tree = Tree::in_memory();
    tree.file("people.csv", "id,name\n1,Ada\n2,Ben\n").file("alone.csv", "number\n1\n2\n");
    tree.file("orders.csv", "number,person\n1,1\n2,3\n").file("more.csv", "number\n3\n3\n");
    let schema = json!({
        "fields": [{"name": "number", "type": "integer", "constraints": {"unique": true}}, {"name": "person"}],
        "foreignKeys": [{"fields": "person", "reference": {"resource": "people", "fields": "id"}}],
    });
    let first = validate(&tree, &schema).run();
    let (again, opened) = watched(&validate(&tree, &schema).baselines(baselines(&[&first], &TABLES)), &tree.path());
    assert_eq!((reused(&again), opened), (2, names(&["people.csv", "orders.csv"])));
    same(&again, &first);
    // Another person is an error less.
    tree.file("people.csv", "id,name\n1,Ada\n3,Ben\n");
    let third = validate(&tree, &schema).baselines(baselines(&[&again], &TABLES)).run();
    assert!(reused(&third) == 2 && third.summary()["errors"] != first.summary()["errors"]);
    same(&third, &validate(&tree, &schema).run());
    let part = |glob: &str| validate(&tree, &schema).walk("include_globs", json!([glob])).run();
    let parts = [part("alone.csv"), part("more.csv")];
    parts[1].shards("partials").iter().for_each(|shard| fs::write(shard, b"PAR1").unwrap());
    let whole = validate(&tree, &schema).baselines(baselines(&[&parts[0], &parts[1]], &TABLES)).run();
    assert_eq!(reused(&whole), 1);
    same(&whole, &third);
}
