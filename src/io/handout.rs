//! What `replay` hands out: files below `<output.dir>/replay/`, or bodies posted to an endpoint, and the memory of both.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use sha2::{Digest, Sha256};

use super::azure::access;
use super::publish::{cannot, private_dir, sync_dir, write_atomically};
use crate::config::Secret;
use crate::error::{Error, Result};

/// Time between two posts: a forwarder or CRM that was just repaired is not flooded.
const PACE: Duration = Duration::from_millis(500);
/// How often one body is tried.
const TRIES: u32 = 5;
/// The longest wait that an endpoint can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Where the files are.
#[derive(Debug, Default)]
pub struct Files {
    /// The import file, if there is anything to import.
    pub file: Option<PathBuf>,
    /// The file of what would be refused.
    pub fix: Option<PathBuf>,
}

/// Bytes of an import and of what would be refused.
pub trait Content {
    /// The import file.
    fn file(&self) -> &[u8];
    /// What would be refused.
    fn fix(&self) -> &[u8];
    /// Ending of the file's name.
    fn ending(&self) -> &str;
    /// One body of an endpoint for each lead id.
    fn bodies(&self) -> Vec<(&String, &[u8])>;
}

/// Writes the files, `name` and a few digits of the content's hash: when a killed replay is repeated it writes the same
/// file.
///
/// # Errors
/// When the disk refuses it (exit 4).
pub fn write(folder: &Path, name: &str, content: &impl Content) -> Result<Files> {
    Ok(Files {
        file: write_one(folder, name, "", content.ending(), content.file())?,
        fix: write_fix(folder, name, content)?,
    })
}

/// Writes only what would be refused.
///
/// # Errors
/// When the disk refuses it (exit 4).
pub fn write_fix(folder: &Path, name: &str, content: &impl Content) -> Result<Option<PathBuf>> {
    write_one(folder, name, "-fix", content.ending(), content.fix())
}

fn write_one(folder: &Path, name: &str, part: &str, ending: &str, bytes: &[u8]) -> Result<Option<PathBuf>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let digest = hex::encode(Sha256::digest(bytes));
    let short = digest.get(..8).unwrap_or(&digest);
    let path = folder.join(format!("{name}-{short}{part}.{ending}"));
    write_atomically(&path, bytes)?;
    Ok(Some(path))
}

/// Adds lines to a memory file, which gets a header first.
///
/// # Errors
/// When the disk refuses it (exit 4).
pub fn remember(path: &Path, header: &str, lines: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    private_dir(folder)?;
    let mut file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| cannot("write", path, &e))?;
    let empty = file.metadata().map_err(|e| cannot("read", path, &e))?.len() == 0;
    let text = if empty { format!("{header}{lines}") } else { lines.to_owned() };
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| cannot("write", path, &e))?;
    sync_dir(folder)
}

/// What became of the posts.
#[derive(Debug, Default)]
pub struct Posted {
    /// Leads whose body the endpoint took.
    pub accepted: Vec<String>,
    /// Lead id and the endpoint's answer.
    pub refused: Vec<(String, String)>,
}

/// Posts one body after another. `taken` is called after each that the endpoint took, before the next is sent, so that
/// a killed replay repeats at most one. An endpoint that cannot be reached at all ends it.
///
/// # Errors
/// When a header's secret cannot be read (exit 3), or `taken` fails.
pub fn post(
    url: &str,
    headers: &BTreeMap<String, Secret>,
    content: &impl Content,
    mut taken: impl FnMut(&String) -> Result<()>,
) -> Result<Posted> {
    let headers = header_map(headers)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::failed("cannot start the network").because(e))?;
    runtime.block_on(async {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| Error::failed("cannot start the network").because(e.without_url()))?;
        let mut posted = Posted::default();
        for (n, (lead_id, body)) in content.bodies().into_iter().enumerate() {
            if n > 0 {
                tokio::time::sleep(PACE).await;
            }
            match one(&client, url, &headers, body).await {
                Answer::Taken => {
                    taken(lead_id)?;
                    posted.accepted.push(lead_id.clone());
                }
                Answer::Refused(why) => posted.refused.push((lead_id.clone(), why)),
                Answer::Gone(why) => {
                    posted.refused.push((lead_id.clone(), format!("{why}; the rest was not tried")));
                    break;
                }
            }
        }
        Ok(posted)
    })
}

