//! What today's books say, and what earlier reports said → missed leads with their status, recovered leads, findings
//! with what is new, and today's entries.
//!
//! A run for day D is given the entries of days before D only and replaces its own, so running a day again says the
//! same: a missed lead is `new` in every run of the first day that reports it. Entries hold ids and codes, no contact.

mod nights;

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta};
use polars::prelude::*;

use crate::codes::{entry, finding, level, stage, status, verdict};
use crate::error::Result;
use crate::findings::{About, AboutLoss, Finding, Reported, Words};
use crate::tables::{Findings, Grain, History, Leads, MissedLeads, Outages, Reconciliation, RecoveredLeads, Table};

pub use nights::{Measured, nights, with_measures};

/// What the stage reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The day of the report.
    pub as_of: NaiveDate,
    /// Verdicts with their reasons.
    pub reconciliation: &'a Table<Reconciliation>,
    /// All leads.
    pub leads: &'a Table<Leads>,
    /// Outages found today.
    pub outages: &'a Table<Outages>,
    /// What the stages found.
    pub findings: &'a [Finding],
    /// Entries of days before `as_of`.
    pub earlier: &'a Table<History>,
    /// Lead ids that a person settled, by command or reviewed file.
    pub settled: &'a BTreeSet<String>,
    /// Lead and destination handed out by `replay`.
    pub replayed: &'a BTreeSet<(String, String)>,
    /// Destinations whose export is probably not complete: their missed leads are listed and call for nobody.
    pub gated: &'a BTreeSet<String>,
    /// Share of isolated misses of each destination whose export is believed, which the next run's is held against.
    pub shares: &'a BTreeMap<String, f64>,
    /// Every offer, storefront and action that leads had: what a later run holds first sights against.
    pub seen: &'a BTreeMap<(&'static str, String), i64>,
    /// Share of each destination and excluded reason, which the next run's is held against.
    pub excluded: &'a BTreeMap<(String, String), f64>,
    /// Rows of each destination, of which those shares are.
    pub rows: &'a BTreeMap<String, usize>,
    /// Open missed leads end as given-up this long after the first report.
    pub give_up: TimeDelta,
}

/// What the stage gives.
#[derive(Debug)]
pub struct Told {
    /// Missed leads, most urgent first.
    pub missed_leads: Table<MissedLeads>,
    /// Leads missed on an earlier day and matched now.
    pub recovered_leads: Table<RecoveredLeads>,
    /// All findings, with what is new.
    pub findings: Vec<ToldFinding>,
    /// The same as a table, row by row.
    pub findings_table: Table<Findings>,
    /// Today's entries, to be kept under today's date.
    pub entries: Table<History>,
    /// Median hours from the first report of a missed lead to the first that finds it settled, counted from night to
    /// night; none while nothing that was reported is settled.
    pub settled_hours: Option<f64>,
}

/// A finding, all of one text counted together, and whether it is news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldFinding {
    /// The finding.
    pub finding: Finding,
    /// What is said of it.
    pub words: Words,
    /// Whether no report told it of late.
    pub is_new: bool,
}

/// One row of today's or an earlier report.
#[derive(Clone, Debug, Default)]
struct Entry {
    entry: &'static str,
    lead_id: String,
    destination: String,
    code: String,
    about: String,
    text: Option<String>,
    person_id: Option<String>,
    reason: Option<String>,
    status: Option<String>,
    first_reported_on: Option<NaiveDate>,
    outage_id: Option<String>,
    received_at: Option<i64>,
    until_at: Option<i64>,
    value: Option<f64>,
}

