//! Exports of the destinations → rows to be landed, and landed rows → CRM records.
//!
//! [`open`] and [`Opened::read`] take the exports of one destination as bytes and give the newest version of each record
//! in them, what was set aside and why, and what a person should know. [`to_land`] adds what vanished since, [`records`]
//! works on everything ever landed. Names, ids and words of each CRM are data in `crm/layouts.toml`; which records
//! belong to which person, and which of them account for a lead, is left to `identity` and `reconcile`.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use polars::prelude::*;

use crate::codes::reason;
use crate::config::{Destination, DestinationKind, is_elsewhere};
use crate::error::{Error, Result};
use crate::findings::{About, AboutExport, AboutSetting, Finding};
use crate::tables::{SetAside, Table, stacked};
use crate::tabular::readings::Unread;
use crate::tabular::{self, Doubt, Export};

mod apart;
mod asked;
mod cells;
mod counted;
mod dates;
mod dating;
mod deals;
mod documents;
mod ids;
mod in_parts;
mod json;
mod layouts;
mod likeness;
mod loaded;
pub mod mistaken;
mod null_ids;
mod reader;
mod records;
mod sheets;
mod strangers;
mod streamed;
mod users;
mod values;
mod zones;

use loaded::{Loaded, Night};
use reader::Reader;
use strangers::Rule;

pub use crate::tabular::ReadFile;
pub use apart::other_people;
pub use layouts::Advice;
pub use likeness::{Likeness, likeness};
pub use records::{Made, earlier, records};
pub use strangers::{Keep, OfLeads};
pub use users::{Users, named, users};

pub(crate) use crate::codes::outcome::{LOST, OPEN, QUALIFIED, WON};

/// The columns that name a landed row.
pub const KEY: &[&str] = &["destination", "record_id"];
/// The columns of a landed row that hold nothing of a person: they stay when one is forgotten.
pub const NOT_PERSONAL: &[&str] =
    &["object", "resolution", "created_at", "modified_at", "deleted", "merged_into", "present"];

/// What tonight's exports of one destination hold.
#[derive(Debug)]
pub struct Read {
    /// Name of the destination.
    pub destination: String,
    /// Newest version of each record that is kept, in the columns that are landed.
    pub rows: DataFrame,
    /// Records in current files, opportunities left out, that can concern no lead and were passed over.
    pub strangers: usize,
    /// What was read, file by file.
    pub files: Vec<ReadFile>,
    /// Rows that could not be used.
    pub set_aside: Table<SetAside>,
    /// What a person should know.
    pub findings: Vec<Finding>,
    /// Exports that could not be read: the run is incomplete (exit 3).
    pub problems: Vec<Error>,
    /// The same by file, for the readings.
    pub unread: Vec<Unread>,
    /// Whether every export was read. Whoever gathers the exports clears it when one could not be fetched: what is
    /// missing from half an export has not vanished.
    pub complete: bool,
    /// Whether every export could be fetched; whoever gathers them clears it.
    pub fetched: bool,
    /// Time of the newest file.
    pub exported_at: Option<DateTime<Utc>>,
    /// Whether anything in it identifies anybody.
    pub identifies: bool,
    /// Whether it tells when any record was made or changed.
    pub timed: bool,
    /// Whether it could not be made anew, and had its say on an earlier night: of tonight it tells nothing. Whoever has it
    /// made sets it.
    pub stale: bool,
    /// Why it is not believed, though it was read. Whoever holds it against the landing sets it.
    pub doubt: Option<AboutExport>,
    /// Records merged into others, where only the survivor tells: `(old, survivor)`.
    merged: Vec<(String, String)>,
    /// Whether there were any rows.
    some: bool,
    /// Records that it showed, where its rows are given back already.
    shown: Option<usize>,
}

impl Read {
    /// Whether what is missing has vanished: everything was read, something was there, and it is believed.
    pub fn is_conclusive(&self) -> bool {
        self.complete && self.some && self.identifies && self.timed && self.doubt.is_none()
    }

