//! One text → the time it tells: ISO forms, epochs and serial days here, everything else by the grammar.
//!
//! Which of day and month stands first is told by the caller.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

use super::parts::{Clock, Date, Parts};
use super::words::{EVERY_LANGUAGE, Languages};
use super::{Resolution, calendars, grammar};
use crate::config::DateOrder;

/// One instant: microseconds, resolution, whether the zone had to be supplied.
pub fn instant(text: &str, order: Option<DateOrder>, zone: Tz) -> Option<(i64, Resolution, bool)> {
    instant_in(text, order, zone, EVERY_LANGUAGE, &[])
}

/// The same, months named in one of these languages, with words beside those that are known that say nothing.
pub(super) fn instant_in(
    text: &str,
    order: Option<DateOrder>,
    zone: Tz,
    languages: Languages,
    said: &[String],
) -> Option<(i64, Resolution, bool)> {
    instant_of(&parts_in(text, languages, said)?, order, zone)
}

/// Whether a text tells an instant in any order of day, month and year.
pub fn is_instant(text: &str) -> bool {
    let orders = [DateOrder::Dmy, DateOrder::Mdy, DateOrder::Ymd];
    parts(text).is_some_and(|parts| orders.into_iter().any(|order| instant_of(&parts, Some(order), Tz::UTC).is_some()))
}

fn instant_of(parts: &Parts, order: Option<DateOrder>, zone: Tz) -> Option<(i64, Resolution, bool)> {
    let Parts { date, time, offset } = parts;
    let date = match *date {
        Date::Known(date) => date,
        Date::Instant(micros) => return Some((micros, Resolution::Second, false)),
        Date::Serial(micros) => return Some((local(micros, zone)?, Resolution::Second, true)),
        Date::Numeric { a, b, year, separator } => {
            let day_first = match order {
                Some(DateOrder::Dmy) => true,
                Some(_) => false,
                None => separator == b'.' || a > 12 || a == b,
            };
            let (day, month) = if day_first { (a, b) } else { (b, a) };
            NaiveDate::from_ymd_opt(year, month, day)?
        }
        Date::Short { separator, .. } => {
            let fallback = || {
                let readings = [DateOrder::Dmy, DateOrder::Mdy, DateOrder::Ymd].map(|order| date.in_order(order));
                match readings {
                    [Some(day_first), ..] if separator == b'.' => Some(day_first),
                    _ => one_of(readings),
                }
            };
            order.map_or_else(fallback, |order| date.in_order(order))?
        }
    };
    let resolution = match time {
        None => Resolution::Day,
        Some(Clock { seconds: false, .. }) => Resolution::Minute,
        Some(_) => Resolution::Second,
    };
    let clock = time
        .as_ref()
        .map_or(Some(NaiveTime::MIN), |c| NaiveTime::from_hms_micro_opt(c.hour, c.minute, c.second, c.micro))?;
    let naive = date.and_time(clock).and_utc().timestamp_micros();
    match offset {
        Some(seconds) => Some((naive - i64::from(*seconds) * 1_000_000, resolution, false)),
        None => Some((local(naive, zone)?, resolution, true)),
    }
}

/// The date that all readings are which are one.
fn one_of(readings: [Option<NaiveDate>; 3]) -> Option<NaiveDate> {
    let mut possible = readings.into_iter().flatten();
    let first = possible.next()?;
    possible.all(|other| other == first).then_some(first)
}

/// Wall-clock time in a zone → instant. An hour that comes twice is its first, one that never comes the hour after.
fn local(naive_micros: i64, zone: Tz) -> Option<i64> {
    if zone == Tz::UTC {
        return Some(naive_micros);
    }
    let naive: NaiveDateTime = DateTime::from_timestamp_micros(naive_micros)?.naive_utc();
    let found = zone
        .from_local_datetime(&naive)
        .earliest()
        .or_else(|| zone.from_local_datetime(&(naive + TimeDelta::hours(1))).earliest())?;
    Some(found.timestamp_micros())
}

pub(super) fn parts(text: &str) -> Option<Parts> {
    parts_in(text, EVERY_LANGUAGE, &[])
}

