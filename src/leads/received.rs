//! When each lead was received: the marketplace's own time where it can be read, else the store's; never the clock's.
//!
//! A date such as 01/12 can be read in two ways. The row's own Timestamp tells which, or that nothing is stored before
//! it is raised; what neither decides is decided once per column, by all values of its object, else of its source, that
//! show their order. Without any, the documented order holds, month first.

use std::collections::HashMap;

use polars::prelude::*;

use super::record::{Fields, Slot};
use super::time::{self, Order};
use crate::error::Result;
use crate::place;
use crate::time::DAY;

/// A lead's time, and the other way to read it where its row does not decide.
pub(super) struct Received {
    pub(super) at: i64,
    pub(super) other: Option<i64>,
    pub(super) from: &'static str,
}

/// How many values of a column show either order.
type Votes = [usize; 2];

/// Where a time may stand.
const FROM: [&str; 3] = ["created-time", "body", "timestamp"];

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
        for (slot, from) in [Slot::Created, Slot::BodyTime, Slot::Timestamp].into_iter().zip(FROM) {
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
            return Received { at, other: reading.other.filter(|_| decided.is_none()), from };
        }
        Received { at: stored, other: None, from: if entity { "timestamp" } else { "stored" } }
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
        let others = frame.drop_in_place("other_at")?;
        let others = others.i64()?;
        if others.null_count() == others.len() {
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
        let keep: BooleanChunked = at.iter().map(|at| *at < cut).collect_ca("keep".into());
        let settled = Series::new("received_at".into(), at).cast(&crate::tables::Kind::Instant.dtype())?;
        frame.with_column(settled.into_column())?;
        let kept = frame.filter(&keep)?;
        let after = frame.height() - kept.height();
        Ok((kept, after))
    }
}

/// The name of a column as one of [`FROM`].
fn column(from: &str) -> Option<&'static str> {
    FROM.into_iter().find(|known| *known == from)
}

fn same_day(a: i64, b: i64) -> bool {
    a.div_euclid(DAY) == b.div_euclid(DAY)
}
