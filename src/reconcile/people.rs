//! One destination's books where it keeps one record for each person: whom it knows, and whom a lead made known.
//!
//! A lead is matched if the destination holds a record of its person, or of its e-mail, since such a CRM merges on the
//! address. It was delivered if it made the record, or provably updated it; else the person is only known, which proves
//! nothing.

use polars::prelude::{PlHashMap, PlHashSet};

use super::events::{Event, NOBODY, TEN_MINUTES, number};
use super::ledger::{Answer, Ledger};
use super::pairing::{self, Evidence};
use crate::contact;
use crate::error::Result;

impl Ledger<'_, '_> {
    /// One record for each person: whether the destination knows him, and whether this lead made or changed the record.
    pub(super) fn look_up_people(&mut self) -> Result<()> {
        let mut by_person: PlHashMap<u32, Vec<u32>> = PlHashMap::default();
        let mut by_email: PlHashMap<&str, Vec<u32>> = PlHashMap::default();
        let mut by_key: PlHashMap<String, Vec<u32>> = PlHashMap::default();
        for (row, record) in self.records.all.iter().enumerate() {
            if record.is_test || record.object == "opportunity" {
                continue;
            }
            if record.person != NOBODY {
                by_person.entry(record.person).or_default().push(number(row));
            }
            if let Some(email) = &record.email {
                by_email.entry(email).or_default().push(number(row));
            }
            if let Some(key) = record.key {
                by_key.entry(key.to_lowercase()).or_default().push(number(row));
            }
        }
        let next_lead = self.next_leads();
        let mut found: Vec<(u32, Vec<u32>)> = Vec::with_capacity(self.events.len());
        let mut delays = Vec::new();
        for number in self.events {
            let Some(event) = self.event(*number) else { continue };
            let mut rows: Vec<u32> = by_person.get(&event.person).cloned().unwrap_or_default();
            for lead in event.leads.iter().filter_map(|row| self.lead(*row)) {
                if let Some(email) = lead.email.and_then(contact::normalised_email) {
                    rows.extend(by_email.get(email.as_str()).into_iter().flatten());
                }
                for key in pairing::key_forms(lead.id, lead.source_key) {
                    rows.extend(by_key.get(&key).into_iter().flatten());
                }
            }
            let time = |row: &u32| self.records.all.get(*row as usize).and_then(|r| r.span).map(|span| span.start);
            rows.sort_unstable_by_key(|row| (time(row), *row));
            rows.dedup();
            let received = self.received(event);
            if self.is_genuine(event) && self.had_no_record(&rows, received) {
                self.first_contacts.insert(*number, true);
                // A record made after the person's next lead is that one's, and tells nothing about this one's delay.
                let next_lead = next_lead.get(number).copied().unwrap_or(i64::MAX);
                let made = rows.iter().filter_map(|row| self.records.all.get(*row as usize));
                let made = made.filter(|record| record.delivers.can()).find_map(|record| record.span);
                let made = made.filter(|span| span.start < next_lead.saturating_sub(TEN_MINUTES));
                delays.extend(made.map(|span| (received, span.delay(received).max(0))));
            }
            found.push((*number, rows));
        }
        drop((by_person, by_email, by_key));
        self.set_grace(delays)?;
        for (number, rows) in found {
            let Some(event) = self.event(number) else { continue };
            let genuine = self.is_genuine(event);
            let Some(answer) = self.answer_for_person(event, &rows) else { continue };
            // What is excluded is answered only by its own record: a known person proves nothing about it.
            if let (true, Some(lead)) = (genuine || answer.delivered, event.leads.first()) {
                self.answers.insert(*lead, answer);
            }
        }
        self.know_by_former_address();
        Ok(())
    }

    /// Sales correct the address of a record; the CRM had merged on the one that its lead typed.
    fn know_by_former_address(&mut self) {
        let addresses = |event: &Event| -> Vec<String> {
            let leads = event.leads.iter().filter_map(|row| self.lead(*row));
            leads.filter_map(|lead| lead.email.and_then(contact::normalised_email)).collect()
        };
        let mut record_of: PlHashMap<String, u32> = PlHashMap::default();
        let all: PlHashSet<String> = self.events.iter().filter_map(|n| self.event(*n)).flat_map(addresses).collect();
        for event in self.events.iter().filter_map(|number| self.event(*number)) {
            let answer = event.leads.first().and_then(|lead| self.answers.get(lead));
            let Some((answer, record)) = answer.and_then(|a| Some((a, self.records.all.get(a.record as usize)?)))
            else {
                continue;
            };
            // An address that nobody typed was put there by sales, over one that this person typed.
            let is_corrected = record.email.as_ref().is_some_and(|email| !all.contains(email));
            if answer.delivered || (is_corrected && record.person == event.person) {
                for address in addresses(event) {
                    record_of.entry(address).or_insert(answer.record);
                }
            }
        }
        let mut known = Vec::new();
        for event in self.events.iter().filter_map(|number| self.event(*number)) {
            let Some(lead) = event.leads.first().filter(|lead| !self.answers.contains_key(*lead)) else { continue };
            if self.is_genuine(event)
                && let Some(record) = addresses(event).iter().find_map(|address| record_of.get(address))
            {
                known.push((*lead, Answer { record: *record, evidence: Evidence::Time, delivered: false }));
            }
        }
        self.answers.extend(known);
    }

