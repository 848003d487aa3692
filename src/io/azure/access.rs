//! How to reach and open a storage account: connection string, key, shared access signature or identity.
//!
//! Parsed here and not by Microsoft's crate, whose errors repeat the whole string with the key in it. Secrets are held
//! in `secrecy` types and handed over once; nothing here can print them. Sources: Azure Storage, "Configure connection
//! strings", "Create an account SAS"; the JSON-wrapped form of the 2017 marketplace pages.

use std::fs;
use std::sync::Arc;

use azure_core::auth::Secret as AzureSecret;
use azure_storage::{CloudLocation, StorageCredentials};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::retry::Patience;
use super::sas::Signature;
use crate::config::{Account, Auth, Secret};
use crate::error::{Error, Result};
use crate::redaction::hide;

/// The emulator's account and key, which are public.
const EMULATOR: (&str, &str) =
    ("devstoreaccount1", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==");

/// An account, reachable and opened.
pub(super) struct Access {
    pub(super) location: CloudLocation,
    pub(super) credentials: StorageCredentials,
    /// The service's address, without any secret.
    pub(super) endpoint: String,
    /// How we signed in, for messages.
    pub(super) auth: &'static str,
    /// When the signature begins and ends.
    pub(super) starts: Option<DateTime<Utc>>,
    pub(super) expires: Option<DateTime<Utc>>,
}

impl Access {
    /// Reads the secret and puts the address together. `service` is `table` or `blob`.
    pub(super) fn new(account: &Account, auth: &Auth, service: &str, patience: &Patience) -> Result<Access> {
        let mut name = account.name.clone();
        let mut endpoint = account.endpoint.clone();
        let (mut starts, mut expires) = (None, None);
        let (credentials, words) = match auth {
            Auth::ConnectionString(secret) => {
                let text = read(secret)?;
                let parsed =
                    ConnectionString::parse(text.expose_secret(), service).map_err(|e| e.at(origin(secret)))?;
                endpoint = endpoint.or(parsed.endpoint);
                name = name.or(parsed.account.clone());
                match (parsed.key, parsed.sas) {
                    (Some(key), _) => {
                        let signer = parsed.account.or(name.clone()).unwrap_or_default();
                        (by_key(&signer, &key).map_err(|e| e.at(origin(secret)))?, "a connection string")
                    }
                    (None, Some(sas)) => {
                        let sas = Signature::read(&sas).map_err(|e| e.at(origin(secret)))?;
                        (starts, expires) = (sas.starts, sas.ends);
                        (by_sas(&sas).map_err(|e| e.at(origin(secret)))?, "the signature of a connection string")
                    }
                    (None, None) => {
                        return Err(Error::partial(
                            "the connection string has neither AccountKey nor SharedAccessSignature",
                        )
                        .at(origin(secret))
                        .hint("copy it whole from the portal: Access keys, Connection string"));
                    }
                }
            }
            Auth::Key(secret) => {
                let signer = name
                    .clone()
                    .or_else(|| endpoint.as_deref().and_then(account_of))
                    .ok_or_else(|| Error::usage("a key needs the account's name").hint("add account = \"…\""))?;
                (by_key(&signer, &read(secret)?).map_err(|e| e.at(origin(secret)))?, "an account key")
            }
            Auth::Sas(secret) => {
                let sas = Signature::read(&read(secret)?).map_err(|e| e.at(origin(secret)))?;
                (starts, expires) = (sas.starts, sas.ends);
                (by_sas(&sas).map_err(|e| e.at(origin(secret)))?, "a shared access signature")
            }
            Auth::Identity => {
                let client: Arc<dyn azure_core::HttpClient> = patience.wire.clone();
                let mut builder = azure_identity::DefaultAzureCredentialBuilder::new();
                builder.with_options(client);
                let credential = builder.build().map_err(|_| {
                    Error::partial("no Azure identity was found on this machine").hint(
                        "set AZURE_CLIENT_ID and the like, give the machine a managed identity, or run `az login`",
                    )
                })?;
                (StorageCredentials::token_credential(Arc::new(credential)), "the machine's identity")
            }
        };
        let endpoint = match (endpoint, &name) {
            (Some(endpoint), _) => endpoint.trim_end_matches('/').to_owned(),
            (None, Some(name)) => format!("https://{name}.{service}.core.windows.net"),
            (None, None) => {
                return Err(
                    Error::usage("the storage account is not named").hint("add account = \"…\" or endpoint = \"…\"")
                );
            }
        };
        let account = name.or_else(|| account_of(&endpoint)).unwrap_or_default();
        let location = CloudLocation::Custom { account, uri: endpoint.clone() };
        Ok(Access { location, credentials, endpoint, auth: words, starts, expires })
    }
}

/// When a credential ends, where it says so itself: a shared access signature does. Needs no network.
pub fn credential_ends(auth: &Auth) -> Option<DateTime<Utc>> {
    match auth {
        Auth::Sas(secret) => Signature::read(&read(secret).ok()?).ok()?.ends,
        Auth::ConnectionString(secret) => {
            let text = read(secret).ok()?;
            let parsed = ConnectionString::parse(text.expose_secret(), "blob").ok()?;
            Signature::read(&parsed.sas?).ok()?.ends
        }
        Auth::Key(_) | Auth::Identity => None,
    }
}

/// A secret in clear, for a header of ours.
///
/// # Errors
/// When it is not there (exit 3).
pub fn secret_text(secret: &Secret) -> Result<String> {
    Ok(read(secret)?.expose_secret().to_owned())
}

/// Reads a secret from its environment variable or file.
fn read(secret: &Secret) -> Result<SecretString> {
    let missing = |what: String| {
        Error::partial(what).hint("secrets are read from the environment or a file, never from the configuration")
    };
    let text = match secret {
        Secret::Env(name) => std::env::var(name).map_err(|_| missing(format!("{} is not set", origin(secret))))?,
        Secret::File(path) => {
            let cannot = || missing(format!("secret file {} cannot be read", path.display()));
            let bytes = fs::read(path).map_err(|e| cannot().because(e))?;
            // Windows PowerShell writes UTF-16.
            let (encoding, mark) = encoding_rs::Encoding::for_bom(&bytes).unwrap_or((encoding_rs::UTF_8, 0));
            let text =
                encoding.decode_without_bom_handling_and_without_replacement(bytes.get(mark..).unwrap_or(&bytes));
            text.ok_or_else(|| cannot().because("it is no text"))?.into_owned()
        }
    };
    let is_around = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '"' | '\'' | '`' | '“' | '”')
    };
    let trimmed = text.trim_matches(is_around).to_owned();
    if trimmed.is_empty() {
        return Err(missing(format!("{} is empty", origin(secret))));
    }
    let secret = SecretString::from(trimmed);
    hide(&secret);
    Ok(secret)
}

