//! Where an export begins: what is older than that it cannot show, and nothing is concluded of it.
//!
//! Sought in every time that records have: when they were made, when they were changed, and how many there are for each
//! lead where they do not tell when they were changed.

use chrono::{DateTime, Utc};

use crate::error::Result;
use crate::tables::{Grain, Table};
use crate::tabular::Passed;
use crate::time::{DAY, MINUTE};

/// When the records of an export were made and changed, opportunities left out.
pub(super) struct Made<'a> {
    /// Of each that was kept, and whether of its making only the day is known.
    pub own: Vec<(Option<i64>, Option<i64>, bool)>,
    /// Those that passed by.
    pub passed: &'a Passed,
}

impl<'a> Made<'a> {
    pub fn of<T: Grain>(own: &Table<T>, passed: &'a Passed) -> Result<Self> {
        let (objects, resolutions) = (own.text("object")?, own.text("resolution")?);
        let times = own.instants("created_at")?.into_iter().zip(own.instants("modified_at")?);
        let rows = times.enumerate().filter(|(row, _)| objects.get(*row) != Some("opportunity"));
        let own = rows.map(|(row, (made, changed))| (made, changed, resolutions.get(row) == Some("day")));
        Ok(Made { own: own.collect(), passed })
    }

    /// Since when leads have records in it; none where nothing shows that it begins. `leads`: when those of this
    /// destination were received, in order.
    pub fn begins(&self, leads: &[i64]) -> Option<DateTime<Utc>> {
        self.begin(leads).max(self.window_of_changes(leads)).or_else(|| self.begin_in_numbers(leads))
    }

    /// How many were made in a stretch of time, both ends included.
    fn between(&self, from: i64, until: i64) -> usize {
        let own = self.own.iter().filter_map(|(made, ..)| *made).filter(|at| (from..=until).contains(at));
        own.count() + self.passed.made_between(from, until)
    }

    /// Where records begin abruptly, later than leads: the export, or the destination, knows nothing earlier.
    ///
    /// Abruptly means that from the first record on there are about as many records as leads. A destination that lost its
    /// first leads for another reason looks alike, so this is told as a finding.
    fn begin(&self, leads: &[i64]) -> Option<DateTime<Utc>> {
        const WINDOW: usize = 50;
        const SKEW: i64 = 10 * MINUTE;
        let own = self.own.iter().filter_map(|(made, _, is_day)| Some(((*made)?, *is_day)));
        // Of a first day without hours nobody knows at which hour it begins.
        let (first, is_day) = own.chain(self.passed.first_made).min_by_key(|(at, is_day)| (*at, !is_day))?;
        let before = leads.partition_point(|at| *at < first - SKEW);
        let after = leads.get(before..).unwrap_or_default();
        let after = after.get(..WINDOW).unwrap_or(after);
        let records = self.between(first, *after.last()?);
        if before < 3 || after.len() < 5 || records * 5 < after.len() * 2 {
            return None;
        }
        DateTime::from_timestamp_micros(if is_day { first + DAY } else { first - SKEW })
    }

    /// Where records begin in numbers, though some are older: an export of what was changed lately that does not tell when,
    /// or a CRM that took over what somebody thought worth it. `leads`: when those of this destination were received, in
    /// order.
    ///
    /// In numbers means that since the first lead, and in each part of the time before, there are for each lead less than
    /// two in five of the records that there are after, and yet some. An outage lets nothing through, or has leads before it
    /// that arrived; one that is older than the first lead and lets a few through all the time looks alike, so this is told
    /// as a finding.
    fn begin_in_numbers(&self, leads: &[i64]) -> Option<DateTime<Utc>> {
        /// Of the records that each lead has after the edge, fewer than this share before it.
        const THIN: f64 = 0.4;
        // What was changed later is the likelier to be of a later lead: the time after the edge may rise to one, too.
        const THIN_AGAIN: f64 = 0.75;
        let density = Density::of(self.own.iter().filter_map(|(made, ..)| *made).collect(), leads);
        let first = density.rises_after(0, THIN)?;
        let last = std::iter::successors(Some(first), |edge| density.rises_after(*edge, THIN_AGAIN)).last()?;
        leads.get(last).copied().and_then(DateTime::from_timestamp_micros)
    }

    /// Where a window over the time of change begins: no record was last changed before it, though many were made long
    /// before, and of the leads before it far fewer have a record than of those after it. Records that nobody touched
    /// since are left out there. `leads`: when those of this destination were received, in order.
    fn window_of_changes(&self, leads: &[i64]) -> Option<DateTime<Utc>> {
        const FEWEST: usize = 10;
        let times: Vec<(i64, i64)> = self.own.iter().filter_map(|(made, changed, _)| made.zip(*changed)).collect();
        // Where only some records tell when they were changed, the first change is no edge.
        let passed = self.passed.made.values().map(|(_, changed)| changed).sum::<usize>();
        if (times.len() + passed) * 10 < (self.own.len() + self.passed.records) * 9 {
            return None;
        }
        let own = times.iter().map(|(_, changed)| *changed);
        let edge = own.chain(self.passed.first_changed).min()?;
        let first_lead = leads.first()?;
        let of = |from: i64, until: i64| {
            let own = times.iter().filter(|(made, _)| (from..until).contains(made)).count();
            own + self.passed.changed_of_made_between(from, until)
        };
        let (made_before, made_after) = (of(*first_lead, edge - DAY), of(edge, i64::MAX));
        let before = leads.partition_point(|at| *at < edge - DAY);
        let after = leads.len() - leads.partition_point(|at| *at < edge);
        if made_before < FEWEST || before < FEWEST || after < FEWEST {
            return None;
        }
        // Where all records were changed at once, as many are shown of the time before as of the time after.
        let shows_less = made_before * after * 5 < made_after * before * 4;
        DateTime::from_timestamp_micros(edge).filter(|_| shows_less)
    }
}

