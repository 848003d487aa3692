//! What earlier nights and this one read of each destination's export: when it was last read in whole, how often it is
//! made, for how many nights it was not believed, and whom its refused rows name.
//!
//! Made of the landed readings up to the as-of day and of nothing else: a day that is run again, without network or
//! without the files of that day, says what it said.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate};
use polars::prelude::*;

use crate::codes::reason;
use crate::error::Result;
use crate::tabular::readings::Judged;
use crate::tabular::{Counts, Passed, ReadFile, add_counts};

/// What one night read of a destination's export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Night {
    /// What was made of it.
    pub judged: Judged,
    /// Its files, those of a later snapshot left out.
    pub files: BTreeMap<String, FileRead>,
    /// The latest time of any record in it, in microseconds.
    pub until: Option<i64>,
    /// Whom its refused rows name, as keyed hashes.
    pub refused: BTreeSet<String>,
    /// What its strangers tell.
    pub passed: Passed,
    /// When the first of its records was made, in microseconds.
    pub first_made: Option<i64>,
    /// Its records, strangers too, by what they are, how they stand, whose they are and the month in which they were made.
    pub counts: Counts,
}

impl Night {
    /// What files tell that are not landed, and what was made of them.
    pub fn of_files(judged: Judged, files: &[ReadFile]) -> Night {
        let mut night = Night { judged, ..Night::default() };
        for file in files.iter().filter(|file| !file.superseded) {
            night.passed.add(&file.passed);
            add_counts(&mut night.counts, file.counts.clone());
            let first_made = file.times.get("created_at").map(|(first, _)| *first);
            night.first_made = [night.first_made, first_made].into_iter().flatten().min();
            night.until = night.until.max(file.times.values().map(|(_, last)| *last).max());
            let (rows, records) = (file.rows, file.records);
            let last_made = file.last_made();
            let read = FileRead { whole: !file.ends_inside, rows, records, last_made, ..FileRead::default() };
            night.files.insert(file.file.clone(), read);
        }
        night
    }
}

/// What one night read of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileRead {
    /// Whether it was read to its end.
    pub whole: bool,
    /// Hash of the export that it is, or is a part of.
    pub sha256: Option<String>,
    /// What its rows are.
    pub object: String,
    /// Rows of it that hold records.
    pub rows: usize,
    /// Records in it.
    pub records: usize,
    /// When its last record was made, in microseconds.
    pub last_made: Option<i64>,
}

/// The nights up to the as-of day, by destination.
#[derive(Clone, Debug, Default)]
pub struct NightsRead {
    of: BTreeMap<String, BTreeMap<NaiveDate, Night>>,
    as_of: NaiveDate,
}

