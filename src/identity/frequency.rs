//! How frequent a value is: among all contacts, and among compatriots.
//!
//! Names and job titles go with a country: two strangers in Sweden are both called Kristina Larsson far more often than
//! two strangers anywhere. Judged by the frequency in the whole table, every namesake at home looks like one person.
//! So two contacts at home in the same country are weighed by the frequency of their names and title *there*, pulled
//! towards the frequency overall where a country has few contacts. People live abroad, and a first and a last name that
//! are both rare there come together all the same: so names are never held to be rarer than people from the country
//! where they are usual are among all contacts.

use polars::prelude::PlHashMap;
use rayon::prelude::*;

use super::forms::{Forms, Profile};
use super::numbers::NONE;

/// Kinds of value whose frequency is known.
pub(super) const FIRST: usize = 0;
pub(super) const LAST: usize = 1;
pub(super) const COMPANY: usize = 2;
pub(super) const DOMAIN: usize = 3;
pub(super) const LOCAL: usize = 4;
pub(super) const TITLE: usize = 5;
pub(super) const COUNTRY: usize = 6;

/// Prior share of a value nobody has seen yet, by kind.
const UNSEEN: [f64; 7] = [2e-3, 5e-4, 5e-4, 5e-4, 1e-4, 1e-2, 5e-2];
/// Worth of that prior, in profiles.
const PROFILES_OF_UNSEEN: f64 = 500.0;
/// Worth of the share overall for the share among compatriots, in profiles.
const PROFILES_OF_OVERALL: f64 = 300.0;
/// Contacts that have a name and are no strangers to who has it: its own. A title is no one's own.
const OWN: [f64; 7] = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
/// Kinds that are counted by country as well.
const AT_HOME: [usize; 3] = [FIRST, LAST, TITLE];
/// Countries that are tried for a contact which names none.
const TRIED: usize = 40;

/// Counts among the profiles of leads: CRM records must not move an identity.
#[derive(Default)]
pub(super) struct Frequencies {
    /// log2 of the smoothed share of each value, by kind; the last one is of a value that no lead has.
    overall: [Vec<f64>; 7],
    /// The same of companies and domains, where two contacts of other last names may be one person: one family fewer.
    of_renamed: [Vec<f64>; 2],
    /// How often a value occurs in a country; key: kind, country, value.
    at_home: PlHashMap<u64, u32>,
    /// Profiles with a value, by kind of [`AT_HOME`] and country.
    totals: [Vec<u32>; 3],
    /// Countries with the most profiles first, and how many they have.
    countries: Vec<(u32, u32)>,
    /// Of each profile, log2 share of first name, last name and title in its country, and the same among all.
    of_profile: Vec<[f32; 6]>,
    /// Profiles counted by country.
    counted: u32,
    /// Share of pairs that name the same company.
    pub colleagues: f64,
}

fn key(kind: usize, home: u32, value: u32) -> u64 {
    (kind as u64) << 48 | u64::from(home & 0xFFFF) << 32 | u64::from(value)
}

fn values(forms: &Forms, p: &Profile) -> [u32; 7] {
    let local = forms.emails.get(p.email as usize).map_or(NONE, |e| e.local);
    [p.first, p.last, p.company, forms.company_domain(p), local, p.title, p.country]
}

/// The share of a value; of one that no lead has, the last.
fn share_in(shares: &[f64], value: u32) -> f64 {
    shares.get(value as usize).or(shares.last()).copied().unwrap_or(0.0)
}

/// How many last names, by their sound, come with each value of a kind.
fn families(forms: &Forms, kind: usize, size: usize) -> Vec<u32> {
    let sound = |p: &Profile| forms.names.get(p.last as usize).map(|name| name.sound);
    let leads = forms.profiles.iter().take(forms.of_leads);
    let mut seen: Vec<(u32, u32)> = leads.filter_map(|p| Some((values(forms, p)[kind], sound(p)?))).collect();
    seen.par_sort_unstable();
    seen.dedup();
    let mut families = vec![0; size];
    for (value, _) in seen {
        if let Some(count) = families.get_mut(value as usize) {
            *count += 1;
        }
    }
    families
}

