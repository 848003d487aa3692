//! What the readers of sources give their records to, and what is told of a source in the end.
//!
//! Below the readers ([`super::files`], [`super::azure`]), which know nothing of each other or of who calls them.

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use indicatif::ProgressBar;

use super::landing::source_state::SourceState;
use super::landing::{Landed, Landing, RawLead};
use super::progress;
use crate::config::{Place, Source};
use crate::error::{Error, Result, count};
use crate::findings::{AboutLeads, Finding};
use crate::leads::OwnReader;

/// A newest lead older than this is worth a word.
pub(super) const OLD_DAYS: i64 = 30;

/// A credential that ends within so many days is told of.
pub(super) const EXPIRES_WITHIN_DAYS: i64 = 14;
/// Clocks that differ by no more agree.
pub(super) const CLOCKS_DIFFER_MINUTES: i64 = 5;

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

/// A blob or file whose records were all taken.
#[derive(Debug)]
pub(super) struct Object {
    /// As [`crate::place`] writes its name.
    pub(super) name: String,
    /// ETag or hash: equal means unchanged.
    pub(super) version: String,
    pub(super) bytes: u64,
    pub(super) modified_at: DateTime<Utc>,
    pub(super) records: usize,
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
    /// When leads that have no time of their own were stored, where a source is only tried.
    pub stored: Vec<i64>,
    /// How far the service's clock is ahead of ours, where that is more than a few minutes.
    pub clock_skew: Option<TimeDelta>,
    /// Whether an object could be a report of a CRM as well as raw leads.
    pub has_list: bool,
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
    /// Objects whose records were all taken.
    pub(super) objects: Vec<Object>,
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
        let Some(landing) = &mut self.landing else {
            let mut reader = OwnReader::default();
            let stored = leads.iter().filter(|lead| {
                lead.problem.is_none() && !reader.read(lead.format, lead.header.as_deref(), &lead.payload).timed
            });
            self.report.stored.extend(stored.map(|lead| lead.stored_at.timestamp_micros()));
            return Ok(());
        };
        let landed = landing.land(&self.state.lands_as, leads, self.now)?;
        if known {
            self.report.overlooked += landed.new + landed.changed;
        }
        self.report.landed += landed;
        Ok(())
    }

    /// A file for bytes that are too many for memory, without a name, in our own private folder.
    pub(super) fn aside(&self) -> PathBuf {
        self.landing.as_ref().map_or_else(std::env::temp_dir, |l| l.folder().to_owned())
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
                .because(format!("{same} of the first {} the same", count(leads.len(), "row is", "rows are")))
                .hint(format!(
                    "if it was renamed, add formerly = [\"{suspect}\"] to it, so that its leads keep their ids; if it \
                     is another one, keep \"{suspect}\" in the configuration"
                )));
            }
        }
        Ok(())
    }
}
