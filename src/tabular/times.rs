//! Columns of times → instants, with what is known of them: order of day and month, resolution, zone.
//!
//! `03/04/2026` is two days. The order is taken from the whole column, and where it does not tell from all dates of the
//! file: a part above 12, a point as separator, a day that would lie after the file was written, a change that would lie
//! before the creation. Where nothing decides, reading stops and names the key to set. What one text says is left to
//! [`parse`].

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use polars::prelude::*;

use crate::config::DateOrder;
use crate::error::count;

use parse::parts;
pub use parse::{instant, is_instant};
use parts::{Date, Parts};
use words::EVERY_LANGUAGE;

mod calendars;
mod grammar;
mod parse;
mod parts;
mod words;

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

/// What numeric dates say about the order of day, month and year: those of one column, or of all columns of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Dates that are only possible in one order.
    pub only: ByOrder,
    /// Dates that are possible in several.
    pub either: usize,
    /// Of these, dates that an order would put after the file was written, or into years before any CRM.
    pub implausible: ByOrder,
    /// Records that an order would have changed before they were made.
    pub backward: ByOrder,
    /// Whether any date has a year of two digits, so that it may stand first.
    has_short: bool,
}

/// A count for each order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByOrder {
    /// Day first.
    pub dmy: usize,
    /// Month first.
    pub mdy: usize,
    /// Year first.
    pub ymd: usize,
}

impl ByOrder {
    fn of(&mut self, order: DateOrder) -> &mut usize {
        match order {
            DateOrder::Dmy => &mut self.dmy,
            DateOrder::Mdy => &mut self.mdy,
            DateOrder::Ymd => &mut self.ymd,
        }
    }

    fn get(self, order: DateOrder) -> usize {
        let mut all = self;
        *all.of(order)
    }

    fn sum(self) -> usize {
        self.dmy + self.mdy + self.ymd
    }
}

const ORDERS: [DateOrder; 3] = [DateOrder::Dmy, DateOrder::Mdy, DateOrder::Ymd];

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
        Order { order: Some(order), because: format!("{}, {why}", name_of(order)) }
    }
}

