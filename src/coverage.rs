//! CRM records and the readings of the nights → what each destination's exports can speak for, and what looks wrong about them.
//!
//! From when until when, whether converted, closed and deleted records and several owners are in it, and how many
//! records the export before held (design: what an export can speak for). `reconcile` concludes from it which leads are
//! missed; [`lacking`] tells what such a miss may be instead, [`plausible`] when too many are missed to be believed.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;

use crate::codes::outcome::{LOST, QUALIFIED, WON};
use crate::codes::{kind, reason};
use crate::config::{Destination, ExportedAt};
use crate::crm;
use crate::error::Result;
use crate::findings::{AboutExport, Finding};
use crate::lead_source;
use crate::tables::{Coverage, Grain, Kind, Leads, Table};
use crate::tabular::Passed;
use crate::tabular::readings::Judged;
use crate::time::DAY;

mod at_limit;
mod begins;
mod lacking;
mod nights;
mod plausible;
mod shrunk;

use begins::Made;
pub use lacking::{Shown, cannot_show};
pub use nights::{FileRead, Night, NightsRead};
pub use plausible::{Gated, Lost, gates, is_gated};
pub use shrunk::{DOUBTFUL_NIGHTS, judge, judged};

/// The instant, in microseconds, that a time of a destination's export is by the clock that it keeps.
pub type Clocks<'a> = &'a dyn Fn(&str, i64) -> i64;

/// What each destination's exports can speak for, and what a person should know of it.
///
/// `records`: those of [`crate::crm::records`], their times as they are meant, up to the end of the as-of day. `nights`:
/// what was read up to that day, and by which clock each export tells time; `day_ends` gives the first instant after a day.
///
/// # Errors
/// Only for faults of our own.
pub fn measure<T: Grain>(
    records: &Table<T>,
    (nights, clock): (&NightsRead, Clocks),
    leads: &Table<Leads>,
    destinations: &[Destination],
    (as_of_ends_at, day_ends): (DateTime<Utc>, &dyn Fn(NaiveDate) -> DateTime<Utc>),
) -> Result<(Table<Coverage>, Vec<Finding>)> {
    let mut rows: Vec<Row> = Vec::new();
    let mut findings = Vec::new();
    for destination in destinations {
        let own = records.part(records.rows_of(&destination.name)?);
        let last_whole = nights.last_whole(&destination.name);
        let read = Readings {
            tonight: nights.tonight(&destination.name).map(|night| night.judged),
            previous: last_whole.map(|(_, night)| i64::try_from(night.judged.present).unwrap_or(i64::MAX)),
            last_whole: last_whole.map(|(day, night)| spoke_until(night, day_ends(day))),
            passed: nights.passed(&destination.name).on_time(&|at| clock(&destination.name, at)),
        };
        let row = Row::of(&own, destination, &read, leads, as_of_ends_at)?;
        findings.extend(row.findings());
        rows.push(row);
    }
    Ok((table(rows)?, findings))
}

/// What was read of a destination's export.
struct Readings {
    /// Tonight; none where nothing was.
    tonight: Option<Judged>,
    /// Records that the last whole reading before tonight showed.
    previous: Option<i64>,
    /// Until when that reading could speak.
    last_whole: Option<DateTime<Utc>>,
    /// What its strangers tell.
    passed: Passed,
}

/// Until when a reading could speak: it was made in the course of its day, when its file was written or at its last record.
fn spoke_until(night: &Night, end: DateTime<Utc>) -> DateTime<Utc> {
    let last = night.until.and_then(DateTime::from_timestamp_micros);
    [night.judged.exported_at, last].into_iter().flatten().filter(|at| *at <= end).max().unwrap_or(end)
}

/// A row of `coverage`.
struct Row {
    destination: String,
    readable: bool,
    records: i64,
    previous: Option<i64>,
    from: Option<DateTime<Utc>>,
    /// Whether `from` was found and not configured.
    from_found: bool,
    until: Option<DateTime<Utc>>,
    shows_lead_source: bool,
    has_converted: bool,
    has_closed: bool,
    has_deleted: bool,
    owners: i64,
    has_opportunities: bool,
    exported_at: Option<DateTime<Utc>>,
    silent: Option<&'static str>,
    silent_since: Option<DateTime<Utc>>,
}

