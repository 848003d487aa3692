//! Export runs of Azure Cost Management: which files are one, what each speaks of, and which of several counts.
//!
//! A run restates what it speaks of and nothing else: the days of its period and the invoice that its lines are billed on.
//! A correction of a closed month stands on a later invoice, beside the charges that it corrects. What a run speaks of is
//! told by its manifest, else by the range in its folder's name, else by the days of its lines. Of what was paid and the
//! same amortized, which is spread over other days, only the first counts. Sources: Microsoft,
//! "Tutorial: Create and manage Cost Management exports"; FOCUS 1.2, ChargeClass and BillingPeriodStart.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _, Months, NaiveDate, Utc};

use super::Line;
use crate::tabular::Export;

/// First and last day.
type Period = (NaiveDate, NaiveDate);

/// One run: the files of a folder with a manifest or with parts, else one file.
pub(super) struct Run {
    /// Whether it counts before others, and when it was made.
    pub order: (Standing, DateTime<Utc>, String),
    /// The days that it says it is of.
    pub period: Option<Period>,
    /// Lines by file.
    pub files: Vec<(String, Vec<Line>)>,
}

/// Which run counts of several that speak of the same days, whenever they were made; the last of these first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It breaks off inside a row: nobody knows what it would have said.
    Cut,
    /// It spreads what was paid over the time that it was paid for.
    Amortized,
    /// What was paid.
    Actual,
}

impl Standing {
    /// What the name of a file or folder says, or a manifest of the export's type.
    fn said_by(text: &str) -> Self {
        let text = text.to_lowercase();
        if ["amortized", "amortised"].iter().any(|word| text.contains(word)) { Self::Amortized } else { Self::Actual }
    }
}

/// Where a file belongs.
pub(super) enum Place {
    /// To the run of this name.
    Run(String, Run),
    /// To no run that counts, and why.
    LeftOut(&'static str),
}

impl Place {
    fn at_most(mut self, standing: Standing) -> Self {
        if let Place::Run(_, run) = &mut self {
            run.order.0 = run.order.0.min(standing);
        }
        self
    }
}

/// What a manifest says of its run.
pub(super) struct Manifest {
    made: DateTime<Utc>,
    standing: Standing,
    /// How many rows its parts have together.
    pub rows: Option<u64>,
    period: Option<Period>,
    /// Names of its parts; empty where it has no list, or none that fits the files as they are called here.
    parts: Vec<String>,
}

/// The manifests among the exports, by folder. A manifest is written last: a run that has one is whole.
pub(super) struct Manifests(BTreeMap<String, Manifest>);

impl Manifests {
    pub(super) fn of(exports: &[Export]) -> Self {
        let mut all = Manifests(
            exports
                .iter()
                .filter(|export| is_description(&export.name))
                .filter_map(|export| Some((folder(&export.name).to_owned(), Manifest::read(export)?)))
                .collect(),
        );
        for (above, manifest) in &mut all.0 {
            let fits = |export: &&Export| !is_description(&export.name) && manifest.names(above, &export.name);
            if !exports.iter().any(|export| fits(&export)) {
                manifest.parts.clear();
            }
        }
        all
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Manifest)> {
        self.0.iter()
    }

