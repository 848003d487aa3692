//! Records that account for no lead, against leads that have no record: whose are they by what was typed?
//!
//! Identity weighs a contact against everybody, and junk, a corrected address or a contact of few fields tell it too
//! little. Here the question is narrower: a forwarder copies what was typed, the lead source says which action and
//! offer, and sales correct one thing at a time. So a free record is of the waiting lead that agrees with it in all
//! but one field; where hardly anything was typed, it must agree in all of it and follow within grace. What is found
//! changes the record's person; `pairing` and `people` then decide as for any other record.
//!
//! A colleague, a relative or the lead's own earlier visit differ from the lead by more than one field, or fit another
//! lead better: then the record stays where it is, so that nobody's record hides somebody else's loss.

use std::cmp::Reverse;

use polars::prelude::{PlHashMap, PlHashSet};

use super::events::{Book, Code, DAY, Event, NOBODY, Named, TEN_MINUTES, fold_spaces, number};
use super::ledger::Ledger;
use super::pairing::{self, Evidence};
use super::records::Record;
use crate::codes::link;
use crate::contact;

/// Contact columns of leads and records that are compared, in this order.
pub(super) const FIELDS: [&str; 7] = ["first_name", "last_name", "email", "phone", "company", "title", "country"];
const EMAIL: usize = 2;
const PHONE: usize = 3;
const COMPANY: usize = 4;
const COUNTRY: usize = 6;

/// Fields that must agree where a record may follow its lead by any time. The country tells nobody apart.
const ENOUGH: usize = 2;

/// How long after an outage its leads may be typed in by hand.
const BY_HAND: i64 = 7 * DAY;

/// Length at which CRMs begin to cut texts.
const MAY_BE_CUT: usize = 40;

/// A contact in comparable form.
pub(super) struct Contact {
    pub(super) fields: [Option<String>; 7],
    /// Whether the value only fills the field.
    pub(super) filler: [bool; 7],
}

impl Contact {
    pub(super) fn of(typed: [Option<&str>; 7]) -> Self {
        let filler = std::array::from_fn(|field| typed[field].is_some_and(contact::is_placeholder));
        let fields = std::array::from_fn(|field| {
            let text = typed[field].map(str::trim).filter(|text| !text.is_empty())?;
            let normal = match field {
                EMAIL => contact::normalised_email(text),
                PHONE => contact::phone_digits(text).map(last_eight),
                COMPANY => contact::company_key(text),
                COUNTRY => contact::country_code(text).map(str::to_owned),
                _ => None,
            };
            Some(normal.unwrap_or_else(|| fold_spaces(text))).filter(|text| text.chars().any(char::is_alphanumeric))
        });
        Contact { fields, filler }
    }

    /// What blocks it: values of which at least one is equal where two fields agree.
    fn keys(&self) -> impl Iterator<Item = (usize, &str)> {
        self.fields.iter().enumerate().filter(|(field, _)| *field != COUNTRY).filter_map(|(field, text)| {
            let text = text.as_deref().filter(|_| !self.filler.get(field).copied().unwrap_or_default())?;
            Some((field, text))
        })
    }
}

fn last_eight(digits: String) -> String {
    let from = digits.len().saturating_sub(8);
    digits.get(from..).map_or(digits.clone(), str::to_owned)
}

/// How a record fits a lead; the smaller, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    differ: usize,
    agree: Reverse<usize>,
    /// Equal values that only fill the field.
    fillers: Reverse<usize>,
}

