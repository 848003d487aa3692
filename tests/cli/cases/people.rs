//! Invented people and the placeholders that stand for what they typed: `{email}`, `{received:%d.%m.%Y}`, `{last#3}`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use regex::{Captures, Regex};
use sha2::{Digest, Sha256};

use super::format;

const FIRST: [&str; 30] = [
    "Astrid", "Benoit", "Cosima", "Dario", "Elin", "Ferran", "Gesine", "Haldor", "Imke", "Joaquim", "Katya", "Levent",
    "Maren", "Niilo", "Odile", "Pavel", "Quentin", "Romy", "Stellan", "Teodora", "Ursula", "Vasco", "Wilma", "Xenia",
    "Yannick", "Zora", "Anselm", "Birte", "Corrado", "Delia",
];
const LAST: [&str; 25] = [
    "Aaltonen", "Bergstrand", "Castellan", "Drummond", "Ekwall", "Fiorentino", "Gudmund", "Hartog", "Ilkhan",
    "Jacquemin", "Kowalczyk", "Lagerfeldt", "Montclair", "Nyholm", "Ostrowski", "Pellegrin", "Quarles", "Rosendahl",
    "Skarsgard", "Tollefsen", "Umarov", "Vanhanen", "Westergaard", "Ylonen", "Zubkov",
];
const COMPANIES: [&str; 10] = [
    "Kestrel Foundry", "Polder Systems", "Maquis Textil", "Tundra Optics", "Baltic Grain", "Sirocco Energy",
    "Lapis Media", "Granit Transport", "Ondine Water", "Cobalt Clinic",
];
const TIME: &str = "%Y-%m-%dT%H:%M:%SZ";

static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"\{([a-z_]+)(?:#(\d+))?([+-]\d[0-9a-z ]*)?(?:@([A-Za-z_/]+))?(?::([^{}]*))?\}";
    Regex::new(text).expect("the pattern is valid")
});

/// What placeholders are made of: the people, and where the stubbed server listens.
pub struct World {
    pub people: format::People,
    pub server: String,
}

impl World {
    /// Fills the placeholders that name a person (`{email#3}`) or need none.
    pub fn fill(&self, text: &str) -> String {
        self.filled(text, None, &BTreeMap::new())
    }

    /// Fills all placeholders, those without a number for person `n`; `set` overrules what they stand for.
    pub fn fill_for(&self, text: &str, n: usize, set: &BTreeMap<String, String>) -> String {
        self.filled(text, Some(n), set)
    }

    fn filled(&self, text: &str, person: Option<usize>, set: &BTreeMap<String, String>) -> String {
        let replaced = PLACEHOLDER.replace_all(text, |found: &Captures| {
            let n = found.get(2).map(|n| n.as_str().parse().expect("digits")).or(person);
            self.value(found, n, set).unwrap_or_else(|| found[0].to_owned())
        });
        replaced.into_owned()
    }

    fn value(&self, found: &Captures, n: Option<usize>, set: &BTreeMap<String, String>) -> Option<String> {
        let argument = found.get(5).map(|a| a.as_str());
        if &found[1] == "server" {
            return Some(self.server.clone());
        }
        let n = n?;
        if let Some(text) = set.get(&found[1]) {
            let mut others = set.clone();
            others.remove(&found[1]);
            return Some(self.filled(text, Some(n), &others));
        }
        match &found[1] {
            "received" => Some(time(self.received(n), found)),
            "created" => Some(time(self.received(n) + TimeDelta::seconds(self.people.delay + n as i64 % 50), found)),
            "source" => Some(self.filled("{storefront}-{action}|{offer}", Some(n), set)),
            "info" => Some(self.info(n, set)),
            "info_string" => Some(serde_json::to_string(&self.info(n, set)).expect("a text is JSON")),
            name => plain(name, argument, n),
        }
    }

    /// The contact fields as the marketplace writes them into CustomerInfo.
    fn info(&self, n: usize, set: &BTreeMap<String, String>) -> String {
        let fields = [
            ("FirstName", "{first}"),
            ("LastName", "{last}"),
            ("Email", "{email}"),
            ("Phone", "{phone}"),
            ("Country", "{country}"),
            ("Company", "{company}"),
            ("Title", "{title}"),
        ];
        let fields = fields.map(|(name, text)| (name.to_owned(), self.filled(text, Some(n), set).into()));
        serde_json::Value::Object(fields.into_iter().collect()).to_string()
    }

