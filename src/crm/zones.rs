//! A column that is known to be UTC beside a local one → the zone of the local one.
//!
//! A record that nobody touched since it was made has both its times within seconds, so that their difference is the
//! zone's; and none is changed before it is made. A zone must agree with both, summer and winter.

use chrono::{DateTime, TimeZone as _, Utc};
use chrono_tz::Tz;

/// Zones that are tried, the likelier first where several agree.
const ZONES: &[Tz] = &[
    Tz::UTC,
    Tz::America__New_York,
    Tz::America__Chicago,
    Tz::America__Denver,
    Tz::America__Los_Angeles,
    Tz::Europe__London,
    Tz::Europe__Berlin,
    Tz::Europe__Helsinki,
    Tz::Europe__Moscow,
    Tz::Asia__Kolkata,
    Tz::Asia__Singapore,
    Tz::Asia__Tokyo,
    Tz::Australia__Sydney,
    Tz::America__Sao_Paulo,
    Tz::Asia__Dubai,
    Tz::Africa__Johannesburg,
    Tz::Africa__Lagos,
    Tz::America__Phoenix,
    Tz::America__Anchorage,
    Tz::Pacific__Honolulu,
    Tz::America__Halifax,
    Tz::America__St_Johns,
    Tz::America__Bogota,
    Tz::America__Caracas,
    Tz::America__Santiago,
    Tz::Atlantic__Azores,
    Tz::Africa__Cairo,
    Tz::Asia__Jerusalem,
    Tz::Asia__Tehran,
    Tz::Asia__Karachi,
    Tz::Asia__Kathmandu,
    Tz::Asia__Dhaka,
    Tz::Asia__Bangkok,
    Tz::Australia__Perth,
    Tz::Australia__Adelaide,
    Tz::Australia__Brisbane,
    Tz::Pacific__Auckland,
    Tz::Etc__GMTPlus12,
    Tz::Etc__GMTPlus11,
    Tz::Etc__GMTPlus2,
    Tz::Etc__GMTMinus11,
    Tz::Etc__GMTMinus13,
    Tz::Etc__GMTMinus14,
];

/// Fewer untouched records prove nothing.
const FEWEST: usize = 2;

/// What a file proves of its own zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    pub zone: Tz,
    /// Records that nobody touched.
    pub untouched: usize,
}

/// Finds the zone. `made`: wall-clock times, read as though they were UTC; `changed`: instants; `slack`: how far both may
/// be apart in a record that nobody touched, in microseconds.
pub(super) fn prove(made: &[Option<i64>], changed: &[Option<i64>], slack: i64) -> Option<Proof> {
    let pairs: Vec<(i64, i64)> = made.iter().zip(changed).filter_map(|(m, c)| Some(((*m)?, (*c)?))).collect();
    let mut best: Option<(usize, usize, Proof)> = None;
    for zone in ZONES {
        let (mut untouched, mut impossible) = (0usize, 0usize);
        for (made, changed) in &pairs {
            let Some(made) = instant(*made, *zone) else { continue };
            untouched += usize::from((changed - made).abs() <= slack);
            impossible += usize::from(made > changed + slack);
        }
        // A clock that was set, an imported record: one in fifty may be impossible.
        if untouched < FEWEST || impossible * 50 > pairs.len() {
            continue;
        }
        if best.as_ref().is_none_or(|(most, fewest, _)| (untouched, usize::MAX - impossible) > (*most, *fewest)) {
            best = Some((untouched, usize::MAX - impossible, Proof { zone: *zone, untouched }));
        }
    }
    best.map(|(.., proof)| proof)
}

fn instant(wall_clock: i64, zone: Tz) -> Option<i64> {
    let naive = DateTime::<Utc>::from_timestamp_micros(wall_clock)?.naive_utc();
    zone.from_local_datetime(&naive).earliest().map(|at| at.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;

    fn wall_clock(at: i64, zone: Tz) -> i64 {
        let at = DateTime::<Utc>::from_timestamp_micros(at).unwrap();
        at.with_timezone(&zone).naive_local().and_utc().timestamp_micros()
    }

    #[test]
    fn the_zone_follows_from_records_that_nobody_touched_in_summer_and_in_winter() {
        let start = 1_767_225_600 * SECOND;
        for zone in [Tz::America__New_York, Tz::Europe__Berlin, Tz::Asia__Kolkata, Tz::UTC] {
            let instants: Vec<i64> = (0..40).map(|n| start + n * 9 * DAY + n * 3_777 * SECOND).collect();
            let made: Vec<Option<i64>> = instants.iter().map(|at| Some(wall_clock(*at, zone))).collect();
            // Every third was changed later, at some time.
            let changed: Vec<Option<i64>> = instants
                .iter()
                .enumerate()
                .map(|(n, at)| Some(if n % 3 == 0 { at + n as i64 * 7_001 * SECOND } else { at + SECOND }))
                .collect();
            assert_eq!(prove(&made, &changed, 5 * SECOND).map(|p| p.zone), Some(zone));
        }
    }

    #[test]
    fn records_that_were_all_changed_prove_nothing() {
        let made: Vec<Option<i64>> = (0..40).map(|n| Some(n * DAY)).collect();
        let changed: Vec<Option<i64>> = (0..40).map(|n| Some(n * DAY + (n + 1) * 7_001 * SECOND)).collect();
        assert_eq!(prove(&made, &changed, 5 * SECOND), None);
    }
}
