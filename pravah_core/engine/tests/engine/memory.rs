//! The largest size of the process that runs a job, over that of one which has nothing to do.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use serde_json::Value;

use crate::books;
use crate::common::run::{Spec, spec};
use crate::common::tree::Tree;
use crate::example::run;

/// What a job at two threads may take, whatever it reads; docs/benchmarks.md has the table.
const MOST_MIB: u64 = 300;
/// What the profile of ten thousand columns takes (274 to 301 MiB were measured) and what a machine adds by chance.
const MOST_OF_MANY_COLUMNS_MIB: u64 = 340;

/// The outcome of a job in a process of its own, and that process's peak in MiB.
fn peak(job: Spec, tree: &Tree, name: &str) -> (Value, u64) {
    let folder = tree.beside(name);
    let job = job.threads(2).output("directory", folder.to_str().unwrap());
    let output = run(&["--peak"], &job.json());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{name} {told}");
    (serde_json::from_slice(&output.stdout).unwrap(), told.trim().parse::<u64>().unwrap() / 1024)
}

/// Run jobs on a tree; each one's outcome, when its process takes little enough.
fn measured(
    title: &str,
    most_mib: u64,
    tree: &Tree,
    jobs: impl IntoIterator<Item = (&'static str, Spec)>,
) -> Vec<Value> {
    let nothing = Tree::new();
    let idle = peak(spec("profile", &nothing.path()), &nothing, "idle").1;
    let mut outcomes = Vec::new();
    for (name, job) in jobs {
        let (outcome, most) = peak(job, tree, name);
        // Less than the idle one where that happened to take more.
        let over = most.saturating_sub(idle);
        eprintln!("{title}, {name}: {over} MiB over the idle process");
        assert!(over <= most_mib, "{title}, {name}: {most} MiB, {idle} idle");
        outcomes.push(outcome);
    }
    outcomes
}

fn readers(tree: &Tree) -> [(&'static str, Spec); 3] {
    ["profile", "convert", "validate"].map(|operation| (operation, spec(operation, &tree.path())))
}

/// Write batches as Parquet.
fn parquet(
    tree: &Tree,
    properties: WriterPropertiesBuilder,
    schema: &SchemaRef,
    batches: impl Iterator<Item = RecordBatch>,
) {
    let file = File::create(tree.at("a.parquet")).unwrap();
    let properties = properties.set_compression(Compression::ZSTD(Default::default())).build();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties)).unwrap();
    batches.for_each(|batch| writer.write(&batch).unwrap());
    writer.close().unwrap();
}

fn texts(texts: impl Iterator<Item = String>) -> RecordBatch {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    RecordBatch::try_from_iter([("text", texts)]).unwrap()
}

fn records(outcome: &Value) -> u64 {
    let summary = &outcome["results"][0]["summary"];
    ["records", "records_read"].iter().find_map(|name| summary[name].as_u64()).unwrap()
}

/// 2,048 short rows, and as many of 1 MiB: 2 GiB.
fn wide_rows(tree: &Tree, encoding: Encoding) {
    let narrow = texts((0..2048).map(|number| number.to_string()));
    let wide = (0..128).map(|block| texts((0..16).map(|number| "x".repeat((1 << 20) + block * 16 + number))));
    let properties = WriterProperties::builder().set_dictionary_enabled(false).set_encoding(encoding);
    let schema = narrow.schema();
    parquet(tree, properties, &schema, std::iter::once(narrow).chain(wide));
    assert!(std::fs::metadata(tree.at("a.parquet")).unwrap().len() < 8 << 20);
}

#[test]
fn wide_rows_behind_narrow_ones_in_a_small_parquet_file() {
    let tree = Tree::new();
    wide_rows(&tree, Encoding::PLAIN);
    for outcome in measured("2 GiB of wide rows", MOST_MIB, &tree, readers(&tree)) {
        assert_eq!((records(&outcome), outcome["counts"]["issues"].as_u64()), (4096, Some(0)), "{outcome}");
    }
    let tree = Tree::new();
    wide_rows(&tree, Encoding::DELTA_BYTE_ARRAY);
    for outcome in measured("2 GiB of wide rows that begin alike", MOST_MIB, &tree, readers(&tree)) {
        assert_eq!((records(&outcome), outcome["counts"]["issues"].as_u64()), (0, Some(1)), "a page of it has no end");
    }
}

#[test]
fn one_long_text_of_a_dictionary_in_many_rows() {
    let tree = Tree::new();
    let batch = texts((0..128).map(|_| "x".repeat(8 << 20)));
    let properties = WriterProperties::builder().set_dictionary_page_size_limit(64 << 20);
    parquet(&tree, properties, &batch.schema(), std::iter::once(batch.clone()));
    for outcome in measured("one text of 8 MiB in 128 rows", MOST_MIB, &tree, readers(&tree)) {
        assert_eq!((records(&outcome), outcome["counts"]["issues"].as_u64()), (128, Some(0)), "{outcome}");
    }
}

