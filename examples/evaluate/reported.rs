//! What a night reported of outages and causes, as rows.

use chrono::DateTime;

use crate::nights::Night;

/// One reported outage.
#[derive(Debug)]
pub struct ToldOutage {
    pub destination: String,
    pub scope: String,
    /// began_after, began_by, ended_after, ended_by.
    pub times: [Option<i64>; 4],
    pub missed: i64,
}

/// The reported outages.
pub fn told_outages(run: &Night) -> Vec<ToldOutage> {
    let table = &run.losses.outages;
    let (names, scopes) = (table.texts("destination").unwrap(), table.texts("scope").unwrap());
    let times = ["began_after", "began_by", "ended_after", "ended_by"].map(|name| table.instants(name).unwrap());
    let missed = table.frame().column("missed").unwrap().i64().unwrap().clone();
    (0..table.height())
        .map(|row| ToldOutage {
            destination: names[row].unwrap_or_default().to_owned(),
            scope: scopes[row].unwrap_or_default().to_owned(),
            times: [times[0][row], times[1][row], times[2][row], times[3][row]],
            missed: missed.get(row).unwrap_or(0),
        })
        .collect()
}

/// Destination, condition, missed and delivered.
pub fn told_causes(run: &Night) -> Vec<(String, String, i64, i64)> {
    let table = &run.losses.causes;
    let (names, conditions) = (table.texts("destination").unwrap(), table.texts("condition").unwrap());
    let count = |name: &str| table.frame().column(name).unwrap().i64().unwrap().clone();
    let (missed, delivered) = (count("missed"), count("delivered"));
    (0..table.height())
        .map(|row| {
            (
                names[row].unwrap_or_default().to_owned(),
                conditions[row].unwrap_or_default().to_owned(),
                missed.get(row).unwrap_or(0),
                delivered.get(row).unwrap_or(0),
            )
        })
        .collect()
}

/// A time in short.
pub fn shown(at: Option<i64>) -> String {
    at.and_then(DateTime::from_timestamp_micros).map_or("-".to_owned(), |at| at.format("%m-%d %H:%M:%S").to_string())
}
