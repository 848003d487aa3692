//! Sources → landing: reads what is new at every source, lands it, and says what came of it.
//!
//! Sources are read one after the other, in the order of the configuration, so that which of two sources had a lead
//! first does not depend on the network. A source that cannot be read is reported and the next one goes on; what was
//! read of it stays landed, and its watermark stays where it was. How each kind is read: [`super::files`],
//! [`super::azure`].

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use polars::prelude::*;

use super::files;
use super::landing::datasets::Dataset;
use super::landing::{self, Content, Landed, Landing, RawLead, SourceState};
use super::records::{Stopped, cut};
use crate::codes::{Finding, finding, level};
use crate::config::{Config, Place, Source};
use crate::error::{Error, Result, Status, count};

/// Blobs and files whose records are landed, by version.
const OBJECTS: Dataset = Dataset { name: "objects", key: &["source", "name"] };

/// How far back, how long and at how many objects a check looks.
const CHECK_DAYS: i64 = 35;
const CHECK_WITHIN: TimeDelta = TimeDelta::seconds(20);
const CHECK_OBJECTS: usize = 50;
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

/// What came of the sources, in the order of the configuration.
#[derive(Debug, Default)]
pub struct FetchReport {
    /// One entry per source.
    pub sources: Vec<SourceReport>,
}

impl FetchReport {
    /// Whether every source was read to its end.
    pub fn complete(&self) -> bool {
        self.sources.iter().all(|s| s.error.is_none())
    }
}

/// Credentials of the configuration, of sources and of exports, that end within two weeks of a day, for the report.
/// Reads the secrets, and asks nobody.
pub fn credential_findings(config: &Config, day_ends_at: DateTime<Utc>) -> Vec<Finding> {
    let sources = config.sources.iter().filter_map(|s| match &s.place {
        Place::Table { auth, .. } | Place::Blobs { auth, .. } => Some((s.name.as_str(), auth)),
        Place::Files { .. } => None,
    });
    let exports = config.destinations.iter().filter_map(|d| Some((d.name.as_str(), d.auth.as_ref()?)));
    let cost = config.cost.auth.iter().map(|auth| ("cost", auth));
    let ending = sources.chain(exports).chain(cost).filter_map(|(name, auth)| {
        let ends = super::azure::credential_ends(auth)?;
        (ends - day_ends_at < TimeDelta::days(EXPIRES_WITHIN_DAYS)).then(|| Finding {
            level: level::MAIL,
            code: finding::CREDENTIAL_EXPIRING,
            destination: name.to_owned(),
            text: format!(
                "the shared access signature of {name} {} on {}: make a new one{}",
                if ends < day_ends_at { "ended" } else { "ends" },
                ends.format("%Y-%m-%d"),
                if ends < day_ends_at { "" } else { " before" },
            ),
            count: 1,
        })
    });
    ending.collect()
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
        let which = if self.clock_skew? > TimeDelta::zero() { "behind" } else { "ahead of" };
        Some(Finding {
            level: level::MAIL,
            code: finding::CLOCK_WRONG,
            destination: self.name.clone(),
            // The minutes move from night to night, the matter stays.
            text: format!(
                "this machine's clock is {which} that of source {} by more than {CLOCKS_DIFFER_MINUTES} minutes: let it \
                 be set by NTP; from 15 minutes on Azure refuses access",
                self.name
            ),
            count: 1,
        })
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

/// Reads every source into the landing.
///
/// # Errors
/// When the landing fails, or a source seems to be a renamed one (exit 4). A source that cannot be read is no error
/// here but in its report.
pub fn fetch(
    sources: &[Source],
    landing: &mut Landing,
    now: DateTime<Utc>,
    options: &Options<'_>,
) -> Result<FetchReport> {
    let mut report = FetchReport::default();
    let mut states = Vec::new();
    for source in sources {
        states.push(landing.source_state(&source.name, &source.formerly)?);
    }
    let configured: BTreeSet<&str> = states.iter().map(|s| s.lands_as.as_str()).collect();
    let landed = landing.rows_by_source()?;
    let vanished: Vec<String> = landed.keys().filter(|n| !configured.contains(n.as_str())).cloned().collect();
    for (source, state) in sources.iter().zip(&states) {
        let fresh = !landed.contains_key(&state.lands_as);
        let due = state.full_read_at.is_none_or(|at| now - at >= source.rescan || at > now);
        let intake = Intake {
            source,
            state: state.clone(),
            suspects: if fresh { vanished.clone() } else { Vec::new() },
            now,
            bar: bar(&source.name, options.progress),
            objects: Vec::new(),
            report: SourceReport {
                name: source.name.clone(),
                kind: kind(&source.place),
                full: options.rescan || due,
                ..SourceReport::default()
            },
            landing: Some(&mut *landing),
            sample: None,
        };
        report.sources.push(intake.run(options)?);
    }
    landing.rest()?;
    Ok(report)
}

/// How a try of a source went, one line of `leadrecon check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckLine {
    /// How good it is.
    pub verdict: Verdict,
    /// What was found.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How good what a check found is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Worth a look.
    Doubtful,
    /// The source cannot be read.
    Bad,
}

