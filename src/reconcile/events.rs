//! Leads as reconciliation sees them: one act of a customer, its deliveries, its offer in comparable form.
//!
//! Makes events from leads and identities. An event is what leads of one person with the same storefront, action,
//! offer and normalised contact fields are, each received within ten minutes of the one before (design: words): the
//! same act, stored twice, or in two shapes. Which CRM record answers it is the affair of `pairing`.

use std::collections::HashMap;

use polars::prelude::PlHashMap;

use crate::codes::kind;
use crate::config::Offer;
use crate::contact;
use crate::error::Result;
use crate::reconcile::likeness::{self, Typed};
use crate::reconcile::offers::{Code, Codes, Named, Offers};
use crate::tables::{Identities, Leads, Table};
use crate::time::MINUTE;

/// Deliveries of one event follow each other within this; a record may be as much earlier than its lead.
pub(super) const TEN_MINUTES: i64 = 10 * MINUTE;

/// A person of nobody: test and withheld leads.
pub(super) const NOBODY: u32 = u32::MAX;

/// One lead.
#[derive(Debug)]
pub(super) struct Lead<'a> {
    pub id: &'a str,
    pub source_key: &'a str,
    pub person: u32,
    pub received: i64,
    pub kind: &'a str,
    pub offer_id: Option<&'a str>,
    pub title: Option<&'a str>,
    pub email: Option<&'a str>,
    pub event: u32,
}

/// One act of a customer: leads of one kind that are deliveries of it, in the order in which they were received.
#[derive(Debug)]
pub(super) struct Event {
    pub person: u32,
    pub action: Code,
    pub offer: Named,
    /// Rows of `leads`.
    pub leads: Vec<u32>,
}

/// All leads, their people and events.
pub(super) struct Book<'a> {
    /// In the order of lead_id.
    pub leads: Vec<Lead<'a>>,
    pub events: Vec<Event>,
    pub offers: Offers,
    pub actions: Codes,
    /// Person to its number.
    pub people: HashMap<&'a str, u32>,
    pub person_ids: Vec<&'a str>,
    /// What was typed, column by column in the order of [`contact::COLUMNS`], row by row as `leads`.
    pub contacts: Vec<Vec<Option<&'a str>>>,
}

impl<'a> Book<'a> {
    /// The lead that stands for an event: its first delivery.
    pub(super) fn first(&self, event: &Event) -> Option<&Lead<'a>> {
        event.leads.first().and_then(|lead| self.leads.get(*lead as usize))
    }

    /// The leads of an event, in the order in which they were received.
    pub(super) fn leads_of(&self, event: &Event) -> impl Iterator<Item = &Lead<'a>> {
        event.leads.iter().filter_map(|row| self.leads.get(*row as usize))
    }

    /// The contact that was typed in the lead of a row.
    pub(super) fn typed_in(&self, row: usize) -> Typed<'a> {
        std::array::from_fn(|field| self.contacts.get(field)?.get(row).copied().flatten())
    }

    /// The contact that an event's first lead typed.
    pub(super) fn typed(&self, event: &Event) -> Typed<'a> {
        self.typed_in(event.leads.first().map_or(usize::MAX, |row| *row as usize))
    }
}

/// Reads leads and finds their events.
pub(super) fn book<'a>(
    leads: &'a Table<Leads>,
    identities: &'a Table<Identities>,
    catalogue: &[Offer],
) -> Result<Book<'a>> {
    let person_of: PlHashMap<&str, &str> = identities
        .texts("lead_id")?
        .into_iter()
        .zip(identities.texts("person_id")?)
        .filter_map(|(lead, person)| Some((lead?, person?)))
        .collect();
    let ids = leads.texts("lead_id")?;
    let keys = leads.texts("source_key")?;
    let received = leads.instants("received_at")?;
    let kinds = leads.texts("kind")?;
    let storefronts = leads.texts("storefront")?;
    let actions = leads.texts("action")?;
    let offer_ids = leads.texts("offer_id")?;
    let titles = leads.texts("offer")?;
    let contacts = contact::COLUMNS.iter().map(|column| leads.texts(column)).collect::<Result<Vec<_>>>()?;
    let emails = leads.texts("email")?;

    let mut offers = Offers::new(catalogue);
    for (id, title) in offer_ids.iter().zip(&titles) {
        if let Some(id) = id {
            let code = offers.ids.of(&id.to_lowercase());
            if let Some(title) = title {
                offers.learn(code, title);
            }
        }
    }
    let (mut action_codes, mut storefront_codes) = (Codes::default(), Codes::default());
    let mut people: HashMap<&str, u32> = HashMap::new();
    let mut person_ids = Vec::new();
    let mut rows = Vec::with_capacity(ids.len());
    let mut marks = Vec::with_capacity(ids.len());
    for row in 0..ids.len() {
        let at = |column: &[Option<&'a str>]| column.get(row).copied().flatten();
        let id = at(&ids).unwrap_or_default();
        let person = person_of.get(id).map_or(NOBODY, |person| {
            *people.entry(person).or_insert_with(|| {
                person_ids.push(*person);
                u32::try_from(person_ids.len() - 1).unwrap_or(NOBODY)
            })
        });
        let mark = Mark {
            person,
            storefront: at(&storefronts).map_or(0, |text| storefront_codes.of(&text.to_lowercase())),
            action: at(&actions).map_or(0, |text| action_codes.of(&text.to_lowercase())),
            offer: offers.of_lead(at(&offer_ids), at(&titles)),
        };
        rows.push(Lead {
            id,
            source_key: at(&keys).unwrap_or_default(),
            person,
            received: received.get(row).copied().flatten().unwrap_or_default(),
            kind: at(&kinds).unwrap_or(kind::GENUINE),
            offer_id: at(&offer_ids),
            title: at(&titles),
            email: at(&emails),
            event: 0,
        });
        marks.push(mark);
    }
    let events = events(&mut rows, &marks, &contacts);
    let events = repeated(events, &mut rows, &marks, &contacts);
    Ok(Book { leads: rows, events, offers, actions: action_codes, people, person_ids, contacts })
}

