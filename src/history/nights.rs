//! What is measured every night and kept in the history, so that a report can draw how it went.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use polars::prelude::*;

use crate::codes::{entry, measure, status, verdict};
use crate::error::Result;
use crate::tables::{Coverage, Grain as _, History, MissedLeads, Nights, Reconciliation, RecoveredLeads, Table};

/// How far back the delays of a night reach: a single night has too few leads.
const DAYS: i64 = 30;
/// Delivered within this many seconds is at once.
const AT_ONCE: f64 = 3600.0;

/// What a night is measured by.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The day of the report.
    pub as_of: NaiveDate,
    /// First instant after it.
    pub as_of_ends_at: DateTime<Utc>,
    /// Verdicts.
    pub reconciliation: &'a Table<Reconciliation>,
    /// Missed leads with their status.
    pub missed_leads: &'a Table<MissedLeads>,
    /// Leads that arrived after all.
    pub recovered_leads: &'a Table<RecoveredLeads>,
    /// What the exports can speak for.
    pub coverage: &'a Table<Coverage>,
    /// Estimated share of joined leads that are rightly joined, and of those to be joined that are.
    pub identity: (Option<f64>, Option<f64>),
    /// Entries of days before.
    pub earlier: &'a Table<History>,
}

/// Every night that was measured, this one last.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn nights(measured: &Measured) -> Result<Table<Nights>> {
    let frame = measured.earlier.frame();
    let (entries, codes) = (measured.earlier.text("entry")?, measured.earlier.text("code")?);
    let (destinations, values) = (measured.earlier.text("destination")?, frame.column("value")?.f64()?);
    let days = frame.column("as_of")?.date()?.physical().clone();
    let mut rows: Vec<(i32, String, String, f64)> = Vec::new();
    for row in 0..frame.height() {
        if entries.get(row) != Some(entry::NIGHT) {
            continue;
        }
        if let (Some(day), Some(code), Some(value)) = (days.get(row), codes.get(row), values.get(row)) {
            rows.push((day, destinations.get(row).unwrap_or_default().to_owned(), code.to_owned(), value));
        }
    }
    let today = i32::try_from((measured.as_of - NaiveDate::default()).num_days()).unwrap_or(0);
    for ((destination, code), value) in tonight(measured)? {
        rows.push((today, destination, code.to_owned(), value));
    }
    let day = Column::new("as_of".into(), rows.iter().map(|r| r.0).collect::<Vec<_>>()).cast(&DataType::Date)?;
    Table::new(DataFrame::new(
        rows.len(),
        vec![
            day,
            Column::new("destination".into(), rows.iter().map(|r| r.1.as_str()).collect::<Vec<_>>()),
            Column::new("measure".into(), rows.iter().map(|r| r.2.as_str()).collect::<Vec<_>>()),
            Column::new("value".into(), rows.iter().map(|r| r.3).collect::<Vec<_>>()),
        ],
    )?)
}

/// The entries of a day, with what was measured that night.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn with_measures(entries: &Table<History>, nights: &Table<Nights>, as_of: NaiveDate) -> Result<Table<History>> {
    let text = |value: &str, name: &str| lit(value.to_owned()).alias(name);
    let measures = nights.lazy().filter(col("as_of").eq(lit(as_of))).select([
        col("as_of"),
        text(entry::NIGHT, "entry"),
        text("", "lead_id"),
        col("destination"),
        col("measure").alias("code"),
        text("", "about"),
        col("value"),
    ]);
    let all = polars::functions::concat_df_diagonal(&[
        History::DEFINITION.empty(),
        entries.frame().clone(),
        measures.collect()?,
    ])?;
    Table::new(all)
}

