//! validate: keys over all records of all files, against a naive computation, whatever memory there is for them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;

use crate::common::keys::{Random, Table, Told, told};
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, gzip};
use serde_json::{Value, json};

/// Chunks, and memory for keys: 3 rows, some, all.
const SIZES: [(usize, usize); 5] = [(7, 72), (300, 240), (64, 4000), (4 << 20, 100), (4 << 20, 64 << 20)];

fn errors(done: &Done) -> BTreeSet<Told> {
    let text = |row: &crate::common::rows::Row, name: &str| match row.is_null(name) {
        true => "-".to_owned(),
        false => row.text(name).to_owned(),
    };
    let rows = done.table("errors");
    let told: BTreeSet<Told> = rows
        .iter()
        .map(|row| {
            let column = text(row, "column");
            (row.text("path").to_owned(), row.integer("record"), column, text(row, "rule"), text(row, "value"))
        })
        .collect();
    assert_eq!(told.len(), rows.len(), "an error is there twice");
    told
}

/// (file, column, rule) with the number of errors and the first one's record.
fn counts(done: &Done) -> BTreeMap<(String, String, String), (i64, i64)> {
    let row = |row: &crate::common::rows::Row| {
        let key = (row.text("path").to_owned(), row.text("column").to_owned(), row.text("rule").to_owned());
        (key, (row.integer("errors"), row.integer("first_record")))
    };
    done.table("counts").iter().map(row).collect()
}

fn counted(errors: &BTreeSet<Told>) -> BTreeMap<(String, String, String), (i64, i64)> {
    let mut counts = BTreeMap::new();
    for (file, record, column, rule, _) in errors {
        let count = counts.entry((file.clone(), column.clone(), rule.clone())).or_insert((0, *record));
        count.0 += 1;
        count.1 = count.1.min(*record);
    }
    counts
}

fn verdicts(done: &Done) -> BTreeMap<String, String> {
    done.table("result").iter().map(|row| (row.text("path").to_owned(), row.text("verdict").to_owned())).collect()
}

fn schema(names: &[&str], rest: Value) -> String {
    let fields: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    let mut schema = json!({"fields": fields});
    rest.as_object().unwrap().iter().for_each(|(key, value)| schema[key] = value.clone());
    schema.to_string()
}

fn job(tree: &Tree, schema: &str, (chunk, keys): (usize, usize)) -> Spec {
    let mut job = spec("validate", &tree.path()).option("schema_text", schema).option("header_rows", 1);
    job.0["key_bytes"] = keys.into();
    job.option("delimiter", "comma").option("extra_columns", "allow").chunk_bytes(chunk)
}

/// Run it, and compare all that it tells with what is expected of these files.
fn check(tree: &Tree, schema: &str, files: &[(&str, &Table)], expected: &BTreeSet<Told>, seed: u64) {
    for (number, size) in SIZES.into_iter().enumerate() {
        let named = format!("seed {seed}, chunks and memory {size:?}");
        let place = tree.beside(&format!("parts-{seed}-{number}"));
        let done = job(tree, schema, size).option("destination", place.to_str().unwrap()).run();
        assert_eq!(&errors(&done), expected, "{named}");
        assert_eq!(counts(&done), counted(expected), "{named}");
        assert_eq!(done.summary()["partial"], false, "{named}");
        let results = done.by_path("result");
        for (path, table) in files {
            let (good, quarantine) = table.divided(path, expected);
            let read = |suffix: &str| {
                fs::read_to_string(place.join(format!("{}.{suffix}.csv", path.split('.').next().unwrap())))
                    .unwrap_or_default()
            };
            assert_eq!(read("good"), good, "{named} {path}");
            assert_eq!(read("quarantine"), quarantine, "{named} {path}");
            let bad = expected.iter().filter(|told| told.0 == *path).map(|told| told.1).collect::<HashSet<_>>().len();
            assert_eq!(results[path.as_bytes()].integer("bad_records"), bad as i64, "{named} {path}");
        }
        // Without it a file is not divided, and the errors are the same.
        let again = job(tree, schema, size).run();
        assert_eq!(
            (&errors(&again), again.summary()["bad_records"].clone()),
            (expected, done.summary()["bad_records"].clone())
        );
        places(tree, &again);
    }
}

