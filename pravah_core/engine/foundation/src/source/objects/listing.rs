//! A page of a listing as the server gave it. `object_store` would fail on the whole page for one key that its paths
//! cannot hold, and takes the slash off the end of `folder/`: the keys are kept before it sees them.

use chrono::DateTime;
use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::Event;

/// An object of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key; after [`Page::strip`] what follows the folder.
    pub name: String,
    /// Its size.
    pub size: u64,
    /// When it was written, in seconds since the epoch.
    pub modified_seconds: i64,
    /// Its ETag.
    pub etag: Option<String>,
}

/// A page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// What keys have in common up to a slash, without it.
    pub directories: Vec<String>,
    /// Keys without a further slash.
    pub objects: Vec<ListedObject>,
    /// What asks for the next page; none on the last.
    pub next: Option<String>,
}

/// Why a listing could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It is no XML, or breaks off.
    #[error("a listing is incomplete: {0}")]
    Xml(String),
    /// A value of it is none.
    #[error("a listing has no usable {0}: {1:?}")]
    Value(&'static str, String),
}

impl Page {
    /// True when nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.directories.is_empty() && self.objects.is_empty()
    }

    /// Read the answer of ListObjectsV2.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(xml: &[u8]) -> Result<Self, Malformed> {
        let broken = |error: &dyn std::fmt::Display| Malformed::Xml(error.to_string());
        let mut reader = Reader::from_reader(xml);
        let mut page = Self::default();
        let mut object = ListedObject::default();
        let mut open: Vec<Vec<u8>> = Vec::new();
        let mut text = String::new();
        let (mut has_begun, mut goes_on) = (false, false);
        loop {
            match reader.read_event().map_err(|error| broken(&error))? {
                Event::Start(tag) => {
                    has_begun = true;
                    open.push(tag.local_name().as_ref().to_vec());
                    text.clear();
                }
                Event::Text(part) => text.push_str(&part.xml10_content().map_err(|error| broken(&error))?),
                Event::CData(part) => text.push_str(&part.xml10_content().map_err(|error| broken(&error))?),
                Event::GeneralRef(part) => match part.resolve_char_ref().map_err(|error| broken(&error))? {
                    Some(character) => text.push(character),
                    None => {
                        let name = part.decode().map_err(|error| broken(&error))?;
                        text.push_str(resolve_predefined_entity(&name).ok_or_else(|| broken(&name))?);
                    }
                },
                Event::End(_) => {
                    let path: Vec<&[u8]> = open.iter().skip(1).map(Vec::as_slice).collect();
                    goes_on |= path == [b"IsTruncated"] && text == "true";
                    page.take(&path, std::mem::take(&mut text), &mut object)?;
                    open.pop();
                }
                Event::Eof if goes_on && page.next.is_none() => return Err(broken(&"it has no continuation token")),
                Event::Eof if open.is_empty() && has_begun => return Ok(page),
                Event::Eof => return Err(broken(&"it ends too early")),
                _ => {}
            }
        }
    }

    /// Take the element that ends, below the top one.
    fn take(&mut self, path: &[&[u8]], text: String, object: &mut ListedObject) -> Result<(), Malformed> {
        match *path {
            [b"NextContinuationToken"] => self.next = Some(text),
            [b"CommonPrefixes", b"Prefix"] => self.directories.push(text.strip_suffix('/').unwrap_or(&text).into()),
            [b"Contents"] => self.objects.push(std::mem::take(object)),
            [b"Contents", b"Key"] => object.name = text,
            [b"Contents", b"ETag"] => object.etag = Some(text),
            [b"Contents", b"Size"] => object.size = text.parse().map_err(|_| Malformed::Value("Size", text))?,
            [b"Contents", b"LastModified"] => {
                let time = DateTime::parse_from_rfc3339(&text).map_err(|_| Malformed::Value("LastModified", text))?;
                object.modified_seconds = time.timestamp();
            }
            _ => {}
        }
        Ok(())
    }

    /// A listing of nothing that goes on as this one does.
    pub fn hollow(&self) -> String {
        let next = self
            .next
            .as_ref()
            .map(|token| format!("<NextContinuationToken>{}</NextContinuationToken>", escape(token.as_str())));
        format!("<ListBucketResult>{}</ListBucketResult>", next.unwrap_or_default())
    }

    /// Take the folder's part, so many bytes, off all names.
    pub fn strip(&mut self, above: usize) {
        let names = self.objects.iter_mut().map(|object| &mut object.name).chain(&mut self.directories);
        for name in names {
            *name = name.get(above..).unwrap_or_default().to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>p/</Prefix>
<Contents><Key>p/ a &amp; b </Key><LastModified>2024-02-03T04:05:06.789Z</LastModified><ETag>&quot;0a-2&quot;</ETag>
<Size>12</Size><Owner><ID>x</ID><DisplayName>Key</DisplayName></Owner></Contents>
<Contents><Key>p/&#x1;</Key><LastModified>2024-02-03T04:05:06Z</LastModified><Size>0</Size></Contents>
<CommonPrefixes><Prefix>p//</Prefix></CommonPrefixes><CommonPrefixes><Prefix>p/&lt;&#252;/</Prefix></CommonPrefixes>
<IsTruncated>true</IsTruncated><NextContinuationToken>a+/&lt;=</NextContinuationToken></ListBucketResult>"#;

    #[test]
    fn names_come_as_they_are() {
        let mut page = Page::parse(LISTING.as_bytes()).unwrap();
        page.strip(2);
        assert_eq!(page.directories, ["", "<ü"]);
        let (first, second) = (&page.objects[0], &page.objects[1]);
        assert_eq!((first.name.as_str(), first.size, first.modified_seconds), (" a & b ", 12, 1_706_933_106));
        assert_eq!(first.etag.as_deref(), Some("\"0a-2\""));
        assert_eq!((second.name.as_str(), second.size, second.etag.as_deref()), ("\u{1}", 0, None));
        assert_eq!(page.next.as_deref(), Some("a+/<="));
        let hollow = Page::parse(page.hollow().as_bytes()).unwrap();
        assert_eq!(hollow, Page { next: page.next, ..Page::default() });
    }

    #[test]
    fn a_listing_that_breaks_off_is_none() {
        for end in (1..LISTING.len() - 1).filter(|&end| LISTING.is_char_boundary(end)) {
            assert!(Page::parse(&LISTING.as_bytes()[..end]).is_err(), "cut at {end}");
        }
        assert!(Page::parse(b"").is_err());
        assert!(Page::parse(b"<a><IsTruncated>true</IsTruncated></a>").is_err());
        assert!(Page::parse(b"<a><Contents><Size>x</Size></Contents></a>").is_err());
    }
}