/// Says what is missed, recovered and new.
///
/// # Errors
/// Only when a table does not have its agreed shape.
pub fn tell(inputs: &Inputs) -> Result<Told> {
    let past = Past::read(inputs.earlier)?;
    let mut entries = Vec::new();
    let mut findings: Vec<Finding> = inputs.findings.to_vec();

    let missed = missed(inputs, &past, &mut entries)?;
    findings.extend(missed_findings(inputs, &missed));
    let missed_leads = missed_table(inputs, &missed)?;
    let recovered_leads = recovered(inputs, &past, &mut entries)?;
    if recovered_leads.height() > 0 {
        let new = recovered_leads.frame().column("recovered_on")?.date()?.physical().iter().flatten();
        let today = new.filter(|d| *d == days(inputs.as_of)).count();
        if today > 0 {
            findings.push(Finding::list("", AboutLoss::Recovered(inputs.as_of), today));
        }
    }
    let settled_hours = settled_hours(inputs, &past);
    outage_entries(inputs, &mut entries)?;
    entries.extend(inputs.shares.iter().map(|(destination, share)| Entry {
        entry: entry::SHARE,
        destination: destination.clone(),
        code: entry::ISOLATED_SHARE.to_owned(),
        value: Some(*share),
        ..Entry::default()
    }));
    entries.extend(inputs.excluded.iter().map(|((destination, why), share)| Entry {
        entry: entry::SHARE,
        destination: destination.clone(),
        code: entry::EXCLUDED_SHARE.to_owned(),
        about: why.clone(),
        value: Some(*share),
        ..Entry::default()
    }));
    entries.extend(inputs.rows.iter().map(|(destination, rows)| Entry {
        entry: entry::SHARE,
        destination: destination.clone(),
        code: entry::ROWS.to_owned(),
        value: Some(*rows as f64),
        ..Entry::default()
    }));
    entries.extend(inputs.seen.iter().map(|((what, value), count)| Entry {
        entry: entry::SEEN,
        code: (*what).to_owned(),
        about: value.clone(),
        value: Some(*count as f64),
        ..Entry::default()
    }));
    let findings = told_findings(findings, &past.reported);
    entries.extend(finding_entries(inputs.as_of, &findings, &past.reported));
    Ok(Told {
        missed_leads,
        recovered_leads,
        findings_table: findings_table(&findings)?,
        findings,
        entries: entries_table(inputs.as_of, &entries)?,
        settled_hours,
    })
}

/// Findings that count single things under one text: each of them is news once, and not only the first.
const GROWING: [&str; 4] = [finding::FORWARDED, finding::UNEXPLAINED, finding::LOST_AT_SOURCE, finding::QUARANTINED];

/// What earlier reports said, by what it is asked for.
#[derive(Default)]
struct Past {
    /// First report of a missed lead at a destination.
    missed: BTreeMap<(String, String), NaiveDate>,
    /// Of a missed lead, the outage that lost it, by the newest report.
    outages: BTreeMap<(String, String), String>,
    /// First report that called it closed.
    closed: BTreeMap<(String, String), NaiveDate>,
    /// First report that called it matched again.
    recovered: BTreeMap<(String, String), NaiveDate>,
    /// The findings.
    reported: Reported,
}

impl Past {
    fn read(earlier: &Table<History>) -> Result<Past> {
        let frame = earlier.frame();
        let text = |name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
        let (entries, id, destination, code) = (text("entry")?, text("lead_id")?, text("destination")?, text("code")?);
        let as_of = frame.column("as_of")?.date()?.clone();
        let first = frame.column("first_reported_on")?.date()?.clone();
        let (statuses, outages) = (text("status")?, text("outage_id")?);
        let mut past = Past { reported: Reported::of(earlier)?, ..Past::default() };
        for row in 0..frame.height() {
            let (Some(of), Some(id), Some(destination), Some(code)) =
                (entries.get(row), id.get(row), destination.get(row), code.get(row))
            else {
                continue;
            };
            let Some(on) = as_of.physical().get(row).and_then(day) else { continue };
            let key = (id.to_owned(), destination.to_owned());
            match (of, code) {
                (entry::LEAD, verdict::MISSED) => {
                    if statuses.get(row) == Some(status::CLOSED) {
                        past.closed.entry(key.clone()).and_modify(|d| *d = on.min(*d)).or_insert(on);
                    }
                    // Rows are in order of their day.
                    past.outages.extend(outages.get(row).map(|outage| (key.clone(), outage.to_owned())));
                    let first = first.physical().get(row).and_then(day).unwrap_or(on).min(on);
                    past.missed.entry(key).and_modify(|d| *d = first.min(*d)).or_insert(first);
                }
                (entry::LEAD, verdict::MATCHED) => {
                    past.recovered.entry(key).and_modify(|d| *d = on.min(*d)).or_insert(on);
                }
                _ => {}
            }
        }
        Ok(past)
    }
}

/// What has come to a finding since the newest report: told as new by itself, since the finding is not.
fn growth(finding: &Finding, reported: &Reported) -> Option<Finding> {
    let newest = reported.newest.filter(|_| GROWING.contains(&finding.code()))?;
    let report = reported.lately(finding)?;
    let before = if report.on == newest { report.count } else { 0 };
    (finding.count > before).then(|| Finding {
        about: About::More(Box::new(finding.about.clone()), newest),
        count: finding.count - before,
        ..finding.clone()
    })
}

