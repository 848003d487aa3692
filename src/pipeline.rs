//! The one pure chain: leads and CRM records → people → verdicts → losses → conclusions → report tables.
//!
//! The nightly job, the evaluation and the tests call these phases in this order. Each takes what the phase before gave
//! and gives owned values, so that what is done with is freed. No phase touches the world: what it needs comes in as
//! tables, the configuration and the day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;

use crate::balance::{self, Balance, Books, RawCounts};
use crate::codes::{level, reason};
use crate::config::Config;
use crate::coverage::NightsRead;
use crate::error::Result;
use crate::findings::{About, AboutSetting, Finding};
use crate::history::Told;
use crate::identity::{Decisions, Linked, Quality};
use crate::leads::Parsed;
use crate::losses::{causes, outages};
use crate::monitors::undated::{self, Undated};
use crate::monitors::{routing, silent_sources, unspoken, untouched};
use crate::queries::{self, Catalog, Computed, Library};
use crate::reconcile::Reconciled;
use crate::tables::{
    ChangedPeople, Charges, ColumnsRead, Coverage, CrmRecords, EarlierContacts, ExportRecords, History, Identities,
    Leads, Nights, People, Readings, SetAside, Spend, Table, Untouched,
};
use crate::tabular::readings::Refused;
use crate::worked::{Closings, Tries};
use crate::{coverage, crm, history, identity, losses, reconcile, worked};

/// Expected number of false alarms about silent sources in a run.
const SILENCE_ALPHA: f64 = 0.001;

/// The day of the report, and by which configuration it is made.
#[derive(Clone, Copy, Debug)]
pub struct Day<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The as-of day, in the report's time zone.
    pub as_of: NaiveDate,
    /// First instant after it.
    pub as_of_ends_at: DateTime<Utc>,
}

impl<'a> Day<'a> {
    /// The day `as_of` in the report's time zone.
    pub fn new(config: &'a Config, as_of: NaiveDate) -> Self {
        Day { config, as_of, as_of_ends_at: queries::as_of_ends_at(as_of, config.report.timezone) }
    }
}

/// CRM records as the landing holds them.
#[derive(Debug)]
pub struct Records {
    /// The newest version of each.
    pub records: Table<ExportRecords>,
    /// How the same records described their person before.
    pub earlier: Table<EarlierContacts>,
}

/// What people said in reviewed files and by command.
#[derive(Debug, Default)]
pub struct Reviewed {
    /// Who is the same person, and who is not.
    pub decisions: Decisions,
    /// What became of missed leads.
    pub worked: Closings,
    /// Names of owners, by destination and id.
    pub users: BTreeMap<String, crm::Users>,
    /// Lead and destination that `replay` handed out before this day.
    pub replayed: BTreeSet<(String, String)>,
}

/// Who is who.
#[derive(Debug)]
pub struct Recognised {
    /// Person of each lead.
    pub identities: Table<Identities>,
    /// The people.
    pub people: Table<People>,
    /// Merges and splits since the run before.
    pub changed_people: Table<ChangedPeople>,
    /// Estimated quality.
    pub quality: Quality,
    /// The model that was used, as readable JSON without personal data.
    pub model: String,
    /// What a person should look at.
    pub findings: Vec<Finding>,
}

/// Recognises people among leads and gives each CRM record its person.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn people(
    day: &Day,
    leads: &Table<Leads>,
    records: Records,
    reviewed: &Reviewed,
    previous: Option<&Table<Identities>>,
) -> Result<(Recognised, Table<CrmRecords>)> {
    let linked = identity::link(&identity::Inputs {
        leads,
        records: &records.records,
        earlier: &records.earlier,
        decisions: &reviewed.decisions.made,
        taught: &worked::taught(&reviewed.worked, leads, &records.records)?,
        previous,
        threshold: day.config.identity.threshold,
        model: None,
    })?;
    let Linked { identities, people, crm_records, model, changed_people, mut findings, quality, .. } = linked;
    findings.extend(identity::unusable_decisions(&reviewed.decisions));
    Ok((Recognised { identities, people, changed_people, quality, model, findings }, crm_records))
}

/// What became of every lead at every destination, before outages and causes are known.
#[derive(Debug)]
pub struct Verdicts {
    /// The verdicts, and what was inferred of each destination.
    pub reconciled: Reconciled,
    /// The CRM records, their times read by the clock that their export keeps, up to the end of the as-of day.
    pub crm_records: Table<CrmRecords>,
    /// What each export can speak for.
    pub coverage: Table<Coverage>,
    /// Leads that a copy of their files gave their time.
    pub undated: Undated,
    /// What a person should act on.
    pub findings: Vec<Finding>,
}