enum Answer {
    Taken,
    Refused(String),
    /// Nobody answers, or the endpoint is overloaded beyond patience.
    Gone(String),
}

async fn one(client: &reqwest::Client, url: &str, headers: &HeaderMap, body: &[u8]) -> Answer {
    let mut last = String::new();
    for attempt in 0..TRIES {
        let sent = client.post(url).headers(headers.clone()).body(body.to_vec()).send().await;
        let mut wait = Duration::from_secs(1 << attempt.min(5));
        match sent {
            Ok(answer) if answer.status().is_success() => return Answer::Taken,
            Ok(answer) => {
                let status = answer.status();
                last = format!("the endpoint answered {status}");
                let again = status.is_server_error()
                    || status == StatusCode::TOO_MANY_REQUESTS
                    || status == StatusCode::REQUEST_TIMEOUT;
                if !again {
                    return Answer::Refused(last);
                }
                let asked =
                    answer.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
                wait = asked.map_or(wait, Duration::from_secs).min(LONGEST_WAIT);
            }
            // The address may hold a signature.
            Err(error) => last = format!("the endpoint could not be reached: {}", error.without_url()),
        }
        if attempt + 1 < TRIES {
            tokio::time::sleep(wait).await;
        }
    }
    Answer::Gone(last)
}

fn header_map(headers: &BTreeMap<String, Secret>) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, secret) in headers {
        let wrong = || Error::usage(format!("header \"{name}\" of [destination.replay] cannot be sent"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|e| wrong().because(e))?;
        let mut value = HeaderValue::from_str(&access::secret_text(secret)?).map_err(|e| wrong().because(e))?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    struct Bodies(Vec<String>, Vec<u8>);

    impl Content for Bodies {
        fn file(&self) -> &[u8] {
            &self.1
        }
        fn fix(&self) -> &[u8] {
            &[]
        }
        fn ending(&self) -> &str {
            "ndjson"
        }
        fn bodies(&self) -> Vec<(&String, &[u8])> {
            self.0.iter().zip(self.1.split(|b| *b == b'\n')).collect()
        }
    }

    #[test]
    fn a_throttled_post_is_tried_again_and_a_refused_one_is_told_and_not_remembered() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/leads?sig=secret", server.local_addr().unwrap());
        let answers = ["429 Too Many Requests\r\nRetry-After: 0", "202 Accepted", "400 Bad Request"];
        let served = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = server.accept().unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).unwrap();
                write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            }
        });
        let content = Bodies(vec!["l1".into(), "l2".into()], b"{\"a\":1}\n{\"a\":2}\n".to_vec());
        let mut remembered = Vec::new();
        let posted = post(&url, &BTreeMap::new(), &content, |id| {
            remembered.push(id.clone());
            Ok(())
        })
        .unwrap();
        served.join().unwrap();
        assert_eq!((posted.accepted, remembered), (vec!["l1".to_owned()], vec!["l1".to_owned()]));
        assert_eq!(posted.refused, [("l2".to_owned(), "the endpoint answered 400 Bad Request".to_owned())]);
    }

    #[test]
    fn the_same_content_is_the_same_file_and_the_memory_has_one_header() {
        let folder = tempfile::tempdir().unwrap();
        let content = Bodies(vec![], b"{}\n".to_vec());
        let first = write(folder.path(), "api", &content).unwrap().file.unwrap();
        assert_eq!(write(folder.path(), "api", &content).unwrap().file.unwrap(), first);
        let memory = folder.path().join("replayed.csv");
        remember(&memory, "h\n", "a\n").unwrap();
        remember(&memory, "h\n", "b\n").unwrap();
        assert_eq!(fs::read_to_string(memory).unwrap(), "h\na\nb\n");
    }
}
