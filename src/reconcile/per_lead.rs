//! One destination's books where it keeps one record for each lead: which record answers which event.
//!
//! Pairs by key, lead source and time, then takes records away from a lead whose writing they do not show.

use polars::prelude::{PlHashMap, PlHashSet};

use super::again::{self, Whose};
use super::events::number;
use super::ledger::{Answer, Ledger};
use super::records::Span;
use super::{pairing, unclaimed};
use crate::error::Result;

impl Ledger<'_, '_> {
    /// One record for each lead: pairs events and records.
    pub(super) fn pair_leads(&mut self) -> Result<()> {
        let several = self.events_by_person();
        // Only where somebody came twice can two of his leads be equally near to a record.
        let typed = |event: u32, record: u32| match self.event(event) {
            Some(event) if several.get(event.person).len() > 1 => unclaimed::unlikeness(self, event, record),
            _ => 0,
        };
        let mut paired = pairing::pair(self.book, self.events, &self.records.all, self.slack, &typed);
        let mut delays = self.delays_of(paired.pairs.iter());
        // A pair that may be wrong must not say how long delivery takes: only people who came once tell.
        let is_sure =
            |pair: &&pairing::Pair| self.event(pair.event).is_some_and(|event| several.get(event.person).len() == 1);
        let grace = self.grace_by(&self.delays_of(paired.pairs.iter().filter(is_sure)));
        let mut again = PlHashMap::default();
        let mut given: PlHashMap<u32, pairing::Pair> = PlHashMap::default();
        let mut rooms: PlHashMap<u32, usize> = PlHashMap::default();
        let mut among = None;
        // Each round settles records for good, so there are no more rounds than records; hardly ever more than two.
        loop {
            let mut people = PlHashSet::default();
            for whose in again::misplaced(self, &paired.pairs, grace, &several, among.as_ref()) {
                let (record, event, first) = match whose {
                    Whose::Again { record, event } => (record, event, None),
                    Whose::First(pair) => (pair.record, pair.event, Some(pair)),
                };
                let Some(of) = self.event(event).filter(|_| !given.contains_key(&record)) else { continue };
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
                break;
            }
            // Whose record it is not may have another, and that one may have been another's.
            let mut events: Vec<u32> = people.iter().flat_map(|person| several.get(*person)).copied().collect();
            events.sort_unstable();
            let records = &self.records.all;
            let rows = (0..records.len()).map(number).filter(|row| {
                records.get(*row as usize).is_some_and(|record| people.contains(&record.person))
                    && !again.contains_key(row)
                    && !given.contains_key(row)
            });
            paired.keep(&events, &given);
            paired.by_time(self.book, &events, records, rows.collect(), self.slack, &typed);
            delays = self.delays_of(paired.pairs.iter());
            among = Some(people);
        }
        self.again = again;
        self.keys_unknown = paired.keys_unknown > paired.keys_known;
        let mut of_event: PlHashMap<u32, Vec<pairing::Pair>> = PlHashMap::default();
        for pair in &paired.pairs {
            of_event.entry(pair.event).or_default().push(*pair);
        }
        for number in self.events {
            let Some(event) = self.event(*number) else { continue };
            let Some(pairs) = of_event.get_mut(number) else { continue };
            pairs.sort_by_key(|pair| {
                let span = self.records.all.get(pair.record as usize).and_then(|record| record.span);
                (span.map(|span| span.start), pair.record)
            });
            for (lead, pair) in event.leads.iter().zip(pairs.iter()) {
                self.answers.insert(*lead, Answer { record: pair.record, evidence: pair.evidence, delivered: true });
            }
        }
        self.set_grace(delays)
    }

    /// When each genuine event was received, and how long it took to its first record.
    fn delays_of<'p>(&self, pairs: impl Iterator<Item = &'p pairing::Pair>) -> Vec<(i64, i64)> {
        let mut first: PlHashMap<u32, (Span, u32)> = PlHashMap::default();
        for pair in pairs {
            let Some(span) = self.records.all.get(pair.record as usize).and_then(|record| record.span) else {
                continue;
            };
            let known = first.entry(pair.event).or_insert((span, pair.record));
            if (span.start, pair.record) < (known.0.start, known.1) {
                *known = (span, pair.record);
            }
        }
        let mut delays: Vec<(i64, i64)> = first
            .into_iter()
            .filter_map(|(number, (span, _))| {
                let event = self.event(number).filter(|event| self.is_genuine(event))?;
                Some((self.received(event), span.delay(self.received(event)).max(0)))
            })
            .collect();
        delays.sort_unstable();
        delays
    }
}
