//! CRM records and tonight's reading → what each destination's exports can speak for, and what looks wrong about them.
//!
//! From when until when, whether converted, closed and deleted records and several owners are in it, and how many
//! records the export before held (design: what an export can speak for). That an absent record means a missed lead is
//! concluded in `reconcile`.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Utc};
use polars::prelude::*;

use super::{LOST, QUALIFIED, Read, WON, exported_at};
use crate::codes::{Finding, finding, kind, level};
use crate::config::{Destination, ExportedAt};
use crate::error::Result;
use crate::lead_source;
use crate::tables::{Coverage, Grain, Leads, Table};

/// What each destination's exports can speak for, and what a person should know of it.
///
/// `records`: those of [`super::records`], their times as they are meant, up to the end of the as-of day. `reads`:
/// tonight's reading, one for each destination that could be read at all. `versions`: as for [`super::records`].
///
/// # Errors
/// Only for faults of our own.
pub fn coverage<T: Grain>(
    versions: &DataFrame,
    records: &Table<T>,
    reads: &[Read],
    leads: &Table<Leads>,
    destinations: &[Destination],
    as_of_ends_at: DateTime<Utc>,
) -> Result<(Table<Coverage>, Vec<Finding>)> {
    let mut rows: Vec<Spoken> = Vec::new();
    let mut findings = Vec::new();
    for destination in destinations {
        let own = records.part(records.rows_of(&destination.name)?);
        let read = reads.iter().find(|read| read.destination == destination.name);
        let previous = previous(versions, &destination.name, as_of_ends_at)?;
        let spoken = spoken(&own, destination, read, previous, leads, as_of_ends_at)?;
        tell(&spoken, read, destination, &mut findings);
        rows.push(spoken);
    }
    Ok((table(rows)?, findings))
}

struct Spoken {
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
}

fn spoken<T: Grain>(
    own: &Table<T>,
    destination: &Destination,
    read: Option<&Read>,
    previous: Option<i64>,
    leads: &Table<Leads>,
    as_of_ends_at: DateTime<Utc>,
) -> Result<Spoken> {
    let (objects, outcomes, owner) = (own.text("object")?, own.text("outcome")?, own.text("owner")?);
    let (created, modified) = (own.instants("created_at")?, own.instants("modified_at")?);
    let (present, deleted) = (own.frame().column("present")?.bool()?, own.frame().column("deleted")?.bool()?);
    let mut spoken = Spoken {
        destination: destination.name.clone(),
        readable: read.is_some_and(Read::is_conclusive) || own.height() > 0,
        records: 0,
        previous,
        from: destination.since,
        from_found: false,
        until: None,
        shows_lead_source: lead_source::is_shown(own, &lead_source::test_records(own)?, destination)?,
        has_converted: false,
        has_closed: false,
        has_deleted: false,
        owners: 0,
        has_opportunities: false,
        exported_at: exported_at(destination, read),
    };
    let mut owners = HashSet::new();
    let mut latest: Option<i64> = None;
    let mut made = Vec::new();
    for row in 0..own.height() {
        if objects.get(row) == Some("opportunity") {
            spoken.has_opportunities = true;
            continue;
        }
        let outcome = outcomes.get(row);
        spoken.has_converted |= matches!(outcome, Some(QUALIFIED | WON));
        spoken.has_closed |= matches!(outcome, Some(LOST | WON));
        spoken.has_deleted |= deleted.get(row) == Some(true);
        let times = [created.get(row).copied().flatten(), modified.get(row).copied().flatten()];
        made.extend(times.first().copied().flatten());
        if present.get(row) == Some(true) {
            spoken.records += 1;
            owners.extend(owner.get(row));
            latest = latest.max(times.into_iter().flatten().max());
        }
    }
    spoken.owners = i64::try_from(owners.len()).unwrap_or(i64::MAX);
    spoken.until = match destination.exported_at {
        ExportedAt::Records => latest.and_then(DateTime::from_timestamp_micros),
        ExportedAt::FileTime | ExportedAt::At(_) => {
            spoken.exported_at.or_else(|| latest.and_then(DateTime::from_timestamp_micros))
        }
    }
    .map(|until| until.min(as_of_ends_at));
    if spoken.from.is_none() {
        made.sort_unstable();
        spoken.from = begin(&made, &routed(leads, destination)?);
        // Of a first day without hours nobody knows at which hour it begins.
        let first = made.first().copied();
        let resolution = own.text("resolution")?;
        let is_day = |row| created.get(row).copied().flatten() == first && resolution.get(row) == Some("day");
        if (0..own.height()).any(is_day) {
            spoken.from =
                spoken.from.and(first.and_then(DateTime::from_timestamp_micros)).map(|at| at + TimeDelta::days(1));
        }
        spoken.from_found = spoken.from.is_some();
    }
    Ok(spoken)
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
        let here = *matches.entry(offer).or_insert_with(|| destination.offers.iter().any(|p| p.matches(offer)));
        times.extend(at.filter(|_| here));
    }
    times.sort_unstable();
    Ok(times)
}

