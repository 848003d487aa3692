//! Tables of one night's exports → the newest version of each record, and what was passed over of each.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;

use super::{cells, sheets};
use crate::config::Destination;
use crate::error::{Error, Result};
use crate::tables::{lean, stacked};
use crate::tabular::Passed;

/// One table, with what is needed to order it among the others.
pub(super) struct Loaded {
    pub records: sheets::Records,
    /// When its content was true: a date in its name, else its time.
    pub order: (DateTime<Utc>, String),
    /// Whether a later file of the same folder holds the same records.
    pub superseded: bool,
    /// What was passed over, where it was read in parts.
    pub dropped: Option<Dropped>,
}

impl Loaded {
    pub fn new(mut records: sheets::Records, order_at: DateTime<Utc>, bytes: usize) -> Self {
        records.file.bytes = bytes;
        let order = (order_at, records.file.file.clone());
        Loaded { records, order, superseded: false, dropped: None }
    }
}

/// What was passed over of an export that was read in parts. Of records it keeps hashes alone.
#[derive(Default)]
pub(super) struct Dropped {
    /// Of ids, and of the names of opportunities, in order.
    pub ids: Vec<u64>,
    /// Of a record that one names, and of the id of that one: activities of people, what was merged.
    pub naming: Vec<(u64, u64)>,
    /// Of each text of a lead source → how many that carry it were kept, and how many do in all.
    pub texts: HashMap<u64, (usize, usize)>,
    /// What they tell of the export.
    pub passed: Passed,
    /// Owners of all records.
    pub owners: BTreeSet<String>,
}

/// Texts of lead sources that are counted: no CRM has so many of its own.
const MOST_TEXTS: usize = 20_000;

impl Dropped {
    /// Adds what was passed over of the next table.
    pub fn add(&mut self, next: Dropped) {
        self.ids.extend(next.ids);
        self.naming.extend(next.naming);
        // Which of too many are counted must not depend on chance.
        let mut texts: Vec<_> = next.texts.into_iter().collect();
        texts.sort_unstable();
        for (text, (of_kept, all)) in texts {
            if self.texts.len() < MOST_TEXTS || self.texts.contains_key(&text) {
                let counts = self.texts.entry(text).or_default();
                (counts.0, counts.1) = (counts.0 + of_kept, counts.1 + all);
            }
        }
        self.passed.add(&next.passed);
        self.owners.extend(next.owners);
    }
}

/// What else is to be kept, beside what a record says itself: found when the other files were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Hashes of ids.
    pub ids: PlHashSet<u64>,
    /// Hashes of texts of lead sources.
    pub texts: PlHashSet<u64>,
    /// Records younger than this, of a window.
    pub young_since: Option<i64>,
}

impl Wanted {
    /// That, too.
    pub fn add(&mut self, more: Wanted) {
        self.ids.extend(more.ids);
        self.texts.extend(more.texts);
        self.young_since = self.young_since.or(more.young_since);
    }
}

/// A text as a number.
pub(super) fn hash_of(text: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    text.hash(&mut hash);
    hash.finish()
}

/// The frame with texts of its own: those of one that was filtered lie among the texts of all rows.
pub(super) fn compact(frame: DataFrame) -> Result<DataFrame> {
    let height = frame.height();
    let own = |column: Column| {
        // One value for all rows lies among no others.
        if column.as_scalar_column().is_some() {
            return column;
        }
        let own = column.str().map(|texts| StringChunked::from_iter_options(column.name().clone(), texts.iter()));
        own.map_or(column, IntoColumn::into_column)
    };
    let frame = lean(frame);
    Ok(DataFrame::new(height, frame.into_columns().into_iter().map(own).collect())?)
}

/// What all exports of a night show.
pub(super) struct Night {
    /// The newest version of each record that is kept.
    pub rows: DataFrame,
    /// Strangers in current files, opportunities left out.
    pub strangers: usize,
    /// Whether people can be recognised in them.
    pub identifies: bool,
    /// Whether any of them tells when it was made or changed.
    pub timed: bool,
    /// Whether there were any rows.
    pub some: bool,
}

/// What the files that were read in parts passed over.
fn passed_over(loaded: &[Loaded]) -> impl Iterator<Item = &Passed> {
    loaded.iter().filter_map(|one| Some(&one.dropped.as_ref()?.passed))
}

/// More texts than so many cannot be at one in twenty records each.
const FREQUENT: usize = 20;

