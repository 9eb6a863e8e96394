//! Text that begins with a tag: a page, an error message of a server, or a table whose first column is called like a tag.

use memchr::memmem;

/// Tags that begin a page of which the head is missing.
const BLOCKS: [&str; 19] = [
    "head", "body", "title", "meta", "link", "script", "style", "table", "div", "p", "h1", "h2", "h3", "center",
    "form", "main", "section", "ul", "svg",
];

/// What kind of markup a text is that begins so, in words; none for what may be a table. Behind the name of a column
/// comes a delimiter, or the end of the line and no tag.
pub fn kind(start: &[u8]) -> Option<&'static str> {
    let mut text = start;
    while let Some(comment) = text.strip_prefix(b"<!--") {
        let end = memmem::find(comment, b"-->")?;
        text = comment[end + 3..].trim_ascii_start();
    }
    let tag = Tag::of(text)?;
    let is_last = matches!(first_line(tag.rest).trim_ascii_start().first(), None | Some(b'<'));
    // A list of words or of tags has none inside another one.
    let has_inner = || Tag::of(tag.rest.trim_ascii_start()).is_some() && has_element(text);
    match tag.name.as_str() {
        "!doctype" if tag.has(b"html") => is_last.then_some("an HTML page"),
        "html" => is_last.then_some("an HTML page"),
        "?xml" | "!doctype" => is_last.then_some("XML"),
        name if BLOCKS.contains(&name) => (has_inner() || has_element(first_line(text))).then_some("HTML"),
        _ => has_inner().then_some("XML"),
    }
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default()
}

/// True when an element begins and ends in one line of a text, and no delimiter follows it.
fn has_element(text: &[u8]) -> bool {
    memmem::find_iter(text, b"</").any(|at| {
        let line = memchr::memrchr(b'\n', &text[..at]).map_or(0, |end| end + 1);
        let (before, behind) = (&text[line..at], &text[at + 2..]);
        let Some(end) = memchr::memchr(b'>', first_line(behind)) else { return false };
        let (name, rest) = (behind[..end].trim_ascii_end(), first_line(&behind[end + 1..]).trim_ascii_start());
        let begins = |at: usize| {
            let rest = &before[at + 1..];
            rest.len() > name.len()
                && rest[..name.len()].eq_ignore_ascii_case(name)
                && matches!(rest[name.len()], b'>' | b' ' | b'\t')
        };
        !name.is_empty() && matches!(rest.first(), None | Some(b'<')) && memchr::memchr_iter(b'<', before).any(begins)
    })
}

/// A tag that ends in its line.
struct Tag<'a> {
    /// In lower case.
    name: String,
    /// What is in it.
    inside: &'a [u8],
    /// What follows it.
    rest: &'a [u8],
}

impl<'a> Tag<'a> {
    fn of(text: &'a [u8]) -> Option<Self> {
        let text = text.strip_prefix(b"<")?;
        let line = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(text.len());
        let end = memchr::memchr(b'>', &text[..line])?;
        let inside = &text[..end];
        let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'.');
        let mark = usize::from(matches!(inside.first(), Some(b'!' | b'?')));
        let length = mark + inside[mark..].iter().take_while(|byte| is_of_name(byte)).count();
        let is_named = inside.get(mark).is_some_and(u8::is_ascii_alphabetic);
        let is_ended = inside.get(length).is_none_or(|byte| byte.is_ascii_whitespace() || *byte == b'/');
        let name = String::from_utf8_lossy(&inside[..length]).to_ascii_lowercase();
        (is_named && is_ended).then_some(Self { name, inside, rest: &text[end + 1..] })
    }

    fn has(&self, word: &[u8]) -> bool {
        self.inside.split(u8::is_ascii_whitespace).any(|one| one.eq_ignore_ascii_case(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_messages_are_told_from_columns_called_like_tags() {
        for text in [
            "<html>\n<head>",
            "<!doctype html><p>",
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">\n",
            "<?xml version='1.0'?>\r\n<a/>",
            "<HTML lang=x>",
            "<!-- made by x, y -->\n<html>",
            "<head>\n<title>Log in</title>",
            "<table border=1>\n<tr><td>1,2</td>",
            "<h1>Not found</h1>\n",
            "<Error><Code>AccessDenied</Code><Message>No, never</Message></Error>",
            "<s:Envelope xmlns:s=\"u\">\n  <s:Body><s:Fault/></s:Body>",
        ] {
            assert!(kind(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "<html>,count\na,2\n",
            "<?xml col,b\n",
            "<htm>\n",
            "<html>\tx",
            "<TICKER>,<PER>,<DATE>\nA,D,1\n",
            "<TICKER>\nA\nB\n",
            "<p>,<q>\n1,2\n",
            "<p>\nx\n",
            "<b>one</b>,1\n<b>two</b>,2\n",
            "<p>one</p>,1\n<p>two</p>,2\n",
            "<a>;<b>\n1;2\n",
            "<1>,2\n",
            "< 5,b\n",
            "<unk>\n<pad>\nthe\n",
            "<pad>\n<s>\n</s>\n<unk>\nthe\n",
            "<div>\n<p>\n<b>\n</b>\n",
            "<a@example.com>\n<b@example.com>\n",
        ] {
            assert_eq!(kind(text.as_bytes()), None, "{text}");
        }
    }
}
