//! Which records come into question for one lead at one destination, and why each does or does not account for it.
//!
//! Asks finished tables the questions that the pairing asks: what can deliver, what the lead source names, when the
//! record was made, and who took it in the end. `explain` puts the answers into words.

use polars::prelude::{PlHashMap, PlHashSet};

use crate::codes::unexplained;
use crate::contact;
use crate::error::Result;
use crate::reconcile::destination;
use crate::reconcile::events::{Event, NOBODY, number};
use crate::reconcile::evidence::{Evidence, Slack, could_answer, evidence, is_key_of, key_forms};
use crate::reconcile::ledger::Ledger;
use crate::reconcile::likeness::{Contact, is_same};
use crate::reconcile::pairing;
use crate::reconcile::records::{Delivers, Record};
use crate::tables::{Coverage, CrmRecords, Reconciliation, Table, UnexplainedRecords};

/// The tables of a finished run that are asked.
#[derive(Clone, Copy)]
pub struct Finished<'a> {
    /// All records.
    pub records: &'a Table<CrmRecords>,
    /// What each export can speak for.
    pub coverage: &'a Table<Coverage>,
    /// One verdict per lead and destination.
    pub reconciliation: &'a Table<Reconciliation>,
    /// Records that are no first delivery.
    pub unexplained: &'a Table<UnexplainedRecords>,
}

/// A record that came into question for a lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Considered {
    /// Its row of `crm_records`.
    pub row: usize,
    /// Whether it is of the lead's person or address, carries its key or accounts for it; else it is the nearest record
    /// of somebody else.
    pub own: bool,
    /// What ties it to the lead: `key`, `lead source`, `person and time`; none where it cannot be its delivery.
    pub evidence: Option<&'static str>,
    /// Contact columns in which record and lead agree.
    pub agrees: Vec<&'static str>,
    /// Contact columns in which they differ.
    pub differs: Vec<&'static str>,
    /// Why it accounts for the lead, or does not.
    pub why: Why,
}

/// Why a record accounts for a lead, or does not.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// It accounts for this lead.
    Taken,
    /// It is a test lead.
    Test,
    /// It cannot be the delivery of any lead.
    CannotDeliver(Delivers),
    /// Its lead source names another action.
    OtherAction,
    /// Its lead source names another offer.
    OtherOffer,
    /// Its key is that of another lead, or of one that no source holds.
    OtherKey,
    /// It was there before the lead.
    Before,
    /// It accounts for these leads instead.
    AnswersOthers(Vec<String>),
    /// It delivers this lead again, or the one named, which has a record of its own.
    Again(Option<String>),
    /// It accounts for no lead, for a reason of `unexplained_records`.
    Unexplained(String),
    /// It is another person's.
    OtherPerson,
    /// The lead has a record that fits better.
    Spare,
    /// It could be this lead's, and is not by the verdicts of that run.
    NotChosen,
}

/// The records that come into question for the lead in a row of the book, in the order of their ids, and the nearest of
/// somebody else. `first_row`: where the destination's rows of `crm_records` begin.
pub(super) fn considered<'l>(
    ledger: &'l Ledger<'l, '_>,
    lead: usize,
    finished: Finished<'l>,
    first_row: usize,
) -> Result<Vec<Considered>> {
    let asked = Asked::of(ledger, lead, finished)?;
    Ok(asked.map_or_else(Vec::new, |asked| asked.considered(first_row)))
}

/// One lead and its destination, as far as records are compared with it.
struct Asked<'l, 'a> {
    ledger: &'l Ledger<'l, 'a>,
    event: &'l Event,
    slack: Slack,
    per_person: bool,
    lead_id: &'l str,
    email: Option<String>,
    contact: Contact,
    keys: Vec<String>,
    /// Records whose key says whose they are.
    bound: PlHashSet<u32>,
    /// Record to the leads that it accounts for.
    answers: PlHashMap<&'l str, Vec<&'l str>>,
    /// Records that are no first delivery: what they are instead, and the lead that they deliver again.
    roles: PlHashMap<&'l str, (&'l str, Option<&'l str>)>,
    is_answered: bool,
}

impl<'l, 'a> Asked<'l, 'a> {
    fn of(ledger: &'l Ledger<'l, 'a>, row: usize, finished: Finished<'l>) -> Result<Option<Self>> {
        let Some(lead) = ledger.lead(number(row)) else { return Ok(None) };
        let Some(event) = ledger.event(lead.event) else { return Ok(None) };
        let name = ledger.destination.name.as_str();
        let table = finished.reconciliation;
        let (ids, records) = (table.text("lead_id")?, table.text("record_id")?);
        let mut answers: PlHashMap<&str, Vec<&str>> = PlHashMap::default();
        for (at, (lead, record)) in table.text("destination")?.iter().zip(ids.iter().zip(records.iter())) {
            if let (true, Some(lead), Some(record)) = (at == Some(name), lead, record) {
                answers.entry(record).or_default().push(lead);
            }
        }
        let table = finished.unexplained;
        let (ids, reasons, again) = (table.text("record_id")?, table.text("reason")?, table.text("lead_id")?);
        let role = |at: usize| Some((ids.get(at)?, (reasons.get(at)?, again.get(at))));
        let roles = table.rows_of(name)?.filter_map(role).collect();
        let (slack, keeps) = destination::measure(ledger);
        Ok(Some(Asked {
            ledger,
            event,
            slack,
            per_person: keeps.per_person,
            lead_id: lead.id,
            email: lead.email.and_then(contact::normalised_email),
            contact: Contact::of(ledger.book.typed_in(row)),
            keys: key_forms(lead),
            bound: pairing::bound(ledger.book, ledger.events, &ledger.records.all),
            is_answered: answers.values().flatten().any(|answered| *answered == lead.id),
            answers,
            roles,
        }))
    }

