//! decompress of tars whose members contradict themselves or each other: what is lost is told, the rest comes out.

use std::fs;

use crate::archives::{Member, member, messages, records, tar};
use crate::common::run::{files_below, spec};
use crate::common::tree::Tree;

fn link(name: &'static str, target: &'static str) -> Member {
    Member { link: target, ..member(b'1', name, b"") }
}

/// Unpack a tar, and test it: both say the same. What was told, and the destination's folder of the tar.
fn unpacked(tree: &Tree, bytes: Vec<u8>, options: &[(&str, u64)]) -> (Vec<String>, String) {
    tree.file("t.tar", bytes);
    let out = tree.beside("out");
    let told = |destination: bool| {
        let job = options.iter().fold(spec("decompress", &tree.path()), |job, (name, value)| job.option(name, *value));
        let job = if destination { job.option("destination", out.to_str().unwrap()) } else { job };
        let done = job.run();
        let mut told: Vec<_> = messages(&done).lines().map(|line| line.replace("t.tar: ", "")).collect();
        told.sort();
        (told, done.summary()["verdict"].as_str().unwrap().to_owned())
    };
    let tested = told(false);
    assert_eq!(tested, told(true));
    tested
}

fn content(tree: &Tree, name: &str) -> String {
    fs::read_to_string(tree.beside("out").join("t").join(name)).unwrap()
}

#[test]
fn a_hard_link_to_itself_is_whole_only_where_the_file_is() {
    let tree = Tree::new();
    let members = [
        link("alone", "alone"),
        // A file that was named twice.
        member(b'0', "twice", b"x"),
        link("twice", "./twice"),
        link("early", "early"),
        member(b'0', "early", b"y"),
    ];
    let (told, verdict) = unpacked(&tree, tar(&members), &[]);
    let lost = "member alone: is a hard link to alone, which the archive does not contain, or was not unpacked";
    assert_eq!((told, &verdict[..]), (vec![lost.to_owned()], "incomplete"));
    assert_eq!(["twice", "early"].map(|name| content(&tree, name)), ["x", "y"]);
}

#[test]
fn numbers_of_extended_headers_that_are_none_are_told() {
    let tree = Tree::new();
    let mut members = Vec::new();
    for (name, key, value) in [
        ("size", "size", "abc"),
        ("negative", "size", "-1"),
        ("large", "size", "99999999999999999999"),
        ("user", "uid", "root"),
        ("group", "gid", "0x10"),
        ("time", "mtime", "yesterday"),
        ("good", "mtime", "-1.5"),
        ("taken back", "size", ""),
    ] {
        members.push(member(b'x', "h", &records(&[(key, value)])));
        members.push(member(b'0', name, b"content"));
    }
    let (told, verdict) = unpacked(&tree, tar(&members), &[]);
    let bad = |name: &str, value: &str, key: &str| {
        format!("member {name}: its extended header has {value} as {key}, which is no number, and was not used")
    };
    let expected = [
        bad("group", "0x10", "gid"),
        bad("large", "99999999999999999999", "size"),
        bad("negative", "-1", "size"),
        bad("size", "abc", "size"),
        bad("time", "yesterday", "mtime"),
        bad("user", "root", "uid"),
    ];
    assert_eq!((told, &verdict[..]), (expected.to_vec(), "damaged"));
    assert_eq!(content(&tree, "size"), "content");
}

