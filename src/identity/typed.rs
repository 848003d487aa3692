//! Typed texts → their comparable forms: each distinct text once, and many at a time on all cores. Numbers are not given
//! here: they follow the order of the rows.

use std::hash::Hash;

use polars::prelude::*;
use rayon::prelude::*;

use super::dates::Date;
use crate::contact;
use crate::error::Result;

/// What a name is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Script {
    /// Latin, Cyrillic, Greek, kana: transliterated letter by letter.
    Letters,
    /// Arabic, Hebrew, hangul: the consonants are told, vowels and conventions are not.
    Consonants,
    /// Han: the reading depends on the language.
    Characters,
}

impl Script {
    pub(super) fn of(text: &str) -> Self {
        let is = |from: fn(u32) -> bool| text.chars().any(|c| from(c as u32));
        if is(|c| matches!(c, 0x2E80..=0x2FFF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF)) {
            Script::Characters
        } else if is(|c| matches!(c, 0x0590..=0x06FF | 0xAC00..=0xD7AF)) {
            Script::Consonants
        } else {
            Script::Letters
        }
    }
}

/// The columns that are compared.
pub(super) struct Columns {
    pub firsts: StringChunked,
    pub lasts: StringChunked,
    pub emails: StringChunked,
    pub phones: StringChunked,
    pub companies: StringChunked,
    pub titles: StringChunked,
    pub countries: StringChunked,
}

impl Columns {
    pub(super) fn of(frame: &DataFrame) -> Result<Self> {
        let text = |name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.rechunk().into_owned()) };
        Ok(Columns {
            firsts: text("first_name")?,
            lasts: text("last_name")?,
            emails: text("email")?,
            phones: text("phone")?,
            companies: text("company")?,
            titles: text("title")?,
            countries: text("country")?,
        })
    }
}

/// A name's key, and how far it is to be trusted as a reading.
pub(super) fn name(raw: &str) -> Option<(String, Script)> {
    contact::name_key(raw).map(|key| (key, Script::of(&contact::unescaped(raw))))
}

/// First and last name, where one field holds both: its first word and its last.
pub(super) fn parted(key: &str) -> Option<(&str, &str)> {
    let (first, rest) = key.split_once(' ')?;
    Some((first, rest.rsplit(' ').next().unwrap_or(rest)))
}

/// What of a number tells who is called: its last eight digits, however the rest was dialled.
pub(super) fn tail(phone: &str) -> &str {
    let digits = phone.trim_start_matches('+');
    digits.get(digits.len().saturating_sub(8)..).unwrap_or(digits)
}

/// Whether a word in Latin letters is made of syllables by which characters are read in Chinese, Japanese, Korean or
/// Vietnamese: `mei ling`, `hiroshi`, `chia hao`; not `andrea`, `tobias`, `francisco`.
pub(super) fn may_be_a_reading(key: &str) -> bool {
    const ONSETS: &[&str] = &[
        "", "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "zh", "ch", "sh", "r", "z", "c", "s",
        "w", "ts", "tz", "ky", "gy", "ny", "hy", "my", "ry", "by", "py", "hs", "ng", "kw", "gw", "ss", "kk", "tt",
        "pp", "jj", "gg",
    ];
    const CODAS: &[&str] = &["", "n", "ng", "m", "k", "p", "t", "l", "h", "nh", "ch"];
    key.split(' ').filter(|word| word.len() > 1).all(|word| {
        let is_vowel = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
        let mut runs = word.split(is_vowel).filter(|run| !run.is_empty());
        let begins = word.starts_with(|c| !is_vowel(c));
        let ends = word.ends_with(|c| !is_vowel(c));
        let all: Vec<&str> = runs.by_ref().collect();
        all.iter().enumerate().all(|(n, run)| match (n == 0 && begins, n + 1 == all.len() && ends) {
            (true, false) => ONSETS.contains(run),
            (false, true) => CODAS.contains(run),
            (true, true) => false,
            (false, false) => (0..=run.len())
                .any(|at| run.is_char_boundary(at) && CODAS.contains(&&run[..at]) && ONSETS.contains(&&run[at..])),
        })
    })
}

/// An address, and what it tells.
pub(super) struct Address {
    pub text: String,
    pub mailbox: String,
    /// The registrable part of its domain.
    pub domain: String,
    pub free: bool,
    pub role: bool,
}

