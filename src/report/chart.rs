//! Weeks and outages → positions in small drawings. Pure geometry: the templates draw, and give the words.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;
use serde::Serialize;

use super::words::Outage;
use crate::codes::measure;
use crate::error::Result;
use crate::queries::Catalog;

/// Units of a drawing's width; it is scaled to the page.
const WIDTH: f64 = 720.0;
/// Units of the height of the bars.
const HEIGHT: f64 = 96.0;
/// Most weeks drawn.
const MOST_WEEKS: usize = 53;

/// What became of the leads of each week at one destination.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Weeks {
    /// Name of the destination.
    pub destination: String,
    /// First and last Monday drawn.
    pub first: String,
    /// Last Monday drawn.
    pub last: String,
    /// Most leads of a week.
    pub most: i64,
    /// Units of width and height.
    pub width: f64,
    /// Units of height.
    pub height: f64,
    /// The weeks, oldest first.
    pub bars: Vec<Bar>,
}

/// One week.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// The Monday.
    pub week: String,
    /// Leads.
    pub matched: i64,
    /// Leads.
    pub missed: i64,
    /// Leads.
    pub pending: i64,
    /// Left edge and width.
    pub x: f64,
    /// Width.
    pub width: f64,
    /// Top and height of each part, from the bottom up: matched, pending, missed.
    pub parts: Vec<Part>,
}

/// One coloured part of a bar.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// `matched`, `pending` or `missed`.
    pub kind: &'static str,
    /// Top edge.
    pub y: f64,
    /// Height.
    pub height: f64,
}

/// A stretch on a line that runs over the whole time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stretch {
    /// The outage it is.
    pub id: String,
    /// What is certain.
    pub x: f64,
    /// Its width.
    pub width: f64,
    /// What is possible.
    pub possible_x: f64,
    /// Its width.
    pub possible_width: f64,
}

/// The line of time and what stands on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Units of width.
    pub width: f64,
    /// First day drawn.
    pub first: String,
    /// Last day drawn.
    pub last: String,
    /// One stretch per outage, in the order given.
    pub stretches: Vec<Stretch>,
}

/// Bars for each destination that has any lead, in alphabetical order.
///
/// # Errors
/// When the table lacks a column: a user's `weeks.sql`.
pub fn weeks(frame: &DataFrame) -> Result<Vec<Weeks>> {
    let names = frame.column("destination")?.str()?;
    let days = frame.column("week")?.cast(&DataType::Int32)?;
    let days = days.i32()?;
    let number =
        |name: &str| -> Result<Vec<i64>> { Ok(frame.column(name)?.i64()?.iter().map(|n| n.unwrap_or(0)).collect()) };
    let (matched, missed, pending) = (number("matched")?, number("missed")?, number("pending")?);
    let mut drawn: Vec<Weeks> = Vec::new();
    let mut rows: Vec<(String, i32, [i64; 3])> = Vec::with_capacity(frame.height());
    for (row, name) in names.iter().enumerate() {
        let at = |of: &[i64]| of.get(row).copied().unwrap_or(0);
        rows.push((
            name.unwrap_or_default().to_owned(),
            days.get(row).unwrap_or(0),
            [at(&matched), at(&pending), at(&missed)],
        ));
    }
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        let group = group.get(group.len().saturating_sub(MOST_WEEKS)..).unwrap_or(group);
        let most = group.iter().map(|(_, _, n)| n.iter().sum::<i64>()).max().unwrap_or(0);
        if most == 0 {
            continue;
        }
        let step = WIDTH / group.len() as f64;
        let bars = group.iter().enumerate().map(|(place, (_, day, [matched, pending, missed]))| {
            let mut top = HEIGHT;
            let mut part = |kind, n: i64| {
                // What is there can be seen, however small: a single lost lead in a busy week.
                let height = if n == 0 { 0.0 } else { (n as f64 / most as f64 * (HEIGHT - 4.0)).max(2.0) };
                top -= height;
                Part { kind, y: round(top.max(0.0)), height: round(height) }
            };
            let parts = [("matched", *matched), ("pending", *pending), ("missed", *missed)];
            Bar {
                week: date(*day),
                matched: *matched,
                missed: *missed,
                pending: *pending,
                x: round(step * place as f64 + step * 0.1),
                width: round(step * 0.8),
                parts: parts.into_iter().filter(|(_, n)| *n > 0).map(|(kind, n)| part(kind, n)).collect(),
            }
        });
        let bars: Vec<Bar> = bars.collect();
        let edge = |bar: Option<&Bar>| bar.map(|b| b.week.clone()).unwrap_or_default();
        drawn.push(Weeks {
            destination: group.first().map(|g| g.0.clone()).unwrap_or_default(),
            first: edge(bars.first()),
            last: edge(bars.last()),
            most,
            width: WIDTH,
            height: HEIGHT,
            bars,
        });
    }
    Ok(drawn)
}

