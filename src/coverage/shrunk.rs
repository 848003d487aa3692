//! Whether tonight's export still shows what the last whole one showed.
//!
//! Records vanish by ones and twos. Where many are gone at once, or all of one kind, owner or month, the download broke
//! off or somebody set a filter: the export is not believed, what vanished is not landed, and nothing new is concluded
//! (design: what an export can speak for). A window that slides on loses its oldest records as it gains new ones.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveTime;
use polars::prelude::*;

use crate::binomial::tail;
use crate::config::{Complete, Destination};
use crate::coverage::at_limit;
use crate::coverage::nights::{FileRead, Night, NightsRead};
use crate::crm::{self, Read};
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
/// Nobody deletes just what came last.
const FEWEST_NEWEST: usize = 3;
/// What records of one month share.
const OF_MONTH: &str = "among them nearly all of the month";
/// What records of one kind share.
const OF_KIND: &str = "among them nearly all of kind";
/// What records of one outcome share.
const OF_OUTCOME: &str = "among them nearly all of outcome";
/// What records of one owner share.
const OF_OWNER: &str = "among them nearly all of one owner";
/// What records of people have in common.
const OF_PEOPLE: [&str; 2] = ["among them nearly all of lead source", "among them nearly all of country"];
/// What converted records share.
const OF_CONVERTED: &str = "among them nearly all that are";
/// An export that shows no more than this share of what it should of the new, where chance would so seldom do the same, goes
/// on leaving out.
const LEAST_SHARE: f64 = 0.75;
const UNLIKELY: f64 = 0.05;
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
/// `landed`: the newest version of each record, without columns if there is none. `nights`: what was read before. `mark`:
/// what is landed in place of an owner; none where that is not known.
///
/// # Errors
/// Only for faults of our own.
pub fn judge(
    read: &Read,
    destination: &Destination,
    landed: &DataFrame,
    nights: &NightsRead,
    mark: Option<Mark>,
) -> Result<Option<AboutExport>> {
    if is_said_to_be_whole(read, destination, nights) {
        return Ok(None);
    }
    if read.files.iter().any(|file| file.ends_inside && !file.superseded) {
        return Ok(Some(AboutExport::EndsInside));
    }
    if !read.is_conclusive() {
        return Ok(None);
    }
    if landed.width() > 0 {
        let (others, of) = crm::other_people(&read.rows, landed, &read.destination)?;
        if others >= FEWEST && others * 2 > of {
            return Ok(Some(AboutExport::OtherPeople { others, of }));
        }
    }
    let last = nights.last_whole(&read.destination).map(|(_, night)| night);
    if let Some(rows) = last.and_then(|last| at_limit::stops_at(&read.files, last)) {
        return Ok(Some(AboutExport::AtLimit { rows }));
    }
    let doubted = nights.nights_doubted(&read.destination);
    let of_kept = if landed.width() == 0 {
        None
    } else {
        let not_there = last.and_then(|night| not_there(read, night));
        shrunk(read, landed, &Past { nights: doubted, last: last.and_then(|night| night.until), not_there })?
    };
    Ok(of_kept.or_else(|| fewer(read, last?, doubted, mark)))
}

/// What is known of earlier nights.
#[derive(Clone, Copy, Default)]
struct Past<'n> {
    /// For how many nights before tonight it was not believed.
    nights: usize,
    /// The last time of any record that the last whole reading showed.
    last: Option<i64>,
    /// A file of that reading that is not there tonight, and how many records it held.
    not_there: Option<(&'n str, usize)>,
}

/// A file of records of an earlier night that is not there tonight, under its own name or one that differs in digits;
/// with how many records it held. Of several the one of fewest.
fn not_there<'n>(read: &Read, night: &'n Night) -> Option<(&'n str, usize)> {
    let shape = |name: &str| name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let mut here: BTreeMap<String, usize> = BTreeMap::new();
    for file in &read.files {
        *here.entry(shape(&file.file)).or_default() += 1;
    }
    let is_gone = |(name, file): &(&'n String, &FileRead)| {
        let alike = here.get_mut(&shape(name)).filter(|left| **left > 0).map(|left| *left -= 1);
        alike.is_none() && file.records > 0
    };
    let gone = night.files.iter().filter(is_gone).map(|(name, file)| (name.as_str(), file.records));
    gone.min_by_key(|(_, records)| *records)
}

/// What is landed in place of an owner.
pub type Mark<'a> = &'a dyn Fn(&str) -> String;

