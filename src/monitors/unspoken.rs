//! Leads of which no export has spoken for too long: older than grace, a working day and the usual interval between two
//! exports of their destination. Whatever made the export silent, somebody must look.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use polars::prelude::*;

use crate::codes::{reason, verdict};
use crate::error::Result;
use crate::findings::{AboutExport, Finding};
use crate::tables::{CrmRecords, Reconciliation, Table};
use crate::time::{DAY, SECOND, working_days};

/// How long leads of a destination may wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Within which a delivered lead shows up.
    pub grace_seconds: i64,
    /// Usual days between two exports.
    pub interval_days: i64,
}

/// For each row of `reconciliation`, whether all that speaks for it is a record of which nobody knows when it was made: it
/// tells that the CRM knows the person, and of the lead nothing.
///
/// # Errors
/// When a table lacks a column: a fault of ours.
pub fn without_time(reconciliation: &DataFrame, crm_records: &DataFrame) -> Result<Vec<bool>> {
    let text = |frame: &DataFrame, name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
    let (of_records, ids) = (text(crm_records, "destination")?, text(crm_records, "record_id")?);
    let made = crm_records.column("created_at")?.is_null();
    let untimed: PlHashSet<(&str, &str)> = of_records
        .iter()
        .zip(ids.iter())
        .zip(made.iter())
        .filter(|(_, untimed)| *untimed == Some(true))
        .filter_map(|((name, id), _)| Some((name?, id?)))
        .collect();
    let (names, records) = (text(reconciliation, "destination")?, text(reconciliation, "record_id")?);
    let reasons = text(reconciliation, "reason")?;
    let rows = names.iter().zip(records.iter()).zip(reasons.iter());
    let is_untimed = |((name, record), why): ((Option<&str>, Option<&str>), Option<&str>)| {
        why == Some(reason::PERSON_KNOWN) && name.zip(record).is_some_and(|row| untimed.contains(&row))
    };
    Ok(rows.map(is_untimed).collect())
}

/// A finding for each destination and reason of waiting.
///
/// # Errors
/// When a table lacks a column: a fault of ours.
pub fn find(
    reconciliation: &Table<Reconciliation>,
    crm_records: &Table<CrmRecords>,
    patience: &BTreeMap<String, Patience>,
    as_of_ends_at: DateTime<Utc>,
    timezone: Tz,
) -> Result<Vec<Finding>> {
    let end = as_of_ends_at.timestamp_micros();
    let day = |at: i64| DateTime::from_timestamp_micros(at).unwrap_or_default().with_timezone(&timezone).date_naive();
    let (leads, names) = (reconciliation.texts("lead_id")?, reconciliation.texts("destination")?);
    let (verdicts, reasons) = (reconciliation.texts("verdict")?, reconciliation.texts("reason")?);
    let untimed = without_time(reconciliation.frame(), crm_records.frame())?;
    let mut overdue: BTreeMap<(&str, &'static str), BTreeSet<&str>> = BTreeMap::new();
    for (row, received) in reconciliation.instants("received_at")?.into_iter().enumerate() {
        let at = |column: &[Option<&'_ str>]| column.get(row).copied().flatten().map(str::to_owned);
        let waits = at(&verdicts).as_deref() == Some(verdict::PENDING) || untimed.get(row) == Some(&true);
        let Some(received) = received.filter(|_| waits) else { continue };
        let (Some(name), Some(lead)) = (names.get(row).copied().flatten(), leads.get(row).copied().flatten()) else {
            continue;
        };
        let Some(patience) = patience.get(name) else { continue };
        let due = received + patience.grace_seconds * SECOND + (patience.interval_days - 1).max(0) * DAY;
        if due < end && working_days(day(due), day(end - 1)) >= 1 {
            let why = at(&reasons).and_then(|why| reason::ALL.iter().find(|known| **known == why));
            overdue.entry((name, why.copied().unwrap_or(reason::NO_EXPORT))).or_default().insert(lead);
        }
    }
    let finding = |((name, why), leads): ((&str, &'static str), BTreeSet<&str>)| {
        Finding::page(name, AboutExport::Unspoken(why), leads.len())
    };
    Ok(overdue.into_iter().map(finding).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_that_wait_longer_than_grace_a_working_day_and_the_usual_interval_are_told() {
        // Received on Friday 1 May 2026 at noon.
        let received = "2026-05-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap().timestamp_micros();
        let found = |as_of_ends_at: &str, interval_days: i64| {
            let at = Column::new("received_at".into(), [received]).cast(&crate::tables::Kind::Instant.dtype()).unwrap();
            let mut frame = df!("lead_id" => ["a"], "destination" => ["crm"], "verdict" => ["pending"],
                "reason" => ["no-export"])
            .unwrap();
            frame.with_column(at).unwrap();
            let patience = BTreeMap::from([("crm".to_owned(), Patience { grace_seconds: 3600, interval_days })]);
            let end = as_of_ends_at.parse().unwrap();
            find(&Table::sample(frame), &Table::empty(), &patience, end, Tz::UTC).unwrap().len()
        };
        assert_eq!(found("2026-05-04T00:00:00Z", 1), 0, "the end of Sunday");
        assert_eq!(found("2026-05-05T00:00:00Z", 1), 1, "the end of Monday");
        assert_eq!(found("2026-05-08T00:00:00Z", 7), 0, "the export comes once a week");
        assert_eq!(found("2026-05-13T00:00:00Z", 7), 1);
    }

    #[test]
    fn a_record_of_no_time_speaks_for_no_lead() {
        let records =
            df!("destination" => ["crm", "crm"], "record_id" => ["r1", "r2"], "created_at" => [None, Some(5i64)]);
        let rows = df!("destination" => ["crm", "crm", "crm"], "record_id" => [Some("r1"), Some("r2"), None],
            "reason" => ["person-known", "person-known", "isolated"]);
        assert_eq!(without_time(&rows.unwrap(), &records.unwrap()).unwrap(), [true, false, false]);
    }
}
