//! The nightly job, statement by statement: fetch, land, parse, link, reconcile, explain, tell, report, publish.
//!
//! Everything that a report shows is computed by pure stages from the landing, the history of earlier days, the
//! reviewed files, the configuration and the as-of date. What cannot be read is told and the job goes on without
//! concluding anything from its absence; what breaks the books stops it before anything is published.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;
use tracing::{info, warn};

use crate::balance::{self, Books, RawCounts};
use crate::codes::{Finding, finding, level};
use crate::config::{Config, Destination};
use crate::error::{Error, Result, count};
use crate::io::exports::{Cloud, Input};
use crate::io::fetch::{self, FetchReport};
use crate::io::landing::Landing;
use crate::io::landing::datasets::Dataset;
use crate::io::publish::{self, Folder, MANIFEST};
use crate::io::stages::Stages;
use crate::io::{exports, forgetting, reviewed, state};
use crate::losses::{causes, lost_at_source, outages};
use crate::monitors::{routing, silent_sources, untouched};
use crate::queries::{self, Catalog, Library};
use crate::report::{self, Facts, Templates};
use crate::report::{call_list, metrics};
use crate::tables::{self, Charges, Coverage, EarlierContacts, ExportRecords, Grain, Leads, SetAside, Spend, Table};
use crate::{cost, crm, forget, history, identity, leads, reconcile, replay, worked};

/// How to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The day of the report; today in the report's time zone if none.
    pub as_of: Option<NaiveDate>,
    /// Fetch nothing: no source and nothing from the network.
    pub offline: bool,
    /// Read every source whole.
    pub rescan: bool,
    /// How long to wait for another run.
    pub wait: Duration,
    /// Shows progress bars.
    pub progress: bool,
}

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
    /// Levels of the findings.
    pub levels: BTreeSet<String>,
}

/// CRM records in the landing.
pub const CRM_RECORDS: Dataset = Dataset { name: "crm_records", key: crm::KEY };

/// Records of witnesses in the landing, as `destination` the witness.
pub const WITNESSES: Dataset = Dataset { name: "witnesses", key: crm::KEY };

/// Expected number of false alarms about silent sources in a run.
const SILENCE_ALPHA: f64 = 0.001;

/// Memory of what `replay` handed out, below the state folder.
pub const REPLAYED: &str = "replayed.csv";

/// What goes wrong without stopping the run: it makes the run incomplete and stands in the report.
#[derive(Default)]
struct Troubles {
    findings: Vec<Finding>,
    sentences: Vec<String>,
}

impl Troubles {
    fn add(&mut self, code: &'static str, place: &str, error: &Error) {
        warn!("{place}: {error}");
        let text = error.what().to_owned();
        self.sentences.push(format!("{place}: {text}"));
        self.findings.push(Finding { level: level::MAIL, code, destination: place.to_owned(), text, count: 1 });
    }
}

/// The queries and templates of a run. Where one is the user's, all are tried on no rows, so that a fault is told before
/// any work.
///
/// # Errors
/// Exit 2 for a query or template that cannot work.
pub fn queries_and_templates(config: &Config) -> Result<(Library, Templates)> {
    let queries = reviewed::overrides(config.output.queries.as_deref(), "sql")?;
    let templates = reviewed::overrides(config.output.templates.as_deref(), "")?;
    let library = Library::new(&queries)?;
    let ours_alone = queries.is_empty() && templates.is_empty();
    let templates = Templates::new(&templates, if ours_alone { None } else { Some(library.empty()?) })?;
    Ok((library, templates))
}

