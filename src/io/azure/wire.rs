//! The HTTP client under Microsoft's crates: keep-alive, time-outs, and a log without secrets.
//!
//! Their own client keeps no connection, waits forever, and logs addresses with the signature in them. An error of ours
//! never holds an address: a shared access signature stands in it.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::headers::{HeaderName, HeaderValue, Headers};
use azure_core::{HttpClient, Request, Response, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;

use super::names;

/// What Microsoft's crate asks of a table: beside each entity its type, its address and the type of every property.
const EVERYTHING: &str = "application/json;odata=fullmetadata";
/// What is enough for entities, as types that JSON does not tell are told here too: two thirds of the bytes. The list of
/// tables is read by Microsoft's crate, which wants everything.
const ENOUGH: &str = "application/json;odata=minimalmetadata";
/// No skew is known.
const UNKNOWN: i64 = i64::MIN;
/// The longest pause that a service can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// What requests run on.
///
/// # Errors
/// When the system gives no threads (exit 4).
pub(super) fn runtime() -> crate::error::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| crate::error::Error::failed("cannot start the network runtime").because(e))
}

/// Trusts the authorities of the file that SSL_CERT_FILE names, beside the public ones: a company's own, where its proxy
/// looks into what is sent.
fn trusting(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    let Some(path) = std::env::var_os("SSL_CERT_FILE") else { return builder };
    let read = std::fs::read(&path).map_err(|e| e.to_string());
    match read
        .and_then(|pem| reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| "it holds no certificate".to_owned()))
    {
        Ok(certificates) => certificates.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate),
        Err(why) => {
            tracing::warn!("SSL_CERT_FILE cannot be used: {why}");
            builder
        }
    }
}

/// One source's connection to the service.
#[derive(Debug)]
pub(super) struct Wire {
    client: reqwest::Client,
    /// Not before this, because the service asked for a pause.
    pause: Mutex<Option<Instant>>,
    requests: AtomicUsize,
    retries: AtomicUsize,
    /// Service's clock less ours, in seconds.
    skew: AtomicI64,
}

impl Wire {
    /// A client that gives up on an answer after `stall` without a byte.
    pub(super) fn new(stall: Duration) -> Wire {
        let client = trusting(reqwest::Client::builder())
            .pool_max_idle_per_host(64)
            .tcp_nodelay(true)
            .connect_timeout(stall.min(Duration::from_secs(10)))
            .read_timeout(stall)
            // A service of ours redirects nowhere; a captive portal does, and would be sent the signature.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap_or_default();
        Wire {
            client,
            pause: Mutex::new(None),
            requests: AtomicUsize::new(0),
            retries: AtomicUsize::new(0),
            skew: AtomicI64::new(UNKNOWN),
        }
    }

    /// How long the service wants to be left alone.
    pub(super) fn pause(&self) -> Duration {
        let until = self.pause.lock().map(|p| *p).unwrap_or_default();
        until.map_or(Duration::ZERO, |u| u.saturating_duration_since(Instant::now()))
    }

    /// Counts a request that had to be made again.
    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests made, and those made again.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.requests.load(Ordering::Relaxed), self.retries.load(Ordering::Relaxed))
    }

    /// How far the service's clock is ahead of ours.
    pub(super) fn skew(&self) -> Option<TimeDelta> {
        let seconds = self.skew.load(Ordering::Relaxed);
        (seconds != UNKNOWN).then(|| TimeDelta::seconds(seconds))
    }

    fn note(&self, status: u16, headers: &reqwest::header::HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        if let Some(date) = text("date").and_then(|d| DateTime::parse_from_rfc2822(d).ok()) {
            self.skew.store((date.to_utc() - Utc::now()).num_seconds(), Ordering::Relaxed);
        }
        if matches!(status, 429 | 503)
            && let Some(asked) = text("retry-after").and_then(|r| r.trim().parse().ok()).map(Duration::from_secs)
            && let Ok(mut pause) = self.pause.lock()
        {
            *pause = Some(Instant::now() + asked.min(LONGEST_PAUSE));
        }
    }
}

#[async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<Response> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let method = reqwest::Method::from_bytes(request.method().as_ref().as_bytes()).unwrap_or_default();
        let mut outgoing = self.client.request(method.clone(), request.url().clone());
        let entities = request.url().path().ends_with("()");
        for (name, value) in request.headers().iter() {
            // No signature is over this header.
            let value = if entities && value.as_str() == EVERYTHING { ENOUGH } else { value.as_str() };
            outgoing = outgoing.header(name.as_str(), value);
        }
        if let azure_core::Body::Bytes(bytes) = request.body() {
            outgoing = outgoing.body(bytes.clone());
        }
        let path = request.url().path().to_owned();
        let answer = outgoing.send().await.map_err(|e| failure(&e)).inspect_err(|e| {
            tracing::debug!("{method} {path}: {e} after {:?}", began.elapsed());
        })?;
        let status = answer.status().as_u16();
        tracing::debug!("{method} {path}: {status} after {:?}", began.elapsed());
        self.note(status, answer.headers());
        let headers: HashMap<HeaderName, HeaderValue> = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                let value = value.to_str().ok()?.to_owned();
                Some((HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value)))
            })
            .collect();
        let status = StatusCode::try_from(status)
            .map_err(|_| Error::message(ErrorKind::Io, format!("answer with the unknown status {status}")))?;
        if method == reqwest::Method::GET && request.url().query_pairs().any(|(k, v)| k == "comp" && v == "list") {
            let page = answer.bytes().await.map_err(|e| failure(&e))?;
            let page = std::str::from_utf8(&page).map_or(page.clone(), |page| names::with_written(page).into());
            let page = futures::stream::once(async move { Ok(page) });
            return Ok(Response::new(status, Headers::from(headers), Box::pin(page)));
        }
        let body = answer.bytes_stream().map_err(|e| failure(&e));
        Ok(Response::new(status, Headers::from(headers), Box::pin(body)))
    }
}

/// A failure of the connection, in words, without the address.
fn failure(error: &reqwest::Error) -> Error {
    let mut cause: Option<&dyn std::error::Error> = error.source();
    let mut words = String::new();
    while let Some(inner) = cause {
        words = inner.to_string();
        cause = inner.source();
    }
    let text = match () {
        () if error.is_timeout() => "no answer in time".to_owned(),
        () if error.is_connect() => format!("no connection: {words}"),
        () if error.is_body() || error.is_decode() => format!("the answer broke off: {words}"),
        () => format!("the connection failed: {words}"),
    };
    Error::message(ErrorKind::Io, text)
}