/// Compares what was typed with what a record shows; `shown` says which columns the export has at all.
fn fit(lead: &Contact, record: &Contact, shown: &[bool; 7]) -> Fit {
    let (mut differ, mut agree, mut fillers) = (0, 0, 0);
    for (field, &is_shown) in shown.iter().enumerate() {
        let is_filler = lead.filler[field];
        match (&lead.fields[field], &record.fields[field]) {
            (Some(a), Some(b)) if is_same(a, b) => match (is_filler, field) {
                (true, _) => fillers += 1,
                (false, COUNTRY) => {}
                (false, _) => agree += 1,
            },
            // Sales may have typed over a filler; the same name before the @ may be a move to another domain.
            (Some(_), Some(_)) if is_filler => {}
            (Some(a), Some(b)) if field == EMAIL && local(a) == local(b) => {}
            (Some(_), Some(_)) => differ += 1,
            // What was typed and is not in the record was not copied from there.
            (Some(_), None) if is_shown && !is_filler => differ += 1,
            _ => {}
        }
    }
    Fit { differ, agree: Reverse(agree), fillers: Reverse(fillers) }
}

/// Whether the record shows nothing that was not typed, the country apart, which CRMs fill in themselves.
fn shows_no_more(record: &Contact, lead: &Contact) -> bool {
    let fields = record.fields.iter().zip(&lead.fields).enumerate();
    fields.filter(|(field, _)| *field != COUNTRY).all(|(_, (shown, typed))| shown.is_none() || typed.is_some())
}

/// Whether a record shows what was typed, be it cut off.
pub(super) fn is_same(typed: &str, shown: &str) -> bool {
    typed == shown || (shown.len() >= MAY_BE_CUT && typed.starts_with(shown))
}

fn local(address: &str) -> &str {
    address.split('@').next().unwrap_or(address)
}

/// The record is of this person after all, recognised by this.
pub(super) struct Claim {
    pub record: u32,
    pub person: u32,
    pub matched_by: Option<&'static str>,
}

/// The leads that wait for a record, by what was typed and by time.
struct Waiting {
    contacts: PlHashMap<u32, Contact>,
    /// Numbers of the values that they have, each field's apart.
    values: PlHashMap<(usize, String), u32>,
    /// Every two values that an event has, the lesser number first, with the event; in order. Half of all leads may have
    /// the same job title, but few of them the same name as well.
    by_values: Vec<((u32, u32), u32)>,
    /// Events of each action and offer, by time.
    by_time: PlHashMap<(Code, Named), Vec<(i64, u32)>>,
    /// Events of which hardly anything but fillers was typed, by time.
    by_little: Vec<(i64, u32)>,
}

impl Waiting {
    fn of(ledger: &Ledger<'_, '_>) -> Self {
        let mut waiting = Waiting {
            contacts: PlHashMap::default(),
            values: PlHashMap::default(),
            by_values: Vec::new(),
            by_time: PlHashMap::default(),
            by_little: Vec::new(),
        };
        for number in ledger.events {
            let Some(event) = ledger.event(*number).filter(|event| event.person != NOBODY) else { continue };
            if event.leads.iter().any(|lead| ledger.answers.contains_key(lead)) {
                continue;
            }
            let contact = typed(ledger.book, event);
            if contact.keys().count() < ENOUGH {
                waiting.by_little.push((ledger.received(event), *number));
            }
            let mut values = Vec::new();
            for (field, value) in contact.keys() {
                let next = super::events::number(waiting.values.len());
                values.push(*waiting.values.entry((field, value.to_owned())).or_insert(next));
            }
            waiting.by_values.extend(pairs_of(values).into_iter().map(|pair| (pair, *number)));
            waiting.by_time.entry((event.action, event.offer)).or_default().push((ledger.received(event), *number));
            waiting.contacts.insert(*number, contact);
        }
        for events in waiting.by_time.values_mut() {
            events.sort_unstable();
        }
        waiting.by_little.sort_unstable();
        waiting.by_values.sort_unstable();
        waiting
    }
}

/// Every two of these numbers, the lesser first.
fn pairs_of(mut values: Vec<u32>) -> Vec<(u32, u32)> {
    values.sort_unstable();
    let with_lesser = |(place, greater): (usize, &u32)| {
        let (greater, lesser) = (*greater, values.iter().take(place));
        lesser.map(move |lesser| (*lesser, greater))
    };
    values.iter().enumerate().flat_map(with_lesser).collect()
}

