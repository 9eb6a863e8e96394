//! Every type of Arrow in every shape, in Parquet and both forms of Arrow IPC: each file is read, or has an issue.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::types::{Int16Type, Int32Type};
use arrow_array::*;
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Fields, IntervalUnit, TimeUnit, UnionFields};
use parquet::arrow::ArrowWriter;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::common::run::{Done, spec};
use crate::common::tree::Tree;
use crate::common::volume::{cases, seed};
use crate::fuzz::Random;

const ROWS: usize = 3;

/// Types without others in them.
fn plain_types() -> Vec<DataType> {
    use DataType::*;
    let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    let zones = [None, Some("UTC"), Some("+05:30"), Some("Europe/Berlin"), Some("no/such zone")];
    let mut all = vec![
        Null,
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        FixedSizeBinary(5),
        FixedSizeBinary(0),
        Date32,
        Date64,
        Decimal32(9, 2),
        Decimal64(18, 0),
        Decimal128(38, 10),
        Decimal128(10, -2),
        Decimal256(76, 38),
        Interval(IntervalUnit::YearMonth),
        Interval(IntervalUnit::DayTime),
        Interval(IntervalUnit::MonthDayNano),
    ];
    for unit in units {
        all.push(Duration(unit));
        all.push(if matches!(unit, TimeUnit::Second | TimeUnit::Millisecond) { Time32(unit) } else { Time64(unit) });
        all.extend(zones.map(|zone| Timestamp(unit, zone.map(Into::into))));
    }
    all
}

/// Three values, the second one null where there may be nulls.
pub fn array(kind: &DataType, has_null: bool) -> ArrayRef {
    let nulls = has_null.then(|| NullBuffer::from(vec![true, false, true]));
    let text = ["one", "a longer text than a view holds", "\"3\",\n"];
    let texts: Vec<Option<&str>> =
        text.iter().enumerate().map(|(at, text)| (!has_null || at != 1).then_some(*text)).collect();
    let bytes: Vec<Option<&[u8]>> = texts.iter().map(|text| text.map(str::as_bytes)).collect();
    match kind {
        DataType::Null => Arc::new(NullArray::new(ROWS)),
        DataType::Boolean => Arc::new(BooleanArray::new(vec![true, false, true].into(), nulls)),
        DataType::Utf8 => Arc::new(StringArray::from(texts)),
        DataType::LargeUtf8 => Arc::new(LargeStringArray::from(texts)),
        DataType::Utf8View => Arc::new(StringViewArray::from(texts)),
        DataType::Binary => Arc::new(BinaryArray::from(bytes)),
        DataType::LargeBinary => Arc::new(LargeBinaryArray::from(bytes)),
        DataType::BinaryView => Arc::new(BinaryViewArray::from(bytes)),
        DataType::FixedSizeBinary(0) => Arc::new(
            FixedSizeBinaryArray::try_new_with_len(0, Buffer::from_vec(Vec::<u8>::new()), nulls, ROWS).unwrap(),
        ),
        _ => {
            let width = match kind {
                DataType::FixedSizeBinary(width) => *width as usize,
                kind => kind.primitive_width().unwrap(),
            };
            let mut values = vec![0_u8; width * ROWS];
            (0..ROWS).for_each(|row| values[row * width] = 10 + row as u8);
            let data = ArrayData::builder(kind.clone()).len(ROWS).add_buffer(Buffer::from_vec(values));
            make_array(data.nulls(nulls).build().unwrap())
        }
    }
}

fn field(name: &str, kind: &DataType, nullable: bool) -> Arc<Field> {
    Arc::new(Field::new(name, kind.clone(), nullable))
}

/// A column in every shape.
fn shapes(kind: &DataType) -> Vec<(&'static str, ArrayRef)> {
    // Keys are never null.
    let keys = array(if kind.is_null() { &DataType::Int8 } else { kind }, false);
    shapes_of(array(kind, true), keys)
}

