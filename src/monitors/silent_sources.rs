//! Sources that fell silent: so many leads were expected by the rate of weekday and hour, and none was seen.
//!
//! Silence proves nothing about people and says what it is. The test rescales time so that gaps between arrivals are
//! exponential, and asks whether a gap exceeds ln(n/alpha).

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Timelike, Utc};

use crate::error::Result;
use crate::findings::{AboutLeads, Finding};
use crate::tables::{Leads, Table};
use crate::time::{DAY, HOUR, MINUTE};

/// Fewer arrivals than this tell no rate.
const FEWEST_ARRIVALS: usize = 20;
/// Shorter than this tells no week.
const SHORTEST: i64 = 14 * DAY;
/// How far back a rate is taken: demand of last year is not demand.
const LOOK_BACK: i64 = 90 * DAY;
/// One person's clicks are one arrival.
const BURST: i64 = 30 * MINUTE;

/// Sources whose leads stopped: a finding for each, if so many were expected that none is no chance.
///
/// `seen_until` is the latest instant of which anything is known (the as-of day is not over when a run begins).
/// `alpha` is the expected number of false alarms in a run.
///
/// # Errors
/// When a table lacks a column: a fault of ours.
pub fn silent(
    leads: &Table<Leads>,
    seen_until: DateTime<Utc>,
    as_of_ends_at: DateTime<Utc>,
    alpha: f64,
) -> Result<Vec<Finding>> {
    let mut by_source: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (source, at) in leads.texts("source")?.into_iter().zip(leads.instants("received_at")?) {
        if let (Some(source), Some(at)) = (source, at) {
            by_source.entry(source).or_default().push(at);
        }
    }
    let whole_days = as_of_ends_at.timestamp_micros() - DAY;
    let end = seen_until
        .timestamp_micros()
        .clamp(whole_days.min(as_of_ends_at.timestamp_micros()), as_of_ends_at.timestamp_micros());
    let sources = by_source.len();
    let mut findings = Vec::new();
    for (source, mut arrivals) in by_source {
        arrivals.sort_unstable();
        if let Some((since, expected)) = silence(&arrivals, end, alpha / sources.max(1) as f64) {
            findings.push(Finding::page(source, AboutLeads::SourceSilent(since), expected));
        }
    }
    Ok(findings)
}

/// Since when a source is silent and how many arrivals were expected; `arrivals` are sorted.
fn silence(arrivals: &[i64], end: i64, alpha: f64) -> Option<(DateTime<Utc>, i64)> {
    let last = *arrivals.last()?;
    let window: Vec<i64> = arrivals.iter().copied().filter(|at| *at >= last - LOOK_BACK).collect();
    let mut single: Vec<i64> = Vec::with_capacity(window.len());
    for at in window {
        if single.last().is_none_or(|before| at - before > BURST) {
            single.push(at);
        }
    }
    let first = *single.first()?;
    if single.len() < FEWEST_ARRIVALS || last - first < SHORTEST || end <= last {
        return None;
    }
    let rate = Rate::of(&single, first, last);
    let expected = rate.expected(last, end);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand arrivals")]
    let threshold = (single.len() as f64 / alpha).ln();
    if expected <= threshold {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an expected number of leads")]
    Some((DateTime::from_timestamp_micros(last)?, expected.round() as i64))
}

/// Arrivals per hour, by weekday and hour, drawn towards what weekday and hour say on their own.
struct Rate([f64; 168]);

impl Rate {
    #[expect(clippy::cast_precision_loss, reason = "counts of a quarter")]
    fn of(arrivals: &[i64], first: i64, last: i64) -> Rate {
        let weeks = ((last - first) as f64 / (7 * DAY) as f64).max(1.0);
        let mut cells = [0.0; 168];
        let (mut days, mut hours) = ([0.0; 7], [0.0; 24]);
        for at in arrivals {
            let cell = cell_of(*at);
            cells[cell] += 1.0;
            days[cell / 24] += 1.0;
            hours[cell % 24] += 1.0;
        }
        let all = arrivals.len() as f64;
        // As heavy as four weeks of the cell itself.
        const PRIOR: f64 = 4.0;
        let mut rates = [0.0; 168];
        for (cell, rate) in rates.iter_mut().enumerate() {
            let product = days[cell / 24] * hours[cell % 24] / all / weeks;
            *rate = (cells[cell] + PRIOR * product) / (weeks + PRIOR);
        }
        Rate(rates)
    }

    #[expect(clippy::cast_precision_loss, reason = "parts of an hour")]
    fn expected(&self, from: i64, to: i64) -> f64 {
        let mut sum = 0.0;
        let mut at = from;
        while at < to {
            let next = (at.div_euclid(HOUR) + 1) * HOUR;
            let part = (next.min(to) - at) as f64 / HOUR as f64;
            sum += part * self.0[cell_of(at)];
            at = next;
        }
        sum
    }
}

/// Hour of the week, Monday 00:00 UTC first.
fn cell_of(at: i64) -> usize {
    DateTime::from_timestamp_micros(at)
        .map_or(0, |time| time.weekday().num_days_from_monday() as usize * 24 + time.hour() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office_hours(weeks: i64) -> Vec<i64> {
        // Monday 5 January 2026.
        let start = 1_767_571_200_000_000;
        (0..weeks * 7)
            .filter(|day| day % 7 < 5)
            .flat_map(|day| (0..6).map(move |n| start + day * DAY + (9 + n) * HOUR + (day * 13 + n * 7) % 50 * MINUTE))
            .collect()
    }

    #[test]
    fn a_weekend_is_no_silence_and_three_working_days_are() {
        let arrivals = office_hours(8);
        let last = *arrivals.last().unwrap();
        assert_eq!(silence(&arrivals, last + 2 * DAY, 1e-4), None, "Saturday and Sunday");
        let (since, expected) = silence(&arrivals, last + 6 * DAY, 1e-4).unwrap();
        assert_eq!(since.timestamp_micros(), last);
        assert!((16..=26).contains(&expected), "four working days of six, more or less: {expected}");
    }

    #[test]
    fn too_few_arrivals_tell_nothing() {
        let arrivals = office_hours(8);
        assert_eq!(silence(&arrivals[..15], arrivals[15] + 300 * DAY, 1e-4), None);
        assert_eq!(silence(&[], 0, 1e-4), None);
    }
}
