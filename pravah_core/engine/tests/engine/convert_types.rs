//! convert to Parquet: a column of a type that Parquet lacks is what is said of it, for readers that know nothing of Arrow.

use std::fs::File;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::*;
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, TimeUnit, UnionFields};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde_json::json;

use crate::arrow_types::files;
use crate::common::run::{Done, Spec, files_below, spec};
use crate::common::tree::Tree;

const DAY: i64 = 86_400_000;

/// Put a table of these columns into the tree, as a file of Arrow.
fn table(tree: &Tree, name: &str, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, of)| (name, of, true)));
    let (_, content) = files(&batch.unwrap()).into_iter().find(|(suffix, _)| *suffix == "arrow").unwrap();
    tree.file(name, content);
}

fn proving(tree: &Tree) -> Spec {
    spec("convert", &tree.path()).option("prove_values", true)
}

/// What another reader finds.
fn found(done: &Done, name: &str) -> RecordBatch {
    let file = File::open(done.own_folder().join("converted").join(name)).unwrap();
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap();
    reader.build().unwrap().next().unwrap().unwrap()
}

fn list(item: ArrayRef) -> ArrayRef {
    let (field, ends) = (Field::new("item", item.data_type().clone(), true), vec![0, item.len() as i32]);
    Arc::new(ListArray::new(Arc::new(field), OffsetBuffer::new(ends.into()), item, None))
}

fn told(done: &Done, of: &str) -> Vec<String> {
    done.table("columns").iter().map(|row| row.text(of).to_owned()).collect()
}

#[test]
fn seconds_are_milliseconds_and_days_in_milliseconds_are_days() {
    let tree = Tree::in_memory();
    let times = |dates: &[i64]| -> ArrayRef { Arc::new(Date64Array::from(dates.to_vec())) };
    table(
        &tree,
        "a.arrow",
        vec![
            ("day", times(&[19_782 * DAY])),
            ("time", times(&[DAY + 1])),
            ("second", Arc::new(TimestampSecondArray::from(vec![1_704_153_600]))),
            ("zoned", Arc::new(TimestampSecondArray::from(vec![-1]).with_timezone("Europe/Berlin"))),
            ("clock", Arc::new(Time32SecondArray::from(vec![3_723]))),
            ("days", list(times(&[-DAY, 0]))),
            ("times", list(times(&[0, 1]))),
            ("seconds", list(Arc::new(TimestampSecondArray::from(vec![None, Some(5)])))),
        ],
    );
    let millis = |millis: &[i64]| TimestampMillisecondArray::from(millis.to_vec());
    for (option, name) in [("sort_by", "a.parquet"), ("partition_by", "day=2024-02-29/a.parquet"), ("", "a.parquet")] {
        let job = proving(&tree);
        let job = if option.is_empty() { job } else { job.option(option, json!(["day"])) };
        let done = job.run();
        assert!(done.issues().is_empty(), "{:?}", done.issues());
        assert_eq!(done.summary()["value_proof"], "1 records, 8 values, fingerprints equal", "{option}");
        assert_eq!(done.table("result")[0].integer("readings"), 2);
        let kinds =
            ["date", "timestamp(ms)", "timestamp(ms)", "timestamp(ms, UTC)", "time(ms)", "list", "list", "list"];
        assert_eq!(told(&done, "type"), kinds);
        let batch = found(&done, name);
        let column = |name: &str| Arc::clone(batch.column_by_name(name).unwrap());
        let item = |name: &str| column(name).as_any().downcast_ref::<ListArray>().unwrap().value(0);
        if option != "partition_by" {
            assert_eq!(&*column("day"), &Date32Array::from(vec![19_782]) as &dyn Array);
        }
        assert_eq!(&*column("time"), &millis(&[DAY + 1]) as &dyn Array);
        assert_eq!(&*column("second"), &millis(&[1_704_153_600_000]) as &dyn Array);
        assert_eq!(&*column("zoned"), &millis(&[-1000]).with_timezone("UTC") as &dyn Array);
        assert_eq!(&*column("clock"), &Time32MillisecondArray::from(vec![3_723_000]) as &dyn Array);
        assert_eq!(&*item("days"), &Date32Array::from(vec![-1, 0]) as &dyn Array);
        assert_eq!(&*item("times"), &millis(&[0, 1]) as &dyn Array);
        assert_eq!(&*item("seconds"), &TimestampMillisecondArray::from(vec![None, Some(5000)]) as &dyn Array);
    }
}

#[test]
fn seconds_that_milliseconds_do_not_hold_are_null_and_told() {
    let tree = Tree::in_memory();
    let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX, 1]));
    let keys = PrimitiveArray::<Int32Type>::from(vec![1, 0]);
    let dictionary: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::clone(&far)));
    table(&tree, "a.arrow", vec![("far", far), ("dictionary", dictionary)]);
    let done = proving(&tree).run();
    let issues: Vec<_> = done.issues().iter().map(|row| row.text("message").to_owned()).collect();
    assert_eq!(issues, ["2 dates or times are out of range; they are read as null"]);
    assert_eq!(done.summary()["value_proof"], "2 records, 2 values, fingerprints equal");
}

