//! From the finished tables to the dated folder, the state and the metrics: the end of the night.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Days, NaiveDate, Utc};
use polars::prelude::DataFrame;
use serde_json::Value;
use tracing::info;

use crate::balance::Balance;
use crate::config::{Config, Csv, Mirror, Pii};
use crate::error::{Error, Result};
use crate::history;
use crate::io::mirror::send_output;
use crate::io::publish::{self, Folder, MANIFEST};
use crate::io::timings::Timings;
use crate::io::{aging, outlet, reviewed, state};
use crate::job::gather::Gathered;
use crate::job::prepare::Ready;
use crate::leads::Parsed;
use crate::pipeline::{Day, Recognised, Results, Verdicts};
use crate::queries::{Catalog, Computed};
use crate::report::{self, Facts, Report, call_list, metrics, xlsx};
use crate::tables::{self, Findings, Grain as _, Nights, Table};
use crate::tabular::ReadFile;

/// What a run says when it is done.
#[derive(Debug)]
pub struct Done {
    /// Ten lines without personal data.
    pub summary_text: String,
    /// The same and more as one JSON document.
    pub summary_json: String,
    /// The dated folder.
    pub folder: PathBuf,
    /// Whether a source or export could not be read.
    pub incomplete: bool,
    /// What could not be read, without personal data.
    pub problems: Vec<String>,
    /// The same, each with its cause and what to do.
    pub errors: Vec<String>,
    /// What was read of each export, and of each cost file.
    pub files: Vec<ReadFile>,
    /// Levels of the findings.
    pub levels: BTreeSet<String>,
    /// For the file of metrics.
    pub measured: String,
}

/// Begins the dated folder with the largest of the tables that no later stage changes.
///
/// # Errors
/// When the disk refuses it (exit 4).
pub(super) fn begun(day: &Day, parsed: &Parsed, people: &Recognised, verdicts: &Verdicts) -> Result<Folder> {
    let mut folder = Folder::new(&day.config.output.dir, day.as_of)?;
    let tables = [
        finished(&parsed.leads),
        finished(&people.identities),
        finished(&people.people),
        finished(&verdicts.crm_records),
    ];
    write_tables(&mut folder, tables.into_iter(), day.config.output.csv)?;
    Ok(folder)
}

fn finished<T: tables::Grain>(table: &Table<T>) -> (&str, &DataFrame) {
    (T::DEFINITION.name, table.frame())
}

