//! E-mail, phone, name, company and country in comparable form.
//!
//! Made from what was typed; the typed value itself is kept by every table. What is said about two values (same
//! mailbox after a provider's rules, nickname, typing error) is identity's matter: nothing here destroys a difference
//! that could tell two people apart, except where a function's name says so ([`mailbox`]).
//!
//! Provider rules: Gmail ignores dots and `googlemail.com` is `gmail.com` (Google's help), `+tag` is RFC 5233.

use std::borrow::Cow;
use std::sync::LazyLock;

use polars::prelude::PlHashSet;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

mod company;
mod country;
mod escapes;
mod generation;
mod home;
mod name;
mod phone;

pub use company::company_key;
pub use country::{country_code, domain_country, phone_country};
pub use escapes::{unescaped, without_entities};
pub use generation::generation;
pub use home::{home_code, home_codes};
pub use name::{are_nicknames, name_key, nickname_groups, sound_key};
pub use phone::{e164, phone_digits};

/// The columns of a contact, in the order in which they are typed and handed back.
pub const COLUMNS: [&str; 7] = ["first_name", "last_name", "email", "phone", "company", "title", "country"];

/// Lower-case ASCII: escapes undone, compatibility forms unified (NFKC), other scripts and accents transliterated.
pub fn fold(text: &str) -> Cow<'_, str> {
    match unescaped(text) {
        Cow::Borrowed(text) => folded(text),
        Cow::Owned(text) => Cow::Owned(folded(&text).into_owned()),
    }
}

fn folded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    let lower = composed(text).to_lowercase();
    let mut ascii = any_ascii::any_ascii(&lower);
    ascii.make_ascii_lowercase();
    Cow::Owned(ascii)
}

fn composed(text: &str) -> Cow<'_, str> {
    match is_nfkc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfkc().collect()),
    }
}

/// What a mail system may treat as one address: lower case, without spaces, display name, `mailto:` and stray dots.
///
/// Plus tags and dots in the local part stay. `None` where there is no address.
///
/// ```
/// assert_eq!(leadrecon::contact::normalised_email(" Ann <Ann.Lee@Contoso.COM> ").as_deref(), Some("ann.lee@contoso.com"));
/// assert_eq!(leadrecon::contact::normalised_email("n/a"), None);
/// ```
pub fn normalised_email(email: &str) -> Option<String> {
    if is_plain_address(email) {
        return Some(email.to_ascii_lowercase());
    }
    cleaned_address(email)
}

fn cleaned_address(email: &str) -> Option<String> {
    let email = unescaped(email);
    let text = email.trim();
    let text = match (text.rfind('<'), text.rfind('>')) {
        (Some(from), Some(to)) if from < to => text.get(from + 1..to)?,
        _ => text,
    };
    let kept: String = composed(text)
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}'))
        .flat_map(char::to_lowercase)
        .collect();
    // Where a blank stood between a letter and its accent, the two are one now.
    let mut address = composed(&kept).into_owned();
    if let Some(rest) = address.strip_prefix("mailto:") {
        address = rest.to_owned();
    }
    let address =
        address.trim_matches(|c: char| matches!(c, '.' | ',' | ';' | ':' | '"' | '\'' | '<' | '>' | '(' | ')'));
    let (local, domain) = address.split_once('@')?;
    // A second @ is a slip of the finger, if at all.
    let domain = domain.replace('@', "");
    let domain = domain.trim_matches('.');
    if local.is_empty() || !domain.contains('.') || domain.contains("..") {
        return None;
    }
    Some(format!("{local}@{domain}"))
}

/// Whether an address needs nothing but lower case, as nearly all do: letters, digits, `.`, `-`, `_` and `+` around one @,
/// no dot at an end, none doubled in the domain.
fn is_plain_address(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+');
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_within = |part: &str, end: char| !part.is_empty() && !part.starts_with(end) && part.bytes().all(is_plain);
    is_within(local, '.')
        && is_within(domain, '.')
        && !domain.ends_with('.')
        && domain.contains('.')
        && !domain.contains("..")
}