/// Lines and offsets lead to the records.
fn places(tree: &Tree, done: &Done) {
    let mut texts: HashMap<String, Vec<u8>> = HashMap::new();
    for row in done.table("errors") {
        let path = row.text("path").to_owned();
        if row.is_null("byte_offset") {
            continue;
        }
        let text = texts.entry(path.clone()).or_insert_with(|| fs::read(tree.at(&path)).unwrap());
        let offset = row.integer("byte_offset") as usize;
        let lines = text[..offset].iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(row.integer("line") as usize, lines + 1);
        assert!(offset == 0 || text[offset - 1] == b'\n');
        let first = row.text("value").split(", ").next().unwrap();
        let end = (offset + 200).min(text.len());
        assert!(String::from_utf8_lossy(&text[offset..end]).contains(&first.replace('"', "\"\"")), "{row:?}");
    }
}

#[test]
fn values_that_are_there_twice_are_told_whatever_memory_there_is() {
    for seed in 0..6u64 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let distinct = [1, 2, 20, 400, 100_000, 7][seed as usize];
        let tree = Tree::new();
        let mut tables = Vec::new();
        for number in 0..3 {
            let records = [0, 1, 350][number];
            let mut value = |_, column: usize| match random.below(8) {
                0 => String::new(),
                _ if column == 2 => format!("a\n\"{}", random.below(distinct)),
                _ => random.below(distinct).to_string(),
            };
            let table = Table::new(&["a", "b", "c"], records, &mut value);
            tree.file(format!("{number}.csv"), table.text());
            tables.push((format!("{number}.csv"), table));
        }
        let schema = r#"{"fields": [{"name": "a", "constraints": {"unique": true}}, {"name": "b"},
            {"name": "c", "constraints": {"unique": true}}], "primaryKey": ["b", "c"]}"#;
        let mut expected = BTreeSet::new();
        for (path, table) in &tables {
            for columns in [&["a"][..], &["c"], &["b", "c"]] {
                expected.extend(table.twice(path, columns));
            }
            for (record, values) in table.records.iter().enumerate() {
                for (place, name) in [(1, "b"), (2, "c")] {
                    if values[place].is_empty() {
                        expected.insert((path.clone(), record as i64 + 1, name.into(), "required".into(), "-".into()));
                    }
                }
            }
        }
        let files: Vec<(&str, &Table)> = tables.iter().map(|(path, table)| (&path[..], table)).collect();
        for (number, size) in SIZES.into_iter().enumerate() {
            let place = tree.beside(&format!("parts-{number}"));
            let done = job(&tree, schema, size).option("destination", place.to_str().unwrap()).run();
            assert_eq!(errors(&done), expected, "seed {seed} {size:?}");
            assert_eq!(counts(&done), counted(&expected), "seed {seed} {size:?}");
            for (path, table) in &files {
                let read =
                    |suffix: &str| fs::read_to_string(place.join(path.replace("csv", suffix))).unwrap_or_default();
                let (good, quarantine) = table.divided(path, &expected);
                let good = if table.records.is_empty() { read("good.csv") } else { good };
                assert_eq!(
                    (read("good.csv"), read("quarantine.csv")),
                    (good, quarantine),
                    "seed {seed} {size:?} {path}"
                );
            }
        }
    }
}

#[test]
fn values_without_their_counterpart_are_told_whatever_the_order_of_files() {
    for seed in 10..14u64 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let tree = Tree::new();
        let mut table = |names: &[&'static str], records| {
            Table::new(names, records, |_, _| match random.below(9) {
                0 => String::new(),
                _ => random.below(30).to_string(),
            })
        };
        let orders = [table(&["id", "x", "y"], 200), table(&["id", "x", "y"], 90)];
        let (keys, pairs) = (table(&["k", "name"], 12), table(&["p", "q", "more"], 300));
        // Read before and after what they name.
        let names = [["a.csv", "m.csv", "z.csv", "y/pairs.csv"], ["z.csv", "y.csv", "a.csv", "b/pairs.csv"]];
        let [first, second, one, two] = names[(seed % 2) as usize];
        tree.file(first, orders[0].text()).file(second, orders[1].text());
        tree.file(one, keys.text()).file(two, pairs.text());
        let pairs_name = two.trim_end_matches(".csv");
        let schema = schema(
            &["id", "x", "y"],
            json!({"foreignKeys": [
                {"fields": "id", "reference": {"resource": one, "fields": ["k"]}},
                {"fields": ["x", "y"], "reference": {"resource": pairs_name, "fields": ["p", "q"]}},
                {"fields": "x", "reference": {"resource": "", "fields": "id"}}]}),
        );
        let mut expected = BTreeSet::new();
        for (path, table) in [(first, &orders[0]), (second, &orders[1])] {
            expected.extend(table.orphans(path, &["id"], &keys, &["k"]));
            expected.extend(table.orphans(path, &["x", "y"], &pairs, &["p", "q"]));
            expected.extend(table.orphans(path, &["x"], table, &["id"]));
        }
        let done = job(&tree, &schema, SIZES[0]).run();
        assert_eq!((verdicts(&done)[one].as_str(), verdicts(&done)[two].as_str()), ("reference", "reference"));
        check(&tree, &schema, &[(first, &orders[0]), (second, &orders[1])], &expected, seed);
    }
}

