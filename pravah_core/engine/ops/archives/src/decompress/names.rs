//! Where a member of an archive may go: below its archive's folder, and nowhere else.

/// What is told of a member that came before another one of its name.
pub const REPLACED: &str = "not unpacked: a later member has this name";
/// Why a file or link is not there in the place of a folder.
pub const KEPT: &str = "has the name of a folder with members in it, which were kept; it is not unpacked";

/// Bytes of a part of a path: no file system of Linux has more.
const LONGEST_PART: usize = 255;
/// The ends of names by which archives and compressed files are known, and what takes their place.
const ENDS: &[(&[u8], &[u8])] = &[
    (b".tgz", b".tar"),
    (b".tbz2", b".tar"),
    (b".tbz", b".tar"),
    (b".txz", b".tar"),
    (b".tzst", b".tar"),
    (b".gz", b""),
    (b".zst", b""),
    (b".bz2", b""),
    (b".xz", b""),
    (b".lz4", b""),
];

/// The path of what a compressed file holds.
pub fn unpacked(path: &[u8]) -> Vec<u8> {
    let lower = path.to_ascii_lowercase();
    let end = ENDS.iter().find(|(end, _)| lower.ends_with(end) && !is_bare(path, end.len()));
    match end {
        Some((end, instead)) => [&path[..path.len() - end.len()], instead].concat(),
        // A name that does not tell stays: nothing else has it at the destination.
        None => path.to_vec(),
    }
}

/// The folder of an archive, from the path of the archive itself, compressed or not.
pub fn folder(path: &[u8]) -> Vec<u8> {
    let lower = path.to_ascii_lowercase();
    let ends: [&[u8]; 3] = [b".tar", b".zip", b".jar"];
    let end = ends.iter().find(|end| lower.ends_with(end) && !is_bare(path, end.len()));
    end.map_or_else(|| path.to_vec(), |end| path[..path.len() - end.len()].to_vec())
}

/// True when nothing would be left of the last name.
fn is_bare(path: &[u8], end: usize) -> bool {
    let rest = &path[..path.len() - end];
    rest.is_empty() || rest.ends_with(b"/")
}

/// The path of a member below `folder`.
///
/// # Errors
/// Why it is refused.
pub fn member(folder: &[u8], name: &[u8]) -> Result<Vec<u8>, &'static str> {
    if name.starts_with(b"/") {
        return Err("its name is absolute");
    }
    if name.contains(&0) {
        return Err("its name contains a NUL byte");
    }
    let (mut path, mut depth, mut climbs) = (folder.to_vec(), 0_i64, false);
    for part in name.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                (depth, climbs) = (depth - 1, true);
                if depth < 0 {
                    return Err("its name points outside the destination");
                }
            }
            part if part.len() > LONGEST_PART => return Err("its name has a part of more than 255 bytes"),
            part => {
                depth += 1;
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(part);
            }
        }
    }
    // Behind a name, which may be that of a link, it may mean any place.
    if climbs { Err("its name contains .. after a folder, and where that leads is not certain") } else { Ok(path) }
}

/// The folders that the path of a member is in, the nearest first, up to that of the archive.
pub fn above<'a>(folder: &[u8], path: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let most = folder.len();
    let above = move |path: &&'a [u8]| memchr::memrchr(b'/', path).filter(|&end| end > most).map(|end| &path[..end]);
    std::iter::successors(above(&path), above)
}

/// Look at where a link leads to that may lead anywhere.
///
/// # Errors
/// Why it is refused.
pub fn target(target: &[u8]) -> Result<(), &'static str> {
    if target.is_empty() || target.contains(&0) { Err("it is a link without a target") } else { Ok(()) }
}

/// Look at where the link at `path` leads to.
///
/// `..` is allowed at the start only, where it is told by the link's own place; behind a name it may mean anything,
/// since that name may be a link itself.
///
/// # Errors
/// Why it is refused.
pub fn link(folder: &[u8], path: &[u8], target: &[u8]) -> Result<(), &'static str> {
    if target.starts_with(b"/") {
        return Err("it is a link to an absolute path");
    }
    self::target(target)?;
    let names = |path: &[u8]| path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).count();
    // Directories between the archive's folder and the link.
    let mut room = names(path).saturating_sub(names(folder) + 1);
    let mut climbs = true;
    for part in target.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if !climbs => return Err("it is a link that goes up behind a name, which may lead anywhere"),
            b".." if room == 0 => return Err("it is a link to a place outside the destination"),
            b".." => room -= 1,
            _ => climbs = false,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_end_and_never_all_of_them() {
        let unpacked = |path: &str| String::from_utf8(unpacked(path.as_bytes())).unwrap();
        for (path, expected) in [
            ("a/b.csv.gz", "a/b.csv"),
            ("a/b.TGZ", "a/b.tar"),
            ("a/.gz", "a/.gz"),
            ("data", "data"),
            ("x.tar.zst", "x.tar"),
            (".xz", ".xz"),
        ] {
            assert_eq!(unpacked(path), expected);
        }
        assert_eq!(folder(b"a/x.tar"), b"a/x");
        assert_eq!(folder(b"a/x.ZIP"), b"a/x");
        assert_eq!(folder(b"a/x"), b"a/x");
    }

    #[test]
    fn no_member_leaves_its_folder() {
        assert_eq!(member(b"f", b"a//./b/").unwrap(), b"f/a/b");
        assert_eq!(member(b"", b"./a").unwrap(), b"a");
        assert_eq!(member(b"f", b"...").unwrap(), b"f/...");
        for name in ["/etc/passwd", "../x", "a/../../x", "a/..", "a\0b"] {
            assert!(member(b"f", name.as_bytes()).is_err(), "{name:?}");
        }
        assert!(member(b"f", &[b'a'; 255]).is_ok() && member(b"f", &[b'a'; 256]).is_err());
        for (name, reason) in [
            ("../x", "outside"),
            ("a/../../x", "outside"),
            ("a/../x", "contains .. after a folder"),
            ("a/..", "contains .. after a folder"),
        ] {
            assert!(member(b"f", name.as_bytes()).unwrap_err().contains(reason), "{name:?}");
        }
    }

    #[test]
    fn no_link_leaves_its_folder() {
        for (path, target) in [("f/l", "a"), ("f/a/l", "../b"), ("f/a/b/l", "../../c/d"), ("f/l", "./a/b")] {
            assert_eq!(link(b"f", path.as_bytes(), target.as_bytes()), Ok(()), "{path} {target}");
        }
        for (path, target) in
            [("f/l", ".."), ("f/l", "../x"), ("f/a/l", "../../x"), ("f/l", "/x"), ("f/a/l", "b/../../.."), ("f/l", "")]
        {
            assert!(link(b"f", path.as_bytes(), target.as_bytes()).is_err(), "{path} {target}");
        }
    }
}