impl Row {
    fn of<T: Grain>(
        own: &Table<T>,
        destination: &Destination,
        read: &Readings,
        leads: &Table<Leads>,
        as_of_ends_at: DateTime<Utc>,
    ) -> Result<Self> {
        let (objects, outcomes, owner) = (own.text("object")?, own.text("outcome")?, own.text("owner")?);
        let (created, modified) = (own.instants("created_at")?, own.instants("modified_at")?);
        let (present, deleted) = (own.flags("present")?, own.flags("deleted")?);
        let has_leads = objects.iter().any(|object| object == Some("lead"));
        let (statuses, sources) = (own.text("status")?, own.text("lead_source")?);
        let texts: HashSet<&str> = statuses.iter().flatten().collect();
        let given_up: HashSet<&str> =
            texts.into_iter().filter(|text| crm::is_given_up(destination.kind, text)).collect();
        let passed = &read.passed;
        let silent = read.tonight.map_or(Some(reason::NO_EXPORT), |read| read.silent);
        let mut row = Row {
            destination: destination.name.clone(),
            readable: read.tonight.is_some_and(|read| read.silent.is_none()) || own.height() > 0,
            records: i64::try_from(passed.records).unwrap_or(i64::MAX),
            previous: read.previous,
            from: destination.since,
            from_found: false,
            until: None,
            shows_lead_source: lead_source::is_shown(own, &lead_source::test_records(own)?, destination)?,
            has_converted: passed.converted,
            has_closed: passed.closed,
            has_deleted: passed.deleted,
            owners: 0,
            has_opportunities: passed.opportunities > 0,
            exported_at: match destination.exported_at {
                ExportedAt::At(at) => Some(at),
                ExportedAt::Records | ExportedAt::FileTime => read.tonight.and_then(|read| read.exported_at),
            },
            silent,
            silent_since: read.last_whole.filter(|_| silent.is_some()),
        };
        let mut owners = HashSet::new();
        let mut latest = passed.latest;
        for (record, (created, modified)) in created.iter().zip(&modified).enumerate() {
            if objects.get(record) == Some("opportunity") {
                row.has_opportunities = true;
                continue;
            }
            let outcome = outcomes.get(record);
            // A contact beside leads that carries a lead's source shows what was converted as well.
            let is_converted = has_leads && objects.get(record) == Some("contact") && sources.get(record).is_some();
            row.has_converted |= is_converted || matches!(outcome, Some(QUALIFIED | WON));
            row.has_closed |= matches!(outcome, Some(LOST | WON))
                || (outcome != Some(QUALIFIED) && statuses.get(record).is_some_and(|text| given_up.contains(text)));
            row.has_deleted |= deleted.get(record) == Some(&true);
            if present.get(record) == Some(&true) {
                row.records += 1;
                owners.extend(owner.get(record));
                latest = latest.max(*created).max(*modified);
            }
        }
        // Where strangers passed by, owners were counted with them.
        row.owners = i64::try_from(owners.len().max(passed.owners.len())).unwrap_or(i64::MAX);
        let given = row.exported_at.filter(|_| destination.exported_at != ExportedAt::Records);
        let until = given.or_else(|| latest.and_then(DateTime::from_timestamp_micros));
        row.until = until.map(|until| until.min(as_of_ends_at));
        if row.from.is_none() {
            let leads = routed(leads, destination)?;
            row.from = Made::of(own, passed)?.begins(&leads);
            row.from_found = row.from.is_some();
        }
        Ok(row)
    }

