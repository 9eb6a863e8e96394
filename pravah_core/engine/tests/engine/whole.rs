//! What is not whole is told, by every operation that could be thought to say that it is.

use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::common::digests::noise;
use crate::common::run::{Done, spec};
use crate::common::tree::{Tree, gzip};
use pravah_foundation::io::codec::Codec;

const CSV: &[u8] = b"id,name\n1,hello\n2,world\n";

/// As `pzstd` writes it: a frame that is skipped, with the size of what follows, and then that.
fn pzstd(content: &[u8]) -> Vec<u8> {
    let packed = zstd::encode_all(content, 3).unwrap();
    let size = (packed.len() as u32).to_le_bytes();
    [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], &size, &packed].concat()
}

/// As `lz4 -l` writes it.
fn lz4_legacy(content: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x02, 0x21, 0x4c, 0x18];
    for block in content.chunks(8 << 20) {
        let block = lz4_flex::block::compress(block);
        packed.extend_from_slice(&(block.len() as u32).to_le_bytes());
        packed.extend_from_slice(&block);
    }
    packed
}

fn lz4(content: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

const SKIPPED: &[u8] = &[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];

fn statuses(done: &Done) -> Vec<(String, String)> {
    let status = |row: &crate::common::rows::Row| (row.text("path").to_owned(), row.text("status").to_owned());
    let mut all: Vec<_> = done.table("result").iter().map(status).collect();
    all.sort();
    all
}

#[test]
fn every_name_that_says_compressed_gets_one_of_three_words() {
    let tree = Tree::new();
    let whole = gzip(CSV);
    tree.file("whole.gz", &whole).file("cut.gz", &whole[..whole.len() - 5]).file("empty.tar.gz", "");
    tree.file("zeroed.gz", [&[0; 20][..], &whole[20..]].concat()).file("zeroed.zip", [0; 600]);
    tree.file("page.zip", "<!DOCTYPE html><p>Not found").file("page.tar.gz", "<html>");
    tree.file("text.csv.gz", CSV).file("no-tar.tgz", gzip(CSV)).file("zeroed.tar", [&[0; 1024][..], b"x"].concat());
    tree.file("a.7z", b"7z\xbc\xaf\x27\x1c").file("a.rar", "Rar!\x1a\x07").file("a.lzma", "]").file("a.Z", b"\x1f\x9d");
    tree.file("a.zip.001", "PK").file("a.z01", "x").file("notes.txt", "text").file("zeros.tar", [0; 10_240]);
    let done = spec("decompress", &tree.path()).run();
    let damaged = [
        "cut.gz",
        "empty.tar.gz",
        "no-tar.tgz",
        "page.tar.gz",
        "page.zip",
        "text.csv.gz",
        "zeroed.gz",
        "zeroed.tar",
        "zeroed.zip",
    ];
    let incomplete = ["a.7z", "a.Z", "a.lzma", "a.rar", "a.z01", "a.zip.001"];
    let mut expected: Vec<(String, String)> = [("whole.gz", "whole"), ("zeros.tar", "whole")]
        .into_iter()
        .chain(damaged.map(|name| (name, "damaged")))
        .chain(incomplete.map(|name| (name, "incomplete")))
        .map(|(name, status)| (name.to_owned(), status.to_owned()))
        .collect();
    expected.sort();
    assert_eq!(statuses(&done), expected);
    let summary = done.summary();
    assert_eq!((&summary["verdict"], &summary["other_files"]), (&"damaged".into(), &1.into()));
    assert_eq!(summary["statuses"]["whole"], 2);
    assert_eq!(done.count("issues"), 15);
    for (name, words) in [("page.zip", "HTML"), ("empty.tar.gz", "empty"), ("a.7z", "7-Zip"), ("zeroed.gz", "zeros")] {
        let told = |row: &crate::common::rows::Row| row.text("path") == name && row.text("message").contains(words);
        assert!(done.issues().iter().any(told), "{name}");
    }
}

#[test]
fn the_verdict_on_all_is_that_on_the_worst() {
    let tree = Tree::new();
    assert_eq!(spec("decompress", &tree.path()).run().summary()["verdict"], "incomplete", "nothing was looked at");
    tree.file("a.gz", gzip(CSV)).file("b", "text");
    assert_eq!(spec("decompress", &tree.path()).run().summary()["verdict"], "whole");
    tree.file("c.rar", "Rar!");
    assert_eq!(spec("decompress", &tree.path()).run().summary()["verdict"], "incomplete");
    tree.file("d.zip", "");
    assert_eq!(spec("decompress", &tree.path()).run().summary()["verdict"], "damaged");
    let some = spec("decompress", &tree.path()).walk("extensions", serde_json::json!(["gz"])).run();
    assert_eq!((&some.summary()["verdict"], &some.summary()["left_out"]), (&"whole".into(), &3.into()));
}

/// Run a job while one of its files gets a byte more and more.
fn run_while_it_grows(job: &crate::common::run::Spec, path: std::path::PathBuf) -> Done {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let writer = std::thread::spawn(move || {
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        while !stopped.load(Relaxed) {
            file.write_all(b"more").unwrap();
        }
    });
    let done = job.run();
    stop.store(true, Relaxed);
    writer.join().unwrap();
    done
}

#[test]
fn a_file_that_may_hold_a_zip_is_not_whole_when_it_could_not_be_read_to_its_end() {
    let tree = Tree::new();
    tree.file("whole.gz", gzip(CSV)).file("installer", [b"MZ", &noise(64 << 20, 1)[..]].concat());
    // Checksum reads it to its end, and sees that it grows.
    let job = spec("decompress", &tree.path()).and("checksum").option("algorithms", serde_json::json!(["md5"]));
    let done = run_while_it_grows(&job, tree.at("installer"));
    assert_eq!(done.issue_kinds(), [("changed_while_read".to_owned(), b"installer".to_vec())]);
    let summary = done.summary();
    assert_eq!((&summary["verdict"], &summary["statuses"]["unseen"]), (&"incomplete".into(), &1.into()));
}

#[test]
fn what_is_behind_the_end_of_a_stream_is_told_in_every_format() {
    let mut expected = Vec::new();
    let tree = Tree::new();
    for codec in Codec::ALL {
        let encoder = pravah_foundation::io::codec::Encoder::new(codec, None).unwrap();
        let mut packed = encoder.header().to_vec();
        encoder.piece(&[], CSV, true, &mut packed).unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(CSV);
        packed.extend(encoder.trailer(crc.sum(), CSV.len() as u64));
        for (name, behind) in [("rubbish", &b"rubbish that is no stream"[..]), ("zeros", &[0; 513])] {
            let path = format!("{name}.csv.{}", codec.suffix());
            tree.file(&path, [&packed[..], behind].concat());
            expected.push(("malformed".to_owned(), path.into_bytes()));
        }
    }
    expected.sort();
    for operation in ["decompress", "profile"] {
        let done = spec(operation, &tree.path()).run();
        assert_eq!(done.issue_kinds(), expected, "{operation} {:?}", done.issues());
        // Tapes pad files with zeros, and `gzip -t` takes them for none of its own.
        let table = if operation == "decompress" { ("result", "status") } else { ("files", "read") };
        let rows = done.table(table.0);
        let whole: Vec<_> =
            rows.iter().filter(|row| row.text(table.1) == "whole").map(|row| row.text("path").to_owned()).collect();
        assert_eq!(whole, ["zeros.csv.gz"], "{operation}");
    }
}

#[test]
fn every_name_of_a_zip_has_its_end_looked_at() {
    let tree = Tree::new();
    let mut archive = rawzip::ZipArchiveWriter::new(Vec::new());
    archive.new_dir("folder/").create().unwrap();
    let zip = archive.finish().unwrap();
    let names = ["a.jar", "a.whl", "a.zip", "a.zipx"];
    names.iter().fold(&tree, |tree, name| tree.file(name, [&b"padding"[..], &zip].concat()));
    let done = spec("decompress", &tree.path()).run();
    let whole = names.map(|name| (name.to_owned(), "whole".to_owned()));
    assert_eq!(statuses(&done), whole, "{:?}", done.issues());
}

#[test]
fn streams_are_what_they_begin_as_behind_frames_that_are_skipped_and_in_the_old_form() {
    let long = noise(9 << 20, 3);
    for (name, packed, content) in [
        ("a.csv.zst", pzstd(CSV), CSV),
        ("b.csv.lz4", lz4_legacy(CSV), CSV),
        ("c.csv.lz4", [SKIPPED, &lz4(CSV)].concat(), CSV),
        (
            "d.csv.lz4",
            [&lz4(CSV)[..], SKIPPED, &lz4_legacy(b"3,more\n")].concat(),
            b"id,name\n1,hello\n2,world\n3,more\n",
        ),
        ("e.lz4", lz4_legacy(&long), &long[..]),
        ("f.csv.zst", [&zstd::encode_all(CSV, 1).unwrap()[..], SKIPPED].concat(), CSV),
    ] {
        let tree = Tree::new();
        tree.file(name, &packed);
        assert!(Codec::of(&packed).is_some(), "{name}");
        let out = tree.beside("out");
        let done = spec("decompress", &tree.path()).option("destination", out.to_str().unwrap()).run();
        assert_eq!(done.summary()["verdict"], "whole", "{name} {:?}", done.issues());
        let target = out.join(name.rsplit_once('.').unwrap().0);
        assert!(fs::read(target).unwrap() == content, "{name}");
        // Cut anywhere, it is damaged.
        tree.file(name, &packed[..packed.len() - 3]);
        assert_eq!(spec("decompress", &tree.path()).run().summary()["verdict"], "damaged", "{name}");
        if name.contains(".csv") {
            tree.file(name, &packed);
            let profile = spec("profile", &tree.path()).run();
            let records = content.iter().filter(|&&byte| byte == b'\n').count() - 1;
            assert_eq!((profile.count("issues"), &profile.summary()["records"]), (0, &records.into()), "{name}");
            let search = spec("search", &tree.path())
                .option("patterns", serde_json::json!(["hello"]))
                .option("search_compressed", true)
                .run();
            assert_eq!(search.summary()["matches"], 1, "{name}");
        }
    }
}

#[test]
fn what_is_no_stream_though_its_name_says_so_is_never_read_as_text() {
    for (name, content) in
        [("a.csv.gz", CSV), ("a.csv.zst", b""), ("a.jsonl.xz", b"{\"a\": 1}\n"), ("a.csv.Z", CSV), ("a.tsv.lzma", CSV)]
    {
        let tree = Tree::new();
        tree.file(name, content);
        for operation in ["profile", "validate", "convert"] {
            let done = spec(operation, &tree.path()).run();
            assert_eq!((done.count("issues"), done.summary()["files"].as_u64()), (1, Some(0)), "{operation} {name}");
        }
        let verdict = |operation| spec(operation, &tree.path()).run().summary()["verdict"].clone();
        assert_eq!((verdict("validate"), verdict("convert")), ("partial".into(), "failed".into()), "{name}");
    }
    let tree = Tree::new();
    tree.file("a.csv.gz", "hello\n").file("b.txt", "hello\n");
    let job = spec("search", &tree.path()).option("patterns", serde_json::json!(["hello"]));
    let done = job.option("search_compressed", true).run();
    assert_eq!((&done.summary()["matches"], done.count("issues")), (&1.into(), 1));
}

#[test]
fn an_open_quote_at_the_end_is_not_valid_nor_whole() {
    let tree = Tree::new();
    tree.file("a.csv", "id,name\n1,a\n2,\"open\n3,b\n4,c\n");
    let validated = spec("validate", &tree.path()).run();
    assert_eq!(validated.summary()["verdict"], "partial");
    assert_eq!(validated.table("result")[0].text("verdict"), "partial");
    let converted = spec("convert", &tree.path()).run();
    assert_eq!(converted.summary()["verdict"], "partial");
    assert_eq!(converted.table("result")[0].text("verdict"), "partial");
    assert_eq!(partial(&converted, "a.parquet").as_deref(), Some("true"));
}

/// What the metadata of a converted file says.
fn partial(done: &Done, name: &str) -> Option<String> {
    use parquet::file::reader::FileReader;
    let file = fs::File::open(done.own_folder().join("converted").join(name)).unwrap();
    let reader = parquet::file::serialized_reader::SerializedFileReader::new(file).unwrap();
    let all = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    all.into_iter().find(|one| one.key == "pravah.partial").and_then(|one| one.value)
}

#[test]
fn a_file_whose_end_is_missing_does_not_get_the_name_of_a_whole_one() {
    let tree = Tree::new();
    let cut = gzip(&b"1,some text\n".repeat(200_000));
    tree.file("long.csv", [&b"id,name\n1,a\n2,\""[..], &vec![b'x'; 17 << 20]].concat())
        .file("cut.csv.gz", &cut[..cut.len() / 2]);
    tree.file("whole.csv", CSV);
    for (to, suffix) in [("parquet", "parquet"), ("csv", "csv"), ("jsonl", "jsonl")] {
        let done = spec("convert", &tree.path()).option("to", to).run();
        let names: Vec<String> = done.table("result").iter().map(|row| row.text("written_as").to_owned()).collect();
        let mut names = names;
        names.sort();
        assert_eq!(names, ["cut.partial", "long.partial", "whole"].map(|stem| format!("{stem}.{suffix}")));
        assert_eq!((&done.summary()["verdict"], &done.summary()["partial_files"]), (&"partial".into(), &2.into()));
        if to == "parquet" {
            assert_eq!(partial(&done, "long.partial.parquet").as_deref(), Some("true"));
            assert_eq!(partial(&done, "whole.parquet"), None);
        }
    }
}

#[test]
fn a_conversion_says_what_is_missing() {
    let tree = Tree::new();
    let verdict = |tree: &Tree| {
        let done = spec("convert", &tree.path()).option("column_types", serde_json::json!(["id=integer"])).run();
        done.summary()["verdict"].as_str().unwrap().to_owned()
    };
    tree.file("a.csv", "id,name\nx,a\ny,b\n");
    assert_eq!(verdict(&tree), "failed", "every record is rejected");
    tree.file("a.csv", "id,name\n1,a\ny,b\n");
    assert_eq!(verdict(&tree), "partial");
    tree.file("a.csv", "id,name\n1,a\n2,b\n");
    assert_eq!(verdict(&tree), "whole");
    tree.file("b.csv.gz", "id,name\n");
    assert_eq!(verdict(&tree), "partial", "one file was not converted");
}

#[test]
fn what_was_not_read_is_not_valid() {
    let tree = Tree::new();
    let verdict = |tree: &Tree| spec("validate", &tree.path()).run().summary()["verdict"].clone();
    assert_eq!(verdict(&tree), "partial", "nothing was looked at");
    tree.file("a.csv", CSV);
    assert_eq!(verdict(&tree), "valid");
    tree.file("b.csv.gz", "");
    assert_eq!(verdict(&tree), "partial");
}

#[test]
fn the_original_is_kept_and_not_what_is_called_a_copy() {
    for (original, copy) in [
        ("2023/a", "2023 (copy)/a"),
        ("photograph.jpg", "photo (1).jpg"),
        ("report", "report~"),
        ("settings.conf", "a.bak"),
        ("work/data", "backup/d"),
        ("copyright.txt", "z copy.txt"),
        ("film (2023).mp4", "film copy.mp4"),
        ("b", "aa"),
        ("a", "b"),
    ] {
        let tree = Tree::new();
        tree.file(original, "content").file(copy, "content").modified(original, 9, 0).modified(copy, 9, 0);
        let done = spec("duplicates", &tree.path()).run();
        let kept: Vec<String> = done
            .table("result")
            .iter()
            .filter(|row| row.text("standing") == "kept")
            .map(|row| row.text("path").to_owned())
            .collect();
        assert_eq!(kept, [original]);
    }
}
