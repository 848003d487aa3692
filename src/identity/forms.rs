//! Contacts as numbers: every distinct value in comparable form once, and profiles that point to them.
//!
//! A profile is one combination of comparable values; leads that typed the same thing share it, so that the work grows
//! with what differs and not with how often somebody clicked. Numbers are given in the order of the rows, which makes
//! everything after it independent of hashing.

use polars::prelude::*;

use super::dates::Date;
use super::typed::{self, Address, Columns, Ready, Script, Seen};
use crate::contact;
use crate::error::Result;

/// Rows whose texts are worked on at once.
const AT_ONCE: usize = 1 << 15;

/// No value.
pub(super) const NONE: u32 = u32::MAX;

/// An e-mail address.
pub(super) struct Email {
    pub text: String,
    /// Number of the mailbox behind it.
    pub mailbox: u32,
    /// Number of the local part of the mailbox.
    pub local: u32,
    /// Number of the registrable domain.
    pub domain: u32,
    /// Anybody can have a mailbox there.
    pub free: bool,
    /// It belongs to a function, not to a person.
    pub role: bool,
    /// Letters that occur, for a cheap bound on the distance.
    pub letters: u32,
}

/// A phone number.
pub(super) struct Phone {
    /// E.164, or digits as typed.
    pub text: String,
    /// Number of its last eight digits.
    pub tail: u32,
    /// Number of the country it was dialled for; [`NONE`] where its form does not tell.
    pub country: u32,
}

/// A first or last name.
pub(super) struct Name {
    pub key: String,
    /// Number of how it sounds.
    pub sound: u32,
    /// Nicknames' groups of its first word.
    pub groups: &'static [u16],
    /// How far the key is to be trusted as a reading.
    pub script: Script,
    /// Whether it may be how somebody reads a name in Chinese characters.
    pub may_be_a_reading: bool,
    pub letters: u32,
    /// Whether there are several words in it.
    pub has_words: bool,
}

/// A company or a job title.
pub(super) struct Words {
    pub key: String,
    pub letters: u32,
}

/// One combination of values; [`NONE`] where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Profile {
    pub email: u32,
    pub phone: u32,
    pub first: u32,
    pub last: u32,
    pub company: u32,
    pub title: u32,
    pub country: u32,
    /// What the names say of father and son, see [`contact::generation`]; 0 where they say nothing.
    pub generation: u8,
    /// The country it is at home in, filled in by `homes`; not compared, see `frequency`.
    pub home: u32,
}

/// Values and profiles.
#[derive(Default)]
pub(super) struct Forms {
    pub emails: Vec<Email>,
    pub phones: Vec<Phone>,
    pub names: Vec<Name>,
    /// How names sound.
    pub sounds: Vec<String>,
    pub companies: Vec<Words>,
    pub titles: Vec<Words>,
    /// Of each title the date that stands in its place.
    pub dates: Vec<Option<Date>>,
    pub domains: Vec<String>,
    /// Of each domain what stands before its first point.
    pub labels: Vec<String>,
    /// How many local parts there are.
    pub locals: usize,
    pub countries: Vec<&'static str>,
    pub profiles: Vec<Profile>,
    /// How many of `profiles` are of leads; those of CRM records follow.
    pub of_leads: usize,
    numbers: Numbers,
}

/// Text to number, for each kind of value.
#[derive(Default)]
struct Numbers {
    emails: PlHashMap<String, u32>,
    mailboxes: PlHashMap<String, u32>,
    locals: PlHashMap<String, u32>,
    domains: PlHashMap<String, u32>,
    phones: PlHashMap<String, u32>,
    tails: PlHashMap<String, u32>,
    names: PlHashMap<String, u32>,
    sounds: PlHashMap<String, u32>,
    companies: PlHashMap<String, u32>,
    titles: PlHashMap<String, u32>,
    profiles: PlHashMap<Profile, u32>,
}

/// The number of a text, and whether it is a new one.
fn number(numbers: &mut PlHashMap<String, u32>, text: &str) -> (u32, bool) {
    if let Some(&known) = numbers.get(text) {
        return (known, false);
    }
    let next = numbers.len() as u32;
    numbers.insert(text.to_owned(), next);
    (next, true)
}