impl NightsRead {
    /// Reads the landed readings of days up to `as_of`. `newest`: the newest version of each; without columns if there
    /// is none.
    ///
    /// # Errors
    /// When a landed row lacks what was landed: a fault of ours.
    pub fn of(newest: &DataFrame, as_of: NaiveDate) -> Result<NightsRead> {
        let mut nights = NightsRead { of: BTreeMap::new(), as_of };
        // What was landed before nights were judged says nothing of them.
        if newest.width() == 0 || newest.column("current").is_err() {
            return Ok(nights);
        }
        let text = |name: &str| -> Result<&StringChunked> { Ok(newest.column(name)?.str()?) };
        let flag = |name: &str| -> Result<&BooleanChunked> { Ok(newest.column(name)?.bool()?) };
        let number =
            |name: &str| -> Result<Int64Chunked> { Ok(newest.column(name)?.cast(&DataType::Int64)?.i64()?.clone()) };
        let (names, files, days, silent) = (text("destination")?, text("file")?, text("as_of")?, text("silent")?);
        let (hashes, objects, times, refused) = (text("sha256")?, text("object")?, text("times")?, text("refused")?);
        let (whole, superseded, current) = (flag("whole")?, flag("superseded")?, flag("current")?);
        let (rows, records, present) = (number("rows")?, number("records")?, number("present")?);
        // What was landed before strangers passed by had none.
        let passed = newest.column("passed").ok().and_then(|passed| passed.str().ok());
        let counts = text("counts")?;
        let (last_at, exported_at) = (number("last_at")?, number("exported_at")?);
        let count = |n: Option<i64>| usize::try_from(n.unwrap_or(0)).unwrap_or(0);
        for row in 0..newest.height() {
            let day = days.get(row).and_then(|day| day.parse::<NaiveDate>().ok()).filter(|day| *day <= as_of);
            let (Some(day), Some(name), Some(true)) = (day, names.get(row), current.get(row)) else { continue };
            let night = nights.of.entry(name.to_owned()).or_default().entry(day).or_default();
            night.judged = Judged {
                silent: silent.get(row).and_then(|why| reason::ALL.iter().find(|known| **known == why).copied()),
                exported_at: exported_at.get(row).and_then(DateTime::from_timestamp_micros),
                present: count(present.get(row)),
            };
            if superseded.get(row) == Some(true) {
                continue;
            }
            night.until = night.until.max(last_at.get(row));
            night.refused.extend(refused.get(row).unwrap_or_default().split_whitespace().map(str::to_owned));
            let made: BTreeMap<String, (i64, i64)> =
                times.get(row).and_then(|times| serde_json::from_str(times).ok()).unwrap_or_default();
            if let Some(passed) = passed.and_then(|passed| passed.get(row)) {
                night.passed.add(&serde_json::from_str(passed).unwrap_or_default());
            }
            let counted = counts.get(row).and_then(|counts| serde_json::from_str(counts).ok());
            add_counts(&mut night.counts, counted.unwrap_or_default());
            let first_made = made.get("created_at").map(|(first, _)| *first);
            night.first_made = [night.first_made, first_made].into_iter().flatten().min();
            let file = FileRead {
                whole: whole.get(row) == Some(true),
                sha256: hashes.get(row).map(str::to_owned),
                object: objects.get(row).unwrap_or_default().to_owned(),
                rows: count(rows.get(row)),
                records: count(records.get(row)),
                last_made: made.get("created_at").map(|(_, last)| *last),
            };
            night.files.insert(files.get(row).unwrap_or_default().to_owned(), file);
        }
        Ok(nights)
    }

    /// The as-of day.
    pub fn as_of(&self) -> NaiveDate {
        self.as_of
    }

    /// What the as-of day's runs read.
    pub fn tonight(&self, destination: &str) -> Option<&Night> {
        self.on(destination, self.as_of)
    }

    /// What the runs of a day read.
    pub fn on(&self, destination: &str, day: NaiveDate) -> Option<&Night> {
        self.of.get(destination)?.get(&day)
    }

    /// The last whole and believed night before the as-of day: of leads received later nothing was read before tonight.
    pub fn last_whole(&self, destination: &str) -> Option<(NaiveDate, &Night)> {
        let before = self.of.get(destination)?.range(..self.as_of);
        before.rev().find(|(_, night)| night.judged.silent.is_none()).map(|(day, night)| (*day, night))
    }

    /// Whom refused rows name, in what was read last of each destination.
    pub fn refused(&self) -> BTreeMap<String, BTreeSet<String>> {
        let last = |nights: &BTreeMap<NaiveDate, Night>| {
            let read = nights.range(..=self.as_of).rev().map(|(_, night)| night);
            read.filter(|night| night.files.values().any(|file| file.whole)).map(|night| night.refused.clone()).next()
        };
        self.of.iter().filter_map(|(name, nights)| Some((name.clone(), last(nights)?))).collect()
    }

    /// What the strangers of the nights up to the as-of day tell of a destination's export: how many there are is what
    /// the last reading showed, when they were made and what became of them what any did.
    pub fn passed(&self, destination: &str) -> Passed {
        let mut all = Passed::default();
        let Some(nights) = self.of.get(destination) else { return all };
        for (_, night) in nights.range(..=self.as_of) {
            let passed = &night.passed;
            if night.files.values().any(|file| file.whole) || !passed.is_empty() {
                (all.records, all.opportunities) = (passed.records, passed.opportunities);
                all.owners.clone_from(&passed.owners);
            }
            all.widen(passed);
            // The same strangers, mostly, night after night.
            for (day, (made, changed)) in &passed.made {
                let known = all.made.entry(*day).or_default();
                *known = (known.0.max(*made), known.1.max(*changed));
            }
        }
        all
    }