#[test]
fn a_column_of_no_type_of_parquet_is_text_and_leaves_the_others_as_they_are() {
    let tree = Tree::in_memory();
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x", "\"y\""]));
    let fields = UnionFields::try_new(
        [0, 1],
        [numbers.data_type(), texts.data_type()].map(|kind| Field::new("", kind.clone(), true)),
    );
    let union = UnionArray::try_new(
        fields.unwrap(),
        vec![0_i8, 1].into(),
        None,
        vec![Arc::clone(&numbers), Arc::clone(&texts)],
    );
    let ends = Int32Array::from(vec![1, 2]);
    let seconds: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1, 2]));
    let runs = RunArray::<Int32Type>::try_new(&ends, seconds.as_ref()).unwrap();
    let decimals = Decimal128Array::from(vec![150, -5]).with_precision_and_scale(30, 2).unwrap();
    table(
        &tree,
        "a.arrow",
        vec![
            ("union", Arc::new(union.unwrap())),
            ("price", Arc::new(decimals)),
            ("bytes", Arc::new(BinaryArray::from(vec![&b"\xff\x00"[..], b""]))),
            ("inner", Arc::new(StructArray::from(vec![(Arc::new(Field::new("x", DataType::Int32, true)), numbers)]))),
            ("runs", Arc::new(runs)),
            ("spans", Arc::new(DurationSecondArray::from(vec![Some(1), None]))),
        ],
    );
    let done = proving(&tree).run();
    assert!(done.issues().is_empty(), "{:?}", done.issues());
    assert_eq!(done.summary()["value_proof"], "2 records, 11 values, fingerprints equal");
    let kinds = ["text", "decimal(30,2)", "binary", "structure", "timestamp(ms)", "duration(s)"];
    assert_eq!(told(&done, "type"), kinds);
    let columns = done.table("columns");
    let notes = [0, 4, 5].map(|place: usize| columns[place].text("note"));
    assert_eq!(
        notes,
        [
            "values of several types are written as JSON",
            "Parquet has no seconds: written as milliseconds",
            "Parquet has no durations: written as whole numbers of seconds",
        ]
    );
    let batch = found(&done, "a.parquet");
    assert_eq!(batch.column(1).data_type(), &DataType::Decimal128(30, 2));
    assert_eq!(batch.column(2).data_type(), &DataType::Binary);
    assert_eq!(&**batch.column(0), &StringArray::from(vec!["1", "\"\\\"y\\\"\""]) as &dyn Array);
    assert_eq!(batch.column(4).data_type(), &DataType::Timestamp(TimeUnit::Millisecond, None));
}

#[test]
fn a_file_whose_values_cannot_be_read_back_stays_and_the_job_goes_on() {
    let tree = Tree::in_memory();
    let spans: ArrayRef = Arc::new(DurationSecondArray::from(vec![1, 2]));
    table(&tree, "a.arrow", vec![("span", spans), ("n", Arc::new(Int32Array::from(vec![1, 2])))]);
    tree.file("b.csv", "span,n\n1,2\n");
    let done = proving(&tree).option("partition_by", json!(["span"])).run();
    assert_eq!(done.summary()["verdict"], "partial");
    assert_eq!(done.summary()["value_proof"], "1 file not proven; 1 records, 2 values, fingerprints equal");
    let proofs: Vec<_> = done.by_path("result").values().map(|row| row.text("proof").to_owned()).collect();
    assert_eq!(proofs, ["not proven", "equal"]);
    assert_eq!(done.issue_kinds(), [("unsupported".to_owned(), b"a.arrow".to_vec())]);
    assert_eq!(files_below(&done.own_folder().join("converted")).len(), 3);
}

#[test]
fn a_moment_of_a_zone_names_a_folder_and_is_proven() {
    let tree = Tree::in_memory();
    tree.file("a.csv", "k,p\n1,2024-01-01T00:00:00Z\n2,2024-01-01T02:00:00+02:00\n");
    for zone in ["Europe/Berlin", "+05:30"] {
        let of: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1_704_067_200]).with_timezone(zone));
        let name = format!("{}.arrow", zone.replace('/', ""));
        table(&tree, &name, vec![("k", Arc::new(Int32Array::from(vec![3]))), ("p", of)]);
    }
    let done = proving(&tree).option("partition_by", json!(["p"])).run();
    assert_eq!(done.summary()["value_proof"], "4 records, 8 values, fingerprints equal", "{:?}", done.issues());
    let made = files_below(&done.own_folder().join("converted"));
    assert!(made.len() == 3 && made.iter().all(|path| path.starts_with("p=2024-01-01 00%3A00%3A00Z/")), "{made:?}");
}

#[test]
fn what_is_nulled_in_a_column_divides_as_no_value() {
    let tree = Tree::in_memory();
    tree.file("a.csv", "k,n\n1,5\n2,bad\n3,\n");
    for to in ["csv", "jsonl", "parquet"] {
        let job =
            proving(&tree).option("to", to).option("column_types", json!(["n=integer"])).option("bad_records", "null");
        for (option, files) in [("partition_by", 2), ("sort_by", 1)] {
            let done = job.clone().option(option, json!(["n"])).run();
            assert_eq!(done.summary()["values_nulled"], 1, "{to} {option}");
            assert_eq!(done.summary()["value_proof"], "3 records, 4 values, fingerprints equal", "{to} {option}");
            let made = files_below(&done.own_folder().join("converted"));
            assert!(made.len() == files && !made.iter().any(|path| path.contains("bad")), "{to} {made:?}");
        }
    }
}