/// An order as the configuration writes it.
pub fn name_of(order: DateOrder) -> &'static str {
    match order {
        DateOrder::Dmy => "dmy",
        DateOrder::Mdy => "mdy",
        DateOrder::Ymd => "ymd",
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
            if let Some(Parts { date, .. }) = parts(value) {
                self.weigh_date(&date, limit);
            }
        }
    }

    fn weigh_date(&mut self, date: &Date, limit: Option<NaiveDate>) {
        let (separator, is_short) = match date {
            Date::Numeric { separator, .. } => (*separator, false),
            Date::Short { separator, .. } => (*separator, true),
            _ => return,
        };
        let possible: Vec<(DateOrder, NaiveDate)> =
            ORDERS.iter().filter_map(|order| Some((*order, date.in_order(*order)?))).collect();
        self.has_short |= is_short;
        match possible.as_slice() {
            [] => {}
            [(only, _)] => *self.only.of(*only) += 1,
            // Nobody puts points between a month and a day that follows it.
            [(DateOrder::Dmy, _), ..] if separator == b'.' => self.only.dmy += 1,
            several if several.iter().all(|(_, date)| several.first().is_some_and(|(_, first)| first == date)) => {}
            several => {
                self.either += 1;
                for (order, date) in several {
                    let late = limit.is_some_and(|limit| *date > limit);
                    // A CRM holds a decade or two; of two digits that are a day, some would make years before.
                    let early = is_short && limit.is_some_and(|limit| date.year() < limit.year() - 20);
                    *self.implausible.of(*order) += usize::from(late || early);
                }
                if is_short {
                    for order in ORDERS.iter().filter(|o| several.iter().all(|(possible, _)| possible != *o)) {
                        *self.implausible.of(*order) += 1;
                    }
                }
            }
        }
    }

    /// Adds what another column says.
    pub fn add(&mut self, other: &Evidence) {
        for order in ORDERS {
            *self.only.of(order) += other.only.get(order);
            *self.implausible.of(order) += other.implausible.get(order);
            *self.backward.of(order) += other.backward.get(order);
        }
        self.either += other.either;
        self.has_short |= other.has_short;
    }

    /// Whether there is a date whose order matters.
    pub fn matters(&self) -> bool {
        self.only.sum() + self.either > 0
    }

    /// Counts records that one of the orders would have changed before they were made.
    pub fn weigh_changes(&mut self, made: &StringChunked, changed: &StringChunked) {
        const DAY: i64 = 86_400_000_000;
        for (made, changed) in made.iter().zip(changed.iter()) {
            let (Some(made), Some(changed)) = (made, changed) else { continue };
            for order in ORDERS {
                let at = |text| instant(text, Some(order), Tz::UTC).map(|(at, ..)| at);
                // One of them may have a zone of its own, so only a day counts.
                *self.backward.of(order) += usize::from(at(made).zip(at(changed)).is_some_and(|(m, c)| c < m - DAY));
            }
        }
    }

    /// The order; `None` if the evidence cannot decide and the configuration does not.
    pub fn decide(&self, configured: Option<DateOrder>) -> Option<Order> {
        if let Some(order) = configured {
            return Some(Order::new(order, "as configured"));
        }
        if let Some(order) = self.decided() {
            return Some(order);
        }
        if self.either == 0 {
            return Some(Order { order: None, because: "iso".into() });
        }
        let said = |order: DateOrder, n: usize, why: &str| {
            Order::new(order, &format!("decided by {}: {why}", count(n, "date", "dates")))
        };
        let alone = |counts: ByOrder| {
            let orders = &ORDERS[..if self.has_short { 3 } else { 2 }];
            let mut none = orders.iter().filter(|order| counts.get(**order) == 0);
            let (only, others) = (none.next()?, none.next());
            others.is_none().then_some((*only, counts.sum()))
        };
        let by_limit =
            || alone(self.implausible).map(|(o, n)| said(o, n, "the other order would put them after the file itself"));
        let by_change =
            || alone(self.backward).map(|(o, n)| said(o, n, "the other order would put changes before the creation"));
        by_limit().or_else(by_change)
    }

    /// The order of a column of a file: its own dates first, those of the whole file where they do not tell.
    pub fn decide_beside(&self, whole: &Evidence, configured: Option<DateOrder>) -> Option<Order> {
        if configured.is_some() || self.decided().is_some() || !self.matters() {
            return self.decide(configured);
        }
        whole.decided().or_else(|| self.decide(None)).or_else(|| whole.decide(None))
    }

    /// The order that dates with one reading only are in.
    pub fn decided(&self) -> Option<Order> {
        let most = ORDERS.into_iter().rev().max_by_key(|order| self.only.get(*order))?;
        let (n, all) = (self.only.get(most), self.only.sum());
        let against = if all > n { format!(" against {}", all - n) } else { String::new() };
        (n > 0).then(|| Order::new(most, &format!("decided by {}{against}", count(n, "date", "dates"))))
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
    // How many begin as ISO writes them, and how many have the year elsewhere.
    let (mut iso, mut other) = (0usize, 0usize);
    // Text is repetitive over neighbours in no useful way; each value is parsed on its own.
    for (n, value) in column.iter().enumerate() {
        let read = value.map(str::trim).filter(|v| !v.is_empty()).map(|v| {
            let is_iso = v.as_bytes().get(4) == Some(&b'-');
            (iso, other) = (iso + usize::from(is_iso), other + usize::from(!is_iso));
            instant(v, order, zone)
        });
        if read == Some(None) {
            times.bad.push(n);
        }
        let (micros, resolution) = match read.flatten() {
            None => (None, Resolution::None),
            Some((micros, resolution, zoneless)) => {
                times.zoneless |= zoneless;
                (Some(micros), resolution)
            }
        };
        times.micros.push(micros);
        times.resolution.push(resolution);
    }
    if iso > 0 && other > 0 {
        times.halfway(column, zone);
    }
    if !times.bad.is_empty() {
        times.day_in_the_middle(column, zone);
        times.read_again(column, order, zone);
        times.pass_over_words(column, order, zone);
    }
    for (at, resolution) in times.micros.iter_mut().zip(&mut times.resolution) {
        if at.is_some_and(|at| !KNOWN.contains(&at)) {
            (*at, *resolution) = (None, Resolution::None);
        }
    }
    times.coarsen(zone);
    times
}