#[test]
fn tables_that_refer_to_each_other_and_to_themselves_are_checked() {
    let tree = Tree::new();
    tree.file("a.csv", "id,b\n1,x\n2,y\n3,w\n").file("b.csv", "key,a\nx,1\ny,9\nz,\n");
    let schema = schema(
        &["id", "b", "key", "a"],
        json!({"foreignKeys": [
            {"fields": "b", "reference": {"resource": "b", "fields": "key"}},
            {"fields": "a", "reference": {"resource": "a.csv", "fields": "id"}},
            {"fields": "id", "reference": {"resource": "a", "fields": "id"}}]}),
    );
    for size in SIZES {
        let done = job(&tree, &schema, size).run();
        let expected = [("a.csv", 3, "b", "w"), ("b.csv", 2, "a", "9")];
        let expected = expected
            .map(|(path, record, column, value)| told(path, record - 1, &[column], "foreign_key", &[value.to_owned()]));
        assert_eq!(errors(&done), BTreeSet::from(expected));
        assert_eq!(done.summary()["partial"], false);
    }
}

#[test]
fn a_reference_that_is_not_there_is_an_issue_and_no_verdict_of_valid() {
    let text = "id,b\n1,x\n";
    let with = |resource: &str| {
        schema(
            &["id", "b"],
            json!({"foreignKeys": [{"fields": "b", "reference": {"resource": resource, "fields": "k"}}]}),
        )
    };
    let partial = |tree: &Tree, resource: &str, why: &str| {
        for size in SIZES {
            let done = job(tree, &with(resource), size).run();
            assert_eq!((&done.summary()["verdict"], &done.summary()["partial"]), (&json!("partial"), &json!(true)));
            assert_eq!(verdicts(&done)["o.csv"], "partial");
            let issues = done.issues();
            assert!(issues.iter().any(|issue| issue.text("message").contains(why)), "{why}: {issues:?}");
        }
    };
    let tree = Tree::new();
    tree.file("o.csv", text);
    partial(&tree, "c", "no file with this name was read");
    tree.file("c.csv", "other\nx\n");
    partial(&tree, "c", "lacks the columns");
    tree.file("c.tsv", "k\nx\n");
    partial(&tree, "c", "several files");
    // By its whole name it is found, packed or not.
    tree.file("c.tsv.gz", gzip(b"k\nx\n"));
    for resource in ["c.tsv", "c.tsv.gz"] {
        let done = job(&tree, &with(resource), SIZES[1]).run();
        let verdicts = verdicts(&done);
        assert_eq!((verdicts["o.csv"].as_str(), verdicts[resource].as_str()), ("valid", "reference"));
        assert_eq!(done.summary()["partial"], false);
    }
    // A record that is too long ends the reading, and so do packed bytes that break.
    tree.file("long.csv", format!("k\nx\n\"{}", "y".repeat(17 << 20)));
    let half = gzip("k\nx\n".repeat(9999).as_bytes());
    tree.file("half.csv.gz", &half[..half.len() / 2]);
    for resource in ["long", "half"] {
        let done = job(&tree, &with(resource), (4 << 20, 4000)).run();
        assert_eq!((verdicts(&done)["o.csv"].as_str(), &done.summary()["partial"]), ("partial", &json!(true)));
        assert!(done.issues().iter().any(|issue| issue.text("message").contains("was not read completely")));
    }
}

