//! Missed leads in kind → causes: what those outside outages share that the delivered ones do not, and what to look at.
//!
//! Takes verdicts and the leads that outages cost; gives the final reconciliation and the causes. Every condition is
//! tested with Fisher's exact test (one-sided, hypergeometric; Fisher 1935), multiplied by the number of conditions tried
//! (Bonferroni), so the expected number of false causes in a run is bounded. The most telling condition is taken first;
//! what it explains is set aside, and the rest is tested again. Where many leads get through under a condition, or none
//! alone explains anything, two together are tried: plain ones only, every pair of them counted. Conditions come from what forwarders and CRMs refuse:
//! empty and over-long fields, characters, pick-list values, known people, bursts, caps, times. What conditions there are
//! stands in [`conditions`], what to do about each in [`advice`].

mod advice;
mod conditions;
mod fisher;
mod pairs;
mod pattern;

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use polars::prelude::*;
use rayon::prelude::*;

use self::conditions::{Condition, Family, People, Row, Texts};
use self::fisher::{ALPHA, Contrast, LEAST_MISSED, as_number, e_value};
use self::pattern::{Pattern, PatternFound};
use crate::codes::{reason, verdict};
use crate::config::DestinationKind;
use crate::error::Result;
use crate::findings::{self, AboutLoss, Finding};
use crate::tables::{Causes, CrmRecords, Leads, Reconciliation, Table, Verdicts};

/// What the search needs beside the tables.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The report's time zone: hours, weekdays and days are its.
    pub timezone: Tz,
    /// Kind of each destination, for limits and advice.
    pub kinds: BTreeMap<String, DestinationKind>,
}

/// The tables that the search takes.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Verdicts, as the search for outages left them.
    pub verdicts: &'a Table<Verdicts>,
    /// lead_id, destination, outage_id of the leads that outages cost.
    pub members: &'a DataFrame,
    /// What is asked of leads and records.
    pub asked: &'a Asked<'a>,
}

/// What every search for causes asks of leads and records: read once.
pub struct Asked<'a> {
    texts: Texts<'a>,
    people: People<'a>,
    /// What each offer is called.
    titles: BTreeMap<String, String>,
}

impl<'a> Asked<'a> {
    /// Of the leads, and of the destinations' records with their people.
    ///
    /// # Errors
    /// Only if a table does not have its agreed shape.
    pub fn of(leads: &'a Table<Leads>, crm_records: &'a Table<CrmRecords>) -> Result<Self> {
        let (texts, people) = rayon::join(|| Texts::read(leads), || People::read(crm_records));
        Ok(Asked { texts: texts?, people: people?, titles: findings::titles(leads.frame())? })
    }
}

impl std::fmt::Debug for Asked<'_> {
    /// Nothing of its rows: they are personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

/// What the search gives.
#[derive(Debug)]
pub struct Found {
    /// The verdicts with their final reasons and outages.
    pub reconciliation: Table<Reconciliation>,
    /// The patterns.
    pub causes: Table<Causes>,
    /// lead_id, destination, share: the leads under the condition of a cause, missed, delivered or pending, those inside
    /// outages too, and the share of them that it takes: for a second search for outages. A loss that recurs every
    /// Wednesday is no outage of every Wednesday.
    pub explained: DataFrame,
    /// What neither begins nor ends, and tells no moments apart.
    pub timeless: Timeless,
    /// What a person should act on, one for each cause.
    pub findings: Vec<Finding>,
}

/// Causes without contrast in time: what an export always leaves out looks like one.
#[derive(Debug, Default)]
pub struct Timeless {
    /// Rows of the verdicts that such a cause explains, and none that begins or ends.
    pub rows: BTreeSet<usize>,
    /// Rows of the causes.
    pub causes: BTreeSet<usize>,
}