/// Times that records have, in microseconds: from 1990 to the end of 2199. What lies outside is how systems write that
/// they know none: the years 1, 1753, 1899, 1900, 1970 and 9999.
const KNOWN: std::ops::Range<i64> = 631_152_000_000_000..7_258_118_400_000_000;

impl Times {
    /// Cells whose month is one in one language and another in the next: all months of the column are of one language.
    fn read_again(&mut self, column: &StringChunked, order: Option<DateOrder>, zone: Tz) {
        if self.bad.iter().all(|n| column.get(*n).and_then(grammar::languages).is_none()) {
            return;
        }
        let languages = column.iter().flatten().filter_map(grammar::languages).fold(EVERY_LANGUAGE, |all, of| all & of);
        for n in std::mem::take(&mut self.bad) {
            let read = column.get(n).and_then(|text| parse::instant_in(text.trim(), order, zone, languages, &[]));
            self.put(n, read);
        }
    }

    /// Dates of one order that a spreadsheet of the other took for its own: the days up to 12 became dates, with the month
    /// where the day was, and what it could not read stayed text. Told by both halves: no text could have been taken, and
    /// no date has a day that could not be a month.
    fn halfway(&mut self, column: &StringChunked, zone: Tz) {
        const FEWEST: usize = 2;
        let (mut taken, mut left) = (Vec::new(), 0usize);
        for (n, text) in column.iter().enumerate() {
            let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { continue };
            if let Some((exchanged, _, day)) = parse::exchanged(text).filter(|(_, month, _)| *month <= 12) {
                if day > 12 {
                    return;
                }
                taken.push((n, exchanged));
            } else if let Some(Parts { date: Date::Numeric { a, b, .. }, .. }) = parts(text) {
                if a <= 12 && b <= 12 {
                    return;
                }
                left += 1;
            } else {
                return;
            }
        }
        // Days that are their months tell nothing, nor does a handful.
        let told = taken
            .iter()
            .filter(|(n, text)| column.get(*n).is_some_and(|was| !was.starts_with(text.get(..10).unwrap_or_default())));
        if told.count() < FEWEST || left < FEWEST {
            return;
        }
        for (n, text) in taken {
            if let Some(read) = parse::instant(&text, None, zone) {
                self.put(n, Some(read));
            }
        }
    }

    /// `2026-13-05`: years that are followed by the day, where a cell shows it and none says otherwise.
    fn day_in_the_middle(&mut self, column: &StringChunked, zone: Tz) {
        let parts = |n: usize| column.get(n).and_then(|text| parse::exchanged(text.trim()));
        let shows = |n: &usize| parts(*n).is_some_and(|(_, middle, last)| middle > 12 && last <= 12);
        let denies = |n: usize| parts(n).is_some_and(|(_, middle, last)| middle <= 12 && last > 12);
        if !self.bad.iter().any(shows) || (0..column.len()).any(denies) {
            return;
        }
        self.bad.clear();
        for n in (0..column.len()).filter(|n| column.get(*n).is_some_and(|text| !text.trim().is_empty())) {
            let (again, was) = (parts(n), self.micros.get(n).copied().flatten());
            match again.and_then(|(text, ..)| parse::instant(&text, None, zone)) {
                None if was.is_some() => {}
                read => self.put(n, read),
            }
        }
    }

