//! Which record answers which event, in a destination that keeps one record for each lead.
//!
//! Pairs are taken nearest first by (evidence, distance in time, match weight, lead_id, record_id), each record once
//! and each event as often as it was delivered (design: records_per = "lead"). That is not the largest number of pairs,
//! which would move a loss onto a neighbour.
//!
//! Each event proposes its best free record; the best proposal of all is taken; whose record is gone proposes again.
//! A free record is found by halving paths over records in time, so the work is n log n but for a person whose whole
//! backlog points to the same few records.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use polars::prelude::{PlHashMap, PlHashSet};

use crate::reconcile::events::{Book, NOBODY, number};
use crate::reconcile::evidence::{Evidence, Slack, evidence, forms_of_key, key_forms};
use crate::reconcile::offers::{Code, Named};
use crate::reconcile::records::{Record, Span};

/// A record that answers an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub event: u32,
    pub record: u32,
    pub evidence: Evidence,
    /// Record later than the nearest delivery: positive.
    pub delay: i64,
}

/// Further than any distance: pairs without a time come last.
const FAR: i64 = i64::MAX / 4;

/// Pairs `events` (numbers into the book) with the records that can deliver.
///
/// `typed` tells how much a record's contact differs from what an event's lead typed, for leads that are equally near.
pub(super) fn pair(
    book: &Book<'_>,
    events: &[u32],
    records: &[Record<'_>],
    slack: Slack,
    typed: &dyn Fn(u32, u32) -> i64,
) -> Pairing {
    let mut pairing = by_key(book, events, records);
    let rows = (0..records.len()).map(number).collect();
    pairing.by_time(book, events, records, rows, slack, typed);
    pairing
}

/// Which records answer which events, and what keys say.
pub(super) struct Pairing {
    pub pairs: Vec<Pair>,
    /// Records whose key names an event.
    pub keys_known: usize,
    /// Records whose key names none.
    pub keys_unknown: usize,
    /// Records whose key names an event: they answer nobody else. A key that no lead has is no evidence.
    bound: PlHashSet<u32>,
}

impl Pairing {
    /// Of the pairs of these events keeps those by key, and takes in those that are `given`, by record.
    pub(super) fn keep(&mut self, events: &[u32], given: &PlHashMap<u32, Pair>) {
        let events: PlHashSet<u32> = events.iter().copied().collect();
        self.pairs.retain(|pair| pair.evidence == Evidence::Key || !events.contains(&pair.event));
        let mut given: Vec<Pair> = given.values().filter(|pair| events.contains(&pair.event)).copied().collect();
        given.sort_unstable_by_key(|pair| pair.record);
        self.pairs.extend(given);
    }

    /// Adds pairs of events that have room with those of these records that can deliver and carry no key.
    pub(super) fn by_time(
        &mut self,
        book: &Book<'_>,
        events: &[u32],
        records: &[Record<'_>],
        rows: Vec<u32>,
        slack: Slack,
        typed: &dyn Fn(u32, u32) -> i64,
    ) {
        let mut rooms: PlHashMap<u32, usize> = PlHashMap::with_capacity_and_hasher(events.len(), Default::default());
        for event in events {
            rooms.insert(*event, book.events.get(*event as usize).map_or(0, |event| event.leads.len()));
        }
        for pair in &self.pairs {
            if let Some(room) = rooms.get_mut(&pair.event) {
                *room = room.saturating_sub(1);
            }
        }
        let mut free = rows;
        free.retain(|row| {
            records.get(*row as usize).is_some_and(|r| r.delivers.can() && !r.is_test && r.person != NOBODY)
                && !self.bound.contains(row)
        });
        let mut free = FreeRecords::new(records, free, slack, typed);
        let mut proposals = BinaryHeap::with_capacity(events.len());
        for event in events {
            if rooms.get(event).is_some_and(|room| *room > 0) {
                proposals.extend(free.propose(book, *event).map(Reverse));
            }
        }
        while let Some(Reverse(proposal)) = proposals.pop() {
            if free.is_free(proposal.slot) {
                free.take(proposal.slot);
                self.pairs.push(Pair {
                    event: proposal.event,
                    record: proposal.record,
                    evidence: proposal.evidence,
                    delay: proposal.delay,
                });
                let Some(room) = rooms.get_mut(&proposal.event) else { continue };
                *room -= 1;
                if *room == 0 {
                    continue;
                }
            }
            proposals.extend(free.propose(book, proposal.event).map(Reverse));
        }
    }
}

/// Records whose key says whose they are: they answer nobody else.
pub(super) fn bound(book: &Book<'_>, events: &[u32], records: &[Record<'_>]) -> PlHashSet<u32> {
    by_key(book, events, records).bound
}

/// The pairs of records that carry a key.
fn by_key(book: &Book<'_>, events: &[u32], records: &[Record<'_>]) -> Pairing {
    let mut keyed = Pairing { pairs: Vec::new(), keys_known: 0, keys_unknown: 0, bound: PlHashSet::default() };
    if records.iter().all(|record| record.key.is_none()) {
        return keyed;
    }
    let mut events_of: PlHashMap<String, Vec<(u32, u32)>> = PlHashMap::default();
    for event in events {
        for row in book.events.get(*event as usize).map_or(&[][..], |event| &event.leads) {
            let Some(lead) = book.leads.get(*row as usize) else { continue };
            for form in key_forms(lead) {
                let known = events_of.entry(form).or_default();
                if !known.contains(&(*event, *row)) {
                    known.push((*event, *row));
                }
            }
        }
    }
    let mut candidates = Vec::new();
    for (row, record) in records.iter().enumerate() {
        let Some(key) = record.key.filter(|_| record.object != "opportunity") else { continue };
        let Some(found) = forms_of_key(key).iter().find_map(|form| events_of.get(form)) else {
            keyed.keys_unknown += 1;
            continue;
        };
        keyed.keys_known += 1;
        keyed.bound.insert(number(row));
        for (event, lead) in found {
            let received = book.leads.get(*lead as usize).map_or(0, |lead| lead.received);
            let delay = record.span.map_or(FAR, |span| span.delay(received));
            candidates.push((delay.abs(), record.weight_rank, *lead, number(row), *event, delay));
        }
    }
    candidates.sort_unstable();
    let mut taken = PlHashMap::default();
    let mut rooms: PlHashMap<u32, usize> = PlHashMap::default();
    for (_, _, _, record, event, delay) in candidates {
        let room =
            rooms.entry(event).or_insert_with(|| book.events.get(event as usize).map_or(0, |event| event.leads.len()));
        if *room > 0 && taken.insert(record, event).is_none() {
            *room -= 1;
            keyed.pairs.push(Pair { event, record, evidence: Evidence::Key, delay });
        }
    }
    keyed
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Proposal {
    evidence: Evidence,
    distance: i64,
    /// Between equally near leads of one person: fields that differ from what was typed, less those that agree.
    typed: i64,
    weight_rank: i64,
    lead: u32,
    record: u32,
    event: u32,
    slot: usize,
    delay: i64,
}

/// Free records, sorted so that what one event may take lies together in time.
struct FreeRecords<'r, 'a> {
    records: &'r [Record<'a>],
    /// Rows of `records`.
    slots: Vec<u32>,
    groups: Vec<Group>,
    /// The next slot that may be free, itself included; one past the end stands for none.
    next: Vec<usize>,
    /// The slot before that may be free, itself included, plus one; 0 stands for none.
    before: Vec<usize>,
    slack: Slack,
    typed: &'r dyn Fn(u32, u32) -> i64,
}