/// Finds the causes at every destination.
///
/// # Errors
/// Only if a table does not have its agreed shape.
pub fn find(input: Input, settings: &Settings) -> Result<Found> {
    let Asked { texts, people, titles } = input.asked;
    let outages = outage_of(input.members)?;
    let mut by_destination = read_rows(&input, texts, settings)?;
    let mut causes: Vec<Cause> = Vec::new();
    // Row of the verdicts to the share of leads that its cause takes.
    let mut explained: PlHashMap<usize, f64> = PlHashMap::default();
    let (mut timeless, mut timely) = (Timeless::default(), BTreeSet::new());

    // One bound for the whole run: every condition of every destination shares it.
    let mut searches = Vec::new();
    let mut within_outages: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    for (destination, rows) in &mut by_destination {
        for row in rows.iter_mut() {
            row.known = people.knows_before(destination, row.person, row.at, row.record);
        }
        let is_within =
            |row: &mut Row| row.set_aside || (row.missed && outages.contains_key(&(row.lead_id, *destination)));
        within_outages.insert(destination, rows.extract_if(.., is_within).collect());
        if rows.iter().filter(|r| r.missed).count() < LEAST_MISSED || rows.iter().all(|r| r.missed) {
            continue;
        }
        let kind = settings.kinds.get(*destination).copied();
        let families = Family::all(rows, texts);
        searches.push((*destination, kind, families));
    }
    let tests: usize = searches
        .iter()
        .map(|(destination, _, families)| {
            let rows = by_destination.get(destination).map(Vec::as_slice).unwrap_or_default();
            families.par_iter().map(|f| f.conditions(rows, texts).len()).sum::<usize>()
        })
        .sum();
    let bound = Bound { tests, destinations: searches.len() };
    let rows_of: Vec<(Vec<Row>, Vec<Row>)> = searches
        .iter()
        .map(|(destination, ..)| {
            let rows = by_destination.remove(destination).unwrap_or_default();
            (rows, within_outages.remove(destination).unwrap_or_default())
        })
        .collect();
    let found = searches.par_iter().zip(rows_of).map(|((destination, kind, families), (rows, aside))| {
        let search = Search { destination, kind: *kind, families, texts, titles };
        search.causes(rows, &aside, &bound)
    });
    for (cause, takes) in found.collect::<Vec<_>>().into_iter().flatten() {
        if !takes.changes {
            timeless.causes.insert(causes.len());
        }
        for verdict in takes.verdicts {
            let rows = if takes.changes { &mut timely } else { &mut timeless.rows };
            rows.insert(verdict);
            explained.entry(verdict).and_modify(|known| *known = known.max(takes.share)).or_insert(takes.share);
        }
        causes.push(cause);
    }

    let findings = causes
        .iter()
        .map(|cause| {
            let (pattern, text, advice) = (cause.pattern.clone(), cause.text.clone(), cause.advice.clone());
            let about = AboutLoss::Cause(findings::Cause { pattern, text, advice });
            Finding::mail(cause.destination, about, cause.missed)
        })
        .collect();
    timeless.rows.retain(|row| !timely.contains(row));
    Ok(Found {
        timeless,
        reconciliation: reconciliation(input.verdicts, &outages, &explained)?,
        explained: explained_frame(input.verdicts, &explained)?,
        causes: into_table(&causes)?,
        findings,
    })
}

/// What shares the bound on false causes.
struct Bound {
    /// Conditions of all destinations.
    tests: usize,
    destinations: usize,
}

/// What a cause takes.
struct Takes {
    /// Rows of the verdicts under its condition.
    verdicts: Vec<usize>,
    /// The share of them that is lost.
    share: f64,
    /// Whether it begins or ends.
    changes: bool,
}

/// The search at one destination.
struct Search<'s, 'a> {
    destination: &'a str,
    kind: Option<DestinationKind>,
    families: &'s [Family],
    texts: &'s Texts<'a>,
    /// What each offer is called.
    titles: &'s BTreeMap<String, String>,
}