/// An address as it was typed.
pub(super) fn address(raw: &str) -> Option<Address> {
    let text = contact::normalised_email(raw).filter(|text| !contact::is_placeholder(text))?;
    let mailbox = contact::mailbox(&text);
    let domain = contact::registrable(mailbox.rsplit_once('@').map_or("", |(_, domain)| domain)).to_owned();
    let (free, role) = (contact::is_free_mail(&domain), contact::is_role_mailbox(&text));
    Some(Address { text, mailbox, domain, free, role })
}

/// A phone number as it was typed, dialled in a country: E.164, else its digits.
pub(super) fn phone((raw, country): (&str, Option<&'static str>)) -> Option<String> {
    if contact::is_placeholder(raw) {
        return None;
    }
    contact::e164(raw, country).or_else(|| contact::phone_digits(raw))
}

/// A job title as it was typed; a date in its place in one notation.
pub(super) fn title(raw: &str) -> Option<(String, Option<Date>)> {
    if contact::is_placeholder(raw) {
        return None;
    }
    let text = contact::fold(raw.trim());
    let date = Date::read(&text);
    Some((date.map_or_else(|| text.into_owned(), Date::text), date))
}

/// Forms of one kind that wait to be asked for once.
pub(super) struct Waiting<K, V> {
    forms: PlHashMap<K, Option<V>>,
    of: fn(K) -> Option<V>,
}

impl<K: Copy + Eq + Hash + Send + Sync, V: Send> Waiting<K, V> {
    /// The forms of these texts, but for those that are known.
    pub(super) fn of(texts: impl Iterator<Item = K>, is_known: impl Fn(&K) -> bool, of: fn(K) -> Option<V>) -> Self {
        let new: PlHashSet<K> = texts.filter(|text| !is_known(text)).collect();
        let new: Vec<K> = new.into_iter().collect();
        let forms: Vec<(K, Option<V>)> = new.into_par_iter().map(|text| (text, of(text))).collect();
        Waiting { forms: forms.into_iter().collect(), of }
    }

    /// The form of a text.
    pub(super) fn take(&mut self, text: K) -> Option<V> {
        self.forms.remove(&text).unwrap_or_else(|| (self.of)(text))
    }
}

/// A phone number as typed, and the country by whose rules it is read.
pub(super) type Dialled<'a> = (&'a str, Option<&'static str>);

/// The forms of the texts of some rows.
pub(super) struct Ready<'a> {
    pub emails: Waiting<&'a str, Address>,
    pub phones: Waiting<Dialled<'a>, String>,
    pub companies: Waiting<&'a str, String>,
    pub titles: Waiting<&'a str, (String, Option<Date>)>,
}

/// Typed texts and the numbers of their comparable forms.
#[derive(Default)]
pub(super) struct Seen<'a> {
    pub emails: PlHashMap<&'a str, u32>,
    pub phones: PlHashMap<Dialled<'a>, u32>,
    pub companies: PlHashMap<&'a str, u32>,
    pub titles: PlHashMap<&'a str, u32>,
    pub countries: PlHashMap<&'a str, u32>,
    codes: PlHashMap<&'a str, Option<&'static str>>,
}

impl<'a> Seen<'a> {
    /// The forms of what is new in these rows.
    pub(super) fn ready(&mut self, columns: &'a Columns, rows: &[u32]) -> Ready<'a> {
        let texts = |column: &'a StringChunked| rows.iter().filter_map(|row| column.get(*row as usize));
        let mut dialled = Vec::with_capacity(rows.len());
        for row in rows {
            let country = columns.countries.get(*row as usize).and_then(|text| self.country(text));
            dialled.extend(columns.phones.get(*row as usize).map(|phone| (phone, country)));
        }
        let known = &*self;
        let emails = || Waiting::of(texts(&columns.emails), |text| known.emails.contains_key(text), address);
        let phones = || Waiting::of(dialled.into_iter(), |text| known.phones.contains_key(text), phone);
        let is_known = |text: &&str| known.companies.contains_key(text);
        let companies = || Waiting::of(texts(&columns.companies), is_known, contact::company_key);
        let titles = || Waiting::of(texts(&columns.titles), |text| known.titles.contains_key(text), title);
        let ((companies, titles), (emails, phones)) =
            rayon::join(|| rayon::join(companies, titles), || rayon::join(emails, phones));
        Ready { emails, phones, companies, titles }
    }

    pub(super) fn country(&mut self, text: &'a str) -> Option<&'static str> {
        *self.codes.entry(text).or_insert_with(|| contact::country_code(text))
    }
}
