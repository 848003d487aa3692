//! A small HTTP server on loopback: as much of a blob container as a reader needs (list, ranged get, tiers), canned
//! answers, and a record of what was asked and posted.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::format::{self, Answer, Blob};
use super::inputs::matcher;
use super::people::instant;

/// Without these headers the store's clients understand no answer.
const STORE: &str = "x-ms-request-id: 00000000-0000-4000-8000-000000000000\r\nx-ms-version: 2022-11-02\r\n\
                     Date: Fri, 01 May 2026 00:00:00 GMT\r\nServer: stub\r\n";

/// The server of one case; it stops when it is dropped.
pub struct Server {
    pub endpoint: String,
    port: u16,
    stub: Arc<Mutex<Stub>>,
    done: Arc<AtomicBool>,
}

struct Stub {
    folder: PathBuf,
    of: format::Server,
    fetched: Vec<String>,
    posted: String,
}

struct Request {
    method: String,
    path: String,
    range: Option<String>,
    body: String,
}

struct Stored {
    bytes: Vec<u8>,
    at: DateTime<Utc>,
    tier: String,
    status: Option<u16>,
}

impl Server {
    pub fn start(of: &format::Server, folder: PathBuf) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let stub = Stub { folder, of: of.clone(), fetched: Vec::new(), posted: String::new() };
        let (stub, done) = (Arc::new(Mutex::new(stub)), Arc::new(AtomicBool::default()));
        let (shared, stop) = (stub.clone(), done.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let stub = shared.clone();
                thread::spawn(move || serve(client, &stub));
            }
        });
        Server { endpoint: format!("http://127.0.0.1:{port}/account"), port, stub, done }
    }

    /// Begins a step: what it says of blobs and answers holds from here on, what was asked before is forgotten.
    pub fn begin(&self, blobs: &[Blob], answers: &[Answer]) {
        let mut stub = self.stub.lock().unwrap();
        stub.of.blob.extend_from_slice(blobs);
        stub.of.answer.splice(0..0, answers.iter().cloned());
        stub.fetched.clear();
        stub.posted.clear();
    }

    /// The names of the blobs that were asked for in this step, sorted, each once.
    pub fn fetched(&self) -> Vec<String> {
        let mut names = self.stub.lock().unwrap().fetched.clone();
        names.sort();
        names.dedup();
        names
    }

    /// All that was posted in this step.
    pub fn posted(&self) -> String {
        self.stub.lock().unwrap().posted.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn serve(client: TcpStream, stub: &Mutex<Stub>) {
    let Some(request) = read(&client) else { return };
    let answer = stub.lock().unwrap().answer(&request);
    let _ = (&client).write_all(&answer);
}

fn read(client: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(client);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let (mut range, mut length) = (None, 0);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "x-ms-range" => range = Some(value.trim().to_owned()),
            "range" => range = range.or_else(|| Some(value.trim().to_owned())),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, range, body: String::from_utf8_lossy(&body).into_owned() })
}

/// One whole answer; the connection ends with it.
fn answered(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status} x\r\n{STORE}{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn refused(status: u16, code: &str) -> Vec<u8> {
    let headers = format!("Content-Type: application/xml\r\nx-ms-error-code: {code}\r\n");
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    );
    answered(status, &headers, body.as_bytes())
}

impl Stub {
    fn answer(&mut self, request: &Request) -> Vec<u8> {
        if request.method == "POST" {
            self.posted += &request.body;
            self.posted.push('\n');
        }
        if let Some(canned) = self.canned(&request.path) {
            return canned;
        }
        let url = url::Url::parse(&format!("http://stub{}", request.path)).unwrap();
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        if self.of.sas.is_some() && (query.get("sig") != self.of.sas.as_ref() || !query.contains_key("sv")) {
            return refused(403, "AuthenticationFailed");
        }
        if request.method == "POST" {
            return answered(200, "", b"");
        }
        // Path and name as they were sent, `//` included, decoded once.
        let path = request.path.split('?').next().unwrap_or_default();
        let name = path.splitn(4, '/').nth(3).map(decoded).unwrap_or_default();
        match query.get("comp").map(String::as_str) {
            Some("list") => self.list(&query),
            _ => self.get(name, request),
        }
    }

    fn canned(&mut self, path: &str) -> Option<Vec<u8>> {
        let fits = |answer: &&mut Answer| path.contains(&answer.path) && answer.times != Some(0);
        let answer = self.of.answer.iter_mut().find(fits)?;
        answer.times = answer.times.map(|n| n - 1);
        let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let root = self.folder.parent().expect("the blobs' folder lies in the working folder");
        let body = match &answer.file {
            Some(file) => fs::read(root.join(file)).unwrap_or_else(|e| panic!("{file}: {e}")),
            None => answer.body.clone().into_bytes(),
        };
        Some(answered(answer.status, &headers, &body))
    }