/// Values in every shape, in maps by these keys.
fn shapes_of(values: ArrayRef, keys: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let kind = &values.data_type().clone();
    let item = field("item", kind, true);
    let offsets = || OffsetBuffer::<i32>::new(vec![0, 2, 2, 3].into());
    let large = || OffsetBuffer::<i64>::new(vec![0, 2, 2, 3].into());
    let nulls = || Some(NullBuffer::from(vec![true, false, true]));
    let structure = |name: &str, of: &ArrayRef| {
        StructArray::try_new(Fields::from(vec![field(name, of.data_type(), true)]), vec![Arc::clone(of)], nulls())
            .unwrap()
    };
    let map = |keys: ArrayRef, values: ArrayRef| {
        let fields =
            Fields::from(vec![field("keys", keys.data_type(), false), field("values", values.data_type(), true)]);
        let entries = StructArray::try_new(fields, vec![keys, values], None).unwrap();
        let entry = field("entries", entries.data_type(), false);
        MapArray::try_new(entry, offsets(), entries, nulls(), false).unwrap()
    };
    let list = |of: &ArrayRef| -> ArrayRef {
        Arc::new(ListArray::try_new(field("item", of.data_type(), true), offsets(), Arc::clone(of), nulls()).unwrap())
    };
    let (offset, size) = (ScalarBuffer::from(vec![1, 0, 0]), ScalarBuffer::from(vec![2, 0, 1]));
    let (far, long) = (ScalarBuffer::from(vec![1_i64, 0, 0]), ScalarBuffer::from(vec![2_i64, 0, 1]));
    let integers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x", "y", "z"]));
    let inner: ArrayRef = Arc::new(structure("inner", &values));
    let union = |is_dense: bool| {
        let fields =
            UnionFields::try_new([0, 4], [Field::new("a", kind.clone(), true), Field::new("b", DataType::Int32, true)])
                .unwrap();
        let offsets = is_dense.then(|| vec![0, 0, 2].into());
        let children = vec![Arc::clone(&values), Arc::clone(&integers)];
        UnionArray::try_new(fields, vec![0_i8, 4, 0].into(), offsets, children).unwrap()
    };
    let union_list = list(&(Arc::new(union(false)) as ArrayRef));
    let dictionary: ArrayRef =
        Arc::new(DictionaryArray::<Int16Type>::new(vec![2_i16, 1, 0].into(), Arc::clone(&values)));
    let runs: ArrayRef = Arc::new(RunArray::<Int32Type>::try_new(&Int32Array::from(vec![1, 2, 3]), &values).unwrap());
    vec![
        ("plain", Arc::clone(&values)),
        ("list", list(&values)),
        (
            "large_list",
            Arc::new(LargeListArray::try_new(Arc::clone(&item), large(), Arc::clone(&values), nulls()).unwrap()),
        ),
        (
            "list_view",
            Arc::new(ListViewArray::try_new(Arc::clone(&item), offset, size, Arc::clone(&values), nulls()).unwrap()),
        ),
        (
            "large_list_view",
            Arc::new(LargeListViewArray::try_new(Arc::clone(&item), far, long, Arc::clone(&values), nulls()).unwrap()),
        ),
        (
            "fixed_list",
            Arc::new(FixedSizeListArray::try_new(Arc::clone(&item), 1, Arc::clone(&values), nulls()).unwrap()),
        ),
        ("struct", Arc::new(structure("a", &values))),
        ("struct_of_struct", Arc::new(structure("a", &inner))),
        ("list_of_struct", list(&inner)),
        ("list_of_list", list(&list(&values))),
        ("map", Arc::new(map(texts, Arc::clone(&values)))),
        ("list_of_map", list(&(Arc::new(map(Arc::clone(&keys), Arc::clone(&integers))) as ArrayRef))),
        ("map_by_it", Arc::new(map(keys, Arc::clone(&integers)))),
        ("dictionary", Arc::clone(&dictionary)),
        ("list_of_dictionary", list(&dictionary)),
        ("runs", Arc::clone(&runs)),
        ("list_of_runs", list(&runs)),
        ("sparse_union", Arc::new(union(false))),
        ("dense_union", Arc::new(union(true))),
        ("list_of_union", union_list),
    ]
}

