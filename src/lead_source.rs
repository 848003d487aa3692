//! The grammar `Source-Action|Offer`: from text to its parts, and nothing else.
//!
//! Microsoft's lead documentation gives the form ("Customer leads from your commercial marketplace offer", "Lead
//! management for the commercial marketplace"); connectors also write the source alone and keep action and offer in
//! fields of their own. So a bare source is a whole lead source, offers hold hyphens and bars, and a code nobody
//! documented is kept as found. Salesforce AppExchange writes look-alikes (`SFDC-dup-XX|Listing`, "AppExchange Lead
//! Source Codes"), which are not ours. Which field is read, and what wins where fields disagree, is the reader's affair.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use crate::codes::{action, storefront};

mod shown;

pub use shown::{is_shown, shown_by, tests as test_records};

/// Longest storefront or title that is kept, in characters: Marketo's limit for its lead source field.
const LONGEST: usize = 255;

/// Longest action that is kept, in characters: with any storefront's code it is no longer than a lead source.
const LONGEST_ACTION: usize = 200;

/// Longest text that is looked through for a lead source, in bytes: notes can be a megabyte.
const LONGEST_TEXT: usize = 32_768;

/// The parts of a lead source. Absent parts are `None`; nothing is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeadSource {
    /// A canonical code of [`storefront`], or the text as found.
    pub storefront: Option<String>,
    /// A canonical code of [`action`], or the text as found.
    pub action: Option<String>,
    /// What the offer part names.
    pub offer: Option<Offer>,
    /// Whether the commercial marketplace wrote it: a known storefront, a test token, a source that calls itself a
    /// marketplace, or an action that is known, or unknown with an offer's id; never another marketplace's look-alike.
    pub is_marketplace: bool,
    /// Whether it holds the token of a test lead.
    pub is_test: bool,
}

/// What an offer part names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// `publisher.offer` or a store id (`wa104381441`), in lower case: fixed for the offer's life.
    Id(String),
    /// Anything else, as found: a title, which the publisher may change, or an id without its publisher.
    Title(String),
}

impl Offer {
    /// The id, if it is one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Offer::Id(id) => Some(id),
            Offer::Title(_) => None,
        }
    }

    /// The text, whichever it is.
    pub fn as_str(&self) -> &str {
        match self {
            Offer::Id(text) | Offer::Title(text) => text,
        }
    }
}

/// Reads one field that holds a lead source and nothing else.
pub fn parse(text: &str) -> LeadSource {
    let text = decode_bars(trim(text));
    let is_test = is_test(&text);
    if is_product_id(&text) {
        return LeadSource { offer: parse_offer(&text), is_test, ..LeadSource::default() };
    }
    // The first bar: product ids of business applications hold more of them.
    let (left, offer) = match text.split_once('|') {
        Some((left, right)) => (left, Some(parse_offer(right))),
        None => (text.as_ref(), None),
    };
    // Cut before it is parted, so that what is kept says the same when it is read again.
    let left = shortened(left, LONGEST);
    let (source, act) = split_source(left, offer.is_some());
    let known_source = known_storefront(source);
    // Cut before it is known, so that what is kept is known when it is read again.
    let act = act.map(|act| shortened(act, LONGEST_ACTION));
    let known_action = act.and_then(known_action);
    let offer = offer.flatten();
    LeadSource {
        storefront: known_source.map(str::to_owned).or_else(|| token(source)),
        action: known_action.map(str::to_owned).or_else(|| act.and_then(token)),
        is_marketplace: known_source.is_some()
            || is_test
            || is_like_ours(source, act, known_action.is_some(), offer.as_ref()),
        is_test,
        offer,
    }
}

