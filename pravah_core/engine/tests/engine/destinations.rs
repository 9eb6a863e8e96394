//! Destinations lose nothing: files that would get one name all keep their full name, in every run, and what one
//! attempt has made it never replaces.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::mounted::run_then;
use crate::common::run::{Done, Spec, files_below, spec};
use crate::common::tree::{Tree, gzip, hostile_names};
use pravah_foundation::io::destination::MARKER;

fn at(tree: &Tree, name: &str) -> String {
    tree.beside(name).to_str().unwrap().to_owned()
}

fn job(operation: &str, tree: &Tree, out: &str) -> Spec {
    spec(operation, &tree.path()).option("destination", at(tree, out)).output("job", "one job")
}

fn written(done: &Done) -> BTreeMap<String, String> {
    let row = |(path, row): (Vec<u8>, crate::common::rows::Row)| {
        (String::from_utf8(path).unwrap(), row.text("written_as").to_owned())
    };
    done.by_path("result").into_iter().map(row).collect()
}

fn xz(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = liblzma::write::XzEncoder::new(&mut out, 1);
    std::io::Write::write_all(&mut encoder, content).unwrap();
    encoder.finish().unwrap();
    out
}

/// Files below a destination that an attempt left, but its marker.
fn left(path: &Path) -> Vec<String> {
    files_below(path).into_iter().filter(|name| name != MARKER).collect()
}

#[test]
fn tables_of_one_stem_keep_their_full_names_also_where_an_earlier_attempt_was() {
    let tree = Tree::new();
    tree.file("a.csv", "x\n1\n")
        .file("a.tsv", "y\n2\n")
        .file("a.csv.gz", gzip(b"x\n3\n"))
        .file("a.jsonl", "{\"z\":4}\n");
    // The full name of one is the short name of another; a folder has the name of a third.
    tree.file("a.tsv.csv", "x\n5\n")
        .file("b.csv", "x\n6\n")
        .file("b.parquet/c.csv", "x\n7\n")
        .file("plain.csv", "x\n8\n");
    let expected = [
        "a.csv.gz.parquet",
        "a.csv.parquet",
        "a.jsonl.parquet",
        "a.tsv.csv.parquet",
        "a.tsv.parquet",
        "b.csv.parquet",
        "b.parquet/c.parquet",
        "plain.parquet",
    ];
    for _attempt in 0..3 {
        let done = job("convert", &tree, "out").run();
        assert_eq!((left(&tree.beside("out")), done.count("issues")), (expected.map(String::from).to_vec(), 0));
        assert_eq!(done.summary()["full_names"], 6);
        assert_eq!(written(&done)["a.tsv"], "a.tsv.parquet");
    }
}

#[test]
fn rejected_records_never_take_the_name_of_a_table() {
    let tree = Tree::new();
    tree.file("a.csv", "x,y\n1,2\n3\n").file("a.rejects.csv", "x,y\n5,6\n");
    let done = job("convert", &tree, "out").option("to", "csv").run();
    assert_eq!(left(&tree.beside("out")), ["a.csv.csv", "a.csv.rejects.csv", "a.rejects.csv.csv"]);
    assert_eq!(done.summary()["full_names"], 2);
}

/// A gzip file that ends within its content.
fn cut(content: &[u8]) -> Vec<u8> {
    let whole = gzip(content);
    whole[..whole.len() - 12].to_vec()
}

#[test]
fn a_table_that_is_cut_off_never_takes_the_name_of_another() {
    let tree = Tree::new();
    let long: String = (0..2000u32).map(|row| format!("{},{}\n", row, row.wrapping_mul(2_654_435_761))).collect();
    tree.file("a.csv.gz", cut(format!("x,y\n{long}").as_bytes())).file("a.partial.csv", "x,y\n5,6\n");
    // What could be cut off counts, whether it is or not; so does a folder of that name.
    tree.file("b.csv", "x\n1\n").file("b.partial.tsv", "x\n2\n");
    tree.file("c.csv", "x\n1\n").file("c.partial.parquet/d.csv", "x\n2\n").file("plain.partial.csv", "x\n2\n");
    let expected = [
        "a.csv.gz.partial.parquet",
        "a.partial.csv.parquet",
        "b.csv.parquet",
        "b.partial.tsv.parquet",
        "c.csv.parquet",
        "c.partial.parquet/d.parquet",
        "plain.partial.parquet",
    ];
    for _attempt in 0..2 {
        let done = job("convert", &tree, "out").run();
        assert_eq!(left(&tree.beside("out")), expected.map(String::from));
        assert_eq!(done.summary()["full_names"], 5);
    }
}