/// Where records begin abruptly, later than leads: the export, or the destination, knows nothing earlier.
///
/// Abruptly means that from the first record on there are about as many records as leads. A destination that lost its
/// first leads for another reason looks alike, so this is told as a finding.
fn begin(made: &[i64], leads: &[i64]) -> Option<DateTime<Utc>> {
    const WINDOW: usize = 50;
    let first = *made.first()?;
    let skew = TimeDelta::minutes(10).num_microseconds().unwrap_or(0);
    let before = leads.partition_point(|at| *at < first - skew);
    let after: Vec<i64> = leads.iter().skip(before).take(WINDOW).copied().collect();
    let window_end = *after.last()?;
    let records = made.iter().take_while(|at| **at <= window_end).count();
    let abrupt = before >= 3 && after.len() >= 5 && records * 5 >= after.len() * 2;
    abrupt.then(|| DateTime::from_timestamp_micros(first - skew)).flatten()
}

/// Records of the export before this one, from what was landed: before the as-of day, and before the newest landing,
/// which may be of the same day. The larger counts: a second run on half an export must not call it usual.
fn previous(versions: &DataFrame, destination: &str, as_of_ends_at: DateTime<Utc>) -> Result<Option<i64>> {
    if versions.width() == 0 {
        return Ok(None);
    }
    // The instant before the end is on the as-of day, whatever the zone of the report.
    let day = (as_of_ends_at - TimeDelta::microseconds(1)).date_naive();
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).map_or(0, |d| d.num_days_from_ce());
    let day = day.num_days_from_ce() - epoch;
    let (names, ids) = (versions.column("destination")?.str()?, versions.column("record_id")?.str()?);
    let (objects, present) = (versions.column("object")?.str()?, versions.column("present")?.bool()?);
    let days = versions.column("landed_on")?.date()?.physical().clone();
    // Rows come in the order of landing, so those of one landing stand together.
    let landings = versions.column("landed_at").ok().and_then(|c| c.datetime().ok()).map(|c| c.physical().clone());
    let landing = |row: usize| landings.as_ref().and_then(|l| l.get(row));
    let ours = |row: &usize| names.get(*row) == Some(destination) && objects.get(*row) != Some("opportunity");
    let rows: Vec<usize> = (0..versions.height()).filter(ours).collect();
    let newest = rows.last().and_then(|row| landing(*row));
    let records = |is_before: &dyn Fn(usize) -> bool| -> Option<usize> {
        let mut last: HashMap<&str, bool> = HashMap::new();
        for row in rows.iter().copied().filter(|row| is_before(*row)) {
            if let Some(id) = ids.get(row) {
                last.insert(id, present.get(row) == Some(true));
            }
        }
        (!last.is_empty()).then(|| last.values().filter(|present| **present).count())
    };
    let before_day = records(&|row| days.get(row).is_some_and(|d| d < day));
    let before_landing = records(&|row| landing(row).is_some_and(|at| newest.is_some_and(|newest| at < newest)));
    Ok(before_day.max(before_landing).map(|n| i64::try_from(n).unwrap_or(i64::MAX)))
}

fn tell(spoken: &Spoken, read: Option<&Read>, destination: &Destination, findings: &mut Vec<Finding>) {
    let mut say = |code: &'static str, level: &'static str, text: String, count: i64| {
        findings.push(Finding { level, code, destination: destination.name.clone(), text, count });
    };
    if spoken.from_found
        && let Some(from) = spoken.from
    {
        let text = format!(
            "its records begin abruptly on {}: earlier leads are out of sight; if they were lost, set since",
            from.date_naive()
        );
        say(finding::EXPORT_SUSPICIOUS, level::LIST, text, spoken.records);
    }
    if !read.is_some_and(Read::is_conclusive) {
        return;
    }
    if let Some(previous) = spoken.previous
        && previous >= 20
        && spoken.records * 2 < previous
    {
        let text = "the export is less than half of the last one: a filter, a view or an interrupted export".into();
        say(finding::EXPORT_SUSPICIOUS, level::MAIL, text, previous - spoken.records);
    }
}

fn table(rows: Vec<Spoken>) -> Result<Table<Coverage>> {
    let time = |name: &str, get: &dyn Fn(&Spoken) -> Option<DateTime<Utc>>| {
        Int64Chunked::from_iter_options(name.into(), rows.iter().map(|r| get(r).map(|at| at.timestamp_micros())))
            .into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))
            .into_column()
    };
    let yes =
        |name: &str, get: &dyn Fn(&Spoken) -> bool| Column::new(name.into(), rows.iter().map(get).collect::<Vec<_>>());
    let columns = vec![
        Column::new("destination".into(), rows.iter().map(|r| r.destination.as_str()).collect::<Vec<_>>()),
        yes("readable", &|r| r.readable),
        Column::new("records".into(), rows.iter().map(|r| r.records).collect::<Vec<_>>()),
        Column::new("previous_records".into(), rows.iter().map(|r| r.previous).collect::<Vec<_>>()),
        time("from", &|r| r.from),
        time("until", &|r| r.until),
        yes("shows_lead_source", &|r| r.shows_lead_source),
        yes("has_converted", &|r| r.has_converted),
        yes("has_closed", &|r| r.has_closed),
        yes("has_deleted", &|r| r.has_deleted),
        Column::new("owners".into(), rows.iter().map(|r| r.owners).collect::<Vec<_>>()),
        yes("has_opportunities", &|r| r.has_opportunities),
        time("exported_at", &|r| r.exported_at),
    ];
    Table::new(DataFrame::new(rows.len(), columns)?)
}