    /// Words of no language that is known: what stands in every such cell alike tells nothing, if it is no half of the
    /// day either, which the hours after noon show.
    fn pass_over_words(&mut self, column: &StringChunked, order: Option<DateOrder>, zone: Tz) {
        const FEWEST: usize = 5;
        const AFTER_NOON: i64 = 13 * 3_600_000_000;
        let unknown: Vec<Vec<String>> =
            self.bad.iter().filter_map(|n| column.get(*n)).map(grammar::unknown).filter(|w| !w.is_empty()).collect();
        let Some(first) = unknown.first().filter(|_| unknown.len() >= FEWEST) else { return };
        let stands = |word: &&String| unknown.iter().filter(|words| words.contains(word)).count() * 10;
        let same: Vec<String> = first.iter().filter(|word| stands(word) >= unknown.len() * 9).cloned().collect();
        let mut evidence = Evidence::default();
        for parts in self.bad.iter().filter_map(|n| parse::parts_in(column.get(*n)?, EVERY_LANGUAGE, &same)) {
            evidence.weigh_date(&parts.date, None);
        }
        let Some(order) = evidence.decide(order).map(|decided| decided.order) else { return };
        let read = |n: usize, zone: Tz| {
            let text = column.get(n).map(str::trim)?;
            parse::instant_in(text, order, zone, EVERY_LANGUAGE, &same)
        };
        let again: Vec<(i64, Resolution, bool)> = self.bad.iter().filter_map(|n| read(*n, Tz::UTC)).collect();
        let has_no_clock = again.iter().all(|(_, resolution, _)| *resolution == Resolution::Day);
        let is_whole = again.iter().any(|(at, ..)| at.rem_euclid(crate::time::DAY) >= AFTER_NOON);
        if !again.is_empty() && (has_no_clock || is_whole) {
            for n in std::mem::take(&mut self.bad) {
                self.put(n, read(n, zone));
            }
        }
    }

