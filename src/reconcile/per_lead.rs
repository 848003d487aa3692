//! Where a destination keeps one record for each lead: which record answers which event.
//!
//! Pairs by key, lead source and time, then takes records away from a lead whose writing they do not show.

use std::cell::RefCell;
use std::rc::Rc;

use polars::prelude::{PlHashMap, PlHashSet};

use crate::error::Result;
use crate::reconcile::answers::{Answer, Answers};
use crate::reconcile::events::number;
use crate::reconcile::evidence::{Evidence, Slack, delay};
use crate::reconcile::inference::{Waited, grace_by};
use crate::reconcile::ledger::Ledger;
use crate::reconcile::likeness::{Contact, Fit};
use crate::reconcile::pairing::{self, Pair, Pairing};
use crate::reconcile::reassign::{self, Reassignment};
use crate::reconcile::records::{Delivers, Span};

/// Contacts in comparable form by number, the last that were asked for: each lead of a person is held against each of
/// his records.
#[derive(Default)]
struct Recent(RefCell<PlHashMap<u32, Rc<Contact>>>);

impl Recent {
    /// So many are kept.
    const MOST: usize = 1 << 14;

    fn get(&self, number: u32, make: impl FnOnce() -> Contact) -> Rc<Contact> {
        let mut known = self.0.borrow_mut();
        if known.len() >= Self::MOST {
            known.clear();
        }
        Rc::clone(known.entry(number).or_insert_with(|| Rc::new(make())))
    }
}

/// One record for each lead: pairs events and records.
pub(super) fn answers(ledger: &Ledger<'_, '_>, slack: Slack) -> Result<Answers> {
    let (typed, shown) = (Recent::default(), Recent::default());
    // Only where somebody came twice can two of his leads be equally near to a record.
    let unlikeness = |number: u32, record: u32| match ledger.event(number) {
        Some(event) if ledger.events_of.get(event.person).len() > 1 => {
            let typed = typed.get(number, || ledger.contact(event));
            let shown = shown.get(record, || Contact::of(ledger.shown(record)));
            Fit::of(&typed, &shown, &ledger.records.shown).unlikeness()
        }
        _ => 0,
    };
    let mut paired = pairing::pair(ledger.book, ledger.events, &ledger.records.all, slack, &unlikeness);
    let again = reassign(ledger, slack, &mut paired, &unlikeness);
    let mut of_lead = of_leads(ledger, &paired.pairs);
    of_lead.extend(by_contact(ledger, slack, &of_lead));
    Ok(Answers {
        waited: Waited::of(ledger.destination, delays_of(ledger, paired.pairs.iter()))?,
        keys_unknown: paired.keys_unknown > paired.keys_known,
        of_lead,
        again,
        first_contacts: PlHashSet::default(),
    })
}

/// Gives records that show what another event of the person typed to that one, and pairs again what then is free. Tells
/// which records deliver an event again that has its own.
fn reassign(
    ledger: &Ledger<'_, '_>,
    slack: Slack,
    paired: &mut Pairing,
    unlikeness: &dyn Fn(u32, u32) -> i64,
) -> PlHashMap<u32, u32> {
    // A pair that may be wrong must not say how long delivery takes: only people who came once tell.
    let is_sure =
        |pair: &&Pair| ledger.event(pair.event).is_some_and(|event| ledger.events_of.get(event.person).len() == 1);
    let grace = grace_by(ledger.destination, &delays_of(ledger, paired.pairs.iter().filter(is_sure)));
    let mut again = PlHashMap::default();
    let mut given: PlHashMap<u32, Pair> = PlHashMap::default();
    let mut rooms: PlHashMap<u32, usize> = PlHashMap::default();
    let mut among = None;
    // Each round settles records for good, so there are no more rounds than records; hardly ever more than two.
    loop {
        let mut people = PlHashSet::default();
        for found in reassign::misplaced(ledger, slack, &paired.pairs, grace, among.as_ref()) {
            let (record, event, first) = match found {
                Reassignment::Again { record, event } => (record, event, None),
                Reassignment::First(pair) => (pair.record, pair.event, Some(pair)),
            };
            let Some(of) = ledger.event(event).filter(|_| !given.contains_key(&record)) else { continue };
            people.insert(of.person);
            let room = rooms.entry(event).or_insert(of.leads.len());
            match (first, room.checked_sub(1)) {
                (Some(pair), Some(less)) => {
                    *room = less;
                    given.insert(record, pair);
                }
                _ => drop(again.insert(record, event)),
            }
        }
        if people.is_empty() {
            return again;
        }
        // Whose record it is not may have another, and that one may have been another's.
        let mut events: Vec<u32> = people.iter().flat_map(|person| ledger.events_of.get(*person)).copied().collect();
        events.sort_unstable();
        let records = &ledger.records.all;
        let is_free = |row: &u32| !again.contains_key(row) && !given.contains_key(row);
        let rows = (0..records.len())
            .map(number)
            .filter(|row| ledger.record(*row).is_some_and(|record| people.contains(&record.person)) && is_free(row));
        paired.keep(&events, &given);
        paired.by_time(ledger.book, &events, records, rows.collect(), slack, unlikeness);
        among = Some(people);
    }
}

