//! What the name of a file says of its packing: what is in it has to keep that promise, or somebody is told.

mod markup;

use super::codec::Codec;
use crate::base::paths;

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// A compressed stream.
    Stream(Codec),
    /// A tar.
    Tar,
    /// A zip.
    Zip,
    /// Packed in a way that is not read here.
    Foreign(&'static str),
    /// A part of a file that was split.
    Part,
}

const CLAIMS: [(&[u8], Claim); 36] = [
    (b"gz", Claim::Stream(Codec::Gzip)),
    (b"gzip", Claim::Stream(Codec::Gzip)),
    (b"tgz", Claim::Stream(Codec::Gzip)),
    (b"zst", Claim::Stream(Codec::Zstd)),
    (b"zstd", Claim::Stream(Codec::Zstd)),
    (b"tzst", Claim::Stream(Codec::Zstd)),
    (b"bz2", Claim::Stream(Codec::Bzip2)),
    (b"bzip2", Claim::Stream(Codec::Bzip2)),
    (b"tbz", Claim::Stream(Codec::Bzip2)),
    (b"tbz2", Claim::Stream(Codec::Bzip2)),
    (b"xz", Claim::Stream(Codec::Xz)),
    (b"txz", Claim::Stream(Codec::Xz)),
    (b"lz4", Claim::Stream(Codec::Lz4)),
    (b"tlz4", Claim::Stream(Codec::Lz4)),
    (b"tar", Claim::Tar),
    (b"zip", Claim::Zip),
    (b"zipx", Claim::Zip),
    (b"jar", Claim::Zip),
    (b"whl", Claim::Zip),
    (b"7z", Claim::Foreign("7-Zip")),
    (b"rar", Claim::Foreign("RAR")),
    (b"lzma", Claim::Foreign("LZMA")),
    (b"tlz", Claim::Foreign("LZMA")),
    (b"z", Claim::Foreign("Unix compress")),
    (b"taz", Claim::Foreign("Unix compress")),
    (b"lz", Claim::Foreign("lzip")),
    (b"lzo", Claim::Foreign("LZO")),
    (b"tzo", Claim::Foreign("LZO")),
    (b"br", Claim::Foreign("Brotli")),
    (b"sz", Claim::Foreign("Snappy")),
    (b"cab", Claim::Foreign("Cabinet")),
    (b"arj", Claim::Foreign("ARJ")),
    (b"lha", Claim::Foreign("LHA")),
    (b"lzh", Claim::Foreign("LHA")),
    (b"ace", Claim::Foreign("ACE")),
    (b"zz", Claim::Foreign("zzip")),
];

/// Whether a line goes on as a text of that kind does.
type Follows = fn(&[u8]) -> bool;

/// Beginnings of texts that are found in the place of other files, what a tool left there above all. Which of them are
/// that, and no name of a column, what follows in their line tells.
const TEXTS: [(&[u8], &str, Follows); 5] = [
    (b"%pdf-", "a PDF", is_version),
    (b"%!ps-adobe-", "PostScript", is_version),
    (b"{\\rtf", "an RTF document", is_version),
    (b"version https://git-lfs", "a Git LFS pointer", |rest| rest.ends_with(b"/spec/v1")),
    (b"/annex/objects/", "a git-annex pointer", is_key_of_annex),
];
/// Beginnings of what else is found in the place of an archive.
const INSTEAD: [(&[u8], &str); 7] = [
    (b"{", "JSON"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"rar!\x1a\x07", "a RAR archive"),
    (b"\x1f\x9d", "a Unix compress file"),
    (b"lzip", "an lzip stream"),
    (b"mz", "a Windows program"),
    (b"\x7felf", "a program"),
];

