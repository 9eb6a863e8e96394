//! A file in which something is wrong has other fingerprints, whatever it is; one that is right has the same.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use pravah_foundation::base::control::Control;

use super::super::options::To;
use super::columns::Places;
use super::*;

const FIELDS: [[&str; 4]; 4] = [
    ["1", "a", "0.5", "2024-02-29"],
    ["2", "b", "-1.25", "0001-01-01"],
    ["3", "", "1e300", "9999-12-31"],
    ["4", "a", "2", "1970-01-01"],
];

fn layout(columns: usize) -> Layout {
    (0..columns).map(ColumnAt::Column).collect()
}

/// The fingerprints of the fields as they are read.
fn read() -> Fingerprints {
    let mut found = Fingerprints::new(4);
    let column = |place: usize| -> Vec<u64> {
        let hash = |row: &[&str; 4]| match (place, row[place].as_bytes()) {
            (0, text) => canon::integer(canon::integer_of(text).unwrap()),
            (1, text) => canon::text(text),
            (2, text) => canon::float(canon::float_of(text).unwrap()),
            (_, text) => canon::date(canon::date_of(text).unwrap()),
        };
        FIELDS.iter().map(hash).collect()
    };
    found.batch(&layout(4), [0, 1, 2, 3].map(column).iter_mut());
    found
}

/// A writer that puts some values into a file.
fn written(ids: &[i64], names: Vec<Option<&str>>, prices: &[f64], days: &[i32]) -> Fingerprints {
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(Int64Array::from(ids.to_vec()))),
        ("name", Arc::new(StringArray::from(names))),
        ("price", Arc::new(Float64Array::from(prices.to_vec()))),
        ("day", Arc::new(Date32Array::from(days.to_vec()))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = tempfile::tempfile().unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(3)).build();
    let mut writer = ArrowWriter::try_new(file.try_clone().unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    found(file)
}

fn found(file: File) -> Fingerprints {
    let (file, control) = (Places::new(&Arc::new(file)), Control::new());
    let found = columns::read(&file, &layout(4), &control).unwrap();
    for together in 1..4 {
        assert_eq!(columns::read_some(&file, &layout(4), together, &control).unwrap(), found, "{together} at once");
    }
    // In another order, and with one that is the name of a folder.
    let other = vec![ColumnAt::Column(3), ColumnAt::Name(7), ColumnAt::Column(0), ColumnAt::Column(2)];
    let [all, some] = [4, 3].map(|together| columns::read_some(&file, &other, together, &control).unwrap());
    assert_eq!(all, some);
    found
}

const DAYS: [i32; 4] = [19_782, -719_162, 2_932_896, 0];
const PRICES: [f64; 4] = [0.5, -1.25, 1e300, 2.0];

#[test]
fn a_broken_writer_has_other_fingerprints() {
    let names = || vec![Some("a"), Some("b"), Some(""), Some("a")];
    let read = read();
    assert_eq!((read.values(), read.records.values), (16, 4));
    let says = |found: &Fingerprints| read.difference(&["id", "name", "price", "day"], found);
    assert_eq!(says(&written(&[1, 2, 3, 4], names(), &PRICES, &DAYS)), None);
    assert_eq!(
        says(&written(
            &[4, 2, 3, 1],
            vec![Some("a"), Some("b"), Some(""), Some("a")],
            &[2.0, -1.25, 1e300, 0.5],
            &[0, DAYS[1], DAYS[2], DAYS[0]]
        )),
        None,
        "another order is the same table"
    );
    for (what, broken, told) in [
        ("one value is another", written(&[1, 2, 3, 5], names(), &PRICES, &DAYS), "column \"id\" has other values"),
        (
            "one bit of a float",
            written(&[1, 2, 3, 4], names(), &[0.5, -1.25, 1e300, 2.000_000_000_000_000_4], &DAYS),
            "column \"price\" has other",
        ),
        (
            "a null for an empty text",
            written(&[1, 2, 3, 4], vec![Some("a"), Some("b"), None, Some("a")], &PRICES, &DAYS),
            "column \"name\" has 3 values, but 4 were read",
        ),
        (
            "a row dropped, another doubled",
            written(
                &[1, 2, 3, 3],
                vec![Some("a"), Some("b"), Some(""), Some("")],
                &[0.5, -1.25, 1e300, 1e300],
                &[DAYS[0], DAYS[1], DAYS[2], DAYS[2]],
            ),
            "column \"id\" has other values than were read; column \"name\"",
        ),
        (
            "the values of a column in other rows",
            written(&[1, 2, 3, 4], names(), &[-1.25, 0.5, 1e300, 2.0], &DAYS),
            "the values of some records are in other records",
        ),
        (
            "a row dropped",
            written(&[1, 2, 3], vec![Some("a"), Some("b"), Some("")], &PRICES[..3], &DAYS[..3]),
            "column \"id\" has 3 values, but 4 were read",
        ),
    ] {
        let said = says(&broken).unwrap_or_else(|| panic!("not seen: {what}"));
        assert!(said.starts_with(told), "{what}: {said}");
    }
}

