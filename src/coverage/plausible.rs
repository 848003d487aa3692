//! Whether the misses that nothing explains are as few as they are beside complete exports.
//!
//! Complete exports leave two leads in a thousand without a record for no reason that anybody could find. Where an export
//! lacks what complete ones show, and far more look lost by themselves, it is the export: those are held back, `pending`
//! and told, until it is complete or the publisher says that it is (design: what an export can speak for). Outages go on,
//! and so do causes that begin or end: contrast in time is no matter of what an export leaves out.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::binomial::tail;
use crate::codes::{finding, reason, verdict};
use crate::config::Destination;
use crate::coverage::lacking::Shown;
use crate::error::Result;
use crate::findings::{AboutExport, Finding};
use crate::tables::{Coverage, Findings, Reconciliation, Table};

/// A destination whose export is probably not complete.
#[derive(Clone, Debug)]
pub struct Gated {
    /// Name of the destination.
    pub destination: String,
    /// Genuine events without a record that nothing explains.
    pub missed: usize,
    /// Genuine events matched, or without a record that nothing explains.
    pub tried: usize,
    /// What it shows.
    shown: Option<Shown>,
}

impl Gated {
    /// The headline.
    pub fn finding(&self) -> Finding {
        let limits = self.shown.and_then(Shown::limits);
        Finding::page(
            &self.destination,
            AboutExport::NotComplete { missed: self.missed, of: self.tried, limits },
            self.missed,
        )
    }
}

/// What was lost, as far as it is judged here.
#[derive(Clone, Copy)]
pub struct Lost<'a> {
    /// The verdicts with their reasons.
    pub reconciliation: &'a Table<Reconciliation>,
    /// Their rows that a cause explains which neither begins nor ends.
    pub timeless: &'a BTreeSet<usize>,
}

/// Fewer events than this prove nothing about an export.
const FEWEST: usize = 20;
/// How likely chance alone may be.
const ALPHA: f64 = 0.001;
/// Isolated misses beside complete exports are two in a thousand; more than twice as many are not left to chance.
const COMPLETE: f64 = 0.005;
/// Of leads that were deleted before any export showed them there may be more.
const WITHOUT_DELETED: f64 = 0.03;
/// An export that seems to lack nothing is of another CRM, or filtered by what nobody thought of.
const ANY: f64 = 0.2;

/// Destinations whose isolated misses are implausibly many, and what their share is at every believed destination, for the
/// history. `past`: that share in the last report that believed it.
///
/// # Errors
/// When the tables lack a column: a fault of ours.
#[expect(clippy::cast_precision_loss, reason = "counts of events")]
pub fn gates(
    lost: Lost,
    coverage: &Table<Coverage>,
    destinations: &[Destination],
    past: &BTreeMap<String, f64>,
    as_of: NaiveDate,
) -> Result<(Vec<Gated>, BTreeMap<String, f64>)> {
    #[derive(Default)]
    struct Counts {
        matched: usize,
        isolated: usize,
        timeless: usize,
        missed: usize,
    }
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    let table = lost.reconciliation;
    let rows = table.texts("destination")?.into_iter().zip(table.texts("verdict")?).zip(table.texts("reason")?);
    for (row, ((name, verdict), reason)) in rows.enumerate() {
        let counts = counts.entry(name.unwrap_or_default()).or_default();
        counts.missed += usize::from(verdict == Some(verdict::MISSED));
        match (verdict, reason) {
            (Some(verdict::MATCHED), _) => counts.matched += 1,
            (Some(verdict::MISSED), Some(reason::ISOLATED)) => counts.isolated += 1,
            (Some(verdict::MISSED), Some(reason::CAUSE)) if lost.timeless.contains(&row) => counts.timeless += 1,
            _ => {}
        }
    }
    let mut gated = Vec::new();
    let mut shares = BTreeMap::new();
    for destination in destinations {
        let Some(counts) = counts.get(destination.name.as_str()) else { continue };
        let shown = Shown::of(coverage, destination)?;
        // Who is whose, and what became of them, goes with country, company and offer: a cause may be the filter's.
        let hides = shown.is_some_and(Shown::hides_many);
        // Of a view in which most leads have no record, a stretch with fewer still is no outage to call anybody about.
        let shows_few = hides && counts.missed > counts.matched;
        let missed = match hides {
            true if shows_few => counts.missed,
            true => counts.isolated + counts.timeless,
            false => counts.isolated,
        };
        let tried = counts.matched + missed;
        let usual = shown.map_or(ANY, |shown| {
            if hides {
                COMPLETE
            } else if shown.lacks_any() {
                WITHOUT_DELETED
            } else {
                ANY
            }
        });
        let usual = past.get(&destination.name).map_or(usual, |past| usual.max(2.0 * past)).min(ANY);
        if destination.is_believed_on(as_of) || tried < FEWEST || tail(missed, tried, usual) > ALPHA {
            if tried > 0 {
                shares.insert(destination.name.clone(), counts.isolated as f64 / tried as f64);
            }
            continue;
        }
        gated.push(Gated { destination: destination.name.clone(), missed, tried, shown });
    }
    Ok((gated, shares))
}