#[test]
fn maps_of_holes_that_do_not_fit_are_of_their_member() {
    let tree = Tree::new();
    let sparse = |size: &str, map: &str| records(&[("GNU.sparse.size", size), ("GNU.sparse.map", map)]);
    let huge = (1u64 << 50).to_string();
    let list = [&b"1\n0\n4\n"[..], &[0; 506], b"data"].concat();
    let members = [
        member(b'x', "h", &sparse("100", "0,4")),
        member(b'0', "short", b"datalost"),
        member(b'x', "h", &sparse(&huge, "0,4")),
        member(b'0', "huge", b"data"),
        member(b'x', "h", &sparse("100", "0,9")),
        member(b'0', "long", b"data"),
        member(b'x', "h", &records(&[("GNU.sparse.major", "2"), ("GNU.sparse.realsize", "100")])),
        member(b'0', "unknown", &list),
        member(b'x', "h", &records(&[("GNU.sparse.realsize", "100")])),
        member(b'0', "without", &list),
        member(b'x', "h", &records(&[("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "8")])),
        member(b'0', "good", &list),
        member(b'0', "behind", b"x"),
    ];
    let (told, verdict) = unpacked(&tree, tar(&members), &[("max_unpacked_bytes", 1 << 20)]);
    let damaged = |name| format!("member {name}: has a damaged list of holes and is not unpacked");
    let expected = [
        format!(
            "member huge: has {} bytes of holes, with which all files together unpack to more than 1048576 bytes \
             (max_unpacked_bytes); it was skipped",
            (1u64 << 50) - 4
        ),
        damaged("long"),
        "member short: 4 bytes of its content have no place in its list of holes and were skipped".to_owned(),
        damaged("unknown"),
        damaged("without"),
    ];
    assert_eq!((told, &verdict[..]), (expected.to_vec(), "damaged"));
    assert_eq!(files_below(&tree.beside("out")), ["t/behind", "t/good", "t/short"]);
    assert_eq!(content(&tree, "good"), "data\0\0\0\0");
}

#[test]
fn of_a_file_and_a_folder_of_one_name_the_last_wins() {
    let tree = Tree::new();
    let folder = |name| member(b'5', name, b"");
    let members = [
        member(b'0', "a", b"x"),
        folder("a/"),
        member(b'0', "a/b", b"y"),
        folder("c"),
        member(b'0', "c", b"z"),
        link("d", "c"),
        folder("d"),
        folder("e"),
        Member { link: "c", ..member(b'2', "e", b"") },
        // A folder that has members stays, as with GNU tar.
        member(b'0', "f/g", b"x"),
        member(b'0', "f", b"x"),
        member(b'0', "f/h", b"x"),
        member(b'0', "c/below", b"x"),
        folder("e/deep/below"),
    ];
    let (told, verdict) = unpacked(&tree, tar(&members), &[]);
    let kept = "member f: has the name of a folder with members in it, which were kept; it is not unpacked";
    let below =
        |name| format!("member {name}: is in a folder that the archive has as a file or link, and is not unpacked");
    assert_eq!((told, &verdict[..]), (vec![below("c/below"), below("e/deep/below"), kept.to_owned()], "incomplete"));
    assert_eq!(files_below(&tree.beside("out")), ["t/a/b", "t/c", "t/f/g", "t/f/h"]);
    assert!(tree.beside("out/t/d").is_dir() && tree.beside("out/t/e").is_symlink());
    assert_eq!(content(&tree, "e"), "z");
    // Another attempt finds what the first one has left.
    let again = Tree::new();
    again.file("t.tar", tar(&members[..7]));
    for attempt in 0..3 {
        let job = spec("decompress", &again.path()).option("destination", again.beside("out").to_str().unwrap());
        let done = job.output("job", "one job").run();
        assert!(again.beside("out/t/a/b").is_file() && again.beside("out/t/d").is_dir(), "attempt {attempt}");
        assert!(again.beside("out/t/c").is_file() && done.summary()["replaced_members"] != 0, "attempt {attempt}");
    }
}

#[test]
fn content_of_folders_and_links_is_told_and_no_file_takes_the_place_of_the_archives_folder() {
    let tree = Tree::new();
    let lost = b"IMPORTANT\n".repeat(300);
    let members = [
        member(b'5', "folder", &lost),
        member(b'0', "slash/", &lost),
        Member { kind: b'2', content: lost.clone(), ..link("symbolic", "folder") },
        // What GNU tar lists of a folder is no content of it.
        member(b'D', "dump/", b"Yname\0\0"),
        member(b'0', "file", b"same"),
        Member { content: b"others".to_vec(), ..link("again", "file") },
        member(b'0', ".", b"dot"),
        member(b'0', "./", b""),
        member(b'5', "./.", b""),
        member(b'0', "last", b"here"),
    ];
    let (told, verdict) = unpacked(&tree, tar(&members), &[]);
    let expected = [
        "member .: its name is that of the folder of the archive",
        "member again: is a directory or link with 6 bytes of content, which were not unpacked",
        "member folder: is a directory or link with 3000 bytes of content, which were not unpacked",
        "member slash/: is a directory or link with 3000 bytes of content, which were not unpacked",
        "member symbolic: is a directory or link with 3000 bytes of content, which were not unpacked",
    ];
    assert_eq!((told, &verdict[..]), (expected.map(str::to_owned).to_vec(), "damaged"));
    assert_eq!(["file", "again", "last"].map(|name| content(&tree, name)), ["same", "same", "here"]);
}

#[test]
fn a_later_attempt_says_what_the_first_one_said_where_members_replace_each_other() {
    let tree = Tree::new();
    let members = [
        member(b'0', "full", b"file"),
        member(b'0', "full/inner/x", b"x"),
        member(b'0', "empty", b"file"),
        member(b'5', "empty/", b""),
        member(b'2', "link", b""),
        member(b'5', "link/", b""),
        member(b'0', "file", b"file"),
        link("hard", "file"),
        member(b'5', "hard/", b""),
    ];
    let members = members.map(|member| if member.kind == b'2' { Member { link: "file", ..member } } else { member });
    tree.file("t.tar", tar(&members));
    let job = spec("decompress", &tree.path()).option("destination", tree.beside("out").to_str().unwrap());
    let told = [0, 1, 2].map(|_| {
        let done = job.clone().output("job", "one job").run();
        let mut told: Vec<_> = messages(&done).lines().map(str::to_owned).collect();
        told.sort();
        (told, done.summary()["verdict"].clone(), files_below(&tree.beside("out")))
    });
    assert!(told[0].2.contains(&"t/file".to_owned()) && tree.beside("out/t/hard").is_dir(), "{told:?}");
    assert_eq!((&told[1], &told[2]), (&told[0], &told[0]));
}
