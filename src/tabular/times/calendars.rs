//! Years of other calendars → the Gregorian date: Buddhist, Japanese and Republican eras, and the Persian calendar.
//!
//! The Buddhist, Japanese and Republican (Minguo) calendars have Gregorian months and days; only the year is counted
//! from elsewhere. Persian years begin in March: months and days are counted anew.
//! Source of the Persian rule: the 33-year cycle of leap years, exact from 1178 to 1633 (1799 to 2255).

use chrono::{Days, NaiveDate};

/// Years before the first of an era, by the word that names it.
const ERAS: &[(&str, i32)] = &[
    ("令和", 2018),
    ("reiwa", 2018),
    ("r", 2018),
    ("平成", 1988),
    ("heisei", 1988),
    ("h", 1988),
    ("昭和", 1925),
    ("showa", 1925),
    ("s", 1925),
    ("民國", 1911),
    ("民国", 1911),
    ("中華民國", 1911),
    ("中华民国", 1911),
    ("minguo", 1911),
    ("roc", 1911),
    ("พศ", -543),
    ("buddhist era", -543),
    ("be", -543),
    ("พุทธศักราช", -543),
];

/// What is added to a year of the era that a word names.
pub(super) fn era(word: &str) -> Option<i32> {
    ERAS.iter().find(|(name, _)| *name == word).map(|(_, years)| *years)
}

/// Whether a word names an era only where a number follows it at once: a single letter.
pub(super) fn is_letter(word: &str) -> bool {
    word.len() == 1
}

/// The date of a year of four digits, whichever calendar it is of: no CRM has records of the 14th or the 26th century.
pub(super) fn date(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    match year {
        1300..=1429 => persian(year, month, day),
        // Islamic years: their months follow the moon as it is seen, and no rule of ours tells them to the day.
        1430..=1499 => None,
        2400..=2699 => NaiveDate::from_ymd_opt(year - 543, month, day),
        _ => NaiveDate::from_ymd_opt(year, month, day),
    }
}

/// The Gregorian year of one of four digits.
pub(super) fn year(year: i32) -> i32 {
    if (2400..=2699).contains(&year) { year - 543 } else { year }
}

fn persian(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    const LEAP: [i32; 8] = [1, 5, 9, 13, 17, 22, 26, 30];
    let is_leap = |year: i32| LEAP.contains(&year.rem_euclid(33));
    let days = match month {
        1..=6 => 31,
        7..=11 => 30,
        12 => 29 + u32::from(is_leap(year)),
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    // 1 Farvardin 1300 was 21 March 1921.
    let years: i32 = (1300..year).map(|year| 365 + i32::from(is_leap(year))).sum();
    let months = if month <= 7 { (month - 1) * 31 } else { 186 + (month - 7) * 30 };
    let passed = u64::try_from(years).ok()? + u64::from(months + day - 1);
    NaiveDate::from_ymd_opt(1921, 3, 21)?.checked_add_days(Days::new(passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persian_and_buddhist_dates_are_the_gregorian_ones() {
        for (given, expected) in [
            ((1405, 1, 1), "2026-03-21"),
            ((1405, 2, 13), "2026-05-03"),
            ((1403, 12, 30), "2025-03-20"),
            ((1399, 10, 11), "2020-12-31"),
            ((2569, 5, 3), "2026-05-03"),
            ((2026, 5, 3), "2026-05-03"),
        ] {
            assert_eq!(date(given.0, given.1, given.2).map(|d| d.to_string()).as_deref(), Some(expected), "{given:?}");
        }
        assert_eq!(date(1404, 12, 30), None, "no leap year");
    }
}
