//! Archives as other tools write them: what comes out of each form, and what is told.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::PathBuf;

use crate::common::run::{Done, Spec, files_below, spec};
use crate::common::tree::{Tree, gzip};

fn out(tree: &Tree) -> PathBuf {
    tree.beside("out")
}

fn decompress(tree: &Tree) -> Spec {
    spec("decompress", &tree.path()).option("destination", out(tree).to_str().unwrap())
}

pub fn messages(done: &Done) -> String {
    done.issues().iter().map(|row| format!("{}: {}\n", row.text("path"), row.text("message"))).collect()
}

/// A member of a tar, its fields as bytes.
pub struct Member {
    pub kind: u8,
    pub name: &'static str,
    pub link: &'static str,
    pub mtime: Vec<u8>,
    pub mode: &'static [u8],
    pub size: Option<u64>,
    pub content: Vec<u8>,
    pub is_signed: bool,
    pub is_ustar: bool,
}

pub fn member(kind: u8, name: &'static str, content: &[u8]) -> Member {
    let mtime = b"07346545000\0".to_vec();
    let mode = b"0000640\0";
    Member {
        kind,
        name,
        link: "",
        mtime,
        mode,
        size: None,
        content: content.to_vec(),
        is_signed: false,
        is_ustar: true,
    }
}

impl Member {
    fn bytes(&self) -> Vec<u8> {
        let mut block = [0u8; 512];
        let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
        put(0, self.name.as_bytes());
        put(100, self.mode);
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", self.size.unwrap_or(self.content.len() as u64)).as_bytes());
        put(136, &self.mtime);
        put(156, &[self.kind]);
        put(157, self.link.as_bytes());
        if self.is_ustar {
            put(257, b"ustar\x0000");
        }
        let value = |&byte: &u8| if self.is_signed { i64::from(byte as i8) } else { i64::from(byte) };
        let sum: i64 = block.iter().map(value).sum::<i64>() + 8 * 32;
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let padding = vec![0; (512 - self.content.len() % 512) % 512];
        [&block[..], &self.content, &padding].concat()
    }
}

pub fn tar(members: &[Member]) -> Vec<u8> {
    let mut all: Vec<u8> = members.iter().flat_map(Member::bytes).collect();
    all.extend([0; 1024]);
    all
}

pub fn records(all: &[(&str, &str)]) -> Vec<u8> {
    let record = |(key, value): &(&str, &str)| {
        let rest = key.len() + value.len() + 3;
        let length = (1..5).map(|digits| rest + digits).find(|all| all.to_string().len() + rest == *all).unwrap();
        format!("{length} {key}={value}\n").into_bytes()
    };
    all.iter().flat_map(record).collect()
}

