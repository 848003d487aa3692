//! What the readers of sources give their records to, and what is told of a source in the end.
//!
//! Below the readers ([`super::files`], [`super::azure`]), which know nothing of each other or of who calls them.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use indicatif::ProgressBar;
use polars::prelude::*;

use super::landing::content::{Content, number};
use super::landing::datasets::Dataset;
use super::landing::source_state::SourceState;
use super::landing::{Landed, Landing, RawLead};
use super::progress;
use super::records::{Stopped, cut};
use crate::config::{Place, Source};
use crate::error::{Error, Result, count};
use crate::findings::{AboutLeads, Finding};

/// Blobs and files whose records are landed, by version.
const OBJECTS: Dataset = Dataset { name: "objects", key: &["source", "name"] };

/// A newest lead older than this is worth a word.
pub(super) const OLD_DAYS: i64 = 30;

/// A credential that ends within so many days is told of.
pub(super) const EXPIRES_WITHIN_DAYS: i64 = 14;
/// Clocks that differ by no more agree.
pub(super) const CLOCKS_DIFFER_MINUTES: i64 = 5;

/// Records of an object handed over at a time.
const BATCH: usize = 1000;

/// How to fetch.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Folder of the configuration file: where globs start, and what file keys are relative to.
    pub base: &'a Path,
    /// Folders that no glob may reach into: our own state and output.
    pub keep_out: Vec<PathBuf>,
    /// Reads everything again, known or not.
    pub rescan: bool,
    /// Shows a bar per source.
    pub progress: bool,
}

/// What came of one source.
#[derive(Debug, Default)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// `azure-table`, `azure-blob` or `files`.
    pub kind: &'static str,
    /// Blobs or files read, or pages of a table.
    pub objects: usize,
    /// Blobs or files left alone because they are as they were.
    pub unchanged_objects: usize,
    /// Records read.
    pub records: usize,
    /// What became of them.
    pub landed: Landed,
    /// Whether everything was read, and not only what is new.
    pub full: bool,
    /// Whether it was a full read after an earlier one, which proves what the reads between them found.
    pub proof: bool,
    /// Leads that a full read found and earlier reads should have.
    pub overlooked: usize,
    /// Time of the newest lead read, and of the newest one that is a test of Microsoft's.
    pub newest: Option<DateTime<Utc>>,
    /// See `newest`.
    pub newest_test: Option<DateTime<Utc>>,
    /// How far the service's clock is ahead of ours, where that is more than a few minutes.
    pub clock_skew: Option<TimeDelta>,
    /// What the operator should know, for standard error: no secrets, no personal data.
    pub notes: Vec<String>,
    /// Why it could not be read to its end.
    pub error: Option<Error>,
}

impl SourceReport {
    /// A clock that is wrong, for the report.
    pub fn clock_finding(&self) -> Option<Finding> {
        let is_behind = self.clock_skew? > TimeDelta::zero();
        let about = AboutLeads::ClockWrong { is_behind, by_minutes: CLOCKS_DIFFER_MINUTES };
        Some(Finding::mail(&self.name, about, 1))
    }

    /// One line for a log.
    pub fn line(&self) -> String {
        let mut line = format!(
            "source {}: {} read, {} new, {} changed",
            self.name,
            count(self.records, "record", "records"),
            self.landed.new,
            self.landed.changed
        );
        if self.unchanged_objects > 0 {
            line += &format!(", {} as before", count(self.unchanged_objects, "object", "objects"));
        }
        if self.landed.forgotten > 0 {
            line += &format!(", {} kept away (forgotten)", self.landed.forgotten);
        }
        if let Some(error) = &self.error {
            line += &format!("; stopped: {}", error.what());
        } else if self.proof {
            line += &match self.overlooked {
                0 => "; full read, earlier reads had missed nothing".to_owned(),
                n => format!("; full read, earlier reads had missed {n}"),
            };
        }
        line
    }
}

/// The word for a kind of place.
pub(super) fn kind(place: &Place) -> &'static str {
    match place {
        Place::Table { .. } => "azure-table",
        Place::Blobs { .. } => "azure-blob",
        Place::Files { .. } => "files",
    }
}

