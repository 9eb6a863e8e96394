//! profile groups files into datasets by their columns, whatever their order, and pools nothing across them.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::again::{baselines, same};
use crate::common::rows::Row;
use crate::common::run::{Done, spec};
use crate::common::tree::Tree;

fn column<'a>(rows: &'a [Row], dataset: &str, column: &str) -> &'a Row {
    rows.iter().find(|row| row.text("dataset") == dataset && row.text("column") == column).unwrap()
}

#[test]
fn tables_with_an_equal_column_are_not_pooled_and_drift_is_that_of_a_dataset() {
    let tree = Tree::new();
    for month in 1..5 {
        tree.file(format!("orders_2026-0{month}.csv"), format!("id,customer,amount\n{month},x,{month}.5\n"));
        tree.file(format!("customers/part-{month}.csv"), format!("id;name;city\nc{month};x;y\n"));
        tree.file(format!("{month}.csv"), format!("{month},0,2026-01-0{month}\n{month},1,2026-01-0{month}\n"));
    }
    // A column more and one less, another case, another order, a type, and a table without names and without decimals.
    tree.file("orders_2026-05.csv", "id,customer,amount,note\n5,x,5.5,z\n");
    tree.file("orders_2026-06.csv", "ID,Customer,Amount\n6,x,6.5\n");
    tree.file("orders_2026-07.csv", "amount,id,customer\n7.5,7,x\n");
    tree.file("orders_2026-08.csv", "id,customer\n8,x\n");
    tree.file("customers/part-5.csv", "id;name;city\n5;x;y\n");
    tree.file("5.csv", "1.5,0,2026-01-05\n2.5,1,2026-01-06\n");
    let done = spec("profile", &tree.path()).run();
    let datasets = done.table("datasets");
    let shown: Vec<_> = datasets
        .iter()
        .map(|row| (row.text("dataset"), ["files", "records", "schemas"].map(|name| row.integer(name))))
        .collect();
    let expected = [("column_1, column_2, column_3", [5, 10, 2]), ("customers", [5, 5, 2]), ("orders", [8, 8, 5])];
    assert_eq!(shown, expected);
    assert_eq!((&done.summary()["datasets"], &done.summary()["schemas"]), (&3.into(), &9.into()));
    let result = done.table("result");
    let (orders, customers) = (column(&result, "orders", "id"), column(&result, "customers", "id"));
    assert_eq!((orders.text("type"), orders.integer("values"), orders.text("greatest")), ("integer", 7, "8"));
    assert_eq!((customers.text("type"), customers.integer("values")), ("text", 5));
    for name in ["top_values", "types", "lengths"] {
        let of: BTreeSet<String> = done.table(name).iter().map(|row| row.text("dataset").to_owned()).collect();
        assert!(of.contains("customers"), "{name} {of:?}");
    }
    let changes: BTreeSet<String> = done
        .table("changes")
        .iter()
        .map(|row| ["dataset", "change", "column", "path"].map(|name| row.text(name)).join(" "))
        .collect();
    for change in [
        "orders appeared note orders_2026-05.csv",
        "orders renamed id orders_2026-06.csv",
        "orders moved amount orders_2026-07.csv",
        "orders vanished amount orders_2026-08.csv",
        "customers type id customers/part-5.csv",
        "column_1, column_2, column_3 type column_1 5.csv",
    ] {
        assert!(changes.contains(change), "{change} in {changes:?}");
    }
    let is_own = |change: &String| change.starts_with("customers") == change.contains("customers/");
    assert!(changes.iter().all(is_own), "{changes:?}");
}

/// A table of a random drop: its columns, of which two are those of all tables.
fn columns(table: usize) -> Vec<String> {
    let own = (0..3 + table % 5).map(|place| format!("t{table}_{place}"));
    ["id".to_owned(), "created".to_owned()].into_iter().chain(own).collect()
}

