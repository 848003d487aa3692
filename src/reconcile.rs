//! One verdict for every lead at every destination: matched, missed, pending or excluded, and why.
//!
//! Makes `verdicts` and `unexplained_records` from leads, identities, CRM records and what their exports can speak for.
//! Outages and causes refine `missed` afterwards; the books are balanced by `balance`, which does not trust this.
//! The rules are those of the design (words, reasons, rules): events, routing, who can deliver, pairs nearest first.

mod again;
mod clock;
mod considered;
mod events;
mod gate;
mod inference;
mod ledger;
mod origin;
mod pairing;
mod people;
mod per_lead;
mod records;
mod sight;
mod unclaimed;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use polars::prelude::*;

use crate::codes::{Finding, kind, reason};
use crate::config::{Destination, Offer};
use crate::error::Result;
use crate::tables::{Coverage, CrmRecords, Identities, Leads, Table, UnexplainedRecords, Verdicts};
use clock::Clock;
use events::{Book, NOBODY, number};
use ledger::{Ledger, Outcome};
use records::Records;

pub use considered::{Considered, Finished, Why};
pub use gate::{Gated, gates};
pub use sight::cannot_show;

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

/// What a destination's export tells about itself, shown by `check` and in the report.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Inferred {
    /// Name of the destination.
    pub destination: String,
    /// `lead` or `person`.
    pub records_per: &'static str,
    /// `configured`, `inferred`, or `kind` where too few people tell.
    pub records_per_from: &'static str,
    /// People with several leads and a record, by which `records_per` is inferred.
    pub people_with_several_leads: usize,
    /// Those of them with one record only.
    pub people_with_one_record: usize,
    /// Time within which a delivered lead shows up.
    pub grace_seconds: i64,
    /// `configured`, `delays`, or `default` until there are fifty delays.
    pub grace_from: &'static str,
    /// Delays seen.
    pub delays: usize,
    /// Median of the delays seen, in seconds.
    pub median_delay_seconds: Option<i64>,
    /// Zone that the export's times are of, where they were read in another.
    pub zone: Option<String>,
    /// Whether only records with a marketplace lead source deliver.
    pub shows_lead_source: bool,
    /// Leads before this are out of sight.
    pub from: Option<DateTime<Utc>>,
    /// The export speaks for leads up to this, less grace.
    pub until: Option<DateTime<Utc>>,
    /// Records that account for a lead.
    pub first_deliveries: usize,
    /// Records of leads that have one.
    pub further_deliveries: usize,
    /// Records of test and do-not-contact leads.
    pub should_not_be_there: usize,
    /// Records that no lead accounts for.
    pub unexplained: usize,
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
        let mut clocks = Vec::with_capacity(self.destinations.len());
        for (index, destination) in self.destinations.iter().enumerate() {
            let events = self.routes.events_of(index);
            let own = records.part(records.rows_of(&destination.name)?);
            let own = Records::of(&own, &self.book, destination)?;
            let ledger = Ledger::new(&self.book, own, destination, events, View::default(), Clock::AsRead);
            clocks.push(ledger.recognise_clock());
        }
        let of_name = self.destinations.iter().map(|d| d.name.as_str()).zip(&clocks).collect();
        let crm_records = clock::on_time(records, &of_name, self.as_of_ends_at)?;
        Ok(OnTime { crm_records, clocks })
    }

    /// Gives every lead its verdict at every destination.
    ///
    /// # Errors
    /// When a setting (`records_per`, `grace`) is contradicted by the data.
    pub fn verdicts(&self, on_time: &OnTime, coverage: &Table<Coverage>) -> Result<Reconciled> {
        let Expected { book, destinations, routes, as_of_ends_at, .. } = self;
        let all = &on_time.crm_records;
        let views = Views::new(coverage)?;
        let mut rows = Rows::new(destinations, self.lead_ids.len());
        let mut odd = Odd::default();
        let mut inferred = Vec::with_capacity(destinations.len());
        let mut findings = Vec::new();
        for ((index, destination), clock) in destinations.iter().enumerate().zip(&on_time.clocks) {
            let view = views.of(&destination.name, as_of_ends_at.timestamp_micros());
            let place = all.rows_of(&destination.name)?;
            let own = all.part(place.clone());
            let own = Records::of(&own, book, destination)?;
            let mut ledger = Ledger::new(book, own, destination, routes.events_of(index), view, clock.clone());
            ledger.settle()?;
            findings.extend(ledger.findings());
            inferred.push(ledger.inferred());
            ledger.each_outcome(|lead, outcome| rows.push(lead, &destination.name, outcome, place.start));
            odd.extend(&destination.name, &ledger);
        }
        for (row, lead) in book.leads.iter().enumerate() {
            if routes.is_nowhere(row) {
                let reason = excluded_kind(lead.kind).unwrap_or(reason::NOT_ROUTED);
                rows.push(number(row), "", &Outcome::excluded(reason), 0);
            }
        }
        let verdicts = rows.table(book, self.lead_ids, all)?;
        Ok(Reconciled { verdicts, unexplained: odd.table()?, destinations: inferred, findings })
    }
}