fn typed(book: &Book<'_>, event: &Event) -> Contact {
    Contact::of(as_typed(book, event))
}

/// What an event's first lead typed.
pub(super) fn as_typed<'a>(book: &Book<'a>, event: &Event) -> [Option<&'a str>; 7] {
    let row = event.leads.first().map_or(usize::MAX, |row| *row as usize);
    std::array::from_fn(|field| book.contacts.get(field)?.get(row).copied().flatten())
}

/// Finds the records that are of a waiting lead's person.
pub(super) fn claims(ledger: &Ledger<'_, '_>) -> Vec<Claim> {
    let waiting = Waiting::of(ledger);
    if waiting.contacts.is_empty() {
        return Vec::new();
    }
    let used: PlHashSet<u32> = ledger.answers.values().map(|answer| answer.record).collect();
    let events_of = ledger.events_by_person();
    let shown = ledger.records.shown;
    let mut pairs: Vec<Pair> = Vec::new();
    for (row, record) in ledger.records.all.iter().enumerate() {
        let row = number(row);
        // A key says whose the record is, and a lead we do not hold is nobody's here.
        if !record.delivers.can() || record.is_test || record.key.is_some() || used.contains(&row) {
            continue;
        }
        let contact = Contact::of(ledger.contact(row));
        let own = events_of.get(record.person);
        let own_fit = own.iter().filter_map(|number| {
            let event = ledger.event(*number)?;
            pairing::delay(ledger.book, event, record, ledger.slack)?;
            Some(fit(&typed(ledger.book, event), &contact, &shown))
        });
        let own_fit = own_fit.min();
        let found = by_values(&waiting, &contact).chain(by_time(&waiting, ledger, record));
        for number in found.chain(by_little(&waiting, ledger, record)) {
            let (Some(event), Some(lead)) = (ledger.event(number), waiting.contacts.get(&number)) else { continue };
            let Some((evidence, delay)) = pairing::delay(ledger.book, event, record, ledger.slack) else { continue };
            let fit = fit(lead, &contact, &shown);
            let is_of_nobody = record.person == NOBODY && evidence == Evidence::LeadSource;
            let is_prompt = delay <= ledger.grace;
            // After a week a name and little more is a namesake's.
            let is_known = fit.is_enough() && (delay <= ledger.grace.max(BY_HAND) || fit.agree.0 > ENOUGH);
            // An export without lead sources says of such a record only what was typed: it must be all of that.
            let is_copy = record.person == NOBODY && is_prompt && fit.differ == 0 && shows_no_more(&contact, lead);
            let is_good = is_known
                || is_copy
                || (is_of_nobody && if is_prompt { fit.is_all_there_is() } else { fit.is_the_same() });
            if is_good && event.person != record.person && own_fit.is_none_or(|own| fit < own) {
                pairs.push(Pair { fit, distance: ledger.slack.distance(delay), record: row, event: number });
            }
        }
    }
    // Best first, each record once and each lead as often as it was delivered; what is left over is a further delivery
    // of the lead that it fits best.
    pairs.sort_unstable();
    pairs.dedup();
    let mut rooms: PlHashMap<u32, usize> = PlHashMap::default();
    let mut given: PlHashSet<u32> = PlHashSet::default();
    let mut claims = Vec::new();
    for is_further in [false, true] {
        for pair in &pairs {
            let Some(event) = ledger.event(pair.event).filter(|_| !given.contains(&pair.record)) else { continue };
            let room = rooms.entry(pair.event).or_insert(event.leads.len());
            if !is_further {
                let Some(less) = room.checked_sub(1) else { continue };
                *room = less;
            }
            given.insert(pair.record);
            let record = Contact::of(ledger.contact(pair.record));
            let matched_by = waiting.contacts.get(&pair.event).and_then(|lead| by(lead, &record));
            claims.push(Claim { record: pair.record, person: event.person, matched_by });
        }
    }
    claims
}

