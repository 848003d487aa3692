//! Columns of times → instants, with what is known of them: order of day and month, resolution, zone.
//!
//! `03/04/2026` is two days. The order is taken from the whole file: a part above 12, a point as separator, a day that
//! would lie after the file was written, a change that would lie before the creation. Where nothing decides, reading
//! stops and names the key to set. What one text says is left to [`parse`].

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use polars::prelude::*;

use crate::config::DateOrder;

pub use parse::instant;
use parse::{Date, Parts, parts};

mod parse;

/// How finely a time is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// To the second or finer.
    Second,
    /// Seconds were cut.
    Minute,
    /// A date only.
    Day,
    /// There is no time.
    None,
}

impl Resolution {
    /// As written in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Resolution::Second => "second",
            Resolution::Minute => "minute",
            Resolution::Day => "day",
            Resolution::None => "none",
        }
    }
}

/// What the numeric dates of a file say about the order of day and month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Dates that are only possible with the day first.
    pub day_first: usize,
    /// Dates that are only possible with the month first.
    pub month_first: usize,
    /// Dates that are both.
    pub either: usize,
    /// Of these, dates that would lie after the file was written, were the day first.
    pub future_day_first: usize,
    /// Of these, dates that would lie after the file was written, were the month first.
    pub future_month_first: usize,
    /// Records that would have been changed before they were made, were the day first.
    pub backward_day_first: usize,
    /// Records that would have been changed before they were made, were the month first.
    pub backward_month_first: usize,
}

/// The order found, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// `None` where no date needs one.
    pub order: Option<DateOrder>,
    /// For the report: `iso`, `mdy, decided by 17 dates`, `dmy, as configured`.
    pub because: String,
}

impl Order {
    /// An order, and why.
    pub fn new(order: DateOrder, why: &str) -> Self {
        let name = match order {
            DateOrder::Dmy => "dmy",
            DateOrder::Mdy => "mdy",
            DateOrder::Ymd => "ymd",
        };
        Order { order: Some(order), because: format!("{name}, {why}") }
    }
}

impl Evidence {
    /// Counts a column. `latest`: when the file was written.
    pub fn weigh(&mut self, column: &StringChunked, latest: Option<DateTime<Utc>>) {
        let limit = latest.map(|at| at.date_naive() + Days::new(2));
        for value in column.iter().flatten() {
            // ISO dates, by far the most, have one reading.
            if value.as_bytes().get(4) == Some(&b'-') && value.bytes().take(4).all(|b| b.is_ascii_digit()) {
                continue;
            }
            let Some(Parts { date: Date::Numeric { a, b, year, separator }, .. }) = parts(value) else { continue };
            match (a, b, separator) {
                (a, b, _) if a > 31 || b > 31 => {}
                (13.., 1..=12, _) | (_, _, b'.') => self.day_first += 1,
                (1..=12, 13.., _) => self.month_first += 1,
                (a, b, _) if a != b => {
                    self.either += 1;
                    let after = |day, month| {
                        limit.zip(NaiveDate::from_ymd_opt(year, month, day)).is_some_and(|(limit, date)| date > limit)
                    };
                    self.future_day_first += usize::from(after(a, b));
                    self.future_month_first += usize::from(after(b, a));
                }
                _ => {}
            }
        }
    }

    /// Counts records that one of the orders would have changed before they were made.
    pub fn weigh_changes(&mut self, made: &StringChunked, changed: &StringChunked) {
        const DAY: i64 = 86_400_000_000;
        for (made, changed) in made.iter().zip(changed.iter()) {
            let (Some(made), Some(changed)) = (made, changed) else { continue };
            for (order, backward) in
                [(DateOrder::Dmy, &mut self.backward_day_first), (DateOrder::Mdy, &mut self.backward_month_first)]
            {
                let at = |text| instant(text, Some(order), Tz::UTC).map(|(at, ..)| at);
                // One of them may have a zone of its own, so only a day counts.
                *backward += usize::from(at(made).zip(at(changed)).is_some_and(|(m, c)| c < m - DAY));
            }
        }
    }

    /// The order of the file; `None` if the evidence cannot decide and the configuration does not.
    pub fn decide(&self, configured: Option<DateOrder>) -> Option<Order> {
        let said =
            |order: DateOrder, n: usize, why: &str| Some(Order::new(order, &format!("decided by {n} dates{why}")));
        if let Some(order) = configured {
            return Some(Order::new(order, "as configured"));
        }
        match (self.day_first, self.month_first) {
            (0, 0) => {}
            (d, 0) => return said(DateOrder::Dmy, d, ""),
            (0, m) => return said(DateOrder::Mdy, m, ""),
            (d, m) if d >= m => return said(DateOrder::Dmy, d, &format!(" against {m}")),
            (d, m) => return said(DateOrder::Mdy, m, &format!(" against {d}")),
        }
        if self.either == 0 {
            return Some(Order { order: None, because: "iso".into() });
        }
        match (self.future_day_first, self.future_month_first) {
            (0, m) if m > 0 => said(DateOrder::Dmy, m, ": the other order would put them after the file itself"),
            (d, 0) if d > 0 => said(DateOrder::Mdy, d, ": the other order would put them after the file itself"),
            _ => match (self.backward_day_first, self.backward_month_first) {
                (0, m) if m > 0 => said(DateOrder::Dmy, m, ": the other order would put changes before the creation"),
                (d, 0) if d > 0 => said(DateOrder::Mdy, d, ": the other order would put changes before the creation"),
                _ => None,
            },
        }
    }
}