/// From the first report of each settled lead to the first that finds it settled: closed in it or, as its record was
/// found, matched. What was settled before any report said it was missed has no such time.
fn settled_hours(inputs: &Inputs, past: &Past) -> Option<f64> {
    let settled = past.missed.iter().filter(|((lead_id, _), _)| inputs.settled.contains(lead_id));
    let mut hours: Vec<i64> = settled
        .map(|(key, first)| {
            let ends = [past.closed.get(key), past.recovered.get(key)].into_iter().flatten().min();
            (*ends.unwrap_or(&inputs.as_of) - *first).num_hours()
        })
        .filter(|hours| *hours > 0)
        .collect();
    hours.sort_unstable();
    let (below, above) = (hours.get(hours.len().checked_sub(1)? / 2)?, hours.get(hours.len() / 2)?);
    Some((*below + *above) as f64 / 2.0)
}

/// One missed lead, with what the history adds.
struct Missed {
    lead_id: String,
    destination: String,
    person_id: Option<String>,
    reason: String,
    outage_id: Option<String>,
    received_at: i64,
    stage: String,
    first_reported_on: NaiveDate,
    status: &'static str,
    settled_on: Option<NaiveDate>,
}

fn missed(inputs: &Inputs, past: &Past, entries: &mut Vec<Entry>) -> Result<Vec<Missed>> {
    let frame = inputs
        .reconciliation
        .lazy()
        .filter(col("verdict").eq(lit(verdict::MISSED)))
        .join(
            inputs.leads.lazy().select([col("lead_id"), col("stage")]),
            [col("lead_id")],
            [col("lead_id")],
            JoinArgs::new(JoinType::Left),
        )
        .sort(["lead_id", "destination"], SortMultipleOptions::default())
        .collect()?;
    let text = |name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
    let (lead_id, destination, person_id, reason, outage_id, stages) = (
        text("lead_id")?,
        text("destination")?,
        text("person_id")?,
        text("reason")?,
        text("outage_id")?,
        text("stage")?,
    );
    let received_at = frame.column("received_at")?.datetime()?.clone();
    let owned = |column: &StringChunked, row: usize| column.get(row).map(str::to_owned);
    let mut missed = Vec::with_capacity(frame.height());
    for row in 0..frame.height() {
        let (Some(lead_id), Some(destination)) = (owned(&lead_id, row), owned(&destination, row)) else { continue };
        let key = (lead_id.clone(), destination.clone());
        let first = past.missed.get(&key).copied().unwrap_or(inputs.as_of);
        let status = if inputs.settled.contains(&lead_id) {
            status::CLOSED
        } else if first + inputs.give_up <= inputs.as_of {
            status::GIVEN_UP
        } else if first == inputs.as_of {
            // Also where it was handed out the same day: a day's report says the same however often it is run.
            status::NEW
        } else if inputs.replayed.contains(&key) {
            status::REPLAYED
        } else {
            status::OPEN
        };
        let one = Missed {
            person_id: owned(&person_id, row),
            reason: owned(&reason, row).unwrap_or_default(),
            outage_id: owned(&outage_id, row),
            received_at: received_at.physical().get(row).unwrap_or_default(),
            stage: owned(&stages, row).unwrap_or_else(|| stage::NONE.to_owned()),
            first_reported_on: first,
            status,
            settled_on: (status == status::CLOSED).then(|| past.closed.get(&key).copied().unwrap_or(inputs.as_of)),
            lead_id,
            destination,
        };
        entries.push(Entry {
            entry: entry::LEAD,
            lead_id: one.lead_id.clone(),
            destination: one.destination.clone(),
            code: verdict::MISSED.to_owned(),
            person_id: one.person_id.clone(),
            reason: Some(one.reason.clone()),
            status: Some(status.to_owned()),
            first_reported_on: Some(first),
            outage_id: one.outage_id.clone(),
            received_at: Some(one.received_at),
            ..Entry::default()
        });
        missed.push(one);
    }
    missed.sort_by(|a, b| {
        (status_rank(a.status), stage_rank(&a.stage), std::cmp::Reverse(a.received_at), &a.lead_id, &a.destination).cmp(
            &(
                status_rank(b.status),
                stage_rank(&b.stage),
                std::cmp::Reverse(b.received_at),
                &b.lead_id,
                &b.destination,
            ),
        )
    });
    Ok(missed)
}