fn origin(secret: &Secret) -> String {
    match secret {
        Secret::Env(name) => format!("environment variable {name}"),
        Secret::File(path) => format!("secret file {}", path.display()),
    }
}

struct ConnectionString {
    account: Option<String>,
    endpoint: Option<String>,
    key: Option<SecretString>,
    sas: Option<SecretString>,
}

impl ConnectionString {
    /// Takes a connection string apart. No error repeats any of it.
    fn parse(text: &str, service: &str) -> Result<ConnectionString> {
        let unwrapped = text.starts_with('{').then(|| unwrap_json(text)).flatten();
        let text = unwrapped.as_ref().map_or(text, |s| s.expose_secret()).trim().trim_matches('"');
        let mut parsed = ConnectionString { account: None, endpoint: None, key: None, sas: None };
        let (mut suffix, mut protocol, mut emulator, mut known) = ("core.windows.net", "https", false, 0);
        for part in text.split(';') {
            let Some((name, value)) = part.split_once('=') else { continue };
            let value = value.trim();
            known += 1;
            match name.trim().to_ascii_lowercase().as_str() {
                "accountname" => parsed.account = Some(value.to_owned()),
                "accountkey" => parsed.key = Some(SecretString::from(value.to_owned())),
                "sharedaccesssignature" => parsed.sas = Some(SecretString::from(value.to_owned())),
                "endpointsuffix" => suffix = value,
                "defaultendpointsprotocol" => protocol = value,
                "usedevelopmentstorage" => emulator = value.eq_ignore_ascii_case("true"),
                n if n.strip_suffix("endpoint") == Some(service) => {
                    parsed.endpoint = Some(value.trim_end_matches('/').to_owned());
                }
                n if n.ends_with("endpoint") || n == "developmentstorageproxyuri" => {}
                _ => known -= 1,
            }
        }
        if emulator {
            let port = if service == "table" { 10002 } else { 10000 };
            parsed.account = Some(EMULATOR.0.to_owned());
            parsed.key = Some(SecretString::from(EMULATOR.1));
            parsed.endpoint.get_or_insert_with(|| format!("http://127.0.0.1:{port}/{}", EMULATOR.0));
        }
        if known == 0 {
            return Err(Error::partial("this is no connection string")
                .hint("it looks like DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net"));
        }
        if parsed.endpoint.is_none() {
            parsed.endpoint = parsed.account.as_ref().map(|a| format!("{protocol}://{a}.{service}.{suffix}"));
        }
        Ok(parsed)
    }
}