/// One record batch of 440 MB: numbers, texts and lists.
fn large_batch() -> RecordBatch {
    let rows = 4_000_000_i64;
    let mut lists = ListBuilder::new(Int64Builder::new());
    for row in 0..rows {
        (0..row % 4).for_each(|item| lists.values().append_value(row * item));
        lists.append(row % 5 != 0);
    }
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter((0..rows).map(|row| (row % 7 != 0).then_some(row))));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("{row:090}"))));
    RecordBatch::try_from_iter([("n", numbers), ("t", texts), ("l", Arc::new(lists.finish()) as ArrayRef)]).unwrap()
}

#[test]
fn one_record_batch_of_440_mb_in_an_arrow_file_and_in_a_stream() {
    let batch = large_batch();
    for (codec, name) in [
        (None, "one batch of 440 MB"),
        (Some(CompressionType::LZ4_FRAME), "the same with LZ4"),
        (Some(CompressionType::ZSTD), "the same with zstd"),
    ] {
        let tree = Tree::new();
        let options = IpcWriteOptions::default().try_with_compression(codec).unwrap();
        let file = BufWriter::new(File::create(tree.at("a.arrow")).unwrap());
        // What is packed is a stream here, what is not a file.
        if codec.is_some() {
            let mut writer = StreamWriter::try_new_with_options(file, &batch.schema(), options).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        } else {
            let mut writer = FileWriter::try_new_with_options(file, &batch.schema(), options).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
            assert!(std::fs::metadata(tree.at("a.arrow")).unwrap().len() > 440_000_000);
        }
        for outcome in measured(name, MOST_MIB, &tree, readers(&tree)) {
            assert_eq!((records(&outcome), outcome["counts"]["issues"].as_u64()), (4_000_000, Some(0)), "{outcome}");
        }
    }
}

#[test]
fn one_long_path_in_many_rows_of_a_manifest() {
    let tree = Tree::new();
    let column = |text: String| -> ArrayRef { Arc::new(StringArray::from_iter_values((0..128).map(|_| text.clone()))) };
    let batch = RecordBatch::try_from_iter([("path", column("x".repeat(8 << 20))), ("blake3", column("0".repeat(64)))]);
    let batch = batch.unwrap();
    let properties = WriterProperties::builder().set_dictionary_page_size_limit(64 << 20);
    parquet(&tree, properties, &batch.schema(), std::iter::once(batch.clone()));
    let manifest = tree.at("a.parquet");
    assert!(std::fs::metadata(&manifest).unwrap().len() < 8 << 10);
    let job = spec("verify", &tree.path()).option("manifest", manifest.to_str().unwrap());
    let job = job.threads(2).output("directory", tree.beside("verify").to_str().unwrap());
    let told = String::from_utf8(run(&["--peak"], &job.json()).stderr).unwrap();
    let (peak, error) = told.split_once('\n').unwrap();
    assert!(error.contains("invalid_options") && error.contains("a path of 8388608 bytes"), "{error}");
    assert!(peak.parse::<u64>().unwrap() / 1024 <= MOST_MIB, "{peak} KiB");
}

