//! Lengths of time in microseconds, the unit of every instant inside the program, and days that people work.

use chrono::{Datelike, Days, NaiveDate, Weekday};

/// One second.
pub const SECOND: i64 = 1_000_000;
/// One minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Files that are copied are stored within this.
pub const COPYING: i64 = 10 * MINUTE;
/// So many, stored within [`COPYING`], came by a copy and not one by one.
pub const FEWEST_COPIES: usize = 5;
/// One hour.
pub const HOUR: i64 = 60 * MINUTE;
/// One day of 24 hours.
pub const DAY: i64 = 24 * HOUR;

/// Mondays to Fridays after the first day, up to the last.
pub fn working_days(from: NaiveDate, to: NaiveDate) -> i64 {
    let days = (to - from).num_days();
    if days <= 0 {
        return 0;
    }
    let (weeks, rest) = (days / 7, days % 7);
    let is_working = |day: &NaiveDate| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    let extra = (0..rest).filter_map(|n| to.checked_sub_days(Days::new(n.unsigned_abs()))).filter(is_working).count();
    weeks * 5 + i64::try_from(extra).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_days_leave_weekends_out() {
        let day = |d| NaiveDate::from_ymd_opt(2026, 5, d).unwrap(); // 1 May 2026 is a Friday
        for (from, to, expected) in
            [(1, 1, 0), (1, 2, 0), (1, 3, 0), (1, 4, 1), (1, 8, 5), (4, 8, 4), (1, 18, 11), (8, 1, 0)]
        {
            assert_eq!(working_days(day(from), day(to)), expected, "{from} to {to}");
        }
    }
}
