//! Posts a message to a webhook: again where that may help, within bounds, and never with the address in a word.
//!
//! The address is the secret. A service that answers 200 and says in the body that it did not deliver has not delivered.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, Result};
use crate::redaction::{hide, shown};

/// How often a message is tried, how long one try and how long the first wait is.
const TRIES: u32 = 3;
const ONE_TRY: Duration = Duration::from_secs(8);
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Bytes of an answer that are read.
const MOST_ANSWER: usize = 16 << 10;

/// The address that an environment variable holds.
///
/// # Errors
/// When it is not set or is no web address (exit 3). No error repeats any of it.
pub fn address(variable: &str) -> Result<SecretString> {
    let text =
        std::env::var(variable).map_err(|_| Error::partial(format!("environment variable {variable} is not set")))?;
    let text = text.trim();
    let is_web = reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    if !is_web {
        return Err(Error::partial(format!("environment variable {variable} holds no web address"))
            .hint("it begins with https://; copy it whole"));
    }
    let address = SecretString::from(text.to_owned());
    hide(&address);
    Ok(address)
}

/// The same address with a word behind its path, before its query.
pub fn below(address: &SecretString, word: &str) -> SecretString {
    let text = address.expose_secret();
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    let path = format!("{}/{word}", path.trim_end_matches('/'));
    SecretString::from(query.map_or(path.clone(), |query| format!("{path}?{query}")))
}

/// Posts a body. `delivered` reads the body of a good answer.
///
/// # Errors
/// When it was not delivered (exit 3), in words without the address.
pub fn post(address: &SecretString, body: &str, is_json: bool, delivered: fn(&str) -> bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::failed("cannot start the network runtime").because(e))?;
    runtime.block_on(insist(address, &shown(body), is_json, delivered)).map_err(Error::partial)
}

async fn insist(address: &SecretString, body: &str, is_json: bool, delivered: fn(&str) -> bool) -> Result<(), String> {
    let client = reqwest::Client::builder()
        .connect_timeout(ONE_TRY)
        // Who is sent elsewhere would take the secret along.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| "no connection can be made".to_owned())?;
    let mut wait = FIRST_WAIT;
    let mut tried = 0;
    loop {
        tried += 1;
        let answer = tokio::time::timeout(ONE_TRY, once(&client, address, body, is_json, delivered)).await;
        let (why, may_pass) = match answer {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(refused)) => refused,
            Err(_) => (format!("no answer within {} seconds", ONE_TRY.as_secs()), true),
        };
        if !may_pass || tried == TRIES {
            return Err(why);
        }
        tokio::time::sleep(wait).await;
        wait *= 4;
    }
}

/// One try: why it was not delivered, and whether it may be the next time.
async fn once(
    client: &reqwest::Client,
    address: &SecretString,
    body: &str,
    is_json: bool,
    delivered: fn(&str) -> bool,
) -> Result<(), (String, bool)> {
    let kind = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
    let request = client.post(address.expose_secret()).header(CONTENT_TYPE, kind).body(body.to_owned());
    // Its own words hold the address.
    let mut answer = request.send().await.map_err(|_| ("it cannot be reached".to_owned(), true))?;
    let status = answer.status();
    if !status.is_success() {
        let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
        return Err((format!("it answered {}", status.as_u16()), may_pass));
    }
    let mut text = Vec::new();
    while text.len() < MOST_ANSWER {
        match answer.chunk().await {
            Ok(Some(bytes)) => text.extend_from_slice(&bytes),
            Ok(None) => break,
            Err(_) => return Err(("its answer broke off".to_owned(), true)),
        }
    }
    match delivered(&String::from_utf8_lossy(&text)) {
        true => Ok(()),
        false => Err((format!("it answered {} and says that it did not deliver", status.as_u16()), true)),
    }
}