/// The mailbox behind a normalised address: tag, provider's aliases and ignored dots taken away.
///
/// ```
/// assert_eq!(leadrecon::contact::mailbox("a.lee+azure@googlemail.com"), "alee@gmail.com");
/// assert_eq!(leadrecon::contact::mailbox("a.lee+azure@contoso.com"), "a.lee@contoso.com");
/// ```
pub fn mailbox(normalised: &str) -> String {
    let Some((local, domain)) = normalised.rsplit_once('@') else { return normalised.to_owned() };
    let domain = match domain {
        "googlemail.com" => "gmail.com",
        "ya.ru" | "yandex.com" => "yandex.ru",
        "pm.me" | "protonmail.com" | "protonmail.ch" => "proton.me",
        "me.com" | "mac.com" => "icloud.com",
        other => other,
    };
    let untagged = match local.split_once('+') {
        Some((before, _)) if !before.is_empty() => before,
        _ => local,
    };
    // Yahoo's disposable addresses are base-word.
    let untagged = match untagged.split_once('-') {
        Some((before, _)) if domain.starts_with("yahoo.") && !before.is_empty() => before,
        _ => untagged,
    };
    match domain {
        "gmail.com" => format!("{}@{domain}", untagged.replace('.', "")),
        _ => format!("{untagged}@{domain}"),
    }
}

/// The registrable domain of an address, as typed or normalised: `contoso.co.uk` of `a@mail.contoso.co.uk`.
pub fn email_domain(email: &str) -> Option<String> {
    let address = normalised_email(email)?;
    let (_, domain) = address.rsplit_once('@')?;
    Some(registrable(domain).to_owned())
}

/// The registrable part of a domain by the public suffix list; the domain itself where there is none.
pub(crate) fn registrable(domain: &str) -> &str {
    psl::domain_str(domain).unwrap_or(domain)
}

static FREE_MAIL: LazyLock<PlHashSet<&'static str>> =
    LazyLock::new(|| include_str!("contact/free_mail.txt").lines().filter(|line| !line.starts_with('#')).collect());

/// Whether anybody can have a mailbox at this domain (or at the domain of this address), so that it names no company.
pub fn is_free_mail(domain_or_email: &str) -> bool {
    let domain = domain_or_email.rsplit('@').next().unwrap_or(domain_or_email).trim();
    let domain = match domain.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(domain.to_ascii_lowercase()),
        false => Cow::Borrowed(domain),
    };
    let own = registrable(&domain);
    let name = own.split('.').next().unwrap_or("");
    FREE_MAIL.contains(&*domain)
        || FREE_MAIL.contains(own)
        // Providers with a domain in every country.
        || matches!(
            name,
            "yahoo" | "hotmail" | "live" | "outlook" | "gmx" | "yandex" | "ymail" | "rocketmail" | "protonmail"
        )
}

/// Local parts that are a function and not a person, in several languages.
const ROLES: &[&str] = &[
    "info", "information", "informacion", "infos", "sales", "contact", "contacts", "contactus", "contacto", "contato",
    "contatti", "kontakt", "office", "buero", "admin", "administrator", "administration", "administracion",
    "administracja", "support", "help", "helpdesk", "hello", "hi", "hallo", "hola", "bonjour", "mail", "email", "post",
    "team", "it", "itsupport", "edv", "hr", "jobs", "career", "careers", "marketing", "billing", "invoice", "invoices",
    "rechnung", "rechnungen", "buchhaltung", "facturation", "factura", "facturas", "accounts", "accounting",
    "accountspayable", "ap", "finance", "orders", "order", "bestellung", "purchasing", "procurement", "einkauf",
    "vertrieb", "ventes", "ventas", "vendite", "commercial", "service", "services", "kundenservice", "customerservice",
    "customercare", "enquiries", "inquiries", "enquiry", "inquiry", "webmaster", "postmaster", "hostmaster", "abuse",
    "noc", "root", "security", "privacy", "legal", "press", "presse", "pr", "media", "news", "newsletter", "noreply",
    "donotreply", "mailer", "reception", "empfang", "zentrale", "sekretariat", "secretariat", "general", "all",
    "everyone", "azure", "cloud", "cloudadmin", "azureadmin", "subscriptions", "licensing", "licenses", "software",
    "partner", "partners", "partnership", "business", "biuro", "firma", "company", "reservations", "booking",
    "training", "operations", "ops", "devops", "dev", "developer", "developers", "engineering", "tech", "technical",
    "technik", "web", "website", "shop", "store", "user", "users", "guest", "demo", "trial", "management",
];