/// What the last report knows of a source, which looked at everything and not only at what is new.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reported {
    /// When its newest lead was received.
    pub newest: Option<DateTime<Utc>>,
    /// When the newest that is a test of Microsoft's was received.
    pub newest_test: Option<DateTime<Utc>>,
}

/// Tries a source for real, in seconds, and changes nothing: the leads of the last weeks, or the newest files. What is
/// older is told from the last report.
pub fn check_source(source: &Source, reported: Reported, now: DateTime<Utc>, options: &Options<'_>) -> Vec<CheckLine> {
    let line = |verdict, text: String| CheckLine { verdict, text, hint: None };
    let quick = Source { deadline: source.deadline.min(CHECK_WITHIN), overlap: TimeDelta::zero(), ..source.clone() };
    let since = now - TimeDelta::days(CHECK_DAYS);
    let mut intake = Intake {
        source: &quick,
        state: SourceState { watermark: Some(since), full_read_at: Some(now), ..SourceState::default() },
        suspects: Vec::new(),
        now,
        bar: ProgressBar::hidden(),
        objects: Vec::new(),
        report: SourceReport { kind: kind(&source.place), ..SourceReport::default() },
        landing: None,
        sample: Some(CHECK_OBJECTS),
    };
    let read = intake.read(options);
    let report = intake.report;
    if let Err(e) = read {
        let hint = e.advice().map(str::to_owned);
        return vec![CheckLine { verdict: Verdict::Bad, text: e.what().to_owned(), hint }];
    }
    let mut lines = vec![line(Verdict::Good, format!("readable ({})", report.kind))];
    let ago = |at: DateTime<Utc>| format!("{}, {}", at.format("%Y-%m-%d %H:%M UTC"), days_ago(now - at));
    let looked_at = match &source.place {
        Place::Table { .. } => format!("of the last {CHECK_DAYS} days"),
        Place::Blobs { .. } => format!("in the newest {CHECK_OBJECTS} blobs"),
        Place::Files { .. } => format!("in the newest {CHECK_OBJECTS} files"),
    };
    let before = |at: Option<DateTime<Utc>>| match at {
        Some(at) => format!("the last report knows one of {}", ago(at)),
        None => "the last report, if there is one, knows none".to_owned(),
    };
    lines.push(match report.newest {
        Some(at) if now - at < TimeDelta::days(OLD_DAYS) => line(Verdict::Good, format!("newest lead: {}", ago(at))),
        Some(at) => CheckLine {
            hint: Some("look at the offer's lead destination in Partner Center, and send a test lead".into()),
            ..line(Verdict::Doubtful, format!("newest lead: {}", ago(at)))
        },
        None => CheckLine {
            hint: Some(
                "right if nothing was delivered here for so long; else check the names, and look at the offer's lead \
                 destination in Partner Center; `run` reads everything"
                    .into(),
            ),
            ..line(Verdict::Doubtful, format!("no lead {looked_at}; {}", before(reported.newest)))
        },
    });
    lines.push(match report.newest_test {
        Some(at) => line(Verdict::Good, format!("newest test lead (MSFT_TEST): {}", ago(at))),
        None => CheckLine {
            hint: Some("Validate in Partner Center sends one; it proves the way from the marketplace to here".into()),
            ..line(Verdict::Doubtful, format!("no test lead (MSFT_TEST) {looked_at}; {}", before(reported.newest_test)))
        },
    });
    lines.extend(report.notes.into_iter().map(|n| line(Verdict::Doubtful, n)));
    lines
}

