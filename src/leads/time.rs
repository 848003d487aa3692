//! When the marketplace raised a lead: from text in the many forms in which it stands, to an instant in UTC.
//!
//! No document gives the form of CreatedTime; seen and likely are .NET's round trip (seven digits of a second), ISO
//! 8601, US dates with AM/PM, JSON dates, seconds or milliseconds since 1970 and .NET ticks. A time without a zone is UTC.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta};
use regex::Regex;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Microseconds since 1970 of a time as text; `None` if it is none. `stored` is when the row was stored: it decides
/// between readings, and a text that gives the day alone is no time on the day it was stored.
pub(super) fn parse(text: &str, stored: i64) -> Option<i64> {
    let text = text.trim().trim_matches('"');
    if text.len() > 64 {
        return None;
    }
    let at = parse_iso(text)
        .or_else(|| parse_number(text))
        .or_else(|| parse_parts(text, stored))
        .or_else(|| DateTime::parse_from_rfc2822(text).ok().map(|at| at.timestamp_micros()))
        .or_else(|| parse_named_month(text))?;
    // The marketplace opened in 2010; anything else is a default value (0001-01-01, 9999-12-31) or a number that is no time.
    let (low, high) = (1_230_768_000_000_000, 4_102_444_800_000_000);
    (low..high).contains(&at).then_some(at)
}

fn parse_iso(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_micros())
}

/// `/Date(1538159058000)/`, seconds or milliseconds since 1970, or .NET ticks since year 1.
fn parse_number(text: &str) -> Option<i64> {
    const TICKS_AT_1970: i64 = 621_355_968_000_000_000;
    let inner = text.strip_prefix("/Date(").and_then(|t| t.strip_suffix(")/")).unwrap_or(text);
    let number: i64 = inner.parse().ok()?;
    match inner.len() {
        10 => number.checked_mul(1_000_000),
        13 => number.checked_mul(1_000),
        18 => number.checked_sub(TICKS_AT_1970).map(|ticks| ticks.div_euclid(10)),
        _ => None,
    }
}

/// Numeric dates in any order, with or without a time, AM/PM, fraction and zone.
fn parse_parts(text: &str, stored: i64) -> Option<i64> {
    static PARTS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?ix)^(\d{1,4})([-/.])(\d{1,2})([-/.])(\d{1,4})
            (?: (?:T|,?\s+) (\d{1,2}):(\d{2}) (?: :(\d{2}) (?: [.,](\d{1,9}) )? )? \s* ([ap]\.?m\.?)? )?
            \s* (Z|UTC|GMT|[+-]\d{2}:?\d{2})? $",
        )
        .expect("the pattern is ours")
    });
    let parts = PARTS.captures(text)?;
    let part = |i: usize| parts.get(i).map(|m| m.as_str());
    let number = |i: usize| part(i).and_then(|t| t.parse::<u32>().ok());
    if part(2) != part(4) {
        return None;
    }
    let (first, second, third) = (number(1)?, number(3)?, number(5)?);
    let day = |year: u32, month, day| NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day);
    let last = if part(5)?.len() == 2 { 2000 + third } else { third };
    let dates = if part(1)?.len() == 4 {
        [day(first, second, third), None]
    } else if part(2) == Some(".") {
        [day(last, second, first), None]
    } else {
        [day(last, first, second), day(last, second, first)] // the US order is the documented one
    };
    let hour = match (number(6), part(10).and_then(|t| t.chars().next())) {
        (Some(hour @ 1..=12), Some('a' | 'A')) => Some(hour % 12),
        (Some(hour @ 1..=12), Some('p' | 'P')) => Some(hour % 12 + 12),
        (_, Some(_)) => return None,
        (hour, None) => hour,
    };
    let time = match hour {
        None => NaiveTime::MIN,
        Some(hour) => {
            let digits: String = part(9).unwrap_or("0").chars().chain("000000".chars()).take(6).collect();
            NaiveTime::from_hms_micro_opt(hour, number(7)?, number(8).unwrap_or(0), digits.parse().ok()?)?
        }
    };
    let shift = offset(part(11))?;
    let instants = dates.map(|d| d.map(|d| d.and_time(time).and_utc().timestamp_micros() - shift));
    let at = match instants {
        // Nothing is stored before it is raised: a month too many means that the day came first.
        [Some(us), Some(other)] if us > stored + MICROS_PER_DAY && other <= stored + MICROS_PER_DAY => other,
        [Some(us), _] => us,
        [None, other] => other?,
    };
    let same_day = hour.is_none() && at.div_euclid(MICROS_PER_DAY) == stored.div_euclid(MICROS_PER_DAY);
    (!same_day).then_some(at)
}