/// Runs the job.
///
/// # Errors
/// Exit 5 while another run holds the lock; 2 for a configuration, query or template that cannot work, before any
/// work; 4 when something fails, earlier output left as it was.
pub fn run(config: &Config, options: &Options, now: DateTime<Utc>) -> Result<Done> {
    let mut stages = Stages::begin();
    // Everything that can be wrong without data is found out before the first fetch.
    let (library, templates) = queries_and_templates(config)?;
    let decisions = identity::decisions(&reviewed::text(config.identity.decisions.as_deref())?)?;
    let as_of = options.as_of.unwrap_or_else(|| now.with_timezone(&config.report.timezone).date_naive());
    let as_of_ends_at = queries::as_of_ends_at(as_of, config.report.timezone);

    let mut landing = Landing::open(&config.state_dir, options.wait)?;
    publish::prepare(&config.output.dir)?;
    let places = forgetting::Places {
        state: &config.state_dir,
        out: &config.output.dir,
        records: &[CRM_RECORDS, WITNESSES],
        keep: crm::NOT_PERSONAL,
    };
    if let Some(plan) = forgetting::pending(&config.state_dir)? {
        forgetting::carry_out(&plan, &BTreeSet::new(), &places, &mut landing)?;
        info!("finished an interrupted forgetting");
    }
    let earlier = state::history_before(&config.state_dir, as_of)?;
    let before = state::identities_before(&config.state_dir, as_of)?;
    let mut troubles = Troubles::default();

    // Sources and exports into the landing.
    let fetched = fetch_sources(config, options, &mut landing, now, &mut troubles)?;
    let (reads, mut inputs) =
        land_exports(config, &config.destinations, &CRM_RECORDS, options, &mut landing, now, &mut troubles)?;
    let witness_destinations: Vec<Destination> = config.witnesses.iter().map(crm::as_destination).collect();
    let (seen_by_witnesses, more) =
        land_exports(config, &witness_destinations, &WITNESSES, options, &mut landing, now, &mut troubles)?;
    inputs.extend(more);
    let money = read_money(config, options, &mut troubles, &mut inputs)?;
    let joined = landing.compact(now)?;
    if joined > 0 {
        info!("{} of the landing joined", count(joined, "small segment", "small segments"));
    }
    stages.done("all was landed");

    // Raw leads to leads.
    let settings =
        leads::Settings { as_of_ends_at, stages: &config.stages, offers: &config.offers, exclude: &config.exclude };
    let (landed, mut parsed) = read_leads(&landing, &settings)?;
    // What is too old is erased before anything is said of it, and read again so that this run says what the next will.
    // Age is never counted from a day to come: a slip in --as-of must not erase the landing.
    let old = as_of_ends_at.min(now);
    let mut aged = forget::by_age(&parsed.leads, &parsed.quarantine, before.as_ref(), &config.privacy, old)?;
    for dataset in places.records.iter().filter(|_| config.privacy.keep.is_some()) {
        let versions = landing.versions_of(dataset, Some(&forget::VERSIONS))?;
        forget::records_by_age(&mut aged, dataset.name, &versions, &config.privacy, old)?;
    }
    if !aged.is_empty() {
        let erased = forgetting::carry_out(&aged, &BTreeSet::new(), &places, &mut landing)?;
        info!(
            "{} and {} erased by age ([privacy] keep, keep_dnc)",
            leads_of(erased.raw_rows),
            count(erased.record_versions, "version of a record", "versions of records")
        );
        if !aged.leads.is_empty() {
            drop(parsed);
            (_, parsed) = read_leads(&landing, &settings)?;
        }
    }
    stages.done("all leads were read");
    info!("{} landed: {} read, {} quarantined", leads_of(landed), parsed.leads.height(), parsed.quarantine.height());
    let mut findings = parsed.findings;

    // CRM records. What is not of the as-of day is left out when it is known by which clock each export tells time.
    let (records, described_before) = read_records(&landing, config, as_of_ends_at + reconcile::farthest_clock())?;
    stages.done("all records were read");

    // People. Where the configuration names no reviewed file, `close` keeps its own.
    let reviewed_file = config.missed.worked.clone().unwrap_or_else(|| config.state_dir.join(worked::FILE));
    let worked = worked::parse(&reviewed::text(Some(&reviewed_file))?);
    let linked = identity::link(&identity::Inputs {
        leads: &parsed.leads,
        records: &records,
        earlier: &described_before,
        decisions: &decisions,
        taught: &worked::taught(&worked, &parsed.leads, &records)?,
        previous: before.as_ref(),
        threshold: config.identity.threshold,
        model: None,
    })?;
    info!("{} recognised", count(linked.people.height(), "person", "people"));
    drop((records, described_before, before, linked.links, linked.bounds));
    findings.extend(linked.findings);
    stages.done("people were recognised");

    // Verdicts, outages, causes.
    let expected = reconcile::Expected::new(
        &parsed.leads, &linked.identities, &config.destinations, &config.offers, as_of_ends_at,
    )?;
    let on_time = expected.on_time(&linked.crm_records)?;
    drop(linked.crm_records);
    let landings = landing.versions_of(&CRM_RECORDS, Some(crm::SPOKEN_FOR))?;
    let (coverage, said) =
        crm::coverage(&landings, &on_time.crm_records, &reads, &parsed.leads, &config.destinations, as_of_ends_at)?;
    drop(landings);
    findings.extend(said);
    let reconciled = expected.verdicts(&on_time, &coverage)?;
    drop(expected);
    let crm_records = on_time.crm_records;
    findings.extend(reconciled.findings);
    stages.done("verdicts were given");
    let witnesses = crm::records(&landing.versions(&WITNESSES)?, &witness_destinations, as_of_ends_at)?;
    drop(landing);
    let seen =
        lost_at_source::witnessed(&parsed.leads, &witnesses, &reconciled.unexplained, &crm_records, as_of_ends_at)?;
    findings.extend(seen.findings);
    let outage_settings = outages::Settings {
        alpha: config.outages.alpha,
        timezone: config.report.timezone,
        grace_seconds: reconciled.destinations.iter().map(|d| (d.destination.clone(), d.grace_seconds)).collect(),
    };
    let cause_settings = causes::Settings {
        timezone: config.report.timezone,
        kinds: config.destinations.iter().map(|d| (d.name.clone(), d.kind)).collect(),
    };
    let search = |explained: Option<&DataFrame>| -> Result<(outages::Found, causes::Found)> {
        let found = outages::find(
            outages::Input {
                verdicts: &reconciled.verdicts,
                leads: &parsed.leads,
                coverage: &coverage,
                lost: &seen.lost,
                earlier: &earlier,
                explained,
            },
            &outage_settings,
        )?;
        let explained = causes::find(
            causes::Input {
                verdicts: &found.verdicts,
                members: &found.members,
                leads: &parsed.leads,
                crm_records: &crm_records,
            },
            &cause_settings,
        )?;
        Ok((found, explained))
    };
    // Leads that a cause explains are no trials: without them the base rate is lower and smaller outages show.
    let first = search(None)?.1.explained;
    let (found, explained) = search(Some(&first))?;
    findings.extend(found.findings);
    findings.extend(explained.findings);
    let reconciliation = explained.reconciliation;
    stages.done("outages and causes were found");

    // Both sides of the books, counted again from the finished tables.
    let balance = balance::check(Books {
        raw: RawCounts { landed, after_as_of: parsed.after_as_of, forgotten: parsed.forgotten },
        leads: &parsed.leads,
        quarantine: &parsed.quarantine,
        reconciliation: &reconciliation,
        crm_records: &crm_records,
        unexplained: &reconciled.unexplained,
        destinations: &config.destinations,
    })?;
    let last_shares = history::missed_shares(&earlier)?;
    let (gated, shares) = reconcile::gates(&reconciliation, &coverage, &config.destinations, &last_shares)?;
    findings.extend(gated.iter().map(reconcile::Gated::finding));
    findings.extend(reconcile::cannot_show(&reconciliation, &coverage, &config.destinations)?);
    let (untouched, said) =
        untouched::find(&reconciliation, &crm_records, &config.sales, as_of_ends_at, config.report.timezone)?;
    findings.extend(said);
    let routed = routing::find(&routing::Inputs {
        as_of,
        as_of_ends_at,
        leads: &parsed.leads,
        reconciliation: &reconciliation,
        earlier: &earlier,
        has_destinations: !config.destinations.is_empty(),
    })?;
    findings.extend(routed.findings);
    // The as-of day is over for silence once it is over everywhere; a run for today speaks up to its newest lead.
    findings.extend(silent_sources::silent(
        &parsed.leads,
        seen_until(&parsed.leads, &coverage, as_of_ends_at)?,
        as_of_ends_at,
        SILENCE_ALPHA,
    )?);
    findings.extend(money.charges.findings.iter().chain(&money.spend.findings).cloned());
    findings.extend(reads.iter().chain(&seen_by_witnesses).flat_map(|r| r.findings.iter().cloned()));
    findings.extend(fetched.sources.iter().filter_map(fetch::SourceReport::clock_finding));
    findings.extend(fetch::credential_findings(config, as_of_ends_at));
    findings.extend(troubles.findings);

    // What is new.
    findings.extend(worked::findings(&worked, &parsed.leads, &crm_records)?);
    let gated: BTreeSet<String> = gated.iter().map(|g| g.destination.clone()).collect();
    let told = history::tell(&history::Inputs {
        as_of,
        reconciliation: &reconciliation,
        leads: &parsed.leads,
        outages: &found.outages,
        findings: &findings,
        earlier: &earlier,
        settled: &worked::settled(&worked, &parsed.leads)?,
        replayed: &replay::memory(&reviewed::text(Some(&config.state_dir.join(REPLAYED)))?, Some(as_of)),
        gated: &gated,
        shares: &shares,
        seen: &routed.seen,
        excluded: &routed.excluded,
        give_up: config.missed.give_up,
    })?;

    // Report tables and the promises that must hold.
    let mut set_aside = SetAside::DEFINITION.empty();
    for read in reads.iter().chain(&seen_by_witnesses) {
        set_aside.vstack_mut(read.set_aside.frame())?;
    }
    set_aside.vstack_mut(money.charges.set_aside.frame())?;
    set_aside.vstack_mut(money.spend.set_aside.frame())?;
    let mut catalog = Catalog::empty()
        .with(&parsed.leads)
        .with(&parsed.quarantine)
        .with(&linked.identities)
        .with(&linked.people)
        .with(&linked.changed_people)
        .with(&crm_records)
        .with(&Table::<SetAside>::new(set_aside)?)
        .with(&reconciliation)
        .with(&told.missed_leads)
        .with(&told.recovered_leads)
        .with(&reconciled.unexplained)
        .with(&found.lost)
        .with(&untouched)
        .with(&found.outages)
        .with(&explained.causes)
        .with(&told.findings)
        .with(&money.charges.lines)
        .with(&money.spend.lines)
        .with(&coverage)
        .with(&queries::run_table(as_of, config.report.timezone)?);
    let calendar = queries::calendar_of(&catalog, as_of, config.report.timezone)?;
    catalog = catalog.with(&calendar);
    let computed = library.run(&catalog)?;
    for table in &computed.tables {
        catalog.insert(&table.name, table.frame.clone());
    }
    stages.done("queries had run");

    // Reports.
    let files: Vec<&crm::ReadFile> = reads
        .iter()
        .chain(&seen_by_witnesses)
        .flat_map(|r| &r.files)
        .chain(&money.charges.files)
        .chain(&money.spend.files)
        .collect();
    let facts = Facts {
        balance: json(&balance)?,
        exports: json(&files)?,
        inferred: json(&reconciled.destinations)?,
        identity: json(&linked.quality)?,
        problems: troubles.sentences.clone(),
        settled_hours: told.settled_hours,
    };
    let inputs_of_report = report::Inputs {
        as_of,
        timezone: config.report.timezone,
        pii: config.report.pii,
        catalog: &catalog,
        computed: &computed,
        facts: &facts,
    };
    let summary_json = pretty(&report::summary_json(&inputs_of_report)?)?;
    let summary_text = report::summary_text(&inputs_of_report, &templates)?;

    // Publish.
    let mut folder = Folder::new(&config.output.dir, as_of)?;
    for definition in tables::ALL.iter().filter(|d| d.published) {
        if let Some(frame) = catalog.get(definition.name) {
            folder.write_table(definition.name, frame)?;
        }
    }
    for table in computed.tables.iter().filter(|t| t.own) {
        folder.write_table(&table.name, &table.frame)?;
    }
    folder.write("summary.json", summary_json.as_bytes())?;
    folder.write("summary.txt", summary_text.as_bytes())?;
    folder.write("report.html", report::html(&inputs_of_report, &templates)?.as_bytes())?;
    folder.write("report.xlsx", &report::workbook(&inputs_of_report)?)?;
    let sheets = call_list::sheets(&call_list::Inputs {
        missed_leads: &told.missed_leads,
        leads: &parsed.leads,
        people: &linked.people,
        crm_records: &crm_records,
        gated: &gated,
        dnc_silences_person: config.privacy.dnc_silences_person,
        split_by: config.call_list.split_by,
        as_of_ends_at,
        timezone: config.report.timezone,
    })?;
    folder.write("call-list.xlsx", &report::xlsx::workbook("Call list", as_of, config.report.timezone, &sheets)?)?;
    stages.done("all was written");
    let manifest = manifest(config, as_of, (now, &stages), &fetched, &inputs, &files, &folder);
    folder.write(MANIFEST, pretty(&manifest)?.as_bytes())?;
    let incomplete = !troubles.sentences.is_empty();
    let published = folder.publish()?;
    state::keep_history(&config.state_dir, as_of, &told.entries)?;
    state::keep_identities(&config.state_dir, as_of, &linked.identities)?;
    state::keep_model(&config.state_dir, &linked.model)?;
    if !incomplete {
        for old in publish::delete_old(&config.output.dir, as_of, config.output.keep_days)? {
            info!("deleted the report of {old}, older than keep_days");
        }
    }
    let levels = told.findings.frame().column("level")?.str()?.iter().flatten().map(str::to_owned).collect();
    if let Some(path) = &config.prometheus {
        let text = metrics::prometheus(
            &balance,
            &metrics::Run::of(&told.findings, &found.outages, crate::io::now(), incomplete)?,
        );
        publish::write_atomically(path, text.as_bytes())?;
    }
    info!("published {}", published.display());
    Ok(Done { summary_text, summary_json, folder: published, incomplete, levels })
}

