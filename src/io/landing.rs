//! The append-only store of every raw lead and every CRM record ever read, under `state.dir`.
//!
//! Raw leads come in as [`RawLead`]s and go out as `Table<RawLeads>`: of several versions of a key the newest, of equal
//! key and payload in two sources one row. Nothing is landed twice, nothing but [`Landing::forget`] changes a segment,
//! and what was forgotten is kept away by a keyed hash. Segments are in [`segments`], versions of other rows (CRM
//! records, blobs seen) in [`datasets`]. Parsing payloads is left to the stages.
//!
//! There is no index on disk that could be lost or disagree: the light columns of the segments are the index.

pub mod datasets;
pub mod segments;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use hmac::{Hmac, Mac};
use polars::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::segments::{Segments, cannot, clear_parts, make_dir, put};
use crate::error::{Error, Result};
use crate::tables::{RawLeads, Table};

/// Rows and payload bytes that are gathered before a segment is written.
const SEGMENT_ROWS: usize = 50_000;
const SEGMENT_BYTES: usize = 32 << 20;
/// Bytes on disk, packed, that a joined segment has at most.
const JOINED_BYTES: u64 = 8 << 20;

/// Folder of the raw leads.
const RAW: &str = "raw_leads";

/// One raw lead, cut out of what a source holds.
#[derive(Clone, Debug)]
pub struct RawLead {
    /// `PartitionKey/RowKey`, or the object's name with `#n` from the second record on.
    pub source_key: String,
    /// Whether the key is the record's own (PartitionKey and RowKey), and `stored_at` orders its versions.
    pub keyed: bool,
    /// The record's Timestamp, or the time of the blob or file.
    pub stored_at: DateTime<Utc>,
    /// `entity`, `json`, `csv` or `bytes`.
    pub format: &'static str,
    /// Header record of a CSV file.
    pub header: Option<Arc<[u8]>>,
    /// The bytes, as stored.
    pub payload: Vec<u8>,
    /// Quarantine reason and detail, where no record could be cut out.
    pub problem: Option<String>,
    /// What tells one version of a key from another; see `io::records`.
    pub content: Content,
}

/// Half a SHA-256 over what a record says.
pub type Content = [u8; 16];

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

/// What is remembered of a source between runs. If it is lost, the next run reads everything again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// The name its leads were first landed under, from which lead ids are made.
    pub lands_as: String,
    /// Entities written before this have been read.
    pub watermark: Option<DateTime<Utc>>,
    /// When everything was last read.
    pub full_read_at: Option<DateTime<Utc>>,
    /// Partition keys at which a large table is divided for reading.
    #[serde(default)]
    pub splits: Vec<String>,
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

#[derive(Debug)]
struct Pending {
    source: String,
    lead: RawLead,
    landed_at: DateTime<Utc>,
}

/// What has been landed, by hashes.
#[derive(Debug, Default)]
struct Index {
    newest: HashMap<u128, Newest>,
    contents: HashSet<u128>,
    forgotten: HashSet<u128>,
    /// Rows by source.
    sources: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    content: u128,
    rank: i64,
    forgotten: bool,
}