/// Writes the dated folder, exchanges it for the one before, and keeps what later nights need.
///
/// # Errors
/// When the disk refuses it (exit 4): the folder and the state of before stay as they were.
pub(super) fn night(
    ready: &Ready,
    gathered: &Gathered,
    (results, calls): (Results, &Calls),
    balance: &Balance,
    (catalog, computed): &(Catalog, Computed),
    (mut folder, timings): (Folder, &mut Timings),
) -> Result<Done> {
    let Day { config, as_of, .. } = ready.day;
    let told = &results.conclusions.told;
    let Calls { sheets, links } = calls;
    let facts = Facts {
        balance: json(balance)?,
        exports: json(&gathered.files())?,
        inferred: json(&results.verdicts.reconciled.destinations)?,
        identity: json(&results.people.quality)?,
        problems: gathered.troubles.sentences.clone(),
        links: links.clone(),
        to_call: people_on(sheets),
        settled_hours: told.settled_hours,
        is_first: gathered.history.height() == 0,
        findings: told.findings.clone(),
        outages: results.losses.outage_words.clone(),
    };
    let report = Report::of(report::Inputs {
        as_of,
        timezone: config.report.timezone,
        pii: config.report.pii,
        catalog,
        computed,
        facts: &facts,
    })?;
    let summary_json = pretty(&report.summary_json()?)?;
    let summary_text = report.summary_text(&ready.templates)?;

    // What a user's own template or query shows, nobody here knows.
    let (full, own) = (config.report.pii == Pii::Full, !config.output.templates.at.is_empty());
    let has_own_tables = computed.tables.iter().any(|t| t.own);
    let (of_tables, pages) = rayon::join(
        || write_others(&mut folder, catalog, computed, config.output.csv),
        || {
            rayon::join(
                || Ok::<_, Error>((report.html(&ready.templates)?, report.own_pages(&ready.templates)?)),
                || {
                    let calls = || xlsx::workbook("Call list", as_of, config.report.timezone, sheets);
                    let (workbook, calls) = rayon::join(|| report.workbook(), calls);
                    Ok::<_, Error>((workbook?, calls?))
                },
            )
        },
    );
    of_tables?;
    let ((html, own_pages), (workbook, call_list)) = (pages.0?, pages.1?);
    folder.write_text("summary.json", &summary_json, false)?;
    folder.write_text("summary.txt", &summary_text, own)?;
    folder.write_text("report.html", &html, full || own)?;
    for (name, text) in own_pages {
        folder.write_text(&name, &text, true)?;
    }
    folder.write("report.xlsx", &workbook, full || has_own_tables)?;
    folder.write("call-list.xlsx", &call_list, true)?;
    timings.done("all was written");
    let manifest = manifest(ready, gathered, timings, &folder);
    folder.write_text(MANIFEST, &pretty(&manifest)?, false)?;
    let published = folder.publish()?;

    let nights = catalog.get(Nights::DEFINITION.name).cloned().unwrap_or_default();
    let entries = history::with_measures(&told.entries, &Table::<Nights>::new(nights)?, as_of)?;
    state::keep_history(&config.state_dir, as_of, &entries)?;
    state::keep_identities(&config.state_dir, as_of, &results.people.identities)?;
    state::keep_model(&config.state_dir, &results.people.model)?;
    let incomplete = !gathered.troubles.sentences.is_empty();
    for old in publish::delete_old(&config.output.dir, (as_of, ready.today), config.output.keep_days)? {
        info!("deleted the report of {old}, older than keep_days");
    }
    for old in aging::take_people(&config.output.dir, (as_of, ready.today), config.output.keep_people_days)? {
        info!("took people out of the report of {old}, older than keep_people_days");
    }
    let measured = metrics::measured(catalog, report.figures(), balance, incomplete, crate::io::now())?;
    let levels = levels(&told.findings_table)?;
    info!("published {}", published.display());
    let problems = gathered.troubles.sentences.clone();
    Ok(Done {
        summary_text,
        summary_json,
        folder: published,
        incomplete,
        problems,
        errors: gathered.troubles.errors.clone(),
        files: gathered.files().into_iter().cloned().collect(),
        levels,
        measured,
    })
}

/// Sends a published folder to its mirror.
///
/// # Errors
/// When the mirror cannot be written (exit 4).
pub(super) fn mirror(mirror: &Mirror, config: &Config, folder: &Path, now: DateTime<Utc>) -> Result<()> {
    let latest = publish::dated_folders(&config.output.dir)?.pop();
    let is_latest = latest.is_none_or(|(_, path)| path == folder);
    let oldest = now.date_naive().checked_sub_days(Days::new(config.output.keep_days.unsigned_abs()));
    send_output(mirror, folder, is_latest, oldest.unwrap_or(NaiveDate::MIN))
}

/// Writes the file of metrics, where one is configured, whatever became of the run: an alert must not rest on the good
/// nights alone.
///
/// # Errors
/// When the disk refuses it (exit 4).
pub fn keep_metrics(config: &Config, ran: &metrics::Ran, measured: Option<&str>) -> Result<()> {
    let Some(path) = &config.prometheus else { return Ok(()) };
    let before = reviewed::text(Some(path)).unwrap_or_default();
    publish::write_for_all(path, metrics::file(ran, measured, &before).as_bytes())
}