type Measures = BTreeMap<(String, &'static str), f64>;

fn tonight(measured: &Measured) -> Result<Measures> {
    let mut found = Measures::new();
    let missed = measured.missed_leads;
    let (leads, people, statuses) = (missed.texts("lead_id")?, missed.texts("person_id")?, missed.texts("status")?);
    let open = |of: &Option<&str>| matches!(*of, Some(status::NEW | status::OPEN | status::REPLAYED));
    let waiting: BTreeSet<&str> = leads
        .iter()
        .zip(&people)
        .zip(&statuses)
        .filter(|(_, of)| open(of))
        .filter_map(|((lead, person), _)| person.or(*lead))
        .collect();
    let count = |n: usize| n as f64;
    let all = |code: &'static str| (String::new(), code);
    found.insert(all(measure::OPEN_LEADS), count(statuses.iter().filter(|of| open(of)).count()));
    found.insert(all(measure::OPEN_PEOPLE), count(waiting.len()));
    found.insert(all(measure::NEW_LEADS), count(statuses.iter().filter(|of| **of == Some(status::NEW)).count()));
    let today = i32::try_from((measured.as_of - NaiveDate::default()).num_days()).unwrap_or(0);
    let recovered = measured.recovered_leads.frame().column("recovered_on")?.date()?.physical().clone();
    found.insert(all(measure::RECOVERED_LEADS), count(recovered.iter().flatten().filter(|day| *day == today).count()));
    let (precision, recall) = measured.identity;
    found.extend(precision.map(|value| (all(measure::IDENTITY_PRECISION), value)));
    found.extend(recall.map(|value| (all(measure::IDENTITY_RECALL), value)));
    delays(measured, &mut found)?;
    let coverage = measured.coverage;
    for (name, until) in coverage.texts("destination")?.into_iter().zip(coverage.instants("until")?) {
        if let (Some(name), Some(until)) = (name, until.and_then(DateTime::from_timestamp_micros)) {
            let age = (measured.as_of_ends_at - until).num_seconds() as f64;
            found.insert((name.to_owned(), measure::EXPORT_AGE_SECONDS), age.max(0.0));
        }
    }
    Ok(found)
}

/// Of each destination, how long what was received in the last days took to arrive, and how much arrived within an hour of
/// all that an export has spoken for.
fn delays(measured: &Measured, found: &mut Measures) -> Result<()> {
    let table = measured.reconciliation;
    let (names, verdicts) = (table.texts("destination")?, table.texts("verdict")?);
    let (received, delays) = (table.instants("received_at")?, table.numbers("delay_seconds")?);
    let since = (measured.as_of_ends_at - TimeDelta::days(DAYS)).timestamp_micros();
    let mut of: BTreeMap<&str, (usize, Vec<f64>)> = BTreeMap::new();
    for row in 0..table.height() {
        let spoken = matches!(verdicts[row], Some(verdict::MATCHED | verdict::MISSED));
        let (Some(name), true) = (names[row], spoken && received[row].is_some_and(|at| at >= since)) else { continue };
        let (all, arrived) = of.entry(name).or_default();
        *all += 1;
        arrived.extend(delays[row].filter(|_| verdicts[row] == Some(verdict::MATCHED)));
    }
    for (name, (all, mut arrived)) in of {
        let at_once = arrived.iter().filter(|delay| **delay <= AT_ONCE).count();
        found.insert((name.to_owned(), measure::WITHIN_HOUR), at_once as f64 / all as f64);
        arrived.sort_by(f64::total_cmp);
        if let Some(median) = arrived.get(arrived.len().saturating_sub(1) / 2) {
            found.insert((name.to_owned(), measure::MEDIAN_DELAY_SECONDS), *median);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_night_is_measured_kept_and_told_with_those_before() {
        let rows = json!([
            {"lead_id": "a", "destination": "crm", "verdict": "matched", "reason": "delivered", "delay_seconds": 60.0, "received_at": "2026-05-09T10:00:00Z"},
            {"lead_id": "b", "destination": "crm", "verdict": "matched", "reason": "delivered", "delay_seconds": 7200.0, "received_at": "2026-05-09T10:00:00Z"},
            {"lead_id": "c", "destination": "crm", "verdict": "missed", "reason": "isolated", "received_at": "2026-05-09T10:00:00Z"},
            {"lead_id": "d", "destination": "crm", "verdict": "missed", "reason": "isolated", "received_at": "2026-01-09T10:00:00Z"},
        ]);
        let missed = json!([{"lead_id": "c", "person_id": "p", "destination": "crm", "status": "new", "stage": "contact", "reason": "isolated"}]);
        let coverage = json!([{"destination": "crm", "readable": true, "until": "2026-05-10T12:00:00Z"}]);
        let (reconciliation, missed_leads) = (Table::sample_of(&rows), Table::sample_of(&missed));
        let (recovered_leads, coverage) = (Table::empty(), Table::sample_of(&coverage));
        let on = |day: &str, earlier: &Table<History>| {
            let as_of: NaiveDate = day.parse().unwrap();
            let ends = (as_of + chrono::Days::new(1)).and_time(chrono::NaiveTime::MIN).and_utc();
            let nights = nights(&Measured {
                as_of,
                as_of_ends_at: ends,
                reconciliation: &reconciliation,
                missed_leads: &missed_leads,
                recovered_leads: &recovered_leads,
                coverage: &coverage,
                identity: (Some(0.999), None),
                earlier,
            })
            .unwrap();
            (with_measures(&Table::empty(), &nights, as_of).unwrap(), nights)
        };
        let (kept, first) = on("2026-05-10", &Table::empty());
        let value = |nights: &Table<Nights>, code: &str| {
            let found = nights.lazy().filter(col("measure").eq(lit(code.to_owned()))).collect().unwrap();
            found.column("value").unwrap().f64().unwrap().iter().flatten().collect::<Vec<_>>()
        };
        assert_eq!(value(&first, measure::WITHIN_HOUR), [1.0 / 3.0]);
        assert_eq!(value(&first, measure::MEDIAN_DELAY_SECONDS), [60.0]);
        assert_eq!(value(&first, measure::EXPORT_AGE_SECONDS), [43_200.0]);
        assert_eq!(value(&first, measure::OPEN_PEOPLE), [1.0]);
        let (again, second) = on("2026-05-11", &kept);
        assert_eq!(
            value(&second, measure::EXPORT_AGE_SECONDS),
            [43_200.0, 129_600.0],
            "the night before is told again"
        );
        assert_eq!(again.height(), kept.height(), "and kept under its own day only");
    }
}