/// `{"connectionString": "…"}`, as the marketplace's pages of 2017 had it.
fn unwrap_json(text: &str) -> Option<SecretString> {
    let fields: std::collections::BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    let (_, value) = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("connectionString"))?;
    Some(SecretString::from(value))
}

fn by_key(account: &str, key: &SecretString) -> Result<StorageCredentials> {
    // A key that was wrapped when it was copied, or stands in its connection string still.
    let text: String = key.expose_secret().chars().filter(|c| !c.is_whitespace()).collect();
    let at = text.to_ascii_lowercase().find("accountkey=").map(|at| at + "accountkey=".len());
    let text = at.and_then(|at| text.get(at..)?.split(';').next()).unwrap_or(&text);
    let body = text.trim_end_matches('=');
    let is_base64 = body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
    if !is_base64 || !text.len().is_multiple_of(4) || text.len() < 16 {
        return Err(Error::partial("the account key is not whole")
            .because("it is no base64 text")
            .hint("copy it again from the portal: Access keys"));
    }
    Ok(StorageCredentials::access_key(account, AzureSecret::new(text.to_owned())))
}

fn by_sas(sas: &Signature) -> Result<StorageCredentials> {
    // Their error repeats the signature.
    StorageCredentials::sas_token(sas.query.expose_secret())
        .map_err(|_| Error::partial("the shared access signature cannot be read"))
}

/// `https://NAME.table.…` or `http://127.0.0.1:10002/NAME`.
fn account_of(endpoint: &str) -> Option<String> {
    let url = url::Url::parse(endpoint).ok()?;
    let path = url.path().trim_matches('/');
    if !path.is_empty() {
        return Some(path.to_owned());
    }
    match url.host()? {
        url::Host::Domain(host) => host.split('.').next().map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str, service: &str) -> Option<String> {
        ConnectionString::parse(text, service).unwrap().endpoint
    }

    #[test]
    fn connection_strings_are_read_in_every_form_they_come_in() {
        let plain = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=QUJDREVGR0hJSktMTU5PUA==;EndpointSuffix=core.chinacloudapi.cn";
        assert_eq!(endpoint(plain, "table").as_deref(), Some("https://a.table.core.chinacloudapi.cn"));
        let wrapped = format!("{{\"connectionString\":\"{plain}\"}}");
        assert_eq!(endpoint(&wrapped, "blob").as_deref(), Some("https://a.blob.core.chinacloudapi.cn"));
        let key = ConnectionString::parse(&wrapped, "blob").unwrap().key.unwrap();
        assert_eq!(key.expose_secret(), "QUJDREVGR0hJSktMTU5PUA==", "the padding belongs to the key");
        assert_eq!(
            endpoint("UseDevelopmentStorage=true", "table").as_deref(),
            Some("http://127.0.0.1:10002/devstoreaccount1")
        );
        let sas = "BlobEndpoint=https://a.blob.core.windows.net/;TableEndpoint=https://x/;SharedAccessSignature=sv=1&sig=a%3D";
        assert_eq!(endpoint(sas, "table").as_deref(), Some("https://x"));
        assert_eq!(ConnectionString::parse(sas, "blob").unwrap().sas.unwrap().expose_secret(), "sv=1&sig=a%3D");
    }

    #[test]
    fn no_error_repeats_a_secret() {
        let key = SecretString::from("SECRET/no base64!");
        for error in [ConnectionString::parse("SECRET", "table").err().unwrap(), by_key("a", &key).err().unwrap()] {
            assert!(!error.to_string().contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn the_account_is_found_in_its_endpoint() {
        for (url, name) in [
            ("https://contoso.table.core.usgovcloudapi.net", Some("contoso")),
            ("http://127.0.0.1:10002/devstoreaccount1", Some("devstoreaccount1")),
            ("http://10.0.0.1", None),
        ] {
            assert_eq!(account_of(url).as_deref(), name);
        }
    }
}
