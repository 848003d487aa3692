//! When each lead was received: the marketplace's own time where it can be read, else the store's; never the clock's.
//!
//! A date such as 01/12 can be read in two ways. The row's own Timestamp tells which, or that nothing is stored before
//! it is raised; what neither decides is decided once per column, by all values of its object, else of its source, that
//! show their order. Without any, the documented order holds, month first.
//!
//! A time without a zone is UTC, unless nearly all of a source's stand whole quarters of an hour beside their Timestamps:
//! then somebody wrote them in a zone of their own, and the Timestamps, which are in UTC, say which.

use std::collections::HashMap;

use polars::prelude::*;

use super::record::{Fields, Slot};
use super::time::{self, Order};
use crate::error::Result;
use crate::place;
use crate::time::{DAY, HOUR, MINUTE};

/// A lead's time, and the other way to read it where its row does not decide.
pub(super) struct Received {
    pub(super) at: i64,
    pub(super) other: Option<i64>,
    /// What it is where the column is of the zone that its Timestamp shows; the same where that shows none.
    pub(super) local: Option<i64>,
    pub(super) from: &'static str,
}

/// How many values of a column show either order.
type Votes = [usize; 2];

/// Where a time may stand.
const FROM: [&str; 3] = ["created-time", "body", "timestamp"];
/// Under these names, how many times of such a column stand whole quarters of an hour beside their Timestamps, and how
/// many do not.
const ZONE_OF: [&str; 3] = ["created-time-zone", "body-zone", "timestamp-zone"];
/// Fewer show no zone.
const FEWEST_LOCAL: usize = 12;

/// What the values of all columns show of their order, as a list: source, object if it is of one, column, votes.
pub(super) type Told = Vec<(String, Option<String>, String, Votes)>;