impl Frequencies {
    /// Counts the values of the first `of_leads` profiles, without their countries.
    pub(super) fn overall(forms: &Forms) -> Self {
        let sizes = [
            forms.names.len(),
            forms.names.len(),
            forms.companies.len(),
            forms.domains.len(),
            forms.locals,
            forms.titles.len(),
            forms.countries.len(),
        ];
        let mut counts = sizes.map(|n| vec![0u32; n]);
        let mut totals = [0u32; 7];
        for profile in forms.profiles.iter().take(forms.of_leads) {
            for ((count, value), total) in counts.iter_mut().zip(values(forms, profile)).zip(&mut totals) {
                if let Some(count) = count.get_mut(value as usize) {
                    *count += 1;
                    *total += 1;
                }
            }
        }
        let families = [COMPANY, DOMAIN].map(|kind| (kind, families(forms, kind, counts[kind].len())));
        let shares_of = |k: usize, fewer: u32| -> Vec<f64> {
            let prior = PROFILES_OF_UNSEEN * UNSEEN[k];
            let share = |n: f64| (n + prior) / (f64::from(totals[k]) + PROFILES_OF_UNSEEN);
            // Of a company's contacts only other families' are strangers to one of them.
            let strangers = |value: usize, n: u32| match families.iter().find(|(kind, _)| *kind == k) {
                Some((_, families)) => {
                    f64::from(n) * (1.0 - 1.0 / f64::from(families[value].saturating_sub(fewer).max(1)))
                }
                None => f64::from(n.max(1)) - OWN[k],
            };
            let shares = counts[k].iter().enumerate().map(|(value, n)| share(strangers(value, *n)).log2());
            shares.chain([share(1.0).log2()]).collect()
        };
        let overall = std::array::from_fn(|k| shares_of(k, 0));
        let of_renamed = [COMPANY, DOMAIN].map(|k| shares_of(k, 1));
        let pairs = |n: u32| f64::from(n) * f64::from(n.saturating_sub(1)) / 2.0;
        let colleagues = counts[COMPANY].iter().map(|n| pairs(*n)).sum::<f64>() / pairs(totals[COMPANY]).max(1.0);
        Frequencies { overall, of_renamed, colleagues, ..Frequencies::default() }
    }

    /// Counts by the countries that profiles say they are at home in.
    pub(super) fn count_at_home(&mut self, forms: &Forms) {
        let mut countries = vec![0u32; forms.countries.len()];
        self.totals = AT_HOME.map(|_| vec![0u32; forms.countries.len()]);
        for profile in forms.profiles.iter().take(forms.of_leads) {
            let Some(country) = countries.get_mut(profile.home as usize) else { continue };
            *country += 1;
            let all = values(forms, profile);
            for (kind, totals) in AT_HOME.iter().zip(&mut self.totals) {
                let value = all[*kind];
                if value != NONE
                    && let Some(total) = totals.get_mut(profile.home as usize)
                {
                    *total += 1;
                    *self.at_home.entry(key(*kind, profile.home, value)).or_default() += 1;
                }
            }
        }
        self.countries = (0..).zip(countries).filter(|(_, n)| *n > 0).collect();
        self.countries.sort_by_key(|(country, n)| (std::cmp::Reverse(*n), *country));
        self.counted = self.countries.iter().map(|(_, n)| n).sum();
    }

    /// The country in which these names are likeliest; [`NONE`] where neither is known anywhere.
    pub(super) fn home_of_names(&self, first: u32, last: u32) -> u32 {
        self.origin(first, last).map_or(NONE, |(country, _)| country)
    }

    /// The country that most contacts of these names come from, and log2 of its share of contacts.
    fn origin(&self, first: u32, last: u32) -> Option<(u32, f64)> {
        let mut best: Option<(f64, u32, f64)> = None;
        for (country, contacts) in self.countries.iter().take(TRIED) {
            let seen = |kind: usize, value: u32| self.at_home.get(&key(kind, *country, value)).copied().unwrap_or(0);
            if seen(FIRST, first) + seen(LAST, last) == 0 {
                continue;
            }
            let of = |kind, value: u32| if value == NONE { 0.0 } else { self.among_compatriots(kind, value, *country) };
            let people = (f64::from(*contacts) / f64::from(self.counted.max(1))).log2();
            let score = of(FIRST, first) + of(LAST, last) + people;
            if best.is_none_or(|(known, ..)| score > known) {
                best = Some((score, *country, people));
            }
        }
        best.map(|(_, country, people)| (country, people))
    }