pub(super) fn parts_in(text: &str, languages: Languages, said: &[String]) -> Option<Parts> {
    let text = text.trim();
    let bytes = text.as_bytes();
    // The common form first: 2026-05-03, then anything or nothing.
    if let Some(date) = iso_date(bytes) {
        let rest = text.get(10..)?;
        if rest.is_empty() {
            return Some(Parts { date: Date::Known(date), time: None, offset: None });
        }
        if let Some((time, offset)) = rest.strip_prefix(['T', ' ', 't']).and_then(clock) {
            return Some(Parts { date: Date::Known(date), time: Some(time), offset });
        }
    }
    if let Some((date, rest)) = iso_day_of_week_or_year(text) {
        if rest.is_empty() {
            return Some(Parts { date: Date::Known(date), time: None, offset: None });
        }
        let (time, offset) = clock(rest.strip_prefix(['T', ' ', 't'])?)?;
        return Some(Parts { date: Date::Known(date), time: Some(time), offset });
    }
    let is_number = !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b','));
    let number = if is_number || text.starts_with("/Date(") { numeric(text) } else { None };
    number.or_else(|| with_exponent(text)).or_else(|| grammar::read(without_zone_name(text), languages, said))
}

/// `2026-05-03T14:02:07+02:00[Europe/Berlin]`: the name says nothing beside the offset.
fn without_zone_name(text: &str) -> &str {
    let Some((before, name)) = text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) else { return text };
    if name.parse::<Tz>().is_ok() { before } else { text }
}

/// A date that begins with its year, with the two other parts exchanged; and these parts as they stand.
pub(super) fn exchanged(text: &str) -> Option<(String, u32, u32)> {
    let mut numbers = text.splitn(3, ['-', '/', '.']);
    let (year, middle, rest) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (last, rest) = rest.split_at_checked(digits)?;
    let is_part = |part: &str| matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit());
    if year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()) || !is_part(middle) || !is_part(last) {
        return None;
    }
    Some((format!("{year}-{last:0>2}-{middle:0>2}{rest}"), middle.parse().ok()?, last.parse().ok()?))
}

fn two(bytes: &[u8], at: usize) -> Option<u32> {
    match bytes.get(at..at + 2)? {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(u32::from(a - b'0') * 10 + u32::from(b - b'0')),
        _ => None,
    }
}

fn iso_date(bytes: &[u8]) -> Option<NaiveDate> {
    let separator = *bytes.get(4)?;
    if !matches!(separator, b'-' | b'/') || bytes.get(7) != Some(&separator) {
        return None;
    }
    let year = two(bytes, 0)? * 100 + two(bytes, 2)?;
    calendars::date(i32::try_from(year).ok()?, two(bytes, 5)?, two(bytes, 8)?)
}

/// The time behind an ISO date: `14:02`, `14:02:07.123+0100`, `14:02:07Z`. Everything else is left to the grammar.
fn clock(text: &str) -> Option<(Clock, Option<i32>)> {
    let bytes = text.as_bytes();
    let (hour, minute) = (two(bytes, 0)?, two(bytes, 3)?);
    if bytes.get(2) != Some(&b':') {
        return None;
    }
    let (mut at, mut second, mut micro, mut seconds) = (5, 0, 0, false);
    if bytes.get(at) == Some(&b':') {
        // A leap second is the last instant of its minute.
        second = two(bytes, at + 1).map(|second| if second == 60 { 59 } else { second })?;
        (at, seconds) = (at + 3, true);
        if bytes.get(at) == Some(&b'.') {
            let digits = bytes.get(at + 1..)?.iter().take_while(|b| b.is_ascii_digit()).count();
            for n in 0..6 {
                let digit = bytes.get(at + 1 + n).filter(|_| n < digits).map_or(0, |b| u32::from(b - b'0'));
                micro = micro * 10 + digit;
            }
            at += 1 + digits;
        }
    }
    let rest = bytes.get(at..)?;
    // `14:02:07 +0100`, as Ruby writes it.
    let rest = rest.strip_prefix(b" ").filter(|rest| matches!(rest.first(), Some(b'+' | b'-'))).unwrap_or(rest);
    let offset = match rest {
        [] => None,
        b"Z" => Some(0),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let minutes = match rest.len() {
                4 => two(rest, 2)?,
                5 if rest.get(2) == Some(&b':') => two(rest, 3)?,
                _ => return None,
            };
            let hours = two(rest, 0)?;
            if hours > 14 || minutes > 59 {
                return None;
            }
            let east = i32::try_from(hours * 3600 + minutes * 60).ok()?;
            Some(if *sign == b'-' { -east } else { east })
        }
        _ => return None,
    };
    (hour < 24 && minute < 60 && second < 60).then_some((Clock { hour, minute, second, micro, seconds }, offset))
}

