//! What an archive keeps of files besides their content, and that a tree comes back from it as it was.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::XattrFlags;

use crate::common::run::{Done, spec};
use crate::common::tree::Tree;

/// Megabytes of a file with holes, and where it has none.
const HOLES: u64 = 24 << 20;
const PARTS: [(u64, u64); 3] = [(0, 4096), (9 << 20, 1 << 20), (20 << 20, 100)];

/// Names of attributes; a record of a tar ends its keyword at the first `=`, which is written as `%3D`.
const ATTRIBUTES: [(&str, &str); 4] =
    [("dir/named", "user.pravah"), ("dir/named", "user.a=b%3Dc%"), ("dir", "user.pravah"), ("holes", "user.pravah")];

/// True where the file system of the tree keeps attributes.
fn tree(tree: &Tree) -> bool {
    tree.file("dir/plain", "content").file("dir/early", "early").file("dir/named", "x");
    tree.link("dir/up", "../../outside").link("absolute", "/etc/hostname").link("beside", "dir/plain");
    tree.hard_link("dir/again", "dir/plain");
    for name in ["holes", "dir/tail"] {
        let file = fs::File::create(tree.at(name)).unwrap();
        file.set_len(HOLES).unwrap();
        for (offset, length) in PARTS.iter().filter(|(offset, _)| name == "holes" || *offset > 0) {
            file.write_all_at(&vec![b'x'; *length as usize], *offset).unwrap();
        }
    }
    fs::File::create(tree.at("nothing")).unwrap().set_len(HOLES).unwrap();
    let long = format!("{}/{}", "l".repeat(150), "m".repeat(120));
    fs::create_dir(tree.at("l".repeat(150))).unwrap();
    fs::File::create(tree.at(&long)).unwrap().set_len(HOLES).unwrap();
    let has_attributes = ATTRIBUTES.iter().all(|&(name, attribute)| {
        rustix::fs::setxattr(tree.at(name), attribute, b"a = \n\0 value", XattrFlags::empty()).is_ok()
    });
    let times: [(&str, i64, i64); 7] = [
        ("dir/plain", 1_700_000_000, 123_456_789),
        ("dir/early", -86_401, 500_000_000),
        ("dir/named", -5, 0),
        ("holes", 1_000_000_000, 1),
        ("dir/tail", 1_000_000_000, 0),
        ("nothing", 9_000_000_000, 0),
        ("dir", 1_234_567_890, 987_654_321),
    ];
    times.into_iter().for_each(|(name, seconds, nanoseconds)| {
        tree.modified(name, seconds, nanoseconds);
    });
    for (place, name) in ["dir/up", "absolute", "beside"].iter().enumerate() {
        let time = rustix::fs::Timespec { tv_sec: 1_500_000_000 + place as i64, tv_nsec: 5_000_000 };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, tree.at(name), &times, flags).unwrap();
    }
    tree.modified("dir", 1_234_567_890, 987_654_321);
    has_attributes
}

fn messages(done: &Done) -> Vec<String> {
    done.issues().iter().map(|row| format!("{}: {}", row.text("path"), row.text("message"))).collect()
}

/// Archive the tree and unpack that; where the tree is then.
fn there_and_back(source: &Tree, form: &str) -> (Done, PathBuf) {
    let done = spec("archive", &source.path()).option("form", form).run();
    assert_eq!(messages(&done), Vec::<String>::new(), "{form}");
    let name = format!("archive.{form}");
    let packed = source.beside(&format!("packed-{form}"));
    fs::create_dir(&packed).unwrap();
    fs::write(packed.join(&name), done.read(&name)).unwrap();
    let out = source.beside(&format!("out-{form}"));
    let job = spec("decompress", &packed).option("destination", out.to_str().unwrap());
    let back = job.option("allow_outside_links", true).run();
    assert_eq!((messages(&back), &back.summary()["verdict"]), (Vec::new(), &"whole".into()), "{form}");
    (done, out.join("archive"))
}

/// A path with its kind and mode, its time, its target or content.
type Seen = (PathBuf, u32, (i64, i64), Vec<u8>);

/// All that is below a directory.
fn seen(root: &Path, tick_ns: i64) -> Vec<Seen> {
    let mut all = Vec::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name() {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        let content = match meta.file_type() {
            kind if kind.is_symlink() => fs::read_link(entry.path()).unwrap().into_os_string().into_encoded_bytes(),
            kind if kind.is_dir() => Vec::new(),
            _ => blake3::hash(&fs::read(entry.path()).unwrap()).as_bytes().to_vec(),
        };
        let time = (meta.mtime(), meta.mtime_nsec() / tick_ns * tick_ns);
        all.push((entry.path().strip_prefix(root).unwrap().to_owned(), meta.mode(), time, content));
    }
    all
}

#[test]
fn a_tar_keeps_times_holes_attributes_and_links() {
    let source = Tree::new();
    let has_attributes = tree(&source);
    for form in ["tar", "tar.zst"] {
        let (done, back) = there_and_back(&source, form);
        assert_eq!(seen(&source.path(), 1), seen(&back, 1), "{form}");
        let inode = |name: &str| fs::metadata(back.join(name)).unwrap().ino();
        assert_eq!(inode("dir/plain"), inode("dir/again"), "{form}");
        for name in ["holes", "dir/tail", "nothing"] {
            let blocks = |path: PathBuf| fs::metadata(path).unwrap().blocks() * 512;
            assert!(blocks(back.join(name)) <= blocks(source.at(name)) + (1 << 20), "{form} {name}");
        }
        if form == "tar" {
            // Holes take no room in it.
            assert!(done.summary()["archive_bytes"].as_u64().unwrap() < 4 << 20, "{}", done.summary());
        }
        let value = |path: PathBuf, attribute: &str| {
            let mut value = vec![0; 64];
            let length = rustix::fs::getxattr(path, attribute, &mut value).unwrap_or(0);
            value.truncate(length);
            value
        };
        for (name, attribute) in ATTRIBUTES.iter().filter(|_| has_attributes) {
            let found = value(back.join(name), attribute);
            assert!(!found.is_empty() && found == value(source.at(name), attribute), "{form} {name} {attribute}");
        }
    }
}

#[test]
fn a_zip_keeps_links_and_tells_what_it_leaves_out() {
    let source = Tree::new();
    let has_attributes = tree(&source);
    for (name, seconds) in [("dir/plain", 2_524_608_000), ("dir/tail", 4_500_000_000), ("dir/named", -11_000_000_000)] {
        source.modified(name, seconds, 0);
    }
    let (done, back) = there_and_back(&source, "zip");
    assert_eq!(seen(&source.path(), 100), seen(&back, 100));
    let left_out = done.summary()["attributes_left_out"].as_u64().unwrap();
    assert!(!has_attributes || left_out >= 3, "{}", done.summary());
}

#[test]
fn times_that_an_archive_cannot_hold_are_counted() {
    let source = Tree::new();
    source.file("far", "x").file("near", "x").modified("far", 9_300_000_000, 0);
    for form in ["tar", "zip"] {
        let done = spec("archive", &source.path()).option("form", form).run();
        let is_far = fs::metadata(source.at("far")).unwrap().mtime() == 9_300_000_000;
        assert_eq!(done.summary()["times_cut"], u64::from(is_far), "{form}");
    }
}
