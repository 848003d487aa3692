//! One text → the time it tells: ISO forms, what people and their office programs write, epochs, serial days.
//!
//! Forms are those measured in exports (fact sheet on export formats); words of months and halves of the day are those
//! of the languages that exports come in. Which of day and month stands first is told by the caller.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

use super::Resolution;
use crate::config::DateOrder;

/// One instant: microseconds, resolution, whether the zone had to be supplied.
pub fn instant(text: &str, order: Option<DateOrder>, zone: Tz) -> Option<(i64, Resolution, bool)> {
    let Parts { date, time, offset } = parts(text)?;
    let date = match date {
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
    };
    let resolution = match time {
        None => Resolution::Day,
        Some(Clock { seconds: false, .. }) => Resolution::Minute,
        Some(_) => Resolution::Second,
    };
    let clock =
        time.map_or(Some(NaiveTime::MIN), |c| NaiveTime::from_hms_micro_opt(c.hour, c.minute, c.second, c.micro))?;
    let naive = date.and_time(clock).and_utc().timestamp_micros();
    match offset {
        Some(seconds) => Some((naive - i64::from(seconds) * 1_000_000, resolution, false)),
        None => Some((local(naive, zone)?, resolution, true)),
    }
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

pub(super) struct Parts {
    pub date: Date,
    pub time: Option<Clock>,
    /// Seconds east of UTC.
    pub offset: Option<i32>,
}

pub(super) enum Date {
    Known(NaiveDate),
    /// Epoch seconds, milliseconds or microseconds: an instant of its own.
    Instant(i64),
    /// Excel's day number, as wall-clock microseconds.
    Serial(i64),
    /// Day and month in either order.
    Numeric {
        a: u32,
        b: u32,
        year: i32,
        separator: u8,
    },
}

#[derive(Clone, Copy)]
pub(super) struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
    micro: u32,
    /// Whether seconds were written.
    seconds: bool,
}

pub(super) fn parts(text: &str) -> Option<Parts> {
    let text = text.trim();
    let bytes = text.as_bytes();
    // The common form first: 2026-05-03, then anything or nothing.
    if let Some(date) = iso_date(bytes) {
        let rest = text.get(10..)?;
        if rest.is_empty() {
            return Some(Parts { date: Date::Known(date), time: None, offset: None });
        }
        if let Some(rest) = rest.strip_prefix(['T', ' ', 't']) {
            let (time, offset) = clock(rest)?;
            return Some(Parts { date: Date::Known(date), time: Some(time), offset });
        }
    }
    if bytes.iter().all(|b| b.is_ascii_digit() || *b == b'.') || text.starts_with("/Date(") {
        return numeric(text);
    }
    worded(text)
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
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, two(bytes, 5)?, two(bytes, 8)?)
}

/// `14:02:07.123+0100`, `2:02 PM`, `14:02`, `14.02`, `14:02:07Z`, `14:02 UTC`.
fn clock(text: &str) -> Option<(Clock, Option<i32>)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let number = |at: &mut usize, most: usize| {
        let digits = bytes.get(*at..)?.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        let value = text.get(*at..*at + digits)?.parse::<u32>().ok();
        *at += digits;
        value
    };
    let mut hour = number(&mut at, 2)?;
    let mark = *bytes.get(at)?;
    if !matches!(mark, b':' | b'.' | b'h') {
        return None;
    }
    at += 1;
    let minute = number(&mut at, 2)?;
    let (mut second, mut micro, mut seconds) = (0, 0, false);
    if bytes.get(at) == Some(&mark) && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
        at += 1;
        second = number(&mut at, 2)?;
        seconds = true;
        if matches!(bytes.get(at), Some(b'.' | b',')) && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
            let digits = bytes.get(at + 1..)?.iter().take_while(|b| b.is_ascii_digit()).count();
            let fraction = text.get(at + 1..at + 1 + digits.min(6))?;
            micro = format!("{fraction:0<6}").parse().ok()?;
            at += 1 + digits;
        }
    }
    let rest = text.get(at..)?.trim();
    let (rest, half) = half_of_day(rest);
    match half {
        Some(_) if hour == 0 || hour > 12 => return None,
        Some(true) if hour < 12 => hour += 12,
        Some(false) if hour == 12 => hour = 0,
        _ => {}
    }
    let offset = zone_of(rest)?;
    // A leap second is the last instant of its minute.
    let second = second.min(59);
    Some((Clock { hour, minute, second, micro, seconds }, offset))
}

/// Takes `AM`, `p.m.` and their like off the start; true is after noon.
fn half_of_day(text: &str) -> (&str, Option<bool>) {
    const WORDS: &[(&str, bool)] = &[
        ("a.m.", false),
        ("p.m.", true),
        ("a. m.", false),
        ("p. m.", true),
        ("a.\u{a0}m.", false),
        ("p.\u{a0}m.", true),
        ("am", false),
        ("pm", true),
        ("fm", false),
        ("em", true),
        ("上午", false),
        ("下午", true),
        ("午前", false),
        ("午後", true),
        ("vorm.", false),
        ("nachm.", true),
    ];
    for (word, after_noon) in WORDS {
        if let Some(start) = text.get(..word.len())
            && start.to_lowercase() == *word
        {
            return (text.get(word.len()..).unwrap_or_default().trim_start(), Some(*after_noon));
        }
    }
    (text, None)
}