/// Finds a lead source inside longer text: the subject or the notes of a CRM record.
///
/// Only a source with its action counts: the name of a storefront alone is a word that people write.
pub fn find(text: &str) -> Option<LeadSource> {
    static EMBEDDED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?ix) (?:^|[^\w.|-]) (?<left>
                (?: [A-Za-z]*Marketplace | AzurePortal | TestDrive | AppSource\s*\(SPZA\) | AppSource | SPZA
                  | azure-marketplace | azure-portal | test-drive | MSFT_TEST_\d+ )
                \s? - \s? (?<action> MSFT_TEST_\d+ | [A-Za-z]+ ) )
            (?: [\ \t]* (?: [|¦｜│] | %7C | &(?:amp;)?\#(?:124|x7C); | &vert; ) [\ \t]* (?<offer> [^\r\n]* ) )?",
        )
        .expect("the pattern is ours")
    });
    let text = cut(text, LONGEST_TEXT);
    for found in EMBEDDED.captures_iter(text) {
        let offer = found.name("offer").map(|offer| first_offer(offer.as_str()));
        let act = found.name("action").map_or("", |a| a.as_str());
        // Without a bar, prose such as "TestDrive - thanks" is no lead source.
        if offer.is_none() && known_action(act).is_none() {
            continue;
        }
        let left = found.name("left").map_or("", |left| left.as_str());
        return Some(parse(&format!("{left}|{}", offer.unwrap_or_default())));
    }
    None
}

/// Reads an offer part, or a field such as `ProductId`.
pub fn parse_offer(text: &str) -> Option<Offer> {
    let text = decode_bars(trim(text));
    let text = trim(&text);
    if text.is_empty() {
        return None;
    }
    if let Some(id) = id_of_product(text) {
        return Some(Offer::Id(id));
    }
    if is_offer_id(text) || is_store_id(text) {
        return Some(Offer::Id(text.to_ascii_lowercase()));
    }
    bounded(text).map(Offer::Title)
}

/// The canonical code of a storefront's token, in any case, spacing and of any documented spelling.
pub fn known_storefront(token: &str) -> Option<&'static str> {
    Some(match plain(token).as_str() {
        "azuremarketplace" => storefront::AZURE_MARKETPLACE,
        "azureportal" => storefront::AZURE_PORTAL,
        "testdrive" => storefront::TEST_DRIVE,
        "spza" | "appsource" | "microsoftappsource" => storefront::APPSOURCE,
        // `AppSource (SPZA)`; with a hyphen the second is an action.
        "appsourcespza" if !token.contains('-') => storefront::APPSOURCE,
        _ => return None,
    })
}

/// The canonical code of an action's token, in any case.
pub fn known_action(token: &str) -> Option<&'static str> {
    Some(match plain(token).as_str() {
        "ins" => action::INS,
        "plt" => action::PLT,
        "dnc" => action::DNC,
        "create" => action::CREATE,
        "starttestdrive" => action::START_TEST_DRIVE,
        _ => return None,
    })
}

/// An action field on its own: canonical where known, else as found; blank is none.
pub fn parse_action(text: &str) -> Option<String> {
    let text = shortened(text, LONGEST_ACTION);
    known_action(text).map(str::to_owned).or_else(|| token(text))
}

/// Whether the token of Microsoft's test leads stands in the text: `MSFT_TEST_` and digits, any case.
pub fn is_test(text: &str) -> bool {
    is_test_bytes(text.as_bytes())
}

/// As [`is_test`], over bytes.
pub fn is_test_bytes(bytes: &[u8]) -> bool {
    const TOKEN: &[u8] = b"MSFT_TEST_";
    let mut from = 0;
    // Underscores are rarer in contact data than any letter of the token.
    while let Some(at) = bytes.get(from..).and_then(|rest| rest.iter().position(|b| *b == b'_')) {
        let at = from + at;
        from = at + 1;
        let Some(start) = at.checked_sub(4) else { continue };
        let end = start + TOKEN.len();
        let token = bytes.get(start..end).is_some_and(|found| found.eq_ignore_ascii_case(TOKEN));
        if token && bytes.get(end).is_some_and(u8::is_ascii_digit) {
            return true;
        }
    }
    false
}

impl fmt::Display for LeadSource {
    /// The canonical text; [`parse`] gives the same parts again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.storefront.as_deref().unwrap_or_default();
        f.write_str(source)?;
        if let Some(act) = &self.action {
            write!(f, "-{act}")?;
        }
        if let Some(offer) = &self.offer {
            write!(f, "|{}", offer.as_str())
        } else if self.action.as_deref().is_some_and(|a| known_action(a).is_none())
            && known_storefront(source).is_none()
        {
            f.write_str("|") // without it the hyphen would belong to the source
        } else {
            Ok(())
        }
    }
}

