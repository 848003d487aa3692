//! The verdict of every lead at one destination, and what every marketplace record is.

use polars::prelude::{PlHashMap, PlHashSet};

use crate::codes::{kind, link, reason, unexplained, verdict};
use crate::contact;
use crate::reconcile::answers::{Answer, Answers};
use crate::reconcile::clock::Clock;
use crate::reconcile::events::{Event, Lead, number};
use crate::reconcile::evidence::{Evidence, Slack, could_answer, forms_of_key, key_forms};
use crate::reconcile::inference::Keeps;
use crate::reconcile::ledger::Ledger;
use crate::reconcile::records::{Delivers, Record};
use crate::tabular::readings::Refused;
use crate::time::HOUR;

/// What became of one lead at one destination.
#[derive(Clone, Copy)]
pub(super) struct Outcome<'a> {
    pub verdict: &'static str,
    pub reason: &'static str,
    /// Its number among the destination's records.
    pub record: Option<u32>,
    pub match_weight: Option<f64>,
    pub matched_by: Option<&'a str>,
    pub delay: Option<i64>,
    pub late: bool,
    pub trial: bool,
}

impl Outcome<'_> {
    pub(super) fn excluded(reason: &'static str) -> Self {
        Self::without_record(verdict::EXCLUDED, reason)
    }

    fn without_record(verdict: &'static str, reason: &'static str) -> Self {
        Outcome {
            verdict,
            reason,
            record: None,
            match_weight: None,
            matched_by: None,
            delay: None,
            late: false,
            trial: false,
        }
    }
}

/// A marketplace record that is no first delivery.
pub(super) struct Role {
    pub record: u32,
    /// What it is instead.
    pub why: &'static str,
    /// The event that it delivers again, or that should not have been sent.
    pub event: Option<u32>,
}

/// What the marketplace records are.
pub(super) struct Roles {
    /// Those that are no first delivery, in the order of the records.
    pub others: Vec<Role>,
    pub first_deliveries: usize,
}

/// One destination's books, settled: which record accounts for which lead.
pub(super) struct Settled<'b, 'a> {
    pub ledger: Ledger<'b, 'a>,
    /// The clock that its records' times were read by.
    pub clock: Clock,
    pub slack: Slack,
    pub keeps: Keeps,
    pub answers: Answers,
    /// In a person destination: events of people whom it may know by a record that the export does not reach back to.
    pub known_out_of_sight: PlHashSet<u32>,
    /// Leads of whose person a row of the export could not be read: by row of the book.
    pub unreadable: PlHashSet<u32>,
}

/// The reason that a kind of lead is excluded for, wherever it goes.
pub(super) fn excluded_kind(of: &str) -> Option<&'static str> {
    Some(match of {
        kind::TEST => reason::TEST_LEAD,
        kind::DO_NOT_CONTACT => reason::DO_NOT_CONTACT,
        kind::WITHHELD => reason::WITHHELD,
        kind::INTERNAL => reason::INTERNAL,
        _ => return None,
    })
}