/// The outages on a line from the first to the last day of the calendar; none without a calendar.
///
/// # Errors
/// When the calendar lacks a column.
pub fn line(catalog: &Catalog, outages: &[Outage]) -> Result<Option<Line>> {
    let Some(calendar) = catalog.get("calendar").filter(|c| c.height() > 0) else { return Ok(None) };
    let micros = |name: &str| -> Result<Vec<i64>> {
        let column = calendar.column(name)?.cast(&DataType::Int64)?;
        Ok(column.i64()?.iter().flatten().collect())
    };
    let (starts, ends) = (micros("starts_at")?, micros("ends_at")?);
    let (Some(from), Some(to)) = (starts.iter().min(), ends.iter().max()) else { return Ok(None) };
    let at = |t: DateTime<Utc>| ((t.timestamp_micros() - from) as f64 / (to - from) as f64 * WIDTH).clamp(0.0, WIDTH);
    let days = calendar.column("day")?.cast(&DataType::Int32)?;
    let day = |d: Option<i32>| d.map(date).unwrap_or_default();
    let stretches = outages.iter().map(|o| {
        let (x, end) = (at(o.certain.0), if o.ongoing { WIDTH } else { at(o.certain.1) });
        let possible = (o.possible.0.map_or(x, at), o.possible.1.map_or(end, at));
        Stretch {
            id: o.id.clone(),
            // A short one is still to be seen.
            x: round(x.min(WIDTH - 3.0)),
            width: round((end - x).max(3.0)),
            possible_x: round(possible.0.min(x)),
            possible_width: round((possible.1.max(end) - possible.0.min(x)).max(3.0)),
        }
    });
    Ok(Some(Line {
        width: WIDTH,
        first: day(days.i32()?.min()),
        last: day(days.i32()?.max()),
        stretches: stretches.collect(),
    }))
}

/// How one measure went, night by night.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trend {
    /// Name of the destination; empty for all together.
    pub destination: String,
    /// One of [`measure`].
    pub measure: String,
    /// What is counted: leads, people, seconds or share.
    pub unit: &'static str,
    /// First and last night.
    pub first: String,
    /// Last night.
    pub last: String,
    /// The newest value.
    pub latest: f64,
    /// The least and the greatest value.
    pub least: f64,
    /// The greatest value.
    pub most: f64,
    /// The line, in units of width and height.
    pub points: String,
    /// The last night of each week: its day and value.
    pub weeks: Vec<(String, f64)>,
    /// Units of width.
    pub width: f64,
    /// Units of height.
    pub height: f64,
}

/// Most nights drawn one by one.
const MOST_NIGHTS: usize = 100;
/// Units of a small drawing.
const SMALL: (f64, f64) = (240.0, 40.0);

/// A line for each measure with at least two nights, in the order in which they are told.
///
/// # Errors
/// When the table lacks a column.
pub fn trends(frame: &DataFrame) -> Result<Vec<Trend>> {
    const TOLD: [(&str, &str); 8] = [
        (measure::OPEN_PEOPLE, "people"),
        (measure::NEW_LEADS, "leads"),
        (measure::RECOVERED_LEADS, "leads"),
        (measure::MEDIAN_DELAY_SECONDS, "seconds"),
        (measure::WITHIN_HOUR, "share"),
        (measure::EXPORT_AGE_SECONDS, "seconds"),
        (measure::IDENTITY_PRECISION, "share"),
        (measure::IDENTITY_RECALL, "share"),
    ];
    let (names, codes) = (frame.column("destination")?.str()?, frame.column("measure")?.str()?);
    let (days, values) = (frame.column("as_of")?.date()?.physical().clone(), frame.column("value")?.f64()?);
    let mut of: BTreeMap<(usize, &str), Vec<(i32, f64)>> = BTreeMap::new();
    for row in 0..frame.height() {
        let told = TOLD.iter().position(|(code, _)| codes.get(row) == Some(*code));
        if let (Some(told), Some(day), Some(value)) = (told, days.get(row), values.get(row)) {
            of.entry((told, names.get(row).unwrap_or_default())).or_default().push((day, value));
        }
    }
    let several = of.into_iter().filter(|(_, nights)| nights.len() > 1);
    Ok(several.filter_map(|((told, name), nights)| trend(TOLD.get(told)?, name, nights)).collect())
}

fn trend((code, unit): &(&str, &'static str), name: &str, mut nights: Vec<(i32, f64)>) -> Option<Trend> {
    nights.sort_by_key(|(day, _)| *day);
    // 1970-01-01 was a Thursday.
    let week = |day: i32| (day + 3).div_euclid(7);
    let mut weeks: BTreeMap<i32, (i32, f64)> = BTreeMap::new();
    for night in &nights {
        weeks.insert(week(night.0), *night);
    }
    let weeks: Vec<(i32, f64)> = weeks.into_values().collect();
    let drawn = if nights.len() > MOST_NIGHTS { &weeks } else { &nights };
    let (first, last) = (drawn.first()?, drawn.last()?);
    let least = drawn.iter().map(|(_, v)| *v).fold(f64::INFINITY, f64::min);
    let most = drawn.iter().map(|(_, v)| *v).fold(f64::NEG_INFINITY, f64::max);
    let (width, height) = SMALL;
    let across = f64::from((last.0 - first.0).max(1));
    let points = drawn.iter().map(|(day, value)| {
        let x = f64::from(day - first.0) / across * width;
        let share = if most > least { (value - least) / (most - least) } else { 0.5 };
        format!("{},{}", round(x), round(height - 3.0 - share * (height - 6.0)))
    });
    Some(Trend {
        destination: name.to_owned(),
        measure: (*code).to_owned(),
        unit,
        first: date(first.0),
        last: date(last.0),
        latest: last.1,
        least,
        most,
        points: points.collect::<Vec<_>>().join(" "),
        weeks: weeks.iter().rev().take(MOST_WEEKS).map(|(day, value)| (date(*day), *value)).collect(),
        width,
        height,
    })
}

fn date(days: i32) -> String {
    NaiveDate::default().checked_add_signed(chrono::TimeDelta::days(days.into())).unwrap_or_default().to_string()
}

fn round(units: f64) -> f64 {
    (units * 10.0).round() / 10.0
}
