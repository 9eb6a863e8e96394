//! The encoding that a document declares.

use crate::tabular::text::Encoding;

/// Bytes in which the declaration stands.
const LOOKED_AT: usize = 1024;

/// UTF-16 without a byte order mark, told by how every declaration begins.
pub fn wide(start: &[u8]) -> Option<Encoding> {
    match start {
        [b'<', 0, b'?', 0, ..] => Encoding::named("utf-16le"),
        [0, b'<', 0, b'?', ..] => Encoding::named("utf-16be"),
        _ => None,
    }
}

/// The encoding that the declaration of a document names; none where it names none that its own bytes can be of.
pub fn declared(start: &[u8]) -> Option<Encoding> {
    if let Some(wide) = wide(start) {
        return Some(wide);
    }
    let start = &start[..start.len().min(LOOKED_AT)];
    let end = memchr::memmem::find(start, b"?>")?;
    let declaration = start[..end].strip_prefix(b"<?xml")?;
    let at = memchr::memmem::find(declaration, b"encoding")? + b"encoding".len();
    let said = declaration[at..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, said) = said.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    let name = said[..memchr::memchr(*quote, said)?].to_ascii_lowercase();
    match &name[..] {
        b"iso-8859-1" | b"latin1" | b"iso_8859-1" | b"l1" => Some(Encoding::Latin1),
        b"us-ascii" | b"ascii" => Some(Encoding::UTF_8),
        name => {
            let known = encoding_rs::Encoding::for_label_no_replacement(name)?;
            // The declaration was read byte by byte.
            Some(Encoding::Whatwg(known)).filter(|found| !found.name().starts_with("utf-16"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_encoding_is_that_of_the_text() {
        for (start, wanted) in [
            ("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>", Some("latin1")),
            ("<?xml version='1.0' encoding = 'windows-1251' ?>", Some("windows-1251")),
            ("<?xml version='1.0' encoding='Shift_JIS'?>", Some("shift_jis")),
            ("<?xml version='1.0' encoding='US-ASCII'?>", Some("utf-8")),
            ("<?xml version='1.0' encoding='UTF-16'?>", None),
            ("<?xml version='1.0' encoding='no such'?>", None),
            ("<?xml version='1.0' encoding=utf-8?>", None),
            ("<?xml version='1.0'?><a encoding='latin1'/>", None),
            ("<a encoding='latin1'/>", None),
            ("<\0?\0x\0", Some("utf-16le")),
            ("\0<\0?\0x", Some("utf-16be")),
        ] {
            assert_eq!(declared(start.as_bytes()).map(Encoding::name).as_deref(), wanted, "{start:?}");
        }
    }
}
