//! verify of S3 ETags: one that matches proves a file; one that does not proves nothing, unless it is stated how the
//! ETags were made.

use std::collections::BTreeMap;

use crate::common::again::{baselines, names, reused, same, watched};
use crate::common::digests::{digest, etag, noise};
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::Tree;
use serde_json::json;

const MIB: usize = 1 << 20;

fn verify(tree: &Tree, manifest: &str) -> Spec {
    let path = tree.beside("listed");
    std::fs::write(&path, manifest).unwrap();
    spec("verify", &tree.path()).option("manifest", path.to_str().unwrap())
}

fn md5(content: &[u8]) -> String {
    digest("md5", content)
}

/// path → status, expected, actual.
fn told(done: &Done) -> BTreeMap<String, (String, String, String)> {
    let text = |row: &crate::common::rows::Row, name: &str| {
        if row.is_null(name) { String::new() } else { row.text(name).to_owned() }
    };
    let cells = |(path, row): (Vec<u8>, crate::common::rows::Row)| {
        let cells = (text(&row, "status"), text(&row, "expected"), text(&row, "actual"));
        (String::from_utf8(path).unwrap(), cells)
    };
    done.by_path("result").into_iter().map(cells).collect()
}

#[test]
fn a_file_is_proven_by_its_etag_however_it_was_uploaded() {
    let tree = Tree::new();
    let large = noise(20 * MIB + 5, 1);
    tree.file("empty", "").file("small", "small").file("large", &large).file("empty-part", "").file("same", &large);
    tree.file("one-part", "small").file("odd", &large[..9 * MIB]).file("tiny-parts", "1234567").file("whole", &large);
    let listed = [
        ("empty", md5(b"")),
        ("small", md5(b"small")),
        ("whole", md5(&large)),
        ("one-part", etag(b"small", 8 * MIB)),
        ("empty-part", etag(b"", 8 * MIB)),
        // Of three parts are those of 8, 9 and 10 MiB.
        ("large", etag(&large, 8 * MIB)),
        ("same", etag(&large, 10 * MIB)),
        // The smallest in whole MiB, and parts of equal size.
        ("odd", etag(&large[..9 * MIB], 3 * MIB)),
        ("tiny-parts", etag(b"1234567", 3)),
    ];
    let lines = |quote: &str| -> String {
        listed.iter().map(|(name, etag)| format!("{quote}{etag}{quote}\t{name}\n")).collect()
    };
    for quote in ["\"", ""] {
        // Together with what reads every file anyway, the result is the same.
        for other in [false, true] {
            let mut job = verify(&tree, &lines(quote));
            if other {
                job = job.and("checksum");
            }
            let done = job.run().of("verify");
            let told = told(&done);
            for (name, etag) in &listed {
                assert_eq!(told[*name], ("ok".into(), etag.clone(), etag.clone()), "{name}");
            }
            let summary = done.summary();
            assert_eq!((&summary["verdict"], &summary["algorithm"]), (&json!("verified"), &json!("etag")));
            assert_eq!(done.issues().len(), 0);
        }
    }
}

#[test]
fn an_attempt_goes_on_from_the_etags_that_prove_a_file() {
    let tree = Tree::new();
    let large = noise(20 * MIB + 5, 1);
    tree.file("large", &large).file("small", "small").file("not", "proven").file("new", "new");
    let listed = format!("{}\tlarge\n{}\tsmall\n{}\tnot\n", etag(&large, 8 * MIB), md5(b"small"), md5(b"another"));
    let first = verify(&tree, &listed).run();
    let again =
        |listed: &str| watched(&verify(&tree, listed).baselines(baselines(&[&first], &["digests"])), &tree.path());
    let (second, opened) = again(&listed);
    // What is not proven is looked at again.
    assert_eq!(opened, names(&["not"]));
    assert_eq!(reused(&second), 3);
    same(&second, &first);
    // All sizes of a part that may make three of that file were computed; of another digest nothing is known.
    let other = listed.replace(&etag(&large, 8 * MIB), &etag(&large, 10 * MIB)).replace(&md5(b"small"), &md5(b"other"));
    let (third, opened) = again(&other);
    assert_eq!(opened, names(&["small", "not"]));
    assert_eq!(told(&third)["large"].0, "ok");
    same(&third, &verify(&tree, &other).run());
}

