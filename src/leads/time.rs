//! When the marketplace raised a lead: from text in the many forms in which it stands, to an instant in UTC.
//!
//! No document gives the form of CreatedTime; seen and likely are .NET's round trip (seven digits of a second), ISO
//! 8601, US dates with AM/PM, JSON dates, seconds or milliseconds since 1970 and .NET ticks. Everything else, as a
//! spreadsheet saves it in its user's language, is read by the grammar that exports are read by. A time without a zone is
//! UTC.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta};
use regex::Regex;

use crate::config::DateOrder;
use crate::tabular::times::{self, Resolution};
use crate::time::DAY;

/// The order in which a date has day and month, where the text alone shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    MonthFirst,
    DayFirst,
}

/// A time as text can be read, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// What it says; where day and month can be either, with the month first, which is the documented order.
    pub(super) at: i64,
    /// What it says with the day first, where that is another time.
    pub(super) other: Option<i64>,
    /// The order that the text shows.
    pub(super) order: Option<Order>,
    /// Whether it gives the day alone.
    pub(super) is_day: bool,
    /// Whether it says of no zone, and was read in UTC.
    pub(super) is_local: bool,
}

/// How near a time must be to one beside it to be the right reading of two.
const NEAR: i64 = DAY + DAY / 2;

impl Reading {
    /// The reading that the moment of storing, or the Timestamp beside it, decides for; nothing where neither does.
    /// `near` says that the row was stored when it was raised, as a row's own Timestamp does and a file's time does not.
    pub(super) fn decided(&self, stored: i64, near: bool) -> Option<Order> {
        let other = self.other?;
        let of = |at: i64| if near { (at - stored).abs() <= NEAR } else { at <= stored + DAY };
        match (of(self.at), of(other)) {
            (true, false) => Some(Order::MonthFirst),
            (false, true) => Some(Order::DayFirst),
            _ => None,
        }
    }

    /// The instant under an order.
    pub(super) fn under(&self, order: Order) -> i64 {
        match order {
            Order::DayFirst => self.other.unwrap_or(self.at),
            Order::MonthFirst => self.at,
        }
    }
}

/// Reads a time; nothing if it is none, or a default such as 0001-01-01.
pub(super) fn read(text: &str) -> Option<Reading> {
    let text = text.trim();
    // What programs put around a cell, so that no spreadsheet changes it.
    let text = text.strip_prefix('=').unwrap_or(text).trim_matches(['"', '\'']);
    if text.len() > 120 {
        return None;
    }
    let whole = |at: i64| Reading { at, other: None, order: None, is_day: false, is_local: false };
    let reading = parse_iso(text)
        .or_else(|| parse_number(text))
        .map(whole)
        .or_else(|| parse_parts(text))
        .or_else(|| DateTime::parse_from_rfc2822(text).ok().map(|at| whole(at.timestamp_micros())))
        .or_else(|| parse_named_month(text).map(|at| Reading { is_local: true, ..whole(at) }))
        .or_else(|| parse_by_grammar(text))?;
    // The marketplace opened in 2010; anything else is a default value (0001-01-01, 9999-12-31) or a number that is no time.
    let (low, high) = (1_230_768_000_000_000, 4_102_444_800_000_000);
    let possible = |at: &i64| (low..high).contains(at);
    match (Some(reading.at).filter(possible), reading.other.filter(possible)) {
        (Some(at), other) => Some(Reading { at, other, ..reading }),
        (None, Some(at)) => Some(Reading { at, other: None, ..reading }),
        (None, None) => None,
    }
}

/// What a record says of its own time, so that two texts of one time are equal; nothing where it says none, or the day
/// alone: of a day there are many leads.
pub(super) fn own(text: &str) -> Option<String> {
    let reading = read(text).filter(|r| !r.is_day)?;
    Some(match reading.other {
        None => reading.at.to_string(),
        Some(_) => text.trim().to_lowercase(),
    })
}

