//! Where a destination keeps one record for each person: whom it knows, and whom a lead made known.
//!
//! A lead is matched if the destination holds a record of its person, or of its e-mail, since such a CRM merges on the
//! address. It was delivered if it made the record, or provably updated it; else the person is only known, which proves
//! nothing.

use polars::prelude::{PlHashMap, PlHashSet};

use crate::error::Result;
use crate::reconcile::answers::{Answer, Answers};
use crate::reconcile::events::{Event, NOBODY, TEN_MINUTES, number};
use crate::reconcile::evidence::{Evidence, Slack, evidence, forms_of_key, is_key_of, key_forms};
use crate::reconcile::inference::Waited;
use crate::reconcile::ledger::Ledger;

/// One record for each person: whether the destination knows him, and whether this lead made or changed the record.
pub(super) fn answers(ledger: &Ledger<'_, '_>, slack: Slack) -> Result<Answers> {
    let index = Index::of(ledger);
    let next_lead = next_leads(ledger);
    let mut found: Vec<(&Event, Vec<u32>)> = Vec::with_capacity(ledger.events.len());
    let mut first_contacts = PlHashSet::default();
    let mut delays = Vec::new();
    for (number, event) in ledger.each_event() {
        let rows = index.records_of(ledger, event);
        let received = ledger.received(event);
        if ledger.is_genuine(event) && had_no_record(ledger, slack, &rows, received) {
            first_contacts.insert(number);
            // A record made after the person's next lead is that one's, and tells nothing about this one's delay.
            let next_lead = next_lead.get(&number).copied().unwrap_or(i64::MAX);
            let made = rows.iter().filter_map(|row| ledger.record(*row));
            let made = made.filter(|record| record.delivers.can()).find_map(|record| record.span);
            let made = made.filter(|span| span.start < next_lead.saturating_sub(TEN_MINUTES));
            delays.extend(made.map(|span| (received, span.delay(received).max(0))));
        }
        found.push((event, rows));
    }
    drop(index);
    let waited = Waited::of(ledger.destination, delays)?;
    let mut of_lead = PlHashMap::default();
    for (event, rows) in found {
        let Some(answer) = answer(ledger, slack, waited.grace, event, &rows) else { continue };
        // What is excluded is answered only by its own record: a known person proves nothing about it.
        if let (true, Some(lead)) = (ledger.is_genuine(event) || answer.delivered, event.leads.first()) {
            of_lead.insert(*lead, answer);
        }
    }
    let known = known_by_former_address(ledger, &of_lead);
    of_lead.extend(known);
    Ok(Answers { of_lead, again: PlHashMap::default(), first_contacts, waited, keys_unknown: false })
}

/// Records by what such a CRM may know a person by.
struct Index<'l> {
    by_person: PlHashMap<u32, Vec<u32>>,
    by_email: PlHashMap<&'l str, Vec<u32>>,
    by_key: PlHashMap<String, Vec<u32>>,
}

impl<'l> Index<'l> {
    fn of(ledger: &'l Ledger<'_, '_>) -> Self {
        let mut index =
            Index { by_person: PlHashMap::default(), by_email: PlHashMap::default(), by_key: PlHashMap::default() };
        for (row, record) in ledger.records.all.iter().enumerate() {
            if record.is_test || record.object == "opportunity" {
                continue;
            }
            if record.person != NOBODY {
                index.by_person.entry(record.person).or_default().push(number(row));
            }
            if let Some(email) = &record.email {
                index.by_email.entry(email).or_default().push(number(row));
            }
            if let Some(key) = record.key {
                for form in forms_of_key(key) {
                    index.by_key.entry(form).or_default().push(number(row));
                }
            }
        }
        index
    }

    /// The records of an event's person, addresses and keys, oldest first; unknown times before all.
    fn records_of(&self, ledger: &Ledger<'_, '_>, event: &Event) -> Vec<u32> {
        let mut rows: Vec<u32> = self.by_person.get(&event.person).cloned().unwrap_or_default();
        for address in ledger.addresses(event) {
            rows.extend(self.by_email.get(address.as_str()).into_iter().flatten());
        }
        for key in ledger.book.leads_of(event).flat_map(key_forms) {
            rows.extend(self.by_key.get(&key).into_iter().flatten());
        }
        let time = |row: &u32| ledger.record(*row).and_then(|record| record.span).map(|span| span.start);
        rows.sort_unstable_by_key(|row| (time(row), *row));
        rows.dedup();
        rows
    }
}

