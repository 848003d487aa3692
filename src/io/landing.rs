//! The append-only store of every raw lead and every CRM record ever read, under `state.dir`.
//!
//! Raw leads come in as [`RawLead`]s and go out as `Table<RawLeads>`: of several versions of a key the newest, of equal
//! key and payload in two sources one row. Nothing is landed twice, nothing but [`Landing::forget`] changes a segment,
//! and what was forgotten is kept away by a keyed hash. Segments are in [`segments`], versions of other rows (CRM
//! records, blobs seen) in [`datasets`]. Parsing payloads is left to the stages.
//!
//! There is no index on disk that could be lost or disagree: the light columns of the segments are the index.

mod chosen;
pub mod content;
pub mod datasets;
mod index;
mod light;
mod lock;
pub mod places;
mod raw_lead;
pub mod segments;
pub mod source_state;
pub mod verify;
mod version;

pub use lock::lock;
pub use raw_lead::{Fate, RawLead};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;
use sha2::{Digest, Sha256};

use self::chosen::{Chosen, choose};
pub use self::content::Marks;
use self::content::{mix, row_key};
use self::datasets::{Appended, Dataset, Erasure};
use self::index::{Index, Outcome};
use self::light::LIGHT;
use self::places::{Look, Places, Told};
use self::raw_lead::{Pending, erase, frame_of, marks};
use self::segments::{Segment, Segments, cannot, clear_parts, put};
use self::source_state::SourceState;
use self::verify::KEY;
use crate::error::{Error, Result};
use crate::leads::OwnReader;
use crate::tables::{RawLeads, Table};

/// Rows and payload bytes that are gathered before a segment is written.
const SEGMENT_ROWS: usize = 50_000;
const SEGMENT_BYTES: usize = 32 << 20;
/// Bytes on disk, packed, that a joined segment has at most.
const JOINED_BYTES: u64 = 8 << 20;

/// Folder of the raw leads.
pub const RAW: &str = "raw_leads";

/// One stored row of a raw lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub row: i64,
    /// Key of the lead.
    pub source_key: String,
    /// The object in which it was found, as [`crate::place`] writes its name; none for an entity of a table.
    pub object: Option<String>,
    /// When.
    pub landed_on: NaiveDate,
}

/// What became of a batch of raw leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Landed {
    /// Keys never seen before.
    pub new: usize,
    /// Known keys with a new payload.
    pub changed: usize,
    /// Landed before.
    pub unchanged: usize,
    /// Kept away because they were forgotten.
    pub forgotten: usize,
}

impl std::ops::AddAssign for Landed {
    fn add_assign(&mut self, other: Landed) {
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.forgotten += other.forgotten;
    }
}

/// The store, held by this process alone unless opened read-only.
#[derive(Debug)]
pub struct Landing {
    dir: PathBuf,
    _lock: Option<File>,
    raw: Segments,
    index: Option<Index>,
    pending: Vec<Pending>,
    pending_bytes: usize,
    key: Option<[u8; 32]>,
}

/// The raw leads that stand in one segment.
pub struct PartOfRaw<'a> {
    segments: &'a Segments,
    segment: &'a Segment,
    chosen: Vec<Chosen>,
}

