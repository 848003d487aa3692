//! Names of blobs, asked for exactly as they were listed.
//!
//! Microsoft's crate takes slashes off both ends of a name, and blanks where it reads a list. So it is given the name in
//! hexadecimal digits, and the address is set right before it is signed.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::{Context, Policy, PolicyResult, Request};

use super::sas::decoded;
use crate::contact::without_entities;
use crate::error::{Error, Result};

/// What a written name begins with.
const MARK: &str = "leadrecon-name-";

/// A name for Microsoft's crate.
pub(super) fn written(name: &str) -> String {
    format!("{MARK}{}", hex::encode(name))
}

/// A name as the service has it, of one as the crate gave it.
pub(super) fn read(name: String) -> String {
    let digits = name.strip_prefix(MARK).and_then(|digits| hex::decode(digits).ok());
    digits.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(name)
}

/// A page of a list in which names that the crate would not give as they are, with blanks at an end or escaped by the
/// service, are written.
pub(super) fn with_written(page: &str) -> String {
    let mut exact = String::with_capacity(page.len());
    let mut rest = page;
    while let Some((before, attributes, inner, left)) = next_name(rest) {
        let is_escaped = attributes.contains("Encoded=\"true\"");
        exact.push_str(before);
        if is_escaped || inner.trim() != inner {
            let name = without_entities(inner);
            let name = if is_escaped { decoded(&name) } else { name.into_owned() };
            exact += &format!("<Name>{}</Name>", written(&name));
        } else {
            exact += &format!("<Name{attributes}>{inner}</Name>");
        }
        rest = left;
    }
    exact.push_str(rest);
    exact
}

/// What stands before the first name of a list, its attributes, the name, and what stands behind it.
fn next_name(list: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, after) = list.split_once("<Name")?;
    let (attributes, after) = after.split_once('>').filter(|(attributes, _)| !attributes.ends_with('/'))?;
    let (inner, left) = after.split_once("</Name>")?;
    Some((before, attributes, inner, left))
}

/// Puts the name itself in place of the written one.
#[derive(Debug)]
pub(super) struct ExactNames;

#[async_trait]
impl Policy for ExactNames {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        if let Some(path) = exact(request.url().path()) {
            request.url_mut().set_path(&path);
        }
        match next.split_first() {
            Some((policy, rest)) => policy.send(ctx, request, rest).await,
            None => Err(azure_core::Error::message(azure_core::error::ErrorKind::Io, "nothing sends the request")),
        }
    }
}

/// The path with the name itself, every byte that an address could read otherwise escaped.
fn exact(path: &str) -> Option<String> {
    let (folder, digits) = path.rsplit_once(MARK)?;
    let mut exact = folder.to_owned();
    for byte in hex::decode(digits).ok()? {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => exact.push(char::from(byte)),
            other => exact += &format!("%{other:02X}"),
        }
    }
    Some(exact)
}

/// Account, container and the rest of an address, `az://account/container/rest`.
///
/// # Errors
/// When it is of another shape (exit 2).
pub(super) fn parts(address: &str) -> Result<(&str, &str, &str)> {
    let wrong = || {
        Error::usage(format!("\"{address}\" is no address of blobs"))
            .hint("write az://account/container/prefix, with auth beside it")
    };
    let mut parts = address.strip_prefix("az://").ok_or_else(wrong)?.splitn(3, '/');
    let account = parts.next().filter(|a| !a.is_empty()).ok_or_else(wrong)?;
    let container = parts.next().filter(|c| !c.is_empty()).ok_or_else(wrong)?;
    Ok((account, container, parts.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reaches_the_address_as_it_was_listed() {
        for (name, expected) in [
            ("2026/a.json", "/acc/leads/2026/a.json"),
            ("/2026//c.json/", "/acc/leads//2026//c.json/"),
            ("a b#c?d%20e+f.json", "/acc/leads/a%20b%23c%3Fd%2520e%2Bf.json"),
            ("täglich", "/acc/leads/t%C3%A4glich"),
        ] {
            let mut url = url::Url::parse(&format!("https://x.example/acc/leads/{}", written(name))).unwrap();
            url.set_path(&exact(url.path()).unwrap());
            assert_eq!(url.path(), expected);
        }
        assert_eq!(exact("/acc/leads"), None);
    }

    #[test]
    fn a_listed_name_keeps_its_blanks_and_what_the_service_escaped() {
        let page = "<Blobs><Blob><Name>a &amp; b.json</Name></Blob><Blob><Name>a &amp; b.json </Name></Blob>\
            <Blob><Name Encoded=\"true\">c%EF%BF%BE+d.json</Name></Blob></Blobs>";
        let exact = with_written(page);
        let names: Vec<String> =
            exact.split("<Name>").skip(1).map(|rest| read(rest.split('<').next().unwrap().into())).collect();
        assert_eq!(names, ["a &amp; b.json", "a & b.json ", "c\u{fffe}+d.json"], "the first is the crate's to read");
        assert_eq!(with_written("<Blobs />"), "<Blobs />");
    }
}
