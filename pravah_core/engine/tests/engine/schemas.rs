//! One schema for validate and convert: the same values fit it, and the dialect that it has is used or told.

use crate::common::run::{Done, spec};
use crate::common::tree::Tree;
use serde_json::{Value, json};

fn schema(dialect: &Value) -> String {
    json!({
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "code", "type": "string"},
            {"name": "price", "type": "number"},
            {"name": "day", "type": "date", "format": "%d.%m.%Y"},
            {"name": "units", "type": "integer", "groupChar": ","},
            {"name": "paid", "type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]},
        ],
        "missingValues": ["", "-"],
        "dialect": dialect,
    })
    .to_string()
}

const TABLE: &str = "id;code;price;day;units;paid\n1;007;1.10;31.12.2024;1,234;ja\nx;1;2;01.01.2025;1;ja\n\
                     3;12;-;01.02.2025;7;nein\n4;1;2;2025-01-01;1;ja\n5;1;2;01.01.2025;1.5;ja\n\
                     6;-;12345678901234567.89;02.01.2025;-;ja\n";

fn records(done: &Done, table: &str) -> Vec<i64> {
    let mut all: Vec<i64> = done.table(table).iter().map(|row| row.integer("record")).collect();
    all.sort_unstable();
    all
}

fn remarks(done: &Done) -> String {
    done.issues().iter().map(|row| format!("{} {}; ", row.text("path"), row.text("message"))).collect()
}

#[test]
fn convert_gives_the_types_of_the_schema_and_rejects_what_validate_calls_wrong() {
    let tree = Tree::new();
    tree.file("a.csv", TABLE);
    let text = schema(&json!({"delimiter": ";"}));
    let validated = spec("validate", &tree.path()).option("schema_text", text.clone()).run();
    let file = tree.beside("schema.json");
    std::fs::write(&file, &text).unwrap();
    let run = spec("convert", &tree.path()).option("schema_file", file.to_str().unwrap());
    let done = run.run();
    assert_eq!((records(&done, "rejects"), records(&validated, "errors")), (vec![2, 4, 5], vec![2, 4, 5]));
    let reasons: Vec<String> =
        done.table("rejects").iter().map(|row| format!("{} {}", row.text("column"), row.text("reason"))).collect();
    assert_eq!(reasons[0], "id not of type integer");
    assert!(
        reasons[1].starts_with("day not in the format date:") && reasons[2].starts_with("units not of type integer")
    );
    let types = |done: &Done| -> Vec<String> {
        let shown = |row: &crate::common::rows::Row| {
            format!("{} {} {}", row.text("column"), row.text("type"), row.text("type_is"))
        };
        done.table("columns").iter().map(shown).collect()
    };
    assert_eq!(
        types(&done),
        [
            "id integer asked for",
            "code text asked for",
            "price decimal(19,2) asked for",
            "day date asked for",
            "units integer asked for",
            "paid boolean asked for"
        ]
    );
    let csv = run.clone().option("to", "csv").run();
    let made = String::from_utf8(csv.read("converted/a.csv")).unwrap();
    let wanted = "id,code,price,day,units,paid\n1,007,1.10,2024-12-31,1234,true\n3,12,,2025-02-01,7,false\n\
                  6,,12345678901234567.89,2025-01-02,,true\n";
    assert_eq!(made, wanted);
    let nulled = run.clone().option("bad_records", "null").run();
    assert_eq!((&nulled.summary()["values_nulled"], &nulled.summary()["records_written"]), (&json!(3), &json!(6)));
    // The options go before the schema; numbers may be whole; a file may lack a column.
    tree.file("a.csv", "id;code;price;day;units\n1;2;3;01.01.2025;4\n");
    let other = run.option("column_types", ["id=text"]).run();
    let found = types(&other);
    assert_eq!((found[0].as_str(), found[2].as_str()), ("id text asked for", "price float asked for"));
    assert!(remarks(&other).contains("a.csv lacks columns of the schema: paid"), "{}", remarks(&other));
    assert_eq!(other.summary()["verdict"], "whole");
}