impl<'a> Search<'_, 'a> {
    /// The causes, the most telling first, with what each takes. `aside`: leads inside outages.
    fn causes(&self, mut rows: Vec<Row>, aside: &[Row], bound: &Bound) -> Vec<(Cause<'a>, Takes)> {
        let Search { destination, kind, families, texts, titles } = *self;
        let mut causes = Vec::new();
        while let Some(found) = most_telling(families, &rows, texts, bound.tests)
            .map(|found| pairs::refined(found, families, &rows, texts))
            .or_else(|| pairs::most_telling(families, &rows, texts, kind, bound.destinations))
        {
            let pattern = found.pattern.sharpened(kind);
            let met: Vec<&Row> = aside.iter().chain(rows.iter()).filter(|row| pattern.holds(row, texts)).collect();
            // On the safe side, by the rule of succession and with those inside outages: what a cause takes anyhow
            // proves none, and a first search may have taken its worst days for outages.
            let missed = met.iter().filter(|row| row.missed).count();
            let takes = Takes {
                verdicts: met.iter().map(|row| row.verdict).collect(),
                share: as_number(missed + 1) / as_number(missed + found.delivered + 1),
                changes: pattern.tells_moments_apart(&rows, texts) || fisher::changes_in_time(&met),
            };
            rows.retain(|row| !pattern.holds(row, texts));
            let cause = Cause {
                destination,
                pattern: pattern.subject(),
                condition: pattern.text(&BTreeMap::new()),
                text: pattern.text(titles),
                missed: i64::try_from(found.missed).unwrap_or(i64::MAX),
                delivered: i64::try_from(found.delivered).unwrap_or(i64::MAX),
                e_value: found.e_value,
                advice: pattern.advice(kind),
            };
            causes.push((cause, takes));
        }
        causes
    }
}

/// One pattern, before it is a row.
struct Cause<'a> {
    destination: &'a str,
    pattern: String,
    condition: String,
    text: String,
    missed: i64,
    delivered: i64,
    e_value: f64,
    advice: String,
}

/// lead_id and destination → outage_id.
type OutageOf<'a> = PlHashMap<(&'a str, &'a str), &'a str>;

fn outage_of(members: &DataFrame) -> Result<OutageOf<'_>> {
    let text = |name: &str| -> Result<&StringChunked> { Ok(members.column(name)?.str()?) };
    let (ids, destinations, outages) = (text("lead_id")?, text("destination")?, text("outage_id")?);
    let rows = ids.iter().zip(destinations.iter()).zip(outages.iter());
    Ok(rows.filter_map(|((id, destination), outage)| Some(((id?, destination?), outage?))).collect())
}

/// The leads of each destination that were missed or delivered, with how crowded their moment was.
fn read_rows<'a>(input: &Input<'a>, texts: &Texts<'a>, settings: &Settings) -> Result<BTreeMap<&'a str, Vec<Row<'a>>>> {
    let frame = input.verdicts.frame();
    let text = |name: &str| -> Result<&'a StringChunked> { Ok(frame.column(name)?.str()?) };
    let (ids, people, destinations) = (text("lead_id")?, text("person_id")?, text("destination")?);
    let (verdicts, reasons, records) = (text("verdict")?, text("reason")?, text("record_id")?);
    let (received, late) = (frame.column("received_at")?.datetime()?.physical(), frame.column("late")?.bool()?);
    // When, which, and the row unless it is on neither side.
    type Moment<'r> = (i64, &'r str, Option<Row<'r>>);
    let mut all: BTreeMap<&str, Vec<Moment>> = BTreeMap::new();
    for row in 0..frame.height() {
        let (Some(id), Some(destination), Some(at)) = (ids.get(row), destinations.get(row), received.get(row)) else {
            continue;
        };
        if destination.is_empty() {
            continue;
        }
        let missed = verdicts.get(row) == Some(verdict::MISSED);
        // What proves no delivery is on neither side, but takes its place in a burst all the same.
        let matched = verdicts.get(row) == Some(verdict::MATCHED);
        // Imported later: the search for outages takes it for lost, so it may want an explanation too.
        let late = matched && late.get(row) == Some(true);
        let delivered = matched && reasons.get(row) != Some(reason::PERSON_KNOWN) && !late;
        // What may still arrive is on neither side, but the search for outages wants to know what would take it anyhow.
        let pending = verdicts.get(row) == Some(verdict::PENDING);
        let kept = (missed || delivered || late || pending).then(|| texts.lead(id)).flatten().map(|lead| {
            let mut kept = Row::new((row, id), lead, people.get(row), at, missed || late, settings.timezone);
            (kept.set_aside, kept.record) = (late || pending, records.get(row));
            kept
        });
        all.entry(destination).or_default().push((at, id, kept));
    }
    let with_loads = |(destination, mut rows): (&'a str, Vec<Moment<'a>>)| {
        rows.sort_by_key(|(at, id, _)| (*at, *id));
        let times: Vec<i64> = rows.iter().map(|(at, _, _)| *at).collect();
        let loads = conditions::loads(&times, settings.timezone);
        let kept = rows.into_iter().enumerate().filter_map(|(position, (_, _, row))| {
            let mut row = row?;
            for (load, window) in row.loads.iter_mut().zip(&loads) {
                *load = window.get(position).copied().unwrap_or(0);
            }
            Some(row)
        });
        (destination, kept.collect())
    };
    Ok(all.into_par_iter().map(with_loads).collect())
}