/// Gives every lead its verdict at every destination. `nights`: what was read up to the as-of day. `mark`:
/// what is kept in place of an address or phone of a refused row.
///
/// # Errors
/// When a setting (`records_per`, `grace`) is contradicted by the data,
pub fn verdicts(
    day: &Day,
    leads: &Table<Leads>,
    identities: &Table<Identities>,
    crm_records: Table<CrmRecords>,
    nights: &NightsRead,
    mark: &(dyn Fn(&str) -> String + Sync),
) -> Result<Verdicts> {
    let Day { config, as_of_ends_at, .. } = *day;
    let expected = reconcile::Expected::new(leads, identities, &config.destinations, &config.offers, as_of_ends_at)?;
    let on_time = expected.on_time(&crm_records)?;
    drop(crm_records);
    let ends = |of: NaiveDate| queries::as_of_ends_at(of, config.report.timezone);
    let clock = |destination: &str, at: i64| expected.read_by_clock(&on_time, destination, at);
    let (coverage, mut findings) =
        coverage::measure(&on_time.crm_records, (nights, &clock), leads, &config.destinations, (as_of_ends_at, &ends))?;
    let refused = Refused { of: nights.refused(), mark };
    let mut reconciled = expected.verdicts(&on_time, &coverage, &refused)?;
    if let Some(keep) = config.privacy.keep {
        reconciled.forgive_before(as_of_ends_at - keep)?;
    }
    findings.append(&mut reconciled.findings);
    let undated = undated::find(leads, &on_time.crm_records)?;
    Ok(Verdicts { reconciled, crm_records: on_time.crm_records, coverage, undated, findings })
}

/// Which exports are not believed tonight, and what the believed ones leave unexplained.
#[derive(Debug, Default)]
pub struct Doubts {
    /// Destinations that lack more than they may, with the leads held back.
    pub gated: Vec<coverage::Gated>,
    /// Share of isolated misses of each believed one, for the history.
    pub shares: BTreeMap<String, f64>,
}

/// Finds what was lost together: outages, causes, and leads that only witnesses saw; and holds back what rests on an
/// export that is not believed. `past`: what believed exports left unexplained in the last report.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn losses(
    day: &Day,
    leads: &Table<Leads>,
    verdicts: &Verdicts,
    witnesses: &Table<ExportRecords>,
    (earlier, past): (&Table<History>, &BTreeMap<String, f64>),
) -> Result<(losses::Found, Doubts)> {
    let Day { config, as_of_ends_at, .. } = *day;
    let inferred = &verdicts.reconciled.destinations;
    let settings = losses::Settings {
        outages: outages::Settings {
            alpha: config.outages.alpha,
            timezone: config.report.timezone,
            grace_seconds: inferred.iter().map(|d| (d.destination.clone(), d.grace_seconds)).collect(),
            undated: verdicts.undated.leads.clone(),
        },
        causes: causes::Settings {
            timezone: config.report.timezone,
            kinds: config.destinations.iter().map(|d| (d.name.clone(), d.kind)).collect(),
        },
    };
    let input = losses::Input {
        leads,
        verdicts: &verdicts.reconciled.verdicts,
        coverage: &verdicts.coverage,
        crm_records: &verdicts.crm_records,
        unexplained: &verdicts.reconciled.unexplained,
        witnesses,
        earlier,
        as_of_ends_at,
    };
    let mut found = losses::find(input, &settings)?;
    let lost = coverage::Lost { reconciliation: &found.reconciliation, timeless: &found.timeless.rows };
    let (gated, shares) = coverage::gates(lost, &verdicts.coverage, &config.destinations, past, day.as_of)?;
    found.hold_back(&gated.iter().map(|gated| gated.destination.clone()).collect())?;
    Ok((found, Doubts { gated, shares }))
}

/// Raw leads, and records of each destination, that were taken out of the landing by command.
pub type Retracted = (usize, BTreeMap<String, usize>);