/// Whether a published report held this destination back.
///
/// # Errors
/// When the table lacks a column: a fault of ours.
pub fn is_gated(findings: &Table<Findings>, destination: &str) -> Result<bool> {
    let mut found = findings.texts("code")?.into_iter().zip(findings.texts("destination")?);
    let is_held = |code| matches!(code, Some(finding::EXPORT_INCOMPLETE | finding::EXPORT_DOUBTFUL));
    Ok(found.any(|(code, about)| is_held(code) && about == Some(destination)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Complete;
    use crate::reconcile::tests::{Cell, Value, destination, table};

    /// One destination of which so many leads matched, were missed in an outage, by a timeless cause, and otherwise.
    #[derive(Clone, Copy, Default)]
    struct Case {
        matched: usize,
        in_outage: usize,
        of_cause: usize,
        isolated: usize,
        past: Option<f64>,
        complete: Option<Complete>,
        lacks: &'static [&'static str],
    }

    fn gated(case: Case) -> Vec<Gated> {
        let Case { matched, in_outage, of_cause, isolated, .. } = case;
        let line = |n: usize| -> Vec<Cell> {
            let (verdict, reason) = match n {
                n if n < matched => ("matched", "delivered"),
                n if n < matched + in_outage => ("missed", "outage"),
                n if n < matched + in_outage + of_cause => ("missed", "cause"),
                _ => ("missed", "isolated"),
            };
            vec![
                ("lead_id", Value::Text(format!("{n:04}"))),
                ("destination", "crm".into()),
                ("verdict", verdict.into()),
                ("reason", reason.into()),
            ]
        };
        let lines: Vec<Vec<Cell>> = (0..matched + in_outage + of_cause + isolated).map(line).collect();
        let has = |what: &str| Value::Flag(!case.lacks.contains(&what));
        let coverage = vec![
            ("destination", "crm".into()),
            ("owners", Value::Count(if case.lacks.contains(&"owners") { 1 } else { 4 })),
            ("records", Value::Count(70)),
            ("has_converted", has("converted")),
            ("has_closed", has("closed")),
            ("has_deleted", has("deleted")),
        ];
        let mut crm = destination();
        crm.complete = case.complete;
        let past = case.past.map(|share| ("crm".to_owned(), share)).into_iter().collect();
        let reconciliation = table(&lines);
        let lost = Lost { reconciliation: &reconciliation, timeless: &(0..lines.len()).collect() };
        gates(lost, &table(&[coverage]), &[crm], &past, "2026-05-03".parse().unwrap()).unwrap().0
    }

    #[test]
    fn isolated_misses_are_held_back_where_they_are_too_many_for_what_the_export_lacks() {
        let of = |matched, isolated, lacks| Case { matched, isolated, lacks, ..Case::default() };
        assert!(gated(of(990, 10, &["converted"])).is_empty(), "one in a hundred may be chance");
        let held = gated(of(970, 30, &["converted"]));
        assert_eq!((held[0].missed, held[0].tried, held[0].finding().level), (30, 1000, crate::codes::level::PAGE));
        assert_eq!(gated(of(970, 30, &["owners"])).len(), 1);
        assert!(gated(of(970, 30, &["deleted"])).is_empty() && gated(of(970, 30, &[])).is_empty());
        assert_eq!(gated(of(900, 100, &["deleted"])).len(), 1);
        assert!(gated(of(850, 150, &[])).is_empty(), "it lacks nothing");
        assert_eq!(gated(of(700, 300, &[])).len(), 1, "but no CRM leaves out three in ten");
        assert!(gated(of(5, 14, &["owners"])).is_empty(), "nineteen leads prove nothing about an export");
    }

    #[test]
    fn outages_the_past_and_the_publisher_explain_what_an_export_seems_to_lack() {
        let case = Case { matched: 970, isolated: 30, lacks: &["converted"], ..Case::default() };
        assert!(gated(Case { isolated: 5, in_outage: 25, ..case }).is_empty());
        assert_eq!(gated(Case { isolated: 5, of_cause: 25, ..case }).len(), 1, "a cause may be the filter's");
        assert_eq!(gated(Case { matched: 100, isolated: 0, in_outage: 300, ..case })[0].missed, 300, "most leads");
        assert!(gated(Case { past: Some(0.02), ..case }).is_empty());
        assert!(gated(Case { complete: Some(Complete::Always), ..case }).is_empty());
        let day = |day: &str| Some(Complete::On(day.parse().unwrap()));
        assert!(gated(Case { complete: day("2026-05-03"), ..case }).is_empty());
        assert_eq!(gated(Case { complete: day("2026-05-02"), ..case }).len(), 1);
    }
}