impl<'a> Settled<'_, 'a> {
    /// Finds the leads that no record answers and of whose person a row was refused: it may be the record.
    pub(super) fn find_unreadable(&mut self, refused: &Refused) {
        let destination = &self.ledger.destination.name;
        if !refused.any(destination) {
            return;
        }
        let columns = ["email", "phone", "first_name", "last_name"]
            .map(|name| contact::COLUMNS.iter().position(|column| *column == name).unwrap_or(usize::MAX));
        let typed = |row: u32| {
            let typed = self.ledger.book.typed_in(row as usize);
            columns.map(|column| typed.get(column).copied().flatten())
        };
        let events = self.ledger.each_event();
        let waiting = events
            .flat_map(|(_, event)| &event.leads)
            .copied()
            .filter(|row| !self.answers.of_lead.contains_key(row))
            .filter(|row| refused.names(destination, typed(*row)))
            .collect();
        self.unreadable = waiting;
    }

    /// Tells the verdict of every routed lead, by row of the book.
    pub(super) fn each_outcome(&self, mut tell: impl FnMut(u32, &Outcome<'a>)) {
        for (number, event) in self.ledger.each_event() {
            for (place, row) in event.leads.iter().enumerate() {
                let Some(lead) = self.ledger.lead(*row) else { continue };
                let answer = self.answers.of_lead.get(row).copied();
                let excluded = excluded_kind(lead.kind).or((place > 0).then_some(reason::REPEAT_DELIVERY));
                let mut outcome = match (excluded, answer) {
                    (Some(reason), _) => Outcome::excluded(reason),
                    (None, Some(answer)) => self.matched(number, lead, answer),
                    (None, None) => self.unmatched(number, *row, lead),
                };
                if let Some((answer, record)) = answer.and_then(|a| Some((a, self.ledger.record(a.record)?))) {
                    outcome.record = Some(answer.record);
                    outcome.match_weight = record.match_weight;
                    outcome.matched_by = match answer.evidence {
                        Evidence::Key => Some(link::KEY),
                        _ => record.matched_by,
                    };
                    // Of a time that is a day, or an hour that came twice, the lead's own instant is as likely as any.
                    outcome.delay = record.span.map(|span| match span.width {
                        HOUR.. => span.delay(lead.received),
                        _ => span.start - lead.received,
                    });
                }
                tell(*row, &outcome);
            }
        }
    }

    /// In a person destination only people without an earlier record are trials.
    fn is_trial(&self, event: u32) -> bool {
        !self.keeps.per_person || self.answers.first_contacts.contains(&event)
    }

    fn matched(&self, number: u32, lead: &Lead<'_>, answer: Answer) -> Outcome<'a> {
        let record = self.ledger.record(answer.record);
        let reason = match record {
            _ if !answer.delivered => reason::PERSON_KNOWN,
            Some(record) if record.converted || record.delivers == Delivers::ContactBesideLeads => reason::CONVERTED,
            Some(record) if record.gone => reason::GONE_SINCE,
            _ => reason::DELIVERED,
        };
        let delay = record.and_then(|record| record.span).map(|span| span.delay(lead.received));
        // A contact is made when sales convert: it tells nothing about the delay.
        let is_timed = record.is_none_or(|record| record.delivers != Delivers::ContactBesideLeads);
        let trial = self.is_trial(number);
        Outcome {
            late: is_timed && trial && delay.is_some_and(|delay| delay > self.answers.waited.grace),
            trial,
            ..Outcome::without_record(verdict::MATCHED, reason)
        }
    }

    fn unmatched(&self, number: u32, row: u32, lead: &Lead<'_>) -> Outcome<'a> {
        let view = self.ledger.view;
        let is_before = view.from.is_some_and(|from| lead.received < from);
        // What might still have come when it was last read in whole, was not concluded then either.
        let is_since = |since: Option<i64>| {
            since.is_none_or(|since| lead.received >= since.saturating_sub(self.answers.waited.grace))
        };
        let silence = view.silent.filter(|(_, since)| is_since(*since)).map(|(why, _)| why);
        let (verdict, reason) = match view.until.filter(|_| view.readable) {
            _ if is_before || self.known_out_of_sight.contains(&number) => (verdict::EXCLUDED, reason::OUT_OF_SIGHT),
            _ if silence.is_some() => (verdict::PENDING, silence.unwrap_or(reason::NO_EXPORT)),
            None => (verdict::PENDING, reason::NO_EXPORT),
            Some(until) if lead.received > until => (verdict::PENDING, reason::AFTER_LAST_RECORD),
            Some(until) if lead.received > until.saturating_sub(self.answers.waited.grace) => {
                (verdict::PENDING, reason::GRACE)
            }
            Some(_) if self.unreadable.contains(&row) => (verdict::PENDING, reason::RECORD_UNREADABLE),
            Some(_) => (verdict::MISSED, reason::ISOLATED),
        };
        let trial = verdict != verdict::EXCLUDED && self.is_trial(number);
        Outcome { trial, ..Outcome::without_record(verdict, reason) }
    }

    /// Says of every marketplace record what it is.
    pub(super) fn roles(&self) -> Roles {
        // Records that account for leads, and whether for do-not-contact leads alone.
        let mut used: PlHashMap<u32, bool> = PlHashMap::default();
        for (lead, answer) in &self.answers.of_lead {
            let is_dnc = self.ledger.lead(*lead).is_some_and(|lead| lead.kind == kind::DO_NOT_CONTACT);
            used.entry(answer.record).and_modify(|dnc| *dnc = *dnc && is_dnc).or_insert(is_dnc);
        }
        let named = Named::of(&self.ledger, self.keeps.per_person);
        let mut roles = Roles { others: Vec::new(), first_deliveries: 0 };
        for (row, record) in self.ledger.records.all.iter().enumerate() {
            let row = number(row);
            let again = self.answers.again.get(&row).copied();
            let (why, event) = match used.get(&row) {
                _ if record.is_test && record.delivers.can() => (unexplained::TEST_LEAD, None),
                Some(true) => (unexplained::DO_NOT_CONTACT, None),
                Some(false) => {
                    roles.first_deliveries += usize::from(record.delivers.can());
                    continue;
                }
                None if !(record.marketplace && record.delivers.can()) && again.is_none() => continue,
                None if record.is_dnc => (unexplained::DO_NOT_CONTACT, None),
                None => {
                    let event = again.or_else(|| named.event_of(record)).or_else(|| self.nearest_event(record));
                    (self.role_beside(event, record), event)
                }
            };
            roles.others.push(Role { record: row, why, event });
        }
        roles
    }

    /// What a record is that delivers this event again, or none.
    fn role_beside(&self, event: Option<u32>, record: &Record<'_>) -> &'static str {
        match event.map(|event| self.ledger.event(event).map_or(kind::GENUINE, |event| self.ledger.kind(event))) {
            Some(kind::DO_NOT_CONTACT) => unexplained::DO_NOT_CONTACT,
            Some(_) => unexplained::FURTHER_DELIVERY,
            None if !record.offer_known => unexplained::UNKNOWN_OFFER,
            None => unexplained::NO_LEAD,
        }
    }

    /// Of the events of the record's person that it could be of, the nearest in time.
    fn nearest_event(&self, record: &Record<'_>) -> Option<u32> {
        let of_person = self.ledger.events_of.get(record.person).iter();
        let of_person = of_person.filter_map(|number| Some((*number, self.ledger.event(*number)?)));
        let could_be_of =
            |event: &Event| self.keeps.per_person || could_answer(self.ledger.book, event, record, self.slack);
        let delay = |event: &Event| record.span.map(|span| span.delay(self.ledger.received(event)).abs());
        of_person
            .filter(|(_, event)| could_be_of(event))
            .min_by_key(|(number, event)| (delay(event), *number))
            .map(|(number, _)| number)
    }
}

/// Events by what names them: the keys of their leads, and where the CRM merges on it, the address.
struct Named {
    by_key: PlHashMap<String, u32>,
    by_address: PlHashMap<String, u32>,
}

impl Named {
    fn of(ledger: &Ledger<'_, '_>, per_person: bool) -> Self {
        let mut named = Named { by_key: PlHashMap::default(), by_address: PlHashMap::default() };
        let has_keys = ledger.records.all.iter().any(|record| record.key.is_some());
        for (number, event) in ledger.each_event() {
            if per_person {
                for address in ledger.addresses(event) {
                    named.by_address.entry(address).or_insert(number);
                }
            }
            if has_keys {
                for form in ledger.book.leads_of(event).flat_map(key_forms) {
                    named.by_key.entry(form).or_insert(number);
                }
            }
        }
        named
    }

    fn event_of(&self, record: &Record<'_>) -> Option<u32> {
        let by_key = record.key.and_then(|key| forms_of_key(key).iter().find_map(|form| self.by_key.get(form)));
        by_key.or_else(|| record.email.as_deref().and_then(|email| self.by_address.get(email))).copied()
    }
}
