//! Countries: what people type, as ISO 3166-1 alpha-2, and the numbering plan of each.
//!
//! Names come in the languages of Europe and of the marketplace (Unicode CLDR), plans from libphonenumber; the table
//! and its sources are in `scripts/contact_data.py`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::fold;

/// A country and its numbering plan.
#[derive(Debug)]
pub(super) struct Country {
    /// ISO 3166-1 alpha-2.
    pub code: &'static str,
    /// Calling code without plus; empty where there is none.
    pub calling: &'static str,
    /// What is dialled before a national number inside the country.
    pub trunk: &'static str,
    /// What is dialled before an international number.
    pub abroad: &'static str,
    /// Shortest and longest national number.
    pub lengths: (usize, usize),
}

struct Countries {
    all: Vec<Country>,
    by_name: HashMap<String, usize>,
    calling_codes: HashMap<&'static str, usize>,
}

static COUNTRIES: LazyLock<Countries> = LazyLock::new(|| {
    let mut found = Countries { all: Vec::new(), by_name: HashMap::new(), calling_codes: HashMap::new() };
    for line in include_str!("countries.tsv").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&'static str> = line.split('\t').collect();
        let &[code, alpha3, calling, trunk, abroad, lengths, names] = fields.as_slice() else { continue };
        let lengths = lengths.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let at = found.all.len();
        found.all.push(Country { code, calling, trunk, abroad, lengths: lengths.unwrap_or((4, 15)) });
        for name in names.split('|') {
            found.by_name.entry(spelling(name)).or_insert(at);
        }
        // Codes win over names in other languages.
        found.by_name.insert(code.to_ascii_lowercase(), at);
        if !alpha3.is_empty() {
            found.by_name.insert(alpha3.to_ascii_lowercase(), at);
        }
        if !calling.is_empty() {
            found.calling_codes.entry(calling).or_insert(at);
        }
    }
    // Plans that several countries share are the larger one's.
    for (calling, code) in [("1", "US"), ("7", "RU"), ("44", "GB"), ("39", "IT"), ("47", "NO"), ("358", "FI")] {
        if let Some(&at) = found.by_name.get(&code.to_ascii_lowercase()) {
            found.calling_codes.insert(calling, at);
        }
    }
    if let Some(&britain) = found.by_name.get("gb") {
        found.by_name.insert("uk".to_owned(), britain);
    }
    found
});

/// Letters and digits only, in ASCII: how names of countries are compared.
fn spelling(text: &str) -> String {
    fold(text).chars().filter(char::is_ascii_alphanumeric).collect()
}

/// ISO 3166-1 alpha-2 of a code or a name in one of some fifty languages.
///
/// ```
/// assert_eq!(leadrecon::contact::country_code("Deutschland"), Some("DE"));
/// assert_eq!(leadrecon::contact::country_code("U.S.A."), Some("US"));
/// ```
pub fn country_code(text: &str) -> Option<&'static str> {
    country(text).map(|c| c.code)
}

pub(super) fn country(text: &str) -> Option<&'static Country> {
    let spelling = spelling(text);
    let found = COUNTRIES.by_name.get(&spelling).or_else(|| COUNTRIES.by_name.get(spelling.strip_prefix("the")?))?;
    COUNTRIES.all.get(*found)
}

/// The country of an international number without its plus, and the rest of it.
pub(super) fn by_calling_code(digits: &str) -> Option<(&'static Country, &str)> {
    (1..=3).find_map(|n| {
        let at = COUNTRIES.calling_codes.get(digits.get(..n)?)?;
        Some((COUNTRIES.all.get(*at)?, digits.get(n..)?))
    })
}

/// The country a number in E.164 is dialled for; `None` without its plus.
///
/// ```
/// assert_eq!(leadrecon::contact::phone_country("+4989123456"), Some("DE"));
/// ```
pub fn phone_country(e164: &str) -> Option<&'static str> {
    by_calling_code(e164.strip_prefix('+')?).map(|(country, _)| country.code)
}

/// Endings of domains that are taken all over the world for what they spell.
const SPELLED: &[&str] =
    &["io", "ai", "co", "me", "tv", "cc", "ly", "to", "fm", "gg", "sh", "ws", "nu", "la", "vc", "so", "st"];

/// The country that a mail domain's ending stands for; `None` for `.com` and endings that say nothing (`.io`).
///
/// ```
/// assert_eq!(leadrecon::contact::domain_country("contoso.co.uk"), Some("GB"));
/// assert_eq!(leadrecon::contact::domain_country("contoso.io"), None);
/// ```
pub fn domain_country(domain: &str) -> Option<&'static str> {
    let ending = domain.rsplit('.').next()?;
    if ending.len() != 2 || SPELLED.contains(&ending) {
        return None;
    }
    country_code(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_known_by_code_and_in_many_languages() {
        for (text, expected) in [
            ("de", Some("DE")),
            ("DEU", Some("DE")),
            ("Alemania", Some("DE")),
            ("ドイツ", Some("DE")),
            ("Германия", Some("DE")),
            ("Allemagne ", Some("DE")),
            ("United States", Some("US")),
            ("Vereinigte Staaten", Some("US")),
            ("The Netherlands", Some("NL")),
            ("Österreich", Some("AT")),
            ("Osterreich", Some("AT")),
            ("Magyarország", Some("HU")),
            ("UK", Some("GB")),
            // As the standard itself has them, and pick-lists of CRMs.
            ("Korea, Republic of", Some("KR")),
            ("Federal Republic of Germany", Some("DE")),
            ("Viet Nam", Some("VN")),
            ("Türkiye", Some("TR")),
            ("Côte d’Ivoire", Some("CI")),
            ("India", Some("IN")),
            ("Atlantis", None),
            ("", None),
        ] {
            assert_eq!(country_code(text), expected, "{text}");
        }
    }
}
