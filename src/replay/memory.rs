//! What was handed out: lead, destination, when, and the report it was handed out from.
//!
//! A run for day D reads only what was handed out from reports of earlier days, as it reads only earlier days of the
//! history: so the same day run again says the same.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// First line of the memory.
pub const MEMORY_HEADER: &str = "lead_id,destination,handed_out_at,report\n";

/// Lead id and destination of what was handed out, from reports of days before `before` or, without it, ever.
pub fn memory(text: &str, before: Option<NaiveDate>) -> BTreeSet<(String, String)> {
    let read = |line: &str| {
        let mut cells = line.split(',').map(str::trim);
        let (lead_id, destination, at) = (cells.next()?, cells.next()?, cells.next().unwrap_or_default());
        // Lines of before there was a fourth column: the day it was done.
        let day = cells.next().filter(|c| !c.is_empty()).or_else(|| at.get(..10));
        let report = day.and_then(|d| d.parse::<NaiveDate>().ok());
        let counts = before.is_none_or(|before| report.is_none_or(|report| report < before));
        counts.then(|| (lead_id.to_owned(), destination.to_owned()))
    };
    text.lines().skip(1).filter_map(read).collect()
}

/// Lines for the memory; `report` is the as-of date of the report they were handed out from.
pub fn memory_lines(lead_ids: &[String], destination: &str, now: DateTime<Utc>, report: NaiveDate) -> String {
    let at = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    lead_ids.iter().map(|id| format!("{id},{destination},{at},{report}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_knows_only_what_was_handed_out_from_reports_of_earlier_days() {
        let now = "2026-11-21T08:00:00Z".parse().unwrap();
        let on = |day: &str| day.parse::<NaiveDate>().unwrap();
        let text = MEMORY_HEADER.to_owned()
            + &memory_lines(&["a".to_owned()], "crm", now, on("2026-05-02"))
            + &memory_lines(&["b".to_owned()], "crm", now, on("2026-05-03"))
            + "c,crm,2026-05-01T09:00:00Z\n";
        let ids = |before| memory(&text, before).into_iter().map(|(id, _)| id).collect::<String>();
        assert_eq!(ids(Some(on("2026-05-02"))), "c", "a line of three columns counts by its own time");
        assert_eq!(ids(Some(on("2026-05-03"))), "ac");
        assert_eq!(ids(None), "abc");
    }
}
