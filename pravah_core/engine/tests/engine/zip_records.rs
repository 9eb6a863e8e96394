//! decompress of zips whose records do not fit together: what is not looked at is told, and what is legal is not.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::archives::{Zipped, messages, zip, zipped};
use crate::common::run::{Done, spec};
use crate::common::tree::Tree;
use crate::common::volume::{cases, seed};

fn place(bytes: &[u8], mark: &[u8]) -> usize {
    bytes.windows(mark.len()).position(|window| window == mark).unwrap()
}

/// The statuses of files that are tested, by name.
fn tested(files: &[(&str, Vec<u8>)]) -> (Done, Vec<(String, String)>) {
    let tree = Tree::new();
    files.iter().fold(&tree, |tree, (name, bytes)| tree.file(name, bytes));
    let done = spec("decompress", &tree.path()).run();
    let mut statuses: Vec<_> =
        done.table("result").iter().map(|row| (row.text("path").to_owned(), row.text("status").to_owned())).collect();
    statuses.sort();
    (done, statuses)
}

/// Each file has its status, and what is told of it holds some words.
fn are(files: &[(&str, Vec<u8>, &str, &str)]) {
    let all: Vec<_> = files.iter().map(|(name, bytes, ..)| (*name, bytes.clone())).collect();
    let (done, statuses) = tested(&all);
    for (name, _, status, words) in files {
        let own: Vec<_> = statuses.iter().filter(|(path, _)| path == name).map(|(_, status)| &status[..]).collect();
        let told: Vec<_> = done
            .issues()
            .iter()
            .filter(|row| row.text("path") == *name)
            .map(|row| row.text("message").to_owned())
            .collect();
        assert_eq!(own, [*status], "{name}: {told:?}");
        let is_told = if words.is_empty() { told.is_empty() } else { told.iter().any(|one| one.contains(words)) };
        assert!(is_told, "{name}: {told:?}");
    }
}

fn one() -> Vec<u8> {
    zip(&[zipped("a", b"first"), zipped("b", b"second")])
}

fn other() -> Vec<u8> {
    zip(&[zipped("c", b"third")])
}

#[test]
fn the_zip_in_a_zip_that_is_cut_off_is_not_the_zip() {
    let outer = zip(&[zipped("before", b"x"), zipped("inner.zip", &one()), zipped("behind", b"y")]);
    let end = place(&outer, &one()) + one().len();
    let alone = zip(&[zipped("inner.zip", &one()), zipped("behind", b"y")]);
    let alone_end = place(&alone, &one()) + one().len();
    let stub = [b"MZ and a program", &alone[..alone_end]].concat();
    let mut streamed = alone[..alone_end].to_vec();
    streamed[6] |= 8;
    streamed[18..26].fill(0);
    are(&[
        ("behind.zip", outer[..end + 20].to_vec(), "damaged", "members of a zip among them"),
        ("member.zip", outer[..end].to_vec(), "damaged", "it is cut off"),
        ("only.zip", alone[..alone_end].to_vec(), "damaged", "which is its member inner.zip"),
        ("streamed.zip", streamed, "damaged", "which is its member inner.zip"),
        ("stub.exe", stub, "damaged", "which is its member inner.zip"),
        ("whole.zip", outer, "whole", ""),
    ]);
}

#[test]
fn of_joined_zips_it_is_told_what_was_not_looked_at() {
    let joined = [one(), other()].concat();
    let stub = b"#!/bin/sh\nexit\n".to_vec();
    // As if tools had put the offsets right: the directory and the end record count what is in front.
    let mut right = joined.clone();
    let own = one().len();
    let [directory, end] = [&b"PK\x01\x02"[..], b"PK\x05\x06"].map(|mark| own + place(&joined[own..], mark));
    right[directory + 42] = own as u8;
    right[end + 16..end + 18].copy_from_slice(&(directory as u16).to_le_bytes());
    are(&[
        ("joined.zip", joined, "incomplete", "2 members, among them a, were not unpacked"),
        ("right.zip", right, "incomplete", "2 members, among them a, were not unpacked"),
        ("same.zip", [one(), one()].concat(), "damaged", "is damaged"),
        ("stub.exe", [&stub[..], &one()].concat(), "whole", ""),
        ("two.exe", [&stub[..], &one(), &other()].concat(), "incomplete", "its 2 members were not unpacked"),
        ("zeros.exe", [&stub[..], &one(), &[0; 7], &other()].concat(), "incomplete", "its 2 members"),
        // A program has the marks of records in it.
        ("marks.exe", [&stub[..], b"PK\x03\x04 PK\x01\x02 PK\x05\x06", &[9; 40], &one()].concat(), "whole", ""),
    ]);
}