fn days_ago(age: TimeDelta) -> String {
    match age.num_days() {
        0 => "today".to_owned(),
        1 => "a day ago".to_owned(),
        n => format!("{n} days ago"),
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
    landing: Option<&'a mut Landing>,
    /// Only so many of the newest blobs or files, where a source is only tried.
    pub(super) sample: Option<usize>,
    suspects: Vec<String>,
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

impl Intake<'_> {
    fn run(mut self, options: &Options<'_>) -> Result<SourceReport> {
        let read = self.read(options);
        self.bar.finish_and_clear();
        if let Some(landing) = &mut self.landing {
            landing.flush()?;
        }
        self.remember_objects()?;
        match read {
            Ok(()) => {
                if self.report.full {
                    self.report.proof = self.state.full_read_at.is_some();
                    self.state.full_read_at = Some(self.now);
                }
                if let Some(landing) = &mut self.landing {
                    landing.remember(&self.source.name, &self.state)?;
                }
            }
            Err(e) if e.status() == Status::Partial => {
                self.report.error = Some(e.at(format!("source \"{}\"", self.source.name)));
            }
            Err(e) => return Err(e.at(format!("source \"{}\"", self.source.name))),
        }
        tracing::info!("{}", self.report.line());
        for note in &self.report.notes {
            tracing::warn!("source {}: {note}", self.source.name);
        }
        Ok(self.report)
    }

    /// Says how many blobs, files or entities there are to read, so that the bar can say how long it will take.
    pub(super) fn expect(&self, n: u64) {
        if let Some(style) = style("{spinner} {prefix}: {human_pos} of {human_len} ({rate}, {eta} left)") {
            self.bar.set_style(style);
        }
        self.bar.set_length(n);
    }

    /// How many raw leads are landed of this source; that many entities a table that only grows has at least.
    pub(super) fn landed_before(&mut self) -> Result<u64> {
        let Some(landing) = &mut self.landing else { return Ok(0) };
        Ok(landing.rows_by_source()?.get(&self.state.lands_as).copied().unwrap_or(0))
    }

    fn read(&mut self, options: &Options<'_>) -> Result<()> {
        match &self.source.place {
            Place::Files { path } => files::read(path, options, self),
            Place::Table { .. } | Place::Blobs { .. } => super::azure::read(self),
        }
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
            let number = numbers.as_ref().and_then(|numbers: &Vec<Option<usize>>| numbers.get(n).copied());
            n += 1;
            match number {
                Some(None) if !lead.keyed => {
                    self.report.records += 1;
                    self.report.landed.unchanged += 1;
                    return Ok(());
                }
                Some(Some(number)) if !lead.keyed => lead.source_key = landing::number(name, number),
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
    fn remember_objects(&mut self) -> Result<()> {
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

fn kind(place: &Place) -> &'static str {
    match place {
        Place::Table { .. } => "azure-table",
        Place::Blobs { .. } => "azure-blob",
        Place::Files { .. } => "files",
    }
}

fn bar(name: &str, shown: bool) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    match style("{spinner} {prefix}: {human_pos} ({rate}, {elapsed})") {
        Some(style) => bar.with_style(style),
        None => bar,
    }
}

fn style(template: &str) -> Option<ProgressStyle> {
    let tell = |state: &ProgressState, to: &mut dyn std::fmt::Write| {
        // What cannot be written to a terminal is not shown.
        let _ = to.write_str(&rate(state.per_sec()));
    };
    ProgressStyle::with_template(template).ok().map(|style| style.with_key("rate", tell))
}

/// Records, blobs or files a second: no digits that tell nothing.
fn rate(per_second: f64) -> String {
    if per_second < 10.0 { format!("{per_second:.1}/s") } else { format!("{}/s", HumanCount(per_second as u64)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_tells_rates_without_digits_that_tell_nothing() {
        assert_eq!([5616.7044, 28.0469, 0.333].map(rate), ["5,616/s", "28/s", "0.3/s"]);
        assert!(style("{spinner} {prefix}: {human_pos} of {human_len} ({rate}, {eta} left)").is_some());
    }

    #[test]
    fn a_signature_that_ends_within_two_weeks_of_the_day_is_a_finding_and_shows_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let text = "[[source]]\nname = \"t\"\nkind = \"azure-table\"\naccount = \"a\"\ntable = \"leads\"\n\
                    auth = { sas_file = \"sas\" }\n[[destination]]\nname = \"crm\"\nkind = \"salesforce\"\n\
                    export = [\"az://a/exports/x\"]\nauth = { connection_string_file = \"whole\" }\n";
        std::fs::write(dir.path().join("sas"), "sv=1&se=2026-05-20T00%3A00%3A00Z&sig=SECRET").unwrap();
        let whole = "BlobEndpoint=https://a.blob.core.windows.net;SharedAccessSignature=sv=1&se=2026-06-20&sig=SECRET";
        std::fs::write(dir.path().join("whole"), whole).unwrap();
        let config = Config::parse(text, dir.path()).unwrap();
        let names = |day: &str| -> Vec<String> {
            let found = credential_findings(&config, day.parse().unwrap());
            assert!(found.iter().all(|f| !f.text.contains("SECRET") && f.code == finding::CREDENTIAL_EXPIRING));
            found.into_iter().map(|f| f.destination).collect()
        };
        assert!(names("2026-05-04T00:00:00Z").is_empty());
        assert_eq!(names("2026-05-07T00:00:00Z"), ["t"]);
        assert_eq!(names("2026-06-19T00:00:00Z"), ["t", "crm"]);
    }
}