/// A free record and a waiting lead that it fits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    fit: Fit,
    distance: i64,
    record: u32,
    event: u32,
}

/// Fields of a record that differ from what an event's first lead typed, less those that agree.
pub(super) fn unlikeness(ledger: &Ledger<'_, '_>, event: &Event, record: u32) -> i64 {
    let fit = fit(&typed(ledger.book, event), &Contact::of(ledger.contact(record)), &ledger.records.shown);
    i64::try_from(fit.differ).unwrap_or(0) - i64::try_from(fit.agree.0).unwrap_or(0)
}

impl Fit {
    /// All but one field are the same, and they tell people apart.
    fn is_enough(self) -> bool {
        self.differ <= 1 && self.agree.0 >= ENOUGH
    }

    /// Little was typed, and the record shows it.
    fn is_all_there_is(self) -> bool {
        self.differ == 0 || (self.differ == 1 && self.agree.0 > 0)
    }

    /// All of it is the same, if only fillers: such a lead may be typed in by hand after an outage.
    fn is_the_same(self) -> bool {
        self.differ == 0 && self.agree.0 + self.fillers.0 >= ENOUGH
    }
}

/// The waiting leads that have two values of the record's; found by both at once, since by one of them there are many.
fn by_values(waiting: &Waiting, contact: &Contact) -> impl Iterator<Item = u32> + use<> {
    let values = contact.keys().filter_map(|(field, value)| waiting.values.get(&(field, value.to_owned())).copied());
    let mut found = Vec::new();
    for pair in pairs_of(values.collect()) {
        let from = waiting.by_values.partition_point(|(known, _)| *known < pair);
        let same = waiting.by_values.get(from..).unwrap_or_default().iter().take_while(|(known, _)| *known == pair);
        found.extend(same.map(|(_, event)| *event));
    }
    found.sort_unstable();
    found.dedup();
    found.into_iter()
}

fn by_time<'w>(
    waiting: &'w Waiting,
    ledger: &Ledger<'_, '_>,
    record: &Record<'_>,
) -> impl Iterator<Item = u32> + use<'w> {
    let events = waiting.by_time.get(&(record.action, record.offer)).filter(|_| record.person == NOBODY);
    let window = events.zip(record.span).map_or(&[][..], |(events, span)| {
        let from = events.partition_point(|(at, _)| *at < span.start.saturating_sub(ledger.grace.max(BY_HAND)));
        let last = span.start + span.width + ledger.slack.of(span.width).max(TEN_MINUTES);
        let to = events.partition_point(|(at, _)| *at <= last);
        events.get(from..to).unwrap_or_default()
    });
    window.iter().map(|(_, number)| *number)
}

/// Of a record of nobody that names neither action nor offer: the leads of hardly any content that came just before.
fn by_little<'w>(
    waiting: &'w Waiting,
    ledger: &Ledger<'_, '_>,
    record: &Record<'_>,
) -> impl Iterator<Item = u32> + use<'w> {
    let names_nothing = record.person == NOBODY && record.action == 0 && record.offer == Named::Nothing;
    let window = record.span.filter(|_| names_nothing).map_or(&[][..], |span| {
        let events = &waiting.by_little;
        let from = events.partition_point(|(at, _)| *at < span.start.saturating_sub(ledger.grace));
        let last = span.start + span.width + ledger.slack.of(span.width);
        events.get(from..events.partition_point(|(at, _)| *at <= last)).unwrap_or_default()
    });
    window.iter().map(|(_, number)| *number)
}

fn by(lead: &Contact, record: &Contact) -> Option<&'static str> {
    let same = |field: usize| {
        !lead.filler[field] && lead.fields[field].is_some() && lead.fields[field] == record.fields[field]
    };
    match () {
        () if same(EMAIL) => Some(link::EMAIL),
        () if same(PHONE) => Some(link::PHONE),
        () if same(0) || same(1) => Some(link::NAME),
        () => None,
    }
}