impl Claim {
    /// What the name of the file at `path` promises.
    pub fn of(path: &[u8]) -> Option<Self> {
        let name = paths::file_name(path);
        let extension = paths::extension(name);
        if let Some((_, claim)) = CLAIMS.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known)) {
            return Some(*claim);
        }
        let stem = &name[..name.len().saturating_sub(extension.len() + 1)];
        let is_part = match extension {
            [b'z' | b'Z' | b'r' | b'R', digits @ ..] if digits.len() == 2 => digits.iter().all(u8::is_ascii_digit),
            digits if digits.len() == 3 && digits.iter().all(u8::is_ascii_digit) => Self::of(stem).is_some(),
            [b'a', b'a'..=b'z'] => Self::of(stem).is_some(),
            _ => false,
        };
        is_part.then_some(Self::Part)
    }

    /// The end of a path that says how the file is packed as a stream, with its dot: `.gz` of `a.csv.gz`.
    pub fn suffix(path: &[u8]) -> &[u8] {
        let extension = paths::extension(paths::file_name(path));
        match Self::of(path) {
            // Those that begin with a t are tars.
            Some(Self::Stream(_) | Self::Foreign(_)) if !matches!(extension[0], b't' | b'T') => {
                &path[path.len() - extension.len() - 1..]
            }
            _ => b"",
        }
    }

    /// The promise in one word or two.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stream(codec) => codec.name(),
            Self::Tar => "tar",
            Self::Zip => "zip",
            Self::Foreign(name) => name,
            Self::Part => "part",
        }
    }

    /// True when the promise may be kept, and nobody here can tell.
    pub fn is_unknown_here(self) -> bool {
        matches!(self, Self::Foreign(_) | Self::Part)
    }

    /// Why a file that begins with `start`, as nothing that is read here begins, is not read.
    pub fn broken(self, start: &[u8]) -> String {
        let name = self.name();
        match self {
            Self::Foreign(_) => format!("has a name of the format {name}, which is not supported; it was not checked"),
            Self::Part => "has the name of a part of a split file; join the parts first".to_owned(),
            _ if start.is_empty() => format!("is empty, but has the name of a {name} file"),
            _ => {
                let is_zero = start.iter().take(16).all(|&byte| byte == 0);
                let what = if is_zero { Some("zeros") } else { other_than_a_table(start).or_else(|| known(start)) };
                let what = what.map_or_else(String::new, |what| format!(": it looks like {what}"));
                format!("is not a valid {name} file, although its name says so{what}")
            }
        }
    }
}

/// What a text that begins so is, although it is called a table: in words.
pub fn other_than_a_table(start: &[u8]) -> Option<&'static str> {
    let start = start.trim_ascii_start();
    if start.starts_with(b"<") {
        return markup::kind(start);
    }
    let line = start.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let is_it = |begins: &[u8], follows: Follows| {
        line.split_at_checked(begins.len())
            .is_some_and(|(head, rest)| head.eq_ignore_ascii_case(begins) && follows(rest.trim_ascii_end()))
    };
    TEXTS.iter().find(|(begins, _, follows)| is_it(begins, *follows)).map(|(_, what, _)| *what)
}

fn is_version(rest: &[u8]) -> bool {
    rest.first().is_some_and(u8::is_ascii_digit)
}

/// `BACKEND-sSIZE--HASH` alone: see "key format" of git-annex's documentation of its internals.
fn is_key_of_annex(rest: &[u8]) -> bool {
    memchr::memmem::find(rest, b"--").is_some() && !rest.iter().any(|byte| matches!(byte, b',' | b';' | b'\t' | b'|'))
}

fn known(start: &[u8]) -> Option<&'static str> {
    let start = start.trim_ascii_start();
    let head = start[..start.len().min(64)].to_ascii_lowercase();
    INSTEAD.iter().find(|(begins, _)| head.starts_with(begins)).map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_promise_what_people_mean_by_them() {
        for (name, claim) in [
            ("a/x.tar.gz", Some(Claim::Stream(Codec::Gzip))),
            ("x.TGZ", Some(Claim::Stream(Codec::Gzip))),
            ("x.Z", Some(Claim::Foreign("Unix compress"))),
            ("x.zip.001", Some(Claim::Part)),
            ("x.tar.gz.ab", Some(Claim::Part)),
            ("x.z01", Some(Claim::Part)),
            ("x.r00", Some(Claim::Part)),
            ("x.001", None),
            ("x.csv", None),
            ("gz", None),
            (".gz", None),
        ] {
            assert_eq!(Claim::of(name.as_bytes()), claim, "{name}");
        }
        assert_eq!((Claim::suffix(b"a.csv.gz"), Claim::suffix(b"a.csv")), (&b".gz"[..], &b""[..]));
    }

    #[test]
    fn what_is_there_instead_is_named() {
        let claim = Claim::Zip;
        assert!(claim.broken(b"\n<!DOCTYPE html><p>").contains("HTML"));
        assert!(claim.broken(&[0; 600]).contains("zeros"));
        assert!(claim.broken(b"").contains("empty"));
        for text in ["%PDF-1.4", "{\\rtf1\\ansi", "%!PS-Adobe-3.0\n", "/annex/objects/SHA256E-s7--0a1b.csv\n"] {
            assert!(other_than_a_table(text.as_bytes()).is_some(), "{text}");
        }
        for text in ["%PDF-files,count", "{\\rtf,b\n", "version,b", "/annex/objects/a--b,7\n", "/annex/objects/x"] {
            assert_eq!(other_than_a_table(text.as_bytes()), None, "{text}");
        }
        assert_eq!(other_than_a_table(b"version https://git-lfs.github.com/spec/v1\noid"), Some("a Git LFS pointer"));
    }
}
