//! A server that speaks as much of S3 as a source needs, of keys that no server on a file system takes and with the
//! faults a test asks for. The real server is in the tests of the services.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::run::{Spec, spec};

/// A request as faults and tests see it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// The key; empty for a listing.
    pub key: String,
    pub prefix: String,
    pub range: Option<(usize, usize)>,
    pub authorization: Option<String>,
}

impl Asked {
    pub fn lists(&self) -> bool {
        self.key.is_empty()
    }
}

/// What happens instead of an answer.
pub enum Fault {
    Status(u16),
    /// The connection breaks after so many bytes of the body.
    Cut(usize),
}

type Ask = Box<dyn FnMut(&Asked, &mut BTreeMap<String, Vec<u8>>) -> Option<Fault> + Send>;

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    asked: Vec<Asked>,
    fault: Option<Ask>,
}

/// A bucket `b`.
pub struct Bucket {
    endpoint: String,
    state: Arc<Mutex<State>>,
}

/// Names on a page of a listing.
const PAGE: usize = 3;

impl Bucket {
    pub fn new<K: Into<String>, C: Into<Vec<u8>>>(objects: impl IntoIterator<Item = (K, C)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let objects = objects.into_iter().map(|(key, content)| (key.into(), content.into())).collect();
        let state = Arc::new(Mutex::new(State { objects, ..State::default() }));
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&served);
                std::thread::spawn(move || while answer(&stream, &state).is_some() {});
            }
        });
        Self { endpoint, state }
    }

    /// Ask `fault` before each answer; it may change the objects.
    pub fn fault(
        &self,
        fault: impl FnMut(&Asked, &mut BTreeMap<String, Vec<u8>>) -> Option<Fault> + Send + 'static,
    ) -> &Self {
        self.state.lock().unwrap().fault = Some(Box::new(fault));
        self
    }

    pub fn put(&self, key: &str, content: impl Into<Vec<u8>>) {
        self.state.lock().unwrap().objects.insert(key.into(), content.into());
    }

    /// The requests since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// A job on a prefix.
    pub fn spec(&self, operation: &str, prefix: &str) -> Spec {
        let mut made = spec(operation, std::path::Path::new("/"));
        let bucket = json!({"name": "b", "prefix": prefix, "endpoint": self.endpoint, "region": "us-east-1"});
        made.0["source"] = json!({"path": format!("s3://b/{prefix}"), "bucket": bucket});
        made
    }
}

fn etag(content: &[u8]) -> String {
    format!("\"{}\"", super::digests::digest("md5", content))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let coded = (first == b'%').then(|| u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
        bytes.push(coded.unwrap_or(if first == b'+' { b' ' } else { first }));
        rest = if coded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap()
}

/// Answer one request; none when the connection ends.
fn answer(stream: &TcpStream, state: &Mutex<State>) -> Option<()> {
    // A request holds no body here, so that nothing of the next one is read ahead and lost.
    let mut lines = Vec::new();
    let mut reader = BufReader::with_capacity(1, stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let header = |name: &str| {
        let value = |line: &String| {
            line.split_once(':')
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        lines[1..].iter().find_map(value)
    };
    let mut parts = lines[0].split(' ');
    let (method, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query: BTreeMap<String, String> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.into(), decode(value)))
        .collect();
    let key = decode(&path.strip_prefix("/b").unwrap().replace('+', "%2B"));
    let range = header("range").map(|range| {
        let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        (start.parse().unwrap(), end.parse::<usize>().unwrap() + 1)
    });
    let asked = Asked {
        method,
        key: key.trim_start_matches('/').into(),
        prefix: query.get("prefix").cloned().unwrap_or_default(),
        range,
        authorization: header("authorization"),
    };
    let mut held = state.lock().unwrap();
    held.asked.push(asked.clone());
    let State { objects, fault, .. } = &mut *held;
    let fault = fault.as_mut().and_then(|fault| fault(&asked, objects));
    let (status, headers, body) = match &fault {
        Some(Fault::Status(status)) => (*status, String::new(), b"<Error><Code>SlowDown</Code></Error>".to_vec()),
        _ if asked.lists() => (200, String::new(), list(objects, &query).into_bytes()),
        _ => get(objects, &asked, header("if-match")),
    };
    drop(held);
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    let mut stream = stream;
    stream.write_all(head.as_bytes()).ok()?;
    let shown = if let Some(Fault::Cut(bytes)) = fault { bytes.min(body.len()) } else { body.len() };
    if asked.method != "HEAD" {
        stream.write_all(&body[..shown]).ok()?;
    }
    if shown < body.len() {
        let _ = stream.shutdown(std::net::Shutdown::Both);
        return None;
    }
    Some(())
}

fn get(objects: &BTreeMap<String, Vec<u8>>, asked: &Asked, if_match: Option<String>) -> (u16, String, Vec<u8>) {
    let Some(content) = objects.get(&asked.key) else {
        return (404, String::new(), b"<Error><Code>NoSuchKey</Code></Error>".to_vec());
    };
    if if_match.is_some_and(|wanted| wanted != etag(content)) {
        return (412, String::new(), b"<Error><Code>PreconditionFailed</Code></Error>".to_vec());
    }
    let headers = format!("ETag: {}\r\nLast-Modified: Sat, 03 Feb 2024 04:05:06 GMT\r\n", etag(content));
    match asked.range {
        None => (200, headers, content.clone()),
        Some((start, end)) => {
            let end = end.min(content.len());
            let range = format!("Content-Range: bytes {start}-{}/{}\r\n", end - 1, content.len());
            (206, headers + &range, content[start..end].to_vec())
        }
    }
}

fn list(objects: &BTreeMap<String, Vec<u8>>, query: &BTreeMap<String, String>) -> String {
    let prefix = query.get("prefix").map_or("", String::as_str);
    let page = query.get("max-keys").map_or(PAGE, |keys| keys.parse().unwrap());
    let escaped = |text: &str| {
        let escape = |character: char| match character {
            '<' | '>' | '&' | '"' => format!("&#{};", character as u32),
            control if control.is_control() => format!("&#x{:x};", control as u32),
            other => other.into(),
        };
        text.chars().map(escape).collect::<String>()
    };
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for (key, content) in objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
        match key[prefix.len()..].find('/') {
            Some(slash) => {
                let common = &key[..prefix.len() + slash + 1];
                let entry = format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(common));
                shown.insert(common.into(), entry);
            }
            None => {
                let entry = format!(
                    "<Contents><Key>{}</Key><LastModified>2024-02-03T04:05:06.789Z</LastModified><ETag>{}</ETag>\
                     <Size>{}</Size></Contents>",
                    escaped(key),
                    escaped(&etag(content)),
                    content.len()
                );
                shown.insert(key.clone(), entry);
            }
        }
    }
    let after = query.get("continuation-token").cloned().unwrap_or_default();
    let mut left = shown.range::<String, _>((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
    let mut body = String::new();
    let mut last = String::new();
    for (key, entry) in left.by_ref().take(page) {
        body.push_str(entry);
        last = escaped(key);
    }
    if left.next().is_some() {
        body.push_str(&format!("<NextContinuationToken>{last}</NextContinuationToken>"));
    }
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult>{body}</ListBucketResult>")
}