    /// The run that a file belongs to.
    pub(super) fn place(&self, export: &Export) -> Place {
        let run = |name: &str, made, period| {
            let order = (Standing::said_by(&export.name), made, name.to_owned());
            Place::Run(name.to_owned(), Run { order, period, files: Vec::new() })
        };
        // A manifest stands beside its parts or above them.
        let mut above = folder(&export.name);
        loop {
            if let Some(manifest) = self.0.get(above) {
                if !manifest.parts.is_empty() && !manifest.names(above, &export.name) {
                    return Place::LeftOut("the manifest of its run does not name it: it is left out");
                }
                let place = run(above, manifest.made, manifest.period.or_else(|| range_in(above)));
                return place.at_most(manifest.standing);
            }
            if above.is_empty() {
                break;
            }
            above = folder(above);
        }
        let last = export.name.rsplit('/').next().unwrap_or(&export.name).to_lowercase();
        let stem = last.split('.').next().unwrap_or_default();
        let is_part = stem.starts_with("part_") || (stem.len() == 6 && stem.bytes().all(|b| b.is_ascii_digit()));
        if !is_part {
            return run(&export.name, export.modified, range_in(folder(&export.name)));
        }
        let own = folder(&export.name);
        if self.0.keys().any(|whole| are_runs_of_one_export(whole, own)) {
            return Place::LeftOut("its run has no manifest, as others of this export have: it is not finished");
        }
        run(own, export.modified, range_in(own))
    }
}

impl Manifest {
    fn read(export: &Export) -> Option<Self> {
        let whole = export.content.whole().ok()?;
        let bytes = whole.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&whole);
        let document: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let text = |path: &str| document.pointer(path).and_then(serde_json::Value::as_str);
        let time = |path: &str| text(path)?.parse::<DateTime<Utc>>().ok();
        let day = |path: &str| text(path)?.get(..10)?.parse::<NaiveDate>().ok();
        let blobs = document.get("blobs").and_then(serde_json::Value::as_array).map_or(&[][..], Vec::as_slice);
        let name = |blob: &serde_json::Value| blob.get("blobName").unwrap_or(blob).as_str().map(str::to_owned);
        let count = |value: &serde_json::Value| value.get("dataRowCount").and_then(serde_json::Value::as_u64);
        let by_part = || blobs.iter().map(count).sum::<Option<u64>>().filter(|_| !blobs.is_empty());
        Some(Manifest {
            made: time("/runInfo/submittedTime")
                .or_else(|| time("/runInfo/processingStartTime"))
                .unwrap_or(export.modified),
            standing: Standing::said_by(text("/exportConfig/type").unwrap_or_default()),
            rows: count(&document).or_else(by_part),
            period: day("/runInfo/startDate").zip(day("/runInfo/endDate")).filter(|(first, last)| first <= last),
            parts: blobs.iter().filter_map(name).collect(),
        })
    }

    /// Whether its list has this file, which lies in or below its folder. The list has the names of the container; here
    /// a part may lie under a shorter path, and unpacked.
    fn names(&self, folder: &str, file: &str) -> bool {
        let below = file.strip_prefix(folder).map_or(file, |rest| rest.trim_start_matches('/'));
        let below = unpacked(below);
        self.parts.iter().any(|part| {
            let part = unpacked(part);
            part.strip_suffix(below).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        })
    }
}

