//! What earlier reports say of each destination's readings: when the last whole one was, how often its export is made,
//! and for how many nights it was not believed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, TimeDelta};

use crate::codes::{entry, finding};
use crate::error::Result;
use crate::tables::{History, Table};

/// Readings of days before the as-of day.
#[derive(Debug, Default)]
pub struct PastReadings {
    /// Of each destination the days of whole readings, and until when each spoke, in seconds.
    whole: BTreeMap<String, BTreeMap<NaiveDate, i64>>,
    /// Of each destination the days on which its export was not believed.
    doubted: BTreeMap<String, BTreeSet<NaiveDate>>,
    /// Days with a report.
    reported: BTreeSet<NaiveDate>,
}

impl PastReadings {
    /// Reads the entries of earlier days.
    ///
    /// # Errors
    /// Only when the table does not have its agreed shape.
    pub fn of(earlier: &Table<History>) -> Result<PastReadings> {
        let (entries, codes) = (earlier.texts("entry")?, earlier.texts("code")?);
        let (names, values) = (earlier.texts("destination")?, earlier.numbers("value")?);
        let days = earlier.frame().column("as_of")?.date()?;
        let mut readings = PastReadings::default();
        for (row, day) in days.physical().iter().enumerate() {
            let at = |column: &[Option<&str>]| column.get(row).copied().flatten().unwrap_or_default().to_owned();
            let day = day.and_then(|day| NaiveDate::default().checked_add_signed(TimeDelta::days(day.into())));
            let Some(day) = day else { continue };
            readings.reported.insert(day);
            match (at(&entries).as_str(), at(&codes).as_str()) {
                (entry::SHARE, entry::READ_WHOLE) => {
                    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
                    let until = values.get(row).copied().flatten().unwrap_or_default() as i64;
                    readings.whole.entry(at(&names)).or_default().insert(day, until);
                }
                (entry::FINDING, finding::EXPORT_DOUBTFUL) => {
                    readings.doubted.entry(at(&names)).or_default().insert(day);
                }
                _ => {}
            }
        }
        Ok(readings)
    }

    /// Day of the last whole reading: of leads received later nothing was read.
    pub fn last_whole(&self, destination: &str) -> Option<NaiveDate> {
        self.whole.get(destination)?.last_key_value().map(|(day, _)| *day)
    }

    /// For how many reports, one after the other up to the newest, the export was not believed.
    pub fn nights_doubted(&self, destination: &str) -> usize {
        let Some(doubted) = self.doubted.get(destination) else { return 0 };
        self.reported.iter().rev().take_while(|day| doubted.contains(day)).count()
    }

    /// The usual number of days between two exports of the destination: what three intervals in four do not exceed, by
    /// the days on which whole readings spoke of something later.
    pub fn interval_days(&self, destination: &str) -> i64 {
        let mut made: Vec<NaiveDate> = Vec::new();
        let mut until = i64::MIN;
        for (day, spoke) in self.whole.get(destination).into_iter().flatten() {
            if *spoke > until {
                made.push(*day);
                until = *spoke;
            }
        }
        let mut intervals: Vec<i64> = made.windows(2).map(|pair| (pair[1] - pair[0]).num_days()).collect();
        intervals.sort_unstable();
        intervals.get(intervals.len() * 3 / 4).copied().unwrap_or(1)
    }
}
