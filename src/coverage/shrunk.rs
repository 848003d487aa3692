//! Whether tonight's export still shows what the last whole one showed.
//!
//! Records vanish by ones and twos. Where many are gone at once, or all of one kind, owner or month, the download broke
//! off or somebody set a filter: the export is not believed, what vanished is not landed, and nothing new is concluded
//! (design: what an export can speak for). A window that slides on loses its oldest records as it gains new ones.

use std::collections::{BTreeMap, HashSet};

use polars::prelude::*;

use crate::crm::Read;
use crate::error::Result;
use crate::findings::AboutExport;
use crate::time::DAY;

/// An export that goes on showing new records becomes the measure on this night.
pub const DOUBTFUL_NIGHTS: usize = 3;

/// Fewer records than this vanish by themselves.
const FEWEST: usize = 10;
/// Of so many of one kind, owner or month not all vanish by themselves.
const FEWEST_ALIKE: usize = 20;

/// Why a reading is not believed, held against what is landed; none where it is. `landed`: the newest version of each
/// record, without columns if there is none. `nights`: how many nights before it was not believed, one after the other.
///
/// # Errors
/// Only for faults of our own.
pub fn judge(read: &Read, landed: &DataFrame, nights: usize) -> Result<Option<AboutExport>> {
    if read.files.iter().any(|file| file.ends_inside && !file.superseded) {
        return Ok(Some(AboutExport::EndsInside));
    }
    if landed.width() == 0 || !read.is_conclusive() {
        return Ok(None);
    }
    let before = Shown::of(landed, Some(&read.destination))?;
    let now = Shown::of(&read.rows, None)?;
    let here: HashSet<&str> = now.ids.iter().copied().collect();
    let gone: Vec<usize> = (0..before.ids.len()).filter(|row| !here.contains(before.ids[*row])).collect();
    let is_much = gone.len() * 5 >= before.ids.len();
    let edge = before.edge(&now, &gone);
    // A window that slid, and old records that were tidied away: what is new is all there.
    if gone.len() < FEWEST || edge == Edge::Slid || (edge == Edge::Oldest && !is_much) {
        return Ok(None);
    }
    let known: HashSet<&str> = before.all_ids.iter().copied().collect();
    let is_growing = now.ids.iter().any(|id| !known.contains(id));
    if nights + 1 >= DOUBTFUL_NIGHTS && is_growing {
        return Ok(None);
    }
    let common = before.common(&gone);
    let doubt = AboutExport::Shrunk { gone: gone.len(), of: before.ids.len(), common: common.clone() };
    Ok((is_much || common.is_some()).then_some(doubt))
}

/// Where records lie that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    /// Anywhere.
    None,
    /// They are older than all that is left.
    Oldest,
    /// Also, the newest record is later by about as much as the oldest: a window moved on.
    Slid,
}

/// Records that an export shows.
struct Shown<'a> {
    /// Those that are present.
    ids: Vec<&'a str>,
    /// Those ever seen.
    all_ids: Vec<&'a str>,
    created: Vec<Option<i64>>,
    modified: Vec<Option<i64>>,
    /// What they can have in common, by its name.
    alike: BTreeMap<&'static str, Vec<Option<String>>>,
}

impl<'a> Shown<'a> {
    /// The present records of a destination, or all where none is named.
    fn of(frame: &'a DataFrame, destination: Option<&str>) -> Result<Self> {
        let text = |name: &str| -> Result<&'a StringChunked> { Ok(frame.column(name)?.str()?) };
        let instant = |name: &str| -> Result<Vec<Option<i64>>> {
            Ok(frame.column(name)?.cast(&DataType::Int64)?.i64()?.iter().collect())
        };
        let (ids, present) = (text("record_id")?, frame.column("present")?.bool()?);
        let named = frame.column("destination")?.str()?;
        let is_own = |row: &usize| destination.is_none_or(|name| named.get(*row) == Some(name));
        let own: Vec<usize> = (0..frame.height()).filter(is_own).collect();
        let rows: Vec<usize> = own.iter().copied().filter(|row| present.get(*row) == Some(true)).collect();
        let pick = |times: Vec<Option<i64>>| rows.iter().map(|row| times.get(*row).copied().flatten()).collect();
        let created = instant("created_at")?;
        let month = |at: i64| chrono::DateTime::from_timestamp_micros(at).map(|at| at.format("%Y-%m").to_string());
        let months = rows.iter().map(|row| created.get(*row).copied().flatten().and_then(month)).collect();
        let mut alike = BTreeMap::from([("of a month", months)]);
        for (what, column) in [("of one kind", "object"), ("of one owner", "owner"), ("of one outcome", "outcome")] {
            let column = text(column)?;
            alike.insert(what, rows.iter().map(|row| column.get(*row).map(str::to_owned)).collect());
        }
        Ok(Shown {
            ids: rows.iter().filter_map(|row| ids.get(*row)).collect(),
            all_ids: own.iter().filter_map(|row| ids.get(*row)).collect(),
            created: pick(created),
            modified: pick(instant("modified_at")?),
            alike,
        })
    }

