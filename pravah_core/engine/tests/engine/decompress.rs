//! decompress: what is packed comes out, what is hostile does not, and nothing is written outside the destination.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::common::digests::noise;
use crate::common::run::{Done, Spec, files_below, spec};
use crate::common::tree::{Tree, gzip};
use crate::common::volume::{cases, seed};
use pravah_foundation::io::codec::{Codec, Encoder};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const MIB: usize = 1 << 20;

fn destination(tree: &Tree) -> PathBuf {
    tree.beside("out").join("unpacked")
}

fn decompress(tree: &Tree) -> Spec {
    spec("decompress", &tree.path()).option("destination", destination(tree).to_str().unwrap())
}

fn messages(done: &Done) -> Vec<String> {
    let mut all: Vec<_> = done.issues().iter().map(|row| row.text("message").to_owned()).collect();
    all.sort();
    all
}

/// A tar of raw entries: kind, name, target, content. Names are written as they are, which the library refuses.
fn tar(entries: &[(tar::EntryType, &str, &str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, target, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_link_name_literal(target).unwrap();
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_000_000_000);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A zip of stored members with these names, permissions and contents.
fn zip(members: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut archive = rawzip::ZipArchiveWriter::new(Vec::new());
    for (name, mode, content) in members {
        let path = rawzip::path::EntryPath::verbatim(name.as_bytes());
        let (mut entry, config) = archive.new_file(path).unix_permissions(*mode).start().unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(content).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap()
}

#[test]
fn files_of_every_format_come_out_under_their_name_wherever_they_are_told_by() {
    let tree = Tree::new();
    let mut expected = BTreeMap::new();
    let large = noise(3 * MIB, 1);
    for (codec, suffix) in
        [(Codec::Gzip, "gz"), (Codec::Zstd, "zst"), (Codec::Xz, "xz"), (Codec::Bzip2, "bz2"), (Codec::Lz4, "lz4")]
    {
        for (name, content) in [("small", &b"some text"[..]), ("large", &large)] {
            let encoder = Encoder::new(codec, None).unwrap();
            let mut packed = encoder.header().to_vec();
            encoder.piece(&[], content, true, &mut packed).unwrap();
            let mut crc = flate2::Crc::new();
            crc.update(content);
            packed.extend(encoder.trailer(crc.sum(), content.len() as u64));
            tree.file(format!("{suffix}/{name}.{suffix}"), &packed)
                .file(format!("{suffix}/{name} misnamed.dat"), &packed);
            expected.insert(format!("{suffix}/{name}"), content.to_vec());
            expected.insert(format!("{suffix}/{name} misnamed.dat"), content.to_vec());
        }
    }
    tree.file("plain.txt", "not packed").file("empty", "").modified("gz/small.gz", 1_000_000_007, 0);
    fs::set_permissions(tree.at("gz/small.gz"), fs::Permissions::from_mode(0o640)).unwrap();
    let done = decompress(&tree).run();
    assert_eq!(files_below(&destination(&tree)), expected.keys().cloned().collect::<Vec<_>>());
    for (name, content) in &expected {
        assert!(&fs::read(destination(&tree).join(name)).unwrap() == content, "{name}");
    }
    let meta = fs::metadata(destination(&tree).join("gz/small")).unwrap();
    assert_eq!((meta.mtime(), meta.permissions().mode() & 0o777), (1_000_000_007, 0o640));
    let summary = done.summary();
    assert_eq!((&summary["files"], &summary["other_files"]), (&20.into(), &2.into()));
    assert_eq!(done.by_path("result")[&b"zst/large.zst"[..]].integer("unpacked_bytes"), 3 * MIB as i64);
    assert_eq!(done.count("issues"), 0);
}

#[test]
fn without_a_destination_everything_is_checked_and_nothing_written() {
    let tree = Tree::new();
    tree.file("good.gz", gzip(b"good")).file("cut.gz", &gzip(&noise(100_000, 1))[..5_000]);
    let mut wrong = gzip(b"checksum");
    let place = wrong.len() - 6;
    wrong[place] ^= 1;
    tree.file("wrong.gz", wrong).file("trailing.gz", [gzip(b"x"), b"rubbish".to_vec()].concat());
    let before = files_below(tree.path().parent().unwrap());
    let done = spec("decompress", &tree.path()).run();
    assert_eq!(files_below(tree.path().parent().unwrap()), before);
    let broken = done.issue_kinds();
    let expected = ["cut.gz", "trailing.gz", "wrong.gz"].map(|path| ("malformed".to_owned(), path.as_bytes().to_vec()));
    assert_eq!(broken, expected, "{:?}", messages(&done));
    assert_eq!(done.summary()["tested_only"], true);
    // What is behind a whole stream is told, and costs nothing of it.
    assert_eq!(done.summary()["files"], 2);
    let written = decompress(&tree).run();
    assert_eq!(files_below(&destination(&tree)), ["good", "trailing"], "no part of a broken file stays");
    assert_eq!(written.issue_kinds(), broken);
}

#[test]
fn no_member_of_an_archive_is_written_outside_its_folder() {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let tree = Tree::new();
    fs::create_dir(tree.beside("out")).unwrap();
    fs::write(tree.beside("out/victim"), "untouched").unwrap();
    let absolute = tree.beside("out/absolute");
    let absolute = absolute.to_str().unwrap();
    let evil = tar(&[
        (Regular, "good", "", b"good"),
        (Regular, "../climbs", "", b"evil"),
        (Regular, "sub/../../climbs", "", b"evil"),
        (Regular, absolute, "", b"evil"),
        (Symlink, "out", "..", b""),
        (Symlink, "far", "/", b""),
        (Symlink, "sub/up", "../../..", b""),
        (Symlink, "sub/twisted", "a/../../..", b""),
        (Symlink, "here", "sub", b""),
        (Directory, "sub", "", b""),
        (Regular, "here/through a link", "", b"evil"),
        (Link, "hard", "../../victim", b""),
        (Link, "hard too", "here/x", b""),
        (Link, "twin", "good", b""),
        (Regular, "..", "", b"evil"),
    ]);
    tree.file("evil.tar", &evil).file("evil2.tar.gz", gzip(&evil));
    let members: &[(&str, u32, &[u8])] = &[
        ("good", 0o100_644, b"good"),
        ("../climbs", 0o100_644, b"evil"),
        ("/absolute", 0o100_644, b"evil"),
        ("out", 0o120_777, b"../.."),
        ("out/through", 0o100_644, b"evil"),
        ("inside", 0o120_777, b"good"),
        ("good", 0o100_644, b"again"),
    ];
    tree.file("evil3.zip", zip(members));
    let done = decompress(&tree).run();
    let outside: Vec<_> =
        files_below(&tree.beside("out")).into_iter().filter(|path| !path.starts_with("unpacked/")).collect();
    assert_eq!(outside, ["victim"]);
    assert_eq!(fs::read(tree.beside("out/victim")).unwrap(), b"untouched");
    let root = destination(&tree);
    for folder in ["evil", "evil2", "evil3"] {
        let last = if folder == "evil3" { "again" } else { "good" };
        assert_eq!(fs::read_to_string(root.join(folder).join("good")).unwrap(), last);
        // Every link that was made stays inside.
        for entry in walkdir::WalkDir::new(root.join(folder)) {
            let entry = entry.unwrap();
            if entry.path_is_symlink() {
                let real = fs::canonicalize(entry.path()).unwrap();
                assert!(real.starts_with(fs::canonicalize(root.join(folder)).unwrap()), "{entry:?} is {real:?}");
            }
        }
    }
    assert_eq!(fs::read(root.join("evil/twin")).unwrap(), b"good");
    assert!(!root.join("evil/sub/through a link").exists());
    let all = messages(&done).join("\n");
    for told in ["points outside the destination", "is absolute", "to an absolute path"] {
        assert!(all.contains(told), "{told} in\n{all}");
    }
    // 11 of each tar (two names climb, one is absolute, "..", four links, two hard links, one goes through a link).
    assert_eq!(done.issues().iter().filter(|row| row.text("path") == "evil.tar").count(), 11, "{all}");
    assert_eq!(done.summary()["archives"], 3);
}

#[test]
fn bombs_are_left_by_ratio_in_all_and_by_members_and_what_is_beside_them_comes_out() {
    let tree = Tree::new();
    let zeros = vec![0; 64 * MIB];
    let packed = zstd::encode_all(&zeros[..], 3).unwrap();
    tree.file("bomb.zst", &packed).file("good.gz", gzip(b"good"));
    let ratio = decompress(&tree).option("max_ratio", 100).option("ratio_from_bytes", 16 * MIB).run();
    assert_eq!(ratio.issue_kinds(), [("too_large".to_owned(), b"bomb.zst".to_vec())]);
    assert!(messages(&ratio)[0].contains("more than 100 times its size"));
    assert_eq!(files_below(&destination(&tree)), ["good"]);
    fs::remove_dir_all(tree.beside("out")).unwrap();
    let all = decompress(&tree).option("max_ratio", 1_000_000).option("max_unpacked_bytes", 20 * MIB).run();
    assert!(messages(&all)[0].contains(&format!("more than {} bytes", 20 * MIB)), "{:?}", messages(&all));
    fs::remove_dir_all(tree.beside("out")).unwrap();

    let many: Vec<String> = (0..50).map(|index| format!("{index}")).collect();
    let entries: Vec<_> = many.iter().map(|name| (tar::EntryType::Regular, name.as_str(), "", &b""[..])).collect();
    let members: Vec<(&str, u32, &[u8])> = many.iter().map(|name| (name.as_str(), 0o100_644, &b""[..])).collect();
    let tree = Tree::new();
    tree.file("many.tar", tar(&entries)).file("many.zip", zip(&members));
    let limited = spec("decompress", &tree.path()).option("max_members", 49).run();
    assert!(messages(&limited).iter().all(|message| message.contains("more than 49 members")));
    assert_eq!(limited.count("issues"), 2);
    assert_eq!(spec("decompress", &tree.path()).option("max_members", 50).run().count("issues"), 0);
}

#[test]
fn a_tar_whose_names_or_holes_are_endless_takes_no_memory() {
    let tree = Tree::new();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.as_gnu_mut().unwrap().name[..13].copy_from_slice(b"././@LongLink");
    header.set_size(1 << 40);
    header.set_cksum();
    let endless = [header.as_bytes().to_vec(), vec![b'n'; 8 * MIB]].concat();
    tree.file("names.tar", endless);
    // A sparse file of 2 TiB, none of which is in the tar.
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNUSparse);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.name[..5].copy_from_slice(b"holes");
    gnu.set_real_size(2 << 40);
    gnu.sparse[0].set_offset(2 << 40);
    gnu.sparse[0].set_length(0);
    header.set_size(0);
    header.set_cksum();
    tree.file("sparse.tar", [&header.as_bytes()[..], &[0; 1024]].concat());
    let done = decompress(&tree).run();
    let all = messages(&done).join("\n");
    assert!(all.contains("has a member header larger than 1 MiB"), "{all}");
    assert!(all.contains("more than 1099511627776 bytes (max_unpacked_bytes)"), "{all}");
    assert_eq!(files_below(&destination(&tree)), [""; 0]);
}

#[test]
fn archives_stay_packed_when_they_are_to() {
    let tree = Tree::new();
    let packed = tar(&[(tar::EntryType::Regular, "a", "", b"x")]);
    tree.file("a.tgz", gzip(&packed)).file("b.zip", zip(&[("a", 0o100_644, b"x")]));
    let done = decompress(&tree).option("unpack_archives", false).run();
    assert_eq!(files_below(&destination(&tree)), ["a.tar"]);
    assert_eq!(fs::read(destination(&tree).join("a.tar")).unwrap(), packed);
    assert_eq!(done.summary()["other_files"], 1);
}

#[test]
fn encrypted_unknown_and_broken_members_of_a_zip_are_told() {
    let tree = Tree::new();
    let mut broken = zip(&[("good", 0o100_644, b"good"), ("bad", 0o100_644, b"some content")]);
    let place = broken.windows(12).position(|window| window == b"some content").unwrap();
    broken[place] = b'S';
    tree.file("broken.zip", &broken);
    let mut unknown = zip(&[("a", 0o100_644, b"x")]);
    // The method in the central directory and in the local header (APPNOTE 4.3.7, 4.3.12): PPMd.
    let central = unknown.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    unknown[central + 10] = 98;
    unknown[8] = 98;
    tree.file("unknown.zip", &unknown);
    let mut encrypted = zip(&[("a", 0o100_644, b"x")]);
    encrypted[central + 8] |= 1;
    tree.file("encrypted.zip", &encrypted).file("cut.zip", &broken[..broken.len() - 30]);
    let done = decompress(&tree).run();
    let all = messages(&done).join("\n");
    assert!(all.contains("is encrypted"), "{all}");
    assert!(all.contains("which is not supported"), "{all}");
    assert_eq!(done.count("issues"), 4, "{all}");
}

fn arbitrary_bytes_in(form: usize, bytes: &[u8]) -> Vec<u8> {
    let starts: [&[u8]; 7] =
        [b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\xfd7zXZ\0", b"BZh91AY&SY", b"PK\x03\x04", b""];
    [starts[form], bytes].concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(64), rng_seed: RngSeed::Fixed(seed(7)), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_end_the_job(parts in prop::collection::vec((0..7usize, prop::collection::vec(any::<u8>(), 0..2000)), 1..8)) {
        let tree = Tree::in_memory();
        for (index, (form, bytes)) in parts.iter().enumerate() {
            tree.file(format!("{index}"), arbitrary_bytes_in(*form, bytes));
        }
        let done = decompress(&tree).run();
        let summary = done.summary();
        let files = summary["files"].as_u64().unwrap() + summary["other_files"].as_u64().unwrap();
        let issues = done.issue_kinds();
        prop_assert!(files + issues.len() as u64 >= parts.len() as u64);
        prop_assert!(Path::new(&destination(&tree)).exists());
    }
}