    /// Why nothing new is concluded from it, as a reason of pending leads; none where it is believed. `is_past`: whether
    /// a file that could not be read could have shown no new lead.
    pub fn silence(&self, is_past: &dyn Fn(&Unread) -> bool) -> Option<&'static str> {
        match () {
            () if self.doubt.is_some() => Some(reason::EXPORT_DOUBTFUL),
            () if !self.fetched || !self.some || self.stale || !self.unread.iter().all(is_past) => {
                Some(reason::NO_EXPORT)
            }
            () if !self.identifies => Some(reason::NO_IDENTITY),
            () if !self.timed => Some(reason::NO_EXPORT),
            () => None,
        }
    }

    /// Why nothing of what was read can speak for any lead; none where it can, or where nothing was read. `showed_some`:
    /// whether it ever held records: a CRM begins without any.
    pub fn says_nothing(&self, showed_some: bool) -> Option<&'static str> {
        match () {
            () if self.exported_at.is_none() || !self.problems.is_empty() || !self.fetched => None,
            () if !self.some => Some("the export holds no records").filter(|_| showed_some || self.files.is_empty()),
            () if !self.identifies => Some("no column of the export says who anybody is"),
            () if !self.timed => Some("no time of the export can be read"),
            () => None,
        }
    }

    /// Where no file is there, each name that was looked for is unread, so that the reading of the night says so.
    pub fn tell_unread(&mut self, patterns: &[String], offline: bool) {
        if self.exported_at.is_some() || !self.unread.is_empty() {
            return;
        }
        let asked = patterns.iter().filter(|pattern| !(offline && is_elsewhere(pattern)));
        self.unread.extend(asked.map(|pattern| Unread {
            destination: self.destination.clone(),
            file: pattern.clone(),
            problem: "no export is there".to_owned(),
        }));
    }

    /// Records that it shows, strangers too; opportunities say what became of leads and are none of them.
    pub fn present(&self) -> usize {
        let counted = || {
            let (present, objects) = (self.rows.column("present").ok()?, self.rows.column("object").ok()?);
            let rows = present.bool().ok()?.iter().zip(objects.str().ok()?.iter());
            Some(rows.filter(|(present, object)| *present == Some(true) && *object != Some("opportunity")).count())
        };
        self.shown.unwrap_or_else(|| counted().unwrap_or(0) + self.strangers)
    }

    /// A whole reading of these rows, for tests.
    #[cfg(test)]
    pub(crate) fn sample(destination: &str, rows: DataFrame) -> Read {
        Read {
            destination: destination.to_owned(),
            rows,
            strangers: 0,
            files: Vec::new(),
            set_aside: Table::empty(),
            findings: Vec::new(),
            problems: Vec::new(),
            unread: Vec::new(),
            complete: true,
            fetched: true,
            stale: false,
            exported_at: None,
            identifies: true,
            timed: true,
            doubt: None,
            merged: Vec::new(),
            some: true,
            shown: None,
        }
    }

    /// Gives back the memory of the rows, which are landed by now.
    pub fn forget_rows(&mut self) {
        self.shown = Some(self.present());
        self.rows = self.rows.clear();
    }
}

/// How to make the export of a kind every night, and which key column to add.
pub fn advice(kind: DestinationKind) -> &'static Advice {
    &layouts::layouts().of(kind).advice
}

/// Whether the status of a lead says that it was given up, where that is the organisation's own word and no outcome.
pub fn is_given_up(kind: DestinationKind, status: &str) -> bool {
    layouts::layouts().of(kind).is_given_up(status)
}

/// The exports of one destination, read as far as nothing need be known of leads: all but large ones, which are profiled.
pub struct Opened<'a> {
    reader: Reader<'a>,
    destination: &'a Destination,
    exported_at: Option<DateTime<Utc>>,
}

/// Opens all exports of one destination. A file that cannot be read is a problem beside the others, not instead.
///
/// # Errors
/// Only for faults of our own.
pub fn open(exports: Vec<Export>, destination: &Destination) -> Result<Opened<'_>> {
    let exported_at = exports.iter().map(|e| e.modified).max();
    let mut reader = Reader::new(&exports, destination);
    reader.open(exports)?;
    Ok(Opened { reader, destination, exported_at })
}

/// Reads all exports of one destination: [`open`] and [`Opened::read`].
///
/// # Errors
/// Only for faults of our own.
pub fn read(exports: Vec<Export>, destination: &Destination, landed: &DataFrame, keep: Keep) -> Result<Read> {
    let exported_at = exports.iter().map(|e| e.modified).max();
    let mut reader = Reader::new(&exports, destination);
    if matches!(keep, Keep::All) {
        // All of an export is to be in memory: no part of it is looked at before.
        reader.least = u64::MAX;
    }
    reader.open(exports)?;
    Opened { reader, destination, exported_at }.read(landed, keep)
}