/// Sales correct the address of a record; the CRM had merged on the one that its lead typed.
fn known_by_former_address(ledger: &Ledger<'_, '_>, of_lead: &PlHashMap<u32, Answer>) -> Vec<(u32, Answer)> {
    let mut record_of: PlHashMap<String, u32> = PlHashMap::default();
    let all: PlHashSet<String> = ledger.each_event().flat_map(|(_, event)| ledger.addresses(event)).collect();
    for (_, event) in ledger.each_event() {
        let answer = event.leads.first().and_then(|lead| of_lead.get(lead));
        let Some((answer, record)) = answer.and_then(|a| Some((a, ledger.record(a.record)?))) else { continue };
        // An address that nobody typed was put there by sales, over one that this person typed.
        let is_corrected = record.email.as_ref().is_some_and(|email| !all.contains(email));
        if answer.delivered || (is_corrected && record.person == event.person) {
            for address in ledger.addresses(event) {
                record_of.entry(address).or_insert(answer.record);
            }
        }
    }
    let known = |(_, event): (u32, &Event)| {
        let lead = event.leads.first().filter(|lead| !of_lead.contains_key(*lead) && ledger.is_genuine(event))?;
        let record = ledger.addresses(event).find_map(|address| record_of.get(&address).copied())?;
        Some((*lead, Answer { record, evidence: Evidence::Time, delivered: false }))
    };
    ledger.each_event().filter_map(known).collect()
}

/// Events of people who came before the export's first record, or whose address did: whatever became of this lead,
/// a record of them may stand where the export does not reach, and such a CRM makes no second one.
pub(super) fn known_out_of_sight(ledger: &Ledger<'_, '_>) -> PlHashSet<u32> {
    let Some(from) = ledger.view.from else { return PlHashSet::default() };
    let (mut people, mut addresses) = (PlHashSet::default(), PlHashSet::default());
    for (_, event) in ledger.each_event().filter(|(_, event)| ledger.received(event) < from) {
        people.extend((event.person != NOBODY).then_some(event.person));
        addresses.extend(ledger.addresses(event));
    }
    let is_known = |event: &Event| {
        people.contains(&event.person) || ledger.addresses(event).any(|address| addresses.contains(&address))
    };
    let events = ledger.each_event().filter(|(_, event)| ledger.received(event) >= from && is_known(event));
    events.map(|(number, _)| number).collect()
}

/// When each event's person came again, for those who did.
fn next_leads(ledger: &Ledger<'_, '_>) -> PlHashMap<u32, i64> {
    let mut next = PlHashMap::default();
    for (_, events) in ledger.events_of.all() {
        let mut events = events.to_vec();
        let at = |number: &u32| ledger.event(*number).map_or(0, |event| ledger.received(event));
        events.sort_unstable_by_key(|number| (at(number), *number));
        next.extend(events.windows(2).filter_map(|pair| Some((*pair.first()?, at(pair.get(1)?)))));
    }
    next
}

/// Whether no record of the person is older than the lead. `rows` are in the order of time, unknown times first.
fn had_no_record(ledger: &Ledger<'_, '_>, slack: Slack, rows: &[u32], received: i64) -> bool {
    rows.first()
        .and_then(|row| ledger.record(*row))
        .is_none_or(|record| record.span.is_some_and(|span| span.delay(received) >= -slack.of(span.width)))
}

/// Of these records the one that the event made or updated, else the one by which its person is known.
fn answer(ledger: &Ledger<'_, '_>, slack: Slack, grace: i64, event: &Event, rows: &[u32]) -> Option<Answer> {
    let received = ledger.received(event);
    let forms: Vec<String> = ledger.book.leads_of(event).flat_map(key_forms).collect();
    let mut best: Option<((Evidence, i64, u32), Answer)> = None;
    let in_window = |slack: i64, delay: i64| (-slack..=grace).contains(&delay);
    for row in rows {
        let Some(record) = ledger.record(*row) else { continue };
        let has_key = record.key.is_some_and(|key| is_key_of(key, &forms));
        let evidence = if has_key {
            Some(Evidence::Key)
        } else {
            evidence(event, record.action, record.offer).filter(|_| record.delivers.can())
        };
        let Some(evidence) = evidence else { continue };
        let made = record.span.map(|span| (slack.of(span.width), span.delay(received)));
        let made = made.filter(|(slack, delay)| in_window(*slack, *delay)).map(|(_, delay)| delay);
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
        let standing = |row: &u32| {
            let record = ledger.record(*row);
            (record.is_none_or(|r| r.person != event.person), record.is_none_or(|r| r.gone))
        };
        let record = rows.iter().copied().min_by_key(standing)?;
        Some(Answer { record, evidence: Evidence::Time, delivered: false })
    };
    best.map(|(_, answer)| answer).or_else(known)
}
