//! Contacts as numbers: every distinct value in comparable form once, and profiles that point to them.
//!
//! A profile is one combination of comparable values; leads that typed the same thing share it, so that the work grows
//! with what differs and not with how often somebody clicked. Numbers are given in the order of the rows, which makes
//! everything after it independent of hashing.

use polars::prelude::*;

use super::dates::Date;
use super::names::{self, Named, Names};
use super::numbers::{NONE, letters, number};
use super::typed::{self, Address, Columns, Ready, Seen};
use crate::contact;
use crate::error::Result;

/// Rows whose texts are worked on at once.
const AT_ONCE: usize = 1 << 15;

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
    pub names: Names,
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
    companies: PlHashMap<String, u32>,
    titles: PlHashMap<String, u32>,
    profiles: PlHashMap<Profile, u32>,
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
        let (mut seen_names, mut seen) = (names::Seen::default(), Seen::default());
        let mut profiles = Vec::with_capacity(keep.len());
        for rows in keep.chunks(AT_ONCE) {
            let mut names = std::mem::take(&mut self.names);
            let (named, reached) = rayon::join(
                || names.of_rows(&columns, rows, &mut seen_names),
                || self.reached_of_rows(&columns, rows, &mut seen),
            );
            self.names = names;
            for ((row, Named { first, last, generation }), reached) in rows.iter().zip(named).zip(reached) {
                let profile = Profile { first, last, generation, ..reached };
                let is_own = own.get(*row as usize) == Some(&true);
                profiles.push(if is_own { self.own_profile(profile) } else { self.profile(profile) });
            }
        }
        Ok(profiles)
    }

    /// What rows say but for their names.
    fn reached_of_rows<'a>(&mut self, columns: &'a Columns, rows: &[u32], seen: &mut Seen<'a>) -> Vec<Profile> {
        let mut ready = seen.ready(columns, rows);
        rows.iter().map(|row| self.reached_of_row(*row as usize, columns, seen, &mut ready)).collect()
    }

    /// What a row says but for its names, in numbers. What was typed before has its number already.
    fn reached_of_row<'a>(
        &mut self,
        at: usize,
        columns: &'a Columns,
        seen: &mut Seen<'a>,
        ready: &mut Ready<'a>,
    ) -> Profile {
        let typed_country = columns.countries.get(at);
        let code = typed_country.and_then(|text| seen.country(text));
        let country =
            typed_country.map_or(NONE, |text| *seen.countries.entry(text).or_insert_with(|| self.country(code)));
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
        Profile { email, phone, first: NONE, last: NONE, company, title, country, generation: 0, home: NONE }
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