/// Takes the lock of a state folder, waiting up to `wait` for another run to end. It is held while the file lives.
///
/// # Errors
/// Exit 5 when another run holds it, 4 when the folder cannot be written.
pub fn lock(state_dir: &Path, wait: Duration) -> Result<File> {
    make_dir(state_dir)?;
    let path = state_dir.join("lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|e| cannot("open", &path, &e).hint("make the state folder writable for this user"))?;
    let until = Instant::now() + wait;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(e)) => return Err(cannot("lock", &path, &e)),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(200).min(until - Instant::now()));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Error::locked("another run of leadrecon is using this state folder")
                    .at(state_dir.display())
                    .hint("wait for it to end, or let this one wait with --wait 10m"));
            }
        }
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

    /// Under which numbers the records of an object that was landed before are landed now; none for a record that is
    /// landed already under another number.
    ///
    /// A record is number n of its object, and an edited one is a new version of it. But where lines were put in or
    /// dropped, everything after them moves, and versions by place would put one lead over another: a record that
    /// merely moved keeps its number, and in a file where any did, new ones get numbers of their own.
    ///
    /// # Errors
    /// When a segment cannot be read (exit 4).
    pub fn settle(&mut self, source: &str, object: &str, contents: &[Content]) -> Result<Vec<Option<usize>>> {
        let secret = self.key()?;
        let newest = &self.index()?.newest;
        let at = |n: usize| newest.get(&row_key(source, &number(object, n))).map(|k| k.content);
        let mut places: Vec<Option<u128>> = Vec::new();
        while let Some(content) = at(places.len() + 1).map(Some).or((places.len() < contents.len()).then_some(None)) {
            places.push(content);
        }
        let contents: Vec<[u128; 2]> = contents
            .iter()
            .map(|c| u128::from_be_bytes(*c))
            .map(|c| [c, keyed_hash(&secret, c)]) // as it stands, and as it stands if it was forgotten
            .collect();
        let stays = |n: usize| {
            places.get(n).copied().flatten().is_some_and(|p| contents.get(n).is_some_and(|c| c.contains(&p)))
        };
        let mut left: HashMap<u128, Vec<usize>> = HashMap::new();
        for (n, place) in places.iter().enumerate().rev() {
            if let Some(content) = place.filter(|_| !stays(n)) {
                left.entry(content).or_default().push(n);
            }
        }
        let moved: Vec<bool> = contents
            .iter()
            .enumerate()
            .map(|(n, c)| !stays(n) && c.iter().any(|c| left.get_mut(c).and_then(Vec::pop).is_some()))
            .collect();
        // Once anything moved, a place tells nothing about a record that is not in its own.
        let by_place = !moved.contains(&true);
        let mut next = places.len();
        Ok(moved
            .into_iter()
            .enumerate()
            .map(|(n, moved)| match moved {
                true => None,
                false if by_place || stays(n) || places.get(n).is_none_or(Option::is_none) => Some(n + 1),
                false => {
                    next += 1;
                    Some(next)
                }
            })
            .collect())
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
        let chosen = self.choose()?;
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
        for candidate in std::iter::once(name).chain(formerly.iter().map(String::as_str)) {
            let path = self.state_path(candidate);
            if let Some(state) = fs::read(&path).ok().and_then(|b| serde_json::from_slice::<SourceState>(&b).ok()) {
                return Ok(state);
            }
        }
        let landed = self.rows_by_source()?;
        let lands_as = std::iter::once(name)
            .chain(formerly.iter().map(String::as_str))
            .find(|n| landed.contains_key(*n))
            .or(formerly.first().map(String::as_str))
            .unwrap_or(name);
        Ok(SourceState { lands_as: lands_as.to_owned(), ..SourceState::default() })
    }

    /// Remembers what is known of a source, after writing all that was gathered.
    ///
    /// # Errors
    /// When it cannot be written (exit 4).
    pub fn remember(&mut self, name: &str, state: &SourceState) -> Result<()> {
        self.flush()?;
        let text =
            serde_json::to_vec_pretty(state).map_err(|e| Error::failed("cannot write a source's state").because(e))?;
        if fs::read(self.state_path(name)).is_ok_and(|old| old == text) {
            return Ok(());
        }
        put(&self.state_path(name), &text)
    }

    fn state_path(&self, name: &str) -> PathBuf {
        self.dir.join("sources").join(format!("{name}.json"))
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

    /// Which row of which segment speaks for each raw lead, by segment, rows ascending.
    fn choose(&self) -> Result<HashMap<usize, Vec<Chosen>>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut rows: Vec<Row> = Vec::new();
        for (n, segment) in self.raw.all().iter().enumerate() {
            let frame = self.raw.read(segment, Some(&LIGHT))?;
            let columns = Light::of(&frame)?;
            for row in 0..frame.height() {
                let Some(light) = columns.row(row) else { continue };
                let source = names.iter().position(|s| **s == *light.source).unwrap_or_else(|| {
                    names.push(light.source.into());
                    names.len() - 1
                });
                rows.push(Row {
                    key: hash(&[light.source_key.as_bytes()]),
                    source,
                    content: light.content,
                    rank: (light.rank(), light.sequence),
                    stored_at: light.stored_at,
                    landed_on: light.landed_on,
                    place: (n, row as IdxSize),
                });
            }
        }
        rows.sort_unstable_by_key(|r| (r.key, r.rank.1));
        let mut chosen: HashMap<usize, Vec<Chosen>> = HashMap::new();
        for group in rows.chunk_by(|a, b| a.key == b.key) {
            for family in families(group) {
                let (Some(first), Some(newest)) =
                    (family.iter().min_by_key(|r| r.rank.1), family.iter().max_by_key(|r| r.rank))
                else {
                    continue;
                };
                let distinct =
                    |of: fn(&Row) -> u128| family.iter().map(|r| of(r)).collect::<BTreeSet<_>>().len() as i64;
                chosen.entry(newest.place.0).or_default().push(Chosen {
                    row: newest.place.1,
                    source: names.get(first.source).cloned().unwrap_or_default(),
                    stored_at: first.stored_at,
                    landed_on: first.landed_on,
                    origins: distinct(|r| r.source as u128),
                    versions: distinct(|r| r.content),
                });
            }
        }
        for rows in chosen.values_mut() {
            rows.sort_unstable_by_key(|c| c.row);
        }
        Ok(chosen)
    }
}

