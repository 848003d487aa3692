//! One destination's events and records, and what its export can speak for: read only. The phases of reconciliation are
//! functions of it.

use std::collections::HashMap;

use crate::codes::{kind, reason};
use crate::config::Destination;
use crate::contact;
use crate::error::Result;
use crate::reconcile::events::{Book, Event, Lead, number};
use crate::reconcile::likeness::{Contact, Typed};
use crate::reconcile::records::{Record, Records};
use crate::tables::{Coverage, Table};

/// Which events go where. A lead without an offer id is tried by its title.
pub(super) struct Routes {
    /// For each destination its events.
    events: Vec<Vec<u32>>,
    /// For each lead whether it goes nowhere.
    nowhere: Vec<bool>,
}

impl Routes {
    pub(super) fn new(book: &Book<'_>, destinations: &[Destination]) -> Self {
        let mut known: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut events = vec![Vec::new(); destinations.len()];
        let mut nowhere = vec![true; book.leads.len()];
        for (index, event) in book.events.iter().enumerate() {
            let name = book.first(event).and_then(|lead| lead.offer_id.or(lead.title)).unwrap_or_default();
            let goes_to = known.entry(name).or_insert_with(|| {
                destinations.iter().enumerate().filter(|(_, d)| d.takes(name)).map(|(place, _)| place).collect()
            });
            for destination in goes_to.iter() {
                if let Some(events) = events.get_mut(*destination) {
                    events.push(number(index));
                }
            }
            if !goes_to.is_empty() {
                for lead in &event.leads {
                    if let Some(lost) = nowhere.get_mut(*lead as usize) {
                        *lost = false;
                    }
                }
            }
        }
        Routes { events, nowhere }
    }

    pub(super) fn events_of(&self, destination: usize) -> &[u32] {
        self.events.get(destination).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_nowhere(&self, lead: usize) -> bool {
        self.nowhere.get(lead).copied().unwrap_or_default()
    }
}

/// What a destination's export can speak for.
#[derive(Clone, Copy, Default)]
pub(super) struct View {
    /// Whether any export of it could be read.
    pub readable: bool,
    /// Leads before this are out of sight.
    pub from: Option<i64>,
    /// The export speaks for leads up to this, less grace.
    pub until: Option<i64>,
    /// Why nothing is concluded of leads received from some time on: that of the last whole reading, if there was one.
    pub silent: Option<(&'static str, Option<i64>)>,
}

/// The views of all destinations, as read.
pub(super) struct Views(HashMap<String, View>);

impl Views {
    /// `as_of_ends_at`: no export speaks beyond it.
    pub(super) fn new(coverage: &Table<Coverage>, as_of_ends_at: i64) -> Result<Self> {
        let (from, until) = (coverage.instants("from")?, coverage.instants("until")?);
        let since = coverage.instants("silent_since")?;
        let known = |why: &str| reason::ALL.iter().copied().find(|known| *known == why);
        let silent: Vec<_> = coverage
            .texts("silent")?
            .into_iter()
            .zip(since)
            .map(|(why, since)| why.and_then(known).map(|why| (why, since)))
            .collect();
        let names = coverage.texts("destination")?.into_iter().zip(coverage.flags("readable")?);
        let times = from.into_iter().zip(until).zip(silent);
        let views = names.zip(times).map(|((name, readable), ((from, until), silent))| {
            let view = View { readable, from, until: until.map(|until| until.min(as_of_ends_at)), silent };
            (name.unwrap_or_default().to_owned(), view)
        });
        Ok(Views(views.collect()))
    }

