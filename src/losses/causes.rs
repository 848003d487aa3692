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
mod pairs;

use std::collections::BTreeMap;

use chrono_tz::Tz;
use polars::prelude::*;
use rayon::prelude::*;

use self::conditions::{Condition, Family, People, Row, Texts};
use self::pairs::Pattern;
use crate::codes::{Finding, finding, level, reason, verdict};
use crate::config::DestinationKind;
use crate::error::Result;
use crate::tables::{Causes, CrmRecords, Leads, Reconciliation, Table, Verdicts};

/// Expected number of false causes in a run.
const ALPHA: f64 = 0.001;

/// Fewer missed leads are no pattern.
const LEAST_MISSED: usize = 4;

/// A condition under which fewer leads are missed may be true, but explains none of them.
const LEAST_SHARE: f64 = 0.15;

/// How much more often leads must be missed under the condition than otherwise: by this factor,
const LEAST_LIFT: f64 = 3.0;

/// or, where many are missed anyhow, so that this share is lost of those that would have arrived.
const LEAST_GAP: f64 = 0.25;

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
    /// The leads.
    pub leads: &'a Table<Leads>,
    /// The destinations' records, with their people.
    pub crm_records: &'a Table<CrmRecords>,
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
    /// What a person should act on.
    pub findings: Vec<Finding>,
}

/// Finds the causes at every destination.
///
/// # Errors
/// Only if a table does not have its agreed shape.
pub fn find(input: Input, settings: &Settings) -> Result<Found> {
    let texts = Texts::read(input.leads)?;
    let outages = outage_of(input.members)?;
    let mut by_destination = read_rows(&input, &texts, settings)?;
    let people = People::read(input.crm_records)?;
    let mut causes: Vec<Cause> = Vec::new();
    // Row of the verdicts to the share of leads that its cause takes.
    let mut explained: PlHashMap<usize, f64> = PlHashMap::default();

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
        let families = Family::all(rows, &texts);
        searches.push((*destination, kind, families));
    }
    let tests: usize = searches
        .iter()
        .map(|(destination, _, families)| {
            let rows = by_destination.get(destination).map(Vec::as_slice).unwrap_or_default();
            families.iter().map(|f| f.conditions(rows, &texts).len()).sum::<usize>()
        })
        .sum();
    let destinations = searches.len();
    for (destination, kind, families) in &searches {
        let Some(rows) = by_destination.get_mut(destination) else { continue };
        let aside = within_outages.get_mut(destination).map(std::mem::take).unwrap_or_default();
        while let Some(told) = most_telling(families, rows, &texts, tests)
            .map(|told| pairs::refined(told, families, rows, &texts))
            .or_else(|| pairs::most_telling(families, rows, &texts, *kind, destinations))
        {
            let pattern = told.pattern.sharpened(*kind);
            let met: Vec<&Row> = aside.iter().chain(rows.iter()).filter(|row| pattern.holds(row, &texts)).collect();
            // On the safe side, by the rule of succession and with those inside outages: what a cause takes anyhow
            // proves none, and a first search may have taken its worst days for outages.
            let missed = met.iter().filter(|row| row.missed).count();
            let share = as_number(missed + 1) / as_number(missed + told.delivered + 1);
            for row in met {
                explained.entry(row.verdict).and_modify(|known| *known = known.max(share)).or_insert(share);
            }
            rows.retain(|row| !pattern.holds(row, &texts));
            causes.push(Cause {
                destination,
                condition: pattern.text(),
                missed: i64::try_from(told.missed).unwrap_or(i64::MAX),
                delivered: i64::try_from(told.delivered).unwrap_or(i64::MAX),
                e_value: told.e_value,
                advice: pattern.advice(*kind),
            });
        }
    }

    let findings = causes
        .iter()
        .map(|cause| Finding {
            level: level::MAIL,
            code: finding::CAUSE,
            destination: cause.destination.to_owned(),
            text: format!("{} loses leads where {}. {}", cause.destination, cause.condition, cause.advice),
            count: cause.missed,
        })
        .collect();
    Ok(Found {
        reconciliation: reconciliation(input.verdicts, &outages, &explained)?,
        explained: explained_frame(input.verdicts, &explained)?,
        causes: into_table(&causes)?,
        findings,
    })
}