#[test]
fn a_random_drop_has_its_tables_as_datasets_in_any_order_with_parts_and_again() {
    let mut state = 20_261_128u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for tables in [1, 4, 9] {
        let tree = Tree::in_memory();
        let mut truth: BTreeMap<String, usize> = BTreeMap::new();
        for number in 0..60 {
            let table = if number < tables { number } else { next(tables) };
            let mut names = columns(table);
            // The first file of each table has no drift.
            match if number < tables { 9 } else { next(6) } {
                0 => names.push("more".to_owned()),
                1 => drop(names.remove(next(names.len()))),
                2 => names.iter_mut().for_each(|name| *name = name.to_uppercase()),
                3 => names.rotate_left(1),
                4 => names[2] = format!("renamed {number}"),
                _ => {}
            }
            let line = (0..names.len()).map(|_| next(1000).to_string()).collect::<Vec<_>>().join(",");
            let path = format!("{}.csv", next(1 << 30));
            tree.file(&path, format!("{}\n{line}\n", names.join(",")));
            truth.insert(path, table);
        }
        let run = || spec("profile", &tree.path()).option("delimiter", "comma").option("header_rows", 1);
        let done = run().threads(2).run();
        let datasets: BTreeMap<String, String> = done
            .table("schemas")
            .into_iter()
            .map(|row| (row.text("schema").to_owned(), row.text("dataset").to_owned()))
            .collect();
        // Files are of one dataset if they are of one table.
        let mut found: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for file in done.table("files") {
            found.entry(datasets[file.text("schema")].clone()).or_default().insert(truth[file.text("path")]);
        }
        assert!(found.len() == tables && found.values().all(|tables| tables.len() == 1), "{found:?}");
        let rows = done.table("datasets");
        assert_eq!(rows.iter().map(|row| row.integer("files")).sum::<i64>(), 60);
        let parts: Vec<Done> = ["[0-4]*", "[5-9]*"]
            .map(|glob| run().walk("include_globs", serde_json::json!([glob])).run())
            .into_iter()
            .collect();
        let again = run().threads(1);
        same(&again.clone().run(), &done);
        same(&again.baselines(baselines(&parts.iter().collect::<Vec<_>>(), &["partials"])).run(), &done);
    }
}

#[test]
fn files_of_too_many_kinds_are_left_out_and_told() {
    let tree = Tree::in_memory();
    let kinds = 10_300u64;
    for kind in 0..kinds {
        tree.file(format!("{kind}.csv"), format!("name{kind}\nx\ny\n"));
    }
    let done = spec("profile", &tree.path()).threads(1).run();
    let summary = done.summary();
    assert_eq!((summary["files"].as_u64(), summary["datasets"].as_u64()), (Some(kinds), Some(10_000)));
    assert_eq!(summary["left_out_files"].as_u64(), Some(kinds - 10_000));
    assert_eq!((done.table("result").len(), done.table("files").len()), (10_000, kinds as usize));
}

#[test]
fn each_file_is_checked_against_the_schema_of_its_dataset() {
    let tree = Tree::in_memory();
    tree.file("o1.csv", "id,customer,amount\n1,c1,1.5\n").file("o2.csv", "amount,id,customer\n1,x,c9\n");
    tree.file("customers.csv", "id,name\nc1,n\nc2,\n").file("z.csv", "a,b\n1,2\n");
    let schema = serde_json::json!({"resources": [
        {"name": "orders", "schema": {
            "fields": [{"name": "id", "type": "integer"}, {"name": "customer"}, {"name": "amount", "type": "number"}],
            "foreignKeys": [{"fields": "customer", "reference": {"resource": "customers", "fields": "id"}}]}},
        {"name": "customers", "schema": {"fields": [
            {"name": "id", "constraints": {"unique": true}}, {"name": "name", "constraints": {"required": true}}]}},
    ]});
    let run = spec("validate", &tree.path()).option("schema_text", schema.to_string());
    let done = run.clone().run();
    let found: Vec<(String, String, String, i64)> = done
        .table("result")
        .iter()
        .map(|row| {
            let [path, dataset, verdict] = ["path", "dataset", "verdict"].map(|name| row.text(name).to_owned());
            (path, dataset, verdict, row.integer("errors"))
        })
        .collect();
    let expected = [
        ("customers.csv", "customers", "invalid", 1),
        ("o1.csv", "orders", "valid", 0),
        ("o2.csv", "orders", "invalid", 2),
        // Of no dataset: what it lacks of the first one, and what that lacks of it.
        ("z.csv", "orders", "invalid", 5),
    ];
    let expected = expected
        .map(|(path, dataset, verdict, errors)| (path.to_owned(), dataset.to_owned(), verdict.to_owned(), errors));
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected.into_iter().collect());
    let errors: BTreeSet<String> = done
        .table("errors")
        .iter()
        .filter(|row| row.text("path") != "z.csv")
        .map(|row| ["path", "column", "rule"].map(|name| row.text(name)).join(" "))
        .collect();
    let expected = ["customers.csv name required", "o2.csv customer foreign_key", "o2.csv id type"];
    assert_eq!(errors, expected.map(str::to_owned).into());
    let written: serde_json::Value = serde_json::from_slice(&done.read("schema.json")).unwrap();
    assert_eq!(written["resources"][1]["schema"]["fields"][1]["name"], "name");
    same(&run.baselines(baselines(&[&done], &["partials"])).run(), &done);
}