    /// For how many nights up to the one before the as-of day, one after the other, it was read and not believed.
    pub fn nights_doubted(&self, destination: &str) -> usize {
        let Some(nights) = self.of.get(destination) else { return 0 };
        let read = nights.range(..self.as_of).rev().map(|(_, night)| night.judged.silent);
        let read = read.filter(|silent| matches!(silent, None | Some(reason::EXPORT_DOUBTFUL)));
        read.take_while(Option::is_some).count()
    }

    /// The usual number of days between two exports of the destination: what three intervals in four do not exceed, by
    /// the days on which whole readings spoke of something later.
    pub fn interval_days(&self, destination: &str) -> i64 {
        let mut made: Vec<NaiveDate> = Vec::new();
        let mut until = None;
        let nights = self.of.get(destination).into_iter().flat_map(|nights| nights.range(..self.as_of));
        for (day, night) in nights.filter(|(_, night)| night.judged.silent.is_none()) {
            if night.until > until {
                made.push(*day);
                until = night.until;
            }
        }
        let mut intervals: Vec<i64> = made.windows(2).map(|pair| (pair[1] - pair[0]).num_days()).collect();
        intervals.sort_unstable();
        intervals.get(intervals.len() * 3 / 4).copied().unwrap_or(1)
    }

    /// The same nights as seen on a later day.
    #[must_use]
    pub fn until(mut self, as_of: NaiveDate) -> NightsRead {
        self.as_of = as_of;
        self
    }

    /// A night of its own, for what is tried without being landed: what was made of its files, and what these tell.
    #[must_use]
    pub fn with(mut self, destination: &str, judged: Judged, files: &[ReadFile]) -> NightsRead {
        let night = Night::of_files(judged, files);
        self.of.entry(destination.to_owned()).or_default().insert(self.as_of, night);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::readings::{Tonight, Unread, landed};

    /// What was read on these days of May: until which day it spoke; none where nothing was there.
    fn nights(days: &[(u32, Option<i64>, Option<&'static str>)], as_of: u32) -> NightsRead {
        let day = |day: u32| NaiveDate::from_ymd_opt(2026, 5, day).unwrap();
        let mut all = DataFrame::empty();
        for (on, until, silent) in days {
            let file = until.map(|until| ReadFile {
                destination: "crm".to_owned(),
                file: "Lead.csv".to_owned(),
                times: BTreeMap::from([("created_at".to_owned(), (0, until))]),
                refused: BTreeSet::from([format!("{on}@x.example")]),
                ..ReadFile::default()
            });
            let none = Unread { destination: "crm".into(), file: "*.csv".into(), problem: "no export is there".into() };
            let judged = BTreeMap::from([("crm", Judged { silent: *silent, present: 7, ..Judged::default() })]);
            let rows = landed(&Tonight {
                files: &file.iter().collect::<Vec<_>>(),
                unread: if file.is_some() { &[] } else { std::slice::from_ref(&none) },
                judged: &judged,
                hashes: &BTreeMap::new(),
                mark: &str::to_owned,
                as_of: day(*on),
            });
            all = if all.width() == 0 { rows.unwrap() } else { all.vstack(&rows.unwrap()).unwrap() };
        }
        NightsRead::of(&all, day(as_of)).unwrap()
    }

    #[test]
    fn what_was_read_last_is_known_whatever_was_read_since() {
        let missing = Some(reason::NO_EXPORT);
        let doubtful = Some(reason::EXPORT_DOUBTFUL);
        let days =
            [(1, Some(10), None), (8, Some(80), None), (9, Some(80), None), (15, Some(150), None), (16, None, missing)];
        let seen = nights(&days, 16);
        let (day, night) = seen.last_whole("crm").unwrap();
        assert_eq!((day.to_string().as_str(), night.until, night.judged.present), ("2026-05-15", Some(150), 7));
        assert_eq!(seen.tonight("crm").unwrap().judged.silent, missing);
        assert_eq!(seen.interval_days("crm"), 7, "a reading that says nothing new is no export");
        assert_eq!(seen.refused()["crm"].first().map(String::as_str), Some("15@x.example"));
        assert_eq!(nights(&days, 9).last_whole("crm").unwrap().0.to_string(), "2026-05-08", "later days are not known");
        let days = [(1, Some(1), None), (2, Some(2), doubtful), (3, None, missing), (4, Some(4), doubtful)];
        assert_eq!(nights(&days, 5).nights_doubted("crm"), 2, "a night without an export is neither");
        assert_eq!(nights(&days, 2).nights_doubted("crm"), 0);
    }
}