/// New first, then what still waits, then what is settled.
fn status_rank(status: &str) -> usize {
    [status::NEW, status::OPEN, status::REPLAYED, status::GIVEN_UP, status::CLOSED]
        .iter()
        .position(|s| *s == status)
        .unwrap_or(9)
}

/// Nearest to money first.
fn stage_rank(found: &str) -> usize {
    [stage::PURCHASE, stage::CONTACT, stage::INTEREST, stage::TRIAL].iter().position(|s| *s == found).unwrap_or(9)
}

/// One finding for each destination and day of first report, so that each loss is told once as new and its text holds
/// while the number still open shrinks.
fn missed_findings(inputs: &Inputs, missed: &[Missed]) -> Vec<Finding> {
    let mut groups: BTreeMap<(&str, NaiveDate, bool), i64> = BTreeMap::new();
    for one in missed {
        let waits = [status::NEW, status::OPEN, status::REPLAYED].contains(&one.status);
        if waits && !inputs.gated.contains(&one.destination) {
            let urgent = [stage::PURCHASE, stage::CONTACT].contains(&one.stage.as_str());
            *groups.entry((&one.destination, one.first_reported_on, urgent)).or_default() += 1;
        }
    }
    groups
        .into_iter()
        .map(|((destination, first_reported_on, is_urgent), count)| {
            let level = if is_urgent { level::MAIL } else { level::LIST };
            Finding::new(level, destination, AboutLoss::Missed { is_urgent, first_reported_on }, count)
        })
        .collect()
}

fn missed_table(inputs: &Inputs, missed: &[Missed]) -> Result<Table<MissedLeads>> {
    let texts = |of: fn(&Missed) -> Option<&str>| missed.iter().map(of).collect::<Vec<_>>();
    let frame = df!(
        "order" => (0..missed.len()).map(|n| n as u32).collect::<Vec<_>>(),
        "lead_id" => texts(|m| Some(&m.lead_id)),
        "destination" => texts(|m| Some(&m.destination)),
        "person_id" => texts(|m| m.person_id.as_deref()),
        "reason" => texts(|m| Some(&m.reason)),
        "outage_id" => texts(|m| m.outage_id.as_deref()),
        "first_reported_on" => missed.iter().map(|m| m.first_reported_on).collect::<Vec<_>>(),
        "status" => texts(|m| Some(m.status)),
        "settled_on" => missed.iter().map(|m| m.settled_on).collect::<Vec<_>>(),
    )?;
    let kept: Vec<Expr> = MissedLeads::DEFINITION
        .columns
        .iter()
        .map(|c| c.name)
        .filter(|name| inputs.leads.frame().column(name).is_ok())
        .map(col)
        .collect();
    let joined = frame
        .lazy()
        .join(inputs.leads.lazy().select(kept), [col("lead_id")], [col("lead_id")], JoinArgs::new(JoinType::Left))
        .sort(["order"], SortMultipleOptions::default())
        .drop(by_name(["order"], true, false))
        .collect()?;
    Table::in_order(joined)
}

fn recovered(inputs: &Inputs, past: &Past, entries: &mut Vec<Entry>) -> Result<Table<RecoveredLeads>> {
    let keys: Vec<&(String, String)> = past.missed.keys().collect();
    let before = df!(
        "lead_id" => keys.iter().map(|k| k.0.as_str()).collect::<Vec<_>>(),
        "destination" => keys.iter().map(|k| k.1.as_str()).collect::<Vec<_>>(),
        "first_reported_on" => keys.iter().map(|k| past.missed[*k]).collect::<Vec<_>>(),
        "lost_in" => keys.iter().map(|k| past.outages.get(*k).map(String::as_str)).collect::<Vec<_>>(),
        "recovered_on" => keys.iter().map(|k| past.recovered.get(*k).copied().unwrap_or(inputs.as_of)).collect::<Vec<_>>(),
    )?;
    let frame = before
        .lazy()
        .join(
            inputs.reconciliation.lazy().filter(col("verdict").eq(lit(verdict::MATCHED))),
            [col("lead_id"), col("destination")],
            [col("lead_id"), col("destination")],
            JoinArgs::new(JoinType::Inner),
        )
        .select([
            col("lead_id"),
            col("person_id"),
            col("destination"),
            col("first_reported_on"),
            col("recovered_on"),
            col("record_id"),
            col("lost_in").alias("outage_id"),
            col("delay_seconds").alias("waited_seconds"),
        ])
        .collect()?;
    let table = Table::<RecoveredLeads>::new(frame)?;
    let frame = table.frame();
    let text = |name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
    let (lead_id, destination, person_id) = (text("lead_id")?, text("destination")?, text("person_id")?);
    let first = frame.column("first_reported_on")?.date()?.clone();
    for row in 0..frame.height() {
        let (Some(lead_id), Some(destination)) = (lead_id.get(row), destination.get(row)) else { continue };
        entries.push(Entry {
            entry: entry::LEAD,
            lead_id: lead_id.to_owned(),
            destination: destination.to_owned(),
            code: verdict::MATCHED.to_owned(),
            person_id: person_id.get(row).map(str::to_owned),
            first_reported_on: first.physical().get(row).and_then(day),
            ..Entry::default()
        });
    }
    Ok(table)
}