struct Row {
    key: u128,
    source: usize,
    content: u128,
    rank: (i64, i64),
    stored_at: i64,
    landed_on: i32,
    place: (usize, IdxSize),
}

struct Chosen {
    row: IdxSize,
    source: Arc<str>,
    stored_at: i64,
    landed_on: i32,
    origins: i64,
    versions: i64,
}

/// Rows of one key, divided into raw leads: the rows of one source belong together, and sources that share a content.
fn families(group: &[Row]) -> Vec<Vec<&Row>> {
    let mut families: Vec<Vec<&Row>> = Vec::new();
    for row in group {
        let (mine, others): (Vec<_>, Vec<_>) =
            families.into_iter().partition(|f| f.iter().any(|r| r.source == row.source || r.content == row.content));
        families = others;
        let mut joined: Vec<&Row> = mine.into_iter().flatten().collect();
        joined.push(row);
        families.push(joined);
    }
    families
}

/// The columns that make the index.
const LIGHT: [&str; 8] =
    ["source", "source_key", "keyed", "stored_at", "landed_on", "content", "forgotten", segments::SEQUENCE];

struct Light<'a> {
    source: &'a StringChunked,
    source_key: &'a StringChunked,
    keyed: &'a BooleanChunked,
    stored_at: Int64Chunked,
    landed_on: Int32Chunked,
    content: &'a StringChunked,
    forgotten: &'a BooleanChunked,
    sequence: &'a Int64Chunked,
}

struct LightRow<'a> {
    source: &'a str,
    source_key: &'a str,
    keyed: bool,
    stored_at: i64,
    landed_on: i32,
    content: u128,
    forgotten: bool,
    sequence: i64,
}

