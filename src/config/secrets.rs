//! Secrets that were pasted into `leadrecon.toml`: where they are, without a letter of them.
//!
//! The file is copied into tickets, mails and repositories, and its values into logs, reports and the history. So a value
//! that looks like a secret is refused before anything reads it, wherever it stands, and the place is told by position:
//! even the name beside it may be the pasted text.

use toml::{Table, Value};

use crate::error::{Error, count};
use crate::redaction::holds_secret;

/// The places of values and keys that hold what looks like a secret.
pub(super) fn places(document: &Table) -> Vec<String> {
    let mut found = Vec::new();
    of_table(document, "", &mut found);
    found
}

fn of_table(table: &Table, path: &str, found: &mut Vec<String>) {
    for (n, (key, value)) in table.iter().enumerate() {
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let path = if is_plain(key) { below(key) } else { below(&format!("(key {})", n + 1)) };
        if holds_secret(key) {
            found.push(path.clone());
        }
        of_value(value, &path, found);
    }
}

fn of_value(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if holds_secret(text) => found.push(path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| of_value(item, &format!("{path}[{}]", n + 1), found));
        }
        Value::Table(table) => of_table(table, path, found),
        _ => {}
    }
}

/// Whether a key is one that we could have named.
fn is_plain(key: &str) -> bool {
    key.len() <= 24 && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// The refusal (exit 2).
pub(super) fn refused(places: &[String]) -> Error {
    let secrets = count(places.len(), "value that looks", "values that look");
    let error = Error::usage(format!("the configuration holds {secrets} like a key, a signature or a token"));
    places.iter().fold(error, |error, place| error.at(place)).hint(
        "put it into an environment variable or a file of its own, and write the name here, e.g. \
         auth = { sas_env = \"LEADS_SAS\" }; an address stands here without its signature. Whoever has seen this file has \
         seen the secret: make a new one",
    )
}