    /// Events of people who came before the export's first record, or whose address did: whatever became of this lead,
    /// a record of them may stand where the export does not reach, and such a CRM makes no second one.
    pub(super) fn known_out_of_sight(&self) -> PlHashSet<u32> {
        let Some(from) = self.from else { return PlHashSet::default() };
        let (mut people, mut addresses) = (PlHashSet::default(), PlHashSet::default());
        let events = || self.events.iter().filter_map(|number| Some((*number, self.event(*number)?)));
        let emails = |event: &Event| -> Vec<String> {
            let leads = event.leads.iter().filter_map(|row| self.lead(*row));
            leads.filter_map(|lead| lead.email.and_then(contact::normalised_email)).collect()
        };
        for (_, event) in events().filter(|(_, event)| self.received(event) < from) {
            people.extend((event.person != NOBODY).then_some(event.person));
            addresses.extend(emails(event));
        }
        let is_known = |event: &Event| {
            people.contains(&event.person) || emails(event).iter().any(|email| addresses.contains(email))
        };
        events()
            .filter(|(_, event)| self.received(event) >= from && is_known(event))
            .map(|(number, _)| number)
            .collect()
    }

    /// When each event's person came again, for those who did.
    fn next_leads(&self) -> PlHashMap<u32, i64> {
        let mut next = PlHashMap::default();
        for (_, events) in self.events_by_person().all() {
            let mut events = events.to_vec();
            let at = |number: &u32| self.event(*number).map_or(0, |event| self.received(event));
            events.sort_unstable_by_key(|number| (at(number), *number));
            next.extend(events.windows(2).filter_map(|pair| Some((*pair.first()?, at(pair.get(1)?)))));
        }
        next
    }

    /// Whether no record of the person is older than the lead. `rows` are in the order of time, unknown times first.
    fn had_no_record(&self, rows: &[u32], received: i64) -> bool {
        rows.first()
            .and_then(|row| self.records.all.get(*row as usize))
            .is_none_or(|record| record.span.is_some_and(|span| span.delay(received) >= -self.slack.of(span.width)))
    }

    fn answer_for_person(&self, event: &Event, rows: &[u32]) -> Option<Answer> {
        let received = self.received(event);
        let forms: Vec<String> = event
            .leads
            .iter()
            .filter_map(|row| self.lead(*row))
            .flat_map(|lead| pairing::key_forms(lead.id, lead.source_key))
            .collect();
        let mut best: Option<((Evidence, i64, u32), Answer)> = None;
        let in_window = |slack: i64, delay: i64| (-slack..=self.grace).contains(&delay);
        for row in rows {
            let Some(record) = self.records.all.get(*row as usize) else { continue };
            let has_key = record.key.is_some_and(|key| forms.contains(&key.to_lowercase()));
            let evidence = if has_key {
                Some(Evidence::Key)
            } else {
                pairing::evidence(event, record.action, record.offer).filter(|_| record.delivers.can())
            };
            let Some(evidence) = evidence else { continue };
            let made = record
                .span
                .map(|span| span.delay(received))
                .filter(|delay| in_window(record.span.map_or(TEN_MINUTES, |span| self.slack.of(span.width)), *delay));
            // A lead source that names this lead, on a record last changed just then, was written by this lead.
            let updated = record
                .modified
                .map(|at| at - received)
                .filter(|delay| evidence == Evidence::LeadSource && in_window(TEN_MINUTES, *delay));
            let Some(delay) = made.or(updated).or(has_key.then_some(i64::MAX)) else { continue };
            let rank = (evidence, delay.abs(), *row);
            if best.is_none_or(|(known, _)| rank < known) {
                best = Some((rank, Answer { record: *row, evidence, delivered: true }));
            }
        }
        let known = || {
            // The person's own record before one that only shares the address; the oldest that still stands.
            rows.iter()
                .copied()
                .min_by_key(|row| {
                    let record = self.records.all.get(*row as usize);
                    (record.is_none_or(|r| r.person != event.person), record.is_none_or(|r| r.gone))
                })
                .map(|record| Answer { record, evidence: Evidence::Time, delivered: false })
        };
        best.map(|(_, answer)| answer).or_else(known)
    }
}