fn outage_entries(inputs: &Inputs, entries: &mut Vec<Entry>) -> Result<()> {
    let frame = inputs.outages.frame();
    let text = |name: &str| -> Result<StringChunked> { Ok(frame.column(name)?.str()?.clone()) };
    let (id, destination, scope) = (text("outage_id")?, text("destination")?, text("scope")?);
    let (began, ended) =
        (frame.column("began_by")?.datetime()?.clone(), frame.column("ended_after")?.datetime()?.clone());
    let missed = frame.column("missed")?.i64()?.clone();
    for row in 0..frame.height() {
        let (Some(id), Some(destination), Some(scope)) = (id.get(row), destination.get(row), scope.get(row)) else {
            continue;
        };
        entries.push(Entry {
            entry: entry::OUTAGE,
            destination: destination.to_owned(),
            code: scope.to_owned(),
            about: id.to_owned(),
            received_at: began.physical().get(row),
            until_at: ended.physical().get(row),
            value: missed.get(row).map(|m| m as f64),
            ..Entry::default()
        });
    }
    Ok(())
}

/// Each destination's missed share in the newest of these reports, for the plausibility gate.
///
/// # Errors
/// Only when the table does not have its agreed shape.
pub fn isolated_shares(earlier: &Table<History>) -> Result<BTreeMap<String, f64>> {
    let frame = earlier.frame();
    let (destination, code) = (frame.column("destination")?.str()?.clone(), frame.column("code")?.str()?.clone());
    let value = frame.column("value")?.f64()?.clone();
    // Rows are sorted by as-of date, so the newest wins.
    let shares = (0..frame.height()).filter(|row| code.get(*row) == Some(entry::ISOLATED_SHARE));
    Ok(shares.filter_map(|row| Some((destination.get(row)?.to_owned(), value.get(row)?))).collect())
}