    /// `first_row`: where the destination's rows begin.
    fn considered(&self, first_row: usize) -> Vec<Considered> {
        let mut nearest: Option<(u64, usize)> = None;
        let mut considered = Vec::new();
        for (place, record) in self.ledger.records.all.iter().enumerate() {
            if self.is_own(record) {
                considered.push(self.tell(place, first_row, true));
            } else if self.evidence(record).is_some()
                && let Some(made) = record.created
            {
                let distance = made.abs_diff(self.ledger.received(self.event));
                nearest = nearest.min(Some((distance, place))).or(Some((distance, place)));
            }
        }
        considered.extend(nearest.map(|(_, place)| self.tell(place, first_row, false)));
        considered
    }

    fn has_key(&self, record: &Record<'_>) -> bool {
        record.key.is_some_and(|key| is_key_of(key, &self.keys))
    }

    fn is_of_person(&self, record: &Record<'_>) -> bool {
        record.person != NOBODY && record.person == self.event.person
    }

    fn is_of_address(&self, record: &Record<'_>) -> bool {
        record.email.is_some() && record.email == self.email
    }

    fn is_taken(&self, record: &Record<'_>) -> bool {
        self.answers.get(record.id).is_some_and(|leads| leads.contains(&self.lead_id))
    }

    fn is_own(&self, record: &Record<'_>) -> bool {
        self.is_taken(record) || self.has_key(record) || self.is_of_person(record) || self.is_of_address(record)
    }

    /// What ties a record to the lead, but for time and person.
    fn evidence(&self, record: &Record<'_>) -> Option<Evidence> {
        if record.is_test || record.object == "opportunity" {
            return None;
        }
        if self.has_key(record) {
            return Some(Evidence::Key);
        }
        evidence(self.event, record.action, record.offer).filter(|_| record.delivers.can())
    }

    fn tell(&self, place: usize, first_row: usize, own: bool) -> Considered {
        let record = &self.ledger.records.all[place];
        let shown = Contact::of(self.ledger.shown(number(place)));
        let (mut agrees, mut differs) = (Vec::new(), Vec::new());
        for (column, (typed, shown)) in contact::COLUMNS.into_iter().zip(self.contact.fields.iter().zip(&shown.fields))
        {
            if let (Some(typed), Some(shown)) = (typed, shown) {
                if is_same(typed, shown) { &mut agrees } else { &mut differs }.push(column);
            }
        }
        Considered {
            row: first_row + place,
            own,
            evidence: self.evidence(record).map(|evidence| match evidence {
                Evidence::Key => "key",
                Evidence::LeadSource => "lead source",
                Evidence::Time => "person and time",
            }),
            agrees,
            differs,
            why: self.why(place, record),
        }
    }

    fn why(&self, place: usize, record: &Record<'_>) -> Why {
        if self.is_taken(record) {
            return Why::Taken;
        }
        self.cannot_be(place, record).unwrap_or_else(|| self.is_instead(record))
    }

    /// Why it cannot be the lead's delivery, whatever became of other leads.
    fn cannot_be(&self, place: usize, record: &Record<'_>) -> Option<Why> {
        if record.is_test {
            return Some(Why::Test);
        }
        if self.has_key(record) && record.delivers != Delivers::Opportunity {
            return None;
        }
        if !record.delivers.can() {
            return Some(Why::CannotDeliver(record.delivers));
        }
        if evidence(self.event, record.action, record.offer).is_none() {
            let names_action = record.action != 0 && self.event.action != 0 && record.action != self.event.action;
            return Some(if names_action { Why::OtherAction } else { Why::OtherOffer });
        }
        if self.bound.contains(&number(place)) {
            return Some(Why::OtherKey);
        }
        let could_be = could_answer(self.ledger.book, self.event, record, self.slack);
        (!could_be).then_some(Why::Before)
    }

    /// What a record that could be the lead's delivery is instead.
    fn is_instead(&self, record: &Record<'_>) -> Why {
        if let Some(leads) = self.answers.get(record.id) {
            return Why::AnswersOthers(leads.iter().map(|lead| (*lead).to_owned()).collect());
        }
        match self.roles.get(record.id) {
            Some((unexplained::FURTHER_DELIVERY, Some(lead))) => {
                return Why::Again(Some(*lead).filter(|lead| *lead != self.lead_id).map(str::to_owned));
            }
            Some((reason, _)) => return Why::Unexplained((*reason).to_owned()),
            None => {}
        }
        let merges_on_address = self.per_person && self.is_of_address(record);
        match () {
            () if !self.is_of_person(record) && !merges_on_address => Why::OtherPerson,
            () if self.is_answered => Why::Spare,
            () => Why::NotChosen,
        }
    }
}