#[test]
fn keys_of_json_lines_and_packed_files_are_told_too() {
    let lines: String =
        (0..500).map(|number| format!("{{\"a\": {}, \"b\": \"{}\"}}\n", number % 400, number % 7)).collect();
    let delimited: String = (0..500).map(|number| format!("{},{}\n", number % 400, number % 7)).collect();
    let tree = Tree::new();
    tree.file("lines.jsonl", &lines).file("packed.csv.gz", gzip(format!("a,b\n{delimited}").as_bytes()));
    tree.file("ref.csv", "b\n0\n1\n2\n3\n4\n5\n");
    let schema = r#"{"fields": [{"name": "a", "type": "integer"}, {"name": "b"}], "primaryKey": "a",
        "foreignKeys": [{"fields": "b", "reference": {"resource": "ref", "fields": "b"}}]}"#;
    for size in SIZES {
        let done = job(&tree, schema, size).run();
        let expected = |path: &str| {
            let twice = (400..500).map(|number| told(path, number, &["a"], "unique", &[(number % 400).to_string()]));
            let orphans = (0..500).filter(|number| number % 7 == 6);
            twice
                .chain(orphans.map(|number| told(path, number, &["b"], "foreign_key", &["6".into()])))
                .collect::<Vec<_>>()
        };
        let expected: BTreeSet<Told> = expected("lines.jsonl").into_iter().chain(expected("packed.csv.gz")).collect();
        assert_eq!(errors(&done), expected, "{size:?}");
    }
}

#[test]
fn a_list_that_ends_counts_all_keys_and_nothing_of_them_stays_on_the_disk() {
    let tree = Tree::new();
    tree.file("same.csv", "a,b\n".to_owned() + &"1,2\n".repeat(20_000));
    let schema = r#"{"fields": [{"name": "a"}, {"name": "b"}], "primaryKey": ["a", "b"]}"#;
    for size in [(1000, 2400), (4 << 20, 64 << 20)] {
        let done = job(&tree, schema, size).option("max_errors", 10).run();
        let summary = done.summary();
        assert_eq!(
            (&summary["errors"], &summary["listed_errors"], &summary["bad_records"]),
            (&json!(19_999), &json!(10), &json!(19_999))
        );
        assert_eq!((&summary["verdict"], &summary["partial"]), (&json!("invalid"), &json!(true)));
    }
}

#[test]
fn the_errors_tell_in_their_metadata_whether_they_are_all() {
    let tree = Tree::new();
    tree.file("same.csv", "a,b\n".to_owned() + &"1,2\n".repeat(500));
    let schema = r#"{"fields": [{"name": "a"}, {"name": "b"}], "primaryKey": ["a", "b"]}"#;
    for (limit, shard, shards) in [(499, 1_000_000, 1), (10, 1_000_000, 1), (499, 100, 5), (450, 100, 5)] {
        let done = job(&tree, schema, SIZES[4]).option("max_errors", limit).output("shard_rows", shard).run();
        assert_eq!(done.shards("errors").len(), shards);
        assert_eq!(done.table("errors").len(), limit);
        for path in done.shards("errors") {
            let pairs = crate::common::rows::pairs(&path);
            assert_eq!(pairs["pravah.partial"], (limit < 499).to_string());
            assert!(pairs.contains_key("ARROW:schema"), "{pairs:?}");
        }
    }
    let missing = r#"{"fields": [{"name": "a"}], "foreignKeys": [{"fields": "a", "reference": {"resource": "x", "fields": "a"}}]}"#;
    let done = job(&tree, missing, SIZES[4]).run();
    assert_eq!(crate::common::rows::pairs(&done.shards("errors")[0])["pravah.partial"], "true");
}

#[test]
fn files_that_wait_for_others_are_divided_however_many_they_are() {
    let tree = Tree::new();
    for number in 0..90 {
        let text = format!("a\n{}\n{}\n", number, if number % 9 == 0 { "gone" } else { "7" });
        tree.file(format!("{number}.csv"), text);
    }
    let keys: String = (0..90).map(|number| format!("{number}\n")).collect();
    tree.file("z/keys.csv", format!("k\n{keys}")).file("empty.csv", "").file("other.csv", "b\n1\n");
    let schema =
        schema(&["a"], json!({"foreignKeys": [{"fields": "a", "reference": {"resource": "z/keys", "fields": "k"}}]}));
    for size in SIZES {
        let place = tree.beside(&format!("parts-{}-{}", size.0, size.1));
        let done = job(&tree, &schema, size).option("destination", place.to_str().unwrap()).run();
        for number in 0..90 {
            let read = |suffix: &str| fs::read_to_string(place.join(format!("{number}.{suffix}.csv"))).ok();
            let wanted = match number % 9 {
                0 => (format!("a\n{number}\n"), Some("a\ngone\n".to_owned())),
                _ => (format!("a\n{number}\n7\n"), None),
            };
            assert_eq!((read("good").unwrap(), read("quarantine")), wanted, "{number} {size:?}");
        }
        let verdicts = verdicts(&done);
        assert_eq!((verdicts["1.csv"].as_str(), verdicts["9.csv"].as_str()), ("valid", "invalid"));
        // Without the column the rule does not hold; that the column is missing is an error of its own.
        assert_eq!(counts_of(&done, "other.csv"), ["missing_column"]);
    }
}