fn json(of: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(of).map_err(|e| Error::failed("cannot serialise a part of the report").because(e))
}

fn pretty(of: &serde_json::Value) -> Result<String> {
    let text = serde_json::to_string_pretty(of).map_err(|e| Error::failed("cannot write JSON").because(e))?;
    Ok(text + "\n")
}

/// What went in and what came out: the only file that tells of the run itself.
fn manifest(
    config: &Config,
    as_of: NaiveDate,
    (now, stages): (DateTime<Utc>, &Stages),
    fetched: &FetchReport,
    inputs: &[Input],
    files: &[&crm::ReadFile],
    folder: &Folder,
) -> serde_json::Value {
    let sources: Vec<_> = fetched
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
        "as_of": as_of,
        "started_at": now,
        "ended_at": crate::io::now(),
        "threads": std::thread::available_parallelism().map_or(1, usize::from),
        "host": crate::io::host(),
        "peak_memory_bytes": crate::io::peak_memory(),
        "configuration": config.base,
        "stages": stages.all(),
        "sources": sources,
        "inputs": inputs,
        "exports": files,
        "outputs": folder.written,
    })
}

fn fetch_sources(
    config: &Config,
    options: &Options,
    landing: &mut Landing,
    now: DateTime<Utc>,
    troubles: &mut Troubles,
) -> Result<FetchReport> {
    if options.offline {
        return Ok(FetchReport::default());
    }
    let how = fetch::Options {
        base: &config.base,
        keep_out: vec![config.state_dir.clone(), config.output.dir.clone()],
        rescan: options.rescan,
        progress: options.progress,
    };
    let report = fetch::fetch(&config.sources, landing, now, &how)?;
    for source in &report.sources {
        if let Some(error) = &source.error {
            troubles.add(finding::SOURCE_UNREADABLE, &source.name, error);
        }
    }
    Ok(report)
}