    /// Where the gone records lie.
    fn edge(&self, now: &Shown<'_>, gone: &[usize]) -> Edge {
        let edge = |before: &[Option<i64>], now: &[Option<i64>]| {
            let oldest = now.iter().flatten().min()?;
            let newest = (before.iter().flatten().max()?, now.iter().flatten().max()?);
            let first = before.iter().flatten().min()?;
            let are_before = gone.iter().all(|row| before.get(*row).copied().flatten().is_none_or(|at| at <= *oldest));
            Some(match are_before {
                true if oldest - first <= newest.1 - newest.0 + 2 * DAY => Edge::Slid,
                true => Edge::Oldest,
                false => Edge::None,
            })
        };
        let found = [edge(&self.created, &now.created), edge(&self.modified, &now.modified)];
        found.into_iter().flatten().max().unwrap_or(Edge::None)
    }

    /// What all of many gone records share, while of those that stayed hardly any has it.
    fn common(&self, gone: &[usize]) -> Option<String> {
        let lost: HashSet<usize> = gone.iter().copied().collect();
        for (what, values) in &self.alike {
            let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
            for (row, value) in values.iter().enumerate() {
                let Some(value) = value else { continue };
                let (gone, all) = counts.entry(value).or_default();
                *gone += usize::from(lost.contains(&row));
                *all += 1;
            }
            let whole = counts.values().any(|(gone, all)| *all >= FEWEST_ALIKE && *gone * 10 >= *all * 9);
            if whole && counts.len() > 1 {
                return Some((*what).to_owned());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records by number of day, each of one of four owners; `present` as landed.
    fn shown(days: impl Iterator<Item = i64>) -> DataFrame {
        let days: Vec<i64> = days.collect();
        let times = |name: &str| {
            let at: Vec<i64> = days.iter().map(|day| day * DAY).collect();
            Column::new(name.into(), at).cast(&crate::tables::Kind::Instant.dtype()).unwrap()
        };
        let text =
            |name: &str, of: &dyn Fn(&i64) -> String| Column::new(name.into(), days.iter().map(of).collect::<Vec<_>>());
        let columns = vec![
            text("record_id", &|day| format!("r{day}")),
            text("destination", &|_| "crm".into()),
            text("object", &|_| "lead".into()),
            text("owner", &|day| format!("o{}", day % 4)),
            text("outcome", &|_| "open".into()),
            Column::new("present".into(), vec![true; days.len()]),
            times("created_at"),
            times("modified_at"),
        ];
        DataFrame::new(days.len(), columns).unwrap()
    }

    fn doubt(now: impl Iterator<Item = i64>, nights: usize) -> Option<String> {
        let read = Read::sample("crm", shown(now));
        let doubt = judge(&read, &shown(0..200), nights).unwrap()?;
        let AboutExport::Shrunk { gone, of, common } = doubt else { return None };
        Some(format!("{gone} of {of} {}", common.unwrap_or_default()))
    }

    #[test]
    fn an_export_that_lost_many_or_all_of_one_owner_is_not_believed_until_it_goes_on_for_three_nights() {
        assert_eq!(doubt((0..201).filter(|day| day % 40 != 7), 0), None, "records vanish by ones and twos");
        assert_eq!(doubt(80..201, 0).as_deref(), Some("80 of 200 of a month"));
        assert_eq!(doubt((0..201).filter(|day| day % 4 != 2), 0).as_deref(), Some("50 of 200 of one owner"));
        assert_eq!(doubt(80..201, 2), None, "a CRM was cleaned up");
        assert!(doubt(80..200, 2).is_some(), "it shows nothing new");
    }

    #[test]
    fn a_window_that_slides_on_is_believed() {
        assert_eq!(doubt(40..240, 0), None, "forty days later");
    }
}