static ROLE_SET: LazyLock<PlHashSet<&'static str>> = LazyLock::new(|| ROLES.iter().copied().collect());

/// Whether an address belongs to a function (`info@`, `sales.de@`) and not to a person.
pub fn is_role_mailbox(email: &str) -> bool {
    let local = email.rsplit_once('@').map_or(email, |(local, _)| local).trim();
    let local = local.split('+').next().unwrap_or(local);
    // user53476@ is the number of one person.
    let (digits, most) =
        (local.bytes().filter(u8::is_ascii_digit).count(), if local.starts_with("user") { 0 } else { 3 });
    if digits > most {
        return false;
    }
    let letters = |text: &str| {
        let short = Short::of(text.chars().filter(char::is_ascii_alphabetic));
        (ROLE_SET.contains(short.text()), short.len)
    };
    if letters(local).0 {
        return true;
    }
    // sales-emea@, info.de@: a role with a place or language.
    match local.split_once(['.', '-', '_']) {
        Some((head, tail)) => head.len() > 1 && letters(head).0 && letters(tail).1 <= 4,
        None => false,
    }
}

/// The first letters of a text in lower case, without a trip to the heap: these questions are asked of every value.
struct Short {
    bytes: [u8; 24],
    /// How many there are, also beyond what fits.
    len: usize,
}

impl Short {
    fn of(chars: impl Iterator<Item = char>) -> Self {
        let mut short = Short { bytes: [0; 24], len: 0 };
        for c in chars {
            if let Some(place) = short.bytes.get_mut(short.len) {
                *place = c.to_ascii_lowercase() as u8;
            }
            short.len += 1;
        }
        short
    }

    /// Empty for a text too long to be in any list.
    fn text(&self) -> &str {
        self.bytes.get(..self.len).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("")
    }
}

const PLACEHOLDERS: &[&str] = &[
    "na", "none", "null", "nil", "nan", "unknown", "undefined", "unbekannt", "inconnu", "desconocido", "test",
    "tester", "testing", "testtest", "testuser", "asdf", "asdfg", "asdfgh", "asdfasdf", "qwerty", "qwertz", "qwert",
    "azerty", "abc", "abcd", "abcde", "xyz", "foo", "bar", "foobar", "notprovided", "notavailable", "notapplicable",
    "nonegiven", "notgiven", "noname", "nolastname", "nofirstname", "keine", "kein", "keineangabe", "ka", "sample",
    "dummy", "fake", "anonymous", "anonym", "tbd", "todo", "firstname", "lastname", "firstnamelastname", "yourname",
    "blank", "empty", "nobody", "private", "privat", "self", "individual", "nocompany", "freelance", "freelancer",
    "selfemployed", "selbststandig", "student", "personal", "home", "noemail", "nomail", "nophone", "string", "value",
    "fname", "lname", "johndoetest",
];

static PLACEHOLDER_SET: LazyLock<PlHashSet<&'static str>> = LazyLock::new(|| PLACEHOLDERS.iter().copied().collect());

/// Whether a value only fills the field: blank, `n/a`, `test`, `[not provided]`, `xxx`, `1234567890`, `test@test.com`.
pub fn is_placeholder(text: &str) -> bool {
    let folded = fold(text.trim());
    if let Some((local, domain)) = folded.rsplit_once('@') {
        let name = domain.split('.').next().unwrap_or(domain);
        let letters = letters_and_digits(local);
        return matches!(
            domain,
            "example.com" | "example.org" | "example.net" | "test.com" | "test.de" | "domain.com" | "email.com"
        ) && (PLACEHOLDER_SET.contains(letters.as_str()) || letters == name || domain.starts_with("example"))
            || (PLACEHOLDER_SET.contains(name) && (PLACEHOLDER_SET.contains(letters.as_str()) || letters.len() <= 1))
            || (letters == name && (letters.len() <= 3 || one_character(&letters)))
            || matches!(letters.as_str(), "noemail" | "nomail" | "none" | "noreply" | "donotreply");
    }
    let plain = Short::of(folded.chars().filter(char::is_ascii_alphanumeric));
    let text = plain.text();
    if plain.len == 0 || PLACEHOLDER_SET.contains(text) {
        return true;
    }
    if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        return one_character(text) || "12345678901234567890".starts_with(text) || "01234567890".starts_with(text);
    }
    plain.len > 1 && one_character(if text.is_empty() { &folded } else { text })
}

