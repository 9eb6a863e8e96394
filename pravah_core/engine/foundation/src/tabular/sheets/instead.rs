//! Files that are called workbooks and are none: what programs save under such a name, which Excel opens all the same.

use super::biff::OLDER;
use super::xml::Unreadable;
use crate::base::issue::IssueKind;
use crate::tabular::text;

/// How sheets of Excel 2, 3 and 4 begin, and streams of later ones outside a compound file.
const BARE: [&[u8]; 4] = [&[9, 0, 4, 0], &[9, 2, 6, 0], &[9, 4, 6, 0], &[9, 8]];
/// Names of XML that is a workbook in one file.
const SPREADSHEET_XML: [&[u8]; 2] = [b"urn:schemas-microsoft-com:office:spreadsheet", b"Excel.Sheet"];
/// How pages begin that are no whole documents.
const PAGES: [&[u8]; 9] =
    [b"<!doctype html", b"<html", b"<head", b"<meta", b"<style", b"<body", b"<table", b"<div", b"<!--"];

/// What a file is that begins so, and what to do.
pub fn instead(start: &[u8]) -> Unreadable {
    if BARE.iter().any(|begins| start.starts_with(begins)) {
        return (IssueKind::Unsupported, OLDER.to_owned());
    }
    let (kind, what) = what(start);
    (kind, format!("is not a workbook, whatever its name says: {what}"))
}

fn what(start: &[u8]) -> (IssueKind, &'static str) {
    let marked = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let head = marked[..marked.len().min(64)].to_ascii_lowercase();
    let has = |text: &[u8]| memchr::memmem::find(marked, text).is_some();
    let is_page = PAGES.iter().any(|begins| head.starts_with(begins)) || head.starts_with(b"<?xml") && has(b"<html");
    if start.is_empty() {
        (IssueKind::Malformed, "it is empty")
    } else if start.iter().all(|byte| *byte == 0) {
        (IssueKind::Malformed, "it begins with zeros; perhaps it was not copied to its end")
    } else if SPREADSHEET_XML.iter().any(|name| has(name)) && head.starts_with(b"<") && !is_page {
        let what = "it is an XML Spreadsheet of Excel 2003; open it in a spreadsheet program and save it as .xlsx";
        (IssueKind::Unsupported, what)
    } else if is_page {
        let what = "it is an HTML page. If it shows a table, open it in a spreadsheet program and save it as .xlsx";
        (IssueKind::Unsupported, what)
    } else if head.starts_with(b"mime-version:") {
        let what = "it is a web archive (MHTML); open it in a spreadsheet program and save it as .xlsx";
        (IssueKind::Unsupported, what)
    } else if head.starts_with(b"id;p") {
        (IssueKind::Unsupported, "it is a SYLK file; open it in a spreadsheet program and save it as .xlsx")
    } else if head.starts_with(b"<?xml") {
        (IssueKind::Malformed, "it is XML; rename it to .xml")
    } else if is_text(start) {
        (IssueKind::Malformed, "it looks like text; rename it to .csv, .tsv or .txt")
    } else {
        (IssueKind::Malformed, "it is of another kind; rename it to what it is")
    }
}

/// True for text, also in UTF-16.
fn is_text(start: &[u8]) -> bool {
    let is_marked = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
    let controls = start.iter().filter(|byte| matches!(byte, 0..=8 | 0x0e..=0x1a)).count();
    is_marked || controls == 0 && !text::is_binary(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_workbook_is_told_as_what_it_is() {
        for (start, wanted) in [
            (&b"<html xmlns:x=\"urn:schemas-microsoft-com:office:excel\"><table>"[..], "an HTML page"),
            (b"\xef\xbb\xbf\r\n<TABLE border=1><tr>", "an HTML page"),
            (b"<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>\n<Workbook>", "XML Spreadsheet"),
            (b"<?xml version='1.0'?><rows/>", "rename it to .xml"),
            (b"a\tb\r\n1\t\xe4\r\n", "text"),
            (b"\xff\xfea\0\t\0b\0\n\0", "text"),
            (b"ID;PWXL;N;E\r\n", "SYLK"),
            (b"MIME-Version: 1.0\r\n", "MHTML"),
            (b"\x09\x04\x06\x00\x00\x04\x10\x00", "Excel 4 or older"),
            (b"", "empty"),
            (&[0; 20], "zeros"),
            (b"%PDF-1.4\n\x00\x01", "another kind"),
        ] {
            let (_, told) = instead(start);
            assert!(told.contains(wanted), "{told}");
        }
    }
}
