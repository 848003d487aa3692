//! What is counted of the records of one table, and whom its refused rows name: for the reading of the night.
//!
//! Both are added up, so that a table can be read in parts.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Utc};
use polars::prelude::*;

use super::cells::{Aside, TIMES};
use crate::error::Result;
use crate::tabular::ReadFile;
use crate::tabular::readings::names_in;

/// What records are counted by.
const BY: &[&str] = &["object", "outcome", "owner"];

/// Adds the records of a frame to what is known of their file.
pub(super) fn add(file: &mut ReadFile, frame: &DataFrame) -> Result<()> {
    file.records += frame.height();
    for field in TIMES {
        let times = frame.column(field)?.datetime()?.physical();
        if let (Some(first), Some(last)) = (times.min(), times.max()) {
            let known = file.times.entry((*field).to_owned()).or_insert((first, last));
            *known = (known.0.min(first), known.1.max(last));
        }
    }
    for field in BY {
        let mut counts: PlHashMap<&str, usize> = PlHashMap::default();
        // Rows that follow one another are often alike.
        let mut run: (&str, usize) = ("", 0);
        for value in frame.column(field)?.str()?.iter().flatten() {
            if value != run.0 {
                *counts.entry(run.0).or_default() += run.1;
                run = (value, 0);
            }
            run.1 += 1;
        }
        *counts.entry(run.0).or_default() += run.1;
        counts.retain(|_, n| *n > 0);
        let known = file.counts.entry((*field).to_owned()).or_default();
        for (value, n) in counts {
            *known.entry(value.to_owned()).or_default() += n;
        }
    }
    let known = file.counts.entry("created".to_owned()).or_default();
    for (month, n) in months(frame)? {
        *known.entry(month).or_default() += n;
    }
    Ok(())
}

/// Records by the month in which they were made.
fn months(frame: &DataFrame) -> Result<BTreeMap<String, usize>> {
    let mut months: BTreeMap<(i32, u32), usize> = BTreeMap::new();
    // Exports are mostly in the order of making: the month is looked up where it changes.
    let mut last: Option<(i64, (i32, u32))> = None;
    for at in frame.column("created_at")?.datetime()?.physical().iter().flatten() {
        let day = at.div_euclid(crate::time::DAY);
        let month = match last {
            Some((known, month)) if known == day => month,
            _ => {
                let Some(at) = DateTime::<Utc>::from_timestamp_micros(at) else { continue };
                (at.year(), at.month())
            }
        };
        last = Some((day, month));
        *months.entry(month).or_default() += 1;
    }
    Ok(months.into_iter().map(|((year, month), n)| (format!("{year}-{month:02}"), n)).collect())
}

/// Adds the names, addresses and phones of rows that were refused one by one: somebody stands there whose record was not read.
/// `rows`: the line of each row of `contacts`.
pub(super) fn add_refused(file: &mut ReadFile, aside: &[Aside], rows: &[u32], contacts: &[&StringChunked]) {
    for row in
        aside.iter().filter(|aside| aside.reason == "no-id").filter_map(|aside| rows.binary_search(&aside.row).ok())
    {
        let cells: Vec<&str> = contacts.iter().filter_map(|column| column.get(row)).collect();
        file.refused.extend(names_in(&cells.join("\n")));
    }
}