    /// Keeps the shares of every profile at hand: pairs are many and ask again and again.
    pub(super) fn keep_of_profiles(&mut self, forms: &Forms) {
        let mut names: Vec<(u32, u32)> = forms.profiles.iter().map(|p| (p.first, p.last)).collect();
        names.par_sort_unstable();
        names.dedup();
        // log2 share of people who come from where the two names are usual and are called so.
        let abroad: Vec<(f64, f64, u32)> = names
            .par_iter()
            .map(|(first, last)| match self.origin(*first, *last) {
                Some((country, people)) => {
                    let first = self.among_compatriots(FIRST, *first, country) + people;
                    (first, self.among_compatriots(LAST, *last, country), country)
                }
                None => (f64::NEG_INFINITY, 0.0, NONE),
            })
            .collect();
        let shares = |p: &Profile| {
            let at = names.binary_search(&(p.first, p.last)).ok();
            let abroad = at.and_then(|at| abroad.get(at)).copied();
            let (first, last, origin) = abroad.unwrap_or((f64::NEG_INFINITY, 0.0, NONE));
            let abroad = (first, last);
            let usual = |names: (f64, f64)| if abroad.0 + abroad.1 > names.0 + names.1 { abroad } else { names };
            let home = usual([FIRST, LAST].map(|k| self.among_compatriots(k, values(forms, p)[k], p.home)).into());
            let all = usual((self.among_all(FIRST, p.first), self.among_all(LAST, p.last)));
            // Whoever writes a title in the language of another country is likely from there.
            let title =
                |at| self.among_compatriots(TITLE, p.title, at).max(self.among_compatriots(TITLE, p.title, origin));
            [home.0, home.1, title(p.home), all.0, all.1, title(NONE)].map(|share| share as f32)
        };
        self.of_profile = forms.profiles.par_iter().map(shares).collect();
    }

    /// log2 share of a value among all.
    pub(super) fn among_all(&self, kind: usize, value: u32) -> f64 {
        share_in(&self.overall[kind], value)
    }

    /// log2 share of a company's contacts, or of a domain's, who are strangers to one of them. `renamed`: the other has
    /// another last name and may be the same person all the same.
    pub(super) fn of_colleagues(&self, kind: usize, value: u32, renamed: bool) -> f64 {
        match [COMPANY, DOMAIN].iter().position(|k| *k == kind) {
            Some(place) if renamed => share_in(&self.of_renamed[place], value),
            _ => self.among_all(kind, value),
        }
    }

    /// log2 share of a first name, last name or title in a country.
    pub(super) fn among_compatriots(&self, kind: usize, value: u32, home: u32) -> f64 {
        let overall = self.among_all(kind, value);
        let Some(place) = AT_HOME.iter().position(|k| *k == kind) else { return overall };
        let Some(&total) = self.totals[place].get(home as usize) else { return overall };
        let seen = self.at_home.get(&key(kind, home, value)).copied().unwrap_or(0);
        let worth = PROFILES_OF_OVERALL;
        (((f64::from(seen) - OWN[kind]).max(0.0) + worth * overall.exp2()) / (f64::from(total) + worth)).log2()
    }

    /// The same of a profile's own first name, last name or title: among its compatriots, or among all.
    pub(super) fn of_profile(&self, kind: usize, profile: u32, compatriots: bool) -> Option<f64> {
        let place = match (kind, compatriots) {
            (FIRST, true) => 0,
            (LAST, true) => 1,
            (TITLE, true) => 2,
            (FIRST, false) => 3,
            (LAST, false) => 4,
            (TITLE, false) => 5,
            _ => return None,
        };
        self.of_profile.get(profile as usize).map(|shares| f64::from(shares[place]))
    }
}