/// Whether more than so many texts differ: of those that are not frequent each tells a record at least.
fn has_so_many(texts: &StringChunked, many: usize) -> bool {
    let mut different: PlHashSet<&str> = PlHashSet::default();
    texts.iter().flatten().any(|text| different.insert(text) && different.len() > many)
}

/// Whether people can be recognised in these records: one in ten has an e-mail, a phone, a name or a key that not many
/// others have: what is masked is masked alike.
pub(super) fn identifies(rows: &DataFrame, loaded: &[Loaded]) -> Result<bool> {
    // Who was passed over was recognised: as somebody else.
    let passed: usize = passed_over(loaded).map(|passed| passed.records).sum();
    let all = rows.height() + passed;
    let most = (all / 20).max(2);
    let mut known = vec![false; rows.height()];
    for name in ["email", "phone", "last_name", "first_name", "key"] {
        let texts = rows.column(name)?.str()?;
        if has_so_many(texts, all / 10 + FREQUENT) {
            return Ok(true);
        }
        let mut counts: PlHashMap<&str, usize> = PlHashMap::default();
        for text in texts.iter().flatten() {
            *counts.entry(text).or_default() += 1;
        }
        for (known, text) in known.iter_mut().zip(texts.iter()) {
            *known |= text.is_some_and(|text| counts.get(text).is_some_and(|n| *n <= most));
        }
        if (known.iter().filter(|known| **known).count() + passed) * 10 >= all {
            return Ok(true);
        }
    }
    Ok(all == 0)
}

/// Whether any record but a deal tells when it was made or changed.
pub(super) fn is_timed(rows: &DataFrame, loaded: &[Loaded]) -> Result<bool> {
    if passed_over(loaded).any(|passed| passed.latest.is_some()) {
        return Ok(true);
    }
    let objects = rows.column("object")?.str()?;
    let times = ["created_at", "modified_at"].map(|name| rows.column(name).map(|times| times.is_not_null()));
    let [created, modified] = times;
    let has_time = (created? | modified?).iter().collect::<Vec<_>>();
    let mut asked = objects.iter().zip(has_time).filter(|(object, _)| *object != Some("opportunity")).peekable();
    Ok(asked.peek().is_none() || asked.any(|(_, timed)| timed == Some(true)))
}

/// A name without its dates and numbers.
fn shape(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii_digit() && !matches!(c, '-' | '_' | ':' | ' ')).collect()
}

/// Files without which tonight's export is not whole, though older ones stand beside it: one that is empty, while the one
/// before it of that name was not, and one that each day before the newest had. `empty`: files without even a header.
pub(super) fn absent(loaded: &[Loaded], empty: &[(String, DateTime<Utc>)], all_dated: bool) -> Vec<(String, Error)> {
    // A day on which nothing changed is an empty file of an export of changes, which never are many.
    const MANY: usize = 20;
    let is_full = |one: &&Loaded| one.records.file.records > 0 && one.records.file.object != "opportunity";
    let before = |name: &str, at: DateTime<Utc>| {
        let alike = |one: &&Loaded| shape(&one.records.file.file) == shape(name) && one.order.0 < at;
        loaded.iter().filter(is_full).rfind(alike)
    };
    let blank = empty.iter().filter(|(name, at)| before(name, *at).is_some()).map(|(name, _)| name.clone());
    let bare = loaded.iter().filter(|one| one.records.file.records == 0).filter_map(|one| {
        let earlier = before(&one.records.file.file, one.order.0)?;
        (earlier.records.file.records >= MANY).then(|| one.records.file.file.clone())
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
pub(super) fn supersede(loaded: &mut [Loaded]) {
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
pub(super) fn newest(loaded: &[Loaded], destination: &Destination) -> Result<DataFrame> {
    let frames = loaded
        .iter()
        .enumerate()
        .map(|(n, one)| {
            let mut frame = one.records.frame.clone();
            let height = frame.height();
            frame.with_column(Column::new_scalar(
                "file_order".into(),
                i64::try_from(n).unwrap_or(i64::MAX).into(),
                height,
            ))?;
            frame.with_column(Column::new_scalar("present".into(), (!one.superseded).into(), height))?;
            Ok(frame)
        })
        .collect::<Result<Vec<_>>>()?;
    let all = if frames.is_empty() {
        sheets::empty().lazy().with_columns([lit(0i64).alias("file_order"), lit(true).alias("present")])
    } else {
        stacked(&frames)?.lazy()
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
    let all = if filled.len() > 1 {
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