/// The condition with the smallest p-value, if it is small enough and says enough.
fn most_telling(families: &[Family], rows: &[Row], texts: &Texts, tests: usize) -> Option<PatternFound> {
    let whole = Contrast::of(rows.iter());
    let mut best: Option<(f64, Condition, usize, usize)> = None;
    let counted: Vec<_> = families.par_iter().map(|family| family.conditions(rows, texts)).collect();
    for conditions in counted {
        for (condition, missed, delivered) in conditions {
            let Some(p) = whole.ln_p(missed, delivered) else { continue };
            // Strictly better: of equals the first, and families stand from the plain to the far-fetched.
            if best.as_ref().is_none_or(|(least, ..)| p < *least - 1e-9) {
                best = Some((p, condition, missed, delivered));
            }
        }
    }
    let (p, condition, missed, delivered) = best?;
    let e_value = e_value(p, tests);
    (e_value <= ALPHA).then(|| PatternFound { pattern: Pattern::one(condition), missed, delivered, e_value })
}

/// The verdicts with their final reasons.
fn reconciliation(
    verdicts: &Table<Verdicts>,
    outages: &OutageOf,
    explained: &PlHashMap<usize, f64>,
) -> Result<Table<Reconciliation>> {
    let mut frame = verdicts.frame().clone();
    let text = |name: &str| -> Result<&StringChunked> { Ok(verdicts.frame().column(name)?.str()?) };
    let (ids, destinations) = (text("lead_id")?, text("destination")?);
    let (found, reasons) = (text("verdict")?, text("reason")?);
    let mut final_reasons = StringChunkedBuilder::new("reason".into(), frame.height());
    let mut outage_ids = StringChunkedBuilder::new("outage_id".into(), frame.height());
    for row in 0..frame.height() {
        let missed = found.get(row) == Some(verdict::MISSED);
        let outage = match (ids.get(row), destinations.get(row)) {
            (Some(id), Some(destination)) if missed => outages.get(&(id, destination)).copied(),
            _ => None,
        };
        outage_ids.append_option(outage);
        final_reasons.append_option(match outage {
            Some(_) => Some(reason::OUTAGE),
            None if missed && explained.contains_key(&row) => Some(reason::CAUSE),
            None if missed => Some(reason::ISOLATED),
            None => reasons.get(row),
        });
    }
    frame.with_column(final_reasons.finish().into_column())?;
    frame.with_column(outage_ids.finish().into_column())?;
    Table::new(frame.drop("late")?.drop("trial")?)
}

fn explained_frame(verdicts: &Table<Verdicts>, explained: &PlHashMap<usize, f64>) -> Result<DataFrame> {
    let shares: Vec<Option<f64>> = (0..verdicts.height()).map(|row| explained.get(&row).copied()).collect();
    let rows: BooleanChunked = shares.iter().map(Option::is_some).collect();
    let mut frame = verdicts.frame().select(["lead_id", "destination"])?;
    frame.with_column(Column::new("share".into(), shares))?;
    Ok(frame.filter(&rows)?)
}

fn into_table(causes: &[Cause]) -> Result<Table<Causes>> {
    let text =
        |name: &str, of: &dyn Fn(&Cause) -> String| Column::new(name.into(), causes.iter().map(of).collect::<Vec<_>>());
    let columns = vec![
        text("destination", &|c| c.destination.to_owned()),
        text("condition", &|c| c.condition.clone()),
        Column::new("missed".into(), causes.iter().map(|c| c.missed).collect::<Vec<_>>()),
        Column::new("delivered".into(), causes.iter().map(|c| c.delivered).collect::<Vec<_>>()),
        Column::new("e_value".into(), causes.iter().map(|c| c.e_value).collect::<Vec<_>>()),
        text("advice", &|c| c.advice.clone()),
        text("text", &|c| c.text.clone()),
    ];
    Table::new(DataFrame::new(causes.len(), columns)?)
}

#[cfg(test)]
mod tests;