/// `202605031402`, `20260503140207`, and with thousandths of a second.
fn run_of_digits(digits: &str) -> Option<Parts> {
    let bytes = digits.as_bytes();
    let year = two(bytes, 0)? * 100 + two(bytes, 2)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, two(bytes, 4)?, two(bytes, 6)?)?;
    let (hour, minute, second) = (two(bytes, 8)?, two(bytes, 10)?, two(bytes, 12));
    let micro = digits.get(14..).and_then(|rest| rest.parse::<u32>().ok()).unwrap_or(0) * 1000;
    let possible = (1990..2100).contains(&year) && hour < 24 && minute < 60 && second.unwrap_or(0) < 60;
    let time = Clock { hour, minute, second: second.unwrap_or(0), micro, seconds: second.is_some() };
    possible.then_some(Parts { date: Date::Known(date), time: Some(time), offset: None })
}

/// `2026-W18-7`, `2026-123`: days counted by week or by year, as ISO 8601 allows.
fn iso_day_of_week_or_year(text: &str) -> Option<(NaiveDate, &str)> {
    let bytes = text.as_bytes();
    let year = i32::try_from(two(bytes, 0)? * 100 + two(bytes, 2)?).ok()?;
    if bytes.get(4) != Some(&b'-') {
        return None;
    }
    if matches!(bytes.get(5), Some(b'W' | b'w')) && bytes.get(8) == Some(&b'-') {
        let day = bytes.get(9).filter(|b| (b'1'..=b'7').contains(b))?;
        let day = chrono::Weekday::try_from(day - b'1').ok()?;
        return Some((NaiveDate::from_isoywd_opt(year, two(bytes, 6)?, day)?, text.get(10..)?));
    }
    let rest = text.get(8..)?;
    let ends = !rest.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let day = text.get(5..8).filter(|day| ends && day.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    Some((NaiveDate::from_yo_opt(year, day)?, rest))
}

/// Epochs and Excel's day numbers, the latter also with a decimal comma.
fn numeric(text: &str) -> Option<Parts> {
    let text = text.trim_start_matches("/Date(").trim_end_matches(")/");
    let plain = |micros| Some(Parts { date: Date::Instant(micros), time: None, offset: None });
    let joined = ungrouped(text);
    let text = joined.as_deref().unwrap_or(text);
    let mut halves = text.split(['.', ',', '+']);
    let (digits, fraction) = (halves.next()?, halves.next());
    if halves.next().is_some() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match digits.len() {
        10 => plain(digits.parse::<i64>().ok()?.checked_mul(1_000_000)?),
        13 => plain(digits.parse::<i64>().ok()?.checked_mul(1000)?),
        16 => plain(digits.parse().ok()?),
        12 | 14 | 17 => run_of_digits(digits),
        // Tenths of microseconds since year 1 (.NET), or since 1601 (Windows).
        18 => {
            let ticks: i64 = digits.parse().ok()?;
            let since = match ticks {
                622_000_000_000_000_000..=662_000_000_000_000_000 => 621_355_968_000_000_000,
                116_500_000_000_000_000..=157_000_000_000_000_000 => 116_444_736_000_000_000,
                _ => return None,
            };
            plain((ticks - since) / 10)
        }
        // Days since 1899-12-30; 20000 is 1954, 80000 is 2119.
        5 => {
            let days: f64 = format!("{digits}.{}", fraction.unwrap_or("0")).parse().ok()?;
            if !(20_000.0..80_000.0).contains(&days) {
                return None;
            }
            #[expect(clippy::cast_possible_truncation, reason = "below 10^16")]
            let seconds = ((days - 25_569.0) * 86_400.0).round() as i64;
            Some(Parts { date: Date::Serial(seconds * 1_000_000), time: None, offset: None })
        }
        _ => None,
    }
}

/// The digits of `1,775,030,400,000`.
fn ungrouped(text: &str) -> Option<String> {
    let mut groups = text.split([',', '.']);
    let first = groups.next().filter(|first| (1..=3).contains(&first.len()))?;
    let rest: Vec<&str> = groups.collect();
    (rest.len() > 2 && rest.iter().all(|group| group.len() == 3)).then(|| format!("{first}{}", rest.concat()))
}

/// An epoch with an exponent. Java writes all digits that there are (`1.7750304E12`); Excel cuts them (`1.77503E+12`), and
/// what is left of it tells no time.
fn with_exponent(text: &str) -> Option<Parts> {
    let (mantissa, exponent) = text.split_once(['E', 'e'])?;
    let (first, decimals) = mantissa.split_once(['.', ','])?;
    let is_cut = exponent.starts_with('+');
    let places: usize = exponent.trim_start_matches('+').parse().ok()?;
    let are_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if first.len() != 1 || places > 18 || decimals.len() > places || !are_digits(first) || !are_digits(decimals) {
        return None;
    }
    let is_whole = !is_cut || decimals.len() == places;
    is_whole.then(|| numeric(&format!("{first}{decimals:0<places$}")))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{NewChunkedArray as _, StringChunked};
    use proptest::prelude::*;

    fn shown(text: &str, order: Option<DateOrder>, zone: Tz) -> Option<String> {
        let (micros, resolution, _) = instant(text, order, zone)?;
        let at = DateTime::from_timestamp_micros(micros)?;
        Some(format!("{} {}", at.format("%Y-%m-%dT%H:%M:%S%.6f"), resolution.name()))
    }

    #[test]
    fn every_measured_form_of_a_time_is_read() {
        assert_eq!(shown("1.60946E+12", None, Tz::UTC), None, "what Excel left of it");
        for (text, order, expected) in [
            ("2024-07-11T21:22:06.000+0000", None, "2024-07-11T21:22:06.000000 second"),
            ("2006-06-12T21:03:42.000Z", None, "2006-06-12T21:03:42.000000 second"),
            ("2018-05-25T16:21:09.0000000+00:00", None, "2018-05-25T16:21:09.000000 second"),
            ("2020-01-01T01:01:51.8128447Z", None, "2020-01-01T01:01:51.812844 second"),
            ("2010-05-07T15:41:32-05:00", None, "2010-05-07T20:41:32.000000 second"),
            ("2019-12-29 08:15:15.000", None, "2019-12-29T08:15:15.000000 second"),
            ("2024-03-12 09:14", None, "2024-03-12T09:14:00.000000 minute"),
            ("2024-01-01T00:00Z", None, "2024-01-01T00:00:00.000000 minute"),
            ("2005-11-09", None, "2005-11-09T00:00:00.000000 day"),
            ("2024-10-01 00:00:00 UTC", None, "2024-10-01T00:00:00.000000 second"),
            ("2024-10-01 02:00:00 -0500", None, "2024-10-01T07:00:00.000000 second"),
            ("2024-10-01 02:00 +05:30", None, "2024-09-30T20:30:00.000000 minute"),
            ("10/01/2024 2:00:00 AM -07:00", Some(DateOrder::Mdy), "2024-10-01T09:00:00.000000 second"),
            ("08:03 - 01.04.2026", None, "2026-04-01T08:03:00.000000 minute"),
            ("6/28/2021 4:34:35 PM", Some(DateOrder::Mdy), "2021-06-28T16:34:35.000000 second"),
            ("02/24/26 02:18 AM", Some(DateOrder::Mdy), "2026-02-24T02:18:00.000000 minute"),
            ("12/05/2026 12:05 AM", Some(DateOrder::Dmy), "2026-05-12T00:05:00.000000 minute"),
            ("11.07.2024, 14:22", None, "2024-07-11T14:22:00.000000 minute"),
            ("1/23/2019 12:00:00 AM|11", Some(DateOrder::Mdy), "2019-01-23T00:00:00.000000 second"),
            ("May 3, 2026, 2:02 PM", None, "2026-05-03T14:02:00.000000 minute"),
            ("3 de mayo de 2026", None, "2026-05-03T00:00:00.000000 day"),
            ("03-Mai-2026 14:02:07", None, "2026-05-03T14:02:07.000000 second"),
            ("3 мая 2026 г. 14:02", None, "2026-05-03T14:02:00.000000 minute"),
            ("2026年5月3日 14:02", None, "2026-05-03T14:02:00.000000 minute"),
            ("2026/5/3 下午 2:02", None, "2026-05-03T14:02:00.000000 minute"),
            ("1609459200000", None, "2021-01-01T00:00:00.000000 second"),
            ("1,609,459,200,000", None, "2021-01-01T00:00:00.000000 second"),
            ("1.6094592E12", None, "2021-01-01T00:00:00.000000 second"),
            ("1.609459200000E+12", None, "2021-01-01T00:00:00.000000 second"),
            ("45484.8903", None, "2024-07-11T21:22:02.000000 second"),
        ] {
            assert_eq!(shown(text, order, Tz::UTC).as_deref(), Some(expected), "{text}");
        }
        for (text, expected) in [
            ("2026. 5. 3. 오후 2:02", "2026-05-03T14:02"),
            ("2026년 5월 3일 오전 12시 2분", "2026-05-03T00:02"),
            ("٣\u{200f}/٥\u{200f}/٢٠٢٦، ٢:٠٢ م", "2026-05-03T14:02"),
            ("۱۴۰۵/۲/۱۳،‏ ۱۴:۰۲", "2026-05-03T14:02"),
            ("令和8年5月3日 14時02分", "2026-05-03T14:02"),
            ("R8.5.3 14:02", "2026-05-03T14:02"),
            ("民國115年5月3日 下午2:02", "2026-05-03T14:02"),
            ("115/05/03 14:02", "2026-05-03T14:02"),
            ("2026年5月3日星期日晚上8:02", "2026-05-03T20:02"),
            ("3/5/2569, 14:02", "2026-05-03T14:02"),
            ("3 พ.ค. 2569 14:02 น.", "2026-05-03T14:02"),
            ("3.5.2026 klo 14.02", "2026-05-03T14:02"),
            ("den 3 maj 2026 kl. 14.02", "2026-05-03T14:02"),
            ("2026-05-03 kl. 14:02", "2026-05-03T14:02"),
            ("03/05/2026\u{202f}14\u{a0}h\u{a0}02", "2026-05-03T14:02"),
            ("3 mai 2026 à 14:02", "2026-05-03T14:02"),
            ("3 de mayo de 2026, 2:02\u{a0}p.\u{a0}m.", "2026-05-03T14:02"),
            ("3/5/2026, 2:02 μ.μ.", "2026-05-03T14:02"),
            ("14:02 3/5/2026", "2026-05-03T14:02"),
            ("14:02, ngày 3 tháng 5 năm 2026", "2026-05-03T14:02"),
            ("2026 m. gegužės 3 d. 14:02", "2026-05-03T14:02"),
            ("2026. gada 3. maijs 14:02", "2026-05-03T14:02"),
            ("2026. május 3. 14:02", "2026-05-03T14:02"),
            ("3 במאי 2026, 14:02", "2026-05-03T14:02"),
            ("3.05.2026 г., 14:02 ч.", "2026-05-03T14:02"),
            ("03. 05. 2026. 14:02", "2026-05-03T14:02"),
            ("mar 3 mar 2026 14:02", "2026-03-03T14:02"),
            ("Sun May 03 2026 16:02:00 GMT+0200 (Central European Summer Time)", "2026-05-03T14:02"),
            ("2026-05-03T16:02:00+02:00[Europe/Berlin]", "2026-05-03T14:02"),
            ("20260503T140200Z", "2026-05-03T14:02"),
            ("3 May 2026 2 PM", "2026-05-03T14:00"),
            ("46145,58472222", "2026-05-03T14:02"),
            ("1 de mayo de 2026 a las 2:02 p. m.", "2026-05-01T14:02"),
            ("1. května 2026 v 8:03", "2026-05-01T08:03"),
            ("2026 m. gegužės 1 d. 08:03", "2026-05-01T08:03"),
            ("lúc 14:02 Ngày 03 tháng 05 năm 2026", "2026-05-03T14:02"),
            ("3 Μαΐου 2026 στις 2:02 μ.μ.", "2026-05-03T14:02"),
            ("05/03/2026 @ 02:02PM", "2026-03-05T14:02"),
            ("03MAY2026:14:02:07", "2026-05-03T14:02:07"),
            ("03/May/2026:16:02:07 +0200", "2026-05-03T14:02:07"),
            ("2026:05:03 14:02:07", "2026-05-03T14:02:07"),
            ("2026-05-03 14:02:07 +0000 UTC", "2026-05-03T14:02:07"),
            ("Sun May 03 2026 14:02:07 GMT+0000 (Coordinated Universal Time)", "2026-05-03T14:02:07"),
            ("20260503140207", "2026-05-03T14:02:07"),
            ("639134137270000000", "2026-05-03T14:02:07"),
            ("134222905270000000", "2026-05-03T14:02:07"),
            ("2026-W18-7T14:02", "2026-05-03T14:02"),
            ("2026-123T14:02:07Z", "2026-05-03T14:02:07"),
        ] {
            let read = shown(text, Some(DateOrder::Dmy), Tz::UTC).unwrap_or_default();
            assert!(read.starts_with(expected), "{text}: {read}");
        }
        for text in [
            "", "soon", "00Qbm00000Orxk5EAB", "32/13/2026", "2026-02-30", "25:00", "12345678901", "day 3", "10.0.0.1",
            "Q2 2026", "3/4", "May 2026", "+49 30 1234", "3/5/2026 25:02", "14:02 XM 3/5/2026", "20261303140207",
            "1447/11/16", "2026-13-04", "2026-400",
        ] {
            assert_eq!(shown(text, None, Tz::UTC), None, "{text}");
        }
    }

    #[test]
    fn a_time_without_zone_is_read_in_the_zone_of_the_export_and_an_hour_that_never_was_moves_on() {
        let zone = Tz::America__New_York;
        assert_eq!(shown("2026-07-01 09:00:00", None, zone).unwrap(), "2026-07-01T13:00:00.000000 second");
        assert_eq!(shown("2026-03-08 02:30:00", None, zone).unwrap(), "2026-03-08T07:30:00.000000 second");
        assert_eq!(shown("2026-07-01T09:00:00Z", None, zone).unwrap(), "2026-07-01T09:00:00.000000 second");
    }

    #[test]
    fn whatever_was_done_to_a_time_it_is_read_or_refused_in_no_time() {
        let times = [
            "2026-05-03T14:02:18.1234567+02:00", "5/3/2026 2:02:18 PM", "03.05.26 14:02", "3 mai 2026 à 14 h 02",
            "2026年5月3日 下午2:02", "令和8年5月3日 14時2分", "den 3. maj 2026 kl. 14.02", "๓/๕/๒๕๖๙ ๑๔:๐๒ น.",
            "٣‏/٥‏/٢٠٢٦ ٢:٠٢ م", "3/5/2026, 2:02 μ.μ.", "Sunday, May 3, 2026 at 2:02 PM GMT+2",
            "2026. 05. 03. 오후 2:02", "1777816938", "/Date(1777816938000+0200)/", "46145.58493",
            "Sun May 03 2026 14:02:18 GMT+0200 (CEST)", "20260503T140218Z",
            "3-May-26 02.02.18.000000 PM EUROPE/BERLIN", "2026-W18-7", "۱۴۰۵/۰۲/۱۳", "yesterday at 14:02",
        ];
        let pieces = [
            "-", "/", ".", ":", " ", "\u{202f}", "\u{200e}", "T", "Z", "AM", "p. m.", "+", "0", "9999999999", "e",
            "年", "月", "de", "GMT", "(", ")", "'", ",", "２", "BC", "\0", "\"",
        ];
        crate::tabular::mutated::try_texts(&times, &pieces, 3000, |text| {
            let orders = [None, Some(DateOrder::Dmy), Some(DateOrder::Mdy), Some(DateOrder::Ymd)];
            for order in orders {
                for zone in [Tz::UTC, Tz::America__St_Johns] {
                    let _ = instant(text, order, zone);
                }
            }
            let column = StringChunked::from_slice("t".into(), &[text, "5/3/2026", text]);
            let mut evidence = crate::tabular::times::Evidence::default();
            evidence.weigh(&column, DateTime::from_timestamp(1_800_000_000, 0));
            evidence.weigh_changes(&column, &column);
            let order = evidence.decide(None).and_then(|order| order.order);
            assert_eq!(crate::tabular::times::read(&column, order, Tz::Asia__Kathmandu).micros.len(), 3);
            let _ = crate::tabular::ColumnForm::of_column(&column);
        });
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[0-9年月日/:. ,a-z+٣-٥令-]{0,30}|\\PC{0,30}") {
            let _ = instant(&text, Some(DateOrder::Dmy), Tz::Europe__Berlin);
        }

        #[test]
        fn both_orders_agree_with_their_format(seconds in 0i64..4_000_000_000) {
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            let expected = Some(seconds * 1_000_000);
            for (format, order) in [
                ("%m/%d/%Y %I:%M:%S %p", DateOrder::Mdy),
                ("%d.%m.%Y %H:%M:%S", DateOrder::Dmy),
                ("%d/%m/%Y, %H:%M:%S", DateOrder::Dmy),
                ("%Y-%m-%dT%H:%M:%SZ", DateOrder::Mdy),
                ("%d %B %Y %H:%M:%S", DateOrder::Mdy),
            ] {
                let text = at.format(format).to_string();
                prop_assert_eq!(instant(&text, Some(order), Tz::UTC).map(|t| t.0), expected, "{}", text);
            }
        }
    }
}
