//! Whether a destination's export tells its times in another zone than it was read in.
//!
//! Seen from people with one event and one record: a record cannot be made hours before its lead, and a forwarder
//! does not take whole hours to the minute. Zones of time databases are tried beside fixed offsets, since exports in
//! local time jump twice a year.

use std::collections::BTreeMap;

use chrono::{DateTime, LocalResult, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use polars::prelude::*;

use crate::error::Result;
use crate::reconcile::events::TEN_MINUTES;
use crate::tables::{CrmRecords, Kind, Table};
use crate::time::{DAY, HOUR, MINUTE, SECOND};

/// How the times of an export are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// As they were.
    AsRead,
    /// They are this many minutes ahead of UTC.
    Offset(i64),
    /// They were read in the first zone and are of the second.
    Zone(Tz, Tz),
}

/// Fewer pairs than this prove nothing, unless each of them is impossible as read and prompt by one other clock.
const FEWEST: usize = 20;
/// Fewer than this prove nothing at all.
const FEWEST_ALIKE: usize = 6;
/// More are not needed.
const MOST: usize = 5000;

/// Resolution of a time in an hour that its zone has twice.
pub(super) const TWICE: &str = "hour-twice";

/// How far from UTC any clock is.
pub(super) const FARTHEST: TimeDelta = TimeDelta::hours(14);

/// Zones tried beside fixed offsets: where CRM servers and export laptops stand.
const ZONES: &[Tz] = &[
    Tz::America__New_York,
    Tz::America__Chicago,
    Tz::America__Denver,
    Tz::America__Los_Angeles,
    Tz::Europe__London,
    Tz::Europe__Berlin,
    Tz::Europe__Helsinki,
    Tz::Australia__Sydney,
    Tz::Pacific__Auckland,
];

impl Clock {
    /// The instant that an instant of the export is.
    pub(super) fn read(&self, at: i64) -> i64 {
        match self {
            Clock::AsRead => at,
            Clock::Offset(minutes) => at - minutes * MINUTE,
            Clock::Zone(read_in, zone) => {
                let Some(instant) = DateTime::from_timestamp_micros(at) else { return at };
                let local = instant.with_timezone(read_in).naive_local();
                // An hour that a zone has twice is the first; one that it leaves out is pushed forward.
                match zone.from_local_datetime(&local).earliest() {
                    Some(instant) => instant.timestamp_micros(),
                    None => at - i64::from(zone.offset_from_utc_datetime(&local).fix().local_minus_utc()) * SECOND,
                }
            }
        }
    }

    /// Whether its reading of the instant is the first of two: its local time came twice when clocks went back.
    /// `zone`: that in which the times were read where it is as they were.
    fn is_twice(&self, at: i64, zone: Tz) -> bool {
        let (read_in, zone) = match self {
            Clock::AsRead => (zone, zone),
            Clock::Offset(_) => return false,
            Clock::Zone(read_in, zone) => (*read_in, *zone),
        };
        if zone == Tz::UTC {
            return false;
        }
        let local = DateTime::from_timestamp_micros(at).map(|at| at.with_timezone(&read_in).naive_local());
        local.is_some_and(|local| matches!(zone.from_local_datetime(&local), LocalResult::Ambiguous(_, _)))
    }

