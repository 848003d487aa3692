//! A shared access signature as people paste it → its parameters, as the service takes them.
//!
//! It comes as the token with or without `?`, as a whole address, as a connection string or a part of one, as a line of an
//! environment file, with quotes, blanks and line breaks, encoded once, twice or not at all, by HTML or JSON. No error
//! repeats any of it. Source: Azure Storage, "Create an account SAS", "Create a service SAS".

use chrono::{DateTime, NaiveDate, Utc};
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, Result};

/// Parameters of signatures of accounts, services, users and folders.
const PARAMETERS: &[&str] = &[
    "sv", "ss", "srt", "sr", "sp", "st", "se", "sip", "spr", "si", "sig", "tn", "spk", "srk", "epk", "erk", "sdd",
    "ses", "skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid", "scid", "skdutid", "sduoid", "rscc", "rscd",
    "rsce", "rscl", "rsct",
];

/// A signature taken apart.
pub(super) struct Signature {
    /// The parameters, encoded once.
    pub query: SecretString,
    /// When it begins and ends, where it says so.
    pub starts: Option<DateTime<Utc>>,
    pub ends: Option<DateTime<Utc>>,
}

impl Signature {
    /// Reads what was pasted.
    ///
    /// # Errors
    /// Where it holds no signature.
    pub(super) fn read(pasted: &SecretString) -> Result<Signature> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let (mut starts, mut ends, mut signed) = (None, None, false);
        for (name, value) in parameters(pasted.expose_secret()) {
            match name.as_str() {
                "st" => starts = instant(&value),
                "se" => ends = instant(&value),
                "sig" => signed = !value.is_empty(),
                _ => {}
            }
            query.append_pair(&name, &value);
        }
        if !signed {
            return Err(Error::partial("the shared access signature is not whole")
                .because("it has no sig=")
                .hint("copy it again from the portal, up to its end"));
        }
        Ok(Signature { query: SecretString::from(query.finish()), starts, ends })
    }
}

/// Names and values, decoded.
fn parameters(pasted: &str) -> Vec<(String, String)> {
    let is_wrapping =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}');
    let mut text: String = pasted.chars().map(|c| if is_wrapping(c) && c != ' ' { '\u{0}' } else { c }).collect();
    text.retain(|c| c != '\u{0}');
    text = text.replace("\\u0026", "&").replace("\\/", "/").replace("&amp;", "&");
    // Encoded as a whole, as inside another address.
    if !text.contains('&') && text.to_ascii_lowercase().contains("%26") {
        text = decoded(&text);
    }
    let text = match text.to_ascii_lowercase().find("sharedaccesssignature=") {
        Some(at) => text.get(at + "sharedaccesssignature=".len()..).unwrap_or_default(),
        None => &text,
    };
    // A whole address, and what stands behind the token in a connection string or in JSON.
    let text = text.rsplit('?').next().unwrap_or(text);
    let text =
        text.split([';', '"', '\'', ',', '#', '<', '>', '`', '}']).find(|part| part.contains("sig=")).unwrap_or(text);
    let pairs = text.split('&').filter_map(|pair| {
        let (mut name, mut value) = pair.trim().split_once('=')?;
        // A line of an environment file: `LEADS_SAS=sv=…`.
        if let Some((inner, rest)) = value.split_once('=')
            && !is_parameter(name)
            && is_parameter(inner)
        {
            (name, value) = (inner, rest);
        }
        let name = name.trim().to_ascii_lowercase();
        let mut value = value.trim().to_owned();
        // No value holds a percent sign: what is encoded twice shows itself.
        for _ in 0..3 {
            if value.contains('%') {
                value = decoded(&value);
            }
        }
        if name == "sig" {
            // A plus that was decoded once too often; a signature has no blanks.
            value = value.replace(' ', "+");
        } else {
            value.retain(|c| c != ' ');
        }
        is_parameter(&name).then_some((name, value))
    });
    pairs.collect()
}

fn is_parameter(name: &str) -> bool {
    PARAMETERS.contains(&name.trim().to_ascii_lowercase().as_str())
}