/// A file's name without the ending of its compression.
fn unpacked(name: &str) -> &str {
    [".gz", ".zst", ".zip"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// Files beside exports that describe them.
pub(super) fn is_description(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    matches!(last.as_str(), "manifest.json" | "model.json" | "_manifest.json")
}

fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether two folders are runs of the same export: beside each other, or at one depth below the folder of their days
/// (`EXPORT/20260501-20260531/202605110600/GUID`).
fn are_runs_of_one_export(a: &str, b: &str) -> bool {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('/').collect(), b.split('/').collect());
    let common = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    a.len() == b.len()
        && common > 0
        && (common + 1 == a.len() || a.iter().take(common).any(|part| days_in(part).is_some()))
}

/// The days in the name of a folder of the path: `20260501-20260531`.
fn range_in(path: &str) -> Option<Period> {
    path.rsplit('/').find_map(days_in)
}

fn days_in(part: &str) -> Option<Period> {
    let (first, last) = part.split_once('-')?;
    let day = |text: &str| NaiveDate::parse_from_str(text, "%Y%m%d").ok().filter(|_| text.len() == 8);
    Some((day(first)?, day(last)?)).filter(|(first, last)| first <= last)
}

/// What a run says of one billing period, over all resources.
#[derive(Clone, Default)]
struct Statement {
    /// The invoice, where the lines name one.
    invoice: Option<String>,
    /// The days of its lines.
    days: BTreeSet<NaiveDate>,
    /// The days that the run says it is of, up to its last line.
    period: Option<Period>,
    /// Whether it tells all of the invoice: by its own period, or since it has corrections beside the first day.
    whole: bool,
}

impl Statement {
    fn speaks_of_day(&self, day: NaiveDate) -> bool {
        self.days.contains(&day) || self.period.is_some_and(|(first, last)| (first..=last).contains(&day))
    }

    /// Whether it stands for a line of the same account and billing period in an older run.
    fn restates(&self, line: &Line, billed: NaiveDate) -> bool {
        if self.invoice.is_some() && line.invoice.is_some() && self.invoice != line.invoice {
            return false;
        }
        self.speaks_of_day(line.day) || (self.whole && !is_within(line.day, billed))
    }
}

/// Whether a day lies in the billing period that begins on `billed`.
fn is_within(day: NaiveDate, billed: NaiveDate) -> bool {
    day >= billed && billed.checked_add_months(Months::new(1)).is_none_or(|end| day < end)
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

impl Run {
    /// First day of the billing period that a line is billed in.
    fn billed(&self, line: &Line) -> NaiveDate {
        match self.period {
            _ if line.billed.is_some() => line.billed.unwrap_or(line.day),
            // What a run tells of days outside its own period is billed in it.
            Some((first, last)) if !(first..=last).contains(&line.day) => first_of_month(first),
            _ => first_of_month(line.day),
        }
    }

    /// What the run speaks of, by billing period and invoice.
    fn statements(&self) -> BTreeMap<(NaiveDate, Option<String>), Statement> {
        let mut all: BTreeMap<(NaiveDate, Option<String>), Statement> = BTreeMap::new();
        let lines = || self.files.iter().flat_map(|(_, lines)| lines);
        let end = |(first, last): Period| {
            let days = lines().map(|line| line.day).filter(|day| (first..=last).contains(day));
            days.max().map(|day| (first, day))
        };
        let period = self.period.and_then(end);
        for line in lines() {
            let statement = all.entry((self.billed(line), line.invoice.clone())).or_default();
            statement.days.insert(line.day);
        }
        for ((billed, invoice), statement) in &mut all {
            (statement.invoice, statement.period) = (invoice.clone(), period);
            let has_corrections = statement.days.iter().any(|day| !is_within(*day, *billed));
            let is_told = |(first, last): Period| (first..=last).contains(billed);
            statement.whole = period.is_some_and(is_told) || (has_corrections && statement.days.contains(billed));
        }
        all
    }
}

/// The lines of our accounts that no newer run restates.
pub(super) fn newest(mut runs: Vec<Run>, accounts: &BTreeSet<&str>) -> Vec<(String, Line)> {
    runs.sort_by(|a, b| b.order.cmp(&a.order));
    let mut spoken: BTreeMap<(String, NaiveDate), Vec<Statement>> = BTreeMap::new();
    let mut kept = Vec::new();
    for mut run in runs {
        let statements = run.statements();
        let mut own: BTreeSet<(String, (NaiveDate, Option<String>))> = BTreeSet::new();
        for (file, lines) in std::mem::take(&mut run.files) {
            for line in lines {
                let Some(account) = line.account.clone().filter(|a| accounts.contains(a.as_str())) else { continue };
                let billed = run.billed(&line);
                own.insert((account.clone(), (billed, line.invoice.clone())));
                let newer = spoken.get(&(account, billed)).map_or(&[][..], Vec::as_slice);
                if !newer.iter().any(|statement| statement.restates(&line, billed)) {
                    kept.push((file.clone(), line));
                }
            }
        }
        for (account, key) in own {
            if let Some(statement) = statements.get(&key) {
                spoken.entry((account, key.0)).or_default().push(statement.clone());
            }
        }
    }
    kept
}