#[test]
fn two_columns_of_one_type_that_change_places_are_seen() {
    let table = |first: [i64; 3], second: [i64; 3]| {
        let mut found = Fingerprints::new(2);
        found.batch(
            &layout(2),
            [first, second]
                .map(|column| column.iter().map(|&value| canon::integer(value)).collect::<Vec<_>>())
                .iter_mut(),
        );
        found
    };
    let read = table([1, 2, 3], [4, 5, 6]);
    let said = read.difference(&["a", "b"], &table([4, 5, 6], [1, 2, 3]));
    assert_eq!(
        said.unwrap(),
        "column \"a\" has other values than were read; column \"b\" has other values than were read"
    );
    // Only one value of each.
    assert!(read.difference(&["a", "b"], &table([4, 2, 3], [1, 5, 6])).is_some());
}

#[test]
fn fingerprints_add_up_whatever_the_batches() {
    let hashes: Vec<u64> = (0..1000).map(canon::integer).collect();
    let of = |sizes: &[usize]| {
        let (mut all, mut at) = (Fingerprints::new(1), 0);
        for size in sizes {
            let mut one = Fingerprints::new(1);
            one.batch(&layout(1), [hashes[at..at + size].to_vec()].iter_mut());
            all.join(&one);
            at += size;
        }
        all
    };
    assert_eq!(of(&[1000]), of(&[1, 99, 400, 500]));
    assert_ne!(of(&[1000]), of(&[999]));
}

#[test]
fn a_differing_file_is_not_proven_and_its_job_failed() {
    let proof = |difference: Option<&str>| Proof {
        read: read(),
        rounded: 1,
        uncovered: 0,
        is_missing: false,
        is_unread: false,
        difference: difference.map(str::to_owned),
    };
    let mut sums = ProofTotals::default();
    assert_eq!(sums.words(), None);
    sums.add(&proof(None).totals());
    assert_eq!((proof(None).as_str(), proof(None).values()), ("equal", 15));
    assert_eq!(sums.words().unwrap(), "4 records, 15 values, fingerprints equal");
    sums.add(&proof(Some("x")).totals());
    assert_eq!((proof(Some("x")).as_str(), proof(Some("x")).values()), ("different", 0));
    let said = sums.words().unwrap();
    assert!(said.starts_with("1 file with other values than the source; 4 records, 15 values"), "{said}");
    assert_eq!([grouped(0), grouped(999), grouped(25_594_976)], ["0", "999", "25,594,976"]);
}

#[test]
fn a_disk_that_fails_ends_the_job_and_a_file_that_cannot_be_read_does_not() {
    let (folder, control) = (tempfile::tempdir().unwrap(), Control::new());
    let path = folder.path().join("a");
    std::fs::write(&path, "{\"a long name\":\n").unwrap();
    let back = |file: File, to| check::read_back(to, &Arc::new(file), &[], &layout(1), &control);
    for to in [To::Parquet, To::Jsonl] {
        assert!(back(File::open(&path).unwrap(), to).unwrap().is_err());
    }
    // Nobody may read it.
    let open = || File::options().append(true).open(&path).unwrap();
    assert!([To::Parquet, To::Csv, To::Jsonl].into_iter().all(|to| back(open(), to).is_err()));
    control.cancel();
    assert!(back(File::open(&path).unwrap(), To::Csv).is_err());
}