/// One pattern, before it is a row.
struct Cause<'a> {
    destination: &'a str,
    condition: String,
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
    let mut by_destination = BTreeMap::new();
    for (destination, mut rows) in all {
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
        by_destination.insert(destination, kept.collect());
    }
    Ok(by_destination)
}

/// A pattern that passed its test.
struct Told {
    pattern: Pattern,
    missed: usize,
    delivered: usize,
    e_value: f64,
}

/// Missed and delivered leads, and the test of a part of them against the rest.
struct Whole {
    missed: usize,
    delivered: usize,
    factorials: Factorials,
}

impl Whole {
    fn of<'r, 'a: 'r>(rows: impl Iterator<Item = &'r Row<'a>>) -> Self {
        let (missed, delivered) = rows.fold((0, 0), |n, r| if r.missed { (n.0 + 1, n.1) } else { (n.0, n.1 + 1) });
        Whole { missed, delivered, factorials: Factorials::new(missed + delivered) }
    }

    /// ln p of so many missed and delivered under a condition; none where it explains too little to be said.
    fn ln_p(&self, missed: usize, delivered: usize) -> Option<f64> {
        if missed < LEAST_MISSED {
            return None;
        }
        let share = |part: usize, other: usize| as_number(part) / as_number((part + other).max(1));
        let (inside, outside) = (share(missed, delivered), share(self.missed - missed, self.delivered - delivered));
        let says_enough = inside >= LEAST_SHARE
            && (inside >= LEAST_LIFT * outside || inside - outside >= LEAST_GAP * (1.0 - outside));
        says_enough
            .then(|| self.factorials.ln_tail(missed, missed + delivered, self.missed, self.missed + self.delivered))
    }
}

/// The condition with the smallest p-value, if it is small enough and says enough.
fn most_telling(families: &[Family], rows: &[Row], texts: &Texts, tests: usize) -> Option<Told> {
    let whole = Whole::of(rows.iter());
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
    (e_value <= ALPHA).then(|| Told { pattern: Pattern::one(condition), missed, delivered, e_value })
}

/// Expected number of conditions as telling as one of this ln p, among so many. Conditions alone and pairs have half
/// of the bound each.
fn e_value(p: f64, tests: usize) -> f64 {
    (p + as_number(tests.max(1) * 2).ln()).exp()
}

#[expect(clippy::cast_precision_loss, reason = "counts of leads are far below 2^52")]
fn as_number(count: usize) -> f64 {
    count as f64
}

/// Logarithms of factorials, summed in order so that they are the same everywhere.
struct Factorials(Vec<f64>);

impl Factorials {
    fn new(most: usize) -> Self {
        let mut sum = 0.0;
        let rest = (1..=most).map(|n| {
            sum += as_number(n).ln();
            sum
        });
        Factorials(std::iter::once(0.0).chain(rest.collect::<Vec<_>>()).collect())
    }

    fn ln(&self, n: usize) -> f64 {
        self.0.get(n).copied().unwrap_or(f64::INFINITY)
    }

    fn ln_choose(&self, n: usize, k: usize) -> f64 {
        self.ln(n) - self.ln(k) - self.ln(n - k)
    }

    /// ln P(X ≥ `seen`), X hypergeometric: of `all` leads `missed` are missed, `drawn` are under the condition.
    fn ln_tail(&self, seen: usize, drawn: usize, missed: usize, all: usize) -> f64 {
        let delivered = all - missed;
        let term =
            |x: usize| self.ln_choose(missed, x) + self.ln_choose(delivered, drawn - x) - self.ln_choose(all, drawn);
        let first = term(seen);
        // Beyond the mode terms fall geometrically; relative to the first, so that nothing underflows.
        let mut sum = 0.0;
        for x in seen..=drawn.min(missed) {
            let part = (term(x) - first).exp();
            sum += part;
            if part < 1e-15 * sum {
                break;
            }
        }
        (first + sum.ln()).min(0.0)
    }
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
    ];
    Table::new(DataFrame::new(causes.len(), columns)?)
}

#[cfg(test)]
mod tests;