struct Group {
    person: u32,
    action: Code,
    offer: Named,
    width: Option<i64>,
    from: usize,
    to: usize,
}

impl<'r, 'a> FreeRecords<'r, 'a> {
    fn new(records: &'r [Record<'a>], mut slots: Vec<u32>, slack: Slack, typed: &'r dyn Fn(u32, u32) -> i64) -> Self {
        let of = |row: &u32| &records[*row as usize];
        let sort = |row: &u32| {
            let r = of(row);
            let span = r.span.map(|span| (span.width, span.start));
            (r.person, r.action, r.offer, span.map(|s| s.0), span.map(|s| s.1), r.weight_rank, *row)
        };
        slots.sort_unstable_by_key(sort);
        let mut groups: Vec<Group> = Vec::new();
        for (slot, row) in slots.iter().enumerate() {
            let r = of(row);
            let width = r.span.map(|span| span.width);
            match groups.last_mut() {
                Some(g) if (g.person, g.action, g.offer, g.width) == (r.person, r.action, r.offer, width) => {
                    g.to = slot + 1;
                }
                _ => groups.push(Group {
                    person: r.person,
                    action: r.action,
                    offer: r.offer,
                    width,
                    from: slot,
                    to: slot + 1,
                }),
            }
        }
        let next = (0..=slots.len()).collect();
        let before = (0..=slots.len()).collect();
        FreeRecords { records, slots, groups, next, before, slack, typed }
    }

    fn start(&self, slot: usize) -> i64 {
        self.slots.get(slot).and_then(|row| self.records[*row as usize].span).map_or(FAR, |span| span.start)
    }

    fn is_free(&self, slot: usize) -> bool {
        self.next[slot] == slot
    }

    fn take(&mut self, slot: usize) {
        self.next[slot] = slot + 1;
        self.before[slot + 1] = slot;
    }

    /// The first free slot from here on.
    fn first_from(&mut self, slot: usize) -> usize {
        let mut at = slot;
        while self.next[at] != at {
            self.next[at] = self.next[self.next[at]];
            at = self.next[at];
        }
        at
    }

    /// The last free slot before this one.
    fn last_before(&mut self, slot: usize) -> Option<usize> {
        let mut at = slot;
        while self.before[at] != at {
            self.before[at] = self.before[self.before[at]];
            at = self.before[at];
        }
        at.checked_sub(1)
    }

    fn propose(&mut self, book: &Book<'_>, number: u32) -> Option<Proposal> {
        let event = book.events.get(number as usize)?;
        let lead = *event.leads.first()?;
        let from = self.groups.partition_point(|group| group.person < event.person);
        let to = self.groups.partition_point(|group| group.person <= event.person);
        let mut best: Option<Proposal> = None;
        for index in from..to {
            let Some(group) = self.groups.get(index) else { continue };
            let Some(evidence) = evidence(event, group.action, group.offer) else { continue };
            let (first, last, width) = (group.from, group.to, group.width);
            for row in &event.leads {
                let Some(received) = book.leads.get(*row as usize).map(|lead| lead.received) else { continue };
                for (slot, delay) in self.nearest(first, last, width, received).into_iter().flatten() {
                    let Some(record) = self.slots.get(slot).copied() else { continue };
                    let proposal = Proposal {
                        evidence,
                        distance: self.slack.distance(delay),
                        typed: if delay == 0 { (self.typed)(number, record) } else { 0 },
                        weight_rank: self.records[record as usize].weight_rank,
                        lead,
                        record,
                        event: number,
                        slot,
                        delay,
                    };
                    if best.is_none_or(|known| proposal < known) {
                        best = Some(proposal);
                    }
                }
            }
        }
        best
    }

    /// The nearest free slots of a group: one at or after the lead, one before it. Each with its delay.
    fn nearest(&mut self, from: usize, to: usize, width: Option<i64>, received: i64) -> [Option<(usize, i64)>; 2] {
        let Some(width) = width else {
            let slot = self.first_from(from);
            return [(slot < to).then_some((slot, FAR)), None];
        };
        let after = from
            + self.slots[from..to].partition_point(|row| {
                self.records[*row as usize].span.is_some_and(|span| span.start.saturating_add(span.width) <= received)
            });
        let mut slot = self.first_from(after);
        let mut found = None;
        if slot < to {
            let start = self.start(slot);
            found = Some((slot, (start - received).max(0)));
            // All that contain the instant are equally near: the better weight, then the smaller id.
            let rank = |free: &Self, slot: usize| {
                let row = free.slots[slot];
                (free.records[row as usize].weight_rank, row)
            };
            if start <= received {
                let mut best = slot;
                loop {
                    slot = self.first_from(slot + 1);
                    if slot >= to || self.start(slot) > received {
                        break;
                    }
                    if rank(self, slot) < rank(self, best) {
                        best = slot;
                    }
                }
                return [Some((best, 0)), None];
            }
        }
        let earlier = self.last_before(after).filter(|slot| *slot >= from).and_then(|slot| {
            let start = self.start(slot);
            let delay = Span { start, width }.delay(received);
            // Of records made at the same time, the first in the order of weight.
            let run = from
                + self.slots[from..to]
                    .partition_point(|row| self.records[*row as usize].span.is_some_and(|span| span.start < start));
            (delay >= -self.slack.of(width)).then(|| (self.first_from(run), delay))
        });
        [found, earlier]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reconcile::events::{Event, Lead, TEN_MINUTES};
    use crate::reconcile::offers::{Codes, Offers};
    use crate::reconcile::records::Delivers;
    use crate::time::{MINUTE, SECOND};

    fn record(n: usize, action: Code, offer: u32, start: i64, width: i64, weight: i64) -> Record<'static> {
        Record {
            id: Box::leak(format!("r{n:03}").into_boxed_str()),
            object: "lead",
            span: Some(Span { start, width }),
            modified: None,
            person: 0,
            weight_rank: weight,
            match_weight: None,
            matched_by: None,
            email: None,
            action,
            offer: if offer == 0 { Named::Nothing } else { Named::Id(offer) },
            offer_known: true,
            key: None,
            lead_source: None,
            created: Some(start),
            is_test: false,
            is_dnc: false,
            marketplace: true,
            converted: false,
            gone: false,
            absorbed: false,
            delivers: Delivers::Yes,
        }
    }

    /// The rule as it is written: all pairs, sorted, taken from the front.
    fn by_definition(book: &Book<'_>, records: &[Record<'_>]) -> Vec<(u32, u32)> {
        let mut pairs = Vec::new();
        for (e, event) in book.events.iter().enumerate() {
            for (r, record) in records.iter().enumerate() {
                let Some(evidence) = evidence(event, record.action, record.offer) else { continue };
                let span = record.span.unwrap();
                let delay = event
                    .leads
                    .iter()
                    .map(|row| span.delay(book.leads[*row as usize].received))
                    .min_by_key(|d| d.abs());
                let allowed =
                    event.leads.iter().any(|row| span.delay(book.leads[*row as usize].received) >= -TEN_MINUTES);
                if allowed {
                    pairs.push((evidence, delay.unwrap().abs(), record.weight_rank, event.leads[0], r, e));
                }
            }
        }
        pairs.sort_unstable();
        let mut rooms: Vec<usize> = book.events.iter().map(|event| event.leads.len()).collect();
        let mut taken = vec![false; records.len()];
        let mut result = Vec::new();
        for (_, _, _, _, r, e) in pairs {
            if rooms[e] > 0 && !taken[r] {
                rooms[e] -= 1;
                taken[r] = true;
                result.push((number(e), number(r)));
            }
        }
        result.sort_unstable();
        result
    }

    proptest! {
        #[test]
        fn pairs_are_those_of_the_definition(
            events in proptest::collection::vec((0..3u32, 0..3u32, 0..400i64, 1..3usize), 0..12),
            records in proptest::collection::vec((0..3u32, 0..3u32, 0..400i64, 0..3i64), 0..14),
            minutes in 1..6i64,
        ) {
            let mut book = Book {
                leads: Vec::new(),
                events: Vec::new(),
                offers: Offers::default(),
                actions: Codes::default(),
                people: std::collections::HashMap::new(),
                person_ids: Vec::new(),
                contacts: Vec::new(),
            };
            for (action, offer, at, deliveries) in events {
                let mut event = Event {
                    person: 0,
                    action,
                    offer: if offer == 0 { Named::Nothing } else { Named::Id(offer) },
                    leads: Vec::new(),
                };
                for n in 0..deliveries {
                    event.leads.push(number(book.leads.len()));
                    book.leads.push(Lead {
                        id: "",
                        source_key: "",
                        person: 0,
                        received: (at + n as i64) * MINUTE,
                        kind: "genuine",
                        offer_id: None,
                        title: None,
                        email: None,
                        event: 0,
                    });
                }
                book.events.push(event);
            }
            let records: Vec<Record<'_>> = records
                .into_iter()
                .enumerate()
                .map(|(n, (action, offer, at, weight))| {
                    record(n, action, offer, at * MINUTE, if n % 3 == 0 { SECOND } else { minutes * MINUTE }, weight)
                })
                .collect();
            let all: Vec<u32> = (0..book.events.len()).map(number).collect();
            let mut found: Vec<(u32, u32)> =
                pair(&book, &all, &records, Slack::default(), &|_, _| 0).pairs.iter().map(|p| (p.event, p.record)).collect();
            found.sort_unstable();
            prop_assert_eq!(found, by_definition(&book, &records));
        }
    }
}