/// `%XX` undone; everything else stays, a plus too.
pub(super) fn decoded(text: &str) -> String {
    let plain = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let name = url::form_urlencoded::parse(plain.as_bytes()).next().map(|(name, _)| name.into_owned());
    name.unwrap_or_default()
}

/// A day, or a time to the minute or second, with or without its zone: it is UTC.
fn instant(value: &str) -> Option<DateTime<Utc>> {
    let day = || value.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0)).map(|at| at.and_utc());
    let minute = || {
        let bare = value.trim_end_matches('Z');
        let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
        forms.iter().find_map(|form| chrono::NaiveDateTime::parse_from_str(bare, form).ok()).map(|at| at.and_utc())
    };
    DateTime::parse_from_rfc3339(value).ok().map(|at| at.to_utc()).or_else(minute).or_else(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_read_in_whatever_form_it_is_pasted() {
        let signature = "ab+cd/ef+0123456789==";
        let encoded =
            "sv=2022-11-02&ss=b&srt=sco&sp=rl&se=2099-01-01T00%3A00%3A00Z&sig=ab%2Bcd%2Fef%2B0123456789%3D%3D";
        let plain = format!("sv=2022-11-02&ss=b&srt=sco&sp=rl&se=2099-01-01T00:00:00Z&sig={signature}");
        let twice = encoded.replace('%', "%25");
        let whole = encoded.replace('%', "%25").replace('&', "%26").replace('=', "%3D");
        for pasted in [
            encoded.to_owned(),
            plain.clone(),
            twice,
            whole,
            format!("\u{feff}{encoded}\r\n"),
            format!("?{plain}"),
            format!("  \"?{encoded}\" "),
            format!("'{plain}'\n"),
            format!("https://contoso.blob.core.windows.net/leads?{encoded}"),
            format!("<https://contoso.blob.core.windows.net/?{plain}>"),
            format!("SharedAccessSignature={encoded}"),
            format!("BlobEndpoint=https://contoso.blob.core.windows.net/;SharedAccessSignature=?{plain};"),
            format!("export LEADS_SAS=\"{encoded}\""),
            format!("LEADS_SAS={plain}"),
            format!("{{\"sas\": \"{}\"}}", encoded.replace('&', "\\u0026")),
            encoded.replace('&', "&amp;"),
            plain.replace("&sp", "\r\n&sp"),
            plain.replace('+', " "),
            plain.replace("&sig", " &sig"),
        ] {
            let read = Signature::read(&SecretString::from(pasted.clone())).unwrap();
            let query = read.query.expose_secret();
            let pairs: Vec<(String, String)> =
                url::form_urlencoded::parse(query.as_bytes()).map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
            assert_eq!(pairs.len(), 6, "{pasted}");
            assert_eq!(pairs.iter().find(|(name, _)| name == "sig").unwrap().1, signature, "{pasted}");
            assert_eq!(read.ends, Some("2099-01-01T00:00:00Z".parse().unwrap()), "{pasted}");
        }
    }

    #[test]
    fn when_a_signature_begins_and_ends_is_known() {
        let expected: DateTime<Utc> = "2026-12-01T00:00:00Z".parse().unwrap();
        for form in ["2026-12-01T00%3A00%3A00Z", "2026-12-01", "2026-12-01T00:00Z", "2026-12-01T00:00:00"] {
            let read = Signature::read(&SecretString::from(format!("sv=1&st={form}&se={form}&sig=x"))).unwrap();
            assert_eq!((read.starts, read.ends), (Some(expected), Some(expected)), "{form}");
        }
        let read = Signature::read(&SecretString::from("sv=1&sig=x")).unwrap();
        assert_eq!((read.starts, read.ends), (None, None));
    }

    #[test]
    fn no_error_repeats_a_signature() {
        for pasted in ["sv=2020&SECRET", "SECRET", "sv=2020&sig="] {
            let error = Signature::read(&SecretString::from(pasted)).err().unwrap();
            assert!(!error.to_string().contains("SECRET"), "{error}");
        }
    }
}