/// What a source gives its records to.
pub(super) struct Intake<'a> {
    /// The source's section of the configuration.
    pub(super) source: &'a Source,
    /// What is remembered of it; its watermark may be moved, and is remembered if the read succeeds.
    pub(super) state: SourceState,
    /// When the run began.
    pub(super) now: DateTime<Utc>,
    /// For lengths and messages.
    pub(super) bar: ProgressBar,
    /// What is said in the end.
    pub(super) report: SourceReport,
    /// None where a source is only tried.
    pub(super) landing: Option<&'a mut Landing>,
    /// Only so many of the newest blobs or files, where a source is only tried.
    pub(super) sample: Option<usize>,
    /// Sources that are configured no longer, one of which this one may be under a new name.
    pub(super) suspects: Vec<String>,
    objects: Vec<Object>,
}

/// A blob or file whose records were all taken.
pub(super) struct Object {
    pub(super) name: String,
    /// ETag or hash: equal means unchanged.
    pub(super) version: String,
    pub(super) bytes: u64,
    pub(super) modified_at: DateTime<Utc>,
    pub(super) records: usize,
}

impl<'a> Intake<'a> {
    /// An intake that lands nothing yet: a source is only tried until it is given the landing.
    pub(super) fn new(
        source: &'a Source,
        state: SourceState,
        now: DateTime<Utc>,
        bar: ProgressBar,
        report: SourceReport,
    ) -> Self {
        Intake {
            source,
            state,
            now,
            bar,
            report,
            landing: None,
            sample: None,
            suspects: Vec::new(),
            objects: Vec::new(),
        }
    }

    /// Says how many blobs, files or entities there are to read, so that the bar can say how long it will take.
    pub(super) fn expect(&self, n: u64) {
        if let Some(style) = progress::style("{spinner} {prefix}: {human_pos} of {human_len} ({rate}, {eta} left)") {
            self.bar.set_style(style);
        }
        self.bar.set_length(n);
    }

    /// How many raw leads are landed of this source; that many entities a table that only grows has at least.
    pub(super) fn landed_before(&mut self) -> Result<u64> {
        let Some(landing) = &mut self.landing else { return Ok(0) };
        Ok(landing.rows_by_source()?.get(&self.state.lands_as).copied().unwrap_or(0))
    }

    /// Lands records. `known` says that earlier reads should have landed them.
    pub(super) fn take(&mut self, leads: Vec<RawLead>, known: bool) -> Result<()> {
        if leads.is_empty() {
            return Ok(());
        }
        self.look_for_renaming(&leads)?;
        self.report.records += leads.len();
        for lead in &leads {
            self.report.newest = self.report.newest.max(Some(lead.stored_at));
            if memchr::memmem::find(&lead.payload, b"MSFT_TEST_").is_some() {
                self.report.newest_test = self.report.newest_test.max(Some(lead.stored_at));
            }
        }
        let Some(landing) = &mut self.landing else { return Ok(()) };
        let landed = landing.land(&self.state.lands_as, leads, self.now)?;
        if known {
            self.report.overlooked += landed.new + landed.changed;
        }
        self.report.landed += landed;
        Ok(())
    }

    /// Cuts an object and lands its records. `open` gives its bytes from the beginning, once or twice.
    pub(super) fn take_object(
        &mut self,
        name: &str,
        modified_at: DateTime<Utc>,
        known: bool,
        mut open: impl FnMut() -> std::io::Result<Box<dyn Read>>,
    ) -> Result<usize, Stopped> {
        let mut numbers = None;
        if self.knows(name).map_err(Stopped::Taker)? {
            let mut contents = Vec::new();
            cut(open()?, name, modified_at, &mut |lead| {
                contents.push(lead.content);
                Ok(())
            })?;
            numbers = Some(self.settle(name, &contents).map_err(Stopped::Taker)?);
        }
        let (mut batch, mut n) = (Vec::new(), 0);
        let records = cut(open()?, name, modified_at, &mut |mut lead| {
            let settled = numbers.as_ref().and_then(|numbers: &Vec<Option<usize>>| numbers.get(n).copied());
            n += 1;
            match settled {
                Some(None) if !lead.keyed => {
                    self.report.records += 1;
                    self.report.landed.unchanged += 1;
                    return Ok(());
                }
                Some(Some(n)) if !lead.keyed => lead.source_key = number(name, n),
                _ => {}
            }
            batch.push(lead);
            if batch.len() < BATCH { Ok(()) } else { self.take(std::mem::take(&mut batch), known) }
        })?;
        self.take(batch, known).map_err(Stopped::Taker)?;
        Ok(records)
    }

