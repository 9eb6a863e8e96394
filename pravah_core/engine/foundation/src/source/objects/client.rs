//! The connection to S3: who asks, how long is waited, what errors mean.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService, ReqwestConnector,
};
use object_store::{BackoffConfig, CredentialProvider, Error, RetryConfig};
use serde::Deserialize;

use super::listing::Page;
use crate::base::error::{EngineError, Result};
use crate::source::location::Bucket;

/// Why a listing was refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Of HTTP.
    pub status: u16,
    message: String,
}

/// What came of asking for one.
pub type Listing = std::result::Result<Page, Refusal>;

const EMPTY: &str = "<ListBucketResult></ListBucketResult>";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Without a byte.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Waits of up to 0.2, 0.4, … 3.2 s in between: a server that is gone is told of within seconds.
const RETRIES: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// Who asks. Shared with whoever renews them while a job runs; nothing shows them.
#[derive(Clone)]
pub struct Credentials(Arc<RwLock<Arc<AwsCredential>>>);

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credentials(…)")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    key_id: String,
    secret_key: String,
    token: Option<String>,
}

fn parse(json: &[u8]) -> Result<Arc<AwsCredential>> {
    // The cause is not told: it would quote what it does not understand.
    let keys: Keys = serde_json::from_slice(json)
        .map_err(|_| EngineError::invalid("credentials must be a JSON object with key_id, secret_key and token"))?;
    Ok(Arc::new(AwsCredential { key_id: keys.key_id, secret_key: keys.secret_key, token: keys.token }))
}

impl Credentials {
    /// From JSON: `{"key_id", "secret_key", "token"}`, the last one may be null.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`], without a part of them.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Ok(Self(Arc::new(RwLock::new(parse(json)?))))
    }

    /// Replace them; requests from now on are made with the new ones.
    ///
    /// # Errors
    /// As [`Credentials::from_json`].
    pub fn renew(&self, json: &[u8]) -> Result<()> {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = parse(json)?;
        Ok(())
    }
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        Ok(Arc::clone(&self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)))
    }
}

/// A client of one bucket; without credentials requests are not signed, as for a public bucket.
///
/// # Errors
/// [`EngineError::InvalidOptions`] when endpoint, region or bucket are none.
pub fn connect(bucket: &Bucket, credentials: Option<&Credentials>) -> Result<AmazonS3> {
    // Fails when it is set already, which is as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = ClientOptions::new()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(READ_TIMEOUT)
        // A part of any size may take its time as long as bytes come.
        .with_timeout_disabled()
        .with_allow_http(bucket.endpoint.starts_with("http:"));
    let backoff = BackoffConfig { init_backoff: Duration::from_millis(200), ..BackoffConfig::default() };
    let builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_endpoint(&bucket.endpoint)
        .with_client_options(options)
        .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_TIMEOUT })
        .with_http_connector(Keeping);
    let builder = match credentials {
        Some(credentials) => builder.with_credentials(Arc::new(credentials.clone())),
        None => builder.with_skip_signature(true),
    };
    builder.build().map_err(|error| EngineError::invalid(format!("source.bucket: {error}")))
}

/// Makes clients that keep listings.
#[derive(Debug)]
struct Keeping;

impl HttpConnector for Keeping {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(KeepingClient(ReqwestConnector::default().connect(options)?)))
    }
}

/// Hands listings, and why there is none, on in the response's extensions, and an empty one in their place.
#[derive(Debug)]
struct KeepingClient(HttpClient);

#[async_trait]
impl HttpService for KeepingClient {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let query = request.uri().query().unwrap_or_default();
        let lists = query.split('&').any(|pair| pair == "list-type=2");
        let response = self.0.execute(request).await?;
        let status = response.status().as_u16();
        if !lists || !(200..500).contains(&status) || matches!(status, 408 | 429) {
            return Ok(response);
        }
        let region = response.headers().get("x-amz-bucket-region").and_then(|region| region.to_str().ok());
        let region = region.map(str::to_owned);
        let (mut parts, body) = response.into_parts();
        let body = body.bytes().await?;
        let listing: Listing = match status {
            // As one that breaks off: it is asked for again.
            ..300 => Ok(Page::parse(&body).map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))?),
            _ => {
                let region = region.filter(|_| status < 401);
                Err(Refusal { status, message: refused(&String::from_utf8_lossy(&body), region.as_deref()) })
            }
        };
        let hollow = HttpResponseBody::from(listing.as_ref().map(Page::hollow).unwrap_or_else(|_| EMPTY.into()));
        parts.extensions.insert(Arc::new(listing));
        parts.status = Default::default();
        Ok(HttpResponse::from_parts(parts, hollow))
    }
}

/// What the server said instead of a listing, in its words.
fn refused(answer: &str, region: Option<&str>) -> String {
    let element = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0.to_owned())
    };
    let parts = [element("Code"), element("Message")].into_iter().flatten().collect::<Vec<_>>();
    match region.map(str::to_owned).or_else(|| element("Region")) {
        Some(region) => format!("{}; the bucket is in {region}: set AWS_REGION", parts.join(": ")),
        None => parts.join(": "),
    }
}

/// What ends the job when the server refuses a listing.
pub fn refusal_error(uri: &str, refusal: &Refusal) -> EngineError {
    let (path, message) = (PathBuf::from(uri), refusal.message.clone());
    match refusal.status {
        404 => EngineError::SourceNotFound { path, message: format!("does not exist: {message}") },
        401 | 403 => EngineError::PermissionDenied { path, message },
        status => EngineError::SourceUnavailable { path, message: format!("{message} (HTTP {status})") },
    }
}

/// What ends the job when there is no answer to a listing.
pub fn source_error(uri: &str, error: &Error) -> EngineError {
    EngineError::SourceUnavailable { path: PathBuf::from(uri), message: told(error) }
}

/// What an error on one object is in the terms of a file.
pub fn io_error(error: &Error) -> io::Error {
    let (kind, message) = match error {
        Error::NotFound { .. } => (io::ErrorKind::NotFound, "the object does not exist".into()),
        Error::Precondition { .. } => (io::ErrorKind::StaleNetworkFileHandle, "changed while it was read".into()),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            (io::ErrorKind::PermissionDenied, told(error))
        }
        other => (io::ErrorKind::Other, told(other)),
    };
    io::Error::new(kind, message)
}

/// The innermost cause: those around it repeat it.
fn told(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