    /// Puts what was read into its place, or remembers that nothing was.
    fn put(&mut self, n: usize, read: Option<(i64, Resolution, bool)>) {
        match (read, self.micros.get_mut(n), self.resolution.get_mut(n)) {
            (Some((micros, resolution, zoneless)), Some(place), Some(fineness)) => {
                self.zoneless |= zoneless;
                (*place, *fineness) = (Some(micros), resolution);
            }
            _ => self.bad.push(n),
        }
    }

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
        // Years of two digits may stand first.
        assert_eq!(order(&["26/05/03", "26/12/31"], "2027-01-20T00:00:00Z"), Some(Some(DateOrder::Ymd)));
        assert_eq!(order(&["5/3/26", "5/13/26"], "2026-05-20T00:00:00Z"), Some(Some(DateOrder::Mdy)));
        assert_eq!(order(&["03.05.26"], "2026-05-20T00:00:00Z"), Some(Some(DateOrder::Dmy)));
    }

    #[test]
    fn what_systems_write_where_they_know_no_time_is_none_and_no_fault() {
        let column =
            ["0001-01-01T00:00:00", "1899-12-30", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-05-03"];
        let times = read(&StringChunked::from_slice("t".into(), &column), None, Tz::UTC);
        assert_eq!(times.micros.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, false, false, true]);
        assert!(times.bad.is_empty());
    }

    #[test]
    fn a_column_whose_years_are_followed_by_the_day_is_read_so_from_end_to_end() {
        let days = |values: &[&str]| -> Vec<Option<String>> {
            let times = read(&StringChunked::from_slice("t".into(), values), None, Tz::UTC);
            let day = |at: i64| DateTime::from_timestamp_micros(at).unwrap().date_naive().to_string();
            times.micros.into_iter().map(|at| at.map(day)).collect()
        };
        let of = |texts: &[&str]| texts.iter().map(|t| Some((*t).to_owned())).collect::<Vec<_>>();
        assert_eq!(days(&["2026-01-04 08:03", "2026-13-04 08:03"]), of(&["2026-04-01", "2026-04-13"]));
        assert_eq!(days(&["2026-01-14", "2026-13-04"]), [Some("2026-01-14".to_owned()), None]);
    }

    #[test]
    fn dates_that_a_spreadsheet_took_for_its_own_have_their_days_back() {
        let days = |values: &[&str]| -> Vec<String> {
            let times = read(&StringChunked::from_slice("t".into(), values), Some(DateOrder::Dmy), Tz::UTC);
            let day = |at: i64| DateTime::from_timestamp_micros(at).unwrap().date_naive().to_string();
            times.micros.into_iter().map(|at| at.map(day).unwrap_or_default()).collect()
        };
        let (first, third) = ("2026-01-04T08:03:00", "2026-03-04 17:10");
        let read = days(&[first, third, "13/04/2026 08:03", "30/04/2026 17:10"]);
        assert_eq!(read, ["2026-04-01", "2026-04-03", "2026-04-13", "2026-04-30"]);
        let whole = days(&[first, "2026-04-14 08:00", "13/04/2026 08:03", "30/04/2026 17:10"]);
        assert_eq!(whole[0], "2026-01-04", "a date that has a day above 12 was none of the other order");
        let mixed = days(&[first, third, "12/04/2026 08:03", "30/04/2026 17:10"]);
        assert_eq!(mixed[0], "2026-01-04", "and a text that could have been taken was left by somebody else");
    }

    #[test]
    fn a_word_that_stands_in_every_cell_tells_nothing_unless_it_can_be_a_half_of_the_day() {
        let bad = |hours: &[&str]| {
            let texts: Vec<String> = hours.iter().map(|hour| format!("3/5/2026 qaanaaq {hour}:02")).collect();
            read(&StringChunked::from_slice("t".into(), &texts), Some(DateOrder::Dmy), Tz::UTC).bad.len()
        };
        assert_eq!(bad(&["8", "9", "14", "1", "2", "23"]), 0);
        assert_eq!(bad(&["8", "9", "11", "1", "2", "12"]), 6);
        assert_eq!(bad(&["8", "14"]), 2);
        let texts = ["3/5/2026 8:02 XYT"; 6];
        let times = read(&StringChunked::from_slice("t".into(), &texts), Some(DateOrder::Dmy), Tz::UTC);
        assert_eq!(times.bad.len(), 6, "it may be a zone");
    }

    #[test]
    fn a_month_of_two_languages_is_that_of_the_language_of_its_column() {
        let column = StringChunked::from_slice("t".into(), &["3 lis 2026", "4 sty 2026"]);
        let polish = read(&column, None, Tz::UTC);
        let november = NaiveDate::from_ymd_opt(2026, 11, 3).unwrap().and_time(NaiveTime::MIN).and_utc();
        assert_eq!(polish.micros[0], Some(november.timestamp_micros()));
        let column = StringChunked::from_slice("t".into(), &["3 lis 2026"]);
        assert_eq!(read(&column, None, Tz::UTC).bad, [0], "November in Polish, October in Croatian");
    }

    #[test]
    fn a_column_of_midnights_has_no_times() {
        let column = StringChunked::from_slice("t".into(), &["2026-05-03T00:00:00", "2026-05-04T00:00:00"]);
        assert_eq!(read(&column, None, Tz::UTC).resolution, [Resolution::Day, Resolution::Day]);
        let column = StringChunked::from_slice("t".into(), &["2026-05-03T00:00:00", "2026-05-04T00:00:01"]);
        assert_eq!(read(&column, None, Tz::UTC).resolution, [Resolution::Second, Resolution::Second]);
    }
}