/// Most urgent first, then by code, destination and text. Those of one text are one, and what has come to a finding
/// follows it.
fn told_findings(findings: Vec<Finding>, reported: &Reported) -> Vec<ToldFinding> {
    let grown: Vec<Finding> = findings.iter().filter_map(|finding| growth(finding, reported)).collect();
    let mut told: BTreeMap<(usize, &'static str, String, String), ToldFinding> = BTreeMap::new();
    for finding in findings.into_iter().chain(grown) {
        let rank = level::ALL.iter().position(|l| *l == finding.level).unwrap_or(level::ALL.len() - 1);
        let words = finding.words();
        match told.entry((rank, words.code, finding.destination.clone(), words.text())) {
            MapEntry::Occupied(mut known) => known.get_mut().finding.count += finding.count,
            MapEntry::Vacant(place) => {
                let is_new = reported.lately(&finding).is_none();
                place.insert(ToldFinding { finding, words, is_new });
            }
        }
    }
    told.into_values().collect()
}

/// One for each code, destination and subject: of several levels or texts the most urgent.
fn finding_entries(as_of: NaiveDate, findings: &[ToldFinding], reported: &Reported) -> Vec<Entry> {
    let entry = |ToldFinding { finding, words, .. }: &ToldFinding| Entry {
        entry: entry::FINDING,
        destination: finding.destination.clone(),
        code: words.code.to_owned(),
        about: words.subject.clone(),
        text: Some(words.text()),
        first_reported_on: Some(reported.lately(finding).map_or(as_of, |report| report.since)),
        value: Some(finding.count as f64),
        ..Entry::default()
    };
    let mut told = BTreeSet::new();
    let mut entries = Vec::new();
    for one in findings {
        if told.insert((one.words.code, &one.finding.destination, &one.words.subject)) {
            entries.push(entry(one));
        }
    }
    entries
}

fn findings_table(findings: &[ToldFinding]) -> Result<Table<Findings>> {
    Table::in_order(df!(
        "level" => findings.iter().map(|f| f.finding.level).collect::<Vec<_>>(),
        "code" => findings.iter().map(|f| f.words.code).collect::<Vec<_>>(),
        "destination" => findings.iter().map(|f| f.finding.destination.as_str()).collect::<Vec<_>>(),
        "text" => findings.iter().map(|f| f.words.text()).collect::<Vec<_>>(),
        "count" => findings.iter().map(|f| f.finding.count).collect::<Vec<_>>(),
        "new" => findings.iter().map(|f| f.is_new).collect::<Vec<_>>(),
    )?)
}

/// Entries as version 0.1 kept them, as they are kept now: `lead_id` held an outage's id, a finding's sentence and what
/// was seen, and the code of a share its reason. The sentence was the finding's identity, so it is what it is about.
///
/// # Errors
/// When the entries have another shape.
pub fn from_version_0_1(entries: DataFrame) -> Result<DataFrame> {
    const SHARE: &str = "excluded-share:";
    let is = |of: &str| col("entry").eq(lit(of));
    let nothing = || lit(NULL).cast(DataType::String);
    let reason = col("code").str().strip_prefix(lit(SHARE));
    let is_share = is(entry::SHARE).and(col("code").str().starts_with(lit(SHARE)));
    let columns = [
        when(is(entry::LEAD)).then(col("lead_id")).otherwise(lit("")).alias("lead_id"),
        when(is_share.clone()).then(lit(entry::EXCLUDED_SHARE)).otherwise(col("code")).alias("code"),
        when(is(entry::LEAD)).then(lit("")).when(is_share).then(reason).otherwise(col("lead_id")).alias("about"),
        when(is(entry::FINDING)).then(col("lead_id")).otherwise(nothing()).alias("text"),
    ];
    Ok(entries.lazy().with_columns(columns).collect()?)
}

fn entries_table(as_of: NaiveDate, entries: &[Entry]) -> Result<Table<History>> {
    let texts = |of: fn(&Entry) -> Option<&str>| entries.iter().map(of).collect::<Vec<_>>();
    let instants = |name: &str, of: fn(&Entry) -> Option<i64>| -> Result<Series> {
        let values: Vec<Option<i64>> = entries.iter().map(of).collect();
        Ok(Series::new(name.into(), values).cast(&DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)))?)
    };
    let frame = df!(
        "as_of" => vec![as_of; entries.len()],
        "entry" => texts(|e| Some(e.entry)),
        "lead_id" => texts(|e| Some(&e.lead_id)),
        "destination" => texts(|e| Some(&e.destination)),
        "code" => texts(|e| Some(&e.code)),
        "about" => texts(|e| Some(&e.about)),
        "text" => texts(|e| e.text.as_deref()),
        "person_id" => texts(|e| e.person_id.as_deref()),
        "reason" => texts(|e| e.reason.as_deref()),
        "status" => texts(|e| e.status.as_deref()),
        "first_reported_on" => entries.iter().map(|e| e.first_reported_on).collect::<Vec<_>>(),
        "outage_id" => texts(|e| e.outage_id.as_deref()),
        "received_at" => instants("received_at", |e| e.received_at)?,
        "until_at" => instants("until_at", |e| e.until_at)?,
        "value" => entries.iter().map(|e| e.value).collect::<Vec<_>>(),
    )?;
    Table::new(frame)
}

fn day(days_since_1970: i32) -> Option<NaiveDate> {
    Some((DateTime::UNIX_EPOCH + TimeDelta::try_days(i64::from(days_since_1970))?).date_naive())
}