#[test]
fn what_an_etag_does_not_prove_is_not_verified_and_changed_only_where_it_is_known_how_etags_were_made() {
    let tree = Tree::new();
    let large = noise(12 * MIB, 2);
    tree.file("other", "now").file("parts", &large).file("short", "12").file("kept", "kept").file("odd", &large);
    tree.file("moved", "moved").file("moved-parts", noise(6 * MIB, 3));
    let odd = 4_200_000;
    let listed = [
        ("other", md5(b"then")),
        ("parts", etag(&noise(12 * MIB, 4), 8 * MIB)),
        ("short", etag(&large, 4 * MIB)),
        ("kept", md5(b"kept")),
        ("odd", etag(&large, odd)),
        ("gone", md5(b"moved")),
        ("gone-parts", etag(&noise(6 * MIB, 3), 5 * MIB)),
    ];
    let lines: String = listed.iter().map(|(name, etag)| format!("\"{etag}\"\t{name}\n")).collect();
    let done = verify(&tree, &lines).run();
    let rows = told(&done);
    let status = |name: &str| rows[name].0.as_str();
    assert_eq!([status("other"), status("parts"), status("short"), status("odd")], ["not_verified"; 4]);
    assert_eq!((status("kept"), status("moved")), ("ok", "moved"));
    assert_eq!((status("gone-parts"), status("moved-parts")), ("missing", "new"));
    assert_eq!(rows["other"].2, md5(b"now"), "the digest is told all the same");
    assert_eq!(rows["parts"].2, "", "which of several it is, nobody knows");
    let issues: BTreeMap<Vec<u8>, String> =
        done.issues().iter().map(|row| (row.path(), row.text("message").to_owned())).collect();
    assert_eq!(issues.len(), 4, "each says why: {issues:?}");
    assert!(issues[&b"other"[..]].contains("encrypted"), "{issues:?}");
    assert!(issues[&b"parts"[..]].contains("8388608"), "{issues:?}");
    assert!(issues[&b"short"[..]].contains("2 bytes, which cannot be 3 parts"), "{issues:?}");

    let done = verify(&tree, &lines).option("etag_part_bytes", odd).run();
    let rows = told(&done);
    let status = |name: &str| rows[name].0.as_str();
    assert_eq!((status("other"), status("odd"), status("kept")), ("changed", "ok", "ok"));
    // That these parts are of another size is plain: their number does not fit.
    assert_eq!((status("parts"), status("short")), ("not_verified", "not_verified"));
    let done = verify(&tree, &lines).option("etag_part_bytes", 8 * MIB).run();
    let rows = told(&done);
    assert_eq!(rows["parts"].0, "changed");
    assert_eq!(rows["parts"].2, etag(&large, 8 * MIB));
    assert_eq!(done.summary()["verdict"], "failed");
}

#[test]
fn a_listing_is_known_by_one_etag_among_many_digests() {
    let tree = Tree::new();
    let mut lines = String::new();
    for number in 0..100 {
        tree.file(format!("{number:03}"), format!("{number}"));
        lines += &format!("{}  {number:03}\n", md5(format!("{number}").as_bytes()));
    }
    assert_eq!(verify(&tree, &lines).run().summary()["algorithm"], "md5");
    tree.file("parts", "12345").dir("folder");
    lines += &format!("{}  parts\n{}  folder/\n", etag(b"12345", 3), md5(b""));
    let done = verify(&tree, &lines).run();
    let summary = done.summary();
    // The mark of a folder is no file, and no reason not to be sure.
    assert_eq!((&summary["algorithm"], &summary["verdict"]), (&json!("etag"), &json!("verified")));
    assert_eq!((&summary["listed"], &summary["statuses"]["ok"]), (&json!(101), &json!(101)));
    // Who knows that they are MD5s says so, and what is none cannot be used.
    tree.file("000", "other");
    let done = verify(&tree, &lines.replace("  ", "\t")).option("algorithm", "md5").run();
    let statuses = &done.summary()["statuses"];
    assert_eq!((&statuses["changed"], &statuses["ok"]), (&json!(1), &json!(99)));
    assert_eq!(done.summary()["unusable_lines"], 1);
    assert!(done.issues().iter().any(|row| row.text("message").contains("multipart upload")));
    let error = verify(&tree, &lines).option("etag_part_bytes", 0).fails();
    assert_eq!(error.code(), "invalid_options");
}