/// Counts both sides of the books again from the finished tables. `landed` is the number of raw leads.
///
/// # Errors
/// When the books do not balance: nothing may be published then.
pub fn balance(
    day: &Day,
    landed: usize,
    parsed: &Parsed,
    verdicts: &Verdicts,
    losses: &losses::Found,
    retracted: &Retracted,
    readings: &Table<Readings>,
) -> Result<Balance> {
    balance::check(Books {
        raw: RawCounts {
            landed,
            after_as_of: parsed.after_as_of,
            forgotten: parsed.forgotten.len(),
            retracted: retracted.0,
        },
        retracted: &retracted.1,
        leads: &parsed.leads,
        quarantine: &parsed.quarantine,
        reconciliation: &losses.reconciliation,
        crm_records: &verdicts.crm_records,
        unexplained: &verdicts.reconciled.unexplained,
        readings,
        as_of: day.as_of,
        destinations: &day.config.destinations,
    })
}

/// What the night concludes: what is new, whom to call, what to watch.
#[derive(Debug)]
pub struct Conclusions {
    /// Missed and recovered leads, findings, and today's entries of the history.
    pub told: Told,
    /// Delivered leads that nobody touched.
    pub untouched: Table<Untouched>,
    /// Destinations whose export is not believed: nobody is called for them.
    pub gated: BTreeSet<String>,
    /// Lead id to the tries to reach its person.
    pub tries: BTreeMap<String, Tries>,
}

/// What earlier phases and the reading found, for the list of findings.
#[derive(Debug, Default)]
pub struct Findings {
    /// Of leads, people, verdicts and losses.
    pub of_stages: Vec<Finding>,
    /// Of sources, exports, cost files and credentials.
    pub of_reading: Vec<Finding>,
}

/// Holds the day against the history: plausible exports, monitors, and which findings are new.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn conclude(
    day: &Day,
    parsed: &Parsed,
    verdicts: &Verdicts,
    (losses, doubts): (&losses::Found, &Doubts),
    findings: Findings,
    reviewed: &Reviewed,
    (earlier, nights): (&Table<History>, &NightsRead),
) -> Result<Conclusions> {
    let Day { config, as_of, as_of_ends_at } = *day;
    let (leads, reconciliation, coverage) = (&parsed.leads, &losses.reconciliation, &verdicts.coverage);
    let Findings { of_stages: mut findings, of_reading } = findings;

    findings.extend(losses.of_causes.iter().cloned());
    let unbelieved = unbelieved(coverage, doubts)?;
    // What an export that is not believed shows is no outage to wake anybody for: its own page says what it may be.
    for found in findings.iter_mut().filter(|f| f.level == level::PAGE && unbelieved.contains(&f.destination)) {
        found.level = level::LIST;
    }
    findings.extend(doubts.gated.iter().map(coverage::Gated::finding));
    findings.extend(coverage::cannot_show(reconciliation, coverage, &config.destinations, as_of)?);
    let (untouched, of_untouched) =
        untouched::find(reconciliation, &verdicts.crm_records, &config.sales, as_of_ends_at, config.report.timezone)?;
    findings.extend(of_untouched);
    let routed = routing::find(&routing::Inputs {
        as_of,
        as_of_ends_at,
        leads,
        forgotten: &parsed.forgotten,
        keep_dnc: config.privacy.keep_dnc,
        reconciliation,
        earlier,
        has_destinations: !config.destinations.is_empty(),
    })?;
    findings.extend(routed.findings);
    let patience = verdicts.reconciled.destinations.iter().map(|inferred| {
        let interval_days = nights.interval_days(&inferred.destination);
        (inferred.destination.clone(), unspoken::Patience { grace_seconds: inferred.grace_seconds, interval_days })
    });
    let records = &verdicts.crm_records;
    let mut waits =
        unspoken::find(reconciliation, records, &patience.collect(), as_of_ends_at, config.report.timezone)?;
    // What an export that lacks too much holds back is told with it.
    let is_told = |f: &Finding| doubts.gated.iter().any(|gated| gated.destination == f.destination);
    waits.retain(|found| !(is_told(found) && found.is_unspoken_for(reason::EXPORT_DOUBTFUL)));
    findings.extend(waits);
    // The as-of day is over for silence once it is over everywhere; a run for today speaks up to its newest lead.
    let seen_until = seen_until(leads, coverage, as_of_ends_at)?;
    findings.extend(verdicts.undated.findings.iter().cloned());
    findings.extend(silent_sources::silent(leads, seen_until, as_of_ends_at, SILENCE_ALPHA)?);
    findings.extend(of_reading);
    findings.extend(worked::findings(&reviewed.worked, leads, &verdicts.crm_records)?);
    // Without a history everything is new: nobody is woken for what may have been told long ago.
    if findings.iter().any(|f| matches!(f.about, About::Setting(AboutSetting::StateBegan(_)))) {
        findings.iter_mut().filter(|f| f.level == level::PAGE).for_each(|f| f.level = level::MAIL);
    }

    let told = history::tell(&history::Inputs {
        as_of,
        reconciliation,
        leads,
        outages: &losses.outages,
        findings: &findings,
        earlier,
        settled: &worked::settled(&reviewed.worked, leads)?,
        replayed: &reviewed.replayed,
        gated: &unbelieved,
        shares: &doubts.shares,
        seen: &routed.seen,
        excluded: &routed.excluded,
        rows: &routed.rows,
        give_up: config.missed.give_up,
    })?;
    let tries = worked::tries(&reviewed.worked, leads)?;
    Ok(Conclusions { told, untouched, gated: unbelieved, tries })
}

