//! verify: every path has exactly one status, the counts add up, the verdict is three-valued.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use crate::common::digests::{digest, noise};
use crate::common::rows::Row;
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, hostile_names};
use pravah_foundation::base::control::Control;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

fn verify(tree: &Tree, manifest: &std::path::Path) -> Spec {
    spec("verify", &tree.path()).option("manifest", manifest.to_str().unwrap())
}

/// A manifest beside the source, of these bytes.
fn manifest(tree: &Tree, name: &str, content: impl AsRef<[u8]>) -> std::path::PathBuf {
    let path = tree.beside(name);
    fs::write(&path, content).unwrap();
    path
}

fn sha(content: &str) -> String {
    digest("sha256", content.as_bytes())
}

/// path → status.
/// Null where there is no file.
fn size(row: &Row) -> Option<i64> {
    (!row.is_null("size_bytes")).then(|| row.integer("size_bytes"))
}

fn statuses(done: &Done) -> BTreeMap<String, String> {
    let rows = done.by_path("result");
    let named = |(path, row): (Vec<u8>, crate::common::rows::Row)| {
        (String::from_utf8_lossy(&path).into_owned(), row.text("status").to_owned())
    };
    rows.into_iter().map(named).collect()
}

/// The promises of every verify: one row a path, the counts add up, the verdict follows from them.
fn check(done: &Done) {
    let rows = done.table("result");
    let summary = done.summary();
    let counted = summary["statuses"].as_object().unwrap();
    let names = ["ok", "changed", "moved", "new", "missing", "unreadable", "not_verified"];
    let table = done.table("by_status");
    assert_eq!(table.iter().map(|row| row.text("status")).collect::<Vec<_>>(), names, "all seven, in that order");
    for row in &table {
        let of_status: Vec<_> = rows.iter().filter(|one| one.text("status") == row.text("status")).collect();
        assert_eq!(row.integer("files"), of_status.len() as i64);
        assert_eq!(counted[row.text("status")], of_status.len());
        let bytes = of_status.iter().filter_map(|row| size(row)).sum();
        assert_eq!(size(row), (row.text("status") != "missing").then_some(bytes), "what is missing has no size");
    }
    let count = |name: &str| counted[name].as_u64().unwrap();
    let listed: u64 = names.iter().filter(|name| **name != "new").map(|name| count(name)).sum();
    assert_eq!(summary["listed"], listed);
    let verdict = if count("changed") + count("missing") + count("moved") > 0 {
        "failed"
    } else if count("unreadable") + count("not_verified") + summary["unusable_lines"].as_u64().unwrap() > 0 {
        "incomplete"
    } else {
        "verified"
    };
    assert_eq!(summary["verdict"], verdict);
    done.by_path("result");
}

#[test]
fn each_status_has_its_case_and_its_columns() {
    let tree = Tree::new();
    tree.file("same", "same").file("changed", "now").file("new", "brand new").file("moved-to", "moved content");
    tree.file("linked", "x").link("link", "linked").dir("directory");
    let lines = [
        (sha("same"), "same"),
        (sha("before"), "changed"),
        (sha("gone"), "missing"),
        (sha("moved content"), "moved-from"),
        (sha("x"), "link"),
        (sha("x"), "directory"),
        (sha("x"), "linked"),
    ];
    let text: String = lines.iter().map(|(digest, name)| format!("{digest}  {name}\n")).collect();
    let done = verify(&tree, &manifest(&tree, "SHA256SUMS", text)).run();
    check(&done);
    let expected = [
        ("changed", "changed"),
        ("directory", "not_verified"),
        ("link", "not_verified"),
        ("linked", "ok"),
        ("missing", "missing"),
        ("moved-to", "moved"),
        ("new", "new"),
        ("same", "ok"),
    ];
    assert_eq!(statuses(&done), expected.map(|(path, status)| (path.to_owned(), status.to_owned())).into());
    let rows = done.by_path("result");
    let cells = |path: &str| {
        let row = &rows[path.as_bytes()];
        let text = |column| if row.is_null(column) { String::new() } else { row.text(column).to_owned() };
        (text("expected"), text("actual"), text("moved_from"), size(row), text("algorithm"))
    };
    let sha256 = "sha256".to_owned();
    let none = String::new;
    assert_eq!(cells("same"), (sha("same"), sha("same"), none(), Some(4), sha256.clone()));
    assert_eq!(cells("changed"), (sha("before"), sha("now"), none(), Some(3), sha256.clone()));
    let moved = sha("moved content");
    assert_eq!(cells("moved-to"), (moved.clone(), moved, "moved-from".into(), Some(13), sha256.clone()));
    assert_eq!(cells("new"), (none(), sha("brand new"), none(), Some(9), sha256.clone()));
    assert_eq!(cells("missing"), (sha("gone"), none(), none(), None, sha256.clone()));
    assert_eq!(cells("link"), (sha("x"), none(), none(), Some(6), sha256));
    assert_eq!(done.summary()["verdict"], "failed");
    assert_eq!(
        done.issue_kinds(),
        [("unsupported".into(), b"directory".to_vec()), ("unsupported".into(), b"link".to_vec())]
    );
}

