//! What an export tells by the rows that were passed over: how many, from when until when, what became of them. Nobody of
//! them is named; without it an export of few marketplace leads would look like a window, a view or one owner's list.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::time::DAY;

/// Counts of the records of one or several files that can concern no lead. Times in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Passed {
    /// Leads, contacts and activities.
    pub records: usize,
    /// Opportunities.
    pub opportunities: usize,
    /// Whether any was converted, was closed, is deleted.
    pub converted: bool,
    /// See `converted`.
    pub closed: bool,
    /// See `converted`.
    pub deleted: bool,
    /// When the first was made, and whether of that only the day is known.
    pub first_made: Option<(i64, bool)>,
    /// When the first was last changed.
    pub first_changed: Option<i64>,
    /// The latest time at which one was made or changed.
    pub latest: Option<i64>,
    /// How many were made on each day since 1970, and how many of those tell when they were changed.
    pub made: BTreeMap<i64, (usize, usize)>,
    /// Owners of all records of the file, not of these alone; keyed hashes once landed, as they are people.
    pub owners: BTreeSet<String>,
}

impl Passed {
    /// Whether no row was passed over.
    pub fn is_empty(&self) -> bool {
        self.records + self.opportunities == 0
    }

    /// Those of another file, too.
    pub fn add(&mut self, other: &Passed) {
        self.records += other.records;
        self.opportunities += other.opportunities;
        self.widen(other);
        for (day, (made, changed)) in &other.made {
            let known = self.made.entry(*day).or_default();
            *known = (known.0 + made, known.1 + changed);
        }
        self.owners.extend(other.owners.iter().cloned());
    }

    /// Takes over what became of any of the others, and how far their times reach; their number is left out.
    pub fn widen(&mut self, other: &Passed) {
        self.converted |= other.converted;
        self.closed |= other.closed;
        self.deleted |= other.deleted;
        self.first_made = [self.first_made, other.first_made].into_iter().flatten().min();
        self.first_changed = [self.first_changed, other.first_changed].into_iter().flatten().min();
        self.latest = self.latest.max(other.latest);
    }

    /// Counts one record, no opportunity, by its times.
    pub fn take(&mut self, made: Option<i64>, is_day: bool, changed: Option<i64>) {
        self.records += 1;
        self.latest = self.latest.max(made).max(changed);
        if let Some(at) = made {
            let known = self.made.entry(at.div_euclid(DAY)).or_default();
            *known = (known.0 + 1, known.1 + usize::from(changed.is_some()));
            self.first_made = [self.first_made, Some((at, is_day))].into_iter().flatten().min();
            if let Some(changed) = changed {
                self.first_changed = Some(self.first_changed.map_or(changed, |known| known.min(changed)));
            }
        }
    }

    /// The same by another clock.
    #[must_use]
    pub fn on_time(mut self, clock: &dyn Fn(i64) -> i64) -> Passed {
        self.first_made = self.first_made.map(|(at, is_day)| (if is_day { at } else { clock(at) }, is_day));
        self.first_changed = self.first_changed.map(clock);
        self.latest = self.latest.map(|at| if at % DAY == 0 { at } else { clock(at) });
        self
    }

    /// How many were made from the first to the second instant; of a day of which only a part is within, that part of them.
    pub fn made_between(&self, from: i64, until: i64) -> usize {
        self.within(from, until, |counts| counts.0)
    }

    /// How many of those tell when they were changed.
    pub fn changed_of_made_between(&self, from: i64, until: i64) -> usize {
        self.within(from, until, |counts| counts.1)
    }

    fn within(&self, from: i64, until: i64, count: impl Fn(&(usize, usize)) -> usize) -> usize {
        if until <= from {
            return 0;
        }
        let share = |(day, counts): (&i64, &(usize, usize))| {
            let begin = day.saturating_mul(DAY);
            let part = until.min(begin.saturating_add(DAY)) - from.max(begin);
            // Of the first and the last day, in microseconds: a count is far from overflowing.
            let part = u128::try_from(part).unwrap_or(0) * count(counts) as u128 / DAY.unsigned_abs() as u128;
            usize::try_from(part).unwrap_or(usize::MAX)
        };
        self.made.range(from.div_euclid(DAY)..=until.div_euclid(DAY)).map(share).sum()
    }
}