/// The batch in each format that can hold it.
pub fn files(batch: &RecordBatch) -> Vec<(&'static str, Vec<u8>)> {
    let schema = batch.schema();
    let parquet = || {
        let mut out = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut out, Arc::clone(&schema), None)?;
        writer.write(batch)?;
        writer.close().map(|_| out)
    };
    let ipc = |is_stream: bool| -> Result<Vec<u8>, arrow_schema::ArrowError> {
        let mut out = Vec::new();
        if is_stream {
            let mut writer = arrow_ipc::writer::StreamWriter::try_new(&mut out, &schema)?;
            writer.write(batch)?;
            writer.finish()?;
        } else {
            let mut writer = arrow_ipc::writer::FileWriter::try_new(&mut out, &schema)?;
            writer.write(batch)?;
            writer.finish()?;
        }
        Ok(out)
    };
    // Parquet has no unions, and no bytes of no length; its writer refuses some other types.
    let kind = schema.field(0).data_type().to_string();
    let has_none = ["Union", "FixedSizeBinary(0)"].iter().any(|none| kind.contains(none));
    let parquet = if has_none { None } else { parquet().ok() };
    let all = [("parquet", parquet), ("arrow", ipc(false).ok()), ("arrows", ipc(true).ok())];
    all.into_iter().filter_map(|(suffix, out)| Some((suffix, out?))).collect()
}

fn name(kind: &DataType) -> String {
    let letters = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    kind.to_string().chars().map(letters).collect()
}

fn job(operation: &str, tree: &Tree) -> Done {
    let job = spec(operation, &tree.path());
    if operation == "convert" { job.option("to", "jsonl").run() } else { job.run() }
}

pub fn beside_numbers(column: ArrayRef) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    RecordBatch::try_from_iter_with_nullable([("c", column, true), ("n", numbers, false)]).unwrap()
}

/// A tree with a file of each type, shape and format; how many there are.
fn tree_of_types() -> (Tree, usize) {
    let tree = Tree::in_memory();
    let mut count = 0;
    for kind in plain_types() {
        for (shape, column) in shapes(&kind) {
            let batch = beside_numbers(column);
            for (suffix, content) in files(&batch) {
                tree.file(format!("{}-{shape}.{suffix}", name(&kind)), content);
                count += 1;
            }
        }
    }
    (tree, count)
}

#[test]
fn every_type_in_every_shape_is_read() {
    let (tree, count) = tree_of_types();
    assert!(count > 3000, "{count}");
    for operation in ["profile", "convert", "validate"] {
        let done: Done = job(operation, &tree);
        let issues: Vec<_> =
            done.issues().iter().map(|row| format!("{}: {}", row.text("path"), row.text("message"))).collect();
        assert!(issues.is_empty(), "{operation} {issues:#?}");
        let table = if operation == "profile" { "files" } else { "result" };
        let rows = done.table(table);
        assert_eq!(rows.len(), count, "{operation}");
        if operation == "profile" {
            assert!(rows.iter().all(|row| row.integer("records") == ROWS as i64));
        }
        if operation == "convert" {
            say_the_same(&done);
        }
    }
    let done = spec("convert", &tree.path()).option("prove_values", true).run();
    let issues: Vec<_> =
        done.issues().iter().map(|row| format!("{}: {}", row.text("path"), row.text("message"))).collect();
    assert!(issues.is_empty(), "{issues:#?}");
    let rows = done.table("result");
    assert!(rows.len() == count && rows.iter().all(|row| row.integer("records_written") == ROWS as i64));
    let unproven: Vec<_> = rows.iter().filter(|row| row.text("proof") != "equal").collect();
    assert!(unproven.is_empty(), "{unproven:#?}");
    rows.iter().for_each(|row| dates_and_times_are_none_else(&done, row.text("path"), row.text("written_as")));
}

/// In a Parquet file of dates or times, a reader that knows nothing of Arrow finds no numbers of them.
fn dates_and_times_are_none_else(done: &Done, path: &str, written_as: &str) {
    if !["Date", "Time"].iter().any(|kind| path.starts_with(kind)) {
        return;
    }
    let file = std::fs::File::open(done.own_folder().join("converted").join(written_as)).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    for column in reader.metadata().file_metadata().schema_descr().columns() {
        let parts = column.path().parts();
        let is_number = parts[0] == "n" || path.contains("map") && parts.last().is_some_and(|name| name == "values");
        assert!(is_number || column.logical_type_ref().is_some(), "{path} {column:?}");
    }
}