fn parse_named_month(text: &str) -> Option<i64> {
    [
        "%d %b %Y %H:%M:%S", "%d %B %Y %H:%M:%S", "%b %d %Y %I:%M%p", "%B %d, %Y %I:%M:%S %p", "%b %d, %Y %I:%M:%S %p",
        "%b %d, %Y %H:%M:%S",
    ]
    .iter()
    .find_map(|form| chrono::NaiveDateTime::parse_from_str(text, form).ok())
    .map(|at| at.and_utc().timestamp_micros())
}

/// Microseconds to take off for a zone; none is UTC.
fn offset(zone: Option<&str>) -> Option<i64> {
    let Some(zone) = zone.filter(|z| z.starts_with(['+', '-'])) else { return Some(0) };
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let minutes = digits.get(..2)?.parse::<i64>().ok()? * 60 + digits.get(2..)?.parse::<i64>().ok()?;
    let shift = TimeDelta::minutes(minutes).num_microseconds()?;
    Some(if zone.starts_with('-') { -shift } else { shift })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, stored: &str) -> Option<String> {
        let stored = DateTime::parse_from_rfc3339(stored).unwrap().timestamp_micros();
        let at = DateTime::from_timestamp_micros(parse(text, stored)?)?;
        Some(at.format("%Y-%m-%dT%H:%M:%S%.f").to_string())
    }

    #[test]
    fn times_are_read_in_every_form() {
        for (text, expected) in [
            ("2018-09-28T18:24:18.7117715Z", "2018-09-28T18:24:18.711771"),
            ("2018-09-28T18:24:18", "2018-09-28T18:24:18"),
            ("2018-09-28 20:24:18 +02:00", "2018-09-28T18:24:18"),
            ("9/28/2018 6:24:18 PM", "2018-09-28T18:24:18"),
            ("09/28/2018 12:04 am", "2018-09-28T00:04:00"),
            ("28/9/2018 18:24:18", "2018-09-28T18:24:18"),
            ("28.09.2018 18:24", "2018-09-28T18:24:00"),
            ("9/28/2018 6:24:18 PM +00:00", "2018-09-28T18:24:18"),
            ("1538159058", "2018-09-28T18:24:18"),
            ("1538159058711", "2018-09-28T18:24:18.711"),
            ("/Date(1538159058711)/", "2018-09-28T18:24:18.711"),
            ("636737558587117715", "2018-09-28T18:24:18.711771"),
            ("Fri, 28 Sep 2018 18:24:18 GMT", "2018-09-28T18:24:18"),
        ] {
            assert_eq!(shown(text, "2018-09-30T00:00:00Z").as_deref(), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "0001-01-01T00:00:00Z", "13/13/2018 01:00", "9/28/2018 13:00 PM", "42"] {
            assert_eq!(shown(text, "2018-09-30T00:00:00Z"), None, "{text}");
        }
    }

    #[test]
    fn the_time_of_storing_decides_between_day_and_month_and_beats_a_bare_date() {
        assert_eq!(shown("10/3/2018 09:00", "2018-03-10T09:00:05Z").as_deref(), Some("2018-03-10T09:00:00"));
        assert_eq!(shown("3/10/2018 09:00", "2018-03-10T09:00:05Z").as_deref(), Some("2018-03-10T09:00:00"));
        assert_eq!(shown("2018-03-10", "2018-03-10T09:00:05Z"), None);
        assert_eq!(shown("2018-03-09", "2018-03-10T09:00:05Z").as_deref(), Some("2018-03-09T00:00:00"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9/:. TZapmAPM+-]{0,30}|\\PC{0,30}", stored in any::<i32>()) {
            let _ = parse(&text, i64::from(stored) * 1_000_000);
        }
    }
}
