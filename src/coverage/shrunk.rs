//! Whether tonight's export still shows what the last whole one showed.
//!
//! Records vanish by ones and twos. Where many are gone at once, or all of one kind, owner or month, the download broke
//! off or somebody set a filter: the export is not believed, what vanished is not landed, and nothing new is concluded
//! (design: what an export can speak for). A window that slides on loses its oldest records as it gains new ones.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveTime;
use polars::prelude::*;

use crate::config::{Complete, Destination};
use crate::coverage::nights::{Night, NightsRead};
use crate::crm::Read;
use crate::error::Result;
use crate::findings::AboutExport;
use crate::tabular::readings::{Judged, Unread};
use crate::time::DAY;

/// An export that goes on showing new records becomes the measure on this night.
pub const DOUBTFUL_NIGHTS: usize = 3;

/// A file whose newest record was so old when it was last read holds no new one.
const ARCHIVED: i64 = 30 * DAY;

/// Fewer records than this vanish by themselves.
const FEWEST: usize = 10;
/// What records of one kind share.
const OF_KIND: &str = "among them nearly all of kind";
/// What records of one owner share.
const OF_OWNER: &str = "among them nearly all of one owner";
/// Of so many of one kind, owner or month not all vanish by themselves.
const FEWEST_ALIKE: usize = 20;

/// What is made of tonight's reading as a whole; `read.doubt` is set before.
pub fn judged(read: &Read, nights: &NightsRead) -> Judged {
    let is_past = |unread: &Unread| {
        let file =
            nights.last_whole(&read.destination).and_then(|(day, night)| Some((day, night.files.get(&unread.file)?)));
        file.is_some_and(|(day, file)| {
            let end = day.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
            // An archive of older records, or what says what became of leads and not that they came.
            file.whole && (file.object == "opportunity" || file.last_made.is_some_and(|last| last + ARCHIVED < end))
        })
    };
    Judged { silent: read.silence(&is_past), exported_at: read.exported_at, present: read.present() }
}

/// Why a reading is not believed, held against what is landed; none where it is, and where the configuration says so.
/// `landed`: the newest version of each record, without columns if there is none. `nights`: what was read before.
///
/// # Errors
/// Only for faults of our own.
pub fn judge(
    read: &Read,
    destination: &Destination,
    landed: &DataFrame,
    nights: &NightsRead,
) -> Result<Option<AboutExport>> {
    if is_said_to_be_whole(read, destination, nights) {
        return Ok(None);
    }
    if read.files.iter().any(|file| file.ends_inside && !file.superseded) {
        return Ok(Some(AboutExport::EndsInside));
    }
    if landed.width() == 0 || !read.is_conclusive() {
        return Ok(None);
    }
    let files = read.files.iter().filter(|file| !file.superseded && file.records > 0).count();
    let before = nights.last_whole(&read.destination).map_or(0, |(_, night)| night.files.len());
    shrunk(read, landed, nights.nights_doubted(&read.destination), files < before)
}

/// Whether the configuration believes tonight's reading: every one, that of this day, or one that shows no less than that
/// of the day that it names.
fn is_said_to_be_whole(read: &Read, destination: &Destination, nights: &NightsRead) -> bool {
    let like = match destination.complete {
        Some(Complete::On(day)) if day < nights.as_of() => nights.on(&destination.name, day),
        _ => None,
    };
    // By ones and twos records vanish from it, too.
    let is_like = |night: &Night| night.judged.present > 0 && read.present() * 20 >= night.judged.present * 19;
    destination.is_believed_on(nights.as_of()) || like.is_some_and(is_like)
}

/// What of the landed records is gone, if it is much, or of one piece. `nights`: how many nights before it was not believed.
/// `lacks_file`: whether it is of fewer files than the last whole one.
fn shrunk(read: &Read, landed: &DataFrame, nights: usize, lacks_file: bool) -> Result<Option<AboutExport>> {
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
    let common = match before.common(&gone) {
        None if before.is_stretch(&gone) => Some("all of one stretch of time".to_owned()),
        None if lacks_file => Some("and a file of it is not there".to_owned()),
        common => common,
    };
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
        let mut alike = BTreeMap::from([("among them nearly all of the month", months)]);
        for (what, column) in
            [(OF_KIND, "object"), (OF_OWNER, "owner"), ("among them nearly all of outcome", "outcome")]
        {
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
            let are_before = gone.iter().all(|row| before.get(*row).copied().flatten().is_some_and(|at| at <= *oldest));
            Some(match are_before {
                true if oldest - first <= newest.1 - newest.0 + 2 * DAY => Edge::Slid,
                true => Edge::Oldest,
                false => Edge::None,
            })
        };
        let found = [edge(&self.created, &now.created), edge(&self.modified, &now.modified)];
        found.into_iter().flatten().max().unwrap_or(Edge::None)
    }

    /// Whether the gone records were made one after the other, and none of their kind that stayed between them: another
    /// kind stands in another file.
    fn is_stretch(&self, gone: &[usize]) -> bool {
        let kind = |row: usize| self.alike.get(OF_KIND).and_then(|kinds| kinds.get(row)?.as_deref());
        let kinds: HashSet<Option<&str>> = gone.iter().map(|row| kind(*row)).collect();
        let made = |row: &usize| self.created.get(*row).copied().flatten();
        let of_gone: Vec<i64> = gone.iter().filter_map(made).collect();
        let (Some(first), Some(last)) = (of_gone.iter().min(), of_gone.iter().max()) else { return false };
        let rows = self.created.iter().enumerate().filter(|(row, _)| kinds.contains(&kind(*row)));
        let within = rows.filter_map(|(_, at)| *at).filter(|at| (first..=last).contains(&at)).count();
        // One or two that somebody changed came from another page of the same download.
        of_gone.len() == gone.len() && within * 20 <= of_gone.len() * 21
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
            let whole = counts.iter().find(|(_, (gone, all))| *all >= FEWEST_ALIKE && *gone * 10 >= *all * 9);
            if let Some((value, _)) = whole.filter(|_| counts.len() > 1) {
                // Owners are people, and are named nowhere.
                return Some(if *what == OF_OWNER { (*what).to_owned() } else { format!("{what} {value}") });
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
        let doubt = shrunk(&read, &shown(0..200), nights, false).unwrap()?;
        let AboutExport::Shrunk { gone, of, common } = doubt else { return None };
        Some(format!("{gone} of {of} {}", common.unwrap_or_default()))
    }

    #[test]
    fn an_export_that_lost_many_or_all_of_one_owner_is_not_believed_until_it_goes_on_for_three_nights() {
        assert_eq!(doubt((0..201).filter(|day| day % 40 != 7), 0), None, "records vanish by ones and twos");
        assert_eq!(doubt(80..201, 0).as_deref(), Some("80 of 200 among them nearly all of the month 1970-01"));
        assert_eq!(doubt((0..190).chain(200..201), 0).as_deref(), Some("10 of 200 all of one stretch of time"));
        assert_eq!(
            doubt((0..201).filter(|day| day % 4 != 2), 0).as_deref(),
            Some("50 of 200 among them nearly all of one owner")
        );
        assert_eq!(doubt(80..201, 2), None, "a CRM was cleaned up");
        assert!(doubt(80..200, 2).is_some(), "it shows nothing new");
    }

    #[test]
    fn a_window_that_slides_on_is_believed() {
        assert_eq!(doubt(40..240, 0), None, "forty days later");
    }
}