/// Whether a text is a day without hours.
pub(super) fn is_day(text: &str) -> bool {
    read(text).is_some_and(|reading| reading.is_day)
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

/// A time in the form of any locale.
fn parse_by_grammar(text: &str) -> Option<Reading> {
    let under = |order| times::instant(text, Some(order), chrono_tz::Tz::UTC);
    let (month_first, day_first) = (under(DateOrder::Mdy), under(DateOrder::Dmy));
    let (at, fineness, is_local) = month_first.or(day_first)?;
    let reading = Reading { at, other: None, order: None, is_day: fineness == Resolution::Day, is_local };
    Some(match (month_first, day_first) {
        (Some(_), Some((other, ..))) => Reading { other: Some(other).filter(|other| *other != at), ..reading },
        (Some(_), None) => Reading { order: Some(Order::MonthFirst), ..reading },
        _ => Reading { order: Some(Order::DayFirst), ..reading },
    })
}

/// Numeric dates in any order, with or without a time, AM/PM, fraction and zone.
fn parse_parts(text: &str) -> Option<Reading> {
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
    let slashes = part(1)?.len() < 3 && part(2) != Some(".");
    let (at, other, order) = match instants {
        [Some(us), Some(other)] => (us, Some(other).filter(|o| *o != us), None),
        [Some(us), None] => (us, None, slashes.then_some(Order::MonthFirst)),
        [None, other] => (other?, None, slashes.then_some(Order::DayFirst)),
    };
    Some(Reading { at, other, order, is_day: hour.is_none(), is_local: part(11).is_none() })
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
        let reading = read(text)?;
        let at = DateTime::from_timestamp_micros(
            reading.under(reading.decided(stored, false).unwrap_or(Order::MonthFirst)),
        )?;
        Some(at.format("%Y-%m-%dT%H:%M:%S%.f").to_string())
    }

    #[test]
    fn whatever_was_done_to_a_time_it_is_read_or_refused_in_no_time() {
        let times = [
            "2018-09-28T18:24:18.7117715Z", "2018-09-28 20:24:18 +02:00", "9/28/2018 6:24:18 PM", "28.09.2018 18:24",
            "/Date(1538159058000)/", "1538159058", "636737558587117715", "Fri, 28 Sep 2018 18:24:18 GMT",
            "Sep 28, 2018 6:24 PM", "28-Sep-18", "0001-01-01T00:00:00",
        ];
        let pieces =
            ["-", "/", ".", ":", " ", "T", "Z", "am", "+", "0", "99999", ",", "\u{202f}", "\"", "/Date(", ")/", "é"];
        crate::tabular::mutated::try_texts(&times, &pieces, 3000, |text| {
            if let Some(reading) = read(text) {
                for stored in [0, reading.at, i64::MAX / 2] {
                    let order = reading.decided(stored, true).or(reading.decided(stored, false));
                    let _ = reading.under(order.unwrap_or(Order::DayFirst));
                }
            }
            let _ = own(text);
        });
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
            ("28. September 2018 um 18:24 Uhr", "2018-09-28T18:24:00"),
            ("28 de septiembre de 2018 a las 6:24 p. m.", "2018-09-28T18:24:00"),
            ("2018年9月28日 下午6:24", "2018-09-28T18:24:00"),
            ("28‏/9‏/2018، 6:24 م", "2018-09-28T18:24:00"),
            ("20180928T182418Z", "2018-09-28T18:24:18"),
            ("43371.76687500", "2018-09-28T18:24:18"),
            ("=\"2018-09-28 18:24:18\"", "2018-09-28T18:24:18"),
            ("Fri Sep 28 2018 20:24:18 GMT+0200 (Central European Summer Time)", "2018-09-28T18:24:18"),
            ("9/28/2018 6:24:18 PM +00:00", "2018-09-28T18:24:18"),
            ("1538159058", "2018-09-28T18:24:18"),
            ("1538159058711", "2018-09-28T18:24:18.711"),
            ("/Date(1538159058711)/", "2018-09-28T18:24:18.711"),
            ("636737558587117715", "2018-09-28T18:24:18.711771"),
            ("Fri, 28 Sep 2018 18:24:18 GMT", "2018-09-28T18:24:18"),
        ] {
            assert_eq!(shown(text, "2018-09-30T00:00:00Z").as_deref(), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "0001-01-01T00:00:00Z", "13/13/2018 01:00", "9/28/2018 13:00 AM", "42"] {
            assert_eq!(shown(text, "2018-09-30T00:00:00Z"), None, "{text}");
        }
    }

    #[test]
    fn the_time_of_storing_and_a_timestamp_beside_it_decide_between_day_and_month() {
        assert_eq!(shown("10/3/2018 09:00", "2018-03-10T09:00:05Z").as_deref(), Some("2018-03-10T09:00:00"));
        assert_eq!(shown("3/10/2018 09:00", "2018-03-10T09:00:05Z").as_deref(), Some("2018-03-10T09:00:00"));
        let stored = DateTime::parse_from_rfc3339("2018-12-01T09:00:05Z").unwrap().timestamp_micros();
        let reading = read("1/12/2018 09:00").unwrap();
        assert_eq!((reading.decided(stored, true), reading.decided(stored, false)), (Some(Order::DayFirst), None));
        assert_eq!(read("13/12/2018 09:00").unwrap().order, Some(Order::DayFirst));
        assert_eq!(read("12/13/2018 09:00").unwrap().order, Some(Order::MonthFirst));
    }

    #[test]
    fn a_day_alone_and_a_default_are_no_own_time() {
        assert_eq!((own("2018-03-10"), own("0001-01-01T00:00:00Z"), own("")), (None, None, None));
        assert_eq!(own("2018-03-10T09:00:00Z"), own("2018-03-10T10:00:00.000+01:00"));
        assert_ne!(own("3/10/2018 09:00"), own("10/3/2018 09:00"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9/:. TZapmAPM+-]{0,30}|\\PC{0,30}") {
            let _ = own(&text);
        }
    }
}