/// `Some(None)`: no zone. `None`: something else stands there.
#[expect(clippy::option_option, reason = "no zone and no sense are two answers")]
fn zone_of(text: &str) -> Option<Option<i32>> {
    if text.is_empty() || text.eq_ignore_ascii_case("uhr") {
        return Some(None);
    }
    // Microsoft Advertising writes the hour of the day after a bar.
    if let Some(hour) = text.strip_prefix('|') {
        return hour.bytes().all(|b| b.is_ascii_digit()).then_some(None);
    }
    let text = text.trim_matches(['(', ')', ' ']);
    if ["z", "utc", "gmt", "utc+0", "gmt+0"].iter().any(|z| text.eq_ignore_ascii_case(z)) {
        return Some(Some(0));
    }
    let signed = text.get(..3).filter(|t| t.eq_ignore_ascii_case("utc") || t.eq_ignore_ascii_case("gmt"));
    let signed = signed.and_then(|_| text.get(3..)).unwrap_or(text);
    let (sign, digits) = match signed.as_bytes().first()? {
        b'+' => (1, signed.get(1..)?),
        b'-' => (-1, signed.get(1..)?),
        _ => return known_abbreviation(text).map(Some),
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        1 | 2 => (digits.parse::<i32>().ok()?, 0),
        4 => (digits.get(..2)?.parse::<i32>().ok()?, digits.get(2..)?.parse::<i32>().ok()?),
        _ => return None,
    };
    (hours <= 14 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60)))
}

/// The abbreviations that reports print and that mean one thing there.
fn known_abbreviation(text: &str) -> Option<i32> {
    const HOURS: &[(&str, i32)] = &[
        ("est", -5),
        ("edt", -4),
        ("cst", -6),
        ("cdt", -5),
        ("mst", -7),
        ("mdt", -6),
        ("pst", -8),
        ("pdt", -7),
        ("cet", 1),
        ("cest", 2),
        ("mez", 1),
        ("mesz", 2),
        ("jst", 9),
    ];
    HOURS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, hours)| hours * 3600)
}