#[test]
fn end_records_that_do_not_fit_their_directory_are_told() {
    let whole = one();
    let end = place(&whole, b"PK\x05\x06");
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[end + at] = byte;
        bytes
    };
    // Its first member is left out of the directory, and all numbers fit.
    let directory = place(&whole, b"PK\x01\x02");
    let mut later = whole.clone();
    (later[end + 8], later[end + 10]) = (1, 1);
    later[end + 12] -= 47;
    later[end + 16] += 47;
    // A directory, and a ZIP64 record of it with other numbers.
    let large = |count: u64, classic: [u8; 4]| {
        let numbers = [count, count, (end - directory) as u64, directory as u64].map(u64::to_le_bytes).concat();
        let record = [b"PK\x06\x06", &44u64.to_le_bytes()[..], &[45, 0, 45, 0], &[0; 8], &numbers].concat();
        let locator = [b"PK\x06\x07", &[0; 4][..], &(end as u64).to_le_bytes(), &[1, 0, 0, 0]].concat();
        let mut own = whole[end..].to_vec();
        own[8..12].copy_from_slice(&classic);
        [&whole[..end], &record, &locator, &own].concat()
    };
    let alone = |offset: u8| [b"PK\x05\x06\0\0\0\0\x03\0\x03\0", &[0; 4][..], &[offset, 0, 0, 0, 0, 0]].concat();
    are(&[
        ("alone.zip", alone(0), "damaged", "its directory lists 0 members, but its end record says 3"),
        ("empty.zip", [&b"PK\x05\x06"[..], &[0; 18]].concat(), "whole", ""),
        ("fewer.zip", with(10, 1), "damaged", "lists 2 members, but its end record says 1"),
        ("here.zip", with(8, 1), "damaged", "lists 2 members, but its end record says 1"),
        ("large.zip", large(2, [0xff; 4]), "whole", ""),
        ("largest.zip", large(7, [0xff; 4]), "damaged", "lists 2 members, but its end record says 7"),
        ("late.zip", with(16, whole[end + 16] + 1), "damaged", "but its end record says"),
        ("later.zip", later, "damaged", "its directory begins before"),
        ("more.zip", with(10, 7), "damaged", "lists 2 members, but its end record says 7"),
        ("sizes.zip", with(12, 46), "damaged", ""),
        ("two ends.zip", large(7, [2, 0, 2, 0]), "damaged", ""),
    ]
    .map(|(name, bytes, status, words)| {
        (name, bytes, status, if words.is_empty() && status == "damaged" { "is damaged" } else { words })
    }));
}