/// What is gone, strangers too, by the counts of the last whole reading: strangers are known by their number alone.
fn fewer(read: &Read, last: &Night, nights: usize, mark: Option<Mark>) -> Option<AboutExport> {
    if read.strangers == 0 && last.passed.is_empty() {
        return None;
    }
    let now = &Night::of_files(Judged::default(), &read.files);
    let none = BTreeMap::new();
    let before = |what: &str| last.counts.get(what).unwrap_or(&none);
    let tonight = |what: &str| now.counts.get(what).unwrap_or(&none);
    let (months, shown) = (before("created"), tonight("created"));
    let gone_of = |month: &String, n: usize| n.saturating_sub(shown.get(month).copied().unwrap_or(0));
    let gone_months: Vec<(&String, usize)> =
        months.iter().map(|(month, n)| (month, gone_of(month, *n))).filter(|(_, gone)| *gone > 0).collect();
    let by_month: usize = gone_months.iter().map(|(_, gone)| gone).sum();
    let gone = by_month.max(last.judged.present.saturating_sub(read.present()));
    let oldest = shown.keys().next();
    let is_old = |month: &String| oldest.is_some_and(|oldest| month <= oldest);
    let of_oldest: usize = gone_months.iter().filter(|(month, _)| is_old(month)).map(|(_, gone)| gone).sum();
    // By ones and twos others vanish, too.
    let are_oldest = by_month > 0 && of_oldest * 20 >= by_month * 19;
    let moved = |from: Option<i64>, to: Option<i64>| from.zip(to).map(|(from, to)| to - from);
    let has_slid = moved(last.first_made, now.first_made)
        .zip(moved(last.until, now.until))
        .is_some_and(|(first, end)| first <= end + 2 * DAY);
    let is_much = gone * 5 >= last.judged.present;
    if gone < FEWEST || (are_oldest && (has_slid || !is_much)) {
        return None;
    }
    if nights + 1 >= DOUBTFUL_NIGHTS && now.until > last.until {
        return None;
    }
    // What was landed knows owners by their marks alone.
    let marked = |mark: Mark| tonight("owner").iter().map(|(owner, n)| (mark(owner), *n)).collect();
    let owners: Option<BTreeMap<String, usize>> = mark.map(marked);
    let alike = [
        (OF_KIND, before("object"), Some(tonight("object"))),
        (OF_OWNER, before("owner"), owners.as_ref()),
        (OF_OUTCOME, before("outcome"), Some(tonight("outcome"))),
        (OF_MONTH, months, Some(shown)),
    ];
    let common = alike.iter().filter(|(_, before, _)| before.len() > 1).find_map(|(what, before, now)| {
        let now = (*now)?;
        let is_gone = |value: &String, n: usize| n >= FEWEST_ALIKE && now.get(value).copied().unwrap_or(0) * 10 <= n;
        let mut values =
            before.iter().filter(|(value, n)| is_gone(value, **n) && !(*what == OF_MONTH && is_old(value)));
        let (value, _) = values.next()?;
        // Owners are people, and are named nowhere.
        Some(if *what == OF_OWNER { (*what).to_owned() } else { format!("{what} {value}") })
    });
    (is_much || common.is_some()).then_some(AboutExport::Shrunk {
        gone,
        of: last.judged.present,
        common,
        not_there: None,
    })
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

/// What of the landed records is gone, if it is much, or of one piece.
fn shrunk(read: &Read, landed: &DataFrame, past: &Past<'_>) -> Result<Option<AboutExport>> {
    let before = Shown::of(landed, Some(&read.destination))?;
    let now = Shown::of(&read.rows, None)?;
    let here: HashSet<&str> = now.present_ids.iter().copied().collect();
    let gone: Vec<usize> = (0..before.ids.len()).filter(|row| !here.contains(before.ids[*row])).collect();
    let is_much = gone.len() * 5 >= before.ids.len();
    let edge = before.edge(&now, &gone);
    // Under another name its records would still be there.
    let not_there = past.not_there.filter(|(_, records)| gone.len() * 2 >= *records).map(|(name, _)| name.to_owned());
    let fewest = if not_there.is_some() { 1 } else { FEWEST };
    let are_newest = before.newest_gone(&now, &gone) >= FEWEST_NEWEST;
    // A window that slid, and old records that were tidied away: what is new is all there.
    if (gone.len() < fewest && !are_newest) || edge == Edge::Slid || (edge == Edge::Oldest && !is_much) {
        return Ok(None);
    }
    let shared = if not_there.is_some() { Vec::new() } else { before.common(&gone, is_much) };
    // A file, or an owner, that is left out is left out of what is new, too.
    let is_filtered = shared.iter().any(|(what, value)| *what != OF_MONTH && now.has_none(what, value, past.last));
    let is_of_old = not_there.is_none() && !is_filtered;
    if past.nights + 1 >= DOUBTFUL_NIGHTS && is_of_old && before.goes_on(&now, past.last) {
        return Ok(None);
    }
    // Owners are people, and are named nowhere.
    let said = |(what, value): &(&str, &str)| {
        if *what == OF_OWNER { (*what).to_owned() } else { format!("{what} {value}") }
    };
    // The plainest first: an owner's people are of some country and status, too.
    let of_owner = shared.iter().find(|(what, _)| *what == OF_OWNER);
    let common = of_owner.or(shared.first()).map(said);
    let is_stretch = common.is_none() && not_there.is_none() && before.is_stretch(&gone);
    let common = common.or_else(|| match () {
        () if is_stretch => Some("all of one stretch of time".to_owned()),
        () if are_newest && not_there.is_none() => Some("among them the newest".to_owned()),
        () => None,
    });
    let is_of_one_piece = common.is_some() || not_there.is_some();
    let doubt = AboutExport::Shrunk { gone: gone.len(), of: before.ids.len(), common, not_there };
    Ok((is_much || is_of_one_piece).then_some(doubt))
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
    /// Those that are present and not deleted.
    ids: Vec<&'a str>,
    /// The same with those that were deleted.
    present_ids: Vec<&'a str>,
    /// Those ever seen.
    all_ids: Vec<&'a str>,
    created: Vec<Option<i64>>,
    modified: Vec<Option<i64>>,
    /// What they can have in common, by its name.
    alike: BTreeMap<&'static str, Vec<Option<String>>>,
}

impl<'a> Shown<'a> {
    /// The records of a destination, or all where none is named.
    fn of(frame: &'a DataFrame, destination: Option<&str>) -> Result<Self> {
        let text = |name: &str| -> Result<&'a StringChunked> { Ok(frame.column(name)?.str()?) };
        let instant = |name: &str| -> Result<Vec<Option<i64>>> {
            Ok(frame.column(name)?.cast(&DataType::Int64)?.i64()?.iter().collect())
        };
        let (ids, present) = (text("record_id")?, frame.column("present")?.bool()?);
        let named = frame.column("destination")?.str()?;
        let is_own = |row: &usize| destination.is_none_or(|name| named.get(*row) == Some(name));
        let own: Vec<usize> = (0..frame.height()).filter(is_own).collect();
        // What was deleted stays in a bin, and somebody empties that.
        let deleted = frame.column("deleted")?.bool()?;
        let here: Vec<usize> = own.iter().copied().filter(|row| present.get(*row) == Some(true)).collect();
        let rows: Vec<usize> = here.iter().copied().filter(|row| deleted.get(*row) != Some(true)).collect();
        let pick = |times: Vec<Option<i64>>| rows.iter().map(|row| times.get(*row).copied().flatten()).collect();
        let created = instant("created_at")?;
        let month = |at: i64| chrono::DateTime::from_timestamp_micros(at).map(|at| at.format("%Y-%m").to_string());
        let months = rows.iter().map(|row| created.get(*row).copied().flatten().and_then(month)).collect();
        let mut alike = BTreeMap::from([(OF_MONTH, months)]);
        for (what, column) in [
            (OF_KIND, "object"),
            (OF_OWNER, "owner"),
            (OF_OUTCOME, "outcome"),
            ("among them nearly all of status", "status"),
            (OF_PEOPLE[0], "lead_source"),
            (OF_PEOPLE[1], "country"),
        ] {
            let column = text(column)?;
            alike.insert(what, rows.iter().map(|row| column.get(*row).map(str::to_owned)).collect());
        }
        let converted = frame.column("converted")?.bool()?;
        let converted = rows.iter().map(|row| (converted.get(*row) == Some(true)).then(|| "converted".to_owned()));
        alike.insert(OF_CONVERTED, converted.collect());
        Ok(Shown {
            ids: rows.iter().filter_map(|row| ids.get(*row)).collect(),
            present_ids: here.iter().filter_map(|row| ids.get(*row)).collect(),
            all_ids: own.iter().filter_map(|row| ids.get(*row)).collect(),
            created: pick(created),
            modified: pick(instant("modified_at")?),
            alike,
        })
    }

    /// Whether tonight's export shows new records, and, since the last whole reading, about as many as came before it: a
    /// filter leaves out of what is new what it left out of the old.
    fn goes_on(&self, now: &Shown<'_>, last: Option<i64>) -> bool {
        const BEFORE: i64 = 28 * DAY;
        let known: HashSet<&str> = self.all_ids.iter().copied().collect();
        let is_growing = now.ids.iter().any(|id| !known.contains(id));
        let made = || now.created.iter().flatten().copied();
        let Some((last, newest)) = last.zip(made().max()) else { return is_growing };
        let first = self.created.iter().flatten().min().copied().unwrap_or(last).max(last - BEFORE);
        // A window that slides on shows some of them on one night and the others on the next.
        let shown: HashSet<&str> = now.ids.iter().copied().collect();
        let earlier = self.ids.iter().zip(&self.created).filter(|(id, _)| !shown.contains(*id));
        let earlier = earlier.filter_map(|(_, made)| *made);
        let came = made().chain(earlier).filter(|at| *at > last).count();
        let usual = self.created.iter().flatten().filter(|at| (first..=last).contains(*at)).count();
        let (since, before) = ((newest - last).max(0), (last - first).max(1));
        #[expect(clippy::cast_precision_loss, reason = "microseconds of some weeks, and counts of records")]
        let (share, expected) =
            (before as f64 / (before + since).max(1) as f64, usual as f64 * since as f64 / before as f64);
        #[expect(clippy::cast_precision_loss, reason = "counts of records")]
        let is_fewer = came as f64 <= expected * LEAST_SHARE && tail(usual, usual + came, share) < UNLIKELY;
        is_growing && !is_fewer
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

    fn kind(&self, row: usize) -> Option<&str> {
        self.alike.get(OF_KIND).and_then(|kinds| kinds.get(row)?.as_deref())
    }

    fn made(&self, row: usize) -> Option<i64> {
        self.created.get(row).copied().flatten()
    }

    /// How many of the gone records are newer than all that is shown; deals follow what they are made of.
    fn newest_gone(&self, now: &Shown<'_>, gone: &[usize]) -> usize {
        let is_own = |shown: &Shown<'_>, row: usize| shown.kind(row) != Some("opportunity");
        let newest = (0..now.created.len()).filter(|row| is_own(now, *row)).filter_map(|row| now.made(row)).max();
        let newer = gone.iter().filter(|row| is_own(self, **row)).filter_map(|row| self.made(*row));
        newer.filter(|at| newest.is_none_or(|newest| *at > newest)).count()
    }

    /// Whether the gone records of the kind of which most are gone were made one after the other, and none that stayed
    /// between them: another kind stands in another file, and a deal goes with what it was made of.
    fn is_stretch(&self, gone: &[usize]) -> bool {
        let mut of_kind: BTreeMap<Option<&str>, Vec<i64>> = BTreeMap::new();
        for row in gone {
            of_kind.entry(self.kind(*row)).or_default().extend(self.made(*row));
        }
        let Some((kind, made)) = of_kind.into_iter().max_by_key(|(_, made)| made.len()) else { return false };
        let (Some(first), Some(last)) = (made.iter().min(), made.iter().max()) else { return false };
        let rows = (0..self.created.len()).filter(|row| self.kind(*row) == kind);
        let within = rows.filter_map(|row| self.made(row)).filter(|at| (first..=last).contains(&at)).count();
        // One or two that somebody changed came from another page of the same download.
        made.len() >= FEWEST && within * 20 <= made.len() * 21
    }

    /// Whether none of the records made after an instant has this value.
    fn has_none(&self, what: &str, value: &str, after: Option<i64>) -> bool {
        let values = self.alike.get(what).map(Vec::as_slice).unwrap_or_default().iter().zip(&self.created);
        let mut new = values.filter(|(_, at)| at.is_some_and(|at| after.is_none_or(|after| at > after)));
        !new.any(|(known, _)| known.as_deref() == Some(value))
    }

    /// What all of many gone records share, while of those that stayed hardly any has it. An import of one source, or the
    /// people of one country, may be tidied away where little else is gone.
    fn common(&self, gone: &[usize], is_much: bool) -> Vec<(&'static str, &str)> {
        let lost: HashSet<usize> = gone.iter().copied().collect();
        let mut common = Vec::new();
        for (what, values) in self.alike.iter().filter(|(what, _)| is_much || !OF_PEOPLE.contains(what)) {
            let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
            for (row, value) in values.iter().enumerate() {
                let Some(value) = value else { continue };
                let (gone, all) = counts.entry(value).or_default();
                *gone += usize::from(lost.contains(&row));
                *all += 1;
            }
            let whole = counts.iter().find(|(_, (gone, all))| *all >= FEWEST_ALIKE && *gone * 10 >= *all * 9);
            // Where a thing is true of a record or not, there is no other value beside it.
            common
                .extend(whole.filter(|_| counts.len() > 1 || *what == OF_CONVERTED).map(|(value, _)| (*what, *value)));
        }
        common
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
            text("status", &|_| "New".into()),
            text("lead_source", &|_| "Web".into()),
            text("country", &|_| "DE".into()),
            Column::new("converted".into(), days.iter().map(|day| Some(day % 5 == 3)).collect::<Vec<_>>()),
            Column::new("deleted".into(), vec![Some(false); days.len()]),
            Column::new("present".into(), vec![true; days.len()]),
            times("created_at"),
            times("modified_at"),
        ];
        DataFrame::new(days.len(), columns).unwrap()
    }

    fn doubt(now: impl Iterator<Item = i64>, nights: usize) -> Option<String> {
        let read = Read::sample("crm", shown(now));
        let past = Past { nights, last: Some(199 * DAY), not_there: None };
        let doubt = shrunk(&read, &shown(0..200), &past).unwrap()?;
        let AboutExport::Shrunk { gone, of, common, .. } = doubt else { return None };
        Some(format!("{gone} of {of} {}", common.unwrap_or_default()))
    }

    #[test]
    fn an_export_that_lost_many_or_all_of_one_owner_is_not_believed_until_it_goes_on_for_three_nights() {
        assert_eq!(doubt((0..201).filter(|day| day % 40 != 7), 0), None, "records vanish by ones and twos");
        assert_eq!(doubt(80..201, 0).as_deref(), Some("80 of 200 among them nearly all of the month 1970-01"));
        assert_eq!(doubt((0..190).chain(200..201), 0).as_deref(), Some("10 of 200 all of one stretch of time"));
        assert_eq!(doubt(0..197, 0).as_deref(), Some("3 of 200 among them the newest"));
        assert_eq!(
            doubt((0..201).filter(|day| day % 4 != 2), 0).as_deref(),
            Some("50 of 200 among them nearly all of one owner")
        );
        assert_eq!(doubt(80..201, 2), None, "a CRM was cleaned up");
        assert!(doubt(80..200, 2).is_some(), "it shows nothing new");
        assert!(doubt((0..204).filter(|day| day % 4 != 2), 2).is_some(), "the owner's new ones are not there either");
        assert!(doubt((80..230).filter(|day| *day < 200 || day % 3 == 0), 2).is_some(), "one in three of the new");
        assert_eq!(
            doubt((0..201).filter(|day| day % 5 != 3), 0).as_deref(),
            Some("40 of 200 among them nearly all that are converted")
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_missed_however_small_and_under_another_name_it_is_none() {
        let night = |files: &[(&str, usize)]| Night {
            files: files
                .iter()
                .map(|(n, records)| ((*n).into(), FileRead { records: *records, ..FileRead::default() }))
                .collect(),
            ..Night::default()
        };
        let before = night(&[("Lead-0501.csv", 190), ("Contact.csv", 6), ("Opportunity.csv", 0)]);
        let read = |names: &[&str], days: &mut dyn Iterator<Item = i64>| {
            let file = |name: &&str| crate::crm::ReadFile { file: (*name).into(), ..Default::default() };
            let mut read = Read::sample("crm", shown(days));
            read.files = names.iter().map(file).collect();
            read
        };
        let told = |read: &Read| {
            let past = Past { not_there: not_there(read, &before), ..Past::default() };
            shrunk(read, &shown(0..200), &past).unwrap()
        };
        let Some(AboutExport::Shrunk { gone: 6, not_there: Some(name), .. }) =
            told(&read(&["Lead-0502.csv"], &mut (0..201).filter(|day| day % 30 != 7 || *day == 187)))
        else {
            panic!("a small file")
        };
        assert_eq!(name, "Contact.csv");
        assert!(told(&read(&["Lead-0502.csv", "People.csv"], &mut (0..201))).is_none(), "another name");
        let both = read(&["Lead-0502.csv", "Contact.csv"], &mut (0..201).filter(|day| day % 30 != 7));
        assert!(told(&both).is_none(), "records vanish by ones and twos");
    }

    #[test]
    fn a_window_that_slides_on_is_believed() {
        assert_eq!(doubt(40..240, 0), None, "forty days later");
    }
}
