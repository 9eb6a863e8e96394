//! duplicates: is a source safe to wipe? Only what is left once it is gone is a copy, and what nobody looked at is none.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::common::digests::noise;
use crate::common::mounted::run_mounted;
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::Tree;
use crate::common::volume::{cases, seed};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

/// Compare a tree with the directory `reference` beside it, which is made when it is not there.
fn wipe(tree: &Tree) -> Spec {
    let reference = tree.beside("reference");
    fs::create_dir_all(&reference).unwrap();
    spec("duplicates", &tree.path()).option("references", json!([reference.to_str().unwrap()]))
}

fn saved(tree: &Tree, name: &str, content: impl AsRef<[u8]>) {
    let path = tree.beside("reference").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn verdict(done: &Done) -> (&str, u64) {
    let figures = &done.summary()["reference"];
    (figures["safe_to_wipe"].as_str().unwrap(), figures["left_out"].as_u64().unwrap())
}

#[test]
fn what_a_rule_left_out_makes_the_verdict_unknown_and_is_counted() {
    for (rule, value, left_out) in [
        ("extensions", json!(["txt"]), 2),
        ("include_globs", json!(["*.txt"]), 2),
        ("ignore_globs", json!(["*.jpg"]), 1),
        ("ignore_globs", json!(["folder"]), 1),
        ("include_hidden", json!(false), 1),
        ("min_size_bytes", json!(4), 1),
        ("max_size_bytes", json!(3), 4),
        ("modified_since", json!("2000-01-01T00:00:00Z"), 1),
        ("modified_before", json!("2000-01-01T00:00:00Z"), 4),
        ("max_depth", json!(1), 1),
    ] {
        for together in [false, true] {
            let tree = Tree::new();
            tree.file("saved.txt", "saved").file("lost.jpg", "lost").file("old.txt", "old").modified("old.txt", 9, 0);
            tree.file("folder/a.txt", "saved").file(".hidden", "hidden");
            let all = ["saved", "lost", "old", "hidden"];
            all.iter().for_each(|content| saved(&tree, content, content));
            let mut job = wipe(&tree);
            if together {
                job = Spec(json!({"operations": [{"operation": "checksum", "options": {}}, job.0["operations"][0]],
                    "version": 1, "source": job.0["source"], "walk": {}, "threads": 2, "output": job.0["output"]}));
            }
            let whole = job.run();
            let whole = if together { whole.of("duplicates") } else { whole };
            assert_eq!(verdict(&whole), ("yes", 0));
            let done = job.walk(rule, value.clone()).run();
            let done = if together { done.of("duplicates") } else { done };
            assert_eq!(verdict(&done), ("unknown", left_out), "{rule} {value} {together}");
        }
    }
}

#[test]
fn where_nothing_was_looked_at_nothing_is_known() {
    let tree = Tree::new();
    assert_eq!(verdict(&wipe(&tree).run()), ("unknown", 0), "an empty source, such as a disk that is not mounted");
    tree.file("a.jpg", "picture");
    assert_eq!(verdict(&wipe(&tree).walk("extensions", json!(["txt"])).run()), ("unknown", 1));
}

#[test]
fn a_name_that_leads_into_the_source_is_no_copy() {
    let tree = Tree::new();
    tree.file("a", "content").file("d/b", "more");
    let reference = tree.beside("reference");
    fs::create_dir(&reference).unwrap();
    symlink(tree.at("a"), reference.join("a")).unwrap();
    symlink(tree.at("d"), reference.join("d")).unwrap();
    let job = wipe(&tree).walk("follow_links", true);
    let done = job.run();
    assert_eq!(verdict(&done).0, "no");
    assert_eq!(done.by_path("unique").into_keys().collect::<Vec<_>>(), [&b"a"[..], b"d/b"]);
    // A link to a copy elsewhere is one that is left.
    let elsewhere = tree.beside("elsewhere");
    fs::create_dir_all(elsewhere.join("d")).unwrap();
    fs::write(elsewhere.join("a"), "content").unwrap();
    fs::write(elsewhere.join("d/b"), "more").unwrap();
    symlink(elsewhere.join("a"), reference.join("a2")).unwrap();
    symlink(elsewhere.join("d"), reference.join("d2")).unwrap();
    assert_eq!(verdict(&job.run()).0, "yes");
}

#[test]
fn links_of_the_source_into_the_reference_lose_nothing() {
    let tree = Tree::new();
    saved(&tree, "x/a", "content");
    symlink(tree.beside("reference").join("x"), tree.at("folder")).unwrap();
    symlink(tree.beside("reference").join("x/a"), tree.at("file")).unwrap();
    assert_eq!(verdict(&wipe(&tree).walk("follow_links", true).run()).0, "yes");
}

#[test]
fn a_hard_link_in_the_reference_is_a_copy_and_one_elsewhere_is_none() {
    let tree = Tree::new();
    tree.file("a", "content");
    let job = wipe(&tree);
    fs::hard_link(tree.at("a"), tree.beside("elsewhere")).unwrap();
    assert_eq!(verdict(&job.run()).0, "no");
    fs::hard_link(tree.at("a"), tree.beside("reference").join("b")).unwrap();
    assert_eq!(verdict(&job.run()).0, "yes");
}

#[test]
fn the_source_mounted_below_the_reference_is_no_copy() {
    let tree = Tree::new();
    tree.file("folder/a", "content").file("b", "more");
    let reference = tree.beside("reference");
    for (number, (from, to)) in [("", "all"), ("folder", "part"), ("b", "file")].into_iter().enumerate() {
        let (from, to) = (tree.at(from), reference.join(to));
        let job = wipe(&tree).output("directory", tree.beside(&format!("job-{number}")).to_str().unwrap());
        if from.is_dir() {
            fs::create_dir_all(&to).unwrap()
        } else {
            fs::write(&to, "").unwrap()
        }
        let Some(outcome) = run_mounted(&job, "mount --bind \"$1\" \"$2\"", &from, &to) else { return };
        let outcome: Value = serde_json::from_str(&outcome).unwrap();
        assert_eq!(outcome["results"][0]["summary"]["reference"]["safe_to_wipe"], "no", "{from:?}");
        assert_eq!(outcome["results"][0]["summary"]["reference"]["unique_files"], 2, "{from:?}");
    }
}

#[test]
fn a_copy_on_a_file_system_that_may_show_the_source_proves_nothing() {
    let (tree, reference) = (Tree::new(), "reference");
    tree.file("folder/a", "content").file("b", "more");
    let job = wipe(&tree);
    for name in ["upper", "work"] {
        fs::create_dir(tree.beside(name)).unwrap();
    }
    let over = "cd \"$2/..\" && mount -t overlay overlay -o";
    let tmpfs = "mount -t tmpfs t \"$2\" && cp -r \"$1\"/* \"$2\"";
    let cases = [
        (format!("{over} lowerdir=source,upperdir=upper,workdir=work reference"), "unknown", json!(["overlay"])),
        (format!("{over} lowerdir=upper,upperdir=source,workdir=work reference"), "unknown", json!(["overlay"])),
        (format!("{over} lowerdir=source:upper reference"), "unknown", json!(["overlay"])),
        // What is in memory is gone when the machine stops. Another folder of one overlay holds copies.
        (tmpfs.to_owned(), "unknown", json!(["tmpfs"])),
        (
            "cd \"$2/..\" && mkdir -p low/source low/reference && cp -r source/* low/source && \
             cp -r source/* low/reference && mount -t tmpfs t work && mkdir work/u work/w && \
             mount -t overlay overlay -o lowerdir=low,upperdir=work/u,workdir=work/w upper && \
             mount --bind upper/source source && mount --bind upper/reference reference"
                .to_owned(),
            "yes",
            json!([]),
        ),
    ];
    for (number, (mount, expected, views)) in cases.into_iter().enumerate() {
        let job = job.clone().output("directory", tree.beside(&format!("job-{number}")).to_str().unwrap());
        let Some(outcome) = run_mounted(&job, &mount, &tree.path(), &tree.beside(reference)) else { continue };
        let outcome: Value = serde_json::from_str(&outcome).unwrap();
        let figures = &outcome["results"][0]["summary"]["reference"];
        assert_eq!((&figures["safe_to_wipe"], &figures["unique_files"]), (&json!(expected), &json!(0)), "{mount}");
        assert_eq!(figures["unproven_file_systems"], views, "{mount}");
        // Nor is it a reason to remove anything.
        let redundant = if expected == "yes" { 2 } else { 0 };
        assert_eq!(outcome["results"][0]["summary"]["redundant_files"], redundant, "{mount}");
        assert_eq!(figures["unproven_files"], if expected == "yes" { 0 } else { 2 }, "{mount}");
    }
}

#[test]
fn a_chain_of_links_through_the_source_breaks_with_it() {
    let tree = Tree::new();
    tree.file("a", "content");
    let elsewhere = tree.beside("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("a"), "content").unwrap();
    symlink(elsewhere.join("a"), tree.at("link")).unwrap();
    symlink(&elsewhere, tree.at("folder")).unwrap();
    symlink(tree.path(), tree.beside("back")).unwrap();
    let reference = tree.beside("reference");
    let job = wipe(&tree).walk("follow_links", true);
    for target in
        ["../source/link", "../source/folder", "../source/folder/a", "../source/../elsewhere/a", "../back/link"]
    {
        symlink(target, reference.join("to")).unwrap();
        let done = job.run();
        assert_eq!(verdict(&done).0, "no", "{target}");
        assert_eq!(done.by_path("unique").into_keys().next().unwrap(), b"a", "{target}");
        fs::remove_file(reference.join("to")).unwrap();
    }
    // By another way the copy is still there.
    symlink("../source/link", reference.join("to")).unwrap();
    symlink("../elsewhere/./a", reference.join("too")).unwrap();
    assert_eq!(verdict(&job.run()).0, "yes");
    // The way to the reference itself may lead through the source.
    let done =
        spec("duplicates", &tree.path()).option("references", json!([tree.at("folder").to_str().unwrap()])).run();
    assert_eq!(verdict(&done).0, "no");
}

#[test]
fn a_reference_in_the_source_goes_with_it() {
    let tree = Tree::new();
    tree.file("a", "content").file("kept/a", "content");
    let inside = tree.at("kept");
    let done = spec("duplicates", &tree.path()).option("references", json!([inside.to_str().unwrap()])).run();
    let figures = &done.summary()["reference"];
    assert_eq!((&figures["safe_to_wipe"], &figures["unique_files"]), (&json!("no"), &json!(0)));
    assert_eq!(figures["in_source"], true);
    // The same by a path that does not tell it.
    let link = tree.beside("link");
    symlink(&inside, &link).unwrap();
    let done = spec("duplicates", &tree.path()).option("references", json!([link.to_str().unwrap()])).run();
    assert_eq!(done.summary()["reference"]["safe_to_wipe"], "no");
}

/// Two contents of one MD5 (Wang and others, 2004).
const COLLIDING: [&str; 2] = [
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a\
     085125e8f7cdc99fd91dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0\
     e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70",
    "d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f8955ad340609f4b30283e4888325f1415a\
     085125e8f7cdc99fd91dbd7280373c5bd8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0\
     e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70",
];

#[test]
fn contents_that_only_a_weak_digest_calls_equal_are_told_apart() {
    let tree = Tree::new();
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    tree.file("a", bytes(COLLIDING[0]));
    saved(&tree, "b", bytes(COLLIDING[1]));
    let references = json!([tree.beside("reference").to_str().unwrap()]);
    // Where another operation reads every file there is no look at the ends, and the digest alone was asked.
    let job = spec("checksum", &tree.path()).and("duplicates").option("references", references);
    for algorithm in ["md5", "sha1", "xxh3_128", "sha256", "blake3"] {
        let done = job.clone().option("algorithm", algorithm).run().of("duplicates");
        assert_eq!((verdict(&done).0, &done.summary()["groups"]), ("no", &json!(0)), "{algorithm}");
        let is_weak = !matches!(algorithm, "sha256" | "blake3");
        assert_eq!(done.summary()["confirmed_by_bytes"], is_weak, "{algorithm}");
    }
}

#[test]
fn a_file_with_names_elsewhere_gives_nothing_back() {
    let tree = Tree::new();
    tree.file("a", "content").modified("a", 1, 0).file("b", "content").file("c", "content").hard_link("d", "c");
    fs::hard_link(tree.at("b"), tree.beside("elsewhere")).unwrap();
    let done = spec("duplicates", &tree.path()).run();
    let standings: Vec<(String, String, i64)> = done
        .by_path("result")
        .values()
        .map(|row| (row.text("path").into(), row.text("standing").into(), row.integer("links")))
        .collect();
    let expected = [("a", "kept", 1), ("b", "linked_elsewhere", 2), ("c", "redundant", 2), ("d", "hard_link", 2)];
    assert_eq!(standings, expected.map(|(path, standing, links)| (path.to_owned(), standing.to_owned(), links)));
    assert_eq!(done.summary()["reclaimable_bytes"], 7);
    assert_eq!(done.summary()["linked_elsewhere_files"], 1);
}

#[test]
fn folders_are_copies_only_when_all_of_both_was_seen_and_they_are_two() {
    let tree = Tree::new();
    tree.file("one/a.txt", "a").file("two/a.txt", "a").file("two/more.jpg", "picture");
    let job = spec("duplicates", &tree.path());
    for (rule, value) in [("extensions", json!(["txt"])), ("max_size_bytes", json!(3))] {
        assert!(job.clone().walk(rule, value).run().table("folders").is_empty(), "{rule}");
    }
    let tree = Tree::new();
    tree.file("one/a.txt", "a").link("two", "one");
    let done = spec("duplicates", &tree.path()).walk("follow_links", true).run();
    assert!(done.table("folders").is_empty(), "a folder is no copy of itself");
}

/// Contents of all regular files below a directory, links followed or not.
fn contents(directory: &Path, follow: bool, found: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match if follow { fs::metadata(entry.path()) } else { entry.metadata() } {
            Ok(metadata) if metadata.is_dir() => contents(&entry.path(), follow, found),
            Ok(metadata) if metadata.is_file() => found.push(fs::read(entry.path()).unwrap()),
            _ => {}
        }
    }
}

/// How a file of the source comes to be in the reference.
#[derive(Debug, Clone, Copy)]
enum Saved {
    Not,
    Copied,
    Linked,
    HardLinked,
    InLinkedFolder,
    /// By a link to a link of the source, which leads to a copy elsewhere.
    LinkedThrough,
    /// By a link to a folder, to which a link of the source leads.
    LinkedThroughFolder,
    /// By a link to a copy elsewhere, on a path that climbs out of the source.
    LinkedAround,
    /// By a link to a copy elsewhere.
    LinkedElsewhere,
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(150), rng_seed: RngSeed::Fixed(seed(0x5afe)), failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Whatever "yes" is said of can be removed, and nothing is lost.
    #[test]
    fn what_is_safe_to_wipe_is_still_there_when_it_is_gone(
        files in proptest::collection::vec((0usize..3, 0u64..6, prop_oneof![
            1 => Just(Saved::Not), 6 => Just(Saved::Copied), 1 => Just(Saved::Linked), 3 => Just(Saved::HardLinked),
            1 => Just(Saved::InLinkedFolder), 1 => Just(Saved::LinkedThrough), 1 => Just(Saved::LinkedThroughFolder),
            1 => Just(Saved::LinkedAround), 2 => Just(Saved::LinkedElsewhere),
        ]), 0..7),
        rule in prop_oneof![6 => Just(None), 1 => Just(Some(("extensions", json!(["txt"])))),
            1 => Just(Some(("min_size_bytes", json!(100)))), 1 => Just(Some(("max_depth", json!(1))))],
        follow in any::<bool>(),
        weak in any::<bool>(),
    ) {
        let tree = Tree::in_memory();
        let reference = tree.beside("reference");
        fs::create_dir(&reference).unwrap();
        for (number, (folder, seed, how)) in files.iter().enumerate() {
            let name = format!("{folder}/{number}.{}", ["txt", "jpg"][number % 2]);
            let content = noise([3, 40, 5000][*seed as usize % 3], *seed);
            tree.file(&name, &content);
            let to = reference.join(format!("{number}"));
            match how {
                Saved::Not => {}
                Saved::Copied => fs::write(to, content).unwrap(),
                Saved::Linked => symlink(tree.at(&name), to).unwrap(),
                Saved::HardLinked => fs::hard_link(tree.at(&name), to).unwrap(),
                Saved::InLinkedFolder => symlink(tree.at(format!("{folder}")), to).unwrap(),
                Saved::LinkedThrough | Saved::LinkedThroughFolder | Saved::LinkedAround | Saved::LinkedElsewhere => {
                    let copies = tree.beside(&format!("elsewhere/{number}"));
                    fs::create_dir_all(&copies).unwrap();
                    fs::write(copies.join("f"), content).unwrap();
                    let link = tree.at(format!("{folder}/link-{number}"));
                    let target = match how {
                        Saved::LinkedThrough => {
                            symlink(copies.join("f"), &link).unwrap();
                            link
                        }
                        Saved::LinkedThroughFolder => {
                            symlink(&copies, &link).unwrap();
                            if number % 2 == 0 { link.join("f") } else { link }
                        }
                        Saved::LinkedAround => tree.at(format!("{folder}/../../elsewhere/{number}/f")),
                        _ => copies.join("f"),
                    };
                    symlink(target, to).unwrap();
                }
            }
        }
        let mut job = wipe(&tree).walk("follow_links", follow).option("algorithm", if weak { "xxh3_128" } else { "blake3" });
        if let Some((name, value)) = rule {
            job = job.walk(name, value);
        }
        let done = job.run();
        let mut all = Vec::new();
        contents(&tree.path(), true, &mut all);
        fs::remove_dir_all(tree.path()).unwrap();
        let mut left = Vec::new();
        // A link that the job does not follow is no copy to it.
        contents(&reference, follow, &mut left);
        let is_safe = all.iter().all(|content| left.contains(content));
        match verdict(&done).0 {
            "yes" => prop_assert!(is_safe, "{:?}", done.summary()),
            "no" => prop_assert!(!is_safe, "{:?}", done.summary()),
            _ => {}
        }
    }
}

#[test]
fn what_a_mount_in_the_source_may_hide_is_not_known() {
    let tree = Tree::new();
    tree.file("a", "content").file("under/hidden", "never seen");
    let reference = tree.beside("reference");
    for (number, (mount, expected, points)) in [
        ("cp \"$1/a\" \"$2\"; mount -t tmpfs t \"$1/under\"", "unknown", 1),
        ("cp -r \"$1\"/* \"$2\"; mount --bind \"$1/a\" \"$1/under/hidden\"", "unknown", 1),
        // What it hides is known where nothing is mounted any more.
        ("cp -r \"$1\"/* \"$2\"", "yes", 0),
    ]
    .into_iter()
    .enumerate()
    {
        let job = wipe(&tree).output("directory", tree.beside(&format!("job-{number}")).to_str().unwrap());
        let Some(outcome) = run_mounted(&job, mount, &tree.path(), &reference) else { return };
        let outcome: Value = serde_json::from_str(&outcome).unwrap();
        let figures = &outcome["results"][0]["summary"]["reference"];
        assert_eq!((&figures["safe_to_wipe"], &figures["mount_points"]), (&json!(expected), &json!(points)), "{mount}");
    }
}