    /// The files of the folder, changed and added to as the case says.
    fn blobs(&self) -> BTreeMap<String, Stored> {
        let mut blobs = BTreeMap::new();
        let files = walkdir::WalkDir::new(&self.folder).into_iter().filter_map(Result::ok);
        for file in files.filter(|file| file.file_type().is_file()) {
            let name = file.path().strip_prefix(&self.folder).unwrap().to_str().expect("a blob's name is UTF-8");
            let at = file.metadata().unwrap().modified().unwrap().into();
            let stored = Stored { bytes: fs::read(file.path()).unwrap(), at, tier: "Hot".to_owned(), status: None };
            blobs.insert(name.to_owned(), stored);
        }
        for blob in &self.of.blob {
            if let Some(text) = &blob.text {
                let at = "2026-04-01T08:00:00Z".parse().unwrap();
                let stored = Stored { bytes: text.clone().into_bytes(), at, tier: "Hot".to_owned(), status: None };
                blobs.insert(blob.name.clone(), stored);
            }
            let glob = matcher(&blob.name);
            let fits = |name: &str| name == blob.name || glob.is_match(name);
            if blob.gone {
                blobs.retain(|name, _| !fits(name));
            }
            for (_, stored) in blobs.iter_mut().filter(|(name, _)| fits(name)) {
                stored.tier = blob.tier.clone().unwrap_or_else(|| stored.tier.clone());
                stored.status = blob.status.or(stored.status);
                stored.at = blob.at.as_ref().map_or(stored.at, instant);
            }
        }
        blobs
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Vec<u8> {
        let of = |key: &str| query.get(key).map(String::as_str).unwrap_or_default();
        let blobs = self.blobs();
        let mut names =
            blobs.iter().filter(|(name, _)| name.starts_with(of("prefix")) && name.as_str() >= of("marker"));
        let mut items = String::new();
        for (name, blob) in names.by_ref().take(self.of.page.unwrap_or(usize::MAX)) {
            let (at, tag, size, tier) = (date(blob.at), etag(name, blob), blob.bytes.len(), &blob.tier);
            items += &format!(
                "<Blob><Name>{}</Name><Properties><Creation-Time>{at}</Creation-Time><Last-Modified>{at}</Last-Modified>\
                 <Etag>{tag}</Etag><Content-Length>{size}</Content-Length><Content-Type>application/json</Content-Type>\
                 <BlobType>BlockBlob</BlobType><AccessTier>{tier}</AccessTier><LeaseStatus>unlocked</LeaseStatus>\
                 <LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties></Blob>",
                escaped(name)
            );
        }
        let next = names.next().map(|(name, _)| escaped(name)).unwrap_or_default();
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"x\" ContainerName=\"leads\">\
             <Blobs>{items}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"
        );
        answered(200, "Content-Type: application/xml\r\n", body.as_bytes())
    }

    fn get(&mut self, name: String, request: &Request) -> Vec<u8> {
        self.fetched.push(name.clone());
        let blobs = self.blobs();
        let Some(blob) = blobs.get(&name) else { return refused(404, "BlobNotFound") };
        match blob.status {
            Some(status) => return refused(status, "Stubbed"),
            None if blob.tier == "Archive" => return refused(409, "BlobArchived"),
            None => {}
        }
        let size = blob.bytes.len();
        let (from, to) = request.range.as_deref().map_or((0, size), |range| asked(range, size));
        let at = date(blob.at);
        let headers = format!(
            "ETag: \"{}\"\r\nLast-Modified: {at}\r\nx-ms-creation-time: {at}\r\nx-ms-blob-type: BlockBlob\r\n\
             x-ms-server-encrypted: true\r\nx-ms-lease-status: unlocked\r\nx-ms-lease-state: available\r\n\
             Content-Type: application/json\r\nContent-Range: bytes {from}-{}/{size}\r\nAccept-Ranges: bytes\r\n",
            etag(&name, blob),
            to.saturating_sub(1)
        );
        answered(if request.range.is_some() { 206 } else { 200 }, &headers, &blob.bytes[from..to])
    }
}

/// The bytes that `bytes=0-99` asks for.
fn asked(range: &str, size: usize) -> (usize, usize) {
    let (from, to) = range.split_once('=').and_then(|(_, span)| span.split_once('-')).unwrap_or_default();
    let to = to.parse::<usize>().map_or(size, |to| (to + 1).min(size));
    (from.parse().unwrap_or(0).min(to), to)
}

fn etag(name: &str, blob: &Stored) -> String {
    let hash = Sha256::new().chain_update(name).chain_update([0]).chain_update(&blob.bytes).finalize();
    format!("0x{}", hex::encode_upper(&hash[..8]))
}

fn date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A name with its `%41` read, and nothing else: it is no form.
fn decoded(name: &str) -> String {
    let name = ["+", "=", "&"]
        .into_iter()
        .fold(name.to_owned(), |name, c| name.replace(c, &format!("%{:02X}", c.as_bytes()[0])));
    url::form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