/// The leads of each event take its records in the order of time.
fn of_leads(ledger: &Ledger<'_, '_>, pairs: &[Pair]) -> PlHashMap<u32, Answer> {
    let mut of_event: PlHashMap<u32, Vec<Pair>> = PlHashMap::default();
    for pair in pairs {
        of_event.entry(pair.event).or_default().push(*pair);
    }
    let mut answers = PlHashMap::default();
    for (number, event) in ledger.each_event() {
        let Some(pairs) = of_event.get_mut(&number) else { continue };
        pairs.sort_by_key(|pair| {
            let span = ledger.record(pair.record).and_then(|record| record.span);
            (span.map(|span| span.start), pair.record)
        });
        for (lead, pair) in event.leads.iter().zip(pairs.iter()) {
            // Without a time of creation it may have been there long before, unless it carries the lead's own key.
            let is_timed = ledger.record(pair.record).is_some_and(|record| record.span.is_some());
            let delivered = is_timed || pair.evidence == Evidence::Key;
            answers.insert(*lead, Answer { record: pair.record, evidence: pair.evidence, delivered });
        }
    }
    answers
}

/// Leads that were converted and are shown by their contact alone: it carries the lead's own source and was made after
/// it. Of somebody whose converted lead is shown, that one made the contact.
fn by_contact(ledger: &Ledger<'_, '_>, slack: Slack, of_lead: &PlHashMap<u32, Answer>) -> Vec<(u32, Answer)> {
    let mut contacts: PlHashMap<u32, Vec<u32>> = PlHashMap::default();
    let mut converted: PlHashSet<u32> = PlHashSet::default();
    for (record, row) in ledger.records.all.iter().zip(0..) {
        if record.delivers == Delivers::ContactBesideLeads && record.marketplace && !record.is_test {
            contacts.entry(record.person).or_default().push(row);
        } else if record.converted && record.delivers.can() {
            converted.insert(record.person);
        }
    }
    let mut found: Vec<(u32, Answer)> = Vec::new();
    let mut used: PlHashSet<u32> = PlHashSet::default();
    for (_, event) in ledger.each_event() {
        let Some(lead) = event.leads.first().filter(|lead| !of_lead.contains_key(*lead)) else { continue };
        let Some(own) = contacts.get(&event.person).filter(|_| !converted.contains(&event.person)) else { continue };
        let of_this = |row: &u32| {
            let record = ledger.record(*row).filter(|_| !used.contains(row));
            record.and_then(|record| delay(ledger.book, event, record, slack))
        };
        let made_after = |row: &&u32| of_this(row).is_some_and(|(evidence, _)| evidence == Evidence::LeadSource);
        // One that names neither action nor offer is of the first lead before it that has no other.
        let made = own.iter().find(made_after).or_else(|| own.iter().find(|row| of_this(row).is_some()));
        if let (Some(row), true) = (made, ledger.is_genuine(event)) {
            used.insert(*row);
            found.push((*lead, Answer { record: *row, evidence: Evidence::LeadSource, delivered: true }));
        }
    }
    found
}

/// When each genuine event was received, and how long it took to its first record.
fn delays_of<'p>(ledger: &Ledger<'_, '_>, pairs: impl Iterator<Item = &'p Pair>) -> Vec<(i64, i64)> {
    let mut first: PlHashMap<u32, (Span, u32)> = PlHashMap::default();
    for pair in pairs {
        let Some(span) = ledger.record(pair.record).and_then(|record| record.span) else { continue };
        let known = first.entry(pair.event).or_insert((span, pair.record));
        if (span.start, pair.record) < (known.0.start, known.1) {
            *known = (span, pair.record);
        }
    }
    let mut delays: Vec<(i64, i64)> = first
        .into_iter()
        .filter_map(|(number, (span, _))| {
            let event = ledger.event(number).filter(|event| ledger.is_genuine(event))?;
            Some((ledger.received(event), span.delay(ledger.received(event)).max(0)))
        })
        .collect();
    delays.sort_unstable();
    delays
}