/// A length or a number as Avro has it.
fn avro_number(number: usize) -> Vec<u8> {
    let (mut rest, mut out) = (number << 1, Vec::new());
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

/// Write blocks of texts as an Avro file.
fn avro(tree: &Tree, blocks: impl Iterator<Item = Vec<String>>) {
    let text = |text: &[u8]| [avro_number(text.len()), text.to_vec()].concat();
    let schema = br#"{"type": "record", "name": "r", "fields": [{"name": "t", "type": "string"}]}"#;
    let pairs = [text(b"avro.schema"), text(schema), text(b"avro.codec"), text(b"deflate")].concat();
    let mut file = BufWriter::new(File::create(tree.at("a.avro")).unwrap());
    file.write_all(&[&b"Obj\x01\x04"[..], &pairs, b"\0", &[7; 16]].concat()).unwrap();
    for block in blocks {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
        block.iter().for_each(|one| encoder.write_all(&text(one.as_bytes())).unwrap());
        let packed = encoder.finish().unwrap();
        file.write_all(&[avro_number(block.len()), text(&packed), vec![7; 16]].concat()).unwrap();
    }
    file.into_inner().unwrap();
}

#[test]
fn blocks_of_avro_that_are_large_or_become_so() {
    // 2,048 short rows, and as many of 512 KiB: 1 GiB, 8 MiB a block.
    let tree = Tree::new();
    let narrow = (0..2048).map(|number| number.to_string()).collect();
    let wide = (0..128).map(|block| (0..16).map(|row| "x".repeat((512 << 10) + block * 16 + row)).collect());
    avro(&tree, std::iter::once(narrow).chain(wide));
    for outcome in measured("1 GiB of wide rows in Avro", MOST_MIB, &tree, readers(&tree)) {
        assert_eq!((records(&outcome), outcome["counts"]["issues"].as_u64()), (4096, Some(0)), "{outcome}");
    }
    // A block that unpacks to 640 MB, and one of 40 MB.
    for (rows, issues) in [(4_000_000, 1), (250_000, 0)] {
        let tree = Tree::new();
        avro(&tree, std::iter::once((0..rows).map(|row| format!("{row:0160}")).collect()));
        for outcome in measured("a large block of Avro", MOST_MIB, &tree, readers(&tree)) {
            assert_eq!(outcome["counts"]["issues"].as_u64(), Some(issues), "{outcome}");
            assert_eq!(records(&outcome), if issues == 0 { rows } else { 0 });
        }
    }
}

/// A row of a workbook with so many cells of its shared text of that number.
fn shared(text: usize, cells: usize) -> String {
    format!("<row>{}</row>", format!("<c t=\"s\"><v>{text}</v></c>").repeat(cells))
}

#[test]
fn a_workbook_of_many_texts() {
    let tree = Tree::new();
    let text = |number: usize| format!("{:0>125}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(8);
    let texts: Vec<String> = (0..200_000).map(text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let rows: String = (0..texts.len()).map(|row| shared(row * 7919 % texts.len(), 1)).collect();
    tree.file("a.xlsx", books::book("", &texts, &[("S", "", &rows)]));
    for outcome in measured("workbook with 200 MB of texts", MOST_MIB, &tree, readers(&tree)) {
        assert_eq!((records(&outcome), outcome["counts"]["issues"].as_u64()), (200_000, Some(0)), "{outcome}");
    }
}

#[test]
fn one_long_text_in_many_cells_of_a_workbook() {
    let long = "x".repeat(1 << 20);
    let row = shared(0, 16_384);
    let spreadsheet = |rows: &str| {
        let content = format!(
            "<office:document-content><office:spreadsheet><table:table table:name=\"S\">{rows}</table:table>\
             </office:spreadsheet></office:document-content>"
        );
        books::zip(&[("content.xml", content.as_bytes())])
    };
    let cell = |content: &str| {
        let cell = "<table:table-cell office:value-type=\"string\" table:number-columns-repeated=\"16384\">";
        format!("<table:table-row>{cell}{content}</table:table-cell></table:table-row>")
    };
    for (name, content) in [
        ("a.xlsx", books::book("", &[&long], &[("S", "", &row)])),
        ("a.ods", spreadsheet(&cell(&format!("<text:p>{long}</text:p>")))),
        (
            "blanks.ods",
            spreadsheet(&cell(&format!("<text:p>{}</text:p>", "<text:s text:c=\"32768\"/>".repeat(1 << 17)))),
        ),
        ("pieces.xlsx", {
            let pieces = format!("<t>{}</t>", "x".repeat(1 << 20)).repeat(200);
            let row = format!("<row><c t=\"inlineStr\"><is>{pieces}</is></c></row>");
            books::book("", &[], &[("S", "", &row)])
        }),
    ] {
        let tree = Tree::new();
        tree.file(name, content);
        for outcome in measured(name, MOST_MIB, &tree, readers(&tree)) {
            assert_eq!((records(&outcome), outcome["counts"]["issues"].as_u64()), (0, Some(1)), "{outcome}");
        }
    }
}

#[test]
fn many_faults_of_many_columns() {
    let tree = Tree::new();
    let names: Vec<String> = (0..40).map(|number| format!("c{number}")).collect();
    let line = format!("{}\n", ",".repeat(39));
    tree.file("a.csv", format!("{}\n{}", names.join(","), line.repeat(1_000_000)));
    let fields: Vec<Value> = names
        .iter()
        .map(|name| serde_json::json!({"name": name, "type": "integer", "constraints": {"required": true}}))
        .collect();
    let job = spec("validate", &tree.path()).option("schema_text", serde_json::json!({"fields": fields}).to_string());
    let outcome = &measured("40 MB of commas with 40 required columns", MOST_MIB, &tree, [("validate", job)])[0];
    assert_eq!(records(outcome), 1_000_000);
}

#[test]
fn ten_thousand_columns() {
    let tree = Tree::new();
    let mut file = BufWriter::new(File::create(tree.at("a.csv")).unwrap());
    let columns = 10_000;
    let header: Vec<String> = (0..columns).map(|number| format!("c{number}")).collect();
    writeln!(file, "{}", header.join(",")).unwrap();
    for row in 0..300_usize {
        let values: Vec<String> = (0..columns).map(|column| (row * 7919 + column * 31).to_string()).collect();
        writeln!(file, "{}", values.join(",")).unwrap();
    }
    file.into_inner().unwrap();
    for job in readers(&tree) {
        let most = if job.0 == "profile" { MOST_OF_MANY_COLUMNS_MIB } else { MOST_MIB };
        assert_eq!(records(&measured("10,000 columns", most, &tree, [job])[0]), 300);
    }
    let job = spec("convert", &tree.path()).option("prove_values", true);
    let outcome = &measured("10,000 columns whose values are proven", MOST_MIB, &tree, [("proven", job)])[0];
    assert_eq!(outcome["results"][0]["summary"]["proven_values"], 3_000_000, "{outcome}");
}
