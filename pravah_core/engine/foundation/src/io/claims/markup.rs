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
    let line = tag.rest.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let is_last = matches!(line.trim_ascii_start().first(), None | Some(b'<'));
    let inner = Tag::of(tag.rest.trim_ascii_start());
    match tag.name.as_str() {
        "!doctype" if tag.has(b"html") => is_last.then_some("an HTML page"),
        "html" => is_last.then_some("an HTML page"),
        "?xml" | "!doctype" => is_last.then_some("XML"),
        name if BLOCKS.contains(&name) => (inner.is_some() || tag.is_closed(text)).then_some("HTML"),
        _ => inner.is_some_and(|inner| inner.is_closed(text)).then_some("XML"),
    }
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

    /// True when `text` has the end of the element, and no delimiter behind it.
    fn is_closed(&self, text: &[u8]) -> bool {
        if self.inside.ends_with(b"/") {
            return true;
        }
        let closing = |at: usize| {
            let name = text.get(at + 2..at + 2 + self.name.len())?;
            let rest = text[at + 2 + self.name.len()..].trim_ascii_start().strip_prefix(b">")?;
            let next = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
            Some(name.eq_ignore_ascii_case(self.name.as_bytes()) && matches!(next, None | Some(b'<' | b'\n' | b'\r')))
        };
        memmem::find_iter(text, b"</").any(|at| closing(at) == Some(true))
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
            "<a@example.com>\n<b@example.com>\n",
        ] {
            assert_eq!(kind(text.as_bytes()), None, "{text}");
        }
    }
}
