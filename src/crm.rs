//! Exports of the destinations → rows to be landed, and landed rows → CRM records.
//!
//! [`read`] takes the exports of one destination as bytes and gives the newest version of each record in them, what was
//! set aside and why, and what a person should know. [`to_land`] adds what vanished since, [`records`] works
//! on everything ever landed. Names, ids and words of each CRM are data in `crm/layouts.toml`; which records
//! belong to which person, and which of them account for a lead, is left to `identity` and `reconcile`.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;

use crate::codes::reason;
use crate::config::{Destination, DestinationKind};
use crate::error::{Error, Result};
use crate::findings::{About, AboutExport, AboutSetting, Finding};
use crate::tables::{SetAside, Table};
use crate::tabular::readings::Unread;
use crate::tabular::{self, Ask, Doubt, Export, Part, Sheet};

mod cells;
mod counted;
mod dates;
mod dating;
mod deals;
mod ids;
mod json;
mod layouts;
mod likeness;
pub mod mistaken;
mod null_ids;
mod records;
mod sheets;
mod users;
mod values;
mod zones;

pub use crate::tabular::ReadFile;
pub use layouts::Advice;
pub use likeness::{Likeness, likeness};
pub use records::{Made, earlier, records};
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
    /// Newest version of each record, in the columns that are landed.
    pub rows: DataFrame,
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
            () if !self.fetched || !self.some || !self.unread.iter().all(is_past) => Some(reason::NO_EXPORT),
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
        let asked = patterns.iter().filter(|pattern| !(offline && pattern.starts_with("az://")));
        self.unread.extend(asked.map(|pattern| Unread {
            destination: self.destination.clone(),
            file: pattern.clone(),
            problem: "no export is there".to_owned(),
        }));
    }

    /// Records that it shows; opportunities say what became of leads and are none of them.
    pub fn present(&self) -> usize {
        let counted = || {
            let (present, objects) = (self.rows.column("present").ok()?, self.rows.column("object").ok()?);
            let rows = present.bool().ok()?.iter().zip(objects.str().ok()?.iter());
            Some(rows.filter(|(present, object)| *present == Some(true) && *object != Some("opportunity")).count())
        };
        self.shown.unwrap_or_else(|| counted().unwrap_or(0))
    }

    /// A whole reading of these rows, for tests.
    #[cfg(test)]
    pub(crate) fn sample(destination: &str, rows: DataFrame) -> Read {
        Read {
            destination: destination.to_owned(),
            rows,
            files: Vec::new(),
            set_aside: Table::empty(),
            findings: Vec::new(),
            problems: Vec::new(),
            unread: Vec::new(),
            complete: true,
            fetched: true,
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

/// One table, with what is needed to order it among the others.
struct Loaded {
    records: sheets::Records,
    /// When its content was true: a date in its name, else its time.
    order: (DateTime<Utc>, String),
    superseded: bool,
}

impl Loaded {
    fn new(mut records: sheets::Records, order_at: DateTime<Utc>, bytes: usize) -> Self {
        records.file.bytes = bytes;
        let order = (order_at, records.file.file.clone());
        Loaded { records, order, superseded: false }
    }
}

/// A table whose dates read both ways, kept until the others are read.
struct Waiting {
    sheet: Sheet,
    part: String,
    written: DateTime<Utc>,
    order_at: DateTime<Utc>,
    bytes: usize,
    problem: Error,
}

/// Reads all exports of one destination. A file that cannot be read is a problem beside the others, not instead.
///
/// `landed`: the newest landed version of each record, of any destination; without columns if there is none. It tells
/// how dates are meant that read both ways.
///
/// # Errors
/// Only for faults of our own.
pub fn read(exports: Vec<Export>, destination: &Destination, landed: &DataFrame) -> Result<Read> {
    let layout = layouts::layouts().of(destination.kind);
    let mut loaded: Vec<Loaded> = Vec::new();
    let mut waiting: Vec<Waiting> = Vec::new();
    let mut problems = Vec::new();
    let mut unread = Vec::new();
    let mut fails = |file: &str, problem: Error, problems: &mut Vec<Error>| {
        unread.push(Unread::new(&destination.name, file, &problem));
        problems.push(problem.at(format!("destination \"{}\"", destination.name)));
    };
    let mut empty = Vec::new();
    let models = json::models(&exports);
    let dated = exports.iter().map(|export| date_in_name(&export.name)).collect::<Vec<_>>();
    let all_dated = !dated.is_empty() && dated.iter().all(Option::is_some);
    let exported_at = exports.iter().map(|e| e.modified).max();
    for (export, dated) in exports.into_iter().zip(dated) {
        let order_at = if all_dated { dated.unwrap_or(export.modified) } else { export.modified };
        if is_companion(&export.name) {
            continue;
        }
        let parts = match tabular::unpack(&export.name, export.content) {
            Ok(parts) => parts,
            Err(problem) => {
                fails(&export.name, problem, &mut problems);
                continue;
            }
        };
        for part in parts.into_iter().filter(|part| !is_companion(&part.name)) {
            let sheets = match tables(&part, layout, destination, &models) {
                Ok(sheets) => sheets,
                Err(problem) => {
                    fails(&part.name, problem, &mut problems);
                    continue;
                }
            };
            if let Some(looks) = sheets.iter().find_map(|sheet| mistaken::among_exports(sheet, destination)) {
                fails(&part.name, misplaced(&part.name, looks), &mut problems);
                continue;
            }
            if sheets.is_empty() {
                empty.push((part.name.clone(), order_at));
            }
            let (written, bytes) = (export.modified, part.content.size());
            for sheet in sheets {
                match sheets::read(&sheet, &part.name, written, layout, destination, &|_| None)? {
                    sheets::Outcome::Read(records) => loaded.push(Loaded::new(*records, order_at, bytes)),
                    sheets::Outcome::Undecided(problem) => {
                        let part = part.name.clone();
                        waiting.push(Waiting { sheet, part, written, order_at, bytes, problem });
                    }
                }
            }
        }
    }
    if !waiting.is_empty() {
        let known = dates::Known::new(loaded.iter().map(|l| &l.records), landed, destination)?;
        for one in waiting {
            let settle = |question: &cells::Question| known.settle(question);
            match sheets::read(&one.sheet, &one.part, one.written, layout, destination, &settle)? {
                sheets::Outcome::Read(records) => loaded.push(Loaded::new(*records, one.order_at, one.bytes)),
                sheets::Outcome::Undecided(_) => fails(&one.part, one.problem, &mut problems),
            }
        }
    }
    loaded.sort_by(|a, b| a.order.cmp(&b.order));
    for (file, problem) in absent(&loaded, &empty, all_dated) {
        fails(&file, problem, &mut problems);
    }
    supersede(&mut loaded);
    let rows = newest(&loaded, destination)?;
    let (identifies, timed) = (identifies(&rows)?, is_timed(&rows)?);
    let findings = findings(&loaded, &empty, exported_at.is_none(), destination);
    let set_aside = set_aside(&loaded, destination)?;
    let merged = loaded.iter().flat_map(|l| l.records.merged.iter().cloned()).collect();
    let files = loaded.into_iter().map(|l| ReadFile { superseded: l.superseded, ..l.records.file }).collect();
    let complete = problems.is_empty();
    Ok(Read {
        destination: destination.name.clone(),
        complete,
        fetched: true,
        some: rows.height() > 0,
        shown: None,
        rows,
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

/// Whether people can be recognised in these records: one in ten has an e-mail, a phone, a name or a key that not many
/// others have: what is masked is masked alike.
fn identifies(rows: &DataFrame) -> Result<bool> {
    let most = (rows.height() / 20).max(2);
    let mut known = vec![false; rows.height()];
    for name in ["email", "phone", "last_name", "first_name", "key"] {
        let texts = rows.column(name)?.str()?;
        let mut counts: PlHashMap<&str, usize> = PlHashMap::default();
        for text in texts.iter().flatten() {
            *counts.entry(text).or_default() += 1;
        }
        for (known, text) in known.iter_mut().zip(texts.iter()) {
            *known |= text.is_some_and(|text| counts.get(text).is_some_and(|n| *n <= most));
        }
        if known.iter().filter(|known| **known).count() * 10 >= rows.height() {
            return Ok(true);
        }
    }
    Ok(rows.height() == 0)
}

/// Whether any record but a deal tells when it was made or changed.
fn is_timed(rows: &DataFrame) -> Result<bool> {
    let objects = rows.column("object")?.str()?;
    let times = ["created_at", "modified_at"].map(|name| rows.column(name).map(|times| times.is_not_null()));
    let [created, modified] = times;
    let has_time = (created? | modified?).iter().collect::<Vec<_>>();
    let mut asked = objects.iter().zip(has_time).filter(|(object, _)| *object != Some("opportunity")).peekable();
    Ok(asked.peek().is_none() || asked.any(|(_, timed)| timed == Some(true)))
}

/// Files that stand beside exports and describe them.
fn is_companion(name: &str) -> bool {
    let last = name.rsplit(['/', '!']).next().unwrap_or(name).to_lowercase();
    ["model.json", "manifest.json", "_success", ".ds_store", "thumbs.db"].contains(&last.as_str())
        || last.ends_with(".manifest")
        || last.starts_with("~$")
}

fn tables(
    part: &Part,
    layout: &layouts::Layout,
    destination: &Destination,
    models: &[json::Model],
) -> Result<Vec<Sheet>> {
    if let Some(sheet) = json::read(part)? {
        return Ok(vec![sheet]);
    }
    let wanted = |labels: &[String]| layout.score(labels, destination);
    // Which columns are needed is only known with the whole header; the labels that any field may have suffice.
    let keep = |label: &str| layout.knows(label, destination);
    let header = json::header_of(&part.name, models);
    let ask = Ask {
        score: &wanted,
        needed: if destination.columns.is_empty() { 2 } else { 1 },
        keep: &keep,
        by_form: true,
        header,
    };
    tabular::read(part, &ask).map_err(|problem| {
        problem.or_hint(
            "if its headers have other names, say which is which with columns = { email = \"…\", created_at = \"…\" }",
        )
    })
}

fn misplaced(file: &str, looks: mistaken::Looks) -> Error {
    Error::partial(format!("\"{file}\" was not taken in: this looks like {}", looks.words())).hint(
        "an export holds records of its own CRM: are the paths of two sections swapped? If it is one all the same, name its \
         columns with columns = { email = \"…\", created_at = \"…\" }",
    )
}

/// A date, or milliseconds since 1970, in a file's name.
fn date_in_name(name: &str) -> Option<DateTime<Utc>> {
    let bytes = name.as_bytes();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (n, byte) in bytes.iter().enumerate() {
        match runs.last_mut() {
            Some((_, to)) if byte.is_ascii_digit() && *to == n => *to = n + 1,
            _ if byte.is_ascii_digit() => runs.push((n, n + 1)),
            _ => {}
        }
    }
    let number = |(from, to): (usize, usize)| name.get(from..to)?.parse::<i64>().ok();
    let day = |year: i64, month: i64, day: i64| {
        let plausible = (2000..2100).contains(&year);
        let date =
            NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?;
        plausible.then(|| date.and_time(chrono::NaiveTime::MIN).and_utc())
    };
    for (n, run) in runs.iter().enumerate() {
        let (from, to) = *run;
        let found = match to - from {
            13 => DateTime::from_timestamp_millis(number(*run)?).filter(|at| at.timestamp() > 946_684_800),
            8 | 12 | 14 => {
                let date = day(number((from, from + 4))?, number((from + 4, from + 6))?, number((from + 6, from + 8))?);
                date.map(|d| {
                    let part = |at: usize| if to >= at + 2 { number((at, at + 2)).unwrap_or(0) } else { 0 };
                    d + chrono::TimeDelta::seconds(part(from + 8) * 3600 + part(from + 10) * 60 + part(from + 12))
                })
            }
            4 => match (runs.get(n + 1), runs.get(n + 2)) {
                (Some(b), Some(c)) if b.0 == to + 1 && c.0 == b.1 + 1 && b.1 - b.0 <= 2 && c.1 - c.0 <= 2 => {
                    day(number(*run)?, number(*b)?, number(*c)?)
                }
                _ => None,
            },
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// A name without its dates and numbers.
fn shape(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii_digit() && !matches!(c, '-' | '_' | ':' | ' ')).collect()
}

/// Files without which tonight's export is not whole, though older ones stand beside it: one that is empty, while the one
/// before it of that name was not, and one that each day before the newest had. `empty`: files without even a header.
fn absent(loaded: &[Loaded], empty: &[(String, DateTime<Utc>)], all_dated: bool) -> Vec<(String, Error)> {
    // A day on which nothing changed is an empty file of an export of changes, which never are many.
    const MANY: usize = 20;
    let is_full = |one: &&Loaded| one.records.frame.height() > 0 && one.records.file.object != "opportunity";
    let before = |name: &str, at: DateTime<Utc>| {
        let alike = |one: &&Loaded| shape(&one.records.file.file) == shape(name) && one.order.0 < at;
        loaded.iter().filter(is_full).rfind(alike)
    };
    let blank = empty.iter().filter(|(name, at)| before(name, *at).is_some()).map(|(name, _)| name.clone());
    let bare = loaded.iter().filter(|one| one.records.frame.height() == 0).filter_map(|one| {
        let earlier = before(&one.records.file.file, one.order.0)?;
        (earlier.records.frame.height() >= MANY).then(|| one.records.file.file.clone())
    });
    let told = |name: String| {
        let problem = Error::partial(format!("\"{name}\" holds no record, though the export before it does"));
        (name, problem.hint("the download broke off, or its query finds nothing: make the export again"))
    };
    let names: Vec<String> = blank.chain(bare).collect();
    let blank: HashSet<String> = names.iter().map(|name| shape(name)).collect();
    let mut absent: Vec<(String, Error)> = names.into_iter().map(told).collect();
    let mut days: BTreeMap<NaiveDate, BTreeMap<String, &str>> = BTreeMap::new();
    for one in loaded.iter().filter(|_| all_dated) {
        let of_day = days.entry(one.order.0.date_naive()).or_default();
        if is_full(&one) {
            of_day.insert(shape(&one.records.file.file), &one.records.file.file);
        }
    }
    // Files that are made in the course of one night may bear two dates.
    if let Some((newest, here)) = days.pop_last()
        && let Some((before, last)) = days.last_key_value()
        && (newest - *before).num_days() > 1
    {
        for (shape, name) in last.iter().filter(|(shape, _)| !here.contains_key(*shape)) {
            let is_told = blank.contains(shape);
            if !is_told && days.values().all(|day| day.contains_key(shape)) {
                let problem = format!("there is none of {newest} such as \"{name}\", as there was of each day before");
                let hint = "make the export again, or let the glob name one kind of file only";
                absent.push(((*name).to_owned(), Error::partial(problem).hint(hint)));
            }
        }
    }
    absent
}

/// Of files named alike that hold mostly the same records, the older are earlier snapshots of the newest.
fn supersede(loaded: &mut [Loaded]) {
    let mut groups: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (n, one) in loaded.iter().enumerate() {
        let file = &one.records.file;
        groups.entry((file.object.clone(), shape(&file.file))).or_default().push(n);
    }
    let ids = |one: &Loaded| -> HashSet<String> {
        let column = one.records.frame.column("record_id").and_then(|c| c.str());
        column.map(|c| c.iter().flatten().map(str::to_owned).collect()).unwrap_or_default()
    };
    for group in groups.values().filter(|group| group.len() > 1) {
        let mut later: Option<HashSet<String>> = None;
        for n in group.iter().rev() {
            let Some(one) = loaded.get_mut(*n) else { continue };
            let own = ids(one);
            if let Some(later) = &later {
                let shared = own.iter().filter(|id| later.contains(*id)).count();
                // Parts of one export share nothing; snapshots share what was not deleted or slid out of the window.
                one.superseded = !own.is_empty() && shared * 2 >= own.len().min(later.len());
            }
            if !own.is_empty() {
                later = Some(own);
            }
        }
    }
}

/// The newest version of each record over all files, and whether it stands in a current one.
fn newest(loaded: &[Loaded], destination: &Destination) -> Result<DataFrame> {
    let frames = loaded
        .iter()
        .enumerate()
        .map(|(n, one)| {
            let order = i64::try_from(n).unwrap_or(i64::MAX);
            let current = lit(!one.superseded);
            one.records.frame.clone().lazy().with_columns([lit(order).alias("file_order"), current.alias("present")])
        })
        .collect::<Vec<_>>();
    let all = if frames.is_empty() {
        sheets::empty().lazy().with_columns([lit(0i64).alias("file_order"), lit(true).alias("present")])
    } else {
        concat(frames, UnionArgs::default())?
    };
    let columns: Vec<Expr> = [lit(destination.name.as_str()).alias("destination"), col("record_id")]
        .into_iter()
        .chain(cells::TIMES.iter().chain(cells::FLAGS).chain(cells::TEXTS).map(|name| col(*name)))
        .chain([col("present")])
        .collect();
    let filled: Vec<&Loaded> = loaded.iter().filter(|l| l.records.frame.height() > 0).collect();
    if let [one] = filled.as_slice()
        && one.records.frame.column("record_id")?.n_unique()? == one.records.frame.height()
    {
        // The common night: one file, each record once. Sorting a million ids would take longer than reading them.
        return Ok(all.select(columns).collect()?);
    }
    let several = loaded.iter().filter(|l| l.records.frame.height() > 0).count() > 1;
    let all = if several {
        // A record is present if any current file has it, whichever version is the newest.
        let present = all.clone().group_by([col("record_id")]).agg([col("present").any(true).alias("present")]);
        all.drop(by_name(["present"], true, false)).join(
            present,
            [col("record_id")],
            [col("record_id")],
            JoinArgs::new(JoinType::Left),
        )
    } else {
        all
    };
    let order = SortMultipleOptions::default().with_nulls_last(false).with_maintain_order(true);
    let sorted = all.sort(["record_id", "modified_at", "file_order", "row"], order).collect()?;
    let ids = sorted.column("record_id")?.str()?.clone();
    let mut last = Vec::with_capacity(ids.len());
    let mut following = ids.iter().skip(1);
    for id in ids.iter() {
        last.push(following.next().flatten() != id);
    }
    let mask = BooleanChunked::from_slice("last".into(), &last);
    Ok(sorted.filter(&mask)?.lazy().select(columns).collect()?)
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
    let rows = with_known_times(&read.rows, landed, &read.destination)?;
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
    Ok(rows.vstack(&gone)?)
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

#[cfg(test)]
mod tests;
