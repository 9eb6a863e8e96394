//! A prefix of a bucket as a source: all that a directory of the same files gives, and what only a bucket does.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::bucket::{Bucket, Fault};
use crate::common::digests::{digest, noise};
use crate::common::rows::Cell;
use crate::common::run::{Done, spec};
use crate::common::tree::Tree;
use pravah_engine::Job;
use pravah_foundation::base::control::Control;
use pravah_foundation::source::objects::Credentials;
use serde_json::json;

/// When all objects of the bucket were written.
const SECONDS: i64 = 1_706_933_106;

fn text_files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = (0..25)
        .map(|number| (format!("d{}/{number:02}.txt", number % 4), format!("needle {number}\nplain\n").into_bytes()))
        .collect();
    files.push(("table.csv".into(), b"id,name\n1,a\n2,b\n3,\n".to_vec()));
    files.push(("deep/er/copy.csv".into(), b"id,name\n1,a\n2,b\n3,\n".to_vec()));
    files.push(("empty".into(), Vec::new()));
    files.push(("a b+c&d<e>%2F\u{fc}".into(), noise(3_000_000, 5)));
    files
}

/// A bucket and a tree of the same files.
fn both(files: &[(String, Vec<u8>)]) -> (Bucket, Tree) {
    let tree = Tree::new();
    for (path, content) in files {
        tree.file(path, content).modified(path, SECONDS, 0);
    }
    let keys = files.iter().map(|(path, content)| (format!("in/{path}"), content.clone()));
    (Bucket::new(keys.chain([("inside".into(), b"no".to_vec()), ("in".into(), b"no".to_vec())])), tree)
}