#[test]
fn each_dataset_has_the_types_of_its_own_schema() {
    let tree = Tree::new();
    tree.file("orders.csv", "id,day,amount\n1,31.12.2024,5\n2,01.02.2025,x\n");
    tree.file("people.csv", "id,name,day\n1,Ann,2024-12-31\n2,Bob,31.12.2024\n");
    let package = json!({"resources": [
        {"name": "orders", "schema": {"fields": [{"name": "id", "type": "integer"},
            {"name": "day", "type": "date", "format": "%d.%m.%Y"}, {"name": "amount", "type": "integer"}]}},
        {"name": "people", "schema": {"fields": [{"name": "id", "type": "string"}, {"name": "name", "type": "string"},
            {"name": "day", "type": "date"}]}},
    ]})
    .to_string();
    let run = spec("convert", &tree.path()).option("schema_text", package);
    let done = run.run();
    let mut types: Vec<String> = done
        .table("columns")
        .iter()
        .map(|row| format!("{}.{} {}", row.text("path"), row.text("column"), row.text("type")))
        .collect();
    types.sort();
    assert_eq!(
        types,
        [
            "orders.csv.amount integer",
            "orders.csv.day date",
            "orders.csv.id integer",
            "people.csv.day date",
            "people.csv.id text",
            "people.csv.name text"
        ]
    );
    assert_eq!(records(&done, "rejects"), [2, 2]);
    let refused = run.clone().option("columns", "union").fails().to_string();
    assert!(refused.contains("options.columns"), "{refused}");
    for (option, value, why) in [
        ("schema_text", "{\"fields\": [{\"name\": \"a\", \"type\": \"geopoint\"}]}", "geopoint"),
        ("schema_file", "/gone.json", "cannot be read"),
        ("schema_file", "schema.json", "absolute path"),
    ] {
        let refused = spec("convert", &tree.path()).option(option, value).fails().to_string();
        assert!(refused.contains(why) && refused.contains(option), "{refused}");
    }
}

#[test]
fn nested_values_stay_what_they_are() {
    let tree = Tree::new();
    let lines = "{\"id\":1,\"who\":{\"tags\":[1,2]},\"note\":\"x\"}\n{\"id\":2,\"who\":null,\"note\":\"y\"}\n";
    tree.file("a.jsonl", lines);
    let text = json!({"fields": [{"name": "id", "type": "integer"}, {"name": "note", "type": "string"},
        {"name": "who.tags", "type": "string"}, {"name": "who", "type": "string"}]});
    let done = spec("convert", &tree.path()).option("to", "jsonl").option("schema_text", text.to_string()).run();
    let made = String::from_utf8(done.read("converted/a.jsonl")).unwrap();
    let whole: Vec<Value> = made.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(made.contains("[1,2]") && whole.len() == 2, "{made}");
}

#[test]
fn a_dialect_is_used_where_no_option_says_anything_else_and_told_where_it_is_not() {
    let tree = Tree::new();
    tree.file("a.csv", TABLE.replace(';', "|").replace("007", "'0|7'").replace("id|", "# a comment\nid|"));
    let dialect = json!({"delimiter": "|", "quoteChar": "'", "commentChar": "#", "header": true, "nullSequence": "nil",
        "sheetNumber": 2, "doubleQuote": false});
    let run = spec("validate", &tree.path()).option("schema_text", schema(&dialect));
    let done = run.run();
    assert_eq!(
        (&done.summary()["records"], records(&done, "errors")),
        (&json!(6), vec![2, 4, 5]),
        "{}",
        remarks(&done)
    );
    let told = remarks(&done);
    for word in ["not followed in sheetNumber", "not followed in doubleQuote"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    let described: Value = serde_json::from_slice(&done.read("schema.json")).unwrap();
    assert_eq!(described["dialect"], dialect);
    // The other operation, and a look before the start, read the file in the same way.
    let convert = spec("convert", &tree.path()).option("schema_text", schema(&dialect));
    assert_eq!(records(&convert.run(), "rejects"), [2, 4, 5]);
    let (_folder, job) = convert.prepare();
    let seen = job.unwrap().preview_records(b"a.csv").unwrap();
    assert!(seen.to_string().contains("0|7"), "{seen}");
    for (option, value, says) in
        [("delimiter", json!("pipe"), false), ("delimiter", json!("semicolon"), true), ("comment", json!("//"), true)]
    {
        let told = remarks(&run.clone().option(option, value.clone()).run());
        assert_eq!(told.contains(&format!("the option {option} is")), says, "{option} {value}: {told}");
    }
    let wrong = run.option("schema_text", schema(&json!({"delimiter": "|", "quoteChar": "|"}))).fails().to_string();
    assert!(wrong.contains("dialect of the schema"), "{wrong}");
    let two = json!({"resources": [
        {"name": "a", "dialect": {"delimiter": ";"}, "schema": {"fields": [{"name": "id"}]}},
        {"name": "b", "dialect": {"delimiter": "|"}, "schema": {"fields": [{"name": "no"}]}},
    ]});
    let told = remarks(&spec("validate", &tree.path()).option("schema_text", two.to_string()).run());
    assert!(told.contains("different dialects"), "{told}");
}
