//! compress and archive: every file comes back as it was, and nothing is written where it should not be.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::digests::noise;
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, hostile_names, path_of};
use pravah_foundation::base::control::Control;
use pravah_foundation::io::codec::{Codec, decoder};
use pravah_foundation::io::destination::MARKER;
use serde_json::json;

const MIB: usize = 1 << 20;
const FORMATS: [(&str, &str, Codec); 5] = [
    ("gzip", "gz", Codec::Gzip),
    ("zstd", "zst", Codec::Zstd),
    ("xz", "xz", Codec::Xz),
    ("bzip2", "bz2", Codec::Bzip2),
    ("lz4", "lz4", Codec::Lz4),
];
const FORMS: [&str; 7] = ["tar", "tar.gz", "tar.zst", "tar.xz", "tar.bz2", "tar.lz4", "zip"];

/// Text that compresses about as well as text does.
fn text(length: usize, seed: u64) -> Vec<u8> {
    noise(length, seed).into_iter().map(|byte| b"etaoin shrdlu\n,."[usize::from(byte & 15)]).collect()
}

fn compress(tree: &Tree, format: &str) -> Spec {
    spec("compress", &tree.path()).option("format", format).option("destination", place(&tree.beside("packed")))
}

fn place(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// What a tree holds: kind, content or target, permissions, time of change (seconds), by path.
fn contents(root: &Path) -> BTreeMap<Vec<u8>, (char, Vec<u8>, u32, i64)> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1) {
        let entry = entry.unwrap();
        let (path, meta) = (entry.path(), entry.metadata().unwrap());
        let key = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
        let value = if meta.is_symlink() {
            ('l', fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec(), 0, 0)
        } else if meta.is_dir() {
            ('d', Vec::new(), meta.permissions().mode() & 0o7777, meta.mtime())
        } else {
            ('f', fs::read(path).unwrap(), meta.permissions().mode() & 0o7777, meta.mtime())
        };
        found.insert(key, value);
    }
    found
}

fn unpacked(path: &Path, codec: Codec) -> Vec<u8> {
    let mut content = Vec::new();
    let packed = fs::read(path).unwrap();
    decoder(codec, &packed[..]).unwrap().read_to_end(&mut content).unwrap();
    content
}

