//! The parts of a time as it was written: date, time of day, distance from UTC.

use chrono::{DateTime, NaiveDate};

use crate::config::DateOrder;

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
    /// Three numbers of two digits: any may be the year that may be one.
    Short {
        parts: [u32; 3],
        separator: u8,
    },
}

impl Date {
    /// The date that numbers are in an order; those of a date that needs none are what they are.
    pub fn in_order(&self, order: DateOrder) -> Option<NaiveDate> {
        match *self {
            Date::Known(date) => Some(date),
            Date::Instant(micros) | Date::Serial(micros) => {
                DateTime::from_timestamp_micros(micros).map(|at| at.date_naive())
            }
            Date::Numeric { a, b, year, .. } => match order {
                DateOrder::Dmy => NaiveDate::from_ymd_opt(year, b, a),
                DateOrder::Mdy => NaiveDate::from_ymd_opt(year, a, b),
                DateOrder::Ymd => None,
            },
            Date::Short { parts: [a, b, c], .. } => {
                let (year, month, day) = match order {
                    DateOrder::Dmy => (c, b, a),
                    DateOrder::Mdy => (c, a, b),
                    DateOrder::Ymd => (a, b, c),
                };
                let year = i32::try_from(if year < 80 { 2000 + year } else { 1900 + year }).ok()?;
                NaiveDate::from_ymd_opt(year, month, day)
            }
        }
    }

    /// Whether there is an order in which it is a date.
    pub fn is_possible(&self) -> bool {
        [DateOrder::Dmy, DateOrder::Mdy, DateOrder::Ymd].iter().any(|order| self.in_order(*order).is_some())
    }
}

#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    pub micro: u32,
    /// Whether seconds were written.
    pub seconds: bool,
}