/// All raw leads, read segment by segment: their payloads are never in memory together. Gives how many there are, too.
fn read_leads(landing: &Landing, settings: &leads::Settings) -> Result<(usize, leads::Parsed)> {
    let mut reader = leads::Reader::new(settings);
    landing.each_part(|part| reader.take(&part))?;
    Ok((reader.taken(), reader.finish()?))
}

/// The CRM records, made before `end`, and how they described their person before; one destination after the other.
fn read_records(
    landing: &Landing,
    config: &Config,
    end: DateTime<Utc>,
) -> Result<(Table<ExportRecords>, Table<EarlierContacts>)> {
    let (mut records, mut before) = (crm::Made::default(), EarlierContacts::DEFINITION.empty());
    for destination in &config.destinations {
        let versions = landing.versions_where(&CRM_RECORDS, "destination", &destination.name)?;
        before.vstack_mut(crm::earlier(&versions)?.frame())?;
        records.add(versions, destination, end)?;
    }
    Ok((records.table()?, Table::new(before)?))
}

/// Reads the exports of destinations, or of witnesses, and lands their records. The network is left alone when offline.
fn land_exports(
    config: &Config,
    destinations: &[Destination],
    dataset: &Dataset,
    options: &Options,
    landing: &mut Landing,
    now: DateTime<Utc>,
    troubles: &mut Troubles,
) -> Result<(Vec<crm::Read>, Vec<Input>)> {
    let keep_out = [config.state_dir.clone(), config.output.dir.clone()];
    let landed = landing.newest(dataset)?;
    let (mut reads, mut inputs) = (Vec::new(), Vec::new());
    for destination in destinations {
        let patterns: Vec<String> =
            destination.export.iter().filter(|p| !(options.offline && p.starts_with("az://"))).cloned().collect();
        let cloud = Cloud { auth: destination.auth.as_ref(), endpoint: destination.endpoint.as_deref() };
        let gathered = exports::gather(&patterns, cloud, &config.base, &keep_out);
        for problem in &gathered.problems {
            troubles.add(finding::EXPORT_UNREADABLE, &destination.name, problem);
        }
        inputs.extend(gathered.files);
        let mut read = crm::read(gathered.exports, destination, &landed)?;
        read.complete &= gathered.problems.is_empty() && patterns.len() == destination.export.len();
        for problem in &read.problems {
            troubles.add(finding::EXPORT_UNREADABLE, &destination.name, problem);
        }
        let rows = crm::to_land(&read, &landed)?;
        let appended = landing.append_versions(dataset, &rows, now)?;
        info!(
            "{}: {} in {}, {} new, {} changed",
            destination.name,
            count(read.rows.height(), "record", "records"),
            count(read.files.len(), "export", "exports"),
            appended.new,
            appended.changed
        );
        drop(rows);
        read.forget_rows();
        reads.push(read);
    }
    Ok((reads, inputs))
}

