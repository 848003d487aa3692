//! Any text on its way out → the same without keys, signatures and tokens.
//!
//! Credentials get into messages in ways that nobody foresees: pasted where a name belongs, repeated by a library, part of an
//! address. So whatever leaves the program passes here, whoever wrote it. Two things are hidden: what looks like a secret,
//! and the very secrets that this process has read ([`hide`]), however they look.

use std::borrow::Cow;
use std::sync::{LazyLock, PoisonError, RwLock};

use regex::{Captures, Regex};
use secrecy::{ExposeSecret, SecretString};

use crate::control_characters::harmless;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Shorter than this, a secret that was read is also a word of other texts.
const SHORTEST: usize = 8;

/// The secrets that this process has read.
static READ: RwLock<Vec<SecretString>> = RwLock::new(Vec::new());

/// What has a name that tells: keys and signatures of Azure, and what other services call theirs.
const NAMES: &str = "account_?key|shared_?access_?key|shared_?access_?signature|sig|signature|pass_?wor[dt]|passwd|pwd\
                     |(?:[a-z0-9]+[_-])*(?:secret|token)|client_?secret|[a-z]*_?token|(?:[a-z0-9]+[_-])*api_?key\
                     |x-functions-key";

/// A value with its name: `AccountKey=…`, `sig%3D…`, `"password": "…"`.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        "(?i)((?:^|[^a-z0-9]|%26|%3f|u0026)(?:{NAMES}|authorization)\\\\?[\"']?\\s*(?:=|%3d|:)\\s*\\\\?[\"']?(?:(?:bearer|basic|sharedkey(?:lite)?)\\s+)?)\
         ([^\\s\"'<>`&;,\\\\]+)"
    ))
    .ok()
});

/// What is a secret by its form alone. The first group, where there is one, stays.
static FORMED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // Keys and signatures of Azure: 64 and 32 bytes in base 64, plain or encoded for an address.
        r"(^|[^A-Za-z0-9+/%])(?:[A-Za-z0-9+/]|%2[BbFf]){86}(?:=|%3[Dd]){2}",
        r"(^|[^A-Za-z0-9+/%])(?:[A-Za-z0-9+/]|%2[BbFf]){43}(?:=|%3[Dd])",
        // Client secrets of Microsoft Entra.
        r"(^|[^A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",
        // JSON web tokens.
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
        r"(?i)(\b(?:bearer|basic|sharedkey(?:lite)?)\s+)[A-Za-z0-9+/=_.~:-]{16,}",
        // Sessions of Salesforce, private apps of HubSpot, and what else is pasted.
        r"\b00D[A-Za-z0-9]{12,15}![A-Za-z0-9_.]{20,}",
        r"\bpat-[a-z0-9]{2,5}-[0-9a-f]{8}-[0-9a-f-]{20,}",
        r"\b(?:gh[opsur]_|github_pat_|xox[abeprs]-|sk_live_|sk-|glpat-|AKIA|AIza)[A-Za-z0-9_-]{16,}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
        // A password in an address, and addresses that are themselves the right to post.
        r"(://[^/\s:@]*:)[^/\s@]+@",
        r#"(?i)(https?://(?:[a-z0-9.-]*webhook\.office\.com|hooks\.slack\.com|hc-ping\.com|discord(?:app)?\.com/api/webhooks)/)[^\s"'<>]+"#,
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// Hides a secret of this process from now on, and the parts of it that would do as well: the key of a connection string,
/// the value of a signature.
pub fn hide(secret: &SecretString) {
    let whole = secret.expose_secret().trim();
    let parts = whole.split([';', '&', '?', '\n']).filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        ["accountkey", "sharedaccesskey", "sig"].contains(&name.trim().to_ascii_lowercase().as_str()).then_some(value)
    });
    let mut read = READ.write().unwrap_or_else(PoisonError::into_inner);
    for text in std::iter::once(whole).chain(parts).filter(|text| text.len() >= SHORTEST) {
        if read.iter().all(|known| known.expose_secret() != text) {
            read.push(SecretString::from(text));
        }
    }
    // The whole before its parts.
    read.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
}

/// The text as it may be shown: no secret, and no character that acts.
pub fn shown(text: &str) -> Cow<'_, str> {
    match redacted(text) {
        Cow::Borrowed(text) => harmless(text),
        Cow::Owned(text) => Cow::Owned(harmless(&text).into_owned()),
    }
}

/// The text without secrets.
fn redacted(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for secret in READ.read().unwrap_or_else(PoisonError::into_inner).iter() {
        if text.contains(secret.expose_secret()) {
            text = Cow::Owned(text.replace(secret.expose_secret(), REDACTED));
        }
    }
    match without_formed(&text) {
        Some(clean) => Cow::Owned(clean),
        None => text,
    }
}

