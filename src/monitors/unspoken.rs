//! Leads of which no export has spoken for too long: older than grace, a working day and the usual interval between two
//! exports of their destination. Whatever made the export silent, somebody must look.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::codes::{reason, verdict};
use crate::error::Result;
use crate::findings::{AboutExport, Finding};
use crate::tables::{Reconciliation, Table};
use crate::time::{DAY, SECOND, working_days};

/// How long leads of a destination may wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Within which a delivered lead shows up.
    pub grace_seconds: i64,
    /// Usual days between two exports.
    pub interval_days: i64,
}

/// A finding for each destination and reason of waiting.
///
/// # Errors
/// When the table lacks a column: a fault of ours.
pub fn find(
    reconciliation: &Table<Reconciliation>,
    patience: &BTreeMap<String, Patience>,
    as_of_ends_at: DateTime<Utc>,
    timezone: Tz,
) -> Result<Vec<Finding>> {
    let end = as_of_ends_at.timestamp_micros();
    let day = |at: i64| DateTime::from_timestamp_micros(at).unwrap_or_default().with_timezone(&timezone).date_naive();
    let (leads, names) = (reconciliation.texts("lead_id")?, reconciliation.texts("destination")?);
    let (verdicts, reasons) = (reconciliation.texts("verdict")?, reconciliation.texts("reason")?);
    let mut overdue: BTreeMap<(&str, &'static str), BTreeSet<&str>> = BTreeMap::new();
    for (row, received) in reconciliation.instants("received_at")?.into_iter().enumerate() {
        let at = |column: &[Option<&'_ str>]| column.get(row).copied().flatten().map(str::to_owned);
        let (Some(received), Some(verdict::PENDING)) = (received, at(&verdicts).as_deref()) else { continue };
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
    use polars::prelude::*;

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
            find(&Table::sample(frame), &patience, as_of_ends_at.parse().unwrap(), Tz::UTC).unwrap().len()
        };
        assert_eq!(found("2026-05-04T00:00:00Z", 1), 0, "the end of Sunday");
        assert_eq!(found("2026-05-05T00:00:00Z", 1), 1, "the end of Monday");
        assert_eq!(found("2026-05-08T00:00:00Z", 7), 0, "the export comes once a week");
        assert_eq!(found("2026-05-13T00:00:00Z", 7), 1);
    }
}