impl Opened<'_> {
    /// When the newest record of these exports was made or changed, in microseconds since 1970; no time after `latest`
    /// counts. For exports of a destination of which nothing is landed, which could tell how dates are meant.
    ///
    /// # Errors
    /// When a large file cannot be read.
    pub fn newest(&mut self, latest: i64) -> Result<Option<i64>> {
        self.reader.settle(&DataFrame::empty())?;
        self.reader.newest(latest)
    }

    /// What could not be read so far.
    pub fn problems(&self) -> &[Error] {
        &self.reader.problems
    }

    /// Reads them to the end.
    ///
    /// `landed`: the newest landed version of each record, of any destination; without columns if there is none. It tells
    /// how dates are meant that read both ways. `keep`: whose records are kept.
    ///
    /// # Errors
    /// Only for faults of our own.
    pub fn read(self, landed: &DataFrame, keep: Keep) -> Result<Read> {
        let Opened { mut reader, destination, exported_at } = self;
        let rule = match keep {
            Keep::All => None,
            Keep::OfLeads(keep) => Some(Rule::new(keep, destination, landed)?),
        };
        reader.read_large(rule.as_ref())?;
        reader.settle(landed)?;
        let Night { rows, strangers, identifies, timed, some } = reader.night(rule.as_ref(), landed)?;
        let Reader { loaded, problems, unread, empty, .. } = reader;
        let findings = findings(&loaded, &empty, exported_at.is_none(), destination);
        let set_aside = set_aside(&loaded, destination)?;
        let merged = loaded.iter().flat_map(|l| l.records.merged.iter().cloned()).collect();
        let files = loaded.into_iter().map(|l| ReadFile { superseded: l.superseded, ..l.records.file }).collect();
        let complete = problems.is_empty();
        Ok(Read {
            destination: destination.name.clone(),
            complete,
            fetched: true,
            stale: false,
            some,
            shown: None,
            rows,
            strangers,
            files,
            set_aside,
            findings,
            problems,
            unread,
            exported_at,
            identifies,
            timed,
            doubt: None,
            merged,
        })
    }
}

fn set_aside(loaded: &[Loaded], destination: &Destination) -> Result<Table<SetAside>> {
    let mut rows: Vec<(String, i64, &str, String)> = Vec::new();
    for one in loaded {
        for aside in &one.records.aside {
            rows.push((one.records.file.file.clone(), i64::from(aside.row), aside.reason, aside.detail.clone()));
        }
    }
    tabular::set_aside(&destination.name, rows)
}

/// What can be said of tonight's exports by themselves.
fn findings(
    loaded: &[Loaded],
    empty: &[(String, DateTime<Utc>)],
    none: bool,
    destination: &Destination,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |about: About, count: usize| found.push(Finding::mail(&destination.name, about, count));
    if none {
        say(AboutExport::NoneThere.into(), 0);
    }
    if !empty.is_empty() {
        say(AboutExport::Empty.into(), empty.len());
    }
    let of = |test: &dyn Fn(&Loaded) -> bool| loaded.iter().filter(|l| test(l)).count();
    let header_only = of(&|l| l.records.file.rows == 0);
    if header_only > 0 && loaded.iter().all(|l| l.records.file.rows == 0) {
        say(AboutExport::NoRecords.into(), header_only);
    }
    let other = of(&|l| l.records.file.object == "other");
    if other > 0 {
        say(AboutExport::OtherObject.into(), other);
    }
    let ragged: usize = loaded.iter().filter_map(|l| l.records.file.set_aside.get("ragged")).sum();
    if ragged > 0 {
        say(AboutExport::DamagedRows.into(), ragged);
    }
    let changed = of(&|l| l.records.file.doubts.contains(&Doubt::ChangedIds));
    if changed > 0 {
        say(AboutExport::ChangedIds.into(), changed);
    }
    let damaged = of(&|l| l.records.file.doubts.contains(&Doubt::DamagedIds));
    if damaged > 0 {
        say(AboutExport::DamagedIds.into(), damaged);
    }
    let nobody = of(&|l| l.records.file.identifies_nobody);
    if nobody > 0 {
        say(AboutExport::IdentifiesNobody.into(), nobody);
    }
    let is_asked = |l: &Loaded| l.records.file.object != "opportunity";
    let names_none = |l: &Loaded| l.records.file.doubts.contains(&Doubt::ColumnNowhere);
    let missing: usize = of(&|l| is_asked(l) && names_none(l));
    if missing > 0 && missing == of(&is_asked) {
        say(AboutSetting::ColumnNowhere.into(), missing);
    }
    let unread_times = of(&|l| l.records.file.doubts.contains(&Doubt::UnreadTimes));
    if unread_times > 0 {
        say(AboutExport::UnreadTimes.into(), unread_times);
    }
    found
}