/// Whether a text holds what looks like a secret.
pub fn holds_secret(text: &str) -> bool {
    without_formed(text).is_some()
}

/// The text without what looks like a secret, or nothing where nothing does.
fn without_formed(text: &str) -> Option<String> {
    if text.len() < SHORTEST {
        return None;
    }
    let mut clean: Option<String> = None;
    for (pattern, is_named) in NAMED.iter().map(|p| (p, true)).chain(FORMED.iter().map(|p| (p, false))) {
        let current = clean.as_deref().unwrap_or(text);
        let replaced = pattern.replace_all(current, |found: &Captures| {
            let whole = found.get(0).map_or("", |m| m.as_str());
            let stays = found.get(1).map_or("", |m| m.as_str());
            if is_named && !is_a_value(stays, found.get(2).map_or("", |m| m.as_str())) {
                return whole.to_owned();
            }
            let at = if whole.ends_with('@') { "@" } else { "" };
            format!("{stays}{REDACTED}{at}")
        });
        if replaced != current {
            clean = Some(replaced.into_owned());
        }
    }
    clean
}

/// Whether what stands behind a name is a value and not the next word of a sentence: `password: expected a text`.
fn is_a_value(name: &str, value: &str) -> bool {
    let is_apart = name.contains(|c: char| c == ':' || c.is_whitespace());
    let is_sentence = is_apart && !value.bytes().any(|b| b.is_ascii_digit()) && value.len() < 20;
    value.len() >= 4 && !value.starts_with(REDACTED) && !value.starts_with('…') && !is_sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    const SIGNATURE: &str = "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=";

    #[test]
    fn what_looks_like_a_key_a_signature_or_a_token_is_hidden_wherever_it_stands() {
        let encoded = SIGNATURE.replace('=', "%3D");
        let twice = encoded.replace('%', "%25");
        let texts = [
            format!(
                "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey={KEY};EndpointSuffix=core.windows.net"
            ),
            format!("environment variable {KEY} is not set"),
            format!("{{\"connectionString\": \"AccountKey={KEY}\"}}"),
            format!("\"accountKey\": \"{KEY}\""),
            format!("https://contoso.blob.core.windows.net/leads?sv=2022-11-02&sp=rl&sig={encoded}"),
            format!("https://contoso.blob.core.windows.net/leads?sv=2022-11-02&amp;sig={SIGNATURE}&amp;sp=rl"),
            format!("sv%3D2022%26sig%3D{twice}"),
            format!("?sig={SIGNATURE}"),
            format!("SharedAccessSignature=sv=1&sig={SIGNATURE}"),
            "Authorization: Bearer abcdefghijk1234567890".to_owned(),
            "token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl".to_owned(),
            "https://user:hunter2hunter@crm.example/x".to_owned(),
            "password = \"hunter2hunter\"".to_owned(),
            "aB18Q~abcdefghijklmnopqrstuvwxyz01234567".to_owned(),
            "client_secret=abc~defghij1234567890".to_owned(),
            "https://contoso.webhook.office.com/webhookb2/1234@5678/IncomingWebhook/abcdef".to_owned(),
            "pat-na1-01234567-89ab-cdef-0123-456789abcdef".to_owned(),
        ];
        for text in texts {
            let clean = shown(&text);
            assert!(clean.contains(REDACTED), "{text} → {clean}");
            for secret in
                [KEY, SIGNATURE, &encoded, "hunter2", "c2lnbmF0dXJl", "1234567890", "xyz01234", "IncomingWebhook"]
            {
                assert!(!clean.contains(secret), "{text} → {clean}");
            }
            assert_eq!(shown(&clean), clean, "hidden once is hidden");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "cannot read state/landing/raw_leads/month=2026-05/000000000001-000000000050-g0-0123456789abcdef0123456789abcdef.parquet",
            "auth: name exactly one of connection_string_env, key_env, sas_env and default",
            "[[source]] \"t\" auth: unknown key \"password\": expected a text",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "the signature ends on 2026-12-01; sig= is missing",
            "add auth = { sas_env = \"LEADS_SAS\" }",
            "headers = { Authorization = \"CRM_TOKEN\" }",
            "DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net",
            "https://contoso.example/leads/00Q5g00000abcdeEAA",
            "4f9f1c3e-52b3-4a6b-8a8e-0d5b9a4d5a11",
        ] {
            assert_eq!(shown(text), text);
            assert!(!holds_secret(text), "{text}");
        }
    }

    #[test]
    fn a_secret_that_was_read_is_hidden_whatever_it_looks_like() {
        hide(&SecretString::from("open sesame and so on"));
        assert_eq!(shown("cannot post: open sesame and so on"), "cannot post: [redacted]");
        hide(&SecretString::from("short"));
        assert_eq!(shown("a short text"), "a short text");
    }
}