#[test]
fn manifests_in_utf_16_are_read_and_those_of_other_algorithms_are_refused_by_their_names() {
    let tree = Tree::new();
    tree.file("a", "a").file("größe", "b");
    let of = |algorithm: &str| format!("{}  a\r\n{} *größe\r\n", digest(algorithm, b"a"), digest(algorithm, b"b"));
    for (name, order) in [("little", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("big", u16::to_be_bytes)] {
        for algorithm in ["sha256", "sha512"] {
            let wide: Vec<u8> = format!("\u{feff}{}", of(algorithm)).encode_utf16().flat_map(order).collect();
            let done = verify(&tree, &manifest(&tree, name, wide)).run();
            check(&done);
            assert_eq!(
                (&done.summary()["verdict"], &done.summary()["algorithm"]),
                (&"verified".into(), &algorithm.into())
            );
        }
    }
    let (long, other) = ("0".repeat(128), "0".repeat(96));
    for (name, content, words) in [
        ("B2SUMS.b2sum", format!("{long}  a\n"), "digests of BLAKE2, as its name says"),
        ("sums", format!("{long}  a\n"), "none of the 1 files that were tried has its own"),
        ("sha384.txt", format!("{other}  a\n"), "digests of SHA-384, as its name says"),
        ("sums", format!("{other}  a\n"), "the first one has 48 bytes"),
        ("tags", format!("SHA384 (a) = {other}\n"), "the first one has a digest of an algorithm that is not supported"),
    ] {
        let message = verify(&tree, &manifest(&tree, name, content)).fails().to_string();
        assert!(message.contains(words), "{name}: {message}");
    }
    // A file that is not there, or stated by the options: SHA-512.
    for (line, algorithm) in [(format!("{long}  gone\n"), "auto"), (format!("{long}  a\n"), "sha512")] {
        let done = verify(&tree, &manifest(&tree, "sums", line)).option("algorithm", algorithm).run();
        assert_eq!((&done.summary()["verdict"], &done.summary()["algorithm"]), (&"failed".into(), &"sha512".into()));
    }
}

#[test]
fn every_algorithm_verifies_its_own_manifest_and_result() {
    let tree = Tree::new();
    for name in hostile_names() {
        tree.file(&name, &name);
    }
    tree.file("large", noise(2_000_000, 3));
    let files = hostile_names().len() as u64 + 1;
    for algorithm in crate::common::digests::ALGORITHMS {
        let sums = spec("checksum", &tree.path()).option("algorithms", json!([algorithm])).threads(1).run();
        let name = sums.result()["files"][0]["name"].as_str().unwrap();
        let left_out = sums.issues().len() as u64;
        let done = verify(&tree, &sums.folder().join(name)).run();
        check(&done);
        assert_eq!(done.summary()["algorithm"], algorithm);
        let counts = &done.summary()["statuses"];
        assert_eq!((&counts["ok"], &counts["new"]), (&json!(files - left_out), &json!(left_out)), "{algorithm}");
        for result in ["", "checksum", "checksum/result", "checksum/result/part-00000.parquet"] {
            let done = verify(&tree, &sums.folder().join(result)).run();
            check(&done);
            assert_eq!(done.summary()["statuses"]["ok"], files, "{algorithm} from {result:?}");
            assert_eq!(done.summary()["verdict"], "verified");
        }
    }
}

#[test]
fn a_result_of_several_algorithms_and_shards_is_read_whole() {
    let tree = Tree::new();
    (0..100).for_each(|number| {
        tree.file(format!("f{number}"), format!("{number}"));
    });
    let sums =
        spec("checksum", &tree.path()).option("algorithms", json!(["md5", "sha1"])).output("shard_rows", 9).run();
    assert!(sums.shards("result").len() > 10);
    let done = verify(&tree, &sums.folder()).option("algorithm", "md5").run();
    check(&done);
    assert_eq!((&done.summary()["statuses"]["ok"], &done.summary()["algorithm"]), (&json!(100), &json!("md5")));
    let done = verify(&tree, &sums.folder()).run();
    assert_eq!(done.summary()["algorithm"], "sha1", "the first of the result's columns");
    let error = verify(&tree, &sums.folder()).option("algorithm", "blake3").fails();
    assert!(error.code() == "invalid_options" && error.to_string().contains("no column blake3"), "{error}");
}

#[test]
fn manifests_of_all_forms_are_read() {
    let tree = Tree::new();
    tree.file("a", "1").file("b c", "2").file("d/e", "3").file("new\nline", "4").file("back\\slash", "5");
    let absolute = tree.at("d/e");
    let source = tree.path();
    let forms = [
        ("plain", format!("{}  a\n{} *b c\n", sha("1"), sha("2"))),
        ("CRLF and BOM", format!("\u{feff}{}  a\r\n\r\n{}  b c\r\n", sha("1"), sha("2"))),
        ("no newline at the end", format!("{}  a\n{}  b c", sha("1"), sha("2"))),
        ("upper case, leading blanks, comments", format!("# comment\n\n  {}  a\n; {}", sha("1").to_uppercase(), "")),
        ("BSD tags", format!("SHA256 (a) = {}\nSHA256 (b c) = {}\n", sha("1"), sha("2"))),
        ("OpenSSL", format!("SHA2-256(a)= {}\nsha256(b c)= {}\n", sha("1"), sha("2"))),
        ("BSD -r", format!("{} a\n{} b c\n", sha("1"), sha("2"))),
        ("./ and //", format!("{}  ./a\n{}  d//.//e\n", sha("1"), sha("3"))),
        ("absolute below the source", format!("{}  {}\n", sha("3"), absolute.display())),
        ("absolute with odd slashes", format!("{}  {}//d/./e\n", sha("3"), source.display())),
        ("escapes", format!("\\{}  new\\nline\n\\{}  back\\\\slash\n", sha("4"), sha("5"))),
        ("escaped tags", format!("\\SHA256 (new\\nline) = {}\n", sha("4"))),
        ("listed twice alike", format!("{}  a\n{}  ./a\n", sha("1"), sha("1"))),
    ];
    for (form, text) in forms {
        let done = verify(&tree, &manifest(&tree, "sums", &text)).run();
        check(&done);
        let counts = &done.summary()["statuses"];
        let bad: u64 = ["changed", "moved", "missing", "unreadable", "not_verified"]
            .iter()
            .map(|name| counts[name].as_u64().unwrap())
            .sum();
        assert_eq!(bad, 0, "{form}: {}", done.summary());
        assert!(counts["ok"].as_u64().unwrap() >= 1, "{form}: {}", done.summary());
        assert_eq!(done.summary()["algorithm"], "sha256", "{form}");
    }
}

#[test]
fn lines_that_cannot_be_used_make_the_verdict_incomplete() {
    let tree = Tree::new();
    tree.file("a", "1");
    let unusable = [
        "this is no line of a manifest".to_owned(),
        format!("{}  ", sha("1")),
        format!("{}zz  a", &sha("1")[2..]),
        "d41d8cd98f00b204e9800998ecf8427e  a".to_owned(),
        format!("MD5 (a) = {}", sha("1")),
        format!("\\{}  broken\\xescape", sha("1")),
        format!("{}  nul\0byte", sha("1")),
        format!("SHA1 (a) = {}", &sha("1")[..40]),
    ];
    for line in unusable {
        let done = verify(&tree, &manifest(&tree, "sums", format!("{}  a\n{line}\n", sha("1")))).run();
        check(&done);
        assert_eq!(done.summary()["verdict"], "incomplete", "{line:?}");
        assert_eq!(done.summary()["unusable_lines"], 1, "{line:?}");
        assert_eq!(done.summary()["statuses"]["ok"], 1);
        let issues = done.issues();
        assert!(issues[0].text("message").starts_with("line 2 "), "{}", issues[0].text("message"));
        assert_eq!((issues[0].text("kind"), issues[0].text("stage")), ("malformed", "read"));
    }
}

#[test]
fn paths_that_lead_outside_and_contradictions_are_not_verified() {
    let tree = Tree::new();
    tree.file("a", "1").file("twice", "2");
    fs::write(tree.beside("outside"), "o").unwrap();
    let lines = [
        format!("{}  ../outside", sha("o")),
        format!("{}  {}", sha("o"), tree.beside("outside").display()),
        format!("{}  d/../a", sha("1")),
        format!("{}  twice", sha("2")),
        format!("{}  twice", sha("other")),
        format!("{}  .", sha("1")),
        format!("{}  a", sha("1")),
        format!("{}  ../outside", sha("o")),
    ];
    let done = verify(&tree, &manifest(&tree, "sums", lines.join("\n"))).run();
    check(&done);
    let counts = &done.summary()["statuses"];
    assert_eq!((&counts["ok"], &counts["not_verified"], &done.summary()["listed"]), (&json!(1), &json!(5), &json!(6)));
    assert_eq!(done.summary()["verdict"], "incomplete");
    assert_eq!(done.issues().len(), 5);
}

#[test]
fn manifests_without_a_usable_line_are_refused_in_words() {
    let tree = Tree::new();
    tree.file("a", "1").dir("folder");
    let cases = [
        ("", "no line with a digest"),
        ("# only a comment\n\n", "no line with a digest"),
        ("some prose\nof two lines\n", "no line with a digest"),
        ("abcd  too-short\n", "no line with a digest"),
        (&format!("{}  ../outside\n", sha("1")), "does not list a file that can be verified"),
    ];
    for algorithm in ["auto", "sha256"] {
        for (text, words) in cases {
            let error = verify(&tree, &manifest(&tree, "sums", text)).option("algorithm", algorithm).fails();
            assert_eq!(error.code(), "invalid_options");
            let words = if algorithm == "sha256" && text.starts_with("abcd") { "does not list a file" } else { words };
            assert!(error.to_string().contains(words), "{text:?}: {error}");
        }
    }
    for (path, words) in [
        (tree.beside("absent"), "cannot be read"),
        (tree.at("folder"), "without a checksum result"),
        ("/dev/zero".into(), "not a regular file"),
    ] {
        let error = verify(&tree, &path).fails();
        assert!(error.code() == "invalid_options" && error.to_string().contains(words), "{error}");
    }
    let broken = manifest(&tree, "broken.parquet", "PAR1 no parquet");
    assert!(verify(&tree, &broken).fails().to_string().contains("not a checksum result"));
    let inventory = spec("inventory", &tree.path()).run();
    let error = verify(&tree, &inventory.own_folder()).fails();
    assert!(error.to_string().contains("no column of digests"), "{error}");
    for (option, value) in [("manifest", json!("relative")), ("algorithm", json!("sha512")), ("manifest", json!(""))] {
        let error = verify(&tree, &tree.at("a")).option(option, value).fails();
        assert_eq!(error.code(), "invalid_options", "{error}");
    }
}

#[test]
fn the_algorithm_is_found_from_tag_name_length_or_content() {
    let tree = Tree::new();
    tree.file("a", "content").file("b", "more");
    let line =
        |algorithm: &str, file: &str, content: &str| format!("{}  {file}\n", digest(algorithm, content.as_bytes()));
    let found = |name: &str, text: &str| {
        let done = verify(&tree, &manifest(&tree, name, text)).run();
        check(&done);
        assert_eq!(done.summary()["verdict"], "verified", "{name}");
        done.summary()["algorithm"].as_str().unwrap().to_owned()
    };
    for algorithm in crate::common::digests::ALGORITHMS {
        assert_eq!(found("sums", &line(algorithm, "a", "content")), algorithm, "by trying");
    }
    assert_eq!(found("x.b3", &line("blake3", "a", "content")), "blake3");
    assert_eq!(found("lib3.sha256", &line("sha256", "a", "content")), "sha256");
    assert_eq!(found("MD5SUMS", &line("md5", "a", "content")), "md5");
    let tag = format!("BLAKE3 (a) = {}\n", digest("blake3", b"content"));
    assert_eq!(found("SHA256SUMS", &tag), "blake3", "a tag says more than a name");
    // The first listed file is gone: the next one tells.
    let done =
        verify(&tree, &manifest(&tree, "sums", line("blake3", "gone", "?") + &line("blake3", "b", "more"))).run();
    assert_eq!((&done.summary()["algorithm"], &done.summary()["statuses"]["ok"]), (&json!("blake3"), &json!(1)));
    // None is there: the likelier one, and all are missing.
    let done = verify(&tree, &manifest(&tree, "sums", line("blake3", "gone", "?"))).run();
    assert_eq!((&done.summary()["algorithm"], &done.summary()["statuses"]["missing"]), (&json!("sha256"), &json!(1)));
}

#[test]
fn moves_are_told_from_copies_and_from_empty_files() {
    let tree = Tree::new();
    tree.file("kept", "twin").file("b/new-twin", "twin").file("a/new-twin", "twin").file("empty-new", "");
    let text = [("kept", "twin"), ("gone-1", "twin"), ("gone-2", "twin"), ("gone-3", "twin"), ("empty-gone", "")];
    let text: String = text.iter().map(|(name, content)| format!("{}  {name}\n", sha(content))).collect();
    let path = manifest(&tree, "sums.sha256", text);
    for threads in [1, 2, 4] {
        let done = verify(&tree, &path).threads(threads).run();
        check(&done);
        let rows = done.by_path("result");
        let of = |path: &str| (rows[path.as_bytes()].text("status"), rows[path.as_bytes()].0["moved_from"].clone());
        let from = |path: &str| crate::common::rows::Cell::Text(path.to_owned());
        let null = crate::common::rows::Cell::Null;
        assert_eq!(of("kept"), ("ok", null.clone()));
        assert_eq!(of("a/new-twin"), ("moved", from("gone-1")), "the first by name, whatever the threads do");
        assert_eq!(of("b/new-twin"), ("moved", from("gone-2")));
        assert_eq!(of("gone-3"), ("missing", null.clone()));
        assert_eq!(of("empty-gone"), ("missing", null.clone()));
        assert_eq!(of("empty-new"), ("new", null.clone()));
    }
    let done = verify(&tree, &path).option("detect_moves", false).run();
    check(&done);
    let rows = done.by_path("result");
    assert!(rows[&b"a/new-twin"[..]].is_null("actual"), "it was not read");
    assert_eq!(rows[&b"a/new-twin"[..]].text("status"), "new");
}

#[test]
fn what_the_rules_leave_out_is_not_verified_rather_than_missing() {
    let tree = Tree::new();
    tree.file(".hidden/a", "1").file("deep/er/b", "2").file("log.txt", "3").file("ok", "4");
    tree.file("real/c", "5").link("alias", "real");
    let names =
        [(".hidden/a", "1"), ("deep/er/b", "2"), ("log.txt", "3"), ("ok", "4"), ("alias/c", "5"), ("ok/below", "x")];
    let text: String = names.iter().map(|(name, content)| format!("{}  {name}\n", sha(content))).collect();
    let spec = verify(&tree, &manifest(&tree, "sums.sha256", text));
    let spec = spec.walk("include_hidden", false).walk("max_depth", 2).walk("ignore_globs", json!(["*.txt"]));
    let done = spec.run();
    check(&done);
    let expected = [
        (".hidden/a", "not_verified"),
        ("alias/c", "not_verified"),
        ("deep/er/b", "not_verified"),
        ("log.txt", "not_verified"),
        ("ok", "ok"),
        ("ok/below", "missing"),
        ("real/c", "new"),
    ];
    assert_eq!(statuses(&done), expected.map(|(path, status)| (path.to_owned(), status.to_owned())).into());
    let followed = verify(&tree, &tree.beside("sums.sha256")).walk("follow_links", true).run();
    assert_eq!(statuses(&followed)["alias/c"], "ok");
}

#[test]
fn the_manifest_itself_is_no_new_file_unless_it_is_listed() {
    let tree = Tree::new();
    tree.file("a", "1").file("SHA256SUMS", format!("{}  a\n", sha("1"))).file("OTHER", "x");
    let control = Arc::new(Control::new());
    let done = verify(&tree, &tree.at("SHA256SUMS")).run_with(&control).unwrap();
    check(&done);
    assert_eq!(statuses(&done).keys().collect::<Vec<_>>(), ["OTHER", "a"]);
    assert_eq!(done.summary()["verdict"], "verified", "new files alone do not fail");
    let snapshot = control.snapshot();
    assert_eq!(snapshot.bytes_total, Some(snapshot.bytes_done));
    assert_eq!(snapshot.files_total, Some(snapshot.files_done));
}

#[test]
fn the_root_directory_may_be_the_source() {
    let tree = Tree::new();
    tree.file("a", "1");
    let manifest = manifest(&tree, "sums.sha256", format!("{}  {}\n", sha("1"), tree.at("a").display()));
    let spec = spec("verify", std::path::Path::new("/")).option("manifest", manifest.to_str().unwrap());
    // Nothing of it is walked: the rest of this machine is no part of the test.
    let done = spec.walk("ignore_globs", json!(["/*"])).run();
    check(&done);
    let row = &done.table("result")[0];
    let path = [b"/", &row.path()[..]].concat();
    assert_eq!((path.as_slice(), row.text("status")), (tree.at("a").as_os_str().as_bytes(), "not_verified"));
}

#[test]
fn a_long_line_is_malformed_and_the_next_one_counts() {
    let tree = Tree::new();
    tree.file("a", "1");
    let text = format!("{}  {}\n{}  a\n", sha("x"), "n".repeat(3 << 20), sha("1"));
    let done = verify(&tree, &manifest(&tree, "sums.sha256", text)).run();
    check(&done);
    assert_eq!((&done.summary()["statuses"]["ok"], &done.summary()["unusable_lines"]), (&json!(1), &json!(1)));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40, rng_seed: RngSeed::Fixed(0x7e41_f1ed), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn statuses_equal_a_naive_comparison(
        listed in proptest::collection::btree_map(0..30u8, 0..4u8, 1..20),
        there in proptest::collection::btree_map(0..30u8, 0..4u8, 0..20),
        threads in 1..4usize,
    ) {
        let tree = Tree::new();
        let content = |kind: u8| if kind == 0 { String::new() } else { format!("content {kind}") };
        let text: String = listed.iter().map(|(name, kind)| format!("{}  f{name}\n", sha(&content(*kind)))).collect();
        for (name, kind) in &there {
            tree.file(format!("f{name}"), content(*kind));
        }
        let done = verify(&tree, &manifest(&tree, "sums.sha256", text)).threads(threads).run();
        check(&done);
        let told = statuses(&done);
        for (name, kind) in &listed {
            let told = told.get(&format!("f{name}")).map(String::as_str);
            match there.get(name) {
                Some(now) if now == kind => prop_assert_eq!(told, Some("ok")),
                Some(_) => prop_assert_eq!(told, Some("changed")),
                // It is told as missing, or the row of the file it moved to tells of it.
                None => prop_assert!(matches!(told, Some("missing") | None)),
            }
        }
        let gone = |kind: u8| listed.iter().filter(|(name, of)| **of == kind && !there.contains_key(name)).count();
        let new = |kind: u8| there.iter().filter(|(name, of)| **of == kind && !listed.contains_key(name)).count();
        let moved: usize = (1..4).map(|kind| gone(kind).min(new(kind))).sum();
        prop_assert_eq!(done.summary()["statuses"]["moved"].as_u64(), Some(moved as u64));
        let new_left: usize = (0..4).map(new).sum::<usize>() - moved;
        prop_assert_eq!(done.summary()["statuses"]["new"].as_u64(), Some(new_left as u64));
    }
}
