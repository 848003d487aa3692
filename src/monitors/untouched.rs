//! Delivered, and nobody touched it: records still in the CRM's first status with no activity after n working days.
//!
//! Makes `untouched` from verdicts and CRM records. Which status is the first differs by CRM and is renamed by every
//! publisher: it is the one that the destination's youngest open records have, or a word that every CRM ships with.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use polars::prelude::*;

use crate::codes::{outcome, reason, verdict};
use crate::config::Sales;
use crate::error::Result;
use crate::findings::{AboutLoss, Finding};
use crate::merges;
use crate::tables::{CrmRecords, Kind, Reconciliation, Table, Untouched};
use crate::time::{DAY, working_days};

/// First statuses as shipped: Salesforce, Dynamics, Marketo, HubSpot.
const FIRST: &[&str] = &["new", "open", "open - not contacted", "not contacted", "unqualified", "subscriber", "lead"];
/// A record's own creation may stand as its first activity.
const AT_ONCE: i64 = 60_000_000;

/// Records that wait, by lead and destination, and a finding for each destination.
///
/// # Errors
/// When a table lacks a column: a fault of ours.
pub fn find(
    reconciliation: &Table<Reconciliation>,
    crm_records: &Table<CrmRecords>,
    sales: &Sales,
    as_of_ends_at: DateTime<Utc>,
    timezone: Tz,
) -> Result<(Table<Untouched>, Vec<Finding>)> {
    let records = Records::new(crm_records)?;
    let today = day_of(as_of_ends_at.timestamp_micros() - 1, timezone);
    let first = records.first_statuses(as_of_ends_at.timestamp_micros());
    let (leads, people) = (reconciliation.texts("lead_id")?, reconciliation.texts("person_id")?);
    let (names, ids) = (reconciliation.texts("destination")?, reconciliation.texts("record_id")?);
    let (verdicts, reasons) = (reconciliation.texts("verdict")?, reconciliation.texts("reason")?);
    let mut rows = Rows::default();
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for row in 0..leads.len() {
        let at = |column: &[Option<&'_ str>]| column.get(row).copied().flatten().map(str::to_owned);
        let is_delivered =
            at(&verdicts).as_deref() == Some(verdict::MATCHED) && at(&reasons).as_deref() == Some(reason::DELIVERED);
        let place = names.get(row).copied().flatten().zip(ids.get(row).copied().flatten());
        let (true, Some((name, id))) = (is_delivered, place) else { continue };
        let Some(record) = records.survivor(name, id) else { continue };
        let Some(made) = records.waits(record, &first) else { continue };
        let days = working_days(day_of(made, timezone), today);
        if days <= sales.touch_within.num_days() {
            continue;
        }
        *counts.entry(name).or_default() += 1;
        rows.lead_id.push(at(&leads));
        rows.person_id.push(at(&people));
        rows.destination.push(name.to_owned());
        rows.record_id.push(text(&records.ids, record).map(str::to_owned));
        rows.owner.push(text(&records.owners, record).map(str::to_owned));
        rows.status.push(text(&records.statuses, record).map(str::to_owned));
        rows.created_at.push(Some(made));
        rows.working_days.push(days);
    }
    let findings = counts
        .into_iter()
        .map(|(destination, count)| Finding::list(destination, AboutLoss::Untouched, count))
        .collect();
    Ok((rows.table()?, findings))
}

fn day_of(at: i64, timezone: Tz) -> NaiveDate {
    DateTime::from_timestamp_micros(at).unwrap_or_default().with_timezone(&timezone).date_naive()
}

fn text<'a>(column: &[Option<&'a str>], row: usize) -> Option<&'a str> {
    column.get(row).copied().flatten()
}

struct Records<'a> {
    destinations: Vec<Option<&'a str>>,
    ids: Vec<Option<&'a str>>,
    created: Vec<Option<i64>>,
    statuses: Vec<Option<&'a str>>,
    outcomes: Vec<Option<&'a str>>,
    owners: Vec<Option<&'a str>>,
    active: Vec<Option<i64>>,
    merged_into: Vec<Option<&'a str>>,
    present: Vec<bool>,
    deleted: Vec<bool>,
    marketplace: Vec<bool>,
    row_of: PlHashMap<(&'a str, &'a str), usize>,
}

