//! Records that account for no lead, against leads that have no record: whose are they by what was typed?
//!
//! Identity weighs a contact against everybody, and junk, a corrected address or a contact of few fields tell it too
//! little. Here the question is narrower: a forwarder copies what was typed, the lead source says which action and
//! offer, and sales correct one thing at a time. So a free record is of the waiting lead that agrees with it in all
//! but one field, or by name within the hour; where hardly anything was typed, it must agree in all of it and follow
//! within grace. What is found
//! changes the record's person; `per_lead` or `per_person` then decides as for any other record.
//!
//! A colleague, a relative or the lead's own earlier visit differ from the lead by more than one field, or fit another
//! lead better: then the record stays where it is, so that nobody's record hides somebody else's loss.

use polars::prelude::{PlHashMap, PlHashSet};
use rayon::prelude::*;

use crate::reconcile::answers::Answers;
use crate::reconcile::events::{NOBODY, TEN_MINUTES, number as row_number};
use crate::reconcile::evidence::{self, Evidence, Slack};
use crate::reconcile::ledger::Ledger;
use crate::reconcile::likeness::{Contact, ENOUGH, Fit, matched_by, shows_no_more};
use crate::reconcile::offers::{Code, Named};
use crate::reconcile::records::Record;
use crate::time::{DAY, HOUR};

/// How long after an outage its leads may be typed in by hand.
const BY_HAND: i64 = 7 * DAY;

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
    /// Time within which a delivered lead shows up.
    grace: i64,
    slack: Slack,
}

impl Waiting {
    fn of(ledger: &Ledger<'_, '_>, slack: Slack, answers: &Answers) -> Self {
        let mut waiting = Waiting {
            contacts: PlHashMap::default(),
            values: PlHashMap::default(),
            by_values: Vec::new(),
            by_time: PlHashMap::default(),
            by_little: Vec::new(),
            grace: answers.waited.grace,
            slack,
        };
        for (number, event) in ledger.each_event().filter(|(_, event)| event.person != NOBODY) {
            if event.leads.iter().any(|lead| answers.of_lead.contains_key(lead)) {
                continue;
            }
            let contact = ledger.contact(event);
            if contact.keys().count() < ENOUGH {
                waiting.by_little.push((ledger.received(event), number));
            }
            let mut values = Vec::new();
            for (field, value) in contact.keys() {
                let next = row_number(waiting.values.len());
                values.push(*waiting.values.entry((field, value.to_owned())).or_insert(next));
            }
            waiting.by_values.extend(pairs_of(values).into_iter().map(|pair| (pair, number)));
            waiting.by_time.entry((event.action, event.offer)).or_default().push((ledger.received(event), number));
            waiting.contacts.insert(number, contact);
        }
        for events in waiting.by_time.values_mut() {
            events.sort_unstable();
        }
        waiting.by_little.sort_unstable();
        waiting.by_values.sort_unstable();
        waiting
    }

    /// The waiting leads that may be this record's.
    fn candidates(&self, record: &Record<'_>, contact: &Contact) -> impl Iterator<Item = u32> {
        self.with_values(contact).into_iter().chain(self.of_time(record)).chain(self.of_little(record))
    }