fn counts_of(done: &Done, path: &str) -> Vec<String> {
    let rows = done.table("counts");
    rows.iter().filter(|row| row.text("path") == path).map(|row| row.text("rule").to_owned()).collect()
}

#[test]
fn keys_of_parquet_files_are_told_and_referred_to() {
    let tree = Tree::new();
    let ids: arrow_array::Int64Array = (0..300).map(|number| Some(number % 250)).collect();
    let batch = arrow_array::RecordBatch::try_from_iter([("id", std::sync::Arc::new(ids) as _)]).unwrap();
    let file = fs::File::create(tree.at("ids.parquet")).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    tree.file("a.csv", "id\n3\n249\n250\n\"4\"\n");
    let foreign = json!({"foreignKeys": [{"fields": "id", "reference": {"resource": "ids", "fields": "id"}}], "primaryKey": "id"});
    for size in SIZES {
        let done = job(&tree, &schema(&["id"], foreign.clone()), size).run();
        let twice =
            (250..300).map(|record| told("ids.parquet", record, &["id"], "unique", &[(record - 250).to_string()]));
        let mut expected: BTreeSet<Told> = twice.collect();
        expected.insert(told("a.csv", 2, &["id"], "foreign_key", &["250".into()]));
        assert_eq!(errors(&done), expected, "{size:?}");
    }
}

#[test]
fn a_file_that_changes_before_it_is_read_again_is_never_told_as_a_whole_result() {
    // What is changed meanwhile depends on the time: in each attempt one of both results is right.
    let mut changed = 0;
    for attempt in 0..20 {
        let tree = Tree::in_memory();
        tree.file("a.csv", "a\n1\n1\n")
            .file("z.csv", "a\n".to_owned() + &(0..2_000_000).map(|n| format!("{n}\n")).collect::<String>());
        let schema = schema(&["a"], json!({"primaryKey": "a"}));
        let place = tree.beside("parts");
        let job = job(&tree, &schema, (1 << 20, 1 << 20)).threads(1).option("destination", place.to_str().unwrap());
        let control = std::sync::Arc::new(pravah_foundation::base::control::Control::new());
        let done = std::thread::scope(|scope| {
            let running = scope.spawn(|| job.run_with(&control).unwrap());
            crate::common::wait_until("a file is read", || control.snapshot().files_done >= 1 || running.is_finished());
            tree.file("a.csv", "a\n1\n2\n3\n");
            running.join().unwrap()
        });
        let result = done.by_path("result");
        // Changed before or while it was read first: no second reading.
        let Some(row) = result.get(&b"a.csv"[..]).filter(|row| row.text("verdict") != "valid") else { continue };
        assert_eq!(row.text("verdict"), "invalid", "{attempt}");
        if done.summary()["partial"] == true {
            changed += 1;
            assert!(done.issue_kinds().contains(&("changed_while_read".to_owned(), b"a.csv".to_vec())));
            assert!(!place.join("a.good.csv").exists() && !place.join("a.quarantine.csv").exists());
        } else {
            assert_eq!(fs::read_to_string(place.join("a.quarantine.csv")).unwrap(), "a\n1\n");
        }
        if changed > 0 {
            break;
        }
    }
    assert!(changed > 0, "no attempt came between both readings");
}

#[test]
fn keys_of_one_column_are_counted_together_and_listed_apart() {
    let tree = Tree::new();
    tree.file("o.csv", "a\n1\n2\n3\n").file("x.csv", "k\n1\n2\n").file("y.csv", "k\n2\n");
    let to = |resource: &str| json!({"fields": "a", "reference": {"resource": resource, "fields": "k"}});
    let done = job(&tree, &schema(&["a"], json!({"foreignKeys": [to("x"), to("y")]})), SIZES[0]).run();
    assert_eq!(counts(&done).into_values().collect::<Vec<_>>(), [(3, 1)]);
    let mut told: Vec<(i64, String)> =
        done.table("errors").iter().map(|row| (row.integer("record"), row.text("expected").to_owned())).collect();
    told.sort();
    assert_eq!(
        told,
        [(1, "a value of k in y"), (3, "a value of k in x"), (3, "a value of k in y")].map(|(r, e)| (r, e.to_owned()))
    );
    assert_eq!((&done.summary()["errors"], &done.summary()["bad_records"]), (&json!(3), &json!(2)));
}