/// Destinations whose export is not believed tonight: it shows less than it did, or less than it should.
fn unbelieved(coverage: &Table<Coverage>, doubts: &Doubts) -> Result<BTreeSet<String>> {
    let silent = coverage.texts("destination")?.into_iter().zip(coverage.texts("silent")?);
    let doubtful = silent.filter(|(_, why)| *why == Some(reason::EXPORT_DOUBTFUL)).filter_map(|(name, _)| name);
    let lacking = doubts.gated.iter().map(|gated| gated.destination.as_str());
    Ok(doubtful.chain(lacking).map(str::to_owned).collect())
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

/// Everything that the phases gave, for the tables and the reports.
#[derive(Clone, Copy, Debug)]
pub struct Results<'a> {
    /// Raw leads, read.
    pub parsed: &'a Parsed,
    /// Who is who.
    pub people: &'a Recognised,
    /// What became of every lead.
    pub verdicts: &'a Verdicts,
    /// What was lost together.
    pub losses: &'a losses::Found,
    /// What is new.
    pub conclusions: &'a Conclusions,
    /// Refused rows of exports and cost files.
    pub set_aside: &'a Table<SetAside>,
    /// What each night's reading of each file gave.
    pub readings: &'a Table<Readings>,
    /// What every column of every file was taken for.
    pub columns_read: &'a Table<ColumnsRead>,
    /// What earlier reports said.
    pub history: &'a Table<History>,
    /// Lines of Azure cost files.
    pub charges: &'a Table<Charges>,
    /// Lines of marketing spend.
    pub spend: &'a Table<Spend>,
}

/// What the nights were measured by, this one last.
///
/// # Errors
/// Only when a table does not have its agreed shape.
fn measured(day: &Day, results: &Results) -> Result<Table<Nights>> {
    history::nights(&history::Measured {
        as_of: day.as_of,
        as_of_ends_at: day.as_of_ends_at,
        reconciliation: &results.losses.reconciliation,
        missed_leads: &results.conclusions.told.missed_leads,
        recovered_leads: &results.conclusions.told.recovered_leads,
        coverage: &results.verdicts.coverage,
        identity: (results.people.quality.precision, results.people.quality.recall),
        earlier: results.history,
    })
}

/// All tables of the night, and what the queries make of them.
///
/// # Errors
/// When a query or a check fails.
pub fn tables(day: &Day, library: &Library, results: Results) -> Result<(Catalog, Computed)> {
    let Results { parsed, people, verdicts, losses, conclusions, .. } = results;
    let timezone = day.config.report.timezone;
    let mut catalog = Catalog::empty()
        .with(&parsed.leads)
        .with(&parsed.quarantine)
        .with(&people.identities)
        .with(&people.people)
        .with(&people.changed_people)
        .with(&verdicts.crm_records)
        .with(results.readings)
        .with(results.columns_read)
        .with(results.set_aside)
        .with(&losses.reconciliation)
        .with(&conclusions.told.missed_leads)
        .with(&conclusions.told.recovered_leads)
        .with(&verdicts.reconciled.unexplained)
        .with(&losses.lost)
        .with(&conclusions.untouched)
        .with(&losses.outages)
        .with(&losses.causes)
        .with(&conclusions.told.findings_table)
        .with(results.charges)
        .with(results.spend)
        .with(&verdicts.coverage)
        .with(&measured(day, &results)?)
        .with(&queries::offer_values(&day.config.offers)?)
        .with(&queries::run_table(day.as_of, timezone)?);
    let calendar = queries::calendar_of(&catalog, day.as_of, timezone)?;
    catalog = catalog.with(&calendar);
    let computed = library.run(&catalog)?;
    for table in &computed.tables {
        catalog.insert(&table.name, table.frame.clone());
    }
    Ok((catalog, computed))
}