/// The contract's tables that are not written yet, and what own queries made.
fn write_others(folder: &mut Folder, catalog: &Catalog, computed: &Computed, csv: Csv) -> Result<()> {
    let ours = tables::ALL.iter().filter(|d| d.published).filter_map(|d| Some((d.name, catalog.get(d.name)?)));
    let own: Vec<_> = computed.tables.iter().filter(|t| t.own).collect();
    let all = ours.chain(own.iter().map(|table| (table.name.as_str(), &table.frame)));
    let others: Vec<_> = all.filter(|(name, _)| !folder.has_table(name)).collect();
    write_tables(folder, others.into_iter(), csv)?;
    let own = own.iter().map(|t| (t.name.as_str(), t.grain.as_str(), t.title.as_str()));
    folder.write_text("tables/README.md", &tables::in_markdown(own), false)
}

fn write_tables<'t>(
    folder: &mut Folder,
    tables: impl Iterator<Item = (&'t str, &'t DataFrame)>,
    csv: Csv,
) -> Result<()> {
    let is_csv = |table: &str| match csv {
        Csv::All => true,
        Csv::PeopleOpen => tables::is_opened(table),
        Csv::None => false,
    };
    let tables: Vec<_> = tables.map(|(name, frame)| (name, frame, is_csv(name))).collect();
    folder.write_tables(&tables)
}

/// Whom to call, and where their records are opened.
pub(super) struct Calls {
    /// The sheets of call-list.xlsx.
    sheets: Vec<xlsx::Sheet>,
    links: BTreeMap<String, String>,
}

/// Makes the call list.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub(super) fn calls(day: &Day, results: Results) -> Result<Calls> {
    let Day { config, as_of, as_of_ends_at } = *day;
    let (timezone, links) = (config.report.timezone, report::links::links(&config.destinations));
    let sheets = call_list::sheets(&call_list::Inputs {
        missed_leads: &results.conclusions.told.missed_leads,
        leads: &results.parsed.leads,
        people: &results.people.people,
        crm_records: &results.verdicts.crm_records,
        gated: &results.conclusions.gated,
        tries: &results.conclusions.tries,
        as_of,
        dnc_silences_person: config.privacy.dnc_silences_person,
        links: &links,
        split_by: config.call_list.split_by,
        as_of_ends_at,
        timezone,
    })?;
    Ok(Calls { sheets, links })
}

/// One row is one person.
fn people_on(calls: &[xlsx::Sheet]) -> i64 {
    calls.iter().map(|sheet| i64::try_from(sheet.rows.len()).unwrap_or(0)).sum()
}

fn levels(findings: &Table<Findings>) -> Result<BTreeSet<String>> {
    Ok(findings.texts("level")?.into_iter().flatten().map(str::to_owned).collect())
}

/// What went in and what came out: the only file that tells of the run itself.
fn manifest(ready: &Ready, gathered: &Gathered, timings: &Timings, folder: &Folder) -> Value {
    let sources: Vec<_> = gathered
        .fetched
        .sources
        .iter()
        .map(|s| {
            serde_json::json!({
                "name": s.name, "kind": s.kind, "objects": s.objects, "unchanged_objects": s.unchanged_objects,
                "records": s.records, "new": s.landed.new, "changed": s.landed.changed, "full": s.full,
                "newest": s.newest, "newest_test": s.newest_test, "error": s.error.as_ref().map(Error::what),
            })
        })
        .collect();
    serde_json::json!({
        "leadrecon": env!("CARGO_PKG_VERSION"),
        "as_of": ready.day.as_of,
        "started_at": ready.now,
        "ended_at": crate::io::now(),
        "threads": std::thread::available_parallelism().map_or(1, usize::from),
        "host": crate::io::host(),
        "peak_memory_bytes": crate::io::peak_memory(),
        "configuration": ready.day.config.base,
        "stages": timings.all(),
        "sources": sources,
        "inputs": gathered.inputs,
        "exports": gathered.files(),
        "outputs": folder.written,
    })
}

fn json(of: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(of).map_err(|e| Error::failed("cannot serialise a part of the report").because(e))
}

fn pretty(of: &Value) -> Result<String> {
    let text = serde_json::to_string_pretty(&outlet::document(of))
        .map_err(|e| Error::failed("cannot write JSON").because(e))?;
    Ok(text + "\n")
}
