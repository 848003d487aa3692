//! One verdict for every lead at every destination: matched, missed, pending or excluded, and why.
//!
//! Makes `verdicts` and `unexplained_records` from leads, identities, CRM records and what their exports can speak for.
//! Outages and causes refine `missed` afterwards; the books are balanced by `balance`, which does not trust this.
//! The rules are those of the design (words, reasons, rules): events, routing, who can deliver, pairs nearest first.

mod answers;
mod by_content;
mod clock;
mod considered;
mod destination;
mod events;
mod evidence;
mod findings;
mod inference;
mod ledger;
mod likeness;
mod offers;
mod pairing;
mod per_lead;
mod per_person;
mod reassign;
mod records;
mod rows;
mod texts;
mod verdicts;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use polars::prelude::StringChunked;
use rayon::prelude::*;

use crate::codes::{reason, unexplained};
use crate::config::{Destination, Offer};
use crate::error::Result;
use crate::findings::{About, AboutLoss, Finding};
use crate::tables::{Coverage, CrmRecords, Identities, Leads, Table, UnexplainedRecords, Verdicts};
use crate::tabular::readings::Refused;
use clock::Clock;
use events::{Book, number};
use ledger::{Ledger, Routes, View, Views};
use records::Records;
use rows::{Rows, UnexplainedRows};
use verdicts::{Outcome, excluded_kind};

pub use considered::{Considered, Finished, Why};
pub use findings::Inferred;
pub use records::Delivers;

/// What reconciliation gives.
#[derive(Debug)]
pub struct Reconciled {
    /// One verdict per lead and destination routed to, and one row with an empty destination for leads routed nowhere.
    pub verdicts: Table<Verdicts>,
    /// Marketplace records that are no first delivery, each with its reason.
    pub unexplained: Table<UnexplainedRecords>,
    /// What was inferred and counted, in the order of the configuration.
    pub destinations: Vec<Inferred>,
    /// What a person should act on.
    pub findings: Vec<Finding>,
}

impl Reconciled {
    /// Takes out of the findings the records that were made before this: their leads were erased for their age, and that
    /// no lead accounts for them says nothing.
    ///
    /// # Errors
    /// When the table lacks a column: a fault of ours.
    pub fn forgive_before(&mut self, kept_since: DateTime<Utc>) -> Result<()> {
        let table = &self.unexplained;
        // A lead at the very edge may have been erased before its record was made.
        let edge = (kept_since + TimeDelta::days(2)).timestamp_micros();
        let rows =
            table.texts("destination")?.into_iter().zip(table.texts("reason")?).zip(table.instants("created_at")?);
        let mut erased: BTreeMap<&str, i64> = BTreeMap::new();
        for ((name, why), made) in rows {
            if why == Some(unexplained::NO_LEAD) && made.is_none_or(|made| made < edge) {
                *erased.entry(name.unwrap_or_default()).or_default() += 1;
            }
        }
        for found in &mut self.findings {
            if found.about == About::Loss(AboutLoss::RecordWithoutLead) {
                found.count -= erased.get(found.destination.as_str()).copied().unwrap_or(0);
            }
        }
        self.findings.retain(|found| found.count > 0);
        Ok(())
    }
}

/// What should be where: events, and the destinations that each goes to.
pub struct Expected<'a> {
    book: Book<'a>,
    lead_ids: &'a StringChunked,
    destinations: &'a [Destination],
    routes: Routes,
    as_of_ends_at: DateTime<Utc>,
}

/// CRM records at the instants at which they were made, up to the end of the as-of day.
#[derive(Debug)]
pub struct OnTime {
    /// The records, their times read by the clock that their export keeps.
    pub crm_records: Table<CrmRecords>,
    /// That clock, for each destination.
    clocks: Vec<Clock>,
    /// Texts that were found to deliver.
    findings: Vec<Finding>,
}

/// What was found at one destination.
struct AtOne {
    rows: Rows,
    unexplained: UnexplainedRows,
    findings: Vec<Finding>,
    inferred: Inferred,
}

/// How far an export's clock may be off: records that seem to be made so much after the as-of day may be of it.
pub fn farthest_clock() -> TimeDelta {
    clock::FARTHEST
}

impl<'a> Expected<'a> {
    /// Finds the events of the leads and routes them.
    ///
    /// `as_of_ends_at` is the first instant after the as-of day.
    ///
    /// # Errors
    /// When the tables lack a column: a fault of ours.
    pub fn new(
        leads: &'a Table<Leads>,
        identities: &'a Table<Identities>,
        destinations: &'a [Destination],
        offers: &'a [Offer],
        as_of_ends_at: DateTime<Utc>,
    ) -> Result<Self> {
        let book = events::book(leads, identities, offers)?;
        let routes = Routes::new(&book, destinations);
        Ok(Expected { book, lead_ids: leads.text("lead_id")?, destinations, routes, as_of_ends_at })
    }