impl<'a> Records<'a> {
    fn new(table: &'a Table<CrmRecords>) -> Result<Self> {
        let destinations = table.texts("destination")?;
        let ids = table.texts("record_id")?;
        let row_of = destinations
            .iter()
            .zip(&ids)
            .enumerate()
            .map(|(row, (d, id))| ((d.unwrap_or_default(), id.unwrap_or_default()), row))
            .collect();
        Ok(Records {
            created: table.instants("created_at")?,
            statuses: table.texts("status")?,
            outcomes: table.texts("outcome")?,
            owners: table.texts("owner")?,
            active: table.instants("last_activity_at")?,
            merged_into: table.texts("merged_into")?,
            present: table.flags("present")?,
            deleted: table.flags("deleted")?,
            marketplace: table.flags("marketplace")?,
            destinations,
            ids,
            row_of,
        })
    }

    /// The record, or the one it was merged into.
    fn survivor(&self, destination: &'a str, id: &'a str) -> Option<usize> {
        let row_of = |id: &'a str| self.row_of.get(&(destination, id)).copied();
        Some(merges::survivor(row_of(id)?, |row| row_of(text(&self.merged_into, row)?)))
    }

    /// When the record was made, if it is to be seen, open, in its first status and without activity since.
    fn waits(&self, row: usize, first: &PlHashMap<&str, String>) -> Option<i64> {
        let made = self.created.get(row).copied().flatten()?;
        let flag = |column: &[bool]| column.get(row).copied().unwrap_or_default();
        if !flag(&self.present) || flag(&self.deleted) {
            return None;
        }
        let outcome = text(&self.outcomes, row);
        if !matches!(outcome, None | Some(outcome::OPEN)) {
            return None;
        }
        // A status that the export does not show says nothing: nobody is accused on no evidence.
        let status = text(&self.statuses, row)?.to_lowercase();
        let of_youngest = text(&self.destinations, row).and_then(|destination| first.get(destination));
        if of_youngest != Some(&status) && !FIRST.contains(&status.as_str()) {
            return None;
        }
        let active = self.active.get(row).copied().flatten();
        // A day without hours may end after the record was made.
        let is_touched = active.is_some_and(|at| at > made + AT_ONCE || (at % DAY == 0 && at > made));
        (!is_touched).then_some(made)
    }

    /// The status that most of a destination's youngest open marketplace records have.
    fn first_statuses(&self, as_of_ends_at: i64) -> PlHashMap<&'a str, String> {
        let mut latest: PlHashMap<&str, i64> = PlHashMap::default();
        for (row, made) in self.created.iter().enumerate() {
            let (Some(destination), Some(made)) = (text(&self.destinations, row), made) else { continue };
            if *made < as_of_ends_at {
                latest.entry(destination).and_modify(|at| *at = (*at).max(*made)).or_insert(*made);
            }
        }
        let mut counts: BTreeMap<(&'a str, String), usize> = BTreeMap::new();
        for row in 0..self.ids.len() {
            let (Some(destination), Some(status)) = (text(&self.destinations, row), text(&self.statuses, row)) else {
                continue;
            };
            let is_young = latest
                .get(destination)
                .zip(self.created.get(row).copied().flatten())
                .is_some_and(|(latest, made)| made > latest - 2 * DAY);
            let is_open = matches!(text(&self.outcomes, row), None | Some(outcome::OPEN));
            if is_young && is_open && self.marketplace.get(row) == Some(&true) {
                *counts.entry((destination, status.to_lowercase())).or_default() += 1;
            }
        }
        let mut first: PlHashMap<&str, (usize, String)> = PlHashMap::default();
        for ((destination, status), count) in counts {
            if count >= 3 && first.get(destination).is_none_or(|(most, _)| count > *most) {
                first.insert(destination, (count, status));
            }
        }
        first.into_iter().map(|(destination, (_, status))| (destination, status)).collect()
    }
}

#[derive(Default)]
struct Rows {
    lead_id: Vec<Option<String>>,
    person_id: Vec<Option<String>>,
    destination: Vec<String>,
    record_id: Vec<Option<String>>,
    owner: Vec<Option<String>>,
    status: Vec<Option<String>>,
    created_at: Vec<Option<i64>>,
    working_days: Vec<i64>,
}

impl Rows {
    fn table(self) -> Result<Table<Untouched>> {
        let mut frame = df!(
            "lead_id" => self.lead_id,
            "person_id" => self.person_id,
            "destination" => self.destination,
            "record_id" => self.record_id,
            "owner" => self.owner,
            "status" => self.status,
            "working_days" => self.working_days,
        )?;
        frame.with_column(
            Series::new("created_at".into(), self.created_at).cast(&Kind::Instant.dtype())?.into_column(),
        )?;
        Table::new(frame)
    }
}
