//! Is a run of losses an outage, or a burst that ran into a cap?
//!
//! A cap (Salesforce's Web-to-Lead takes 500 a day, a flow so many runs in five minutes) loses what comes after so many
//! leads within a window, and nothing else. So every loss stands at a load at which nothing was ever delivered, far above
//! the ordinary load or right above one that was reached on several days. An outage begins at any load.
//! Source: Salesforce Help, "Web-to-Lead limits"; Power Automate, "Limits of automated, scheduled, and instant flows".

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Rolling windows in which leads are counted, beside the day in UTC and in the report's time zone.
const WINDOWS: [i64; 4] = [5 * 60 * SECOND, 15 * 60 * SECOND, 3_600 * SECOND, DAY];

/// A load under this is no burst.
const LEAST: u32 = 10;

/// For each window, how many leads had come within it, up to and with each lead.
pub(super) struct Loads {
    windows: Vec<Load>,
}

struct Load {
    loads: Vec<u32>,
    /// Greatest load at which a lead was delivered.
    delivered: u32,
    /// On how many days that load was reached.
    reached: usize,
    /// Median of the loads of delivered leads.
    ordinary: u32,
}

impl Loads {
    /// `leads`: when each came, in order of time, and whether it was delivered.
    pub(super) fn new(leads: impl Iterator<Item = (i64, bool)>, timezone: Tz) -> Self {
        let leads: Vec<(i64, bool)> = leads.collect();
        let rolling = WINDOWS.iter().map(|window| {
            let mut first = 0;
            let loads = leads.iter().enumerate().map(|(at, (time, _))| {
                while leads.get(first).is_some_and(|(start, _)| time - start >= *window) {
                    first += 1;
                }
                u32::try_from(at + 1 - first).unwrap_or(u32::MAX)
            });
            loads.collect()
        });
        let days = [Tz::UTC, timezone].map(|zone| {
            let (mut day, mut rank) = (i64::MIN, 0);
            let ranks = leads.iter().map(|(time, _)| {
                let today = day_of(*time, zone);
                rank = if today == day { rank + 1 } else { 1 };
                day = today;
                rank
            });
            ranks.collect()
        });
        Loads { windows: rolling.chain(days).map(|loads| Load::new(loads, &leads)).collect() }
    }

    /// Whether the leads at these positions were lost to a cap.
    pub(super) fn is_capped_burst(&self, lost: impl Iterator<Item = usize>) -> bool {
        let lost: Vec<usize> = lost.collect();
        self.windows.iter().any(|window| {
            let loads = lost.iter().filter_map(|at| window.loads.get(*at));
            let Some(least) = loads.min().copied().filter(|l| *l >= LEAST && *l > window.delivered) else {
                return false;
            };
            least >= window.ordinary.saturating_mul(4) || (window.reached >= 2 && least == window.delivered + 1)
        })
    }
}

impl Load {
    fn new(loads: Vec<u32>, leads: &[(i64, bool)]) -> Self {
        let mut of_delivered: Vec<(u32, i64)> = loads
            .iter()
            .zip(leads)
            .filter(|(_, (_, delivered))| *delivered)
            .map(|(l, (at, _))| (*l, at.div_euclid(DAY)))
            .collect();
        of_delivered.sort_unstable();
        let delivered = of_delivered.last().map_or(0, |(load, _)| *load);
        let ordinary = of_delivered.get(of_delivered.len() / 2).map_or(0, |(load, _)| *load);
        let mut days: Vec<i64> =
            of_delivered.iter().filter(|(load, _)| *load == delivered).map(|(_, day)| *day).collect();
        days.dedup();
        Load { loads, delivered, reached: days.len(), ordinary }
    }
}

/// The day of an instant in a zone, as a number.
fn day_of(micros: i64, zone: Tz) -> i64 {
    let offset = DateTime::from_timestamp_micros(micros)
        .map_or(0, |at| i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()));
    (micros + offset * SECOND).div_euclid(DAY)
}