    pub(super) fn of(&self, destination: &str) -> View {
        self.0.get(destination).copied().unwrap_or_default()
    }
}

/// Events or records of each person, in their order: two lists in place of one for each of a million people.
pub(super) struct ByPerson {
    /// Where those of each person begin; one past the end as the last.
    starts: Vec<u32>,
    of: Vec<u32>,
}

impl ByPerson {
    /// `rows` gives person and number, each time the same; those of nobody are left out.
    fn new<I: Iterator<Item = (u32, u32)>>(people: usize, rows: impl Fn() -> I) -> Self {
        let mut starts = vec![0u32; people + 1];
        for (person, _) in rows() {
            if let Some(count) = starts.get_mut((person as usize).saturating_add(1)) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut of = vec![0; sum as usize];
        let mut next = starts.clone();
        for (person, number) in rows().filter(|(person, _)| (*person as usize) < people) {
            if let Some(place) = next.get_mut(person as usize) {
                if let Some(slot) = of.get_mut(*place as usize) {
                    *slot = number;
                }
                *place += 1;
            }
        }
        ByPerson { starts, of }
    }

    pub(super) fn get(&self, person: u32) -> &[u32] {
        let at = |place: usize| self.starts.get(place).map(|start| *start as usize);
        let range = at(person as usize).zip(at((person as usize).saturating_add(1)));
        range.and_then(|(from, to)| self.of.get(from..to)).unwrap_or_default()
    }

    /// Everybody who has any, in the order of people.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &[u32])> {
        (0..number(self.starts.len().saturating_sub(1)))
            .map(|person| (person, self.get(person)))
            .filter(|(_, of)| !of.is_empty())
    }
}

/// One destination's events and records.
pub(super) struct Ledger<'b, 'a> {
    pub(super) book: &'b Book<'a>,
    pub(super) destination: &'b Destination,
    /// Numbers of the events that are routed to it.
    pub(super) events: &'b [u32],
    /// The same by person.
    pub(super) events_of: ByPerson,
    pub(super) records: Records<'a>,
    pub(super) view: View,
}

impl<'b, 'a> Ledger<'b, 'a> {
    pub(super) fn new(
        book: &'b Book<'a>,
        records: Records<'a>,
        destination: &'b Destination,
        events: &'b [u32],
        view: View,
    ) -> Self {
        let of_people =
            || events.iter().filter_map(|number| Some((book.events.get(*number as usize)?.person, *number)));
        let events_of = ByPerson::new(book.person_ids.len(), of_people);
        Ledger { book, destination, events, events_of, records, view }
    }

    pub(super) fn event(&self, number: u32) -> Option<&'b Event> {
        self.book.events.get(number as usize)
    }

    /// Every event with its number, in the order of the book.
    pub(super) fn each_event(&self) -> impl Iterator<Item = (u32, &'b Event)> {
        self.events.iter().filter_map(|number| Some((*number, self.event(*number)?)))
    }

    pub(super) fn lead(&self, row: u32) -> Option<&'b Lead<'a>> {
        self.book.leads.get(row as usize)
    }

    pub(super) fn record(&self, row: u32) -> Option<&Record<'a>> {
        self.records.all.get(row as usize)
    }

    /// The contact that a record shows.
    pub(super) fn shown(&self, record: u32) -> Typed<'_> {
        self.records.contact(record as usize)
    }

    /// The contact that an event's first lead typed, in comparable form.
    pub(super) fn contact(&self, event: &Event) -> Contact {
        Contact::of(self.book.typed(event))
    }

    pub(super) fn received(&self, event: &Event) -> i64 {
        self.book.first(event).map_or(0, |lead| lead.received)
    }

    pub(super) fn kind(&self, event: &Event) -> &'a str {
        self.book.first(event).map_or(kind::GENUINE, |lead| lead.kind)
    }

    pub(super) fn is_genuine(&self, event: &Event) -> bool {
        self.book.first(event).is_some_and(|lead| lead.kind == kind::GENUINE)
    }

    /// The addresses that were typed in an event's leads.
    pub(super) fn addresses(&self, event: &Event) -> impl Iterator<Item = String> {
        self.book.leads_of(event).filter_map(|lead| lead.email.and_then(contact::normalised_email))
    }

    /// Records that can deliver, by person.
    pub(super) fn records_by_person(&self) -> ByPerson {
        let delivering = |record: &&Record<'_>| record.delivers.can() && !record.is_test;
        let rows = || self.records.all.iter().zip(0..).filter(move |(record, _)| delivering(record));
        ByPerson::new(self.book.person_ids.len(), || rows().map(|(record, row)| (record.person, row)))
    }
}