    /// Finds the clock of each export by the delays of its records, reads all times by it, and leaves out what was
    /// made after the as-of day: only then is known what was. `records` reach [`farthest_clock`] beyond that day.
    ///
    /// # Errors
    /// When the table lacks a column: a fault of ours.
    pub fn on_time(&self, records: &Table<CrmRecords>) -> Result<OnTime> {
        let clock = |(index, destination): (usize, &Destination)| {
            let own = records.part(records.rows_of(&destination.name)?);
            Ok(destination::clock(&self.ledger(index, destination, &own, View::default())?))
        };
        let clocks = self.destinations.par_iter().enumerate().map(clock).collect::<Result<Vec<_>>>()?;
        let of_name = self
            .destinations
            .iter()
            .zip(&clocks)
            .map(|(d, clock)| (d.name.as_str(), (clock, d.timezone.unwrap_or(chrono_tz::UTC))))
            .collect();
        let crm_records = clock::on_time(records, &of_name, self.as_of_ends_at)?;
        let (crm_records, findings) = texts::admit(crm_records, &self.book, self.destinations)?;
        Ok(OnTime { crm_records, clocks, findings })
    }

    /// The instant, in microseconds, that a time of a destination's export is by the clock that was found.
    pub fn read_by_clock(&self, on_time: &OnTime, destination: &str, at: i64) -> i64 {
        let mut clocks = self.destinations.iter().zip(&on_time.clocks);
        clocks.find(|(one, _)| one.name == destination).map_or(at, |(_, clock)| clock.read(at))
    }

    /// Gives every lead its verdict at every destination. `refused`: whom rows of exports name that could not be read.
    ///
    /// # Errors
    /// When a setting (`records_per`, `grace`) is contradicted by the data.
    pub fn verdicts(&self, on_time: &OnTime, coverage: &Table<Coverage>, refused: &Refused) -> Result<Reconciled> {
        let Expected { book, destinations, routes, as_of_ends_at, .. } = self;
        let all = &on_time.crm_records;
        let views = Views::new(coverage, as_of_ends_at.timestamp_micros())?;
        let at_one = |((index, destination), clock): ((usize, &Destination), &Clock)| -> Result<AtOne> {
            let place = all.rows_of(&destination.name)?;
            let own = all.part(place.clone());
            let ledger = self.ledger(index, destination, &own, views.of(&destination.name))?;
            let mut settled = destination::settle(ledger, clock.clone())?;
            settled.find_unreadable(refused);
            let roles = settled.roles();
            let mut rows = Rows::new(destinations);
            settled.each_outcome(|lead, outcome| rows.push(lead, &destination.name, outcome, place.start));
            let mut unexplained = UnexplainedRows::default();
            unexplained.extend(&settled.ledger, &roles.others);
            let (findings, inferred) = (findings::findings(&settled, &roles), findings::inferred(&settled, &roles));
            Ok(AtOne { rows, unexplained, findings, inferred })
        };
        // No destination knows of another: several are settled at once, and put together in their order.
        let settled = destinations.par_iter().enumerate().zip(&on_time.clocks).map(at_one);
        let (mut rows, mut unexplained) = (Rows::new(destinations), UnexplainedRows::default());
        let mut inferred = Vec::with_capacity(destinations.len());
        let mut findings = on_time.findings.clone();
        for one in settled.collect::<Result<Vec<_>>>()? {
            rows.join(one.rows);
            unexplained.join(one.unexplained);
            findings.extend(one.findings);
            inferred.push(one.inferred);
        }
        for (row, lead) in book.leads.iter().enumerate() {
            if routes.is_nowhere(row) {
                let reason = excluded_kind(lead.kind).unwrap_or(reason::NOT_ROUTED);
                rows.push(number(row), "", &Outcome::excluded(reason), 0);
            }
        }
        let verdicts = rows.table(book, self.lead_ids, all)?;
        Ok(Reconciled { verdicts, unexplained: unexplained.table()?, destinations: inferred, findings })
    }

    /// The records that come into question for the lead in a row of `leads` at a destination, in the order of their
    /// ids, and the nearest of somebody else. None for a destination that is not configured.
    ///
    /// # Errors
    /// When the tables lack a column: a fault of ours.
    pub fn considered(
        &self,
        lead: usize,
        destination: &str,
        finished: Finished<'_>,
    ) -> Result<Option<Vec<Considered>>> {
        let known = self.destinations.iter().zip(0..).find(|(known, _)| known.name == destination);
        let Some((destination, index)) = known else { return Ok(None) };
        let place = finished.records.rows_of(&destination.name)?;
        let own = finished.records.part(place.clone());
        let view = Views::new(finished.coverage, self.as_of_ends_at.timestamp_micros())?.of(&destination.name);
        considered::considered(&self.ledger(index, destination, &own, view)?, lead, finished, place.start).map(Some)
    }

    /// `index` of the destination; `own` are its records.
    fn ledger<'b>(
        &'b self,
        index: usize,
        destination: &'b Destination,
        own: &'b Table<CrmRecords>,
        view: View,
    ) -> Result<Ledger<'b, 'b>> {
        let records = Records::of(own, &self.book, destination)?;
        Ok(Ledger::new(&self.book, records, destination, self.routes.events_of(index), view))
    }
}

#[cfg(test)]
pub(crate) mod tests;