/// What leads of one event have in common, but for the contact fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    person: u32,
    storefront: Code,
    action: Code,
    offer: Named,
}

fn events(leads: &mut [Lead<'_>], marks: &[Mark], contacts: &[Vec<Option<&str>>]) -> Vec<Event> {
    let mut order: Vec<usize> = (0..leads.len()).collect();
    // Rows of `leads` are in the order of lead_id, so the row breaks ties.
    order.sort_unstable_by_key(|row| (marks[*row], leads[*row].received, *row));
    let mut events: Vec<Event> = Vec::with_capacity(leads.len());
    // Events of the present mark that may go on: last delivery, contact, number.
    let mut open: Vec<(usize, i64, String, u32)> = Vec::new();
    for (place, row) in order.iter().copied().enumerate() {
        let (mark, at) = (marks[row], leads[row].received);
        let near = |other: Option<&usize>| {
            other.is_some_and(|other| marks[*other] == mark && (leads[*other].received - at).abs() <= TEN_MINUTES)
        };
        let alone = mark.person == NOBODY
            || !(near(place.checked_sub(1).and_then(|before| order.get(before))) || near(order.get(place + 1)));
        if alone {
            leads[row].event = number(events.len());
            events.push(Event {
                person: mark.person,
                action: mark.action,
                offer: mark.offer,
                leads: vec![number(row)],
            });
            continue;
        }
        let contact = contact_of(contacts, row);
        open.retain(|(other, last, _, _)| marks[*other] == mark && at - last <= TEN_MINUTES);
        match open.iter_mut().find(|(_, _, known, _)| *known == contact) {
            Some((_, last, _, event)) => {
                *last = at;
                leads[row].event = *event;
                events[*event as usize].leads.push(number(row));
            }
            None => {
                let event = number(events.len());
                leads[row].event = event;
                open.push((row, at, contact, event));
                events.push(Event {
                    person: mark.person,
                    action: mark.action,
                    offer: mark.offer,
                    leads: vec![number(row)],
                });
            }
        }
    }
    events
}

/// Joins events that are one act although identity knows nobody in them: of `Test Test, n/a` it cannot say whether two
/// are one person, but typed twice within ten minutes for one offer they are one double click.
fn repeated(events: Vec<Event>, leads: &mut [Lead<'_>], marks: &[Mark], contacts: &[Vec<Option<&str>>]) -> Vec<Event> {
    let first = |event: &Event| event.leads.first().map_or(0, |row| *row as usize);
    let act = |event: &Event| {
        let mark = marks[first(event)];
        (mark.storefront, mark.action, mark.offer)
    };
    let mut order: Vec<usize> = (0..events.len()).filter(|at| events[*at].person != NOBODY).collect();
    order.sort_unstable_by_key(|at| (act(&events[*at]), leads[first(&events[*at])].received, first(&events[*at])));
    // Event to the earlier one that it is a repetition of.
    let mut joins: PlHashMap<usize, usize> = PlHashMap::default();
    for (place, at) in order.iter().copied().enumerate() {
        let (mine, row) = (&events[at], first(&events[at]));
        for other in order[..place].iter().rev().copied() {
            let (theirs, earlier) = (&events[other], first(&events[other]));
            let last = theirs.leads.last().map_or(0, |row| leads[*row as usize].received);
            if act(theirs) != act(mine) || leads[row].received - leads[earlier].received > TEN_MINUTES {
                break;
            }
            let is_near = leads[row].received - last <= TEN_MINUTES && leads[row].kind == leads[earlier].kind;
            let typed_alike = |column: &Vec<Option<&str>>| match (column[row], column[earlier]) {
                (Some(a), Some(b)) => a.trim().eq_ignore_ascii_case(b.trim()),
                (a, b) => a.is_none() && b.is_none(),
            };
            if is_near && mine.person != theirs.person && contacts.iter().all(typed_alike) {
                joins.insert(at, joins.get(&other).copied().unwrap_or(other));
                break;
            }
        }
    }
    if joins.is_empty() {
        return events;
    }
    let mut joined: Vec<Event> = Vec::with_capacity(events.len());
    let mut place_of: PlHashMap<usize, usize> = PlHashMap::default();
    let mut later = Vec::new();
    for (at, event) in events.into_iter().enumerate() {
        if let Some(into) = joins.get(&at) {
            later.push((*into, event));
        } else {
            place_of.insert(at, joined.len());
            joined.push(event);
        }
    }
    for (into, event) in later {
        if let Some(target) = place_of.get(&into).and_then(|place| joined.get_mut(*place)) {
            target.leads.extend(event.leads);
        }
    }
    for (at, event) in joined.iter_mut().enumerate() {
        event.leads.sort_unstable_by_key(|row| (leads[*row as usize].received, *row));
        for row in &event.leads {
            leads[*row as usize].event = number(at);
        }
    }
    joined
}

/// The contact fields in comparable form: what two shapes of one delivery have in common.
fn contact_of(contacts: &[Vec<Option<&str>>], row: usize) -> String {
    let mut signature = String::new();
    for (field, column) in contacts.iter().enumerate() {
        if let Some(text) = column.get(row).copied().flatten() {
            signature.push_str(&likeness::comparable(field, text));
        }
        signature.push('\u{1f}');
    }
    signature
}

/// Row numbers fit 32 bits: a run holds fewer than four thousand million leads.
pub(super) fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}