#[test]
fn sparse_members_of_every_form_come_out_as_sparse_files_under_their_names() {
    let tree = Tree::new();
    let data = [&[b'a'; 4096][..], &[b'b'; 100]].concat();
    let old = |name: &[u8]| {
        let mut bytes = [0u8; 512];
        bytes[..name.len()].copy_from_slice(name);
        bytes[100..108].copy_from_slice(b"0000644\0");
        bytes[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
        bytes[156] = b'S';
        bytes[257..265].copy_from_slice(b"ustar  \0");
        for (at, number) in [(386, 4096), (398, 4096), (410, 1 << 20), (422, 100), (483, 8 << 20)] {
            bytes[at..at + 12].copy_from_slice(format!("{number:011o}\0").as_bytes());
        }
        let sum: u32 = bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>() + 8 * 32;
        bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        [&bytes[..], &data, &[0; 412], &[0; 1024]].concat()
    };
    tree.file("old.tar", old(b"big"));
    let size = (8 << 20).to_string();
    let zero = records(&[
        ("GNU.sparse.size", &size),
        ("GNU.sparse.numblocks", "2"),
        ("GNU.sparse.offset", "4096"),
        ("GNU.sparse.numbytes", "4096"),
        ("GNU.sparse.offset", "1048576"),
        ("GNU.sparse.numbytes", "100"),
    ]);
    tree.file("zero.tar", tar(&[member(b'x', "h", &zero), member(b'0', "big", &data)]));
    let one =
        records(&[("GNU.sparse.size", &size), ("GNU.sparse.name", "big"), ("GNU.sparse.map", "4096,4096,1048576,100")]);
    tree.file("one.tar", tar(&[member(b'x', "h", &one), member(b'0', "GNUSparseFile.0/big", &data)]));
    let ten = records(&[
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "big"),
        ("GNU.sparse.realsize", &size),
    ]);
    let mut map = b"2\n4096\n4096\n1048576\n100\n".to_vec();
    map.resize(512, 0);
    let after = member(b'0', "after", b"after");
    let members = [member(b'x', "h", &ten), member(b'0', "GNUSparseFile.0/big", &[&map[..], &data].concat()), after];
    tree.file("ten.tar.gz", gzip(&tar(&members)));
    let done = decompress(&tree).run();
    assert_eq!(messages(&done), "");
    assert_eq!(files_below(&out(&tree)), ["old/big", "one/big", "ten/after", "ten/big", "zero/big"]);
    let mut expected = vec![0; 8 << 20];
    expected[4096..8192].fill(b'a');
    expected[1 << 20..(1 << 20) + 100].fill(b'b');
    for folder in ["old", "zero", "one", "ten"] {
        let path = out(&tree).join(folder).join("big");
        assert!(fs::read(&path).unwrap() == expected, "{folder}");
        assert!(fs::metadata(&path).unwrap().blocks() * 512 < 1 << 20, "{folder} has holes");
    }
    assert_eq!(done.table("members").iter().map(|row| row.integer("size_bytes")).max(), Some(8 << 20));
    // A map that is not one costs its member alone.
    let bad = records(&[("GNU.sparse.size", "100"), ("GNU.sparse.name", "bad"), ("GNU.sparse.map", "90,4096")]);
    let bad = [member(b'x', "h", &bad), member(b'0', "GNUSparseFile.0/bad", &data), member(b'0', "good", b"x")];
    let tree = Tree::new();
    tree.file("bad.tar", tar(&bad));
    let done = decompress(&tree).run();
    assert_eq!(files_below(&out(&tree)), ["bad/good"]);
    assert_eq!(messages(&done), "bad.tar: member bad: has a damaged list of holes and is not unpacked\n");
}

#[test]
fn what_old_and_other_tars_write_comes_out_and_what_is_odd_is_told() {
    let tree = Tree::new();
    let mut signed = member(b'0', "caf\u{e9}", b"signed");
    signed.is_signed = true;
    signed.is_ustar = false;
    let mut sized = member(b'5', "folder/", b"");
    sized.size = Some(4096);
    let old = member(0, "old/", b"");
    let long = "l".repeat(150);
    let solaris = records(&[("path", &long)]);
    let members = [
        member(b'V', "a label", b""),
        signed,
        sized,
        old,
        member(b'D', "dumped/", b"Ya\0Nb\0\0"),
        member(b'X', "h", &solaris),
        member(b'0', "cut", b"solaris"),
        member(b'L', "././@LongLink", &[b"ant/", long.as_bytes(), b"\0"].concat()),
        member(b'0', "ant", b"ant"),
        member(b'6', "pipe", b""),
        member(b'0', "last", b"last"),
    ];
    tree.file("odd.tar", tar(&members));
    let joined = [tar(&[member(b'0', "one", b"1")]), tar(&[member(b'0', "two", b"2")])].concat();
    tree.file("joined.tar", joined);
    tree.file("rubbish.tar", [tar(&[member(b'0', "m", b"1")]), b"rubbish".to_vec()].concat());
    tree.file("open.tar", member(b'0', "m", b"1").bytes());
    let damaged = [&records(&[("uid", "7")])[..], b"99 path=long\n"].concat();
    tree.file("damaged.tar", tar(&[member(b'x', "h", &damaged), member(b'0', "short", b"1")]));
    let done = decompress(&tree).run();
    let solaris = format!("odd/{long}");
    let ant = format!("odd/ant/{long}");
    let mut expected = vec![
        "damaged/short",
        "joined/one",
        "joined/two",
        "open/m",
        "rubbish/m",
        "odd/caf\u{e9}",
        "odd/last",
        &solaris,
        &ant,
    ];
    expected.sort_unstable();
    assert_eq!(files_below(&out(&tree)), expected);
    for folder in ["folder", "old", "dumped"] {
        assert!(out(&tree).join("odd").join(folder).is_dir(), "{folder}");
    }
    let all = messages(&done);
    for told in [
        "odd.tar: member pipe: is a named pipe",
        "joined.tar: contains a second archive",
        "rubbish.tar: 7 bytes after the end",
        "open.tar: ends without the blocks",
        "damaged.tar: member short: the extended header of the member is damaged",
    ] {
        assert!(all.contains(told), "{told} in\n{all}");
    }
    assert_eq!(done.count("issues"), 5, "{all}");
}