impl PartOfRaw<'_> {
    /// A text that is another for other rows: which rows of what bytes, and all else that they are given.
    pub fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        for chosen in &self.chosen {
            let Chosen { row, source, stored_at, landed_on, origins, versions } = chosen;
            hasher.update(format!("{row} {stored_at} {landed_on} {origins} {versions} {source}\n"));
        }
        format!("{} {}", self.segment.check(), hex::encode(hasher.finalize()))
    }

    /// The rows.
    ///
    /// # Errors
    /// When the segment cannot be read or fails its checksum (exit 4).
    pub fn read(&self) -> Result<Table<RawLeads>> {
        let PartOfRaw { segments, segment, chosen } = self;
        let columns = ["source_key", "format", "header", "payload", "problem", "forgotten"];
        let frame = segments.read(segment, Some(&columns))?;
        let rows: IdxCa = chosen.iter().map(|c| c.row).collect::<Vec<IdxSize>>().into_iter().collect_ca("row".into());
        let instants = |values: Vec<i64>| {
            Series::new("stored_at".into(), values)
                .cast(&DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)))
        };
        let part = frame.take(&rows)?.hstack(&[
            Series::new("source".into(), chosen.iter().map(|c| c.source.as_ref()).collect::<Vec<_>>()).into(),
            instants(chosen.iter().map(|c| c.stored_at).collect())?.into(),
            Series::new("landed_on".into(), chosen.iter().map(|c| c.landed_on).collect::<Vec<_>>())
                .cast(&DataType::Date)?
                .into(),
            Series::new("origins".into(), chosen.iter().map(|c| c.origins).collect::<Vec<_>>()).into(),
            Series::new("versions".into(), chosen.iter().map(|c| c.versions).collect::<Vec<_>>()).into(),
        ])?;
        Table::new(part)
    }
}

impl Landing {
    /// Opens the landing for one run: takes the lock, and clears what a killed run left half done.
    ///
    /// # Errors
    /// Exit 5 when another run holds the lock, 4 when the folder cannot be read or written or has lost a segment.
    pub fn open(state_dir: &Path, wait: Duration) -> Result<Landing> {
        let lock = lock(state_dir, wait)?;
        let mut landing = Self::open_read_only(state_dir)?;
        clear_parts(&landing.dir)?;
        landing.raw.tidy()?;
        landing._lock = Some(lock);
        landing.key()?;
        Ok(landing)
    }

    /// Opens the landing to look at it. A run may be adding to it meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be read or has lost a segment (exit 4).
    pub fn open_read_only(state_dir: &Path) -> Result<Landing> {
        version::check(state_dir)?;
        let dir = state_dir.join("landing");
        let raw = Segments::open(&dir.join(RAW))?;
        Ok(Landing { dir, _lock: None, raw, index: None, pending: Vec::new(), pending_bytes: 0, key: None })
    }

    /// Whether no raw lead was ever landed.
    pub fn is_empty(&self) -> bool {
        self.raw.all().is_empty() && self.pending.is_empty()
    }

    /// Where the landing is.
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    /// Lands a batch of one source. What is known is left out; the rest is written when enough is gathered, at the
    /// latest by [`Self::flush`].
    ///
    /// # Errors
    /// When a segment cannot be read or written (exit 4).
    pub fn land(&mut self, source: &str, leads: Vec<RawLead>, now: DateTime<Utc>) -> Result<Landed> {
        self.index()?;
        let mut landed = Landed::default();
        for mut lead in leads {
            match self.decide(source, &mut lead)? {
                Outcome::New => landed.new += 1,
                Outcome::Changed => landed.changed += 1,
                Outcome::Unchanged => {
                    landed.unchanged += 1;
                    continue;
                }
                Outcome::Forgotten => {
                    landed.forgotten += 1;
                    continue;
                }
            }
            self.pending_bytes += lead.payload.len() + lead.header.as_ref().map_or(0, |h| h.len());
            self.pending.push(Pending { source: source.to_owned(), lead, landed_at: now });
            if self.pending.len() >= SEGMENT_ROWS || self.pending_bytes >= SEGMENT_BYTES {
                self.flush()?;
            }
        }
        Ok(landed)
    }

    /// What becomes of a lead, which gets its key.
    fn decide(&mut self, source: &str, lead: &mut RawLead) -> Result<Outcome> {
        let index = self.index()?;
        if lead.keyed {
            return Ok(index.take(source, lead));
        }
        let (outcome, key) = match std::mem::take(&mut lead.fate) {
            Fate::Version(key) => (Outcome::Changed, key),
            Fate::New(key) => (Outcome::New, key),
            Fate::Forgotten => return Ok(Outcome::Forgotten),
            Fate::Known | Fate::ByKey => return Ok(Outcome::Unchanged),
        };
        lead.source_key = key;
        index.landed(source, lead);
        Ok(outcome)
    }