#[test]
fn good_and_bad_records_of_one_stem_keep_the_full_name_and_those_of_a_cut_file_say_so() {
    let tree = Tree::new();
    tree.file("a.csv", "x,y\n1,2\n3\n").file("a.tsv", "x\ty\n4\t5\n6\n").file("a.jsonl", "{\"z\":4}\n");
    let long: String = (0..2000u32).map(|row| format!("{},{}\n", row, row.wrapping_mul(2_654_435_761))).collect();
    tree.file("b.csv.gz", cut(format!("x,y\n1\n{long}").as_bytes()));
    tree.file("c.csv", "x\n1\n").file("c.good.csv/d.csv", "x\n1\n").file("plain.csv", "x\n1\n");
    let expected = [
        "a.csv.good.csv",
        "a.csv.quarantine.csv",
        "a.jsonl.good.jsonl",
        "a.tsv.good.csv",
        "a.tsv.quarantine.csv",
        "b.good.partial.csv",
        "b.quarantine.partial.csv",
        "c.csv.good.csv",
        "c.good.csv/d.good.csv",
        "plain.good.csv",
    ];
    for _attempt in 0..2 {
        job("validate", &tree, "out").run();
        assert_eq!(left(&tree.beside("out")), expected.map(String::from));
        assert_eq!(fs::read_to_string(tree.beside("out/a.csv.quarantine.csv")).unwrap(), "x,y\n3\n");
    }
}

#[test]
fn compressed_files_of_one_name_keep_their_full_names() {
    let tree = Tree::new();
    tree.file("a.gz", gzip(b"first")).file("a.xz", xz(b"second")).file("plain.csv", "plain");
    // A file that is not compressed takes no name.
    tree.file("plain.csv.gz", gzip(b"third")).file("d.gz", gzip(b"fourth")).file("d/e.gz", gzip(b"fifth"));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    builder.append_data(&mut header, "m", &b"x"[..]).unwrap();
    let archive = builder.into_inner().unwrap();
    tree.file("app.tar.gz", gzip(&archive)).file("app.tar", &archive).file("app.tar.xz", xz(&archive));
    let expected = ["a.gz", "a.xz", "app.tar.gz/m", "app.tar.xz/m", "app.tar/m", "d.gz", "d/e", "plain.csv"];
    for _attempt in 0..3 {
        let done = job("decompress", &tree, "out").run();
        assert_eq!((left(&tree.beside("out")), done.count("issues")), (expected.map(String::from).to_vec(), 0));
        assert_eq!(fs::read(tree.beside("out/a.xz")).unwrap(), b"second");
        assert_eq!(done.summary()["full_names"], 6);
        assert_eq!(written(&done)["app.tar"], "app.tar");
    }
    assert_eq!(spec("decompress", &tree.path()).run().summary()["full_names"], 6);
}

#[test]
fn a_link_beside_a_file_costs_none_of_them() {
    let tree = Tree::new();
    tree.file("a", "content").link("a.zst", "elsewhere").file("b", "more").file("b.zst/c", "deep");
    for _attempt in 0..3 {
        let done = job("compress", &tree, "out").run();
        assert_eq!(left(&tree.beside("out")), ["a.1.zst", "b.1.zst", "b.zst/c.zst"]);
        assert_eq!(fs::read_link(tree.beside("out/a.zst")).unwrap(), Path::new("elsewhere"));
        assert_eq!((done.count("issues"), written(&done)["a"].as_str()), (0, "a.1.zst"));
    }
}

#[test]
fn files_of_a_result_have_names_that_every_storage_takes() {
    let tree = Tree::new();
    for name in hostile_names().into_iter().filter(|name| name.len() < 200) {
        tree.file([&name[..], b".csv"].concat(), "x\n1\n");
    }
    tree.file("a%5Cb.csv", "x\n1\n").file(b"a\\b.csv", "x\n2\n").file("a\nb.csv", "x\n3\n").file(b"\xff.csv", "x\n4\n");
    let done = spec("convert", &tree.path()).run();
    let files: Vec<&str> =
        done.result()["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    for expected in ["a%255Cb.parquet", "a%5Cb.parquet", "a%0Ab.parquet", "%FF.parquet"] {
        assert!(files.contains(&&*format!("convert/converted/{expected}")), "{expected} in {files:?}");
    }
    assert!(files.iter().all(|name| !name.contains(['\\', '\n'])), "{files:?}");
    assert_eq!(files.len() as u64, done.count("files"));
}