/// What the values of all columns show of their order.
#[derive(Debug, Default)]
pub(super) struct Orders {
    sources: HashMap<(String, &'static str), Votes>,
    objects: HashMap<(String, String, &'static str), Votes>,
}

impl Orders {
    /// When a record was received. `stored`: when it was stored; `entity`: that this is a Timestamp of its own.
    pub(super) fn received(
        &mut self,
        (source, key): (&str, &str),
        fields: &Fields,
        stored: i64,
        entity: bool,
    ) -> Received {
        let beside = fields.get(Slot::Timestamp).and_then(time::read).filter(|r| r.other.is_none()).map(|r| r.at);
        let (stored, near) = (beside.unwrap_or(stored), entity || beside.is_some());
        let is_utc = entity || fields.get(Slot::Timestamp).and_then(time::read).is_some_and(|r| !r.is_local);
        let slots = [Slot::Created, Slot::BodyTime, Slot::Timestamp].into_iter();
        for (slot, (from, zone)) in slots.zip(FROM.into_iter().zip(ZONE_OF)) {
            let Some(reading) = fields.get(slot).and_then(time::read) else { continue };
            if reading.is_day && same_day(reading.at, stored) {
                continue;
            }
            let own = if near { reading.decided(stored, true) } else { None };
            let decided = reading.order.or(own).or_else(|| reading.decided(stored, false));
            if let Some(order) = decided {
                self.vote(source, key, from, order);
            }
            let at = reading.under(decided.unwrap_or(Order::MonthFirst));
            let mut local = None;
            if is_utc && reading.is_local && !reading.is_day && slot != Slot::Timestamp {
                let shift = shift_to(at, stored);
                local = Some(at + shift.unwrap_or(0)).filter(|_| shift != Some(0));
                let is_other = shift.is_none_or(|shift| shift == 0);
                let votes = self.sources.entry((source.to_owned(), zone)).or_default();
                votes.iter_mut().skip(usize::from(is_other)).take(1).for_each(|v| *v += 1);
            }
            return Received { at, other: reading.other.filter(|_| decided.is_none()), local, from };
        }
        Received { at: stored, other: None, local: None, from: if entity { "timestamp" } else { "stored" } }
    }

    /// Whether times of this column of a source are of a zone of their own.
    fn is_local(&self, source: &str, from: &str) -> bool {
        let zone = FROM.iter().position(|known| *known == from).and_then(|n| ZONE_OF.get(n));
        let votes = zone.and_then(|zone| self.sources.get(&(source.to_owned(), *zone)));
        votes.is_some_and(|[local, others]| *local >= FEWEST_LOCAL && *local >= others * 9)
    }

    /// Reads the times of columns that are of a zone of their own; one that its Timestamp does not tell, by the time
    /// nearest to it: clocks go forward and back.
    fn read_local(&self, frame: &DataFrame, locals: &Int64Chunked, at: &mut [i64]) -> Result<()> {
        let (sources, froms) = (frame.column("source")?.str()?, frame.column("received_from")?.str()?);
        let column_of = |row: usize| Some((sources.get(row)?, froms.get(row)?));
        let mut shifts: HashMap<(&str, &str), Vec<(i64, i64)>> = HashMap::new();
        for (row, at) in at.iter().enumerate() {
            if let Some((column, local)) = column_of(row).zip(locals.get(row).filter(|local| local != at)) {
                shifts.entry(column).or_default().push((*at, local - at));
            }
        }
        shifts.retain(|(source, from), _| self.is_local(source, from));
        shifts.values_mut().for_each(|shifts| shifts.sort_unstable());
        for (row, at) in at.iter_mut().enumerate() {
            // One without any is of UTC: it says so, or its Timestamp does.
            let Some((column, local)) = column_of(row).zip(locals.get(row)) else { continue };
            let Some(shifts) = shifts.get(&column) else { continue };
            let next = shifts.partition_point(|(known, _)| known < at);
            let beside = shifts.get(next.saturating_sub(1)..).unwrap_or_default().iter().take(2);
            let nearest = beside.min_by_key(|(known, _)| (known - *at).abs()).map_or(0, |(_, shift)| *shift);
            *at = if local == *at { *at + nearest } else { local };
        }
        Ok(())
    }

    fn vote(&mut self, source: &str, key: &str, from: &'static str, order: Order) {
        let which = usize::from(order == Order::DayFirst);
        let count = |votes: &mut Votes| votes.iter_mut().skip(which).take(1).for_each(|v| *v += 1);
        count(self.sources.entry((source.to_owned(), from)).or_default());
        // An object of one record has no other value to go by.
        if let (object, 2..) = place::read(key) {
            count(self.objects.entry((source.to_owned(), object.to_owned(), from)).or_default());
        }
    }

    /// All of it as a list.
    pub(super) fn told(&self) -> Told {
        let of_sources = self.sources.iter().map(|((source, from), votes)| (source, None, *from, *votes));
        let of_objects =
            self.objects.iter().map(|((source, object, from), votes)| (source, Some(object.clone()), *from, *votes));
        let all = of_sources.chain(of_objects);
        let mut told: Told =
            all.map(|(source, object, from, votes)| (source.clone(), object, from.to_owned(), votes)).collect();
        told.sort();
        told
    }

    /// The same of a list that [`Self::told`] gave.
    pub(super) fn of(told: Told) -> Option<Orders> {
        let mut orders = Orders::default();
        for (source, object, from, votes) in told {
            let from = column(&from)?;
            match object {
                Some(object) => drop(orders.objects.insert((source, object, from), votes)),
                None => drop(orders.sources.insert((source, from), votes)),
            }
        }
        Some(orders)
    }

    /// Takes up what other records show.
    pub(super) fn join(&mut self, more: Orders) {
        let add = |mine: &mut Votes, theirs: Votes| mine.iter_mut().zip(theirs).for_each(|(m, t)| *m += t);
        more.sources.into_iter().for_each(|(key, votes)| add(self.sources.entry(key).or_default(), votes));
        more.objects.into_iter().for_each(|(key, votes)| add(self.objects.entry(key).or_default(), votes));
    }

    /// The order of a column in which a value does not show its own.
    fn order(&self, source: &str, key: &str, from: &str) -> Order {
        let decided = |votes: Option<&Votes>| match votes {
            Some([month, day]) if day > month => Some(Order::DayFirst),
            Some([month, day]) if month > day => Some(Order::MonthFirst),
            _ => None,
        };
        let from = column(from).unwrap_or_default();
        let object = (source.to_owned(), place::read(key).0.to_owned(), from);
        decided(self.objects.get(&object))
            .or_else(|| decided(self.sources.get(&(source.to_owned(), from))))
            .unwrap_or(Order::MonthFirst)
    }

    /// Settles what was left open, when all is read, and leaves out what was received after the as-of day. Gives how
    /// much that was.
    pub(super) fn settle(&self, mut frame: DataFrame, cut: i64) -> Result<(DataFrame, usize)> {
        let (others, locals) = (frame.drop_in_place("other_at")?, frame.drop_in_place("local_at")?);
        let (others, locals) = (others.i64()?, locals.i64()?);
        if others.null_count() == others.len() && locals.null_count() == locals.len() {
            return Ok((frame, 0));
        }
        let text = |name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
        let (sources, keys, froms) = (text("source")?, text("source_key")?, text("received_from")?);
        let received = frame.column("received_at")?.datetime()?.physical().clone();
        let mut at: Vec<i64> = received.iter().map(|at| at.unwrap_or(cut)).collect();
        for (row, at) in at.iter_mut().enumerate() {
            if let (Some(other), Some(source), Some(key), Some(from)) =
                (others.get(row), sources.get(row), keys.get(row), froms.get(row))
                && self.order(source, key, from) == Order::DayFirst
            {
                *at = other;
            }
        }
        self.read_local(&frame, locals, &mut at)?;
        let keep: BooleanChunked = at.iter().map(|at| *at < cut).collect_ca("keep".into());
        let settled = Series::new("received_at".into(), at).cast(&crate::tables::Kind::Instant.dtype())?;
        frame.with_column(settled.into_column())?;
        let kept = frame.filter(&keep)?;
        let after = frame.height() - kept.height();
        Ok((kept, after))
    }
}

/// The name of a column as one of [`FROM`] or [`ZONE_OF`].
fn column(from: &str) -> Option<&'static str> {
    FROM.into_iter().chain(ZONE_OF).find(|known| *known == from)
}

/// How far a time is from the moment at which it was stored, less minutes: the zone that it was written in, 0 for UTC; none
/// where it is no zone's.
fn shift_to(at: i64, stored: i64) -> Option<i64> {
    const QUARTER: i64 = HOUR / 4;
    const FARTHEST: i64 = 14 * HOUR;
    let shift = (stored - at + QUARTER / 2).div_euclid(QUARTER) * QUARTER;
    let delay = stored - at - shift;
    (shift.abs() <= FARTHEST && (-MINUTE..=5 * MINUTE).contains(&delay)).then_some(shift)
}

fn same_day(a: i64, b: i64) -> bool {
    a.div_euclid(DAY) == b.div_euclid(DAY)
}