    /// Writes what has been gathered. Call it before a watermark is moved.
    ///
    /// # Errors
    /// When the segment cannot be written (exit 4).
    pub fn flush(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let Some(day) = pending.last().map(|p| p.landed_at.date_naive()) else { return Ok(()) };
        self.raw.append(frame_of(&pending)?, day)
    }

    /// How many raw leads stand under each source name, all versions counted.
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn rows_by_source(&mut self) -> Result<BTreeMap<String, u64>> {
        Ok(self.index()?.sources.clone())
    }

    /// What is known of the records without a key of their own of a source.
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn places(&mut self, source: &str) -> Result<&mut Places> {
        Ok(self.index()?.places_of(source))
    }

    /// Begins to take an object of a source.
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn look(&mut self, source: &str, object: &str) -> Result<Look> {
        let index = self.index()?;
        index.places_of(source);
        let Index { places, forgotten, .. } = index;
        places.get_mut(source).map(|p| p.look(object, forgotten)).ok_or_else(|| Error::failed("a source is not known"))
    }

    /// Decides which lead each record of an object is, once all were seen.
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn settle(&mut self, source: &str, look: Look) -> Result<Vec<Fate>> {
        let lost = self.places(source)?.lost(&look);
        let told = self.told(&lost, look.last())?;
        let Index { places, forgotten, .. } = self.index()?;
        Ok(places.get_mut(source).map(|p| p.settle(look, &told, forgotten)).unwrap_or_default())
    }

    /// Decides about the next record of an object of which nothing is known.
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn settle_one(&mut self, source: &str, look: &mut Look, lead: &RawLead) -> Result<Fate> {
        let Index { places, forgotten, .. } = self.index()?;
        Ok(places.get_mut(source).map(|p| p.one(look, lead, forgotten)).unwrap_or_default())
    }

    /// What leads were landed with, by the numbers of their rows; of one of them, the last, the bytes too.
    fn told(&self, wanted: &[(u32, i64)], last: Option<u32>) -> Result<HashMap<u32, Told>> {
        let by_row: HashMap<i64, u32> = wanted.iter().map(|(lead, row)| (*row, *lead)).collect();
        let (mut told, mut reader) = (HashMap::new(), OwnReader::default());
        for segment in self.raw.all().iter().filter(|s| wanted.iter().any(|(_, row)| s.holds(*row))) {
            let columns = [segments::SEQUENCE, "format", "header", "payload"];
            let frame = self.raw.read(segment, Some(&columns))?;
            let (rows, formats) = (frame.column(segments::SEQUENCE)?.i64()?, frame.column("format")?.str()?);
            let (headers, payloads) = (frame.column("header")?.binary()?, frame.column("payload")?.binary()?);
            for n in 0..frame.height() {
                let Some(lead) = rows.get(n).and_then(|row| by_row.get(&row)) else { continue };
                let Some(payload) = payloads.get(n) else { continue };
                let own = reader.read(formats.get(n).unwrap_or_default(), headers.get(n), payload);
                let payload = if last == Some(*lead) { payload.to_vec() } else { Vec::new() };
                told.insert(*lead, Told { own, payload });
            }
        }
        Ok(told)
    }

    /// How many of these leads stand under another source with the same key and content.
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn known_under(&mut self, source: &str, leads: &[RawLead]) -> Result<usize> {
        let index = self.index()?;
        Ok(leads
            .iter()
            .filter(|l| index.contents.contains(&mix(row_key(source, &l.source_key), u128::from_be_bytes(l.content))))
            .count())
    }

    /// All raw leads ever landed, each once.
    ///
    /// # Errors
    /// When a segment cannot be read or fails its checksum (exit 4).
    pub fn raw_leads(&self) -> Result<Table<RawLeads>> {
        let mut parts = Vec::new();
        self.each_part(|part| {
            parts.push(part.into_frame().lazy());
            Ok(())
        })?;
        if parts.is_empty() {
            return Ok(Table::empty());
        }
        Table::new(concat(parts, UnionArgs::default())?.collect()?)
    }