    /// Those that have two values of the record's; found by both at once, since by one of them there are many.
    fn with_values(&self, contact: &Contact) -> Vec<u32> {
        let values = contact.keys().filter_map(|(field, value)| self.values.get(&(field, value.to_owned())).copied());
        let mut found = Vec::new();
        for pair in pairs_of(values.collect()) {
            let from = self.by_values.partition_point(|(known, _)| *known < pair);
            let same = self.by_values.get(from..).unwrap_or_default().iter().take_while(|(known, _)| *known == pair);
            found.extend(same.map(|(_, event)| *event));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Of a record of nobody: those of its action and offer that came before it.
    fn of_time(&self, record: &Record<'_>) -> impl Iterator<Item = u32> {
        let events = self.by_time.get(&(record.action, record.offer)).filter(|_| record.person == NOBODY);
        let window = events.zip(record.span).map_or(&[][..], |(events, span)| {
            let last = span.start + span.width + self.slack.of(span.width).max(TEN_MINUTES);
            within(events, span.start.saturating_sub(self.grace.max(BY_HAND)), last)
        });
        window.iter().map(|(_, number)| *number)
    }

    /// Of a record of nobody that names neither action nor offer: those of hardly any content that came just before.
    fn of_little(&self, record: &Record<'_>) -> impl Iterator<Item = u32> {
        let names_nothing = record.person == NOBODY && record.action == 0 && record.offer == Named::Nothing;
        let window = record.span.filter(|_| names_nothing).map_or(&[][..], |span| {
            let last = span.start + span.width + self.slack.of(span.width);
            within(&self.by_little, span.start.saturating_sub(self.grace), last)
        });
        window.iter().map(|(_, number)| *number)
    }

    /// Whether what a record shows is enough to say that it is of a waiting lead, which it follows by this delay.
    fn is_good(&self, fit: Fit, record: &Record<'_>, (evidence, delay): (Evidence, i64), alike: Alike) -> bool {
        let is_prompt = delay <= self.grace;
        let is_nobodys = record.person == NOBODY;
        // After a week a name and little more is a namesake's.
        let is_known = fit.is_enough() && (delay <= self.grace.max(BY_HAND) || fit.agree() > ENOUGH);
        // An export without lead sources says of such a record only what was typed: it must be all of that.
        let is_all_of_it = is_nobodys && is_prompt && fit.differ == 0 && alike.is_copy;
        let is_named = is_nobodys && evidence == Evidence::LeadSource;
        // Namesakes do not ask for the same within the hour, and sales correct address, firm and phone in one go.
        let is_of_the_hour = is_named && alike.has_name && delay <= self.grace.min(HOUR);
        is_known
            || is_all_of_it
            || is_of_the_hour
            || (is_named && if is_prompt { fit.is_all_there_is() } else { fit.is_the_same() })
    }
}

/// What a record and a lead have in common beside the fields that agree.
#[derive(Clone, Copy)]
struct Alike {
    /// Whether the record shows nothing that was not typed.
    is_copy: bool,
    /// Whether first and last name are the same.
    has_name: bool,
}

/// The events between two instants, both included.
fn within(events: &[(i64, u32)], from: i64, to: i64) -> &[(i64, u32)] {
    let from = events.partition_point(|(at, _)| *at < from);
    events.get(from..events.partition_point(|(at, _)| *at <= to)).unwrap_or_default()
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

/// A free record and a waiting lead that it fits; the smaller, the better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    fit: Fit,
    distance: i64,
    record: u32,
    event: u32,
}

/// Finds the records that are of a waiting lead's person.
pub(super) fn claims(ledger: &Ledger<'_, '_>, slack: Slack, answers: &Answers) -> Vec<Claim> {
    let waiting = Waiting::of(ledger, slack, answers);
    if waiting.contacts.is_empty() {
        return Vec::new();
    }
    // Best first, each record once and each lead as often as it was delivered; what is left over is a further delivery
    // of the lead that it fits best.
    let pairs = pairs(ledger, &waiting, answers);
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
            let record = Contact::of(ledger.shown(pair.record));
            let matched_by = waiting.contacts.get(&pair.event).and_then(|lead| matched_by(lead, &record));
            claims.push(Claim { record: pair.record, person: event.person, matched_by });
        }
    }
    claims
}

/// Free records with the waiting leads that they fit better than any lead of their own person, best first.
fn pairs(ledger: &Ledger<'_, '_>, waiting: &Waiting, answers: &Answers) -> Vec<Pair> {
    let used: PlHashSet<u32> = answers.of_lead.values().map(|answer| answer.record).collect();
    let shown = &ledger.records.shown;
    let has_keys = ledger.records.all.iter().any(|record| record.key.is_some());
    let events = ledger.each_event().filter(|_| has_keys);
    let keys: PlHashSet<String> =
        events.flat_map(|(_, event)| ledger.book.leads_of(event)).flat_map(evidence::key_forms).collect();
    let of_record = |(row, record): (usize, &Record<'_>)| -> Vec<Pair> {
        let (row, mut pairs) = (row_number(row), Vec::new());
        // The key of a lead says whose the record is; one of none says nothing.
        let is_keyed = record.key.is_some_and(|key| evidence::forms_of_key(key).iter().any(|form| keys.contains(form)));
        if !record.delivers.can() || record.is_test || is_keyed || used.contains(&row) {
            return pairs;
        }
        let contact = Contact::of(ledger.shown(row));
        let own = ledger.events_of.get(record.person).iter().filter_map(|number| ledger.event(*number));
        let own = own.filter(|event| evidence::delay(ledger.book, event, record, waiting.slack).is_some());
        let own_fit = own.map(|event| Fit::of(&ledger.contact(event), &contact, shown)).min();
        for number in waiting.candidates(record, &contact) {
            let (Some(event), Some(lead)) = (ledger.event(number), waiting.contacts.get(&number)) else { continue };
            let Some((evidence, delay)) = evidence::delay(ledger.book, event, record, waiting.slack) else { continue };
            let fit = Fit::of(lead, &contact, shown);
            let alike = Alike { is_copy: shows_no_more(&contact, lead), has_name: contact.has_name_of(lead) };
            let is_good = waiting.is_good(fit, record, (evidence, delay), alike);
            if is_good && event.person != record.person && own_fit.is_none_or(|own| fit < own) {
                pairs.push(Pair { fit, distance: waiting.slack.distance(delay), record: row, event: number });
            }
        }
        pairs
    };
    let mut pairs: Vec<Pair> = ledger.records.all.par_iter().enumerate().flat_map_iter(of_record).collect();
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs
}