/// Epochs and Excel's day numbers.
fn numeric(text: &str) -> Option<Parts> {
    let text = text.trim_start_matches("/Date(").trim_end_matches(")/");
    let plain = |micros| Some(Parts { date: Date::Instant(micros), time: None, offset: None });
    let digits = text.split('.').next()?;
    if text.matches('.').count() > 1 {
        return worded(text);
    }
    match digits.len() {
        10 => plain(digits.parse::<i64>().ok()?.checked_mul(1_000_000)?),
        13 => plain(digits.parse::<i64>().ok()?.checked_mul(1000)?),
        16 => plain(digits.parse().ok()?),
        8 if !text.contains('.') => {
            let year = digits.get(..4)?.parse().ok()?;
            let date = NaiveDate::from_ymd_opt(year, digits.get(4..6)?.parse().ok()?, digits.get(6..)?.parse().ok()?)?;
            Some(Parts { date: Date::Known(date), time: None, offset: None })
        }
        // Days since 1899-12-30; 20000 is 1954, 80000 is 2119.
        5 => {
            let days: f64 = text.parse().ok()?;
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

/// Everything else: `7/11/2024 2:22 PM`, `11.07.2024, 14:22`, `3 May 2026`, `May 3, 2026`, `2026年5月3日 14:02`.
fn worded(text: &str) -> Option<Parts> {
    let normal: String = text
        .chars()
        .map(|c| match c {
            '年' | '月' => '/',
            '日' | ',' | '\u{a0}' | '\u{202f}' => ' ',
            c => c,
        })
        .collect();
    let mut numbers: Vec<(u32, usize)> = Vec::new();
    let mut month = None;
    let mut month_at = 0;
    let mut separator = 0u8;
    let mut rest = normal.trim_start();
    while numbers.len() + usize::from(month.is_some()) < 3 {
        let first = rest.chars().next()?;
        if first.is_ascii_digit() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            numbers.push((rest.get(..digits)?.parse().ok()?, digits));
            rest = rest.get(digits..)?;
            // Ordinals: 3rd, 1er, 3.
            let letters = rest.chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum::<usize>();
            if matches!(rest.get(..letters), Some("st" | "nd" | "rd" | "th" | "er" | "º" | "ª")) {
                rest = rest.get(letters..)?;
            }
        } else if first.is_alphabetic() {
            let letters = rest.chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum::<usize>();
            let word = rest.get(..letters)?.to_lowercase();
            rest = rest.get(letters..)?;
            match month_of(&word) {
                Some(found) if month.is_none() => {
                    month = Some(found);
                    month_at = numbers.len();
                }
                _ if is_filler(&word) => {}
                _ => return None,
            }
        } else {
            if !numbers.is_empty() && matches!(first, '/' | '.' | '-') && separator == 0 {
                separator = first as u8;
            }
            if !matches!(first, '/' | '.' | '-' | ' ' | '\'') {
                return None;
            }
            rest = rest.get(first.len_utf8()..)?;
        }
    }
    let date = date_of(&numbers, month.map(|m| (m, month_at)), separator)?;
    let mut rest = rest.trim_start_matches(['/', '.', 'T', ' ', '-']).trim();
    while let Some(word) = rest.split(' ').next().filter(|w| is_filler(w.trim_end_matches('.').to_lowercase().as_str()))
    {
        rest = rest.get(word.len()..)?.trim_start();
    }
    // Some languages put the half of the day first: 下午 2:02.
    let (after, half) = half_of_day(rest);
    if rest.is_empty() {
        return Some(Parts { date, time: None, offset: None });
    }
    let (mut time, offset) = clock(if half.is_some() { after } else { rest })?;
    match half {
        Some(true) if time.hour < 12 => time.hour += 12,
        Some(false) if time.hour == 12 => time.hour = 0,
        _ => {}
    }
    Some(Parts { date, time: Some(time), offset })
}

fn date_of(numbers: &[(u32, usize)], month: Option<(u32, usize)>, separator: u8) -> Option<Date> {
    let year_of = |(value, digits): (u32, usize)| match digits {
        4 => i32::try_from(value).ok(),
        2 => i32::try_from(if value < 80 { 2000 + value } else { 1900 + value }).ok(),
        _ => None,
    };
    match (month, numbers) {
        (Some((month, at)), [first, second]) => {
            // 2026 May 3 | May 3 2026 | 3 May 2026
            let (year, day) = if first.1 == 4 && at > 0 { (*first, *second) } else { (*second, *first) };
            Some(Date::Known(NaiveDate::from_ymd_opt(year_of(year)?, month, day.0)?))
        }
        (None, [(a, 4), (b, _), (c, _)]) => {
            Some(Date::Known(NaiveDate::from_ymd_opt(i32::try_from(*a).ok()?, *b, *c)?))
        }
        (None, [(a, 1 | 2), (b, 1 | 2), year]) => {
            let plausible = (1..=31).contains(a) && (1..=31).contains(b) && (*a <= 12 || *b <= 12);
            plausible.then_some(Date::Numeric { a: *a, b: *b, year: year_of(*year)?, separator })
        }
        _ => None,
    }
}

fn is_filler(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "de", "del", "den", "at", "um", "à", "a", "às", "kl", "mon", "tue", "wed", "thu", "fri", "sat", "sun",
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "mo", "di", "mi", "do", "fr",
        "sa", "so", "г", "в",
    ];
    WORDS.contains(&word)
}

/// Months by name in the languages that exports come in; the first letters suffice.
fn month_of(word: &str) -> Option<u32> {
    const NAMES: &[(&str, u32)] = &[
        ("jan", 1),
        ("jän", 1),
        ("ene", 1),
        ("gen", 1),
        ("янв", 1),
        ("feb", 2),
        ("fév", 2),
        ("fev", 2),
        ("фев", 2),
        ("mar", 3),
        ("mär", 3),
        ("mrz", 3),
        ("мар", 3),
        ("apr", 4),
        ("avr", 4),
        ("abr", 4),
        ("апр", 4),
        ("may", 5),
        ("mai", 5),
        ("maj", 5),
        ("mag", 5),
        ("мая", 5),
        ("май", 5),
        ("juin", 6),
        ("jun", 6),
        ("giu", 6),
        ("июн", 6),
        ("juil", 7),
        ("jul", 7),
        ("lug", 7),
        ("июл", 7),
        ("aug", 8),
        ("aoû", 8),
        ("aou", 8),
        ("ago", 8),
        ("авг", 8),
        ("sep", 9),
        ("set", 9),
        ("сен", 9),
        ("oct", 10),
        ("okt", 10),
        ("out", 10),
        ("ott", 10),
        ("окт", 10),
        ("nov", 11),
        ("ноя", 11),
        ("dec", 12),
        ("dez", 12),
        ("déc", 12),
        ("dic", 12),
        ("дек", 12),
    ];
    NAMES.iter().find(|(name, _)| word.starts_with(name)).map(|(_, month)| *month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, order: Option<DateOrder>, zone: Tz) -> Option<String> {
        let (micros, resolution, _) = instant(text, order, zone)?;
        let at = DateTime::from_timestamp_micros(micros)?;
        Some(format!("{} {}", at.format("%Y-%m-%dT%H:%M:%S%.6f"), resolution.name()))
    }

    #[test]
    fn every_measured_form_of_a_time_is_read() {
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
            ("45484.8903", None, "2024-07-11T21:22:02.000000 second"),
        ] {
            assert_eq!(shown(text, order, Tz::UTC).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "soon", "00Qbm00000Orxk5EAB", "32/13/2026", "2026-02-30", "25:00", "12345678901"] {
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

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,30}") {
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