/// A tree with all that a mirror or an archive has to keep.
fn hostile() -> Tree {
    let tree = Tree::new();
    for (index, name) in hostile_names().into_iter().enumerate() {
        // Room for the end of the compressed file's name.
        let name = if name.len() > 250 { name[..250].to_vec() } else { name };
        tree.file([b"names/", &name[..]].concat(), text(index * 100, index as u64));
    }
    tree.file("empty", "").file("large.csv", text(2 * MIB + 17, 1)).file("noise.bin", noise(MIB + 1, 2));
    tree.file("edge", text(MIB, 3)).dir("nothing/here").link("link", "large.csv").link("nothing/far", "/etc/passwd");
    tree.link("long link", "x/".repeat(200)).file(format!("{}/{}", "d".repeat(150), "f".repeat(150)), "deep");
    tree.hard_link("large again", "large.csv");
    fs::set_permissions(tree.at("empty"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(tree.at("edge"), fs::Permissions::from_mode(0o755)).unwrap();
    tree.modified("large.csv", 1_000_000_007, 0).modified("empty", 1_234_567_890, 0).modified("names", 999_999_999, 0);
    tree
}

#[test]
fn a_mirror_holds_every_file_with_what_is_known_of_it() {
    let tree = hostile();
    let expected = contents(&tree.path());
    for (format, suffix, codec) in FORMATS {
        let packed = tree.beside("packed");
        let done = compress(&tree, format).run();
        let mut found = BTreeMap::new();
        for (mut path, (kind, content, mode, time)) in contents(&packed) {
            let content = match kind {
                'f' => {
                    path = path.strip_suffix(format!(".{suffix}").as_bytes()).unwrap().to_vec();
                    let packed = [&path[..], b".", suffix.as_bytes()].concat();
                    unpacked(&tree.beside("packed").join(path_of(&packed)), codec)
                }
                _ => content,
            };
            found.insert(path, (kind, content, mode, time));
        }
        assert!(found == expected, "{format}: {:?}", found.keys().collect::<Vec<_>>());
        let files = expected.values().filter(|entry| entry.0 == 'f');
        let bytes: usize = files.clone().map(|entry| entry.1.len()).sum();
        assert_eq!(done.summary()["files"], files.count());
        assert_eq!(done.summary()["bytes"], bytes);
        assert_eq!(done.summary()["links"], 3);
        let rows = done.by_path("result");
        let large = &rows[&b"large.csv"[..]];
        let written = fs::metadata(packed.join(format!("large.csv.{suffix}"))).unwrap().len();
        assert_eq!(large.integer("packed_bytes"), written as i64);
        assert_eq!(large.text("extension"), "csv");
        let sum: i64 = done.table("by_extension").iter().map(|row| row.integer("packed_bytes")).sum();
        assert_eq!(done.summary()["packed_bytes"], sum);
        assert_eq!(done.count("issues"), 0);
        if format == FORMATS[0].0 {
            let back = tree.beside("back");
            let job = spec("decompress", &packed).option("destination", back.to_str().unwrap());
            let done = job.option("unpack_archives", false).run();
            assert!(contents(&back) == expected, "{:?}", contents(&back).keys().collect::<Vec<_>>());
            assert_eq!((&done.summary()["links"], done.count("issues")), (&3.into(), 0));
        }
        fs::remove_dir_all(packed).unwrap();
    }
}

#[test]
fn what_is_not_to_be_kept_is_not_and_special_files_are_issues() {
    let tree = Tree::new();
    tree.file("a", "x").modified("a", 5, 0).fifo("pipe").socket("socket");
    let done = compress(&tree, "gzip").option("keep_metadata", false).option("verify_output", false).run();
    let meta = fs::metadata(tree.beside("packed/a.gz")).unwrap();
    assert!(meta.mtime() > 1_000_000_000);
    let kinds = [("unsupported", "pipe"), ("unsupported", "socket")];
    assert_eq!(done.issue_kinds(), kinds.map(|(kind, path)| (kind.to_owned(), path.as_bytes().to_vec())));
}

#[test]
fn times_beyond_2262_and_before_1677_are_kept_where_the_file_system_has_them() {
    let tree = Tree::new();
    tree.dir("folder").file("folder/far", "x").file("old", "y");
    for (path, seconds, part) in
        [("folder/far", 9_300_000_000, 5), ("old", -9_400_000_000, 7), ("folder", 9_400_000_000, 0)]
    {
        tree.modified(path, seconds, part);
    }
    let time = |path: &Path| fs::metadata(path).map(|meta| (meta.mtime(), meta.mtime_nsec())).unwrap();
    let has = ["folder/far", "old", "folder"].map(|path| time(&tree.at(path)));
    assert_eq!(compress(&tree, "gzip").run().summary()["times_cut"], 0);
    let packed = tree.beside("packed");
    let given = ["folder/far.gz", "old.gz", "folder"].map(|path| time(&packed.join(path)));
    assert_eq!(has, given);
    let back = tree.beside("back");
    let job = spec("decompress", &packed).option("destination", back.to_str().unwrap());
    assert_eq!(job.run().summary()["times_cut"], 0);
    assert_eq!(["folder/far", "old", "folder"].map(|path| time(&back.join(path))), has);
}

#[test]
fn a_destination_that_is_used_near_or_no_path_is_refused_before_anything_is_written() {
    let tree = Tree::new();
    tree.file("a", "x").dir("below");
    fs::create_dir(tree.beside("used")).unwrap();
    fs::write(tree.beside("used/mine"), "mine").unwrap();
    let to = |path: &Path| spec("compress", &tree.path()).option("destination", place(path)).fails().to_string();
    assert!(to(&tree.beside("used")).contains("is not empty"));
    assert!(to(&tree.at("below")).contains("is inside the source"));
    assert!(to(&tree.at("new")).contains("is inside the source"));
    assert!(to(&tree.beside("new/../source/deep/new")).contains("is inside the source"));
    std::os::unix::fs::symlink(tree.path(), tree.beside("link")).unwrap();
    assert!(to(&tree.beside("link/below/deep/new")).contains("is inside the source"));
    assert!(to(&tree.beside(&format!("new/{}", "n".repeat(300)))).contains("too long"));
    assert!(to(tree.path().parent().unwrap()).contains("contains it"));
    assert!(to(Path::new("relative")).contains("not absolute"));
    assert!(to(&tree.beside("used/mine")).contains("mine"));
    assert_eq!(fs::read(tree.beside("used/mine")).unwrap(), b"mine");
    assert_eq!(contents(&tree.path()).len(), 2, "nothing is made in the source");
    assert!(!tree.beside("new").exists(), "nothing is made on the way to what is refused");
    assert_eq!(fs::read_dir(tree.beside("used")).unwrap().count(), 1);
}

#[test]
fn names_that_meet_at_the_destination_are_told_and_nothing_is_written_over() {
    let tree = Tree::new();
    tree.file("a", "file").file("a.gz/inside", "x").file("n".repeat(254), "long");
    let done = compress(&tree, "gzip").run();
    let issues = done.issue_kinds();
    // A folder that is called as a compressed file would be costs nothing: the file gets another name.
    assert_eq!(issues.len(), 1, "{issues:?}");
    assert!(issues.iter().all(|(kind, _)| kind == "unsupported"));
    let message = done.issues().iter().map(|row| row.text("message").to_owned()).collect::<String>();
    assert!(message.contains("name too long") || message.contains("File name too long"), "{message}");
}

#[test]
fn what_an_earlier_attempt_left_is_replaced_by_its_own_job_only() {
    let tree = Tree::new();
    tree.file("a", "x").file("sub/b", "y");
    let packed = tree.beside("packed");
    fs::create_dir_all(packed.join("sub")).unwrap();
    fs::write(packed.join(MARKER), "job 7").unwrap();
    fs::write(packed.join("a.zst"), "half").unwrap();
    fs::write(packed.join("sub/.pravah-9.part"), "half").unwrap();
    let other = compress(&tree, "zstd").output("job", "job 8").fails().to_string();
    assert!(other.contains("unfinished files of another job"), "{other}");
    compress(&tree, "zstd").output("job", "job 7").run();
    // The marker of a job with a name is its caller's to take away.
    assert_eq!(crate::common::run::files_below(&packed), [MARKER, "a.zst", "sub/b.zst"]);
    assert_eq!(unpacked(&packed.join("a.zst"), Codec::Zstd), b"x");
}

#[test]
fn a_marker_without_a_readable_owner_is_replaced_where_nothing_can_be_lost_and_told_elsewhere() {
    let tree = Tree::new();
    tree.file("a", "x");
    let packed = tree.beside("packed");
    let marker = packed.join(MARKER);
    let begin = || {
        let _ = fs::remove_dir_all(&packed);
        fs::create_dir(&packed).unwrap();
        // A marker that an attempt wrote and did not get to name, or that a power cut took its name from.
        fs::write(packed.join(".pravah-1f.part"), "job 7").unwrap();
    };
    for job in ["job 7", "job 8"] {
        for content in [None, Some(&b""[..]), Some(&[0; 5]), Some(&[b'x'; 10_000])] {
            begin();
            content.inspect(|content| fs::write(&marker, content).unwrap());
            compress(&tree, "zstd").output("job", job).run();
            assert_eq!(crate::common::run::files_below(&packed), [MARKER, "a.zst"]);
            assert_eq!(fs::read(&marker).unwrap(), job.as_bytes());
        }
    }
    for content in [&b""[..], &[0; 5]] {
        begin();
        fs::write(&marker, content).unwrap();
        fs::write(packed.join("precious"), "y").unwrap();
        let refused = compress(&tree, "zstd").output("job", "job 7").fails().to_string();
        assert!(refused.contains("no longer names") && refused.contains("empty this one"), "{refused}");
        assert_eq!(fs::read(packed.join("precious")).unwrap(), b"y");
    }
    // Nobody writes into it: an open that waits would wait for ever.
    begin();
    rustix::fs::mknodat(rustix::fs::CWD, &marker, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    compress(&tree, "zstd").output("job", "job 7").run();
    assert_eq!(fs::read(&marker).unwrap(), b"job 7");
}

#[test]
fn a_cancelled_job_leaves_no_half_file_and_says_that_it_is_unfinished() {
    let tree = Tree::new();
    for index in 0..64 {
        tree.file(format!("{index}"), text(MIB, index));
    }
    let control = Arc::new(Control::new());
    let observer = Arc::clone(&control);
    let cancel = std::thread::spawn(move || {
        crate::common::wait_until("some bytes", || observer.snapshot().bytes_done > 4 * MIB as u64);
        observer.cancel();
    });
    assert!(compress(&tree, "xz").run_with(&control).is_err());
    cancel.join().unwrap();
    let packed = tree.beside("packed");
    for entry in contents(&packed) {
        let name = String::from_utf8(entry.0).unwrap();
        if name == MARKER {
            continue;
        }
        let index: u64 = name.strip_suffix(".xz").unwrap_or_else(|| panic!("{name}")).parse().unwrap();
        assert!(unpacked(&packed.join(&name), Codec::Xz) == text(MIB, index), "{name}");
    }
    assert!(packed.join(MARKER).exists());
}

#[test]
fn an_estimate_reads_little_is_near_the_truth_and_the_same_each_time() {
    let tree = Tree::new();
    for index in 0..60 {
        tree.file(format!("text/{index}.txt"), text(20_000 + index * 3_000, index as u64));
        tree.file(format!("noise/{index}.bin"), noise(10_000 + index * 1_000, index as u64));
    }
    tree.file("one.log", [text(9 * MIB, 1), noise(9 * MIB, 2)].concat()).file("empty", "").link("l", "one.log");
    let estimate = spec("compress", &tree.path()).option("format", "gzip");
    let (done, again) = (estimate.run(), estimate.threads(4).run());
    assert_eq!(done.table("by_extension"), again.table("by_extension"));
    assert_eq!(done.summary()["estimated"], true);
    let whole = compress(&tree, "gzip").run();
    let of = |done: &Done, extension: &str| {
        let rows = done.table("by_extension");
        let row = rows.iter().find(|row| row.text("extension") == extension).unwrap();
        (row.integer("files"), row.integer("size_bytes"), row.integer("packed_bytes") as f64)
    };
    for extension in ["txt", "bin", "log", ""] {
        let ((files, bytes, packed), truth) = (of(&done, extension), of(&whole, extension));
        assert_eq!((files, bytes), (truth.0, truth.1), "{extension}");
        assert!((packed - truth.2).abs() <= truth.2 * 0.05 + 20.0, "{extension}: {packed}, truly {}", truth.2);
    }
    let sampled = done.summary()["sampled_bytes"].as_u64().unwrap();
    assert!(sampled < whole.summary()["bytes"].as_u64().unwrap());
    assert_eq!(contents(tree.beside("packed").parent().unwrap()).keys().filter(|path| path.is_empty()).count(), 0);
}

#[test]
fn an_empty_tree_is_no_trouble() {
    let tree = Tree::new();
    for done in [spec("compress", &tree.path()).run(), compress(&tree, "zstd").run()] {
        assert_eq!(done.summary()["packed_percent"], 100);
        assert_eq!(done.summary()["files"], 0);
    }
    for form in FORMS {
        assert_eq!(spec("archive", &tree.path()).option("form", form).run().summary()["files"], 0);
    }
}

#[test]
fn one_read_serves_a_mirror_and_digests() {
    let tree = Tree::new();
    tree.file("a", text(3 * MIB, 1)).file("b", "small");
    let done = compress(&tree, "zstd").and("checksum").run();
    assert_eq!(done.summary()["files"], 2);
    assert_eq!(done.of("checksum").summary()["files"], 2);
    assert!(unpacked(&tree.beside("packed/a.zst"), Codec::Zstd) == text(3 * MIB, 1));
}

fn archive(tree: &Tree, form: &str) -> (Done, PathBuf) {
    let done = spec("archive", &tree.path()).option("form", form).option("archive_name", "all").run();
    let path = done.own_folder().join(format!("all.{form}"));
    (done, path)
}

/// Unpack by our own decompress, whose tests have other archives than ours.
fn extracted(archive: &Path, tree: &Tree) -> BTreeMap<Vec<u8>, (char, Vec<u8>, u32, i64)> {
    let (source, destination) = (tree.beside("archives"), tree.beside("unpacked"));
    fs::create_dir(&source).unwrap();
    fs::copy(archive, source.join(archive.file_name().unwrap())).unwrap();
    let done = spec("decompress", &source).option("destination", place(&destination)).run();
    let found = contents(&destination.join("all"));
    // A link that leads out is archived as it is, and not unpacked.
    let refused = done.issues().iter().map(|row| row.text("message").to_owned()).collect::<Vec<_>>();
    assert!(refused.iter().all(|message| message.contains("nothing/far")), "{refused:?}");
    fs::remove_dir_all(source).unwrap();
    fs::remove_dir_all(destination).unwrap();
    found
}

#[test]
fn an_archive_gives_the_tree_back_and_is_the_same_each_time() {
    let tree = hostile();
    let mut expected = contents(&tree.path());
    expected.remove(&b"nothing/far"[..]);
    for form in FORMS {
        let (done, path) = archive(&tree, form);
        let again = archive(&tree, form);
        let (one, other) = (fs::read(&path).unwrap(), fs::read(&again.1).unwrap());
        let differs = one.iter().zip(&other).position(|(one, other)| one != other);
        assert!(one == other, "{form} differs at byte {differs:?}");
        let mut found = extracted(&path, &tree);
        if form == "zip" {
            // A directory's permissions and time are kept, a link's name is content.
            assert_eq!(done.summary()["links"], 3);
        } else {
            assert_eq!(done.summary()["links"], 4, "one name of two is a link in a tar");
        }
        // The refused link's directory was changed by nothing else.
        for (path, entry) in &expected {
            let other = found.remove(path).unwrap_or_else(|| panic!("{form}: no {}", String::from_utf8_lossy(path)));
            assert!(&other == entry, "{form}: {}: {:?} and {:?}", String::from_utf8_lossy(path), other.2, entry.2);
        }
        assert!(found.is_empty(), "{form}: {:?}", found.keys());
        assert_eq!(done.table("result").len(), expected.len() + 1);
        let bytes = fs::metadata(&path).unwrap().len();
        assert_eq!(done.summary()["archive_bytes"], bytes);
    }
}

#[test]
fn an_archive_lists_what_it_could_not_read_and_has_the_rest() {
    let tree = Tree::new();
    tree.file("a", "x").fifo("pipe");
    let (done, path) = archive(&tree, "tar.gz");
    assert_eq!(done.issue_kinds(), [("unsupported".to_owned(), b"pipe".to_vec())]);
    assert_eq!(extracted(&path, &tree).len(), 1);
}

#[test]
fn a_file_that_grows_while_it_is_archived_is_told_and_the_archive_stays_whole() {
    let tree = Tree::new();
    let size = 64 * MIB;
    tree.file("growing", noise(size, 1)).file("zz", "after");
    let path = tree.at("growing");
    let control = Arc::new(Control::new());
    let observer = Arc::clone(&control);
    let grow = std::thread::spawn(move || {
        crate::common::wait_until("reading", || observer.snapshot().bytes_done > MIB as u64);
        let mut content = fs::read(&path).unwrap();
        content.truncate(size / 2);
        fs::write(&path, content).unwrap();
    });
    let done = spec("archive", &tree.path()).option("form", "tar.gz").run_with(&control).unwrap();
    grow.join().unwrap();
    let kinds = done.issue_kinds();
    assert_eq!(kinds, [("changed_while_read".to_owned(), b"growing".to_vec())]);
    let mut tar = Vec::new();
    let packed = done.read("archive.tar.gz");
    decoder(Codec::Gzip, &packed[..]).unwrap().read_to_end(&mut tar).unwrap();
    let mut archive = tar::Archive::new(&tar[..]);
    let entries: Vec<_> = archive.entries().unwrap().map(|entry| real_size(&mut entry.unwrap())).collect();
    assert_eq!(entries, [size as u64, 5]);
}

/// The size of a member: of one that was cut before its holes were looked for, what is gone is a hole.
fn real_size(entry: &mut tar::Entry<impl std::io::Read>) -> u64 {
    let stored = entry.size();
    let mut words = entry.pax_extensions().unwrap().into_iter().flatten().map(Result::unwrap);
    let real = words.find(|word| word.key() == Ok("GNU.sparse.realsize"));
    real.map_or(stored, |word| word.value().unwrap().parse().unwrap())
}

#[test]
fn names_and_levels_that_are_none_are_refused() {
    let tree = Tree::new();
    let refused = |option: &str, value: serde_json::Value| {
        spec("archive", &tree.path()).option(option, value).fails().to_string()
    };
    for name in ["", "a/b", "..", ".hidden", "a\0", "a\nb"] {
        assert!(refused("archive_name", json!(name)).contains("options.archive_name"), "{name:?}");
    }
    assert!(refused("level", json!(99)).contains("zstd has levels 1 to 22"));
    let plain = spec("archive", &tree.path()).option("form", "tar").option("level", 1).fails().to_string();
    assert!(plain.contains("without compression"), "{plain}");
}