    /// Hands out all raw leads, each once, segment by segment, so that payloads never sit in memory together.
    ///
    /// # Errors
    /// Those of `take`, and when a segment cannot be read or fails its checksum (exit 4).
    pub fn each_part(&self, mut take: impl FnMut(Table<RawLeads>) -> Result<()>) -> Result<()> {
        self.parts()?.iter().try_for_each(|part| take(part.read()?))
    }

    /// All raw leads, each once, segment by segment and not yet read.
    ///
    /// # Errors
    /// When a segment cannot be read or fails its checksum (exit 4).
    pub fn parts(&self) -> Result<Vec<PartOfRaw<'_>>> {
        let mut chosen = choose(&self.raw)?;
        let segments = self.raw.all().iter().enumerate();
        let part = |(n, segment)| Some(PartOfRaw { segments: &self.raw, segment, chosen: chosen.remove(&n)? });
        Ok(segments.filter_map(part).collect())
    }

    /// Erases raw leads: payload and header go, in every version and every source, key and times stay, and a keyed hash
    /// keeps the same payload from being landed again. `selected` is asked with source and key. Gives the rows erased.
    ///
    /// # Errors
    /// When a segment cannot be rewritten; a second call finishes what was begun (exit 4).
    pub fn forget(&mut self, selected: impl Fn(&str, &str) -> bool) -> Result<usize> {
        self.flush()?;
        let key = self.key()?;
        let mut erased = 0;
        for segment in self.raw.all().to_vec() {
            let light = self.raw.read(&segment, Some(&["source", "source_key", "forgotten"]))?;
            let mask = marks(&light, &selected)?;
            let count = mask.iter().filter(|m| **m).count();
            if count == 0 {
                continue;
            }
            let frame = self.raw.read(&segment, None)?;
            self.raw.replace(std::slice::from_ref(&segment), erase(frame, &mask, &key)?)?;
            erased += count;
        }
        self.index = None;
        Ok(erased)
    }

    /// The rows of a source, as far as they can be retracted: what was forgotten stays, so that it is kept away.
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn stored(&self, source: &str) -> Result<Vec<Stored>> {
        let mut stored = Vec::new();
        for segment in self.raw.all() {
            let frame = self.raw.read(segment, Some(&LIGHT))?;
            let columns = light::Light::of(&frame)?;
            for row in (0..frame.height()).filter_map(|n| columns.row(n)) {
                if row.source == source && !row.forgotten {
                    let object = row.object.or((!row.keyed).then(|| crate::place::read(row.source_key).0));
                    stored.push(Stored {
                        row: row.sequence,
                        source_key: row.source_key.to_owned(),
                        object: object.map(str::to_owned),
                        landed_on: DateTime::from_timestamp(i64::from(row.landed_on) * 86_400, 0)
                            .map(|at| at.date_naive())
                            .unwrap_or_default(),
                    });
                }
            }
        }
        Ok(stored)
    }

    /// Takes rows out of a data set, by their numbers; nothing of them is left. Gives how many there were.
    ///
    /// # Errors
    /// When a segment cannot be rewritten; a second call finishes what was begun (exit 4).
    pub fn take_out(&mut self, dataset: &str, rows: &BTreeSet<i64>) -> Result<usize> {
        self.flush()?;
        self.index = None;
        if dataset == RAW {
            return datasets::take_out(&mut self.raw, rows);
        }
        let mut segments = Segments::open(&self.dir.join(dataset))?;
        segments.tidy()?;
        datasets::take_out(&mut segments, rows)
    }

    /// Lets the next run read all that a source holds, whatever was read of it before.
    ///
    /// # Errors
    /// When what is remembered of it cannot be written (exit 4).
    pub fn reread(&mut self, source: &str) -> Result<()> {
        if let Some(state) = source_state::read(&self.dir, source, &[]) {
            let afresh = SourceState { lands_as: state.lands_as, ..SourceState::default() };
            source_state::write(&self.dir, source, &afresh)?;
        }
        Ok(())
    }

    /// Every stored version of the leads that are selected, by source and key, as it was landed.
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn payloads_of(&self, selected: impl Fn(&str, &str) -> bool) -> Result<DataFrame> {
        let columns = ["source", "source_key", "object", "stored_at", "landed_at", "format", "header", "payload"];
        let mut found = Vec::new();
        for segment in self.raw.all() {
            let light = self.raw.read(segment, Some(&["source", "source_key", "forgotten"]))?;
            let mask = marks(&light, &selected)?;
            if mask.contains(&true) {
                let frame = self.raw.read(segment, Some(&columns))?;
                found.push(frame.filter(&BooleanChunked::from_slice("theirs".into(), &mask))?.lazy());
            }
        }
        if found.is_empty() {
            return Ok(DataFrame::empty());
        }
        let arguments = UnionArgs { diagonal: true, maintain_order: true, ..UnionArgs::default() };
        Ok(concat_lf_diagonal(found, arguments)?.collect()?)
    }

    /// How many stored payloads and headers hold a text, for the proof that a person is gone.
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn payloads_with(&self, text: &[u8]) -> Result<usize> {
        let mut found = 0;
        for segment in self.raw.all() {
            let frame = self.raw.read(segment, Some(&["payload", "header"]))?;
            for name in ["payload", "header"] {
                let column = frame.column(name)?.binary()?;
                found += column.iter().flatten().filter(|b| holds(b, text)).count();
            }
        }
        Ok(found)
    }

    /// Joins the many small segments that nights leave behind, of every data set; see [`Segments::compact`] for the
    /// rule. Gives how many were joined. Can be killed at any instant.
    ///
    /// # Errors
    /// When a segment cannot be rewritten (exit 4).
    pub fn compact(&mut self, now: DateTime<Utc>) -> Result<usize> {
        self.flush()?;
        let today = now.date_naive();
        let mut joined = self.raw.compact(today, SEGMENT_ROWS as u64, JOINED_BYTES)?;
        for dir in segments::list(&self.dir)? {
            if dir.is_dir() && dir != self.dir.join(RAW) {
                let mut others = Segments::open(&dir)?;
                others.tidy()?;
                joined += others.compact(today, SEGMENT_ROWS as u64, JOINED_BYTES)?;
            }
        }
        Ok(joined)
    }

    /// Gives back the memory that landing raw leads took; it is taken again if more are landed.
    ///
    /// # Errors
    /// When what was gathered cannot be written (exit 4).
    pub fn rest(&mut self) -> Result<()> {
        self.flush()?;
        self.index = None;
        Ok(())
    }

    /// What is remembered of a source; of one of its former names if it was renamed.
    ///
    /// # Errors
    /// When the landing cannot be read (exit 4).
    pub fn source_state(&mut self, name: &str, formerly: &[String]) -> Result<SourceState> {
        match source_state::read(&self.dir, name, formerly) {
            Some(state) => Ok(state),
            None => Ok(source_state::fresh(name, formerly, &self.rows_by_source()?)),
        }
    }

    /// Remembers what is known of a source, after writing all that was gathered.
    ///
    /// # Errors
    /// When it cannot be written (exit 4).
    pub fn remember(&mut self, name: &str, state: &SourceState) -> Result<()> {
        self.flush()?;
        source_state::write(&self.dir, name, state)
    }

    /// Appends those rows of `frame` that differ from the newest version of their key.
    ///
    /// # Errors
    /// When a segment cannot be read or written, or the frame lacks a key column (exit 4).
    pub fn append_versions(&mut self, dataset: &Dataset, frame: &DataFrame, now: DateTime<Utc>) -> Result<Appended> {
        Ok(self.append_all_versions(dataset, &[frame], now)?.pop().unwrap_or_default())
    }

    /// The same of several frames, one after the other, as in one step: what is landed is looked through once. Gives
    /// what became of each.
    ///
    /// # Errors
    /// As [`Self::append_versions`].
    pub fn append_all_versions(
        &mut self,
        dataset: &Dataset,
        frames: &[&DataFrame],
        now: DateTime<Utc>,
    ) -> Result<Vec<Appended>> {
        if frames.iter().all(|frame| frame.height() == 0) {
            return Ok(vec![Appended::default(); frames.len()]);
        }
        let secret = self.key()?;
        datasets::append_versions(&self.dir, &secret, dataset, frames, now)
    }

    /// Every version ever landed, in the order of landing, with the columns of [`datasets::ADDED`]; a frame without
    /// columns if there is none.
    ///
    /// # Errors
    /// When a segment cannot be read or fails its checksum (exit 4).
    pub fn versions(&self, dataset: &Dataset) -> Result<DataFrame> {
        datasets::versions_of(&self.dir, dataset, None)
    }

    /// As [`Self::versions`], with some columns only.
    ///
    /// # Errors
    /// As [`Self::versions`].
    pub fn versions_of(&self, dataset: &Dataset, columns: Option<&[&str]>) -> Result<DataFrame> {
        datasets::versions_of(&self.dir, dataset, columns)
    }

    /// As [`Self::versions`], but only the rows that have this text in this column: a part of the data set at a time.
    ///
    /// # Errors
    /// As [`Self::versions`].
    pub fn versions_where(&self, dataset: &Dataset, column: &str, value: &str) -> Result<DataFrame> {
        datasets::versions_where(&self.dir, dataset, column, value)
    }

    /// The newest version of each key, in the order of landing.
    ///
    /// # Errors
    /// As [`Self::versions`].
    pub fn newest(&self, dataset: &Dataset) -> Result<DataFrame> {
        datasets::newest(&self.dir, dataset)
    }

    /// Erases rows: all columns but the key, those of [`datasets::ADDED`] and `keep` become null. What was erased for
    /// good stays away, by its key and by a keyed hash of its columns. `selected` marks the rows of a segment. Gives the
    /// rows erased.
    ///
    /// # Errors
    /// When a segment cannot be rewritten; a second call finishes what was begun (exit 4).
    pub fn forget_versions(
        &mut self,
        dataset: &Dataset,
        keep: &[&str],
        erasure: Erasure,
        selected: impl Fn(&DataFrame) -> Result<BooleanChunked>,
    ) -> Result<usize> {
        let secret = self.key()?;
        datasets::forget_versions(&self.dir, &secret, dataset, keep, erasure, selected)
    }

    /// What makes keyed hashes of texts.
    ///
    /// # Errors
    /// When the key cannot be read or written (exit 4).
    pub fn marks(&mut self) -> Result<Marks> {
        Ok(Marks::new(self.key()?))
    }

    /// The key of the hashes that keep forgotten payloads away; made when first needed.
    fn key(&mut self) -> Result<[u8; 32]> {
        if let Some(key) = self.key {
            return Ok(key);
        }
        let path = self.dir.join(KEY);
        let key = match fs::read(&path) {
            Ok(bytes) => bytes.try_into().map_err(|_| {
                Error::failed("the key of forgotten leads is damaged")
                    .at(path.display())
                    .hint("bring this file back from a backup; without it, forgotten leads could be landed again")
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                verify::nothing_forgotten(&self.dir)?;
                let mut key = [0; 32];
                getrandom::fill(&mut key).map_err(|e| Error::failed("the system gives no random bytes").because(e))?;
                put(&path, &key)?;
                key
            }
            Err(e) => return Err(cannot("read", &path, &e)),
        };
        self.key = Some(key);
        Ok(key)
    }

    fn index(&mut self) -> Result<&mut Index> {
        let secret = self.key()?;
        if self.index.is_none() {
            let mut index = Index::new(secret);
            for segment in self.raw.all() {
                index.add(&self.raw.read(segment, Some(&LIGHT))?)?;
            }
            self.index = Some(index);
        }
        Ok(self.index.get_or_insert_with(|| Index::new(secret)))
    }
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests;
