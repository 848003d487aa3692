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
mod raw_lead;
pub mod segments;
pub mod source_state;

pub use lock::lock;
pub use raw_lead::RawLead;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use polars::prelude::*;

use self::chosen::choose;
use self::content::{Content, mix, row_key};
use self::datasets::{Appended, Dataset, Erasure};
use self::index::{Fate, Index};
use self::light::LIGHT;
use self::raw_lead::{Pending, erase, frame_of, marks};
use self::segments::{Segments, cannot, clear_parts, put};
use self::source_state::SourceState;
use crate::error::{Error, Result};
use crate::tables::{RawLeads, Table};

/// Rows and payload bytes that are gathered before a segment is written.
const SEGMENT_ROWS: usize = 50_000;
const SEGMENT_BYTES: usize = 32 << 20;
/// Bytes on disk, packed, that a joined segment has at most.
const JOINED_BYTES: u64 = 8 << 20;

/// Folder of the raw leads.
const RAW: &str = "raw_leads";

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
        Ok(landing)
    }

    /// Opens the landing to look at it. A run may be adding to it meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be read or has lost a segment (exit 4).
    pub fn open_read_only(state_dir: &Path) -> Result<Landing> {
        let dir = state_dir.join("landing");
        let raw = Segments::open(&dir.join(RAW))?;
        Ok(Landing { dir, _lock: None, raw, index: None, pending: Vec::new(), pending_bytes: 0, key: None })
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
        let key = self.key()?;
        self.index()?;
        let mut landed = Landed::default();
        for lead in leads {
            let Some(index) = self.index.as_mut() else { break };
            match index.take(source, &lead, &key) {
                Fate::New => landed.new += 1,
                Fate::Changed => landed.changed += 1,
                Fate::Unchanged => {
                    landed.unchanged += 1;
                    continue;
                }
                Fate::Forgotten => {
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

    /// Whether an object, a file or blob, has been landed before, as far as its first record has no key of its own.
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn knows(&mut self, source: &str, object: &str) -> Result<bool> {
        Ok(self.index()?.newest.contains_key(&row_key(source, object)))
    }

    /// Under which numbers the records of an object are landed; see [`Index::settle`].
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn settle(&mut self, source: &str, object: &str, contents: &[Content]) -> Result<Vec<Option<usize>>> {
        let secret = self.key()?;
        Ok(self.index()?.settle(source, object, contents, &secret))
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
        let chosen = choose(&self.raw)?;
        for (n, segment) in self.raw.all().iter().enumerate() {
            let Some(chosen) = chosen.get(&n) else { continue };
            let columns = ["source_key", "format", "header", "payload", "problem", "forgotten"];
            let frame = self.raw.read(segment, Some(&columns))?;
            let rows: IdxCa =
                chosen.iter().map(|c| c.row).collect::<Vec<IdxSize>>().into_iter().collect_ca("row".into());
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
            take(Table::new(part)?)?;
        }
        Ok(())
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
        if frame.height() == 0 {
            return Ok(Appended::default());
        }
        let secret = self.key()?;
        datasets::append_versions(&self.dir, &secret, dataset, frame, now)
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

    /// The key of the hashes that keep forgotten payloads away; made when first needed.
    fn key(&mut self) -> Result<[u8; 32]> {
        if let Some(key) = self.key {
            return Ok(key);
        }
        let path = self.dir.join("forget.key");
        let key = match fs::read(&path) {
            Ok(bytes) => bytes.try_into().map_err(|_| {
                Error::failed("the key of forgotten leads is damaged")
                    .at(path.display())
                    .hint("bring this file back from a backup; without it, forgotten leads could be landed again")
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
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

    fn index(&mut self) -> Result<&Index> {
        if self.index.is_none() {
            let mut index = Index::default();
            for segment in self.raw.all() {
                index.add(&self.raw.read(segment, Some(&LIGHT))?)?;
            }
            self.index = Some(index);
        }
        Ok(self.index.get_or_insert_default())
    }
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::content::{content_of, number};
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn lead(key: &str, payload: &str, stored: &str) -> RawLead {
        RawLead {
            source_key: key.into(),
            keyed: key.contains('/'),
            stored_at: at(stored),
            format: "json",
            header: None,
            payload: payload.into(),
            problem: None,
            content: content_of(&[payload.as_bytes()]),
        }
    }

    fn state() -> (tempfile::TempDir, Landing) {
        let dir = tempfile::tempdir().unwrap();
        let landing = Landing::open(dir.path(), Duration::ZERO).unwrap();
        (dir, landing)
    }

    fn text(table: &Table<RawLeads>, column: &str) -> Vec<Option<String>> {
        let column = table.frame().column(column).unwrap().cast(&DataType::String).unwrap();
        column.str().unwrap().iter().map(|v| v.map(str::to_owned)).collect()
    }

    const T1: &str = "2026-05-01T10:00:00Z";
    const T2: &str = "2026-05-02T10:00:00Z";

    #[test]
    fn of_several_versions_the_newest_counts_and_the_first_landing_keeps_its_times() {
        let (dir, mut landing) = state();
        let first = landing.land("t", vec![lead("p/1", "a", T1), lead("x.json", "a", T1)], at(T1)).unwrap();
        assert_eq!(first.new, 2);
        landing.flush().unwrap();
        drop(landing);
        let mut landing = Landing::open(dir.path(), Duration::ZERO).unwrap();
        let second = landing
            .land("t", vec![lead("p/1", "b", T2), lead("p/1", "a", T1), lead("x.json", "b", T1)], at(T2))
            .unwrap();
        assert_eq!(second, Landed { new: 0, changed: 2, unchanged: 1, forgotten: 0 });
        landing.flush().unwrap();
        let raw = landing.raw_leads().unwrap();
        assert_eq!(text(&raw, "payload"), [Some("b".into()), Some("b".into())]);
        assert_eq!(text(&raw, "versions"), [Some("2".into()), Some("2".into())]);
        assert!(text(&raw, "landed_on").iter().all(|d| d.as_deref() == Some("2026-05-01")));
        assert!(text(&raw, "stored_at")[0].as_deref().unwrap().starts_with("2026-05-01"));
    }

    #[test]
    fn a_file_set_back_to_an_earlier_content_counts_as_that_content() {
        let (_dir, mut landing) = state();
        for payload in ["a", "b", "a", "a"] {
            landing.land("t", vec![lead("x.json", payload, T1)], at(T1)).unwrap();
        }
        landing.flush().unwrap();
        let raw = landing.raw_leads().unwrap();
        assert_eq!((text(&raw, "payload"), text(&raw, "versions")), (vec![Some("a".into())], vec![Some("2".into())]));
    }

    #[test]
    fn equal_key_and_payload_in_two_sources_is_one_lead_with_two_origins() {
        let (_dir, mut landing) = state();
        landing.land("old", vec![lead("p/1", "a", T1), lead("p/2", "a", T1)], at(T1)).unwrap();
        landing.land("new", vec![lead("p/1", "a", T1), lead("p/1", "c", T2), lead("p/2", "b", T1)], at(T2)).unwrap();
        landing.flush().unwrap();
        let raw = landing.raw_leads().unwrap();
        let rows: Vec<_> = (0..raw.height())
            .map(|n| ["source", "source_key", "payload", "origins"].map(|c| text(&raw, c)[n].clone().unwrap()))
            .collect();
        assert_eq!(
            rows,
            [["new", "p/2", "b", "1"], ["old", "p/1", "c", "2"], ["old", "p/2", "a", "1"]].map(|r| r.map(String::from))
        );
    }

    #[test]
    fn what_was_forgotten_is_gone_and_does_not_come_back() {
        let (dir, mut landing) = state();
        let leads =
            || vec![lead("p/1", "jane@contoso.com", T1), lead("f.csv#2", "joe@contoso.com", T1), lead("p/2", "x", T1)];
        landing.land("t", leads(), at(T1)).unwrap();
        let erased = landing.forget(|_, key| key != "p/2").unwrap();
        assert_eq!((erased, landing.payloads_with(b"CONTOSO.com").unwrap()), (2, 0));
        drop(landing);
        let mut landing = Landing::open(dir.path(), Duration::ZERO).unwrap();
        let mut again = leads();
        again.push(lead("f.csv#9", "joe@contoso.com", T2)); // the same line, moved
        again.push(lead("p/1", "jane@contoso.com touched", T2)); // the same entity, touched
        assert_eq!(
            landing.land("t", again, at(T2)).unwrap(),
            Landed { new: 0, changed: 0, unchanged: 1, forgotten: 4 }
        );
        landing.flush().unwrap();
        let raw = landing.raw_leads().unwrap();
        assert_eq!(text(&raw, "forgotten"), [Some("true".into()), Some("true".into()), Some("false".into())]);
        assert_eq!(text(&raw, "payload"), [None, None, Some("x".into())]);
        assert_eq!(landing.forget(|_, key| key != "p/2").unwrap(), 0);
    }

    #[test]
    fn records_that_moved_keep_their_number_and_edited_ones_their_place() {
        let (_dir, mut landing) = state();
        let contents = |text: &str| text.chars().map(|c| content_of(&[c.to_string().as_bytes()])).collect::<Vec<_>>();
        let file = |text: &str| -> Vec<RawLead> {
            text.chars().enumerate().map(|(n, c)| lead(&number("f", n + 1), &c.to_string(), T1)).collect()
        };
        landing.land("t", file("abcd"), at(T1)).unwrap();
        for (now, expected) in [
            ("abcd", vec![Some(1), Some(2), Some(3), Some(4)]),
            ("abcde", vec![Some(1), Some(2), Some(3), Some(4), Some(5)]),
            ("abXd", vec![Some(1), Some(2), Some(3), Some(4)]),
            ("Xabc", vec![Some(5), None, None, None]),
            ("bcdX", vec![None, None, None, Some(5)]),
            ("aaab", vec![Some(1), Some(5), Some(6), None]),
        ] {
            assert_eq!(landing.settle("t", "f", &contents(now)).unwrap(), expected, "{now}");
        }
    }

    #[test]
    fn a_second_run_is_turned_away_and_a_renamed_source_keeps_its_name_for_ids() {
        let (dir, mut landing) = state();
        assert_eq!(Landing::open(dir.path(), Duration::ZERO).unwrap_err().status() as u8, 5);
        landing.land("old", vec![lead("p/1", "a", T1)], at(T1)).unwrap();
        landing.remember("old", &SourceState { lands_as: "old".into(), ..Default::default() }).unwrap();
        let state = landing.source_state("middle", &["old".into()]).unwrap();
        landing.remember("middle", &state).unwrap();
        assert_eq!(landing.source_state("newest", &["middle".into()]).unwrap().lands_as, "old");
        assert_eq!(landing.source_state("fresh", &[]).unwrap().lands_as, "fresh");
    }
}