/// A column of instants.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Microseconds since 1970-01-01 UTC; null where blank or unreadable.
    pub micros: Vec<Option<i64>>,
    /// Of each value; [`Resolution::None`] for null.
    pub resolution: Vec<Resolution>,
    /// Positions of values that are there and cannot be read.
    pub bad: Vec<usize>,
    /// Whether any value had no zone of its own.
    pub zoneless: bool,
}

/// Reads a column. Nulls in every spelling have been taken out before.
pub fn read(column: &StringChunked, order: Option<DateOrder>, zone: Tz) -> Times {
    let mut times = Times {
        micros: Vec::with_capacity(column.len()),
        resolution: Vec::with_capacity(column.len()),
        ..Times::default()
    };
    // Text is repetitive over neighbours in no useful way; each value is parsed on its own.
    for (n, value) in column.iter().enumerate() {
        let read = value.map(str::trim).filter(|v| !v.is_empty()).map(|v| instant(v, order, zone));
        match read {
            None => {
                times.micros.push(None);
                times.resolution.push(Resolution::None);
            }
            Some(None) => {
                times.bad.push(n);
                times.micros.push(None);
                times.resolution.push(Resolution::None);
            }
            Some(Some((micros, resolution, zoneless))) => {
                times.zoneless |= zoneless;
                times.micros.push(Some(micros));
                times.resolution.push(resolution);
            }
        }
    }
    times.coarsen(zone);
    times
}

impl Times {
    /// A column of midnights has no times, and one of full minutes no seconds, whatever its format shows.
    fn coarsen(&mut self, zone: Tz) {
        const MINUTE: i64 = 60_000_000;
        let known = self.micros.iter().flatten().count();
        let midnight = |at: i64| {
            let utc = DateTime::from_timestamp_micros(at).unwrap_or_default();
            let time = if self.zoneless { utc.with_timezone(&zone).time() } else { utc.time() };
            time == NaiveTime::MIN
        };
        let to = if known > 0 && self.micros.iter().flatten().all(|at| midnight(*at)) {
            Resolution::Day
        } else if known >= 20 && self.micros.iter().flatten().all(|at| at % MINUTE == 0) {
            Resolution::Minute
        } else {
            return;
        };
        for (resolution, at) in self.resolution.iter_mut().zip(&self.micros) {
            if at.is_some() {
                *resolution = (*resolution).max(to);
            }
        }
    }

    /// As a Polars column.
    pub fn column(&self, name: &str) -> Column {
        Int64Chunked::from_iter_options(name.into(), self.micros.iter().copied())
            .into_datetime(TimeUnit::Microseconds, Some(polars::prelude::TimeZone::UTC))
            .into_column()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_day_and_month_comes_from_the_whole_column_or_not_at_all() {
        let weigh = |values: &[&str], latest: &str| {
            let mut evidence = Evidence::default();
            let latest = latest.parse::<DateTime<Utc>>().ok();
            evidence.weigh(&StringChunked::from_slice("t".into(), values), latest);
            evidence
        };
        let order = |values: &[&str], latest| weigh(values, latest).decide(None).map(|o| o.order);
        assert_eq!(order(&["01/02/2026", "01/13/2026"], ""), Some(Some(DateOrder::Mdy)));
        assert_eq!(order(&["01/02/2026", "13/01/2026"], ""), Some(Some(DateOrder::Dmy)));
        assert_eq!(order(&["01.02.2026"], ""), Some(Some(DateOrder::Dmy)));
        assert_eq!(order(&["01/02/2026", "03/04/2026"], ""), None);
        // 9 May is before the file, 5 September would be after it.
        assert_eq!(order(&["09/05/2026", "01/02/2026"], "2026-05-20T00:00:00Z"), Some(Some(DateOrder::Dmy)));
        assert_eq!(order(&["05/09/2026"], "2026-05-20T00:00:00Z"), Some(Some(DateOrder::Mdy)));
        assert_eq!(order(&["2026-05-09"], ""), Some(None));
        // Made in September and changed in November, or made in October and changed in January of the same year.
        let mut evidence = weigh(&["09/10/2026", "11/01/2026"], "");
        let column = |text: &str| StringChunked::from_slice("t".into(), &[text]);
        evidence.weigh_changes(&column("09/10/2026"), &column("11/01/2026"));
        assert_eq!(evidence.decide(None).unwrap().order, Some(DateOrder::Mdy));
        assert_eq!(weigh(&["01/02/2026"], "").decide(Some(DateOrder::Dmy)).unwrap().order, Some(DateOrder::Dmy));
    }

    #[test]
    fn a_column_of_midnights_has_no_times() {
        let column = StringChunked::from_slice("t".into(), &["2026-05-03T00:00:00", "2026-05-04T00:00:00"]);
        assert_eq!(read(&column, None, Tz::UTC).resolution, [Resolution::Day, Resolution::Day]);
        let column = StringChunked::from_slice("t".into(), &["2026-05-03T00:00:00", "2026-05-04T00:00:01"]);
        assert_eq!(read(&column, None, Tz::UTC).resolution, [Resolution::Second, Resolution::Second]);
    }
}