/// What is converted is the same whatever format it was in, and moments whatever zone they were in.
fn say_the_same(done: &Done) {
    let folder = done.own_folder().join("converted");
    let mut texts = BTreeMap::new();
    for row in done.table("result") {
        let path = row.text("path").to_owned();
        let text = std::fs::read_to_string(folder.join(row.text("written_as"))).unwrap();
        assert!(text.lines().count() == ROWS && !text.contains("ERROR"), "{path}: {text}");
        texts.insert(path, text);
    }
    for (path, text) in &texts {
        let (stem, suffix) = path.rsplit_once('.').unwrap();
        // Parquet has no dates in milliseconds and no times of other units.
        if suffix == "arrows" {
            assert_eq!(text, &texts[&format!("{stem}.arrow")], "{path}");
        }
        for zone in ["_05_30", "Europe_Berlin", "no_such_zone"] {
            if stem.contains(zone) {
                let utc = path.replace(zone, "UTC");
                assert_eq!(text, texts.get(&utc).unwrap_or_else(|| panic!("{utc} of {path}")), "{path}");
            }
        }
    }
}

#[test]
fn shapes_in_shapes_are_read_or_have_issues_of_their_own() {
    let seed = seed(20_261_128);
    println!("PRAVAH_TEST_SEED={seed}");
    let (mut random, kinds) = (Random(seed | 1), plain_types());
    let mut read = 0;
    for _ in 0..cases(4) {
        let (tree, mut made) = (Tree::in_memory(), BTreeMap::new());
        tree.file("whole.csv", "c,n\n1,2\n");
        while made.len() < 60 {
            let mut column = array(&kinds[random.below(kinds.len())], true);
            let mut shapes = Vec::new();
            for _ in 0..2 + random.below(3) {
                // The library has no arrays of some.
                let all = quietly(|| shapes_of(Arc::clone(&column), array(&DataType::Int16, false)));
                let Some(mut all) = all else { break };
                let (shape, next) = all.swap_remove(random.below(all.len()));
                (column, shapes) = (next, [shapes, vec![shape]].concat());
            }
            let kind = column.data_type().to_string();
            for (suffix, content) in quietly(|| files(&beside_numbers(column))).unwrap_or_default() {
                let name = format!("{}.{suffix}", made.len());
                tree.file(&name, content);
                made.insert(name, format!("{shapes:?} {kind}"));
            }
        }
        for operation in ["profile", "convert", "validate"] {
            let done: Done = job(operation, &tree);
            let rows = done.by_path(if operation == "profile" { "files" } else { "result" });
            let issues: BTreeMap<_, _> =
                done.issues().iter().map(|row| (row.path(), row.text("message").to_owned())).collect();
            assert!(rows.contains_key(&b"whole.csv"[..]) && !issues.contains_key(&b"whole.csv"[..]), "{operation}");
            for (name, kind) in &made {
                let issue = issues.get(name.as_bytes());
                let is_read = rows.contains_key(name.as_bytes());
                assert!(is_read || issue.is_some(), "{operation}: nothing is said of {kind}");
                assert!(!issue.is_some_and(|issue| issue.contains("internal")), "{operation} {kind}: {issue:?}");
                read += usize::from(is_read);
            }
        }
    }
    assert!(read > 0, "nothing could be read");
}

/// What `work` gives; none where it panics.
fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}

#[test]
fn dates_that_no_calendar_has_are_null_and_told() {
    let tree = Tree::new();
    let far = i64::MAX - 1;
    let second: ArrayRef = Arc::new(TimestampSecondArray::from(vec![far, 0]));
    let zoned: ArrayRef = Arc::new(TimestampSecondArray::from(vec![far, 0]).with_timezone("Europe/Berlin"));
    let date: ArrayRef = Arc::new(Date64Array::from(vec![far, 0]));
    let item = field("item", second.data_type(), true);
    let list: ArrayRef =
        Arc::new(ListArray::new(item, OffsetBuffer::new(vec![0, 1, 2].into()), Arc::clone(&second), None));
    for (name, column) in [("second", second), ("zoned", zoned), ("date", date), ("list", list)] {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
        let batch = RecordBatch::try_from_iter([("c", column), ("n", numbers)]).unwrap();
        tree.file(format!("{name}.arrow"), files(&batch).remove(1).1);
    }
    for operation in ["profile", "convert", "validate"] {
        let done = job(operation, &tree);
        let told: Vec<_> = done.issues().iter().map(|row| row.text("message").to_owned()).collect();
        assert_eq!(told, vec!["1 dates or times are out of range; they are read as null"; 4], "{operation}");
    }
}