#[test]
fn times_of_every_year_and_owners_beyond_the_header_are_kept() {
    let tree = Tree::new();
    let far = records(&[("mtime", "12000000000.25")]);
    let before = records(&[("mtime", "-1.5"), ("SCHILY.xattr.user.pravah", "kept")]);
    let mut binary = member(b'0', "binary", b"x");
    binary.mtime = [&[0xff; 11][..], &[0xfe]].concat();
    let members = [
        member(b'x', "h", &far),
        member(b'0', "far", b"x"),
        member(b'x', "h", &before),
        member(b'0', "before", b"x"),
        binary,
    ];
    tree.file("times.tar", tar(&members));
    assert_eq!(messages(&decompress(&tree).run()), "");
    let times = ["far", "before", "binary"].map(|name| {
        let meta = fs::metadata(out(&tree).join("times").join(name)).unwrap();
        (meta.mtime(), meta.mtime_nsec())
    });
    assert_eq!(times, [(12_000_000_000, 250_000_000), (-2, 500_000_000), (-2, 0)]);
    let mut value = [0; 16];
    let path = out(&tree).join("times/before");
    match rustix::fs::getxattr(&path, "user.pravah", &mut value) {
        Ok(length) => assert_eq!(&value[..length], b"kept"),
        // The file system of the test may have none.
        Err(error) => assert_eq!(error, rustix::io::Errno::NOTSUP),
    }
    if rustix::process::geteuid().is_root() {
        let tree = Tree::new();
        let owner = records(&[("uid", "5000000"), ("gid", "5000001")]);
        tree.file("owner.tar", tar(&[member(b'x', "h", &owner), member(b'0', "m", b"x")]));
        assert_eq!(decompress(&tree).run().count("issues"), 0);
        let meta = fs::metadata(out(&tree).join("owner/m")).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (5_000_000, 5_000_001));
    }
}

#[test]
fn of_members_of_one_name_the_last_counts_and_it_is_told() {
    let tree = Tree::new();
    let members = [member(b'0', "a", b"v1"), member(b'0', "b", b"b"), member(b'0', "./a", b"version 2")];
    tree.file("t.tar", tar(&members))
        .file("z.zip", zip(&[zipped("a", b"v1"), zipped("b", b"b"), zipped("a", b"version 2")]));
    for attempt in 0..3 {
        let done = decompress(&tree).output("job", "one job").run();
        assert_eq!(messages(&done), "", "attempt {attempt}");
        for path in ["t/a", "z/a"] {
            assert_eq!(fs::read(out(&tree).join(path)).unwrap(), b"version 2", "{path}");
        }
        assert_eq!(done.summary()["replaced_members"], 2);
        let members = done.table("members");
        let notes: Vec<&str> = members.iter().filter(|row| !row.is_null("note")).map(|row| row.text("note")).collect();
        let told = ["replaces an earlier member of this name", "not unpacked: a later member has this name"];
        assert!(notes.len() == 2 && told.iter().all(|note| notes.contains(note)), "{notes:?}");
    }
}

/// A member of a zip: its name, content, creator, external attributes and extra fields.
pub struct Zipped {
    pub name: Vec<u8>,
    pub content: Vec<u8>,
    pub creator: u8,
    pub attributes: u32,
    pub method: u16,
    /// Where that in its own header is another one.
    local_name: Option<Vec<u8>>,
    local: Vec<u8>,
    central: Vec<u8>,
}

pub fn zipped(name: impl AsRef<[u8]>, content: &[u8]) -> Zipped {
    let (name, content) = (name.as_ref().to_vec(), content.to_vec());
    let (local, central) = (Vec::new(), Vec::new());
    Zipped { name, content, creator: 0, attributes: 0, method: 0, local_name: None, local, central }
}