/// Cuts `Source-Action`. No source and no action holds a hyphen, but our own codes for the sources do.
fn split_source(left: &str, has_bar: bool) -> (&str, Option<&str>) {
    if known_storefront(left).is_some() {
        return (left, None);
    }
    let hyphens = || left.match_indices('-').map(|(at, _)| at);
    let known = hyphens().find(|at| known_storefront(&left[..*at]).is_some());
    // Without a bar a hyphen may belong to anything: "Trade show - Berlin".
    let first = || hyphens().next().filter(|at| has_bar || known_action(&left[at + 1..]).is_some() || is_test(left));
    match known.or_else(first) {
        Some(at) => (trim(&left[..at]), Some(trim(&left[at + 1..]))),
        None => (left, None),
    }
}

/// Storefronts are renamed and codes are added: what has our form and no other marketplace's name is ours.
fn is_like_ours(source: &str, act: Option<&str>, known_action: bool, offer: Option<&Offer>) -> bool {
    let source = plain(source);
    let named = source.ends_with("marketplace") || source.contains("appsource");
    let formed = act.is_some() && offer.is_some_and(|offer| known_action || offer.id().is_some());
    source != "sfdc" && (formed || (named && act.is_some()))
}

/// Letters and digits in lower case: how tokens are compared.
fn plain(token: &str) -> String {
    cut(token, LONGEST).chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Publisher and offer of `publisher.offer`: the first dot parts them; both have the characters of ids.
fn is_offer_id(text: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    text.len() <= LONGEST && text.split_once('.').is_some_and(|(publisher, offer)| part(publisher) && part(offer))
}

/// Ids of the Office store: WA and digits.
fn is_store_id(text: &str) -> bool {
    text.len() >= 8
        && text.len() <= 20
        && text.get(..2).is_some_and(|wa| wa.eq_ignore_ascii_case("wa"))
        && text.bytes().skip(2).all(|b| b.is_ascii_digit())
}

/// Whether the text is a product id of a business application: `PUBID.x|AID.y|PAPPID.z`, with or without `TYPE.…|`.
fn is_product_id(text: &str) -> bool {
    text.contains('|')
        && (member(text, "PUBID.").is_some_and(|_| starts_with(text, "PUBID.") || starts_with(text, "TYPE.")))
}

/// `publisher.offer` of such a product id, in lower case.
fn id_of_product(text: &str) -> Option<String> {
    let id = format!("{}.{}", member(text, "PUBID.")?, member(text, "AID.")?);
    is_offer_id(&id).then(|| id.to_ascii_lowercase())
}

fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split('|').map(trim).find(|part| starts_with(part, name)).and_then(|part| part.get(name.len()..))
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// An offer at the start of a line of prose: the first word if it is an id, else the line.
fn first_offer(line: &str) -> String {
    let word =
        line.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ',' | ';' | ')' | ']')).next();
    let word = word.unwrap_or_default().trim_end_matches(['.', ':', '!', '?']);
    match parse_offer(word) {
        Some(Offer::Id(id)) => id,
        _ => line.to_owned(),
    }
}

/// `%7C` is how storefront links write a bar, the others how pages do.
fn decode_bars(text: &str) -> String {
    // As addresses and pages write it, and its look-alikes: broken, of full width, of frames.
    const WRITTEN: [&str; 10] = ["%7C", "%7c", "&amp;#124;", "&#124;", "&#x7C;", "&#x7c;", "&vert;", "¦", "｜", "│"];
    let text = cut(text, LONGEST_TEXT);
    if !text.contains(['%', '&', '¦', '｜', '│']) {
        return text.to_owned();
    }
    WRITTEN.iter().fold(text.to_owned(), |text, written| text.replace(written, "|"))
}