#[test]
fn a_full_disk_leaves_no_part_of_a_file() {
    let tree = Tree::new();
    let rows: String = (0..60_000u32).map(|row| format!("{},{}\n", row, row.wrapping_mul(2_654_435_761))).collect();
    for number in 0..6 {
        tree.file(format!("{number}.csv"), format!("x,y\n{rows}"));
    }
    let (source, out) = (tree.path(), tree.beside("out"));
    fs::create_dir(&out).unwrap();
    for attempt in 0..4 {
        for operation in ["convert", "compress", "validate"] {
            let folder = at(&tree, &format!("{operation}-{attempt}"));
            let job = job(operation, &tree, "out/made").threads(8).chunk_bytes(100_000).output("directory", folder);
            let full = run_then(&job, "mount -t tmpfs -o size=100k t \"$2\"", "find \"$2\" -type f", &source, &out);
            let Some((left, is_well)) = full else { return };
            assert!(!left.contains(".part") && left.contains(MARKER) && !is_well, "{operation}: {left}");
        }
    }
}

#[test]
fn a_destination_that_is_in_the_source_by_another_name_is_refused() {
    let tree = Tree::new();
    tree.file("folder/a.csv", "a,b\n1,2\n");
    fs::create_dir_all(tree.beside("other")).unwrap();
    fs::create_dir_all(tree.beside("apart")).unwrap();
    let other = tree.beside("other");
    // The source, a folder of it, and a folder that is mounted in it; last one that is not in it.
    let mounts = [
        ("mount --bind \"$1\" \"$2\"", false),
        ("mount --bind \"$1/folder\" \"$2\"", false),
        ("mkdir -p \"$1/in\" && mount --bind \"$2\" \"$1/in\"", false),
        ("mount --bind \"$2/../apart\" \"$2\"", true),
    ];
    for (number, (mount, is_allowed)) in mounts.into_iter().enumerate() {
        let job = job("compress", &tree, "other/made").output("directory", at(&tree, &format!("job-{number}")));
        let Some((_, is_well)) = run_then(&job, mount, "true", &tree.path(), &other) else { return };
        assert_eq!(is_well, is_allowed, "{mount}");
    }
    assert!(files_below(&tree.path()) == ["folder/a.csv"] && files_below(&other).is_empty());
    assert_eq!(left(&tree.beside("apart")), [format!("made/{MARKER}"), "made/folder/a.csv.zst".to_owned()]);
}

#[test]
fn operations_of_one_job_have_destinations_apart_and_a_refused_job_leaves_none() {
    let tree = Tree::new();
    tree.file("a.csv", "a,b\n1,2\nbad\n").file("a.good.csv", "a,b\n7,8\n");
    std::os::unix::fs::symlink("out", tree.beside("alias")).unwrap();
    let both =
        |one: &str, other: &str| job("convert", &tree, one).and("validate").option("destination", at(&tree, other));
    for (one, other) in [("out", "out"), ("out/in", "out"), ("out", "out/in"), ("new/out", "new/out")] {
        let error = both(one, other).fails().to_string();
        assert!(error.contains("that of another operation of this job"), "{error}");
    }
    // Refused for another reason, once the first has its own.
    fs::create_dir(tree.beside("full")).unwrap();
    fs::write(tree.beside("full/own"), "mine").unwrap();
    assert!(both("new/out", "full").fails().to_string().contains("is not empty"));
    assert!(!tree.beside("new").exists() && !tree.beside("out").exists());
}

#[test]
fn what_an_earlier_attempt_has_left_and_this_one_has_not_made_is_told() {
    let (tree, options) = (Tree::new(), [("to", "csv")]);
    let text = |day: u32| format!("day,x\n{day},1\n");
    tree.file("gone.csv", text(1)).file("stays.csv", text(2)).file("sub/moves.csv", text(3));
    let convert = options.iter().fold(job("convert", &tree, "out"), |job, (name, value)| job.option(name, *value));
    let convert = convert.option("partition_by", serde_json::json!(["day"]));
    let jobs = [("convert", convert), ("compress", job("compress", &tree, "packed"))];
    for (_, job) in &jobs {
        assert!(job.run().issues().is_empty());
    }
    fs::remove_file(tree.at("gone.csv")).unwrap();
    tree.file("sub/moves.csv", text(4));
    for (operation, job) in &jobs {
        let done = job.run();
        let told: Vec<_> = done.issues().iter().map(|row| row.text("path").to_owned()).collect();
        match *operation {
            "convert" => {
                assert_eq!(
                    (told, &done.summary()["verdict"]),
                    (vec!["day=1/gone.csv".to_owned(), "day=3/sub/moves.csv".into()], &"partial".into())
                );
            }
            _ => assert_eq!(told, ["gone.csv.zst"]),
        }
        assert!(done.issues().iter().all(|row| row.text("message").contains("since an earlier attempt")));
    }
}