/// A zip of stored members (APPNOTE 4.3).
pub fn zip(members: &[Zipped]) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let mut crc = flate2::Crc::new();
        crc.update(&member.content);
        let (offset, size) = (all.len() as u32, (member.content.len() as u32).to_le_bytes());
        // Version, flags, method, time, date (2001-09-09), checksum, sizes.
        let common = [
            &[20, 0, 0, 0][..],
            &member.method.to_le_bytes(),
            &[0, 0, 0x29, 0x2b],
            &crc.sum().to_le_bytes(),
            &size,
            &size,
        ]
        .concat();
        let own_name = member.local_name.as_ref().unwrap_or(&member.name);
        let [length, own_length] = [&member.name, own_name].map(|name| (name.len() as u16).to_le_bytes());
        let extra = |fields: &[u8]| (fields.len() as u16).to_le_bytes();
        all.extend(
            [b"PK\x03\x04", &common[..], &own_length, &extra(&member.local), own_name, &member.local, &member.content]
                .concat(),
        );
        let made =
            [b"PK\x01\x02", &[20, member.creator][..], &common, &length, &extra(&member.central), &[0; 6]].concat();
        let rest =
            [&member.attributes.to_le_bytes()[..], &offset.to_le_bytes(), &member.name, &member.central].concat();
        directory.extend([made, rest].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let (length, start) = ((directory.len() as u32).to_le_bytes(), (all.len() as u32).to_le_bytes());
    [&all[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &length, &start, &[0, 0]].concat()
}

#[test]
fn members_of_zips_get_names_modes_and_times_as_their_creators_meant() {
    let tree = Tree::new();
    let unicode = {
        let mut crc = flate2::Crc::new();
        crc.update(b"plain");
        let field = [&[1][..], &crc.sum().to_le_bytes(), "\u{3c0}".as_bytes()].concat();
        [&[0x75, 0x70, field.len() as u8, 0][..], &field].concat()
    };
    let unix_time = [&[0x55, 0x54, 5, 0, 1][..], &(-86_400i32).to_le_bytes()].concat();
    let mut folder = zipped("folder/", b"");
    folder.attributes = 0x10;
    let mut script = zipped("script", b"x");
    (script.creator, script.attributes) = (3, 0o100_750 << 16);
    let mut named = zipped("plain", b"x");
    named.central = unicode;
    let mut early = zipped("early", b"x");
    early.local = unix_time;
    let members = [
        folder,
        zipped("folder/a", b"x"),
        script,
        named,
        early,
        zipped(b"na\x8bve", b"x"),
        zipped("dir\\sub\\b", b"x"),
    ];
    tree.file("z.zip", zip(&members));
    let japanese = [zipped(b"\x83e\x83X\x83g", b"x"), zipped(b"\x90V\x82\xb5\x82\xa2\x83_/\x83\\", b"y")];
    tree.file("j.zip", zip(&japanese))
        .file("stub.exe", [b"MZ and a program", &zip(&[zipped("inside", b"x")])[..]].concat());
    tree.file("none.exe", "MZ and no archive");
    let done = decompress(&tree).run();
    assert_eq!(messages(&done), "");
    let mut expected = [
        "j/\u{30c6}\u{30b9}\u{30c8}",
        "j/\u{65b0}\u{3057}\u{3044}\u{30c0}/\u{30bd}",
        "stub.exe/inside",
        "z/dir/sub/b",
        "z/early",
        "z/folder/a",
        "z/na\u{ef}ve",
        "z/script",
        "z/\u{3c0}",
    ];
    expected.sort_unstable();
    assert_eq!(files_below(&out(&tree)), expected);
    let meta = |name: &str| fs::metadata(out(&tree).join("z").join(name)).unwrap();
    fs::create_dir(tree.beside("new")).unwrap();
    fs::write(tree.beside("new/file"), "").unwrap();
    let mode = |meta: fs::Metadata| meta.permissions().mode();
    assert_eq!(mode(meta("folder")), mode(fs::metadata(tree.beside("new")).unwrap()), "as the umask has it");
    assert_eq!(mode(meta("folder/a")), mode(fs::metadata(tree.beside("new/file")).unwrap()));
    assert_eq!(mode(meta("script")) & 0o777, 0o750);
    assert_eq!(meta("early").mtime(), -86_400);
    assert_eq!(meta("folder/a").mtime(), 999_993_600);
    assert_eq!(done.summary()["other_files"], 1);
    let forced = Tree::new();
    forced.file("k.zip", zip(&[zipped(b"\xc6\xe5", b"x")]));
    decompress(&forced).option("zip_encoding", "windows-1251").run();
    assert_eq!(files_below(&out(&forced)), ["k/\u{416}\u{435}"]);
    let error = decompress(&forced).option("zip_encoding", "klingon").fails();
    assert!(error.to_string().contains("zip_encoding"), "{error}");
}

#[test]
fn a_damaged_member_of_a_zip_costs_no_other() {
    let tree = Tree::new();
    let names: Vec<String> = (0..200).map(|number| format!("{number:03}")).collect();
    let mut bytes =
        zip(&names.iter().map(|name| zipped(name, format!("content of {name}").as_bytes())).collect::<Vec<_>>());
    let place = bytes.windows(14).position(|window| window == b"content of 117").unwrap();
    bytes[place] = b'C';
    tree.file("z.zip", bytes);
    for _run in 0..5 {
        let done = spec("decompress", &tree.path()).run();
        let all = messages(&done);
        assert!(all.starts_with("z.zip: member 117: is damaged: ") && done.count("issues") == 1, "{all}");
        assert_eq!(done.table("members").len(), 199);
    }
    decompress(&tree).run();
    assert_eq!(files_below(&out(&tree)).len(), 199);
}

/// A content as each codec packs it, with the end of its name.
pub fn packed(content: &[u8]) -> [(&'static str, Vec<u8>); 5] {
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
    xz.write_all(content).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(content).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(content).unwrap();
    [
        ("gz", gzip(content)),
        ("zst", zstd::encode_all(content, 1).unwrap()),
        ("xz", xz.finish().unwrap()),
        ("lz4", lz4.finish().unwrap()),
        ("bz2", bzip2.finish().unwrap()),
    ]
}

#[test]
fn what_is_behind_a_stream_is_told_and_what_it_holds_comes_out() {
    let tree = Tree::new();
    let archive = tar(&[member(b'0', "m", b"x")]);
    for (suffix, stream) in packed(b"a,b\n1,2\n") {
        tree.file(format!("zeros-{suffix}.csv.{suffix}"), [&stream[..], &[0; 511]].concat());
        tree.file(format!("rubbish-{suffix}.csv.{suffix}"), [&stream[..], b"rubbish"].concat());
    }
    for (suffix, stream) in packed(&archive) {
        tree.file(format!("t-{suffix}.tar.{suffix}"), [&stream[..], b"rubbish"].concat());
    }
    let done = decompress(&tree).run();
    let mut expected = Vec::new();
    for suffix in ["bz2", "gz", "lz4", "xz", "zst"] {
        expected.extend([format!("rubbish-{suffix}.csv"), format!("t-{suffix}/m"), format!("zeros-{suffix}.csv")]);
    }
    expected.sort();
    assert_eq!(files_below(&out(&tree)), expected, "{}", messages(&done));
    assert_eq!(fs::read(out(&tree).join("rubbish-xz.csv")).unwrap(), b"a,b\n1,2\n");
    let all = messages(&done);
    assert_eq!(done.count("issues"), 15, "{all}");
    for suffix in ["bz2", "gz", "lz4", "xz", "zst"] {
        assert!(all.contains(&format!("zeros-{suffix}.csv.{suffix}: is followed by 511 zero bytes")), "{all}");
        assert!(all.contains(&format!("rubbish-{suffix}.csv.{suffix}: is followed by 7 bytes that are not")), "{all}");
    }
    let profiled = spec("profile", &tree.path()).run();
    assert_eq!(profiled.summary()["records"], 10, "{}", messages(&profiled));
}

#[test]
fn a_damaged_header_costs_its_member_alone() {
    let tree = Tree::new();
    let long = vec![b'x'; 5000];
    let members = [member(b'0', "one", b"1"), member(b'0', "two", &long), member(b'0', "three", b"3")];
    let mut damaged = tar(&members);
    damaged[1024] ^= 1;
    for (suffix, stream) in packed(&damaged) {
        tree.file(format!("d-{suffix}.tar.{suffix}"), stream);
    }
    tree.file("d.tar", &damaged);
    let mut end = tar(&members[..2]);
    end[1024] ^= 1;
    tree.file("end.tar", &end);
    let done = decompress(&tree).run();
    for folder in ["d", "d-gz", "d-zst", "d-xz", "d-lz4", "d-bz2"] {
        assert_eq!(files_below(&out(&tree).join(folder)), ["one", "three"], "{folder}");
    }
    assert_eq!(files_below(&out(&tree).join("end")), ["one"]);
    let all = messages(&done);
    assert!(done.issues().iter().all(|row| row.text("kind") == "malformed") && done.count("issues") == 7, "{all}");
    // The header, and the ten blocks of its content.
    let told = "the header of a member at byte 1024 of the tar, after member one, is damaged; 5632 bytes up to the next \
                members were skipped";
    assert!(all.contains(&format!("d.tar: {told}")) && all.contains(&format!("end.tar: {told}")), "{all}");
    assert_eq!(done.summary()["verdict"], "damaged");
}

#[test]
fn a_window_that_is_too_large_is_told_with_what_to_set() {
    let tree = Tree::new();
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(29).unwrap();
    encoder.write_all(b"some text").unwrap();
    tree.file("long.zst", encoder.finish().unwrap());
    let done = decompress(&tree).run();
    let all = messages(&done);
    assert_eq!(done.summary()["verdict"], "incomplete");
    assert!(
        all.contains("needs a window of 512 MiB, and at most 128 MiB are given") && all.contains("--long=29"),
        "{all}"
    );
}

#[test]
fn zeros_are_no_bomb_below_a_size_that_hurts_and_links_lead_out_when_asked() {
    let tree = Tree::new();
    fs::File::create(tree.at("zeros")).unwrap().write_all_at(&[0], (20 << 20) - 1).unwrap();
    spec("compress", &tree.path()).option("destination", tree.beside("packed").to_str().unwrap()).run();
    let back = spec("decompress", &tree.beside("packed")).option("destination", out(&tree).to_str().unwrap()).run();
    assert_eq!((messages(&back), fs::metadata(out(&tree).join("zeros")).unwrap().len()), (String::new(), 20 << 20));
    let tree = Tree::new();
    let mut links = [member(b'2', "far", b""), member(b'2', "up", b"")];
    (links[0].link, links[1].link) = ("/etc/hosts", "../../x");
    tree.file("l.tar", tar(&links));
    assert_eq!(decompress(&tree).run().count("issues"), 2);
    fs::remove_dir_all(out(&tree)).unwrap();
    let done = decompress(&tree).option("allow_outside_links", true).run();
    assert_eq!(messages(&done), "");
    assert_eq!(fs::read_link(out(&tree).join("l/far")).unwrap(), PathBuf::from("/etc/hosts"));
}

#[test]
fn parts_of_a_split_zip_are_told_as_such() {
    let tree = Tree::new();
    let mut last = zip(&[zipped("a", b"hello"), zipped("b", b"world")]);
    let end = last.windows(4).position(|window| window == b"PK\x05\x06").unwrap();
    last[end + 4] = 2;
    tree.file("parts.zip", &last);
    tree.file("parts.z01", [&b"PK\x07\x08"[..], &zip(&[zipped("a", b"hello")])[..35]].concat());
    let mut many = zip(&[zipped("a", b"hello")]);
    let end = many.windows(4).position(|window| window == b"PK\x05\x06").unwrap();
    many[end + 4..end + 8].fill(0xff);
    many.splice(end..end, [&b"PK\x06\x07"[..], &[0; 12], &[3, 0, 0, 0]].concat());
    tree.file("more than 65,535.zip", &many);
    let done = decompress(&tree).run();
    let issues = done.issues();
    assert_eq!(issues.len(), 3, "{}", messages(&done));
    for issue in issues {
        assert_eq!(issue.text("kind"), "unsupported");
        assert!(issue.text("message").starts_with("is one part of a split zip"), "{}", issue.text("message"));
    }
}

#[test]
fn deflate64_is_unpacked() {
    // The block of stored bytes that both deflates have alike (RFC 1951, 3.2.4).
    let mut content = b"\x01\x05\x00\xfa\xff".to_vec();
    content.write_all(b"hello").unwrap();
    let mut packed = zip(&[zipped("a", b"hello")]);
    // As if it were deflated: its packed size and method, in both headers.
    let tree = Tree::new();
    let central = packed.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    for at in [central + 10, 8] {
        packed[at] = 9;
    }
    for at in [central + 20, 18] {
        packed[at] = 10;
    }
    packed.splice(31..36, content);
    let end = packed.windows(4).position(|window| window == b"PK\x05\x06").unwrap();
    packed[end + 16] += 5;
    tree.file("d.zip", &packed);
    assert_eq!(messages(&decompress(&tree).run()), "");
    assert_eq!(fs::read(out(&tree).join("d/a")).unwrap(), b"hello");
}

#[test]
fn members_packed_by_lzma_are_unpacked() {
    let content = b"some text, some text, some text".repeat(1000);
    let options = liblzma::stream::LzmaOptions::new_preset(6).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(&content).unwrap();
    let alone = encoder.finish().unwrap();
    // Version, length of the properties, these, and what is behind the header of the form that stands alone.
    let stored = [&[9, 20, 5, 0], &alone[..5], &alone[13..]].concat();
    for (name, damaged) in [("l", false), ("d", true)] {
        let mut member = stored.clone();
        if damaged {
            member[2] = 9;
        }
        let mut packed = zip(&[Zipped { method: 14, ..zipped("a", &member) }]);
        let (mut crc, central) =
            (flate2::Crc::new(), packed.windows(4).position(|part| part == b"PK\x01\x02").unwrap());
        crc.update(&content);
        for (sum, size) in [(central + 16, central + 24), (14, 22)] {
            packed[sum..sum + 4].copy_from_slice(&crc.sum().to_le_bytes());
            packed[size..size + 4].copy_from_slice(&(content.len() as u32).to_le_bytes());
        }
        let tree = Tree::new();
        tree.file(format!("{name}.zip"), &packed);
        let told = messages(&decompress(&tree).run());
        match damaged {
            true => assert!(told.contains("LZMA properties are damaged"), "{told}"),
            false => {
                assert_eq!(told, "");
                assert_eq!(fs::read(out(&tree).join("l/a")).unwrap(), content);
            }
        }
    }
}

#[test]
fn a_zeroed_header_is_no_end_of_the_archive() {
    let tree = Tree::new();
    let long = vec![b'x'; 5000];
    let members = [member(b'0', "one", b"1"), member(b'0', "two", &long), member(b'0', "three", b"3")];
    let zeroed = |at: usize| {
        let mut all = tar(&members);
        all[at..at + 512].fill(0);
        all
    };
    // The first, the second, and one that is empty, whose neighbour is the next header.
    tree.file("second.tar", zeroed(1024)).file("first.tar", zeroed(0));
    let mut empty = tar(&[member(b'0', "one", b"1"), member(b'0', "gone", b""), member(b'0', "three", b"3")]);
    empty[1024..1536].fill(0);
    tree.file("empty.tar", empty);
    let done = decompress(&tree).run();
    assert_eq!(files_below(&out(&tree).join("second")), ["one", "three"]);
    assert_eq!(files_below(&out(&tree).join("empty")), ["one", "three"]);
    let all = messages(&done);
    for told in [
        "second.tar: the header of a member at byte 1024 of the tar, after member one, is zeroed; 5632 bytes",
        "empty.tar: the header of a member at byte 1024 of the tar, after member one, is zeroed; 512 bytes",
    ] {
        assert!(all.contains(told), "{all}");
    }
    assert_eq!(done.summary()["statuses"]["whole"], 0, "{all}");
}

#[test]
fn hard_links_may_come_before_what_they_lead_to() {
    let tree = Tree::new();
    let link = |name, link| Member { link, ..member(b'1', name, b"") };
    let members = [
        link("second", "first"),
        link("first", "file"),
        member(b'0', "file", b"content"),
        link("lost", "nowhere"),
        link("beside", "lost"),
        link("replaced", "file"),
        member(b'0', "replaced", b"later"),
    ];
    let mut early = vec![link("replaced", "file")];
    early.extend(members.into_iter().filter(|one| one.name != "replaced" || one.kind == b'0'));
    tree.file("links.tar", tar(&early));
    for spec in [decompress(&tree), spec("decompress", &tree.path())] {
        let done = spec.run();
        assert_eq!(
            messages(&done),
            "links.tar: member beside: is a hard link to lost, which the archive does not contain, or was not unpacked\n\
             links.tar: member lost: is a hard link to nowhere, which the archive does not contain, or was not unpacked\n"
        );
        assert_eq!(done.summary()["verdict"], "incomplete");
    }
    let folder = out(&tree).join("links");
    let inode = |name: &str| fs::metadata(folder.join(name)).unwrap().ino();
    assert_eq!((inode("first"), inode("second")), (inode("file"), inode("file")));
    assert_eq!(fs::read(folder.join("replaced")).unwrap(), b"later");
}

#[test]
fn of_late_hard_links_of_one_name_the_last_wins() {
    let link = |name, link| Member { link, ..member(b'1', name, b"") };
    let tree = Tree::new();
    let members = [
        link("x", "one"),
        link("x", "two"),
        link("x", "three"),
        // A link that comes behind a file of its name, and before one.
        member(b'0', "y", b"earlier"),
        link("y", "two"),
        link("z", "one"),
        member(b'0', "one", b"1"),
        member(b'0', "three", b"3"),
        member(b'0', "two", b"2"),
        member(b'0', "z", b"later"),
    ];
    tree.file("links.tar", tar(&members));
    // Hashes have another seed each time.
    for attempt in 0..12 {
        let done = decompress(&tree).output("job", "one job").run();
        assert_eq!(messages(&done), "", "attempt {attempt}");
        let content = |name: &str| fs::read_to_string(out(&tree).join("links").join(name)).unwrap();
        assert_eq!(["x", "y", "z"].map(content), ["3", "2", "later"], "attempt {attempt}");
        assert_eq!(done.summary()["replaced_members"], 4);
        let members = done.table("members");
        let told = members.iter().filter(|row| !row.is_null("note"));
        let mut told: Vec<_> = told.map(|row| (row.text("member").to_owned(), row.text("note").to_owned())).collect();
        told.sort();
        let (before, after) = ("not unpacked: a later member has this name", "replaces an earlier member of this name");
        let expected = [("x", before), ("x", before), ("y", after), ("z", before)];
        assert_eq!(told, expected.map(|(name, note)| (name.to_owned(), note.to_owned())), "attempt {attempt}");
    }
}

#[test]
fn what_members_lose_is_counted() {
    let tree = Tree::new();
    let with = |mode, kind, name| Member { mode, ..member(kind, name, b"") };
    let far = records(&[("mtime", "99999999999")]);
    let members = [
        with(b"0004755\0", b'0', "setuid"),
        with(b"0002755\0", b'5', "setgid"),
        with(b"0001777\0", b'5', "sticky"),
        with(b"0000755\0", b'0', "plain"),
        member(b'x', "h", &far),
        member(b'0', "far", b""),
    ];
    tree.file("t.tar", tar(&members));
    let mut script = zipped("script", b"x");
    (script.creator, script.attributes) = (3, 0o104_750 << 16);
    let mut nobody = zipped("nobody", b"x");
    (nobody.creator, nobody.attributes) = (3, 0o100_000 << 16);
    tree.file("z.zip", zip(&[script, nobody]));
    let done = decompress(&tree).run();
    assert_eq!(messages(&done), "");
    let meta = |name: &str| fs::metadata(out(&tree).join(name)).unwrap();
    let modes = ["t/setuid", "t/setgid", "z/script", "z/nobody"].map(|name| meta(name).mode() & 0o7777);
    assert_eq!(modes, [0o755, 0o755, 0o750, 0]);
    // How far its years go, the file system of the test decides.
    let cut = u64::from(meta("t/far").mtime() != 99_999_999_999);
    let summary = done.summary();
    assert_eq!((&summary["special_bits_left_out"], &summary["times_cut"]), (&4.into(), &cut.into()), "{summary}");
}

#[test]
fn a_member_with_two_names_is_told() {
    let tree = Tree::new();
    let mut other = zipped("report.txt", b"x");
    other.local_name = Some(b"program.exe".to_vec());
    // Its own header is longer than most.
    let mut long = zipped("long", b"x");
    (long.local_name, long.local) = (Some(b"gone".to_vec()), [&[0xfe, 0xca, 0, 0x70][..], &[0; 0x7000]].concat());
    let mut folder = zipped("folder/", b"");
    folder.local_name = Some(b"folder".to_vec());
    tree.file("z.zip", zip(&[other, zipped("same", b"x"), long, folder]))
        .file("good.zip", zip(&[zipped("same", b"x")]));
    let done = decompress(&tree).run();
    let mut all: Vec<String> = messages(&done).lines().map(str::to_owned).collect();
    all.sort();
    assert_eq!(
        all,
        [
            "z.zip: member folder/: has another name in its own header: folder",
            "z.zip: member long: has another name in its own header: gone",
            "z.zip: member report.txt: has another name in its own header: program.exe",
        ]
    );
    assert_eq!((&done.summary()["verdict"], &done.summary()["statuses"]["whole"]), (&"damaged".into(), &1.into()));
}
