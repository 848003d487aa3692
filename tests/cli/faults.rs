//! A service that fails: between the program and the emulator stands a proxy that refuses, cuts, stalls or throttles one
//! request in five, and answers the first page of a table with an empty one and a token. The report is as if it had not.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::azurite::{configuration, expect, night, set_up};
use crate::azurite_server::{ACCOUNT, Azurite};
use crate::publisher::{assert_same, blobs, entity};

const ENTITIES: usize = 3_000;
const BLOBS: usize = 60;
/// Longer than the program waits.
const STALL: Duration = Duration::from_secs(8);
/// A partition key before all others, by which the proxy knows its own token.
const TOKEN: &str = "%21";

/// A proxy with a script of faults.
pub struct Faulty {
    port: u16,
    pub requests: Arc<AtomicUsize>,
    pub faults: Arc<AtomicUsize>,
    done: Arc<AtomicBool>,
}

impl Faulty {
    /// `stall`: how long a request that is never answered is held.
    pub fn before(server: u16, seed: u64, stall: Duration) -> Faulty {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let faulty = Faulty { port, requests: Arc::default(), faults: Arc::default(), done: Arc::default() };
        let (requests, faults, done) = (faulty.requests.clone(), faulty.faults.clone(), faulty.done.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                let n = requests.fetch_add(1, Ordering::Relaxed) as u64;
                let chance = mix(seed ^ n);
                // One in five, of six kinds.
                let fault = chance.is_multiple_of(5).then_some(chance / 5 % 6);
                faults.fetch_add(usize::from(fault.is_some()), Ordering::Relaxed);
                thread::spawn(move || serve(client, server, fault, stall));
            }
        });
        faulty
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// SplitMix64.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One request, one answer, one connection.
fn serve(mut client: TcpStream, server: u16, fault: Option<u64>, stall: Duration) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match client.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    let request = String::from_utf8(request).unwrap();
    let length = request.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut content = vec![0; length.unwrap_or(0)];
    if client.read_exact(&mut content).is_err() {
        return;
    }
    let answer = |status: &str, headers: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    };
    match fault {
        Some(0) => return, // the connection is closed without a word
        Some(1) => {
            thread::sleep(stall);
            return;
        }
        Some(2) => {
            let _ = client.write_all(answer("503 Server Busy", "Retry-After: 1\r\n", "").as_bytes());
            return;
        }
        _ => {}
    }
    let first_line = request.lines().next().unwrap_or_default().to_owned();
    let is_query = first_line.contains("leads()");
    if is_query && !first_line.contains("NextPartitionKey=") {
        let date = "Date: Thu, 01 May 2025 00:00:00 GMT\r\nx-ms-request-id: 1b4e28ba-2fa1-11d2-883f-0016d3cca427\r\nx-ms-version: 2022-11-02\r\nServer: Azurite\r\n";
        let headers =
            format!("{date}Content-Type: application/json\r\nx-ms-continuation-NextPartitionKey: {TOKEN}\r\n");
        let _ = client.write_all(answer("200 OK", &headers, "{\"odata.metadata\":\"x\",\"value\":[]}").as_bytes());
        return;
    }
    // Our own token means the beginning. The signature does not cover it.
    let ours = ["&NextPartitionKey=%2521", "?NextPartitionKey=%2521"].iter().fold(request, |r, t| r.replace(t, ""));
    let outgoing = ours.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let Ok(mut upstream) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
    if upstream.write_all(&[outgoing.as_bytes(), &content].concat()).is_err() {
        return;
    }
    let mut bytes = Vec::new();
    let _ = upstream.read_to_end(&mut bytes);
    match fault {
        Some(3) => bytes.truncate(bytes.len() * 2 / 3), // the body is cut short
        // It is done, and whoever asked is told that it failed.
        Some(4) => bytes = answer("500 Internal Server Error", "", "").into_bytes(),
        Some(_) => bytes = shorten(bytes), // the body is cut, and the length says that it is whole
        None => {}
    }
    let _ = client.write_all(&bytes);
    let _ = client.shutdown(Shutdown::Both);
}

/// Half of the body, with a Content-Length to match.
fn shorten(answer: Vec<u8>) -> Vec<u8> {
    let Some(end) = answer.windows(4).position(|w| w == b"\r\n\r\n") else { return answer };
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return answer[..answer.len() * 2 / 3].to_vec();
    }
    let body = &answer[end + 4..end + 4 + (answer.len() - end - 4) / 2];
    let kept: Vec<&str> = head.lines().filter(|l| !l.to_ascii_lowercase().starts_with("content-length:")).collect();
    let mut short = format!("{}\r\nContent-Length: {}\r\n\r\n", kept.join("\r\n"), body.len()).into_bytes();
    short.extend_from_slice(body);
    short
}

#[test]
fn a_service_that_fails_one_request_in_five_gives_the_report_of_one_that_does_not() {
    let azurite = Azurite::start();
    azurite.make_table("marketplaceleads");
    azurite.make_container("leads");
    azurite.put_entities("marketplaceleads", &(0..ENTITIES).map(entity).collect::<Vec<_>>());
    azurite.put_blobs("leads", &blobs(BLOBS, ENTITIES).0);

    let plain = tempfile::tempdir().unwrap();
    set_up(plain.path(), &configuration(&azurite.table_endpoint(), &azurite.blob_endpoint(), "2m"), ENTITIES, 0..0);
    expect(&night(plain.path()), 0);

    let disturbed = tempfile::tempdir().unwrap();
    let (table, blob) = (Faulty::before(azurite.table_port, 7, STALL), Faulty::before(azurite.blob_port, 11, STALL));
    set_up(disturbed.path(), &configuration(&table.endpoint(), &blob.endpoint(), "2m"), ENTITIES, 0..0);
    // And it is read in three ranges side by side, as a table is that was large when it was last read whole.
    let sources = disturbed.path().join("state/landing/sources");
    std::fs::create_dir_all(&sources).unwrap();
    let splits =
        r#"{"lands_as":"table","watermark":null,"full_read_at":null,"splits":["5:2F14:2F2025","5:2F22:2F2025"]}"#;
    std::fs::write(sources.join("table.json"), splits).unwrap();
    let told = expect(&night(disturbed.path()), 0);
    assert!(told.contains("requests failed and were made again"), "{told}");
    let (requests, faults) = (blob.requests.load(Ordering::Relaxed), blob.faults.load(Ordering::Relaxed));
    assert!(faults * 10 > requests, "only {faults} of {requests} requests were disturbed");
    assert_same(disturbed.path(), plain.path());
}

#[test]
fn a_service_that_is_down_costs_its_source_and_not_the_night() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody listens there.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let dead = format!("http://127.0.0.1:{port}/{ACCOUNT}");
    let text = configuration(&dead, "http://no-such-host.invalid", "3s")
        + "[[source]]\nname = \"dump\"\nkind = \"files\"\npath = \"raw/*\"\n";
    set_up(dir.path(), &text, 10, 0..0);
    std::fs::create_dir(dir.path().join("raw")).unwrap();
    for (name, bytes) in blobs(3, 0).0 {
        std::fs::write(dir.path().join("raw").join(name.replace('/', "-")), bytes).unwrap();
    }
    let told = expect(&night(dir.path()), 3);
    assert!(told.contains("no connection"), "{told}");
    assert!(!crate::publisher::column(dir.path(), "leads", "lead_id").is_empty());
}