/// The bits of [`letters`] that digits have.
pub(super) const DIGITS: u32 = 0b11111 << 26;

/// One bit for each letter that occurs, digits two by two in five more.
pub(super) fn letters(text: &str) -> u32 {
    text.bytes().fold(0, |mask, b| match b {
        b'a'..=b'z' => mask | 1 << (b - b'a'),
        b'0'..=b'9' => mask | 1 << (26 + (b - b'0') / 2),
        _ => mask,
    })
}

impl Forms {
    /// The profile of each CRM record, all after those of leads; no lead shares one with a record.
    pub(super) fn add_records(&mut self, frame: &DataFrame, keep: &[u32]) -> Result<Vec<u32>> {
        self.numbers.profiles.clear();
        self.add(frame, keep, &[])
    }

    /// The profile of each lead that `keep` names, in its order; a row flagged in `own` shares its profile with nobody.
    pub(super) fn add_leads(&mut self, frame: &DataFrame, keep: &[u32], own: &[bool]) -> Result<Vec<u32>> {
        let profiles = self.add(frame, keep, own)?;
        self.of_leads = self.profiles.len();
        Ok(profiles)
    }

    fn add(&mut self, frame: &DataFrame, keep: &[u32], own: &[bool]) -> Result<Vec<u32>> {
        let columns = Columns::of(frame)?;
        let mut seen = Seen::default();
        let mut profiles = Vec::with_capacity(keep.len());
        for rows in keep.chunks(AT_ONCE) {
            let mut ready = seen.ready(&columns, rows);
            for &row in rows {
                let profile = self.of_row(row as usize, &columns, &mut seen, &mut ready);
                let is_own = own.get(row as usize) == Some(&true);
                profiles.push(if is_own { self.own_profile(profile) } else { self.profile(profile) });
            }
        }
        Ok(profiles)
    }