/// Cost and spend, which are read anew each time: every export restates its months.
struct Money {
    charges: cost::Read<Charges>,
    spend: cost::Read<Spend>,
}

fn read_money(config: &Config, options: &Options, troubles: &mut Troubles, inputs: &mut Vec<Input>) -> Result<Money> {
    let keep_out = [config.state_dir.clone(), config.output.dir.clone()];
    let cloud = Cloud { auth: config.cost.auth.as_ref(), endpoint: config.cost.endpoint.as_deref() };
    let mut gather = |patterns: &[String], what: &'static str, troubles: &mut Troubles| {
        let patterns: Vec<String> =
            patterns.iter().filter(|p| !(options.offline && p.starts_with("az://"))).cloned().collect();
        let gathered = exports::gather(&patterns, cloud, &config.base, &keep_out);
        for problem in &gathered.problems {
            troubles.add(finding::EXPORT_UNREADABLE, what, problem);
        }
        inputs.extend(gathered.files);
        gathered.exports
    };
    let charges = cost::charges(gather(&config.cost.azure, "cost", troubles), &config.cost)?;
    let spend = cost::spend(gather(&config.cost.spend, "spend", troubles), &config.cost)?;
    for (what, problems) in [("cost", &charges.problems), ("spend", &spend.problems)] {
        for problem in problems {
            troubles.add(finding::EXPORT_UNREADABLE, what, problem);
        }
    }
    Ok(Money { charges, spend })
}

/// The latest instant of which anything is known: the newest lead or CRM record, at the latest the end of the as-of
/// day. Not the clock: the same day run again must say the same.
fn seen_until(leads: &Table<Leads>, coverage: &Table<Coverage>, as_of_ends_at: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let newest = |frame: &DataFrame, column: &str| -> Result<Option<i64>> {
        Ok(frame.column(column)?.datetime()?.physical().max())
    };
    let known = newest(leads.frame(), "received_at")?.max(newest(coverage.frame(), "until")?);
    Ok(known.and_then(DateTime::from_timestamp_micros).unwrap_or(as_of_ends_at).min(as_of_ends_at))
}

fn leads_of(n: usize) -> String {
    count(n, "raw lead", "raw leads")
}