/// What stands between members and behind them in archives of honest tools.
#[test]
fn what_honest_tools_leave_in_a_zip_is_no_trouble() {
    let content = b"some content";
    // A descriptor, with and without its mark.
    let described = |descriptor: &[u8]| {
        let mut bytes = zip(&[zipped("a", content), zipped("b", b"x")]);
        let directory = place(&bytes, b"PK\x01\x02");
        (bytes[6], bytes[directory + 8]) = (8, 8);
        bytes[18..26].fill(0);
        let second = directory + 47;
        let end = place(&bytes, b"PK\x05\x06");
        bytes[second + 42] += descriptor.len() as u8;
        bytes[end + 16] += descriptor.len() as u8;
        bytes.splice(31 + content.len()..31 + content.len(), descriptor.iter().copied());
        bytes
    };
    // Bytes in front of the directory, such as the signing block of an APK.
    let before = |more: &[u8]| {
        let mut bytes = one();
        let end = place(&bytes, b"PK\x05\x06");
        let start = (place(&bytes, b"PK\x01\x02") + more.len()) as u32;
        bytes[end + 16..end + 20].copy_from_slice(&start.to_le_bytes());
        let directory = place(&bytes, b"PK\x01\x02");
        bytes.splice(directory..directory, more.iter().copied());
        bytes
    };
    let commented = |comment: &[u8]| {
        let mut bytes = one();
        let length = bytes.len();
        bytes[length - 2..].copy_from_slice(&(comment.len() as u16).to_le_bytes());
        [&bytes[..], comment].concat()
    };
    // A member is written anew by a tool that leaves the old one where it is, with the old directory.
    let renewed = |name: &str| {
        let old = zip(&[zipped(name, b"old"), zipped("b", b"kept")]);
        let mut bytes = [&old[..], &zip(&[zipped("a", b"new")])[..]].concat();
        let kept = old[place(&old, b"PK\x01\x02") + 46 + name.len()..place(&old, b"PK\x05\x06")].to_vec();
        let own = old.len() + place(&bytes[old.len()..], b"PK\x01\x02");
        bytes[own + 42] = old.len() as u8;
        bytes.splice(own..own, kept);
        let end = bytes.len() - 22;
        (bytes[end + 8], bytes[end + 10]) = (2, 2);
        let (length, start) = (((end - own) as u32).to_le_bytes(), (own as u32).to_le_bytes());
        bytes[end + 12..end + 20].copy_from_slice(&[length, start].concat());
        bytes
    };
    let renewed_name = renewed("a");
    are(&[
        ("aligned.zip", before(&[0; 4096]), "whole", ""),
        ("apk.zip", before(b"\x20\0\0\0\0\0\0\0 and so on APK Sig Block 42"), "whole", ""),
        ("comment.zip", commented(b"words"), "whole", ""),
        (
            "comment of ends.zip",
            commented(b"PK\x05\x06 is how PK\x05\x06 begins, and goes on for a while"),
            "whole",
            "",
        ),
        ("descriptor.zip", described(&[7; 12]), "whole", ""),
        ("marked.zip", described(&[b"PK\x07\x08", &[7; 12][..]].concat()), "whole", ""),
        ("marked64.zip", described(&[b"PK\x07\x08", &[7; 20][..]].concat()), "whole", ""),
        ("renewed.zip", renewed_name, "whole", ""),
        ("signed.exe", [&b"MZ"[..], &[1; 60], &one(), &[2; 900]].concat(), "whole", ""),
        ("renamed.zip", renewed("z"), "incomplete", "1 members, among them z, were not unpacked"),
        ("behind.zip", [&one()[..], b"\n"].concat(), "whole", ""),
    ]);
    // Behind a block of text, the last one, comes more that its length counts.
    let hidden = {
        let mut member = zipped("a", &[&[1, 4, 0, 0xfb, 0xff][..], b"text", b"and more"].concat());
        member.method = 8;
        let mut bytes = zip(&[member]);
        let mut crc = flate2::Crc::new();
        crc.update(b"text");
        let directory = place(&bytes, b"PK\x01\x02");
        for at in [14, directory + 16] {
            bytes[at..at + 4].copy_from_slice(&crc.sum().to_le_bytes());
            bytes[at + 8..at + 12].copy_from_slice(&4u32.to_le_bytes());
        }
        bytes
    };
    let (done, statuses) = tested(&[
        ("hidden.zip", hidden),
        ("renewed.zip", renewed("a")),
        ("gap.zip", before(&zip(&[zipped("gone", b"x")])[..35])),
        ("behind.zip", [&one()[..], b"rubbish"].concat()),
    ]);
    let notes: Vec<_> = done
        .table("members")
        .iter()
        .filter(|row| !row.is_null("note"))
        .map(|row| row.text("note").to_owned())
        .collect();
    assert!(
        notes.iter().any(|note| note.contains("34 bytes in front of it are of members that were replaced")),
        "{notes:?}"
    );
    assert!(notes.iter().any(|note| note.contains("7 bytes after the end of the zip are not part of it")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("of 1 members that the directory no longer lists")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("8 bytes behind the end of its data were not")), "{notes:?}");
    assert!(statuses.iter().all(|(_, status)| status == "whole"), "{statuses:?}");
}