/// Rows of files without what only a file system says of them.
fn rows(done: &Done, table: &str) -> Vec<String> {
    let of_the_place = ["changed", "inode", "allocated_bytes", "owner", "group", "mode", "device", "link_count"];
    let mut rows: Vec<String> = done
        .table(table)
        .iter()
        .filter(|row| row.0.get("kind").is_none_or(|kind| *kind == Cell::Text("file".into())))
        .map(|row| {
            let kept = row.0.iter().filter(|(name, _)| !of_the_place.contains(&name.as_str()));
            format!("{:?}", kept.collect::<BTreeMap<_, _>>())
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn every_operation_gives_what_it_gives_of_a_directory() {
    let (bucket, tree) = both(&text_files());
    for (operation, tables) in [
        ("checksum", &["result"][..]),
        ("inventory", &["result", "by_extension"]),
        ("search", &["result", "by_file", "by_pattern"]),
        ("text_statistics", &["result"]),
        ("profile", &["result", "files"]),
        ("duplicates", &["result", "groups"]),
    ] {
        let with = |job: crate::common::run::Spec| match operation {
            "search" => job.option("patterns", json!(["needle", "n?me"])).run(),
            "checksum" => job.option("algorithms", json!(["blake3", "sha256"])).run(),
            _ => job.run(),
        };
        let (there, here) = (with(bucket.spec(operation, "in")), with(spec(operation, &tree.path())));
        assert_eq!(there.issue_kinds(), here.issue_kinds(), "{operation}");
        for counted in ["files", "directories", "bytes"] {
            assert_eq!(there.count(counted), here.count(counted), "{operation}: {counted}");
        }
        for table in tables {
            assert!(!rows(&here, table).is_empty(), "{operation}.{table}");
            assert_eq!(rows(&there, table), rows(&here, table), "{operation}.{table}");
        }
    }
}

#[test]
fn files_are_made_of_objects() {
    let (bucket, tree) = both(&text_files());
    let out = tree.beside("out");
    let pack = |prefix: &str| bucket.spec("compress", prefix).option("destination", out.to_str().unwrap()).run();
    assert_eq!(pack("in").issues().len(), 0);
    let packed = std::fs::File::open(out.join("d1/01.txt.zst")).unwrap();
    assert_eq!(zstd::decode_all(packed).unwrap(), b"needle 1\nplain\n");
    let done = bucket.spec("archive", "in").option("form", "tar").option("archive_name", "all").run();
    let content = done.read("all.tar");
    let mut archive = tar::Archive::new(&content[..]);
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        if entry.header().entry_type().is_file() {
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
            assert_eq!(entry.header().mtime().unwrap(), SECONDS as u64, "{path}");
            found.insert(path, content);
        }
    }
    assert_eq!(found, text_files().into_iter().collect());
}

#[test]
fn the_rules_of_a_walk_hold() {
    let (bucket, tree) = both(&text_files());
    for (rule, value) in [
        ("ignore_globs", json!(["d1/", "*.csv"])),
        ("extensions", json!(["txt"])),
        ("max_depth", json!(1)),
        ("min_size_bytes", json!(10)),
        ("follow_links", json!(true)),
        ("one_file_system", json!(true)),
    ] {
        let run = |job: crate::common::run::Spec| job.walk(rule, value.clone()).run();
        let (there, here) = (run(bucket.spec("checksum", "in/")), run(spec("checksum", &tree.path())));
        assert_eq!(rows(&there, "result"), rows(&here, "result"), "{rule}");
        assert_eq!(there.count("filtered"), here.count("filtered"), "{rule}");
    }
    let run = |from: &str| bucket.spec("checksum", "in").walk("modified_since", from).run().count("files");
    assert_eq!((run("2024-02-03T04:05:06Z"), run("2024-02-03T04:05:07Z")), (text_files().len() as u64, 0));
}

#[test]
fn an_archive_tells_of_a_key_that_is_a_file_and_a_folder() {
    let bucket = Bucket::new([("in/both".to_owned(), b"file".to_vec()), ("in/both/x".to_owned(), b"x".to_vec())]);
    let done = bucket.spec("archive", "in").run();
    assert_eq!(done.issue_kinds(), [("unsupported".to_owned(), b"both".to_vec())]);
}

#[test]
fn no_key_is_lost() {
    let long = "x".repeat(900);
    let taken = ["a", "a/b", "...", " ", "c/\u{85}", long.as_str(), "trailing/x"];
    let refused = ["/abs", "//two", "d//e", "f/./g", "f/../h", "..", ".", "i\nj", "\u{1}", "with content/"];
    let keys = taken.iter().chain(&refused).map(|key| (format!("p/{key}"), (*key).to_owned()));
    let bucket = Bucket::new(keys.chain([("p/".into(), String::new()), ("p/trailing/".into(), String::new())]));
    let done = bucket.spec("checksum", "p/").run();
    let found: Vec<Vec<u8>> = done.by_path("result").into_keys().collect();
    let mut expected: Vec<Vec<u8>> = taken.iter().map(|key| key.as_bytes().to_vec()).collect();
    expected.sort();
    assert_eq!(found, expected);
    // Two keys below one part that is refused are one issue, of that part.
    let told: Vec<Vec<u8>> = done
        .issue_kinds()
        .into_iter()
        .map(|(kind, path)| {
            assert_eq!(kind, "unsupported");
            path
        })
        .collect();
    let mut parts: Vec<&[u8]> = vec![b"/", b"d//", b"f/./", b"f/../", b"..", b".", b"i\nj", b"\x01", b"with content/"];
    parts.sort();
    assert_eq!(told, parts);
}

#[test]
fn a_prefix_is_a_folder_where_there_is_one() {
    let bucket =
        Bucket::new([("logs/2024-01/a", "1"), ("logs/2024-02/b", "22"), ("logs/2025/c", "3"), ("logs2/d", "4")]);
    let paths = |prefix: &str| -> Vec<String> {
        let found = bucket.spec("checksum", prefix).run().by_path("result");
        found.into_keys().map(|path| String::from_utf8(path).unwrap()).collect()
    };
    assert_eq!(paths("logs"), ["2024-01/a", "2024-02/b", "2025/c"]);
    assert_eq!(paths("logs/2024-"), ["2024-01/a", "2024-02/b"]);
    assert_eq!(paths("logs/2025/c"), ["c"]);
    assert_eq!(paths("").len(), 4);
    for prefix in ["nothing", "logs/2024-01/a/", "logs/2024-01/ab"] {
        assert_eq!(bucket.spec("checksum", prefix).fails().code(), "source_not_found", "{prefix}");
    }
}

#[test]
fn a_large_object_is_read_in_parts_of_one_state() {
    let content = noise((40 << 20) + 7, 3);
    let bucket = Bucket::new([("large", content.clone())]);
    let job = bucket.spec("checksum", "").option("algorithms", json!(["sha256"]));
    let done = job.run();
    assert_eq!(done.by_path("result")[&b"large"[..]].text("sha256"), digest("sha256", &content));
    let parts = bucket.asked().iter().filter(|asked| asked.range.is_some()).count();
    assert_eq!(parts, 5, "after the first 8 MiB");
    // A connection that breaks is taken up where it broke.
    let mut cuts = 0;
    bucket.fault(move |asked, _| {
        cuts += u32::from(!asked.lists());
        (!asked.lists() && cuts < 4).then_some(Fault::Cut(3 << 20))
    });
    assert_eq!(rows(&job.run(), "result"), rows(&done, "result"));
    let other = noise(content.len(), 4);
    bucket.fault(move |asked, objects| {
        if asked.range.is_some_and(|(start, _)| start == 16 << 20) {
            objects.insert("large".into(), other.clone());
        }
        None
    });
    assert_eq!(job.run().issue_kinds(), [("changed_while_read".to_owned(), b"large".to_vec())]);
}

#[test]
fn an_object_that_changes_between_listing_and_reading_is_read_as_it_is_and_one_that_goes_has_vanished() {
    let bucket = Bucket::new([("a", "old"), ("b", "b"), ("c", "c")]);
    bucket.fault(|asked, objects| {
        if asked.lists() {
            return None;
        }
        objects.insert("a".into(), b"newer".to_vec());
        objects.remove("b");
        None
    });
    // One after the other, so that both are read after the change.
    let done = bucket.spec("checksum", "").run();
    assert_eq!(done.issue_kinds(), [("vanished".to_owned(), b"b".to_vec())]);
    let row = &done.by_path("result")[&b"a"[..]];
    assert_eq!((row.text("blake3"), row.integer("size_bytes")), (digest("blake3", b"newer").as_str(), 5));
}

#[test]
fn a_server_that_is_busy_is_asked_again_and_one_that_stays_so_costs_one_file() {
    let bucket = Bucket::new([("bad", "1"), ("good", "2")]);
    let mut refusals = BTreeMap::new();
    bucket.fault(move |asked, _| {
        let times = refusals.entry((asked.key.clone(), asked.prefix.clone())).or_insert(0);
        *times += 1;
        (asked.key == "bad" || *times <= 2).then_some(Fault::Status(503))
    });
    let done = bucket.spec("checksum", "").run();
    assert_eq!(done.issue_kinds(), [("unreadable".to_owned(), b"bad".to_vec())]);
    assert_eq!(done.by_path("result").into_keys().collect::<Vec<_>>(), [b"good"]);
}

#[test]
fn a_listing_that_fails_ends_the_job() {
    let bucket = Bucket::new([("p/a/1", "1"), ("p/b/2", "2")]);
    for (status, code) in [(403, "source_forbidden"), (404, "source_not_found"), (400, "storage_unavailable")] {
        bucket.fault(move |asked, _| (asked.prefix == "p/b/").then_some(Fault::Status(status)));
        let error = bucket.spec("checksum", "p").fails();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains("s3://b/p"), "{error}");
    }
    // One that breaks off is not taken for a short one.
    let mut cuts = 0;
    bucket.fault(move |asked, _| {
        cuts += u32::from(asked.prefix == "p/b/");
        (asked.prefix == "p/b/" && cuts == 1).then_some(Fault::Cut(150))
    });
    assert_eq!(bucket.spec("checksum", "p").run().count("files"), 2);
}

#[test]
fn what_is_unchanged_is_not_asked_for_again() {
    let bucket = Bucket::new(text_files());
    let first = bucket.spec("checksum", "").run();
    let baseline = json!({"checksum": first.shards("result")});
    bucket.asked();
    let again = bucket.spec("checksum", "").baselines(baseline.clone()).run();
    assert_eq!(again.summary()["reused_files"], json!(text_files().len()));
    assert!(bucket.asked().iter().all(crate::common::bucket::Asked::lists), "no object is asked for");
    assert_eq!(rows(&again, "result"), rows(&first, "result"));
    // As long as before, and of the same second.
    bucket.put("table.csv", "id,name\n1,a\n2,c\n3,\n");
    let changed = bucket.spec("checksum", "").baselines(baseline).run();
    let asked: Vec<String> = bucket.asked().into_iter().filter(|one| !one.lists()).map(|one| one.key).collect();
    assert_eq!(asked, ["table.csv"]);
    assert_ne!(rows(&changed, "result"), rows(&first, "result"));
}

#[test]
fn the_first_look_of_duplicates_asks_for_the_ends_of_large_objects_only() {
    let content = noise(3_000_000, 6);
    let with = |place: usize| {
        let mut changed = content.clone();
        changed[place] ^= 1;
        changed
    };
    let files: Vec<(String, Vec<u8>)> =
        [("one", content.clone()), ("same", content.clone()), ("begin", with(0)), ("end", with(2_999_999))]
            .into_iter()
            .chain([("middle", with(1_500_000)), ("small", noise(100_000, 7)), ("small-too", noise(100_000, 8))])
            .map(|(name, content)| (name.to_owned(), content))
            .collect();
    let (bucket, tree) = both(&files);
    let done = bucket.spec("duplicates", "in").run();
    let whole: BTreeMap<String, usize> =
        bucket.asked().into_iter().filter(|asked| !asked.lists()).fold(BTreeMap::new(), |mut whole, asked| {
            *whole.entry(asked.key).or_default() += usize::from(asked.range.is_none());
            whole
        });
    let times = |key: &str| whole[&format!("in/{key}")];
    assert_eq!((times("begin"), times("end")), (0, 0), "their ends tell them from the others");
    assert_eq!((times("one"), times("same"), times("middle")), (1, 1, 1), "alike at their ends");
    assert_eq!((times("small"), times("small-too")), (1, 1), "as cheap as their ends");
    let there = spec("duplicates", &tree.path()).run();
    assert_eq!(rows(&done, "result"), rows(&there, "result"));
    assert_eq!(done.summary()["groups"], json!(1));
    // Two ends of two objects are no file's.
    let mut times = 0;
    bucket.fault(move |asked, objects| {
        times += u32::from(asked.key == "in/one");
        if times == 2 {
            objects.insert("in/one".into(), noise(3_000_000, 9));
        }
        None
    });
    let done = bucket.spec("duplicates", "in").run();
    assert_eq!(done.issue_kinds(), [("changed_while_read".to_owned(), b"one".to_vec())]);
    assert_eq!(done.summary()["groups"], json!(0));
}

#[test]
fn a_manifest_is_verified_against_a_prefix() {
    let (bucket, tree) = both(&text_files());
    let sums = spec("checksum", &tree.path()).option("algorithms", json!(["sha256"])).run().read("manifest.sha256");
    let manifest = tree.beside("sums.sha256");
    std::fs::write(&manifest, sums).unwrap();
    let verify = |prefix: &str| bucket.spec("verify", prefix).option("manifest", manifest.to_str().unwrap()).run();
    assert_eq!(verify("in").summary()["verdict"], "verified");
    bucket.put("in/table.csv", "other");
    bucket.put("in/new", "new");
    let statuses = verify("in").summary()["statuses"].clone();
    assert_eq!((&statuses["changed"], &statuses["new"]), (&json!(1), &json!(1)));
}

#[test]
fn requests_are_signed_with_the_credentials_of_the_moment_and_nothing_shows_them() {
    let bucket = Bucket::new([("a", "1")]);
    let bad = Credentials::from_json(br#"{"key_id": 5, "secret_key": "SECRET"}"#).unwrap_err().to_string();
    assert!(!bad.contains("SECRET") && !bad.contains('5'), "{bad}");
    let keys = |id: &str| json!({"key_id": id, "secret_key": "SECRET", "token": "TOKEN"}).to_string().into_bytes();
    let credentials = Credentials::from_json(&keys("FIRST")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let document = bucket.spec("checksum", "").output("directory", folder.path().join("out").to_str().unwrap()).json();
    let job = Job::prepare_with(&document, Some(&credentials)).unwrap();
    assert!(!format!("{job:?}{credentials:?}").contains("SECRET"));
    credentials.renew(&keys("SECOND")).unwrap();
    job.run(&Arc::new(Control::new())).unwrap();
    let signed =
        |asked: &crate::common::bucket::Asked| asked.authorization.clone().unwrap().contains("Credential=SECOND/");
    assert!(bucket.asked().iter().all(signed));
    bucket.spec("checksum", "").run();
    assert!(bucket.asked().iter().all(|asked| asked.authorization.is_none()), "a public bucket is asked unsigned");
}

#[test]
fn a_wait_for_the_network_is_cancelled() {
    for hangs_in_listing in [true, false] {
        let (bucket, (reached, wait)) = (Bucket::new([("a", "1")]), std::sync::mpsc::channel());
        let (_hold, held) = std::sync::mpsc::channel::<()>();
        bucket.fault(move |asked, _| {
            if asked.lists() == hangs_in_listing {
                let _ = reached.send(());
                let _ = held.recv();
            }
            None
        });
        let (_folder, job) = bucket.spec("checksum", "").prepare();
        let (control, job) = (Arc::new(Control::new()), job.unwrap());
        let running = Arc::clone(&control);
        let thread = std::thread::spawn(move || job.run(&running).map(|_| ()));
        wait.recv().unwrap();
        let asked = std::time::Instant::now();
        control.cancel();
        assert_eq!(thread.join().unwrap().unwrap_err().code(), "cancelled");
        assert!(asked.elapsed() < std::time::Duration::from_millis(1000), "{:?}", asked.elapsed());
    }
}