    /// In words: which zone the export's times are of.
    pub(super) fn name(&self) -> String {
        match self {
            Clock::AsRead => "as read".to_owned(),
            Clock::Offset(minutes) => {
                let sign = if *minutes < 0 { '−' } else { '+' };
                format!("UTC{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
            Clock::Zone(_, zone) => zone.name().to_owned(),
        }
    }
}

/// Finds the clock by which records follow their leads. `pairs` are record time and lead time.
pub(super) fn recognise(pairs: &[(i64, i64)], read_in: Tz) -> Clock {
    if pairs.len() < FEWEST_ALIKE {
        return Clock::AsRead;
    }
    let step = pairs.len().div_ceil(MOST);
    let sample: Vec<(i64, i64)> = pairs.iter().copied().step_by(step).collect();
    let as_read = Fit::of(&sample, &Clock::AsRead);
    let is_early = as_read.too_early > 0.2;
    if !is_early && as_read.earliest < HOUR - TEN_MINUTES {
        return Clock::AsRead;
    }
    let offsets = (-FARTHEST.num_hours() * 2..=FARTHEST.num_hours() * 2)
        .filter(|half_hours| *half_hours != 0)
        .map(|half_hours| Clock::Offset(half_hours * 30));
    let zones = ZONES.iter().filter(|zone| **zone != read_in).map(|zone| Clock::Zone(read_in, *zone));
    let best = offsets
        .chain(zones)
        .map(|clock| (Fit::of(&sample, &clock), clock))
        .filter(|(fit, _)| fit.too_early <= 0.02)
        .filter(|(fit, _)| as_read.pairs >= FEWEST || (as_read.all_early() && fit.all_prompt()))
        .min_by(|(a, _), (b, _)| a.median.cmp(&b.median));
    match best {
        Some((fit, clock)) if is_early || fit.prompt >= as_read.prompt + 0.5 => {
            // Where as few are too early as read, the export is not early but mixed.
            if is_early && fit.too_early + 0.15 > as_read.too_early { Clock::AsRead } else { clock }
        }
        _ => Clock::AsRead,
    }
}

/// Reads the times of records by the clocks of their destinations, and leaves out what was made at `end` or later.
///
/// # Errors
/// When the table lacks a column: a fault of ours.
pub(super) fn on_time(
    records: &Table<CrmRecords>,
    clocks: &BTreeMap<&str, (&Clock, Tz)>,
    end: DateTime<Utc>,
) -> Result<Table<CrmRecords>> {
    let mut frame = records.frame().clone();
    frame.with_column(resolutions(records, clocks)?)?;
    let as_read: Vec<Option<&Clock>> = records
        .texts("destination")?
        .into_iter()
        .map(|name| clocks.get(name?).map(|(clock, _)| *clock).filter(|clock| **clock != Clock::AsRead))
        .collect();
    let resolution = records.texts("resolution")?;
    let end = end.timestamp_micros();
    for name in ["created_at", "modified_at", "last_activity_at"] {
        if as_read.iter().all(Option::is_none) {
            break;
        }
        let read =
            records.instants(name)?.into_iter().zip(&as_read).zip(&resolution).map(|((at, clock), resolution)| {
                // A day is a day on any clock: zones of days are allowed for in pairing.
                let is_day =
                    if name == "created_at" { *resolution == Some("day") } else { at.is_some_and(|at| at % DAY == 0) };
                at.map(|at| clock.filter(|_| !is_day).map_or(at, |clock| clock.read(at)))
            });
        let read: Vec<Option<i64>> = read.collect();
        frame.with_column(Series::new(name.into(), read).cast(&Kind::Instant.dtype())?.into())?;
    }
    let made = frame.column("created_at")?.datetime()?.physical().clone();
    let keep: BooleanChunked = made.iter().map(|at| Some(at.is_none_or(|at| at < end))).collect();
    if !keep.all() {
        frame = frame.filter(&keep)?;
    }
    Table::new(frame)
}

/// How finely `created_at` is known: an hour that came twice is only known to be one of the two.
fn resolutions(records: &Table<CrmRecords>, clocks: &BTreeMap<&str, (&Clock, Tz)>) -> Result<Column> {
    let times = records.texts("destination")?.into_iter().zip(records.instants("created_at")?);
    let widened = times.zip(records.texts("resolution")?).map(|((name, at), resolution)| {
        let is_fine = !matches!(resolution, Some("day" | "none"));
        let clock = name.and_then(|name| clocks.get(name)).filter(|_| is_fine);
        let is_twice = clock.zip(at).is_some_and(|((clock, zone), at)| clock.is_twice(at, *zone));
        if is_twice { Some(TWICE) } else { resolution }
    });
    let widened: StringChunked = widened.collect_ca("resolution".into());
    Ok(widened.into_column())
}

/// How well records follow their leads by a clock.
struct Fit {
    /// Pairs that tell of clocks.
    pairs: usize,
    /// Share of records made more than ten minutes, and less than a day and a half, before their leads.
    too_early: f64,
    /// Share made from ten minutes before to fifty after.
    prompt: f64,
    /// Delay that all but one in fifty exceed.
    earliest: i64,
    median: i64,
}

impl Fit {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
    fn of(sample: &[(i64, i64)], clock: &Clock) -> Fit {
        let mut delays: Vec<i64> = sample.iter().map(|(record, lead)| clock.read(*record) - lead).collect();
        // A record made days before says that the person was known, and nothing about clocks.
        delays.retain(|delay| *delay > -DAY * 3 / 2);
        delays.sort_unstable();
        let share = |holds: &dyn Fn(i64) -> bool| {
            delays.iter().filter(|delay| holds(**delay)).count() as f64 / delays.len().max(1) as f64
        };
        Fit {
            pairs: delays.len(),
            too_early: share(&|delay| delay < -TEN_MINUTES),
            prompt: share(&|delay| (-TEN_MINUTES..HOUR - TEN_MINUTES).contains(&delay)),
            earliest: delays.get(delays.len() / 50).copied().unwrap_or(0),
            median: delays.get(delays.len() / 2).copied().unwrap_or(i64::MAX),
        }
    }

    fn all_early(&self) -> bool {
        self.pairs >= FEWEST_ALIKE && self.too_early >= 1.0
    }

    fn all_prompt(&self) -> bool {
        self.pairs >= FEWEST_ALIKE && self.prompt >= 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_767_225_600_000_000; // 2026-01-01

    fn leads() -> impl Iterator<Item = i64> {
        (0..300).map(|n| START + n * 29 * HOUR + n * 7_000_000)
    }

    #[test]
    fn an_export_in_a_zone_with_summer_time_is_recognised() {
        let zone = Tz::America__New_York;
        let pairs: Vec<(i64, i64)> = leads()
            .enumerate()
            .map(|(n, lead)| {
                let made = lead + 30_000_000 * (1 + n as i64 % 20);
                let local = DateTime::from_timestamp_micros(made).unwrap().with_timezone(&zone).naive_local();
                (local.and_utc().timestamp_micros(), lead)
            })
            .collect();
        let clock = recognise(&pairs, Tz::UTC);
        assert_eq!(clock.name(), "America/New_York");
        for (record, lead) in pairs {
            assert!((0..HOUR).contains(&(clock.read(record) - lead)));
        }
    }

    #[test]
    fn a_slow_forwarder_is_not_taken_for_another_zone() {
        let pairs: Vec<_> = leads().enumerate().map(|(n, lead)| (lead + (n as i64 % 24) * HOUR, lead)).collect();
        assert_eq!(recognise(&pairs, Tz::UTC), Clock::AsRead);
    }

    #[test]
    fn a_few_records_are_enough_where_each_is_earlier_than_its_lead_and_prompt_by_one_clock() {
        let early: Vec<_> = leads().take(8).map(|lead| (lead - 7 * HOUR + 90_000_000, lead)).collect();
        assert_eq!(recognise(&early, Tz::UTC), Clock::Offset(-420));
        let late: Vec<_> = leads().take(8).map(|lead| (lead + 7 * HOUR, lead)).collect();
        assert_eq!(recognise(&late, Tz::UTC), Clock::AsRead, "a slow forwarder does that too");
        let mixed: Vec<_> = early.iter().enumerate().map(|(n, (at, lead))| (at + n as i64 * HOUR, *lead)).collect();
        assert_eq!(recognise(&mixed, Tz::UTC), Clock::AsRead);
        assert_eq!(recognise(&early[..5], Tz::UTC), Clock::AsRead);
    }

    #[test]
    fn a_fixed_offset_is_recognised_both_ways() {
        for hours in [-8, 5] {
            let pairs: Vec<_> = leads().map(|lead| (lead + hours * HOUR + 60_000_000, lead)).collect();
            assert_eq!(recognise(&pairs, Tz::UTC), Clock::Offset(hours * 60));
        }
        assert_eq!(Clock::Offset(-210).name(), "UTC−03:30");
    }
}