fn letters_and_digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn one_character(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next();
    chars.all(|c| Some(c) == first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_one_however_it_is_written() {
        for (email, expected) in [
            ("ANN@contoso.com", Some("ann@contoso.com")),
            ("mailto:ann@contoso.com", Some("ann@contoso.com")),
            ("ann @ contoso.com.", Some("ann@contoso.com")),
            ("\"Lee, Ann\" <ann@contoso.com>", Some("ann@contoso.com")),
            ("ａｎｎ@contoso.com", Some("ann@contoso.com")),
            ("ann+azure@contoso.com", Some("ann+azure@contoso.com")),
            ("ann@contoso", None),
            ("ann@@contoso.com", Some("ann@contoso.com")),
            ("@contoso.com", None),
            ("contoso.com", None),
        ] {
            assert_eq!(normalised_email(email).as_deref(), expected, "{email}");
        }
    }

    #[test]
    fn the_company_is_the_registrable_domain_unless_anybody_can_have_it() {
        assert_eq!(email_domain("a@mail.contoso.co.uk").as_deref(), Some("contoso.co.uk"));
        assert_eq!(email_domain("a@contoso.com").as_deref(), Some("contoso.com"));
        assert!(is_free_mail("a@gmail.com") && is_free_mail("yahoo.co.jp") && is_free_mail("GMX.net"));
        assert!(!is_free_mail("contoso.com") && !is_free_mail("a@microsoft.com"));
    }

    #[test]
    fn roles_are_told_from_people() {
        for role in [
            "info@contoso.com", "Sales.DE@contoso.com", "it-support@contoso.com", "no-reply@contoso.com",
            "kontakt@x.de",
        ] {
            assert!(is_role_mailbox(role), "{role}");
        }
        for person in
            ["ann@contoso.com", "h.info@contoso.com", "infante@contoso.com", "it.tanaka@contoso.com", "marketa@x.cz"]
        {
            assert!(!is_role_mailbox(person), "{person}");
        }
    }

    #[test]
    fn an_accent_that_stands_apart_belongs_to_the_letter_before_it() {
        let email = normalised_email("a@b.t\u{a8}").unwrap();
        assert_eq!((email.as_str(), normalised_email(&email).as_deref()), ("a@b.\u{1e97}", Some("a@b.\u{1e97}")));
    }

    #[test]
    fn what_only_fills_the_field_says_nothing() {
        for filler in [
            "", " ", "-", "N/A", "n.a.", "Test", "[not provided]", "null", "xxx", "asdf", "1234567890", "000",
            "test@test.com", "a@a.com",
        ] {
            assert!(is_placeholder(filler), "{filler:?}");
        }
        for value in ["A", "Li", "Testa", "ann@contoso.com", "Null Company", "4255550123", "info@test.com", "王"] {
            assert!(!is_placeholder(value), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_address_is_what_cleaning_makes_of_it(text in "[aB1._+-]{0,4}@?[aB1.-]{0,6}@?[a.]{0,3}") {
            prop_assert_eq!(normalised_email(&text), cleaned_address(&text));
        }
    }

    proptest! {
        #[test]
        fn normal_forms_never_panic_and_are_their_own_normal_form(text in "\\PC{0,40}") {
            if let Some(email) = normalised_email(&text) {
                prop_assert_eq!(normalised_email(&email), Some(email.clone()));
                let mailbox = mailbox(&email);
                prop_assert_eq!(super::mailbox(&mailbox), mailbox.clone());
                let _ = (email_domain(&email), is_role_mailbox(&email), is_free_mail(&email));
            }
            if let Some(name) = name_key(&text) {
                prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b' '));
                let _ = sound_key(&name);
            }
            if let Some(company) = company_key(&text) {
                prop_assert!(company.is_ascii());
            }
            let _ = (country_code(&text), is_placeholder(&text));
        }
    }
}