fn days(day: NaiveDate) -> i32 {
    i32::try_from((day - DateTime::UNIX_EPOCH.date_naive()).num_days()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn books(verdicts: &[(&str, &str, &str)]) -> (Table<Reconciliation>, Table<Leads>) {
        let ids: Vec<&str> = verdicts.iter().map(|v| v.0).collect();
        let reconciliation = Table::sample(
            df!("lead_id" => &ids, "destination" => vec!["crm"; ids.len()],
                "verdict" => verdicts.iter().map(|v| v.2).collect::<Vec<_>>(),
                "reason" => vec!["isolated"; ids.len()],
                "delay_seconds" => vec![Some(3600.0); ids.len()])
            .unwrap(),
        );
        let leads =
            Table::sample(df!("lead_id" => &ids, "stage" => verdicts.iter().map(|v| v.1).collect::<Vec<_>>()).unwrap());
        (reconciliation, leads)
    }

    fn tell_on(day: &str, verdicts: &[(&str, &str, &str)], earlier: &Table<History>) -> Told {
        let (reconciliation, leads) = books(verdicts);
        tell(&Inputs {
            as_of: on(day),
            reconciliation: &reconciliation,
            leads: &leads,
            outages: &Table::empty(),
            findings: &[],
            earlier,
            settled: &BTreeSet::from(["settled".to_owned()]),
            replayed: &BTreeSet::new(),
            gated: &BTreeSet::new(),
            shares: &BTreeMap::new(),
            seen: &BTreeMap::from([(("offer", "contoso.mesh".to_owned()), 3)]),
            excluded: &BTreeMap::new(),
            rows: &BTreeMap::new(),
            give_up: TimeDelta::days(60),
        })
        .unwrap()
    }

    fn statuses(told: &Told) -> Vec<(String, String)> {
        let frame = told.missed_leads.frame();
        let (ids, statuses) =
            (frame.column("lead_id").unwrap().str().unwrap(), frame.column("status").unwrap().str().unwrap());
        ids.iter().zip(statuses.iter()).map(|(i, s)| (i.unwrap().to_owned(), s.unwrap().to_owned())).collect()
    }

    #[test]
    fn a_missed_lead_is_new_on_its_first_day_however_often_that_day_is_run_and_open_after() {
        let verdicts = [("a", "interest", "missed"), ("b", "purchase", "missed"), ("settled", "purchase", "missed")];
        let first = tell_on("2026-05-03", &verdicts, &Table::empty());
        let again = tell_on("2026-05-03", &verdicts, &Table::empty());
        assert_eq!(statuses(&first), statuses(&again));
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(statuses(&first), [pair("b", "new"), pair("a", "new"), pair("settled", "closed")]);
        let second = tell_on("2026-05-04", &verdicts, &first.entries);
        assert_eq!(statuses(&second), [pair("b", "open"), pair("a", "open"), pair("settled", "closed")]);
        let much_later = tell_on("2026-07-02", &verdicts, &first.entries);
        assert_eq!(statuses(&much_later)[0].1, "given-up");
    }

    #[test]
    fn the_time_from_report_to_settled_is_kept_from_the_night_it_was_first_seen() {
        let lost = [("settled", "purchase", "missed"), ("a", "interest", "missed")];
        // Reported on the third, when nobody had settled it yet.
        let mut first = tell_on("2026-05-03", &lost, &Table::empty());
        assert_eq!(first.settled_hours, None, "it was settled before any report named it");
        let as_open = first.entries.lazy().with_column(lit("open").alias("status")).collect().unwrap();
        first.entries = Table::in_order(as_open).unwrap();
        let second = tell_on("2026-05-05", &lost, &first.entries);
        assert_eq!(second.settled_hours, Some(48.0));
        let mut both = first.entries.frame().clone();
        both.vstack_mut(second.entries.frame()).unwrap();
        let third = tell_on("2026-05-09", &lost[1..], &Table::new(both).unwrap());
        assert_eq!(third.settled_hours, Some(48.0), "however long ago");
    }

    #[test]
    fn each_finding_is_told_once_as_new() {
        let first = tell_on("2026-05-03", &[("b", "purchase", "missed")], &Table::empty());
        let new = |told: &Told| {
            told.findings_table.frame().column("new").unwrap().bool().unwrap().iter().flatten().collect::<Vec<_>>()
        };
        assert_eq!(new(&first), [true]);
        let second = tell_on("2026-05-04", &[("b", "purchase", "missed"), ("c", "contact", "missed")], &first.entries);
        assert_eq!(new(&second), [false, true], "the loss of the second day is news, that of the first is not");
    }

    fn news(told: &Told) -> Vec<(i64, bool)> {
        let frame = told.findings_table.frame();
        let counts = frame.column("count").unwrap().i64().unwrap().iter().flatten();
        counts.zip(frame.column("new").unwrap().bool().unwrap().iter().flatten()).collect()
    }

    #[test]
    fn a_finding_whose_sentence_is_reworded_is_no_news() {
        let first = tell_of("2026-05-03", 1, &Table::empty());
        let reworded = first.entries.lazy().with_column(lit("they were sent on").alias("text")).collect().unwrap();
        assert_eq!(news(&tell_of("2026-05-04", 1, &Table::new(reworded).unwrap())), [(1, false)]);
    }

    #[test]
    fn what_version_0_1_told_is_no_news() {
        let given = df!(
            "as_of" => [on("2026-05-03"); 3],
            "entry" => ["lead", "finding", "finding"],
            "lead_id" => [
                "b",
                "do-not-contact leads were forwarded and stand in the CRM",
                "test leads were forwarded and stand in the CRM",
            ],
            "destination" => ["crm"; 3],
            "code" => ["missed", "forwarded", "forwarded"],
            "value" => [None, Some(1.0), Some(7.0)],
        );
        let old = History::DEFINITION.sample(given.unwrap()).drop_many(["about", "text"]);
        let earlier = Table::new(from_version_0_1(old).unwrap()).unwrap();
        assert_eq!(news(&tell_of("2026-05-04", 1, &earlier)), [(1, false)]);
        assert_eq!(news(&tell_of("2026-05-04", 3, &earlier)), [(3, false), (2, true)], "counted on from what it told");
    }

    fn tell_of(day: &str, count: i64, earlier: &Table<History>) -> Told {
        let (reconciliation, leads) = books(&[]);
        let found = Finding::mail("crm", AboutLoss::DoNotContactForwarded, count);
        tell(&Inputs {
            as_of: on(day),
            reconciliation: &reconciliation,
            leads: &leads,
            outages: &Table::empty(),
            findings: if count > 0 { std::slice::from_ref(&found) } else { &[] },
            earlier,
            settled: &BTreeSet::new(),
            replayed: &BTreeSet::new(),
            gated: &BTreeSet::new(),
            shares: &BTreeMap::from([("crm".to_owned(), 0.0)]),
            seen: &BTreeMap::new(),
            excluded: &BTreeMap::new(),
            rows: &BTreeMap::new(),
            give_up: TimeDelta::days(60),
        })
        .unwrap()
    }

    #[test]
    fn what_comes_to_a_finding_is_told_as_new_and_so_is_a_finding_that_comes_back() {
        let mut history = DataFrame::empty();
        let mut told_on = |day: &str, count: i64| {
            let earlier = if history.width() == 0 { Table::empty() } else { Table::new(history.clone()).unwrap() };
            let told = tell_of(day, count, &earlier);
            if history.width() == 0 {
                history = told.entries.frame().clone();
            } else {
                history.vstack_mut(told.entries.frame()).unwrap();
            }
            news(&told)
        };
        assert_eq!(told_on("2026-05-03", 1), [(1, true)]);
        assert_eq!(told_on("2026-05-04", 1), [(1, false)]);
        assert_eq!(told_on("2026-05-05", 3), [(3, false), (2, true)], "two more were forwarded");
        assert_eq!(told_on("2026-05-06", 3), [(3, false)]);
        assert_eq!(told_on("2026-05-07", 0), []);
        assert_eq!(told_on("2026-05-20", 0), []);
        assert_eq!(told_on("2026-05-21", 1), [(1, true)], "it comes back after weeks");
    }

    #[test]
    fn a_lead_that_was_missed_and_is_matched_now_is_recovered_with_the_time_it_waited() {
        let first = tell_on("2026-05-03", &[("a", "interest", "missed")], &Table::empty());
        let second = tell_on("2026-05-04", &[("a", "interest", "matched")], &first.entries);
        let frame = second.recovered_leads.frame();
        assert_eq!(frame.height(), 1);
        assert_eq!(frame.column("waited_seconds").unwrap().f64().unwrap().get(0), Some(3600.0));
        assert_eq!(second.missed_leads.height(), 0);
        let mut both = first.entries.frame().clone();
        both.vstack_mut(second.entries.frame()).unwrap();
        let third = tell_on("2026-05-05", &[("a", "interest", "matched")], &Table::new(both).unwrap());
        let recovered_on =
            third.recovered_leads.frame().column("recovered_on").unwrap().date().unwrap().physical().get(0);
        assert_eq!(recovered_on.and_then(day), Some(on("2026-05-04")), "the day it was first seen again stays");
    }
}