#[test]
fn members_of_zips_that_are_no_files_are_told() {
    let special = |name: &str, kind: u32| {
        let mut member = zipped(name, b"");
        (member.creator, member.attributes) = (3, (kind | 0o644) << 16);
        member
    };
    let mut through_pipe = special("-", 0o010_000);
    through_pipe.content = b"x".to_vec();
    let members: Vec<Zipped> = vec![
        special("pipe", 0o010_000),
        special("tty", 0o020_000),
        special("disk", 0o060_000),
        special("socket", 0o140_000),
        special("folder", 0o040_000),
        special("plain", 0o100_000),
        // As Info-ZIP stores what comes through a pipe.
        through_pipe,
        zipped("full/", b"content"),
        zipped("empty/", b""),
    ];
    let tree = Tree::new();
    tree.file("z.zip", zip(&members));
    let out = tree.beside("out");
    let done = spec("decompress", &tree.path()).option("destination", out.to_str().unwrap()).run();
    let mut told: Vec<_> = messages(&done).lines().map(str::to_owned).collect();
    told.sort();
    let expected = [
        "disk: is a block device and is not unpacked",
        "full/: is a directory with 7 bytes of content, which were not unpacked",
        "pipe: is a named pipe and is not unpacked",
        "socket: is a socket and is not unpacked",
        "tty: is a character device and is not unpacked",
    ];
    assert_eq!(told, expected.map(|one| format!("z.zip: member {one}")));
    assert_eq!(done.summary()["verdict"], "incomplete");
    assert_eq!(crate::common::run::files_below(&out), ["z/-", "z/plain"]);
    assert!(out.join("z/folder").is_dir());
}

#[test]
fn of_a_file_and_a_folder_of_one_name_in_a_zip_the_last_wins() {
    let members = ["a", "a/", "a/b", "c/", "c", "d/", "d/e", "d"].map(|name| zipped(name, b""));
    let tree = Tree::new();
    tree.file("z.zip", zip(&members));
    let out = tree.beside("out");
    for job in [
        spec("decompress", &tree.path()).option("destination", out.to_str().unwrap()),
        spec("decompress", &tree.path()),
    ] {
        let done = job.run();
        let kept =
            "z.zip: member d: has the name of a folder with members in it, which were kept; it is not unpacked\n";
        assert_eq!(messages(&done), kept);
        assert_eq!(done.summary()["replaced_members"], 2);
    }
    assert_eq!(crate::common::run::files_below(&out), ["z/a/b", "z/c", "z/d/e"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(24), rng_seed: RngSeed::Fixed(seed(11)), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_part_of_a_zip_and_no_two_zips_are_whole(
        sizes in prop::collection::vec((0usize..90, any::<bool>()), 1..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let member = |(index, &(size, is_zip)): (usize, &(usize, bool))| {
            let content = if is_zip { zip(&[zipped("inner", &vec![b'i'; size])]) } else { vec![b'c'; size] };
            zipped(format!("{index}"), &content)
        };
        let whole = zip(&sizes.iter().enumerate().map(member).collect::<Vec<_>>());
        let names: Vec<String> = (0..cuts.len()).map(|number| format!("{number:02}.zip")).collect();
        let mut files: Vec<(&str, Vec<u8>)> =
            names.iter().zip(&cuts).map(|(name, cut)| (&name[..], whole[..cut.index(whole.len())].to_vec())).collect();
        files.extend([("joined.zip", [&whole[..], &other()].concat()), ("whole.zip", whole.clone())]);
        let (done, statuses) = tested(&files);
        for (name, status) in statuses {
            prop_assert_eq!(status == "whole", name == "whole.zip", "{} is {}: {}", name, status, messages(&done));
        }
    }
}

#[test]
fn of_a_file_and_members_below_it_the_folder_stays_and_a_test_says_so() {
    let tree = Tree::new();
    let long = "n".repeat(256);
    tree.file("z.zip", zip(&[zipped("a", b"file"), zipped("a/b", b"1"), zipped("c/d", b"2"), zipped("c", b"file")]))
        .file("long.zip", zip(&[zipped(&long, b"1"), zipped("ok", b"2")]));
    let told = [false, true].map(|is_test| {
        let job = spec("decompress", &tree.path());
        let job = if is_test { job } else { job.option("destination", tree.beside("out").to_str().unwrap()) };
        let done = job.run();
        let mut told: Vec<_> = messages(&done).lines().map(|line| line.replace(&long, "LONG")).collect();
        told.sort();
        (told, done.summary()["verdict"].clone())
    });
    let kept = "has the name of a folder with members in it, which were kept; it is not unpacked";
    let expected = [
        "long.zip: member LONG: its name has a part of more than 255 bytes".to_owned(),
        format!("z.zip: member a: {kept}"),
        format!("z.zip: member c: {kept}"),
    ];
    assert_eq!((&told[0].0[..], &told[0].1), (&expected[..], &"incomplete".into()));
    assert_eq!(told[0], told[1]);
    assert_eq!(crate::common::run::files_below(&tree.beside("out")), ["long/ok", "z/a/b", "z/c/d"]);
}