/// Tonight's rows and, repeated with `present` false, those landed ones that vanished from the export.
///
/// `landed` is the newest landed version of each record, of any destination; without columns if there is none.
///
/// # Errors
/// Only for faults of our own.
pub fn to_land(read: &Read, landed: &DataFrame) -> Result<DataFrame> {
    if landed.width() == 0 {
        return Ok(read.rows.clone());
    }
    // Who is made up takes nobody's place.
    if matches!(read.doubt, Some(AboutExport::OtherPeople { .. })) {
        return Ok(read.rows.clear());
    }
    let rows = with_known_times(&read.rows, landed, &read.destination)?;
    let rows = with_known_opt_outs(rows, landed, &read.destination)?;
    if !read.identifies {
        // Of whom the landing knows, it says nothing that is known better.
        let known = landed.clone().lazy().filter(col("destination").eq(lit(read.destination.as_str())));
        let id = || [col("record_id")];
        let new = rows.lazy().join(known.select(id()), id(), id(), JoinArgs::new(JoinType::Anti));
        return Ok(new.collect()?);
    }
    if !read.is_conclusive() {
        return Ok(rows);
    }
    let columns: Vec<Expr> = read.rows.get_column_names().iter().map(|name| col(name.as_str())).collect();
    let ours = landed.clone().lazy().filter(col("destination").eq(lit(read.destination.as_str())));
    let here = read.rows.clone().lazy().select([col("record_id")]);
    let gone = ours
        .filter(col("present"))
        .join(here, [col("record_id")], [col("record_id")], JoinArgs::new(JoinType::Anti))
        .with_columns([lit(false).alias("present")]);
    let mut gone = gone.select(columns).collect()?;
    let survivors: HashMap<&str, &str> = read.merged.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect();
    if !survivors.is_empty() {
        let merged: StringChunked = gone
            .column("record_id")?
            .str()?
            .iter()
            .zip(gone.column("merged_into")?.str()?.iter())
            .map(|(id, known)| known.or_else(|| survivors.get(id?).copied()))
            .collect_ca("merged_into".into());
        gone.with_column(merged.into_column())?;
    }
    Ok(stacked(&[rows, gone])?)
}

/// Rows with the time of creation that is landed, where tonight's export does not tell it: nothing is made twice.
fn with_known_times(rows: &DataFrame, landed: &DataFrame, destination: &str) -> Result<DataFrame> {
    if rows.column("created_at")?.null_count() == 0 {
        return Ok(rows.clone());
    }
    let known = landed
        .clone()
        .lazy()
        .filter(col("destination").eq(lit(destination)).and(col("created_at").is_not_null()))
        .select([col("record_id"), col("created_at").alias("made"), col("resolution").alias("made_resolution")]);
    let id = || [col("record_id")];
    let is_unknown = || col("created_at").is_null().and(col("made").is_not_null());
    let fill = |name: &str, made: &str| when(is_unknown()).then(col(made)).otherwise(col(name)).alias(name);
    let columns: Vec<Expr> = rows.get_column_names().iter().map(|name| col(name.as_str())).collect();
    let arguments = JoinArgs { maintain_order: MaintainOrderJoin::Left, ..JoinArgs::new(JoinType::Left) };
    let joined = rows.clone().lazy().join(known, id(), id(), arguments);
    Ok(joined
        .with_columns([fill("resolution", "made_resolution"), fill("created_at", "made")])
        .select(columns)
        .collect()?)
}

/// Rows with the opt-outs that are landed, where tonight's export tells of no record of the same object whether it opted
/// out: a column that is left out takes no objection back.
fn with_known_opt_outs(mut rows: DataFrame, landed: &DataFrame, destination: &str) -> Result<DataFrame> {
    let told = rows.column("opted_out")?.bool()?.clone();
    let objects = rows.column("object")?.str()?.clone();
    if told.null_count() == 0 {
        return Ok(rows);
    }
    let telling: HashSet<Option<&str>> =
        objects.iter().zip(told.iter()).filter(|(_, told)| told.is_some()).map(|(object, _)| object).collect();
    let (named, ids) = (landed.column("destination")?.str()?, landed.column("record_id")?.str()?);
    let opted_out = landed.column("opted_out")?.bool()?;
    let opted_out: HashSet<&str> = (0..landed.height())
        .filter(|row| named.get(*row) == Some(destination) && opted_out.get(*row) == Some(true))
        .filter_map(|row| ids.get(row))
        .collect();
    if opted_out.is_empty() {
        return Ok(rows);
    }
    let ids = rows.column("record_id")?.str()?.clone();
    let known: BooleanChunked = ids
        .iter()
        .zip(objects.iter())
        .zip(told.iter())
        .map(|((id, object), told)| {
            let is_known = !telling.contains(&object) && id.is_some_and(|id| opted_out.contains(id));
            told.or(is_known.then_some(true))
        })
        .collect_ca("opted_out".into());
    rows.with_column(known.into_column())?;
    Ok(rows)
}

#[cfg(test)]
mod tests;