/// How many records were made for each lead, over time.
struct Density {
    /// How many were made before each lead, since the first.
    until: Vec<usize>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of leads and records")]
impl Density {
    /// `made`: when records were made; `leads`: when leads were received, in order.
    ///
    /// Many that were made at once, between two leads, are an import and no rate: they count as some.
    fn of(mut made: Vec<i64>, leads: &[i64]) -> Self {
        made.sort_unstable();
        let before = |at: &i64| made.partition_point(|made| made < at);
        let places: Vec<usize> = leads.iter().map(before).collect();
        let counts: Vec<usize> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mut sorted = counts.clone();
        sorted.sort_unstable();
        let most = Self::AT_ONCE * (1 + sorted.get(sorted.len() * 3 / 4).copied().unwrap_or(0));
        let mut until = vec![0];
        for count in counts {
            until.push(until.last().copied().unwrap_or(0) + count.min(most));
        }
        Density { until }
    }

    /// So many times what is usual between two leads is an import.
    const AT_ONCE: usize = 4;
    /// Fewer leads on one side of an edge prove none.
    const FEWEST: usize = 30;
    /// Parts of the time before, each of which must be thin.
    const PARTS: usize = 3;
    /// Fewer records in a part are none to speak of.
    const SOME: f64 = 3.0;
    /// So many places are tried.
    const PLACES: usize = 4096;

    /// Records made while these leads were received. One lead may leave several, and other channels leave theirs.
    fn records(&self, from: usize, until: usize) -> f64 {
        let Some([first, .., last]) = self.until.get(from..until) else { return 0.0 };
        (last - first) as f64
    }

    /// Records for each of these leads.
    fn share(&self, from: usize, until: usize) -> f64 {
        self.records(from, until) / (until - from) as f64
    }

    /// Of Poisson's distribution with its best rate, up to what all edges have in common.
    fn likelihood(&self, from: usize, until: usize) -> f64 {
        let share = self.share(from, until);
        if share > 0.0 { self.records(from, until) * share.ln() } else { 0.0 }
    }

    /// The lead from which on there are many records for each, where in every part of the time from `start` to it there
    /// are some, and less than this `share` of as many.
    fn rises_after(&self, start: usize, share: f64) -> Option<usize> {
        let end = self.until.len();
        let edges = (start + Self::FEWEST..=end.checked_sub(Self::FEWEST)?).step_by(end.div_ceil(Self::PLACES));
        let of = |edge: usize| self.likelihood(start, edge) + self.likelihood(edge, end);
        let (edge, _) = edges.map(|edge| (edge, of(edge))).max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let many = self.share(edge, end);
        let is_thin = |part: usize| {
            let place = |part: usize| start + (edge - start) * part / Self::PARTS;
            let (from, until) = (place(part), place(part + 1));
            self.records(from, until) >= Self::SOME && self.share(from, until) < share * many
        };
        (0..Self::PARTS).all(is_thin).then_some(edge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR;

    /// Where an export begins whose records do not tell when they were changed; a lead an hour, those of `has` with a
    /// record some minutes later.
    fn begins(leads: i64, has: impl Fn(i64) -> bool) -> Option<i64> {
        let received: Vec<i64> = (0..leads).map(|lead| lead * HOUR).collect();
        let own = received.iter().enumerate().filter(|(lead, _)| has(i64::try_from(*lead).unwrap()));
        let own = own.map(|(_, at)| (Some(at + 5 * MINUTE), None, false)).collect();
        let made = Made { own, passed: &Passed::default() };
        made.begin_in_numbers(&received).map(|at| at.timestamp_micros() / HOUR)
    }

    #[test]
    fn an_export_of_what_was_changed_lately_begins_where_its_records_do_in_numbers() {
        assert_eq!(begins(1000, |lead| lead >= 600 || lead % 7 == 0), Some(600));
        // The later a lead, the likelier is its record to have been changed lately.
        let rising = |lead: i64| lead >= 600 || lead % 7 == 0 || (lead >= 540 && lead % 2 == 0);
        assert_eq!(begins(1000, rising), Some(600));
    }

    #[test]
    fn an_import_of_many_at_once_is_no_beginning() {
        let received: Vec<i64> = (0..200).map(|lead| lead * HOUR).collect();
        let of = |shown: &dyn Fn(usize) -> bool| {
            let own = received.iter().enumerate().filter(|(lead, _)| shown(*lead)).map(|(_, at)| at + 5 * MINUTE);
            let import = (0..400).map(|row| 150 * HOUR + 10 * MINUTE + row);
            let own = own.chain(import).map(|at| (Some(at), None, false)).collect();
            let made = Made { own, passed: &Passed::default() };
            made.begin_in_numbers(&received).map(|at| at.timestamp_micros() / HOUR)
        };
        assert_eq!(of(&|_| true), None);
        assert_eq!(of(&|lead| lead >= 100 || lead % 5 == 0), Some(100), "nor does it hide one");
    }

    #[test]
    fn neither_a_sparse_export_nor_an_outage_looks_like_one() {
        assert_eq!(begins(1000, |lead| lead % 5 == 0), None, "one owner's view is thin at all times");
        assert_eq!(begins(1000, |lead| !(40..600).contains(&lead)), None, "leads before it arrived");
        assert_eq!(begins(1000, |lead| lead >= 600 || lead == 3), None, "an outage lets nothing through");
        assert_eq!(begins(1000, |lead| lead >= 600 || lead % 2 == 0), None, "half of them lost is a loss");
        assert_eq!(begins(50, |lead| lead >= 25 || lead % 5 == 0), None, "fifty leads prove nothing");
    }
}