    fn received(&self, n: usize) -> DateTime<Utc> {
        let step = self.people.days * 86_400.0 / self.people.count.max(1) as f64;
        instant(&self.people.from) + TimeDelta::seconds((step * n as f64) as i64)
    }
}

/// A time of a `case.toml`, UTC where it names no offset.
pub fn instant(time: &toml::value::Datetime) -> DateTime<Utc> {
    let text = time.to_string();
    let whole = match (time.time.is_some(), time.offset.is_some()) {
        (false, _) => format!("{text}T00:00:00Z"),
        (true, false) => format!("{text}Z"),
        (true, true) => text,
    };
    whole.parse().unwrap_or_else(|e| panic!("{time}: {e}"))
}

/// A time with the offset, the zone and the form that its placeholder asks for.
fn time(at: DateTime<Utc>, found: &Captures) -> String {
    let shift = found.get(3).map_or(TimeDelta::zero(), |shift| {
        let (sign, span) = shift.as_str().split_at(1);
        let span = humantime::parse_duration(span).unwrap_or_else(|e| panic!("{}: {e}", &found[0]));
        let span = TimeDelta::from_std(span).expect("a span of some days");
        if sign == "-" { -span } else { span }
    });
    let form = found.get(5).map_or(TIME, |f| f.as_str());
    let zone = found.get(4).map_or("UTC", |z| z.as_str());
    let zone: chrono_tz::Tz = zone.parse().unwrap_or_else(|e| panic!("{}: {e}", &found[0]));
    (at + shift).with_timezone(&zone).format(form).to_string()
}

/// What a placeholder stands for that needs nothing but the person's number; none if there is no such placeholder.
fn plain(name: &str, argument: Option<&str>, n: usize) -> Option<String> {
    let company = COMPANIES[n % COMPANIES.len()];
    let domain = || company.to_lowercase().replace(' ', "-") + ".example";
    Some(match name {
        "first" => names(n).0,
        "last" => names(n).1,
        "email" => format!("{}.{}@{}", names(n).0, names(n).1, domain()).to_lowercase(),
        "domain" => domain(),
        "phone" => format!("+4940{}", 77_000_000 + n * 137),
        "company" => company.to_owned(),
        "title" => "Engineer".to_owned(),
        "country" => "DE".to_owned(),
        "offer" => "contoso.data-mesh-pro".to_owned(),
        "offer_title" => "Data Mesh Pro".to_owned(),
        "storefront" => "AzureMarketplace".to_owned(),
        "action" => "INS".to_owned(),
        "status" => "Open - Not Contacted".to_owned(),
        "n" => format!("{n:0>width$}", width = argument.map_or(1, |a| a.parse().expect("{n:WIDTH}"))),
        "id" => salesforce_id(argument.unwrap_or("00Q"), n),
        "guid" => guid(n),
        "number" => (410_000_000_000 + n * 7919).to_string(),
        "pick" => {
            let of: Vec<&str> = argument.unwrap_or_default().split('|').collect();
            of[n % of.len()].to_owned()
        }
        _ => return None,
    })
}

/// Names that no other number has, and that differ from those of its neighbours.
fn names(n: usize) -> (String, String) {
    let mixed = n % 750 * 389 % 750;
    let last = LAST[mixed / FIRST.len()].to_owned() + ["", "sen", "ova", "ides"][n / 750];
    (FIRST[mixed % FIRST.len()].to_owned(), last)
}

/// An id of 18 characters, whose last three tell the case of the others.
fn salesforce_id(object: &str, n: usize) -> String {
    let digits: Vec<u8> = (b'0'..=b'9').chain(b'A'..=b'Z').chain(b'a'..=b'z').collect();
    let (mut rest, mut id) = (1_000_000_000 + n * 7919, Vec::new());
    for _ in 0..12 {
        id.insert(0, digits[rest % digits.len()]);
        rest /= digits.len();
    }
    let id: Vec<u8> = object.bytes().chain(id).collect();
    let sums =
        id.chunks(5).map(|part| part.iter().rev().fold(0, |sum, c| sum * 2 + usize::from(c.is_ascii_uppercase())));
    let check: String = sums.map(|sum| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[sum])).collect();
    String::from_utf8(id).expect("ASCII") + &check
}

fn guid(n: usize) -> String {
    let hex = hex::encode(Sha256::digest(n.to_string()));
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}