/// Text as found, trimmed and bounded; blank is none.
fn bounded(text: &str) -> Option<String> {
    let text = shortened(text, LONGEST);
    (!text.is_empty()).then(|| text.to_owned())
}

/// A source or an action as found: nothing without a letter or a digit is one.
fn token(text: &str) -> Option<String> {
    bounded(text).filter(|text| text.contains(char::is_alphanumeric))
}

/// The first characters, so many at most.
fn shortened(text: &str, most: usize) -> &str {
    let text = trim(text);
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    trim(&text[..end])
}

/// White space and the byte order mark off both ends.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// At most so many bytes, never inside a character.
fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `storefront action offer`, an id in angle brackets, absent parts as `_`.
    fn shown(text: &str) -> String {
        let found = parse(text);
        let offer = match &found.offer {
            Some(Offer::Id(id)) => format!("<{id}>"),
            Some(Offer::Title(title)) => title.clone(),
            None => "_".into(),
        };
        format!("{} {} {offer}", found.storefront.as_deref().unwrap_or("_"), found.action.as_deref().unwrap_or("_"))
    }

    #[test]
    fn every_documented_form_is_cut_into_its_parts() {
        for (text, expected) in [
            (
                "AzureMarketplace-INS|checkpoint.check-point-r77-10sg-byol",
                "azure-marketplace INS <checkpoint.check-point-r77-10sg-byol>",
            ),
            (
                "SPZA-PLT | docusign.3701c77e-1cfa-4c56-91e6-3ed0b622145a",
                "appsource PLT <docusign.3701c77e-1cfa-4c56-91e6-3ed0b622145a>",
            ),
            ("AppSource (SPZA)-DNC|bitnami.openedxcypress", "appsource DNC <bitnami.openedxcypress>"),
            ("azureportal-create|Bitnami.OpenEdx", "azure-portal Create <bitnami.openedx>"),
            ("TestDrive-StartTestDrive|a.b", "test-drive StartTestDrive <a.b>"),
            ("AzureMarketplace", "azure-marketplace _ _"),
            (" appsource ", "appsource _ _"),
            ("SPZA-INS", "appsource INS _"),
            ("SPZA-FREETRIAL|a.b", "appsource FREETRIAL <a.b>"),
            ("NewStore-INS|a.b", "NewStore INS <a.b>"),
            ("SPZA-INS|PUBID.insight-works|AID.b0c8|PAPPID.b0c8", "appsource INS <insight-works.b0c8>"),
            ("SPZA-INS%7Cpubid.foodware365%7caid.eam%7Cpappid.1", "appsource INS <foodware365.eam>"),
            ("TYPE.connect|PUBID.arm|AID.armseinv-0001|PAPPID.1", "_ _ <arm.armseinv-0001>"),
            ("AzureMarketplace-INS|Data - Mesh | Pro", "azure-marketplace INS Data - Mesh | Pro"),
            ("AzureMarketplace-INS|WA104381441", "azure-marketplace INS <wa104381441>"),
            ("azure-marketplace-INS|a.b", "azure-marketplace INS <a.b>"),
            ("AzureMarketplace-INS&#124;a.b", "azure-marketplace INS <a.b>"),
            ("test-drive", "test-drive _ _"),
            ("Trade show - Berlin", "Trade show - Berlin _ _"),
            ("SPZA-SPZA|a.b", "appsource SPZA <a.b>"),
            ("AppSource (SPZA)-\0|a.b", "appsource _ <a.b>"),
            ("SPZA-é|a.b", "appsource é <a.b>"),
            ("|a.b", "_ _ <a.b>"),
            ("  ", "_ _ _"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
        let cut = parse(&format!("SPZA-PLT{}x", "\u{1e}".repeat(300)));
        assert_eq!(parse(&cut.to_string()).action, cut.action, "what is cut is known as what is left of it");
    }

    #[test]
    fn whatever_was_done_to_a_lead_source_it_is_parsed_in_no_time_and_says_the_same_again() {
        let texts = [
            "AzureMarketplace-INS|checkpoint.check-point-r77-10sg-byol", "AppSource (SPZA)-DNC|bitnami.openedxcypress",
            "SPZA-INS%7Cpubid.foodware365%7caid.eam%7Cpappid.1", "TYPE.connect|PUBID.arm|AID.armseinv-0001|PAPPID.1",
            "azureportal-create|Bitnami.OpenEdx", "MSFT_TEST_1-MSFT_TEST_1|<Offer Name>", "Trade show - Berlin",
            "AzureMarketplace-INS|Data - Mesh | Pro", "TestDrive-StartTestDrive|a.b",
            "Lead from SPZA-PLT|a.b, see below",
        ];
        let pieces =
            ["-", "|", ".", " ", "%7C", "&#124;", "(", ")", "<", ">", "SPZA", "INS", "–", "｜", "\u{a0}", "\0", "É"];
        crate::tabular::mutated::try_texts(&texts, &pieces, 3000, |text| {
            let found = parse(text);
            let again = parse(&found.to_string());
            assert_eq!((&again.action, &again.storefront), (&found.action, &found.storefront), "{text:?}");
            let _ = (find(text), parse_offer(text), parse_action(text), is_test(text), known_storefront(text));
        });
    }

    #[test]
    fn other_marketplaces_and_other_channels_are_not_ours() {
        for text in ["SFDC-IN|Listing", "SFDC-dup-DM|contoso.app", "Web", "Trade-Show", "Webinar|Spring", ""] {
            assert!(!parse(text).is_marketplace, "{text}");
        }
        for text in [
            "SPZA", "AzurePortal-XYZ|a.b", "Rebranded-PLT|a.b", "MicrosoftMarketplace-TRL|Mesh", "New-X|a.b",
            "MSFT_TEST_1-MSFT_TEST_1|<Offer Name>",
        ] {
            assert!(parse(text).is_marketplace, "{text}");
        }
    }

    #[test]
    fn only_the_token_with_digits_is_a_test() {
        for text in ["MSFT_TEST_636573304831318844-MSFT_TEST_636573304831318844|<Offer Name>", "x msft_test_1@test.com"]
        {
            assert!(is_test(text), "{text}");
        }
        for text in ["MSFT_TEST_", "MSFT_TEST_x", "jane@test.com", "MSFT-TEST-1", "_", "TEST_1"] {
            assert!(!is_test(text), "{text}");
        }
    }

    #[test]
    fn a_lead_source_is_found_inside_prose() {
        let show = |text: &str| find(text).map(|found| found.to_string());
        assert_eq!(
            show("New lead: AzureMarketplace-INS|contoso.mesh-pro, received today").as_deref(),
            Some("azure-marketplace-INS|contoso.mesh-pro")
        );
        assert_eq!(show("(SPZA-PLT | Data Mesh Pro\nsecond line").as_deref(), Some("appsource-PLT|Data Mesh Pro"));
        assert_eq!(show("via AzurePortal-Create.").as_deref(), Some("azure-portal-Create"));
        assert_eq!(show("we saw you on AppSource - great, TestDrive - thanks"), None);
        assert_eq!(show("SFDC-IN|contoso.mesh"), None);
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_its_canonical_text_parses_to_the_same_parts(text in "(?s)[A-Za-z|. %7C()_\u{e9}\u{feff}-]{0,60}|\\PC{0,80}") {
            let once = parse(&text);
            let again = parse(&once.to_string());
            prop_assert_eq!(&again.storefront, &once.storefront);
            prop_assert_eq!(&again.action, &once.action);
            prop_assert_eq!(&again.offer, &once.offer);
            let _ = find(&text);
        }

        #[test]
        fn composed_parts_come_back(source in "[A-Z][A-Za-z]{2,12}", act in "[A-Za-z]{2,14}", offer in "[a-z][a-z0-9]{1,10}\\.[a-z0-9][a-z0-9_-]{1,30}", gap in " {0,2}") {
            let found = parse(&format!("{source}-{act}{gap}|{gap}{offer}"));
            prop_assert_eq!(found.offer, Some(Offer::Id(offer)));
            prop_assert!(found.action.is_some_and(|a| a.eq_ignore_ascii_case(&act)));
        }
    }
}