/// The reason that a kind of lead is excluded for, wherever it goes.
fn excluded_kind(of: &str) -> Option<&'static str> {
    Some(match of {
        kind::TEST => reason::TEST_LEAD,
        kind::DO_NOT_CONTACT => reason::DO_NOT_CONTACT,
        kind::WITHHELD => reason::WITHHELD,
        kind::INTERNAL => reason::INTERNAL,
        _ => return None,
    })
}

/// Which events go where. A lead without an offer id is tried by its title.
struct Routes {
    /// For each destination its events.
    events: Vec<Vec<u32>>,
    /// For each lead whether it goes nowhere.
    nowhere: Vec<bool>,
}

impl Routes {
    fn new(book: &Book<'_>, destinations: &[Destination]) -> Self {
        let mut known: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut events = vec![Vec::new(); destinations.len()];
        let mut nowhere = vec![true; book.leads.len()];
        for (index, event) in book.events.iter().enumerate() {
            let name = book.first(event).and_then(|lead| lead.offer_id.or(lead.title)).unwrap_or_default();
            let goes_to = known.entry(name).or_insert_with(|| {
                let fits = |d: &Destination| d.offers.iter().any(|pattern| pattern.matches(name));
                destinations.iter().enumerate().filter(|(_, d)| fits(d)).map(|(place, _)| place).collect()
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

    fn events_of(&self, destination: usize) -> &[u32] {
        self.events.get(destination).map_or(&[], Vec::as_slice)
    }

    fn is_nowhere(&self, lead: usize) -> bool {
        self.nowhere.get(lead).copied().unwrap_or_default()
    }
}

/// What the exports can speak for, as read.
struct Views {
    of: HashMap<String, View>,
}

#[derive(Clone, Copy, Default)]
struct View {
    readable: bool,
    from: Option<i64>,
    until: Option<i64>,
    as_of_ends_at: i64,
}

impl Views {
    fn new(coverage: &Table<Coverage>) -> Result<Self> {
        let (from, until) = (coverage.instants("from")?, coverage.instants("until")?);
        let readable = coverage.flags("readable")?;
        let of = coverage
            .texts("destination")?
            .into_iter()
            .enumerate()
            .map(|(row, name)| {
                let view = View {
                    readable: readable.get(row).copied().unwrap_or_default(),
                    from: from.get(row).copied().flatten(),
                    until: until.get(row).copied().flatten(),
                    as_of_ends_at: i64::MAX,
                };
                (name.unwrap_or_default().to_owned(), view)
            })
            .collect();
        Ok(Views { of })
    }

    fn of(&self, destination: &str, as_of_ends_at: i64) -> View {
        View { as_of_ends_at, ..self.of.get(destination).copied().unwrap_or_default() }
    }
}

/// Rows of `verdicts`, as numbers: texts are taken from the tables that hold them when all rows are known, column by
/// column and in the order of the table, so that millions of rows are never in memory twice.
struct Rows {
    rows: Vec<Row>,
    /// Names of destinations, verdicts, reasons and evidence; none first.
    words: Vec<String>,
    numbers: HashMap<String, u16>,
}

struct Row {
    lead: u32,
    destination: u16,
    verdict: u16,
    reason: u16,
    matched_by: u16,
    /// Row of `crm_records`.
    record: Option<u32>,
    match_weight: Option<f64>,
    /// In microseconds.
    delay: Option<i64>,
    late: bool,
    trial: bool,
}

impl Rows {
    /// Names of destinations get their numbers first, in the order of the names; the empty one is before all.
    fn new(destinations: &[Destination], leads: usize) -> Self {
        let mut rows = Rows {
            rows: Vec::with_capacity(leads.saturating_mul(destinations.len().max(1))),
            words: Vec::new(),
            numbers: HashMap::new(),
        };
        let mut names: Vec<&str> = destinations.iter().map(|destination| destination.name.as_str()).collect();
        names.sort_unstable();
        for name in std::iter::once("").chain(names) {
            rows.number(name);
        }
        rows
    }

    fn number(&mut self, word: &str) -> u16 {
        if let Some(known) = self.numbers.get(word) {
            return *known;
        }
        // Fewer than a hundred: names in the configuration and codes of ours.
        let next = u16::try_from(self.words.len()).unwrap_or(u16::MAX);
        self.words.push(word.to_owned());
        self.numbers.insert(word.to_owned(), next);
        next
    }

    /// `first_record`: row of `crm_records` at which the destination's records begin.
    fn push(&mut self, lead: u32, destination: &str, outcome: &Outcome<'_>, first_record: usize) {
        let row = Row {
            lead,
            destination: self.number(destination),
            verdict: self.number(outcome.verdict),
            reason: self.number(outcome.reason),
            matched_by: self.number(outcome.matched_by.unwrap_or_default()),
            record: outcome.record.map(|record| number(first_record + record as usize)),
            match_weight: outcome.match_weight,
            delay: outcome.delay,
            late: outcome.late,
            trial: outcome.trial,
        };
        self.rows.push(row);
    }

    fn table(
        mut self,
        book: &Book<'_>,
        lead_ids: &StringChunked,
        crm_records: &Table<CrmRecords>,
    ) -> Result<Table<Verdicts>> {
        // Leads and the numbers of destinations are in the order of the key.
        self.rows.sort_unstable_by_key(|row| (row.lead, row.destination));
        let words: StringChunked = self.words.iter().map(|word| Some(word.as_str())).collect();
        let person_ids: StringChunked = book.person_ids.iter().map(|id| Some(*id)).collect();
        let lead = |row: &Row| book.leads.get(row.lead as usize);
        let taken = |name: &str, from: &StringChunked, which: &dyn Fn(&Row) -> Option<u32>| -> Result<Column> {
            let rows: IdxCa = self.rows.iter().map(which).collect();
            Ok(from.take(&rows)?.with_name(name.into()).into_column())
        };
        let word = |name: &str, which: &dyn Fn(&Row) -> u16| taken(name, &words, &|row| Some(u32::from(which(row))));
        let event = |row: &Row| book.events.get(lead(row)?.event as usize)?.leads.first().copied();
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a few years")]
        let seconds = |row: &Row| row.delay.map(|delay| delay as f64 / 1e6);
        let received = self.rows.iter().map(|row| lead(row).map(|lead| lead.received)).collect();
        let columns = vec![
            taken("lead_id", lead_ids, &|row| Some(row.lead))?,
            taken("person_id", &person_ids, &|row| Some(lead(row)?.person).filter(|person| *person != NOBODY))?,
            word("destination", &|row| row.destination)?,
            word("verdict", &|row| row.verdict)?,
            word("reason", &|row| row.reason)?,
            taken("record_id", crm_records.text("record_id")?, &|row| row.record)?,
            self.numbers_of("match_weight", &|row| row.match_weight),
            taken("matched_by", &words, &|row| Some(u32::from(row.matched_by)).filter(|_| row.matched_by != 0))?,
            self.numbers_of("delay_seconds", &seconds),
            taken("event_id", lead_ids, &|row| event(row).or(Some(row.lead)))?,
            self.flags("late", &|row| row.late),
            self.flags("trial", &|row| row.trial),
            instants("received_at", received)?.into_column(),
        ];
        Table::new(DataFrame::new(self.rows.len(), columns)?)
    }

    fn numbers_of(&self, name: &str, which: &dyn Fn(&Row) -> Option<f64>) -> Column {
        let values: Float64Chunked = self.rows.iter().map(which).collect_ca(name.into());
        values.into_column()
    }

    fn flags(&self, name: &str, which: &dyn Fn(&Row) -> bool) -> Column {
        let values: BooleanChunked = self.rows.iter().map(|row| Some(which(row))).collect_ca(name.into());
        values.into_column()
    }
}

/// Rows of `unexplained_records`.
#[derive(Default)]
struct Odd {
    destination: Vec<String>,
    record_id: Vec<String>,
    created_at: Vec<Option<i64>>,
    lead_source: Vec<Option<String>>,
    reason: Vec<&'static str>,
    lead_id: Vec<Option<String>>,
}

impl Odd {
    fn extend(&mut self, destination: &str, ledger: &Ledger<'_, '_>) {
        for role in &ledger.roles {
            let Some(record) = ledger.records.all.get(role.record as usize) else { continue };
            let lead = role.event.and_then(|event| ledger.book.first(ledger.event(event)?));
            self.destination.push(destination.to_owned());
            self.record_id.push(record.id.to_owned());
            self.created_at.push(record.created);
            self.lead_source.push(record.lead_source.map(str::to_owned));
            self.reason.push(role.why);
            self.lead_id.push(lead.map(|lead| lead.id.to_owned()));
        }
    }

    fn table(self) -> Result<Table<UnexplainedRecords>> {
        let mut frame = df!(
            "destination" => self.destination,
            "record_id" => self.record_id,
            "lead_source" => self.lead_source,
            "reason" => self.reason,
            "lead_id" => self.lead_id,
        )?;
        frame.with_column(instants("created_at", self.created_at)?.into())?;
        Table::new(frame)
    }
}

fn instants(name: &str, values: Vec<Option<i64>>) -> Result<Series> {
    Ok(Series::new(name.into(), values).cast(&crate::tables::Kind::Instant.dtype())?)
}

#[cfg(test)]
pub(crate) mod tests;