impl<'a> Light<'a> {
    fn of(frame: &'a DataFrame) -> Result<Light<'a>> {
        Ok(Light {
            source: frame.column("source")?.str()?,
            source_key: frame.column("source_key")?.str()?,
            keyed: frame.column("keyed")?.bool()?,
            stored_at: frame.column("stored_at")?.cast(&DataType::Int64)?.i64()?.clone(),
            landed_on: frame.column("landed_on")?.cast(&DataType::Int32)?.i32()?.clone(),
            content: frame.column("content")?.str()?,
            forgotten: frame.column("forgotten")?.bool()?,
            sequence: frame.column(segments::SEQUENCE)?.i64()?,
        })
    }

    fn row(&self, n: usize) -> Option<LightRow<'a>> {
        Some(LightRow {
            source: self.source.get(n)?,
            source_key: self.source_key.get(n)?,
            keyed: self.keyed.get(n)?,
            stored_at: self.stored_at.get(n)?,
            landed_on: self.landed_on.get(n)?,
            content: u128::from_str_radix(self.content.get(n)?, 16).ok()?,
            forgotten: self.forgotten.get(n)?,
            sequence: self.sequence.get(n)?,
        })
    }
}

impl LightRow<'_> {
    fn rank(&self) -> i64 {
        if self.keyed { self.stored_at } else { i64::MIN }
    }
}

enum Fate {
    New,
    Changed,
    Unchanged,
    Forgotten,
}

impl Index {
    fn add(&mut self, frame: &DataFrame) -> Result<()> {
        let columns = Light::of(frame)?;
        for n in 0..frame.height() {
            let Some(row) = columns.row(n) else { continue };
            let key = row_key(row.source, row.source_key);
            if row.forgotten {
                self.forgotten.insert(row.content);
            } else {
                self.contents.insert(mix(key, row.content));
            }
            let seen = Newest { content: row.content, rank: row.rank(), forgotten: row.forgotten };
            self.newest
                .entry(key)
                .and_modify(|n| {
                    if seen.rank >= n.rank {
                        *n = seen
                    }
                })
                .or_insert(seen);
            *self.sources.entry(row.source.to_owned()).or_default() += 1;
        }
        Ok(())
    }

    /// Decides about one lead, and takes it in if it is to be landed.
    fn take(&mut self, source: &str, lead: &RawLead, secret: &[u8; 32]) -> Fate {
        let key = row_key(source, &lead.source_key);
        let content = u128::from_be_bytes(lead.content);
        let rank = if lead.keyed { lead.stored_at.timestamp_micros() } else { i64::MIN };
        let known = self.newest.get(&key).copied();
        if known.is_some_and(|k| k.forgotten && lead.keyed) || self.forgotten.contains(&keyed_hash(secret, content)) {
            return Fate::Forgotten;
        }
        let fate = match known {
            None => Fate::New,
            Some(newest) if newest.content == content => return Fate::Unchanged,
            // An older version of an entity, seen again in an older dump of it.
            Some(newest) if self.contents.contains(&mix(key, content)) && lead.keyed && rank <= newest.rank => {
                return Fate::Unchanged;
            }
            Some(_) => Fate::Changed,
        };
        self.contents.insert(mix(key, content));
        let seen = Newest { content, rank, forgotten: false };
        self.newest
            .entry(key)
            .and_modify(|n| {
                if rank >= n.rank {
                    *n = seen
                }
            })
            .or_insert(seen);
        *self.sources.entry(source.to_owned()).or_default() += 1;
        fate
    }
}

fn frame_of(pending: &[Pending]) -> Result<DataFrame> {
    let instant = DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
    let leads = || pending.iter().map(|p| &p.lead);
    let texts = |name: &str, values: Vec<&str>| Column::new(name.into(), values);
    let columns = vec![
        texts("source", pending.iter().map(|p| p.source.as_str()).collect()),
        texts("source_key", leads().map(|l| l.source_key.as_str()).collect()),
        Column::new("keyed".into(), leads().map(|l| l.keyed).collect::<Vec<_>>()),
        Column::new("stored_at".into(), leads().map(|l| l.stored_at.timestamp_micros()).collect::<Vec<_>>())
            .cast(&instant)?,
        Column::new("landed_at".into(), pending.iter().map(|p| p.landed_at.timestamp_micros()).collect::<Vec<_>>())
            .cast(&instant)?,
        Column::new("landed_on".into(), pending.iter().map(|p| p.landed_at.date_naive()).collect::<Vec<NaiveDate>>()),
        texts("format", leads().map(|l| l.format).collect()),
        BinaryChunked::from_iter_options("header".into(), leads().map(|l| l.header.as_deref())).into_column(),
        BinaryChunked::from_iter_values("payload".into(), leads().map(|l| l.payload.as_slice())).into_column(),
        Column::new("problem".into(), leads().map(|l| l.problem.as_deref()).collect::<Vec<_>>()),
        Column::new("content".into(), leads().map(|l| hex::encode(l.content)).collect::<Vec<_>>()),
        Column::new("forgotten".into(), vec![false; pending.len()]),
    ];
    Ok(DataFrame::new(pending.len(), columns)?)
}