    /// What looks wrong about it.
    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(from) = self.from.filter(|_| self.from_found) {
            let about = AboutExport::BeginsAbruptly(from.date_naive());
            findings.push(Finding::list(&self.destination, about, self.records));
        }
        if let Some(previous) = self.previous.filter(|_| self.silent.is_none())
            && previous >= 20
            && self.records * 2 < previous
        {
            findings.push(Finding::mail(&self.destination, AboutExport::HalfSized, previous - self.records));
        }
        findings
    }
}

/// Times of the genuine leads that are routed to a destination, sorted.
fn routed(leads: &Table<Leads>, destination: &Destination) -> Result<Vec<i64>> {
    let (ids, titles, kinds) = (leads.text("offer_id")?, leads.text("offer")?, leads.text("kind")?);
    let mut matches: HashMap<&str, bool> = HashMap::new();
    let mut times = Vec::new();
    for (row, at) in leads.instants("received_at")?.into_iter().enumerate() {
        if kinds.get(row) != Some(kind::GENUINE) {
            continue;
        }
        let offer = ids.get(row).or_else(|| titles.get(row)).unwrap_or("");
        let here = *matches.entry(offer).or_insert_with(|| destination.takes(offer));
        times.extend(at.filter(|_| here));
    }
    times.sort_unstable();
    Ok(times)
}

/// Whether an export shows only what is new, or may: its records begin abruptly, later than leads, its oldest are no longer
/// those of the last whole reading, or it goes back no further than leads are waited for. `shown`: all its records, as
/// though they were strangers'; `young_since`: since when leads are waited for, in microseconds.
///
/// # Errors
/// Only for faults of our own.
pub fn is_window(
    shown: &Passed,
    nights: &NightsRead,
    leads: &Table<Leads>,
    destination: &Destination,
    young_since: i64,
) -> Result<bool> {
    let before = nights.last_whole(&destination.name).and_then(|(_, night)| night.first_made);
    let now = shown.first_made.map(|(at, _)| at);
    // A CRM that is that young is small, and nobody can tell it from a window.
    let may_be = now.is_some_and(|now| now >= young_since);
    if may_be || before.zip(now).is_some_and(|(before, now)| now >= before + DAY) {
        return Ok(true);
    }
    let made = Made { own: Vec::new(), passed: shown };
    let leads = routed(leads, destination)?;
    Ok(made.begins(&leads).is_some())
}

fn table(rows: Vec<Row>) -> Result<Table<Coverage>> {
    let times = |name: &str, get: &dyn Fn(&Row) -> Option<DateTime<Utc>>| -> Result<Column> {
        let micros: Vec<Option<i64>> = rows.iter().map(|row| get(row).map(|at| at.timestamp_micros())).collect();
        Ok(Column::new(name.into(), micros).cast(&Kind::Instant.dtype())?)
    };
    let flags =
        |name: &str, get: &dyn Fn(&Row) -> bool| Column::new(name.into(), rows.iter().map(get).collect::<Vec<_>>());
    let counts = |name: &str, get: &dyn Fn(&Row) -> Option<i64>| {
        Column::new(name.into(), rows.iter().map(get).collect::<Vec<_>>())
    };
    let columns = vec![
        Column::new("destination".into(), rows.iter().map(|row| row.destination.as_str()).collect::<Vec<_>>()),
        flags("readable", &|row| row.readable),
        counts("records", &|row| Some(row.records)),
        counts("previous_records", &|row| row.previous),
        times("from", &|row| row.from)?,
        times("until", &|row| row.until)?,
        flags("shows_lead_source", &|row| row.shows_lead_source),
        flags("has_converted", &|row| row.has_converted),
        flags("has_closed", &|row| row.has_closed),
        flags("has_deleted", &|row| row.has_deleted),
        counts("owners", &|row| Some(row.owners)),
        flags("has_opportunities", &|row| row.has_opportunities),
        times("exported_at", &|row| row.exported_at)?,
        Column::new("silent".into(), rows.iter().map(|row| row.silent).collect::<Vec<_>>()),
        times("silent_since", &|row| row.silent_since)?,
    ];
    Table::new(DataFrame::new(rows.len(), columns)?)
}
