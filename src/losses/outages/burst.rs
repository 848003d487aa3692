//! Is a run of losses an outage, or a burst that ran into a cap?
//!
//! A cap (Salesforce's Web-to-Lead takes 500 a day, a flow so many runs in five minutes) loses what comes after so many
//! leads within a window, and nothing else. So every loss stands at a load at which nothing was ever delivered, far above
//! the ordinary load or right above one that was reached on several days. An outage begins at any load.
//! Source: Salesforce Help, "Web-to-Lead limits"; Power Automate, "Limits of automated, scheduled, and instant flows".

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

use crate::time::{DAY, HOUR, MINUTE, SECOND};

/// Rolling windows in which leads are counted, beside the day in UTC and in the report's time zone.
const WINDOWS: [i64; 4] = [5 * MINUTE, 15 * MINUTE, HOUR, DAY];

/// A load under this is no burst.
const LEAST: u32 = 10;

/// For each window, how many leads had come within it, up to and with each lead that is judged.
pub(super) struct Loads {
    windows: Vec<Load>,
}

struct Load {
    /// Whether it counts the leads of a day: of very many the cap's count is further from ours.
    is_of_day: bool,
    loads: Vec<u32>,
    /// Loads at which leads were delivered, with their days, in order.
    delivered: Vec<(u32, i64)>,
}

impl Loads {
    /// `crowd`: when every lead came and its id, in order, whatever became of it: a cap counts them all. `leads`: the same
    /// of each that is judged, and whether it was delivered.
    pub(super) fn new<'a>(
        crowd: &[(i64, &'a str)],
        leads: impl Iterator<Item = ((i64, &'a str), bool)>,
        timezone: Tz,
    ) -> Self {
        let leads: Vec<((i64, &str), bool)> = leads.collect();
        // How many had come up to and with each lead.
        let come: Vec<usize> = leads.iter().map(|(lead, _)| crowd.partition_point(|other| other <= lead)).collect();
        let rolling = WINDOWS.iter().map(|window| {
            let before = |time: i64| crowd.partition_point(|(at, _)| *at <= time - window);
            let load = |((lead, _), come): (&((i64, &str), bool), &usize)| {
                u32::try_from(come.saturating_sub(before(lead.0))).unwrap_or(u32::MAX)
            };
            leads.iter().zip(&come).map(load).collect()
        });
        let days = [Tz::UTC, timezone].map(|zone| {
            let (mut day, mut rank) = (i64::MIN, 0u32);
            let rank_of = |(time, _): &(i64, &str)| {
                let today = day_of(*time, zone);
                rank = if today == day { rank + 1 } else { 1 };
                day = today;
                rank
            };
            let ranks: Vec<u32> = crowd.iter().map(rank_of).collect();
            come.iter().map(|come| ranks.get(come.wrapping_sub(1)).copied().unwrap_or(1)).collect()
        });
        let windows = rolling.chain(days).enumerate();
        Loads { windows: windows.map(|(at, loads)| Load::new(at >= WINDOWS.len(), loads, &leads)).collect() }
    }

    /// Whether the leads at these positions were lost to a cap; one in ten may have been lost beside it, and as many
    /// delivered above it: a cap counts what it sees, which is not quite what we count.
    pub(super) fn is_capped_burst(&self, lost: impl Iterator<Item = usize>) -> bool {
        let lost: Vec<usize> = lost.collect();
        self.windows.iter().any(|window| window.explains(&lost))
    }
}

impl Load {
    fn new(is_of_day: bool, loads: Vec<u32>, leads: &[((i64, &str), bool)]) -> Self {
        let delivered = loads.iter().zip(leads).filter(|(_, (_, delivered))| *delivered);
        let mut delivered: Vec<(u32, i64)> =
            delivered.map(|(load, (lead, _))| (*load, lead.0.div_euclid(DAY))).collect();
        delivered.sort_unstable();
        Load { is_of_day, loads, delivered }
    }

    fn explains(&self, lost: &[usize]) -> bool {
        let mut loads: Vec<u32> = lost.iter().filter_map(|at| self.loads.get(*at).copied()).collect();
        loads.sort_unstable();
        let strays = loads.len() / 10;
        let Some(least) = loads.get(strays).copied().filter(|least| *least >= LEAST) else { return false };
        let fuzz = if self.is_of_day { least / 12 } else { 0 };
        let below = self.delivered.partition_point(|(load, _)| *load < least + fuzz);
        if self.delivered.len() - below > strays {
            return false;
        }
        // Far above the ordinary load, or right above one that was reached on several days; strays may lie between.
        let slack = u32::try_from(strays + 3).unwrap_or(u32::MAX).saturating_add(fuzz);
        let ordinary = self.delivered.get(self.delivered.len() / 2).map_or(0, |(load, _)| *load);
        let near = self.delivered.get(..below).unwrap_or_default();
        let near = near.get(near.partition_point(|(load, _)| load.saturating_add(slack) < least)..).unwrap_or_default();
        let mut days: Vec<i64> = near.iter().map(|(_, day)| *day).collect();
        days.sort_unstable();
        days.dedup();
        least >= ordinary.saturating_mul(4) || days.len() >= 3
    }
}

/// The day of an instant in a zone, as a number.
fn day_of(micros: i64, zone: Tz) -> i64 {
    let offset = DateTime::from_timestamp_micros(micros)
        .map_or(0, |at| i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()));
    (micros + offset * SECOND).div_euclid(DAY)
}