/// Which rows are selected and not yet erased.
fn marks(light: &DataFrame, selected: impl Fn(&str, &str) -> bool) -> Result<Vec<bool>> {
    let (source, key) = (light.column("source")?.str()?, light.column("source_key")?.str()?);
    let forgotten = light.column("forgotten")?.bool()?;
    Ok((0..light.height())
        .map(|n| match (source.get(n), key.get(n), forgotten.get(n)) {
            (Some(source), Some(key), Some(false)) => selected(source, key),
            _ => false,
        })
        .collect())
}

fn erase(mut frame: DataFrame, mask: &[bool], secret: &[u8; 32]) -> Result<DataFrame> {
    let gone = BooleanChunked::from_slice("gone".into(), mask);
    for name in ["payload", "header"] {
        let column = frame.column(name)?.binary()?;
        let kept = column.iter().zip(mask).map(|(v, m)| if *m { None } else { v });
        let kept = BinaryChunked::from_iter_options(name.into(), kept);
        frame.with_column(kept.into_column())?;
    }
    // The detail of a problem may quote the payload; its code stays.
    let problems = frame.column("problem")?.str()?;
    let problems: StringChunked = problems
        .iter()
        .zip(mask)
        .map(|(p, m)| p.map(|p| if *m { p.split(':').next().unwrap_or_default().to_owned() } else { p.to_owned() }))
        .collect_ca("problem".into());
    frame.with_column(problems.into_column())?;
    let contents = frame.column("content")?.str()?;
    let contents: StringChunked = contents
        .iter()
        .zip(mask)
        .map(|(c, m)| {
            let content = c.and_then(|c| u128::from_str_radix(c, 16).ok())?;
            Some(format!("{:032x}", if *m { keyed_hash(secret, content) } else { content }))
        })
        .collect_ca("content".into());
    frame.with_column(contents.into_column())?;
    let forgotten = frame.column("forgotten")?.bool()? | &gone;
    frame.with_column(forgotten.with_name("forgotten".into()).into_column())?;
    Ok(frame)
}

fn hash(parts: &[&[u8]]) -> u128 {
    let mut hasher = Sha256::new();
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            hasher.update([0]);
        }
        hasher.update(part);
    }
    first_half(&hasher.finalize())
}

fn row_key(source: &str, key: &str) -> u128 {
    hash(&[source.as_bytes(), key.as_bytes()])
}

/// Key and content together. Both are hashes already.
fn mix(key: u128, content: u128) -> u128 {
    key.rotate_left(64) ^ content
}

fn keyed_hash(secret: &[u8; 32], content: u128) -> u128 {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&content.to_be_bytes());
    first_half(&mac.finalize().into_bytes())
}

fn first_half(digest: &[u8]) -> u128 {
    digest.iter().take(16).fold(0, |all, byte| all << 8 | u128::from(*byte))
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle))
}

/// The key of record `n` of an object, from 1.
pub fn number(object: &str, n: usize) -> String {
    if n == 1 { object.to_owned() } else { format!("{object}#{n}") }
}

/// Half a SHA-256, as [`RawLead::content`].
pub fn content_of(parts: &[&[u8]]) -> Content {
    hash(parts).to_be_bytes()
}

#[cfg(test)]
mod tests {
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