    /// What a row says, in numbers. What was typed before has its number already.
    fn of_row<'a>(&mut self, at: usize, columns: &'a Columns, seen: &mut Seen<'a>, ready: &mut Ready<'a>) -> Profile {
        let typed_country = columns.countries.get(at);
        let code = typed_country.and_then(|text| seen.country(text));
        let country =
            typed_country.map_or(NONE, |text| *seen.countries.entry(text).or_insert_with(|| self.country(code)));
        let (first, last) = (columns.firsts.get(at), columns.lasts.get(at));
        let mut name = |text: Option<&'a str>| {
            text.map_or(NONE, |text| {
                *seen.names.entry(text).or_insert_with(|| {
                    ready.names.take(text).map_or(NONE, |(key, script)| self.name_of_key(&key, script))
                })
            })
        };
        let (mut first_number, mut last_number) = (name(first), name(last));
        // A whole name in one field.
        if (first_number == NONE) != (last_number == NONE) {
            let whole = if first_number == NONE { last_number } else { first_number };
            let name = self.names.get(whole as usize);
            let (key, script) = name.map_or(("", Script::Letters), |n| (n.key.as_str(), n.script));
            if let Some((head, tail)) = typed::parted(key) {
                let (head, tail) = (head.to_owned(), tail.to_owned());
                (first_number, last_number) = (self.name_of_key(&head, script), self.name_of_key(&tail, script));
            }
        }
        let email = columns.emails.get(at).map_or(NONE, |text| {
            let new = || ready.emails.take(text).map_or(NONE, |address| self.email(address));
            *seen.emails.entry(text).or_insert_with(new)
        });
        let phone = columns.phones.get(at).map_or(NONE, |text| {
            let new = || ready.phones.take((text, code)).map_or(NONE, |phone| self.phone(phone));
            *seen.phones.entry((text, code)).or_insert_with(new)
        });
        let company = columns.companies.get(at).map_or(NONE, |text| {
            let new = || ready.companies.take(text).map_or(NONE, |key| self.company(key));
            *seen.companies.entry(text).or_insert_with(new)
        });
        let title = columns.titles.get(at).map_or(NONE, |text| {
            let new = || ready.titles.take(text).map_or(NONE, |(key, date)| self.title(key, date));
            *seen.titles.entry(text).or_insert_with(new)
        });
        let generation = [last, first].into_iter().flatten().find_map(|name| seen.generation(name)).unwrap_or(0);
        let (first, last) = (first_number, last_number);
        Profile { email, phone, first, last, company, title, country, generation, home: NONE }
    }

    /// The registrable domain of a profile's address where it names a company.
    pub(super) fn company_domain(&self, profile: &Profile) -> u32 {
        self.emails.get(profile.email as usize).filter(|e| !e.free).map_or(NONE, |e| e.domain)
    }

    fn profile(&mut self, profile: Profile) -> u32 {
        let next = self.profiles.len() as u32;
        let number = *self.numbers.profiles.entry(profile).or_insert(next);
        if number == next {
            self.profiles.push(profile);
        }
        number
    }

    fn own_profile(&mut self, profile: Profile) -> u32 {
        self.profiles.push(profile);
        self.profiles.len() as u32 - 1
    }

    /// The number of a country.
    pub(super) fn country(&mut self, code: Option<&'static str>) -> u32 {
        let Some(code) = code else { return NONE };
        if let Some(at) = self.countries.iter().position(|c| *c == code) {
            return at as u32;
        }
        self.countries.push(code);
        self.countries.len() as u32 - 1
    }

    fn name_of_key(&mut self, key: &str, script: Script) -> u32 {
        // One key in two scripts is two names: how sure the reading is differs.
        let (at, new) = match script {
            Script::Letters => number(&mut self.numbers.names, key),
            Script::Consonants => number(&mut self.numbers.names, &format!("{key}:")),
            Script::Characters => number(&mut self.numbers.names, &format!("{key}::")),
        };
        if new {
            let sounds = contact::sound_key(key);
            let (sound, new_sound) = number(&mut self.numbers.sounds, &sounds);
            if new_sound {
                self.sounds.push(sounds);
            }
            let may_be_a_reading = script == Script::Letters && typed::may_be_a_reading(key);
            let groups = contact::nickname_groups(key.split(' ').next().unwrap_or(key));
            self.names.push(Name {
                key: key.to_owned(),
                sound,
                groups,
                script,
                may_be_a_reading,
                letters: letters(key),
                has_words: key.contains(' '),
            });
        }
        at
    }

    fn email(&mut self, address: Address) -> u32 {
        let (at, new) = number(&mut self.numbers.emails, &address.text);
        if new {
            let Address { text, mailbox, domain, free, role } = address;
            let local = mailbox.rsplit_once('@').map_or(mailbox.as_str(), |(local, _)| local);
            let (mailbox_number, _) = number(&mut self.numbers.mailboxes, &mailbox);
            let (local, new_local) = number(&mut self.numbers.locals, local);
            self.locals += usize::from(new_local);
            let (domain_number, new_domain) = number(&mut self.numbers.domains, &domain);
            if new_domain {
                self.labels.push(domain.split('.').next().unwrap_or_default().to_owned());
                self.domains.push(domain);
            }
            let letters = letters(&text);
            self.emails.push(Email {
                letters,
                text,
                mailbox: mailbox_number,
                local,
                domain: domain_number,
                free,
                role,
            });
        }
        at
    }

    fn phone(&mut self, text: String) -> u32 {
        let (at, new) = number(&mut self.numbers.phones, &text);
        if new {
            let (tail, _) = number(&mut self.numbers.tails, typed::tail(&text));
            let country = self.country(contact::phone_country(&text));
            self.phones.push(Phone { text, tail, country });
        }
        at
    }

    fn company(&mut self, key: String) -> u32 {
        let (at, new) = number(&mut self.numbers.companies, &key);
        if new {
            self.companies.push(Words { letters: letters(&key), key });
        }
        at
    }

    fn title(&mut self, key: String, date: Option<Date>) -> u32 {
        let (at, new) = number(&mut self.numbers.titles, &key);
        if new {
            self.titles.push(Words { letters: letters(&key), key });
            self.dates.push(date);
        }
        at
    }
}