    /// Whether an object was landed before.
    pub(super) fn knows(&mut self, name: &str) -> Result<bool> {
        match &mut self.landing {
            Some(landing) => landing.knows(&self.state.lands_as, name),
            None => Ok(false),
        }
    }

    fn settle(&mut self, name: &str, contents: &[Content]) -> Result<Vec<Option<usize>>> {
        match &mut self.landing {
            Some(landing) => landing.settle(&self.state.lands_as, name, contents),
            None => Ok((1..=contents.len()).map(Some).collect()),
        }
    }

    /// A file for bytes that are too many for memory, without a name, in our own private folder.
    pub(super) fn aside(&self) -> PathBuf {
        self.landing.as_ref().map_or_else(std::env::temp_dir, |l| l.folder().to_owned())
    }

    /// The versions of the objects that are landed already; none when everything is read again.
    pub(super) fn known_objects(&self) -> Result<HashMap<String, String>> {
        let Some(landing) = &self.landing else { return Ok(HashMap::new()) };
        let newest = landing.newest(&OBJECTS)?;
        if newest.height() == 0 {
            return Ok(HashMap::new());
        }
        let column = |name: &str| newest.column(name).and_then(|c| c.str().cloned());
        let (sources, names, versions) = (column("source")?, column("name")?, column("version")?);
        Ok((0..newest.height())
            .filter(|n| sources.get(*n) == Some(self.state.lands_as.as_str()))
            .filter_map(|n| Some((names.get(n)?.to_owned(), versions.get(n)?.to_owned())))
            .collect())
    }

    /// Notes that all records of an object were taken.
    pub(super) fn object_taken(&mut self, object: Object) {
        self.report.objects += 1;
        self.objects.push(object);
    }

    /// Objects are remembered only after their records are on disk.
    pub(super) fn remember_objects(&mut self) -> Result<()> {
        let objects = std::mem::take(&mut self.objects);
        let instants: Vec<i64> = objects.iter().map(|o| o.modified_at.timestamp_micros()).collect();
        let frame = df!(
            "source" => vec![self.state.lands_as.as_str(); objects.len()],
            "name" => objects.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(),
            "version" => objects.iter().map(|o| o.version.as_str()).collect::<Vec<_>>(),
            "bytes" => objects.iter().map(|o| o.bytes as i64).collect::<Vec<_>>(),
            "modified_at" => instants,
            "records" => objects.iter().map(|o| o.records as i64).collect::<Vec<_>>(),
        )?;
        if let Some(landing) = &mut self.landing {
            landing.append_versions(&OBJECTS, &frame, self.now)?;
        }
        Ok(())
    }

    /// A source that is new, while one that is gone had the same rows, is the old one under another name.
    fn look_for_renaming(&mut self, leads: &[RawLead]) -> Result<()> {
        for suspect in std::mem::take(&mut self.suspects) {
            let Some(landing) = &mut self.landing else { return Ok(()) };
            let same = landing.known_under(&suspect, leads)?;
            if same > 0 && same * 2 >= leads.len() {
                return Err(Error::failed(format!(
                    "source \"{}\" holds the rows that source \"{suspect}\" had, and \"{suspect}\" is no longer configured",
                    self.source.name
                ))
                .because(format!("{same} of the first {} rows are the same", leads.len()))
                .hint(format!(
                    "if it was renamed, add formerly = [\"{suspect}\"] to it, so that its leads keep their ids; if it \
                     is another one, keep \"{suspect}\" in the configuration"
                )));
            }
        }
        Ok(())
    }
}
